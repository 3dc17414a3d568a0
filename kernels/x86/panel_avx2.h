/* SPDX-License-Identifier: MIT */
/* A run of columns of one tile unpacked for integer dots: what strip_avx2.h multiplies.
 *
 *   codes   [half][pair][16 rows][2] int16: code minus offset of columns 2*pair, 2*pair+1, rows in
 * order; madd_epi16 with one pair of activation codes in every lane adds two columns of 8 rows
 *   trits   [half][quad][16 rows][4] uint8, in the place of codes: TERN, weight plus one of columns
 * 4*quad ...; maddubs_epi16 with four signed bytes in every lane adds four columns of 8 rows. Half
 * 0 holds rows 0-3 16-19 4-7 20-23, half 1 the rows that are 8 greater
 *   d       [half][group][16 rows] float, m [group][16 rows] float
 *
 * PLANES, I8 and BOOK tiles have one half of 16 rows, TERN tiles and PLANES of one bit two. */
#ifndef LUTRA_KERNELS_X86_PANEL_AVX2_H
#define LUTRA_KERNELS_X86_PANEL_AVX2_H

#include "kernels/x86/x86.h"

enum {
    PANEL_K = 256,  /* columns at most: 8 KB of codes stay in L1 while the vectors pass */
    PANEL_TERN = 10, /* units of 24 columns in a run: 240 */
    PANEL_GROUPS = 16
};

struct panel {
    union {
        int16_t codes[2][PANEL_K * 16];
        uint8_t trits[2][PANEL_K * 16];
    };
    float d[2][PANEL_GROUPS][16];
    float m[PANEL_GROUPS][16];
};

/* Columns 2*pair and 2*pair+1 in slot order -> 32 int16 in row order. */
X86_INLINE void put_pair(int16_t *dst, __m256i even, __m256i odd)
{
    _mm256_store_si256((__m256i *)dst, _mm256_unpacklo_epi16(even, odd));
    _mm256_store_si256((__m256i *)(dst + 16), _mm256_unpackhi_epi16(even, odd));
}

/* Column c of an octet, all slots: each plane pair gives two bits, weighted by maddubs, all at bit
 * c. */
X86_INLINE __m256i plane_column(const __m256i *pair, int pairs, __m256i last, __m256i last_weight,
                                bool odd, int c)
{
    const __m256i mask = _mm256_set1_epi8((char)(1 << c));
    __m256i sum = _mm256_setzero_si256();
    for (int p = 0; p < pairs; p++) {
        const __m256i weights = _mm256_set1_epi16((int16_t)(0x0201 << 2 * p));
        __m256i bits = _mm256_maddubs_epi16(_mm256_and_si256(pair[p], mask), weights);
        sum = p ? _mm256_add_epi16(sum, bits) : bits;
    }
    if (odd)
        sum =
            _mm256_add_epi16(sum, _mm256_maddubs_epi16(_mm256_and_si256(last, mask), last_weight));
    return _mm256_srli_epi16(sum, c);
}

/* Rows 0-3, 8-11, 4-7, 12-15 of a half, two columns in turn. */
X86_INLINE void put_bit_pair(int16_t *dst, __m256i bytes)
{
    bytes = _mm256_permute4x64_epi64(bytes, 0xD8);
    __m128i lo = _mm256_castsi256_si128(bytes), hi = _mm256_extracti128_si256(bytes, 1);
    _mm256_store_si256((__m256i *)dst, _mm256_cvtepi8_epi16(lo));
    _mm256_store_si256((__m256i *)(dst + 16), _mm256_cvtepi8_epi16(hi));
}

X86_INLINE void unpack_steps(int16_t *dst, const uint8_t *codes, int bits, int offset, int n_cols)
{
    const __m256i off = _mm256_set1_epi16((int16_t)offset);
    const int pairs = bits / 2;
    for (int k = 0; k < n_cols; k += LUTRA_STEP_K, codes += 32 * bits) {
        for (int o = 0; o < 2; o++) {
            __m256i pair[3], last = _mm256_setzero_si256();
            /* even bytes of the last plane are octet 0, odd bytes octet 1 */
            __m256i weight = _mm256_set1_epi16((int16_t)(1 << (bits - 1) << 8 * o));
            for (int p = 0; p < pairs; p++) pair[p] = x86_load(codes + 32 * (o * pairs + p));
            if (bits & 1) last = x86_load(codes + 64 * pairs);
            for (int c = 0; c < 8; c += 2, dst += 32) {
                __m256i a = plane_column(pair, pairs, last, weight, bits & 1, c);
                __m256i b = plane_column(pair, pairs, last, weight, bits & 1, c + 1);
                put_pair(dst, _mm256_sub_epi16(a, off), _mm256_sub_epi16(b, off));
            }
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

/* One bit, 32 rows: codes -1, +1. Bytes of two columns are interleaved; slots as in bit_avx2.c. */
static void unpack_bits(struct panel *p, int pair, const uint8_t *codes, int n_cols)
{
    const __m256i zero = _mm256_setzero_si256(), one = _mm256_set1_epi8(1);
    for (int k = 0; k < n_cols; k += 8, codes += 32) {
        __m256i x = x86_load(codes);
        for (int c = 0; c < 8; c += 2, pair++) {
            __m256i even = _mm256_and_si256(x, _mm256_set1_epi8((char)(1 << c)));
            __m256i odd = _mm256_and_si256(x, _mm256_set1_epi8((char)(2 << c)));
            even = _mm256_or_si256(_mm256_cmpeq_epi8(even, zero), one);
            odd = _mm256_or_si256(_mm256_cmpeq_epi8(odd, zero), one);
            put_bit_pair(p->codes[0] + 32 * pair, _mm256_unpacklo_epi8(even, odd));
            put_bit_pair(p->codes[1] + 32 * pair, _mm256_unpackhi_epi8(even, odd));
        }
    }
}

static void unpack_i8(int16_t *dst, const uint8_t *codes, int n_cols)
{
    for (int i = 0; i < 16 * n_cols; i += 16) {
        __m128i b = _mm_loadu_si128((const __m128i *)(codes + i));
        _mm256_store_si256((__m256i *)(dst + i), _mm256_cvtepi8_epi16(b));
    }
}

static void unpack_book(int16_t *dst, const uint8_t *codes, const int8_t *values, int n_cols)
{
    const __m256i book = x86_load_twice(values);
    for (int k = 0; k < n_cols; k += 8, codes += 64, dst += 128)
        for (int side = 0; side < 2; side++) {
            __m256i w[4];
            x86_book_pairs(w, book, codes + 32 * side);
            for (int i = 0; i < 4; i++)
                _mm256_store_si256((__m256i *)(dst + 32 * i + 16 * side), w[i]);
        }
}

/* Two columns of 32 rows (bytes) as a pair of both halves. */
X86_INLINE void put_tern_pair(struct panel *p, int pair, __m256i even, __m256i odd)
{
    __m256i lo = _mm256_unpacklo_epi8(even, odd); /* rows 0-7, 16-23 */
    __m256i hi = _mm256_unpackhi_epi8(even, odd); /* rows 8-15, 24-31 */
    __m256i *first = (__m256i *)(p->codes[0] + 32 * pair);
    __m256i *second = (__m256i *)(p->codes[1] + 32 * pair);
    _mm256_store_si256(first, _mm256_cvtepi8_epi16(_mm256_castsi256_si128(lo)));
    _mm256_store_si256(first + 1, _mm256_cvtepi8_epi16(_mm256_castsi256_si128(hi)));
    _mm256_store_si256(second, _mm256_cvtepi8_epi16(_mm256_extracti128_si256(lo, 1)));
    _mm256_store_si256(second + 1, _mm256_cvtepi8_epi16(_mm256_extracti128_si256(hi, 1)));
}

/* 24 columns of 32 rows as bytes -1, 0, 1. */
X86_INLINE void tern_columns(__m256i *col, const uint8_t *src)
{
    /* balanced digits of the indices 0..13 */
    const __m128i ta = _mm_setr_epi8(0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0, 0);
    const __m128i tb = _mm_setr_epi8(0, 0, 1, 1, 1, -1, -1, -1, 0, 0, 0, 1, 1, 1, 0, 0);
    const __m128i tc = _mm_setr_epi8(0, 1, -1, 0, 1, -1, 0, 1, -1, 0, 1, -1, 0, 1, 0, 0);
    const __m256i a = _mm256_broadcastsi128_si256(ta), b = _mm256_broadcastsi128_si256(tb);
    const __m256i c = _mm256_broadcastsi128_si256(tc), nibble = _mm256_set1_epi8(15);
    const __m256i one = _mm256_set1_epi8(1);
    __m256i sign = x86_load(src);
    for (int i = 0; i < 4; i++) {
        __m256i x = x86_load(src + 32 + 32 * i);
        for (int j = 0; j < 2; j++, col += 3) {
            __m256i index = _mm256_and_si256(j ? _mm256_srli_epi16(x, 4) : x, nibble);
            __m256i neg = _mm256_or_si256(sign, one); /* never zero: sign_epi8 would clear */
            col[0] = _mm256_sign_epi8(_mm256_shuffle_epi8(a, index), neg);
            col[1] = _mm256_sign_epi8(_mm256_shuffle_epi8(b, index), neg);
            col[2] = _mm256_sign_epi8(_mm256_shuffle_epi8(c, index), neg);
            sign = _mm256_add_epi8(sign, sign);
        }
    }
}

/* pair0 = the panel's pair of the first two columns. */
static void unpack_tern(struct panel *p, int pair0, const uint8_t *src)
{
    __m256i col[LUTRA_TERN_K];
    tern_columns(col, src);
    for (int i = 0; i < LUTRA_TERN_K; i += 2) put_tern_pair(p, pair0 + i / 2, col[i], col[i + 1]);
}

/* The same as trits; quad0 = the panel's quad of the first four columns. */
static void unpack_trits(struct panel *p, int quad0, const uint8_t *src)
{
    const __m256i one = _mm256_set1_epi8(1);
    __m256i col[LUTRA_TERN_K];
    tern_columns(col, src);
    for (int i = 0; i < LUTRA_TERN_K; i += 4) {
        __m256i a = _mm256_add_epi8(col[i], one), b = _mm256_add_epi8(col[i + 1], one);
        __m256i c = _mm256_add_epi8(col[i + 2], one), d = _mm256_add_epi8(col[i + 3], one);
        for (int half = 0; half < 2; half++) {
            __m256i ab = half ? _mm256_unpackhi_epi8(a, b) : _mm256_unpacklo_epi8(a, b);
            __m256i cd = half ? _mm256_unpackhi_epi8(c, d) : _mm256_unpacklo_epi8(c, d);
            __m256i *dst = (__m256i *)(p->trits[half] + 64 * (quad0 + i / 4));
            _mm256_store_si256(dst, _mm256_unpacklo_epi16(ab, cd));
            _mm256_store_si256(dst + 1, _mm256_unpackhi_epi16(ab, cd));
        }
    }
}

/* Scales of one unit into groups g0, g0+1, ... of the panel. `kind` is a constant of the caller. */
X86_INLINE void put_scales(struct panel *p, int g0, const struct lutra_mat *m, const uint8_t *unit,
                           enum lutra_scale_kind kind)
{
    struct x86_rows d = x86_halves(unit);
    struct x86_rows dmin = x86_has_min(kind) ? x86_halves(unit + 32) : d;
    for (int g = 0; g < m->unit_k / m->group; g++) {
        struct x86_rows r = x86_group_d(kind, unit, g, d);
        _mm256_store_ps(p->d[0][g0 + g], r.lo);
        _mm256_store_ps(p->d[0][g0 + g] + 8, r.hi);
        if (x86_has_min(kind)) {
            r = x86_group_m(kind, unit, g, dmin);
            _mm256_store_ps(p->m[g0 + g], r.lo);
            _mm256_store_ps(p->m[g0 + g] + 8, r.hi);
        }
    }
}

X86_INLINE void put_book_scales(struct panel *p, int g0, const struct lutra_mat *m,
                                const uint8_t *unit, enum lutra_scale_kind kind)
{
    const __m256 none = _mm256_setzero_ps();
    for (int g = 0; g < m->unit_k / m->group; g++)
        for (int side = 0; side < 2; side++)
            _mm256_store_ps(p->d[0][g0 + g] + 8 * side, x86_book_d(kind, unit, g, side, none));
}

/* One bit: one group, 32 rows. */
static void put_bit_scales(struct panel *p, int g, const uint8_t *unit)
{
    for (int half = 0; half < 2; half++) {
        struct x86_rows r = x86_halves(unit + 32 * half);
        _mm256_store_ps(p->d[half][g], r.lo);
        _mm256_store_ps(p->d[half][g] + 8, r.hi);
    }
}

static void unpack_scales(struct panel *p, int g0, const struct lutra_mat *m, const uint8_t *unit)
{
    switch (m->scales) {
    case LUTRA_SCALE_F16_MIN:
        put_scales(p, g0, m, unit, LUTRA_SCALE_F16_MIN);
        break;
    case LUTRA_SCALE_F16_EACH:
        put_book_scales(p, g0, m, unit, LUTRA_SCALE_F16_EACH);
        break;
    case LUTRA_SCALE_E8M0:
        put_book_scales(p, g0, m, unit, LUTRA_SCALE_E8M0);
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

/* Columns of a row, padding of TERN included, and how many of them a run from k on has. */
static int panel_end(const struct lutra_mat *m)
{
    return m->kind == LUTRA_MAT_TERN ? lutra_tern_k_pad(m->n_cols) : m->n_cols;
}

static int panel_run(const struct lutra_mat *m, int k)
{
    int run = m->kind == LUTRA_MAT_TERN ? PANEL_TERN * LUTRA_TERN_K : PANEL_K;
    int left = panel_end(m) - k;
    return left < run ? left : run;
}

static const uint8_t *panel_unit(const struct lutra_mat *m, const uint8_t *tile, int k)
{
    const uint8_t *unit = tile + (size_t)(k / m->unit_k) * m->unit_bytes;
    return m->kind == LUTRA_MAT_TERN ? unit + 4 * LUTRA_TERN_ROWS : unit;
}

/* Unpack `run` columns that start at `unit`; what lies `ahead` bytes further is fetched. */
static void panel_fill(struct panel *p, const struct lutra_mat *m, const uint8_t *unit, int run,
                       bool trits, ptrdiff_t ahead)
{
    for (int i = 0; i < run; i += m->unit_k, unit += m->unit_bytes) {
        const uint8_t *codes = unit + m->scale_bytes;
        for (size_t b = 0; b < m->unit_bytes; b += 64)
            _mm_prefetch((const char *)unit + ahead + b, _MM_HINT_T0);
        if (m->kind == LUTRA_MAT_TERN) {
            if (trits)
                unpack_trits(p, i / 4, codes);
            else
                unpack_tern(p, i / 2, codes);
            continue;
        }
        if (m->bits == 1) {
            put_bit_scales(p, i / m->group, unit);
            unpack_bits(p, i / 2, codes, m->unit_k);
            continue;
        }
        unpack_scales(p, i / m->group, m, unit);
        if (m->kind == LUTRA_MAT_I8)
            unpack_i8(p->codes[0] + 16 * i, codes, m->unit_k);
        else if (m->kind == LUTRA_MAT_BOOK)
            unpack_book(p->codes[0] + 16 * i, codes, m->book, m->unit_k);
        else
            unpack_planes(p->codes[0] + 16 * i, codes, m->bits, m->offset, m->unit_k);
    }
}

#endif
