/* SPDX-License-Identifier: MIT */
/* A run of columns of one tile unpacked for integer dots: what mm_ssse3.c multiplies.
 *
 *   bytes   [half][quad][16 rows][4] uint8: weight plus panel_zero of columns 4*quad ...; maddubs with
 *           four signed bytes in every lane gives 4 rows of int16 sums of two columns
 *   pairs   [pair][16 rows][2] int16: weights of columns 2*pair, 2*pair+1, times what their group's sums are
 *           weighed by, where bytes do not do; madd with a pair of codes in every lane
 *   d, m    [group][16 rows] float: D, M; of a run d, -dmin, where sums are weighed in integers
 *   sc      [part][16 rows][2] int16: minus what those sums are weighed by, twice
 *   mn      [two groups][16 rows][2] int16: what X is weighed by */
#ifndef LUTRA_KERNELS_X86_PANEL_SSSE3_H
#define LUTRA_KERNELS_X86_PANEL_SSSE3_H

#include "kernels/x86/panel_cols.h"
#include "kernels/x86/x128.h"

struct panel {
    uint8_t bytes[2][PANEL_K * 16];
    int16_t pairs[PANEL_K * 16];
    float d[PANEL_GROUPS][16];
    float m[PANEL_GROUPS][16];
    int16_t sc[PANEL_GROUPS][32];
    int16_t mn[PANEL_GROUPS / 2][32];
};

/* The byte that stands for a weight of zero. */
static int panel_zero(const struct lutra_mat *m)
{
    return m->kind == LUTRA_MAT_TERN ? 1 : m->offset;
}

/* ---- what int16 holds ----
 * A lane of int16 ends with minus the sum of w * low, w = byte - panel_zero, over half of the columns
 * of a part. On the way there it may wrap. -32768 <= -sum <= 32767 if -2^k <= w < 2^k and there are
 * 2^(8-k) columns to a lane: 16 of 5 bits, 8 of 6, 64 of two bits whose zero is in 0..2. Without an
 * offset 4 bits come to 15 * 128 * 16, 5 bits, in parts of 16 columns, to 31 * 128 * 8. High bytes are at
 * most 32. maddubs itself does not saturate: 2 * 63 * 128. */
static int panel_part(const struct lutra_mat *m, int n)
{
    if (m->kind == LUTRA_MAT_TERN) return (n + 15) & ~15; /* codes there are zero */
    if (m->bits == 5 && !m->offset) return 16;
    return m->group < 128 ? m->group : 128;
}

/* Are sums of groups weighed in integers? */
static bool panel_weighs(const struct lutra_mat *m)
{
    return m->kind != LUTRA_MAT_TERN && m->run > m->group;
}

X128_INLINE void put(void *dst, __m128i a)
{
    _mm_store_si128((__m128i *)dst, a);
}

X128_INLINE void put_ints(int16_t *dst, struct x128_ints a)
{
    for (int i = 0; i < 4; i++) put(dst + 8 * i, a.v[i]);
}

/* ---- codes ---- */

/* Columns c and c + 4 of an octet, 8 slots, as low and high nibble of int16, times 2^c: each plane
 * pair gives two bits, weighted by maddubs. */
X128_INLINE __m128i two_columns(const __m128i *pair, int pairs, __m128i last, __m128i last_weight,
                                bool odd, int c)
{
    const __m128i mask = _mm_set1_epi8((char)(0x11 << c));
    __m128i sum = _mm_setzero_si128();
    X128_UNROLL
    for (int p = 0; p < pairs; p++) {
        const __m128i weights = _mm_set1_epi16((int16_t)(0x0201 << 2 * p));
        __m128i bits = _mm_maddubs_epi16(_mm_and_si128(pair[p], mask), weights);
        sum = p ? _mm_add_epi16(sum, bits) : bits;
    }
    if (odd) sum = _mm_add_epi16(sum, _mm_maddubs_epi16(_mm_and_si128(last, mask), last_weight));
    return sum;
}

/* An octet of at most four planes: rows[i] has four bytes of each of four rows, byte j columns j and
 * j + 4 as low and high nibble. */
X128_INLINE void octet_nibbles(__m128i rows[2], const __m128i *pair, int pairs, __m128i last,
                               __m128i last_weight, bool odd)
{
    __m128i e[4];
    X128_UNROLL
    for (int c = 0; c < 4; c++) e[c] = two_columns(pair, pairs, last, last_weight, odd, c);
    __m128i ab = _mm_or_si128(e[0], _mm_slli_epi16(e[1], 7));
    __m128i cd = _mm_or_si128(_mm_srli_epi16(e[2], 2), _mm_slli_epi16(e[3], 5));
    rows[0] = _mm_unpacklo_epi16(ab, cd); /* rows 0-3 or 4-7 */
    rows[1] = _mm_unpackhi_epi16(ab, cd); /* rows 8-11 or 12-15 */
}

/* Octet o of a step of the rows of 8 slots. */
X128_INLINE void unpack_octet(uint8_t *dst, const uint8_t *codes, int bits, int o)
{
    const __m128i nibble = _mm_set1_epi8(15);
    const int pairs = bits / 2, low = bits < 4 ? pairs : 2;
    /* even bytes of the last plane are octet 0, odd bytes octet 1 */
    const __m128i weight = _mm_set1_epi16((int16_t)((bits & 1) << (bits & 2) << 8 * o));
    __m128i pair[3], last = _mm_setzero_si128(), rows[2], top[2];
    for (int p = 0; p < pairs; p++) pair[p] = x128_load(codes + 32 * (o * pairs + p));
    if (bits & 1) last = x128_load(codes + 64 * pairs);
    octet_nibbles(rows, pair, low, last, weight, bits == 3);
    if (bits > 4) octet_nibbles(top, pair + 2, pairs - 2, last, weight, bits == 5);
    X128_UNROLL
    for (int i = 0; i < 2; i++) {
        __m128i first = _mm_and_si128(rows[i], nibble);
        __m128i second = _mm_and_si128(_mm_srli_epi16(rows[i], 4), nibble);
        if (bits > 4) {
            first = _mm_or_si128(first, _mm_slli_epi16(_mm_and_si128(top[i], nibble), 4));
            second = _mm_or_si128(second, _mm_andnot_si128(nibble, top[i]));
        }
        put(dst + 32 * i, first);
        put(dst + 64 + 32 * i, second);
    }
}

/* n_cols of PLANES or of DENSE; bits are a constant of the caller. */
X128_INLINE void unpack_bits(uint8_t *dst, const uint8_t *codes, int bits, bool dense, int n_cols)
{
    for (int k = 0; k < n_cols && dense; k += LUTRA_DENSE_K, codes += 64 * bits, dst += 512) {
        for (int rows = 0; rows < 4; rows++) {
            X128_UNROLL
            for (int q = 0; q < 8; q++) put(dst + 64 * q + 16 * rows, x128_dense_quad(codes, bits, q, rows));
        }
    }
    for (int k = 0; k < n_cols && !dense; k += LUTRA_STEP_K, codes += 32 * bits, dst += 256)
        for (int h = 0; h < 2; h++)
            for (int o = 0; o < 2; o++)
                unpack_octet(dst + 16 * h + 128 * o, codes + 16 * h, bits, o);
}

static void unpack_codes(uint8_t *dst, const uint8_t *codes, int bits, bool dense, int n_cols)
{
    switch (bits) {
    case 2:
        unpack_bits(dst, codes, 2, dense, n_cols);
        break;
    case 3:
        unpack_bits(dst, codes, 3, dense, n_cols);
        break;
    case 4:
        unpack_bits(dst, codes, 4, dense, n_cols);
        break;
    case 5:
        unpack_bits(dst, codes, 5, dense, n_cols);
        break;
    default:
        unpack_bits(dst, codes, 6, dense, n_cols);
        break;
    }
}

static void unpack_i8(int16_t *dst, const uint8_t *codes, int n_cols)
{
    for (int i = 0; i < 16 * n_cols; i += 16) {
        __m128i b = x128_load(codes + i);
        put(dst + i, x128_low_s16(b));
        put(dst + i + 8, x128_high_s16(b));
    }
}

/* Columns of 16 rows (bytes) as a quad. */
X128_INLINE void put_quad(uint8_t *dst, const __m128i *col)
{
    __m128i ab = _mm_unpacklo_epi8(col[0], col[1]), cd = _mm_unpacklo_epi8(col[2], col[3]);
    put(dst, _mm_unpacklo_epi16(ab, cd));
    put(dst + 16, _mm_unpackhi_epi16(ab, cd));
    ab = _mm_unpackhi_epi8(col[0], col[1]);
    cd = _mm_unpackhi_epi8(col[2], col[3]);
    put(dst + 32, _mm_unpacklo_epi16(ab, cd));
    put(dst + 48, _mm_unpackhi_epi16(ab, cd));
}

/* 24 columns of 16 rows as bytes 0, 1, 2. */
static void unpack_tern(uint8_t *dst, const uint8_t *src)
{
    /* balanced digits of the indices 0..13 */
    const __m128i a = _mm_setr_epi8(0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0, 0);
    const __m128i b = _mm_setr_epi8(0, 0, 1, 1, 1, -1, -1, -1, 0, 0, 0, 1, 1, 1, 0, 0);
    const __m128i c = _mm_setr_epi8(0, 1, -1, 0, 1, -1, 0, 1, -1, 0, 1, -1, 0, 1, 0, 0);
    const __m128i nibble = _mm_set1_epi8(15), one = _mm_set1_epi8(1);
    __m128i sign = x128_load(src), col[12];
    src += 32;
    for (int k = 0; k < LUTRA_TERN_K; k += 12, src += 64) {
        for (int i = 0; i < 4; i++) {
            __m128i x = x128_load(src + 32 * (i / 2));
            __m128i index = _mm_and_si128(i & 1 ? _mm_srli_epi16(x, 4) : x, nibble);
            __m128i neg = _mm_or_si128(sign, one); /* never zero: sign_epi8 would clear */
            col[3 * i] = _mm_add_epi8(_mm_sign_epi8(_mm_shuffle_epi8(a, index), neg), one);
            col[3 * i + 1] = _mm_add_epi8(_mm_sign_epi8(_mm_shuffle_epi8(b, index), neg), one);
            col[3 * i + 2] = _mm_add_epi8(_mm_sign_epi8(_mm_shuffle_epi8(c, index), neg), one);
            sign = _mm_add_epi8(sign, sign);
        }
        for (int i = 0; i < 3; i++, dst += 64) put_quad(dst, col + 4 * i);
    }
}

/* ---- scales ---- */

X128_INLINE void put_rows(float *dst, struct x128_rows r)
{
    for (int i = 0; i < 4; i++) _mm_store_ps(dst + 4 * i, r.v[i]);
}

/* Scales of one unit into groups g0, g0+1, ... of the panel. `kind` is a constant of the caller. */
X128_INLINE void put_scales(struct panel *p, int g0, const struct lutra_mat *m, const uint8_t *unit,
                            enum lutra_scale_kind kind)
{
    struct x128_rows d = x128_halves(unit);
    struct x128_rows dmin = x128_has_min(kind) ? x128_halves(unit + 32) : d;
    for (int g = 0; g < m->unit_k / m->group; g++) {
        put_rows(p->d[g0 + g], x128_group_d(kind, unit, g, d));
        if (x128_has_min(kind)) put_rows(p->m[g0 + g], x128_group_m(kind, unit, g, dmin));
    }
}

/* The same of a unit whose sums are weighed: it is all of the panel. */
X128_INLINE void put_weights(struct panel *p, const struct lutra_mat *m, const uint8_t *unit,
                             enum lutra_scale_kind kind)
{
    const __m128i zero = _mm_setzero_si128();
    const int parts = m->group / panel_part(m, PANEL_K);
    for (int r = 0; r < m->unit_k / m->run; r++) {
        put_rows(p->d[r], x128_halves(unit));
        if (x128_has_min(kind)) put_rows(p->m[r], x128_neg(x128_halves(unit + 32)));
    }
    for (int g = 0; g < m->unit_k / m->group; g++) {
        __m128i sc = x128_sub_bytes(kind, unit, g);
        __m128i lo = _mm_sub_epi16(zero, x128_low_s16(sc)), hi = _mm_sub_epi16(zero, x128_high_s16(sc));
        struct x128_ints twice = {{_mm_unpacklo_epi16(lo, lo), _mm_unpackhi_epi16(lo, lo),
                                   _mm_unpacklo_epi16(hi, hi), _mm_unpackhi_epi16(hi, hi)}};
        for (int i = 0; i < parts; i++) put_ints(p->sc[g * parts + i], twice);
        if (x128_has_min(kind) && g % 2)
            put_ints(p->mn[g / 2], x128_pairs(x128_min_bytes(kind, unit, g - 1),
                                              x128_min_bytes(kind, unit, g)));
    }
}

X128_INLINE void put_kind(struct panel *p, int g0, const struct lutra_mat *m, const uint8_t *unit,
                          enum lutra_scale_kind kind, bool weighs)
{
    if (weighs)
        put_weights(p, m, unit, kind);
    else
        put_scales(p, g0, m, unit, kind);
}

static void unpack_scales(struct panel *p, int g0, const struct lutra_mat *m, const uint8_t *unit,
                          bool weighs)
{
    switch (m->scales) {
    case LUTRA_SCALE_F16_MIN:
        put_scales(p, g0, m, unit, LUTRA_SCALE_F16_MIN);
        break;
    case LUTRA_SCALE_SUB:
        put_kind(p, g0, m, unit, LUTRA_SCALE_SUB, weighs);
        break;
    case LUTRA_SCALE_SUB_MIN:
        put_kind(p, g0, m, unit, LUTRA_SCALE_SUB_MIN, weighs);
        break;
    case LUTRA_SCALE_SUB_MIN4:
        put_kind(p, g0, m, unit, LUTRA_SCALE_SUB_MIN4, weighs);
        break;
    default:
        put_scales(p, g0, m, unit, LUTRA_SCALE_F16);
        break;
    }
}

/* ---- runs ---- */

/* Unpack n columns that start at `unit`, their scales as `weighs` says; what lies `ahead` bytes further
 * is fetched. */
static void panel_fill(struct panel *p, const struct lutra_mat *m, const uint8_t *unit, int n,
                       bool weighs, ptrdiff_t ahead)
{
    for (int i = 0; i < n; i += m->unit_k, unit += m->unit_bytes) {
        const uint8_t *codes = unit + m->scale_bytes;
        for (size_t b = 0; b < m->unit_bytes; b += 64)
            _mm_prefetch((const char *)unit + ahead + b, _MM_HINT_T0);
        if (m->kind == LUTRA_MAT_TERN) {
            for (int h = 0; h < 2; h++) unpack_tern(p->bytes[h] + 16 * i, codes + 16 * h);
            continue;
        }
        unpack_scales(p, i / m->group, m, unit, weighs);
        if (m->kind == LUTRA_MAT_I8)
            unpack_i8(p->pairs + 16 * i, codes, m->unit_k);
        else
            unpack_codes(p->bytes[0] + 16 * i, codes, m->bits, m->kind == LUTRA_MAT_DENSE, m->unit_k);
    }
}

/* Bytes as pairs: at most 31 * 63 of Q5_K. */
static void panel_widen(struct panel *p, const struct lutra_mat *m, int n)
{
    const __m128i zero = _mm_set1_epi16((int16_t)panel_zero(m));
    const __m128i low = _mm_setr_epi8(0, -1, 1, -1, 4, -1, 5, -1, 8, -1, 9, -1, 12, -1, 13, -1);
    const int part = panel_part(m, n);
    for (int k = 0; k < n; k += 4) {
        const int16_t *minus = p->sc[k / part];
        for (int i = 0; i < 4; i++) {
            __m128i x = x128_load(p->bytes[0] + 16 * k + 16 * i), sc = x128_load(minus + 8 * i);
            __m128i a = _mm_sub_epi16(zero, _mm_shuffle_epi8(x, low));
            __m128i b = _mm_sub_epi16(zero, _mm_shuffle_epi8(_mm_srli_epi32(x, 16), low));
            put(p->pairs + 16 * k + 8 * i, _mm_mullo_epi16(a, sc));
            put(p->pairs + 16 * k + 8 * i + 32, _mm_mullo_epi16(b, sc));
        }
    }
}

#endif
