/* SPDX-License-Identifier: MIT */
/* Base-3 weights by vector tables with NEON: many vectors of int8 codes, nothing multiplied.
 *
 * A table has one row for each of the 27 values of a triple of weights: the sums of the triple's
 * three codes, of 32 vectors side by side in int16. A lookup is an offset, four loads and four
 * additions for 96 products; two loads a cycle are the limit.
 *
 *   for 32 vectors / for a strip of rows / for 48 columns: offsets of the rows' triples are made,
 *       codes turned about, 16 tables built, 27 KB
 *       for a row: 16 x (offset, four adds), on int16 sums that wait in L2
 *
 * A sum is at most 3 * 127 = 381 in size, so 80 of them (30480) fit int16; then to int32. */
#include "kernels/arm/arm.h"
#include "kernels/lut_init.h"

enum {
    WIDTH = 32,              /* vectors side by side: four registers */
    PARTS = WIDTH / 8,
    DEEP = 16,               /* triples that have tables at a time */
    HALF = LUTRA_TERN_K / 3, /* triples of a unit: the last tables may be so few */
    RUN = 5,                 /* times DEEP lookups before int16 sums go to int32 */
    ROWS = 1024,             /* of a strip */
    PAD = 32,                /* offsets of neighbouring triples do not share a cache set */
    VALUES = 27,
    ROW_BYTES = 2 * WIDTH,
    TABLE_BYTES = VALUES * ROW_BYTES
};

struct vlut {
    uint8_t tables[DEEP * TABLE_BYTES];
    int16_t x[3 * DEEP][WIDTH];    /* codes, column by column */
    uint16_t at[DEEP][ROWS + PAD]; /* 64 * value of each row's triple */
    int16_t part[ROWS][WIDTH];
    int32_t sum[ROWS][WIDTH];
};

static int min_int(int a, int b)
{
    return a < b ? a : b;
}

/* ---- offsets ---- */

/* Eight triples of 16 rows: index |9a+3b+c| and sign become 64 * (9a+3b+c + 13). */
ARM_INLINE void half_offsets(uint16_t (*at)[ROWS + PAD], int row, const uint8_t *unit)
{
    int8x16_t sign = vreinterpretq_s8_u8(vld1q_u8(unit));

    ARM_UNROLL
    for (int i = 0; i < HALF; i++) {
        uint8x16_t x = vld1q_u8(unit + LUTRA_TERN_ROWS * (1 + i / 2));
        uint8x16_t index = i % 2 ? vshrq_n_u8(x, 4) : vandq_u8(x, vdupq_n_u8(15));
        uint8x16_t neg = vcltzq_s8(sign), middle = vdupq_n_u8(13);
        uint8x16_t v = vbslq_u8(neg, vsubq_u8(middle, index), vaddq_u8(middle, index));

        vst1q_u16(at[i] + row, vshll_n_u8(vget_low_u8(v), 6));
        vst1q_u16(at[i] + row + 8, vshll_high_n_u8(v, 6));
        sign = vaddq_s8(sign, sign);
    }
}

/* `units` units from column k on, of tiles [tile0, tile1). */
static void strip_offsets(struct vlut *s, const struct lutra_mat *m, int tile0, int tile1, int k,
                          int units)
{
    const size_t from = 4 * LUTRA_TERN_ROWS + (size_t)(k / LUTRA_TERN_K) * m->unit_bytes;

    for (int t = tile0; t < tile1; t++) {
        const uint8_t *unit = lutra_mat_tile(m, t) + from;
        const int row = (t - tile0) * LUTRA_TERN_ROWS;

        __builtin_prefetch(unit + 2 * m->unit_bytes);
        for (int u = 0; u < units; u++, unit += m->unit_bytes) {
            half_offsets(s->at + HALF * u, row, unit);
            half_offsets(s->at + HALF * u, row + 16, unit + 16);
        }
    }
}

/* ---- tables ---- */

static const int16_t no_codes[3 * DEEP];

/* Eight codes of eight vectors, turned about: dst[column][vector]. */
ARM_INLINE void turn_eight(int16_t (*dst)[WIDTH], const int16_t *const *rows, int k)
{
    int32x4_t t[8];
    int64x2_t r[8];

    ARM_UNROLL
    for (int i = 0; i < 4; i++) {
        int16x8_t a = vld1q_s16(rows[2 * i] + k), b = vld1q_s16(rows[2 * i + 1] + k);
        t[2 * i] = vreinterpretq_s32_s16(vzip1q_s16(a, b));
        t[2 * i + 1] = vreinterpretq_s32_s16(vzip2q_s16(a, b));
    }
    ARM_UNROLL
    for (int i = 0; i < 4; i++) { /* vectors 4 * (i / 2) .., columns 4 * (i % 2) .. */
        int32x4_t a = t[i / 2 * 4 + i % 2], b = t[i / 2 * 4 + 2 + i % 2];
        r[2 * i] = vreinterpretq_s64_s32(vzip1q_s32(a, b));
        r[2 * i + 1] = vreinterpretq_s64_s32(vzip2q_s32(a, b));
    }
    ARM_UNROLL
    for (int i = 0; i < 4; i++) {
        vst1q_s16(dst[2 * i], vreinterpretq_s16_s64(vzip1q_s64(r[i], r[4 + i])));
        vst1q_s16(dst[2 * i + 1], vreinterpretq_s16_s64(vzip2q_s64(r[i], r[4 + i])));
    }
}

/* n columns (a multiple of 8) from k on, of vectors [v0, v0 + count); the rest of 32 are zeros. */
static void put_codes(struct vlut *s, const struct lutra_act *a, int v0, int count, int k, int n)
{
    for (int v = 0; v < WIDTH; v += 8) {
        const int16_t *rows[8];

        for (int i = 0; i < 8; i++)
            rows[i] = v + i < count ? a->codes + (size_t)(v0 + v + i) * (size_t)a->k_pad + k
                                    : no_codes;
        for (int j = 0; j < n; j += 8)
            turn_eight((int16_t(*)[WIDTH])(void *)(s->x[j] + v), rows, j);
    }
}

/* Three rows of one half: sum - c, sum, sum + c. */
ARM_INLINE void put_three(int16_t *t, const int16x8_t *sum, const int16x8_t *c)
{
    ARM_UNROLL
    for (int i = 0; i < 2; i++) {
        vst1q_s16(t + 8 * i, vsubq_s16(sum[i], c[i]));
        vst1q_s16(t + WIDTH + 8 * i, sum[i]);
        vst1q_s16(t + 2 * WIDTH + 8 * i, vaddq_s16(sum[i], c[i]));
    }
}

/* Row 9(a+1) + 3(b+1) + (c+1) holds the sums of weights a, b, c. Two registers at a time. */
static void build_table(int16_t *table, int16_t (*x)[WIDTH])
{
    for (int half = 0; half < 2; half++) {
        int16x8_t b[2], c[2], first[3][2];
        int16_t *t = table + 16 * half;

        ARM_UNROLL
        for (int i = 0; i < 2; i++) {
            first[2][i] = vld1q_s16(x[0] + 16 * half + 8 * i);
            first[1][i] = vdupq_n_s16(0);
            first[0][i] = vnegq_s16(first[2][i]);
            b[i] = vld1q_s16(x[1] + 16 * half + 8 * i);
            c[i] = vld1q_s16(x[2] + 16 * half + 8 * i);
        }
        ARM_UNROLL
        for (int j = 0; j < 3; j++, t += 9 * WIDTH) {
            const int16x8_t less[2] = {vsubq_s16(first[j][0], b[0]), vsubq_s16(first[j][1], b[1])};
            const int16x8_t more[2] = {vaddq_s16(first[j][0], b[0]), vaddq_s16(first[j][1], b[1])};
            put_three(t, less, c);
            put_three(t + 3 * WIDTH, first[j], c);
            put_three(t + 6 * WIDTH, more, c);
        }
    }
}

/* ---- sums ---- */

/* part[row] += `deep` lookups; deep is a constant of the caller. */
ARM_INLINE void add_rows(struct vlut *s, int n_rows, int deep)
{
    const uint16_t *at = s->at[0];
    int16_t *part = s->part[0];

    for (int r = 0; r < n_rows; r++, at++, part += WIDTH) {
        int16x8_t sum[PARTS];

        ARM_UNROLL
        for (int i = 0; i < PARTS; i++) sum[i] = vld1q_s16(part + 8 * i);
        ARM_UNROLL
        for (int d = 0; d < deep; d++) {
            const int16_t *t =
                (const int16_t *)(const void *)(s->tables + d * TABLE_BYTES + at[d * (ROWS + PAD)]);
            ARM_UNROLL
            for (int i = 0; i < PARTS; i++) sum[i] = vaddq_s16(sum[i], vld1q_s16(t + 8 * i));
        }
        ARM_UNROLL
        for (int i = 0; i < PARTS; i++) vst1q_s16(part + 8 * i, sum[i]);
    }
}

/* int16 sums to int32. */
static void flush(struct vlut *s, int n_rows)
{
    int16_t *part = s->part[0];
    int32_t *sum = s->sum[0];

    for (int i = 0; i < n_rows * WIDTH; i += 8) {
        int16x8_t x = vld1q_s16(part + i);
        vst1q_s32(sum + i, vaddw_s16(vld1q_s32(sum + i), vget_low_s16(x)));
        vst1q_s32(sum + i + 4, vaddw_high_s16(vld1q_s32(sum + i + 4), x));
        vst1q_s16(part + i, vdupq_n_s16(0));
    }
}

/* ---- results ---- */

/* Four rows of four vectors, as floats, turned about: out[vector] = rows. */
ARM_INLINE void turn_floats(float32x4_t *out, int32_t (*sum)[WIDTH], int v, float scale)
{
    float64x2_t t[4];
    float32x4_t r[4];

    ARM_UNROLL
    for (int i = 0; i < 4; i++)
        r[i] = vaddq_f32(vdupq_n_f32(0.0f),
                         vmulq_n_f32(vcvtq_f32_s32(vld1q_s32(sum[i] + v)), scale));
    ARM_UNROLL
    for (int i = 0; i < 2; i++) {
        t[2 * i] = vreinterpretq_f64_f32(vzip1q_f32(r[2 * i], r[2 * i + 1]));
        t[2 * i + 1] = vreinterpretq_f64_f32(vzip2q_f32(r[2 * i], r[2 * i + 1]));
    }
    ARM_UNROLL
    for (int i = 0; i < 2; i++) {
        out[2 * i] = vreinterpretq_f32_f64(vzip1q_f64(t[i], t[2 + i]));
        out[2 * i + 1] = vreinterpretq_f32_f64(vzip2q_f64(t[i], t[2 + i]));
    }
}

/* The strip's rows, `row` of the matrix and on, times vectors [v0, v0 + count). */
static void store_strip(float *y, size_t y_stride, struct vlut *s, const struct lutra_mat *m,
                        const struct lutra_act *a, int v0, int count, int row, int n_rows)
{
    for (int r = 0; r < n_rows && row + r < m->n_rows; r += 4) {
        const int left = min_int(4, m->n_rows - row - r);

        for (int v = 0; v < count; v += 4) {
            float32x4_t out[4];

            turn_floats(out, s->sum + r, v, m->scale);
            for (int i = 0; i < 4 && v + i < count; i++) {
                const float32x4_t scaled = vmulq_n_f32(out[i], a->scale[v0 + v + i]);
                float *to = y + (size_t)(v0 + v + i) * y_stride + row + r, four[4];

                vst1q_f32(four, scaled);
                memcpy(to, four, (size_t)left * sizeof *to);
            }
        }
    }
}

/* Tiles [tile0, tile1), at most ROWS rows, times vectors [v0, v0 + count), at most WIDTH. */
static void strip(struct vlut *s, float *y, size_t y_stride, const struct lutra_mat *m,
                  const struct lutra_act *a, int v0, int count, int tile0, int tile1)
{
    const int n_rows = (tile1 - tile0) * LUTRA_TERN_ROWS, end = lutra_tern_k_pad(m->n_cols);
    int units;

    memset(s->part, 0, (size_t)n_rows * sizeof s->part[0]);
    memset(s->sum, 0, (size_t)n_rows * sizeof s->sum[0]);
    for (int k = 0, run = 1; k < end; k += units * LUTRA_TERN_K, run++) {
        units = min_int(DEEP / HALF, (end - k) / LUTRA_TERN_K);
        strip_offsets(s, m, tile0, tile1, k, units);
        put_codes(s, a, v0, count, k, units * LUTRA_TERN_K);
        for (int i = 0; i < units * HALF; i++)
            build_table((int16_t *)(void *)(s->tables + i * TABLE_BYTES), s->x + 3 * i);
        if (units * HALF == DEEP)
            add_rows(s, n_rows, DEEP);
        else
            add_rows(s, n_rows, HALF);
        if (run % RUN == 0 || k + units * LUTRA_TERN_K == end) flush(s, n_rows);
    }
    store_strip(y, y_stride, s, m, a, v0, count, tile0 * LUTRA_TERN_ROWS, n_rows);
}

static void vector_lookup(float *y, size_t y_stride, const struct lutra_mat *m,
                          const struct lutra_act *a, int v0, int v1, int tile0, int tile1,
                          void *scratch)
{
    const int tiles = ROWS / LUTRA_TERN_ROWS;

    for (int v = v0; v < v1; v += WIDTH)
        for (int t = tile0; t < tile1; t += tiles)
            strip(scratch, y, y_stride, m, a, v, min_int(WIDTH, v1 - v), t,
                  min_int(t + tiles, tile1));
}

void lutra_vlut_init_neon(struct lutra_ops *ops)
{
    ops->vector_lookup = vector_lookup;
    ops->vector_scratch = sizeof(struct vlut);
}
