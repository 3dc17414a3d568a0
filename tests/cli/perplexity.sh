# SPDX-License-Identifier: MIT
# Windows in which nothing would be scored are refused, as are ids that are none; the smallest window gives a number.
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
echo 'KING RICHARD: My lord, my lord, my lord' >"$dir/text"
"$LUTRA" perplexity -m "$TINY" -f "$dir/text" -c 3 | sed 's/[0-9][0-9]*\.[0-9]*/N/'
for words in "-f $dir/text -c 2" "-f $dir/text -c 1000" "--oracle $dir/far" "--oracle $dir/pair" "--oracle $dir/empty"; do
    printf '5 4294967297\n1.0\n5:-1\n5:-1\n' >"$dir/far"
    printf '5 6\n1.0\n5:-1\n4294967301:-1\n' >"$dir/pair"
    echo >"$dir/empty"
    code=0
    "$LUTRA" perplexity -m "$TINY" $words 2>&1 | sed "s,$dir/,,g" || true
    "$LUTRA" perplexity -m "$TINY" $words >/dev/null 2>&1 || code=$?
    echo $code
done
timeout 20 "$LUTRA" perplexity -m "$TINY" --oracle /dev/zero 2>&1 || echo $?
# a place where no file can be: said in words
"$LUTRA" bench "$TINY" --curve -p 1,2 -r 1 -t 1 --svg /dev/full 2>&1 >/dev/null || echo $?
echo "[]" >"$dir/json"
"$LUTRA" doctor --report /dev/full --bench "$dir/json" 2>&1 >/dev/null || echo $?
