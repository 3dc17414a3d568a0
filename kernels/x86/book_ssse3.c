/* SPDX-License-Identifier: MIT */
/* BOOK matrices with SSSE3: what book_quarter_body.h asks for. Bytes of low and of high nibbles pass
 * through the book; even and odd bytes, widened to 16 bits, are columns 2i, 2i+1 of a row. */
#include "kernels/book.h"
#include "kernels/ops.h"
#include "kernels/x86/x128.h"

#define BOOK_INLINE X128_INLINE
#define BOOK_UNROLL X128_UNROLL
#define fetch x128_prefetch
typedef __m128 floats;
typedef __m128i ints;
typedef __m128i bytes;

X128_INLINE __m128 no_floats(void)
{
    return _mm_setzero_ps();
}

X128_INLINE __m128i load_book(const int8_t *values)
{
    return x128_load(values);
}

X128_INLINE __m128i two_codes(const int16_t *c)
{
    int32_t both;
    memcpy(&both, c, sizeof both);
    return _mm_set1_epi32(both);
}

/* 4 bytes or 4 halves in the low bits of four lanes. */
X128_INLINE __m128i four_bytes(const uint8_t *p)
{
    int32_t four;
    memcpy(&four, p, sizeof four);
    __m128i b = _mm_cvtsi32_si128(four), zero = _mm_setzero_si128();
    return _mm_unpacklo_epi16(_mm_unpacklo_epi8(b, zero), zero);
}

X128_INLINE __m128 four_halves(const uint8_t *p)
{
    __m128 f[2];
    x128_f16(f, _mm_loadl_epi64((const __m128i *)p));
    return f[0];
}

/* D of group g of a unit, rows 4*part ..; half = f16 scales of SUB, read once a unit. */
X128_INLINE __m128 group_d(enum lutra_scale_kind kind, const uint8_t *unit, int g, int part,
                           __m128 half)
{
    if (kind == LUTRA_SCALE_F16_EACH) return four_halves(unit + 32 * g + 8 * part);
    if (kind == LUTRA_SCALE_E8M0) {
        __m128i e = four_bytes(unit + 16 * g + 4 * part);
        __m128i none = _mm_cmpeq_epi32(e, _mm_setzero_si128());
        e = _mm_or_si128(_mm_slli_epi32(e, 23), _mm_and_si128(none, _mm_set1_epi32(0x400000)));
        return _mm_mul_ps(_mm_castsi128_ps(e), _mm_set1_ps(0.5f));
    }
    __m128i sc = _mm_slli_epi32(four_bytes(unit + 32 + 16 * g + 4 * part), 24);
    return _mm_mul_ps(half, _mm_cvtepi32_ps(_mm_srai_epi32(sc, 24)));
}

/* Columns 2i, 2i+1 of 4 rows, i = 0..3: of an octet's quarter at p. */
X128_INLINE void unpack(__m128i w[4], __m128i book, const uint8_t *p)
{
    const __m128i low = _mm_set1_epi8(15);
    __m128i x = x128_load(p);
    __m128i a = _mm_shuffle_epi8(book, _mm_and_si128(x, low));
    __m128i b = _mm_shuffle_epi8(book, _mm_and_si128(_mm_srli_epi16(x, 4), low));
    w[0] = _mm_srai_epi16(_mm_slli_epi16(a, 8), 8);
    w[1] = _mm_srai_epi16(_mm_slli_epi16(b, 8), 8);
    w[2] = _mm_srai_epi16(a, 8);
    w[3] = _mm_srai_epi16(b, 8);
}

/* s[v] = a group of 4 rows times vector v; c[v] moves on. */
X128_INLINE void dot_group(__m128i *s, int nv, __m128i book, const uint8_t *codes,
                           const int16_t **c, int group)
{
    X128_UNROLL
    for (int v = 0; v < nv; v++) s[v] = _mm_setzero_si128();
    for (int i = 0; i < group; i += 8, codes += 64) {
        __m128i w[4];
        unpack(w, book, codes);
        X128_UNROLL
        for (int v = 0; v < nv; v++) {
            X128_UNROLL
            for (int j = 0; j < 4; j++)
                s[v] = _mm_add_epi32(s[v], _mm_madd_epi16(w[j], two_codes(c[v] + i + 2 * j)));
            X128_PIN(s[v]);
        }
    }
    X128_UNROLL
    for (int v = 0; v < nv; v++) c[v] += group;
}

X128_INLINE __m128 add_product(__m128 acc, __m128 d, __m128i s)
{
    return _mm_add_ps(acc, _mm_mul_ps(d, _mm_cvtepi32_ps(s)));
}

X128_INLINE void store_scaled(float *to, __m128 acc, float scale, int n)
{
    float tmp[4];
    _mm_storeu_ps(n >= 4 ? to : tmp, _mm_mul_ps(acc, _mm_set1_ps(scale)));
    if (n < 4) memcpy(to, tmp, (size_t)n * sizeof *to);
}

#include "kernels/book_quarter_body.h"

void lutra_book_init_ssse3(struct lutra_ops *ops)
{
    ops->book_mul = book_mul;
}
