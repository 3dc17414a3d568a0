#!/bin/sh
# SPDX-License-Identifier: MIT
# What a compiled program knows of runtime/lutra.h, in lines: functions as they are declared, sizes of structs, place
# and size of every member, values of constants. tests/golden/abi.txt is what it was; a line that changes or goes
# breaks programs that exist. New ones: CC=cc sh tests/abi.sh >tests/golden/abi.txt
set -eu
cd "$(dirname "$0")/.."
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT

# the header without comments and directives, and one statement a line
awk '
    /^#/ { next }
    {
        line = $0
        out = ""
        while (line != "") {
            if (inside) {
                if (!match(line, /\*\//)) { line = ""; break }
                line = substr(line, RSTART + 2)
                inside = 0
            } else if (match(line, /\/\*/)) {
                out = out substr(line, 1, RSTART - 1) " "
                line = substr(line, RSTART + 2)
                inside = 1
            } else { out = out line; line = "" }
        }
        all = all " " out
    }
    END {
        gsub(/[ \t]+/, " ", all)
        gsub(/; */, ";\n", all)
        gsub(/[{] */, "{\n", all)
        gsub(/, (LUTRA_[A-Z0-9_]+ =)/, ",\n&", all)
        gsub(/\n, LUTRA_/, "\nLUTRA_", all)
        gsub(/ *[}]/, "\n}", all)
        print all
    }' runtime/lutra.h >"$dir/lines"

sed -n 's/^ *LUTRA_API /function /p' "$dir/lines" | sed 's/;$//' | sort -k1,1 -k2

{
    echo '#include "runtime/lutra.h"'
    echo '#include <stdio.h>'
    echo 'int main(void) {'
    awk '
        /^ *typedef struct [a-z_]+ [{]/ { n = 0; inside = 1; next }
        /^[}] / && inside {
            name = $2
            sub(/;.*/, "", name)
            printf "printf(\"struct %s %%zu\\n\", sizeof(%s));\n", name, name
            for (i = 1; i <= n; i++)
                printf "printf(\"member %s.%s at %%zu, %%zu bytes\\n\", offsetof(%s, %s), sizeof(((%s *)0)->%s));\n",
                    name, member[i], name, member[i], name, member[i]
            inside = 0
        }
        inside && /[(][*]/ {
            m = $0
            sub(/^[^(]*[(][*]/, "", m)
            sub(/[)].*/, "", m)
            member[++n] = m
            next
        }
        inside {
            count = split($0, part, ",")
            for (i = 1; i <= count; i++) {
                m = part[i]
                sub(/;.*/, "", m)
                sub(/ *\[.*/, "", m)
                sub(/ +$/, "", m)
                sub(/.*[ *]/, "", m)
                if (m != "") member[++n] = m
            }
        }' "$dir/lines"
    grep -oE '^ *LUTRA_[A-Z0-9_]+ =' "$dir/lines" | tr -d ' =' |
        sed 's/.*/printf("constant & %d\\n", (int)&);/'
    echo 'return 0; }'
} >"$dir/abi.c"
${CC:-cc} -std=c11 -I. "$dir/abi.c" -o "$dir/abi"
"$dir/abi"
