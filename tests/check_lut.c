/* SPDX-License-Identifier: MIT */
/* Tables and lookups: scalar against a naive reference, every CPU level against scalar, bit for
 * bit. */
#include <stdio.h>

#include "tests/lut_cases.h"

static const float canary = -12345.5f;

/* ---- tables ---- */

static void quad_definition(const struct lutra_ops *ops, const int16_t *codes, int n)
{
    uint8_t *tab = check_guard((size_t)n * 8, 32);
    ops->quad_tables(tab, codes, n);
    for (int k = 0; k < n; k += 4) {
        const int8_t *t = (const int8_t *)tab + 8 * k;
        for (int e = 0; e < 16; e++) {
            int sum = 0;
            for (int i = 0; i < 4; i++) sum += e >> i & 1 ? codes[k + i] : 0;
            CHECK_EQ(t[e] + 256 * t[16 + e], sum);
        }
    }
    check_guard_free(tab);
}

static void quad_case(const struct lutra_ops *ops, int n)
{
    int16_t *codes = check_guard((size_t)n * sizeof *codes, sizeof *codes);
    for (int fill = 0; fill < CHECK_N_FILLS; fill++) {
        for (int k = 0; k < n; k++)
            codes[k] = (int16_t)case_code((enum check_fill)fill, k, LUTRA_CODE_MAX);
        quad_definition(ops, codes, n);
    }
    check_guard_free(codes);
}

/* Bytes that give the codes back, their sums, and a mark where a high byte is not zero. */
static void split_definition(const struct lutra_act *a, int v)
{
    const int16_t *codes = a->codes + (size_t)v * (size_t)a->k_pad;
    const struct lutra_bytes b = lutra_bytes_of(a, v);
    int sum = 0, wide = 0;
    for (int k = 0; k < a->k_pad; k++) {
        if (k % 32 == 0) sum = 0;
        if (k % 8 == 0) wide = 0;
        CHECK_EQ(b.low[k] + 256 * b.high[k], codes[k]);
        sum += codes[k];
        wide |= b.high[k] != 0;
        if (k % 32 == 15) CHECK(b.x16[k / 16] == (float)sum);
        if (k % 32 == 31) CHECK(b.x16[k / 16] == (float)sum - b.x16[k / 16 - 1]);
        if (k % 32 == 31) CHECK(b.x32[k / 32] == (float)sum);
        if (k % 8 == 7) CHECK_EQ(b.wide[k / 8], wide);
    }
}

/* Vectors of all kinds of codes, split in two calls; the last one's bytes end where memory does. */
static void split_case(const struct lutra_ops *ops, int n)
{
    for (int fill = 0; fill < CHECK_N_FILLS; fill++) {
        struct case_act c;
        case_act_open(&c, ops, 5, n, false);
        case_act_fill(&c, (enum check_fill)fill, LUTRA_CODE_MAX - fill);
        for (int v = 0; v < c.a.n; v++) {
            int cut = c.a.k_pad / 64 * 32;
            ops->split_codes(&c.a, v, cut, c.a.k_pad);
            ops->split_codes(&c.a, v, 0, cut);
        }
        for (int v = 0; v < c.a.n; v++) split_definition(&c.a, v);
        case_act_close(&c);
    }
}

/* ---- lookups ---- */

/* Look up tiles in two calls, into y that ends at a guard page; rows in between calls stay
 * untouched. */
static void lookup(float *y, const struct lutra_ops *ops, const struct lutra_mat *m,
                   const struct lutra_act *a, int v)
{
    int tiles = lutra_mat_tiles(m), cut = tiles / 2;
    void (*fn)(float *, const struct lutra_mat *, const struct lutra_act *, int, int, int) =
        m->kind == LUTRA_MAT_TERN ? ops->tern_lookup : ops->planes_lookup;
    for (int r = 0; r < m->n_rows; r++) y[r] = canary;
    fn(y, m, a, v, 0, cut);
    for (int r = cut * m->tile_rows; r < m->n_rows; r++) CHECK(y[r] == canary);
    fn(y, m, a, v, cut, tiles);
}

static void lookup_case(const struct lutra_ops *ops, const struct lutra_ops *scalar,
                        const struct case_type *ct, int n_rows, int n_cols, enum check_fill fill,
                        enum case_weights weights, int max)
{
    struct case_mat c;
    struct case_act a, b;
    case_mat_open_as(&c, ct, n_rows, n_cols, weights);
    case_act_open(&a, scalar, 2, n_cols, ct->ternary);
    case_act_open(&b, ops, 2, n_cols, ct->ternary);
    case_act_fill(&a, fill, max);
    case_act_copy(&b, &a);
    case_act_tables(&a, scalar);
    case_act_tables(&b, ops);
    size_t bytes = (size_t)n_rows * sizeof(float);
    float *y = check_guard(bytes, sizeof(float)), *z = check_guard(bytes, sizeof(float));
    for (int v = 0; v < 2; v++) {
        lookup(y, scalar, &c.m, &a.a, v);
        for (int r = 0; r < n_rows; r++)
            z[r] = case_ref(&c, r, a.a.codes + (size_t)v * (size_t)a.a.k_pad, a.a.scale[v]);
        CHECK_MEM(y, z, bytes, 'f');
        lookup(z, ops, &c.m, &b.a, v);
        CHECK_MEM(z, y, bytes, 'f');
    }
    check_guard_free(y);
    check_guard_free(z);
    case_act_close(&a);
    case_act_close(&b);
    case_mat_close(&c);
}

static void lookup_type(const struct lutra_ops *ops, const struct lutra_ops *scalar,
                        const struct case_type *ct)
{
    static const int rows[] = {1, 16, 17, 33, 70, 5, 47};
    static const enum case_weights extremes[] = {CASE_ZEROS, CASE_TWOS, CASE_ONES};
    const int max = ct->ternary ? LUTRA_CODE_MAX_INT8 : LUTRA_CODE_MAX;
    for (int i = 0; case_cols(ct, i); i++)
        for (int fill = 0; fill < CHECK_N_FILLS; fill++)
            lookup_case(ops, scalar, ct, rows[(i + 3 * fill) % 7], case_cols(ct, i),
                        (enum check_fill)fill, CASE_RANDOM, max);
    /* the largest sums there are; 13312 columns: more than two flushes of 16-bit sums */
    for (int w = 0; w < 3; w++)
        for (int fill = 0; fill < CHECK_N_FILLS; fill++)
            lookup_case(ops, scalar, ct, 3, fill == CHECK_FILL_RANDOM ? 13312 : 512,
                        (enum check_fill)fill, extremes[w], max);
    if (ct->ternary)
        for (int fill = 0; fill < CHECK_N_FILLS; fill++)
            lookup_case(ops, scalar, ct, 33, 13312, (enum check_fill)fill, CASE_TWOS, max);
    for (int fill = CHECK_FILL_MAX; fill <= CHECK_FILL_ALTERNATE && !ct->ternary; fill++)
        for (int i = 0; i < CASE_MOST; i++)
            lookup_case(ops, scalar, ct, 33, 2560, (enum check_fill)fill, CASE_EXTREMES, case_most[i]);
}

/* ---- bench ---- */

static struct {
    struct lutra_ops ops;
    struct case_mat c;
    struct case_act a;
    float *y;
} bench;

static void bench_lookup(void *arg)
{
    (void)arg;
    lutra_mat_tiles(&bench.c.m);
    if (bench.c.m.kind == LUTRA_MAT_TERN)
        bench.ops.tern_lookup(bench.y, &bench.c.m, &bench.a.a, 0, 0, lutra_mat_tiles(&bench.c.m));
    else
        bench.ops.planes_lookup(bench.y, &bench.c.m, &bench.a.a, 0, 0, lutra_mat_tiles(&bench.c.m));
}

static void bench_tables(void *arg)
{
    (void)arg;
    case_act_tables(&bench.a, &bench.ops);
}

/* `times` copies of 512 x 2560: 1 stays in L2, many come from memory. */
static double bench_size(const struct case_type *ct, int times)
{
    case_mat_open_tiled(&bench.c, ct, 512, 2560, times, case_packing(ct));
    case_act_open(&bench.a, &bench.ops, 1, 2560, ct->ternary);
    case_act_fill(&bench.a, CHECK_FILL_RANDOM, LUTRA_CODE_MAX_INT8);
    case_act_tables(&bench.a, &bench.ops);
    bench.y = malloc((size_t)bench.c.m.n_rows * sizeof(float));
    double s = check_time(bench_lookup, NULL, 0.2);
    free(bench.y);
    case_act_close(&bench.a);
    case_mat_close(&bench.c);
    return 512.0 * 2560.0 * times / (s * 1e9);
}

static void bench_level(const struct lutra_ops *ops)
{
    bench.ops = *ops;
    for (int i = 0; i < CASE_TYPES; i++) {
        const struct case_type *ct = &case_types[i];
        if (ct->type == LUTRA_TYPE_Q8_0 || !case_runs(ops, ct)) continue;
        double l2 = bench_size(ct, 1), dram = bench_size(ct, 128);
        struct lutra_mat m = {0};
        lutra_pack_plan_as(&m, ct->type, 512, 2560, case_packing(ct), NULL);
        printf("lookup %-6s %-6s L2 %6.1f w/ns   memory %6.1f w/ns = %5.1f GB/s\n", ops->name,
               ct->name, l2, dram, dram * (double)m.bytes / (512.0 * 2560.0));
    }
    for (int tern = 0; tern < 2; tern++) {
        case_act_open(&bench.a, ops, 1, 2560, tern != 0);
        case_act_fill(&bench.a, CHECK_FILL_RANDOM, LUTRA_CODE_MAX_INT8);
        printf("tables %-6s quads%s, 2560 columns: %6.2f us\n", ops->name,
               tern ? " and triples" : "", check_time(bench_tables, NULL, 0.1) * 1e6);
        case_act_close(&bench.a);
    }
}

int main(int argc, char **argv)
{
    struct lutra_ops scalar, ops;
    check_init(argc, argv, "check_lut");
    lutra_ops_init(&scalar, 0);
    for (struct case_levels l = {0}; case_level(&l, &ops);) {
        char name[64];
        snprintf(name, sizeof name, "%s quad tables", ops.name);
        CHECK_CASE(name)
        {
            quad_case(&ops, 4);
            quad_case(&ops, 36);
            quad_case(&ops, 96);
            quad_case(&ops, 2592);
            split_case(&ops, 96);
            split_case(&ops, 2592);
        }
        for (int i = 0; i < CASE_TYPES; i++) {
            if (case_types[i].type == LUTRA_TYPE_Q8_0) continue; /* never looked up */
            if (!case_runs(&ops, &case_types[i])) continue;
            snprintf(name, sizeof name, "%s lookup %s", ops.name, case_types[i].name);
            CHECK_CASE(name) lookup_type(&ops, &scalar, &case_types[i]);
        }
        if (check_bench()) bench_level(&ops);
    }
    return check_done();
}
