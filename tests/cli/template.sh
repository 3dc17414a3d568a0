# SPDX-License-Identifier: MIT
# A conversation as a template frames it: from a file of the template alone, by name, with tools and variables.
t() { "$LUTRA" template "$@" || true; }
q=tests/data/templates_tools/Qwen-Qwen3-0.6B.jinja
u='[{"role":"user","content":"Hi"}]'
t "$q" --messages "$u" --enable-thinking off
echo "--"
printf '%s' "$u" | t "$q" --messages - --kwargs '{"enable_thinking":false}' --no-generation-prompt
echo "--"
t --chat-template llama3 --messages "$u" --bos '<s>'
echo "--"
t --chat-template '{{ tools[0].function.name }} {{ n + 1 }}' --messages "$u" --tools '[{"function":{"name":"f"}}]' --kwargs '{"n":41}'
echo
t --chat-template "{{ strftime_now('%F') == '$(date -u +%F)' }} {{ date_string is defined }}" --messages "$u"
t --chat-template " {{ strftime_now('%F') }} {{ date_string }}" --messages "$u" --date '26 Nov 2026'
echo
t "$q" --messages '[{"role":}]' 2>&1
t "$q" 2>&1
t --chat-template nonsense --messages "$u" 2>&1
t --chat-template '{% for i in range(10000000) %}{{ i }}{% endfor %}' --messages "$u" 2>&1 | cut -c1-60
# in place of a file's own, or where it has none: no word about that
t tests/data/vocab-bpe.gguf --chat-template-file "$q" --messages "$u" --enable-thinking off 2>&1 | cksum
t "$q" --messages "$u" --enable-thinking off | cksum
t tests/data/vocab-bpe.gguf --messages "$u" 2>&1
t "$q" --chat-template-file no/such --messages "$u" 2>&1
"$LUTRA" template no/such.gguf --messages "$u" 2>&1 || echo "exit $?"
# run and chat take one too; a mistake in it is told before anything is generated
echo "--"
r() { "$LUTRA" run -m "$TINY" -p hi -cnv -n 4 --temp 0 --seed 1 "$@" </dev/null || true; }
r --chat-template '{{ "KING RICHARD:\n" }}' | wc -w
r --chat-template-file "$q" --chat-template-kwargs '{"enable_thinking":true}' | wc -c | tr -d '0-9'
r --chat-template nonsense 2>&1
r --chat-template chatml --chat-template-kwargs '[1]' 2>&1
