# SPDX-License-Identifier: MIT
# Without arguments: help, and the GGUF files in the model folders, each once.
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
mkdir -p "$dir/cache/lutra" "$dir/mine/deep/er" "$dir/.ollama/models/blobs" "$dir/empty"
cp "$TINY" "$dir/cache/lutra/a.gguf"
cp "$TINY" "$dir/mine/deep/er/b.gguf"
ln -s b.gguf "$dir/mine/deep/er/again.gguf"
ln -s . "$dir/mine/loop"
cp "$TINY" "$dir/.ollama/models/blobs/sha256-1234"
echo 'not a model' >"$dir/mine/c.gguf"
cd "$dir/empty"
HOME=$dir XDG_CACHE_HOME=$dir/cache LUTRA_MODELS=$dir/mine:/no/such/folder HF_HOME=$dir/hf "$LUTRA" >"$dir/out"
grep -c '\.gguf$\|sha256-1234$' "$dir/out"
grep -c 'a\.gguf$' "$dir/out"
grep 'c\.gguf' "$dir/out" || true
# a bare name is found there too
HOME=$dir XDG_CACHE_HOME=$dir/cache "$LUTRA" tokenize -m a --pieces -p '' | wc -c
