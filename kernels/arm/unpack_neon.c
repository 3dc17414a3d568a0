/* SPDX-License-Identifier: MIT */
/* Packed codes back to bytes, column after column with the 16 rows of a tile in each, for the
 * panels of mm_neon.c. */
#include "kernels/arm/arm.h"

/* Two lanes of 32 code bytes apart, rows in natural order. */
ARM_INLINE uint8x16x2_t split_pair(const uint8_t *code)
{
    uint64x2_t a = vreinterpretq_u64_u8(vld1q_u8(code));
    uint64x2_t b = vreinterpretq_u64_u8(vld1q_u8(code + 16));
    uint8x16_t c = vreinterpretq_u8_u64(vzip1q_u64(a, b)); /* rows 0-7: see lutra_lut_slot */
    uint8x16_t d = vreinterpretq_u8_u64(vzip2q_u64(a, b));

    return vuzpq_u8(c, d);
}

/* Bit i of the nibbles of planes first..last-1, as codes: one column in the low nibbles, the column
 * four further in the high ones. */
ARM_INLINE uint8x16_t gather_bits(const uint8x16_t *plane, int first, int last, int i)
{
    uint8x16_t x = vdupq_n_u8(0);

    ARM_UNROLL
    for (int b = first; b < last; b++) {
        uint8x16_t bit = vshlq_u8(plane[b], vdupq_n_s8((int8_t)(b - first - i)));
        x = vbslq_u8(vdupq_n_u8((uint8_t)(0x11 << (b - first))), bit, x);
    }
    return x;
}

/* Eight columns from the planes of one octet. */
ARM_INLINE void unpack_octet(uint8_t *q, const uint8x16_t *plane, int bits)
{
    const uint8x16_t low = vdupq_n_u8(15);

    ARM_UNROLL
    for (int i = 0; i < 4; i++) {
        uint8x16_t x = gather_bits(plane, 0, bits < 4 ? bits : 4, i);
        uint8x16_t a = vandq_u8(x, low), b = vshrq_n_u8(x, 4);

        if (bits > 4) {
            uint8x16_t y = gather_bits(plane, 4, bits, i);
            a = vsliq_n_u8(a, y, 4);
            b = vbslq_u8(low, b, y);
        }
        vst1q_u8(q + 16 * i, a);
        vst1q_u8(q + 16 * (i + 4), b);
    }
}

ARM_INLINE void unpack_steps(uint8_t *q, const uint8_t *code, int bits, int steps)
{
    const int pairs = bits / 2;
    uint8x16_t plane[6];

    for (int s = 0; s < steps; s++, code += bits * 32, q += LUTRA_STEP_K * 16) {
        uint8x16x2_t odd = {{vdupq_n_u8(0), vdupq_n_u8(0)}};

        if (bits % 2) odd = split_pair(code + pairs * 64);
        ARM_UNROLL
        for (int o = 0; o < 2; o++) {
            ARM_UNROLL
            for (int p = 0; p < pairs; p++) {
                uint8x16x2_t two = split_pair(code + (o * pairs + p) * 32);
                plane[2 * p] = two.val[0];
                plane[2 * p + 1] = two.val[1];
            }
            if (bits % 2) plane[bits - 1] = odd.val[o];
            unpack_octet(q + o * 128, plane, bits);
        }
    }
}

static void unpack_planes(uint8_t *q, const uint8_t *code, int bits, int steps)
{
    switch (bits) { /* one copy each, with constant shifts */
    case 2:
        unpack_steps(q, code, 2, steps);
        break;
    case 3:
        unpack_steps(q, code, 3, steps);
        break;
    case 4:
        unpack_steps(q, code, 4, steps);
        break;
    case 5:
        unpack_steps(q, code, 5, steps);
        break;
    default:
        unpack_steps(q, code, 6, steps);
        break;
    }
}

/* Twice the bits of one half of a tile of 32 rows; 8 columns take 32 bytes. Rows 0-3, 8-11 of the
 * half are at `code`, 4-7, 12-15 sixteen bytes on: see lutra_bit_slot. */
static void unpack_bits(uint8_t *q, const uint8_t *code, int cols)
{
    for (int k = 0; k < cols; k += 8, code += LUTRA_BIT_ROWS, q += 8 * 16) {
        uint32x2_t a = vreinterpret_u32_u8(vld1_u8(code));
        uint32x2_t b = vreinterpret_u32_u8(vld1_u8(code + 16));
        uint8x16_t x = vreinterpretq_u8_u32(vcombine_u32(vzip1_u32(a, b), vzip2_u32(a, b)));

        ARM_UNROLL
        for (int c = 0; c < 8; c++)
            vst1q_u8(q + 16 * c,
                     vandq_u8(vshlq_u8(x, vdupq_n_s8((int8_t)(1 - c))), vdupq_n_u8(2)));
    }
}

/* Signed bytes to codes with offset 128. */
static void unpack_i8(uint8_t *q, const uint8_t *code, int cols)
{
    const uint8x16_t flip = vdupq_n_u8(0x80);

    for (int k = 0; k < cols; k += 2, code += 32, q += 32) {
        uint8x16x2_t two = vld2q_u8(code);
        vst1q_u8(q, veorq_u8(two.val[0], flip));
        vst1q_u8(q + 16, veorq_u8(two.val[1], flip));
    }
}

/* Trits + 1 of v = 9a + 3b + c, by |v|, then by |v| + 16 for negative v. */
static const uint8_t trits[3][32] = {{1, 1, 1, 1, 1, 2, 2, 2, 2, 2, 2, 2, 2, 2, 1, 1,
                                      1, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1},
                                     {1, 1, 2, 2, 2, 0, 0, 0, 1, 1, 1, 2, 2, 2, 1, 1,
                                      1, 1, 0, 0, 0, 2, 2, 2, 1, 1, 1, 0, 0, 0, 1, 1},
                                     {1, 2, 0, 1, 2, 0, 1, 2, 0, 1, 2, 0, 1, 2, 1, 1,
                                      1, 0, 2, 1, 0, 2, 1, 0, 2, 1, 0, 2, 1, 0, 1, 1}};

/* 24 columns, 16 rows: `step` points at the first of these rows. */
ARM_INLINE void unpack_tern_step(uint8_t *q, const uint8_t *step)
{
    const uint8x16x2_t ta = vld1q_u8_x2(trits[0]), tb = vld1q_u8_x2(trits[1]),
                       tc = vld1q_u8_x2(trits[2]);
    const uint8x16_t bit = vdupq_n_u8(16);
    const uint8x16_t signs = vld1q_u8(step);

    ARM_UNROLL
    for (int j = 0; j < 8; j++, q += 48) {
        uint8x16_t code = vld1q_u8(step + LUTRA_TERN_ROWS * (1 + j / 2));
        uint8x16_t sign = vshlq_u8(signs, vdupq_n_s8((int8_t)(j - 3))); /* bit 7-j to bit 4 */
        uint8x16_t e = j % 2 ? vshrq_n_u8(code, 4) : vandq_u8(code, vdupq_n_u8(15));

        e = vbslq_u8(bit, sign, e);
        vst1q_u8(q, vqtbl2q_u8(ta, e));
        vst1q_u8(q + 16, vqtbl2q_u8(tb, e));
        vst1q_u8(q + 32, vqtbl2q_u8(tc, e));
    }
}

void lutra_arm_unpack_tern(uint8_t *q, const struct lutra_mat *m, const uint8_t *step, int cols)
{
    for (int k = 0; k < cols; k += LUTRA_TERN_K, step += m->unit_bytes, q += LUTRA_TERN_K * 16)
        unpack_tern_step(q, step);
}

int lutra_arm_unpack_group(uint8_t *q, const struct lutra_mat *m, const uint8_t *code)
{
    if (m->kind == LUTRA_MAT_I8) {
        unpack_i8(q, code, m->group);
        return 128;
    }
    if (m->bits == 1)
        unpack_bits(q, code, m->group);
    else
        unpack_planes(q, code, m->bits, m->group / LUTRA_STEP_K);
    return m->offset;
}
