/* SPDX-License-Identifier: MIT */
/* Does a level compute here what scalar does? Models ask before they use it, with their own rows; so does doctor. */
#ifndef LUTRA_KERNELS_AGREE_H
#define LUTRA_KERNELS_AGREE_H

#include "kernels/ops.h"

/* Every kernel that `ops` may choose for m, in whatever mode and for however many vectors: does it give the bits of
 * scalar on the first tiles of m? False, too, where memory runs out. code_max as in struct lutra_engine. */
bool lutra_agree_product(const struct lutra_ops *ops, const struct lutra_mat *m, int code_max);

/* The same of all functions of vectors of floats. */
bool lutra_agree_vectors(const struct lutra_ops *ops);

#endif
