/* SPDX-License-Identifier: MIT */
/* Grids of the IQ formats: which runs of 8 (or 4) magnitudes an index stands for.
 *
 *   iq2xxs iq2xs iq2s   8 weights, two bits each, the first in bits 1:0: 0, 1, 2 -> 8, 25, 43
 *   iq3xxs              4 weights, a nibble each, the first in bits 3:0:
 *                       0..7 -> 4 12 20 28 36 44 52 62
 *   iq3s                likewise: 0..7 -> 1 3 5 7 9 11 13 15
 *   iq1                 8 weights, two bits each: 0, 1, 2 -> -1, 0, 1 */
#ifndef LUTRA_KERNELS_QGRIDS_H
#define LUTRA_KERNELS_QGRIDS_H

#include <stdint.h>

extern const uint16_t lutra_grid_iq2xxs[256];
extern const uint16_t lutra_grid_iq2xs[512];
extern const uint16_t lutra_grid_iq2s[1024];
extern const uint16_t lutra_grid_iq3xxs[256];
extern const uint16_t lutra_grid_iq3s[512];
extern const uint16_t lutra_grid_iq1[2048];

/* Signs of 8 weights from 7 bits: the eighth makes their number even. */
static inline unsigned lutra_even_signs(unsigned seven)
{
    unsigned odd = seven ^ seven >> 4;
    odd ^= odd >> 2;
    odd ^= odd >> 1;
    return seven | (odd & 1) << 7;
}

#endif
