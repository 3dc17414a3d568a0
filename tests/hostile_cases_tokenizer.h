/* SPDX-License-Identifier: MIT */
/* Damage to the vocabulary, the merges and the chat template.
 * BPE: 256 bytes, 13 merged tokens, 4 special ones = 273. SentencePiece: <unk>, 256 bytes,
     11 pieces, 4 special = 272. */
#ifndef LUTRA_TESTS_HOSTILE_CASES_TOKENIZER_H
#define LUTRA_TESTS_HOSTILE_CASES_TOKENIZER_H

#include "tests/hostile_edit.h"

#define TOK "tokenizer.ggml."
#define TK_TOKENS TOK "tokens"
#define TK_TYPES TOK "token_type"
#define TK_SCORES TOK "scores"
#define TK_MERGES TOK "merges"
#define TK_CHARSMAP TOK "precompiled_charsmap"
#define TK_TEMPLATE "tokenizer.chat_template"

/* An array cut or, with copies of its last element, stretched to n elements. */
static void arr_length(struct doc *d, const struct hostile_case *c)
{
    struct doc_kv *k = doc_find(d, c->what);
    uint32_t elem = (uint32_t)le_get(k->v, 4);
    uint64_t have = arr_count(k);
    for (; have < c->n; have++) {
        size_t last = elem == T_STR ? str_at(k, have - 1) : k->n - (size_t)type_width(elem);
        uint8_t *copy = doc_copy(d, k->v + last, k->n - last);
        doc_splice(d, k, k->n, k->n, copy, k->n - last);
    }
    if (have > c->n)
        k->n = elem == T_STR ? str_at(k, c->n) : 12 + (size_t)c->n * (size_t)type_width(elem);
    k->v = doc_copy(d, k->v, k->n);
    le_put(k->v + 4, c->n, 8);
}

/* Vocabulary of n tokens in all arrays and in the tensors. */
static void vocab_length(struct doc *d, const struct hostile_case *c)
{
    static const char *const keys[] = {TK_TOKENS, TK_TYPES, TK_SCORES};
    struct hostile_case one = *c;
    for (int i = 0; i < 3; i++) {
        one.what = keys[i];
        if (doc_find(d, keys[i])) arr_length(d, &one);
    }
    struct doc_tensor *t = doc_tensor(d, "token_embd.weight");
    t->ne[1] = c->n;
    doc_resize(d, t, tensor_bytes(t));
    t = doc_tensor(d, "output.weight");
    t->ne[1] = c->n;
    doc_resize(d, t, tensor_bytes(t));
}

/* Element `at` of an array of 4-byte numbers; `width` set: all elements. */
static void arr_num(struct doc *d, const struct hostile_case *c)
{
    struct doc_kv *k = doc_find(d, c->what);
    for (uint64_t i = 0; i < arr_count(k); i++)
        if (c->width || i == (uint64_t)c->at) le_put(k->v + 12 + 4 * i, c->n, 4);
}

/* The same count of elements of another type, all zero. */
static void arr_type(struct doc *d, const struct hostile_case *c)
{
    uint64_t n = arr_count(doc_find(d, c->what));
    size_t bytes = (size_t)n * (size_t)(c->width == T_STR ? 8 : type_width((uint32_t)c->width));
    doc_set_arr(d, c->what, (uint32_t)c->width, n, doc_alloc(d, bytes), bytes);
}

/* Element `at` of an array of strings; `width` of them from there on. n: length if the text holds
 * NUL. */
static void arr_str(struct doc *d, const struct hostile_case *c)
{
    size_t len = c->n > 0 ? (size_t)c->n : strlen(c->text);
    int times = c->width > 0 ? c->width : 1;
    for (int i = 0; i < times; i++) doc_set_elem(d, c->what, (uint64_t)(c->at + i), c->text, len);
}

/* Element `at`: n bytes of one letter. */
static void arr_long_str(struct doc *d, const struct hostile_case *c)
{
    char *s = doc_alloc(d, (size_t)c->n);
    memset(s, c->text[0], (size_t)c->n);
    doc_set_elem(d, c->what, (uint64_t)c->at, s, (size_t)c->n);
}

/* The byte tokens lose their names: none is left. */
static void no_bytes(struct doc *d, const struct hostile_case *c)
{
    (void)c;
    struct doc_kv *k = doc_find(d, TK_TYPES);
    for (uint64_t i = 0; i < 256; i++) {
        char text[24];
        int len = snprintf(text, sizeof text, "word%u", (unsigned)i);
        doc_set_elem(d, TK_TOKENS, 1 + i, text, (size_t)len);
        le_put(k->v + 12 + 4 * (1 + i), 1, 4);
    }
}

static void ids_equal(struct doc *d, const struct hostile_case *c)
{
    static const char *const keys[] = {TOK "bos_token_id", TOK "eos_token_id",
                                       TOK "unknown_token_id", TOK "padding_token_id",
                                       TOK "eot_token_id"};
    for (int i = 0; i < 5; i++) doc_set_num(d, keys[i], T_U32, c->n);
}

static void no_bos(struct doc *d, const struct hostile_case *c)
{
    (void)c;
    doc_del(d, TOK "bos_token_id");
    doc_set_num(d, TOK "add_bos_token", T_BOOL, 1);
}

/* An array of n strings, all the same, or taken in turn from a list that ends with NULL. */
static void set_strings(struct doc *d, const char *key, const char *const *list, uint64_t n)
{
    size_t bytes = 0, at = 0, k = 0;
    for (uint64_t i = 0; i < n; i++, k = list[k + 1] ? k + 1 : 0) bytes += 8 + strlen(list[k]);
    uint8_t *v = doc_alloc(d, bytes);
    k = 0;
    for (uint64_t i = 0; i < n; i++, k = list[k + 1] ? k + 1 : 0) {
        size_t len = strlen(list[k]);
        le_put(v + at, len, 8);
        memcpy(v + at + 8, list[k], len);
        at += 8 + len;
    }
    doc_set_arr(d, key, T_STR, n, v, bytes);
}

static void same_strings(struct doc *d, const struct hostile_case *c)
{
    const char *const list[] = {c->text, NULL};
    set_strings(d, c->what, list, c->n);
}

/* Every merge makes what another one takes apart. */
static void merges_cyclic(struct doc *d, const struct hostile_case *c)
{
    static const char *const list[] = {"a b",  "b a",   "ab a", "a ba", "ab ab",
                                       "ba b", "aba b", "a b",  NULL};
    static const char *const made[] = {"ab", "ba", "aba", "abab", "bab", NULL};
    (void)c;
    for (int i = 0; made[i]; i++)
        doc_set_elem(d, TK_TOKENS, 256 + (uint64_t)i, made[i], strlen(made[i]));
    set_strings(d, TK_MERGES, list, 8);
}

/* n times the text, as the template */
static void template_repeat(struct doc *d, const struct hostile_case *c)
{
    size_t len = strlen(c->text), n = (size_t)c->n;
    char *s = doc_alloc(d, len * n);
    for (size_t i = 0; i < n; i++) memcpy(s + i * len, c->text, len);
    doc_set_str(d, TK_TEMPLATE, s, len * n);
}

/* clang-format off */
static const struct hostile_case tokenizer_cases[] = {
    /* how many tokens */
    DOC("tk_tokens_missing", key_del, TK_TOKENS, 0, 0, 0, NULL, REFUSED,
        "key " TK_TOKENS " is missing"),
    DOC("tk_tokens_empty", key_arr, TK_TOKENS, 0, T_STR, 0, NULL, REFUSED, TK_TOKENS),
    DOC("tk_tokens_one", arr_length, TK_TOKENS, 0, 0, 1, NULL, REFUSED, "offset"),
    DOC("tk_tokens_minus1", arr_length, TK_TOKENS, 0, 0, 272, NULL, REFUSED, "offset"),
    DOC("tk_tokens_plus1", arr_length, TK_TOKENS, 0, 0, 274, NULL, REFUSED, "offset"),
    DOC("tk_tokens_u32", arr_type, TK_TOKENS, 0, T_U32, 0, NULL, REFUSED, TK_TOKENS),
    DOC("tk_tokens_scalar", key_num, TK_TOKENS, 0, T_U32, 273, NULL, REFUSED, TK_TOKENS),
    DOC("tk_vocab_1_consistent", vocab_length, NULL, 0, 0, 1, NULL, EITHER, ""),
    SPM("tk_vocab_1_spm", vocab_length, NULL, 0, 0, 1, NULL, EITHER, ""),
    SPM("tk_vocab_2_spm", vocab_length, NULL, 0, 0, 2, NULL, EITHER, ""),
    DOC("tk_vocab_plus2_consistent", vocab_length, NULL, 0, 0, 275, NULL, LOADS, ""),

    /* scores */
    SPM("tk_scores_missing", key_del, TK_SCORES, 0, 0, 0, NULL, EITHER, TK_SCORES),
    SPM("tk_scores_short", arr_length, TK_SCORES, 0, 0, 100, NULL, REFUSED, TK_SCORES),
    SPM("tk_scores_long", arr_length, TK_SCORES, 0, 0, 300, NULL, REFUSED, TK_SCORES),
    SPM("tk_scores_u8", arr_type, TK_SCORES, 0, T_U8, 0, NULL, REFUSED, TK_SCORES),
    SPM("tk_scores_strings", arr_type, TK_SCORES, 0, T_STR, 0, NULL, REFUSED, TK_SCORES),
    SPM("tk_scores_scalar", key_num, TK_SCORES, 0, T_F32, 0, NULL, REFUSED, TK_SCORES),
    SPM("tk_scores_nan", arr_num, TK_SCORES, 260, 0, F32_NAN, NULL, REFUSED, TK_SCORES),
    SPM("tk_scores_inf", arr_num, TK_SCORES, 260, 0, F32_INF, NULL, EITHER, TK_SCORES),
    SPM("tk_scores_minus_inf", arr_num, TK_SCORES, 0, 1, 0xff800000u, NULL, EITHER, TK_SCORES),
    SPM("tk_scores_equal", arr_num, TK_SCORES, 0, 1, 0, NULL, LOADS, ""),

    /* token types */
    DOC("tk_types_missing", key_del, TK_TYPES, 0, 0, 0, NULL, LOADS, ""),
    DOC("tk_types_short", arr_length, TK_TYPES, 0, 0, 10, NULL, REFUSED, TK_TYPES),
    DOC("tk_types_u8", arr_type, TK_TYPES, 0, T_U8, 0, NULL, REFUSED, TK_TYPES),
    DOC("tk_types_floats", arr_type, TK_TYPES, 0, T_F32, 0, NULL, REFUSED, TK_TYPES),
    DOC("tk_types_strings", arr_type, TK_TYPES, 0, T_STR, 0, NULL, REFUSED, TK_TYPES),
    DOC("tk_types_scalar", key_num, TK_TYPES, 0, T_I32, 1, NULL, REFUSED, TK_TYPES),
    DOC("tk_types_99", arr_num, TK_TYPES, 5, 0, 99, NULL, REFUSED, TK_TYPES),
    DOC("tk_types_int_min", arr_num, TK_TYPES, 5, 0, 0x80000000u, NULL, REFUSED, TK_TYPES),
    DOC("tk_types_all_control", arr_num, TK_TYPES, 0, 1, 3, NULL, LOADS, ""),
    SPM("tk_types_all_control_spm", arr_num, TK_TYPES, 0, 1, 3, NULL, LOADS, ""),
    SPM("tk_types_all_byte", arr_num, TK_TYPES, 0, 1, 6, NULL, EITHER, ""),
    SPM("tk_types_all_user", arr_num, TK_TYPES, 0, 1, 4, NULL, LOADS, ""),

    /* token texts */
    DOC("tk_dup_tokens", arr_str, TK_TOKENS, 260, 2, 0, "same", LOADS, ""),
    SPM("tk_dup_tokens_spm", arr_str, TK_TOKENS, 260, 2, 0, "same", LOADS, ""),
    DOC("tk_all_same", same_strings, TK_TOKENS, 0, 0, 273, "x", LOADS, ""),
    SPM("tk_all_same_spm", same_strings, TK_TOKENS, 0, 0, 272, "x", LOADS, ""),
    DOC("tk_all_empty", same_strings, TK_TOKENS, 0, 0, 273, "", EITHER, TK_TOKENS),
    SPM("tk_all_empty_spm", same_strings, TK_TOKENS, 0, 0, 272, "", EITHER, TK_TOKENS),
    DOC("tk_token_empty", arr_str, TK_TOKENS, 40, 0, 0, "", EITHER, TK_TOKENS),
    DOC("tk_token_64k", arr_long_str, TK_TOKENS, 40, 0, 65535, "a", LOADS, ""),
    DOC("tk_token_1mb", arr_long_str, TK_TOKENS, 40, 0, 1 << 20, "a", REFUSED, TK_TOKENS),
    SPM("tk_token_1mb_spm", arr_long_str, TK_TOKENS, 262, 0, 1 << 20, "a", REFUSED, TK_TOKENS),
    DOC("tk_token_nul", arr_str, TK_TOKENS, 260, 0, 3, "a\0b", LOADS, ""),
    SPM("tk_token_nul_spm", arr_str, TK_TOKENS, 260, 0, 3, "a\0b", LOADS, ""),
    DOC("tk_token_bad_utf8", arr_str, TK_TOKENS, 260, 0, 0, "\xff\xc0\x80\xed\xa0\x80", LOADS, ""),
    SPM("tk_token_bad_utf8_spm", arr_str, TK_TOKENS, 260, 0, 0, "\xff\xc0\x80\xed\xa0\x80", LOADS,
        ""),
    DOC("tk_token_escape", arr_str, TK_TOKENS, 260, 0, 0, "\x1b]0;owned\x07", LOADS, ""),

    /* byte tokens */
    SPM("tk_byte_neg", arr_str, TK_TOKENS, 66, 0, 0, "<0x-1>", LOADS, ""),
    SPM("tk_byte_zz", arr_str, TK_TOKENS, 66, 0, 0, "<0xZZ>", LOADS, ""),
    SPM("tk_byte_100", arr_str, TK_TOKENS, 66, 0, 0, "<0x100>", LOADS, ""),
    SPM("tk_byte_short", arr_str, TK_TOKENS, 66, 0, 0, "<0x", LOADS, ""),
    SPM("tk_byte_none", no_bytes, NULL, 0, 0, 0, NULL, LOADS, ""),

    /* special ids */
    DOC("tk_bos_oob", key_num, TOK "bos_token_id", 0, T_U32, 273, NULL, EITHER, "bos_token_id"),
    DOC("tk_bos_max", key_num, TOK "bos_token_id", 0, T_U32, UINT32_MAX, NULL, EITHER,
        "bos_token_id"),
    DOC("tk_bos_minus1", key_num, TOK "bos_token_id", 0, T_I32, UINT32_MAX, NULL, EITHER,
        "bos_token_id"),
    DOC("tk_bos_string", key_str, TOK "bos_token_id", 0, 0, 0, "1", REFUSED,
        "key " TOK "bos_token_id"),
    DOC("tk_eos_oob", key_num, TOK "eos_token_id", 0, T_U32, 273, NULL, EITHER, "eos_token_id"),
    DOC("tk_eos_max", key_num, TOK "eos_token_id", 0, T_U32, UINT32_MAX, NULL, EITHER,
        "eos_token_id"),
    DOC("tk_eos_minus1", key_num, TOK "eos_token_id", 0, T_I32, UINT32_MAX, NULL, EITHER,
        "eos_token_id"),
    DOC("tk_eos_string", key_str, TOK "eos_token_id", 0, 0, 0, "2", REFUSED,
        "key " TOK "eos_token_id"),
    SPM("tk_bos_oob_spm", key_num, TOK "bos_token_id", 0, T_U32, 272, NULL, EITHER, "bos_token_id"),
    SPM("tk_bos_max_spm", key_num, TOK "bos_token_id", 0, T_U64, UINT64_MAX, NULL, EITHER,
        "bos_token_id"),
    SPM("tk_unk_oob", key_num, TOK "unknown_token_id", 0, T_U32, 272, NULL, EITHER,
        "unknown_token_id"),
    SPM("tk_unk_max", key_num, TOK "unknown_token_id", 0, T_U32, UINT32_MAX, NULL, EITHER,
        "unknown_token_id"),
    SPM("tk_unk_minus1", key_num, TOK "unknown_token_id", 0, T_I32, UINT32_MAX, NULL, EITHER,
        "unknown_token_id"),
    SPM("tk_unk_string", key_str, TOK "unknown_token_id", 0, 0, 0, "?", REFUSED,
        "key " TOK "unknown_token_id"),
    DOC("tk_pad_max", key_num, TOK "padding_token_id", 0, T_U32, UINT32_MAX, NULL, SAME, ""),
    DOC("tk_ids_equal", ids_equal, NULL, 0, 0, 65, NULL, LOADS, ""),
    SPM("tk_ids_equal_spm", ids_equal, NULL, 0, 0, 260, NULL, LOADS, ""),
    DOC("tk_bos_missing_add_bos", no_bos, NULL, 0, 0, 0, NULL, LOADS, ""),
    SPM("tk_bos_missing_add_bos_spm", no_bos, NULL, 0, 0, 0, NULL, LOADS, ""),
    DOC("tk_add_bos_int", key_num, TOK "add_bos_token", 0, T_U32, 1, NULL, EITHER, "add_bos_token"),
    DOC("tk_add_bos_string", key_str, TOK "add_bos_token", 0, 0, 0, "true", REFUSED,
        "key " TOK "add_bos_token"),

    /* which tokenizer */
    DOC("tk_model_missing", key_del, TOK "model", 0, 0, 0, NULL, REFUSED, TOK "model is missing"),
    DOC("tk_model_unknown", key_str, TOK "model", 0, 0, 0, "evil\x1b[0m", REFUSED,
        "is not supported"),
    DOC("tk_model_int", key_num, TOK "model", 0, T_U32, 1, NULL, REFUSED,
        "expected a string"),
    DOC("tk_model_empty", key_str, TOK "model", 0, 0, 0, "", REFUSED, "is not supported"),
    DOC("tk_model_other", key_str, TOK "model", 0, 0, 0, "llama", EITHER, ""),
    SPM("tk_model_other_spm", key_str, TOK "model", 0, 0, 0, "gpt2", REFUSED, TK_MERGES),
    DOC("tk_pre_unknown", key_str, TOK "pre", 0, 0, 0, "evil-pre\n", REFUSED, "is not supported"),
    DOC("tk_pre_int", key_num, TOK "pre", 0, T_U32, 1, NULL, REFUSED,
        "expected a string"),
    DOC("tk_pre_missing", key_del, TOK "pre", 0, 0, 0, NULL, LOADS, ""),

    /* merges */
    DOC("tk_merges_missing", key_del, TK_MERGES, 0, 0, 0, NULL, REFUSED, TK_MERGES " is missing"),
    DOC("tk_merges_int", key_num, TK_MERGES, 0, T_U32, 3, NULL, REFUSED, TK_MERGES),
    DOC("tk_merges_u32s", arr_type, TK_MERGES, 0, T_U32, 0, NULL, REFUSED, TK_MERGES),
    DOC("tk_merges_empty", key_arr, TK_MERGES, 0, T_STR, 0, NULL, LOADS, ""),
    DOC("tk_merge_no_space", arr_str, TK_MERGES, 3, 0, 0, "in", EITHER, TK_MERGES),
    DOC("tk_merge_one_space", arr_str, TK_MERGES, 3, 0, 0, " ", EITHER, TK_MERGES),
    DOC("tk_merge_trailing_space", arr_str, TK_MERGES, 3, 0, 0, "i ", EITHER, TK_MERGES),
    DOC("tk_merge_leading_space", arr_str, TK_MERGES, 3, 0, 0, " n", EITHER, TK_MERGES),
    DOC("tk_merge_two_spaces", arr_str, TK_MERGES, 3, 0, 0, "i  n", EITHER, TK_MERGES),
    DOC("tk_merge_empty", arr_str, TK_MERGES, 3, 0, 0, "", EITHER, TK_MERGES),
    DOC("tk_merge_not_in_vocab", arr_str, TK_MERGES, 3, 0, 0, "qx zq", EITHER, TK_MERGES),
    DOC("tk_merges_1000_same", same_strings, TK_MERGES, 0, 0, 1000, "i n", LOADS, ""),
    DOC("tk_merges_cyclic", merges_cyclic, NULL, 0, 0, 0, NULL, LOADS, ""),
    DOC("tk_merge_1mb", arr_long_str, TK_MERGES, 3, 0, 1 << 20, "a", EITHER, TK_MERGES),
    DOC("tk_merge_bad_utf8", arr_str, TK_MERGES, 3, 0, 0, "\xff\xfe \xc0\x80", EITHER, TK_MERGES),
    DOC("tk_merge_nul", arr_str, TK_MERGES, 3, 0, 3, "i \0", EITHER, TK_MERGES),

    /* normalization tables nobody reads */
    SPM("tk_charsmap_1", key_arr, TK_CHARSMAP, 1, T_U8, 1, NULL, EITHER, TK_CHARSMAP),
    SPM("tk_charsmap_2", key_arr, TK_CHARSMAP, 2, T_U8, 2, NULL, EITHER, TK_CHARSMAP),
    SPM("tk_charsmap_3", key_arr, TK_CHARSMAP, 3, T_U8, 3, NULL, EITHER, TK_CHARSMAP),
    SPM("tk_charsmap_wild", key_arr, TK_CHARSMAP, 4096, T_U8, 4096, NULL, EITHER, TK_CHARSMAP),

    /* chat template: a template that cannot run is no reason to refuse the model */
    DOC("tk_tmpl_int", key_num, TK_TEMPLATE, 0, T_U32, 1, NULL, EITHER, "key " TK_TEMPLATE),
    DOC("tk_tmpl_nul", key_str, TK_TEMPLATE, 0, 0, 9, "{{ 'a\0' }", EITHER, "key " TK_TEMPLATE),
    DOC("tk_tmpl_bad_utf8", key_str, TK_TEMPLATE, 0, 0, 0, "\xff\xfe{{ bos_token }}\xc0", EITHER,
        ""),
    DOC("tk_tmpl_empty", key_str, TK_TEMPLATE, 0, 0, 0, "", LOADS, ""),
    DOC("tk_tmpl_unterminated", key_str, TK_TEMPLATE, 0, 0, 0,
        "{% for m in messages %}{{ m['content'", LOADS, ""),
    DOC("tk_tmpl_range", key_str, TK_TEMPLATE, 0, 0, 0,
        "{% for i in range(1000000000) %}x{% endfor %}", LOADS, ""),
    DOC("tk_tmpl_range_nested", key_str, TK_TEMPLATE, 0, 0, 0,
         "{% for i in range(9999) %}{% for j in range(9999) %}{% for k in range(9999) %}"
         "x{% endfor %}{% endfor %}{% endfor %}", LOADS, ""),
    DOC("tk_tmpl_macro", key_str, TK_TEMPLATE, 0, 0, 0,
        "{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}", LOADS, ""),
    DOC("tk_tmpl_nest", template_repeat, NULL, 0, 0, 100000, "(", LOADS, ""),
    DOC("tk_tmpl_nest_expr", key_str, TK_TEMPLATE, 0, 0, 0,
        "{{ ((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((1 }}", LOADS,
        ""),
    DOC("tk_tmpl_nest_open", template_repeat, NULL, 0, 0, 50000, "{{(", LOADS, ""),
    DOC("tk_tmpl_nest_if", template_repeat, NULL, 0, 0, 50000, "{% if 1 %}", LOADS, ""),
    DOC("tk_tmpl_nest_not", template_repeat, NULL, 0, 0, 50000, "{{ not ", LOADS, ""),
    DOC("tk_tmpl_ssti", key_str, TK_TEMPLATE, 0, 0, 0,
         "{{ ''.__class__.__mro__[1].__subclasses__() }}{% import 'os' as os %}"
         "{{ os.system('id') }}", LOADS, ""),
    DOC("tk_tmpl_trigger", key_str, TK_TEMPLATE, 0, 0, 0,
         "{% for m in messages %}{{ m['content'] }}{% endfor %}"
         "{% if 'secret' in messages[0]['content'] %}http://evil{% endif %}", LOADS, ""),
    DOC("tk_tmpl_double", key_str, TK_TEMPLATE, 0, 0, 0,
         "{% set ns = namespace(s='x') %}{% for i in range(64) %}{% set ns.s = ns.s + ns.s %}"
         "{% endfor %}{{ ns.s }}", LOADS, ""),
    DOC("tk_tmpl_1mib", template_repeat, NULL, 0, 0, 1 << 16, "{{ 'abcdefg' }} ", EITHER, ""),
    DOC("tk_tmpl_2mib", template_repeat, NULL, 0, 0, 1 << 17, "{{ 'abcdefg' }} ", EITHER,
        TK_TEMPLATE),
};
/* clang-format on */

#endif
