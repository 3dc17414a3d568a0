# SPDX-License-Identifier: MIT
# Without any stdin -p is the prompt.
"$LUTRA" run -m "$TINY" -p KING -n 4 --temp 0 <&- | wc -c | grep -qv "^0$"
