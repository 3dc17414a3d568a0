/* SPDX-License-Identifier: MIT */
/* I2_S, the ternary tensors of BitNet's fork of llama.cpp (type id 36): two bits a weight, one f32
 * scale behind them, in one of three layouts of the same size. Nothing in a file tells them apart.
 *
 * Facts: Microsoft's BitNet, src/ggml-bitnet-mad.cpp (MIT), which writes them. Code 0, 1, 2 means
 * -1, 0, +1; g = 0..3 counts from the byte's high bits down: bits [7-2g:6-2g].
 *
 *   128     rows of blocks of 128 weights, 32 bytes: weight i is g = i / 32 of byte i % 32. Written
 *           by x86 builds and by Microsoft's converter: the default
 *   64      blocks of 64, 16 bytes: weight i is g = i / 16 of byte i % 16. Written by ARM builds
 *   rows4   no blocks: byte k of four neighbouring rows is their column k, g the row. Written by
 *           x86 builds with ACT_PARALLEL off
 *
 * In memory all are rows of blocks of 64 (LUTRA_TYPE_I2_S). */
#ifndef LUTRA_MODELS_I2S_H
#define LUTRA_MODELS_I2S_H

#include "kernels/base.h"

enum lutra_i2s_layout { LUTRA_I2S_LAYOUT_128, LUTRA_I2S_LAYOUT_64, LUTRA_I2S_LAYOUT_ROWS4 };

/* "128", "64", "rows4": as --i2s-layout spells them. */
const char *lutra_i2s_name(enum lutra_i2s_layout layout);

/* Why a tensor of this shape cannot have that layout; NULL if it can. */
const char *lutra_i2s_refuse(enum lutra_i2s_layout layout, int n_cols, int n_rows);

/* n rows of a file (a multiple of 4 for rows4) to n rows of blocks of 64; n_cols / 4 bytes each. */
void lutra_i2s_rows(enum lutra_i2s_layout layout, uint8_t *dst, const uint8_t *src, int n,
                    int n_cols);

/* The inverse: rows of blocks of 64 to what a file of that layout holds. */
void lutra_i2s_file_rows(enum lutra_i2s_layout layout, uint8_t *dst, const uint8_t *src, int n,
                         int n_cols);

/* Index of the first of n bytes with a code 3, which nobody writes; n if there is none. */
size_t lutra_i2s_bad(const uint8_t *rows, size_t n);

#endif
