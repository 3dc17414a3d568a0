/* SPDX-License-Identifier: MIT */
/* 64-bit ARM: NEON is part of the base; the system tells the rest. */
#include "kernels/cpu.h"

#if defined(__aarch64__)

#if defined(__linux__)
#include <sys/auxv.h>
#elif defined(__APPLE__)
#include <sys/sysctl.h>
#endif

/* bits of AT_HWCAP and AT_HWCAP2, from Linux' arch/arm64/include/uapi/asm/hwcap.h: older headers
 * lack the second */
#define HWCAP_BIT_ASIMDDP (1ul << 20)
#define HWCAP2_BIT_I8MM (1ul << 13)

#if defined(__APPLE__)
static bool has(const char *feature)
{
    int value = 0;
    size_t n = sizeof value;
    return sysctlbyname(feature, &value, &n, NULL, 0) == 0 && value != 0;
}
#endif

uint32_t lutra_cpu_detect(void)
{
    uint32_t have = LUTRA_CPU_NEON;
#if defined(__linux__)
    if (getauxval(AT_HWCAP) & HWCAP_BIT_ASIMDDP) have |= LUTRA_CPU_DOTPROD;
    if (getauxval(AT_HWCAP2) & HWCAP2_BIT_I8MM) have |= LUTRA_CPU_I8MM;
#elif defined(__APPLE__)
    if (has("hw.optional.arm.FEAT_DotProd")) have |= LUTRA_CPU_DOTPROD;
    if (has("hw.optional.arm.FEAT_I8MM")) have |= LUTRA_CPU_I8MM;
#endif
    return have;
}

const char *lutra_cpu_withheld(uint32_t features)
{
    (void)features; /* what is there may be used */
    return NULL;
}

char *lutra_cpu_model(char *dst, size_t cap)
{
    lutra_format(dst, cap, "%s", lutra_cpu_detect() & LUTRA_CPU_DOTPROD ? "ARMv8.2" : "ARMv8");
    return dst;
}

const struct lutra_cpu_level *lutra_cpu_levels(void)
{
    static const struct lutra_cpu_level levels[] = {
        {"scalar", 0},
        {"neon", LUTRA_CPU_NEON},
        {"dotprod", LUTRA_CPU_NEON | LUTRA_CPU_DOTPROD},
        {"i8mm", LUTRA_CPU_NEON | LUTRA_CPU_DOTPROD | LUTRA_CPU_I8MM},
        {NULL, 0},
    };
    return levels;
}

#endif
