/* SPDX-License-Identifier: MIT */
/* BITS lookups with SSSE3: bits_avx2.c with every vector's two halves apart. Pairs of planes: half q
 * of a half of the rows are its rows 0-3 and 8-11, or 4-7 and 12-15. A single plane: as in
 * bit_ssse3.c. */
#include "kernels/bits_unit.h"
#include "kernels/x86/x128.h"
#include "kernels/x86/x86_init.h"

/* int16 by [half of the rows][quarter]: low and high bytes. Rows 16*h + 4*q + (0-3, 8-11). */
struct sums {
    __m128i low[2][2], high[2][2];
};

struct totals {
    __m128i v[2][4]; /* int32: rows 16*h + 4*i .. */
};

X128_INLINE void add_entries(__m128i *low, __m128i *high, __m128i index, const uint8_t *quad)
{
    const __m128i weights = _mm_set1_epi16(0x0201);
    __m128i lo = _mm_shuffle_epi8(x128_load(quad), index);
    __m128i hi = _mm_shuffle_epi8(x128_load(quad + 16), index);
    *low = _mm_add_epi16(*low, _mm_maddubs_epi16(weights, lo));
    *high = _mm_add_epi16(*high, _mm_maddubs_epi16(weights, hi));
    X128_PIN(*low);
    X128_PIN(*high);
}

/* 16 columns of one pair of planes, one half of the rows: 64 bytes. */
X128_INLINE void add_pair(__m128i low[2], __m128i high[2], const uint8_t *codes,
                          const uint8_t *tab)
{
    const __m128i nibble = _mm_set1_epi8(15);
    X128_UNROLL
    for (int i = 0; i < 4; i++) { /* octet i / 2, quarter i % 2 */
        __m128i x = x128_load(codes + 16 * i);
        const uint8_t *quads = tab + 64 * (i / 2);
        add_entries(&low[i & 1], &high[i & 1], _mm_and_si128(x, nibble), quads);
        x = _mm_and_si128(_mm_srli_epi16(x, 4), nibble);
        add_entries(&low[i & 1], &high[i & 1], x, quads + 32);
    }
}

X128_INLINE void add_bytes(__m128i *first, __m128i *second, __m128i even, __m128i odd)
{
    const __m128i ones = _mm_set1_epi8(1);
    *first = _mm_add_epi16(*first, _mm_maddubs_epi16(ones, _mm_unpacklo_epi8(even, odd)));
    *second = _mm_add_epi16(*second, _mm_maddubs_epi16(ones, _mm_unpackhi_epi8(even, odd)));
    X128_PIN(*first);
    X128_PIN(*second);
}

/* 8 columns of one plane, slots 16*q ..: 16 bytes. */
X128_INLINE void add_plane(struct sums *s, int q, const uint8_t *codes, const uint8_t *tab)
{
    const __m128i nibble = _mm_set1_epi8(15);
    __m128i x = x128_load(codes), even = _mm_and_si128(x, nibble);
    __m128i odd = _mm_and_si128(_mm_srli_epi16(x, 4), nibble);
    add_bytes(&s->low[0][q], &s->low[1][q], _mm_shuffle_epi8(x128_load(tab), even),
              _mm_shuffle_epi8(x128_load(tab + 32), odd));
    add_bytes(&s->high[0][q], &s->high[1][q], _mm_shuffle_epi8(x128_load(tab + 16), even),
              _mm_shuffle_epi8(x128_load(tab + 48), odd));
}

/* total = total * 4 + low + 256 * high */
X128_INLINE void add_sums(__m128i t[4], const __m128i low[2], const __m128i high[2])
{
    const __m128i weights = _mm_set1_epi32(256 << 16 | 1);
    X128_UNROLL
    for (int q = 0; q < 2; q++) {
        __m128i lo = _mm_madd_epi16(_mm_unpacklo_epi16(low[q], high[q]), weights);
        __m128i hi = _mm_madd_epi16(_mm_unpackhi_epi16(low[q], high[q]), weights);
        t[q] = _mm_add_epi32(_mm_slli_epi32(t[q], 2), lo);
        t[2 + q] = _mm_add_epi32(_mm_slli_epi32(t[2 + q], 2), hi);
    }
}

/* The top plane of an odd number of planes, all rows, n columns. */
static void top_sums(struct totals *t, const uint8_t *codes, int n, const uint8_t *tab)
{
    struct sums s;
    memset(&s, 0, sizeof s);
    for (int k = 0; k < n; k += 8, codes += 32, tab += 64) {
        x128_prefetch(codes, 32);
        add_plane(&s, 0, codes, tab);
        add_plane(&s, 1, codes + 16, tab);
    }
    for (int h = 0; h < 2; h++) add_sums(t->v[h], s.low[h], s.high[h]);
}

static void pair_sums(struct totals *t, const uint8_t *codes, int n, const uint8_t *tab)
{
    struct sums s;
    memset(&s, 0, sizeof s);
    for (int k = 0; k < n; k += LUTRA_STEP_K, codes += 128, tab += 128) {
        x128_prefetch(codes, 128);
        X128_UNROLL
        for (int h = 0; h < 2; h++) add_pair(s.low[h], s.high[h], codes + 64 * h, tab);
    }
    for (int h = 0; h < 2; h++) add_sums(t->v[h], s.low[h], s.high[h]);
}

static struct totals unit_sums(const uint8_t *codes, int bits, int n, const uint8_t *tab)
{
    struct totals t;
    memset(&t, 0, sizeof t);
    if (bits & 1) {
        top_sums(&t, codes, n, tab);
        codes += 4 * (size_t)n;
    }
    for (int p = 0; p < bits / 2; p++, codes += 8 * (size_t)n) pair_sums(&t, codes, n, tab);
    return t;
}

/* acc += d * ((S << mul_shift) - minus) */
static void add_scaled(struct x128_rows acc[2], const struct x128_rows d[2], const struct totals *t,
                       int mul_shift, int32_t minus)
{
    const __m128i off = _mm_set1_epi32(minus), by = _mm_cvtsi32_si128(mul_shift);
    for (int i = 0; i < 8; i++) {
        __m128i s = _mm_sub_epi32(_mm_sll_epi32(t->v[i / 4][i % 4], by), off);
        __m128 p = _mm_mul_ps(d[i / 4].v[i % 4], _mm_cvtepi32_ps(s));
        acc[i / 4].v[i % 4] = _mm_add_ps(acc[i / 4].v[i % 4], p);
    }
}

static int32_t code_sum(const int32_t *sums, int n)
{
    int32_t x = 0;
    for (int i = 0; i < n / LUTRA_STEP_K; i++) x += sums[i];
    return x;
}

static void bits_tile(struct x128_rows acc[2], const struct lutra_mat *m, const uint8_t *tile,
                      const uint8_t *tab, const int32_t *sums)
{
    const uint8_t *unit = lutra_bits_units(m, tile);
    const int run = m->scale_bytes ? m->unit_k : LUTRA_BITS_RUN, end = lutra_bits_k_pad(m->n_cols);
    struct totals t;
    struct x128_rows d[2];
    int32_t x = 0;
    memset(&t, 0, sizeof t);
    memcpy(d, tile, 4 * LUTRA_BIT_ROWS);
    acc[0] = acc[1] = x128_set(0.0f);
    for (int k = 0, cols; k < end; k += cols) {
        cols = lutra_bits_unit(m, k);
        if (m->scale_bytes) {
            d[0] = x128_halves(unit);
            d[1] = x128_halves(unit + 32);
        }
        struct totals u = unit_sums(unit + m->scale_bytes, m->bits, cols, tab + 8 * k);
        for (int i = 0; i < 8; i++)
            t.v[i / 4][i % 4] = _mm_add_epi32(t.v[i / 4][i % 4], u.v[i / 4][i % 4]);
        x += code_sum(sums + k / LUTRA_STEP_K, cols);
        unit += m->scale_bytes + (size_t)(cols * m->bits) * LUTRA_BIT_ROWS / 8;
        if ((k + cols) % run != 0 && k + cols < end) continue;
        add_scaled(acc, d, &t, m->mul - 1, m->offset * x);
        memset(&t, 0, sizeof t);
        x = 0;
    }
}

void lutra_bits_lookup_ssse3(float *y, const struct lutra_mat *m, const struct lutra_act *a, int v,
                             int tile0, int tile1)
{
    const uint8_t *tab = a->quads + (size_t)v * a->quad_bytes;
    const int32_t *sums = a->sums + (size_t)v * (size_t)(a->k_pad / 16);
    for (int t = tile0; t < tile1; t++) {
        struct x128_rows acc[2];
        bits_tile(acc, m, lutra_mat_tile(m, t), tab, sums);
        for (int h = 0; h < 2; h++) {
            int row = t * LUTRA_BIT_ROWS + 16 * h;
            if (row < m->n_rows)
                x128_store_rows(y + row, acc[h], a->scale[v], m->n_rows - row);
        }
    }
}
