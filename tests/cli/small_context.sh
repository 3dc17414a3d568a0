# SPDX-License-Identifier: MIT
# A prompt that does not fit is refused with the numbers; one that fits ends with a line.
code=0
"$LUTRA" run -m "$TINY" -p "KING RICHARD: My lord, my lord, my lord" -c 4 </dev/null 2>&1 | sed 's/[0-9][0-9]*/N/g' || true
"$LUTRA" run -m "$TINY" -p "KING RICHARD: My lord, my lord, my lord" -c 4 </dev/null 2>/dev/null || code=$?
echo $code
"$LUTRA" run -m "$TINY" -p KING -c 24 --ignore-eos --temp 0 </dev/null 2>&1 >/dev/null
