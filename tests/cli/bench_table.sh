# SPDX-License-Identifier: MIT
# llama-bench's columns stand first, in its words; every combination is a row.
"$LUTRA" bench "$TINY" -p 8,16 -n 2 -pg 8,2 -d 0,4 -t 1-2 -r 2 >/tmp/out.$$
head -n 2 /tmp/out.$$ | cut -d'|' -f2-8 | tr -s ' -'
sed -n '3,$p' /tmp/out.$$ | grep '^|' | cut -d'|' -f6,7 | tr -s ' '
grep -c '^| bitnet-b1.58 3M TQ2_0  *|    887 KiB |     2.63 M | CPU ' /tmp/out.$$
# the model is smaller than any cache: no share of memory bandwidth
grep -c '|   cached |' /tmp/out.$$
"$LUTRA" bench -m "$TINY" -p 4 -n 0 -b 64 -ub 2 -r 1 -t 1 | sed -n 1p | grep -o 'n_batch | n_ubatch'
rm -f /tmp/out.$$
