# SPDX-License-Identifier: MIT
# A full disk is an error, not silence.
[ -c /dev/full ] || exit 1
"$LUTRA" run -m "$TINY" -p KING -n 4 --temp 0 </dev/null 2>&1 >/dev/full
