/* SPDX-License-Identifier: MIT */
/* y = W x: choose the kernel, cut the rows into chunks, hand them to the threads. */
#include "kernels/matmul.h"

enum {
    CHUNK_BYTES = 32 << 10, /* weights times vectors: a smaller chunk is all overhead */
    CHUNKS_EACH =
        12, /* chunks per thread: a slow core delays the end by at most 1/12 of its share */
    VECTOR_CHUNKS = 2, /* the same of vector tables, which each chunk builds for itself: two threads make 1.05 to
                          1.1 times as many tokens as with 3, and 0.95 of what they make with 1 */
    PANEL_ROWS = 512, /* of a chunk of a panel, if there are four chunks for each thread: every chunk
                         arranges the codes of its vectors anew */
    TOGETHER = 8, /* matrices at a time */
    FEW = 4, /* vectors with which products are so short that it counts how often threads wait for each other */
    INLINE_WORK = 64 << 10, /* bytes of weights times vectors that one thread does sooner than it
                               wakes another */
    CACHE_BYTES = 96 << 10  /* tiles kept in L2 while the vectors pass over them: with fewer, tables
                               are fetched more often */
};

struct job {
    const struct lutra_engine *e;
    float *y;
    size_t y_stride;
    const struct lutra_mat *m;
    const struct lutra_act *a;
    enum lutra_path path;
};

static int min_int(int a, int b)
{
    return a < b ? a : b;
}

static int max_int(int a, int b)
{
    return a > b ? a : b;
}

size_t lutra_engine_scratch(const struct lutra_ops *ops)
{
    size_t most = ops->panel_scratch;
    if (most < ops->vector_scratch) most = ops->vector_scratch;
    if (most < ops->tile_scratch) most = ops->tile_scratch;
    return lutra_round_up(most, LUTRA_ALIGN);
}

/* Tiles that stay in the cache while pieces of the vectors pass over them. */
static int tiles_cached(const struct lutra_mat *m)
{
    return (int)(CACHE_BYTES / m->tile_bytes) + 1;
}

/* Every vector passes over a few tiles while they are in the cache. */
static void lookup_tiles(const struct job *j, int tile0, int tile1)
{
    const struct lutra_ops *ops = j->e->ops;
    int some = j->a->n == 1 ? tile1 - tile0 : tiles_cached(j->m);
    for (int t = tile0; t < tile1; t += some) {
        int end = min_int(t + some, tile1);
        for (int v = 0; v < j->a->n; v++) {
            float *y = j->y + (size_t)v * j->y_stride;
            if (j->m->kind == LUTRA_MAT_PLANES)
                ops->planes_lookup(y, j->m, j->a, v, t, end);
            else if (j->m->kind == LUTRA_MAT_BITS)
                ops->bits_lookup(y, j->m, j->a, v, t, end);
            else if (j->m->kind == LUTRA_MAT_QUINT)
                ops->quint_lookup(y, j->m, j->a, v, t, end);
            else
                ops->tern_lookup(y, j->m, j->a, v, t, end);
        }
    }
}

static void panel_tiles(const struct job *j, int tile0, int tile1, void *scratch)
{
    const struct lutra_ops *ops = j->e->ops;
    if (j->m->kind == LUTRA_MAT_BOOK && !(ops->book_panel && j->a->n >= ops->book_panel)) {
        ops->book_mul(j->y, j->y_stride, j->m, j->a, 0, j->a->n, tile0, tile1);
        return;
    }
    if (lutra_panel_in_tiles(ops, j->m, j->a->n)) {
        ops->tile_mul(j->y, j->y_stride, j->m, j->a, 0, j->a->n, tile0, tile1, scratch);
        return;
    }
    if (j->m->kind == LUTRA_MAT_DENSE) {
        ops->dense_mul(j->y, j->y_stride, j->m, j->a, 0, j->a->n, tile0, tile1, scratch);
        return;
    }
    int n = j->a->n, pass = lutra_panel_pass(ops, j->m, n);
    int some = pass < n ? tiles_cached(j->m) : tile1 - tile0;
    for (int t = tile0; t < tile1; t += some)
        for (int v = 0; v < n; v += pass)
            ops->panel_mul(j->y, j->y_stride, j->m, j->a, v, min_int(v + pass, n), t,
                           min_int(t + some, tile1), scratch);
}

/* QUINT has products of its own, TERN may have a factor for each row of y. */
static void quint_tiles(const struct job *j, int tile0, int tile1, void *scratch)
{
    const struct lutra_ops *ops = j->e->ops;
    if (j->path == LUTRA_PATH_LOOKUP)
        lookup_tiles(j, tile0, tile1);
    else if (j->path == LUTRA_PATH_PANEL && ops->panel_quint && j->m->scales != LUTRA_SCALE_ROW)
        ops->panel_mul(j->y, j->y_stride, j->m, j->a, 0, j->a->n, tile0, tile1, scratch);
    else if (j->path == LUTRA_PATH_PANEL)
        ops->quint_panel(j->y, j->y_stride, j->m, j->a, 0, j->a->n, tile0, tile1);
    else
        ops->quint_exact(j->y, j->y_stride, j->m, j->a, 0, j->a->n, tile0, tile1);
}

static void scale_rows(const struct job *j, int tile0, int tile1)
{
    const float *scale = lutra_mat_row_scales(j->m);
    int begin = tile0 * j->m->tile_rows, end = min_int(tile1 * j->m->tile_rows, j->m->n_rows);
    for (int v = 0; v < j->a->n; v++)
        j->e->ops->mul(j->y + (size_t)v * j->y_stride + begin, scale + begin, end - begin);
}

static void run_tiles(void *arg, int begin, int end, int thread)
{
    const struct job *j = arg;
    const struct lutra_ops *ops = j->e->ops;
    uint8_t *base = j->e->scratch;
    void *scratch = base ? base + (size_t)thread * j->e->scratch_each : NULL;
    if (j->m->kind == LUTRA_MAT_QUINT) {
        quint_tiles(j, begin, end, scratch);
        return;
    }
    switch (j->path) {
    case LUTRA_PATH_LOOKUP:
        lookup_tiles(j, begin, end);
        break;
    case LUTRA_PATH_VECTOR:
        ops->vector_lookup(j->y, j->y_stride, j->m, j->a, 0, j->a->n, begin, end, scratch);
        break;
    case LUTRA_PATH_PANEL:
        panel_tiles(j, begin, end, scratch);
        break;
    case LUTRA_PATH_EXACT:
        if (j->m->kind == LUTRA_MAT_BOOK)
            ops->book_exact(j->y, j->y_stride, j->m, j->a, 0, j->a->n, begin, end);
        else if (j->m->kind == LUTRA_MAT_DENSE)
            ops->dense_exact(j->y, j->y_stride, j->m, j->a, 0, j->a->n, begin, end, scratch);
        else
            ops->exact_mul(j->y, j->y_stride, j->m, j->a, 0, j->a->n, begin, end, scratch);
        break;
    case LUTRA_PATH_FLOAT:
        ops->float_mul(j->y, j->y_stride, j->m, j->a, 0, j->a->n, begin, end);
        break;
    }
    if (j->m->kind == LUTRA_MAT_TERN && j->m->scales == LUTRA_SCALE_ROW) scale_rows(j, begin, end);
}

/* ---- chunks ---- */

/* Tiles of a chunk, where all chunks of a job are `parts`, those of this matrix its share of them. */
static int grain_of(const struct job *j, int threads, double share)
{
    const struct lutra_mat *m = j->m;
    const struct lutra_act *a = j->a;
    int tiles = lutra_mat_tiles(m);
    int least = (int)(CHUNK_BYTES / (m->tile_bytes * (size_t)a->n)) + 1;
    int parts = max_int((int)(share * threads * (j->path == LUTRA_PATH_VECTOR ? VECTOR_CHUNKS : CHUNKS_EACH)), 1);
    int grain = max_int(tiles / parts, min_int(least, tiles));
    if (j->path == LUTRA_PATH_VECTOR) grain = max_int(grain, (tiles + parts - 1) / parts); /* no small one more */
    if (j->path == LUTRA_PATH_PANEL && !a->bytes)
        grain = max_int(grain, min_int(PANEL_ROWS / m->tile_rows, tiles / (4 * threads)));
    if (j->path == LUTRA_PATH_PANEL && m->tile_rows == LUTRA_TILE_ROWS)
        grain += grain & 1; /* panels of two tiles */
    return grain;
}

/* Several matrices. Chunks are numbered so that the span of a thread has its share of each matrix, the rows that it
 * has when they are multiplied one by one. */
struct jobs {
    struct job job[TOGETHER];
    int grain[TOGETHER], chunks[TOGETHER];
    int n, all, threads;
};

/* The first of the matrix's chunks that thread t has. */
static int first_of(const struct jobs *js, int i, int t)
{
    return (int)((int64_t)js->chunks[i] * t / js->threads);
}

static int first_of_all(const struct jobs *js, int t)
{
    int first = 0;
    for (int i = 0; i < js->n; i++) first += first_of(js, i, t);
    return first;
}

static void run_chunk(struct jobs *js, int chunk, int thread)
{
    int t = (int)((int64_t)chunk * js->threads / js->all), i = 0;
    while (first_of_all(js, t) > chunk) t--;
    while (first_of_all(js, t + 1) <= chunk) t++;
    chunk -= first_of_all(js, t);
    for (int n; chunk >= (n = first_of(js, i, t + 1) - first_of(js, i, t)); i++) chunk -= n;
    const int begin = (first_of(js, i, t) + chunk) * js->grain[i], tiles = lutra_mat_tiles(js->job[i].m);
    run_tiles(&js->job[i], begin, min_int(begin + js->grain[i], tiles), thread);
}

static void run_chunks(void *arg, int begin, int end, int thread)
{
    for (int chunk = begin; chunk < end; chunk++) run_chunk(arg, chunk, thread);
}

static struct job job_of(const struct lutra_engine *e, const struct lutra_mul *mul, const struct lutra_act *a)
{
    return (struct job){e, mul->y, mul->y_stride, mul->m, a, lutra_matmul_path(e, mul->m, a->n)};
}

static void one_matmul(const struct lutra_engine *e, const struct lutra_mul *mul, const struct lutra_act *a)
{
    struct job j = job_of(e, mul, a);
    const int threads = e->pool ? lutra_pool_size(e->pool) : 1, tiles = lutra_mat_tiles(mul->m);
    if (threads == 1 || mul->m->bytes * (size_t)a->n <= INLINE_WORK)
        run_tiles(&j, 0, tiles, 0);
    else
        lutra_pool_run(e->pool, tiles, grain_of(&j, threads, 1), run_tiles, &j);
}

static void together(const struct lutra_engine *e, const struct lutra_mul *muls, int n, const struct lutra_act *a)
{
    struct jobs js = {.n = n, .threads = lutra_pool_size(e->pool)};
    size_t bytes = 0;
    for (int i = 0; i < n; i++) bytes += muls[i].m->bytes;
    for (int i = 0; i < n; i++) {
        js.job[i] = job_of(e, &muls[i], a);
        js.grain[i] = grain_of(&js.job[i], js.threads, (double)muls[i].m->bytes / (double)bytes);
        js.chunks[i] = (lutra_mat_tiles(muls[i].m) + js.grain[i] - 1) / js.grain[i];
        js.all += js.chunks[i];
    }
    if (bytes * (size_t)a->n <= INLINE_WORK)
        run_chunks(&js, 0, js.all, 0);
    else
        lutra_pool_run(e->pool, js.all, 1, run_chunks, &js);
}

void lutra_matmul_all(const struct lutra_engine *e, const struct lutra_mul *muls, int n, const struct lutra_act *a)
{
    const bool few = a->n <= FEW && e->pool && lutra_pool_size(e->pool) > 1;
    for (int i = 0, some; i < n; i += some) {
        some = few ? min_int(n - i, TOGETHER) : 1;
        if (some == 1)
            one_matmul(e, &muls[i], a);
        else
            together(e, muls + i, some, a);
    }
}

void lutra_matmul(const struct lutra_engine *e, float *y, size_t y_stride,
                  const struct lutra_mat *m, const struct lutra_act *a)
{
    const struct lutra_mul mul = {y, y_stride, m};
    one_matmul(e, &mul, a);
}
