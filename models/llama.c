/* SPDX-License-Identifier: MIT */
/* Llama, Mistral, SmolLM, Falcon 3 and everything else that calls itself "llama".
 *
 *   x = x + Wo attention(rope(Wq n), rope(Wk n), Wv n),   n = rmsnorm(x)
 *   x = x + Wdown(silu(Wgate m) * Wup m),                 m = rmsnorm(x)
 *
 * Quirks: rotates consecutive pairs (2i, 2i+1) of a head. Llama 3 divides its angles by the tensor
 * rope_freqs.weight (weights.c). Some files carry biases on q, k, v. */
#include "models/families.h"

#include <math.h>

static const struct lutra_tensor_spec specs[] = {
    LUTRA_DENSE_SPECS,
    LUTRA_VEC_SPEC("attn_q.bias", bq, q, false),
    LUTRA_VEC_SPEC("attn_k.bias", bk, k, false),
    LUTRA_VEC_SPEC("attn_v.bias", bv, v, false),
};

void lutra_layer_prenorm(struct lutra_eval *e, int il)
{
    const struct lutra_layer *l = &e->net->layers[il];
    int n_embd = e->net->config.n_embd;
    lutra_eval_norm(e, e->norm, e->x, l->attn_norm, n_embd);
    lutra_eval_attention(e, il);
    lutra_eval_residual(e);
    lutra_eval_norm(e, e->norm, e->x, l->ffn_norm, n_embd);
    lutra_eval_ffn(e, il);
    lutra_eval_residual(e);
}

static lutra_status configure(struct lutra_config *c, const struct lutra_gguf *g, lutra_error *err)
{
    (void)g;
    (void)err;
    c->gate = LUTRA_GATE_SILU;
    c->attn_scale = 1.0f / sqrtf((float)c->head_dim);
    return LUTRA_OK;
}

static const char *const names[] = {"llama", NULL};
const struct lutra_arch lutra_arch_llama = {names, specs, sizeof specs / sizeof specs[0], configure,
                                            lutra_layer_prenorm};
