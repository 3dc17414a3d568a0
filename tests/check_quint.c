/* SPDX-License-Identifier: MIT */
/* Ternary tensors of any scales: QUINT (five trits a byte) and base 3 with a scale per row. Scalar
 * against sums over the file's own blocks, every level against scalar, bit for bit. */
#include <stdio.h>

#include "tests/lut_cases.h"

enum weights { RANDOM, ALL_MINUS, ALL_PLUS };

static const int types[] = {LUTRA_TYPE_TQ1_0, LUTRA_TYPE_TQ2_0, LUTRA_TYPE_Q2_0,
                            LUTRA_TYPE_Q2_0_G128};
enum { TYPES = 4, MOST = 70 };

struct setup {
    struct lutra_mat m;
    uint8_t *rows;
    size_t row_bytes;
    struct case_act a;
};

/* Ternary blocks; `row_scales`: one scale in each row, zero blocks with another. */
static void make_rows(struct setup *s, int type, int n_rows, int n_cols, bool row_scales,
                      enum weights w)
{
    const struct lutra_type_info *ti = lutra_type_info((uint32_t)type);
    struct lutra_split b;
    memset(&b, 0, sizeof b);
    s->row_bytes = (size_t)(n_cols / ti->block) * (size_t)ti->bytes;
    s->rows = check_guard(s->row_bytes * (size_t)n_rows, 1);
    for (int r = 0; r < n_rows; r++) {
        float scale = check_rand_float(0.01f, 0.3f) * (float)(r % 3 == 1 ? -1 : 1);
        for (int k = 0; k < n_cols; k += ti->block) {
            bool zero = w == RANDOM && check_rand_int(0, 6) == 0;
            for (int i = 0; i < ti->block; i++)
                b.q[i] = (uint8_t)(zero ? 1 : w == RANDOM ? check_rand_int(0, 2) : w == ALL_PLUS ? 2 : 0);
            if (!row_scales || zero) scale = row_scales ? scale : check_rand_float(-0.05f, 0.05f);
            b.d = lutra_f32_to_f16(zero && row_scales ? 0.75f : scale);
            lutra_join_block(type, s->rows + (size_t)r * s->row_bytes +
                                       (size_t)(k / ti->block * ti->bytes), &b);
        }
    }
}

static void open_setup(struct setup *s, int type, enum lutra_packing how, int n_rows, int n_cols,
                       enum weights w)
{
    lutra_error err;
    bool row_scales = how == LUTRA_PACK_TERN_ROWS || how == LUTRA_PACK_TRIO_ROWS ||
                      how == LUTRA_PACK_QUINT_ROWS;
    memset(s, 0, sizeof *s);
    make_rows(s, type, n_rows, n_cols, row_scales, w);
    struct lutra_ternary t = {true, true, true, false, 0.0f};
    lutra_ternary_probe(&t, type, s->rows, n_rows, n_cols);
    CHECK(t.ternary);
    CHECK(!row_scales || t.per_row);
    CHECK_EQ(lutra_pack_plan_as(&s->m, type, n_rows, n_cols, how, &err), LUTRA_OK);
    s->m.data = check_guard(s->m.bytes, LUTRA_ALIGN);
    memset(s->m.data, 0x5A, s->m.bytes);
    for (int i = 0; i < lutra_mat_tiles(&s->m); i++) {
        int left = n_rows - i * s->m.tile_rows;
        lutra_pack_tile(&s->m, i, s->rows + (size_t)(i * s->m.tile_rows) * s->row_bytes,
                        left < s->m.tile_rows ? left : s->m.tile_rows);
    }
}

static void close_setup(struct setup *s)
{
    check_guard_free(s->rows);
    check_guard_free(s->m.data);
}

static void open_act(struct case_act *c, const struct lutra_ops *ops, int n, int k,
                     enum check_fill fill, int max)
{
    unsigned parts = LUTRA_ACT_CODES | LUTRA_ACT_QUINTS | LUTRA_ACT_TRIPS;
    size_t bytes = lutra_act_bytes(ops, n, k, parts);
    memset(c, 0, sizeof *c);
    c->mem = check_guard(bytes, LUTRA_ALIGN);
    memset(c->mem, 0x3C, bytes);
    lutra_act_bind(&c->a, ops, c->mem, n, k, parts);
    c->x = check_guard((size_t)n * (size_t)k * sizeof(float), sizeof(float));
    c->a.x = c->x;
    c->a.x_stride = (size_t)k;
    case_act_fill(c, fill, max);
    for (int v = 0; v < n; v++)
        ops->quint_tables(c->a.quints + (size_t)v * c->a.quint_bytes,
                          c->a.codes + (size_t)v * (size_t)c->a.k_pad, k);
}

/* One row: groups ascending under their own scales, or the whole row under one. */
static float naive(const struct setup *s, int r, const int16_t *c, float x_scale)
{
    const struct lutra_type_info *ti = lutra_type_info((uint32_t)s->m.type);
    const uint8_t *p = s->rows + (size_t)r * s->row_bytes;
    bool rows = s->m.scales == LUTRA_SCALE_ROW;
    struct lutra_split b;
    float acc = 0.0f;
    int64_t sum = 0;
    for (int k = 0; k < s->m.n_cols; k += ti->block, p += ti->bytes) {
        lutra_split_block(s->m.type, &b, p);
        for (int i = 0; i < ti->block; i++) sum += (b.q[i] - 1) * c[k + i];
        if (rows) continue;
        acc = acc + lutra_f16_to_f32(b.d) * (float)(int32_t)sum;
        sum = 0;
    }
    if (rows)
        acc = 0.0f + lutra_ternary_row_scale(s->m.type, s->rows + (size_t)r * s->row_bytes,
                                             s->m.n_cols) * (float)(int32_t)sum;
    return acc * x_scale;
}

static void one_case(const struct lutra_ops *ops, const struct lutra_ops *scalar, int type,
                     bool rows, int n_rows, int n_cols, int n, enum check_fill fill, enum weights w)
{
    struct setup s;
    struct case_act a, b;
    size_t bytes = (size_t)(n * n_rows) * sizeof(float);
    float *y = check_guard(bytes, sizeof(float)), *z = check_guard(bytes, sizeof(float));
    open_setup(&s, type, rows ? LUTRA_PACK_QUINT_ROWS : LUTRA_PACK_QUINT, n_rows, n_cols, w);
    open_act(&a, scalar, n, n_cols, fill, LUTRA_CODE_MAX);
    open_act(&b, ops, n, n_cols, CHECK_FILL_ZERO, LUTRA_CODE_MAX);
    case_act_copy(&b, &a);
    int tiles = lutra_mat_tiles(&s.m), cut = tiles / 2;
    for (int v = 0; v < n; v++) {
        float *yv = y + v * n_rows, *zv = z + v * n_rows;
        const int16_t *codes = b.a.codes + (size_t)v * (size_t)b.a.k_pad;
        ops->quint_tables(b.a.quints + (size_t)v * b.a.quint_bytes, codes, n_cols);
        for (int r = 0; r < n_rows; r++) zv[r] = naive(&s, r, codes, a.a.scale[v]);
        if (v < 2) {
            scalar->quint_lookup(yv, &s.m, &a.a, v, 0, tiles);
            CHECK_MEM(yv, zv, (size_t)n_rows * sizeof *y, 'f');
            memset(yv, 0x7f, (size_t)n_rows * sizeof *y);
        }
        ops->quint_lookup(yv, &s.m, &b.a, v, 0, cut);
        ops->quint_lookup(yv, &s.m, &b.a, v, cut, tiles);
        CHECK_MEM(yv, zv, (size_t)n_rows * sizeof *y, 'f');
    }
    memset(y, 0x7f, bytes);
    ops->quint_panel(y, (size_t)n_rows, &s.m, &b.a, 0, n, 0, cut);
    ops->quint_panel(y, (size_t)n_rows, &s.m, &b.a, 0, n, cut, tiles);
    CHECK_MEM(y, z, bytes, 'f');
    if (ops->panel_quint && s.m.scales != LUTRA_SCALE_ROW) {
        void *scratch = check_guard(ops->panel_scratch, LUTRA_ALIGN);
        memset(y, 0x7f, bytes);
        ops->panel_mul(y, (size_t)n_rows, &s.m, &b.a, 0, n, 0, cut, scratch);
        ops->panel_mul(y, (size_t)n_rows, &s.m, &b.a, 0, n, cut, tiles, scratch);
        CHECK_MEM(y, z, bytes, 'f');
        check_guard_free(scratch);
    }
    scalar->quint_exact(z, (size_t)n_rows, &s.m, &a.a, 0, n, 0, tiles);
    ops->quint_exact(y, (size_t)n_rows, &s.m, &b.a, 0, n, 0, tiles);
    CHECK_MEM(y, z, bytes, 'f');
    case_act_close(&a);
    case_act_close(&b);
    close_setup(&s);
    check_guard_free(y);
    check_guard_free(z);
}

static void all_cases(const struct lutra_ops *ops, const struct lutra_ops *scalar, int type,
                      bool rows)
{
    static const int n_rows[] = {1, 64, 65, 37, 130, 16, 33}, n_vec[] = {1, 2, 3, 5, 8, 9, MOST};
    int block = lutra_type_info((uint32_t)type)->block;
    for (int i = 0; i < 7; i++)
        one_case(ops, scalar, type, rows, n_rows[i], block * (1 + i), n_vec[6 - i],
                 CHECK_FILL_RANDOM, RANDOM);
    for (int fill = 0; fill < CHECK_N_FILLS; fill++) {
        one_case(ops, scalar, type, rows, 3, 1280, 2, (enum check_fill)fill, ALL_MINUS);
        one_case(ops, scalar, type, rows, 3, 1280, 2, (enum check_fill)fill, ALL_PLUS);
    }
    one_case(ops, scalar, type, rows, 2, 16384, 1, CHECK_FILL_MAX, ALL_PLUS);
}

static void read_back(int type, enum lutra_packing how)
{
    int block = lutra_type_info((uint32_t)type)->block;
    for (int cols = block; cols <= 7 * block; cols += 3 * block) {
        struct setup s;
        float *a = malloc((size_t)cols * sizeof *a), *b = malloc((size_t)cols * sizeof *b);
        open_setup(&s, type, how, 69, cols, RANDOM);
        for (int r = 0; r < 69; r++) {
            lutra_mat_row(&s.m, r, a);
            lutra_decode_row(type, b, s.rows + (size_t)r * s.row_bytes, cols);
            for (int k = 0; k < cols; k++) CHECK(a[k] == b[k]); /* a zero may have another sign */
        }
        close_setup(&s);
        free(a);
        free(b);
    }
}

/* lutra_matmul multiplies what base 3 gives by the scales of rows, however it is computed. */
static void tern_rows(const struct lutra_ops *ops)
{
    static const enum lutra_mode modes[] = {LUTRA_MODE_LUT, LUTRA_MODE_DOT, LUTRA_MODE_AUTO};
    enum { ROWS = 70, COLS = 512, N = 3 };
    struct setup s;
    struct case_act a;
    float y[N * ROWS];
    open_setup(&s, LUTRA_TYPE_TQ2_0, lutra_tern_packing(ops, true), ROWS, COLS, RANDOM);
    open_act(&a, ops, N, COLS, CHECK_FILL_RANDOM, LUTRA_CODE_MAX_INT8);
    for (int v = 0; v < N; v++)
        ops->trip_tables(a.a.trips + (size_t)v * a.a.trip_bytes,
                         a.a.codes + (size_t)v * (size_t)a.a.k_pad, a.a.k_pad);
    struct lutra_engine e = {.ops = ops, .code_max = LUTRA_CODE_MAX_INT8};
    e.scratch_each = lutra_engine_scratch(ops);
    if (e.scratch_each) e.scratch = check_guard(e.scratch_each, LUTRA_ALIGN);
    for (int i = 0; i < 3; i++) {
        e.mode = modes[i];
        lutra_matmul(&e, y, ROWS, &s.m, &a.a);
        for (int v = 0; v < N; v++)
            for (int r = 0; r < ROWS; r++) {
                const int16_t *c = a.a.codes + (size_t)v * (size_t)a.a.k_pad;
                float d = lutra_mat_row_scales(&s.m)[r], sum = 0.0f, w[COLS];
                lutra_mat_row(&s.m, r, w);
                for (int k = 0; k < COLS; k++) sum += (float)(w[k] > 0) * c[k] - (float)(w[k] < 0) * c[k];
                if (d < 0) sum = -sum;
                CHECK(y[v * ROWS + r] == sum * a.a.scale[v] * d);
            }
    }
    if (e.scratch) check_guard_free(e.scratch);
    case_act_close(&a);
    close_setup(&s);
}

static void bits_per_weight(void)
{
    struct lutra_mat m = {0};
    lutra_error err;
    CHECK_EQ(lutra_pack_plan_as(&m, LUTRA_TYPE_TQ2_0, 2560, 2560, LUTRA_PACK_QUINT, &err), LUTRA_OK);
    CHECK(8.0 * (double)m.bytes / (2560.0 * 2560.0) <= 1.69);
    CHECK_EQ(lutra_pack_plan_as(&m, LUTRA_TYPE_TQ2_0, 2560, 2560, LUTRA_PACK_QUINT_ROWS, &err), LUTRA_OK);
    CHECK(8.0 * (double)m.bytes / (2560.0 * 2560.0) <= 1.64);
    CHECK_EQ(lutra_pack_plan_as(&m, LUTRA_TYPE_Q2_0, 2560, 2560, LUTRA_PACK_QUINT, &err), LUTRA_OK);
    CHECK(8.0 * (double)m.bytes / (2560.0 * 2560.0) <= 1.88);
    CHECK_EQ(lutra_pack_plan_as(&m, LUTRA_TYPE_Q4_0, 64, 64, LUTRA_PACK_QUINT, &err), LUTRA_EINVAL);
    CHECK_EQ(lutra_pack_plan_as(&m, LUTRA_TYPE_TQ2_0, 16, 1 << 20, LUTRA_PACK_QUINT_ROWS, &err),
             LUTRA_EINVAL);
}

static void probes(void)
{
    struct setup s;
    struct lutra_ternary t = {true, true, true, false, 0.0f};
    open_setup(&s, LUTRA_TYPE_TQ2_0, LUTRA_PACK_QUINT, 4, 512, ALL_PLUS);
    lutra_ternary_probe(&t, LUTRA_TYPE_TQ2_0, s.rows, 4, 512);
    CHECK(t.ternary && !t.per_row && !t.equal);
    s.rows[5] = 0xff; /* codes 3 */
    lutra_ternary_probe(&t, LUTRA_TYPE_TQ2_0, s.rows, 4, 512);
    CHECK(!t.ternary);
    close_setup(&s);
    open_setup(&s, LUTRA_TYPE_Q2_0, LUTRA_PACK_QUINT_ROWS, 4, 512, ALL_PLUS);
    t = (struct lutra_ternary){true, true, true, false, 0.0f};
    lutra_ternary_probe(&t, LUTRA_TYPE_Q2_0, s.rows, 1, 512);
    CHECK(t.ternary && t.per_row && t.equal);
    lutra_ternary_probe(&t, LUTRA_TYPE_Q2_0, s.rows + s.row_bytes, 3, 512);
    CHECK(t.ternary && t.per_row && !t.equal);
    lutra_ternary_probe(&t, LUTRA_TYPE_Q4_0, s.rows, 1, 32);
    CHECK(!t.ternary);
    close_setup(&s);
}

/* ---- bench ---- */

static struct {
    struct lutra_ops ops;
    struct setup s;
    struct case_act a;
    int n;
    float *y;
} bench;

static void bench_lookup(void *arg)
{
    (void)arg;
    for (int v = 0; v < bench.n; v++)
        bench.ops.quint_lookup(bench.y, &bench.s.m, &bench.a.a, v, 0, lutra_mat_tiles(&bench.s.m));
}

static void bench_panel(void *arg)
{
    (void)arg;
    bench.ops.quint_panel(bench.y, (size_t)bench.s.m.n_rows, &bench.s.m, &bench.a.a, 0, bench.n, 0,
                          lutra_mat_tiles(&bench.s.m));
}

static void bench_tables(void *arg)
{
    (void)arg;
    bench.ops.quint_tables(bench.a.a.quints, bench.a.a.codes, 2560);
}

static void bench_level(const struct lutra_ops *ops)
{
    static const int n[] = {1, 2, 4, 6, 8, 12, 16, 64};
    bench.ops = *ops;
    for (int i = 1; i < TYPES; i++) {
        for (int rows = 0; rows < 2; rows++) {
            open_setup(&bench.s, types[i], rows ? LUTRA_PACK_QUINT_ROWS : LUTRA_PACK_QUINT, 512,
                       2560, RANDOM);
            printf("quint %-7s %-6s %s, w/ns from L2, lookup/panel:", ops->name,
                   lutra_type_info((uint32_t)types[i])->name, rows ? "row  " : "group");
            for (int j = 0; j < 8; j++) {
                bench.n = n[j];
                open_act(&bench.a, ops, bench.n, 2560, CHECK_FILL_RANDOM, LUTRA_CODE_MAX);
                bench.y = malloc((size_t)(512 * bench.n) * sizeof(float));
                double w = 512e-9 * 2560.0 * bench.n;
                printf("  %d: %.0f/%.0f", n[j], w / check_time(bench_lookup, NULL, 0.05),
                       w / check_time(bench_panel, NULL, 0.05));
                if (i == 1 && rows == 0 && j == 0)
                    printf(" (tables %.2f us)", 1e6 * check_time(bench_tables, NULL, 0.05));
                free(bench.y);
                case_act_close(&bench.a);
            }
            printf("\n");
            close_setup(&bench.s);
        }
    }
}

int main(int argc, char **argv)
{
    struct lutra_ops scalar, ops;
    check_init(argc, argv, "check_quint");
    lutra_ops_init(&scalar, 0);
    CHECK_CASE("read back")
    {
        for (int i = 0; i < TYPES; i++) {
            read_back(types[i], LUTRA_PACK_QUINT);
            read_back(types[i], LUTRA_PACK_QUINT_ROWS);
        }
        read_back(LUTRA_TYPE_TQ1_0, LUTRA_PACK_TERN_ROWS);
        read_back(LUTRA_TYPE_TQ2_0, LUTRA_PACK_TERN_ROWS);
        read_back(LUTRA_TYPE_TQ1_0, LUTRA_PACK_TRIO_ROWS);
        read_back(LUTRA_TYPE_TQ2_0, LUTRA_PACK_TRIO_ROWS);
    }
    CHECK_CASE("bits per weight") bits_per_weight();
    CHECK_CASE("probes") probes();
    for (struct case_levels l = {0}; case_level(&l, &ops);) {
        char name[64];
        snprintf(name, sizeof name, "%s base 3 by rows", ops.name);
        CHECK_CASE(name) tern_rows(&ops);
        for (int i = 0; i < TYPES; i++) {
            snprintf(name, sizeof name, "%s quint %s", ops.name,
                     lutra_type_info((uint32_t)types[i])->name);
            CHECK_CASE(name)
            {
                all_cases(&ops, &scalar, types[i], false);
                all_cases(&ops, &scalar, types[i], true);
            }
        }
        if (check_bench()) bench_level(&ops);
    }
    return check_done();
}
