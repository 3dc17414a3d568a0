/* SPDX-License-Identifier: MIT */
/* Who fills struct lutra_ops above NEON: the continuation of lut_init.h for levels that only ARM
 * has. */
#ifndef LUTRA_KERNELS_ARM_ARM_INIT_H
#define LUTRA_KERNELS_ARM_ARM_INIT_H

#include "kernels/ops.h"

/* bits_lookup alone. */
void lutra_bits_init_neon(struct lutra_ops *ops);
void lutra_bits_init_dotprod(struct lutra_ops *ops);

/* planes_lookup alone, over what NEON has filled in; needs LUTRA_CPU_DOTPROD. */
void lutra_lut_init_dotprod(struct lutra_ops *ops);

/* dense_mul of vectors that have BYTES, of at most LUTRA_FEW_COLS columns. */
enum { LUTRA_FEW_VECTORS = 4, LUTRA_FEW_COLS = 32768 };
void lutra_dense_few_dotprod(float *y, size_t y_stride, const struct lutra_mat *m,
                             const struct lutra_act *a, int v0, int v1, int tile0, int tile1,
                             void *scratch);
size_t lutra_dense_few_scratch(void);

/* panel_mul and dense_mul, and BOOK by it. */
void lutra_mm_init_dotprod(struct lutra_ops *ops);

/* The same again; needs LUTRA_CPU_I8MM. */
void lutra_mm_init_i8mm(struct lutra_ops *ops);

#endif
