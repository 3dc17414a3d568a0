/* SPDX-License-Identifier: MIT */
/* BOOK matrices with AVX-512 VNNI: an octet of 16 rows is one register. Nibble i of every 16-bit
 * word picks a 16-bit value from the book (vpermw; bits above the nibble select between copies of
 * it), which leaves columns 2i, 2i+1 of a row in a lane, as vpdpwssd wants them.
 *
 * Up to four vectors are multiplied as bytes: a vpermb picks four unsigned bytes, values plus 128, for each row
 * from the low nibbles, another from the high ones, and vpdpbusd takes them times the low bytes of the
 * codes, and the high ones in groups that have any; 128 * X is taken off. Half the instructions. */
#include "kernels/book.h"
#include "kernels/ops.h"
#include "kernels/x86/fetch.h"
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
        x512_prefetch_tables(unit, m->scale_bytes);
        if (kind == LUTRA_SCALE_SUB) half = x512_halves(unit);
        for (int g = 0; g * group < unit_k; g++, codes += 8 * group, c += group) {
            __m512 d = x512_group_d(kind, unit, g, half);
            __m512i q[16];
            x512_prefetch_tables(codes, 8 * (size_t)group);
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

/* A function of its own: in one with the others gcc runs out of registers. */
static __attribute__((noinline)) void long_tiles(float *y, size_t y_stride, int nv,
                                                 const struct lutra_mat *m,
                                                 const struct lutra_act *a, int v0, int tile0,
                                                 int tile1)
{
    long_some(y, y_stride, nv, m, a, v0, tile0, tile1);
}

/* ---- a few vectors as bytes ---- */

enum {
    BYTES_K = 16384, /* columns of all vectors that are split on the stack */
    BYTES_MOST = 4   /* vectors */
};

/* Codes of vectors that follow each other, code = low + 256 * high, columns of an octet in the order of nibbles: 0 4 1 5, then
 * 2 6 3 7. */
struct bytes {
    int8_t low[BYTES_K], high[BYTES_K];
    uint8_t wide[BYTES_K / 8];      /* is there a high byte in the octet? */
    int32_t start[BYTES_K / 16];    /* -128 * X of the groups */
};

/* One vector, whose columns begin at `at`. */
static void split(struct bytes *b, int at, const struct lutra_act *a, int v, int n_cols, int group)
{
    const __m256i order = _mm256_set_epi64x(0x0f0b0e0a0d090c08, 0x0703060205010400,
                                            0x0f0b0e0a0d090c08, 0x0703060205010400);
    const int16_t *c = a->codes + (size_t)v * (size_t)a->k_pad;
    const int32_t *sums = a->sums + (size_t)v * (size_t)(a->k_pad / 16);
    for (int k = 0; k < n_cols; k += 32) {
        const __m512i x = x512_load(c + k);
        const __m512i up = _mm512_srai_epi16(_mm512_add_epi16(x, _mm512_set1_epi16(128)), 8);
        const __m256i high = _mm512_cvtepi16_epi8(up);
        _mm256_storeu_si256((__m256i *)(void *)(b->low + at + k),
                            _mm256_shuffle_epi8(_mm512_cvtepi16_epi8(x), order));
        _mm256_storeu_si256((__m256i *)(void *)(b->high + at + k), _mm256_shuffle_epi8(high, order));
        /* bit i to bit 8*i */
        const uint32_t wide = _mm256_test_epi64_mask(high, high) * 0x00204081u & 0x01010101u;
        memcpy(b->wide + (at + k) / 8, &wide, sizeof wide);
    }
    for (int g = 0; g < n_cols / group; g++)
        b->start[at / group + g] = -128 * (group == 16 ? sums[g] : sums[2 * g] + sums[2 * g + 1]);
}

X512_INLINE __m512i four_codes(const int8_t *c)
{
    int32_t four;
    memcpy(&four, c, sizeof four);
    return _mm512_set1_epi32(four);
}

/* A group's columns, values plus 128. */
X512_INLINE void take_bytes(__m512i *q, __m512i book, const uint8_t *codes, int group)
{
    X512_UNROLL
    for (int i = 0; i < group / 8; i++) {
        const __m512i x = x512_load(codes + 64 * i);
        q[2 * i] = _mm512_permutexvar_epi8(x, book); /* bits above the nibble pick a copy of it */
        q[2 * i + 1] = _mm512_permutexvar_epi8(_mm512_srli_epi16(x, 4), book);
    }
}

/* That times the codes from `at` on, -128 * X. */
X512_INLINE __m512i dot_bytes(const __m512i *q, const struct bytes *b, int at, int group)
{
    const int chains = group / 16;
    uint32_t any = 0;
    __m512i s[2] = {_mm512_set1_epi32(b->start[at / group]), _mm512_setzero_si512()};
    memcpy(&any, b->wide + at / 8, (size_t)group / 8);
    if (LUTRA_UNLIKELY(any)) {
        __m512i high = _mm512_setzero_si512();
        X512_UNROLL
        for (int i = 0; i < group / 4; i++)
            high = _mm512_dpbusd_epi32(high, q[i], four_codes(b->high + at + 4 * i));
        s[1] = _mm512_slli_epi32(high, 8);
    }
    X512_UNROLL
    for (int i = 0; i < group / 4; i++)
        s[i % chains] = _mm512_dpbusd_epi32(s[i % chains], q[i], four_codes(b->low + at + 4 * i));
    return _mm512_add_epi32(s[0], s[1]);
}

/* nv, group and kind are constants of the caller. Lines are read in the order they lie, and so fetched by a Zen 4
 * core itself: instructions that do it take 4 to 8 % more time. */
X512_INLINE void byte_tile(__m512 *acc, const struct bytes *b, int nv, const struct lutra_mat *m, bool fetch,
                           int tile, int group, enum lutra_scale_kind kind)
{
    const uint8_t *unit = lutra_mat_tile(m, tile);
    const __m128i values = _mm_xor_si128(_mm_loadu_si128((const __m128i *)(const void *)m->book),
                                         _mm_set1_epi8(-128));
    const __m512i book = _mm512_broadcast_i32x4(values);
    __m512 half = _mm512_setzero_ps();
    X512_UNROLL
    for (int v = 0; v < nv; v++) acc[v] = half;
    for (int k = 0; k < m->n_cols; unit += m->unit_bytes) {
        const uint8_t *codes = unit + m->scale_bytes;
        fetch_ahead(fetch, unit, m->scale_bytes);
        if (kind == LUTRA_SCALE_SUB) half = x512_halves(unit);
        for (int g = 0; g * group < m->unit_k; g++, codes += 8 * group, k += group) {
            const __m512 d = x512_group_d(kind, unit, g, half);
            __m512i q[8];
            take_bytes(q, book, codes, group);
            fetch_ahead(fetch, codes, 8 * group);
            X512_UNROLL
            for (int v = 0; v < nv; v++)
                acc[v] = x512_add_product(
                    acc[v], d, _mm512_cvtepi32_ps(dot_bytes(q, b, v * m->n_cols + k, group)));
        }
    }
}

X512_INLINE void byte_some(float *y, size_t y_stride, int nv, const struct lutra_mat *m,
                           const struct lutra_act *a, int v0, int tile0, int tile1)
{
    struct bytes b;
    for (int v = 0; v < nv; v++) split(&b, v * m->n_cols, a, v0 + v, m->n_cols, m->group);
    for (int t = tile0; t < tile1; t++) {
        __m512 acc[BYTES_MOST];
        if (m->scales == LUTRA_SCALE_F16_EACH && m->group == 32)
            byte_tile(acc, &b, nv, m, a->fetch, t, 32, LUTRA_SCALE_F16_EACH);
        else if (m->scales == LUTRA_SCALE_F16_EACH)
            byte_tile(acc, &b, nv, m, a->fetch, t, 16, LUTRA_SCALE_F16_EACH);
        else if (m->scales == LUTRA_SCALE_E8M0)
            byte_tile(acc, &b, nv, m, a->fetch, t, 32, LUTRA_SCALE_E8M0);
        else if (m->group == 32)
            byte_tile(acc, &b, nv, m, a->fetch, t, 32, LUTRA_SCALE_SUB);
        else
            byte_tile(acc, &b, nv, m, a->fetch, t, 16, LUTRA_SCALE_SUB);
        X512_UNROLL
        for (int v = 0; v < nv; v++) {
            const __m512 scale = _mm512_set1_ps(a->scale[v0 + v] * m->scale);
            x512_store_rows(y + (size_t)(v0 + v) * y_stride + 16 * t, _mm512_mul_ps(acc[v], scale),
                            m->n_rows - 16 * t);
        }
    }
}

/* Up to BYTES_MOST vectors, BYTES_K columns in all. */
static void byte_tiles(float *y, size_t y_stride, int nv, const struct lutra_mat *m,
                       const struct lutra_act *a, int v0, int tile0, int tile1)
{
    switch (nv) {
    case 1:
        byte_some(y, y_stride, 1, m, a, v0, tile0, tile1);
        break;
    case 2:
        byte_some(y, y_stride, 2, m, a, v0, tile0, tile1);
        break;
    case 3:
        byte_some(y, y_stride, 3, m, a, v0, tile0, tile1);
        break;
    default:
        byte_some(y, y_stride, BYTES_MOST, m, a, v0, tile0, tile1);
        break;
    }
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

/* How many of `left` vectors are next multiplied as bytes; 0: as words, as more than one is if all codes
 * have two bytes, and more than two if there is room for one. */
static int bytes_share(const struct lutra_mat *m, const struct lutra_act *a, int left)
{
    const bool wide = a->k < LUTRA_NEAR_COLS && a->code_max > LUTRA_CODE_MAX_INT8;
    const int fit = BYTES_K / m->n_cols, most = fit < BYTES_MOST ? fit : BYTES_MOST;
    if (wide) return left == 1;
    return most > 1 || (most == 1 && left <= 2) ? x512_share(left, most, 1) : 0;
}

void lutra_book_mul_avx512(float *y, size_t y_stride, const struct lutra_mat *m,
                           const struct lutra_act *a, int v0, int v1, int tile0, int tile1)
{
    const int least = m->group == 32 ? WIDE : MANY;
    for (int v = v0, left, some; (left = v1 - v) > 0; v += some) {
        some = bytes_share(m, a, left);
        if (some) {
            byte_tiles(y, y_stride, some, m, a, v, tile0, tile1);
            continue;
        }
        some = left >= least ? WIDE : left;
        switch (some > WIDE ? MANY : some) {
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
    ops->book_panel = 5; /* from there on panel_mul decides */
}
