/* SPDX-License-Identifier: MIT */
/* What the machine can do: one table of functions per CPU level.
 *
 * lutra_ops_init fills the scalar functions first and overrides them in rising order of the
 * instruction sets in `features`; it keeps no globals, so a test can hold two tables side by side.
 * Every function returns the same bits at every level; tests/check_*.c compare with memcmp. Scalar
 * is the specification. */
#ifndef LUTRA_KERNELS_OPS_H
#define LUTRA_KERNELS_OPS_H

#include "kernels/base.h"
#include "kernels/lut.h"

/* One head's keys or values in a KV cache: position p starts at base + p*stride elements. */
struct lutra_span {
    const void *k, *v;   /* f16 (uint16_t) or f32 */
    size_t stride;       /* elements between positions */
    int first, n;        /* positions [first, first + n) take part, ascending */
    bool f32;            /* element type */
    float cap;           /* scores: cap * tanh(score / cap); 0 = as they are */
    bool has_sink;       /* a further score that takes its share of the softmax and adds nothing */
    float sink;
};

enum { LUTRA_HEADS = 4 };

/* Query heads that share keys and values: spans differ in first, n and sink alone. */
struct lutra_heads {
    int n; /* at most LUTRA_HEADS */
    float *out[LUTRA_HEADS];
    const float *q[LUTRA_HEADS];
    struct lutra_span kv[LUTRA_HEADS];
};

struct lutra_ops {
    const char *name;  /* "scalar", "avx2", "neon": for doctor and bench */
    uint32_t features;

    /* ---- activations ---- */

    /* c[i] = round to nearest even of x[i] * (1/s), clamped to +-code_max, i < n; zero for
     * n <= i < n_pad. s = max|x| / code_max as float division; where code_max is more than a byte's
     * 127 and n at least LUTRA_NEAR_COLS, s = max(max|x| / code_max, min(max|x|, LUTRA_NEAR *
     * (sum|x| / n)) / 127), the sum over 16 lanes as in dot: few columns have codes of more than a
     * byte, and panels multiply bytes once instead of twice. Codes of a zero (or all tiny, s < 1e-37) vector are 0 and s is 0.
     * sums[g] = sum of 16 codes. n_pad a multiple of 16. x must be finite, but NaN and infinities do
     * no harm: they become codes within range. Returns s. (Outliers as larger codes of the same
     * scale: after LLM.int8(), arXiv:2208.07339.) */
    float (*quantize)(int16_t *codes, int32_t *sums, const float *x, int n, int n_pad,
                      int code_max);

    /* n codes (a multiple of 4) -> n/4 quads of 32 bytes, see lut.h. */
    void (*quad_tables)(uint8_t *tab, const int16_t *codes, int n);

    /* n codes (a multiple of 48, |c| <= 127) -> n/3 triples; the format is this level's own. */
    void (*trip_tables)(uint8_t *tab, const int16_t *codes, int n);
    size_t trip_bytes; /* per triple */

    /* n codes (a multiple of 64) -> quint tables, quint_bytes for every 256 columns begun. */
    void (*quint_tables)(uint8_t *tab, const int16_t *codes, int n);
    size_t quint_bytes;

    /* Codes and their sums of columns [k0, k1) (multiples of 32) of vector v -> its lutra_bytes. */
    void (*split_codes)(const struct lutra_act *a, int v, int k0, int k1);

    bool fetch; /* what a->fetch is to be */

    bool packs_trio;  /* this level reads TERN in the layout of TRIO, and in that alone */
    bool packs_quint; /* this level looks QUINT up faster than planes: pack ternary tensors so */

    /* ---- matrix products: y[v*y_stride + row] of tiles [tile0, tile1), only rows < n_rows ----
     * a->k is m->n_cols; y points at row 0 of the matrix and does not overlap the operands. */

    /* PLANES by table lookup, one vector: vector `v` of `a` (QUADS bound). y is that vector's. */
    void (*planes_lookup)(float *y, const struct lutra_mat *m, const struct lutra_act *a, int v,
                          int tile0, int tile1);

    /* TERN by table lookup, one vector (TRIPS bound, so |codes| <= 127). */
    void (*tern_lookup)(float *y, const struct lutra_mat *m, const struct lutra_act *a, int v,
                        int tile0, int tile1);

    /* QUINT by table lookup, one vector (QUINTS bound). */
    void (*quint_lookup)(float *y, const struct lutra_mat *m, const struct lutra_act *a, int v,
                         int tile0, int tile1);

    /* BITS by table lookup, one vector (QUADS bound). */
    void (*bits_lookup)(float *y, const struct lutra_mat *m, const struct lutra_act *a, int v,
                        int tile0, int tile1);

    /* PLANES, TERN, I8 by integer dot over unpacked panels: vectors [v0, v1) at once, CODES only.
     * `scratch` holds panel_scratch bytes, 64-byte aligned, one per thread. Same bits as the
     * lookups. */
    void (*panel_mul)(float *y, size_t y_stride, const struct lutra_mat *m,
                      const struct lutra_act *a, int v0, int v1, int tile0, int tile1,
                      void *scratch);
    size_t panel_scratch;

    /* panel_mul by a unit that multiplies tiles (AMX), where lutra_panel_in_tiles (matmul.h) finds it
     * worth it; NULL at other levels. `scratch` holds tile_scratch bytes. The calling thread has
     * tile registers during the call only. */
    void (*tile_mul)(float *y, size_t y_stride, const struct lutra_mat *m,
                     const struct lutra_act *a, int v0, int v1, int tile0, int tile1,
                     void *scratch);
    size_t tile_scratch;

    /* BOOK by integer dot straight from the packed bytes: vectors [v0, v1), CODES only. From so many
     * vectors on panel_mul, which unpacks them once, is the faster way (0: it does not take them). */
    void (*book_mul)(float *y, size_t y_stride, const struct lutra_mat *m,
                     const struct lutra_act *a, int v0, int v1, int tile0, int tile1);
    int book_panel;

    /* DENSE: which widths this level multiplies faster so than as planes (bit b: codes of b bits), where
     * `--kernels lut` does not ask for planes; up to dense_most vectors want BYTES. Products and scratch
     * as panel_mul and exact_mul; the same bits as PLANES. */
    unsigned dense_bits;
    int dense_most, dense_cols; /* 0: no use for BYTES; rows shorter than dense_cols stay planes */
    void (*dense_mul)(float *y, size_t y_stride, const struct lutra_mat *m,
                      const struct lutra_act *a, int v0, int v1, int tile0, int tile1,
                      void *scratch);
    void (*dense_exact)(float *y, size_t y_stride, const struct lutra_mat *m,
                        const struct lutra_act *a, int v0, int v1, int tile0, int tile1,
                        void *scratch);

    /* panel_mul takes QUINT whose scales are the groups'. */
    bool panel_quint;

    /* panel_mul and exact_mul of QUINT, without scratch. */
    void (*quint_panel)(float *y, size_t y_stride, const struct lutra_mat *m,
                        const struct lutra_act *a, int v0, int v1, int tile0, int tile1);
    void (*quint_exact)(float *y, size_t y_stride, const struct lutra_mat *m,
                        const struct lutra_act *a, int v0, int v1, int tile0, int tile1);

    /* TERN by vector tables, many vectors at once: [v0, v1), CODES only, |codes| <= 127.
     * A table has a row for every value of a triple of weights, the triple's sums of all vectors side by side.
     * PLANES of one bit likewise, of quads and any codes, where lutra_vector_from (matmul.h) says so.
     * `scratch` holds vector_scratch bytes, aligned as above. Same bits. */
    void (*vector_lookup)(float *y, size_t y_stride, const struct lutra_mat *m,
                          const struct lutra_act *a, int v0, int v1, int tile0, int tile1,
                          void *scratch);
    size_t vector_scratch;

    /* F32, F16, BF16 rows [row0, row1) times the float vectors [v0, v1): 16 lanes over columns
     * (column i in lane i%16, ascending, multiply then add), then the lane tree of dot. */
    void (*float_mul)(float *y, size_t y_stride, const struct lutra_mat *m,
                      const struct lutra_act *a, int v0, int v1, int row0, int row1);

    /* --precision high, PLANES, TERN, I8: the float vectors [v0, v1) of a->x times weights decoded
     * as lutra_mat_row does; per row, ascending columns, acc = acc + w*x in f32 from 0.0f. Scratch
     * as panel_mul. (Float kinds take float_mul at either precision.) */
    void (*exact_mul)(float *y, size_t y_stride, const struct lutra_mat *m,
                      const struct lutra_act *a, int v0, int v1, int tile0, int tile1,
                      void *scratch);

    /* exact_mul for BOOK. */
    void (*book_exact)(float *y, size_t y_stride, const struct lutra_mat *m,
                       const struct lutra_act *a, int v0, int v1, int tile0, int tile1);

    /* ---- vectors of floats; reductions run over 16 virtual lanes (kernels/lanes_scalar.h) ---- */

    float (*dot)(const float *a, const float *b, int n);
    /* y[i] = x[i] * (1/sqrt(mean(x^2) + eps)) * w[i]; w may be NULL (1.0). In place is allowed. */
    void (*rmsnorm)(float *y, const float *x, const float *w, int n, float eps);
    /* y[i] = (x[i] - mean(x)) * (1/sqrt(mean((x - mean)^2) + eps)) * w[i] + b[i]. In place is allowed. */
    void (*layernorm)(float *y, const float *x, const float *w, const float *b, int n, float eps);
    void (*add)(float *y, const float *x, int n);                    /* y += x */
    void (*mul)(float *y, const float *x, int n);                    /* y *= x */
    void (*scale)(float *y, float s, int n);                         /* y *= s */
    /* y = silu(g) * u, gelu_tanh(g) * u, max(g, 0)^2 * u; y may be g or u */
    void (*silu_gate)(float *y, const float *g, const float *u, int n);
    void (*gelu_gate)(float *y, const float *g, const float *u, int n);
    void (*relu2_gate)(float *y, const float *g, const float *u, int n);
    /* y[i] = x/2 (1 + erf(x/sqrt(2))), absolute error < 5e-7; y may be x */
    void (*gelu)(float *y, const float *x, int n);
    void (*softmax)(float *x, int n);                                /* in place, max subtracted */
    /* Rotate n_rot of the elements of one head by precomputed cos/sin [n_rot/2].
     * pairs: (2i, 2i+1). halves: (i, i + n_rot/2) */
    void (*rope_pairs)(float *x, const float *cs, const float *sn, int n_rot);
    void (*rope_halves)(float *x, const float *cs, const float *sn, int n_rot);
    void (*f32_to_f16)(uint16_t *dst, const float *src, int n);
    void (*f16_to_f32)(float *dst, const uint16_t *src, int n);

    /* One query head over a span: out[d] = sum_p softmax_p(scale * q.k_p) v_p[d]. scores: span.n
     * floats of scratch. head dims dk (q, k) and dv (v, out). Positions ascending; dot over 16
     * lanes; v accumulated per element. */
    void (*attend)(float *out, const float *q, const struct lutra_span *kv, int dk, int dv,
                   float scale, float *scores);

    /* attend for each of some heads, the same numbers; what their spans have in common is read once
     * for several. scores: LUTRA_HEADS rows of score_stride floats, no less than any span's n. */
    void (*attend_many)(const struct lutra_heads *h, int dk, int dv, float scale, float *scores,
                        size_t score_stride);
};

/* Fill `ops` for a feature word (from lutra_cpu_detect, masked by a level). Pure. */
void lutra_ops_init(struct lutra_ops *ops, uint32_t features);

/* Cosine and sine tables for RoPE: cs[i] = cos(pos * freq[i]), in double inside, the same bits
 * everywhere. */
void lutra_rope_table(float *cs, float *sn, const double *freq, int n, int pos);

#endif
