/* SPDX-License-Identifier: MIT */
/* The families: one file each, one line here, one row in arch.c. */
#ifndef LUTRA_MODELS_FAMILIES_H
#define LUTRA_MODELS_FAMILIES_H

#include "models/eval.h"

extern const struct lutra_arch lutra_arch_llama, lutra_arch_qwen2, lutra_arch_qwen3; /* llama.c, qwen.c */
extern const struct lutra_arch lutra_arch_gemma3;                                    /* gemma.c */
extern const struct lutra_arch lutra_arch_bitnet, lutra_arch_bitnet25;               /* bitnet.c */

/* Rows of a tensor table. A matrix [rows, cols] takes cols inputs and gives rows outputs. */
#define LUTRA_MAT_SPEC(name, field, cols, rows, must)                                                    \
    {name, offsetof(struct lutra_layer, field), LUTRA_SPEC_MAT, offsetof(struct lutra_dims, cols),       \
     offsetof(struct lutra_dims, rows), must}
#define LUTRA_VEC_SPEC(name, field, rows, must)                                                          \
    {name, offsetof(struct lutra_layer, field), LUTRA_SPEC_VEC, 0, offsetof(struct lutra_dims, rows), must}

/* The matrices every dense family has. */
#define LUTRA_DENSE_SPECS                                                                                \
    LUTRA_VEC_SPEC("attn_norm.weight", attn_norm, n_embd, true),                                         \
    LUTRA_MAT_SPEC("attn_q.weight", wq, n_embd, q, true),                                                \
    LUTRA_MAT_SPEC("attn_k.weight", wk, n_embd, k, true),                                                \
    LUTRA_MAT_SPEC("attn_v.weight", wv, n_embd, v, true),                                                \
    LUTRA_MAT_SPEC("attn_output.weight", wo, o, n_embd, true),                                           \
    LUTRA_VEC_SPEC("ffn_norm.weight", ffn_norm, n_embd, true),                                           \
    LUTRA_MAT_SPEC("ffn_gate.weight", gate, n_embd, n_ff, true),                                         \
    LUTRA_MAT_SPEC("ffn_up.weight", up, n_embd, n_ff, true),                                             \
    LUTRA_MAT_SPEC("ffn_down.weight", down, n_ff, n_embd, true)

/* norm, attention, residual, norm, feed-forward, residual: the layer of every pre-norm family. Sub-norms and
 * post-norms are part of the blocks and run where a layer has them. */
void lutra_layer_prenorm(struct lutra_eval *e, int il);

#endif
