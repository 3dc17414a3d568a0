/* SPDX-License-Identifier: MIT */
/* Bit planes to bytes, eight columns of eight rows at once.
 *
 * A byte of a plane is one bit of eight columns. The planes of a row's octet, brought together in
 * one qword, are an 8 x 8 matrix of bits, and its transpose is the eight codes:
 *
 *   vpermb / vpermi2b    bytes 7, 6, ... of a row's qword = planes 0, 1, ...; the others zero
 *   vgf2p8affineqb       byte c = code of column c */
#ifndef LUTRA_KERNELS_X86_PLANES_AVX512_H
#define LUTRA_KERNELS_X86_PLANES_AVX512_H

#include "kernels/x86/x512.h"

#if !defined(__GFNI__)
#error "compile with -mgfni (the Makefile does so for *_avx512.c and *_amx.c)"
#endif

/* Where the planes of an octet lie: 64 bytes `a` and, if a row has bytes there, 64 bytes `b`. */
struct planes_place {
    int a, b;
};

/* Octet o of a step of 16 columns. */
X512_INLINE struct planes_place planes_place_of(int bits, int o)
{
    struct planes_place p = {bits / 2 * 32 * o, bits / 2 * 64};
    if (bits < 4) p.a = 0;            /* both octets' pair of planes is one load */
    if (bits == 6) p.b = p.a + 32;    /* what is left of three pairs */
    return p;
}

/* Byte index for rows 8*half ..: qword of a row = its planes from byte 7 down. */
X512_INLINE __m512i planes_order(int bits, int o, int half)
{
    uint8_t s[64] = {0};
    for (int r = 0; r < 8; r++) {
        int slot = 2 * lutra_lut_slot(8 * half + r);
        for (int p = 0; p < bits; p++) {
            bool last = (bits & 1) && p == bits - 1;
            int at = last ? 64 + slot + o : p / 2 * 32 + slot + (p & 1);
            if (bits < 4 && !last) at += 32 * o;
            if (bits == 6 && p >= 4) at = 64 + 32 + slot + (p & 1);
            s[8 * r + 7 - p] = (uint8_t)at;
        }
    }
    return x512_load(s);
}

/* Codes of rows 8*half .. of octet o of the step at `codes`, a qword each; bits, 2 to 6, o and half
 * are constants of the caller. */
X512_INLINE __m512i planes_octet(const uint8_t *codes, int bits, int o, int half)
{
    const struct planes_place at = planes_place_of(bits, o);
    const __mmask64 planes = 0x0101010101010101u * (0xffu & 0xff00u >> bits);
    const __m512i columns = _mm512_set1_epi64((int64_t)0x8040201008040201u);
    __m512i x = x512_load(codes + at.a), rows;
    if (bits == 2 || bits == 4) {
        rows = _mm512_maskz_permutexvar_epi8(planes, planes_order(bits, o, half), x);
    } else {
        __m512i rest = bits == 6 ? x512_load(codes + at.b) : x512_load_half(codes + at.b);
        rows = _mm512_maskz_permutex2var_epi8(planes, x, planes_order(bits, o, half), rest);
    }
    return _mm512_gf2p8affine_epi64_epi8(columns, rows, 0);
}

#endif
