# SPDX-License-Identifier: MIT
# Groups about what comes out: the same text whatever the threads, batches and instruction set, and how exact it is.

# gold NAME COMMAND...: stdout equals tests/golden/text/NAME
gold() {
    local name=$1
    shift
    if "$@" >"$tmp/text" 2>"$tmp/text.err" </dev/null && cmp -s "$tmp/text" "tests/golden/text/$name"; then pass; else
        fail "$name: $*"
        diff "tests/golden/text/$name" "$tmp/text" | head -n 6
        tail -n 3 "$tmp/text.err"
    fi
}

GREEDY="-p KING -n 64 --temp 0"
SEEDED="-p KING -n 64 --temp 0.9 --seed 42"

# every way of running one program must print the golden texts; only `--kernels deq` has texts of its own
golden_texts() { # golden_texts COMMAND...
    local t b level kernels
    for t in 1 2 4; do gold tiny-greedy.txt "$@" run -m "$TINY" $GREEDY -t $t; done
    for b in 1 3 512; do
        gold tiny-seeded.txt "$@" run -m "$TINY" $SEEDED -b $b
        gold tiny-long.txt "$@" run -m "$TINY" -f tests/golden/text/prompt.txt -n 24 --temp 0 -b $b -t 2
    done
    for level in $("$@" doctor --levels); do
        gold tiny-greedy.txt "$@" run -m "$TINY" $GREEDY --cpu "$level"
        gold tiny-long.txt "$@" run -m "$TINY" -f tests/golden/text/prompt.txt -n 24 --temp 0 --cpu "$level"
        for kernels in lut dot; do
            gold tiny-long.txt "$@" run -m "$TINY" -f tests/golden/text/prompt.txt -n 24 --temp 0 --cpu "$level" --kernels $kernels
        done
    done
    for kernels in auto lut dot; do
        gold tiny-greedy.txt "$@" run -m "$TINY" $GREEDY --kernels $kernels
        for b in 2 17; do gold tiny-long.txt "$@" run -m "$TINY" -f tests/golden/text/prompt.txt -n 24 --temp 0 -b $b --kernels $kernels; done
    done
}

tiny_text() { # tiny_text MODEL LUTRA_COMMAND...: some words, of an encoder a vector
    local f=$1
    shift
    case $f in
    */bert-* | */nomic-bert-*) "$@" embed -m "$f" -p "the hand and" --embd-output-format raw ;;
    *) "$@" run -m "$f" -p "the hand and" -n 12 --temp 0 --ignore-eos ;;
    esac
}

# one text of every family x type, hashed: tests/golden/text/tiny-models.sums
model_sums() { # model_sums LUTRA_COMMAND... : prints "hash name"
    local f
    for f in "$tiny_dir"/*.gguf; do
        echo "$(tiny_text "$f" "$@" </dev/null 2>&1 | cksum | cut -d' ' -f1) $(basename "$f" .gguf)"
    done
}

check_sums() { # check_sums WHAT COMMAND...
    local what=$1
    shift
    model_sums "$@" >"$tmp/sums"
    if cmp -s "$tmp/sums" tests/golden/text/tiny-models.sums; then pass; else
        fail "texts of the tiny models, $what"
        diff tests/golden/text/tiny-models.sums "$tmp/sums" | head -n 5
    fi
}

group_golden() {
    local level kernels
    golden_texts "$LUTRA"
    for level in $("$LUTRA" doctor --levels); do check_sums "--cpu $level" run_with --cpu "$level"; done
    for kernels in lut dot; do check_sums "--kernels $kernels" run_with --kernels $kernels; done
    oracle tiny-verse-ternary.float "$TINY" 1e-5 0.99 --precision high
    oracle tiny-verse-ternary.float "$TINY" 1e-5 0.99 --kernels deq
    oracle tiny-verse-ternary.int8 "$TINY" 2e-4 0.95
    oracle tiny-verse-ternary.int8 "$TINY" 2e-4 0.95 --kernels lut
    oracle tiny-verse-ternary.int8 "$TINY" 1e-3 0.95 --head q6
}
run_with() { # run_with FLAG VALUE run ...
    local flag=$1 value=$2
    shift 2
    "$LUTRA" "$@" "$flag" "$value"
}

# oracle NAME MODEL KL_LIMIT TOP1_LIMIT [options]
oracle() {
    local name=$1 model=$2 kl=$3 top1=$4
    shift 4
    if ! "$LUTRA" perplexity -m "$model" --oracle "tests/golden/oracle/$name.logprobs" "$@" >"$tmp/oracle" 2>&1; then
        fail "perplexity --oracle $name"
        tail -n 3 "$tmp/oracle"
        return
    fi
    echo "  $name $*: $(grep -E 'kl_mean|top1' "$tmp/oracle" | tr '\n' ' ')"
    if awk -v kl="$kl" -v top1="$top1" '$1 == "kl_mean" {a = $2} $1 == "top1" {b = $2} END {exit !(a != "" && a <= kl && b >= top1)}' "$tmp/oracle"
    then pass; else fail "$name: kl_mean above $kl or top1 below $top1"; fi
}

# The two real models, when they are there.
group_models() {
    local m
    if [ -f "$MODELS/smollm2.gguf" ]; then
        oracle smollm2-135m-q4_1 "$MODELS/smollm2.gguf" 1.5e-3 0.93
        oracle smollm2-135m-q4_1 "$MODELS/smollm2.gguf" 1e-5 0.99 --precision high
        oracle smollm2-135m-q4_1 "$MODELS/smollm2.gguf" 1e-5 0.99 --kernels deq
        oracle smollm2-135m-q4_1 "$MODELS/smollm2.gguf" 2e-2 0.85 --head q6
        oracle smollm2-135m-q4_1 "$MODELS/smollm2.gguf" 1e-1 0.75 --head q4
        program test_head "$BUILD/test_head" "$MODELS/smollm2.gguf"
        local t
        for t in 1 2 4; do gold smollm2-greedy.txt "$LUTRA" run -m "$MODELS/smollm2.gguf" -p "The capital of France is" -n 32 --temp 0 -t $t -b $((t * 3)); done
        gold smollm2-chat.txt "$LUTRA" run -m "$MODELS/smollm2.gguf" -cnv -p "Name three colours." -n 48 --temp 0
    else skip "no $MODELS/smollm2.gguf (tests/fetch_models.sh)"; fi
    if [ -f "$MODELS/gemma3.gguf" ]; then
        oracle gemma3-270m-q4_k_m "$MODELS/gemma3.gguf" 1.5e-3 0.93
        oracle gemma3-270m-q4_k_m "$MODELS/gemma3.gguf" 1e-5 0.99 --precision high
        oracle gemma3-270m-q4_k_m "$MODELS/gemma3.gguf" 1e-5 0.99 --kernels deq
        program test_head "$BUILD/test_head" "$MODELS/gemma3.gguf"
        for t in lut dot; do gold gemma3-greedy.txt "$LUTRA" run -m "$MODELS/gemma3.gguf" -p "The capital of France is" -n 32 --temp 0 --kernels $t; done
        gold gemma3-greedy.txt "$LUTRA" run -m "$MODELS/gemma3.gguf" -p "The capital of France is" -n 32 --temp 0
    else skip "no $MODELS/gemma3.gguf (tests/fetch_models.sh)"; fi
}

group_memory() {
    local m
    for m in smollm2 gemma3; do
        if [ -f "$MODELS/$m.gguf" ]; then program test_memory "$BUILD/test_memory" "$MODELS/$m.gguf"
        else skip "no $MODELS/$m.gguf (tests/fetch_models.sh)"; fi
    done
}

# make chat's other half: one turn through a pipe with the real model
group_chat_model() {
    if [ ! -f "$MODELS/smollm2.gguf" ]; then skip "no $MODELS/smollm2.gguf"; return; fi
    if echo "What is the capital of France?" | "$LUTRA" chat "$MODELS/smollm2.gguf" --temp 0 -n 40 2>/dev/null | grep -q Paris
    then pass; else fail "chat does not know the capital of France"; fi
}
