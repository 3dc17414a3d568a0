# SPDX-License-Identifier: MIT
# A reader that goes away ends the program without a word.
"$LUTRA" run -m "$TINY" -p KING -n 200 --ignore-eos </dev/null 2>&1 | head -c 1 | wc -c
