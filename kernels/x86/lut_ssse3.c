/* SPDX-License-Identifier: MIT */
/* Tables and lookups with SSSE3. A pshufb looks up 16 nibbles at once: 8 rows times two planes.
 *
 * What lut_avx2.c does with a vector of 32 bytes is done here with its two halves: slots 0-7 (rows
 * 0-3 and 8-11) and slots 8-15 (rows 4-7 and 12-15). */
#include "kernels/lut_init.h"
#include "kernels/ops.h"
#include "kernels/x86/x86_init.h"
#include "kernels/x86/x128.h"

/* ---- quad tables ---- */

/* Shuffle that puts code i (an int16) into the entries 0-7 that have bit i, and zero elsewhere. */
X128_INLINE __m128i bit_shuffle(int i)
{
    int8_t s[16];
    for (int e = 0; e < 8; e++) {
        s[2 * e] = (int8_t)(e >> i & 1 ? 2 * i : -1);
        s[2 * e + 1] = (int8_t)(e >> i & 1 ? 2 * i + 1 : -1);
    }
    return x128_load(s);
}

static void quad_tables(uint8_t *tab, const int16_t *codes, int n)
{
    const __m128i bit0 = bit_shuffle(0), bit1 = bit_shuffle(1), bit2 = bit_shuffle(2);
    const __m128i bit3 = _mm_set1_epi16(0x0706); /* all of the entries 8-15 have code 3 */
    const __m128i low = _mm_set1_epi16(0xff), half = _mm_set1_epi16(0x80);
    for (int k = 0; k < n; k += 4, tab += 32) {
        __m128i c = _mm_loadl_epi64((const __m128i *)(codes + k));
        __m128i a = _mm_add_epi16(_mm_shuffle_epi8(c, bit0), _mm_shuffle_epi8(c, bit1));
        a = _mm_add_epi16(a, _mm_shuffle_epi8(c, bit2));
        __m128i b = _mm_add_epi16(a, _mm_shuffle_epi8(c, bit3));
        __m128i lo = _mm_packus_epi16(_mm_and_si128(a, low), _mm_and_si128(b, low));
        a = _mm_srli_epi16(_mm_add_epi16(a, half), 8); /* the rest after a signed lo */
        b = _mm_srli_epi16(_mm_add_epi16(b, half), 8);
        x128_store(tab, lo);
        x128_store(tab + 16, _mm_packus_epi16(a, b));
    }
}

/* ---- PLANES ---- */

struct sums {
    __m128i low[2], high[2]; /* int16, by half of the slots */
};

X128_INLINE void add_entries(struct sums *s, int half, __m128i index, __m128i weights,
                             const uint8_t *quad)
{
    __m128i lo = _mm_shuffle_epi8(x128_load(quad), index);
    __m128i hi = _mm_shuffle_epi8(x128_load(quad + 16), index);
    s->low[half] = _mm_add_epi16(s->low[half], _mm_maddubs_epi16(weights, lo));
    s->high[half] = _mm_add_epi16(s->high[half], _mm_maddubs_epi16(weights, hi));
    X128_PIN(s->low[half]);
    X128_PIN(s->high[half]);
}

/* The last plane of an odd number: even bytes belong to octet 0, odd bytes to octet 1. */
X128_INLINE void add_last(struct sums *s, const uint8_t *codes, int bits, const uint8_t *tab)
{
    const __m128i nibble = _mm_set1_epi8(15);
    const __m128i even = _mm_set1_epi16((int16_t)(1 << (bits - 1)));
    const __m128i odd = _mm_slli_epi16(even, 8);
    X128_UNROLL
    for (int h = 0; h < 2; h++) {
        __m128i x = x128_load(codes + 16 * h);
        __m128i first = _mm_and_si128(x, nibble);
        __m128i second = _mm_and_si128(_mm_srli_epi16(x, 4), nibble);
        add_entries(s, h, first, even, tab);
        add_entries(s, h, second, even, tab + 32);
        add_entries(s, h, first, odd, tab + 64);
        add_entries(s, h, second, odd, tab + 96);
    }
}

/* One step of 16 columns; tab points at its four quads. */
X128_INLINE void add_step(struct sums *s, const uint8_t *codes, int bits, const uint8_t *tab)
{
    const __m128i nibble = _mm_set1_epi8(15);
    const int pairs = bits / 2;
    X128_UNROLL
    for (int i = 0; i < 2 * pairs; i++) { /* octet i / pairs, plane pair i % pairs */
        const __m128i weights = _mm_set1_epi16((int16_t)(0x0201 << 2 * (i % pairs)));
        const uint8_t *quads = tab + 64 * (i / pairs);
        X128_UNROLL
        for (int h = 0; h < 2; h++) {
            __m128i x = x128_load(codes + 32 * i + 16 * h);
            add_entries(s, h, _mm_and_si128(x, nibble), weights, quads);
            x = _mm_and_si128(_mm_srli_epi16(x, 4), nibble);
            add_entries(s, h, x, weights, quads + 32);
        }
    }
    if (bits & 1) add_last(s, codes + 64 * pairs, bits, tab);
}

/* 4 of 16 bytes sc as pairs sc, 256 * sc: the weights of pairs low, high. */
X128_INLINE __m128i sub_pairs(enum lutra_scale_kind kind, __m128i sc, int rows)
{
    const int r = 4 * rows;
    __m128i low = _mm_shuffle_epi8(sc, _mm_setr_epi8(r, -1, -1, r, r + 1, -1, -1, r + 1, r + 2, -1, -1,
                                                     r + 2, r + 3, -1, -1, r + 3));
    if (kind != LUTRA_SCALE_SUB) return low;
    /* the low word of -1 is 255: 256 more than it should be */
    return _mm_sub_epi16(low, _mm_slli_epi32(_mm_srli_epi32(low, 31), 8));
}

/* weight * (low + 256 * high), rows in natural order. */
X128_INLINE __m128i whole_sums(const struct sums *s, int rows, __m128i weights)
{
    const int h = rows & 1;
    __m128i both = rows < 2 ? _mm_unpacklo_epi16(s->low[h], s->high[h])
                            : _mm_unpackhi_epi16(s->low[h], s->high[h]);
    return _mm_madd_epi16(both, weights);
}

/* Sums of a group of 16 begin with minus x, low + 256 * high: both fit beside what the step adds. */
X128_INLINE struct sums start_sums(int32_t x)
{
    const __m128i low = _mm_set1_epi16((int16_t)-(x & 255)), high = _mm_set1_epi16((int16_t)-(x >> 8));
    struct sums s = {{low, low}, {high, high}};
    return s;
}

/* One tile. bits are a constant of every caller, so that each width gets its own loop. */
X128_INLINE struct x128_rows planes_tile(const struct lutra_mat *m, const uint8_t *unit,
                                         const uint8_t *tab, const int32_t *sums, int bits,
                                         int group, int run, enum lutra_scale_kind kind)
{
    const bool is_super = kind != LUTRA_SCALE_F16 && kind != LUTRA_SCALE_F16_MIN;
    const bool weighs = run > group, has_min = x128_has_min(kind);
    const int unit_k = is_super ? 256 : group, steps = group / 16, groups = run / group;
    struct x128_rows acc = x128_set(0.0f);
    for (int k = 0; k < m->n_cols; k += unit_k, unit += m->unit_bytes) {
        struct x128_rows d = x128_halves(unit), dmin = d;
        const uint8_t *codes = unit + m->scale_bytes;
        if (has_min) dmin = x128_halves(unit + 32);
        for (int g0 = 0; g0 < unit_k / group; g0 += groups) {
            struct x128_ints total = x128_zero();
            int32_t x = 0;
            for (int i = 0; i < groups; i++) {
                struct sums s = start_sums(kind == LUTRA_SCALE_SUB && weighs ? m->offset * *sums : 0);
                x = 0;
                for (int j = 0; j < steps; j++, codes += 32 * bits, tab += 128) {
                    x128_prefetch(codes, 32 * (size_t)bits);
                    add_step(&s, codes, bits, tab);
                    x += *sums++;
                }
                X128_UNROLL
                for (int j = 0; j < 4; j++) {
                    __m128i w = weighs ? sub_pairs(kind, x128_sub_bytes(kind, unit, g0 + i), j)
                                       : _mm_set1_epi32(256 << 16 | 1);
                    w = whole_sums(&s, j, w);
                    total.v[j] = weighs ? _mm_add_epi32(total.v[j], w) : w;
                }
            }
            if (weighs)
                acc = x128_add_run(acc, total, sums - run / 16, unit, g0, groups, d, dmin, kind);
            else
                acc = x128_add_group(acc, total, x, m->offset, unit, g0, d, dmin, kind);
        }
    }
    return acc;
}

X128_INLINE void planes_tiles(float *y, const struct lutra_mat *m, const struct lutra_act *a, int v,
                              int tile0, int tile1, int bits, int group, int run,
                              enum lutra_scale_kind kind)
{
    const uint8_t *tab = a->quads + (size_t)v * a->quad_bytes;
    const int32_t *sums = a->sums + (size_t)v * (size_t)(a->k_pad / 16);
    for (int t = tile0; t < tile1; t++) {
        struct x128_rows acc = planes_tile(m, lutra_mat_tile(m, t), tab, sums, bits, group, run, kind);
        x128_store_rows(y + t * LUTRA_TILE_ROWS, acc, a->scale[v], m->n_rows - t * LUTRA_TILE_ROWS);
    }
}

#define PLANES(name, bits, group, run, kind)                                                       \
    static void name(float *y, const struct lutra_mat *m, const struct lutra_act *a, int v,        \
                     int tile0, int tile1)                                                         \
    {                                                                                              \
        planes_tiles(y, m, a, v, tile0, tile1, bits, group, run, kind);                            \
    }

PLANES(planes_2_bits, 2, m->group, m->group, LUTRA_SCALE_F16)
PLANES(planes_q2_k, 2, 16, 256, LUTRA_SCALE_SUB_MIN4)
PLANES(planes_q3_k, 3, 16, 256, LUTRA_SCALE_SUB)
PLANES(planes_4_bits, 4, 32, 32, m->scales)
PLANES(planes_q4_k, 4, 32, 256, LUTRA_SCALE_SUB_MIN)
PLANES(planes_5_bits, 5, 32, 32, m->scales)
PLANES(planes_q5_k, 5, 32, 128, LUTRA_SCALE_SUB_MIN)
PLANES(planes_q6_k, 6, 16, 16, LUTRA_SCALE_SUB)

static void planes_other(float *y, const struct lutra_mat *m, const struct lutra_act *a, int v,
                         int tile0, int tile1)
{
    struct lutra_ops scalar; /* quad tables are the same at every level */
    lutra_lut_init_scalar(&scalar);
    scalar.planes_lookup(y, m, a, v, tile0, tile1);
}

static void planes_lookup(float *y, const struct lutra_mat *m, const struct lutra_act *a, int v,
                          int tile0, int tile1)
{
    static const struct {
        enum lutra_scale_kind kind;
        int bits, group;
        void (*lookup)(float *, const struct lutra_mat *, const struct lutra_act *, int, int, int);
    } ways[] = {
        {LUTRA_SCALE_F16, 4, 32, planes_4_bits},     {LUTRA_SCALE_F16_MIN, 4, 32, planes_4_bits},
        {LUTRA_SCALE_SUB_MIN, 4, 32, planes_q4_k}, {LUTRA_SCALE_F16, 5, 32, planes_5_bits},
        {LUTRA_SCALE_F16_MIN, 5, 32, planes_5_bits}, {LUTRA_SCALE_SUB_MIN, 5, 32, planes_q5_k},
        {LUTRA_SCALE_SUB_MIN4, 2, 16, planes_q2_k},  {LUTRA_SCALE_SUB, 3, 16, planes_q3_k},
        {LUTRA_SCALE_SUB, 6, 16, planes_q6_k},       {LUTRA_SCALE_F16, 2, 256, planes_2_bits},
        {LUTRA_SCALE_F16, 2, 64, planes_2_bits},     {LUTRA_SCALE_F16, 2, 128, planes_2_bits},
        {LUTRA_SCALE_F16, 1, 128, lutra_bit_lookup_ssse3},
    };
    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
        if (m->scales == ways[i].kind && m->bits == ways[i].bits && m->group == ways[i].group) {
            ways[i].lookup(y, m, a, v, tile0, tile1);
            return;
        }
    }
    planes_other(y, m, a, v, tile0, tile1);
}

/* ---- TERN ----
 * Triple table and sums as in lut_avx2.c: per triple l[16] then h[16] bytes, entry = 32*h + l with
 * l in -16..15, h in -12..12. Eight entries (24 columns) add up inside a byte. A negative sign is a
 * xor with -1, which leaves both bytes 1 too small: 33 times the row's stored count of signs is
 * added once. */

enum { TRIP_BYTES = 32, TERN_RUN = 256 }; /* byte sums are u8 (bias 128): 257 of them fit a u16 */

static void trip_tables(uint8_t *tab, const int16_t *codes, int n)
{
    static const int16_t digits[2][3][8] = {
        {{0, 0, 0, 0, 0, 1, 1, 1}, {0, 0, 1, 1, 1, -1, -1, -1}, {0, 1, -1, 0, 1, -1, 0, 1}},
        {{1, 1, 1, 1, 1, 1, 0, 0}, {0, 0, 0, 1, 1, 1, 0, 0}, {-1, 0, 1, -1, 0, 1, 0, 0}},
    };
    const __m128i half = _mm_set1_epi16(16), mask = _mm_set1_epi16(31);
    for (int k = 0; k < n; k += 3, tab += TRIP_BYTES) {
        __m128i l[2], h[2];
        X128_UNROLL
        for (int i = 0; i < 2; i++) {
            __m128i e = half;
            X128_UNROLL
            for (int j = 0; j < 3; j++) {
                __m128i c = _mm_set1_epi16(codes[k + j]);
                e = _mm_add_epi16(e, _mm_sign_epi16(c, x128_load(digits[i][j])));
            }
            l[i] = _mm_sub_epi16(_mm_and_si128(e, mask), half);
            h[i] = _mm_srai_epi16(e, 5);
        }
        x128_store(tab, _mm_packs_epi16(l[0], l[1]));
        x128_store(tab + 16, _mm_packs_epi16(h[0], h[1]));
    }
}

/* 16 rows of u8 sums widened without shuffles: all = even + 256*odd (mod 2^16), odd apart. */
struct wide {
    __m128i all, odd;
};

X128_INLINE void widen(struct wide *w, __m128i bytes)
{
    w->all = _mm_add_epi16(w->all, bytes);
    w->odd = _mm_add_epi16(w->odd, _mm_srli_epi16(bytes, 8));
}

X128_INLINE void add_triple(__m128i *l, __m128i *h, __m128i index, __m128i neg, const uint8_t *tab)
{
    __m128i el = _mm_shuffle_epi8(x128_load(tab), index);
    __m128i eh = _mm_shuffle_epi8(x128_load(tab + 16), index);
    *l = _mm_add_epi8(*l, _mm_xor_si128(el, neg));
    *h = _mm_add_epi8(*h, _mm_xor_si128(eh, neg));
    X128_PIN(*l);
    X128_PIN(*h);
}

/* 24 columns of 16 rows. */
X128_INLINE void add_tern(struct wide *wl, struct wide *wh, const uint8_t *p, const uint8_t *tab)
{
    const __m128i nibble = _mm_set1_epi8(15), zero = _mm_setzero_si128();
    __m128i l = _mm_set1_epi8(-128), h = l, sign = x128_load(p);
    X128_UNROLL
    for (int i = 0; i < 4; i++, tab += 2 * TRIP_BYTES) {
        __m128i x = x128_load(p + 32 + 32 * i);
        add_triple(&l, &h, _mm_and_si128(x, nibble), _mm_cmpgt_epi8(zero, sign), tab);
        sign = _mm_add_epi8(sign, sign);
        x = _mm_and_si128(_mm_srli_epi16(x, 4), nibble);
        add_triple(&l, &h, x, _mm_cmpgt_epi8(zero, sign), tab + TRIP_BYTES);
        sign = _mm_add_epi8(sign, sign);
    }
    widen(wl, l);
    widen(wh, h);
}

/* sum[row] += the widened sums of `runs` byte sums, bias taken off. */
static void flush_wide(int32_t *sum, const struct wide *w, int weight, int runs)
{
    uint16_t even[8], odd[8];
    x128_store(even, _mm_sub_epi16(w->all, _mm_slli_epi16(w->odd, 8)));
    x128_store(odd, w->odd);
    for (int i = 0; i < 8; i++) {
        sum[2 * i] += weight * (even[i] - 128 * runs);
        sum[2 * i + 1] += weight * (odd[i] - 128 * runs);
    }
}

static void tern_tile(int32_t *sum, const uint8_t *tile, const uint8_t *tab, int units)
{
    const __m128i zero = _mm_setzero_si128();
    const uint8_t *p = tile + 4 * LUTRA_TERN_ROWS;
    memcpy(sum, tile, 4 * LUTRA_TERN_ROWS);
    for (int i = 0; i < LUTRA_TERN_ROWS; i++) sum[i] *= 33;
    while (units > 0) {
        int run = units < TERN_RUN ? units : TERN_RUN;
        struct wide wl[2] = {{zero, zero}, {zero, zero}}, wh[2] = {{zero, zero}, {zero, zero}};
        for (int u = 0; u < run; u++, p += 160, tab += 8 * TRIP_BYTES) {
            x128_prefetch(p, 160);
            add_tern(&wl[0], &wh[0], p, tab);
            add_tern(&wl[1], &wh[1], p + 16, tab);
        }
        for (int h = 0; h < 2; h++) {
            flush_wide(sum + 16 * h, &wl[h], 1, run);
            flush_wide(sum + 16 * h, &wh[h], 32, run);
        }
        units -= run;
    }
}

static void tern_lookup(float *y, const struct lutra_mat *m, const struct lutra_act *a, int v,
                        int tile0, int tile1)
{
    const uint8_t *tab = a->trips + (size_t)v * a->trip_bytes;
    int units = lutra_tern_k_pad(m->n_cols) / LUTRA_TERN_K;
    for (int t = tile0; t < tile1; t++) {
        int32_t sum[LUTRA_TERN_ROWS];
        tern_tile(sum, lutra_mat_tile(m, t), tab, units);
        for (int r = 0; r < LUTRA_TERN_ROWS && t * LUTRA_TERN_ROWS + r < m->n_rows; r++) {
            float acc = 0.0f + m->scale * (float)sum[r];
            y[t * LUTRA_TERN_ROWS + r] = acc * a->scale[v];
        }
    }
}

void lutra_lut_init_ssse3(struct lutra_ops *ops)
{
    ops->quad_tables = quad_tables;
    ops->trip_tables = trip_tables;
    ops->trip_bytes = TRIP_BYTES;
    ops->planes_lookup = planes_lookup;
    ops->tern_lookup = tern_lookup;
    ops->bits_lookup = lutra_bits_lookup_ssse3;
    lutra_mm_init_ssse3(ops);
}
