/* SPDX-License-Identifier: MIT */
/* QUINT in plain C: the specification of its lookups and products. */
#include "kernels/lut_init.h"
#include "kernels/ops.h"
#include "kernels/quint_unit.h"

/* Quint table of this level: per byte of a row 27 sums of three columns, then 9 of two, int16. */
enum { ENTRIES = 27 + 9, BYTE_TABLE = 2 * ENTRIES, UNIT_TABLE = 52 * BYTE_TABLE, BLOCK = 64 };

static void byte_table(uint8_t *tab, const int16_t c[5])
{
    int16_t e[ENTRIES];
    for (int i = 0; i < 27; i++)
        e[i] = (int16_t)((i / 9 - 1) * c[0] + (i / 3 % 3 - 1) * c[1] + (i % 3 - 1) * c[2]);
    for (int i = 0; i < 9; i++) e[27 + i] = (int16_t)((i / 3 - 1) * c[3] + (i % 3 - 1) * c[4]);
    memcpy(tab, e, sizeof e);
}

static void quint_tables(uint8_t *tab, const int16_t *codes, int n)
{
    for (int k = 0; k < n; k += 64, codes += 64) {
        uint8_t *to = tab + (size_t)(k / LUTRA_QUINT_K) * UNIT_TABLE +
                      (size_t)(k % LUTRA_QUINT_K / 64) * LUTRA_QUINT_BYTES * BYTE_TABLE;
        for (int i = 0; i < LUTRA_QUINT_BYTES; i++, to += BYTE_TABLE) {
            int16_t c[5] = {0};
            for (int j = 0; j < 5 && 5 * i + j < 64; j++) c[j] = codes[5 * i + j];
            byte_table(to, c);
        }
    }
}

static int32_t byte_sum(const uint8_t *tab, uint8_t byte)
{
    int8_t d[5];
    int16_t e[ENTRIES];
    memcpy(e, tab, sizeof e);
    lutra_quint_digits(byte, d);
    return e[9 * d[0] + 3 * d[1] + d[2] + 13] + e[27 + 3 * d[3] + d[4] + 4];
}

static float row_sum(const struct lutra_mat *m, const uint8_t *tile, int row, const uint8_t *tab)
{
    const uint8_t *unit = lutra_quint_units(m, tile);
    float acc = 0.0f;
    int32_t s = 0;
    for (int k = 0, subs; k < m->n_cols; k += 64 * subs, tab += UNIT_TABLE) {
        subs = lutra_quint_subs(m->n_cols, k);
        const uint8_t *codes = unit + lutra_quint_scales(m, subs);
        for (int i = 0; i < LUTRA_QUINT_BYTES * subs; i++) {
            s += byte_sum(tab + i * BYTE_TABLE, codes[lutra_quint_at(i, row)]);
            int end = k + 64 * (i / LUTRA_QUINT_BYTES + 1);
            if (i % LUTRA_QUINT_BYTES != LUTRA_QUINT_BYTES - 1 || end % m->group != 0) continue;
            acc = acc + lutra_quint_d(m, tile, unit, (end - 1 - k) / m->group, row) * (float)s;
            s = 0;
        }
        unit += lutra_quint_unit(m, subs);
    }
    return acc;
}

static void quint_lookup(float *y, const struct lutra_mat *m, const struct lutra_act *a, int v,
                         int tile0, int tile1)
{
    const uint8_t *tab = a->quints + (size_t)v * a->quint_bytes;
    for (int r = tile0 * m->tile_rows; r < tile1 * m->tile_rows && r < m->n_rows; r++)
        y[r] = row_sum(m, lutra_mat_tile(m, r / m->tile_rows), r % m->tile_rows, tab) *
               a->scale[v];
}

/* ---- without tables: D by group, weights by column, either times codes or times floats ---- */

/* acc[b] and s[b] of n vectors over columns [k, k + 64) of one row. */
static void run_codes(float *acc, int32_t *s, float d, bool flush, const int8_t *w,
                      const struct lutra_act *a, int v0, int n, int k)
{
    for (int b = 0; b < n; b++) {
        const int16_t *c = a->codes + (size_t)(v0 + b) * (size_t)a->k_pad + k;
        for (int i = 0; i < 64; i++) s[b] += w[i] * c[i];
        if (!flush) continue;
        acc[b] = acc[b] + d * (float)s[b];
        s[b] = 0;
    }
}

static void run_floats(float *acc, float d, const int8_t *w, const struct lutra_act *a, int v0,
                       int n, int k)
{
    for (int b = 0; b < n; b++) {
        const float *x = a->x + (size_t)(v0 + b) * a->x_stride + k;
        for (int i = 0; i < 64; i++) acc[b] = acc[b] + d * (float)w[i] * x[i];
    }
}

static void mul_row(float *acc, const struct lutra_mat *m, int r, const struct lutra_act *a, int v0,
                    int n, bool floats)
{
    const uint8_t *tile = lutra_mat_tile(m, r / m->tile_rows), *unit = lutra_quint_units(m, tile);
    int row = r % m->tile_rows;
    int32_t s[BLOCK] = {0};
    int8_t w[65];
    for (int k = 0, subs; k < m->n_cols; k += 64 * subs) {
        subs = lutra_quint_subs(m->n_cols, k);
        for (int i = 0; i < subs; i++) {
            float d = lutra_quint_d(m, tile, unit, 64 * i / m->group, row);
            int at = k + 64 * i;
            lutra_quint_run(unit + lutra_quint_scales(m, subs), i, row, w);
            if (floats)
                run_floats(acc, d, w, a, v0, n, at);
            else
                run_codes(acc, s, d, (at + 64) % m->group == 0, w, a, v0, n, at);
        }
        unit += lutra_quint_unit(m, subs);
    }
}

static void mul_rows(float *y, size_t y_stride, const struct lutra_mat *m,
                     const struct lutra_act *a, int v0, int v1, int tile0, int tile1, bool floats)
{
    for (int r = tile0 * m->tile_rows; r < tile1 * m->tile_rows && r < m->n_rows; r++) {
        for (int v = v0; v < v1; v += BLOCK) {
            int n = v1 - v < BLOCK ? v1 - v : BLOCK;
            float acc[BLOCK] = {0};
            mul_row(acc, m, r, a, v, n, floats);
            for (int b = 0; b < n; b++)
                y[(size_t)(v + b) * y_stride + (size_t)r] =
                    floats ? acc[b] : acc[b] * a->scale[v + b];
        }
    }
}

static void quint_panel(float *y, size_t y_stride, const struct lutra_mat *m,
                        const struct lutra_act *a, int v0, int v1, int tile0, int tile1)
{
    mul_rows(y, y_stride, m, a, v0, v1, tile0, tile1, false);
}

static void quint_exact(float *y, size_t y_stride, const struct lutra_mat *m,
                        const struct lutra_act *a, int v0, int v1, int tile0, int tile1)
{
    mul_rows(y, y_stride, m, a, v0, v1, tile0, tile1, true);
}

void lutra_quint_init_scalar(struct lutra_ops *ops)
{
    ops->quint_tables = quint_tables;
    ops->quint_bytes = UNIT_TABLE;
    ops->quint_lookup = quint_lookup;
    ops->quint_panel = quint_panel;
    ops->quint_exact = quint_exact;
    ops->packs_quint = false;
}
