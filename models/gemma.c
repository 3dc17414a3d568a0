/* SPDX-License-Identifier: MIT */
/* Gemma 3.
 *
 * Quirks: embeddings are multiplied by sqrt(n_embd); every block is normed before and after; heads of q and k are
 * normed; the gate is GELU (tanh form). Five layers of six see only a sliding window and rotate with base 10000; the
 * sixth sees everything and rotates with its own base, scaled. Norm weights hold the "+1" already (converter). The
 * head is the embedding table. */
#include "models/families.h"

#include <math.h>

static const struct lutra_tensor_spec specs[] = {
    LUTRA_DENSE_SPECS,
    LUTRA_VEC_SPEC("attn_q_norm.weight", q_norm, head, true),
    LUTRA_VEC_SPEC("attn_k_norm.weight", k_norm, head, true),
    LUTRA_VEC_SPEC("post_attention_norm.weight", post_attn_norm, n_embd, true),
    LUTRA_VEC_SPEC("post_ffw_norm.weight", post_ffn_norm, n_embd, true),
};

enum {
    WINDOW_EVERY = 6,   /* five local layers, one global; the key attention.sliding_window_pattern may say otherwise */
    LAYERS_OF_27B = 62  /* the one size whose scores are scaled by n_embd / n_head instead of head_dim */
};

static lutra_status configure(struct lutra_config *c, const struct lutra_gguf *g, lutra_error *err)
{
    char key[128];
    int64_t window = 0, every = WINDOW_EVERY;
    double cap = 0;
    lutra_status st;
    if ((st = lutra_gguf_int(g, lutra_config_key(c, "attention.sliding_window", key), 0, INT32_MAX, &window, NULL, err)))
        return st;
    if ((st = lutra_gguf_int(g, lutra_config_key(c, "attention.sliding_window_pattern", key), 1, LUTRA_MAX_LAYERS, &every,
                             NULL, err)))
        return st;
    c->rope_base_local = 10000.0;
    if ((st = lutra_gguf_float(g, lutra_config_key(c, "rope.freq_base_swa", key), 1e-3, 1e15, &c->rope_base_local, NULL,
                               err)))
        return st;
    if ((st = lutra_gguf_float(g, lutra_config_key(c, "final_logit_softcapping", key), 0, 1e6, &cap, NULL, err)))
        return st;
    c->window = (int)window;
    c->window_every = (int)every;
    c->softcap = (float)cap;
    c->rope_halves = true;
    c->gate = LUTRA_GATE_GELU;
    c->embd_scale = sqrtf((float)c->n_embd);
    int scale_dim = c->n_layer == LAYERS_OF_27B ? c->n_embd / c->n_head : c->head_dim;
    c->attn_scale = 1.0f / sqrtf((float)scale_dim);
    return LUTRA_OK;
}

static const char *const names[] = {"gemma3", NULL};
const struct lutra_arch lutra_arch_gemma3 = {names, specs, sizeof specs / sizeof specs[0], configure,
                                             lutra_layer_prenorm};
