# SPDX-License-Identifier: MIT
# The same for a report.
[ -c /dev/full ] || exit 1
"$LUTRA" info "$TINY" 2>&1 >/dev/full
