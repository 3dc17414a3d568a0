/* SPDX-License-Identifier: MIT */
/* A run of columns of 32 rows unpacked for integer dots: what mm_avx512.c and, narrowed to bytes,
 * mm_amx.c multiply.
 *
 *   codes   [half][pair][16 rows][2] int16: code minus offset of columns 2*pair, 2*pair+1;
 *           vpdpwssd with one pair of activation codes in every lane adds two columns of 16 rows
 *   d, m    [half][group][16 rows] float
 *
 * The halves are two tiles of 16 rows, or those of one tile of 32 (one bit). */
#ifndef LUTRA_KERNELS_X86_PANEL_AVX512_H
#define LUTRA_KERNELS_X86_PANEL_AVX512_H

#include "kernels/x86/x512.h"

enum {
    PANEL_K = 256, /* columns at most: 16 KB of codes stay in L1 while the vectors pass */
    PANEL_GROUPS = 16
};

struct panel {
    int16_t codes[2][PANEL_K * 16];
    float d[2][PANEL_GROUPS][16];
    float m[2][PANEL_GROUPS][16];
};

/* ---- PLANES: vpermd as a table from bits to two codes ---- */

/* Entry n: bits 0, 2 of n are two planes of a column, bits 1, 3 of the next. */
X512_INLINE __m512i pair_table(int weight, int offset)
{
    int16_t t[32];
    for (int n = 0; n < 16; n++) {
        t[2 * n] = (int16_t)(weight * ((n & 1) + (n >> 2 & 1) * 2) - offset);
        t[2 * n + 1] = (int16_t)(weight * ((n >> 1 & 1) + (n >> 3 & 1) * 2) - offset);
    }
    return x512_load(t);
}

/* One plane alone: bits 0, 1; the others do not matter. */
X512_INLINE __m512i plane_table(int weight)
{
    int16_t t[32];
    for (int n = 0; n < 32; n++) t[n] = (int16_t)(weight * (n / 2 >> (n & 1) & 1));
    return x512_load(t);
}

/* Words of two plane bytes -> nibbles of two planes of two columns: columns 0-1, 4-5, 2-3, 6-7. */
X512_INLINE __m512i mix_planes(__m512i x)
{
    __m512i moved =
        x512_select(_mm512_set1_epi16(0xff), _mm512_srli_epi16(x, 6), _mm512_slli_epi16(x, 6));
    return x512_select(_mm512_set1_epi16((short)0xcc33), x, moved);
}

/* Entries of the table at the 4 bits from `at` on of each row's lane. */
X512_INLINE __m512i look(__m512i table, __m512i x, int at)
{
    return _mm512_permutexvar_epi32(_mm512_srli_epi32(x, (unsigned)at), table);
}

struct step {
    __m512i planes[2]; /* 4 bits or more: planes 0-3 of octets 0, 1; else [0]: 0-1 of both */
    __m512i third;     /* planes 4-5 of both octets */
    __m512i last;      /* the last plane of both octets */
};

X512_INLINE struct step load_step(const uint8_t *codes, int bits)
{
    const int octet = bits / 2 * 32;
    struct step s = {{_mm512_setzero_si512(), _mm512_setzero_si512()},
                     _mm512_setzero_si512(),
                     _mm512_setzero_si512()};
    s.planes[0] = mix_planes(x512_rows_of(x512_load(codes)));
    if (bits >= 4) s.planes[1] = mix_planes(x512_rows_of(x512_load(codes + octet)));
    if (bits == 6)
        s.third = mix_planes(x512_rows_of(x512_load_halves(codes + 64, codes + octet + 64)));
    if (bits & 1) s.last = x512_rows_twice(x512_load_half(codes + 2 * octet));
    return s;
}

X512_INLINE void unpack_steps(int16_t *dst, const uint8_t *codes, int bits, int offset, int n_cols)
{
    const __m512i t01 = pair_table(1, offset), t23 = pair_table(4, 0), t45 = pair_table(16, 0);
    const __m512i top = plane_table(1 << (bits - 1));
    for (int k = 0; k < n_cols; k += LUTRA_STEP_K, codes += 32 * bits) {
        struct step s = load_step(codes, bits);
        X512_UNROLL
        for (int i = 0; i < 8; i++, dst += 32) { /* pair i % 4 of octet i / 4 */
            const int o = i / 4, at = (i & 1) * 8 + (i & 2) * 2;
            __m512i c = look(t01, s.planes[bits >= 4 ? o : 0], bits >= 4 ? at : at + 16 * o);
            if (bits >= 4) c = _mm512_add_epi16(c, look(t23, s.planes[o], at + 16));
            if (bits == 6) c = _mm512_add_epi16(c, look(t45, s.third, at + 16 * o));
            if (bits & 1) c = _mm512_add_epi16(c, look(top, s.last, 8 * o + 2 * (i & 3)));
            _mm512_store_si512(dst, c);
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

/* One bit, entry n: bits 0, 1 of n as codes of two columns. */
X512_INLINE __m512i bit_table(const struct lutra_mat *m)
{
    int16_t t[32];
    for (int n = 0; n < 32; n++) t[n] = (int16_t)(m->mul * (n / 2 >> (n & 1) & 1) - m->offset);
    return x512_load(t);
}

/* One unit of 32 rows; pair = the panel's pair of its first two columns. */
static void unpack_bits(struct panel *p, int pair, const struct lutra_mat *m, const uint8_t *unit)
{
    const __m512i table = bit_table(m);
    const uint8_t *codes = unit + m->scale_bytes;
    for (int half = 0; half < 2; half++)
        _mm512_store_ps(p->d[half][2 * pair / m->group], x512_halves(unit + 32 * half));
    for (int k = 0; k < m->unit_k; k += 8, codes += LUTRA_BIT_ROWS, pair += 4) {
        X512_UNROLL
        for (int half = 0; half < 2; half++) {
            int16_t *dst = p->codes[half] + 32 * pair;
            __m512i x = _mm512_permutexvar_epi8(x512_bit_order(half, 0), x512_load_half(codes));
            X512_UNROLL
            for (int i = 0; i < 4; i++) _mm512_store_si512(dst + 32 * i, look(table, x, 2 * i));
        }
    }
}

static void unpack_i8(int16_t *dst, const uint8_t *codes, int n_cols)
{
    for (int i = 0; i < 16 * n_cols; i += 32) {
        __m256i b = _mm256_loadu_si256((const __m256i *)(codes + i));
        _mm512_store_si512(dst + i, _mm512_cvtepi8_epi16(b));
    }
}

/* ---- scales ---- */

/* Scales of one unit into groups g0, g0+1, ... of a half. `kind` is a constant of the caller. */
X512_INLINE void put_scales(struct panel *p, int half, int g0, const struct lutra_mat *m,
                            const uint8_t *unit, enum lutra_scale_kind kind)
{
    const __m512 sign = _mm512_set1_ps(-0.0f);
    __m512 d = x512_halves(unit), dmin = x512_has_min(kind) ? x512_halves(unit + 32) : d;
    for (int g = 0; g < m->unit_k / m->group; g++) {
        _mm512_store_ps(p->d[half][g0 + g], x512_group_d(kind, unit, g, d));
        if (x512_has_min(kind)) {
            __m512 min = x512_group_min(kind, unit, g, dmin);
            if (kind != LUTRA_SCALE_F16_MIN) min = _mm512_xor_ps(min, sign);
            _mm512_store_ps(p->m[half][g0 + g], min);
        }
    }
}

static void unpack_scales(struct panel *p, int half, int g0, const struct lutra_mat *m,
                          const uint8_t *unit)
{
    switch (m->scales) {
    case LUTRA_SCALE_F16_MIN:
        put_scales(p, half, g0, m, unit, LUTRA_SCALE_F16_MIN);
        break;
    case LUTRA_SCALE_SUB:
        put_scales(p, half, g0, m, unit, LUTRA_SCALE_SUB);
        break;
    case LUTRA_SCALE_SUB_MIN:
        put_scales(p, half, g0, m, unit, LUTRA_SCALE_SUB_MIN);
        break;
    case LUTRA_SCALE_SUB_MIN4:
        put_scales(p, half, g0, m, unit, LUTRA_SCALE_SUB_MIN4);
        break;
    default:
        put_scales(p, half, g0, m, unit, LUTRA_SCALE_F16);
        break;
    }
}

/* ---- runs ---- */

/* Units of a run of n columns into one half (both, if one bit); `next` is fetched for later. */
static void panel_half(struct panel *p, int half, const struct lutra_mat *m, const uint8_t *unit,
                       const uint8_t *next, int n)
{
    for (int i = 0; i < n; i += m->unit_k, unit += m->unit_bytes, next += m->unit_bytes) {
        const uint8_t *codes = unit + m->scale_bytes;
        int16_t *dst = p->codes[half] + 16 * i;
        x512_fetch(next, m->unit_bytes);
        if (m->bits == 1) {
            unpack_bits(p, i / 2, m, unit);
            continue;
        }
        unpack_scales(p, half, i / m->group, m, unit);
        if (m->kind == LUTRA_MAT_I8)
            unpack_i8(dst, codes, m->unit_k);
        else
            unpack_planes(dst, codes, m->bits, m->offset, m->unit_k);
    }
}

/* Columns [k, k + n), n <= PANEL_K, of `tiles` tiles from `tile` on: two of 16 rows, one of 32, or
 * one of 16 rows, which leaves the second half as it is. The run that comes next begins at `next`
 * in the first of its tiles. */
static void panel_fill(struct panel *p, const struct lutra_mat *m, int tile, int tiles, int k,
                       int n, const uint8_t *next)
{
    for (int t = 0; t < tiles; t++)
        panel_half(p, t, m, lutra_mat_tile(m, tile + t) + (size_t)(k / m->unit_k) * m->unit_bytes,
                   next + (size_t)t * m->tile_bytes, n);
}

/* X of the groups of a run as floats; kinds with minima have groups of 16 or 32. */
X512_INLINE void panel_x(float *xs, const int32_t *sums, int group, int n)
{
    if (group == 16)
        for (int g = 0; g < n / 16; g++) xs[g] = (float)sums[g];
    else
        for (int g = 0; g < n / 32; g++) xs[g] = (float)(sums[2 * g] + sums[2 * g + 1]);
}

#endif
