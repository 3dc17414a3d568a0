/* SPDX-License-Identifier: MIT */
/* Products without tables on ARMv8.2 with SDOT, which adds four products of bytes to each of four
 * int32: in a panel the four columns of a row stand beside each other. exact_mul is NEON's. */
#include "kernels/arm/arm_init.h"
#include "kernels/arm/panel_types.h"

#if !defined(__ARM_FEATURE_DOTPROD)
#error "compile with -march=armv8.2-a+dotprod (the Makefile does so for *_dotprod.c)"
#endif

enum { LEAST = 1, COLS = 4, SCALES = 4, DENSE_MOST = 8 };

/* ---- panels: [column / 4][16 rows][4] ---- */

ARM_INLINE void put_columns(int8_t *w, struct columns u, struct less l)
{
    u = columns_less(u, l);
    ARM_UNROLL
    for (int h = 0; h < 2; h++) {
        uint8x16_t four[4];

        zip_four(four, u.c + 4 * h);
        ARM_UNROLL
        for (int i = 0; i < 4; i++) vst1q_u8((uint8_t *)w + 64 * h + 16 * i, four[i]);
    }
}

ARM_INLINE void put_pairs(int8_t *w, const uint8_t *code)
{
    ARM_UNROLL
    for (int i = 0; i < 128; i += 64) {
        int16x8_t a = vreinterpretq_s16_u8(vld1q_u8(code + i));
        int16x8_t b = vreinterpretq_s16_u8(vld1q_u8(code + i + 16));
        int16x8_t c = vreinterpretq_s16_u8(vld1q_u8(code + i + 32));
        int16x8_t d = vreinterpretq_s16_u8(vld1q_u8(code + i + 48));

        vst1q_s8(w + i, vreinterpretq_s8_s16(vzip1q_s16(a, c)));
        vst1q_s8(w + i + 16, vreinterpretq_s8_s16(vzip2q_s16(a, c)));
        vst1q_s8(w + i + 32, vreinterpretq_s8_s16(vzip1q_s16(b, d)));
        vst1q_s8(w + i + 48, vreinterpretq_s8_s16(vzip2q_s16(b, d)));
    }
}

/* Rows 4i .. of an octet of BOOK. */
ARM_INLINE void put_quads(int8_t *w, int i, int8x16_t first, int8x16_t second)
{
    vst1q_s8(w + 16 * i, first);
    vst1q_s8(w + 16 * i + 64, second);
}

/* ---- codes: [column / 4][vector][4] ---- */

ARM_INLINE void lay_codes(int8_t *to, const int8x16_t x[WIDE])
{
    const int32x4_t a = vreinterpretq_s32_s8(x[0]), b = vreinterpretq_s32_s8(x[1]);
    const int32x4_t c = vreinterpretq_s32_s8(x[2]), d = vreinterpretq_s32_s8(x[3]);
    const int64x2_t p = vreinterpretq_s64_s32(vzip1q_s32(a, b));
    const int64x2_t q = vreinterpretq_s64_s32(vzip1q_s32(c, d));
    const int64x2_t r = vreinterpretq_s64_s32(vzip2q_s32(a, b));
    const int64x2_t s = vreinterpretq_s64_s32(vzip2q_s32(c, d));

    vst1q_s8(to, vreinterpretq_s8_s64(vzip1q_s64(p, q)));
    vst1q_s8(to + 16, vreinterpretq_s8_s64(vzip2q_s64(p, q)));
    vst1q_s8(to + 32, vreinterpretq_s8_s64(vzip1q_s64(r, s)));
    vst1q_s8(to + 48, vreinterpretq_s8_s64(vzip2q_s64(r, s)));
}

ARM_INLINE void lay_x(float *to, float32x4_t x)
{
    vst1q_f32(to, x);
}

/* ---- products; sums are [vector][rows 4i..4i+3] ---- */

/* s + rows times the four codes of one vector: lanes must be literals */
ARM_INLINE int32x4_t add_quad(int32x4_t s, int8x16_t rows, int8x16_t codes, int vector)
{
    if (vector == 0) return vdotq_laneq_s32(s, rows, codes, 0);
    if (vector == 1) return vdotq_laneq_s32(s, rows, codes, 1);
    return vector == 2 ? vdotq_laneq_s32(s, rows, codes, 2) : vdotq_laneq_s32(s, rows, codes, 3);
}

ARM_INLINE struct sums dot_step(struct sums s, int nv, int rows, const int8_t *w, const int8_t *x)
{
    const int8x16_t codes = vld1q_s8(x);
    int8x16_t r[4];

    ARM_UNROLL
    for (int i = 0; i < rows / 4; i++) r[i] = vld1q_s8(w + 16 * i);
    ARM_UNROLL
    for (int i = 0; i < nv * rows / 4; i++)
        s.v[i] = add_quad(s.v[i], r[i % (rows / 4)], codes, i / (rows / 4));
    return s;
}

ARM_INLINE void spread_rows(float *to, struct lutra_rows r)
{
    rows_store(to, r);
}

ARM_INLINE void spread_ints(int32_t *to, struct ints r)
{
    ints_store(to, r);
}

ARM_INLINE float32x4_t times_x(float32x4_t m, const float *x, int vector)
{
    const float32x4_t all = vld1q_f32(x);

    if (vector == 0) return vmulq_laneq_f32(m, all, 0);
    if (vector == 1) return vmulq_laneq_f32(m, all, 1);
    return vector == 2 ? vmulq_laneq_f32(m, all, 2) : vmulq_laneq_f32(m, all, 3);
}

ARM_INLINE void sums_of_rows(float32x4_t *t, int nv, int rows) /* they stand so already */
{
    (void)t, (void)nv, (void)rows;
}

ARM_INLINE void rows_of_sums(float32x4_t *t, int nv, int rows)
{
    (void)t, (void)nv, (void)rows;
}

#include "kernels/arm/panel_body.h"

void lutra_mm_init_dotprod(struct lutra_ops *ops)
{
    ops->panel_mul = panel_mul;
    ops->dense_mul = dense_mul;
    ops->dense_bits = 0x7c; /* all widths: 2 to 6 */
    ops->dense_most = DENSE_MOST;
    ops->book_panel = 1; /* weights per cycle of 1, 4, 12 vectors: 4.3, 10, 15; NEON's 2.3, 3.6, 3.6 */
    if (ops->panel_scratch < sizeof(struct panel)) ops->panel_scratch = sizeof(struct panel);
    if (ops->panel_scratch < lutra_dense_few_scratch())
        ops->panel_scratch = lutra_dense_few_scratch();
}
