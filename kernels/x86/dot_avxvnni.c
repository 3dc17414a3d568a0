/* SPDX-License-Identifier: MIT */
/* Integer dots of a few vectors straight from bit planes, with AVX-VNNI and GFNI: dot_avx512.c in
 * halves of 256 bits. Eight rows of a tile at a time, two in a lane, four if they share bytes:
 *
 *   unpack, pshufb       bytes 7, 6, ... of a qword = planes 0, 1, ... of row A, up to four bits
 *                        3, 2, ... those of row B
 *   vgf2p8affineqb       byte c = code of column c, A or A + 16*B
 *   vpand                A alone
 *   vpdpbusd             codes times the low bytes of the activations
 *
 * 12 (4 bits) to 16 (6 bits) instructions for 128 weights and one vector, 4 more for a second one;
 * tables take 30 to 45 for each. High bytes of activations, which few octets have, are visited in the
 * groups that have them. */
#include "kernels/ops.h"
#include "kernels/x86/x86.h"
#include "kernels/x86/x86_init.h"

#if !defined(__AVXVNNI__) || !defined(__GFNI__)
#error "compile with -mavxvnni -mgfni (the Makefile does so for *_avxvnni.c)"
#endif

/* Make the compiler forget where a pointer came from. */
#define FORGET(p) __asm__("" : "+r"(p))

/* ---- planes to codes ---- */

/* Do two rows share a byte? */
X86_INLINE bool paired(int bits)
{
    return bits <= 4;
}

/* Shuffle of one lane: byte 8*i + 7-p = plane p of row i and, if paired, byte 8*i + 3-p = plane p of
 * row i + 2. Planes lie `row` bytes apart from row to row, from `at` on; the last of an odd number
 * lies o bytes further. */
X86_INLINE __m256i order(int bits, int o, int row, int at)
{
    int8_t s[16];
    for (int i = 0; i < 16; i++) s[i] = -1;
    for (int i = 0; i < (paired(bits) ? 4 : 2); i++)
        for (int p = 0; p < bits; p++)
            s[8 * (i % 2) + 7 - p - i / 2 * 4] =
                (int8_t)(at + row * i + p + ((bits & 1) && p == bits - 1 ? o : 0));
    return x86_load_twice(s);
}

/* Slots of rows 0-7 (half 0) or 8-15, words of two vectors in turn. */
X86_INLINE __m256i pairs(__m256i a, __m256i b, int half)
{
    return half ? _mm256_unpackhi_epi16(a, b) : _mm256_unpacklo_epi16(a, b);
}

X86_INLINE __m256i transposed(__m256i rows)
{
    return _mm256_gf2p8affine_epi64_epi8(_mm256_set1_epi64x((int64_t)0x8040201008040201u), rows, 0);
}

/* Octet o of a half of the rows, eight columns a qword: rows 0, 1 | 4, 5, then 2, 3 | 6, 7; if paired
 * the latter times 16 and the former. */
X86_INLINE void octet_codes(__m256i q[2], const uint8_t *codes, int bits, int o, int half)
{
    const uint8_t *p = codes + bits / 2 * 32 * o, *last = codes + bits / 2 * 64;
    __m256i a = x86_load(p);
    if (paired(bits)) {
        if (bits > 2) a = pairs(a, x86_load(bits == 3 ? last : p + 32), half);
        a = _mm256_shuffle_epi8(a, bits > 2 ? order(bits, o, 4, 0) : order(bits, o, 2, 8 * half));
        q[1] = transposed(a);
        q[0] = _mm256_and_si256(q[1], _mm256_set1_epi8(15));
        return;
    }
    a = pairs(a, x86_load(p + 32), half);
    __m256i b = x86_load(bits == 5 ? last : p + 64);
    b = pairs(b, b, half);
    q[0] = transposed(_mm256_shuffle_epi8(_mm256_unpacklo_epi32(a, b), order(bits, o, 8, 0)));
    q[1] = transposed(_mm256_shuffle_epi8(_mm256_unpackhi_epi32(a, b), order(bits, o, 8, 0)));
}

/* ---- 16 rows times one vector or two ---- */

struct sums {
    __m256i s[2]; /* of a half, rows as above; a row's two int32 are to be added */
};

/* Where the columns of a group are, of the first vector; the other's are `stride` further. */
struct columns {
    const int8_t *low, *high;
    const uint8_t *wide;
    size_t stride;
};

X86_INLINE void clear(struct sums *s)
{
    s->s[0] = s->s[1] = _mm256_setzero_si256();
}

X86_INLINE void dot_eight(struct sums *s, const __m256i q[2], const int8_t *bytes)
{
    int64_t eight;
    memcpy(&eight, bytes, sizeof eight);
    X86_UNROLL
    for (int j = 0; j < 2; j++) {
        s->s[j] = _mm256_dpbusd_avx_epi32(s->s[j], q[j], _mm256_set1_epi64x(eight));
        X86_PIN(s->s[j]);
    }
}

/* low + 256 * high, into low. */
X86_INLINE void add_high(struct sums *low, const struct sums *high)
{
    X86_UNROLL
    for (int j = 0; j < 2; j++)
        low->s[j] = _mm256_add_epi32(low->s[j], _mm256_slli_epi32(high->s[j], 8));
}

/* Which bytes: the low ones; the high ones too, where there are any; all. */
enum bytes { LOW, SOME, ALL };

/* Halves [h0, h1) of a group of `steps` times 16 columns. */
X86_INLINE void group_sums(struct sums s[2][2], int nv, int h0, int h1, const uint8_t *codes,
                           int bits, const struct columns *x, int steps, enum bytes take)
{
    struct sums high[2][2];
    size_t at = 0;
    X86_UNROLL
    for (int v = 0; v < nv; v++) {
        X86_UNROLL
        for (int h = h0; h < h1; h++) {
            clear(&s[v][h]);
            clear(&high[v][h]);
        }
    }
    for (int i = 0; i < steps; i++, codes += 32 * bits) {
        X86_UNROLL
        for (int o = 0; o < 2; o++, at += 8) {
            X86_UNROLL
            for (int h = h0; h < h1; h++) {
                __m256i q[2];
                octet_codes(q, codes, bits, o, h);
                X86_UNROLL
                for (int v = 0; v < nv; v++) {
                    const size_t skip = (size_t)v * x->stride;
                    dot_eight(&s[v][h], q, x->low + skip + at);
                    if (take == ALL || (take == SOME && x->wide[skip + at / 8]))
                        dot_eight(&high[v][h], q, x->high + skip + at);
                }
            }
        }
    }
    X86_UNROLL
    for (int v = 0; v < nv; v++) {
        X86_UNROLL
        for (int h = h0; h < h1; h++)
            if (take != LOW) add_high(&s[v][h], &high[v][h]);
    }
}

/* Has one of the vectors a high byte in the group? */
X86_INLINE bool group_wide(const struct columns *x, int nv, int steps)
{
    uint32_t any = 0;
    for (int v = 0; v < nv; v++)
        for (int i = 0; i < steps; i += 2) {
            uint32_t some = 0;
            memcpy(&some, x->wide + (size_t)v * x->stride + 2 * i, steps == 1 ? 2 : 4);
            any |= some;
        }
    return any != 0;
}

/* S - offset * X as floats of eight rows, of rows 2, 3, 6, 7 16 times that if paired: all of it
 * integers below 2^24, and 2^24 times 16, of which nothing is rounded. */
X86_INLINE __m256 group_floats(const struct sums *s, int bits, enum lutra_scale_kind kind, float x)
{
    __m256i a = s->s[0], b = s->s[1];
    if (paired(bits)) b = _mm256_sub_epi32(b, a);
    __m256 sum = _mm256_cvtepi32_ps(_mm256_hadd_epi32(a, b));
    if (x86_has_min(kind)) return sum;
    const float by = bits == 2 ? 1 : (float)(1 << (bits - 1)), top = paired(bits) ? 16 * by : by;
    const __m256 each = _mm256_setr_ps(by, by, top, top, by, by, top, top);
    return _mm256_sub_ps(sum, _mm256_mul_ps(each, _mm256_set1_ps(x)));
}

/* D for what group_floats gives. */
X86_INLINE struct x86_rows rows_d(struct x86_rows d, int bits)
{
    const float part = 1.0f / 16;
    const __m256 by = _mm256_setr_ps(1, 1, part, part, 1, 1, part, part);
    struct x86_rows each = {by, by};
    return paired(bits) ? x86_mul(d, each) : d;
}

/* Sum of the codes of a group, from sums of 32. */
X86_INLINE float group_x(const float *sums, int group)
{
    float x = sums[0];
    for (int i = 1; i < group / 32; i++) x += sums[i];
    return x;
}

/* What a group's sums are multiplied with. */
struct factors {
    struct x86_rows d, m;
};

/* Half h of a group is done. */
X86_INLINE void add_floats(__m256 acc[2][2], struct sums s[2][2], int nv, int h, int bits,
                           enum lutra_scale_kind kind, const struct factors *f,
                           const float *sums, size_t stride, int group)
{
    X86_UNROLL
    for (int v = 0; v < nv; v++) {
        const float x = group_x(sums + (size_t)v * stride / 4, group);
        __m256 sum = group_floats(&s[v][h], bits, kind, x);
        acc[v][h] = _mm256_add_ps(acc[v][h], _mm256_mul_ps(h ? f->d.hi : f->d.lo, sum));
        if (!x86_has_min(kind)) continue;
        sum = _mm256_mul_ps(h ? f->m.hi : f->m.lo, _mm256_set1_ps(x));
        acc[v][h] = _mm256_add_ps(acc[v][h], sum);
    }
}

/* One tile times vectors v0, v0 + 1. bits, nv and all are constants of every caller; group and
 * kind are where there is one vector. all: most octets have high bytes. */
X86_INLINE void dot_tile(float *y, size_t y_stride, int nv, const struct lutra_mat *m,
                         const struct lutra_act *a, int v0, int tile, int bits, int group,
                         enum lutra_scale_kind kind, bool all)
{
    const bool is_super = kind != LUTRA_SCALE_F16 && kind != LUTRA_SCALE_F16_MIN;
    const bool has_min = x86_has_min(kind);
    const int unit_k = is_super ? 256 : group, steps = group / 16;
    const struct lutra_bytes b = lutra_bytes_of(a, v0);
    struct columns x = {b.low, b.high, b.wide, a->bytes_stride};
    const float *sums = group == 16 ? b.x16 : b.x32;
    const uint8_t *unit = lutra_mat_tile(m, tile);
    __m256 acc[2][2];
    X86_UNROLL
    for (int v = 0; v < nv; v++) acc[v][0] = acc[v][1] = _mm256_setzero_ps();
    for (int k = 0; k < m->n_cols; k += unit_k, unit += m->unit_bytes) {
        struct x86_rows d = rows_d(x86_halves(unit), bits), dmin = d;
        const uint8_t *codes = unit + m->scale_bytes;
        if (has_min) dmin = x86_halves(unit + 32);
        for (int g = 0; g < unit_k / group; g++) {
            struct factors f = {x86_group_d(kind, unit, g, d), dmin};
            struct sums s[2][2];
            x86_prefetch(codes, 2 * (size_t)(bits * group));
            if (has_min) f.m = x86_group_m(kind, unit, g, dmin);
            if (all) { /* there are registers for one half at a time */
                X86_UNROLL
                for (int h = 0; h < 2; h++) {
                    const uint8_t *from = codes;
                    struct columns with = x;
                    FORGET(from); /* or gcc keeps what both halves load, and spills it */
                    FORGET(with.low);
                    FORGET(with.high);
                    group_sums(s, nv, h, h + 1, from, bits, &with, steps, ALL);
                    add_floats(acc, s, nv, h, bits, kind, &f, sums, x.stride, group);
                }
            } else {
                if (LUTRA_LIKELY(!group_wide(&x, nv, steps))) {
                    group_sums(s, nv, 0, 2, codes, bits, &x, steps, LOW);
                } else {
                    X86_UNROLL
                    for (int v = 0; v < nv; v++) { /* for both there are not registers enough */
                        const size_t skip = (size_t)v * x.stride;
                        struct columns one = {x.low + skip, x.high + skip, x.wide + skip, 0};
                        group_sums(&s[v], 1, 0, 2, codes, bits, &one, steps, SOME);
                    }
                }
                add_floats(acc, s, nv, 0, bits, kind, &f, sums, x.stride, group);
                add_floats(acc, s, nv, 1, bits, kind, &f, sums, x.stride, group);
            }
            codes += 2 * bits * group;
            x.low += group;
            x.high += group;
            x.wide += group / 8;
            sums += group == 16 ? 1 : group / 32;
        }
    }
    X86_UNROLL
    for (int v = 0; v < nv; v++) {
        struct x86_rows r = {acc[v][0], acc[v][1]};
        x86_store_rows(y + (size_t)(v0 + v) * y_stride + tile * LUTRA_TILE_ROWS, r,
                       a->scale[v0 + v], m->n_rows - tile * LUTRA_TILE_ROWS);
    }
}

#define DOT(name, nv, bits, group, kind, all)                                                      \
    static void name(float *y, size_t y_stride, const struct lutra_mat *m,                         \
                     const struct lutra_act *a, int v, int tile)                                   \
    {                                                                                              \
        dot_tile(y, y_stride, nv, m, a, v, tile, bits, group, kind, all);                          \
    }

/* One vector: code for each type. Two: for each width, and, where it gains, for vectors so short that
 * all codes have two bytes. */
DOT(one_q4_0, 1, 4, 32, LUTRA_SCALE_F16, false)
DOT(one_q4_1, 1, 4, 32, LUTRA_SCALE_F16_MIN, false)
DOT(one_q5_0, 1, 5, 32, LUTRA_SCALE_F16, false)
DOT(one_q5_1, 1, 5, 32, LUTRA_SCALE_F16_MIN, false)
DOT(one_q2_k, 1, 2, 16, LUTRA_SCALE_SUB_MIN4, false)
DOT(one_q3_k, 1, 3, 16, LUTRA_SCALE_SUB, false)
DOT(one_q4_k, 1, 4, 32, LUTRA_SCALE_SUB_MIN, false)
DOT(one_q5_k, 1, 5, 32, LUTRA_SCALE_SUB_MIN, false)
DOT(one_q6_k, 1, 6, 16, LUTRA_SCALE_SUB, false)
DOT(one_2_bits, 1, 2, m->group, LUTRA_SCALE_F16, false) /* groups of 64 or more: a loop in any case */
DOT(two_2_bits, 2, 2, m->group, LUTRA_SCALE_F16, false)
DOT(two_q2_k, 2, 2, 16, LUTRA_SCALE_SUB_MIN4, false)
DOT(two_q3_k, 2, 3, 16, LUTRA_SCALE_SUB, false)
DOT(two_4_bits, 2, 4, 32, m->scales, false)
DOT(two_5_bits, 2, 5, 32, m->scales, false)
DOT(two_q6_k, 2, 6, 16, LUTRA_SCALE_SUB, false)
DOT(all_4_bits, 2, 4, 32, m->scales, true)
DOT(all_5_bits, 2, 5, 32, m->scales, true)

typedef void dot_fn(float *, size_t, const struct lutra_mat *, const struct lutra_act *, int, int);

static dot_fn *one_of(int type)
{
    switch (type) {
    case LUTRA_TYPE_Q4_0:
        return one_q4_0;
    case LUTRA_TYPE_Q4_1:
        return one_q4_1;
    case LUTRA_TYPE_Q4_K:
        return one_q4_k;
    case LUTRA_TYPE_Q5_0:
        return one_q5_0;
    case LUTRA_TYPE_Q5_1:
        return one_q5_1;
    case LUTRA_TYPE_Q5_K:
        return one_q5_k;
    case LUTRA_TYPE_Q2_K:
        return one_q2_k;
    case LUTRA_TYPE_Q3_K:
        return one_q3_k;
    case LUTRA_TYPE_Q6_K:
        return one_q6_k;
    default:
        return one_2_bits; /* Q2_0, TQ1_0, TQ2_0 */
    }
}

static dot_fn *two_of(const struct lutra_mat *m)
{
    const bool all = m->n_cols < LUTRA_NEAR_COLS;
    switch (m->bits) {
    case 3:
        return two_q3_k;
    case 4:
        return all ? all_4_bits : two_4_bits;
    case 5:
        return all ? all_5_bits : two_5_bits;
    case 6:
        return two_q6_k;
    default:
        return m->group == 16 ? two_q2_k : two_2_bits;
    }
}

void lutra_dot_planes_avxvnni(float *y, size_t y_stride, const struct lutra_mat *m,
                              const struct lutra_act *a, int v0, int v1, int tile0, int tile1)
{
    dot_fn *one = one_of(m->type), *two = two_of(m);
    for (int t = tile0; t < tile1; t++)
        for (int v = v0; v < v1; v += 2) (v1 - v > 1 ? two : one)(y, y_stride, m, a, v, t);
}

void lutra_split_codes_avxvnni(const struct lutra_act *a, int v, int k0, int k1)
{
    const int16_t *codes = a->codes + (size_t)v * (size_t)a->k_pad;
    const struct lutra_bytes b = lutra_bytes_of(a, v);
    lutra_bytes_sums(a, v, k0, k1);
    for (int k = k0; k < k1; k += 32) {
        const __m256i c = x86_load(codes + k), d = x86_load(codes + k + 16);
        _mm256_storeu_si256((__m256i *)(b.low + k), x86_low_bytes(c, d));
        _mm256_storeu_si256((__m256i *)(b.high + k), x86_high_bytes(c, d));
        for (int i = 0; i < 4; i++) {
            int64_t eight;
            memcpy(&eight, b.high + k + 8 * i, sizeof eight);
            b.wide[k / 8 + i] = eight != 0;
        }
    }
}
