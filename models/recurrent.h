/* SPDX-License-Identifier: MIT */
/* What families with recurrent layers share. */
#ifndef LUTRA_MODELS_RECURRENT_H
#define LUTRA_MODELS_RECURRENT_H

#include "kernels/lmath.h"
#include "models/families.h"

/* A convolution of the batch; the caller sets the first group, lutra_eval_conv the rest. */
struct lutra_conv {
    const float *in;      /* [n] rows of conv_width channels */
    float *out;           /* the same, somewhere else */
    size_t in_stride, out_stride;
    bool silu;            /* of the result */

    const struct lutra_ops *ops;
    int n, taps, width;
    const float *weights, *bias, *old;
    float *next;
};
void lutra_eval_conv(struct lutra_eval *e, int il, struct lutra_conv *j);

/* Keys ssm.*: sizes of a state-space model, every one in range and fitting the others. */
lutra_status lutra_config_ssm(struct lutra_config *c, const struct lutra_gguf *g, lutra_error *err);

/* The layer's sums of the positions held, and where those after the batch go. */
static inline const float *lutra_sums_now(const struct lutra_eval *e, int il)
{
    return e->state.now + e->state.at[il] + lutra_config_conv_floats(&e->net->config, il);
}

static inline float *lutra_sums_next(const struct lutra_eval *e, int il)
{
    return e->state.next + e->state.at[il] + lutra_config_conv_floats(&e->net->config, il);
}

static inline float lutra_sigmoid(float x)
{
    return 1.0f / (1.0f + lutra_expf(-x));
}

/* log(1 + e^x) */
static inline float lutra_softplus(float x)
{
    return x > 20.0f ? x : (float)lutra_log(1.0 + lutra_exp((double)x));
}

#endif
