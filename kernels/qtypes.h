/* SPDX-License-Identifier: MIT */
/* The block formats of GGUF files: bytes, decoding, and the integer codes inside.
 *
 * Formats are those of ggml (ggml-common.h, MIT), each drawn in kernels/qblocks.h with the formula
 * of its i-th weight. Two readings exist and tests hold them against each other: lutra_decode_row
 * gives floats straight from the bytes; lutra_split_block takes a block apart into integer codes
 * and scales, which is what the packers repack. */
#ifndef LUTRA_KERNELS_QTYPES_H
#define LUTRA_KERNELS_QTYPES_H

#include "kernels/base.h"

enum lutra_type { /* ids as in GGUF */
    LUTRA_TYPE_F32 = 0,
    LUTRA_TYPE_F16 = 1,
    LUTRA_TYPE_Q4_0 = 2,
    LUTRA_TYPE_Q4_1 = 3,
    LUTRA_TYPE_Q5_0 = 6,
    LUTRA_TYPE_Q5_1 = 7,
    LUTRA_TYPE_Q8_0 = 8,
    LUTRA_TYPE_Q2_K = 10,
    LUTRA_TYPE_Q3_K = 11,
    LUTRA_TYPE_Q4_K = 12,
    LUTRA_TYPE_Q5_K = 13,
    LUTRA_TYPE_Q6_K = 14,
    LUTRA_TYPE_IQ2_XXS = 16,
    LUTRA_TYPE_IQ2_XS = 17,
    LUTRA_TYPE_IQ3_XXS = 18,
    LUTRA_TYPE_IQ1_S = 19,
    LUTRA_TYPE_IQ4_NL = 20,
    LUTRA_TYPE_IQ3_S = 21,
    LUTRA_TYPE_IQ2_S = 22,
    LUTRA_TYPE_IQ4_XS = 23,
    LUTRA_TYPE_IQ1_M = 29,
    LUTRA_TYPE_BF16 = 30,
    LUTRA_TYPE_TQ1_0 = 34,
    LUTRA_TYPE_TQ2_0 = 35,
    LUTRA_TYPE_I2_S = 36, /* blocks of 64 without a scale, see qblocks.h and models/i2s.h */
    LUTRA_TYPE_MXFP4 = 39,
    LUTRA_TYPE_NVFP4 = 40,
    LUTRA_TYPE_Q1_0 = 41,
    LUTRA_TYPE_Q2_0 = 42,      /* 64 weights per block */
    LUTRA_TYPE_Q2_0_G128 = 142 /* 128; in files also under 42, see models/gguf.h */
};

struct lutra_type_info {
    int id;
    const char *name;  /* "Q4_K" */
    int block;         /* weights per block */
    int bytes;         /* bytes per block; 0: recognised, but the layout is unknown or ambiguous */
    const char *note;  /* for types not run: what it is and what would help; else NULL */
};

/* NULL for ids nobody uses. Types known but not run (TL1, those of forks, I32, F64 ...) have a
 * note; block and bytes are given where one layout is known, so that a reader can check sizes. */
const struct lutra_type_info *lutra_type_info(uint32_t id);
bool lutra_type_runs(uint32_t id); /* can be a weight matrix here */

float lutra_f16_to_f32(uint16_t h);
uint16_t lutra_f32_to_f16(float f); /* round to nearest even */
float lutra_bf16_to_f32(uint16_t h);
uint16_t lutra_f32_to_bf16(float f);

/* n weights (a multiple of the block) from `src`, at any address, to floats: w = the format's own
 * formula in f32, multiply, then add. Formats without minima do not add at all: code 0 under a
 * negative scale gives -0. */
void lutra_decode_row(int type, float *dst, const void *src, int n);

/* n floats to blocks, the plain round-to-nearest way of each format: for tests, synthetic models.
 * All types of the enum; finite input gives finite blocks (scales saturate). Not an optimising
 * quantizer. */
void lutra_encode_row(int type, void *dst, const float *src, int n);

/* One block taken apart. With c = mul * q - offset:
 *   weight[i] = D(i / group) * c[i] + M(i / group), where
 *   D(g) = f32(d) * sc[g]      (sc[g] = 1 where the format has no sub-scales)
 *   M(g) = -(f32(dmin) * mn[g])  for K-quants with minima,
 *   M(g) = f32(dmin)  for Q4_1 and Q5_1,  else 0 */
struct lutra_split {
    uint8_t q[256]; /* codes, block of them; Q8_0: q + 128 */
    uint16_t d;     /* f16 bits */
    uint16_t dmin;  /* f16 bits, 0 where there is none */
    int8_t sc[16];  /* sub-scales, block/group of them */
    uint8_t mn[16]; /* sub-minima, likewise; 0 where there are none */
};

/* Constants of a low-bit type: how its codes are cut. */
struct lutra_code_info {
    int bits;   /* planes: 1..6; 8 for Q8_0 */
    int group;  /* weights per scale: 16, 32, 64, 128 or 256 */
    int mul;    /* 1; 2 for one bit, whose codes 0, 1 mean -1, +1 */
    int offset; /* subtracted from mul * q: 0, 1, 4, 8, 16, 32, 128 */
    bool min;   /* has minima */
    bool sub;   /* has sub-scales (K-quants: super-block of 256) */
};

/* NULL for float types. */
const struct lutra_code_info *lutra_code_info(int type);

/* Fills block codes, block/group sub-scales and sub-minima, d, dmin; the rest is left as it was. */
void lutra_split_block(int type, struct lutra_split *out, const void *block);
/* The inverse: writes the whole block. High bits that the format has no room for are dropped; TQ1_0
 * takes codes above 2 as 2. */
void lutra_join_block(int type, void *block, const struct lutra_split *in);

#endif
