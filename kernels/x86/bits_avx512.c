/* SPDX-License-Identifier: MIT */
/* BITS lookups with AVX-512 VBMI and VNNI, by the means of lut_avx512.c: planes are weighted as
 * vpdpbusd adds them to the rows' int32, so a pair is a loop and nothing else. */
#include "kernels/bits_unit.h"
#include "kernels/x86/fetch.h"
#include "kernels/x86/x512.h"
#include "kernels/x86/x86_init.h"

struct sums {
    __m512i low[2], high[2]; /* int32 by half of the rows, of low and high bytes */
};

/* The low bytes of all four quads of 16 columns in one register, the high bytes in another. */
struct quads {
    __m512i lo, hi;
};

X512_INLINE struct quads step_quads(const uint8_t *tab)
{
    __m512i a = x512_load(tab), b = x512_load(tab + 64);
    struct quads q = {_mm512_shuffle_i64x2(a, b, 0x88), _mm512_shuffle_i64x2(a, b, 0xDD)};
    return q;
}

X512_INLINE void add_entries(struct sums *s, int h, __m512i weights, __m512i index, struct quads q)
{
    __m512i lo = _mm512_permutexvar_epi8(index, q.lo), hi = _mm512_permutexvar_epi8(index, q.hi);
    s->low[h] = _mm512_dpbusd_epi32(s->low[h], weights, lo);
    s->high[h] = _mm512_dpbusd_epi32(s->high[h], weights, hi);
}

/* 16 columns of a pair of planes; weights = w, 2w, w, 2w. */
X512_INLINE void add_pair(struct sums *s, const uint8_t *codes, __m512i weights, struct quads q)
{
    const __m512i nibble = _mm512_set1_epi8(15);
    X512_UNROLL
    for (int h = 0; h < 2; h++) { /* lane of row r = octet 0 (two planes), octet 1 */
        __m512i x = x512_rows_of(x512_load(codes + 64 * h));
        __m512i even = x512_and_or(x, nibble, x512_four_bytes(0, 0, 32, 32));
        __m512i odd = x512_and_or(_mm512_srli_epi16(x, 4), nibble, x512_four_bytes(16, 16, 48, 48));
        add_entries(s, h, weights, even, q);
        add_entries(s, h, weights, odd, q);
    }
}

/* 16 columns of one plane. */
X512_INLINE void add_plane(struct sums *s, const uint8_t *codes, __m512i weights, struct quads q)
{
    const __m512i two = x512_load(codes);
    X512_UNROLL
    for (int h = 0; h < 2; h++) { /* lane of row r = octets 0, 1: first quads, then second */
        __m512i x = _mm512_permutexvar_epi8(x512_bit_order(h, LUTRA_BIT_ROWS), two);
        x = _mm512_srlv_epi16(x, _mm512_set1_epi32(4 << 16));
        x = x512_and_or(x, _mm512_set1_epi8(15), x512_four_bytes(0, 32, 16, 48));
        add_entries(s, h, weights, x, q);
    }
}

/* S of a unit of n columns is added. In a run of 1024 columns low and high are below
 * 256 quads * 128 * 255 < 2^23. */
X512_INLINE void unit_sums(struct sums *sum, const uint8_t *codes, int bits, int n,
                           const uint8_t *tab, size_t far)
{
    struct sums s = *sum;
    if (bits & 1) {
        const __m512i weights = _mm512_set1_epi8((char)(1 << (bits - 1)));
        for (int k = 0; k < n; k += LUTRA_STEP_K, codes += 64) {
            x512_prefetch_far(far, codes, 64);
            add_plane(&s, codes, weights, step_quads(tab + 8 * k));
        }
    }
    for (int p = bits / 2 - 1; p >= 0; p--) {
        const int w = 1 << 2 * p;
        const __m512i weights = x512_four_bytes(w, 2 * w, w, 2 * w);
        for (int k = 0; k < n; k += LUTRA_STEP_K, codes += 128) {
            x512_prefetch_far(far, codes, 128);
            add_pair(&s, codes, weights, step_quads(tab + 8 * k));
        }
    }
    *sum = s;
}

static int32_t code_sum(const int32_t *sums, int n)
{
    int32_t x = 0;
    for (int i = 0; i < n / LUTRA_STEP_K; i++) x += sums[i];
    return x;
}

static void bits_tile(__m512 acc[2], const struct lutra_mat *m, const uint8_t *tile,
                      const uint8_t *tab, const int32_t *sums, size_t far)
{
    const uint8_t *unit = lutra_bits_units(m, tile);
    const __m512i zero = _mm512_setzero_si512();
    const struct sums none = {{zero, zero}, {zero, zero}};
    const int run = m->scale_bytes ? m->unit_k : LUTRA_BITS_RUN, end = lutra_bits_k_pad(m->n_cols);
    struct sums s = none;
    int32_t x = 0;
    acc[0] = acc[1] = _mm512_setzero_ps();
    for (int k = 0, cols; k < end; k += cols) {
        const uint8_t *codes = unit + m->scale_bytes;
        cols = lutra_bits_unit(m, k);
        unit_sums(&s, codes, m->bits, cols, tab + 8 * k, far);
        x += code_sum(sums + k / LUTRA_STEP_K, cols);
        if ((k + cols) % run == 0 || k + cols >= end) {
            for (int h = 0; h < 2; h++) {
                __m512 d = m->scale_bytes ? x512_halves(unit + 32 * h)
                                          : _mm512_loadu_ps(tile + 64 * h);
                __m512i all = _mm512_add_epi32(s.low[h], _mm512_slli_epi32(s.high[h], 8));
                all = _mm512_mullo_epi32(all, _mm512_set1_epi32(m->mul));
                all = _mm512_sub_epi32(all, _mm512_set1_epi32(m->offset * x));
                acc[h] = x512_add_product(acc[h], d, _mm512_cvtepi32_ps(all));
            }
            s = none;
            x = 0;
        }
        unit = codes + (size_t)(cols * m->bits) * LUTRA_BIT_ROWS / 8;
    }
}

void lutra_bits_lookup_avx512(float *y, const struct lutra_mat *m, const struct lutra_act *a, int v,
                              int tile0, int tile1)
{
    const uint8_t *tab = a->quads + (size_t)v * a->quad_bytes;
    const int32_t *sums = a->sums + (size_t)v * (size_t)(a->k_pad / 16);
    const size_t far = a->fetch ? FETCH_FAR : X512_FAR;
    for (int t = tile0; t < tile1; t++) {
        __m512 acc[2];
        bits_tile(acc, m, lutra_mat_tile(m, t), tab, sums, far);
        for (int h = 0; h < 2; h++) {
            int row = t * LUTRA_BIT_ROWS + 16 * h;
            __m512 r = _mm512_mul_ps(acc[h], _mm512_set1_ps(a->scale[v]));
            if (row < m->n_rows) x512_store_rows(y + row, r, m->n_rows - row);
        }
    }
}
