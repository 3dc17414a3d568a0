/* SPDX-License-Identifier: MIT */
/* Products without tables on ARMv8.6 with SMMLA, which multiplies two rows of eight bytes with two
 * vectors of eight: twice the products of SDOT in an instruction. In a panel eight columns of a row
 * stand beside eight of the next. */
#include "kernels/arm/arm_init.h"
#include "kernels/arm/panel_types.h"

#if !defined(__ARM_FEATURE_MATMUL_INT8)
#error "compile with -march=armv8.2-a+dotprod+i8mm (the Makefile does so for *_i8mm.c)"
#endif

enum { LEAST = 2 };

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

ARM_INLINE void put_columns(int8_t *w, struct columns u, uint8x16_t off)
{
    uint16x8_t p[8];

    ARM_UNROLL
    for (int i = 0; i < 4; i++) {
        uint8x16_t a = vsubq_u8(u.c[2 * i], off), b = vsubq_u8(u.c[2 * i + 1], off);
        p[i] = zip_low(a, b);
        p[i + 4] = zip_high(a, b);
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

/* ---- products: 16 rows of a panel with up to four vectors ---- */

/* The low or the high bytes of eight codes of two vectors. */
ARM_INLINE int8x16_t split_codes(const int16_t *c, const int16_t *d, bool high)
{
    int16x8_t a = vld1q_s16(c), b = vld1q_s16(d);

    if (high) return vrshrn_high_n_s16(vrshrn_n_s16(a, SPLIT_BITS), b, SPLIT_BITS);
    return vuzp1q_s8(vreinterpretq_s8_s16(a), vreinterpretq_s8_s16(b));
}

/* s + `cols` columns times one half of the codes, `cols` a multiple of 8: as long as sums grow,
 * v[2p + i/4][i%4] belongs to vectors 2p, 2p+1 and rows 2i, 2i+1. */
ARM_INLINE struct sums dot_columns(struct sums s, int nv, const int8_t *w,
                                   const int16_t *const c[WIDE], int cols, bool high)
{
    for (int k = 0; k < cols; k += 8, w += 128) {
        int8x16_t x[WIDE / 2];

        ARM_UNROLL
        for (int p = 0; p < nv / 2; p++) x[p] = split_codes(c[2 * p] + k, c[2 * p + 1] + k, high);
        ARM_UNROLL
        for (int i = 0; i < 8; i++) {
            const int8x16_t rows = vld1q_s8(w + 16 * i);
            if (i % 4 == 3) ARM_FENCE();
            ARM_UNROLL
            for (int p = 0; p < nv / 2; p++)
                s.v[2 * p + i / 4][i % 4] = vmmlaq_s32(s.v[2 * p + i / 4][i % 4], rows, x[p]);
        }
    }
    return s;
}

/* Row 2i of both vectors and row 2i+1 of both: apart. */
ARM_INLINE struct sums sums_rows(struct sums s, int nv)
{
    struct sums r;

    ARM_UNROLL
    for (int i = 0; i < 2 * nv; i++) {
        const int p = i / 4, j = i % 4;
        int32x4_t a = s.v[2 * p + j / 2][2 * j % 4], b = s.v[2 * p + j / 2][2 * j % 4 + 1];
        r.v[2 * p][j] = vuzp1q_s32(a, b);
        r.v[2 * p + 1][j] = vuzp2q_s32(a, b);
    }
    return r;
}

#include "kernels/arm/panel_body.h"

void lutra_mm_init_i8mm(struct lutra_ops *ops)
{
    ops->panel_mul = panel_mul;
    if (ops->panel_scratch < sizeof(struct panel)) ops->panel_scratch = sizeof(struct panel);
}
