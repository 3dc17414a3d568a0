/* SPDX-License-Identifier: MIT */
/* Products without tables over an unpacked panel of bytes: many vectors at once, whatever the
 * instruction that multiplies. The file that includes this defines what unpack_body.h,
 * panel_book.h, panel_codes.h and panel_rows.h ask for, and
 *   LEAST                        how many vectors it takes at least
 *   SCALES                       registers that have the numbers of 16 rows in the order of sums
 *   dot_step(s, nv, rows, w, x)  s + COLS columns of the panel times the codes of a block
 *   spread_rows(to, r)           numbers of 16 rows to that order
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
    const bool floats = !s->small && s->m->kind != LUTRA_MAT_TERN;

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

/* The part of a tile to bytes and scales. */
static void unpack_part(const struct strip *s, const uint8_t *tile)
{
    const struct lutra_mat *m = s->m;
    const int begin = s->run + s->part;
    const uint8_t *unit = tile + (size_t)(begin / m->unit_k) * m->unit_bytes;
    const size_t step = (size_t)m->group *
                        (m->kind == LUTRA_MAT_I8 ? 16u : (size_t)(m->bits * m->tile_rows) / 8);
    int8_t *w = s->p->w;
    float *d = s->p->d, *min = s->p->m;

    for (int k = 0; k < s->cols; k += m->unit_k, unit += m->unit_bytes) {
        const struct lutra_scales us = scales_of_unit(unit + 32 * s->half, m->scales);
        const uint8_t *code = unit + m->scale_bytes + 8 * s->half; /* see lutra_bit_slot */

        prefetch_bytes(unit, (int)m->unit_bytes);
        for (int g = 0; g < m->unit_k / m->group; g++, code += step, w += 16 * m->group) {
            const struct lutra_scales gs = m->kind == LUTRA_MAT_BOOK
                                               ? book_scales(m, unit, us, g)
                                               : scales_of_group(unit, us, m->scales, g);

            spread_rows(d, gs.d);
            if (scales_have_min(m->scales)) spread_rows(min, gs.m);
            d += 4 * SCALES;
            min += 4 * SCALES;
            if (m->kind == LUTRA_MAT_BOOK)
                unpack_book(w, m, code);
            else
                unpack_group(w, m, code, m->kind == LUTRA_MAT_I8 ? 0 : m->offset);
        }
    }
}

static void tile_part(struct strip *s, const uint8_t *tile)
{
    static const struct products plain = {plain_four, plain_two, plain_one},
                                 minima = {minima_four, minima_two, minima_one},
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

    if (m->kind == LUTRA_MAT_TERN) return false; /* they stay integers */
    if (m->kind == LUTRA_MAT_PLANES && m->mul * ((1 << m->bits) - 1) - m->offset > most)
        most = m->mul * ((1 << m->bits) - 1) - m->offset;
    for (int i = 0; m->kind == LUTRA_MAT_BOOK && i < 16; i++)
        if (abs(m->book[i]) > most) most = abs(m->book[i]);
    return most * m->group * LUTRA_CODE_MAX < 1 << 22;
}

static void panel_mul(float *y, size_t y_stride, const struct lutra_mat *m,
                      const struct lutra_act *a, int v0, int v1, int tile0, int tile1,
                      void *scratch)
{
    const bool tern = m->kind == LUTRA_MAT_TERN;
    const int end = tern ? (lutra_tern_k_pad(m->n_cols) + 15) & ~15 : m->n_cols;
    struct strip s = {.m = m,
                      .a = a,
                      .p = scratch,
                      .y = y,
                      .y_stride = y_stride,
                      .v0 = v0,
                      .piece = tern ? PIECE_COLS : m->group,
                      .wide = a->code_max > LUTRA_CODE_MAX_INT8,
                      .small = small_sums(m)};

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

#endif
