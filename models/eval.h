/* SPDX-License-Identifier: MIT */
/* One evaluator: tokens in, logits out. Holds the KV cache, all scratch memory and the threads of one timeline.
 *
 * A token's result depends on the tokens before it and on nothing else: not on the batch it came in, not on the
 * thread count, not on the instruction set. All memory is taken when it is opened; none per token. */
#ifndef LUTRA_MODELS_EVAL_H
#define LUTRA_MODELS_EVAL_H

#include "kernels/arena.h"
#include "kernels/matmul.h"
#include "models/kv.h"
#include "models/model.h"
#include "models/state.h"
#include <stdatomic.h>

/* Rotation tables of the positions of a batch, [n][n_rot/2] each (local ones: n_rot_local). */
struct lutra_rope {
    float *cs, *sn;
};

/* Where a row of an encoder's input belongs: its position in its text, and the rows of that text. */
struct lutra_place {
    int pos, first, n;
};

struct lutra_eval {
    const struct lutra_net *net;
    struct lutra_engine engine;
    struct lutra_kv kv;
    struct lutra_state state;
    int n_batch;                   /* most tokens evaluated at once */
    int n_threads, n_threads_batch;

    /* the batch under way */
    int n;                         /* tokens in it */
    int pos;                       /* position of its first token */

    /* scratch, rows of a batch one after another */
    float *x;                      /* [n][n_embd] residual stream; encoders have room for n_ctx rows */
    float *norm;                   /* [n][n_embd] normed input of a block */
    float *q, *k, *v;              /* [n][heads*head_dim] of the layer under way */
    float *att;                    /* [n][n_head*head_dim] */
    float *gate, *up;              /* [n][n_ff] */
    float *wide;                   /* [n][n_wide] what a family's own blocks need */
    float *pe;                     /* [n][n_layer*n_embd_layer] per-layer embeddings */
    float *last;                   /* [n_embd] normed output that logits were made of */
    float *logits;                 /* [n_vocab] of the last token wanted */
    bool greedy;                   /* with a shortlist: only the greatest logit is wanted from now on */
    bool whole;                    /* all logits are exact; else those near the greatest are */
    bool shortlist;                /* the net has one, and it is used */
    struct lutra_head_work head;
    float *scores;                 /* [threads][LUTRA_HEADS][n_ctx, rounded up to 16] */
    const double *freq;            /* of global layers, by the length of the context */
    struct lutra_rope rope, rope_local;
    const int32_t *ids;            /* [n] of the batch */
    struct lutra_place *places;    /* encoders: [n_ctx], of all rows; else NULL */
    struct lutra_moe *moe;         /* scratch of experts (moe.c); NULL if there are none */
    void *act_mem;
    struct lutra_arena arena;      /* scratch: all of it is used for every batch */
    struct lutra_arena kv_arena;   /* touched position by position */
    const atomic_int *cancel;      /* NULL, or non-zero asks to stop between two layers */
};

struct lutra_eval_options {
    int n_ctx, n_batch, n_threads, n_threads_batch;
    enum lutra_precision precision;
    enum lutra_mode mode;
    bool shortlist;  /* use the net's, if it has one */
    const int *cpus; /* NULL, or one CPU per thread */
};

/* Bytes of the evaluator's memory: KV cache and everything else. False if a size overflows. */
bool lutra_eval_plan(const struct lutra_config *c, const struct lutra_ops *ops, const struct lutra_eval_options *opt,
                     uint64_t *kv_bytes, uint64_t *scratch_bytes);

lutra_status lutra_eval_open(struct lutra_eval **out, const struct lutra_net *net,
                             const struct lutra_eval_options *opt, lutra_error *err);
void lutra_eval_close(struct lutra_eval *e);

/* Evaluate n tokens (n <= n_batch, kv.n + n <= n_ctx, ids in range: the caller has checked) after those held.
 * on_logits: NULL: only the last token's logits are computed, into e->logits. Otherwise it is called once per token,
 * in order, with row i's logits, all exact (valid during the call). False: cancelled, and nothing has changed. */
typedef void (*lutra_logits_fn)(void *user, int row, const float *logits);
bool lutra_eval_tokens(struct lutra_eval *e, const int32_t *ids, int n, lutra_logits_fn on_logits, void *user);

/* The same without logits: the rows of the batch behind the final norm, [n][n_embd], valid until the next call; NULL:
 * cancelled. */
const float *lutra_eval_hidden(struct lutra_eval *e, const int32_t *ids, int n);

/* Encoders: texts one behind the other, n_ctx tokens at most: the rows of all of them, [tokens][n_embd], valid until the
 * next call; NULL: cancelled. Nothing is held afterwards. */
const float *lutra_eval_encode(struct lutra_eval *e, const int32_t *ids, const int *lengths, int n_texts);

/* Hold at most n of the tokens held; returns how many are: fewer than n if recurrent layers can only go back to an
 * earlier position. Evaluate the rest again. */
int lutra_eval_rewind(struct lutra_eval *e, int n);
/* Remember the present position as one to go back to. */
void lutra_eval_save(struct lutra_eval *e);

/* Make the logits of e->last anew; whole: all of them exact. */
void lutra_eval_relogit(struct lutra_eval *e, bool whole);

/* What the tokens held left behind, in memory of its own: filled from a file, then it changes places with e's. */
struct lutra_past {
    struct lutra_arena arena;
    struct lutra_kv kv;
    struct lutra_state state;
};

/* One like e's, all zero, with no token. Errors LUTRA_ENOMEM. */
lutra_status lutra_past_open(struct lutra_past *p, const struct lutra_eval *e, lutra_error *err);
void lutra_past_swap(struct lutra_past *p, struct lutra_eval *e);
void lutra_past_close(struct lutra_past *p);

/* Make all logits of the last token exact, if a shortlist left some of them as estimates. */
void lutra_eval_complete(struct lutra_eval *e);

/* ---- for the families (layers.c, attention.c, moe.c) ---- */

/* norm = rmsnorm(x) for every row of the batch. */
void lutra_eval_norm(struct lutra_eval *e, float *y, const float *x, const float *w, int n_cols);

/* The same with the mean taken away and a bias, in place. */
void lutra_eval_layer_norm(struct lutra_eval *e, float *x, const float *w, const float *bias);

/* y_i = W_i in for each of n_mats matrices that share one input of `cols` columns (row stride cols). */
struct lutra_product {
    const struct lutra_mat *w;
    float *y;            /* row stride w->n_rows */
    const float *bias;   /* NULL, or [n_rows] added */
    const float *scale;  /* NULL, or [1] multiplied first */
};
void lutra_eval_products(struct lutra_eval *e, const float *in, int cols, const struct lutra_product *p, int n_products);

/* From norm: q, k, v, their norms and rotation, into the cache, attention into att, wo into norm. Of an encoder, whose
 * keys and values are there already, q alone. */
void lutra_eval_attention(struct lutra_eval *e, int il);
/* Encoders: from x keys and values into the cache. */
void lutra_eval_keys(struct lutra_eval *e, int il);
/* Cosines and sines of row i of the batch, at position pos. */
void lutra_eval_rotation(struct lutra_eval *e, int i, int pos);
/* Somebody asked to stop. */
bool lutra_eval_cancelled(const struct lutra_eval *e);

/* From norm: gated feed-forward into norm. */
void lutra_eval_ffn(struct lutra_eval *e, int il);
/* gate = activation(gate) * up, n rows of n_cols. */
void lutra_eval_gate(struct lutra_eval *e, int n, int n_cols);
/* From norm: the experts the router chooses, and the shared one, into norm. */
void lutra_eval_experts(struct lutra_eval *e, int il);
/* The same for a router with an input of its own, [n][n_embd], and without the norm behind. */
void lutra_eval_routed(struct lutra_eval *e, int il, const float *router_in);
/* LUTRA_CODE_MAX, or BitNet's own where the weights are ternary. */
int lutra_eval_code_max(const struct lutra_eval *e, const struct lutra_mat *w);
/* Widest input of any product of the net. */
int lutra_eval_widest(const struct lutra_config *c);

/* moe.c's scratch: its size, and its place in memory of that size. */
bool lutra_moe_bytes(const struct lutra_config *c, const struct lutra_ops *ops, int n_batch, size_t act_bytes,
                     uint64_t *bytes);
void lutra_moe_bind(struct lutra_moe **m, const struct lutra_config *c, int n_batch, size_t act_bytes, void *mem);

/* y += s * x for n elements, multiplied then added. */
static inline void lutra_eval_axpy(float *y, float s, const float *x, int n)
{
    for (int i = 0; i < n; i++) y[i] += s * x[i];
}

/* x += residual_scale * norm, for every row. */
void lutra_eval_residual(struct lutra_eval *e);

#endif
