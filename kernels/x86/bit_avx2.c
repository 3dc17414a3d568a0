/* SPDX-License-Identifier: MIT */
/* Lookup of one-bit weights with AVX2: a vector of codes is an octet of columns of 32 rows.
 *
 * Its two quads are looked up apart, low and high bytes apart. Entries of the two quads are
 * interleaved, so that maddubs with ones widens and adds at once:
 *
 *   low[0] += lo[even quad] + lo[odd quad], slots 0-7 of each half    unpacklo; low[1]: unpackhi
 *
 * 19 vector operations for 256 weights; adding bytes with their carries apart (all += x,
 * odd += x >> 8) takes as many, but asks for unsigned tables of its own. */
#include "kernels/lut_init.h"
#include "kernels/x86/x86.h"

struct bit_sums {
    __m256i low[2], high[2]; /* int16: slots 0-7 and 16-23, then 8-15 and 24-31 */
};

struct bit_rows {
    struct x86_rows half[2]; /* rows 0-15, 16-31 */
};

X86_INLINE void add_entries(__m256i *sum, __m256i even, __m256i odd)
{
    const __m256i ones = _mm256_set1_epi8(1);
    __m256i lo = _mm256_unpacklo_epi8(even, odd), hi = _mm256_unpackhi_epi8(even, odd);
    sum[0] = _mm256_add_epi16(sum[0], _mm256_maddubs_epi16(ones, lo));
    sum[1] = _mm256_add_epi16(sum[1], _mm256_maddubs_epi16(ones, hi));
    X86_PIN(sum[0]);
    X86_PIN(sum[1]);
}

/* Eight columns; tab points at the tables of their two quads. */
X86_INLINE void add_octet(struct bit_sums *s, const uint8_t *codes, const uint8_t *tab)
{
    const __m256i nibble = _mm256_set1_epi8(15);
    __m256i x = x86_load(codes), even = _mm256_and_si256(x, nibble);
    __m256i odd = _mm256_and_si256(_mm256_srli_epi16(x, 4), nibble);
    add_entries(s->low, _mm256_shuffle_epi8(x86_load_twice(tab), even),
                _mm256_shuffle_epi8(x86_load_twice(tab + 32), odd));
    add_entries(s->high, _mm256_shuffle_epi8(x86_load_twice(tab + 16), even),
                _mm256_shuffle_epi8(x86_load_twice(tab + 48), odd));
}

/* mul * (low + 256 * high) - minus as floats; weights = mul, 256 * mul in turn. */
X86_INLINE struct x86_rows sum_floats(__m256i low, __m256i high, __m256i weights, __m256i minus)
{
    __m256i lo = _mm256_madd_epi16(_mm256_unpacklo_epi16(low, high), weights);
    __m256i hi = _mm256_madd_epi16(_mm256_unpackhi_epi16(low, high), weights);
    struct x86_rows r = {_mm256_cvtepi32_ps(_mm256_sub_epi32(lo, minus)),
                         _mm256_cvtepi32_ps(_mm256_sub_epi32(hi, minus))};
    return r;
}

X86_INLINE struct bit_rows bit_tile(const struct lutra_mat *m, const uint8_t *unit,
                                    const uint8_t *tab, const int32_t *sums)
{
    const __m256i zero = _mm256_setzero_si256();
    const __m256i weights = _mm256_set1_epi32(m->mul * (256 << 16 | 1));
    const __m256 none = _mm256_setzero_ps();
    struct bit_rows acc = {{{none, none}, {none, none}}};
    for (int k = 0; k < m->n_cols; k += m->unit_k, unit += m->unit_bytes) {
        const uint8_t *codes = unit + m->scale_bytes;
        struct bit_sums s = {{zero, zero}, {zero, zero}};
        int32_t x = 0;
        x86_prefetch_tables(unit, m->scale_bytes);
        for (int i = 0; i < m->unit_k; i += LUTRA_STEP_K, codes += 64, tab += 128) {
            x86_prefetch_tables(codes, 64);
            add_octet(&s, codes, tab);
            add_octet(&s, codes + 32, tab + 64);
            x += *sums++;
        }
        __m256i minus = _mm256_set1_epi32(m->offset * x);
        for (int i = 0; i < 2; i++) {
            struct x86_rows f = sum_floats(s.low[i], s.high[i], weights, minus);
            f = x86_mul(x86_halves(unit + 32 * i), f);
            acc.half[i].lo = _mm256_add_ps(acc.half[i].lo, f.lo);
            acc.half[i].hi = _mm256_add_ps(acc.half[i].hi, f.hi);
        }
    }
    return acc;
}

void lutra_bit_lookup_avx2(float *y, const struct lutra_mat *m, const struct lutra_act *a, int v,
                           int tile0, int tile1)
{
    const uint8_t *tab = a->quads + (size_t)v * a->quad_bytes;
    const int32_t *sums = a->sums + (size_t)v * (size_t)(a->k_pad / 16);
    for (int t = tile0; t < tile1; t++) {
        struct bit_rows acc = bit_tile(m, lutra_mat_tile(m, t), tab, sums);
        for (int i = 0; i < 2; i++) {
            int row = t * LUTRA_BIT_ROWS + 16 * i;
            if (row < m->n_rows)
                x86_store_rows(y + row, acc.half[i], a->scale[v], m->n_rows - row);
        }
    }
}
