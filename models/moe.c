/* SPDX-License-Identifier: MIT */
/* Feed-forward by experts: a router chooses a few of them for each token.
 *
 * One token, or a few: its codes and tables are built once and serve every expert it takes. A batch: its
 * codes are built once; each expert gathers those of its tokens and multiplies them as a panel. What
 * experts give is added up in ascending order of expert, so a token's result is the same either way. */
#include "models/eval.h"

#include "kernels/lmath.h"

#include <math.h>
#include <string.h>

struct lutra_moe {
    int32_t *chosen;   /* [n][n_expert_used] ascending */
    float *share;      /* [n][n_expert_used] */
    int32_t *rows;     /* [n] tokens of the expert under way */
    float *part;       /* [n] their shares */
    float *scores;     /* [n][n_expert] */
    float *given;      /* [max(n, n_expert_used)][n_embd] what experts give */
    float *sum;        /* [n][n_embd] */
    float *gathered;   /* [n][n_embd] inputs of the expert under way, as floats */
    void *act_mem;     /* their codes */
};

enum { N_ARRAYS = 9 };

static bool sizes(size_t out[N_ARRAYS], const struct lutra_config *c, int n, size_t act_bytes)
{
    uint64_t used = (uint64_t)c->n_expert_used, embd = (uint64_t)c->n_embd, rows = (uint64_t)n;
    const uint64_t floats[] = {rows * used, rows * used, rows, rows, rows * (uint64_t)c->n_expert,
                               (rows > used ? rows : used) * embd, rows * embd, rows * embd};
    for (int i = 0; i < N_ARRAYS - 1; i++) out[i] = lutra_arena_cost((size_t)floats[i] * sizeof(float));
    out[N_ARRAYS - 1] = lutra_arena_cost(act_bytes);
    return true; /* 65536 rows of 2^17: no overflow */
}

bool lutra_moe_bytes(const struct lutra_config *c, const struct lutra_ops *ops, int n_batch, size_t act_bytes,
                     uint64_t *bytes)
{
    (void)ops;
    size_t each[N_ARRAYS];
    *bytes = 0;
    if (c->n_expert == 0) return true;
    if (!sizes(each, c, n_batch, act_bytes)) return false;
    *bytes = lutra_arena_cost(sizeof(struct lutra_moe));
    for (int i = 0; i < N_ARRAYS; i++) *bytes += each[i];
    return true;
}

void lutra_moe_bind(struct lutra_moe **out, const struct lutra_config *c, int n_batch, size_t act_bytes, void *mem)
{
    size_t each[N_ARRAYS];
    uint8_t *at = (uint8_t *)mem + lutra_arena_cost(sizeof(struct lutra_moe));
    struct lutra_moe *m = mem;
    sizes(each, c, n_batch, act_bytes);
    void *place[N_ARRAYS];
    for (int i = 0; i < N_ARRAYS; i++) {
        place[i] = at;
        at += each[i];
    }
    *m = (struct lutra_moe){place[0], place[1], place[2], place[3], place[4], place[5], place[6], place[7], place[8]};
    *out = m;
}

/* ---- routing ---- */

/* Every expert outside the n_used groups whose two best sum to most is taken: nobody may choose it. */
static void close_groups(bool *taken, const float *p, const float *bias, int n, int n_groups, int n_used)
{
    float sum[LUTRA_MAX_EXPERTS];
    bool open[LUTRA_MAX_EXPERTS] = {false};
    int each = n / n_groups;
    for (int g = 0; g < n_groups; g++) {
        float first = -INFINITY, second = -INFINITY;
        for (int i = g * each; i < (g + 1) * each; i++) {
            float v = bias ? p[i] + bias[i] : p[i];
            if (v > first) {
                second = first;
                first = v;
            } else if (v > second) {
                second = v;
            }
        }
        sum[g] = first + second;
    }
    for (int u = 0; u < n_used; u++) {
        int best = -1;
        for (int g = 0; g < n_groups; g++)
            if (!open[g] && (best < 0 || sum[g] > sum[best])) best = g;
        open[best] = true;
    }
    for (int i = 0; i < n; i++) taken[i] = !open[i / each];
}

/* The largest of p + bias, n_expert_used of them, their indices ascending; of equals, and of what is no number, the
 * first. */
static void choose(int32_t *chosen, const float *p, const float *bias, const struct lutra_config *c)
{
    bool taken[LUTRA_MAX_EXPERTS] = {false};
    int n = c->n_expert, n_used = c->n_expert_used;
    if (c->n_expert_groups > 0) close_groups(taken, p, bias, n, c->n_expert_groups, c->n_groups_used);
    for (int u = 0; u < n_used; u++) {
        int best = -1;
        float most = 0.0f;
        for (int i = 0; i < n; i++) {
            if (taken[i]) continue;
            float v = bias ? p[i] + bias[i] : p[i];
            if (best < 0 || v > most) {
                best = i;
                most = v;
            }
        }
        taken[best] = true;
        int at = u; /* into its place */
        for (; at > 0 && chosen[at - 1] > best; at--) chosen[at] = chosen[at - 1];
        chosen[at] = best;
    }
}

struct route_job {
    struct lutra_eval *e;
    const struct lutra_layer *l;
};

static void route_rows(void *arg, int begin, int end, int thread)
{
    (void)thread;
    const struct route_job *j = arg;
    struct lutra_eval *e = j->e;
    const struct lutra_layer *l = j->l;
    const struct lutra_config *c = &e->net->config;
    const struct lutra_ops *ops = &e->net->ops;
    int n = c->n_expert, used = c->n_expert_used;
    for (int i = begin; i < end; i++) {
        float *p = e->moe->scores + (size_t)i * (size_t)n, total = 0.0f;
        float *share = e->moe->share + (size_t)i * (size_t)used;
        int32_t *chosen = e->moe->chosen + (size_t)i * (size_t)used;
        if (c->routing == LUTRA_ROUTE_SOFTMAX) ops->softmax(p, n);
        if (c->routing == LUTRA_ROUTE_SIGMOID)
            for (int x = 0; x < n; x++) p[x] = 1.0f / (1.0f + lutra_expf(-p[x]));
        choose(chosen, p, l->b_choice, c);
        for (int u = 0; u < used; u++) share[u] = p[chosen[u]];
        if (c->routing == LUTRA_ROUTE_SOFTMAX_CHOSEN) ops->softmax(share, used);
        for (int u = 0; u < used; u++) total += share[u];
        float by_sum = c->route_norm ? 1.0f / (total > 6.103515625e-5f ? total : 6.103515625e-5f) : 1.0f;
        for (int u = 0; u < used; u++) share[u] *= by_sum * c->route_scale;
    }
}

static void route(struct lutra_eval *e, const struct lutra_layer *l, const float *in)
{
    struct route_job job = {e, l};
    const struct lutra_product p = {&l->router, e->moe->scores, l->b_router, NULL};
    lutra_eval_products(e, in, e->net->config.n_embd, &p, 1);
    lutra_pool_run(e->engine.pool, e->n, 4, route_rows, &job);
}

/* ---- one token ---- */

/* n rows that a matrix of an expert gave: times its scale, plus its bias, where there are any. */
static void finish(struct lutra_eval *e, float *y, int n, const float *scales, const float *biases, int expert, int rows)
{
    if (scales) e->net->ops.scale(y, scales[expert], n * rows);
    for (int i = 0; biases && i < n; i++)
        e->net->ops.add(y + (size_t)i * (size_t)rows, biases + (size_t)expert * (size_t)rows, rows);
}

/* Codes (and tables, for the matrices given) of n float vectors. */
static void fill(struct lutra_eval *e, struct lutra_act *a, void *mem, const float *x, int cols, int n, unsigned parts)
{
    lutra_act_bind(a, e->engine.ops, mem, n, cols, parts);
    a->x = x;
    a->x_stride = (size_t)cols;
    lutra_act_fill(&e->engine, a, parts);
}

static void one_token(struct lutra_eval *e, const struct lutra_layer *l, int row)
{
    const struct lutra_config *c = &e->net->config;
    struct lutra_moe *m = e->moe;
    int used = c->n_expert_used, n_ff = c->n_ff_expert, n_embd = c->n_embd;
    const int32_t *chosen = m->chosen + (size_t)row * (size_t)used;
    const struct lutra_mat *in[] = {&l->e_gate.one, &l->e_up.one}, *out[] = {&l->e_down.one};
    struct lutra_act a;
    fill(e, &a, e->act_mem, e->norm + (size_t)row * (size_t)n_embd, n_embd, 1, lutra_act_parts(&e->engine, in, 2, 1));
    for (int u = 0; u < used; u++) {
        struct lutra_mat gate = lutra_mats_at(&l->e_gate, chosen[u]), up = lutra_mats_at(&l->e_up, chosen[u]);
        float *g = e->gate + (size_t)u * (size_t)n_ff, *v = e->up + (size_t)u * (size_t)n_ff;
        const struct lutra_mul both[] = {{g, (size_t)n_ff, &gate}, {v, (size_t)n_ff, &up}};
        lutra_matmul_all(&e->engine, both, 2, &a);
        finish(e, g, 1, l->se_gate, l->be_gate, chosen[u], n_ff);
        finish(e, v, 1, l->se_up, l->be_up, chosen[u], n_ff);
    }
    lutra_eval_gate(e, used, n_ff);
    unsigned parts = lutra_act_parts(&e->engine, out, 1, 1);
    float *sum = m->sum + (size_t)row * (size_t)n_embd;
    for (int u = 0; u < used; u++) {
        struct lutra_mat down = lutra_mats_at(&l->e_down, chosen[u]);
        float *y = m->given + (size_t)u * (size_t)n_embd;
        fill(e, &a, e->act_mem, e->gate + (size_t)u * (size_t)n_ff, n_ff, 1, parts);
        lutra_matmul(&e->engine, y, (size_t)n_embd, &down, &a);
        finish(e, y, 1, l->se_down, l->be_down, chosen[u], n_embd);
        lutra_eval_axpy(sum, m->share[(size_t)row * (size_t)used + (size_t)u], y, n_embd);
    }
}

/* ---- a batch ---- */

/* Tokens that take this expert, ascending, and their shares of it; returns how many. */
static int tokens_of(const struct lutra_eval *e, int expert)
{
    struct lutra_moe *m = e->moe;
    int n = 0, used = e->net->config.n_expert_used;
    for (int i = 0; i < e->n; i++)
        for (int u = 0; u < used; u++)
            if (m->chosen[(size_t)i * (size_t)used + (size_t)u] == expert) {
                m->rows[n] = i;
                m->part[n++] = m->share[(size_t)i * (size_t)used + (size_t)u];
            }
    return n;
}

/* The codes (or, for float kernels, the vectors) of the tokens in m->rows, copied together. */
static void gather(struct lutra_eval *e, struct lutra_act *to, const struct lutra_act *from, int n)
{
    struct lutra_moe *m = e->moe;
    size_t k = (size_t)from->k, k_pad = (size_t)from->k_pad;
    unsigned parts = from->codes ? LUTRA_ACT_CODES : 0u;
    if (parts && n <= e->engine.ops->dense_most) parts |= LUTRA_ACT_BYTES;
    lutra_act_bind(to, e->engine.ops, m->act_mem, n, from->k, parts);
    to->x = m->gathered;
    to->x_stride = k;
    for (size_t i = 0; i < (size_t)n; i++) {
        size_t row = (size_t)m->rows[i];
        memcpy(m->gathered + i * k, from->x + row * from->x_stride, k * sizeof(float));
        if (from->codes == NULL) continue;
        memcpy(to->codes + i * k_pad, from->codes + row * k_pad, k_pad * sizeof *to->codes);
        memcpy(to->sums + i * (k_pad / 16), from->sums + row * (k_pad / 16), k_pad / 16 * sizeof *to->sums);
        to->scale[i] = from->scale[row];
        if (to->bytes == NULL) continue;
        e->engine.ops->split_codes(to, (int)i, 0, (int)k_pad);
    }
}

static void one_expert(struct lutra_eval *e, const struct lutra_layer *l, const struct lutra_act *all, int expert)
{
    const struct lutra_config *c = &e->net->config;
    struct lutra_moe *m = e->moe;
    int n = tokens_of(e, expert), n_ff = c->n_ff_expert, n_embd = c->n_embd;
    if (n == 0) return;
    struct lutra_act a;
    struct lutra_mat gate = lutra_mats_at(&l->e_gate, expert), up = lutra_mats_at(&l->e_up, expert);
    struct lutra_mat down = lutra_mats_at(&l->e_down, expert);
    const struct lutra_mat *out[] = {&down};
    gather(e, &a, all, n);
    const struct lutra_mul both[] = {{e->gate, (size_t)n_ff, &gate}, {e->up, (size_t)n_ff, &up}};
    lutra_matmul_all(&e->engine, both, 2, &a);
    finish(e, e->gate, n, l->se_gate, l->be_gate, expert, n_ff);
    finish(e, e->up, n, l->se_up, l->be_up, expert, n_ff);
    lutra_eval_gate(e, n, n_ff);
    fill(e, &a, m->act_mem, e->gate, n_ff, n, lutra_act_parts(&e->engine, out, 1, n));
    lutra_matmul(&e->engine, m->given, (size_t)n_embd, &down, &a);
    finish(e, m->given, n, l->se_down, l->be_down, expert, n_embd);
    for (int i = 0; i < n; i++)
        lutra_eval_axpy(m->sum + (size_t)m->rows[i] * (size_t)n_embd, m->part[i],
                        m->given + (size_t)i * (size_t)n_embd, n_embd);
}

static void all_experts(struct lutra_eval *e, const struct lutra_layer *l)
{
    const struct lutra_config *c = &e->net->config;
    const struct lutra_mat *in[] = {&l->e_gate.one, &l->e_up.one};
    enum lutra_mode mode = e->engine.mode;
    struct lutra_act all;
    if (mode == LUTRA_MODE_AUTO) e->engine.mode = LUTRA_MODE_DOT; /* the same bits, and codes are all it needs */
    fill(e, &all, e->act_mem, e->norm, c->n_embd, e->n, lutra_act_parts(&e->engine, in, 2, e->n));
    for (int x = 0; x < c->n_expert; x++) one_expert(e, l, &all, x);
    e->engine.mode = mode;
}

/* The expert that every token takes besides. */
static void shared_expert(struct lutra_eval *e, const struct lutra_layer *l)
{
    const struct lutra_config *c = &e->net->config;
    const struct lutra_product in[] = {{&l->x_gate, e->gate, NULL, NULL}, {&l->x_up, e->up, NULL, NULL}};
    const struct lutra_product out = {&l->x_down, e->moe->gathered, NULL, NULL};
    lutra_eval_products(e, e->norm, c->n_embd, in, 2);
    lutra_eval_gate(e, e->n, c->n_ff_shared);
    lutra_eval_products(e, e->gate, c->n_ff_shared, &out, 1);
    for (int i = 0; l->x_router != NULL && i < e->n; i++) {
        size_t at = (size_t)i * (size_t)c->n_embd;
        float weight = 1.0f / (1.0f + lutra_expf(-e->net->ops.dot(e->norm + at, l->x_router, c->n_embd)));
        e->net->ops.scale(e->moe->gathered + at, weight, c->n_embd);
    }
    e->net->ops.add(e->moe->sum, e->moe->gathered, e->n * c->n_embd);
}

/* Up to how many tokens each is looked up by itself. */
static int few(const struct lutra_eval *e)
{
    if (e->engine.mode == LUTRA_MODE_LUT) return e->n; /* lookups whatever it costs */
    int most = lutra_lookup_most(e->engine.ops, e->engine.mode);
    return most > 1 ? most : 1;
}

void lutra_eval_routed(struct lutra_eval *e, int il, const float *router_in)
{
    const struct lutra_config *c = &e->net->config;
    const struct lutra_layer *l = &e->net->layers[il];
    size_t bytes = (size_t)e->n * (size_t)c->n_embd * sizeof(float);
    route(e, l, router_in);
    memset(e->moe->sum, 0, bytes);
    e->engine.code_max = LUTRA_CODE_MAX;
    if (e->n <= few(e))
        for (int i = 0; i < e->n; i++) one_token(e, l, i);
    else
        all_experts(e, l);
    if (c->n_ff_shared > 0) shared_expert(e, l);
    memcpy(e->norm, e->moe->sum, bytes);
}

void lutra_eval_experts(struct lutra_eval *e, int il)
{
    const struct lutra_layer *l = &e->net->layers[il];
    lutra_eval_routed(e, il, e->norm);
    if (l->post_ffn_norm) lutra_eval_norm(e, e->norm, e->norm, l->post_ffn_norm, e->net->config.n_embd);
}
