/* SPDX-License-Identifier: MIT */
/* Scales that stand outside a matrix's blocks: behind the codes (I2_S), or in a tensor of one
 * element beside it (NVFP4: "X.scale" for "X.weight"). */
#ifndef LUTRA_MODELS_OUTER_SCALE_H
#define LUTRA_MODELS_OUTER_SCALE_H

#include "models/gguf.h"

/* What the weights of tensor t, `count` matrices, are to be multiplied by; 1 if nothing says.
 * Reads the file. Errors: not finite; not one element; not F32; LUTRA_EUNSUPPORTED for one scale per
 * matrix of several. */
lutra_status lutra_outer_scale(const struct lutra_gguf *g, const struct lutra_gguf_tensor *t,
                               int count, float *scale, lutra_error *err);

#endif
