# SPDX-License-Identifier: MIT
# Fetching from a server on this machine: whole, continued, wrong sum, not a model, no tool, no name.
command -v python3 >/dev/null && command -v curl >/dev/null || { echo "python3 or curl is missing" >&2; exit 77; }
d=$(mktemp -d)
cp "$TINY" "$d/tiny.gguf"
cp "$TINY" "$d/broken.gguf" # the line breaks after 100,000 bytes, the first time
echo hello >"$d/text.gguf"
python3 - "$d" >"$d/port" 2>/dev/null <<'P' &
import http.server, os, re, sys
os.chdir(sys.argv[1])
class H(http.server.SimpleHTTPRequestHandler):
    def do_GET(self):
        p = self.path.lstrip("/")
        if not os.path.exists(p): return self.send_error(404)
        data = open(p, "rb").read()
        m = re.match(r"bytes=(\d+)-", self.headers.get("Range", ""))
        at = int(m.group(1)) if m else 0
        if m and at >= len(data): return self.send_error(416)
        self.send_response(206 if m else 200)
        if m: self.send_header("Content-Range", f"bytes {at}-{len(data)-1}/{len(data)}")
        self.send_header("Content-Length", str(len(data) - at))
        self.end_headers()
        self.wfile.write(data[at:100000] if p == "broken.gguf" and not m else data[at:])
s = http.server.HTTPServer(("127.0.0.1", 0), H)
print(s.server_address[1], flush=True)
s.serve_forever()
P
server=$!
trap 'kill $server 2>/dev/null; rm -rf "$d"' EXIT
while [ ! -s "$d/port" ]; do sleep 0.05; done
u=http://127.0.0.1:$(cat "$d/port")
unset http_proxy https_proxy all_proxy HTTP_PROXY ALL_PROXY
g() { { "$LUTRA" get "$@" 2>"$d/err" || true; } | sed "s,$d,D,"; sed "s,$d,D,g;s,127.0.0.1:[0-9]*,HOST,g" "$d/err"; }
sum=$(sha256sum "$TINY" | cut -d' ' -f1)
g "$u/tiny.gguf" -o "$d/new/a.gguf" --sha256 "$sum"; cmp "$d/new/a.gguf" "$TINY" && echo same
g "$u/tiny.gguf" -o "$d/new/a.gguf" --sha256 "$sum"
echo "-- continued"
head -c 1000 "$TINY" >"$d/b.gguf.part"
g "$u/tiny.gguf" -o "$d/b.gguf"; cmp "$d/b.gguf" "$TINY" && echo same
cp "$TINY" "$d/g.gguf.part" # all of it came, and it was not given its name
g "$u/tiny.gguf" -o "$d/g.gguf" | grep -v '^curl'; cmp "$d/g.gguf" "$TINY" && echo same
echo "-- broken"
g "$u/broken.gguf" -o "$d/h.gguf" | grep -v '^curl'; ls "$d" | grep '^h'; wc -c <"$d/h.gguf.part"
g "$u/broken.gguf" -o "$d/h.gguf" | grep -v '^curl'; cmp "$d/h.gguf" "$TINY" && echo same
echo "-- wrong"
g "$u/tiny.gguf" -o "$d/c.gguf" --sha256 "$(printf '%064d' 0)"; ls "$d" | grep -c '^c' || true
g "$u/text.gguf" -o "$d/d.gguf"; ls "$d" | grep -c '^d' || true
g "$u/missing.gguf" -o "$d/e.gguf" | grep -v '^curl' || true; ls "$d" | grep -c '^e.gguf$' || true
(PATH=/nonexistent && "$LUTRA" get "$u/tiny.gguf" -o "$d/f.gguf" 2>&1 || true) | sed "s,$d,D,g;s,127.0.0.1:[0-9]*,HOST,g"
g nonsense
g "$u/"
echo "-- known"
"$LUTRA" get | cut -c1-14
