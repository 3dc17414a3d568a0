/* SPDX-License-Identifier: MIT */
/* Lookup of one-bit weights with SSSE3: bit_avx2.c with the two halves of its 32 slots apart.
 *
 * Half h of an octet's vector holds rows 4*h + (0-3, 8-11, 16-19, 24-27). Entries of the octet's
 * two quads are interleaved and added in pairs by maddubs with ones, so that
 *
 *   low[0], high[0]    rows 4*h + (0-3, 8-11)       low[1], high[1]    rows 4*h + (16-19, 24-27) */
#include "kernels/x86/x128.h"
#include "kernels/x86/x86_init.h"

struct bit_sums {
    __m128i low[2], high[2]; /* int16: a group of 128 columns stays below 2^12 */
};

X128_INLINE void add_entries(__m128i *sum, __m128i even, __m128i odd)
{
    const __m128i ones = _mm_set1_epi8(1);
    sum[0] = _mm_add_epi16(sum[0], _mm_maddubs_epi16(ones, _mm_unpacklo_epi8(even, odd)));
    sum[1] = _mm_add_epi16(sum[1], _mm_maddubs_epi16(ones, _mm_unpackhi_epi8(even, odd)));
    X128_PIN(sum[0]);
    X128_PIN(sum[1]);
}

/* Eight columns of 16 slots; tab points at the tables of their two quads. */
X128_INLINE void add_octet(struct bit_sums *s, const uint8_t *codes, const uint8_t *tab)
{
    const __m128i nibble = _mm_set1_epi8(15);
    __m128i x = x128_load(codes), even = _mm_and_si128(x, nibble);
    __m128i odd = _mm_and_si128(_mm_srli_epi16(x, 4), nibble);
    add_entries(s->low, _mm_shuffle_epi8(x128_load(tab), even),
                _mm_shuffle_epi8(x128_load(tab + 32), odd));
    add_entries(s->high, _mm_shuffle_epi8(x128_load(tab + 16), even),
                _mm_shuffle_epi8(x128_load(tab + 48), odd));
}

/* acc += d * (mul * (low + 256 * high) - minus) for four rows; weights = mul, 256 * mul in turn. */
X128_INLINE void add_rows(__m128 *acc, __m128 d, __m128i low_high, __m128i weights, __m128i minus)
{
    __m128 s = _mm_cvtepi32_ps(_mm_sub_epi32(_mm_madd_epi16(low_high, weights), minus));
    *acc = _mm_add_ps(*acc, _mm_mul_ps(d, s));
}

/* One unit of half h; acc and d are rows 0-15 and 16-31. */
X128_INLINE void add_half(struct x128_rows acc[2], const struct x128_rows d[2],
                          const struct lutra_mat *m, const struct bit_sums *s, int h, int32_t x)
{
    const __m128i weights = _mm_set1_epi32(m->mul * (256 << 16 | 1));
    const __m128i minus = _mm_set1_epi32(m->offset * x);
    X128_UNROLL
    for (int i = 0; i < 2; i++) {
        add_rows(&acc[i].v[h], d[i].v[h], _mm_unpacklo_epi16(s->low[i], s->high[i]), weights,
                 minus);
        add_rows(&acc[i].v[2 + h], d[i].v[2 + h], _mm_unpackhi_epi16(s->low[i], s->high[i]),
                 weights, minus);
    }
}

static void bit_tile(struct x128_rows acc[2], const struct lutra_mat *m, const uint8_t *unit,
                     const uint8_t *tab, const int32_t *sums)
{
    const __m128i zero = _mm_setzero_si128();
    acc[0] = acc[1] = x128_set(0.0f);
    for (int k = 0; k < m->n_cols; k += m->unit_k, unit += m->unit_bytes) {
        const uint8_t *codes = unit + m->scale_bytes;
        struct bit_sums s[2] = {{{zero, zero}, {zero, zero}}, {{zero, zero}, {zero, zero}}};
        const struct x128_rows d[2] = {x128_halves(unit), x128_halves(unit + 32)};
        int32_t x = 0;
        x128_prefetch(unit, m->scale_bytes);
        for (int i = 0; i < m->unit_k; i += LUTRA_STEP_K, codes += 64, tab += 128) {
            x128_prefetch(codes, 64);
            X128_UNROLL
            for (int h = 0; h < 2; h++) {
                add_octet(&s[h], codes + 16 * h, tab);
                add_octet(&s[h], codes + 16 * h + 32, tab + 64);
            }
            x += *sums++;
        }
        X128_UNROLL
        for (int h = 0; h < 2; h++) add_half(acc, d, m, &s[h], h, x);
    }
}

void lutra_bit_lookup_ssse3(float *y, const struct lutra_mat *m, const struct lutra_act *a, int v,
                            int tile0, int tile1)
{
    const uint8_t *tab = a->quads + (size_t)v * a->quad_bytes;
    const int32_t *sums = a->sums + (size_t)v * (size_t)(a->k_pad / 16);
    for (int t = tile0; t < tile1; t++) {
        struct x128_rows acc[2];
        bit_tile(acc, m, lutra_mat_tile(m, t), tab, sums);
        for (int i = 0; i < 2; i++) {
            int row = t * LUTRA_BIT_ROWS + 16 * i;
            if (row < m->n_rows)
                x128_store_rows(y + row, acc[i], a->scale[v], m->n_rows - row);
        }
    }
}
