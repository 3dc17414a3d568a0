# SPDX-License-Identifier: MIT
# Command lines: each tests/cli/NAME.sh runs with sh -e; its stdout equals NAME.stdout if that exists, its exit code
# NAME.exit (0 if there is none).

group_cli() {
    local script name want code
    for script in tests/cli/*.sh; do
        name=$(basename "$script" .sh)
        want=0
        [ -f "tests/cli/$name.exit" ] && want=$(cat "tests/cli/$name.exit")
        XDG_CACHE_HOME=$tmp/cache sh -e "$script" >"$tmp/cli" 2>"$tmp/cli.err" </dev/null
        code=$?
        if [ $code -eq 77 ]; then skip "cli/$name: $(tail -n 1 "$tmp/cli.err")"
        elif [ $code -ne "$want" ]; then
            fail "cli/$name: exit $code, expected $want"
            tail -n 4 "$tmp/cli.err"
        elif [ -f "tests/cli/$name.stdout" ] && ! cmp -s "$tmp/cli" "tests/cli/$name.stdout"; then
            fail "cli/$name: other output"
            diff "tests/cli/$name.stdout" "$tmp/cli" | head -n 6
        else pass; fi
    done
}
