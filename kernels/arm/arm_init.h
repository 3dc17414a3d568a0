/* SPDX-License-Identifier: MIT */
/* Who fills struct lutra_ops above NEON: the continuation of lut_init.h for levels that only ARM
 * has. */
#ifndef LUTRA_KERNELS_ARM_ARM_INIT_H
#define LUTRA_KERNELS_ARM_ARM_INIT_H

#include "kernels/ops.h"

/* NEON's panel_mul, for kinds that dotprod leaves to it. */
void lutra_panel_mul_neon(float *y, size_t y_stride, const struct lutra_mat *m,
                          const struct lutra_act *a, int v0, int v1, int tile0, int tile1,
                          void *scratch);

/* panel_mul alone, over what NEON has filled in; needs LUTRA_CPU_DOTPROD. */
void lutra_mm_init_dotprod(struct lutra_ops *ops);

#endif
