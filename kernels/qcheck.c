/* SPDX-License-Identifier: MIT */
/* Finds non-finite scales by their exponent bits, without decoding anything else of a block. */
#include "kernels/qcheck.h"

#include <string.h>

/* Byte offsets of the f16 scales inside a block, as drawn in qtypes.c; -1: none. */
struct scale_place {
    int type;
    int at[2];
};

static const struct scale_place places[] = {
    {LUTRA_TYPE_F16, {0, -1}},    {LUTRA_TYPE_Q4_0, {0, -1}},  {LUTRA_TYPE_Q4_1, {0, 2}},
    {LUTRA_TYPE_Q5_0, {0, -1}},   {LUTRA_TYPE_Q5_1, {0, 2}},   {LUTRA_TYPE_Q8_0, {0, -1}},
    {LUTRA_TYPE_Q2_K, {80, 82}},  {LUTRA_TYPE_Q3_K, {108, -1}}, {LUTRA_TYPE_Q4_K, {0, 2}},
    {LUTRA_TYPE_Q5_K, {0, 2}},    {LUTRA_TYPE_Q6_K, {208, -1}}, {LUTRA_TYPE_TQ1_0, {52, -1}},
    {LUTRA_TYPE_TQ2_0, {64, -1}}, {LUTRA_TYPE_Q1_0, {0, -1}},  {LUTRA_TYPE_Q2_0, {0, -1}},
    {LUTRA_TYPE_Q2_0_G128, {0, -1}}, {LUTRA_TYPE_IQ4_NL, {0, -1}}, {LUTRA_TYPE_IQ4_XS, {0, -1}},
    {LUTRA_TYPE_IQ2_XXS, {0, -1}}, {LUTRA_TYPE_IQ2_XS, {0, -1}}, {LUTRA_TYPE_IQ2_S, {0, -1}},
    {LUTRA_TYPE_IQ3_XXS, {0, -1}}, {LUTRA_TYPE_IQ3_S, {0, -1}}, {LUTRA_TYPE_IQ1_S, {0, -1}},
};

static bool half_finite(const uint8_t *p) /* f16: all exponent bits set means infinity or NaN */
{
    return (p[1] & 0x7c) != 0x7c;
}

static bool wide_finite(const uint8_t *high_half) /* f32 and bf16: 8 exponent bits in the upper 16 */
{
    unsigned bits = high_half[0] | (unsigned)high_half[1] << 8;
    return (bits & 0x7f80) != 0x7f80;
}

static size_t floats_finite(const uint8_t *p, size_t n, size_t bytes)
{
    for (size_t i = 0; i < n; i++)
        if (!wide_finite(p + i * bytes + bytes - 2)) return i;
    return n;
}

/* Scales of a byte: all ones is no number (ggml reads 2^127 in MXFP4, 0 in NVFP4). */
static bool small_finite(int type, const uint8_t *p)
{
    if (type == LUTRA_TYPE_MXFP4) return p[0] != 0xff;
    for (int i = 0; i < 4; i++)
        if ((p[i] & 0x7f) == 0x7f) return false;
    return true;
}

/* IQ1_M: the f16 scale is the high nibbles of four numbers, the fourth one's highest. */
static bool spread_finite(const uint8_t *scales)
{
    uint8_t half[2] = {0, (uint8_t)((scales[7] & 0xf0) | scales[5] >> 4)};
    return half_finite(half);
}

size_t lutra_blocks_finite(int type, const void *blocks, size_t n_blocks)
{
    const uint8_t *p = blocks;
    if (type == LUTRA_TYPE_F32 || type == LUTRA_TYPE_BF16)
        return floats_finite(p, n_blocks, type == LUTRA_TYPE_F32 ? 4 : 2);
    const struct scale_place *place = NULL;
    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++)
        if (places[i].type == type) place = &places[i];
    size_t bytes = (size_t)lutra_type_info((uint32_t)type)->bytes;
    if (type == LUTRA_TYPE_MXFP4 || type == LUTRA_TYPE_NVFP4) {
        for (size_t i = 0; i < n_blocks; i++)
            if (!small_finite(type, p + i * bytes)) return i;
        return n_blocks;
    }
    if (type == LUTRA_TYPE_IQ1_M) {
        for (size_t i = 0; i < n_blocks; i++)
            if (!spread_finite(p + i * bytes + 48)) return i;
        return n_blocks;
    }
    if (place == NULL) return n_blocks;
    for (size_t i = 0; i < n_blocks; i++, p += bytes)
        if (!half_finite(p + place->at[0]) || (place->at[1] >= 0 && !half_finite(p + place->at[1]))) return i;
    return n_blocks;
}
