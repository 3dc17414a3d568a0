/* SPDX-License-Identifier: MIT */
/* Integer products of many vectors with AVX-512 VNNI: a run of columns of 32 rows is unpacked once,
 * then all vectors of a block pass over it.
 *
 *   for a block of vectors / for a band of rows / for a run of <= 256 columns: copy its codes, then
 *       for a strip of 32 rows: unpack, then
 *           for eight vectors / for a group: 32 rows x 8 vectors of int32 in registers, then D, M
 *
 * 16 sums in registers: ten loads for 16 vpdpwssd, and more chains than the latency of four asks
 * for. Copied codes lie at one short stride: those of a model, 2^n bytes apart, would fall into the
 * same few sets of the L1 cache. The float sums of a band wait in scratch between runs, so each
 * output sees its groups in ascending order. */
#include "kernels/ops.h"
#include "kernels/x86/x86_init.h"
#include "kernels/x86/panel_avx512.h"

enum {
    BLOCK = 256, /* vectors that share an unpacked run: unpacking costs as much as seven of them */
    STRIPS = 8,  /* of 32 rows in a band: its sums are 256 KB, the codes of a run 128 KB */
    WIDE = 8,    /* vectors whose sums stand in registers */
    LAST = 8,    /* columns at the end of a group */
    FEW = 12,    /* I8: vectors whose sums stand in registers, nothing unpacked */
    I8_MOST = 64 /* up to so many vectors that is faster than a panel */
};

struct scratch {
    struct panel panel;
    int16_t codes[BLOCK][PANEL_K];
    float xs[BLOCK][PANEL_GROUPS]; /* X of every group, if there are minima */
    float acc[STRIPS][BLOCK][2][16];
};

static int min_int(int a, int b)
{
    return a < b ? a : b;
}

X512_INLINE __m512i two_codes(const int16_t *c)
{
    int32_t both;
    memcpy(&both, c, sizeof both);
    return _mm512_set1_epi32(both);
}

/* ---- the codes of a block ---- */

/* Columns [k, k + n) of vectors [v0, v1). */
static void copy_codes(struct scratch *s, const struct lutra_mat *m, const struct lutra_act *a,
                       int v0, int v1, int k, int n)
{
    const size_t pad = (size_t)a->k_pad;
    for (int v = v0; v < v1; v++) {
        const int16_t *c = a->codes + (size_t)v * pad + k;
        for (int i = 0; i < n; i += 32) _mm512_store_si512(s->codes[v - v0] + i, x512_load(c + i));
        if (x512_has_min(m->scales))
            panel_x(s->xs[v - v0], a->sums + (size_t)v * (pad / 16) + k / 16, m->group, n);
    }
}

/* ---- 32 rows times a few vectors ---- */

/* Sums of 16 rows and nv vectors; nh (halves) and nv are constants of the caller. */
struct sums {
    __m512i t[WIDE][2];
};

/* One pair of columns of both halves. */
struct pair {
    __m512i w[2];
};

X512_INLINE struct pair load_pair(const int16_t *w, int nh)
{
    struct pair p = {{_mm512_load_si512(w), _mm512_load_si512(w)}};
    if (nh > 1) p.w[1] = _mm512_load_si512(w + 16 * PANEL_K);
    return p;
}

X512_INLINE void add_pair(struct sums *s, int nh, int v, struct pair p, const int16_t *c)
{
    const __m512i x = two_codes(c + PANEL_K * v);
    s->t[v][0] = _mm512_dpwssd_epi32(s->t[v][0], p.w[0], x);
    if (nh > 1) s->t[v][1] = _mm512_dpwssd_epi32(s->t[v][1], p.w[1], x);
}

/* += n columns from w on times the codes from c on, n a multiple of 8. */
X512_INLINE void dot_columns(struct sums *s, int nh, int nv, const int16_t *w, const int16_t *c,
                             int n)
{
    for (int k = 0; k < n; k += 4, w += 64, c += 4) {
        X512_UNROLL
        for (int j = 0; j < 2; j++) {
            const struct pair p = load_pair(w + 32 * j, nh);
            X512_UNROLL
            for (int v = 0; v < nv; v++) add_pair(s, nh, v, p, c + 2 * j);
        }
    }
}

/* What one group multiplies its sums by. */
struct factors {
    __m512 d[2], m[2];
};

X512_INLINE struct factors load_factors(const struct panel *p, int g)
{
    struct factors f = {{_mm512_load_ps(p->d[0][g]), _mm512_load_ps(p->d[1][g])},
                        {_mm512_load_ps(p->m[0][g]), _mm512_load_ps(p->m[1][g])}};
    return f;
}

/* acc += D * S, then + M * X. */
X512_INLINE void add_sums(float (*acc)[16], const struct sums *s, int nh, int v,
                          const struct factors *f, bool has_min, float x)
{
    X512_UNROLL
    for (int h = 0; h < nh; h++) {
        __m512 sum =
            x512_add_product(_mm512_load_ps(acc[h]), f->d[h], _mm512_cvtepi32_ps(s->t[v][h]));
        if (has_min) sum = x512_add_product(sum, f->m[h], _mm512_set1_ps(x));
        _mm512_store_ps(acc[h], sum);
    }
}

/* The last LAST columns of a group, vector after vector, each followed by its floats: all of them
 * in one go would stand in the way of the next group's products. */
X512_INLINE void end_group(struct scratch *s, struct sums *t, int nh, int nv, int strip, int b,
                           int k, int g, bool has_min)
{
    const struct factors f = load_factors(&s->panel, g);
    struct pair p[LAST / 2];
    X512_UNROLL
    for (int j = 0; j < LAST / 2; j++) p[j] = load_pair(s->panel.codes[0] + 16 * k + 32 * j, nh);
    X512_UNROLL
    for (int v = 0; v < nv; v++) {
        X512_UNROLL
        for (int j = 0; j < LAST / 2; j++) add_pair(t, nh, v, p[j], s->codes[b] + k + 2 * j);
        add_sums(s->acc[strip][b + v], t, nh, v, &f, has_min, s->xs[b + v][g]);
    }
}

/* The n columns in the panel times nv vectors, the first of which is b in its block. */
X512_INLINE void some_run(struct scratch *s, int nh, int nv, int strip, int b, int group,
                          bool has_min, int n)
{
    for (int g = 0, k = 0; k < n; g++, k += group) {
        struct sums t;
        X512_UNROLL
        for (int v = 0; v < nv; v++) t.t[v][0] = t.t[v][1] = _mm512_setzero_si512();
        dot_columns(&t, nh, nv, s->panel.codes[0] + 16 * k, s->codes[b] + k, group - LAST);
        end_group(s, &t, nh, nv, strip, b, k + group - LAST, g, has_min);
    }
}

X512_INLINE void block_run(struct scratch *s, int nb, int strip, int group, bool has_min, int n)
{
    for (int b = 0, some; b < nb; b += some) {
        some = x512_share(nb - b, WIDE, 1);
        switch (some) {
        case 1:
            some_run(s, 2, 1, strip, b, group, has_min, n);
            break;
        case 2:
            some_run(s, 2, 2, strip, b, group, has_min, n);
            break;
        case 3:
            some_run(s, 2, 3, strip, b, group, has_min, n);
            break;
        case 4:
            some_run(s, 2, 4, strip, b, group, has_min, n);
            break;
        case 5:
            some_run(s, 2, 5, strip, b, group, has_min, n);
            break;
        case 6:
            some_run(s, 2, 6, strip, b, group, has_min, n);
            break;
        case 7:
            some_run(s, 2, 7, strip, b, group, has_min, n);
            break;
        default:
            some_run(s, 2, WIDE, strip, b, group, has_min, n);
            break;
        }
    }
}

/* A last tile of 16 rows stands alone in its strip: less code for what is rare. */
static __attribute__((noinline)) void last_run(struct scratch *s, int nb, int strip, int group, bool has_min, int n)
{
    int b = 0;
    for (; b + WIDE <= nb; b += WIDE) some_run(s, 1, WIDE, strip, b, group, has_min, n);
    for (; b + 2 <= nb; b += 2) some_run(s, 1, 2, strip, b, group, has_min, n);
    if (b < nb) some_run(s, 1, 1, strip, b, group, has_min, n);
}

/* All nb vectors of a block over the panel. */
static void strip_run(struct scratch *s, const struct lutra_mat *m, int halves, int strip, int nb,
                      int n)
{
    const bool has_min = x512_has_min(m->scales);
    if (halves == 1)
        last_run(s, nb, strip, m->group, has_min, n);
    else if (has_min)
        block_run(s, nb, strip, m->group, true, n);
    else
        block_run(s, nb, strip, m->group, false, n);
}

/* ---- bands ---- */

/* A band is done: its sums times the vectors' scales to y, as many rows as there are. */
static void store_band(float *y, size_t y_stride, struct scratch *s, const struct lutra_mat *m,
                       const struct lutra_act *a, int v0, int v1, int row0, int row1)
{
    if (row1 > m->n_rows) row1 = m->n_rows;
    for (int v = v0; v < v1; v++) {
        const __m512 scale = _mm512_set1_ps(a->scale[v]);
        for (int r = row0; r < row1; r += 16) {
            const float *sum = s->acc[(r - row0) / 32][v - v0][(r - row0) / 16 & 1];
            x512_store_rows(y + (size_t)v * y_stride + r, _mm512_mul_ps(_mm512_load_ps(sum), scale),
                            row1 - r);
        }
    }
}

/* Vectors [v0, v1) of a block times tiles [tile0, tile1) of a band, `each` tiles to a strip. */
static void band(struct scratch *s, float *y, size_t y_stride, const struct lutra_mat *m,
                 const struct lutra_act *a, int v0, int v1, int tile0, int tile1, int each)
{
    const int nb = v1 - v0;
    for (int i = 0; i * each < tile1 - tile0; i++)
        memset(s->acc[i], 0, (size_t)nb * sizeof s->acc[i][0]);
    for (int k = 0; k < m->n_cols; k += PANEL_K) {
        const int n = min_int(PANEL_K, m->n_cols - k);
        copy_codes(s, m, a, v0, v1, k, n);
        for (int t = tile0; t < tile1; t += each) {
            const int tiles = min_int(each, tile1 - t);
            const bool last = t + each >= tile1;
            const uint8_t *next = lutra_mat_tile(m, last ? tile0 : t + each) +
                                  (size_t)((last ? k + n : k) / m->unit_k) * m->unit_bytes;
            panel_fill(&s->panel, m, t, tiles, k, n, next);
            strip_run(s, m, tiles * m->tile_rows / 16, (t - tile0) / each, nb, n);
        }
    }
    store_band(y, y_stride, s, m, a, v0, v1, tile0 * m->tile_rows, tile1 * m->tile_rows);
}

static void bands(struct scratch *s, float *y, size_t y_stride, const struct lutra_mat *m,
                  const struct lutra_act *a, int v0, int v1, int tile0, int tile1)
{
    const int each = 32 / m->tile_rows, most = STRIPS * each;
    for (int v = v0, some; v < v1; v += some) {
        some = x512_share(v1 - v, BLOCK, WIDE);
        for (int t = tile0; t < tile1; t += most)
            band(s, y, y_stride, m, a, v, v + some, t, min_int(t + most, tile1), each);
    }
}

/* ---- I8: straight from the packed bytes ---- */

/* Even and odd pairs have sums of their own: two chains for each vector. More than eight vectors
 * are chains enough, and leave no registers. `turn` columns are unrolled: as few as cost no time. */
X512_INLINE void i8_unit(__m512i s[FEW][2], int nv, const uint8_t *codes, const int16_t *c,
                         size_t stride)
{
    const int chains = nv <= 8 ? 2 : 1, turn = nv < 4 ? 8 : nv > 8 && nv < FEW ? 16 : 32;
    for (int i = 0; i < 32; i += turn) {
        X512_UNROLL
        for (int k = 0; k < turn; k += 2, codes += 32) {
            __m512i two = _mm512_cvtepi8_epi16(_mm256_loadu_si256((const __m256i *)codes));
            X512_UNROLL
            for (int v = 0; v < nv; v++) {
                __m512i *sum = &s[v][k / 2 % chains];
                *sum = _mm512_dpwssd_epi32(*sum, two, two_codes(c + (size_t)v * stride + i + k));
            }
        }
    }
}

X512_INLINE void i8_tile(float *y, size_t y_stride, int nv, const struct lutra_mat *m,
                         const struct lutra_act *a, int v0, int tile)
{
    const uint8_t *unit = lutra_mat_tile(m, tile);
    const int16_t *c = a->codes + (size_t)v0 * (size_t)a->k_pad;
    __m512 acc[FEW];
    X512_UNROLL
    for (int v = 0; v < nv; v++) acc[v] = _mm512_setzero_ps();
    for (int k = 0; k < m->n_cols; k += 32, unit += m->unit_bytes) {
        __m512 d = x512_halves(unit);
        __m512i s[FEW][2];
        X512_UNROLL
        for (int v = 0; v < nv; v++) s[v][0] = s[v][1] = _mm512_setzero_si512();
        x512_prefetch(unit, m->unit_bytes);
        i8_unit(s, nv, unit + m->scale_bytes, c + k, (size_t)a->k_pad);
        X512_UNROLL
        for (int v = 0; v < nv; v++) {
            __m512i sum = nv <= 8 ? _mm512_add_epi32(s[v][0], s[v][1]) : s[v][0];
            acc[v] = x512_add_product(acc[v], d, _mm512_cvtepi32_ps(sum));
        }
    }
    X512_UNROLL
    for (int v = 0; v < nv; v++)
        x512_store_rows(y + (size_t)(v0 + v) * y_stride + tile * LUTRA_TILE_ROWS,
                        _mm512_mul_ps(acc[v], _mm512_set1_ps(a->scale[v0 + v])),
                        m->n_rows - tile * LUTRA_TILE_ROWS);
}

/* Vectors [v0, v0 + n), n <= FEW, of one tile. */
static void i8_some(float *y, size_t y_stride, const struct lutra_mat *m, const struct lutra_act *a,
                    int v0, int n, int tile)
{
    switch (n) {
    case 1:
        i8_tile(y, y_stride, 1, m, a, v0, tile);
        break;
    case 2:
        i8_tile(y, y_stride, 2, m, a, v0, tile);
        break;
    case 3:
        i8_tile(y, y_stride, 3, m, a, v0, tile);
        break;
    case 4:
        i8_tile(y, y_stride, 4, m, a, v0, tile);
        break;
    case 5:
        i8_tile(y, y_stride, 5, m, a, v0, tile);
        break;
    case 6:
        i8_tile(y, y_stride, 6, m, a, v0, tile);
        break;
    case 7:
        i8_tile(y, y_stride, 7, m, a, v0, tile);
        break;
    case 8:
        i8_tile(y, y_stride, 8, m, a, v0, tile);
        break;
    case 9:
        i8_tile(y, y_stride, 9, m, a, v0, tile);
        break;
    case 10:
        i8_tile(y, y_stride, 10, m, a, v0, tile);
        break;
    case 11:
        i8_tile(y, y_stride, 11, m, a, v0, tile);
        break;
    default:
        i8_tile(y, y_stride, FEW, m, a, v0, tile);
        break;
    }
}

/* Bytes are widened again for every eight vectors, twelve where that takes fewer turns. */
static void i8_tiles(float *y, size_t y_stride, const struct lutra_mat *m,
                     const struct lutra_act *a, int v0, int v1, int tile0, int tile1)
{
    for (int t = tile0; t < tile1; t++) {
        for (int v = v0, some; v < v1; v += some) {
            some = x512_share(v1 - v, v1 - v > 2 * FEW ? 8 : FEW, 1);
            i8_some(y, y_stride, m, a, v, some, t);
        }
    }
}

static void panel_mul(float *y, size_t y_stride, const struct lutra_mat *m,
                      const struct lutra_act *a, int v0, int v1, int tile0, int tile1,
                      void *scratch)
{
    if (v1 <= v0) return;
    if (m->kind == LUTRA_MAT_TERN)
        lutra_tern_mul_avx512(y, y_stride, m, a, v0, v1, tile0, tile1, scratch);
    else if (m->kind == LUTRA_MAT_I8 && v1 - v0 <= I8_MOST)
        i8_tiles(y, y_stride, m, a, v0, v1, tile0, tile1);
    else if (m->kind == LUTRA_MAT_PLANES && m->bits > 1 && a->bytes &&
             v1 - v0 <= LUTRA_DOT_MOST_AVX512)
        lutra_dot_planes_avx512(y, y_stride, m, a, v0, v1, tile0, tile1);
    else
        bands(scratch, y, y_stride, m, a, v0, v1, tile0, tile1);
}

static size_t larger(size_t a, size_t b)
{
    return a > b ? a : b;
}

void lutra_mm_init_avx512(struct lutra_ops *ops)
{
    ops->panel_mul = panel_mul;
    ops->split_codes = lutra_split_codes_avx512;
    ops->dot_most = LUTRA_DOT_MOST_AVX512;
    ops->exact_mul = lutra_exact_mul_avx512;
    ops->panel_scratch = larger(sizeof(struct scratch),
                                larger(lutra_tern_scratch_avx512(), lutra_exact_scratch_avx512()));
}
