#!/bin/sh
# SPDX-License-Identifier: MIT
# make versus PEER=path/to/llama-bench MODEL=file.gguf: Lutra and the peer in turn, and the ratio.
# Further words go to lutra bench, e.g. -p 64 -n 16 -t 1,2 -r 7
set -eu
if [ $# -lt 2 ] || [ -z "$1" ] || [ -z "$2" ]; then
    echo "usage: make versus PEER=path/to/llama-bench MODEL=file.gguf [ARGS='-p 64 -n 16 -t 1,2']" >&2
    exit 2
fi
peer=$1 model=$2
shift 2
if [ ! -x "$peer" ] && ! command -v "$peer" >/dev/null 2>&1; then
    echo "versus: $peer is not a program; build llama.cpp and give the path of its llama-bench" >&2
    exit 2
fi
exec "${LUTRA:-build/lutra}" bench -m "$model" --versus "$peer" "$@"
