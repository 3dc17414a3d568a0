/* SPDX-License-Identifier: MIT */
/* Packed codes back to bytes, eight columns of 16 rows at a time. The file that includes this lays
 * them where its products want them: before the #include it defines
 *   put_columns(int8_t *w, struct columns u, struct less l)    u, less l, to 128 bytes at w
 *   put_pairs(int8_t *w, const uint8_t *code)                  the same from four pairs of I8 */
#ifndef LUTRA_KERNELS_ARM_UNPACK_BODY_H
#define LUTRA_KERNELS_ARM_UNPACK_BODY_H

#include "kernels/arm/arm.h"

/* ---- planes ---- */

/* Two lanes of 32 code bytes apart, rows in natural order. */
ARM_INLINE uint8x16x2_t split_pair(const uint8_t *code)
{
    uint64x2_t a = vreinterpretq_u64_u8(vld1q_u8(code));
    uint64x2_t b = vreinterpretq_u64_u8(vld1q_u8(code + 16));
    uint8x16_t c = vreinterpretq_u8_u64(vzip1q_u64(a, b)); /* rows 0-7: see lutra_lut_slot */
    uint8x16_t d = vreinterpretq_u8_u64(vzip2q_u64(a, b));

    return vuzpq_u8(c, d);
}

/* Fields of two bits: even columns 0 2 4 6 in `even`, the others in `odd`. */
ARM_INLINE uint8x16x2_t join_two(uint8x16_t p0, uint8x16_t p1)
{
    const uint8x16_t m = vdupq_n_u8(0x55);

    return (uint8x16x2_t){{vbslq_u8(m, p0, vshlq_n_u8(p1, 1)), vbslq_u8(m, vshrq_n_u8(p0, 1), p1)}};
}

/* Nibbles: columns i and i+4 in u[i]; planes[0..bits) with bits 3 or 4 */
ARM_INLINE void join_four(uint8x16_t *u, const uint8x16_t *plane, int bits)
{
    const uint8x16_t m5 = vdupq_n_u8(0x55), m3 = vdupq_n_u8(0x33);
    const uint8x16x2_t a = join_two(plane[0], plane[1]);
    uint8x16x2_t b;

    if (bits > 3)
        b = join_two(plane[2], plane[3]);
    else
        b = (uint8x16x2_t){{vandq_u8(m5, plane[2]), vandq_u8(m5, vshrq_n_u8(plane[2], 1))}};
    u[0] = vbslq_u8(m3, a.val[0], vshlq_n_u8(b.val[0], 2));
    u[1] = vbslq_u8(m3, a.val[1], vshlq_n_u8(b.val[1], 2));
    u[2] = vbslq_u8(m3, vshrq_n_u8(a.val[0], 2), b.val[0]);
    u[3] = vbslq_u8(m3, vshrq_n_u8(a.val[1], 2), b.val[1]);
}

/* The bits of x that mean column i, brought to bit 4: shifts by constants need constants. */
ARM_INLINE uint8x16_t shift_to(uint8x16_t x, int left)
{
    return vshlq_u8(x, vdupq_n_s8((int8_t)left));
}

/* Eight columns from the planes of one octet. */
ARM_INLINE struct columns octet_columns(const uint8x16_t *plane, int bits)
{
    const uint8x16_t low = vdupq_n_u8(15), three = vdupq_n_u8(3);
    struct columns r;

    if (bits == 2) {
        const uint8x16x2_t a = join_two(plane[0], plane[1]);
        ARM_UNROLL
        for (int i = 0; i < 2; i++) {
            r.c[i] = vandq_u8(three, a.val[i]);
            r.c[i + 2] = vandq_u8(three, vshrq_n_u8(a.val[i], 2));
            r.c[i + 4] = vandq_u8(three, vshrq_n_u8(a.val[i], 4));
            r.c[i + 6] = vshrq_n_u8(a.val[i], 6);
        }
        return r;
    }
    uint8x16_t u[4];
    join_four(u, plane, bits);
    ARM_UNROLL
    for (int i = 0; i < 4; i++) {
        r.c[i] = vandq_u8(u[i], low);
        r.c[i + 4] = vshrq_n_u8(u[i], 4);
    }
    if (bits == 5) {
        ARM_UNROLL
        for (int i = 0; i < 8; i++)
            r.c[i] = vbslq_u8(vdupq_n_u8(0x10), shift_to(plane[4], 4 - i), r.c[i]);
    } else if (bits == 6) {
        const uint8x16x2_t b = join_two(plane[4], plane[5]);
        ARM_UNROLL
        for (int i = 0; i < 8; i++)
            r.c[i] = vbslq_u8(vdupq_n_u8(0x30), shift_to(b.val[i % 2], 4 - i / 2 * 2), r.c[i]);
    }
    return r;
}

ARM_INLINE void unpack_steps(int8_t *w, const uint8_t *code, int bits, int steps, struct less l)
{
    const int pairs = bits / 2;
    uint8x16_t plane[6];

    for (int s = 0; s < steps; s++, code += bits * 32) {
        uint8x16x2_t odd = {{vdupq_n_u8(0), vdupq_n_u8(0)}};

        if (bits % 2) odd = split_pair(code + pairs * 64);
        ARM_UNROLL
        for (int o = 0; o < 2; o++, w += 8 * 16) {
            ARM_UNROLL
            for (int p = 0; p < pairs; p++) {
                uint8x16x2_t two = split_pair(code + (o * pairs + p) * 32);
                plane[2 * p] = two.val[0];
                plane[2 * p + 1] = two.val[1];
            }
            if (bits % 2) plane[bits - 1] = odd.val[o];
            put_columns(w, octet_columns(plane, bits), l);
        }
    }
}

static void unpack_planes(int8_t *w, const uint8_t *code, int bits, int steps, struct less l)
{
    switch (bits) { /* one copy each, with constant shifts */
    case 2:
        unpack_steps(w, code, 2, steps, l);
        break;
    case 3:
        unpack_steps(w, code, 3, steps, l);
        break;
    case 4:
        unpack_steps(w, code, 4, steps, l);
        break;
    case 5:
        unpack_steps(w, code, 5, steps, l);
        break;
    default:
        unpack_steps(w, code, 6, steps, l);
        break;
    }
}

/* Twice the bits of one half of a tile of 32 rows; 8 columns take 32 bytes. Rows 0-3, 8-11 of the
 * half are at `code`, 4-7, 12-15 sixteen bytes on: see lutra_bit_slot. */
static void unpack_bits(int8_t *w, const uint8_t *code, int cols, struct less l)
{
    for (int k = 0; k < cols; k += 8, code += LUTRA_BIT_ROWS, w += 8 * 16) {
        uint32x2_t a = vreinterpret_u32_u8(vld1_u8(code));
        uint32x2_t b = vreinterpret_u32_u8(vld1_u8(code + 16));
        uint8x16_t x = vreinterpretq_u8_u32(vcombine_u32(vzip1_u32(a, b), vzip2_u32(a, b)));
        struct columns u;

        ARM_UNROLL
        for (int c = 0; c < 8; c++) u.c[c] = vandq_u8(shift_to(x, 1 - c), vdupq_n_u8(2));
        put_columns(w, u, l);
    }
}

/* One group of PLANES, less `l`, or I8 as it is. */
ARM_INLINE void unpack_group(int8_t *w, const struct lutra_mat *m, const uint8_t *code, struct less l)
{
    if (m->kind == LUTRA_MAT_I8)
        for (int k = 0; k < m->group; k += 8, w += 8 * 16) put_pairs(w, code + 16 * k);
    else if (m->bits == 1)
        unpack_bits(w, code, m->group, l);
    else
        unpack_planes(w, code, m->bits, m->group / LUTRA_STEP_K, l);
}

/* ---- ternary ---- */

/* Trits + 1 of v = 9a + 3b + c, by |v|, then by |v| + 16 for negative v. */
static const uint8_t trits[3][32] = {{1, 1, 1, 1, 1, 2, 2, 2, 2, 2, 2, 2, 2, 2, 1, 1,
                                      1, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1},
                                     {1, 1, 2, 2, 2, 0, 0, 0, 1, 1, 1, 2, 2, 2, 1, 1,
                                      1, 1, 0, 0, 0, 2, 2, 2, 1, 1, 1, 0, 0, 0, 1, 1},
                                     {1, 2, 0, 1, 2, 0, 1, 2, 0, 1, 2, 0, 1, 2, 1, 1,
                                      1, 0, 2, 1, 0, 2, 1, 0, 2, 1, 0, 2, 1, 0, 1, 1}};

/* Triple j of a step: index |v|, and bit 4 for a negative one. */
ARM_INLINE uint8x16_t triple_index(const uint8_t *step, uint8x16_t signs, int j)
{
    uint8x16_t code = vld1q_u8(step + LUTRA_TERN_ROWS * (1 + j / 2));
    uint8x16_t e = j % 2 ? vshrq_n_u8(code, 4) : vandq_u8(code, vdupq_n_u8(15));

    return vbslq_u8(vdupq_n_u8(16), shift_to(signs, j - 3), e); /* bit 7-j to bit 4 */
}

/* `cols` columns (a multiple of 24) of half a TERN tile, trits + 1 less `off`; `step` points at the
 * first of its 16 rows. */
static void unpack_tern(int8_t *w, const struct lutra_mat *m, const uint8_t *step, int cols,
                        int off)
{
    uint8x16x2_t t[3];

    ARM_UNROLL
    for (int i = 0; i < 6; i++)
        t[i / 2].val[i % 2] =
            vsubq_u8(vld1q_u8(trits[i / 2] + i % 2 * 16), vdupq_n_u8((uint8_t)off));

    for (int k = 0; k < cols; k += LUTRA_TERN_K, step += m->unit_bytes) {
        const uint8x16_t signs = vld1q_u8(step);
        struct columns u[3];

        ARM_UNROLL
        for (int j = 0; j < 8; j++) {
            const uint8x16_t e = triple_index(step, signs, j);
            ARM_UNROLL
            for (int i = 0; i < 3; i++)
                u[(3 * j + i) / 8].c[(3 * j + i) % 8] = vqtbl2q_u8(t[i], e);
        }
        ARM_UNROLL
        for (int j = 0; j < 3; j++, w += 8 * 16) put_columns(w, u[j], less_fill(0));
    }
}

#endif
