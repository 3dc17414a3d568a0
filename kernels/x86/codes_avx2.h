/* SPDX-License-Identifier: MIT */
/* Codes of a block of vectors and a run of columns, laid out as strip_avx2.h will read them.
 *
 * A code is low + 256 * high, low in -128..127, and high is 0 nearly everywhere. Codes of a share of up to
 * WIDE vectors stand together: [quad][vector][4] int8, the low bytes. Quads of a vector with a high byte are
 * listed: for each tile they are multiplied one by one, and 256 times their sum waits in `sums` until that of
 * the low bytes is known. Shares with many of those have [pair][vector][2] int16 instead, and so have weights
 * that are too large for int16 sums of bytes. Bytes of weights are unsigned: start is what sums of them
 * begin with. */
#ifndef LUTRA_KERNELS_X86_CODES_AVX2_H
#define LUTRA_KERNELS_X86_CODES_AVX2_H

#include "kernels/x86/panel_avx2.h"

enum {
    BLOCK = 128, /* vectors that share an unpacked run: 32 KB of codes, or 64 KB of pairs, which L2 holds */
    SUMS = 4096, /* of 16 rows: of the tiles of a strip times the vectors of a block; 256 KB */
    SHARES = (BLOCK + WIDE - 1) / WIDE,
    WEIGHED = 32, /* if has_runs, columns whose sums are weighed as one: a group, or two that are woven */
    SPARSE = 3,  /* where more than every third quad is listed, pairs are faster */
    LIST = BLOCK * (PANEL_K / 4) / SPARSE,
    SLACK = 16   /* written too far, and written over but for the last vectors; 64 bytes: what follows
                    stays aligned */
};

/* A listed quad of a vector. What its group (or run, if groups are weighed) has listed so far goes to the sum
 * at `to`, and what is there last remains. */
struct listed {
    int32_t high;        /* four high bytes */
    int32_t bias;        /* times the bias: what is taken off */
    int32_t keep;        /* -1 if the group's sum goes on, 0 if it begins here */
    uint16_t at, sc, to; /* bytes: of its weights in the panel; of what they are weighed by; in `sums` */
};

struct share {
    int v, nv;        /* vectors [v, v + nv) of the block */
    int codes;        /* where theirs begin */
    int list, listed; /* of them are listed, the first of which is `list` */
    uint32_t some;    /* a bit for each group of which a quad is listed */
    bool pairs;       /* are codes int16 pairs? */
    bool far;         /* is an X larger than int16? */
};

struct strip {
    struct panel panel;
    int32_t codes[PANEL_K / 2 * BLOCK];
    /* [group][vector] of a share: */
    int32_t start[PANEL_GROUPS * BLOCK + SLACK];
    uint16_t slot[PANEL_GROUPS * BLOCK];            /* where in `sums` (bytes) those of high bytes are */
    float xs[PANEL_GROUPS * BLOCK];                 /* X, if there are minima */
    int32_t back[PANEL_GROUPS * BLOCK];             /* what is added to S, if bias_back */
    /* if has_runs, [pair of groups][vector][2]: X as int16, and X / 65536 if that is not 0 (far) */
    int32_t x[2][PANEL_GROUPS / 2 * BLOCK];
    int32_t sc[PANEL_GROUPS][16], high_sc[PANEL_GROUPS][16]; /* what sums of low and high bytes are weighed by */
    int16_t mn[PANEL_GROUPS * 16], back_sc[PANEL_GROUPS * 16]; /* what X are: [pair of groups][16 rows][2] */
    int32_t total[WIDE][16], minima[WIDE][16];
    int32_t sums[1 + WIDE * PANEL_GROUPS][16]; /* 256 * those of high bytes; the first is zero */
    union {
        float f[16];
        int32_t i[16]; /* TERN: one group, so its sums stay integers */
    } acc[SUMS];
    int n_shares;
    struct share shares[SHARES];
    struct listed list[LIST];
};

/* ---- what int16 holds ----
 * With SUMS16 a lane ends with minus the sum of w * low, w = byte - bias, over half of a group's
 * columns; if woven, over all of one of two groups. On the way there it may wrap. -32768 <= -sum <= 32767
 * if -2^k <= w < 2^k and there are 2^(8-k) columns to a lane: 16 of 5 bits, 8 of 6, 128 of TQ2_0's two
 * bits. That is why the bias is the middle even where zero is elsewhere, and why the sum is a negative one.
 * Woven, 16 columns of at most three bits, w = 0 .. 3 or -4 .. 3, are far from that. */
static bool has_codes(const struct lutra_mat *m)
{
    return m->kind == LUTRA_MAT_PLANES || m->kind == LUTRA_MAT_DENSE;
}

static int bias_of(const struct lutra_mat *m)
{
    if (SUMS16 && has_codes(m) && m->bits == 5) return 16;
    if (SUMS16 && has_codes(m) && m->bits == 2 && m->group == 256) return 2;
    return panel_zero(m);
}

/* Times the sum of the codes: what is missing then. */
static int bias_back(const struct lutra_mat *m)
{
    return bias_of(m) - panel_zero(m);
}

static bool bytes_do(const struct lutra_mat *m)
{
    int most = 0;
    if (!SUMS16 || has_codes(m) || m->kind == LUTRA_MAT_TERN) return true;
    if (m->kind != LUTRA_MAT_BOOK) return false;
    for (int i = 0; i < 16; i++) {
        int size = m->book[i] < 0 ? -m->book[i] : m->book[i];
        if (size > most) most = size;
    }
    return most * 128 * (m->group / 2) <= INT16_MAX;
}

static int min_int(int a, int b)
{
    return a < b ? a : b;
}

/* How many of `left` vectors to take at once: equal shares of at most WIDE. */
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
#if WIDE > 4
    case 4:
        weave(dst, 4, src, stride, n);
        break;
    case 5:
        weave(dst, 5, src, stride, n);
        break;
#endif
    default:
        weave(dst, WIDE, src, stride, n);
        break;
    }
}

/* Bytes 2*i, 2*i + 1 of two groups of 16 side by side: see woven. */
X86_INLINE __m256i weave_groups(__m256i x)
{
    const __m256i order = _mm256_broadcastsi128_si256(
        _mm_setr_epi8(0, 1, 8, 9, 2, 3, 10, 11, 4, 5, 12, 13, 6, 7, 14, 15));
    return _mm256_shuffle_epi8(_mm256_permute4x64_epi64(x, 0xD8), order);
}

/* 32 codes as low and high bytes, if there may be any; a bit for each quad with a high one. */
X86_INLINE uint64_t split_codes(int8_t *low, int8_t *high, const int16_t *c, bool weave)
{
    const __m256i a = x86_load(c), b = x86_load(c + 16);
    __m256i l = x86_low_bytes(a, b);
    _mm256_storeu_si256((__m256i *)low, weave ? weave_groups(l) : l);
    if (!high) return 0;
    __m256i h = x86_high_bytes(a, b);
    if (weave) h = weave_groups(h);
    _mm256_storeu_si256((__m256i *)high, h);
    h = _mm256_cmpeq_epi32(h, _mm256_setzero_si256());
    return (unsigned)_mm256_movemask_ps(_mm256_castsi256_ps(h)) ^ 255u;
}

/* n codes, a multiple of 8, likewise; zeros to the next multiple of 32. */
static uint64_t split_run(int8_t *low, int8_t *high, const int16_t *c, int n, bool weave)
{
    uint64_t bits = 0;
    int16_t rest[32] = {0};
    for (int i = 0; i < n; i += 32) {
        bool all = n - i >= 32;
        if (!all) memcpy(rest, c + i, (size_t)(n - i) * sizeof rest[0]);
        bits |= split_codes(low + i, high ? high + i : NULL, all ? c + i : rest, weave) << i / 4;
    }
    return bits;
}

/* start[group][vector] for sums of bytes less bias. */
static void put_starts(int32_t *start, const int32_t *quads, int nv, int group, int n, int bias)
{
    const __m256i b = _mm256_set1_epi8((char)bias), zero = _mm256_setzero_si256();
    for (int k = 0; k < n; k += group, start += nv) {
        __m256i even = zero, odd = zero; /* two chains */
        for (int q = 0; q < group / 4; q += 2, quads += 2 * nv) {
            even = add_quad(even, b, x86_load(quads));
            odd = add_quad(odd, b, x86_load(quads + nv));
        }
        _mm256_storeu_si256((__m256i *)start, less(less(zero, even), odd));
    }
}

/* X of the groups of a run, at every nv-th place. */
static void run_x(float *xs, int32_t *back, int nv, const int32_t *sums, int group, int n, int times)
{
    for (int g = 0; g * group < n; g++) {
        int32_t x = 0;
        for (int i = 0; i < group / 16; i++) x += *sums++;
        xs[g * nv] = (float)x;
        back[g * nv] = times * x;
    }
}

/* X of eight groups as int16, and what is above that. Is it zero everywhere? */
static bool split_x(int16_t *low, int16_t *high, const int32_t *sums, int group)
{
    __m256i a = x86_load(sums);
    if (group == 32) a = _mm256_permute4x64_epi64(_mm256_hadd_epi32(a, x86_load(sums + 8)), 0xD8);
    __m256i l = _mm256_srai_epi32(_mm256_slli_epi32(a, 16), 16);
    __m256i h = _mm256_srai_epi32(_mm256_sub_epi32(a, l), 16);
    __m256i both = _mm256_permute4x64_epi64(_mm256_packs_epi32(l, h), 0xD8);
    _mm_storeu_si128((__m128i *)(void *)low, _mm256_castsi256_si128(both));
    _mm_storeu_si128((__m128i *)(void *)high, _mm256_extracti128_si256(both, 1));
    return _mm256_testz_si256(h, h);
}

/* X of the groups of a share, in pairs. */
static __attribute__((noinline)) void put_x(struct strip *s, struct share *p, const struct lutra_mat *m,
                                            const int32_t *sums, size_t stride, int n)
{
    int16_t x[2][WIDE][PANEL_GROUPS];
    const int pairs = n / m->group / 2;
    for (int i = 0; i < p->nv; i++, sums += stride)
        for (int g = 0; g < 2 * pairs; g += 8)
            p->far |= !split_x(x[0][i] + g, x[1][i] + g, sums + g, m->group);
    for (int part = 0; part <= p->far; part++)
        weave_some(s->x[part] + p->v * pairs, p->nv, x[part], sizeof x[part][0], pairs);
}

/* Columns that make one sum of bytes. */
static int group_of(const struct lutra_mat *m, int n)
{
    if (m->kind == LUTRA_MAT_TERN) return n;
    if (folds(m)) return m->run;
    return woven(m) ? 2 * m->group : m->group;
}

/* Lists the quads in `set` of the i-th vector of a share; `high`: its high bytes, `slot`: of its groups, which
 * have so many quads. Returns how many sums of the share are taken. */
static int list_quads(struct strip *s, struct share *p, uint16_t *slot, int taken, uint64_t set,
                      const int8_t *high, int quads, int bias)
{
    const __m256i b = _mm256_set1_epi8((char)bias);
    for (int last = -1; set; set &= set - 1) {
        const int quad = __builtin_ctzll(set), g = quad / quads;
        struct listed *q = &s->list[p->list + p->listed++];
        memcpy(&q->high, high + 4 * quad, sizeof q->high);
        q->bias = _mm256_cvtsi256_si32(one_quad(b, _mm256_set1_epi32(q->high)));
        q->keep = -(g == last);
        if (g != last) slot[g * p->nv] = (uint16_t)(++taken * (int)sizeof s->sums[0]);
        q->at = (uint16_t)(64 * quad);
        q->sc = (uint16_t)(4 * quad / WEIGHED * (int)sizeof s->sc[0]);
        q->to = slot[g * p->nv];
        p->some |= 1u << g;
        last = g;
    }
    return taken;
}

/* Columns [k, k + n) of vectors [v0, v0 + count). Are any of them pairs? */
static bool put_codes(struct strip *s, const struct lutra_mat *m, const struct lutra_act *a, int v0,
                      int count, int k, int n)
{
    const size_t stride = (size_t)a->k_pad;
    const int group = group_of(m, n), bias = bias_of(m), back = bias_back(m);
    const int high_group = has_runs(m) ? m->run : group, padded = (n / 4 + 3) & ~3;
    const bool bytes = bytes_do(m), has_x = x86_has_min(m->scales) || back;
    const bool narrow = a->code_max <= LUTRA_CODE_MAX_INT8;
    int8_t low[WIDE][PANEL_K], high[WIDE][PANEL_K];
    bool any = false;
    int used = 0, list = 0;
    s->n_shares = 0;
    for (int v = 0, nv; v < count; v += nv) {
        struct share *p = &s->shares[s->n_shares++];
        const int16_t *from = a->codes + (size_t)(v0 + v) * stride + k;
        const int32_t *sums = a->sums + (size_t)(v0 + v) * (stride / 16) + k / 16;
        const int at = v * (n / group);
        int32_t *to = s->codes + used;
        uint16_t *slot = s->slot + v * (n / high_group);
        uint64_t set[WIDE];
        int quads = 0, taken = 0;
        nv = take(count - v);
        *p = (struct share){.v = v, .nv = nv, .codes = used, .list = list};
        if (has_x && has_runs(m)) put_x(s, p, m, sums, stride / 16, n);
        for (int i = 0; i < nv; i++) {
            if (has_x && !has_runs(m))
                run_x(s->xs + at + i, s->back + at + i, nv, sums + (size_t)i * (stride / 16), group, n, back);
            if (!bytes) continue;
            set[i] = split_run(low[i], narrow ? NULL : high[i], from + (size_t)i * stride, n, woven(m));
            quads += __builtin_popcountll(set[i]);
        }
        p->pairs = !bytes || SPARSE * quads > nv * n / 4;
        used += nv * (p->pairs ? n / 2 : padded);
        if (p->pairs) {
            weave_some(to, nv, from, 2 * stride, n / 2);
            any = true;
            continue;
        }
        weave_some(to, nv, low, PANEL_K, padded);
        put_starts(s->start + at, to, nv, group, n, bias);
        memset(slot, 0, (size_t)(nv * (n / high_group)) * sizeof *slot);
        for (int i = 0; i < nv; i++)
            taken = list_quads(s, p, slot + i, taken, set[i], high[i], high_group / 4, bias);
        list += p->listed;
    }
    return any;
}

#endif
