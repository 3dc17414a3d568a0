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

/* S of a group, or S times sc (in weight's form). */
X86_INLINE void finish_sums(struct sums *s, int nv, const int32_t *sc)
{
    X86_UNROLL
    for (int v = 0; v < nv; v++) {
        s[v].lo = sc ? weighed(s[v].lo, x86_load(sc)) : whole(s[v].lo);
        s[v].hi = sc ? weighed(s[v].hi, x86_load(sc + 8)) : whole(s[v].hi);
    }
}

X86_INLINE void store_sums(int32_t (*sums)[16], int nv, const struct sums *s)
{
    X86_UNROLL
    for (int v = 0; v < nv; v++) {
        _mm256_store_si256((__m256i *)sums[v], s[v].lo);
        _mm256_store_si256((__m256i *)sums[v] + 1, s[v].hi);
    }
}

/* 256 * sums of the high bytes of the quads in `bits`. */
X86_INLINE void high_sums(int32_t (*sums)[16], int nv, const uint8_t *w, const int32_t *x,
                          const int32_t *start, uint64_t bits, const int32_t *sc)
{
    struct sums t[WIDE];
    start_sums(t, nv, start);
    for (; bits; bits &= bits - 1) {
        int q = __builtin_ctzll(bits);
        __m256i lo = x86_load(w + 64 * q), hi = x86_load(w + 64 * q + 32);
        X86_UNROLL
        for (int v = 0; v < nv; v++) add_quads(&t[v], lo, hi, _mm256_set1_epi32(x[q * nv + v]));
    }
    finish_sums(t, nv, sc);
    X86_UNROLL
    for (int v = 0; v < nv; v++) {
        _mm256_store_si256((__m256i *)sums[v], _mm256_slli_epi32(t[v].lo, 8));
        _mm256_store_si256((__m256i *)sums[v] + 1, _mm256_slli_epi32(t[v].hi, 8));
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
    int runs, pairs_x, all_x; /* runs of groups; pairs of groups in one of them, in all */
};

/* S of a group whose high bytes in the quads `some` are not all zero; sc as in finish_sums. */
X86_INLINE void group_sums(struct sums *t, struct strip *s, int nv, const uint8_t *w, const int32_t *x,
                           const int32_t *start, int group, int n, uint64_t some, const int32_t *sc)
{
    const int32_t *high_start = start + (s->start[1] - s->start[0]);
    if (some) high_sums(s->sums, nv, w, x + n / 4 * nv, high_start, some, sc);
    start_sums(t, nv, start);
    dot_quads(t, nv, w, x, group);
    finish_sums(t, nv, sc);
    if (some) add_sums(t, nv, s->sums);
}

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
            group_sums(t, s, nv, w, x, start, group, n, quads & all, NULL);
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

/* ---- runs of groups (has_runs), 256 columns ----
 * Sums of bytes times sc add up in s->total, X times mn are an integer dot of few columns, and where the
 * bias is not the zero so are X times bias * sc: int16 pairs both, if X are not far. Sums may wrap on the way:
 * lut.h tells that the last one does not. */

/* sums = 65536 * sum over pairs of groups of w (mn, sc) times x; few X are so large. */
static __attribute__((noinline)) void far_x(int32_t (*sums)[16], int nv, const int16_t *w,
                                            const int32_t *x, int pairs)
{
    for (int v = 0; v < nv; v++) {
        struct sums t;
        zero_sums(&t, 1);
        for (int i = 0; i < pairs; i++)
            add_pairs(&t, x86_load(w + 32 * i), x86_load(w + 32 * i + 16), _mm256_set1_epi32(x[i * nv + v]));
        _mm256_store_si256((__m256i *)sums[v], _mm256_slli_epi32(t.lo, 16));
        _mm256_store_si256((__m256i *)sums[v] + 1, _mm256_slli_epi32(t.hi, 16));
    }
}

/* acc += d * total, then -dmin * minima, if there are any. */
X86_INLINE void add_run(float *acc, const struct sums *total, int nv, const float *d, const float *min,
                        int32_t (*minima)[16])
{
    X86_UNROLL
    for (int v = 0; v < nv; v++, acc += 16) {
        __m256 lo = add_scaled(_mm256_load_ps(acc), d, _mm256_cvtepi32_ps(total[v].lo));
        __m256 hi = add_scaled(_mm256_load_ps(acc + 8), d + 8, _mm256_cvtepi32_ps(total[v].hi));
        if (minima) {
            lo = add_scaled(lo, min, _mm256_cvtepi32_ps(x86_load(minima[v])));
            hi = add_scaled(hi, min + 8, _mm256_cvtepi32_ps(x86_load(minima[v] + 8)));
        }
        _mm256_store_ps(acc, lo);
        _mm256_store_ps(acc + 8, hi);
    }
}

/* t = sum over pairs of groups, an even number, of w times x. */
X86_INLINE void dot_x(struct sums *t, struct strip *s, int nv, const int16_t *w, const int32_t *x,
                      bool far, int pairs)
{
    zero_sums(t, nv);
    if (far) {
        far_x(s->sums, nv, w, x + (s->x[1] - s->x[0]), pairs);
        add_sums(t, nv, s->sums);
    }
    dot_pairs(t, nv, w, x, 2 * pairs);
}

/* some_run of these types. */
X86_INLINE void some_weighed(const struct half_run *h, int nv, int v)
{
    struct strip *s = h->s;
    const int group = h->group, run = h->m->run, pairs_x = h->pairs_x;
    const uint8_t *w = s->panel.bytes[0];
    const int16_t *wide = s->panel.wide[0];
    const int32_t *codes = s->codes + PANEL_K / 2 * v, *start = s->start[0] + h->steps * v;
    const int32_t *x = s->x[0] + h->all_x * v, *sc = folds(h->m) ? NULL : s->sc[0];
    const uint64_t all = ~(uint64_t)0 >> (64 - group / 4);
    const bool far = s->far[v], pairs = s->pairs[v], has_back = SUMS16 && h->back;
    const bool has_min = x86_has_min(h->m->scales);
    float *acc = s->acc[h->row][v].f;
    uint64_t quads = s->high[v];
    for (int r = 0, g = 0; r < h->runs; r++, g += 32 * pairs_x) {
        struct sums t[WIDE];
        if (has_min) {
            dot_x(t, s, nv, s->mn + g, x, far, pairs_x);
            store_sums(s->minima, nv, t);
        }
        if (pairs) {
            zero_sums(t, nv);
            dot_pairs(t, nv, wide, codes, run);
            wide += 16 * run;
            codes += run / 2 * nv;
        } else {
            if (has_back) {
                dot_x(t, s, nv, s->back_sc + g, x, far, pairs_x);
                store_sums(s->total, nv, t);
            }
            bool more = has_back;
            for (const uint8_t *end = w + 16 * run;;) {
                group_sums(t, s, nv, w, codes, start, group, PANEL_K, quads & all, sc);
                w += 16 * group;
                quads >>= group / 4 & 63;
                codes += group / 4 * nv;
                start += nv;
                if (!sc) break; /* folded: this was all of the run */
                sc += 16;
                if (more) add_sums(t, nv, s->total);
                more = true;
                if (w == end) break;
                store_sums(s->total, nv, t);
            }
        }
        add_run(acc, t, nv, s->panel.d[0][r], s->panel.m[r], has_min ? s->minima : NULL);
        x += pairs_x * nv;
    }
}

/* Functions of their own: in one with the others gcc runs out of registers. */
#define SOME_RUN(nv)                                                                               \
    static __attribute__((noinline)) void run_##nv(const struct half_run *h, int v)                \
    {                                                                                              \
        some_run(h, nv, v);                                                                        \
    }                                                                                              \
    static __attribute__((noinline)) void weighed_##nv(const struct half_run *h, int v)            \
    {                                                                                              \
        some_weighed(h, nv, v);                                                                    \
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
    static void (*const runs[2][WIDE])(const struct half_run *, int) = {
        {run_1, run_2, run_3, run_4, run_5,
#if WIDE > 5
         run_6
#endif
        },
        {weighed_1, weighed_2, weighed_3, weighed_4, weighed_5,
#if WIDE > 5
         weighed_6
#endif
        }};
    for (int v = 0, nv; v < count; v += nv) {
        nv = take(count - v);
        runs[has_runs(h->m)][nv - 1](h, v);
    }
}

/* ---- strips ---- */

X86_INLINE void put_weight(int32_t *dst, __m256i even, __m256i odd)
{
    _mm256_store_si256((__m256i *)dst, weight(_mm256_unpacklo_epi16(even, odd)));
    _mm256_store_si256((__m256i *)(dst + 8), weight(_mm256_unpackhi_epi16(even, odd)));
}

X86_INLINE void put_pair(int16_t *dst, __m256i even, __m256i odd)
{
    _mm256_store_si256((__m256i *)dst, _mm256_unpacklo_epi16(even, odd));
    _mm256_store_si256((__m256i *)(dst + 16), _mm256_unpackhi_epi16(even, odd));
}

/* What the sums of a unit's groups and their X are weighed by. */
static void put_weights(struct strip *s, const struct lutra_mat *m, const uint8_t *unit)
{
    const int back = bias_back(m);
    for (int g = 0; g < m->unit_k / m->group; g += 2) {
        __m256i a = panel_sc(m, unit, g), b = panel_sc(m, unit, g + 1);
        if (woven(m)) {
            put_weight(s->sc[g / 2], a, b);
        } else {
            put_weight(s->sc[g], a, a);
            put_weight(s->sc[g + 1], b, b);
        }
        const __m256i by = _mm256_set1_epi16((int16_t)back);
        if (back) put_pair(s->back_sc + 16 * g, _mm256_mullo_epi16(a, by), _mm256_mullo_epi16(b, by));
        if (x86_has_min(m->scales)) put_pair(s->mn + 16 * g, panel_mn(m, unit, g), panel_mn(m, unit, g + 1));
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
        const int group = group_of(m, n), runs = has_runs(m) ? n / m->run : 1;
        const int all_x = n / m->group / 2;
        bool pairs = put_codes(s, m, a, v0, count, k, n);
        for (int t = tile0; t < tile1; t++) {
            const uint8_t *unit = panel_unit(m, lutra_mat_tile(m, t), k);
            const uint8_t *next = panel_unit(m, lutra_mat_tile(m, t + 1 < tile1 ? t + 1 : tile0),
                                             t + 1 < tile1 ? k : k + n);
            panel_fill(&s->panel, m, unit, n, next - unit, true);
            if (has_runs(m)) put_weights(s, m, unit);
            if (has_runs(m) && pairs) panel_put_sc(&s->panel, m, unit);
            if (pairs) panel_widen(&s->panel, m, n);
            for (int i = 0; i < halves; i++) {
                struct half_run h = {s,     m,         (t - tile0) * halves + i, i,        n,
                                     group, n / group, back,                     runs, all_x / runs, all_x};
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
