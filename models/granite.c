/* SPDX-License-Identifier: MIT */
/* Granite 3 and dense Granite 4; with experts, one of them shared, arch granitemoe. MiniCPM (1, 2) is the same.
 *
 * Llama's layer with four numbers of its own: embeddings, scores and what a block adds to the residual
 * stream are multiplied by embedding_scale, attention.scale and residual_scale; logits are divided by
 * logit_scale. rope.scaling.finetuned = false means that nothing rotates. */
#include "models/families.h"

static const struct lutra_tensor_spec specs[] = {LUTRA_DENSE_SPECS, LUTRA_BIAS_SPECS, LUTRA_EXPERT_SPECS,
                                                LUTRA_SHARED_EXPERT_SPECS};

static lutra_status read_scales(struct lutra_config *c, const struct lutra_gguf *g, lutra_error *err)
{
    float logits = 0.0f, residual = 0.0f, embd = 0.0f;
    lutra_status st;
    if ((st = lutra_config_float(c, g, "logit_scale", 0.0, 1e6, &logits, err))) return st;
    if (logits == 0.0f) return lutra_config_missing(c, g, "logit_scale", err);
    if ((st = lutra_config_float(c, g, "residual_scale", 0.0, 1e6, &residual, err))) return st;
    if ((st = lutra_config_float(c, g, "embedding_scale", 0.0, 1e6, &embd, err))) return st;
    c->logit_scale = 1.0f / logits;
    if (residual != 0.0f) c->residual_scale = residual;
    if (embd != 0.0f) c->embd_scale = embd;
    return LUTRA_OK;
}

static lutra_status configure(struct lutra_config *c, const struct lutra_gguf *g, lutra_error *err)
{
    char key[128];
    bool rotates = true;
    lutra_status st;
    c->gate = LUTRA_GATE_SILU;
    c->route_norm = true;
    if ((st = read_scales(c, g, err))) return st;
    if ((st = lutra_config_experts(c, g, err))) return st;
    lutra_config_key(c, "rope.scaling.finetuned", key);
    if ((st = lutra_gguf_bool(g, key, &rotates, NULL, err))) return st;
    for (int il = 0; il < c->n_layer; il++) c->shape[il].rotates = rotates;
    return lutra_config_attn_scale(c, g, err);
}

static const char *const names[] = {"granite", "granitemoe", "minicpm", NULL};
const struct lutra_arch lutra_arch_granite = {
    names, specs, sizeof specs / sizeof specs[0], configure, lutra_layer_prenorm, false, NULL};
