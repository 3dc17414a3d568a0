/* SPDX-License-Identifier: MIT */
/* Products without tables on NEON (ARMv8.0): many vectors at once over an unpacked panel of
 * weights.
 *
 * A panel is 16 rows of one group as floats, column after column. Integer sums are made by float
 * multiply-add on purpose: with |c| <= LUTRA_CODE_MAX and the groups of lut.h (16 columns of 6
 * bits, 32 of 5, 256 of 2) every product and partial sum is an integer below 2^24, so no step
 * rounds, fused or not, and Cortex-A76 does eight of them a cycle against four in integers. Where
 * groups stand in runs it is a run, weights times their sc: panel_run says what keeps that exact. */
#include "kernels/arm/arm_init.h"
#include "kernels/arm/arm.h"

#include "kernels/lut_init.h"

/* Codes stay as they are, column after column, until they become floats. */
ARM_INLINE void put_columns(int8_t *w, struct columns u, struct less l)
{
    (void)l;
    ARM_UNROLL
    for (int i = 0; i < 8; i++) vst1q_u8((uint8_t *)w + 16 * i, u.c[i]);
}

/* Signed bytes to codes with offset 128. */
ARM_INLINE void put_pairs(int8_t *w, const uint8_t *code)
{
    const uint8x16_t flip = vdupq_n_u8(0x80);

    ARM_UNROLL
    for (int i = 0; i < 8; i += 2) {
        uint8x16_t a = vld1q_u8(code + 16 * i), b = vld1q_u8(code + 16 * i + 16);
        vst1q_u8((uint8_t *)w + 16 * i, veorq_u8(vuzp1q_u8(a, b), flip));
        vst1q_u8((uint8_t *)w + 16 * i + 16, veorq_u8(vuzp2q_u8(a, b), flip));
    }
}

#include "kernels/arm/dense_quads.h"
#include "kernels/arm/unpack_body.h"

enum {
    VECTORS = 64,      /* share one unpacking */
    PANEL_COLS = 256,  /* the largest group */
    TERN_COLS = 96     /* columns of TERN in one panel; divides k_pad */
};

struct panel { /* the scratch of a thread */
    float w[PANEL_COLS * 16];
    uint8_t q[PANEL_COLS * 16]; /* codes, column after column, 16 rows each */
    float acc[VECTORS * 16];
    int32_t total[VECTORS * 16]; /* TERN */
    float minima[PANEL_COLS];    /* -mn of 16 rows of the groups of a run */
};

/* What a call works on: vectors [v0, v0 + n) of `a`, 16 rows. */
struct strip {
    const struct lutra_mat *m;
    const struct lutra_act *a;
    struct panel *p;
    int v0, n;
    int half; /* of a tile of 32 one-bit rows; else 0 */
};

/* ---- panels: codes as floats ---- */

static void widen_codes(struct panel *p, int cols, int offset)
{
    for (int k = 0; k < cols; k++)
        rows_store(p->w + 16 * k, rows_from_u8(vld1q_u8(p->q + 16 * k), offset));
}

/* w = D * code, then + M: `cols` columns of codes to as many floats */
static void widen_weights(float *to, const uint8_t *q, int cols, int offset,
                          const struct lutra_scales *s, bool minima)
{
    const struct lutra_scales sc = *s;

    for (int k = 0; k < cols; k++) {
        struct lutra_rows w = rows_from_u8(vld1q_u8(q + 16 * k), offset);
        w = rows_mul(sc.d, w);
        if (minima) w = rows_add(w, sc.m);
        rows_store(to + 16 * k, w);
    }
}

/* ---- products: 16 rows of a panel with four vectors ---- */

struct four {
    struct lutra_rows v[4];
};

/* s[b] += panel column `lane` * x[b][lane], by `op`; a macro, as lanes must be literals */
#define COLUMN(s, w, x, lane, op)                                                                  \
    do {                                                                                           \
        const struct lutra_rows col_ = rows_load((w) + 16 * (lane));                               \
        ARM_UNROLL                                                                                 \
        for (int n_ = 0; n_ < 16; n_++)                                                            \
            (s).v[n_ / 4].v[n_ % 4] =                                                              \
                op((s).v[n_ / 4].v[n_ % 4], col_.v[n_ % 4], (x)[n_ / 4], lane);                    \
    } while (0)

#define FUSED(s, w, x, lane) vfmaq_laneq_f32(s, w, x, lane)
#define APART(s, w, x, lane) vaddq_f32(s, vmulq_laneq_f32(w, x, lane))

#define FOUR_COLUMNS(s, w, x, op)                                                                  \
    do {                                                                                           \
        COLUMN(s, w, x, 0, op);                                                                    \
        COLUMN(s, w, x, 1, op);                                                                    \
        COLUMN(s, w, x, 2, op);                                                                    \
        COLUMN(s, w, x, 3, op);                                                                    \
    } while (0)

/* What of the codes is multiplied: all, the low seven bits as signed numbers, the rest. */
enum part { WHOLE, LOW, HIGH };

ARM_INLINE int16x8_t part_of(int16x8_t c, enum part part)
{
    if (part == WHOLE) return c;
    return part == LOW ? vshrq_n_s16(vshlq_n_s16(c, 9), 9) : vrshrq_n_s16(c, 7);
}

/* Sums of `cols` columns times codes, `cols` a multiple of 8; exact, see the head of this file.
 * Codes become floats by the trick of rows_from_u8: 2^23 + 2^15 + c. Results go by value to stay in
 * registers. */
ARM_INLINE struct four four_dot_codes(const float *w, const int16_t *const c[4], enum part part,
                                      int cols)
{
    const uint16x8_t flip = vdupq_n_u16(0x8000), top = vdupq_n_u16(0x4B00);
    const float32x4_t bias = vdupq_n_f32(8388608.0f + 32768.0f);
    const struct lutra_rows zero = rows_fill(0.0f);
    struct four s = {{zero, zero, zero, zero}};

    for (int k = 0; k < cols; k += 8, w += 128) {
        uint16x8_t u[4];
        float32x4_t x[4];

        ARM_UNROLL
        for (int b = 0; b < 4; b++) {
            u[b] = veorq_u16(vreinterpretq_u16_s16(part_of(vld1q_s16(c[b] + k), part)), flip);
            x[b] = vsubq_f32(vreinterpretq_f32_u16(vzip1q_u16(u[b], top)), bias);
        }
        FOUR_COLUMNS(s, w, x, FUSED);
        ARM_UNROLL
        for (int b = 0; b < 4; b++)
            x[b] = vsubq_f32(vreinterpretq_f32_u16(vzip2q_u16(u[b], top)), bias);
        FOUR_COLUMNS(s, w + 64, x, FUSED);
    }
    return s;
}

/* s + products with floats, columns ascending, each rounded twice as in the scalar code */
ARM_INLINE struct four four_dot_floats(struct four s, const float *w, const float *const v[4],
                                       int cols)
{
    for (int k = 0; k < cols; k += 4, w += 64) {
        float32x4_t x[4];

        ARM_UNROLL
        for (int b = 0; b < 4; b++) x[b] = vld1q_f32(v[b] + k);
        FOUR_COLUMNS(s, w, x, APART);
    }
    return s;
}

/* Sums of the panel, which begins at column k, with vectors b..b+3 of the strip; past its last
 * vector the last one again. */
static __attribute__((noinline)) struct four four_sums(const struct strip *s, enum part part,
                                                       int b, int k, int cols)
{
    const int16_t *c[4];

    for (int i = 0; i < 4; i++) {
        int v = s->v0 + (b + i < s->n ? b + i : s->n - 1);
        c[i] = s->a->codes + (size_t)v * (size_t)s->a->k_pad + k;
    }
    if (part == LOW) return four_dot_codes(s->p->w, c, LOW, cols);
    return part == HIGH ? four_dot_codes(s->p->w, c, HIGH, cols)
                        : four_dot_codes(s->p->w, c, WHOLE, cols);
}

/* ---- panel_mul ---- */

/* Sums of the codes of vector b of the strip, from column k on. */
static const int32_t *sums_of(const struct strip *s, int b, int k)
{
    return s->a->sums + (size_t)(s->v0 + b) * (size_t)(s->a->k_pad / 16) + k / 16;
}

/* acc += D*S, then + M*X, for all vectors of the strip: one group from column k on. */
static void panel_group(const struct strip *s, const struct lutra_scales *scales, int k)
{
    const struct lutra_mat *m = s->m;
    const bool minima = scales_have_min(m->scales);

    for (int b = 0; b < s->n; b += 4) {
        struct four sum = four_sums(s, WHOLE, b, k, m->group);

        for (int i = 0; i < 4 && b + i < s->n; i++) {
            float *at = s->p->acc + 16 * (b + i);
            struct lutra_rows acc = rows_add(rows_load(at), rows_mul(scales->d, sum.v[i]));

            if (minima) {
                const float x = (float)group_codes(sums_of(s, b + i, k), m->group);
                acc = rows_add(acc, rows_scale(scales->m, x));
            }
            rows_store(at, acc);
        }
    }
}

static size_t group_bytes(const struct lutra_mat *m)
{
    return (size_t)m->group * (size_t)(m->bits * m->tile_rows) / 8;
}

/* Does one chain of floats hold a run's sums with vectors b .. b+3 exactly, or must codes be split?
 * |weight| * sum|c| is to stay below 2^24. */
static bool is_narrow(const struct strip *s, int b, int k)
{
    static const int most[6] = {[2] = 3 * 15, [3] = 4 * 32, [4] = 15 * 63, [5] = 31 * 63};
    const struct lutra_mat *m = s->m;

    for (int i = b; i < b + 4 && i < s->n; i++) {
        const int16_t *c = s->a->codes + (size_t)(s->v0 + i) * (size_t)s->a->k_pad + k;
        int32x4_t sum = vdupq_n_s32(0);

        for (int j = 0; j < m->run; j += 8) sum = vpadalq_s16(sum, vabsq_s16(vld1q_s16(c + j)));
        if (vaddvq_s32(sum) >= (1 << 24) / most[m->bits]) return false;
    }
    return true;
}

/* Sums of mn * X of the run with vector b, as floats. Those of a narrow one are exact, below 63 * sum|c|;
 * else X is cut, so that sums are at most 16 * 15 * 2048 or 8 * 63 * 2048 and below. */
static struct lutra_rows run_minima(const struct strip *s, int b, int k, bool narrow)
{
    const int group = s->m->group;
    struct lutra_rows low = rows_fill(0.0f), high = low;

    for (int g = 0; g < s->m->run / group; g++) {
        const struct lutra_rows mn = rows_load(s->p->minima + 16 * g);
        const int32_t x = group_codes(sums_of(s, b, k + g * group), group);
        const int32_t top = narrow ? 0 : (x + 2048) >> 12;

        low = rows_add(low, rows_scale(mn, (float)(x - 4096 * top)));
        if (!narrow) high = rows_add(high, rows_scale(mn, (float)top));
    }
    return narrow ? low : rows_add(low, rows_scale(high, 4096.0f));
}

/* acc += d * total, then - dmin * minima: the run in the panel, which begins at column k. Weights in
 * the panel have their sc. Codes that are too large are split, c = low + 128 * high, low in -64 .. 63,
 * |high| <= 64: sums are at most 31 * 63 * 64 * 128 < 2^24, and both together are rounded once. */
static void panel_run(const struct strip *s, struct lutra_scales us, int k)
{
    const struct lutra_mat *m = s->m;

    for (int b = 0; b < s->n; b += 4) {
        const bool narrow = is_narrow(s, b, k);
        struct four sum = four_sums(s, narrow ? WHOLE : LOW, b, k, m->run);

        if (!narrow) {
            const struct four high = four_sums(s, HIGH, b, k, m->run);
            for (int i = 0; i < 4; i++)
                sum.v[i] = rows_add(sum.v[i], rows_scale(high.v[i], 128.0f));
        }
        for (int i = 0; i < 4 && b + i < s->n; i++) {
            float *at = s->p->acc + 16 * (b + i);
            struct lutra_rows acc = rows_add(rows_load(at), rows_mul(us.d, sum.v[i]));

            if (scales_have_min(m->scales)) /* minus: mn in the panel is negative */
                acc = rows_add(acc, rows_mul(us.m, run_minima(s, b + i, k, narrow)));
            rows_store(at, acc);
        }
    }
}

/* The runs of a unit at column k. */
static void panel_runs(const struct strip *s, const uint8_t *unit, struct lutra_scales us, int k)
{
    const struct lutra_mat *m = s->m;
    const struct lutra_scales one = {rows_fill(1.0f), rows_fill(1.0f)};
    const uint8_t *code = unit + m->scale_bytes;
    const int each = m->run / m->group;

    for (int g = 0; g < m->unit_k / m->group; g++, code += group_bytes(m)) {
        const struct lutra_scales gs = scales_of_group(unit, one, m->scales, g);

        unpack_group((int8_t *)s->p->q, m, code, less_fill(0));
        widen_weights(s->p->w + 16 * (g % each * m->group), s->p->q, m->group, m->offset, &gs,
                      false);
        rows_store(s->p->minima + 16 * (g % each), gs.m);
        if ((g + 1) % each == 0) panel_run(s, us, k + (g + 1 - each) * m->group);
    }
}

/* I8 needs no panel: bytes of two columns are widened to int16 by shifts, and multiplied there.
 * Sums of `nv` vectors from b on over one unit at `code`, which begins at column k. */
ARM_INLINE void i8_some(const struct strip *s, int nv, int b, const uint8_t *code, int k,
                        struct lutra_rows d)
{
    const int16_t *c[4];
    int32x4_t t[4][4];

    ARM_UNROLL
    for (int i = 0; i < nv; i++) {
        c[i] = s->a->codes + (size_t)(s->v0 + b + i) * (size_t)s->a->k_pad + k;
        ARM_UNROLL
        for (int j = 0; j < 4; j++) t[i][j] = vdupq_n_s32(0);
    }
    for (int at = 0; at < s->m->unit_k; at += 8) {
        int16x8_t x[4];

        ARM_UNROLL
        for (int i = 0; i < nv; i++) x[i] = vld1q_s16(c[i] + at);
#define PAIR(p)                                                                                    \
    do {                                                                                           \
        const int16x8_t u_ = vreinterpretq_s16_u8(vld1q_u8(code + 32 * (p)));                      \
        const int16x8_t v_ = vreinterpretq_s16_u8(vld1q_u8(code + 32 * (p) + 16));                 \
        const int16x8_t e0_ = vshrq_n_s16(vshlq_n_s16(u_, 8), 8), o0_ = vshrq_n_s16(u_, 8);        \
        const int16x8_t e1_ = vshrq_n_s16(vshlq_n_s16(v_, 8), 8), o1_ = vshrq_n_s16(v_, 8);        \
        ARM_UNROLL                                                                                 \
        for (int i_ = 0; i_ < nv; i_++) {                                                          \
            t[i_][0] = vmlal_laneq_s16(t[i_][0], vget_low_s16(e0_), x[i_], 2 * (p));               \
            t[i_][1] = vmlal_high_laneq_s16(t[i_][1], e0_, x[i_], 2 * (p));                        \
            t[i_][2] = vmlal_laneq_s16(t[i_][2], vget_low_s16(e1_), x[i_], 2 * (p));               \
            t[i_][3] = vmlal_high_laneq_s16(t[i_][3], e1_, x[i_], 2 * (p));                        \
            t[i_][0] = vmlal_laneq_s16(t[i_][0], vget_low_s16(o0_), x[i_], 2 * (p) + 1);           \
            t[i_][1] = vmlal_high_laneq_s16(t[i_][1], o0_, x[i_], 2 * (p) + 1);                    \
            t[i_][2] = vmlal_laneq_s16(t[i_][2], vget_low_s16(o1_), x[i_], 2 * (p) + 1);           \
            t[i_][3] = vmlal_high_laneq_s16(t[i_][3], o1_, x[i_], 2 * (p) + 1);                    \
        }                                                                                          \
    } while (0)
        PAIR(0);
        PAIR(1);
        PAIR(2);
        PAIR(3);
#undef PAIR
        code += 8 * 16;
    }
    ARM_UNROLL
    for (int i = 0; i < nv; i++) {
        float *acc = s->p->acc + 16 * (b + i);
        struct lutra_rows x;

        ARM_UNROLL
        for (int j = 0; j < 4; j++) x.v[j] = vcvtq_f32_s32(t[i][j]);
        rows_store(acc, rows_add(rows_load(acc), rows_mul(d, x)));
    }
}

static void i8_unit(const struct strip *s, const uint8_t *code, int k, struct lutra_rows d)
{
    int b = 0;

    for (; b + 4 <= s->n; b += 4) i8_some(s, 4, b, code, k, d);
    if (b + 2 <= s->n) {
        i8_some(s, 2, b, code, k, d);
        b += 2;
    }
    if (b < s->n) i8_some(s, 1, b, code, k, d);
}

static void panel_tile(const struct strip *s, const uint8_t *unit)
{
    const struct lutra_mat *m = s->m;

    for (int k = 0; k < m->n_cols; k += m->unit_k, unit += m->unit_bytes) {
        const struct lutra_scales us = scales_of_unit(unit + 32 * s->half, m->scales);
        const uint8_t *code = unit + m->scale_bytes + 8 * s->half; /* see lutra_bit_slot */

        prefetch_bytes(unit, (int)m->unit_bytes);
        if (m->kind == LUTRA_MAT_I8) {
            i8_unit(s, code, k, us.d);
            continue;
        }
        if (has_runs(m)) {
            panel_runs(s, unit, us, k);
            continue;
        }
        for (int g = 0; g < m->unit_k / m->group; g++, code += group_bytes(m)) {
            const struct lutra_scales gs = scales_of_group(unit, us, m->scales, g);

            unpack_group((int8_t *)s->p->q, m, code, less_fill(0));
            widen_codes(s->p, m->group, m->offset);
            panel_group(s, &gs, k + g * m->group);
        }
    }
}

/* total += sums of `cols` columns from column k */
static void tern_group(const struct strip *s, int k, int cols)
{
    for (int b = 0; b < s->n; b += 4) {
        struct four sum = four_sums(s, WHOLE, b, k, cols);

        for (int i = 0; i < 4 && b + i < s->n; i++) {
            int32_t *at = s->p->total + 16 * (b + i);
            ARM_UNROLL
            for (int j = 0; j < 4; j++)
                vst1q_s32(at + 4 * j,
                          vaddq_s32(vld1q_s32(at + 4 * j), vcvtq_s32_f32(sum.v[i].v[j])));
        }
    }
}

/* 16 rows of a TERN tile; `step` points at the first of them in the first step. */
static void tern_half(const struct strip *s, const uint8_t *step)
{
    const struct lutra_mat *m = s->m;
    const int k_pad = lutra_tern_k_pad(m->n_cols);
    const float scale = m->scale;

    memset(s->p->total, 0, (size_t)s->n * 16 * sizeof *s->p->total);
    for (int k = 0; k < k_pad; k += TERN_COLS) {
        int cols = k_pad - k < TERN_COLS ? k_pad - k : TERN_COLS;

        unpack_tern((int8_t *)s->p->q, m, step + (size_t)(k / LUTRA_TERN_K) * m->unit_bytes,
                    cols, 0);
        widen_codes(s->p, cols, 1);
        tern_group(s, k, cols);
    }
    for (int i = 0; i < s->n * 16; i += 4) {
        float32x4_t f = vmulq_n_f32(vcvtq_f32_s32(vld1q_s32(s->p->total + i)), scale);
        vst1q_f32(s->p->acc + i, vaddq_f32(vdupq_n_f32(0.0f), f));
    }
}

/* ---- exact_mul ---- */

/* acc += w * x over the `cols` columns in the panel, from column k on */
static void exact_group(const struct strip *s, int k, int cols)
{
    for (int b = 0; b < s->n; b += 4) {
        const float *x[4];
        struct four sum;

        ARM_UNROLL
        for (int i = 0; i < 4; i++) {
            int v = b + i < s->n ? b + i : s->n - 1;
            x[i] = s->a->x + (size_t)(s->v0 + v) * s->a->x_stride + k;
            sum.v[i] = rows_load(s->p->acc + 16 * v);
        }
        sum = four_dot_floats(sum, s->p->w, x, cols);
        for (int i = 0; i < 4 && b + i < s->n; i++) rows_store(s->p->acc + 16 * (b + i), sum.v[i]);
    }
}

/* A unit of DENSE, column after column: quads of rows 4i .. of a block are turned about. */
ARM_INLINE void dense_columns(uint8_t *to, const uint8_t *code, int bits, int cols)
{
    for (int k = 0; k < cols; k += LUTRA_DENSE_K, code += 64 * bits) {
        uint8x16_t q[4][8];

        ARM_UNROLL
        for (int i = 0; i < 4; i++) dense_quads(q[i], code, bits, i);
        ARM_UNROLL
        for (int t = 0; t < 8; t++, to += 64) {
            const uint8x16x2_t a = vuzpq_u8(q[0][t], q[1][t]), b = vuzpq_u8(q[2][t], q[3][t]);
            const uint8x16x2_t even = vuzpq_u8(a.val[0], b.val[0]);
            const uint8x16x2_t odd = vuzpq_u8(a.val[1], b.val[1]);

            vst1q_u8(to, even.val[0]);
            vst1q_u8(to + 16, odd.val[0]);
            vst1q_u8(to + 32, even.val[1]);
            vst1q_u8(to + 48, odd.val[1]);
        }
    }
}

static void unpack_dense(uint8_t *to, const struct lutra_mat *m, const uint8_t *code)
{
    switch (m->bits) { /* one copy each, with constant shifts */
    case 2:
        dense_columns(to, code, 2, m->unit_k);
        break;
    case 3:
        dense_columns(to, code, 3, m->unit_k);
        break;
    case 4:
        dense_columns(to, code, 4, m->unit_k);
        break;
    case 5:
        dense_columns(to, code, 5, m->unit_k);
        break;
    default:
        dense_columns(to, code, 6, m->unit_k);
        break;
    }
}

static void exact_tile(const struct strip *s, const uint8_t *unit)
{
    const struct lutra_mat *m = s->m;
    const bool dense = m->kind == LUTRA_MAT_DENSE;

    for (int k = 0; k < m->n_cols; k += m->unit_k, unit += m->unit_bytes) {
        const struct lutra_scales us = scales_of_unit(unit + 32 * s->half, m->scales);
        const uint8_t *code = unit + m->scale_bytes + 8 * s->half; /* see lutra_bit_slot */

        if (dense) unpack_dense(s->p->q, m, code);
        for (int g = 0; g < m->unit_k / m->group; g++, code += group_bytes(m)) {
            const struct lutra_scales gs = scales_of_group(unit, us, m->scales, g);
            const int offset = m->kind == LUTRA_MAT_I8 ? 128 : m->offset;

            const uint8_t *q = dense ? s->p->q + 16 * g * m->group : s->p->q;

            if (!dense) unpack_group((int8_t *)s->p->q, m, code, less_fill(0));
            widen_weights(s->p->w, q, m->group, offset, &gs, scales_have_min(m->scales));
            exact_group(s, k + g * m->group, m->group);
        }
    }
}

/* 16 rows of a TERN tile. x ends at n_cols, a multiple of 4, though the tile goes on. */
static void exact_half(const struct strip *s, const uint8_t *step)
{
    const struct lutra_mat *m = s->m;
    const struct lutra_scales sc = {rows_fill(m->scale), rows_fill(0.0f)};

    for (int k = 0; k < m->n_cols; k += LUTRA_TERN_K, step += m->unit_bytes) {
        int cols = m->n_cols - k < LUTRA_TERN_K ? m->n_cols - k : LUTRA_TERN_K;

        unpack_tern((int8_t *)s->p->q, m, step, LUTRA_TERN_K, 0);
        widen_weights(s->p->w, s->p->q, LUTRA_TERN_K, 1, &sc, false);
        exact_group(s, k, cols);
    }
}

/* ---- the loops around them ---- */

struct method {
    void (*tile)(const struct strip *s, const uint8_t *unit); /* 16 rows into p->acc */
    void (*half)(const struct strip *s, const uint8_t *step); /* half a TERN tile */
    bool scaled;                                              /* by the scale of the vector */
};

static void store_strip(float *y, size_t y_stride, const struct strip *s, int row, bool scaled)
{
    for (int b = 0; b < s->n; b++) {
        struct lutra_rows acc = rows_load(s->p->acc + 16 * b);

        if (scaled) acc = rows_scale(acc, s->a->scale[s->v0 + b]);
        rows_store_part(y + (size_t)(s->v0 + b) * y_stride + (size_t)row, acc, s->m->n_rows - row);
    }
}

ARM_INLINE void run(const struct method *how, float *y, size_t y_stride, struct strip *s, int v1,
                    int row0, int row1)
{
    const struct lutra_mat *m = s->m;

    for (; s->v0 < v1; s->v0 += VECTORS) {
        s->n = v1 - s->v0 < VECTORS ? v1 - s->v0 : VECTORS;
        for (int row = row0; row < row1 && row < m->n_rows; row += 16) {
            const uint8_t *tile = lutra_mat_tile(m, row / m->tile_rows);

            memset(s->p->acc, 0, (size_t)s->n * 16 * sizeof *s->p->acc);
            s->half = m->bits == 1 ? row / 16 % 2 : 0;
            if (m->kind == LUTRA_MAT_TERN)
                how->half(s, tile + 4 * LUTRA_TERN_ROWS + row % LUTRA_TERN_ROWS);
            else
                how->tile(s, tile);
            store_strip(y, y_stride, s, row, how->scaled);
        }
    }
}

static void panel_mul(float *y, size_t y_stride, const struct lutra_mat *m,
                      const struct lutra_act *a, int v0, int v1, int tile0, int tile1,
                      void *scratch)
{
    static const struct method how = {panel_tile, tern_half, true};
    struct strip s = {m, a, scratch, v0, 0, 0};

    run(&how, y, y_stride, &s, v1, tile0 * m->tile_rows, tile1 * m->tile_rows);
}

static void exact_mul(float *y, size_t y_stride, const struct lutra_mat *m,
                      const struct lutra_act *a, int v0, int v1, int tile0, int tile1,
                      void *scratch)
{
    static const struct method how = {exact_tile, exact_half, false};
    struct strip s = {m, a, scratch, v0, 0, 0};

    run(&how, y, y_stride, &s, v1, tile0 * m->tile_rows, tile1 * m->tile_rows);
}

void lutra_mm_init_neon(struct lutra_ops *ops)
{
    ops->panel_mul = panel_mul;
    ops->exact_mul = exact_mul;
    ops->dense_exact = exact_mul;
    ops->panel_scratch = sizeof(struct panel);
}
