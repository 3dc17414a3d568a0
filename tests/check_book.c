/* SPDX-License-Identifier: MIT */
/* BOOK matrices: packing keeps every weight, the product is the formula of kernels/lut.h at every
 * CPU level, through lutra_matmul too. Bit for bit. */
#include "kernels/book.h"

#include <math.h>
#include <stdio.h>

#include "kernels/qbook.h"
#include "tests/lut_cases.h"

static const int types[] = {LUTRA_TYPE_IQ4_NL,  LUTRA_TYPE_IQ4_XS, LUTRA_TYPE_MXFP4,
                            LUTRA_TYPE_NVFP4,   LUTRA_TYPE_IQ1_S,  LUTRA_TYPE_IQ1_M,
                            LUTRA_TYPE_IQ2_XXS, LUTRA_TYPE_IQ2_XS, LUTRA_TYPE_IQ2_S,
                            LUTRA_TYPE_IQ3_XXS, LUTRA_TYPE_IQ3_S};
enum { N_TYPES = sizeof types / sizeof types[0] };

static const float canary = -12345.5f;

static bool usual; /* for timing: no scales whose products are subnormal, which are slow */

/* A usual scale, now and then the smallest ones. */
static void put_scale(int type, uint8_t *b)
{
    uint16_t h = lutra_f32_to_f16(check_rand_float(-0.05f, 0.05f));
    switch (type) {
    case LUTRA_TYPE_MXFP4:
        b[0] = (uint8_t)(usual || check_rand_int(0, 7) ? check_rand_int(110, 140) : check_rand_int(0, 2));
        break;
    case LUTRA_TYPE_NVFP4:
        for (int i = 0; i < 4; i++) b[i] &= 0x7e;
        break;
    case LUTRA_TYPE_IQ1_M:
        for (int i = 0; i < 4; i++)
            b[49 + 2 * i] = (uint8_t)((b[49 + 2 * i] & 15) | (h >> 4 * i & 15) << 4);
        break;
    default:
        memcpy(b, &h, sizeof h);
        break;
    }
}

static void mat_open(struct case_mat *c, int type, int n_rows, int n_cols, enum case_weights weights)
{
    const struct lutra_type_info *ti = lutra_type_info((uint32_t)type);
    size_t blocks = (size_t)n_rows * (size_t)(n_cols / ti->block);
    lutra_error err;
    memset(c, 0, sizeof *c);
    c->row_bytes = (size_t)(n_cols / ti->block) * (size_t)ti->bytes;
    c->rows = check_guard(c->row_bytes * (size_t)n_rows, 1);
    for (size_t b = 0; b < blocks; b++) {
        uint8_t *p = c->rows + b * (size_t)ti->bytes;
        for (int i = 0; i < ti->bytes; i++)
            p[i] = (uint8_t)(weights == CASE_RANDOM ? (int)(check_rand() >> 20) : (int)weights);
        put_scale(type, p);
    }
    CHECK_EQ(lutra_pack_plan(&c->m, type, n_rows, n_cols, false, &err), LUTRA_OK);
    CHECK_EQ(c->m.kind, LUTRA_MAT_BOOK);
    c->m.data = check_guard(c->m.bytes, LUTRA_ALIGN);
    memset(c->m.data, 0x5A, c->m.bytes);
    for (int t = 0; t < lutra_mat_tiles(&c->m); t++) {
        int left = n_rows - t * 16;
        lutra_pack_tile(&c->m, t, c->rows + (size_t)(t * 16) * c->row_bytes, left < 16 ? left : 16);
    }
}

/* Column counts: one block, some that make units of other lengths, a long one. 0 ends. */
static int cols(int type, int i)
{
    static const int by32[] = {32, 64, 96, 128, 416, 2560, 0}, by64[] = {64, 192, 320, 2560, 0},
                     by256[] = {256, 512, 1280, 2560, 0};
    int block = lutra_type_info((uint32_t)type)->block;
    return block == 32 ? by32[i] : block == 64 ? by64[i] : by256[i];
}

/* ---- packing ---- */

static void round_trip(int type, int n_rows, int n_cols)
{
    struct case_mat c;
    float *a = malloc((size_t)n_cols * sizeof *a), *b = malloc((size_t)n_cols * sizeof *b);
    mat_open(&c, type, n_rows, n_cols, CASE_RANDOM);
    for (int r = 0; r < c.m.tile_rows * lutra_mat_tiles(&c.m); r++) {
        lutra_mat_row(&c.m, r, a);
        if (r < n_rows) lutra_decode_row(type, b, c.rows + (size_t)r * c.row_bytes, n_cols);
        for (int k = 0; k < n_cols; k++) CHECK(a[k] == (r < n_rows ? b[k] : 0.0f));
    }
    case_mat_close(&c);
    free(a);
    free(b);
}

static void refusals(void)
{
    struct lutra_mat m = {0};
    CHECK_EQ(lutra_pack_plan(&m, LUTRA_TYPE_IQ4_NL, 16, 48, false, NULL), LUTRA_EINVAL);
    CHECK_EQ(lutra_pack_plan(&m, LUTRA_TYPE_IQ3_S, 16, 128, false, NULL), LUTRA_EINVAL);
    CHECK_EQ(lutra_pack_plan(&m, LUTRA_TYPE_MXFP4, 0, 32, false, NULL), LUTRA_EINVAL);
    CHECK_EQ(lutra_pack_plan(&m, LUTRA_TYPE_MXFP4, 0x7fffffff, 0x7fffffe0, false, NULL),
             LUTRA_EINVAL);
}

/* ---- products ---- */

/* The formula of lut.h, from the file's own blocks. */
static float reference(const struct case_mat *c, int row, const int16_t *codes, float x_scale)
{
    const struct lutra_type_info *ti = lutra_type_info((uint32_t)c->m.type);
    const struct lutra_book_info *b = lutra_book_info(c->m.type);
    const uint8_t *block = c->rows + (size_t)row * c->row_bytes;
    float acc = 0.0f;
    for (int k = 0; k < c->m.n_cols; k += ti->block, block += ti->bytes) {
        struct lutra_book_split s;
        lutra_book_split(c->m.type, &s, block);
        for (int g = 0; g < ti->block / b->group; g++) {
            float d = b->kind == LUTRA_BOOK_E8M0  ? ldexpf(1, s.d[g] - 128)
                      : b->kind == LUTRA_BOOK_SUB ? lutra_f16_to_f32(s.d[0]) * (float)s.sc[g]
                                                  : lutra_f16_to_f32(s.d[g]);
            int64_t sum = 0;
            for (int i = g * b->group; i < (g + 1) * b->group; i++)
                sum += b->value[s.q[i]] * codes[k + i];
            acc = acc + d * (float)(int32_t)sum;
        }
    }
    return acc * (x_scale * b->scale);
}

struct out {
    float *y;
    size_t stride, bytes; /* a few floats more than the rows, to be left alone */
};

static void out_open(struct out *o, int n, int n_rows)
{
    o->stride = (size_t)n_rows + 3;
    o->bytes = ((size_t)(n - 1) * o->stride + (size_t)n_rows) * sizeof(float);
    o->y = check_guard(o->bytes, sizeof(float));
    for (size_t i = 0; i < o->bytes / sizeof(float); i++) o->y[i] = canary;
}

/* book_mul, or panel_mul of a level that takes books unpacked. */
static void mul(const struct lutra_ops *ops, bool panel, void *scratch, struct out *o, const struct case_mat *c,
                const struct case_act *a, int v0, int v1, int tile0, int tile1)
{
    if (panel) ops->panel_mul(o->y, o->stride, &c->m, &a->a, v0, v1, tile0, tile1, scratch);
    else ops->book_mul(o->y, o->stride, &c->m, &a->a, v0, v1, tile0, tile1);
}

/* Vectors in two calls, tiles in two calls. */
static void mul_case(const struct lutra_ops *ops, int type, int n, int n_rows, int n_cols,
                     enum check_fill fill, enum case_weights weights, int code_max)
{
    struct case_mat c;
    struct case_act a;
    struct out got, want;
    mat_open(&c, type, n_rows, n_cols, weights);
    case_act_open(&a, ops, n, n_cols, false);
    case_act_fill(&a, fill, code_max);
    out_open(&got, n, n_rows);
    out_open(&want, n, n_rows);
    int tiles = lutra_mat_tiles(&c.m), tcut = tiles / 2, vcut = (n + 1) / 3;
    for (int v = 0; v < n; v++)
        for (int r = 0; r < n_rows; r++)
            want.y[(size_t)v * want.stride + (size_t)r] =
                reference(&c, r, a.a.codes + (size_t)v * (size_t)a.a.k_pad, a.a.scale[v]);
    for (int panel = 0; panel <= (ops->book_panel > 0); panel++) {
        void *scratch = panel ? check_guard(ops->panel_scratch, LUTRA_ALIGN) : NULL;
        for (size_t i = 0; i < got.bytes / sizeof(float); i++) got.y[i] = canary;
        mul(ops, panel, scratch, &got, &c, &a, 0, vcut, 0, tiles);
        mul(ops, panel, scratch, &got, &c, &a, vcut, n, tcut, tiles);
        mul(ops, panel, scratch, &got, &c, &a, vcut, n, 0, tcut);
        CHECK_MEM(got.y, want.y, got.bytes, 'f');
        if (scratch) check_guard_free(scratch);
    }
    check_guard_free(got.y);
    check_guard_free(want.y);
    case_act_close(&a);
    case_mat_close(&c);
}

static void mul_type(const struct lutra_ops *ops, int type)
{
    static const int rows[] = {1, 16, 17, 33, 70, 5, 47, 8, 9, 29};
    static const int max[] = {LUTRA_CODE_MAX, LUTRA_CODE_MAX_INT8};
    for (int i = 0; cols(type, i); i++)
        for (int fill = 0; fill < CHECK_N_FILLS; fill++)
            mul_case(ops, type, 1 + (fill + 2 * i) % 9, rows[(i + 3 * fill) % 10], cols(type, i),
                     (enum check_fill)fill, CASE_RANDOM, max[(i + fill) % 2]);
    for (int fill = 0; fill < CHECK_N_FILLS; fill++) { /* the largest sums */
        mul_case(ops, type, 5, 3, 2560, (enum check_fill)fill, CASE_ONES, LUTRA_CODE_MAX);
        mul_case(ops, type, 2, 3, 2560, (enum check_fill)fill, CASE_ZEROS, LUTRA_CODE_MAX);
    }
    for (int n = 1; n <= 12; n++)
        mul_case(ops, type, n, 20, 512, CHECK_FILL_RANDOM, CASE_RANDOM, LUTRA_CODE_MAX);
    mul_case(ops, type, 71, 16, 256, CHECK_FILL_RANDOM, CASE_RANDOM, LUTRA_CODE_MAX);
}

static void exact_case(const struct lutra_ops *ops, int type, int n, int n_rows, int n_cols)
{
    struct case_mat c;
    struct case_act a;
    struct out got, want;
    float *w = malloc((size_t)n_cols * sizeof *w);
    mat_open(&c, type, n_rows, n_cols, CASE_RANDOM);
    case_act_open(&a, ops, n, n_cols, false);
    for (int i = 0; i < n * n_cols; i++) a.x[i] = check_rand_float(-3.0f, 3.0f);
    out_open(&got, n, n_rows);
    out_open(&want, n, n_rows);
    ops->book_exact(got.y, got.stride, &c.m, &a.a, 0, n, 0, lutra_mat_tiles(&c.m));
    for (int r = 0; r < n_rows; r++) {
        lutra_decode_row(type, w, c.rows + (size_t)r * c.row_bytes, n_cols);
        for (int v = 0; v < n; v++) {
            float acc = 0.0f;
            for (int k = 0; k < n_cols; k++)
                acc = acc + w[k] * a.x[(size_t)v * (size_t)n_cols + (size_t)k];
            want.y[(size_t)v * want.stride + (size_t)r] = acc;
        }
    }
    CHECK_MEM(got.y, want.y, got.bytes, 'f');
    free(w);
    check_guard_free(got.y);
    check_guard_free(want.y);
    case_act_close(&a);
    case_mat_close(&c);
}

/* ---- lutra_matmul ---- */

static void matmul(float *y, size_t stride, const struct lutra_engine *e, const struct lutra_mat *m,
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
    lutra_matmul(e, y, stride, m, &a);
    if (mem) check_guard_free(mem);
}

/* Any mode with any number of vectors on some threads is every vector alone at the scalar level. */
static void matmul_case(const struct lutra_ops *ops, struct lutra_pool *pool, int type, int n,
                        enum lutra_mode mode, enum lutra_precision precision)
{
    struct case_mat c;
    struct out got, want;
    struct lutra_ops scalar;
    struct lutra_engine e = {.ops = ops, .pool = pool, .code_max = LUTRA_CODE_MAX, .mode = mode};
    struct lutra_engine one = {.ops = &scalar, .code_max = LUTRA_CODE_MAX, .mode = mode};
    e.precision = one.precision = precision;
    lutra_ops_init(&scalar, 0);
    e.scratch_each = lutra_engine_scratch(ops);
    e.scratch = check_guard(e.scratch_each * (size_t)lutra_pool_size(pool), LUTRA_ALIGN);
    mat_open(&c, type, 517, 512, CASE_RANDOM);
    float *x = malloc((size_t)n * 512 * sizeof *x);
    for (int i = 0; i < n * 512; i++) x[i] = check_rand_float(-3.0f, 3.0f);
    out_open(&got, n, 517);
    out_open(&want, n, 517);
    matmul(got.y, got.stride, &e, &c.m, x, n);
    for (int v = 0; v < n; v++)
        matmul(want.y + (size_t)v * want.stride, want.stride, &one, &c.m, x + 512 * v, 1);
    CHECK_MEM(got.y, want.y, got.bytes, 'f');
    check_guard_free(e.scratch);
    check_guard_free(got.y);
    check_guard_free(want.y);
    free(x);
    case_mat_close(&c);
}

/* ---- bench ---- */

static struct {
    struct lutra_ops ops;
    struct case_mat c;
    struct case_act a;
    float *y;
} bench;

static void bench_mul(void *arg)
{
    const struct lutra_mat *m = &bench.c.m;
    if (arg) {
        bench.ops.panel_mul(bench.y, (size_t)m->n_rows, m, &bench.a.a, 0, bench.a.a.n, 0, lutra_mat_tiles(m), arg);
        return;
    }
    bench.ops.book_mul(bench.y, (size_t)m->n_rows, m, &bench.a.a, 0, bench.a.a.n, 0,
                       lutra_mat_tiles(m));
}

/* Multiply-adds per ns for n vectors; times > 1 reads weights from memory. */
static double bench_size(int type, int n, int times, bool panel)
{
    void *scratch = panel ? check_guard(bench.ops.panel_scratch, LUTRA_ALIGN) : NULL;
    mat_open(&bench.c, type, 512 * times, 2560, CASE_RANDOM);
    case_act_open(&bench.a, &bench.ops, n, 2560, false);
    case_act_normal(&bench.a, &bench.ops, LUTRA_CODE_MAX);
    bench.y = malloc((size_t)bench.c.m.n_rows * (size_t)n * sizeof(float));
    double s = check_time(bench_mul, scratch, 0.2);
    if (scratch) check_guard_free(scratch);
    free(bench.y);
    case_act_close(&bench.a);
    double done = (double)bench.c.m.n_rows * 2560 * n;
    case_mat_close(&bench.c);
    return done / (s * 1e9);
}

static void bench_level(const struct lutra_ops *ops)
{
    bench.ops = *ops;
    usual = true;
    for (int i = 0; i < N_TYPES; i++) {
        struct lutra_mat m = {0};
        lutra_pack_plan(&m, types[i], 512, 2560, false, NULL);
        printf("book %-8s %-7s %.2f bits, MAC/ns: N=1 %5.1f, from memory %5.1f", ops->name,
               lutra_type_info((uint32_t)types[i])->name, (double)m.bytes * 8 / (512 * 2560),
               bench_size(types[i], 1, 1, false), i < 4 ? bench_size(types[i], 1, 64, false) : 0.0);
        for (int n = 2; n <= 128; n *= 4) printf("  N=%d %5.1f", n, bench_size(types[i], n, 1, false));
        if (ops->book_panel) printf("; unpacked once");
        for (int n = 8; ops->book_panel && n <= 128; n *= 2) printf("  N=%d %5.1f", n, bench_size(types[i], n, 1, true));
        printf("\n");
    }
    usual = false;
}

static void check_level(const struct lutra_ops *ops, struct lutra_pool *pool)
{
    char name[64];
    for (int i = 0; i < N_TYPES; i++) {
        const char *type = lutra_type_info((uint32_t)types[i])->name;
        snprintf(name, sizeof name, "%s mul %s", ops->name, type);
        CHECK_CASE(name) mul_type(ops, types[i]);
        snprintf(name, sizeof name, "%s exact %s", ops->name, type);
        CHECK_CASE(name)
        {
            for (int j = 0; cols(types[i], j); j++)
                exact_case(ops, types[i], 1 + 3 * j % 10, 19, cols(types[i], j));
            exact_case(ops, types[i], 35, 19, 256);
        }
        snprintf(name, sizeof name, "%s matmul %s", ops->name, type);
        CHECK_CASE(name)
        {
            for (int mode = LUTRA_MODE_AUTO; mode <= LUTRA_MODE_DEQ; mode++)
                matmul_case(ops, pool, types[i], 1 + 2 * mode, (enum lutra_mode)mode,
                            LUTRA_PREC_DEFAULT);
            matmul_case(ops, pool, types[i], 3, LUTRA_MODE_AUTO, LUTRA_PREC_HIGH);
            if (ops->book_panel) matmul_case(ops, pool, types[i], ops->book_panel, LUTRA_MODE_AUTO, LUTRA_PREC_DEFAULT);
        }
    }
}

int main(int argc, char **argv)
{
    struct lutra_pool *pool = NULL;
    struct lutra_ops ops;
    check_init(argc, argv, "check_book");
    CHECK_CASE("pool") CHECK_EQ(lutra_pool_open(&pool, 3, NULL, NULL), LUTRA_OK);
    CHECK_CASE("refusals") refusals();
    CHECK_CASE("round trip")
    {
        for (int i = 0; i < N_TYPES; i++)
            for (int j = 0; cols(types[i], j); j++)
                round_trip(types[i], j & 1 ? 37 : 16, cols(types[i], j));
    }
    for (struct case_levels l = {0}; case_level(&l, &ops);) {
        check_level(&ops, pool);
        if (check_bench()) bench_level(&ops);
    }
    lutra_pool_close(pool);
    return check_done();
}
