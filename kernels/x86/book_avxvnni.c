/* SPDX-License-Identifier: MIT */
/* BOOK matrices with AVX2 and AVX-VNNI: the same with vpdpwssd. */
#include <immintrin.h>

#define WIDE 3 /* more are a panel */
#define BOOK_DOT(sum, weights, codes) _mm256_dpwssd_avx_epi32(sum, weights, codes)
#include "kernels/x86/book_avx2_body.h"

void lutra_book_init_avxvnni(struct lutra_ops *ops)
{
    ops->book_mul = book_mul;
    ops->book_panel = 4; /* 8, 32, 128 vectors: 107, 136, 144 as a panel; 81, 80, 80 here */
}
