/* SPDX-License-Identifier: MIT */
/* The tokenizer as a whole: loading it from a file's keys, encoding a text, asking about tokens. */
#include "runtime/tokenizer.h"
#include "runtime/tok_merge.h"

#include <stdlib.h>
#include <string.h>

/* ---- loading ---- */

static const struct {
    const char *name;
    enum lutra_tok_kind kind;
    int32_t bos, eos, unk; /* where the file does not say: as their makers number them */
} models[] = {{"gpt2", LUTRA_TOK_BPE, -1, -1, -1},
              {"llama", LUTRA_TOK_SPM, 1, 2, 0},
              {"gemma4", LUTRA_TOK_CHAR, -1, -1, -1},
              {"bert", LUTRA_TOK_WPM, 101, 102, 100},
              {"t5", LUTRA_TOK_UGM, -1, 1, 2}};

static bool is(const char *s, size_t n, const char *name)
{
    return strlen(name) == n && memcmp(s, name, n) == 0;
}

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
    for (size_t i = 0; i < sizeof models / sizeof models[0]; i++) {
        if (!is(s, n, models[i].name)) continue;
        t->kind = models[i].kind;
        t->spm = t->kind != LUTRA_TOK_BPE;
        if (t->kind == LUTRA_TOK_CHAR) t->pre = lutra_pretok_find(s, n);
        return LUTRA_OK;
    }
    return lutra_fail(err, LUTRA_EUNSUPPORTED,
                      "%s: key %s at offset %llu: tokenizer model '%s' is not supported; known: gpt2 "
                      "llama gemma4 bert t5",
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

/* Files without the key, Microsoft's of BitNet 2B among them, hold vocabularies that are known all the
 * same: a size and a special token that no other has tell which pre-tokenizer it was made with. */
static void guess_pre(struct lutra_tokenizer *t, const struct lutra_gguf *g)
{
    static const struct {
        int32_t n, id;
        const char *text, *pre;
    } known[] = {{128256, 128000, "<|begin_of_text|>", "llama-bpe"}}; /* Llama 3 */
    if (t->kind != LUTRA_TOK_BPE || lutra_gguf_find(g, "tokenizer.ggml.pre")) return;
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        if (t->n != known[i].n) continue;
        size_t len = (size_t)t->tok[known[i].id].piece_len;
        if (is(lutra_tok_piece(t, known[i].id), len, known[i].text))
            t->pre = lutra_pretok_find(known[i].pre, strlen(known[i].pre));
    }
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
    t->bos = models[t->kind].bos;
    t->eos = models[t->kind].eos;
    t->unk = models[t->kind].unk;
    struct {
        const char *key;
        int32_t *id;
    } ids[] = {{"tokenizer.ggml.bos_token_id", &t->bos},
               {t->kind == LUTRA_TOK_WPM ? "tokenizer.ggml.seperator_token_id" /* so spelled */
                                         : "tokenizer.ggml.eos_token_id",
                &t->eos},
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
    bool prefixed = t->kind == LUTRA_TOK_SPM || t->kind == LUTRA_TOK_UGM;
    t->add_bos = t->pre ? t->pre->add_bos : t->kind != LUTRA_TOK_UGM;
    t->add_eos = t->kind == LUTRA_TOK_WPM || t->kind == LUTRA_TOK_UGM;
    t->add_space = prefixed;
    t->lower = true;
    lutra_status st = lutra_gguf_bool(g, "tokenizer.ggml.add_bos_token", &t->add_bos, NULL, err);
    if (st == LUTRA_OK)
        st = lutra_gguf_bool(g, "tokenizer.ggml.add_eos_token", &t->add_eos, NULL, err);
    if (st == LUTRA_OK)
        st = lutra_gguf_bool(g, "tokenizer.ggml.add_space_prefix", &t->add_space, NULL, err);
    if (st == LUTRA_OK)
        st = lutra_gguf_bool(g, "tokenizer.ggml.normalizer.lowercase", &t->lower, NULL, err);
    t->strip = t->lower;
    if (st == LUTRA_OK)
        st = lutra_gguf_bool(g, "tokenizer.ggml.normalizer.strip_accents", &t->strip, NULL, err);
    t->add_space &= prefixed;
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
    if (st == LUTRA_OK) guess_pre(t, g);
    if (st == LUTRA_OK && t->spm) st = load_joined(t, err);
    if (st == LUTRA_OK && (t->kind == LUTRA_TOK_BPE || t->kind == LUTRA_TOK_CHAR))
        st = lutra_bpe_load_merges(t, g, err);
    if (st == LUTRA_OK && t->kind == LUTRA_TOK_UGM) st = lutra_ugm_load(t, g, err);
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
    lutra_ugm_free(&t->ugm);
    free(t);
}

size_t lutra_tokenizer_bytes(const struct lutra_tokenizer *t)
{
    size_t n = (size_t)t->n;
    size_t sum = sizeof *t + t->arena_bytes + n * (sizeof *t->tok + sizeof *t->flag);
    sum += (t->pieces.mask + (size_t)1) * sizeof *t->pieces.slot;
    sum += (size_t)t->specials.n * sizeof *t->specials.id;
    if (t->joined) sum += 8192;
    if (t->rank) sum += n * sizeof *t->rank;
    if (t->ugm.score)
        sum += n * sizeof *t->ugm.score + 4 * t->ugm.trie_n + t->ugm.text_n +
               (size_t)t->ugm.tokens.n * sizeof *t->ugm.tokens.id;
    return t->merges.slot ? sum + (t->merges.mask + (size_t)1) * sizeof *t->merges.slot : sum;
}

/* ---- encoding ---- */

static bool joins(const struct lutra_tokenizer *t, const char *s)
{
    unsigned char a = (unsigned char)s[-1], b = (unsigned char)s[0];
    return (b & 0xC0) == 0x80 || (t->joined[a * 32 + b / 8] >> b % 8 & 1);
}

size_t lutra_section_end(const struct lutra_tokenizer *t, const char *s, size_t pos, size_t len)
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
    size_t n = lutra_section_end(m->t, s, 0, len);
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
        size_t end = lutra_section_end(m->t, s, pos, len);
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

/* Is this piece a token as a whole, whatever merging would make of it? */
static int32_t whole(const struct lutra_tokenizer *t, const char *s, size_t n)
{
    bool look = t->pre->ignore_merges || (t->pre->lines_whole && s[0] == '\n');
    return look ? lutra_vocab_find_piece(t, s, n) : -1;
}

static bool encode_pieces(struct lutra_merger *m, const char *s, size_t len)
{
    struct lutra_pretok_scan scan;
    size_t start, end;
    lutra_pretok_begin(&scan, m->t->pre, s, len);
    while (lutra_pretok_next(&scan, &start, &end)) {
        const char *piece = s + start;
        int32_t id = whole(m->t, piece, end - start);
        bool ok = id >= 0      ? lutra_ids_push(m->out, id)
                  : m->t->spm ? encode_spm(m, piece, end - start, false)
                              : merge_known(m, piece, end - start);
        if (!ok) return false;
    }
    return true;
}

static bool encode_some(struct lutra_merger *m, const char *s, size_t len, bool prefix)
{
    switch (m->t->kind) {
    case LUTRA_TOK_SPM:
        return encode_spm(m, s, len, prefix);
    case LUTRA_TOK_WPM:
        return lutra_wpm_encode(m, s, len);
    case LUTRA_TOK_UGM:
        return lutra_ugm_encode(m, s, len, prefix);
    default:
        return encode_pieces(m, s, len);
    }
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
            bool ok = encode_some(m, s, end - pos, prefix);
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
