/* SPDX-License-Identifier: MIT */
/* Integer products with AVX-VNNI: the strips of mm_avx2.c, multiplied and added in one instruction.
 *
 * vpdpwssd takes the place of vpmaddwd and vpaddd, so half the arithmetic is gone. exact_mul and the
 * lookups are those of AVX2. */
#include "kernels/ops.h"
#include "kernels/x86/fetch.h"
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

/* ---- I8, one vector: straight from the packed bytes ---- */

/* Two sums in turn: two chains for each half. */
static void i8_tile(float *y, const struct lutra_mat *m, const struct lutra_act *a, int v, int tile)
{
    const uint8_t *unit = lutra_mat_tile(m, tile);
    const int16_t *c = a->codes + (size_t)v * (size_t)a->k_pad;
    struct x86_rows acc = {_mm256_setzero_ps(), _mm256_setzero_ps()};
    for (int k = 0; k < m->n_cols; k += 32, unit += m->unit_bytes, c += 32) {
        const uint8_t *codes = unit + m->scale_bytes;
        struct x86_rows d = x86_halves(unit);
        struct sums s[2];
        zero_sums(s, 2);
        fetch_ahead(a->fetch, unit, 32 + 512);
        for (int i = 0; i < 16; i++) {
            const __m128i *p = (const __m128i *)(const void *)(codes + 32 * i);
            int32_t both;
            memcpy(&both, c + 2 * i, sizeof both);
            add_pairs(&s[i & 1], _mm256_cvtepi8_epi16(_mm_loadu_si128(p)),
                      _mm256_cvtepi8_epi16(_mm_loadu_si128(p + 1)), _mm256_set1_epi32(both));
        }
        __m256 lo = _mm256_cvtepi32_ps(_mm256_add_epi32(s[0].lo, s[1].lo));
        __m256 hi = _mm256_cvtepi32_ps(_mm256_add_epi32(s[0].hi, s[1].hi));
        acc.lo = _mm256_add_ps(acc.lo, _mm256_mul_ps(d.lo, lo));
        acc.hi = _mm256_add_ps(acc.hi, _mm256_mul_ps(d.hi, hi));
    }
    x86_store_rows(y + tile * LUTRA_TILE_ROWS, acc, a->scale[v],
                   m->n_rows - tile * LUTRA_TILE_ROWS);
}

static void panel_mul(float *y, size_t y_stride, const struct lutra_mat *m,
                      const struct lutra_act *a, int v0, int v1, int tile0, int tile1,
                      void *scratch)
{
    if (m->kind == LUTRA_MAT_I8 && v1 - v0 == 1) {
        for (int t = tile0; t < tile1; t++) i8_tile(y + (size_t)v0 * y_stride, m, a, v0, t);
        return;
    }
    if (v1 > v0) strips_mul(y, y_stride, m, a, v0, v1, tile0, tile1, scratch);
}

void lutra_mm_init_avxvnni(struct lutra_ops *ops)
{
    ops->panel_mul = panel_mul;
    ops->dense_mul = dense_mul;
    if (ops->panel_scratch < sizeof(struct strip)) ops->panel_scratch = sizeof(struct strip);
}
