/* SPDX-License-Identifier: MIT */
/* Codebook types as 4-bit codes: formats whose weights take at most 16 values under a scale.
 *
 *   weight[i] = scale * (D(i / group) * value[q[i]])
 *
 * IQ4 and e2m1 are so by birth. The grids of IQ3 hold 8 magnitudes, with signs 16 values; IQ2 3
 * magnitudes, 6 values; IQ1 -1 0 1 plus or minus 1/8, 6 values in units of 1/8. So a block of any
 * of them is taken apart into 4-bit codes and scales without loss, and one kernel serves them all:
 * memory pays, 4.25 to 5 bits a weight instead of 1.6 to 4.5. */
#ifndef LUTRA_KERNELS_QBOOK_H
#define LUTRA_KERNELS_QBOOK_H

#include "kernels/qtypes.h"

enum lutra_book_scale {
    LUTRA_BOOK_F16,  /* D = f32(d[g]) */
    LUTRA_BOOK_E8M0, /* D = 2^(d[g] - 128) */
    LUTRA_BOOK_SUB   /* D = f32(d[0]) * sc[g] */
};

struct lutra_book_info {
    int8_t value[16]; /* -127..127; 0 for codes that do not occur */
    int group;        /* weights per D: 16 or 32 */
    enum lutra_book_scale kind;
    float scale;      /* a power of two, of the whole matrix */
};

/* NULL for other types. */
const struct lutra_book_info *lutra_book_info(int type);

struct lutra_book_split {
    uint8_t q[256]; /* 0..15, block of them */
    uint16_t d[4];  /* f16 bits, or an E8M0 byte */
    int8_t sc[16];  /* SUB: block/group of them */
};

/* Fills what the type has; the rest is left as it was. */
void lutra_book_split(int type, struct lutra_book_split *out, const void *block);

#endif
