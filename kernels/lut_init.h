/* SPDX-License-Identifier: MIT */
/* Who fills the product part of struct lutra_ops, level by level. Each overrides what it does
 * better. */
#ifndef LUTRA_KERNELS_LUT_INIT_H
#define LUTRA_KERNELS_LUT_INIT_H

#include "kernels/lut.h"

struct lutra_ops;

void lutra_lut_init_scalar(
    struct lutra_ops *ops); /* tables and lookups; calls lutra_mm_init_scalar */
void lutra_lut_init_avx2(struct lutra_ops *ops);
void lutra_lut_init_neon(struct lutra_ops *ops);

/* planes_lookup of one-bit weights, for any x86 level that has nothing better (bit_avx2.c). */
void lutra_bit_lookup_avx2(float *y, const struct lutra_mat *m, const struct lutra_act *a, int v,
                           int tile0, int tile1);

void lutra_quint_init_scalar(struct lutra_ops *ops);

/* bits_lookup: BITS matrices of any width. */
void lutra_bits_lookup_scalar(float *y, const struct lutra_mat *m, const struct lutra_act *a, int v,
                              int tile0, int tile1);
void lutra_bits_lookup_avx2(float *y, const struct lutra_mat *m, const struct lutra_act *a, int v,
                            int tile0, int tile1);

void lutra_mm_init_scalar(struct lutra_ops *ops); /* panel_mul, exact_mul */
void lutra_mm_init_avx2(struct lutra_ops *ops);
void lutra_mm_init_neon(struct lutra_ops *ops);

void lutra_vlut_init_scalar(struct lutra_ops *ops); /* vector_lookup */
void lutra_vlut_init_avx2(struct lutra_ops *ops);
void lutra_vlut_init_neon(struct lutra_ops *ops);

#endif
