# SPDX-License-Identifier: MIT
# Other systems. Where none is at hand: clang with POSIX alone visible and Linux unnamed, which fails on any call
# that has no fallback; then the fallbacks are run.

group_portable() {
    if ! have clang; then skip "clang is missing"; return; fi
    must "POSIX alone, x86-64" $MAKE -s BUILD="$make_build" portable
    gold tiny-greedy.txt "$BUILD-portable/lutra" run -m "$TINY" $GREEDY
    must "POSIX alone, list" "$BUILD-portable/lutra" list
    if grep -q . /usr/aarch64-linux-gnu/include/stdio.h 2>/dev/null; then
        must "POSIX alone, ARM" $MAKE -s BUILD="$make_build-arm" CLANG="clang --target=aarch64-linux-gnu" \
            CC="clang --target=aarch64-linux-gnu" GOAL="$make_build-arm-portable/liblutra.a" portable
    else
        skip "headers for ARM are missing"
    fi
    rm -rf "$BUILD-portable" "$BUILD-arm-portable"
}
