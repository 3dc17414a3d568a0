/* SPDX-License-Identifier: MIT */
/* Random blocks of every type. Layouts are those of kernels/qblocks.h. */
#include "tools/synth_fill.h"

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
    int type, d_at;      /* byte of d */
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
        if (!f->equal_scales) d *= 0.75f + (float)(p[l->d_at]) / 512.0f;
        put_half(p + l->d_at, d);
        if (l->m_at >= 0) put_half(p + l->m_at, d * l->m);
        for (int i = 0; i < l->codes; i++)
            p[l->codes_at + i] = trits[(unsigned)p[l->codes_at + i] * 81 >> 8];
    }
}
