# SPDX-License-Identifier: MIT
# Groups that build again: another compiler, sanitizers, another architecture, an installed tree.

# other_build NAME MAKE_ARGS...: builds all and tests into $BUILD-NAME, without a warning
other_build() {
    local name=$1
    shift
    if $MAKE -s BUILD="$make_build-$name" "$@" all tests >"$tmp/make" 2>&1 && ! grep -q 'warning:' "$tmp/make"; then pass; else
        fail "build: $name"
        grep -E 'warning:|error:' "$tmp/make" | head -n 5
        return 1
    fi
}

# Run the unit programs, kernels and hostile files of another build.
suite_of() { # suite_of NAME PATTERNS [wrapper...]
    local keep=$BUILD keep_lutra=$LUTRA name=$1 patterns=$2 p
    shift 2
    BUILD=$BUILD-$name LUTRA=$BUILD/lutra
    for p in $patterns; do programs "$p" "$@"; done
    BUILD=$keep LUTRA=$keep_lutra
}

group_install() {
    must "make install" $MAKE -s BUILD="$make_build" install PREFIX=/usr DESTDIR="$tmp/root"
    must "installed program runs" "$tmp/root/usr/bin/lutra" --version
    must "ten-line application builds" ${CC:-cc} -I"$tmp/root/usr/include" tests/examples/app.c -o "$tmp/app" -L"$tmp/root/usr/lib" -llutra -lm -pthread
    must "ten-line application runs" env LD_LIBRARY_PATH="$tmp/root/usr/lib" "$tmp/app" "$TINY"
    must "make uninstall" $MAKE -s BUILD="$make_build" uninstall PREFIX=/usr DESTDIR="$tmp/root"
    if [ -z "$(find "$tmp/root" -type f)" ]; then pass; else fail "uninstall leaves files"; fi
    # an object is made again when the flags of its kind change, and only then
    local object=$tmp/flags/kernels/bits_scalar.o other
    sed 's/^%_scalar.o: ISAFLAGS.*/& -DOTHER/' Makefile >"$tmp/Makefile"
    for other in Makefile Makefile "$tmp/Makefile" "$tmp/Makefile"; do $MAKE -f "$other" BUILD="$tmp/flags" "$object" | grep -c CC; done >"$tmp/out"
    if [ "$(tr '\n' ' ' <"$tmp/out")" = '1 0 1 0 ' ]; then pass; else fail "flags of a kind of objects: made $(tr '\n' ' ' <"$tmp/out")times, not 1 0 1 0"; fi
    if $MAKE -n CC='echo armv7l-unknown-linux #' >"$tmp/out" 2>&1 || ! grep -q '64-bit' "$tmp/out"; then fail "32-bit ARM is not refused"; else pass; fi
}

group_clang() {
    if ! have clang; then skip "clang is missing"; return; fi
    other_build clang CC=clang WERROR=1 || return
    suite_of clang "check_*"
    if have objdump; then check_opcodes objdump "$BUILD-clang"; else skip "objdump is missing"; fi
    gold tiny-greedy.txt "$BUILD-clang/lutra" run -m "$TINY" $GREEDY
    $MAKE -s clean BUILD="$make_build-clang" >/dev/null
}

# Cores as hwloc sees them: another library, the same plan and text.
group_hwloc() {
    if ! echo '#include <hwloc.h>' | ${CC:-cc} -E -x c - >/dev/null 2>&1; then skip "hwloc.h is missing"; return; fi
    other_build hwloc HWLOC=1 WERROR=1 || return
    suite_of hwloc "test_cpu"
    if [ "$("$BUILD-hwloc/lutra" doctor | grep '^threads ')" = "$("$LUTRA" doctor | grep '^threads ')" ]; then pass; else fail "hwloc: another plan of threads"; fi
    gold tiny-greedy.txt "$BUILD-hwloc/lutra" run -m "$TINY" $GREEDY
    must "hwloc: make install" $MAKE -s BUILD="$make_build-hwloc" HWLOC=1 install DESTDIR="$tmp/hwloc" PREFIX=/usr
    if grep -q '^Libs.private:.*-lhwloc' "$tmp/hwloc/usr/lib/pkgconfig/lutra.pc"; then pass; else fail "hwloc: lutra.pc does not name it"; fi
    $MAKE -s clean BUILD="$make_build-hwloc" >/dev/null
}

group_asan() {
    export ASAN_OPTIONS=detect_leaks=1:allocator_may_return_null=1 UBSAN_OPTIONS=print_stacktrace=1
    other_build asan SANITIZE=address,undefined DEBUG=1 || return
    suite_of asan "test_* check_*"
    gold tiny-greedy.txt "$BUILD-asan/lutra" run -m "$TINY" $GREEDY
    local keep=$LUTRA
    LUTRA=$BUILD-asan/lutra
    group_cli
    LUTRA=$keep
    unset ASAN_OPTIONS UBSAN_OPTIONS
}

group_tsan() {
    other_build tsan SANITIZE=thread || return
    local name
    for name in test_pool test_session test_api test_embed; do program $name "$BUILD-tsan/$name" "$tiny_dir"; done
    program test_session_file "$BUILD-tsan/test_session_file"
    gold tiny-greedy.txt "$BUILD-tsan/lutra" run -m "$TINY" $GREEDY -t 4
    gold tiny-long.txt "$BUILD-tsan/lutra" run -m "$TINY" -f tests/golden/text/prompt.txt -n 24 --temp 0 -t 3 -b 16
}

group_valgrind() {
    if ! have valgrind; then skip "valgrind is missing"; return; fi
    # valgrind 3.19 knows AVX2, not AVX-512
    local level=scalar
    "$LUTRA" doctor --levels | grep -qx avx2 && level=avx2
    if valgrind -q --error-exitcode=9 --leak-check=full --errors-for-leak-kinds=definite "$LUTRA" run -m "$TINY" -p KING -n 4 --temp 0 --cpu $level >"$tmp/out" 2>&1 </dev/null
    then pass; else fail "valgrind"; tail -n 15 "$tmp/out"; fi
}

group_arm() {
    if ! have aarch64-linux-gnu-gcc; then skip "aarch64-linux-gnu-gcc is missing"; return; fi
    if ! have qemu-aarch64; then skip "qemu-aarch64 is missing"; return; fi
    other_build arm CC=aarch64-linux-gnu-gcc AR=aarch64-linux-gnu-ar LDFLAGS=-static WERROR=1 || return
    if have aarch64-linux-gnu-objdump; then check_opcodes aarch64-linux-gnu-objdump "$BUILD-arm"; else skip "aarch64-linux-gnu-objdump is missing"; fi
    local cpu
    for cpu in cortex-a72 cortex-a76 max; do # NEON alone; SDOT; SMMLA
        suite_of arm "check_*" qemu-aarch64 -cpu $cpu
        suite_of arm "test_cpu" qemu-aarch64 -cpu $cpu
        golden_texts qemu-aarch64 -cpu $cpu "$BUILD-arm/lutra"
    done
    check_sums "NEON" qemu-aarch64 -cpu cortex-a76 "$BUILD-arm/lutra"
    suite_of arm "test_lmath" qemu-aarch64 -cpu cortex-a72
    if ! have llvm-mca-19; then skip "llvm-mca-19 is missing"; return; fi
    BUILT=1 BUILD="$BUILD-arm" tests/arm_mca.sh dotprod TERN lookup 1 int8 >"$tmp/out" 2>&1
    if grep -q ' cycles .* weights per cycle' "$tmp/out"; then pass; else fail "arm_mca.sh"; tail -n 5 "$tmp/out"; fi
}
