/* SPDX-License-Identifier: MIT */
/* Integer dots of a few vectors straight from bit planes, with AVX-512 VBMI, VNNI and GFNI.
 *
 * Planes become codes as planes_avx512.h says, up to four bits two rows, A and B, to a byte:
 *
 *   vpermb, vgf2p8affineqb    A + 16*B
 *   vpandd                    A alone
 *   vpdpbusd                  A, and A + 16*B, times the low bytes of the activations
 *
 * Five instructions for 128 weights of up to four bits and one vector, six of five or six bits; two
 * more for each further vector. Octets in which the activations have high bytes, few, meet them
 * too. Tables take 12 (4 bits) to 18 (6 bits), for each. */
#include "kernels/ops.h"
#include "kernels/x86/planes_avx512.h"
#include "kernels/x86/x86_init.h"

enum { MOST = LUTRA_DOT_MOST_AVX512 }; /* vectors that pass over an unpacked block */

/* ---- planes to codes ---- */

/* Do two rows share a byte? */
X512_INLINE bool paired(int bits)
{
    return bits <= 4;
}

/* Codes of 16 or 32 columns: what stays in registers while the vectors pass. */
struct block {
    __m512i q[2][2][2]; /* step, octet; half of the rows, or A and A + 16*B */
};

X512_INLINE void take_block(struct block *b, const uint8_t *codes, int bits, int steps)
{
    X512_UNROLL
    for (int i = 0; i < steps; i++) {
        const uint8_t *step = codes + 32 * bits * i;
        x512_prefetch(step, 32 * (size_t)bits);
        X512_UNROLL
        for (int o = 0; o < 2; o++) {
            __m512i x = planes_octet(step, bits, o, 0, paired(bits));
            b->q[i][o][0] = paired(bits) ? _mm512_and_si512(x, _mm512_set1_epi8(15)) : x;
            b->q[i][o][1] = paired(bits) ? x : planes_octet(step, bits, o, 1, false);
        }
    }
}

/* ---- sums ---- */

struct sums {
    __m512i half[2]; /* as in a block; a row's two int32 are to be added */
};

X512_INLINE void add_octet(struct sums *s, const __m512i q[2], const int8_t *bytes)
{
    int64_t eight;
    memcpy(&eight, bytes, sizeof eight);
    const __m512i x = _mm512_set1_epi64(eight);
    s->half[0] = _mm512_dpbusd_epi32(s->half[0], q[0], x);
    s->half[1] = _mm512_dpbusd_epi32(s->half[1], q[1], x);
}

/* Block times the codes of one vector: 256 times the high bytes, where there are any, then the low
 * ones. */
X512_INLINE struct sums block_sums(const struct block *b, const int8_t *low, const int8_t *high,
                                   const uint8_t *wide, int steps)
{
    struct sums s = {{_mm512_setzero_si512(), _mm512_setzero_si512()}};
    uint32_t any = 0;
    memcpy(&any, wide, 2 * (size_t)steps);
    if (LUTRA_UNLIKELY(any)) {
        X512_UNROLL
        for (int i = 0; i < 2 * steps; i++)
            if (wide[i]) add_octet(&s, b->q[i / 2][i % 2], high + 8 * i);
        s.half[0] = _mm512_slli_epi32(s.half[0], 8);
        s.half[1] = _mm512_slli_epi32(s.half[1], 8);
    }
    X512_UNROLL
    for (int i = 0; i < 2 * steps; i++) add_octet(&s, b->q[i / 2][i % 2], low + 8 * i);
    return s;
}

/* a in rows 0 to 7, b in the others. */
X512_INLINE __m512 halves(float a, float b)
{
    const float each[16] = {a, a, a, a, a, a, a, a, b, b, b, b, b, b, b, b};
    return _mm512_loadu_ps(each);
}

/* S - offset * X as floats of 16 rows, 16 times that in rows 8 to 15 if paired: all of it integers
 * below 2^24, and 2^24 times 16, of which nothing is rounded. */
X512_INLINE __m512 group_floats(struct sums s, int bits, enum lutra_scale_kind kind, float x)
{
    const __m512i even =
        _mm512_setr_epi32(0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30);
    const __m512i odd = _mm512_add_epi32(even, _mm512_set1_epi32(1));
    if (paired(bits)) s.half[1] = _mm512_sub_epi32(s.half[1], s.half[0]);
    __m512 sum = _mm512_cvtepi32_ps(
        _mm512_add_epi32(_mm512_permutex2var_epi32(s.half[0], even, s.half[1]),
                         _mm512_permutex2var_epi32(s.half[0], odd, s.half[1])));
    if (x512_has_min(kind)) return sum;
    const float by = bits == 2 ? 1 : (float)(1 << (bits - 1)), top = paired(bits) ? 16 * by : by;
    return _mm512_sub_ps(sum, _mm512_mul_ps(halves(by, top), _mm512_set1_ps(x)));
}

/* D for what group_floats gives. */
X512_INLINE __m512 rows_d(__m512 d, int bits)
{
    return paired(bits) ? _mm512_mul_ps(d, halves(1, 1.0f / 16)) : d;
}

/* Sum of the codes of a group, from sums of 32. */
X512_INLINE float group_x(const float *sums, int group)
{
    float x = sums[0];
    for (int i = 1; i < group / 32; i++) x += sums[i];
    return x;
}

/* What a call multiplies. */
struct few {
    const struct lutra_act *a;
    float *y;
    size_t y_stride;
    int v0, nv;
};

/* Bytes of a unit before its codes (lut.h): m->scale_bytes as a constant. */
X512_INLINE int scale_bytes(enum lutra_scale_kind kind)
{
    if (kind == LUTRA_SCALE_SUB) return 32 + 16 * 16;
    if (kind == LUTRA_SCALE_SUB_MIN) return 64 + 2 * 8 * 16;
    if (kind == LUTRA_SCALE_SUB_MIN4) return 64 + 16 * 16;
    return x512_has_min(kind) ? 64 : 32;
}

/* One tile. bits are a constant of every caller; group and kind are where there is one vector. */
X512_INLINE void dot_tile(const struct few *f, int nv, const struct lutra_mat *m, int tile,
                          int bits, int group, enum lutra_scale_kind kind)
{
    const bool is_super = kind != LUTRA_SCALE_F16 && kind != LUTRA_SCALE_F16_MIN;
    const int unit_k = is_super ? 256 : group, steps = group / 16;
    const bool more = bits == 2 && kind == LUTRA_SCALE_F16; /* steps in a group than in a block */
    const int some = more || group == 32 ? 2 : 1;
    const size_t stride = f->a->bytes_stride;
    const struct lutra_bytes x = lutra_bytes_of(f->a, f->v0);
    const int8_t *low = x.low;
    const uint8_t *wide = x.wide;
    const float *sums = group == 16 ? x.x16 : x.x32;
    const uint8_t *unit = lutra_mat_tile(m, tile);
    const ptrdiff_t high = x.high - x.low;
    __m512 acc[MOST];
    for (int v = 0; v < nv; v++) acc[v] = _mm512_setzero_ps();
    for (int k = 0; k < m->n_cols; k += unit_k) {
        __m512 d = rows_d(x512_halves(unit), bits), dmin = d;
        const uint8_t *codes = unit + scale_bytes(kind);
        x512_prefetch(unit, (size_t)scale_bytes(kind));
        if (x512_has_min(kind)) dmin = x512_halves(unit + 32);
        for (int g = 0; g < unit_k / group; g++) {
            __m512 scale = x512_group_d(kind, unit, g, d), min = dmin;
            struct sums total[MOST]; /* groups of more steps than stand in registers */
            if (x512_has_min(kind)) min = x512_group_min(kind, unit, g, dmin);
            for (int v = 0; v < nv && more; v++)
                total[v].half[0] = total[v].half[1] = _mm512_setzero_si512();
            for (int i = 0; i < steps; i += some) {
                struct block b;
                take_block(&b, codes, bits, some);
                for (int v = 0; v < nv; v++) {
                    const size_t skip = (size_t)v * stride;
                    struct sums s = block_sums(&b, low + skip, low + skip + high, wide + skip, some);
                    if (more) {
                        s.half[0] = _mm512_add_epi32(s.half[0], total[v].half[0]);
                        s.half[1] = _mm512_add_epi32(s.half[1], total[v].half[1]);
                    }
                    if (more && i + some < steps) {
                        total[v] = s;
                        continue;
                    }
                    const float sum = group_x(sums + skip / 4, group);
                    acc[v] = x512_add_product(acc[v], scale, group_floats(s, bits, kind, sum));
                    if (x512_has_min(kind))
                        acc[v] = x512_add_min(kind, acc[v], min, _mm512_set1_ps(sum));
                }
                codes += 32 * bits * some;
                low += 16 * some;
                wide += 2 * some;
            }
            sums += group == 16 ? 1 : group / 32;
        }
        unit = codes;
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

void lutra_split_codes_avx512(const struct lutra_act *a, int v, int k0, int k1)
{
    const int16_t *codes = a->codes + (size_t)v * (size_t)a->k_pad;
    const struct lutra_bytes b = lutra_bytes_of(a, v);
    const __m512i half = _mm512_set1_epi16(0x80);
    lutra_bytes_sums(a, v, k0, k1);
    for (int k = k0; k < k1; k += 32) {
        __m512i c = x512_load(codes + k), up = _mm512_srli_epi16(_mm512_add_epi16(c, half), 8);
        __m256i high = _mm512_cvtepi16_epi8(up);
        _mm256_storeu_si256((__m256i *)(b.low + k), _mm512_cvtepi16_epi8(c));
        _mm256_storeu_si256((__m256i *)(b.high + k), high);
        /* bit i to bit 8*i */
        uint32_t wide = _mm256_test_epi64_mask(high, high) * 0x00204081u & 0x01010101u;
        memcpy(b.wide + k / 8, &wide, sizeof wide);
    }
}
