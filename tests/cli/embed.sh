# SPDX-License-Identifier: MIT
# Vectors of texts from a model that generates: one per line of stdin, -p or -f, in llama-embedding's formats.
embed() { "$LUTRA" embed -m "$TINY" "$@"; }
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
printf 'My lord\nGood night\nMy lord' >"$dir/texts"
embed -f "$dir/texts" --embd-output-format raw >"$dir/raw"
awk '{ print NF; for (i = s = 0; i++ < NF;) s += $i * $i; printf "%.3f\n", s }' "$dir/raw"
[ "$(sed -n 1p "$dir/raw")" = "$(sed -n 3p "$dir/raw")" ] && echo equal
same() { cmp -s - "$dir/raw" && echo same; }
embed --embd-output-format raw <"$dir/texts" 2>&1 | same
embed -p 'My lord\nGood night\nMy lord' --embd-output-format raw -b 1 -t 2 | same
embed -p 'My lord;;Good night;;My lord' --embd-separator ';;' --embd-output-format raw --kernels dot | same
printf 'My lord\nGood night\nMy lord\n' | embed -f - --embd-output-format raw --cpu scalar | same
# pooling
n=$("$LUTRA" tokenize -m "$TINY" -p 'Good night' | wc -w)
[ "$(embed -p 'Good night' --pooling none --embd-output-format raw | wc -l)" -eq "$n" ] && echo all
[ "$(embed -p 'Good night' --pooling none --embd-output-format raw | tail -n 1)" = "$(embed -p 'Good night' --embd-output-format raw)" ] && echo last
[ "$(embed -p 'Good night' --pooling none --embd-output-format raw | head -n 1)" = "$(embed -p 'Good night' --pooling cls --embd-output-format raw)" ] && echo first
# other lengths: the largest is 32760, magnitudes sum to 1, so do cubes
norm() { embed -p 'Good night' --embd-output-format raw --embd-normalize "$1"; }
norm 0 | tr ' ' '\n' | tr -d - | sort -n | tail -n 1
norm 1 | tr ' ' '\n' | awk '{ s += $1 < 0 ? -$1 : $1 } END { printf "%.3f\n", s }'
norm 3 | tr ' ' '\n' | awk '{ x = $1 < 0 ? -$1 : $1; s += x * x * x } END { printf "%.3f\n", s }'
[ "$(norm -1)" != "$(norm 2)" ] && echo longer
# shapes
embed --embd-output-format array <"$dir/texts" | sed 's/-*[0-9]\.[0-9]*/@/g; s/\(@,\)*@/v/g'
embed --embd-output-format json <"$dir/texts" | sed 's/-*[0-9]\.[0-9]*/@/g; s/\(@,\)*@/v/g'
embed --embd-output-format json+ <"$dir/texts" | sed -n '/cosine/,$p' | sed 's/0\.[0-9]*/x/g'
embed <"$dir/texts" | sed 's/-*[0-9]\.[0-9]\{6\}/x/g; s/0\.[0-9]*/y/g; s/  *$//; s/  */ /g'
embed -p 'My lord' | wc -w
# what goes wrong
try() {
    code=0
    "$LUTRA" embed "$@" 2>&1 >/dev/null </dev/null || code=$?
    echo "exit $code"
}
try -p x
try -m "$TINY" -p x --pooling rank
try -m "$TINY" -p x --attention causal
try -m "$TINY" -p 'Good night, good night! parting is such sweet sorrow' -c 4
try -m "$TINY" -f "$dir/none" | sed "s|$dir/||"
try -m "$TINY" -p '' | tail -n 2
