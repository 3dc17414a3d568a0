/* SPDX-License-Identifier: MIT */
/* A loaded network: configuration, packed weights, and the family that knows how a layer is computed.
 *
 * Immutable after lutra_net_load and shared by any number of evaluators (models/eval.h). */
#ifndef LUTRA_MODELS_MODEL_H
#define LUTRA_MODELS_MODEL_H

#include "kernels/arena.h"
#include "kernels/matmul.h"
#include "kernels/ops.h"
#include "kernels/pool.h"
#include "models/config.h"
#include "models/head.h"

/* Matrices of one shape, one behind the other. */
struct lutra_mats {
    struct lutra_mat one;        /* the first */
    int n;
};

static inline struct lutra_mat lutra_mats_at(const struct lutra_mats *m, int i)
{
    struct lutra_mat one = m->one;
    one.data += (size_t)i * one.bytes;
    return one;
}

/* One layer. What a family does not have stays zero (data == NULL, pointer NULL). */
struct lutra_layer {
    const float *attn_norm;      /* [n_embd] */
    struct lutra_mat wq;         /* [n_head*head_dim, n_embd]; with a gate beside each head: twice the rows */
    struct lutra_mat wk, wv;     /* [n_head_kv*head_dim, n_embd] */
    struct lutra_mat wo;         /* [n_embd, n_head*head_dim] */
    const float *bq, *bk, *bv, *bo; /* biases of the rows */
    const float *q_norm, *k_norm;/* [head_dim], or of all heads at once */
    const float *sinks;          /* [n_head] a score that takes its share of the softmax and gives nothing */
    const float *attn_sub_norm;  /* [n_head*head_dim], before wo */
    const float *post_attn_norm; /* [n_embd], after wo */
    const float *ffn_norm;       /* [n_embd] */
    struct lutra_mat gate, up;   /* [n_ff, n_embd] */
    struct lutra_mat down;       /* [n_embd, n_ff] */
    const float *b_gate, *b_up, *b_down;
    const float *ffn_sub_norm;   /* [n_ff], before down */
    const float *post_ffn_norm;  /* [n_embd], after down */
    /* optional [1] multipliers of a product's output (some BitNet files) */
    const float *sq, *sk, *sv, *so, *s_gate, *s_up, *s_down;

    /* encoders: norms behind the sums, with the mean taken away */
    const float *attn_out_norm, *attn_out_shift;   /* [n_embd] */
    const float *layer_out_norm, *layer_out_shift; /* [n_embd] */

    /* experts */
    struct lutra_mat router;     /* [n_expert, n_embd] */
    const float *b_router;       /* [n_expert] added to its output */
    const float *b_choice;       /* [n_expert] added when experts are chosen, not to their weights */
    struct lutra_mats e_gate, e_up; /* n_expert of [n_ff_expert, n_embd] */
    struct lutra_mats e_down;    /* n_expert of [n_embd, n_ff_expert] */
    const float *be_gate, *be_up, *be_down; /* [n_expert][rows] */
    const float *se_gate, *se_up, *se_down; /* [n_expert] multipliers of what an expert's matrix gives; NULL: 1 */
    const float *router_norm;    /* [n_embd] of the router's own input (Gemma 4) */
    const float *moe_norm, *post_moe_norm; /* [n_embd] before and after experts that stand beside a dense block */
    const float *post_both_norm; /* [n_embd] after the sum of both */
    struct lutra_mat x_gate, x_up, x_down; /* the expert every token takes: [n_ff_shared, n_embd], ... */
    const float *x_router;       /* [n_embd] sigmoid of its product is that expert's weight; NULL: 1 */

    /* state from token to token */
    const float *conv;           /* [conv_width][conv_taps], the present token last */
    const float *conv_bias;      /* [conv_width] */
    struct lutra_mat in;         /* [.., n_embd] what the convolution takes, and gates */
    struct lutra_mat z;          /* [ssm_inner, n_embd] gate */
    struct lutra_mat alpha, beta;/* [ssm_heads, n_embd] */
    const float *dt_bias, *a, *d;/* [ssm_heads] */
    const float *ssm_norm;       /* [ssm_state] or [ssm_inner] */

    /* per-layer embeddings */
    struct lutra_mat pe_gate;    /* [n_embd_layer, n_embd] */
    struct lutra_mat pe_proj;    /* [n_embd, n_embd_layer] */
    const float *pe_norm;        /* [n_embd] */
    const float *out_scale;      /* [1] of the layer's whole output */
};

struct lutra_eval;

/* Layers a tensor belongs to: all of these must hold. */
enum {
    LUTRA_ON_ATTENTION = 1,
    LUTRA_ON_SHORTCONV = 2,
    LUTRA_ON_DELTA = 4,
    LUTRA_ON_MAMBA2 = 8,
    LUTRA_ON_DENSE = 16,
    LUTRA_ON_EXPERTS = 32,
    LUTRA_ON_SHARED = 64,  /* experts, one of which is shared */
    LUTRA_ON_OWN_KV = 128, /* keys and values are its own */
    LUTRA_ON_PER_LAYER = 256, /* the net has per-layer embeddings */
    LUTRA_ON_FUSED = 512,  /* q, k and v are one tensor; */
    LUTRA_ON_PARTED = 1024, /* or three */
    LUTRA_ON_FUSED_EXPERTS = 2048, /* gate and up of all experts are one tensor; */
    LUTRA_ON_PARTED_EXPERTS = 4096 /* or two */
};

enum lutra_spec_kind {
    LUTRA_SPEC_MAT,   /* [cols, rows] */
    LUTRA_SPEC_VEC,   /* [rows] */
    LUTRA_SPEC_VECS,  /* [cols, rows] of small floats, rows one behind the other */
    LUTRA_SPEC_MATS   /* [cols, rows, n_expert] */
};

/* A row of a family's tensor table: which tensor fills which field of struct lutra_layer, and its shape. There
 * are hundreds of rows, so they are small, and without pointers that a loader would have to fill in. */
struct lutra_tensor_spec {
    char suffix[30];             /* "attn_q.weight" of "blk.N.attn_q.weight" */
    uint16_t field;              /* offsetof in struct lutra_layer */
    uint16_t cols, rows;         /* offsetof in struct lutra_dims; vectors have rows only */
    uint16_t first, all;         /* of a tensor of `all` rows these are the rows from `first` on */
    uint16_t on;                 /* LUTRA_ON_* */
    uint8_t kind;                /* enum lutra_spec_kind */
    bool required;
};

/* The sizes tensor shapes are made of, of one layer. */
struct lutra_dims {
    int zero, one, n_embd, n_ff, q, k, v, o, head, n_head, vocab;
    int q2, qk, qkv, ff2, embd3;      /* sums of them: fused tensors */
    int n_expert, ff_expert, ff_expert2, ff_shared;
    int taps, conv, inner, heads, state, in_proj, group, groups;
    int pe, pe_all;
};

struct lutra_arch {
    const char *const *names;    /* general.architecture strings, NULL at the end */
    const struct lutra_tensor_spec *specs;
    int n_specs;
    lutra_status (*configure)(struct lutra_config *c, const struct lutra_gguf *g, lutra_error *err);
    void (*layer)(struct lutra_eval *e, int il); /* x = x + attention, x = x + ffn */
    bool headless;               /* files may count 0 heads */
    void (*begin)(struct lutra_eval *e); /* NULL, or called once per batch, when x holds the embeddings */
};

#define LUTRA_FUSED_EXPERTS "ffn_gate_up_exps.weight"

/* LUTRA_ON_* of a layer, but FUSED_EXPERTS and PARTED_EXPERTS, which the file's tensors decide. */
unsigned lutra_layer_is(const struct lutra_config *c, int il);

/* The known architecture that is spelled most like this one; NULL if none is close. */
const char *lutra_arch_nearest(const char *name);

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
    struct lutra_mat output;     /* encoders: none; when tied the same bytes as token_embd, or those in fewer bits */
    struct lutra_head_fast fast; /* beside output, if asked for and of use */
    const float *output_norm;    /* [n_embd] */
    const double *freq;          /* [n_rot/2] radians per position; of global layers */
    const double *freq_long;     /* the same for contexts beyond config.rope.n_ctx_orig; freq if there is but one */
    const double *freq_local;    /* [n_rot_local/2] of local layers */
    float rope_size, rope_size_local; /* cosines and sines are multiplied by it */
    struct lutra_mat pe_embd;    /* [n_layer*n_embd_layer] per token */
    struct lutra_mat pe_model;   /* [n_layer*n_embd_layer, n_embd] */
    const float *pe_model_norm;  /* [n_embd_layer] */
    struct lutra_mat pos_embd;   /* [n_ctx_train, n_embd], of encoders that learned their positions */
    const float *type_embd;      /* [n_embd] what an encoder adds to every token, or NULL */
    const float *embd_norm, *embd_shift; /* [n_embd] of an encoder's input */
    bool tied;
    uint64_t n_params;
    uint64_t token_bytes;        /* packed weight bytes read for one token; with a shortlist at least */
    char type_name[16];          /* type of most weights */
    char self_test[160];         /* "ok", or what fell back */
    char head[160];              /* type of the output matrix, and what it costs if it was changed */
};

/* The matrix that row `spec` of the family's table gave layer il, the first of *count; NULL if none. */
const struct lutra_mat *lutra_layer_mat(const struct lutra_net *net, int il, int spec, int *count);

struct lutra_net_options {
    uint32_t features;           /* CPU features to use at most */
    int n_threads;
    enum lutra_head_bits head;
    bool planes;                 /* LUTRA_MODE_LUT will be asked for: keep what it looks up */
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

/* Threads, at most n_threads, that decode as fast as more would (decode_probe.c), and why in one line: "" where that
 * was not worth finding out. Takes LUTRA_PROBE_MS. */
int lutra_net_probe_threads(const struct lutra_net *net, enum lutra_mode mode, int n_threads, char *why,
                            size_t why_cap);

/* Run every kind of matrix in the net through its kernels against scalar on real rows. Drops to lower levels until all
 * agree; writes net->ops and net->self_test. LUTRA_ESELFTEST if not even scalar agrees with itself (broken memory). */
lutra_status lutra_net_self_test(struct lutra_net *net, lutra_error *err);

#endif
