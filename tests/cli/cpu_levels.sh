# SPDX-License-Identifier: MIT
# The same text at every level.
for level in $("$LUTRA" doctor --levels); do
    "$LUTRA" run -m "$TINY" -p "KING RICHARD:" -n 12 --temp 0 --cpu $level </dev/null | cksum
done | sort -u | wc -l
