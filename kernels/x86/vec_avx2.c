/* SPDX-License-Identifier: MIT */
/* The float vector operations for AVX2 and F16C. */
#include "kernels/vec.h"

#include "kernels/x86/lanes_avx2.h"

#include "kernels/vec_body.h"

void lutra_vec_init_avx2(struct lutra_ops *ops)
{
    vec_fill(ops);
}
