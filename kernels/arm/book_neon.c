/* SPDX-License-Identifier: MIT */
/* BOOK matrices with NEON: what book_quarter_body.h asks for. Bytes of low and of high nibbles
 * pass through the book; even and odd bytes, widened to 16 bits, are columns 2i, 2i+1 of a row, two
 * rows to a half register. Sums of even and odd columns stay apart until the group's end. With SDOT
 * a panel is faster, even for one vector: see book_panel. */
#include "kernels/book.h"
#include "kernels/ops.h"
#include "kernels/arm/arm.h"

#define BOOK_INLINE ARM_INLINE
#define BOOK_UNROLL ARM_UNROLL
typedef float32x4_t floats;
typedef int32x4_t ints;
typedef int8x16_t bytes;

ARM_INLINE float32x4_t no_floats(void)
{
    return vdupq_n_f32(0);
}

ARM_INLINE int8x16_t load_book(const int8_t *values)
{
    return vld1q_s8(values);
}

/* The processor sees streams by itself. */
ARM_INLINE void fetch(const uint8_t *unit, size_t n)
{
    (void)unit;
    (void)n;
}

/* Codes 2i, 2i+1 of a vector, again and again. */
ARM_INLINE int16x8_t two_codes(const int16_t *c)
{
    int32_t both;
    memcpy(&both, c, sizeof both);
    return vreinterpretq_s16_s32(vdupq_n_s32(both));
}

ARM_INLINE float32x4_t four_halves(const uint8_t *p)
{
    return vcvt_f32_f16(vreinterpret_f16_u8(vld1_u8(p)));
}

/* Four bytes in the low bits of four lanes. */
ARM_INLINE uint32x4_t four_bytes(const uint8_t *p)
{
    uint32_t four;
    memcpy(&four, p, sizeof four);
    return vmovl_u16(vget_low_u16(vmovl_u8(vreinterpret_u8_u32(vdup_n_u32(four)))));
}

/* D of group g of a unit, rows 4*part ..; half = f16 scales of SUB, read once a unit. */
ARM_INLINE float32x4_t group_d(enum lutra_scale_kind kind, const uint8_t *unit, int g, int part,
                               float32x4_t half)
{
    if (kind == LUTRA_SCALE_F16_EACH) return four_halves(unit + 32 * g + 8 * part);
    if (kind == LUTRA_SCALE_E8M0) {
        uint32x4_t e = vshlq_n_u32(four_bytes(unit + 16 * g + 4 * part), 23);
        e = vmaxq_u32(e, vdupq_n_u32(0x400000));
        return vmulq_n_f32(vreinterpretq_f32_u32(e), 0.5f);
    }
    uint32x4_t sc = vshlq_n_u32(four_bytes(unit + 32 + 16 * g + 4 * part), 24);
    return vmulq_f32(half, vcvtq_f32_s32(vshrq_n_s32(vreinterpretq_s32_u32(sc), 24)));
}

ARM_INLINE void unpack(int16x8_t w[4], int8x16_t book, const uint8_t *p)
{
    uint8x16_t x = vld1q_u8(p);
    int16x8_t a = vreinterpretq_s16_s8(vqtbl1q_s8(book, vandq_u8(x, vdupq_n_u8(15))));
    int16x8_t b = vreinterpretq_s16_s8(vqtbl1q_s8(book, vshrq_n_u8(x, 4)));
    w[0] = vshrq_n_s16(vshlq_n_s16(a, 8), 8);
    w[1] = vshrq_n_s16(vshlq_n_s16(b, 8), 8);
    w[2] = vshrq_n_s16(a, 8);
    w[3] = vshrq_n_s16(b, 8);
}

/* s[v] = a group of 4 rows times vector v; c[v] moves on. */
ARM_INLINE void dot_group(int32x4_t *s, int nv, int8x16_t book, const uint8_t *codes,
                          const int16_t **c, int group)
{
    int32x4_t lo[4], hi[4];
    ARM_UNROLL
    for (int v = 0; v < nv; v++) lo[v] = hi[v] = vdupq_n_s32(0);
    for (int i = 0; i < group; i += 8, codes += 64) {
        int16x8_t w[4];
        unpack(w, book, codes);
        ARM_UNROLL
        for (int v = 0; v < nv; v++) {
            ARM_UNROLL
            for (int j = 0; j < 4; j++) {
                int16x8_t x = two_codes(c[v] + i + 2 * j);
                lo[v] = vmlal_s16(lo[v], vget_low_s16(w[j]), vget_low_s16(x));
                hi[v] = vmlal_high_s16(hi[v], w[j], x);
            }
        }
    }
    ARM_UNROLL
    for (int v = 0; v < nv; v++) {
        s[v] = vpaddq_s32(lo[v], hi[v]);
        c[v] += group;
    }
}

ARM_INLINE float32x4_t add_product(float32x4_t acc, float32x4_t d, int32x4_t s)
{
    return vaddq_f32(acc, vmulq_f32(d, vcvtq_f32_s32(s)));
}

ARM_INLINE void store_scaled(float *to, float32x4_t acc, float scale, int n)
{
    float tmp[4];
    vst1q_f32(n >= 4 ? to : tmp, vmulq_n_f32(acc, scale));
    if (n < 4) memcpy(to, tmp, (size_t)n * sizeof *to);
}

#include "kernels/book_quarter_body.h"

void lutra_book_init_neon(struct lutra_ops *ops)
{
    ops->book_mul = book_mul;
}
