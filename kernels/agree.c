/* SPDX-License-Identifier: MIT */
/* Comparing a level with scalar, bit by bit. */
#include "kernels/agree.h"

#include <string.h>

#include "kernels/arena.h"
#include "kernels/matmul.h"

enum {
    TILES = 2,
    EXACT = 3, /* vectors of DEQ */
    MANY = 33  /* panels, vector tables, tiles of AMX side by side, and in each one vector left over */
};

/* Numbers of vectors for which some level has a kernel of its own: one, a few that meet the weights as they lie, as
 * many of these as there are at most (and tables of half as many vectors), more. */
static const struct {
    enum lutra_mode mode;
    int n;
} ways[] = {{LUTRA_MODE_LUT, 1}, {LUTRA_MODE_LUT, 16}, {LUTRA_MODE_LUT, MANY},
            {LUTRA_MODE_DOT, 1}, {LUTRA_MODE_DOT, 2},  {LUTRA_MODE_DOT, 7},
            {LUTRA_MODE_DOT, 16}, {LUTRA_MODE_DOT, MANY}, {LUTRA_MODE_DEQ, EXACT}};
enum { N_WAYS = sizeof ways / sizeof ways[0] };

/* Fixed values of both signs and a wide range, so that some codes are larger than a byte. */
static void fill(float *x, size_t n)
{
    uint32_t state = 2463534242u; /* xorshift32 */
    for (size_t i = 0; i < n; i++) {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        float v = (float)(int32_t)state / 2147483648.0f;
        x[i] = i % 61 == 7 ? v * 40.0f : v;
    }
}

/* ---- products ---- */

struct work {
    struct lutra_mat m; /* the first tiles */
    int code_max;
    float *x, *y, *dots, *exact; /* the last two: what scalar says */
    void *act, *scratch;
};

static struct lutra_engine engine_of(const struct work *w, const struct lutra_ops *ops, int way)
{
    return (struct lutra_engine){.ops = ops,
                                 .scratch = w->scratch,
                                 .scratch_each = lutra_engine_scratch(ops),
                                 .code_max = w->code_max,
                                 .mode = ways[way].mode};
}

static unsigned parts_of(const struct lutra_engine *e, const struct work *w, int way)
{
    const struct lutra_mat *const mats[1] = {&w->m};
    return lutra_act_parts(e, mats, 1, ways[way].n);
}

static void multiply(const struct work *w, const struct lutra_ops *ops, int way, float *y)
{
    struct lutra_engine e = engine_of(w, ops, way);
    unsigned parts = parts_of(&e, w, way);
    struct lutra_act a;
    /* what a broken function leaves undone is zeros, not what the way before left: sums of that may overflow */
    memset(w->act, 0, lutra_act_bytes(ops, ways[way].n, w->m.n_cols, parts));
    lutra_act_bind(&a, ops, w->act, ways[way].n, w->m.n_cols, parts);
    a.x = w->x;
    a.x_stride = (size_t)w->m.n_cols;
    lutra_act_fill(&e, &a, parts);
    lutra_matmul(&e, y, (size_t)w->m.n_rows, &w->m, &a);
}

static size_t larger(size_t a, size_t b)
{
    return a > b ? a : b;
}

static bool open_work(struct work *w, struct lutra_arena *a, const struct lutra_ops *ops, const struct lutra_ops *scalar)
{
    const struct lutra_ops *sides[2] = {ops, scalar};
    size_t x = (size_t)MANY * (size_t)w->m.n_cols * sizeof(float), y = (size_t)MANY * (size_t)w->m.n_rows * sizeof(float);
    size_t act = 0, scratch = larger(lutra_engine_scratch(ops), lutra_engine_scratch(scalar));
    for (int i = 0; i < 2 * N_WAYS; i++) {
        struct lutra_engine e = engine_of(w, sides[i & 1], i / 2);
        act = larger(act, lutra_act_bytes(sides[i & 1], ways[i / 2].n, w->m.n_cols, parts_of(&e, w, i / 2)));
    }
    if (lutra_arena_open(a, x + 3 * y + act + scratch + 6 * LUTRA_ALIGN, NULL) != LUTRA_OK) return false;
    w->x = lutra_arena_take(a, x);
    w->y = lutra_arena_take(a, y);
    w->dots = lutra_arena_take(a, y);
    w->exact = lutra_arena_take(a, y);
    w->act = lutra_arena_take(a, act);
    w->scratch = lutra_arena_take(a, scratch);
    return true;
}

/* Lookups of many vectors are those of one, unless there are tables of vectors. */
static bool is_new(const struct work *w, const struct lutra_ops *ops, int way)
{
    struct lutra_engine e = engine_of(w, ops, way);
    return ways[way].mode != LUTRA_MODE_LUT || ways[way].n == 1 ||
           lutra_matmul_path(&e, &w->m, ways[way].n) == LUTRA_PATH_VECTOR;
}

bool lutra_agree_product(const struct lutra_ops *ops, const struct lutra_mat *m, int code_max)
{
    struct lutra_ops scalar;
    struct lutra_arena a = {0};
    struct work w = {.m = *m, .code_max = code_max};
    int rows = TILES * m->tile_rows - (m->tile_rows > 1); /* the last tile is not full */
    lutra_ops_init(&scalar, 0);
    if (rows < m->n_rows) w.m.n_rows = rows;
    if (!open_work(&w, &a, ops, &scalar)) return false;
    fill(w.x, (size_t)MANY * (size_t)w.m.n_cols);
    multiply(&w, &scalar, N_WAYS - 2, w.dots); /* of all vectors: a vector's result does not depend on the others */
    multiply(&w, &scalar, N_WAYS - 1, w.exact);
    bool same = true;
    for (int way = 0; way < N_WAYS && same; way++) {
        size_t bytes = (size_t)ways[way].n * (size_t)w.m.n_rows * sizeof(float);
        if (!is_new(&w, ops, way)) continue;
        memset(w.y, 0xA5, bytes); /* what the way before left is not to pass for this one's */
        multiply(&w, ops, way, w.y);
        same = memcmp(w.y, ways[way].mode == LUTRA_MODE_DEQ ? w.exact : w.dots, bytes) == 0;
    }
    lutra_arena_close(&a);
    return same;
}

/* ---- vectors of floats ---- */

enum {
    N = 203, /* no multiple of any vector's length */
    DIM = 64,
    SPAN = 21,
    RESULTS = 16 * N + (LUTRA_HEADS + 2) * DIM
};

struct floats {
    float x[4 * N], kv[2 * SPAN * DIM], scores[LUTRA_HEADS * SPAN];
    uint16_t half[2 * SPAN * DIM];
    float y[2][RESULTS];
};

static float *attend(const struct lutra_ops *ops, struct floats *f, float *y)
{
    struct lutra_heads h = {.n = LUTRA_HEADS};
    struct lutra_span kv = {.k = f->half, .v = f->half + SPAN * DIM, .stride = DIM, .n = SPAN};
    ops->attend(y, f->x, &kv, DIM, DIM, 0.125f, f->scores);
    y += DIM;
    for (int i = 0; i < h.n; i++) {
        h.out[i] = y;
        h.q[i] = f->x + i * DIM;
        h.kv[i] = kv;
        h.kv[i].first = i & 1;
        h.kv[i].n = SPAN - 1;
        y += DIM;
    }
    ops->attend_many(&h, DIM, DIM, 0.125f, f->scores, SPAN);
    kv = (struct lutra_span){.k = f->kv, .v = f->kv + SPAN * DIM, .stride = DIM, .n = SPAN, .f32 = true};
    ops->attend(y, f->x, &kv, DIM, DIM, 0.125f, f->scores);
    return y + DIM;
}

static void all_of(const struct lutra_ops *ops, struct floats *f, float *y)
{
    const float *a = f->x, *b = f->x + N, *c = f->x + 2 * N;
    ops->f32_to_f16(f->half, f->kv, 2 * SPAN * DIM);
    y = attend(ops, f, y);
    ops->f16_to_f32(y, f->half, N);
    ops->rmsnorm(y += N, a, b, N, 1e-5f);
    ops->layernorm(y += N, a, b, c, N, 1e-5f);
    ops->silu_gate(y += N, a, b, N);
    ops->gelu_gate(y += N, a, b, N);
    ops->relu2_gate(y += N, a, b, N);
    ops->gelu(y += N, a, N);
    for (int i = 0; i < 6; i++) memcpy(y + (i + 1) * N, a, N * sizeof *a);
    ops->add(y += N, b, N);
    ops->mul(y += N, b, N);
    ops->scale(y += N, 0.7f, N);
    ops->softmax(y += N, N);
    ops->rope_pairs(y += N, b, c, DIM);
    ops->rope_halves(y += N, b, c, DIM);
    y[N] = ops->dot(a, b, N);
}

bool lutra_agree_vectors(const struct lutra_ops *ops)
{
    struct lutra_ops scalar;
    struct lutra_arena a = {0};
    lutra_ops_init(&scalar, 0);
    if (lutra_arena_open(&a, sizeof(struct floats), NULL) != LUTRA_OK) return false;
    struct floats *f = lutra_arena_take(&a, sizeof *f);
    fill(f->x, 4 * N);
    fill(f->kv, 2 * SPAN * DIM);
    all_of(&scalar, f, f->y[0]);
    memset(f->half, 0, sizeof f->half);
    all_of(ops, f, f->y[1]);
    bool same = memcmp(f->y[0], f->y[1], sizeof f->y[0]) == 0;
    lutra_arena_close(&a);
    return same;
}
