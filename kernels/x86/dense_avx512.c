/* SPDX-License-Identifier: MIT */
/* A few vectors times DENSE codes as they lie (lut.h), with AVX-512 VNNI and GFNI: 16 rows are the lanes of a
 * register, in order. 128 weights are
 *
 *   vpsrlw, 2 vpandd     two quads of columns of 4 bits; of 2 bits one in four takes a vgf2p8affineqb for both ...
 *   vpsrlw, 2 vgf2p8affineqb, 2 vpternlogd    ... and this of 3, 5 and 6 bits (dense_avx512.h)
 *   2 vpdpbusd           times four bytes of activations in every lane, for each vector
 *
 * where tables take 12 (4 bits) to 18 (6 bits). Blocks in which the activations have high bytes, few, meet
 * those too: a branch that repeats from tile to tile and so is guessed. */
#include "kernels/lut_unit.h"
#include "kernels/ops.h"
#include "kernels/x86/code_types.h"
#include "kernels/x86/dense_avx512.h"
#include "kernels/x86/fetch.h"
#include "kernels/x86/x86_init.h"

enum { MOST = LUTRA_DENSE_MOST_AVX512 }; /* vectors that pass over unpacked codes */

/* ---- sums ---- */

/* In assembly: of intrinsics gcc 12 makes up to three instructions, the broadcast, a copy of the sum and this. */
X512_INLINE __m512i add_quads(__m512i s, const __m512i *q, int n, const int8_t *bytes)
{
    X512_UNROLL
    for (int i = 0; i < n; i++) {
        const int8_t(*four)[4] = (const int8_t(*)[4])(bytes + 4 * i);
        __asm__("vpdpbusd %2%{1to16%}, %1, %0" : "+v"(s) : "v"(q[i]), "m"(*four));
    }
    return s;
}

/* Codes of n quads times those of one vector: 256 times the high bytes, then the low ones. */
X512_INLINE __m512i quad_sums(const __m512i *q, int n, const int8_t *low, const int8_t *high,
                              const uint8_t *wide)
{
    __m512i s = _mm512_setzero_si512();
    uint32_t any = 0;
    memcpy(&any, wide, (size_t)n / 2);
    if (LUTRA_UNLIKELY(any)) s = _mm512_slli_epi32(add_quads(s, q, n, high), 8);
    return add_quads(s, q, n, low);
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

/* Groups that stand alone: D * (S - offset * X), then + M * X. S, offset * X and what is left of them are
 * integers below 2^24, so floats. */
X512_INLINE __m512 add_group(__m512 acc, __m512i s, __m512 d, __m512 min, bool has_min, int offset, float x)
{
    const __m512 sum = _mm512_cvtepi32_ps(s), by = _mm512_set1_ps(x);
    if (has_min) return x512_add_product(x512_add_product(acc, d, sum), min, by);
    return x512_add_product(acc, d, _mm512_sub_ps(sum, _mm512_mul_ps(_mm512_set1_ps((float)offset), by)));
}

/* Runs of groups weighed in integers: d * (total - offset * sum of sc * X), then - dmin * sum of mn * X. */
X512_INLINE __m512 add_run(__m512 acc, __m512i total, __m512i by_x, __m512 d, __m512 dmin, bool has_min,
                           int offset)
{
    if (!has_min) {
        const __m512i minus = _mm512_mullo_epi32(by_x, _mm512_set1_epi32(offset));
        return x512_add_product(acc, d, _mm512_cvtepi32_ps(_mm512_sub_epi32(total, minus)));
    }
    acc = x512_add_product(acc, d, _mm512_cvtepi32_ps(total));
    return _mm512_sub_ps(acc, _mm512_mul_ps(dmin, _mm512_cvtepi32_ps(by_x)));
}

/* Sum of the codes of a group, from sums of 32 or fewer. */
X512_INLINE float group_x(const float *sums, int group)
{
    float x = sums[0];
    for (int i = 1; i < group / 32; i++) x += sums[i];
    return x;
}

/* ---- tiles ---- */

/* Reads the lines of scales but the first, which is read anyway, in order and before any of the codes: Q4_K from
 * memory 27 -> 34 GB/s, Q6_K 29 -> 32. A Zen 4 core that sees lines in the order they lie fetches them itself: by
 * instructions, 8 KB ahead into L1, Q5_0 lost a third, 4 to 64 KB into L2 no less. For others there is fetch.h. */
X512_INLINE void touch(const uint8_t *p, int bytes)
{
    X512_UNROLL
    for (int i = 64; i < bytes; i += 64) __asm__ volatile("" : : "v"(x512_load(p + i)));
}

/* One tile of any other type. bits and kind are constants of every caller, group is where it matters. */
X512_INLINE void few_tile(const struct few *f, int nv, const struct lutra_mat *m, int tile, int bits,
                          int group, enum lutra_scale_kind kind)
{
    const bool is_super = kind != LUTRA_SCALE_F16 && kind != LUTRA_SCALE_F16_MIN;
    const int unit_k = is_super ? 256 : group, run = x512_run(bits, group, kind);
    const bool has_min = x512_has_min(kind), weighs = kind == LUTRA_SCALE_SUB_MIN;
    const int offset = bits == 2 ? 1 : 1 << (bits - 1); /* of types without minima */
    const bool large = bits == 2 && kind == LUTRA_SCALE_F16; /* groups of 64 or more */
    const int some = !large && group == 16 ? 16 : 32;        /* columns that stand in registers */
    const int parts = LUTRA_DENSE_K / some;
    const size_t stride = f->a->bytes_stride;
    const struct lutra_bytes x = lutra_bytes_of(f->a, f->v0);
    const ptrdiff_t high = x.high - x.low;
    const bool fetch = f->a->fetch;
    const int8_t *low = x.low;
    const uint8_t *wide = x.wide, *unit = lutra_mat_tile(m, tile);
    const float *sums = group == 16 ? x.x16 : x.x32;
    __m512 acc[MOST];
    __m512i total[MOST], by_x[MOST];
    for (int v = 0; v < nv; v++) acc[v] = _mm512_setzero_ps();
    for (int v = 0; v < nv; v++) total[v] = by_x[v] = _mm512_setzero_si512();
    for (int k = 0; k < m->n_cols; k += unit_k) {
        const uint8_t *codes = unit + lutra_scale_bytes(kind);
        const __m512 d = x512_halves(unit), dmin = has_min ? x512_halves(unit + 32) : d;
        touch(unit, lutra_scale_bytes(kind));
        fetch_ahead(fetch, unit, lutra_scale_bytes(kind));
        for (int c = 0; c < unit_k; c += LUTRA_DENSE_K, codes += 64 * bits) {
            const struct dense b = dense_load(codes, bits);
            fetch_ahead(fetch, codes, 64 * bits);
            X512_UNROLL
            for (int i = 0; i < parts; i++, low += some, wide += some / 8) {
                const int g = c / group + i, end = c + (i + 1) * some;
                __m512i q[8];
                X512_UNROLL
                for (int j = 0; j < some / 4; j++) q[j] = dense_quad(&b, bits, i * (some / 4) + j);
                for (int v = 0; v < nv; v++) {
                    const size_t skip = (size_t)v * stride;
                    const float *xs = sums + skip / 4;
                    __m512i s = quad_sums(q, some / 4, low + skip, low + skip + high, wide + skip);
                    if (weighs) {
                        const __m512i by = _mm512_cvtps_epi32(_mm512_set1_ps(xs[0]));
                        s = _mm512_mullo_epi32(s, x512_group_sc(kind, unit, g));
                        by_x[v] = _mm512_add_epi32(by_x[v], _mm512_mullo_epi32(x512_group_mn(kind, unit, g), by));
                    }
                    if (large || run > some) {
                        total[v] = s = _mm512_add_epi32(total[v], s);
                        if (end & (run - 1)) continue;
                    }
                    if (weighs)
                        acc[v] = add_run(acc[v], s, by_x[v], d, dmin, true, offset);
                    else
                        acc[v] = add_group(acc[v], s, x512_group_d(kind, unit, g, d), dmin, has_min, offset,
                                           group_x(xs, group));
                    total[v] = by_x[v] = _mm512_setzero_si512();
                }
                if (!large) sums++;
            }
        }
        if (large) sums += group / 32;
        unit = codes;
    }
    store_tile(f, nv, m, tile, acc);
}

/* ---- runs of groups of 16 columns ---- */

/* Sub-scales and minima of four groups as words, two in the lane of a row: groups 0 and 1, then 2 and 3. vpdpwssd
 * multiplies them by sums of two groups, which are words too, and adds all up: 14 instructions for four groups, where
 * one after the other takes 32. */
struct four {
    __m512i sc[2], mn[2];
};

X512_INLINE struct four four_groups(const uint8_t *p, bool has_min)
{
    const __m512i nibble = _mm512_set1_epi16(15);
    struct four f;
    uint8_t order[64];
    for (int i = 0; i < 64; i++) order[i] = (uint8_t)(i / 4 + 16 * (i % 4 % 2 * 2 + i % 4 / 2)); /* 0 2 1 3 */
    const __m512i x = _mm512_permutexvar_epi8(x512_load(order), x512_load(p));
    if (has_min) {
        f.sc[0] = _mm512_and_si512(x, nibble);
        f.sc[1] = _mm512_and_si512(_mm512_srli_epi16(x, 8), nibble);
        f.mn[0] = _mm512_and_si512(_mm512_srli_epi16(x, 4), nibble);
        f.mn[1] = _mm512_srli_epi16(x, 12);
    } else {
        f.sc[0] = f.mn[0] = _mm512_srai_epi16(_mm512_slli_epi16(x, 8), 8);
        f.sc[1] = f.mn[1] = _mm512_srai_epi16(x, 8);
    }
    return f;
}

/* Sums of the two groups of a block as words: at most 16 * 7 * 128 = 14336. */
X512_INLINE __m512i two_sums(const __m512i *q, const int8_t *bytes)
{
    const __m512i up = _mm512_set4_epi32(0x0d0c0000, 0x09080000, 0x05040000, 0x01000000);
    const __m512i s = add_quads(_mm512_setzero_si512(), q, 4, bytes);
    return _mm512_mask_shuffle_epi8(s, 0xcccccccccccccccc, add_quads(_mm512_setzero_si512(), q + 4, 4, bytes + 16),
                                    up);
}

/* What is left of two X, in units of 2^16, when their low words are taken as signed. */
static int32_t two_high(const float *x)
{
    const int32_t a = ((int32_t)x[0] + 0x8000) >> 16, b = ((int32_t)x[1] + 0x8000) >> 16;
    return (int32_t)((uint32_t)b << 16 | (a & 0xffff));
}

/* One tile of Q2_K or Q3_K. X of a group is a word, too, at most 16 * 128 where codes have no high bytes. */
X512_INLINE void pairs_tile(const struct few *f, int nv, const struct lutra_mat *m, int tile, int bits,
                            enum lutra_scale_kind kind)
{
    const bool has_min = x512_has_min(kind);
    const size_t stride = f->a->bytes_stride;
    const struct lutra_bytes x = lutra_bytes_of(f->a, f->v0);
    const ptrdiff_t high = x.high - x.low;
    const bool fetch = f->a->fetch;
    const int8_t *low = x.low;
    const uint8_t *wide = x.wide, *unit = lutra_mat_tile(m, tile);
    const float *sums = x.x16;
    int32_t xs[MOST][8]; /* of a unit */
    __m512 acc[MOST];
    __m512i total[MOST], by_x[MOST];
    for (int v = 0; v < nv; v++) acc[v] = _mm512_setzero_ps();
    for (int k = 0; k < m->n_cols; k += 256, sums += 16) {
        const uint8_t *codes = unit + lutra_scale_bytes(kind);
        const __m512 d = x512_halves(unit), dmin = has_min ? x512_halves(unit + 32) : d;
        touch(unit, lutra_scale_bytes(kind));
        fetch_ahead(fetch, unit, lutra_scale_bytes(kind));
        for (int v = 0; v < nv; v++) {
            const __m512i u = _mm512_cvtps_epi32(_mm512_loadu_ps(sums + (size_t)v * stride / 4));
            _mm256_storeu_si256((__m256i *)(void *)xs[v], _mm512_cvtepi32_epi16(u));
            total[v] = by_x[v] = _mm512_setzero_si512();
        }
        for (int c = 0; c < 256; c += 64) {
            const struct four w = four_groups(unit + (has_min ? 64 : 32) + c, has_min);
            X512_UNROLL
            for (int i = 0; i < 2; i++, codes += 64 * bits, low += 32, wide += 4) {
                const struct dense b = dense_load(codes, bits);
                fetch_ahead(fetch, codes, 64 * bits);
                const int pair = c / 32 + i;
                __m512i q[8];
                X512_UNROLL
                for (int j = 0; j < 8; j++) q[j] = dense_quad(&b, bits, j);
                for (int v = 0; v < nv; v++) {
                    const size_t skip = (size_t)v * stride;
                    uint32_t any;
                    total[v] = _mm512_dpwssd_epi32(total[v], two_sums(q, low + skip), w.sc[i]);
                    by_x[v] = _mm512_dpwssd_epi32(by_x[v], w.mn[i], _mm512_set1_epi32(xs[v][pair]));
                    memcpy(&any, wide + skip, sizeof any);
                    if (LUTRA_LIKELY(!any)) continue;
                    const __m512i zero = _mm512_setzero_si512();
                    const __m512i s = _mm512_dpwssd_epi32(zero, two_sums(q, low + skip + high), w.sc[i]);
                    const __m512i up = _mm512_set1_epi32(two_high(sums + skip / 4 + 2 * pair));
                    total[v] = _mm512_add_epi32(total[v], _mm512_slli_epi32(s, 8));
                    by_x[v] = _mm512_add_epi32(by_x[v],
                                               _mm512_slli_epi32(_mm512_dpwssd_epi32(zero, w.mn[i], up), 16));
                }
            }
        }
        for (int v = 0; v < nv; v++)
            acc[v] = add_run(acc[v], total[v], by_x[v], d, dmin, has_min, 1 << (bits - 1));
        unit = codes;
    }
    store_tile(f, nv, m, tile, acc);
}

/* ---- types ---- */

typedef void few_fn(const struct few *, const struct lutra_mat *, int, int);

/* Sub-scales of 16 columns are weighed in pairs; Q6_K's meet floats. */
X512_INLINE void some_tile(const struct few *f, int nv, const struct lutra_mat *m, int tile, int bits, int group,
                           enum lutra_scale_kind kind)
{
    if (group == 16 && bits != 6)
        pairs_tile(f, nv, m, tile, bits, kind);
    else
        few_tile(f, nv, m, tile, bits, group, kind);
}

/* One vector has code of its own. */
#define FEW(type, name, bits, group, kind)                                                               \
    static void few_##name(const struct few *f, const struct lutra_mat *m, int tile0, int tile1)         \
    {                                                                                                    \
        for (int t = tile0; t < tile1; t++) {                                                            \
            if (f->nv == 1)                                                                              \
                some_tile(f, 1, m, t, bits, group, kind);                                                \
            else                                                                                         \
                some_tile(f, f->nv, m, t, bits, group, kind);                                            \
        }                                                                                                \
    }

X86_CODE_TYPES(FEW)
FEW(TQ2_0, 2_bits, 2, m->group, LUTRA_SCALE_F16) /* Q2_0, TQ1_0, too: groups of 64 or more */

static few_fn *fn_of(int type)
{
    switch (type) {
#define CASE(type, name, bits, group, kind)                                                              \
    case LUTRA_TYPE_##type:                                                                              \
        return few_##name;
        X86_CODE_TYPES(CASE)
    default:
        return few_2_bits;
    }
}

void lutra_dense_few_avx512(float *y, size_t y_stride, const struct lutra_mat *m,
                            const struct lutra_act *a, int v0, int v1, int tile0, int tile1)
{
    const struct few f = {a, y, y_stride, v0, v1 - v0};
    fn_of(m->type)(&f, m, tile0, tile1);
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
