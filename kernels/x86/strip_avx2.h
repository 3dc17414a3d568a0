/* SPDX-License-Identifier: MIT */
/* Products without tables, 256-bit vectors: panel_mul of mm_avx2.c and mm_avxvnni.c, which differ in
 * how they multiply and add. Before including this they define
 *
 *   struct sums                  of 16 rows: lo rows 0-7, hi rows 8-15
 *   add_pairs(s, lo, hi, x)      int32: s += int16 pairs of 16 rows times the pairs x
 *   add_quad(s, w, x)            s + unsigned bytes of 8 rows, four columns, times signed bytes; in
 *                                lanes and with a sign of its own
 *   whole(v)                     what add_quad summed up, as int32
 *   weighed(v, weight(w))        the same times w, int16 twice a row; with SUMS16 each half of a lane has
 *                                its own
 *   one_quad(w, x)               four columns alone, in its lanes, positive; high_whole(v) is 256 times that as
 *                                int32, and high_weight(w) what `weighed` takes for 256 times w
 *   less(a, b)                   a - b in its lanes
 *   SUMS16                       are its lanes int16?
 *   WIDE                         vectors whose sums stand in registers
 *
 * A strip is a few tiles times a block of vectors:
 *
 *   for a run of <= 256 columns: codes of the block are laid out (codes_avx2.h)
 *       for a tile: the run is unpacked (panel_avx2.h)
 *           for WIDE vectors / for a group: 16 rows of sums in 2 * WIDE registers, then times
 *           D, M and added to the float sums; or times sc and added up, at the end of a run of groups
 *           times d and added to the float sums
 *
 * The float sums wait in scratch between runs, so each output sees its groups in ascending order. */
#ifndef LUTRA_KERNELS_X86_STRIP_AVX2_H
#define LUTRA_KERNELS_X86_STRIP_AVX2_H

#include "kernels/x86/runs_avx2.h"

/* Functions of their own: in one with the others gcc runs out of registers. */
#define SOME_RUN(nv)                                                                               \
    static __attribute__((noinline)) void run_##nv(const struct half_run *h, const struct share *p) \
    {                                                                                              \
        some_run(h, nv, p);                                                                        \
    }                                                                                              \
    static __attribute__((noinline)) void weighed_##nv(const struct half_run *h, const struct share *p) \
    {                                                                                              \
        some_weighed(h, nv, p);                                                                    \
    }

SOME_RUN(1)
SOME_RUN(2)
SOME_RUN(3)
SOME_RUN(4)
#if WIDE > 4
SOME_RUN(5)
SOME_RUN(6)
#endif

/* What is unpacked next, `bytes` from `next` on, is fetched meanwhile, a few lines before every pass: all at
 * once would fill the core's miss buffers. */
static void block_run(const struct half_run *h, const uint8_t *next, size_t bytes)
{
    static void (*const runs[2][WIDE])(const struct half_run *, const struct share *) = {
        {run_1, run_2, run_3, run_4,
#if WIDE > 4
         run_5, run_6
#endif
        },
        {weighed_1, weighed_2, weighed_3, weighed_4,
#if WIDE > 4
         weighed_5, weighed_6
#endif
        }};
    struct strip *s = h->s;
    const uint8_t *w = s->panel.bytes[h->half];
    const int bias = bias_of(h->m);
    const size_t passes = (size_t)s->n_shares, each = (bytes + passes - 1) / passes;
    size_t at = 0, end = 0;
    for (const struct share *p = s->shares; p < s->shares + s->n_shares; p++) {
        for (end += each; at < end; at += 64)
            _mm_prefetch((const char *)next + at, _MM_HINT_T0);
        if (!has_runs(h->m) || folds(h->m))
            add_listed(s, p, w, false, true);
        else if (bias)
            add_listed(s, p, w, true, true);
        else
            add_listed(s, p, w, true, false);
        runs[has_runs(h->m)][p->nv - 1](h, p);
    }
}

static struct x86_rows tern_rows(__m256i lo, __m256i hi, float scale)
{
    const __m256 d = _mm256_set1_ps(scale), zero = _mm256_setzero_ps();
    struct x86_rows r = {_mm256_add_ps(zero, _mm256_mul_ps(d, _mm256_cvtepi32_ps(lo))),
                         _mm256_add_ps(zero, _mm256_mul_ps(d, _mm256_cvtepi32_ps(hi)))};
    return r;
}

static void store_half(float *y, const struct lutra_mat *m, struct x86_rows r, int row, float scale)
{
    if (row < m->n_rows) x86_store_rows(y + row, r, scale, m->n_rows - row);
}

/* TERN: two halves, `count` sums apart, from the order they were unpacked in. */
static void store_trits(float *y, const struct strip *s, const struct lutra_mat *m, int acc, int count,
                        int row, float scale)
{
    __m256i r[4];
    for (int i = 0; i < 4; i++) r[i] = x86_load(s->acc[acc + i / 2 * count].i + 8 * (i & 1));
    for (int i = 0; i < 2; i++) {
        __m256i lo = i ? _mm256_permute2x128_si256(r[0], r[1], 0x31)
                       : _mm256_permute2x128_si256(r[0], r[1], 0x20);
        __m256i hi = i ? _mm256_permute2x128_si256(r[2], r[3], 0x31)
                       : _mm256_permute2x128_si256(r[2], r[3], 0x20);
        store_half(y, m, tern_rows(lo, hi, m->scale), row + 16 * i, scale);
    }
}

/* The rows of one vector are done: times `scale` to y, as many rows as there are. */
static void store_tile(float *y, const struct strip *s, const struct lutra_mat *m, int acc, int count,
                       int row, float scale)
{
    for (int i = 0; i < m->tile_rows / 16; i++) {
        const float *f = s->acc[acc + i * count].f;
        struct x86_rows r = {_mm256_load_ps(f), _mm256_load_ps(f + 8)};
        store_half(y, m, r, row + 16 * i, scale);
    }
}

/* What the sums of a vector are multiplied by: BOOK has a factor of its own. */
static float scale_of(const struct lutra_mat *m, float vector)
{
    return m->kind == LUTRA_MAT_BOOK ? vector * m->scale : vector;
}

/* Tiles [tile0, tile1), which have room for their sums, times vectors [v0, v0 + count). */
static void strip_mul(struct strip *s, float *y, size_t y_stride, const struct lutra_mat *m,
                      const struct lutra_act *a, int v0, int count, int tile0, int tile1)
{
    const bool back = bias_back(m) != 0;
    int halves = m->tile_rows / 16, n;
    memset(s->sums[0], 0, sizeof s->sums[0]);
    memset(s->acc, 0, (size_t)((tile1 - tile0) * halves * count) * sizeof s->acc[0]);
    for (int k = 0; k < panel_end(m); k += n) {
        n = panel_run(m, k);
        const int group = group_of(m, n), runs = has_runs(m) ? n / m->run : 1;
        const int all_x = n / m->group / 2;
        const size_t part = panel_bytes(m, n) / (size_t)halves;
        bool pairs = put_codes(s, m, a, v0, count, k, n);
        for (int t = tile0; t < tile1; t++) {
            const uint8_t *unit = panel_unit(m, lutra_mat_tile(m, t), k);
            const uint8_t *next = panel_unit(m, lutra_mat_tile(m, t + 1 < tile1 ? t + 1 : tile0),
                                             t + 1 < tile1 ? k : k + n);
            panel_fill(&s->panel, m, unit, n, true);
            if (has_runs(m)) put_weights(s, m, unit);
            if (has_runs(m) && pairs) panel_put_sc(&s->panel, m, unit);
            if (pairs) panel_widen(&s->panel, m, n);
            for (int i = 0; i < halves; i++) {
                const int acc = ((t - tile0) * halves + i) * count;
                struct half_run h = {s, m, acc, i, n, group, n / group, back, runs, all_x / runs, all_x};
                block_run(&h, next + part * (size_t)i, part);
            }
        }
    }
    for (int v = 0; v < count; v++) {
        float *to = y + (size_t)(v0 + v) * y_stride;
        for (int t = tile0; t < tile1; t++) {
            const int acc = (t - tile0) * halves * count + v, row = t * m->tile_rows;
            if (m->kind == LUTRA_MAT_TERN)
                store_trits(to, s, m, acc, count, row, a->scale[v0 + v]);
            else
                store_tile(to, s, m, acc, count, row, scale_of(m, a->scale[v0 + v]));
        }
    }
}

static void strips_mul(float *y, size_t y_stride, const struct lutra_mat *m,
                       const struct lutra_act *a, int v0, int v1, int tile0, int tile1,
                       void *scratch)
{
    for (int v = v0, count; v < v1; v += count) {
        count = min_int(BLOCK, v1 - v);
        const int tiles = SUMS / count / (m->tile_rows / 16);
        for (int t = tile0; t < tile1; t += tiles)
            strip_mul(scratch, y, y_stride, m, a, v, count, t, min_int(t + tiles, tile1));
    }
}

/* DENSE: a few vectors as the codes lie, one by one. */
static void dense_mul(float *y, size_t y_stride, const struct lutra_mat *m,
                      const struct lutra_act *a, int v0, int v1, int tile0, int tile1,
                      void *scratch)
{
    if (a->bytes && v1 - v0 <= lutra_dense_few(m))
        lutra_dense_few_avx2(y, y_stride, m, a, v0, v1, tile0, tile1);
    else
        strips_mul(y, y_stride, m, a, v0, v1, tile0, tile1, scratch);
}

#endif
