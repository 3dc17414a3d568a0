# SPDX-License-Identifier: MIT
# Flags of other programs are accepted, take their values, say one line, and change nothing.
plain=$("$LUTRA" run -m "$TINY" -p KING -n 8 --temp 0 </dev/null)
other=$("$LUTRA" run -ngl 99 -m "$TINY" -fa on -p KING -fa -ub 64 -n 8 --mlock --temp 0 </dev/null 2>/tmp/err.$$) || true
cat /tmp/err.$$
rm -f /tmp/err.$$
[ "$plain" = "$other" ] || echo "different text"
