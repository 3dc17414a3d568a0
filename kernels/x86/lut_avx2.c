/* SPDX-License-Identifier: MIT */
/* Tables and lookups with AVX2. A pshufb looks up 32 nibbles at once: 16 rows times two planes.
 *
 * One code vector (32 bytes: 16 slots x planes 2p, 2p+1) costs two index vectors; each is looked up
 * in the low-byte and the high-byte table of its quad, and maddubs adds the two planes with their
 * weights:
 *
 *   low += maddubs((1,2)<<2p, lo[index])       int16 sums, exact: see the bounds in lut.h
 *   high += maddubs((1,2)<<2p, hi[index])      group sum = low + 256 * high, by one madd at the
 * group's end */
#include "kernels/lut_init.h"
#include "kernels/ops.h"
#include "kernels/x86/code_types.h"
#include "kernels/x86/x86.h"

/* ---- quad tables ---- */

/* Shuffle that puts code i (an int16) into the entries that have bit i, and zero elsewhere. */
X86_INLINE __m256i bit_shuffle(int i)
{
    int8_t s[32];
    for (int e = 0; e < 16; e++) {
        s[2 * e] = (int8_t)(e >> i & 1 ? 2 * i : -1);
        s[2 * e + 1] = (int8_t)(e >> i & 1 ? 2 * i + 1 : -1);
    }
    return x86_load(s);
}

static void quad_tables(uint8_t *tab, const int16_t *codes, int n)
{
    const __m256i bit0 = bit_shuffle(0), bit1 = bit_shuffle(1);
    const __m256i bit2 = bit_shuffle(2), bit3 = bit_shuffle(3);
    const __m256i low = _mm256_set1_epi16(0xff), half = _mm256_set1_epi16(0x80);
    for (int k = 0; k < n; k += 4, tab += 32) {
        __m256i c = _mm256_broadcastq_epi64(_mm_loadl_epi64((const __m128i *)(codes + k)));
        __m256i e01 = _mm256_add_epi16(_mm256_shuffle_epi8(c, bit0), _mm256_shuffle_epi8(c, bit1));
        __m256i e23 = _mm256_add_epi16(_mm256_shuffle_epi8(c, bit2), _mm256_shuffle_epi8(c, bit3));
        __m256i e = _mm256_add_epi16(e01, e23);
        __m256i lo = _mm256_and_si256(e, low);
        __m256i hi =
            _mm256_srli_epi16(_mm256_add_epi16(e, half), 8); /* the rest after a signed lo */
        __m256i both = _mm256_permute4x64_epi64(_mm256_packus_epi16(lo, hi), 0xD8);
        _mm256_storeu_si256((__m256i *)tab, both);
    }
}

/* ---- PLANES ---- */

struct sums {
    __m256i low, high; /* int16 in slot order */
};

X86_INLINE void add_entries(struct sums *s, __m256i index, __m256i weights, const uint8_t *quad)
{
    __m256i lo = _mm256_shuffle_epi8(x86_load_twice(quad), index);
    __m256i hi = _mm256_shuffle_epi8(x86_load_twice(quad + 16), index);
    s->low = _mm256_add_epi16(s->low, _mm256_maddubs_epi16(weights, lo));
    s->high = _mm256_add_epi16(s->high, _mm256_maddubs_epi16(weights, hi));
    X86_PIN(s->low);
    X86_PIN(s->high);
}

/* One step of 16 columns; tab points at its four quads. */
X86_INLINE void add_step(struct sums *s, const uint8_t *codes, int bits, const uint8_t *tab)
{
    const __m256i nibble = _mm256_set1_epi8(15);
    int pairs = bits / 2;
    for (int o = 0; o < 2; o++) {
        for (int p = 0; p < pairs; p++) {
            __m256i weights = _mm256_set1_epi16((int16_t)(0x0201 << 2 * p));
            __m256i x = x86_load(codes + 32 * (o * pairs + p));
            add_entries(s, _mm256_and_si256(x, nibble), weights, tab + 64 * o);
            x = _mm256_and_si256(_mm256_srli_epi16(x, 4), nibble);
            add_entries(s, x, weights, tab + 64 * o + 32);
        }
    }
    if (bits & 1) { /* even bytes belong to octet 0, odd bytes to octet 1 */
        __m256i even = _mm256_set1_epi16((int16_t)(1 << (bits - 1)));
        __m256i odd = _mm256_slli_epi16(even, 8);
        __m256i x = x86_load(codes + 64 * pairs);
        __m256i first = _mm256_and_si256(x, nibble);
        __m256i second = _mm256_and_si256(_mm256_srli_epi16(x, 4), nibble);
        add_entries(s, first, even, tab);
        add_entries(s, second, even, tab + 32);
        add_entries(s, first, odd, tab + 64);
        add_entries(s, second, odd, tab + 96);
    }
}

/* 16 rows in natural order. */
struct ints {
    __m256i lo, hi; /* rows 0-7, 8-15 */
};

X86_INLINE struct x86_rows int_floats(struct ints i)
{
    struct x86_rows r = {_mm256_cvtepi32_ps(i.lo), _mm256_cvtepi32_ps(i.hi)};
    return r;
}

/* low + 256 * high - offset * X as floats. */
X86_INLINE struct x86_rows group_floats(const struct sums *s, __m256i minus)
{
    const __m256i weights = _mm256_set1_epi32(256 << 16 | 1);
    __m256i lo = _mm256_madd_epi16(_mm256_unpacklo_epi16(s->low, s->high), weights);
    __m256i hi = _mm256_madd_epi16(_mm256_unpackhi_epi16(s->low, s->high), weights);
    struct ints i = {_mm256_sub_epi32(lo, minus), _mm256_sub_epi32(hi, minus)};
    return int_floats(i);
}

X86_INLINE void add_product(struct x86_rows *acc, struct x86_rows a, struct x86_rows b)
{
    acc->lo = _mm256_add_ps(acc->lo, _mm256_mul_ps(a.lo, b.lo));
    acc->hi = _mm256_add_ps(acc->hi, _mm256_mul_ps(a.hi, b.hi));
}

/* ---- runs of groups under sub-scales (m->run > m->group) ---- */

/* Columns whose sums are weighed in int32; 0 if a group is all of its float. */
X86_INLINE int columns_weighed(int bits, enum lutra_scale_kind kind)
{
    if (kind == LUTRA_SCALE_SUB) return bits == 3 ? 256 : 0;
    if (kind == LUTRA_SCALE_SUB_MIN) return bits == 5 ? 128 : 256;
    return kind == LUTRA_SCALE_SUB_MIN4 ? 256 : 0;
}

/* sc of rows 0-7 or, `second`, 8-15 as int16 pairs sc, 256 * sc: 63 * 256 and -32 * 256 fit. */
X86_INLINE __m256i scale_pairs(const uint8_t *sc, bool second, enum lutra_scale_kind kind)
{
    const __m256i pair = _mm256_setr_epi8(0, -1, -1, 0, 1, -1, -1, 1, 2, -1, -1, 2, 3, -1, -1, 3,
                                          4, -1, -1, 4, 5, -1, -1, 5, 6, -1, -1, 6, 7, -1, -1, 7);
    const __m256i extended = _mm256_setr_epi8(0, 1, -1, 0, 4, 5, -1, 4, 8, 9, -1, 8, 12, 13, -1, 12,
                                              0, 1, -1, 0, 4, 5, -1, 4, 8, 9, -1, 8, 12, 13, -1, 12);
    if (kind == LUTRA_SCALE_SUB) {
        __m256i r = _mm256_cvtepi8_epi32(_mm_loadl_epi64((const __m128i *)(sc + 8 * second)));
        return _mm256_shuffle_epi8(r, extended);
    }
    __m256i w = x86_load_twice(sc);
    if (kind == LUTRA_SCALE_SUB_MIN4) w = _mm256_and_si256(w, _mm256_set1_epi8(15));
    /* 8 more leaves the top bit of -1 alone */
    return _mm256_shuffle_epi8(w, second ? _mm256_or_si256(pair, _mm256_set1_epi8(8)) : pair);
}

/* total + sc * (low + 256 * high): one madd joins and weighs. */
X86_INLINE void add_weighted(struct ints *total, const uint8_t *sc, enum lutra_scale_kind kind,
                             const struct sums *s)
{
    __m256i lo = _mm256_unpacklo_epi16(s->low, s->high), hi = _mm256_unpackhi_epi16(s->low, s->high);
    lo = _mm256_madd_epi16(lo, scale_pairs(sc, false, kind));
    hi = _mm256_madd_epi16(hi, scale_pairs(sc, true, kind));
    total->lo = _mm256_add_epi32(total->lo, lo);
    total->hi = _mm256_add_epi32(total->hi, hi);
}

/* minima + mn * X. */
X86_INLINE void add_minima(struct ints *minima, const uint8_t *mn, enum lutra_scale_kind kind, int32_t x)
{
    const __m256i xs = _mm256_set1_epi32(x);
    __m256i lo = _mm256_cvtepu8_epi32(_mm_loadl_epi64((const __m128i *)mn));
    __m256i hi = _mm256_cvtepu8_epi32(_mm_loadl_epi64((const __m128i *)(mn + 8)));
    if (kind == LUTRA_SCALE_SUB_MIN4) lo = _mm256_srli_epi32(lo, 4), hi = _mm256_srli_epi32(hi, 4);
    minima->lo = _mm256_add_epi32(minima->lo, _mm256_mullo_epi32(lo, xs));
    minima->hi = _mm256_add_epi32(minima->hi, _mm256_mullo_epi32(hi, xs));
}

/* Three bits: what sums of 16 columns begin with, -offset * X = low + 256 * high, |X| <= 16 * 8128. */
struct starts {
    int32_t low[16], high[16];
};

X86_INLINE struct starts unit_starts(const int32_t *sums, int offset)
{
    struct starts s;
    for (int i = 0; i < 16; i += 8) {
        __m256i v = _mm256_mullo_epi32(x86_load(sums + i), _mm256_set1_epi32(-offset));
        __m256i low = _mm256_srai_epi32(_mm256_slli_epi32(v, 24), 24);
        _mm256_storeu_si256((__m256i *)(s.low + i), low);
        _mm256_storeu_si256((__m256i *)(s.high + i), _mm256_srai_epi32(_mm256_sub_epi32(v, low), 8));
    }
    return s;
}

/* acc over one unit of 256 columns. */
X86_INLINE void add_unit(struct x86_rows *acc, const struct lutra_mat *m, const uint8_t *unit,
                         const uint8_t *tab, const int32_t *sums, int bits, int group,
                         enum lutra_scale_kind kind)
{
    const int run = columns_weighed(bits, kind), steps = group / 16;
    const uint8_t *codes = unit + m->scale_bytes, *sc = unit + (x86_has_min(kind) ? 64 : 32);
    const uint8_t *mn = kind == LUTRA_SCALE_SUB_MIN ? sc + 128 : sc;
    struct starts start;
    if (!x86_has_min(kind)) start = unit_starts(sums, m->offset);
    for (int k = 0; k < 256; k += run) {
        const __m256i zero = _mm256_setzero_si256();
        struct ints total = {zero, zero}, minima = {zero, zero};
        for (int g = k / group; g < (k + run) / group; g++, sc += 16, mn += 16) {
            struct sums s = {zero, zero};
            int32_t x = 0;
            if (!x86_has_min(kind)) {
                s.low = _mm256_set1_epi16((int16_t)start.low[g]);
                s.high = _mm256_set1_epi16((int16_t)start.high[g]);
            }
            for (int i = 0; i < steps; i++, codes += 32 * bits, tab += 128) {
                x86_prefetch_tables(codes, 32 * (size_t)bits);
                add_step(&s, codes, bits, tab);
                x += *sums++;
            }
            add_weighted(&total, sc, kind, &s);
            if (x86_has_min(kind)) add_minima(&minima, mn, kind, x);
        }
        add_product(acc, x86_halves(unit), int_floats(total));
        if (x86_has_min(kind)) add_product(acc, x86_neg(x86_halves(unit + 32)), int_floats(minima));
    }
}

/* One tile. bits, group and kind are constants of every caller, so that each type gets its own
 * loop. */
X86_INLINE struct x86_rows planes_tile(const struct lutra_mat *m, const uint8_t *unit,
                                       const uint8_t *tab, const int32_t *sums, int bits, int group,
                                       enum lutra_scale_kind kind)
{
    const bool is_super = kind != LUTRA_SCALE_F16 && kind != LUTRA_SCALE_F16_MIN;
    const int unit_k = is_super ? 256 : group, steps = group / 16;
    struct x86_rows acc = {_mm256_setzero_ps(), _mm256_setzero_ps()};
    for (int k = 0; k < m->n_cols; k += unit_k, unit += m->unit_bytes) {
        if (columns_weighed(bits, kind)) {
            add_unit(&acc, m, unit, tab + 8 * k, sums + k / 16, bits, group, kind);
            continue;
        }
        struct x86_rows d = x86_halves(unit), min = d;
        const uint8_t *codes = unit + m->scale_bytes;
        if (x86_has_min(kind)) min = x86_halves(unit + 32);
        for (int g = 0; g < unit_k / group; g++) {
            struct sums s = {_mm256_setzero_si256(), _mm256_setzero_si256()};
            int32_t x = 0;
            for (int i = 0; i < steps; i++, codes += 32 * bits, tab += 128) {
                x86_prefetch_tables(codes, 32 * (size_t)bits);
                add_step(&s, codes, bits, tab);
                x += *sums++;
            }
            __m256i minus = _mm256_set1_epi32(x86_has_min(kind) ? 0 : m->offset * x);
            add_product(&acc, x86_group_d(kind, unit, g, d), group_floats(&s, minus));
            if (x86_has_min(kind)) {
                struct x86_rows xs = {_mm256_set1_ps((float)x), _mm256_set1_ps((float)x)};
                add_product(&acc, min, xs);
            }
        }
    }
    return acc;
}

X86_INLINE void planes_tiles(float *y, const struct lutra_mat *m, const struct lutra_act *a, int v,
                             int tile0, int tile1, int bits, int group, enum lutra_scale_kind kind)
{
    const uint8_t *tab = a->quads + (size_t)v * a->quad_bytes;
    const int32_t *sums = a->sums + (size_t)v * (size_t)(a->k_pad / 16);
    for (int t = tile0; t < tile1; t++) {
        struct x86_rows acc = planes_tile(m, lutra_mat_tile(m, t), tab, sums, bits, group, kind);
        x86_store_rows(y + t * LUTRA_TILE_ROWS, acc, a->scale[v], m->n_rows - t * LUTRA_TILE_ROWS);
    }
}

#define PLANES(type, name, bits, group, kind)                                                            \
    static void planes_##name(float *y, const struct lutra_mat *m, const struct lutra_act *a, int v,     \
                              int tile0, int tile1)                                                      \
    {                                                                                                    \
        planes_tiles(y, m, a, v, tile0, tile1, bits, group, kind);                                       \
    }

X86_CODE_TYPES(PLANES)
PLANES(TQ2_0, tq, 2, 256, LUTRA_SCALE_F16) /* TQ1_0, too */
PLANES(Q2_0, q2_0, 2, 64, LUTRA_SCALE_F16)
PLANES(Q2_0_G128, q2_0_g128, 2, 128, LUTRA_SCALE_F16)

static void planes_lookup(float *y, const struct lutra_mat *m, const struct lutra_act *a, int v,
                          int tile0, int tile1)
{
    switch (m->type) {
#define CASE(type, name, bits, group, kind)                                                              \
    case LUTRA_TYPE_##type:                                                                              \
        planes_##name(y, m, a, v, tile0, tile1);                                                         \
        break;
        X86_CODE_TYPES(CASE)
        CASE(Q2_0, q2_0, , , )
        CASE(Q2_0_G128, q2_0_g128, , , )
    case LUTRA_TYPE_Q1_0:
        lutra_bit_lookup_avx2(y, m, a, v, tile0, tile1);
        break;
    default:
        planes_tq(y, m, a, v, tile0, tile1);
        break; /* TQ1_0, TQ2_0 */
    }
}

/* ---- TERN ----
 * Triple table: per triple l[16] then h[16] bytes, entry = 31*h + l with l in -15..15, h in
 * -12..12. Eight entries (24 columns) add up inside a byte: l -120..120, h -96..96. vpsignb negates
 * where the top bit of the row's sign byte is set, and would make zero of an entry where the byte is
 * zero: see add_tern. */

enum { TRIP_BYTES = 32, TERN_RUN = 256 }; /* byte sums are u8 (bias 128): 257 of them fit a u16 */

static void trip_tables(uint8_t *tab, const int16_t *codes, int n)
{
    const __m256i a = _mm256_setr_epi16(0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0, 0);
    const __m256i b = _mm256_setr_epi16(0, 0, 1, 1, 1, -1, -1, -1, 0, 0, 0, 1, 1, 1, 0, 0);
    const __m256i c = _mm256_setr_epi16(0, 1, -1, 0, 1, -1, 0, 1, -1, 0, 1, -1, 0, 1, 0, 0);
    const __m256i half = _mm256_set1_epi16(512);
    for (int k = 0; k < n; k += 3, tab += TRIP_BYTES) {
        __m256i e = _mm256_sign_epi16(_mm256_set1_epi16(codes[k]), a);
        e = _mm256_add_epi16(e, _mm256_sign_epi16(_mm256_set1_epi16(codes[k + 1]), b));
        e = _mm256_add_epi16(e, _mm256_sign_epi16(_mm256_set1_epi16(codes[k + 2]), c));
        /* 33/1024 is near enough to 1/31: l stays within 15 for all |e| <= 381 */
        __m256i h = _mm256_add_epi16(e, _mm256_slli_epi16(e, 5));
        h = _mm256_srai_epi16(_mm256_add_epi16(h, half), 10);
        __m256i l = _mm256_add_epi16(_mm256_sub_epi16(e, _mm256_slli_epi16(h, 5)), h);
        __m256i both = _mm256_permute4x64_epi64(_mm256_packs_epi16(l, h), 0xD8);
        _mm256_storeu_si256((__m256i *)tab, both);
    }
}

/* 32 rows of u8 sums widened without shuffles: all = even + 256*odd (mod 2^16), odd apart. */
struct wide {
    __m256i all, odd;
};

X86_INLINE void widen(struct wide *w, __m256i bytes)
{
    w->all = _mm256_add_epi16(w->all, bytes);
    w->odd = _mm256_add_epi16(w->odd, _mm256_srli_epi16(bytes, 8));
}

X86_INLINE void add_triple(__m256i *l, __m256i *h, __m256i index, __m256i sign, const uint8_t *tab)
{
    __m256i el = _mm256_shuffle_epi8(x86_load_twice(tab), index);
    __m256i eh = _mm256_shuffle_epi8(x86_load_twice(tab + 16), index);
    *l = _mm256_add_epi8(*l, _mm256_sign_epi8(el, sign));
    *h = _mm256_add_epi8(*h, _mm256_sign_epi8(eh, sign));
    X86_PIN(*l);
    X86_PIN(*h);
}

/* 24 columns of 32 rows. The first sign byte has a one at its end, so it is not zero; the second is
 * the sum of both, 2*s + 1 or, for odd s, 2*s: not zero either, and the ones behind the signs still to
 * come (bit 7 of the last at most 6 doublings later) keep all the others so. */
X86_INLINE void add_tern(struct wide *wl, struct wide *wh, const uint8_t *p, const uint8_t *tab)
{
    const __m256i nibble = _mm256_set1_epi8(15), one = _mm256_set1_epi8(1);
    __m256i l = _mm256_set1_epi8(-128), h = l, signs = x86_load(p);
    __m256i sign = _mm256_or_si256(signs, one);
    for (int i = 0; i < 4; i++, tab += 2 * TRIP_BYTES) {
        __m256i x = x86_load(p + 32 + 32 * i);
        add_triple(&l, &h, _mm256_and_si256(x, nibble), sign, tab);
        sign = _mm256_add_epi8(sign, i ? sign : signs);
        x = _mm256_and_si256(_mm256_srli_epi16(x, 4), nibble);
        add_triple(&l, &h, x, sign, tab + TRIP_BYTES);
        if (i < 3) sign = _mm256_add_epi8(sign, sign);
    }
    widen(wl, l);
    widen(wh, h);
}

/* sum[row] += the widened sums of `runs` byte sums, bias taken off. */
static void flush_wide(int32_t *sum, const struct wide *w, int weight, int runs)
{
    uint16_t even[16], odd[16];
    _mm256_storeu_si256((__m256i *)even, _mm256_sub_epi16(w->all, _mm256_slli_epi16(w->odd, 8)));
    _mm256_storeu_si256((__m256i *)odd, w->odd);
    for (int i = 0; i < 16; i++) {
        sum[2 * i] += weight * (even[i] - 128 * runs);
        sum[2 * i + 1] += weight * (odd[i] - 128 * runs);
    }
}

static void tern_tile(int32_t *sum, const uint8_t *tile, const uint8_t *tab, int units)
{
    const __m256i zero = _mm256_setzero_si256();
    const uint8_t *p = tile + 4 * LUTRA_TERN_ROWS;
    memset(sum, 0, LUTRA_TERN_ROWS * sizeof *sum);
    while (units > 0) {
        int run = units < TERN_RUN ? units : TERN_RUN;
        struct wide wl = {zero, zero}, wh = {zero, zero};
        for (int u = 0; u < run; u++, p += 160, tab += 8 * TRIP_BYTES) {
            x86_prefetch_tables(p, 160);
            add_tern(&wl, &wh, p, tab);
        }
        flush_wide(sum, &wl, 1, run);
        flush_wide(sum, &wh, 31, run);
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

void lutra_lut_init_avx2(struct lutra_ops *ops)
{
    ops->quad_tables = quad_tables;
    ops->trip_tables = trip_tables;
    ops->trip_bytes = TRIP_BYTES;
    ops->planes_lookup = planes_lookup;
    ops->tern_lookup = tern_lookup;
    ops->bits_lookup = lutra_bits_lookup_avx2;
    lutra_mm_init_avx2(ops);
}
