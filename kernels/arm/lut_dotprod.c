/* SPDX-License-Identifier: MIT */
/* Table lookup on ARMv8.2 with SDOT, PLANES of two bits and more: four entries of a row, one of
 * each plane, stand beside each other, and SDOT with 1, 2, 4, 8 weighs and adds them to int32. It
 * multiplies entries by powers of two, never a code by an activation. NEON takes two additions to
 * widen what this takes one for, and shifts between planes.
 *
 * One bit and TERN are looked up as NEON does. */
#include "kernels/arm/arm_init.h"
#include "kernels/arm/lookup_dotprod.h"

#if !defined(__ARM_FEATURE_DOTPROD)
#error "compile with -march=armv8.2-a+dotprod (the Makefile does so for *_dotprod.c)"
#endif

/* Four planes of one octet. */
ARM_INLINE struct dots look_four(struct dots s, const uint8_t *code, const uint8_t *tab)
{
    const int8_t *t = (const int8_t *)tab;
    const int8x16_t lo0 = vld1q_s8(t), hi0 = vld1q_s8(t + 16);
    const int8x16_t lo1 = vld1q_s8(t + 32), hi1 = vld1q_s8(t + 48);
    const int8x16_t by = vreinterpretq_s8_u32(vdupq_n_u32(0x08040201));
    const struct codes c = join_blocks(code, code + 32);

    ARM_UNROLL
    for (int i = 0; i < 4; i++) {
        uint8x16_t e0 = vandq_u8(c.c[i], vdupq_n_u8(15)), e1 = vshrq_n_u8(c.c[i], 4);
        s.lo[i] = vdotq_s32(s.lo[i], vqtbl1q_s8(lo0, e0), by);
        s.hi[i] = vdotq_s32(s.hi[i], vqtbl1q_s8(hi0, e0), by);
        s.lo[i] = vdotq_s32(s.lo[i], vqtbl1q_s8(lo1, e1), by);
        s.hi[i] = vdotq_s32(s.hi[i], vqtbl1q_s8(hi1, e1), by);
    }
    return s;
}

/* The odd plane of a group in int16: at most 32 columns, 8 entries of 128. Even bytes belong to
 * quads 0 and 1, odd ones to 2 and 3, so neighbours add up. Slots 0-7 and 8-15. */
struct odd_sums {
    int16x8_t lo[2], hi[2];
};

ARM_INLINE struct odd_sums look_odd(struct odd_sums s, const uint8_t *code, const uint8_t *tab)
{
    const int8_t *t = (const int8_t *)tab;
    const int8x16x2_t lo0 = table_pair(t, t + 64);
    const int8x16x2_t hi0 = table_pair(t + 16, t + 80);
    const int8x16x2_t lo1 = table_pair(t + 32, t + 96);
    const int8x16x2_t hi1 = table_pair(t + 48, t + 112);
    const uint8x16_t second = vreinterpretq_u8_u16(vdupq_n_u16(0x1000));

    ARM_UNROLL
    for (int i = 0; i < 2; i++) {
        uint8x16_t c = vld1q_u8(code + 16 * i);
        uint8x16_t e0 = vbslq_u8(vdupq_n_u8(15), c, second);
        uint8x16_t e1 = vorrq_u8(vshrq_n_u8(c, 4), second);
        s.lo[i] = vpadalq_s8(s.lo[i], vqtbl2q_s8(lo0, e0));
        s.hi[i] = vpadalq_s8(s.hi[i], vqtbl2q_s8(hi0, e0));
        s.lo[i] = vpadalq_s8(s.lo[i], vqtbl2q_s8(lo1, e1));
        s.hi[i] = vpadalq_s8(s.hi[i], vqtbl2q_s8(hi1, e1));
    }
    return s;
}

/* 2^shift * x for the shifts of 3 and 5 bits; clang takes literal counts only */
ARM_INLINE int32x4_t low_shifted(int16x8_t x, int shift)
{
    return shift == 2 ? vshll_n_s16(vget_low_s16(x), 2) : vshll_n_s16(vget_low_s16(x), 4);
}

ARM_INLINE int32x4_t high_shifted(int16x8_t x, int shift)
{
    return shift == 2 ? vshll_high_n_s16(x, 2) : vshll_high_n_s16(x, 4);
}

/* s + 2^shift * odd, shift 2 or 4 */
ARM_INLINE struct dots add_odd(struct dots s, struct odd_sums o, int shift)
{
    ARM_UNROLL
    for (int i = 0; i < 2; i++) { /* slots 8i..8i+3 are rows 4i.., the others rows 4i + 8.. */
        s.lo[i] = vaddq_s32(s.lo[i], low_shifted(o.lo[i], shift));
        s.hi[i] = vaddq_s32(s.hi[i], low_shifted(o.hi[i], shift));
        s.lo[i + 2] = vaddq_s32(s.lo[i + 2], high_shifted(o.lo[i], shift));
        s.hi[i + 2] = vaddq_s32(s.hi[i + 2], high_shifted(o.hi[i], shift));
    }
    return s;
}

ARM_INLINE struct ints group_ints(const uint8_t *code, const uint8_t *tab, int bits, int group,
                                  int32_t start)
{
    const int pairs = bits / 2, octet = pairs * 32;
    const int16x8_t none = vdupq_n_s16(0);
    struct odd_sums odd = {{none, none}, {none, none}};
    struct dots s = dots_fill(start);

    for (int k = 0; k < group; k += LUTRA_STEP_K, code += bits * 32, tab += 128) {
        if (pairs >= 2) {
            ARM_FENCE();
            s = look_four(s, code, tab);
            ARM_FENCE();
            s = look_four(s, code + octet, tab + 64);
        }
        if (pairs % 2) {
            const uint8_t *p = code + octet - 32;
            ARM_FENCE();
            s = look_two(s, p, p + octet, tab, 2 * pairs - 2);
        }
        if (bits % 2) ARM_FENCE();
        if (bits % 2) odd = look_odd(odd, code + 2 * octet, tab);
    }
    if (bits == 3) s = add_odd(s, odd, 2);
    if (bits == 5) s = add_odd(s, odd, 4);
    return dots_join(s);
}

static void planes_bits(const struct planes_job *j)
{
    lutra_planes_bits_neon(j);
}

#include "kernels/arm/planes_body.h"

void lutra_lut_init_dotprod(struct lutra_ops *ops)
{
    ops->planes_lookup = planes_lookup;
}
