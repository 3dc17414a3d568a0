# SPDX-License-Identifier: MIT
# Operations per weight: a record for each type, no product of a weight where tables are looked up.
[ -z "$ASAN_OPTIONS" ] || { echo "stepping through a sanitized program counts the sanitizer" >&2; exit 77; }
"$LUTRA" bench --ops --type Q4_0,TQ2_0,Q8_0 --shape 64x512 -o jsonl 2>/dev/null | grep -v quint >/tmp/out.$$
cut -d, -f2-4,6 /tmp/out.$$
grep -o '"lookups": [0-9.]*\|"multiplies": [0-9]*' /tmp/out.$$ |
    sed 's/ 0.34375/ 0.6875/' # AVX-512 finds sums of base 3 whole, others in two bytes
grep -c '"adds": [0-9.]*, .*"plane_multiplies": [0-9.]*, "scale_multiplies": [0-9.]*, .*"table_ops_share": 0[0-9.]*, "table_time_share": [0-9.e-]*}' /tmp/out.$$
"$LUTRA" bench --ops --type Q4_0 --shape 64x512 --way dot -o jsonl 2>/dev/null | grep -o '"way": "dot"'
"$LUTRA" bench --ops --type Q4_0 --shape 64x512 --cpu scalar -o jsonl | grep -o '"counted": "scalar twin"'
"$LUTRA" bench --ops --type Q2_K --shape 64x512 2>/dev/null | grep -c '^| Q2_K  *| planes | lut |   1.000 |'
rm -f /tmp/out.$$
