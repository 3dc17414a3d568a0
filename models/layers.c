/* SPDX-License-Identifier: MIT */
/* The blocks that families are made of. Each runs over all rows of the batch; work is split by rows and heads only,
 * so no result depends on how many threads took part. */
#include "models/eval.h"

static const struct lutra_ops *ops_of(const struct lutra_eval *e)
{
    return &e->net->ops;
}

/* ---- row-wise work ---- */

struct norm_job {
    const struct lutra_ops *ops;
    float *y;
    const float *x, *w;
    int n_cols;
    float eps;
};

static void norm_rows(void *arg, int begin, int end, int thread)
{
    (void)thread;
    const struct norm_job *j = arg;
    for (int i = begin; i < end; i++) {
        size_t at = (size_t)i * (size_t)j->n_cols;
        j->ops->rmsnorm(j->y + at, j->x + at, j->w, j->n_cols, j->eps);
    }
}

void lutra_eval_norm(struct lutra_eval *e, float *y, const float *x, const float *w, int n_cols)
{
    struct norm_job j = {ops_of(e), y, x, w, n_cols, e->net->config.norm_eps};
    lutra_pool_run(e->engine.pool, e->n, 4, norm_rows, &j);
}

struct shift_job {
    const struct lutra_ops *ops;
    float *x;
    const float *w, *bias;
    int n_cols;
    float eps;
};

static void shift_rows(void *arg, int begin, int end, int thread)
{
    (void)thread;
    const struct shift_job *j = arg;
    for (int i = begin; i < end; i++) {
        float *x = j->x + (size_t)i * (size_t)j->n_cols;
        j->ops->layernorm(x, x, j->w, j->bias, j->n_cols, j->eps);
    }
}

void lutra_eval_layer_norm(struct lutra_eval *e, float *x, const float *w, const float *bias)
{
    const struct lutra_config *c = &e->net->config;
    struct shift_job j = {ops_of(e), x, w, bias, c->n_embd, c->norm_eps};
    lutra_pool_run(e->engine.pool, e->n, 4, shift_rows, &j);
}

void lutra_eval_residual(struct lutra_eval *e)
{
    const struct lutra_config *c = &e->net->config;
    if (c->residual_scale != 1.0f) ops_of(e)->scale(e->norm, c->residual_scale, e->n * c->n_embd);
    ops_of(e)->add(e->x, e->norm, e->n * c->n_embd);
}

/* ---- products that share an input ---- */

enum { PRODUCTS = 8 };

/* BitNet's own arithmetic: int8 inputs, but only where the weights are ternary. */
int lutra_eval_code_max(const struct lutra_eval *e, const struct lutra_mat *w)
{
    bool ternary = w->type == LUTRA_TYPE_TQ1_0 || w->type == LUTRA_TYPE_TQ2_0 || w->type == LUTRA_TYPE_I2_S;
    return ternary && e->net->config.ternary_int8 ? LUTRA_CODE_MAX_INT8 : LUTRA_CODE_MAX;
}

static void finish(const struct lutra_eval *e, const struct lutra_product *p)
{
    int n_rows = p->w->n_rows;
    if (p->scale) ops_of(e)->scale(p->y, p->scale[0], e->n * n_rows);
    if (p->bias)
        for (int i = 0; i < e->n; i++) ops_of(e)->add(p->y + (size_t)i * (size_t)n_rows, p->bias, n_rows);
}

/* Vectors [v, v + some) of the batch. */
static void products_of_some(struct lutra_eval *e, const float *in, int cols, const struct lutra_mat *const *mats,
                             const struct lutra_product *p, int n, int v, int some)
{
    struct lutra_act a;
    unsigned parts = lutra_act_parts(&e->engine, mats, n, some);
    lutra_act_bind(&a, e->engine.ops, e->act_mem, some, cols, parts);
    a.x = in + (size_t)v * (size_t)cols;
    a.x_stride = (size_t)cols;
    lutra_act_fill(&e->engine, &a, parts);
    struct lutra_mul muls[PRODUCTS];
    for (int i = 0; i < n; i++) {
        size_t stride = (size_t)mats[i]->n_rows;
        muls[i] = (struct lutra_mul){p[i].y + (size_t)v * stride, stride, mats[i]};
    }
    lutra_matmul_all(&e->engine, muls, n, &a);
}

/* Products [0, n) all want the same codes. */
static void products_of_one_kind(struct lutra_eval *e, const float *in, int cols, const struct lutra_product *p, int n)
{
    const struct lutra_mat *mats[PRODUCTS];
    for (int i = 0; i < n; i++) mats[i] = p[i].w;
    e->engine.code_max = lutra_eval_code_max(e, p[0].w);
    for (int v = 0, some; v < e->n; v += some) {
        some = lutra_matmul_step(&e->engine, mats, n, e->n - v);
        products_of_some(e, in, cols, mats, p, n, v, some);
    }
    for (int i = 0; i < n; i++) finish(e, &p[i]);
}

void lutra_eval_products(struct lutra_eval *e, const float *in, int cols, const struct lutra_product *p, int n)
{
    int begin = 0;
    for (int i = 1; i <= n; i++)
        if (i == n || lutra_eval_code_max(e, p[i].w) != lutra_eval_code_max(e, p[begin].w)) {
            products_of_one_kind(e, in, cols, p + begin, i - begin);
            begin = i;
        }
}

/* ---- feed-forward ---- */

struct gate_job {
    struct lutra_eval *e;
    int n_cols;
};

/* min(g, 7) sigmoid(1.702 min(g, 7)) (clamp(u, -7, 7) + 1), of gpt-oss: silu of 1.702 g, over 1.702. */
static void oai_gate(const struct lutra_ops *ops, float *g, float *u, int n)
{
    const float limit = 7.0f, steep = 1.702f;
    for (int i = 0; i < n; i++) {
        float a = g[i] < limit ? g[i] : limit, b = u[i] < limit ? u[i] : limit;
        g[i] = a * steep;
        u[i] = ((b > -limit ? b : -limit) + 1.0f) / steep;
    }
    ops->silu_gate(g, g, u, n);
}

static void gate_rows(void *arg, int begin, int end, int thread)
{
    (void)thread;
    const struct gate_job *j = arg;
    struct lutra_eval *e = j->e;
    const struct lutra_ops *ops = ops_of(e);
    for (int i = begin; i < end; i++) {
        float *g = e->gate + (size_t)i * (size_t)j->n_cols, *u = e->up + (size_t)i * (size_t)j->n_cols;
        switch (e->net->config.gate) {
        case LUTRA_GATE_SILU: ops->silu_gate(g, g, u, j->n_cols); break;
        case LUTRA_GATE_GELU: ops->gelu_gate(g, g, u, j->n_cols); break;
        case LUTRA_GATE_RELU2: ops->relu2_gate(g, g, u, j->n_cols); break;
        case LUTRA_GATE_OAI: oai_gate(ops, g, u, j->n_cols); break;
        }
    }
}

void lutra_eval_gate(struct lutra_eval *e, int n, int n_cols)
{
    struct gate_job job = {e, n_cols};
    lutra_pool_run(e->engine.pool, n, 1, gate_rows, &job);
}

void lutra_eval_ffn(struct lutra_eval *e, int il)
{
    const struct lutra_config *c = &e->net->config;
    const struct lutra_layer *l = &e->net->layers[il];
    int n_ff = c->shape[il].n_ff;
    const struct lutra_product in[] = {{&l->gate, e->gate, l->b_gate, l->s_gate}, {&l->up, e->up, l->b_up, l->s_up}};
    lutra_eval_products(e, e->norm, c->n_embd, in, 2);
    lutra_eval_gate(e, e->n, n_ff);
    if (l->ffn_sub_norm) lutra_eval_norm(e, e->gate, e->gate, l->ffn_sub_norm, n_ff);
    const struct lutra_product out = {&l->down, e->norm, l->b_down, l->s_down};
    lutra_eval_products(e, e->gate, n_ff, &out, 1);
    if (l->post_ffn_norm) lutra_eval_norm(e, e->norm, e->norm, l->post_ffn_norm, c->n_embd);
}
