/* SPDX-License-Identifier: MIT */
/* BITS in plain C: the specification of bits_lookup. */
#include "kernels/bits_unit.h"
#include "kernels/lut_init.h"
#include "kernels/ops.h"

static inline int quad_entry(const uint8_t *tab, int quad, int index)
{
    const int8_t *t = (const int8_t *)tab + 32 * quad;
    return t[index] + 256 * t[16 + index];
}

/* S of `row` over the n columns of a unit: a plane is 4 columns at a time, planes weigh 1, 2, 4 ...
 */
static int32_t unit_sum(const uint8_t *codes, int bits, int n, int row, const uint8_t *tab)
{
    int32_t sum = 0;
    for (int oct = 0; oct < n / 8; oct++) {
        for (int p = 0; p < bits; p++) {
            uint8_t byte = codes[lutra_bits_at(bits, n, p, oct, row)];
            sum += (quad_entry(tab, 2 * oct, byte & 15) + quad_entry(tab, 2 * oct + 1, byte >> 4)) *
                   (1 << p);
        }
    }
    return sum;
}

static int32_t code_sum(const int32_t *sums, int n)
{
    int32_t x = 0;
    for (int i = 0; i < n / LUTRA_STEP_K; i++) x += sums[i];
    return x;
}

static float row_sum(const struct lutra_mat *m, const uint8_t *tile, int row, const uint8_t *tab,
                     const int32_t *sums)
{
    const uint8_t *unit = lutra_bits_units(m, tile);
    const int run = m->scale_bytes ? m->unit_k : LUTRA_BITS_RUN;
    float acc = 0.0f;
    int32_t s = 0;
    for (int k = 0, cols; k < m->n_cols; k += cols) {
        cols = lutra_bits_unit(m, k);
        const uint8_t *codes = unit + m->scale_bytes;
        s += m->mul * unit_sum(codes, m->bits, cols, row, tab + 8 * k) -
             m->offset * code_sum(sums + k / LUTRA_STEP_K, cols);
        if ((k + cols) % run == 0 || k + cols >= m->n_cols) {
            acc = acc + lutra_bits_d(m, tile, unit, row) * (float)s;
            s = 0;
        }
        unit = codes + (size_t)(cols * m->bits) * LUTRA_BIT_ROWS / 8;
    }
    return acc;
}

void lutra_bits_lookup_scalar(float *y, const struct lutra_mat *m, const struct lutra_act *a, int v,
                              int tile0, int tile1)
{
    const uint8_t *tab = a->quads + (size_t)v * a->quad_bytes;
    const int32_t *sums = a->sums + (size_t)v * (size_t)(a->k_pad / 16);
    for (int r = tile0 * m->tile_rows; r < tile1 * m->tile_rows && r < m->n_rows; r++)
        y[r] = row_sum(m, lutra_mat_tile(m, r / m->tile_rows), r % m->tile_rows, tab, sums) *
               a->scale[v];
}
