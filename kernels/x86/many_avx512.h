/* SPDX-License-Identifier: MIT */
/* The codes of a block of vectors and a run of columns, for the products of many vectors.
 *
 * A code is c = low + 256 * high, both signed bytes. Nearly all codes are below 128 (lut.h,
 * LUTRA_NEAR): their high bytes are zero, and low bytes alone are multiplied, four columns to a
 * vpdpbusd. A quad of columns in which one is not is listed: once per strip of rows the listed
 * quads of a few vectors are multiplied, 256 * S of a (vector, group) goes to a slot of `sums`, and
 * its group begins with what is there; all others begin with slot 0, zeros. No branch depends on
 * where such quads are: with normally distributed vectors they would be in a third of all groups of
 * eight vectors. Where there are very many (short vectors have 14 bits in every column) both bytes
 * of all columns are multiplied. */
#ifndef LUTRA_KERNELS_X86_MANY_AVX512_H
#define LUTRA_KERNELS_X86_MANY_AVX512_H

#include "kernels/x86/panel_avx512.h"

enum {
    MANY_BLOCK = 256, /* vectors that share an unpacked run */
    MANY_WIDE = 8,    /* vectors of a share, whose sums stand in registers */
    MANY_NARROW = 6,  /* the same of groups of 16 and 32: what they add up to stands there too */
    MANY_SHARES = MANY_BLOCK / MANY_NARROW + 1,
    MANY_SPARSE = 3,  /* a listed quad costs as much as so many that are not */
    MANY_LIST = MANY_BLOCK * (PANEL_K / 4) / MANY_SPARSE,
    MANY_SLOT = 2 * 64, /* bytes */
    MANY_X = MANY_BLOCK * PANEL_GROUPS, /* from a byte of X to the next higher one */
    MANY_SLOTS = 1 + MANY_WIDE * PANEL_GROUPS
};

/* One listed quad: 256 times the sum of what its group has listed so far goes to the group's slot, and what
 * is there last remains. Offsets are bytes. */
struct many_quad {
    int32_t high;     /* four high bytes */
    int32_t keep;     /* -1 if the sum goes on, 0 if it begins here */
    uint16_t at, to;  /* where in the panel's q and in `sums` */
};

struct many_share {
    int b, n;       /* vectors [b, b + n) of the block */
    int list, quads; /* of them are listed, the first of which is `list` */
    bool dense;
    bool x_high; /* an X of theirs has a third byte */
};

struct many { /* 64-byte aligned */
    int8_t bytes[2][MANY_BLOCK][PANEL_K]; /* low, high */
    union panel_x x[MANY_BLOCK][PANEL_GROUPS];
    int8_t x_bytes[3][MANY_BLOCK][PANEL_GROUPS]; /* X = low + 256 * middle + 65536 * high */
    uint16_t slot[MANY_BLOCK][PANEL_GROUPS];
    int n_shares;
    struct many_share shares[MANY_SHARES];
    struct many_quad list[MANY_LIST];
    int32_t sums[MANY_SLOTS][2][16] __attribute__((aligned(64)));
};

/* Of group g of the i-th vector of a share. */
static inline uint16_t many_slot(int i, int g)
{
    return (uint16_t)(MANY_SLOT * (1 + i * PANEL_GROUPS + g));
}

X512_INLINE __m512i many_four(const int8_t *c)
{
    int32_t four;
    memcpy(&four, c, sizeof four);
    return _mm512_set1_epi32(four);
}

/* n columns of a vector as bytes, a multiple of 32; returns which quads have high ones. */
X512_INLINE uint64_t many_split(struct many *s, int v, const int16_t *c, int n)
{
    uint8_t t[64];
    for (int i = 0; i < 64; i++) t[i] = (uint8_t)(2 * i);
    const __m512i even = x512_load(t), odd = _mm512_add_epi8(even, _mm512_set1_epi8(1));
    const __m512i half = _mm512_set1_epi16(128);
    uint64_t set = 0;
    for (int i = 0; i < n; i += 64) {
        const __m512i a = x512_load(c + i);
        const __m512i b = n - i < 64 ? _mm512_setzero_si512() : x512_load(c + i + 32);
        const __m512i high = _mm512_permutex2var_epi8(_mm512_add_epi16(a, half), odd,
                                                      _mm512_add_epi16(b, half));
        _mm512_store_si512(s->bytes[0][v] + i, _mm512_permutex2var_epi8(a, even, b));
        _mm512_store_si512(s->bytes[1][v] + i, high);
        set |= (uint64_t)_mm512_test_epi32_mask(high, high) << i / 4;
    }
    return set;
}

/* What a run of groups of a vector has besides its codes (256 columns): -128 * X of all of it where
 * weights are bytes around 128, else X of each group in bytes. Has one a third? */
X512_INLINE bool many_x(struct many *s, int v, const struct lutra_mat *m, const int32_t *sums)
{
    const __m512i half = _mm512_set1_epi32(128);
    s->x[v][0].start = m->bits == 3 ? -128 * _mm512_reduce_add_epi32(x512_load(sums)) : 0;
    if (m->bits == 3) return false;
    const __m512i x = panel_sums(sums, m->group, PANEL_K);
    const __m512i middle = _mm512_srai_epi32(_mm512_add_epi32(x, half), 8);
    const __m512i high = _mm512_srai_epi32(_mm512_add_epi32(middle, half), 8);
    _mm_store_si128((__m128i *)(void *)s->x_bytes[0][v], _mm512_cvtepi32_epi8(x));
    _mm_store_si128((__m128i *)(void *)s->x_bytes[1][v], _mm512_cvtepi32_epi8(middle));
    _mm_store_si128((__m128i *)(void *)s->x_bytes[2][v], _mm512_cvtepi32_epi8(high));
    return _mm512_test_epi32_mask(high, high) != 0;
}

/* Lists the quads in `set` of vector v, the i-th of its share; a group has 1 << shift quads. */
static inline void many_list(struct many *s, struct many_share *p, int v, int i, uint64_t set, int shift)
{
    struct many_quad *q = s->list + p->list + p->quads;
    p->quads += __builtin_popcountll(set);
    for (int last = -1; set; set &= set - 1, q++) {
        const int quad = __builtin_ctzll(set), g = quad >> shift;
        memcpy(&q->high, s->bytes[1][v] + 4 * quad, sizeof q->high);
        q->keep = -(g == last);
        q->at = (uint16_t)(PANEL_QUAD * quad);
        q->to = s->slot[v][g] = many_slot(i, g);
        last = g;
    }
}

/* Are groups weighed in registers? */
static inline bool many_weighs(const struct lutra_mat *m)
{
    return panel_runs(m) && m->group == 32;
}

/* Columns [k, k + n) of vectors [v0, v0 + nb). Shares are 4, 6 or 8: what is missing in the last one
 * are zeros. */
static void many_copy(struct many *s, const struct lutra_mat *m, const struct lutra_act *a, int v0,
                      int nb, int k, int n)
{
    const int even = nb < 4 ? 4 : nb + (nb & 1);
    const int wide = panel_group(m) > 32 ? MANY_WIDE : MANY_NARROW;
    const int shift = __builtin_ctz((unsigned)panel_group(m)) - 2;
    const size_t pad = (size_t)a->k_pad;
    int used = 0;
    memset(s->slot, 0, (size_t)even * sizeof s->slot[0]);
    memset(s->sums[0], 0, sizeof s->sums[0]);
    for (int b = nb; b < even; b++) {
        memset(s->bytes[0][b], 0, PANEL_K);
        memset(s->bytes[1][b], 0, PANEL_K);
        memset(s->x[b], 0, sizeof s->x[b]);
        for (int i = 0; i < 3; i++) memset(s->x_bytes[i][b], 0, sizeof s->x_bytes[i][b]);
    }
    s->n_shares = 0;
    for (int b = 0; b < even; b += s->shares[s->n_shares++].n) {
        struct many_share *p = &s->shares[s->n_shares];
        uint64_t set[MANY_WIDE] = {0};
        int count = 0, real = 0;
        *p = (struct many_share){.b = b, .n = x512_share(even - b, wide, 2), .list = used};
        for (int i = 0; i < p->n && b + i < nb; i++, real++) {
            const size_t v = (size_t)(v0 + b + i);
            set[i] = many_split(s, b + i, a->codes + v * pad + k, n);
            const int32_t *sums = a->sums + v * (pad / 16) + k / 16;
            if (panel_runs(m))
                p->x_high |= many_x(s, b + i, m, sums);
            else
                panel_x(s->x[b + i], m, sums, n);
            count += __builtin_popcountll(set[i]);
        }
        p->dense = count * MANY_SPARSE > real * n / 4;
        for (int i = 0; i < p->n; i++) {
            if (!p->dense) many_list(s, p, b + i, i, set[i], shift);
            for (int g = 0; p->dense && g < PANEL_GROUPS; g++) s->slot[b + i][g] = many_slot(i, g);
        }
        used += p->quads;
    }
}

/* The listed quads of a share times those of the panel. */
static void many_add_high(struct many *s, const struct many_share *p, const struct panel *w)
{
    const struct many_quad *q = s->list + p->list;
    __m512i sum[2] = {_mm512_setzero_si512(), _mm512_setzero_si512()};
    for (int i = 0; i < p->quads; i++, q++) {
        const __m512i x = _mm512_set1_epi32(q->high), keep = _mm512_set1_epi32(q->keep);
        uint8_t *to = (uint8_t *)s->sums + q->to;
        X512_UNROLL
        for (int h = 0; h < 2; h++) {
            const __m512i quad = _mm512_dpbusd_epi32(_mm512_setzero_si512(),
                                                     _mm512_load_si512(w->q[0][h] + q->at), x);
            sum[h] = _mm512_add_epi32(_mm512_and_si512(sum[h], keep), quad);
            _mm512_store_si512(to + 64 * h, _mm512_slli_epi32(sum[h], 8));
        }
    }
}

#endif
