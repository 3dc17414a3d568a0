# SPDX-License-Identifier: MIT
# Groups that need nothing but the build: units, kernels at every level, structure, the public header.

group_unit() { # all but those that are groups of their own
    local src
    for src in tests/test_*.c; do
        case $src in *_reference.c | *_hostile.c | *_mutants.c | *_live.c | *_faults.c | *_cycles.c) ;; *) programs "$(basename "$src" .c)" ;; esac
    done
}

# Each compares every level this machine has with scalar.
group_kernels() { programs 'check_*'; }

# Arrows point one way: tools -> runtime -> models -> kernels -> libc.
group_layers() {
    local bad
    bad=$(grep -nE '#include "(models|runtime|tools|tests)/' kernels/*.[ch] kernels/*/*.[ch])
    bad+=$(grep -nE '#include "(runtime|tools|tests)/' models/*.[ch])
    bad+=$(grep -nE '#include "(tools|tests)/' runtime/*.[ch])
    bad+=$(grep -nE '#include "tests/' tools/*.[ch])
    bad+=$(grep -nE '#include "(models|kernels)/' tools/cmd_run.c tools/cmd_chat.c tools/chat*.c 2>/dev/null)
    bad+=$(grep -nE '#include "[^"]*\.c"' -r kernels models runtime tools tests --include=*.[ch])
    if [ -z "$bad" ]; then pass; else fail "upward arrows: $bad"; fi
    bad=$(find kernels models runtime tools -name '*.[ch]' | xargs wc -l | awk '$2 != "total" && $1 > 1000')
    if [ -z "$bad" ]; then pass; else fail "files over 1000 lines: $bad"; fi
    bad=$(find kernels models runtime tools tests -name '*.[chs]' -exec basename {} \; | sort | uniq -d)
    if [ -z "$bad" ]; then pass; else fail "file names twice in the tree: $bad"; fi
}

# The library never prints, exits, aborts or reads the environment; every external name begins with lutra_.
group_symbols() {
    local bad
    bad=$(nm -u "$BUILD/liblutra.a" | awk '{print $2}' | sort -u |
        grep -xE '(abort|exit|_exit|_Exit|quick_exit|printf|fprintf|vprintf|vfprintf|puts|fputs|putchar|perror|getenv|secure_getenv|signal|sigaction|longjmp|__assert_fail|system|popen)(@.*)?')
    if [ -z "$bad" ]; then pass; else fail "the library imports: $bad"; fi
    bad=$(nm -g --defined-only "$BUILD/liblutra.a" | awk 'NF == 3 {print $3}' | grep -v '^lutra_')
    if [ -z "$bad" ]; then pass; else fail "names without the prefix: $bad"; fi
    bad=$(readelf -d "$LUTRA" | grep NEEDED | grep -vE 'lib(c|m|pthread)\.so|ld-linux')
    if [ -z "$bad" ]; then pass; else fail "the program needs: $bad"; fi
}

# lutra.h alone, as C99, C11 and C++, and its status block equal to kernels/base.h's.
group_header() {
    echo '#include "runtime/lutra.h"
int main(void) { lutra_model_options o = {sizeof(o), 0, 0, LUTRA_PRECISION_DEFAULT, 0, 0, LUTRA_KERNELS_AUTO, LUTRA_HEAD_FILE, LUTRA_I2S_128, 0, 0, 0}; return o.size == 0; }' >"$tmp/h.c"
    cp "$tmp/h.c" "$tmp/h.cc"
    local std
    for std in c99 c11; do must "header as $std" ${CC:-cc} -std=$std -I. -Wall -Wextra -Wpedantic -Werror -fsyntax-only "$tmp/h.c"; done
    if have g++; then must "header as C++" g++ -std=c++17 -I. -Wall -Wextra -Wpedantic -Werror -fsyntax-only "$tmp/h.cc"; else skip "no C++ compiler"; fi
    block() { sed -n '/^#ifndef LUTRA_STATUS_DEFINED/,/^#endif/p' "$1"; }
    if [ "$(block runtime/lutra.h)" = "$(block kernels/base.h)" ]; then pass; else fail "status blocks of lutra.h and base.h differ"; fi
}

group_reference() { program test_reference "$BUILD/test_reference" "$tiny_dir"; }
