/* SPDX-License-Identifier: MIT */
/* Base-3 weights by vector tables with AVX2: many vectors of int8 codes at once.
 *
 * A table has one row for each of the 27 values of a triple of weights: the sums of the triple's
 * three codes, of 32 vectors side by side in int16. A lookup is two adds from memory, 96 products;
 * nothing is multiplied and nothing shuffled:
 *
 *   for 32 vectors / for a strip of rows / for 48 columns: offsets of the rows' triples are made,
 *       codes turned about, 16 tables built, 27 KB
 *       for a row: 16 x (offset, two adds), on int16 sums that wait in L2
 *
 * A sum is at most 3 * 127 = 381 in size, so 80 of them (30480) fit int16; then they go to int32. */
#include "kernels/lut_init.h"
#include "kernels/ops.h"
#include "kernels/x86/x86.h"

enum {
    WIDTH = 32,                 /* vectors side by side */
    DEEP = 16,                  /* triples that have tables at a time */
    HALF = LUTRA_TERN_K / 3,    /* triples of a unit: the last tables may be so few */
    RUN = 5,                    /* times DEEP lookups before int16 sums go to int32 */
    ROWS = 1024,                 /* of a strip */
    PAD = 32, /* offsets of neighbouring triples do not share a cache set */
    VALUES = 27,
    ROW_BYTES = 2 * WIDTH,
    TABLE_BYTES = VALUES * ROW_BYTES /* constants: a stride in a register costs half the speed */
};

struct vlut {
    uint8_t tables[DEEP * TABLE_BYTES];
    int16_t x[3 * DEEP][WIDTH]; /* codes, column by column */
    uint16_t at[DEEP][ROWS + PAD];    /* 64 * value of each row's triple */
    int16_t part[ROWS][WIDTH];
    int32_t sum[ROWS][WIDTH];
};

static int min_int(int a, int b)
{
    return a < b ? a : b;
}

/* ---- offsets ---- */

/* 16 bytes v of each half -> 64 * v, rows in order. */
X86_INLINE void put_offsets(uint16_t *dst, __m256i value)
{
    const __m256i zero = _mm256_setzero_si256();
    __m256i v = _mm256_permute4x64_epi64(value, 0xD8);
    _mm256_store_si256((__m256i *)dst, _mm256_srli_epi16(_mm256_unpacklo_epi8(zero, v), 2));
    _mm256_store_si256((__m256i *)(dst + 16), _mm256_srli_epi16(_mm256_unpackhi_epi8(zero, v), 2));
}

/* Eight triples of 32 rows: index |9a+3b+c| and sign become 9a+3b+c + 13. */
static void unit_offsets(uint16_t (*at)[ROWS + PAD], int row, const uint8_t *unit)
{
    const __m256i nibble = _mm256_set1_epi8(15), zero = _mm256_setzero_si256();
    const __m256i middle = _mm256_set1_epi8(13);
    __m256i sign = x86_load(unit);
    for (int i = 0; i < HALF; i++) {
        __m256i x = x86_load(unit + 32 + 32 * (i / 2));
        __m256i index = _mm256_and_si256(i & 1 ? _mm256_srli_epi16(x, 4) : x, nibble);
        __m256i neg = _mm256_cmpgt_epi8(zero, sign);
        index = _mm256_sub_epi8(_mm256_xor_si256(index, neg), neg);
        put_offsets(at[i] + row, _mm256_add_epi8(index, middle));
        sign = _mm256_add_epi8(sign, sign);
    }
}

/* `units` units from column k on, of tiles [tile0, tile1). */
static void strip_offsets(struct vlut *s, const struct lutra_mat *m, int tile0, int tile1, int k,
                          int units)
{
    size_t from = 4 * LUTRA_TERN_ROWS + (size_t)(k / LUTRA_TERN_K) * m->unit_bytes;
    for (int t = tile0; t < tile1; t++) {
        const uint8_t *unit = lutra_mat_tile(m, t) + from;
        _mm_prefetch((const char *)unit + 2 * m->unit_bytes, _MM_HINT_T0);
        for (int u = 0; u < units; u++, unit += m->unit_bytes)
            unit_offsets(s->at + HALF * u, (t - tile0) * LUTRA_TERN_ROWS, unit);
    }
}

/* ---- tables ---- */

static const int16_t no_codes[3 * DEEP];

/* Eight codes of eight vectors, turned about: dst[column][vector]. */
X86_INLINE void turn_eight(int16_t (*dst)[WIDTH], const int16_t *const *rows, int k)
{
    __m128i r[8], t[8];
    X86_UNROLL
    for (int i = 0; i < 8; i++)
        r[i] = _mm_loadu_si128((const __m128i *)(const void *)(rows[i] + k));
    X86_UNROLL
    for (int i = 0; i < 4; i++) {
        t[2 * i] = _mm_unpacklo_epi16(r[2 * i], r[2 * i + 1]);
        t[2 * i + 1] = _mm_unpackhi_epi16(r[2 * i], r[2 * i + 1]);
    }
    X86_UNROLL
    for (int i = 0; i < 2; i++) {
        r[4 * i] = _mm_unpacklo_epi32(t[4 * i], t[4 * i + 2]);
        r[4 * i + 1] = _mm_unpackhi_epi32(t[4 * i], t[4 * i + 2]);
        r[4 * i + 2] = _mm_unpacklo_epi32(t[4 * i + 1], t[4 * i + 3]);
        r[4 * i + 3] = _mm_unpackhi_epi32(t[4 * i + 1], t[4 * i + 3]);
    }
    X86_UNROLL
    for (int i = 0; i < 4; i++) {
        _mm_store_si128((__m128i *)(void *)dst[2 * i], _mm_unpacklo_epi64(r[i], r[4 + i]));
        _mm_store_si128((__m128i *)(void *)dst[2 * i + 1], _mm_unpackhi_epi64(r[i], r[4 + i]));
    }
}

/* n columns (a multiple of 8) from k on, of vectors [v0, v0 + count); the rest of 32 are zeros. */
static void put_codes(struct vlut *s, const struct lutra_act *a, int v0, int count, int k, int n)
{
    for (int v = 0; v < WIDTH; v += 8) {
        const int16_t *rows[8];
        for (int i = 0; i < 8; i++)
            rows[i] = v + i < count ? a->codes + (size_t)(v0 + v + i) * (size_t)a->k_pad + k
                                    : no_codes;
        for (int j = 0; j < n; j += 8)
            turn_eight((int16_t(*)[WIDTH])(void *)(s->x[j] + v), rows, j);
    }
}

X86_INLINE void put_three(uint8_t *t, __m256i sum, __m256i c)
{
    _mm256_store_si256((__m256i *)(void *)t, _mm256_sub_epi16(sum, c));
    _mm256_store_si256((__m256i *)(void *)(t + ROW_BYTES), sum);
    _mm256_store_si256((__m256i *)(void *)(t + 2 * ROW_BYTES), _mm256_add_epi16(sum, c));
}

/* Row 9(a+1) + 3(b+1) + (c+1) holds the sums of weights a, b, c. */
static void build_table(uint8_t *table, int16_t (*x)[WIDTH])
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

/* part[row] += `deep` lookups; deep is a constant of the caller. */
X86_INLINE void add_rows(struct vlut *s, int n_rows, int deep)
{
    const uint16_t *at = s->at[0];
    int16_t *part = s->part[0];
    for (int r = 0; r < n_rows; r++, at++, part += WIDTH) {
        __m256i lo = x86_load(part), hi = x86_load(part + 16);
        X86_UNROLL
        for (int i = 0; i < deep; i++) {
            const uint8_t *t = s->tables + i * TABLE_BYTES + at[i * (ROWS + PAD)];
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
    int32_t *sum = s->sum[0];
    for (int i = 0; i < n_rows * WIDTH; i += 16) add_sixteen(sum + i, part + i);
}

/* ---- results ---- */

/* Eight rows of eight vectors, as floats, turned about: out[vector] = rows. */
X86_INLINE void turn_floats(__m256 *out, int32_t (*sum)[WIDTH], int v, float scale)
{
    const __m256 d = _mm256_set1_ps(scale), zero = _mm256_setzero_ps();
    __m256 r[8], t[8];
    X86_UNROLL
    for (int i = 0; i < 8; i++)
        r[i] = _mm256_add_ps(zero, _mm256_mul_ps(d, _mm256_cvtepi32_ps(x86_load(sum[i] + v))));
    X86_UNROLL
    for (int i = 0; i < 4; i++) {
        t[2 * i] = _mm256_unpacklo_ps(r[2 * i], r[2 * i + 1]);
        t[2 * i + 1] = _mm256_unpackhi_ps(r[2 * i], r[2 * i + 1]);
    }
    X86_UNROLL
    for (int i = 0; i < 2; i++) {
        r[4 * i] = _mm256_shuffle_ps(t[4 * i], t[4 * i + 2], 0x44);
        r[4 * i + 1] = _mm256_shuffle_ps(t[4 * i], t[4 * i + 2], 0xee);
        r[4 * i + 2] = _mm256_shuffle_ps(t[4 * i + 1], t[4 * i + 3], 0x44);
        r[4 * i + 3] = _mm256_shuffle_ps(t[4 * i + 1], t[4 * i + 3], 0xee);
    }
    X86_UNROLL
    for (int i = 0; i < 4; i++) {
        out[i] = _mm256_permute2f128_ps(r[i], r[4 + i], 0x20);
        out[4 + i] = _mm256_permute2f128_ps(r[i], r[4 + i], 0x31);
    }
}

/* Eight vectors from v on (`count` of them wanted), rows row .. row + n_rows of the matrix. */
static void store_eight(float *y, size_t y_stride, const __m256 *out, const float *scale, int count,
                        int n_rows)
{
    for (int i = 0; i < count && i < 8; i++, y += y_stride) {
        __m256 r = _mm256_mul_ps(out[i], _mm256_set1_ps(scale[i]));
        float eight[8];
        if (n_rows >= 8) {
            _mm256_storeu_ps(y, r);
            continue;
        }
        _mm256_storeu_ps(eight, r);
        memcpy(y, eight, (size_t)n_rows * sizeof *y);
    }
}

/* The strip's rows, `row` of the matrix and on, times vectors [v0, v0 + count). */
static void store_strip(float *y, size_t y_stride, struct vlut *s, const struct lutra_mat *m,
                        const struct lutra_act *a, int v0, int count, int row, int n_rows)
{
    for (int r = 0; r < n_rows && row + r < m->n_rows; r += 8)
        for (int v = 0; v < count; v += 8) {
            __m256 out[8];
            turn_floats(out, s->sum + r, v, m->scale);
            store_eight(y + (size_t)(v0 + v) * y_stride + row + r, y_stride, out,
                        a->scale + v0 + v, count - v, m->n_rows - row - r);
        }
}

/* Tiles [tile0, tile1), at most ROWS rows, times vectors [v0, v0 + count), at most WIDTH. */
static void strip(struct vlut *s, float *y, size_t y_stride, const struct lutra_mat *m,
                  const struct lutra_act *a, int v0, int count, int tile0, int tile1)
{
    int n_rows = (tile1 - tile0) * LUTRA_TERN_ROWS, end = lutra_tern_k_pad(m->n_cols), units;
    memset(s->part, 0, (size_t)n_rows * sizeof s->part[0]);
    memset(s->sum, 0, (size_t)n_rows * sizeof s->sum[0]);
    for (int k = 0, run = 1; k < end; k += units * LUTRA_TERN_K, run++) {
        units = min_int(DEEP / HALF, (end - k) / LUTRA_TERN_K);
        strip_offsets(s, m, tile0, tile1, k, units);
        put_codes(s, a, v0, count, k, units * LUTRA_TERN_K);
        for (int i = 0; i < units * HALF; i++)
            build_table(s->tables + i * TABLE_BYTES, s->x + 3 * i);
        if (units * HALF == DEEP)
            add_rows(s, n_rows, DEEP);
        else
            add_rows(s, n_rows, HALF);
        if (run % RUN == 0 || k + units * LUTRA_TERN_K == end) flush(s, n_rows);
    }
    store_strip(y, y_stride, s, m, a, v0, count, tile0 * LUTRA_TERN_ROWS, n_rows);
}

static void vector_lookup(float *y, size_t y_stride, const struct lutra_mat *m,
                          const struct lutra_act *a, int v0, int v1, int tile0, int tile1,
                          void *scratch)
{
    const int tiles = ROWS / LUTRA_TERN_ROWS;
    for (int v = v0; v < v1; v += WIDTH)
        for (int t = tile0; t < tile1; t += tiles)
            strip(scratch, y, y_stride, m, a, v, min_int(WIDTH, v1 - v), t,
                  min_int(t + tiles, tile1));
}

void lutra_vlut_init_avx2(struct lutra_ops *ops)
{
    ops->vector_lookup = vector_lookup;
    ops->vector_scratch = sizeof(struct vlut);
}
