# SPDX-License-Identifier: MIT
# Flags that would change the text are refused by name, unless their value means off.
"$LUTRA" run -m "$TINY" -p KING -n 2 --temp 0 --mirostat 0 --grp-attn-n 1 -ctk f16 --typical 1.0 </dev/null >/dev/null
for flag in '--mirostat 2' '--grammar x' '-ctv q8_0' '--lora x' '-hf a/b' '--port 80' '--mirostat-lr 2'; do
    code=0
    "$LUTRA" run -m "$TINY" -p x $flag </dev/null 2>&1 || code=$?
    [ $code -eq 2 ] || echo "exit $code"
done
