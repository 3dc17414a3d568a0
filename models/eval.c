/* SPDX-License-Identifier: MIT */
/* Memory of an evaluator, and the walk from token ids to logits. */
#include "models/eval.h"

#include "kernels/lmath.h"

#include <stdlib.h>
#include <string.h>

static int most(int a, int b)
{
    return a > b ? a : b;
}

int lutra_eval_widest(const struct lutra_config *c)
{
    int w = most(most(c->n_embd, c->n_ff), most(c->max_q, c->ssm_inner));
    return most(w, most(most(c->n_ff_expert, c->n_ff_shared), c->n_embd_layer));
}

static unsigned parts_of(const struct lutra_config *c)
{
    return LUTRA_ACT_CODES | LUTRA_ACT_QUADS | LUTRA_ACT_BYTES | (c->ternary_int8 ? LUTRA_ACT_TRIPS : 0u) |
           (c->has_ternary ? LUTRA_ACT_QUINTS : 0u);
}

/* Activations of a full batch need codes only; tables exist for the few vectors that are looked up at a time. */
static size_t act_mem_bytes(const struct lutra_config *c, const struct lutra_ops *ops,
                            const struct lutra_eval_options *opt)
{
    if (opt->precision == LUTRA_PREC_HIGH || opt->mode == LUTRA_MODE_DEQ) return 64;
    int k = lutra_eval_widest(c), few = most(lutra_lookup_most(ops, opt->mode), ops->dense_most);
    if (few > opt->n_batch) few = opt->n_batch;
    size_t many_bytes = lutra_act_bytes(ops, opt->n_batch, k, LUTRA_ACT_CODES);
    size_t few_bytes = lutra_act_bytes(ops, few, k, parts_of(c));
    return many_bytes > few_bytes ? many_bytes : few_bytes;
}

/* The arrays of an evaluator in the order they lie in its arena; both the plan and the open walk this list. */
enum part { X, NORM, Q, K, V, ATT, GATE, UP, WIDE, PE, LAST, LOGITS, SCORES, COS, SIN, COS_LOCAL, SIN_LOCAL, ACT, ENGINE,
            PLACES, MOE, HEAD, TEXTS, N_PARTS };

struct layout {
    size_t kv, state, act, part[N_PARTS];
};

static bool rows(size_t *out, int n, int64_t cols)
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

/* Columns of the feed-forward scratch: all experts of one token must fit, too. */
static int64_t ff_cols(const struct lutra_config *c, int n_batch)
{
    int64_t all = ((int64_t)c->n_expert_used * c->n_ff_expert + n_batch - 1) / n_batch;
    int64_t one = most(most(c->n_ff, c->n_ff_shared), c->n_ff_expert);
    return all > one ? all : one;
}

/* One layer's keys and values are small, and an encoder reads them once. */
static bool keeps_floats(const struct lutra_config *c, enum lutra_precision precision)
{
    return precision == LUTRA_PREC_HIGH || c->encoder;
}

static bool layout_kv(struct layout *l, const struct lutra_config *c, const struct lutra_eval_options *opt)
{
    uint64_t kv, state;
    if (!lutra_kv_bytes(c, opt->n_ctx, keeps_floats(c, opt->precision), &kv) || kv > SIZE_MAX / 4) return false;
    if (!lutra_state_bytes(c, &state) || state > SIZE_MAX / 4) return false;
    l->kv = (size_t)kv;
    l->state = (size_t)state;
    return true;
}

/* Float activations have no estimates to gain from. */
static bool uses_shortlist(const struct lutra_config *c, const struct lutra_eval_options *opt)
{
    return opt->shortlist && opt->precision == LUTRA_PREC_DEFAULT && opt->mode != LUTRA_MODE_DEQ && c->logit_scale > 0 &&
           !c->encoder;
}

static bool make_layout(struct layout *l, const struct lutra_config *c, const struct lutra_ops *ops,
                        const struct lutra_eval_options *opt)
{
    int n = opt->n_batch, n_threads = most_threads(opt), all = c->encoder ? opt->n_ctx : n;
    uint64_t moe;
    l->act = act_mem_bytes(c, ops, opt);
    if (!layout_kv(l, c, opt) || !lutra_moe_bytes(c, ops, n, l->act, &moe) || moe > SIZE_MAX / 4) return false;
    const struct {
        enum part part;
        int n;
        int64_t cols;
    } floats[] = {{X, all, c->n_embd},
                  {NORM, n, c->n_embd},
                  {Q, n, c->max_q},
                  {K, n, c->max_k},
                  {V, n, c->max_k},
                  {ATT, n, most(most(c->max_q, c->ssm_inner), c->n_embd)},
                  {GATE, n, ff_cols(c, n)},
                  {UP, n, ff_cols(c, n)},
                  {WIDE, n, c->n_wide},
                  {PE, n, (int64_t)c->n_layer * c->n_embd_layer},
                  {LAST, 1, c->encoder ? 0 : c->n_embd},
                  {LOGITS, 1, c->encoder ? 0 : c->n_vocab},
                  {SCORES, LUTRA_HEADS * n_threads, (int64_t)lutra_round_up((size_t)opt->n_ctx, 16)},
                  {COS, all, c->n_rot / 2},
                  {SIN, all, c->n_rot / 2},
                  {COS_LOCAL, n, c->n_rot_local / 2},
                  {SIN_LOCAL, n, c->n_rot_local / 2}};
    bool ok = true;
    for (size_t i = 0; i < sizeof floats / sizeof floats[0]; i++)
        ok = ok && rows(&l->part[floats[i].part], floats[i].n, floats[i].cols);
    l->part[ACT] = l->act;
    l->part[ENGINE] = (size_t)n_threads * lutra_engine_scratch(ops);
    l->part[PLACES] = 2 * (size_t)c->n_layer * sizeof(uint64_t);
    l->part[MOE] = (size_t)moe;
    l->part[HEAD] = uses_shortlist(c, opt) ? lutra_head_work_most(c->n_vocab, c->n_embd, ops) : 0;
    l->part[TEXTS] = c->encoder ? (size_t)opt->n_ctx * sizeof(struct lutra_place) : 0;
    return ok;
}

static size_t layout_bytes(const struct layout *l)
{
    size_t sum = 0;
    for (int i = 0; i < N_PARTS; i++) sum += lutra_arena_cost(l->part[i]);
    return sum;
}

static size_t kv_cost(const struct layout *l)
{
    return lutra_arena_cost(l->kv) + lutra_arena_cost(l->state);
}

bool lutra_eval_plan(const struct lutra_config *c, const struct lutra_ops *ops, const struct lutra_eval_options *opt,
                     uint64_t *kv_bytes, uint64_t *scratch_bytes)
{
    struct layout l;
    if (!make_layout(&l, c, ops, opt)) return false;
    *kv_bytes = kv_cost(&l);
    *scratch_bytes = layout_bytes(&l);
    return true;
}

static void take_all(struct lutra_eval *e, const struct layout *l)
{
    const struct lutra_config *c = &e->net->config;
    void *mem[N_PARTS];
    float **floats[] = {[X] = &e->x, [NORM] = &e->norm, [Q] = &e->q, [K] = &e->k, [V] = &e->v, [ATT] = &e->att,
                        [GATE] = &e->gate, [UP] = &e->up, [WIDE] = &e->wide, [PE] = &e->pe, [LAST] = &e->last, [LOGITS] = &e->logits,
                        [SCORES] = &e->scores, [COS] = &e->rope.cs, [SIN] = &e->rope.sn,
                        [COS_LOCAL] = &e->rope_local.cs, [SIN_LOCAL] = &e->rope_local.sn};
    for (int i = 0; i < N_PARTS; i++) mem[i] = lutra_arena_take(&e->arena, l->part[i]);
    for (int i = X; i <= SIN_LOCAL; i++) *floats[i] = mem[i];
    e->act_mem = mem[ACT];
    e->engine.scratch = mem[ENGINE];
    if (e->shortlist) lutra_head_work_bind(&e->head, &e->net->fast, e->engine.ops, mem[HEAD]);
    uint64_t *places = mem[PLACES];
    lutra_kv_bind(&e->kv, c, lutra_arena_take(&e->kv_arena, l->kv), places, e->kv.n_ctx,
                  keeps_floats(c, e->engine.precision));
    lutra_state_bind(&e->state, c, lutra_arena_take(&e->kv_arena, l->state), places + c->n_layer);
    if (c->encoder) e->places = mem[TEXTS];
    if (c->n_expert > 0) lutra_moe_bind(&e->moe, c, e->n_batch, l->act, mem[MOE]);
    e->freq = e->kv.n_ctx > c->rope.n_ctx_orig ? e->net->freq_long : e->net->freq;
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
    e->shortlist = net->fast.ready && uses_shortlist(&net->config, opt);
    e->greedy = true;
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
    if ((st = lutra_arena_open_sparse(&e->kv_arena, kv_cost(&l), err))) goto fail;
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

static void rotation(struct lutra_eval *e, struct lutra_rope *r, const double *freq, int half, float size, int i,
                     int pos)
{
    float *cs = r->cs + (size_t)i * (size_t)half, *sn = r->sn + (size_t)i * (size_t)half;
    lutra_rope_table(cs, sn, freq, half, pos);
    if (size == 1.0f) return;
    e->net->ops.scale(cs, size, half);
    e->net->ops.scale(sn, size, half);
}

void lutra_eval_rotation(struct lutra_eval *e, int i, int pos)
{
    const struct lutra_net *net = e->net;
    const struct lutra_config *c = &net->config;
    rotation(e, &e->rope, e->freq, c->n_rot / 2, net->rope_size, i, pos);
    if (c->window > 0) rotation(e, &e->rope_local, net->freq_local, c->n_rot_local / 2, net->rope_size_local, i, pos);
}

static void embed_rows(void *arg, int begin, int end, int thread)
{
    (void)thread;
    struct lutra_eval *e = arg;
    const struct lutra_net *net = e->net;
    const struct lutra_config *c = &net->config;
    for (int i = begin; i < end; i++) {
        float *x = e->x + (size_t)i * (size_t)c->n_embd;
        lutra_mat_row(&net->token_embd, e->ids[i], x);
        if (c->embd_scale != 1.0f) net->ops.scale(x, c->embd_scale, c->n_embd);
        lutra_eval_rotation(e, i, e->pos + i);
    }
}

/* The greatest logits of e->last, estimates elsewhere; false if that cannot be told without the whole head. */
static bool short_head(struct lutra_eval *e)
{
    const struct lutra_mat *mats[1] = {&e->net->output};
    struct lutra_act a;
    e->engine.code_max = LUTRA_CODE_MAX; /* heads of two bits, which BitNet has int8 inputs for, have no shortlist */
    unsigned parts = lutra_act_parts(&e->engine, mats, 1, 1);
    lutra_act_bind(&a, e->engine.ops, e->act_mem, 1, e->net->config.n_embd, parts);
    a.x = e->last;
    a.x_stride = (size_t)e->net->config.n_embd;
    lutra_act_fill(&e->engine, &a, parts);
    return lutra_head_fast_run(&e->net->fast, &e->head, &e->engine, mats[0], &a, e->logits);
}

/* Logits of e->last into e->logits, all of them exact if `whole`. */
static void logits_of_last(struct lutra_eval *e, bool whole)
{
    const struct lutra_config *c = &e->net->config;
    const struct lutra_product p = {&e->net->output, e->logits, NULL, NULL};
    int n = e->n;
    e->n = 1;
    e->whole = whole || !e->shortlist || !short_head(e);
    if (e->whole) lutra_eval_products(e, e->last, c->n_embd, &p, 1);
    if (c->logit_scale != 1.0f) e->net->ops.scale(e->logits, c->logit_scale, c->n_vocab);
    if (c->softcap > 0.0f)
        for (int i = 0; i < c->n_vocab; i++) e->logits[i] = c->softcap * lutra_tanhf(e->logits[i] / c->softcap);
    e->n = n;
}

/* Logits of row i of the batch into e->logits. */
static void head(struct lutra_eval *e, int row, bool whole)
{
    const struct lutra_config *c = &e->net->config;
    int n = e->n;
    e->n = 1;
    lutra_eval_norm(e, e->last, e->x + (size_t)row * (size_t)c->n_embd, e->net->output_norm, c->n_embd);
    e->n = n;
    logits_of_last(e, whole);
}

void lutra_eval_complete(struct lutra_eval *e)
{
    if (!e->whole) logits_of_last(e, true);
}

void lutra_eval_relogit(struct lutra_eval *e, bool whole)
{
    lutra_pool_limit(e->engine.pool, e->n_threads);
    logits_of_last(e, whole);
}

bool lutra_eval_cancelled(const struct lutra_eval *e)
{
    return e->cancel != NULL && atomic_load_explicit(e->cancel, memory_order_relaxed) != 0;
}

/* All layers: e->x becomes what the final norm takes. */
static bool run_layers(struct lutra_eval *e, const int32_t *ids, int n)
{
    const struct lutra_config *c = &e->net->config;
    e->n = n;
    e->pos = e->kv.n;
    lutra_pool_limit(e->engine.pool, n > 1 ? e->n_threads_batch : e->n_threads);
    e->ids = ids;
    lutra_pool_run(e->engine.pool, n, 1, embed_rows, e);
    if (e->net->arch->begin) e->net->arch->begin(e);
    for (int il = 0; il < c->n_layer; il++) {
        if (lutra_eval_cancelled(e)) return false;
        e->net->arch->layer(e, il);
    }
    e->kv.n += n;
    lutra_state_step(&e->state);
    return true;
}

const float *lutra_eval_hidden(struct lutra_eval *e, const int32_t *ids, int n)
{
    if (!run_layers(e, ids, n)) return NULL;
    lutra_eval_norm(e, e->norm, e->x, e->net->output_norm, e->net->config.n_embd);
    return e->norm;
}

bool lutra_eval_tokens(struct lutra_eval *e, const int32_t *ids, int n, lutra_logits_fn on_logits, void *user)
{
    if (!run_layers(e, ids, n)) return false;
    for (int i = on_logits ? 0 : n - 1; i < n; i++) {
        head(e, i, on_logits != NULL || !e->greedy);
        if (on_logits) on_logits(user, i, e->logits);
    }
    return true;
}

int lutra_eval_rewind(struct lutra_eval *e, int n)
{
    if (e->state.floats > 0 && n != e->kv.n) n = lutra_state_rewind(&e->state, n);
    e->kv.n = n;
    return n;
}

void lutra_eval_save(struct lutra_eval *e)
{
    lutra_state_save(&e->state, e->kv.n);
}

lutra_status lutra_past_open(struct lutra_past *p, const struct lutra_eval *e, lutra_error *err)
{
    uint64_t state = 0;
    lutra_state_bytes(&e->net->config, &state); /* it fitted when e was opened */
    lutra_status st = lutra_arena_open_sparse(&p->arena, e->kv_arena.cap, err);
    if (st != LUTRA_OK) return st;
    p->kv = e->kv;
    p->kv.data = lutra_arena_take(&p->arena, (size_t)e->kv.bytes);
    p->kv.n = 0;
    p->state = e->state;
    lutra_state_bind(&p->state, &e->net->config, lutra_arena_take(&p->arena, (size_t)state), e->state.at);
    return LUTRA_OK;
}

void lutra_past_swap(struct lutra_past *p, struct lutra_eval *e)
{
    struct lutra_past old = {e->kv_arena, e->kv, e->state};
    e->kv_arena = p->arena;
    e->kv = p->kv;
    e->state = p->state;
    *p = old;
}

void lutra_past_close(struct lutra_past *p)
{
    lutra_arena_close(&p->arena);
}
