/* SPDX-License-Identifier: MIT */
/* Table lookup on NEON (ARMv8.0): builds the quad and triple tables, multiplies PLANES and TERN
 * tiles with one vector.
 *
 * Counted for Cortex-A76 (two vector pipes; tbl, saddl, add: two a cycle; shifts one): 16 lookups
 * of a quad cost one index, two tbl (low and high byte), two saddl and two add. */
#include "kernels/arm/lookup_neon.h"
#include "kernels/lut_init.h"

/* ---- activation tables ---- */

static const uint16_t bit_mask[3][8] = {{0, 0xffff, 0, 0xffff, 0, 0xffff, 0, 0xffff},
                                        {0, 0, 0xffff, 0xffff, 0, 0, 0xffff, 0xffff},
                                        {0, 0, 0, 0, 0xffff, 0xffff, 0xffff, 0xffff}};

static void quad_tables(uint8_t *tab, const int16_t *codes, int n)
{
    const int16x8_t m0 = vreinterpretq_s16_u16(vld1q_u16(bit_mask[0]));
    const int16x8_t m1 = vreinterpretq_s16_u16(vld1q_u16(bit_mask[1]));
    const int16x8_t m2 = vreinterpretq_s16_u16(vld1q_u16(bit_mask[2]));
    const int16x8_t half = vdupq_n_s16(128); /* lo is signed: hi rounds to nearest */

    for (int k = 0; k < n; k += 4, tab += 32) {
        int16x4_t c = vld1_s16(codes + k);
        int16x8_t e =
            vaddq_s16(vandq_s16(vdupq_lane_s16(c, 0), m0), vandq_s16(vdupq_lane_s16(c, 1), m1));
        int16x8_t f;

        e = vaddq_s16(e, vandq_s16(vdupq_lane_s16(c, 2), m2));
        f = vaddq_s16(e, vdupq_lane_s16(c, 3));
        vst1q_s8((int8_t *)tab, vuzp1q_s8(vreinterpretq_s8_s16(e), vreinterpretq_s8_s16(f)));
        e = vaddq_s16(e, half);
        f = vaddq_s16(f, half);
        vst1q_s8((int8_t *)tab + 16, vuzp2q_s8(vreinterpretq_s8_s16(e), vreinterpretq_s8_s16(f)));
    }
}

/* Triple table, 64 bytes: e = 32*h + l with l in -16..15; l for v >= 0, l for v < 0, h likewise:
 * two 32-entry tables, index |v| + 16 * sign. Eight l or h of a tile step add up inside a byte. */
enum { TRIP_BYTES = 64 };

/* trits of 0..13 in balanced base 3; 14 and 15 do not occur */
static const int8_t trit_a[16] = {0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0, 0};
static const int8_t trit_b[16] = {0, 0, 1, 1, 1, -1, -1, -1, 0, 0, 0, 1, 1, 1, 0, 0};
static const int8_t trit_c[16] = {0, 1, -1, 0, 1, -1, 0, 1, -1, 0, 1, -1, 0, 1, 0, 0};

/* p = entries + 16: l and h of 16 entries, and of their negatives: those of l = -16 carry. */
ARM_INLINE void trip_store(int8_t *t, int16x8_t p0, int16x8_t p1)
{
    const int8x16_t least = vdupq_n_s8(-16);
    uint8x16_t low = vuzp1q_u8(vreinterpretq_u8_s16(p0), vreinterpretq_u8_s16(p1));
    uint8x16_t high = vuzp2q_u8(vreinterpretq_u8_s16(p0), vreinterpretq_u8_s16(p1));
    int8x16_t l = vaddq_s8(vreinterpretq_s8_u8(vandq_u8(low, vdupq_n_u8(31))), least);
    int8x16_t h = vreinterpretq_s8_u8(vsliq_n_u8(vshrq_n_u8(low, 5), high, 3));
    int8x16_t carry = vreinterpretq_s8_u8(vceqq_s8(l, least)); /* -1 or 0 */

    vst1q_s8(t, l);
    vst1q_s8(t + 16, vsubq_s8(vandq_s8(carry, vdupq_n_s8(-32)), l));
    vst1q_s8(t + 32, h);
    vst1q_s8(t + 48, vnegq_s8(vaddq_s8(h, carry)));
}

static void trip_tables(uint8_t *tab, const int16_t *codes, int n)
{
    const int8x16_t a = vld1q_s8(trit_a), b = vld1q_s8(trit_b), c = vld1q_s8(trit_c);
    const int16x8_t half = vdupq_n_s16(16);

    for (int k = 0; k < n; k += 3, tab += TRIP_BYTES) {
        int8x16_t x = vdupq_n_s8((int8_t)codes[k]);
        int8x16_t y = vdupq_n_s8((int8_t)codes[k + 1]);
        int8x16_t z = vdupq_n_s8((int8_t)codes[k + 2]);
        int16x8_t p0 = vmlal_s8(half, vget_low_s8(a), vget_low_s8(x));
        int16x8_t p1 = vmlal_high_s8(half, a, x);

        p0 = vmlal_s8(p0, vget_low_s8(b), vget_low_s8(y));
        p1 = vmlal_high_s8(p1, b, y);
        p0 = vmlal_s8(p0, vget_low_s8(c), vget_low_s8(z));
        p1 = vmlal_high_s8(p1, c, z);
        trip_store((int8_t *)tab, p0, p1);
    }
}

/* ---- PLANES ---- */

/* The odd plane of one step: even bytes belong to quads 0 and 1, odd bytes to quads 2 and 3, so the
 * tables go in pairs and odd bytes get index + 16. */
ARM_INLINE struct sums look_odd(struct sums s, const uint8_t *code, const uint8_t *tab, bool first)
{
    const int8_t *t = (const int8_t *)tab;
    const int8x16x2_t lo0 = table_pair(t, t + 64);
    const int8x16x2_t hi0 = table_pair(t + 16, t + 80);
    const int8x16x2_t lo1 = table_pair(t + 32, t + 96);
    const int8x16x2_t hi1 = table_pair(t + 48, t + 112);
    const uint8x16_t second = vreinterpretq_u8_u16(vdupq_n_u16(0x1000));

    ARM_UNROLL
    for (int i = 0; i < 2; i++) {
        uint8x16_t c = vld1q_u8(code + 16 * i);
        uint8x16_t e0 = vorrq_u8(vandq_u8(c, vdupq_n_u8(15)), second);
        uint8x16_t e1 = vorrq_u8(vshrq_n_u8(c, 4), second);
        int8x16_t l0 = vqtbl2q_s8(lo0, e0), l1 = vqtbl2q_s8(lo1, e1);
        int8x16_t h0 = vqtbl2q_s8(hi0, e0), h1 = vqtbl2q_s8(hi1, e1);

        widen_add(s.lo + 2 * i, l0, l1, first);
        widen_add(s.hi + 2 * i, h0, h1, first);
    }
    return s;
}

/* Sums of a group over all planes, highest plane first as in Horner's rule, so that one set of
 * int16 accumulators is enough; lut.h shows why int16 is enough. Odd lanes still lack their
 * factor 2. */
ARM_INLINE struct sums group_sums(const uint8_t *code, const uint8_t *tab, int bits, int group)
{
    const int pairs = bits / 2, steps = group / LUTRA_STEP_K, step_bytes = bits * 32;
    const int16x8_t zero = vdupq_n_s16(0);
    struct sums acc = {{zero, zero, zero, zero}, {zero, zero, zero, zero}};

    if (bits % 2) {
        for (int s = 0; s < steps; s++)
            acc = look_odd(acc, code + s * step_bytes + pairs * 64, tab + s * 128, s == 0);
        acc = sums_shift(acc, 2, 1); /* both lanes are the same plane */
    }
    for (int p = pairs - 1; p >= 0; p--) {
        const bool top = p == pairs - 1;

        if (!top) acc = sums_shift(acc, 2, 2);
        for (int s = 0; s < steps; s++) {
            const uint8_t *c = code + s * step_bytes + p * 32;

            acc = look_pair(acc, c, tab + s * 128, top && s == 0 && bits % 2 == 0);
            acc = look_pair(acc, c + pairs * 32, tab + s * 128 + 64, false);
        }
    }
    return acc;
}

/* start + S of a group, rows in natural order */
ARM_INLINE struct ints group_ints(const uint8_t *code, const uint8_t *tab, int bits, int group,
                                  int32_t start)
{
    struct ints r = sums_join(group_sums(code, tab, bits, group));
    const int32x4_t from = vdupq_n_s32(start);

    ARM_UNROLL
    for (int i = 0; i < 2; i++) {
        r.v[2 * i] = vaddq_s32(r.v[2 * i], from);
        r.v[2 * i + 1] = vaddq_s32(r.v[2 * i + 1], from);
    }
    return r;
}

/* One bit: an octet of 32 rows lies like a plane pair of 16, see lut.h. */
void lutra_planes_bits_neon(const struct planes_job *j)
{
    const struct lutra_mat *m = j->m;
    const int16x8_t zero = vdupq_n_s16(0);

    for (int t = j->tile0; t < j->tile1; t++) {
        const uint8_t *unit = lutra_mat_tile(m, t), *tab = j->tab;
        const int row = t * LUTRA_BIT_ROWS;
        struct lutra_rows acc[2] = {rows_fill(0.0f), rows_fill(0.0f)};

        for (int k = 0; k < m->n_cols; k += m->unit_k, unit += m->unit_bytes) {
            const uint8_t *code = unit + m->scale_bytes;
            const int32_t x = m->offset * group_codes(j->sums + k / 16, m->unit_k);
            const int32x4_t by = vdupq_n_s32(m->mul - 1), from = vdupq_n_s32(MAGIC - x);
            struct sums s = {{zero, zero, zero, zero}, {zero, zero, zero, zero}};

            prefetch_bytes(unit, (int)m->unit_bytes);
            for (int i = 0; i < m->unit_k; i += 8, code += LUTRA_BIT_ROWS, tab += 64)
                s = look_pair(s, code, tab, false);
            ARM_UNROLL
            for (int h = 0; h < 2; h++) {
                struct ints n = sums_half(&s, h);
                ARM_UNROLL
                for (int i = 0; i < 4; i++) n.v[i] = vaddq_s32(vshlq_s32(n.v[i], by), from);
                acc[h] = rows_add(acc[h], rows_mul(rows_from_f16(unit + 32 * h),
                                                   rows_from_magic(n, 0)));
            }
        }
        for (int h = 0; h < 2; h++)
            rows_store_part(j->y + row + 16 * h, rows_scale(acc[h], j->scale),
                            m->n_rows - row - 16 * h);
    }
}

static void planes_bits(const struct planes_job *j)
{
    lutra_planes_bits_neon(j);
}

#include "kernels/arm/planes_body.h"

/* ---- TERN ---- */

enum {
    TERN_STEP_BYTES = 160,
    TERN_HEAD_BYTES =
        4 * LUTRA_TERN_ROWS, /* n_neg is not used: negative entries are in the table */
    TERN_FLUSH = 255         /* steps of at most 128 that an int16 holds */
};

struct trip_sums { /* of one step: rows 0-15 and 16-31 */
    int8x16_t l[2], h[2];
};

struct tern_sums { /* of many steps: vector i has rows 8i..8i+7 */
    int16x8_t l[4], h[4];
};

/* Entries of one triple for 32 rows. `index` is |v|; bit 4 of `sign` selects the negative half. */
ARM_INLINE struct trip_sums look_triple(const uint8_t *tab, const uint8x16_t *index,
                                        const uint8x16_t *sign)
{
    const int8x16x2_t l = vld1q_s8_x2((const int8_t *)tab);
    const int8x16x2_t h = vld1q_s8_x2((const int8_t *)tab + 32);
    struct trip_sums r;

    ARM_UNROLL
    for (int i = 0; i < 2; i++) {
        uint8x16_t e = vbslq_u8(vdupq_n_u8(16), sign[i], index[i]);
        r.l[i] = vqtbl2q_s8(l, e);
        r.h[i] = vqtbl2q_s8(h, e);
    }
    return r;
}

/* Eight triples of 32 rows. The sign bit of triple j is 7-j: doubling brings one after the other to
 * bit 4, in two runs because the first has to begin three places higher. */
ARM_INLINE struct trip_sums look_step(const uint8_t *step, const uint8_t *tab)
{
    const uint8x16_t signs[2] = {vld1q_u8(step), vld1q_u8(step + 16)}, low = vdupq_n_u8(15);
    uint8x16_t sign[2] = {vshrq_n_u8(signs[0], 3), vshrq_n_u8(signs[1], 3)};
    uint8x16_t code[2] = {low, low}, index[2];
    struct trip_sums sum, e;

    ARM_UNROLL
    for (int j = 0; j < 8; j++) {
        const uint8_t *p = step + LUTRA_TERN_ROWS * (1 + j / 2);

        ARM_UNROLL
        for (int i = 0; i < 2; i++) {
            if (j > 0) sign[i] = j == 3 ? signs[i] : vaddq_u8(sign[i], sign[i]);
            if (j % 2 == 0) code[i] = vld1q_u8(p + 16 * i);
            index[i] = j % 2 ? vshrq_n_u8(code[i], 4) : vandq_u8(code[i], low);
        }
        e = look_triple(tab + j * TRIP_BYTES, index, sign);
        ARM_UNROLL
        for (int i = 0; i < 2; i++) {
            sum.l[i] = j ? vaddq_s8(sum.l[i], e.l[i]) : e.l[i];
            sum.h[i] = j ? vaddq_s8(sum.h[i], e.h[i]) : e.h[i];
        }
    }
    return sum;
}

ARM_INLINE void tern_widen(struct tern_sums *acc, struct trip_sums s)
{
    ARM_UNROLL
    for (int i = 0; i < 2; i++) {
        acc->l[2 * i] = vaddw_s8(acc->l[2 * i], vget_low_s8(s.l[i]));
        acc->l[2 * i + 1] = vaddw_high_s8(acc->l[2 * i + 1], s.l[i]);
        acc->h[2 * i] = vaddw_s8(acc->h[2 * i], vget_low_s8(s.h[i]));
        acc->h[2 * i + 1] = vaddw_high_s8(acc->h[2 * i + 1], s.h[i]);
    }
}

/* total[0..7] += sums of n steps of a tile */
static void tern_steps(int32x4_t *total, const uint8_t *step, const uint8_t *tab, int n)
{
    const int16x8_t zero = vdupq_n_s16(0);
    struct tern_sums acc = {{zero, zero, zero, zero}, {zero, zero, zero, zero}};

    for (int s = 0; s < n; s++, step += TERN_STEP_BYTES, tab += 8 * TRIP_BYTES) {
        prefetch_bytes(step, TERN_STEP_BYTES);
        tern_widen(&acc, look_step(step, tab));
    }
    ARM_UNROLL
    for (int i = 0; i < 4; i++) {
        int32x4_t a = vshll_n_s16(vget_low_s16(acc.h[i]), 5);
        int32x4_t b = vshll_high_n_s16(acc.h[i], 5);

        total[2 * i] = vaddq_s32(total[2 * i], vaddw_s16(a, vget_low_s16(acc.l[i])));
        total[2 * i + 1] = vaddq_s32(total[2 * i + 1], vaddw_high_s16(b, acc.l[i]));
    }
}

static void tern_tile(float *y, int n, const struct lutra_mat *m, const uint8_t *tile,
                      const uint8_t *tab, float x_scale)
{
    const int steps = lutra_tern_k_pad(m->n_cols) / LUTRA_TERN_K;
    const uint8_t *code = tile + TERN_HEAD_BYTES;
    int32x4_t total[8];

    ARM_UNROLL
    for (int i = 0; i < 8; i++) total[i] = vdupq_n_s32(0);
    for (int s = 0; s < steps; s += TERN_FLUSH)
        tern_steps(total, code + (size_t)s * TERN_STEP_BYTES, tab + (size_t)s * 8 * TRIP_BYTES,
                   steps - s < TERN_FLUSH ? steps - s : TERN_FLUSH);
    ARM_UNROLL
    for (int i = 0; i < 2; i++) {
        struct lutra_rows acc = rows_fill(0.0f), s;

        ARM_UNROLL
        for (int j = 0; j < 4; j++) s.v[j] = vcvtq_f32_s32(total[4 * i + j]);
        acc = rows_add(acc, rows_scale(s, m->scale));
        rows_store_part(y + 16 * i, rows_scale(acc, x_scale), n - 16 * i);
    }
}

static void tern_lookup(float *y, const struct lutra_mat *m, const struct lutra_act *a, int v,
                        int tile0, int tile1)
{
    const uint8_t *tab = a->trips + (size_t)v * a->trip_bytes;

    for (int t = tile0; t < tile1; t++)
        tern_tile(y + (size_t)t * LUTRA_TERN_ROWS, m->n_rows - t * LUTRA_TERN_ROWS, m,
                  lutra_mat_tile(m, t), tab, a->scale[v]);
}

void lutra_lut_init_neon(struct lutra_ops *ops)
{
    ops->quad_tables = quad_tables;
    ops->trip_tables = trip_tables;
    ops->trip_bytes = TRIP_BYTES;
    ops->planes_lookup = planes_lookup;
    ops->tern_lookup = tern_lookup;
    lutra_mm_init_neon(ops);
}
