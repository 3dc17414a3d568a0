/* SPDX-License-Identifier: MIT */
/* The bytes of each block format, drawn, with the formula of the i-th weight.
 *
 * Formats are ggml's (ggml-common.h, MIT). All fields are bytes, so that a block may lie at any
 * address; `d`, `m` and `dmin` are little-endian f16. w[i] is the weight, c the code after its
 * offset, [a:b] the bits a..b of a byte. "nibble" numbers: low is [3:0], high is [7:4].
 *
 * Private to kernels/qtypes_*.c; everybody else uses kernels/qtypes.h. */
#ifndef LUTRA_KERNELS_QBLOCKS_H
#define LUTRA_KERNELS_QBLOCKS_H

#include <assert.h>
#include <stdint.h>

static inline uint16_t qblocks_u16(const uint8_t b[2])
{
    return (uint16_t)(b[0] | b[1] << 8);
}

static inline void qblocks_put_u16(uint8_t b[2], uint16_t v)
{
    b[0] = (uint8_t)v;
    b[1] = (uint8_t)(v >> 8);
}

/* ---- blocks of 32, one scale ----
 *
 * Q8_0   | d 2 | qs 32 |                    w[i] = d * (int8) qs[i] */
struct block_q8_0 {
    uint8_t d[2], qs[32];
};

/* Q4_0   | d 2 | qs 16 |                    w[i] = d * (q - 8)
 * Q4_1   | d 2 | m 2 | qs 16 |              w[i] = d * q + m
 *        q = low nibble of qs[i] for i < 16, high nibble of qs[i - 16] above */
struct block_q4_0 {
    uint8_t d[2], qs[16];
};
struct block_q4_1 {
    uint8_t d[2], m[2], qs[16];
};

/* Q5_0   | d 2 | qh 4 | qs 16 |             w[i] = d * (q - 16)
 * Q5_1   | d 2 | m 2 | qh 4 | qs 16 |       w[i] = d * q + m
 *        q = nibble as in Q4_0, plus 16 * bit i of the 32-bit little-endian number qh */
struct block_q5_0 {
    uint8_t d[2], qh[4], qs[16];
};
struct block_q5_1 {
    uint8_t d[2], m[2], qh[4], qs[16];
};

/* ---- super-blocks of 256, sub-scales ----
 *
 * The order of low bits in Q2_K, Q3_K and TQ2_0 ("quarters"): 2 halves of 128 weights, 32 bytes
 * each; byte l of half h holds the weights 128 h + 32 j + l, j = 0..3, at bits [2j+1:2j].
 *
 * Q2_K   | scales 16 | qs 64 | d 2 | dmin 2 |
 *        w[i] = (d * sc) * q - (dmin * mn)
 *        sc, mn = low, high nibble of scales[i / 16];  q = quarters of qs */
struct block_q2_k {
    uint8_t scales[16], qs[64], d[2], dmin[2];
};

/* Q3_K   | hmask 32 | qs 64 | scales 12 | d 2 |
 *        w[i] = (d * (sc - 32)) * (q - 4)
 *        q = quarters of qs, plus 4 * bit (i / 32) of hmask[i % 32]
 *        sc = 6 bits of group g = i / 16: low four = low nibble of scales[g] for g < 8, high nibble
 *        of scales[g - 8] above; high two = bits [2(g/4)+1 : 2(g/4)] of scales[8 + g % 4] */
struct block_q3_k {
    uint8_t hmask[32], qs[64], scales[12], d[2];
};

/* Q4_K   | d 2 | dmin 2 | scales 12 | qs 128 |
 *        w[i] = (d * sc) * q - (dmin * mn)
 *        q = nibbles: 4 quarters of 64 weights, 32 bytes each; byte l of quarter k holds weights
 *        64 k + l (low nibble) and 64 k + 32 + l (high nibble)
 *        sc, mn: 6 bits each of group g = i / 32, 0..7:
 *
 *        byte      7 6 | 5 4 3 2 1 0              g = 0..3
 *        g         sc[g+4]'s high two | sc[g]
 *        g + 4     mn[g+4]'s high two | mn[g]
 *        g + 8     low four of mn[g+4] (high nibble) | low four of sc[g+4] (low nibble) */
struct block_q4_k {
    uint8_t d[2], dmin[2], scales[12], qs[128];
};

/* Q5_K   | d 2 | dmin 2 | scales 12 | qh 32 | qs 128 |
 *        as Q4_K, with 16 * bit (i / 32) of qh[i % 32] added to q */
struct block_q5_k {
    uint8_t d[2], dmin[2], scales[12], qh[32], qs[128];
};

/* Q6_K   | ql 128 | qh 64 | scales 16 (int8) | d 2 |
 *        w[i] = (d * scales[i / 16]) * (q - 32)
 *        low four bits of q: 2 halves of 128 weights, 64 bytes each; byte l of half h holds the
 *        weights 128 h + l (low nibble) and 128 h + 64 + l (high nibble), l = 0..63
 *        high two bits: quarters of qh */
struct block_q6_k {
    uint8_t ql[128], qh[64], scales[16], d[2];
};

/* ---- ternary, blocks of 256, one scale ----
 *
 * TQ1_0  | qs 48 | qh 4 | d 2 |             w[i] = d * (t - 1)
 *        five base-3 digits per byte: byte = ceil(256 * 0.t0 t1 t2 t3 t4 (base 3)), so that
 *        digit n is the integer part of 3 * ((byte * 3^n mod 256) / 256).
 *        i < 160:  digit i / 32 of qs[i % 32]
 *        i < 240:  digit (i - 160) / 16 of qs[32 + (i - 160) % 16]
 *        else:     digit (i - 240) / 4 of qh[(i - 240) % 4]  (its fifth digit is 0) */
struct block_tq1_0 {
    uint8_t qs[48], qh[4], d[2];
};

/* TQ2_0  | qs 64 | d 2 |                    w[i] = d * (q - 1)
 *        q = quarters of qs; code 3 is legal and means +2 d */
struct block_tq2_0 {
    uint8_t qs[64], d[2];
};

/* ---- 1 and 2 bits, weights in order, one scale ----
 *
 * Q1_0   | d 2 | qs 16 |                    w[i] = d * (2 q - 1), that is +d or -d
 *        128 weights; q = bit i % 8 of qs[i / 8] */
struct block_q1_0 {
    uint8_t d[2], qs[16];
};

/* Q2_0   | d 2 | qs 16 |                    w[i] = d * (q - 1)
 *        64 weights; q = bits [2j+1:2j], j = i % 4, of qs[i / 4]; code 3 is legal and means +2 d
 * Q2_0 of 128 weights (id 142, in older files 42): the same with qs 32 */
struct block_q2_0 {
    uint8_t d[2], qs[16];
};
struct block_q2_0_g128 {
    uint8_t d[2], qs[32];
};

/* ---- codebooks: a code is the place of a value in a table ----
 *
 * kvalues of IQ4: -127 -104 -83 -65 -49 -35 -22 -10 1 13 25 38 53 69 89 113
 * e2m1, doubled:  0 1 2 3 4 6 8 12 0 -1 -2 -3 -4 -6 -8 -12
 *
 * IQ4_NL | d 2 | qs 16 |                    w[i] = d * kvalues[q], q nibbles as in Q4_0
 * MXFP4  | e 1 | qs 16 |                    w[i] = 2^(e - 128) * e2m1[q], likewise
 * NVFP4  | d 4 | qs 32 |                    64 weights
 *        w[i] = (d[i / 16] / 2) * e2m1[q]; d is UE4M3: 4 bits of exponent (bias 7), 3 of mantissa
 *        q = low nibble of qs[8 (i / 16) + i % 16] for i % 16 < 8, high nibble 8 bytes before */
struct block_iq4_nl {
    uint8_t d[2], qs[16];
};
struct block_mxfp4 {
    uint8_t e[1], qs[16];
};
struct block_nvfp4 {
    uint8_t d[4], qs[32];
};

/* IQ4_XS | d 2 | high 2 | low 4 | qs 128 |  256 weights
 *        w[i] = (d * (sc - 32)) * kvalues[q]
 *        sc of group g = i / 32: low four = nibble g % 2 of low[g / 2]; high two = bits
 *        [2g+1:2g] of the little-endian number high;  q = nibbles as in Q4_0, 16 bytes a group */
struct block_iq4_xs {
    uint8_t d[2], high[2], low[4], qs[128];
};

/* ---- codebooks of 8 or 4 weights ("grids", qgrids.h), blocks of 256; signs: bit j set = weight j
 * of the 8 is negative ----
 *
 * IQ2_XXS | d 2 | qs 64 |                   w[i] = (d * (2 s + 1) / 8) * +-grid
 *        8 bytes per 32 weights: 4 grid indices, then a little-endian number: 7 sign bits for each
 *        8 weights (the eighth makes the number of minuses even), s in bits 31:28
 * IQ2_XS  | d 2 | qs 64 | scales 8 |        likewise; per 8 weights 16 bits of qs: 9 of index, 7 of
 *        signs; s of 16 weights = nibble (i / 16) % 2 of scales[i / 32]
 * IQ2_S   | d 2 | qs 32 | signs 32 | qh 8 | scales 8 |    likewise; a byte of signs per 8 weights;
 *        index = qs[i / 8], plus 256 * bits [2l+1:2l] of qh[i / 32], l = (i / 8) % 4 */
struct block_iq2_xxs {
    uint8_t d[2], qs[64];
};
struct block_iq2_xs {
    uint8_t d[2], qs[64], scales[8];
};
struct block_iq2_s {
    uint8_t d[2], qs[32], signs[32], qh[8], scales[8];
};

/* IQ3_XXS | d 2 | qs 64 | signs 32 |        w[i] = (d * (2 s + 1) / 4) * +-grid
 *        grid index of 4 weights = qs[i / 4]; signs: per 32 weights a number as in IQ2_XXS
 * IQ3_S   | d 2 | qs 64 | qh 8 | signs 32 | scales 4 |    w[i] = (d * (2 s + 1)) * +-grid
 *        index = qs[i / 4], plus 256 * bit (i / 4) % 8 of qh[i / 32]; s = nibble (i / 32) % 2 of
 *        scales[i / 64] */
struct block_iq3_xxs {
    uint8_t d[2], qs[64], signs[32];
};
struct block_iq3_s {
    uint8_t d[2], qs[64], qh[8], signs[32], scales[4];
};

/* IQ1_S   | d 2 | qs 32 | qh 16 |           w[i] = (d * (2 s + 1)) * (grid +- 1/8)
 *        per 32 weights a little-endian u16 h of qh: index of 8 weights = qs[i / 8], plus 256 *
 *        bits [3l+2:3l] of h, l = (i / 8) % 4; s = bits 14:12; minus if bit 15 is set
 * IQ1_M   | qs 32 | qh 16 | scales 8 |      likewise
 *        a nibble of qh per 8 weights: bits 2:0 the index's high bits, bit 3 minus
 *        scales: four little-endian u16; s of 16 weights = bits [3j+2:3j] of number i / 64,
 *        j = (i / 16) % 4; their high nibbles, first number lowest, are the f16 d */
struct block_iq1_s {
    uint8_t d[2], qs[32], qh[16];
};
struct block_iq1_m {
    uint8_t qs[32], qh[16], scales[8];
};

/* ---- I2_S, ternary, the scale outside ----
 *
 * The file's tensor is codes, then one f32 scale, then 28 bytes of anything. models/i2s.h knows the
 * layouts a file may have; in memory, rows are in blocks of 64:
 *
 * I2_S   | qs 16 |                          w[i] = q - 1, to be multiplied by the tensor's scale
 *        q = bits [7-2g:6-2g], g = i / 16, of qs[i % 16] */
struct block_i2_s {
    uint8_t qs[16];
};

static_assert(sizeof(struct block_q8_0) == 34, "Q8_0");
static_assert(sizeof(struct block_q4_0) == 18, "Q4_0");
static_assert(sizeof(struct block_q4_1) == 20, "Q4_1");
static_assert(sizeof(struct block_q5_0) == 22, "Q5_0");
static_assert(sizeof(struct block_q5_1) == 24, "Q5_1");
static_assert(sizeof(struct block_q2_k) == 84, "Q2_K");
static_assert(sizeof(struct block_q3_k) == 110, "Q3_K");
static_assert(sizeof(struct block_q4_k) == 144, "Q4_K");
static_assert(sizeof(struct block_q5_k) == 176, "Q5_K");
static_assert(sizeof(struct block_q6_k) == 210, "Q6_K");
static_assert(sizeof(struct block_tq1_0) == 54, "TQ1_0");
static_assert(sizeof(struct block_tq2_0) == 66, "TQ2_0");
static_assert(sizeof(struct block_q1_0) == 18, "Q1_0");
static_assert(sizeof(struct block_q2_0) == 18, "Q2_0");
static_assert(sizeof(struct block_q2_0_g128) == 34, "Q2_0_G128");
static_assert(sizeof(struct block_iq4_nl) == 18, "IQ4_NL");
static_assert(sizeof(struct block_mxfp4) == 17, "MXFP4");
static_assert(sizeof(struct block_nvfp4) == 36, "NVFP4");
static_assert(sizeof(struct block_iq4_xs) == 136, "IQ4_XS");
static_assert(sizeof(struct block_iq2_xxs) == 66, "IQ2_XXS");
static_assert(sizeof(struct block_iq2_xs) == 74, "IQ2_XS");
static_assert(sizeof(struct block_iq2_s) == 82, "IQ2_S");
static_assert(sizeof(struct block_iq3_xxs) == 98, "IQ3_XXS");
static_assert(sizeof(struct block_iq3_s) == 110, "IQ3_S");
static_assert(sizeof(struct block_iq1_s) == 50, "IQ1_S");
static_assert(sizeof(struct block_iq1_m) == 56, "IQ1_M");
static_assert(sizeof(struct block_i2_s) == 16, "I2_S");

#endif
