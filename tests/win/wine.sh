#!/bin/bash
# SPDX-License-Identifier: MIT
# tests/win/wine.sh PROGRAM.exe [ARGUMENT...]: runs it by $WINE_PROGRAM. Where wine itself lost its server ("wine client
# error:...", which no program prints) that run says nothing of the program: its output is dropped and it is run once
# more; lost again, the exit code is 125 and wine's words are on stderr. On a terminal the caller has to look.
[ ! -t 1 ] || exec "$WINE_PROGRAM" "$@"
kept=$(mktemp -d) || exit 125
trap 'rm -rf "$kept"' EXIT
for try in 1 2; do
    # a file on stdin is read from its beginning each time; one file for both outputs keeps their order
    if [ /dev/stdout -ef /dev/stderr ]; then
        "$WINE_PROGRAM" "$@" </dev/stdin >"$kept/out" 2>&1
        code=$?
        said=$kept/out
    else
        "$WINE_PROGRAM" "$@" </dev/stdin >"$kept/out" 2>"$kept/err"
        code=$?
        said=$kept/err
    fi
    grep -aq '^wine client error:[0-9a-f]*: ' "$said" || break
    lost=$try
done
if [ "${lost:-0}" = 2 ]; then
    cat "$said" >&2
    exit 125
fi
cat "$kept/out"
[ ! -f "$kept/err" ] || cat "$kept/err" >&2
exit $code
