# SPDX-License-Identifier: MIT
# One screen; every level that can run here computes what scalar computes; the choice by type, and by tensor.
"$LUTRA" doctor >/tmp/out.$$
grep -c '^cpu \|^features \|^kernels \|^threads \|^memory \|^reading \|^thermal \|^weights ' /tmp/out.$$
[ "$(wc -l </tmp/out.$$)" -le 40 ] || echo "more than a screen"
[ "$(awk 'length > 100' /tmp/out.$$ | wc -l)" -eq 0 ] || awk 'length > 100' /tmp/out.$$
"$LUTRA" doctor --levels | head -n 1
for level in $("$LUTRA" doctor --levels); do
    grep -q "$level  *ok" /tmp/out.$$ || echo "$level: not ok"
done
grep -c ' for single tokens' /tmp/out.$$
# every low-bit type is named once, but ternary ones: in base 3 and as planes
for type in Q4_0 Q4_1 Q5_0 Q5_1 Q8_0 Q2_K Q3_K Q4_K Q5_K Q6_K TQ1_0 TQ2_0 Q1_0 Q2_0 F16; do
    grep -qw "$type" /tmp/out.$$ || echo "$type: no word of it"
done
"$LUTRA" doctor "$TINY" >/tmp/out.$$
[ "$(wc -l </tmp/out.$$)" -le 40 ] || echo "more than a screen"
[ "$(awk 'length > 100' /tmp/out.$$ | wc -l)" -eq 0 ] || awk 'length > 100' /tmp/out.$$
grep -o 'attn_q *4 of TQ2_0  *256x256  base 3\|ffn_down *4 of TQ2_0  *256x512  base 3\|output *1 of Q8_0  *1024x256  int8' /tmp/out.$$ | tr -s ' '
"$LUTRA" doctor "$TINY" --head q4 --kernels deq | grep -o 'output *1 of Q4_K .*\|^head .*\|attn_q .*' | tr -s ' ' |
    sed 's|base 3 [0-9]* KiB|base 3|; s/4 bits/4 planes/' # as the level has them
code=0
"$LUTRA" doctor --head q4 2>&1 || echo $?
"$LUTRA" doctor no/such.gguf 2>&1 || code=$?
echo $code
rm -f /tmp/out.$$
