/* SPDX-License-Identifier: MIT */
/* Making the shortlist of head_fast.h from a packed head: which columns are kept in 8 bits, four
 * levels for the rest, and how far off they are. Everything is plain float arithmetic in one order:
 * the same bytes at every CPU level and thread count. */
#include <float.h>
#include <math.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "models/eval.h"
#include "models/head_fast.h"

/* ---- four levels ---- */

struct fit {
    float scale; /* weights are scale * (-3, -1, 1, 3) */
    float cut;   /* between 1 and 3 */
    float off;   /* deviation of the error for inputs of norm 1 */
};

struct sums {
    float abs, outer; /* of |v|, of |v| above the cut */
    float square;
    int n_outer;
};

static struct sums sums_of(const float *v, int n, float cut)
{
    enum { LANES = 8 }; /* sums of their own, so that they need not wait for each other */
    float abs[LANES] = {0}, outer[LANES] = {0}, square[LANES] = {0};
    int over[LANES] = {0};
    for (int k = 0; k < n; k += LANES) {
        float a[LANES] = {0};
        memcpy(a, v + k, (size_t)(n - k < LANES ? n - k : LANES) * sizeof *a);
        for (int i = 0; i < LANES; i++) a[i] = fabsf(a[i]);
        for (int i = 0; i < LANES; i++) abs[i] += a[i];
        for (int i = 0; i < LANES; i++) square[i] += a[i] * a[i];
        for (int i = 0; i < LANES; i++) outer[i] += a[i] > cut ? a[i] : 0.0f;
        for (int i = 0; i < LANES; i++) over[i] += a[i] > cut;
    }
    struct sums s = {0};
    for (int i = 0; i < LANES; i++) {
        s.abs += abs[i];
        s.outer += outer[i];
        s.square += square[i];
        s.n_outer += over[i];
    }
    return s;
}

static float to_bf16(float v, bool up)
{
    uint16_t h = lutra_f32_to_bf16(v);
    if (up && lutra_bf16_to_f32(h) < v) h++;
    return lutra_bf16_to_f32(h);
}

/* Least squares twice from a guess that suits a normal distribution; then the scale is stretched so
 * that estimates are not too small on average: they are compared with exact logits. */
static struct fit fit_levels(const float *v, int n)
{
    enum { STEPS = 2 };
    struct fit f = {0};
    struct sums s = sums_of(v, n, FLT_MAX);
    float scale = 0.624f * s.abs / (float)n;
    for (int i = 0; i < STEPS; i++) {
        s = sums_of(v, n, 2.0f * scale);
        scale = (s.abs + 2.0f * s.outer) / (float)(n + 8 * s.n_outer);
    }
    f.cut = 2.0f * scale;
    s = sums_of(v, n, f.cut);
    double along = (double)s.abs + 2.0 * (double)s.outer, levels = n + 8.0 * s.n_outer;
    if (!(along > 0)) return f;
    f.scale = to_bf16((float)((double)s.square / along), false);
    double error = (double)s.square - 2.0 * f.scale * along + (double)f.scale * f.scale * levels;
    f.off = to_bf16((float)sqrt(error > 0 ? error / n : 0), true);
    return f;
}

static uint32_t row_word(struct fit f)
{
    return (uint32_t)lutra_f32_to_bf16(f.off) << 16 | lutra_f32_to_bf16(f.scale);
}

/* ---- filling ---- */

struct fill_job {
    struct lutra_head_fast *f;
    const struct lutra_mat *head;
    const int32_t *rest; /* columns of low that count */
    int n_rest;
    atomic_int failed;
};

/* One row: w [n_cols] -> blocks of low and the block of top. v: room for n_rest. */
static bool fill_row(struct fill_job *j, int row, const float *w, float *v, uint8_t *q,
                     uint8_t *low, uint8_t *top)
{
    const struct lutra_type_info *type = lutra_type_info((uint32_t)j->f->low.type);
    struct lutra_split split = {.d = 0x3c00}; /* 1.0 */
    float kept[LUTRA_HEAD_TOP];
    for (int i = 0; i < LUTRA_HEAD_TOP; i++) kept[i] = w[j->f->cols[i]];
    for (int i = 0; i < j->n_rest; i++) v[i] = w[j->rest[i]];
    struct fit f = fit_levels(v, j->n_rest);
    if (!isfinite(f.scale) || !isfinite(f.off)) return false;
    j->f->rows[row] = row_word(f);
    for (int i = 0; i < j->n_rest; i++) {
        float a = fabsf(v[i]);
        int outer = a > f.cut;
        q[j->rest[i]] = (uint8_t)(v[i] < 0 ? 1 - outer : 2 + outer);
    }
    for (int k = 0; k < j->f->low.n_cols; k += type->block, low += type->bytes) {
        memcpy(split.q, q + k, (size_t)type->block);
        lutra_join_block(j->f->low.type, low, &split);
    }
    lutra_encode_row(LUTRA_TYPE_Q8_0, top, kept, LUTRA_HEAD_TOP);
    return true;
}

struct fill_room {
    float *w, *v;
    uint8_t *q, *low, *top;
};

static bool open_room(struct fill_room *r, const struct fill_job *j, size_t low_row,
                      size_t top_row)
{
    size_t cols = (size_t)j->f->low.n_cols;
    r->w = malloc(cols * sizeof *r->w);
    r->v = malloc(cols * sizeof *r->v);
    r->q = malloc(cols);
    r->low = malloc(LUTRA_TILE_ROWS * low_row);
    r->top = malloc(LUTRA_TILE_ROWS * top_row);
    if (r->q) memset(r->q, 1, cols); /* columns of top and padding meet zeros only */
    return r->w && r->v && r->q && r->low && r->top;
}

static void close_room(struct fill_room *r)
{
    free(r->w);
    free(r->v);
    free(r->q);
    free(r->low);
    free(r->top);
}

static void fill_tiles(void *arg, int begin, int end, int thread)
{
    struct fill_job *j = arg;
    const struct lutra_type_info *type = lutra_type_info((uint32_t)j->f->low.type);
    size_t low_row = (size_t)(j->f->low.n_cols / type->block) * (size_t)type->bytes;
    size_t top_row = (size_t)lutra_type_info(LUTRA_TYPE_Q8_0)->bytes;
    struct fill_room r;
    (void)thread;
    bool ok = open_room(&r, j, low_row, top_row);
    for (int tile = begin; tile < end && ok; tile++) {
        int row0 = tile * LUTRA_TILE_ROWS, n = j->head->n_rows - row0;
        if (n > LUTRA_TILE_ROWS) n = LUTRA_TILE_ROWS;
        for (int i = 0; i < n && ok; i++) {
            lutra_mat_row(j->head, row0 + i, r.w);
            ok = fill_row(j, row0 + i, r.w, r.v, r.q, r.low + (size_t)i * low_row,
                          r.top + (size_t)i * top_row);
        }
        if (!ok) break;
        lutra_pack_tile(&j->f->low, tile, r.low, n);
        lutra_pack_tile(&j->f->top, tile, r.top, n);
    }
    close_room(&r);
    if (!ok) atomic_store(&j->failed, 1);
}

bool lutra_head_fast_fill(struct lutra_head_fast *f, const struct lutra_mat *head,
                          struct lutra_pool *pool)
{
    int n = 0;
    int32_t *rest = malloc((size_t)head->n_cols * sizeof *rest);
    if (rest == NULL) return false;
    for (int32_t k = 0; k < head->n_cols; k++) {
        bool kept = false;
        for (int i = 0; i < LUTRA_HEAD_TOP; i++) kept = kept || f->cols[i] == k;
        if (!kept) rest[n++] = k;
    }
    struct fill_job j = {.f = f, .head = head, .rest = rest, .n_rest = n};
    lutra_pool_run(pool, lutra_mat_tiles(&f->low), 16, fill_tiles, &j);
    free(rest);
    return atomic_load(&j.failed) == 0;
}

/* ---- columns ---- */

enum {
    PROBE_TOKENS = 32, /* 16 find the same columns on SmolLM2 and Gemma */
    PROBE_ROWS = 1024
};

/* Some columns of x are far larger than the rest, whatever the text, and made-up tokens show which:
 * energy[k] = sum of x[k]^2 over them. */
static lutra_status probe_inputs(double *energy, const struct lutra_net *net, int n_threads,
                                 lutra_error *err)
{
    struct lutra_eval_options o = {.n_ctx = PROBE_TOKENS,
                                   .n_batch = PROBE_TOKENS,
                                   .n_threads = n_threads,
                                   .n_threads_batch = n_threads};
    int32_t ids[PROBE_TOKENS];
    uint64_t seed = 1;
    const struct lutra_config *c = &net->config;
    struct lutra_eval *e;
    lutra_status st = lutra_eval_open(&e, net, &o, err);
    if (st != LUTRA_OK) return st;
    for (int i = 0; i < PROBE_TOKENS; i++) {
        seed = seed * 6364136223846793005u + 1442695040888963407u;
        ids[i] = (int32_t)((seed >> 33) % (uint64_t)c->n_vocab);
    }
    lutra_eval_tokens(e, ids, PROBE_TOKENS, NULL, NULL);
    for (int i = 0; i < PROBE_TOKENS; i++) {
        const float *x = e->x + (size_t)i * (size_t)c->n_embd;
        net->ops.rmsnorm(e->norm, x, net->output_norm, c->n_embd, c->norm_eps);
        for (int k = 0; k < c->n_embd; k++) energy[k] += (double)e->norm[k] * (double)e->norm[k];
    }
    lutra_eval_close(e);
    return LUTRA_OK;
}

/* times that of the column of W: what it adds to the variance of logits. */
static bool weigh_columns(double *energy, const struct lutra_mat *head)
{
    float *w = malloc((size_t)head->n_cols * sizeof *w);
    double *sum = calloc((size_t)head->n_cols, sizeof *sum);
    int step = head->n_rows / PROBE_ROWS + 1;
    if (w && sum) {
        for (int r = 0; r < head->n_rows; r += step) {
            lutra_mat_row(head, r, w);
            for (int k = 0; k < head->n_cols; k++) sum[k] += (double)w[k] * (double)w[k];
        }
        for (int k = 0; k < head->n_cols; k++) energy[k] *= sum[k];
    }
    bool ok = w && sum;
    free(w);
    free(sum);
    return ok;
}

/* The greatest, lower columns first among equals, in ascending order. False: not numbers. */
static bool choose_columns(struct lutra_head_fast *f, double *energy, int n)
{
    for (int k = 0; k < n; k++)
        if (!isfinite(energy[k])) return false;
    for (int i = 0; i < LUTRA_HEAD_TOP; i++) {
        int best = 0;
        for (int k = 1; k < n; k++)
            if (energy[k] > energy[best]) best = k;
        energy[best] = -1;
        int at = i;
        for (; at > 0 && f->cols[at - 1] > best; at--) f->cols[at] = f->cols[at - 1];
        f->cols[at] = best;
    }
    return true;
}

lutra_status lutra_head_fast_build(struct lutra_head_fast *f, const struct lutra_net *net,
                                   int n_threads, lutra_error *err)
{
    struct lutra_pool *pool;
    int n = net->config.n_embd;
    double *energy = calloc((size_t)n, sizeof *energy);
    if (energy == NULL) return lutra_fail(err, LUTRA_ENOMEM, "no memory for a shortlist");
    lutra_status st = probe_inputs(energy, net, n_threads, err);
    if (st == LUTRA_OK && !weigh_columns(energy, &net->output))
        st = lutra_fail(err, LUTRA_ENOMEM, "no memory for a shortlist");
    bool chosen = st == LUTRA_OK && choose_columns(f, energy, n);
    free(energy);
    if (!chosen || (st = lutra_pool_open(&pool, n_threads, NULL, err))) return st;
    f->ready = lutra_head_fast_fill(f, &net->output, pool);
    lutra_pool_close(pool);
    return LUTRA_OK;
}
