# SPDX-License-Identifier: MIT
# Completion scripts need no model; llama.cpp's flag is the bash one.
"$LUTRA" --completion-bash | grep -c -- ' --temp '
for shell in bash zsh fish; do "$LUTRA" completion $shell | grep -c 'bench' | sed 's/^[1-9].*/some/'; done
"$LUTRA" completion tcsh 2>/dev/null || echo $?
