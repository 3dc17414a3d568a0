/* SPDX-License-Identifier: MIT */
/* The codes of a block of vectors and a run of columns, for the products of many vectors.
 *
 * A code is c = low + 64 * high, both signed bytes. Nearly all codes fit a byte (lut.h, LUTRA_NEAR):
 * low bytes alone are multiplied, four columns to a vpdpbusd. A quad of columns of which one does not is
 * listed, and its high bytes, up to 127, are multiplied, too; its low ones are -32 to 31.
 * No branch depends on where such quads are: with normally distributed vectors they would be in a
 * quarter of all groups of six vectors.
 *
 *   wide    groups of 64 and more, and runs: one sum of many columns, a part. Vectors are sorted by how
 *           many quads they list, so that those of a share list about equally many; all take as many
 *           steps as the most of a part, what is missing are zeros. Sums stay in registers.
 *   narrow  floats of groups of 16 and 32: once per strip of rows the listed quads of a few vectors are
 *           multiplied, 64 * S of a (vector, group) goes to a slot of `sums`, and its group begins
 *           with what is there; all others begin with slot 0, zeros.
 *
 * Where there are very many (short vectors have 14 bits in every column) both bytes of all columns are
 * multiplied. */
#ifndef LUTRA_KERNELS_X86_MANY_AVX512_H
#define LUTRA_KERNELS_X86_MANY_AVX512_H

#include "kernels/x86/panel_avx512.h"

enum {
    MANY_BLOCK = 256, /* vectors that share an unpacked run */
    MANY_SHARE = 6,   /* vectors whose sums stand in registers, and what those are added to: with 8 nothing but
                         vpdpbusd in a loop makes 220 MAC/ns, with 6 it makes 231 */
    MANY_SHARES = MANY_BLOCK / MANY_SHARE + 1,
    MANY_QUADS = PANEL_K / 4,
    MANY_PARTS = PANEL_K / 64,
    MANY_SHIFT = 6,   /* of high bytes */
    MANY_SPARSE = 3,  /* narrow: a listed quad costs as much as so many that are not ... */
    MANY_STEPS = 2,   /* ... wide: a step costs as much as so many quads of a share that are not listed */
    MANY_LIST = MANY_BLOCK * MANY_QUADS / MANY_SPARSE + 16,
    MANY_SLOT = 2 * 64, /* bytes */
    MANY_X = MANY_BLOCK * PANEL_GROUPS, /* from a byte of X to the next higher one */
    MANY_SLOTS = 1 + MANY_SHARE * PANEL_GROUPS
};

/* Listed quads of a vector, of each part from the place of its first quad on. */
struct many_wide {
    int32_t high[MANY_QUADS + 32]; /* four high bytes */
    uint8_t quad[3 * MANY_QUADS];  /* a line more that those of many vectors may stay in the cache */
};

/* Those of narrow groups: 64 times the sum of what its group has listed so far goes to the group's slot, and
 * what is there last remains. Offsets are bytes. */
struct many_narrow {
    int32_t high[MANY_LIST];
    int32_t keep[MANY_LIST];  /* -1 if the sum goes on, 0 if it begins here */
    uint16_t at[MANY_LIST], to[MANY_LIST]; /* where in the panel's q and in `sums` */
};

struct many_share {
    int b, n;        /* vectors [b, b + n) of the copies */
    int list, quads; /* narrow: of them are listed, the first of which is `list` */
    bool dense;
    bool x_high; /* an X of theirs has a third byte */
    uint8_t steps[MANY_PARTS];  /* wide: in which each takes a listed quad */
};

struct many { /* 64-byte aligned */
    int8_t bytes[2][MANY_BLOCK][PANEL_K]; /* low, high; these of dense shares alone */
    union panel_x x[MANY_BLOCK][PANEL_GROUPS];
    int8_t x_bytes[3][MANY_BLOCK][PANEL_GROUPS]; /* X = low + 256 * middle + 65536 * high */
    uint16_t slot[MANY_BLOCK][PANEL_GROUPS];
    uint16_t order[MANY_BLOCK]; /* which vector of the block is copied there */
    int n_shares;
    struct many_share shares[MANY_SHARES];
    struct many_wide wide[MANY_BLOCK];
    struct many_narrow list;
    int32_t sums[MANY_SLOTS][2][16] __attribute__((aligned(64)));
};

/* nb vectors and what is missing of their last share. */
static inline int many_even(int nb)
{
    return nb < 4 ? 4 : nb + (nb & 1);
}

/* Of group g of the i-th vector of a share. */
static inline uint16_t many_slot(int i, int g)
{
    return (uint16_t)(MANY_SLOT * (1 + i * PANEL_GROUPS + g));
}

X512_INLINE __m512i many_four(const void *c)
{
    int32_t four;
    memcpy(&four, c, sizeof four);
    return _mm512_set1_epi32(four);
}

/* Are groups weighed in registers? */
static inline bool many_weighs(const struct lutra_mat *m)
{
    return panel_runs(m) && m->group == 32;
}

/* Columns of a part; 0: groups are narrow. */
static inline int many_part(const struct lutra_mat *m)
{
    const int group = panel_group(m);
    return many_weighs(m) ? m->run : group > 32 ? group : 0;
}

/* Even bytes of two registers. */
X512_INLINE __m512i many_bytes(__m512i a, __m512i b)
{
    uint8_t t[64];
    for (int i = 0; i < 64; i++) t[i] = (uint8_t)(2 * i);
    return _mm512_permutex2var_epi8(a, x512_load(t), b);
}

/* Which quads of n columns, a multiple of 32, are not bytes. */
X512_INLINE uint64_t many_set(const int16_t *c, int n)
{
    const __m512i half = _mm512_set1_epi16(128), high = _mm512_set1_epi16((short)0xff00);
    uint64_t set = 0;
    for (int i = 0; i < n; i += 32)
        set |= (uint64_t)_mm512_test_epi64_mask(_mm512_add_epi16(x512_load(c + i), half), high) << i / 4;
    return set;
}

/* Sums of eight bytes: of x if positive, of -x if not, 2^16 times. */
X512_INLINE __m512i many_signs(__m512i x, __mmask16 listed)
{
    const __m512i zero = _mm512_setzero_si512(), small = _mm512_set1_epi8(32);
    const __m512i plus = _mm512_mask_mov_epi32(_mm512_max_epi8(x, zero), listed, small);
    const __m512i minus = _mm512_mask_mov_epi32(_mm512_abs_epi8(_mm512_min_epi8(x, zero)), listed, small);
    return _mm512_or_si512(_mm512_sad_epu8(plus, zero), _mm512_slli_epi64(_mm512_sad_epu8(minus, zero), 16));
}

/* Groups of 32 of 256 columns in which the low bytes of one sign may add up to more than `most`: all their
 * quads. Those in `set` are up to 32. */
X512_INLINE uint64_t many_large(const int16_t *c, uint64_t set, int most)
{
    uint64_t large = 0;
    X512_UNROLL
    for (int i = 0; i < 4; i += 2, c += 128) {
        const __m512i a = many_signs(many_bytes(x512_load(c), x512_load(c + 32)), (__mmask16)(set >> 16 * i));
        const __m512i b = many_signs(many_bytes(x512_load(c + 64), x512_load(c + 96)),
                                     (__mmask16)(set >> (16 * i + 16)));
        __m512i sums = _mm512_or_si512(a, _mm512_slli_epi64(b, 32)); /* four quadwords a group */
        sums = _mm512_add_epi64(sums, _mm512_permutex_epi64(sums, 0x4e));
        sums = _mm512_add_epi64(sums, _mm512_permutex_epi64(sums, 0xb1));
        const uint32_t over = _mm512_cmpgt_epu16_mask(sums, _mm512_set1_epi16((short)most));
        if (LUTRA_LIKELY(!over)) continue;
        for (int g = 0; g < 4; g++)
            if (over >> (g % 2 * 16 + g / 2 * 2) & 3) large |= (uint64_t)255 << (32 * i / 2 + 8 * g);
    }
    return large;
}

/* n columns as bytes, high ones of the quads in `set`; low ones to memory. */
X512_INLINE void many_split(int8_t *low, __m512i high[4], const int16_t *c, uint64_t set, int n)
{
    X512_UNROLL
    for (int i = 0; i < 4; i++, c += 64, n -= 64) {
        __m512i x[2], up[2];
        X512_UNROLL
        for (int j = 0; j < 2; j++, set >>= 8) {
            x[j] = n > 32 * j ? x512_load(c + 32 * j) : _mm512_setzero_si512();
            up[j] = _mm512_srai_epi16(_mm512_add_epi16(x[j], _mm512_set1_epi16(32)), MANY_SHIFT);
            up[j] = _mm512_maskz_mov_epi64((__mmask8)set, up[j]);
            x[j] = _mm512_sub_epi16(x[j], _mm512_slli_epi16(up[j], MANY_SHIFT));
        }
        _mm512_store_si512(low + 64 * i, many_bytes(x[0], x[1]));
        high[i] = many_bytes(up[0], up[1]);
    }
}

/* The high bytes of the quads in `set`, one after the other; behind them are up to 15 zeros. */
X512_INLINE void many_pick(int32_t *to, const __m512i *high, uint64_t set, int quads)
{
    X512_UNROLL
    for (int i = 0; i < quads; i += 16, set >>= 16) {
        const __mmask16 some = (__mmask16)set;
        _mm512_storeu_si512(to, _mm512_maskz_compress_epi32(some, high[i / 16]));
        to += __builtin_popcount(some);
    }
}

X512_INLINE __m512i many_quads(uint64_t set)
{
    uint8_t t[64];
    for (int i = 0; i < 64; i++) t[i] = (uint8_t)i;
    return _mm512_maskz_compress_epi8(set, x512_load(t));
}

/* Wide: lists the quads in `set` of a vector, part (of so many quads, a constant) after part, and zeros up to the
 * steps of its share. */
X512_INLINE void many_list_wide(struct many_wide *w, const __m512i *high, uint64_t set, int part,
                                const uint8_t *steps)
{
    for (int q = 0; q < MANY_QUADS; q += part, high += part / 16, steps++) {
        if (*steps == 0) continue;
        const uint64_t some = set >> q & ~(uint64_t)0 >> (MANY_QUADS - part);
        _mm512_storeu_si512(w->quad + q, many_quads(some << q));
        many_pick(w->high + q, high, some, part);
        for (int i = __builtin_popcountll(some); i < *steps; i += 16)
            _mm512_storeu_si512(w->high + q + i, _mm512_setzero_si512());
    }
}

/* Narrow: lists the quads in `set` of the i-th vector of its share; a group has 1 << shift quads, 4 or 8. */
X512_INLINE void many_list(struct many *s, struct many_share *p, int i, const __m512i *high, uint64_t set,
                           unsigned shift)
{
    struct many_narrow *list = &s->list;
    const int n = __builtin_popcountll(set);
    const __m512i slots = _mm512_set1_epi32(many_slot(i, 0));
    const __m512i groups =
        _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
    __m512i quads = many_quads(set), last = _mm512_set1_epi32(-1);
    int at = p->list + p->quads;
    many_pick(list->high + at, high, set, MANY_QUADS);
    p->quads += n;
    for (int end = at + n; at < end; at += 16, quads = _mm512_alignr_epi64(quads, quads, 2)) {
        const __m512i q = _mm512_cvtepu8_epi32(_mm512_castsi512_si128(quads));
        const __m512i g = _mm512_srli_epi32(q, shift), before = _mm512_alignr_epi32(g, last, 15);
        const __m512i to = _mm512_add_epi32(slots, _mm512_slli_epi32(g, 7));
        _mm512_storeu_si512(list->keep + at, _mm512_movm_epi32(_mm512_cmpeq_epi32_mask(g, before)));
        _mm256_storeu_si256((__m256i *)(void *)(list->at + at),
                            _mm512_cvtepi32_epi16(_mm512_slli_epi32(q, 7)));
        _mm256_storeu_si256((__m256i *)(void *)(list->to + at), _mm512_cvtepi32_epi16(to));
        last = g;
    }
    /* slots of groups that have any: their bits in the bytes of two words */
    const __m128i bits = _mm_multishift_epi64_epi8(
        _mm512_cvtepi32_epi8(_mm512_slli_epi32(groups, shift)), _mm_set1_epi64x((long long)set));
    const __mmask16 some = _mm_test_epi8_mask(bits, _mm_set1_epi8((char)(shift == 2 ? 15 : 255)));
    const __m512i all = _mm512_add_epi32(slots, _mm512_slli_epi32(groups, 7));
    _mm256_store_si256((__m256i *)(void *)s->slot[p->b + i],
                       _mm512_cvtepi32_epi16(_mm512_maskz_mov_epi32(some, all)));
}

/* The order of n vectors: those that list most come first. */
static void many_sort(uint16_t *order, const uint64_t *set, int n)
{
    int from[MANY_QUADS + 2] = {0}; /* where those are that list MANY_QUADS - i */
    for (int v = 0; v < n; v++) from[MANY_QUADS + 1 - __builtin_popcountll(set[v])]++;
    for (int i = 1; i <= MANY_QUADS; i++) from[i] += from[i - 1];
    for (int v = 0; v < n; v++) order[from[MANY_QUADS - __builtin_popcountll(set[v])]++] = (uint16_t)v;
}

/* How the high bytes of a share are multiplied; part: columns of one (wide), or 0. */
static void many_plan(struct many_share *p, const uint16_t *order, const uint64_t *set, int part, int n)
{
    int count = 0, steps = 0;
    for (int i = 0; i < p->n; i++) count += __builtin_popcountll(set[order[i]]);
    for (int k = 0; part && k < n; k += part) {
        uint8_t *most = &p->steps[k / part];
        for (int i = 0; i < p->n; i++) {
            const uint64_t some = set[order[i]] >> k / 4 & ~(uint64_t)0 >> (PANEL_K - part) / 4;
            const int listed = __builtin_popcountll(some);
            if (listed > *most) *most = (uint8_t)listed;
        }
        steps += *most;
    }
    p->dense = part ? MANY_STEPS * steps > n / 4 : count * MANY_SPARSE > p->n * n / 4;
}

/* The i-th vector of a share, its n codes and the sums of 16. */
static void many_vector(struct many *s, struct many_share *p, int i, const struct lutra_mat *m, int part,
                        const int16_t *codes, const int32_t *sums, uint64_t set, int n)
{
    const int b = p->b + i;
    __m512i high[4];
    for (int j = 0; j < PANEL_K; j += 32) /* the next run's: of each vector another page */
        _mm_prefetch((const char *)(codes + PANEL_K + j), _MM_HINT_T1);
    many_split(s->bytes[0][b], high, codes, p->dense ? ~(uint64_t)0 : set, n);
    if (panel_runs(m))
        p->x_high |= panel_run_x(s->x[b], s->x_bytes[0][b], MANY_X, m, sums);
    else
        panel_x(s->x[b], m, sums, n);
    if (p->dense) {
        for (int j = 0; j < 4; j++) _mm512_store_si512(s->bytes[1][b] + 64 * j, high[j]);
        for (int g = 0; g < PANEL_GROUPS; g++) s->slot[b][g] = many_slot(i, g);
    } else if (part == PANEL_K) {
        many_list_wide(&s->wide[b], high, set, 64, p->steps);
    } else if (part == PANEL_K / 2) {
        many_list_wide(&s->wide[b], high, set, 32, p->steps);
    } else if (part) {
        many_list_wide(&s->wide[b], high, set, 16, p->steps);
    } else {
        many_list(s, p, i, high, set, panel_group(m) == 16 ? 2 : 3);
    }
}

/* Columns [k, k + n) of vectors [v0, v0 + nb). Shares are 4 or 6: what is missing in the last one
 * are zeros. */
static void many_copy(struct many *s, const struct lutra_mat *m, const struct lutra_act *a, int v0,
                      int nb, int k, int n)
{
    static const int32_t none[PANEL_K / 2];
    const int even = many_even(nb), part = many_part(m);
    const size_t pad = (size_t)a->k_pad;
    const int16_t *codes = a->codes + (size_t)v0 * pad + k;
    const int32_t *sums = a->sums + (size_t)v0 * (pad / 16) + k / 16;
    uint64_t set[MANY_BLOCK];
    for (int v = 0; v < even; v++) {
        s->order[v] = (uint16_t)v;
        set[v] = v < nb ? many_set(codes + (size_t)v * pad, n) : 0;
        if (v < nb && many_weighs(m))
            set[v] |= many_large(codes + (size_t)v * pad, set[v], INT16_MAX / ((1 << m->bits) - 1));
    }
    if (part) many_sort(s->order, set, nb);
    memset(s->sums[0], 0, sizeof s->sums[0]);
    s->n_shares = 0;
    for (int b = 0, list = 0; b < even; b += s->shares[s->n_shares++].n) {
        struct many_share *p = &s->shares[s->n_shares];
        *p = (struct many_share){.b = b, .n = x512_share(even - b, MANY_SHARE, 2), .list = list};
        many_plan(p, s->order + b, set, part, n);
        for (int i = 0; i < p->n; i++) {
            const size_t v = s->order[b + i];
            if (v < (size_t)nb)
                many_vector(s, p, i, m, part, codes + v * pad, sums + v * (pad / 16), set[v], n);
            else
                many_vector(s, p, i, m, part, (const int16_t *)(const void *)none, none, 0, n);
        }
        list += p->quads;
    }
}

/* Narrow: the listed quads of a share times those of the panel. */
static void many_add_high(struct many *s, const struct many_share *p, const struct panel *w)
{
    const struct many_narrow *list = &s->list;
    __m512i sum[2] = {_mm512_setzero_si512(), _mm512_setzero_si512()};
    for (int i = p->list; i < p->list + p->quads; i++) {
        const __m512i x = many_four(&list->high[i]), keep = _mm512_set1_epi32(list->keep[i]);
        uint8_t *to = (uint8_t *)s->sums + list->to[i];
        X512_UNROLL
        for (int h = 0; h < 2; h++) {
            const __m512i quad = _mm512_dpbusd_epi32(_mm512_setzero_si512(),
                                                     _mm512_load_si512(w->q[0][h] + list->at[i]), x);
            sum[h] = _mm512_add_epi32(_mm512_and_si512(sum[h], keep), quad);
            _mm512_store_si512(to + 64 * h, _mm512_slli_epi32(sum[h], MANY_SHIFT));
        }
    }
}

#endif
