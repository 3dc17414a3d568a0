/* SPDX-License-Identifier: MIT */
/* Sixteen virtual lanes in four NEON registers; the primitives are those of lanes_scalar.h. */
#ifndef LUTRA_KERNELS_ARM_LANES_NEON_H
#define LUTRA_KERNELS_ARM_LANES_NEON_H

#if !defined(__aarch64__) || !defined(__ARM_NEON)
#error "compile for 64-bit ARM with NEON"
#endif

#include <arm_neon.h>

#include "kernels/vec.h"

typedef struct {
    float32x4_t a, b, c, d; /* lanes 0-3, 4-7, 8-11, 12-15 */
} v16f;

typedef struct {
    int32x4_t a, b, c, d;
} v16i;

enum { V_TILE = 2 }; /* V_TILE * V_TILE sums and a few more stay in registers (2 or 4) */
enum { V_ALONE = 0 }; /* float keys (positions * dims) below which heads go one by one */

/* ---- loads and stores ---- */

LUTRA_LANES v16f v_load(const float *p)
{
    return (v16f){vld1q_f32(p), vld1q_f32(p + 4), vld1q_f32(p + 8), vld1q_f32(p + 12)};
}

LUTRA_LANES void v_store(float *p, v16f x)
{
    vst1q_f32(p, x.a);
    vst1q_f32(p + 4, x.b);
    vst1q_f32(p + 8, x.c);
    vst1q_f32(p + 12, x.d);
}

LUTRA_LANES v16f v_load_f16(const uint16_t *p)
{
    float16x8_t lo = vreinterpretq_f16_u16(vld1q_u16(p));
    float16x8_t hi = vreinterpretq_f16_u16(vld1q_u16(p + 8));
    return (v16f){vcvt_f32_f16(vget_low_f16(lo)), vcvt_high_f32_f16(lo),
                  vcvt_f32_f16(vget_low_f16(hi)), vcvt_high_f32_f16(hi)};
}

LUTRA_LANES void v_store_f16(uint16_t *p, v16f x) /* rounding mode is nearest even by default */
{
    vst1q_u16(p, vreinterpretq_u16_f16(vcvt_high_f16_f32(vcvt_f16_f32(x.a), x.b)));
    vst1q_u16(p + 8, vreinterpretq_u16_f16(vcvt_high_f16_f32(vcvt_f16_f32(x.c), x.d)));
}

LUTRA_LANES v16f v_load_bf16(const uint16_t *p)
{
    uint16x8_t lo = vld1q_u16(p), hi = vld1q_u16(p + 8);
    return (v16f){vreinterpretq_f32_u32(vshll_n_u16(vget_low_u16(lo), 16)),
                  vreinterpretq_f32_u32(vshll_high_n_u16(lo, 16)),
                  vreinterpretq_f32_u32(vshll_n_u16(vget_low_u16(hi), 16)),
                  vreinterpretq_f32_u32(vshll_high_n_u16(hi, 16))};
}

LUTRA_LANES void v_load_pairs(v16f *even, v16f *odd, const float *p)
{
    float32x4x2_t a = vld2q_f32(p), b = vld2q_f32(p + 8);
    float32x4x2_t c = vld2q_f32(p + 16), d = vld2q_f32(p + 24);
    *even = (v16f){a.val[0], b.val[0], c.val[0], d.val[0]};
    *odd = (v16f){a.val[1], b.val[1], c.val[1], d.val[1]};
}

LUTRA_LANES void v_store_pairs(float *p, v16f even, v16f odd)
{
    vst2q_f32(p, ((float32x4x2_t){{even.a, odd.a}}));
    vst2q_f32(p + 8, ((float32x4x2_t){{even.b, odd.b}}));
    vst2q_f32(p + 16, ((float32x4x2_t){{even.c, odd.c}}));
    vst2q_f32(p + 24, ((float32x4x2_t){{even.d, odd.d}}));
}

/* ---- float arithmetic; never vmla/vfma, they may fuse ---- */

LUTRA_LANES v16f v_set(float x)
{
    float32x4_t q = vdupq_n_f32(x);
    return (v16f){q, q, q, q};
}

LUTRA_LANES v16f v_add(v16f x, v16f y)
{
    return (v16f){vaddq_f32(x.a, y.a), vaddq_f32(x.b, y.b), vaddq_f32(x.c, y.c),
                  vaddq_f32(x.d, y.d)};
}

LUTRA_LANES v16f v_sub(v16f x, v16f y)
{
    return (v16f){vsubq_f32(x.a, y.a), vsubq_f32(x.b, y.b), vsubq_f32(x.c, y.c),
                  vsubq_f32(x.d, y.d)};
}

LUTRA_LANES v16f v_mul(v16f x, v16f y)
{
    return (v16f){vmulq_f32(x.a, y.a), vmulq_f32(x.b, y.b), vmulq_f32(x.c, y.c),
                  vmulq_f32(x.d, y.d)};
}

LUTRA_LANES v16f v_div(v16f x, v16f y)
{
    return (v16f){vdivq_f32(x.a, y.a), vdivq_f32(x.b, y.b), vdivq_f32(x.c, y.c),
                  vdivq_f32(x.d, y.d)};
}

/* Not vmaxq_f32: that one keeps NaN and orders the zeros. */
LUTRA_LANES float32x4_t max4(float32x4_t x, float32x4_t y)
{
    return vbslq_f32(vcgtq_f32(x, y), x, y);
}

LUTRA_LANES float32x4_t min4(float32x4_t x, float32x4_t y)
{
    return vbslq_f32(vcltq_f32(x, y), x, y);
}

LUTRA_LANES v16f v_max(v16f x, v16f y)
{
    return (v16f){max4(x.a, y.a), max4(x.b, y.b), max4(x.c, y.c), max4(x.d, y.d)};
}

LUTRA_LANES v16f v_min(v16f x, v16f y)
{
    return (v16f){min4(x.a, y.a), min4(x.b, y.b), min4(x.c, y.c), min4(x.d, y.d)};
}

LUTRA_LANES float32x4_t keep4(uint32x4_t mask, float32x4_t x)
{
    return vreinterpretq_f32_u32(vandq_u32(mask, vreinterpretq_u32_f32(x)));
}

LUTRA_LANES v16f v_if_at_least(v16f x, v16f y, v16f yes)
{
    return (v16f){keep4(vcgeq_f32(x.a, y.a), yes.a), keep4(vcgeq_f32(x.b, y.b), yes.b),
                  keep4(vcgeq_f32(x.c, y.c), yes.c), keep4(vcgeq_f32(x.d, y.d), yes.d)};
}

/* ---- the same bits as integers ---- */

LUTRA_LANES v16i v_bits(v16f x)
{
    return (v16i){vreinterpretq_s32_f32(x.a), vreinterpretq_s32_f32(x.b),
                  vreinterpretq_s32_f32(x.c), vreinterpretq_s32_f32(x.d)};
}

LUTRA_LANES v16f v_from_bits(v16i x)
{
    return (v16f){vreinterpretq_f32_s32(x.a), vreinterpretq_f32_s32(x.b),
                  vreinterpretq_f32_s32(x.c), vreinterpretq_f32_s32(x.d)};
}

LUTRA_LANES v16i vi_set(int32_t x)
{
    int32x4_t q = vdupq_n_s32(x);
    return (v16i){q, q, q, q};
}

LUTRA_LANES v16i vi_add(v16i x, v16i y)
{
    return (v16i){vaddq_s32(x.a, y.a), vaddq_s32(x.b, y.b), vaddq_s32(x.c, y.c),
                  vaddq_s32(x.d, y.d)};
}

LUTRA_LANES v16i vi_sub(v16i x, v16i y)
{
    return (v16i){vsubq_s32(x.a, y.a), vsubq_s32(x.b, y.b), vsubq_s32(x.c, y.c),
                  vsubq_s32(x.d, y.d)};
}

LUTRA_LANES v16i vi_and(v16i x, v16i y)
{
    return (v16i){vandq_s32(x.a, y.a), vandq_s32(x.b, y.b), vandq_s32(x.c, y.c),
                  vandq_s32(x.d, y.d)};
}

LUTRA_LANES v16i vi_or(v16i x, v16i y)
{
    return (v16i){vorrq_s32(x.a, y.a), vorrq_s32(x.b, y.b), vorrq_s32(x.c, y.c),
                  vorrq_s32(x.d, y.d)};
}

LUTRA_LANES v16i vi_max(v16i x, v16i y)
{
    return (v16i){vmaxq_s32(x.a, y.a), vmaxq_s32(x.b, y.b), vmaxq_s32(x.c, y.c),
                  vmaxq_s32(x.d, y.d)};
}

LUTRA_LANES v16i vi_shl23(v16i x)
{
    return (v16i){vshlq_n_s32(x.a, 23), vshlq_n_s32(x.b, 23), vshlq_n_s32(x.c, 23),
                  vshlq_n_s32(x.d, 23)};
}

LUTRA_LANES void vi_store_i16(int16_t *p, v16i x)
{
    vst1q_s16(p, vmovn_high_s32(vmovn_s32(x.a), x.b));
    vst1q_s16(p + 8, vmovn_high_s32(vmovn_s32(x.c), x.d));
}

/* ---- reductions ---- */

LUTRA_LANES float32x2_t fold_to_two(v16f x) /* lanes i+8, i+4, i+2 folded in */
{
    float32x4_t q = vaddq_f32(vaddq_f32(x.a, x.c), vaddq_f32(x.b, x.d));
    return vadd_f32(vget_low_f32(q), vget_high_f32(q));
}

LUTRA_LANES float v_sum(v16f x)
{
    float32x2_t two = fold_to_two(x);
    return vget_lane_f32(vpadd_f32(two, two), 0);
}

LUTRA_LANES void v_sum4(float *out, v16f x, v16f y, v16f z, v16f w)
{
    vst1_f32(out, vpadd_f32(fold_to_two(x), fold_to_two(y)));
    vst1_f32(out + 2, vpadd_f32(fold_to_two(z), fold_to_two(w)));
}

LUTRA_LANES float v_max_lane(v16f x)
{
    float32x4_t q = max4(max4(x.a, x.c), max4(x.b, x.d));
    q = max4(q, vextq_f32(q, q, 2));
    float l0 = vgetq_lane_f32(q, 0), l1 = vgetq_lane_f32(q, 1);
    return l0 > l1 ? l0 : l1;
}

LUTRA_LANES int32_t vi_sum(v16i x)
{
    return vaddvq_s32(vaddq_s32(vaddq_s32(x.a, x.b), vaddq_s32(x.c, x.d)));
}

LUTRA_LANES int32_t vi_max_lane(v16i x)
{
    return vmaxvq_s32(vmaxq_s32(vmaxq_s32(x.a, x.b), vmaxq_s32(x.c, x.d)));
}

#endif
