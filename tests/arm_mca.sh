#!/bin/bash
# SPDX-License-Identifier: MIT
# Cycles per weight of the ARM kernels, counted without an ARM machine: qemu writes down every instruction of one
# call of a kernel (one tile of rows, all operands small; of panels two), llvm-mca works out how long a Neoverse N1, which is the
# Cortex-A76 core, takes for that stream if every load hits L1 and every branch is guessed. Not a measurement.
#   tests/arm_mca.sh                                           the table of kernels/README.md, some minutes
#   tests/arm_mca.sh LEVEL TYPE lookup|panel|dense|book|tables|vector N [normal|int8|wide|heavy]   one kernel, N vectors, codes
# Environment: BUILD (default build-arm), MCPU (neoverse-n1; neoverse-n2 for i8mm), KEEP=FILE keeps the assembly,
# LEVELS, VECTORS and TYPES narrow the table, BUILT=1 takes the library as it lies in BUILD.
set -u
cd "$(dirname "$0")/.." || exit 1
B=${BUILD:-build-arm} MCA=${MCA:-llvm-mca-19} QEMU=${QEMU:-qemu-aarch64} GCC=aarch64-linux-gnu-gcc
for tool in $MCA $QEMU $GCC aarch64-linux-gnu-objdump; do
    command -v "$tool" >/dev/null || { echo "skipped: $tool is missing"; exit 0; }
done
[ -n "${BUILT:-}" ] || make -s CC=$GCC AR=aarch64-linux-gnu-ar LDFLAGS=-static BUILD="$B" "$B/liblutra.a" >&2 || exit 1
tmp=$(mktemp -d) || exit 1
trap 'rm -rf "$tmp"' EXIT
exe=$tmp/arm_trace
$GCC -std=c11 -D_GNU_SOURCE -I. -O1 -static -pthread -o "$exe" tests/arm_trace.c "$B/liblutra.a" -lm || exit 1
aarch64-linux-gnu-objdump -d --no-show-raw-insn "$exe" >"$tmp/code"

# address -> instruction, targets of branches and pages replaced by a number
cycles() { # LEVEL TYPE KERNEL N CODES TILES: instructions and cycles of one call
    $QEMU -cpu max,sve=off -singlestep -d exec,nochain -D "$tmp/trace" "$exe" "$@" >"$tmp/weights" || return 1
    awk -v keep="${KEEP:-$tmp/asm}" '
        FNR == NR {
            if ($2 == "<trace_begin>:") begin = $1
            if ($2 == "<trace_end>:") end = $1
            if ($1 ~ /^[0-9a-f]+:$/) {
                at = substr($1, 1, length($1) - 1)
                sub(/^[ \t]*[0-9a-f]+:[ \t]*/, ""); sub(/[ \t]*\/\/.*/, "")
                if (/<.*>$/) { sub(/[ \t]*<[^>]*>$/, ""); sub(/[0-9a-f]+$/, "0") }
                if ($1 == "bl" || $1 == "blr" || $1 == "ret") $0 = "nop" # no call is as slow as llvm-mca thinks
                code[at] = $0
            }
            next
        }
        /^Trace/ {
            split($0, part, "/"); at = part[2]; sub(/^0+/, "", at)
            if (!b) { b = begin; e = end; sub(/^0+/, "", b); sub(/^0+/, "", e) }
            if (at == b) { on = 1; skip = 2 }
            if (at == e) on = 0
            if (on) print code[at] > keep
        }' "$tmp/code" "$tmp/trace"
    # MTE and the like do not occur; what llvm-mca cannot read it names
    $MCA -mtriple=aarch64 -mcpu="${MCPU:-neoverse-n1}" -mattr=+dotprod,+i8mm,+fullfp16 -iterations=1 --instruction-info=0 \
        --resource-pressure=0 "${KEEP:-$tmp/asm}" >"$tmp/mca" 2>"$tmp/err" || { head -5 "$tmp/err"; return 1; }
    awk '/^Instructions:/ { i = $2 } /^Total Cycles:/ { print i, $3 }' "$tmp/mca"
}

# Panels arrange the codes of their vectors once for all rows of a call, which are 256 where there are so many: 16 tiles,
# or 8 of twice the rows, reckoned from one and two. Of other kernels each tile costs the same.
count() { # LEVEL TYPE KERNEL N [CODES]
    local i c i2=0 c2=0 weights codes=${5:-normal}
    if [ "$3" = panel ] || [ "$3" = dense ]; then
        read -r i2 c2 < <(cycles "$1" "$2" "$3" "$4" "$codes" 2)
    fi
    read -r i c < <(cycles "$1" "$2" "$3" "$4" "$codes" 1)
    weights=$(cat "$tmp/weights")
    awk -v n="$4" -v what="$*" -v w="$weights" -v i="$i" -v c="$c" -v i2="$i2" -v c2="$c2" -v panel="$3" -v type="$2" 'BEGIN {
        tiles = type == "TERN" || type == "Q1_0" ? 8 : 16
        if (panel == "panel" || panel == "dense") { i += (tiles - 1) * (i2 - i); c += (tiles - 1) * (c2 - c); w *= tiles }
        if (!c) exit 1
        printf "%-36s %8d cycles  %6.2f weights per cycle  %5.2f instructions per cycle\n", what, c, w * n / c, i / c }'
}

[ $# -gt 0 ] && { count "$@"; exit; }

rate() { # weights per cycle, or a dash
    local line
    line=$(count "$@" | sed -n 's/.* \([0-9.]*\) weights per cycle.*/\1/p')
    printf '%s' "${line:--}"
}

row() { # row NAME LEVEL KERNEL N TYPE...: one line of the table
    local name=$1 level=$2 kernel=$3 n=$4 type
    shift 4
    printf '| %s ' "$name"
    for type in "$@"; do
        case $kernel-$type in
        lookup-Q8_0 | lookup-MXFP4 | lookup-IQ4_XS | lookup-NVFP4) printf '| - ' ;; # no tables
        *-TERN) printf '| %s ' "$(rate $level $type $kernel $n int8)" ;;
        panel-Q[2-6]*)
            [ $level = neon ] || kernel=dense
            printf '| %s ' "$(rate $level $type $kernel $n)"
            kernel=panel
            ;;
        *) printf '| %s ' "$(rate $level $type $kernel $n)" ;;
        esac
    done
    echo '|'
}

types=${TYPES:-Q1_0 Q2_0 Q2_K Q3_K Q4_0 Q4_K Q5_0 Q6_K Q8_0 MXFP4 TERN}
echo "Weights per cycle by $MCA; TERN with codes of 8 bits, the others of 14"
echo "| | $(echo $types | sed 's/ / | /g') |"
echo "|---|$(echo $types | sed 's/[^ ]* */---|/g')"
for level in ${LEVELS:-neon dotprod i8mm}; do
    [ $level = i8mm ] && MCPU=${MCPU:-neoverse-n2}
    row "$level, lookup" $level lookup 1 $types
    for n in ${VECTORS:-1 4 12 32 64}; do row "$level, panel of $n" $level panel $n $types; done
done
