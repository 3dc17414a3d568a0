# SPDX-License-Identifier: MIT
# Ids on one line; control tokens only with --special; a begin token unless --no-bos.
tok() { "$LUTRA" tokenize -m "$TINY" "$@"; }
echo 'My lord' | tok | wc -l
printf 'ab' | tok | tr -d '0-9'
printf '' | tok --ids
[ "$(printf '<|endoftext|>' | tok --special)" = 0 ] && echo control
[ "$(printf '<|endoftext|>' | tok)" != 0 ] && echo text
[ "$(printf 'My lord' | tok --ids)" = "$(tok -p 'My lord' --no-bos)" ] && echo same
printf '!"' | tok --pieces
