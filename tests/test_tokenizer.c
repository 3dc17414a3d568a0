/* SPDX-License-Identifier: MIT */
/* Tokenizers: published vocabularies and other people's ids, round trips, merging against a plain
 * version, special tokens and literal ranges. Hostile vocabularies: tests/test_tok_load.c. */
#include "runtime/tok_merge.h"
#include "runtime/unicode.h"
#include "tests/check.h"
#include "tests/tok_make.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- files ---- */

static char *slurp(const char *path, size_t *n)
{
    FILE *f = fopen(path, "rb");
    if (!f) return NULL;
    char *buf = malloc(4 << 20);
    *n = fread(buf, 1, (4 << 20) - 1, f);
    buf[*n] = 0;
    fclose(f);
    return buf;
}

static struct lutra_tokenizer *open_file(const char *path)
{
    struct lutra_gguf *g;
    struct lutra_tokenizer *t = NULL;
    lutra_error err = {0};
    if (lutra_gguf_open(&g, path, &err) != LUTRA_OK) return NULL;
    lutra_status st = lutra_tokenizer_load(&t, g, &err);
    CHECK_EQ(st, LUTRA_OK);
    lutra_gguf_close(g);
    return t;
}

/* ---- what every encoding must keep ---- */

static void encode(const struct lutra_tokenizer *t, const char *s, size_t n, unsigned flags,
                   struct lutra_ids *ids)
{
    ids->n = 0;
    CHECK_EQ(lutra_tokenizer_encode(t, s, n, flags, NULL, 0, ids, NULL), LUTRA_OK);
}

/* Pieces put together again; a piece after a special token counts as a first one. */
static size_t decode(const struct lutra_tokenizer *t, const struct lutra_ids *ids, bool special,
                     char *dst, size_t cap)
{
    size_t n = 0;
    bool first = true;
    for (size_t i = 0; i < ids->n; i++) {
        n += lutra_tokenizer_piece(t, ids->v[i], special, first, dst + n, n < cap ? cap - n : 0);
        int a = lutra_tokenizer_attr(t, ids->v[i]);
        first = a == LUTRA_ATTR_CONTROL || a == LUTRA_ATTR_UNKNOWN || a == LUTRA_ATTR_USER;
    }
    return n;
}

static void check_round_trip(const struct lutra_tokenizer *t, const char *s, size_t n)
{
    struct lutra_ids ids = {0};
    char *back = malloc(n + 64);
    encode(t, s, n, 0, &ids);
    size_t m = decode(t, &ids, false, back, n + 64);
    CHECK_EQ(m, n);
    CHECK(m == n && memcmp(back, s, n) == 0);
    CHECK(ids.n <= n + 2);
    for (size_t i = 0; i < ids.n; i++) {
        CHECK(ids.v[i] >= 0 && ids.v[i] < lutra_tokenizer_n_vocab(t));
        CHECK(lutra_tokenizer_attr(t, ids.v[i]) != LUTRA_ATTR_CONTROL);
    }
    free(back);
    free(ids.v);
}

static bool parse_ids(const char *line, struct lutra_ids *ids)
{
    char *end;
    ids->n = 0;
    for (long v = strtol(line, &end, 10); end != line; v = strtol(line = end, &end, 10)) {
        if (!lutra_ids_push(ids, (int32_t)v)) return false;
    }
    return true;
}

static void check_ids(const struct lutra_tokenizer *t, const char *s, size_t n, const char *line)
{
    struct lutra_ids want = {0}, got = {0};
    parse_ids(line, &want);
    encode(t, s, n, 0, &got);
    if (want.n != got.n || (want.n > 0 && memcmp(want.v, got.v, want.n * 4) != 0)) {
        printf("text '%.*s'\n", (int)n, s);
        for (size_t i = 0; i < got.n; i++) printf(" %d", got.v[i]);
        printf("\nwanted%s\n", line);
    }
    CHECK_EQ(got.n, want.n);
    if (got.n == want.n && got.n > 0) CHECK_MEM(got.v, want.v, got.n * 4, 'i');
    free(want.v);
    free(got.v);
}

/* ---- expected ids ---- */

static void test_published(const char *name)
{
    static const char mark[] = "\n__ggml_vocab_test__\n";
    char path[200];
    size_t n_in = 0, n_out = 0;
    snprintf(path, sizeof path, "../shared/vocab/ggml-vocab-%s.gguf", name);
    struct lutra_tokenizer *t = open_file(path);
    snprintf(path, sizeof path, "../shared/vocab/ggml-vocab-%s.gguf.inp", name);
    char *in = slurp(path, &n_in);
    snprintf(path, sizeof path, "../shared/vocab/ggml-vocab-%s.gguf.out", name);
    char *out = slurp(path, &n_out);
    int n = 0;
    if (!t || !in || !out) {
        check_skip("../shared/vocab is not there");
    } else {
        char *line = out;
        for (char *s = in, *end; (end = strstr(s, mark)) && *line; s = end + strlen(mark), n++) {
            char *nl = strchr(line, '\n');
            *nl = 0;
            check_ids(t, s, (size_t)(end - s), line);
            check_round_trip(t, s, (size_t)(end - s));
            line = nl + 1;
        }
        CHECK(n >= 40);
    }
    lutra_tokenizer_free(t);
    free(in);
    free(out);
}

static size_t unhex(char *s)
{
    size_t n = 0;
    for (unsigned b; sscanf(s + 2 * n, "%2x", &b) == 1; n++) s[n] = (char)b;
    return n;
}

/* The lines of tests/data/vocab-cases.txt that belong to one name */
static void test_cases(const char *name)
{
    bool own = strlen(name) == 3; /* spm, ugm, wpm: a vocabulary of their own */
    bool normal = own && strcmp(name, "spm") != 0; /* normalized: not the text again */
    char path[600];
    snprintf(path, sizeof path, own ? "tests/data/vocab-%s.gguf" : "%s/%s.gguf",
             own ? name : check_tmp(), name);
    if (!own && !tok_copy_with_pre("tests/data/vocab-bpe.gguf", path, name)) {
        check_skip("tests/data is not there");
        return;
    }
    struct lutra_tokenizer *t = open_file(path);
    size_t size, n = 0;
    char *all = slurp("tests/data/vocab-cases.txt", &size);
    CHECK(t != NULL && all != NULL);
    for (char *line = all, *next; t && line && (next = strchr(line, '\n')); line = next + 1) {
        *next = 0;
        size_t k = strlen(name);
        if (strncmp(line, name, k) != 0 || line[k] != ',') continue;
        char *text = line + k + 1, *ids = strchr(text, ',');
        *ids = 0;
        size_t len = unhex(text);
        check_ids(t, text, len, ids + 1);
        if (!own || (!normal && !strstr(text, "<unk>"))) check_round_trip(t, text, len);
        n++;
    }
    CHECK(n >= 300);
    free(all);
    lutra_tokenizer_free(t);
}

/* ---- scanners ---- */

/* Pieces of text are joined with '|' and compared. */
static void check_split(const char *pre, const char *text, const char *want)
{
    const struct lutra_pretok *k = lutra_pretok_find(pre, strlen(pre));
    struct lutra_pretok_scan scan;
    char got[256];
    size_t n = 0, start, end, last = 0;
    CHECK(k != NULL);
    if (!k) return;
    lutra_pretok_begin(&scan, k, text, strlen(text));
    while (lutra_pretok_next(&scan, &start, &end)) {
        CHECK_EQ(start, last);
        CHECK(end > start);
        if (n > 0) got[n++] = '|';
        memcpy(got + n, text + start, end - start);
        n += end - start;
        last = end;
    }
    got[n] = 0;
    CHECK_EQ(last, strlen(text));
    CHECK_STR(got, want);
}

static void test_gpt2_splits(void)
{
    check_split("gpt-2", "Hello world", "Hello| world");
    check_split("gpt-2", "I'm you'll don't", "I|'m| you|'ll| don|'t");
    check_split("gpt-2", "I'M", "I|'|M");
    check_split("gpt-2", "a  b", "a| | b");
    check_split("gpt-2", "a \n b  ", "a| \n| b|  ");
    check_split("gpt-2", "12345 678", "12345| 678");
    check_split("gpt-2", "x=1; //!?", "x|=|1|;| //!?");
    check_split("gpt-2", "\n\nx", "\n|\n|x");
    check_split("gpt-2",
                "Gr\xC3\xB6\xC3\x9F"
                "e \xC2\xBD",
                "Gr\xC3\xB6\xC3\x9F"
                "e| \xC2\xBD");
    check_split("gpt-2", "a\xC2\xA0 b", "a|\xC2\xA0| b");
    check_split("gpt-2", "e\xCC\x81x", "e|\xCC\x81|x");
    check_split("gpt-2",
                "a\xFF\xFE"
                "b",
                "a|\xFF\xFE|b");
    check_split("smollm", "in 1984, 42", "in| |1|9|8|4|,| |4|2");
    check_split("smollm", "a  1", "a|  |1");
    check_split("smollm", "\xC2\xBDx", "\xC2\xBD|x");
    check_split("starcoder", "v12", "v|1|2");
}

static void test_llama3_splits(void)
{
    check_split("llama-bpe", "I'M DON'T 'lLx", "I|'M| DON|'T| '|lLx");
    check_split("llama-bpe", "'lLx", "'lL|x");
    check_split("llama-bpe", "'\xC5\xBF!", "'\xC5\xBF|!");
    check_split("llama-bpe", "1234567", "123|456|7");
    check_split("qwen2", "1234", "1|2|3|4");
    check_split("llama-bpe", "a 12", "a| |12");
    check_split("llama-bpe", "(foo) \tbar", "(foo|)| |\tbar");
    check_split("llama-bpe", "x !!\n\ny", "x| !!\n\n|y");
    check_split("llama-bpe", "x  \n \n  y", "x|  \n \n| | y");
    check_split("llama-bpe", "a   ", "a|   ");
    check_split("llama-bpe", "a   b", "a|  | b");
    check_split("llama-bpe", "\r\nx", "\r\n|x");
    check_split("llama-bpe", "\nx", "\n|x");
    check_split("qwen2", "e\xCC\x81x", "e|\xCC\x81x");
    check_split("qwen35", "e\xCC\x81x", "e\xCC\x81x");
    check_split("qwen2", "\xE4\xBD\xA0\xE5\xA5\xBD\xEF\xBC\x8C\xE4\xB8\x96",
                "\xE4\xBD\xA0\xE5\xA5\xBD|\xEF\xBC\x8C\xE4\xB8\x96");
}

static void test_default_splits(void)
{
    check_split("default", "x==1", "x|==|1");
    check_split("default", "a, b", "a|,| b");
    check_split("default", " 1234567", " |123|456|7");
    check_split("default", "don't", "don|'|t");
    check_split("default",
                "12\xD9\xA2"
                "345",
                "12\xD9\xA2|345");
    check_split("default", "a `b`", "a| `|b|`");
    CHECK(lutra_pretok_find("nonsense", 8) == NULL);
}

/* ---- merging, against a version without any cleverness ---- */

static uint32_t plain_rank(const struct lutra_tokenizer *t, const char *s, size_t n, int32_t l,
                           int32_t r, int32_t *id)
{
    if (!t->spm) return l < 0 || r < 0 ? LUTRA_RANK_NONE : lutra_bpe_rank(t, l, r, id);
    *id = lutra_vocab_find_piece(t, s, n);
    return *id < 0 ? LUTRA_RANK_NONE : t->rank[*id];
}

/* One section of ASCII text: look at all pairs, merge the best, again. */
static void plain_merge(const struct lutra_tokenizer *t, const char *s, size_t n,
                        struct lutra_ids *out)
{
    int32_t *id = malloc(n * sizeof *id);
    size_t *start = malloc((n + 1) * sizeof *start), k = n;
    for (size_t i = 0; i <= n; i++) start[i] = i;
    for (size_t i = 0; i < n; i++) id[i] = lutra_vocab_find_piece(t, s + i, 1);
    for (;;) {
        size_t best = 0;
        uint32_t rank = LUTRA_RANK_NONE;
        int32_t joined = -1, x = -1;
        for (size_t i = 0; i + 1 < k; i++) {
            uint32_t r = plain_rank(t, s + start[i], start[i + 2] - start[i], id[i], id[i + 1], &x);
            if (r < rank) rank = r, best = i, joined = x;
        }
        if (rank == LUTRA_RANK_NONE) break;
        id[best] = joined;
        memmove(id + best + 1, id + best + 2, (k - best - 2) * sizeof *id);
        memmove(start + best + 1, start + best + 2, (k - best - 1) * sizeof *start);
        k--;
    }
    for (size_t i = 0; i < k; i++) lutra_ids_push(out, id[i]);
    free(id);
    free(start);
}

/* Whatever the order of pushes and pops, a pop gives the least key that is in. */
static void test_queue(void)
{
    static struct lutra_queue q;
    uint64_t in[300];
    for (int round = 0; round < 400; round++) {
        int n = 0, top = round % 2 ? 300 : 3000000;
        lutra_queue_begin(&q);
        for (int step = 0; step < 600; step++) {
            uint32_t rank = (uint32_t)check_rand_int(0, top), pos = (uint32_t)check_rand_int(0, 9);
            int least = 0;
            if (n < 300 && (step < 100 || check_rand_int(0, 2) > 0)) {
                in[n++] = (uint64_t)rank << 32 | pos;
                CHECK(lutra_queue_push(&q, rank, pos));
                continue;
            }
            CHECK_EQ(lutra_queue_pop(&q, &rank, &pos), n > 0);
            for (int i = 1; i < n; i++) least = in[i] < in[least] ? i : least;
            if (n == 0) continue;
            CHECK_EQ((uint64_t)rank << 32 | pos, in[least]);
            in[least] = in[--n];
        }
    }
    lutra_queue_free(&q);
}

static void test_merging(const char *path)
{
    struct lutra_tokenizer *t = open_file(path);
    if (!t) {
        check_skip("tests/data is not there");
        return;
    }
    struct lutra_merger m = {.t = t};
    struct lutra_ids got = {0}, want = {0};
    char s[400];
    for (int round = 0; round < 1500; round++) {
        size_t n = (size_t)check_rand_int(1, round % 4 ? 40 : 399);
        int letters = check_rand_int(1, 3) == 1 ? 2 : 26;
        for (size_t i = 0; i < n; i++)
            s[i] = (char)("etaoinshrdlucmfwypvbgkjqxz"[check_rand_int(0, letters - 1)]);
        got.n = want.n = 0;
        m.out = &got;
        CHECK(lutra_merge_section(&m, s, n));
        plain_merge(t, s, n, &want);
        CHECK_EQ(got.n, want.n);
        if (got.n == want.n) CHECK_MEM(got.v, want.v, got.n * 4, 'i');
    }
    lutra_merger_free(&m);
    free(got.v);
    free(want.v);
    lutra_tokenizer_free(t);
}

/* ---- round trips ---- */

static void test_round_trips(const char *path)
{
    struct lutra_tokenizer *t = open_file(path);
    if (!t) {
        check_skip("tests/data is not there");
        return;
    }
    char s[600];
    for (int b = 0; b < 256; b++) {
        s[0] = (char)b;
        check_round_trip(t, s, 1);
    }
    for (int round = 0; round < 600; round++) { /* valid UTF-8, all planes */
        size_t n = 0;
        for (int k = check_rand_int(0, 60); k > 0; k--) {
            uint32_t cp = (uint32_t)check_rand_int(0, round % 3 ? 0x10FFFF : 0x3000);
            if (cp >= 0xD800 && cp < 0xE000) cp = 0x2581;
            n += lutra_utf8_write(s + n, cp);
        }
        check_round_trip(t, s, n);
    }
    for (int round = 0; round < 600; round++) { /* any bytes */
        size_t n = (size_t)check_rand_int(0, (int)sizeof s);
        for (size_t i = 0; i < n; i++) s[i] = (char)check_rand_int(0, round % 2 ? 255 : 127);
        check_round_trip(t, s, n);
    }
    static const char *const broken[] = {
        "\xC0\x80",     "\xE0\x80\x80",    "\xED\xA0\x80",  "\xF4\x90\x80\x80", "\xE2\x96",
        "\xE2\x96\x81", "a\xE2\x96\x81 b", "\xEF\xBB\xBFx", "\xF0\x9F\x98",     "\xFF"};
    for (size_t i = 0; i < sizeof broken / sizeof broken[0]; i++)
        check_round_trip(t, broken[i], strlen(broken[i]));
    memset(s, 0, sizeof s);
    check_round_trip(t, s, 100);
    lutra_tokenizer_free(t);
}

/* Long texts of one kind: right and done, whatever the time. */
static void test_long(const char *path)
{
    static const char *const unit[] = {"a",  " ",        "\n",   "1",  "!",  "\xE5\xAD\x97",
                                       "a1", "\xCC\x81", "\x80", "'s", "ab", " \n"};
    struct lutra_tokenizer *t = open_file(path);
    if (!t) {
        check_skip("tests/data is not there");
        return;
    }
    size_t cap = 300000;
    char *s = malloc(cap);
    for (size_t k = 0; k < sizeof unit / sizeof unit[0]; k++) {
        size_t len = strlen(unit[k]), n = cap / len * len;
        for (size_t i = 0; i < n; i++) s[i] = unit[k][i % len];
        check_round_trip(t, s, n);
    }
    free(s);
    lutra_tokenizer_free(t);
}

/* ---- special tokens ---- */

static void test_special(void)
{
    struct lutra_tokenizer *t = tok_load(tok_bpe);
    struct lutra_ids ids = {0};
    char back[100];
    int32_t open = lutra_tokenizer_find(t, "<|im_start|>", 12),
            tool = lutra_tokenizer_find(t, "<tool>", 6);
    int32_t longer = lutra_tokenizer_find(t, "<tool>>", 7);
    CHECK(open >= 0 && tool >= 0 && longer >= 0);

    encode(t, "a<|im_start|>b", 14, 0, &ids); /* control tokens are text ... */
    for (size_t i = 0; i < ids.n; i++) CHECK(ids.v[i] != open);
    CHECK_EQ(decode(t, &ids, false, back, sizeof back), 14);
    encode(t, "a<|im_start|>b", 14, LUTRA_TOK_SPECIAL, &ids); /* ... unless asked for */
    CHECK_EQ(ids.n, 3);
    CHECK_EQ(ids.v[1], open);
    CHECK_EQ(decode(t, &ids, false, back, sizeof back), 2);
    CHECK_EQ(decode(t, &ids, true, back, sizeof back), 14);
    /* user-defined ones always match, the longest first */
    encode(t, "a<tool>>b<tool>", 15, 0, &ids);
    CHECK_EQ(ids.n, 4);
    CHECK_EQ(ids.v[1], longer);
    CHECK_EQ(ids.v[3], tool);
    encode(t, "<|im_sta", 8, LUTRA_TOK_SPECIAL, &ids);
    CHECK_EQ(decode(t, &ids, false, back, sizeof back), 8);

    struct lutra_range lit[] = {{1, 12}, {20, 3}};
    const char *s = "a<|im_start|>b<|im_start|><|im_start|><tool>";
    for (size_t from = 0; from <= 14; from++) {
        /* a range over one byte of the 2nd or 3rd hides that one */
        lit[1] = (struct lutra_range){13 + from, 1};
        ids.n = 0;
        CHECK_EQ(lutra_tokenizer_encode(t, s, strlen(s), LUTRA_TOK_SPECIAL, lit, 2, &ids, NULL),
                 LUTRA_OK);
        int n_open = 0, n_tool = 0;
        for (size_t i = 0; i < ids.n; i++) n_open += ids.v[i] == open, n_tool += ids.v[i] == tool;
        CHECK_EQ(n_open, from == 0 ? 2 : 1);
        CHECK_EQ(n_tool, 1);
        CHECK_EQ(decode(t, &ids, true, back, sizeof back), strlen(s));
    }
    CHECK(lutra_tokenizer_is_end(t, lutra_tokenizer_find(t, "<|im_end|>", 10)));
    CHECK(!lutra_tokenizer_is_end(t, open));
    CHECK(!lutra_tokenizer_is_end(t, -1) && !lutra_tokenizer_is_end(t, lutra_tokenizer_n_vocab(t)));
    free(ids.v);
    lutra_tokenizer_free(t);
}

static void test_spm_prefix(void)
{
    struct lutra_tokenizer *t = tok_load(tok_spm);
    struct lutra_ids ids = {0};
    char back[64];
    int32_t he = lutra_tokenizer_find(t, "\xE2\x96\x81he", 5),
            s1 = lutra_tokenizer_find(t, "<s>", 3);
    encode(t, "he", 2, LUTRA_TOK_ADD_SPECIAL, &ids);
    CHECK_EQ(ids.n, 2);
    CHECK_EQ(ids.v[0], s1);
    CHECK_EQ(ids.v[1], he);
    /* text after a special token gets the dummy space too */
    encode(t, "he<s>he", 7, LUTRA_TOK_SPECIAL, &ids);
    CHECK_EQ(ids.n, 3);
    CHECK_EQ(ids.v[2], he);
    CHECK_EQ(decode(t, &ids, true, back, sizeof back), 7);
    CHECK_EQ(lutra_tokenizer_piece(t, he, false, true, back, 64), 2);
    CHECK_EQ(lutra_tokenizer_piece(t, he, false, false, back, 64), 3);
    CHECK_EQ(back[0], ' ');
    CHECK_EQ(lutra_tokenizer_piece(t, s1, false, false, back, 64), 0);
    CHECK_EQ(lutra_tokenizer_piece(t, 1 << 20, true, false, back, 64), 0);
    encode(t, "", 0, 0, &ids);
    CHECK_EQ(ids.n, 0);
    encode(t, "<s>", 3, 0, &ids); /* not forged from plain text */
    for (size_t i = 0; i < ids.n; i++) CHECK(ids.v[i] != s1);
    CHECK(lutra_tokenizer_adds_bos(t));
    CHECK_EQ(lutra_tokenizer_bos(t), s1);
    CHECK(lutra_tokenizer_is_end(t, lutra_tokenizer_eos(t)));
    CHECK(lutra_tokenizer_bytes(t) > 1000);
    CHECK(lutra_tokenizer_text(t, -1, NULL) == NULL);
    free(ids.v);
    lutra_tokenizer_free(t);
}

/* ---- the streaming decoder ---- */

static void check_stream(const char *s, size_t n, const char *want)
{
    for (size_t step = 1; step <= n; step++) {
        struct lutra_utf8 u = {{0}, 0};
        char out[400], part[64];
        size_t m = 0;
        for (size_t i = 0; i < n; i += step) {
            size_t k = n - i < step ? n - i : step;
            size_t w = lutra_utf8_feed(&u, s + i, k, part);
            CHECK(w <= 3 * (k + 4) && u.n_hold <= 3);
            memcpy(out + m, part, w);
            m += w;
        }
        m += lutra_utf8_flush(&u, out + m);
        CHECK_EQ(lutra_utf8_flush(&u, out + m), 0);
        out[m] = 0;
        CHECK_STR(out, want);
    }
}

static void test_stream(void)
{
#define BAD "\xEF\xBF\xBD"
    check_stream("a\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80z", 11,
                 "a\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80z");
    check_stream("\xF0\x9F\x98", 3, BAD);
    check_stream("\xF0\x9F\x98x", 4, BAD "x");
    check_stream("\x80x\xFF", 3, BAD "x" BAD);
    check_stream("\xC0\x80", 2, BAD BAD);
    check_stream("\xED\xA0\x80", 3, BAD BAD BAD);
    check_stream("\xE2\x82\xE2\x82\xAC", 5, BAD "\xE2\x82\xAC");
    check_stream("\xF4\x90\x80\x80", 4, BAD BAD BAD BAD);
}

static void test_unicode(void)
{
    static const struct {
        uint32_t cp;
        enum lutra_uclass class;
    } known[] = {
        {0, LUTRA_UC_OTHER},        {' ', LUTRA_UC_SPACE},      {'a', LUTRA_UC_LOWER},
        {'Z', LUTRA_UC_UPPER},      {'5', LUTRA_UC_NUMBER},     {'$', LUTRA_UC_SYMBOL},
        {'_', LUTRA_UC_PUNCT},      {0x85, LUTRA_UC_SPACE},     {0xAA, LUTRA_UC_LETTER},
        {0x301, LUTRA_UC_MARK},     {0x378, LUTRA_UC_OTHER},    {0x3000, LUTRA_UC_SPACE},
        {0x200B, LUTRA_UC_OTHER},   {0x4E00, LUTRA_UC_LETTER},  {0x2167, LUTRA_UC_NUMBER},
        {0x1F600, LUTRA_UC_SYMBOL}, {0x323AF, LUTRA_UC_LETTER}, {0x323B0, LUTRA_UC_OTHER},
        {0xE0100, LUTRA_UC_MARK},   {0x10FFFD, LUTRA_UC_OTHER}, {LUTRA_UTF8_BAD, LUTRA_UC_OTHER}};
    int count[LUTRA_UC_LETTER + 1] = {0};
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        CHECK_EQ(lutra_unicode_class(known[i].cp), known[i].class);
    }
    for (uint32_t cp = 0; cp < 0x110000; cp++) count[lutra_unicode_class(cp)]++;
    CHECK_EQ(count[LUTRA_UC_SPACE], 25);
    CHECK_EQ(count[LUTRA_UC_UPPER], 1858); /* Unicode 16, DerivedGeneralCategory.txt */
    CHECK_EQ(count[LUTRA_UC_LOWER], 2258);
    CHECK_EQ(count[LUTRA_UC_UPPER] + count[LUTRA_UC_LOWER] + count[LUTRA_UC_LETTER], 141028);
    CHECK_EQ(count[LUTRA_UC_NUMBER], 1911);
    CHECK_EQ(count[LUTRA_UC_MARK], 2501);
    for (uint32_t cp = 0; cp < 0x110000; cp++) {
        char s[4];
        uint32_t back = 0;
        if (cp >= 0xD800 && cp < 0xE000) continue;
        int n = (int)lutra_utf8_write(s, cp);
        if (lutra_utf8_read(s, (size_t)n, &back) != n || back != cp) CHECK_EQ(back, cp);
        if (n > 1 && lutra_utf8_read(s, (size_t)n - 1, &back) != 0) CHECK_EQ(cp, 0);
    }
}

int main(int argc, char **argv)
{
    static const char *const published[] = {"gpt-2", "llama-bpe", "llama-spm", "qwen2"};
    static const char *const cases[] = {"gpt-2", "smollm", "default", "llama-bpe",
                                        "qwen2", "qwen35", "gpt-4o", "tekken", "falcon",
                                        "minicpm5", "deepseek-llm", "deepseek-coder",
                                        "deepseek-v3", "spm", "ugm", "wpm"};
    static const char bpe[] = "tests/data/vocab-bpe.gguf", spm[] = "tests/data/vocab-spm.gguf";
    check_init(argc, argv, "test_tokenizer");
    CHECK_CASE("unicode") test_unicode();
    CHECK_CASE("gpt2_splits") test_gpt2_splits();
    CHECK_CASE("llama3_splits") test_llama3_splits();
    CHECK_CASE("default_splits") test_default_splits();
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char name[64];
        snprintf(name, sizeof name, "ids_%s", cases[i]);
        CHECK_CASE(name) test_cases(cases[i]);
    }
    for (int i = 0; i < 4; i++) {
        char name[64];
        snprintf(name, sizeof name, "published_%s", published[i]);
        CHECK_CASE(name) test_published(published[i]);
    }
    CHECK_CASE("queue") test_queue();
    CHECK_CASE("merging_bpe") test_merging(bpe);
    CHECK_CASE("merging_spm") test_merging(spm);
    CHECK_CASE("round_trips_bpe") test_round_trips(bpe);
    CHECK_CASE("round_trips_spm") test_round_trips(spm);
    CHECK_CASE("long_bpe") test_long(bpe);
    CHECK_CASE("long_spm") test_long(spm);
    CHECK_CASE("special") test_special();
    CHECK_CASE("spm_prefix") test_spm_prefix();
    CHECK_CASE("stream") test_stream();
    return check_done();
}
