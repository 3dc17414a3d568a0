/* SPDX-License-Identifier: MIT */
/* The tokenizer as a whole: loading it from a file's keys, encoding a text, asking about tokens. */
#include "runtime/tokenizer.h"
#include "runtime/tok_merge.h"

#include <stdlib.h>
#include <string.h>

/* ---- loading ---- */

static lutra_status load_model(struct lutra_tokenizer *t, const struct lutra_gguf *g,
                               lutra_error *err)
{
    static const char key[] = "tokenizer.ggml.model";
    const char *s;
    size_t n;
    bool found;
    char name[64];
    lutra_status st = lutra_gguf_str(g, key, &s, &n, &found, err);
    if (st != LUTRA_OK) return st;
    if (!found) {
        return lutra_gguf_missing(g, "key", key, "the file has no tokenizer; convert it again", err);
    }
    t->spm = n == 5 && memcmp(s, "llama", 5) == 0;
    if (t->spm || (n == 4 && memcmp(s, "gpt2", 4) == 0)) return LUTRA_OK;
    return lutra_fail(err, LUTRA_EUNSUPPORTED,
                      "%s: key %s at offset %llu: tokenizer model '%s' is not supported; known: gpt2 "
                      "llama",
                      lutra_gguf_path(g), key, (unsigned long long)lutra_gguf_find(g, key)->offset,
                      lutra_escape(name, sizeof name, s, n));
}

static lutra_status load_pre(struct lutra_tokenizer *t, const struct lutra_gguf *g,
                             lutra_error *err)
{
    static const char key[] = "tokenizer.ggml.pre";
    const char *s = "default";
    size_t n = 7;
    char name[64];
    lutra_status st = lutra_gguf_str(g, key, &s, &n, NULL, err);
    if (st != LUTRA_OK || t->spm) return st;
    t->pre = lutra_pretok_find(s, n);
    if (t->pre) return LUTRA_OK;
    /* "default" is known: the key is there */
    return lutra_fail(err, LUTRA_EUNSUPPORTED,
                      "%s: key %s at offset %llu: pre-tokenizer '%s' is not supported; known: %s",
                      lutra_gguf_path(g), key, (unsigned long long)lutra_gguf_find(g, key)->offset,
                      lutra_escape(name, sizeof name, s, n), lutra_pretok_names);
}

/* An id key. Ids outside the vocabulary occur in good files (padding 2^32-1): as if absent. */
static lutra_status load_id(const struct lutra_tokenizer *t, const struct lutra_gguf *g,
                            const char *key, int32_t *id, lutra_error *err)
{
    int64_t v = -1;
    lutra_status st = lutra_gguf_int(g, key, INT64_MIN, INT64_MAX, &v, NULL, err);
    if (st == LUTRA_OK && v >= 0 && v < t->n) *id = (int32_t)v;
    if (*id >= t->n) *id = -1;
    return st;
}

static lutra_status load_ids(struct lutra_tokenizer *t, const struct lutra_gguf *g,
                             lutra_error *err)
{
    int32_t eot = -1, eom = -1;
    t->bos = t->spm ? 1 : -1; /* SentencePiece's own numbers */
    t->eos = t->spm ? 2 : -1;
    t->unk = t->spm ? 0 : -1;
    struct {
        const char *key;
        int32_t *id;
    } ids[] = {{"tokenizer.ggml.bos_token_id", &t->bos},
               {"tokenizer.ggml.eos_token_id", &t->eos},
               {"tokenizer.ggml.unknown_token_id", &t->unk},
               {"tokenizer.ggml.eot_token_id", &eot},
               {"tokenizer.ggml.eom_token_id", &eom}};
    for (size_t i = 0; i < sizeof ids / sizeof ids[0]; i++) {
        lutra_status st = load_id(t, g, ids[i].key, ids[i].id, err);
        if (st != LUTRA_OK) return st;
    }
    lutra_specials_mark_ends(t);
    const int32_t ends[] = {t->eos, eot, eom};
    for (int i = 0; i < 3; i++) {
        if (ends[i] >= 0) t->flag[ends[i]] |= LUTRA_TOK_END;
    }
    return LUTRA_OK;
}

static lutra_status load_flags(struct lutra_tokenizer *t, const struct lutra_gguf *g,
                               lutra_error *err)
{
    t->add_bos = t->spm || t->pre->add_bos;
    t->add_space = t->spm;
    lutra_status st = lutra_gguf_bool(g, "tokenizer.ggml.add_bos_token", &t->add_bos, NULL, err);
    if (st == LUTRA_OK)
        st = lutra_gguf_bool(g, "tokenizer.ggml.add_eos_token", &t->add_eos, NULL, err);
    if (st == LUTRA_OK)
        st = lutra_gguf_bool(g, "tokenizer.ggml.add_space_prefix", &t->add_space, NULL, err);
    t->add_space &= t->spm;
    t->add_bos &= t->bos >= 0;
    t->add_eos &= t->eos >= 0;
    return st;
}

/* Which bytes ever follow each other inside a piece: elsewhere no merge can join, so a text may be
 * cut there. */
static lutra_status load_joined(struct lutra_tokenizer *t, lutra_error *err)
{
    if (!(t->joined = calloc(8192, 1)))
        return lutra_fail(err, LUTRA_ENOMEM, "no memory for the vocabulary");
    for (int32_t id = 0; id < t->n; id++) {
        if (!(t->flag[id] & LUTRA_TOK_PLAIN)) continue;
        const unsigned char *s = (const unsigned char *)lutra_tok_piece(t, id);
        for (int i = 1; i < t->tok[id].piece_len; i++) {
            t->joined[s[i - 1] * 32 + s[i] / 8] |= (uint8_t)(1 << s[i] % 8);
        }
    }
    return LUTRA_OK;
}

lutra_status lutra_tokenizer_load(struct lutra_tokenizer **out, const struct lutra_gguf *g,
                                  lutra_error *err)
{
    struct lutra_tokenizer *t = calloc(1, sizeof *t);
    *out = NULL;
    if (!t) return lutra_fail(err, LUTRA_ENOMEM, "no memory for the vocabulary");
    lutra_status st = load_model(t, g, err);
    if (st == LUTRA_OK) st = load_pre(t, g, err);
    if (st == LUTRA_OK) st = lutra_vocab_load(t, g, err);
    if (st == LUTRA_OK) st = t->spm ? load_joined(t, err) : lutra_bpe_load_merges(t, g, err);
    if (st == LUTRA_OK) st = lutra_specials_load(t, err);
    if (st == LUTRA_OK) st = load_ids(t, g, err);
    if (st == LUTRA_OK) st = load_flags(t, g, err);
    if (st != LUTRA_OK) {
        lutra_tokenizer_free(t);
        return st;
    }
    *out = t;
    return LUTRA_OK;
}

void lutra_tokenizer_free(struct lutra_tokenizer *t)
{
    if (!t) return;
    free(t->arena);
    free(t->tok);
    free(t->flag);
    free(t->rank);
    free(t->joined);
    free(t->pieces.slot);
    free(t->merges.slot);
    free(t->specials.id);
    free(t);
}

size_t lutra_tokenizer_bytes(const struct lutra_tokenizer *t)
{
    size_t n = (size_t)t->n;
    size_t sum = sizeof *t + t->arena_bytes + n * (sizeof *t->tok + sizeof *t->flag);
    sum += (t->pieces.mask + (size_t)1) * sizeof *t->pieces.slot;
    sum += (size_t)t->specials.n * sizeof *t->specials.id;
    if (t->spm) return sum + n * sizeof *t->rank + 8192;
    return sum + (t->merges.mask + (size_t)1) * sizeof *t->merges.slot;
}

/* ---- encoding ---- */

static bool joins(const struct lutra_tokenizer *t, const char *s)
{
    unsigned char a = (unsigned char)s[-1], b = (unsigned char)s[0];
    return (b & 0xC0) == 0x80 || (t->joined[a * 32 + b / 8] >> b % 8 & 1);
}

/* End of the section that begins at pos */
static size_t section_end(const struct lutra_tokenizer *t, const char *s, size_t pos, size_t len)
{
    do pos++;
    while (pos < len && joins(t, s + pos));
    return pos;
}

/* The first section with SentencePiece's dummy space before it; *pos is where the rest begins. */
static bool encode_prefixed(struct lutra_merger *m, const char *s, size_t len, size_t *pos)
{
    const char edge[2] = {' ', s[0]};
    if (!joins(m->t, edge + 1)) return lutra_merge_section(m, edge, 1);
    size_t n = section_end(m->t, s, 0, len);
    char *copy = malloc(n + 1);
    if (!copy) return false;
    copy[0] = ' ';
    memcpy(copy + 1, s, n);
    bool ok = lutra_merge_section(m, copy, n + 1);
    free(copy);
    *pos = n;
    return ok;
}

static bool encode_spm(struct lutra_merger *m, const char *s, size_t len, bool prefix)
{
    size_t pos = 0;
    if (prefix && !encode_prefixed(m, s, len, &pos)) return false;
    while (pos < len) {
        size_t end = section_end(m->t, s, pos, len);
        if (!lutra_merge_section(m, s + pos, end - pos)) return false;
        pos = end;
    }
    return true;
}

/* A byte-level vocabulary may lack bytes: SmolLM2 has no token for 21 that its training text never
 * held. As in the original tokenizers they are left out before merging. (Its unknown token ends
 * answers: no substitute.) */
static bool merge_known(struct lutra_merger *m, const char *s, size_t n)
{
    size_t k = 0, out = 0;
    while (k < n && m->t->byte_id[(unsigned char)s[k]] >= 0) k++;
    if (k == n) return lutra_merge_section(m, s, n);
    char *copy = malloc(n);
    if (!copy) return false;
    for (k = 0; k < n; k++) {
        if (m->t->byte_id[(unsigned char)s[k]] >= 0) copy[out++] = s[k];
    }
    bool ok = out == 0 || lutra_merge_section(m, copy, out);
    free(copy);
    return ok;
}

static bool encode_bpe(struct lutra_merger *m, const char *s, size_t len)
{
    struct lutra_pretok_scan scan;
    size_t start, end;
    lutra_pretok_begin(&scan, m->t->pre, s, len);
    while (lutra_pretok_next(&scan, &start, &end)) {
        if (m->t->pre->ignore_merges) {
            int32_t id = lutra_vocab_find_piece(m->t, s + start, end - start);
            if (id >= 0) {
                if (!lutra_ids_push(m->out, id)) return false;
                continue;
            }
        }
        if (!merge_known(m, s + start, end - start)) return false;
    }
    return true;
}

/* Special tokens cut the text; what lies between is encoded on its own. As in llama.cpp the dummy
 * space stands before the first piece of text and before text that follows a special token. */
static bool encode_text(struct lutra_merger *m, struct lutra_special_scan *scan)
{
    const struct lutra_tokenizer *t = m->t;
    bool prefix = t->add_space;
    size_t pos = 0;
    for (;;) {
        size_t at = pos;
        int32_t id;
        size_t n = lutra_special_next(t, scan, &at, &id);
        size_t end = n > 0 ? at : scan->len;
        if (end > pos) {
            const char *s = scan->s + pos;
            bool ok = t->spm ? encode_spm(m, s, end - pos, prefix) : encode_bpe(m, s, end - pos);
            if (!ok) return false;
            prefix = false;
        }
        if (n == 0) return true;
        if (!lutra_ids_push(m->out, id)) return false;
        prefix = t->add_space;
        pos = at + n;
    }
}

lutra_status lutra_tokenizer_encode(const struct lutra_tokenizer *t, const char *text, size_t len,
                                    unsigned flags, const struct lutra_range *literal,
                                    size_t n_literal, struct lutra_ids *out, lutra_error *err)
{
    struct lutra_merger *m = calloc(1, sizeof *m);
    size_t before = out->n;
    bool add = (flags & LUTRA_TOK_ADD_SPECIAL) != 0, ok = m != NULL;
    struct lutra_special_scan scan = {text, len, (flags & LUTRA_TOK_SPECIAL) != 0, literal,
                                      n_literal};
    if (ok) {
        m->t = t;
        m->out = out;
        if (add && t->add_bos) ok = lutra_ids_push(out, t->bos);
        ok = ok && encode_text(m, &scan);
        if (ok && add && t->add_eos) ok = lutra_ids_push(out, t->eos);
        lutra_merger_free(m);
        free(m);
    }
    if (ok) return LUTRA_OK;
    out->n = before;
    return lutra_fail(err, LUTRA_ENOMEM, "no memory to tokenize %zu bytes of text", len);
}

/* ---- asking ---- */

static bool is_id(const struct lutra_tokenizer *t, int32_t id)
{
    return id >= 0 && id < t->n;
}

int lutra_tokenizer_n_vocab(const struct lutra_tokenizer *t)
{
    return t->n;
}

size_t lutra_tokenizer_piece(const struct lutra_tokenizer *t, int32_t id, bool special, bool first,
                             char *dst, size_t cap)
{
    if (!is_id(t, id)) return 0;
    int attr = lutra_tok_attr(t, id);
    bool control = attr == LUTRA_ATTR_CONTROL || attr == LUTRA_ATTR_UNKNOWN;
    if (control && !special) return 0;
    const char *s = lutra_tok_piece(t, id);
    size_t n = t->tok[id].piece_len;
    if (first && t->add_space && !control && attr != LUTRA_ATTR_USER && n > 0 && s[0] == ' ') {
        s++;
        n--;
    }
    if (cap > 0 && n > 0) memcpy(dst, s, n < cap ? n : cap);
    return n;
}

const char *lutra_tokenizer_text(const struct lutra_tokenizer *t, int32_t id, size_t *len)
{
    if (!is_id(t, id)) return NULL;
    *len = t->tok[id].text_len;
    return t->arena + t->tok[id].text;
}

int lutra_tokenizer_attr(const struct lutra_tokenizer *t, int32_t id)
{
    return is_id(t, id) ? lutra_tok_attr(t, id) : 0;
}

int32_t lutra_tokenizer_find(const struct lutra_tokenizer *t, const char *text, size_t len)
{
    for (int32_t id = 0; id < t->n; id++) {
        if (t->tok[id].text_len == len && memcmp(t->arena + t->tok[id].text, text, len) == 0)
            return id;
    }
    return -1;
}

int32_t lutra_tokenizer_bos(const struct lutra_tokenizer *t)
{
    return t->bos;
}

int32_t lutra_tokenizer_eos(const struct lutra_tokenizer *t)
{
    return t->eos;
}

bool lutra_tokenizer_adds_bos(const struct lutra_tokenizer *t)
{
    return t->add_bos;
}

bool lutra_tokenizer_is_end(const struct lutra_tokenizer *t, int32_t id)
{
    return is_id(t, id) && (t->flag[id] & LUTRA_TOK_END);
}
