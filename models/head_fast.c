/* SPDX-License-Identifier: MIT */
/* Stage 1 over all rows, stage 2 over the best blocks. Why and how: head_fast.h. */
#include "models/head_fast.h"

#include <math.h>
#include <string.h>

enum {
    CHUNK_ROWS = 256,                 /* of stage 1: estimates stay in L1 until they are bounds */
    CHUNK_BLOCKS = CHUNK_ROWS / LUTRA_HEAD_BLOCK,
    FIRST = 8,                        /* blocks of the first round; later ones double */
    ROUND = 64,                       /* ... up to this */
    GRAIN_BYTES = 32 << 10
};
#define DEVIATIONS 3.5f

bool lutra_head_fast_plan(struct lutra_head_fast *f, const struct lutra_mat *head)
{
    *f = (struct lutra_head_fast){0};
    int k = (int)lutra_round_up((size_t)head->n_cols, 64);
    int type = k % 256 == 0   ? LUTRA_TYPE_TQ2_0
               : k % 128 == 0 ? LUTRA_TYPE_Q2_0_G128
                              : LUTRA_TYPE_Q2_0;
    bool ok = head->n_cols > 2 * LUTRA_HEAD_TOP && LUTRA_HEAD_BLOCK % head->tile_rows == 0 &&
              lutra_pack_plan(&f->low, type, head->n_rows, k, false, NULL) == LUTRA_OK &&
              lutra_pack_plan(&f->top, LUTRA_TYPE_Q8_0, head->n_rows, LUTRA_HEAD_TOP, false,
                              NULL) == LUTRA_OK;
    if (ok && lutra_head_fast_bytes(f) / 3 <= head->bytes / 4) return true;
    *f = (struct lutra_head_fast){0};
    return false;
}

/* ---- scratch ---- */

enum { ACT_PARTS = LUTRA_ACT_CODES | LUTRA_ACT_QUADS | LUTRA_ACT_BYTES };

static int n_blocks(const struct lutra_head_fast *f)
{
    return (f->low.n_rows + LUTRA_HEAD_BLOCK - 1) / LUTRA_HEAD_BLOCK;
}

static int n_chunks(const struct lutra_head_fast *f)
{
    return (f->low.n_rows + CHUNK_ROWS - 1) / CHUNK_ROWS;
}

enum { N_ARRAYS = 7 };

/* Sizes of act_low, act_top, x, x_top, bound, chunk, heap. */
static size_t sizes_of(size_t size[N_ARRAYS], const struct lutra_head_fast *f,
                       const struct lutra_ops *ops)
{
    const struct lutra_head_work *w = NULL;
    size_t sum = 0;
    size[0] = lutra_act_bytes(ops, 1, f->low.n_cols, ACT_PARTS);
    size[1] = lutra_act_bytes(ops, 1, LUTRA_HEAD_TOP, ACT_PARTS);
    size[2] = (size_t)f->low.n_cols * sizeof *w->x;
    size[3] = LUTRA_HEAD_TOP * sizeof *w->x_top;
    size[4] = (size_t)n_blocks(f) * sizeof *w->bound;
    size[5] = (size_t)n_chunks(f) * sizeof *w->chunk;
    size[6] = (size_t)n_blocks(f) * sizeof *w->heap;
    for (int i = 0; i < N_ARRAYS; i++) sum += size[i] = lutra_round_up(size[i], LUTRA_ALIGN);
    return sum;
}

size_t lutra_head_work_bytes(const struct lutra_head_fast *f, const struct lutra_ops *ops)
{
    size_t size[N_ARRAYS];
    return f->low.n_rows == 0 ? 0 : sizes_of(size, f, ops);
}

size_t lutra_head_work_most(int n_vocab, int n_embd, const struct lutra_ops *ops)
{
    struct lutra_mat widest = {0};
    struct lutra_head_fast f;
    bool ok = lutra_pack_plan(&widest, LUTRA_TYPE_F32, n_vocab, n_embd, false, NULL) == LUTRA_OK &&
              lutra_head_fast_plan(&f, &widest);
    return ok ? lutra_head_work_bytes(&f, ops) : 0;
}

void lutra_head_work_bind(struct lutra_head_work *w, const struct lutra_head_fast *f,
                          const struct lutra_ops *ops, void *mem)
{
    size_t size[N_ARRAYS];
    uint8_t *at = mem;
    void *array[N_ARRAYS];
    sizes_of(size, f, ops);
    for (int i = 0; i < N_ARRAYS; at += size[i++]) array[i] = at;
    *w = (struct lutra_head_work){.act_low = array[0],
                                  .act_top = array[1],
                                  .x = array[2],
                                  .x_top = array[3],
                                  .bound = array[4],
                                  .chunk = array[5],
                                  .heap = array[6]};
}

/* ---- products of a few rows ---- */

/* Rows [row, row + n) of m; row is a multiple of its tile. */
static struct lutra_mat rows_of(const struct lutra_mat *m, int row, int n)
{
    struct lutra_mat part = *m;
    part.data += (size_t)(row / m->tile_rows) * m->tile_bytes;
    part.n_rows = m->n_rows - row < n ? m->n_rows - row : n;
    return part;
}

/* The engine as one of the pool's threads sees it. */
static struct lutra_engine engine_of(const struct lutra_engine *e, int thread)
{
    struct lutra_engine one = *e;
    one.pool = NULL;
    if (e->scratch) one.scratch = (uint8_t *)e->scratch + (size_t)thread * e->scratch_each;
    return one;
}

static void run_pool(const struct lutra_engine *e, int n, int grain, lutra_pool_fn fn, void *arg)
{
    if (e->pool)
        lutra_pool_run(e->pool, n, grain, fn, arg);
    else
        fn(arg, 0, n, 0);
}

/* ---- stage 1 ---- */

struct scan {
    const struct lutra_head_fast *f;
    const struct lutra_engine *e;
    struct lutra_act low, top;
    float sum;    /* of the inputs of low */
    float spread; /* DEVIATIONS * their norm */
    float *logits, *bound, *chunk;
};

/* logits: low products in, estimates out; the greatest bound of the block is returned. Codes are
 * levels 0..3 less 1: 2 * y - sum is what the levels -3, -1, 1, 3 give. Loops of constant length
 * over arrays of its own, so that any compiler makes vectors of them. */
static float estimate_block(const struct scan *j, float *logits, const float *top,
                            const uint32_t *rows)
{
    enum { N = LUTRA_HEAD_BLOCK, LANES = 4 };
    float y[N], t[N], scale[N], off[N];
    uint32_t low[N], high[N];
    memcpy(y, logits, sizeof y);
    memcpy(t, top, sizeof t);
    memcpy(high, rows, sizeof high);
    for (int i = 0; i < N; i++) low[i] = high[i] << 16;
    for (int i = 0; i < N; i++) high[i] &= 0xffff0000u;
    memcpy(scale, low, sizeof scale);
    memcpy(off, high, sizeof off);
    for (int i = 0; i < N; i++) y[i] = scale[i] * (2.0f * y[i] - j->sum) + t[i];
    memcpy(logits, y, sizeof y);
    for (int i = 0; i < N; i++) t[i] = y[i] + j->spread * off[i];
    for (int k = LANES; k < N; k += LANES)
        for (int i = 0; i < LANES; i++) t[i] = t[k + i] > t[i] ? t[k + i] : t[i];
    for (int i = 1; i < LANES; i++) t[0] = t[i] > t[0] ? t[i] : t[0];
    return t[0];
}

/* The last block, which may be short: rows that do not exist have no bound. */
static float estimate_short(const struct scan *j, float *logits, const float *top,
                            const uint32_t *rows, int n)
{
    float y[LUTRA_HEAD_BLOCK] = {0}, t[LUTRA_HEAD_BLOCK];
    uint32_t r[LUTRA_HEAD_BLOCK] = {0};
    memcpy(y, logits, (size_t)n * sizeof *y);
    for (int i = 0; i < LUTRA_HEAD_BLOCK; i++) t[i] = i < n ? top[i] : -INFINITY;
    memcpy(r, rows, (size_t)n * sizeof *r);
    float most = estimate_block(j, y, t, r);
    memcpy(logits, y, (size_t)n * sizeof *y);
    return most;
}

static void scan_chunks(void *arg, int begin, int end, int thread)
{
    const struct scan *j = arg;
    struct lutra_engine e = engine_of(j->e, thread);
    float top[CHUNK_ROWS];
    for (int c = begin; c < end; c++) {
        int row = c * CHUNK_ROWS;
        struct lutra_mat low = rows_of(&j->f->low, row, CHUNK_ROWS);
        struct lutra_mat high = rows_of(&j->f->top, row, CHUNK_ROWS);
        lutra_matmul(&e, j->logits + row, 0, &low, &j->low);
        lutra_matmul(&e, top, 0, &high, &j->top);
        float *bound = j->bound + row / LUTRA_HEAD_BLOCK, most = -INFINITY;
        for (int i = 0; i < low.n_rows; i += LUTRA_HEAD_BLOCK, bound++) {
            int n = low.n_rows - i;
            float *logits = j->logits + row + i;
            const uint32_t *words = j->f->rows + row + i;
            *bound = n < LUTRA_HEAD_BLOCK ? estimate_short(j, logits, top + i, words, n)
                                          : estimate_block(j, logits, top + i, words);
            most = *bound > most ? *bound : most;
        }
        j->chunk[c] = most;
    }
}

static void fill_act(struct lutra_act *a, const struct lutra_engine *e, const struct lutra_mat *m,
                     const float *x, void *mem)
{
    unsigned parts = lutra_act_parts(e, &m, 1, 1);
    lutra_act_bind(a, e->ops, mem, 1, m->n_cols, parts);
    a->x = x;
    a->x_stride = (size_t)m->n_cols;
    lutra_act_fill(e, a, parts);
}

/* Sum and norm of the codes, both exact before they are rounded once. */
static void measure(struct scan *j)
{
    int64_t sum = 0, square = 0;
    for (int i = 0; i < j->low.k; i++) {
        int64_t c = j->low.codes[i];
        sum += c;
        square += c * c;
    }
    j->sum = j->low.scale[0] * (float)sum;
    j->spread = DEVIATIONS * j->low.scale[0] * (float)sqrt((double)square);
}

static bool scan_all(const struct lutra_head_fast *f, struct lutra_head_work *w,
                     const struct lutra_engine *e, const float *x, int n_cols, float *logits)
{
    struct scan j = {.f = f, .e = e, .logits = logits, .bound = w->bound,
                     .chunk = w->chunk};
    memcpy(w->x, x, (size_t)n_cols * sizeof *x);
    for (int i = n_cols; i < f->low.n_cols; i++) w->x[i] = 0.0f;
    for (int i = 0; i < LUTRA_HEAD_TOP; i++) {
        w->x_top[i] = x[f->cols[i]];
        w->x[f->cols[i]] = 0.0f;
    }
    fill_act(&j.low, e, &f->low, w->x, w->act_low);
    fill_act(&j.top, e, &f->top, w->x_top, w->act_top);
    measure(&j);
    if (!isfinite(j.sum) || !isfinite(j.spread) || !isfinite(j.top.scale[0])) return false;
    int chunks = n_chunks(f);
    int grain = e->pool ? chunks / (12 * lutra_pool_size(e->pool)) : chunks;
    run_pool(e, chunks, grain > 0 ? grain : 1, scan_chunks, &j);
    return true;
}

/* ---- which blocks, in which order ---- */

static bool comes_before(const float *bound, int32_t a, int32_t b)
{
    return bound[a] > bound[b] || (bound[a] == bound[b] && a < b);
}

static void sift_down(int32_t *heap, int n, int at, const float *bound)
{
    int32_t id = heap[at];
    for (int kid; (kid = 2 * at + 1) < n; at = kid) {
        if (kid + 1 < n && comes_before(bound, heap[kid + 1], heap[kid])) kid++;
        if (comes_before(bound, id, heap[kid])) break;
        heap[at] = heap[kid];
    }
    heap[at] = id;
}

/* Blocks of chunk c: [first, end). */
static int32_t chunk_end(int c, int blocks)
{
    int end = (c + 1) * CHUNK_BLOCKS;
    return end < blocks ? end : blocks;
}

/* The FIRST blocks in order; the rest is looked at again once a logit is known. */
static int pick_first(const struct lutra_head_work *w, int blocks, int32_t *pick)
{
    int n = 0;
    for (int c = 0; c * CHUNK_BLOCKS < blocks; c++) {
        if (n == FIRST && w->chunk[c] < w->bound[pick[n - 1]]) continue;
        for (int32_t b = c * CHUNK_BLOCKS; b < chunk_end(c, blocks); b++) {
            if (n == FIRST && !comes_before(w->bound, b, pick[n - 1])) continue;
            int at = n < FIRST ? n++ : n - 1;
            for (; at > 0 && comes_before(w->bound, b, pick[at - 1]); at--) pick[at] = pick[at - 1];
            pick[at] = b;
        }
    }
    return n;
}

static int make_heap(struct lutra_head_work *w, int blocks, float least)
{
    int n = 0;
    for (int c = 0; c * CHUNK_BLOCKS < blocks; c++) {
        if (w->chunk[c] < least) continue;
        for (int32_t b = c * CHUNK_BLOCKS; b < chunk_end(c, blocks); b++)
            if (w->bound[b] >= least) w->heap[n++] = b;
    }
    for (int i = n / 2 - 1; i >= 0; i--) sift_down(w->heap, n, i, w->bound);
    return n;
}

static int pick_next(struct lutra_head_work *w, int *n_heap, float least, int most, int32_t *pick)
{
    int n = 0;
    while (n < most && *n_heap > 0 && w->bound[w->heap[0]] >= least) {
        pick[n++] = w->heap[0];
        w->heap[0] = w->heap[--*n_heap];
        if (*n_heap > 0) sift_down(w->heap, *n_heap, 0, w->bound);
    }
    return n;
}

/* ---- stage 2 ---- */

struct exact {
    const struct lutra_engine *e;
    const struct lutra_mat *head;
    const struct lutra_act *a;
    const int32_t *pick;
    float *logits;
};

static void exact_blocks(void *arg, int begin, int end, int thread)
{
    const struct exact *j = arg;
    struct lutra_engine e = engine_of(j->e, thread);
    for (int i = begin; i < end; i++) {
        int row = j->pick[i] * LUTRA_HEAD_BLOCK;
        struct lutra_mat part = rows_of(j->head, row, LUTRA_HEAD_BLOCK);
        lutra_matmul(&e, j->logits + row, 0, &part, j->a);
    }
}

/* Computes the picked blocks; returns the greatest logit of these and *best*. */
static float compute(struct exact *j, struct lutra_head_work *w, int n, float best)
{
    size_t block_bytes = j->head->tile_bytes * (size_t)(LUTRA_HEAD_BLOCK / j->head->tile_rows);
    run_pool(j->e, n, (int)(GRAIN_BYTES / block_bytes) + 1, exact_blocks, j);
    for (int i = 0; i < n; i++) {
        int row = j->pick[i] * LUTRA_HEAD_BLOCK, end = row + LUTRA_HEAD_BLOCK;
        if (end > j->head->n_rows) end = j->head->n_rows;
        for (; row < end; row++)
            if (j->logits[row] > best) best = j->logits[row];
        w->bound[j->pick[i]] = -INFINITY;
    }
    w->blocks += (uint64_t)n;
    return best;
}

static bool refine(const struct lutra_head_fast *f, struct lutra_head_work *w, struct exact *j)
{
    int32_t pick[ROUND];
    int blocks = n_blocks(f), most = blocks / LUTRA_HEAD_PART, size = FIRST;
    if (most < LUTRA_HEAD_LEAST) most = LUTRA_HEAD_LEAST;
    j->pick = pick;
    int n = pick_first(w, blocks, pick), done = n;
    float best = compute(j, w, n, -INFINITY);
    int n_heap = make_heap(w, blocks, best);
    while ((n = pick_next(w, &n_heap, best, size, pick)) > 0) {
        if ((done += n) > most) return false;
        best = compute(j, w, n, best);
        if (size < ROUND) size *= 2;
    }
    return isfinite(best);
}

bool lutra_head_fast_run(const struct lutra_head_fast *f, struct lutra_head_work *w,
                         const struct lutra_engine *e, const struct lutra_mat *head,
                         const struct lutra_act *a, float *logits)
{
    struct exact j = {.e = e, .head = head, .a = a, .logits = logits};
    uint64_t before = w->blocks;
    w->runs++;
    if (scan_all(f, w, e, a->x, head->n_cols, logits) && refine(f, w, &j)) return true;
    w->wholes++;
    w->blocks = before + (uint64_t)n_blocks(f) + (w->blocks - before);
    return false;
}
