# SPDX-License-Identifier: MIT
# doctor's text and bench figures in one file.
dir=$(mktemp -d)
"$LUTRA" doctor --report "$dir/r.md" -m "$TINY"
grep -o '^# .*\|^## .*\|^```.*\|"test_time"\|^cpu ' "$dir/r.md"
echo '{"mine": 1}' >"$dir/b.json"
"$LUTRA" doctor --report "$dir/r.md" --bench "$dir/b.json"
grep -A 1 json "$dir/r.md"
echo 'not json' >"$dir/b.json"
code=0
"$LUTRA" doctor --report "$dir/s.md" --bench "$dir/b.json" 2>"$dir/err" || code=$?
sed "s|$dir|DIR|" "$dir/err"
echo $code
ls "$dir" | tr '\n' ' '
rm -r "$dir"
