/* SPDX-License-Identifier: MIT */
/* BOOK matrices with 256-bit vectors: 8 rows of an octet are one register. Bytes of low and of high
 * nibbles pass through the book; even and odd bytes, widened to 16 bits, are then columns 2i, 2i+1
 * of a row. The file that includes this defines BOOK_DOT(sum, weights, codes): sum + the pairs'
 * products, in int32, and WIDE, 3 or 8, vectors whose sums stand in registers. */
#include "kernels/book.h"
#include "kernels/ops.h"
#include "kernels/x86/fetch.h"
#include "kernels/x86/x86.h"

enum {
    FEW = 2   /* vectors with code for each kind of scales */
};

X86_INLINE __m256i two_codes(const int16_t *c)
{
    int32_t both;
    memcpy(&both, c, sizeof both);
    return _mm256_set1_epi32(both);
}

/* Little by little: 24 lines are as many as wait. */
X86_INLINE void fetch_book(bool both, const uint8_t *p, int bytes)
{
    if (both)
        fetch_ahead(true, p, bytes);
    else
        x86_prefetch(p, (size_t)bytes);
}

/* Rows 8*side .. of one tile times vectors v0 .. v0+nv-1; nv is a constant of the caller, and so are
 * group and kind where there are few vectors to hide what they cost. */
X86_INLINE void book_half(float *y, size_t y_stride, int nv, const struct lutra_mat *m, int group,
                          enum lutra_scale_kind kind, const struct lutra_act *a, int v0, int tile,
                          int side)
{
    const uint8_t *unit = lutra_mat_tile(m, tile);
    const __m256i book = x86_load_twice(m->book);
    const int unit_k = m->unit_k;
    const bool ahead = nv == 1 && side == 0, both = a->fetch;
    const int16_t *c[WIDE];
    __m256 acc[WIDE], half = _mm256_setzero_ps();
    X86_UNROLL
    for (int v = 0; v < nv; v++) {
        c[v] = a->codes + (size_t)(v0 + v) * (size_t)a->k_pad;
        acc[v] = _mm256_setzero_ps();
    }
    for (int k = 0; k < m->n_cols; k += unit_k, unit += m->unit_bytes) {
        const uint8_t *codes = unit + m->scale_bytes + 32 * side;
        if (ahead) fetch_book(both, unit, m->scale_bytes);
        if (kind == LUTRA_SCALE_SUB)
            half = _mm256_cvtph_ps(_mm_loadu_si128((const __m128i *)(unit + 16 * side)));
        for (int g = 0; g * group < unit_k; g++) {
            __m256i s[WIDE];
            X86_UNROLL
            for (int v = 0; v < nv; v++) s[v] = _mm256_setzero_si256();
            for (int i = 0; i < group; i += 8, codes += 64) {
                __m256i w[4];
                if (ahead) fetch_book(both, codes, 64);
                x86_book_pairs(w, book, codes);
                X86_UNROLL
                for (int v = 0; v < nv; v++) {
                    X86_UNROLL
                    for (int j = 0; j < 4; j++)
                        s[v] = BOOK_DOT(s[v], w[j], two_codes(c[v] + i + 2 * j));
                    X86_PIN(s[v]);
                }
            }
            __m256 d = x86_book_d(kind, unit, g, side, half);
            X86_UNROLL
            for (int v = 0; v < nv; v++) {
                acc[v] = _mm256_add_ps(acc[v], _mm256_mul_ps(d, _mm256_cvtepi32_ps(s[v])));
                c[v] += group;
            }
        }
    }
    int row = 16 * tile + 8 * side, left = m->n_rows - row;
    X86_UNROLL
    for (int v = 0; v < nv; v++) {
        float tmp[8], *to = y + (size_t)(v0 + v) * y_stride + row;
        __m256 r = _mm256_mul_ps(acc[v], _mm256_set1_ps(a->scale[v0 + v] * m->scale));
        _mm256_storeu_ps(left >= 8 ? to : tmp, r);
        if (left < 8) memcpy(to, tmp, (size_t)left * sizeof *to);
    }
}

X86_INLINE void some_tiles(float *y, size_t y_stride, int nv, const struct lutra_mat *m,
                           const struct lutra_act *a, int v0, int tile0, int tile1)
{
    int halves = 2 * tile1;
    if ((halves - 1) * 8 >= m->n_rows) halves--; /* the last half has no rows */
    for (int h = 2 * tile0; h < halves; h++) {
        int t = h / 2, side = h & 1;
        if (nv > FEW)
            book_half(y, y_stride, nv, m, m->group, m->scales, a, v0, t, side);
        else if (m->scales == LUTRA_SCALE_F16_EACH && m->group == 32)
            book_half(y, y_stride, nv, m, 32, LUTRA_SCALE_F16_EACH, a, v0, t, side);
        else if (m->scales == LUTRA_SCALE_F16_EACH)
            book_half(y, y_stride, nv, m, 16, LUTRA_SCALE_F16_EACH, a, v0, t, side);
        else if (m->scales == LUTRA_SCALE_E8M0)
            book_half(y, y_stride, nv, m, 32, LUTRA_SCALE_E8M0, a, v0, t, side);
        else if (m->group == 32)
            book_half(y, y_stride, nv, m, 32, LUTRA_SCALE_SUB, a, v0, t, side);
        else
            book_half(y, y_stride, nv, m, 16, LUTRA_SCALE_SUB, a, v0, t, side);
    }
}

/* Functions of their own: in one with the others gcc runs out of registers. */
#define SOME_TILES(nv)                                                                             \
    static __attribute__((noinline)) void tiles_##nv(                                              \
        float *y, size_t y_stride, const struct lutra_mat *m, const struct lutra_act *a, int v0,   \
        int tile0, int tile1)                                                                      \
    {                                                                                              \
        some_tiles(y, y_stride, nv, m, a, v0, tile0, tile1);                                       \
    }

SOME_TILES(1)
SOME_TILES(2)
SOME_TILES(3)
#if WIDE > 3
SOME_TILES(4)
SOME_TILES(5)
SOME_TILES(6)
SOME_TILES(7)
SOME_TILES(8)
#endif

static void book_mul(float *y, size_t y_stride, const struct lutra_mat *m,
                     const struct lutra_act *a, int v0, int v1, int tile0, int tile1)
{
    static void (*const tiles[WIDE])(float *, size_t, const struct lutra_mat *,
                                     const struct lutra_act *, int, int, int) = {
        tiles_1, tiles_2, tiles_3,
#if WIDE > 3
        tiles_4, tiles_5, tiles_6, tiles_7, tiles_8
#endif
    };
    for (int v = v0, some; v < v1; v += some) {
        some = v1 - v < WIDE ? v1 - v : WIDE;
        tiles[some - 1](y, y_stride, m, a, v, tile0, tile1);
    }
}
