/* SPDX-License-Identifier: MIT */
/* A run of columns of 32 rows unpacked to bytes: what mm_avx512.c and mm_amx.c multiply, and
 * exact_avx512.c turns into floats.
 *
 *   q       [quad][half][16 rows][4] unsigned: mul * code of four columns of a row; vpdpbusd with
 *           four bytes of activations in every lane adds them for 16 rows, and 16 quads are a tile
 *           of AMX. Signed weights (I8, BOOK) have 128 added.
 *   d, m    [half][group][16 rows] float
 *   offset  what has been added to every weight: the products' is taken off as offset * X
 *
 * The halves are two tiles of 16 rows, or those of one tile of 32 (one bit).
 *
 * Where sums are weighed in integers over a run of groups (lut.h), d and m are the run's, and
 *   groups of 16   sc is in the bytes, and a run is one sum: q * sc <= 3 * 15, or, of three bits,
 *                  128 - (q - 4) * sc, 4 to 252: its d is negative
 *   groups of 32   [half][group][16 rows] sc, int32; [half][two groups][16 rows] words, the second one's first
 *   mn             [quad of groups][half][16 rows][4], as q, to be multiplied with the bytes of X
 * exact_avx512.c takes no runs: floats there are the groups'. */
#ifndef LUTRA_KERNELS_X86_PANEL_AVX512_H
#define LUTRA_KERNELS_X86_PANEL_AVX512_H

#include "kernels/x86/dense_avx512.h"
#include "kernels/x86/x512.h"

enum {
    PANEL_K = 256, /* columns at most: 8 KB of weights stay in L1 while the vectors pass */
    PANEL_QUAD = 2 * 64, /* bytes from one quad of a half to the next */
    PANEL_GROUPS = 16,
    PANEL_SC = 16 * PANEL_GROUPS / 2 /* sc of a half */
};

struct panel {
    uint8_t q[PANEL_K / 4][2][64];
    float d[2][PANEL_GROUPS][16];
    float m[2][PANEL_GROUPS][16];
    int32_t sc[2][PANEL_GROUPS / 2][16];
    int32_t two_sc[2][PANEL_GROUPS / 4][16];
    uint8_t mn[PANEL_GROUPS / 4][2][64];
};

/* Are sums weighed in integers over runs? */
static inline bool panel_runs(const struct lutra_mat *m)
{
    return m->kind == LUTRA_MAT_DENSE && m->run != m->group;
}

/* Is sc in the bytes of a run? */
static inline bool panel_folded(const struct lutra_mat *m)
{
    return panel_runs(m) && m->group == 16;
}

/* Columns of a sum of a run's products. */
static inline int panel_group(const struct lutra_mat *m)
{
    return panel_folded(m) ? m->run : m->group;
}

static inline int panel_offset(const struct lutra_mat *m)
{
    const bool codes = m->kind == LUTRA_MAT_PLANES || m->kind == LUTRA_MAT_DENSE;
    return codes ? m->offset : m->kind == LUTRA_MAT_QUINT ? 1 : 128;
}

/* What a group of a vector has besides its codes. */
union panel_x {
    int32_t start; /* -offset * X, which its sums begin with ... */
    float x;       /* ... or X, if there are minima: their codes have no offset */
};

/* X of each of the groups of n columns, from the sums of 16. */
X512_INLINE __m512i panel_sums(const int32_t *sums, int group, int n)
{
    const __m512i even =
        _mm512_setr_epi32(0, 2, 4, 6, 8, 10, 12, 14, 0, 2, 4, 6, 8, 10, 12, 14);
    const __m512i odd = _mm512_add_epi32(even, _mm512_set1_epi32(1));
    __m512i x = _mm512_maskz_loadu_epi32((__mmask16)((1u << n / 16) - 1), sums);
    for (int k = 16; k < group; k *= 2)
        x = _mm512_add_epi32(_mm512_permutexvar_epi32(even, x), _mm512_permutexvar_epi32(odd, x));
    return x;
}

/* Of n columns. */
X512_INLINE void panel_x(union panel_x *to, const struct lutra_mat *m, const int32_t *sums, int n)
{
    const __m512i x = panel_sums(sums, m->group, n);
    if (x512_has_min(m->scales))
        _mm512_storeu_ps(to, _mm512_cvtepi32_ps(x));
    else
        _mm512_storeu_si512(to, _mm512_mullo_epi32(x, _mm512_set1_epi32(-panel_offset(m))));
}

/* What a run of groups (256 columns) has besides its codes: -128 * X of all of it where weights are bytes around 128,
 * else X of each group as bytes, low in to[0], middle in to[next], high in to[2 * next]. Has one a third? `to` may be x. */
X512_INLINE bool panel_run_x(union panel_x *x, int8_t *to, size_t next, const struct lutra_mat *m, const int32_t *sums)
{
    const __m512i half = _mm512_set1_epi32(128);
    x->start = m->bits == 3 ? -128 * _mm512_reduce_add_epi32(x512_load(sums)) : 0;
    if (m->bits == 3) return false;
    const __m512i low = panel_sums(sums, m->group, PANEL_K);
    const __m512i middle = _mm512_srai_epi32(_mm512_add_epi32(low, half), 8);
    const __m512i high = _mm512_srai_epi32(_mm512_add_epi32(middle, half), 8);
    _mm_store_si128((__m128i *)(void *)to, _mm512_cvtepi32_epi8(low));
    _mm_store_si128((__m128i *)(void *)(to + next), _mm512_cvtepi32_epi8(middle));
    _mm_store_si128((__m128i *)(void *)(to + 2 * next), _mm512_cvtepi32_epi8(high));
    return _mm512_test_epi32_mask(high, high) != 0;
}

/* ---- codes: n columns of a half from quad q on ---- */

/* sc in the bytes of 16 columns. */
struct fold {
    __m512i by;        /* |sc|, int16: of bytes whose products are below 256 it makes bytes */
    __m512i base;      /* three bits: 128 + 4 * sc, from which they are taken off ... */
    __mmask64 minus;   /* ... or to which they are added if sc is negative */
};

/* `bits` is 2 or 3, a constant of the caller, here and below. */
X512_INLINE struct fold fold_group(const uint8_t *unit, int bits, int g)
{
    const __m512i twice = _mm512_set1_epi32(0x10001);
    const __m512i sc =
        x512_group_sc(bits == 2 ? LUTRA_SCALE_SUB_MIN4 : LUTRA_SCALE_SUB, unit, g);
    struct fold f = {_mm512_mullo_epi32(_mm512_abs_epi32(sc), twice), sc, 0};
    if (bits == 3) {
        const __m512i lowest = _mm512_set4_epi32(0x0c0c0c0c, 0x08080808, 0x04040404, 0);
        const __m512i four = _mm512_shuffle_epi8(_mm512_slli_epi32(sc, 2), lowest);
        f.minus = _mm512_movepi8_mask(four);
        f.base = _mm512_xor_si512(four, _mm512_set1_epi8(-128));
    }
    return f;
}

X512_INLINE __m512i folded(struct fold f, int bits, __m512i q)
{
    const __m512i x = _mm512_mullo_epi16(q, f.by);
    return bits == 2 ? x : _mm512_mask_add_epi8(_mm512_sub_epi8(f.base, x), f.minus, f.base, x);
}

/* DENSE; `bits` is a constant of the caller. With `unit` sc is folded into the bytes. */
X512_INLINE void unpack_blocks(uint8_t *q, const uint8_t *codes, int bits, int n, const uint8_t *unit)
{
    for (int k = 0; k < n; k += LUTRA_DENSE_K, codes += 64 * bits, q += LUTRA_DENSE_K / 4 * PANEL_QUAD) {
        const struct dense d = dense_load(codes, bits);
        X512_UNROLL
        for (int half = 0; half < 2; half++) {
            struct fold f;
            if (unit) f = fold_group(unit, bits, k / 16 + half);
            X512_UNROLL
            for (int i = 4 * half; i < 4 * half + 4; i++) {
                const __m512i x = dense_quad(&d, bits, i);
                _mm512_store_si512(q + PANEL_QUAD * i, unit ? folded(f, bits, x) : x);
            }
        }
    }
}

/* `unit` has the sub-scales of two or three bits if they are to be folded into the bytes, else NULL. */
static void unpack_dense(uint8_t *q, const uint8_t *codes, int bits, int n, const uint8_t *unit)
{
    switch (bits) {
    case 2:
        if (unit)
            unpack_blocks(q, codes, 2, n, unit);
        else
            unpack_blocks(q, codes, 2, n, NULL);
        break;
    case 3:
        if (unit)
            unpack_blocks(q, codes, 3, n, unit);
        else
            unpack_blocks(q, codes, 3, n, NULL);
        break;
    case 4:
        unpack_blocks(q, codes, 4, n, NULL);
        break;
    case 5:
        unpack_blocks(q, codes, 5, n, NULL);
        break;
    default:
        unpack_blocks(q, codes, 6, n, NULL);
        break;
    }
}

/* One bit, both halves: a row's byte four times, of which every copy keeps another bit. */
static void unpack_bits(uint8_t *q, const uint8_t *codes, int mul, int n)
{
    const __m512i first = x512_four_bytes(1, 2, 4, 8), second = x512_four_bytes(16, 32, 64, 128);
    const __m512i order[2] = {x512_bit_order(0, 0), x512_bit_order(1, 0)};
    const __m512i one = _mm512_set1_epi8((char)mul);
    for (int k = 0; k < n; k += 8, codes += LUTRA_BIT_ROWS, q += 2 * PANEL_QUAD) {
        const __m512i rows = x512_load_half(codes);
        X512_UNROLL
        for (int half = 0; half < 2; half++) {
            const __m512i x = _mm512_permutexvar_epi8(order[half], rows);
            _mm512_store_si512(q + 64 * half,
                               _mm512_maskz_mov_epi8(_mm512_test_epi8_mask(x, first), one));
            _mm512_store_si512(q + PANEL_QUAD + 64 * half,
                               _mm512_maskz_mov_epi8(_mm512_test_epi8_mask(x, second), one));
        }
    }
}

/* I8: two pairs of columns side by side. */
static void unpack_i8(uint8_t *q, const uint8_t *codes, int n)
{
    uint16_t t[32];
    for (int i = 0; i < 32; i++) t[i] = (uint16_t)(i / 2 + (i & 1) * 16);
    const __m512i order = x512_load(t), sign = _mm512_set1_epi8((char)128);
    for (int k = 0; k < n; k += 4, codes += 64, q += PANEL_QUAD) {
        const __m512i x = _mm512_permutexvar_epi16(order, x512_load(codes));
        _mm512_store_si512(q, _mm512_xor_si512(x, sign));
    }
}

/* BOOK: nibbles to values. Bits above the nibble select between copies of the book. */
static void unpack_book(uint8_t *q, const uint8_t *codes, const int8_t *book, int n)
{
    uint8_t t[64];
    for (int i = 0; i < 64; i++) t[i] = (uint8_t)(i / 4 * 4 + (i & 1) * 2 + (i & 2) * 32);
    const __m512i first = x512_load(t), second = _mm512_add_epi8(first, _mm512_set1_epi8(1));
    const __m512i values = _mm512_xor_si512(
        _mm512_broadcast_i32x4(_mm_loadu_si128((const __m128i *)(const void *)book)),
        _mm512_set1_epi8((char)128));
    for (int k = 0; k < n; k += 8, codes += 64, q += 2 * PANEL_QUAD) {
        const __m512i x = x512_load(codes);
        const __m512i a = _mm512_permutexvar_epi8(x, values); /* columns 0 4 1 5 of a row */
        const __m512i b = _mm512_permutexvar_epi8(_mm512_srli_epi16(x, 4), values); /* 2 6 3 7 */
        _mm512_store_si512(q, _mm512_permutex2var_epi8(a, first, b));
        _mm512_store_si512(q + PANEL_QUAD, _mm512_permutex2var_epi8(a, second, b));
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
    case LUTRA_SCALE_F16_EACH:
        put_scales(p, half, g0, m, unit, LUTRA_SCALE_F16_EACH);
        break;
    case LUTRA_SCALE_E8M0:
        put_scales(p, half, g0, m, unit, LUTRA_SCALE_E8M0);
        break;
    default:
        put_scales(p, half, g0, m, unit, LUTRA_SCALE_F16);
        break;
    }
}

/* The same where groups are weighed in integers: a unit of 256 columns. */
static void unpack_weights(struct panel *p, int half, const struct lutra_mat *m, const uint8_t *unit)
{
    const __m512 sign = _mm512_set1_ps(-0.0f), d = x512_halves(unit);
    _mm512_store_ps(p->d[half][0], m->bits == 3 ? _mm512_xor_ps(d, sign) : d);
    if (m->bits == 3) return;
    _mm512_store_ps(p->m[half][0], _mm512_xor_ps(x512_halves(unit + 32), sign));
    const bool four = m->scales == LUTRA_SCALE_SUB_MIN4;
    const uint8_t *mn = unit + (four ? 64 : 192);
    for (int i = 0; i < PANEL_K / m->group / 4; i++) {
        const __m512i x = _mm512_permutexvar_epi8(x512_tern_order(0, 16), x512_load(mn + 64 * i));
        _mm512_store_si512(p->mn[i][half],
                           four ? _mm512_and_si512(_mm512_srli_epi16(x, 4), _mm512_set1_epi8(15)) : x);
    }
    for (int g = 0; g < 8 && !four; g += 2) {
        const __m512i first = x512_group_sc(LUTRA_SCALE_SUB_MIN, unit, g);
        const __m512i second = x512_group_sc(LUTRA_SCALE_SUB_MIN, unit, g + 1);
        _mm512_store_si512(p->sc[half][g], first);
        _mm512_store_si512(p->sc[half][g + 1], second);
        _mm512_store_si512(p->two_sc[half][g / 2], _mm512_or_si512(_mm512_slli_epi32(first, 16), second));
    }
}

/* ---- runs ---- */

/* Units of a run of n columns into one half (both, if one bit); `next`, unless NULL, is fetched for later. */
static void panel_half(struct panel *p, int half, const struct lutra_mat *m, const uint8_t *unit,
                       const uint8_t *next, int n, bool weigh)
{
    if (next) x512_fetch(next, (size_t)(n / m->unit_k) * m->unit_bytes);
    for (int i = 0; i < n; i += m->unit_k, unit += m->unit_bytes) {
        const uint8_t *codes = unit + m->scale_bytes;
        uint8_t *q = p->q[i / 4][half];
        if (m->bits == 1) {
            unpack_scales(p, 0, i / m->group, m, unit);
            unpack_scales(p, 1, i / m->group, m, unit + 32);
            unpack_bits(q, codes, m->mul, m->unit_k);
            continue;
        }
        if (weigh)
            unpack_weights(p, half, m, unit);
        else
            unpack_scales(p, half, i / m->group, m, unit);
        if (m->kind == LUTRA_MAT_I8)
            unpack_i8(q, codes, m->unit_k);
        else if (m->kind == LUTRA_MAT_BOOK)
            unpack_book(q, codes, m->book, m->unit_k);
        else
            unpack_dense(q, codes, m->bits, m->unit_k, weigh && m->group == 16 ? unit : NULL);
    }
}

/* Columns [k, k + n), n <= PANEL_K, of `tiles` tiles from `tile` on: two of 16 rows, one of 32, or
 * one of 16 rows, which leaves the second half as it is. The run that comes next begins at `next`
 * in the first of its tiles; NULL: that is fetched elsewhere. weigh: as runs of groups, where there are any. */
static void panel_fill(struct panel *p, const struct lutra_mat *m, int tile, int tiles, int k,
                       int n, const uint8_t *next, bool weigh)
{
    for (int t = 0; t < tiles; t++)
        panel_half(p, t, m, lutra_mat_tile(m, tile + t) + (size_t)(k / m->unit_k) * m->unit_bytes,
                   next ? next + (size_t)t * m->tile_bytes : NULL, n, weigh && panel_runs(m));
}

#endif
