/* SPDX-License-Identifier: MIT */
/* The gated delta net (Yang et al. 2024, arXiv 2412.06464). Each head keeps a matrix S of values by keys:
 *
 *   S = g S,  g = exp(a softplus(alpha + dt_bias))       forget
 *   S = S + beta (v - S k) k^T                           correct what k calls forth
 *   o = S q / sqrt(dim)
 *
 * q, k, v come of one product through a short convolution and SiLU; q and k are made unit vectors. Then
 * o = rmsnorm(o) silu(z), and wo. Heads of k serve heads of v in turn (v head h takes k head h mod n).
 * Work is split by heads; tokens follow one another. */
#include "models/delta.h"

#include <math.h>
#include <string.h>

/* Parts of `wide`, each [n] rows, one behind the other. */
struct parts {
    float *in, *out, *z, *alpha, *beta;
};

int lutra_delta_wide(const struct lutra_config *c)
{
    return 2 * c->conv_width + c->ssm_inner + 2 * c->ssm_heads;
}

static struct parts parts_of(const struct lutra_eval *e)
{
    const struct lutra_config *c = &e->net->config;
    size_t n = (size_t)e->n, width = (size_t)c->conv_width;
    struct parts p;
    p.in = e->wide;
    p.out = p.in + n * width;
    p.z = p.out + n * width;
    p.alpha = p.z + n * (size_t)c->ssm_inner;
    p.beta = p.alpha + n * (size_t)c->ssm_heads;
    return p;
}

struct delta_job {
    struct lutra_eval *e;
    const struct lutra_layer *l;
    int il;
    struct parts p;
};

/* x / sqrt(sum of squares + eps) */
static void unit(const struct lutra_ops *ops, float *x, int n, float eps)
{
    ops->rmsnorm(x, x, NULL, n, eps / (float)n);
    ops->scale(x, 1.0f / sqrtf((float)n), n);
}

static void unit_rows(void *arg, int begin, int end, int thread)
{
    (void)thread;
    const struct delta_job *j = arg;
    const struct lutra_config *c = &j->e->net->config;
    for (int i = begin; i < end; i++) {
        float *row = j->p.out + (size_t)i * (size_t)c->conv_width; /* q heads, k heads, v heads */
        for (int h = 0; h < 2 * c->ssm_groups; h++)
            unit(&j->e->net->ops, row + (size_t)h * (size_t)c->ssm_state, c->ssm_state, c->norm_eps);
    }
}

/* One token of one head: S, [dim][dim], rows are values. */
static void step(const struct lutra_ops *ops, float *s, const float *q, const float *k, const float *v, float forget,
                 float beta, float *o, int dim)
{
    for (int r = 0; r < dim; r++, s += dim) {
        ops->scale(s, forget, dim);
        lutra_eval_axpy(s, beta * (v[r] - ops->dot(s, k, dim)), k, dim);
        o[r] = ops->dot(s, q, dim);
    }
}

static void heads(void *arg, int begin, int end, int thread)
{
    (void)thread;
    const struct delta_job *j = arg;
    struct lutra_eval *e = j->e;
    const struct lutra_config *c = &e->net->config;
    const struct lutra_ops *ops = &e->net->ops;
    size_t dim = (size_t)c->ssm_state, square = dim * dim, keys = (size_t)c->ssm_groups * dim;
    for (int h = begin; h < end; h++) {
        float *s = lutra_sums_next(e, j->il) + (size_t)h * square;
        memcpy(s, lutra_sums_now(e, j->il) + (size_t)h * square, square * sizeof *s);
        for (int i = 0; i < e->n; i++) {
            const float *row = j->p.out + (size_t)i * (size_t)c->conv_width;
            const float *q = row + (size_t)(h % c->ssm_groups) * dim, *v = row + 2 * keys + (size_t)h * dim;
            size_t at = (size_t)i * (size_t)c->ssm_heads + (size_t)h;
            float forget = lutra_expf(j->l->a[h] * lutra_softplus(j->p.alpha[at] + j->l->dt_bias[h]));
            float *o = e->att + (size_t)i * (size_t)c->ssm_inner + (size_t)h * dim, *z = j->p.z + (o - e->att);
            step(ops, s, q, q + keys, v, forget, lutra_sigmoid(j->p.beta[at]), o, (int)dim);
            ops->scale(o, 1.0f / sqrtf((float)dim), (int)dim);
            ops->rmsnorm(o, o, j->l->ssm_norm, (int)dim, c->norm_eps);
            ops->silu_gate(o, z, o, (int)dim);
        }
    }
}

void lutra_eval_delta(struct lutra_eval *e, int il)
{
    const struct lutra_config *c = &e->net->config;
    const struct lutra_layer *l = &e->net->layers[il];
    struct delta_job j = {e, l, il, parts_of(e)};
    const struct lutra_product in[] = {{&l->in, j.p.in, NULL, NULL},
                                       {&l->z, j.p.z, NULL, NULL},
                                       {&l->alpha, j.p.alpha, NULL, NULL},
                                       {&l->beta, j.p.beta, NULL, NULL}};
    struct lutra_conv conv = {.in = j.p.in, .out = j.p.out, .in_stride = (size_t)c->conv_width,
                              .out_stride = (size_t)c->conv_width, .silu = true};
    lutra_eval_products(e, e->norm, c->n_embd, in, 4);
    lutra_eval_conv(e, il, &conv);
    lutra_pool_run(e->engine.pool, e->n, 1, unit_rows, &j);
    lutra_pool_run(e->engine.pool, c->ssm_heads, 1, heads, &j);
    const struct lutra_product out = {&l->wo, e->norm, NULL, NULL};
    lutra_eval_products(e, e->att, c->ssm_inner, &out, 1);
}
