/* SPDX-License-Identifier: MIT */
/* Small helpers of the AVX2 kernels: loads, scales of a unit as floats, stores that stop at the
 * last row. */
#ifndef LUTRA_KERNELS_X86_X86_H
#define LUTRA_KERNELS_X86_X86_H

#if !defined(__AVX2__) || !defined(__F16C__)
#error "compile with -mavx2 -mf16c (the Makefile does so for *_avx2.c)"
#endif
#if defined(__FMA__)
#error "a fused multiply-add would change results: compile with -mno-fma"
#endif

#include <immintrin.h>
#include <string.h>

#include "kernels/lut.h"

#define X86_INLINE static inline __attribute__((always_inline))

/* Unroll the short loop that follows, so that arrays indexed by it become registers. */
#if defined(__clang__)
#define X86_UNROLL _Pragma("clang loop unroll(full)")
#else
#define X86_UNROLL _Pragma("GCC unroll 16")
#endif

/* Keep a running sum a running sum: gcc would turn the adds into a tree that outgrows 16 registers.
 */
#define X86_PIN(v) __asm__("" : "+x"(v))

/* How far ahead weights are fetched. From memory on a Zen 5 core, Q4_0 / Q6_K / base-3 weights per
 * ns: 4 KB 44 / 29 / 114, 8 KB 53 / 32 / 130, 12 KB 55 / 34 / 130, 16 KB 54 / 33 / 129, where L2
 * gives 56 / 34 / 131. More would push the tables out of a 32 KB L1. */
enum { X86_AHEAD = 12288 };

/* One float for each of the 16 rows of a tile. */
struct x86_rows {
    __m256 lo, hi; /* rows 0-7, 8-15 */
};

X86_INLINE __m256i x86_load(const void *p)
{
    return _mm256_loadu_si256((const __m256i *)p);
}

/* The same 16 bytes in both halves: a table for pshufb. */
X86_INLINE __m256i x86_load_twice(const void *p)
{
    return _mm256_broadcastsi128_si256(_mm_loadu_si128((const __m128i *)p));
}

/* Words a, b = low + 256 * high: the low bytes, signed, in order. */
X86_INLINE __m256i x86_low_bytes(__m256i a, __m256i b)
{
    const __m256i byte = _mm256_set1_epi16(255);
    a = _mm256_packus_epi16(_mm256_and_si256(a, byte), _mm256_and_si256(b, byte));
    return _mm256_permute4x64_epi64(a, 0xD8);
}

X86_INLINE __m256i x86_high_bytes(__m256i a, __m256i b)
{
    const __m256i half = _mm256_set1_epi16(128);
    a = _mm256_srai_epi16(_mm256_add_epi16(a, half), 8);
    b = _mm256_srai_epi16(_mm256_add_epi16(b, half), 8);
    return _mm256_permute4x64_epi64(_mm256_packs_epi16(a, b), 0xD8);
}

X86_INLINE void x86_prefetch(const uint8_t *p, size_t bytes)
{
    for (size_t i = 0; i < bytes; i += 64)
        _mm_prefetch((const char *)p + X86_AHEAD + i, _MM_HINT_T0);
}

/* The same beside tables: they fill L1, where weights so far ahead would push them out and be pushed
 * out. Into L2, and only what comes next into L1. Zen 4, 4096 columns, from memory, weights/ns: base 3
 * 54 -> 100, one bit 83 -> 130; with AVX-512 base 3 60 -> 110, five trits a byte 58 -> 99, one bit
 * 82 -> 142, Q4_0 looked up 25 -> 39, MXFP4 38 -> 48. Bytes and codes for dots lose by it, Q8_0 25 -> 21. */
enum { X86_FAR = 16384, X86_NEAR = 1024 };

X86_INLINE void x86_prefetch_tables(const uint8_t *p, size_t bytes)
{
    for (size_t i = 0; i < bytes; i += 64) {
        _mm_prefetch((const char *)p + X86_FAR + i, _MM_HINT_T1);
        _mm_prefetch((const char *)p + X86_NEAR + i, _MM_HINT_T0);
    }
}

X86_INLINE struct x86_rows x86_halves(const uint8_t *p)
{
    struct x86_rows r = {_mm256_cvtph_ps(_mm_loadu_si128((const __m128i *)p)),
                         _mm256_cvtph_ps(_mm_loadu_si128((const __m128i *)(p + 16)))};
    return r;
}

X86_INLINE struct x86_rows x86_mul(struct x86_rows a, struct x86_rows b)
{
    struct x86_rows r = {_mm256_mul_ps(a.lo, b.lo), _mm256_mul_ps(a.hi, b.hi)};
    return r;
}

X86_INLINE struct x86_rows x86_neg(struct x86_rows a)
{
    const __m256 sign = _mm256_set1_ps(-0.0f);
    struct x86_rows r = {_mm256_xor_ps(a.lo, sign), _mm256_xor_ps(a.hi, sign)};
    return r;
}

/* 16 unsigned or signed bytes as floats. */
X86_INLINE struct x86_rows x86_bytes_u(__m128i b)
{
    struct x86_rows r = {_mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(b)),
                         _mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(_mm_srli_si128(b, 8)))};
    return r;
}

X86_INLINE struct x86_rows x86_bytes_s(__m128i b)
{
    struct x86_rows r = {_mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(b)),
                         _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(_mm_srli_si128(b, 8)))};
    return r;
}

X86_INLINE bool x86_has_min(enum lutra_scale_kind kind)
{
    return kind == LUTRA_SCALE_F16_MIN || kind == LUTRA_SCALE_SUB_MIN ||
           kind == LUTRA_SCALE_SUB_MIN4;
}

/* sc of group g of a unit, 16 bytes, signed in SUB, or mn. `kind` is a constant of the caller, here and below. */
X86_INLINE __m128i x86_sub_bytes(enum lutra_scale_kind kind, const uint8_t *unit, int g, bool min)
{
    const int at = kind == LUTRA_SCALE_SUB ? 32 : kind == LUTRA_SCALE_SUB_MIN && min ? 192 : 64;
    __m128i x = _mm_loadu_si128((const __m128i *)(const void *)(unit + at + 16 * g));
    if (kind != LUTRA_SCALE_SUB_MIN4) return x;
    return _mm_and_si128(min ? _mm_srli_epi16(x, 4) : x, _mm_set1_epi8(15));
}

/* D of group g of a unit; d = the unit's own f16 scales, read once. */
X86_INLINE struct x86_rows x86_group_d(enum lutra_scale_kind kind, const uint8_t *unit, int g,
                                       struct x86_rows d)
{
    if (kind == LUTRA_SCALE_F16 || kind == LUTRA_SCALE_F16_MIN) return d;
    __m128i sc = x86_sub_bytes(kind, unit, g, false);
    return x86_mul(d, kind == LUTRA_SCALE_SUB ? x86_bytes_s(sc) : x86_bytes_u(sc));
}

/* D of rows 8*side .. of group g of a BOOK unit; half = its f16 scales, which SUB alone has. `kind`
 * is a constant of the caller. */
X86_INLINE __m256 x86_book_d(enum lutra_scale_kind kind, const uint8_t *unit, int g, int side,
                             __m256 half)
{
    if (kind == LUTRA_SCALE_F16_EACH)
        return _mm256_cvtph_ps(_mm_loadu_si128((const __m128i *)(unit + 32 * g + 16 * side)));
    if (kind == LUTRA_SCALE_E8M0) {
        __m128i b = _mm_loadl_epi64((const __m128i *)(unit + 16 * g + 8 * side));
        __m256i e = _mm256_slli_epi32(_mm256_cvtepu8_epi32(b), 23);
        e = _mm256_max_epi32(e, _mm256_set1_epi32(0x400000)); /* 2^-127 */
        return _mm256_mul_ps(_mm256_castsi256_ps(e), _mm256_set1_ps(0.5f));
    }
    __m128i b = _mm_loadl_epi64((const __m128i *)(unit + 32 + 16 * g + 8 * side));
    return _mm256_mul_ps(half, _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(b)));
}

/* Columns 2i, 2i+1 of 8 rows of a BOOK octet's half at p, i = 0..3, as int16 pairs. */
X86_INLINE void x86_book_pairs(__m256i w[4], __m256i book, const uint8_t *p)
{
    const __m256i low = _mm256_set1_epi8(15);
    __m256i x = x86_load(p);
    __m256i a = _mm256_shuffle_epi8(book, _mm256_and_si256(x, low));
    __m256i b = _mm256_shuffle_epi8(book, _mm256_and_si256(_mm256_srli_epi16(x, 4), low));
    w[0] = _mm256_srai_epi16(_mm256_slli_epi16(a, 8), 8);
    w[1] = _mm256_srai_epi16(_mm256_slli_epi16(b, 8), 8);
    w[2] = _mm256_srai_epi16(a, 8);
    w[3] = _mm256_srai_epi16(b, 8);
}

/* M likewise; only for kinds with minima. */
X86_INLINE struct x86_rows x86_group_m(enum lutra_scale_kind kind, const uint8_t *unit, int g,
                                       struct x86_rows dmin)
{
    if (kind == LUTRA_SCALE_F16_MIN) return dmin;
    return x86_neg(x86_mul(dmin, x86_bytes_u(x86_sub_bytes(kind, unit, g, true))));
}

/* y[0..n) = rows * s, n <= 16. */
X86_INLINE void x86_store_rows(float *y, struct x86_rows a, float s, int n)
{
    __m256 scale = _mm256_set1_ps(s);
    float tmp[16];
    if (n >= 16) {
        _mm256_storeu_ps(y, _mm256_mul_ps(a.lo, scale));
        _mm256_storeu_ps(y + 8, _mm256_mul_ps(a.hi, scale));
        return;
    }
    _mm256_storeu_ps(tmp, _mm256_mul_ps(a.lo, scale));
    _mm256_storeu_ps(tmp + 8, _mm256_mul_ps(a.hi, scale));
    memcpy(y, tmp, (size_t)n * sizeof *y);
}

#endif
