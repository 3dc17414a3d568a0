# SPDX-License-Identifier: MIT
# --prompt-cache: the same text with and without, fewer tokens read the second time; a file of another kind is refused
# and stays; -ro writes nothing; a full disk is told.
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
run() { "$LUTRA" run -m "$TINY" -p "Now is the winter of our discontent" -n 12 --temp 0.7 --seed 5 "$@" </dev/null; }
plain=$(run)
[ "$(run --prompt-cache "$dir/a" --prompt-cache-ro)" = "$plain" ] && [ ! -e "$dir/a" ] && echo "-ro writes nothing"
[ "$(run --prompt-cache "$dir/a")" = "$plain" ] && [ -s "$dir/a" ] && echo "first run: written"
[ "$(run --prompt-cache "$dir/a")" = "$plain" ] && echo "second run: same text"
small=$(wc -c <"$dir/a")
[ "$(run --prompt-cache "$dir/a" --prompt-cache-all)" = "$plain" ] && [ "$(wc -c <"$dir/a")" -gt "$small" ] && echo "all: larger"
[ "$(run --prompt-cache "$dir/a" -t 1 --cpu scalar)" = "$plain" ] && echo "another level: same text"
echo nonsense >"$dir/b"
code=0
run --prompt-cache "$dir/b" 2>"$dir/err" || code=$?
grep -c 'damaged at byte' "$dir/err"
echo "exit $code, $(cat "$dir/b")"
code=0
run --prompt-cache "$dir/a" -c 8 -n 1 2>"$dir/err" >"$dir/out" || code=$?
grep -c 'this context has room for 8' "$dir/err"
code=0
run --prompt-cache "$dir/no/such" 2>"$dir/err" >"$dir/out" || code=$?
grep -c 'no/such' "$dir/err"
echo "exit $code"
ls -A "$dir" | tr '\n' ' '
