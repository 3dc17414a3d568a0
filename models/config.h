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
    LUTRA_MAX_CTX = 1 << 30
};

enum lutra_gate { LUTRA_GATE_SILU, LUTRA_GATE_GELU, LUTRA_GATE_RELU2 };

struct lutra_config {
    char arch[24];        /* general.architecture as in the file, and the prefix of the keys */
    int n_vocab;          /* entries of tokenizer.ggml.tokens */
    int n_embd, n_layer, n_ff;
    int n_head, n_head_kv;
    int head_dim;         /* of q and k */
    int head_dim_v;
    int n_rot;            /* rotated elements of a head, even */
    int n_ctx_train;
    float norm_eps;
    double rope_base;
    double rope_scale;    /* linear scaling: angles are divided by it; 1 = none */

    /* set by the family */
    bool rope_halves;     /* pairs (i, i + n_rot/2); else (2i, 2i+1) */
    enum lutra_gate gate;
    float embd_scale;     /* embeddings are multiplied by it */
    float attn_scale;     /* scores are multiplied by it */
    float softcap;        /* final logits: cap * tanh(x / cap); 0 = none */
    int window;           /* sliding window of local layers; 0 = all layers are global */
    int window_every;     /* layer il is global if (il + 1) % window_every == 0 */
    double rope_base_local;
    bool ternary_int8;    /* inputs of ternary matrices are int8, one scale per vector (BitNet) */
};

/* Only general.architecture, into c->arch. */
lutra_status lutra_config_read_arch(struct lutra_config *c, const struct lutra_gguf *g, lutra_error *err);

/* Read the keys every family shares. Errors LUTRA_EFORMAT / LUTRA_EUNSUPPORTED with key, offset and range. */
lutra_status lutra_config_read(struct lutra_config *c, const struct lutra_gguf *g, lutra_error *err);

/* "{arch}.{name}" of the file's architecture, for families that read keys of their own. dst holds 128 bytes. */
const char *lutra_config_key(const struct lutra_config *c, const char *name, char *dst);

static inline bool lutra_config_is_local(const struct lutra_config *c, int il)
{
    return c->window > 0 && (il + 1) % c->window_every != 0;
}

#endif
