/* SPDX-License-Identifier: MIT */
/* Products without tables with AVX2: the scalar functions stand until they are overridden. */
#include "kernels/lut_init.h"
#include "kernels/ops.h"
void lutra_mm_init_avx2(struct lutra_ops *ops)
{
    (void)ops;
}
