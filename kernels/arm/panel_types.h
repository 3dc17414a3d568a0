/* SPDX-License-Identifier: MIT */
/* The panel of bytes and the sums in registers that mm_dotprod.c and mm_i8mm.c share. */
#ifndef LUTRA_KERNELS_ARM_PANEL_TYPES_H
#define LUTRA_KERNELS_ARM_PANEL_TYPES_H

#include "kernels/arm/arm.h"

enum {
    VECTORS = 64,     /* share one unpacking */
    WIDE = 4,         /* vectors whose sums stand in registers: 4 x 16 rows of int32 = 16 */
    TERN_COLS = 768,  /* columns of TERN in one panel: a multiple of 96, as k_pad is; codes of many
                         vectors stream from L2 however few, and sums are fetched less often */
    PANEL_COLS = 768, /* the largest group is 256 */
    SPLIT_BITS = 8
};

struct panel {                 /* the scratch of a thread */
    int8_t w[PANEL_COLS * 16]; /* eight columns of 16 rows in 128 bytes, in the file's order */
    union {
        float f[VECTORS * 16];
        int32_t i[VECTORS * 16]; /* TERN: one group, so its sums stay integers */
    } acc;
};

struct sums {
    int32x4_t v[WIDE][4]; /* sums_rows leaves [vector][rows 4i..4i+3] */
};

ARM_INLINE struct sums sums_fill(int nv, int32_t x)
{
    struct sums s;

    ARM_UNROLL
    for (int i = 0; i < 4 * nv; i++) s.v[i / 4][i % 4] = vdupq_n_s32(x);
    return s;
}

#endif
