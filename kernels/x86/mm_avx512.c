/* SPDX-License-Identifier: MIT */
/* Integer products of many vectors with AVX-512 VNNI: a run of columns of 32 rows is unpacked once,
 * then all vectors of a block pass over it.
 *
 *   for a block of vectors / for a band of rows / for a run of <= 256 columns: copy its codes, then
 *       for a strip of 32 rows: unpack, then
 *           for eight vectors / for a group: 32 rows x 8 vectors of int32 in registers, then D, M
 *
 * Where groups are weighed in integers over a run (lut.h), sc of 16 columns is in the bytes, which leaves
 * one group of 256 columns; sums of 32 are added up with sc, 6 vectors at a time, as totals stand in
 * registers too; and minima are mn times the bytes of X, once a run.
 *
 * 16 sums in registers: ten loads for 16 vpdpbusd, and more chains than the latency of four asks
 * for. The float sums of a band wait in scratch between runs, so each output sees its groups in
 * ascending order. Which bytes of the codes are multiplied, many_avx512.h says. */
#include "kernels/ops.h"
#include "kernels/x86/many_avx512.h"
#include "kernels/x86/panel_quint_avx512.h"
#include "kernels/x86/x86_init.h"

enum {
    STRIPS = 16, /* of 32 rows in a band: its sums are 512 KB, the codes of a run 128 KB */
    LAST = 8,    /* columns at the end of a group */
    FEW = 6,     /* I8: vectors whose sums stand in registers, nothing unpacked; N=6 8 16: 107 110 110
                    MAC/ns, a panel 105 117 143 ... */
    I8_SHORT = 64, /* ... and 74 79 90 97 (32) if all columns have 14 bits: then up to so many */
    BOOK_FEW = 12, /* BOOK: vectors that are multiplied as they lie, four at a time, if those have room
                      (book_avx512.c); MAC/ns of IQ4_XS and IQ2_XS, N=4 8 12: 146 146 146, 122 122 122, a
                      panel of N=8 12 16: 126 140 148, 110 120 127 */
    BOOK_FEW_K = 4096
};

struct scratch {
    struct panel panel;
    struct many codes;
    float acc[STRIPS][MANY_BLOCK][2][16];
};

static int min_int(int a, int b)
{
    return a < b ? a : b;
}

X512_INLINE __m512i two_codes(const int16_t *c)
{
    int32_t both;
    memcpy(&both, c, sizeof both);
    return _mm512_set1_epi32(both);
}

/* ---- 32 rows times a few vectors ---- */

/* What nv vectors of a share meet in a strip, from one group on. nv is a constant of the callers. */
struct share {
    const uint8_t *w;       /* quads of the panel */
    const int8_t *low;      /* codes, vectors PANEL_K apart */
    const union panel_x *x; /* PANEL_GROUPS apart */
    const uint16_t *high;   /* the same; where in `sums` */
    const uint8_t *sums;
    float (*acc)[2][16];
};

/* Sums of 16 rows and nv vectors. */
struct sums {
    __m512i t[MANY_WIDE][2];
};

/* Four columns of both halves. */
struct quad {
    __m512i w[2];
};

X512_INLINE struct quad load_quad(const uint8_t *w)
{
    return (struct quad){{_mm512_load_si512(w), _mm512_load_si512(w + 64)}};
}

/* c: of the first vector, the others `stride` apart. */
X512_INLINE void add_quad(struct sums *s, int v, struct quad q, const int8_t *c, int stride)
{
    const __m512i x = many_four(c + stride * v);
    s->t[v][0] = _mm512_dpbusd_epi32(s->t[v][0], q.w[0], x);
    s->t[v][1] = _mm512_dpbusd_epi32(s->t[v][1], q.w[1], x);
}

/* += n quads from w on times the bytes from c on; n is a constant of the caller. */
X512_INLINE void dot_quads(struct sums *s, int nv, const uint8_t *w, const int8_t *c, int stride,
                           int n)
{
    X512_UNROLL
    for (int j = 0; j < n; j++) {
        const struct quad q = load_quad(w + PANEL_QUAD * j);
        X512_UNROLL
        for (int v = 0; v < nv; v++) add_quad(s, v, q, c + 4 * j, stride);
    }
}

/* 256 times the sums of high bytes, and what is taken off for the weights' zero. */
X512_INLINE __m512i start_sum(__m512i high, const struct share *p, int v, bool has_min)
{
    if (has_min) return high; /* zero is zero there */
    return _mm512_add_epi32(high, _mm512_set1_epi32(p->x[PANEL_GROUPS * v].start));
}

/* What the low bytes of a group are added to. */
X512_INLINE void begin_group(struct sums *s, const struct share *p, int nv, bool has_min)
{
    X512_UNROLL
    for (int v = 0; v < nv; v++) {
        const uint8_t *high = p->sums + p->high[PANEL_GROUPS * v];
        X512_UNROLL
        for (int h = 0; h < 2; h++)
            s->t[v][h] = start_sum(_mm512_load_si512(high + 64 * h), p, v, has_min);
    }
}

/* The same where many quads have high bytes: all of them are multiplied. */
X512_INLINE void begin_dense(struct sums *s, const struct share *p, int nv, int group,
                             bool has_min)
{
    const int8_t *high = p->low + MANY_BYTES;
    X512_UNROLL
    for (int v = 0; v < nv; v++) s->t[v][0] = s->t[v][1] = _mm512_setzero_si512();
    for (int k = 0; k < group; k += 16)
        dot_quads(s, nv, p->w + k / 4 * PANEL_QUAD, high + k, PANEL_K, 4);
    X512_UNROLL
    for (int v = 0; v < nv; v++) {
        X512_UNROLL
        for (int h = 0; h < 2; h++)
            s->t[v][h] = start_sum(_mm512_slli_epi32(s->t[v][h], 8), p, v, has_min);
    }
}

/* The last two quads of a group, vector after vector, each followed by its floats, acc += D * S, then
 * + M * X: all of them in one go would stand in the way of the next group's products. */
X512_INLINE void end_group(const struct share *p, struct sums *s, int nv, const struct panel *panel,
                           int g, bool has_min, int from)
{
    const uint8_t *w = p->w + from / 4 * PANEL_QUAD;
    const struct quad q[2] = {load_quad(w), load_quad(w + PANEL_QUAD)};
    const __m512 d[2] = {_mm512_load_ps(panel->d[0][g]), _mm512_load_ps(panel->d[1][g])};
    const __m512 m[2] = {_mm512_load_ps(panel->m[0][g]), _mm512_load_ps(panel->m[1][g])};
    X512_UNROLL
    for (int v = 0; v < nv; v++) {
        add_quad(s, v, q[0], p->low + from, PANEL_K);
        add_quad(s, v, q[1], p->low + from + 4, PANEL_K);
        X512_UNROLL
        for (int h = 0; h < 2; h++) {
            __m512 sum = x512_add_product(_mm512_load_ps(p->acc[v][h]), d[h],
                                          _mm512_cvtepi32_ps(s->t[v][h]));
            if (has_min)
                sum = x512_add_product(sum, m[h], _mm512_set1_ps(p->x[PANEL_GROUPS * v].x));
            _mm512_store_ps(p->acc[v][h], sum);
        }
    }
}

/* The n columns in the panel times the nv vectors of a share, both halves of the rows: where there is
 * one, sums of what is left in the other are made and not stored. group: 16, or a multiple of 32. */
X512_INLINE void some_groups(struct scratch *s, const struct many_share *of, int strip, int nv,
                             int group, bool has_min, int n)
{
    const int turn = group == 16 ? 16 : 32;
    struct share p = {s->panel.q[0][0], s->codes.bytes[0][of->b], s->codes.x[of->b],
                      s->codes.slot[of->b], (const uint8_t *)s->codes.sums, s->acc[strip] + of->b};
    for (int g = 0; g * group < n; g++, p.x++, p.high++) {
        struct sums t;
        X512_FORGET(p.low);
        X512_FORGET(p.x);
        X512_FORGET(p.high);
        X512_FORGET(p.acc);
        if (of->dense)
            begin_dense(&t, &p, nv, group, has_min);
        else
            begin_group(&t, &p, nv, has_min);
        for (int k = turn; k < group; k += turn, p.w += turn / 4 * PANEL_QUAD, p.low += turn)
            dot_quads(&t, nv, p.w, p.low, PANEL_K, turn / 4);
        dot_quads(&t, nv, p.w, p.low, PANEL_K, turn / 4 - 2);
        end_group(&p, &t, nv, &s->panel, g, has_min, turn - 8);
        p.w += turn / 4 * PANEL_QUAD;
        p.low += turn;
    }
}

/* ---- runs of groups that are weighed in integers ---- */

/* The minima of a run, whose mn are `quads` quads of groups from g on. */
X512_INLINE void dot_minima(struct sums *t, const struct scratch *s, const struct many_share *of,
                            int nv, int g, int quads)
{
    const uint8_t *mn = s->panel.mn[g / 4][0];
    const int8_t *x = s->codes.x_bytes[0][of->b] + g;
    X512_UNROLL
    for (int v = 0; v < nv; v++) t->t[v][0] = t->t[v][1] = _mm512_setzero_si512();
    for (int byte = LUTRA_UNLIKELY(of->x_high) ? 2 : 1; byte > 0; byte--) {
        dot_quads(t, nv, mn, x + byte * MANY_X, PANEL_GROUPS, quads);
        X512_UNROLL
        for (int v = 0; v < nv; v++) {
            t->t[v][0] = _mm512_slli_epi32(t->t[v][0], 8);
            t->t[v][1] = _mm512_slli_epi32(t->t[v][1], 8);
        }
    }
    dot_quads(t, nv, mn, x, PANEL_GROUPS, quads);
}

/* acc += m * minima of 256 columns; m is negative. */
X512_INLINE void add_minima(struct scratch *s, const struct many_share *of, int strip, int nv)
{
    float(*acc)[2][16] = s->acc[strip] + of->b;
    struct sums t;
    dot_minima(&t, s, of, nv, 0, PANEL_GROUPS / 4);
    const __m512 m[2] = {_mm512_load_ps(s->panel.m[0][0]), _mm512_load_ps(s->panel.m[1][0])};
    X512_UNROLL
    for (int v = 0; v < nv; v++) {
        X512_UNROLL
        for (int h = 0; h < 2; h++)
            _mm512_store_ps(acc[v][h], x512_add_product(_mm512_load_ps(acc[v][h]), m[h],
                                                        _mm512_cvtepi32_ps(t.t[v][h])));
    }
}

/* The last two quads of a group, and what it leaves: total += sc * S. */
X512_INLINE void end_weighed(struct sums *total, const struct share *p, struct sums *s, int nv,
                             const struct panel *panel, int g, int from)
{
    const uint8_t *w = p->w + from / 4 * PANEL_QUAD;
    const struct quad q[2] = {load_quad(w), load_quad(w + PANEL_QUAD)};
    X512_UNROLL
    for (int v = 0; v < nv; v++) {
        add_quad(s, v, q[0], p->low + from, PANEL_K);
        add_quad(s, v, q[1], p->low + from + 4, PANEL_K);
        X512_UNROLL
        for (int h = 0; h < 2; h++)
            total->t[v][h] = _mm512_add_epi32(
                total->t[v][h],
                _mm512_mullo_epi32(s->t[v][h], _mm512_load_si512(panel->sc[h][g])));
    }
}

/* acc += d * total, then + m * minima of a run of groups from g on. */
X512_INLINE void end_run(struct scratch *s, const struct share *p, const struct many_share *of,
                         const struct sums *total, int nv, int g, int run)
{
    struct sums t;
    dot_minima(&t, s, of, nv, g, run / 128);
    X512_UNROLL
    for (int v = 0; v < nv; v++) {
        X512_UNROLL
        for (int h = 0; h < 2; h++) {
            __m512 sum = x512_add_product(_mm512_load_ps(p->acc[v][h]),
                                          _mm512_load_ps(s->panel.d[h][0]),
                                          _mm512_cvtepi32_ps(total->t[v][h]));
            sum = x512_add_product(sum, _mm512_load_ps(s->panel.m[h][0]),
                                   _mm512_cvtepi32_ps(t.t[v][h]));
            _mm512_store_ps(p->acc[v][h], sum);
        }
    }
}

/* As some_groups: 256 columns, groups of 32. */
X512_INLINE void weighed_groups(struct scratch *s, const struct many_share *of, int strip, int nv,
                                int run)
{
    struct share p = {s->panel.q[0][0], s->codes.bytes[0][of->b], s->codes.x[of->b],
                      s->codes.slot[of->b], (const uint8_t *)s->codes.sums, s->acc[strip] + of->b};
    for (int k = 0; k < PANEL_K; k += run) {
        struct sums total;
        X512_UNROLL
        for (int v = 0; v < nv; v++) total.t[v][0] = total.t[v][1] = _mm512_setzero_si512();
        for (int g = k / 32; g < (k + run) / 32; g++, p.high++) {
            struct sums t;
            X512_FORGET(p.low);
            X512_FORGET(p.high);
            if (of->dense)
                begin_dense(&t, &p, nv, 32, true);
            else
                begin_group(&t, &p, nv, true);
            dot_quads(&t, nv, p.w, p.low, PANEL_K, 6);
            end_weighed(&total, &p, &t, nv, &s->panel, g, 24);
            p.w += 8 * PANEL_QUAD;
            p.low += 32;
        }
        end_run(s, &p, of, &total, nv, k / 32, run);
    }
}

/* All vectors of a block over a panel of groups that are weighed. */
static void weighed_strip(struct scratch *s, const struct lutra_mat *m, int strip)
{
    for (int i = 0; i < s->codes.n_shares; i++) {
        const struct many_share *of = &s->codes.shares[i];
        many_add_high(&s->codes, of, &s->panel);
        if (of->n == 4 && m->run == PANEL_K)
            weighed_groups(s, of, strip, 4, PANEL_K);
        else if (of->n == 4)
            weighed_groups(s, of, strip, 4, 128);
        else if (m->run == PANEL_K)
            weighed_groups(s, of, strip, MANY_WEIGHED, PANEL_K);
        else
            weighed_groups(s, of, strip, MANY_WEIGHED, 128);
    }
}

X512_INLINE void some_run(struct scratch *s, const struct many_share *of, int strip, int nv,
                          const struct lutra_mat *m, int n)
{
    const bool has_min = x512_has_min(m->scales);
    if (panel_folded(m)) {
        some_groups(s, of, strip, nv, PANEL_K, false, n);
        if (has_min) add_minima(s, of, strip, nv);
    } else if (m->group == 16) {
        some_groups(s, of, strip, nv, 16, false, n);
    } else if (has_min) {
        some_groups(s, of, strip, nv, 32, true, n);
    } else {
        some_groups(s, of, strip, nv, m->group, false, n);
    }
}

/* All vectors of a block over the panel. */
static void strip_run(struct scratch *s, const struct lutra_mat *m, int strip, int n)
{
    for (int i = 0; i < s->codes.n_shares; i++) {
        const struct many_share *of = &s->codes.shares[i];
        many_add_high(&s->codes, of, &s->panel);
        switch (of->n) {
        case 4:
            some_run(s, of, strip, 4, m, n);
            break;
        case 6:
            some_run(s, of, strip, 6, m, n);
            break;
        default:
            some_run(s, of, strip, MANY_WIDE, m, n);
            break;
        }
    }
}

/* ---- bands ---- */

/* A band is done: its sums times the vectors' scales to y, as many rows as there are. */
static void store_band(float *y, size_t y_stride, struct scratch *s, const struct lutra_mat *m,
                       const struct lutra_act *a, int v0, int v1, int row0, int row1)
{
    if (row1 > m->n_rows) row1 = m->n_rows;
    for (int v = v0; v < v1; v++) {
        const __m512 scale =
            _mm512_set1_ps(m->kind == LUTRA_MAT_BOOK ? a->scale[v] * m->scale : a->scale[v]);
        for (int r = row0; r < row1; r += 16) {
            const float *sum = s->acc[(r - row0) / 32][v - v0][(r - row0) / 16 & 1];
            x512_store_rows(y + (size_t)v * y_stride + r, _mm512_mul_ps(_mm512_load_ps(sum), scale),
                            row1 - r);
        }
    }
}

/* Unpacks columns [k, k + n) of strip i of tiles [tile0, tile1). */
static void fill_strip(struct panel *p, const struct lutra_mat *m, int tile0, int tile1, int i,
                       int k, int n)
{
    if (m->kind == LUTRA_MAT_QUINT) { /* two strips to a tile */
        for (int half = 0; half < 2; half++)
            panel_quint(p, half, m, tile0 + i / 2, i % 2 * 2 + half, k);
        return;
    }
    const int each = 32 / m->tile_rows, t = tile0 + i * each;
    const bool last = t + each >= tile1;
    const uint8_t *next = lutra_mat_tile(m, last ? tile0 : t + each) +
                          (size_t)((last ? k + n : k) / m->unit_k) * m->unit_bytes;
    panel_fill(p, m, t, min_int(each, tile1 - t), k, n, next, true);
}

/* Vectors [v0, v1) of a block times tiles [tile0, tile1) of a band. */
static void band(struct scratch *s, float *y, size_t y_stride, const struct lutra_mat *m,
                 const struct lutra_act *a, int v0, int v1, int tile0, int tile1)
{
    const int nb = v1 - v0, strips = ((tile1 - tile0) * m->tile_rows + 31) / 32;
    for (int i = 0; i < strips; i++) memset(s->acc[i], 0, (size_t)nb * sizeof s->acc[i][0]);
    for (int k = 0; k < m->n_cols; k += PANEL_K) {
        const int n = min_int(PANEL_K, m->n_cols - k);
        many_copy(&s->codes, m, a, v0, nb, k, n);
        for (int i = 0; i < strips; i++) {
            fill_strip(&s->panel, m, tile0, tile1, i, k, n);
            if (many_weighs(m))
                weighed_strip(s, m, i);
            else
                strip_run(s, m, i, n);
        }
    }
    store_band(y, y_stride, s, m, a, v0, v1, tile0 * m->tile_rows, tile1 * m->tile_rows);
}

static void bands(struct scratch *s, float *y, size_t y_stride, const struct lutra_mat *m,
                  const struct lutra_act *a, int v0, int v1, int tile0, int tile1)
{
    const int most = STRIPS * 32 / m->tile_rows;
    for (int v = v0, some; v < v1; v += some) {
        some = x512_share(v1 - v, MANY_BLOCK, MANY_WIDE);
        for (int t = tile0; t < tile1; t += most)
            band(s, y, y_stride, m, a, v, v + some, t, min_int(t + most, tile1));
    }
}

/* ---- I8: straight from the packed bytes ---- */

/* Even and odd pairs have sums of their own: two chains for each vector. `turn` columns are
 * unrolled: as few as cost no time. */
X512_INLINE void i8_unit(__m512i s[FEW][2], int nv, const uint8_t *codes, const int16_t *c,
                         size_t stride)
{
    const int turn = nv < 4 ? 8 : 32;
    for (int i = 0; i < 32; i += turn) {
        X512_UNROLL
        for (int k = 0; k < turn; k += 2, codes += 32) {
            __m512i two = _mm512_cvtepi8_epi16(_mm256_loadu_si256((const __m256i *)codes));
            X512_UNROLL
            for (int v = 0; v < nv; v++) {
                __m512i *sum = &s[v][k / 2 % 2];
                *sum = _mm512_dpwssd_epi32(*sum, two, two_codes(c + (size_t)v * stride + i + k));
            }
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
        for (int v = 0; v < nv; v++) {
            __m512i sum = _mm512_add_epi32(s[v][0], s[v][1]);
            acc[v] = x512_add_product(acc[v], d, _mm512_cvtepi32_ps(sum));
        }
    }
    X512_UNROLL
    for (int v = 0; v < nv; v++)
        x512_store_rows(y + (size_t)(v0 + v) * y_stride + tile * LUTRA_TILE_ROWS,
                        _mm512_mul_ps(acc[v], _mm512_set1_ps(a->scale[v0 + v])),
                        m->n_rows - tile * LUTRA_TILE_ROWS);
}

/* Vectors [v0, v0 + n), n <= FEW, of one tile. */
static void i8_some(float *y, size_t y_stride, const struct lutra_mat *m, const struct lutra_act *a,
                    int v0, int n, int tile)
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
    default:
        i8_tile(y, y_stride, FEW, m, a, v0, tile);
        break;
    }
}

/* Bytes are widened again for every six vectors. */
static void i8_tiles(float *y, size_t y_stride, const struct lutra_mat *m,
                     const struct lutra_act *a, int v0, int v1, int tile0, int tile1)
{
    for (int t = tile0; t < tile1; t++) {
        for (int v = v0, some; v < v1; v += some) {
            some = x512_share(v1 - v, FEW, 1);
            i8_some(y, y_stride, m, a, v, some, t);
        }
    }
}

/* All columns have 14 bits: a panel multiplies each of them twice. */
static bool all_wide(const struct lutra_act *a)
{
    return a->k < LUTRA_NEAR_COLS && a->code_max > LUTRA_CODE_MAX_INT8;
}

static void panel_mul(float *y, size_t y_stride, const struct lutra_mat *m,
                      const struct lutra_act *a, int v0, int v1, int tile0, int tile1,
                      void *scratch)
{
    if (v1 <= v0) return;
    if (m->kind == LUTRA_MAT_TERN)
        lutra_tern_mul_avx512(y, y_stride, m, a, v0, v1, tile0, tile1, scratch);
    else if (m->kind == LUTRA_MAT_I8 && v1 - v0 <= (all_wide(a) ? I8_SHORT : FEW))
        i8_tiles(y, y_stride, m, a, v0, v1, tile0, tile1);
    else if (m->kind == LUTRA_MAT_BOOK &&
             (all_wide(a) || (v1 - v0 <= BOOK_FEW && m->n_cols <= BOOK_FEW_K)))
        lutra_book_mul_avx512(y, y_stride, m, a, v0, v1, tile0, tile1);
    else if (m->kind == LUTRA_MAT_PLANES && m->bits > 1) /* not where speed matters: DENSE is */
        lutra_panel_mul_avx2(y, y_stride, m, a, v0, v1, tile0, tile1, scratch);
    else
        bands(scratch, y, y_stride, m, a, v0, v1, tile0, tile1);
}

static int dense_most(const struct lutra_mat *m)
{
    if (m->group == 16) return m->bits < 4 ? 7 : 5;
    return LUTRA_DENSE_MOST_AVX512;
}

static void dense_mul(float *y, size_t y_stride, const struct lutra_mat *m,
                      const struct lutra_act *a, int v0, int v1, int tile0, int tile1,
                      void *scratch)
{
    if (v1 <= v0) return;
    if (a->bytes && v1 - v0 <= dense_most(m))
        lutra_dense_few_avx512(y, y_stride, m, a, v0, v1, tile0, tile1);
    else
        bands(scratch, y, y_stride, m, a, v0, v1, tile0, tile1);
}

static size_t larger(size_t a, size_t b)
{
    return a > b ? a : b;
}

void lutra_mm_init_avx512(struct lutra_ops *ops)
{
    ops->panel_mul = panel_mul;
    ops->split_codes = lutra_split_codes_avx512;
    ops->panel_quint = true;
    ops->exact_mul = lutra_exact_mul_avx512;
    ops->dense_mul = dense_mul;
    ops->dense_exact = lutra_exact_mul_avx512;
    ops->dense_most = LUTRA_DENSE_MOST_AVX512;
    ops->dense_cols = 0;
    ops->panel_scratch = larger(ops->panel_scratch, sizeof(struct scratch));
    ops->panel_scratch = larger(ops->panel_scratch, lutra_tern_scratch_avx512());
    ops->panel_scratch = larger(ops->panel_scratch, lutra_exact_scratch_avx512());
}
