/* SPDX-License-Identifier: MIT */
/* Blocks to floats, straight from the bytes: the plain reading of each format.
 *
 * All arithmetic is f32, one multiply, then one add where there is a minimum. Products of a scale
 * (11 bits) with a sub-scale (8 bits) are exact, so every weight is rounded at most twice. */
#include "kernels/qtypes.h"

#include <string.h>

#include "kernels/qblocks.h"
#include "kernels/qtypes_iq.h"

static float f16_at(const uint8_t b[2])
{
    return lutra_f16_to_f32(qblocks_u16(b));
}

static void decode_q8_0(float *dst, const void *src)
{
    const struct block_q8_0 *b = src;
    float d = f16_at(b->d);
    for (int i = 0; i < 32; i++) dst[i] = d * (float)(int8_t)b->qs[i];
}

static void decode_q4_0(float *dst, const void *src)
{
    const struct block_q4_0 *b = src;
    float d = f16_at(b->d);
    for (int i = 0; i < 16; i++) {
        dst[i] = d * (float)((b->qs[i] & 15) - 8);
        dst[i + 16] = d * (float)((b->qs[i] >> 4) - 8);
    }
}

static void decode_q4_1(float *dst, const void *src)
{
    const struct block_q4_1 *b = src;
    float d = f16_at(b->d), m = f16_at(b->m);
    for (int i = 0; i < 16; i++) {
        dst[i] = d * (float)(b->qs[i] & 15) + m;
        dst[i + 16] = d * (float)(b->qs[i] >> 4) + m;
    }
}

/* Bit i of qh, moved to the place of 16. */
static int fifth_bit(const uint8_t qh[4], int i)
{
    return (qh[i / 8] >> i % 8 & 1) << 4;
}

static void decode_q5_0(float *dst, const void *src)
{
    const struct block_q5_0 *b = src;
    float d = f16_at(b->d);
    for (int i = 0; i < 16; i++) {
        dst[i] = d * (float)(((b->qs[i] & 15) | fifth_bit(b->qh, i)) - 16);
        dst[i + 16] = d * (float)(((b->qs[i] >> 4) | fifth_bit(b->qh, i + 16)) - 16);
    }
}

static void decode_q5_1(float *dst, const void *src)
{
    const struct block_q5_1 *b = src;
    float d = f16_at(b->d), m = f16_at(b->m);
    for (int i = 0; i < 16; i++) {
        dst[i] = d * (float)((b->qs[i] & 15) | fifth_bit(b->qh, i)) + m;
        dst[i + 16] = d * (float)((b->qs[i] >> 4) | fifth_bit(b->qh, i + 16)) + m;
    }
}

static void decode_q2_k(float *dst, const void *src)
{
    const struct block_q2_k *b = src;
    float d = f16_at(b->d), dmin = f16_at(b->dmin);
    for (int g = 0; g < 16; g++) {
        const uint8_t *qs = b->qs + g / 8 * 32 + g % 2 * 16;
        int shift = g / 2 % 4 * 2;
        float scale = d * (float)(b->scales[g] & 15), min = dmin * (float)(b->scales[g] >> 4);
        for (int l = 0; l < 16; l++) *dst++ = scale * (float)(qs[l] >> shift & 3) - min;
    }
}

static void decode_q3_k(float *dst, const void *src)
{
    const struct block_q3_k *b = src;
    float d = f16_at(b->d);
    for (int g = 0; g < 16; g++) {
        const uint8_t *qs = b->qs + g / 8 * 32 + g % 2 * 16, *high = b->hmask + g % 2 * 16;
        int shift = g / 2 % 4 * 2;
        int low4 = g < 8 ? b->scales[g] & 15 : b->scales[g - 8] >> 4;
        int high2 = b->scales[8 + g % 4] >> g / 4 * 2 & 3;
        float scale = d * (float)((low4 | high2 << 4) - 32);
        for (int l = 0; l < 16; l++) {
            int q = (qs[l] >> shift & 3) - ((high[l] >> g / 2 & 1) ? 0 : 4);
            *dst++ = scale * (float)q;
        }
    }
}

/* The 6-bit scale and minimum of group g in Q4_K and Q5_K. */
static void scale_min(const uint8_t s[12], int g, int *sc, int *mn)
{
    if (g < 4) {
        *sc = s[g] & 63;
        *mn = s[g + 4] & 63;
    } else {
        *sc = (s[g + 4] & 15) | (s[g - 4] >> 6) << 4;
        *mn = (s[g + 4] >> 4) | (s[g] >> 6) << 4;
    }
}

static void decode_q4_k(float *dst, const void *src)
{
    const struct block_q4_k *b = src;
    float d = f16_at(b->d), dmin = f16_at(b->dmin);
    for (int g = 0; g < 8; g++) {
        const uint8_t *qs = b->qs + g / 2 * 32;
        int sc, mn, shift = g % 2 * 4;
        scale_min(b->scales, g, &sc, &mn);
        float scale = d * (float)sc, min = dmin * (float)mn;
        for (int l = 0; l < 32; l++) *dst++ = scale * (float)(qs[l] >> shift & 15) - min;
    }
}

static void decode_q5_k(float *dst, const void *src)
{
    const struct block_q5_k *b = src;
    float d = f16_at(b->d), dmin = f16_at(b->dmin);
    for (int g = 0; g < 8; g++) {
        const uint8_t *qs = b->qs + g / 2 * 32;
        int sc, mn, shift = g % 2 * 4;
        scale_min(b->scales, g, &sc, &mn);
        float scale = d * (float)sc, min = dmin * (float)mn;
        for (int l = 0; l < 32; l++) {
            int q = (qs[l] >> shift & 15) | (b->qh[l] >> g & 1) << 4;
            *dst++ = scale * (float)q - min;
        }
    }
}

static void decode_q6_k(float *dst, const void *src)
{
    const struct block_q6_k *b = src;
    float d = f16_at(b->d);
    for (int g = 0; g < 16; g++) {
        const uint8_t *ql = b->ql + g / 8 * 64 + g % 4 * 16, *qh = b->qh + g / 8 * 32 + g % 2 * 16;
        int low_shift = g / 4 % 2 * 4, high_shift = g / 2 % 4 * 2;
        float scale = d * (float)(int8_t)b->scales[g];
        for (int l = 0; l < 16; l++) {
            int q = (ql[l] >> low_shift & 15) | (qh[l] >> high_shift & 3) << 4;
            *dst++ = scale * (float)(q - 32);
        }
    }
}

/* Digit n of n_bytes base-3 bytes, for n < n_digits: digit-major. */
static float *decode_trits(float *dst, float d, const uint8_t *src, int n_bytes, int n_digits)
{
    static const uint8_t pow3[5] = {1, 3, 9, 27, 81};
    for (int n = 0; n < n_digits; n++)
        for (int i = 0; i < n_bytes; i++) {
            uint8_t rest = (uint8_t)(src[i] * pow3[n]); /* modulo 256: drops the digits before n */
            *dst++ = d * (float)((rest * 3 >> 8) - 1);
        }
    return dst;
}

static void decode_tq1_0(float *dst, const void *src)
{
    const struct block_tq1_0 *b = src;
    float d = f16_at(b->d);
    dst = decode_trits(dst, d, b->qs, 32, 5);
    dst = decode_trits(dst, d, b->qs + 32, 16, 5);
    decode_trits(dst, d, b->qh, 4, 4);
}

static void decode_tq2_0(float *dst, const void *src)
{
    const struct block_tq2_0 *b = src;
    float d = f16_at(b->d);
    for (int h = 0; h < 64; h += 32)
        for (int j = 0; j < 8; j += 2)
            for (int l = 0; l < 32; l++) *dst++ = d * (float)((b->qs[h + l] >> j & 3) - 1);
}

static void decode_q1_0(float *dst, const void *src)
{
    const struct block_q1_0 *b = src;
    float d = f16_at(b->d);
    for (int i = 0; i < 128; i++) dst[i] = d * (float)(2 * (b->qs[i / 8] >> i % 8 & 1) - 1);
}

static void decode_pairs(float *dst, float d, const uint8_t *qs, int n)
{
    for (int i = 0; i < n; i++) dst[i] = d * (float)((qs[i / 4] >> 2 * (i % 4) & 3) - 1);
}

static void decode_q2_0(float *dst, const void *src)
{
    const struct block_q2_0 *b = src;
    decode_pairs(dst, f16_at(b->d), b->qs, 64);
}

static void decode_q2_0_g128(float *dst, const void *src)
{
    const struct block_q2_0_g128 *b = src;
    decode_pairs(dst, f16_at(b->d), b->qs, 128);
}

static void decode_f16(float *dst, const void *src)
{
    *dst = f16_at(src);
}

static void decode_bf16(float *dst, const void *src)
{
    *dst = lutra_bf16_to_f32(qblocks_u16(src));
}

typedef void (*decode_fn)(float *dst, const void *src);

static decode_fn decoder(int type)
{
    switch (type) {
    case LUTRA_TYPE_F16: return decode_f16;
    case LUTRA_TYPE_BF16: return decode_bf16;
    case LUTRA_TYPE_Q8_0: return decode_q8_0;
    case LUTRA_TYPE_Q4_0: return decode_q4_0;
    case LUTRA_TYPE_Q4_1: return decode_q4_1;
    case LUTRA_TYPE_Q5_0: return decode_q5_0;
    case LUTRA_TYPE_Q5_1: return decode_q5_1;
    case LUTRA_TYPE_Q2_K: return decode_q2_k;
    case LUTRA_TYPE_Q3_K: return decode_q3_k;
    case LUTRA_TYPE_Q4_K: return decode_q4_k;
    case LUTRA_TYPE_Q5_K: return decode_q5_k;
    case LUTRA_TYPE_Q6_K: return decode_q6_k;
    case LUTRA_TYPE_TQ1_0: return decode_tq1_0;
    case LUTRA_TYPE_TQ2_0: return decode_tq2_0;
    case LUTRA_TYPE_Q1_0: return decode_q1_0;
    case LUTRA_TYPE_Q2_0: return decode_q2_0;
    case LUTRA_TYPE_Q2_0_G128: return decode_q2_0_g128;
    case LUTRA_TYPE_IQ4_NL: return lutra_decode_iq4_nl;
    case LUTRA_TYPE_MXFP4: return lutra_decode_mxfp4;
    case LUTRA_TYPE_NVFP4: return lutra_decode_nvfp4;
    case LUTRA_TYPE_IQ4_XS: return lutra_decode_iq4_xs;
    case LUTRA_TYPE_IQ2_XXS: return lutra_decode_iq2_xxs;
    case LUTRA_TYPE_IQ2_XS: return lutra_decode_iq2_xs;
    case LUTRA_TYPE_IQ2_S: return lutra_decode_iq2_s;
    case LUTRA_TYPE_IQ3_XXS: return lutra_decode_iq3_xxs;
    case LUTRA_TYPE_IQ3_S: return lutra_decode_iq3_s;
    case LUTRA_TYPE_IQ1_S: return lutra_decode_iq1_s;
    case LUTRA_TYPE_IQ1_M: return lutra_decode_iq1_m;
    case LUTRA_TYPE_I2_S: return lutra_decode_i2_s;
    default: return NULL;
    }
}

void lutra_decode_row(int type, float *dst, const void *src, int n)
{
    const struct lutra_type_info *t = lutra_type_info((uint32_t)type);
    const uint8_t *from = src;
    if (type == LUTRA_TYPE_F32) {
        memcpy(dst, src, (size_t)n * sizeof *dst);
        return;
    }
    decode_fn decode = decoder(type);
    assert(decode && n % t->block == 0);
    if (!decode) return;
    for (int i = 0; i < n; i += t->block, from += t->bytes) decode(dst + i, from);
}
