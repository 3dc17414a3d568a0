/* SPDX-License-Identifier: MIT */
/* Gemma 1, 2 and 3.
 *
 * All: embeddings are multiplied by sqrt(n_embd); the gate is GELU (tanh form). Norm weights hold the "+1" already
 * (converter). The head is the embedding table. 2 and 3 norm what a block gives, too.
 * Gemma 2: every other layer sees only a sliding window; scores and logits pass a soft cap.
 * Gemma 3: heads of q and k are normed; five layers of six see only a sliding window and rotate with base 10000; the
 * sixth sees everything and rotates with its own base, scaled. */
#include "models/families.h"

#include <math.h>

#define GEMMA_SPECS                                                                                                      \
    LUTRA_DENSE_SPECS, LUTRA_VEC_SPEC("post_attention_norm.weight", post_attn_norm, n_embd, true),                      \
        LUTRA_VEC_SPEC("post_ffw_norm.weight", post_ffn_norm, n_embd, true)

static const struct lutra_tensor_spec gemma_specs[] = {LUTRA_DENSE_SPECS};
static const struct lutra_tensor_spec gemma2_specs[] = {GEMMA_SPECS};
static const struct lutra_tensor_spec gemma3_specs[] = {
    GEMMA_SPECS,
    LUTRA_VEC_SPEC("attn_q_norm.weight", q_norm, head, true),
    LUTRA_VEC_SPEC("attn_k_norm.weight", k_norm, head, true),
};

enum {
    GEMMA2_EVERY = 2, GEMMA2_WINDOW = 4096, GEMMA2_27B = 46,
    GEMMA3_EVERY = 6,  /* five local layers, one global */
    GEMMA3_27B = 62    /* the one size, by its layers, whose scores are scaled by n_embd / n_head instead of head_dim */
};

static lutra_status configure(struct lutra_config *c, const struct lutra_gguf *g, int layers_of_27b, lutra_error *err)
{
    char key[128];
    lutra_status st;
    if ((st = lutra_gguf_float(g, lutra_config_key(c, "rope.freq_base_swa", key), 1e-3, 1e15, &c->rope_base_local, NULL,
                               err)))
        return st;
    if ((st = lutra_config_float(c, g, "final_logit_softcapping", 0, 1e6, &c->softcap, err))) return st;
    c->rope_halves = true;
    c->gate = LUTRA_GATE_GELU;
    c->embd_scale = sqrtf((float)c->n_embd);
    int scale_dim = c->n_layer == layers_of_27b ? c->n_embd / c->n_head : c->head_dim;
    c->attn_scale = 1.0f / sqrtf((float)scale_dim);
    return LUTRA_OK;
}

static lutra_status configure1(struct lutra_config *c, const struct lutra_gguf *g, lutra_error *err)
{
    return configure(c, g, 0, err);
}

static lutra_status configure2(struct lutra_config *c, const struct lutra_gguf *g, lutra_error *err)
{
    c->attn_softcap = 50.0f;
    c->softcap = 30.0f;
    c->scaled_local = true;
    lutra_status st = lutra_config_window(c, g, GEMMA2_WINDOW, GEMMA2_EVERY, err);
    if (st != LUTRA_OK) return st;
    if ((st = lutra_config_float(c, g, "attn_logit_softcapping", 0, 1e6, &c->attn_softcap, err))) return st;
    return configure(c, g, GEMMA2_27B, err);
}

static lutra_status configure3(struct lutra_config *c, const struct lutra_gguf *g, lutra_error *err)
{
    c->rope_base_local = 10000.0;
    lutra_status st = lutra_config_window(c, g, 0, GEMMA3_EVERY, err);
    return st != LUTRA_OK ? st : configure(c, g, GEMMA3_27B, err);
}

static const char *const gemma_names[] = {"gemma", NULL};
static const char *const gemma2_names[] = {"gemma2", NULL};
static const char *const gemma3_names[] = {"gemma3", NULL};
const struct lutra_arch lutra_arch_gemma = {gemma_names, gemma_specs, sizeof gemma_specs / sizeof gemma_specs[0],
                                            configure1, lutra_layer_prenorm, false, NULL};
const struct lutra_arch lutra_arch_gemma2 = {gemma2_names, gemma2_specs, sizeof gemma2_specs / sizeof gemma2_specs[0],
                                             configure2, lutra_layer_prenorm, false, NULL};
const struct lutra_arch lutra_arch_gemma3 = {gemma3_names, gemma3_specs, sizeof gemma3_specs / sizeof gemma3_specs[0],
                                             configure3, lutra_layer_prenorm, false, NULL};
