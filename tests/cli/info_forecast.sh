# SPDX-License-Identifier: MIT
# What a file would take to run here; not asked for, it is not measured.
"$LUTRA" info "$TINY" | sed -n 's/^\(memory to run it: \)[0-9].*/\1ok/p; s/^\(expected here: about \)[0-9.]* tokens.s.*/\1ok/p'
"$LUTRA" info "$TINY" --no-forecast | grep -c 'expected here' || true
# a vocabulary alone is no model: nothing to foretell
"$LUTRA" info tests/data/vocab-bpe.gguf | grep -c 'to run it' || true
