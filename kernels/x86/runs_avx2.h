/* SPDX-License-Identifier: MIT */
/* Runs of groups (has_runs), 256 columns, of strip_avx2.h. Sums of bytes times sc add up in s->total, X times
 * mn are an integer dot of few columns, and where the bias is not the zero so are X times bias * sc: int16 pairs
 * both, if X are not far. Sums may wrap on the way: lut.h tells that the last one does not. */
#ifndef LUTRA_KERNELS_X86_RUNS_AVX2_H
#define LUTRA_KERNELS_X86_RUNS_AVX2_H

#include "kernels/x86/dots_avx2.h"

/* ---- weights ---- */

X86_INLINE void put_weight(struct strip *s, int g, __m256i even, __m256i odd)
{
    const __m256i w[2] = {_mm256_unpacklo_epi16(even, odd), _mm256_unpackhi_epi16(even, odd)};
    X86_UNROLL
    for (int i = 0; i < 2; i++) {
        _mm256_store_si256((__m256i *)s->sc[g] + i, weight(w[i]));
        _mm256_store_si256((__m256i *)s->high_sc[g] + i, high_weight(w[i]));
    }
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
        __m256i a = panel_sc(m, unit, g, false), b = panel_sc(m, unit, g + 1, false);
        if (woven(m)) {
            put_weight(s, g / 2, a, b);
        } else {
            put_weight(s, g, a, a);
            put_weight(s, g + 1, b, b);
        }
        const __m256i by = _mm256_set1_epi16((int16_t)back);
        if (back) put_pair(s->back_sc + 16 * g, _mm256_mullo_epi16(a, by), _mm256_mullo_epi16(b, by));
        if (x86_has_min(m->scales))
            put_pair(s->mn + 16 * g, panel_sc(m, unit, g, true), panel_sc(m, unit, g + 1, true));
    }
}

/* ---- sums ---- */

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
        far_x(s->total, nv, w, x + (s->x[1] - s->x[0]), pairs);
        add_sums(t, nv, s->total);
    }
    dot_pairs(t, nv, w, x, 2 * pairs);
}

/* some_run of these types. */
X86_INLINE void some_weighed(const struct half_run *h, int nv, const struct share *p)
{
    struct strip *s = h->s;
    const int group = h->group, run = h->m->run, pairs_x = h->pairs_x, v = p->v;
    const uint8_t *w = s->panel.bytes[0];
    const int16_t *wide = s->panel.wide[0];
    const int32_t *codes = s->codes + p->codes, *start = s->start + h->steps * v;
    const uint16_t *slot = s->slot + h->runs * v;
    const int32_t *x = s->x[0] + h->all_x * v, *sc = folds(h->m) ? NULL : s->sc[0];
    const bool far = p->far, pairs = p->pairs, has_back = SUMS16 && h->back;
    const bool has_min = x86_has_min(h->m->scales);
    float *acc = s->acc[h->acc + v].f;
    for (int r = 0, g = 0; r < h->runs; r++, g += 32 * pairs_x, slot += nv) {
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
                group_sums(t, nv, w, codes, start, group, sc);
                w += 16 * group;
                codes += group / 4 * nv;
                start += nv;
                if (!sc) break; /* folded: this was all of the run */
                sc += 16;
                if (more) add_sums(t, nv, s->total);
                more = true;
                if (w == end) break;
                store_sums(s->total, nv, t);
            }
            if (p->some >> r & 1) add_high(t, nv, s->sums, slot);
        }
        add_run(acc, t, nv, s->panel.d[0][r], s->panel.m[r], has_min ? s->minima : NULL);
        x += pairs_x * nv;
    }
}

#endif
