/* SPDX-License-Identifier: MIT */
/* Reading a vocabulary: the token arrays of a GGUF file, copied, checked, hashed. */
#include "runtime/tok_vocab.h"
#include "runtime/tok_queue.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const char key_tokens[] = "tokenizer.ggml.tokens";
static const char key_scores[] = "tokenizer.ggml.scores";
static const char key_types[] = "tokenizer.ggml.token_type";

lutra_status lutra_vocab_fail(const struct lutra_gguf *g, const struct lutra_gguf_kv *kv,
                              const char *what, lutra_error *err)
{
    char key[96];
    lutra_escape(key, sizeof key, kv->key, kv->key_len);
    return lutra_fail(err, LUTRA_EFORMAT, "%s: key %s at offset %llu: %s", lutra_gguf_path(g), key,
                      (unsigned long long)kv->offset, what);
}

static lutra_status fail_at(const struct lutra_gguf *g, const struct lutra_gguf_kv *kv, int i,
                            const char *what, lutra_error *err)
{
    char line[160];
    lutra_format(line, sizeof line, "token %d: %s", i, what);
    return lutra_vocab_fail(g, kv, line, err);
}

static lutra_status no_memory(lutra_error *err)
{
    return lutra_fail(err, LUTRA_ENOMEM, "no memory for the vocabulary");
}

/* ---- texts ---- */

/* Count and size of all texts; refuses what is too long or too much. */
static lutra_status measure(struct lutra_tokenizer *t, const struct lutra_gguf *g,
                            const struct lutra_gguf_kv *kv, size_t *bytes, lutra_error *err)
{
    uint64_t cursor = 0;
    const char *s;
    size_t len;
    if (kv->type != LUTRA_GGUF_ARRAY || kv->elem_type != LUTRA_GGUF_STRING) {
        return lutra_vocab_fail(g, kv, "not an array of strings", err);
    }
    if (kv->count == 0) return lutra_vocab_fail(g, kv, "the vocabulary is empty", err);
    if (kv->count > LUTRA_TOKENS_MAX)
        return lutra_vocab_fail(g, kv, "more than 4194304 tokens", err);
    *bytes = 0;
    t->n = 0;
    while ((uint64_t)t->n < kv->count && lutra_gguf_arr_str(g, kv, &cursor, &s, &len)) {
        if (len > LUTRA_TOKEN_BYTES_MAX)
            return fail_at(g, kv, t->n, "its text is longer than 65535 bytes", err);
        *bytes += 2 * len + 1;
        if (*bytes > UINT32_MAX)
            return lutra_vocab_fail(g, kv, "more than 2 GiB of token texts", err);
        t->n++;
    }
    if ((uint64_t)t->n != kv->count) return lutra_vocab_fail(g, kv, "the array ends early", err);
    return LUTRA_OK;
}

size_t lutra_spm_decode(char *dst, const char *text, size_t n)
{
    size_t out = 0;
    for (size_t i = 0; i < n;) {
        if (n - i >= 3 && memcmp(text + i, "\xE2\x96\x81", 3) == 0) {
            dst[out++] = ' ';
            i += 3;
        } else {
            dst[out++] = text[i++];
        }
    }
    return out;
}

static int hex(char c)
{
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    return -1;
}

/* The byte that "<0xNN>" names, -1 for anything else. */
static int byte_named(const char *s, size_t n)
{
    if (n != 6 || memcmp(s, "<0x", 3) != 0 || s[5] != '>' || hex(s[3]) < 0 || hex(s[4]) < 0)
        return -1;
    return hex(s[3]) * 16 + hex(s[4]);
}

/* The piece of one token into dst (room for text_len); sets LUTRA_TOK_PLAIN if merging may produce
 * it. Where the text itself is the piece (control tokens, tokens not spelled as this vocabulary
 * spells) dst gets a copy of it. */
static size_t make_piece(struct lutra_tokenizer *t, int32_t id, char *dst)
{
    const char *text = t->arena + t->tok[id].text;
    size_t n = t->tok[id].text_len, out = SIZE_MAX;
    int attr = lutra_tok_attr(t, id), byte = attr == LUTRA_ATTR_BYTE ? byte_named(text, n) : -1;
    bool plain = attr == LUTRA_ATTR_NORMAL || attr == LUTRA_ATTR_UNUSED;
    if (byte >= 0) {
        dst[0] = (char)byte;
        if (t->byte_id[byte] < 0) t->byte_id[byte] = id;
        return 1;
    }
    if (t->spm && (plain || attr == LUTRA_ATTR_USER)) {
        out = lutra_spm_decode(dst, text, n);
        plain = plain && !memchr(text, ' ', n); /* never made: spaces are spelled U+2581 */
    } else if (!t->spm && (plain || attr == LUTRA_ATTR_USER)) {
        out = lutra_bpe_decode(dst, text, n);
        if (attr == LUTRA_ATTR_USER && (out != n || memcmp(dst, text, n) != 0)) out = SIZE_MAX;
        plain = out != SIZE_MAX;
    }
    if (out == SIZE_MAX) {
        memcpy(dst, text, n);
        out = n;
    }
    if (plain && out > 0) t->flag[id] |= LUTRA_TOK_PLAIN;
    return out;
}

static void copy_texts(struct lutra_tokenizer *t, const struct lutra_gguf *g,
                       const struct lutra_gguf_kv *kv)
{
    uint64_t cursor = 0;
    const char *s;
    size_t len, used = 0;
    for (int32_t id = 0; id < t->n && lutra_gguf_arr_str(g, kv, &cursor, &s, &len); id++) {
        struct lutra_tok *k = &t->tok[id];
        k->text = (uint32_t)used;
        k->text_len = (uint16_t)len;
        memcpy(t->arena + used, s, len);
        t->arena[used + len] = 0;
        used += len + 1;
        char *piece = t->arena + used;
        k->piece_len = (uint16_t)make_piece(t, id, piece);
        if (k->piece_len == len && memcmp(piece, s, len) == 0) {
            k->piece = k->text;
        } else {
            k->piece = (uint32_t)used;
            used += k->piece_len;
        }
    }
    t->arena_bytes = used;
    char *fit = realloc(t->arena, used + 1);
    if (fit) t->arena = fit;
}

/* ---- types and scores ---- */

static lutra_status check_array(const struct lutra_tokenizer *t, const struct lutra_gguf *g,
                                const struct lutra_gguf_kv *kv, lutra_error *err)
{
    if (kv->type != LUTRA_GGUF_ARRAY) return lutra_vocab_fail(g, kv, "not an array", err);
    if (kv->count != (uint64_t)t->n) {
        char line[96];
        lutra_format(line, sizeof line, "%llu elements for %d tokens",
                     (unsigned long long)kv->count, t->n);
        return lutra_vocab_fail(g, kv, line, err);
    }
    return LUTRA_OK;
}

/* A file without types: what a name says must do, so that text cannot spell control tokens. */
static void guess_types(struct lutra_tokenizer *t, const struct lutra_gguf *g)
{
    uint64_t cursor = 0;
    const char *s;
    size_t n;
    const struct lutra_gguf_kv *kv = lutra_gguf_find(g, key_tokens);
    for (int i = 0; i < t->n && lutra_gguf_arr_str(g, kv, &cursor, &s, &n); i++) {
        t->flag[i] = LUTRA_ATTR_NORMAL;
        if (!t->spm) continue;
        if (byte_named(s, n) >= 0) t->flag[i] = LUTRA_ATTR_BYTE;
        if ((n == 3 && memcmp(s, "<s>", 3) == 0) || (n == 4 && memcmp(s, "</s>", 4) == 0)) {
            t->flag[i] = LUTRA_ATTR_CONTROL;
        }
        if (n == 5 && memcmp(s, "<unk>", 5) == 0) t->flag[i] = LUTRA_ATTR_UNKNOWN;
    }
}

static lutra_status load_types(struct lutra_tokenizer *t, const struct lutra_gguf *g,
                               lutra_error *err)
{
    const struct lutra_gguf_kv *kv = lutra_gguf_find(g, key_types);
    if (!kv) {
        guess_types(t, g);
        return LUTRA_OK;
    }
    lutra_status st = check_array(t, g, kv, err);
    if (st == LUTRA_OK && kv->elem_type != LUTRA_GGUF_I32 && kv->elem_type != LUTRA_GGUF_U32)
        return lutra_vocab_fail(g, kv, "not 32-bit integers", err);
    for (int i = 0; st == LUTRA_OK && i < t->n; i++) {
        int64_t v;
        if (!lutra_gguf_arr_int(g, kv, (uint64_t)i, &v))
            return lutra_vocab_fail(g, kv, "not integers", err);
        if (v < 0 || v > LUTRA_ATTR_BYTE)
            return fail_at(g, kv, i, "its type is not one of 0 to 6", err);
        t->flag[i] = (uint8_t)(v == 0 ? LUTRA_ATTR_NORMAL : v);
    }
    return st;
}

/* Unsigned numbers in the order of falling scores; equal scores stay equal. */
static uint32_t order_of(float score)
{
    uint32_t bits;
    score += 0.0f; /* -0 is 0 */
    memcpy(&bits, &score, 4);
    uint32_t rising = bits & 0x80000000u ? ~bits : bits | 0x80000000u;
    return ~rising;
}

/* Scores only order tokens: number them from 0, the best, with equal numbers for equal scores. */
static bool rank_scores(struct lutra_tokenizer *t, struct lutra_queue_list *order)
{
    struct lutra_queue_list room = {0};
    bool ok = lutra_queue_sort(order, &room);
    uint32_t rank = 0;
    for (size_t i = 0; ok && i < order->n; i++) {
        if (i > 0 && order->v[i] >> 32 != order->v[i - 1] >> 32) rank++;
        t->rank[(uint32_t)order->v[i]] = rank;
    }
    free(room.v);
    return ok;
}

static lutra_status read_scores(const struct lutra_tokenizer *t, const struct lutra_gguf *g,
                                struct lutra_queue_list *order, lutra_error *err)
{
    const struct lutra_gguf_kv *kv = lutra_gguf_find(g, key_scores);
    lutra_status st = kv ? check_array(t, g, kv, err) : LUTRA_OK;
    for (int i = 0; st == LUTRA_OK && i < t->n; i++) {
        double v = 0;
        if (kv && !lutra_gguf_arr_float(g, kv, (uint64_t)i, &v)) {
            return lutra_vocab_fail(g, kv, "not floating-point numbers", err);
        }
        if (isnan(v)) return fail_at(g, kv, i, "its score is not a number", err);
        if (order) order->v[order->n++] = (uint64_t)order_of((float)v) << 32 | (uint32_t)i;
    }
    return st;
}

static lutra_status load_scores(struct lutra_tokenizer *t, const struct lutra_gguf *g,
                                lutra_error *err)
{
    if (t->kind != LUTRA_TOK_SPM) return read_scores(t, g, NULL, err); /* of no use there, but no lies either */
    struct lutra_queue_list order = {malloc((size_t)t->n * sizeof(uint64_t)), 0, (size_t)t->n};
    t->rank = malloc((size_t)t->n * sizeof *t->rank);
    lutra_status st = order.v && t->rank ? LUTRA_OK : no_memory(err);
    if (st == LUTRA_OK) st = read_scores(t, g, &order, err);
    if (st == LUTRA_OK && !rank_scores(t, &order)) st = no_memory(err);
    free(order.v);
    return st;
}

/* ---- table of pieces ---- */

/* Eight bytes per step, a multiply and a fold each. Not keyed: a file made to collide only slows
 * its own load. */
static uint64_t hash_bytes(const char *s, size_t n)
{
    const uint64_t k = 0x9E3779B97F4A7C15u;
    uint64_t h = n * k, w;
    while (n >= 8) {
        memcpy(&w, s, 8);
        h = (h ^ w) * k;
        h ^= h >> 29;
        s += 8;
        n -= 8;
    }
    if (n > 0) {
        w = 0;
        for (size_t i = 0; i < n; i++) w = w << 8 | (unsigned char)s[i];
        h = (h ^ w) * k;
        h ^= h >> 29;
    }
    h *= 0xBF58476D1CE4E5B9u;
    return h ^ h >> 32;
}

static uint64_t *find_slot(const struct lutra_tokenizer *t, const char *s, size_t len)
{
    uint64_t h = hash_bytes(s, len);
    uint32_t tag = (uint32_t)(h >> 32);
    for (uint32_t at = (uint32_t)h & t->pieces.mask;; at = (at + 1) & t->pieces.mask) {
        uint64_t *slot = &t->pieces.slot[at];
        if (*slot == 0) return slot;
        if ((uint32_t)(*slot >> 32) != tag) continue;
        int32_t id = (int32_t)(uint32_t)*slot - 1;
        if (t->tok[id].piece_len == len && memcmp(lutra_tok_piece(t, id), s, len) == 0) return slot;
    }
}

int32_t lutra_vocab_find_piece(const struct lutra_tokenizer *t, const char *s, size_t len)
{
    return (int32_t)(uint32_t)*find_slot(t, s, len) - 1;
}

static lutra_status hash_pieces(struct lutra_tokenizer *t, lutra_error *err)
{
    uint32_t n = 0, cap = 16;
    for (int i = 0; i < t->n; i++) n += (t->flag[i] & LUTRA_TOK_PLAIN) != 0;
    while (cap < n + n / 2 + 1) cap *= 2; /* at most two thirds full */
    t->pieces.mask = cap - 1;
    if (!(t->pieces.slot = calloc(cap, sizeof *t->pieces.slot))) return no_memory(err);
    for (int32_t id = 0; id < t->n; id++) {
        if (!(t->flag[id] & LUTRA_TOK_PLAIN)) continue;
        const char *s = lutra_tok_piece(t, id);
        size_t len = t->tok[id].piece_len;
        if (len > t->longest) t->longest = len;
        uint64_t *slot = find_slot(t, s, len);
        if (*slot != 0) continue; /* texts may repeat: the first has it, others are never made */
        uint64_t tag = hash_bytes(s, len) >> 32;
        *slot = tag << 32 | (uint32_t)(id + 1);
        unsigned char b = (unsigned char)s[0];
        if (len == 1 && !t->spm) t->byte_id[b] = id; /* goes before a token <0xNN> */
        if (len == 1 && t->spm && t->byte_id[b] < 0) t->byte_id[b] = id;
    }
    return LUTRA_OK;
}

lutra_status lutra_vocab_load(struct lutra_tokenizer *t, const struct lutra_gguf *g,
                              lutra_error *err)
{
    const struct lutra_gguf_kv *kv = lutra_gguf_find(g, key_tokens);
    size_t bytes;
    if (!kv) {
        return lutra_gguf_missing(g, "key", key_tokens,
                                  "the file has no vocabulary; convert it again", err);
    }
    lutra_status st = measure(t, g, kv, &bytes, err);
    if (st != LUTRA_OK) return st;
    for (int i = 0; i < 256; i++) t->byte_id[i] = -1;
    t->arena = malloc(bytes);
    t->tok = calloc((size_t)t->n, sizeof *t->tok);
    t->flag = calloc((size_t)t->n, 1);
    if (!t->arena || !t->tok || !t->flag) return no_memory(err);
    if ((st = load_types(t, g, err)) != LUTRA_OK) return st;
    if ((st = load_scores(t, g, err)) != LUTRA_OK) return st;
    copy_texts(t, g, kv);
    return hash_pieces(t, err);
}
