/* SPDX-License-Identifier: MIT */
/* The keys and tensors of the families with blocks of their own, missing and out of range: refused by name, with an
 * offset, or run; never a crash.
 *   test_families_bad DIR_OF_TINY_MODELS */
#include "models/model.h"
#include "runtime/lutra.h"
#include "runtime/session.h"
#include "tests/check.h"
#include "tests/hostile_tiny.h"

#include <stdio.h>
#include <string.h>

static const char *const models[] = {"phi3-Q4_0", "granite-Q4_0", "mistral3-Q4_0", "gemma2-Q4_0", "qwen3moe-Q4_0",
                                     "gpt-oss-Q4_0", "lfm2-Q4_0", "qwen35-Q4_0", "mamba2-Q4_0", "gemma4-Q4_0",
                                     "granitemoe-Q4_0", "lfm2moe-Q4_0", "qwen35moe-Q4_0", "bert-Q4_0", "nomic-bert-Q4_0",
                                     "gemma4moe-Q4_0"};

/* Numbers that must be refused, and a part of the message. DEL: the key is taken away. */
enum { DEL = 255 };
static const struct {
    const char *model, *key;
    uint32_t type;
    uint64_t v;
    const char *reason;
} cases[] = {
    {"qwen3moe-Q4_0", "qwen3moe.expert_count", T_U32, 0, "2 experts are chosen of 0"},
    {"qwen3moe-Q4_0", "qwen3moe.expert_count", T_U32, 5, "expected [96,5]"},
    {"qwen3moe-Q4_0", "qwen3moe.expert_count", T_U32, 1025, "key qwen3moe.expert_count"},
    {"qwen3moe-Q4_0", "qwen3moe.expert_count", T_I32, (uint64_t)-1, "key qwen3moe.expert_count"},
    {"qwen3moe-Q4_0", "qwen3moe.expert_count", DEL, 0, "qwen3moe.expert_"},
    {"qwen3moe-Q4_0", "qwen3moe.expert_used_count", T_U32, 0, "key qwen3moe.expert_used_count"},
    {"qwen3moe-Q4_0", "qwen3moe.expert_used_count", T_U32, 7, "7 experts are chosen of 6"},
    {"qwen3moe-Q4_0", "qwen3moe.expert_used_count", T_U64, 1ull << 33, "key qwen3moe.expert_used_count"},
    {"qwen3moe-Q4_0", "qwen3moe.expert_feed_forward_length", T_U32, 65, "expected [96,65,6]"},
    {"qwen3moe-Q4_0", "qwen3moe.expert_feed_forward_length", T_U32, 0, "key qwen3moe.expert_feed_forward_length"},
    {"qwen3moe-Q4_0", "qwen3moe.expert_gating_func", T_U32, 4, "key qwen3moe.expert_gating_func"},
    {"qwen3moe-Q4_0", "qwen3moe.expert_group_count", T_U32, 4, "no such groups"},
    {"qwen3moe-Q4_0", "qwen3moe.expert_group_count", T_U32, 6, "no such groups"},
    {"qwen3moe-Q4_0", "qwen3moe.expert_group_count", T_U32, 3, "key qwen3moe.expert_group_used_count is missing"},
    {"qwen3moe-Q4_0", "qwen3moe.expert_group_count", T_U32, 1025, "key qwen3moe.expert_group_count"},
    {"qwen3moe-groups-Q4_0", "qwen3moe.expert_group_used_count", T_U32, 4, "more groups than there are"},
    {"qwen3moe-groups-Q4_0", "qwen3moe.expert_group_used_count", T_U32, 0, "expert_group_used_count is missing"},
    {"qwen3moe-groups-Q4_0", "qwen3moe.expert_used_count", T_U32, 3, "too few for the experts"},
    {"gemma4moe-Q4_0", "gemma4.expert_count", T_U32, 5, "blk.0.ffn_gate_inp.weight"},
    {"gemma4moe-Q4_0", "gemma4.expert_feed_forward_length", T_U32, 63, "blk.0.ffn_gate_up_exps.weight"},
    {"gemma4moe-Q4_0", "gemma4.expert_count", DEL, 0, "gemma4.expert_"},
    {"granitemoe-Q4_0", "granitemoe.expert_shared_feed_forward_length", T_U32, 1u << 21, "expert_shared_feed_forward"},
    {"granitemoe-Q4_0", "granitemoe.expert_shared_feed_forward_length", T_U32, 63, "blk.0.ffn_gate_shexp.weight"},
    {"lfm2moe-Q4_0", "lfm2moe.leading_dense_block_count", T_U32, 5, "key lfm2moe.leading_dense_block_count"},
    {"lfm2moe-Q4_0", "lfm2moe.leading_dense_block_count", T_U32, 0, "blk.0.ffn_gate_inp.weight"},
    {"phi3-Q4_0", "phi3.expert_count", T_U32, 4, "not supported"},
    {"phi3-Q4_0", "phi3.rope.scaling.attn_factor", T_F32, 0x7fc00000, "key phi3.rope.scaling.attn_factor"},
    {"phi3-Q4_0", "phi3.rope.scaling.original_context_length", T_U32, 0, "original_context_length"},
    {"phi3-Q4_0", "phi3.rope.dimension_count", T_U32, 32, "rope_factors"},
    {"granite-Q4_0", "granite.logit_scale", DEL, 0, "key granite.logit_scale is missing"},
    {"granite-Q4_0", "granite.residual_scale", T_F32, 0x7f800000, "key granite.residual_scale"},
    {"granite-Q4_0", "general.sampling.temp", T_F32, 0x7fc00000, "key general.sampling.temp"},
    {"granite-Q4_0", "general.sampling.top_k", T_I32, (uint64_t)-2, "key general.sampling.top_k"},
    {"mistral3-Q4_0", "mistral3.rope.scaling.yarn_beta_fast", T_F32, 0, "yarn_beta_fast"},
    {"lfm2-Q4_0", "lfm2.shortconv.l_cache", T_U32, 1, "key lfm2.shortconv.l_cache"},
    {"lfm2-Q4_0", "lfm2.shortconv.l_cache", T_U32, 65, "key lfm2.shortconv.l_cache"},
    {"lfm2-Q4_0", "lfm2.shortconv.l_cache", T_U32, 4, "blk.0.shortconv.conv.weight"},
    {"lfm2-Q4_0", "lfm2.shortconv.l_cache", DEL, 0, "lfm2.shortconv.l_cache is missing"},
    {"lfm2-Q4_0", "lfm2.block_count", T_U32, 5, "an array of 4 where 5 layers are"},
    {"qwen35-Q4_0", "qwen35.ssm.conv_kernel", T_U32, 0, "key qwen35.ssm.conv_kernel"},
    {"qwen35-Q4_0", "qwen35.ssm.conv_kernel", T_U32, 3, "blk.0.ssm_conv1d.weight"},
    {"qwen35-Q4_0", "qwen35.ssm.inner_size", T_U32, 1u << 20, "key qwen35.ssm.inner_size"},
    {"qwen35-Q4_0", "qwen35.ssm.inner_size", T_U32, 257, "does not divide ssm.inner_size"},
    {"qwen35-Q4_0", "qwen35.ssm.state_size", T_U32, 1025, "key qwen35.ssm.state_size"},
    {"qwen35-Q4_0", "qwen35.ssm.state_size", T_U32, 16, "key qwen35.ssm.inner_size"},
    {"qwen35-Q4_0", "qwen35.ssm.time_step_rank", T_U32, 3, "key qwen35.ssm.time_step_rank"},
    {"qwen35-Q4_0", "qwen35.ssm.group_count", T_U32, 3, "key qwen35.ssm.group_count"},
    {"qwen35-Q4_0", "qwen35.ssm.group_count", T_U32, 1, "blk.0.attn_qkv.weight"},
    {"qwen35-Q4_0", "qwen35.full_attention_interval", T_U32, 0, "key qwen35.full_attention_interval"},
    {"qwen35-Q4_0", "qwen35.nextn_predict_layers", T_U32, 6, "key qwen35.nextn_predict_layers"},
    {"mamba2-Q4_0", "mamba2.ssm.state_size", T_U32, 31, "blk.0.ssm_in.weight"},
    {"mamba2-Q4_0", "mamba2.ssm.group_count", T_U32, 0, "key mamba2.ssm.group_count"},
    {"mamba2-Q4_0", "mamba2.ssm.inner_size", DEL, 0, "mamba2.ssm.inner_size is missing"},
    {"gemma4-Q4_0", "gemma4.attention.shared_kv_layers", T_U32, 6, "key gemma4.attention.shared_kv_layers"},
    {"gemma4-Q4_0", "gemma4.attention.shared_kv_layers", T_U32, 5, "no layer of its kind"},
    {"gemma4-Q4_0", "gemma4.attention.key_length_swa", T_U32, 33, "gemma4.attention.value_length_swa"},
    {"gemma4-Q4_0", "gemma4.rope.dimension_count_swa", T_U32, 34, "key gemma4.rope.dimension_count_swa"},
    {"gemma4-Q4_0", "gemma4.embedding_length_per_layer_input", T_U32, 31, "per_layer_token_embd.weight"},
    {"gemma4-Q4_0", "gemma4.embedding_length_per_layer_input", T_U32, 1u << 30, "embedding_length_per_layer_input"},
    {"bert-Q4_0", "bert.attention.layer_norm_epsilon", DEL, 0, "bert.attention.layer_norm_epsilon is missing"},
    {"bert-Q4_0", "bert.attention.layer_norm_epsilon", T_F32, 0, "key bert.attention.layer_norm_epsilon"},
    {"bert-Q4_0", "bert.attention.layer_norm_epsilon", T_F32, 0x7fc00000, "key bert.attention.layer_norm_epsilon"},
    {"bert-Q4_0", "bert.attention.causal", T_BOOL, 1, "not supported"},
    {"bert-Q4_0", "bert.attention.causal", T_U32, 1, "key bert.attention.causal"},
    {"llama-Q4_0", "llama.attention.causal", T_BOOL, 0, "only bert and nomic-bert"},
    {"llama-Q4_0", "llama.attention.layer_norm_rms_epsilon", DEL, 0, "layer_norm_rms_epsilon is missing"},
    {"llama-Q4_0", "llama.pooling_type", T_U32, 5, "key llama.pooling_type"},
    {"bert-Q4_0", "bert.pooling_type", T_U32, 5, "key bert.pooling_type"},
    {"bert-Q4_0", "bert.pooling_type", T_I32, (uint64_t)-1, "key bert.pooling_type"},
    {"bert-Q4_0", "bert.context_length", T_U32, 255, "position_embd.weight"},
    {"bert-Q4_0", "bert.context_length", T_U32, 0, "key bert.context_length"},
    {"bert-Q4_0", "bert.context_length", T_U64, 1ull << 40, "position_embd.weight"},
    {"bert-Q4_0", "bert.attention.head_count", T_U32, 5, "do not divide"},
    {"bert-Q4_0", "bert.attention.head_count", T_U32, 0, "key bert.attention.head_count"},
    {"bert-Q4_0", "bert.embedding_length", T_U32, 0, "key bert.embedding_length"},
    {"bert-Q4_0", "bert.expert_count", T_U32, 8, "not supported"},
    {"bert-Q4_0", "tokenizer.ggml.token_type_count", DEL, 0, "token_type_count"},
    {"bert-Q4_0", "tokenizer.ggml.token_type_count", T_U32, 0, "token_type_count"},
    {"bert-Q4_0", "tokenizer.ggml.token_type_count", T_U32, 3, "token_types.weight"},
    {"nomic-bert-Q4_0", "nomic-bert.rope.dimension_count", T_U32, 26, "key nomic-bert.rope.dimension_count"},
    {"nomic-bert-Q4_0", "nomic-bert.attention.head_count_kv", T_U32, 3, "head_count_kv"},
    {"nomic-bert-Q4_0", "nomic-bert.attention.head_count_kv", T_U32, 2, "blk.0.attn_qkv.weight"},
    {"nomic-bert-Q4_0", "nomic-bert.feed_forward_length", T_U32, 159, "blk.0.ffn_"},
};

/* Suffixes of tensors that files may lack. */
static const char *const optional[] = {".bias", "rope_factors_short.weight", "rope_factors_long.weight", "rope_freqs.weight",
                                       "output.weight", "layer_output_scale.weight", "attn_v.weight",
                                       "token_types.weight", "ffn_down_exps.scale"};

static char path[600];

static void write_doc(struct doc *d)
{
    struct image im;
    image_build(&im, d);
    if (!tiny_write(path, im.b, im.n)) hostile_die("cannot write");
    image_free(&im);
}

/* Open the doc as a file and use it a little. */
static lutra_status try_doc(struct doc *d, lutra_error *err)
{
    lutra_model *m;
    write_doc(d);
    lutra_model_options mo = {.size = sizeof mo, .n_threads = 1};
    lutra_status st = lutra_model_open(&m, path, &mo, err);
    if (st != LUTRA_OK) return st;
    lutra_session *s;
    lutra_session_options so = {.size = sizeof so, .n_ctx = 64, .n_threads = 1};
    static const int32_t ids[] = {1, 2, 3, 4, 5, 6, 7, 8, 9};
    st = lutra_session_open(&s, m, &so, err);
    lutra_model_info info = {.size = sizeof info};
    lutra_model_describe(m, &info);
    if (st == LUTRA_OK && info.encoder) {
        float *v = malloc((size_t)info.n_embd * sizeof *v);
        const lutra_embed_options mean = {.size = sizeof mean, .pooling = LUTRA_POOLING_MEAN};
        CHECK_EQ(lutra_embed(s, ids, 9 < lutra_session_n_ctx(s) ? 9 : 1, &mean, v, (size_t)info.n_embd, err), LUTRA_OK);
        free(v);
        lutra_session_free(s);
    } else if (st == LUTRA_OK) {
        CHECK_EQ(lutra_session_feed(s, ids, 9, err), LUTRA_OK);
        CHECK_EQ(lutra_session_truncate(s, 4, err), LUTRA_OK);
        CHECK_EQ(lutra_session_feed(s, ids, 1, err), LUTRA_OK);
        lutra_session_free(s);
    }
    lutra_model_free(m);
    return st;
}

static void open_doc(struct doc *d, const char *dir, const char *model)
{
    char from[600];
    uint8_t *b;
    snprintf(from, sizeof from, "%s/%s.gguf", dir, model);
    size_t n = tiny_read(from, &b);
    memset(d, 0, sizeof *d);
    doc_parse(d, b, n);
    free(b);
}

static void check_key(const char *dir, size_t i)
{
    struct doc d;
    lutra_error err = {0};
    open_doc(&d, dir, cases[i].model);
    if (cases[i].type == DEL) doc_del(&d, cases[i].key);
    else doc_set_num(&d, cases[i].key, cases[i].type, cases[i].v);
    lutra_status st = try_doc(&d, &err);
    bool ok = (st == LUTRA_EFORMAT || st == LUTRA_EUNSUPPORTED) && strstr(err.msg, cases[i].reason) &&
              strstr(err.msg, "offset");
    if (!ok) printf("  %s %s: %s\n", cases[i].model, cases[i].key, err.msg);
    CHECK(ok);
    doc_free(&d);
}

static bool is_optional(const char *name)
{
    for (size_t i = 0; i < sizeof optional / sizeof optional[0]; i++) {
        size_t n = strlen(name), k = strlen(optional[i]);
        if (n >= k && strcmp(name + n - k, optional[i]) == 0) return true;
    }
    return false;
}

/* Every tensor of layers 0 and 1 and of the whole net, taken away. */
static void check_tensors(const char *dir, const char *model)
{
    struct doc all;
    open_doc(&all, dir, model);
    for (size_t i = 0; i < all.n_t; i++) {
        const char *name = all.t[i].name, *called = name;
        if (strcmp(name, "token_embd_norm.weight") == 0 && strncmp(model, "lfm2", 4) == 0) called = "output_norm.weight"; /* as other families call it */
        if (strcmp(name, "blk.0.ffn_gate_up_exps.weight") == 0) called = "blk.0.ffn_gate_exps.weight"; /* if apart */
        if (strncmp(name, "blk.", 4) == 0 && name[4] > '1') continue;
        struct doc d;
        lutra_error err = {0};
        open_doc(&d, dir, model);
        doc_del_tensor(&d, name);
        lutra_status st = try_doc(&d, &err);
        bool ok = st == LUTRA_OK ? is_optional(name) : st == LUTRA_EFORMAT && strstr(err.msg, called);
        if (!ok) printf("  %s without %s: %s\n", model, name, st ? err.msg : "loads");
        CHECK(ok);
        doc_free(&d);
    }
    doc_free(&all);
}

/* Every number among the keys, far out of range and just beside it. */
static void check_numbers(const char *dir, const char *model)
{
    static const uint64_t values[] = {0, 1, 2, 33, 1u << 16, 1u << 31, UINT32_MAX, 0x7fc00000, 0xff800000};
    struct doc all;
    open_doc(&all, dir, model);
    for (size_t i = 0; i < all.n_kv; i++)
        for (size_t v = 0; v < sizeof values / sizeof values[0]; v++) {
            if (all.kv[i].type != T_U32 && all.kv[i].type != T_F32) continue;
            struct doc d;
            lutra_error err = {0};
            char key[128];
            snprintf(key, sizeof key, "%.*s", (int)all.kv[i].key_len, all.kv[i].key);
            open_doc(&d, dir, model);
            doc_set_num(&d, key, all.kv[i].type, values[v]);
            lutra_status st = try_doc(&d, &err);
            bool ok = st == LUTRA_OK || st == LUTRA_ENOMEM || strstr(err.msg, "offset") || strstr(err.msg, "missing");
            if (!ok) printf("  %s %s = %llu: %s\n", model, key, (unsigned long long)values[v], err.msg);
            CHECK(ok);
            doc_free(&d);
        }
    doc_free(&all);
}

/* What a file recommends for sampling. */
static void check_sampling(const char *dir)
{
    char file[600];
    lutra_model *m;
    lutra_sampling s = {.size = sizeof s};
    snprintf(file, sizeof file, "%s/granite-Q4_0.gguf", dir);
    CHECK_EQ(lutra_model_open(&m, file, NULL, NULL), LUTRA_OK);
    lutra_model_sampling(m, &s);
    CHECK(s.temp == 0.25f && s.top_p == 0.5f && s.min_p == 0.125f && s.repeat_penalty == 1.5f);
    CHECK_EQ(s.top_k, 7);
    CHECK_EQ(s.repeat_last_n, 9);
    lutra_model_free(m);
    snprintf(file, sizeof file, "%s/llama-Q4_0.gguf", dir);
    CHECK_EQ(lutra_model_open(&m, file, NULL, NULL), LUTRA_OK);
    lutra_model_sampling(m, &s);
    CHECK(s.temp == 0.8f && s.top_k == 40);
    lutra_model_free(m);
}

/* Keys that files may lack, and what holds then. */
static void check_defaults(const char *dir)
{
    struct doc d;
    lutra_model *m;
    open_doc(&d, dir, "lfm2moe-Q4_0");
    doc_del(&d, "lfm2moe.expert_gating_func");
    write_doc(&d);
    doc_free(&d);
    CHECK_EQ(lutra_model_open(&m, path, NULL, NULL), LUTRA_OK);
    CHECK_EQ(m->net->config.routing, LUTRA_ROUTE_SIGMOID);
    lutra_model_free(m);
}

/* A reranker loads; its scores are not what lutra_embed makes, its vectors are. */
static void check_reranker(const char *dir)
{
    static const int32_t ids[] = {2, 9, 11, 3};
    static float v[96];
    struct doc d;
    lutra_model *m;
    lutra_session *s;
    lutra_error err = {0};
    lutra_model_info info = {.size = sizeof info};
    lutra_embed_options o = {.size = sizeof o};
    open_doc(&d, dir, "bert-Q4_0");
    doc_set_num(&d, "bert.pooling_type", T_U32, 4);
    write_doc(&d);
    doc_free(&d);
    CHECK_EQ(lutra_model_open(&m, path, NULL, &err), LUTRA_OK);
    CHECK_EQ(lutra_session_open(&s, m, NULL, &err), LUTRA_OK);
    CHECK_EQ(lutra_model_describe(m, &info), LUTRA_OK);
    CHECK_EQ(info.pooling, LUTRA_POOLING_RANK);
    CHECK_EQ(lutra_embed(s, ids, 4, &o, v, 96, &err), LUTRA_EUNSUPPORTED);
    CHECK(strstr(err.msg, "reranker") != NULL);
    o.pooling = LUTRA_POOLING_CLS;
    CHECK_EQ(lutra_embed(s, ids, 4, &o, v, 96, &err), LUTRA_OK);
    lutra_session_free(s);
    lutra_model_free(m);
}

/* A name that is not known names the one that is meant. */
static void check_names(void)
{
    static const char *const pairs[][2] = {
        {"gpt_oss", "gpt-oss"},  {"gptoss", "gpt-oss"},        {"qwen2.5", "qwen2"},         {"qwen-3", "qwen3"},
        {"smollm", "smollm3"},   {"gemma3_text", "gemma3"},    {"mistral", "mistral3"},      {"Llama", "llama"},
        {"lfm-2moe", "lfm2moe"}, {"bitnet_b1.58", "bitnet-b1.58"}, {"bitnet_25", "bitnet-25"}, {"phi-3", "phi3"}};
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
        const char *near = lutra_arch_nearest(pairs[i][0]);
        CHECK_STR(near ? near : "none", pairs[i][1]);
    }
    CHECK(lutra_arch_nearest("rwkv7-and-more") == NULL && lutra_arch_nearest("deepseek2") == NULL);
    CHECK(lutra_arch_nearest("t5encoder-of-old") == NULL);
}

int main(int argc, char **argv)
{
    const char *dir = argc > 1 && argv[1][0] != '-' ? argv[1] : "build/tiny";
    check_init(argc, argv, "test_families_bad");
    snprintf(path, sizeof path, "%s/bad.gguf", check_tmp());
    CHECK_CASE("names") check_names();
    CHECK_CASE("keys") for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) check_key(dir, i);
    for (size_t i = 0; i < sizeof models / sizeof models[0]; i++) CHECK_CASE(models[i])
    {
        check_tensors(dir, models[i]);
        check_numbers(dir, models[i]);
    }
    CHECK_CASE("defaults") check_defaults(dir);
    CHECK_CASE("reranker") check_reranker(dir);
    CHECK_CASE("sampling") check_sampling(dir);
    return check_done();
}
