/* SPDX-License-Identifier: MIT */
/* Vocabularies that are wrong, odd or hostile: refused with key and offset, or harmless. */
#include "runtime/tok_pretok.h"
#include "runtime/tok_vocab.h"
#include "tests/tok_make.h"

#include <math.h>

static struct tok_spec *spec(void (*fill)(struct tok_spec *))
{
    static struct tok_spec s;
    fill(&s);
    return &s;
}

/* Must be refused with this status, and the message must hold both words. */
static void refused(const struct tok_spec *s, lutra_status want, const char *a, const char *b)
{
    struct lutra_tokenizer *t;
    lutra_error err = {LUTRA_OK, ""};
    CHECK_EQ(tok_try(s, &t, &err), want);
    CHECK(t == NULL);
    CHECK(err.msg[0] != 0);
    if (!strstr(err.msg, a) || !strstr(err.msg, b)) CHECK_STR(err.msg, a);
    lutra_tokenizer_free(t);
}

/* Must load; then any text must encode to valid ids and, if `exact`, come back. */
static void harmless(const struct tok_spec *s, bool exact)
{
    static const char *const texts[] = {"",
                                        "hello world",
                                        "<s></s><unk><|im_start|>",
                                        "\xF0\x9F\x98\x80 \xFF\xFE",
                                        "a\0b",
                                        "<0x41><0x-1>",
                                        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaabbbbbbbbbb"};
    struct lutra_tokenizer *t;
    struct lutra_ids ids = {0};
    lutra_error err = {LUTRA_OK, ""};
    CHECK_EQ(tok_try(s, &t, &err), LUTRA_OK);
    CHECK_STR(err.msg, "");
    for (size_t k = 0; t && k < sizeof texts / sizeof texts[0]; k++) {
        size_t n = k == 4 ? 3 : strlen(texts[k]), m = 0;
        char back[600];
        ids.n = 0;
        CHECK_EQ(lutra_tokenizer_encode(t, texts[k], n, k % 2 ? LUTRA_TOK_ADD_SPECIAL : 0, NULL, 0,
                                        &ids, &err),
                 LUTRA_OK);
        CHECK(ids.n <= n + 2);
        for (size_t i = 0; i < ids.n; i++) {
            CHECK(ids.v[i] >= 0 && ids.v[i] < lutra_tokenizer_n_vocab(t));
            m += lutra_tokenizer_piece(t, ids.v[i], false, m == 0, back + m, sizeof back - m);
        }
        if (exact) CHECK(m == n && memcmp(back, texts[k], n) == 0);
    }
    free(ids.v);
    lutra_tokenizer_free(t);
}

/* ---- keys of wrong type or length ---- */

static const char *bad_key;

static void put_int(struct lutra_gguf_writer *w)
{
    lutra_gguf_put_u32(w, bad_key, 7);
}
static void put_text(struct lutra_gguf_writer *w)
{
    lutra_gguf_put_str(w, bad_key, "7", 1);
}
static void put_none(struct lutra_gguf_writer *w)
{
    lutra_gguf_put_strs(w, bad_key, NULL, NULL, 0);
}
static void put_bytes(struct lutra_gguf_writer *w)
{
    static const uint8_t v[400];
    lutra_gguf_put_array(w, bad_key, LUTRA_GGUF_U8, v, 400);
}
static void put_short(struct lutra_gguf_writer *w)
{
    static const float v[3] = {1, 2, 3};
    lutra_gguf_put_array(w, bad_key, LUTRA_GGUF_F32, v, 3);
}

static void bad(void (*fill)(struct tok_spec *), unsigned omit, const char *key,
                void (*extra)(struct lutra_gguf_writer *))
{
    struct tok_spec *s = spec(fill);
    s->omit = omit;
    s->extra = extra;
    bad_key = key;
    refused(s, LUTRA_EFORMAT, key, extra ? "offset" : "missing");
}

static void test_keys(void)
{
    static void (*const wrong[])(struct lutra_gguf_writer *) = {put_int, put_text, put_none,
                                                                put_bytes, put_short};
    bad(tok_bpe, TOK_MODEL, "tokenizer.ggml.model", NULL);
    bad(tok_bpe, TOK_TOKENS, "tokenizer.ggml.tokens", NULL);
    bad(tok_bpe, TOK_MERGES, "tokenizer.ggml.merges", NULL);
    bad(tok_bpe, TOK_MODEL, "tokenizer.ggml.model", put_int);
    bad(tok_bpe, TOK_PRE, "tokenizer.ggml.pre", put_int);
    for (int i = 0; i < 5; i++) {
        bad(tok_spm, TOK_TOKENS, "tokenizer.ggml.tokens", wrong[i]);
        bad(tok_spm, TOK_SCORES, "tokenizer.ggml.scores", wrong[i]);
        bad(tok_spm, TOK_TYPES, "tokenizer.ggml.token_type", wrong[i]);
        if (wrong[i] != put_none) bad(tok_bpe, TOK_MERGES, "tokenizer.ggml.merges", wrong[i]);
    }
    static const char *const ids[] = {"tokenizer.ggml.bos_token_id", "tokenizer.ggml.eos_token_id",
                                      "tokenizer.ggml.unknown_token_id",
                                      "tokenizer.ggml.add_bos_token",
                                      "tokenizer.ggml.add_space_prefix"};
    for (int i = 0; i < 5; i++) bad(tok_spm, 0, ids[i], put_text);
}

static void test_unsupported(void)
{
    struct tok_spec *s = spec(tok_bpe);
    s->pre = "tek\x1bken";
    refused(s, LUTRA_EUNSUPPORTED, "tek\\x1bken", "qwen2");
    s->pre = "gpt-2";
    s->model = "rwkv";
    refused(s, LUTRA_EUNSUPPORTED, "rwkv", "gpt2");
    s = spec(tok_bpe);
    s->omit = TOK_PRE | TOK_SCORES | TOK_TYPES;
    harmless(s, true);
    s = spec(tok_spm);
    s->pre = "no matter";
    harmless(s, true);
}

/* ---- the other kinds ---- */

static void tok_unigram(struct tok_spec *s)
{
    tok_spm(s);
    s->model = "t5";
}

static void tok_bert(struct tok_spec *s)
{
    tok_spm(s);
    s->model = "bert";
}

static void tok_char(struct tok_spec *s)
{
    tok_spm(s);
    s->model = "gemma4";
    tok_merge(s, "h e");
    tok_merge(s, "\xE2\x96\x81 he");
    tok_merge(s, "nothing");
}

static uint8_t map_bytes[4096];
static uint64_t map_n;

static void put_map(struct lutra_gguf_writer *w)
{
    lutra_gguf_put_array(w, "tokenizer.ggml.precompiled_charsmap", LUTRA_GGUF_U8, map_bytes, map_n);
}

/* Maps of random nodes: a trie may point anywhere. */
static void test_charsmap(void)
{
    struct tok_spec *s = spec(tok_unigram);
    static const char key[] = "precompiled_charsmap";
    s->extra = put_map;
    map_n = 4;
    refused(s, LUTRA_EFORMAT, key, "too short");
    map_n = 64;
    memset(map_bytes, 0xFF, sizeof map_bytes);
    refused(s, LUTRA_EFORMAT, key, "longer");
    memcpy(map_bytes, "\x10\0\0\0", 4);
    refused(s, LUTRA_EFORMAT, key, "no end");
    for (int round = 0; round < 300; round++) {
        uint32_t trie = (uint32_t)check_rand_int(0, 900) * 4;
        map_n = 5 + trie + (uint64_t)check_rand_int(0, 100);
        for (uint64_t i = 0; i < map_n; i++) {
            int c = check_rand_int(0, 255);
            map_bytes[i] = (uint8_t)(i % 4 == 0 && c < 128 ? "helo wrd"[c % 8] : c);
        }
        memcpy(map_bytes, &trie, 4);
        map_bytes[map_n - 1] = 0;
        harmless(s, false);
    }
}

static void test_kinds(void)
{
    void (*const fill[])(struct tok_spec *) = {tok_unigram, tok_bert, tok_char};
    for (int i = 0; i < 3; i++) {
        struct tok_spec *s = spec(fill[i]);
        harmless(s, fill[i] == tok_char);
        s->omit = TOK_TYPES | TOK_SCORES;
        harmless(s, false);
        s = spec(fill[i]);
        for (int k = 0; k < s->n; k++) s->score[k] = k % 3 ? INFINITY : -INFINITY;
        harmless(s, false);
    }
    bad(tok_char, TOK_MERGES, "tokenizer.ggml.merges", NULL);
    bad(tok_unigram, TOK_SCORES, "tokenizer.ggml.scores", put_short);
}

static void test_values(void)
{
    struct tok_spec *s = spec(tok_spm);
    s->score[100] = NAN;
    refused(s, LUTRA_EFORMAT, "tokenizer.ggml.scores", "token 100");
    s->score[100] = INFINITY;
    s->score[101] = -INFINITY;
    harmless(s, true);
    s = spec(tok_spm);
    s->type[5] = 99;
    refused(s, LUTRA_EFORMAT, "tokenizer.ggml.token_type", "token 5");
    s->type[5] = INT32_MIN;
    refused(s, LUTRA_EFORMAT, "tokenizer.ggml.token_type", "token 5");
    for (int i = 0; i < s->n; i++) s->type[i] = LUTRA_ATTR_CONTROL;
    harmless(s, false);
    s = spec(tok_spm);
    for (int i = 0; i < s->n; i++) s->score[i] = 3;
    harmless(s, true);
    s->omit = TOK_TYPES | TOK_SCORES;
    harmless(s, true);
    char *big = calloc(1, 1 << 20);
    memset(big, 'a', 1 << 20);
    s = spec(tok_spm);
    s->token[270] = big;
    s->len[270] = 1 << 20;
    refused(s, LUTRA_EFORMAT, "tokenizer.ggml.tokens", "token 270");
    s->len[270] = 65535;
    harmless(s, true);
    free(big);
}

static void test_texts(void)
{
    struct tok_spec *s = spec(tok_spm); /* names that are no bytes are plain text */
    static const char *const odd[] = {"<0x-1>", "<0xZZ>", "<0x100>",  "<0x",
                                      "",       "<0x4",   "\x1b]0;x", "\xFF\xC3"};
    for (int i = 0; i < 8; i++) tok_add(s, odd[i], i < 6 ? LUTRA_ATTR_BYTE : LUTRA_ATTR_NORMAL, 0);
    harmless(s, true);
    s->token[262] = "a\0b";
    s->len[262] = 3;
    harmless(s, true);
    for (int i = 262; i < s->n; i++) s->token[i] = "dup", s->len[i] = 3;
    harmless(s, true);
    for (int i = 0; i < s->n; i++) s->token[i] = "x", s->len[i] = 1;
    harmless(s, false);
    for (int i = 0; i < s->n; i++) s->len[i] = 0;
    harmless(s, false);
    s = spec(tok_spm);
    s->n = 1;
    harmless(s, false);
    s = spec(tok_spm); /* the first of equal texts has them */
    int twin = tok_add(s, "hell", LUTRA_ATTR_NORMAL, 9);
    struct lutra_tokenizer *t;
    CHECK_EQ(tok_try(s, &t, NULL), LUTRA_OK);
    CHECK(lutra_tokenizer_find(t, "hell", 4) < twin && lutra_tokenizer_find(t, "hell", 4) > 0);
    lutra_tokenizer_free(t);
    s = spec(tok_bpe); /* bytes without a token are left out */
    s->n = 100;
    harmless(s, false);
    s->n = 1;
    harmless(s, false);
}

static void test_merges(void)
{
    struct tok_spec *s = spec(tok_bpe);
    static const char *const odd[] = {"",     "x",         " ",   "a ",        " a",    "  ",
                                      "a  b", "nope nope", "h e", "\xFF \xFE", "a b c", "he he"};
    for (int i = 0; i < 12; i++) tok_merge(s, odd[i]);
    harmless(s, true);
    s = spec(tok_bpe);
    static const char *const made[] = {"ab", "ba", "aba", "aa", "aaaa", "bb"};
    static const char *const cyclic[] = {"a b", "b a", "ab a", "a ba", "aa aa", "a a", "b b"};
    for (int i = 0; i < 6; i++) tok_add(s, made[i], LUTRA_ATTR_NORMAL, 0);
    for (int i = 0; i < 7; i++) tok_merge(s, cyclic[i]);
    harmless(s, true);
    char *big = malloc(1 << 20);
    memset(big, 'a', 1 << 20);
    big[500000] = ' ';
    s->merge[0] = big;
    s->merge_len[0] = 1 << 20;
    harmless(s, true);
    free(big);
    s->n_merges = 0;
    harmless(s, true);
}

/* ---- ids and flags ---- */

static int64_t bos_value;
static void put_bos(struct lutra_gguf_writer *w)
{
    if (bos_value < 0)
        lutra_gguf_put_i32(w, "tokenizer.ggml.bos_token_id", (int32_t)bos_value);
    else
        lutra_gguf_put_u32(w, "tokenizer.ggml.bos_token_id", (uint32_t)bos_value);
    lutra_gguf_put_u32(w, "tokenizer.ggml.padding_token_id", UINT32_MAX);
    lutra_gguf_put_bool(w, "tokenizer.ggml.add_bos_token", true);
    lutra_gguf_put_bool(w, "tokenizer.ggml.add_eos_token", true);
}

static void test_ids(void)
{
    struct lutra_tokenizer *t;
    struct lutra_ids ids = {0};
    struct tok_spec *s = spec(tok_bpe);
    s->extra = put_bos;
    const int64_t out_of_range[] = {s->n, UINT32_MAX, -1, INT32_MIN};
    for (int i = 0; i < 4; i++) { /* no such token: nothing is added */
        bos_value = out_of_range[i];
        CHECK_EQ(tok_try(s, &t, NULL), LUTRA_OK);
        CHECK_EQ(lutra_tokenizer_bos(t), -1);
        CHECK(!lutra_tokenizer_adds_bos(t));
        ids.n = 0;
        CHECK_EQ(lutra_tokenizer_encode(t, "hello", 5, LUTRA_TOK_ADD_SPECIAL, NULL, 0, &ids, NULL),
                 LUTRA_OK);
        CHECK_EQ(ids.n, 1);
        lutra_tokenizer_free(t);
    }
    bos_value = 4;
    CHECK_EQ(tok_try(s, &t, NULL), LUTRA_OK);
    CHECK_EQ(lutra_tokenizer_bos(t), 4);
    CHECK(lutra_tokenizer_adds_bos(t));
    ids.n = 0;
    lutra_tokenizer_encode(t, "hello", 5, LUTRA_TOK_ADD_SPECIAL, NULL, 0, &ids, NULL);
    CHECK_EQ(ids.n, 2);
    CHECK_EQ(ids.v[0], 4);
    lutra_tokenizer_free(t);
    s = spec(tok_bpe); /* defaults of the pre-tokenizers */
    CHECK_EQ(tok_try(s, &t, NULL), LUTRA_OK);
    CHECK(!lutra_tokenizer_adds_bos(t));
    lutra_tokenizer_free(t);
    free(ids.v);
}

/* The list of texts that end an answer, and its exceptions */
static void test_ends(void)
{
    struct lutra_tokenizer *t;
    struct tok_spec *s = spec(tok_bpe);
    int html = tok_add(s, "</s>", LUTRA_ATTR_USER, 0),
        eot = tok_add(s, "<|eot_id|>", LUTRA_ATTR_CONTROL, 0);
    int turn = tok_add(s, "<end_of_turn>", LUTRA_ATTR_USER, 0),
        end = tok_add(s, "<|end|>", LUTRA_ATTR_CONTROL, 0);
    CHECK_EQ(tok_try(s, &t, NULL), LUTRA_OK);
    CHECK(!lutra_tokenizer_is_end(t, html));
    CHECK(lutra_tokenizer_is_end(t, eot) && lutra_tokenizer_is_end(t, turn) &&
          lutra_tokenizer_is_end(t, end));
    lutra_tokenizer_free(t);
    int ret = tok_add(s, "<|return|>", LUTRA_ATTR_CONTROL, 0);
    tok_add(s, "<|call|>", LUTRA_ATTR_CONTROL, 0);
    s->type[html] = LUTRA_ATTR_CONTROL;
    CHECK_EQ(tok_try(s, &t, NULL), LUTRA_OK);
    CHECK(lutra_tokenizer_is_end(t, html) && lutra_tokenizer_is_end(t, ret));
    CHECK(!lutra_tokenizer_is_end(t, end)); /* there it ends a part of the answer only */
    lutra_tokenizer_free(t);
}

/* No key tokenizer.ggml.pre: "default", but for the vocabulary of Llama 3, which is told by its size and one token. */
static void test_guess(void)
{
    enum { N = 128256, BEGIN = 128000, TEXT = 20 };
    char *texts = malloc((size_t)N * TEXT), path[600];
    const char **token = malloc(N * sizeof *token);
    size_t *len = malloc(N * sizeof *len);
    struct tok_spec *bytes = spec(tok_bpe);
    for (int way = 0; way < 4; way++) { /* whole; another token; one token fewer; the key says other */
        struct lutra_gguf_writer *w;
        struct lutra_gguf *g;
        struct lutra_tokenizer *t;
        int n = way == 2 ? N - 1 : N;
        for (int i = 0; i < n; i++) {
            char *text = texts + (size_t)i * TEXT;
            if (i < 256) snprintf(text, TEXT, "%s", bytes->token[i]);
            else if (i == BEGIN && way != 1) snprintf(text, TEXT, "<|begin_of_text|>");
            else snprintf(text, TEXT, "[%d]", i);
            token[i] = text;
            len[i] = strlen(text);
        }
        CHECK_EQ(lutra_gguf_writer_open(&w, NULL), LUTRA_OK);
        lutra_gguf_put_str(w, "general.architecture", "llama", 5);
        lutra_gguf_put_str(w, "tokenizer.ggml.model", "gpt2", 4);
        if (way == 3) lutra_gguf_put_str(w, "tokenizer.ggml.pre", "gpt-2", 5);
        lutra_gguf_put_strs(w, "tokenizer.ggml.tokens", token, len, (uint64_t)n);
        lutra_gguf_put_strs(w, "tokenizer.ggml.merges", bytes->merge, bytes->merge_len, 0);
        snprintf(path, sizeof path, "%s/guess.gguf", check_tmp());
        CHECK_EQ(lutra_gguf_writer_save(w, path, NULL), LUTRA_OK);
        lutra_gguf_writer_close(w);
        CHECK_EQ(lutra_gguf_open(&g, path, NULL), LUTRA_OK);
        CHECK_EQ(lutra_tokenizer_load(&t, g, NULL), LUTRA_OK);
        const char *pre = way == 0 ? "llama-bpe" : way == 3 ? "gpt-2" : "default";
        CHECK(t->pre != NULL && t->pre == lutra_pretok_find(pre, strlen(pre)));
        lutra_tokenizer_free(t);
        lutra_gguf_close(g);
    }
    free(texts);
    free(token);
    free(len);
}

int main(int argc, char **argv)
{
    check_init(argc, argv, "test_tok_load");
    CHECK_CASE("keys") test_keys();
    CHECK_CASE("unsupported") test_unsupported();
    CHECK_CASE("charsmap") test_charsmap();
    CHECK_CASE("kinds") test_kinds();
    CHECK_CASE("values") test_values();
    CHECK_CASE("texts") test_texts();
    CHECK_CASE("merges") test_merges();
    CHECK_CASE("ids") test_ids();
    CHECK_CASE("ends") test_ends();
    CHECK_CASE("guess") test_guess();
    return check_done();
}
