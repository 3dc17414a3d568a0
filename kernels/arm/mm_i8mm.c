/* SPDX-License-Identifier: MIT */
/* Products without tables on ARMv8.6 with SMMLA, which multiplies two rows of eight bytes with two
 * vectors of eight: twice the products of SDOT in an instruction. In a panel eight columns of a row
 * stand beside eight of the next. */
#include "kernels/arm/arm_init.h"
#include "kernels/arm/panel_types.h"

#if !defined(__ARM_FEATURE_MATMUL_INT8)
#error "compile with -march=armv8.2-a+dotprod+i8mm (the Makefile does so for *_i8mm.c)"
#endif

enum { LEAST = 2, COLS = 8, SCALES = 8, DENSE_MOST = 4 };

/* ---- panels: [column / 8][16 rows][8] ---- */

ARM_INLINE uint16x8_t zip_low(uint8x16_t a, uint8x16_t b)
{
    return vreinterpretq_u16_u8(vzip1q_u8(a, b));
}

ARM_INLINE uint16x8_t zip_high(uint8x16_t a, uint8x16_t b)
{
    return vreinterpretq_u16_u8(vzip2q_u8(a, b));
}

/* Eight rows: p[i] has columns 2i, 2i+1 of each. */
ARM_INLINE void put_rows(int8_t *w, const uint16x8_t *p)
{
    uint32x4_t a = vreinterpretq_u32_u16(vzip1q_u16(p[0], p[1]));
    uint32x4_t b = vreinterpretq_u32_u16(vzip2q_u16(p[0], p[1]));
    uint32x4_t c = vreinterpretq_u32_u16(vzip1q_u16(p[2], p[3]));
    uint32x4_t d = vreinterpretq_u32_u16(vzip2q_u16(p[2], p[3]));

    vst1q_s8(w, vreinterpretq_s8_u32(vzip1q_u32(a, c)));
    vst1q_s8(w + 16, vreinterpretq_s8_u32(vzip2q_u32(a, c)));
    vst1q_s8(w + 32, vreinterpretq_s8_u32(vzip1q_u32(b, d)));
    vst1q_s8(w + 48, vreinterpretq_s8_u32(vzip2q_u32(b, d)));
}

ARM_INLINE void put_columns(int8_t *w, struct columns u, struct less l)
{
    uint16x8_t p[8];

    u = columns_less(u, l);
    ARM_UNROLL
    for (int i = 0; i < 4; i++) {
        p[i] = zip_low(u.c[2 * i], u.c[2 * i + 1]);
        p[i + 4] = zip_high(u.c[2 * i], u.c[2 * i + 1]);
    }
    put_rows(w, p);
    put_rows(w + 64, p + 4);
}

ARM_INLINE void put_pairs(int8_t *w, const uint8_t *code)
{
    uint16x8_t p[8];

    ARM_UNROLL
    for (int i = 0; i < 8; i++)
        p[i / 2 + i % 2 * 4] = vreinterpretq_u16_u8(vld1q_u8(code + 16 * i));
    put_rows(w, p);
    put_rows(w + 64, p + 4);
}

/* Rows 4i .. of an octet of BOOK. */
ARM_INLINE void put_quads(int8_t *w, int i, int8x16_t first, int8x16_t second)
{
    const int32x4_t a = vreinterpretq_s32_s8(first), b = vreinterpretq_s32_s8(second);

    vst1q_s8(w + 32 * i, vreinterpretq_s8_s32(vzip1q_s32(a, b)));
    vst1q_s8(w + 32 * i + 16, vreinterpretq_s8_s32(vzip2q_s32(a, b)));
}

/* ---- codes: [column / 8][vector][8] ---- */

ARM_INLINE void lay_codes(int8_t *to, const int8x16_t x[WIDE])
{
    ARM_UNROLL
    for (int i = 0; i < WIDE; i += 2) {
        const int64x2_t a = vreinterpretq_s64_s8(x[i]), b = vreinterpretq_s64_s8(x[i + 1]);
        vst1q_s8(to + 8 * i, vreinterpretq_s8_s64(vzip1q_s64(a, b)));
        vst1q_s8(to + 8 * i + 32, vreinterpretq_s8_s64(vzip2q_s64(a, b)));
    }
}

ARM_INLINE void lay_x(float *to, float32x4_t x) /* twice: of vectors 0 1 0 1 2 3 2 3 */
{
    const float64x2_t two = vreinterpretq_f64_f32(x);

    vst1q_f32(to, vreinterpretq_f32_f64(vdupq_laneq_f64(two, 0)));
    vst1q_f32(to + 4, vreinterpretq_f32_f64(vdupq_laneq_f64(two, 1)));
}

/* ---- products; sums are [pair of vectors][pair of rows]: row 2i of both, then row 2i+1 ---- */

ARM_INLINE struct sums dot_step(struct sums s, int nv, int rows, const int8_t *w, const int8_t *x)
{
    const int each = rows / 2;
    int8x16_t codes[WIDE / 2];

    ARM_UNROLL
    for (int p = 0; p < nv / 2; p++) codes[p] = vld1q_s8(x + 16 * p);
    ARM_UNROLL
    for (int i = 0; i < each; i++) {
        const int8x16_t two = vld1q_s8(w + 16 * i);
        ARM_UNROLL
        for (int p = 0; p < nv / 2; p++)
            s.v[each * p + i] = vmmlaq_s32(s.v[each * p + i], two, codes[p]);
    }
    return s;
}

ARM_INLINE void spread_rows(float *to, struct lutra_rows r)
{
    ARM_UNROLL
    for (int i = 0; i < 4; i++) {
        vst1q_f32(to + 8 * i, vzip1q_f32(r.v[i], r.v[i]));
        vst1q_f32(to + 8 * i + 4, vzip2q_f32(r.v[i], r.v[i]));
    }
}

ARM_INLINE void spread_ints(int32_t *to, struct ints r)
{
    ARM_UNROLL
    for (int i = 0; i < 4; i++) {
        vst1q_s32(to + 8 * i, vzip1q_s32(r.v[i], r.v[i]));
        vst1q_s32(to + 8 * i + 4, vzip2q_s32(r.v[i], r.v[i]));
    }
}

ARM_INLINE float32x4_t times_x(float32x4_t m, const float *x, int pair)
{
    return vmulq_f32(m, vld1q_f32(x + 4 * pair));
}

ARM_INLINE void sums_of_rows(float32x4_t *t, int nv, int rows)
{
    const int each = rows / 4;
    float32x4_t r[SUMS];

    ARM_UNROLL
    for (int i = 0; i < nv * each; i++) r[i] = t[i];
    ARM_UNROLL
    for (int i = 0; i < nv / 2 * each; i++) {
        const int a = i / each * 2 * each + i % each; /* vector 2p, rows 4 * (i % each) */
        t[2 * i] = vzip1q_f32(r[a], r[a + each]);
        t[2 * i + 1] = vzip2q_f32(r[a], r[a + each]);
    }
}

ARM_INLINE void rows_of_sums(float32x4_t *t, int nv, int rows)
{
    const int each = rows / 4;
    float32x4_t s[SUMS];

    ARM_UNROLL
    for (int i = 0; i < nv * each; i++) s[i] = t[i];
    ARM_UNROLL
    for (int i = 0; i < nv / 2 * each; i++) {
        const int a = i / each * 2 * each + i % each;
        t[a] = vuzp1q_f32(s[2 * i], s[2 * i + 1]);
        t[a + each] = vuzp2q_f32(s[2 * i], s[2 * i + 1]);
    }
}

#include "kernels/arm/panel_body.h"

void lutra_mm_init_i8mm(struct lutra_ops *ops)
{
    ops->panel_mul = panel_mul;
    ops->dense_mul = dense_mul;
    ops->dense_bits = 0x7c; /* all widths: 2 to 6 */
    ops->dense_most = DENSE_MOST;
    ops->book_panel = 1; /* weights per cycle of 1, 4, 64 vectors: 3.2, 10, 25; NEON's 2.5, 3.6, 3.6 */
    if (ops->panel_scratch < sizeof(struct panel)) ops->panel_scratch = sizeof(struct panel);
}
