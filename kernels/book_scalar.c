/* SPDX-License-Identifier: MIT */
/* BOOK matrices in plain C: the specification of book_mul, and book_exact of every level. */
#include "kernels/book.h"
#include "kernels/lut_unit.h"
#include "kernels/ops.h"

enum { ROWS = LUTRA_TILE_ROWS, BLOCK = 32, MOST_GROUP = 32 };

static int min_int(int a, int b)
{
    return a < b ? a : b;
}

/* The values of n columns of a tile, columns one after the other. */
static void unpack(const struct lutra_mat *m, const uint8_t *codes, int n, int8_t q[][ROWS])
{
    for (int k = 0; k < n; k++)
        for (int r = 0; r < ROWS; r++)
            q[k][r] = m->book[lutra_book_code(codes + k / 8 * 64, r, k % 8)];
}

static void group_d(const struct lutra_mat *m, const uint8_t *unit, int g, float d[ROWS])
{
    for (int r = 0; r < ROWS; r++) d[r] = lutra_unit_d(m, unit, g, r);
}

/* acc[b][row] += what n vectors from v0 on and one group give, whose codes begin at column k. */
typedef void group_fn(float acc[][ROWS], const int8_t q[][ROWS], const float d[ROWS],
                      const struct lutra_mat *m, const struct lutra_act *a, int v0, int n, int k);

/* += D * S, S in integers. */
static void add_group(float acc[][ROWS], const int8_t q[][ROWS], const float d[ROWS],
                      const struct lutra_mat *m, const struct lutra_act *a, int v0, int n, int k)
{
    for (int b = 0; b < n; b++) {
        const int16_t *c = a->codes + (size_t)(v0 + b) * (size_t)a->k_pad + k;
        int32_t s[ROWS] = {0};
        for (int i = 0; i < m->group; i++)
            for (int r = 0; r < ROWS; r++) s[r] += q[i][r] * c[i];
        for (int r = 0; r < ROWS; r++) acc[b][r] = acc[b][r] + d[r] * (float)s[r];
    }
}

/* Float activations times decoded weights, column after column. */
static void exact_group(float acc[][ROWS], const int8_t q[][ROWS], const float d[ROWS],
                        const struct lutra_mat *m, const struct lutra_act *a, int v0, int n, int k)
{
    float w[MOST_GROUP][ROWS];
    for (int i = 0; i < m->group; i++)
        for (int r = 0; r < ROWS; r++) w[i][r] = m->scale * (d[r] * (float)q[i][r]);
    for (int b = 0; b < n; b++) {
        const float *x = a->x + (size_t)(v0 + b) * a->x_stride + k;
        for (int i = 0; i < m->group; i++)
            for (int r = 0; r < ROWS; r++) acc[b][r] = acc[b][r] + w[i][r] * x[i];
    }
}

static void walk_tile(float acc[][ROWS], group_fn *add, const struct lutra_mat *m,
                      const uint8_t *unit, const struct lutra_act *a, int v0, int n)
{
    int8_t q[MOST_GROUP][ROWS];
    float d[ROWS];
    for (int k = 0; k < m->n_cols; k += m->unit_k, unit += m->unit_bytes)
        for (int g = 0; g < m->unit_k / m->group; g++) {
            unpack(m, unit + m->scale_bytes + g * m->group * 8, m->group, q);
            group_d(m, unit, g, d);
            add(acc, q, d, m, a, v0, n, k + g * m->group);
        }
}

/* Every tile, blocks of vectors; at the end times the scales of vectors, if there are any. */
static void walk(float *y, size_t y_stride, group_fn *add, const float *scale,
                 const struct lutra_mat *m, const struct lutra_act *a, int v0, int v1, int tile0,
                 int tile1)
{
    for (int t = tile0; t < tile1; t++) {
        int rows = min_int(ROWS, m->n_rows - t * ROWS);
        for (int v = v0; v < v1; v += BLOCK) {
            int n = min_int(BLOCK, v1 - v);
            float acc[BLOCK][ROWS] = {{0}};
            walk_tile(acc, add, m, lutra_mat_tile(m, t), a, v, n);
            for (int b = 0; b < n; b++)
                for (int r = 0; r < rows; r++)
                    y[(size_t)(v + b) * y_stride + (size_t)(t * ROWS + r)] =
                        scale ? acc[b][r] * (scale[v + b] * m->scale) : acc[b][r];
        }
    }
}

static void book_mul(float *y, size_t y_stride, const struct lutra_mat *m,
                     const struct lutra_act *a, int v0, int v1, int tile0, int tile1)
{
    walk(y, y_stride, add_group, a->scale, m, a, v0, v1, tile0, tile1);
}

static void book_exact(float *y, size_t y_stride, const struct lutra_mat *m,
                       const struct lutra_act *a, int v0, int v1, int tile0, int tile1)
{
    walk(y, y_stride, exact_group, NULL, m, a, v0, v1, tile0, tile1);
}

void lutra_book_init_scalar(struct lutra_ops *ops)
{
    ops->book_mul = book_mul;
    ops->book_exact = book_exact;
}
