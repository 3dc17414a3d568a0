/* SPDX-License-Identifier: MIT */
/* What recurrent layers remember: a short convolution's last inputs, a state-space model's sums.
 *
 * Unlike keys and values it cannot be cut back to an earlier position, so there are copies: `now`
 * belongs to the positions held; a batch reads it and writes `next`, and the two change places when
 * the batch is done (a batch that is cancelled has changed nothing); `saved` are copies at earlier
 * positions to start again from. */
#ifndef LUTRA_MODELS_STATE_H
#define LUTRA_MODELS_STATE_H

#include "models/config.h"

enum { LUTRA_SAVED_MOST = 16 };

struct lutra_state {
    size_t floats;            /* of one copy; 0: nothing is recurrent */
    uint64_t *at;             /* [n_layer] floats before the layer's part: convolution, then sums */
    float *now, *next, *saved;
    int n_saved, turn;
    int saved_at[LUTRA_SAVED_MOST]; /* position of each copy; -1: none */
};

/* Bytes of all copies, 0 if nothing is recurrent; false if the product overflows. */
bool lutra_state_bytes(const struct lutra_config *c, uint64_t *bytes);
/* mem: lutra_state_bytes of zeros; at: room for n_layer numbers. */
void lutra_state_bind(struct lutra_state *s, const struct lutra_config *c, void *mem, uint64_t *at);

/* A batch is done: what it wrote is now. */
void lutra_state_step(struct lutra_state *s);
/* Keep a copy of `now`, which belongs to position pos. */
void lutra_state_save(struct lutra_state *s, int pos);
/* Go back to the latest copy at or before position n; returns its position (0: the beginning). Later
 * copies are forgotten. */
int lutra_state_rewind(struct lutra_state *s, int n);

#endif
