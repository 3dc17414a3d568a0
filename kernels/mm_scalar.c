/* SPDX-License-Identifier: MIT */
/* Products without tables in plain C: integer dots over unpacked codes, and float dots over decoded
 * weights. */
#include "kernels/lut_init.h"
#include "kernels/lut_unit.h"
#include "kernels/ops.h"

/* Vectors that share one unpacking, which costs as much as ten of them. */
enum { BLOCK = 128, MAX_UNIT = 256 };

static int min_int(int a, int b)
{
    return a < b ? a : b;
}

/* Codes of one row of a unit as signed numbers: mul * q - offset. */
static void unpack_unit(const struct lutra_mat *m, const uint8_t *unit, int row, int8_t *q)
{
    const uint8_t *codes = unit + m->scale_bytes;
    if (m->kind == LUTRA_MAT_I8) {
        for (int k = 0; k < m->unit_k; k++) q[k] = (int8_t)codes[16 * (k & ~1) + 2 * row + (k & 1)];
        return;
    }
    for (int oct = 0; oct < m->unit_k / 8; oct++) {
        uint64_t eight = lutra_mat_octet(m, codes, row, oct);
        memcpy(q + 8 * oct, &eight, sizeof eight);
    }
    for (int k = 0; k < m->unit_k; k++) q[k] = (int8_t)(m->mul * q[k] - m->offset);
}

/* 24 columns of one row of a TERN tile from k on. */
static void unpack_tern(const struct lutra_mat *m, const uint8_t *tile, int row, int k, int8_t *q)
{
    for (int t = 0; t < LUTRA_TERN_K / 3; t++)
        lutra_tern_digits(lutra_tern_value(m, tile, row, k / 3 + t), q + 3 * t);
}

static int32_t int_dot(const int8_t *q, const int16_t *c, int n)
{
    int32_t sum = 0;
    for (int k = 0; k < n; k++) sum += q[k] * c[k];
    return sum;
}

static int32_t code_sum(const int16_t *c, int n)
{
    int32_t sum = 0;
    for (int k = 0; k < n; k++) sum += c[k];
    return sum;
}

/* acc[b] of one row: sum over runs of groups of D*S, then + M*X. */
static void panel_row(float *acc, const struct lutra_mat *m, const uint8_t *unit, int row,
                      const struct lutra_act *a, int v0, int n)
{
    bool has_min = lutra_mat_has_min(m);
    int8_t q[MAX_UNIT];
    for (int k = 0; k < m->n_cols; k += m->unit_k, unit += m->unit_bytes) {
        int32_t total[BLOCK] = {0}, minima[BLOCK] = {0};
        unpack_unit(m, unit, row, q);
        for (int g = 0; g < m->unit_k / m->group; g++) {
            int weight = lutra_unit_weight(m, unit, g, row);
            int min_weight = has_min ? lutra_unit_min_weight(m, unit, g, row) : 0;
            float d = lutra_unit_run_d(m, unit, g, row);
            float min = has_min ? lutra_unit_run_m(m, unit, g, row) : 0.0f;
            for (int b = 0; b < n; b++) {
                const int16_t *c =
                    a->codes + (size_t)(v0 + b) * (size_t)a->k_pad + k + g * m->group;
                total[b] += weight * int_dot(q + g * m->group, c, m->group);
                if (has_min) minima[b] += min_weight * code_sum(c, m->group);
                if ((g + 1) * m->group % m->run != 0) continue;
                acc[b] = acc[b] + d * (float)total[b];
                if (has_min) acc[b] = acc[b] + min * (float)minima[b];
                total[b] = minima[b] = 0;
            }
        }
    }
}

static void tern_panel_row(float *acc, const struct lutra_mat *m, const uint8_t *tile, int row,
                           const struct lutra_act *a, int v0, int n)
{
    int32_t s[BLOCK] = {0};
    int8_t q[LUTRA_TERN_K];
    for (int k = 0; k < m->n_cols; k += LUTRA_TERN_K) {
        unpack_tern(m, tile, row, k, q);
        for (int b = 0; b < n; b++)
            s[b] += int_dot(q, a->codes + (size_t)(v0 + b) * (size_t)a->k_pad + k, LUTRA_TERN_K);
    }
    for (int b = 0; b < n; b++) acc[b] = acc[b] + m->scale * (float)s[b];
}

static void panel_mul(float *y, size_t y_stride, const struct lutra_mat *m,
                      const struct lutra_act *a, int v0, int v1, int tile0, int tile1,
                      void *scratch)
{
    (void)scratch;
    int row1 = min_int(tile1 * m->tile_rows, m->n_rows);
    for (int r = tile0 * m->tile_rows; r < row1; r++) {
        const uint8_t *tile = lutra_mat_tile(m, r / m->tile_rows);
        for (int v = v0; v < v1; v += BLOCK) {
            int n = min_int(BLOCK, v1 - v);
            float acc[BLOCK] = {0};
            if (m->kind == LUTRA_MAT_TERN)
                tern_panel_row(acc, m, tile, r % m->tile_rows, a, v, n);
            else
                panel_row(acc, m, tile, r % m->tile_rows, a, v, n);
            for (int b = 0; b < n; b++)
                y[(size_t)(v + b) * y_stride + (size_t)r] = acc[b] * a->scale[v + b];
        }
    }
}

/* One row of weights decoded piece by piece, as lutra_mat_row does: w = D * code, then
 * + M. */
static int decode_piece(float *w, const struct lutra_mat *m, const uint8_t *tile, int row, int k)
{
    bool has_min = lutra_mat_has_min(m);
    int8_t q[MAX_UNIT];
    if (m->kind == LUTRA_MAT_TERN) {
        unpack_tern(m, tile, row, k, q);
        for (int i = 0; i < LUTRA_TERN_K; i++) w[i] = m->scale * (float)q[i];
        return min_int(LUTRA_TERN_K, m->n_cols - k);
    }
    const uint8_t *unit = tile + (size_t)(k / m->unit_k) * m->unit_bytes;
    unpack_unit(m, unit, row, q);
    for (int g = 0; g < m->unit_k / m->group; g++) {
        float d = lutra_unit_d(m, unit, g, row);
        float min = has_min ? lutra_unit_m(m, unit, g, row) : 0.0f;
        for (int i = g * m->group; i < (g + 1) * m->group; i++) {
            w[i] = d * (float)q[i];
            if (has_min) w[i] = w[i] + min;
        }
    }
    return m->unit_k;
}

static void exact_mul(float *y, size_t y_stride, const struct lutra_mat *m,
                      const struct lutra_act *a, int v0, int v1, int tile0, int tile1,
                      void *scratch)
{
    (void)scratch;
    int row1 = min_int(tile1 * m->tile_rows, m->n_rows);
    for (int r = tile0 * m->tile_rows; r < row1; r++) {
        const uint8_t *tile = lutra_mat_tile(m, r / m->tile_rows);
        for (int v = v0; v < v1; v += BLOCK) {
            int n = min_int(BLOCK, v1 - v), piece;
            float acc[BLOCK] = {0}, w[MAX_UNIT];
            for (int k = 0; k < m->n_cols; k += piece) {
                piece = decode_piece(w, m, tile, r % m->tile_rows, k);
                for (int b = 0; b < n; b++) {
                    const float *x = a->x + (size_t)(v + b) * a->x_stride + k;
                    for (int i = 0; i < piece; i++) acc[b] = acc[b] + w[i] * x[i];
                }
            }
            for (int b = 0; b < n; b++) y[(size_t)(v + b) * y_stride + (size_t)r] = acc[b];
        }
    }
}

void lutra_mm_init_scalar(struct lutra_ops *ops)
{
    ops->panel_mul = panel_mul;
    ops->exact_mul = exact_mul;
    ops->dense_mul = panel_mul;
    ops->dense_exact = exact_mul;
    ops->panel_scratch = 0;
    lutra_vlut_init_scalar(ops);
}
