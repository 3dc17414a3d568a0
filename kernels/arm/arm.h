/* SPDX-License-Identifier: MIT */
/* What the NEON kernels of this folder share: row order, scales of a unit, bytes to floats, partial
 * stores. */
#ifndef LUTRA_KERNELS_ARM_ARM_H
#define LUTRA_KERNELS_ARM_ARM_H

#ifndef __aarch64__
#error "kernels/arm is for 64-bit ARM only"
#endif

#include <arm_neon.h>
#include <string.h>

#include "kernels/ops.h"

#define ARM_INLINE static inline __attribute__((always_inline))

/* Unroll the short loop that follows, so that arrays indexed by it become registers. */
#if defined(__clang__)
#define ARM_UNROLL _Pragma("clang loop unroll(full)")
#else
#define ARM_UNROLL _Pragma("GCC unroll 16")
#endif

/* Loads stay on their side of this: gcc would rather move them all to the front of a loop, and then
 * has no registers left for sums. */
#define ARM_FENCE() __asm__ volatile("" ::: "memory")

/* Packed weights come from DRAM once; the cores' own prefetchers stop at page ends, so ask ahead.
 */
enum { LUTRA_ARM_AHEAD = 768 };

/* Sixteen floats, one per row of a tile, rows 4i..4i+3 in v[i]. */
struct lutra_rows {
    float32x4_t v[4];
};

/* D and M of one group; m is not set for the scale kinds without minima. */
struct lutra_scales {
    struct lutra_rows d, m;
};

ARM_INLINE void prefetch_bytes(const uint8_t *p, int n)
{
    for (int i = 0; i < n; i += 64) __builtin_prefetch(p + i + LUTRA_ARM_AHEAD);
}

ARM_INLINE struct lutra_rows rows_fill(float x)
{
    float32x4_t v = vdupq_n_f32(x);
    return (struct lutra_rows){{v, v, v, v}};
}

ARM_INLINE struct lutra_rows rows_load(const float *p)
{
    return (struct lutra_rows){
        {vld1q_f32(p), vld1q_f32(p + 4), vld1q_f32(p + 8), vld1q_f32(p + 12)}};
}

ARM_INLINE void rows_store(float *p, struct lutra_rows r)
{
    ARM_UNROLL
    for (int i = 0; i < 4; i++) vst1q_f32(p + 4 * i, r.v[i]);
}

/* The last tile of a matrix may have fewer than 16 rows: the others must not be written. */
ARM_INLINE void rows_store_part(float *y, struct lutra_rows r, int n)
{
    if (LUTRA_LIKELY(n >= 16)) {
        rows_store(y, r);
    } else if (n > 0) {
        float part[16];
        rows_store(part, r);
        memcpy(y, part, (size_t)n * sizeof *y);
    }
}

ARM_INLINE struct lutra_rows rows_mul(struct lutra_rows a, struct lutra_rows b)
{
    ARM_UNROLL
    for (int i = 0; i < 4; i++) a.v[i] = vmulq_f32(a.v[i], b.v[i]);
    return a;
}

ARM_INLINE struct lutra_rows rows_add(struct lutra_rows a, struct lutra_rows b)
{
    ARM_UNROLL
    for (int i = 0; i < 4; i++) a.v[i] = vaddq_f32(a.v[i], b.v[i]);
    return a;
}

ARM_INLINE struct lutra_rows rows_scale(struct lutra_rows a, float s)
{
    ARM_UNROLL
    for (int i = 0; i < 4; i++) a.v[i] = vmulq_n_f32(a.v[i], s);
    return a;
}

/* 16 bytes q to floats q - offset, exactly, with zips and a subtraction only: 0x4B0000qq is the
 * float 2^23 + q. Widening moves and conversions run at half or a quarter of that rate on
 * Cortex-A76. */
ARM_INLINE struct lutra_rows rows_from_u8(uint8x16_t q, int offset)
{
    const uint8x16_t zero = vdupq_n_u8(0);
    const uint16x8_t top = vdupq_n_u16(0x4B00);
    const float32x4_t bias = vdupq_n_f32((float)(8388608 + offset));
    uint16x8_t lo = vreinterpretq_u16_u8(vzip1q_u8(q, zero));
    uint16x8_t hi = vreinterpretq_u16_u8(vzip2q_u8(q, zero));
    struct lutra_rows r;

    r.v[0] = vsubq_f32(vreinterpretq_f32_u16(vzip1q_u16(lo, top)), bias);
    r.v[1] = vsubq_f32(vreinterpretq_f32_u16(vzip2q_u16(lo, top)), bias);
    r.v[2] = vsubq_f32(vreinterpretq_f32_u16(vzip1q_u16(hi, top)), bias);
    r.v[3] = vsubq_f32(vreinterpretq_f32_u16(vzip2q_u16(hi, top)), bias);
    return r;
}

ARM_INLINE struct lutra_rows rows_from_f16(const uint8_t *p)
{
    struct lutra_rows r;

    ARM_UNROLL
    for (int i = 0; i < 4; i++) r.v[i] = vcvt_f32_f16(vreinterpret_f16_u8(vld1_u8(p + 8 * i)));
    return r;
}

ARM_INLINE bool scales_have_min(enum lutra_scale_kind kind)
{
    return kind == LUTRA_SCALE_F16_MIN || kind == LUTRA_SCALE_SUB_MIN ||
           kind == LUTRA_SCALE_SUB_MIN4;
}

/* The f16 part of a unit's scales: d, and m or dmin. */
ARM_INLINE struct lutra_scales scales_of_unit(const uint8_t *unit, enum lutra_scale_kind kind)
{
    struct lutra_scales s;

    s.d = rows_from_f16(unit);
    s.m = scales_have_min(kind) ? rows_from_f16(unit + 32) : rows_fill(0.0f);
    return s;
}

ARM_INLINE struct lutra_rows rows_minimum(struct lutra_rows dmin, struct lutra_rows mn)
{
    ARM_UNROLL
    for (int i = 0; i < 4; i++) mn.v[i] = vnegq_f32(vmulq_f32(dmin.v[i], mn.v[i]));
    return mn;
}

/* D and M of group g of the unit whose f16 part is `u`: the formats are drawn in lut.h. */
ARM_INLINE struct lutra_scales scales_of_group(const uint8_t *unit, struct lutra_scales u,
                                               enum lutra_scale_kind kind, int g)
{
    const uint8_t *sub = unit + 64 + 16 * g;
    uint8x16_t b;

    switch (kind) {
    case LUTRA_SCALE_SUB: /* no dmin: the bytes begin 32 earlier, and they are signed */
        b = veorq_u8(vld1q_u8(sub - 32), vdupq_n_u8(0x80));
        u.d = rows_mul(u.d, rows_from_u8(b, 128));
        break;
    case LUTRA_SCALE_SUB_MIN:
        u.d = rows_mul(u.d, rows_from_u8(vld1q_u8(sub), 0));
        u.m = rows_minimum(u.m, rows_from_u8(vld1q_u8(sub + 128), 0));
        break;
    case LUTRA_SCALE_SUB_MIN4:
        b = vld1q_u8(sub);
        u.d = rows_mul(u.d, rows_from_u8(vandq_u8(b, vdupq_n_u8(15)), 0));
        u.m = rows_minimum(u.m, rows_from_u8(vshrq_n_u8(b, 4), 0));
        break;
    default: /* the unit's own, or the row's */
        break;
    }
    return u;
}

/* X of a group from the sums of 16 codes. */
ARM_INLINE int32_t group_codes(const int32_t *sums, int group)
{
    int32_t x = sums[0];

    for (int i = 1; i < group / 16; i++) x += sums[i];
    return x;
}

/* A table of 32 bytes from two places. Left alone, gcc loads anywhere and then moves each half
 * beside the other, again for every lookup. */
ARM_INLINE int8x16x2_t table_pair(const int8_t *p, const int8_t *q)
{
#if defined(__clang__)
    return (int8x16x2_t){{vld1q_s8(p), vld1q_s8(q)}};
#else
    int8x16x2_t r;
    __asm__("ld1 {%S0.16b}, [%1]\n\tld1 {%T0.16b}, [%2]"
            : "=&w"(r)
            : "r"(p), "r"(q), "m"(*(const int8_t(*)[16])p), "m"(*(const int8_t(*)[16])q));
    return r;
#endif
}

/* ---- sums that become floats ----
 * A conversion runs at a quarter of the speed of an addition. So sums start from MAGIC, the bits of
 * the float 1.5 * 2^23: MAGIC + S is that float + S while |S| < 2^22, and subtracting the float
 * gives S. Codes are centred for that: |q - centre| <= 2^(bits-1), and 32 * 16, 16 * 32 and 2 * 256
 * times LUTRA_CODE_MAX are 4161536 < 2^22 = 4194304. What centring changes, (centre - offset) * X,
 * goes into the float that is subtracted: an integer below 2^24, so exact, as is the result. */
enum { MAGIC = 0x4B400000, MAGIC_HI = MAGIC >> 8, MAGIC_VALUE = 12582912 };

struct ints {
    int32x4_t v[4]; /* rows 4i..4i+3 in v[i] */
};

ARM_INLINE int centre_of(int offset, int bits)
{
    return offset ? offset : 1 << (bits - 1);
}

/* Sums that started from MAGIC, plus an integer. */
ARM_INLINE struct lutra_rows rows_from_magic(struct ints s, int32_t plus)
{
    const float32x4_t back = vdupq_n_f32((float)(MAGIC_VALUE - plus));
    struct lutra_rows r;

    ARM_UNROLL
    for (int i = 0; i < 4; i++) r.v[i] = vsubq_f32(vreinterpretq_f32_s32(s.v[i]), back);
    return r;
}

ARM_INLINE struct lutra_rows rows_from_ints(struct ints s)
{
    struct lutra_rows r;

    ARM_UNROLL
    for (int i = 0; i < 4; i++) r.v[i] = vcvtq_f32_s32(s.v[i]);
    return r;
}

ARM_INLINE struct ints ints_fill(int32_t x)
{
    const int32x4_t v = vdupq_n_s32(x);

    return (struct ints){{v, v, v, v}};
}

ARM_INLINE struct ints ints_load(const int32_t *p)
{
    return (struct ints){{vld1q_s32(p), vld1q_s32(p + 4), vld1q_s32(p + 8), vld1q_s32(p + 12)}};
}

ARM_INLINE void ints_store(int32_t *p, struct ints s)
{
    ARM_UNROLL
    for (int i = 0; i < 4; i++) vst1q_s32(p + 4 * i, s.v[i]);
}

/* ---- runs of groups: sums weighed by sub-scales in int32, see lut.h ---- */

ARM_INLINE bool has_runs(const struct lutra_mat *m)
{
    return m->run > m->group;
}

/* The bytes sc of group g: signed in SUB ... */
ARM_INLINE uint8x16_t sub_scales(const uint8_t *unit, enum lutra_scale_kind kind, int g)
{
    if (kind == LUTRA_SCALE_SUB) return vld1q_u8(unit + 32 + 16 * g);
    const uint8x16_t b = vld1q_u8(unit + 64 + 16 * g);
    return kind == LUTRA_SCALE_SUB_MIN4 ? vandq_u8(b, vdupq_n_u8(15)) : b;
}

/* ... and mn, if there are minima. */
ARM_INLINE uint8x16_t sub_minima(const uint8_t *unit, enum lutra_scale_kind kind, int g)
{
    return kind == LUTRA_SCALE_SUB_MIN4 ? vshrq_n_u8(vld1q_u8(unit + 64 + 16 * g), 4)
                                        : vld1q_u8(unit + 192 + 16 * g);
}

/* What they weigh: bytes to int32, zips being twice as fast as moves that widen. */
ARM_INLINE struct ints weights_of(uint8x16_t q, bool is_signed)
{
    const uint8x16_t zero = vdupq_n_u8(0);
    const uint16x8_t none = vdupq_n_u16(0);

    if (is_signed) {
        const int8x16_t s = vreinterpretq_s8_u8(q);
        const int16x8_t a = vmovl_s8(vget_low_s8(s)), b = vmovl_high_s8(s);
        return (struct ints){{vmovl_s16(vget_low_s16(a)), vmovl_high_s16(a),
                              vmovl_s16(vget_low_s16(b)), vmovl_high_s16(b)}};
    }
    const uint16x8_t lo = vreinterpretq_u16_u8(vzip1q_u8(q, zero));
    const uint16x8_t hi = vreinterpretq_u16_u8(vzip2q_u8(q, zero));
    return (struct ints){
        {vreinterpretq_s32_u16(vzip1q_u16(lo, none)), vreinterpretq_s32_u16(vzip2q_u16(lo, none)),
         vreinterpretq_s32_u16(vzip1q_u16(hi, none)), vreinterpretq_s32_u16(vzip2q_u16(hi, none))}};
}

ARM_INLINE struct ints scale_weights(const uint8_t *unit, enum lutra_scale_kind kind, int g)
{
    return weights_of(sub_scales(unit, kind, g), kind == LUTRA_SCALE_SUB);
}

ARM_INLINE struct ints minimum_weights(const uint8_t *unit, enum lutra_scale_kind kind, int g)
{
    return weights_of(sub_minima(unit, kind, g), false);
}

ARM_INLINE struct ints ints_weigh(struct ints total, struct ints s, struct ints by)
{
    ARM_UNROLL
    for (int i = 0; i < 4; i++) total.v[i] = vmlaq_s32(total.v[i], s.v[i], by.v[i]);
    return total;
}

ARM_INLINE struct ints ints_weigh_by(struct ints total, struct ints s, int32_t by)
{
    ARM_UNROLL
    for (int i = 0; i < 4; i++) total.v[i] = vmlaq_n_s32(total.v[i], s.v[i], by);
    return total;
}

/* Bytes of the sums of codes of up to 16 groups, for minima by integer dot: x = part[0] +
 * 256 * part[1] + 65536 * part[2]. */
struct sum_bytes {
    int8x16_t part[3];
};

ARM_INLINE int8x16_t low_bytes(const int32x4_t x[4])
{
    const int16x8_t a = vuzp1q_s16(vreinterpretq_s16_s32(x[0]), vreinterpretq_s16_s32(x[1]));
    const int16x8_t b = vuzp1q_s16(vreinterpretq_s16_s32(x[2]), vreinterpretq_s16_s32(x[3]));

    return vuzp1q_s8(vreinterpretq_s8_s16(a), vreinterpretq_s8_s16(b));
}

ARM_INLINE struct sum_bytes split_groups(const int32_t *sums, int group, int groups)
{
    int32_t x[16] = {0};
    int32x4_t v[4];
    struct sum_bytes r;

    for (int g = 0; g < groups; g++) x[g] = group_codes(sums + g * (group / 16), group);
    ARM_UNROLL
    for (int i = 0; i < 4; i++) v[i] = vld1q_s32(x + 4 * i);
    ARM_UNROLL
    for (int p = 0; p < 3; p++) {
        r.part[p] = low_bytes(v);
        ARM_UNROLL
        for (int i = 0; i < 4; i++) v[i] = vrshrq_n_s32(v[i], 8);
    }
    return r;
}

/* The end of a run: acc + d * total ... */
ARM_INLINE struct lutra_rows rows_add_run(struct lutra_rows acc, struct lutra_rows d,
                                          struct ints total)
{
    return rows_add(acc, rows_mul(d, rows_from_ints(total)));
}

/* ... and, if there are minima, - dmin * theirs. */
ARM_INLINE struct lutra_rows rows_sub_run(struct lutra_rows acc, struct lutra_rows dmin,
                                          struct ints minima)
{
    ARM_UNROLL
    for (int i = 0; i < 4; i++)
        acc.v[i] = vsubq_f32(acc.v[i], vmulq_f32(dmin.v[i], vcvtq_f32_s32(minima.v[i])));
    return acc;
}

/* ---- between files ---- */

/* planes_lookup of tiles [tile0, tile1): y[row of the matrix] */
struct planes_job {
    float *y;
    const struct lutra_mat *m;
    const uint8_t *tab; /* quad tables of the vector */
    const int32_t *sums;
    float scale;
    int tile0, tile1;
};

void lutra_planes_bits_neon(const struct planes_job *j); /* weights of one bit */

/* Eight columns of codes, 16 rows each. */
struct columns {
    uint8x16_t c[8];
};

/* Four columns after each other to four bytes of each row. */
ARM_INLINE void zip_four(uint8x16_t to[4], const uint8x16_t c[4])
{
    const uint16x8_t a = vreinterpretq_u16_u8(vzip1q_u8(c[0], c[1]));
    const uint16x8_t b = vreinterpretq_u16_u8(vzip1q_u8(c[2], c[3]));
    const uint16x8_t d = vreinterpretq_u16_u8(vzip2q_u8(c[0], c[1]));
    const uint16x8_t e = vreinterpretq_u16_u8(vzip2q_u8(c[2], c[3]));

    to[0] = vreinterpretq_u8_u16(vzip1q_u16(a, b));
    to[1] = vreinterpretq_u8_u16(vzip2q_u16(a, b));
    to[2] = vreinterpretq_u8_u16(vzip1q_u16(d, e));
    to[3] = vreinterpretq_u8_u16(vzip2q_u16(d, e));
}

/* What bytes of a panel are: q - off, or, where sub-scales fit, off - q * by. */
struct less {
    uint8x16_t off, by;
    bool fold;
};

ARM_INLINE struct less less_fill(int off)
{
    return (struct less){vdupq_n_u8((uint8_t)off), vdupq_n_u8(0), false};
}

ARM_INLINE uint8x16_t codes_less(uint8x16_t q, struct less l)
{
    return l.fold ? vmlsq_u8(l.off, q, l.by) : vsubq_u8(q, l.off);
}

ARM_INLINE struct columns columns_less(struct columns u, struct less l)
{
    ARM_UNROLL
    for (int i = 0; i < 8; i++) u.c[i] = codes_less(u.c[i], l);
    return u;
}

#endif
