/* SPDX-License-Identifier: MIT */
/* The float vector operations for AVX-512. */
#include "kernels/vec.h"

#include "kernels/x86/x86_init.h"
#include "kernels/x86/lanes_avx512.h"

#include "kernels/vec_body.h"

void lutra_vec_init_avx512(struct lutra_ops *ops)
{
    vec_fill(ops);
}
