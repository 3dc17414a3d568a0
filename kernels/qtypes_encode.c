/* SPDX-License-Identifier: MIT */
/* Floats to blocks: the plain round-to-nearest way of each format.
 *
 * For tests and synthetic models, so the aim is a valid, finite block for any finite input (zeros
 * and FLT_MAX included), not the smallest error. Scales saturate at the largest f16. */
#include "kernels/qtypes.h"

#include <math.h>
#include <string.h>

#include "kernels/qblocks.h"
#include "kernels/qtypes_iq.h"

#define F16_MAX 65504.0f
#define BF16_MAX 0x1.fep127f

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

/* round(x / d) within [lo, hi]; 0 counts as the quotient if d is 0. */
static int quotient(float x, float d, int lo, int hi)
{
    return (int)rintf(clamp(d != 0 ? x / d : 0, (float)lo, (float)hi));
}

/* The value of largest magnitude, with its sign. */
static float extreme(const float *x, int n)
{
    float e = 0;
    for (int i = 0; i < n; i++)
        if (fabsf(x[i]) > fabsf(e)) e = x[i];
    return e;
}

static void range(const float *x, int n, float *min, float *max)
{
    *min = *max = x[0];
    for (int i = 1; i < n; i++) {
        if (x[i] < *min) *min = x[i];
        if (x[i] > *max) *max = x[i];
    }
}

/* One scale, codes around zero: the extreme takes the code of largest magnitude, -offset. */
static void quantize_signed(struct lutra_split *s, const struct lutra_code_info *c, const float *x)
{
    int n = c->group, lo = -c->offset, hi = c->offset - 1;
    float d, e = extreme(x, n);
    if (c->bits == 8) lo = -127; /* Q8_0 is symmetric */
    if (c->bits == 2) hi = 1; /* ternary */
    s->d = store_scale(c->bits == 2 ? fabsf(e) : e / (float)lo, &d);
    for (int i = 0; i < n; i++) s->q[i] = (uint8_t)(quotient(x[i], d, lo, hi) + c->offset);
}

/* Signs under their mean magnitude. */
static void quantize_bits(struct lutra_split *s, const struct lutra_code_info *c, const float *x)
{
    double sum = 0;
    float d;
    for (int i = 0; i < c->group; i++) {
        sum += fabs((double)x[i]); /* of floats: no overflow */
        s->q[i] = x[i] >= 0;
    }
    s->d = store_scale((float)(sum / c->group), &d);
}

/* One scale, one minimum: codes count up from the smallest value. */
static void quantize_min(struct lutra_split *s, const struct lutra_code_info *c, const float *x)
{
    int n = c->group, top = (1 << c->bits) - 1;
    float min, max, d, m;
    range(x, n, &min, &max);
    s->d = store_scale(max / (float)top - min / (float)top, &d); /* max - min could overflow */
    s->dmin = store_scale(min, &m);
    for (int i = 0; i < n; i++) s->q[i] = (uint8_t)quotient(x[i] - m, d, 0, top);
}

/* Q3_K and Q6_K: signed sub-scales, the extreme one takes -2^(bits-1). */
static void quantize_sub(struct lutra_split *s, const struct lutra_code_info *c, const float *x,
                         int sc_lo)
{
    float scale[16] = {0}, d;
    int n = 256 / c->group;
    for (int g = 0; g < n; g++)
        scale[g] = extreme(x + g * c->group, c->group) / (float)-c->offset;
    s->d = store_scale(extreme(scale, n) / (float)sc_lo, &d);
    for (int g = 0; g < n; g++) s->sc[g] = (int8_t)quotient(scale[g], d, sc_lo, -sc_lo - 1);
    for (int i = 0; i < 256; i++) {
        float group_d = d * (float)s->sc[i / c->group];
        int code = quotient(x[i], group_d, -c->offset, c->offset - 1);
        s->q[i] = (uint8_t)(code + c->offset);
    }
}

/* Q2_K, Q4_K, Q5_K: sub-scales and sub-minima from 0 to sc_top; a minimum above 0 counts as 0. */
static void quantize_sub_min(struct lutra_split *s, const struct lutra_code_info *c, const float *x,
                             int sc_top)
{
    float scale[16] = {0}, below[16] = {0}, d, dmin;
    int n = 256 / c->group, top = (1 << c->bits) - 1;
    for (int g = 0; g < n; g++) {
        float min, max;
        range(x + g * c->group, c->group, &min, &max);
        if (min > 0) min = 0;
        if (max < 0) max = 0;
        scale[g] = max / (float)top - min / (float)top;
        below[g] = -min;
    }
    s->d = store_scale(extreme(scale, n) / (float)sc_top, &d);
    s->dmin = store_scale(extreme(below, n) / (float)sc_top, &dmin);
    for (int g = 0; g < n; g++) {
        s->sc[g] = (int8_t)quotient(scale[g], d, 0, sc_top);
        s->mn[g] = (uint8_t)quotient(below[g], dmin, 0, sc_top);
    }
    for (int i = 0; i < 256; i++) {
        int g = i / c->group;
        float m = dmin * (float)s->mn[g];
        s->q[i] = (uint8_t)quotient(x[i] + m, d * (float)s->sc[g], 0, top);
    }
}

static void encode_block(int type, const struct lutra_code_info *c, void *dst, const float *x)
{
    struct lutra_split s = {0};
    if (c->sub && c->min)
        quantize_sub_min(&s, c, x, type == LUTRA_TYPE_Q2_K ? 15 : 63);
    else if (c->sub)
        quantize_sub(&s, c, x, type == LUTRA_TYPE_Q3_K ? -32 : -128);
    else if (c->min)
        quantize_min(&s, c, x);
    else if (c->bits == 1)
        quantize_bits(&s, c, x);
    else
        quantize_signed(&s, c, x);
    lutra_join_block(type, dst, &s);
}

static void encode_floats(int type, uint8_t *dst, const float *x, int n)
{
    float unused;
    for (int i = 0; i < n; i++) {
        uint16_t h = type == LUTRA_TYPE_F16 ? store_scale(x[i], &unused)
                                            : lutra_f32_to_bf16(clamp(x[i], -BF16_MAX, BF16_MAX));
        qblocks_put_u16(dst + 2 * i, h);
    }
}

void lutra_encode_row(int type, void *dst, const float *src, int n)
{
    const struct lutra_type_info *t = lutra_type_info((uint32_t)type);
    const struct lutra_code_info *c = lutra_code_info(type);
    uint8_t *to = dst;
    if (type == LUTRA_TYPE_F32) {
        memcpy(dst, src, (size_t)n * sizeof *src);
    } else if (type == LUTRA_TYPE_F16 || type == LUTRA_TYPE_BF16) {
        encode_floats(type, dst, src, n);
    } else {
        assert(n % t->block == 0);
        for (int i = 0; i < n; i += t->block, to += t->bytes) {
            if (c && type != LUTRA_TYPE_I2_S)
                encode_block(type, c, to, src + i);
            else if (!lutra_encode_iq(type, to, src + i))
                assert(!"a type without an encoder");
        }
    }
}
