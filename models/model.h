/* SPDX-License-Identifier: MIT */
/* A loaded network: configuration, packed weights, and the family that knows how a layer is computed.
 *
 * Immutable after lutra_net_load and shared by any number of evaluators (models/eval.h). */
#ifndef LUTRA_MODELS_MODEL_H
#define LUTRA_MODELS_MODEL_H

#include "kernels/arena.h"
#include "kernels/ops.h"
#include "kernels/pool.h"
#include "models/config.h"
#include "models/head.h"

/* One transformer layer. What a family does not have stays zero (data == NULL, pointer NULL). */
struct lutra_layer {
    const float *attn_norm;      /* [n_embd] */
    struct lutra_mat wq;         /* [n_head*head_dim, n_embd] */
    struct lutra_mat wk;         /* [n_head_kv*head_dim, n_embd] */
    struct lutra_mat wv;         /* [n_head_kv*head_dim_v, n_embd] */
    struct lutra_mat wo;         /* [n_embd, n_head*head_dim_v] */
    const float *bq, *bk, *bv;   /* biases of the rows of wq, wk, wv */
    const float *q_norm, *k_norm;/* [head_dim] */
    const float *attn_sub_norm;  /* [n_head*head_dim_v], before wo */
    const float *post_attn_norm; /* [n_embd], after wo */
    const float *ffn_norm;       /* [n_embd] */
    struct lutra_mat gate, up;   /* [n_ff, n_embd] */
    struct lutra_mat down;       /* [n_embd, n_ff] */
    const float *ffn_sub_norm;   /* [n_ff], before down */
    const float *post_ffn_norm;  /* [n_embd], after down */
    /* optional [1] multipliers of a product's output (some BitNet files) */
    const float *sq, *sk, *sv, *so, *s_gate, *s_up, *s_down;
};

struct lutra_eval;

/* A row of a family's tensor table: which tensor fills which field of struct lutra_layer, and its shape. */
struct lutra_tensor_spec {
    const char *suffix;          /* "attn_q.weight" of "blk.N.attn_q.weight" */
    size_t field;                /* offsetof in struct lutra_layer */
    enum { LUTRA_SPEC_MAT, LUTRA_SPEC_VEC } kind;
    size_t cols, rows;           /* offsetof in struct lutra_dims; vectors have rows only */
    bool required;
};

/* The sizes tensor shapes are made of. */
struct lutra_dims {
    int one, n_embd, n_ff, q, k, v, o, head, vocab, half_rot;
};

struct lutra_arch {
    const char *const *names;    /* general.architecture strings, NULL at the end */
    const struct lutra_tensor_spec *specs;
    int n_specs;
    lutra_status (*configure)(struct lutra_config *c, const struct lutra_gguf *g, lutra_error *err);
    void (*layer)(struct lutra_eval *e, int il); /* x = x + attention, x = x + ffn */
};

/* Family of an architecture string; NULL if none. */
const struct lutra_arch *lutra_arch_find(const char *name);
/* All names in one line, for messages. */
const char *lutra_arch_names(char *dst, size_t cap);

struct lutra_net {
    struct lutra_config config;
    const struct lutra_arch *arch;
    struct lutra_ops ops;
    struct lutra_arena arena;
    struct lutra_layer *layers;
    struct lutra_mat token_embd; /* [n_vocab, n_embd] */
    struct lutra_mat output;     /* when tied the same bytes as token_embd, or those in fewer bits */
    const float *output_norm;    /* [n_embd] */
    const double *freq;          /* [n_rot/2] radians per position; of global layers */
    const double *freq_local;    /* of local layers */
    bool tied;
    uint64_t n_params;
    uint64_t token_bytes;        /* packed weight bytes read for one token */
    char type_name[16];          /* type of most weights */
    char self_test[160];         /* "ok", or what fell back */
    char head[120];              /* type of the output matrix, and what it costs if it was changed */
};

struct lutra_net_options {
    uint32_t features;           /* CPU features to use at most */
    int n_threads;
    enum lutra_head_bits head;
    bool (*on_progress)(void *user, double fraction); /* false: stop. may be NULL */
    void *user;
};

/* Bytes of the weight arena for a file, from its header alone: an upper bound that the load keeps. Checks the
 * configuration, that every tensor is there, and shapes and types. */
lutra_status lutra_net_plan(const struct lutra_gguf *g, enum lutra_head_bits head, struct lutra_config *config,
                            uint64_t *weight_bytes, lutra_error *err);

/* Load, repack, self-test. On failure *out is NULL and nothing is held. */
lutra_status lutra_net_load(struct lutra_net **out, const struct lutra_gguf *g, const struct lutra_net_options *opt,
                            lutra_error *err);
void lutra_net_free(struct lutra_net *net);

/* Run every kind of matrix in the net through its kernels against scalar on real rows. Drops to lower levels until all
 * agree; writes net->ops and net->self_test. LUTRA_ESELFTEST if not even scalar agrees with itself (broken memory). */
lutra_status lutra_net_self_test(struct lutra_net *net, lutra_error *err);

#endif
