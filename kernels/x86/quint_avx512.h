/* SPDX-License-Identifier: MIT */
/* What lookups and panels of QUINT share: bytes taken apart, codes in the order of the bytes. */
#ifndef LUTRA_KERNELS_X86_QUINT_AVX512_H
#define LUTRA_KERNELS_X86_QUINT_AVX512_H

#include "kernels/quint_unit.h"
#include "kernels/x86/x512.h"

/* 65 columns for every 64, the last one zero: five to each byte of a row; then room for a load. */
enum { QUINT_COLUMNS = 260, QUINT_SPACED = QUINT_COLUMNS + 36 };

X512_INLINE void quint_space_codes(int16_t to[QUINT_SPACED], const int16_t *codes, int subs)
{
    memset(to, 0, QUINT_SPACED * sizeof *to);
    for (int i = 0; i < subs; i++) memcpy(to + 65 * i, codes + 64 * i, 64 * sizeof *to);
}

/* The value 0..121 of a byte -> that of its first three digits, of its last two. */
struct quint_split {
    __m512i three[2], two[2];
};

/* v = 9 * three + two for v = 0..121, two in -4..4 */
static const int8_t quint_three[128] = {
    0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1, 1, 2, 2,
    2, 2, 2, 2, 2, 2, 2, 3, 3, 3, 3, 3, 3, 3, 3, 3,
    4, 4, 4, 4, 4, 4, 4, 4, 4, 5, 5, 5, 5, 5, 5, 5,
    5, 5, 6, 6, 6, 6, 6, 6, 6, 6, 6, 7, 7, 7, 7, 7,
    7, 7, 7, 7, 8, 8, 8, 8, 8, 8, 8, 8, 8, 9, 9, 9,
    9, 9, 9, 9, 9, 9, 10, 10, 10, 10, 10, 10, 10, 10, 10, 11,
    11, 11, 11, 11, 11, 11, 11, 11, 12, 12, 12, 12, 12, 12, 12, 12,
    12, 13, 13, 13, 13, 13, 13, 13, 13, 13, 0, 0, 0, 0, 0, 0};
static const int8_t quint_two[128] = {
    0, 1, 2, 3, 4, -4, -3, -2, -1, 0, 1, 2, 3, 4, -4, -3, -2, -1, 0, 1,
    2, 3, 4, -4, -3, -2, -1, 0, 1, 2, 3, 4, -4, -3, -2, -1, 0, 1, 2, 3,
    4, -4, -3, -2, -1, 0, 1, 2, 3, 4, -4, -3, -2, -1, 0, 1, 2, 3, 4, -4,
    -3, -2, -1, 0, 1, 2, 3, 4, -4, -3, -2, -1, 0, 1, 2, 3, 4, -4, -3, -2,
    -1, 0, 1, 2, 3, 4, -4, -3, -2, -1, 0, 1, 2, 3, 4, -4, -3, -2, -1, 0,
    1, 2, 3, 4, -4, -3, -2, -1, 0, 1, 2, 3, 4, -4, -3, -2, -1, 0, 1, 2,
    3, 4, 0, 0, 0, 0, 0, 0};

X512_INLINE struct quint_split quint_split_tables(void)
{
    struct quint_split k = {{x512_load(quint_three), x512_load(quint_three + 64)},
                            {x512_load(quint_two), x512_load(quint_two + 64)}};
    return k;
}

X512_INLINE void quint_split_bytes(const struct quint_split *k, __m512i bytes, __m512i *three,
                                   __m512i *two)
{
    const __m512i zero = _mm512_setzero_si512();
    __mmask64 neg = _mm512_movepi8_mask(bytes);
    __m512i a = _mm512_permutex2var_epi8(k->three[0], bytes, k->three[1]);
    __m512i b = _mm512_permutex2var_epi8(k->two[0], bytes, k->two[1]);
    *three = _mm512_mask_sub_epi8(a, neg, zero, a);
    *two = _mm512_mask_sub_epi8(b, neg, zero, b);
}

/* The digits of the bytes of 16 rows, four columns of a row in each dword: digit d of byte 4*row + j is column
 * 5*j + d of a step of 20. The middle (0), last (1) ... digits come of small tables: digit d of three, of two. */
X512_INLINE void step_digits(__m512i digit[5], const struct quint_split *k, const uint8_t *codes)
{
    static const int8_t of_three[3][32] = {
        {0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0, -1, -1, -1, -1, -1, -1, -1, -1,
         -1, 0, 0, 0, 0},
        {0, 0, 1, 1, 1, -1, -1, -1, 0, 0, 0, 1, 1, 1, 0, 0, 0, 0, 0, -1, -1, -1, 0, 0, 0, 1, 1, 1,
         -1, -1, -1, 0},
        {0, 1, -1, 0, 1, -1, 0, 1, -1, 0, 1, -1, 0, 1, 0, 0, 0, 0, 0, -1, 0, 1, -1, 0, 1, -1, 0, 1,
         -1, 0, 1, -1}};
    __m512i part[2];
    quint_split_bytes(k, x512_load(codes), &part[0], &part[1]);
    X512_UNROLL
    for (int d = 0; d < 5; d++) {
        const int8_t *t = of_three[d < 3 ? d : d - 2];
        __m512i table = _mm512_broadcast_i64x4(_mm256_loadu_si256((const __m256i *)t));
        digit[d] = _mm512_permutexvar_epi8(
            _mm512_and_si512(part[d >= 3], _mm512_set1_epi8(31)), table);
    }
}

#endif
