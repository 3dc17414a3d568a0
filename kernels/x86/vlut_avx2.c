/* SPDX-License-Identifier: MIT */
/* Base-3 weights and single bits by vector tables with AVX2: many vectors at once.
 *
 * Base 3, vectors of int8 codes. A table has one row for each of the 27 values of a triple: the sums of its
 * three codes, of 32 vectors side by side in int16. A lookup is two adds from memory, 96 products;
 * nothing is multiplied and nothing shuffled:
 *
 *   for 32 vectors / for a strip of rows / for 48 columns: offsets of the rows' triples are made,
 *       codes turned about, 16 tables built, 27 KB
 *       for a row: 16 x (offset, two adds), on int16 sums that wait in L2
 *
 * A sum is at most 3 * 127 = 381 in size, so 80 of them (30480) fit int16; then they go to int32.
 *
 * One bit. A table has a row for each of the 16 values of a quad, sums of plus or minus its four codes: a lookup is
 * 128 products, and what adds up over a group, 2*S - X, is what its scale meets. It fits int16 where the magnitudes
 * of the group's codes add up to no more than 32767, so nearly everywhere. Else high and low bytes have their
 * turns: 128 * 32 and 128 * 128. */
#include "kernels/lut_init.h"
#include "kernels/ops.h"
#include "kernels/x86/vlut_x86.h"
#include "kernels/x86/x86.h"

enum {
    WIDTH = VLUT_WIDTH,
    DEEP = 16,                  /* triples that have tables at a time */
    HALF = LUTRA_TERN_K / 3,    /* triples of a unit, of UNIT bytes: the last tables may be so few */
    UNIT = 5 * LUTRA_TERN_ROWS,
    RUN = 5,                    /* times DEEP lookups before int16 sums go to int32 */
    ROWS = 1024,                 /* of a strip */
    PAD = 32, /* offsets of neighbouring triples do not share a cache set */
    ROW_BYTES = VLUT_ROW,
    TABLE_BYTES = VLUT_TABLE,
    BIT_GROUP = VLUT_BIT_GROUP,
    BIT_DEEP = 8, /* one bit: quads that have tables at a time: 8 KB */
    BIT_TABLE = 16 * ROW_BYTES
};

struct vlut {
    uint8_t tables[DEEP * TABLE_BYTES];
    vlut_column x[BIT_GROUP];
    uint8_t at[DEEP / HALF][ROWS + PAD][HALF]; /* 8 * value of each row's triples */
    vlut_column part[ROWS]; /* sums */
    vlut_column high[ROWS]; /* one bit: part of high bytes */
    union vlut_sum sum[ROWS];
};

/* ---- offsets ---- */

/* Bytes of eight triples of 32 rows turned about: eight bytes of each row, rows in order. */
X86_INLINE void put_offsets(uint8_t (*dst)[8], const __m256i *v)
{
    __m256i a[8], b[8];
    X86_UNROLL
    for (int i = 0; i < 4; i++) { /* triples 2i, 2i+1 of rows 0-7 and 16-23; of rows 8-15 and 24-31 */
        a[i] = _mm256_unpacklo_epi8(v[2 * i], v[2 * i + 1]);
        a[4 + i] = _mm256_unpackhi_epi8(v[2 * i], v[2 * i + 1]);
    }
    X86_UNROLL
    for (int i = 0; i < 4; i++) { /* triples 4(i%2) .. of four rows and four more */
        b[i] = _mm256_unpacklo_epi16(a[2 * i], a[2 * i + 1]);
        b[4 + i] = _mm256_unpackhi_epi16(a[2 * i], a[2 * i + 1]);
    }
    X86_UNROLL
    for (int i = 0; i < 8; i++) { /* all eight of rows 2i, 2i+1 and 16 more */
        const int at = i / 4 * 2 + i / 2 % 2 * 4;
        __m256i x = i % 2 ? _mm256_unpackhi_epi32(b[at], b[at + 1]) : _mm256_unpacklo_epi32(b[at], b[at + 1]);
        _mm_store_si128((__m128i *)(void *)dst[2 * i], _mm256_castsi256_si128(x));
        _mm_store_si128((__m128i *)(void *)dst[16 + 2 * i], _mm256_extracti128_si256(x, 1));
    }
}

/* Eight triples of 32 rows: index |9a+3b+c| and sign become 8 * (9a+3b+c + 13), at most 208. */
static void unit_offsets(uint8_t (*at)[8], const uint8_t *unit)
{
    const __m256i nibble = _mm256_set1_epi8(15), zero = _mm256_setzero_si256();
    const __m256i middle = _mm256_set1_epi8(13);
    __m256i sign = x86_load(unit), v[HALF];
    X86_UNROLL
    for (int i = 0; i < HALF; i++) {
        __m256i x = x86_load(unit + 32 + 32 * (i / 2));
        __m256i index = _mm256_and_si256(i & 1 ? _mm256_srli_epi16(x, 4) : x, nibble);
        __m256i neg = _mm256_cmpgt_epi8(zero, sign);
        index = _mm256_sub_epi8(_mm256_xor_si256(index, neg), neg);
        v[i] = _mm256_slli_epi16(_mm256_add_epi8(index, middle), 3);
        sign = _mm256_add_epi8(sign, sign);
    }
    put_offsets(at, v);
}

/* Bytes into a tile of the unit that column k begins. */
static size_t unit_at(const struct lutra_mat *m, int k)
{
    return 4 * LUTRA_TERN_ROWS + (size_t)(k / LUTRA_TERN_K) * m->unit_bytes;
}

/* `units` units from column k on, of tiles [tile0, tile1). */
static void strip_offsets(struct vlut *s, const struct lutra_mat *m, int tile0, int tile1, int k,
                          int units)
{
    const size_t from = unit_at(m, k);
    for (int t = tile0; t < tile1; t++) {
        const uint8_t *unit = lutra_mat_tile(m, t) + from;
        for (int u = 0; u < units; u++, unit += m->unit_bytes)
            unit_offsets(s->at[u] + (t - tile0) * LUTRA_TERN_ROWS, unit);
    }
}

/* ---- tables ---- */

X86_INLINE void put_three(uint8_t *t, __m256i sum, __m256i c)
{
    _mm256_store_si256((__m256i *)(void *)t, _mm256_sub_epi16(sum, c));
    _mm256_store_si256((__m256i *)(void *)(t + ROW_BYTES), sum);
    _mm256_store_si256((__m256i *)(void *)(t + 2 * ROW_BYTES), _mm256_add_epi16(sum, c));
}

/* Row 9(a+1) + 3(b+1) + (c+1) holds the sums of weights a, b, c. */
static void build_table(uint8_t *table, vlut_column *x)
{
    for (int half = 0; half < 2; half++) {
        __m256i a = x86_load(x[0] + 16 * half), b = x86_load(x[1] + 16 * half);
        __m256i c = x86_load(x[2] + 16 * half), zero = _mm256_setzero_si256();
        __m256i first[3] = {_mm256_sub_epi16(zero, a), zero, a};
        uint8_t *t = table + 32 * half;
        for (int i = 0; i < 3; i++, t += 9 * ROW_BYTES) {
            put_three(t, _mm256_sub_epi16(first[i], b), c);
            put_three(t + 3 * ROW_BYTES, first[i], c);
            put_three(t + 6 * ROW_BYTES, _mm256_add_epi16(first[i], b), c);
        }
    }
}

/* ---- sums ---- */

/* part[row] += `deep` lookups; deep is a constant of the caller. The units that are next, of the first tile at
 * `next`, are fetched tile by tile meanwhile: into L2, as tables fill L1. */
X86_INLINE void add_rows(struct vlut *s, const uint8_t *next, size_t tile_bytes, int n_rows, int deep)
{
    const uint8_t *at = s->at[0][0];
    int16_t *part = s->part[0];
    for (int r = 0; r < n_rows; r++, at += HALF, part += WIDTH) {
        if (r % LUTRA_TERN_ROWS == 0) {
            for (int b = 0; b <= UNIT * DEEP / HALF; b += 64) _mm_prefetch((const char *)next + b, _MM_HINT_T1);
            next += tile_bytes;
        }
        __m256i lo = x86_load(part), hi = x86_load(part + 16);
        uint64_t index = 0; /* of eight triples in one load: one for each would take turns with those of tables */
        X86_UNROLL
        for (int i = 0; i < deep; i++) {
            if (i % HALF == 0) memcpy(&index, at + i / HALF * sizeof s->at[0], sizeof index);
            const uint8_t *t = s->tables + i * TABLE_BYTES + 8 * (index & 255);
            index >>= 8;
            lo = _mm256_add_epi16(lo, x86_load(t));
            hi = _mm256_add_epi16(hi, x86_load(t + 32));
            X86_PIN(lo);
            X86_PIN(hi);
        }
        _mm256_store_si256((__m256i *)(void *)part, lo);
        _mm256_store_si256((__m256i *)(void *)(part + 16), hi);
    }
}

X86_INLINE void add_sixteen(int32_t *sum, int16_t *part)
{
    __m256i x = x86_load(part), *to = (__m256i *)(void *)sum;
    __m256i lo = _mm256_cvtepi16_epi32(_mm256_castsi256_si128(x));
    __m256i hi = _mm256_cvtepi16_epi32(_mm256_extracti128_si256(x, 1));
    _mm256_store_si256(to, _mm256_add_epi32(_mm256_load_si256(to), lo));
    _mm256_store_si256(to + 1, _mm256_add_epi32(_mm256_load_si256(to + 1), hi));
    _mm256_store_si256((__m256i *)(void *)part, _mm256_setzero_si256());
}

/* int16 sums to int32. */
static void flush(struct vlut *s, int n_rows)
{
    int16_t *part = s->part[0];
    int32_t *sum = s->sum[0].i;
    for (int i = 0; i < n_rows * WIDTH; i += 16) add_sixteen(sum + i, part + i);
}

/* Tiles [tile0, tile1), at most ROWS rows, times vectors [v0, v0 + count), at most WIDTH. */
static void strip(struct vlut *s, float *y, size_t y_stride, const struct lutra_mat *m,
                  const struct lutra_act *a, int v0, int count, int tile0, int tile1)
{
    int n_rows = (tile1 - tile0) * LUTRA_TERN_ROWS, end = lutra_tern_k_pad(m->n_cols), units;
    memset(s->part, 0, (size_t)n_rows * sizeof s->part[0]);
    memset(s->sum, 0, (size_t)n_rows * sizeof s->sum[0]);
    for (int k = 0, run = 1; k < end; k += units * LUTRA_TERN_K, run++) {
        units = vlut_min(DEEP / HALF, (end - k) / LUTRA_TERN_K);
        strip_offsets(s, m, tile0, tile1, k, units);
        vlut_put_codes(s->x, a, v0, count, k, units * LUTRA_TERN_K);
        for (int i = 0; i < units * HALF; i++)
            build_table(s->tables + i * TABLE_BYTES, s->x + 3 * i);
        const uint8_t *next = lutra_mat_tile(m, tile0) + unit_at(m, k + units * LUTRA_TERN_K);
        if (units * HALF == DEEP)
            add_rows(s, next, m->tile_bytes, n_rows, DEEP);
        else
            add_rows(s, next, m->tile_bytes, n_rows, HALF);
        if (run % RUN == 0 || k + units * LUTRA_TERN_K == end) flush(s, n_rows);
    }
    vlut_store(y, y_stride, s->sum, m, a, v0, count, tile0 * LUTRA_TERN_ROWS, n_rows);
}

/* ---- one bit ---- */

/* Which bytes of the codes take part. */
enum bit_part { BIT_ALL, BIT_HIGH, BIT_LOW };

/* Do the magnitudes of any vector's codes in x add up to more than int16 holds? */
static bool bits_are_wide(vlut_column *x)
{
    __m256i most = _mm256_setzero_si256();
    for (int half = 0; half < WIDTH; half += 16) {
        __m256i sum = _mm256_setzero_si256();
        for (int i = 0; i < BIT_GROUP; i++)
            sum = _mm256_adds_epu16(sum, _mm256_abs_epi16(x86_load(x[i] + half)));
        most = _mm256_or_si256(most, sum);
    }
    return !_mm256_testz_si256(most, _mm256_set1_epi16(INT16_MIN));
}

/* Row e of a table: the sum of code i where bit i of e is set, of its negative where not. */
static void build_bits(uint8_t *table, vlut_column *x, enum bit_part part)
{
    const __m256i zero = _mm256_setzero_si256();
    for (int half = 0; half < 2; half++) {
        __m256i c[4], two[2][4];
        for (int i = 0; i < 4; i++) {
            c[i] = x86_load(x[i] + 16 * half);
            __m256i high = _mm256_srai_epi16(_mm256_add_epi16(c[i], _mm256_set1_epi16(128)), 8);
            if (part == BIT_HIGH) c[i] = high;
            if (part == BIT_LOW) c[i] = _mm256_sub_epi16(c[i], _mm256_slli_epi16(high, 8));
        }
        for (int i = 0; i < 2; i++) {
            two[i][3] = _mm256_add_epi16(c[2 * i], c[2 * i + 1]);
            two[i][1] = _mm256_sub_epi16(c[2 * i], c[2 * i + 1]);
            two[i][2] = _mm256_sub_epi16(zero, two[i][1]);
            two[i][0] = _mm256_sub_epi16(zero, two[i][3]);
        }
        for (int e = 0; e < 16; e++)
            _mm256_store_si256((__m256i *)(void *)(table + ROW_BYTES * e + 32 * half),
                               _mm256_add_epi16(two[0][e & 3], two[1][e >> 2]));
    }
}

/* to[0..8) += d * (lo + 256 * hi). */
X86_INLINE void add_eight(float *to, __m256 d, __m128i lo, const int16_t *hi)
{
    __m256i x = _mm256_cvtepi16_epi32(lo);
    if (hi) {
        __m256i h = _mm256_cvtepi16_epi32(_mm_load_si128((const __m128i *)(const void *)hi));
        x = _mm256_add_epi32(x, _mm256_slli_epi32(h, 8));
    }
    _mm256_store_ps(to, _mm256_add_ps(_mm256_load_ps(to), _mm256_mul_ps(d, _mm256_cvtepi32_ps(x))));
}

/* BIT_DEEP lookups for the 32 rows of a tile, whose codes lie slot by slot: into `part`, or, the last of a group,
 * times d into the float sums. `first`, `last` and `wide` are constants of the caller. */
X86_INLINE void add_bits(struct vlut *s, vlut_column *part, int row0, const uint8_t *codes, const float *d,
                         bool first, bool last, bool wide)
{
    for (int slot = 0; slot < LUTRA_BIT_ROWS; slot++, codes++) {
        const int row = row0 + ((slot & 3) | (slot & 16) >> 2 | (slot & 12) << 1); /* see lutra_bit_slot */
        __m256i lo = _mm256_setzero_si256(), hi = lo;
        if (!first) {
            lo = x86_load(part[row]);
            hi = x86_load(part[row] + 16);
        }
        X86_UNROLL
        for (int i = 0; i < BIT_DEEP; i++) {
            const unsigned both = codes[32 * (i / 2)], e = i & 1 ? both >> 4 : both & 15;
            const uint8_t *t = s->tables + i * BIT_TABLE + ROW_BYTES * e;
            lo = _mm256_add_epi16(lo, x86_load(t));
            hi = _mm256_add_epi16(hi, x86_load(t + 32));
            X86_PIN(lo);
            X86_PIN(hi);
        }
        if (!last) {
            _mm256_store_si256((__m256i *)(void *)part[row], lo);
            _mm256_store_si256((__m256i *)(void *)(part[row] + 16), hi);
            continue;
        }
        const __m256 by = _mm256_broadcast_ss(d + row - row0);
        const int16_t *high = s->high[row];
        float *sum = s->sum[row].f;
        add_eight(sum, by, _mm256_castsi256_si128(lo), wide ? high : NULL);
        add_eight(sum + 8, by, _mm256_extracti128_si256(lo, 1), wide ? high + 8 : NULL);
        add_eight(sum + 16, by, _mm256_castsi256_si128(hi), wide ? high + 16 : NULL);
        add_eight(sum + 24, by, _mm256_extracti128_si256(hi, 1), wide ? high + 24 : NULL);
    }
}

/* Columns of a group, whose codes are in x, of tiles [tile0, tile1); `from` bytes into a tile is its unit. */
static void bit_group(struct vlut *s, const struct lutra_mat *m, int tile0, int tile1, size_t from,
                      enum bit_part part)
{
    vlut_column *sums = part == BIT_HIGH ? s->high : s->part;
    for (int k = 0; k < BIT_GROUP; k += 4 * BIT_DEEP) {
        const bool last = k + 4 * BIT_DEEP == BIT_GROUP && part != BIT_HIGH;
        for (int i = 0; i < BIT_DEEP; i++) build_bits(s->tables + i * BIT_TABLE, s->x + k + 4 * i, part);
        for (int t = tile0, row = 0; t < tile1; t++, row += LUTRA_BIT_ROWS) {
            const uint8_t *unit = lutra_mat_tile(m, t) + from, *codes = unit + m->scale_bytes + 4 * k;
            float d[LUTRA_BIT_ROWS];
            _mm_prefetch((const char *)codes + 16 * BIT_DEEP, _MM_HINT_T0);
            _mm_prefetch((const char *)codes + 16 * BIT_DEEP + 64, _MM_HINT_T0);
            if (!last) {
                if (k == 0)
                    add_bits(s, sums, row, codes, NULL, true, false, false);
                else
                    add_bits(s, sums, row, codes, NULL, false, false, false);
                continue;
            }
            _mm_prefetch((const char *)codes + 16 * BIT_DEEP + 128, _MM_HINT_T0);
            for (int i = 0; i < LUTRA_BIT_ROWS; i += 8)
                _mm256_storeu_ps(d + i, _mm256_cvtph_ps(_mm_loadu_si128((const __m128i *)(unit + 2 * i))));
            if (part == BIT_LOW)
                add_bits(s, sums, row, codes, d, false, true, true);
            else
                add_bits(s, sums, row, codes, d, false, true, false);
        }
    }
}

/* As strip. */
static void bit_strip(struct vlut *s, float *y, size_t y_stride, const struct lutra_mat *m,
                      const struct lutra_act *a, int v0, int count, int tile0, int tile1)
{
    const int n_rows = (tile1 - tile0) * LUTRA_BIT_ROWS;
    size_t from = 0;
    memset(s->sum, 0, (size_t)n_rows * sizeof s->sum[0]);
    for (int k = 0; k < m->n_cols; k += BIT_GROUP, from += m->unit_bytes) {
        vlut_put_codes(s->x, a, v0, count, k, BIT_GROUP);
        const bool wide = bits_are_wide(s->x);
        if (wide) bit_group(s, m, tile0, tile1, from, BIT_HIGH);
        bit_group(s, m, tile0, tile1, from, wide ? BIT_LOW : BIT_ALL);
    }
    vlut_store(y, y_stride, s->sum, m, a, v0, count, tile0 * LUTRA_BIT_ROWS, n_rows);
}

static void vector_lookup(float *y, size_t y_stride, const struct lutra_mat *m,
                          const struct lutra_act *a, int v0, int v1, int tile0, int tile1,
                          void *scratch)
{
    const int tiles = ROWS / LUTRA_TERN_ROWS;
    for (int v = v0; v < v1; v += WIDTH)
        for (int t = tile0; t < tile1; t += tiles)
            (m->kind == LUTRA_MAT_TERN ? strip : bit_strip)(scratch, y, y_stride, m, a, v, vlut_min(WIDTH, v1 - v),
                                                            t, vlut_min(t + tiles, tile1));
}

void lutra_vlut_init_avx2(struct lutra_ops *ops)
{
    ops->vector_lookup = vector_lookup;
    ops->vector_scratch = sizeof(struct vlut);
}
