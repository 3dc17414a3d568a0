# SPDX-License-Identifier: MIT
# Wrong command lines: one line that names what is wrong, exit 2, no output.
bad() {
    want=$1 word=$2 code=0
    shift 2
    out=$("$LUTRA" bench "$@" 2>&1 >/tmp/out.$$ </dev/null) || code=$?
    [ $code -eq "$want" ] || echo "exit $code for $*"
    [ "$(printf '%s\n' "$out" | wc -l)" -eq 1 ] || echo "not one line for $*"
    case $out in *"$word"*) ;; *) echo "no mention of $word: $out" ;; esac
    [ -s /tmp/out.$$ ] && echo "output for $*"
    rm -f /tmp/out.$$
}
bad 2 'needs a model'
bad 2 '-p 1-8*1' -m "$TINY" -p '1-8*1'
bad 2 '-p x' -m "$TINY" -p x
bad 2 '-t x' -m "$TINY" -t x
bad 2 '-pg 8' -m "$TINY" -pg 8
bad 2 'nothing to measure' -m "$TINY" -p 0 -n 0
bad 2 'more than 65536' -m "$TINY" -p 1-256 -d 1-256 -b 1-256
bad 2 '-r 0' -m "$TINY" -r 0
bad 2 '-o xml' -m "$TINY" -o xml
bad 2 '--bits' -m "$TINY" --bits 2
bad 2 '--way' -m "$TINY" --kernels dot --way dot
bad 2 '--way x' --kernels --way x
bad 2 'needs a model' --kernels lut
bad 2 'needs a model' --kernels dot -t 1
bad 2 'one --shape' --ops --shape 4x4 --shape 8x8
bad 2 '--bits' --kernels --bits 0
bad 2 '--bits' --kernels --bits 9
bad 1 'groups of 64' --kernels --bits 2 --group 64
bad 2 '--shape 4096' --kernels --shape 4096
bad 2 '--type Q9_9' --kernels --type Q9_9
bad 2 '--vectors' --kernels --vectors 0
bad 2 'one -t' --kernels -t 1,2
bad 2 '--cpu pentium' --kernels --cpu pentium
bad 2 '-ctk' -m "$TINY" -ctk q8_0
bad 3 'no/such' -m no/such.gguf
