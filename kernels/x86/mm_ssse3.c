/* SPDX-License-Identifier: MIT */
/* Products without tables with SSSE3: a run of columns is unpacked once, then all vectors of a
 * block pass over it, two at a time: their sums of 16 rows fill 8 of the 16 registers.
 *
 *   for a block of vectors / for a tile / for a run of <= 256 columns: unpack, then
 *       for two vectors / for a group: 16 rows of int32, then D and M as floats
 *
 * The float sums of a block wait in scratch between runs, so each output sees its groups in
 * ascending order. */
#include "kernels/lut_init.h"
#include "kernels/ops.h"
#include "kernels/x86/x86_init.h"
#include "kernels/x86/panel_ssse3.h"

enum {
    BLOCK = 64, /* vectors that share an unpacked run */
    TWO = 2     /* vectors whose sums stand in registers */
};

struct scratch {
    struct panel panel;
    union {
        float f[BLOCK][2][16];   /* [vector][half of the tile][row] */
        int32_t i[BLOCK][2][16]; /* TERN: one group, so its sums stay integers */
    } acc;
    float w[PANEL_K][16]; /* exact_mul: one half of the run as floats */
};

struct sums {
    __m128i v[4]; /* rows 0-3, 4-7, 8-11, 12-15 */
};

static int min_int(int a, int b)
{
    return a < b ? a : b;
}

/* s[v] += one pair of columns of 16 rows times a pair of codes in every lane. */
X128_INLINE void dot_pair(struct sums *s, const int16_t *w, __m128i x)
{
    X128_UNROLL
    for (int i = 0; i < 4; i++) {
        __m128i rows = _mm_load_si128((const __m128i *)(w + 8 * i));
        s->v[i] = _mm_add_epi32(s->v[i], _mm_madd_epi16(rows, x));
        X128_PIN(s->v[i]);
    }
}

/* s[v] += n columns (a multiple of 8) of 16 rows times vector v; nv is a constant of the caller. */
X128_INLINE void dot_columns(struct sums *s, int nv, const int16_t *w, const int16_t *c,
                             size_t stride, int n)
{
    for (int k = 0; k < n; k += 8, w += 128, c += 8) {
        __m128i x[TWO];
        X128_UNROLL
        for (int v = 0; v < nv; v++) x[v] = x128_load(c + (size_t)v * stride);
        X128_UNROLL
        for (int v = 0; v < nv; v++) dot_pair(&s[v], w, _mm_shuffle_epi32(x[v], 0x00));
        X128_UNROLL
        for (int v = 0; v < nv; v++) dot_pair(&s[v], w + 32, _mm_shuffle_epi32(x[v], 0x55));
        X128_UNROLL
        for (int v = 0; v < nv; v++) dot_pair(&s[v], w + 64, _mm_shuffle_epi32(x[v], 0xaa));
        X128_UNROLL
        for (int v = 0; v < nv; v++) dot_pair(&s[v], w + 96, _mm_shuffle_epi32(x[v], 0xff));
    }
}

X128_INLINE void zero_sums(struct sums *s, int nv)
{
    X128_UNROLL
    for (int v = 0; v < nv; v++)
        s[v].v[0] = s[v].v[1] = s[v].v[2] = s[v].v[3] = _mm_setzero_si128();
}

X128_INLINE struct x128_rows load_rows(const float *p)
{
    struct x128_rows r = {
        {_mm_load_ps(p), _mm_load_ps(p + 4), _mm_load_ps(p + 8), _mm_load_ps(p + 12)}};
    return r;
}

X128_INLINE struct x128_rows floats(const struct sums *s)
{
    struct x128_rows r = {{_mm_cvtepi32_ps(s->v[0]), _mm_cvtepi32_ps(s->v[1]),
                           _mm_cvtepi32_ps(s->v[2]), _mm_cvtepi32_ps(s->v[3])}};
    return r;
}

/* ---- groups with their own scales ---- */

static int32_t group_x(const int32_t *sums, int group)
{
    int32_t x = 0;
    for (int i = 0; i < group / 16; i++) x += sums[i];
    return x;
}

/* Vectors v .. v+nv-1 of `a` over columns [k, k + n) that stand in the panel; b = their place in
 * the block. */
X128_INLINE void groups_run(struct scratch *s, int nv, const struct lutra_mat *m,
                            const struct lutra_act *a, int v, int b, int k, int n)
{
    const size_t stride = (size_t)a->k_pad, sum_stride = stride / 16;
    const int16_t *c = a->codes + (size_t)v * stride + k;
    const int32_t *sums = a->sums + (size_t)v * sum_stride + k / 16;
    const int group = m->group;
    for (int g = 0; g * group < n; g++) {
        struct sums t[TWO];
        zero_sums(t, nv);
        dot_columns(t, nv, s->panel.codes[0] + 16 * g * group, c + g * group, stride, group);
        X128_UNROLL
        for (int i = 0; i < nv; i++) {
            float *acc = s->acc.f[b + i][0];
            struct x128_rows r =
                x128_add_product(load_rows(acc), load_rows(s->panel.d[g]), floats(&t[i]));
            if (x128_has_min(m->scales)) {
                int32_t x = group_x(sums + (size_t)i * sum_stride + g * (group / 16), group);
                r = x128_add_product(r, load_rows(s->panel.m[g]), x128_set((float)x));
            }
            put_rows(acc, r);
        }
    }
}

/* ---- TERN: one group, both halves ---- */

X128_INLINE void tern_run(struct scratch *s, int nv, const struct lutra_act *a, int v, int b, int k,
                          int n)
{
    const int16_t *c = a->codes + (size_t)v * (size_t)a->k_pad + k;
    for (int half = 0; half < 2; half++) {
        struct sums t[TWO];
        X128_UNROLL
        for (int i = 0; i < nv; i++) memcpy(&t[i], s->acc.i[b + i][half], sizeof t[i]);
        dot_columns(t, nv, s->panel.codes[half], c, (size_t)a->k_pad, n);
        X128_UNROLL
        for (int i = 0; i < nv; i++) memcpy(s->acc.i[b + i][half], &t[i], sizeof t[i]);
    }
}

X128_INLINE void some_run(struct scratch *s, int nv, const struct lutra_mat *m,
                          const struct lutra_act *a, int v, int b, int k, int n)
{
    if (m->kind == LUTRA_MAT_TERN)
        tern_run(s, nv, a, v, b, k, n);
    else
        groups_run(s, nv, m, a, v, b, k, n);
}

/* All vectors [v0, v1) of a block over one run. */
static void block_run(struct scratch *s, const struct lutra_mat *m, const struct lutra_act *a,
                      int v0, int v1, int k, int n)
{
    int v = v0;
    for (; v + TWO <= v1; v += TWO) some_run(s, TWO, m, a, v, v - v0, k, n);
    if (v < v1) some_run(s, 1, m, a, v, v - v0, k, n);
}

/* A tile of one vector is done: times `scale` to y, as many rows as there are. */
static void store_tile(float *y, const struct scratch *s, const struct lutra_mat *m, int b,
                       int tile, float scale)
{
    for (int half = 0; half < m->tile_rows / 16; half++) {
        int row = tile * m->tile_rows + 16 * half;
        if (row >= m->n_rows) return;
        struct x128_rows r = load_rows(s->acc.f[b][half]);
        if (m->kind == LUTRA_MAT_TERN) {
            struct sums t;
            memcpy(&t, s->acc.i[b][half], sizeof t);
            r = x128_add_product(x128_set(0.0f), x128_set(m->scale), floats(&t));
        }
        x128_store_rows(y + row, r, scale, m->n_rows - row);
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

static void panel_mul(float *y, size_t y_stride, const struct lutra_mat *m,
                      const struct lutra_act *a, int v0, int v1, int tile0, int tile1,
                      void *scratch)
{
    if (!x128_knows(m)) {
        struct lutra_ops scalar;
        lutra_mm_init_scalar(&scalar);
        scalar.panel_mul(y, y_stride, m, a, v0, v1, tile0, tile1, NULL);
        return;
    }
    for (int v = v0; v < v1; v += BLOCK)
        for (int t = tile0; t < tile1; t++)
            block_tile(scratch, y, y_stride, m, a, v, min_int(v + BLOCK, v1), t);
}

/* ---- float activations ---- */

/* Codes of one half of the panel as weights w = D*q, then + M, for 4 rows starting at r of columns
 * [k, end), all of one group. A pair of int16 codes becomes two columns. */
X128_INLINE void decode_group(struct scratch *s, const int16_t *codes, __m128 d, const float *min,
                              int r, int k, int end)
{
    for (; k < end; k += 2) {
        __m128i two = x128_load(codes + 16 * k + 2 * r); /* column k low, k+1 high */
        __m128i even = _mm_srai_epi32(_mm_slli_epi32(two, 16), 16);
        __m128 w0 = _mm_mul_ps(d, _mm_cvtepi32_ps(even));
        __m128 w1 = _mm_mul_ps(d, _mm_cvtepi32_ps(_mm_srai_epi32(two, 16)));
        if (min) {
            w0 = _mm_add_ps(w0, _mm_load_ps(min));
            w1 = _mm_add_ps(w1, _mm_load_ps(min));
        }
        _mm_store_ps(s->w[k] + r, w0);
        _mm_store_ps(s->w[k + 1] + r, w1);
    }
}

static void decode_half(struct scratch *s, const struct lutra_mat *m, int half, int n)
{
    const int16_t *codes = s->panel.codes[half];
    for (int r = 0; r < 16; r += 4) {
        if (m->kind == LUTRA_MAT_TERN) {
            decode_group(s, codes, _mm_set1_ps(m->scale), NULL, r, 0, n);
            continue;
        }
        for (int g = 0; g * m->group < n; g++) {
            __m128 d = _mm_load_ps(s->panel.d[g] + r);
            const float *min = x128_has_min(m->scales) ? s->panel.m[g] + r : NULL;
            decode_group(s, codes, d, min, r, g * m->group, (g + 1) * m->group);
        }
    }
}

X128_INLINE void exact_run(struct scratch *s, int nv, int half, const float *x, size_t stride,
                           int b, int n)
{
    struct x128_rows t[TWO];
    X128_UNROLL
    for (int v = 0; v < nv; v++) t[v] = load_rows(s->acc.f[b + v][half]);
    for (int k = 0; k < n; k++) {
        struct x128_rows w = load_rows(s->w[k]);
        X128_UNROLL
        for (int v = 0; v < nv; v++)
            t[v] = x128_add_product(t[v], w, x128_set(x[(size_t)v * stride + (size_t)k]));
    }
    X128_UNROLL
    for (int v = 0; v < nv; v++) put_rows(s->acc.f[b + v][half], t[v]);
}

static void exact_block(struct scratch *s, const struct lutra_act *a, int half, int v0, int v1,
                        int k, int n)
{
    const float *x = a->x + (size_t)v0 * a->x_stride + k;
    int v = v0;
    for (; v + TWO <= v1; v += TWO, x += TWO * a->x_stride)
        exact_run(s, TWO, half, x, a->x_stride, v - v0, n);
    if (v < v1) exact_run(s, 1, half, x, a->x_stride, v - v0, n);
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
            int row = tile * m->tile_rows + 16 * half, left = min_int(16, m->n_rows - row);
            if (left > 0)
                memcpy(y + (size_t)v * y_stride + row, s->acc.f[v - v0][half],
                       (size_t)left * sizeof *y);
        }
    }
}

static void exact_mul(float *y, size_t y_stride, const struct lutra_mat *m,
                      const struct lutra_act *a, int v0, int v1, int tile0, int tile1,
                      void *scratch)
{
    if (!x128_knows(m)) {
        struct lutra_ops scalar;
        lutra_mm_init_scalar(&scalar);
        scalar.exact_mul(y, y_stride, m, a, v0, v1, tile0, tile1, NULL);
        return;
    }
    for (int v = v0; v < v1; v += BLOCK)
        for (int t = tile0; t < tile1; t++)
            exact_tile(scratch, y, y_stride, m, a, v, min_int(v + BLOCK, v1), t);
}

void lutra_mm_init_ssse3(struct lutra_ops *ops)
{
    ops->panel_mul = panel_mul;
    ops->exact_mul = exact_mul;
    ops->panel_scratch = sizeof(struct scratch);
}
