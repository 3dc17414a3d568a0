/* SPDX-License-Identifier: MIT */
/* Products without tables over an unpacked panel of bytes: many vectors at once, whatever the
 * instruction that multiplies. Where groups stand in runs their sums are weighed by sc in int32, if sc
 * are not part of the bytes, and minima are products like any other: mn times bytes of X. The file that
 * includes this defines what unpack_body.h, panel_book.h, panel_codes.h and panel_rows.h ask for, and
 *   LEAST                        how many vectors it takes at least
 *   SCALES                       registers that have the numbers of 16 rows in the order of sums
 *   dot_step(s, nv, rows, w, x)  s + COLS columns of the panel times the codes of a block
 *   spread_rows(to, r), spread_ints(to, r)   numbers of 16 rows to that order
 *   DENSE_MOST                   how many vectors are better multiplied with DENSE codes as they lie
 *   times_x(m, x, i)             minima times X, at x, of sum i of four vectors or two
 *
 * S = sum(q * lo) + 256 * sum(q * hi), all of it exact in int32. The sums of hi, where there are
 * marks, are made first, and then are what those of lo start from.
 *
 * A block of vectors passes over the part of the columns that is unpacked with its sums of floats
 * in registers: storing them after each group would cost a quarter of the products of 32 columns.
 *
 * Sums start from MAGIC (arm.h) and become floats by a subtraction, if they are small enough. Those
 * of lo always are, 127 * 128 * 256 < 2^22; where the whole may not be, 256 * sum(q * hi) is added
 * as a float: both are exact, so that S is rounded once, as converting the integer would. */
#ifndef LUTRA_KERNELS_ARM_PANEL_BODY_H
#define LUTRA_KERNELS_ARM_PANEL_BODY_H

#include <stdlib.h>

#include "kernels/arm/arm_init.h"
#include "kernels/arm/dense_quads.h"
#include "kernels/arm/panel_book.h"
#include "kernels/arm/panel_codes.h"
#include "kernels/arm/panel_rows.h"
#include "kernels/arm/panel_types.h"
#include "kernels/arm/unpack_body.h"

/* ---- integer sums ---- */

/* t + the sums of lo of `cols` columns, a multiple of 16 */
ARM_INLINE struct sums dot_low(struct sums t, struct block b, const int8_t *w, const int8_t *x,
                               int cols)
{
    for (int k = 0; k < cols; k += 16) {
        ARM_UNROLL
        for (int i = 0; i < 16; i += COLS)
            t = dot_step(t, b.nv, b.rows, w + 16 * (k + i), x + WIDE * (k + i));
    }
    return t;
}

/* Sums of hi times 256 of the columns with marks (of a vector whose codes are all wide: all), for
 * every piece that has any, to memory: as integers plus 256 * start, or as floats. */
ARM_INLINE void high_some(const struct strip *s, struct block b, int32_t start, bool floats)
{
    const int n = b.nv * b.rows / 4;
    const int8_t *w = s->p->w + 8 * COLS * b.half;
    const int8_t *x = s->p->high + code_at(s, b.block, s->part);
    const uint64_t *marks = s->p->marks + piece_at(s, b.block, s->part);
    int32_t *to = s->p->high_sums;

    for (int k = 0; k < s->cols; k += s->piece, marks++, to += 4 * SUMS) {
        struct sums t;

        if (LUTRA_LIKELY(*marks == 0)) continue;
        t = sums_fill(n, start);
        for (uint64_t left = *marks; left; left &= left - 1) {
            const int at = k + __builtin_ctzll(left) * COLS;
            t = dot_step(t, b.nv, b.rows, w + 16 * at, x + WIDE * at);
        }
        ARM_UNROLL
        for (int i = 0; i < n; i++) {
            t.v[i] = vshlq_n_s32(t.v[i], SPLIT_BITS);
            if (floats) t.v[i] = vreinterpretq_s32_f32(vcvtq_f32_s32(t.v[i]));
            vst1q_s32(to + 4 * i, t.v[i]);
        }
    }
}

/* What products of a block begin with and end with: by themselves, as calls in the midst of
 * products would cost them their registers. */
static void begin_block(const struct strip *s, struct block b)
{
    const struct block four = {WIDE, 8, b.block, b.half}, two = {2, 16, b.block, 0};
    const struct block one = {LEAST, 16, b.block, 0};
    const int32_t start = s->small ? MAGIC_HI : 0;
    const bool floats = !s->small && !s->integers;

    if (b.nv == WIDE) {
        begin_some(s, four);
        if (s->wide) high_some(s, four, start, floats);
    } else if (b.nv == 2) {
        begin_some(s, two);
        if (s->wide) high_some(s, two, start, floats);
    } else {
        begin_some(s, one);
        if (s->wide) high_some(s, one, start, floats);
    }
}

static void end_block(const struct strip *s, struct block b)
{
    if (b.nv == WIDE)
        end_some(s, (struct block){WIDE, 8, b.block, b.half});
    else if (b.nv == 2)
        end_some(s, (struct block){2, 16, b.block, 0});
    else
        end_some(s, (struct block){LEAST, 16, b.block, 0});
}

/* ---- groups with their own scales ---- */

/* acc += D*S, then + M*X: all groups of the part with a block */
ARM_INLINE void scaled_some(const struct strip *s, struct block b, bool minima)
{
    const int n = b.nv * b.rows / 4, scales = b.rows * SCALES / 16, group = s->piece;
    const float32x4_t back = vdupq_n_f32(MAGIC_VALUE);
    const struct panel *p = s->p;
    const size_t at = code_at(s, b.block, s->part), piece = piece_at(s, b.block, s->part);
    const int8_t *w = p->w + 8 * COLS * b.half, *low = p->low + at;
    const int32_t *high = p->high_sums;
    const float *d = p->d + 4 * scales * b.half, *m = p->m + 4 * scales * b.half;
    const float *x = p->x + piece * 2 * WIDE;
    const uint64_t *marks = p->marks + piece;
    float32x4_t acc[SUMS], f[SUMS];

    begin_block(s, b);
    ARM_UNROLL
    for (int i = 0; i < n; i++) acc[i] = vld1q_f32(p->sums + 4 * i);
    for (int k = 0; k < s->cols; k += group, marks++, x += 2 * WIDE) {
        const bool marked = *marks != 0;
        struct sums t = sums_load(n, marked && s->small ? high : p->magic);

        t = dot_low(t, b, w, low, group);
        ARM_UNROLL
        for (int i = 0; i < n; i++) f[i] = vsubq_f32(vreinterpretq_f32_s32(t.v[i]), back);
        if (!LUTRA_LIKELY(!marked || s->small)) {
            ARM_UNROLL
            for (int i = 0; i < n; i++)
                f[i] = vaddq_f32(f[i], vreinterpretq_f32_s32(vld1q_s32(high + 4 * i)));
        }
        ARM_UNROLL
        for (int i = 0; i < n; i++) {
            acc[i] = vaddq_f32(acc[i], vmulq_f32(vld1q_f32(d + 4 * (i % scales)), f[i]));
            if (minima)
                acc[i] = vaddq_f32(
                    acc[i], times_x(vld1q_f32(m + 4 * (i % scales)), x, i / scales));
        }
        w += 16 * group;
        low += WIDE * group;
        high += 4 * SUMS;
        d += 4 * SCALES;
        m += 4 * SCALES;
    }
    ARM_UNROLL
    for (int i = 0; i < n; i++) vst1q_f32(s->p->sums + 4 * i, acc[i]);
    end_block(s, b);
}

static void plain_four(const struct strip *s, int block, int half)
{
    scaled_some(s, (struct block){WIDE, 8, block, half}, false);
}

static void plain_two(const struct strip *s, int block)
{
    scaled_some(s, (struct block){2, 16, block, 0}, false);
}

static void plain_one(const struct strip *s, int block)
{
    scaled_some(s, (struct block){LEAST, 16, block, 0}, false);
}

static void minima_four(const struct strip *s, int block, int half)
{
    scaled_some(s, (struct block){WIDE, 8, block, half}, true);
}

static void minima_two(const struct strip *s, int block)
{
    scaled_some(s, (struct block){2, 16, block, 0}, true);
}

static void minima_one(const struct strip *s, int block)
{
    scaled_some(s, (struct block){LEAST, 16, block, 0}, true);
}

/* ---- runs of groups ---- */

/* Sums of mn * X of a run, X in bytes of three weights; most have no third. */
ARM_INLINE struct sums minima_some(struct block b, const int8_t *mn, const int8_t *x, int groups)
{
    const int n = b.nv * b.rows / 4, first = x[RUN_X - 1] ? 2 : 1;
    struct sums t = sums_fill(n, 0);

    for (int p = first; p >= 0; p--) {
        ARM_UNROLL
        for (int i = 0; p < first && i < n; i++) t.v[i] = vshlq_n_s32(t.v[i], 8);
        for (int g = 0; g < groups; g += COLS)
            t = dot_step(t, b.nv, b.rows, mn + 16 * g + 8 * COLS * b.half, x + 64 * p + WIDE * g);
    }
    return t;
}

/* acc += d*total, then - dmin*minima: all runs of the part with a block. Pieces are groups, weighed
 * by sc, or the whole run where bytes are. */
ARM_INLINE void runs_some(const struct strip *s, struct block b, bool weigh, bool minima)
{
    const int n = b.nv * b.rows / 4, scales = b.rows * SCALES / 16, run = s->m->run;
    const int groups = (run / s->m->group + 7) / 8 * 8;
    const struct panel *p = s->p;
    const size_t at = code_at(s, b.block, s->part);
    const int8_t *w = p->w + 8 * COLS * b.half, *low = p->low + at, *mn = p->mn;
    const int8_t *x = p->runs + run_at(s, b.block, s->part) * RUN_X;
    const int32_t *high = p->high_sums, *sc = p->sc + 4 * scales * b.half;
    const float *d = p->d + 4 * scales * b.half, *m = p->m + 4 * scales * b.half;
    const uint64_t *marks = p->marks + piece_at(s, b.block, s->part);
    float *acc = s->p->sums;

    begin_block(s, b);
    for (int k = 0; k < s->cols; k += run) {
        struct sums total = sums_fill(n, 0);

        for (int at_run = 0; at_run < run; at_run += s->piece, marks++, high += 4 * SUMS) {
            struct sums t = sums_load(n, *marks ? high : p->zero);

            t = dot_low(t, b, w, low, s->piece);
            ARM_UNROLL
            for (int i = 0; i < n; i++)
                total.v[i] = weigh ? vmlaq_s32(total.v[i], t.v[i], vld1q_s32(sc + 4 * (i % scales)))
                                   : t.v[i];
            w += 16 * s->piece;
            low += WIDE * s->piece;
            sc += 4 * SCALES;
        }
        ARM_FENCE(); /* acc is not to stay in registers that sums and totals need */
        ARM_UNROLL
        for (int i = 0; i < n; i++) {
            const float32x4_t f = vmulq_f32(vld1q_f32(d + 4 * (i % scales)), vcvtq_f32_s32(total.v[i]));
            vst1q_f32(acc + 4 * i, vaddq_f32(vld1q_f32(acc + 4 * i), f));
        }
        if (minima) {
            const struct sums t = minima_some(b, mn, x, groups);
            ARM_UNROLL
            for (int i = 0; i < n; i++) {
                const float32x4_t f = vmulq_f32(vld1q_f32(m + 4 * (i % scales)), vcvtq_f32_s32(t.v[i]));
                vst1q_f32(acc + 4 * i, vsubq_f32(vld1q_f32(acc + 4 * i), f));
            }
        }
        mn += 16 * 16;
        x += RUN_X;
        d += 4 * SCALES;
        m += 4 * SCALES;
    }
    end_block(s, b);
}

#define RUNS_PRODUCTS(name, weigh, minima)                                                         \
    static void name##_four(const struct strip *s, int block, int half)                            \
    {                                                                                              \
        runs_some(s, (struct block){WIDE, 8, block, half}, weigh, minima);                         \
    }                                                                                              \
    static void name##_two(const struct strip *s, int block)                                       \
    {                                                                                              \
        runs_some(s, (struct block){2, 16, block, 0}, weigh, minima);                              \
    }                                                                                              \
    static void name##_one(const struct strip *s, int block)                                       \
    {                                                                                              \
        runs_some(s, (struct block){LEAST, 16, block, 0}, weigh, minima);                          \
    }

RUNS_PRODUCTS(folded, false, false)
RUNS_PRODUCTS(folded_minima, false, true)
RUNS_PRODUCTS(weighed_minima, true, true)

/* ---- TERN: one group, so its sums stay integers to the end ---- */

ARM_INLINE void tern_some(const struct strip *s, struct block b)
{
    const int n = b.nv * b.rows / 4;
    const size_t at = code_at(s, b.block, s->part);
    const int8_t *w = s->p->w + 8 * COLS * b.half, *low = s->p->low + at;
    const uint64_t *marks = s->p->marks + piece_at(s, b.block, s->part);
    const int32_t *high = s->p->high_sums;
    struct sums t;

    begin_block(s, b);
    ARM_UNROLL
    for (int i = 0; i < n; i++) t.v[i] = vreinterpretq_s32_f32(vld1q_f32(s->p->sums + 4 * i));
    for (int k = 0; k < s->cols; k += PIECE_COLS, marks++, high += 4 * SUMS) {
        if (LUTRA_LIKELY(*marks == 0)) continue;
        ARM_UNROLL
        for (int i = 0; i < n; i++) t.v[i] = vaddq_s32(t.v[i], vld1q_s32(high + 4 * i));
    }
    t = dot_low(t, b, w, low, s->cols);
    ARM_UNROLL
    for (int i = 0; i < n; i++) {
        float32x4_t y = vreinterpretq_f32_s32(t.v[i]);
        if (s->last)
            y = vaddq_f32(vdupq_n_f32(0.0f), vmulq_n_f32(vcvtq_f32_s32(t.v[i]), s->m->scale));
        vst1q_f32(s->p->sums + 4 * i, y);
    }
    end_block(s, b);
}

static void tern_four(const struct strip *s, int block, int half)
{
    tern_some(s, (struct block){WIDE, 8, block, half});
}

static void tern_two(const struct strip *s, int block)
{
    tern_some(s, (struct block){2, 16, block, 0});
}

static void tern_one(const struct strip *s, int block)
{
    tern_some(s, (struct block){LEAST, 16, block, 0});
}

/* ---- the loops around them ---- */

/* Products by number of vectors: three count as four, at the price of one more. */
struct products {
    void (*four)(const struct strip *s, int block, int half);
    void (*two)(const struct strip *s, int block);
    void (*one)(const struct strip *s, int block);
};

static void all_blocks(const struct strip *s, struct products f)
{
    for (int b = 0; b < s->n; b += WIDE) {
        const int left = s->n - b;
        if (left > 2) {
            f.four(s, b / WIDE, 0);
            f.four(s, b / WIDE, 1);
        } else if (left == 2) {
            f.two(s, b / WIDE);
        } else {
            f.one(s, b / WIDE);
        }
    }
}

static const uint8_t each_four[64] = {0,  0,  0,  0,  1,  1,  1,  1,  2,  2,  2,  2,  3,  3,  3,  3,
                                      4,  4,  4,  4,  5,  5,  5,  5,  6,  6,  6,  6,  7,  7,  7,  7,
                                      8,  8,  8,  8,  9,  9,  9,  9,  10, 10, 10, 10, 11, 11, 11, 11,
                                      12, 12, 12, 12, 13, 13, 13, 13, 14, 14, 14, 14, 15, 15, 15, 15};

/* A block of 32 columns of DENSE, less l of its first half and of its second. */
ARM_INLINE void unpack_block(int8_t *w, const uint8_t *code, int bits, const struct less *l,
                             const struct less *l2)
{
    ARM_UNROLL
    for (int i = 0; i < 4; i++) {
        struct less part[2] = {*l, *l2};
        uint8x16_t q[8];

        dense_quads(q, code, bits, i);
        for (int h = 0; h < 2 && l->fold; h++) { /* numbers of four rows, each four times */
            const uint8x16_t four = vld1q_u8(each_four + 16 * i);
            part[h].off = vqtbl1q_u8(part[h].off, four);
            part[h].by = vqtbl1q_u8(part[h].by, four);
        }
        ARM_UNROLL
        for (int t = 0; t < 8; t += 2)
            put_quads(w + 64 * t, i, vreinterpretq_s8_u8(codes_less(q[t], part[t / 4])),
                      vreinterpretq_s8_u8(codes_less(q[t + 1], part[t / 4])));
    }
}

static void unpack_dense(int8_t *w, const struct lutra_mat *m, const uint8_t *code,
                         const struct less *l, int each)
{
#define BLOCKS(bits)                                                                               \
    for (int k = 0; k < m->unit_k; k += LUTRA_DENSE_K, code += 64 * (bits))                        \
    unpack_block(w + 16 * k, code, bits, l + each * (k / m->group), l + each * ((k + 16) / m->group))
    switch (m->bits) { /* one copy each, with constant shifts */
    case 2:
        BLOCKS(2);
        break;
    case 3:
        BLOCKS(3);
        break;
    case 4:
        BLOCKS(4);
        break;
    case 5:
        BLOCKS(5);
        break;
    default:
        BLOCKS(6);
        break;
    }
#undef BLOCKS
}

/* The codes of a unit, less l[each * group]. */
static void unpack_unit(const struct strip *s, int8_t *w, const uint8_t *code, const struct less *l,
                        int each)
{
    const struct lutra_mat *m = s->m;
    const size_t step = (size_t)m->group *
                        (m->kind == LUTRA_MAT_I8 ? 16u : (size_t)(m->bits * m->tile_rows) / 8);

    if (m->kind == LUTRA_MAT_DENSE) {
        unpack_dense(w, m, code, l, each);
        return;
    }
    for (int k = 0; k < m->unit_k; k += m->group, code += step, w += 16 * m->group, l += each) {
        if (m->kind == LUTRA_MAT_BOOK)
            unpack_book(w, m, code);
        else
            unpack_group(w, m, code, *l);
    }
}

/* The part of a tile to bytes and scales. */
static void unpack_part(const struct strip *s, const uint8_t *tile)
{
    const struct lutra_mat *m = s->m;
    const int begin = s->run + s->part;
    const uint8_t *unit = tile + (size_t)(begin / m->unit_k) * m->unit_bytes;
    const struct less l = less_fill(m->offset);
    float *d = s->p->d, *min = s->p->m;

    for (int k = 0; k < s->cols; k += m->unit_k, unit += m->unit_bytes) {
        const struct lutra_scales us = scales_of_unit(unit + 32 * s->half, m->scales);

        prefetch_bytes(unit, (int)m->unit_bytes);
        for (int g = 0; g < m->unit_k / m->group; g++, d += 4 * SCALES, min += 4 * SCALES) {
            const struct lutra_scales gs = m->kind == LUTRA_MAT_BOOK
                                               ? book_scales(m, unit, us, g)
                                               : scales_of_group(unit, us, m->scales, g);

            spread_rows(d, gs.d);
            if (scales_have_min(m->scales)) spread_rows(min, gs.m);
        }
        /* of one bit, see lutra_bit_slot */
        unpack_unit(s, s->p->w + 16 * k, unit + m->scale_bytes + 8 * s->half, &l, 0);
    }
}

/* mn of the groups of a run as columns of codes are. */
static void unpack_minima(int8_t *to, const struct lutra_mat *m, const uint8_t *unit, int g)
{
    for (int end = g + m->run / m->group; g < end; g += 8, to += 8 * 16) {
        struct columns u;

        for (int i = 0; i < 8; i++)
            u.c[i] = g + i < end ? sub_minima(unit, m->scales, g + i) : vdupq_n_u8(0);
        put_columns(to, u, less_fill(0));
    }
}

/* The same where groups stand in runs. Sub-scales are folded into bytes if they fit: Q2_K -q * sc >= -45,
 * Q3_K (4 - q) * sc in -128 .. 124, whose sums need -d. */
static void unpack_runs(const struct strip *s, const uint8_t *tile)
{
    const struct lutra_mat *m = s->m;
    const int begin = s->run + s->part, each = m->run / m->group;
    const uint8_t *unit = tile + (size_t)(begin / m->unit_k) * m->unit_bytes;
    const bool fold = s->piece > m->group;
    struct less l[PIECE_COLS / 16];
    int8_t *mn = s->p->mn;
    int32_t *weights = s->p->sc;
    float *d = s->p->d, *min = s->p->m;

    for (int k = 0; k < s->cols; k += m->unit_k, unit += m->unit_bytes) {
        struct lutra_scales us = scales_of_unit(unit, m->scales);

        prefetch_bytes(unit, (int)m->unit_bytes);
        if (fold) us.d = rows_scale(us.d, -1.0f);
        for (int g = 0; g < m->unit_k / m->group; g++) {
            const uint8x16_t sc = sub_scales(unit, m->scales, g);

            if (fold) {
                l[g] = (struct less){vmulq_u8(vdupq_n_u8((uint8_t)m->offset), sc), sc, true};
            } else {
                l[g] = less_fill(m->offset);
                spread_ints(weights, weights_of(sc, false));
                weights += 4 * SCALES;
            }
            if (g % each) continue;
            spread_rows(d, us.d);
            d += 4 * SCALES;
            if (!scales_have_min(m->scales)) continue;
            spread_rows(min, us.m);
            unpack_minima(mn, m, unit, g);
            min += 4 * SCALES;
            mn += 16 * 16;
        }
        unpack_unit(s, s->p->w + 16 * k, unit + m->scale_bytes, l, 1);
    }
}

static void tile_part(struct strip *s, const uint8_t *tile)
{
    static const struct products plain = {plain_four, plain_two, plain_one},
                                 minima = {minima_four, minima_two, minima_one},
                                 fold = {folded_four, folded_two, folded_one},
                                 fold_minima = {folded_minima_four, folded_minima_two,
                                                folded_minima_one},
                                 weigh = {weighed_minima_four, weighed_minima_two,
                                          weighed_minima_one},
                                 tern = {tern_four, tern_two, tern_one};
    const struct lutra_mat *m = s->m;

    if (m->kind == LUTRA_MAT_TERN) {
        /* products read whole sixteens: past the tile's columns codes are zero, whatever is here */
        const int begin = s->run + s->part, left = lutra_tern_k_pad(m->n_cols) - begin;
        unpack_tern(s->p->w, m,
                    tile + 4 * LUTRA_TERN_ROWS + s->row % LUTRA_TERN_ROWS +
                        (size_t)(begin / LUTRA_TERN_K) * m->unit_bytes,
                    left < s->cols ? left : s->cols, 1);
        all_blocks(s, tern);
    } else if (has_runs(m)) {
        unpack_runs(s, tile);
        all_blocks(s, s->piece == m->group          ? weigh
                      : scales_have_min(m->scales) ? fold_minima
                                                    : fold);
    } else {
        unpack_part(s, tile);
        all_blocks(s, scales_have_min(m->scales) ? minima : plain);
    }
}

/* The run of rows [row0, row1); `end` of all columns. */
static void run_rows(struct strip *s, int row0, int row1, int end)
{
    const struct lutra_mat *m = s->m;

    for (s->row = row0; s->row < row1 && s->row < m->n_rows; s->row += 16) {
        s->half = m->bits == 1 ? s->row / 16 % 2 : 0;
        for (s->part = 0; s->part < s->run_cols; s->part += PART_COLS) {
            const int left = s->run_cols - s->part;
            s->cols = left < PART_COLS ? left : PART_COLS;
            s->first = s->run + s->part == 0;
            s->last = s->run + s->part + s->cols >= end;
            tile_part(s, lutra_mat_tile(m, s->row / m->tile_rows));
        }
    }
}

/* Does |S| of any group stay below 2^22, however wide the codes? */
static bool small_sums(const struct lutra_mat *m)
{
    int most = m->kind == LUTRA_MAT_I8 ? 128 : m->offset;

    if (m->kind != LUTRA_MAT_I8 && m->kind != LUTRA_MAT_BOOK &&
        m->mul * ((1 << m->bits) - 1) - m->offset > most)
        most = m->mul * ((1 << m->bits) - 1) - m->offset;
    for (int i = 0; m->kind == LUTRA_MAT_BOOK && i < 16; i++)
        if (abs(m->book[i]) > most) most = abs(m->book[i]);
    return most * m->group * LUTRA_CODE_MAX < 1 << 22;
}

/* PLANES, DENSE, TERN, I8, BOOK */
static void panel_mul(float *y, size_t y_stride, const struct lutra_mat *m,
                      const struct lutra_act *a, int v0, int v1, int tile0, int tile1,
                      void *scratch)
{
    const bool tern = m->kind == LUTRA_MAT_TERN;
    const int end = tern ? (lutra_tern_k_pad(m->n_cols) + 15) & ~15 : m->n_cols;
    const bool fold = has_runs(m) && m->bits < 4;
    struct strip s = {.m = m,
                      .a = a,
                      .p = scratch,
                      .y = y,
                      .y_stride = y_stride,
                      .v0 = v0,
                      .piece = tern ? PIECE_COLS : fold ? m->run : m->group,
                      .wide = a->code_max > LUTRA_CODE_MAX_INT8,
                      .integers = tern || has_runs(m)};

    s.small = !s.integers && small_sums(m);
    memset(s.p->zero, 0, sizeof s.p->zero);

    for (int i = 0; i < SUMS * 4; i++) s.p->magic[i] = MAGIC;
    for (; s.v0 < v1; s.v0 += VECTORS) {
        s.n = v1 - s.v0 < VECTORS ? v1 - s.v0 : VECTORS;
        /* fewer vectors have longer runs: a few read their weights strictly forward */
        const int run = CODES / ((s.n + WIDE - 1) / WIDE * WIDE) / PART_COLS * PART_COLS;
        for (s.run = 0; s.run < end; s.run += run) {
            s.run_cols = end - s.run < run ? end - s.run : run;
            split_run(&s);
            run_rows(&s, tile0 * m->tile_rows, tile1 * m->tile_rows, end);
        }
    }
}

static void dense_mul(float *y, size_t y_stride, const struct lutra_mat *m,
                      const struct lutra_act *a, int v0, int v1, int tile0, int tile1,
                      void *scratch)
{
    /* two and three bits take more to get at than others: a panel pays sooner */
    const int most = m->bits < 4 ? LUTRA_FEW_VECTORS : DENSE_MOST;

    if (a->bytes && v1 - v0 <= most && m->n_cols <= LUTRA_FEW_COLS)
        lutra_dense_few_dotprod(y, y_stride, m, a, v0, v1, tile0, tile1, scratch);
    else
        panel_mul(y, y_stride, m, a, v0, v1, tile0, tile1, scratch);
}

#endif
