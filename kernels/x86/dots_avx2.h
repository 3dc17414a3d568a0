/* SPDX-License-Identifier: MIT */
/* 16 rows of an unpacked run times up to WIDE vectors: what strip_avx2.h says of sums, up to the float sums of
 * groups that stand alone. */
#ifndef LUTRA_KERNELS_X86_DOTS_AVX2_H
#define LUTRA_KERNELS_X86_DOTS_AVX2_H

#include "kernels/x86/codes_avx2.h"

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

/* The same in add_quad's lanes; up to the next multiple of 16 columns, where codes are zero. */
X86_INLINE void dot_quads(struct sums *s, int nv, const uint8_t *w, const int32_t *x, int n)
{
    for (int k = 0; k < n; k += 16, w += 256, x += 4 * nv) {
        X86_UNROLL
        for (int j = 0; j < 4; j++) {
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

/* S of a group, or S times sc (in weight's form). Two loops: clang would not unroll one. */
X86_INLINE void finish_sums(struct sums *s, int nv, const int32_t *sc)
{
    if (sc) {
        X86_UNROLL
        for (int v = 0; v < nv; v++)
            s[v] = (struct sums){weighed(s[v].lo, x86_load(sc)), weighed(s[v].hi, x86_load(sc + 8))};
        return;
    }
    X86_UNROLL
    for (int v = 0; v < nv; v++) s[v] = (struct sums){whole(s[v].lo), whole(s[v].hi)};
}

X86_INLINE void store_sums(int32_t (*sums)[16], int nv, const struct sums *s)
{
    X86_UNROLL
    for (int v = 0; v < nv; v++) {
        _mm256_store_si256((__m256i *)sums[v], s[v].lo);
        _mm256_store_si256((__m256i *)sums[v] + 1, s[v].hi);
    }
}

/* 256 times the sums of a share's listed quads; times sc if `weigh`. */
X86_INLINE void add_listed(struct strip *s, const struct share *p, const uint8_t *w, bool weigh, bool has_bias)
{
    const struct listed *q = s->list + p->list, *end = q + p->listed;
    __m256i sum[2] = {_mm256_setzero_si256(), _mm256_setzero_si256()};
    for (; q < end; q++) {
        const __m256i x = _mm256_set1_epi32(q->high), keep = _mm256_set1_epi32(q->keep);
        const uint8_t *four = w + q->at, *sc = (const uint8_t *)s->high_sc + q->sc;
        __m256i *to = (__m256i *)(void *)((uint8_t *)s->sums + q->to);
        X86_UNROLL
        for (int i = 0; i < 2; i++) {
            __m256i t = one_quad(x86_load(four + 32 * i), x);
            if (has_bias) t = less(t, _mm256_set1_epi32(q->bias));
            t = weigh ? weighed(t, x86_load(sc + 32 * i)) : high_whole(t);
            sum[i] = _mm256_add_epi32(_mm256_and_si256(sum[i], keep), t);
            _mm256_store_si256(to + i, sum[i]);
        }
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

/* s[v] += those of high bytes of its group. */
X86_INLINE void add_high(struct sums *s, int nv, int32_t (*sums)[16], const uint16_t *slot)
{
    X86_UNROLL
    for (int v = 0; v < nv; v++) {
        const uint8_t *high = (const uint8_t *)sums + slot[v];
        s[v].lo = _mm256_add_epi32(s[v].lo, x86_load(high));
        s[v].hi = _mm256_add_epi32(s[v].hi, x86_load(high + 32));
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
    int acc, half; /* the first of its sums; in the panel */
    int n, group, steps; /* columns of the run, of a group; groups */
    bool back;
    int runs, pairs_x, all_x; /* runs of groups; pairs of groups in one of them, in all */
};

/* S of a group but for high bytes; sc as in finish_sums. */
X86_INLINE void group_sums(struct sums *t, int nv, const uint8_t *w, const int32_t *x, const int32_t *start,
                           int group, const int32_t *sc)
{
    start_sums(t, nv, start);
    dot_quads(t, nv, w, x, group);
    finish_sums(t, nv, sc);
}

/* The vectors of a share. */
X86_INLINE void some_run(const struct half_run *h, int nv, const struct share *p)
{
    struct strip *s = h->s;
    const int group = h->group, steps = h->steps, v = p->v;
    const bool pairs = p->pairs, tern = h->m->kind == LUTRA_MAT_TERN;
    const bool has_min = x86_has_min(h->m->scales), has_back = h->back;
    const uint8_t *w = pairs ? (const uint8_t *)s->panel.wide[h->half] : s->panel.bytes[h->half];
    const int w_step = pairs ? 32 * group : 16 * group, x_step = (pairs ? group / 2 : group / 4) * nv;
    const int32_t *x = s->codes + p->codes;
    uint32_t some = p->some;
    float *acc = s->acc[h->acc + v].f;
    for (int g = 0, at = v * steps; g < steps; g++, at += nv, w += w_step, x += x_step, some >>= 1) {
        struct sums t[WIDE];
        if (pairs) {
            zero_sums(t, nv);
            dot_pairs(t, nv, (const int16_t *)(const void *)w, x, group);
        } else {
            group_sums(t, nv, w, x, s->start + at, group, NULL);
            if (some & 1) add_high(t, nv, s->sums, s->slot + at);
            if (has_back) add_back(t, nv, s->back + at);
        }
        if (tern) {
            add_ints(s->acc[h->acc + v].i, t, nv);
            return;
        }
        if (has_min)
            add_group(acc, t, nv, s->panel.d[h->half][g], s->panel.m[g], s->xs + at);
        else
            add_group(acc, t, nv, s->panel.d[h->half][g], NULL, NULL);
    }
}

#endif
