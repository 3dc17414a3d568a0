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

/* panel_mul alone, and BOOK by it. */
void lutra_mm_init_dotprod(struct lutra_ops *ops);

/* panel_mul again; needs LUTRA_CPU_I8MM. */
void lutra_mm_init_i8mm(struct lutra_ops *ops);

#endif
