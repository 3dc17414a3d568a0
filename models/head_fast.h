/* SPDX-License-Identifier: MIT */
/* A head that is not read whole: a shortlist from two bits of every weight, exact rows after it.
 *
 * Greedy decoding wants the greatest logit only. So beside the output matrix W (rows w, inputs x)
 * lie, made from it while loading:
 *   top   32 columns in 8 bits: those that carry most of x (chosen by probe, see head_build.c)
 *   low   the other columns in four levels, w ~ s * (-3, -1, 1 or 3)
 *   rows  of each row s, and r = |w - s * levels| / sqrt(columns), both in 16 bits
 * Stage 1 estimates every logit from these, e = s * (levels . x) + top . x. Stage 2 takes blocks of
 * 16 rows by falling e + c * r * |x| and computes them from W itself, until the next one lies below
 * the best exact logit found. If that takes more than an eighth of the rows, all are computed.
 *
 * What is certain: rows of stage 2 hold the very bits of the whole product, and everything is the
 * same at every CPU level, thread count and batch. What is not: that the shortlist holds the best
 * row. The error of e is a sum of n_embd small terms, about normal with deviation r * |x|
 * (measured: 1.0 times that on SmolLM2 and Gemma), so the best row is missed only if its own
 * estimate is low by more than c = 3.5 deviations: 2 in 10,000. A bound that always holds
 * (Cauchy-Schwarz, c = sqrt(n_embd)) never excluded enough rows to be of use. */
#ifndef LUTRA_MODELS_HEAD_FAST_H
#define LUTRA_MODELS_HEAD_FAST_H

#include "kernels/matmul.h"

enum {
    LUTRA_HEAD_TOP = 32,   /* columns of `top`: one block of Q8_0 */
    LUTRA_HEAD_BLOCK = 16, /* rows that stage 2 computes at once: they share cache lines */
    LUTRA_HEAD_PART = 8,   /* at most 1/8 of the rows, else all; of a small vocabulary ... */
    LUTRA_HEAD_LEAST = 16  /* ... this many blocks */
};

struct lutra_head_fast {
    struct lutra_mat low;   /* columns padded to whole blocks; every scale in it is 1 */
    struct lutra_mat top;
    uint32_t *rows;         /* [n_vocab] low half: s, high half: r, as bfloat16 */
    int32_t cols[LUTRA_HEAD_TOP];
    bool ready;             /* made, and to be used */
};

/* Shapes of low and top for this head; false (all zero) if reading them would save too little. */
bool lutra_head_fast_plan(struct lutra_head_fast *f, const struct lutra_mat *head);

/* Bytes that a token reads at least: all but stage 2. Of rows alone: 4 * n_vocab. */
static inline uint64_t lutra_head_fast_bytes(const struct lutra_head_fast *f)
{
    return f->low.bytes + f->top.bytes + (uint64_t)f->low.n_rows * sizeof *f->rows;
}

/* Fill low, top and rows (memory is bound) from the head. cols are set. False: memory is short or a
 * row is beyond floats, and `ready` stays false. */
bool lutra_head_fast_fill(struct lutra_head_fast *f, const struct lutra_mat *head,
                          struct lutra_pool *pool);

struct lutra_net;
/* Choose the columns by running the net over some made-up tokens, fill, and set `ready`. Leaves it
 * false if the net gives no finite numbers. Errors LUTRA_ENOMEM. */
lutra_status lutra_head_fast_build(struct lutra_head_fast *f, const struct lutra_net *net,
                                   int n_threads, lutra_error *err);

/* Scratch of one evaluator, and what it has read. */
struct lutra_head_work {
    void *act_low, *act_top;
    float *x;              /* x without the columns of top, padded */
    float *x_top;
    float *bound;          /* [blocks] greatest e + c * r * |x| of a block; -inf once computed */
    float *chunk;          /* [rows / 256] greatest bound of some blocks, before any was computed */
    int32_t *heap;         /* [blocks] those still of interest, greatest bound first */
    uint64_t runs, blocks; /* tokens, and exact blocks computed for them (of whole heads: all) */
    uint64_t wholes;       /* tokens that took the whole head */
};

/* Bytes of the scratch; lutra_head_work_bind carves them up. */
size_t lutra_head_work_bytes(const struct lutra_head_fast *f, const struct lutra_ops *ops);
/* ... before a head is known: at least as many. */
size_t lutra_head_work_most(int n_vocab, int n_embd, const struct lutra_ops *ops);
void lutra_head_work_bind(struct lutra_head_work *w, const struct lutra_head_fast *f,
                          const struct lutra_ops *ops, void *mem);

/* The logits of a->x: exact where it matters to find the greatest, estimates below it elsewhere.
 * `a` is filled for `head`. False: only the whole head can tell; logits are not to be used. */
bool lutra_head_fast_run(const struct lutra_head_fast *f, struct lutra_head_work *w,
                         const struct lutra_engine *e, const struct lutra_mat *head,
                         const struct lutra_act *a, float *logits);

#endif
