/* SPDX-License-Identifier: MIT */
/* Small helpers of the AVX-512 kernels: one register holds a number for each of the 16 rows of a
 * tile.
 *
 * Codes of a tile lie in slots (lut.h); vpermw puts them into row order on the way in, so that all
 * sums and floats stand in natural order:
 *
 *   32-byte vectors a, b (16 slots x 2 bytes)  ->  lane of row r: a0 a1 b0 b1 of its slot */
#ifndef LUTRA_KERNELS_X86_X512_H
#define LUTRA_KERNELS_X86_X512_H

#if !defined(__AVX512BW__) || !defined(__AVX512DQ__) || !defined(__AVX512VL__) ||                  \
    !defined(__AVX512VBMI__) || !defined(__AVX512VNNI__)
#error "compile with the flags the Makefile has for *_avx512.c"
#endif

#include <immintrin.h>
#include <string.h>

#include "kernels/lut.h"

#define X512_INLINE static inline __attribute__((always_inline))

/* Unroll the short loop that follows, so that arrays indexed by it become registers. */
#if defined(__clang__)
#define X512_UNROLL _Pragma("clang loop unroll(full)")
#else
#define X512_UNROLL _Pragma("GCC unroll 16")
#endif

/* Make the compiler forget where a pointer came from: of eight rows at a stride it would otherwise
 * precompute every address it ever needs, far more than there are registers. */
#define X512_FORGET(p) __asm__("" : "+r"(p))

X512_INLINE __m512i x512_load(const void *p)
{
    return _mm512_loadu_si512(p);
}

/* 32 bytes, the upper half of the register unspecified. */
X512_INLINE __m512i x512_load_half(const void *p)
{
    return _mm512_castsi256_si512(_mm256_loadu_si256((const __m256i *)p));
}

/* 32 bytes from each of two places. */
X512_INLINE __m512i x512_load_halves(const void *lower, const void *upper)
{
    return _mm512_inserti64x4(x512_load_half(lower), _mm256_loadu_si256((const __m256i *)upper), 1);
}

/* Four bytes in every row. */
X512_INLINE __m512i x512_four_bytes(int b0, int b1, int b2, int b3)
{
    return _mm512_set1_epi32(
        (int)((unsigned)b3 << 24 | (unsigned)b2 << 16 | (unsigned)b1 << 8 | (unsigned)b0));
}

/* Weights beside tables: they fill L1, where weights far ahead would push them out and be pushed out. Into
 * L2, and only what comes next into L1 (1 KB: 2 to 5 % slower from memory). See x86.h. */
enum { X512_FAR = 16384, X512_NEAR = 2048 };

X512_INLINE void x512_prefetch_far(size_t far, const uint8_t *p, size_t bytes)
{
    for (size_t i = 0; i < bytes; i += 64) {
        _mm_prefetch((const char *)p + far + i, _MM_HINT_T1);
        _mm_prefetch((const char *)p + X512_NEAR + i, _MM_HINT_T0);
    }
}

X512_INLINE void x512_prefetch_tables(const uint8_t *p, size_t bytes)
{
    x512_prefetch_far(X512_FAR, p, bytes);
}

/* Fetch bytes that are read soon, wherever they are. */
X512_INLINE void x512_fetch(const uint8_t *p, size_t bytes)
{
    for (size_t i = 0; i < bytes; i += 64) _mm_prefetch((const char *)p + i, _MM_HINT_T0);
}

/* How many of `left` things to take at once: at most `most`, all shares alike, multiples of `step`.
 */
static inline int x512_share(int left, int most, int step)
{
    int shares = (left + most - 1) / most;
    int each = (left + shares - 1) / shares;
    each = (each + step - 1) / step * step;
    return each < left ? each : left;
}

/* (a & mask) | bits */
X512_INLINE __m512i x512_and_or(__m512i a, __m512i mask, __m512i bits)
{
    return _mm512_ternarylogic_epi32(a, mask, bits, 0xEA);
}

/* ---- rows ---- */

/* vpermw index: lane of row r = word slot(r) and word slot(r) + second. */
X512_INLINE __m512i x512_row_words(int second)
{
    uint16_t w[32];
    for (int r = 0; r < 16; r++) {
        w[2 * r] = (uint16_t)lutra_lut_slot(r);
        w[2 * r + 1] = (uint16_t)(lutra_lut_slot(r) + second);
    }
    return x512_load(w);
}

/* Two code vectors a, b that follow each other: lane of row r = a0 a1 b0 b1. */
X512_INLINE __m512i x512_rows_of(__m512i codes)
{
    return _mm512_permutexvar_epi16(x512_row_words(16), codes);
}

/* One code vector (the lower half): lane of row r = a0 a1 a0 a1. */
X512_INLINE __m512i x512_rows_twice(__m512i codes)
{
    return _mm512_permutexvar_epi16(x512_row_words(0), codes);
}

/* Rows 16*half + 0..15, a byte each, side by side: byte index that makes the lane of row r = bytes r,
 * r + step, r + 2*step, r + 3*step. */
X512_INLINE __m512i x512_tern_order(int half, int step)
{
    uint8_t s[64];
    for (int i = 0; i < 64; i++) s[i] = (uint8_t)(16 * half + i / 4 + i % 4 * step);
    return x512_load(s);
}

/* PLANES of one bit, rows 16*half + 0..15: byte index that makes the lane of row r = its byte, that
 * of `second` bytes on, and both again. */
X512_INLINE __m512i x512_bit_order(int half, int second)
{
    uint8_t s[64];
    for (int i = 0; i < 64; i++)
        s[i] = (uint8_t)(lutra_bit_slot(16 * half + i / 4) + (i & 1) * second);
    return x512_load(s);
}

/* ---- dots ---- */

/* Sum of n pairs of columns q, rows as they are, times the codes of one vector. n <= 16 is constant:
 * q stays in registers while any number of vectors pass. */
X512_INLINE __m512i x512_dot_pairs(const __m512i *q, int n, const int16_t *c)
{
    __m512i s[2] = {_mm512_setzero_si512(), _mm512_setzero_si512()}; /* two chains */
    X512_UNROLL
    for (int i = 0; i < n; i++) {
        int32_t both;
        memcpy(&both, c + 2 * i, sizeof both);
        s[i & 1] = _mm512_dpwssd_epi32(s[i & 1], q[i], _mm512_set1_epi32(both));
    }
    return _mm512_add_epi32(s[0], s[1]);
}

/* ---- scales ---- */

X512_INLINE __m512 x512_halves(const uint8_t *p)
{
    return _mm512_cvtph_ps(_mm256_loadu_si256((const __m256i *)p));
}

/* 16 bytes as int32. */
X512_INLINE __m512i x512_bytes_u(const uint8_t *p)
{
    return _mm512_cvtepu8_epi32(_mm_loadu_si128((const __m128i *)p));
}

X512_INLINE __m512i x512_bytes_s(const uint8_t *p)
{
    return _mm512_cvtepi8_epi32(_mm_loadu_si128((const __m128i *)p));
}

X512_INLINE bool x512_has_min(enum lutra_scale_kind kind)
{
    return kind == LUTRA_SCALE_F16_MIN || kind == LUTRA_SCALE_SUB_MIN ||
           kind == LUTRA_SCALE_SUB_MIN4;
}

/* 2^(e - 128) */
X512_INLINE __m512 x512_powers(const uint8_t *e)
{
    __m512i bits = _mm512_slli_epi32(x512_bytes_u(e), 23);
    bits = _mm512_max_epi32(bits, _mm512_set1_epi32(0x400000));
    return _mm512_mul_ps(_mm512_castsi512_ps(bits), _mm512_set1_ps(0.5f));
}

/* m->run (lut.h), where what it follows from are constants. */
X512_INLINE int x512_run(int bits, int group, enum lutra_scale_kind kind)
{
    if (kind == LUTRA_SCALE_SUB_MIN) return bits == 5 ? 128 : 256;
    if (kind == LUTRA_SCALE_SUB_MIN4) return 256;
    return kind == LUTRA_SCALE_SUB && bits == 3 ? 256 : group;
}

/* sc of group g of a unit, and mn; only for kinds that have them. `kind` is a constant of the caller,
 * here and below. */
X512_INLINE __m512i x512_group_sc(enum lutra_scale_kind kind, const uint8_t *unit, int g)
{
    if (kind == LUTRA_SCALE_SUB) return x512_bytes_s(unit + 32 + 16 * g);
    __m512i sc = x512_bytes_u(unit + 64 + 16 * g);
    return kind == LUTRA_SCALE_SUB_MIN4 ? _mm512_and_si512(sc, _mm512_set1_epi32(15)) : sc;
}

X512_INLINE __m512i x512_group_mn(enum lutra_scale_kind kind, const uint8_t *unit, int g)
{
    if (kind == LUTRA_SCALE_SUB_MIN) return x512_bytes_u(unit + 192 + 16 * g);
    return _mm512_srli_epi32(x512_bytes_u(unit + 64 + 16 * g), 4);
}

/* D of group g of a unit; d = the unit's own f16 scales, read once. */
X512_INLINE __m512 x512_group_d(enum lutra_scale_kind kind, const uint8_t *unit, int g, __m512 d)
{
    if (kind == LUTRA_SCALE_F16_EACH) return x512_halves(unit + 32 * g);
    if (kind == LUTRA_SCALE_E8M0) return x512_powers(unit + 16 * g);
    if (kind == LUTRA_SCALE_F16 || kind == LUTRA_SCALE_F16_MIN) return d;
    return _mm512_mul_ps(d, _mm512_cvtepi32_ps(x512_group_sc(kind, unit, g)));
}

/* What M is made of: M itself for F16_MIN, -M for super-blocks. Only for kinds with minima. */
X512_INLINE __m512 x512_group_min(enum lutra_scale_kind kind, const uint8_t *unit, int g,
                                  __m512 dmin)
{
    if (kind == LUTRA_SCALE_F16_MIN) return dmin;
    return _mm512_mul_ps(dmin, _mm512_cvtepi32_ps(x512_group_mn(kind, unit, g)));
}

/* a + b*c, two roundings. */
X512_INLINE __m512 x512_add_product(__m512 a, __m512 b, __m512 c)
{
    return _mm512_add_ps(a, _mm512_mul_ps(b, c));
}

/* y[0..n) = the first n rows; all 16 if n is larger. */
X512_INLINE void x512_store_rows(float *y, __m512 a, int n)
{
    _mm512_mask_storeu_ps(y, n >= 16 ? (__mmask16)0xffff : (__mmask16)((1u << n) - 1), a);
}

#endif
