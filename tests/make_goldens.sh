#!/bin/bash
# SPDX-License-Identifier: MIT
# Writes tests/golden/text/* anew, at the scalar level. A change of these files needs a reason in the commit.
set -eu
cd "$(dirname "$0")/.."
BUILD=${BUILD:-build}
LUTRA=$BUILD/lutra
TINY=tests/data/tiny-verse-ternary.gguf
MODELS=${LUTRA_TEST_MODELS:-${XDG_CACHE_HOME:-$HOME/.cache}/lutra}
out=tests/golden/text
run() { "$LUTRA" run --cpu scalar -t 1 "$@" </dev/null 2>/dev/null; }
run -m $TINY -p KING -n 64 --temp 0 >$out/tiny-greedy.txt
run -m $TINY -p KING -n 64 --temp 0.9 --seed 42 >$out/tiny-seeded.txt
run -m $TINY -f $out/prompt.txt -n 24 --temp 0 >$out/tiny-long.txt
embed() { "$LUTRA" embed --cpu scalar -t 1 --embd-output-format raw "$@" </dev/null 2>/dev/null; }
for f in "$BUILD"/tiny/*.gguf; do
    case $f in
    */bert-* | */nomic-bert-*) text=$(embed -m "$f" -p "the hand and" | cksum) ;;
    *) text=$(run -m "$f" -p "the hand and" -n 12 --temp 0 --ignore-eos | cksum) ;;
    esac
    echo "$(echo "$text" | cut -d' ' -f1) $(basename "$f" .gguf)"
done >$out/tiny-models.sums
if [ -f "$MODELS/smollm2.gguf" ]; then
    run -m "$MODELS/smollm2.gguf" -p "The capital of France is" -n 32 --temp 0 >$out/smollm2-greedy.txt
    run -m "$MODELS/smollm2.gguf" -cnv -p "Name three colours." -n 48 --temp 0 >$out/smollm2-chat.txt
fi
if [ -f "$MODELS/gemma3.gguf" ]; then
    run -m "$MODELS/gemma3.gguf" -p "The capital of France is" -n 32 --temp 0 >$out/gemma3-greedy.txt
fi
