/* SPDX-License-Identifier: MIT */
/* BITS tiles for scalar code: where units lie and one octet of codes. Drawn in lut.h. */
#ifndef LUTRA_KERNELS_BITS_UNIT_H
#define LUTRA_KERNELS_BITS_UNIT_H

#include "kernels/lut_unit.h"

static inline int lutra_bits_k_pad(int n_cols)
{
    return (n_cols + LUTRA_STEP_K - 1) / LUTRA_STEP_K * LUTRA_STEP_K;
}

/* Columns of the unit that begins at column k, padding included. */
static inline int lutra_bits_unit(const struct lutra_mat *m, int k)
{
    int left = lutra_bits_k_pad(m->n_cols) - k;
    return left < m->unit_k ? left : m->unit_k;
}

static inline const uint8_t *lutra_bits_units(const struct lutra_mat *m, const uint8_t *tile)
{
    return m->scales == LUTRA_SCALE_ROW ? tile + 4 * LUTRA_BIT_ROWS : tile;
}

/* Where plane p of octet `oct` of a row lies in the codes of a unit of n columns. */
static inline size_t lutra_bits_at(int bits, int n, int p, int oct, int row)
{
    size_t plane = (size_t)(n / 8) * 32; /* bytes of a plane of the unit, 32 rows */
    int odd = bits & 1;
    if (odd && p == bits - 1) return (size_t)oct * 32 + (size_t)lutra_bit_slot(row);
    size_t pair = (size_t)odd * plane + 2 * plane * (size_t)(bits / 2 - 1 - p / 2);
    int in = 128 * (oct / 2) + 64 * (row / 16) + 32 * (oct & 1);
    return pair + (size_t)(in + 2 * lutra_lut_slot(row % 16) + (p & 1));
}

/* Codes of octet `oct`, one per byte. */
static inline uint64_t lutra_bits_octet(const uint8_t *codes, int bits, int n, int row, int oct)
{
    uint64_t q = 0;
    for (int p = 0; p < bits; p++)
        q |= lutra_spread_bits(codes[lutra_bits_at(bits, n, p, oct, row)]) << p;
    return q;
}

/* D of the row: of the whole row, or of the unit. */
static inline float lutra_bits_d(const struct lutra_mat *m, const uint8_t *tile,
                                 const uint8_t *unit, int row)
{
    float d;
    if (m->scales != LUTRA_SCALE_ROW) return lutra_unit_half(unit, row);
    memcpy(&d, tile + 4 * row, sizeof d);
    return d;
}

/* lutra_mat_row of BITS (bits_pack.c). */
void lutra_bits_row(const struct lutra_mat *m, const uint8_t *tile, int row, float *dst);

#endif
