/* SPDX-License-Identifier: MIT */
/* Quad tables looked up with TBL, entries weighed and added with SDOT. */
#ifndef LUTRA_KERNELS_ARM_LOOKUP_DOTPROD_H
#define LUTRA_KERNELS_ARM_LOOKUP_DOTPROD_H

#include "kernels/arm/arm.h"

/* Low and high byte sums of 16 rows. */
struct dots {
    int32x4_t lo[4], hi[4];
};

/* Code bytes of two blocks of 32, two bytes of a row of each side by side: rows 4i..4i+3 in c[i],
 * see lutra_lut_slot. */
struct codes {
    uint8x16_t c[4];
};

ARM_INLINE struct codes join_blocks(const uint8_t *p, const uint8_t *q)
{
    uint16x8_t a = vreinterpretq_u16_u8(vld1q_u8(p)), b = vreinterpretq_u16_u8(vld1q_u8(p + 16));
    uint16x8_t c = vreinterpretq_u16_u8(vld1q_u8(q)), d = vreinterpretq_u16_u8(vld1q_u8(q + 16));

    return (struct codes){
        {vreinterpretq_u8_u16(vzip1q_u16(a, c)), vreinterpretq_u8_u16(vzip1q_u16(b, d)),
         vreinterpretq_u8_u16(vzip2q_u16(a, c)), vreinterpretq_u8_u16(vzip2q_u16(b, d))}};
}

ARM_INLINE struct dots dots_fill(int32_t start)
{
    const int32x4_t a = vdupq_n_s32(start), z = vdupq_n_s32(0);

    return (struct dots){{a, a, a, a}, {z, z, z, z}};
}

ARM_INLINE struct ints dots_join(struct dots s)
{
    struct ints r;

    ARM_UNROLL
    for (int i = 0; i < 4; i++) r.v[i] = vaddq_s32(s.lo[i], vshlq_n_s32(s.hi[i], 8));
    return r;
}

/* Two planes of both octets, at p and q, the lower one weighing 2^shift: the tables go in pairs,
 * and bytes of the second octet get index + 16. */
ARM_INLINE struct dots look_two(struct dots s, const uint8_t *p, const uint8_t *q,
                                const uint8_t *tab, int shift)
{
    const int8_t *t = (const int8_t *)tab;
    const int8x16x2_t lo0 = table_pair(t, t + 64);
    const int8x16x2_t hi0 = table_pair(t + 16, t + 80);
    const int8x16x2_t lo1 = table_pair(t + 32, t + 96);
    const int8x16x2_t hi1 = table_pair(t + 48, t + 112);
    const int8x16_t by = vreinterpretq_s8_u32(vdupq_n_u32(0x02010201u << shift));
    const uint8x16_t second = vreinterpretq_u8_u32(vdupq_n_u32(0x10100000));
    const struct codes c = join_blocks(p, q);

    ARM_UNROLL
    for (int i = 0; i < 4; i++) {
        uint8x16_t e0 = vbslq_u8(vdupq_n_u8(15), c.c[i], second);
        uint8x16_t e1 = vorrq_u8(vshrq_n_u8(c.c[i], 4), second);
        s.lo[i] = vdotq_s32(s.lo[i], vqtbl2q_s8(lo0, e0), by);
        s.hi[i] = vdotq_s32(s.hi[i], vqtbl2q_s8(hi0, e0), by);
        s.lo[i] = vdotq_s32(s.lo[i], vqtbl2q_s8(lo1, e1), by);
        s.hi[i] = vdotq_s32(s.hi[i], vqtbl2q_s8(hi1, e1), by);
    }
    return s;
}

#endif
