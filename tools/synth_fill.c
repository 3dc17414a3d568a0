/* SPDX-License-Identifier: MIT */
/* Random blocks of every type. Layouts are those of kernels/qblocks.h. */
#include "tools/synth_fill.h"

#include <math.h>
#include <string.h>

#include "kernels/qtypes.h"

static uint64_t next_random(uint64_t *state) /* splitmix64 */
{
    uint64_t z = (*state += 0x9E3779B97F4A7C15u);
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return z ^ (z >> 31);
}

/* Where a block keeps its halves, and how large its weights are for d = 1. */
struct layout {
    int type, d_at;      /* byte of d; -1: see put_scale */
    int m_at;            /* byte of the minimum or of dmin; -1: none */
    float m;             /* minimum over d, so that weights have mean 0 */
    float rms;           /* of random codes (and sub-scales) */
    int codes_at, codes; /* ternary: bytes that must hold no code 3; else 0 */
};

/* rms: e.g. Q2_K, codes q 0..3, sub-scales s and sub-minima n 0..15, dmin = 1.5 d:
 * E (s q - 1.5 n)^2 = 77.5 * 3.5 + 2.25 * 77.5 - 3 * 7.5 * 1.5 * 7.5 = 192. */
static const struct layout layouts[] = {
    {LUTRA_TYPE_Q4_0, 0, -1, 0, 4.64f, 0, 0},
    {LUTRA_TYPE_Q4_1, 0, 2, -7.5f, 4.61f, 0, 0},
    {LUTRA_TYPE_Q5_0, 0, -1, 0, 9.25f, 0, 0},
    {LUTRA_TYPE_Q5_1, 0, 2, -15.5f, 9.23f, 0, 0},
    {LUTRA_TYPE_Q8_0, 0, -1, 0, 73.9f, 0, 0},
    {LUTRA_TYPE_Q2_K, 80, 82, 1.5f, 13.9f, 0, 0},
    {LUTRA_TYPE_Q3_K, 108, -1, 0, 43.4f, 0, 0},
    {LUTRA_TYPE_Q4_K, 0, 2, 7.5f, 258.0f, 0, 0},
    {LUTRA_TYPE_Q5_K, 0, 2, 15.5f, 527.0f, 0, 0},
    {LUTRA_TYPE_Q6_K, 208, -1, 0, 1365.0f, 0, 0},
    {LUTRA_TYPE_TQ1_0, 52, -1, 0, 0.816f, 0, 0},
    {LUTRA_TYPE_TQ2_0, 64, -1, 0, 0.816f, 0, 64},
    {LUTRA_TYPE_Q1_0, 0, -1, 0, 1.0f, 0, 0},
    {LUTRA_TYPE_Q2_0, 0, -1, 0, 0.816f, 2, 16},
    {LUTRA_TYPE_Q2_0_G128, 0, -1, 0, 0.816f, 2, 32},
    {LUTRA_TYPE_I2_S, -1, -1, 0, 0.816f, 0, 16}, /* its scale stands behind the tensor */
    {LUTRA_TYPE_IQ4_NL, 0, -1, 0, 67.5f, 0, 0},
    {LUTRA_TYPE_IQ4_XS, 0, -1, 0, 1243.0f, 0, 0},
    {LUTRA_TYPE_MXFP4, -1, -1, 0, 5.86f, 0, 0},
    {LUTRA_TYPE_NVFP4, -1, -1, 0, 5.86f, 0, 0},
    {LUTRA_TYPE_IQ1_S, 0, -1, 0, 7.22f, 0, 0},
    {LUTRA_TYPE_IQ1_M, -1, -1, 0, 7.22f, 0, 0},
    {LUTRA_TYPE_IQ2_XXS, 0, -1, 0, 53.3f, 0, 0},
    {LUTRA_TYPE_IQ2_XS, 0, -1, 0, 55.9f, 0, 0},
    {LUTRA_TYPE_IQ2_S, 0, -1, 0, 56.4f, 0, 0},
    {LUTRA_TYPE_IQ3_XXS, 0, -1, 0, 142.4f, 0, 0},
    {LUTRA_TYPE_IQ3_S, 0, -1, 0, 140.6f, 0, 0},
};

static const struct layout *find(int type)
{
    for (size_t i = 0; i < sizeof layouts / sizeof *layouts; i++)
        if (layouts[i].type == type) return &layouts[i];
    return NULL;
}

bool lutra_synth_knows(int type)
{
    const struct lutra_type_info *info = lutra_type_info((uint32_t)type);
    return find(type) != NULL && info != NULL && info->bytes > 0;
}

/* Four codes 0..2 in the bits of a byte, for 0..80. */
static void fill_trits(uint8_t table[81])
{
    for (int i = 0; i < 81; i++)
        table[i] = (uint8_t)(i % 3 | i / 3 % 3 << 2 | i / 9 % 3 << 4 | i / 27 << 6);
}

static void put_half(uint8_t *p, float v)
{
    uint16_t h = lutra_f32_to_f16(v);
    memcpy(p, &h, sizeof h);
}

/* One of two steps of a scale's grid, low and `ratio` times it, at random so that squares are right
 * in the mean. */
static bool upper(float want, float low, float ratio, uint8_t random)
{
    float part = (want * want / (low * low) - 1) / (ratio * ratio - 1);
    return (float)random < 256 * part;
}

/* Scales that are no f16 in one place: E8M0 and halved UE4M3 bytes, the four nibbles of IQ1_M. */
static void put_scale(int type, uint8_t *p, float d)
{
    int exp;
    float mant = frexpf(d, &exp); /* d = mant * 2^exp, 0.5 <= mant < 1 */
    uint16_t h = lutra_f32_to_f16(d);
    if (type == LUTRA_TYPE_MXFP4) {
        p[0] = (uint8_t)(exp - 1 + 128 + upper(mant, 0.5f, 2, p[0]));
    } else if (type == LUTRA_TYPE_NVFP4) { /* so small are subnormal: steps of 2^-10 */
        float steps = floorf(d * 1024);
        for (int i = 0; i < 4; i++)
            p[i] = (uint8_t)(steps + upper(d * 1024, steps, (steps + 1) / steps, p[i]));
    } else {
        for (int i = 0; i < 4; i++)
            p[49 + 2 * i] = (uint8_t)((p[49 + 2 * i] & 15) | (h >> 4 * i & 15) << 4);
    }
}

float lutra_synth_outer(const struct lutra_synth_fill *f)
{
    return f->size / find(f->type)->rms;
}

void lutra_synth_blocks(struct lutra_synth_fill *f, void *dst, size_t n)
{
    const struct layout *l = find(f->type);
    size_t bytes = (size_t)lutra_type_info((uint32_t)f->type)->bytes, all = n * bytes, at = 0;
    uint8_t *p = dst, trits[81];
    fill_trits(trits);
    for (; at + 8 <= all; at += 8) {
        uint64_t r = next_random(&f->state);
        memcpy(p + at, &r, 8);
    }
    uint64_t rest = next_random(&f->state);
    memcpy(p + at, &rest, all - at);
    for (size_t b = 0; b < n; b++, p += bytes) {
        float d = f->size / l->rms;
        if (!f->equal_scales && l->d_at >= 0) d *= 0.75f + (float)(p[l->d_at]) / 512.0f;
        if (l->d_at >= 0)
            put_half(p + l->d_at, d);
        else if (f->type != LUTRA_TYPE_I2_S)
            put_scale(f->type, p, d);
        if (l->m_at >= 0) put_half(p + l->m_at, d * l->m);
        for (int i = 0; i < l->codes; i++)
            p[l->codes_at + i] = trits[(unsigned)p[l->codes_at + i] * 81 >> 8];
    }
}
