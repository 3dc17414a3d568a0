/* SPDX-License-Identifier: MIT */
/* The families: one file each, one line here, one row in arch.c. */
#ifndef LUTRA_MODELS_FAMILIES_H
#define LUTRA_MODELS_FAMILIES_H

#include "models/eval.h"

extern const struct lutra_arch lutra_arch_llama;                      /* llama.c: Mistral, Mixtral, Falcon 3 too */
extern const struct lutra_arch lutra_arch_qwen2, lutra_arch_qwen3;    /* qwen.c */
extern const struct lutra_arch lutra_arch_qwen3moe;                   /* qwen.c */
extern const struct lutra_arch lutra_arch_olmoe, lutra_arch_gptoss;   /* olmoe.c, gptoss.c */
extern const struct lutra_arch lutra_arch_gemma, lutra_arch_gemma2, lutra_arch_gemma3; /* gemma.c */
extern const struct lutra_arch lutra_arch_gemma4;                     /* gemma4.c */
extern const struct lutra_arch lutra_arch_bitnet, lutra_arch_bitnet25;/* bitnet.c */
extern const struct lutra_arch lutra_arch_phi3;                       /* phi3.c */
extern const struct lutra_arch lutra_arch_smollm3;                    /* smollm3.c */
extern const struct lutra_arch lutra_arch_granite;                    /* granite.c: granitemoe too */
extern const struct lutra_arch lutra_arch_mistral3;                   /* mistral3.c */
extern const struct lutra_arch lutra_arch_lfm2;                       /* lfm2.c: lfm2moe too */
extern const struct lutra_arch lutra_arch_qwen35;                     /* qwen35.c, delta.c: qwen35moe too */
extern const struct lutra_arch lutra_arch_mamba2;                     /* mamba2.c */
extern const struct lutra_arch lutra_arch_bert, lutra_arch_nomic_bert; /* bert.c */

/* Rows of a tensor table. A matrix [rows, cols] takes cols inputs and gives rows outputs. */
#define LUTRA_DIM(x) offsetof(struct lutra_dims, x)
#define LUTRA_SPEC(name, field, kind, cols, rows, first, all, must, on)                                  \
    {name, offsetof(struct lutra_layer, field), LUTRA_DIM(cols), LUTRA_DIM(rows), LUTRA_DIM(first),      \
     LUTRA_DIM(all), on, kind, must}
#define LUTRA_MAT_ON(name, field, cols, rows, must, on)                                                  \
    LUTRA_SPEC(name, field, LUTRA_SPEC_MAT, cols, rows, zero, rows, must, on)
#define LUTRA_VEC_ON(name, field, rows, must, on)                                                        \
    LUTRA_SPEC(name, field, LUTRA_SPEC_VEC, one, rows, zero, rows, must, on)
#define LUTRA_MAT_SPEC(name, field, cols, rows, must) LUTRA_MAT_ON(name, field, cols, rows, must, 0)
#define LUTRA_VEC_SPEC(name, field, rows, must) LUTRA_VEC_ON(name, field, rows, must, 0)
/* Rows [first, first + rows) of a fused tensor of `all` rows. */
#define LUTRA_PART_SPEC(name, field, cols, rows, first, all)                                             \
    LUTRA_SPEC(name, field, LUTRA_SPEC_MAT, cols, rows, first, all, true, 0)

/* The matrices every attention has. */
#define LUTRA_ATTENTION_SPECS(on)                                                                        \
    LUTRA_MAT_ON("attn_q.weight", wq, n_embd, q, true, on),                                              \
    LUTRA_MAT_ON("attn_k.weight", wk, n_embd, k, true, on),                                              \
    LUTRA_MAT_ON("attn_v.weight", wv, n_embd, v, true, on),                                              \
    LUTRA_MAT_ON("attn_output.weight", wo, o, n_embd, true, on)

/* The matrices of a dense feed-forward block. */
#define LUTRA_FFN_SPECS                                                                                  \
    LUTRA_MAT_ON("ffn_gate.weight", gate, n_embd, n_ff, true, LUTRA_ON_DENSE),                           \
    LUTRA_MAT_ON("ffn_up.weight", up, n_embd, n_ff, true, LUTRA_ON_DENSE),                               \
    LUTRA_MAT_ON("ffn_down.weight", down, n_ff, n_embd, true, LUTRA_ON_DENSE)

/* The matrices every dense family has. */
#define LUTRA_DENSE_SPECS                                                                                \
    LUTRA_VEC_SPEC("attn_norm.weight", attn_norm, n_embd, true), LUTRA_ATTENTION_SPECS(0),               \
    LUTRA_VEC_SPEC("ffn_norm.weight", ffn_norm, n_embd, true), LUTRA_FFN_SPECS

/* Biases that some files have. */
#define LUTRA_BIAS_SPECS                                                                                 \
    LUTRA_VEC_SPEC("attn_q.bias", bq, q, false), LUTRA_VEC_SPEC("attn_k.bias", bk, k, false),            \
    LUTRA_VEC_SPEC("attn_v.bias", bv, v, false), LUTRA_VEC_SPEC("attn_output.bias", bo, n_embd, false),  \
    LUTRA_VEC_ON("ffn_gate.bias", b_gate, n_ff, false, LUTRA_ON_DENSE),                                  \
    LUTRA_VEC_ON("ffn_up.bias", b_up, n_ff, false, LUTRA_ON_DENSE),                                      \
    LUTRA_VEC_ON("ffn_down.bias", b_down, n_embd, false, LUTRA_ON_DENSE)

#define LUTRA_MATS_SPEC(name, field, cols, rows, first, all, on)                                         \
    LUTRA_SPEC(name, field, LUTRA_SPEC_MATS, cols, rows, first, all, true, LUTRA_ON_EXPERTS | (on))

/* Router and experts, whose gate and up may be one tensor; and the expert that every token takes. */
#define LUTRA_EXPERT_SPECS                                                                               \
    LUTRA_MAT_ON("ffn_gate_inp.weight", router, n_embd, n_expert, true, LUTRA_ON_EXPERTS),               \
    LUTRA_MATS_SPEC("ffn_gate_exps.weight", e_gate, n_embd, ff_expert, zero, ff_expert, LUTRA_ON_PARTED_EXPERTS), \
    LUTRA_MATS_SPEC("ffn_up_exps.weight", e_up, n_embd, ff_expert, zero, ff_expert, LUTRA_ON_PARTED_EXPERTS),     \
    LUTRA_MATS_SPEC(LUTRA_FUSED_EXPERTS, e_gate, n_embd, ff_expert, zero, ff_expert2, LUTRA_ON_FUSED_EXPERTS),   \
    LUTRA_MATS_SPEC(LUTRA_FUSED_EXPERTS, e_up, n_embd, ff_expert, ff_expert, ff_expert2, LUTRA_ON_FUSED_EXPERTS),\
    LUTRA_MATS_SPEC("ffn_down_exps.weight", e_down, ff_expert, n_embd, zero, n_embd, 0),                 \
    LUTRA_VEC_ON("ffn_gate_exps.scale", se_gate, n_expert, false, LUTRA_ON_EXPERTS | LUTRA_ON_PARTED_EXPERTS),    \
    LUTRA_VEC_ON("ffn_up_exps.scale", se_up, n_expert, false, LUTRA_ON_EXPERTS | LUTRA_ON_PARTED_EXPERTS),        \
    LUTRA_VEC_ON("ffn_down_exps.scale", se_down, n_expert, false, LUTRA_ON_EXPERTS)
#define LUTRA_SHARED_EXPERT_SPECS                                                                        \
    LUTRA_MAT_ON("ffn_gate_shexp.weight", x_gate, n_embd, ff_shared, true, LUTRA_ON_SHARED),             \
    LUTRA_MAT_ON("ffn_up_shexp.weight", x_up, n_embd, ff_shared, true, LUTRA_ON_SHARED),                 \
    LUTRA_MAT_ON("ffn_down_shexp.weight", x_down, ff_shared, n_embd, true, LUTRA_ON_SHARED)

/* norm, attention, residual, norm, feed-forward, residual: the layer of every pre-norm family. Sub-norms and
 * post-norms are part of the blocks and run where a layer has them. */
void lutra_layer_prenorm(struct lutra_eval *e, int il);
/* Its first half: norm, attention, residual. */
void lutra_layer_attend(struct lutra_eval *e, int il);
/* Its second half: norm, feed-forward (dense or by experts), residual. */
void lutra_layer_feed(struct lutra_eval *e, int il);

#endif
