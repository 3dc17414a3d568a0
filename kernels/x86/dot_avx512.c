/* SPDX-License-Identifier: MIT */
/* Integer dots of a few vectors straight from bit planes, with AVX-512 VBMI, VNNI and GFNI.
 *
 * Planes become codes as planes_avx512.h says, up to four bits two rows, A and B, to a byte:
 *
 *   vpermb, vgf2p8affineqb    A + 2^bits * B
 *   vpandd                    A alone
 *   vpdpbusd                  A, and A + 2^bits * B, times the low bytes of the activations
 *
 * Five instructions for 128 weights of up to four bits and one vector, six of five or six bits; two
 * more for each further vector. Octets in which the activations have high bytes, few, meet them
 * too. Tables take 12 (4 bits) to 18 (6 bits), for each. */
#include "kernels/lut_unit.h"
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
    __m512i q[2][2][2]; /* step, octet; half of the rows, or A and A + 2^bits * B */
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
            b->q[i][o][0] = paired(bits) ? _mm512_and_si512(x, _mm512_set1_epi8((1 << bits) - 1)) : x;
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

/* Block times the high bytes of one vector, where there are any. */
X512_INLINE struct sums high_sums(const struct block *b, const int8_t *high, const uint8_t *wide,
                                  int steps)
{
    struct sums s = {{_mm512_setzero_si512(), _mm512_setzero_si512()}};
    X512_UNROLL
    for (int i = 0; i < 2 * steps; i++)
        if (wide[i]) add_octet(&s, b->q[i / 2][i % 2], high + 8 * i);
    return s;
}

X512_INLINE bool any_wide(const uint8_t *wide, int steps)
{
    uint32_t any = 0;
    memcpy(&any, wide, 2 * (size_t)steps);
    return LUTRA_UNLIKELY(any);
}

X512_INLINE void add_low(struct sums *s, const __m512i (*q)[2][2], const int8_t *low, int steps)
{
    X512_UNROLL
    for (int i = 0; i < 2 * steps; i++) add_octet(s, q[i / 2][i % 2], low + 8 * i);
}

/* Block times the codes of one vector: 256 times the high bytes, then the low ones. */
X512_INLINE struct sums block_sums(const struct block *b, const int8_t *low, const int8_t *high,
                                   const uint8_t *wide, int steps)
{
    struct sums s = {{_mm512_setzero_si512(), _mm512_setzero_si512()}};
    if (any_wide(wide, steps)) {
        s = high_sums(b, high, wide, steps);
        s.half[0] = _mm512_slli_epi32(s.half[0], 8);
        s.half[1] = _mm512_slli_epi32(s.half[1], 8);
    }
    add_low(&s, b->q, low, steps);
    return s;
}

/* A row's two int32 added up, rows in order. */
X512_INLINE __m512i join(struct sums s)
{
    const __m512i even =
        _mm512_setr_epi32(0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30);
    const __m512i odd = _mm512_add_epi32(even, _mm512_set1_epi32(1));
    return _mm512_add_epi32(_mm512_permutex2var_epi32(s.half[0], even, s.half[1]),
                            _mm512_permutex2var_epi32(s.half[0], odd, s.half[1]));
}

/* a in rows 0 to 7, b in the others. */
X512_INLINE __m512 halves(float a, float b)
{
    const float each[16] = {a, a, a, a, a, a, a, a, b, b, b, b, b, b, b, b};
    return _mm512_loadu_ps(each);
}

/* S - offset * X as floats of 16 rows, 2^bits times that in rows 8 to 15 if paired: all of it integers
 * below 2^24, and 2^24 times 16, of which nothing is rounded. */
X512_INLINE __m512 group_floats(struct sums s, int bits, enum lutra_scale_kind kind, float x)
{
    if (paired(bits)) s.half[1] = _mm512_sub_epi32(s.half[1], s.half[0]);
    __m512 sum = _mm512_cvtepi32_ps(join(s));
    if (x512_has_min(kind)) return sum;
    const float by = bits == 2 ? 1 : (float)(1 << (bits - 1));
    const float top = paired(bits) ? (float)(1 << bits) * by : by;
    return _mm512_sub_ps(sum, _mm512_mul_ps(halves(by, top), _mm512_set1_ps(x)));
}

/* D for what group_floats gives. */
X512_INLINE __m512 rows_d(__m512 d, int bits)
{
    return paired(bits) ? _mm512_mul_ps(d, halves(1, 1.0f / (float)(1 << bits))) : d;
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

X512_INLINE void store_tile(const struct few *f, int nv, const struct lutra_mat *m, int tile,
                            const __m512 *acc)
{
    for (int v = 0; v < nv; v++) {
        __m512 r = _mm512_mul_ps(acc[v], _mm512_set1_ps(f->a->scale[f->v0 + v]));
        x512_store_rows(f->y + (size_t)(f->v0 + v) * f->y_stride + tile * LUTRA_TILE_ROWS, r,
                        m->n_rows - tile * LUTRA_TILE_ROWS);
    }
}

/* One tile. bits are a constant of every caller; group and kind are where there is one vector. */
X512_INLINE void dot_tile(const struct few *f, int nv, const struct lutra_mat *m, int tile,
                          int bits, int group, enum lutra_scale_kind kind)
{
    const int unit_k = kind == LUTRA_SCALE_SUB ? 256 : group, steps = group / 16;
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
        __m512 d = rows_d(x512_halves(unit), bits), min = d;
        const uint8_t *codes = unit + lutra_scale_bytes(kind);
        x512_prefetch(unit, (size_t)lutra_scale_bytes(kind));
        if (x512_has_min(kind)) min = x512_halves(unit + 32);
        for (int g = 0; g < unit_k / group; g++) {
            const __m512 scale = x512_group_d(kind, unit, g, d);
            struct sums total[MOST]; /* groups of more steps than stand in registers */
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
                        acc[v] = x512_add_product(acc[v], min, _mm512_set1_ps(sum));
                }
                codes += 32 * bits * some;
                low += 16 * some;
                wide += 2 * some;
            }
            sums += group == 16 ? 1 : group / 32;
        }
        unit = codes;
    }
    store_tile(f, nv, m, tile, acc);
}

/* ---- runs of groups, weighed in integers (lut.h) ---- */

/* Sums of a block become words, a row's two side by side, which vpdpwssd takes times sc: a vector of
 * int32 for all rows, whose i-th is this one. */
X512_INLINE int packed_row(int i)
{
    return i / 4 * 2 + i % 2 + (i & 2) * 4;
}

/* sc of a group twice for each of them. */
X512_INLINE __m512i group_weights(enum lutra_scale_kind kind, const uint8_t *unit, int g)
{
    static const uint16_t at[32] = {0, 0, 1, 1, 8, 8, 9, 9, 2, 2, 3, 3, 10, 10, 11, 11, /* packed_row twice */
                                    4, 4, 5, 5, 12, 12, 13, 13, 6, 6, 7, 7, 14, 14, 15, 15};
    const __m128i *p = (const __m128i *)(const void *)(unit + (kind == LUTRA_SCALE_SUB ? 32 : 64) + 16 * g);
    __m256i sc = kind == LUTRA_SCALE_SUB ? _mm256_cvtepi8_epi16(_mm_loadu_si128(p))
                                         : _mm256_cvtepu8_epi16(_mm_loadu_si128(p));
    if (kind == LUTRA_SCALE_SUB_MIN4) sc = _mm256_and_si256(sc, _mm256_set1_epi16(15));
    return _mm512_permutexvar_epi16(x512_load(at), _mm512_castsi256_si512(sc));
}

/* total += w * sums of rows 0 to 7 and 8 to 15: words, as low bytes of 16 columns of five bits are at
 * most 8 * 31 * 128 = 31744, of 32 of four bits 16 * 15 * 128 = 30720. Of two bits rows from 8 on stay
 * four times as large, 4 * 8 * 3 * 128. */
X512_INLINE __m512i add_weighed(__m512i total, struct sums s, __m512i w, int bits)
{
    if (paired(bits)) s.half[1] = _mm512_sub_epi32(s.half[1], s.half[0]);
    if (paired(bits) && bits > 2) s.half[1] = _mm512_srai_epi32(s.half[1], bits);
    return _mm512_dpwssd_epi32(total, _mm512_packs_epi32(s.half[0], s.half[1]), w);
}

/* total += sc * sums of a block. High bytes are at most 32: their sums and 256 * sc are words too. */
X512_INLINE __m512i add_block(__m512i total, const struct block *b, __m512i sc, int bits,
                              const int8_t *low, const int8_t *high, const uint8_t *wide, int steps)
{
    const int some = bits == 5 ? 1 : steps;
    if (any_wide(wide, steps))
        total = add_weighed(total, high_sums(b, high, wide, steps), _mm512_slli_epi16(sc, 8), bits);
    X512_UNROLL
    for (int i = 0; i < steps; i += some) {
        struct sums s = {{_mm512_setzero_si512(), _mm512_setzero_si512()}};
        add_low(&s, b->q + i, low + 16 * i, some);
        total = add_weighed(total, s, sc, bits);
    }
    return total;
}

/* What that leaves, rows in order. */
X512_INLINE __m512i run_total(__m512i total, int bits)
{
    int32_t at[16], by[16];
    X512_UNROLL
    for (int i = 0; i < 16; i++) {
        at[packed_row(i)] = i;
        by[i] = i & 2;
    }
    if (bits == 2) total = _mm512_srav_epi32(total, x512_load(by));
    return _mm512_permutexvar_epi32(x512_load(at), total);
}

/* A byte of each of the four groups from g on, of every row: mn, or, of three bits, sc + 32. */
X512_INLINE __m512i row_bytes(enum lutra_scale_kind kind, const uint8_t *unit, int g)
{
    const uint8_t *at = unit + (kind == LUTRA_SCALE_SUB ? 32 : kind == LUTRA_SCALE_SUB_MIN ? 192 : 64);
    const __m512i x = _mm512_permutexvar_epi8(x512_tern_order(0, 16), x512_load(at + 16 * g));
    if (kind == LUTRA_SCALE_SUB_MIN4)
        return _mm512_and_si512(_mm512_srli_epi16(x, 4), _mm512_set1_epi8(15));
    return kind == LUTRA_SCALE_SUB ? _mm512_add_epi8(x, _mm512_set1_epi8(32)) : x;
}

/* Byte `byte` of each of the four int32 of x from 4 * quad on, in every row. */
X512_INLINE __m512i four_of(__m512i x, int quad, int byte)
{
    const int at = 16 * quad + byte;
    return _mm512_permutexvar_epi8(x512_four_bytes(at, at + 4, at + 8, at + 12), x);
}

/* Sum over groups of w * X, four groups to each of n bytes, |X| < 2^23. X is cut into signed bytes: to
 * read a byte so is to have added 128 times it to the rest; the third is hardly ever there. */
X512_INLINE __m512i dot_x(const __m512i *w, int n, __m512i x)
{
    const __m512i y = _mm512_add_epi32(x, _mm512_set1_epi32(0x80));
    const __m512i z = _mm512_add_epi32(y, _mm512_set1_epi32(0x8000));
    __m512i t = _mm512_setzero_si512();
    if (LUTRA_UNLIKELY(_mm512_cmpgt_epu32_mask(z, _mm512_set1_epi32(0xffff)))) {
        X512_UNROLL
        for (int i = 0; i < n; i++) t = _mm512_dpbusd_epi32(t, w[i], four_of(z, i, 2));
        t = _mm512_slli_epi32(t, 8);
    }
    X512_UNROLL
    for (int i = 0; i < n; i++) t = _mm512_dpbusd_epi32(t, w[i], four_of(y, i, 1));
    t = _mm512_slli_epi32(t, 8);
    X512_UNROLL
    for (int i = 0; i < n; i++) t = _mm512_dpbusd_epi32(t, w[i], four_of(x, i, 0));
    return t;
}

/* X of the groups of a run, from sums of 16; other lanes are zero. */
X512_INLINE __m512i run_x(const int32_t *sums, int group, int run)
{
    const __m512i even =
        _mm512_setr_epi32(0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30);
    const __m512i odd = _mm512_add_epi32(even, _mm512_set1_epi32(1)), zero = _mm512_setzero_si512();
    const __m512i x = _mm512_maskz_loadu_epi32((__mmask16)((1u << run / 16) - 1), sums);
    if (group == 16) return x;
    return _mm512_add_epi32(_mm512_permutex2var_epi32(x, even, zero),
                            _mm512_permutex2var_epi32(x, odd, zero));
}

/* A run is complete: acc + d * total, then - dmin * minima. w: row_bytes of its groups. */
X512_INLINE __m512 end_run(__m512 acc, __m512i total, const __m512i *w, __m512i x, __m512 d,
                           __m512 dmin, int bits, int group, int run)
{
    const __m512i sum = run_total(total, bits), by_x = dot_x(w, run / group / 4, x);
    if (bits == 3) { /* sum - 4 * (by_x - 32 * X) */
        const __m512i all = _mm512_set1_epi32(128 * _mm512_reduce_add_epi32(x));
        const __m512i minus = _mm512_sub_epi32(_mm512_slli_epi32(by_x, 2), all);
        return x512_add_product(acc, d, _mm512_cvtepi32_ps(_mm512_sub_epi32(sum, minus)));
    }
    acc = x512_add_product(acc, d, _mm512_cvtepi32_ps(sum));
    return _mm512_sub_ps(acc, _mm512_mul_ps(dmin, _mm512_cvtepi32_ps(by_x)));
}

/* As dot_tile; group and kind too are constants of every caller. */
X512_INLINE void run_tile(const struct few *f, int nv, const struct lutra_mat *m, int tile, int bits,
                          int group, enum lutra_scale_kind kind)
{
    const int run = x512_run(bits, group, kind), steps = group / 16, n = run / group / 4;
    const size_t stride = f->a->bytes_stride, pad = (size_t)f->a->k_pad / 16;
    const struct lutra_bytes x = lutra_bytes_of(f->a, f->v0);
    const int8_t *low = x.low;
    const uint8_t *wide = x.wide, *unit = lutra_mat_tile(m, tile);
    const int32_t *sums = f->a->sums + (size_t)f->v0 * pad;
    const ptrdiff_t high = x.high - x.low;
    __m512 acc[MOST];
    for (int v = 0; v < nv; v++) acc[v] = _mm512_setzero_ps();
    for (int k = 0; k < m->n_cols; k += 256) {
        const uint8_t *codes = unit + lutra_scale_bytes(kind);
        x512_prefetch(unit, (size_t)lutra_scale_bytes(kind));
        for (int g0 = 0; g0 < 256 / group; g0 += run / group, sums += run / 16) {
            __m512i total[MOST];
            for (int v = 0; v < nv; v++) total[v] = _mm512_setzero_si512();
            for (int g = g0; g < g0 + run / group; g++) {
                const __m512i sc = group_weights(kind, unit, g);
                struct block b;
                take_block(&b, codes, bits, steps);
                for (int v = 0; v < nv; v++) {
                    const size_t skip = (size_t)v * stride;
                    total[v] = add_block(total[v], &b, sc, bits, low + skip, low + skip + high,
                                         wide + skip, steps);
                }
                codes += 32 * bits * steps;
                low += group;
                wide += group / 8;
            }
            const __m512 d = x512_halves(unit), dmin = x512_halves(unit + 32);
            __m512i w[4];
            X512_UNROLL
            for (int i = 0; i < n; i++) w[i] = row_bytes(kind, unit, g0 + 4 * i);
            for (int v = 0; v < nv; v++)
                acc[v] = end_run(acc[v], total[v], w, run_x(sums + (size_t)v * pad, group, run), d, dmin,
                                 bits, group, run);
        }
        unit = codes;
    }
    store_tile(f, nv, m, tile, acc);
}

typedef void dot_fn(const struct few *, const struct lutra_mat *, int, int);

/* One vector: code for each type. */
#define ONE(name, tile, bits, group, kind)                                                         \
    static void name(const struct few *f, const struct lutra_mat *m, int tile0, int tile1)         \
    {                                                                                              \
        for (int t = tile0; t < tile1; t++) tile(f, 1, m, t, bits, group, kind);                   \
    }

ONE(one_q4_0, dot_tile, 4, 32, LUTRA_SCALE_F16)
ONE(one_q4_1, dot_tile, 4, 32, LUTRA_SCALE_F16_MIN)
ONE(one_q5_0, dot_tile, 5, 32, LUTRA_SCALE_F16)
ONE(one_q5_1, dot_tile, 5, 32, LUTRA_SCALE_F16_MIN)
ONE(one_q2_k, run_tile, 2, 16, LUTRA_SCALE_SUB_MIN4)
ONE(one_q3_k, run_tile, 3, 16, LUTRA_SCALE_SUB)
ONE(one_q4_k, run_tile, 4, 32, LUTRA_SCALE_SUB_MIN)
ONE(one_q5_k, run_tile, 5, 32, LUTRA_SCALE_SUB_MIN)
ONE(one_q6_k, dot_tile, 6, 16, LUTRA_SCALE_SUB)
ONE(one_2_bits, dot_tile, 2, m->group, LUTRA_SCALE_F16) /* groups of 64 or more: a loop in any case */

/* Several: code for each width, and of four bits for each type: what they cost then is a fifth less. */
#define SOME(name, tile, bits, group, kind)                                                            \
    static void name(const struct few *f, const struct lutra_mat *m, int tile0, int tile1)         \
    {                                                                                              \
        for (int t = tile0; t < tile1; t++) {                                                      \
            switch (f->nv) {                                                                       \
            case 2:                                                                                \
                tile(f, 2, m, t, bits, group, kind);                                               \
                break;                                                                             \
            case 4:                                                                                \
                tile(f, 4, m, t, bits, group, kind);                                               \
                break;                                                                             \
            default:                                                                               \
                tile(f, f->nv, m, t, bits, group, kind);                                           \
                break;                                                                             \
            }                                                                                      \
        }                                                                                          \
    }

SOME(some_2_bits, dot_tile, 2, m->group, LUTRA_SCALE_F16)
SOME(some_q2_k, run_tile, 2, 16, LUTRA_SCALE_SUB_MIN4)
SOME(some_q3_k, run_tile, 3, 16, LUTRA_SCALE_SUB)
SOME(some_q4_0, dot_tile, 4, 32, LUTRA_SCALE_F16)
SOME(some_q4_1, dot_tile, 4, 32, LUTRA_SCALE_F16_MIN)
SOME(some_q4_k, run_tile, 4, 32, LUTRA_SCALE_SUB_MIN)
SOME(some_5_bits, dot_tile, 5, 32, m->scales)
SOME(some_q5_k, run_tile, 5, 32, LUTRA_SCALE_SUB_MIN)
SOME(some_q6_k, dot_tile, 6, 16, LUTRA_SCALE_SUB)

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
        return one ? one_q5_k : some_q5_k;
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
