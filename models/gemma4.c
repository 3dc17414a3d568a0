/* SPDX-License-Identifier: MIT */
/* Gemma 4 (E2B, E4B, 31B), and with experts (26B-A4B).
 *
 * Gemma 3's layer with these changes: scores are not scaled; heads of v are normed, too, without weights; where there
 * is no wv the values are the keys before their norm; local and global layers have heads of different length, and may
 * differ in n_head_kv and n_ff; global layers divide their angles by rope_freqs.weight; the last shared_kv_layers
 * layers have no keys and values but read those of the last layer of their kind before them; a layer's output may be
 * multiplied by layer_output_scale.
 *
 * Per-layer embeddings: every token has a small vector for each layer, from a table of its own and from its embedding:
 *   p = (rmsnorm(M e / sqrt(n_embd)) + table[token] sqrt(n)) / sqrt(2),   e the scaled embedding
 * and behind the feed-forward block of layer il  x = x + rmsnorm(proj (gelu(gate x) * p[il])).
 *
 * In a layer with experts they stand beside the dense block, each with norms before and behind, and the router reads
 * what neither reads: the residual stream, normed with weights of its own, over sqrt(n_embd):
 *   x = x + rmsnorm(rmsnorm(ffn(rmsnorm(x))) + rmsnorm(experts(rmsnorm(x)))) */
#include "models/families.h"

#include <math.h>
#include <string.h>

#define PE LUTRA_ON_PER_LAYER

static const struct lutra_tensor_spec specs[] = {
    LUTRA_VEC_SPEC("attn_norm.weight", attn_norm, n_embd, true),
    LUTRA_MAT_SPEC("attn_q.weight", wq, n_embd, q, true),
    LUTRA_MAT_ON("attn_k.weight", wk, n_embd, k, true, LUTRA_ON_OWN_KV),
    LUTRA_MAT_ON("attn_v.weight", wv, n_embd, v, false, LUTRA_ON_OWN_KV),
    LUTRA_MAT_SPEC("attn_output.weight", wo, o, n_embd, true),
    LUTRA_VEC_SPEC("attn_q_norm.weight", q_norm, head, true),
    LUTRA_VEC_ON("attn_k_norm.weight", k_norm, head, true, LUTRA_ON_OWN_KV),
    LUTRA_VEC_SPEC("post_attention_norm.weight", post_attn_norm, n_embd, true),
    LUTRA_VEC_SPEC("ffn_norm.weight", ffn_norm, n_embd, true),
    LUTRA_MAT_SPEC("ffn_gate.weight", gate, n_embd, n_ff, true),
    LUTRA_MAT_SPEC("ffn_up.weight", up, n_embd, n_ff, true),
    LUTRA_MAT_SPEC("ffn_down.weight", down, n_ff, n_embd, true),
    LUTRA_VEC_ON("post_ffw_norm.weight", post_ffn_norm, n_embd, true, LUTRA_ON_DENSE),
    LUTRA_EXPERT_SPECS,
    LUTRA_VEC_ON("ffn_gate_inp.scale", router_norm, n_embd, true, LUTRA_ON_EXPERTS),
    LUTRA_VEC_ON("post_ffw_norm_1.weight", post_ffn_norm, n_embd, true, LUTRA_ON_EXPERTS),
    LUTRA_VEC_ON("pre_ffw_norm_2.weight", moe_norm, n_embd, true, LUTRA_ON_EXPERTS),
    LUTRA_VEC_ON("post_ffw_norm_2.weight", post_moe_norm, n_embd, true, LUTRA_ON_EXPERTS),
    LUTRA_VEC_ON("post_ffw_norm.weight", post_both_norm, n_embd, true, LUTRA_ON_EXPERTS),
    LUTRA_MAT_ON("inp_gate.weight", pe_gate, n_embd, pe, true, PE),
    LUTRA_MAT_ON("proj.weight", pe_proj, pe, n_embd, true, PE),
    LUTRA_VEC_ON("post_norm.weight", pe_norm, n_embd, true, PE),
    LUTRA_VEC_SPEC("layer_output_scale.weight", out_scale, one, false),
};

/* ---- per-layer embeddings ---- */

static void embed_rows(void *arg, int begin, int end, int thread)
{
    (void)thread;
    struct lutra_eval *e = arg;
    const struct lutra_config *c = &e->net->config;
    const struct lutra_ops *ops = &e->net->ops;
    int n = c->n_embd_layer, all = n * c->n_layer;
    for (int i = begin; i < end; i++) {
        float *p = e->pe + (size_t)i * (size_t)all, *row = e->wide + (size_t)i * (size_t)all;
        lutra_mat_row(&e->net->pe_embd, e->ids[i], row);
        ops->scale(row, sqrtf((float)n), all);
        ops->scale(p, 1.0f / sqrtf((float)c->n_embd), all);
        for (int il = 0; il < c->n_layer; il++)
            ops->rmsnorm(p + il * n, p + il * n, e->net->pe_model_norm, n, c->norm_eps);
        ops->add(p, row, all);
        ops->scale(p, 1.0f / sqrtf(2.0f), all);
    }
}

static void begin(struct lutra_eval *e)
{
    if (e->net->config.n_embd_layer == 0) return;
    const struct lutra_product p = {&e->net->pe_model, e->pe, NULL, NULL};
    lutra_eval_products(e, e->x, e->net->config.n_embd, &p, 1);
    lutra_pool_run(e->engine.pool, e->n, 1, embed_rows, e);
}

struct pe_job {
    struct lutra_eval *e;
    int il;
};

static void pe_rows(void *arg, int begin_row, int end, int thread)
{
    (void)thread;
    const struct pe_job *j = arg;
    const struct lutra_config *c = &j->e->net->config;
    size_t n = (size_t)c->n_embd_layer;
    for (size_t i = (size_t)begin_row; i < (size_t)end; i++) {
        float *g = j->e->wide + i * n;
        j->e->net->ops.gelu_gate(g, g, j->e->pe + (i * (size_t)c->n_layer + (size_t)j->il) * n, (int)n);
    }
}

static void add_per_layer(struct lutra_eval *e, int il)
{
    const struct lutra_config *c = &e->net->config;
    const struct lutra_layer *l = &e->net->layers[il];
    const struct lutra_product in = {&l->pe_gate, e->wide, NULL, NULL}, out = {&l->pe_proj, e->norm, NULL, NULL};
    struct pe_job job = {e, il};
    lutra_eval_products(e, e->x, c->n_embd, &in, 1);
    lutra_pool_run(e->engine.pool, e->n, 4, pe_rows, &job);
    lutra_eval_products(e, e->wide, c->n_embd_layer, &out, 1);
    lutra_eval_norm(e, e->norm, e->norm, l->pe_norm, c->n_embd);
    lutra_eval_residual(e);
}

/* Dense block and experts. wide: what the dense one gives, behind it the router's input. */
static void feed_both(struct lutra_eval *e, int il)
{
    const struct lutra_layer *l = &e->net->layers[il];
    const struct lutra_ops *ops = &e->net->ops;
    int n_embd = e->net->config.n_embd, all = e->n * n_embd;
    float *dense = e->wide, *router = e->wide + all;
    lutra_eval_norm(e, e->norm, e->x, l->ffn_norm, n_embd);
    lutra_eval_ffn(e, il);
    memcpy(dense, e->norm, (size_t)all * sizeof *dense);
    lutra_eval_norm(e, router, e->x, l->router_norm, n_embd);
    ops->scale(router, 1.0f / sqrtf((float)n_embd), all);
    lutra_eval_norm(e, e->norm, e->x, l->moe_norm, n_embd);
    lutra_eval_routed(e, il, router);
    lutra_eval_norm(e, e->norm, e->norm, l->post_moe_norm, n_embd);
    ops->add(e->norm, dense, all);
    lutra_eval_norm(e, e->norm, e->norm, l->post_both_norm, n_embd);
    lutra_eval_residual(e);
}

static void layer(struct lutra_eval *e, int il)
{
    const struct lutra_config *c = &e->net->config;
    const struct lutra_layer *l = &e->net->layers[il];
    lutra_layer_attend(e, il);
    if (c->shape[il].experts) feed_both(e, il);
    else lutra_layer_feed(e, il);
    if (c->n_embd_layer > 0) add_per_layer(e, il);
    if (l->out_scale) e->net->ops.scale(e->x, l->out_scale[0], e->n * c->n_embd);
}

/* ---- keys ---- */

/* Heads of local layers have a length of their own. */
static lutra_status local_heads(struct lutra_config *c, const struct lutra_gguf *g, lutra_error *err)
{
    int dim = c->head_dim, n_rot = c->n_rot, value = 0;
    lutra_status st;
    if ((st = lutra_config_int(c, g, "attention.key_length_swa", 2, LUTRA_MAX_HEAD_DIM, &dim, err))) return st;
    if ((st = lutra_config_int(c, g, "attention.value_length_swa", 2, LUTRA_MAX_HEAD_DIM, &value, err))) return st;
    if (value != 0 && value != dim)
        return lutra_config_blame(c, g, "attention.value_length_swa", LUTRA_EUNSUPPORTED, "differs from key_length_swa", err);
    if (n_rot > dim) n_rot = dim;
    if ((st = lutra_config_int(c, g, "rope.dimension_count_swa", 2, LUTRA_MAX_HEAD_DIM, &n_rot, err))) return st;
    if (n_rot % 2 != 0 || n_rot > dim)
        return lutra_config_blame(c, g, "rope.dimension_count_swa", LUTRA_EFORMAT, "is odd or above key_length_swa", err);
    c->n_rot_local = n_rot;
    for (int il = 0; il < c->n_layer; il++)
        if (c->shape[il].local) c->shape[il].head_dim = dim;
    return LUTRA_OK;
}

/* The last layers read the keys and values of the last one of their kind that has its own. */
static lutra_status share_kv(struct lutra_config *c, const struct lutra_gguf *g, lutra_error *err)
{
    int shared = 0;
    lutra_status st = lutra_config_int(c, g, "attention.shared_kv_layers", 0, c->n_layer - 1, &shared, err);
    int own = c->n_layer - shared;
    for (int il = own; st == LUTRA_OK && il < c->n_layer; il++) {
        struct lutra_shape *s = &c->shape[il];
        s->kv_from = own - (s->local ? 2 : 1);
        const struct lutra_shape *from = s->kv_from >= 0 ? &c->shape[s->kv_from] : NULL;
        if (from == NULL || from->local != s->local || from->n_head_kv != s->n_head_kv || from->head_dim != s->head_dim)
            return lutra_config_blame(c, g, "attention.shared_kv_layers", LUTRA_EFORMAT,
                                      "a layer has no layer of its kind before it to share keys with", err);
    }
    return st;
}

static bool has(const struct lutra_gguf *g, int il, const char *suffix)
{
    char name[64];
    lutra_format(name, sizeof name, "blk.%d.%s", il, suffix);
    return lutra_gguf_tensor(g, name) != NULL;
}

/* A layer with neither a router nor experts is a dense one; with one of them alone the file is incomplete. */
static lutra_status experts(struct lutra_config *c, const struct lutra_gguf *g, lutra_error *err)
{
    c->route_norm = true;
    lutra_status st = lutra_config_experts(c, g, err);
    for (int il = 0; st == LUTRA_OK && il < c->n_layer; il++)
        if (!has(g, il, "ffn_gate_inp.weight") && !has(g, il, "ffn_down_exps.weight")) c->shape[il].experts = false;
    return st;
}

static lutra_status configure(struct lutra_config *c, const struct lutra_gguf *g, lutra_error *err)
{
    char key[128];
    lutra_status st;
    if ((st = lutra_config_window(c, g, 0, 1, err))) return st;
    if ((st = local_heads(c, g, err))) return st;
    if ((st = share_kv(c, g, err))) return st;
    c->rope_base_local = 10000.0;
    lutra_config_key(c, "rope.freq_base_swa", key);
    if ((st = lutra_gguf_float(g, key, 1e-3, 1e15, &c->rope_base_local, NULL, err))) return st;
    if ((st = lutra_config_float(c, g, "final_logit_softcapping", 0, 1e6, &c->softcap, err))) return st;
    if ((st = lutra_config_int(c, g, "embedding_length_per_layer_input", 0, 1 << 14, &c->n_embd_layer, err))) return st;
    if ((st = experts(c, g, err))) return st;
    c->n_wide = c->n_embd_layer * c->n_layer; /* 2^24 at most */
    if (c->n_expert > 0 && c->n_wide < 2 * c->n_embd) c->n_wide = 2 * c->n_embd;
    c->rope_halves = true;
    c->norm_v = true;
    c->gate = LUTRA_GATE_GELU;
    c->embd_scale = sqrtf((float)c->n_embd);
    c->attn_scale = 1.0f;
    return LUTRA_OK;
}

static const char *const names[] = {"gemma4", NULL};
const struct lutra_arch lutra_arch_gemma4 = {names, specs, sizeof specs / sizeof specs[0], configure, layer, false, begin};
