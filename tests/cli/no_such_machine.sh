# SPDX-License-Identifier: MIT
# Numbers of threads that make no sense, levels that this machine lacks: a line says so, the text is the same.
run() { "$LUTRA" run -m "$TINY" -p "KING RICHARD:" -n 8 --temp 0 "$@" </dev/null; }
want=$(run)
for t in 0 -1 -7 257 100000; do
    [ "$(run -t $t -tb $t 2>&1 >/tmp/out.$$)" ] && echo "$t is said"
    [ "$(cat /tmp/out.$$)" = "$want" ] || echo "other text with -t $t"
done
run -t 100000 2>&1 >/tmp/out.$$
"$LUTRA" bench -m "$TINY" -p 4 -n 0 -r 1 -t 0,1,100000 -o csv 2>&1 >/tmp/out.$$
wc -l </tmp/out.$$ | tr -d ' '
"$LUTRA" bench --kernels --shape 16x32 --type Q4_0 --vectors 1 -t 0 -o csv | wc -l | tr -d ' '
# all levels of this build, those that it has alone refuses by name
levels=$(run --cpu none 2>&1 | sed 's/.* auto//')
for level in $levels; do
    said=$(run --cpu $level 2>&1 >/tmp/out.$$)
    [ "$(cat /tmp/out.$$)" = "$want" ] || echo "other text with --cpu $level"
    if "$LUTRA" doctor --levels | grep -qx $level; then here="" bench="" ;
    else here="lutra: CPU level \"$level\" does not run on this machine, " bench="lutra: --cpu $level: does not run on this machine, "; fi
    case $said in "$here"*) ;; *) echo "$level: $said" ;; esac
    [ "$here" ] || [ -z "$said" ] || echo "$level: $said"
    said=$("$LUTRA" bench --kernels --shape 16x32 --type Q4_0 --vectors 1 --cpu $level -o csv 2>&1 >/dev/null)
    case $said in "$bench"*) ;; *) echo "$level: $said" ;; esac
    said=$("$LUTRA" bench -m "$TINY" -p 4 -n 0 -r 1 -t 1 -o none --cpu $level 2>&1)
    case $said in "$here"*) ;; *) echo "$level: $said" ;; esac
done
rm -f /tmp/out.$$
