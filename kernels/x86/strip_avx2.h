/* SPDX-License-Identifier: MIT */
/* Products without tables, 256-bit vectors: panel_mul of mm_avx2.c and mm_avxvnni.c, which differ in
 * how they multiply and add. Before including this they define
 *
 *   struct sums                  int32 of 16 rows: lo rows 0-7, hi rows 8-15
 *   add_pairs(s, lo, hi, x)      s += int16 pairs of 16 rows times the pairs x
 *   add_trits(s, lo, hi, x)      s += trits (0..2) of 16 rows, four columns, times signed bytes
 *   trit_sum(v)                  what add_trits added up, as int32: called after <= 64 of them
 *
 * A strip is a few tiles times a block of vectors:
 *
 *   for a run of <= 256 columns: codes of the block are laid out as they will be read
 *       for a tile: the run is unpacked (panel_avx2.h)
 *           for six vectors / for a group: 16 rows x 6 vectors of int32 in 12 registers, then times
 *           D, M and added to the float sums
 *
 * The float sums wait in scratch between runs, so each output sees its groups in ascending order.
 * Codes of six vectors stand together: [pair][vector][2] int16, or [quad][vector][4] int8 for base-3
 * weights if all codes of the block fit (BitNet's do). Trits are the weights plus one: X, the sum of
 * the codes, is taken off at the end. */
#ifndef LUTRA_KERNELS_X86_STRIP_AVX2_H
#define LUTRA_KERNELS_X86_STRIP_AVX2_H

#include "kernels/x86/panel_avx2.h"

enum {
    BLOCK = 128, /* vectors that share an unpacked run: 64 KB of codes, which L2 holds */
    WIDE = 6,    /* vectors whose sums stand in registers */
    HALVES = 16  /* of tiles in a strip: 128 KB of sums */
};

struct strip {
    struct panel panel;
    union {
        int32_t pairs[PANEL_K / 2 * BLOCK];
        int32_t quads[PANEL_K / 4 * BLOCK];
    } codes;
    float xs[BLOCK][PANEL_GROUPS]; /* X of the run's groups, if there are minima */
    union {
        float f[16];
        int32_t i[16]; /* TERN: one group, so its sums stay integers */
    } acc[HALVES][BLOCK];
};

static int min_int(int a, int b)
{
    return a < b ? a : b;
}

/* How many of `left` vectors to take at once: equal shares of at most six. */
static int take(int left)
{
    int passes = (left + WIDE - 1) / WIDE;
    return (left + passes - 1) / passes;
}

/* ---- codes of a block ---- */

X86_INLINE void put_four(int32_t *dst, int step, __m128i a, __m128i b, __m128i c, __m128i d)
{
    __m128i ab = _mm_unpacklo_epi32(a, b), cd = _mm_unpacklo_epi32(c, d);
    _mm_storeu_si128((__m128i *)dst, _mm_unpacklo_epi64(ab, cd));
    _mm_storeu_si128((__m128i *)(dst + step), _mm_unpackhi_epi64(ab, cd));
    ab = _mm_unpackhi_epi32(a, b);
    cd = _mm_unpackhi_epi32(c, d);
    _mm_storeu_si128((__m128i *)(dst + 2 * step), _mm_unpacklo_epi64(ab, cd));
    _mm_storeu_si128((__m128i *)(dst + 3 * step), _mm_unpackhi_epi64(ab, cd));
}

X86_INLINE void put_two(int32_t *dst, int step, __m128i a, __m128i b)
{
    __m128i lo = _mm_unpacklo_epi32(a, b), hi = _mm_unpackhi_epi32(a, b);
    _mm_storel_epi64((__m128i *)dst, lo);
    _mm_storel_epi64((__m128i *)(dst + step), _mm_unpackhi_epi64(lo, lo));
    _mm_storel_epi64((__m128i *)(dst + 2 * step), hi);
    _mm_storel_epi64((__m128i *)(dst + 3 * step), _mm_unpackhi_epi64(hi, hi));
}

X86_INLINE void put_one(int32_t *dst, int step, __m128i a)
{
    int32_t four[4];
    _mm_storeu_si128((__m128i *)four, a);
    for (int i = 0; i < 4; i++) dst[i * step] = four[i];
}

/* dst[i][v] = element i of vector v, n elements of 4 bytes, a multiple of 4. */
X86_INLINE void weave(int32_t *dst, int nv, const uint8_t *src, size_t stride, int n)
{
    for (int i = 0; i < n; i += 4, dst += 4 * nv, src += 16) {
        __m128i r[WIDE];
        X86_UNROLL
        for (int v = 0; v < nv; v++)
            r[v] = _mm_loadu_si128((const __m128i *)(const void *)(src + (size_t)v * stride));
        if (nv >= 4) put_four(dst, nv, r[0], r[1], r[2], r[3]);
        if ((nv & 3) >= 2) put_two(dst + (nv & 4), nv, r[nv & 4], r[(nv & 4) + 1]);
        if (nv & 1) put_one(dst + nv - 1, nv, r[nv - 1]);
    }
}

static void weave_some(int32_t *dst, int nv, const void *src, size_t stride, int n)
{
    switch (nv) {
    case 1:
        weave(dst, 1, src, stride, n);
        break;
    case 2:
        weave(dst, 2, src, stride, n);
        break;
    case 3:
        weave(dst, 3, src, stride, n);
        break;
    case 4:
        weave(dst, 4, src, stride, n);
        break;
    case 5:
        weave(dst, 5, src, stride, n);
        break;
    default:
        weave(dst, 6, src, stride, n);
        break;
    }
}

/* n codes (a multiple of 8) that fit, as bytes; eight zeros after them. */
static void narrow(int8_t *dst, const int16_t *c, int n)
{
    _mm_storel_epi64((__m128i *)(dst + n), _mm_setzero_si128());
    for (int i = 0; i < n; i += 8) {
        __m128i x = _mm_loadu_si128((const __m128i *)(c + i));
        _mm_storel_epi64((__m128i *)(dst + i), _mm_packs_epi16(x, x));
    }
}

/* Are all n codes (a multiple of 16) within +-127? */
static bool all_narrow(const int16_t *c, size_t n)
{
    const __m256i most = _mm256_set1_epi16(LUTRA_CODE_MAX_INT8);
    const __m256i least = _mm256_set1_epi16(-LUTRA_CODE_MAX_INT8);
    __m256i wide = _mm256_setzero_si256();
    for (size_t i = 0; i < n; i += 16) {
        __m256i x = x86_load(c + i);
        wide = _mm256_or_si256(wide, _mm256_cmpgt_epi16(x, most));
        wide = _mm256_or_si256(wide, _mm256_cmpgt_epi16(least, x));
    }
    return _mm256_testz_si256(wide, wide);
}

/* X of the groups of a run as floats; kinds with minima have groups of 16 or 32. */
static void run_x(float *xs, const int32_t *sums, int group, int n)
{
    if (group == 16)
        for (int g = 0; g < n / 16; g++) xs[g] = (float)sums[g];
    else
        for (int g = 0; g < n / 32; g++) xs[g] = (float)(sums[2 * g] + sums[2 * g + 1]);
}

/* Columns [k, k + n) of vectors [v0, v0 + count). */
static void put_codes(struct strip *s, const struct lutra_mat *m, const struct lutra_act *a, int v0,
                      int count, int k, int n, bool trits)
{
    const int16_t *c = a->codes + (size_t)v0 * (size_t)a->k_pad + k;
    const int32_t *sums = a->sums + (size_t)v0 * (size_t)(a->k_pad / 16) + k / 16;
    int8_t bytes[WIDE][PANEL_K];
    for (int v = 0, nv; v < count; v += nv) {
        const int16_t *from = c + (size_t)v * (size_t)a->k_pad;
        nv = take(count - v);
        if (!trits) {
            weave_some(s->codes.pairs + v * n / 2, nv, from, 2 * (size_t)a->k_pad, n / 2);
            continue;
        }
        for (int i = 0; i < nv; i++) narrow(bytes[i], from + (size_t)i * (size_t)a->k_pad, n);
        /* two quads too many perhaps: the next vectors write over them */
        weave_some(s->codes.quads + v * n / 4, nv, bytes, PANEL_K, (n / 4 + 3) & ~3);
    }
    if (x86_has_min(m->scales))
        for (int v = 0; v < count; v++)
            run_x(s->xs[v], sums + (size_t)v * (size_t)(a->k_pad / 16), m->group, n);
}

/* ---- 16 rows times up to six vectors ---- */

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

X86_INLINE void dot_quads(struct sums *s, int nv, const uint8_t *w, const int32_t *x, int n)
{
    for (int k = 0; k < n; k += 8, w += 128, x += 2 * nv) {
        X86_UNROLL
        for (int j = 0; j < 2; j++) {
            __m256i lo = x86_load(w + 64 * j), hi = x86_load(w + 64 * j + 32);
            X86_UNROLL
            for (int v = 0; v < nv; v++) add_trits(&s[v], lo, hi, _mm256_set1_epi32(x[j * nv + v]));
        }
    }
}

X86_INLINE __m256 add_scaled(__m256 acc, const float *scale, __m256 x)
{
    return _mm256_add_ps(acc, _mm256_mul_ps(_mm256_load_ps(scale), x));
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

X86_INLINE void add_ints(int32_t *acc, __m256i lo, __m256i hi)
{
    _mm256_store_si256((__m256i *)acc, _mm256_add_epi32(x86_load(acc), lo));
    _mm256_store_si256((__m256i *)(acc + 8), _mm256_add_epi32(x86_load(acc + 8), hi));
}

/* One half of the unpacked tile: where its sums are, and how it is to be taken. */
struct half_run {
    struct strip *s;
    const struct lutra_mat *m;
    int row, half; /* in acc, in the panel */
    int n;
    bool trits;
};

X86_INLINE void groups_run(const struct half_run *h, int nv, int v)
{
    struct strip *s = h->s;
    const int group = h->m->group;
    const bool has_min = x86_has_min(h->m->scales);
    const int16_t *w = s->panel.codes[h->half];
    const int32_t *x = s->codes.pairs + v * h->n / 2;
    for (int g = 0; g * group < h->n; g++, w += 16 * group, x += group / 2 * nv) {
        struct sums t[WIDE];
        zero_sums(t, nv);
        dot_pairs(t, nv, w, x, group);
        X86_UNROLL
        for (int i = 0; i < nv; i++)
            add_group(s->acc[h->row][v + i].f, t[i], s->panel.d[h->half][g],
                      has_min ? s->panel.m[g] : NULL, &s->xs[v + i][g]);
    }
}

/* TERN: one group. */
X86_INLINE void tern_run(const struct half_run *h, int nv, int v)
{
    struct strip *s = h->s;
    struct sums t[WIDE];
    zero_sums(t, nv);
    if (h->trits)
        dot_quads(t, nv, s->panel.trits[h->half], s->codes.quads + v * h->n / 4, h->n);
    else
        dot_pairs(t, nv, s->panel.codes[h->half], s->codes.pairs + v * h->n / 2, h->n);
    X86_UNROLL
    for (int i = 0; i < nv; i++) {
        int32_t *acc = s->acc[h->row][v + i].i;
        if (h->trits)
            add_ints(acc, trit_sum(t[i].lo), trit_sum(t[i].hi));
        else
            add_ints(acc, t[i].lo, t[i].hi);
    }
}

X86_INLINE void some_run(const struct half_run *h, int nv, int v)
{
    if (h->m->kind == LUTRA_MAT_TERN)
        tern_run(h, nv, v);
    else
        groups_run(h, nv, v);
}

static void block_run(const struct half_run *h, int count)
{
    for (int v = 0, nv; v < count; v += nv) {
        nv = take(count - v);
        switch (nv) {
        case 1:
            some_run(h, 1, v);
            break;
        case 2:
            some_run(h, 2, v);
            break;
        case 3:
            some_run(h, 3, v);
            break;
        case 4:
            some_run(h, 4, v);
            break;
        case 5:
            some_run(h, 5, v);
            break;
        default:
            some_run(h, 6, v);
            break;
        }
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

static int32_t all_codes(const struct lutra_act *a, int v)
{
    const int32_t *sums = a->sums + (size_t)v * (size_t)(a->k_pad / 16);
    int32_t x = 0;
    for (int i = 0; i < a->k_pad / 16; i++) x += sums[i];
    return x;
}

static void store_half(float *y, const struct lutra_mat *m, struct x86_rows r, int row, float scale)
{
    if (row < m->n_rows) x86_store_rows(y + row, r, scale, m->n_rows - row);
}

/* Two halves of trits, from the order they were unpacked in; x is taken off. */
static void store_trits(float *y, const struct strip *s, const struct lutra_mat *m, int half, int b,
                        int row, int32_t x, float scale)
{
    const __m256i minus = _mm256_set1_epi32(x);
    __m256i r[4];
    for (int i = 0; i < 4; i++)
        r[i] = _mm256_sub_epi32(x86_load(s->acc[half + i / 2][b].i + 8 * (i & 1)), minus);
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
        const int32_t *sum = s->acc[half + i][b].i;
        struct x86_rows r = {_mm256_load_ps(f), _mm256_load_ps(f + 8)};
        if (m->kind == LUTRA_MAT_TERN) r = tern_rows(x86_load(sum), x86_load(sum + 8), m->scale);
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
                      const struct lutra_act *a, int v0, int count, int tile0, int tile1,
                      bool trits)
{
    int halves = m->tile_rows / 16, n;
    for (int i = 0; i < (tile1 - tile0) * halves; i++)
        memset(s->acc[i], 0, (size_t)count * sizeof s->acc[i][0]);
    for (int k = 0; k < panel_end(m); k += n) {
        n = panel_run(m, k);
        put_codes(s, m, a, v0, count, k, n, trits);
        for (int t = tile0; t < tile1; t++) {
            const uint8_t *unit = panel_unit(m, lutra_mat_tile(m, t), k);
            const uint8_t *next = panel_unit(m, lutra_mat_tile(m, t + 1 < tile1 ? t + 1 : tile0),
                                             t + 1 < tile1 ? k : k + n);
            panel_fill(&s->panel, m, unit, n, trits, next - unit);
            for (int i = 0; i < halves; i++) {
                struct half_run h = {s, m, (t - tile0) * halves + i, i, n, trits};
                block_run(&h, count);
            }
        }
    }
    for (int v = 0; v < count; v++) {
        float *to = y + (size_t)(v0 + v) * y_stride;
        int32_t x = trits ? all_codes(a, v0 + v) : 0;
        for (int t = tile0; t < tile1; t++) {
            int half = (t - tile0) * halves, row = t * m->tile_rows;
            if (trits)
                store_trits(to, s, m, half, v, row, x, a->scale[v0 + v]);
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
        bool trits = m->kind == LUTRA_MAT_TERN &&
                     all_narrow(a->codes + (size_t)v * (size_t)a->k_pad,
                                (size_t)count * (size_t)a->k_pad);
        for (int t = tile0; t < tile1; t += tiles)
            strip_mul(scratch, y, y_stride, m, a, v, count, t, min_int(t + tiles, tile1), trits);
    }
}

#endif
