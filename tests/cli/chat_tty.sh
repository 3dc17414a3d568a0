# SPDX-License-Identifier: MIT
# A chat at a terminal: messages typed ahead, several lines, commands, a saved and a loaded conversation.
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
export HOME=$dir XDG_STATE_HOME=$dir/state TERM=xterm
talk() { # keys on stdin; what is on the screen goes to $dir/screen
    script -qec "'$LUTRA' chat '$TINY' -n 8 --temp 0 -c 128" /dev/null >"$dir/screen"
}
printf 'My lord\\\rand lady\r/save %s\r/exit\r' "$dir/a.json" | talk
grep -c '"role":"user","content":"My lord\\nand lady"' "$dir/a.json"
grep -c '"role":"assistant"' "$dir/a.json"
grep -c 'Ctrl-C stops, /help' "$dir/screen"
printf '/load %s\rAnd now?\r/save %s\r/save /dev/full\r/save /no/where\r/nonsense\r/stats\r/exit\r' "$dir/a.json" "$dir/b.json" | talk
grep -c '"content":"My lord' "$dir/b.json"
grep -c '"role":"user"' "$dir/b.json"
grep -o 'cannot save [^:]*:.*[a-z]\|unknown command [^;]*' "$dir/screen"
printf '/load %s\r/regen\r/clear\r/save %s\r\004' "$dir/b.json" "$dir/c.json" | talk
grep -c 'role' "$dir/c.json" || true
# what the model knows of a conversation is beside it, and is not read again; what is not its state is told and left
[ -s "$dir/a.json.state" ] && [ -s "$dir/b.json.state" ] && echo "states"
printf '/load %s\rWhat then?\r/stats\r/exit\r' "$dir/b.json" | talk
grep -o 'the model remembers [0-9]* tokens' "$dir/screen"
grep -o '[1-9][0-9]* reused' "$dir/screen" | sed 's/[0-9]*/n/'
echo nonsense >"$dir/b.json.state"
printf '/load %s\r/exit\r' "$dir/b.json" | talk
grep -o 'damaged at byte\|they are read with' "$dir/screen"
# the messages above are remembered, for their writer alone
grep -c 'lady' "$dir/state/lutra/history"
ls -l "$dir/state/lutra/history" | cut -c 1-10
# thousands of messages, of which a context holds two: no minutes pass until that is found
awk 'BEGIN { printf "{\"messages\":["; for (i = 0; i < 20000; i++) printf "%s{\"role\":\"%s\",\"content\":\"word %d\"}", i ? "," : "", i % 2 ? "assistant" : "user", i; print "]}" }' >"$dir/long.json"
printf '/load %s\rAnd now?\r/exit\r' "$dir/long.json" |
    timeout 60 script -qec "'$LUTRA' chat '$TINY' -n 4 --temp 0 -c 256 --chat-template chatml" /dev/null >"$dir/screen" || echo "$?"
grep -o 'full: the [0-9]* oldest messages' "$dir/screen"
