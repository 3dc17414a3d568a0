/* SPDX-License-Identifier: MIT */
/* Phi-3, Phi-3.5, Phi-4-mini.
 *
 * Llama's layer; q, k and v come as one tensor, gate and up as one; rotation pairs (i, i + n_rot/2) of
 * the first n_rot elements only. Files for long contexts carry rope_factors_short and rope_factors_long
 * (frequencies are divided by them; which list counts depends on the context asked for) and
 * rope.scaling.attn_factor. The window that some files mention is not used, as in llama.cpp. */
#include "models/families.h"

static const struct lutra_tensor_spec specs[] = {
    LUTRA_VEC_SPEC("attn_norm.weight", attn_norm, n_embd, true),
    LUTRA_PART_SPEC("attn_qkv.weight", wq, n_embd, q, zero, qkv),
    LUTRA_PART_SPEC("attn_qkv.weight", wk, n_embd, k, q, qkv),
    LUTRA_PART_SPEC("attn_qkv.weight", wv, n_embd, v, qk, qkv),
    LUTRA_MAT_SPEC("attn_output.weight", wo, o, n_embd, true),
    LUTRA_VEC_SPEC("ffn_norm.weight", ffn_norm, n_embd, true),
    LUTRA_PART_SPEC("ffn_up.weight", gate, n_embd, n_ff, zero, ff2),
    LUTRA_PART_SPEC("ffn_up.weight", up, n_embd, n_ff, n_ff, ff2),
    LUTRA_MAT_SPEC("ffn_down.weight", down, n_ff, n_embd, true),
};

static lutra_status configure(struct lutra_config *c, const struct lutra_gguf *g, lutra_error *err)
{
    c->rope_halves = true;
    c->gate = LUTRA_GATE_SILU;
    return lutra_config_attn_scale(c, g, err);
}

static const char *const names[] = {"phi3", NULL};
const struct lutra_arch lutra_arch_phi3 = {
    names, specs, sizeof specs / sizeof specs[0], configure, lutra_layer_prenorm, false, NULL};
