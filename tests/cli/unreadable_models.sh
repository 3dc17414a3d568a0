# SPDX-License-Identifier: MIT
# Files that are no models: exit 3, one line on stderr that names the file, nothing on stdout.
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
: >"$dir/empty.gguf"
head -c 1000 "$TINY" >"$dir/short.gguf"
head -c 900000 "$TINY" >"$dir/cut.gguf"
printf 'GGUF\001\000\000\000' >"$dir/v1.gguf"
printf 'not a model\n' >"$dir/text.gguf"
mkfifo "$dir/fifo.gguf"
for file in missing.gguf empty.gguf short.gguf cut.gguf text.gguf fifo.gguf .; do
    for command in 'run -p x -m' chat info 'tokenize -m'; do
        code=0
        out=$("$LUTRA" $command "$dir/$file" 2>"$dir/err" </dev/null) || code=$?
        [ $code -eq 3 ] || echo "$command $file: exit $code"
        [ "$(wc -l <"$dir/err")" -eq 1 ] || echo "$command $file: $(cat "$dir/err")"
        grep -qF "$file" "$dir/err" || echo "$command $file is not named: $(cat "$dir/err")"
        [ -z "$out" ] || echo "$command $file: $out"
    done
done
code=0
"$LUTRA" info "$dir/v1.gguf" 2>/dev/null || code=$?
[ $code -eq 3 ] || [ $code -eq 4 ] || echo "v1: exit $code"
