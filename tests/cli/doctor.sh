# SPDX-License-Identifier: MIT
# One screen; every level that can run here computes what scalar computes.
"$LUTRA" doctor >/tmp/out.$$
grep -c '^cpu \|^features \|^kernels \|^threads \|^memory ' /tmp/out.$$
[ "$(wc -l </tmp/out.$$)" -le 24 ] || echo "more than a screen"
"$LUTRA" doctor --levels | head -n 1
for level in $("$LUTRA" doctor --levels); do
    grep -q "$level  *ok" /tmp/out.$$ || echo "$level: not ok"
done
rm -f /tmp/out.$$
