/* SPDX-License-Identifier: MIT */
/* Weights that are read strictly forward and meet no tables, fetched ahead by instructions where the core wants it
 * (lut.h, fetch in struct lutra_act): into L2, then into L1.
 *
 * Granite Rapids, one thread, 4096 x 4096 from memory, GB/s of AVX-512 (AVX2) with nothing fetched; 1 KB ahead into
 * L1; that and 3 KB into L2; 4 KB; 8 KB; 16 KB:
 *   Q4_0  10.7 14.2 15.9 16.2 15.6 15.5 (12.5 14.7 15.6 16.0 15.4 15.2)
 *   Q2_K  10.8 14.1 15.8 16.9 16.4 16.7 ( 9.4 12.6 13.0 12.7 12.1 12.1)
 *   Q6_K  11.1 14.4 17.1 17.3 15.3 15.3 (12.0 15.2 16.9 15.7 14.1 13.7)
 * A loop that only reads makes 16 to 18 there. */
#ifndef LUTRA_KERNELS_X86_FETCH_H
#define LUTRA_KERNELS_X86_FETCH_H

#include <immintrin.h>

#include "kernels/base.h"

enum { FETCH_FAR = 4096, FETCH_NEAR = 1024 };

/* `bytes` from p on are read now. A loop: unrolled it would be as fast, and 6 KB of code more. */
static inline __attribute__((always_inline)) void fetch_ahead(bool fetch, const uint8_t *p, int bytes)
{
    if (!fetch) return;
#pragma GCC unroll 1
    for (int i = 0; i < bytes; i += 64) {
        _mm_prefetch((const char *)p + FETCH_FAR + i, _MM_HINT_T1);
        _mm_prefetch((const char *)p + FETCH_NEAR + i, _MM_HINT_T0);
    }
}

#endif
