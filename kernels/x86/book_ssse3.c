/* SPDX-License-Identifier: MIT */
/* BOOK matrices with SSSE3: 4 rows of an octet are one register; as book_avx2_body.h, a quarter of
 * a tile at a time. */
#include "kernels/book.h"
#include "kernels/ops.h"
#include "kernels/x86/x128.h"

enum { WIDE = 4 }; /* vectors whose sums stand in registers */

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
    __m128i h = _mm_loadl_epi64((const __m128i *)p);
    return x128_f16(_mm_unpacklo_epi16(h, _mm_setzero_si128()));
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

/* s[v] += a group of 4 rows times vector v; c[v] moves on. */
X128_INLINE void dot_group(__m128i *s, int nv, __m128i book, const uint8_t *codes,
                           const int16_t **c, int group)
{
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

X128_INLINE void store(float *to, __m128 r, int n)
{
    float tmp[4];
    _mm_storeu_ps(n >= 4 ? to : tmp, r);
    if (n < 4) memcpy(to, tmp, (size_t)n * sizeof *to);
}

/* Rows 4*part .. of one tile times vectors v0 .. v0+nv-1; kind and nv are constants of the caller.
 */
X128_INLINE void book_part(float *y, size_t y_stride, int nv, const struct lutra_mat *m,
                           enum lutra_scale_kind kind, const struct lutra_act *a, int v0, int tile,
                           int part)
{
    const uint8_t *unit = lutra_mat_tile(m, tile);
    const __m128i book = x128_load(m->book);
    const int16_t *c[WIDE];
    __m128 acc[WIDE], half = _mm_setzero_ps();
    X128_UNROLL
    for (int v = 0; v < nv; v++) {
        c[v] = a->codes + (size_t)(v0 + v) * (size_t)a->k_pad;
        acc[v] = _mm_setzero_ps();
    }
    for (int k = 0; k < m->n_cols; k += m->unit_k, unit += m->unit_bytes) {
        const uint8_t *codes = unit + m->scale_bytes + 16 * part;
        if (nv == 1 && part == 0) x128_prefetch(unit, m->unit_bytes);
        if (kind == LUTRA_SCALE_SUB) half = four_halves(unit + 8 * part);
        for (int g = 0; g * m->group < m->unit_k; g++, codes += 8 * m->group) {
            __m128 d = group_d(kind, unit, g, part, half);
            __m128i s[WIDE];
            X128_UNROLL
            for (int v = 0; v < nv; v++) s[v] = _mm_setzero_si128();
            dot_group(s, nv, book, codes, c, m->group);
            X128_UNROLL
            for (int v = 0; v < nv; v++)
                acc[v] = _mm_add_ps(acc[v], _mm_mul_ps(d, _mm_cvtepi32_ps(s[v])));
        }
    }
    int row = 16 * tile + 4 * part;
    X128_UNROLL
    for (int v = 0; v < nv; v++)
        store(y + (size_t)(v0 + v) * y_stride + row,
              _mm_mul_ps(acc[v], _mm_set1_ps(a->scale[v0 + v] * m->scale)), m->n_rows - row);
}

X128_INLINE void some_tiles(float *y, size_t y_stride, int nv, const struct lutra_mat *m,
                            const struct lutra_act *a, int v0, int tile0, int tile1)
{
    for (int p = 4 * tile0; p < 4 * tile1 && 4 * p < m->n_rows; p++) {
        if (m->scales == LUTRA_SCALE_F16_EACH)
            book_part(y, y_stride, nv, m, LUTRA_SCALE_F16_EACH, a, v0, p / 4, p % 4);
        else if (m->scales == LUTRA_SCALE_E8M0)
            book_part(y, y_stride, nv, m, LUTRA_SCALE_E8M0, a, v0, p / 4, p % 4);
        else
            book_part(y, y_stride, nv, m, LUTRA_SCALE_SUB, a, v0, p / 4, p % 4);
    }
}

static void book_mul(float *y, size_t y_stride, const struct lutra_mat *m,
                     const struct lutra_act *a, int v0, int v1, int tile0, int tile1)
{
    for (int v = v0, left; (left = v1 - v) > 0;) {
        if (left >= 4) {
            some_tiles(y, y_stride, 4, m, a, v, tile0, tile1);
            v += 4;
        } else {
            some_tiles(y, y_stride, 1, m, a, v, tile0, tile1);
            v += 1;
        }
    }
}

void lutra_book_init_ssse3(struct lutra_ops *ops)
{
    ops->book_mul = book_mul;
}
