/* SPDX-License-Identifier: MIT */
/* Integer products of many vectors with AVX-512 VNNI: a run of columns of 32 rows is unpacked once,
 * then all vectors of a block pass over it.
 *
 *   for a block of vectors / for a band of rows / for a run of <= 256 columns: copy its codes, then
 *       for a strip of 32 rows: unpack, then
 *           for six vectors / for a group: 32 rows x 6 vectors of int32 in registers, then D, M,
 *           and fetch some of what the next strip unpacks
 *
 * Where groups are weighed in integers over a run (lut.h), sc of 16 columns is in the bytes, which leaves
 * one group of 256 columns; sums of 32 are added up with sc; and minima are mn times the bytes of X, once a
 * run. What groups of 16 and 32 add up to, float or weighed, stands in registers too.
 *
 * 12 sums in registers: eight loads for 12 vpdpbusd, and more chains than the latency of four asks
 * for. The float sums of a band wait in scratch between runs, so each output sees its groups in
 * ascending order. Which bytes of the codes are multiplied, many_avx512.h says. */
#include "kernels/ops.h"
#include "kernels/x86/fetch.h"
#include "kernels/x86/many_avx512.h"
#include "kernels/x86/panel_quint_avx512.h"
#include "kernels/x86/x86_init.h"

enum {
    SUMS = 16 * MANY_BLOCK, /* of 32 rows and a vector, in a band: 512 KB; the codes of a run are 64 KB */
    FEW = 6,     /* I8: vectors whose sums stand in registers, nothing unpacked; N=6 8 16: 107 110 110
                    MAC/ns, a panel 105 117 143 ... */
    I8_BYTES = 32 + 512, /* of a unit */
    I8_SHORT = 64, /* ... and 74 79 90 97 (32) if all columns have 14 bits: then up to so many */
    BOOK_FEW = 12, /* BOOK: vectors that are multiplied as they lie, four at a time, if those have room
                      (book_avx512.c); MAC/ns of IQ4_XS and IQ2_XS, N=4 8 12: 146 146 146, 122 122 122, a
                      panel of N=8 12 16: 126 140 148, 110 120 127 */
    BOOK_FEW_K = 4096,
    DENSE_SHORT = 7 /* see dense_most */
};

/* The weights of the next strip, fetched while the vectors pass over this one, some lines for each share: all
 * at once they are more than a core waits for, and it stands still until they are fewer. */
struct ahead {
    const uint8_t *at;
    size_t second; /* from a line of one tile to that of the other */
    int lines;     /* of both, for each share */
};

struct scratch {
    struct panel panel;
    struct ahead ahead;
    struct many codes;
    float acc[SUMS][2][16]; /* [strip][vector] */
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
};

X512_INLINE struct share share_of(const struct scratch *s, const struct many_share *of)
{
    return (struct share){s->panel.q[0][0], s->codes.bytes[0][of->b], s->codes.x[of->b],
                          s->codes.slot[of->b], (const uint8_t *)s->codes.sums};
}

/* Sums of 32 rows and nv vectors, in registers ... */
struct sums {
    __m512i t[MANY_SHARE][2];
};

/* ... and what they are added to: a store costs as much time as one and a half vpdpbusd. */
struct floats {
    __m512 f[MANY_SHARE][2];
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

X512_INLINE void zero_sums(struct sums *t, int nv)
{
    X512_UNROLL
    for (int v = 0; v < nv; v++) t->t[v][0] = t->t[v][1] = _mm512_setzero_si512();
}

X512_INLINE void shift_sums(struct sums *t, int nv, unsigned by)
{
    X512_UNROLL
    for (int v = 0; v < nv; v++) {
        t->t[v][0] = _mm512_slli_epi32(t->t[v][0], by);
        t->t[v][1] = _mm512_slli_epi32(t->t[v][1], by);
    }
}

/* 64 times the sums of the high bytes of a share in which many quads have some, to their slots: all of them
 * are multiplied. */
X512_INLINE void add_dense(struct many *s, const struct many_share *of, const struct panel *panel,
                           int nv, int group, int n)
{
    const int8_t *high = s->bytes[1][of->b];
    const uint16_t *slot = s->slot[of->b];
    for (int k = 0; k < n; slot++) {
        struct sums t;
        zero_sums(&t, nv);
        for (int end = k + group; k < end; k += 16)
            dot_quads(&t, nv, panel->q[k / 4][0], high + k, PANEL_K, 4);
        X512_UNROLL
        for (int v = 0; v < nv; v++) {
            uint8_t *sum = (uint8_t *)s->sums + slot[PANEL_GROUPS * v];
            _mm512_store_si512(sum, _mm512_slli_epi32(t.t[v][0], MANY_SHIFT));
            _mm512_store_si512(sum + 64, _mm512_slli_epi32(t.t[v][1], MANY_SHIFT));
        }
    }
}

/* Inline: gcc 12 drops calls of functions that do nothing but this. */
X512_INLINE void fetch_some(const struct ahead *next, int share)
{
    const char *p = (const char *)next->at + (size_t)share * (size_t)next->lines * 64;
    for (int i = 0; i < next->lines; i++, p += 64) {
        _mm_prefetch(p, _MM_HINT_T0);
        _mm_prefetch(p + next->second, _MM_HINT_T0);
    }
}

/* What the narrow groups of share i begin with. */
static void add_high(struct scratch *s, int i, int group, int n)
{
    const struct many_share *of = &s->codes.shares[i];
    fetch_some(&s->ahead, i);
    if (!of->dense)
        many_add_high(&s->codes, of, &s->panel);
    else if (of->n == 4)
        add_dense(&s->codes, of, &s->panel, 4, group, n);
    else
        add_dense(&s->codes, of, &s->panel, MANY_SHARE, group, n);
}

/* 64 times the sums of high bytes, and what is taken off for the weights' zero. */
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

/* The last two quads of a group, vector after vector, each followed by its floats, acc += D * S, then
 * + M * X: all of them in one go would stand in the way of the next group's products. */
X512_INLINE void end_group(struct floats *acc, const struct share *p, struct sums *s, int nv,
                           const struct panel *panel, int g, bool has_min, int from)
{
    const uint8_t *w = p->w + from / 4 * PANEL_QUAD;
    const struct quad q[2] = {load_quad(w), load_quad(w + PANEL_QUAD)};
    X512_UNROLL
    for (int v = 0; v < nv; v++) {
        add_quad(s, v, q[0], p->low + from, PANEL_K);
        add_quad(s, v, q[1], p->low + from + 4, PANEL_K);
        X512_UNROLL
        for (int h = 0; h < 2; h++) {
            __m512 *sum = &acc->f[v][h];
            *sum = x512_add_product(*sum, _mm512_load_ps(panel->d[h][g]),
                                    _mm512_cvtepi32_ps(s->t[v][h]));
            if (has_min)
                *sum = x512_add_product(*sum, _mm512_load_ps(panel->m[h][g]),
                                        _mm512_set1_ps(p->x[PANEL_GROUPS * v].x));
        }
    }
}

/* The minima of a run and vectors [v0, v0 + nv) of a share, whose mn are `quads` quads of groups from g on. */
X512_INLINE void dot_minima(struct sums *t, const struct scratch *s, const struct many_share *of,
                            int v0, int nv, int g, int quads)
{
    const uint8_t *mn = s->panel.mn[g / 4][0];
    const int8_t *x = s->codes.x_bytes[0][of->b + v0] + g;
    zero_sums(t, nv);
    for (int byte = LUTRA_UNLIKELY(of->x_high) ? 2 : 1; byte > 0; byte--) {
        dot_quads(t, nv, mn, x + byte * MANY_X, PANEL_GROUPS, quads);
        shift_sums(t, nv, 8);
    }
    dot_quads(t, nv, mn, x, PANEL_GROUPS, quads);
}

/* acc + by * t */
X512_INLINE __m512 add_sum(__m512 acc, __m512i t, const float *by)
{
    return x512_add_product(acc, _mm512_load_ps(by), _mm512_cvtepi32_ps(t));
}

/* acc += d * t, in memory, where the vectors of the share are; d: of group g. */
X512_INLINE void add_sums(float (*acc)[2][16], const uint16_t *order, const struct sums *t, int nv,
                          const struct panel *p, int g)
{
    X512_UNROLL
    for (int v = 0; v < nv; v++) {
        X512_UNROLL
        for (int h = 0; h < 2; h++) {
            float *sum = acc[order[v]][h];
            _mm512_store_ps(sum, add_sum(_mm512_load_ps(sum), t->t[v][h], p->d[h][g]));
        }
    }
}

/* acc += d * t + m * minima of a run whose first group is g; m is negative. `some` vectors at a time: their
 * sums and minima stand in registers beside t. */
X512_INLINE void add_run(float (*acc)[2][16], const struct sums *t, const struct scratch *s,
                         const struct many_share *of, int nv, int some, int g, int quads)
{
    const struct panel *p = &s->panel;
    X512_UNROLL
    for (int v0 = 0; v0 < nv; v0 += some) {
        struct sums min;
        struct floats sum;
        X512_UNROLL
        for (int v = 0; v < some; v++) {
            X512_UNROLL
            for (int h = 0; h < 2; h++)
                sum.f[v][h] = add_sum(_mm512_load_ps(acc[s->codes.order[of->b + v0 + v]][h]), t->t[v0 + v][h],
                                      p->d[h][0]);
        }
        dot_minima(&min, s, of, v0, some, g, quads);
        X512_UNROLL
        for (int v = 0; v < some; v++) {
            X512_UNROLL
            for (int h = 0; h < 2; h++)
                _mm512_store_ps(acc[s->codes.order[of->b + v0 + v]][h],
                                add_sum(sum.f[v][h], min.t[v][h], p->m[h][0]));
        }
    }
}

X512_INLINE void load_acc(struct floats *acc, float (*from)[2][16], int nv)
{
    X512_UNROLL
    for (int v = 0; v < nv; v++) {
        acc->f[v][0] = _mm512_load_ps(from[v][0]);
        acc->f[v][1] = _mm512_load_ps(from[v][1]);
    }
}

X512_INLINE void store_acc(float (*to)[2][16], const struct floats *acc, int nv)
{
    X512_UNROLL
    for (int v = 0; v < nv; v++) {
        _mm512_store_ps(to[v][0], acc->f[v][0]);
        _mm512_store_ps(to[v][1], acc->f[v][1]);
    }
}

/* The n columns in the panel times the nv vectors of a share, both halves of the rows: where there is
 * one, sums of what is left in the other are made and not stored. Groups of 16 or 32. */
X512_INLINE void some_groups(struct scratch *s, const struct many_share *of, float (*to)[2][16], int nv,
                             int group, bool has_min, int n)
{
    struct share p = share_of(s, of);
    struct floats acc;
    load_acc(&acc, to + of->b, nv);
    for (int g = 0; g * group < n; g++, p.x++, p.high++) {
        struct sums t;
        X512_FORGET(p.low);
        X512_FORGET(p.x);
        X512_FORGET(p.high);
        begin_group(&t, &p, nv, has_min);
        dot_quads(&t, nv, p.w, p.low, PANEL_K, group / 4 - 2);
        end_group(&acc, &p, &t, nv, &s->panel, g, has_min, group - 8);
        p.w += group / 4 * PANEL_QUAD;
        p.low += group;
    }
    store_acc(to + of->b, &acc, nv);
}

/* The listed quads of a share in a part, whose first one is `quad`: a step takes one of each vector. */
struct listed {
    const uint8_t *quad; /* of the first vector, the others STRIDE apart */
    const int32_t *high;
    int steps;
};

enum { LISTED = sizeof(struct many_wide) };

X512_INLINE struct listed listed_of(const struct scratch *s, const struct many_share *of, int quad, int part)
{
    const struct many_wide *w = &s->codes.wide[of->b];
    return (struct listed){w->quad + quad, w->high + quad, of->steps[4 * quad / part]};
}

/* The high bytes of a part of `part` columns from k on, times 64. */
X512_INLINE void wide_high(struct sums *t, const struct scratch *s, const struct many_share *of, int nv, int k,
                           int part)
{
    const uint8_t *w = s->panel.q[0][0];
    zero_sums(t, nv);
    if (LUTRA_UNLIKELY(of->dense)) {
        for (const int end = k + part; k < end; k += 16)
            dot_quads(t, nv, w + k / 4 * PANEL_QUAD, s->codes.bytes[1][of->b] + k, PANEL_K, 4);
    } else {
        struct listed l = listed_of(s, of, k / 4, part);
        for (; l.steps > 0; l.steps--, l.quad++, l.high++) {
            X512_UNROLL
            for (int v = 0; v < nv; v++)
                add_quad(t, v, load_quad(w + PANEL_QUAD * l.quad[LISTED * v]), (const int8_t *)l.high, LISTED);
        }
    }
    shift_sums(t, nv, MANY_SHIFT);
}

/* As some_groups, of groups of 64 and more. */
X512_INLINE void wide_groups(struct scratch *s, const struct many_share *of, float (*acc)[2][16], int nv,
                             int group, bool minima, int n)
{
    struct share p = share_of(s, of);
    for (int g = 0; g * group < n; g++, p.x++) {
        struct sums t;
        X512_FORGET(p.x);
        X512_FORGET(acc);
        wide_high(&t, s, of, nv, g * group, group);
        X512_UNROLL
        for (int v = 0; v < nv; v++) {
            t.t[v][0] = start_sum(t.t[v][0], &p, v, false);
            t.t[v][1] = start_sum(t.t[v][1], &p, v, false);
        }
        for (int k = 0; k < group; k += 32, p.w += 8 * PANEL_QUAD, p.low += 32) {
            X512_FORGET(p.low);
            dot_quads(&t, nv, p.w, p.low, PANEL_K, 8);
        }
        if (minima)
            add_run(acc, &t, s, of, nv, nv / 2, 0, PANEL_GROUPS / 4);
        else
            add_sums(acc, s->codes.order + of->b, &t, nv, &s->panel, g);
    }
}

/* ---- runs of groups that are weighed in integers ---- */

/* total += sc * S of two neighbouring groups, words of t */
X512_INLINE void add_weighed(struct sums *total, int v, const __m512i t[2], const int32_t *sc, int half)
{
    X512_UNROLL
    for (int h = 0; h < 2; h++)
        total->t[v][h] = _mm512_dpwssd_epi32(total->t[v][h], t[h], _mm512_load_si512(sc + half * h));
}

/* 64 * the sum over a run's groups of sc * S, S of the high bytes. */
X512_INLINE void weighed_high(struct sums *total, const struct scratch *s, const struct many_share *of, int nv,
                              int k, int run)
{
    const uint8_t *w = s->panel.q[0][0];
    const int32_t *sc = s->panel.sc[0][0];
    zero_sums(total, nv);
    if (LUTRA_UNLIKELY(of->dense)) {
        for (const int end = k + run; k < end; k += 32) {
            struct sums t;
            zero_sums(&t, nv);
            for (int i = k; i < k + 32; i += 8)
                dot_quads(&t, nv, w + i / 4 * PANEL_QUAD, s->codes.bytes[1][of->b] + i, PANEL_K, 2);
            X512_UNROLL
            for (int v = 0; v < nv; v++) {
                X512_UNROLL
                for (int h = 0; h < 2; h++)
                    total->t[v][h] = _mm512_add_epi32(
                        total->t[v][h],
                        _mm512_mullo_epi32(t.t[v][h], _mm512_load_si512(sc + k / 2 + h * PANEL_SC)));
            }
        }
    } else {
        struct listed l = listed_of(s, of, k / 4, run);
        for (; l.steps > 0; l.steps--, l.quad++, l.high++) {
            X512_UNROLL
            for (int v = 0; v < nv; v++) {
                const int quad = l.quad[LISTED * v];
                struct sums t; /* up to 4 * 31 * 127, a word */
                zero_sums(&t, 1);
                add_quad(&t, 0, load_quad(w + PANEL_QUAD * quad), (const int8_t *)l.high + LISTED * v, 0);
                add_weighed(total, v, t.t[0], sc + (quad & ~7) * 2, PANEL_SC);
            }
        }
    }
    shift_sums(total, nv, MANY_SHIFT);
}

/* As some_groups: 256 columns, groups of 32. S of low bytes fits a word (many_large), and two are weighed at
 * once: t is the first one in the upper word plus the second one, whose sign would take 1 off the first if 2^15 were
 * not added meanwhile. */
X512_INLINE void weighed_groups(struct scratch *s, const struct many_share *of, float (*acc)[2][16], int nv,
                                int run)
{
    const __m512i sign = _mm512_set1_epi32(0x8000);
    struct share p = share_of(s, of);
    for (int k = 0; k < PANEL_K; k += run) {
        struct sums total, t;
        weighed_high(&total, s, of, nv, k, run);
        for (int g = k / 32; g < (k + run) / 32; g += 2, p.w += 16 * PANEL_QUAD, p.low += 64) {
            X512_FORGET(p.low);
            zero_sums(&t, nv);
            dot_quads(&t, nv, p.w, p.low, PANEL_K, 8);
            X512_UNROLL
            for (int v = 0; v < nv; v++) {
                t.t[v][0] = _mm512_or_si512(_mm512_slli_epi32(t.t[v][0], 16), sign);
                t.t[v][1] = _mm512_or_si512(_mm512_slli_epi32(t.t[v][1], 16), sign);
            }
            dot_quads(&t, nv, p.w + 8 * PANEL_QUAD, p.low + 32, PANEL_K, 8);
            X512_UNROLL
            for (int v = 0; v < nv; v++) {
                t.t[v][0] = _mm512_xor_si512(t.t[v][0], sign);
                t.t[v][1] = _mm512_xor_si512(t.t[v][1], sign);
                add_weighed(&total, v, t.t[v], s->panel.two_sc[0][g / 2], PANEL_SC / 2);
            }
        }
        add_run(acc, &total, s, of, nv, nv, k / 32, run / 128);
    }
}

/* All vectors of a block over a panel of groups that are weighed. */
static void weighed_strip(struct scratch *s, const struct lutra_mat *m, float (*acc)[2][16])
{
    for (int i = 0; i < s->codes.n_shares; i++) {
        const struct many_share *of = &s->codes.shares[i];
        fetch_some(&s->ahead, i);
        if (of->n == 4 && m->run == PANEL_K)
            weighed_groups(s, of, acc, 4, PANEL_K);
        else if (of->n == 4)
            weighed_groups(s, of, acc, 4, 128);
        else if (m->run == PANEL_K)
            weighed_groups(s, of, acc, MANY_SHARE, PANEL_K);
        else
            weighed_groups(s, of, acc, MANY_SHARE, 128);
    }
}

/* All vectors of a block over a panel of groups of 16 or 32 that meet floats. */
X512_INLINE void all_groups(struct scratch *s, float (*acc)[2][16], int group, bool has_min, int n)
{
    for (int i = 0; i < s->codes.n_shares; i++) {
        const struct many_share *of = &s->codes.shares[i];
        add_high(s, i, group, n);
        if (of->n == 4)
            some_groups(s, of, acc, 4, group, has_min, n);
        else
            some_groups(s, of, acc, MANY_SHARE, group, has_min, n);
    }
}

/* Functions of their own: inlined into one, compilers find too few registers. */
static __attribute__((noinline)) void groups_of_16(struct scratch *s, float (*acc)[2][16], int n)
{
    all_groups(s, acc, 16, false, n);
}

static __attribute__((noinline)) void groups_of_32(struct scratch *s, float (*acc)[2][16], int n)
{
    all_groups(s, acc, 32, false, n);
}

static __attribute__((noinline)) void groups_with_min(struct scratch *s, float (*acc)[2][16], int n)
{
    all_groups(s, acc, 32, true, n);
}

/* The same of 64 columns and more, and of runs with sc in the bytes. */
X512_INLINE void all_wide(struct scratch *s, float (*acc)[2][16], int group, bool minima, int n)
{
    for (int i = 0; i < s->codes.n_shares; i++) {
        const struct many_share *of = &s->codes.shares[i];
        fetch_some(&s->ahead, i);
        if (of->n == 4)
            wide_groups(s, of, acc, 4, group, minima, n);
        else
            wide_groups(s, of, acc, MANY_SHARE, group, minima, n);
    }
}

static __attribute__((noinline)) void groups_of_64(struct scratch *s, float (*acc)[2][16], int group, int n)
{
    all_wide(s, acc, group, false, n);
}

static __attribute__((noinline)) void runs_of_256(struct scratch *s, float (*acc)[2][16], bool minima)
{
    all_wide(s, acc, PANEL_K, minima, PANEL_K);
}

/* All vectors of a block over the panel. */
static void strip_run(struct scratch *s, const struct lutra_mat *m, float (*acc)[2][16], int n)
{
    const bool has_min = x512_has_min(m->scales);
    if (many_weighs(m))
        weighed_strip(s, m, acc);
    else if (panel_group(m) == PANEL_K)
        runs_of_256(s, acc, has_min);
    else if (has_min)
        groups_with_min(s, acc, n);
    else if (m->group == 16)
        groups_of_16(s, acc, n);
    else if (m->group == 32)
        groups_of_32(s, acc, n);
    else
        groups_of_64(s, acc, m->group, n);
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
            const float *sum = s->acc[(r - row0) / 32 * many_even(v1 - v0) + v - v0][(r - row0) / 16 & 1];
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
    panel_fill(p, m, t, min_int(each, tile1 - t), k, n, NULL, true);
}

/* What strip i + 1 unpacks, or, after the last one, the first one of the next columns. */
static struct ahead next_strip(const struct lutra_mat *m, int tile0, int tile1, int i, int k, int n,
                               int shares)
{
    const int t = tile0 + (i + 1) * 32 / m->tile_rows;
    const bool last = t >= tile1;
    const int units = (n + m->unit_k - 1) / m->unit_k, lines = (units * (int)m->unit_bytes + 63) / 64;
    return (struct ahead){lutra_mat_tile(m, last ? tile0 : t) +
                              (size_t)((last ? k + n : k) / m->unit_k) * m->unit_bytes,
                          m->tile_rows < 32 ? m->tile_bytes : 0, (lines + shares - 1) / shares};
}

/* Vectors [v0, v1) of a block times tiles [tile0, tile1) of a band. */
static void band(struct scratch *s, float *y, size_t y_stride, const struct lutra_mat *m,
                 const struct lutra_act *a, int v0, int v1, int tile0, int tile1)
{
    const int nb = v1 - v0, even = many_even(nb), strips = ((tile1 - tile0) * m->tile_rows + 31) / 32;
    memset(s->acc, 0, (size_t)(strips * even) * sizeof s->acc[0]);
    for (int k = 0; k < m->n_cols; k += PANEL_K) {
        const int n = min_int(PANEL_K, m->n_cols - k);
        many_copy(&s->codes, m, a, v0, nb, k, n);
        for (int i = 0; i < strips; i++) {
            fill_strip(&s->panel, m, tile0, tile1, i, k, n);
            s->ahead = next_strip(m, tile0, tile1, i, k, n, s->codes.n_shares);
            strip_run(s, m, s->acc + i * even, n);
        }
    }
    store_band(y, y_stride, s, m, a, v0, v1, tile0 * m->tile_rows, tile1 * m->tile_rows);
}

static void bands(struct scratch *s, float *y, size_t y_stride, const struct lutra_mat *m,
                  const struct lutra_act *a, int v0, int v1, int tile0, int tile1)
{
    for (int v = v0, some; v < v1; v += some) {
        some = x512_share(v1 - v, MANY_BLOCK, 2);
        const int most = SUMS / many_even(some) * 32 / m->tile_rows;
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
        fetch_ahead(a->fetch, unit, I8_BYTES);
        X512_UNROLL
        for (int v = 0; v < nv; v++) s[v][0] = s[v][1] = _mm512_setzero_si512();
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
static bool all_14_bits(const struct lutra_act *a)
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
    else if (m->kind == LUTRA_MAT_I8 && v1 - v0 <= (all_14_bits(a) ? I8_SHORT : FEW))
        i8_tiles(y, y_stride, m, a, v0, v1, tile0, tile1);
    else if (m->kind == LUTRA_MAT_BOOK &&
             (all_14_bits(a) || (v1 - v0 <= BOOK_FEW && m->n_cols <= BOOK_FEW_K)))
        lutra_book_mul_avx512(y, y_stride, m, a, v0, v1, tile0, tile1);
    else if (m->kind == LUTRA_MAT_PLANES && m->bits > 1) /* not where speed matters: DENSE is */
        lutra_panel_mul_avx2(y, y_stride, m, a, v0, v1, tile0, tile1, scratch);
    else
        bands(scratch, y, y_stride, m, a, v0, v1, tile0, tile1);
}

/* DENSE as it lies. Zen 4, MAC/ns of Q4_0, N=4 8 12 16: 156 163 167 167, a panel (before it became faster) 92 126 141
 * 148; of Q6_K 117 130 133 137, a panel 84 110 121 130; but of Q2_K, N=4 6 7 8: 118 126 128 130, a panel 113 132 124
 * 142, and of Q4_0 if all columns have 14 bits, N=4 6 8 10: 79 83 83 84, a panel 69 80 84 87. Granite Rapids, Q4_0, N=4
 * 8 10 12 16: 156 161 174 173 188, a panel 104 155 175 190 209; TQ2_0 178 208 214 213 220, 191 241 270 275 288; Q4_K,
 * N=4 6 8 16: 118 129 134 138, a panel 125 158 186 239; Q5_K 97 106 124 129, 105 132 157 208; Q6_K 96 102 107 106, 83
 * 104 123 164. Sub-scales cost it more than a panel, so both are asked. */
static int dense_most(const struct lutra_mat *m, const struct lutra_act *a)
{
    const bool sub = m->scales != LUTRA_SCALE_F16 && m->scales != LUTRA_SCALE_F16_MIN;
    return sub || all_14_bits(a) ? DENSE_SHORT : LUTRA_DENSE_MOST_AVX512;
}

static void dense_mul(float *y, size_t y_stride, const struct lutra_mat *m,
                      const struct lutra_act *a, int v0, int v1, int tile0, int tile1,
                      void *scratch)
{
    if (v1 <= v0) return;
    if (a->bytes && v1 - v0 <= dense_most(m, a))
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
