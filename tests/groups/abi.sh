# SPDX-License-Identifier: MIT
# What programs that use lutra.h rely on: names, sizes, and that the header compiles for them alone.

# The example at the top of lutra.h, as a program of its own.
header_example() {
    echo '#include "runtime/lutra.h"
#include <stdio.h>
static int print(void *user, const char *utf8, size_t n) { (void)user; return fwrite(utf8, 1, n, stdout) != n; }
int main(void)
{'
    sed -n '/^ \*   lutra_error err;/,/^ \*   lutra_free/s/^ \* //p' runtime/lutra.h
    echo '    return 0;
}'
}

group_abi() {
    local cc std n bad
    if CC=${CC:-cc} sh tests/abi.sh >"$tmp/abi" 2>"$tmp/abi.err" && cmp -s "$tmp/abi" tests/golden/abi.txt; then pass; else
        fail "lutra.h is not what tests/golden/abi.txt says (tests/abi.sh)"
        diff tests/golden/abi.txt "$tmp/abi" | head -n 8
        head -n 3 "$tmp/abi.err"
    fi
    # exactly the functions of the header are visible to other programs
    if have readelf; then
        grep '^function' tests/golden/abi.txt | grep -oE 'lutra_[a-z_]+[(]' | tr -d '(' | grep -v '^lutra_status$' | sort >"$tmp/declared"
        readelf -sW "$BUILD/liblutra.a" | awk '$5 == "GLOBAL" && $6 == "DEFAULT" && $7 != "UND" {print $8}' | sort -u >"$tmp/visible"
        if cmp -s "$tmp/declared" "$tmp/visible"; then pass; else
            fail "functions of lutra.h and those visible differ"
            diff "$tmp/declared" "$tmp/visible" | head -n 6
        fi
    else skip "readelf is missing"; fi
    n=$(grep -c '^LUTRA_API' runtime/lutra.h)
    if [ "$n" -le 30 ] && [ "$n" -eq "$(grep -c '^function' tests/golden/abi.txt)" ]; then pass; else fail "$n functions begin with LUTRA_API"; fi
    # the header and its example, strictly, by every compiler there is
    header_example >"$tmp/example.c"
    cp "$tmp/example.c" "$tmp/example.cc"
    for cc in gcc clang; do
        if ! have $cc; then skip "$cc is missing"; continue; fi
        for std in c99 c11 c17; do must "the header's example, $cc $std" $cc -std=$std -I. -Wall -Wextra -Wpedantic -Werror -fsyntax-only "$tmp/example.c"; done
    done
    for cc in g++ clang++; do
        if ! have $cc; then skip "$cc is missing"; continue; fi
        for std in c++11 c++17; do must "the header's example, $cc $std" $cc -std=$std -I. -Wall -Wextra -Wpedantic -Werror -fsyntax-only "$tmp/example.cc"; done
    done
    # and the example runs, with a model in the place of its file name
    sed -i "s|model.gguf|$TINY|" "$tmp/example.c"
    if ${CC:-cc} -I. "$tmp/example.c" -o "$tmp/example" "$BUILD/liblutra.a" -lm -pthread 2>"$tmp/out" && "$tmp/example" >"$tmp/out" && [ -s "$tmp/out" ]; then pass; else
        fail "the header's example does not run"
        head -n 5 "$tmp/out"
    fi
}
