# SPDX-License-Identifier: MIT
# An encoder makes vectors, and every other command says something sensible about it.
bert=$(dirname "$LUTRA")/tiny/bert-Q4_0.gguf
[ -f "$bert" ] || { echo "no tiny models" >&2; exit 77; }
printf 'the hand\nand the ring\n' | "$LUTRA" embed "$bert" --embd-output-format raw | awk '{ for (i = s = 0; i++ < NF;) s += $i * $i; printf "%d %.3f\n", NF, s }'
"$LUTRA" tokenize -m "$bert" -p 'The ring' --pieces
for command in 'run -p x -m' 'chat -p x' 'perplexity -f README.md -m'; do
    code=0
    "$LUTRA" $command "$bert" 2>&1 >/dev/null </dev/null || code=$?
    echo "exit $code"
done
"$LUTRA" info "$bert" --no-forecast | grep -A 1 '^an encoder' | sed 's/[0-9][0-9]* ([^)]*)/N/'
"$LUTRA" doctor "$bert" | grep -o 'batch of tokens.*'
"$LUTRA" bench -m "$bert" -p 16 -n 2 -r 1 -t 1 2>/dev/null | grep '^|' | cut -d'|' -f7 | tr -d ' '
"$LUTRA" bench -m "$bert" -p 16 -n 2 -r 1 -t 1 2>&1 >/dev/null
# positions beyond those it learned are none
code=0
head -c 3000 /dev/zero | tr '\0' a | sed 's/./& /g' | "$LUTRA" embed "$bert" -c 1000 2>&1 >/dev/null || code=$?
echo "exit $code"
