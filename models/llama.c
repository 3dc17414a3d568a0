/* SPDX-License-Identifier: MIT */
/* Llama, Mistral, Mixtral (experts), SmolLM, Falcon 3 and everything else that calls itself "llama"; InternLM 2, XVERSE
 * and ERNIE 4.5.
 *
 *   x = x + Wo attention(rope(Wq n), rope(Wk n), Wv n),   n = rmsnorm(x)
 *   x = x + Wdown(silu(Wgate m) * Wup m),                 m = rmsnorm(x)
 *
 * Quirks: rotates consecutive pairs (2i, 2i+1) of a head. Llama 3 divides its angles by the tensor
 * rope_freqs.weight (weights.c). Some files carry biases. */
#include "models/families.h"

static const struct lutra_tensor_spec specs[] = {
    LUTRA_DENSE_SPECS,
    LUTRA_BIAS_SPECS,
    LUTRA_EXPERT_SPECS,
};

void lutra_layer_feed(struct lutra_eval *e, int il)
{
    const struct lutra_config *c = &e->net->config;
    lutra_eval_norm(e, e->norm, e->x, e->net->layers[il].ffn_norm, c->n_embd);
    if (c->shape[il].experts) lutra_eval_experts(e, il);
    else lutra_eval_ffn(e, il);
    lutra_eval_residual(e);
}

void lutra_layer_attend(struct lutra_eval *e, int il)
{
    lutra_eval_norm(e, e->norm, e->x, e->net->layers[il].attn_norm, e->net->config.n_embd);
    lutra_eval_attention(e, il);
    lutra_eval_residual(e);
}

void lutra_layer_prenorm(struct lutra_eval *e, int il)
{
    lutra_layer_attend(e, il);
    lutra_layer_feed(e, il);
}

static lutra_status configure(struct lutra_config *c, const struct lutra_gguf *g, lutra_error *err)
{
    c->gate = LUTRA_GATE_SILU;
    c->route_norm = true;
    lutra_status st = lutra_config_experts(c, g, err);
    return st != LUTRA_OK ? st : lutra_config_attn_scale(c, g, err);
}

static const char *const names[] = {"llama", "internlm2", "xverse", "ernie4_5", NULL};
const struct lutra_arch lutra_arch_llama = {names, specs, sizeof specs / sizeof specs[0], configure,
                                            lutra_layer_prenorm, false, NULL};
