# SPDX-License-Identifier: MIT
# A seed fixes the text; --display-prompt puts the prompt in front; -n 0 generates nothing.
a=$("$LUTRA" run -m "$TINY" -p "My lord" -n 24 --temp 1.2 -s 7 </dev/null)
b=$("$LUTRA" run -m "$TINY" -p "My lord" -n 24 --temp 1.2 --seed 7 </dev/null)
c=$("$LUTRA" run -m "$TINY" -p "My lord" -n 24 --temp 1.2 --seed 8 --display-prompt </dev/null)
[ "$a" = "$b" ] && echo same
[ "My lord$a" != "$c" ] && echo other
case $c in "My lord"*) echo shown ;; esac
"$LUTRA" run -m "$TINY" -p "My lord" -n 0 </dev/null | wc -c
"$LUTRA" run -m "$TINY" -p "My lord" -n 0 --display-prompt </dev/null
