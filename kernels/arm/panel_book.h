/* SPDX-License-Identifier: MIT */
/* BOOK groups as panels of bytes. The file that includes this defines put_quads(w, quad): four rows
 * of an octet, [row][4] columns 0-3 and 4-7, to their place w in 128 bytes. */
#ifndef LUTRA_KERNELS_ARM_PANEL_BOOK_H
#define LUTRA_KERNELS_ARM_PANEL_BOOK_H

#include "kernels/arm/arm.h"

static void unpack_book(int8_t *w, const struct lutra_mat *m, const uint8_t *code)
{
    static const uint8_t back[16] = {0, 2, 1, 3, 4, 6, 5, 7, 8, 10, 9, 11, 12, 14, 13, 15};
    const uint8x16_t order = vld1q_u8(back);
    const int8x16_t book = vld1q_s8(m->book);

    for (int k = 0; k < m->group; k += 8, w += 8 * 16) {
        ARM_UNROLL
        for (int i = 0; i < 4; i++, code += 16) {
            const uint8x16_t x = vld1q_u8(code);
            /* columns 0 4 1 5 of each row, and 2 6 3 7: see lut.h */
            const int8x16_t a = vqtbl1q_s8(book, vandq_u8(x, vdupq_n_u8(15)));
            const int8x16_t b = vqtbl1q_s8(book, vshrq_n_u8(x, 4));

            put_quads(w, i, vqtbl1q_s8(vtrn1q_s8(a, b), order),
                      vqtbl1q_s8(vtrn2q_s8(a, b), order));
        }
    }
}

/* D of group g of the unit whose f16 part is `u`. */
ARM_INLINE struct lutra_scales book_scales(const struct lutra_mat *m, const uint8_t *unit,
                                           struct lutra_scales u, int g)
{
    if (m->scales == LUTRA_SCALE_SUB) return scales_of_group(unit, u, LUTRA_SCALE_SUB, g);
    if (m->scales == LUTRA_SCALE_F16_EACH) {
        u.d = rows_from_f16(unit + 32 * g);
        return u;
    }
    const uint8x16_t e = vld1q_u8(unit + 16 * g), zero = vdupq_n_u8(0);
    const uint16x8_t lo = vreinterpretq_u16_u8(vzip1q_u8(e, zero));
    const uint16x8_t hi = vreinterpretq_u16_u8(vzip2q_u8(e, zero));
    const uint32x4_t wide[4] = {vmovl_u16(vget_low_u16(lo)), vmovl_high_u16(lo),
                                vmovl_u16(vget_low_u16(hi)), vmovl_high_u16(hi)};
    ARM_UNROLL
    for (int i = 0; i < 4; i++) /* 2^(e - 128), of e = 0 not a normal float: half of 2^(e - 127) */
        u.d.v[i] = vmulq_n_f32(vreinterpretq_f32_u32(vmaxq_u32(vshlq_n_u32(wide[i], 23),
                                                               vdupq_n_u32(0x400000))),
                               0.5f);
    return u;
}

#endif
