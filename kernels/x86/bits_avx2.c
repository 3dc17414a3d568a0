/* SPDX-License-Identifier: MIT */
/* BITS lookups with AVX2: a pair of planes is looked up as in lut_avx2.c, a single top plane as in
 * bit_avx2.c, and every pair of a unit runs the same loop over the unit's tables, so that time is
 * linear in bits. int16 sums live for one pair of one unit; pairs meet in int32:
 *
 *   total = top plane;   total = 4 * total + next pair, down to planes 0 and 1 */
#include "kernels/bits_unit.h"
#include "kernels/lut_init.h"
#include "kernels/x86/x86.h"

struct sums {
    __m256i low[2], high[2]; /* int16: of a pair, by half of the rows; of a plane, see add_plane */
};

struct totals {
    __m256i lo[2], hi[2]; /* int32: rows 0-7 and 8-15 of each half */
};

X86_INLINE void zero_sums(struct sums *s)
{
    s->low[0] = s->low[1] = s->high[0] = s->high[1] = _mm256_setzero_si256();
}

X86_INLINE void add_entries(__m256i *low, __m256i *high, __m256i index, __m256i weights,
                            const uint8_t *quad)
{
    __m256i lo = _mm256_shuffle_epi8(x86_load_twice(quad), index);
    __m256i hi = _mm256_shuffle_epi8(x86_load_twice(quad + 16), index);
    *low = _mm256_add_epi16(*low, _mm256_maddubs_epi16(weights, lo));
    *high = _mm256_add_epi16(*high, _mm256_maddubs_epi16(weights, hi));
    X86_PIN(*low);
    X86_PIN(*high);
}

/* 16 columns of one pair of planes: 128 bytes. */
X86_INLINE void add_pair(struct sums *s, const uint8_t *codes, const uint8_t *tab)
{
    const __m256i nibble = _mm256_set1_epi8(15), weights = _mm256_set1_epi16(0x0201);
    X86_UNROLL
    for (int i = 0; i < 4; i++) { /* octet i / 2, half i % 2 */
        __m256i x = x86_load(codes + 64 * (i & 1) + 32 * (i / 2));
        const uint8_t *quads = tab + 64 * (i / 2);
        add_entries(&s->low[i & 1], &s->high[i & 1], _mm256_and_si256(x, nibble), weights, quads);
        x = _mm256_and_si256(_mm256_srli_epi16(x, 4), nibble);
        add_entries(&s->low[i & 1], &s->high[i & 1], x, weights, quads + 32);
    }
}

X86_INLINE void add_bytes(__m256i *sum, __m256i even, __m256i odd)
{
    const __m256i ones = _mm256_set1_epi8(1);
    sum[0] = _mm256_add_epi16(sum[0], _mm256_maddubs_epi16(ones, _mm256_unpacklo_epi8(even, odd)));
    sum[1] = _mm256_add_epi16(sum[1], _mm256_maddubs_epi16(ones, _mm256_unpackhi_epi8(even, odd)));
    X86_PIN(sum[0]);
    X86_PIN(sum[1]);
}

/* 16 columns of one plane: 64 bytes. Slots are such that half h of the rows ends in sum h. */
X86_INLINE void add_plane(struct sums *s, const uint8_t *codes, const uint8_t *tab)
{
    const __m256i nibble = _mm256_set1_epi8(15);
    X86_UNROLL
    for (int o = 0; o < 2; o++, tab += 64) {
        __m256i x = x86_load(codes + 32 * o), even = _mm256_and_si256(x, nibble);
        __m256i odd = _mm256_and_si256(_mm256_srli_epi16(x, 4), nibble);
        add_bytes(s->low, _mm256_shuffle_epi8(x86_load_twice(tab), even),
                  _mm256_shuffle_epi8(x86_load_twice(tab + 32), odd));
        add_bytes(s->high, _mm256_shuffle_epi8(x86_load_twice(tab + 16), even),
                  _mm256_shuffle_epi8(x86_load_twice(tab + 48), odd));
    }
}

/* total = total * 4 + low + 256 * high */
X86_INLINE void add_sums(struct totals *t, const struct sums *s)
{
    const __m256i weights = _mm256_set1_epi32(256 << 16 | 1);
    X86_UNROLL
    for (int h = 0; h < 2; h++) {
        __m256i lo = _mm256_madd_epi16(_mm256_unpacklo_epi16(s->low[h], s->high[h]), weights);
        __m256i hi = _mm256_madd_epi16(_mm256_unpackhi_epi16(s->low[h], s->high[h]), weights);
        t->lo[h] = _mm256_add_epi32(_mm256_slli_epi32(t->lo[h], 2), lo);
        t->hi[h] = _mm256_add_epi32(_mm256_slli_epi32(t->hi[h], 2), hi);
    }
}

/* S of a unit of n columns, a multiple of 16. */
X86_INLINE struct totals unit_sums(const uint8_t *codes, int bits, int n, const uint8_t *tab)
{
    const __m256i zero = _mm256_setzero_si256();
    struct totals t = {{zero, zero}, {zero, zero}};
    struct sums s;
    if (bits & 1) {
        zero_sums(&s);
        for (int k = 0; k < n; k += LUTRA_STEP_K, codes += 64) {
            x86_prefetch_tables(codes, 64);
            add_plane(&s, codes, tab + 8 * k);
        }
        add_sums(&t, &s);
    }
    for (int p = 0; p < bits / 2; p++) {
        zero_sums(&s);
        for (int k = 0; k < n; k += LUTRA_STEP_K, codes += 128) {
            x86_prefetch_tables(codes, 128);
            add_pair(&s, codes, tab + 8 * k);
        }
        add_sums(&t, &s);
    }
    return t;
}

struct rows {
    struct x86_rows half[2];
};

/* acc += d * (mul * S - minus), the first shift of S being mul's */
X86_INLINE void add_scaled(struct rows *acc, const struct rows *d, const struct totals *t,
                           int mul_shift, int32_t minus)
{
    const __m256i off = _mm256_set1_epi32(minus);
    X86_UNROLL
    for (int h = 0; h < 2; h++) {
        __m256i lo = _mm256_sub_epi32(_mm256_slli_epi32(t->lo[h], mul_shift), off);
        __m256i hi = _mm256_sub_epi32(_mm256_slli_epi32(t->hi[h], mul_shift), off);
        __m256 a = _mm256_mul_ps(d->half[h].lo, _mm256_cvtepi32_ps(lo));
        __m256 b = _mm256_mul_ps(d->half[h].hi, _mm256_cvtepi32_ps(hi));
        acc->half[h].lo = _mm256_add_ps(acc->half[h].lo, a);
        acc->half[h].hi = _mm256_add_ps(acc->half[h].hi, b);
    }
}

static struct rows row_scales(const uint8_t *tile)
{
    const float *d = (const float *)(const void *)tile;
    struct rows r = {{{_mm256_loadu_ps(d), _mm256_loadu_ps(d + 8)},
                      {_mm256_loadu_ps(d + 16), _mm256_loadu_ps(d + 24)}}};
    return r;
}

static int32_t code_sum(const int32_t *sums, int n)
{
    int32_t x = 0;
    for (int i = 0; i < n / LUTRA_STEP_K; i++) x += sums[i];
    return x;
}

static void bits_tile(struct rows *acc, const struct lutra_mat *m, const uint8_t *tile,
                      const uint8_t *tab, const int32_t *sums)
{
    const uint8_t *unit = lutra_bits_units(m, tile);
    const __m256i zero = _mm256_setzero_si256();
    const struct totals none = {{zero, zero}, {zero, zero}};
    const int run = m->scale_bytes ? m->unit_k : LUTRA_BITS_RUN, end = lutra_bits_k_pad(m->n_cols);
    struct totals t = none;
    struct rows d;
    int32_t x = 0;
    if (!m->scale_bytes) d = row_scales(tile);
    memset(acc, 0, sizeof *acc);
    for (int k = 0, cols; k < end; k += cols) {
        cols = lutra_bits_unit(m, k);
        if (m->scale_bytes) {
            d.half[0] = x86_halves(unit);
            d.half[1] = x86_halves(unit + 32);
        }
        struct totals u = unit_sums(unit + m->scale_bytes, m->bits, cols, tab + 8 * k);
        for (int h = 0; h < 2; h++) {
            t.lo[h] = _mm256_add_epi32(t.lo[h], u.lo[h]);
            t.hi[h] = _mm256_add_epi32(t.hi[h], u.hi[h]);
        }
        x += code_sum(sums + k / LUTRA_STEP_K, cols);
        unit += m->scale_bytes + (size_t)(cols * m->bits) * LUTRA_BIT_ROWS / 8;
        if ((k + cols) % run != 0 && k + cols < end) continue;
        add_scaled(acc, &d, &t, m->mul - 1, m->offset * x);
        t = none;
        x = 0;
    }
}

void lutra_bits_lookup_avx2(float *y, const struct lutra_mat *m, const struct lutra_act *a, int v,
                            int tile0, int tile1)
{
    const uint8_t *tab = a->quads + (size_t)v * a->quad_bytes;
    const int32_t *sums = a->sums + (size_t)v * (size_t)(a->k_pad / 16);
    for (int t = tile0; t < tile1; t++) {
        struct rows acc;
        bits_tile(&acc, m, lutra_mat_tile(m, t), tab, sums);
        for (int h = 0; h < 2; h++) {
            int row = t * LUTRA_BIT_ROWS + 16 * h;
            if (row < m->n_rows)
                x86_store_rows(y + row, acc.half[h], a->scale[v], m->n_rows - row);
        }
    }
}
