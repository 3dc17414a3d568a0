/* SPDX-License-Identifier: MIT */
/* The blocks that families are made of. Each runs over all rows of the batch; work is split by rows and heads only,
 * so no result depends on how many threads took part. */
#include "models/eval.h"

#include <string.h>

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

void lutra_eval_residual(struct lutra_eval *e)
{
    ops_of(e)->add(e->x, e->norm, e->n * e->net->config.n_embd);
}

/* ---- products that share an input ---- */

/* BitNet's own arithmetic: int8 inputs, but only where the weights are ternary. */
static int code_max(const struct lutra_eval *e, const struct lutra_mat *w)
{
    bool ternary = w->type == LUTRA_TYPE_TQ1_0 || w->type == LUTRA_TYPE_TQ2_0;
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
    for (int i = 0; i < n; i++) {
        size_t stride = (size_t)mats[i]->n_rows;
        lutra_matmul(&e->engine, p[i].y + (size_t)v * stride, stride, mats[i], &a);
    }
}

/* Products [0, n) all want the same codes. */
static void products_of_one_kind(struct lutra_eval *e, const float *in, int cols, const struct lutra_product *p, int n)
{
    const struct lutra_mat *mats[8];
    for (int i = 0; i < n; i++) mats[i] = p[i].w;
    e->engine.code_max = code_max(e, p[0].w);
    int step = lutra_matmul_step(&e->engine, mats, n, e->n);
    for (int v = 0; v < e->n; v += step)
        products_of_some(e, in, cols, mats, p, n, v, e->n - v < step ? e->n - v : step);
    for (int i = 0; i < n; i++) finish(e, &p[i]);
}

void lutra_eval_products(struct lutra_eval *e, const float *in, int cols, const struct lutra_product *p, int n)
{
    int begin = 0;
    for (int i = 1; i <= n; i++)
        if (i == n || code_max(e, p[i].w) != code_max(e, p[begin].w)) {
            products_of_one_kind(e, in, cols, p + begin, i - begin);
            begin = i;
        }
}

/* ---- attention ---- */

struct attend_job {
    struct lutra_eval *e;
    const struct lutra_layer *layer;
    const struct lutra_rope *rope;
    int il;
    int window;
};

/* Norm (if the family has it) and rotate `heads` heads of one row. */
static void finish_heads(const struct attend_job *j, float *row, int heads, const float *norm, int i)
{
    const struct lutra_config *c = &j->e->net->config;
    const struct lutra_ops *ops = ops_of(j->e);
    const float *cs = j->rope->cs + (size_t)i * (size_t)(c->n_rot / 2);
    const float *sn = j->rope->sn + (size_t)i * (size_t)(c->n_rot / 2);
    for (int h = 0; h < heads; h++, row += c->head_dim) {
        if (norm) ops->rmsnorm(row, row, norm, c->head_dim, c->norm_eps);
        if (c->rope_halves) ops->rope_halves(row, cs, sn, c->n_rot);
        else ops->rope_pairs(row, cs, sn, c->n_rot);
    }
}

static void rotate_rows(void *arg, int begin, int end, int thread)
{
    (void)thread;
    const struct attend_job *j = arg;
    struct lutra_eval *e = j->e;
    const struct lutra_config *c = &e->net->config;
    for (int i = begin; i < end; i++) {
        float *k = e->k + (size_t)i * e->kv.k_row;
        finish_heads(j, e->q + (size_t)i * (size_t)(c->n_head * c->head_dim), c->n_head, j->layer->q_norm, i);
        finish_heads(j, k, c->n_head_kv, j->layer->k_norm, i);
        lutra_kv_put(&e->kv, ops_of(e), j->il, e->pos + i, k, e->v + (size_t)i * e->kv.v_row);
    }
}

static void attend_heads(void *arg, int begin, int end, int thread)
{
    const struct attend_job *j = arg;
    struct lutra_eval *e = j->e;
    const struct lutra_config *c = &e->net->config;
    int share = c->n_head / c->n_head_kv;
    float *scores = e->scores + (size_t)thread * (size_t)lutra_round_up((size_t)e->kv.n_ctx, 16);
    for (int item = begin; item < end; item++) { /* item = row * n_head + head */
        int i = item / c->n_head, h = item % c->n_head;
        struct lutra_span span = lutra_kv_span(&e->kv, c, j->il, h / share, e->pos + i, j->window);
        ops_of(e)->attend(e->att + (size_t)item * (size_t)c->head_dim_v, e->q + (size_t)item * (size_t)c->head_dim, &span,
                          c->head_dim, c->head_dim_v, c->attn_scale, scores);
    }
}

void lutra_eval_attention(struct lutra_eval *e, int il)
{
    const struct lutra_config *c = &e->net->config;
    const struct lutra_layer *l = &e->net->layers[il];
    bool local = lutra_config_is_local(c, il);
    struct attend_job job = {e, l, local ? &e->rope_local : &e->rope, il, local ? c->window : 0};

    const struct lutra_product qkv[] = {
        {&l->wq, e->q, l->bq, l->sq}, {&l->wk, e->k, l->bk, l->sk}, {&l->wv, e->v, l->bv, l->sv}};
    lutra_eval_products(e, e->norm, c->n_embd, qkv, 3);
    lutra_pool_run(e->engine.pool, e->n, 1, rotate_rows, &job);
    lutra_pool_run(e->engine.pool, e->n * c->n_head, e->n == 1 ? 1 : 4, attend_heads, &job);

    int o_cols = c->n_head * c->head_dim_v;
    if (l->attn_sub_norm) lutra_eval_norm(e, e->att, e->att, l->attn_sub_norm, o_cols);
    const struct lutra_product out = {&l->wo, e->norm, NULL, l->so};
    lutra_eval_products(e, e->att, o_cols, &out, 1);
    if (l->post_attn_norm) lutra_eval_norm(e, e->norm, e->norm, l->post_attn_norm, c->n_embd);
}

/* ---- feed-forward ---- */

struct gate_job {
    struct lutra_eval *e;
};

static void gate_rows(void *arg, int begin, int end, int thread)
{
    (void)thread;
    struct lutra_eval *e = ((const struct gate_job *)arg)->e;
    const struct lutra_config *c = &e->net->config;
    const struct lutra_ops *ops = ops_of(e);
    for (int i = begin; i < end; i++) {
        float *g = e->gate + (size_t)i * (size_t)c->n_ff;
        const float *u = e->up + (size_t)i * (size_t)c->n_ff;
        if (c->gate == LUTRA_GATE_GELU) ops->gelu_gate(g, g, u, c->n_ff);
        else if (c->gate == LUTRA_GATE_RELU2) ops->relu2_gate(g, g, u, c->n_ff);
        else ops->silu_gate(g, g, u, c->n_ff);
    }
}

void lutra_eval_ffn(struct lutra_eval *e, int il)
{
    const struct lutra_config *c = &e->net->config;
    const struct lutra_layer *l = &e->net->layers[il];
    const struct lutra_product in[] = {{&l->gate, e->gate, NULL, l->s_gate}, {&l->up, e->up, NULL, l->s_up}};
    lutra_eval_products(e, e->norm, c->n_embd, in, 2);
    struct gate_job job = {e};
    lutra_pool_run(e->engine.pool, e->n, 1, gate_rows, &job);
    if (l->ffn_sub_norm) lutra_eval_norm(e, e->gate, e->gate, l->ffn_sub_norm, c->n_ff);
    const struct lutra_product out = {&l->down, e->norm, NULL, l->s_down};
    lutra_eval_products(e, e->gate, c->n_ff, &out, 1);
    if (l->post_ffn_norm) lutra_eval_norm(e, e->norm, e->norm, l->post_ffn_norm, c->n_embd);
}
