/* SPDX-License-Identifier: MIT */
/* Products without tables with SSSE3. A strip is a few tiles times a block of vectors:
 *
 *   for a run of <= 256 columns: codes of the block are split into bytes
 *       for a tile: the run is unpacked (panel_ssse3.h)
 *           for a vector / for a group: 16 rows of int16 sums, weighed as int32, and floats at the
 *           end of what is weighed
 *
 * A code is low + 256 * high, low in -128..127, and high is 0 nearly everywhere: high bytes are
 * multiplied in the quads of columns that have any. Where most have, pairs of int16 are multiplied
 * instead, and so is I8, whose bytes are too large for int16 sums.
 *
 * The float sums of a strip wait in scratch between runs, so each output sees its groups in ascending
 * order. */
#include "kernels/lut_init.h"
#include "kernels/ops.h"
#include "kernels/x86/x86_init.h"
#include "kernels/x86/panel_ssse3.h"

enum {
    BLOCK = 64, /* vectors that share an unpacked run */
    HALVES = 8, /* of tiles in a strip, for which codes are split once */
    TWO = 2     /* exact_mul: vectors whose sums stand in registers */
};

struct strip {
    struct panel panel;
    int8_t low[BLOCK][PANEL_K], high[BLOCK][PANEL_K];
    int32_t start[2][BLOCK][PANEL_GROUPS]; /* of each sum of low and of high bytes: pairs of int16 */
    float x[BLOCK][PANEL_GROUPS];          /* X of groups, if they have minima of their own */
    int32_t xs[2][BLOCK][PANEL_GROUPS / 2]; /* if those are weighed: x128_low_pair, x128_high_pair */
    int32_t sums[16];      /* 256 * those of high bytes */
    uint64_t quads[BLOCK]; /* a bit for each quad with high bytes */
    bool pairs[BLOCK];     /* do most have any? */
    union {
        float f[16];
        int32_t i[16]; /* TERN: one group, so its sums stay integers */
    } acc[HALVES][BLOCK];
};

static int min_int(int a, int b)
{
    return a < b ? a : b;
}

X128_INLINE struct x128_rows load_rows(const float *p)
{
    struct x128_rows r = {
        {_mm_load_ps(p), _mm_load_ps(p + 4), _mm_load_ps(p + 8), _mm_load_ps(p + 12)}};
    return r;
}

/* ---- bytes ---- */

X128_INLINE void sub_quad(struct x128_ints *s, const uint8_t *w, __m128i x)
{
    X128_UNROLL
    for (int i = 0; i < 4; i++) {
        __m128i rows = _mm_load_si128((const __m128i *)(w + 16 * i));
        s->v[i] = _mm_sub_epi16(s->v[i], _mm_maddubs_epi16(rows, x));
        X128_PIN(s->v[i]);
    }
}

/* n columns, a multiple of 16. */
X128_INLINE void sub_bytes(struct x128_ints *s, const uint8_t *w, const int8_t *c, int n)
{
    for (int k = 0; k < n; k += 16, w += 256) {
        __m128i x = x128_load(c + k);
        sub_quad(s, w, _mm_shuffle_epi32(x, 0x00));
        sub_quad(s, w + 64, _mm_shuffle_epi32(x, 0x55));
        sub_quad(s, w + 128, _mm_shuffle_epi32(x, 0xaa));
        sub_quad(s, w + 192, _mm_shuffle_epi32(x, 0xff));
    }
}

X128_INLINE void sub_some(struct x128_ints *s, const uint8_t *w, const int8_t *c, uint64_t quads)
{
    for (; quads; quads &= quads - 1) {
        int q = __builtin_ctzll(quads), x;
        memcpy(&x, c + 4 * q, sizeof x);
        sub_quad(s, w + 64 * q, _mm_set1_epi32(x));
    }
}

X128_INLINE struct x128_ints start_at(int32_t x)
{
    const __m128i s = _mm_set1_epi32(x);
    struct x128_ints r = {{s, s, s, s}};
    return r;
}

X128_INLINE struct x128_ints weighed(struct x128_ints s, const int16_t *sc)
{
    X128_UNROLL
    for (int i = 0; i < 4; i++)
        s.v[i] = _mm_madd_epi16(s.v[i], _mm_load_si128((const __m128i *)(sc + 8 * i)));
    return s;
}

X128_INLINE void add_ints(struct x128_ints *total, struct x128_ints s)
{
    X128_UNROLL
    for (int i = 0; i < 4; i++) total->v[i] = _mm_add_epi32(total->v[i], s.v[i]);
}

/* One half of the unpacked tile: where its sums are, and how it is to be taken. */
struct half_run {
    struct strip *s;
    int row, half;    /* in acc, in the panel */
    int n, part;      /* columns of it and of an int16 sum */
    int parts, mins;  /* in a float sum; pairs of groups in it whose minima are weighed, or 0 */
    bool tern, has_min;
};

/* s->sums = 256 * sums of the high bytes of part p. */
static __attribute__((noinline)) void high_sums(const struct half_run *h, int v, int p, uint64_t quads)
{
    struct strip *s = h->s;
    const int k = p * h->part;
    const uint8_t *w = s->panel.bytes[h->half] + 16 * k;
    struct x128_ints t = start_at(s->start[1][v][p]);
    sub_some(&t, w, s->high[v] + k, quads);
    t = weighed(t, s->panel.sc[p]);
    for (int i = 0; i < 4; i++) put(s->sums + 4 * i, _mm_slli_epi32(t.v[i], 8));
}

X128_INLINE struct x128_ints load_ints(const void *p)
{
    const __m128i *q = p;
    struct x128_ints r = {{_mm_load_si128(q), _mm_load_si128(q + 1), _mm_load_si128(q + 2),
                           _mm_load_si128(q + 3)}};
    return r;
}

/* Sum of mn * X of float sum r. */
X128_INLINE struct x128_rows weighed_minima(const struct half_run *h, int v, int r)
{
    const struct strip *s = h->s;
    struct x128_ints total = x128_zero();
    for (int i = r * h->mins; i < (r + 1) * h->mins; i++)
        x128_add_minima(&total, load_ints(s->panel.mn[i]), s->xs[0][v][i], s->xs[1][v][i]);
    return x128_floats(total);
}

/* acc + D * S, then + M * X, of float sum r. */
X128_INLINE struct x128_rows add_sum(struct x128_rows acc, const struct half_run *h, int v, int r,
                                     struct x128_ints total)
{
    const struct strip *s = h->s;
    acc = x128_add_product(acc, load_rows(s->panel.d[r]), x128_floats(total));
    if (!h->has_min) return acc;
    struct x128_rows x = h->mins ? weighed_minima(h, v, r) : x128_set(s->x[v][r]);
    return x128_add_product(acc, load_rows(s->panel.m[r]), x);
}

/* `part` is a constant of the caller where parts are short. */
X128_INLINE void some_run(const struct half_run *h, int part, int v)
{
    struct strip *s = h->s;
    const uint8_t *w = s->panel.bytes[h->half];
    const int8_t *low = s->low[v], *end = low + h->n;
    const uint64_t all = ~(uint64_t)0 >> (64 - part / 4);
    uint64_t quads = s->quads[v];
    float *acc = s->acc[h->row][v].f;
    struct x128_ints total = x128_zero();
    struct x128_rows f = load_rows(acc);
    for (int r = 0, p = 0, left = h->parts; low < end; p++, low += part, w += 16 * part) {
        struct x128_ints t = start_at(s->start[0][v][p]);
        sub_bytes(&t, w, low, part);
        add_ints(&total, weighed(t, s->panel.sc[p]));
        if (quads & all) {
            high_sums(h, v, p, quads & all);
            add_ints(&total, load_ints(s->sums));
        }
        quads >>= part / 4;
        if (--left) continue;
        left = h->parts;
        if (h->tern) break;
        f = add_sum(f, h, v, r++, total);
        total = x128_zero();
    }
    if (!h->tern) {
        put_rows(acc, f);
        return;
    }
    add_ints(&total, load_ints(acc));
    for (int i = 0; i < 4; i++) put(acc + 4 * i, total.v[i]);
}

static __attribute__((noinline)) void bytes_run(const struct half_run *h, int v)
{
    if (h->part == 16)
        some_run(h, 16, v);
    else
        some_run(h, h->part, v);
}

/* ---- pairs ---- */

/* One pair of columns of 16 rows times a pair of codes in every lane. */
X128_INLINE void add_pair(struct x128_ints *s, const int16_t *w, __m128i x)
{
    X128_UNROLL
    for (int i = 0; i < 4; i++) {
        __m128i rows = _mm_load_si128((const __m128i *)(w + 8 * i));
        s->v[i] = _mm_add_epi32(s->v[i], _mm_madd_epi16(rows, x));
        X128_PIN(s->v[i]);
    }
}

static __attribute__((noinline)) void pairs_run(const struct half_run *h, int v, const int16_t *c)
{
    const int16_t *w = h->s->panel.pairs, *end = c + h->n;
    const int sum = h->parts * h->part;
    float *acc = h->s->acc[h->row][v].f;
    struct x128_rows f = load_rows(acc);
    for (int r = 0; c < end; r++) {
        struct x128_ints t = x128_zero();
        for (int k = 0; k < sum; k += 8, c += 8, w += 128) {
            __m128i x = x128_load(c);
            add_pair(&t, w, _mm_shuffle_epi32(x, 0x00));
            add_pair(&t, w + 32, _mm_shuffle_epi32(x, 0x55));
            add_pair(&t, w + 64, _mm_shuffle_epi32(x, 0xaa));
            add_pair(&t, w + 96, _mm_shuffle_epi32(x, 0xff));
        }
        f = add_sum(f, h, v, r, t);
    }
    put_rows(acc, f);
}

/* ---- codes of a block ---- */

/* start[part]: bias times the bytes, in the lanes of quads. */
static void put_starts(int32_t *start, const int8_t *c, int part, int n, int bias)
{
    const __m128i b = _mm_set1_epi8((char)bias);
    for (int k = 0; k < n; k += part) {
        __m128i s = _mm_setzero_si128();
        for (int i = k; i < k + part; i += 16)
            s = _mm_add_epi16(s, _mm_maddubs_epi16(b, x128_load(c + i)));
        s = _mm_add_epi16(s, _mm_shuffle_epi32(s, 0x4e));
        s = _mm_add_epi16(s, _mm_shuffle_epi32(s, 0xb1));
        *start++ = _mm_cvtsi128_si32(s);
    }
}

/* X of the groups of a run. */
static void put_x(struct strip *s, int v, const int32_t *sums, int group, int n)
{
    int32_t x[PANEL_GROUPS + 1] = {0};
    for (int g = 0; g * group < n; g++) {
        for (int i = 0; i < group / 16; i++) x[g] += *sums++;
        s->x[v][g] = (float)x[g];
    }
    for (int g = 0; g * group < n; g += 2) {
        s->xs[0][v][g / 2] = x128_low_pair(x[g], x[g + 1]);
        s->xs[1][v][g / 2] = x128_high_pair(x[g], x[g + 1]);
    }
}

/* Columns [k, k + n) of vectors [v0, v0 + count). Are any of them pairs? */
static bool put_codes(struct strip *s, const struct lutra_mat *m, const struct lutra_act *a, int v0,
                      int count, int k, int n)
{
    const size_t stride = (size_t)a->k_pad;
    const int part = panel_part(m, n), bias = panel_zero(m);
    bool any = false;
    if (m->kind == LUTRA_MAT_I8) {
        memset(s->pairs, true, sizeof s->pairs);
        return false; /* they are in the panel as they are */
    }
    for (int v = 0; v < count; v++) {
        const int16_t *c = a->codes + (size_t)(v0 + v) * stride + k;
        uint64_t quads = 0;
        int many = 0;
        for (int i = 0; i < n; i += 16) {
            int four = x128_split(s->low[v] + i, s->high[v] + i, c + i);
            quads |= (uint64_t)(unsigned)four << i / 4;
            many += four == 15;
        }
        s->quads[v] = quads;
        s->pairs[v] = many > n / 32 && m->kind != LUTRA_MAT_TERN;
        any |= s->pairs[v];
        put_starts(s->start[0][v], s->low[v], part, n, bias);
        if (quads) put_starts(s->start[1][v], s->high[v], part, n, bias);
        if (x128_has_min(m->scales))
            put_x(s, v, a->sums + (size_t)(v0 + v) * (stride / 16) + k / 16, m->group, n);
    }
    return any;
}

/* ---- strips ---- */

/* A half of a tile of one vector is done: times `scale` to y, as many rows as there are. */
static void store_half(float *y, const struct strip *s, const struct lutra_mat *m, int half, int v,
                       int row, float scale)
{
    struct x128_rows r = load_rows(s->acc[half][v].f);
    if (row >= m->n_rows) return;
    if (m->kind == LUTRA_MAT_TERN) {
        struct x128_ints t;
        memcpy(&t, s->acc[half][v].i, sizeof t);
        r = x128_add_product(x128_set(0.0f), x128_set(m->scale), x128_floats(t));
    }
    x128_store_rows(y + row, r, scale, m->n_rows - row);
}

/* Tiles [tile0, tile1), at most HALVES halves, times vectors [v0, v0 + count). */
static void strip_mul(struct strip *s, float *y, size_t y_stride, const struct lutra_mat *m,
                      const struct lutra_act *a, int v0, int count, int tile0, int tile1)
{
    const int halves = m->tile_rows / 16;
    const bool tern = m->kind == LUTRA_MAT_TERN;
    const size_t stride = (size_t)a->k_pad;
    const int16_t *c = a->codes + (size_t)v0 * stride;
    for (int i = 0; i < (tile1 - tile0) * halves; i++)
        memset(s->acc[i], 0, (size_t)count * sizeof s->acc[i][0]);
    if (!panel_weighs(m)) memset(s->panel.sc, -1, sizeof s->panel.sc); /* -1 in every int16 */
    for (int k = 0, n; k < panel_end(m); k += n) {
        n = panel_run(m, k);
        const int part = panel_part(m, n), run = tern ? part : m->run;
        const bool any = put_codes(s, m, a, v0, count, k, n);
        for (int t = tile0; t < tile1; t++) {
            const uint8_t *unit = panel_unit(m, lutra_mat_tile(m, t), k);
            const uint8_t *next = panel_unit(m, lutra_mat_tile(m, t + 1 < tile1 ? t + 1 : tile0),
                                             t + 1 < tile1 ? k : k + n);
            panel_fill(&s->panel, m, unit, n, panel_weighs(m), next - unit);
            if (any) panel_widen(&s->panel, m, n);
            for (int i = 0; i < halves; i++) {
                struct half_run h = {s, (t - tile0) * halves + i, i, n, part, run / part,
                                     m->run > m->group ? m->run / m->group / 2 : 0, tern,
                                     x128_has_min(m->scales)};
                for (int v = 0; v < count; v++)
                    if (s->pairs[v])
                        pairs_run(&h, v, c + (size_t)v * stride + k);
                    else
                        bytes_run(&h, v);
            }
        }
    }
    for (int v = 0; v < count; v++)
        for (int i = 0; i < (tile1 - tile0) * halves; i++)
            store_half(y + (size_t)(v0 + v) * y_stride, s, m, i, v, tile0 * m->tile_rows + 16 * i,
                       a->scale[v0 + v]);
}

static void panel_mul(float *y, size_t y_stride, const struct lutra_mat *m,
                      const struct lutra_act *a, int v0, int v1, int tile0, int tile1,
                      void *scratch)
{
    const int tiles = HALVES * 16 / m->tile_rows;
    if (!x128_knows(m)) {
        struct lutra_ops scalar;
        lutra_mm_init_scalar(&scalar);
        scalar.panel_mul(y, y_stride, m, a, v0, v1, tile0, tile1, NULL);
        return;
    }
    for (int v = v0; v < v1; v += BLOCK)
        for (int t = tile0; t < tile1; t += tiles)
            strip_mul(scratch, y, y_stride, m, a, v, min_int(BLOCK, v1 - v), t,
                      min_int(t + tiles, tile1));
}

/* Vectors of BYTES that meet the packed codes one by one. Weights per ns of Q4_0: 31.7 so, panels of 2
 * and 3 vectors 29 and 33; of Q4_K, 40.1 so, panels of 2, 3, 4 vectors 30, 34, 38. */
enum { DENSE_MOST = 3 };

static bool dense_dot(float *y, size_t y_stride, const struct lutra_mat *m,
                      const struct lutra_act *a, int v0, int v1, int tile0, int tile1)
{
    const bool weighs = m->bits == 4 && panel_weighs(m);
    if (!a->bytes || v1 - v0 > (weighs ? DENSE_MOST : 1)) return false;
    for (int t = tile0; t < tile1; t++)
        for (int v = v0; v < v1; v++)
            if (!lutra_dense_dot_ssse3(y + (size_t)v * y_stride, m, a, v, t, t + 1)) return false;
    return true;
}

static void dense_mul(float *y, size_t y_stride, const struct lutra_mat *m,
                      const struct lutra_act *a, int v0, int v1, int tile0, int tile1,
                      void *scratch)
{
    if (!dense_dot(y, y_stride, m, a, v0, v1, tile0, tile1))
        panel_mul(y, y_stride, m, a, v0, v1, tile0, tile1, scratch);
}

/* ---- float activations ---- */

struct exact {
    struct panel panel;
    float acc[BLOCK][2][16]; /* [vector][half of the tile][row] */
    float w[PANEL_K][16];    /* one half of the run as floats */
};

/* Bytes of one half of the panel as weights w = D*q, then + M, for 4 rows starting at r of columns
 * [k, end), all of one group. */
X128_INLINE void decode_group(struct exact *s, const uint8_t *bytes, __m128 d, const float *min,
                              __m128i zero, int r, int k, int end)
{
    const __m128i low = _mm_set1_epi32(255);
    for (; k < end; k += 4) {
        __m128i four = x128_load(bytes + 16 * k + 4 * r);
        X128_UNROLL
        for (int j = 0; j < 4; j++) {
            __m128i q = _mm_and_si128(_mm_srli_epi32(four, 8 * j), low);
            __m128 w = _mm_mul_ps(d, _mm_cvtepi32_ps(_mm_sub_epi32(q, zero)));
            if (min) w = _mm_add_ps(w, _mm_load_ps(min));
            _mm_store_ps(s->w[k + j] + r, w);
        }
    }
}

/* I8 likewise: a pair becomes two columns. */
X128_INLINE void decode_pairs(struct exact *s, __m128 d, int r, int k, int end)
{
    for (; k < end; k += 2) {
        __m128i two = x128_load(s->panel.pairs + 16 * k + 2 * r); /* column k low, k+1 high */
        __m128i even = _mm_srai_epi32(_mm_slli_epi32(two, 16), 16);
        _mm_store_ps(s->w[k] + r, _mm_mul_ps(d, _mm_cvtepi32_ps(even)));
        _mm_store_ps(s->w[k + 1] + r, _mm_mul_ps(d, _mm_cvtepi32_ps(_mm_srai_epi32(two, 16))));
    }
}

static void decode_half(struct exact *s, const struct lutra_mat *m, int half, int n)
{
    const uint8_t *bytes = s->panel.bytes[half];
    const __m128i zero = _mm_set1_epi32(panel_zero(m));
    for (int r = 0; r < 16; r += 4) {
        if (m->kind == LUTRA_MAT_TERN) {
            decode_group(s, bytes, _mm_set1_ps(m->scale), NULL, zero, r, 0, n);
            continue;
        }
        for (int g = 0; g * m->group < n; g++) {
            __m128 d = _mm_load_ps(s->panel.d[g] + r);
            const float *min = x128_has_min(m->scales) ? s->panel.m[g] + r : NULL;
            const int k = g * m->group;
            if (m->kind == LUTRA_MAT_I8)
                decode_pairs(s, d, r, k, k + m->group);
            else
                decode_group(s, bytes, d, min, zero, r, k, k + m->group);
        }
    }
}

X128_INLINE void exact_run(struct exact *s, int nv, int half, const float *x, size_t stride,
                           int b, int n)
{
    struct x128_rows t[TWO];
    X128_UNROLL
    for (int v = 0; v < nv; v++) t[v] = load_rows(s->acc[b + v][half]);
    for (int k = 0; k < n; k++) {
        struct x128_rows w = load_rows(s->w[k]);
        X128_UNROLL
        for (int v = 0; v < nv; v++)
            t[v] = x128_add_product(t[v], w, x128_set(x[(size_t)v * stride + (size_t)k]));
    }
    X128_UNROLL
    for (int v = 0; v < nv; v++) put_rows(s->acc[b + v][half], t[v]);
}

static void exact_block(struct exact *s, const struct lutra_act *a, int half, int v0, int v1,
                        int k, int n)
{
    const float *x = a->x + (size_t)v0 * a->x_stride + k;
    int v = v0;
    for (; v + TWO <= v1; v += TWO, x += TWO * a->x_stride)
        exact_run(s, TWO, half, x, a->x_stride, v - v0, n);
    if (v < v1) exact_run(s, 1, half, x, a->x_stride, v - v0, n);
}

static void exact_tile(struct exact *s, float *y, size_t y_stride, const struct lutra_mat *m,
                       const struct lutra_act *a, int v0, int v1, int tile)
{
    int n;
    memset(s->acc, 0, (size_t)(v1 - v0) * sizeof s->acc[0]);
    for (int k = 0; k < m->n_cols; k += n) {
        n = panel_run(m, k);
        panel_fill(&s->panel, m, panel_unit(m, lutra_mat_tile(m, tile), k), n, false, X128_AHEAD);
        n = min_int(n, m->n_cols - k);
        for (int half = 0; half < m->tile_rows / 16; half++) {
            decode_half(s, m, half, n);
            exact_block(s, a, half, v0, v1, k, n);
        }
    }
    for (int v = v0; v < v1; v++) {
        for (int half = 0; half < m->tile_rows / 16; half++) {
            int row = tile * m->tile_rows + 16 * half, left = min_int(16, m->n_rows - row);
            if (left > 0)
                memcpy(y + (size_t)v * y_stride + row, s->acc[v - v0][half],
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
    ops->split_codes = lutra_split_codes_ssse3;
    ops->dense_bits = 1 << 4 | 1 << 5 | 1 << 6;
    ops->dense_most = DENSE_MOST;
    ops->dense_mul = dense_mul;
    ops->dense_exact = exact_mul;
    ops->panel_scratch = sizeof(struct strip) > sizeof(struct exact) ? sizeof(struct strip)
                                                                     : sizeof(struct exact);
}
