# SPDX-License-Identifier: MIT
# Ctrl-C: what was generated stays on stdout, nothing is said, exit 130.
out=$(mktemp)
trap 'rm -f "$out"' EXIT
# a job in the background starts with SIGINT ignored, and ours would leave it so
env --default-signal=INT "$LUTRA" run -m "$TINY" -p KING --ignore-eos -c 200000 --temp 0 -t 1 </dev/null >"$out" 2>&1 &
pid=$!
until [ -s "$out" ]; do kill -0 $pid; sleep 0.05; done
kill -INT $pid
code=0
wait $pid || code=$?
echo $code
grep -c lutra: "$out" || true
