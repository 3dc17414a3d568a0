/* SPDX-License-Identifier: MIT */
/* DENSE codes times a few vectors with SDOT, straight from the packed bytes: masks and shifts make
 * quads of four rows, whose products with four bytes of a vector one instruction adds up. Four of a
 * tile's rows pass over 256 columns before the next four do, so that all their sums are in registers.
 *
 * A vector's codes are bytes, c = low + 256 * high; high ones are multiplied in the blocks of 32
 * columns that have any. Sums of a group become floats as those of lookups do (see MAGIC). */
#include "kernels/arm/arm_init.h"
#include "kernels/arm/dense_quads.h"

#if !defined(__ARM_FEATURE_DOTPROD)
#error "compile with -march=armv8.2-a+dotprod (the Makefile does so for *_dotprod.c)"
#endif

enum {
    MOST = LUTRA_FEW_VECTORS,
    COLS = LUTRA_FEW_COLS,
    CHUNK = 256, /* columns that four rows pass over: whole units */
    GROUPS = CHUNK / 16,
    RUNS = CHUNK / 128
};

/* Constants of each copy of the loops. */
struct shape {
    int nv, bits;
    bool half;  /* groups are of 16 columns, half a block */
    bool weigh; /* and stand in runs */
};

/* Numbers of vectors, once for all tiles of a call; four times each, as loads are cheaper then. */
struct numbers {
    int32_t start[MOST][COLS / 16][4];       /* [group] what sums start from */
    float back[MOST][COLS / 32][8];          /* [group] what makes floats of them, and X: with minima */
    struct sum_bytes sums[MOST][COLS / 128]; /* [run] */
};

struct few {
    const struct lutra_mat *m;
    const struct numbers *n;
    struct lutra_bytes x[MOST];
};

/* Numbers of a chunk of a tile, once for all its rows. */
struct chunk {
    int k, cols;
    float d[GROUPS][16]; /* D of groups of 16 columns ... */
    int32_t sc[GROUPS][16]; /* ... or of runs */
    int32_t minima[RUNS][MOST][16];
};

/* ---- numbers ---- */

static void vector_numbers(struct numbers *n, const struct lutra_mat *m, const int32_t *sums, int v)
{
    const int centre = centre_of(m->offset, m->bits);

    for (int k = 0, g = 0; k < m->n_cols; k += m->group, g++) {
        const int32_t x = group_codes(sums + k / 16, m->group);

        vst1q_s32(n->start[v][g], vdupq_n_s32(has_runs(m) ? -m->offset * x : MAGIC - centre * x));
        if (m->scales != LUTRA_SCALE_F16_MIN) continue;
        vst1q_f32(n->back[v][g], vdupq_n_f32((float)(MAGIC_VALUE - centre * x)));
        vst1q_f32(n->back[v][g] + 4, vdupq_n_f32((float)x));
    }
    if (!has_runs(m) || m->scales == LUTRA_SCALE_SUB) return;
    for (int k = 0; k < m->n_cols; k += m->run)
        n->sums[v][k / m->run] = split_groups(sums + k / 16, m->group, m->run / m->group);
}

ARM_INLINE enum lutra_scale_kind kind_of(struct shape sh)
{
    if (sh.half) return sh.bits == 2 ? LUTRA_SCALE_SUB_MIN4 : LUTRA_SCALE_SUB;
    return LUTRA_SCALE_SUB_MIN;
}

/* s + four columns of four rows times quad t of 16 codes; lanes must be literals */
ARM_INLINE int32x4_t add_quad(int32x4_t s, uint8x16_t rows, int8x16_t codes, int t)
{
    const int8x16_t q = vreinterpretq_s8_u8(rows);

    if (t == 0) return vdotq_laneq_s32(s, q, codes, 0);
    if (t == 1) return vdotq_laneq_s32(s, q, codes, 1);
    return t == 2 ? vdotq_laneq_s32(s, q, codes, 2) : vdotq_laneq_s32(s, q, codes, 3);
}

/* Sums of mn * X of a run whose first group of the unit is g, X in three bytes: few have a third. */
ARM_INLINE void run_minima(int32_t (*to)[16], const struct few *f, struct shape sh,
                           const uint8_t *unit, int g, int run)
{
    const int quads = sh.half ? 4 : sh.bits == 4 ? 2 : 1;
    uint8x16_t mn[4][4];

    ARM_UNROLL
    for (int j = 0; j < quads; j++) {
        uint8x16_t c[4];

        ARM_UNROLL
        for (int i = 0; i < 4; i++) c[i] = sub_minima(unit, kind_of(sh), g + 4 * j + i);
        zip_four(mn[j], c);
    }
    for (int v = 0; v < sh.nv; v++) {
        const int8x16_t *x = f->n->sums[v][run].part;
        struct ints low = ints_fill(0), middle = ints_fill(0), high = ints_fill(0);

        ARM_UNROLL
        for (int i = 0; i < 4 * quads; i++) {
            low.v[i % 4] = add_quad(low.v[i % 4], mn[i / 4][i % 4], x[0], i / 4);
            middle.v[i % 4] = add_quad(middle.v[i % 4], mn[i / 4][i % 4], x[1], i / 4);
        }
        if (vmaxvq_u32(vreinterpretq_u32_s8(x[2]))) {
            ARM_UNROLL
            for (int i = 0; i < 4 * quads; i++)
                high.v[i % 4] = add_quad(high.v[i % 4], mn[i / 4][i % 4], x[2], i / 4);
            ARM_UNROLL
            for (int i = 0; i < 4; i++)
                middle.v[i] = vaddq_s32(middle.v[i], vshlq_n_s32(high.v[i], 8));
        }
        ARM_UNROLL
        for (int i = 0; i < 4; i++)
            vst1q_s32(to[v] + 4 * i, vaddq_s32(low.v[i], vshlq_n_s32(middle.v[i], 8)));
    }
}

/* Those of a tile's chunk that four rows cannot make for themselves. */
ARM_INLINE void prepare(struct chunk *c, const struct few *f, struct shape sh, const uint8_t *unit)
{
    const struct lutra_mat *m = f->m;
    const enum lutra_scale_kind kind = kind_of(sh);
    const int each = sh.bits == 5 ? 4 : sh.half ? 16 : 8; /* groups of a run */

    if (!sh.half && !sh.weigh) return;
    for (int k = 0, g = 0; k < c->cols; k += m->unit_k, unit += m->unit_bytes) {
        const struct lutra_scales us = scales_of_unit(unit, kind);

        for (int i = 0; i < CHUNK / (sh.half ? 16 : 32); i++, g++) {
            if (!sh.weigh) {
                rows_store(c->d[g], scales_of_group(unit, us, kind, i).d);
                continue;
            }
            ints_store(c->sc[g], scale_weights(unit, kind, i));
            if (scales_have_min(kind) && i % each == 0)
                run_minima(c->minima[i / each], f, sh, unit, i, (c->k + k) / m->run + i / each);
        }
    }
}

/* ---- products ---- */

/* Sums of the halves of a block, or of all of it in s[0]. */
struct halves {
    int32x4_t v[2];
};

ARM_INLINE struct halves dot_block(struct halves s, const uint8x16_t q[8], const int8_t *codes,
                                   bool apart)
{
    ARM_UNROLL
    for (int h = 0; h < 2; h++) {
        const int8x16_t x = vld1q_s8(codes + 16 * h);
        ARM_UNROLL
        for (int t = 0; t < 4; t++)
            s.v[apart * h] = add_quad(s.v[apart * h], q[4 * h + t], x, t);
    }
    return s;
}

/* The same with high bytes, which few blocks have. */
ARM_INLINE struct halves dot_codes(struct halves s, const uint8x16_t q[8], const struct lutra_bytes *x,
                                   size_t k, bool apart)
{
    const int32x4_t none = vdupq_n_s32(0);
    struct halves high = {{none, none}};
    uint32_t wide;

    memcpy(&wide, x->wide + k / 8, sizeof wide);
    s = dot_block(s, q, x->low + k, apart);
    if (LUTRA_LIKELY(wide == 0)) return s;
    high = dot_block(high, q, x->high + k, apart);
    ARM_UNROLL
    for (int h = 0; h < 2; h++) s.v[h] = vaddq_s32(s.v[h], vshlq_n_s32(high.v[h], 8));
    return s;
}

ARM_INLINE float32x4_t four_halves(const uint8_t *p)
{
    return vcvt_f32_f16(vreinterpret_f16_u8(vld1_u8(p)));
}

/* acc + D * S, S still with MAGIC */
ARM_INLINE float32x4_t add_group(float32x4_t acc, float32x4_t d, int32x4_t s, float32x4_t back)
{
    return vaddq_f32(acc, vmulq_f32(d, vsubq_f32(vreinterpretq_f32_s32(s), back)));
}

/* acc + D * S, then + M * X: a group of 32 columns and more */
ARM_INLINE float32x4_t add_unit(float32x4_t acc, const uint8_t *unit, int i, int32x4_t s,
                                const float back[8], bool minima)
{
    const float32x4_t d = four_halves(unit + 8 * i);

    if (!minima) return add_group(acc, d, s, vdupq_n_f32(MAGIC_VALUE));
    acc = add_group(acc, d, s, vld1q_f32(back));
    return vaddq_f32(acc, vmulq_f32(four_halves(unit + 32 + 8 * i), vld1q_f32(back + 4)));
}

/* acc + d * total, then - dmin * sum */
ARM_INLINE float32x4_t add_run(float32x4_t acc, const uint8_t *unit, int i, int32x4_t total,
                               const int32_t sum[16], bool minima)
{
    acc = vaddq_f32(acc, vmulq_f32(four_halves(unit + 8 * i), vcvtq_f32_s32(total)));
    if (!minima) return acc;
    const float32x4_t x = vcvtq_f32_s32(vld1q_s32(sum + 4 * i));
    return vsubq_f32(acc, vmulq_f32(four_halves(unit + 32 + 8 * i), x));
}

/* Rows 4i .. of a chunk whose first unit is `unit`. */
ARM_INLINE void quarter(float (*acc)[16], const struct few *f, const struct chunk *c,
                        const uint8_t *unit, int i, struct shape sh)
{
    const struct lutra_mat *m = f->m;
    const bool plain = !sh.half && !sh.weigh;
    const bool apart = sh.half || sh.nv == 1; /* shorter chains of sums, if there are no others */
    const size_t unit_k = sh.half || sh.weigh ? CHUNK : sh.bits > 2 ? LUTRA_DENSE_K : (size_t)m->unit_k;
    const size_t group = sh.half ? 16 : sh.bits > 2 ? LUTRA_DENSE_K : (size_t)m->group;
    const size_t run = !sh.weigh ? group : sh.bits == 5 ? CHUNK / 2 : CHUNK;
    const size_t k1 = (size_t)(c->k + c->cols), unit_bytes = m->unit_bytes;
    const size_t scale_bytes = m->scale_bytes;
    const bool minima = plain ? m->scales == LUTRA_SCALE_F16_MIN : scales_have_min(kind_of(sh));
    const int32x4_t none = vdupq_n_s32(0);
    const int32_t (*start[MOST])[4], (*sc)[16] = c->sc;
    const float (*back[MOST])[8], (*d)[16] = c->d;
    struct lutra_bytes x[MOST];
    int32x4_t total[MOST];
    float32x4_t a[MOST];

    ARM_UNROLL
    for (int v = 0; v < sh.nv; v++) {
        a[v] = vld1q_f32(acc[v] + 4 * i);
        total[v] = none;
        start[v] = f->n->start[v] + (size_t)c->k / group;
        back[v] = f->n->back[v] + (size_t)c->k / group;
        x[v] = f->x[v];
    }
    for (size_t k = (size_t)c->k; k < k1; unit += unit_bytes) {
        const uint8_t *code = unit + scale_bytes;
        const int32_t (*sum)[MOST][16] = c->minima;

        for (size_t at = 0; at < unit_k; code += 64 * sh.bits) {
            uint8x16_t q[8];

            dense_quads(q, code, sh.bits, i);
            ARM_UNROLL
            for (int v = 0; v < sh.nv; v++) {
                struct halves s = {{none, none}};

                if (plain && (at & (group - 1))) s.v[0] = total[v];
                else if (!sh.weigh || sh.bits == 3) s.v[0] = vld1q_s32(start[v][0]);
                if (sh.bits == 3 || sh.bits == 6) s.v[1] = vld1q_s32(start[v][1]);
                s = dot_codes(s, q, &x[v], k, apart);
                if (!sh.half && apart) s.v[0] = vaddq_s32(s.v[0], s.v[1]);
                if (plain) {
                    total[v] = s.v[0];
                    continue;
                }
                ARM_UNROLL
                for (int h = 0; h <= sh.half; h++) {
                    if (sh.weigh)
                        total[v] = vmlaq_s32(total[v], s.v[h], vld1q_s32(sc[h] + 4 * i));
                    else
                        a[v] = add_group(a[v], vld1q_f32(d[h] + 4 * i), s.v[h],
                                         vdupq_n_f32(MAGIC_VALUE));
                }
            }
            k += LUTRA_DENSE_K;
            at += LUTRA_DENSE_K;
            sc += 1 + sh.half;
            d += 1 + sh.half;
            ARM_UNROLL
            for (int v = 0; v < sh.nv; v++) start[v] += plain ? 0 : 1 + sh.half;
            if ((at & (run - 1)) || (sh.half && !sh.weigh)) continue;
            ARM_UNROLL
            for (int v = 0; v < sh.nv; v++) {
                if (plain)
                    a[v] = add_unit(a[v], unit, i, total[v], *back[v]++, minima);
                else
                    a[v] = add_run(a[v], unit, i, total[v], (*sum)[v], minima);
                total[v] = none;
                if (plain) start[v]++;
            }
            sum++;
        }
    }
    ARM_UNROLL
    for (int v = 0; v < sh.nv; v++) vst1q_f32(acc[v] + 4 * i, a[v]);
}

/* acc + a chunk */
ARM_INLINE void all_rows(float (*acc)[16], const struct few *f, struct chunk *c, const uint8_t *unit,
                         struct shape sh)
{
    const int bytes = (int)f->m->unit_bytes * (c->cols / f->m->unit_k);

    for (int at = 0; at < bytes; at += 256) {
        ARM_UNROLL
        for (int i = 0; i < 256; i += 64) __builtin_prefetch(unit + at + i + LUTRA_ARM_AHEAD);
    }
    prepare(c, f, sh, unit);
    for (int i = 0; i < 4; i++) quarter(acc, f, c, unit, i, sh);
}

typedef void rows_fn(float (*acc)[16], const struct few *f, struct chunk *c, const uint8_t *unit);

/* One copy for each width and kind of group, and for one, two or four vectors. */
#define SHAPES(X) X(2, 0, 0) X(2, 1, 1) X(3, 1, 1) X(4, 0, 0) X(4, 0, 1) X(5, 0, 0) X(5, 0, 1) X(6, 1, 0)
#define ROWS(nv, bits, half, weigh)                                                                \
    static void rows_##nv##_##bits##_##weigh(float (*acc)[16], const struct few *f,                \
                                             struct chunk *c, const uint8_t *unit)                 \
    {                                                                                              \
        all_rows(acc, f, c, unit, (struct shape){nv, bits, half, weigh});                          \
    }
#define COPIES(bits, half, weigh)                                                                  \
    ROWS(1, bits, half, weigh) ROWS(2, bits, half, weigh) ROWS(4, bits, half, weigh)
#define ENTRY(bits, half, weigh)                                                                   \
    [bits][weigh] = {rows_1_##bits##_##weigh, rows_2_##bits##_##weigh, rows_4_##bits##_##weigh},

SHAPES(COPIES)

static rows_fn *const copies[7][2][3] = {SHAPES(ENTRY)};

/* y of vectors [v0, v0 + nv), nv = 1, 2, 4 */
static void few_vectors(float *y, size_t y_stride, const struct lutra_mat *m,
                        const struct lutra_act *a, int v0, int nv, int tile0, int tile1,
                        struct numbers *n)
{
    rows_fn *const f = copies[m->bits][has_runs(m)][nv / 2];
    struct few few = {.m = m, .n = n};
    struct chunk c;

    for (int v = 0; v < nv; v++) {
        few.x[v] = lutra_bytes_of(a, v0 + v);
        vector_numbers(n, m, a->sums + (size_t)(v0 + v) * (size_t)(a->k_pad / 16), v);
    }
    for (int t = tile0; t < tile1; t++) {
        const uint8_t *unit = lutra_mat_tile(m, t);
        float acc[MOST][16] = {{0.0f}};

        for (c.k = 0; c.k < m->n_cols; c.k += c.cols) {
            c.cols = m->n_cols - c.k < CHUNK ? m->n_cols - c.k : CHUNK;
            f(acc, &few, &c, unit);
            unit += (size_t)(c.cols / m->unit_k) * m->unit_bytes;
        }
        for (int v = 0; v < nv; v++)
            rows_store_part(y + (size_t)(v0 + v) * y_stride + (size_t)t * LUTRA_TILE_ROWS,
                            rows_scale(rows_load(acc[v]), a->scale[v0 + v]),
                            m->n_rows - t * LUTRA_TILE_ROWS);
    }
}

size_t lutra_dense_few_scratch(void)
{
    return sizeof(struct numbers);
}

void lutra_dense_few_dotprod(float *y, size_t y_stride, const struct lutra_mat *m,
                             const struct lutra_act *a, int v0, int v1, int tile0, int tile1,
                             void *scratch)
{
    for (int nv; v0 < v1; v0 += nv) {
        nv = v1 - v0 >= MOST ? MOST : v1 - v0 >= 2 ? 2 : 1;
        few_vectors(y, y_stride, m, a, v0, nv, tile0, tile1, scratch);
    }
}
