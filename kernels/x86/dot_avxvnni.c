/* SPDX-License-Identifier: MIT */
/* Integer dots of a few vectors straight from bit planes, with AVX-VNNI and GFNI: dot_avx512.c in
 * halves of 256 bits. Eight rows of a tile at a time, two in a lane:
 *
 *   unpack, pshufb       bytes 7, 6, ... of a row's qword = planes 0, 1, ...; the others zero
 *   vgf2p8affineqb       byte c = code of column c
 *   vpdpbusd             codes times the low, and times the high bytes of the activations
 *
 * 18 (4 bits) to 24 (6 bits) instructions for 128 weights and one vector, 8 more for a second one;
 * tables take 30 to 45 for each. */
#include "kernels/ops.h"
#include "kernels/x86/x86.h"
#include "kernels/x86/x86_init.h"

#if !defined(__AVXVNNI__) || !defined(__GFNI__)
#error "compile with -mavxvnni -mgfni (the Makefile does so for *_avxvnni.c)"
#endif

/* Make the compiler forget where a pointer came from. */
#define FORGET(p) __asm__("" : "+r"(p))

/* ---- planes to codes ---- */

/* Shuffle of one lane: byte 8*i + 7-p = plane p of row i. Planes lie `row` bytes apart from row to
 * row, from `at` on; the last of an odd number lies o bytes further. */
X86_INLINE __m256i order(int bits, int o, int row, int at)
{
    int8_t s[16];
    for (int i = 0; i < 16; i++) s[i] = -1;
    for (int i = 0; i < 2; i++)
        for (int p = 0; p < bits; p++)
            s[8 * i + 7 - p] = (int8_t)(at + row * i + p + ((bits & 1) && p == bits - 1 ? o : 0));
    return x86_load_twice(s);
}

/* Slots of rows 0-7 (half 0) or 8-15, words of two vectors in turn. */
X86_INLINE __m256i pairs(__m256i a, __m256i b, int half)
{
    return half ? _mm256_unpackhi_epi16(a, b) : _mm256_unpacklo_epi16(a, b);
}

/* Rows 0, 1 | 4, 5 and 2, 3 | 6, 7 of a half of the rows: a qword is eight columns of octet o. */
X86_INLINE void octet_rows(__m256i rows[2], const uint8_t *codes, int bits, int o, int half)
{
    const uint8_t *p = codes + bits / 2 * 32 * o, *last = codes + bits / 2 * 64;
    __m256i a = x86_load(p);
    if (bits == 2) {
        rows[0] = _mm256_shuffle_epi8(a, order(bits, o, 2, 8 * half));
        rows[1] = _mm256_shuffle_epi8(a, order(bits, o, 2, 8 * half + 4));
        return;
    }
    a = pairs(a, x86_load(bits == 3 ? last : p + 32), half);
    if (bits <= 4) {
        rows[0] = _mm256_shuffle_epi8(a, order(bits, o, 4, 0));
        rows[1] = _mm256_shuffle_epi8(a, order(bits, o, 4, 8));
        return;
    }
    __m256i b = x86_load(bits == 5 ? last : p + 64);
    b = pairs(b, b, half);
    rows[0] = _mm256_shuffle_epi8(_mm256_unpacklo_epi32(a, b), order(bits, o, 8, 0));
    rows[1] = _mm256_shuffle_epi8(_mm256_unpackhi_epi32(a, b), order(bits, o, 8, 0));
}

/* ---- eight rows times one vector or two ---- */

struct sums {
    __m256i low[2], high[2]; /* rows as above; a row's two int32 are to be added */
};

/* One step of 16 columns; bytes are the first vector's, `stride` apart. */
X86_INLINE void add_step(struct sums *s, int nv, const uint8_t *codes, int bits, int half,
                         const int8_t *bytes, size_t stride)
{
    const __m256i columns = _mm256_set1_epi64x((int64_t)0x8040201008040201u);
    X86_UNROLL
    for (int o = 0; o < 2; o++) {
        __m256i rows[2];
        octet_rows(rows, codes, bits, o, half);
        X86_UNROLL
        for (int i = 0; i < 2; i++) {
            const __m256i q = _mm256_gf2p8affine_epi64_epi8(columns, rows[i], 0);
            X86_UNROLL
            for (int v = 0; v < nv; v++) {
                int64_t both[2];
                memcpy(both, bytes + (size_t)v * stride + 16 * o, sizeof both);
                s[v].low[i] =
                    _mm256_dpbusd_avx_epi32(s[v].low[i], q, _mm256_set1_epi64x(both[0]));
                s[v].high[i] =
                    _mm256_dpbusd_avx_epi32(s[v].high[i], q, _mm256_set1_epi64x(both[1]));
                X86_PIN(s[v].low[i]);
                X86_PIN(s[v].high[i]);
            }
        }
    }
}

/* low + 256 * high - minus as floats of eight rows. */
X86_INLINE __m256 group_floats(struct sums s, int32_t minus)
{
    __m256i a = _mm256_add_epi32(s.low[0], _mm256_slli_epi32(s.high[0], 8));
    __m256i b = _mm256_add_epi32(s.low[1], _mm256_slli_epi32(s.high[1], 8));
    __m256i sum = _mm256_hadd_epi32(a, b);
    return _mm256_cvtepi32_ps(_mm256_sub_epi32(sum, _mm256_set1_epi32(minus)));
}

X86_INLINE int32_t group_x(const int32_t *sums, int steps)
{
    int32_t x = 0;
    for (int i = 0; i < steps; i++) x += sums[i];
    return x;
}

/* One tile times vectors v, v + 1. bits and nv are constants of every caller; group and kind are where
 * there is one vector. */
X86_INLINE void dot_tile(float *y, size_t y_stride, int nv, const struct lutra_mat *m,
                         const struct lutra_act *a, int v0, int tile, int bits, int group,
                         enum lutra_scale_kind kind)
{
    const bool is_super = kind != LUTRA_SCALE_F16 && kind != LUTRA_SCALE_F16_MIN;
    const int unit_k = is_super ? 256 : group, steps = group / 16;
    const size_t stride = a->bytes_stride, sum_stride = (size_t)(a->k_pad / 16);
    const uint8_t *unit = lutra_mat_tile(m, tile);
    const int8_t *bytes = a->bytes + (size_t)v0 * stride;
    const int32_t *sums = a->sums + (size_t)v0 * sum_stride;
    __m256 acc[2][2];
    X86_UNROLL
    for (int v = 0; v < nv; v++) acc[v][0] = acc[v][1] = _mm256_setzero_ps();
    for (int k = 0; k < m->n_cols; k += unit_k, unit += m->unit_bytes) {
        struct x86_rows d = x86_halves(unit), dmin = d;
        const uint8_t *codes = unit + m->scale_bytes;
        if (x86_has_min(kind)) dmin = x86_halves(unit + 32);
        for (int g = 0; g < unit_k / group; g++, sums += steps, bytes += 2 * group) {
            struct x86_rows scale = x86_group_d(kind, unit, g, d), min = dmin;
            if (x86_has_min(kind)) min = x86_group_m(kind, unit, g, dmin);
            x86_prefetch(codes, 2 * (size_t)(bits * group));
            X86_UNROLL
            for (int half = 0; half < 2; half++) {
                const uint8_t *from = codes;
                const int8_t *with = bytes;
                struct sums s[2];
                FORGET(from); /* or gcc keeps what both halves load, and spills it */
                FORGET(with);
                X86_UNROLL
                for (int v = 0; v < nv; v++)
                    s[v].low[0] = s[v].low[1] = s[v].high[0] = s[v].high[1] =
                        _mm256_setzero_si256();
                for (int i = 0; i < steps; i++)
                    add_step(s, nv, from + 32 * bits * i, bits, half, with + 32 * i, stride);
                X86_UNROLL
                for (int v = 0; v < nv; v++) {
                    int32_t x = group_x(sums + (size_t)v * sum_stride, steps);
                    __m256 sum = group_floats(s[v], x86_has_min(kind) ? 0 : m->offset * x);
                    sum = _mm256_mul_ps(half ? scale.hi : scale.lo, sum);
                    acc[v][half] = _mm256_add_ps(acc[v][half], sum);
                    if (!x86_has_min(kind)) continue;
                    sum = _mm256_mul_ps(half ? min.hi : min.lo, _mm256_set1_ps((float)x));
                    acc[v][half] = _mm256_add_ps(acc[v][half], sum);
                }
            }
            codes += 2 * bits * group;
        }
    }
    X86_UNROLL
    for (int v = 0; v < nv; v++) {
        struct x86_rows r = {acc[v][0], acc[v][1]};
        x86_store_rows(y + (size_t)(v0 + v) * y_stride + tile * LUTRA_TILE_ROWS, r,
                       a->scale[v0 + v], m->n_rows - tile * LUTRA_TILE_ROWS);
    }
}

#define DOT(name, nv, bits, group, kind)                                                           \
    static void name(float *y, size_t y_stride, const struct lutra_mat *m,                         \
                     const struct lutra_act *a, int v, int tile)                                   \
    {                                                                                              \
        dot_tile(y, y_stride, nv, m, a, v, tile, bits, group, kind);                               \
    }

/* One vector: code for each type. Two: for each width. */
DOT(one_q4_0, 1, 4, 32, LUTRA_SCALE_F16)
DOT(one_q4_1, 1, 4, 32, LUTRA_SCALE_F16_MIN)
DOT(one_q5_0, 1, 5, 32, LUTRA_SCALE_F16)
DOT(one_q5_1, 1, 5, 32, LUTRA_SCALE_F16_MIN)
DOT(one_q2_k, 1, 2, 16, LUTRA_SCALE_SUB_MIN4)
DOT(one_q3_k, 1, 3, 16, LUTRA_SCALE_SUB)
DOT(one_q4_k, 1, 4, 32, LUTRA_SCALE_SUB_MIN)
DOT(one_q5_k, 1, 5, 32, LUTRA_SCALE_SUB_MIN)
DOT(one_q6_k, 1, 6, 16, LUTRA_SCALE_SUB)
DOT(one_2_bits, 1, 2, m->group, LUTRA_SCALE_F16) /* groups of 64 or more: a loop in any case */
DOT(two_2_bits, 2, 2, m->group, LUTRA_SCALE_F16)
DOT(two_q2_k, 2, 2, 16, LUTRA_SCALE_SUB_MIN4)
DOT(two_q3_k, 2, 3, 16, LUTRA_SCALE_SUB)
DOT(two_4_bits, 2, 4, 32, m->scales)
DOT(two_5_bits, 2, 5, 32, m->scales)
DOT(two_q6_k, 2, 6, 16, LUTRA_SCALE_SUB)

typedef void dot_fn(float *, size_t, const struct lutra_mat *, const struct lutra_act *, int, int);

static dot_fn *fn_of(int type, bool one)
{
    switch (type) {
    case LUTRA_TYPE_Q4_0:
        return one ? one_q4_0 : two_4_bits;
    case LUTRA_TYPE_Q4_1:
        return one ? one_q4_1 : two_4_bits;
    case LUTRA_TYPE_Q4_K:
        return one ? one_q4_k : two_4_bits;
    case LUTRA_TYPE_Q5_0:
        return one ? one_q5_0 : two_5_bits;
    case LUTRA_TYPE_Q5_1:
        return one ? one_q5_1 : two_5_bits;
    case LUTRA_TYPE_Q5_K:
        return one ? one_q5_k : two_5_bits;
    case LUTRA_TYPE_Q2_K:
        return one ? one_q2_k : two_q2_k;
    case LUTRA_TYPE_Q3_K:
        return one ? one_q3_k : two_q3_k;
    case LUTRA_TYPE_Q6_K:
        return one ? one_q6_k : two_q6_k;
    default:
        return one ? one_2_bits : two_2_bits; /* Q2_0, TQ1_0, TQ2_0 */
    }
}

void lutra_dot_planes_avxvnni(float *y, size_t y_stride, const struct lutra_mat *m,
                              const struct lutra_act *a, int v0, int v1, int tile0, int tile1)
{
    dot_fn *one = fn_of(m->type, true), *two = fn_of(m->type, false);
    for (int t = tile0; t < tile1; t++)
        for (int v = v0; v < v1; v += 2) (v1 - v > 1 ? two : one)(y, y_stride, m, a, v, t);
}

void lutra_split_codes_avxvnni(int8_t *bytes, const int16_t *codes, int n)
{
    const __m256i apart =
        _mm256_setr_epi8(0, 2, 4, 6, 8, 10, 12, 14, 1, 3, 5, 7, 9, 11, 13, 15, 0, 2, 4, 6, 8, 10,
                         12, 14, 1, 3, 5, 7, 9, 11, 13, 15);
    const __m256i upper = _mm256_set1_epi16((int16_t)0xff00), half = _mm256_set1_epi16(0x80);
    for (int k = 0; k < n; k += 16) {
        __m256i c = x86_load(codes + k);
        c = _mm256_blendv_epi8(c, _mm256_add_epi16(c, half), upper);
        _mm256_storeu_si256((__m256i *)(bytes + 2 * k), _mm256_shuffle_epi8(c, apart));
    }
}
