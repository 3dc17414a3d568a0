/* SPDX-License-Identifier: MIT */
/* Hyper-parameters of a model, read from keys with ranges and defaults; the words are the papers' own. */
#ifndef LUTRA_MODELS_CONFIG_H
#define LUTRA_MODELS_CONFIG_H

#include "kernels/base.h"
#include "models/gguf.h"

/* Limits no real file comes near; they keep every product of two of them inside int64. */
enum {
    LUTRA_MAX_LAYERS = 1024,
    LUTRA_MAX_EMBD = 1 << 17,
    LUTRA_MAX_FF = 1 << 20,
    LUTRA_MAX_HEADS = 4096,
    LUTRA_MAX_HEAD_DIM = 1024,
    LUTRA_MAX_VOCAB = 1 << 22,
    LUTRA_MAX_CTX = 1 << 30,
    LUTRA_MAX_EXPERTS = 1024,
    LUTRA_MAX_CONV = 64,      /* taps of a short convolution */
    LUTRA_MAX_STATE = 1 << 17 /* inner width, and channels of a convolution */
};

enum lutra_gate { LUTRA_GATE_SILU, LUTRA_GATE_GELU, LUTRA_GATE_RELU2, LUTRA_GATE_OAI };

/* What mixes the tokens of a layer. */
enum lutra_mixer { LUTRA_MIX_ATTENTION, LUTRA_MIX_SHORTCONV, LUTRA_MIX_DELTA, LUTRA_MIX_MAMBA2 };

enum lutra_routing {
    LUTRA_ROUTE_SOFTMAX = 1,      /* softmax over all experts, then the largest; numbered as in files */
    LUTRA_ROUTE_SIGMOID = 2,
    LUTRA_ROUTE_SOFTMAX_CHOSEN = 3 /* softmax over the chosen ones */
};

/* What may differ from layer to layer. */
struct lutra_shape {
    int n_head, n_head_kv; /* 0 where nothing attends */
    int head_dim;          /* of q, k and v */
    int n_ff;
    int kv_from;           /* whose keys and values are read: its own, or an earlier layer's */
    uint8_t mixer;         /* enum lutra_mixer */
    bool local;            /* sees a sliding window only, rotates as rope_local says */
    bool rotates;
    bool experts;          /* feed-forward by experts */
};

/* pooling_type, numbered as in files. */
enum { LUTRA_POOL_NONE, LUTRA_POOL_MEAN, LUTRA_POOL_CLS, LUTRA_POOL_LAST, LUTRA_POOL_RANK };

enum lutra_rope_kind { LUTRA_ROPE_LINEAR, LUTRA_ROPE_YARN, LUTRA_ROPE_LONG };

/* How positions are stretched beyond the context a model was first trained with. */
struct lutra_rope_scaling {
    enum lutra_rope_kind kind;
    double factor;         /* angles are divided by it; 1 = none */
    double attn_factor;    /* cosines and sines are multiplied by it */
    double ext_factor, beta_fast, beta_slow, log_mul; /* of YaRN */
    int n_ctx_orig;
};

struct lutra_config {
    char arch[24];        /* general.architecture as in the file, and the prefix of the keys */
    int n_vocab;          /* entries of tokenizer.ggml.tokens */
    int n_embd, n_layer;
    int n_ff, n_head, n_head_kv, head_dim; /* of the widest layer */
    int max_q, max_k;     /* most elements of the heads of q, of k (and v) in a layer */
    int n_rot;            /* rotated elements of a head, even */
    int n_ctx_train;
    float norm_eps;
    double rope_base;
    struct lutra_rope_scaling rope;

    int pooling;          /* pooling_type as in the file; -1: none */

    /* set by the family */
    bool encoder;         /* every token sees the whole text; no head */
    bool learned_positions; /* a row per position, n_ctx_train of them */
    bool fused_qkv;       /* of an encoder: one tensor holds q, k and v */
    bool rope_halves;     /* pairs (i, i + n_rot/2); else (2i, 2i+1) */
    enum lutra_gate gate;
    float embd_scale;     /* embeddings are multiplied by it */
    float attn_scale;     /* scores are multiplied by it */
    float attn_softcap;   /* scores: cap * tanh(x / cap); 0 = none */
    float residual_scale; /* what a block gives is multiplied by it before it is added */
    float logit_scale;    /* logits are multiplied by it */
    float softcap;        /* final logits: cap * tanh(x / cap); 0 = none */
    float temp_scale;     /* queries grow by it with the logarithm of the position; 0 = none */
    bool norm_v;          /* heads of v are normed, without weights */
    bool norm_whole;      /* q and k are normed over all heads at once */
    bool attn_gated;      /* wq holds a gate beside each head; sigmoid of it multiplies the head's output */
    int window;           /* sliding window of local layers; 0 = all layers are global */
    double rope_base_local;
    int n_rot_local;
    bool scaled_local;    /* local layers are scaled as the global ones */
    bool has_ternary;     /* of types that hold ternary weights; set by lutra_net_plan */
    bool ternary_int8;    /* inputs of ternary matrices are int8, one scale per vector (BitNet) */

    int n_expert, n_expert_used; /* 0: none */
    int n_expert_groups, n_groups_used; /* the chosen come from the best groups alone; 0: no groups */
    int n_ff_expert, n_ff_shared;
    enum lutra_routing routing;
    bool route_norm;      /* weights of the chosen are divided by their sum */
    float route_scale;    /* and multiplied by this */

    int conv_taps;        /* of a short convolution, the present token included */
    int conv_width;       /* its channels */
    int ssm_inner, ssm_state, ssm_heads, ssm_groups;
    int n_embd_layer;     /* per-layer embeddings (Gemma 4): elements of one layer; 0 = none */
    int n_wide;           /* scratch elements per token for what a family's own blocks need */

    struct lutra_shape shape[LUTRA_MAX_LAYERS];
};

/* Only general.architecture, into c->arch. */
lutra_status lutra_config_read_arch(struct lutra_config *c, const struct lutra_gguf *g, lutra_error *err);

/* Read the keys every family shares. `headless`: counts of heads and of feed-forward columns may be 0.
 * Errors LUTRA_EFORMAT / LUTRA_EUNSUPPORTED with key, offset and range. */
lutra_status lutra_config_read(struct lutra_config *c, const struct lutra_gguf *g, bool headless, lutra_error *err);

/* After the family has set its part: relations between the numbers, and the widest layer. */
lutra_status lutra_config_finish(struct lutra_config *c, const struct lutra_gguf *g, lutra_error *err);

/* "{arch}.{name}" of the file's architecture, for families that read keys of their own. dst holds 128 bytes. */
const char *lutra_config_key(const struct lutra_config *c, const char *name, char *dst);

/* Keys of a family by their name behind the architecture; absent: *out stays. */
lutra_status lutra_config_int(const struct lutra_config *c, const struct lutra_gguf *g, const char *name, int min, int max,
                              int *out, lutra_error *err);
lutra_status lutra_config_float(const struct lutra_config *c, const struct lutra_gguf *g, const char *name, double min,
                                double max, float *out, lutra_error *err);
/* One integer or bool per layer; false in *found if the key is absent or no array. */
lutra_status lutra_config_layers(const struct lutra_config *c, const struct lutra_gguf *g, const char *name, int min,
                                 int max, int *out, bool *found, lutra_error *err);

/* Errors of a family's keys: "FILE: key KEY at offset N: REASON; CURE", and "... is missing". */
lutra_status lutra_config_blame(const struct lutra_config *c, const struct lutra_gguf *g, const char *name,
                                lutra_status code, const char *reason, lutra_error *err);
lutra_status lutra_config_missing(const struct lutra_config *c, const struct lutra_gguf *g, const char *name,
                                  lutra_error *err);

/* attention.sliding_window_pattern: layer il is global if (il + 1) % every == 0, or as an array says. A window
 * of 0 makes all layers global. */
lutra_status lutra_config_window(struct lutra_config *c, const struct lutra_gguf *g, int window, int every,
                                 lutra_error *err);
/* Keys of experts: counts, widths, routing (config_moe.c). None of them: all stay 0. */
lutra_status lutra_config_experts(struct lutra_config *c, const struct lutra_gguf *g, lutra_error *err);
/* Keys rope.scaling.* (config_rope.c). */
lutra_status lutra_config_rope(struct lutra_config *c, const struct lutra_gguf *g, lutra_error *err);

/* 1/sqrt(head_dim), or attention.scale if the file has it. */
lutra_status lutra_config_attn_scale(struct lutra_config *c, const struct lutra_gguf *g, lutra_error *err);

/* Floats of state that layer il keeps from token to token beside keys and values. */
static inline size_t lutra_config_conv_floats(const struct lutra_config *c, int il)
{
    bool recurrent = c->shape[il].mixer != LUTRA_MIX_ATTENTION;
    return recurrent ? (size_t)(c->conv_taps - 1) * (size_t)c->conv_width : 0;
}

static inline size_t lutra_config_ssm_floats(const struct lutra_config *c, int il)
{
    bool ssm = c->shape[il].mixer == LUTRA_MIX_DELTA || c->shape[il].mixer == LUTRA_MIX_MAMBA2;
    return ssm ? (size_t)c->ssm_inner * (size_t)c->ssm_state : 0;
}

#endif
