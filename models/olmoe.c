/* SPDX-License-Identifier: MIT */
/* OLMoE: Llama's layer with experts; rotation pairs (i, i + n_rot/2); q and k are normed over all heads
 * at once; the weights of the chosen experts are used as the softmax over all gives them. */
#include "models/families.h"

static const struct lutra_tensor_spec specs[] = {
    LUTRA_VEC_SPEC("attn_norm.weight", attn_norm, n_embd, true),
    LUTRA_ATTENTION_SPECS(0),
    LUTRA_VEC_SPEC("attn_q_norm.weight", q_norm, q, true),
    LUTRA_VEC_SPEC("attn_k_norm.weight", k_norm, k, true),
    LUTRA_VEC_SPEC("ffn_norm.weight", ffn_norm, n_embd, true),
    LUTRA_EXPERT_SPECS,
};

static lutra_status configure(struct lutra_config *c, const struct lutra_gguf *g, lutra_error *err)
{
    c->rope_halves = true;
    c->norm_whole = true;
    c->gate = LUTRA_GATE_SILU;
    lutra_status st = lutra_config_experts(c, g, err);
    if (st != LUTRA_OK) return st;
    if (c->n_expert == 0) return lutra_config_missing(c, g, "expert_count", err);
    return lutra_config_attn_scale(c, g, err);
}

static const char *const names[] = {"olmoe", NULL};
const struct lutra_arch lutra_arch_olmoe = {
    names, specs, sizeof specs / sizeof specs[0], configure, lutra_layer_prenorm, false, NULL};
