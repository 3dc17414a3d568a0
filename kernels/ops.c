/* SPDX-License-Identifier: MIT */
/* The table of functions for a feature word: scalar first, then every instruction set it names,
 * rising. */
#include "kernels/ops.h"

#include <string.h>

#include "kernels/book.h"
#include "kernels/cpu.h"
#include "kernels/lut_init.h"
#include "kernels/vec.h"
#if defined(__x86_64__)
#include "kernels/x86/x86_init.h"
#elif defined(__aarch64__)
#include "kernels/arm/arm_init.h"
#endif

#if defined(__x86_64__) || defined(__aarch64__)
static bool has_all(uint32_t features, uint32_t wanted)
{
    return (features & wanted) == wanted;
}
#endif

void lutra_ops_init(struct lutra_ops *ops, uint32_t features)
{
    memset(ops, 0, sizeof *ops);
    ops->name = "scalar";
    ops->features = features;
    lutra_lut_init_scalar(ops);
    lutra_vec_init_scalar(ops);
    lutra_book_init_scalar(ops);
#if defined(__x86_64__)
    ops->fetch = lutra_cpu_fetch();
    if (features & LUTRA_CPU_SSSE3) {
        ops->name = "ssse3";
        lutra_lut_init_ssse3(ops);
        lutra_vec_init_ssse3(ops);
        lutra_book_init_ssse3(ops);
    }
    if (features & LUTRA_CPU_AVX2) {
        ops->name = "avx2";
        lutra_lut_init_avx2(ops);
        lutra_vec_init_avx2(ops);
        lutra_book_init_avx2(ops);
    }
    if (has_all(features, LUTRA_CPU_AVX2 | LUTRA_CPU_AVXVNNI | LUTRA_CPU_GFNI)) {
        ops->name = "avx2vnni";
        lutra_mm_init_avxvnni(ops);
        lutra_book_init_avxvnni(ops);
    }
    if (has_all(features,
                LUTRA_CPU_AVX512 | LUTRA_CPU_VBMI | LUTRA_CPU_VNNI512 | LUTRA_CPU_GFNI)) {
        ops->name = "avx512";
        lutra_lut_init_avx512(ops);
        lutra_vec_init_avx512(ops);
        lutra_book_init_avx512(ops);
    }
    if (has_all(features, LUTRA_CPU_AVX512 | LUTRA_CPU_VBMI | LUTRA_CPU_VNNI512 |
                              LUTRA_CPU_GFNI | LUTRA_CPU_AMX)) {
        ops->name = "amx";
        lutra_mm_init_amx(ops);
    }
#elif defined(__aarch64__)
    if (features & LUTRA_CPU_NEON) {
        ops->name = "neon";
        lutra_lut_init_neon(ops);
        lutra_bits_init_neon(ops);
        lutra_vlut_init_neon(ops);
        lutra_vec_init_neon(ops);
        lutra_book_init_neon(ops);
    }
    if (has_all(features, LUTRA_CPU_NEON | LUTRA_CPU_DOTPROD)) {
        ops->name = "dotprod";
        lutra_lut_init_dotprod(ops);
        lutra_bits_init_dotprod(ops);
        lutra_mm_init_dotprod(ops);
    }
    if (has_all(features, LUTRA_CPU_NEON | LUTRA_CPU_DOTPROD | LUTRA_CPU_I8MM)) {
        ops->name = "i8mm";
        lutra_mm_init_i8mm(ops);
    }
#endif
}
