# SPDX-License-Identifier: MIT
# A chat that waits at its prompt takes no CPU time: not one tick of the system's clock in half a second.
command -v script >/dev/null || { echo "script is missing" >&2; exit 77; }
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
export HOME=$dir XDG_STATE_HOME=$dir/state TERM=xterm
mkfifo "$dir/keys"
script -qec "sh -c 'echo \$\$ >$dir/pid; exec \"$LUTRA\" chat \"$TINY\" -n 8 --temp 0 -t 4'" /dev/null <"$dir/keys" >"$dir/screen" &
exec 3>"$dir/keys"
printf 'My lord\r/stats\r' >&3
wait_for() { # the screen shows it
    for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
        grep -q "$1" "$dir/screen" && return
        sleep 0.5
    done
    echo "no $1 on the screen"
}
wait_for 'threads'
sleep 0.3
used() { sed 's/.*) //' "/proc/$(cat "$dir/pid")/stat" | cut -d' ' -f12,13; }
before=$(used)
sleep 0.5
[ "$(used)" = "$before" ] && echo "idle"
[ "$(ls "/proc/$(cat "$dir/pid")/task" | wc -l)" -ge 4 ] && echo "with its threads"
printf '/exit\r' >&3
exec 3>&-
wait
