/* SPDX-License-Identifier: MIT */
/* Are the scales (or the weights, in float types) of file blocks finite numbers? */
#ifndef LUTRA_KERNELS_QCHECK_H
#define LUTRA_KERNELS_QCHECK_H

#include "kernels/qtypes.h"

/* Index of the first of n_blocks blocks of `type` that holds a NaN or an infinity; n_blocks if none does. */
size_t lutra_blocks_finite(int type, const void *blocks, size_t n_blocks);

#endif
