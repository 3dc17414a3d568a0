/* SPDX-License-Identifier: MIT */
/* Small vocabularies made in memory for the tokenizer tests, sound ones and others. */
#ifndef LUTRA_TESTS_TOK_MAKE_H
#define LUTRA_TESTS_TOK_MAKE_H

#include "runtime/tokenizer.h"
#include "runtime/unicode.h"
#include "tests/check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    TOK_MODEL = 1,
    TOK_PRE = 2,
    TOK_TOKENS = 4,
    TOK_TYPES = 8,
    TOK_SCORES = 16,
    TOK_MERGES = 32
};

struct tok_spec {
    const char *model, *pre;
    int n, n_merges;
    char text[400][16];
    const char *token[400], *merge[40];
    size_t len[400], merge_len[40];
    int32_t type[400];
    float score[400];
    unsigned omit;                              /* TOK_*: keys left out */
    void (*extra)(struct lutra_gguf_writer *w); /* puts keys of its own */
};

static inline int tok_add(struct tok_spec *s, const char *text, int type, float score)
{
    snprintf(s->text[s->n], sizeof s->text[0], "%s", text);
    s->token[s->n] = s->text[s->n];
    s->len[s->n] = strlen(text);
    s->type[s->n] = type;
    s->score[s->n] = score;
    return s->n++;
}

static inline void tok_merge(struct tok_spec *s, const char *rule)
{
    s->merge[s->n_merges] = rule;
    s->merge_len[s->n_merges++] = strlen(rule);
}

/* 256 bytes in GPT-2's spelling, a few merges, control and user-defined tokens */
static inline void tok_bpe(struct tok_spec *s)
{
    memset(s, 0, sizeof *s);
    s->model = "gpt2";
    s->pre = "gpt-2";
    for (uint32_t b = 0, k = 0; b < 256; b++) {
        bool self = (b >= 0x21 && b <= 0x7E) || (b >= 0xA1 && b != 0xAD);
        char c[5] = {0};
        lutra_utf8_write(c, self ? b : 256 + k++);
        tok_add(s, c, LUTRA_ATTR_NORMAL, 0);
    }
    static const char *const rules[] = {"h e", "l l", "he ll", "hell o", "\xC4\xA0 w"};
    static const char *const made[] = {"he", "ll", "hell", "hello", "\xC4\xA0w"};
    for (int i = 0; i < 5; i++) {
        tok_add(s, made[i], LUTRA_ATTR_NORMAL, 0);
        tok_merge(s, rules[i]);
    }
    tok_add(s, "<|im_start|>", LUTRA_ATTR_CONTROL, 0);
    tok_add(s, "<|im_end|>", LUTRA_ATTR_CONTROL, 0);
    tok_add(s, "<tool>", LUTRA_ATTR_USER, 0);
    tok_add(s, "<tool>>", LUTRA_ATTR_USER, 0);
}

/* <unk> <s> </s>, 256 byte tokens, a few pieces */
static inline void tok_spm(struct tok_spec *s)
{
    memset(s, 0, sizeof *s);
    s->model = "llama";
    s->pre = "default";
    tok_add(s, "<unk>", LUTRA_ATTR_UNKNOWN, 0);
    tok_add(s, "<s>", LUTRA_ATTR_CONTROL, 0);
    tok_add(s, "</s>", LUTRA_ATTR_CONTROL, 0);
    for (int b = 0; b < 256; b++) {
        char c[8];
        snprintf(c, sizeof c, "<0x%02X>", b);
        tok_add(s, c, LUTRA_ATTR_BYTE, 0);
    }
    static const char *const pieces[] = {
        "he", "\xE2\x96\x81he", "ll", "hell", "\xE2\x96\x81", "h", "e", "l", "o", "<", "s", ">"};
    for (int i = 0; i < 12; i++) tok_add(s, pieces[i], LUTRA_ATTR_NORMAL, (float)-i);
}

static inline lutra_status tok_put(const struct tok_spec *s, struct lutra_gguf_writer *w)
{
    uint64_t n = (uint64_t)s->n;
    lutra_gguf_put_str(w, "general.architecture", "llama", 5);
    if (!(s->omit & TOK_MODEL))
        lutra_gguf_put_str(w, "tokenizer.ggml.model", s->model, strlen(s->model));
    if (!(s->omit & TOK_PRE)) lutra_gguf_put_str(w, "tokenizer.ggml.pre", s->pre, strlen(s->pre));
    if (!(s->omit & TOK_TOKENS))
        lutra_gguf_put_strs(w, "tokenizer.ggml.tokens", s->token, s->len, n);
    if (!(s->omit & TOK_TYPES))
        lutra_gguf_put_array(w, "tokenizer.ggml.token_type", LUTRA_GGUF_I32, s->type, n);
    if (!(s->omit & TOK_SCORES))
        lutra_gguf_put_array(w, "tokenizer.ggml.scores", LUTRA_GGUF_F32, s->score, n);
    if (!(s->omit & TOK_MERGES)) {
        lutra_gguf_put_strs(w, "tokenizer.ggml.merges", s->merge, s->merge_len,
                            (uint64_t)s->n_merges);
    }
    if (s->extra) s->extra(w);
    return LUTRA_OK;
}

/* Through a file, as in life. *t is NULL unless the status is LUTRA_OK. */
static inline lutra_status tok_try(const struct tok_spec *s, struct lutra_tokenizer **t,
                                   lutra_error *err)
{
    struct lutra_gguf_writer *w;
    struct lutra_gguf *g;
    char path[600];
    *t = NULL;
    snprintf(path, sizeof path, "%s/made.gguf", check_tmp());
    lutra_status st = lutra_gguf_writer_open(&w, err);
    if (st != LUTRA_OK) return st;
    tok_put(s, w);
    st = lutra_gguf_writer_save(w, path, err);
    lutra_gguf_writer_close(w);
    if (st == LUTRA_OK) st = lutra_gguf_open(&g, path, err);
    if (st != LUTRA_OK) return st;
    st = lutra_tokenizer_load(t, g, err);
    lutra_gguf_close(g);
    return st;
}

static inline struct lutra_tokenizer *tok_load(void (*fill)(struct tok_spec *))
{
    struct lutra_tokenizer *t;
    lutra_error err = {LUTRA_OK, ""};
    struct tok_spec *s = malloc(sizeof *s);
    fill(s);
    CHECK_EQ(tok_try(s, &t, &err), LUTRA_OK);
    CHECK_STR(err.msg, "");
    free(s);
    return t;
}

/* A copy of a byte-level vocabulary that names another pre-tokenizer; false: cannot read src. */
static inline bool tok_copy_with_pre(const char *src, const char *dst, const char *pre)
{
    struct lutra_gguf *g;
    struct lutra_gguf_writer *w;
    if (lutra_gguf_open(&g, src, NULL) != LUTRA_OK) return false;
    CHECK_EQ(lutra_gguf_writer_open(&w, NULL), LUTRA_OK);
    lutra_gguf_put_str(w, "tokenizer.ggml.model", "gpt2", 4);
    lutra_gguf_put_str(w, "tokenizer.ggml.pre", pre, strlen(pre));
    static const char *const keys[] = {"tokenizer.ggml.tokens", "tokenizer.ggml.merges"};
    for (int k = 0; k < 2; k++) {
        const struct lutra_gguf_kv *kv = lutra_gguf_find(g, keys[k]);
        const char **s = malloc((kv->count + 1) * sizeof *s);
        size_t *len = malloc((kv->count + 1) * sizeof *len);
        uint64_t n = 0, cursor = 0;
        while (lutra_gguf_arr_str(g, kv, &cursor, &s[n], &len[n])) n++;
        lutra_gguf_put_strs(w, keys[k], s, len, n);
        free(s);
        free(len);
    }
    CHECK_EQ(lutra_gguf_writer_save(w, dst, NULL), LUTRA_OK);
    lutra_gguf_writer_close(w);
    lutra_gguf_close(g);
    return true;
}

#endif
