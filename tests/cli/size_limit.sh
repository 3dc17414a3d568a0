# SPDX-License-Identifier: MIT
# A file size limit is an error with a message, not a killed program.
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
code=0
(ulimit -f 1; "$LUTRA" info "$TINY" 2>&1 >"$dir/out") || code=$?
echo $code
