# SPDX-License-Identifier: MIT
# Without a terminal stderr says nothing when all is well, and stdout is the text alone.
"$LUTRA" run -m "$TINY" -p KING -n 4 --temp 0 </dev/null 2>&1 >/dev/null
# -v brings the plan, the summary, the seed and the speed
"$LUTRA" run -m "$TINY" -p KING -n 4 --temp 0 --seed 3 -v </dev/null 2>&1 >/dev/null | sed 's/[0-9.]* t\/s/N t\/s/g' |
    grep -o '^plan: \|^.* · bitnet-b1.58 · TQ2_0\|^seed 3\|^\[ Prompt: N t/s | Generation: N t/s | [0-9]* words/min \]$' |
    sed 's/[0-9]* words/N words/'
