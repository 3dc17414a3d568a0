# SPDX-License-Identifier: MIT
# Temperature 0: the same text whatever the threads and batch.
a=$("$LUTRA" run -m "$TINY" -p "KING RICHARD:" -n 24 --temp 0 -t 1 </dev/null)
b=$("$LUTRA" run -m "$TINY" -p "KING RICHARD:" -n 24 --temp 0 -t 2 -b 1 </dev/null)
[ -n "$a" ] && [ "$a" = "$b" ] && echo same
