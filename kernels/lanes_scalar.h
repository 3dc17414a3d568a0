/* SPDX-License-Identifier: MIT */
/* Sixteen virtual lanes in plain C: what every lanes header must do, bit for bit.
 *
 *   lane   0  1  2  3  4  5  6  7 | 8  9 10 11 12 13 14 15
 *          one AVX-512 register, two AVX2, four NEON, an array here
 *
 * Element i of a vector goes to lane i % 16. Reductions fold the lanes in one fixed tree: lane i
 * with i+8, then i+4, i+2, i+1. All arithmetic is IEEE single precision, round to nearest, one
 * operation at a time. */
#ifndef LUTRA_KERNELS_LANES_SCALAR_H
#define LUTRA_KERNELS_LANES_SCALAR_H

#include <string.h>

#include "kernels/qtypes.h"
#include "kernels/vec.h"

typedef struct {
    float v[16];
} v16f;

typedef struct {
    int32_t v[16];
} v16i;

enum { V_TILE = 2 }; /* V_TILE * V_TILE sums and a few more stay in registers (2 or 4) */
enum { V_ALONE = 0 }; /* float keys (positions * dims) below which heads go one by one */

/* ---- loads and stores: 16 elements, any alignment of the element type ---- */

LUTRA_LANES v16f v_load(const float *p)
{
    v16f r;
    memcpy(r.v, p, sizeof r.v);
    return r;
}

LUTRA_LANES void v_store(float *p, v16f a)
{
    memcpy(p, a.v, sizeof a.v);
}

LUTRA_RARE v16f v_load_f16(const uint16_t *p) /* long: a call is cheap beside it */
{
    v16f r;
    for (int i = 0; i < 16; i++) r.v[i] = lutra_f16_to_f32(p[i]);
    return r;
}

LUTRA_LANES void v_store_f16(uint16_t *p, v16f a) /* round to nearest even */
{
    for (int i = 0; i < 16; i++) p[i] = lutra_f32_to_f16(a.v[i]);
}

LUTRA_LANES v16f v_load_bf16(const uint16_t *p)
{
    v16f r;
    for (int i = 0; i < 16; i++) r.v[i] = lutra_bf16_to_f32(p[i]);
    return r;
}

/* 32 floats: elements 0, 2, 4 ... go to `even`, 1, 3, 5 ... to `odd`. */
LUTRA_LANES void v_load_pairs(v16f *even, v16f *odd, const float *p)
{
    for (int i = 0; i < 16; i++) {
        even->v[i] = p[2 * i];
        odd->v[i] = p[2 * i + 1];
    }
}

LUTRA_LANES void v_store_pairs(float *p, v16f even, v16f odd)
{
    for (int i = 0; i < 16; i++) {
        p[2 * i] = even.v[i];
        p[2 * i + 1] = odd.v[i];
    }
}

/* ---- float arithmetic ---- */

LUTRA_LANES v16f v_set(float x)
{
    v16f r;
    for (int i = 0; i < 16; i++) r.v[i] = x;
    return r;
}

LUTRA_LANES v16f v_add(v16f a, v16f b)
{
    for (int i = 0; i < 16; i++) a.v[i] = a.v[i] + b.v[i];
    return a;
}

LUTRA_LANES v16f v_sub(v16f a, v16f b)
{
    for (int i = 0; i < 16; i++) a.v[i] = a.v[i] - b.v[i];
    return a;
}

LUTRA_LANES v16f v_mul(v16f a, v16f b)
{
    for (int i = 0; i < 16; i++) a.v[i] = a.v[i] * b.v[i];
    return a;
}

LUTRA_LANES v16f v_div(v16f a, v16f b)
{
    for (int i = 0; i < 16; i++) a.v[i] = a.v[i] / b.v[i];
    return a;
}

/* a > b ? a : b, so the second operand wins when one is NaN or both are zeros. */
LUTRA_LANES v16f v_max(v16f a, v16f b)
{
    for (int i = 0; i < 16; i++) a.v[i] = a.v[i] > b.v[i] ? a.v[i] : b.v[i];
    return a;
}

/* a < b ? a : b, the second operand wins as in v_max. */
LUTRA_LANES v16f v_min(v16f a, v16f b)
{
    for (int i = 0; i < 16; i++) a.v[i] = a.v[i] < b.v[i] ? a.v[i] : b.v[i];
    return a;
}

/* a >= b ? yes : +0; a NaN on either side gives +0. */
LUTRA_LANES v16f v_if_at_least(v16f a, v16f b, v16f yes)
{
    for (int i = 0; i < 16; i++) yes.v[i] = a.v[i] >= b.v[i] ? yes.v[i] : 0.0f;
    return yes;
}

/* ---- the same bits as integers; sums and shifts wrap ---- */

LUTRA_LANES v16i v_bits(v16f a)
{
    v16i r;
    memcpy(r.v, a.v, sizeof r.v);
    return r;
}

LUTRA_LANES v16f v_from_bits(v16i a)
{
    v16f r;
    memcpy(r.v, a.v, sizeof r.v);
    return r;
}

LUTRA_LANES v16i vi_set(int32_t x)
{
    v16i r;
    for (int i = 0; i < 16; i++) r.v[i] = x;
    return r;
}

LUTRA_LANES v16i vi_add(v16i a, v16i b)
{
    for (int i = 0; i < 16; i++) a.v[i] = (int32_t)((uint32_t)a.v[i] + (uint32_t)b.v[i]);
    return a;
}

LUTRA_LANES v16i vi_sub(v16i a, v16i b)
{
    for (int i = 0; i < 16; i++) a.v[i] = (int32_t)((uint32_t)a.v[i] - (uint32_t)b.v[i]);
    return a;
}

LUTRA_LANES v16i vi_and(v16i a, v16i b)
{
    for (int i = 0; i < 16; i++) a.v[i] = a.v[i] & b.v[i];
    return a;
}

LUTRA_LANES v16i vi_or(v16i a, v16i b)
{
    for (int i = 0; i < 16; i++) a.v[i] = a.v[i] | b.v[i];
    return a;
}

LUTRA_LANES v16i vi_max(v16i a, v16i b)
{
    for (int i = 0; i < 16; i++) a.v[i] = a.v[i] > b.v[i] ? a.v[i] : b.v[i];
    return a;
}

LUTRA_LANES v16i vi_shl23(v16i a) /* an integer into the exponent field of a float */
{
    for (int i = 0; i < 16; i++) a.v[i] = (int32_t)((uint32_t)a.v[i] << 23);
    return a;
}

LUTRA_LANES void vi_store_i16(int16_t *p, v16i a) /* values must fit */
{
    for (int i = 0; i < 16; i++) p[i] = (int16_t)a.v[i];
}

/* ---- reductions ---- */

LUTRA_LANES float v_sum(v16f a)
{
    for (int half = 8; half > 0; half /= 2) {
        for (int i = 0; i < half; i++) a.v[i] = a.v[i] + a.v[i + half];
    }
    return a.v[0];
}

LUTRA_LANES void v_sum4(float *out, v16f a, v16f b, v16f c, v16f d) /* four v_sum in one go */
{
    out[0] = v_sum(a);
    out[1] = v_sum(b);
    out[2] = v_sum(c);
    out[3] = v_sum(d);
}

LUTRA_LANES float v_max_lane(v16f a) /* v_max of lane i and i+half, the same tree */
{
    for (int half = 8; half > 0; half /= 2) {
        for (int i = 0; i < half; i++) a.v[i] = a.v[i] > a.v[i + half] ? a.v[i] : a.v[i + half];
    }
    return a.v[0];
}

LUTRA_LANES int32_t vi_sum(v16i a)
{
    uint32_t sum = 0;
    for (int i = 0; i < 16; i++) sum += (uint32_t)a.v[i];
    return (int32_t)sum;
}

LUTRA_LANES int32_t vi_max_lane(v16i a)
{
    int32_t max = a.v[0];
    for (int i = 1; i < 16; i++) max = a.v[i] > max ? a.v[i] : max;
    return max;
}

#endif
