/* SPDX-License-Identifier: MIT */
/* The float vector operations for SSSE3, that is SSE2 and a little more. */
#include "kernels/vec.h"

#include "kernels/x86/x86_init.h"
#include "kernels/x86/lanes_ssse3.h"

#include "kernels/vec_body.h"

void lutra_vec_init_ssse3(struct lutra_ops *ops)
{
    vec_fill(ops);
}
