/* SPDX-License-Identifier: MIT */
/* BitNet b1.58: ternary matrices, int8 inputs with one scale per vector (part of the model, Ma et al. 2024,
 * arXiv 2402.17764), and a norm inside each block before its last matrix.
 *
 * Quirks: rotation pairs (i, i + n_rot/2); "bitnet" gates with SiLU, "bitnet-25" and "bitnet-b1.58" with ReLU squared;
 * some files keep a matrix's scale as a tensor of one element beside it. */
#include "models/families.h"

static const struct lutra_tensor_spec specs[] = {
    LUTRA_DENSE_SPECS,
    LUTRA_VEC_SPEC("attn_sub_norm.weight", attn_sub_norm, o, true),
    LUTRA_VEC_SPEC("ffn_sub_norm.weight", ffn_sub_norm, n_ff, true),
    LUTRA_VEC_SPEC("attn_q.scale", sq, one, false),
    LUTRA_VEC_SPEC("attn_k.scale", sk, one, false),
    LUTRA_VEC_SPEC("attn_v.scale", sv, one, false),
    LUTRA_VEC_SPEC("attn_output.scale", so, one, false),
    LUTRA_VEC_SPEC("ffn_gate.scale", s_gate, one, false),
    LUTRA_VEC_SPEC("ffn_up.scale", s_up, one, false),
    LUTRA_VEC_SPEC("ffn_down.scale", s_down, one, false),
};

static lutra_status configure(struct lutra_config *c, const struct lutra_gguf *g, lutra_error *err)
{
    c->rope_halves = true;
    c->ternary_int8 = true;
    c->gate = LUTRA_GATE_SILU;
    return lutra_config_attn_scale(c, g, err);
}

static lutra_status configure_relu2(struct lutra_config *c, const struct lutra_gguf *g, lutra_error *err)
{
    lutra_status st = configure(c, g, err);
    c->gate = LUTRA_GATE_RELU2;
    return st;
}

static const char *const names[] = {"bitnet", NULL};
static const char *const names25[] = {"bitnet-25", "bitnet-b1.58", NULL};
const struct lutra_arch lutra_arch_bitnet = {names, specs, sizeof specs / sizeof specs[0], configure,
                                             lutra_layer_prenorm, false, NULL};
const struct lutra_arch lutra_arch_bitnet25 = {names25, specs, sizeof specs / sizeof specs[0], configure_relu2,
                                               lutra_layer_prenorm, false, NULL};
