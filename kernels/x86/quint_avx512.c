/* SPDX-License-Identifier: MIT */
/* QUINT lookups with AVX-512 VBMI and VNNI.
 *
 * A byte holds five trits, a lane of four bytes is one row. Two constant tables of 128 bytes turn
 * the value of a byte into that of its first three and its last two trits, -13..13 and -4..4;
 * its sign negates both. Four bytes look into four tables of 32 and of 16 entries: their place in
 * the lane is the upper part of the index, the value modulo 32 or 16 the lower. Entries are
 * low + 256 * high, both signed, added by vpdpbusd with ones to the row's int32: nothing to widen.
 *
 * A step of 20 columns has 384 bytes of tables, more than the weights of 16 rows that meet them;
 * with 64 rows in a tile they are loaded once for 256 bytes of weights. From memory on a Zen 5 core:
 * tiles of 32 rows 90 weights per ns, of 64 rows 168, of 128 rows 170; L2 gives 230. */
#include "kernels/ops.h"
#include "kernels/quint_unit.h"
#include "kernels/x86/quint_avx512.h"
#include "kernels/x86/x86_init.h"

enum {
    STEP_TABLE = 384,  /* low, high of the triples, 128 bytes each; low, high of the pairs */
    UNIT_STEPS = 13,
    QUARTERS = 4       /* of a tile: 16 rows */
};

/* ---- tables ---- */

/* Digits of the values that indices stand for: 0..31 modulo 32; 0..15 modulo 16, twice. */
static const int8_t triple_digits[3][32] = {
    {0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0, 0,
     0, 0, 0, -1, -1, -1, -1, -1, -1, -1, -1, -1, 0, 0, 0, 0},
    {0, 0, 1, 1, 1, -1, -1, -1, 0, 0, 0, 1, 1, 1, 0, 0,
     0, 0, 0, -1, -1, -1, 0, 0, 0, 1, 1, 1, -1, -1, -1, 0},
    {0, 1, -1, 0, 1, -1, 0, 1, -1, 0, 1, -1, 0, 1, 0, 0,
     0, 0, 0, -1, 0, 1, -1, 0, 1, -1, 0, 1, -1, 0, 1, -1}};
static const int8_t pair_digits[2][32] = {
    {0, 0, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0, -1, -1, -1, 0,
     0, 0, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0, -1, -1, -1, 0},
    {0, 1, -1, 0, 1, 0, 0, 0, 0, 0, 0, 0, -1, 0, 1, -1,
     0, 1, -1, 0, 1, 0, 0, 0, 0, 0, 0, 0, -1, 0, 1, -1}};

X512_INLINE __m512i index_digits(const int8_t digits[32])
{
    return _mm512_cvtepi8_epi16(_mm256_loadu_si256((const __m256i *)digits));
}

X512_INLINE void put_entries(uint8_t *lo, uint8_t *hi, __m512i e)
{
    __m512i rest = _mm512_srai_epi16(_mm512_add_epi16(e, _mm512_set1_epi16(128)), 8);
    _mm256_storeu_si256((__m256i *)lo, _mm512_cvtepi16_epi8(e));
    _mm256_storeu_si256((__m256i *)hi, _mm512_cvtepi16_epi8(rest));
}

/* Code `at` of the step's 20 in every word; `at2` in the upper half. */
X512_INLINE __m512i spread_code(__m512i c, int at, int at2)
{
    int16_t w[32];
    for (int i = 0; i < 32; i++) w[i] = (int16_t)(i < 16 ? at : at2);
    return _mm512_permutexvar_epi16(x512_load(w), c);
}

static void step_tables(uint8_t *tab, const int16_t *codes)
{
    __m512i c = x512_load(codes); /* 20 of them count */
    X512_UNROLL
    for (int q = 0; q < 4; q++) {
        __m512i e = _mm512_setzero_si512();
        X512_UNROLL
        for (int d = 0; d < 3; d++)
            e = _mm512_add_epi16(e, _mm512_mullo_epi16(spread_code(c, 5 * q + d, 5 * q + d),
                                                       index_digits(triple_digits[d])));
        put_entries(tab + 32 * q, tab + 128 + 32 * q, e);
    }
    X512_UNROLL
    for (int q = 0; q < 4; q += 2) {
        __m512i e = _mm512_setzero_si512();
        X512_UNROLL
        for (int d = 0; d < 2; d++)
            e = _mm512_add_epi16(e, _mm512_mullo_epi16(spread_code(c, 5 * q + 3 + d, 5 * q + 8 + d),
                                                       index_digits(pair_digits[d])));
        put_entries(tab + 256 + 16 * q, tab + 320 + 16 * q, e);
    }
}

static void quint_tables(uint8_t *tab, const int16_t *codes, int n)
{
    for (int k = 0; k < n; k += LUTRA_QUINT_K, tab += UNIT_STEPS * STEP_TABLE) {
        int16_t spaced[QUINT_SPACED];
        int subs = lutra_quint_subs(n, k);
        quint_space_codes(spaced, codes + k, subs);
        for (int j = 0; j < lutra_quint_steps(subs); j++)
            step_tables(tab + j * STEP_TABLE, spaced + 20 * j);
    }
}

/* ---- lookups ---- */

struct step {
    __m512i low3[2], high3[2], low2, high2;
};

struct sums {
    __m512i low, high;
};

X512_INLINE struct step load_step(const uint8_t *tab)
{
    struct step t = {{x512_load(tab), x512_load(tab + 64)},
                     {x512_load(tab + 128), x512_load(tab + 192)},
                     x512_load(tab + 256),
                     x512_load(tab + 320)};
    return t;
}

/* Low and high entries of 16 rows are given to `ones`. */
X512_INLINE struct sums add_step(struct sums s, const struct quint_split *k, const uint8_t *codes,
                                 const struct step *t, __m512i ones)
{
    const __m512i place3 = x512_four_bytes(0, 32, 64, 96), place2 = x512_four_bytes(0, 16, 32, 48);
    __m512i three, two;
    quint_split_bytes(k, x512_load(codes), &three, &two);
    three = x512_and_or(three, _mm512_set1_epi8(31), place3);
    two = x512_and_or(two, _mm512_set1_epi8(15), place2);
    s.low = _mm512_dpbusd_epi32(s.low, ones,
                                _mm512_permutex2var_epi8(t->low3[0], three, t->low3[1]));
    s.high = _mm512_dpbusd_epi32(s.high, ones,
                                 _mm512_permutex2var_epi8(t->high3[0], three, t->high3[1]));
    s.low = _mm512_dpbusd_epi32(s.low, ones, _mm512_permutexvar_epi8(two, t->low2));
    s.high = _mm512_dpbusd_epi32(s.high, ones, _mm512_permutexvar_epi8(two, t->high2));
    return s;
}

X512_INLINE void add_steps(struct sums s[QUARTERS], const struct quint_split *k,
                           const uint8_t *codes, const uint8_t *tab, int n)
{
    const __m512i ones = _mm512_set1_epi8(1);
    for (int j = 0; j < n; j++, codes += LUTRA_QUINT_STEP, tab += STEP_TABLE) {
        const struct step t = load_step(tab);
        X512_UNROLL
        for (int i = 0; i < QUARTERS; i++) {
            x512_prefetch_tables(codes + 64 * i, 64);
            s[i] = add_step(s[i], k, codes + 64 * i, &t, ones);
        }
    }
}

X512_INLINE __m512 close_group(__m512 acc, struct sums s, const uint8_t *halves)
{
    __m512i whole = _mm512_add_epi32(s.low, _mm512_slli_epi32(s.high, 8));
    return x512_add_product(acc, x512_halves(halves), _mm512_cvtepi32_ps(whole));
}

/* A group ends with the first `bytes` of this step, the others begin the next; d = f16 scales. */
X512_INLINE void split_step(__m512 acc[QUARTERS], struct sums s[QUARTERS],
                            const struct quint_split *k, const uint8_t *codes, const uint8_t *tab,
                            int bytes, const uint8_t *d)
{
    const __m512i first = _mm512_set1_epi32(0x010101 >> 8 * (3 - bytes));
    const __m512i rest = _mm512_xor_si512(first, _mm512_set1_epi8(1)), zero = _mm512_setzero_si512();
    const struct sums none = {zero, zero};
    const struct step t = load_step(tab);
    X512_UNROLL
    for (int i = 0; i < QUARTERS; i++) {
        x512_prefetch_tables(codes + 64 * i, 64);
        s[i] = add_step(s[i], k, codes + 64 * i, &t, first);
        acc[i] = close_group(acc[i], s[i], d + 32 * i);
        s[i] = add_step(none, k, codes + 64 * i, &t, rest);
    }
}

/* 64 * subs columns with scales of groups. */
X512_INLINE void unit_groups(__m512 acc[QUARTERS], const struct quint_split *k, const uint8_t *unit,
                             const uint8_t *codes, const uint8_t *tab, int subs, int group)
{
    const __m512i zero = _mm512_setzero_si512();
    struct sums s[QUARTERS];
    X512_UNROLL
    for (int i = 0; i < QUARTERS; i++) s[i].low = s[i].high = zero;
    for (int end = group / 64, j = 0; end <= subs; end += group / 64, unit += 2 * LUTRA_QUINT_ROWS) {
        int last = LUTRA_QUINT_BYTES * end / 4, bytes = LUTRA_QUINT_BYTES * end % 4;
        add_steps(s, k, codes + j * LUTRA_QUINT_STEP, tab + j * STEP_TABLE, last - j);
        j = last;
        if (bytes) {
            split_step(acc, s, k, codes + j * LUTRA_QUINT_STEP, tab + j * STEP_TABLE, bytes, unit);
            j++;
            continue;
        }
        X512_UNROLL
        for (int i = 0; i < QUARTERS; i++) {
            acc[i] = close_group(acc[i], s[i], unit + 32 * i);
            s[i].low = s[i].high = zero;
        }
    }
}

static void tile_groups(__m512 acc[QUARTERS], const struct lutra_mat *m, const uint8_t *unit,
                        const uint8_t *tab)
{
    const struct quint_split split = quint_split_tables();
    for (int k = 0, subs; k < m->n_cols; k += 64 * subs, tab += UNIT_STEPS * STEP_TABLE) {
        subs = lutra_quint_subs(m->n_cols, k);
        const uint8_t *codes = unit + lutra_quint_scales(m, subs);
        x512_prefetch_tables(unit, (size_t)(codes - unit));
        unit_groups(acc, &split, unit, codes, tab, subs, m->group);
        unit = codes + (size_t)lutra_quint_steps(subs) * LUTRA_QUINT_STEP;
    }
}

/* One scale per row: all steps of all units are one run. */
static void tile_rows(__m512 acc[QUARTERS], const struct lutra_mat *m, const uint8_t *tile,
                      const uint8_t *tab)
{
    const struct quint_split split = quint_split_tables();
    const __m512i zero = _mm512_setzero_si512();
    struct sums s[QUARTERS];
    int steps = m->n_cols / LUTRA_QUINT_K * UNIT_STEPS +
                lutra_quint_steps(m->n_cols % LUTRA_QUINT_K / 64);
    X512_UNROLL
    for (int i = 0; i < QUARTERS; i++) s[i].low = s[i].high = zero;
    add_steps(s, &split, lutra_quint_units(m, tile), tab, steps);
    X512_UNROLL
    for (int i = 0; i < QUARTERS; i++) {
        __m512i whole = _mm512_add_epi32(s[i].low, _mm512_slli_epi32(s[i].high, 8));
        acc[i] = x512_add_product(acc[i], _mm512_loadu_ps(tile + 64 * i),
                                  _mm512_cvtepi32_ps(whole));
    }
}

static void quint_lookup(float *y, const struct lutra_mat *m, const struct lutra_act *a, int v,
                         int tile0, int tile1)
{
    const uint8_t *tab = a->quints + (size_t)v * a->quint_bytes;
    for (int t = tile0; t < tile1; t++) {
        __m512 acc[QUARTERS];
        for (int i = 0; i < QUARTERS; i++) acc[i] = _mm512_setzero_ps();
        if (m->scales == LUTRA_SCALE_ROW)
            tile_rows(acc, m, lutra_mat_tile(m, t), tab);
        else
            tile_groups(acc, m, lutra_mat_tile(m, t), tab);
        for (int i = 0; i < QUARTERS; i++) {
            int row = t * LUTRA_QUINT_ROWS + 16 * i;
            __m512 r = _mm512_mul_ps(acc[i], _mm512_set1_ps(a->scale[v]));
            if (row < m->n_rows) x512_store_rows(y + row, r, m->n_rows - row);
        }
    }
}

void lutra_quint_init_avx512(struct lutra_ops *ops)
{
    ops->quint_tables = quint_tables;
    ops->quint_bytes = UNIT_STEPS * STEP_TABLE;
    ops->quint_lookup = quint_lookup;
    ops->packs_quint = true;
    lutra_quint_mm_init_avx512(ops);
}
