/* SPDX-License-Identifier: MIT */
/* Memory of an evaluator, and the walk from token ids to logits. */
#include "models/eval.h"

#include "kernels/lmath.h"

#include <stdlib.h>
#include <string.h>

static int widest_input(const struct lutra_config *c)
{
    int o = c->n_head * c->head_dim_v;
    int w = c->n_embd > c->n_ff ? c->n_embd : c->n_ff;
    return o > w ? o : w;
}

static unsigned parts_of(const struct lutra_config *c)
{
    return LUTRA_ACT_CODES | LUTRA_ACT_QUADS | (c->ternary_int8 ? LUTRA_ACT_TRIPS : 0u);
}

/* Activations of a full batch need codes only; tables exist for the few vectors that are looked up at a time. */
static size_t act_mem_bytes(const struct lutra_config *c, const struct lutra_ops *ops,
                            const struct lutra_eval_options *opt)
{
    if (opt->precision == LUTRA_PREC_HIGH || opt->mode == LUTRA_MODE_DEQ) return 64;
    int k = widest_input(c), few = lutra_lookup_most(ops, opt->mode);
    if (few > opt->n_batch) few = opt->n_batch;
    size_t many_bytes = lutra_act_bytes(ops, opt->n_batch, k, LUTRA_ACT_CODES);
    size_t few_bytes = lutra_act_bytes(ops, few, k, parts_of(c));
    return many_bytes > few_bytes ? many_bytes : few_bytes;
}

/* The arrays of an evaluator in the order they lie in its arena; both the plan and the open walk this list. */
struct layout {
    size_t kv, x, norm, q, k, v, att, gate, up, logits, scores, rope, act, engine;
};

static bool rows(size_t *out, int n, int cols)
{
    uint64_t bytes;
    bool ok = lutra_mul_ok(&bytes, (uint64_t)n, (uint64_t)cols * sizeof(float)) && bytes <= SIZE_MAX / 64;
    *out = ok ? (size_t)bytes : 0;
    return ok;
}

static int most_threads(const struct lutra_eval_options *opt)
{
    return opt->n_threads > opt->n_threads_batch ? opt->n_threads : opt->n_threads_batch;
}

static bool make_layout(struct layout *l, const struct lutra_config *c, const struct lutra_ops *ops,
                        const struct lutra_eval_options *opt)
{
    int n_ctx = opt->n_ctx, n_batch = opt->n_batch, n_threads = most_threads(opt);
    uint64_t kv = lutra_kv_bytes(c, n_ctx, opt->precision == LUTRA_PREC_HIGH);
    if (kv == 0 || kv > SIZE_MAX / 4) return false;
    l->kv = (size_t)kv;
    l->act = act_mem_bytes(c, ops, opt);
    l->engine = (size_t)n_threads * lutra_engine_scratch(ops);
    return rows(&l->x, n_batch, c->n_embd) && rows(&l->norm, n_batch, c->n_embd) &&
           rows(&l->q, n_batch, c->n_head * c->head_dim) && rows(&l->k, n_batch, c->n_head_kv * c->head_dim) &&
           rows(&l->v, n_batch, c->n_head_kv * c->head_dim_v) && rows(&l->att, n_batch, c->n_head * c->head_dim_v) &&
           rows(&l->gate, n_batch, c->n_ff) && rows(&l->up, n_batch, c->n_ff) && rows(&l->logits, 1, c->n_vocab) &&
           rows(&l->scores, n_threads, (int)lutra_round_up((size_t)n_ctx, 16)) && rows(&l->rope, n_batch, c->n_rot / 2);
}

static size_t layout_bytes(const struct layout *l)
{
    const size_t sizes[] = {l->x,      l->norm,   l->q,    l->k,    l->v,    l->att,  l->gate, l->up,
                            l->logits, l->scores, l->rope, l->rope, l->rope, l->rope, l->act,  l->engine};
    size_t sum = 0;
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) sum += lutra_arena_cost(sizes[i]);
    return sum;
}

bool lutra_eval_plan(const struct lutra_config *c, const struct lutra_ops *ops, const struct lutra_eval_options *opt,
                     uint64_t *kv_bytes, uint64_t *scratch_bytes)
{
    struct layout l;
    if (!make_layout(&l, c, ops, opt)) return false;
    *kv_bytes = lutra_arena_cost(l.kv);
    *scratch_bytes = layout_bytes(&l);
    return true;
}

static void take_all(struct lutra_eval *e, const struct layout *l)
{
    struct lutra_arena *a = &e->arena;
    bool f32 = e->engine.precision == LUTRA_PREC_HIGH;
    lutra_kv_bind(&e->kv, &e->net->config, lutra_arena_take(&e->kv_arena, l->kv), e->kv.n_ctx,
                  f32);
    e->x = lutra_arena_take(a, l->x);
    e->norm = lutra_arena_take(a, l->norm);
    e->q = lutra_arena_take(a, l->q);
    e->k = lutra_arena_take(a, l->k);
    e->v = lutra_arena_take(a, l->v);
    e->att = lutra_arena_take(a, l->att);
    e->gate = lutra_arena_take(a, l->gate);
    e->up = lutra_arena_take(a, l->up);
    e->logits = lutra_arena_take(a, l->logits);
    e->scores = lutra_arena_take(a, l->scores);
    e->rope.cs = lutra_arena_take(a, l->rope);
    e->rope.sn = lutra_arena_take(a, l->rope);
    e->rope_local.cs = lutra_arena_take(a, l->rope);
    e->rope_local.sn = lutra_arena_take(a, l->rope);
    e->act_mem = lutra_arena_take(a, l->act);
    e->engine.scratch = lutra_arena_take(a, l->engine);
}

lutra_status lutra_eval_open(struct lutra_eval **out, const struct lutra_net *net,
                             const struct lutra_eval_options *opt, lutra_error *err)
{
    *out = NULL;
    struct layout l;
    struct lutra_eval *e = calloc(1, sizeof *e);
    if (e == NULL) return lutra_fail(err, LUTRA_ENOMEM, "no memory for a session");
    lutra_status st = lutra_pool_open(&e->engine.pool, most_threads(opt), opt->cpus, err);
    if (st != LUTRA_OK) goto fail;
    e->net = net;
    e->n_batch = opt->n_batch;
    e->n_threads = opt->n_threads;
    e->n_threads_batch = opt->n_threads_batch;
    e->kv.n_ctx = opt->n_ctx;
    e->engine.ops = &net->ops;
    e->engine.precision = opt->precision;
    e->engine.mode = opt->mode;
    e->engine.scratch_each = lutra_engine_scratch(&net->ops);
    if (!make_layout(&l, &net->config, &net->ops, opt)) {
        st = lutra_fail(err, LUTRA_ENOMEM, "a context of %d tokens is too large for this machine; ask for less with -c",
                        opt->n_ctx);
        goto fail;
    }
    if ((st = lutra_arena_open(&e->arena, layout_bytes(&l), err))) goto fail;
    if ((st = lutra_arena_open_sparse(&e->kv_arena, lutra_arena_cost(l.kv), err))) goto fail;
    take_all(e, &l);
    *out = e;
    return LUTRA_OK;
fail:
    lutra_eval_close(e);
    return st;
}

void lutra_eval_close(struct lutra_eval *e)
{
    if (e == NULL) return;
    lutra_pool_close(e->engine.pool);
    lutra_arena_close(&e->arena);
    lutra_arena_close(&e->kv_arena);
    free(e);
}

/* ---- evaluation ---- */

struct embed_job {
    struct lutra_eval *e;
    const int32_t *ids;
};

static void embed_rows(void *arg, int begin, int end, int thread)
{
    (void)thread;
    const struct embed_job *j = arg;
    struct lutra_eval *e = j->e;
    const struct lutra_config *c = &e->net->config;
    int half = c->n_rot / 2;
    for (int i = begin; i < end; i++) {
        float *x = e->x + (size_t)i * (size_t)c->n_embd;
        lutra_mat_row(&e->net->token_embd, j->ids[i], x);
        if (c->embd_scale != 1.0f) e->net->ops.scale(x, c->embd_scale, c->n_embd);
        size_t at = (size_t)i * (size_t)half;
        lutra_rope_table(e->rope.cs + at, e->rope.sn + at, e->net->freq, half, e->pos + i);
        if (c->window > 0)
            lutra_rope_table(e->rope_local.cs + at, e->rope_local.sn + at, e->net->freq_local, half, e->pos + i);
    }
}

/* Logits of row i of the batch into e->logits. */
static void head(struct lutra_eval *e, int row)
{
    const struct lutra_config *c = &e->net->config;
    int n = e->n;
    float *x = e->x + (size_t)row * (size_t)c->n_embd;
    const struct lutra_product p = {&e->net->output, e->logits, NULL, NULL};
    e->n = 1;
    lutra_eval_norm(e, e->norm, x, e->net->output_norm, c->n_embd);
    lutra_eval_products(e, e->norm, c->n_embd, &p, 1);
    if (c->softcap > 0.0f)
        for (int i = 0; i < c->n_vocab; i++) e->logits[i] = c->softcap * lutra_tanhf(e->logits[i] / c->softcap);
    e->n = n;
}

static bool cancelled(const struct lutra_eval *e)
{
    return e->cancel != NULL && atomic_load_explicit(e->cancel, memory_order_relaxed) != 0;
}

bool lutra_eval_tokens(struct lutra_eval *e, const int32_t *ids, int n, lutra_logits_fn on_logits, void *user)
{
    const struct lutra_config *c = &e->net->config;
    e->n = n;
    e->pos = e->kv.n;
    lutra_pool_limit(e->engine.pool, n > 1 ? e->n_threads_batch : e->n_threads);
    struct embed_job job = {e, ids};
    lutra_pool_run(e->engine.pool, n, 1, embed_rows, &job);
    for (int il = 0; il < c->n_layer; il++) {
        if (cancelled(e)) return false;
        e->net->arch->layer(e, il);
    }
    e->kv.n += n;
    for (int i = on_logits ? 0 : n - 1; i < n; i++) {
        head(e, i);
        if (on_logits) on_logits(user, i, e->logits);
    }
    return true;
}
