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

#endif
