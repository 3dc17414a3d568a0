/* SPDX-License-Identifier: MIT */
/* Base-3 weights (TRIO) and single bits by vector tables with AVX-512: many vectors at once.
 *
 * A row of a table is one register, sums of 32 vectors side by side in int16, and a lookup one addition from
 * memory: of the 27 values of a triple 96 products, of the 32 values of five bits 160. What a core loads, 64 bytes
 * a cycle, is the limit, so all else is kept away from the lookups:
 *
 *   for 64 vectors / for a strip of rows / for 48 columns (one bit: 64 of 128): indices of the rows become bytes,
 *       8 * index, which an address scales to 64
 *       for 32 vectors: codes are turned about, 16 tables (13) built, 27 KB
 *           for a row: 16 (13) additions on int16 sums that wait in L2
 *
 * Base 3: int16 sums go to int32 when the magnitudes of the codes that met them might add up to more than 32767, at the
 * earliest after 5 times 48 columns of 127, of real activations after about 30.
 *
 * One bit: 64 columns are twelve times five and four. What adds up over a group of 128, 2*S - X, is what its scale
 * meets. It fits int16 where the magnitudes of the group's codes add up to no more than 32767, so nearly
 * everywhere. Else high and low bytes have their turns: 128 * 32 and 128 * 128. */
#include "kernels/ops.h"
#include "kernels/x86/tern_avx512.h"
#include "kernels/x86/vlut_x86.h"
#include "kernels/x86/x86_init.h"

enum {
    BLOCKS = 2,  /* times 32 vectors that share indices */
    ROWS = 3072, /* of a strip: tables are built for each, sums of one bit are 800 KB. Llama-3B, CPU ms per token of
                    1536, 2048, 2560, 3072, 4096 rows: 9.0 8.9 8.8 8.8 8.7 */
    PAD = 32,    /* indices of other columns do not share a cache set */
    NARROW = 16, /* vectors that half a row is enough for */
    TRIPLES = LUTRA_TRIO_K / 3,
    FIVES = 13,  /* of 64 columns: twelve times five, and four */
    HALF = VLUT_BIT_GROUP / 2,
    AT_BYTES = 8 * (ROWS + PAD),
    BIT_TABLE = 32 * VLUT_ROW
};

struct vlut {
    uint8_t tables[TRIPLES * VLUT_TABLE];
    vlut_column x[VLUT_BIT_GROUP];
    uint8_t at[4][ROWS + PAD][8]; /* 8 * index: base 3 twice eight; one bit eight and five of each half of a group */
    float d[ROWS];
    vlut_column part[BLOCKS][ROWS]; /* sums; one bit: of all or of low bytes, and of high ones */
    union vlut_sum sum[BLOCKS][ROWS];
};
_Static_assert(FIVES * BIT_TABLE <= TRIPLES * VLUT_TABLE, "tables of 64 bits need no more room");

/* A running sum stays one: compilers would make a tree of the additions, and load rows apart from them. */
#define PIN(v) __asm__("" : "+v"(v))

X512_INLINE void store(void *p, __m512i v)
{
    _mm512_store_si512(p, v);
}

/* Sums of the magnitudes of n codes of each vector, at most 65535. */
static __attribute__((noinline)) __m512i magnitudes(const vlut_column *x, int n)
{
    __m512i sum = _mm512_setzero_si512();
    for (int i = 0; i < n; i++) sum = _mm512_adds_epu16(sum, _mm512_abs_epi16(x512_load(x[i])));
    return sum;
}

/* Is one of them more than int16 holds? */
static bool too_wide(__m512i sums)
{
    return _mm512_movepi16_mask(sums) != 0;
}

/* sum += n lookups, of a row whose indices are at `at`; of the first 16 vectors if `narrow`, as a core loads twice as
 * many half rows. n, narrow and the size of a table are constants of the caller. Eight indices are one load: a load
 * for each would take turns with those of the tables. */
X512_INLINE __m512i look_up(__m512i sum, const uint8_t *tables, size_t bytes, const uint8_t *at, int n, bool narrow)
{
    uint64_t index = 0;
    X512_UNROLL
    for (int i = 0; i < n; i++, tables += bytes, index >>= 8) {
        if (i % 8 == 0) memcpy(&index, at + i / 8 * AT_BYTES, sizeof index);
        const uint8_t *row = tables + 8 * (index & 255);
        sum = narrow ? _mm512_castsi256_si512(_mm256_add_epi16(
                           _mm512_castsi512_si256(sum), _mm256_load_si256((const __m256i *)(const void *)row)))
                     : _mm512_add_epi16(sum, x512_load(row));
        PIN(sum);
    }
    return sum;
}

/* Block b of `count` vectors from v0 on, rows of tile0 and on. */
static void store_block(float *y, size_t y_stride, const struct vlut *s, const struct lutra_mat *m,
                        const struct lutra_act *a, int v0, int count, int b, int tile0, int n_rows)
{
    const int v = b * VLUT_WIDTH;
    vlut_store(y, y_stride, s->sum[b], m, a, v0 + v, vlut_min(count - v, VLUT_WIDTH), tile0 * m->tile_rows, n_rows);
}

/* ---- base 3 ---- */

/* 48 columns from k on of tiles [tile0, tile1). */
static void trio_offsets(struct vlut *s, const struct lutra_mat *m, int tile0, int tile1, int k)
{
    const __m512i five = _mm512_set1_epi8((char)0xF8);
    for (int strip = 2 * tile0, row = 0; strip < 2 * tile1; strip++, row += 32) {
        __m512i index[2][4];
        tern_indices(index, tern_at(m, strip, k));
        X512_UNROLL
        for (int half = 0; half < 2; half++) {
            X512_UNROLL
            for (int i = 0; i < 4; i++)
                index[half][i] = _mm512_and_si512(_mm512_slli_epi16(index[half][i], 3), five);
            X512_UNROLL
            for (int i = 0; i < 2; i++) {
                const __m512i a = index[half][2 * i], b = index[half][2 * i + 1];
                store(s->at[i][row + 16 * half], _mm512_unpacklo_epi32(a, b));
                store(s->at[i][row + 16 * half + 8], _mm512_unpackhi_epi32(a, b));
            }
        }
    }
}

X512_INLINE void put_three(uint8_t *t, __m512i sum, __m512i c)
{
    store(t, _mm512_sub_epi16(sum, c));
    store(t + VLUT_ROW, sum);
    store(t + 2 * VLUT_ROW, _mm512_add_epi16(sum, c));
}

/* Row 9(a+1) + 3(b+1) + (c+1) holds the sums of weights a, b, c. */
static void build_trio(uint8_t *t, const vlut_column *x)
{
    const __m512i a = x512_load(x[0]), b = x512_load(x[1]), c = x512_load(x[2]);
    const __m512i zero = _mm512_setzero_si512(), first[3] = {_mm512_sub_epi16(zero, a), zero, a};
    X512_UNROLL
    for (int i = 0; i < 3; i++, t += 9 * VLUT_ROW) {
        put_three(t, _mm512_sub_epi16(first[i], b), c);
        put_three(t + 3 * VLUT_ROW, first[i], c);
        put_three(t + 6 * VLUT_ROW, _mm512_add_epi16(first[i], b), c);
    }
}

/* part[row] += 16 lookups. The 48 columns that are next, of the first tile at `next`, are fetched tile by tile
 * meanwhile: into L2, as tables fill L1. */
static void add_trios(struct vlut *s, vlut_column *part, const struct lutra_mat *m, const uint8_t *next, int tiles)
{
    const uint8_t *at = s->at[0][0];
    for (int t = 0; t < tiles; t++, next += m->tile_bytes) {
        for (int b = 0; b < 2 * LUTRA_TRIO_HALF; b += 64) _mm_prefetch((const char *)next + b, _MM_HINT_T1);
        for (int r = 0; r < LUTRA_TRIO_ROWS; r++, at += 8, part++)
            store(part, look_up(x512_load(part), s->tables, VLUT_TABLE, at, TRIPLES, false));
    }
}

/* int16 sums to int32. */
static void flush(union vlut_sum *sum, vlut_column *part, int n_rows)
{
    for (int r = 0; r < n_rows; r++)
        for (int v = 0; v < VLUT_WIDTH; v += 16) {
            __m512i x = _mm512_cvtepi16_epi32(_mm256_load_si256((const __m256i *)(void *)(part[r] + v)));
            store(sum[r].i + v, _mm512_add_epi32(x512_load(sum[r].i + v), x));
        }
    memset(part, 0, (size_t)n_rows * sizeof *part);
}

/* Tiles [tile0, tile1), at most ROWS rows, times vectors [v0, v0 + count), at most BLOCKS * 32. */
static void trio_strip(struct vlut *s, float *y, size_t y_stride, const struct lutra_mat *m,
                       const struct lutra_act *a, int v0, int count, int tile0, int tile1)
{
    const int n_rows = (tile1 - tile0) * LUTRA_TRIO_ROWS, end = lutra_trio_k_pad(m->n_cols);
    const int blocks = (count + VLUT_WIDTH - 1) / VLUT_WIDTH;
    __m512i used[BLOCKS]; /* magnitudes that may be in part */
    for (int b = 0; b < blocks; b++) {
        memset(s->part[b], 0, (size_t)n_rows * sizeof s->part[b][0]);
        memset(s->sum[b], 0, (size_t)n_rows * sizeof s->sum[b][0]);
        used[b] = _mm512_setzero_si512();
    }
    for (int k = 0; k < end; k += LUTRA_TRIO_K) {
        trio_offsets(s, m, tile0, tile1, k);
        for (int b = 0; b < blocks; b++) {
            vlut_put_codes(s->x, a, v0 + VLUT_WIDTH * b, count - VLUT_WIDTH * b, k, LUTRA_TRIO_K);
            for (int i = 0; i < TRIPLES; i++) build_trio(s->tables + i * VLUT_TABLE, s->x + 3 * i);
            const __m512i more = magnitudes(s->x, LUTRA_TRIO_K);
            used[b] = _mm512_adds_epu16(used[b], more);
            if (too_wide(used[b])) {
                flush(s->sum[b], s->part[b], n_rows);
                used[b] = more;
            }
            add_trios(s, s->part[b], m, tern_at(m, 2 * tile0, k + LUTRA_TRIO_K), tile1 - tile0);
        }
    }
    for (int b = 0; b < blocks; b++) {
        flush(s->sum[b], s->part[b], n_rows);
        store_block(y, y_stride, s, m, a, v0, count, b, tile0, n_rows);
    }
}

/* ---- one bit ---- */

/* Byte index into 4 octets of 32 rows, slot by slot: 4 bytes of each of the rows 16*half .., the even pairs of
 * lanes rows 0-7, the odd ones 8-15, so that unpacking leaves eight rows in order. */
X512_INLINE __m512i half_rows(int half)
{
    uint8_t t[64];
    for (int i = 0; i < 64; i++) {
        const int lane = i / 16, j = i / 4 % 4;
        t[i] = (uint8_t)(32 * (i % 4) + lutra_bit_slot(16 * half + 8 * (j / 2) + 2 * lane + j % 2));
    }
    return x512_load(t);
}

/* Bits 5*first .. of a row's 64, five in the upper bits of each of eight bytes. */
X512_INLINE __m512i five_bits(int first)
{
    uint8_t t[64];
    for (int i = 0; i < 64; i++) t[i] = (uint8_t)((5 * (first + i % 8) - 3) & 63);
    return x512_load(t);
}

/* 64 columns of 32 rows. */
X512_INLINE void half_offsets(uint8_t (*at)[ROWS + PAD][8], int row, const uint8_t *codes)
{
    const __m512i five = _mm512_set1_epi8((char)0xF8);
    __m512i z[4];
    X512_UNROLL
    for (int i = 0; i < 4; i++) z[i] = x512_load(codes + 64 * i);
    X512_UNROLL
    for (int half = 0; half < 2; half++) {
        const __m512i a = _mm512_permutex2var_epi8(z[0], half_rows(half), z[1]);
        const __m512i b = _mm512_permutex2var_epi8(z[2], half_rows(half), z[3]);
        X512_UNROLL
        for (int i = 0; i < 2; i++) {
            const __m512i q = i ? _mm512_unpackhi_epi32(a, b) : _mm512_unpacklo_epi32(a, b);
            const int r = row + 16 * half + 8 * i;
            store(at[0][r], _mm512_and_si512(_mm512_multishift_epi64_epi8(five_bits(0), q), five));
            store(at[1][r], _mm512_and_si512(_mm512_multishift_epi64_epi8(five_bits(8), q), five));
        }
    }
}

/* The group whose unit is `from` bytes into tiles [tile0, tile1): indices and scales. */
static void bit_offsets(struct vlut *s, const struct lutra_mat *m, int tile0, int tile1, size_t from)
{
    for (int t = tile0, row = 0; t < tile1; t++, row += LUTRA_BIT_ROWS) {
        const uint8_t *unit = lutra_mat_tile(m, t) + from;
        for (int i = 0; i < LUTRA_BIT_ROWS; i += 16) _mm512_store_ps(s->d + row + i, x512_halves(unit + 2 * i));
        for (int half = 0; half < 2; half++)
            half_offsets(s->at + 2 * half, row, unit + m->scale_bytes + half * HALF / 8 * LUTRA_BIT_ROWS);
    }
}

/* Row e of a table: the sum of code i where bit i of e is set, of its negative where not. */
static void build_five(uint8_t *t, const vlut_column *x, __m512i fifth)
{
    __m512i two[2][4];
    X512_UNROLL
    for (int i = 0; i < 2; i++) {
        const __m512i a = x512_load(x[2 * i]), b = x512_load(x[2 * i + 1]), zero = _mm512_setzero_si512();
        two[i][3] = _mm512_add_epi16(a, b);
        two[i][1] = _mm512_sub_epi16(a, b);
        two[i][2] = _mm512_sub_epi16(zero, two[i][1]);
        two[i][0] = _mm512_sub_epi16(zero, two[i][3]);
    }
    X512_UNROLL
    for (int e = 0; e < 16; e++) {
        const __m512i four = _mm512_add_epi16(two[0][e & 3], two[1][e >> 2]);
        store(t + VLUT_ROW * e, _mm512_sub_epi16(four, fifth));
        store(t + VLUT_ROW * (16 + e), _mm512_add_epi16(four, fifth));
    }
}

/* Of 64 columns; the last table has no fifth, and its halves are alike, as any bit may stand above the other four. */
static void build_bits(uint8_t *tables, const vlut_column *x)
{
    for (int i = 0; i < FIVES - 1; i++) build_five(tables + i * BIT_TABLE, x + 5 * i, x512_load(x[5 * i + 4]));
    build_five(tables + (FIVES - 1) * BIT_TABLE, x + 5 * (FIVES - 1), _mm512_setzero_si512());
}

/* to[0..16) += d * (lo + 256 * hi). */
X512_INLINE void add_sixteen(float *to, __m512 d, __m256i lo, const int16_t *hi)
{
    __m512i x = _mm512_cvtepi16_epi32(lo);
    if (hi) {
        const __m512i h = _mm512_cvtepi16_epi32(_mm256_load_si256((const __m256i *)(const void *)hi));
        x = _mm512_add_epi32(x, _mm512_slli_epi32(h, 8));
    }
    _mm512_store_ps(to, x512_add_product(_mm512_load_ps(to), d, _mm512_cvtepi32_ps(x)));
}

/* What becomes of a row's sums: the first half of a group leaves them in part, the second adds to part, or adds what
 * comes out, times d, to the float sums; with high bytes, or all of it. */
enum bit_end { BIT_PART, BIT_MORE, BIT_SUM, BIT_WIDE_SUM };

/* 13 lookups for each row; `end` is a constant of the caller. `next` as in add_trios. */
X512_INLINE void add_bits(struct vlut *s, vlut_column *part, union vlut_sum *sums, int half, enum bit_end end,
                          const struct lutra_mat *m, const uint8_t *next, int tiles, bool narrow)
{
    const uint8_t *at = s->at[2 * half][0];
    for (int r = 0; r < LUTRA_BIT_ROWS * tiles; r++, at += 8, part++, sums++) {
        if (r % LUTRA_BIT_ROWS == 0) {
            for (size_t b = 0; b < m->unit_bytes; b += 64) _mm_prefetch((const char *)next + b, _MM_HINT_T1);
            next += m->tile_bytes;
        }
        __m512i sum = end == BIT_PART ? _mm512_setzero_si512() : x512_load(part);
        sum = look_up(sum, s->tables, BIT_TABLE, at, FIVES, narrow);
        if (end <= BIT_MORE) {
            store(part, sum);
            continue;
        }
        const __m512 d = _mm512_set1_ps(s->d[r]);
        const int16_t *high = end == BIT_WIDE_SUM ? s->part[1][r] : NULL;
        add_sixteen(sums->f, d, _mm512_castsi512_si256(sum), high);
        if (!narrow) add_sixteen(sums->f + 16, d, _mm512_extracti64x4_epi64(sum, 1), high ? high + 16 : NULL);
    }
}

/* Both halves of a group, whose codes are in x, of vectors of block b. */
X512_INLINE void bit_group(struct vlut *s, int b, enum bit_end end, const struct lutra_mat *m, const uint8_t *next,
                           int tiles, bool narrow)
{
    vlut_column *part = s->part[end == BIT_MORE]; /* of high bytes alone */
    build_bits(s->tables, s->x);
    add_bits(s, part, s->sum[b], 0, BIT_PART, m, next, tiles, narrow);
    build_bits(s->tables, s->x + HALF);
    add_bits(s, part, s->sum[b], 1, end, m, next, tiles, narrow);
}

/* Codes become their high or their low bytes. */
static void keep_bytes(vlut_column *x, bool high)
{
    for (int i = 0; i < VLUT_BIT_GROUP; i++) {
        const __m512i c = x512_load(x[i]), h = tern_high_byte(c);
        store(x[i], high ? h : _mm512_sub_epi16(c, _mm512_slli_epi16(h, 8)));
    }
}

/* As trio_strip. */
static void bit_strip(struct vlut *s, float *y, size_t y_stride, const struct lutra_mat *m,
                      const struct lutra_act *a, int v0, int count, int tile0, int tile1)
{
    const int tiles = tile1 - tile0, n_rows = tiles * LUTRA_BIT_ROWS;
    size_t from = 0;
    for (int b = 0; b * VLUT_WIDTH < count; b++) memset(s->sum[b], 0, (size_t)n_rows * sizeof s->sum[b][0]);
    for (int k = 0; k < m->n_cols; k += VLUT_BIT_GROUP, from += m->unit_bytes) {
        const uint8_t *next = lutra_mat_tile(m, tile0) + from + m->unit_bytes;
        bit_offsets(s, m, tile0, tile1, from);
        for (int b = 0, v = 0; v < count; b++, v += VLUT_WIDTH) {
            vlut_put_codes(s->x, a, v0 + v, count - v, k, VLUT_BIT_GROUP);
            if (too_wide(magnitudes(s->x, VLUT_BIT_GROUP))) {
                keep_bytes(s->x, true);
                bit_group(s, b, BIT_MORE, m, next, tiles, false);
                vlut_put_codes(s->x, a, v0 + v, count - v, k, VLUT_BIT_GROUP);
                keep_bytes(s->x, false);
                bit_group(s, b, BIT_WIDE_SUM, m, next, tiles, false);
            } else if (count - v > NARROW) {
                bit_group(s, b, BIT_SUM, m, next, tiles, false);
            } else {
                bit_group(s, b, BIT_SUM, m, next, tiles, true);
            }
        }
    }
    for (int b = 0; b * VLUT_WIDTH < count; b++) store_block(y, y_stride, s, m, a, v0, count, b, tile0, n_rows);
}

static void vector_lookup(float *y, size_t y_stride, const struct lutra_mat *m,
                          const struct lutra_act *a, int v0, int v1, int tile0, int tile1,
                          void *scratch)
{
    for (int v = v0, some; v < v1; v += some) {
        some = x512_share(v1 - v, BLOCKS * VLUT_WIDTH, VLUT_WIDTH);
        for (int t = tile0, tiles; t < tile1; t += tiles) {
            tiles = x512_share(tile1 - t, ROWS / m->tile_rows, 1);
            (m->kind == LUTRA_MAT_TERN ? trio_strip : bit_strip)(scratch, y, y_stride, m, a, v, some, t, t + tiles);
        }
    }
}

void lutra_vlut_init_avx512(struct lutra_ops *ops)
{
    ops->vector_lookup = vector_lookup;
    ops->vector_scratch = sizeof(struct vlut);
}
