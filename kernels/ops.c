/* SPDX-License-Identifier: MIT */
/* The table of functions for a feature word: scalar first, then every instruction set it names,
 * rising. */
#include "kernels/ops.h"

#include <string.h>

#include "kernels/cpu.h"
#include "kernels/lut_init.h"
#include "kernels/vec.h"

void lutra_ops_init(struct lutra_ops *ops, uint32_t features)
{
    memset(ops, 0, sizeof *ops);
    ops->name = "scalar";
    ops->features = features;
    lutra_lut_init_scalar(ops);
    lutra_vec_init_scalar(ops);
#if defined(__x86_64__)
    if (features & LUTRA_CPU_AVX2) {
        ops->name = "avx2";
        lutra_lut_init_avx2(ops);
        lutra_vec_init_avx2(ops);
    }
#elif defined(__aarch64__)
    if (features & LUTRA_CPU_NEON) {
        ops->name = "neon";
        lutra_lut_init_neon(ops);
        lutra_vec_init_neon(ops);
    }
#endif
}
