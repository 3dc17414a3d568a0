/* SPDX-License-Identifier: MIT */
/* Products without tables, and the choice of paths: panels against the naive reference and the
 * lookups, every CPU level against scalar, any number of threads and vectors against one. Bit for
 * bit. */
#include <stdio.h>

#include "tests/lut_cases.h"

enum { MAX_N = 70 };

static const float canary = -12345.5f;

struct out {
    float *y;
    size_t stride; /* a few floats more than the rows, to be left alone */
    size_t bytes;
};

static void out_open(struct out *o, int n, int n_rows)
{
    o->stride = (size_t)n_rows + 3;
    o->bytes = ((size_t)(n - 1) * o->stride + (size_t)n_rows) * sizeof(float);
    o->y = check_guard(o->bytes, sizeof(float));
    for (size_t i = 0; i < o->bytes / sizeof(float); i++) o->y[i] = canary;
}

static void *scratch_open(const struct lutra_ops *ops)
{
    return ops->panel_scratch ? check_guard(ops->panel_scratch, LUTRA_ALIGN) : NULL;
}

/* ---- panels ---- */

/* Vectors in two calls, tiles in two calls. */
static void panel(struct out *o, const struct lutra_ops *ops, const struct lutra_mat *m,
                  const struct lutra_act *a, int vcut)
{
    void *scratch = scratch_open(ops);
    int tiles = lutra_mat_tiles(m), tcut = tiles / 2;
    ops->panel_mul(o->y, o->stride, m, a, 0, vcut, 0, tiles, scratch);
    ops->panel_mul(o->y, o->stride, m, a, vcut, a->n, tcut, tiles, scratch);
    ops->panel_mul(o->y, o->stride, m, a, vcut, a->n, 0, tcut, scratch);
    if (scratch) check_guard_free(scratch);
}

static void panel_case(const struct lutra_ops *ops, const struct case_type *ct, int n, int n_rows,
                       int n_cols, enum check_fill fill, enum case_weights weights, int code_max)
{
    struct case_mat c;
    struct case_act a;
    struct out got, want;
    case_mat_open_as(&c, ct, n_rows, n_cols, weights);
    case_act_open(&a, ops, n, n_cols, false);
    case_act_fill(&a, fill, code_max);
    out_open(&got, n, n_rows);
    out_open(&want, n, n_rows);
    panel(&got, ops, &c.m, &a.a, (n + 1) / 3);
    for (int v = 0; v < n; v++)
        for (int r = 0; r < n_rows; r++)
            want.y[(size_t)v * want.stride + (size_t)r] =
                case_ref(&c, r, a.a.codes + (size_t)v * (size_t)a.a.k_pad, a.a.scale[v]);
    CHECK_MEM(got.y, want.y, got.bytes, 'f');
    check_guard_free(got.y);
    check_guard_free(want.y);
    case_act_close(&a);
    case_mat_close(&c);
}

static void panel_type(const struct lutra_ops *ops, const struct case_type *ct)
{
    static const int rows[] = {1, 16, 17, 33, 70, 5, 47};
    static const int max[] = {LUTRA_CODE_MAX, LUTRA_CODE_MAX_INT8, LUTRA_CODE_MAX_INT8 + 1};
    for (int i = 0; case_cols(ct, i); i++)
        for (int fill = 0; fill < CHECK_N_FILLS; fill++)
            panel_case(ops, ct, 1 + (fill + 2 * i) % 9, rows[(i + 3 * fill) % 7], case_cols(ct, i),
                       (enum check_fill)fill, CASE_RANDOM, max[(i + fill) % 3]);
    for (int fill = 0; fill < CHECK_N_FILLS; fill++) { /* the largest sums */
        for (int i = 0; i < 3; i++) {
            panel_case(ops, ct, 5, 3, 2560, (enum check_fill)fill, CASE_ONES, max[i]);
            panel_case(ops, ct, 2, 3, 2560, (enum check_fill)fill, CASE_TWOS, max[i]);
            panel_case(ops, ct, 1, 3, 2560, (enum check_fill)fill, CASE_ZEROS, max[i]);
        }
    }
    for (int fill = CHECK_FILL_MAX; fill <= CHECK_FILL_ALTERNATE && !ct->ternary; fill++)
        for (int i = 0; i < 2 * CASE_MOST; i++)
            panel_case(ops, ct, 1 + i / CASE_MOST * 5, 33, 2560, (enum check_fill)fill, CASE_EXTREMES,
                       case_most[i % CASE_MOST]);
    for (int n = 1; n <= ops->dense_most + 1; n++)
        panel_case(ops, ct, n, 33, 512, CHECK_FILL_RANDOM, CASE_RANDOM, LUTRA_CODE_MAX);
    for (int i = 0; i < 3; i++)
        panel_case(ops, ct, MAX_N, 33, 512, CHECK_FILL_RANDOM, CASE_RANDOM, max[i]);
    /* more vectors, rows and columns than any level takes at once */
    panel_case(ops, ct, 269, 293, 768, CHECK_FILL_RANDOM, CASE_RANDOM, max[ct->ternary]);
}

/* ---- float activations ---- */

static void exact_case(const struct lutra_ops *ops, const struct case_type *ct, int n, int n_rows,
                       int n_cols)
{
    struct case_mat c;
    struct case_act a;
    struct out got, want;
    float *w = malloc((size_t)n_cols * sizeof *w);
    void *scratch = scratch_open(ops);
    case_mat_open(&c, ct, n_rows, n_cols);
    case_act_open(&a, ops, n, n_cols, false);
    for (int i = 0; i < n * n_cols; i++) a.x[i] = check_rand_float(-3.0f, 3.0f);
    out_open(&got, n, n_rows);
    out_open(&want, n, n_rows);
    ops->exact_mul(got.y, got.stride, &c.m, &a.a, 0, n, 0, lutra_mat_tiles(&c.m), scratch);
    for (int r = 0; r < n_rows; r++) {
        lutra_decode_row(ct->type, w, c.rows + (size_t)r * c.row_bytes, n_cols);
        for (int v = 0; v < n; v++) {
            float acc = 0.0f;
            for (int k = 0; k < n_cols; k++)
                acc = acc + w[k] * a.x[(size_t)v * (size_t)n_cols + (size_t)k];
            want.y[(size_t)v * want.stride + (size_t)r] = acc;
        }
    }
    CHECK_MEM(got.y, want.y, got.bytes, 'f');
    if (scratch) check_guard_free(scratch);
    free(w);
    check_guard_free(got.y);
    check_guard_free(want.y);
    case_act_close(&a);
    case_mat_close(&c);
}

static void exact_type(const struct lutra_ops *ops, const struct case_type *ct)
{
    static const int rows[] = {1, 16, 17, 33, 70, 5, 47};
    for (int i = 0; case_cols(ct, i); i++)
        exact_case(ops, ct, 1 + 3 * i % 10, rows[i], case_cols(ct, i));
}

/* ---- lutra_matmul ---- */

static void engine_open(struct lutra_engine *e, const struct lutra_ops *ops,
                        struct lutra_pool *pool, enum lutra_precision precision, int code_max)
{
    *e = (struct lutra_engine){.ops = ops, .pool = pool, .precision = precision};
    e->code_max = code_max;
    e->scratch_each = lutra_engine_scratch(ops);
    if (e->scratch_each)
        e->scratch =
            check_guard(e->scratch_each * (size_t)(pool ? lutra_pool_size(pool) : 1), LUTRA_ALIGN);
}

/* y of n vectors starting at x, under one engine. */
static void matmul(struct out *o, const struct lutra_engine *e, const struct lutra_mat *m,
                   const float *x, int n)
{
    struct lutra_act a = {0};
    const struct lutra_mat *const mats[1] = {m};
    unsigned parts = lutra_act_parts(e, mats, 1, n);
    size_t bytes = lutra_act_bytes(e->ops, n, m->n_cols, parts);
    void *mem = bytes ? check_guard(bytes, LUTRA_ALIGN) : NULL;
    lutra_act_bind(&a, e->ops, mem, n, m->n_cols, parts);
    a.fetch = case_fetch();
    a.x = x;
    a.x_stride = (size_t)m->n_cols;
    lutra_act_fill(e, &a, parts);
    lutra_matmul(e, o->y, o->stride, m, &a);
    if (mem) check_guard_free(mem);
}

/* n vectors at once on some threads equal every vector alone on one thread at the scalar level. */
static void matmul_case(const struct lutra_ops *ops, struct lutra_pool *pool,
                        const struct lutra_mat *m, int n, enum lutra_precision precision,
                        int code_max)
{
    struct lutra_ops scalar;
    struct lutra_engine e, one;
    struct out got, want;
    float *x = malloc((size_t)n * (size_t)m->n_cols * sizeof *x);
    for (int i = 0; i < n * m->n_cols; i++) x[i] = check_rand_float(-3.0f, 3.0f);
    lutra_ops_init(&scalar, 0);
    engine_open(&e, ops, pool, precision, code_max);
    engine_open(&one, &scalar, NULL, precision, code_max);
    out_open(&got, n, m->n_rows);
    out_open(&want, n, m->n_rows);
    matmul(&got, &e, m, x, n);
    for (int v = 0; v < n; v++) {
        struct out row = {want.y + (size_t)v * want.stride, want.stride, 0};
        matmul(&row, &one, m, x + (size_t)v * (size_t)m->n_cols, 1);
    }
    CHECK_MEM(got.y, want.y, got.bytes, 'f');
    check_guard_free(got.y);
    check_guard_free(want.y);
    check_guard_free(e.scratch);
    check_guard_free(one.scratch);
    free(x);
}

static void matmul_type(const struct lutra_ops *ops, struct lutra_pool *pool,
                        const struct case_type *ct)
{
    struct case_mat c;
    int code_max = ct->ternary ? LUTRA_CODE_MAX_INT8 : LUTRA_CODE_MAX;
    case_mat_open(&c, ct, 517, 512);
    for (int n = 1; n <= 9; n += 2) matmul_case(ops, pool, &c.m, n, LUTRA_PREC_DEFAULT, code_max);
    matmul_case(ops, pool, &c.m, 2, LUTRA_PREC_DEFAULT, LUTRA_CODE_MAX);
    matmul_case(ops, pool, &c.m, 3, LUTRA_PREC_HIGH, code_max);
    case_mat_close(&c);
}

static void matmul_float(const struct lutra_ops *ops, struct lutra_pool *pool, int type)
{
    struct lutra_mat m = {0};
    float row[333];
    CHECK_EQ(lutra_pack_plan(&m, type, 517, 333, false, NULL), LUTRA_OK);
    m.data = check_guard(m.bytes, LUTRA_ALIGN);
    for (int r = 0; r < m.n_rows; r++) {
        for (int k = 0; k < m.n_cols; k++) row[k] = check_rand_float(-1.0f, 1.0f);
        lutra_encode_row(type, m.data + (size_t)r * m.tile_bytes, row, m.n_cols);
    }
    matmul_case(ops, pool, &m, 1, LUTRA_PREC_DEFAULT, LUTRA_CODE_MAX);
    matmul_case(ops, pool, &m, 9, LUTRA_PREC_HIGH, LUTRA_CODE_MAX);
    check_guard_free(m.data);
}

/* ---- lutra_matmul_all ---- */

enum { ALL = 11, ALL_COLS = 512 };

/* Several matrices in one go of so many threads equal one after the other on one. */
static void all_case(const struct lutra_ops *ops, struct case_mat *c, int n_mats, int n, int n_threads)
{
    struct lutra_pool *pool = NULL;
    struct lutra_engine e, one;
    struct lutra_act a = {0};
    struct lutra_mul muls[ALL];
    struct out got[ALL], want[ALL];
    const struct lutra_mat *mats[ALL];
    float *x = malloc((size_t)n * ALL_COLS * sizeof *x);
    for (int i = 0; i < n * ALL_COLS; i++) x[i] = check_rand_float(-3.0f, 3.0f);
    CHECK_EQ(lutra_pool_open(&pool, n_threads, NULL, NULL), LUTRA_OK);
    engine_open(&e, ops, pool, LUTRA_PREC_DEFAULT, LUTRA_CODE_MAX);
    engine_open(&one, ops, NULL, LUTRA_PREC_DEFAULT, LUTRA_CODE_MAX);
    for (int i = 0; i < n_mats; i++) {
        mats[i] = &c[i].m;
        out_open(&got[i], n, mats[i]->n_rows);
        out_open(&want[i], n, mats[i]->n_rows);
        muls[i] = (struct lutra_mul){got[i].y, got[i].stride, mats[i]};
    }
    unsigned parts = lutra_act_parts(&e, mats, n_mats, n);
    void *mem = check_guard(lutra_act_bytes(ops, n, ALL_COLS, parts), LUTRA_ALIGN);
    lutra_act_bind(&a, ops, mem, n, ALL_COLS, parts);
    a.x = x;
    a.x_stride = ALL_COLS;
    lutra_act_fill(&e, &a, parts);
    lutra_matmul_all(&e, muls, n_mats, &a);
    for (int i = 0; i < n_mats; i++) {
        lutra_matmul(&one, want[i].y, want[i].stride, mats[i], &a);
        CHECK_MEM(got[i].y, want[i].y, got[i].bytes, 'f');
        check_guard_free(got[i].y);
        check_guard_free(want[i].y);
    }
    check_guard_free(mem);
    check_guard_free(e.scratch);
    check_guard_free(one.scratch);
    lutra_pool_close(pool);
    free(x);
}

static void matmul_all(const struct lutra_ops *ops)
{
    static const int rows[ALL] = {2050, 517, 33, 1, 1000, 64, 3000, 16, 640, 128, 777};
    struct case_mat c[ALL];
    int n = 0;
    for (int i = 0; n < ALL; i = (i + 1) % CASE_TYPES)
        if (case_runs(ops, &case_types[i]) && !case_types[i].ternary) {
            case_mat_open(&c[n], &case_types[i], rows[n], ALL_COLS);
            n++;
        }
    for (int n_threads = 1; n_threads <= 5; n_threads += 2)
        for (int first = 0; first < 3; first++) {
            all_case(ops, c + first, 3, 1, n_threads);
            all_case(ops, c + first, ALL - first, 2 + 3 * first, n_threads);
        }
    all_case(ops, c + 2, 2, 1, 3); /* 33 rows and one: less than a chunk for each thread */
    for (int i = 0; i < n; i++) case_mat_close(&c[i]);
}

/* ---- bench ---- */

static struct {
    struct lutra_ops ops;
    struct case_mat c;
    struct case_act a;
    void *scratch;
    float *y;
    bool exact;
    uint64_t sink;
} bench;

static void bench_mul(void *arg)
{
    const struct lutra_mat *m = &bench.c.m;
    const struct lutra_ops *ops = &bench.ops;
    const bool dense = m->kind == LUTRA_MAT_DENSE;
    (void)arg;
    (bench.exact ? dense ? ops->dense_exact : ops->exact_mul
                 : dense ? ops->dense_mul : ops->panel_mul)(bench.y, (size_t)m->n_rows, m, &bench.a.a, 0,
                                                            bench.a.a.n, 0, lutra_mat_tiles(m), bench.scratch);
}

static void bench_read(void *arg)
{
    const uint64_t *p = (const uint64_t *)(const void *)bench.c.m.data;
    uint64_t a = 0, b = 0, c = 0, d = 0;
    (void)arg;
    for (size_t i = 0; i + 8 <= bench.c.m.bytes / 8; i += 8) {
        __builtin_prefetch(p + i + 2048); /* 16 KB ahead: nearer is slower */
        a += p[i] + p[i + 4];
        b += p[i + 1] + p[i + 5];
        c += p[i + 2] + p[i + 6];
        d += p[i + 3] + p[i + 7];
    }
    bench.sink += a + b + c + d;
}

/* Multiply-adds per ns for n vectors; times > 1 reads weights from memory: rate[0] GB/s, of rate[1] that can
 * be read. */
static double bench_size(const struct case_type *ct, int n, int times, double *rate)
{
    case_mat_open_tiled(&bench.c, ct, 512, 2560, times, case_how_at(&bench.ops, ct, 2560));
    case_act_open(&bench.a, &bench.ops, n, 2560, false);
    case_act_normal(&bench.a, &bench.ops,
                    ct->ternary ? LUTRA_CODE_MAX_INT8 : LUTRA_CODE_MAX);
    if (n > bench.ops.dense_most) bench.a.a.bytes = NULL;
    for (int v = 0; v < n && bench.a.a.bytes; v++)
        bench.ops.split_codes(&bench.a.a, v, 0, bench.a.a.k_pad);
    bench.scratch = scratch_open(&bench.ops);
    bench.y = malloc((size_t)bench.c.m.n_rows * (size_t)n * sizeof(float));
    double s = check_time(bench_mul, NULL, 0.2);
    if (rate) rate[0] = (double)bench.c.m.bytes / (s * 1e9);
    if (rate) rate[1] = (double)bench.c.m.bytes / (check_time(bench_read, NULL, 0.2) * 1e9);
    free(bench.y);
    if (bench.scratch) check_guard_free(bench.scratch);
    case_act_close(&bench.a);
    case_mat_close(&bench.c);
    return 512.0 * 2560.0 * times * n / (s * 1e9);
}

static void bench_level(const struct lutra_ops *ops)
{
    bench.ops = *ops;
    for (int i = 0; i < CASE_TYPES; i++) {
        const struct case_type *ct = &case_types[i];
        if (!case_runs(ops, ct)) continue;
        bench.exact = false;
        printf("panel %-6s %-6s MAC/ns:", ops->name, ct->name);
        for (int n = 2; n <= 128; n *= n < 8 ? 2 : 4) printf("  N=%d %6.1f", n, bench_size(ct, n, 1, NULL));
        bench.exact = true;
        printf("   exact N=1 %5.1f  N=32 %5.1f\n", bench_size(ct, 1, 1, NULL),
               bench_size(ct, 32, 1, NULL));
        bench.exact = false;
        if (bench.c.m.kind == LUTRA_MAT_I8 || bench.c.m.kind == LUTRA_MAT_DENSE) {
            double rate[2], l2 = bench_size(ct, 1, 1, NULL), dram = bench_size(ct, 1, 64, rate);
            printf("panel %-6s %-6s N=1: L2 %.1f w/ns, memory %.1f w/ns = %.1f GB/s of %.1f GB/s read\n",
                   ops->name, ct->name, l2, dram, rate[0], rate[1]);
        }
    }
}

static void check_level(const struct lutra_ops *ops, struct lutra_pool *pool)
{
    char name[64];
    for (int i = 0; i < CASE_TYPES; i++) {
        if (!case_runs(ops, &case_types[i])) continue;
        snprintf(name, sizeof name, "%s panel %s", ops->name, case_types[i].name);
        CHECK_CASE(name) panel_type(ops, &case_types[i]);
        snprintf(name, sizeof name, "%s exact %s", ops->name, case_types[i].name);
        CHECK_CASE(name) exact_type(ops, &case_types[i]);
        snprintf(name, sizeof name, "%s matmul %s", ops->name, case_types[i].name);
        CHECK_CASE(name) matmul_type(ops, pool, &case_types[i]);
    }
    snprintf(name, sizeof name, "%s several", ops->name);
    CHECK_CASE(name) matmul_all(ops);
    snprintf(name, sizeof name, "%s matmul floats", ops->name);
    CHECK_CASE(name)
    {
        matmul_float(ops, pool, LUTRA_TYPE_F32);
        matmul_float(ops, pool, LUTRA_TYPE_F16);
        matmul_float(ops, pool, LUTRA_TYPE_BF16);
    }
}

int main(int argc, char **argv)
{
    struct lutra_pool *pool = NULL;
    struct lutra_ops ops;
    check_init(argc, argv, "check_mm");
    CHECK_CASE("pool") CHECK_EQ(lutra_pool_open(&pool, 3, NULL, NULL), LUTRA_OK);
    for (struct case_levels l = {0}; case_level(&l, &ops);) {
        check_level(&ops, pool);
        if (check_bench()) bench_level(&ops);
    }
    lutra_pool_close(pool);
    return check_done();
}
