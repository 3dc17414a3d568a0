/* SPDX-License-Identifier: MIT */
/* Qwen2, Qwen2.5 (arch qwen2) and Qwen3 (arch qwen3; Bonsai too).
 *
 * Llama's layer with three quirks: rotation pairs (i, i + n_rot/2); Qwen2 adds biases to q, k, v; Qwen3 norms each
 * head of q and k before it is rotated, and its head_dim is a key of its own. */
#include "models/families.h"

static const struct lutra_tensor_spec qwen2_specs[] = {
    LUTRA_DENSE_SPECS,
    LUTRA_VEC_SPEC("attn_q.bias", bq, q, true),
    LUTRA_VEC_SPEC("attn_k.bias", bk, k, true),
    LUTRA_VEC_SPEC("attn_v.bias", bv, v, true),
};

static const struct lutra_tensor_spec qwen3_specs[] = {
    LUTRA_DENSE_SPECS,
    LUTRA_VEC_SPEC("attn_q_norm.weight", q_norm, head, true),
    LUTRA_VEC_SPEC("attn_k_norm.weight", k_norm, head, true),
};

static lutra_status configure(struct lutra_config *c, const struct lutra_gguf *g, lutra_error *err)
{
    c->rope_halves = true;
    c->gate = LUTRA_GATE_SILU;
    return lutra_config_attn_scale(c, g, err);
}

static const char *const qwen2_names[] = {"qwen2", NULL};
static const char *const qwen3_names[] = {"qwen3", NULL};
const struct lutra_arch lutra_arch_qwen2 = {qwen2_names, qwen2_specs, sizeof qwen2_specs / sizeof qwen2_specs[0],
                                            configure, lutra_layer_prenorm, false, NULL};
const struct lutra_arch lutra_arch_qwen3 = {qwen3_names, qwen3_specs, sizeof qwen3_specs / sizeof qwen3_specs[0],
                                            configure, lutra_layer_prenorm, false, NULL};
