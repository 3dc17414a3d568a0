/* SPDX-License-Identifier: MIT */
/* Sixteen virtual lanes in two AVX2 registers; the primitives are those of lanes_scalar.h. */
#ifndef LUTRA_KERNELS_X86_LANES_AVX2_H
#define LUTRA_KERNELS_X86_LANES_AVX2_H

#if !defined(__AVX2__) || !defined(__F16C__)
#error "compile with -mavx2 -mf16c"
#endif
#if defined(__FMA__)
#error "compile with -mno-fma: a fused multiply-add has other bits"
#endif

#include <immintrin.h>

#include "kernels/vec.h"

typedef struct {
    __m256 lo, hi; /* lanes 0-7, 8-15 */
} v16f;

typedef struct {
    __m256i lo, hi;
} v16i;

enum { V_TILE = 2 }; /* V_TILE * V_TILE sums and a few more stay in registers (2 or 4) */
enum { V_ALONE = 65536 }; /* float keys (positions * dims) below which heads go one by one */

/* ---- loads and stores ---- */

LUTRA_LANES v16f v_load(const float *p)
{
    return (v16f){_mm256_loadu_ps(p), _mm256_loadu_ps(p + 8)};
}

LUTRA_LANES void v_store(float *p, v16f a)
{
    _mm256_storeu_ps(p, a.lo);
    _mm256_storeu_ps(p + 8, a.hi);
}

LUTRA_LANES v16f v_load_f16(const uint16_t *p)
{
    return (v16f){_mm256_cvtph_ps(_mm_loadu_si128((const __m128i *)p)),
                  _mm256_cvtph_ps(_mm_loadu_si128((const __m128i *)(p + 8)))};
}

LUTRA_LANES void v_store_f16(uint16_t *p, v16f a)
{
    _mm_storeu_si128((__m128i *)p, _mm256_cvtps_ph(a.lo, _MM_FROUND_TO_NEAREST_INT));
    _mm_storeu_si128((__m128i *)(p + 8), _mm256_cvtps_ph(a.hi, _MM_FROUND_TO_NEAREST_INT));
}

LUTRA_LANES __m256 load8_bf16(const uint16_t *p)
{
    __m256i wide = _mm256_cvtepu16_epi32(_mm_loadu_si128((const __m128i *)p));
    return _mm256_castsi256_ps(_mm256_slli_epi32(wide, 16));
}

LUTRA_LANES v16f v_load_bf16(const uint16_t *p)
{
    return (v16f){load8_bf16(p), load8_bf16(p + 8)};
}

LUTRA_LANES void split8_pairs(__m256 *even, __m256 *odd, const float *p)
{
    __m256 a = _mm256_loadu_ps(p), b = _mm256_loadu_ps(p + 8);
    __m256 e = _mm256_shuffle_ps(a, b, 0x88); /* a0 a2 b0 b2 | a4 a6 b4 b6 */
    __m256 o = _mm256_shuffle_ps(a, b, 0xdd);
    *even = _mm256_castpd_ps(_mm256_permute4x64_pd(_mm256_castps_pd(e), 0xd8));
    *odd = _mm256_castpd_ps(_mm256_permute4x64_pd(_mm256_castps_pd(o), 0xd8));
}

LUTRA_LANES void join8_pairs(float *p, __m256 even, __m256 odd)
{
    __m256 a = _mm256_unpacklo_ps(even, odd); /* e0 o0 e1 o1 | e4 o4 e5 o5 */
    __m256 b = _mm256_unpackhi_ps(even, odd);
    _mm256_storeu_ps(p, _mm256_permute2f128_ps(a, b, 0x20));
    _mm256_storeu_ps(p + 8, _mm256_permute2f128_ps(a, b, 0x31));
}

LUTRA_LANES void v_load_pairs(v16f *even, v16f *odd, const float *p)
{
    split8_pairs(&even->lo, &odd->lo, p);
    split8_pairs(&even->hi, &odd->hi, p + 16);
}

LUTRA_LANES void v_store_pairs(float *p, v16f even, v16f odd)
{
    join8_pairs(p, even.lo, odd.lo);
    join8_pairs(p + 16, even.hi, odd.hi);
}

/* ---- float arithmetic ---- */

LUTRA_LANES v16f v_set(float x)
{
    return (v16f){_mm256_set1_ps(x), _mm256_set1_ps(x)};
}

LUTRA_LANES v16f v_add(v16f a, v16f b)
{
    return (v16f){_mm256_add_ps(a.lo, b.lo), _mm256_add_ps(a.hi, b.hi)};
}

LUTRA_LANES v16f v_sub(v16f a, v16f b)
{
    return (v16f){_mm256_sub_ps(a.lo, b.lo), _mm256_sub_ps(a.hi, b.hi)};
}

LUTRA_LANES v16f v_mul(v16f a, v16f b)
{
    return (v16f){_mm256_mul_ps(a.lo, b.lo), _mm256_mul_ps(a.hi, b.hi)};
}

LUTRA_LANES v16f v_div(v16f a, v16f b)
{
    return (v16f){_mm256_div_ps(a.lo, b.lo), _mm256_div_ps(a.hi, b.hi)};
}

LUTRA_LANES v16f v_max(v16f a, v16f b) /* maxps is a > b ? a : b by definition */
{
    return (v16f){_mm256_max_ps(a.lo, b.lo), _mm256_max_ps(a.hi, b.hi)};
}

LUTRA_LANES v16f v_min(v16f a, v16f b)
{
    return (v16f){_mm256_min_ps(a.lo, b.lo), _mm256_min_ps(a.hi, b.hi)};
}

LUTRA_LANES v16f v_if_at_least(v16f a, v16f b, v16f yes)
{
    return (v16f){_mm256_and_ps(yes.lo, _mm256_cmp_ps(a.lo, b.lo, _CMP_GE_OQ)),
                  _mm256_and_ps(yes.hi, _mm256_cmp_ps(a.hi, b.hi, _CMP_GE_OQ))};
}

/* ---- the same bits as integers ---- */

LUTRA_LANES v16i v_bits(v16f a)
{
    return (v16i){_mm256_castps_si256(a.lo), _mm256_castps_si256(a.hi)};
}

LUTRA_LANES v16f v_from_bits(v16i a)
{
    return (v16f){_mm256_castsi256_ps(a.lo), _mm256_castsi256_ps(a.hi)};
}

LUTRA_LANES v16i vi_set(int32_t x)
{
    return (v16i){_mm256_set1_epi32(x), _mm256_set1_epi32(x)};
}

LUTRA_LANES v16i vi_add(v16i a, v16i b)
{
    return (v16i){_mm256_add_epi32(a.lo, b.lo), _mm256_add_epi32(a.hi, b.hi)};
}

LUTRA_LANES v16i vi_sub(v16i a, v16i b)
{
    return (v16i){_mm256_sub_epi32(a.lo, b.lo), _mm256_sub_epi32(a.hi, b.hi)};
}

LUTRA_LANES v16i vi_and(v16i a, v16i b)
{
    return (v16i){_mm256_and_si256(a.lo, b.lo), _mm256_and_si256(a.hi, b.hi)};
}

LUTRA_LANES v16i vi_or(v16i a, v16i b)
{
    return (v16i){_mm256_or_si256(a.lo, b.lo), _mm256_or_si256(a.hi, b.hi)};
}

LUTRA_LANES v16i vi_max(v16i a, v16i b)
{
    return (v16i){_mm256_max_epi32(a.lo, b.lo), _mm256_max_epi32(a.hi, b.hi)};
}

LUTRA_LANES v16i vi_shl23(v16i a)
{
    return (v16i){_mm256_slli_epi32(a.lo, 23), _mm256_slli_epi32(a.hi, 23)};
}

LUTRA_LANES void vi_store_i16(int16_t *p, v16i a)
{
    __m256i packed = _mm256_packs_epi32(a.lo, a.hi); /* lanes 0-3, 8-11 | 4-7, 12-15 */
    _mm256_storeu_si256((__m256i *)p, _mm256_permute4x64_epi64(packed, 0xd8));
}

/* ---- reductions ---- */

LUTRA_LANES float v_sum(v16f a)
{
    __m256 e = _mm256_add_ps(a.lo, a.hi);
    __m128 q = _mm_add_ps(_mm256_castps256_ps128(e), _mm256_extractf128_ps(e, 1));
    q = _mm_add_ps(q, _mm_movehl_ps(q, q));
    return _mm_cvtss_f32(_mm_add_ss(q, _mm_movehdup_ps(q)));
}

/* Lanes (0+8)+(4+12) and so on of two vectors, then the 2-step: a0+a2 a1+a3 b0+b2 b1+b3. */
LUTRA_LANES __m128 fold_two(v16f a, v16f b)
{
    __m256 ea = _mm256_add_ps(a.lo, a.hi), eb = _mm256_add_ps(b.lo, b.hi);
    __m128 qa = _mm_add_ps(_mm256_castps256_ps128(ea), _mm256_extractf128_ps(ea, 1));
    __m128 qb = _mm_add_ps(_mm256_castps256_ps128(eb), _mm256_extractf128_ps(eb, 1));
    return _mm_add_ps(_mm_shuffle_ps(qa, qb, 0x44), _mm_shuffle_ps(qa, qb, 0xee));
}

LUTRA_LANES void v_sum4(float *out, v16f a, v16f b, v16f c, v16f d)
{
    __m128 ab = fold_two(a, b), cd = fold_two(c, d);
    _mm_storeu_ps(out, _mm_add_ps(_mm_shuffle_ps(ab, cd, 0x88), _mm_shuffle_ps(ab, cd, 0xdd)));
}

LUTRA_LANES float v_max_lane(v16f a)
{
    __m256 e = _mm256_max_ps(a.lo, a.hi);
    __m128 q = _mm_max_ps(_mm256_castps256_ps128(e), _mm256_extractf128_ps(e, 1));
    q = _mm_max_ps(q, _mm_movehl_ps(q, q));
    return _mm_cvtss_f32(_mm_max_ss(q, _mm_movehdup_ps(q)));
}

LUTRA_LANES int32_t vi_sum(v16i a)
{
    __m256i e = _mm256_add_epi32(a.lo, a.hi);
    __m128i q = _mm_add_epi32(_mm256_castsi256_si128(e), _mm256_extracti128_si256(e, 1));
    q = _mm_add_epi32(q, _mm_shuffle_epi32(q, 0x4e));
    return _mm_cvtsi128_si32(_mm_add_epi32(q, _mm_shuffle_epi32(q, 0xb1)));
}

LUTRA_LANES int32_t vi_max_lane(v16i a)
{
    __m256i e = _mm256_max_epi32(a.lo, a.hi);
    __m128i q = _mm_max_epi32(_mm256_castsi256_si128(e), _mm256_extracti128_si256(e, 1));
    q = _mm_max_epi32(q, _mm_shuffle_epi32(q, 0x4e));
    return _mm_cvtsi128_si32(_mm_max_epi32(q, _mm_shuffle_epi32(q, 0xb1)));
}

#endif
