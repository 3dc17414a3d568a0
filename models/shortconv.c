/* SPDX-License-Identifier: MIT */
/* The short causal convolution in front of recurrent layers: each channel by itself, over the last few tokens. Work is
 * split by channels; tokens follow one another, so a token's result does not depend on its batch. */
#include "models/recurrent.h"

#include <string.h>

enum { BLOCK = 64 }; /* channels at a time */

/* Input of channel block c0 at token t of the batch; tokens before it come from the state. */
static const float *input(const struct lutra_conv *j, int t, int c0)
{
    int back = j->taps - 1;
    if (t >= 0) return j->in + (size_t)t * j->in_stride + (size_t)c0;
    return j->old + (size_t)(t + back) * (size_t)j->width + (size_t)c0;
}

static void convolve(const struct lutra_conv *j, int c0, int n)
{
    static const float ones[BLOCK] = {1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1,
                                      1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1,
                                      1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1};
    for (int t = 0; t < j->n; t++) {
        float *y = j->out + (size_t)t * j->out_stride + (size_t)c0;
        memset(y, 0, (size_t)n * sizeof *y);
        for (int k = 0; k < j->taps; k++) {
            const float *x = input(j, t - (j->taps - 1) + k, c0);
            for (int c = 0; c < n; c++) y[c] += j->weights[(size_t)(c0 + c) * (size_t)j->taps + (size_t)k] * x[c];
        }
        if (j->bias) j->ops->add(y, j->bias + c0, n);
        if (j->silu) j->ops->silu_gate(y, y, ones, n);
    }
}

static void blocks(void *arg, int begin, int end, int thread)
{
    (void)thread;
    const struct lutra_conv *j = arg;
    int back = j->taps - 1;
    for (int b = begin; b < end; b++) {
        int c0 = b * BLOCK, n = j->width - c0 < BLOCK ? j->width - c0 : BLOCK;
        convolve(j, c0, n);
        for (int k = 0; k < back; k++) /* the last inputs are what the next batch remembers */
            memcpy(j->next + (size_t)k * (size_t)j->width + (size_t)c0, input(j, j->n - back + k, c0),
                   (size_t)n * sizeof(float));
    }
}

void lutra_eval_conv(struct lutra_eval *e, int il, struct lutra_conv *j)
{
    const struct lutra_config *c = &e->net->config;
    const struct lutra_layer *l = &e->net->layers[il];
    j->ops = &e->net->ops;
    j->n = e->n;
    j->taps = c->conv_taps;
    j->width = c->conv_width;
    j->weights = l->conv;
    j->bias = l->conv_bias;
    j->old = e->state.now + e->state.at[il];
    j->next = e->state.next + e->state.at[il];
    lutra_pool_run(e->engine.pool, (c->conv_width + BLOCK - 1) / BLOCK, 1, blocks, j);
}
