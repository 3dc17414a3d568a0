# SPDX-License-Identifier: MIT
# Bytes of a file never reach the terminal as they are.
file=$(mktemp)
trap 'rm -f "$file"' EXIT
{
    printf 'GGUF\003\000\000\000\000\000\000\000\000\000\000\000\001\000\000\000\000\000\000\000'
    printf '\014\000\000\000\000\000\000\000general.name\010\000\000\000\007\000\000\000\000\000\000\000a\033]0;x\007'
    head -c 64 /dev/zero
} >"$file"
"$LUTRA" info "$file" | grep general.name | tr -s ' '
