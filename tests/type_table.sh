#!/bin/sh
# SPDX-License-Identifier: MIT
# The table of weight types: for each, a file of a known shape with random weights, Lutra and llama.cpp in turn on
# it, and a line of Markdown. The file is deleted again. Takes about a minute a type; nothing else should run.
#   tests/type_table.sh [path/to/llama-bench] [-t THREADS] [-r ROUNDS] [-p PROMPT] [-n GENERATED] [TYPE ...]
# Prompts are of 64 tokens, 16 are generated; "kernel" is the CPU level Lutra ran at. Without a peer, or where it cannot
# load the type, its columns are dashes. F16, BF16 and F32 are not made by synth.
# Environment: LUTRA (build/lutra), SHAPE (llama-3b), DIR for the file (TMPDIR or /tmp), ARGS for lutra bench
# (e.g. "--cpu avx2"), RECORDS=FILE keeps the records of all runs (JSONL).
set -eu
lutra=${LUTRA:-build/lutra} shape=${SHAPE:-llama-3b} threads=1 rounds=3 prompt=64 gen=16 peer='' types=''
while [ $# -gt 0 ]; do
    case $1 in
    -t) threads=$2; shift ;;
    -r) rounds=$2; shift ;;
    -p) prompt=$2; shift ;;
    -n) gen=$2; shift ;;
    */*) peer=$1 ;;
    -*) sed -n '3,9s/^# //p' "$0" >&2; exit 2 ;;
    *) types="$types $1" ;;
    esac
    shift
done
[ -n "$types" ] || types='Q1_0 Q2_0 TQ1_0 TQ2_0 I2_S IQ1_S IQ1_M IQ2_XXS IQ2_XS IQ2_S Q2_K IQ3_XXS IQ3_S Q3_K IQ4_XS
    IQ4_NL MXFP4 NVFP4 Q4_0 Q4_1 Q4_K Q5_0 Q5_1 Q5_K Q6_K Q8_0'
dir=$(mktemp -d "${DIR:-${TMPDIR:-/tmp}}/lutra-types.XXXXXX")
trap 'rm -rf "$dir"' EXIT
trap 'exit 130' INT TERM

# record FIELD TEST: the field of the test's line in $dir/out
record() {
    awk -v field="\"$1\": " -v test="$2" '
        index($0, test) && (at = index($0, field)) {
            v = substr($0, at + length(field)); sub(/[,}].*/, "", v); gsub(/"/, "", v); print v; exit
        }' "$dir/out"
}

# show FORMAT VALUE: a dash for what is not known
show() {
    awk -v f="$1" -v v="${2:-null}" 'BEGIN { if (v == "null") print "–"; else printf f "\n", v }'
}

bench() { # more words
    # shellcheck disable=SC2086 # ARGS are words
    "$lutra" bench -m "$dir/m.gguf" -p "$prompt" -n "$gen" -t "$threads" -r "$rounds" -o jsonl ${ARGS:-} "$@" 2>>"$dir/err"
}

measure() { # TYPE
    "$lutra" synth --shape "$shape" --type "$1" -o "$dir/m.gguf" >/dev/null
    bpw=$("$lutra" info --no-forecast "$dir/m.gguf" | awk -v t="$1" '
        /^bytes per type/ { on = 1 }
        on && $1 == t { w = $4; sub(/.*%\) */, ""); printf "%.4g", 8 * $1 / w; exit }')
    # the peer's words of a failure are in err; ours are worth measuring all the same
    if [ -z "$peer" ] || ! bench --versus "$peer" >"$dir/out"; then bench >"$dir/out"; fi
    [ -z "${RECORDS:-}" ] || cat "$dir/out" >>"$RECORDS"
    if grep -q '"ratio"' "$dir/out"; then
        ours=lutra_ts share=lutra_bandwidth_share kernel=lutra_kernel pp="\"test\": \"pp$prompt\"" tg="\"test\": \"tg$gen\""
    else
        ours=iqm_ts share=bandwidth_share kernel=kernel
        pp="\"n_prompt\": $prompt, \"n_gen\": 0," tg="\"n_prompt\": 0, \"n_gen\": $gen,"
    fi
    pct=$(record $share "$tg")
    [ "${pct:-null}" = null ] || pct=$(awk -v v="$pct" 'BEGIN { print 100 * v }')
    echo "| $1 | $bpw | $(show %.1f "$(record $ours "$tg")") | $(show '%.0f %%' "$pct") |" \
        "$(show %.1f "$(record $ours "$pp")") | $(show %.1f "$(record peer_ts "$tg")") |" \
        "$(show %.1f "$(record peer_ts "$pp")") | $(show %.2f "$(record ratio "$tg")") | $(show %.2f "$(record ratio "$pp")") |" \
        "$(record $kernel '"n_gen"') |"
    rm -f "$dir/m.gguf"
}

echo "| type | bits | decode | share | prefill | peer's decode | peer's prefill | ratio, decode | ratio, prefill | kernel |"
echo '|---|---|---|---|---|---|---|---|---|---|'
for type in $types; do
    : >"$dir/err"
    measure "$type" || { cat "$dir/err" >&2; exit 1; }
    grep 'other programs' "$dir/err" >&2 || :
done
