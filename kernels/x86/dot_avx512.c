/* SPDX-License-Identifier: MIT */
/* Integer dots of a few vectors straight from bit planes, with AVX-512 VBMI, VNNI and GFNI.
 *
 * A byte of a plane is one bit of eight columns. The planes of a row's octet, brought together in
 * one qword, are an 8 x 8 matrix of bits, and its transpose is the eight codes:
 *
 *   vpermb / vpermi2b    bytes 7, 6, ... of a row's qword = planes 0, 1, ...; the others zero
 *   vgf2p8affineqb       byte c = code of column c
 *   vpdpbusd             codes times the low, and times the high bytes of the activations
 *
 * Eight instructions for 128 weights of any width and one vector, four more for each further one.
 * Tables take 12 (4 bits) to 18 (6 bits), for each. */
#include "kernels/ops.h"
#include "kernels/x86/x512.h"
#include "kernels/x86/x86_init.h"

#if !defined(__GFNI__)
#error "compile with -mgfni (the Makefile does so for *_avx512.c)"
#endif

enum { MOST = LUTRA_DOT_MOST_AVX512 }; /* vectors that pass over an unpacked block */

/* Where the planes of an octet lie: 64 bytes `a` and, if a row has bytes there, 64 bytes `b`. */
struct place {
    int a, b;
};

/* Octet o of a step of 16 columns. */
X512_INLINE struct place octet_place(int bits, int o)
{
    struct place p = {bits / 2 * 32 * o, bits / 2 * 64};
    if (bits < 4) p.a = 0;            /* both octets' pair of planes is one load */
    if (bits == 6) p.b = p.a + 32;    /* what is left of three pairs */
    return p;
}

/* Byte index for rows 8*half ..: qword of a row = its planes from byte 7 down. */
X512_INLINE __m512i order(int bits, int o, int half)
{
    uint8_t s[64] = {0};
    for (int r = 0; r < 8; r++) {
        int slot = 2 * lutra_lut_slot(8 * half + r);
        for (int p = 0; p < bits; p++) {
            bool last = (bits & 1) && p == bits - 1;
            int at = last ? 64 + slot + o : p / 2 * 32 + slot + (p & 1);
            if (bits < 4 && !last) at += 32 * o;
            if (bits == 6 && p >= 4) at = 64 + 32 + slot + (p & 1);
            s[8 * r + 7 - p] = (uint8_t)at;
        }
    }
    return x512_load(s);
}

/* Codes of eight rows, eight columns each. */
X512_INLINE __m512i octet_codes(const uint8_t *codes, int bits, int o, int half)
{
    const struct place at = octet_place(bits, o);
    const __mmask64 planes = 0x0101010101010101u * (0xffu & 0xff00u >> bits);
    const __m512i columns = _mm512_set1_epi64((int64_t)0x8040201008040201u);
    __m512i x = x512_load(codes + at.a), rows;
    if (bits == 2 || bits == 4) {
        rows = _mm512_maskz_permutexvar_epi8(planes, order(bits, o, half), x);
    } else {
        __m512i rest = bits == 6 ? x512_load(codes + at.b) : x512_load_half(codes + at.b);
        rows = _mm512_maskz_permutex2var_epi8(planes, x, order(bits, o, half), rest);
    }
    return _mm512_gf2p8affine_epi64_epi8(columns, rows, 0);
}

/* What a call multiplies. */
struct few {
    const struct lutra_act *a;
    float *y;
    size_t y_stride;
    int v0, nv;
};

/* Codes of 16 or 32 columns: what stays in registers while the vectors pass. */
struct block {
    __m512i q[2][2][2]; /* step, octet, half of the rows */
};

X512_INLINE void take_block(struct block *b, const uint8_t *codes, int bits, int steps)
{
    X512_UNROLL
    for (int i = 0; i < steps; i++) {
        x512_prefetch(codes + 32 * bits * i, 32 * (size_t)bits);
        X512_UNROLL
        for (int o = 0; o < 2; o++) {
            b->q[i][o][0] = octet_codes(codes + 32 * bits * i, bits, o, 0);
            b->q[i][o][1] = octet_codes(codes + 32 * bits * i, bits, o, 1);
        }
    }
}

struct sums {
    __m512i half[2]; /* by half of the rows; a row's two int32 are to be added */
};

/* s += block times the bytes of one vector: the high ones first, then 256 times that and the low
 * ones. */
X512_INLINE struct sums block_sums(const struct block *b, const int8_t *bytes, int steps)
{
    struct sums s = {{_mm512_setzero_si512(), _mm512_setzero_si512()}};
    X512_UNROLL
    for (int high = 1; high >= 0; high--) {
        X512_UNROLL
        for (int i = 0; i < 2 * steps; i++) {
            int64_t eight;
            memcpy(&eight, bytes + 16 * i + 8 * high, sizeof eight);
            const __m512i x = _mm512_set1_epi64(eight);
            s.half[0] = _mm512_dpbusd_epi32(s.half[0], b->q[i / 2][i % 2][0], x);
            s.half[1] = _mm512_dpbusd_epi32(s.half[1], b->q[i / 2][i % 2][1], x);
        }
        if (high) {
            s.half[0] = _mm512_slli_epi32(s.half[0], 8);
            s.half[1] = _mm512_slli_epi32(s.half[1], 8);
        }
    }
    return s;
}

/* S - minus as floats of 16 rows. */
X512_INLINE __m512 group_floats(struct sums s, int32_t minus)
{
    const __m512i even =
        _mm512_setr_epi32(0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30);
    const __m512i odd = _mm512_add_epi32(even, _mm512_set1_epi32(1));
    __m512i sum = _mm512_add_epi32(_mm512_permutex2var_epi32(s.half[0], even, s.half[1]),
                                   _mm512_permutex2var_epi32(s.half[0], odd, s.half[1]));
    return _mm512_cvtepi32_ps(_mm512_sub_epi32(sum, _mm512_set1_epi32(minus)));
}

X512_INLINE int32_t group_x(const int32_t *sums, int steps)
{
    int32_t x = 0;
    for (int i = 0; i < steps; i++) x += sums[i];
    return x;
}

/* One tile. bits are a constant of every caller; group and kind are where there is one vector. */
X512_INLINE void dot_tile(const struct few *f, int nv, const struct lutra_mat *m, int tile,
                          int bits, int group, enum lutra_scale_kind kind)
{
    const bool is_super = kind != LUTRA_SCALE_F16 && kind != LUTRA_SCALE_F16_MIN;
    const int unit_k = is_super ? 256 : group, steps = group / 16;
    const bool more = bits == 2 && kind == LUTRA_SCALE_F16; /* steps in a group than in a block */
    const int some = more || group == 32 ? 2 : 1;
    const size_t stride = f->a->bytes_stride, sum_stride = (size_t)(f->a->k_pad / 16);
    const uint8_t *unit = lutra_mat_tile(m, tile);
    const int8_t *bytes = f->a->bytes + (size_t)f->v0 * stride;
    const int32_t *sums = f->a->sums + (size_t)f->v0 * sum_stride;
    __m512 acc[MOST];
    for (int v = 0; v < nv; v++) acc[v] = _mm512_setzero_ps();
    for (int k = 0; k < m->n_cols; k += unit_k, unit += m->unit_bytes) {
        __m512 d = x512_halves(unit), dmin = d;
        const uint8_t *codes = unit + m->scale_bytes;
        x512_prefetch(unit, m->scale_bytes);
        if (x512_has_min(kind)) dmin = x512_halves(unit + 32);
        for (int g = 0; g < unit_k / group; g++, sums += steps, bytes += 2 * group) {
            __m512 scale = x512_group_d(kind, unit, g, d), min = dmin;
            struct sums total[MOST]; /* groups of more steps than stand in registers */
            if (x512_has_min(kind)) min = x512_group_min(kind, unit, g, dmin);
            for (int v = 0; v < nv && more; v++)
                total[v].half[0] = total[v].half[1] = _mm512_setzero_si512();
            for (int i = 0; i < steps; i += some, codes += 32 * bits * some) {
                struct block b;
                take_block(&b, codes, bits, some);
                for (int v = 0; v < nv; v++) {
                    struct sums s = block_sums(&b, bytes + (size_t)v * stride + 32 * i, some);
                    if (more) {
                        s.half[0] = _mm512_add_epi32(s.half[0], total[v].half[0]);
                        s.half[1] = _mm512_add_epi32(s.half[1], total[v].half[1]);
                    }
                    if (more && i + some < steps) {
                        total[v] = s;
                        continue;
                    }
                    int32_t x = group_x(sums + (size_t)v * sum_stride, steps);
                    __m512 sum = group_floats(s, x512_has_min(kind) ? 0 : m->offset * x);
                    acc[v] = x512_add_product(acc[v], scale, sum);
                    if (x512_has_min(kind))
                        acc[v] = x512_add_min(kind, acc[v], min,
                                              _mm512_cvtepi32_ps(_mm512_set1_epi32(x)));
                }
            }
        }
    }
    for (int v = 0; v < nv; v++) {
        __m512 r = _mm512_mul_ps(acc[v], _mm512_set1_ps(f->a->scale[f->v0 + v]));
        x512_store_rows(f->y + (size_t)(f->v0 + v) * f->y_stride + tile * LUTRA_TILE_ROWS, r,
                        m->n_rows - tile * LUTRA_TILE_ROWS);
    }
}

typedef void dot_fn(const struct few *, const struct lutra_mat *, int, int);

/* One vector: code for each type. */
#define ONE(name, bits, group, kind)                                                               \
    static void name(const struct few *f, const struct lutra_mat *m, int tile0, int tile1)         \
    {                                                                                              \
        for (int t = tile0; t < tile1; t++) dot_tile(f, 1, m, t, bits, group, kind);               \
    }

ONE(one_q4_0, 4, 32, LUTRA_SCALE_F16)
ONE(one_q4_1, 4, 32, LUTRA_SCALE_F16_MIN)
ONE(one_q5_0, 5, 32, LUTRA_SCALE_F16)
ONE(one_q5_1, 5, 32, LUTRA_SCALE_F16_MIN)
ONE(one_q2_k, 2, 16, LUTRA_SCALE_SUB_MIN4)
ONE(one_q3_k, 3, 16, LUTRA_SCALE_SUB)
ONE(one_q4_k, 4, 32, LUTRA_SCALE_SUB_MIN)
ONE(one_q5_k, 5, 32, LUTRA_SCALE_SUB_MIN)
ONE(one_q6_k, 6, 16, LUTRA_SCALE_SUB)
ONE(one_2_bits, 2, m->group, LUTRA_SCALE_F16) /* groups of 64 or more: a loop in any case */

/* Several: code for each width, and of four bits for each type: what they cost then is a fifth less. */
#define SOME(name, bits, group, kind)                                                              \
    static void name(const struct few *f, const struct lutra_mat *m, int tile0, int tile1)         \
    {                                                                                              \
        for (int t = tile0; t < tile1; t++) {                                                      \
            switch (f->nv) {                                                                       \
            case 2:                                                                                \
                dot_tile(f, 2, m, t, bits, group, kind);                                           \
                break;                                                                             \
            case 3:                                                                                \
                dot_tile(f, 3, m, t, bits, group, kind);                                           \
                break;                                                                             \
            case 4:                                                                                \
                dot_tile(f, 4, m, t, bits, group, kind);                                           \
                break;                                                                             \
            default:                                                                               \
                dot_tile(f, f->nv, m, t, bits, group, kind);                                       \
                break;                                                                             \
            }                                                                                      \
        }                                                                                          \
    }

SOME(some_2_bits, 2, m->group, LUTRA_SCALE_F16)
SOME(some_q2_k, 2, 16, LUTRA_SCALE_SUB_MIN4)
SOME(some_q3_k, 3, 16, LUTRA_SCALE_SUB)
SOME(some_q4_0, 4, 32, LUTRA_SCALE_F16)
SOME(some_q4_1, 4, 32, LUTRA_SCALE_F16_MIN)
SOME(some_q4_k, 4, 32, LUTRA_SCALE_SUB_MIN)
SOME(some_5_bits, 5, 32, m->scales)
SOME(some_q6_k, 6, 16, LUTRA_SCALE_SUB)

static dot_fn *fn_of(int type, bool one)
{
    switch (type) {
    case LUTRA_TYPE_Q4_0:
        return one ? one_q4_0 : some_q4_0;
    case LUTRA_TYPE_Q4_1:
        return one ? one_q4_1 : some_q4_1;
    case LUTRA_TYPE_Q4_K:
        return one ? one_q4_k : some_q4_k;
    case LUTRA_TYPE_Q5_0:
        return one ? one_q5_0 : some_5_bits;
    case LUTRA_TYPE_Q5_1:
        return one ? one_q5_1 : some_5_bits;
    case LUTRA_TYPE_Q5_K:
        return one ? one_q5_k : some_5_bits;
    case LUTRA_TYPE_Q2_K:
        return one ? one_q2_k : some_q2_k;
    case LUTRA_TYPE_Q3_K:
        return one ? one_q3_k : some_q3_k;
    case LUTRA_TYPE_Q6_K:
        return one ? one_q6_k : some_q6_k;
    default:
        return one ? one_2_bits : some_2_bits; /* Q2_0, TQ1_0, TQ2_0 */
    }
}

void lutra_dot_planes_avx512(float *y, size_t y_stride, const struct lutra_mat *m,
                             const struct lutra_act *a, int v0, int v1, int tile0, int tile1)
{
    const struct few f = {a, y, y_stride, v0, v1 - v0};
    fn_of(m->type, f.nv == 1)(&f, m, tile0, tile1);
}

/* Words to bytes: the low ones to the lower half of every 16, the high ones, one more if the low
 * byte is negative, to the upper. */
void lutra_split_codes_avx512(int8_t *bytes, const int16_t *codes, int n)
{
    const __m512i apart = _mm512_broadcast_i32x4(
        _mm_setr_epi8(0, 2, 4, 6, 8, 10, 12, 14, 1, 3, 5, 7, 9, 11, 13, 15));
    const __m512i low = _mm512_set1_epi16(0xff), half = _mm512_set1_epi16(0x80);
    for (int k = 0; k < n; k += 32) {
        __m512i c = x512_load(codes + k);
        __m512i up = _mm512_add_epi16(c, half);
        c = x512_select(low, c, up);
        _mm512_storeu_si512(bytes + 2 * k, _mm512_shuffle_epi8(c, apart));
    }
}
