/* SPDX-License-Identifier: MIT */
/* DENSE matrices: products at every CPU level against the naive reference, rows back to floats, and
 * products with floats. Bit for bit. */
#include <stdio.h>

#include "tests/lut_cases.h"

static const float canary = -12345.5f;

typedef void mul_fn(float *, size_t, const struct lutra_mat *, const struct lutra_act *, int, int, int,
                    int, void *);

/* y[v * stride + row] in two calls for the vectors and two for the tiles; what lies between rows and
 * vectors stays as it was. */
static float *product(mul_fn *mul, const struct lutra_ops *ops, const struct lutra_mat *m,
                      const struct lutra_act *a, int cut)
{
    size_t stride = (size_t)m->n_rows + 3, n = (size_t)a->n * stride;
    size_t each = lutra_engine_scratch(ops);
    float *y = check_guard(n * sizeof *y, sizeof *y);
    void *scratch = each ? check_guard(each, LUTRA_ALIGN) : NULL;
    int tiles = lutra_mat_tiles(m);
    for (size_t i = 0; i < n; i++) y[i] = canary;
    mul(y, stride, m, a, 0, cut, 0, tiles, scratch);
    mul(y, stride, m, a, cut, a->n, tiles / 2, tiles, scratch);
    mul(y, stride, m, a, cut, a->n, 0, tiles / 2, scratch);
    if (scratch) check_guard_free(scratch);
    return y;
}

static void compare(float *y, const float *want, const struct lutra_mat *m, int n)
{
    size_t stride = (size_t)m->n_rows + 3;
    for (int v = 0; v < n; v++) {
        CHECK_MEM(y + (size_t)v * stride, want + (size_t)v * (size_t)m->n_rows,
                  (size_t)m->n_rows * sizeof *y, 'f');
        for (size_t i = (size_t)m->n_rows; i < stride; i++)
            CHECK(y[(size_t)v * stride + i] == canary);
    }
    check_guard_free(y);
}

static void dense_case(const struct lutra_ops *ops, const struct case_type *ct, int n, int n_rows,
                       int n_cols, enum check_fill fill, enum case_weights weights, int code_max)
{
    struct case_mat c;
    struct case_act a;
    float *want = malloc((size_t)n * (size_t)n_rows * sizeof *want);
    case_mat_open_how(&c, ct, n_rows, n_cols, weights, LUTRA_PACK_DENSE);
    CHECK_EQ(c.m.kind, LUTRA_MAT_DENSE);
    case_act_open(&a, ops, n, n_cols, false);
    case_act_fill(&a, fill, code_max);
    case_act_tables(&a, ops);
    for (int v = 0; v < n; v++)
        for (int r = 0; r < n_rows; r++)
            want[v * n_rows + r] =
                case_ref(&c, r, a.a.codes + (size_t)v * (size_t)a.a.k_pad, a.a.scale[v]);
    compare(product(ops->dense_mul, ops, &c.m, &a.a, n / 3), want, &c.m, n);
    a.a.bytes = NULL;
    compare(product(ops->dense_mul, ops, &c.m, &a.a, (n + 1) / 3), want, &c.m, n);
    free(want);
    case_act_close(&a);
    case_mat_close(&c);
}

/* Rows as the type decodes them, and products of those with floats. */
static void exact_case(const struct lutra_ops *ops, const struct case_type *ct, int n, int n_rows,
                       int n_cols)
{
    struct case_mat c;
    struct case_act a;
    float *w = check_guard((size_t)n_cols * sizeof *w, sizeof *w);
    float *row = check_guard((size_t)n_cols * sizeof *w, sizeof *w);
    float *want = malloc((size_t)n * (size_t)n_rows * sizeof *want);
    case_mat_open_how(&c, ct, n_rows, n_cols, CASE_RANDOM, LUTRA_PACK_DENSE);
    case_act_open(&a, ops, n, n_cols, false);
    for (int i = 0; i < n * n_cols; i++) a.x[i] = check_rand_float(-3.0f, 3.0f);
    for (int r = 0; r < n_rows; r++) {
        lutra_decode_row(ct->type, w, c.rows + (size_t)r * c.row_bytes, n_cols);
        lutra_mat_row(&c.m, r, row);
        CHECK_MEM(row, w, (size_t)n_cols * sizeof *w, 'f');
        for (int v = 0; v < n; v++) {
            float acc = 0.0f;
            for (int k = 0; k < n_cols; k++) acc = acc + w[k] * a.x[v * n_cols + k];
            want[v * n_rows + r] = acc;
        }
    }
    compare(product(ops->dense_exact, ops, &c.m, &a.a, n / 2), want, &c.m, n);
    free(want);
    check_guard_free(w);
    check_guard_free(row);
    case_act_close(&a);
    case_mat_close(&c);
}

static void dense_type(const struct lutra_ops *ops, const struct case_type *ct)
{
    static const int rows[] = {1, 16, 17, 33, 70, 5, 47};
    static const int max[] = {LUTRA_CODE_MAX, LUTRA_CODE_MAX_INT8, LUTRA_CODE_MAX_INT8 + 1};
    static const enum case_weights same[] = {CASE_ZEROS, CASE_TWOS, CASE_ONES};
    for (int i = 0; case_cols(ct, i); i++) {
        exact_case(ops, ct, 1 + 3 * i % 10, rows[i], case_cols(ct, i));
        for (int fill = 0; fill < CHECK_N_FILLS; fill++)
            dense_case(ops, ct, 1 + (fill + 2 * i) % 9, rows[(i + 3 * fill) % 7], case_cols(ct, i),
                       (enum check_fill)fill, CASE_RANDOM, max[(i + fill) % 3]);
    }
    for (int fill = 0; fill < CHECK_N_FILLS; fill++)
        for (int i = 0; i < 9; i++)
            dense_case(ops, ct, 1 + i % 3, 3, 2560, (enum check_fill)fill, same[i / 3], max[i % 3]);
    for (int fill = CHECK_FILL_MAX; fill <= CHECK_FILL_ALTERNATE; fill++)
        for (int i = 0; i < 2 * CASE_MOST; i++)
            dense_case(ops, ct, 1 + i / CASE_MOST * 5, 33, 2560, (enum check_fill)fill, CASE_EXTREMES,
                       case_most[i % CASE_MOST]);
    for (int n = 1; n <= ops->dense_most + 1; n++)
        dense_case(ops, ct, n, 33, 512, CHECK_FILL_RANDOM, CASE_RANDOM, LUTRA_CODE_MAX);
    for (int i = 0; i < 3; i++)
        dense_case(ops, ct, 70, 33, 512, CHECK_FILL_RANDOM, CASE_RANDOM, max[i]);
    /* more vectors, rows and columns than any level takes at once */
    dense_case(ops, ct, 269, 293, 768, CHECK_FILL_RANDOM, CASE_RANDOM, LUTRA_CODE_MAX);
}

int main(int argc, char **argv)
{
    struct lutra_ops ops;
    char name[64];
    check_init(argc, argv, "check_dense");
    for (struct case_levels l = {0}; case_level(&l, &ops);)
        for (int i = 0; i < CASE_TYPES; i++) {
            const struct case_type *ct = &case_types[i];
            int bits = lutra_code_info(ct->type)->bits;
            if (bits == 1 || bits == 8 || ct->ternary) continue;
            snprintf(name, sizeof name, "%s dense %s", ops.name, ct->name);
            CHECK_CASE(name) dense_type(&ops, ct);
        }
    return check_done();
}
