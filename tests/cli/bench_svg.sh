# SPDX-License-Identifier: MIT
# Speed against threads and against context; with neither there is nothing to draw.
"$LUTRA" bench -m "$TINY" -p 8 -n 0 -r 2 -t 1,2 -d 0,8 -o none --svg /tmp/svg.$$
grep -o 'Speed against [a-z]*' /tmp/svg.$$
grep -c '<polyline' /tmp/svg.$$
rm -f /tmp/svg.$$
code=0
"$LUTRA" bench -m "$TINY" -p 8 -n 0 -r 1 -t 1 -o none --svg /tmp/svg.$$ 2>&1 || code=$?
echo $code
ls /tmp/svg.$$ 2>/dev/null || echo "no file"
"$LUTRA" bench -m "$TINY" -p 8 -n 0 -r 1 -t 1 --sustain 1 | sed -n 1p | grep -o 'first t/s |  last t/s'
