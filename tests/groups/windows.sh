# SPDX-License-Identifier: MIT
# Windows: cross-built by mingw-w64, run under wine. What a person sees at the console goes through wine's own
# console on a pseudo-terminal.

WIN_CC=x86_64-w64-mingw32-gcc-posix

# Units that need nothing Windows lacks (sockets, limits, terminals of POSIX), and not minutes.
WIN_UNITS="test_act test_arena test_base test_cli test_cpu test_gguf_split test_gguf_told test_head test_i2s test_json
    test_lmath test_modes test_pack test_pool test_probe test_qbook test_qtypes test_sampler test_session test_sha256
    test_template test_template_bad test_template_json test_tok_load test_tokenizer"

# same NAME COMMAND...: on Windows the bytes that the program here writes; stdin of both is $tmp/in
same() {
    local name=$1
    shift
    "$LUTRA" "$@" <"$tmp/in" >"$tmp/want" 2>/dev/null
    "$WINE" "$win/lutra.exe" "$@" <"$tmp/in" >"$tmp/got" 2>"$tmp/err"
    if [ -s "$tmp/want" ] && cmp -s "$tmp/want" "$tmp/got"; then pass; else
        fail "windows: $name"
        head -c 300 "$tmp/got"
        head -n 3 "$tmp/err"
    fi
}

win_code() { # win_code EXPECTED ARGUMENTS...
    local want=$1 code
    shift
    "$WINE" "$win/lutra.exe" "$@" </dev/null >"$tmp/out" 2>&1
    code=$?
    if [ $code -eq "$want" ]; then pass; else fail "windows: $*: exit $code, expected $want"; fi
}

win_command_line() {
    : >"$tmp/in"
    same "version" --version
    same "help" --help
    # Linux lends AMX's tiles to a process that asks; on Windows nobody asks
    "$LUTRA" doctor --levels | grep -vx amx >"$tmp/want"
    "$WINE" "$win/lutra.exe" doctor --levels >"$tmp/got" 2>/dev/null
    if [ -s "$tmp/want" ] && cmp -s "$tmp/want" "$tmp/got"; then pass; else fail "windows: levels of this processor: $(tr '\n' ' ' <"$tmp/got")"; fi
    local cpu
    for cpu in $("$LUTRA" doctor --levels); do
        gold tiny-greedy.txt "$WINE" "$win/lutra.exe" run -m "$TINY" $GREEDY --cpu "$cpu"
    done
    same "sampled text" run -m "$TINY" -p KING -n 48 --seed 3
    same "text in UTF-8" run -m "$TINY" -p 'Ärger, 日本, 🙂' -n 8 --temp 0 --display-prompt
    # names and folders in UTF-8, and longer than 260 characters
    local dir name="$tmp/Zürich 模型.gguf" i
    cp "$TINY" "$name"
    same "name in UTF-8" run -m "$name" -p KING -n 8 --temp 0
    dir=$tmp/long
    for i in 1 2 3 4 5; do dir=$dir/$(printf 'folder-%060d' $i); done
    mkdir -p "$dir"
    cp "$TINY" "$dir/m.gguf"
    same "path of ${#dir} characters" run -m "$dir/m.gguf" -p KING -n 8 --temp 0
    same "template" template "$TINY" --messages '[{"role":"user","content":"Ä"}]' --chat-template '{{ messages[0].content | upper }}'
    # bytes through pipes as they are
    printf 'KING\r\n\032RICHARD\n\377' >"$tmp/in"
    same "bytes from a pipe" tokenize -m "$TINY"
    printf 'My lord' >"$tmp/in"
    same "prompt from a pipe" run -m "$TINY" -n 8 --temp 0
    printf 'My lord\n' >"$tmp/in"
    same "chat from a pipe" chat "$TINY" -n 8 --temp 0
    sed 's/$/\r/' "$tmp/in" >"$tmp/in.crlf"
    mv "$tmp/in.crlf" "$tmp/in"
    "$WINE" "$win/lutra.exe" chat "$TINY" -n 8 --temp 0 <"$tmp/in" >"$tmp/got" 2>/dev/null
    if cmp -s "$tmp/want" "$tmp/got"; then pass; else fail "windows: a message that ends as lines of Windows do"; fi
    # files written: the same bytes, and over one that is there
    for i in 1 2; do
        "$LUTRA" synth --shape tiny --type Q4_0 -o "$tmp/a.gguf" >/dev/null 2>"$tmp/err"
        "$WINE" "$win/lutra.exe" synth --shape tiny --type Q4_0 -o "$tmp/Ä.gguf" >/dev/null 2>>"$tmp/err"
    done
    if cmp -s "$tmp/a.gguf" "$tmp/Ä.gguf"; then pass; else fail "windows: synth writes another file"; head -n 4 "$tmp/err"; fi
    # where models lie
    if LUTRA_MODELS="$tmp;$tmp/none" "$WINE" "$win/lutra.exe" list 2>/dev/null | grep -q 'Zürich 模型.gguf'; then pass; else
        fail "windows: list does not find a file"; fi
    win_code 2 run --no-such-flag
    win_code 3 run -m "$tmp/none.gguf" -p x
    win_code 3 info "$tmp"
    win_code 1 get http://127.0.0.1:9/x.gguf -o "$tmp/x.gguf"
}

# on_console COMMAND: on a pseudo-terminal; once more, with the same keys, where wine lost its server
on_console() {
    "$@"
    ! grep -q 'wine client error:' "$tmp/screen" || "$@"
}

# typed COMMAND [WAIT KEYS]...: a console, keys typed after seconds
typed() {
    local command=$1
    shift
    while [ $# -gt 1 ]; do
        sleep "$1"
        printf "$2"
        shift 2
    done | timeout 60 script -qec "$command" /dev/null >"$tmp/screen"
}

ctrl_event() {
    script -qec "'$WINE' '$tmp/win_ctrl.exe' '$tmp/text' '$win/lutra.exe' run -m '$TINY' -p KING --ignore-eos -c 200000 -n 2000000 --temp 0 -t 1" /dev/null >"$tmp/screen"
}

win_console() {
    if ! have script; then skip "script is missing"; return; fi
    local chat="'$WINE' '$win/lutra.exe' chat '$TINY' --temp 0"
    export TERM=xterm
    # two lines, an arrow to correct a letter, UTF-8, what was said in a file
    on_console typed "$chat -n 8 -c 256" 2 'My lorb\033[D\033[3~d\\\rand lady\r' 3 "/save $tmp/a.json\r" 1 'Ärger\r' 3 "/save $tmp/Ü.json\r" 1 '/exit\r' 1 ''
    if grep -q '"role":"user","content":"My lord\\nand lady"' "$tmp/a.json"; then pass; else fail "windows: typed message"; head -n 3 "$tmp/a.json"; fi
    if grep -q '"role":"user","content":"Ärger"' "$tmp/Ü.json"; then pass; else fail "windows: typed UTF-8"; fi
    if grep -q '·' "$tmp/screen"; then pass; else fail "windows: UTF-8 on the screen"; fi
    # Ctrl-C stops the answer, the chat goes on
    on_console typed "$chat -n 2000000 -c 4000000 --ignore-eos" 3 'My lord\r' 4 '\003' 2 "/save $tmp/c.json\r" 2 '/exit\r' 1 ''
    if [ "$(grep -c '"role":"assistant"' "$tmp/c.json")" = 1 ]; then pass; else fail "windows: chat after Ctrl-C"; tail -c 300 "$tmp/screen"; fi
    if on_console ctrl_event; then pass; else fail "windows: Ctrl-C event"; tail -n 15 "$tmp/screen"; fi
}

win_library() {
    local names
    names=$(grep -o '^LUTRA_API .*[ *]lutra_[a-z0-9_]*(' runtime/lutra.h | grep -o 'lutra_[a-z0-9_]*(' | tr -d '(' | sort)
    if [ "$(x86_64-w64-mingw32-objdump -p "$win/lutra.dll" | sed -n '/Ordinal.Name Pointer/,/^$/p' | awk '/lutra_/ {print $NF}' | sort)" = "$names" ]; then
        pass; else fail "lutra.dll exports other names than lutra.h declares"; fi
    local bad
    bad=$(x86_64-w64-mingw32-objdump -p "$win/lutra.exe" "$win/lutra.dll" | awk '/DLL Name/ {print tolower($3)}' | sort -u |
        grep -vxE '(kernel32|msvcrt|shell32|lutra)\.dll')
    if [ -z "$bad" ]; then pass; else fail "needed besides Windows' own: $bad"; fi
    local src=tests/examples/app.c
    must "application with lutra.dll builds" $WIN_CC -Wall -Wextra -Wno-missing-field-initializers -Werror -DLUTRA_SHARED -Iruntime $src -o "$tmp/app.exe" -L"$win" -llutra.dll
    must "application with liblutra.a builds" $WIN_CC -Wall -Wextra -Wno-missing-field-initializers -Werror -static -Iruntime $src -o "$tmp/app_static.exe" "$win/liblutra.a" -lm -pthread
    cp "$win/lutra.dll" "$tmp"
    must "application builds here" ${CC:-cc} -Iruntime $src -o "$tmp/app" "$BUILD/liblutra.a" -lm -pthread
    "$tmp/app" "$TINY" | tr -d '\r\n' >"$tmp/want"
    local app
    for app in app app_static; do
        "$WINE" "$tmp/$app.exe" "$TINY" 2>/dev/null | tr -d '\r\n' >"$tmp/got"
        if [ -s "$tmp/got" ] && cmp -s "$tmp/got" "$tmp/want"; then pass; else fail "windows: $app.exe"; head -c 300 "$tmp/got"; fi
    done
}

# What runs the programs: by itself, with a wine that loses its server in the first run, in the first two, never.
win_wrapper() {
    local times got code
    cat >"$tmp/fake_wine" <<'EOF'
#!/bin/bash
read -r line
echo "wine client error: $line $*"
n=$(cat "$0.left")
if [ "$n" -gt 0 ]; then
    echo $((n - 1)) >"$0.left"
    echo 'wine client error:1c: recvmsg: Connection reset by peer' >&2
    exit 3
fi
echo end >&2
exit 3
EOF
    chmod +x "$tmp/fake_wine"
    echo text >"$tmp/in"
    for times in 0 1 2; do
        echo $times >"$tmp/fake_wine.left"
        WINE_PROGRAM=$tmp/fake_wine tests/win/wine.sh a 'b c' <"$tmp/in" >"$tmp/got" 2>"$tmp/err"
        code=$?
        got="$code $(cat "$tmp/got" "$tmp/err" | tr '\n' '|') $(cat "$tmp/fake_wine.left")"
        case "$times: $got" in
        "0: 3 wine client error: text a b c|end| 0" | "1: 3 wine client error: text a b c|end| 0" | "2: 125 wine client error:1c: recvmsg: Connection reset by peer| 0") pass ;;
        *) fail "wine.sh where the server is lost $times times: $got" ;;
        esac
    done
}

group_windows() {
    win_wrapper
    if ! have $WIN_CC; then skip "$WIN_CC is missing"; return; fi
    local win=$BUILD-windows units name src
    units=$(for name in $WIN_UNITS; do echo "$make_build-windows/$name.exe"; done
        for src in tests/check_*.c; do
            # the AMX check steps through signals that Windows has not
            grep -q 'amx_trap.h' "$src" || echo "$make_build-windows/$(basename "$src" .c).exe"
        done)
    if ! $MAKE -s BUILD="$make_build" WERROR=1 GOAL="$(echo $units)" windows >"$tmp/make" 2>&1; then
        fail "build: windows"
        grep -E 'warning:|error:' "$tmp/make" | head -n 8
        return
    fi
    pass
    must "win_ctrl builds" $WIN_CC -O1 -Wall -Wextra -Werror -static tests/win/win_ctrl.c -o "$tmp/win_ctrl.exe"
    local WINE=$PWD/tests/win/wine.sh
    export WINE_PROGRAM=/usr/lib/wine/wine64
    [ -x $WINE_PROGRAM ] || WINE_PROGRAM=wine
    if ! have $WINE_PROGRAM; then skip "wine is missing"; return; fi
    # a prefix of its own; no display; file names are UTF-8 for wine too
    export WINEPREFIX=$tmp/wine WINEDEBUG=-all LC_ALL=C.UTF-8 WINEDLLOVERRIDES='mscoree,mshtml='
    local keep_display=${DISPLAY-}
    unset DISPLAY
    # one server for all programs: one that ends and begins again between them can lose a program that begins just then
    trap 'wineserver -k 2>/dev/null; rm -rf "$tmp"' EXIT # of this prefix alone
    wineserver -p 2>/dev/null
    "$WINE" wineboot -i >/dev/null 2>&1
    for name in $units; do
        name=$(basename "$name" .exe)
        case $name in
        test_i2s) program "$name" "$WINE" "$win/$name.exe" "$tiny_dir" ;;
        *) program "$name" "$WINE" "$win/$name.exe" ;;
        esac
    done
    win_command_line
    win_library
    win_console
    wineserver -k 2>/dev/null
    trap 'rm -rf "$tmp"' EXIT
    unset WINE_PROGRAM WINEPREFIX WINEDEBUG LC_ALL WINEDLLOVERRIDES
    [ -z "$keep_display" ] || export DISPLAY=$keep_display
    rm -rf "$win"
}
