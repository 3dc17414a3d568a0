# SPDX-License-Identifier: MIT
# Completion words need no model.
"$LUTRA" --completion-bash | grep -c "^complete .*--temp .* lutra$"
