/* SPDX-License-Identifier: MIT */
/* A run of columns of one tile unpacked for integer dots: what strip_avx2.h multiplies.
 *
 *   bytes   [half][quad][16 rows][4] uint8: weight plus panel_zero of columns 4*quad ..., rows in
 * order; maddubs_epi16 or vpdpbusd with four signed bytes in every lane adds four columns of 8 rows.
 * Woven, a quad is columns 2*i, 2*i + 1 of a group of 16 and of the next one.
 * TERN: half 0 holds rows 0-3 16-19 4-7 20-23, half 1 the rows that are 8 greater
 *   wide    [half][pair][16 rows][2] int16: the weights of columns 2*pair, 2*pair+1 where bytes do
 * not do; madd_epi16 with one pair of activation codes in every lane adds two columns of 8 rows
 *   d       [half][group][16 rows] float, m [group][16 rows] float; of runs of groups d and -dmin
 *
 * PLANES, I8 and BOOK tiles have one half of 16 rows, TERN tiles and PLANES of one bit two. */
#ifndef LUTRA_KERNELS_X86_PANEL_AVX2_H
#define LUTRA_KERNELS_X86_PANEL_AVX2_H

#include "kernels/x86/dense_x86.h"
#include "kernels/x86/panel_cols.h"

struct panel {
    uint8_t bytes[2][PANEL_K * 16];
    int16_t wide[2][PANEL_K * 16];
    float d[2][PANEL_GROUPS][16];
    float m[PANEL_GROUPS][16];
    int32_t sc[PANEL_GROUPS][16]; /* sc twice as int16: see panel_put_sc */
};

/* Are sums of groups weighed and added up before they become floats? */
static bool has_runs(const struct lutra_mat *m)
{
    return m->run > m->group;
}

/* Do lanes of int16 sum up two groups side by side, so that one madd weighs both? Strips take what
 * has_runs of 16 columns so, else every fourth instruction would be for joining and weighing. */
static bool woven(const struct lutra_mat *m)
{
    return SUMS16 && has_runs(m) && m->group == 16;
}

/* Are sc multiplied into the bytes, so that a run is one sum? With int32 lanes and bytes that hold it: 3 * 15
 * of two bits, 124 + (q - 4) * sc = 0 .. 252 of three. Also in strips alone. */
static bool folds(const struct lutra_mat *m)
{
    return !SUMS16 && has_runs(m) && m->group == 16;
}

/* The byte that stands for a weight of zero. */
static int panel_zero(const struct lutra_mat *m)
{
    int least = 0;
    if (folds(m)) return m->bits == 3 ? 124 : 0;
    if (m->kind == LUTRA_MAT_TERN) return 1;
    if (m->kind == LUTRA_MAT_I8) return 128;
    if (m->kind != LUTRA_MAT_BOOK) return m->offset;
    for (int i = 0; i < 16; i++)
        if (m->book[i] < least) least = m->book[i];
    return -least;
}

/* Columns c and c + 4 of an octet, all slots, as low and high nibble of int16, times 2^c: each plane
 * pair gives two bits, weighted by maddubs. */
X86_INLINE __m256i two_columns(const __m256i *pair, int pairs, __m256i last, __m256i last_weight,
                               bool odd, int c)
{
    const __m256i mask = _mm256_set1_epi8((char)(0x11 << c));
    __m256i sum = _mm256_setzero_si256();
    for (int p = 0; p < pairs; p++) {
        const __m256i weights = _mm256_set1_epi16((int16_t)(0x0201 << 2 * p));
        __m256i bits = _mm256_maddubs_epi16(_mm256_and_si256(pair[p], mask), weights);
        sum = p ? _mm256_add_epi16(sum, bits) : bits;
    }
    if (odd)
        sum =
            _mm256_add_epi16(sum, _mm256_maddubs_epi16(_mm256_and_si256(last, mask), last_weight));
    return sum;
}

/* An octet of at most four planes: rows[i] has four bytes of each of eight rows, byte j columns j
 * and j + 4 as low and high nibble. */
X86_INLINE void octet_nibbles(__m256i rows[2], const __m256i *pair, int pairs, __m256i last,
                              __m256i last_weight, bool odd)
{
    __m256i e[4];
    for (int c = 0; c < 4; c++) e[c] = two_columns(pair, pairs, last, last_weight, odd, c);
    __m256i ab = _mm256_or_si256(e[0], _mm256_slli_epi16(e[1], 7));
    __m256i cd = _mm256_or_si256(_mm256_srli_epi16(e[2], 2), _mm256_slli_epi16(e[3], 5));
    rows[0] = _mm256_unpacklo_epi16(ab, cd);
    rows[1] = _mm256_unpackhi_epi16(ab, cd);
}

X86_INLINE void unpack_steps(uint8_t *dst, const uint8_t *codes, int bits, int n_cols)
{
    const __m256i nibble = _mm256_set1_epi8(15), none = _mm256_setzero_si256();
    const int pairs = bits / 2, low = bits < 4 ? pairs : 2;
    for (int k = 0; k < n_cols; k += LUTRA_STEP_K, codes += 32 * bits) {
        for (int o = 0; o < 2; o++, dst += 128) {
            __m256i pair[3], last = none, rows[2], top[2];
            /* even bytes of the last plane are octet 0, odd bytes octet 1 */
            __m256i weight = _mm256_set1_epi16((int16_t)((bits & 1) << (bits & 2) << 8 * o));
            for (int p = 0; p < pairs; p++) pair[p] = x86_load(codes + 32 * (o * pairs + p));
            if (bits & 1) last = x86_load(codes + 64 * pairs);
            octet_nibbles(rows, pair, low, last, weight, bits == 3);
            if (bits > 4) octet_nibbles(top, pair + 2, pairs - 2, last, weight, bits == 5);
            for (int i = 0; i < 2; i++) {
                __m256i first = _mm256_and_si256(rows[i], nibble);
                __m256i second = _mm256_and_si256(_mm256_srli_epi16(rows[i], 4), nibble);
                if (bits > 4) {
                    __m256i up = _mm256_and_si256(top[i], nibble);
                    first = _mm256_or_si256(first, _mm256_slli_epi16(up, 4));
                    second = _mm256_or_si256(second, _mm256_andnot_si256(nibble, top[i]));
                }
                _mm256_store_si256((__m256i *)(dst + 32 * i), first);
                _mm256_store_si256((__m256i *)(dst + 64 + 32 * i), second);
            }
        }
    }
}

/* A quad of a group of 16 and the same of the next one: see woven. */
X86_INLINE void weave_quads(__m256i q[2])
{
    const __m256i a = q[0], b = q[1];
    q[0] = _mm256_blend_epi16(a, _mm256_slli_epi32(b, 16), 0xAA);
    q[1] = _mm256_blend_epi16(_mm256_srli_epi32(a, 16), b, 0xAA);
}

/* DENSE: each part in its place; 32 columns at a time. */
X86_INLINE void unpack_parts(uint8_t *dst, const uint8_t *codes, int bits, int n_cols, bool weave)
{
    const int step = weave ? 64 : 256; /* from a quad of 16 columns to that of the next ones */
    for (int k = 0; k < n_cols; k += LUTRA_DENSE_K, codes += 64 * bits, dst += 512) {
        X86_UNROLL
        for (int i = 0; i < 8; i++) {
            const int quad = i / 2, side = i % 2;
            uint8_t *to = dst + 32 * side + (weave ? 128 : 64) * quad;
            __m256i q[2] = {x86_dense_quad(codes, bits, 0, quad, side),
                            x86_dense_quad(codes, bits, 1, quad, side)};
            if (weave) weave_quads(q);
            _mm256_store_si256((__m256i *)to, q[0]);
            _mm256_store_si256((__m256i *)(to + step), q[1]);
        }
    }
}

static void unpack_dense(uint8_t *dst, const uint8_t *codes, int bits, int n_cols, bool weave)
{
    switch (bits) {
    case 2:
        if (weave)
            unpack_parts(dst, codes, 2, n_cols, true);
        else
            unpack_parts(dst, codes, 2, n_cols, false);
        break;
    case 3:
        if (weave)
            unpack_parts(dst, codes, 3, n_cols, true);
        else
            unpack_parts(dst, codes, 3, n_cols, false);
        break;
    case 4:
        unpack_parts(dst, codes, 4, n_cols, false);
        break;
    case 5:
        unpack_parts(dst, codes, 5, n_cols, false);
        break;
    default:
        unpack_parts(dst, codes, 6, n_cols, false);
        break;
    }
}

/* Bytes of a unit, two groups of 16 columns side by side: see woven. */
static void weave_bytes(uint8_t *bytes)
{
    for (int k = 0; k < PANEL_K; k += 32, bytes += 512)
        for (int side = 0; side < 2; side++) {
            __m256i *q = (__m256i *)(bytes + 32 * side), two[4][2];
            X86_UNROLL
            for (int i = 0; i < 4; i++) {
                two[i][0] = _mm256_load_si256(q + 2 * i);
                two[i][1] = _mm256_load_si256(q + 2 * i + 8);
            }
            X86_UNROLL
            for (int i = 0; i < 4; i++) {
                weave_quads(two[i]);
                _mm256_store_si256(q + 4 * i, two[i][0]);
                _mm256_store_si256(q + 4 * i + 2, two[i][1]);
            }
        }
}

/* sc of a group of a unit that has_runs, or mn, as int16; unpacklo and unpackhi leave rows 0-7 and 8-15 in
 * order. */
X86_INLINE __m256i panel_sc(const struct lutra_mat *m, const uint8_t *unit, int g, bool min)
{
    __m128i b = x86_sub_bytes(m->scales, unit, g, min);
    __m256i w = m->scales == LUTRA_SCALE_SUB ? _mm256_cvtepi8_epi16(b) : _mm256_cvtepu8_epi16(b);
    return _mm256_permute4x64_epi64(w, 0xD8);
}

/* Bytes of a unit with sc in them: see folds. They become zero + (q - offset) * sc. A word of two is
 * multiplied as one: (256 * b + a) * sc + 257 * c = 256 * (b * sc + c) + (a * sc + c), and neither sum leaves
 * its byte. */
static void fold_bytes(uint8_t *bytes, const struct lutra_mat *m, const uint8_t *unit, int zero)
{
    const __m256i z = _mm256_set1_epi16((int16_t)zero), offset = _mm256_set1_epi16((int16_t)m->offset);
    for (int g = 0; g < PANEL_K / 16; g++, bytes += 256) {
        const __m256i w = panel_sc(m, unit, g, false);
        const __m256i sc[2] = {_mm256_unpacklo_epi16(w, w), _mm256_unpackhi_epi16(w, w)};
        for (int side = 0; side < 2; side++) {
            __m256i c = _mm256_sub_epi16(z, _mm256_mullo_epi16(sc[side], offset));
            c = _mm256_add_epi16(c, _mm256_slli_epi16(c, 8));
            for (int i = 0; i < 4; i++) {
                __m256i *q = (__m256i *)(bytes + 64 * i + 32 * side);
                *q = _mm256_add_epi16(_mm256_mullo_epi16(*q, sc[side]), c);
            }
        }
    }
}

static void unpack_planes(uint8_t *dst, const uint8_t *codes, int bits, int n_cols)
{
    switch (bits) {
    case 2:
        unpack_steps(dst, codes, 2, n_cols);
        break;
    case 3:
        unpack_steps(dst, codes, 3, n_cols);
        break;
    case 4:
        unpack_steps(dst, codes, 4, n_cols);
        break;
    case 5:
        unpack_steps(dst, codes, 5, n_cols);
        break;
    default:
        unpack_steps(dst, codes, 6, n_cols);
        break;
    }
}

/* Columns a, b, c, d of 32 rows (bytes) as a quad of both halves. */
X86_INLINE void put_quad(struct panel *p, int quad, const __m256i *col)
{
    for (int half = 0; half < 2; half++) {
        __m256i ab = half ? _mm256_unpackhi_epi8(col[0], col[1])
                          : _mm256_unpacklo_epi8(col[0], col[1]);
        __m256i cd = half ? _mm256_unpackhi_epi8(col[2], col[3])
                          : _mm256_unpacklo_epi8(col[2], col[3]);
        __m256i *dst = (__m256i *)(p->bytes[half] + 64 * quad);
        _mm256_store_si256(dst, _mm256_unpacklo_epi16(ab, cd));
        _mm256_store_si256(dst + 1, _mm256_unpackhi_epi16(ab, cd));
    }
}

/* One bit, 32 rows: bytes 0, 2. Their slots (bit_avx2.c) leave rows in order. */
static void unpack_bits(struct panel *p, int quad, const uint8_t *codes, int n_cols)
{
    const __m256i two = _mm256_set1_epi8(2);
    for (int k = 0; k < n_cols; k += 8, codes += 32) {
        __m256i x = x86_load(codes);
        for (int c = 0; c < 8; c += 4, quad++) {
            __m256i col[4];
            for (int i = 0; i < 4; i++) {
                __m256i at1 = c + i ? _mm256_srli_epi16(x, c + i - 1) : _mm256_add_epi8(x, x);
                col[i] = _mm256_and_si256(at1, two);
            }
            put_quad(p, quad, col);
        }
    }
}

/* Pairs of signed bytes. */
static void unpack_i8(uint8_t *dst, const uint8_t *codes, int n_cols)
{
    const __m256i flip = _mm256_set1_epi8((char)0x80);
    for (int k = 0; k < n_cols; k += 4, codes += 64, dst += 64) {
        __m256i a = _mm256_xor_si256(x86_load(codes), flip);
        __m256i b = _mm256_xor_si256(x86_load(codes + 32), flip);
        __m256i lo = _mm256_unpacklo_epi16(a, b); /* rows 0-3, 8-11 */
        __m256i hi = _mm256_unpackhi_epi16(a, b); /* rows 4-7, 12-15 */
        _mm256_store_si256((__m256i *)dst, _mm256_permute2x128_si256(lo, hi, 0x20));
        _mm256_store_si256((__m256i *)(dst + 32), _mm256_permute2x128_si256(lo, hi, 0x31));
    }
}

static void unpack_book(uint8_t *dst, const uint8_t *codes, const int8_t *values, int zero,
                        int n_cols)
{
    const __m256i book = _mm256_add_epi8(x86_load_twice(values), _mm256_set1_epi8((char)zero));
    const __m256i order = _mm256_broadcastsi128_si256(
        _mm_setr_epi8(0, 2, 1, 3, 4, 6, 5, 7, 8, 10, 9, 11, 12, 14, 13, 15));
    const __m256i low = _mm256_set1_epi8(15);
    for (int k = 0; k < n_cols; k += 8, codes += 64, dst += 128)
        for (int side = 0; side < 2; side++) {
            __m256i x = _mm256_shuffle_epi8(x86_load(codes + 32 * side), order);
            __m256i a = _mm256_and_si256(x, low); /* columns 0 1 4 5, then 2 3 6 7 */
            __m256i b = _mm256_and_si256(_mm256_srli_epi16(x, 4), low);
            a = _mm256_shuffle_epi8(book, a);
            b = _mm256_shuffle_epi8(book, b);
            _mm256_store_si256((__m256i *)(dst + 32 * side),
                               _mm256_blend_epi16(a, _mm256_slli_epi32(b, 16), 0xAA));
            _mm256_store_si256((__m256i *)(dst + 64 + 32 * side),
                               _mm256_blend_epi16(_mm256_srli_epi32(a, 16), b, 0xAA));
        }
}

/* 24 columns of 32 rows as bytes 0, 1, 2; quad0 = the panel's quad of the first four. */
static void unpack_trits(struct panel *p, int quad0, const uint8_t *src)
{
    /* balanced digits of the indices 0..13 */
    const __m128i ta = _mm_setr_epi8(0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0, 0);
    const __m128i tb = _mm_setr_epi8(0, 0, 1, 1, 1, -1, -1, -1, 0, 0, 0, 1, 1, 1, 0, 0);
    const __m128i tc = _mm_setr_epi8(0, 1, -1, 0, 1, -1, 0, 1, -1, 0, 1, -1, 0, 1, 0, 0);
    const __m256i digits[3] = {_mm256_broadcastsi128_si256(ta), _mm256_broadcastsi128_si256(tb),
                               _mm256_broadcastsi128_si256(tc)};
    const __m256i nibble = _mm256_set1_epi8(15), one = _mm256_set1_epi8(1);
    __m256i sign = x86_load(src);
    src += 32;
    for (int k = 0; k < LUTRA_TERN_K; k += 12, quad0 += 3, src += 64) {
        __m256i col[12];
        X86_UNROLL
        for (int i = 0; i < 4; i++) {
            __m256i x = x86_load(src + 32 * (i / 2));
            __m256i index = _mm256_and_si256(i & 1 ? _mm256_srli_epi16(x, 4) : x, nibble);
            __m256i neg = _mm256_or_si256(sign, one); /* never zero: sign_epi8 would clear */
            X86_UNROLL
            for (int j = 0; j < 3; j++) {
                __m256i d = _mm256_sign_epi8(_mm256_shuffle_epi8(digits[j], index), neg);
                col[3 * i + j] = _mm256_add_epi8(d, one);
            }
            sign = _mm256_add_epi8(sign, sign);
        }
        X86_UNROLL
        for (int i = 0; i < 3; i++) put_quad(p, quad0 + i, col + 4 * i);
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

/* For panel_widen. */
static void panel_put_sc(struct panel *p, const struct lutra_mat *m, const uint8_t *unit)
{
    for (int g = 0; g < m->unit_k / m->group; g++) {
        __m256i w = panel_sc(m, unit, g, false);
        _mm256_store_si256((__m256i *)p->sc[g], _mm256_unpacklo_epi16(w, w));
        _mm256_store_si256((__m256i *)p->sc[g] + 1, _mm256_unpackhi_epi16(w, w));
    }
}

/* d and -dmin of the runs of a unit that has_runs. */
static void put_run_scales(struct panel *p, const struct lutra_mat *m, const uint8_t *unit)
{
    struct x86_rows d = x86_halves(unit), min = x86_neg(x86_halves(unit + 32));
    for (int r = 0; r < m->unit_k / m->run; r++) {
        _mm256_store_ps(p->d[0][r], d.lo);
        _mm256_store_ps(p->d[0][r] + 8, d.hi);
        _mm256_store_ps(p->m[r], min.lo); /* of use only if there are minima */
        _mm256_store_ps(p->m[r] + 8, min.hi);
    }
}

/* Quads [q, end) of a half, bytes as weights of 16 bits, times sc of x's and y's columns (or 1): the two that
 * x has become pair `x` + i * step, the other two pair `y` + i * step. */
X86_INLINE void widen_quads(struct panel *p, int half, int q, int end, int x, int y, int step, __m256i zero,
                            const int32_t *x_sc, const int32_t *y_sc)
{
    const __m256i low = _mm256_broadcastsi128_si256(
        _mm_setr_epi8(0, -1, 1, -1, 4, -1, 5, -1, 8, -1, 9, -1, 12, -1, 13, -1));
    for (; q < end; q++, x += step, y += step)
        for (int side = 0; side < 2; side++) {
            __m256i a = x86_load(p->bytes[half] + 64 * q + 32 * side), b = _mm256_srli_epi32(a, 16);
            a = _mm256_sub_epi16(_mm256_shuffle_epi8(a, low), zero);
            b = _mm256_sub_epi16(_mm256_shuffle_epi8(b, low), zero);
            if (x_sc) {
                a = _mm256_mullo_epi16(a, x86_load(x_sc + 8 * side));
                b = _mm256_mullo_epi16(b, x86_load(y_sc + 8 * side));
            }
            _mm256_store_si256((__m256i *)(p->wide[half] + 32 * x) + side, a);
            _mm256_store_si256((__m256i *)(p->wide[half] + 32 * y) + side, b);
        }
}

/* Bytes as weights of 16 bits; times sc, unless that is in them, where groups make runs: at most 31 * 63. */
static void panel_widen(struct panel *p, const struct lutra_mat *m, int run)
{
    const __m256i zero = _mm256_set1_epi16((int16_t)panel_zero(m));
    const int quads = m->group / 4;
    if (!has_runs(m) || folds(m)) {
        for (int half = 0; half < m->tile_rows / 16; half++)
            widen_quads(p, half, 0, run / 4, 0, 1, 2, zero, NULL, NULL);
    } else if (woven(m)) {
        for (int g = 0, q = 0; q < run / 4; g += 2, q += 8)
            widen_quads(p, 0, q, q + 8, 2 * q, 2 * q + 8, 1, zero, p->sc[g], p->sc[g + 1]);
    } else {
        for (int g = 0, q = 0; q < run / 4; g++, q += quads)
            widen_quads(p, 0, q, q + quads, 2 * q, 2 * q + 1, 2, zero, p->sc[g], p->sc[g]);
    }
}

/* A run of so many columns has so many bytes. */
static size_t panel_bytes(const struct lutra_mat *m, int run)
{
    return (size_t)(run / m->unit_k) * m->unit_bytes;
}

/* Unpack `run` columns that start at `unit` into bytes and scales; as strips take them if `runs`, else bytes
 * are in order and scales are those of groups. */
static void panel_fill(struct panel *p, const struct lutra_mat *m, const uint8_t *unit, int run, bool runs)
{
    const int zero = panel_zero(m);
    for (int i = 0; i < run; i += m->unit_k, unit += m->unit_bytes) {
        const uint8_t *codes = unit + m->scale_bytes;
        uint8_t *dst = p->bytes[0] + 16 * i;
        if (m->kind == LUTRA_MAT_TERN) {
            unpack_trits(p, i / 4, codes);
            continue;
        }
        if (m->bits == 1) {
            put_bit_scales(p, i / m->group, unit);
            unpack_bits(p, i / 4, codes, m->unit_k);
            continue;
        }
        if (runs && has_runs(m))
            put_run_scales(p, m, unit);
        else
            unpack_scales(p, i / m->group, m, unit);
        if (m->kind == LUTRA_MAT_I8)
            unpack_i8(dst, codes, m->unit_k);
        else if (m->kind == LUTRA_MAT_BOOK)
            unpack_book(dst, codes, m->book, zero, m->unit_k);
        else if (m->kind == LUTRA_MAT_DENSE)
            unpack_dense(dst, codes, m->bits, m->unit_k, runs && woven(m));
        else
            unpack_planes(dst, codes, m->bits, m->unit_k);
        if (runs && woven(m) && m->kind != LUTRA_MAT_DENSE) weave_bytes(dst);
        if (runs && folds(m)) fold_bytes(dst, m, unit, zero);
    }
    for (int half = 0; run % 16 && half < 2; half++) /* TERN: dot_quads takes 16 columns at once */
        memset(p->bytes[half] + 16 * run, 0, 128);
}

#endif
