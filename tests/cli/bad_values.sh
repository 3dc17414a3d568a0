# SPDX-License-Identifier: MIT
# Values out of range or not numbers: exit 2, a line that names the flag, no output.
bad() {
    word=$1 code=0
    [ "$1" = --cpu ] && word='CPU level'
    out=$("$LUTRA" run -m "$TINY" -p x "$@" 2>&1 >/dev/null </dev/null) || code=$?
    case $out in *"${word%=*}"*) ;; *) echo "no mention of $word: $out" ;; esac
    [ $code -eq 2 ] || echo "exit $code for $*"
}
bad -n
bad -n x
bad -n -3
bad -n 99999999999999999999
bad -c -1
bad -c 2147483648
bad -t x
bad -tb 1.5
bad -b 0
bad --temp nan
bad --temp inf
bad --temp ''
bad --top-k 1.5
bad --top-p ''
bad --repeat-penalty 0
bad --seed -2
bad --seed 18446744073709551616
bad --precision medium
bad --kernels avx
bad --head q5
bad --i2s-layout 96
bad --cpu pentium
bad -p
bad --special=yes

# a prompt that cannot be read
code=0
"$LUTRA" run -m "$TINY" -f /no/such/file 2>&1 </dev/null || code=$?
echo $code
