/* SPDX-License-Identifier: MIT */
/* The float vector operations for NEON. */
#include "kernels/vec.h"

#include "kernels/arm/lanes_neon.h"

#include "kernels/vec_body.h"

void lutra_vec_init_neon(struct lutra_ops *ops)
{
    vec_fill(ops);
}
