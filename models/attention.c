/* SPDX-License-Identifier: MIT */
/* Attention: queries, keys, values, their norms and rotation, the cache, scores, values, output. Work is split by rows
 * and heads only, so no result depends on how many threads took part. */
#include "models/eval.h"

#include "kernels/lmath.h"

struct attend_job {
    struct lutra_eval *e;
    const struct lutra_layer *layer;
    const struct lutra_shape *shape;
    const struct lutra_rope *rope; /* NULL: nothing rotates */
    int n_rot, il, window;
    bool queries, keys; /* what this run makes */
};

static const struct lutra_ops *ops_of(const struct lutra_eval *e)
{
    return &e->net->ops;
}

/* Norm (if the family has it) and rotate `heads` heads of row i. */
static void finish_heads(const struct attend_job *j, float *row, int heads, const float *norm, int i)
{
    const struct lutra_config *c = &j->e->net->config;
    const struct lutra_ops *ops = ops_of(j->e);
    int dim = j->shape->head_dim;
    size_t at = (size_t)i * (size_t)(j->n_rot / 2);
    if (norm && c->norm_whole) ops->rmsnorm(row, row, norm, heads * dim, c->norm_eps);
    for (int h = 0; h < heads; h++, row += dim) {
        if (norm && !c->norm_whole) ops->rmsnorm(row, row, norm, dim, c->norm_eps);
        if (j->rope == NULL) continue;
        if (c->rope_halves) ops->rope_halves(row, j->rope->cs + at, j->rope->sn + at, j->n_rot);
        else ops->rope_pairs(row, j->rope->cs + at, j->rope->sn + at, j->n_rot);
    }
}

/* Ministral's: 1 + scale * log(1 + floor(pos / original context)). */
static void grow(const struct attend_job *j, float *q, int n, int pos)
{
    const struct lutra_config *c = &j->e->net->config;
    double times = (double)(pos / c->rope.n_ctx_orig);
    if (c->temp_scale == 0.0f || times == 0.0) return;
    ops_of(j->e)->scale(q, (float)(1.0 + (double)c->temp_scale * lutra_log(1.0 + times)), n);
}

static void rotate_rows(void *arg, int begin, int end, int thread)
{
    (void)thread;
    const struct attend_job *j = arg;
    struct lutra_eval *e = j->e;
    const struct lutra_config *c = &e->net->config;
    const struct lutra_shape *s = j->shape;
    size_t n_q = (size_t)(s->n_head * s->head_dim), n_k = (size_t)(s->n_head_kv * s->head_dim);
    for (int i = begin; i < end; i++) {
        float *q = e->q + (size_t)i * n_q, *k = e->k + (size_t)i * n_k, *v = e->v + (size_t)i * n_k;
        if (j->queries) finish_heads(j, q, s->n_head, j->layer->q_norm, i);
        if (j->queries) grow(j, q, (int)n_q, e->pos + i);
        if (!j->keys) continue;
        for (int h = 0; c->norm_v && h < s->n_head_kv; h++)
            ops_of(e)->rmsnorm(v + h * s->head_dim, v + h * s->head_dim, NULL, s->head_dim, c->norm_eps);
        finish_heads(j, k, s->n_head_kv, j->layer->k_norm, i);
        lutra_kv_put(&e->kv, ops_of(e), j->il, e->pos + i, k, v);
    }
}

/* Rows of queries that one piece of work takes at each head of keys: with as many query heads as key heads they alone
 * share keys. */
enum { ROWS = LUTRA_HEADS };

static float *scores_of(const struct attend_job *j, int thread, size_t *stride)
{
    *stride = lutra_round_up((size_t)j->e->kv.n_ctx, 16);
    return j->e->scores + (size_t)thread * LUTRA_HEADS * *stride;
}

/* Query head `head` of row i as the next of `heads`. */
static void add_head(const struct attend_job *j, struct lutra_heads *heads, int i, int head)
{
    const struct lutra_shape *s = j->shape;
    struct lutra_eval *e = j->e;
    const size_t at = ((size_t)i * (size_t)s->n_head + (size_t)head) * (size_t)s->head_dim;
    struct lutra_span *span = &heads->kv[heads->n];
    *span = lutra_kv_span(&e->kv, j->il, head / (s->n_head / s->n_head_kv), e->pos + i, j->window);
    if (e->places) span->first = e->places[e->pos + i].first;
    if (e->places) span->n = e->places[e->pos + i].n;
    span->cap = e->net->config.attn_softcap;
    span->has_sink = j->layer->sinks != NULL;
    if (span->has_sink) span->sink = j->layer->sinks[head];
    heads->q[heads->n] = e->q + at;
    heads->out[heads->n++] = e->att + at;
}

/* item = ROWS rows times the query heads of one head of keys, LUTRA_HEADS of them at a time */
static void attend_rows(void *arg, int begin, int end, int thread)
{
    const struct attend_job *j = arg;
    const struct lutra_shape *s = j->shape;
    const int share = s->n_head / s->n_head_kv;
    size_t stride;
    float *scores = scores_of(j, thread, &stride);
    for (int item = begin; item < end; item++) {
        const int i = item / s->n_head_kv * ROWS, first = item % s->n_head_kv * share;
        const int n = (j->e->n - i < ROWS ? j->e->n - i : ROWS) * share;
        struct lutra_heads heads = {.n = 0};
        for (int h = 0; h < n; h++) {
            add_head(j, &heads, i + h / share, first + h % share);
            if (heads.n < LUTRA_HEADS && h + 1 < n) continue;
            ops_of(j->e)->attend_many(&heads, s->head_dim, s->head_dim, j->e->net->config.attn_scale, scores, stride);
            heads.n = 0;
        }
    }
}

/* One row: item = head, so that all threads have work; alone, too, four heads of it at a time are slower. */
static void attend_heads(void *arg, int begin, int end, int thread)
{
    const struct attend_job *j = arg;
    const struct lutra_shape *s = j->shape;
    size_t stride;
    float *scores = scores_of(j, thread, &stride);
    for (int item = begin; item < end; item++) {
        struct lutra_heads one = {.n = 0};
        add_head(j, &one, 0, item);
        ops_of(j->e)->attend(one.out[0], one.q[0], &one.kv[0], s->head_dim, s->head_dim, j->e->net->config.attn_scale,
                             scores);
    }
}

/* wq gives a head and its gate side by side: the heads go to q, the gates stay where they are. */
static void part_gates(const struct attend_job *j)
{
    struct lutra_eval *e = j->e;
    size_t dim = (size_t)j->shape->head_dim, heads = (size_t)e->n * (size_t)j->shape->n_head;
    for (size_t h = 0; h < heads; h++)
        for (size_t d = 0; d < dim; d++) e->q[h * dim + d] = e->wide[2 * h * dim + d];
}

static void apply_gates(void *arg, int begin, int end, int thread)
{
    (void)thread;
    const struct attend_job *j = arg;
    struct lutra_eval *e = j->e;
    size_t dim = (size_t)j->shape->head_dim;
    for (size_t h = (size_t)begin; h < (size_t)end; h++) {
        const float *gate = e->wide + (2 * h + 1) * dim;
        for (size_t d = 0; d < dim; d++) e->att[h * dim + d] /= 1.0f + lutra_expf(-gate[d]);
    }
}

static void queries_keys_values(const struct attend_job *j)
{
    struct lutra_eval *e = j->e;
    const struct lutra_layer *l = j->layer;
    bool gated = e->net->config.attn_gated, shared = l->wv.data == NULL; /* values may be the keys before their norm */
    const struct lutra_product qkv[] = {
        {&l->wq, gated ? e->wide : e->q, l->bq, l->sq}, {&l->wk, e->k, l->bk, l->sk}, {&l->wv, e->v, l->bv, l->sv}};
    int n = !j->keys ? 1 : shared ? 2 : 3;
    lutra_eval_products(e, e->norm, e->net->config.n_embd, qkv, n);
    if (gated) part_gates(j);
    size_t n_k = (size_t)e->n * (size_t)(j->shape->n_head_kv * j->shape->head_dim);
    for (size_t i = 0; n == 2 && i < n_k; i++) e->v[i] = e->k[i];
}

static struct attend_job job_of(struct lutra_eval *e, int il)
{
    const struct lutra_config *c = &e->net->config;
    const struct lutra_shape *s = &c->shape[il];
    struct attend_job job = {.e = e, .layer = &e->net->layers[il], .shape = s, .il = il, .queries = true};
    job.rope = !s->rotates ? NULL : s->local ? &e->rope_local : &e->rope;
    job.n_rot = s->local ? c->n_rot_local : c->n_rot;
    job.window = s->local ? c->window : 0;
    job.keys = s->kv_from == il && !c->encoder;
    return job;
}

void lutra_eval_keys(struct lutra_eval *e, int il)
{
    struct attend_job job = job_of(e, il);
    const struct lutra_layer *l = job.layer;
    const struct lutra_product kv[] = {{&l->wk, e->k, l->bk, l->sk}, {&l->wv, e->v, l->bv, l->sv}};
    job.queries = false;
    job.keys = true;
    lutra_eval_products(e, e->x, e->net->config.n_embd, kv, 2);
    lutra_pool_run(e->engine.pool, e->n, 1, rotate_rows, &job);
}

void lutra_eval_attention(struct lutra_eval *e, int il)
{
    const struct lutra_config *c = &e->net->config;
    const struct lutra_layer *l = &e->net->layers[il];
    const struct lutra_shape *s = &c->shape[il];
    struct attend_job job = job_of(e, il);
    queries_keys_values(&job);
    lutra_pool_run(e->engine.pool, e->n, 1, rotate_rows, &job);
    if (e->n == 1)
        lutra_pool_run(e->engine.pool, s->n_head, 1, attend_heads, &job);
    else
        lutra_pool_run(e->engine.pool, (e->n + ROWS - 1) / ROWS * s->n_head_kv, 1, attend_rows, &job);
    if (c->attn_gated) lutra_pool_run(e->engine.pool, e->n * s->n_head, 8, apply_gates, &job);

    int o_cols = s->n_head * s->head_dim;
    if (l->attn_sub_norm) lutra_eval_norm(e, e->att, e->att, l->attn_sub_norm, o_cols);
    const struct lutra_product out = {&l->wo, e->norm, l->bo, l->so};
    lutra_eval_products(e, e->att, o_cols, &out, 1);
    if (l->post_attn_norm) lutra_eval_norm(e, e->norm, e->norm, l->post_attn_norm, c->n_embd);
}
