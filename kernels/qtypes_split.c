/* SPDX-License-Identifier: MIT */
/* Blocks taken apart into integer codes, scales and minima: what the packers repack at load.
 *
 * Loops over bytes without branches, because every weight of a model passes here once. */
#include "kernels/qtypes.h"

#include <string.h>

#include "kernels/qblocks.h"

/* ---- the spreads of kernels/qblocks.h: each writes whole codes or adds high bits ---- */

static void split_halves(uint8_t *restrict q, const uint8_t qs[restrict 16])
{
    for (int i = 0; i < 16; i++) {
        q[i] = qs[i] & 15;
        q[i + 16] = qs[i] >> 4;
    }
}

static void add_fifth_bits(uint8_t *restrict q, const uint8_t qh[restrict 4])
{
    for (int k = 0; k < 4; k++)
        for (int i = 0; i < 8; i++) q[8 * k + i] |= (uint8_t)((qh[k] >> i & 1) << 4);
}

/* 256 nibbles: `run` low ones, then the `run` high ones of the same bytes. */
static void split_nibbles(uint8_t *restrict q, const uint8_t qs[restrict 128], int run)
{
    for (int at = 0; at < 128; at += run, q += 2 * run)
        for (int l = 0; l < run; l++) {
            q[l] = qs[at + l] & 15;
            q[run + l] = qs[at + l] >> 4;
        }
}

static void split_quarters(uint8_t *restrict q, const uint8_t qs[restrict 64])
{
    for (int h = 0; h < 64; h += 32)
        for (int j = 0; j < 8; j += 2, q += 32)
            for (int l = 0; l < 32; l++) q[l] = qs[h + l] >> j & 3;
}

static void add_quarters(uint8_t *restrict q, const uint8_t qh[restrict 64])
{
    for (int h = 0; h < 64; h += 32)
        for (int j = 0; j < 8; j += 2, q += 32)
            for (int l = 0; l < 32; l++) q[l] |= (uint8_t)((qh[h + l] >> j & 3) << 4);
}

/* Bit j of 32 bytes goes to place `shift` of the 32 codes of run j. */
static void add_flags(uint8_t *restrict q, const uint8_t flags[restrict 32], int shift)
{
    for (int j = 0; j < 8; j++, q += 32)
        for (int l = 0; l < 32; l++) q[l] |= (uint8_t)((flags[l] >> j & 1) << shift);
}

static uint8_t *split_trits(uint8_t *restrict q, const uint8_t *restrict src, int n_bytes, int n_digits)
{
    static const uint8_t pow3[5] = {1, 3, 9, 27, 81};
    for (int n = 0; n < n_digits; n++, q += n_bytes)
        for (int i = 0; i < n_bytes; i++)
            q[i] = (uint8_t)((uint8_t)(src[i] * pow3[n]) * 3 >> 8);
    return q;
}

/* ---- formats ---- */

static void split_plain(struct lutra_split *out, const uint8_t d[2])
{
    out->d = qblocks_u16(d);
    out->dmin = 0;
    out->sc[0] = 1;
    out->mn[0] = 0;
}

static void split_q8_0(struct lutra_split *restrict out, const struct block_q8_0 *restrict b)
{
    split_plain(out, b->d);
    for (int i = 0; i < 32; i++) out->q[i] = b->qs[i] ^ 128;
}

static void split_q4_0(struct lutra_split *restrict out, const struct block_q4_0 *restrict b)
{
    split_plain(out, b->d);
    split_halves(out->q, b->qs);
}

static void split_q4_1(struct lutra_split *restrict out, const struct block_q4_1 *restrict b)
{
    split_plain(out, b->d);
    out->dmin = qblocks_u16(b->m);
    split_halves(out->q, b->qs);
}

static void split_q5_0(struct lutra_split *restrict out, const struct block_q5_0 *restrict b)
{
    split_plain(out, b->d);
    split_halves(out->q, b->qs);
    add_fifth_bits(out->q, b->qh);
}

static void split_q5_1(struct lutra_split *restrict out, const struct block_q5_1 *restrict b)
{
    split_plain(out, b->d);
    out->dmin = qblocks_u16(b->m);
    split_halves(out->q, b->qs);
    add_fifth_bits(out->q, b->qh);
}

static void split_q2_k(struct lutra_split *restrict out, const struct block_q2_k *restrict b)
{
    out->d = qblocks_u16(b->d);
    out->dmin = qblocks_u16(b->dmin);
    split_quarters(out->q, b->qs);
    for (int g = 0; g < 16; g++) {
        out->sc[g] = (int8_t)(b->scales[g] & 15);
        out->mn[g] = b->scales[g] >> 4;
    }
}

static void split_q3_k(struct lutra_split *restrict out, const struct block_q3_k *restrict b)
{
    out->d = qblocks_u16(b->d);
    out->dmin = 0;
    split_quarters(out->q, b->qs);
    add_flags(out->q, b->hmask, 2);
    for (int g = 0; g < 16; g++) {
        int low = b->scales[g % 8] >> g / 8 * 4 & 15, high = b->scales[8 + g % 4] >> g / 4 * 2 & 3;
        out->sc[g] = (int8_t)((low | high << 4) - 32);
        out->mn[g] = 0;
    }
}

static void split_six_bits(struct lutra_split *out, const uint8_t s[12])
{
    for (int g = 0; g < 4; g++) {
        out->sc[g] = (int8_t)(s[g] & 63);
        out->mn[g] = s[g + 4] & 63;
        out->sc[g + 4] = (int8_t)((s[g + 8] & 15) | s[g] >> 6 << 4);
        out->mn[g + 4] = (uint8_t)(s[g + 8] >> 4 | s[g + 4] >> 6 << 4);
    }
}

static void split_q4_k(struct lutra_split *restrict out, const struct block_q4_k *restrict b)
{
    out->d = qblocks_u16(b->d);
    out->dmin = qblocks_u16(b->dmin);
    split_six_bits(out, b->scales);
    split_nibbles(out->q, b->qs, 32);
}

static void split_q5_k(struct lutra_split *restrict out, const struct block_q5_k *restrict b)
{
    out->d = qblocks_u16(b->d);
    out->dmin = qblocks_u16(b->dmin);
    split_six_bits(out, b->scales);
    split_nibbles(out->q, b->qs, 32);
    add_flags(out->q, b->qh, 4);
}

static void split_q6_k(struct lutra_split *restrict out, const struct block_q6_k *restrict b)
{
    out->d = qblocks_u16(b->d);
    out->dmin = 0;
    split_nibbles(out->q, b->ql, 64);
    add_quarters(out->q, b->qh);
    memcpy(out->sc, b->scales, sizeof out->sc);
    memset(out->mn, 0, sizeof out->mn);
}

static void split_tq1_0(struct lutra_split *restrict out, const struct block_tq1_0 *restrict b)
{
    split_plain(out, b->d);
    uint8_t *q = split_trits(out->q, b->qs, 32, 5);
    q = split_trits(q, b->qs + 32, 16, 5);
    split_trits(q, b->qh, 4, 4);
}

static void split_tq2_0(struct lutra_split *restrict out, const struct block_tq2_0 *restrict b)
{
    split_plain(out, b->d);
    split_quarters(out->q, b->qs);
}

/* No scale of its own: 1. */
static void split_i2_s(struct lutra_split *restrict out, const struct block_i2_s *restrict b)
{
    static const uint8_t one[2] = {0x00, 0x3c};
    split_plain(out, one);
    for (int g = 0; g < 4; g++)
        for (int i = 0; i < 16; i++) out->q[16 * g + i] = b->qs[i] >> (6 - 2 * g) & 3;
}

static void split_q1_0(struct lutra_split *restrict out, const struct block_q1_0 *restrict b)
{
    split_plain(out, b->d);
    for (int k = 0; k < 16; k++)
        for (int i = 0; i < 8; i++) out->q[8 * k + i] = b->qs[k] >> i & 1;
}

static void split_pairs(uint8_t *restrict q, const uint8_t *restrict qs, int n_bytes)
{
    for (int k = 0; k < n_bytes; k++)
        for (int j = 0; j < 4; j++) q[4 * k + j] = qs[k] >> 2 * j & 3;
}

static void split_q2_0(struct lutra_split *restrict out, const struct block_q2_0 *restrict b)
{
    split_plain(out, b->d);
    split_pairs(out->q, b->qs, 16);
}

static void split_q2_0_g128(struct lutra_split *restrict out, const struct block_q2_0_g128 *restrict b)
{
    split_plain(out, b->d);
    split_pairs(out->q, b->qs, 32);
}

void lutra_split_block(int type, struct lutra_split *out, const void *block)
{
    switch (type) {
    case LUTRA_TYPE_Q8_0: split_q8_0(out, block); break;
    case LUTRA_TYPE_Q4_0: split_q4_0(out, block); break;
    case LUTRA_TYPE_Q4_1: split_q4_1(out, block); break;
    case LUTRA_TYPE_Q5_0: split_q5_0(out, block); break;
    case LUTRA_TYPE_Q5_1: split_q5_1(out, block); break;
    case LUTRA_TYPE_Q2_K: split_q2_k(out, block); break;
    case LUTRA_TYPE_Q3_K: split_q3_k(out, block); break;
    case LUTRA_TYPE_Q4_K: split_q4_k(out, block); break;
    case LUTRA_TYPE_Q5_K: split_q5_k(out, block); break;
    case LUTRA_TYPE_Q6_K: split_q6_k(out, block); break;
    case LUTRA_TYPE_TQ1_0: split_tq1_0(out, block); break;
    case LUTRA_TYPE_TQ2_0: split_tq2_0(out, block); break;
    case LUTRA_TYPE_I2_S: split_i2_s(out, block); break;
    case LUTRA_TYPE_Q1_0: split_q1_0(out, block); break;
    case LUTRA_TYPE_Q2_0: split_q2_0(out, block); break;
    case LUTRA_TYPE_Q2_0_G128: split_q2_0_g128(out, block); break;
    default: assert(!"a type without codes");
    }
}
