/* SPDX-License-Identifier: MIT */
/* Codebook formats to floats, straight from the bytes; drawn in qblocks.h.
 *
 * Scales are an f16 (11 bits) times an odd number below 64, and powers of two; times a value of at
 * most 7 bits this needs 24: every weight of the IQ formats is exact. */
#include <math.h>

#include "kernels/qblocks.h"
#include "kernels/qgrids.h"
#include "kernels/qtypes_iq.h"

const int8_t lutra_iq4_values[16] = {-127, -104, -83, -65, -49, -35, -22, -10,
                                     1,    13,   25,  38,  53,  69,  89,  113};
const int8_t lutra_e2m1_values[16] = {0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12};
const uint8_t lutra_iq2_values[4] = {8, 25, 43, 0};
const uint8_t lutra_iq3_xxs_values[8] = {4, 12, 20, 28, 36, 44, 52, 62};

static float f16_at(const uint8_t b[2])
{
    return lutra_f16_to_f32(qblocks_u16(b));
}

static uint32_t u32_at(const uint8_t b[4])
{
    return (uint32_t)qblocks_u16(b) | (uint32_t)qblocks_u16(b + 2) << 16;
}

float lutra_e8m0_half(uint8_t e)
{
    return ldexpf(1.0f, e - 128);
}

float lutra_ue4m3_half(uint8_t x)
{
    int exp = x >> 3 & 15, mant = x & 7;
    if (x == 0x7f) return 0.0f; /* not a number; no weight, as in ggml */
    return exp == 0 ? ldexpf((float)mant, -10) : ldexpf((float)(8 + mant), exp - 11);
}

static void decode_nibbles(float *dst, float d, const int8_t values[16], const uint8_t *qs, int n)
{
    for (int i = 0; i < n; i++) {
        dst[i] = d * (float)values[qs[i] & 15];
        dst[i + n] = d * (float)values[qs[i] >> 4];
    }
}

void lutra_decode_iq4_nl(float *dst, const void *src)
{
    const struct block_iq4_nl *b = src;
    decode_nibbles(dst, f16_at(b->d), lutra_iq4_values, b->qs, 16);
}

void lutra_decode_mxfp4(float *dst, const void *src)
{
    const struct block_mxfp4 *b = src;
    decode_nibbles(dst, lutra_e8m0_half(b->e[0]), lutra_e2m1_values, b->qs, 16);
}

void lutra_decode_nvfp4(float *dst, const void *src)
{
    const struct block_nvfp4 *b = src;
    for (int g = 0; g < 4; g++)
        decode_nibbles(dst + 16 * g, lutra_ue4m3_half(b->d[g]), lutra_e2m1_values, b->qs + 8 * g,
                       8);
}

void lutra_decode_iq4_xs(float *dst, const void *src)
{
    const struct block_iq4_xs *b = src;
    float d = f16_at(b->d);
    for (int g = 0; g < 8; g++) {
        int low = b->low[g / 2] >> 4 * (g % 2) & 15, high = qblocks_u16(b->high) >> 2 * g & 3;
        decode_nibbles(dst + 32 * g, d * (float)((low | high << 4) - 32), lutra_iq4_values,
                       b->qs + 16 * g, 16);
    }
}

static float *decode_iq2_grid(float *dst, float d, unsigned grid, unsigned signs)
{
    for (int j = 0; j < 8; j++) {
        float w = d * (float)lutra_iq2_values[grid >> 2 * j & 3];
        *dst++ = signs >> j & 1 ? -w : w;
    }
    return dst;
}

void lutra_decode_iq2_xxs(float *dst, const void *src)
{
    const struct block_iq2_xxs *b = src;
    float d = f16_at(b->d);
    for (int g = 0; g < 8; g++) {
        uint32_t word = u32_at(b->qs + 8 * g + 4);
        float scale = d * (float)(2 * (word >> 28) + 1) * 0.125f;
        for (int l = 0; l < 4; l++)
            dst = decode_iq2_grid(dst, scale, lutra_grid_iq2xxs[b->qs[8 * g + l]],
                                  lutra_even_signs(word >> 7 * l & 127));
    }
}

/* The scale of weights 16 h .. 16 h + 15 by nibbles. */
static float half_scale(float d, const uint8_t *scales, int h)
{
    return d * (float)(2 * (scales[h / 2] >> 4 * (h % 2) & 15) + 1);
}

void lutra_decode_iq2_xs(float *dst, const void *src)
{
    const struct block_iq2_xs *b = src;
    float d = f16_at(b->d);
    for (int l = 0; l < 32; l++) {
        unsigned word = qblocks_u16(b->qs + 2 * l);
        dst = decode_iq2_grid(dst, half_scale(d, b->scales, l / 2) * 0.125f,
                              lutra_grid_iq2xs[word & 511], lutra_even_signs(word >> 9));
    }
}

void lutra_decode_iq2_s(float *dst, const void *src)
{
    const struct block_iq2_s *b = src;
    float d = f16_at(b->d);
    for (int l = 0; l < 32; l++) {
        unsigned high = b->qh[l / 4] >> 2 * (l % 4) & 3;
        dst = decode_iq2_grid(dst, half_scale(d, b->scales, l / 2) * 0.125f,
                              lutra_grid_iq2s[b->qs[l] | high << 8], b->signs[l]);
    }
}

void lutra_decode_iq3_xxs(float *dst, const void *src)
{
    const struct block_iq3_xxs *b = src;
    float d = f16_at(b->d);
    for (int i = 0; i < 256; i++) {
        uint32_t word = u32_at(b->signs + i / 32 * 4);
        float scale = d * (float)(2 * (word >> 28) + 1) * 0.25f;
        unsigned grid = lutra_grid_iq3xxs[b->qs[i / 4]];
        unsigned signs = lutra_even_signs(word >> i / 8 % 4 * 7 & 127);
        float w = scale * (float)lutra_iq3_xxs_values[grid >> i % 4 * 4 & 7];
        dst[i] = signs >> i % 8 & 1 ? -w : w;
    }
}

void lutra_decode_iq3_s(float *dst, const void *src)
{
    const struct block_iq3_s *b = src;
    float d = f16_at(b->d);
    for (int i = 0; i < 256; i++) {
        unsigned high = b->qh[i / 32] >> i / 4 % 8 & 1;
        unsigned grid = lutra_grid_iq3s[b->qs[i / 4] | high << 8];
        float w = half_scale(d, b->scales, i / 32) * (float)(2 * (grid >> i % 4 * 4 & 7) + 1);
        dst[i] = b->signs[i / 8] >> i % 8 & 1 ? -w : w;
    }
}

static float *decode_iq1_grid(float *dst, float d, unsigned grid, float delta)
{
    for (int j = 0; j < 8; j++) *dst++ = d * ((float)(grid >> 2 * j & 3) - 1.0f + delta);
    return dst;
}

void lutra_decode_iq1_s(float *dst, const void *src)
{
    const struct block_iq1_s *b = src;
    float d = f16_at(b->d);
    for (int l = 0; l < 32; l++) {
        unsigned h = qblocks_u16(b->qh + l / 4 * 2), high = h >> l % 4 * 3 & 7;
        dst = decode_iq1_grid(dst, d * (float)(2 * (h >> 12 & 7) + 1),
                              lutra_grid_iq1[b->qs[l] | high << 8], h >> 15 ? -0.125f : 0.125f);
    }
}

uint16_t lutra_iq1_m_d(const uint8_t scales[8])
{
    unsigned d = 0;
    for (int i = 0; i < 4; i++) d |= (unsigned)(scales[2 * i + 1] >> 4) << 4 * i;
    return (uint16_t)d;
}

void lutra_decode_iq1_m(float *dst, const void *src)
{
    const struct block_iq1_m *b = src;
    float d = lutra_f16_to_f32(lutra_iq1_m_d(b->scales));
    for (int l = 0; l < 32; l++) {
        unsigned high = b->qh[l / 2] >> l % 2 * 4 & 15;
        int s = qblocks_u16(b->scales + l / 8 * 2) >> l / 2 % 4 * 3 & 7;
        dst = decode_iq1_grid(dst, d * (float)(2 * s + 1),
                              lutra_grid_iq1[b->qs[l] | (high & 7) << 8],
                              high & 8 ? -0.125f : 0.125f);
    }
}

void lutra_decode_i2_s(float *dst, const void *src)
{
    const struct block_i2_s *b = src;
    for (int i = 0; i < 64; i++) dst[i] = (float)((b->qs[i % 16] >> (6 - i / 16 * 2) & 3) - 1);
}
