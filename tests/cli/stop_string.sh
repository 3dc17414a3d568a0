# SPDX-License-Identifier: MIT
# -r ends the text where the string would begin.
all=$("$LUTRA" run -m "$TINY" -p "KING RICHARD:" -n 40 --temp 0 </dev/null)
stop=$(printf '%s' "$all" | tr -d '\n' | cut -c 11-13)
some=$("$LUTRA" run -m "$TINY" -p "KING RICHARD:" -n 40 --temp 0 -r "$stop" -r 'never appears' -r '' </dev/null)
case $some in *"$stop"*) echo "still there" ;; esac
case $all in "$some"*) echo prefix ;; esac
[ ${#some} -lt ${#all} ] && echo shorter
