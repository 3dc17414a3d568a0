/* SPDX-License-Identifier: MIT */
/* Products without tables with AVX2: a run of columns is unpacked once, then all vectors of a block
 * pass over it.
 *
 *   for a block of vectors / for a tile / for a run of <= 256 columns: unpack, then
 *       for four vectors / for a group: 16 rows x 4 vectors of int32 in registers, then D, M as
 * floats
 *
 * The float sums of a block wait in scratch between runs, so each output sees its groups in
 * ascending order. */
#include "kernels/lut_init.h"
#include "kernels/ops.h"
#include "kernels/x86/panel_avx2.h"

enum {
    BLOCK = 64, /* vectors that share an unpacked run: unpacking is then 1/20 of the work */
    QUAD = 4    /* vectors whose sums stand in registers: 4 x 16 rows of int32 = 8 registers */
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
    __m256i lo, hi; /* rows 0-7, 8-15 */
};

static int min_int(int a, int b)
{
    return a < b ? a : b;
}

X86_INLINE __m256i two_codes(const int16_t *c)
{
    int32_t both;
    memcpy(&both, c, sizeof both);
    return _mm256_set1_epi32(both);
}

/* s[v] += n columns (a multiple of 4) of 16 rows times vector v; nv is a constant of the caller. */
X86_INLINE void dot_columns(struct sums *s, int nv, const int16_t *w, const int16_t *c,
                            size_t stride, int n)
{
    for (int k = 0; k < n; k += 4, w += 64, c += 4) {
        X86_UNROLL
        for (int j = 0; j < 2; j++) {
            __m256i lo = x86_load(w + 32 * j), hi = x86_load(w + 32 * j + 16);
            X86_UNROLL
            for (int v = 0; v < nv; v++) {
                __m256i x = two_codes(c + (size_t)v * stride + 2 * j);
                s[v].lo = _mm256_add_epi32(s[v].lo, _mm256_madd_epi16(lo, x));
                s[v].hi = _mm256_add_epi32(s[v].hi, _mm256_madd_epi16(hi, x));
                X86_PIN(s[v].lo);
                X86_PIN(s[v].hi);
            }
        }
    }
}

X86_INLINE void zero_sums(struct sums *s, int nv)
{
    X86_UNROLL
    for (int v = 0; v < nv; v++) s[v].lo = s[v].hi = _mm256_setzero_si256();
}

/* ---- groups with their own scales ---- */

X86_INLINE __m256 add_scaled(__m256 acc, const float *scale, __m256 x)
{
    return _mm256_add_ps(acc, _mm256_mul_ps(_mm256_load_ps(scale), x));
}

/* X of the groups of a run as floats; kinds with minima have groups of 16 or 32. */
X86_INLINE void run_x(float *xs, const int32_t *sums, int group, int n)
{
    if (group == 16)
        for (int g = 0; g < n / 16; g++) xs[g] = (float)sums[g];
    else
        for (int g = 0; g < n / 32; g++) xs[g] = (float)(sums[2 * g] + sums[2 * g + 1]);
}

/* Vectors v .. v+nv-1 of `a` over columns [k, k + n) that stand in the panel, one half of its rows;
 * b = their place in the block. */
X86_INLINE void groups_run(struct scratch *s, int nv, const struct lutra_mat *m,
                           const struct lutra_act *a, int half, int v, int b, int k, int n)
{
    const int16_t *c = a->codes + (size_t)v * (size_t)a->k_pad + k;
    const int32_t *sums = a->sums + (size_t)v * (size_t)(a->k_pad / 16) + k / 16;
    const int group = m->group;
    const bool has_min = x86_has_min(m->scales);
    float xs[QUAD][PANEL_GROUPS];
    for (int i = 0; has_min && i < nv; i++)
        run_x(xs[i], sums + (size_t)i * (size_t)(a->k_pad / 16), group, n);
    for (int g = 0; g * group < n; g++) {
        struct sums t[QUAD];
        zero_sums(t, nv);
        dot_columns(t, nv, s->panel.codes[half] + 16 * g * group, c + g * group,
                    (size_t)a->k_pad, group);
        X86_UNROLL
        for (int i = 0; i < nv; i++) {
            float *acc = s->acc.f[b + i][half];
            __m256 lo = _mm256_load_ps(acc), hi = _mm256_load_ps(acc + 8);
            lo = add_scaled(lo, s->panel.d[half][g], _mm256_cvtepi32_ps(t[i].lo));
            hi = add_scaled(hi, s->panel.d[half][g] + 8, _mm256_cvtepi32_ps(t[i].hi));
            if (has_min) {
                __m256 x = _mm256_broadcast_ss(&xs[i][g]);
                lo = add_scaled(lo, s->panel.m[g], x);
                hi = add_scaled(hi, s->panel.m[g] + 8, x);
            }
            _mm256_store_ps(acc, lo);
            _mm256_store_ps(acc + 8, hi);
        }
    }
}

/* ---- TERN: one group, both halves ---- */

X86_INLINE void tern_run(struct scratch *s, int nv, const struct lutra_act *a, int v, int b, int k,
                         int n)
{
    const int16_t *c = a->codes + (size_t)v * (size_t)a->k_pad + k;
    for (int half = 0; half < 2; half++) {
        struct sums t[QUAD];
        X86_UNROLL
        for (int i = 0; i < nv; i++) {
            t[i].lo = x86_load(s->acc.i[b + i][half]);
            t[i].hi = x86_load(s->acc.i[b + i][half] + 8);
        }
        dot_columns(t, nv, s->panel.codes[half], c, (size_t)a->k_pad, n);
        X86_UNROLL
        for (int i = 0; i < nv; i++) {
            _mm256_store_si256((__m256i *)s->acc.i[b + i][half], t[i].lo);
            _mm256_store_si256((__m256i *)(s->acc.i[b + i][half] + 8), t[i].hi);
        }
    }
}

X86_INLINE void some_run(struct scratch *s, int nv, const struct lutra_mat *m,
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
    for (int v = v0; v < v1; v += QUAD) {
        switch (v1 - v) {
        case 1:
            some_run(s, 1, m, a, v, v - v0, k, n);
            break;
        case 2:
            some_run(s, 2, m, a, v, v - v0, k, n);
            break;
        case 3:
            some_run(s, 3, m, a, v, v - v0, k, n);
            break;
        default:
            some_run(s, 4, m, a, v, v - v0, k, n);
            break;
        }
    }
}

static struct x86_rows tern_rows(const int32_t *sum, float scale)
{
    const __m256 d = _mm256_set1_ps(scale), zero = _mm256_setzero_ps();
    __m256 lo = _mm256_cvtepi32_ps(x86_load(sum)), hi = _mm256_cvtepi32_ps(x86_load(sum + 8));
    struct x86_rows r = {_mm256_add_ps(zero, _mm256_mul_ps(d, lo)),
                         _mm256_add_ps(zero, _mm256_mul_ps(d, hi))};
    return r;
}

/* A tile of one vector is done: times `scale` to y, as many rows as there are. */
static void store_tile(float *y, const struct scratch *s, const struct lutra_mat *m, int b,
                       int tile, float scale)
{
    for (int half = 0; half < m->tile_rows / 16; half++) {
        int row = tile * m->tile_rows + 16 * half;
        struct x86_rows r = {_mm256_load_ps(s->acc.f[b][half]),
                             _mm256_load_ps(s->acc.f[b][half] + 8)};
        if (row >= m->n_rows) return;
        if (m->kind == LUTRA_MAT_TERN) r = tern_rows(s->acc.i[b][half], m->scale);
        x86_store_rows(y + row, r, scale, m->n_rows - row);
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

/* ---- I8, a few vectors: straight from the packed bytes ---- */

X86_INLINE void i8_unit(struct sums *s, int nv, const uint8_t *codes, const int16_t *c,
                        size_t stride)
{
    for (int k = 0; k < 32; k += 2, codes += 32) {
        __m256i lo = _mm256_cvtepi8_epi16(_mm_loadu_si128((const __m128i *)codes));
        __m256i hi = _mm256_cvtepi8_epi16(_mm_loadu_si128((const __m128i *)(codes + 16)));
        X86_UNROLL
        for (int v = 0; v < nv; v++) {
            __m256i x = two_codes(c + (size_t)v * stride + k);
            s[v].lo = _mm256_add_epi32(s[v].lo, _mm256_madd_epi16(lo, x));
            s[v].hi = _mm256_add_epi32(s[v].hi, _mm256_madd_epi16(hi, x));
        }
    }
}

X86_INLINE void i8_tile(float *y, size_t y_stride, int nv, const struct lutra_mat *m,
                        const struct lutra_act *a, int v0, int tile)
{
    const uint8_t *unit = lutra_mat_tile(m, tile);
    const int16_t *c = a->codes + (size_t)v0 * (size_t)a->k_pad;
    struct x86_rows acc[QUAD];
    X86_UNROLL
    for (int v = 0; v < nv; v++) acc[v].lo = acc[v].hi = _mm256_setzero_ps();
    for (int k = 0; k < m->n_cols; k += 32, unit += m->unit_bytes) {
        struct sums s[QUAD];
        struct x86_rows d = x86_halves(unit);
        zero_sums(s, nv);
        x86_prefetch(unit, m->unit_bytes);
        i8_unit(s, nv, unit + m->scale_bytes, c + k, (size_t)a->k_pad);
        X86_UNROLL
        for (int v = 0; v < nv; v++) {
            acc[v].lo = _mm256_add_ps(acc[v].lo, _mm256_mul_ps(d.lo, _mm256_cvtepi32_ps(s[v].lo)));
            acc[v].hi = _mm256_add_ps(acc[v].hi, _mm256_mul_ps(d.hi, _mm256_cvtepi32_ps(s[v].hi)));
        }
    }
    X86_UNROLL
    for (int v = 0; v < nv; v++)
        x86_store_rows(y + (size_t)(v0 + v) * y_stride + tile * LUTRA_TILE_ROWS, acc[v],
                       a->scale[v0 + v], m->n_rows - tile * LUTRA_TILE_ROWS);
}

static void i8_tiles(float *y, size_t y_stride, const struct lutra_mat *m,
                     const struct lutra_act *a, int v0, int v1, int tile0, int tile1)
{
    for (int t = tile0; t < tile1; t++) {
        switch (v1 - v0) {
        case 1:
            i8_tile(y, y_stride, 1, m, a, v0, t);
            break;
        case 2:
            i8_tile(y, y_stride, 2, m, a, v0, t);
            break;
        case 3:
            i8_tile(y, y_stride, 3, m, a, v0, t);
            break;
        default:
            i8_tile(y, y_stride, 4, m, a, v0, t);
            break;
        }
    }
}

static void panel_mul(float *y, size_t y_stride, const struct lutra_mat *m,
                      const struct lutra_act *a, int v0, int v1, int tile0, int tile1,
                      void *scratch)
{
    if (v1 <= v0) return;
    if (m->kind == LUTRA_MAT_I8 && v1 - v0 <= QUAD) {
        i8_tiles(y, y_stride, m, a, v0, v1, tile0, tile1);
        return;
    }
    for (int v = v0; v < v1; v += BLOCK)
        for (int t = tile0; t < tile1; t++)
            block_tile(scratch, y, y_stride, m, a, v, min_int(v + BLOCK, v1), t);
}

/* ---- float activations ---- */

/* Codes of one half of the panel as weights w = D*q, then + M, for 8 rows starting at r of columns
 * [k, end), all of one group. A pair of int16 codes becomes two columns. */
X86_INLINE void decode_group(struct scratch *s, const int16_t *codes, __m256 d, const float *min,
                             int r, int k, int end)
{
    for (; k < end; k += 2) {
        __m256i two = x86_load(codes + 16 * k + 2 * r); /* column k low, k+1 high */
        __m256i even = _mm256_srai_epi32(_mm256_slli_epi32(two, 16), 16);
        __m256 w0 = _mm256_mul_ps(d, _mm256_cvtepi32_ps(even));
        __m256 w1 = _mm256_mul_ps(d, _mm256_cvtepi32_ps(_mm256_srai_epi32(two, 16)));
        if (min) {
            w0 = _mm256_add_ps(w0, _mm256_load_ps(min));
            w1 = _mm256_add_ps(w1, _mm256_load_ps(min));
        }
        _mm256_store_ps(s->w[k] + r, w0);
        _mm256_store_ps(s->w[k + 1] + r, w1);
    }
}

static void decode_half(struct scratch *s, const struct lutra_mat *m, int half, int n)
{
    const int16_t *codes = s->panel.codes[half];
    for (int r = 0; r < 16; r += 8) {
        if (m->kind == LUTRA_MAT_TERN) {
            decode_group(s, codes, _mm256_set1_ps(m->scale), NULL, r, 0, n);
            continue;
        }
        for (int g = 0; g * m->group < n; g++) {
            __m256 d = _mm256_load_ps(s->panel.d[half][g] + r);
            const float *min = x86_has_min(m->scales) ? s->panel.m[g] + r : NULL;
            decode_group(s, codes, d, min, r, g * m->group, (g + 1) * m->group);
        }
    }
}

X86_INLINE void exact_run(struct scratch *s, int nv, int half, const float *x, size_t stride, int b,
                          int n)
{
    struct x86_rows t[QUAD];
    X86_UNROLL
    for (int v = 0; v < nv; v++) {
        t[v].lo = _mm256_load_ps(s->acc.f[b + v][half]);
        t[v].hi = _mm256_load_ps(s->acc.f[b + v][half] + 8);
    }
    for (int k = 0; k < n; k++) {
        __m256 lo = _mm256_load_ps(s->w[k]), hi = _mm256_load_ps(s->w[k] + 8);
        X86_UNROLL
        for (int v = 0; v < nv; v++) {
            __m256 xs = _mm256_broadcast_ss(x + (size_t)v * stride + k);
            t[v].lo = _mm256_add_ps(t[v].lo, _mm256_mul_ps(lo, xs));
            t[v].hi = _mm256_add_ps(t[v].hi, _mm256_mul_ps(hi, xs));
        }
    }
    X86_UNROLL
    for (int v = 0; v < nv; v++) {
        _mm256_store_ps(s->acc.f[b + v][half], t[v].lo);
        _mm256_store_ps(s->acc.f[b + v][half] + 8, t[v].hi);
    }
}

static void exact_block(struct scratch *s, const struct lutra_act *a, int half, int v0, int v1,
                        int k, int n)
{
    for (int v = v0; v < v1; v += QUAD) {
        const float *x = a->x + (size_t)v * a->x_stride + k;
        switch (v1 - v) {
        case 1:
            exact_run(s, 1, half, x, a->x_stride, v - v0, n);
            break;
        case 2:
            exact_run(s, 2, half, x, a->x_stride, v - v0, n);
            break;
        case 3:
            exact_run(s, 3, half, x, a->x_stride, v - v0, n);
            break;
        default:
            exact_run(s, 4, half, x, a->x_stride, v - v0, n);
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
    for (int v = v0; v < v1; v += BLOCK)
        for (int t = tile0; t < tile1; t++)
            exact_tile(scratch, y, y_stride, m, a, v, min_int(v + BLOCK, v1), t);
}

void lutra_mm_init_avx2(struct lutra_ops *ops)
{
    ops->panel_mul = panel_mul;
    ops->exact_mul = exact_mul;
    ops->panel_scratch = sizeof(struct scratch);
}
