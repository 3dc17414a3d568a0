/* SPDX-License-Identifier: MIT */
/* Reading one packed unit: its scales, its codes, a base-3 triple. For scalar code; drawn in lut.h.
 */
#ifndef LUTRA_KERNELS_LUT_UNIT_H
#define LUTRA_KERNELS_LUT_UNIT_H

#include <string.h>

#include "kernels/lut.h"

static inline float lutra_unit_half(const uint8_t *p, int i)
{
    uint16_t h;
    memcpy(&h, p + 2 * i, sizeof h);
    return lutra_f16_to_f32(h);
}

/* 2^(e - 128), e < 255. */
static inline float lutra_unit_e8m0(uint8_t e)
{
    uint32_t twice = e ? (uint32_t)e << 23 : 0x400000;
    float f;
    memcpy(&f, &twice, sizeof f);
    return f * 0.5f;
}

/* D of group g (of the unit) and row (of the tile). */
static inline float lutra_unit_d(const struct lutra_mat *m, const uint8_t *unit, int g, int row)
{
    float d = m->scales == LUTRA_SCALE_E8M0 ? 0.0f : lutra_unit_half(unit, row);
    switch (m->scales) {
    case LUTRA_SCALE_SUB:
        return d * (float)(int8_t)unit[32 + 16 * g + row];
    case LUTRA_SCALE_SUB_MIN:
        return d * (float)unit[64 + 16 * g + row];
    case LUTRA_SCALE_SUB_MIN4:
        return d * (float)(unit[64 + 16 * g + row] & 15);
    case LUTRA_SCALE_F16_EACH:
        return lutra_unit_half(unit + 32 * g, row);
    case LUTRA_SCALE_E8M0:
        return lutra_unit_e8m0(unit[16 * g + row]);
    default:
        return d;
    }
}

static inline bool lutra_mat_has_min(const struct lutra_mat *m)
{
    return m->scales == LUTRA_SCALE_F16_MIN || m->scales == LUTRA_SCALE_SUB_MIN ||
           m->scales == LUTRA_SCALE_SUB_MIN4;
}

/* M of group g and row; only if lutra_mat_has_min. */
static inline float lutra_unit_m(const struct lutra_mat *m, const uint8_t *unit, int g, int row)
{
    float dmin = lutra_unit_half(unit + 32, row);
    switch (m->scales) {
    case LUTRA_SCALE_SUB_MIN:
        return -(dmin * (float)unit[192 + 16 * g + row]);
    case LUTRA_SCALE_SUB_MIN4:
        return -(dmin * (float)(unit[64 + 16 * g + row] >> 4));
    default:
        return dmin;
    }
}

/* m->scale_bytes of 16 rows of PLANES or DENSE, where their kind is a constant. */
static inline int lutra_scale_bytes(enum lutra_scale_kind kind)
{
    if (kind == LUTRA_SCALE_SUB) return 32 + 16 * 16;
    if (kind == LUTRA_SCALE_SUB_MIN) return 64 + 2 * 8 * 16;
    if (kind == LUTRA_SCALE_SUB_MIN4) return 64 + 16 * 16;
    return kind == LUTRA_SCALE_F16_MIN ? 64 : 32;
}

/* What group g's sums are multiplied by before they are added to their run's: sc and mn, 1 if groups
 * stand alone ... */
static inline int lutra_unit_weight(const struct lutra_mat *m, const uint8_t *unit, int g, int row)
{
    if (m->run == m->group) return 1;
    if (m->scales == LUTRA_SCALE_SUB) return (int8_t)unit[32 + 16 * g + row];
    return m->scales == LUTRA_SCALE_SUB_MIN4 ? unit[64 + 16 * g + row] & 15
                                             : unit[64 + 16 * g + row];
}

static inline int lutra_unit_min_weight(const struct lutra_mat *m, const uint8_t *unit, int g, int row)
{
    if (m->run == m->group) return 1;
    return m->scales == LUTRA_SCALE_SUB_MIN4 ? unit[64 + 16 * g + row] >> 4
                                             : unit[192 + 16 * g + row];
}

/* ... and the run's: D and M of group g where that is all of it, else d and -dmin. */
static inline float lutra_unit_run_d(const struct lutra_mat *m, const uint8_t *unit, int g, int row)
{
    return m->run == m->group ? lutra_unit_d(m, unit, g, row) : lutra_unit_half(unit, row);
}

static inline float lutra_unit_run_m(const struct lutra_mat *m, const uint8_t *unit, int g, int row)
{
    return m->run == m->group ? lutra_unit_m(m, unit, g, row) : -lutra_unit_half(unit + 32, row);
}

/* Spread the 8 bits of `bits` to 8 bytes of 0 or 1, bit 0 first in memory. */
static inline uint64_t lutra_spread_bits(uint8_t bits)
{
    uint64_t x = bits * 0x0101010101010101u & 0x8040201008040201u; /* byte i keeps bit i alone */
    return (x + 0x7f7f7f7f7f7f7f7fu) >> 7 & 0x0101010101010101u;
}

/* DENSE: bits w*s .. of vector j of the part of w bits, of a row: columns 4 * (8/w * j + s) .. */
static inline uint32_t lutra_dense_quad(const uint8_t *part, int w, int row, int quad)
{
    uint32_t four;
    memcpy(&four, part + 64 * (quad / (8 / w)) + 4 * row, sizeof four);
    return four >> quad % (8 / w) * w & 0x01010101u * ((1u << w) - 1);
}

/* DENSE: as lutra_unit_octet. */
static inline uint64_t lutra_dense_octet(const uint8_t *codes, int bits, int row, int oct)
{
    const uint8_t *part = codes + (size_t)(oct / 4) * (size_t)bits * 64;
    uint64_t q = 0;
    for (int w = 4, at = 0; w > 0; w /= 2) {
        if (!(bits & w)) continue;
        for (int i = 0; i < 2; i++)
            q |= (uint64_t)lutra_dense_quad(part, w, row, oct % 4 * 2 + i) << (32 * i + at);
        part += 64 * w;
        at += w;
    }
    return q;
}

/* PLANES: the unsigned codes of columns 8*oct .. 8*oct+7 of a row, one per byte. `codes` = unit +
 * scale_bytes. */
static inline uint64_t lutra_unit_octet(const uint8_t *codes, int bits, int row, int oct)
{
    if (bits == 1) return lutra_spread_bits(codes[32 * oct + lutra_bit_slot(row)]);
    const uint8_t *p = codes + (size_t)(oct / 2) * (size_t)bits * 32 + 2 * lutra_lut_slot(row);
    int pairs = bits / 2, o = oct & 1;
    uint64_t q = 0;
    for (int i = 0; i < pairs; i++) {
        const uint8_t *two = p + 32 * (o * pairs + i);
        q |= lutra_spread_bits(two[0]) << (2 * i) | lutra_spread_bits(two[1]) << (2 * i + 1);
    }
    if (bits & 1) q |= lutra_spread_bits(p[64 * pairs + o]) << (bits - 1);
    return q;
}

/* The same of either kind. */
static inline uint64_t lutra_mat_octet(const struct lutra_mat *m, const uint8_t *codes, int row, int oct)
{
    return m->kind == LUTRA_MAT_DENSE ? lutra_dense_octet(codes, m->bits, row, oct)
                                      : lutra_unit_octet(codes, m->bits, row, oct);
}

/* TERN, either layout: value 9a + 3b + c, -13..13, of triple t of a row of a tile. */
static inline int lutra_tern_value(const struct lutra_mat *m, const uint8_t *tile, int row, int t)
{
    if (lutra_tern_trio(m)) {
        const uint8_t *p = tile + (size_t)(t / 16) * m->unit_bytes + row / 32 * LUTRA_TRIO_HALF;
        uint16_t w[5];
        t %= 16;
        for (int i = 0; i < 5; i++) memcpy(&w[i], p + 64 * i + 2 * lutra_trio_slot(row % 32), 2);
        if (t < 8) return (w[t / 2] >> 5 * (t & 1) & 31) - 13;
        if (t < 12) return (w[t - 8] >> 10 & 31) - 13;
        if (t < 15) return (w[4] >> 5 * (t - 12) & 31) - 13;
        return (w[0] >> 15 << 4 | w[1] >> 15 << 3 | w[2] >> 15 << 2 | w[3] >> 15 << 1 | w[4] >> 15) -
               13;
    }
    const uint8_t *p = tile + 4 * LUTRA_TERN_ROWS + (size_t)(t / 8) * m->unit_bytes;
    t %= 8;
    int index = p[32 * (1 + t / 2) + row] >> (t & 1 ? 4 : 0) & 15;
    return p[row] >> (7 - t) & 1 ? -index : index;
}

/* The digits of a value, a, b, c in -1..1. */
static inline void lutra_tern_digits(int value, int8_t abc[3])
{
    int index = value + 13;
    abc[0] = (int8_t)(index / 9 - 1);
    abc[1] = (int8_t)(index / 3 % 3 - 1);
    abc[2] = (int8_t)(index % 3 - 1);
}

#endif
