/* SPDX-License-Identifier: MIT */
/* BERT and nomic-bert: encoders. They make vectors of texts, every token sees all of its text (encode.c).
 *
 *   x = norm(token + type 0 + position)
 *   x = norm(x + Wo attention(Wq x, Wk x, Wv x))
 *   x = norm(x + Wdown gelu(Wup x))                    nomic-bert: Wdown(silu(Wgate x) * Wup x)
 *
 * Norms take the mean away and add a bias, and stand behind the sums. BERT has biases everywhere and learned positions,
 * as many as its context; nomic-bert has neither, rotates pairs (i, i + n/2) of a head, and comes with q, k and v in one
 * tensor. Gelu is the exact one (erf), as these models were trained. Devlin et al. 2018 (arXiv 1810.04805), Nussbaum et
 * al. 2024 (2402.01613); names of keys and tensors as llama.cpp has them. */
#include "models/families.h"

#include <string.h>

#define LUTRA_ENCODER_SPECS                                                                              \
    LUTRA_MAT_ON("attn_q.weight", wq, n_embd, q, true, LUTRA_ON_PARTED),                                 \
    LUTRA_MAT_ON("attn_k.weight", wk, n_embd, k, true, LUTRA_ON_PARTED),                                 \
    LUTRA_MAT_ON("attn_v.weight", wv, n_embd, v, true, LUTRA_ON_PARTED),                                 \
    LUTRA_VEC_ON("attn_q.bias", bq, q, false, LUTRA_ON_PARTED),                                          \
    LUTRA_VEC_ON("attn_k.bias", bk, k, false, LUTRA_ON_PARTED),                                          \
    LUTRA_VEC_ON("attn_v.bias", bv, v, false, LUTRA_ON_PARTED),                                          \
    LUTRA_SPEC("attn_qkv.weight", wq, LUTRA_SPEC_MAT, n_embd, q, zero, qkv, true, LUTRA_ON_FUSED),       \
    LUTRA_SPEC("attn_qkv.weight", wk, LUTRA_SPEC_MAT, n_embd, k, q, qkv, true, LUTRA_ON_FUSED),          \
    LUTRA_SPEC("attn_qkv.weight", wv, LUTRA_SPEC_MAT, n_embd, v, qk, qkv, true, LUTRA_ON_FUSED),         \
    LUTRA_SPEC("attn_qkv.bias", bq, LUTRA_SPEC_VEC, one, q, zero, qkv, false, LUTRA_ON_FUSED),           \
    LUTRA_SPEC("attn_qkv.bias", bk, LUTRA_SPEC_VEC, one, k, q, qkv, false, LUTRA_ON_FUSED),              \
    LUTRA_SPEC("attn_qkv.bias", bv, LUTRA_SPEC_VEC, one, v, qk, qkv, false, LUTRA_ON_FUSED),             \
    LUTRA_MAT_SPEC("attn_output.weight", wo, o, n_embd, true),                                           \
    LUTRA_VEC_SPEC("attn_output.bias", bo, n_embd, false),                                               \
    LUTRA_VEC_SPEC("attn_output_norm.weight", attn_out_norm, n_embd, true),                              \
    LUTRA_VEC_SPEC("attn_output_norm.bias", attn_out_shift, n_embd, true),                               \
    LUTRA_MAT_SPEC("ffn_up.weight", up, n_embd, n_ff, true),                                             \
    LUTRA_VEC_SPEC("ffn_up.bias", b_up, n_ff, false),                                                    \
    LUTRA_MAT_SPEC("ffn_down.weight", down, n_ff, n_embd, true),                                         \
    LUTRA_VEC_SPEC("ffn_down.bias", b_down, n_embd, false),                                              \
    LUTRA_VEC_SPEC("layer_output_norm.weight", layer_out_norm, n_embd, true),                            \
    LUTRA_VEC_SPEC("layer_output_norm.bias", layer_out_shift, n_embd, true)

static const struct lutra_tensor_spec bert_specs[] = {LUTRA_ENCODER_SPECS};
static const struct lutra_tensor_spec nomic_specs[] = {
    LUTRA_ENCODER_SPECS,
    LUTRA_MAT_SPEC("ffn_gate.weight", gate, n_embd, n_ff, true),
};

static void gelu_rows(void *arg, int begin, int end, int thread)
{
    (void)thread;
    struct lutra_eval *e = arg;
    int n_ff = e->net->config.n_ff;
    for (int i = begin; i < end; i++) {
        float *row = e->up + (size_t)i * (size_t)n_ff;
        e->net->ops.gelu(row, row, n_ff);
    }
}

/* From norm: feed-forward without a gate, into norm. */
static void plain_ffn(struct lutra_eval *e, int il)
{
    const struct lutra_config *c = &e->net->config;
    const struct lutra_layer *l = &e->net->layers[il];
    const struct lutra_product in = {&l->up, e->up, l->b_up, NULL}, out = {&l->down, e->norm, l->b_down, NULL};
    lutra_eval_products(e, e->norm, c->n_embd, &in, 1);
    lutra_pool_run(e->engine.pool, e->n, 1, gelu_rows, e);
    lutra_eval_products(e, e->up, c->n_ff, &out, 1);
}

static void layer(struct lutra_eval *e, int il)
{
    const struct lutra_layer *l = &e->net->layers[il];
    size_t bytes = (size_t)e->n * (size_t)e->net->config.n_embd * sizeof *e->x;
    memcpy(e->norm, e->x, bytes);
    lutra_eval_attention(e, il);
    lutra_eval_residual(e);
    lutra_eval_layer_norm(e, e->x, l->attn_out_norm, l->attn_out_shift);
    memcpy(e->norm, e->x, bytes);
    if (l->gate.data) lutra_eval_ffn(e, il);
    else plain_ffn(e, il);
    lutra_eval_residual(e);
    lutra_eval_layer_norm(e, e->x, l->layer_out_norm, l->layer_out_shift);
}

static lutra_status configure(struct lutra_config *c, const struct lutra_gguf *g, bool learned, lutra_error *err)
{
    float eps = 0;
    lutra_status st = lutra_config_float(c, g, "attention.layer_norm_epsilon", 1e-30, 1.0, &eps, err);
    if (st != LUTRA_OK) return st;
    if (eps == 0) return lutra_config_missing(c, g, "attention.layer_norm_epsilon", err);
    c->norm_eps = eps;
    c->encoder = true;
    c->gate = LUTRA_GATE_SILU;
    c->rope_halves = true;
    c->fused_qkv = lutra_gguf_tensor(g, "blk.0.attn_qkv.weight") ||
                   (!learned && !lutra_gguf_tensor(g, "blk.0.attn_q.weight")); /* named as missing if neither is there */
    c->learned_positions = learned;
    for (int il = 0; il < c->n_layer; il++) c->shape[il].rotates = !learned;
    return lutra_config_attn_scale(c, g, err);
}

static lutra_status configure_bert(struct lutra_config *c, const struct lutra_gguf *g, lutra_error *err)
{
    return configure(c, g, true, err);
}

static lutra_status configure_nomic(struct lutra_config *c, const struct lutra_gguf *g, lutra_error *err)
{
    return configure(c, g, false, err);
}

static const char *const bert_names[] = {"bert", NULL}, *const nomic_names[] = {"nomic-bert", NULL};
const struct lutra_arch lutra_arch_bert = {bert_names, bert_specs, sizeof bert_specs / sizeof bert_specs[0],
                                           configure_bert, layer, false, NULL};
const struct lutra_arch lutra_arch_nomic_bert = {nomic_names, nomic_specs, sizeof nomic_specs / sizeof nomic_specs[0],
                                                 configure_nomic, layer, false, NULL};
