/* SPDX-License-Identifier: MIT */
/* Products without tables on NEON (ARMv8.0): many vectors at once over an unpacked panel of weights.
 *
 * A panel is 16 rows of one group as floats, column after column. Integer sums are made by float
 * multiply-add on purpose: every product and partial sum of a group is an integer below 2^24, so no
 * step rounds, fused or not, and Cortex-A76 does eight of them a cycle against four in integers. */
#include "kernels/arm/arm.h"

#include "kernels/lut_init.h"

enum {
    VECTORS = 32,          /* share one unpacking */
    PANEL_COLS = 256,      /* the largest group */
    TERN_COLS = 96,        /* columns of TERN in one panel; divides k_pad */
    I8_EXACT_COLS = 16     /* 16 * 128 * LUTRA_CODE_MAX < 2^24 */
};

struct panel { /* the scratch of a thread */
    float w[PANEL_COLS * 16];
    uint8_t q[PANEL_COLS * 16]; /* codes, column after column, 16 rows each */
    float acc[VECTORS * 16];
    int32_t total[VECTORS * 16]; /* TERN */
};

/* What a call works on: vectors [v0, v0 + n) of `a`, 16 rows. */
struct strip {
    const struct lutra_mat *m;
    const struct lutra_act *a;
    struct panel *p;
    int v0, n;
};

/* ---- unpacking: codes as bytes ---- */

/* Two lanes of 32 code bytes apart, rows in natural order. */
LUTRA_INLINE uint8x16x2_t split_pair(const uint8_t *code)
{
    uint64x2_t a = vreinterpretq_u64_u8(vld1q_u8(code));
    uint64x2_t b = vreinterpretq_u64_u8(vld1q_u8(code + 16));
    uint8x16_t c = vreinterpretq_u8_u64(vzip1q_u64(a, b)); /* rows 0-7: see lutra_lut_slot */
    uint8x16_t d = vreinterpretq_u8_u64(vzip2q_u64(a, b));

    return vuzpq_u8(c, d);
}

/* Bit i of the nibbles of planes first..last-1, as codes: one column in the low nibbles, the column
 * four further in the high ones. */
LUTRA_INLINE uint8x16_t gather_bits(const uint8x16_t *plane, int first, int last, int i)
{
    uint8x16_t x = vdupq_n_u8(0);

    for (int b = first; b < last; b++) {
        uint8x16_t bit = vshlq_u8(plane[b], vdupq_n_s8((int8_t)(b - first - i)));
        x = vbslq_u8(vdupq_n_u8((uint8_t)(0x11 << (b - first))), bit, x);
    }
    return x;
}

/* Eight columns from the planes of one octet. */
LUTRA_INLINE void unpack_octet(uint8_t *q, const uint8x16_t *plane, int bits)
{
    const uint8x16_t low = vdupq_n_u8(15);

    for (int i = 0; i < 4; i++) {
        uint8x16_t x = gather_bits(plane, 0, bits < 4 ? bits : 4, i);
        uint8x16_t a = vandq_u8(x, low), b = vshrq_n_u8(x, 4);

        if (bits > 4) {
            uint8x16_t y = gather_bits(plane, 4, bits, i);
            a = vsliq_n_u8(a, y, 4);
            b = vbslq_u8(low, b, y);
        }
        vst1q_u8(q + 16 * i, a);
        vst1q_u8(q + 16 * (i + 4), b);
    }
}

LUTRA_INLINE void unpack_steps(uint8_t *q, const uint8_t *code, int bits, int steps)
{
    const int pairs = bits / 2;
    uint8x16_t plane[6];

    for (int s = 0; s < steps; s++, code += bits * 32, q += LUTRA_STEP_K * 16) {
        uint8x16x2_t odd = {{vdupq_n_u8(0), vdupq_n_u8(0)}};

        if (bits % 2) odd = split_pair(code + pairs * 64);
        for (int o = 0; o < 2; o++) {
            for (int p = 0; p < pairs; p++) {
                uint8x16x2_t two = split_pair(code + (o * pairs + p) * 32);
                plane[2 * p] = two.val[0];
                plane[2 * p + 1] = two.val[1];
            }
            if (bits % 2) plane[bits - 1] = odd.val[o];
            unpack_octet(q + o * 128, plane, bits);
        }
    }
}

static void unpack_planes(uint8_t *q, const uint8_t *code, int bits, int steps)
{
    switch (bits) { /* one copy each, with constant shifts */
    case 2: unpack_steps(q, code, 2, steps); break;
    case 3: unpack_steps(q, code, 3, steps); break;
    case 4: unpack_steps(q, code, 4, steps); break;
    case 5: unpack_steps(q, code, 5, steps); break;
    default: unpack_steps(q, code, 6, steps); break;
    }
}

/* Signed bytes to codes with offset 128. */
static void unpack_i8(uint8_t *q, const uint8_t *code, int cols)
{
    const uint8x16_t flip = vdupq_n_u8(0x80);

    for (int k = 0; k < cols; k += 2, code += 32, q += 32) {
        uint8x16x2_t two = vld2q_u8(code);
        vst1q_u8(q, veorq_u8(two.val[0], flip));
        vst1q_u8(q + 16, veorq_u8(two.val[1], flip));
    }
}

/* Trits + 1 of v = 9a + 3b + c, by |v|, then by |v| + 16 for negative v. */
static const uint8_t trits[3][32] = {
    {1, 1, 1, 1, 1, 2, 2, 2, 2, 2, 2, 2, 2, 2, 1, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1},
    {1, 1, 2, 2, 2, 0, 0, 0, 1, 1, 1, 2, 2, 2, 1, 1, 1, 1, 0, 0, 0, 2, 2, 2, 1, 1, 1, 0, 0, 0, 1, 1},
    {1, 2, 0, 1, 2, 0, 1, 2, 0, 1, 2, 0, 1, 2, 1, 1, 1, 0, 2, 1, 0, 2, 1, 0, 2, 1, 0, 2, 1, 0, 1, 1}};

/* 24 columns, 16 rows: `step` points at the first of these rows. */
LUTRA_INLINE void unpack_tern_step(uint8_t *q, const uint8_t *step)
{
    const uint8x16x2_t ta = vld1q_u8_x2(trits[0]), tb = vld1q_u8_x2(trits[1]),
                       tc = vld1q_u8_x2(trits[2]);
    const uint8x16_t bit = vdupq_n_u8(16);
    const uint8x16_t signs = vld1q_u8(step);

    for (int j = 0; j < 8; j++, q += 48) {
        uint8x16_t code = vld1q_u8(step + LUTRA_TERN_ROWS * (1 + j / 2));
        uint8x16_t sign = vshlq_u8(signs, vdupq_n_s8((int8_t)(j - 3))); /* bit 7-j to bit 4 */
        uint8x16_t e = j % 2 ? vshrq_n_u8(code, 4) : vandq_u8(code, vdupq_n_u8(15));

        e = vbslq_u8(bit, sign, e);
        vst1q_u8(q, vqtbl2q_u8(ta, e));
        vst1q_u8(q + 16, vqtbl2q_u8(tb, e));
        vst1q_u8(q + 32, vqtbl2q_u8(tc, e));
    }
}

static void unpack_tern(uint8_t *q, const uint8_t *step, size_t step_bytes, int cols)
{
    for (int k = 0; k < cols; k += LUTRA_TERN_K, step += step_bytes, q += LUTRA_TERN_K * 16)
        unpack_tern_step(q, step);
}

/* ---- unpacking: codes as floats ---- */

static void widen_codes(struct panel *p, int cols, int offset)
{
    for (int k = 0; k < cols; k++)
        rows_store(p->w + 16 * k, rows_from_u8(vld1q_u8(p->q + 16 * k), offset));
}

/* w = D * (q - offset), then + M */
static void widen_weights(struct panel *p, int cols, int offset, const struct lutra_scales *s,
                          bool minima)
{
    const struct lutra_scales sc = *s;

    for (int k = 0; k < cols; k++) {
        struct lutra_rows w = rows_from_u8(vld1q_u8(p->q + 16 * k), offset);
        w = rows_mul(sc.d, w);
        if (minima) w = rows_add(w, sc.m);
        rows_store(p->w + 16 * k, w);
    }
}

/* ---- products: 16 rows of a panel with four vectors ---- */

struct four {
    struct lutra_rows v[4];
};

LUTRA_INLINE float32x4_t codes_to_f32(const int16_t *c)
{
    return vcvtq_f32_s32(vmovl_s16(vld1_s16(c)));
}

LUTRA_INLINE void four_fill(struct four *s, float x)
{
    for (int b = 0; b < 4; b++) s->v[b] = rows_fill(x);
}

/* s[b] += panel column * lane of x[b], by `op` */
#define COLUMN(s, w, x, lane, op)                                                                  \
    do {                                                                                           \
        const struct lutra_rows col_ = rows_load((w) + 16 * (lane));                               \
        for (int b_ = 0; b_ < 4; b_++)                                                             \
            for (int i_ = 0; i_ < 4; i_++)                                                         \
                (s)->v[b_].v[i_] = op((s)->v[b_].v[i_], col_.v[i_], (x)[b_], lane);                \
    } while (0)

#define FUSED(s, w, x, lane) vfmaq_laneq_f32(s, w, x, lane)
#define APART(s, w, x, lane) vaddq_f32(s, vmulq_laneq_f32(w, x, lane))

/* s = sum of codes over `cols` columns; exact, see the head of this file */
LUTRA_INLINE void four_dot_codes(struct four *s, const float *w, const int16_t *const c[4],
                                 int cols)
{
    four_fill(s, 0.0f);
    for (int k = 0; k < cols; k += 4, w += 64) {
        float32x4_t x[4];

        for (int b = 0; b < 4; b++) x[b] = codes_to_f32(c[b] + k);
        COLUMN(s, w, x, 0, FUSED);
        COLUMN(s, w, x, 1, FUSED);
        COLUMN(s, w, x, 2, FUSED);
        COLUMN(s, w, x, 3, FUSED);
    }
}

/* s += products with floats, columns ascending, each rounded twice as in the scalar code */
LUTRA_INLINE void four_dot_floats(struct four *s, const float *w, const float *const v[4],
                                  int cols)
{
    for (int k = 0; k < cols; k += 4, w += 64) {
        float32x4_t x[4];

        for (int b = 0; b < 4; b++) x[b] = vld1q_f32(v[b] + k);
        COLUMN(s, w, x, 0, APART);
        COLUMN(s, w, x, 1, APART);
        COLUMN(s, w, x, 2, APART);
        COLUMN(s, w, x, 3, APART);
    }
}

/* ---- panel_mul ---- */

/* Codes of vectors b..b+3 of the strip from column k; past the last vector the last one again. */
LUTRA_INLINE void four_codes(const int16_t *c[4], const struct strip *s, int b, int k)
{
    for (int i = 0; i < 4; i++) {
        int v = s->v0 + (b + i < s->n ? b + i : s->n - 1);
        c[i] = s->a->codes + (size_t)v * (size_t)s->a->k_pad + k;
    }
}

/* acc += D*S, then + M*X, for all vectors of the strip: one group from column k on. */
static void panel_group(const struct strip *s, const struct lutra_scales *scales, int k)
{
    const struct lutra_mat *m = s->m;
    const int exact = m->kind == LUTRA_MAT_I8 ? I8_EXACT_COLS : m->group;
    const bool minima = scales_have_min(m->scales);
    const size_t sum_stride = (size_t)(s->a->k_pad / 16);

    for (int b = 0; b < s->n; b += 4) {
        const int16_t *c[4];
        struct four sum;

        four_codes(c, s, b, k);
        four_dot_codes(&sum, s->p->w, c, exact);
        if (exact < m->group) { /* the two halves of Q8_0: one more addition may round, as (float)S does */
            struct four more;
            four_codes(c, s, b, k + exact);
            four_dot_codes(&more, s->p->w + 16 * exact, c, exact);
            for (int i = 0; i < 4; i++) sum.v[i] = rows_add(sum.v[i], more.v[i]);
        }
        for (int i = 0; i < 4 && b + i < s->n; i++) {
            float *at = s->p->acc + 16 * (b + i);
            struct lutra_rows acc = rows_add(rows_load(at), rows_mul(scales->d, sum.v[i]));

            if (minima) {
                const int32_t *x = s->a->sums + (size_t)(s->v0 + b + i) * sum_stride + k / 16;
                acc = rows_add(acc, rows_scale(scales->m, (float)group_codes(x, m->group)));
            }
            rows_store(at, acc);
        }
    }
}

/* Codes of one group of PLANES or I8 into p->q; returns the offset to subtract. */
static int unpack_group(const struct strip *s, const uint8_t *code)
{
    const struct lutra_mat *m = s->m;

    if (m->kind == LUTRA_MAT_I8) {
        unpack_i8(s->p->q, code, m->group);
        return 128;
    }
    unpack_planes(s->p->q, code, m->bits, m->group / LUTRA_STEP_K);
    return m->offset;
}

static size_t group_bytes(const struct lutra_mat *m)
{
    return (size_t)m->group * (m->kind == LUTRA_MAT_I8 ? 16u : (size_t)m->bits * 2);
}

static void panel_tile(const struct strip *s, const uint8_t *unit)
{
    const struct lutra_mat *m = s->m;

    for (int k = 0; k < m->n_cols; k += m->unit_k, unit += m->unit_bytes) {
        const struct lutra_scales us = scales_of_unit(unit, m->scales);
        const uint8_t *code = unit + m->scale_bytes;

        prefetch_bytes(unit, (int)m->unit_bytes);
        for (int g = 0; g < m->unit_k / m->group; g++, code += group_bytes(m)) {
            const struct lutra_scales gs = scales_of_group(unit, us, m->scales, g);
            int offset = unpack_group(s, code);

            widen_codes(s->p, m->group, offset);
            panel_group(s, &gs, k + g * m->group);
        }
    }
}

/* total += sums of `cols` columns from column k */
static void tern_group(const struct strip *s, int k, int cols)
{
    for (int b = 0; b < s->n; b += 4) {
        const int16_t *c[4];
        struct four sum;

        four_codes(c, s, b, k);
        four_dot_codes(&sum, s->p->w, c, cols);
        for (int i = 0; i < 4 && b + i < s->n; i++) {
            int32_t *at = s->p->total + 16 * (b + i);
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

        unpack_tern(s->p->q, step + (size_t)(k / LUTRA_TERN_K) * m->unit_bytes, m->unit_bytes,
                    cols);
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

        for (int i = 0; i < 4; i++) {
            int v = b + i < s->n ? b + i : s->n - 1;
            x[i] = s->a->x + (size_t)(s->v0 + v) * s->a->x_stride + k;
            sum.v[i] = rows_load(s->p->acc + 16 * v);
        }
        four_dot_floats(&sum, s->p->w, x, cols);
        for (int i = 0; i < 4 && b + i < s->n; i++) rows_store(s->p->acc + 16 * (b + i), sum.v[i]);
    }
}

static void exact_tile(const struct strip *s, const uint8_t *unit)
{
    const struct lutra_mat *m = s->m;

    for (int k = 0; k < m->n_cols; k += m->unit_k, unit += m->unit_bytes) {
        const struct lutra_scales us = scales_of_unit(unit, m->scales);
        const uint8_t *code = unit + m->scale_bytes;

        for (int g = 0; g < m->unit_k / m->group; g++, code += group_bytes(m)) {
            const struct lutra_scales gs = scales_of_group(unit, us, m->scales, g);
            int offset = unpack_group(s, code);

            widen_weights(s->p, m->group, offset, &gs, scales_have_min(m->scales));
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

        unpack_tern(s->p->q, step, m->unit_bytes, LUTRA_TERN_K);
        widen_weights(s->p, LUTRA_TERN_K, 1, &sc, false);
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
        rows_store_part(y + (size_t)(s->v0 + b) * y_stride + (size_t)row, acc,
                        s->m->n_rows - row);
    }
}

LUTRA_INLINE void run(const struct method *how, float *y, size_t y_stride, struct strip *s, int v1,
                      int row0, int row1)
{
    const struct lutra_mat *m = s->m;

    for (; s->v0 < v1; s->v0 += VECTORS) {
        s->n = v1 - s->v0 < VECTORS ? v1 - s->v0 : VECTORS;
        for (int row = row0; row < row1 && row < m->n_rows; row += 16) {
            const uint8_t *tile = lutra_mat_tile(m, row / m->tile_rows);

            memset(s->p->acc, 0, (size_t)s->n * 16 * sizeof *s->p->acc);
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
    struct strip s = {m, a, scratch, v0, 0};

    run(&how, y, y_stride, &s, v1, tile0 * m->tile_rows, tile1 * m->tile_rows);
}

static void exact_mul(float *y, size_t y_stride, const struct lutra_mat *m,
                      const struct lutra_act *a, int v0, int v1, int tile0, int tile1,
                      void *scratch)
{
    static const struct method how = {exact_tile, exact_half, false};
    struct strip s = {m, a, scratch, v0, 0};

    run(&how, y, y_stride, &s, v1, tile0 * m->tile_rows, tile1 * m->tile_rows);
}

void lutra_mm_init_neon(struct lutra_ops *ops)
{
    ops->panel_mul = panel_mul;
    ops->exact_mul = exact_mul;
    ops->panel_scratch = sizeof(struct panel);
}
