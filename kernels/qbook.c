/* SPDX-License-Identifier: MIT */
/* Blocks of codebook types taken apart into 4-bit codes and scales: what the packer repacks. */
#include "kernels/qbook.h"

#include <assert.h>
#include <string.h>

#include "kernels/qblocks.h"
#include "kernels/qgrids.h"
#include "kernels/qtypes_iq.h"

#define IQ4 {-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113}
#define E2M1 {0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12}
/* A sign is 8 in the code. */
#define IQ3_XXS {4, 12, 20, 28, 36, 44, 52, 62, -4, -12, -20, -28, -36, -44, -52, -62}
#define IQ3_S {1, 3, 5, 7, 9, 11, 13, 15, -1, -3, -5, -7, -9, -11, -13, -15}
/* A sign is 4 in the code. */
#define IQ2 {8, 25, 43, 0, -8, -25, -43}
/* Eighths of -1 0 1; plus an eighth, or minus: 4 in the code. */
#define IQ1 {-7, 1, 9, 0, -9, -1, 7}

static const struct {
    int type;
    struct lutra_book_info info;
} books[] = {
    {LUTRA_TYPE_IQ4_NL, {IQ4, 32, LUTRA_BOOK_F16, 1.0f}},
    {LUTRA_TYPE_IQ4_XS, {IQ4, 32, LUTRA_BOOK_SUB, 1.0f}},
    {LUTRA_TYPE_MXFP4, {E2M1, 32, LUTRA_BOOK_E8M0, 1.0f}},
    {LUTRA_TYPE_NVFP4, {E2M1, 16, LUTRA_BOOK_F16, 1.0f}},
    {LUTRA_TYPE_IQ3_XXS, {IQ3_XXS, 32, LUTRA_BOOK_SUB, 0.25f}},
    {LUTRA_TYPE_IQ3_S, {IQ3_S, 32, LUTRA_BOOK_SUB, 1.0f}},
    {LUTRA_TYPE_IQ2_XXS, {IQ2, 32, LUTRA_BOOK_SUB, 0.125f}},
    {LUTRA_TYPE_IQ2_XS, {IQ2, 16, LUTRA_BOOK_SUB, 0.125f}},
    {LUTRA_TYPE_IQ2_S, {IQ2, 16, LUTRA_BOOK_SUB, 0.125f}},
    {LUTRA_TYPE_IQ1_S, {IQ1, 32, LUTRA_BOOK_SUB, 0.125f}},
    {LUTRA_TYPE_IQ1_M, {IQ1, 16, LUTRA_BOOK_SUB, 0.125f}},
};

const struct lutra_book_info *lutra_book_info(int type)
{
    for (size_t i = 0; i < sizeof books / sizeof books[0]; i++)
        if (books[i].type == type) return &books[i].info;
    return NULL;
}

static void split_nibbles(uint8_t *q, const uint8_t *qs, int n)
{
    for (int i = 0; i < n; i++) {
        q[i] = qs[i] & 15;
        q[i + n] = qs[i] >> 4;
    }
}

/* Eight pairs of bits as bytes, and eight flags as bytes of `flag`. */
static void put_pairs(uint8_t q[8], unsigned grid, unsigned flags, int flag)
{
    for (int j = 0; j < 8; j++)
        q[j] = (uint8_t)((grid >> 2 * j & 3) | (flags >> j & 1) * (unsigned)flag);
}

/* Four nibbles as bytes, likewise. */
static void put_nibbles(uint8_t q[4], unsigned grid, unsigned signs)
{
    for (int j = 0; j < 4; j++) q[j] = (uint8_t)((grid >> 4 * j & 7) | (signs >> j & 1) << 3);
}

static int8_t odd(unsigned s)
{
    return (int8_t)(2 * s + 1);
}

static uint32_t u32_at(const uint8_t b[4])
{
    return (uint32_t)qblocks_u16(b) | (uint32_t)qblocks_u16(b + 2) << 16;
}

static void split_iq4_xs(struct lutra_book_split *out, const struct block_iq4_xs *b)
{
    unsigned high = qblocks_u16(b->high);
    out->d[0] = qblocks_u16(b->d);
    for (int g = 0; g < 8; g++) {
        unsigned low = b->low[g / 2] >> 4 * (g & 1) & 15u;
        out->sc[g] = (int8_t)((int)(low | (high >> 2 * g & 3) << 4) - 32);
        split_nibbles(out->q + 32 * g, b->qs + 16 * g, 16);
    }
}

static void split_iq4_nl(struct lutra_book_split *out, const struct block_iq4_nl *b)
{
    out->d[0] = qblocks_u16(b->d);
    split_nibbles(out->q, b->qs, 16);
}

static void split_mxfp4(struct lutra_book_split *out, const struct block_mxfp4 *b)
{
    out->d[0] = b->e[0];
    split_nibbles(out->q, b->qs, 16);
}

static void split_nvfp4(struct lutra_book_split *out, const struct block_nvfp4 *b)
{
    for (int g = 0; g < 4; g++) {
        out->d[g] = lutra_f32_to_f16(lutra_ue4m3_half(b->d[g])); /* exact: 4 bits, 2^-10 to 224 */
        split_nibbles(out->q + 16 * g, b->qs + 8 * g, 8);
    }
}

static void split_iq2_xxs(struct lutra_book_split *out, const struct block_iq2_xxs *b)
{
    out->d[0] = qblocks_u16(b->d);
    for (int l = 0; l < 32; l++) {
        const uint8_t *eight = b->qs + l / 4 * 8;
        uint32_t word = u32_at(eight + 4);
        out->sc[l / 4] = odd(word >> 28);
        put_pairs(out->q + 8 * l, lutra_grid_iq2xxs[eight[l % 4]],
                  lutra_even_signs(word >> l % 4 * 7 & 127), 4);
    }
}

static void split_iq2_xs(struct lutra_book_split *out, const struct block_iq2_xs *b)
{
    out->d[0] = qblocks_u16(b->d);
    for (int l = 0; l < 32; l++) {
        unsigned word = qblocks_u16(b->qs + 2 * l);
        out->sc[l / 2] = odd(b->scales[l / 4] >> (l / 2 & 1) * 4 & 15u);
        put_pairs(out->q + 8 * l, lutra_grid_iq2xs[word & 511], lutra_even_signs(word >> 9), 4);
    }
}

static void split_iq2_s(struct lutra_book_split *out, const struct block_iq2_s *b)
{
    out->d[0] = qblocks_u16(b->d);
    for (int l = 0; l < 32; l++) {
        unsigned index = b->qs[l] | (b->qh[l / 4] >> l % 4 * 2 & 3u) << 8;
        out->sc[l / 2] = odd(b->scales[l / 4] >> (l / 2 & 1) * 4 & 15u);
        put_pairs(out->q + 8 * l, lutra_grid_iq2s[index], b->signs[l], 4);
    }
}

static void split_iq3_xxs(struct lutra_book_split *out, const struct block_iq3_xxs *b)
{
    out->d[0] = qblocks_u16(b->d);
    for (int l = 0; l < 32; l++) {
        uint32_t word = u32_at(b->signs + l / 4 * 4);
        unsigned signs = lutra_even_signs(word >> l % 4 * 7 & 127);
        out->sc[l / 4] = odd(word >> 28);
        put_nibbles(out->q + 8 * l, lutra_grid_iq3xxs[b->qs[2 * l]], signs);
        put_nibbles(out->q + 8 * l + 4, lutra_grid_iq3xxs[b->qs[2 * l + 1]], signs >> 4);
    }
}

static void split_iq3_s(struct lutra_book_split *out, const struct block_iq3_s *b)
{
    out->d[0] = qblocks_u16(b->d);
    for (int l = 0; l < 32; l++) {
        unsigned high = (unsigned)b->qh[l / 4] >> l % 4 * 2, signs = b->signs[l];
        out->sc[l / 4] = odd(b->scales[l / 8] >> (l / 4 & 1) * 4 & 15u);
        put_nibbles(out->q + 8 * l, lutra_grid_iq3s[b->qs[2 * l] | (high & 1) << 8], signs);
        put_nibbles(out->q + 8 * l + 4, lutra_grid_iq3s[b->qs[2 * l + 1] | (high & 2) << 7],
                    signs >> 4);
    }
}

static void split_iq1_s(struct lutra_book_split *out, const struct block_iq1_s *b)
{
    out->d[0] = qblocks_u16(b->d);
    for (int l = 0; l < 32; l++) {
        unsigned h = qblocks_u16(b->qh + l / 4 * 2);
        out->sc[l / 4] = odd(h >> 12 & 7);
        put_pairs(out->q + 8 * l, lutra_grid_iq1[b->qs[l] | (h >> l % 4 * 3 & 7) << 8],
                  h >> 15 ? 255 : 0, 4);
    }
}

static void split_iq1_m(struct lutra_book_split *out, const struct block_iq1_m *b)
{
    out->d[0] = lutra_iq1_m_d(b->scales);
    for (int l = 0; l < 32; l++) {
        unsigned high = (unsigned)b->qh[l / 2] >> (l & 1) * 4;
        out->sc[l / 2] = odd(qblocks_u16(b->scales + l / 8 * 2) >> l / 2 % 4 * 3 & 7u);
        put_pairs(out->q + 8 * l, lutra_grid_iq1[b->qs[l] | (high & 7) << 8],
                  high & 8 ? 255 : 0, 4);
    }
}

void lutra_book_split(int type, struct lutra_book_split *out, const void *block)
{
    switch (type) {
    case LUTRA_TYPE_IQ4_NL: split_iq4_nl(out, block); break;
    case LUTRA_TYPE_MXFP4: split_mxfp4(out, block); break;
    case LUTRA_TYPE_NVFP4: split_nvfp4(out, block); break;
    case LUTRA_TYPE_IQ4_XS: split_iq4_xs(out, block); break;
    case LUTRA_TYPE_IQ3_XXS: split_iq3_xxs(out, block); break;
    case LUTRA_TYPE_IQ3_S: split_iq3_s(out, block); break;
    case LUTRA_TYPE_IQ2_XXS: split_iq2_xxs(out, block); break;
    case LUTRA_TYPE_IQ2_XS: split_iq2_xs(out, block); break;
    case LUTRA_TYPE_IQ2_S: split_iq2_s(out, block); break;
    case LUTRA_TYPE_IQ1_S: split_iq1_s(out, block); break;
    case LUTRA_TYPE_IQ1_M: split_iq1_m(out, block); break;
    default: assert(!"a type without a codebook");
    }
}
