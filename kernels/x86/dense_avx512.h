/* SPDX-License-Identifier: MIT */
/* Codes of a DENSE block (lut.h) as bytes, four columns of 16 rows at a time: a shift and a mask for the lowest
 * part, then, of 3, 5 and 6 bits, vgf2p8affineqb, which moves bits inside every byte and drops all others, and
 * vpternlogd. */
#ifndef LUTRA_KERNELS_X86_DENSE_AVX512_H
#define LUTRA_KERNELS_X86_DENSE_AVX512_H

#include "kernels/x86/x512.h"

#if !defined(__GFNI__)
#error "compile with -mgfni (the Makefile does so for *_avx512.c and *_amx.c)"
#endif

/* w bits of every byte from bit `from` on, moved to bit `to`; all others zero. */
X512_INLINE __m512i dense_moved(__m512i x, int w, int from, int to)
{
    uint64_t rows = 0; /* byte 7 - i: which bits of x make bit i */
    if (from == to) return _mm512_and_si512(x, _mm512_set1_epi8((char)(((1 << w) - 1) << to)));
    X512_UNROLL
    for (int i = 0; i < w; i++) rows |= (uint64_t)1 << (from + i + 8 * (7 - to - i));
    return _mm512_gf2p8affine_epi64_epi8(x, _mm512_set1_epi64((int64_t)rows), 0);
}

/* A block of 32 columns as it lies: bits * 64 bytes. */
struct dense {
    __m512i v[6];
};

/* Read strictly forward, whatever the compiler would make of it, so that the core fetches what comes next: Q5_K from
 * memory 23 -> 34 GB/s. bits are 2 to 6, constants of the caller, here and below. */
X512_INLINE struct dense dense_load(const uint8_t *codes, int bits)
{
    struct dense d;
    X512_UNROLL
    for (int i = 0; i < bits; i++) {
        d.v[i] = x512_load(codes + 64 * i);
        __asm__ volatile("" : "+v"(d.v[i]));
    }
    return d;
}

/* Quad 0..7 of a block. */
X512_INLINE __m512i dense_quad(const struct dense *d, int bits, int quad)
{
    const int w = bits & 4 ? 4 : 2, more = bits - w; /* parts */
    const __m512i mask = _mm512_set1_epi8((char)((1 << w) - 1));
    const __m512i x = _mm512_srli_epi16(d->v[w * quad / 8], (unsigned)(w * quad % 8));
    /* vgf2p8affineqb competes with dots, shifts do with each other: of 2 bits one in four is as much as pays */
    if (!more) return w * quad % 8 == 6 ? dense_moved(d->v[w * quad / 8], w, 6, 0) : _mm512_and_si512(x, mask);
    return x512_and_or(x, mask, dense_moved(d->v[w + more * quad / 8], more, more * quad % 8, w));
}

#endif
