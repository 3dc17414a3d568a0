/* SPDX-License-Identifier: MIT */
/* x86-64: CPUID says what the processor can do, XCR0 which registers the system saves. */
#include "kernels/cpu.h"

#if defined(__x86_64__)

#include <cpuid.h>
#include <string.h>
#if defined(__linux__)
#include <sys/syscall.h>
#include <unistd.h>
#endif

struct regs {
    unsigned a, b, c, d;
};

/* all zero for a leaf the processor does not have */
static struct regs cpuid(unsigned leaf, unsigned sub)
{
    struct regs r = {0, 0, 0, 0};
    if (!__get_cpuid_count(leaf, sub, &r.a, &r.b, &r.c, &r.d)) return (struct regs){0, 0, 0, 0};
    return r;
}

static bool bit(unsigned word, int n)
{
    return word >> n & 1;
}

/* XGETBV as bytes, so that no -mxsave is needed; call only if CPUID shows OSXSAVE */
static unsigned xcr0(void)
{
    unsigned low, high;
    __asm__ volatile(".byte 0x0f, 0x01, 0xd0" : "=a"(low), "=d"(high) : "c"(0));
    return low;
}

#define XCR0_YMM 0x06u /* XMM and the upper halves of YMM */
#define XCR0_ZMM 0xe0u /* opmask, the upper halves of ZMM, ZMM16-31 */
#define XCR0_TILES 0x60000u /* the shapes of AMX's tiles, and the tiles */

/* AMX with int8 products and, palette 1, eight tiles of 16 rows of 64 bytes. */
static bool has_amx(void)
{
    struct regs seven = cpuid(7, 0), shapes = cpuid(0x1d, 1);
    return bit(seven.d, 24) && bit(seven.d, 25) && (shapes.b & 0xffff) == 64 &&
           shapes.b >> 16 >= 8 && (shapes.c & 0xffff) >= 16;
}

/* Leave for all threads of the process to have 8 KB of tiles each. The first call decides; others
 * hear the same again. (Linux, Documentation/arch/x86/xstate.rst.) */
static bool ask_for_tiles(void)
{
#if defined(__linux__) && defined(SYS_arch_prctl)
    enum { ARCH_REQ_XCOMP_PERM = 0x1023, XTILEDATA = 18 };
    return syscall(SYS_arch_prctl, ARCH_REQ_XCOMP_PERM, XTILEDATA) == 0;
#else
    return false;
#endif
}

/* NULL if the processor's AMX may be used. */
static const char *amx_withheld(unsigned saved)
{
    if ((saved & XCR0_TILES) != XCR0_TILES) return "the system does not save its AMX tiles";
    if (!ask_for_tiles()) return "the system does not lend AMX tiles to this process";
    return NULL;
}

const char *lutra_cpu_withheld(uint32_t features)
{
    if (!(features & LUTRA_CPU_AMX) || !has_amx() || !bit(cpuid(1, 0).c, 27)) return NULL;
    return amx_withheld(xcr0());
}

uint32_t lutra_cpu_detect(void)
{
    struct regs one = cpuid(1, 0), seven = cpuid(7, 0);
    uint32_t have = 0;
    if (bit(one.c, 9)) have |= LUTRA_CPU_SSSE3;
    bool os_saves = bit(one.c, 27), avx = bit(one.c, 28), f16c = bit(one.c, 29);
    if (!os_saves || !avx) return have;
    unsigned saved = xcr0();
    if ((saved & XCR0_YMM) != XCR0_YMM) return have;

    bool avx2 = bit(seven.b, 5);
    if (!avx2 || !f16c) return have;
    have |= LUTRA_CPU_AVX2;
    if (bit(seven.c, 8)) have |= LUTRA_CPU_GFNI;
    if (seven.a >= 1 && bit(cpuid(7, 1).a, 4)) have |= LUTRA_CPU_AVXVNNI;

    bool f = bit(seven.b, 16), dq = bit(seven.b, 17), bw = bit(seven.b, 30), vl = bit(seven.b, 31);
    if (!f || !dq || !bw || !vl || (saved & XCR0_ZMM) != XCR0_ZMM) return have;
    have |= LUTRA_CPU_AVX512;
    if (bit(seven.c, 1) && bit(seven.c, 6)) have |= LUTRA_CPU_VBMI; /* and VBMI2: they come together */
    if (bit(seven.c, 11)) have |= LUTRA_CPU_VNNI512;
    if (has_amx() && !amx_withheld(saved)) have |= LUTRA_CPU_AMX;
    return have;
}

bool lutra_cpu_fetch(void)
{
    static const char alone[][sizeof "AuthenticAMD"] = {"AuthenticAMD", "HygonGenuine"};
    const struct regs r = cpuid(0, 0);
    const unsigned words[3] = {r.b, r.d, r.c};
    for (size_t i = 0; i < sizeof alone / sizeof *alone; i++)
        if (memcmp(words, alone[i], sizeof words) == 0) return false;
    return true;
}

char *lutra_cpu_model(char *dst, size_t cap)
{
    unsigned words[12] = {0};
    char brand[sizeof words + 1], text[sizeof words + 1];
    if (cpuid(0x80000000u, 0).a >= 0x80000004u) {
        for (unsigned i = 0; i < 3; i++) {
            struct regs r = cpuid(0x80000002u + i, 0);
            memcpy(words + 4 * i, &r, sizeof r);
        }
    }
    memcpy(brand, words, sizeof words);
    brand[sizeof words] = '\0';
    /* the string is padded with spaces, on some processors in front and in between */
    size_t n = 0;
    for (const char *p = brand; *p; p++) {
        bool space = *p <= ' ' || *p > '~';
        if (!space) {
            text[n++] = *p;
        } else if (n > 0 && text[n - 1] != ' ') {
            text[n++] = ' ';
        }
    }
    if (n > 0 && text[n - 1] == ' ') n--;
    text[n] = '\0';
    lutra_format(dst, cap, "%s", n > 0 ? text : "unknown");
    return dst;
}

const struct lutra_cpu_level *lutra_cpu_levels(void)
{
    static const struct lutra_cpu_level levels[] = {
        {"scalar", 0},
        {"ssse3", LUTRA_CPU_SSSE3},
        {"avx2", LUTRA_CPU_SSSE3 | LUTRA_CPU_AVX2},
        /* every processor with AVX-VNNI has GFNI, and every one with VBMI and VNNI */
        {"avx2vnni", LUTRA_CPU_SSSE3 | LUTRA_CPU_AVX2 | LUTRA_CPU_AVXVNNI | LUTRA_CPU_GFNI},
        /* VBMI and VNNI come with every AVX-512 since Ice Lake and Zen 4. Before them AVX-512 gains
         * a lookup kernel little and costs clock: those processors stop at "avx2". */
        {"avx512",
         LUTRA_CPU_SSSE3 | LUTRA_CPU_AVX2 | LUTRA_CPU_AVX512 | LUTRA_CPU_VBMI | LUTRA_CPU_VNNI512 |
             LUTRA_CPU_GFNI},
        {"amx", LUTRA_CPU_SSSE3 | LUTRA_CPU_AVX2 | LUTRA_CPU_AVX512 | LUTRA_CPU_VBMI |
                    LUTRA_CPU_VNNI512 | LUTRA_CPU_GFNI | LUTRA_CPU_AMX},
        {NULL, 0},
    };
    return levels;
}

#endif
