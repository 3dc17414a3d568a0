/* SPDX-License-Identifier: MIT */
/* Writes a tiny valid model of any family and weight type: make_tiny FAMILY TYPE OUT.gguf [SEED [PARTS]].
 * Random weights, a made-up vocabulary of single bytes and a few merges; the same bytes for the same arguments on
 * every machine. `make_tiny list` prints the pairs of family and type that the tests use. */
#include "tests/tiny_put.h"

enum { HEAD_DIM = 32, HEADS = 4, HEADS_KV = 2 };

struct shape {
    int n_embd, n_ff, type;
};

struct family {
    const char *name, *tokenizer, *pre;
    bool qkv_bias, qk_norm, post_norms, sub_norms, tied, rope_freqs;
    int n_layer, window;
    const char *arch; /* NULL: as the name */
    /* NULL, or what a family has besides: keys, and tensors of a layer instead of a dense one's */
    void (*keys)(struct lutra_gguf_writer *w, const struct family *f, const struct shape *s);
    void (*layer)(struct lutra_gguf_writer *w, const struct family *f, const struct shape *s, int il);
    void (*whole)(struct lutra_gguf_writer *w, const struct family *f, const struct shape *s);
    bool all_types; /* else a few */
    int n_rot;      /* 0: HEAD_DIM */
    const char *norm; /* NULL: output_norm.weight */
    bool no_heads_kv, own_sizes, headless; /* keys that the family writes itself, or has as 0 */
    bool encoder;   /* no head, and the input is the family's own */
};

static void put_key_int(struct lutra_gguf_writer *w, const struct family *f, const char *name, int v)
{
    char key[96];
    snprintf(key, sizeof key, "%s.%s", f->arch ? f->arch : f->name, name);
    lutra_gguf_put_u32(w, key, (uint32_t)v);
}

static void put_key_float(struct lutra_gguf_writer *w, const struct family *f, const char *name, float v)
{
    char key[96];
    snprintf(key, sizeof key, "%s.%s", f->arch ? f->arch : f->name, name);
    lutra_gguf_put_f32(w, key, v);
}

static void put_key_str(struct lutra_gguf_writer *w, const struct family *f, const char *name, const char *v)
{
    char key[96];
    snprintf(key, sizeof key, "%s.%s", f->arch ? f->arch : f->name, name);
    lutra_gguf_put_str(w, key, v, strlen(v));
}

/* ---- tensors of a layer ---- */

/* As in real files: rows that the block does not divide fall back to a type of 32. */
static int type_for(const struct shape *s, int cols)
{
    return cols % lutra_type_info((uint32_t)s->type)->block == 0 ? s->type : LUTRA_TYPE_Q5_0;
}

static void put_blk(struct lutra_gguf_writer *w, const struct shape *s, int il, const char *name, int cols, int rows)
{
    char full[64];
    snprintf(full, sizeof full, "blk.%d.%s.weight", il, name);
    put_matrix(w, full, type_for(s, cols), cols, rows);
    if (s->type != LUTRA_TYPE_NVFP4) return;
    snprintf(full, sizeof full, "blk.%d.%s.scale", il, name);
    put(w, full, LUTRA_TYPE_F32, 1, 1, 0.1f, 1.3f);
}

static void put_f32(struct lutra_gguf_writer *w, int il, const char *name, int cols, int rows, float size, float mean)
{
    char full[96];
    snprintf(full, sizeof full, "blk.%d.%s", il, name);
    put(w, full, LUTRA_TYPE_F32, cols, rows, size, mean);
}

static void put_norms(struct lutra_gguf_writer *w, const struct family *f, const struct shape *s, int il)
{
    if (f->qk_norm) put_norm(w, il, "attn_q_norm.weight", HEAD_DIM);
    if (f->qk_norm) put_norm(w, il, "attn_k_norm.weight", HEAD_DIM);
    if (f->post_norms) put_norm(w, il, "post_attention_norm.weight", s->n_embd);
    if (f->post_norms) put_norm(w, il, "post_ffw_norm.weight", s->n_embd);
    if (f->sub_norms) put_norm(w, il, "attn_sub_norm.weight", HEADS * HEAD_DIM);
    if (f->sub_norms) put_norm(w, il, "ffn_sub_norm.weight", s->n_ff);
}

static void dense_layer(struct lutra_gguf_writer *w, const struct family *f, const struct shape *s, int il)
{
    const struct {
        const char *name;
        int cols, rows;
    } mats[] = {{"attn_q", s->n_embd, HEADS * HEAD_DIM},      {"attn_k", s->n_embd, HEADS_KV * HEAD_DIM},
                {"attn_v", s->n_embd, HEADS_KV * HEAD_DIM},   {"attn_output", HEADS * HEAD_DIM, s->n_embd},
                {"ffn_gate", s->n_embd, s->n_ff},             {"ffn_up", s->n_embd, s->n_ff},
                {"ffn_down", s->n_ff, s->n_embd}};
    char name[64];
    put_norm(w, il, "attn_norm.weight", s->n_embd);
    put_norm(w, il, "ffn_norm.weight", s->n_embd);
    for (size_t i = 0; i < sizeof mats / sizeof mats[0]; i++) {
        put_blk(w, s, il, mats[i].name, mats[i].cols, mats[i].rows);
        if (f->qkv_bias && i < 3) {
            snprintf(name, sizeof name, "%s.bias", mats[i].name);
            put_f32(w, il, name, mats[i].rows, 1, 0.1f, 0.0f);
        }
    }
    put_norms(w, f, s, il);
}

/* ---- Phi-3 ---- */

enum { PHI_ROT = 24 };

static void phi3_keys(struct lutra_gguf_writer *w, const struct family *f, const struct shape *s)
{
    (void)s;
    put_key_float(w, f, "rope.scaling.attn_factor", 1.19f);
    put_key_int(w, f, "rope.scaling.original_context_length", 64);
}

static void phi3_layer(struct lutra_gguf_writer *w, const struct family *f, const struct shape *s, int il)
{
    (void)f;
    put_norm(w, il, "attn_norm.weight", s->n_embd);
    put_norm(w, il, "ffn_norm.weight", s->n_embd);
    put_blk(w, s, il, "attn_qkv", s->n_embd, (HEADS + 2 * HEADS_KV) * HEAD_DIM);
    put_blk(w, s, il, "attn_output", HEADS * HEAD_DIM, s->n_embd);
    put_blk(w, s, il, "ffn_up", s->n_embd, 2 * s->n_ff);
    put_blk(w, s, il, "ffn_down", s->n_ff, s->n_embd);
}

static void phi3_whole(struct lutra_gguf_writer *w, const struct family *f, const struct shape *s)
{
    (void)f;
    (void)s;
    put(w, "rope_factors_short.weight", LUTRA_TYPE_F32, PHI_ROT / 2, 1, 0.05f, 1.1f);
    put(w, "rope_factors_long.weight", LUTRA_TYPE_F32, PHI_ROT / 2, 1, 0.3f, 3.0f);
}

/* ---- experts ---- */

enum { EXPERTS = 6, EXPERTS_USED = 2, FF_EXPERT = 64, FF_EXPERT_WIDE = 256 };

static int ff_expert(const struct shape *s)
{
    return s->n_embd > 128 ? FF_EXPERT_WIDE : FF_EXPERT;
}

static void expert_keys(struct lutra_gguf_writer *w, const struct family *f, const struct shape *s)
{
    put_key_int(w, f, "expert_count", EXPERTS);
    put_key_int(w, f, "expert_used_count", EXPERTS_USED);
    put_key_int(w, f, "expert_feed_forward_length", ff_expert(s));
}

static void put_experts(struct lutra_gguf_writer *w, const struct shape *s, int il, const char *name, int cols, int rows)
{
    char full[64];
    snprintf(full, sizeof full, "blk.%d.%s.weight", il, name);
    put_3d(w, full, type_for(s, cols), cols, rows, EXPERTS, (float)(1.5 / sqrt((double)cols)), 0.0f);
    if (s->type != LUTRA_TYPE_NVFP4) return;
    snprintf(full, sizeof full, "%s.scale", name);
    put_f32(w, il, full, EXPERTS, 1, 0.1f, 1.3f);
}

static void expert_ffn(struct lutra_gguf_writer *w, const struct shape *s, int il)
{
    put_f32(w, il, "ffn_gate_inp.weight", s->n_embd, EXPERTS, 0.2f, 0.0f);
    put_experts(w, s, il, "ffn_gate_exps", s->n_embd, ff_expert(s));
    put_experts(w, s, il, "ffn_up_exps", s->n_embd, ff_expert(s));
    put_experts(w, s, il, "ffn_down_exps", ff_expert(s), s->n_embd);
}

/* Gate and up as one tensor. */
static void fused_ffn(struct lutra_gguf_writer *w, const struct shape *s, int il)
{
    put_f32(w, il, "ffn_gate_inp.weight", s->n_embd, EXPERTS, 0.2f, 0.0f);
    put_experts(w, s, il, "ffn_gate_up_exps", s->n_embd, 2 * ff_expert(s));
    put_experts(w, s, il, "ffn_down_exps", ff_expert(s), s->n_embd);
}

static void attention_tensors(struct lutra_gguf_writer *w, const struct shape *s, int il)
{
    put_norm(w, il, "attn_norm.weight", s->n_embd);
    put_blk(w, s, il, "attn_q", s->n_embd, HEADS * HEAD_DIM);
    put_blk(w, s, il, "attn_k", s->n_embd, HEADS_KV * HEAD_DIM);
    put_blk(w, s, il, "attn_v", s->n_embd, HEADS_KV * HEAD_DIM);
    put_blk(w, s, il, "attn_output", HEADS * HEAD_DIM, s->n_embd);
}

static void moe_layer(struct lutra_gguf_writer *w, const struct family *f, const struct shape *s, int il)
{
    attention_tensors(w, s, il);
    put_norm(w, il, "ffn_norm.weight", s->n_embd);
    put_norms(w, f, s, il);
    expert_ffn(w, s, il);
}

/* One of three groups of two experts: their two best are not the two best of all. */
static void groups_keys(struct lutra_gguf_writer *w, const struct family *f, const struct shape *s)
{
    expert_keys(w, f, s);
    put_key_int(w, f, "expert_group_count", 3);
    put_key_int(w, f, "expert_group_used_count", 1);
}

static void olmoe_layer(struct lutra_gguf_writer *w, const struct family *f, const struct shape *s, int il)
{
    moe_layer(w, f, s, il);
    put_norm(w, il, "attn_q_norm.weight", HEADS * HEAD_DIM);
    put_norm(w, il, "attn_k_norm.weight", HEADS_KV * HEAD_DIM);
}

static void gptoss_keys(struct lutra_gguf_writer *w, const struct family *f, const struct shape *s)
{
    expert_keys(w, f, s);
    put_key_str(w, f, "rope.scaling.type", "yarn");
    put_key_float(w, f, "rope.scaling.factor", 32.0f);
    put_key_int(w, f, "rope.scaling.original_context_length", 128);
}

static void gptoss_layer(struct lutra_gguf_writer *w, const struct family *f, const struct shape *s, int il)
{
    (void)f;
    attention_tensors(w, s, il);
    put_norm(w, il, "post_attention_norm.weight", s->n_embd);
    expert_ffn(w, s, il);
    put_f32(w, il, "attn_q.bias", HEADS * HEAD_DIM, 1, 0.1f, 0.0f);
    put_f32(w, il, "attn_k.bias", HEADS_KV * HEAD_DIM, 1, 0.1f, 0.0f);
    put_f32(w, il, "attn_v.bias", HEADS_KV * HEAD_DIM, 1, 0.1f, 0.0f);
    put_f32(w, il, "attn_output.bias", s->n_embd, 1, 0.1f, 0.0f);
    put_f32(w, il, "attn_sinks.weight", HEADS, 1, 0.5f, 1.0f);
    put_f32(w, il, "ffn_gate_inp.bias", EXPERTS, 1, 0.3f, 0.0f);
    put_f32(w, il, "ffn_gate_exps.bias", ff_expert(s), EXPERTS, 0.5f, 1.0f);
    put_f32(w, il, "ffn_up_exps.bias", ff_expert(s), EXPERTS, 0.5f, 0.0f);
    put_f32(w, il, "ffn_down_exps.bias", s->n_embd, EXPERTS, 0.1f, 0.0f);
}

/* ---- recurrent layers ---- */

static void put_key_ints(struct lutra_gguf_writer *w, const struct family *f, const char *name, const int32_t *v, int n)
{
    char key[96];
    snprintf(key, sizeof key, "%s.%s", f->arch ? f->arch : f->name, name);
    lutra_gguf_put_array(w, key, LUTRA_GGUF_I32, v, (uint64_t)n);
}

static void dense_ffn(struct lutra_gguf_writer *w, const struct shape *s, int il, const char *norm)
{
    put_norm(w, il, norm, s->n_embd);
    put_blk(w, s, il, "ffn_gate", s->n_embd, s->n_ff);
    put_blk(w, s, il, "ffn_up", s->n_embd, s->n_ff);
    put_blk(w, s, il, "ffn_down", s->n_ff, s->n_embd);
}

/* The expert that every token takes. */
static void shared_expert(struct lutra_gguf_writer *w, const struct shape *s, int il)
{
    put_blk(w, s, il, "ffn_gate_shexp", s->n_embd, ff_expert(s));
    put_blk(w, s, il, "ffn_up_shexp", s->n_embd, ff_expert(s));
    put_blk(w, s, il, "ffn_down_shexp", ff_expert(s), s->n_embd);
}

enum { LFM2_LAYERS = 4, LFM2_TAPS = 3 };
static const int32_t lfm2_heads_kv[LFM2_LAYERS] = {0, HEADS_KV, 0, 0};

static void lfm2_keys(struct lutra_gguf_writer *w, const struct family *f, const struct shape *s)
{
    (void)s;
    put_key_int(w, f, "shortconv.l_cache", LFM2_TAPS);
    put_key_ints(w, f, "attention.head_count_kv", lfm2_heads_kv, LFM2_LAYERS);
}

static void lfm2_layer(struct lutra_gguf_writer *w, const struct family *f, const struct shape *s, int il)
{
    if (lfm2_heads_kv[il] > 0) {
        attention_tensors(w, s, il);
        put_norms(w, f, s, il);
    } else {
        put_norm(w, il, "attn_norm.weight", s->n_embd);
        put_f32(w, il, "shortconv.conv.weight", LFM2_TAPS, s->n_embd, 0.6f, 0.0f);
        put_blk(w, s, il, "shortconv.in_proj", s->n_embd, 3 * s->n_embd);
        put_blk(w, s, il, "shortconv.out_proj", s->n_embd, s->n_embd);
    }
    if (f->arch == NULL && strcmp(f->name, "lfm2moe") == 0 && il > 0) {
        put_norm(w, il, "ffn_norm.weight", s->n_embd);
        expert_ffn(w, s, il);
        put_f32(w, il, "exp_probs_b.bias", EXPERTS, 1, 0.2f, 0.0f);
        return;
    }
    dense_ffn(w, s, il, "ffn_norm.weight");
}

static void lfm2moe_keys(struct lutra_gguf_writer *w, const struct family *f, const struct shape *s)
{
    lfm2_keys(w, f, s);
    expert_keys(w, f, s);
    put_key_int(w, f, "leading_dense_block_count", 1);
    put_key_int(w, f, "expert_gating_func", 2);
}

enum { SSM_TAPS = 4, SSM_STATE = 32, SSM_HEADS = 8, SSM_GROUPS = 2, SSM_INNER = SSM_STATE * SSM_HEADS,
       SSM_CONV = SSM_INNER + 2 * SSM_GROUPS * SSM_STATE };

static void ssm_keys(struct lutra_gguf_writer *w, const struct family *f, const struct shape *s)
{
    (void)s;
    put_key_int(w, f, "ssm.conv_kernel", SSM_TAPS);
    put_key_int(w, f, "ssm.inner_size", SSM_INNER);
    put_key_int(w, f, "ssm.state_size", SSM_STATE);
    put_key_int(w, f, "ssm.time_step_rank", SSM_HEADS);
    put_key_int(w, f, "ssm.group_count", SSM_GROUPS);
}

static void put_ssm(struct lutra_gguf_writer *w, const struct shape *s, int il)
{
    put_norm(w, il, "attn_norm.weight", s->n_embd);
    put_f32(w, il, "ssm_conv1d.weight", SSM_TAPS, SSM_CONV, 0.5f, 0.0f);
    put_f32(w, il, "ssm_dt.bias", SSM_HEADS, 1, 1.0f, -1.0f);
    put_blk(w, s, il, "ssm_out", SSM_INNER, s->n_embd);
}

static void qwen35_keys(struct lutra_gguf_writer *w, const struct family *f, const struct shape *s)
{
    static const int32_t sections[4] = {6, 5, 5, 0};
    ssm_keys(w, f, s);
    put_key_int(w, f, "full_attention_interval", 3);
    put_key_ints(w, f, "rope.dimension_sections", sections, 4);
}

static void qwen35_layer(struct lutra_gguf_writer *w, const struct family *f, const struct shape *s, int il)
{
    if ((il + 1) % 3 == 0) {
        put_norm(w, il, "attn_norm.weight", s->n_embd);
        put_blk(w, s, il, "attn_q", s->n_embd, 2 * HEADS * HEAD_DIM);
        put_blk(w, s, il, "attn_k", s->n_embd, HEADS_KV * HEAD_DIM);
        put_blk(w, s, il, "attn_v", s->n_embd, HEADS_KV * HEAD_DIM);
        put_blk(w, s, il, "attn_output", HEADS * HEAD_DIM, s->n_embd);
        put_norms(w, f, s, il);
    } else {
        put_ssm(w, s, il);
        put_blk(w, s, il, "attn_qkv", s->n_embd, SSM_CONV);
        put_blk(w, s, il, "attn_gate", s->n_embd, SSM_INNER);
        put_blk(w, s, il, "ssm_alpha", s->n_embd, SSM_HEADS);
        put_blk(w, s, il, "ssm_beta", s->n_embd, SSM_HEADS);
        put_f32(w, il, "ssm_a", SSM_HEADS, 1, 0.1f, -0.5f);
        put_norm(w, il, "ssm_norm.weight", SSM_STATE);
    }
    if (strcmp(f->name, "qwen35moe") == 0) {
        put_norm(w, il, "post_attention_norm.weight", s->n_embd);
        expert_ffn(w, s, il);
        shared_expert(w, s, il);
        put_f32(w, il, "ffn_gate_inp_shexp.weight", s->n_embd, 1, 0.1f, 0.0f);
        return;
    }
    dense_ffn(w, s, il, "post_attention_norm.weight");
}

static void qwen35moe_keys(struct lutra_gguf_writer *w, const struct family *f, const struct shape *s)
{
    qwen35_keys(w, f, s);
    expert_keys(w, f, s);
    put_key_int(w, f, "expert_shared_feed_forward_length", ff_expert(s));
}

static void mamba2_layer(struct lutra_gguf_writer *w, const struct family *f, const struct shape *s, int il)
{
    (void)f;
    put_ssm(w, s, il);
    put_blk(w, s, il, "ssm_in", s->n_embd, SSM_INNER + SSM_CONV + SSM_HEADS);
    put_f32(w, il, "ssm_conv1d.bias", SSM_CONV, 1, 0.2f, 0.0f);
    put_f32(w, il, "ssm_a", 1, SSM_HEADS, 0.2f, -1.0f);
    put_f32(w, il, "ssm_d", 1, SSM_HEADS, 0.2f, 1.0f);
    put_f32(w, il, "ssm_norm.weight", SSM_INNER / SSM_GROUPS, SSM_GROUPS, 0.1f, 1.0f);
}

/* ---- dense families with keys of their own ---- */

static void granite_keys(struct lutra_gguf_writer *w, const struct family *f, const struct shape *s)
{
    (void)s;
    put_key_float(w, f, "logit_scale", 3.0f);
    put_key_float(w, f, "residual_scale", 0.22f);
    put_key_float(w, f, "embedding_scale", 12.0f);
    put_key_float(w, f, "attention.scale", 0.015625f * 8);
    lutra_gguf_put_f32(w, "general.sampling.temp", 0.25f);
    lutra_gguf_put_f32(w, "general.sampling.top_p", 0.5f);
    lutra_gguf_put_f32(w, "general.sampling.min_p", 0.125f);
    lutra_gguf_put_f32(w, "general.sampling.penalty_repeat", 1.5f);
    lutra_gguf_put_i32(w, "general.sampling.penalty_last_n", 9);
    lutra_gguf_put_i32(w, "general.sampling.top_k", 7);
}

static void granitemoe_keys(struct lutra_gguf_writer *w, const struct family *f, const struct shape *s)
{
    granite_keys(w, f, s);
    expert_keys(w, f, s);
    put_key_int(w, f, "expert_shared_feed_forward_length", ff_expert(s));
    put_key_float(w, f, "expert_weights_scale", 1.5f);
}

static void granitemoe_layer(struct lutra_gguf_writer *w, const struct family *f, const struct shape *s, int il)
{
    moe_layer(w, f, s, il);
    shared_expert(w, s, il);
}

static void minicpm_keys(struct lutra_gguf_writer *w, const struct family *f, const struct shape *s)
{
    (void)s;
    put_key_float(w, f, "logit_scale", 3.0f);
    put_key_float(w, f, "residual_scale", 0.22f);
    put_key_float(w, f, "embedding_scale", 12.0f);
}

/* Parts of a head that turn with a picture's time, height and width: for text they are one. */
static void vl_keys(struct lutra_gguf_writer *w, const struct family *f, const struct shape *s)
{
    static const int32_t sections[4] = {6, 5, 5, 0};
    (void)s;
    put_key_ints(w, f, "rope.dimension_sections", sections, 4);
    if (strcmp(f->name, "qwen2vl") != 0) put_key_int(w, f, "n_deepstack_layers", 3);
}

static void vlmoe_keys(struct lutra_gguf_writer *w, const struct family *f, const struct shape *s)
{
    vl_keys(w, f, s);
    expert_keys(w, f, s);
}

/* With so short a context the slopes of YaRN need odd ends to be anywhere near the middle. */
static void mistral3_keys(struct lutra_gguf_writer *w, const struct family *f, const struct shape *s)
{
    (void)s;
    put_key_str(w, f, "rope.scaling.type", "yarn");
    put_key_float(w, f, "rope.scaling.factor", 16.0f);
    put_key_int(w, f, "rope.scaling.original_context_length", 8);
    put_key_float(w, f, "rope.scaling.yarn_beta_fast", 0.6f);
    put_key_float(w, f, "rope.scaling.yarn_beta_slow", 0.006f);
    put_key_float(w, f, "rope.scaling.yarn_log_multiplier", 0.5f);
    put_key_float(w, f, "attention.temperature_scale", 0.1f);
}

static void gemma2_keys(struct lutra_gguf_writer *w, const struct family *f, const struct shape *s)
{
    (void)s;
    put_key_float(w, f, "attn_logit_softcapping", 5.0f);
    put_key_float(w, f, "final_logit_softcapping", 9.0f);
}

static void gemma4_whole(struct lutra_gguf_writer *w, const struct family *f, const struct shape *s);

/* ---- Gemma 4: global heads of 48, local ones of 32; the last two layers read the keys of layers 2 and 3 ---- */

enum { G4_LAYERS = 6, G4_PE = 32, G4_SHARED = 2, G4_DIM = 48 };
static const int32_t g4_local[G4_LAYERS] = {1, 0, 1, 0, 1, 0};

static void gemma4_keys(struct lutra_gguf_writer *w, const struct family *f, const struct shape *s)
{
    int32_t ff[G4_LAYERS];
    for (int il = 0; il < G4_LAYERS; il++) ff[il] = il < G4_LAYERS - G4_SHARED ? s->n_ff : 2 * s->n_ff;
    put_key_ints(w, f, "feed_forward_length", ff, G4_LAYERS);
    put_key_ints(w, f, "attention.sliding_window_pattern", g4_local, G4_LAYERS);
    put_key_int(w, f, "attention.shared_kv_layers", G4_SHARED);
    put_key_int(w, f, "attention.key_length", G4_DIM);
    put_key_int(w, f, "attention.value_length", G4_DIM);
    put_key_int(w, f, "attention.key_length_swa", HEAD_DIM);
    put_key_int(w, f, "attention.value_length_swa", HEAD_DIM);
    put_key_int(w, f, "rope.dimension_count", G4_DIM);
    put_key_int(w, f, "rope.dimension_count_swa", HEAD_DIM);
    put_key_float(w, f, "rope.freq_base_swa", 3000.0f);
    put_key_int(w, f, "embedding_length_per_layer_input", f->whole == gemma4_whole ? G4_PE : 0);
    put_key_float(w, f, "final_logit_softcapping", 9.0f);
}

static void gemma4_whole(struct lutra_gguf_writer *w, const struct family *f, const struct shape *s)
{
    (void)f;
    put(w, "rope_freqs.weight", LUTRA_TYPE_F32, G4_DIM / 2, 1, 0.05f, 2.0f);
    put(w, "per_layer_token_embd.weight", LUTRA_TYPE_Q8_0, G4_PE * G4_LAYERS, n_vocab, 0.5f, 0.0f);
    put_matrix(w, "per_layer_model_proj.weight", type_for(s, s->n_embd), s->n_embd, G4_PE * G4_LAYERS);
    put_norm(w, -1, "per_layer_proj_norm.weight", G4_PE);
}

static void gemma4_layer(struct lutra_gguf_writer *w, const struct family *f, const struct shape *s, int il)
{
    int dim = g4_local[il] ? HEAD_DIM : G4_DIM, n_ff = il < G4_LAYERS - G4_SHARED ? s->n_ff : 2 * s->n_ff;
    put_norm(w, il, "attn_norm.weight", s->n_embd);
    put_blk(w, s, il, "attn_q", s->n_embd, HEADS * dim);
    put_norm(w, il, "attn_q_norm.weight", dim);
    put_blk(w, s, il, "attn_output", HEADS * dim, s->n_embd);
    if (il < G4_LAYERS - G4_SHARED) {
        put_blk(w, s, il, "attn_k", s->n_embd, HEADS_KV * dim);
        if (il != 1) put_blk(w, s, il, "attn_v", s->n_embd, HEADS_KV * dim); /* layer 1: values are keys */
        put_norm(w, il, "attn_k_norm.weight", dim);
    }
    put_norm(w, il, "post_attention_norm.weight", s->n_embd);
    put_norm(w, il, "ffn_norm.weight", s->n_embd);
    put_blk(w, s, il, "ffn_gate", s->n_embd, n_ff);
    put_blk(w, s, il, "ffn_up", s->n_embd, n_ff);
    put_blk(w, s, il, "ffn_down", n_ff, s->n_embd);
    put_norm(w, il, "post_ffw_norm.weight", s->n_embd);
    if (f->whole == gemma4_whole) {
        put_blk(w, s, il, "inp_gate", s->n_embd, G4_PE);
        put_blk(w, s, il, "proj", G4_PE, s->n_embd);
        put_norm(w, il, "post_norm.weight", s->n_embd);
    }
    put_f32(w, il, "layer_output_scale.weight", 1, 1, 0.1f, 0.8f);
}

/* ---- encoders: heads fill the width, as llama.cpp wants it ---- */

static void encoder_keys(struct lutra_gguf_writer *w, const struct family *f, const struct shape *s)
{
    char key[96];
    put_key_int(w, f, "feed_forward_length", s->n_ff);
    put_key_int(w, f, "pooling_type", f->qkv_bias ? 1 : 2);
    put_key_float(w, f, "attention.layer_norm_epsilon", 1e-5f);
    snprintf(key, sizeof key, "%s.attention.causal", f->name);
    lutra_gguf_put_bool(w, key, false);
    lutra_gguf_put_u32(w, "tokenizer.ggml.token_type_count", 2);
}

static void encoder_whole(struct lutra_gguf_writer *w, const struct family *f, const struct shape *s)
{
    put(w, "token_types.weight", LUTRA_TYPE_F32, s->n_embd, 2, 0.2f, 0.0f);
    if (f->qkv_bias) put(w, "position_embd.weight", LUTRA_TYPE_F32, s->n_embd, 256, 0.3f, 0.0f);
    put_norm(w, -1, "token_embd_norm.weight", s->n_embd);
    put(w, "token_embd_norm.bias", LUTRA_TYPE_F32, s->n_embd, 1, 0.1f, 0.0f);
}

static void put_shifted_norm(struct lutra_gguf_writer *w, const struct shape *s, int il, const char *name)
{
    char full[64];
    snprintf(full, sizeof full, "%s.weight", name);
    put_norm(w, il, full, s->n_embd);
    snprintf(full, sizeof full, "%s.bias", name);
    put_f32(w, il, full, s->n_embd, 1, 0.1f, 0.0f);
}

static void bert_layer(struct lutra_gguf_writer *w, const struct family *f, const struct shape *s, int il)
{
    static const char *const mats[] = {"attn_q", "attn_k", "attn_v", "attn_output", "ffn_up", "ffn_down"};
    char name[64];
    (void)f;
    for (int i = 0; i < 6; i++) {
        int cols = i == 5 ? s->n_ff : s->n_embd, rows = i == 4 ? s->n_ff : s->n_embd;
        put_blk(w, s, il, mats[i], cols, rows);
        snprintf(name, sizeof name, "%s.bias", mats[i]);
        put_f32(w, il, name, rows, 1, 0.1f, 0.0f);
    }
    put_shifted_norm(w, s, il, "attn_output_norm");
    put_shifted_norm(w, s, il, "layer_output_norm");
}

static void nomic_layer(struct lutra_gguf_writer *w, const struct family *f, const struct shape *s, int il)
{
    (void)f;
    put_blk(w, s, il, "attn_qkv", s->n_embd, 3 * s->n_embd);
    put_blk(w, s, il, "attn_output", s->n_embd, s->n_embd);
    put_blk(w, s, il, "ffn_gate", s->n_embd, s->n_ff);
    put_blk(w, s, il, "ffn_up", s->n_embd, s->n_ff);
    put_blk(w, s, il, "ffn_down", s->n_ff, s->n_embd);
    put_shifted_norm(w, s, il, "attn_output_norm");
    put_shifted_norm(w, s, il, "layer_output_norm");
}

/* With experts, but in layer 2; no per-layer embeddings, as in 26B-A4B. */
static void gemma4moe_keys(struct lutra_gguf_writer *w, const struct family *f, const struct shape *s)
{
    gemma4_keys(w, f, s);
    expert_keys(w, f, s);
}

static void gemma4moe_whole(struct lutra_gguf_writer *w, const struct family *f, const struct shape *s)
{
    (void)f;
    (void)s;
    put(w, "rope_freqs.weight", LUTRA_TYPE_F32, G4_DIM / 2, 1, 0.05f, 2.0f);
}

static void gemma4moe_layer(struct lutra_gguf_writer *w, const struct family *f, const struct shape *s, int il)
{
    gemma4_layer(w, f, s, il);
    if (il == 2) return;
    put_f32(w, il, "ffn_gate_inp.scale", s->n_embd, 1, 2.0f, 8.0f);
    put_norm(w, il, "post_ffw_norm_1.weight", s->n_embd);
    put_norm(w, il, "pre_ffw_norm_2.weight", s->n_embd);
    put_norm(w, il, "post_ffw_norm_2.weight", s->n_embd);
    (il % 2 ? expert_ffn : fused_ffn)(w, s, il);
    put_f32(w, il, "ffn_down_exps.scale", EXPERTS, 1, 0.3f, 1.0f);
}

static const struct family families[] = {
    {.name = "llama", .tokenizer = "gpt2", .pre = "llama-bpe", .rope_freqs = true, .n_layer = 2, .all_types = true},
    {.name = "qwen2", .tokenizer = "gpt2", .pre = "qwen2", .qkv_bias = true, .tied = true, .n_layer = 2,
     .all_types = true},
    {.name = "qwen3", .tokenizer = "gpt2", .pre = "qwen2", .qk_norm = true, .tied = true, .n_layer = 2,
     .all_types = true},
    {.name = "gemma3", .tokenizer = "llama", .pre = "default", .qk_norm = true, .post_norms = true, .tied = true,
     .n_layer = 7, .window = 6, .all_types = true},
    {.name = "bitnet", .tokenizer = "llama", .pre = "default", .sub_norms = true, .tied = true, .n_layer = 2,
     .all_types = true},
    {.name = "bitnet-b1.58", .tokenizer = "gpt2", .pre = "gpt-2", .sub_norms = true, .tied = true, .n_layer = 2,
     .all_types = true},
    {.name = "phi3", .tokenizer = "llama", .pre = "default", .n_layer = 2, .n_rot = PHI_ROT, .keys = phi3_keys,
     .layer = phi3_layer, .whole = phi3_whole},
    {.name = "smollm3", .tokenizer = "gpt2", .pre = "smaug-bpe", .tied = true, .n_layer = 5},
    {.name = "granite", .tokenizer = "gpt2", .pre = "refact", .tied = true, .n_layer = 2, .keys = granite_keys},
    {.name = "mistral3", .tokenizer = "gpt2", .pre = "llama-bpe", .n_layer = 2, .keys = mistral3_keys},
    {.name = "falcon3", .arch = "llama", .tokenizer = "gpt2", .pre = "falcon3", .n_layer = 2},
    {.name = "gemma", .tokenizer = "llama", .pre = "default", .tied = true, .n_layer = 2},
    {.name = "internlm2", .tokenizer = "llama", .pre = "default", .n_layer = 2},
    {.name = "xverse", .tokenizer = "gpt2", .pre = "gpt-2", .n_layer = 2},
    {.name = "ernie4_5", .tokenizer = "llama", .pre = "default", .tied = true, .n_layer = 2},
    {.name = "minicpm", .tokenizer = "llama", .pre = "default", .tied = true, .n_layer = 2, .keys = minicpm_keys},
    {.name = "qwen2vl", .tokenizer = "gpt2", .pre = "qwen2", .qkv_bias = true, .tied = true, .n_layer = 2, .keys = vl_keys},
    {.name = "qwen3vl", .tokenizer = "gpt2", .pre = "qwen2", .qk_norm = true, .tied = true, .n_layer = 2, .keys = vl_keys},
    {.name = "qwen3vlmoe", .tokenizer = "gpt2", .pre = "qwen2", .qk_norm = true, .n_layer = 2, .keys = vlmoe_keys,
     .layer = moe_layer},
    {.name = "gemma2", .tokenizer = "llama", .pre = "default", .post_norms = true, .tied = true, .n_layer = 4,
     .window = 6, .keys = gemma2_keys},
    {.name = "mixtral", .arch = "llama", .tokenizer = "gpt2", .pre = "llama-bpe", .n_layer = 2, .keys = expert_keys,
     .layer = moe_layer},
    {.name = "qwen3moe", .tokenizer = "gpt2", .pre = "qwen2", .qk_norm = true, .n_layer = 2, .keys = expert_keys,
     .layer = moe_layer},
    {.name = "olmoe", .tokenizer = "gpt2", .pre = "gpt-2", .n_layer = 2, .keys = expert_keys, .layer = olmoe_layer},
    {.name = "gpt-oss", .tokenizer = "gpt2", .pre = "llama-bpe", .n_layer = 2, .window = 6, .keys = gptoss_keys,
     .layer = gptoss_layer},
    {.name = "lfm2", .tokenizer = "gpt2", .pre = "lfm2", .qk_norm = true, .tied = true, .n_layer = LFM2_LAYERS,
     .keys = lfm2_keys, .layer = lfm2_layer, .no_heads_kv = true, .norm = "token_embd_norm.weight"},
    {.name = "qwen35", .tokenizer = "gpt2", .pre = "qwen2", .qk_norm = true, .tied = true, .n_layer = 6, .n_rot = 16,
     .keys = qwen35_keys, .layer = qwen35_layer},
    {.name = "mamba2", .tokenizer = "gpt2", .pre = "gpt-2", .tied = true, .n_layer = 2, .keys = ssm_keys,
     .layer = mamba2_layer, .headless = true},
    {.name = "granitemoe", .tokenizer = "gpt2", .pre = "refact", .tied = true, .n_layer = 2, .keys = granitemoe_keys,
     .layer = granitemoe_layer},
    {.name = "lfm2moe", .tokenizer = "gpt2", .pre = "lfm2", .qk_norm = true, .tied = true, .n_layer = LFM2_LAYERS,
     .keys = lfm2moe_keys, .layer = lfm2_layer, .no_heads_kv = true, .norm = "token_embd_norm.weight"},
    {.name = "qwen35moe", .tokenizer = "gpt2", .pre = "qwen2", .qk_norm = true, .tied = true, .n_layer = 6, .n_rot = 16,
     .keys = qwen35moe_keys, .layer = qwen35_layer},
    {.name = "gemma4", .tokenizer = "llama", .pre = "default", .tied = true, .n_layer = G4_LAYERS, .window = 6,
     .keys = gemma4_keys, .layer = gemma4_layer, .whole = gemma4_whole, .own_sizes = true},
    {.name = "bert", .tokenizer = "bert", .pre = "default", .qkv_bias = true, .n_layer = 3, .keys = encoder_keys,
     .layer = bert_layer, .whole = encoder_whole, .own_sizes = true, .no_heads_kv = true, .encoder = true},
    {.name = "nomic-bert", .tokenizer = "bert", .pre = "default", .n_layer = 3, .keys = encoder_keys,
     .layer = nomic_layer, .whole = encoder_whole, .own_sizes = true, .no_heads_kv = true, .encoder = true},
    {.name = "gemma4moe", .arch = "gemma4", .tokenizer = "llama", .pre = "default", .tied = true, .n_layer = G4_LAYERS,
     .window = 6, .keys = gemma4moe_keys, .layer = gemma4moe_layer, .whole = gemma4moe_whole, .own_sizes = true},
    {.name = "qwen3moe-groups", .arch = "qwen3moe", .tokenizer = "gpt2", .pre = "qwen2", .qk_norm = true, .n_layer = 2,
     .keys = groups_keys, .layer = moe_layer},
};
enum { N_FAMILIES = sizeof families / sizeof families[0] };

static const int types[] = {LUTRA_TYPE_F32,  LUTRA_TYPE_F16,  LUTRA_TYPE_BF16, LUTRA_TYPE_Q8_0, LUTRA_TYPE_Q4_0,
                            LUTRA_TYPE_Q4_1, LUTRA_TYPE_Q5_0, LUTRA_TYPE_Q5_1, LUTRA_TYPE_Q2_K, LUTRA_TYPE_Q3_K,
                            LUTRA_TYPE_Q4_K, LUTRA_TYPE_Q5_K, LUTRA_TYPE_Q6_K, LUTRA_TYPE_TQ1_0, LUTRA_TYPE_TQ2_0,
                            LUTRA_TYPE_Q1_0, LUTRA_TYPE_Q2_0, LUTRA_TYPE_Q2_0_G128};
/* Codebook types differ in their blocks, not in what a family does with them: one family has them all. */
static const int books[] = {LUTRA_TYPE_IQ4_NL, LUTRA_TYPE_IQ4_XS,  LUTRA_TYPE_MXFP4,   LUTRA_TYPE_NVFP4,
                            LUTRA_TYPE_IQ1_S,  LUTRA_TYPE_IQ1_M,   LUTRA_TYPE_IQ2_XXS, LUTRA_TYPE_IQ2_XS,
                            LUTRA_TYPE_IQ2_S,  LUTRA_TYPE_IQ3_XXS, LUTRA_TYPE_IQ3_S,   LUTRA_TYPE_I2_S};
enum { N_PLAIN = sizeof types / sizeof types[0], N_TYPES = N_PLAIN + sizeof books / sizeof books[0] };

static int type_at(size_t i)
{
    return i < N_PLAIN ? types[i] : books[i - N_PLAIN];
}

static bool used(const struct family *f, int type)
{
    if (type == LUTRA_TYPE_I2_S) return strcmp(f->name, "bitnet") == 0;
    if (type == LUTRA_TYPE_MXFP4 && strcmp(f->name, "gpt-oss") == 0) return true; /* as it is published */
    if (type == LUTRA_TYPE_NVFP4 && strcmp(f->name, "mixtral") == 0) return true; /* a scale for every expert */
    if (lutra_book_info(type)) return strcmp(f->name, "llama") == 0;
    return f->all_types || type == LUTRA_TYPE_F32 || type == LUTRA_TYPE_Q4_0 || type == LUTRA_TYPE_Q4_K;
}

/* ---- the file ---- */

static void put_config(struct lutra_gguf_writer *w, const struct family *f, const struct shape *s)
{
    const char *arch = f->arch ? f->arch : f->name;
    lutra_gguf_put_str(w, "general.architecture", arch, strlen(arch));
    lutra_gguf_put_str(w, "general.name", "tiny random model", 17);
    put_key_int(w, f, "block_count", f->n_layer);
    put_key_int(w, f, "context_length", 256);
    put_key_int(w, f, "embedding_length", s->n_embd);
    bool sizes = !f->headless && !f->own_sizes;
    if (!f->own_sizes) put_key_int(w, f, "feed_forward_length", f->headless ? 0 : s->n_ff);
    put_key_int(w, f, "attention.head_count", f->headless ? 0 : HEADS);
    if (!f->no_heads_kv) put_key_int(w, f, "attention.head_count_kv", f->headless ? 0 : HEADS_KV);
    if (sizes) put_key_int(w, f, "attention.key_length", HEAD_DIM);
    if (sizes) put_key_int(w, f, "attention.value_length", HEAD_DIM);
    if (sizes) put_key_int(w, f, "rope.dimension_count", f->n_rot ? f->n_rot : HEAD_DIM);
    put_key_float(w, f, "rope.freq_base", 50000.0f);
    if (!f->encoder) put_key_float(w, f, "attention.layer_norm_rms_epsilon", 1e-5f);
    if (f->window) put_key_int(w, f, "attention.sliding_window", f->window);
    if (f->keys) f->keys(w, f, s);
}

static const struct family *find_family(const char *name)
{
    for (size_t i = 0; i < N_FAMILIES; i++)
        if (strcmp(families[i].name, name) == 0) return &families[i];
    die("unknown family");
    return NULL;
}

static int find_type(const char *name)
{
    for (size_t i = 0; i < N_TYPES; i++)
        if (strcmp(lutra_type_info((uint32_t)type_at(i))->name, name) == 0) return type_at(i);
    die("unknown type");
    return -1;
}

static void list(void)
{
    for (size_t i = 0; i < N_FAMILIES; i++)
        for (size_t k = 0; k < N_TYPES; k++)
            if (used(&families[i], type_at(k)))
                printf("%s %s\n", families[i].name, lutra_type_info((uint32_t)type_at(k))->name);
}

/* OUT.gguf, or if there are parts OUT-00001-of-00003.gguf and so on: the first with the keys. */
static void save(struct lutra_gguf_writer *w, const char *path)
{
    lutra_error err;
    char name[512];
    for (int i = 0; i <= n_others; i++) {
        struct lutra_gguf_writer *part = i == 0 ? w : others[i - 1];
        snprintf(name, sizeof name, "%s", path);
        if (n_others > 0) {
            lutra_gguf_put_u32(part, "split.no", (uint32_t)i);
            lutra_gguf_put_u32(part, "split.count", (uint32_t)n_others + 1);
            lutra_gguf_put_i32(part, "split.tensors.count", n_kept);
            snprintf(name, sizeof name, "%.*s-%05d-of-%05d.gguf", (int)strlen(path) - 5, path, i + 1, n_others + 1);
        }
        if (lutra_gguf_writer_save(part, name, &err)) die(err.msg);
        lutra_gguf_writer_close(part);
    }
}

int main(int argc, char **argv)
{
    if (argc == 2 && strcmp(argv[1], "list") == 0) return list(), 0;
    if (argc < 4) die("usage: make_tiny FAMILY TYPE OUT.gguf [SEED] | make_tiny list");
    const struct family *f = find_family(argv[1]);
    struct shape s = {.type = find_type(argv[2])};
    bool wide = lutra_type_info((uint32_t)s.type)->block > 32;
    s.n_embd = wide ? 256 : 96;
    s.n_ff = wide ? 512 : 160;
    state = argc > 4 ? strtoull(argv[4], NULL, 10) : 1;

    struct lutra_gguf_writer *w;
    lutra_error err;
    int n_parts = argc > 5 ? atoi(argv[5]) : 1;
    if (n_parts < 1 || n_parts > PARTS_MAX) die("1 to 9 parts");
    for (; n_others < n_parts - 1; n_others++)
        if (lutra_gguf_writer_open(&others[n_others], &err)) die(err.msg);
    if (lutra_gguf_writer_open(&w, &err)) die(err.msg);
    put_config(w, f, &s);
    put_vocab(w, f->tokenizer, f->pre);
    bool ternary = s.type == LUTRA_TYPE_TQ1_0 || s.type == LUTRA_TYPE_TQ2_0 || s.type == LUTRA_TYPE_I2_S;
    put(w, "token_embd.weight", ternary ? LUTRA_TYPE_Q8_0 : s.type, s.n_embd, n_vocab, 0.5f, 0.0f);
    if (!f->encoder) put_norm(w, -1, f->norm ? f->norm : "output_norm.weight", s.n_embd);
    if (!f->tied && !f->encoder) put_matrix(w, "output.weight", ternary ? LUTRA_TYPE_Q8_0 : s.type, s.n_embd, n_vocab);
    if (f->rope_freqs) put(w, "rope_freqs.weight", LUTRA_TYPE_F32, HEAD_DIM / 2, 1, 0.05f, 2.0f);
    if (f->whole) f->whole(w, f, &s);
    for (int il = 0; il < f->n_layer; il++) (f->layer ? f->layer : dense_layer)(w, f, &s, il);
    save(w, argv[3]);
    for (int i = 0; i < n_kept; i++) free(kept[i]);
    return 0;
}
