/* SPDX-License-Identifier: MIT */
/* Products without tables over an unpacked panel of bytes: many vectors at once, whatever the
 * instruction that multiplies. The file that includes this defines put_columns, put_pairs (see
 * unpack_body.h), dot_columns, sums_rows and LEAST, how many vectors it takes at least.
 *
 * A code of an activation is split exactly, c = lo + 256 * hi with lo in -128..127 and |hi| <= 32,
 * so that S = sum(q * lo) + 256 * sum(q * hi), all of it exact in int32. The sums of hi are made
 * first and shifted where they stand, then those of lo go on top: one set of registers serves both.
 * Vectors of int8 codes (BitNet's always are) have no hi and take half the time.
 *
 * Sums of planes start from MAGIC (arm.h); those of I8 are too large for that and are converted. */
#ifndef LUTRA_KERNELS_ARM_PANEL_BODY_H
#define LUTRA_KERNELS_ARM_PANEL_BODY_H

#include "kernels/arm/panel_types.h"
#include "kernels/arm/unpack_body.h"

/* What a call works on: vectors [v0, v0 + n) of `a`, 16 rows. */
struct strip {
    const struct lutra_mat *m;
    const struct lutra_act *a;
    struct panel *p;
    int v0, n;
    int half;  /* of a tile of 32 one-bit rows; else 0 */
    bool wide; /* codes exceed a byte */
};

/* start + sums of `cols` columns with vectors b .. b+nv-1 of the strip, from column k of the
 * matrix, the first of the panel; past the last vector of the strip the last one again. start_hi =
 * start / 256. */
ARM_INLINE struct sums dot_some(const struct strip *s, int nv, int b, int k, int cols,
                                int32_t start, int32_t start_hi)
{
    const int16_t *c[WIDE];
    struct sums t;

    ARM_UNROLL
    for (int i = 0; i < nv; i++) {
        int v = b + i < s->n ? b + i : s->n - 1;
        c[i] = s->a->codes + (size_t)(s->v0 + v) * (size_t)s->a->k_pad + k;
    }
    if (s->wide) {
        t = dot_columns(sums_fill(nv, start_hi), nv, s->p->w, c, cols, true);
        ARM_UNROLL
        for (int i = 0; i < 4 * nv; i++) t.v[i / 4][i % 4] = vshlq_n_s32(t.v[i / 4][i % 4], 8);
    } else {
        t = sums_fill(nv, start);
    }
    return sums_rows(dot_columns(t, nv, s->p->w, c, cols, false), nv);
}

/* How many of `left` vectors to take at once; three as four. */
static int take(int left)
{
    return left > 2 ? WIDE : left;
}

/* ---- groups with their own scales ---- */

static int panel_centre(const struct lutra_mat *m)
{
    return m->kind == LUTRA_MAT_I8 ? 0 : centre_of(m->offset, m->bits);
}

/* acc += D*S, then + M*X: one group from column k on */
ARM_INLINE void scaled_some(const struct strip *s, int nv, int b, const struct lutra_scales *scales,
                            int k, bool magic)
{
    const struct lutra_mat *m = s->m;
    const struct sums t =
        dot_some(s, nv, b, k, m->group, magic ? MAGIC : 0, magic ? MAGIC_HI : 0);
    const size_t sum_stride = (size_t)(s->a->k_pad / 16);
    const int moved = panel_centre(m) - m->offset;
    const bool minima = scales_have_min(m->scales);

    ARM_UNROLL
    for (int i = 0; i < nv; i++) {
        float *at = s->p->acc.f + 16 * (b + i);
        int32_t group_x = 0;
        struct lutra_rows x, acc;

        if (b + i >= s->n) break;
        if (moved || minima)
            group_x = group_codes(
                s->a->sums + (size_t)(s->v0 + b + i) * sum_stride + k / 16, m->group);
        if (magic) {
            x = rows_from_magic(
                (struct ints){{t.v[i][0], t.v[i][1], t.v[i][2], t.v[i][3]}}, moved * group_x);
        } else {
            ARM_UNROLL
            for (int j = 0; j < 4; j++) x.v[j] = vcvtq_f32_s32(t.v[i][j]);
        }
        acc = rows_add(rows_load(at), rows_mul(scales->d, x));
        if (minima) acc = rows_add(acc, rows_scale(scales->m, (float)group_x));
        rows_store(at, acc);
    }
}

ARM_INLINE void scaled_group(const struct strip *s, const struct lutra_scales *scales, int k,
                             bool magic)
{
    for (int b = 0; b < s->n; b += WIDE) {
        switch (take(s->n - b)) {
        case 1:
            scaled_some(s, LEAST, b, scales, k, magic);
            break;
        case 2:
            scaled_some(s, 2, b, scales, k, magic);
            break;
        default:
            scaled_some(s, WIDE, b, scales, k, magic);
            break;
        }
    }
}

static void planes_group(const struct strip *s, const struct lutra_scales *scales, int k)
{
    scaled_group(s, scales, k, true);
}

static void i8_group(const struct strip *s, const struct lutra_scales *scales, int k)
{
    scaled_group(s, scales, k, false);
}

static void scaled_tile(const struct strip *s, const uint8_t *unit)
{
    const struct lutra_mat *m = s->m;
    const int centre = panel_centre(m);
    const size_t step = (size_t)m->group *
                        (m->kind == LUTRA_MAT_I8 ? 16u : (size_t)(m->bits * m->tile_rows) / 8);

    for (int k = 0; k < m->n_cols; k += m->unit_k, unit += m->unit_bytes) {
        const struct lutra_scales us = scales_of_unit(unit + 32 * s->half, m->scales);
        const uint8_t *code = unit + m->scale_bytes + 8 * s->half; /* see lutra_bit_slot */

        prefetch_bytes(unit, (int)m->unit_bytes);
        for (int g = 0; g < m->unit_k / m->group; g++, code += step) {
            const struct lutra_scales gs = scales_of_group(unit, us, m->scales, g);

            unpack_group(s->p->w, m, code, centre);
            if (m->kind == LUTRA_MAT_I8)
                i8_group(s, &gs, k + g * m->group);
            else
                planes_group(s, &gs, k + g * m->group);
        }
    }
}

/* ---- TERN ---- */

ARM_INLINE void tern_some(const struct strip *s, int nv, int b, int k, int cols)
{
    const struct sums t = dot_some(s, nv, b, k, cols, 0, 0);

    ARM_UNROLL
    for (int i = 0; i < nv; i++) {
        int32_t *at = s->p->acc.i + 16 * (b + i);

        if (b + i >= s->n) break;
        ARM_UNROLL
        for (int j = 0; j < 4; j++)
            vst1q_s32(at + 4 * j, vaddq_s32(vld1q_s32(at + 4 * j), t.v[i][j]));
    }
}

static void tern_group(const struct strip *s, int k, int cols)
{
    for (int b = 0; b < s->n; b += WIDE) {
        switch (take(s->n - b)) {
        case 1:
            tern_some(s, LEAST, b, k, cols);
            break;
        case 2:
            tern_some(s, 2, b, k, cols);
            break;
        default:
            tern_some(s, WIDE, b, k, cols);
            break;
        }
    }
}

/* 16 rows of a TERN tile; `step` points at the first of them in the first step. Products read whole
 * sixteens of columns: past the tile's own the codes are zero, whatever the panel holds. */
static void tern_half(const struct strip *s, const uint8_t *step)
{
    const struct lutra_mat *m = s->m;
    const int k_pad = lutra_tern_k_pad(m->n_cols);
    const float scale = m->scale;

    for (int k = 0; k < k_pad; k += TERN_COLS) {
        int cols = k_pad - k < TERN_COLS ? k_pad - k : TERN_COLS;

        unpack_tern(s->p->w, m, step + (size_t)(k / LUTRA_TERN_K) * m->unit_bytes, cols, 1);
        tern_group(s, k, (cols + 15) & ~15);
    }
    for (int i = 0; i < s->n * 16; i += 4) {
        float32x4_t f = vmulq_n_f32(vcvtq_f32_s32(vld1q_s32(s->p->acc.i + i)), scale);
        vst1q_f32(s->p->acc.f + i, vaddq_f32(vdupq_n_f32(0.0f), f));
    }
}

/* ---- the loops around them ---- */

static void store_strip(float *y, size_t y_stride, const struct strip *s, int row)
{
    for (int b = 0; b < s->n; b++) {
        const int v = s->v0 + b;
        struct lutra_rows acc = rows_scale(rows_load(s->p->acc.f + 16 * b), s->a->scale[v]);
        rows_store_part(y + (size_t)v * y_stride + (size_t)row, acc, s->m->n_rows - row);
    }
}

static void strip_rows(float *y, size_t y_stride, struct strip *s, int row0, int row1)
{
    const struct lutra_mat *m = s->m;

    for (int row = row0; row < row1 && row < m->n_rows; row += 16) {
        const uint8_t *tile = lutra_mat_tile(m, row / m->tile_rows);

        memset(&s->p->acc, 0, (size_t)s->n * 16 * sizeof(float)); /* zero as integer, too */
        s->half = m->bits == 1 ? row / 16 % 2 : 0;
        if (m->kind == LUTRA_MAT_TERN)
            tern_half(s, tile + 4 * LUTRA_TERN_ROWS + row % LUTRA_TERN_ROWS);
        else
            scaled_tile(s, tile);
        store_strip(y, y_stride, s, row);
    }
}

static void panel_mul(float *y, size_t y_stride, const struct lutra_mat *m,
                      const struct lutra_act *a, int v0, int v1, int tile0, int tile1,
                      void *scratch)
{
    struct strip s = {m, a, scratch, v0, 0, 0, a->code_max > LUTRA_CODE_MAX_INT8};

    for (; s.v0 < v1; s.v0 += VECTORS) {
        s.n = v1 - s.v0 < VECTORS ? v1 - s.v0 : VECTORS;
        strip_rows(y, y_stride, &s, tile0 * m->tile_rows, tile1 * m->tile_rows);
    }
}

#endif
