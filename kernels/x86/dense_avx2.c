/* SPDX-License-Identifier: MIT */
/* A few vectors times DENSE codes as they lie, 16 rows at a time, in halves of eight, with AVX2. A load is
 * eight rows' four bytes, each of which holds the codes of 8/w columns; shifted and masked they meet four
 * activations that every lane has:
 *
 *   vpsrlw, vpand           four columns of eight rows (two more and vpor for each further part)
 *   vpmaddubsw, vpaddw
 *
 * 20 instructions for 128 weights of 2 or 4 bits, where lookups take 30 (4 bits). Octets in which the
 * activations have high bytes, few, meet those too. us of 1024 x 4096 from the cache, looked up and so: Q2_K
 * 68 68, Q3_K 103 101, Q4_0 105 63, Q4_K 100 62, Q5_K 151 100, Q6_K 165 107, Q2_0 51 66; from memory tables
 * lose half of it, Q2_0 too. AVX-VNNI uses it as well: vpdpbusd would save four of 34 instructions. */
#include "kernels/lut_unit.h"
#include "kernels/ops.h"
#include "kernels/x86/code_types.h"
#include "kernels/x86/dense_x86.h"
#include "kernels/x86/fetch.h"
#include "kernels/x86/x86_init.h"

/* Two columns to an int16. A lane is two of them: eight quads of 4 bits make at most 8 * 2 * 15 * 128 =
 * 30720, four of 5 bits 31744, two of 6 bits 32256. */
#define DENSE_PERIOD(bits) ((bits) == 6 ? 2 : (bits) == 5 ? 4 : 8)

X86_INLINE __m256i dense_add(__m256i s, __m256i q, __m256i x)
{
    return _mm256_add_epi16(s, _mm256_maddubs_epi16(q, x));
}

X86_INLINE __m256i dense_whole(__m256i s, __m256i w, bool weighs)
{
    return _mm256_madd_epi16(s, weighs ? w : _mm256_set1_epi16(1));
}

/* Each twice, as int16. */
X86_INLINE __m256i dense_weights(__m128i bytes, int half, bool is_signed)
{
    int8_t order[32];
    for (int i = 0; i < 32; i++) order[i] = (int8_t)((i & 1) == is_signed ? 8 * half + i / 4 : -1);
    __m256i w = _mm256_shuffle_epi8(_mm256_broadcastsi128_si256(bytes), x86_load(order));
    return is_signed ? _mm256_srai_epi16(w, 8) : w;
}

/* Activations from a block's first column on. */
struct columns {
    const int8_t *low, *high;
    const uint8_t *wide;
    const float *sums; /* of 32 columns, of 16 where groups are that short */
};

struct ints {
    __m256i lo, hi; /* of rows 0-7, 8-15 */
};

X86_INLINE __m256i four_bytes(const int8_t *p)
{
    int32_t four;
    memcpy(&four, p, sizeof four);
    return _mm256_set1_epi32(four);
}

/* ---- sums of a block of 32 columns ---- */

/* total[half] += 256 * high bytes of an octet. */
X86_INLINE void add_high(__m256i total[2], __m256i q[2][2], const int8_t *high, const __m256i *w,
                         bool weighs)
{
    const __m256i x0 = four_bytes(high), x1 = four_bytes(high + 4);
    X86_UNROLL
    for (int h = 0; h < 2; h++) {
        __m256i s = dense_add(dense_add(_mm256_setzero_si256(), q[0][h], x0), q[1][h], x1);
        total[h] = _mm256_add_epi32(total[h], _mm256_slli_epi32(dense_whole(s, w[h], weighs), 8));
    }
}

X86_INLINE void flush(__m256i total[2], __m256i s[2], const __m256i *w, bool weighs)
{
    X86_UNROLL
    for (int h = 0; h < 2; h++) {
        total[h] = _mm256_add_epi32(total[h], dense_whole(s[h], w[h], weighs));
        s[h] = _mm256_setzero_si256();
    }
}

/* Segments [seg, end) of 16 columns of a block, of a group whose weights are w. */
X86_INLINE void add_segments(__m256i total[2], const uint8_t *codes, int bits, int seg, int end,
                             const struct columns *x, const __m256i *w, bool weighs)
{
    __m256i s[2] = {_mm256_setzero_si256(), _mm256_setzero_si256()};
    X86_UNROLL
    for (int o = 2 * seg; o < 2 * end; o++) {
        const __m256i x0 = four_bytes(x->low + 8 * o), x1 = four_bytes(x->low + 8 * o + 4);
        __m256i q[2][2];
        X86_UNROLL
        for (int h = 0; h < 2; h++) {
            q[0][h] = x86_dense_quad(codes, bits, o / 2, o % 2 * 2, h);
            q[1][h] = x86_dense_quad(codes, bits, o / 2, o % 2 * 2 + 1, h);
            s[h] = dense_add(dense_add(s[h], q[0][h], x0), q[1][h], x1);
        }
        if (LUTRA_UNLIKELY(x->wide[o])) add_high(total, q, x->high + 8 * o, w, weighs);
        if (o + 1 == 2 * end || 2 * (o + 1) % DENSE_PERIOD(bits) == 0) flush(total, s, w, weighs);
    }
}

X86_INLINE void next_columns(struct columns *x, int n, int of_sums)
{
    x->low += n;
    x->high += n;
    x->wide += n / 8;
    x->sums += n / of_sums;
}

/* ---- sub-scales and minima ---- */

/* u += sub-scales (or minima) of groups [g, g + n) times x[0..n) of int16, pairs of them. */
static void add_weighed(struct ints *u, const uint8_t *unit, enum lutra_scale_kind kind, int g, int n,
                        const int16_t *x)
{
    const bool min = kind != LUTRA_SCALE_SUB;
    for (int i = 0; i < n; i += 2) {
        int32_t both;
        memcpy(&both, x + i, sizeof both);
        __m128i a = x86_sub_bytes(kind, unit, g + i, min), b = x86_sub_bytes(kind, unit, g + i + 1, min);
        __m128i lo = _mm_unpacklo_epi8(a, b), hi = _mm_unpackhi_epi8(a, b);
        __m256i first = min ? _mm256_cvtepu8_epi16(lo) : _mm256_cvtepi8_epi16(lo);
        __m256i second = min ? _mm256_cvtepu8_epi16(hi) : _mm256_cvtepi8_epi16(hi);
        u->lo = _mm256_add_epi32(u->lo, _mm256_madd_epi16(first, _mm256_set1_epi32(both)));
        u->hi = _mm256_add_epi32(u->hi, _mm256_madd_epi16(second, _mm256_set1_epi32(both)));
    }
}

/* Sum of mn (sc, if there are no minima) times X over n groups from g on, n 4, 8 or 16. X is low + 2^16 *
 * high, and high zero but where codes are very large. Once a run: one copy of this code will do. */
static __attribute__((noinline)) void weighed_x(struct ints *u, const uint8_t *unit,
                                                enum lutra_scale_kind kind, int g, int n, const float *sums)
{
    int16_t low[16], high[16];
    struct ints top = {_mm256_setzero_si256(), _mm256_setzero_si256()};
    __m128i any = _mm_setzero_si128();
    for (int i = 0; i < n; i += 4) {
        __m128i x = _mm_cvtps_epi32(_mm_loadu_ps(sums + i));
        __m128i up = _mm_srai_epi32(_mm_add_epi32(x, _mm_set1_epi32(1 << 15)), 16);
        x = _mm_sub_epi32(x, _mm_slli_epi32(up, 16));
        any = _mm_or_si128(any, up);
        _mm_storel_epi64((__m128i *)(void *)(low + i), _mm_packs_epi32(x, x));
        _mm_storel_epi64((__m128i *)(void *)(high + i), _mm_packs_epi32(up, up));
    }
    *u = top;
    add_weighed(u, unit, kind, g, n, low);
    if (LUTRA_LIKELY(_mm_testz_si128(any, any))) return;
    add_weighed(&top, unit, kind, g, n, high);
    u->lo = _mm256_add_epi32(u->lo, _mm256_slli_epi32(top.lo, 16));
    u->hi = _mm256_add_epi32(u->hi, _mm256_slli_epi32(top.hi, 16));
}

/* ---- a tile ---- */

/* Reads lines in the order they lie where the caller does not, so that the core fetches what comes next: see
 * dense_avx512.c. From memory 1.02 to 1.12 times as fast on a Zen 4 as with instructions that fetch. */
X86_INLINE void touch(const uint8_t *p, int bytes)
{
    X86_UNROLL
    for (int i = 0; i < bytes; i += 64) __asm__ volatile("" : : "x"(x86_load(p + i)));
}

X86_INLINE struct x86_rows add_product(struct x86_rows acc, struct x86_rows d, __m256 lo, __m256 hi)
{
    acc.lo = _mm256_add_ps(acc.lo, _mm256_mul_ps(d.lo, lo));
    acc.hi = _mm256_add_ps(acc.hi, _mm256_mul_ps(d.hi, hi));
    return acc;
}

/* Groups that stand alone: D * (S - offset * X), then + M * X. S and offset * X are integers below 2^24,
 * so floats. */
X86_INLINE struct x86_rows add_group(struct x86_rows acc, const __m256i total[2], struct x86_rows d,
                                     struct x86_rows min, bool has_min, int offset, float sum)
{
    __m256 lo = _mm256_cvtepi32_ps(total[0]), hi = _mm256_cvtepi32_ps(total[1]);
    const __m256 x = _mm256_set1_ps(sum), minus = _mm256_set1_ps((float)offset * sum);
    if (has_min) return add_product(add_product(acc, d, lo, hi), min, x, x);
    return add_product(acc, d, _mm256_sub_ps(lo, minus), _mm256_sub_ps(hi, minus));
}

/* Runs of weighed groups: d * (total - offset * sum of sc * X), then - dmin * sum of mn * X. */
X86_INLINE struct x86_rows add_run(struct x86_rows acc, const __m256i total[2], struct x86_rows d,
                                   struct x86_rows dmin, bool has_min, int offset, struct ints u)
{
    if (!has_min) {
        const __m256i by = _mm256_set1_epi32(offset);
        __m256i lo = _mm256_sub_epi32(total[0], _mm256_mullo_epi32(u.lo, by));
        __m256i hi = _mm256_sub_epi32(total[1], _mm256_mullo_epi32(u.hi, by));
        return add_product(acc, d, _mm256_cvtepi32_ps(lo), _mm256_cvtepi32_ps(hi));
    }
    acc = add_product(acc, d, _mm256_cvtepi32_ps(total[0]), _mm256_cvtepi32_ps(total[1]));
    acc.lo = _mm256_sub_ps(acc.lo, _mm256_mul_ps(dmin.lo, _mm256_cvtepi32_ps(u.lo)));
    acc.hi = _mm256_sub_ps(acc.hi, _mm256_mul_ps(dmin.hi, _mm256_cvtepi32_ps(u.hi)));
    return acc;
}

/* One tile. All but m, a, v and tile are constants of the caller; group is where it matters. */
X86_INLINE struct x86_rows dense_tile(const struct lutra_mat *m, const struct lutra_act *a, int v, int tile,
                                      int bits, int group, enum lutra_scale_kind kind)
{
    const bool is_super = kind != LUTRA_SCALE_F16 && kind != LUTRA_SCALE_F16_MIN;
    const bool weighs = is_super && bits != 6, has_min = x86_has_min(kind);
    const int unit_k = is_super ? 256 : group;
    const int segs = is_super && kind != LUTRA_SCALE_SUB_MIN ? 1 : 2; /* segments of a group in a block */
    const int run = bits == 6 ? 256 : !weighs ? group : bits == 5 ? 128 : 256; /* taken together */
    const int offset = bits == 2 ? 1 : 1 << (bits - 1); /* of types without minima */
    const struct lutra_bytes b = lutra_bytes_of(a, v);
    const uint8_t *unit = lutra_mat_tile(m, tile);
    struct columns x = {b.low, b.high, b.wide, group == 16 ? b.x16 : b.x32};
    struct x86_rows acc = {_mm256_setzero_ps(), _mm256_setzero_ps()};
    for (int k = 0; k < m->n_cols; k += unit_k, unit += m->unit_bytes) {
        const uint8_t *codes = unit + lutra_scale_bytes(kind);
        const struct x86_rows d = x86_halves(unit), dmin = has_min ? x86_halves(unit + 32) : d;
        if (is_super) touch(unit, lutra_scale_bytes(kind));
        fetch_ahead(a->fetch, unit, lutra_scale_bytes(kind));
        for (int r = 0; r < unit_k; r += run) {
            __m256i total[2] = {_mm256_setzero_si256(), _mm256_setzero_si256()};
            const float *sums = x.sums;
            for (int c = r; c < r + run; c += LUTRA_DENSE_K, codes += 64 * bits) {
                if (bits != 2 && bits != 4) touch(codes, 64 * bits);
                fetch_ahead(a->fetch, codes, 64 * bits);
                X86_UNROLL
                for (int seg = 0; seg < 2; seg += segs) {
                    const int g = (c + 16 * seg) / group;
                    __m256i w[2] = {total[0], total[0]}; /* of no use but if weighs */
                    if (weighs) {
                        const __m128i sc = x86_sub_bytes(kind, unit, g, false);
                        w[0] = dense_weights(sc, 0, kind == LUTRA_SCALE_SUB);
                        w[1] = dense_weights(sc, 1, kind == LUTRA_SCALE_SUB);
                    }
                    add_segments(total, codes, bits, seg, seg + segs, &x, w, weighs);
                    if (bits != 6) continue;
                    const struct x86_rows by = x86_group_d(kind, unit, g, d); /* Q6_K: each group alone */
                    acc = add_group(acc, total, by, by, false, offset, x.sums[seg]);
                    total[0] = total[1] = _mm256_setzero_si256();
                }
                next_columns(&x, LUTRA_DENSE_K, group == 16 ? 16 : 32);
            }
            if (weighs) {
                struct ints u;
                weighed_x(&u, unit, kind, r / group, run / group, sums);
                acc = add_run(acc, total, d, dmin, has_min, offset, u);
            } else if (bits != 6) {
                float sum = sums[0];
                for (int i = 1; i < group / 32; i++) sum += sums[i];
                acc = add_group(acc, total, d, dmin, has_min, offset, sum);
            }
        }
    }
    return acc;
}

/* ---- types ---- */

typedef struct x86_rows dense_fn(const struct lutra_mat *, const struct lutra_act *, int, int);

#define ONE(type, name, bits, group, kind)                                                               \
    static struct x86_rows dense_##name(const struct lutra_mat *m, const struct lutra_act *a,            \
                                        int v, int tile)                                                 \
    {                                                                                                    \
        return dense_tile(m, a, v, tile, bits, group, kind);                                             \
    }

X86_CODE_TYPES(ONE)
ONE(TQ2_0, 2_bits, 2, m->group, LUTRA_SCALE_F16) /* Q2_0, TQ1_0, too */

static dense_fn *dense_of(int type)
{
    switch (type) {
#define CASE(type, name, bits, group, kind)                                                              \
    case LUTRA_TYPE_##type:                                                                              \
        return dense_##name;
        X86_CODE_TYPES(CASE)
    default:
        return dense_2_bits;
    }
}

void lutra_dense_few_avx2(float *y, size_t y_stride, const struct lutra_mat *m,
                          const struct lutra_act *a, int v0, int v1, int tile0, int tile1)
{
    dense_fn *fn = dense_of(m->type);
    for (int t = tile0; t < tile1; t++)
        for (int v = v0; v < v1; v++)
            x86_store_rows(y + (size_t)v * y_stride + t * LUTRA_TILE_ROWS, fn(m, a, v, t), a->scale[v],
                           m->n_rows - t * LUTRA_TILE_ROWS);
}

void lutra_split_codes_avx2(const struct lutra_act *a, int v, int k0, int k1)
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
