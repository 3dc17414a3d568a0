/* SPDX-License-Identifier: MIT */
/* F32, F16 and BF16 matrices times float vectors over 16 virtual lanes. Included by vec_body.h.
 *
 * Every output (row, vector) has its own 16 lanes and sees its columns in ascending order, so how
 * many rows and vectors are worked on together changes speed and nothing else:
 *
 *   4 rows x 1 vector    one token: four streams of weights, each decoded once
 *   2 rows x 2 vectors   prompts: each load serves twice. Without fused multiply-add arithmetic is
 *                        close to the limit already; larger blocks spill AVX2's 16 registers. */
#ifndef LUTRA_KERNELS_FMUL_BODY_H
#define LUTRA_KERNELS_FMUL_BODY_H

struct fmul {
    float *y;
    size_t y_stride;
    const struct lutra_mat *m;
    const struct lutra_act *a;
};

struct fmul_shape { /* a constant in every caller: the loops over it unroll */
    int rows, vecs; /* at most 4, 2 */
    enum lutra_mat_kind kind;
};

/* 16 columns of a row (or `left` and zeros). */
LUTRA_LANES v16f row_get(const uint8_t *row, int col, int left, enum lutra_mat_kind kind)
{
    if (kind == LUTRA_MAT_F32) return v_get((const float *)(const void *)row + col, left);
    const uint16_t *half = (const uint16_t *)(const void *)row + col;
    return kind == LUTRA_MAT_F16 ? v_get_f16(half, left) : v_get_bf16(half, left);
}

/* One step of 16 columns of a block: w and x point at row 0 and vector 0. */
LUTRA_LANES void fmul_step(v16f sum[4][2], const struct fmul *f, const uint8_t *w, const float *x,
                           int col, struct fmul_shape b)
{
    v16f xi[2];
    for (int j = 0; j < b.vecs; j++) xi[j] = v_load(x + (size_t)j * f->a->x_stride + col);
    for (int r = 0; r < b.rows; r++) {
        v16f wi = row_get(w + (size_t)r * f->m->tile_bytes, col, 16, b.kind);
        for (int j = 0; j < b.vecs; j++) sum[r][j] = v_add(sum[r][j], v_mul(wi, xi[j]));
    }
}

LUTRA_RARE v16f row_part(const uint8_t *row, int col, int left, enum lutra_mat_kind kind)
{
    return row_get(row, col, left, kind);
}

/* The last columns, fewer than 16, of any block: real matrices have none. */
LUTRA_RARE void fmul_rest(v16f sum[4][2], const struct fmul *f, const uint8_t *w, const float *x,
                          int col, const struct fmul_shape *b)
{
    const int left = f->m->n_cols - col;
    for (int j = 0; j < b->vecs; j++, x += f->a->x_stride) {
        const v16f xi = load_part(x + col, left, 0.0f);
        for (int r = 0; r < b->rows; r++) {
            v16f wi = row_part(w + (size_t)r * f->m->tile_bytes, col, left, f->m->kind);
            sum[r][j] = v_add(sum[r][j], v_mul(wi, xi));
        }
    }
}

LUTRA_LANES void fmul_block(const struct fmul *f, int row, int v, struct fmul_shape b)
{
    const uint8_t *w = f->m->data + (size_t)row * f->m->tile_bytes;
    const float *x = f->a->x + (size_t)v * f->a->x_stride;
    v16f sum[4][2];
    for (int r = 0; r < b.rows; r++) {
        for (int j = 0; j < b.vecs; j++) sum[r][j] = v_set(0.0f);
    }
    int n = f->m->n_cols, i = 0;
    for (; i + 16 <= n; i += 16) fmul_step(sum, f, w, x, i, b);
    if (i < n) { /* by a copy: the sums of the loop stay in registers */
        v16f s[4][2];
        for (int r = 0; r < b.rows; r++)
            for (int j = 0; j < b.vecs; j++) s[r][j] = sum[r][j];
        fmul_rest(s, f, w, x, i, &b);
        for (int r = 0; r < b.rows; r++)
            for (int j = 0; j < b.vecs; j++) sum[r][j] = s[r][j];
    }
    for (int j = 0; j < b.vecs; j++) {
        float *y = f->y + (size_t)(v + j) * f->y_stride + row;
        for (int r = 0; r < b.rows; r++) y[r] = v_sum(sum[r][j]);
    }
}

LUTRA_LANES void fmul_rows4(const struct fmul *f, int row, int v0, int v1, enum lutra_mat_kind kind)
{
    const int paired = (v1 - v0) & ~1;
    for (int i = 0; i < paired; i++) /* two rows of two vectors, then the other two rows */
        fmul_block(f, row + 2 * (i & 1), v0 + (i & ~1), (struct fmul_shape){2, 2, kind});
    if (paired < v1 - v0) fmul_block(f, row, v0 + paired, (struct fmul_shape){4, 1, kind});
}

/* Rows left over, three at most: of any kind. */
LUTRA_RARE void fmul_row(const struct fmul *f, int row, int v0, int v1)
{
    for (int v = v0; v < v1; v++) fmul_block(f, row, v, (struct fmul_shape){1, 1, f->m->kind});
}

static void float_mul(float *y, size_t y_stride, const struct lutra_mat *m,
                      const struct lutra_act *a, int v0, int v1, int row0, int row1)
{
    struct fmul f = {y, y_stride, m, a};
    int row = row0;
    for (; row + 4 <= row1; row += 4) {
        if (m->kind == LUTRA_MAT_F32)
            fmul_rows4(&f, row, v0, v1, LUTRA_MAT_F32);
        else if (m->kind == LUTRA_MAT_F16)
            fmul_rows4(&f, row, v0, v1, LUTRA_MAT_F16);
        else
            fmul_rows4(&f, row, v0, v1, LUTRA_MAT_BF16);
    }
    for (; row < row1; row++) fmul_row(&f, row, v0, v1);
}

#endif
