/* SPDX-License-Identifier: MIT */
/* Qwen2, Qwen2.5 (arch qwen2), Qwen3 (arch qwen3; Bonsai too) and Qwen3 with experts (arch qwen3moe).
 *
 * Llama's layer with three quirks: rotation pairs (i, i + n_rot/2); Qwen2 adds biases to q, k, v (where the file has
 * them); Qwen3 norms each head of q and k before it is rotated, and its head_dim is a key of its own.
 * With experts, the weights of the chosen ones are divided by their sum. */
#include "models/families.h"

static const struct lutra_tensor_spec qwen2_specs[] = {
    LUTRA_DENSE_SPECS,
    LUTRA_VEC_SPEC("attn_q.bias", bq, q, false),
    LUTRA_VEC_SPEC("attn_k.bias", bk, k, false),
    LUTRA_VEC_SPEC("attn_v.bias", bv, v, false),
};

static const struct lutra_tensor_spec qwen3_specs[] = {
    LUTRA_DENSE_SPECS,
    LUTRA_VEC_SPEC("attn_q_norm.weight", q_norm, head, true),
    LUTRA_VEC_SPEC("attn_k_norm.weight", k_norm, head, true),
};

static const struct lutra_tensor_spec qwen3moe_specs[] = {
    LUTRA_VEC_SPEC("attn_norm.weight", attn_norm, n_embd, true),
    LUTRA_ATTENTION_SPECS(0),
    LUTRA_VEC_SPEC("attn_q_norm.weight", q_norm, head, true),
    LUTRA_VEC_SPEC("attn_k_norm.weight", k_norm, head, true),
    LUTRA_VEC_SPEC("ffn_norm.weight", ffn_norm, n_embd, true),
    LUTRA_EXPERT_SPECS,
};

static lutra_status configure(struct lutra_config *c, const struct lutra_gguf *g, lutra_error *err)
{
    c->rope_halves = true;
    c->gate = LUTRA_GATE_SILU;
    return lutra_config_attn_scale(c, g, err);
}

static lutra_status configure_moe(struct lutra_config *c, const struct lutra_gguf *g, lutra_error *err)
{
    c->route_norm = true;
    lutra_status st = lutra_config_experts(c, g, err);
    if (st != LUTRA_OK) return st;
    if (c->n_expert == 0) return lutra_config_missing(c, g, "expert_count", err);
    return configure(c, g, err);
}

/* Of the models that see, the half that reads text: the three positions of a token, which rotate parts of a head each,
 * are all its index then. */
static const char *const qwen2_names[] = {"qwen2", "qwen2vl", NULL};
static const char *const qwen3_names[] = {"qwen3", "qwen3vl", NULL};
static const char *const qwen3moe_names[] = {"qwen3moe", "qwen3vlmoe", NULL};
const struct lutra_arch lutra_arch_qwen2 = {qwen2_names, qwen2_specs, sizeof qwen2_specs / sizeof qwen2_specs[0],
                                            configure, lutra_layer_prenorm, false, NULL};
const struct lutra_arch lutra_arch_qwen3 = {qwen3_names, qwen3_specs, sizeof qwen3_specs / sizeof qwen3_specs[0],
                                            configure, lutra_layer_prenorm, false, NULL};
const struct lutra_arch lutra_arch_qwen3moe = {
    qwen3moe_names, qwen3moe_specs, sizeof qwen3moe_specs / sizeof qwen3moe_specs[0],
    configure_moe, lutra_layer_prenorm, false, NULL};
