# SPDX-License-Identifier: MIT
# A closed stdout is an error, and no file of ours takes its place.
"$LUTRA" run -m "$TINY" -p KING -n 4 </dev/null 2>&1 >&-
