/* SPDX-License-Identifier: MIT */
/* BITS lookups but for a pair of planes. The file that includes this defines
 *   pair_ints(code, n, tab)   S of one pair of planes, 16 rows, n columns: 64 bytes in every 128
 * and takes bits_lookup. Every pair of a unit runs the same loop over the unit's tables, so that
 * time is linear in bits. */
#ifndef LUTRA_KERNELS_ARM_BITS_BODY_H
#define LUTRA_KERNELS_ARM_BITS_BODY_H

#include "kernels/arm/lookup_neon.h"
#include "kernels/bits_unit.h"

struct totals {
    struct ints half[2];
};

/* The top plane, if their number is odd. */
static void top_plane(struct totals *t, const uint8_t *code, int n, const uint8_t *tab)
{
    const int16x8_t zero = vdupq_n_s16(0);
    struct sums s = {{zero, zero, zero, zero}, {zero, zero, zero, zero}};

    for (int k = 0; k < n; k += 8, code += LUTRA_BIT_ROWS, tab += 64) {
        prefetch_bytes(code, LUTRA_BIT_ROWS);
        s = look_pair(s, code, tab, false);
    }
    for (int h = 0; h < 2; h++) t->half[h] = sums_half(&s, h);
}

/* S of a unit of n columns, a multiple of 16: total * 4 + next pair, down to planes 0 and 1. */
static void unit_sums(struct totals *t, const uint8_t *code, int bits, int n, const uint8_t *tab)
{
    memset(t, 0, sizeof *t);
    if (bits % 2) {
        top_plane(t, code, n, tab);
        code += 4 * n;
    }
    for (int p = 0; p < bits / 2; p++, code += 8 * n) {
        for (int h = 0; h < 2; h++) {
            const struct ints s = pair_ints(code + 64 * h, n, tab);
            ARM_UNROLL
            for (int i = 0; i < 4; i++)
                t->half[h].v[i] = vaddq_s32(vshlq_n_s32(t->half[h].v[i], 2), s.v[i]);
        }
    }
}

/* acc += d * (mul * S - minus) */
static void add_scaled(struct lutra_rows *acc, const struct lutra_rows *d, const struct totals *t,
                       int mul, int32_t minus)
{
    const int32x4_t by = vdupq_n_s32(mul - 1), off = vdupq_n_s32(minus);

    for (int h = 0; h < 2; h++) {
        struct lutra_rows x;
        ARM_UNROLL
        for (int i = 0; i < 4; i++)
            x.v[i] = vcvtq_f32_s32(vsubq_s32(vshlq_s32(t->half[h].v[i], by), off));
        acc[h] = rows_add(acc[h], rows_mul(d[h], x));
    }
}

static void bits_tile(struct lutra_rows *acc, const struct lutra_mat *m, const uint8_t *tile,
                      const uint8_t *tab, const int32_t *sums)
{
    const uint8_t *unit = lutra_bits_units(m, tile);
    const int run = m->scale_bytes ? m->unit_k : LUTRA_BITS_RUN, end = lutra_bits_k_pad(m->n_cols);
    struct lutra_rows d[2] = {rows_fill(0.0f), rows_fill(0.0f)};
    struct totals t;
    int32_t x = 0;

    memset(&t, 0, sizeof t);
    for (int h = 0; h < 2; h++) {
        acc[h] = rows_fill(0.0f);
        if (!m->scale_bytes) d[h] = rows_load((const float *)(const void *)tile + 16 * h);
    }
    for (int k = 0, cols; k < end; k += cols) {
        struct totals u;

        cols = lutra_bits_unit(m, k);
        if (m->scale_bytes)
            for (int h = 0; h < 2; h++) d[h] = rows_from_f16(unit + 32 * h);
        unit_sums(&u, unit + m->scale_bytes, m->bits, cols, tab + 8 * k);
        for (int i = 0; i < 8; i++)
            t.half[i / 4].v[i % 4] = vaddq_s32(t.half[i / 4].v[i % 4], u.half[i / 4].v[i % 4]);
        x += group_codes(sums + k / LUTRA_STEP_K, cols);
        unit += m->scale_bytes + (size_t)(cols * m->bits) * LUTRA_BIT_ROWS / 8;
        if ((k + cols) % run != 0 && k + cols < end) continue;
        add_scaled(acc, d, &t, m->mul, m->offset * x);
        memset(&t, 0, sizeof t);
        x = 0;
    }
}

static void bits_lookup(float *y, const struct lutra_mat *m, const struct lutra_act *a, int v,
                        int tile0, int tile1)
{
    const uint8_t *tab = a->quads + (size_t)v * a->quad_bytes;
    const int32_t *sums = a->sums + (size_t)v * (size_t)(a->k_pad / 16);

    for (int t = tile0; t < tile1; t++) {
        struct lutra_rows acc[2];

        bits_tile(acc, m, lutra_mat_tile(m, t), tab, sums);
        for (int h = 0; h < 2; h++) {
            int row = t * LUTRA_BIT_ROWS + 16 * h;
            rows_store_part(y + row, rows_scale(acc[h], a->scale[v]), m->n_rows - row);
        }
    }
}

#endif
