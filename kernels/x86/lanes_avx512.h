/* SPDX-License-Identifier: MIT */
/* Sixteen virtual lanes in one AVX-512 register; the primitives are those of lanes_scalar.h.
 * AVX-512 has fused multiply-adds of its own: -ffp-contract=off keeps the compiler from them. */
#ifndef LUTRA_KERNELS_X86_LANES_AVX512_H
#define LUTRA_KERNELS_X86_LANES_AVX512_H

#if !defined(__AVX512BW__) || !defined(__AVX512DQ__) || !defined(__AVX512VL__)
#error "compile with the flags the Makefile has for *_avx512.c"
#endif

#include <immintrin.h>

#include "kernels/vec.h"

typedef __m512 v16f;
typedef __m512i v16i;

enum { V_TILE = 4 }; /* V_TILE * V_TILE sums and a few more stay in registers (2 or 4) */
enum { V_ALONE = 2048 }; /* float keys (positions * dims) below which heads go one by one */

/* ---- loads and stores ---- */

LUTRA_LANES v16f v_load(const float *p)
{
    return _mm512_loadu_ps(p);
}

LUTRA_LANES void v_store(float *p, v16f a)
{
    _mm512_storeu_ps(p, a);
}

LUTRA_LANES v16f v_load_f16(const uint16_t *p)
{
    return _mm512_cvtph_ps(_mm256_loadu_si256((const __m256i *)p));
}

LUTRA_LANES void v_store_f16(uint16_t *p, v16f a)
{
    _mm256_storeu_si256((__m256i *)p, _mm512_cvtps_ph(a, _MM_FROUND_TO_NEAREST_INT));
}

LUTRA_LANES v16f v_load_bf16(const uint16_t *p)
{
    __m512i wide = _mm512_cvtepu16_epi32(_mm256_loadu_si256((const __m256i *)p));
    return _mm512_castsi512_ps(_mm512_slli_epi32(wide, 16));
}

LUTRA_LANES void v_load_pairs(v16f *even, v16f *odd, const float *p)
{
    const __m512i at = _mm512_setr_epi32(0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30);
    __m512 a = _mm512_loadu_ps(p), b = _mm512_loadu_ps(p + 16);
    *even = _mm512_permutex2var_ps(a, at, b);
    *odd = _mm512_permutex2var_ps(a, _mm512_add_epi32(at, _mm512_set1_epi32(1)), b);
}

LUTRA_LANES void v_store_pairs(float *p, v16f even, v16f odd)
{
    const __m512i at = _mm512_setr_epi32(0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
    _mm512_storeu_ps(p, _mm512_permutex2var_ps(even, at, odd));
    _mm512_storeu_ps(p + 16,
                     _mm512_permutex2var_ps(even, _mm512_add_epi32(at, _mm512_set1_epi32(8)), odd));
}

/* ---- float arithmetic ---- */

LUTRA_LANES v16f v_set(float x)
{
    return _mm512_set1_ps(x);
}

LUTRA_LANES v16f v_add(v16f a, v16f b)
{
    return _mm512_add_ps(a, b);
}

LUTRA_LANES v16f v_sub(v16f a, v16f b)
{
    return _mm512_sub_ps(a, b);
}

LUTRA_LANES v16f v_mul(v16f a, v16f b)
{
    return _mm512_mul_ps(a, b);
}

LUTRA_LANES v16f v_div(v16f a, v16f b)
{
    return _mm512_div_ps(a, b);
}

LUTRA_LANES v16f v_max(v16f a, v16f b) /* maxps is a > b ? a : b by definition */
{
    return _mm512_max_ps(a, b);
}

LUTRA_LANES v16f v_min(v16f a, v16f b)
{
    return _mm512_min_ps(a, b);
}

LUTRA_LANES v16f v_if_at_least(v16f a, v16f b, v16f yes)
{
    return _mm512_maskz_mov_ps(_mm512_cmp_ps_mask(a, b, _CMP_GE_OQ), yes);
}

/* ---- the same bits as integers ---- */

LUTRA_LANES v16i v_bits(v16f a)
{
    return _mm512_castps_si512(a);
}

LUTRA_LANES v16f v_from_bits(v16i a)
{
    return _mm512_castsi512_ps(a);
}

LUTRA_LANES v16i vi_set(int32_t x)
{
    return _mm512_set1_epi32(x);
}

LUTRA_LANES v16i vi_add(v16i a, v16i b)
{
    return _mm512_add_epi32(a, b);
}

LUTRA_LANES v16i vi_sub(v16i a, v16i b)
{
    return _mm512_sub_epi32(a, b);
}

LUTRA_LANES v16i vi_and(v16i a, v16i b)
{
    return _mm512_and_si512(a, b);
}

LUTRA_LANES v16i vi_or(v16i a, v16i b)
{
    return _mm512_or_si512(a, b);
}

LUTRA_LANES v16i vi_max(v16i a, v16i b)
{
    return _mm512_max_epi32(a, b);
}

LUTRA_LANES v16i vi_shl23(v16i a)
{
    return _mm512_slli_epi32(a, 23);
}

LUTRA_LANES void vi_store_i16(int16_t *p, v16i a)
{
    _mm256_storeu_si256((__m256i *)p, _mm512_cvtepi32_epi16(a));
}

/* ---- reductions ---- */

LUTRA_LANES __m256 upper_half(v16f a)
{
    return _mm512_extractf32x8_ps(a, 1);
}

/* Lanes i and i+8 added, then i and i+4. */
LUTRA_LANES __m128 fold_to_four(v16f a)
{
    __m256 e = _mm256_add_ps(_mm512_castps512_ps256(a), upper_half(a));
    return _mm_add_ps(_mm256_castps256_ps128(e), _mm256_extractf128_ps(e, 1));
}

LUTRA_LANES float v_sum(v16f a)
{
    __m128 q = fold_to_four(a);
    q = _mm_add_ps(q, _mm_movehl_ps(q, q));
    return _mm_cvtss_f32(_mm_add_ss(q, _mm_movehdup_ps(q)));
}

/* Then the 2-step of two vectors: a0+a2 a1+a3 b0+b2 b1+b3. */
LUTRA_LANES __m128 fold_two(v16f a, v16f b)
{
    __m128 qa = fold_to_four(a), qb = fold_to_four(b);
    return _mm_add_ps(_mm_shuffle_ps(qa, qb, 0x44), _mm_shuffle_ps(qa, qb, 0xee));
}

LUTRA_LANES void v_sum4(float *out, v16f a, v16f b, v16f c, v16f d)
{
    __m128 ab = fold_two(a, b), cd = fold_two(c, d);
    _mm_storeu_ps(out, _mm_add_ps(_mm_shuffle_ps(ab, cd, 0x88), _mm_shuffle_ps(ab, cd, 0xdd)));
}

LUTRA_LANES float v_max_lane(v16f a)
{
    __m256 e = _mm256_max_ps(_mm512_castps512_ps256(a), upper_half(a));
    __m128 q = _mm_max_ps(_mm256_castps256_ps128(e), _mm256_extractf128_ps(e, 1));
    q = _mm_max_ps(q, _mm_movehl_ps(q, q));
    return _mm_cvtss_f32(_mm_max_ss(q, _mm_movehdup_ps(q)));
}

LUTRA_LANES int32_t vi_sum(v16i a)
{
    return _mm512_reduce_add_epi32(a); /* wraps: any order */
}

LUTRA_LANES int32_t vi_max_lane(v16i a)
{
    return _mm512_reduce_max_epi32(a);
}

#endif
