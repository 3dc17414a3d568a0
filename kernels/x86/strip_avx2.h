/* SPDX-License-Identifier: MIT */
/* Products without tables, 256-bit vectors: panel_mul of mm_avx2.c and mm_avxvnni.c, which differ in
 * how they multiply and add. Before including this they define
 *
 *   struct sums                  of 16 rows: lo rows 0-7, hi rows 8-15
 *   add_pairs(s, lo, hi, x)      int32: s += int16 pairs of 16 rows times the pairs x
 *   add_quad(s, w, x)            s + unsigned bytes of 8 rows, four columns, times signed bytes; in
 *                                lanes and with a sign of its own
 *   whole(v)                     what add_quad summed up, as int32
 *   less(a, b)                   a - b in its lanes
 *   SUMS16                       are its lanes int16?
 *   WIDE                         vectors whose sums stand in registers
 *
 * A strip is a few tiles times a block of vectors:
 *
 *   for a run of <= 256 columns: codes of the block are laid out (codes_avx2.h)
 *       for a tile: the run is unpacked (panel_avx2.h)
 *           for WIDE vectors / for a group: 16 rows of sums in 2 * WIDE registers, then times
 *           D, M and added to the float sums
 *
 * The float sums wait in scratch between runs, so each output sees its groups in ascending order. */
#ifndef LUTRA_KERNELS_X86_STRIP_AVX2_H
#define LUTRA_KERNELS_X86_STRIP_AVX2_H

#include "kernels/x86/codes_avx2.h"

/* ---- 16 rows times up to WIDE vectors ---- */

X86_INLINE void zero_sums(struct sums *s, int nv)
{
    X86_UNROLL
    for (int v = 0; v < nv; v++) s[v].lo = s[v].hi = _mm256_setzero_si256();
}

/* s[v] += n columns, a multiple of 4; nv is a constant of the caller. */
X86_INLINE void dot_pairs(struct sums *s, int nv, const int16_t *w, const int32_t *x, int n)
{
    for (int k = 0; k < n; k += 4, w += 64, x += 2 * nv) {
        X86_UNROLL
        for (int j = 0; j < 2; j++) {
            __m256i lo = x86_load(w + 32 * j), hi = x86_load(w + 32 * j + 16);
            X86_UNROLL
            for (int v = 0; v < nv; v++) add_pairs(&s[v], lo, hi, _mm256_set1_epi32(x[j * nv + v]));
        }
    }
}

X86_INLINE void add_quads(struct sums *s, __m256i lo, __m256i hi, __m256i x)
{
    s->lo = add_quad(s->lo, lo, x);
    s->hi = add_quad(s->hi, hi, x);
    X86_PIN(s->lo);
    X86_PIN(s->hi);
}

/* The same in add_quad's lanes; a multiple of 8 columns. */
X86_INLINE void dot_quads(struct sums *s, int nv, const uint8_t *w, const int32_t *x, int n)
{
    for (int k = 0; k < n; k += 8, w += 128, x += 2 * nv) {
        X86_UNROLL
        for (int j = 0; j < 2; j++) {
            __m256i lo = x86_load(w + 64 * j), hi = x86_load(w + 64 * j + 32);
            X86_UNROLL
            for (int v = 0; v < nv; v++) add_quads(&s[v], lo, hi, _mm256_set1_epi32(x[j * nv + v]));
        }
    }
}

X86_INLINE void start_sums(struct sums *s, int nv, const int32_t *start)
{
    X86_UNROLL
    for (int v = 0; v < nv; v++) {
        s[v].lo = s[v].hi = _mm256_set1_epi32(start[v]);
    }
}

/* 256 * sums of the high bytes of the quads in `bits`. */
X86_INLINE void high_sums(int32_t (*sums)[16], int nv, const uint8_t *w, const int32_t *x,
                          const int32_t *start, uint64_t bits)
{
    struct sums t[WIDE];
    start_sums(t, nv, start);
    for (; bits; bits &= bits - 1) {
        int q = __builtin_ctzll(bits);
        __m256i lo = x86_load(w + 64 * q), hi = x86_load(w + 64 * q + 32);
        X86_UNROLL
        for (int v = 0; v < nv; v++) add_quads(&t[v], lo, hi, _mm256_set1_epi32(x[q * nv + v]));
    }
    X86_UNROLL
    for (int v = 0; v < nv; v++) {
        _mm256_store_si256((__m256i *)sums[v], _mm256_slli_epi32(whole(t[v].lo), 8));
        _mm256_store_si256((__m256i *)sums[v] + 1, _mm256_slli_epi32(whole(t[v].hi), 8));
    }
}

X86_INLINE void add_sums(struct sums *s, int nv, int32_t (*sums)[16])
{
    X86_UNROLL
    for (int v = 0; v < nv; v++) {
        s[v].lo = _mm256_add_epi32(s[v].lo, x86_load(sums[v]));
        s[v].hi = _mm256_add_epi32(s[v].hi, x86_load(sums[v] + 8));
    }
}

X86_INLINE void add_back(struct sums *s, int nv, const int32_t *back)
{
    X86_UNROLL
    for (int v = 0; v < nv; v++) {
        s[v].lo = _mm256_add_epi32(s[v].lo, _mm256_set1_epi32(back[v]));
        s[v].hi = _mm256_add_epi32(s[v].hi, _mm256_set1_epi32(back[v]));
    }
}

X86_INLINE __m256 add_scaled(__m256 acc, const float *scale, __m256 x)
{
    return _mm256_add_ps(acc, _mm256_mul_ps(_mm256_load_ps(scale), x));
}

/* acc += D * S, then + M * X; min is NULL for types without minima. */
X86_INLINE void add_group(float *acc, const struct sums *s, int nv, const float *d,
                          const float *min, const float *xs)
{
    X86_UNROLL
    for (int v = 0; v < nv; v++, acc += 16) {
        __m256 lo = add_scaled(_mm256_load_ps(acc), d, _mm256_cvtepi32_ps(s[v].lo));
        __m256 hi = add_scaled(_mm256_load_ps(acc + 8), d + 8, _mm256_cvtepi32_ps(s[v].hi));
        if (min) {
            __m256 x = _mm256_broadcast_ss(xs + v);
            lo = add_scaled(lo, min, x);
            hi = add_scaled(hi, min + 8, x);
        }
        _mm256_store_ps(acc, lo);
        _mm256_store_ps(acc + 8, hi);
    }
}

X86_INLINE void add_ints(int32_t *acc, const struct sums *s, int nv)
{
    X86_UNROLL
    for (int v = 0; v < nv; v++, acc += 16) {
        _mm256_store_si256((__m256i *)acc, _mm256_add_epi32(x86_load(acc), s[v].lo));
        _mm256_store_si256((__m256i *)(acc + 8), _mm256_add_epi32(x86_load(acc + 8), s[v].hi));
    }
}

/* One half of the unpacked tile: where its sums are, and how it is to be taken. */
struct half_run {
    struct strip *s;
    const struct lutra_mat *m;
    int row, half; /* in acc, in the panel */
    int n, group, steps; /* columns of the run, of a group; groups */
    bool back;
};

/* nv vectors from v on. */
X86_INLINE void some_run(const struct half_run *h, int nv, int v)
{
    struct strip *s = h->s;
    const int group = h->group, n = h->n, steps = h->steps, at = v * steps;
    const uint8_t *w = s->panel.bytes[h->half];
    const int16_t *wide = s->panel.wide[h->half];
    const int32_t *x = s->codes + v * (n / 2), *start = s->start[0] + at, *back = s->back + at;
    const float *d = s->panel.d[h->half][0], *min = s->panel.m[0], *xs = s->xs + at;
    const uint64_t all = ~(uint64_t)0 >> (64 - group / 4);
    const bool pairs = s->pairs[v], tern = h->m->kind == LUTRA_MAT_TERN;
    const bool has_min = x86_has_min(h->m->scales), has_back = h->back;
    float *acc = s->acc[h->row][v].f;
    uint64_t quads = s->high[v];
    for (int g = 0; g < steps; g++) {
        struct sums t[WIDE];
        if (pairs) {
            zero_sums(t, nv);
            dot_pairs(t, nv, wide, x, group);
            wide += 16 * group;
            x += group / 2 * nv;
        } else {
            const uint64_t some = quads & all;
            if (some)
                high_sums(s->sums, nv, w, x + n / 4 * nv, s->start[1] + at + g * nv, some);
            start_sums(t, nv, start);
            dot_quads(t, nv, w, x, group);
            X86_UNROLL
            for (int i = 0; i < nv; i++) {
                t[i].lo = whole(t[i].lo);
                t[i].hi = whole(t[i].hi);
            }
            if (some) add_sums(t, nv, s->sums);
            if (has_back) add_back(t, nv, back);
            quads >>= group / 4 & 63;
            w += 16 * group;
            x += group / 4 * nv;
            start += nv;
            back += nv;
        }
        if (tern) {
            add_ints(s->acc[h->row][v].i, t, nv);
            return;
        }
        if (has_min)
            add_group(acc, t, nv, d, min, xs);
        else
            add_group(acc, t, nv, d, NULL, NULL);
        d += 16;
        min += 16;
        xs += nv;
    }
}

/* Functions of their own: in one with the others gcc runs out of registers. */
#define SOME_RUN(nv)                                                                               \
    static __attribute__((noinline)) void run_##nv(const struct half_run *h, int v)                \
    {                                                                                              \
        some_run(h, nv, v);                                                                        \
    }

SOME_RUN(1)
SOME_RUN(2)
SOME_RUN(3)
SOME_RUN(4)
SOME_RUN(5)
#if WIDE > 5
SOME_RUN(6)
#endif

static void block_run(const struct half_run *h, int count)
{
    static void (*const runs[])(const struct half_run *, int) = {
        run_1, run_2, run_3, run_4, run_5,
#if WIDE > 5
        run_6
#endif
    };
    for (int v = 0, nv; v < count; v += nv) {
        nv = take(count - v);
        runs[nv - 1](h, v);
    }
}

/* ---- strips ---- */

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

/* TERN: two halves, from the order they were unpacked in. */
static void store_trits(float *y, const struct strip *s, const struct lutra_mat *m, int half, int b,
                        int row, float scale)
{
    __m256i r[4];
    for (int i = 0; i < 4; i++) r[i] = x86_load(s->acc[half + i / 2][b].i + 8 * (i & 1));
    for (int i = 0; i < 2; i++) {
        __m256i lo = i ? _mm256_permute2x128_si256(r[0], r[1], 0x31)
                       : _mm256_permute2x128_si256(r[0], r[1], 0x20);
        __m256i hi = i ? _mm256_permute2x128_si256(r[2], r[3], 0x31)
                       : _mm256_permute2x128_si256(r[2], r[3], 0x20);
        store_half(y, m, tern_rows(lo, hi, m->scale), row + 16 * i, scale);
    }
}

/* The rows of one vector are done: times `scale` to y, as many rows as there are. */
static void store_tile(float *y, const struct strip *s, const struct lutra_mat *m, int half, int b,
                       int row, float scale)
{
    for (int i = 0; i < m->tile_rows / 16; i++) {
        const float *f = s->acc[half + i][b].f;
        struct x86_rows r = {_mm256_load_ps(f), _mm256_load_ps(f + 8)};
        store_half(y, m, r, row + 16 * i, scale);
    }
}

/* What the sums of a vector are multiplied by: BOOK has a factor of its own. */
static float scale_of(const struct lutra_mat *m, float vector)
{
    return m->kind == LUTRA_MAT_BOOK ? vector * m->scale : vector;
}

/* Tiles [tile0, tile1), at most HALVES halves, times vectors [v0, v0 + count). */
static void strip_mul(struct strip *s, float *y, size_t y_stride, const struct lutra_mat *m,
                      const struct lutra_act *a, int v0, int count, int tile0, int tile1)
{
    const bool back = bias_back(m) != 0;
    int halves = m->tile_rows / 16, n;
    for (int i = 0; i < (tile1 - tile0) * halves; i++)
        memset(s->acc[i], 0, (size_t)count * sizeof s->acc[i][0]);
    for (int k = 0; k < panel_end(m); k += n) {
        n = panel_run(m, k);
        bool pairs = put_codes(s, m, a, v0, count, k, n);
        for (int t = tile0; t < tile1; t++) {
            const uint8_t *unit = panel_unit(m, lutra_mat_tile(m, t), k);
            const uint8_t *next = panel_unit(m, lutra_mat_tile(m, t + 1 < tile1 ? t + 1 : tile0),
                                             t + 1 < tile1 ? k : k + n);
            panel_fill(&s->panel, m, unit, n, next - unit);
            if (pairs) panel_widen(&s->panel, m, n);
            for (int i = 0; i < halves; i++) {
                const int group = group_of(m, n);
                struct half_run h = {s, m, (t - tile0) * halves + i, i, n, group, n / group, back};
                block_run(&h, count);
            }
        }
    }
    for (int v = 0; v < count; v++) {
        float *to = y + (size_t)(v0 + v) * y_stride;
        for (int t = tile0; t < tile1; t++) {
            int half = (t - tile0) * halves, row = t * m->tile_rows;
            if (m->kind == LUTRA_MAT_TERN)
                store_trits(to, s, m, half, v, row, a->scale[v0 + v]);
            else
                store_tile(to, s, m, half, v, row, scale_of(m, a->scale[v0 + v]));
        }
    }
}

static void strips_mul(float *y, size_t y_stride, const struct lutra_mat *m,
                       const struct lutra_act *a, int v0, int v1, int tile0, int tile1,
                       void *scratch)
{
    const int tiles = HALVES * 16 / m->tile_rows;
    for (int v = v0, count; v < v1; v += count) {
        count = min_int(BLOCK, v1 - v);
        for (int t = tile0; t < tile1; t += tiles)
            strip_mul(scratch, y, y_stride, m, a, v, count, t, min_int(t + tiles, tile1));
    }
}

#endif
