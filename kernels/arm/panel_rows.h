/* SPDX-License-Identifier: MIT */
/* The floats of a block of vectors, between parts of the columns in y. The file that includes this
 * defines
 *   sums_of_rows(t, nv, rows)   [vector][rows 4i..4i+3] to the order of sums, ...
 *   rows_of_sums(t, nv, rows)   ... and back */
#ifndef LUTRA_KERNELS_ARM_PANEL_ROWS_H
#define LUTRA_KERNELS_ARM_PANEL_ROWS_H

#include "kernels/arm/panel_types.h"

/* Which vectors and rows: constants of each copy of what follows, but for block and half. */
struct block {
    int nv, rows; /* nv * rows = 16, 32 */
    int block;    /* vectors WIDE * block .. of the strip */
    int half;     /* rows 8 * half .. of the 16 */
};

/* Has the block only rows and vectors that are? */
ARM_INLINE bool is_whole(const struct strip *s, struct block b)
{
    return s->row + 8 * b.half + b.rows <= s->m->n_rows && WIDE * b.block + b.nv <= s->n;
}

ARM_INLINE float *y_of(const struct strip *s, struct block b, int v)
{
    return s->y + (size_t)(s->v0 + WIDE * b.block + v) * s->y_stride + s->row + 8 * b.half;
}

/* How many of the four rows from i on of a vector are: of the last tile, perhaps not all. */
static size_t bytes_of(const struct strip *s, struct block b, int v, int i)
{
    const int left = s->m->n_rows - s->row - 8 * b.half - i;

    if (left <= 0 || WIDE * b.block + v >= s->n) return 0;
    return (left < 4 ? (size_t)left : 4) * sizeof(float);
}

/* What y has of the block, in the order of sums; zero (as integers, too) before the first part. */
ARM_INLINE void begin_some(const struct strip *s, struct block b)
{
    const int each = b.rows / 4, n = b.nv * each;
    float *to = s->p->sums;
    float32x4_t t[SUMS];

    if (s->first) {
        memset(to, 0, sizeof s->p->sums);
        return;
    }
    if (LUTRA_LIKELY(is_whole(s, b))) {
        ARM_UNROLL
        for (int i = 0; i < n; i++) t[i] = vld1q_f32(y_of(s, b, i / each) + i % each * 4);
    } else {
        memset(to, 0, sizeof s->p->sums);
        for (int i = 0; i < n; i++) {
            const size_t bytes = bytes_of(s, b, i / each, i % each * 4);
            if (bytes) memcpy(to + 4 * i, y_of(s, b, i / each) + i % each * 4, bytes);
        }
        ARM_UNROLL
        for (int i = 0; i < n; i++) t[i] = vld1q_f32(to + 4 * i);
    }
    sums_of_rows(t, b.nv, b.rows);
    ARM_UNROLL
    for (int i = 0; i < n; i++) vst1q_f32(to + 4 * i, t[i]);
}

/* Sums to y, and after the last part the vectors' scales to them. */
ARM_INLINE void end_some(const struct strip *s, struct block b)
{
    const int each = b.rows / 4, n = b.nv * each, v0 = WIDE * b.block;
    float *from = s->p->sums;
    float32x4_t t[SUMS];

    ARM_UNROLL
    for (int i = 0; i < n; i++) t[i] = vld1q_f32(from + 4 * i);
    rows_of_sums(t, b.nv, b.rows);
    if (s->last) {
        const float more = s->m->kind == LUTRA_MAT_BOOK ? s->m->scale : 1.0f;
        ARM_UNROLL
        for (int i = 0; i < n; i++) {
            const int v = v0 + i / each < s->n ? v0 + i / each : s->n - 1;
            t[i] = vmulq_n_f32(t[i], s->a->scale[s->v0 + v] * more);
        }
    }
    if (LUTRA_LIKELY(is_whole(s, b))) {
        ARM_UNROLL
        for (int i = 0; i < n; i++) vst1q_f32(y_of(s, b, i / each) + i % each * 4, t[i]);
        return;
    }
    ARM_UNROLL
    for (int i = 0; i < n; i++) vst1q_f32(from + 4 * i, t[i]);
    for (int i = 0; i < n; i++) {
        const size_t bytes = bytes_of(s, b, i / each, i % each * 4);
        if (bytes) memcpy(y_of(s, b, i / each) + i % each * 4, from + 4 * i, bytes);
    }
}

#endif
