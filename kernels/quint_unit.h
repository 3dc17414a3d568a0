/* SPDX-License-Identifier: MIT */
/* QUINT tiles for scalar code: where a byte lies and what its digits are. Drawn in lut.h. */
#ifndef LUTRA_KERNELS_QUINT_UNIT_H
#define LUTRA_KERNELS_QUINT_UNIT_H

#include "kernels/lut_unit.h"

enum { LUTRA_QUINT_BYTES = 13 }; /* of 64 columns of a row */

/* Runs of 64 columns in the 256 that begin at k. */
static inline int lutra_quint_subs(int n_cols, int k)
{
    int left = n_cols - k;
    return left < LUTRA_QUINT_K ? left / 64 : LUTRA_QUINT_K / 64;
}

static inline int lutra_quint_steps(int subs)
{
    return (LUTRA_QUINT_BYTES * subs + 3) / 4;
}

/* Bytes of the scales before the codes of `subs` runs. */
static inline size_t lutra_quint_scales(const struct lutra_mat *m, int subs)
{
    return m->scales == LUTRA_SCALE_ROW ? 0
                                        : (size_t)(64 * subs / m->group) * 2 * LUTRA_QUINT_ROWS;
}

static inline size_t lutra_quint_unit(const struct lutra_mat *m, int subs)
{
    return lutra_quint_scales(m, subs) + (size_t)lutra_quint_steps(subs) * LUTRA_QUINT_STEP;
}

/* The first unit of a tile. */
static inline const uint8_t *lutra_quint_units(const struct lutra_mat *m, const uint8_t *tile)
{
    return m->scales == LUTRA_SCALE_ROW ? tile + 4 * LUTRA_QUINT_ROWS : tile;
}

/* Byte b (of 13 * subs) of a row in the codes of a unit. */
static inline size_t lutra_quint_at(int b, int row)
{
    return (size_t)(b / 4) * LUTRA_QUINT_STEP + 4 * (size_t)row + (size_t)(b % 4);
}

/* The five balanced digits of a byte. */
static inline void lutra_quint_digits(uint8_t byte, int8_t digit[5])
{
    int v = byte & 127, sign = byte & 128 ? -1 : 1;
    for (int i = 4; i >= 0; i--) {
        int r = (v + 121 * 3 + 1) % 3 - 1; /* 363 = 3 * 121 keeps the dividend positive */
        digit[i] = (int8_t)(sign * r);
        v = (v - r) / 3;
    }
}

/* D of a group of a unit, or of the row. */
static inline float lutra_quint_d(const struct lutra_mat *m, const uint8_t *tile,
                                  const uint8_t *unit, int g, int row)
{
    float d;
    if (m->scales != LUTRA_SCALE_ROW) return lutra_unit_half(unit, LUTRA_QUINT_ROWS * g + row);
    memcpy(&d, tile + 4 * row, sizeof d);
    return d;
}

/* 64 weights -1, 0, 1 of a row: run `sub` of a unit. */
static inline void lutra_quint_run(const uint8_t *codes, int sub, int row, int8_t w[65])
{
    for (int i = 0; i < LUTRA_QUINT_BYTES; i++)
        lutra_quint_digits(codes[lutra_quint_at(LUTRA_QUINT_BYTES * sub + i, row)], w + 5 * i);
}

/* lutra_mat_row of QUINT (quint_pack.c). */
void lutra_quint_row(const struct lutra_mat *m, const uint8_t *tile, int row, float *dst);

bool lutra_quint_plan(struct lutra_mat *m, int block, bool rows);
void lutra_quint_pack(const struct lutra_mat *m, uint8_t *tile, const uint8_t *file_rows, int n);

#endif
