/* SPDX-License-Identifier: MIT */
/* The scalar lookups once more, with a counter at every operation on elements. What they compute is
 * compared with the kernels bit for bit, so that what is counted is what is needed. */
#include "kernels/lut_unit.h"
#include "tools/bench_ops.h"

static int add(struct lutra_op_counts *c, int a, int b)
{
    c->adds++;
    return a + b;
}

static int times(struct lutra_op_counts *c, int a, int b)
{
    c->int_muls++;
    return a * b;
}

static float scaled(struct lutra_op_counts *c, float a, float b)
{
    c->float_muls++;
    return a * b;
}

static float sum_of(struct lutra_op_counts *c, float a, float b)
{
    c->adds++;
    return a + b;
}

/* Entry `index` of the quad of codes q[0..3], as its two bytes are looked up and joined. */
static int quad_entry(struct lutra_op_counts *c, const int16_t *q, int index)
{
    int sum = 0;
    for (int i = 0; i < 4; i++) sum += index >> i & 1 ? q[i] : 0;
    int lo = (int8_t)sum, hi = (sum - lo) / 256;
    c->lookups += 2;
    return add(c, lo, times(c, 256, hi));
}

/* Columns 8*oct .. 8*oct+7 of one row, every plane. */
static int octet(struct lutra_op_counts *c, const struct lutra_mat *m, const uint8_t *codes,
                 int row, int oct, const int16_t *q)
{
    uint64_t eight = lutra_unit_octet(codes, m->bits, row, oct); /* PLANES: DENSE has no tables */
    int sum = 0;
    for (int p = 0; p < m->bits; p++) {
        int index[2] = {0, 0};
        for (int i = 0; i < 8; i++) index[i / 4] |= (int)(eight >> (8 * i + p) & 1) << (i & 3);
        int both = add(c, quad_entry(c, q, index[0]), quad_entry(c, q + 4, index[1]));
        sum = add(c, sum, m->bits == 1 ? both : times(c, both, 1 << p));
    }
    return sum;
}

/* A run of groups from g on: their sums, weighed where there are several. */
static float run(struct lutra_op_counts *c, float acc, const struct lutra_mat *m,
                 const uint8_t *unit, int g, int row, const int16_t *q)
{
    const uint8_t *codes = unit + m->scale_bytes;
    const bool weighs = m->run > m->group, has_min = lutra_mat_has_min(m);
    const float d = lutra_unit_run_d(m, unit, g, row);
    const float min = has_min ? lutra_unit_run_m(m, unit, g, row) : 0.0f;
    int total = 0, minima = 0;
    for (int end = g + m->run / m->group; g < end; g++, q += m->group) {
        int s = 0, x = 0, first = g * m->group / 8;
        for (int o = 0; o < m->group / 8; o++)
            s = add(c, s, octet(c, m, codes, row, first + o, q + 8 * o));
        for (int i = 0; i < m->group; i++) x += q[i]; /* once for all rows: act.c */
        if (m->mul != 1) s = times(c, s, m->mul);
        if (m->offset) s = add(c, s, -times(c, m->offset, x));
        if (!weighs) {
            total = s;
            minima = x;
            continue;
        }
        total = add(c, total, times(c, lutra_unit_weight(m, unit, g, row), s));
        if (has_min) minima = add(c, minima, times(c, lutra_unit_min_weight(m, unit, g, row), x));
    }
    if (!weighs && m->scales == LUTRA_SCALE_SUB) c->float_muls++;
    acc = sum_of(c, acc, scaled(c, d, (float)total));
    return has_min ? sum_of(c, acc, scaled(c, min, (float)minima)) : acc;
}

static float planes_row(struct lutra_op_counts *c, const struct lutra_mat *m, const uint8_t *tile,
                        int row, const int16_t *q)
{
    float acc = 0.0f;
    for (int k = 0; k < m->n_cols; k += m->unit_k, tile += m->unit_bytes)
        for (int i = 0; i < m->unit_k; i += m->run)
            acc = run(c, acc, m, tile, i / m->group, row, q + k + i);
    return acc;
}

static float tern_row(struct lutra_op_counts *c, const struct lutra_mat *m, const uint8_t *tile,
                      int row, const int16_t *q)
{
    const bool trio = lutra_tern_trio(m); /* whole entries, those of negative values among them */
    int units = (m->n_cols + m->unit_k - 1) / m->unit_k, sum = 0;
    for (int t = 0; t < units * m->unit_k / 3; t++) {
        int8_t abc[3];
        int value = lutra_tern_value(m, tile, row, t), entry = 0;
        bool neg = value < 0 && !trio;
        lutra_tern_digits(neg ? -value : value, abc);
        for (int i = 0; i < 3; i++) entry += abc[i] * q[3 * t + i];
        c->lookups += trio ? 1 : 2;
        sum = add(c, sum, neg ? times(c, -1, entry) : entry);
    }
    return sum_of(c, 0.0f, scaled(c, m->scale, (float)sum));
}

void lutra_count_lookup(float *y, const struct lutra_mat *m, const struct lutra_act *a,
                        struct lutra_op_counts *c)
{
    *c = (struct lutra_op_counts){0};
    for (int r = 0; r < m->n_rows; r++) {
        const uint8_t *tile = lutra_mat_tile(m, r / m->tile_rows);
        float acc = m->kind == LUTRA_MAT_TERN ? tern_row(c, m, tile, r % m->tile_rows, a->codes)
                                              : planes_row(c, m, tile, r % m->tile_rows, a->codes);
        y[r] = scaled(c, acc, a->scale[0]);
    }
}

/* 16 sums of up to four codes, 14 of up to three: each by the one before it and one code more, and
 * cut into two bytes by one more subtraction. */
void lutra_count_tables(const struct lutra_mat *m, int k, struct lutra_op_counts *c)
{
    *c = (struct lutra_op_counts){0};
    c->adds = m->kind == LUTRA_MAT_TERN ? (k + 2) / 3 * 14.0 * 2 : (k + 3) / 4 * 16.0 * 2;
}
