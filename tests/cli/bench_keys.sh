# SPDX-License-Identifier: MIT
# Keys of a record, in order; the other formats name the same columns; numbers stand where they are known.
run() { "$LUTRA" bench -m "$TINY" -p 8 -n 0 -r 2 -t 1 "$@" 2>/dev/null; }
run -o json >/tmp/out.$$
grep -o '^    "[a-z0-9_]*"' /tmp/out.$$ | tr -d ' "' | tr '\n' ' '
echo
sed -n 1p /tmp/out.$$
tail -n 1 /tmp/out.$$
grep -c '"bandwidth_share": null\|"n_prompt": 8\|"samples_ts": \[[0-9.]*, [0-9.]*\]\|"ttft_ms": [0-9]\|"cpu_s_per_token": [0-9]\|"int8_share": [0-9n]\|"peak_rss_bytes": [0-9]*,\|"bytes_per_token": [0-9]\|"kernel": "[a-z]' /tmp/out.$$
names=$(grep -o '^    "[a-z0-9_]*"' /tmp/out.$$ | tr -d ' "' | grep -v samples | tr '\n' ',')
[ "$(run -o csv | sed -n 1p)," = "$names" ] || echo "csv has other columns"
run -o csv | sed -n '2p' | grep -o '^"[0-9.]*",0,'
run -o sql | grep -o '^CREATE TABLE IF NOT EXISTS lutra_bench\|^INSERT INTO lutra_bench VALUES'
run -o jsonl -p 4,8 | grep -c '^{"build_commit": .*}$'
# both streams at once
"$LUTRA" bench -m "$TINY" -p 8 -n 0 -r 1 -t 1 -o none -oe jsonl 2>&1 >/tmp/out.$$ | grep -c '^{'
wc -c </tmp/out.$$ | tr -d ' '
rm -f /tmp/out.$$
