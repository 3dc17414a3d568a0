/* SPDX-License-Identifier: MIT */
/* Vector tables: every CPU level against the naive reference, bit for bit; odd rows and vectors, the
 * largest sums, ranges of tiles and of vectors.
 *   --bench: multiply-adds per ns beside the panel's. */
#include <stdio.h>

#include "tests/lut_cases.h"

static const float canary = -12345.5f;

/* Vectors and tiles in two calls each; what lies outside y stays untouched. */
static void compare(const struct lutra_ops *ops, const struct case_mat *c, const struct case_act *a)
{
    const int n = a->a.n, n_rows = c->m.n_rows, tiles = lutra_mat_tiles(&c->m), tcut = tiles / 2, vcut = n / 3;
    size_t stride = (size_t)n_rows + 3, floats = (size_t)(n - 1) * stride + (size_t)n_rows;
    float *y = check_guard(floats * sizeof *y, sizeof *y), *want = malloc(floats * sizeof *want);
    void *scratch = ops->vector_scratch ? check_guard(ops->vector_scratch, LUTRA_ALIGN) : NULL;
    for (size_t i = 0; i < floats; i++) y[i] = want[i] = canary;
    ops->vector_lookup(y, stride, &c->m, &a->a, 0, vcut, 0, tiles, scratch);
    ops->vector_lookup(y, stride, &c->m, &a->a, vcut, n, tcut, tiles, scratch);
    ops->vector_lookup(y, stride, &c->m, &a->a, vcut, n, 0, tcut, scratch);
    for (int v = 0; v < n; v++)
        for (int r = 0; r < n_rows; r++)
            want[(size_t)v * stride + (size_t)r] =
                case_ref(c, r, a->a.codes + (size_t)v * (size_t)a->a.k_pad, a->a.scale[v]);
    CHECK_MEM(y, want, floats * sizeof *y, 'f');
    if (scratch) check_guard_free(scratch);
    check_guard_free(y);
    free(want);
}

static void vlut_case(const struct lutra_ops *ops, const struct case_type *ct, int n, int n_rows,
                      int n_cols, enum check_fill fill, enum case_weights weights, int code_max)
{
    struct case_mat c;
    struct case_act a;
    case_mat_open_as(&c, ct, n_rows, n_cols, weights);
    case_act_open(&a, ops, n, n_cols, false);
    case_act_fill(&a, fill, code_max);
    compare(ops, &c, &a);
    case_act_close(&a);
    case_mat_close(&c);
}

/* One vector alone has codes so large that int16 sums do not hold them: the first and the last of 32 side by side. */
static void vlut_lanes(const struct lutra_ops *ops, const struct case_type *ct, int code_max)
{
    enum { N = 48, FIRST = N / 3, COLS = 768 };
    for (int v = FIRST; v < N; v += N - FIRST - 1) {
        struct case_mat c;
        struct case_act a;
        case_mat_open_as(&c, ct, 5, COLS, CASE_ZEROS);
        case_act_open(&a, ops, N, COLS, false);
        case_act_fill(&a, CHECK_FILL_RANDOM, 1);
        for (int k = 0; k < COLS; k++) a.a.codes[v * a.a.k_pad + k] = (int16_t)code_max;
        for (int g = 0; g < COLS / 16; g++) a.a.sums[v * a.a.k_pad / 16 + g] = 16 * code_max;
        compare(ops, &c, &a);
        case_act_close(&a);
        case_mat_close(&c);
    }
}

static void vlut_type(const struct lutra_ops *ops, const struct case_type *ct)
{
    static const int rows[] = {1, 32, 33, 70, 5, 31, 64}, counts[] = {1, 7, 33, 65, 100, 16, 31};
    for (int i = 0, n = 0; case_cols(ct, i); i++)
        for (int fill = 0; fill < CHECK_N_FILLS; fill++, n++)
            vlut_case(ops, ct, counts[n % 7], rows[(i + 3 * fill) % 7], case_cols(ct, i),
                      (enum check_fill)fill, CASE_RANDOM, LUTRA_CODE_MAX_INT8);
    for (int fill = 0; fill < CHECK_N_FILLS; fill++) { /* the largest sums */
        vlut_case(ops, ct, 5, 3, 2560, (enum check_fill)fill, CASE_TWOS, LUTRA_CODE_MAX_INT8);
        vlut_case(ops, ct, 2, 3, 2560, (enum check_fill)fill, CASE_ZEROS, LUTRA_CODE_MAX_INT8);
    }
    vlut_case(ops, ct, 13, 3100, 256, CHECK_FILL_RANDOM, CASE_RANDOM, LUTRA_CODE_MAX_INT8); /* AVX-512: a strip and a tile */
    vlut_lanes(ops, ct, LUTRA_CODE_MAX_INT8);
}

/* One bit, where a level has tables for it. Magnitudes of 128 codes of up to 255 add up to what int16 holds, of 256
 * to one more. */
static void vlut_bits(const struct lutra_ops *ops, const struct case_type *ct)
{
    static const int rows[] = {1, 32, 33, 70, 5, 31, 64}, counts[] = {1, 7, 33, 65, 25, 31, 73};
    static const int most[] = {LUTRA_CODE_MAX_INT8, 255, 256, LUTRA_CODE_MAX};
    for (int i = 0, n = 0; i < 4; i++)
        for (int fill = 0; fill < CHECK_N_FILLS; fill++, n++)
            vlut_case(ops, ct, counts[n % 7], rows[n % 7], 128 + 128 * (n % 3), (enum check_fill)fill,
                      n % 5 ? CASE_RANDOM : CASE_ZEROS, most[i]);
    vlut_case(ops, ct, 13, 3100, 256, CHECK_FILL_RANDOM, CASE_RANDOM, LUTRA_CODE_MAX);
    vlut_lanes(ops, ct, LUTRA_CODE_MAX);
}

/* Has the level tables for one bit? */
static bool has_bits(const struct lutra_ops *ops, const struct case_type *ct)
{
    struct lutra_mat m;
    lutra_status st = lutra_pack_plan(&m, ct->type, 32, 1024, false, NULL);
    return st == LUTRA_OK && m.bits == 1 && lutra_vector_from(ops, &m, LUTRA_MODE_LUT) > 0;
}

/* Base 3 is looked up at every level, in the layout it reads. */
static bool has_trits(const struct lutra_ops *ops, const struct case_type *ct)
{
    return ct->ternary && case_runs(ops, ct);
}

/* ---- bench ---- */

static struct {
    struct lutra_ops ops;
    struct case_mat c;
    struct case_act a;
    void *scratch;
    float *y;
    bool panel;
} bench;

static void bench_mul(void *arg)
{
    const struct lutra_mat *m = &bench.c.m;
    (void)arg;
    (bench.panel ? bench.ops.panel_mul : bench.ops.vector_lookup)(
        bench.y, (size_t)m->n_rows, m, &bench.a.a, 0, bench.a.a.n, 0, lutra_mat_tiles(m),
        bench.scratch);
}

static void bench_size(const struct lutra_ops *ops, const struct case_type *ct, int n, int n_rows, int n_cols,
                       int times)
{
    size_t scratch = ops->panel_scratch > ops->vector_scratch ? ops->panel_scratch
                                                              : ops->vector_scratch;
    double rate[2], work = (double)n_rows * times * n_cols * n;
    case_mat_open_tiled(&bench.c, ct, n_rows, n_cols, times, case_packing(ct));
    case_act_open(&bench.a, ops, n, n_cols, false);
    case_act_normal(&bench.a, ops, ct->ternary ? LUTRA_CODE_MAX_INT8 : LUTRA_CODE_MAX);
    bench.ops = *ops;
    bench.scratch = scratch ? check_guard(scratch, LUTRA_ALIGN) : NULL;
    bench.y = malloc((size_t)(n_rows * times) * (size_t)n * sizeof(float));
    for (int way = 0; way < 2; way++) {
        bench.panel = way == 1;
        rate[way] = work / (check_time(bench_mul, NULL, 0.2) * 1e9);
    }
    printf("vlut %-8s %-6s %5dx%d N=%-3d MAC/ns: vector tables %6.1f  panel %6.1f\n", ops->name, ct->name,
           n_rows * times, n_cols, n, rate[0], rate[1]);
    free(bench.y);
    if (bench.scratch) check_guard_free(bench.scratch);
    case_act_close(&bench.a);
    case_mat_close(&bench.c);
}

static void bench_type(const struct lutra_ops *ops, const struct case_type *ct)
{
    static const int counts[] = {8, 16, 24, 32, 64, 128, 512};
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++)
        bench_size(ops, ct, counts[i], 2560, 2560, 1);
    bench_size(ops, ct, 64, 640, 2560, 1);
    bench_size(ops, ct, 64, 2560, 6912, 1);
    bench_size(ops, ct, 64, 2560, 2560, 32); /* from memory */
}

int main(int argc, char **argv)
{
    struct lutra_ops ops;
    check_init(argc, argv, "check_vlut");
    for (struct case_levels l = {0}; case_level(&l, &ops);) {
        for (int i = 0; i < CASE_TYPES; i++) {
            char name[64];
            const bool bits = has_bits(&ops, &case_types[i]);
            if (!bits && !has_trits(&ops, &case_types[i])) continue;
            snprintf(name, sizeof name, "%s vector tables %s", ops.name, case_types[i].name);
            CHECK_CASE(name) {
                (bits ? vlut_bits : vlut_type)(&ops, &case_types[i]);
                if (check_bench() && case_types[i].type != LUTRA_TYPE_TQ1_0) bench_type(&ops, &case_types[i]);
            }
        }
    }
    return check_done();
}
