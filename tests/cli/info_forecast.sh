# SPDX-License-Identifier: MIT
# What a file would take to run here; not asked for, it is not measured.
"$LUTRA" info "$TINY" | sed -n 's/^\(memory to run it: \)[0-9].*/\1ok/p; s/^\(expected here: about \)[0-9.]* tokens.s.*/\1ok/p'
"$LUTRA" info "$TINY" --no-forecast | grep -c 'expected here' || true
# a vocabulary alone is no model: nothing to foretell
"$LUTRA" info tests/data/vocab-bpe.gguf | grep -c 'to run it' || true
# a figure that is kept is used; one that is too old, or of another processor, or not wanted, is not
d=$(mktemp -d)
mkdir "$d/lutra"
cpu=$("$LUTRA" doctor | sed -n 's/^cpu  *//p')
threads=$("$LUTRA" info "$TINY" | sed -n 's/^expected here.* with \([0-9]*\) thread.*/\1/p')
kept() { # TIME CPU [words]
    printf 'lutra memory speed 1\n%d 9912340000000 %d %s\n' "$threads" "$1" "$2" >"$d/lutra/memory-speed"
    XDG_CACHE_HOME=$d "$LUTRA" info "$TINY" $3 | grep -c 'memory reads 9912.3 GB/s' || true
}
now=$(date +%s)
kept "$now" "$cpu"
kept 1600000000 "$cpu"
kept "$now" "$cpu or another"
kept "$now" "$cpu" --measure
# where none can be kept that is no error
for place in /proc/none /dev/null "$d/lutra/memory-speed"; do
    XDG_CACHE_HOME=$place "$LUTRA" info "$TINY" | grep -c 'memory reads '
done
rm -r "$d"
# the head in fewer bits is read in fewer bytes
for head in file q4; do
    "$LUTRA" info "$TINY" --no-forecast --head $head | sed -n 's/^bytes read per generated token: \([0-9]*\) .*/\1/p'
done
