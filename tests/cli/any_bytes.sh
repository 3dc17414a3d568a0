# SPDX-License-Identifier: MIT
# NUL bytes and invalid UTF-8 are a prompt like any other.
for text in 'a\000b' '\000' '\377\376' '\300\200' '\355\240\200' '\364\220\200\200' '\r\n\r' '\357\273\277x'; do
    printf "$text" | "$LUTRA" run -m "$TINY" -n 2 --temp 0 --display-prompt >/tmp/out.$$ || echo "exit $? for $text"
    printf "$text" >/tmp/in.$$
    head -c "$(wc -c </tmp/in.$$)" /tmp/out.$$ | cmp - /tmp/in.$$
done
rm -f /tmp/out.$$ /tmp/in.$$
