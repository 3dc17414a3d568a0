/* SPDX-License-Identifier: MIT */
/* A run of columns of a TERN tile unpacked to bytes: what tern_avx512.c and mm_amx.c multiply.
 *
 * vpdpbusd adds four columns of 16 rows. Which four, the order of the digits decides: the four
 * triples in the low nibbles of a row's four index bytes give a quad of first digits, one of second
 * and one of third digits, each by one byte lookup for all rows; those in the high nibbles three
 * more. So of 24 columns byte 4*q + j holds column 6*j + q, and activations are put into the same
 * order. */
#ifndef LUTRA_KERNELS_X86_TERN_AVX512_H
#define LUTRA_KERNELS_X86_TERN_AVX512_H

#include "kernels/x86/x512.h"

enum { TERN_K = 16 * LUTRA_TERN_K }; /* columns of a run at most: 12 KB stay in L1 */

/* [quad][half][16 rows][4 columns] digits 0, 1, 2 for -1, 0, 1 */
struct tern_panel {
    uint8_t q[TERN_K / 4][2][64];
};

/* Digit `which` (0 first) of the indices 0..13, sign in bit 4, plus one. */
X512_INLINE __m512i tern_digit_table(int which)
{
    static const int8_t digit[3][16] = {{0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0, 0},
                                        {0, 0, 1, 1, 1, -1, -1, -1, 0, 0, 0, 1, 1, 1, 0, 0},
                                        {0, 1, -1, 0, 1, -1, 0, 1, -1, 0, 1, -1, 0, 1, 0, 0}};
    uint8_t t[64];
    for (int n = 0; n < 64; n++)
        t[n] = (uint8_t)(1 + (n & 16 ? -digit[which][n & 15] : digit[which][n & 15]));
    return x512_load(t);
}

/* One unit of 24 columns: six quads of both halves from `out` on. */
X512_INLINE void tern_unpack(uint8_t (*out)[2][64], const uint8_t *src, const __m512i digits[3])
{
    const __m512i low = _mm512_set1_epi8(15), minus = _mm512_set1_epi8(16);
    const __m512i even = x512_four_bytes(0x80, 0x20, 0x08, 0x02); /* signs of triples 0 2 4 6 */
    const __m512i odd = x512_four_bytes(0x40, 0x10, 0x04, 0x01);
    const __m512i first = x512_load(src + 32), second = x512_load(src + 96);
    X512_UNROLL
    for (int half = 0; half < 2; half++) {
        __m512i x = _mm512_permutex2var_epi8(first, x512_tern_order(half, 32), second);
        __m512i signs = _mm512_permutexvar_epi8(x512_tern_order(half, 0), x512_load_half(src));
        __m512i a = _mm512_and_si512(x, low);
        __m512i b = _mm512_and_si512(_mm512_srli_epi16(x, 4), low);
        a = _mm512_or_si512(a, _mm512_maskz_mov_epi8(_mm512_test_epi8_mask(signs, even), minus));
        b = _mm512_or_si512(b, _mm512_maskz_mov_epi8(_mm512_test_epi8_mask(signs, odd), minus));
        X512_UNROLL
        for (int i = 0; i < 3; i++) {
            _mm512_store_si512(out[i][half], _mm512_permutexvar_epi8(a, digits[i]));
            _mm512_store_si512(out[3 + i][half], _mm512_permutexvar_epi8(b, digits[i]));
        }
    }
}

/* Units of 24 columns from `src` on into the panel; `next` is fetched for later. */
X512_INLINE void tern_fill(struct tern_panel *p, const struct lutra_mat *m, const uint8_t *src,
                           const uint8_t *next, int units)
{
    const __m512i digits[3] = {tern_digit_table(0), tern_digit_table(1), tern_digit_table(2)};
    for (int i = 0; i < units; i++, src += m->unit_bytes, next += m->unit_bytes) {
        x512_fetch(next, m->unit_bytes);
        tern_unpack(p->q + 6 * i, src, digits);
    }
}

/* ---- codes of activations as bytes, in the panel's order ---- */

/* 32 codes and 16 more -> 48 bytes, truncated. */
X512_INLINE __m512i tern_bytes(__m512i c0, __m512i c1)
{
    return _mm512_inserti64x4(_mm512_castsi256_si512(_mm512_cvtepi16_epi8(c0)),
                              _mm512_cvtepi16_epi8(c1), 1);
}

/* Of two units of 24 bytes: byte 4*q + j = column 6*j + q. */
X512_INLINE __m512i tern_order(void)
{
    uint8_t t[64] = {0};
    for (int i = 0; i < 48; i++) t[i] = (uint8_t)(i / 24 * 24 + 6 * (i & 3) + i % 24 / 4);
    return x512_load(t);
}

/* Of c = lo + 256 hi, lo a signed byte. */
X512_INLINE __m512i tern_high_byte(__m512i c)
{
    return _mm512_srai_epi16(_mm512_add_epi16(c, _mm512_set1_epi16(128)), 8);
}

#endif
