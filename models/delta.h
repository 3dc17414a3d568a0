/* SPDX-License-Identifier: MIT */
/* The gated delta net. */
#ifndef LUTRA_MODELS_DELTA_H
#define LUTRA_MODELS_DELTA_H

#include "models/recurrent.h"

/* Elements of `wide` per token. */
int lutra_delta_wide(const struct lutra_config *c);
/* From norm into norm. */
void lutra_eval_delta(struct lutra_eval *e, int il);

#endif
