/* SPDX-License-Identifier: MIT */
/* BOOK matrices with AVX2. */
#include <immintrin.h>

#define WIDE 8
#define BOOK_DOT(sum, weights, codes) _mm256_add_epi32(sum, _mm256_madd_epi16(weights, codes))
#include "kernels/x86/book_avx2_body.h"
#include "kernels/x86/x86_init.h"

void lutra_book_mul_avx2(float *y, size_t y_stride, const struct lutra_mat *m,
                         const struct lutra_act *a, int v0, int v1, int tile0, int tile1)
{
    book_mul(y, y_stride, m, a, v0, v1, tile0, tile1);
}

/* MAC per ns of 8, 32, 128 vectors: MXFP4 92, 111, 114 as a panel of bytes; 63, 63, 62 here. */
void lutra_book_init_avx2(struct lutra_ops *ops)
{
    ops->book_mul = book_mul;
    ops->book_panel = 4;
}
