/* SPDX-License-Identifier: MIT */
/* Integer products with AVX-VNNI: the panels of mm_avx2.c, multiplied and added in one instruction.
 *
 * vpdpwssd takes the place of vpmaddwd and vpaddd, so half the arithmetic is gone and a running sum
 * needs no second register: six vectors stand in registers instead of four. exact_mul and the
 * lookups are those of AVX2. */
#include "kernels/ops.h"
#include "kernels/x86/x86_init.h"
#include "kernels/x86/panel_avx2.h"

#if !defined(__AVXVNNI__)
#error "compile with -mavxvnni (the Makefile does so for *_avxvnni.c)"
#endif

/* Make the compiler forget where a pointer came from: of six rows at a stride it would otherwise
 * precompute more addresses than there are registers. */
#define FORGET(p) __asm__("" : "+r"(p))

enum {
    BLOCK = 64, /* vectors that share an unpacked run */
    WIDE = 6    /* vectors whose sums stand in registers: 6 x 16 rows of int32 = 12 registers */
};

struct scratch {
    struct panel panel;
    union {
        float f[BLOCK][2][16];   /* [vector][half of the tile][row] */
        int32_t i[BLOCK][2][16]; /* TERN: one group, so its sums stay integers */
    } acc;
};

struct sums {
    __m256i lo, hi; /* rows 0-7, 8-15 */
};

static int min_int(int a, int b)
{
    return a < b ? a : b;
}

/* How many of `left` vectors to take at once: 6, 4, 2 or 1. */
static int take(int left)
{
    return left >= 6 ? 6 : left >= 4 ? 4 : left >= 2 ? 2 : 1;
}

X86_INLINE void add_pair(struct sums *s, __m256i lo, __m256i hi, const int16_t *c)
{
    int32_t both;
    memcpy(&both, c, sizeof both);
    const __m256i x = _mm256_set1_epi32(both);
    s->lo = _mm256_dpwssd_avx_epi32(s->lo, lo, x);
    s->hi = _mm256_dpwssd_avx_epi32(s->hi, hi, x);
    X86_PIN(s->lo);
    X86_PIN(s->hi);
}

/* s[v] += n columns of 16 rows times vector v, n a multiple of 4; nv is a constant of the caller.
 */
X86_INLINE void dot_columns(struct sums *s, int nv, const int16_t *w, const int16_t *c,
                            size_t stride, int n)
{
    const int16_t *row[WIDE];
    X86_UNROLL
    for (int v = 0; v < nv; v++) {
        row[v] = c + (size_t)v * stride;
        FORGET(row[v]);
    }
    for (int k = 0; k < n; k += 4, w += 64) {
        X86_UNROLL
        for (int j = 0; j < 2; j++) {
            __m256i lo = x86_load(w + 32 * j), hi = x86_load(w + 32 * j + 16);
            X86_UNROLL
            for (int v = 0; v < nv; v++) add_pair(&s[v], lo, hi, row[v] + k + 2 * j);
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

/* acc += D * S, then + M * X; min is NULL for types without minima. */
X86_INLINE void add_group(float *acc, struct sums s, const float *d, const float *min,
                          const float *xs)
{
    __m256 lo = add_scaled(_mm256_load_ps(acc), d, _mm256_cvtepi32_ps(s.lo));
    __m256 hi = add_scaled(_mm256_load_ps(acc + 8), d + 8, _mm256_cvtepi32_ps(s.hi));
    if (min) {
        __m256 x = _mm256_broadcast_ss(xs);
        lo = add_scaled(lo, min, x);
        hi = add_scaled(hi, min + 8, x);
    }
    _mm256_store_ps(acc, lo);
    _mm256_store_ps(acc + 8, hi);
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
    float xs[WIDE][PANEL_GROUPS];
    for (int i = 0; has_min && i < nv; i++)
        run_x(xs[i], sums + (size_t)i * (size_t)(a->k_pad / 16), group, n);
    for (int g = 0; g * group < n; g++) {
        struct sums t[WIDE];
        zero_sums(t, nv);
        dot_columns(t, nv, s->panel.codes[half] + 16 * g * group, c + g * group,
                    (size_t)a->k_pad, group);
        X86_UNROLL
        for (int i = 0; i < nv; i++)
            add_group(s->acc.f[b + i][half], t[i], s->panel.d[half][g],
                      has_min ? s->panel.m[g] : NULL, &xs[i][g]);
    }
}

/* ---- TERN: one group, both halves ---- */

X86_INLINE void tern_run(struct scratch *s, int nv, const struct lutra_act *a, int v, int b, int k,
                         int n)
{
    const int16_t *c = a->codes + (size_t)v * (size_t)a->k_pad + k;
    for (int half = 0; half < 2; half++) {
        struct sums t[WIDE];
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
            some_run(s, 6, m, a, v, v - v0, k, n);
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

/* ---- I8, one vector: straight from the packed bytes ---- */

/* Two sums in turn: two chains for each half. */
static void i8_tile(float *y, const struct lutra_mat *m, const struct lutra_act *a, int v, int tile)
{
    const uint8_t *unit = lutra_mat_tile(m, tile);
    const int16_t *c = a->codes + (size_t)v * (size_t)a->k_pad;
    struct x86_rows acc = {_mm256_setzero_ps(), _mm256_setzero_ps()};
    for (int k = 0; k < m->n_cols; k += 32, unit += m->unit_bytes, c += 32) {
        const uint8_t *codes = unit + m->scale_bytes;
        struct x86_rows d = x86_halves(unit);
        struct sums s[2];
        zero_sums(s, 2);
        x86_prefetch(unit, m->unit_bytes);
        for (int i = 0; i < 16; i++) {
            const __m128i *p = (const __m128i *)(const void *)(codes + 32 * i);
            add_pair(&s[i & 1], _mm256_cvtepi8_epi16(_mm_loadu_si128(p)),
                     _mm256_cvtepi8_epi16(_mm_loadu_si128(p + 1)), c + 2 * i);
        }
        __m256 lo = _mm256_cvtepi32_ps(_mm256_add_epi32(s[0].lo, s[1].lo));
        __m256 hi = _mm256_cvtepi32_ps(_mm256_add_epi32(s[0].hi, s[1].hi));
        acc.lo = _mm256_add_ps(acc.lo, _mm256_mul_ps(d.lo, lo));
        acc.hi = _mm256_add_ps(acc.hi, _mm256_mul_ps(d.hi, hi));
    }
    x86_store_rows(y + tile * LUTRA_TILE_ROWS, acc, a->scale[v],
                   m->n_rows - tile * LUTRA_TILE_ROWS);
}

static void panel_mul(float *y, size_t y_stride, const struct lutra_mat *m,
                      const struct lutra_act *a, int v0, int v1, int tile0, int tile1,
                      void *scratch)
{
    if (m->kind == LUTRA_MAT_I8 && v1 - v0 == 1) {
        for (int t = tile0; t < tile1; t++) i8_tile(y + (size_t)v0 * y_stride, m, a, v0, t);
        return;
    }
    for (int v = v0; v < v1; v += BLOCK)
        for (int t = tile0; t < tile1; t++)
            block_tile(scratch, y, y_stride, m, a, v, min_int(v + BLOCK, v1), t);
}

void lutra_mm_init_avxvnni(struct lutra_ops *ops)
{
    ops->panel_mul = panel_mul;
    if (ops->panel_scratch < sizeof(struct scratch)) ops->panel_scratch = sizeof(struct scratch);
}
