/* SPDX-License-Identifier: MIT */
/* Products without tables on ARMv8.2 with SDOT, which adds four products of bytes to each of four
 * int32: in a panel the four columns of a row stand beside each other. exact_mul is NEON's. */
#include "kernels/arm/arm_init.h"
#include "kernels/arm/panel_types.h"

#if !defined(__ARM_FEATURE_DOTPROD)
#error "compile with -march=armv8.2-a+dotprod (the Makefile does so for *_dotprod.c)"
#endif

enum { LEAST = 1 };

/* ---- panels: [column / 4][16 rows][4] ---- */

/* Four columns after each other to four bytes of each row. */
ARM_INLINE void put_quad(int8_t *w, const uint8x16_t *c, uint8x16_t off)
{
    uint8x16_t c0 = vsubq_u8(c[0], off), c1 = vsubq_u8(c[1], off);
    uint8x16_t c2 = vsubq_u8(c[2], off), c3 = vsubq_u8(c[3], off);
    int16x8_t a = vreinterpretq_s16_u8(vzip1q_u8(c0, c1));
    int16x8_t b = vreinterpretq_s16_u8(vzip1q_u8(c2, c3));
    int16x8_t d = vreinterpretq_s16_u8(vzip2q_u8(c0, c1));
    int16x8_t e = vreinterpretq_s16_u8(vzip2q_u8(c2, c3));

    vst1q_s8(w, vreinterpretq_s8_s16(vzip1q_s16(a, b)));
    vst1q_s8(w + 16, vreinterpretq_s8_s16(vzip2q_s16(a, b)));
    vst1q_s8(w + 32, vreinterpretq_s8_s16(vzip1q_s16(d, e)));
    vst1q_s8(w + 48, vreinterpretq_s8_s16(vzip2q_s16(d, e)));
}

ARM_INLINE void put_columns(int8_t *w, struct columns u, uint8x16_t off)
{
    put_quad(w, u.c, off);
    put_quad(w + 64, u.c + 4, off);
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

/* ---- products: 16 rows of a panel with up to four vectors ---- */

/* s[b] += four columns of the panel times quad `lane` of x[b]; a macro, as lanes must be literals
 */
#define QUAD(s, nv, w, x, lane)                                                                    \
    do {                                                                                           \
        ARM_FENCE();                                                                               \
        const int8x16_t w_[4] = {vld1q_s8((w) + 64 * (lane)), vld1q_s8((w) + 64 * (lane) + 16),    \
                                 vld1q_s8((w) + 64 * (lane) + 32),                                 \
                                 vld1q_s8((w) + 64 * (lane) + 48)};                                \
        ARM_UNROLL                                                                                 \
        for (int n_ = 0; n_ < 4 * (nv); n_++)                                                      \
            (s).v[n_ / 4][n_ % 4] =                                                                \
                vdotq_laneq_s32((s).v[n_ / 4][n_ % 4], w_[n_ % 4], (x)[n_ / 4], lane);             \
    } while (0)

/* The low or the high bytes of 16 codes. */
ARM_INLINE int8x16_t split_codes(const int16_t *c, bool high)
{
    int16x8_t a = vld1q_s16(c), b = vld1q_s16(c + 8);

    if (high) return vrshrn_high_n_s16(vrshrn_n_s16(a, SPLIT_BITS), b, SPLIT_BITS);
    return vuzp1q_s8(vreinterpretq_s8_s16(a), vreinterpretq_s8_s16(b));
}

/* s + `cols` columns times one half of the codes, `cols` a multiple of 16. By value, to stay in
 * registers. */
ARM_INLINE struct sums dot_columns(struct sums s, int nv, const int8_t *w,
                                   const int16_t *const c[WIDE], int cols, bool high)
{
    for (int k = 0; k < cols; k += 16, w += 256) {
        int8x16_t x[WIDE];

        ARM_UNROLL
        for (int b = 0; b < nv; b++) x[b] = split_codes(c[b] + k, high);
        QUAD(s, nv, w, x, 0);
        QUAD(s, nv, w, x, 1);
        QUAD(s, nv, w, x, 2);
        QUAD(s, nv, w, x, 3);
    }
    return s;
}

ARM_INLINE struct sums sums_rows(struct sums s, int nv) /* they stand so already */
{
    (void)nv;
    return s;
}

#include "kernels/arm/panel_body.h"

void lutra_mm_init_dotprod(struct lutra_ops *ops)
{
    ops->panel_mul = panel_mul;
    if (ops->panel_scratch < sizeof(struct panel)) ops->panel_scratch = sizeof(struct panel);
}
