/* SPDX-License-Identifier: MIT */
/* Ternary weights times many vectors with AVX-512 VNNI: bytes against bytes, four columns at a
 * time.
 *
 *   for a block of vectors / for a band of rows / for a run of <= 384 columns: codes to bytes, then
 *       for a strip of 32 rows: unpack, then
 *           for eight vectors: 32 rows x 8 vectors of int32 in registers
 *
 * Digits are 0, 1, 2; the sum of a vector's codes is subtracted beforehand. Codes of BitNet are
 * bytes. Of wider ones, c = lo + 256 hi, the low and the high bytes pass one after the other; a run
 * whose codes are all small has no second pass. Sums are int32 and may wrap on the way: the result
 * fits (lut.h). */
#include "kernels/ops.h"
#include "kernels/x86/x86_init.h"
#include "kernels/x86/tern_avx512.h"

enum {
    BLOCK = 256, /* vectors that share an unpacked run: unpacking costs as much as six of them */
    STRIPS = 8,  /* of 32 rows in a band: its sums are 256 KB, the codes of a run 96 KB */
    WIDE = 8,    /* vectors whose sums stand in registers */
    SLACK = 64   /* codes are stored 64 at a time, 48 of them good */
};

struct scratch {
    struct tern_panel panel;
    int8_t codes[2][BLOCK * TERN_K + SLACK]; /* low bytes, high bytes: [vector][column] */
    int32_t acc[STRIPS][BLOCK][2][16];
};

static int min_int(int a, int b)
{
    return a < b ? a : b;
}

/* ---- codes as bytes ---- */

/* Low bytes of columns [k, k + n) of vectors [v0, v1), n a multiple of 48; rows of codes are padded
 * to 96. Returns whether any code has a high byte. */
static bool low_bytes(struct scratch *s, const struct lutra_act *a, int v0, int v1, int k, int n)
{
    const __m512i order = tern_order();
    __m512i any = _mm512_setzero_si512();
    for (int v = v0; v < v1; v++) {
        const int16_t *c = a->codes + (size_t)v * (size_t)a->k_pad + k;
        int8_t *dst = s->codes[0] + (v - v0) * TERN_K;
        for (int i = 0; i < n; i += 48) {
            const __m512i c0 = x512_load(c + i);
            const __m512i c1 = _mm512_zextsi256_si512(
                _mm256_loadu_si256((const __m256i *)(const void *)(c + i + 32)));
            any = _mm512_or_si512(any, _mm512_or_si512(tern_high_byte(c0), tern_high_byte(c1)));
            _mm512_storeu_si512(dst + i, _mm512_permutexvar_epi8(order, tern_bytes(c0, c1)));
        }
    }
    return _mm512_test_epi16_mask(any, any) != 0;
}

static void high_bytes(struct scratch *s, const struct lutra_act *a, int v0, int v1, int k, int n)
{
    const __m512i order = tern_order();
    for (int v = v0; v < v1; v++) {
        const int16_t *c = a->codes + (size_t)v * (size_t)a->k_pad + k;
        int8_t *dst = s->codes[1] + (v - v0) * TERN_K;
        for (int i = 0; i < n; i += 48) {
            const __m512i c0 = tern_high_byte(x512_load(c + i));
            const __m512i c1 = tern_high_byte(x512_load_half(c + i + 32));
            _mm512_storeu_si512(dst + i, _mm512_permutexvar_epi8(order, tern_bytes(c0, c1)));
        }
    }
}

/* ---- 32 rows times a few vectors ---- */

X512_INLINE __m512i four_codes(const int8_t *c)
{
    int32_t all;
    memcpy(&all, c, sizeof all);
    return _mm512_set1_epi32(all);
}

/* acc += 2^shift times the n columns in the panel; codes of nv vectors, nv a constant of the
 * caller. */
X512_INLINE void some_run(int32_t (*acc)[2][16], const struct tern_panel *p, const int8_t *codes,
                          int nv, int n, unsigned shift)
{
    __m512i t[WIDE][2];
    X512_UNROLL
    for (int v = 0; v < nv; v++) t[v][0] = t[v][1] = _mm512_setzero_si512();
    for (int q = 0; q < n / 4; q += 2, codes += 8) {
        X512_UNROLL
        for (int j = 0; j < 2; j++) {
            const __m512i w0 = x512_load(p->q[q + j][0]), w1 = x512_load(p->q[q + j][1]);
            X512_UNROLL
            for (int v = 0; v < nv; v++) {
                const __m512i x = four_codes(codes + TERN_K * v + 4 * j);
                t[v][0] = _mm512_dpbusd_epi32(t[v][0], w0, x);
                t[v][1] = _mm512_dpbusd_epi32(t[v][1], w1, x);
            }
        }
    }
    X512_UNROLL
    for (int v = 0; v < nv; v++) {
        X512_UNROLL
        for (int h = 0; h < 2; h++) {
            __m512i sum = _mm512_add_epi32(x512_load(acc[v][h]), _mm512_slli_epi32(t[v][h], shift));
            _mm512_store_si512(acc[v][h], sum);
        }
    }
}

/* All nb vectors of a block over the panel, the low or the high bytes of their codes. */
static void block_run(struct scratch *s, int strip, int nb, int n, int high)
{
    const unsigned shift = high ? 8 : 0;
    for (int b = 0, some; b < nb; b += some) {
        const int8_t *c = s->codes[high] + b * TERN_K;
        some = x512_share(nb - b, WIDE, 1);
        switch (some) {
        case 1:
            some_run(s->acc[strip] + b, &s->panel, c, 1, n, shift);
            break;
        case 2:
            some_run(s->acc[strip] + b, &s->panel, c, 2, n, shift);
            break;
        case 3:
            some_run(s->acc[strip] + b, &s->panel, c, 3, n, shift);
            break;
        case 4:
            some_run(s->acc[strip] + b, &s->panel, c, 4, n, shift);
            break;
        case 5:
            some_run(s->acc[strip] + b, &s->panel, c, 5, n, shift);
            break;
        case 6:
            some_run(s->acc[strip] + b, &s->panel, c, 6, n, shift);
            break;
        case 7:
            some_run(s->acc[strip] + b, &s->panel, c, 7, n, shift);
            break;
        default:
            some_run(s->acc[strip] + b, &s->panel, c, WIDE, n, shift);
            break;
        }
    }
}

/* ---- bands ---- */

/* Sums start at minus the sum of all codes: what digits 1, one too many each, add. */
static void start_band(struct scratch *s, const struct lutra_act *a, int v0, int v1, int strips)
{
    const int n = a->k_pad / 16;
    for (int v = v0; v < v1; v++) {
        const int32_t *sums = a->sums + (size_t)v * (size_t)n;
        int32_t x = 0;
        for (int i = 0; i < n; i++) x += sums[i];
        for (int t = 0; t < strips; t++) {
            _mm512_store_si512(s->acc[t][v - v0][0], _mm512_set1_epi32(-x));
            _mm512_store_si512(s->acc[t][v - v0][1], _mm512_set1_epi32(-x));
        }
    }
}

/* A band is done: to y, as many rows as there are. */
static void store_band(float *y, size_t y_stride, const struct scratch *s,
                       const struct lutra_mat *m, const struct lutra_act *a, int v0, int v1,
                       int row0, int row1)
{
    const __m512 d = _mm512_set1_ps(m->scale), zero = _mm512_setzero_ps();
    if (row1 > m->n_rows) row1 = m->n_rows;
    for (int v = v0; v < v1; v++) {
        const __m512 scale = _mm512_set1_ps(a->scale[v]);
        for (int r = row0; r < row1; r += 16) {
            const int32_t *sum = s->acc[(r - row0) / 32][v - v0][(r - row0) / 16 & 1];
            __m512 acc = x512_add_product(zero, d, _mm512_cvtepi32_ps(x512_load(sum)));
            x512_store_rows(y + (size_t)v * y_stride + r, _mm512_mul_ps(acc, scale), row1 - r);
        }
    }
}

/* Vectors [v0, v1) of a block times strips [first, last) of a band. */
static void band(struct scratch *s, float *y, size_t y_stride, const struct lutra_mat *m,
                 const struct lutra_act *a, int v0, int v1, int first, int last)
{
    const int end = lutra_trio_k_pad(m->n_cols);
    start_band(s, a, v0, v1, last - first);
    for (int k = 0; k < end; k += TERN_K) {
        const int n = min_int(TERN_K, end - k);
        const bool high = low_bytes(s, a, v0, v1, k, n);
        if (high) high_bytes(s, a, v0, v1, k, n);
        for (int t = first; t < last; t++) {
            tern_fill(&s->panel, m, t, t + 1 < last ? t + 1 : first, k, n);
            block_run(s, t - first, v1 - v0, n, 0);
            if (high) block_run(s, t - first, v1 - v0, n, 1);
        }
    }
    store_band(y, y_stride, s, m, a, v0, v1, 32 * first, 32 * last);
}

size_t lutra_tern_scratch_avx512(void)
{
    return sizeof(struct scratch);
}

void lutra_tern_mul_avx512(float *y, size_t y_stride, const struct lutra_mat *m,
                           const struct lutra_act *a, int v0, int v1, int tile0, int tile1,
                           void *scratch)
{
    const int last = tern_strips(m, tile1);
    for (int v = v0, some; v < v1; v += some) {
        some = x512_share(v1 - v, BLOCK, WIDE);
        for (int t = 2 * tile0; t < last; t += STRIPS)
            band(scratch, y, y_stride, m, a, v, v + some, t, min_int(t + STRIPS, last));
    }
}
