# SPDX-License-Identifier: MIT
# Models of a folder: type, size, memory; a damaged file and one of another kind are named, not hidden.
d=$(mktemp -d)
mkdir "$d/models"
cp "$TINY" "$d/models/tiny.gguf"
head -c 100 "$TINY" >"$d/models/cut.gguf"
cp tests/data/vocab-bpe.gguf "$d/models/vocab.gguf"
(cd "$d" && HOME=$d XDG_CACHE_HOME=$d LUTRA_MODELS= HF_HOME= "$LUTRA" list) | awk '{ print $1, $2, $(NF-1), $NF }'
(cd "$d/models" && rm -- *.gguf && HOME=$d XDG_CACHE_HOME=$d LUTRA_MODELS= HF_HOME= "$LUTRA" list) 2>&1
rm -r "$d"
