/* SPDX-License-Identifier: MIT */
/* Floats to codebook blocks, the plain way: scales from the largest weight, then the nearest value,
 * or the nearest run of a grid by trying all. For tests and synthetic models; finite input gives
 * finite blocks. */
#include <math.h>
#include <string.h>

#include "kernels/qblocks.h"
#include "kernels/qgrids.h"
#include "kernels/qtypes_iq.h"

#define F16_MAX 65504.0f

static float clamp(float x, float lo, float hi)
{
    return x > hi ? hi : x > lo ? x : lo; /* a NaN becomes lo */
}

/* f16 bits of x, saturated; *back is what a reader of these bits will see. */
static uint16_t store_scale(float x, float *back)
{
    uint16_t h = lutra_f32_to_f16(clamp(x, -F16_MAX, F16_MAX));
    *back = lutra_f16_to_f32(h);
    return h;
}

static float largest(const float *x, int n)
{
    float m = 0;
    for (int i = 0; i < n; i++) m = fmaxf(m, fabsf(x[i]));
    return m;
}

static int quotient(float x, float d, int lo, int hi)
{
    return (int)rintf(clamp(d != 0 ? x / d : 0, (float)lo, (float)hi));
}

/* ---- tables of 16 values ---- */

static unsigned nearest(const int8_t values[16], float x)
{
    unsigned best = 0;
    for (unsigned i = 1; i < 16; i++)
        if (fabsf(x - (float)values[i]) < fabsf(x - (float)values[best])) best = i;
    return best;
}

/* 2n weights under scale d. */
static void put_codes(uint8_t *qs, const int8_t values[16], const float *x, float d, int n)
{
    for (int i = 0; i < n; i++) {
        float lo = d != 0 ? clamp(x[i] / d, -256, 256) : 0;
        float hi = d != 0 ? clamp(x[i + n] / d, -256, 256) : 0;
        qs[i] = (uint8_t)(nearest(values, lo) | nearest(values, hi) << 4);
    }
}

/* The weight of largest magnitude, with its sign, takes -127. */
static float iq4_scale(const float *x)
{
    float e = 0;
    for (int i = 0; i < 32; i++)
        if (fabsf(x[i]) > fabsf(e)) e = x[i];
    return e / -127.0f;
}

static void encode_iq4_nl(struct block_iq4_nl *b, const float *x)
{
    float d;
    qblocks_put_u16(b->d, store_scale(iq4_scale(x), &d));
    put_codes(b->qs, lutra_iq4_values, x, d, 16);
}

static void encode_iq4_xs(struct block_iq4_xs *b, const float *x)
{
    float scale[8], d, most = 0;
    unsigned high = 0;
    for (int g = 0; g < 8; g++) {
        scale[g] = iq4_scale(x + 32 * g);
        if (fabsf(scale[g]) > fabsf(most)) most = scale[g];
    }
    qblocks_put_u16(b->d, store_scale(most / -32.0f, &d));
    for (int g = 0; g < 8; g++) {
        int sc = quotient(scale[g], d, -32, 31);
        unsigned six = (unsigned)(sc + 32);
        b->low[g / 2] |= (uint8_t)((six & 15) << 4 * (g % 2));
        high |= six >> 4 << 2 * g;
        put_codes(b->qs + 16 * g, lutra_iq4_values, x + 32 * g, d * (float)sc, 16);
    }
    qblocks_put_u16(b->high, (uint16_t)high);
}

/* The largest weight lies between 4 and 8 under 2^(e - 127), where e2m1 reaches 6; of e2m1 doubled,
 * under half of it. */
static void encode_mxfp4(struct block_mxfp4 *b, const float *x)
{
    int exp = 0;
    float m = largest(x, 32);
    frexpf(m, &exp); /* m = f * 2^exp, f in [0.5, 1) */
    b->e[0] = (uint8_t)clamp((float)(exp - 3 + 127), 0, 251); /* 252 and up reach past FLT_MAX */
    put_codes(b->qs, lutra_e2m1_values, x, lutra_e8m0_half(m > 0 ? b->e[0] : 0), 16);
}

static void encode_nvfp4(struct block_nvfp4 *b, const float *x)
{
    for (int g = 0; g < 4; g++) {
        float want = largest(x + 16 * g, 16) / 12.0f;
        int best = 0;
        for (int s = 1; s < 0x7f; s++)
            if (fabsf(lutra_ue4m3_half((uint8_t)s) - want) <
                fabsf(lutra_ue4m3_half((uint8_t)best) - want))
                best = s;
        b->d[g] = (uint8_t)best;
        put_codes(b->qs + 8 * g, lutra_e2m1_values, x + 16 * g, lutra_ue4m3_half((uint8_t)best),
                  8);
    }
}

/* ---- grids ---- */

/* Odd sub-scales: the group with the largest weight takes the largest. */
struct odd_scales {
    float d;
    uint16_t half; /* f16 bits of d */
    int s[16];
};

/* n weights a group; a weight of 1 under scale 1 is `top` large at most; s <= s_top. */
static struct odd_scales odd_scales(const float *x, int n, float top, int s_top)
{
    struct odd_scales o = {0};
    o.half = store_scale(largest(x, 256) / top / (float)(2 * s_top + 1), &o.d);
    for (int g = 0; g < 256 / n; g++) {
        float s = o.d > 0 ? largest(x + n * g, n) / top / o.d : 0;
        o.s[g] = quotient(s - 1, 2, 0, s_top);
    }
    return o;
}

static float odd_scale(const struct odd_scales *o, int g)
{
    return o->d * (float)(2 * o->s[g] + 1);
}

/* How n weights of a grid word are read. */
struct grid {
    const uint16_t *words;
    int count, n, bits; /* weights a word, bits a weight */
    float value[8];     /* of a weight's bits, in units of the group's scale */
};

static float distance(const struct grid *g, unsigned word, const float *x, float shift)
{
    float sum = 0;
    for (int j = 0; j < g->n; j++) {
        float e = x[j] - g->value[word >> g->bits * j & 7 & ((1u << g->bits) - 1)] - shift;
        sum += e * e;
    }
    return sum;
}

/* Index of the word nearest to x, and how near. */
static unsigned search(const struct grid *g, const float *x, float shift, float *how)
{
    unsigned best = 0;
    *how = INFINITY;
    for (int i = 0; i < g->count; i++) {
        float e = distance(g, g->words[i], x, shift);
        if (e < *how) {
            *how = e;
            best = (unsigned)i;
        }
    }
    return best;
}

/* x / d, within what a float's square holds. */
static void scaled(float *to, const float *x, float d, int n)
{
    for (int j = 0; j < n; j++) to[j] = d != 0 ? clamp(x[j] / d, -1e6f, 1e6f) : 0;
}

/* Magnitudes of 8 weights to `to`, signs returned; `even`: an odd number of minuses loses or gains
 * that of the smallest. */
static unsigned take_signs(float to[8], const float *x, float d, bool even)
{
    unsigned signs = 0, odd = 0;
    int least = 0;
    scaled(to, x, d, 8);
    for (int j = 0; j < 8; j++) {
        if (to[j] < 0) signs |= 1u << j;
        odd ^= to[j] < 0;
        to[j] = fabsf(to[j]);
        if (to[j] < to[least]) least = j;
    }
    return even && odd ? signs ^ 1u << least : signs;
}

static void put_u32(uint8_t b[4], uint32_t v)
{
    qblocks_put_u16(b, (uint16_t)v);
    qblocks_put_u16(b + 2, (uint16_t)(v >> 16));
}

#define IQ2_VALUES {1.0f, 3.125f, 5.375f} /* eighths of 8, 25, 43 */

static void encode_iq2_xxs(struct block_iq2_xxs *b, const float *x)
{
    const struct grid g = {lutra_grid_iq2xxs, 256, 8, 2, IQ2_VALUES};
    struct odd_scales o = odd_scales(x, 32, 5.375f, 15);
    qblocks_put_u16(b->d, o.half);
    for (int i = 0; i < 8; i++) {
        uint32_t word = (uint32_t)o.s[i] << 28;
        for (int l = 0; l < 4; l++) {
            float w[8], how;
            unsigned signs = take_signs(w, x + 32 * i + 8 * l, odd_scale(&o, i), true);
            b->qs[8 * i + l] = (uint8_t)search(&g, w, 0, &how);
            word |= (uint32_t)(signs & 127) << 7 * l;
        }
        put_u32(b->qs + 8 * i + 4, word);
    }
}

static void encode_iq2_xs(struct block_iq2_xs *b, const float *x)
{
    const struct grid g = {lutra_grid_iq2xs, 512, 8, 2, IQ2_VALUES};
    struct odd_scales o = odd_scales(x, 16, 5.375f, 15);
    qblocks_put_u16(b->d, o.half);
    for (int l = 0; l < 32; l++) {
        float w[8], how;
        unsigned signs = take_signs(w, x + 8 * l, odd_scale(&o, l / 2), true);
        qblocks_put_u16(b->qs + 2 * l,
                        (uint16_t)(search(&g, w, 0, &how) | (signs & 127) << 9));
        if (l % 2 == 0) b->scales[l / 4] |= (uint8_t)(o.s[l / 2] << l % 4 * 2);
    }
}

static void encode_iq2_s(struct block_iq2_s *b, const float *x)
{
    const struct grid g = {lutra_grid_iq2s, 1024, 8, 2, IQ2_VALUES};
    struct odd_scales o = odd_scales(x, 16, 5.375f, 15);
    qblocks_put_u16(b->d, o.half);
    for (int l = 0; l < 32; l++) {
        float w[8], how;
        b->signs[l] = (uint8_t)take_signs(w, x + 8 * l, odd_scale(&o, l / 2), false);
        unsigned index = search(&g, w, 0, &how);
        b->qs[l] = (uint8_t)index;
        b->qh[l / 4] |= (uint8_t)(index >> 8 << l % 4 * 2);
        if (l % 2 == 0) b->scales[l / 4] |= (uint8_t)(o.s[l / 2] << l % 4 * 2);
    }
}

static void encode_iq3_xxs(struct block_iq3_xxs *b, const float *x)
{
    const struct grid g = {lutra_grid_iq3xxs, 256, 4, 4, {1, 3, 5, 7, 9, 11, 13, 15.5f}};
    struct odd_scales o = odd_scales(x, 32, 15.5f, 15);
    qblocks_put_u16(b->d, o.half);
    for (int i = 0; i < 8; i++) {
        uint32_t word = (uint32_t)o.s[i] << 28;
        for (int l = 0; l < 4; l++) {
            float w[8], how;
            unsigned signs = take_signs(w, x + 32 * i + 8 * l, odd_scale(&o, i), true);
            b->qs[8 * i + 2 * l] = (uint8_t)search(&g, w, 0, &how);
            b->qs[8 * i + 2 * l + 1] = (uint8_t)search(&g, w + 4, 0, &how);
            word |= (uint32_t)(signs & 127) << 7 * l;
        }
        put_u32(b->signs + 4 * i, word);
    }
}

static void encode_iq3_s(struct block_iq3_s *b, const float *x)
{
    const struct grid g = {lutra_grid_iq3s, 512, 4, 4, {1, 3, 5, 7, 9, 11, 13, 15}};
    struct odd_scales o = odd_scales(x, 32, 15, 15);
    qblocks_put_u16(b->d, o.half);
    for (int l = 0; l < 32; l++) {
        float w[8], how;
        b->signs[l] = (uint8_t)take_signs(w, x + 8 * l, odd_scale(&o, l / 4), false);
        for (int h = 0; h < 2; h++) {
            unsigned index = search(&g, w + 4 * h, 0, &how);
            b->qs[2 * l + h] = (uint8_t)index;
            b->qh[l / 4] |= (uint8_t)(index >> 8 << (2 * l + h) % 8);
        }
        if (l % 4 == 0) b->scales[l / 8] |= (uint8_t)(o.s[l / 4] << l % 8);
    }
}

static const struct grid iq1_grid = {lutra_grid_iq1, 2048, 8, 2, {-1, 0, 1}};

/* n weights with one sign of the eighth: the better one; indices of the eights. */
static bool iq1_minus(unsigned *index, const float *x, float d, int n)
{
    float all[2] = {0, 0}, w[32], how;
    unsigned tried[2][4];
    scaled(w, x, d, n);
    for (int minus = 0; minus < 2; minus++)
        for (int l = 0; l < n / 8; l++) {
            tried[minus][l] = search(&iq1_grid, w + 8 * l, minus ? -0.125f : 0.125f, &how);
            all[minus] += how;
        }
    bool minus = all[1] < all[0];
    memcpy(index, tried[minus], (size_t)(n / 8) * sizeof *index);
    return minus;
}

static void encode_iq1_s(struct block_iq1_s *b, const float *x)
{
    struct odd_scales o = odd_scales(x, 32, 1.125f, 7);
    qblocks_put_u16(b->d, o.half);
    for (int i = 0; i < 8; i++) {
        unsigned index[4], h = (unsigned)o.s[i] << 12;
        if (iq1_minus(index, x + 32 * i, odd_scale(&o, i), 32)) h |= 0x8000;
        for (int l = 0; l < 4; l++) {
            b->qs[4 * i + l] = (uint8_t)index[l];
            h |= index[l] >> 8 << 3 * l;
        }
        qblocks_put_u16(b->qh + 2 * i, (uint16_t)h);
    }
}

static void encode_iq1_m(struct block_iq1_m *b, const float *x)
{
    struct odd_scales o = odd_scales(x, 16, 1.125f, 7);
    unsigned sc[4] = {0};
    for (int l = 0; l < 32; l++) {
        unsigned index, minus = iq1_minus(&index, x + 8 * l, odd_scale(&o, l / 2), 8);
        b->qs[l] = (uint8_t)index;
        b->qh[l / 2] |= (uint8_t)((index >> 8 | minus << 3) << l % 2 * 4);
        if (l % 2 == 0) sc[l / 8] |= (unsigned)o.s[l / 2] << l % 8 / 2 * 3;
    }
    for (int i = 0; i < 4; i++)
        qblocks_put_u16(b->scales + 2 * i, (uint16_t)(sc[i] | (o.half >> 4 * i & 15u) << 12));
}

/* Signs: the scale is the tensor's. */
static void encode_i2_s(struct block_i2_s *b, const float *x)
{
    for (int i = 0; i < 64; i++) {
        unsigned q = x[i] > 0 ? 2 : x[i] < 0 ? 0 : 1;
        b->qs[i % 16] |= (uint8_t)(q << (6 - i / 16 * 2));
    }
}

bool lutra_encode_iq(int type, void *dst, const float *src)
{
    memset(dst, 0, (size_t)lutra_type_info((uint32_t)type)->bytes);
    switch (type) {
    case LUTRA_TYPE_IQ4_NL: encode_iq4_nl(dst, src); return true;
    case LUTRA_TYPE_IQ4_XS: encode_iq4_xs(dst, src); return true;
    case LUTRA_TYPE_MXFP4: encode_mxfp4(dst, src); return true;
    case LUTRA_TYPE_NVFP4: encode_nvfp4(dst, src); return true;
    case LUTRA_TYPE_IQ2_XXS: encode_iq2_xxs(dst, src); return true;
    case LUTRA_TYPE_IQ2_XS: encode_iq2_xs(dst, src); return true;
    case LUTRA_TYPE_IQ2_S: encode_iq2_s(dst, src); return true;
    case LUTRA_TYPE_IQ3_XXS: encode_iq3_xxs(dst, src); return true;
    case LUTRA_TYPE_IQ3_S: encode_iq3_s(dst, src); return true;
    case LUTRA_TYPE_IQ1_S: encode_iq1_s(dst, src); return true;
    case LUTRA_TYPE_IQ1_M: encode_iq1_m(dst, src); return true;
    case LUTRA_TYPE_I2_S: encode_i2_s(dst, src); return true;
    default: return false;
    }
}
