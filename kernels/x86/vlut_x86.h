/* SPDX-License-Identifier: MIT */
/* What the vector tables of AVX2 and AVX-512 have in common: codes of 32 vectors turned about on the way in, sums
 * of 32 vectors on the way out. */
#ifndef LUTRA_KERNELS_X86_VLUT_X86_H
#define LUTRA_KERNELS_X86_VLUT_X86_H

#include <immintrin.h>
#include <string.h>

#include "kernels/lut.h"

enum {
    VLUT_WIDTH = 32,      /* vectors side by side */
    VLUT_BIT_GROUP = 128, /* one bit: columns of a group */
    VLUT_VALUES = 27,     /* of a triple */
    VLUT_ROW = 2 * VLUT_WIDTH, /* bytes of a table's row. Constants: a stride in a register costs half the speed */
    VLUT_TABLE = VLUT_VALUES * VLUT_ROW
};

/* Codes, column by column. */
typedef int16_t vlut_column[VLUT_WIDTH];

/* A row's sums of all vectors: whole numbers in base 3, floats of one bit. */
union vlut_sum {
    int32_t i[VLUT_WIDTH];
    float f[VLUT_WIDTH];
};

static inline int vlut_min(int a, int b)
{
    return a < b ? a : b;
}

/* ---- codes ---- */

/* Eight codes of eight vectors, turned about: dst[column][vector]. */
static inline void vlut_turn_eight(vlut_column *dst, const int16_t *const *rows, int k)
{
    __m128i r[8], t[8];
    for (int i = 0; i < 8; i++)
        r[i] = _mm_loadu_si128((const __m128i *)(const void *)(rows[i] + k));
    for (int i = 0; i < 4; i++) {
        t[2 * i] = _mm_unpacklo_epi16(r[2 * i], r[2 * i + 1]);
        t[2 * i + 1] = _mm_unpackhi_epi16(r[2 * i], r[2 * i + 1]);
    }
    for (int i = 0; i < 2; i++) {
        r[4 * i] = _mm_unpacklo_epi32(t[4 * i], t[4 * i + 2]);
        r[4 * i + 1] = _mm_unpackhi_epi32(t[4 * i], t[4 * i + 2]);
        r[4 * i + 2] = _mm_unpacklo_epi32(t[4 * i + 1], t[4 * i + 3]);
        r[4 * i + 3] = _mm_unpackhi_epi32(t[4 * i + 1], t[4 * i + 3]);
    }
    for (int i = 0; i < 4; i++) {
        _mm_store_si128((__m128i *)(void *)dst[2 * i], _mm_unpacklo_epi64(r[i], r[4 + i]));
        _mm_store_si128((__m128i *)(void *)dst[2 * i + 1], _mm_unpackhi_epi64(r[i], r[4 + i]));
    }
}

/* n columns (a multiple of 8, at most VLUT_BIT_GROUP) from k on, of vectors [v0, v0 + count); the rest of 32 are
 * zeros. */
static __attribute__((noinline)) void vlut_put_codes(vlut_column *x, const struct lutra_act *a, int v0, int count,
                                                     int k, int n)
{
    static const int16_t none[VLUT_BIT_GROUP];
    for (int v = 0; v < VLUT_WIDTH; v += 8) {
        const int16_t *rows[8];
        for (int i = 0; i < 8; i++)
            rows[i] = v + i < count ? a->codes + (size_t)(v0 + v + i) * (size_t)a->k_pad + k : none;
        for (int j = 0; j < n; j += 8) vlut_turn_eight((vlut_column *)(void *)(x[j] + v), rows, j);
    }
}

/* ---- results ---- */

/* Where the sums of a row stand. TRIO: rows 4*l + 2*h + b of 16 in the place 8*h + 2*l + b, as unpacking in lanes of
 * 16 bytes leaves them. */
static inline int vlut_place(const struct lutra_mat *m, int row)
{
    return lutra_tern_trio(m) ? (row & ~14) | (row & 2) << 2 | (row & 12) >> 1 : row;
}

/* Sums of eight vectors from v on and a row, as floats. */
static inline __m256 vlut_floats(const union vlut_sum *s, const struct lutra_mat *m, int v)
{
    if (m->kind != LUTRA_MAT_TERN) return _mm256_load_ps(s->f + v);
    __m256 x = _mm256_cvtepi32_ps(_mm256_load_si256((const __m256i *)(const void *)(s->i + v)));
    return _mm256_add_ps(_mm256_setzero_ps(), _mm256_mul_ps(_mm256_set1_ps(m->scale), x));
}

/* Eight rows from `row` on of eight vectors turned about: out[vector] = rows. */
static inline void vlut_turn_floats(__m256 *out, const union vlut_sum *s, const struct lutra_mat *m, int row, int v)
{
    __m256 r[8], t[8];
    for (int i = 0; i < 8; i++) r[i] = vlut_floats(s + vlut_place(m, row + i), m, v);
    for (int i = 0; i < 4; i++) {
        t[2 * i] = _mm256_unpacklo_ps(r[2 * i], r[2 * i + 1]);
        t[2 * i + 1] = _mm256_unpackhi_ps(r[2 * i], r[2 * i + 1]);
    }
    for (int i = 0; i < 2; i++) {
        r[4 * i] = _mm256_shuffle_ps(t[4 * i], t[4 * i + 2], 0x44);
        r[4 * i + 1] = _mm256_shuffle_ps(t[4 * i], t[4 * i + 2], 0xee);
        r[4 * i + 2] = _mm256_shuffle_ps(t[4 * i + 1], t[4 * i + 3], 0x44);
        r[4 * i + 3] = _mm256_shuffle_ps(t[4 * i + 1], t[4 * i + 3], 0xee);
    }
    for (int i = 0; i < 4; i++) {
        out[i] = _mm256_permute2f128_ps(r[i], r[4 + i], 0x20);
        out[4 + i] = _mm256_permute2f128_ps(r[i], r[4 + i], 0x31);
    }
}

/* Eight vectors (`count` of them wanted), n_rows rows that there are. */
static inline void vlut_store_eight(float *y, size_t y_stride, const __m256 *out, const float *scale, int count,
                                    int n_rows)
{
    for (int i = 0; i < count && i < 8; i++, y += y_stride) {
        __m256 r = _mm256_mul_ps(out[i], _mm256_set1_ps(scale[i]));
        float eight[8];
        if (n_rows >= 8) {
            _mm256_storeu_ps(y, r);
            continue;
        }
        _mm256_storeu_ps(eight, r);
        memcpy(y, eight, (size_t)n_rows * sizeof *y);
    }
}

/* n_rows sums (a multiple of 16), those of `row` of the matrix and on, times vectors [v0, v0 + count). A line of y
 * is written whole: vectors may be so far apart that few of their lines stay in L1. */
static inline void vlut_store(float *y, size_t y_stride, const union vlut_sum *s, const struct lutra_mat *m,
                              const struct lutra_act *a, int v0, int count, int row, int n_rows)
{
    for (int r = 0; r < n_rows; r += 16)
        for (int v = 0; v < count; v += 8)
            for (int i = r; i < r + 16 && row + i < m->n_rows; i += 8) {
                __m256 out[8];
                vlut_turn_floats(out, s, m, i, v);
                vlut_store_eight(y + (size_t)(v0 + v) * y_stride + row + i, y_stride, out, a->scale + v0 + v,
                                 count - v, m->n_rows - row - i);
            }
}

#endif
