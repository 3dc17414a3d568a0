/* SPDX-License-Identifier: MIT */
/* The float vector operations in plain C: the specification. */
#define LUTRA_LANES_SMALL
#include "kernels/vec.h"

#include "kernels/lanes_scalar.h"

#include "kernels/vec_body.h"

void lutra_vec_init_scalar(struct lutra_ops *ops)
{
    vec_fill(ops);
}
