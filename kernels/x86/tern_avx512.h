/* SPDX-License-Identifier: MIT */
/* A run of columns of half a TRIO tile unpacked to bytes: what tern_avx512.c and mm_amx.c multiply; and
 * to indices, which vlut_avx512.c looks up.
 *
 * vpdpbusd adds four columns of 16 rows. Which four, the order of the digits decides: of four triples
 * whose indices stand side by side in a row's four bytes, one byte lookup gives a quad of first digits,
 * one of second and one of third digits. So of 12 columns byte 4*q + j holds column 3*j + q, and
 * activations are put into the same order. */
#ifndef LUTRA_KERNELS_X86_TERN_AVX512_H
#define LUTRA_KERNELS_X86_TERN_AVX512_H

#include "kernels/x86/x512.h"

enum {
    TERN_K = 8 * LUTRA_TRIO_K, /* columns of a run at most: 12 KB stay in L1 */
    TRIO_QUADS = LUTRA_TRIO_K / 4
};

/* [quad][half][16 rows][4 columns] digits 0, 1, 2 for -1, 0, 1 */
struct tern_panel {
    uint8_t q[TERN_K / 4][2][64];
};

/* How many strips of 32 rows, two a tile, there are up to a tile. */
X512_INLINE int tern_strips(const struct lutra_mat *m, int tile)
{
    const int all = (m->n_rows + 31) / 32;
    return 2 * tile < all ? 2 * tile : all;
}

/* A strip from column k on. */
X512_INLINE const uint8_t *tern_at(const struct lutra_mat *m, int strip, int k)
{
    return lutra_mat_tile(m, strip / 2) + strip % 2 * LUTRA_TRIO_HALF +
           (size_t)(k / LUTRA_TRIO_K) * m->unit_bytes;
}

/* Digit `which` (0 first) of the indices 0..26, plus one. vpermb looks at a bit above them. */
X512_INLINE __m512i tern_digit_table(int which)
{
    uint8_t t[64];
    for (int n = 0; n < 64; n++)
        t[n] = (uint8_t)((which == 0 ? n % 32 / 9 : which == 1 ? n % 32 / 3 : n % 32) % 3);
    return x512_load(t);
}

/* The bits from b0, b1, b2 and b3 of a row's 32 on, a byte each. */
X512_INLINE __m512i tern_bits(int b0, int b1, int b2, int b3)
{
    return _mm512_add_epi32(x512_four_bytes(b0, b1, b2, b3), _mm512_set1_epi64(0x2020202000000000));
}

/* The indices of 48 columns of 32 rows: bytes 4*row + j of [half][i] hold, in their low five bits, that of triple
 * 4*i + j of a row of this half. */
X512_INLINE void tern_indices(__m512i index[2][4], const uint8_t *src)
{
    const __m512i twice = tern_bits(0, 5, 16, 21), third = tern_bits(10, 26, 10, 26);
    __m512i w[6];
    X512_UNROLL
    for (int i = 0; i < 5; i++) {
        w[i] = x512_load(src + 64 * i);
        w[5] = _mm512_shldi_epi16(i ? w[5] : w[0], w[i], 1); /* the top bits, one by one */
    }
    X512_UNROLL
    for (int half = 0; half < 2; half++) {
        __m512i two[3];
        X512_UNROLL
        for (int i = 0; i < 3; i++)
            two[i] = half ? _mm512_unpackhi_epi16(w[2 * i], w[2 * i + 1])
                          : _mm512_unpacklo_epi16(w[2 * i], w[2 * i + 1]);
        const __m512i even = _mm512_multishift_epi64_epi8(third, two[0]);
        index[half][0] = _mm512_multishift_epi64_epi8(twice, two[0]);
        index[half][1] = _mm512_multishift_epi64_epi8(twice, two[1]);
        index[half][2] = _mm512_mask_multishift_epi64_epi8(even, 0xCCCCCCCCCCCCCCCC, third, two[1]);
        index[half][3] = _mm512_multishift_epi64_epi8(tern_bits(0, 5, 10, 16), two[2]);
    }
}

/* 48 columns of 32 rows: twelve quads of both halves from `out` on. */
X512_INLINE void tern_unpack(uint8_t (*out)[2][64], const uint8_t *src, const __m512i digits[3])
{
    __m512i index[2][4];
    tern_indices(index, src);
    X512_UNROLL
    for (int half = 0; half < 2; half++) {
        X512_UNROLL
        for (int i = 0; i < TRIO_QUADS; i++)
            _mm512_store_si512(out[i][half], _mm512_permutexvar_epi8(index[half][i / 3], digits[i % 3]));
    }
}

/* Columns [k, k + n) of a strip, n a multiple of 48, into the panel. Those of strip `then` are fetched
 * for later, of the run behind if it does not follow. */
X512_INLINE void tern_fill(struct tern_panel *p, const struct lutra_mat *m, int strip, int then, int k,
                           int n)
{
    const __m512i digits[3] = {tern_digit_table(0), tern_digit_table(1), tern_digit_table(2)};
    const uint8_t *src = tern_at(m, strip, k), *next = tern_at(m, then, then > strip ? k : k + n);
    for (int i = 0; i < n / LUTRA_TRIO_K; i++, src += m->unit_bytes, next += m->unit_bytes) {
        x512_fetch(next, LUTRA_TRIO_HALF);
        tern_unpack(p->q + TRIO_QUADS * i, src, digits);
    }
}

/* ---- codes of activations as bytes, in the panel's order ---- */

/* 32 codes and 16 more -> 48 bytes, truncated. */
X512_INLINE __m512i tern_bytes(__m512i c0, __m512i c1)
{
    return _mm512_inserti64x4(_mm512_castsi256_si512(_mm512_cvtepi16_epi8(c0)),
                              _mm512_cvtepi16_epi8(c1), 1);
}

/* Of every 12 of 48 bytes: byte 4*q + j = column 3*j + q. */
X512_INLINE __m512i tern_order(void)
{
    uint8_t t[64] = {0};
    for (int i = 0; i < 48; i++) t[i] = (uint8_t)(i / 12 * 12 + 3 * (i & 3) + i % 12 / 4);
    return x512_load(t);
}

/* Of c = lo + 256 hi, lo a signed byte. */
X512_INLINE __m512i tern_high_byte(__m512i c)
{
    return _mm512_srai_epi16(_mm512_add_epi16(c, _mm512_set1_epi16(128)), 8);
}

#endif
