# SPDX-License-Identifier: MIT
# Help goes to stdout and exits 0, for the program and for each command; the table is complete.
"$LUTRA" --help | grep -c '^  lutra '
for command in chat run info embed tokenize doctor; do
    "$LUTRA" $command --help | sed -n '1s/ [^ ]*$//;1s/^\(usage: lutra [a-z]*\).*/\1/p'
done
# every line fits a terminal
"$LUTRA" run --help | awk 'length > 100 { print "too long: " $0 }'
