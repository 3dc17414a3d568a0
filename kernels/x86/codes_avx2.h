/* SPDX-License-Identifier: MIT */
/* Codes of a block of vectors and a run of columns, laid out as strip_avx2.h will read them.
 *
 * A code is low + 256 * high, low in -128..127, and high is 0 nearly everywhere. Codes of WIDE
 * vectors stand together: [quad][vector][4] int8, first the low bytes, then the high ones, of which
 * only quads are visited where any of the vectors has one. Vectors with many of those have
 * [pair][vector][2] int16 in their place, and so have weights that are too large for int16 sums of
 * bytes. Bytes of weights are unsigned: start is what sums of them begin with. */
#ifndef LUTRA_KERNELS_X86_CODES_AVX2_H
#define LUTRA_KERNELS_X86_CODES_AVX2_H

#include "kernels/x86/panel_avx2.h"

enum {
    BLOCK = 128, /* vectors that share an unpacked run: 64 KB of codes, which L2 holds */
    MANY_HIGH = 6, /* columns for each quad with high bytes; where there are more, pairs are faster */
    HALVES = 16, /* of tiles in a strip: 128 KB of sums */
    SLACK = 16   /* written too far, and written over but for the last vectors; 64 bytes: what follows
                    stays aligned */
};

struct strip {
    struct panel panel;
    int32_t codes[PANEL_K / 2 * BLOCK + SLACK];
    /* [group][vector] of WIDE: */
    int32_t start[2][PANEL_GROUPS * BLOCK + SLACK]; /* of low and high bytes */
    float xs[PANEL_GROUPS * BLOCK];                 /* X, if there are minima */
    int32_t back[PANEL_GROUPS * BLOCK];             /* what is added to S, if bias_back */
    int32_t sums[WIDE][16];                         /* 256 * those of high bytes */
    uint64_t high[BLOCK]; /* of WIDE vectors, at the first: a bit for each quad with high bytes */
    bool pairs[BLOCK];    /* likewise: are they int16 pairs? */
    union {
        float f[16];
        int32_t i[16]; /* TERN: one group, so its sums stay integers */
    } acc[HALVES][BLOCK];
};

/* ---- what int16 holds ----
 * With SUMS16 a lane ends with minus the sum of w * low, w = byte - bias, over half of a group's
 * columns. On the way there it may wrap. -32768 <= -sum <= 32767 if -2^k <= w < 2^k and there are
 * 2^(8-k) columns to a lane: 16 of 5 bits, 8 of 6, 128 of TQ2_0's two bits. That is why the bias is
 * the middle even where zero is elsewhere, and why the sum is a negative one. */
static int bias_of(const struct lutra_mat *m)
{
    if (SUMS16 && m->kind == LUTRA_MAT_PLANES && m->bits == 5) return 16;
    if (SUMS16 && m->kind == LUTRA_MAT_PLANES && m->bits == 2 && m->group == 256) return 2;
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
    if (!SUMS16 || m->kind == LUTRA_MAT_PLANES || m->kind == LUTRA_MAT_TERN) return true;
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
    case 4:
        weave(dst, 4, src, stride, n);
        break;
    case 5:
        weave(dst, 5, src, stride, n);
        break;
    default:
        weave(dst, WIDE, src, stride, n);
        break;
    }
}

/* 32 codes as low and high bytes, if there may be any; a bit for each quad with a high one. */
X86_INLINE uint64_t split_codes(int8_t *low, int8_t *high, const int16_t *c)
{
    const __m256i a = x86_load(c), b = x86_load(c + 16);
    _mm256_storeu_si256((__m256i *)low, x86_low_bytes(a, b));
    if (!high) return 0;
    __m256i h = x86_high_bytes(a, b);
    _mm256_storeu_si256((__m256i *)high, h);
    h = _mm256_cmpeq_epi32(h, _mm256_setzero_si256());
    return (unsigned)_mm256_movemask_ps(_mm256_castsi256_ps(h)) ^ 255u;
}

/* n codes, a multiple of 8, likewise; zeros to the next multiple of 32. */
static uint64_t split_run(int8_t *low, int8_t *high, const int16_t *c, int n)
{
    uint64_t bits = 0;
    int16_t rest[32] = {0};
    for (int i = 0; i < n; i += 32) {
        bool all = n - i >= 32;
        if (!all) memcpy(rest, c + i, (size_t)(n - i) * sizeof rest[0]);
        bits |= split_codes(low + i, high ? high + i : NULL, all ? c + i : rest) << i / 4;
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

static int group_of(const struct lutra_mat *m, int n)
{
    return m->kind == LUTRA_MAT_TERN ? n : m->group;
}

/* Columns [k, k + n) of vectors [v0, v0 + count). Are any of them pairs? */
static bool put_codes(struct strip *s, const struct lutra_mat *m, const struct lutra_act *a, int v0,
                      int count, int k, int n)
{
    const size_t stride = (size_t)a->k_pad;
    const int16_t *c = a->codes + (size_t)v0 * stride + k;
    const int32_t *sums = a->sums + (size_t)v0 * (stride / 16) + k / 16;
    const int group = group_of(m, n), bias = bias_of(m), back = bias_back(m);
    const bool bytes = bytes_do(m), has_x = x86_has_min(m->scales) || back;
    const bool narrow = a->code_max <= LUTRA_CODE_MAX_INT8;
    int8_t low[WIDE][PANEL_K], high[WIDE][PANEL_K];
    bool any = false;
    for (int v = 0, nv; v < count; v += nv) {
        const int16_t *from = c + (size_t)v * stride;
        int32_t *to = s->codes + v * (n / 2);
        int at = v * (n / group), woven = (n / 4 + 3) & ~3;
        uint64_t bits = 0;
        nv = take(count - v);
        for (int i = 0; has_x && i < nv; i++)
            run_x(s->xs + at + i, s->back + at + i, nv, sums + (size_t)(v + i) * (stride / 16),
                  group, n, back);
        for (int i = 0; bytes && i < nv; i++)
            bits |= split_run(low[i], narrow ? NULL : high[i], from + (size_t)i * stride, n);
        s->high[v] = bits;
        s->pairs[v] = !bytes || MANY_HIGH * __builtin_popcountll(bits) > n;
        any |= s->pairs[v];
        if (s->pairs[v]) {
            weave_some(to, nv, from, 2 * stride, n / 2);
            continue;
        }
        /* two quads too many perhaps: what comes next is written over them */
        weave_some(to, nv, low, PANEL_K, woven);
        put_starts(s->start[0] + at, to, nv, group, n, bias);
        if (bits) {
            weave_some(to + n / 4 * nv, nv, high, PANEL_K, woven);
            put_starts(s->start[1] + at, to + n / 4 * nv, nv, group, n, bias);
        }
    }
    return any;
}

#endif
