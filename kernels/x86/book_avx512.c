/* SPDX-License-Identifier: MIT */
/* BOOK matrices with AVX-512 VNNI: an octet of 16 rows is one register. Nibble i of every 16-bit
 * word picks a 16-bit value from the book (vpermw; bits above the nibble select between copies of
 * it), which leaves columns 2i, 2i+1 of a row in a lane, as vpdpwssd wants them. */
#include "kernels/book.h"
#include "kernels/ops.h"
#include "kernels/x86/x512.h"
#include "kernels/x86/x86_init.h"

/* Vectors whose sums stand in registers, and that pass over a group which does. Only short vectors
 * are that many (panel_mul has the others). */
enum { WIDE = 8, MANY = 16 };

/* The book as 16-bit numbers, twice: bit 4 of an index does not matter. */
X512_INLINE __m512i book_words(const int8_t *book)
{
    __m256i w = _mm256_cvtepi8_epi16(_mm_loadu_si128((const __m128i *)book));
    return _mm512_broadcast_i64x4(w);
}

X512_INLINE __m512i two_codes(const int16_t *c)
{
    int32_t both;
    memcpy(&both, c, sizeof both);
    return _mm512_set1_epi32(both);
}

/* s[v] += the octets of a group times vector v. */
X512_INLINE void dot_group(__m512i *s, int nv, __m512i book, const uint8_t *codes,
                           const int16_t *const *row, int k, int group)
{
    X512_UNROLL
    for (int i = 0; i < group; i += 8, codes += 64) {
        __m512i x = x512_load(codes);
        X512_UNROLL
        for (int j = 0; j < 4; j++) {
            __m512i two = _mm512_permutexvar_epi16(_mm512_srli_epi16(x, 4 * (unsigned)j), book);
            X512_UNROLL
            for (int v = 0; v < nv; v++)
                s[v] = _mm512_dpwssd_epi32(s[v], two, two_codes(row[v] + k + i + 2 * j));
        }
    }
}

/* One tile times vectors v0 .. v0+nv-1, their sums in registers; group and nv are constants of the
 * caller. */
X512_INLINE void wide_tile(float *y, size_t y_stride, int nv, const struct lutra_mat *m, int group,
                           enum lutra_scale_kind kind, const struct lutra_act *a, int v0, int tile)
{
    const uint8_t *unit = lutra_mat_tile(m, tile);
    const __m512i book = book_words(m->book);
    const int unit_k = m->unit_k;
    const int16_t *row[WIDE];
    __m512 acc[WIDE], half = _mm512_setzero_ps();
    X512_UNROLL
    for (int v = 0; v < nv; v++) {
        row[v] = a->codes + (size_t)(v0 + v) * (size_t)a->k_pad;
        X512_FORGET(row[v]);
        acc[v] = _mm512_setzero_ps();
    }
    for (int k = 0; k < m->n_cols; k += unit_k, unit += m->unit_bytes) {
        const uint8_t *codes = unit + m->scale_bytes;
        if (kind == LUTRA_SCALE_SUB) half = x512_halves(unit);
        for (int g = 0; g * group < unit_k; g++, codes += 8 * group) {
            __m512 d = x512_group_d(kind, unit, g, half);
            __m512i s[WIDE];
            X512_UNROLL
            for (int v = 0; v < nv; v++) s[v] = _mm512_setzero_si512();
            dot_group(s, nv, book, codes, row, k + g * group, group);
            X512_UNROLL
            for (int v = 0; v < nv; v++)
                acc[v] = x512_add_product(acc[v], d, _mm512_cvtepi32_ps(s[v]));
        }
    }
    X512_UNROLL
    for (int v = 0; v < nv; v++) {
        __m512 scale = _mm512_set1_ps(a->scale[v0 + v] * m->scale);
        x512_store_rows(y + (size_t)(v0 + v) * y_stride + 16 * tile, _mm512_mul_ps(acc[v], scale),
                        m->n_rows - 16 * tile);
    }
}

/* A group's columns in pairs. */
X512_INLINE void take_group(__m512i *q, __m512i book, const uint8_t *codes, int group)
{
    X512_UNROLL
    for (int i = 0; i < group / 8; i++) {
        __m512i x = x512_load(codes + 64 * i);
        X512_UNROLL
        for (int j = 0; j < 4; j++)
            q[4 * i + j] = _mm512_permutexvar_epi16(_mm512_srli_epi16(x, 4 * (unsigned)j), book);
    }
}

/* The same for any number of vectors up to MANY, which pass over a group's columns in registers. */
X512_INLINE void long_tile(float *y, size_t y_stride, int nv, const struct lutra_mat *m, int group,
                           enum lutra_scale_kind kind, const struct lutra_act *a, int v0, int tile)
{
    const uint8_t *unit = lutra_mat_tile(m, tile);
    const __m512i book = book_words(m->book);
    const int unit_k = m->unit_k;
    const int16_t *c = a->codes + (size_t)v0 * (size_t)a->k_pad;
    __m512 acc[MANY], half = _mm512_setzero_ps();
    for (int v = 0; v < nv; v++) acc[v] = _mm512_setzero_ps();
    for (int k = 0; k < m->n_cols; k += unit_k, unit += m->unit_bytes) {
        const uint8_t *codes = unit + m->scale_bytes;
        x512_prefetch_tables(unit, m->unit_bytes);
        if (kind == LUTRA_SCALE_SUB) half = x512_halves(unit);
        for (int g = 0; g * group < unit_k; g++, codes += 8 * group, c += group) {
            __m512 d = x512_group_d(kind, unit, g, half);
            __m512i q[16];
            take_group(q, book, codes, group);
            for (int v = 0; v < nv; v++) {
                __m512i s = x512_dot_pairs(q, group / 2, c + (size_t)v * (size_t)a->k_pad);
                acc[v] = x512_add_product(acc[v], d, _mm512_cvtepi32_ps(s));
            }
        }
    }
    for (int v = 0; v < nv; v++) {
        __m512 scale = _mm512_set1_ps(a->scale[v0 + v] * m->scale);
        x512_store_rows(y + (size_t)(v0 + v) * y_stride + 16 * tile, _mm512_mul_ps(acc[v], scale),
                        m->n_rows - 16 * tile);
    }
}

X512_INLINE void long_some(float *y, size_t y_stride, int nv, const struct lutra_mat *m,
                           const struct lutra_act *a, int v0, int tile0, int tile1)
{
    for (int t = tile0; t < tile1; t++) {
        if (m->scales == LUTRA_SCALE_F16_EACH && m->group == 32)
            long_tile(y, y_stride, nv, m, 32, LUTRA_SCALE_F16_EACH, a, v0, t);
        else if (m->scales == LUTRA_SCALE_F16_EACH)
            long_tile(y, y_stride, nv, m, 16, LUTRA_SCALE_F16_EACH, a, v0, t);
        else if (m->scales == LUTRA_SCALE_E8M0)
            long_tile(y, y_stride, nv, m, 32, LUTRA_SCALE_E8M0, a, v0, t);
        else if (m->group == 32)
            long_tile(y, y_stride, nv, m, 32, LUTRA_SCALE_SUB, a, v0, t);
        else
            long_tile(y, y_stride, nv, m, 16, LUTRA_SCALE_SUB, a, v0, t);
    }
}

/* Functions of their own: in one with the others gcc runs out of registers. */
static __attribute__((noinline)) void long_tiles(float *y, size_t y_stride, int nv,
                                                 const struct lutra_mat *m,
                                                 const struct lutra_act *a, int v0, int tile0,
                                                 int tile1)
{
    long_some(y, y_stride, nv, m, a, v0, tile0, tile1);
}

static __attribute__((noinline)) void one_tiles(float *y, const struct lutra_mat *m,
                                                const struct lutra_act *a, int v0, int tile0,
                                                int tile1, size_t y_stride)
{
    long_some(y, y_stride, 1, m, a, v0, tile0, tile1);
}

/* Code for each kind of scales would take twice the bytes and no less time. */
X512_INLINE void wide_tiles(float *y, size_t y_stride, int nv, const struct lutra_mat *m,
                            const struct lutra_act *a, int v0, int tile0, int tile1)
{
    for (int t = tile0; t < tile1; t++) {
        if (m->group == 32)
            wide_tile(y, y_stride, nv, m, 32, m->scales, a, v0, t);
        else
            wide_tile(y, y_stride, nv, m, 16, m->scales, a, v0, t);
    }
}

void lutra_book_mul_avx512(float *y, size_t y_stride, const struct lutra_mat *m,
                           const struct lutra_act *a, int v0, int v1, int tile0, int tile1)
{
    const int least = m->group == 32 ? WIDE : MANY;
    for (int v = v0, left, some; (left = v1 - v) > 0; v += some) {
        some = left >= least ? WIDE : left;
        switch (some > WIDE ? MANY : some) {
        case 1:
            one_tiles(y, m, a, v, tile0, tile1, y_stride);
            break;
        case 4:
            wide_tiles(y, y_stride, 4, m, a, v, tile0, tile1);
            break;
        case WIDE:
            wide_tiles(y, y_stride, WIDE, m, a, v, tile0, tile1);
            break;
        default:
            long_tiles(y, y_stride, some, m, a, v, tile0, tile1);
            break;
        }
    }
}

void lutra_book_init_avx512(struct lutra_ops *ops)
{
    ops->book_mul = lutra_book_mul_avx512;
    /* MAC/ns of IQ4_NL, IQ2_XS: N=4 105 90 (98 94 here), N=6 122 105 (95 87), N=64 176 150 (109 102) */
    ops->book_panel = 5;
}
