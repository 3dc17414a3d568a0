#!/bin/bash
# SPDX-License-Identifier: MIT
# All tests by named groups: tests/run.sh [GROUP...]; without a name: every group. `quick` is what make check runs.
# Prints a line for each group and ends with "N passed, N failed, N skipped". A group whose tool is missing is
# skipped, says so, and counts as one skip. Environment: BUILD (default build), CC, LUTRA_TEST_MODELS (a folder
# with smollm2.gguf and gemma3.gguf; default ${XDG_CACHE_HOME:-~/.cache}/lutra).
set -u
cd "$(dirname "$0")/.." || exit 1

# makes started here are not part of the one that started us
unset MAKEFLAGS MFLAGS MAKELEVEL

BUILD=${BUILD:-build}
MAKE=${MAKE:-make}
# make gets the folder as it was named: objects know their headers by that name
make_build=$BUILD
case $BUILD in /*) ;; *) BUILD=$PWD/$BUILD ;; esac
main_build=$BUILD
export LUTRA=$BUILD/lutra TINY=$PWD/tests/data/tiny-verse-ternary.gguf
MODELS=${LUTRA_TEST_MODELS:-${XDG_CACHE_HOME:-$HOME/.cache}/lutra}
passed=0 failed=0 skipped=0
tmp=$(mktemp -d) || exit 1
trap 'rm -rf "$tmp"' EXIT

pass() { passed=$((passed + 1)); }
fail() { failed=$((failed + 1)); echo "  FAILED: $*"; }
skip() { skipped=$((skipped + 1)); echo "  skipped: $*"; }
have() { command -v "$1" >/dev/null 2>&1; }

# A program of ours: adds the counts of its closing line; a crash or a missing line is one failure.
program() {
    local name=$1
    shift
    "$@" >"$tmp/out" 2>&1
    local code=$? line
    line=$(grep -E '^[A-Za-z0-9_]+: [0-9]+ passed, [0-9]+ failed, [0-9]+ skipped$' "$tmp/out" | tail -n 1)
    if [ -z "$line" ] || { [ $code -ne 0 ] && [ "$(echo "$line" | awk '{print $4}')" = 0 ]; }; then
        fail "$name: exit $code, no result"
        tail -n 25 "$tmp/out"
        return
    fi
    passed=$((passed + $(echo "$line" | awk '{print $2}')))
    failed=$((failed + $(echo "$line" | awk '{print $4}')))
    skipped=$((skipped + $(echo "$line" | awk '{print $6}')))
    [ $code -eq 0 ] || { echo "  FAILED: $name"; grep -v '^  [a-z0-9_-]* *|' "$tmp/out" | tail -n 25; }
    grep -E '^ *skipped' "$tmp/out" | sort | uniq -c | sed 's/^ */  /' | head -n 5
}

# A command that must succeed.
must() {
    local name=$1
    shift
    if "$@" >"$tmp/out" 2>&1; then pass; else
        fail "$name"
        tail -n 15 "$tmp/out"
    fi
}

programs() { # programs PATTERN [wrapper...]: every tests/PATTERN.c
    local pattern=$1 src
    shift
    for src in tests/$pattern.c; do
        src=$(basename "$src" .c)
        case $src in
        test_reference | test_families* | test_i2s | test_embed | test_session_file | test_self_test | test_faults | test_cycles) program "$src" "$@" "$BUILD/$src" "$tiny_dir" ;;
        test_memory) [ "$BUILD" != "$main_build" ] || program "$src" "$@" "$BUILD/$src" ;; # counts the plain allocator's calls
        *) program "$src" "$@" "$BUILD/$src" ;;
        esac
    done
}

tiny_dir=$BUILD/tiny
make_tiny() { # all families, and types of each, once
    [ "$tiny_dir/done" -nt "$BUILD/make_tiny" ] && return
    mkdir -p "$tiny_dir"
    local f t
    while read -r f t; do "$BUILD/make_tiny" "$f" "$t" "$tiny_dir/$f-$t.gguf" || return; done < <("$BUILD/make_tiny" list)
    # one of them in three files
    "$BUILD/make_tiny" llama Q4_K "$tiny_dir/parts.gguf" 1 3 || return
    touch "$tiny_dir/done"
}

for file in tests/groups/*.sh; do . "$file"; done

QUICK="unit kernels layers symbols opcodes header abi reference golden cli"
REST="hostile live faults cycles models memory install package portable windows clang hwloc tsan valgrind chat_model"
SLOW="asan arm" # as long as all others: they run beside those, in folders of their own

run_groups() {
    local g p f s start
    for g in "$@"; do
        p=$passed f=$failed s=$skipped start=$SECONDS
        echo "$g"
        if declare -F "group_$g" >/dev/null; then "group_$g"; else fail "no group named $g"; fi
        echo "  $g: $((passed - p)) passed, $((failed - f)) failed, $((skipped - s)) skipped, $((SECONDS - start)) s"
    done
}

$MAKE -s BUILD="$make_build" all tests >"$tmp/make" 2>&1 || { cat "$tmp/make"; echo "0 passed, 1 failed, 0 skipped"; exit 1; }
make_tiny
if [ $# -gt 0 ]; then
    run_groups ${*/quick/$QUICK}
else
    counts=$tmp/counts
    (
        tmp=$(mktemp -d) || exit 1
        trap 'rm -rf "$tmp"' EXIT
        run_groups $SLOW
        echo "$passed $failed $skipped" >"$counts"
    ) >"$tmp/slow" 2>&1 &
    run_groups $QUICK $REST
    wait
    cat "$tmp/slow"
    read -r p f s <"$counts" && passed=$((passed + p)) failed=$((failed + f)) skipped=$((skipped + s)) || fail "$SLOW: no counts"
fi
echo "$passed passed, $failed failed, $skipped skipped"
[ $failed -eq 0 ] && [ $passed -gt 0 ]
