/* SPDX-License-Identifier: MIT */
/* --precision high with AVX-512: a run of columns of one tile is unpacked and decoded to floats,
 * then the float vectors of a block pass over it, eight at a time. */
#include "kernels/ops.h"
#include "kernels/x86/x86_init.h"
#include "kernels/x86/panel_avx512.h"
#include "kernels/x86/tern_avx512.h"

enum {
    BLOCK = 64, /* vectors that share a decoded run */
    WIDE = 8,   /* vectors whose sums stand in registers: 8 chains hide the latency of the adds */
    TERN_RUN = PANEL_K / LUTRA_TRIO_K * LUTRA_TRIO_K
};

struct scratch {
    struct panel panel;
    struct tern_panel tern;
    float w[2][PANEL_K][16]; /* [half][column][row] */
    float acc[BLOCK][2][16]; /* [vector][half][row] */
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

/* Four columns as weights w = D * (q - offset), then + M if there is one; `step` columns apart. */
X512_INLINE void decode_quad(float (*w)[16], int step, const uint8_t *q, int offset, __m512 d,
                             const float *min)
{
    const __m512i byte = _mm512_set1_epi32(255), minus = _mm512_set1_epi32(offset);
    __m512i x = _mm512_load_si512(q);
    X512_UNROLL
    for (int j = 0; j < 4; j++, x = _mm512_srli_epi32(x, 8)) {
        __m512i code = _mm512_sub_epi32(_mm512_and_si512(x, byte), minus);
        __m512 f = _mm512_mul_ps(d, _mm512_cvtepi32_ps(code));
        _mm512_store_ps(w[step * j], min ? _mm512_add_ps(f, _mm512_load_ps(min)) : f);
    }
}

/* n columns of a tile from k on as floats. */
static void decode_planes(struct scratch *s, const struct lutra_mat *m, int tile, int k, int n)
{
    const uint8_t *next = lutra_mat_tile(m, tile) + (size_t)((k + n) / m->unit_k) * m->unit_bytes;
    const int offset = panel_offset(m);
    panel_fill(&s->panel, m, tile, 1, k, n, next, false);
    for (int half = 0; half < m->tile_rows / 16; half++) {
        for (int i = 0; i < n; i += 4) {
            const int g = i / m->group;
            decode_quad(s->w[half] + i, 1, s->panel.q[i / 4][half], offset,
                        _mm512_load_ps(s->panel.d[half][g]),
                        x512_has_min(m->scales) ? s->panel.m[half][g] : NULL);
        }
    }
}

/* The same of 32 ternary rows, n at most TERN_RUN. */
static void decode_tern(struct scratch *s, const struct lutra_mat *m, int strip, int k, int n)
{
    const __m512 d = _mm512_set1_ps(m->scale);
    const int padded = lutra_trio_k_pad(n);
    tern_fill(&s->tern, m, strip, strip, k, padded);
    for (int half = 0; half < 2; half++)
        for (int q = 0; q < padded / 4; q++)
            decode_quad(s->w[half] + q / 3 * 12 + q % 3, 3, s->tern.q[q][half], 1, d, NULL);
}

X512_INLINE void exact_run(struct scratch *s, int nv, int half, const float *x, size_t stride,
                           int b, int n)
{
    __m512 t[WIDE];
    const float *row[WIDE];
    X512_UNROLL
    for (int v = 0; v < nv; v++) {
        t[v] = _mm512_load_ps(s->acc[b + v][half]);
        row[v] = x + (size_t)v * stride;
        X512_FORGET(row[v]);
    }
    for (int k = 0; k < n; k++) {
        const __m512 w = _mm512_load_ps(s->w[half][k]);
        X512_UNROLL
        for (int v = 0; v < nv; v++) t[v] = x512_add_product(t[v], w, _mm512_set1_ps(row[v][k]));
    }
    X512_UNROLL
    for (int v = 0; v < nv; v++) _mm512_store_ps(s->acc[b + v][half], t[v]);
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

/* A tile; of ternary ones 32 rows. */
static void exact_rows(struct scratch *s, float *y, size_t y_stride, const struct lutra_mat *m,
                       const struct lutra_act *a, int v0, int v1, int tile)
{
    const bool tern = m->kind == LUTRA_MAT_TERN;
    const int n_rows = tern ? 32 : m->tile_rows;
    int n;
    memset(&s->acc, 0, (size_t)(v1 - v0) * sizeof s->acc[0]);
    for (int k = 0; k < m->n_cols; k += n) {
        n = min_int(tern ? TERN_RUN : PANEL_K, m->n_cols - k);
        if (tern)
            decode_tern(s, m, tile, k, n);
        else
            decode_planes(s, m, tile, k, n);
        for (int half = 0; half < n_rows / 16; half++) exact_block(s, a, half, v0, v1, k, n);
    }
    for (int v = v0; v < v1; v++) {
        for (int half = 0; half < n_rows / 16; half++) {
            int row = tile * n_rows + 16 * half;
            if (row < m->n_rows)
                x512_store_rows(y + (size_t)v * y_stride + row,
                                _mm512_load_ps(s->acc[v - v0][half]), m->n_rows - row);
        }
    }
}

size_t lutra_exact_scratch_avx512(void)
{
    return sizeof(struct scratch);
}

void lutra_exact_mul_avx512(float *y, size_t y_stride, const struct lutra_mat *m,
                            const struct lutra_act *a, int v0, int v1, int tile0, int tile1,
                            void *scratch)
{
    if (m->kind == LUTRA_MAT_PLANES && m->bits > 1) {
        lutra_exact_mul_avx2(y, y_stride, m, a, v0, v1, tile0, tile1, scratch);
        return;
    }
    const bool tern = m->kind == LUTRA_MAT_TERN;
    const int first = tern ? 2 * tile0 : tile0, last = tern ? tern_strips(m, tile1) : tile1;
    for (int v = v0; v < v1; v += BLOCK)
        for (int t = first; t < last; t++)
            exact_rows(scratch, y, y_stride, m, a, v, min_int(v + BLOCK, v1), t);
}
