/* SPDX-License-Identifier: MIT */
/* gpt-oss.
 *
 * Llama's layer with experts and biases everywhere; rotation pairs (i, i + n_rot/2), stretched by YaRN;
 * every other layer sees only a sliding window; each head has a sink, a score that takes its share of
 * the softmax and adds nothing; experts are weighted by the softmax over the chosen ones; the gate is
 * min(g, 7) sigmoid(1.702 g) (u + 1). The norm before the feed-forward block is called
 * post_attention_norm. */
#include "models/families.h"

#include <math.h>

static const struct lutra_tensor_spec specs[] = {
    LUTRA_VEC_SPEC("attn_norm.weight", attn_norm, n_embd, true),
    LUTRA_ATTENTION_SPECS(0),
    LUTRA_VEC_SPEC("attn_q.bias", bq, q, false),
    LUTRA_VEC_SPEC("attn_k.bias", bk, k, false),
    LUTRA_VEC_SPEC("attn_v.bias", bv, v, false),
    LUTRA_VEC_SPEC("attn_output.bias", bo, n_embd, true),
    LUTRA_VEC_SPEC("attn_sinks.weight", sinks, n_head, true),
    LUTRA_VEC_SPEC("post_attention_norm.weight", ffn_norm, n_embd, true),
    LUTRA_EXPERT_SPECS,
    LUTRA_VEC_SPEC("ffn_gate_inp.bias", b_router, n_expert, true),
    LUTRA_SPEC("ffn_gate_exps.bias", be_gate, LUTRA_SPEC_VECS, ff_expert, n_expert, zero, n_expert, true, 0),
    LUTRA_SPEC("ffn_up_exps.bias", be_up, LUTRA_SPEC_VECS, ff_expert, n_expert, zero, n_expert, true, 0),
    LUTRA_SPEC("ffn_down_exps.bias", be_down, LUTRA_SPEC_VECS, n_embd, n_expert, zero, n_expert, true, 0),
};

enum { LOCAL_EVERY = 2 };

static lutra_status configure(struct lutra_config *c, const struct lutra_gguf *g, lutra_error *err)
{
    lutra_status st;
    c->rope_halves = true;
    c->scaled_local = true;
    c->gate = LUTRA_GATE_OAI;
    if ((st = lutra_config_window(c, g, 0, LOCAL_EVERY, err))) return st;
    if ((st = lutra_config_experts(c, g, err))) return st;
    if (c->n_expert == 0) return lutra_config_missing(c, g, "expert_count", err);
    c->routing = LUTRA_ROUTE_SOFTMAX_CHOSEN;
    c->attn_scale = 1.0f / sqrtf((float)c->head_dim);
    return LUTRA_OK;
}

static const char *const names[] = {"gpt-oss", NULL};
const struct lutra_arch lutra_arch_gptoss = {
    names, specs, sizeof specs / sizeof specs[0], configure, lutra_layer_prenorm, false, NULL};
