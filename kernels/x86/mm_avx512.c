/* SPDX-License-Identifier: MIT */
/* Products without tables with AVX-512 VNNI: a run of columns is unpacked once, then all vectors of
 * a block pass over it.
 *
 *   for a block of vectors / for a tile / for a run of <= 256 columns: unpack, then
 *       for eight vectors / for a group: 16 rows x 8 vectors of int32 in registers, then D, M as
 *       floats, also in registers
 *
 * The float sums of a block wait in scratch between runs, so each output sees its groups in
 * ascending order. */
#include "kernels/ops.h"
#include "kernels/x86/x86_init.h"
#include "kernels/x86/panel_avx512.h"

enum {
    BLOCK = 64, /* vectors that share an unpacked run: 256 columns of their codes are 32 KB */
    WIDE = 8,   /* vectors whose sums stand in registers: 8 chains hide the latency of vpdpwssd */
    FEW = 8     /* I8: vectors whose sums stand in registers, nothing unpacked */
};

struct scratch {
    struct panel panel;
    union {
        float f[BLOCK][2][16];   /* [vector][half of the tile][row] */
        int32_t i[BLOCK][2][16]; /* TERN: one group, so its sums stay integers */
    } acc;
    float w[PANEL_K][16]; /* exact_mul: one half of the run as floats */
};

static int min_int(int a, int b)
{
    return a < b ? a : b;
}

/* How many of `left` vectors to take at once: 8, 4, 2 or 1. */
static int take(int left)
{
    return left >= 8 ? 8 : left >= 4 ? 4 : left >= 2 ? 2 : 1;
}

X512_INLINE __m512i two_codes(const int16_t *c)
{
    int32_t both;
    memcpy(&both, c, sizeof both);
    return _mm512_set1_epi32(both);
}

/* s[v] += n columns of 16 rows times vector v, n a multiple of 8; nv is a constant of the caller.
 */
X512_INLINE void dot_columns(__m512i *s, int nv, const int16_t *w, const int16_t *c, size_t stride,
                             int n)
{
    const int16_t *row[WIDE];
    X512_UNROLL
    for (int v = 0; v < nv; v++) {
        row[v] = c + (size_t)v * stride;
        X512_FORGET(row[v]);
    }
    for (int k = 0; k < n; k += 8, w += 128) {
        X512_UNROLL
        for (int j = 0; j < 4; j++) {
            __m512i two = _mm512_load_si512(w + 32 * j);
            X512_UNROLL
            for (int v = 0; v < nv; v++)
                s[v] = _mm512_dpwssd_epi32(s[v], two, two_codes(row[v] + k + 2 * j));
        }
    }
}

/* ---- groups with their own scales ---- */

/* X of the groups of a run as floats; kinds with minima have groups of 16 or 32. */
X512_INLINE void run_x(float *xs, const int32_t *sums, int group, int n)
{
    if (group == 16)
        for (int g = 0; g < n / 16; g++) xs[g] = (float)sums[g];
    else
        for (int g = 0; g < n / 32; g++) xs[g] = (float)(sums[2 * g] + sums[2 * g + 1]);
}

/* Vectors v .. v+nv-1 of `a` over columns [k, k + n) that stand in the panel, one half of its rows;
 * b = their place in the block. */
X512_INLINE void groups_run(struct scratch *s, int nv, const struct lutra_mat *m,
                            const struct lutra_act *a, int half, int v, int b, int k, int n)
{
    const int16_t *c = a->codes + (size_t)v * (size_t)a->k_pad + k;
    const int32_t *sums = a->sums + (size_t)v * (size_t)(a->k_pad / 16) + k / 16;
    const int group = m->group;
    const bool has_min = x512_has_min(m->scales);
    float xs[WIDE][PANEL_GROUPS];
    __m512 acc[WIDE];
    for (int i = 0; has_min && i < nv; i++)
        run_x(xs[i], sums + (size_t)i * (size_t)(a->k_pad / 16), group, n);
    X512_UNROLL
    for (int i = 0; i < nv; i++) acc[i] = _mm512_load_ps(s->acc.f[b + i][half]);
    for (int g = 0; g * group < n; g++) {
        const __m512 d = _mm512_load_ps(s->panel.d[half][g]);
        __m512i t[WIDE];
        X512_UNROLL
        for (int i = 0; i < nv; i++) t[i] = _mm512_setzero_si512();
        dot_columns(t, nv, s->panel.codes[half] + 16 * g * group, c + g * group,
                    (size_t)a->k_pad, group);
        X512_UNROLL
        for (int i = 0; i < nv; i++) acc[i] = x512_add_product(acc[i], d, _mm512_cvtepi32_ps(t[i]));
        if (!has_min) continue;
        const __m512 min = _mm512_load_ps(s->panel.m[g]);
        X512_UNROLL
        for (int i = 0; i < nv; i++)
            acc[i] = x512_add_product(acc[i], min, _mm512_set1_ps(xs[i][g]));
    }
    X512_UNROLL
    for (int i = 0; i < nv; i++) _mm512_store_ps(s->acc.f[b + i][half], acc[i]);
}

/* ---- TERN: one group, both halves ---- */

X512_INLINE void tern_run(struct scratch *s, int nv, const struct lutra_act *a, int v, int b, int k,
                          int n)
{
    const int16_t *c = a->codes + (size_t)v * (size_t)a->k_pad + k;
    for (int half = 0; half < 2; half++) {
        __m512i t[WIDE];
        X512_UNROLL
        for (int i = 0; i < nv; i++) t[i] = _mm512_load_si512(s->acc.i[b + i][half]);
        dot_columns(t, nv, s->panel.codes[half], c, (size_t)a->k_pad, n);
        X512_UNROLL
        for (int i = 0; i < nv; i++) _mm512_store_si512(s->acc.i[b + i][half], t[i]);
    }
}

X512_INLINE void some_run(struct scratch *s, int nv, const struct lutra_mat *m,
                          const struct lutra_act *a, int v, int b, int k, int n)
{
    if (m->kind == LUTRA_MAT_TERN) {
        tern_run(s, nv, a, v, b, k, n);
        return;
    }
    for (int half = 0; half < m->tile_rows / 16; half++)
        groups_run(s, nv, m, a, half, v, b, k, n);
}

/* All vectors [v0, v1) of a block over one run. */
static void block_run(struct scratch *s, const struct lutra_mat *m, const struct lutra_act *a,
                      int v0, int v1, int k, int n)
{
    for (int v = v0, some; v < v1; v += some) {
        some = take(v1 - v);
        switch (some) {
        case 1:
            some_run(s, 1, m, a, v, v - v0, k, n);
            break;
        case 2:
            some_run(s, 2, m, a, v, v - v0, k, n);
            break;
        case 4:
            some_run(s, 4, m, a, v, v - v0, k, n);
            break;
        default:
            some_run(s, 8, m, a, v, v - v0, k, n);
            break;
        }
    }
}

/* A tile of one vector is done: times `scale` to y, as many rows as there are. */
static void store_tile(float *y, const struct scratch *s, const struct lutra_mat *m, int b,
                       int tile, float scale)
{
    for (int half = 0; half < m->tile_rows / 16; half++) {
        int row = tile * m->tile_rows + 16 * half;
        __m512 r = _mm512_load_ps(s->acc.f[b][half]);
        if (row >= m->n_rows) return;
        if (m->kind == LUTRA_MAT_TERN)
            r = x512_add_product(_mm512_setzero_ps(), _mm512_set1_ps(m->scale),
                                 _mm512_cvtepi32_ps(x512_load(s->acc.i[b][half])));
        x512_store_rows(y + row, _mm512_mul_ps(r, _mm512_set1_ps(scale)), m->n_rows - row);
    }
}

static void block_tile(struct scratch *s, float *y, size_t y_stride, const struct lutra_mat *m,
                       const struct lutra_act *a, int v0, int v1, int tile)
{
    int end = m->kind == LUTRA_MAT_TERN ? lutra_tern_k_pad(m->n_cols) : m->n_cols, n;
    memset(&s->acc, 0, (size_t)(v1 - v0) * sizeof s->acc.f[0]);
    for (int k = 0; k < end; k += n) {
        n = panel_fill(&s->panel, m, lutra_mat_tile(m, tile), k);
        block_run(s, m, a, v0, v1, k, n);
    }
    for (int v = v0; v < v1; v++)
        store_tile(y + (size_t)v * y_stride, s, m, v - v0, tile, a->scale[v]);
}

/* ---- I8: straight from the packed bytes ---- */

/* Even and odd pairs have sums of their own: two chains for each vector. */
X512_INLINE void i8_unit(__m512i s[FEW][2], int nv, const uint8_t *codes, const int16_t *c,
                         size_t stride)
{
    X512_UNROLL
    for (int k = 0; k < 32; k += 2, codes += 32) {
        __m512i two = _mm512_cvtepi8_epi16(_mm256_loadu_si256((const __m256i *)codes));
        X512_UNROLL
        for (int v = 0; v < nv; v++) {
            __m512i *sum = &s[v][k / 2 & 1];
            *sum = _mm512_dpwssd_epi32(*sum, two, two_codes(c + (size_t)v * stride + k));
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
        for (int v = 0; v < nv; v++)
            acc[v] =
                x512_add_product(acc[v], d, _mm512_cvtepi32_ps(_mm512_add_epi32(s[v][0], s[v][1])));
    }
    X512_UNROLL
    for (int v = 0; v < nv; v++)
        x512_store_rows(y + (size_t)(v0 + v) * y_stride + tile * LUTRA_TILE_ROWS,
                        _mm512_mul_ps(acc[v], _mm512_set1_ps(a->scale[v0 + v])),
                        m->n_rows - tile * LUTRA_TILE_ROWS);
}

/* Vectors [v0, v0 + n), n <= FEW, of one tile. */
static void i8_some(float *y, size_t y_stride, const struct lutra_mat *m,
                    const struct lutra_act *a, int v0, int n, int tile)
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
    default:
        i8_tile(y, y_stride, FEW, m, a, v0, tile);
        break;
    }
}

/* Bytes are widened again for every eight vectors: cheaper than the way through a panel, however
 * many there are. */
static void i8_tiles(float *y, size_t y_stride, const struct lutra_mat *m,
                     const struct lutra_act *a, int v0, int v1, int tile0, int tile1)
{
    for (int t = tile0; t < tile1; t++)
        for (int v = v0; v < v1; v += FEW) i8_some(y, y_stride, m, a, v, min_int(FEW, v1 - v), t);
}

static void panel_mul(float *y, size_t y_stride, const struct lutra_mat *m,
                      const struct lutra_act *a, int v0, int v1, int tile0, int tile1,
                      void *scratch)
{
    if (v1 <= v0) return;
    if (m->kind == LUTRA_MAT_I8) {
        i8_tiles(y, y_stride, m, a, v0, v1, tile0, tile1);
        return;
    }
    for (int v = v0; v < v1; v += BLOCK)
        for (int t = tile0; t < tile1; t++)
            block_tile(scratch, y, y_stride, m, a, v, min_int(v + BLOCK, v1), t);
}

/* ---- float activations ---- */

/* Columns [k, end) of one half of the panel, all of one group, as weights w = D*q, then + M. A pair
 * of int16 codes becomes two columns. */
X512_INLINE void decode_group(struct scratch *s, const int16_t *codes, __m512 d, const float *min,
                              int k, int end)
{
    for (; k < end; k += 2) {
        __m512i two = _mm512_load_si512(codes + 16 * k); /* column k low, k+1 high */
        __m512i even = _mm512_srai_epi32(_mm512_slli_epi32(two, 16), 16);
        __m512 w0 = _mm512_mul_ps(d, _mm512_cvtepi32_ps(even));
        __m512 w1 = _mm512_mul_ps(d, _mm512_cvtepi32_ps(_mm512_srai_epi32(two, 16)));
        if (min) {
            w0 = _mm512_add_ps(w0, _mm512_load_ps(min));
            w1 = _mm512_add_ps(w1, _mm512_load_ps(min));
        }
        _mm512_store_ps(s->w[k], w0);
        _mm512_store_ps(s->w[k + 1], w1);
    }
}

static void decode_half(struct scratch *s, const struct lutra_mat *m, int half, int n)
{
    const int16_t *codes = s->panel.codes[half];
    if (m->kind == LUTRA_MAT_TERN) {
        decode_group(s, codes, _mm512_set1_ps(m->scale), NULL, 0, n);
        return;
    }
    for (int g = 0; g * m->group < n; g++) {
        const float *min = x512_has_min(m->scales) ? s->panel.m[g] : NULL;
        decode_group(s, codes, _mm512_load_ps(s->panel.d[half][g]), min, g * m->group,
                     (g + 1) * m->group);
    }
}

X512_INLINE void exact_run(struct scratch *s, int nv, int half, const float *x, size_t stride,
                           int b, int n)
{
    __m512 t[WIDE];
    const float *row[WIDE];
    X512_UNROLL
    for (int v = 0; v < nv; v++) {
        t[v] = _mm512_load_ps(s->acc.f[b + v][half]);
        row[v] = x + (size_t)v * stride;
        X512_FORGET(row[v]);
    }
    for (int k = 0; k < n; k++) {
        const __m512 w = _mm512_load_ps(s->w[k]);
        X512_UNROLL
        for (int v = 0; v < nv; v++) t[v] = x512_add_product(t[v], w, _mm512_set1_ps(row[v][k]));
    }
    X512_UNROLL
    for (int v = 0; v < nv; v++) _mm512_store_ps(s->acc.f[b + v][half], t[v]);
}

static void exact_block(struct scratch *s, const struct lutra_act *a, int half, int v0, int v1,
                        int k, int n)
{
    for (int v = v0, some; v < v1; v += some) {
        const float *x = a->x + (size_t)v * a->x_stride + k;
        some = take(v1 - v);
        switch (some) {
        case 1:
            exact_run(s, 1, half, x, a->x_stride, v - v0, n);
            break;
        case 2:
            exact_run(s, 2, half, x, a->x_stride, v - v0, n);
            break;
        case 4:
            exact_run(s, 4, half, x, a->x_stride, v - v0, n);
            break;
        default:
            exact_run(s, 8, half, x, a->x_stride, v - v0, n);
            break;
        }
    }
}

static void exact_tile(struct scratch *s, float *y, size_t y_stride, const struct lutra_mat *m,
                       const struct lutra_act *a, int v0, int v1, int tile)
{
    int n;
    memset(&s->acc, 0, (size_t)(v1 - v0) * sizeof s->acc.f[0]);
    for (int k = 0; k < m->n_cols; k += n) {
        n = min_int(panel_fill(&s->panel, m, lutra_mat_tile(m, tile), k), m->n_cols - k);
        for (int half = 0; half < m->tile_rows / 16; half++) {
            decode_half(s, m, half, n);
            exact_block(s, a, half, v0, v1, k, n);
        }
    }
    for (int v = v0; v < v1; v++) {
        for (int half = 0; half < m->tile_rows / 16; half++) {
            int row = tile * m->tile_rows + 16 * half;
            if (row < m->n_rows)
                x512_store_rows(y + (size_t)v * y_stride + row,
                                _mm512_load_ps(s->acc.f[v - v0][half]), m->n_rows - row);
        }
    }
}

static void exact_mul(float *y, size_t y_stride, const struct lutra_mat *m,
                      const struct lutra_act *a, int v0, int v1, int tile0, int tile1,
                      void *scratch)
{
    for (int v = v0; v < v1; v += BLOCK)
        for (int t = tile0; t < tile1; t++)
            exact_tile(scratch, y, y_stride, m, a, v, min_int(v + BLOCK, v1), t);
}

void lutra_mm_init_avx512(struct lutra_ops *ops)
{
    ops->panel_mul = panel_mul;
    ops->exact_mul = exact_mul;
    ops->panel_scratch = sizeof(struct scratch);
}
