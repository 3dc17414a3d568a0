/* SPDX-License-Identifier: MIT */
/* Mamba 2 (Dao and Gu 2024, arXiv 2405.21060): no attention, no feed-forward block, no positions.
 *
 * in gives z, then x, B, C (through a short convolution with bias, and SiLU), then dt. Each head keeps sums h:
 *   h = h exp(dt a) + (dt x) B^T,   y = h C + d x,   dt = softplus(dt + dt_bias)
 * and wo takes rmsnorm(y silu(z)), normed group by group. Heads of one group share B and C. */
#include "models/recurrent.h"

#include <string.h>

static const struct lutra_tensor_spec specs[] = {
    LUTRA_VEC_SPEC("attn_norm.weight", attn_norm, n_embd, true),
    LUTRA_MAT_SPEC("ssm_in.weight", in, n_embd, in_proj, true),
    LUTRA_SPEC("ssm_conv1d.weight", conv, LUTRA_SPEC_VECS, taps, conv, zero, conv, true, 0),
    LUTRA_VEC_SPEC("ssm_conv1d.bias", conv_bias, conv, true),
    LUTRA_VEC_SPEC("ssm_dt.bias", dt_bias, heads, true),
    LUTRA_VEC_SPEC("ssm_a", a, heads, true),
    LUTRA_VEC_SPEC("ssm_d", d, heads, true),
    LUTRA_SPEC("ssm_norm.weight", ssm_norm, LUTRA_SPEC_VECS, group, groups, zero, groups, true, 0),
    LUTRA_MAT_SPEC("ssm_out.weight", wo, inner, n_embd, true),
};

struct mamba_job {
    struct lutra_eval *e;
    const struct lutra_layer *l;
    int il;
    const float *in, *mixed; /* [n][in_proj], [n][conv_width] */
};

static int in_width(const struct lutra_config *c)
{
    return c->ssm_inner + c->conv_width + c->ssm_heads;
}

/* One token of one head: h, [dim][n_state]. */
static void step(const struct lutra_ops *ops, float *h, const float *x, const float *b, const float *c, float keep, float dt,
                 float d, float *y, int dim, int n_state)
{
    for (int r = 0; r < dim; r++, h += n_state) {
        ops->scale(h, keep, n_state);
        lutra_eval_axpy(h, dt * x[r], b, n_state);
        y[r] = ops->dot(h, c, n_state) + d * x[r];
    }
}

static void heads(void *arg, int begin, int end, int thread)
{
    (void)thread;
    const struct mamba_job *j = arg;
    struct lutra_eval *e = j->e;
    const struct lutra_config *c = &e->net->config;
    int dim = c->ssm_inner / c->ssm_heads, n_state = c->ssm_state, width = in_width(c);
    size_t each = (size_t)dim * (size_t)n_state;
    for (int h = begin; h < end; h++) {
        float *s = lutra_sums_next(e, j->il) + (size_t)h * each;
        memcpy(s, lutra_sums_now(e, j->il) + (size_t)h * each, each * sizeof *s);
        size_t group = (size_t)(h / (c->ssm_heads / c->ssm_groups));
        for (int i = 0; i < e->n; i++) {
            const float *row = j->mixed + (size_t)i * (size_t)c->conv_width, *x = row + h * dim;
            const float *b = row + c->ssm_inner + group * (size_t)n_state, *cc = b + c->ssm_groups * n_state;
            const float *in = j->in + (size_t)i * (size_t)width;
            float dt = lutra_softplus(in[c->ssm_inner + c->conv_width + h] + j->l->dt_bias[h]);
            float *y = e->att + (size_t)i * (size_t)c->ssm_inner + h * dim;
            step(&e->net->ops, s, x, b, cc, lutra_expf(dt * j->l->a[h]), dt, j->l->d[h], y, dim, n_state);
            e->net->ops.silu_gate(y, in + h * dim, y, dim);
        }
    }
}

static void norm_rows(void *arg, int begin, int end, int thread)
{
    (void)thread;
    const struct mamba_job *j = arg;
    const struct lutra_config *c = &j->e->net->config;
    int n = c->ssm_inner / c->ssm_groups;
    for (int i = begin; i < end; i++)
        for (int k = 0; k < c->ssm_groups; k++) {
            float *y = j->e->att + (size_t)i * (size_t)c->ssm_inner + k * n;
            j->e->net->ops.rmsnorm(y, y, j->l->ssm_norm + k * n, n, c->norm_eps);
        }
}

static void layer(struct lutra_eval *e, int il)
{
    const struct lutra_config *c = &e->net->config;
    const struct lutra_layer *l = &e->net->layers[il];
    size_t width = (size_t)in_width(c);
    float *mixed = e->wide + (size_t)e->n * width;
    struct mamba_job j = {e, l, il, e->wide, mixed};
    const struct lutra_product in = {&l->in, e->wide, NULL, NULL}, out = {&l->wo, e->norm, NULL, NULL};
    struct lutra_conv conv = {.in = e->wide + c->ssm_inner, .out = mixed, .in_stride = width,
                              .out_stride = (size_t)c->conv_width, .silu = true};
    lutra_eval_norm(e, e->norm, e->x, l->attn_norm, c->n_embd);
    lutra_eval_products(e, e->norm, c->n_embd, &in, 1);
    lutra_eval_conv(e, il, &conv);
    lutra_pool_run(e->engine.pool, c->ssm_heads, 1, heads, &j);
    lutra_pool_run(e->engine.pool, e->n, 4, norm_rows, &j);
    lutra_eval_products(e, e->att, c->ssm_inner, &out, 1);
    lutra_eval_residual(e);
}

static lutra_status configure(struct lutra_config *c, const struct lutra_gguf *g, lutra_error *err)
{
    lutra_status st = lutra_config_ssm(c, g, err);
    if (st != LUTRA_OK) return st;
    if (c->ssm_inner % c->ssm_groups != 0)
        return lutra_config_blame(c, g, "ssm.group_count", LUTRA_EFORMAT, "does not divide ssm.inner_size", err);
    c->n_wide = in_width(c) + c->conv_width;
    for (int il = 0; il < c->n_layer; il++) c->shape[il].mixer = LUTRA_MIX_MAMBA2;
    return LUTRA_OK;
}

static const char *const names[] = {"mamba2", NULL};
const struct lutra_arch lutra_arch_mamba2 = {names, specs, sizeof specs / sizeof specs[0], configure, layer, true, NULL};
