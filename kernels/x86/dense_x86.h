/* SPDX-License-Identifier: MIT */
/* Codes of a DENSE block (lut.h) as bytes, four columns of eight rows at a time. */
#ifndef LUTRA_KERNELS_X86_DENSE_X86_H
#define LUTRA_KERNELS_X86_DENSE_X86_H

#include "kernels/x86/x86.h"

/* Bits from `from` on of every byte, moved to `to`; what else is there is masked off later. */
X86_INLINE __m256i x86_moved(__m256i x, int from, int to)
{
    return from > to ? _mm256_srli_epi16(x, from - to) : _mm256_slli_epi16(x, to - from);
}

/* Four columns of eight rows: quad 0..3 of the first or second 16 columns (seg) of a block of 32. All but
 * `codes` are constants of the caller. */
X86_INLINE __m256i x86_dense_quad(const uint8_t *codes, int bits, int seg, int quad, int half)
{
    __m256i q = _mm256_setzero_si256();
    codes += 32 * half;
    X86_UNROLL
    for (int w = 4, at = 0; w > 0; w /= 2) {
        if (!(bits & w)) continue;
        const __m256i mask = _mm256_set1_epi8((char)(((1 << w) - 1) << at));
        const int bit = w * (4 * seg + quad); /* of a row's byte i, vector after vector */
        const __m256i x = x86_moved(x86_load(codes + 64 * (bit / 8)), bit % 8, at);
        q = _mm256_or_si256(q, _mm256_and_si256(x, mask));
        codes += 64 * w;
        at += w;
    }
    return q;
}

#endif
