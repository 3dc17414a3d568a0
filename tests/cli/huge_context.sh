# SPDX-License-Identifier: MIT
# A context larger than memory is refused at once.
"$LUTRA" run -m "$TINY" -p x -c 2147483647 </dev/null 2>/dev/null
