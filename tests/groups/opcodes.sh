# SPDX-License-Identifier: MIT
# What the compiler made of the kernels: the multiplications of the table kernels are those of multiplies.txt, and
# floats are multiplied and added in two roundings everywhere.

# Lines "object function opcode count" of all multiplications in some objects; .r marks those of general
# registers.
multiplies_in() { # multiplies_in OBJDUMP OBJECT...
    local dump=$1 o
    shift
    for o in "$@"; do
        "$dump" -d --no-show-raw-insn "$o" | awk -v object="$(basename "$o" .o)" '
            /^[0-9a-f]+ <.*>:$/ {
                name = substr($2, 2, length($2) - 3)
                sub(/\.(constprop|isra|part|cold|lto_priv).*/, "", name)
                next
            }
            $1 ~ /^[0-9a-f]+:$/ && $2 ~ /mul|madd|mla|mls|msub|mneg|dot|mmla|pdp|dpb|dpp|fn?m(add|sub)/ &&
                $2 !~ /multishift/ { n[name " " $2 ($3 ~ /^[wx][0-9]/ || $2 ~ /^i?mulx?[lq]?$/ && $3 !~ /^v[0-9]/ ? ".r" : "")]++ }
            END { for (k in n) print object, k, n[k] }'
    done
}

# Those that no line of a list allows; only fused float ones if asked for.
unlisted() { # unlisted LIST all|fused <lines
    awk -v list="$1" -v what="$2" '
        function glob(g) { gsub(/[.+]/, "\\\\&", g); gsub(/\*/, ".*", g); gsub(/\?/, ".", g); return "^" g "$" }
        BEGIN {
            while ((getline line < list) > 0)
                if (line !~ /^#/ && split(line, f, " ") > 3) { n++; o[n] = glob(f[1]); w[n] = glob(f[2]); op[n] = glob(f[3]) }
        }
        what == "fused" && $3 !~ /^(vfn?m(add|sub)|fml[as]|fn?m(add|sub)|bfml)/ { next }
        {
            for (i = 1; i <= n; i++) if ($1 ~ o[i] && $2 ~ w[i] && $3 ~ op[i]) next
            print
        }'
}

# Lines "object function opcode count" of all tile instructions in some objects.
tiles_in() { # tiles_in OBJECT...
    local o
    for o in "$@"; do
        objdump -d --no-show-raw-insn "$o" | awk -v object="$(basename "$o" .o)" '
            /^[0-9a-f]+ <.*>:$/ { name = substr($2, 2, length($2) - 3); next }
            $1 ~ /^[0-9a-f]+:$/ && ($2 ~ /^(ldtilecfg|sttilecfg|tilerelease)$/ || /%tmm/) { n[name " " $2]++ }
            END { for (k in n) print object, k, n[k] }'
    done
}

# Tile registers are touched in *_amx.o alone, and every function that configures them releases them, at the end of
# its one way out. (That the 64 bytes of shapes are stored, check_amx sees: it executes the instructions.)
check_tiles() { # check_tiles BUILD
    local all outside unpaired
    all=$(tiles_in $(find "$1/kernels" "$1/models" "$1/runtime" "$1/tools" -name '*.o'))
    outside=$(echo "$all" | awk 'NF && $1 !~ /_amx$/')
    unpaired=$(echo "$all" | awk '$3 == "ldtilecfg" || $3 == "tilerelease" { n[$1 " " $2 " " $3] += $4; f[$1 " " $2] }
        END { for (k in f) if (n[k " ldtilecfg"] != 1 || n[k " tilerelease"] != 1) print k }')
    if [ -z "$outside" ]; then pass; else fail "tile registers outside of *_amx.o: $outside"; fi
    if echo "$all" | grep -q ' ldtilecfg 1$' && [ -z "$unpaired" ]; then pass; else fail "tiles are configured and not released: $unpaired"; fi
}

# The two tests on the objects of one build.
check_opcodes() { # check_opcodes OBJDUMP BUILD
    local dump=$1 build=$2 list=tests/multiplies.txt bad tables
    tables=$(find "$build/kernels" \( -name 'lut_*.o' -o -name 'bit_*.o' -o -name 'bits_*.o' -o -name 'quint_avx*.o' -o -name 'vlut_*.o' \) ! -name '*_pack.o' | sort)
    if [ "$(multiplies_in "$dump" $tables | wc -l)" -lt 4 ]; then fail "$dump finds no multiplications in $build"; return; fi
    bad=$(multiplies_in "$dump" $tables | unlisted $list all)
    if [ -z "$bad" ]; then pass; else fail "multiplications without a line in $list (object function opcode count):"; echo "$bad"; fi
    bad=$(multiplies_in "$dump" $(find "$build/kernels" "$build/models" "$build/runtime" "$build/tools" -name '*.o') | unlisted $list fused)
    if [ -z "$bad" ]; then pass; else fail "fused multiply-adds without a line in $list (object function opcode count):"; echo "$bad"; fi
}

group_opcodes() {
    if ! have objdump; then skip "objdump is missing"; return; fi
    check_opcodes objdump "$BUILD"
    case $(${CC:-cc} -dumpmachine) in x86_64*) check_tiles "$BUILD" ;; esac
    # the list allows no more than it must: a panel kernel under a table kernel's name is found
    local panel
    for panel in $(find "$BUILD/kernels" -name 'mm_avx2.o' -o -name 'mm_neon.o'); do
        cp "$panel" "$tmp/$(basename "$panel" | sed 's/^mm_/lut_/')"
    done
    if [ -n "$(multiplies_in objdump "$tmp"/lut_*.o | unlisted tests/multiplies.txt all)" ]; then pass; else
        fail "integer products of a panel kernel pass for those of a table kernel"
    fi
    # and so is a fused multiply-add
    echo 'float f(float a, float b, float c); float f(float a, float b, float c) { return __builtin_fmaf(a, b, c); }' >"$tmp/f.c"
    local flag=
    case $(${CC:-cc} -dumpmachine) in x86_64*) flag=-mfma ;; esac
    ${CC:-cc} -O2 $flag -c "$tmp/f.c" -o "$tmp/f.o"
    if [ -n "$(multiplies_in objdump "$tmp/f.o" | unlisted tests/multiplies.txt fused)" ]; then pass; else fail "a fused multiply-add is not seen"; fi
    rm -f "$tmp"/lut_*.o
}
