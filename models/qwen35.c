/* SPDX-License-Identifier: MIT */
/* Qwen 3.5 and 3.6; with experts, arch qwen35moe.
 *
 * Three layers of four are gated delta nets (delta.c), the fourth attends: wq gives a gate beside each head, whose
 * sigmoid multiplies what the head gives; heads of q and k are normed; the first n_rot elements rotate, pairs
 * (i, i + n_rot/2) (text has one position for all sections). The norm before the feed-forward block is called
 * post_attention_norm. Blocks that predict further tokens (nextn) stand behind the others and are not run. With
 * experts: the weights of the chosen are divided by their sum, and what the shared one gives is multiplied by the
 * sigmoid of a router of its own. */
#include "models/delta.h"

static const struct lutra_tensor_spec specs[] = {
    LUTRA_VEC_SPEC("attn_norm.weight", attn_norm, n_embd, true),
    LUTRA_MAT_ON("attn_q.weight", wq, n_embd, q2, true, LUTRA_ON_ATTENTION),
    LUTRA_MAT_ON("attn_k.weight", wk, n_embd, k, true, LUTRA_ON_ATTENTION),
    LUTRA_MAT_ON("attn_v.weight", wv, n_embd, v, true, LUTRA_ON_ATTENTION),
    LUTRA_MAT_ON("attn_output.weight", wo, o, n_embd, true, LUTRA_ON_ATTENTION),
    LUTRA_VEC_ON("attn_q_norm.weight", q_norm, head, true, LUTRA_ON_ATTENTION),
    LUTRA_VEC_ON("attn_k_norm.weight", k_norm, head, true, LUTRA_ON_ATTENTION),
    LUTRA_MAT_ON("attn_qkv.weight", in, n_embd, conv, true, LUTRA_ON_DELTA),
    LUTRA_MAT_ON("attn_gate.weight", z, n_embd, inner, true, LUTRA_ON_DELTA),
    LUTRA_MAT_ON("ssm_alpha.weight", alpha, n_embd, heads, true, LUTRA_ON_DELTA),
    LUTRA_MAT_ON("ssm_beta.weight", beta, n_embd, heads, true, LUTRA_ON_DELTA),
    LUTRA_MAT_ON("ssm_out.weight", wo, inner, n_embd, true, LUTRA_ON_DELTA),
    LUTRA_SPEC("ssm_conv1d.weight", conv, LUTRA_SPEC_VECS, taps, conv, zero, conv, true, LUTRA_ON_DELTA),
    LUTRA_VEC_ON("ssm_dt.bias", dt_bias, heads, true, LUTRA_ON_DELTA),
    LUTRA_VEC_ON("ssm_a", a, heads, true, LUTRA_ON_DELTA),
    LUTRA_VEC_ON("ssm_norm.weight", ssm_norm, state, true, LUTRA_ON_DELTA),
    LUTRA_VEC_SPEC("post_attention_norm.weight", ffn_norm, n_embd, true),
    LUTRA_FFN_SPECS,
    LUTRA_EXPERT_SPECS,
    LUTRA_SHARED_EXPERT_SPECS,
    LUTRA_VEC_ON("ffn_gate_inp_shexp.weight", x_router, n_embd, true, LUTRA_ON_SHARED),
};

enum { ATTEND_EVERY = 4 };

static void layer(struct lutra_eval *e, int il)
{
    const struct lutra_config *c = &e->net->config;
    lutra_eval_norm(e, e->norm, e->x, e->net->layers[il].attn_norm, c->n_embd);
    if (c->shape[il].mixer == LUTRA_MIX_DELTA) lutra_eval_delta(e, il);
    else lutra_eval_attention(e, il);
    lutra_eval_residual(e);
    lutra_layer_feed(e, il);
}

/* Which layers are recurrent: an array, or every layer but each fourth. */
static lutra_status choose_mixers(struct lutra_config *c, const struct lutra_gguf *g, lutra_error *err)
{
    int list[LUTRA_MAX_LAYERS], every = ATTEND_EVERY;
    bool array;
    lutra_status st;
    if ((st = lutra_config_layers(c, g, "attention.recurrent_layers", 0, 1, list, &array, err))) return st;
    if ((st = lutra_config_int(c, g, "full_attention_interval", 1, LUTRA_MAX_LAYERS, &every, err))) return st;
    for (int il = 0; il < c->n_layer; il++)
        if (array ? list[il] != 0 : (il + 1) % every != 0) c->shape[il].mixer = LUTRA_MIX_DELTA;
    return LUTRA_OK;
}

static lutra_status configure(struct lutra_config *c, const struct lutra_gguf *g, lutra_error *err)
{
    int nextn = 0;
    lutra_status st;
    if ((st = lutra_config_int(c, g, "nextn_predict_layers", 0, c->n_layer - 1, &nextn, err))) return st;
    c->n_layer -= nextn;
    if ((st = lutra_config_ssm(c, g, err))) return st;
    if ((int64_t)c->ssm_heads * c->ssm_state != c->ssm_inner)
        return lutra_config_blame(c, g, "ssm.inner_size", LUTRA_EFORMAT,
                                  "is not ssm.time_step_rank times ssm.state_size", err);
    if ((st = choose_mixers(c, g, err))) return st;
    int gated = 2 * c->n_head * c->head_dim, delta = lutra_delta_wide(c);
    c->n_wide = gated > delta ? gated : delta;
    c->route_norm = true;
    if ((st = lutra_config_experts(c, g, err))) return st;
    if (c->n_ff_shared == 0) c->n_ff_shared = c->n_ff_expert;
    c->attn_gated = true;
    c->rope_halves = true;
    c->gate = LUTRA_GATE_SILU;
    return lutra_config_attn_scale(c, g, err);
}

static const char *const names[] = {"qwen35", "qwen35moe", NULL};
const struct lutra_arch lutra_arch_qwen35 = {names, specs, sizeof specs / sizeof specs[0], configure, layer, false, NULL};
