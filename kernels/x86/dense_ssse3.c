/* SPDX-License-Identifier: MIT */
/* One vector times DENSE codes of 4 to 6 bits as they lie, with SSSE3: shifted and masked, four columns
 * of four rows are an operand of pmaddubsw. 20 instructions for 64 weights of 4 bits, 34 of 5, 43 of 6;
 * tables take 48, 72, 72. High bytes of activations, which few octets have, are visited in the groups
 * that have them. */
#include "kernels/ops.h"
#include "kernels/x86/x128.h"
#include "kernels/x86/x86_init.h"

/* Make the compiler forget where a pointer came from: what it loaded there it loads again. */
#define FORGET(p) __asm__("" : "+r"(p))

/* Four bytes of 16 in every lane. */
X128_INLINE __m128i quad_of(__m128i x, int i)
{
    return i == 0   ? _mm_shuffle_epi32(x, 0x00)
           : i == 1 ? _mm_shuffle_epi32(x, 0x55)
           : i == 2 ? _mm_shuffle_epi32(x, 0xaa)
                    : _mm_shuffle_epi32(x, 0xff);
}

/* total += w * (codes of `quads` quads from quad0 on of a block, times their bytes), times 2^shift. A lane
 * of int16 holds two columns of a quad: 8 quads of 4 bits are 8 * 2 * 15 * 128 = 30720, 4 of 5 bits 31744,
 * 2 of 6 bits 32256. */
X128_INLINE void add_block(struct x128_ints *total, const uint8_t *codes, int bits, int quad0, int quads,
                           const int8_t *bytes, struct x128_ints w, int shift)
{
    const int most = bits == 4 ? 8 : bits == 5 ? 4 : 2;
    struct x128_ints s = x128_zero(); /* minus the sums: gcc needs a move for every addition */
    X128_UNROLL
    for (int q = 0; q < quads; q++) {
        const __m128i x = quad_of(x128_load(bytes + (quad0 + q) / 4 * 16), q % 4);
        X128_UNROLL
        for (int i = 0; i < 4; i++) {
            __m128i p = _mm_maddubs_epi16(x128_dense_quad(codes, bits, quad0 + q, i), x);
            if (bits == 4)
                s.v[i] = _mm_sub_epi16(s.v[i], p);
            else
                s.v[i] = q % most ? _mm_add_epi16(s.v[i], p) : p;
            X128_PIN(s.v[i]);
        }
        if ((q + 1) % most && q + 1 < quads) continue;
        X128_UNROLL
        for (int i = 0; i < 4; i++) {
            __m128i t = _mm_madd_epi16(s.v[i], w.v[i]);
            t = _mm_slli_epi32(t, shift);
            total->v[i] = bits == 4 ? _mm_sub_epi32(total->v[i], t) : _mm_add_epi32(total->v[i], t);
        }
        s = x128_zero();
    }
}

/* sc of 16 rows, each twice; only for SUB_MIN. */
X128_INLINE struct x128_ints twice(const uint8_t *unit, int g)
{
    const __m128i sc = x128_sub_bytes(LUTRA_SCALE_SUB_MIN, unit, g);
    return x128_pairs(sc, sc);
}

X128_INLINE struct x128_ints ones(void)
{
    const __m128i one = _mm_set1_epi16(1);
    struct x128_ints r = {{one, one, one, one}};
    return r;
}

/* One tile. What follows `sums` is a constant of the caller. */
X128_INLINE struct x128_rows dense_tile(const struct lutra_mat *m, const uint8_t *unit,
                                        struct lutra_bytes b, const int32_t *sums, int bits, int group,
                                        int run, enum lutra_scale_kind kind)
{
    const bool is_super = kind != LUTRA_SCALE_F16 && kind != LUTRA_SCALE_F16_MIN;
    const int unit_k = is_super ? 256 : group, quads = group / 4, span = run > 32 ? run : 32;
    const int groups = run / group;
    struct x128_rows acc = x128_set(0.0f);
    for (int k = 0; k < m->n_cols; k += unit_k, unit += m->unit_bytes) {
        const struct x128_rows d = x128_halves(unit);
        const struct x128_rows dmin = x128_has_min(kind) ? x128_halves(unit + 32) : d;
        const uint8_t *codes = unit + m->scale_bytes;
        struct x128_ints total = x128_zero();
        for (int g = 0; g < unit_k / group;) {
            for (int i = 0; i < span; i += 32, codes += 64 * bits, b.low += 32, b.high += 32, b.wide += 4) {
                x128_prefetch(codes, 64 * (size_t)bits);
                X128_UNROLL
                for (int q = 0; q < 8; q += quads, g++) {
                    const struct x128_ints w = groups > 1 ? twice(unit, g) : ones();
                    uint32_t wide = 0;
                    memcpy(&wide, b.wide + q / 2, (size_t)quads / 2);
                    add_block(&total, codes, bits, q, quads, b.low, w, 0);
                    if (wide) {
                        const uint8_t *again = codes;
                        FORGET(again);
                        add_block(&total, again, bits, q, quads, b.high, w, 8);
                    }
                    if (groups > 1) continue;
                    acc = x128_add_group(acc, total, group == 16 ? sums[0] : sums[0] + sums[1],
                                         m->offset, unit, g, d, dmin, kind);
                    total = x128_zero();
                    sums += group / 16;
                }
            }
            if (groups == 1) continue;
            acc = x128_add_run(acc, total, sums, unit, g - groups, groups, d, dmin, kind);
            total = x128_zero();
            sums += run / 16;
        }
    }
    return acc;
}

X128_INLINE void dense_tiles(float *y, const struct lutra_mat *m, const struct lutra_act *a, int v,
                             int tile0, int tile1, int bits, int group, int run,
                             enum lutra_scale_kind kind)
{
    const int32_t *sums = a->sums + (size_t)v * (size_t)(a->k_pad / 16);
    const struct lutra_bytes b = lutra_bytes_of(a, v);
    for (int t = tile0; t < tile1; t++) {
        struct x128_rows acc = dense_tile(m, lutra_mat_tile(m, t), b, sums, bits, group, run, kind);
        x128_store_rows(y + t * LUTRA_TILE_ROWS, acc, a->scale[v], m->n_rows - t * LUTRA_TILE_ROWS);
    }
}

#define DENSE(name, bits, group, run, kind)                                                        \
    static void name(float *y, const struct lutra_mat *m, const struct lutra_act *a, int v,        \
                     int tile0, int tile1)                                                         \
    {                                                                                              \
        dense_tiles(y, m, a, v, tile0, tile1, bits, group, run, kind);                             \
    }

DENSE(dense_q4_0, 4, 32, 32, LUTRA_SCALE_F16)
DENSE(dense_q4_1, 4, 32, 32, LUTRA_SCALE_F16_MIN)
DENSE(dense_q4_k, 4, 32, 256, LUTRA_SCALE_SUB_MIN)
DENSE(dense_q5_0, 5, 32, 32, LUTRA_SCALE_F16)
DENSE(dense_q5_1, 5, 32, 32, LUTRA_SCALE_F16_MIN)
DENSE(dense_q5_k, 5, 32, 128, LUTRA_SCALE_SUB_MIN)
DENSE(dense_q6_k, 6, 16, 16, LUTRA_SCALE_SUB)

bool lutra_dense_dot_ssse3(float *y, const struct lutra_mat *m, const struct lutra_act *a, int v,
                           int tile0, int tile1)
{
    static const struct {
        enum lutra_scale_kind kind;
        int bits, group;
        void (*dot)(float *, const struct lutra_mat *, const struct lutra_act *, int, int, int);
    } ways[] = {
        {LUTRA_SCALE_F16, 4, 32, dense_q4_0},     {LUTRA_SCALE_F16_MIN, 4, 32, dense_q4_1},
        {LUTRA_SCALE_SUB_MIN, 4, 32, dense_q4_k}, {LUTRA_SCALE_F16, 5, 32, dense_q5_0},
        {LUTRA_SCALE_F16_MIN, 5, 32, dense_q5_1}, {LUTRA_SCALE_SUB_MIN, 5, 32, dense_q5_k},
        {LUTRA_SCALE_SUB, 6, 16, dense_q6_k},
    };
    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
        if (m->scales == ways[i].kind && m->bits == ways[i].bits && m->group == ways[i].group) {
            ways[i].dot(y, m, a, v, tile0, tile1);
            return true;
        }
    }
    return false;
}

void lutra_split_codes_ssse3(const struct lutra_act *a, int v, int k0, int k1)
{
    const int16_t *codes = a->codes + (size_t)v * (size_t)a->k_pad;
    const struct lutra_bytes b = lutra_bytes_of(a, v);
    lutra_bytes_sums(a, v, k0, k1);
    for (int k = k0; k < k1; k += 16) {
        int quads = x128_split(b.low + k, b.high + k, codes + k);
        b.wide[k / 8] = (quads & 3) != 0;
        b.wide[k / 8 + 1] = quads > 3;
    }
}
