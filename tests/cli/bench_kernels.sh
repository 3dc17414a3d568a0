# SPDX-License-Identifier: MIT
# Kernels alone: a row for every type that fits the shape; the line through bits; what is not there is said. Codes are
# planes or dense, as the level has them.
"$LUTRA" bench --kernels --shape 40x96 --type Q4_0,Q8_0,Q2_K --vectors 1,5 -o jsonl 2>/tmp/err.$$ | grep -o '"type": "[^,]*, "kind": "[^,]*, "rows": [0-9]*, "cols": [0-9]*, "vectors": [0-9]*' | sed 's/dense/planes/'
cat /tmp/err.$$
"$LUTRA" bench --kernels --shape 33x256 --type TQ2_0 --vectors 1 -o csv | grep -v quint | cut -d, -f3-7 | sed 's/dense/planes/'
"$LUTRA" bench --kernels --bits 2-8 --shape 64x512 -o json --svg /tmp/svg.$$ |
    grep -c '^{.*"bits": \[2, 3, 4, 5, 6, 7, 8\], "ns": \[[0-9.]*\(, [0-9.]*\)\{6\}\], .*"r2": [0-9.e-]*, "slope": [0-9.e-]*, "intercept": [0-9.e-]*}$'
"$LUTRA" bench --kernels --bits 1 --group 32 --shape 33x64 -o json | grep -c '"r2": null'
head -c 5 /tmp/svg.$$
grep -c 'best of all rounds' /tmp/svg.$$
# with a mode it says how models are run: three ways to the same text, and the baseline; before another
# flag and at the end of the line
for mode in auto lut dot deq; do
    "$LUTRA" bench -m "$TINY" -p 4 -n 0 -r 1 -t 1 -o csv --kernels $mode | wc -l | tr -d ' '
done
"$LUTRA" bench --kernels dot -m "$TINY" -p 4 -n 0 -r 1 -t 1 -o jsonl | grep -o '"kernels": "[a-z]*"'
"$LUTRA" bench --shape 16x32 --type Q4_0 --vectors 1 -o csv --kernels | wc -l | tr -d ' '
"$LUTRA" bench --kernels -o csv --shape 16x32 --type Q4_0 --vectors 1 --way dot | wc -l | tr -d ' '
"$LUTRA" bench -m "$TINY" -o csv --shape 16x32 --type Q4_0 --vectors 1 --kernels 2>&1 | grep -o 'no model, it is ignored\|^"[a-z0-9]*",1,"Q4_0"' | cut -d, -f2-
# nothing that could be timed is an error
"$LUTRA" bench --kernels --shape 64x100 --type Q4_0 -o csv 2>&1 >/dev/null || echo "exit $?"
rm -f /tmp/err.$$ /tmp/svg.$$
