/* SPDX-License-Identifier: MIT */
/* Quad tables looked up with NEON: a pair of planes, a single plane of 32 rows. */
#ifndef LUTRA_KERNELS_ARM_LOOKUP_NEON_H
#define LUTRA_KERNELS_ARM_LOOKUP_NEON_H

#include "kernels/arm/arm.h"

/* Lookup sums of a tile, low and high bytes apart. Vector i has slots 4i..4i+3 (rows 0, 8, 4, 12
 * on), an even and an odd lane per slot. */
struct sums {
    int16x8_t lo[4], hi[4];
};

/* acc[0] += the low lanes of two vectors of entries, acc[1] += the high ones; or = if `first`.
 * Adding one at a time keeps few registers alive, which is what gcc lacks here. */
ARM_INLINE void widen_add(int16x8_t *acc, int8x16_t a, int8x16_t b, bool first)
{
    if (first) {
        acc[0] = vaddl_s8(vget_low_s8(a), vget_low_s8(b));
        acc[1] = vaddl_high_s8(a, b);
    } else {
        acc[0] = vaddw_s8(vaddw_s8(acc[0], vget_low_s8(a)), vget_low_s8(b));
        acc[1] = vaddw_high_s8(vaddw_high_s8(acc[1], a), b);
    }
}

/* Lanes times 2^even and 2^odd. */
ARM_INLINE struct sums sums_shift(struct sums a, int even, int odd)
{
    const int16x8_t by = vreinterpretq_s16_s32(vdupq_n_s32(odd << 16 | even));

    ARM_UNROLL
    for (int i = 0; i < 4; i++) {
        a.lo[i] = vshlq_s16(a.lo[i], by);
        a.hi[i] = vshlq_s16(a.hi[i], by);
    }
    return a;
}

/* One octet of one plane pair: 32 code bytes, the tables of two quads. Even lanes: plane 2p, odd:
 * 2p+1. */
ARM_INLINE struct sums look_pair(struct sums s, const uint8_t *code, const uint8_t *tab, bool first)
{
    const int8x16_t lo0 = vld1q_s8((const int8_t *)tab), hi0 = vld1q_s8((const int8_t *)tab + 16);
    const int8x16_t lo1 = vld1q_s8((const int8_t *)tab + 32),
                    hi1 = vld1q_s8((const int8_t *)tab + 48);

    ARM_UNROLL
    for (int i = 0; i < 2; i++) {
        uint8x16_t c = vld1q_u8(code + 16 * i);
        uint8x16_t e0 = vandq_u8(c, vdupq_n_u8(15)), e1 = vshrq_n_u8(c, 4);
        int8x16_t l0 = vqtbl1q_s8(lo0, e0), l1 = vqtbl1q_s8(lo1, e1);
        int8x16_t h0 = vqtbl1q_s8(hi0, e0), h1 = vqtbl1q_s8(hi1, e1);

        widen_add(s.lo + 2 * i, l0, l1, first);
        widen_add(s.hi + 2 * i, h0, h1, first);
    }
    return s;
}

/* Even lanes + 2 * odd ones. */
ARM_INLINE int16x8_t add_pairs(int16x8_t a, int16x8_t b)
{
    return vaddq_s16(vpaddq_s16(a, b), vuzp2q_s16(a, b));
}

/* lo + 256 * hi */
ARM_INLINE void join_bytes(int32x4_t *a, int32x4_t *b, int16x8_t lo, int16x8_t hi)
{
    *a = vaddw_s16(vshll_n_s16(vget_low_s16(hi), 8), vget_low_s16(lo));
    *b = vaddw_high_s16(vshll_high_n_s16(hi, 8), lo);
}

/* S of 16 rows whose neighbouring lanes weigh 1 and 2, rows in natural order: slots 4-7 and 8-11
 * change places in the pairwise add. */
ARM_INLINE struct ints sums_join(struct sums s)
{
    struct ints r;

    ARM_UNROLL
    for (int i = 0; i < 2; i++)
        join_bytes(&r.v[2 * i], &r.v[2 * i + 1], add_pairs(s.lo[i], s.lo[i + 2]),
                   add_pairs(s.hi[i], s.hi[i + 2]));
    return r;
}

/* One plane of 32 rows, an octet of which lies like a pair of 16: S of half of the rows. look_pair
 * leaves rows 0-3, 8-11 in vector 0, 16-19, 24-27 in 1, 4-7, 12-15 in 2, 20-23, 28-31 in 3. */
ARM_INLINE struct ints sums_half(const struct sums *s, int half)
{
    struct ints r;

    ARM_UNROLL
    for (int i = 0; i < 2; i++)
        join_bytes(&r.v[i], &r.v[i + 2], s->lo[2 * i + half], s->hi[2 * i + half]);
    return r;
}

#endif
