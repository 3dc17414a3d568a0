/* SPDX-License-Identifier: MIT */
/* BOOK matrices with NEON: 4 rows of an octet are one register. Bytes of low and of high nibbles
 * pass through the book; even and odd bytes, widened to 16 bits, are columns 2i, 2i+1 of a row, two
 * rows to a half register. Sums of even and odd columns stay apart until the group's end. Used by
 * the level dotprod too: codes of 14 bits would cost two SDOT, and memory is the limit. */
#include "kernels/book.h"
#include "kernels/ops.h"
#include "kernels/arm/arm.h"

enum { WIDE = 4 }; /* vectors that share an unpacked octet */

/* Codes 2i, 2i+1 of a vector, again and again. */
ARM_INLINE int16x8_t two_codes(const int16_t *c)
{
    int32_t both;
    memcpy(&both, c, sizeof both);
    return vreinterpretq_s16_s32(vdupq_n_s32(both));
}

ARM_INLINE float32x4_t halves(const uint8_t *p)
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
    if (kind == LUTRA_SCALE_F16_EACH) return halves(unit + 32 * g + 8 * part);
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
    int32x4_t lo[WIDE], hi[WIDE];
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

ARM_INLINE void store(float *to, float32x4_t r, int n)
{
    float tmp[4];
    vst1q_f32(n >= 4 ? to : tmp, r);
    if (n < 4) memcpy(to, tmp, (size_t)n * sizeof *to);
}

/* Rows 4*part .. of one tile times vectors v0 .. v0+nv-1; kind and nv are constants of the caller.
 */
ARM_INLINE void book_part(float *y, size_t y_stride, int nv, const struct lutra_mat *m,
                          enum lutra_scale_kind kind, const struct lutra_act *a, int v0, int tile,
                          int part)
{
    const uint8_t *unit = lutra_mat_tile(m, tile);
    const int8x16_t book = vld1q_s8(m->book);
    const int16_t *c[WIDE];
    float32x4_t acc[WIDE], half = vdupq_n_f32(0);
    ARM_UNROLL
    for (int v = 0; v < nv; v++) {
        c[v] = a->codes + (size_t)(v0 + v) * (size_t)a->k_pad;
        acc[v] = vdupq_n_f32(0);
    }
    for (int k = 0; k < m->n_cols; k += m->unit_k, unit += m->unit_bytes) {
        const uint8_t *codes = unit + m->scale_bytes + 16 * part;
        if (kind == LUTRA_SCALE_SUB) half = halves(unit + 8 * part);
        for (int g = 0; g * m->group < m->unit_k; g++, codes += 8 * m->group) {
            float32x4_t d = group_d(kind, unit, g, part, half);
            int32x4_t s[WIDE];
            dot_group(s, nv, book, codes, c, m->group);
            ARM_UNROLL
            for (int v = 0; v < nv; v++)
                acc[v] = vaddq_f32(acc[v], vmulq_f32(d, vcvtq_f32_s32(s[v])));
        }
    }
    int row = 16 * tile + 4 * part;
    ARM_UNROLL
    for (int v = 0; v < nv; v++)
        store(y + (size_t)(v0 + v) * y_stride + row,
              vmulq_n_f32(acc[v], a->scale[v0 + v] * m->scale), m->n_rows - row);
}

ARM_INLINE void some_tiles(float *y, size_t y_stride, int nv, const struct lutra_mat *m,
                           const struct lutra_act *a, int v0, int tile0, int tile1)
{
    for (int p = 4 * tile0; p < 4 * tile1 && 4 * p < m->n_rows; p++) {
        if (m->scales == LUTRA_SCALE_F16_EACH)
            book_part(y, y_stride, nv, m, LUTRA_SCALE_F16_EACH, a, v0, p / 4, p % 4);
        else if (m->scales == LUTRA_SCALE_E8M0)
            book_part(y, y_stride, nv, m, LUTRA_SCALE_E8M0, a, v0, p / 4, p % 4);
        else
            book_part(y, y_stride, nv, m, LUTRA_SCALE_SUB, a, v0, p / 4, p % 4);
    }
}

static void book_mul(float *y, size_t y_stride, const struct lutra_mat *m,
                     const struct lutra_act *a, int v0, int v1, int tile0, int tile1)
{
    for (int v = v0, left; (left = v1 - v) > 0;) {
        if (left >= 4) {
            some_tiles(y, y_stride, 4, m, a, v, tile0, tile1);
            v += 4;
        } else {
            some_tiles(y, y_stride, 1, m, a, v, tile0, tile1);
            v += 1;
        }
    }
}

void lutra_book_init_neon(struct lutra_ops *ops)
{
    ops->book_mul = book_mul;
}
