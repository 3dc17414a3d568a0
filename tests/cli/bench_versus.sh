# SPDX-License-Identifier: MIT
# A B A B against a made-up llama-bench: it gets the right words in the right order, its numbers become a
# ratio, claims need five rounds, and one that fails is said in one line.
dir=$(mktemp -d)
cat >"$dir/peer" <<'END'
#!/bin/sh
echo "$@" >>"${0%/*}/words"
while [ $# -gt 0 ]; do
    case $1 in -p) p=$2 ;; -n) n=$2 ;; -d) d=$2 ;; esac
    shift
done
echo "[{\"n_prompt\": $p, \"n_gen\": $n, \"n_depth\": ${d:-0}, \"avg_ts\": 0.001, \"samples_ts\": [0.001]}]"
END
chmod +x "$dir/peer"
run() { "$LUTRA" bench -m "$TINY" -n 0 -t 1 "$@" 2>&1; }
run --versus "$dir/peer" -p 8 -d 4 -r 5 --peer-args '-x  y' -o json >"$dir/out"
grep -o '"rounds": 5\|"peer_ts": 0.001\|"test": ".*"\|"verdict": "Lutra is' "$dir/out"
sed "s|$TINY|MODEL|" "$dir/words"
run --versus "$dir/peer" -p 8 -r 2 | tail -n 1 | grep -o 'too few rounds for a claim'
for peer in false /nonexistent/peer echo; do
    code=0
    run --versus $peer -p 8 -r 1 >"$dir/out" || code=$?
    grep '^lutra' "$dir/out"
    echo $code
done
# our own speed is measured all the same
run --versus false -p 8 -r 3 -o json 2>/dev/null | grep -o '"rounds": 3\|"lutra_ts": [0-9]\|"peer_ts": null\|"ratio": null\|"verdict": .*' | sed 's/[0-9]$/N/'
run --versus false -p 8 -r 1 | grep -o '|  *n/a |  *n/a \[  n/a,   n/a\] |.*|  *n/a | the peer failed' | sed 's/| *[0-9.]* |/| N |/' | tr -s ' '
rm -r "$dir"
