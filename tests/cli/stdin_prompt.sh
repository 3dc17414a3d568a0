# SPDX-License-Identifier: MIT
# A pipe is the prompt, or the end of it; files too; one newline at the end is dropped.
run() { "$LUTRA" run -m "$TINY" -n 8 --temp 0 --display-prompt "$@"; }
want=$(run -p "KING RICHARD:" </dev/null)
[ "$(echo 'KING RICHARD:' | run)" = "$want" ] && echo stdin
[ "$(echo 'KING RICHARD:' | run -f -)" = "$want" ] && echo dash
[ "$(printf ' RICHARD:' | run -p KING)" = "$want" ] && echo both
file=$(mktemp)
echo 'KING RICHARD:' >"$file"
[ "$(run -f "$file" </dev/null)" = "$want" ] && echo file
[ "$(run -p 'KING\x20RICHARD:' </dev/null)" = "$want" ] && echo escape
[ "$(run -p 'KING\x20RICHARD:' --no-escape </dev/null)" != "$want" ] && echo no escape
rm -f "$file"
