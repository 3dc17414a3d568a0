/* SPDX-License-Identifier: MIT */
/* Integer products of many vectors with AMX: runs of columns of 32 rows are unpacked as for
 * AVX-512, and multiplied as tiles of 16 rows by up to 16 vectors.
 *
 *   A  codes of activations, bytes [vector][column]; a code of 14 bits is c = lo + 256 hi and passes
 *      as two planes of signed bytes, codes of int8 as one
 *   B  weights [quad of columns][half][16 rows][4], what vpdpbusd takes as well
 *   C  [vector][16 rows] int32, so that D and M of 16 rows meet it as they lie
 *
 * A product takes two streams of vectors (the two planes of up to 16 vectors, or two times 16
 * vectors) and two halves of rows: four products for four loads. n vectors are cut into tiles of
 * equally many, so that 17 cost as 9 + 8, not as 32.
 *
 * Scales per group empty the tiles after each group: C goes to memory, and D * S + M * X is added
 * there in AVX-512. Q2_K and Q3_K have their sub-scales in the bytes, so that a group is a run of 256 columns; M * X of
 * it is the sum of mn times the bytes of X. (Q4_K's and Q5_K's in two bytes, low + 8 * high, make 240 and 165 MAC/ns
 * of 128 vectors, AVX-512 262 and 229.) A group of 16 or 32 columns is a product of so many columns; tiles of 64
 * filled up with zeros would take as long and more memory. Base-3 weights have one sum per row,
 * which stays in C over a run and is loaded again for the next.
 *
 * Where the processor has no AMX, tests/check_amx.c runs this file's object with the instructions
 * emulated. When it is taken, choose.c says. */
#include "kernels/ops.h"
#include "kernels/x86/amx_tile.h"
#include "kernels/x86/panel_avx512.h"
#include "kernels/x86/tern_avx512.h"
#include "kernels/x86/x86_init.h"

enum {
    BLOCK = 256, /* vectors that share an unpacked run */
    STRIPS = 8,  /* of 32 rows in a band: its sums are 256 KB, 512 KB in two planes of base 3 */
    TILE = 16,   /* rows of a tile at most, and columns of C */
    TILE_K = 64, /* bytes in a row of A */
    SLACK = 64   /* codes are stored 64 at a time, 48 of them good */
};

/* Sums of both halves: [vector][half][16 rows] */
typedef int32_t sums_row[2][TILE];
enum { SUMS_STRIDE = sizeof(sums_row), B_STRIDE = 2 * 4 * TILE };

struct scratch {
    union {
        struct panel panel;      /* PLANES, I8 */
        struct tern_panel quads; /* TERN */
    } w;
    int8_t codes[2][BLOCK * TERN_K + SLACK]; /* low bytes, high bytes: [vector][column] */
    union panel_x x[BLOCK][PANEL_GROUPS];
    sums_row group[2][TILE];                 /* of a group: [stream][vector] */
    union {
        float floats[STRIPS][BLOCK][2][TILE];
        sums_row ints[2][STRIPS][BLOCK]; /* TERN: planes apart */
    } acc;
};
_Static_assert((int)TERN_K >= (int)PANEL_K && TERN_K % TILE_K == 0, "runs of both kinds");

/* What one call works on. */
struct work {
    struct scratch *s;
    const struct lutra_mat *m;
    const struct lutra_act *a;
    int v0, n;          /* the vectors of a block */
    int n_tiles, each;  /* tiles of vectors, vectors in each */
    int n_planes;       /* 2: codes wider than int8 */
    int group;          /* columns of a sum */
    int k_tile;         /* columns of a product */
    bool x_high;        /* an X of the run has a third byte */
};

static int min_int(int a, int b)
{
    return a < b ? a : b;
}

/* ---- tiles ---- */

/* Tiles 0-3: C of stream i / 2, half i % 2. Tiles 4, 5: A. Tiles 6, 7: B. */
static void configure(int n_vectors, int k)
{
    struct amx_shapes s = {.palette = 1};
    for (int i = 0; i < 8; i++) {
        s.n_rows[i] = (uint8_t)(i < 6 ? n_vectors : k / 4);
        s.row_bytes[i] = (uint16_t)(i == 4 || i == 5 ? k : 4 * TILE);
    }
    amx_configure(&s);
}

struct product {
    const int8_t *a[2]; /* of each stream, rows TERN_K apart */
    sums_row *c[2];
    const uint8_t *b;
    int n_streams, n_halves, steps; /* steps of k_tile columns */
    int k_tile;
    bool add; /* to what is in c */
};

X512_INLINE void begin_c(const struct product *p, int tile, int stream, int half)
{
    if (p->add)
        amx_load(tile, p->c[stream][0][half], SUMS_STRIDE);
    else
        amx_zero(tile);
}

static void multiply(const struct product *p)
{
    const bool streams = p->n_streams > 1, halves = p->n_halves > 1;
    begin_c(p, 0, 0, 0);
    if (halves) begin_c(p, 1, 0, 1);
    if (streams) begin_c(p, 2, 1, 0);
    if (streams && halves) begin_c(p, 3, 1, 1);
    for (int i = 0; i < p->steps; i++) {
        const size_t k = (size_t)(i * p->k_tile);
        const uint8_t *b = p->b + k / 4 * B_STRIDE;
        amx_load(4, p->a[0] + k, TERN_K);
        amx_load(6, b, B_STRIDE);
        amx_dot(0, 4, 6);
        if (halves) amx_load(7, b + B_STRIDE / 2, B_STRIDE);
        if (halves) amx_dot(1, 4, 7);
        if (!streams) continue;
        amx_load(5, p->a[1] + k, TERN_K);
        amx_dot(2, 5, 6);
        if (halves) amx_dot(3, 5, 7);
    }
    amx_store(0, p->c[0][0][0], SUMS_STRIDE);
    if (halves) amx_store(1, p->c[0][0][1], SUMS_STRIDE);
    if (streams) amx_store(2, p->c[1][0][0], SUMS_STRIDE);
    if (streams && halves) amx_store(3, p->c[1][0][1], SUMS_STRIDE);
}

/* Tiles of vectors in one product, from tile `t` on. */
static int tiles_at_once(const struct work *w, int t)
{
    return w->n_planes == 2 ? 1 : min_int(2, w->n_tiles - t);
}

/* The streams of those tiles from column k of the run on. */
static void set_streams(struct product *p, const struct work *w, int t, int at_once, int k)
{
    const int8_t *first = w->s->codes[0] + (size_t)(t * w->each * TERN_K + k);
    p->n_streams = w->n_planes == 2 ? 2 : at_once;
    p->a[0] = first;
    p->a[1] = w->n_planes == 2 ? first + sizeof w->s->codes[0] : first + w->each * TERN_K;
}

/* ---- scales per group: PLANES, I8 ---- */

/* What vector v has besides its codes, of the sums of 16 of a run. Minima of a run want the bytes of X. */
static void put_x(struct work *w, int v, const int32_t *sums, int n)
{
    union panel_x *x = w->s->x[v];
    if (panel_folded(w->m))
        w->x_high |= panel_run_x(x, (int8_t *)x, PANEL_GROUPS, w->m, sums);
    else
        panel_x(x, w->m, sums, n);
}

/* Columns [k, k + n) of the block's codes as bytes. */
static void copy_codes(struct work *w, int k, int n)
{
    struct scratch *s = w->s;
    const size_t pad = (size_t)w->a->k_pad;
    w->x_high = false;
    for (int v = 0; v < w->n; v++) {
        const int16_t *c = w->a->codes + (size_t)(w->v0 + v) * pad + k;
        for (int i = 0; i < n; i += 32) {
            const __m512i two = x512_load(c + i);
            __m256i *low = (__m256i *)(void *)(s->codes[0] + v * TERN_K + i);
            __m256i *high = (__m256i *)(void *)(s->codes[1] + v * TERN_K + i);
            _mm256_storeu_si256(low, _mm512_cvtepi16_epi8(two));
            if (w->n_planes == 2)
                _mm256_storeu_si256(high, _mm512_cvtepi16_epi8(tern_high_byte(two)));
        }
        put_x(w, v, w->a->sums + (size_t)(w->v0 + v) * (pad / 16) + k / 16, n);
    }
}

/* mn of a run times the bytes of X. */
X512_INLINE __m512i run_minima(const struct work *w, const __m512i *mn, const union panel_x *x)
{
    const int8_t *bytes = (const int8_t *)x;
    __m512i sum[2] = {_mm512_setzero_si512(), _mm512_setzero_si512()};
    for (int plane = w->x_high ? 2 : 1; plane >= 0; plane--) {
        X512_UNROLL
        for (int i = 0; i < 2; i++) sum[i] = _mm512_slli_epi32(sum[i], 8);
        X512_UNROLL
        for (int i = 0; i < PANEL_GROUPS / 4; i++) {
            int32_t four;
            memcpy(&four, bytes + PANEL_GROUPS * plane + 4 * i, sizeof four);
            sum[i % 2] = _mm512_dpbusd_epi32(sum[i % 2], mn[i], _mm512_set1_epi32(four));
        }
    }
    return _mm512_add_epi32(sum[0], sum[1]);
}

/* acc += D * S, then + M * X, for a half and the vectors [v, v + n), group g of the run; S is in group[i],
 * of 14-bit codes in both. What is added besides D * S is a constant of the caller. */
enum besides { START, X, RUN_X };

X512_INLINE void add_half(const struct work *w, float (*acc)[2][TILE], int half, int v, int n, int i, int g,
                          bool two, enum besides more)
{
    struct scratch *s = w->s;
    const __m512 d = _mm512_load_ps(s->w.panel.d[half][g]);
    const __m512 min = _mm512_load_ps(s->w.panel.m[half][g]);
    __m512i mn[PANEL_GROUPS / 4];
    for (int q = 0; q < PANEL_GROUPS / 4 && more == RUN_X; q++) mn[q] = x512_load(s->w.panel.mn[q][half]);
    for (int j = 0; j < n; j++) {
        __m512i sum = x512_load(s->group[i][j][half]);
        if (two) sum = _mm512_add_epi32(sum, _mm512_slli_epi32(x512_load(s->group[1][j][half]), 8));
        if (more == START) sum = _mm512_add_epi32(sum, _mm512_set1_epi32(s->x[v + j][g].start));
        __m512 f = x512_add_product(_mm512_load_ps(acc[v + j][half]), d, _mm512_cvtepi32_ps(sum));
        if (more == X) f = x512_add_product(f, min, _mm512_set1_ps(s->x[v + j][g].x));
        if (more == RUN_X) f = x512_add_product(f, min, _mm512_cvtepi32_ps(run_minima(w, mn, s->x[v + j])));
        _mm512_store_ps(acc[v + j][half], f);
    }
}

static void add_group(const struct work *w, int strip, int halves, int v, int n, int i, int g)
{
    float(*acc)[2][TILE] = w->s->acc.floats[strip];
    const bool two = w->n_planes == 2, has_min = x512_has_min(w->m->scales);
    for (int half = 0; half < halves; half++) {
        if (!has_min && two)
            add_half(w, acc, half, v, n, i, g, true, START);
        else if (!has_min)
            add_half(w, acc, half, v, n, i, g, false, START);
        else if (panel_folded(w->m))
            add_half(w, acc, half, v, n, i, g, two, RUN_X);
        else
            add_half(w, acc, half, v, n, i, g, two, X);
    }
}

/* All vectors of the block over the n columns in the panel. */
static void group_strip(const struct work *w, int strip, int halves, int n)
{
    const int group = w->group;
    struct product p = {.c = {w->s->group[0], w->s->group[1]}, .n_halves = halves,
                        .steps = group / w->k_tile, .k_tile = w->k_tile};
    for (int t = 0, some; t < w->n_tiles; t += some) {
        some = tiles_at_once(w, t);
        for (int g = 0; g * group < n; g++) {
            p.b = w->s->w.panel.q[g * group / 4][0];
            set_streams(&p, w, t, some, g * group);
            multiply(&p);
            for (int i = 0; i < some; i++) {
                const int v = (t + i) * w->each;
                add_group(w, strip, halves, v, min_int(w->each, w->n - v), i, g);
            }
        }
    }
}

static void store_floats(float *y, size_t y_stride, const struct work *w, int row0, int row1)
{
    row1 = min_int(row1, w->m->n_rows);
    for (int v = 0; v < w->n; v++) {
        const __m512 scale = _mm512_set1_ps(w->a->scale[w->v0 + v]);
        for (int r = row0; r < row1; r += TILE) {
            const float *acc = w->s->acc.floats[(r - row0) / 32][v][(r - row0) / TILE & 1];
            x512_store_rows(y + (size_t)(w->v0 + v) * y_stride + r,
                            _mm512_mul_ps(_mm512_load_ps(acc), scale), row1 - r);
        }
    }
}

static void group_band(struct work *w, float *y, size_t y_stride, int tile0, int tile1)
{
    const struct lutra_mat *m = w->m;
    const int each = 32 / m->tile_rows;
    for (int i = 0; i * each < tile1 - tile0; i++)
        memset(w->s->acc.floats[i], 0, (size_t)w->n * sizeof w->s->acc.floats[i][0]);
    for (int k = 0; k < m->n_cols; k += PANEL_K) {
        const int n = min_int(PANEL_K, m->n_cols - k);
        copy_codes(w, k, n);
        for (int t = tile0; t < tile1; t += each) {
            const int tiles = min_int(each, tile1 - t), halves = tiles * m->tile_rows / TILE;
            const bool last = t + each >= tile1;
            const uint8_t *next = lutra_mat_tile(m, last ? tile0 : t + each) +
                                  (size_t)((last ? k + n : k) / m->unit_k) * m->unit_bytes;
            panel_fill(&w->s->w.panel, m, t, tiles, k, n, next, panel_folded(m));
            group_strip(w, (t - tile0) / each, halves, n);
        }
    }
    store_floats(y, y_stride, w, tile0 * m->tile_rows, tile1 * m->tile_rows);
}

/* ---- one scale: TERN ---- */

/* Columns [k, k + n), n a multiple of 48, in the panel's order; rows of codes are padded to 96. */
static void copy_trits(const struct work *w, int k, int n)
{
    const __m512i order = tern_order();
    for (int v = 0; v < w->n; v++) {
        const int16_t *c = w->a->codes + (size_t)(w->v0 + v) * (size_t)w->a->k_pad + k;
        int8_t *low = w->s->codes[0] + v * TERN_K, *high = w->s->codes[1] + v * TERN_K;
        for (int i = 0; i < n; i += 48) {
            const __m512i c0 = x512_load(c + i);
            const __m512i c1 = _mm512_zextsi256_si512(
                _mm256_loadu_si256((const __m256i *)(const void *)(c + i + 32)));
            _mm512_storeu_si512(low + i, _mm512_permutexvar_epi8(order, tern_bytes(c0, c1)));
            if (w->n_planes == 2)
                _mm512_storeu_si512(
                    high + i, _mm512_permutexvar_epi8(
                                  order, tern_bytes(tern_high_byte(c0), tern_high_byte(c1))));
        }
    }
}

static void trit_strip(const struct work *w, int strip, int n)
{
    struct scratch *s = w->s;
    struct product p = {.b = s->w.quads.q[0][0], .n_halves = 2, .steps = (n + TILE_K - 1) / TILE_K,
                        .k_tile = TILE_K, .add = true};
    for (int t = 0, some; t < w->n_tiles; t += some) {
        some = tiles_at_once(w, t);
        set_streams(&p, w, t, some, 0);
        p.c[0] = s->acc.ints[0][strip] + t * w->each;
        p.c[1] = w->n_planes == 2 ? s->acc.ints[1][strip] + t * w->each : p.c[0] + w->each;
        multiply(&p);
    }
}

/* S less the sum of all codes, which digits 0, 1, 2 for -1, 0, 1 have added. */
static void store_trits(float *y, size_t y_stride, const struct work *w, int row0, int row1)
{
    const __m512 d = _mm512_set1_ps(w->m->scale), zero = _mm512_setzero_ps();
    const int n_sums = w->a->k_pad / 16;
    row1 = min_int(row1, w->m->n_rows);
    for (int v = 0; v < w->n; v++) {
        const int32_t *sums = w->a->sums + (size_t)(w->v0 + v) * (size_t)n_sums;
        const __m512 scale = _mm512_set1_ps(w->a->scale[w->v0 + v]);
        int32_t x = 0;
        for (int i = 0; i < n_sums; i++) x += sums[i];
        for (int r = row0; r < row1; r += TILE) {
            const int strip = (r - row0) / 32, half = (r - row0) / TILE & 1;
            __m512i sum = x512_load(w->s->acc.ints[0][strip][v][half]);
            if (w->n_planes == 2)
                sum = _mm512_add_epi32(
                    sum, _mm512_slli_epi32(x512_load(w->s->acc.ints[1][strip][v][half]), 8));
            sum = _mm512_sub_epi32(sum, _mm512_set1_epi32(x));
            __m512 acc = x512_add_product(zero, d, _mm512_cvtepi32_ps(sum));
            x512_store_rows(y + (size_t)(w->v0 + v) * y_stride + r, _mm512_mul_ps(acc, scale),
                            row1 - r);
        }
    }
}

static void trit_band(struct work *w, float *y, size_t y_stride, int tile0, int tile1)
{
    const struct lutra_mat *m = w->m;
    const int end = lutra_trio_k_pad(m->n_cols), first = 2 * tile0, last = tern_strips(m, tile1);
    struct tern_panel *quads = &w->s->w.quads;
    for (int plane = 0; plane < w->n_planes; plane++)
        for (int i = 0; i < last - first; i++)
            memset(w->s->acc.ints[plane][i], 0, (size_t)(w->n_tiles * w->each) * sizeof(sums_row));
    for (int k = 0; k < end; k += TERN_K) {
        const int n = min_int(TERN_K, end - k);
        copy_trits(w, k, n);
        /* up to a full tile the weights are 0, whatever the codes there */
        memset(quads->q[n / 4], 0, sizeof *quads - sizeof quads->q[0] * (size_t)(n / 4));
        for (int t = first; t < last; t++) {
            tern_fill(quads, m, t, t + 1 < last ? t + 1 : first, k, n);
            trit_strip(w, t - first, n);
        }
    }
    store_trits(y, y_stride, w, 32 * first, 32 * last);
}

/* ---- all ---- */

/* Vectors that fill up the last tile count, but multiply nothing. */
static void clear_rest(const struct work *w)
{
    for (int plane = 0; plane < w->n_planes; plane++)
        memset(w->s->codes[plane] + w->n * TERN_K, 0, (size_t)((w->n_tiles * w->each - w->n) * TERN_K));
}

static void tile_mul(float *y, size_t y_stride, const struct lutra_mat *m,
                     const struct lutra_act *a, int v0, int v1, int tile0, int tile1, void *scratch)
{
    const bool trits = m->kind == LUTRA_MAT_TERN;
    const int most = STRIPS * 32 / m->tile_rows;
    struct work w = {.s = scratch, .m = m, .a = a,
                     .n_planes = a->code_max <= LUTRA_CODE_MAX_INT8 ? 1 : 2,
                     .group = panel_group(m), .k_tile = trits ? TILE_K : min_int(panel_group(m), TILE_K)};
    if (v1 <= v0) return;
    for (w.v0 = v0; w.v0 < v1; w.v0 += w.n) {
        w.n = x512_share(v1 - w.v0, BLOCK, TILE);
        w.n_tiles = (w.n + TILE - 1) / TILE;
        w.each = (w.n + w.n_tiles - 1) / w.n_tiles;
        configure(w.each, w.k_tile);
        clear_rest(&w);
        for (int t = tile0; t < tile1; t += most)
            (trits ? trit_band : group_band)(&w, y, y_stride, t, min_int(t + most, tile1));
    }
    amx_release();
}

void lutra_mm_init_amx(struct lutra_ops *ops)
{
    ops->tile_mul = tile_mul;
    ops->tile_scratch = sizeof(struct scratch);
}
