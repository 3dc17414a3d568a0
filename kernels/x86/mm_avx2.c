/* SPDX-License-Identifier: MIT */
/* Products without tables with AVX2: strips of tiles (strip_avx2.h), a few vectors of I8 straight
 * from the packed bytes, and decoded weights times floats. */
#include "kernels/lut_init.h"
#include "kernels/ops.h"
#include "kernels/x86/fetch.h"
#include "kernels/x86/x86.h"
#include "kernels/x86/x86_init.h"

struct sums {
    __m256i lo, hi; /* rows 0-7, 8-15 */
};

X86_INLINE void add_pairs(struct sums *s, __m256i lo, __m256i hi, __m256i x)
{
    s->lo = _mm256_add_epi32(s->lo, _mm256_madd_epi16(lo, x));
    s->hi = _mm256_add_epi32(s->hi, _mm256_madd_epi16(hi, x));
    X86_PIN(s->lo);
    X86_PIN(s->hi);
}

/* Two columns to an int16, minus: see strip_avx2.h. Weights are at most 63, so that 2 * 63 * 128 does
 * not saturate. */
X86_INLINE __m256i add_quad(__m256i s, __m256i w, __m256i x)
{
    return _mm256_sub_epi16(s, _mm256_maddubs_epi16(w, x));
}

X86_INLINE __m256i whole(__m256i v)
{
    return _mm256_madd_epi16(v, _mm256_set1_epi16(-1));
}

X86_INLINE __m256i weight(__m256i w)
{
    return _mm256_sub_epi16(_mm256_setzero_si256(), w);
}

X86_INLINE __m256i weighed(__m256i v, __m256i w)
{
    return _mm256_madd_epi16(v, w);
}

/* The same of high bytes, at most 32: one quad, its sum times 256, and times 256 * w, at most 63 * 256. */
X86_INLINE __m256i one_quad(__m256i w, __m256i x)
{
    return _mm256_maddubs_epi16(w, x);
}

X86_INLINE __m256i high_whole(__m256i v)
{
    return _mm256_madd_epi16(v, _mm256_set1_epi16(256));
}

X86_INLINE __m256i high_weight(__m256i w)
{
    return _mm256_slli_epi16(w, 8);
}

X86_INLINE __m256i less(__m256i a, __m256i b)
{
    return _mm256_sub_epi16(a, b);
}

#define SUMS16 1
/* Five, with ten sums in registers, leave gcc so few that it moves them about: of Q4_0 in L1 110 MAC/ns, four
 * 144. Products and additions alone make 190 on a Zen 4 core, where every fourth addition takes a pipe that
 * multiplies. */
#define WIDE 4
#include "kernels/x86/strip_avx2.h"

enum {
    QUAD = 4,      /* I8 and exact_mul: vectors whose sums stand in registers */
    BOOK_PAIRS = 16, /* vectors from which codebooks that need int16 are unpacked */
    EXACT_BLOCK = 64 /* exact_mul: vectors that share a decoded run */
};

/* ---- I8, a few vectors: straight from the packed bytes ---- */

X86_INLINE __m256i two_codes(const int16_t *c)
{
    int32_t both;
    memcpy(&both, c, sizeof both);
    return _mm256_set1_epi32(both);
}

X86_INLINE void i8_unit(struct sums *s, int nv, const uint8_t *codes, const int16_t *c,
                        size_t stride)
{
    for (int k = 0; k < 32; k += 2, codes += 32) {
        __m256i lo = _mm256_cvtepi8_epi16(_mm_loadu_si128((const __m128i *)codes));
        __m256i hi = _mm256_cvtepi8_epi16(_mm_loadu_si128((const __m128i *)(codes + 16)));
        X86_UNROLL
        for (int v = 0; v < nv; v++) {
            add_pairs(&s[v], lo, hi, two_codes(c + (size_t)v * stride + k));
        }
    }
}

X86_INLINE void i8_tile(float *y, size_t y_stride, int nv, const struct lutra_mat *m,
                        const struct lutra_act *a, int v0, int tile)
{
    const uint8_t *unit = lutra_mat_tile(m, tile);
    const int16_t *c = a->codes + (size_t)v0 * (size_t)a->k_pad;
    struct x86_rows acc[QUAD];
    X86_UNROLL
    for (int v = 0; v < nv; v++) acc[v].lo = acc[v].hi = _mm256_setzero_ps();
    for (int k = 0; k < m->n_cols; k += 32, unit += m->unit_bytes) {
        struct sums s[QUAD];
        struct x86_rows d = x86_halves(unit);
        zero_sums(s, nv);
        fetch_ahead(a->fetch, unit, 32 + 512);
        i8_unit(s, nv, unit + m->scale_bytes, c + k, (size_t)a->k_pad);
        X86_UNROLL
        for (int v = 0; v < nv; v++) {
            acc[v].lo = _mm256_add_ps(acc[v].lo, _mm256_mul_ps(d.lo, _mm256_cvtepi32_ps(s[v].lo)));
            acc[v].hi = _mm256_add_ps(acc[v].hi, _mm256_mul_ps(d.hi, _mm256_cvtepi32_ps(s[v].hi)));
        }
    }
    X86_UNROLL
    for (int v = 0; v < nv; v++)
        x86_store_rows(y + (size_t)(v0 + v) * y_stride + tile * LUTRA_TILE_ROWS, acc[v],
                       a->scale[v0 + v], m->n_rows - tile * LUTRA_TILE_ROWS);
}

static void i8_tiles(float *y, size_t y_stride, const struct lutra_mat *m,
                     const struct lutra_act *a, int v0, int v1, int tile0, int tile1)
{
    for (int t = tile0; t < tile1; t++) {
        switch (v1 - v0) {
        case 1:
            i8_tile(y, y_stride, 1, m, a, v0, t);
            break;
        case 2:
            i8_tile(y, y_stride, 2, m, a, v0, t);
            break;
        case 3:
            i8_tile(y, y_stride, 3, m, a, v0, t);
            break;
        default:
            i8_tile(y, y_stride, 4, m, a, v0, t);
            break;
        }
    }
}

void lutra_panel_mul_avx2(float *y, size_t y_stride, const struct lutra_mat *m,
                          const struct lutra_act *a, int v0, int v1, int tile0, int tile1,
                          void *scratch)
{
    if (v1 <= v0) return;
    if (m->kind == LUTRA_MAT_I8 && v1 - v0 <= QUAD) {
        i8_tiles(y, y_stride, m, a, v0, v1, tile0, tile1);
        return;
    }
    /* MAC per ns of 8, 16, 32 vectors of IQ4_NL: 57, 66, 71 as a panel, else 63, 62, 62 */
    if (m->kind == LUTRA_MAT_BOOK && v1 - v0 < BOOK_PAIRS && !bytes_do(m)) {
        lutra_book_mul_avx2(y, y_stride, m, a, v0, v1, tile0, tile1);
        return;
    }
    strips_mul(y, y_stride, m, a, v0, v1, tile0, tile1, scratch);
}

/* ---- float activations ---- */

struct exact {
    struct panel panel;
    float acc[EXACT_BLOCK][2][16]; /* [vector][half of the tile][row] */
    float w[PANEL_K][16];          /* one half of the run as floats */
};

/* Bytes of one half of the panel as weights w = D*q, then + M, for 8 rows starting at r of columns
 * [k, end), all of one group. */
X86_INLINE void decode_group(struct exact *s, const uint8_t *bytes, __m256 d, const float *min,
                             __m256i zero, int r, int k, int end)
{
    const __m256i low = _mm256_set1_epi32(255);
    for (; k < end; k += 4) {
        __m256i four = x86_load(bytes + 16 * k + 4 * r);
        X86_UNROLL
        for (int j = 0; j < 4; j++) {
            __m256i q = _mm256_and_si256(_mm256_srli_epi32(four, 8 * j), low);
            __m256 w = _mm256_mul_ps(d, _mm256_cvtepi32_ps(_mm256_sub_epi32(q, zero)));
            if (min) w = _mm256_add_ps(w, _mm256_load_ps(min));
            _mm256_store_ps(s->w[k + j] + r, w);
        }
    }
}

static void decode_half(struct exact *s, const struct lutra_mat *m, int half, int n)
{
    const uint8_t *bytes = s->panel.bytes[half];
    const __m256i zero = _mm256_set1_epi32(panel_zero(m));
    for (int r = 0; r < 16; r += 8) {
        if (m->kind == LUTRA_MAT_TERN) {
            decode_group(s, bytes, _mm256_set1_ps(m->scale), NULL, zero, r, 0, n);
            continue;
        }
        for (int g = 0; g * m->group < n; g++) {
            __m256 d = _mm256_load_ps(s->panel.d[half][g] + r);
            const float *min = x86_has_min(m->scales) ? s->panel.m[g] + r : NULL;
            decode_group(s, bytes, d, min, zero, r, g * m->group, (g + 1) * m->group);
        }
    }
}

X86_INLINE void exact_run(struct exact *s, int nv, int half, const float *x, size_t stride, int b,
                          int n)
{
    struct x86_rows t[QUAD];
    X86_UNROLL
    for (int v = 0; v < nv; v++) {
        t[v].lo = _mm256_load_ps(s->acc[b + v][half]);
        t[v].hi = _mm256_load_ps(s->acc[b + v][half] + 8);
    }
    for (int k = 0; k < n; k++) {
        __m256 lo = _mm256_load_ps(s->w[k]), hi = _mm256_load_ps(s->w[k] + 8);
        X86_UNROLL
        for (int v = 0; v < nv; v++) {
            __m256 xs = _mm256_broadcast_ss(x + (size_t)v * stride + k);
            t[v].lo = _mm256_add_ps(t[v].lo, _mm256_mul_ps(lo, xs));
            t[v].hi = _mm256_add_ps(t[v].hi, _mm256_mul_ps(hi, xs));
        }
    }
    X86_UNROLL
    for (int v = 0; v < nv; v++) {
        _mm256_store_ps(s->acc[b + v][half], t[v].lo);
        _mm256_store_ps(s->acc[b + v][half] + 8, t[v].hi);
    }
}

static void exact_block(struct exact *s, const struct lutra_act *a, int half, int v0, int v1,
                        int k, int n)
{
    for (int v = v0; v < v1; v += QUAD) {
        const float *x = a->x + (size_t)v * a->x_stride + k;
        switch (v1 - v) {
        case 1:
            exact_run(s, 1, half, x, a->x_stride, v - v0, n);
            break;
        case 2:
            exact_run(s, 2, half, x, a->x_stride, v - v0, n);
            break;
        case 3:
            exact_run(s, 3, half, x, a->x_stride, v - v0, n);
            break;
        default:
            exact_run(s, 4, half, x, a->x_stride, v - v0, n);
            break;
        }
    }
}

/* The row of a tile whose panel row (half * 16 + row) is i, i + 1, i + 2, i + 3: the first of four. */
static int panel_row(const struct lutra_mat *m, int i)
{
    return m->kind == LUTRA_MAT_TERN ? (i & 16) / 2 + (i & 8) / 2 + (i & 4) * 4 : i;
}

static void exact_tile(struct exact *s, float *y, size_t y_stride, const struct lutra_mat *m,
                       const struct lutra_act *a, int v0, int v1, int tile)
{
    int n;
    memset(s->acc, 0, (size_t)(v1 - v0) * sizeof s->acc[0]);
    for (int k = 0; k < m->n_cols; k += n) {
        n = panel_run(m, k);
        const uint8_t *unit = panel_unit(m, lutra_mat_tile(m, tile), k);
        x86_prefetch(unit, panel_bytes(m, n));
        panel_fill(&s->panel, m, unit, n, false);
        n = min_int(n, m->n_cols - k);
        for (int half = 0; half < m->tile_rows / 16; half++) {
            decode_half(s, m, half, n);
            exact_block(s, a, half, v0, v1, k, n);
        }
    }
    for (int v = v0; v < v1; v++)
        for (int i = 0; i < m->tile_rows; i += 4) {
            int row = tile * m->tile_rows + panel_row(m, i), left = min_int(4, m->n_rows - row);
            if (left > 0)
                memcpy(y + (size_t)v * y_stride + row, s->acc[v - v0][i / 16] + i % 16,
                       (size_t)left * sizeof *y);
        }
}

void lutra_exact_mul_avx2(float *y, size_t y_stride, const struct lutra_mat *m,
                          const struct lutra_act *a, int v0, int v1, int tile0, int tile1,
                          void *scratch)
{
    for (int v = v0; v < v1; v += EXACT_BLOCK)
        for (int t = tile0; t < tile1; t++)
            exact_tile(scratch, y, y_stride, m, a, v, min_int(v + EXACT_BLOCK, v1), t);
}

void lutra_mm_init_avx2(struct lutra_ops *ops)
{
    ops->panel_mul = lutra_panel_mul_avx2;
    ops->exact_mul = lutra_exact_mul_avx2;
    ops->dense_mul = dense_mul;
    ops->dense_exact = lutra_exact_mul_avx2;
    ops->split_codes = lutra_split_codes_avx2;
    ops->dense_most = LUTRA_DENSE_FEW;
    ops->dense_cols = LUTRA_NEAR_COLS;
    ops->dense_bits = 1u << 2 | 1u << 3 | 1u << 4 | 1u << 5 | 1u << 6;
    ops->panel_scratch = sizeof(struct strip) > sizeof(struct exact) ? sizeof(struct strip)
                                                                     : sizeof(struct exact);
    lutra_vlut_init_avx2(ops);
}
