/* SPDX-License-Identifier: MIT */
/* LFM2; with experts, arch lfm2moe.
 *
 * Most layers do not attend but convolve: in gives b, c and x; c * conv(b * x) goes through wo. The convolution is
 * causal over a few tokens (shortconv.l_cache), channel by channel. The others are Llama's with normed heads of q and
 * k; rotation pairs (i, i + n_rot/2). attention.head_count_kv is an array: 0 means a layer convolves. The norm before
 * the head is called token_embd_norm. With experts: the first leading_dense_block_count layers have none; the router's
 * sigmoids plus exp_probs_b choose, the sigmoids alone weigh, divided by their sum. */
#include "models/recurrent.h"

static const struct lutra_tensor_spec specs[] = {
    LUTRA_VEC_SPEC("attn_norm.weight", attn_norm, n_embd, true),
    LUTRA_ATTENTION_SPECS(LUTRA_ON_ATTENTION),
    LUTRA_VEC_ON("attn_q_norm.weight", q_norm, head, true, LUTRA_ON_ATTENTION),
    LUTRA_VEC_ON("attn_k_norm.weight", k_norm, head, true, LUTRA_ON_ATTENTION),
    LUTRA_SPEC("shortconv.conv.weight", conv, LUTRA_SPEC_VECS, taps, n_embd, zero, n_embd, true, LUTRA_ON_SHORTCONV),
    LUTRA_MAT_ON("shortconv.in_proj.weight", in, n_embd, embd3, true, LUTRA_ON_SHORTCONV),
    LUTRA_MAT_ON("shortconv.out_proj.weight", wo, n_embd, n_embd, true, LUTRA_ON_SHORTCONV),
    LUTRA_VEC_SPEC("ffn_norm.weight", ffn_norm, n_embd, true),
    LUTRA_FFN_SPECS,
    LUTRA_EXPERT_SPECS,
    LUTRA_VEC_ON("exp_probs_b.bias", b_choice, n_expert, true, LUTRA_ON_EXPERTS),
};

/* Rows of wide are b, c, x. by_b: b = b * x; else att = c * att. */
struct gate_job {
    struct lutra_eval *e;
    bool by_b;
};

static void gates(void *arg, int begin, int end, int thread)
{
    (void)thread;
    const struct gate_job *j = arg;
    size_t n = (size_t)j->e->net->config.n_embd;
    for (size_t i = (size_t)begin; i < (size_t)end; i++) {
        float *b = j->e->wide + i * 3 * n;
        j->e->net->ops.mul(j->by_b ? b : j->e->att + i * n, j->by_b ? b + 2 * n : b + n, (int)n);
    }
}

static void shortconv(struct lutra_eval *e, int il)
{
    const struct lutra_layer *l = &e->net->layers[il];
    int n_embd = e->net->config.n_embd;
    const struct lutra_product in = {&l->in, e->wide, NULL, NULL}, out = {&l->wo, e->norm, NULL, NULL};
    struct gate_job before = {e, true}, after = {e, false};
    struct lutra_conv conv = {.in = e->wide, .out = e->att, .in_stride = 3 * (size_t)n_embd, .out_stride = (size_t)n_embd};
    lutra_eval_products(e, e->norm, n_embd, &in, 1);
    lutra_pool_run(e->engine.pool, e->n, 1, gates, &before);
    lutra_eval_conv(e, il, &conv);
    lutra_pool_run(e->engine.pool, e->n, 1, gates, &after);
    lutra_eval_products(e, e->att, n_embd, &out, 1);
}

static void layer(struct lutra_eval *e, int il)
{
    const struct lutra_config *c = &e->net->config;
    lutra_eval_norm(e, e->norm, e->x, e->net->layers[il].attn_norm, c->n_embd);
    if (c->shape[il].mixer == LUTRA_MIX_SHORTCONV) shortconv(e, il);
    else lutra_eval_attention(e, il);
    lutra_eval_residual(e);
    lutra_layer_feed(e, il);
}

static lutra_status configure(struct lutra_config *c, const struct lutra_gguf *g, lutra_error *err)
{
    lutra_status st = lutra_config_int(c, g, "shortconv.l_cache", 2, LUTRA_MAX_CONV, &c->conv_taps, err);
    if (st != LUTRA_OK) return st;
    if (c->conv_taps == 0) return lutra_config_missing(c, g, "shortconv.l_cache", err);
    c->conv_width = c->n_embd;
    c->n_wide = 3 * c->n_embd;
    c->rope_halves = true;
    c->gate = LUTRA_GATE_SILU;
    for (int il = 0; il < c->n_layer; il++)
        if (c->shape[il].n_head_kv == 0) c->shape[il].mixer = LUTRA_MIX_SHORTCONV;
    int dense = 0;
    c->route_norm = true;
    c->routing = LUTRA_ROUTE_SIGMOID; /* where the file does not say */
    if ((st = lutra_config_experts(c, g, err))) return st;
    if ((st = lutra_config_int(c, g, "leading_dense_block_count", 0, c->n_layer, &dense, err))) return st;
    for (int il = 0; il < dense; il++) c->shape[il].experts = false;
    return lutra_config_attn_scale(c, g, err);
}

static const char *const names[] = {"lfm2", "lfm2moe", NULL};
const struct lutra_arch lutra_arch_lfm2 = {names, specs, sizeof specs / sizeof specs[0], configure, layer, true, NULL};
