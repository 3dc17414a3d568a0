# SPDX-License-Identifier: MIT
# A chat in a pipe answers once and ends; without a template it says so.
echo 'My lord' | "$LUTRA" chat "$TINY" -n 8 --temp 0 2>/tmp/err.$$ >/tmp/out.$$
cat /tmp/err.$$
[ -s /tmp/out.$$ ] && echo text
"$LUTRA" "$TINY" -p 'My lord' -n 8 --temp 0 </dev/null 2>/dev/null | cmp - /tmp/out.$$ && echo same
"$LUTRA" run -m "$TINY" -cnv -p 'My lord' -n 8 --temp 0 </dev/null 2>/dev/null | cmp - /tmp/out.$$ && echo same
rm -f /tmp/err.$$ /tmp/out.$$
