/* SPDX-License-Identifier: MIT */
/* A run of columns of one tile unpacked for integer dots: what mm_ssse3.c multiplies. The layout is
 * that of panel_avx2.h:
 *
 *   codes   [half][pair][16 rows][2] int16: code minus offset of columns 2*pair, 2*pair+1
 *   d, m    [group][16 rows] float */
#ifndef LUTRA_KERNELS_X86_PANEL_SSSE3_H
#define LUTRA_KERNELS_X86_PANEL_SSSE3_H

#include "kernels/x86/x128.h"

enum {
    PANEL_K = 256,  /* columns at most: 8 KB of codes stay in L1 while the vectors pass */
    PANEL_TERN = 8, /* units of 24 columns in a run: 192, two halves */
    PANEL_GROUPS = 16
};

struct panel {
    int16_t codes[2][PANEL_K * 16];
    float d[PANEL_GROUPS][16];
    float m[PANEL_GROUPS][16];
};

X128_INLINE void put(int16_t *dst, __m128i a)
{
    _mm_store_si128((__m128i *)dst, a);
}

/* Column c of an octet, 8 slots: each plane pair gives two bits, weighted by maddubs, all at bit
 * c. */
X128_INLINE __m128i plane_column(const __m128i *pair, int pairs, __m128i last, __m128i last_weight,
                                 bool odd, int c)
{
    const __m128i mask = _mm_set1_epi8((char)(1 << c));
    __m128i sum = _mm_setzero_si128();
    X128_UNROLL
    for (int p = 0; p < pairs; p++) {
        const __m128i weights = _mm_set1_epi16((int16_t)(0x0201 << 2 * p));
        __m128i bits = _mm_maddubs_epi16(_mm_and_si128(pair[p], mask), weights);
        sum = p ? _mm_add_epi16(sum, bits) : bits;
    }
    if (odd) sum = _mm_add_epi16(sum, _mm_maddubs_epi16(_mm_and_si128(last, mask), last_weight));
    return _mm_srli_epi16(sum, c);
}

/* Eight columns (octet o of a step) of the rows of 8 slots. */
X128_INLINE void unpack_octet(int16_t *dst, const uint8_t *codes, int bits, __m128i off, int o)
{
    const int pairs = bits / 2;
    /* even bytes of the last plane are octet 0, odd bytes octet 1 */
    const __m128i weight = _mm_set1_epi16((int16_t)(1 << (bits - 1) << 8 * o));
    __m128i pair[3], last = _mm_setzero_si128();
    for (int p = 0; p < pairs; p++) pair[p] = x128_load(codes + 32 * (o * pairs + p));
    if (bits & 1) last = x128_load(codes + 64 * pairs);
    X128_UNROLL
    for (int c = 0; c < 8; c += 2, dst += 32) {
        __m128i a = plane_column(pair, pairs, last, weight, bits & 1, c);
        __m128i b = plane_column(pair, pairs, last, weight, bits & 1, c + 1);
        a = _mm_sub_epi16(a, off);
        b = _mm_sub_epi16(b, off);
        put(dst, _mm_unpacklo_epi16(a, b));      /* rows 0-3 or 4-7 */
        put(dst + 16, _mm_unpackhi_epi16(a, b)); /* rows 8-11 or 12-15 */
    }
}

X128_INLINE void unpack_steps(int16_t *dst, const uint8_t *codes, int bits, int offset, int n_cols)
{
    const __m128i off = _mm_set1_epi16((int16_t)offset);
    for (int k = 0; k < n_cols; k += LUTRA_STEP_K, codes += 32 * bits, dst += 256) {
        for (int h = 0; h < 2; h++) {
            unpack_octet(dst + 8 * h, codes + 16 * h, bits, off, 0);
            unpack_octet(dst + 8 * h + 128, codes + 16 * h, bits, off, 1);
        }
    }
}

static void unpack_planes(int16_t *dst, const uint8_t *codes, int bits, int offset, int n_cols)
{
    switch (bits) {
    case 2:
        unpack_steps(dst, codes, 2, offset, n_cols);
        break;
    case 3:
        unpack_steps(dst, codes, 3, offset, n_cols);
        break;
    case 4:
        unpack_steps(dst, codes, 4, offset, n_cols);
        break;
    case 5:
        unpack_steps(dst, codes, 5, offset, n_cols);
        break;
    default:
        unpack_steps(dst, codes, 6, offset, n_cols);
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

/* Two columns of 16 rows (bytes) as a pair. */
X128_INLINE void put_tern_pair(int16_t *dst, __m128i even, __m128i odd)
{
    __m128i lo = _mm_unpacklo_epi8(even, odd), hi = _mm_unpackhi_epi8(even, odd);
    put(dst, x128_low_s16(lo));
    put(dst + 8, x128_high_s16(lo));
    put(dst + 16, x128_low_s16(hi));
    put(dst + 24, x128_high_s16(hi));
}

/* 24 columns of 16 rows; dst = the panel's pair of the first two. */
static void unpack_tern(int16_t *dst, const uint8_t *src)
{
    /* balanced digits of the indices 0..13 */
    const __m128i a = _mm_setr_epi8(0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0, 0);
    const __m128i b = _mm_setr_epi8(0, 0, 1, 1, 1, -1, -1, -1, 0, 0, 0, 1, 1, 1, 0, 0);
    const __m128i c = _mm_setr_epi8(0, 1, -1, 0, 1, -1, 0, 1, -1, 0, 1, -1, 0, 1, 0, 0);
    const __m128i nibble = _mm_set1_epi8(15), one = _mm_set1_epi8(1);
    __m128i sign = x128_load(src);
    for (int i = 0; i < 4; i++) {
        __m128i x = x128_load(src + 32 + 32 * i), col[6];
        for (int j = 0; j < 2; j++) {
            __m128i index = _mm_and_si128(j ? _mm_srli_epi16(x, 4) : x, nibble);
            __m128i neg = _mm_or_si128(sign, one); /* never zero: sign_epi8 would clear */
            col[3 * j] = _mm_sign_epi8(_mm_shuffle_epi8(a, index), neg);
            col[3 * j + 1] = _mm_sign_epi8(_mm_shuffle_epi8(b, index), neg);
            col[3 * j + 2] = _mm_sign_epi8(_mm_shuffle_epi8(c, index), neg);
            sign = _mm_add_epi8(sign, sign);
        }
        for (int j = 0; j < 3; j++, dst += 32) put_tern_pair(dst, col[2 * j], col[2 * j + 1]);
    }
}

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

static void unpack_scales(struct panel *p, int g0, const struct lutra_mat *m, const uint8_t *unit)
{
    switch (m->scales) {
    case LUTRA_SCALE_F16_MIN:
        put_scales(p, g0, m, unit, LUTRA_SCALE_F16_MIN);
        break;
    case LUTRA_SCALE_SUB:
        put_scales(p, g0, m, unit, LUTRA_SCALE_SUB);
        break;
    case LUTRA_SCALE_SUB_MIN:
        put_scales(p, g0, m, unit, LUTRA_SCALE_SUB_MIN);
        break;
    case LUTRA_SCALE_SUB_MIN4:
        put_scales(p, g0, m, unit, LUTRA_SCALE_SUB_MIN4);
        break;
    default:
        put_scales(p, g0, m, unit, LUTRA_SCALE_F16);
        break;
    }
}

/* Unpack columns [k, k + result) of a tile; k is where the last run ended. */
static int panel_fill(struct panel *p, const struct lutra_mat *m, const uint8_t *tile, int k)
{
    const bool tern = m->kind == LUTRA_MAT_TERN;
    int run = tern ? PANEL_TERN * LUTRA_TERN_K : PANEL_K;
    const uint8_t *unit = tile + (size_t)(k / m->unit_k) * m->unit_bytes;
    int end = tern ? lutra_tern_k_pad(m->n_cols) : m->n_cols;
    run = end - k < run ? end - k : run;
    if (tern) unit += 4 * LUTRA_TERN_ROWS;
    for (int i = 0; i < run; i += m->unit_k, unit += m->unit_bytes) {
        const uint8_t *codes = unit + m->scale_bytes;
        x128_prefetch(unit, m->unit_bytes);
        if (tern) {
            for (int h = 0; h < 2; h++) unpack_tern(p->codes[h] + 16 * i, codes + 16 * h);
            continue;
        }
        unpack_scales(p, i / m->group, m, unit);
        if (m->kind == LUTRA_MAT_I8)
            unpack_i8(p->codes[0] + 16 * i, codes, m->unit_k);
        else
            unpack_planes(p->codes[0] + 16 * i, codes, m->bits, m->offset, m->unit_k);
    }
    return run;
}

#endif
