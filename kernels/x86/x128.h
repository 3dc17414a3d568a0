/* SPDX-License-Identifier: MIT */
/* Small helpers of the SSSE3 kernels: loads, halves and scales of a unit as floats, stores that
 * stop at the last row. */
#ifndef LUTRA_KERNELS_X86_X128_H
#define LUTRA_KERNELS_X86_X128_H

#if !defined(__SSSE3__)
#error "compile with -mssse3 (the Makefile does so for *_ssse3.c)"
#endif
#if defined(__FMA__)
#error "a fused multiply-add would change results: compile with -mno-fma"
#endif

#include <string.h>
#include <tmmintrin.h>

#include "kernels/lut.h"

#define X128_INLINE static inline __attribute__((always_inline))

/* Unroll the short loop that follows, so that arrays indexed by it become registers. */
#if defined(__clang__)
#define X128_UNROLL _Pragma("clang loop unroll(full)")
#else
#define X128_UNROLL _Pragma("GCC unroll 16")
#endif

/* Keep a running sum a running sum: gcc would turn the adds into a tree that outgrows 16 registers.
 */
#define X128_PIN(v) __asm__("" : "+x"(v))

/* Bytes that weights are fetched ahead, as X86_AHEAD in x86.h; base-3 from memory on a Zen 5 core:
 * 2 KB 54 weights per ns, 8 KB 57. */
enum { X128_AHEAD = 8192 };

/* One float for each of the 16 rows of a tile, four by four in natural order. */
struct x128_rows {
    __m128 v[4];
};

X128_INLINE __m128i x128_load(const void *p)
{
    return _mm_loadu_si128((const __m128i *)p);
}

X128_INLINE void x128_store(void *p, __m128i a)
{
    _mm_storeu_si128((__m128i *)p, a);
}

X128_INLINE void x128_prefetch(const uint8_t *p, size_t bytes)
{
    for (size_t i = 0; i < bytes; i += 64)
        _mm_prefetch((const char *)p + X128_AHEAD + i, _MM_HINT_T0);
}

/* Four f16 in the low halves of four int32 -> floats, the bits of lutra_f16_to_f32. A subnormal half
 * counts as 2^-14 and its mantissa, from which 2^-14 is taken; the subtraction quiets a NaN. */
X128_INLINE __m128 x128_f16(__m128i h)
{
    const __m128i rebias = _mm_set1_epi32(112 << 23);
    __m128i size = _mm_and_si128(h, _mm_set1_epi32(0x7fff));
    __m128i sign = _mm_slli_epi32(_mm_xor_si128(h, size), 16);
    __m128i no_exp = _mm_cmpgt_epi32(_mm_set1_epi32(0x400), size);
    __m128i special = _mm_cmpgt_epi32(size, _mm_set1_epi32(0x7bff));
    __m128i bits = _mm_add_epi32(_mm_slli_epi32(size, 13), rebias);
    bits = _mm_add_epi32(bits, _mm_and_si128(special, rebias));
    bits = _mm_add_epi32(bits, _mm_and_si128(no_exp, _mm_set1_epi32(1 << 23)));
    __m128 minus = _mm_and_ps(_mm_castsi128_ps(no_exp), _mm_set1_ps(0x1p-14f));
    __m128 f = _mm_sub_ps(_mm_castsi128_ps(bits), minus);
    return _mm_or_ps(f, _mm_castsi128_ps(sign));
}

X128_INLINE struct x128_rows x128_halves(const void *p)
{
    const __m128i zero = _mm_setzero_si128();
    __m128i a = x128_load(p), b = x128_load((const uint8_t *)p + 16);
    struct x128_rows r = {
        {x128_f16(_mm_unpacklo_epi16(a, zero)), x128_f16(_mm_unpackhi_epi16(a, zero)),
         x128_f16(_mm_unpacklo_epi16(b, zero)), x128_f16(_mm_unpackhi_epi16(b, zero))}};
    return r;
}

X128_INLINE struct x128_rows x128_set(float x)
{
    struct x128_rows r = {{_mm_set1_ps(x), _mm_set1_ps(x), _mm_set1_ps(x), _mm_set1_ps(x)}};
    return r;
}

X128_INLINE struct x128_rows x128_mul(struct x128_rows a, struct x128_rows b)
{
    X128_UNROLL
    for (int i = 0; i < 4; i++) a.v[i] = _mm_mul_ps(a.v[i], b.v[i]);
    return a;
}

/* acc + a * b, never fused. */
X128_INLINE struct x128_rows x128_add_product(struct x128_rows acc, struct x128_rows a,
                                              struct x128_rows b)
{
    X128_UNROLL
    for (int i = 0; i < 4; i++) acc.v[i] = _mm_add_ps(acc.v[i], _mm_mul_ps(a.v[i], b.v[i]));
    return acc;
}

X128_INLINE struct x128_rows x128_neg(struct x128_rows a)
{
    X128_UNROLL
    for (int i = 0; i < 4; i++) a.v[i] = _mm_xor_ps(a.v[i], _mm_set1_ps(-0.0f));
    return a;
}

/* 8 of 16 signed bytes as int16. */
X128_INLINE __m128i x128_low_s16(__m128i bytes)
{
    return _mm_srai_epi16(_mm_unpacklo_epi8(bytes, bytes), 8);
}

X128_INLINE __m128i x128_high_s16(__m128i bytes)
{
    return _mm_srai_epi16(_mm_unpackhi_epi8(bytes, bytes), 8);
}

/* 4 int16 of a word vector as floats. */
X128_INLINE __m128 x128_low_float(__m128i words)
{
    return _mm_cvtepi32_ps(_mm_srai_epi32(_mm_unpacklo_epi16(words, words), 16));
}

X128_INLINE __m128 x128_high_float(__m128i words)
{
    return _mm_cvtepi32_ps(_mm_srai_epi32(_mm_unpackhi_epi16(words, words), 16));
}

X128_INLINE struct x128_rows x128_words(__m128i a, __m128i b)
{
    struct x128_rows r = {
        {x128_low_float(a), x128_high_float(a), x128_low_float(b), x128_high_float(b)}};
    return r;
}

/* 16 unsigned or signed bytes as floats. */
X128_INLINE struct x128_rows x128_bytes_u(__m128i b)
{
    const __m128i zero = _mm_setzero_si128();
    return x128_words(_mm_unpacklo_epi8(b, zero), _mm_unpackhi_epi8(b, zero));
}

X128_INLINE struct x128_rows x128_bytes_s(__m128i b)
{
    return x128_words(x128_low_s16(b), x128_high_s16(b));
}

X128_INLINE bool x128_has_min(enum lutra_scale_kind kind)
{
    return kind == LUTRA_SCALE_F16_MIN || kind == LUTRA_SCALE_SUB_MIN ||
           kind == LUTRA_SCALE_SUB_MIN4;
}

/* D of group g of a unit; d = the unit's own f16 scales, read once. `kind` is a constant of the
 * caller. */
X128_INLINE struct x128_rows x128_group_d(enum lutra_scale_kind kind, const uint8_t *unit, int g,
                                          struct x128_rows d)
{
    if (kind == LUTRA_SCALE_SUB) return x128_mul(d, x128_bytes_s(x128_load(unit + 32 + 16 * g)));
    if (kind == LUTRA_SCALE_SUB_MIN)
        return x128_mul(d, x128_bytes_u(x128_load(unit + 64 + 16 * g)));
    if (kind == LUTRA_SCALE_SUB_MIN4) {
        __m128i b = x128_load(unit + 64 + 16 * g);
        return x128_mul(d, x128_bytes_u(_mm_and_si128(b, _mm_set1_epi8(15))));
    }
    return d;
}

/* M likewise; only for kinds with minima. */
X128_INLINE struct x128_rows x128_group_m(enum lutra_scale_kind kind, const uint8_t *unit, int g,
                                          struct x128_rows dmin)
{
    if (kind == LUTRA_SCALE_SUB_MIN)
        return x128_neg(x128_mul(dmin, x128_bytes_u(x128_load(unit + 192 + 16 * g))));
    if (kind == LUTRA_SCALE_SUB_MIN4) {
        __m128i b = _mm_srli_epi16(x128_load(unit + 64 + 16 * g), 4);
        return x128_neg(x128_mul(dmin, x128_bytes_u(_mm_and_si128(b, _mm_set1_epi8(15)))));
    }
    return dmin;
}

/* y[0..n) = rows * s, n <= 16. */
X128_INLINE void x128_store_rows(float *y, struct x128_rows a, float s, int n)
{
    float tmp[16];
    float *to = n >= 16 ? y : tmp;
    a = x128_mul(a, x128_set(s));
    X128_UNROLL
    for (int i = 0; i < 4; i++) _mm_storeu_ps(to + 4 * i, a.v[i]);
    if (n < 16) memcpy(y, tmp, (size_t)n * sizeof *y);
}

/* PLANES that the SSSE3 kernels know; the scalar functions take all others. */
X128_INLINE bool x128_knows(const struct lutra_mat *m)
{
    if (m->kind != LUTRA_MAT_PLANES) return true;
    return m->bits >= 2 && m->bits <= 6 && m->group % 16 == 0;
}

#endif
