/* SPDX-License-Identifier: MIT */
/* Base-3 weights by vector tables in plain C: what vector versions must equal, bit for bit. */
#include <string.h>

#include "kernels/lut_init.h"
#include "kernels/lut_unit.h"
#include "kernels/ops.h"

enum { WIDTH = 16, VALUES = 27 };

/* The sums of a triple of codes of several vectors, for every value 9a+3b+c + 13 of its weights. */
struct table {
    int16_t row[VALUES][WIDTH];
};

static int min_int(int a, int b)
{
    return a < b ? a : b;
}

/* Columns k, k+1, k+2 of vectors [v0, v0 + n). */
static void build_table(struct table *t, const struct lutra_act *a, int v0, int n, int k)
{
    for (int value = 0; value < VALUES; value++) {
        int w[3] = {value / 9 - 1, value / 3 % 3 - 1, value % 3 - 1};
        for (int v = 0; v < n; v++) {
            const int16_t *c = a->codes + (size_t)(v0 + v) * (size_t)a->k_pad + k;
            t->row[value][v] = (int16_t)(w[0] * c[0] + w[1] * c[1] + w[2] * c[2]);
        }
    }
}

/* sum[row][v] over all columns of a tile. */
static void tile_sums(int32_t sum[LUTRA_TRIO_ROWS][WIDTH], const struct lutra_mat *m,
                      const uint8_t *tile, const struct lutra_act *a, int v0, int n)
{
    for (int k = 0; k < m->n_cols; k += 3) {
        struct table t;
        build_table(&t, a, v0, n, k);
        for (int row = 0; row < m->tile_rows; row++) {
            const int16_t *entry = t.row[13 + lutra_tern_value(m, tile, row, k / 3)];
            for (int v = 0; v < n; v++) sum[row][v] += entry[v];
        }
    }
}

static void vector_lookup(float *y, size_t y_stride, const struct lutra_mat *m,
                          const struct lutra_act *a, int v0, int v1, int tile0, int tile1,
                          void *scratch)
{
    (void)scratch;
    for (int t = tile0; t < tile1; t++) {
        int left = min_int(m->tile_rows, m->n_rows - t * m->tile_rows);
        for (int v = v0; v < v1; v += WIDTH) {
            int32_t sum[LUTRA_TRIO_ROWS][WIDTH] = {{0}};
            int n = min_int(WIDTH, v1 - v);
            tile_sums(sum, m, lutra_mat_tile(m, t), a, v, n);
            for (int i = 0; i < n; i++)
                for (int row = 0; row < left; row++) {
                    float acc = 0.0f + m->scale * (float)sum[row][i];
                    y[(size_t)(v + i) * y_stride + (size_t)(t * m->tile_rows + row)] =
                        acc * a->scale[v + i];
                }
        }
    }
}

void lutra_vlut_init_scalar(struct lutra_ops *ops)
{
    ops->vector_lookup = vector_lookup;
    ops->vector_scratch = 0;
}
