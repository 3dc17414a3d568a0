/* SPDX-License-Identifier: MIT */
/* QUINT without tables, AVX-512: 16 rows of up to 256 columns unpacked once, then all vectors.
 *
 *   codes  [pair of columns][16 rows][2] int16, 65 columns for every 64 (the last one zero), as the
 *          bytes have them; a pair that would straddle a group has a zero in front, so pairs
 *          [65 * 64-runs / 2, ...) begin groups
 *
 * The codes of the vectors are spaced the same way. vpdpwssd adds a pair to the rows' int32. */
#include "kernels/ops.h"
#include "kernels/x86/quint_avx512.h"
#include "kernels/x86/x86_init.h"

enum { PAIRS = QUINT_COLUMNS / 2, WIDE = 8 };

struct panel {
    int16_t codes[PAIRS][32];
    int16_t vectors[WIDE][QUINT_SPACED];
    float w[QUINT_COLUMNS][16];
};

/* Byte index that makes rows' bytes `col` and `col + 1` of a step's 20 columns neighbours, out of
 * the registers of digits col % 5 and (col + 1) % 5. */
X512_INLINE __m512i pair_order(int col)
{
    uint8_t s[64];
    for (int i = 0; i < 64; i++)
        s[i] = (uint8_t)(i & 1 ? 64 + i / 2 % 16 * 4 + (col + 1) / 5 : i / 2 % 16 * 4 + col / 5);
    return x512_load(s);
}

/* 16 rows from `codes` on, `steps` of 20 columns. */
static void unpack(struct panel *p, const uint8_t *codes, int steps)
{
    const struct quint_split k = quint_split_tables();
    for (int j = 0; j < steps; j++, codes += LUTRA_QUINT_STEP) {
        __m512i digit[5];
        step_digits(digit, &k, codes);
        X512_UNROLL
        for (int c = 0; c < 20; c += 2) {
            __m512i two = _mm512_permutex2var_epi8(digit[c % 5], pair_order(c), digit[(c + 1) % 5]);
            _mm512_storeu_si512(p->codes[10 * j + c / 2],
                                _mm512_cvtepi8_epi16(_mm512_castsi512_si256(two)));
        }
    }
}

/* Pairs [p0, p1) of n vectors, a constant of the caller. */
X512_INLINE void dot_pairs(__m512i *s, int n, const struct panel *p, int p0, int p1)
{
    for (int i = p0; i < p1; i++) {
        const __m512i w = x512_load(p->codes[i]);
        X512_UNROLL
        for (int v = 0; v < n; v++) {
            int32_t two;
            memcpy(&two, p->vectors[v] + 2 * i, sizeof two);
            s[v] = _mm512_dpwssd_epi32(s[v], w, _mm512_set1_epi32(two));
        }
    }
}

/* n <= WIDE vectors over one unit; acc [vector][64 rows], s likewise (one scale per row). */
X512_INLINE void unit_codes(struct panel *p, float *acc, int32_t *sum, int n,
                            const struct lutra_mat *m, const uint8_t *unit, int subs, int quarter)
{
    const bool rows = m->scales == LUTRA_SCALE_ROW;
    const int each = rows ? subs : m->group / 64;
    for (int i = 0; i < subs; i += each, unit += 2 * LUTRA_QUINT_ROWS) {
        __m512i s[WIDE];
        X512_UNROLL
        for (int v = 0; v < n; v++)
            s[v] = rows ? x512_load(sum + LUTRA_QUINT_ROWS * v) : _mm512_setzero_si512();
        dot_pairs(s, n, p, 65 * i / 2, 65 * (i + each) / 2);
        X512_UNROLL
        for (int v = 0; v < n; v++) {
            float *to = acc + LUTRA_QUINT_ROWS * v;
            if (rows)
                _mm512_storeu_si512(sum + LUTRA_QUINT_ROWS * v, s[v]);
            else
                _mm512_storeu_ps(to, x512_add_product(_mm512_loadu_ps(to),
                                                      x512_halves(unit + 32 * quarter),
                                                      _mm512_cvtepi32_ps(s[v])));
        }
    }
}

static void unit_some(struct panel *p, float *acc, int32_t *sum, int n, const struct lutra_mat *m,
                      const uint8_t *unit, int subs, int quarter)
{
    switch (n) {
    case 1:
        unit_codes(p, acc, sum, 1, m, unit, subs, quarter);
        break;
    case 2:
        unit_codes(p, acc, sum, 2, m, unit, subs, quarter);
        break;
    case 3:
    case 4:
        unit_codes(p, acc, sum, 4, m, unit, subs, quarter);
        break;
    default:
        unit_codes(p, acc, sum, 8, m, unit, subs, quarter);
        break;
    }
}

/* The unit's weights as floats, D * digit. */
static void decode(struct panel *p, const struct lutra_mat *m, const uint8_t *tile,
                   const uint8_t *unit, int subs, int quarter)
{
    const bool rows = m->scales == LUTRA_SCALE_ROW;
    for (int i = 0; i < subs; i++) {
        const uint8_t *d = unit + 2 * LUTRA_QUINT_ROWS * (64 * i / m->group) + 32 * quarter;
        __m512 scale = rows ? _mm512_loadu_ps(tile + 64 * quarter) : x512_halves(d);
        for (int k = 65 * i; k < 65 * i + 64; k++) {
            __m512i two = x512_load(p->codes[k / 2]);
            if (!(k & 1)) two = _mm512_slli_epi32(two, 16);
            _mm512_storeu_ps(p->w[k],
                             _mm512_mul_ps(scale, _mm512_cvtepi32_ps(_mm512_srai_epi32(two, 16))));
        }
    }
}

static void unit_floats(const struct panel *p, float *acc, const float *x, int subs)
{
    __m512 s = _mm512_loadu_ps(acc);
    for (int i = 0; i < subs; i++)
        for (int k = 0; k < 64; k++)
            s = x512_add_product(s, _mm512_loadu_ps(p->w[65 * i + k]), _mm512_set1_ps(x[64 * i + k]));
    _mm512_storeu_ps(acc, s);
}

enum { BLOCK = 64 }; /* vectors that share an unpacked unit */

struct block {
    float acc[BLOCK + WIDE][LUTRA_QUINT_ROWS];
    int32_t sum[BLOCK + WIDE][LUTRA_QUINT_ROWS];
    struct panel panel;
};

static void quarter_vectors(struct block *b, const struct lutra_mat *m, const struct lutra_act *a,
                            const uint8_t *tile, const uint8_t *unit, int subs, int quarter, int k,
                            int v0, int n, bool floats)
{
    unpack(&b->panel, unit + lutra_quint_scales(m, subs) + 64 * quarter, lutra_quint_steps(subs));
    if (floats) {
        decode(&b->panel, m, tile, unit, subs, quarter);
        for (int v = 0; v < n; v++)
            unit_floats(&b->panel, b->acc[v] + 16 * quarter,
                        a->x + (size_t)(v0 + v) * a->x_stride + k, subs);
        return;
    }
    for (int v = 0; v < n; v += WIDE) {
        int some = n - v < WIDE ? n - v : WIDE;
        for (int i = 0; i < some; i++)
            quint_space_codes(b->panel.vectors[i],
                              a->codes + (size_t)(v0 + v + i) * (size_t)a->k_pad + k, subs);
        unit_some(&b->panel, b->acc[v] + 16 * quarter, b->sum[v] + 16 * quarter, some, m, unit,
                  subs, quarter);
    }
}

static void store_tile(float *y, size_t y_stride, const struct lutra_mat *m,
                       const struct lutra_act *a, struct block *b, int t, int v0, int n,
                       bool floats)
{
    const uint8_t *tile = lutra_mat_tile(m, t);
    for (int v = 0; v < n; v++) {
        for (int q = 0; q < 4; q++) {
            int row = t * LUTRA_QUINT_ROWS + 16 * q;
            __m512 r = _mm512_loadu_ps(b->acc[v] + 16 * q);
            if (row >= m->n_rows) break;
            if (m->scales == LUTRA_SCALE_ROW && !floats)
                r = x512_add_product(r, _mm512_loadu_ps(tile + 64 * q),
                                     _mm512_cvtepi32_ps(x512_load(b->sum[v] + 16 * q)));
            if (!floats) r = _mm512_mul_ps(r, _mm512_set1_ps(a->scale[v0 + v]));
            x512_store_rows(y + (size_t)(v0 + v) * y_stride + row, r, m->n_rows - row);
        }
    }
}

static void mul_tile(float *y, size_t y_stride, const struct lutra_mat *m,
                     const struct lutra_act *a, int t, int v0, int n, bool floats)
{
    const uint8_t *tile = lutra_mat_tile(m, t), *unit = lutra_quint_units(m, tile);
    struct block b;
    memset(b.acc, 0, (size_t)(n + WIDE) * sizeof b.acc[0]);
    memset(b.sum, 0, (size_t)(n + WIDE) * sizeof b.sum[0]);
    memset(b.panel.vectors, 0, sizeof b.panel.vectors);
    for (int k = 0, subs; k < m->n_cols; k += 64 * subs) {
        subs = lutra_quint_subs(m->n_cols, k);
        for (int q = 0; q < 4; q++)
            quarter_vectors(&b, m, a, tile, unit, subs, q, k, v0, n, floats);
        unit += lutra_quint_unit(m, subs);
    }
    store_tile(y, y_stride, m, a, &b, t, v0, n, floats);
}

static void mul_tiles(float *y, size_t y_stride, const struct lutra_mat *m,
                      const struct lutra_act *a, int v0, int v1, int tile0, int tile1, bool floats)
{
    for (int v = v0; v < v1; v += BLOCK)
        for (int t = tile0; t < tile1; t++)
            mul_tile(y, y_stride, m, a, t, v, v1 - v < BLOCK ? v1 - v : BLOCK, floats);
}

static void quint_panel(float *y, size_t y_stride, const struct lutra_mat *m,
                        const struct lutra_act *a, int v0, int v1, int tile0, int tile1)
{
    mul_tiles(y, y_stride, m, a, v0, v1, tile0, tile1, false);
}

static void quint_exact(float *y, size_t y_stride, const struct lutra_mat *m,
                        const struct lutra_act *a, int v0, int v1, int tile0, int tile1)
{
    mul_tiles(y, y_stride, m, a, v0, v1, tile0, tile1, true);
}

void lutra_quint_mm_init_avx512(struct lutra_ops *ops)
{
    ops->quint_panel = quint_panel;
    ops->quint_exact = quint_exact;
}
