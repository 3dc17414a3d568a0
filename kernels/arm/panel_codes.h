/* SPDX-License-Identifier: MIT */
/* Codes of a run of columns arranged for products of bytes: once for all rows of a call.
 *
 * A code is split exactly, c = lo + 256 * hi with lo in -128..127 and |hi| <= 32. Blocks of four
 * vectors have their bytes side by side as one instruction takes them, COLS columns each, so that
 * products load one register (two with SMMLA) for four vectors; past the last vector it comes
 * again.
 * hi is zero nearly everywhere (see LUTRA_NEAR): a bit says for which COLS columns one of the four
 * vectors has any. The file that includes this defines
 *   COLS                              columns of an instruction's dot product: 4 or 8
 *   lay_codes(int8_t *to, x[4])       16 columns of four vectors to 64 bytes, COLS columns after
 *                                     each other
 *   lay_x(float *to, x)               numbers of four vectors as times_x wants them */
#ifndef LUTRA_KERNELS_ARM_PANEL_CODES_H
#define LUTRA_KERNELS_ARM_PANEL_CODES_H

#include "kernels/arm/panel_types.h"

enum { SPLIT_BITS = 8 };

/* The low bytes of 16 columns of a block, and the high ones if there are: returns their marks. */
ARM_INLINE unsigned split_sixteen(int8_t *low, int8_t *high, const int16_t *const c[WIDE], int k,
                                  bool wide)
{
    int8x16_t lo[WIDE], hi[WIDE];
    unsigned marks = 0;

    ARM_UNROLL
    for (int v = 0; v < WIDE; v++) {
        const int16x8_t a = vld1q_s16(c[v] + k), b = vld1q_s16(c[v] + k + 8);
        lo[v] = vuzp1q_s8(vreinterpretq_s8_s16(a), vreinterpretq_s8_s16(b));
        hi[v] = vrshrn_high_n_s16(vrshrn_n_s16(a, SPLIT_BITS), b, SPLIT_BITS);
    }
    lay_codes(low, lo);
    if (!wide) return 0;
    const int8x16_t any = vorrq_s8(vorrq_s8(hi[0], hi[1]), vorrq_s8(hi[2], hi[3]));
    if (LUTRA_LIKELY(vmaxvq_u32(vreinterpretq_u32_s8(any)) == 0)) return 0;
    lay_codes(high, hi);
    for (int i = 0; i < 16 / COLS; i++) {
        int8x16_t x = vld1q_s8(high + 4 * COLS * i);
        if (COLS == 8) x = vorrq_s8(x, vld1q_s8(high + 4 * COLS * i + 16));
        if (vmaxvq_u32(vreinterpretq_u32_s8(x))) marks |= 1u << i;
    }
    return marks;
}

/* One piece of the run, from its column k on. */
static void split_piece(const struct strip *s, int block, const int16_t *const c[WIDE], int k)
{
    const int end = k + s->piece < s->run_cols ? k + s->piece : s->run_cols;
    int8_t *low = s->p->low + code_at(s, block, k), *high = s->p->high + code_at(s, block, k);
    uint64_t marks = 0;

    for (int j = k; j < end; j += 16, low += 16 * WIDE, high += 16 * WIDE)
        marks |= (uint64_t)split_sixteen(low, high, c, s->run + j, s->wide) << (j - k) / COLS;
    s->p->marks[piece_at(s, block, k)] = marks;
}

/* Sums of the groups of a run for its minima: bytes of four vectors, as codes lie. */
static void split_sums(int8_t *to, const int32_t *const sums[WIDE], int at, const struct lutra_mat *m)
{
    struct sum_bytes x[WIDE];

    for (int i = 0; i < WIDE; i++) x[i] = split_groups(sums[i] + at, m->group, m->run / m->group);
    for (int i = 0; i < 3; i++) {
        const int8x16_t part[WIDE] = {x[0].part[i], x[1].part[i], x[2].part[i], x[3].part[i]};
        const int8x16_t any = vorrq_s8(vorrq_s8(part[0], part[1]), vorrq_s8(part[2], part[3]));
        lay_codes(to + 64 * i, part);
        to[RUN_X - 1] = vmaxvq_u8(vreinterpretq_u8_s8(any)) != 0; /* of the last part in the end */
    }
}

/* The run for all vectors of the strip. */
static void split_run(const struct strip *s)
{
    const bool min = s->m->kind != LUTRA_MAT_BOOK && scales_have_min(s->m->scales);
    const bool minima = min && !has_runs(s->m);

    for (int b = 0; b < s->n; b += WIDE) {
        const int16_t *c[WIDE];
        const int32_t *sums[WIDE];

        for (int i = 0; i < WIDE; i++) {
            const size_t v = (size_t)(s->v0 + (b + i < s->n ? b + i : s->n - 1));
            c[i] = s->a->codes + v * (size_t)s->a->k_pad;
            sums[i] = s->a->sums + v * (size_t)(s->a->k_pad / 16);
        }
        for (int k = 0; k < s->run_cols; k += s->piece) {
            split_piece(s, b / WIDE, c, k);
            if (minima) {
                const int at = (s->run + k) / 16, group = s->piece;
                const int32_t x[WIDE] = {
                    group_codes(sums[0] + at, group), group_codes(sums[1] + at, group),
                    group_codes(sums[2] + at, group), group_codes(sums[3] + at, group)};
                lay_x(s->p->x + piece_at(s, b / WIDE, k) * 2 * WIDE, vcvtq_f32_s32(vld1q_s32(x)));
            }
        }
        for (int k = 0; min && has_runs(s->m) && k < s->run_cols; k += s->m->run)
            split_sums(s->p->runs + run_at(s, b / WIDE, k) * RUN_X, sums, (s->run + k) / 16, s->m);
    }
}

#endif
