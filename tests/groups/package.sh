# SPDX-License-Identifier: MIT
# What users get: libraries, pkg-config, examples in seven languages, manual pages, completions, static programs, Debian
# packages. `make test GROUPS=package`.

prefix= # where this group has installed Lutra

installed() {
    prefix=$tmp/prefix
    must "make install" $MAKE -s BUILD="$make_build" install PREFIX="$prefix"
    [ -f "$prefix/lib/pkgconfig/lutra.pc" ]
}

# ---- libraries ----

package_library() {
    local so=$prefix/lib/liblutra.so.0 bad size
    strip -s -o "$tmp/stripped.so" "$so"
    size=$(wc -c <"$tmp/stripped.so")
    echo "  liblutra.so stripped: $size bytes"
    # one MiB is what the library may weigh, as gcc 12 makes it for x86-64; other compilers are heard, not judged
    if [ "$size" -le 1048576 ]; then pass
    else
        case $(${CC:-cc} -dumpmachine)-$(${CC:-cc} --version | head -n 1) in
        x86_64*cc\ \(*\)\ 12.*) fail "liblutra.so stripped has $size bytes, 1048576 are allowed" ;;
        *) skip "liblutra.so stripped has $size bytes; 1048576 hold for gcc 12 on x86-64" ;;
        esac
    fi
    if readelf -d "$so" | grep -q 'SONAME.*\[liblutra.so.0\]'; then pass; else fail "soname"; fi
    bad=$(nm -D --undefined-only "$so" | awk '{print $NF}' | sed 's/@.*//' |
        grep -xE '(abort|exit|_exit|_Exit|quick_exit|v?f?printf|f?puts|putchar|perror|getenv|secure_getenv|signal|sigaction|longjmp|__assert_fail|system|popen)')
    if [ -z "$bad" ]; then pass; else fail "liblutra.so imports: $bad"; fi
    # exported is what the header declares, under LUTRA_0
    nm -D --defined-only "$so" | awk '$2 != "A" {print $3}' | sort >"$tmp/exported"
    sed -n 's/^LUTRA_API .*[ *]\(lutra_[a-z0-9_]*\)(.*/\1@@LUTRA_0/p' runtime/lutra.h | sort >"$tmp/declared"
    if [ -s "$tmp/declared" ] && cmp -s "$tmp/exported" "$tmp/declared"; then pass; else
        fail "exported symbols are not those of lutra.h"
        diff "$tmp/declared" "$tmp/exported" | head -n 5
    fi
    echo "  $(wc -l <"$tmp/exported") functions exported"
}

# ---- examples ----

# runs WHAT EXPECTED COMMAND...: its stdout is the file EXPECTED
runs() {
    local what=$1 want=$2
    shift 2
    if "$@" >"$tmp/said" 2>"$tmp/err" </dev/null && [ -s "$tmp/said" ] && cmp -s "$want" "$tmp/said"; then pass; else
        fail "$what: other output"
        head -n 3 "$tmp/err" "$tmp/said"
    fi
}

# example SOURCE COMPILER STD [name of the program]: compiled as README says, shared, then static
example() {
    local src=tests/examples/$1 cc=$2 std=$3 lang=
    if ! have "$cc"; then skip "$cc is missing"; return 1; fi
    case $std in c++*) lang="-x c++" ;; esac
    must "$1 with $cc $std" $cc $lang -std=$std -Wall -Wextra -Wpedantic -Werror "$src" -o "$tmp/app" \
        $(pkg-config --cflags --libs lutra) ${4:-} -Wl,-rpath,"$prefix/lib"
    must "$1 with $cc $std, static library" $cc $lang -std=$std -Wall -Wextra -Wpedantic -Werror "$src" -o "$tmp/app-static" \
        $(PKG_CONFIG_PATH=$tmp/archive/pkgconfig pkg-config --cflags --libs --static lutra) ${4:-}
    if readelf -d "$tmp/app-static" | grep -q liblutra; then fail "$1: static, and needs liblutra.so"; else pass; fi
}

package_examples() {
    if ! have pkg-config; then skip "pkg-config is missing"; return; fi
    local c std
    export PKG_CONFIG_PATH=$prefix/lib/pkgconfig
    # a folder with the archive alone
    mkdir -p "$tmp/archive/pkgconfig"
    cp "$prefix/lib/liblutra.a" "$tmp/archive"
    sed "s|^libdir=.*|libdir=$tmp/archive|" "$prefix/lib/pkgconfig/lutra.pc" >"$tmp/archive/pkgconfig/lutra.pc"
    "$LUTRA" run -m "$TINY" -p "KING RICHARD:" -n 24 --seed 0 2>/dev/null </dev/null >"$tmp/want"
    for c in "gcc c99" "gcc c11" "clang c99" "g++ c++17" "clang++ c++17"; do
        example app.c $c || continue
        runs "app.c, $c" "$tmp/want" "$tmp/app" "$TINY"
        runs "app.c, $c, static" "$tmp/want" "$tmp/app-static" "$TINY"
    done
    for c in g++ clang++; do
        example app.cc $c c++17 && runs "app.cc, $c" "$tmp/want" "$tmp/app" "$TINY"
    done
    example eight.c gcc c11 -pthread
    "$tmp/app" "$TINY" turn >"$tmp/turn" 2>/dev/null
    if [ "$(sort -u "$tmp/turn" | grep -c '^[0-7]: ')" -eq 8 ]; then pass; else fail "eight.c one after the other: not eight texts"; fi
    runs "eight.c: eight threads" "$tmp/turn" "$tmp/app" "$TINY"
    example cancel.c gcc c11 -pthread
    "$tmp/app" "$TINY" whole >"$tmp/whole" 2>/dev/null || fail "cancel.c without a stop"
    runs "cancel.c: stopped and resumed" "$tmp/whole" "$tmp/app" "$TINY"
    if have python3; then runs "app.py" "$tmp/want" python3 tests/examples/app.py "$prefix/lib/liblutra.so.0" "$TINY"; else skip "python3 is missing"; fi
    if have go; then
        must "app.go builds" env GO111MODULE=off GOCACHE="$tmp/go" CGO_ENABLED=1 CGO_CFLAGS="$(pkg-config --cflags lutra)" \
            CGO_LDFLAGS="$(pkg-config --libs lutra) -Wl,-rpath,$prefix/lib" go build -o "$tmp/app-go" tests/examples/app.go
        runs "app.go" "$tmp/want" "$tmp/app-go" "$TINY"
    else skip "go is missing"; fi
    if have rustc; then
        must "app.rs builds" rustc -D warnings -A dead_code -L "native=$prefix/lib" -l lutra -C "link-arg=-Wl,-rpath,$prefix/lib" \
            -o "$tmp/app-rs" tests/examples/app.rs
        runs "app.rs" "$tmp/want" "$tmp/app-rs" "$TINY"
    else skip "rustc is missing"; fi
    unset PKG_CONFIG_PATH
}

# ---- manual pages and completions ----

package_man() {
    local page n=0 said
    for page in "$prefix"/share/man/man?/*; do
        n=$((n + 1))
        if have groff; then
            said=$(groff -ww -man -Tutf8 -z "$page" 2>&1)
            if [ -z "$said" ]; then pass; else fail "groff: $said"; fi
        fi
        if have man; then
            said=$(MANROFFOPT= man --warnings -E UTF-8 -l -Tutf8 -Z "$page" 2>&1 >/dev/null)
            if [ -z "$said" ]; then pass; else fail "man --warnings: $said"; fi
        fi
        if have mandoc; then
            said=$(mandoc -Tlint -Werror "$page" 2>&1)
            if [ -z "$said" ]; then pass; else fail "mandoc: $said"; fi
        fi
    done
    for page in groff man mandoc; do have $page || skip "$page is missing"; done
    # one for each subcommand, and every function
    if [ $n -eq $(($("$LUTRA" --help | grep -c '^  lutra [a-z]') + 2)) ]; then pass; else fail "$n manual pages"; fi
    for page in $(sed 's/@.*//' "$tmp/declared"); do
        grep -q "$page(" "$prefix/share/man/man3/lutra.h.3" || fail "lutra.h.3 lacks $page"
    done
    grep -q 'temperature' "$prefix/share/man/man1/lutra-run.1" && pass || fail "lutra-run.1 lacks its options"
}

package_completion() {
    local said
    said=$(bash -c '. "$1"; for w in "ben" "run --temp" "run --no-disp" "run --kernels d"; do
        COMP_WORDS=(lutra $w); COMP_CWORD=$((${#COMP_WORDS[@]} - 1)); _lutra; echo "${COMPREPLY[*]}"; done' - \
        "$prefix/share/bash-completion/completions/lutra")
    if [ "$said" = "bench
--temp --temperature
--no-display-prompt
dot deq" ]; then pass; else fail "bash completes: $said"; fi
    if have fish; then
        said=$(HOME=$tmp fish -N -c 'source $argv[1]; complete -C "lutra ben"; complete -C "lutra run --no-disp"; complete -C "lutra run --kernels d"' \
            "$prefix/share/fish/vendor_completions.d/lutra.fish" 2>&1 | cut -f1 | tr '\n' ' ')
        if [ "$said" = "bench --no-display-prompt deq dot " ]; then pass; else fail "fish completes: $said"; fi
    else skip "fish is missing"; fi
    if have zsh; then
        cat >"$tmp/zpty" <<'EOF'
zmodload zsh/zpty
ask() { # WORDS TO_BE_SEEN: types them and a tab
    zpty z env TERM=dumb zsh -f
    zpty -w z "PS1= PS2= RPS1=; fpath=($1 \$fpath); autoload -U compinit; compinit -u -D"
    zpty -w -n z "$2"$'\t'
    local all= part i
    for i in {1..50}; do
        while zpty -r -t z part; do all+=$part; done
        [[ $all == *${~3}* ]] && break
        sleep 0.1
    done
    zpty -d z
    [[ $all == *${~3}* ]] && print yes || print -r -- "no: $all"
}
ask $1 'lutra ben' 'lutra ben*ch' # what is added may stand behind a cursor movement
ask $1 'lutra run --no-disp' 'lutra run --no-display-prompt'
ask $1 'lutra run --kernels de' 'lutra run --kernels deq'
EOF
        said=$(HOME=$tmp timeout 60 zsh -f "$tmp/zpty" "$prefix/share/zsh/site-functions" 2>&1 | tr '\n' ' ')
        if [ "$said" = "yes yes yes " ]; then pass; else fail "zsh completes: $said"; fi
    else skip "zsh is missing"; fi
}

# ---- static programs ----

# in_nothing PROGRAM: runs in a folder that holds it and a model, and nothing else
in_nothing() {
    local box=$tmp/box enter=chroot
    rm -rf "$box" && mkdir "$box" && cp "$1" "$box/lutra" && cp "$TINY" "$box/model.gguf"
    [ "$(id -u)" = 0 ] || enter="unshare -r chroot"
    if ! $enter "$box" /lutra --version >/dev/null 2>"$tmp/err" && [ "$(id -u)" != 0 ]; then skip "no chroot for this user"; return; fi
    runs "$1 in an empty folder" tests/golden/text/tiny-greedy.txt $enter "$box" /lutra run -m /model.gguf $GREEDY
}

package_static() {
    # objects are those of the build: only the link differs
    rm -rf "$BUILD-static" && cp -a "$BUILD" "$BUILD-static"
    must "STATIC=1" $MAKE -s BUILD="$make_build-static" STATIC=1 "$make_build-static/lutra"
    in_nothing "$BUILD-static/lutra"
    rm -rf "$BUILD-static"
    if have musl-gcc; then
        must "STATIC=1 with musl" $MAKE -s BUILD="$make_build-musl" CC=musl-gcc STATIC=1 "$make_build-musl/lutra"
        in_nothing "$BUILD-musl/lutra"
        rm -rf "$BUILD-musl"
    else skip "musl-gcc is missing"; fi
}

# ---- container and unit ----

package_files() {
    local bad
    # a lint of our own: known instructions, stages that exist, arrays where a shell is missing
    bad=$(awk '/^#/ || /^$/ {next} /\\$/ {next}
        !/^(FROM|RUN|WORKDIR|COPY|USER|ENTRYPOINT|CMD) / {print "unknown: " $0}
        $1 == "FROM" {last = $2; if ($3 == "AS") stage[$4] = 1}
        $1 == "COPY" && $2 ~ /^--from=/ {sub(/--from=/, "", $2); if (!($2 in stage)) print "no stage " $2; if ($3 !~ /\/build\/lutra$/) print "what is copied: " $3}
        ($1 == "ENTRYPOINT" || $1 == "CMD" || ($1 == "RUN" && last == "scratch")) && $2 !~ /^\[".*"\]$/ {print "a shell is needed: " $0}
        END {if (last != "scratch") print "the last stage is " last}' tools/packaging/Dockerfile)
    if [ -z "$bad" ]; then pass; else fail "Dockerfile: $bad"; fi
    if have systemd-analyze; then
        mkdir -p "$tmp/unit"
        sed "s|/usr/bin/lutra|$LUTRA|; /^Documentation/d" 'tools/packaging/lutra-run@.service' >"$tmp/unit/lutra-run@.service"
        bad=$(SYSTEMD_LOG_LEVEL=warning systemd-analyze verify --man=no --recursive-errors=no "$tmp/unit/lutra-run@x.service" 2>&1)
        if [ -z "$bad" ]; then pass; else fail "systemd-analyze verify: $bad"; fi
    else skip "systemd-analyze is missing"; fi
}

# ---- Debian packages ----

package_debian() {
    local t root=$tmp/debroot said
    for t in dpkg-buildpackage dh fakeroot; do have $t || { skip "$t is missing"; return; }; done
    if ! $MAKE -s BUILD="$make_build" deb >"$tmp/deb" 2>&1; then fail "make deb"; tail -n 15 "$tmp/deb"; return; fi
    pass
    if have lintian; then
        said=$(lintian --allow-root --fail-on error "$BUILD"/deb/*.changes 2>&1)
        if [ $? -eq 0 ]; then pass; else fail "lintian: $said"; fi
        [ -z "$said" ] || echo "$said" | cut -d: -f1 | sort | uniq -c | sed 's/^ */  lintian: /'
    else skip "lintian is missing"; fi
    # into a folder of its own, not onto this machine
    mkdir -p "$root/var/lib/dpkg/updates" "$root/var/lib/dpkg/info" "$root/var/lib/dpkg/triggers"
    : >"$root/var/lib/dpkg/status"
    local in="fakeroot dpkg --root=$root --log=$root/var/log --force-script-chrootless --force-depends --force-not-root"
    must "packages install" $in -i "$BUILD"/deb/lutra_0*.deb "$BUILD"/deb/liblutra0_0*.deb "$BUILD"/deb/liblutra-dev_0*.deb
    runs "the installed program" tests/golden/text/tiny-greedy.txt "$root/usr/bin/lutra" run -m "$TINY" $GREEDY
    for t in usr/include/lutra.h usr/share/man/man1/lutra-run.1.gz usr/share/bash-completion/completions/lutra; do
        if [ -s "$root/$t" ]; then pass; else fail "no $t in the packages"; fi
    done
    must "packages are removed" $in --purge lutra liblutra-dev liblutra0
    said=$(find "$root" -mindepth 1 -not -path "$root/var*")
    if [ -z "$said" ]; then pass; else fail "left behind: $said"; fi
    rm -rf "$BUILD/deb"
}

group_package() {
    installed || return
    package_library
    package_examples
    package_man
    package_completion
    package_static
    package_files
    package_debian
    must "make uninstall" $MAKE -s BUILD="$make_build" uninstall PREFIX="$prefix"
    if [ -z "$(find "$prefix" -type f -o -type l)" ]; then pass; else fail "uninstall leaves $(find "$prefix" -type f -o -type l)"; fi
}
