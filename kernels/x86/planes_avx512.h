/* SPDX-License-Identifier: MIT */
/* Bit planes to bytes, eight columns of eight rows at once.
 *
 * A byte of a plane is one bit of eight columns. The planes of a row's octet, brought together in
 * one qword, are an 8 x 8 matrix of bits, and its transpose is the eight codes:
 *
 *   vpermb / vpermi2b    bytes 7, 6, ... of a row's qword = planes 0, 1, ...; the others zero
 *   vgf2p8affineqb       byte c = code of column c
 *
 * Up to four bits a qword has room for two rows, A and B: with B's planes in the bytes that follow A's a
 * byte of the transpose is A + 2^bits * B. */
#ifndef LUTRA_KERNELS_X86_PLANES_AVX512_H
#define LUTRA_KERNELS_X86_PLANES_AVX512_H

#include "kernels/x86/x512.h"

#if !defined(__GFNI__)
#error "compile with -mgfni (the Makefile does so for *_avx512.c and *_amx.c)"
#endif

/* Where plane p of a row lies in what planes_octet loads. */
X512_INLINE uint8_t planes_at(int bits, int o, int row, int p)
{
    const int slot = 2 * lutra_lut_slot(row);
    if ((bits & 1) && p == bits - 1) return (uint8_t)(64 + slot + o);
    if (bits == 6 && p >= 4) return (uint8_t)(64 + 32 + slot + (p & 1));
    return (uint8_t)((bits < 4 ? 32 * o : p / 2 * 32) + slot + (p & 1));
}

/* Byte index for rows 8*half ..: qword of a row = its planes from byte 7 down and, if paired, then those
 * of the row 8 further. */
X512_INLINE __m512i planes_order(int bits, int o, int half, bool paired)
{
    uint8_t s[64] = {0};
    X512_UNROLL
    for (int i = 0; i < 8; i++) {
        for (int p = 0; p < bits; p++) {
            s[8 * i + 7 - p] = planes_at(bits, o, 8 * half + i, p);
            if (paired) s[8 * i + 7 - bits - p] = planes_at(bits, o, 8 + i, p);
        }
    }
    return x512_load(s);
}

/* Codes of rows 8*half .. of octet o of the step at `codes`, a qword each, or, if paired (half 0, up
 * to 4 bits), of rows 0-7 and 2^bits times those of rows 8-15. All but `codes` are constants of the
 * caller; bits are 2 to 6. */
X512_INLINE __m512i planes_octet(const uint8_t *codes, int bits, int o, int half, bool paired)
{
    const unsigned used = 0xffu & 0xff00u >> bits;
    const __mmask64 planes = 0x0101010101010101u * (paired ? used | used >> bits : used);
    const __m512i columns = _mm512_set1_epi64((int64_t)0x8040201008040201u);
    const __m512i order = planes_order(bits, o, half, paired);
    /* both octets' pair of planes is one load; of three pairs, what is left is another */
    const uint8_t *at = codes + (bits < 4 ? 0 : bits / 2 * 32 * o);
    __m512i x = x512_load(at), rows;
    if (bits == 4 && paired) {
        rows = _mm512_permutexvar_epi8(order, x);
    } else if (bits == 2 || bits == 4) {
        rows = _mm512_maskz_permutexvar_epi8(planes, order, x);
    } else {
        __m512i rest = bits == 6 ? x512_load(at + 32) : x512_load_half(codes + bits / 2 * 64);
        rows = _mm512_maskz_permutex2var_epi8(planes, x, order, rest);
    }
    return _mm512_gf2p8affine_epi64_epi8(columns, rows, 0);
}

#endif
