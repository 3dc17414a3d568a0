# SPDX-License-Identifier: MIT
# t(N): a row for every size, the worst step named, a record, a picture.
"$LUTRA" bench "$TINY" --curve -p 1-4,8 -r 2 -t 1 >/tmp/out.$$
grep '^|  ' /tmp/out.$$ | cut -d'|' -f2 | tr -d '\n'
echo
grep -c '^worst step: of [2-8], a token takes [0-9.]* x its time of [1-4] ' /tmp/out.$$
# one round alone has no interval
"$LUTRA" bench "$TINY" --curve -p 1,2 -r 1 -t 1 >/tmp/out.$$
grep -o '|  *n/a -  *n/a |' /tmp/out.$$ | tr -s ' '
! grep nan /tmp/out.$$
# every number of threads has a curve, however many other tests are asked for
"$LUTRA" bench "$TINY" --curve -p 1,2 -n 1,2 -r 1 -t 1,2,1 -o jsonl | sed 's/.*, \([0-9] thread\)/\1/; s/".*//'
"$LUTRA" bench --kernels --curve --type Q4_0,Q8_0,Q1_0 --shape 64x512 --vectors 1-3 -r 2 -o jsonl --svg /tmp/svg.$$ >/tmp/out.$$
grep -o '"curve": "[^,]*, 64x512\|"n": \[1, 2, 3\], "ns": \[[0-9.]*, [0-9.]*, [0-9.]*\]' /tmp/out.$$ | sed 's/"ns".*//; s/dense/planes/' # as the level has them
grep -c '"worst_step": [0-9.]*, "worst_n": [23]}' /tmp/out.$$
grep -c '<polyline' /tmp/svg.$$
code=0
"$LUTRA" bench "$TINY" --curve -p 4,2 2>&1 || code=$?
echo $code
rm -f /tmp/out.$$ /tmp/svg.$$
