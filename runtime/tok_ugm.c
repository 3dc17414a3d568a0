/* SPDX-License-Identifier: MIT */
/* SentencePiece's unigram model (Kudo 2018, arXiv 1804.10959), used by T5 and XLM-RoBERTa: the
 * tokens of a text are those whose scores, log probabilities, have the largest sum.
 *
 * First the text is normalized: prefixes found in the file's trie are replaced, spaces spelled and
 * merged. The trie is a compact double array (Kanda 2018, "Space- and Time-Efficient String
 * Dictionaries"), nodes of 32 bits: bits 10-30 BASE, bit 9 says that BASE is shifted by 8, bit 8
 * that a replacement ends here, bits 0-7 and 31 the byte that leads here; the child of node s by
 * byte c is BASE[s] ^ c. Nothing of it is believed: an index out of bounds ends the search. */
#include "runtime/tok_merge.h"
#include "runtime/tok_sorted.h"
#include "runtime/unicode.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- loading ---- */

static bool may_match(const struct lutra_tokenizer *t, int32_t id)
{
    int attr = lutra_tok_attr(t, id);
    return attr == LUTRA_ATTR_NORMAL || attr == LUTRA_ATTR_USER || attr == LUTRA_ATTR_UNUSED;
}

/* Scores were checked by lutra_vocab_load. */
static bool load_scores(struct lutra_tokenizer *t, const struct lutra_gguf *g)
{
    const struct lutra_gguf_kv *kv = lutra_gguf_find(g, "tokenizer.ggml.scores");
    float least = FLT_MAX;
    if (!(t->ugm.score = malloc((size_t)t->n * sizeof *t->ugm.score))) return false;
    for (int32_t id = 0; id < t->n; id++) {
        double v = 0;
        if (kv) lutra_gguf_arr_float(g, kv, (uint64_t)id, &v);
        int attr = lutra_tok_attr(t, id);
        t->ugm.score[id] = attr == LUTRA_ATTR_USER ? 0.0f : (float)v;
        if (attr == LUTRA_ATTR_NORMAL && (float)v < least) least = (float)v;
    }
    t->ugm.unk_score = (least == FLT_MAX ? 0.0f : least) - 10.0f; /* SentencePiece's penalty */
    return true;
}

static lutra_status load_charsmap(struct lutra_tokenizer *t, const struct lutra_gguf *g,
                                  lutra_error *err)
{
    const struct lutra_gguf_kv *kv = lutra_gguf_find(g, "tokenizer.ggml.precompiled_charsmap");
    struct lutra_unigram *u = &t->ugm;
    if (!kv || (kv->type == LUTRA_GGUF_ARRAY && kv->count == 0)) return LUTRA_OK;
    bool bytes = kv->elem_type == LUTRA_GGUF_U8 || kv->elem_type == LUTRA_GGUF_I8;
    if (kv->type != LUTRA_GGUF_ARRAY || !bytes)
        return lutra_vocab_fail(g, kv, "not an array of bytes", err);
    if (kv->count < 5 || kv->count > (1u << 28))
        return lutra_vocab_fail(g, kv, "too short or too long for a map of characters", err);
    if (!(u->charsmap = malloc((size_t)kv->count)))
        return lutra_fail(err, LUTRA_ENOMEM, "no memory for the vocabulary's map of characters");
    for (uint64_t i = 0; i < kv->count; i++) {
        int64_t v = 0;
        if (!lutra_gguf_arr_int(g, kv, i, &v))
            return lutra_vocab_fail(g, kv, "the array ends early", err);
        u->charsmap[i] = (uint8_t)v;
    }
    uint32_t trie_bytes;
    memcpy(&trie_bytes, u->charsmap, sizeof trie_bytes);
    if (trie_bytes % 4 || trie_bytes > kv->count - 5)
        return lutra_vocab_fail(g, kv, "its trie is longer than the array", err);
    if (u->charsmap[kv->count - 1] != 0)
        return lutra_vocab_fail(g, kv, "its last text has no end", err);
    u->trie_n = trie_bytes / 4;
    u->text_n = (size_t)kv->count - 4 - trie_bytes;
    return LUTRA_OK;
}

lutra_status lutra_ugm_load(struct lutra_tokenizer *t, const struct lutra_gguf *g, lutra_error *err)
{
    t->ugm.merge_spaces = true;
    lutra_status st = load_charsmap(t, g, err);
    if (st == LUTRA_OK)
        st = lutra_gguf_bool(g, "tokenizer.ggml.remove_extra_whitespaces", &t->ugm.merge_spaces,
                             NULL, err);
    if (st != LUTRA_OK) return st;
    if (load_scores(t, g) && lutra_sorted_fill(&t->ugm.tokens, t, may_match)) return LUTRA_OK;
    return lutra_fail(err, LUTRA_ENOMEM, "no memory for the vocabulary");
}

void lutra_ugm_free(struct lutra_unigram *u)
{
    free(u->score);
    free(u->charsmap);
    free(u->tokens.id);
}

/* ---- normalizing ---- */

static uint32_t node(const struct lutra_unigram *u, uint32_t i, bool *ok)
{
    uint32_t v = 0;
    *ok = i < u->trie_n;
    if (*ok) memcpy(&v, u->charsmap + 4 + 4 * (size_t)i, sizeof v);
    return v;
}

static uint32_t base_of(uint32_t v)
{
    return (v >> 10) << ((v & 0x200) >> 6);
}

/* The longest prefix of s that is replaced: its length, 0 if none; *to is the replacement. */
static size_t replaced(const struct lutra_unigram *u, const char *s, size_t n, const char **to)
{
    bool ok;
    uint32_t v = node(u, 0, &ok), at = base_of(v);
    size_t best = 0;
    for (size_t i = 0; ok && i < n && s[i]; i++) {
        unsigned char c = (unsigned char)s[i];
        at ^= c;
        v = node(u, at, &ok);
        if (!ok || (v & 0x800000FFu) != c) break;
        at ^= base_of(v);
        if (!(v >> 8 & 1)) continue;
        uint32_t text = node(u, at, &ok) & 0x7FFFFFFF;
        if (!ok || text >= u->text_n) break;
        best = i + 1;
        *to = (const char *)u->charsmap + 4 + 4 * u->trie_n + text;
    }
    return best;
}

struct normal {
    char *s;
    size_t n, cap;
    bool in_word, prefix, merge; /* prefix: a space is still to be put before the first word */
};

static bool put(struct normal *o, const char *s, size_t n)
{
    if (o->cap - o->n < 2 * n) {
        size_t cap = 2 * (o->cap + n) + 64;
        char *more = realloc(o->s, cap);
        if (!more) return false;
        o->s = more;
        o->cap = cap;
    }
    for (size_t i = 0; i < n; i++) {
        if (s[i] == ' ') {
            o->in_word = false;
            if (!o->merge) o->s[o->n++] = ' ';
            continue;
        }
        if (!o->in_word && (o->merge || o->prefix)) o->s[o->n++] = ' ';
        if (!o->in_word) o->prefix = false;
        o->in_word = true;
        o->s[o->n++] = s[i];
    }
    return true;
}

static bool normalize(const struct lutra_tokenizer *t, struct normal *o, const char *s, size_t len)
{
    for (size_t pos = 0; pos < len;) {
        const char *to = NULL;
        uint32_t cp;
        size_t n = replaced(&t->ugm, s + pos, len - pos, &to);
        bool ok;
        if (n > 0) {
            ok = put(o, to, strlen(to));
        } else {
            n = lutra_utf8_next(s + pos, len - pos, &cp);
            ok = cp == LUTRA_UTF8_BAD ? put(o, "\xEF\xBF\xBD", 3) : put(o, s + pos, n);
        }
        if (!ok) return false;
        pos += n;
    }
    return true;
}

/* ---- the best sum ---- */

struct step {
    double sum;
    size_t from;
    int32_t id;
};

/* Best ways to every place of s that lie one token after `at`. */
static void extend(const struct lutra_tokenizer *t, struct step *best, const char *s, size_t len,
                   size_t at)
{
    const struct lutra_sorted *sp = &t->ugm.tokens;
    struct lutra_walk w = lutra_walk_begin(sp, (unsigned char)s[at]);
    uint32_t cp;
    size_t one = lutra_utf8_next(s + at, len - at, &cp);
    bool have_one = false;
    do {
        int32_t id = lutra_walk_token(sp, t, &w);
        if (id < 0) continue;
        double sum = best[at].sum + (double)t->ugm.score[id];
        have_one |= w.depth == one;
        if (sum > best[at + w.depth].sum) best[at + w.depth] = (struct step){sum, at, id};
    } while (w.lo < w.hi && at + w.depth < len &&
             lutra_walk_next(sp, t, &w, (unsigned char)s[at + w.depth]));
    double sum = best[at].sum + (double)t->ugm.unk_score;
    if (!have_one && sum > best[at + one].sum) best[at + one] = (struct step){sum, at, t->unk};
}

/* Ids of s; a run of unknown characters is one unknown token. */
static bool best_ids(struct lutra_merger *m, const char *s, size_t len)
{
    const struct lutra_tokenizer *t = m->t;
    struct step *best = malloc((len + 1) * sizeof *best);
    if (!best) return false;
    for (size_t i = 0; i <= len; i++) best[i] = (struct step){-DBL_MAX, 0, t->unk};
    best[0].sum = 0;
    for (size_t i = 0; i < len;) {
        uint32_t cp;
        extend(t, best, s, len, i);
        i += lutra_utf8_next(s + i, len - i, &cp);
    }
    size_t next = len; /* turn the chain round: from[i] becomes where token i ends */
    for (size_t i = len; i > 0;) {
        size_t from = best[i].from;
        best[i].from = next;
        next = i;
        i = from;
    }
    bool ok = true;
    for (size_t i = next; len > 0 && ok; i = best[i].from) {
        int32_t id = best[i].id;
        bool again = id == t->unk && m->out->n > 0 && m->after_unk;
        if (!again && id >= 0) ok = lutra_ids_push(m->out, id);
        m->after_unk = id == t->unk;
        if (i == len) break;
    }
    free(best);
    return ok;
}

bool lutra_ugm_encode(struct lutra_merger *m, const char *s, size_t len, bool prefix)
{
    struct normal o = {.prefix = prefix, .merge = m->t->ugm.merge_spaces};
    bool ok = normalize(m->t, &o, s, len);
    m->after_unk = false;
    for (size_t pos = 0; ok && pos < o.n;) {
        size_t end = lutra_section_end(m->t, o.s, pos, o.n);
        ok = best_ids(m, o.s + pos, end - pos);
        pos = end;
    }
    free(o.s);
    return ok;
}
