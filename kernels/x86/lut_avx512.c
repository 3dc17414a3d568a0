/* SPDX-License-Identifier: MIT */
/* Tables and lookups with AVX-512 VBMI and VNNI.
 *
 * vpermb looks up 64 bytes at once in 64 entries, by the low 6 bits of each index byte; vpdpbusd
 * multiplies the four entries of a row with the weights of their planes and adds them to the row's
 * int32. There is nothing to widen or to bound, and the rows are in order. */
#include "kernels/ops.h"
#include "kernels/x86/code_types.h"
#include "kernels/x86/fetch.h"
#include "kernels/x86/x86_init.h"
#include "kernels/x86/x512.h"

/* ---- quad tables ---- */

/* pshufb index for two quads: code i of the quad (an int16) into the entries that have bit i, zero
 * elsewhere. */
X512_INLINE __m512i bit_shuffle(int i)
{
    int8_t s[64];
    for (int e = 0; e < 32; e++) {
        int at = 2 * (i + e / 16 * 4);
        s[2 * e] = (int8_t)(e >> i & 1 ? at : -1);
        s[2 * e + 1] = (int8_t)(e >> i & 1 ? at + 1 : -1);
    }
    return x512_load(s);
}

/* vpermb index: the low bytes of 16 words, then their high bytes, for two quads. */
X512_INLINE __m512i low_then_high(void)
{
    uint8_t s[64];
    for (int i = 0; i < 64; i++) s[i] = (uint8_t)(i / 32 * 32 + i % 16 * 2 + (i / 16 & 1));
    return x512_load(s);
}

/* Entries plus 128: the high byte is then the one that goes with a signed low byte, and the low
 * byte has its top bit turned. */
X512_INLINE __m512i two_quads(__m128i eight)
{
    const __m512i low_top = _mm512_maskz_set1_epi64(0x33, (int64_t)0x8080808080808080u);
    __m512i c = _mm512_broadcast_i32x4(eight), e = _mm512_set1_epi16(128);
    for (int i = 0; i < 4; i++) e = _mm512_add_epi16(e, _mm512_shuffle_epi8(c, bit_shuffle(i)));
    return _mm512_xor_si512(_mm512_permutexvar_epi8(low_then_high(), e), low_top);
}

static void quad_tables(uint8_t *tab, const int16_t *codes, int n)
{
    int k = 0;
    for (; k + 8 <= n; k += 8, tab += 64)
        _mm512_storeu_si512(tab, two_quads(_mm_loadu_si128((const __m128i *)(codes + k))));
    if (k < n) {
        __m512i t = two_quads(_mm_loadl_epi64((const __m128i *)(codes + k)));
        _mm256_storeu_si256((__m256i *)tab, _mm512_castsi512_si256(t));
    }
}

/* ---- PLANES ---- */

struct sums {
    __m512i low[2],
        high[2]; /* int32 per row, of low and high bytes; two of each to halve the chain */
};

X512_INLINE void add_entries(struct sums *s, int i, __m512i weights, __m512i index, __m512i lo,
                             __m512i hi)
{
    s->low[i] = _mm512_dpbusd_epi32(s->low[i], weights, _mm512_permutexvar_epi8(index, lo));
    s->high[i] = _mm512_dpbusd_epi32(s->high[i], weights, _mm512_permutexvar_epi8(index, hi));
}

/* Planes 0-3 of an octet, 64 bytes. lo and hi are 64 bytes of the step's table, 16 apart, so that
 * one index finds the low byte in one and the high byte in the other; the first quad is at `at`,
 * the second 32 further. (Four vbroadcasti32x4 would need no `at`, but each takes a shuffle.) */
X512_INLINE void add_octet(struct sums *s, const uint8_t *codes, const uint8_t *lo,
                           const uint8_t *hi, int at)
{
    const __m512i weights = x512_four_bytes(1, 2, 4, 8), nibble = _mm512_set1_epi8(15);
    __m512i x = x512_rows_of(x512_load(codes)), y = _mm512_srli_epi16(x, 4);
    x = x512_and_or(x, nibble, _mm512_set1_epi8((char)at));
    y = x512_and_or(y, nibble, _mm512_set1_epi8((char)(at + 32)));
    add_entries(s, 0, weights, x, x512_load(lo), x512_load(hi));
    add_entries(s, 1, weights, y, x512_load(lo), x512_load(hi));
}

/* The low bytes of all four quads of a step in one register, the high bytes in another. */
struct quads {
    __m512i lo, hi;
};

X512_INLINE struct quads step_quads(const uint8_t *tab)
{
    __m512i a = x512_load(tab), b = x512_load(tab + 64);
    struct quads q = {_mm512_shuffle_i64x2(a, b, 0x88), _mm512_shuffle_i64x2(a, b, 0xDD)};
    return q;
}

/* One plane pair of both octets: lane of row r = octet 0 (plane, plane + 1), octet 1 likewise. */
X512_INLINE void add_pair(struct sums *s, __m512i x, __m512i weights, struct quads q)
{
    const __m512i nibble = _mm512_set1_epi8(15);
    __m512i even = x512_and_or(x, nibble, x512_four_bytes(0, 0, 32, 32));
    __m512i odd = x512_and_or(_mm512_srli_epi16(x, 4), nibble, x512_four_bytes(16, 16, 48, 48));
    add_entries(s, 0, weights, even, q.lo, q.hi);
    add_entries(s, 1, weights, odd, q.lo, q.hi);
}

/* The last of an odd number of planes, 32 bytes: lane of row r = octets 0, 1 for their first quads
 * and again for their second. */
X512_INLINE void add_last(struct sums *s, const uint8_t *codes, int weight, struct quads q)
{
    __m512i x = x512_rows_twice(x512_load_half(codes));
    x = _mm512_srlv_epi16(x, _mm512_set1_epi32(4 << 16));
    x = x512_and_or(x, _mm512_set1_epi8(15), x512_four_bytes(0, 32, 16, 48));
    add_entries(s, 0, _mm512_set1_epi8((char)weight), x, q.lo, q.hi);
}

X512_INLINE __m512i pair_weights(int weight)
{
    return x512_four_bytes(weight, 2 * weight, weight, 2 * weight);
}

/* One step of 16 columns; tab points at its four quads; first: weights of the lowest pair of planes,
 * up to three bits. */
X512_INLINE void add_step(struct sums *s, const uint8_t *codes, int bits, const uint8_t *tab,
                          __m512i first)
{
    if (bits >= 4) {
        const int octet = bits / 2 * 32;
        add_octet(s, codes, tab, tab + 16, 0);
        add_octet(s, codes + octet, tab + 48, tab + 64, 16);
    } else {
        add_pair(s, x512_rows_of(x512_load(codes)), first, step_quads(tab));
    }
    if (bits == 6) {
        __m512i x = x512_load_halves(codes + 64, codes + 160);
        add_pair(s, x512_rows_of(x), pair_weights(16), step_quads(tab));
    }
    if (bits & 1) add_last(s, codes + bits / 2 * 64, 1 << (bits - 1), step_quads(tab));
}

/* low + 256 * high - minus */
X512_INLINE __m512i whole_sum(struct sums s, int32_t minus)
{
    __m512i low = _mm512_add_epi32(s.low[0], s.low[1]);
    __m512i high = _mm512_add_epi32(s.high[0], s.high[1]);
    __m512i sum = _mm512_add_epi32(low, _mm512_slli_epi32(high, 8));
    return _mm512_sub_epi32(sum, _mm512_set1_epi32(minus));
}

/* a + b * c in int32 */
X512_INLINE __m512i add_weighed(__m512i a, __m512i b, __m512i c)
{
    return _mm512_add_epi32(a, _mm512_mullo_epi32(b, c));
}

/* One tile. bits, group and kind are constants of every caller, so that each type gets its own loop.
 * sc of two bits weighs the entries: 2 * 15 fits a byte, and a run is one sum. */
X512_INLINE __m512 planes_tile(const struct lutra_mat *m, const uint8_t *unit, const uint8_t *tab,
                               const int32_t *sums, int bits, int group, enum lutra_scale_kind kind)
{
    const bool is_super = kind != LUTRA_SCALE_F16 && kind != LUTRA_SCALE_F16_MIN;
    const bool has_min = x512_has_min(kind), folded = kind == LUTRA_SCALE_SUB_MIN4;
    const int unit_k = is_super ? 256 : group, steps = group / 16, run = x512_run(bits, group, kind);
    const struct sums none = {{_mm512_setzero_si512(), _mm512_setzero_si512()},
                              {_mm512_setzero_si512(), _mm512_setzero_si512()}};
    __m512 acc = _mm512_setzero_ps();
    for (int k = 0; k < m->n_cols; k += unit_k, unit += m->unit_bytes) {
        __m512 d = x512_halves(unit), dmin = d;
        const uint8_t *codes = unit + m->scale_bytes;
        __m512i total = _mm512_setzero_si512(), minima = total, first = pair_weights(1);
        struct sums s = none;
        x512_prefetch_tables(unit, m->scale_bytes);
        if (has_min) dmin = x512_halves(unit + 32);
        for (int g = 0; g < unit_k / group; g++) {
            const bool ends = (g + 1) * group % run == 0;
            int32_t x = 0;
            if (folded) /* (sc, 2 * sc, sc, 2 * sc) of every row */
                first = _mm512_mullo_epi32(x512_group_sc(kind, unit, g), pair_weights(1));
            for (int i = 0; i < steps; i++, codes += 32 * bits, tab += 128) {
                x512_prefetch_tables(codes, 32 * (size_t)bits);
                add_step(&s, codes, bits, tab, first);
                x += *sums++;
            }
            const __m512i all = _mm512_set1_epi32(x);
            if (run != group && has_min)
                minima = add_weighed(minima, x512_group_mn(kind, unit, g), all);
            if (folded && !ends) continue;
            const __m512i sum = whole_sum(s, has_min ? 0 : m->offset * x);
            s = none;
            if (run == group) {
                acc = x512_add_product(acc, x512_group_d(kind, unit, g, d), _mm512_cvtepi32_ps(sum));
                if (has_min) acc = x512_add_product(acc, dmin, _mm512_cvtepi32_ps(all));
                continue;
            }
            total = folded ? sum : add_weighed(total, x512_group_sc(kind, unit, g), sum);
            if (!ends) continue;
            acc = x512_add_product(acc, d, _mm512_cvtepi32_ps(total));
            if (has_min)
                acc = _mm512_sub_ps(acc, _mm512_mul_ps(dmin, _mm512_cvtepi32_ps(minima)));
            total = minima = _mm512_setzero_si512();
        }
    }
    return acc;
}

X512_INLINE void planes_tiles(float *y, const struct lutra_mat *m, const struct lutra_act *a, int v,
                              int tile0, int tile1, int bits, int group, enum lutra_scale_kind kind)
{
    const uint8_t *tab = a->quads + (size_t)v * a->quad_bytes;
    const int32_t *sums = a->sums + (size_t)v * (size_t)(a->k_pad / 16);
    for (int t = tile0; t < tile1; t++) {
        __m512 acc = planes_tile(m, lutra_mat_tile(m, t), tab, sums, bits, group, kind);
        acc = _mm512_mul_ps(acc, _mm512_set1_ps(a->scale[v]));
        x512_store_rows(y + t * LUTRA_TILE_ROWS, acc, m->n_rows - t * LUTRA_TILE_ROWS);
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

/* ---- PLANES of one bit: a step is 64 bytes, two octets of 32 rows ---- */

/* Rows of one half: lane of row r = octets 0, 1 for their first quads, again for their second. */
X512_INLINE void add_bits(struct sums *s, int i, __m512i codes, int half, struct quads q)
{
    __m512i x = _mm512_permutexvar_epi8(x512_bit_order(half, LUTRA_BIT_ROWS), codes);
    x = _mm512_srlv_epi16(x, _mm512_set1_epi32(4 << 16));
    x = x512_and_or(x, _mm512_set1_epi8(15), x512_four_bytes(0, 32, 16, 48));
    add_entries(s, i, _mm512_set1_epi8(1), x, q.lo, q.hi);
}

/* mul * S - minus as floats. */
X512_INLINE __m512 bit_floats(struct sums s, int mul, int32_t minus)
{
    __m512i sum = _mm512_mullo_epi32(whole_sum(s, 0), _mm512_set1_epi32(mul));
    return _mm512_cvtepi32_ps(_mm512_sub_epi32(sum, _mm512_set1_epi32(minus)));
}

X512_INLINE void bit_tile(__m512 acc[2], const struct lutra_mat *m, const uint8_t *unit,
                          const uint8_t *tab, const int32_t *sums)
{
    const __m512i zero = _mm512_setzero_si512();
    acc[0] = acc[1] = _mm512_setzero_ps();
    for (int k = 0; k < m->n_cols; k += m->unit_k, unit += m->unit_bytes) {
        const uint8_t *codes = unit + m->scale_bytes;
        struct sums s[2] = {{{zero, zero}, {zero, zero}}, {{zero, zero}, {zero, zero}}};
        int32_t x = 0;
        x512_prefetch_tables(unit, m->scale_bytes);
        for (int i = 0; i < m->unit_k; i += 2 * LUTRA_STEP_K) {
            X512_UNROLL
            for (int j = 0; j < 2; j++, codes += 64, tab += 128) {
                const struct quads q = step_quads(tab);
                const __m512i two = x512_load(codes);
                x512_prefetch_tables(codes, 64);
                add_bits(&s[0], j, two, 0, q);
                add_bits(&s[1], j, two, 1, q);
                x += *sums++;
            }
        }
        X512_UNROLL
        for (int half = 0; half < 2; half++)
            acc[half] = x512_add_product(acc[half], x512_halves(unit + 32 * half),
                                         bit_floats(s[half], m->mul, m->offset * x));
    }
}

static void planes_bits(float *y, const struct lutra_mat *m, const struct lutra_act *a, int v,
                        int tile0, int tile1)
{
    const uint8_t *tab = a->quads + (size_t)v * a->quad_bytes;
    const int32_t *sums = a->sums + (size_t)v * (size_t)(a->k_pad / 16);
    for (int t = tile0; t < tile1; t++) {
        __m512 acc[2];
        bit_tile(acc, m, lutra_mat_tile(m, t), tab, sums);
        for (int half = 0; half < 2; half++) {
            int row = t * LUTRA_BIT_ROWS + 16 * half;
            __m512 r = _mm512_mul_ps(acc[half], _mm512_set1_ps(a->scale[v]));
            if (row < m->n_rows) x512_store_rows(y + row, r, m->n_rows - row);
        }
    }
}

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
        planes_bits(y, m, a, v, tile0, tile1);
        break;
    default:
        planes_tq(y, m, a, v, tile0, tile1);
        break; /* TQ1_0, TQ2_0 */
    }
}

/* ---- TERN, in the layout of TRIO ----
 * Triple table: 32 int16 for each triple, as many rows looked up by one vpermw. A sum of 80 triples is
 * at most 80 * 3 * 127 = 30480, so it stays in int16 for five units of 48 columns; vpdpwssd with 1, 0
 * and 0, 1 then adds even and odd words to the rows' int32. 64 rows share a load of a table: tables are
 * more than L1 holds. */

enum { TRIP_BYTES = 64, UNIT_TRIPLES = LUTRA_TRIO_K / 3, WORD_UNITS = 5 };

/* Digit 0 (a), 1 or 2 of the indices 0..31, -1, 0 or 1; past 26 nobody asks. */
X512_INLINE __m512i trio_digit(int which)
{
    int16_t d[32];
    for (int i = 0; i < 32; i++)
        d[i] = (int16_t)((which == 0 ? i / 9 : which == 1 ? i / 3 : i) % 3 - 1);
    return x512_load(d);
}

static void trip_tables(uint8_t *tab, const int16_t *codes, int n)
{
    const __m512i a = trio_digit(0), b = trio_digit(1), c = trio_digit(2);
    for (int k = 0; k < n; k += 3, tab += TRIP_BYTES) {
        __m512i e = _mm512_mullo_epi16(a, _mm512_set1_epi16(codes[k]));
        e = _mm512_add_epi16(e, _mm512_mullo_epi16(b, _mm512_set1_epi16(codes[k + 1])));
        e = _mm512_add_epi16(e, _mm512_mullo_epi16(c, _mm512_set1_epi16(codes[k + 2])));
        _mm512_storeu_si512(tab, e);
    }
}

/* Entries of 32 rows by the low five bits of their words. */
X512_INLINE __m512i add_entry(__m512i sum, __m512i index, __m512i table)
{
    return _mm512_add_epi16(sum, _mm512_permutexvar_epi16(index, table));
}

/* Words down by 5 or by 10: a multiplication, for shuffles and shifts wait for the same ports. */
X512_INLINE __m512i word_down(__m512i w, int by)
{
    return _mm512_mulhi_epu16(w, _mm512_set1_epi16((int16_t)(1 << (16 - by))));
}

/* 48 columns of 64 rows. Both halves load a table themselves, as operands of vpermw: from memory a quarter
 * faster than to load it once into a register. */
X512_INLINE void add_trio(__m512i sum[2], const uint8_t *p, const uint8_t *tab, size_t far)
{
    const uint8_t *tabs[2] = {tab, tab};
    __m512i last[2];
    X512_FORGET(tabs[1]);
    X512_UNROLL
    for (int i = 0; i < 5; i++) {
        const int two = TRIP_BYTES * (i < 4 ? 2 * i : 12), third = TRIP_BYTES * (i < 4 ? 8 + i : 14);
        x512_prefetch_far(far, p + 128 * i, 128); /* all ten lines at once would wait for each other */
        X512_UNROLL
        for (int h = 0; h < 2; h++) {
            const __m512i w = x512_load(p + LUTRA_TRIO_HALF * h + 64 * i);
            sum[h] = add_entry(sum[h], w, x512_load(tabs[h] + two));
            sum[h] = add_entry(sum[h], word_down(w, 5), x512_load(tabs[h] + two + TRIP_BYTES));
            sum[h] = add_entry(sum[h], word_down(w, 10), x512_load(tabs[h] + third));
            last[h] = _mm512_shldi_epi16(i ? last[h] : w, w, 1); /* the top bits, one by one */
        }
    }
    X512_UNROLL
    for (int h = 0; h < 2; h++)
        sum[h] = add_entry(sum[h], last[h], x512_load(tabs[h] + TRIP_BYTES * 15));
}

/* S of 64 rows. */
static void trio_tile(__m512i sum[4], const uint8_t *p, const uint8_t *tab, size_t far, int units)
{
    const __m512i even = _mm512_set1_epi32(1), odd = _mm512_set1_epi32(1 << 16);
    const __m512i zero = _mm512_setzero_si512();
    __m512i s[2][2] = {{zero, zero}, {zero, zero}}; /* [half][even, odd words] */
    for (int u = 0, end; u < units; u = end) {
        __m512i words[2] = {zero, zero};
        end = u + WORD_UNITS < units ? u + WORD_UNITS : units;
        for (int i = u; i < end; i++, p += 2 * LUTRA_TRIO_HALF, tab += UNIT_TRIPLES * TRIP_BYTES)
            add_trio(words, p, tab, far);
        X512_UNROLL
        for (int h = 0; h < 2; h++) {
            s[h][0] = _mm512_dpwssd_epi32(s[h][0], words[h], even);
            s[h][1] = _mm512_dpwssd_epi32(s[h][1], words[h], odd);
        }
    }
    X512_UNROLL
    for (int h = 0; h < 2; h++) {
        sum[2 * h] = _mm512_unpacklo_epi32(s[h][0], s[h][1]);
        sum[2 * h + 1] = _mm512_unpackhi_epi32(s[h][0], s[h][1]);
    }
}

static void tern_lookup(float *y, const struct lutra_mat *m, const struct lutra_act *a, int v,
                        int tile0, int tile1)
{
    const uint8_t *tab = a->trips + (size_t)v * a->trip_bytes;
    const size_t far = a->fetch ? FETCH_FAR : X512_FAR;
    int units = lutra_trio_k_pad(m->n_cols) / LUTRA_TRIO_K;
    for (int t = tile0; t < tile1; t++) {
        __m512i sum[4];
        trio_tile(sum, lutra_mat_tile(m, t), tab, far, units);
        for (int i = 0; i < 4; i++) {
            int row = t * LUTRA_TRIO_ROWS + 16 * i;
            __m512 acc = x512_add_product(_mm512_setzero_ps(), _mm512_set1_ps(m->scale),
                                          _mm512_cvtepi32_ps(sum[i]));
            acc = _mm512_mul_ps(acc, _mm512_set1_ps(a->scale[v]));
            if (row < m->n_rows) x512_store_rows(y + row, acc, m->n_rows - row);
        }
    }
}

void lutra_lut_init_avx512(struct lutra_ops *ops)
{
    ops->quad_tables = quad_tables;
    ops->trip_tables = trip_tables;
    ops->trip_bytes = TRIP_BYTES;
    ops->planes_lookup = planes_lookup;
    ops->tern_lookup = tern_lookup;
    ops->packs_trio = true;
    ops->bits_lookup = lutra_bits_lookup_avx512;
    lutra_quint_init_avx512(ops);
    lutra_mm_init_avx512(ops);
    lutra_vlut_init_avx512(ops);
}
