/* SPDX-License-Identifier: MIT */
/* BOOK matrices with AVX2. */
#include <immintrin.h>

#define BOOK_DOT(sum, weights, codes) _mm256_add_epi32(sum, _mm256_madd_epi16(weights, codes))
#include "kernels/x86/book_avx2_body.h"

void lutra_book_init_avx2(struct lutra_ops *ops)
{
    ops->book_mul = book_mul;
    ops->book_panel = 8; /* MAC per ns of 8, 32, 128 vectors: 85, 97, 100 as a panel; 79, 78, 78 here */
}
