/* SPDX-License-Identifier: MIT */
/* y = W x on all threads: which kernel runs, how rows are split. The only caller of the product
 * kernels. */
#ifndef LUTRA_KERNELS_MATMUL_H
#define LUTRA_KERNELS_MATMUL_H

#include "kernels/ops.h"
#include "kernels/pool.h"

enum lutra_precision {
    LUTRA_PREC_DEFAULT, /* integer activations */
    LUTRA_PREC_HIGH     /* float activations */
};

/* Which kernels multiply low-bit weights. AUTO, LUT and DOT give the same bits. */
enum lutra_mode {
    LUTRA_MODE_AUTO, /* the fastest for the matrix and the number of vectors */
    LUTRA_MODE_LUT,  /* table lookups however many vectors; I8 and BOOK, without tables, by integer dot */
    LUTRA_MODE_DOT,  /* codes unpacked and multiplied as integers, one vector too */
    LUTRA_MODE_DEQ   /* weights decoded to floats, times float activations: the baseline */
};

/* Everything a product needs beside its operands; one per session. */
struct lutra_engine {
    const struct lutra_ops *ops;
    struct lutra_pool *pool; /* NULL: all on the caller's thread */
    void *scratch;           /* pool size * scratch_each bytes, 64-byte aligned */
    size_t scratch_each;     /* lutra_engine_scratch(ops) */
    enum lutra_precision precision;
    int code_max;            /* LUTRA_CODE_MAX or LUTRA_CODE_MAX_INT8 */
    enum lutra_mode mode;
};

size_t lutra_engine_scratch(const struct lutra_ops *ops); /* per thread */

/* ---- which kernel (choose.c) ---- */

enum lutra_path {
    LUTRA_PATH_LOOKUP, /* planes_lookup, tern_lookup, vector by vector */
    LUTRA_PATH_VECTOR, /* vector_lookup, many vectors at once */
    LUTRA_PATH_PANEL,  /* panel_mul or tile_mul */
    LUTRA_PATH_EXACT,  /* exact_mul */
    LUTRA_PATH_FLOAT   /* float_mul */
};

/* AUTO: how many vectors at most are looked up one by one instead of multiplied as a panel. 0: the
 * panel is faster for one vector already. Measured per level, kind and bits. */
int lutra_lookup_max(const struct lutra_ops *ops, const struct lutra_mat *m);

/* Up to how many vectors a product with m wants LUTRA_ACT_BYTES. */
int lutra_bytes_most(const struct lutra_ops *ops, const struct lutra_mat *m);

/* How codes of a type are to be packed for this level: DENSE if it prefers them, lookups of planes are not
 * wanted whatever they cost, and rows are so long that most codes of their inputs are single bytes. */
enum lutra_packing lutra_codes_packing(const struct lutra_ops *ops, int type, int n_cols, bool planes);

/* The layout of base-3 codes that this level reads; with one scale, or one per row. */
enum lutra_packing lutra_tern_packing(const struct lutra_ops *ops, bool rows);

/* Does it read base-3 codes in the layout of TRIO, or in the other? Scalar reads both, any other level one. */
bool lutra_tern_reads(const struct lutra_ops *ops, bool trio);

/* From how many vectors on vector tables are the fastest (AUTO) or the fastest tables (LUT); 0: never. */
int lutra_vector_from(const struct lutra_ops *ops, const struct lutra_mat *m, enum lutra_mode mode);

/* How the product of m with n vectors is computed under this engine. */
enum lutra_path lutra_matmul_path(const struct lutra_engine *e, const struct lutra_mat *m, int n);

/* Vectors that panel_mul is given at a time: all n, but for a few vectors of I8 in levels that keep
 * sums of so many in registers. */
int lutra_panel_pass(const struct lutra_ops *ops, const struct lutra_mat *m, int n);

/* Whether tile_mul takes a panel of n vectors from panel_mul. */
bool lutra_panel_in_tiles(const struct lutra_ops *ops, const struct lutra_mat *m, int n);

/* Most vectors that have tables of their own at a time, whatever the matrices: 0 if none ever has. */
int lutra_lookup_most(const struct lutra_ops *ops, enum lutra_mode mode);

/* How many of n vectors to multiply in one go, to ask again for the others: no more than
 * lutra_lookup_most if a matrix is looked up, full vector tables if those are used. */
int lutra_matmul_step(const struct lutra_engine *e, const struct lutra_mat *const *mats,
                      int n_mats, int n);

/* ---- activations, products ---- */

/* Which LUTRA_ACT_* parts the matrices need for n vectors under this engine (0 if only floats). */
unsigned lutra_act_parts(const struct lutra_engine *e, const struct lutra_mat *const *mats,
                         int n_mats, int n);

/* Quantize the n vectors of `a` (x, x_stride set; arrays bound) and build the tables of `parts`, on
 * all threads. */
void lutra_act_fill(const struct lutra_engine *e, struct lutra_act *a, unsigned parts);

/* y[v*y_stride + r] = (W x_v)[r] for all n vectors of `a` (filled with at least the parts m needs;
 * x stays readable) and all rows. A vector's result does not depend on n, on the other vectors or
 * on the threads. */
void lutra_matmul(const struct lutra_engine *e, float *y, size_t y_stride,
                  const struct lutra_mat *m, const struct lutra_act *a);

struct lutra_mul {
    float *y;
    size_t y_stride;
    const struct lutra_mat *m;
};

/* The same for n matrices that take the vectors of `a`, with few vectors all in one go of the threads, who wait for each
 * other once and not n times. */
void lutra_matmul_all(const struct lutra_engine *e, const struct lutra_mul *muls, int n, const struct lutra_act *a);

#endif
