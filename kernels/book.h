/* SPDX-License-Identifier: MIT */
/* BOOK matrices, for the files that pack, read and multiply them. The layout is drawn in lut.h. */
#ifndef LUTRA_KERNELS_BOOK_H
#define LUTRA_KERNELS_BOOK_H

#include "kernels/lut.h"

struct lutra_ops;

/* Called by lut_pack.c for matrices and types with a codebook: see lutra_pack_plan,
 * lutra_pack_tile, lutra_mat_row. */
bool lutra_book_plan(struct lutra_mat *m);
void lutra_book_pack_tile(const struct lutra_mat *m, uint8_t *tile, const uint8_t *rows, int n);
void lutra_book_row(const struct lutra_mat *m, const uint8_t *tile, int row, float *dst);

/* Each overrides book_mul. */
void lutra_book_init_scalar(struct lutra_ops *ops); /* and book_exact */
void lutra_book_init_ssse3(struct lutra_ops *ops);
void lutra_book_init_avx2(struct lutra_ops *ops);
void lutra_book_init_avxvnni(struct lutra_ops *ops);
void lutra_book_init_avx512(struct lutra_ops *ops);
void lutra_book_init_neon(struct lutra_ops *ops);

/* The four codes pairs of an octet: nibble i of words 0 and 1 of a row are columns 2i and 2i+1. */
static inline int lutra_book_code(const uint8_t *octet, int row, int column)
{
    return octet[4 * row + (column & 1) * 2 + column / 4] >> (column & 2) * 2 & 15;
}

#endif
