/* SPDX-License-Identifier: MIT */
/* Sixteen virtual lanes in four SSE registers; the primitives are those of lanes_scalar.h. */
#ifndef LUTRA_KERNELS_X86_LANES_SSSE3_H
#define LUTRA_KERNELS_X86_LANES_SSSE3_H

#include "kernels/vec.h"
#include "kernels/x86/x128.h"

typedef struct {
    __m128 q[4]; /* lanes 0-3, 4-7, 8-11, 12-15 */
} v16f;

typedef struct {
    __m128i q[4];
} v16i;

/* The same for each of the four registers; `i` is the register. */
#define EACH(expr)                                                                                 \
    do {                                                                                           \
        X128_UNROLL                                                                                \
        for (int i = 0; i < 4; i++) expr;                                                          \
    } while (0)

enum { V_TILE = 2 }; /* V_TILE * V_TILE sums and a few more stay in registers (2 or 4) */
enum { V_ALONE = 65536 }; /* float keys (positions * dims) below which heads go one by one */

/* ---- loads and stores ---- */

LUTRA_LANES v16f v_load(const float *p)
{
    v16f r;
    EACH(r.q[i] = _mm_loadu_ps(p + 4 * i));
    return r;
}

LUTRA_LANES void v_store(float *p, v16f a)
{
    EACH(_mm_storeu_ps(p + 4 * i, a.q[i]));
}

/* Eighty instructions: a call is cheap beside them, and they stand in dozens of places. */
LUTRA_RARE v16f v_load_f16(const uint16_t *p)
{
    struct x128_rows a = x128_halves(p);
    v16f r;
    EACH(r.q[i] = a.v[i]);
    return r;
}

LUTRA_LANES void v_store_f16(uint16_t *p, v16f a) /* once per new key or value: no hurry */
{
    float f[16];
    v_store(f, a);
    for (int i = 0; i < 16; i++) p[i] = lutra_f32_to_f16(f[i]);
}

LUTRA_LANES v16f v_load_bf16(const uint16_t *p)
{
    const __m128i zero = _mm_setzero_si128();
    __m128i a = x128_load(p), b = x128_load(p + 8);
    return (v16f){{_mm_castsi128_ps(_mm_unpacklo_epi16(zero, a)),
                   _mm_castsi128_ps(_mm_unpackhi_epi16(zero, a)),
                   _mm_castsi128_ps(_mm_unpacklo_epi16(zero, b)),
                   _mm_castsi128_ps(_mm_unpackhi_epi16(zero, b))}};
}

LUTRA_LANES void v_load_pairs(v16f *even, v16f *odd, const float *p)
{
    X128_UNROLL
    for (int i = 0; i < 4; i++) {
        __m128 a = _mm_loadu_ps(p + 8 * i), b = _mm_loadu_ps(p + 8 * i + 4);
        even->q[i] = _mm_shuffle_ps(a, b, 0x88); /* a0 a2 b0 b2 */
        odd->q[i] = _mm_shuffle_ps(a, b, 0xdd);
    }
}

LUTRA_LANES void v_store_pairs(float *p, v16f even, v16f odd)
{
    X128_UNROLL
    for (int i = 0; i < 4; i++) {
        _mm_storeu_ps(p + 8 * i, _mm_unpacklo_ps(even.q[i], odd.q[i]));
        _mm_storeu_ps(p + 8 * i + 4, _mm_unpackhi_ps(even.q[i], odd.q[i]));
    }
}

/* ---- float arithmetic ---- */

LUTRA_LANES v16f v_set(float x)
{
    v16f r;
    EACH(r.q[i] = _mm_set1_ps(x));
    return r;
}

LUTRA_LANES v16f v_add(v16f a, v16f b)
{
    EACH(a.q[i] = _mm_add_ps(a.q[i], b.q[i]));
    return a;
}

LUTRA_LANES v16f v_sub(v16f a, v16f b)
{
    EACH(a.q[i] = _mm_sub_ps(a.q[i], b.q[i]));
    return a;
}

LUTRA_LANES v16f v_mul(v16f a, v16f b)
{
    EACH(a.q[i] = _mm_mul_ps(a.q[i], b.q[i]));
    return a;
}

LUTRA_LANES v16f v_div(v16f a, v16f b)
{
    EACH(a.q[i] = _mm_div_ps(a.q[i], b.q[i]));
    return a;
}

LUTRA_LANES v16f v_max(v16f a, v16f b) /* maxps is a > b ? a : b by definition */
{
    EACH(a.q[i] = _mm_max_ps(a.q[i], b.q[i]));
    return a;
}

LUTRA_LANES v16f v_min(v16f a, v16f b)
{
    EACH(a.q[i] = _mm_min_ps(a.q[i], b.q[i]));
    return a;
}

LUTRA_LANES v16f v_if_at_least(v16f a, v16f b, v16f yes)
{
    EACH(yes.q[i] = _mm_and_ps(yes.q[i], _mm_cmpge_ps(a.q[i], b.q[i])));
    return yes;
}

/* ---- the same bits as integers ---- */

LUTRA_LANES v16i v_bits(v16f a)
{
    v16i r;
    EACH(r.q[i] = _mm_castps_si128(a.q[i]));
    return r;
}

LUTRA_LANES v16f v_from_bits(v16i a)
{
    v16f r;
    EACH(r.q[i] = _mm_castsi128_ps(a.q[i]));
    return r;
}

LUTRA_LANES v16i vi_set(int32_t x)
{
    v16i r;
    EACH(r.q[i] = _mm_set1_epi32(x));
    return r;
}

LUTRA_LANES v16i vi_add(v16i a, v16i b)
{
    EACH(a.q[i] = _mm_add_epi32(a.q[i], b.q[i]));
    return a;
}

LUTRA_LANES v16i vi_sub(v16i a, v16i b)
{
    EACH(a.q[i] = _mm_sub_epi32(a.q[i], b.q[i]));
    return a;
}

LUTRA_LANES v16i vi_and(v16i a, v16i b)
{
    EACH(a.q[i] = _mm_and_si128(a.q[i], b.q[i]));
    return a;
}

LUTRA_LANES v16i vi_or(v16i a, v16i b)
{
    EACH(a.q[i] = _mm_or_si128(a.q[i], b.q[i]));
    return a;
}

LUTRA_LANES __m128i max4(__m128i a, __m128i b) /* SSE4.1 has an instruction for it */
{
    __m128i more = _mm_cmpgt_epi32(a, b);
    return _mm_or_si128(_mm_and_si128(more, a), _mm_andnot_si128(more, b));
}

LUTRA_LANES v16i vi_max(v16i a, v16i b)
{
    EACH(a.q[i] = max4(a.q[i], b.q[i]));
    return a;
}

LUTRA_LANES v16i vi_shl23(v16i a)
{
    EACH(a.q[i] = _mm_slli_epi32(a.q[i], 23));
    return a;
}

LUTRA_LANES void vi_store_i16(int16_t *p, v16i a)
{
    x128_store(p, _mm_packs_epi32(a.q[0], a.q[1]));
    x128_store(p + 8, _mm_packs_epi32(a.q[2], a.q[3]));
}

/* ---- reductions ---- */

/* Lane i with i+8, then with i+4. */
LUTRA_LANES __m128 fold(v16f a)
{
    return _mm_add_ps(_mm_add_ps(a.q[0], a.q[2]), _mm_add_ps(a.q[1], a.q[3]));
}

LUTRA_LANES float v_sum(v16f a)
{
    __m128 q = fold(a);
    q = _mm_add_ps(q, _mm_movehl_ps(q, q));
    return _mm_cvtss_f32(_mm_add_ss(q, _mm_movehdup_ps(q)));
}

/* The 2-step of two folded vectors: a0+a2 a1+a3 b0+b2 b1+b3. */
LUTRA_LANES __m128 fold_two(v16f a, v16f b)
{
    __m128 qa = fold(a), qb = fold(b);
    return _mm_add_ps(_mm_shuffle_ps(qa, qb, 0x44), _mm_shuffle_ps(qa, qb, 0xee));
}

LUTRA_LANES void v_sum4(float *out, v16f a, v16f b, v16f c, v16f d)
{
    __m128 ab = fold_two(a, b), cd = fold_two(c, d);
    _mm_storeu_ps(out, _mm_add_ps(_mm_shuffle_ps(ab, cd, 0x88), _mm_shuffle_ps(ab, cd, 0xdd)));
}

LUTRA_LANES float v_max_lane(v16f a)
{
    __m128 q = _mm_max_ps(_mm_max_ps(a.q[0], a.q[2]), _mm_max_ps(a.q[1], a.q[3]));
    q = _mm_max_ps(q, _mm_movehl_ps(q, q));
    return _mm_cvtss_f32(_mm_max_ss(q, _mm_movehdup_ps(q)));
}

LUTRA_LANES int32_t vi_sum(v16i a)
{
    __m128i q = _mm_add_epi32(_mm_add_epi32(a.q[0], a.q[2]), _mm_add_epi32(a.q[1], a.q[3]));
    q = _mm_add_epi32(q, _mm_shuffle_epi32(q, 0x4e));
    return _mm_cvtsi128_si32(_mm_add_epi32(q, _mm_shuffle_epi32(q, 0xb1)));
}

LUTRA_LANES int32_t vi_max_lane(v16i a)
{
    __m128i q = max4(max4(a.q[0], a.q[2]), max4(a.q[1], a.q[3]));
    q = max4(q, _mm_shuffle_epi32(q, 0x4e));
    return _mm_cvtsi128_si32(max4(q, _mm_shuffle_epi32(q, 0xb1)));
}

#undef EACH

#endif
