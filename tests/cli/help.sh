# SPDX-License-Identifier: MIT
# Help goes to stdout and exits 0, for the program and for each command; the table is complete.
"$LUTRA" --help | grep -c '^  lutra '
for command in chat run info embed tokenize doctor; do
    "$LUTRA" $command --help | sed -n '1s/ [^ ]*$//;1s/^\(usage: lutra [a-z]*\).*/\1/p'
done
# every line fits a terminal and ends without a blank, no heading stands over nothing; one column of explanations
commands=$("$LUTRA" --help | sed -n 's/^  lutra \([a-z]*\) .*/\1/p')
echo $commands
for command in $commands; do "$LUTRA" $command --help; done >/tmp/help.$$
"$LUTRA" --help | tee -a /tmp/help.$$ | awk '/^  lutra / && (substr($0, 39, 1) != " " || substr($0, 40, 1) == " ") { print "out of its column: " $0 }'
awk 'length > 100 { print "too long: " $0 } / $/ { print "ends with a blank: " $0 }
    /^(usage: |Lutra )/ && heading != "" || /^[A-Z][a-z ]*$/ && heading != "" { print "nothing below " heading }
    { heading = /^[A-Z][a-z ]*$/ ? $0 : "" }' /tmp/help.$$
rm -f /tmp/help.$$
