/* SPDX-License-Identifier: MIT */
/* How fast each pair of a head rotates. */
#ifndef LUTRA_MODELS_FREQUENCY_H
#define LUTRA_MODELS_FREQUENCY_H

#include "models/config.h"

/* Radians per position of n_rot/2 pairs (local: of n_rot_local/2) into freq; divisor: NULL, or one
 * per pair. Returns what cosines and sines are multiplied by. */
float lutra_frequencies(double *freq, const struct lutra_config *c, const float *divisor,
                        bool local);

#endif
