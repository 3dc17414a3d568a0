/* SPDX-License-Identifier: MIT */
/* Packing of BITS matrices: planes of codes that come from no file. */
#include <limits.h>
#include <string.h>

#include "kernels/bits_unit.h"

lutra_status lutra_pack_plan_bits(struct lutra_mat *m, int bits, int group, int n_rows, int n_cols,
                                  lutra_error *err)
{
    uint8_t *data = m->data;
    bool known = group == 0 || group == 32 || group == 128 || group == 256;
    if (bits < 1 || bits > 8 || !known || n_rows < 1 || n_cols < 1 ||
        (group > 0 && n_cols % group != 0))
        return lutra_fail(err, LUTRA_EINVAL, "%d bits in groups of %d: no such matrix [%d, %d]",
                          bits, group, n_cols, n_rows);
    *m = (struct lutra_mat){.kind = LUTRA_MAT_BITS,
                            .scales = group ? LUTRA_SCALE_F16 : LUTRA_SCALE_ROW,
                            .type = -1,
                            .n_rows = n_rows,
                            .n_cols = n_cols,
                            .bits = bits,
                            .group = group ? group : n_cols,
                            .mul = bits == 1 ? 2 : 1,
                            .offset = bits == 1 ? 1 : 1 << (bits - 1),
                            .unit_k = group ? group : LUTRA_BITS_UNIT,
                            .tile_rows = LUTRA_BIT_ROWS,
                            .scale_bytes = group ? 2 * LUTRA_BIT_ROWS : 0,
                            .data = data};
    m->unit_bytes = m->scale_bytes + (size_t)(m->unit_k * bits) * LUTRA_BIT_ROWS / 8;
    uint64_t units = group ? (uint64_t)(n_cols / group) : 0, tile, all, planes;
    uint64_t columns = ((uint64_t)n_cols + LUTRA_STEP_K - 1) / LUTRA_STEP_K * LUTRA_STEP_K;
    bool ok = n_cols <= INT_MAX - LUTRA_STEP_K && n_rows <= INT_MAX - LUTRA_BIT_ROWS &&
              lutra_mul_ok(&planes, columns, 4 * (uint64_t)bits) &&
              lutra_mul_ok(&tile, units, m->scale_bytes) &&
              lutra_add_ok(&tile, tile, group ? 0 : 4 * LUTRA_BIT_ROWS) &&
              lutra_add_ok(&tile, tile, planes) &&
              lutra_mul_ok(&all, tile, (uint64_t)lutra_mat_tiles(m)) && all <= SIZE_MAX / 2;
    if (!ok)
        return lutra_fail(err, LUTRA_EINVAL, "matrix [%d, %d] is too large", n_cols, n_rows);
    m->tile_bytes = (size_t)tile;
    m->bytes = (size_t)all;
    return LUTRA_OK;
}

/* One row's n columns of a unit, of which the last may be padding. */
static void pack_row(const struct lutra_mat *m, uint8_t *codes, int row, const uint8_t *q, int n,
                     int have)
{
    for (int oct = 0; oct < n / 8; oct++) {
        for (int p = 0; p < m->bits; p++) {
            unsigned byte = 0;
            for (int i = 0; i < 8 && 8 * oct + i < have; i++)
                byte |= (unsigned)(q[8 * oct + i] >> p & 1) << i;
            codes[lutra_bits_at(m->bits, n, p, oct, row)] = (uint8_t)byte;
        }
    }
}

void lutra_pack_bits(const struct lutra_mat *m, int tile, const uint8_t *q, const float *scales,
                     int n)
{
    uint8_t *to = m->data + (size_t)tile * m->tile_bytes;
    uint8_t *unit = (uint8_t *)lutra_bits_units(m, to);
    size_t groups = (size_t)(m->n_cols / m->group);
    memset(to, 0, m->tile_bytes);
    if (unit > to) memcpy(to, scales, (size_t)n * sizeof *scales);
    for (int k = 0, cols; k < m->n_cols; k += cols) {
        cols = lutra_bits_unit(m, k);
        int have = m->n_cols - k < cols ? m->n_cols - k : cols;
        for (int r = 0; r < n; r++) {
            if (m->scale_bytes) {
                uint16_t h = lutra_f32_to_f16(scales[(size_t)r * groups + (size_t)(k / m->group)]);
                memcpy(unit + 2 * r, &h, sizeof h);
            }
            pack_row(m, unit + m->scale_bytes, r, q + (size_t)r * (size_t)m->n_cols + k, cols,
                     have);
        }
        unit += m->scale_bytes + (size_t)(cols * m->bits) * LUTRA_BIT_ROWS / 8;
    }
}

void lutra_bits_row(const struct lutra_mat *m, const uint8_t *tile, int row, float *dst)
{
    const uint8_t *unit = lutra_bits_units(m, tile);
    for (int k = 0, cols; k < m->n_cols; k += cols) {
        cols = lutra_bits_unit(m, k);
        float d = lutra_bits_d(m, tile, unit, row);
        for (int i = 0; i < cols && k + i < m->n_cols; i++) {
            uint64_t eight = lutra_bits_octet(unit + m->scale_bytes, m->bits, cols, row, i / 8);
            dst[k + i] = d * (float)(m->mul * (int)(eight >> i % 8 * 8 & 255) - m->offset);
        }
        unit += m->scale_bytes + (size_t)(cols * m->bits) * LUTRA_BIT_ROWS / 8;
    }
}
