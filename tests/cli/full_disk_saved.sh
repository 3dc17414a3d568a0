# SPDX-License-Identifier: MIT
# A disk that is full, not only a device that says so: --prompt-cache, --prompt-cache-all and /save tell it by its name,
# leave no part of a file and what was there before, and a chat goes on.
command -v script >/dev/null || { echo 'script is missing' >&2; exit 77; }
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
mkdir "$dir/disk"
export dir HOME=$dir TERM=xterm
disk="mount -t tmpfs -o size=32k none $dir/disk"
unshare -m $disk 2>/dev/null || { echo 'no small disk can be mounted here' >&2; exit 77; }
export disk
cat >"$dir/inside" <<'END'
$disk
cd "$dir/disk"
run() { "$LUTRA" run -m "$TINY" -n 4 --temp 0 "$@" </dev/null; }
left() { ls -A . | tr '\n' ' '; }
long="KING RICHARD: Now is the winter of our discontent made glorious summer by this sun of York"
run -p KING --prompt-cache old >/dev/null
cp old ../old
for words in '--prompt-cache new' '--prompt-cache new --prompt-cache-all' '--prompt-cache old'; do
    code=0
    run -p "$long" $words 2>../err >../out || code=$?
    tail -n 1 ../err
    echo "exit $code, left: $(left)"
    cmp old ../old
done
talk() { script -qec "'$LUTRA' chat '$TINY' -n 4 --temp 0 -c 256" /dev/null | tr -d '\r' >../screen; }
# room for what was said, none for what the model knows of it
rm old
printf '%s\r/save a\rAnd you?\r/save ../kept\r/exit\r' "$long" | talk
grep -o 'saved [0-9]* messages to .*\|lutra: .*disk.*\|lutra: .*space.*' ../screen
echo "left: $(left)"
# no room at all
rm a
head -c 32768 /dev/zero >zeros
printf '%s\r/save a\rAnd you?\r/save ../kept\r/exit\r' "$long" | talk
grep -o 'saved [0-9]* messages to .*\|lutra: .*space.*\|nothing is lost.*' ../screen
echo "left: $(left)"
grep -o '"role":"user"' ../kept | wc -l
END
unshare -m sh -e "$dir/inside"
