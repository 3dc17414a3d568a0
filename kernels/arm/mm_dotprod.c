/* SPDX-License-Identifier: MIT */
/* Products without tables on ARMv8.2 with SDOT: many vectors at once over an unpacked panel of
 * bytes.
 *
 * A panel is 16 rows of one group as signed bytes, four columns of a row beside each other. A code
 * of an activation is split exactly, c = lo + 256 * hi with lo in -128..127 and |hi| <= 32, so that
 * S = sum(q * lo) + 256 * sum(q * hi), all of it exact in int32. The sums of hi are made first and
 * shifted where they stand, then those of lo go on top: one set of registers serves both. Vectors
 * that fit int8 (BitNet's always do) have no hi and take half the time.
 *
 * exact_mul and the lookups are those of NEON. */
#include "kernels/arm/arm.h"

#include "kernels/arm/arm_init.h"

#if !defined(__ARM_FEATURE_DOTPROD)
#error "compile with -march=armv8.2-a+dotprod (the Makefile does so for *_dotprod.c)"
#endif

enum {
    VECTORS = 64,     /* share one unpacking */
    WIDE = 4,         /* vectors whose sums stand in registers: 4 x 16 rows of int32 = 16 */
    TERN_COLS = 288,  /* columns of TERN in one panel: a multiple of 96, as k_pad is */
    PANEL_COLS = 288, /* the largest group is 256 */
    SPLIT_BITS = 8
};

struct panel {                  /* the scratch of a thread */
    int8_t w[PANEL_COLS * 16];  /* [column / 4][16 rows][4] */
    uint8_t q[PANEL_COLS * 16]; /* codes, column after column, 16 rows each */
    union {
        float f[VECTORS * 16];
        int32_t i[VECTORS * 16]; /* TERN: one group, so its sums stay integers */
    } acc;
    bool has_hi[VECTORS];
};

/* What a call works on: vectors [v0, v0 + n) of `a`, 16 rows. */
struct strip {
    const struct lutra_mat *m;
    const struct lutra_act *a;
    struct panel *p;
    int v0, n;
};

/* ---- panels ---- */

/* Codes minus offset, columns after rows to rows after quads of columns. */
static void turn_codes(struct panel *p, int cols, int offset)
{
    const uint8x16_t off = vdupq_n_u8((uint8_t)offset);

    for (int k = 0; k < cols; k += 4) {
        const uint8_t *q = p->q + 16 * k;
        int8_t *w = p->w + 16 * k;
        uint8x16_t c0 = vsubq_u8(vld1q_u8(q), off), c1 = vsubq_u8(vld1q_u8(q + 16), off);
        uint8x16_t c2 = vsubq_u8(vld1q_u8(q + 32), off), c3 = vsubq_u8(vld1q_u8(q + 48), off);
        int16x8_t a = vreinterpretq_s16_u8(vzip1q_u8(c0, c1));
        int16x8_t b = vreinterpretq_s16_u8(vzip1q_u8(c2, c3));
        int16x8_t c = vreinterpretq_s16_u8(vzip2q_u8(c0, c1));
        int16x8_t d = vreinterpretq_s16_u8(vzip2q_u8(c2, c3));

        vst1q_s8(w, vreinterpretq_s8_s16(vzip1q_s16(a, b)));
        vst1q_s8(w + 16, vreinterpretq_s8_s16(vzip2q_s16(a, b)));
        vst1q_s8(w + 32, vreinterpretq_s8_s16(vzip1q_s16(c, d)));
        vst1q_s8(w + 48, vreinterpretq_s8_s16(vzip2q_s16(c, d)));
    }
}

/* Does any of n codes, a multiple of 32, exceed a byte? Wide vectors say so early. */
static bool exceeds_byte(const int16_t *c, int n)
{
    for (int k = 0; k < n; k += 32) {
        int16x8_t h0 = vrshrq_n_s16(vld1q_s16(c + k), SPLIT_BITS);
        int16x8_t h1 = vrshrq_n_s16(vld1q_s16(c + k + 8), SPLIT_BITS);
        int16x8_t h2 = vrshrq_n_s16(vld1q_s16(c + k + 16), SPLIT_BITS);
        int16x8_t h3 = vrshrq_n_s16(vld1q_s16(c + k + 24), SPLIT_BITS);
        int16x8_t any = vorrq_s16(vorrq_s16(h0, h1), vorrq_s16(h2, h3));
        if (vmaxvq_u16(vreinterpretq_u16_s16(any))) return true;
    }
    return false;
}

/* ---- products: 16 rows of a panel with up to four vectors ---- */

struct sums {
    int32x4_t v[WIDE][4]; /* [vector][rows 4i..4i+3] */
};

/* s[b] += four columns of the panel times quad `lane` of x[b]; a macro, as lanes must be literals
 */
#define QUAD(s, nv, w, x, lane)                                                                    \
    do {                                                                                           \
        const int8x16_t w_[4] = {vld1q_s8((w) + 64 * (lane)), vld1q_s8((w) + 64 * (lane) + 16),    \
                                 vld1q_s8((w) + 64 * (lane) + 32),                                 \
                                 vld1q_s8((w) + 64 * (lane) + 48)};                                \
        ARM_UNROLL                                                                                 \
        for (int n_ = 0; n_ < 4 * (nv); n_++)                                                      \
            (s).v[n_ / 4][n_ % 4] =                                                                \
                vdotq_laneq_s32((s).v[n_ / 4][n_ % 4], w_[n_ % 4], (x)[n_ / 4], lane);             \
    } while (0)

/* The low or the high bytes of 16 codes. */
ARM_INLINE int8x16_t split_codes(const int16_t *c, bool high)
{
    int16x8_t a = vld1q_s16(c), b = vld1q_s16(c + 8);

    if (high) return vrshrn_high_n_s16(vrshrn_n_s16(a, SPLIT_BITS), b, SPLIT_BITS);
    return vuzp1q_s8(vreinterpretq_s8_s16(a), vreinterpretq_s8_s16(b));
}

/* s + `cols` columns times one half of the codes, `cols` a multiple of 16. By value, to stay in
 * registers. */
ARM_INLINE struct sums dot_columns(struct sums s, int nv, const int8_t *w,
                                   const int16_t *const c[WIDE], int cols, bool high)
{
    for (int k = 0; k < cols; k += 16, w += 256) {
        int8x16_t x[WIDE];

        ARM_UNROLL
        for (int b = 0; b < nv; b++) x[b] = split_codes(c[b] + k, high);
        QUAD(s, nv, w, x, 0);
        QUAD(s, nv, w, x, 1);
        QUAD(s, nv, w, x, 2);
        QUAD(s, nv, w, x, 3);
    }
    return s;
}

/* Sums of `cols` columns with vectors b .. b+nv-1 of the strip, from column k of the matrix, the
 * first of the panel; past the last vector of the strip the last one again. */
ARM_INLINE struct sums dot_some(const struct strip *s, int nv, int b, int k, int cols)
{
    const int16_t *c[WIDE];
    struct sums t;
    bool hi = false;

    ARM_UNROLL
    for (int i = 0; i < nv; i++) {
        int v = b + i < s->n ? b + i : s->n - 1;
        c[i] = s->a->codes + (size_t)(s->v0 + v) * (size_t)s->a->k_pad + k;
        hi |= s->p->has_hi[v];
        ARM_UNROLL
        for (int j = 0; j < 4; j++) t.v[i][j] = vdupq_n_s32(0);
    }
    if (hi) {
        t = dot_columns(t, nv, s->p->w, c, cols, true);
        ARM_UNROLL
        for (int i = 0; i < 4 * nv; i++) t.v[i / 4][i % 4] = vshlq_n_s32(t.v[i / 4][i % 4], 8);
    }
    return dot_columns(t, nv, s->p->w, c, cols, false);
}

/* How many of `left` vectors to take at once; three as four. */
static int take(int left)
{
    return left > 2 ? WIDE : left;
}

/* ---- groups with their own scales ---- */

/* acc += D*S, then + M*X: one group from column k on */
ARM_INLINE void scaled_some(const struct strip *s, int nv, int b, const struct lutra_scales *scales,
                            int k)
{
    const struct lutra_mat *m = s->m;
    const struct sums t = dot_some(s, nv, b, k, m->group);
    const size_t sum_stride = (size_t)(s->a->k_pad / 16);

    ARM_UNROLL
    for (int i = 0; i < nv; i++) {
        float *at = s->p->acc.f + 16 * (b + i);
        struct lutra_rows x, acc;

        if (b + i >= s->n) break;
        ARM_UNROLL
        for (int j = 0; j < 4; j++) x.v[j] = vcvtq_f32_s32(t.v[i][j]);
        acc = rows_add(rows_load(at), rows_mul(scales->d, x));
        if (scales_have_min(m->scales)) {
            const int32_t *sums = s->a->sums + (size_t)(s->v0 + b + i) * sum_stride + k / 16;
            acc = rows_add(acc, rows_scale(scales->m, (float)group_codes(sums, m->group)));
        }
        rows_store(at, acc);
    }
}

static void scaled_group(const struct strip *s, const struct lutra_scales *scales, int k)
{
    for (int b = 0; b < s->n; b += WIDE) {
        switch (take(s->n - b)) {
        case 1:
            scaled_some(s, 1, b, scales, k);
            break;
        case 2:
            scaled_some(s, 2, b, scales, k);
            break;
        default:
            scaled_some(s, WIDE, b, scales, k);
            break;
        }
    }
}

static void scaled_tile(const struct strip *s, const uint8_t *unit)
{
    const struct lutra_mat *m = s->m;
    const int step = m->group * (m->kind == LUTRA_MAT_I8 ? 16 : 2 * m->bits);

    for (int k = 0; k < m->n_cols; k += m->unit_k, unit += m->unit_bytes) {
        const struct lutra_scales us = scales_of_unit(unit, m->scales);
        const uint8_t *code = unit + m->scale_bytes;

        prefetch_bytes(unit, (int)m->unit_bytes);
        for (int g = 0; g < m->unit_k / m->group; g++, code += step) {
            const struct lutra_scales gs = scales_of_group(unit, us, m->scales, g);
            int offset = lutra_arm_unpack_group(s->p->q, m, code);

            turn_codes(s->p, m->group, offset);
            scaled_group(s, &gs, k + g * m->group);
        }
    }
}

/* ---- TERN ---- */

ARM_INLINE void tern_some(const struct strip *s, int nv, int b, int k, int cols)
{
    const struct sums t = dot_some(s, nv, b, k, cols);

    ARM_UNROLL
    for (int i = 0; i < nv; i++) {
        int32_t *at = s->p->acc.i + 16 * (b + i);

        if (b + i >= s->n) break;
        ARM_UNROLL
        for (int j = 0; j < 4; j++)
            vst1q_s32(at + 4 * j, vaddq_s32(vld1q_s32(at + 4 * j), t.v[i][j]));
    }
}

static void tern_group(const struct strip *s, int k, int cols)
{
    for (int b = 0; b < s->n; b += WIDE) {
        switch (take(s->n - b)) {
        case 1:
            tern_some(s, 1, b, k, cols);
            break;
        case 2:
            tern_some(s, 2, b, k, cols);
            break;
        default:
            tern_some(s, WIDE, b, k, cols);
            break;
        }
    }
}

/* 16 rows of a TERN tile; `step` points at the first of them in the first step. Products read whole
 * sixteens of columns: past the tile's own the codes are zero, whatever the panel holds. */
static void tern_half(const struct strip *s, const uint8_t *step)
{
    const struct lutra_mat *m = s->m;
    const int k_pad = lutra_tern_k_pad(m->n_cols);
    const float scale = m->scale;

    for (int k = 0; k < k_pad; k += TERN_COLS) {
        int cols = k_pad - k < TERN_COLS ? k_pad - k : TERN_COLS;

        lutra_arm_unpack_tern(s->p->q, m, step + (size_t)(k / LUTRA_TERN_K) * m->unit_bytes, cols);
        turn_codes(s->p, cols, 1);
        tern_group(s, k, (cols + 15) & ~15);
    }
    for (int i = 0; i < s->n * 16; i += 4) {
        float32x4_t f = vmulq_n_f32(vcvtq_f32_s32(vld1q_s32(s->p->acc.i + i)), scale);
        vst1q_f32(s->p->acc.f + i, vaddq_f32(vdupq_n_f32(0.0f), f));
    }
}

/* ---- the loops around them ---- */

static void store_strip(float *y, size_t y_stride, const struct strip *s, int row)
{
    for (int b = 0; b < s->n; b++) {
        const int v = s->v0 + b;
        struct lutra_rows acc = rows_scale(rows_load(s->p->acc.f + 16 * b), s->a->scale[v]);
        rows_store_part(y + (size_t)v * y_stride + (size_t)row, acc, s->m->n_rows - row);
    }
}

static void strip_rows(float *y, size_t y_stride, const struct strip *s, int row0, int row1)
{
    const struct lutra_mat *m = s->m;

    for (int b = 0; b < s->n; b++)
        s->p->has_hi[b] =
            exceeds_byte(s->a->codes + (size_t)(s->v0 + b) * (size_t)s->a->k_pad, s->a->k_pad);
    for (int row = row0; row < row1 && row < m->n_rows; row += 16) {
        const uint8_t *tile = lutra_mat_tile(m, row / m->tile_rows);

        memset(&s->p->acc, 0, (size_t)s->n * 16 * sizeof(float)); /* zero as integer, too */
        if (m->kind == LUTRA_MAT_TERN)
            tern_half(s, tile + 4 * LUTRA_TERN_ROWS + row % LUTRA_TERN_ROWS);
        else
            scaled_tile(s, tile);
        store_strip(y, y_stride, s, row);
    }
}

static void panel_mul(float *y, size_t y_stride, const struct lutra_mat *m,
                      const struct lutra_act *a, int v0, int v1, int tile0, int tile1,
                      void *scratch)
{
    struct strip s = {m, a, scratch, v0, 0};

    if (m->kind == LUTRA_MAT_PLANES && m->tile_rows != LUTRA_TILE_ROWS) { /* one bit: tiles of 32 rows */
        lutra_panel_mul_neon(y, y_stride, m, a, v0, v1, tile0, tile1, scratch);
        return;
    }
    for (; s.v0 < v1; s.v0 += VECTORS) {
        s.n = v1 - s.v0 < VECTORS ? v1 - s.v0 : VECTORS;
        strip_rows(y, y_stride, &s, tile0 * m->tile_rows, tile1 * m->tile_rows);
    }
}

void lutra_mm_init_dotprod(struct lutra_ops *ops)
{
    ops->panel_mul = panel_mul;
    if (ops->panel_scratch < sizeof(struct panel)) ops->panel_scratch = sizeof(struct panel);
}
