/* SPDX-License-Identifier: MIT */
/* Integer products with AVX-VNNI: the strips of mm_avx2.c, multiplied and added in one instruction.
 *
 * vpdpwssd takes the place of vpmaddwd and vpaddd, so half the arithmetic is gone. exact_mul and the
 * lookups are those of AVX2. */
#include "kernels/ops.h"
#include "kernels/x86/x86_init.h"
#include "kernels/x86/x86.h"

#if !defined(__AVXVNNI__)
#error "compile with -mavxvnni (the Makefile does so for *_avxvnni.c)"
#endif

struct sums {
    __m256i lo, hi; /* rows 0-7, 8-15 */
};

X86_INLINE void add_pairs(struct sums *s, __m256i lo, __m256i hi, __m256i x)
{
    s->lo = _mm256_dpwssd_avx_epi32(s->lo, lo, x);
    s->hi = _mm256_dpwssd_avx_epi32(s->hi, hi, x);
    X86_PIN(s->lo);
    X86_PIN(s->hi);
}

X86_INLINE __m256i add_quad(__m256i s, __m256i w, __m256i x)
{
    return _mm256_dpbusd_avx_epi32(s, w, x);
}

X86_INLINE __m256i whole(__m256i v)
{
    return v;
}

X86_INLINE __m256i weight(__m256i w)
{
    return _mm256_srai_epi32(w, 16);
}

X86_INLINE __m256i weighed(__m256i v, __m256i w)
{
    return _mm256_mullo_epi32(v, w);
}

X86_INLINE __m256i one_quad(__m256i w, __m256i x)
{
    return _mm256_dpbusd_avx_epi32(_mm256_setzero_si256(), w, x);
}

X86_INLINE __m256i high_whole(__m256i v)
{
    return _mm256_slli_epi32(v, 8);
}

X86_INLINE __m256i high_weight(__m256i w)
{
    return _mm256_slli_epi32(weight(w), 8);
}

X86_INLINE __m256i less(__m256i a, __m256i b)
{
    return _mm256_sub_epi32(a, b);
}

#define SUMS16 0
#define WIDE 6
#include "kernels/x86/strip_avx2.h"

/* Vectors of I8 that AVX2 multiplies as they lie; MAC/ns of N=1 2 3 4 on Granite Rapids 26 51 58 52, a panel 37 of
 * N=2, 53, 64. */
enum { I8_FEW = 3 };

static void panel_mul(float *y, size_t y_stride, const struct lutra_mat *m,
                      const struct lutra_act *a, int v0, int v1, int tile0, int tile1,
                      void *scratch)
{
    if (m->kind == LUTRA_MAT_I8 && v1 - v0 <= I8_FEW)
        lutra_panel_mul_avx2(y, y_stride, m, a, v0, v1, tile0, tile1, scratch);
    else if (v1 > v0)
        strips_mul(y, y_stride, m, a, v0, v1, tile0, tile1, scratch);
}

void lutra_mm_init_avxvnni(struct lutra_ops *ops)
{
    ops->panel_mul = panel_mul;
    ops->dense_mul = dense_mul;
    if (ops->panel_scratch < sizeof(struct strip)) ops->panel_scratch = sizeof(struct strip);
}
