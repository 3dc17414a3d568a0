/* SPDX-License-Identifier: MIT */
/* Hyper-parameters out of range, of the wrong type,
    or in conflict with each other and with the tensors.
 * The model: embedding 64, feed-forward 96, 4 heads of 16, 2 of them for keys and values, 2 layers,
     context 128. */
#ifndef LUTRA_TESTS_HOSTILE_CASES_HPARAM_H
#define LUTRA_TESTS_HOSTILE_CASES_HPARAM_H

#include "tests/hostile_edit.h"

#define HEADS "llama.attention.head_count"
#define HEADS_KV "llama.attention.head_count_kv"
#define LAYERS "llama.block_count"
#define WIDTH "llama.embedding_length"
#define FF "llama.feed_forward_length"
#define CTX "llama.context_length"
#define ROT "llama.rope.dimension_count"
#define BASE "llama.rope.freq_base"
#define SCALING "llama.rope.scaling.type"
#define FACTOR "llama.rope.scaling.factor"
#define EPS "llama.attention.layer_norm_rms_epsilon"
#define K_LEN "llama.attention.key_length"
#define V_LEN "llama.attention.value_length"

/* rope.scaling.type linear with the factor whose bits are n */
static void rope_factor(struct doc *d, const struct hostile_case *c)
{
    doc_set_str(d, SCALING, "linear", 6);
    doc_set_num(d, FACTOR, T_F32, c->n);
}

/* Per-layer array of two values: n and at. */
static void heads_differ(struct doc *d, const struct hostile_case *c)
{
    uint8_t v[8];
    le_put(v, c->n, 4);
    le_put(v + 4, (uint64_t)c->at, 4);
    doc_set_arr(d, c->what, T_U32, 2, v, 8);
}

/* n heads and an embedding of `at`, which alone say how long a head is */
static void implied_heads(struct doc *d, const struct hostile_case *c)
{
    doc_del(d, K_LEN);
    doc_del(d, V_LEN);
    doc_del(d, ROT);
    doc_set_num(d, HEADS, T_U32, c->n);
    doc_set_num(d, HEADS_KV, T_U32, 1);
    doc_set_num(d, WIDTH, T_U32, (uint64_t)c->at);
}

/* clang-format off */
static const struct hostile_case hparam_cases[] = {
    DOC("hp_n_head_0", key_num, HEADS, 0, T_U32, 0, NULL, REFUSED, "key " HEADS),
    DOC("hp_n_head_3", key_num, HEADS, 0, T_U32, 3, NULL, REFUSED, "head_count"),
    DOC("hp_n_head_2_31", key_num, HEADS, 0, T_U32, 1u << 31, NULL, REFUSED, "key " HEADS),
    DOC("hp_n_head_float", key_num, HEADS, 0, T_F32, 0x40800000, NULL, REFUSED, "key " HEADS),
    DOC("hp_n_head_string", key_str, HEADS, 0, 0, 0, "4", REFUSED, "key " HEADS),
    DOC("hp_n_head_minus4", key_num, HEADS, 0, T_I32, (uint64_t)-4, NULL, REFUSED, "key " HEADS),
    DOC("hp_n_head_bool", key_num, HEADS, 0, T_BOOL, 1, NULL, REFUSED, "key " HEADS),
    DOC("hp_n_head_array_empty", key_arr, HEADS, 0, T_U32, 0, NULL, REFUSED, "key " HEADS),
    DOC("hp_n_head_array_short", key_arr_one, HEADS, 0, 0, 4, NULL, REFUSED, "key " HEADS),
    DOC("hp_n_head_array_zero", heads_differ, HEADS, 0, 0, 4, NULL, REFUSED, "key " HEADS),
    DOC("hp_n_head_array_differs", heads_differ, HEADS, 2, 0, 4, NULL, REFUSED,
        "tensor blk.1.attn_q.weight"),
    DOC("hp_n_head_array_floats", key_arr, HEADS, 8, T_F32, 2, NULL, REFUSED, "key " HEADS),
    DOC("hp_n_head_array_good", heads_differ, HEADS, 4, 0, 4, NULL, SAME, ""),
    DOC("hp_n_head_kv_0", key_num, HEADS_KV, 0, T_U32, 0, NULL, REFUSED, "key " HEADS_KV),
    DOC("hp_n_head_kv_3", key_num, HEADS_KV, 0, T_U32, 3, NULL, REFUSED, "key " HEADS_KV),
    DOC("hp_n_head_kv_gt", key_num, HEADS_KV, 0, T_U32, 8, NULL, REFUSED, "key " HEADS_KV),
    DOC("hp_n_head_kv_trunc", key_num, HEADS_KV, 0, T_U64, (1ull << 32) + 2, NULL, REFUSED,
        "key " HEADS_KV),
    DOC("hp_n_head_kv_4", key_num, HEADS_KV, 0, T_U32, 4, NULL, REFUSED, "expected [64,64]"),
    DOC("hp_block_count_0", key_num, LAYERS, 0, T_U32, 0, NULL, REFUSED, "key " LAYERS),
    DOC("hp_block_count_1", key_num, LAYERS, 0, T_U32, 1, NULL, LOADS, ""),
    DOC("hp_block_count_plus1", key_num, LAYERS, 0, T_U32, 3, NULL, REFUSED, "tensor blk.2."),
    DOC("hp_block_count_513", key_num, LAYERS, 0, T_U32, 513, NULL, REFUSED, "tensor blk.2."),
    DOC("hp_block_count_max", key_num, LAYERS, 0, T_U32, UINT32_MAX, NULL, REFUSED, "key " LAYERS),
    DOC("hp_block_count_minus1", key_num, LAYERS, 0, T_I32, UINT32_MAX, NULL, REFUSED,
        "key " LAYERS),
    DOC("hp_block_count_string", key_str, LAYERS, 0, 0, 0, "2", REFUSED, "key " LAYERS),
    DOC("hp_block_count_trunc", key_num, LAYERS, 0, T_U64, (1ull << 32) + 2, NULL, REFUSED,
        "key " LAYERS),
    DOC("hp_embd_0", key_num, WIDTH, 0, T_U32, 0, NULL, REFUSED, "key " WIDTH),
    DOC("hp_embd_63", key_num, WIDTH, 0, T_U32, 63, NULL, REFUSED, "expected [63"),
    DOC("hp_embd_2_31", key_num, WIDTH, 0, T_U32, 1u << 31, NULL, REFUSED, "key " WIDTH),
    DOC("hp_embd_minus64", key_num, WIDTH, 0, T_I64, (uint64_t)-64, NULL, REFUSED, "key " WIDTH),
    DOC("hp_embd_string", key_str, WIDTH, 0, 0, 0, "64", REFUSED, "key " WIDTH),
    DOC("hp_ff_0", key_num, FF, 0, T_U32, 0, NULL, REFUSED, "key " FF),
    DOC("hp_ff_95", key_num, FF, 0, T_U32, 95, NULL, REFUSED, "expected [64,95]"),
    DOC("hp_ff_max", key_num, FF, 0, T_U32, UINT32_MAX, NULL, REFUSED, "key " FF),
    DOC("hp_ff_largest", key_num, FF, 0, T_U32, 1u << 20, NULL, REFUSED, "expected [64,1048576]"),
    DOC("hp_ctx_0", key_num, CTX, 0, T_U32, 0, NULL, REFUSED, "key " CTX),
    DOC("hp_ctx_1", key_num, CTX, 0, T_U32, 1, NULL, LOADS, ""),
    DOC("hp_ctx_minus1", key_num, CTX, 0, T_I32, UINT32_MAX, NULL, REFUSED, "key " CTX),
    DOC("hp_ctx_string", key_str, CTX, 0, 0, 0, "128", REFUSED, "key " CTX),
    DOC("hp_ctx_max", key_num, CTX, 0, T_U32, UINT32_MAX, NULL, LOADS, ""),
    DOC("hp_ctx_max_u64", key_num, CTX, 0, T_U64, UINT64_MAX, NULL, EITHER, "key " CTX),
    DOC("hp_rope_dim_0", key_num, ROT, 0, T_U32, 0, NULL, REFUSED, "key " ROT),
    DOC("hp_rope_dim_15", key_num, ROT, 0, T_U32, 15, NULL, REFUSED, "key " ROT),
    DOC("hp_rope_dim_32", key_num, ROT, 0, T_U32, 32, NULL, REFUSED, "key " ROT),
    DOC("hp_rope_dim_2_31", key_num, ROT, 0, T_U32, 1u << 31, NULL, REFUSED, "key " ROT),
    DOC("hp_rope_base_0", key_num, BASE, 0, T_F32, 0, NULL, REFUSED, "key " BASE),
    DOC("hp_rope_base_minus1", key_num, BASE, 0, T_F32, F32_MINUS_ONE, NULL, REFUSED, "key " BASE),
    DOC("hp_rope_base_nan", key_num, BASE, 0, T_F32, F32_NAN, NULL, REFUSED, "key " BASE),
    DOC("hp_rope_base_inf", key_num, BASE, 0, T_F32, F32_INF, NULL, REFUSED, "key " BASE),
    DOC("hp_rope_base_u32", key_num, BASE, 0, T_U32, 10000, NULL, EITHER, "key " BASE),
    DOC("hp_rope_base_1e300", key_num, BASE, 0, T_F64, 0x7e37e43c8800759cull, NULL, REFUSED,
        "key " BASE),
    DOC("hp_rope_scale_0", rope_factor, NULL, 0, 0, 0, NULL, REFUSED, "key " FACTOR),
    DOC("hp_rope_scale_nan", rope_factor, NULL, 0, 0, F32_NAN, NULL, REFUSED, "key " FACTOR),
    DOC("hp_rope_scale_minus1", rope_factor, NULL, 0, 0, F32_MINUS_ONE, NULL, REFUSED,
        "key " FACTOR),
    DOC("hp_rope_scale_tiny", rope_factor, NULL, 0, 0, 1, NULL, REFUSED, "key " FACTOR),
    DOC("hp_rope_scale_2", rope_factor, NULL, 0, 0, 0x40000000, NULL, LOADS, ""),
    DOC("hp_rope_scale_type_bad", key_str, SCALING, 0, 0, 0, "evil\x1b[0m", REFUSED,
        "key " SCALING),
    DOC("hp_rope_scale_type_int", key_num, SCALING, 0, T_U32, 1, NULL, REFUSED,
        "expected a string"),
    DOC("hp_eps_0", key_num, EPS, 0, T_F32, 0, NULL, REFUSED, "key " EPS),
    DOC("hp_eps_minus", key_num, EPS, 0, T_F32, 0xb727c5acu, NULL, REFUSED, "key " EPS),
    DOC("hp_eps_nan", key_num, EPS, 0, T_F32, F32_NAN, NULL, REFUSED, "key " EPS),
    DOC("hp_eps_inf", key_num, EPS, 0, T_F32, F32_INF, NULL, REFUSED, "key " EPS),
    DOC("hp_eps_u32", key_num, EPS, 0, T_U32, 1, NULL, REFUSED, "key " EPS),
    DOC("hp_eps_subnormal", key_num, EPS, 0, T_F32, 1, NULL, REFUSED, "key " EPS),
    DOC("hp_key_length_0", key_num, K_LEN, 0, T_U32, 0, NULL, REFUSED, "key " K_LEN),
    DOC("hp_key_length_17", key_num, K_LEN, 0, T_U32, 17, NULL, REFUSED, "offset"),
    DOC("hp_key_length_2_30", key_num, K_LEN, 0, T_U32, 1u << 30, NULL, REFUSED, "key " K_LEN),
    DOC("hp_key_length_minus16", key_num, K_LEN, 0, T_I32, (uint64_t)-16, NULL, REFUSED,
        "key " K_LEN),
    DOC("hp_implied_no_divisor", implied_heads, NULL, 64, 0, 3, NULL, REFUSED,
        "3 heads do not divide embedding_length 64"),
    DOC("hp_implied_too_long", implied_heads, NULL, 2048, 0, 1, NULL, REFUSED,
        "1 heads are too few for embedding_length 2048"),
    DOC("hp_implied_odd", implied_heads, NULL, 63, 0, 1, NULL, REFUSED, "63 is odd"),
    DOC("hp_value_length_8", key_num, V_LEN, 0, T_U32, 8, NULL, REFUSED, "key " V_LEN),
    DOC("hp_value_length_0", key_num, V_LEN, 0, T_U32, 0, NULL, REFUSED, "key " V_LEN),
    DOC("hp_expert_count_8", key_num, "llama.expert_count", 0, T_U32, 8, NULL, REFUSED,
        "key llama.expert_used_count is missing"),
    DOC("hp_expert_count_max", key_num, "llama.expert_count", 0, T_U32, UINT32_MAX, NULL, REFUSED,
        "key llama.expert_count"),
    DOC("hp_expert_count_0", key_num, "llama.expert_count", 0, T_U32, 0, NULL, SAME, ""),
    DOC("hp_expert_used_9", key_num, "llama.expert_used_count", 0, T_U32, 9, NULL, REFUSED, ""),
    DOC("hp_window_max", key_num, "llama.attention.sliding_window", 0, T_U32, UINT32_MAX, NULL,
        EITHER, ""),
    DOC("hp_vocab_size_0", key_num, "llama.vocab_size", 0, T_U32, 0, NULL, EITHER, ""),
    DOC("hp_vocab_size_max", key_num, "llama.vocab_size", 0, T_U32, UINT32_MAX, NULL, EITHER, ""),
    DOC("hp_missing_block_count", key_del, LAYERS, 0, 0, 0, NULL, REFUSED,
        "key " LAYERS " is missing"),
    DOC("hp_missing_embd", key_del, WIDTH, 0, 0, 0, NULL, REFUSED, "key " WIDTH " is missing"),
    DOC("hp_missing_ff", key_del, FF, 0, 0, 0, NULL, REFUSED, "key " FF " is missing"),
    DOC("hp_missing_n_head", key_del, HEADS, 0, 0, 0, NULL, REFUSED, "key " HEADS " is missing"),
    DOC("hp_missing_ctx", key_del, CTX, 0, 0, 0, NULL, REFUSED, "key " CTX " is missing"),
    DOC("hp_missing_eps", key_del, EPS, 0, 0, 0, NULL, REFUSED, "key " EPS " is missing"),
    DOC("hp_missing_n_head_kv", key_del, HEADS_KV, 0, 0, 0, NULL, REFUSED, "expected [64,64]"),
    DOC("hp_missing_rope_dim", key_del, ROT, 0, 0, 0, NULL, SAME, ""),
    DOC("hp_missing_rope_base", key_del, BASE, 0, 0, 0, NULL, SAME, ""),
};
/* clang-format on */

#endif
