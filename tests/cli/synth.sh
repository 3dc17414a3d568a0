# SPDX-License-Identifier: MIT
# Random models: they load and run, the same seed gives the same file, a type that does not fit is refused.
dir=$(mktemp -d)
for type in Q4_0 Q4_1 Q5_0 Q5_1 Q8_0 Q2_K Q3_K Q4_K Q5_K Q6_K TQ1_0 TQ2_0 Q1_0 Q2_0 Q2_0_G128 IQ4_NL MXFP4; do
    "$LUTRA" synth --shape tiny --type $type -o "$dir/m.gguf" >/dev/null
    "$LUTRA" bench -m "$dir/m.gguf" -p 8 -n 2 -r 1 -t 1 -o csv | tail -n +2 | cut -d, -f7,9,15,16
    "$LUTRA" run -m "$dir/m.gguf" -p x -n 4 --temp 0 --ignore-eos >/dev/null 2>"$dir/err" || cat "$dir/err"
done
"$LUTRA" synth --shape tiny --type Q4_0 -o "$dir/a.gguf" | sed 's|.*/||'
"$LUTRA" synth --shape tiny --type Q4_0 -o "$dir/b.gguf" -s 1 >/dev/null
"$LUTRA" synth --shape tiny --type Q4_0 -o "$dir/c.gguf" -s 2 >/dev/null
# the same weights in each layout of I2_S: read as it was written, each says the same
for layout in 128 64 rows4; do
    "$LUTRA" synth --shape tiny --type I2_S --i2s-layout $layout -o "$dir/$layout" >/dev/null
    for as in 128 64 rows4; do
        "$LUTRA" run -m "$dir/$layout" --i2s-layout $as -p x -n 8 --temp 0 --ignore-eos >"$dir/$layout.$as" 2>/dev/null
    done
done
for other in 64.64 rows4.rows4; do cmp "$dir/128.128" "$dir/$other" && echo "128 = $other"; done
for other in 128.64 128.rows4 64.128 rows4.128; do
    cmp -s "$dir/128.128" "$dir/$other" || echo "128 is not $other"
done
"$LUTRA" synth --shape bitnet-3b --type I2_S -o "$dir/no.gguf" 2>&1 || echo $?
cmp "$dir/a.gguf" "$dir/b.gguf" && echo same
cmp -s "$dir/a.gguf" "$dir/c.gguf" || echo other
for words in '--shape bitnet-3b --type TQ2_0' '--shape none --type Q4_0' '--shape tiny --type Q9' '--shape tiny'; do
    code=0
    "$LUTRA" synth $words -o "$dir/no.gguf" 2>&1 || code=$?
    echo $code
done
# a limit on the size of files, a place that cannot be written, no file at all: said, and nothing is left
for out in "$dir/big.gguf" /no/such/m.gguf /dev/full; do
    code=0
    (ulimit -f 200; "$LUTRA" synth --shape tiny --type Q4_0 -o "$out" 2>&1) >"$dir/err" || code=$?
    [ "$(wc -l <"$dir/err")" -eq 1 ] || cat "$dir/err"
    echo $code
done
rm -f "$dir"/err "$dir"/128* "$dir"/64* "$dir"/rows4*
ls "$dir" | tr '\n' ' '
rm -r "$dir"
