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

/* One float or int32 for each of the 16 rows of a tile, four by four in natural order. */
struct x128_rows {
    __m128 v[4];
};

struct x128_ints {
    __m128i v[4];
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

/* Words as the upper halves of floats with `low` as the lower ones. */
X128_INLINE __m128 x128_upper(__m128i low, __m128i words, int half)
{
    return _mm_castsi128_ps(half ? _mm_unpackhi_epi16(low, words) : _mm_unpacklo_epi16(low, words));
}

/* Eight f16 -> floats, the bits of lutra_f16_to_f32. A subnormal half counts as 2^-14 and its mantissa,
 * from which 2^-14 is taken; the subtraction quiets a NaN. */
X128_INLINE void x128_f16(__m128 f[2], __m128i h)
{
    const __m128i rebias = _mm_set1_epi16(112 << 7), zero = _mm_setzero_si128();
    __m128i size = _mm_and_si128(h, _mm_set1_epi16(0x7fff)), sign = _mm_xor_si128(h, size);
    __m128i no_exp = _mm_cmpgt_epi16(_mm_set1_epi16(0x400), size);
    __m128i special = _mm_cmpgt_epi16(size, _mm_set1_epi16(0x7bff));
    __m128i top = _mm_add_epi16(_mm_srli_epi16(size, 3), rebias), low = _mm_slli_epi16(size, 13);
    top = _mm_add_epi16(top, _mm_and_si128(special, rebias));
    top = _mm_add_epi16(top, _mm_and_si128(no_exp, _mm_set1_epi16(1 << 7)));
    __m128i minus = _mm_and_si128(no_exp, _mm_set1_epi16(113 << 7));
    X128_UNROLL
    for (int i = 0; i < 2; i++) {
        f[i] = _mm_sub_ps(x128_upper(low, top, i), x128_upper(zero, minus, i));
        f[i] = _mm_or_ps(f[i], x128_upper(zero, sign, i));
    }
}

X128_INLINE struct x128_rows x128_halves(const void *p)
{
    struct x128_rows r;
    x128_f16(r.v, x128_load(p));
    x128_f16(r.v + 2, x128_load((const uint8_t *)p + 16));
    return r;
}

X128_INLINE struct x128_rows x128_set(float x)
{
    struct x128_rows r = {{_mm_set1_ps(x), _mm_set1_ps(x), _mm_set1_ps(x), _mm_set1_ps(x)}};
    return r;
}

X128_INLINE struct x128_ints x128_zero(void)
{
    const __m128i zero = _mm_setzero_si128();
    struct x128_ints r = {{zero, zero, zero, zero}};
    return r;
}

X128_INLINE struct x128_rows x128_mul(struct x128_rows a, struct x128_rows b)
{
    X128_UNROLL
    for (int i = 0; i < 4; i++) a.v[i] = _mm_mul_ps(a.v[i], b.v[i]);
    return a;
}

X128_INLINE struct x128_rows x128_floats(struct x128_ints a)
{
    struct x128_rows r = {{_mm_cvtepi32_ps(a.v[0]), _mm_cvtepi32_ps(a.v[1]),
                           _mm_cvtepi32_ps(a.v[2]), _mm_cvtepi32_ps(a.v[3])}};
    return r;
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

/* mn of group g, 16 bytes; only for SUB_MIN and SUB_MIN4. */
X128_INLINE __m128i x128_min_bytes(enum lutra_scale_kind kind, const uint8_t *unit, int g)
{
    if (kind == LUTRA_SCALE_SUB_MIN) return x128_load(unit + 192 + 16 * g);
    return _mm_and_si128(_mm_srli_epi16(x128_load(unit + 64 + 16 * g), 4), _mm_set1_epi8(15));
}

/* sc of group g likewise; SUB's are signed. */
X128_INLINE __m128i x128_sub_bytes(enum lutra_scale_kind kind, const uint8_t *unit, int g)
{
    if (kind == LUTRA_SCALE_SUB) return x128_load(unit + 32 + 16 * g);
    __m128i b = x128_load(unit + 64 + 16 * g);
    return kind == LUTRA_SCALE_SUB_MIN ? b : _mm_and_si128(b, _mm_set1_epi8(15));
}

/* D of group g of a unit; d = the unit's own f16 scales, read once. `kind` is a constant of the
 * caller. */
X128_INLINE struct x128_rows x128_group_d(enum lutra_scale_kind kind, const uint8_t *unit, int g,
                                          struct x128_rows d)
{
    if (kind == LUTRA_SCALE_SUB) return x128_mul(d, x128_bytes_s(x128_sub_bytes(kind, unit, g)));
    if (kind == LUTRA_SCALE_SUB_MIN || kind == LUTRA_SCALE_SUB_MIN4)
        return x128_mul(d, x128_bytes_u(x128_sub_bytes(kind, unit, g)));
    return d;
}

/* M likewise; only for kinds with minima. */
X128_INLINE struct x128_rows x128_group_m(enum lutra_scale_kind kind, const uint8_t *unit, int g,
                                          struct x128_rows dmin)
{
    if (kind == LUTRA_SCALE_F16_MIN) return dmin;
    return x128_neg(x128_mul(dmin, x128_bytes_u(x128_min_bytes(kind, unit, g))));
}

/* Bytes of two groups, unsigned, as pairs of int16. */
X128_INLINE struct x128_ints x128_pairs(__m128i a, __m128i b)
{
    const __m128i zero = _mm_setzero_si128();
    __m128i lo = _mm_unpacklo_epi8(a, b), hi = _mm_unpackhi_epi8(a, b);
    struct x128_ints r = {{_mm_unpacklo_epi8(lo, zero), _mm_unpackhi_epi8(lo, zero),
                           _mm_unpacklo_epi8(hi, zero), _mm_unpackhi_epi8(hi, zero)}};
    return r;
}

/* X of two groups as pairs of int16, x = low + 65536 * high; high is nearly always 0. */
X128_INLINE int32_t x128_low_pair(int32_t x0, int32_t x1)
{
    return (int32_t)((uint32_t)(uint16_t)x0 | (uint32_t)x1 << 16);
}

X128_INLINE int32_t x128_high_pair(int32_t x0, int32_t x1)
{
    return x128_low_pair((x0 - (int16_t)x0) >> 16, (x1 - (int16_t)x1) >> 16);
}

/* minima += mn * X of two groups. Parts wrap, the whole does not: see lut.h. */
X128_INLINE void x128_add_minima(struct x128_ints *minima, struct x128_ints mn, int32_t low,
                                 int32_t high)
{
    X128_UNROLL
    for (int i = 0; i < 4; i++)
        minima->v[i] = _mm_add_epi32(minima->v[i], _mm_madd_epi16(mn.v[i], _mm_set1_epi32(low)));
    if (!high) return;
    X128_UNROLL
    for (int i = 0; i < 4; i++) {
        __m128i h = _mm_madd_epi16(mn.v[i], _mm_set1_epi32(high));
        minima->v[i] = _mm_add_epi32(minima->v[i], _mm_slli_epi32(h, 16));
    }
}

/* Sum of mn * X over groups [g, g + n) of a unit, n even; sums are those of 16 columns from g on. */
X128_INLINE struct x128_ints x128_minima(enum lutra_scale_kind kind, const uint8_t *unit, int g,
                                         int n, const int32_t *sums)
{
    struct x128_ints minima = x128_zero();
    const int each = kind == LUTRA_SCALE_SUB_MIN ? 2 : 1;
    for (int end = g + n; g < end; g += 2, sums += 2 * each) {
        int32_t x0 = sums[0], x1 = sums[each];
        if (each == 2) {
            x0 += sums[1];
            x1 += sums[3];
        }
        x128_add_minima(&minima,
                        x128_pairs(x128_min_bytes(kind, unit, g), x128_min_bytes(kind, unit, g + 1)),
                        x128_low_pair(x0, x1), x128_high_pair(x0, x1));
    }
    return minima;
}

/* A run of groups that are weighed: acc += d * total, then - dmin * minima, if there are any. */
X128_INLINE struct x128_rows x128_add_run(struct x128_rows acc, struct x128_ints total,
                                          const int32_t *sums, const uint8_t *unit, int g, int n,
                                          struct x128_rows d, struct x128_rows dmin,
                                          enum lutra_scale_kind kind)
{
    acc = x128_add_product(acc, d, x128_floats(total));
    if (!x128_has_min(kind)) return acc;
    total = x128_minima(kind, unit, g, n, sums);
    return x128_add_product(acc, x128_neg(dmin), x128_floats(total));
}

/* A group that stands alone: acc += D * (total - offset * x), then + M * x, if there are minima; types
 * that have those have no offset. */
X128_INLINE struct x128_rows x128_add_group(struct x128_rows acc, struct x128_ints total, int32_t x,
                                            int offset, const uint8_t *unit, int g,
                                            struct x128_rows d, struct x128_rows dmin,
                                            enum lutra_scale_kind kind)
{
    X128_UNROLL
    for (int i = 0; i < 4; i++)
        if (!x128_has_min(kind)) total.v[i] = _mm_sub_epi32(total.v[i], _mm_set1_epi32(offset * x));
    acc = x128_add_product(acc, x128_group_d(kind, unit, g, d), x128_floats(total));
    return x128_has_min(kind) ? x128_add_product(acc, dmin, x128_set((float)x)) : acc;
}

/* DENSE: a quad (0..7) of a block of 32 columns, four rows of four bytes from row 4 * rows on. */
X128_INLINE __m128i x128_dense_quad(const uint8_t *codes, int bits, int quad, int rows)
{
    const uint8_t *part = codes + 16 * rows;
    __m128i q = _mm_setzero_si128();
    X128_UNROLL
    for (int w = 4, at = 0; w > 0; w /= 2) {
        if (!(bits & w)) continue;
        const int shift = quad % (8 / w) * w - at;
        __m128i x = x128_load(part + 64 * (quad / (8 / w)));
        x = shift < 0 ? _mm_slli_epi16(x, -shift) : _mm_srli_epi16(x, shift);
        x = _mm_and_si128(x, _mm_set1_epi8((char)(((1 << w) - 1) << at)));
        q = at ? _mm_or_si128(q, x) : x;
        part += 64 * w;
        at += w;
    }
    return q;
}

/* 16 codes as low and high bytes; a bit for each quad with a high one. */
X128_INLINE int x128_split(int8_t *low, int8_t *high, const int16_t *c)
{
    const __m128i half = _mm_set1_epi16(128), zero = _mm_setzero_si128();
    __m128i a = x128_load(c), b = x128_load(c + 8);
    __m128i ha = _mm_srai_epi16(_mm_add_epi16(a, half), 8), hb = _mm_srai_epi16(_mm_add_epi16(b, half), 8);
    __m128i h = _mm_packs_epi16(ha, hb);
    a = _mm_sub_epi16(a, _mm_slli_epi16(ha, 8));
    b = _mm_sub_epi16(b, _mm_slli_epi16(hb, 8));
    x128_store(low, _mm_packs_epi16(a, b));
    x128_store(high, h);
    return _mm_movemask_ps(_mm_castsi128_ps(_mm_cmpeq_epi32(h, zero))) ^ 15;
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

/* PLANES and DENSE that the SSSE3 kernels know; the scalar functions take all others. */
X128_INLINE bool x128_knows(const struct lutra_mat *m)
{
    if (m->kind != LUTRA_MAT_PLANES && m->kind != LUTRA_MAT_DENSE) return true;
    return m->bits >= 2 && m->bits <= 6 && m->group % 16 == 0;
}

#endif
