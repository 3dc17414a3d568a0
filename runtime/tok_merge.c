/* SPDX-License-Identifier: MIT */
/* Merging the symbols of a section, for words and for sections of any length; see tok_merge.h. */
#include "runtime/tok_merge.h"
#include "runtime/unicode.h"

#include <stdlib.h>
#include <string.h>

enum {
    /* Symbols a word may have: up to about here scanning an array beats a queue. */
    SHORT_MAX = 32,
    /* A character without a token: RAW + its bytes, which no vocabulary's ids reach. */
    RAW = 1 << 30,
    DEAD = INT32_MIN
};

void lutra_merger_free(struct lutra_merger *m)
{
    free(m->sym);
    lutra_queue_free(&m->queue);
    m->sym = NULL;
    m->sym_cap = 0;
}

bool lutra_ids_push(struct lutra_ids *out, int32_t id)
{
    if (out->n == out->cap) {
        size_t cap = out->cap ? out->cap + out->cap / 2 : 64;
        int32_t *v = realloc(out->v, cap * sizeof *v);
        if (!v) return false;
        out->v = v;
        out->cap = cap;
    }
    out->v[out->n++] = id;
    return true;
}

/* ---- symbols ---- */

static inline size_t symbol_len(const struct lutra_tokenizer *t, int32_t sym)
{
    return sym >= RAW ? (size_t)(sym - RAW) : t->tok[sym].piece_len;
}

/* The first symbol of s[0..n) before any merge */
static inline int32_t first_symbol(const struct lutra_tokenizer *t, const char *s, size_t n)
{
    if (!t->spm) {
        int32_t id = t->byte_id[(unsigned char)s[0]];
        return id >= 0 && (t->flag[id] & LUTRA_TOK_PLAIN) ? id : RAW + 1;
    }
    uint32_t cp;
    size_t len = lutra_utf8_next(s, n, &cp);
    int32_t id = lutra_vocab_find_piece(t, s, len);
    return id >= 0 ? id : RAW + (int32_t)len;
}

/* Rank of the pair that covers s[0..n), split between left and right */
static inline uint32_t pair_rank(const struct lutra_tokenizer *t, const char *s, size_t n,
                                 int32_t left, int32_t right, int32_t *id)
{
    if (!t->rank)
        return left < RAW && right < RAW ? lutra_bpe_rank(t, left, right, id) : LUTRA_RANK_NONE;
    *id = lutra_vocab_find_piece(t, s, n);
    return *id >= 0 ? t->rank[*id] : LUTRA_RANK_NONE;
}

/* A symbol as ids: its token, or the tokens of its bytes, or the unknown token, one for the whole
 * character. */
static bool emit(struct lutra_merger *m, const char *s, int32_t sym)
{
    const struct lutra_tokenizer *t = m->t;
    if (sym < RAW) return lutra_ids_push(m->out, sym);
    size_t n = (size_t)(sym - RAW);
    bool known = true;
    for (size_t i = 0; i < n; i++) known &= t->byte_id[(unsigned char)s[i]] >= 0;
    if (!known) return t->unk < 0 || lutra_ids_push(m->out, t->unk);
    for (size_t i = 0; i < n; i++) {
        if (!lutra_ids_push(m->out, t->byte_id[(unsigned char)s[i]])) return false;
    }
    return true;
}

/* ---- words ---- */

struct word {
    int32_t sym[SHORT_MAX + 1], joined[SHORT_MAX];
    uint32_t rank[SHORT_MAX]; /* of symbol i with i + 1 */
    size_t start[SHORT_MAX + 1];
    int n;
};

/* Split s into symbols; false if there are more than fit. */
static bool split_word(struct word *w, const struct lutra_tokenizer *t, const char *s, size_t n)
{
    w->n = 0;
    for (size_t i = 0; i < n;) {
        if (w->n == SHORT_MAX) return false;
        int32_t sym = first_symbol(t, s + i, n - i);
        w->sym[w->n] = sym;
        w->start[w->n++] = i;
        i += symbol_len(t, sym);
    }
    w->start[w->n] = n;
    return true;
}

static void rank_pair(struct word *w, const struct lutra_tokenizer *t, const char *s, int i)
{
    size_t at = w->start[i];
    w->rank[i] =
        pair_rank(t, s + at, w->start[i + 2] - at, w->sym[i], w->sym[i + 1], &w->joined[i]);
}

static bool merge_word(struct lutra_merger *m, struct word *w, const char *s)
{
    for (int i = 0; i + 1 < w->n; i++) rank_pair(w, m->t, s, i);
    for (;;) {
        int best = 0;
        uint32_t rank = LUTRA_RANK_NONE;
        for (int i = 0; i + 1 < w->n; i++) {
            if (w->rank[i] < rank) rank = w->rank[best = i];
        }
        if (rank == LUTRA_RANK_NONE) break;
        w->sym[best] = w->joined[best];
        w->n--;
        for (int i = best + 1; i < w->n; i++) {
            w->sym[i] = w->sym[i + 1];
            w->start[i] = w->start[i + 1];
        }
        w->start[w->n] = w->start[w->n + 1];
        for (int i = best; i + 1 < w->n; i++) {
            w->rank[i] = w->rank[i + 1];
            w->joined[i] = w->joined[i + 1];
        }
        if (best + 1 < w->n) rank_pair(w, m->t, s, best);
        if (best > 0) rank_pair(w, m->t, s, best - 1);
    }
    for (int i = 0; i < w->n; i++) {
        if (!emit(m, s + w->start[i], w->sym[i])) return false;
    }
    return true;
}

/* ---- sections of any length ---- */

static void set_symbol(int32_t *at, size_t start, size_t len, int32_t sym)
{
    at[start + len - 1] = ~(int32_t)start;
    at[start] = sym; /* last, for symbols of one byte */
}

/* Queue the pair whose left symbol is at `at`, if it merges. */
static bool push_pair(struct lutra_merger *m, const char *s, size_t n, size_t at)
{
    int32_t id, left = m->sym[at];
    size_t mid = at + symbol_len(m->t, left);
    if (mid >= n) return true;
    size_t end = mid + symbol_len(m->t, m->sym[mid]);
    uint32_t rank = pair_rank(m->t, s + at, end - at, left, m->sym[mid], &id);
    return rank == LUTRA_RANK_NONE || lutra_queue_push(&m->queue, rank, (uint32_t)at);
}

static bool fill(struct lutra_merger *m, const char *s, size_t n)
{
    for (size_t i = 0; i < n;) {
        int32_t sym = first_symbol(m->t, s + i, n - i);
        size_t len = symbol_len(m->t, sym);
        for (size_t k = 1; k < len; k++) m->sym[i + k] = DEAD;
        set_symbol(m->sym, i, len, sym);
        i += len;
    }
    for (size_t i = 0; i < n; i += symbol_len(m->t, m->sym[i])) {
        if (!push_pair(m, s, n, i)) return false;
    }
    return true;
}

/* Merge the pair at `at` if it is still there and still has this rank. */
static bool merge_at(struct lutra_merger *m, const char *s, size_t n, size_t at, uint32_t rank)
{
    int32_t *v = m->sym, id = -1;
    if (v[at] < 0) return true;
    size_t mid = at + symbol_len(m->t, v[at]);
    if (mid >= n) return true;
    size_t end = mid + symbol_len(m->t, v[mid]);
    if (pair_rank(m->t, s + at, end - at, v[at], v[mid], &id) != rank) return true;
    v[mid] = DEAD;
    set_symbol(v, at, end - at, id);
    if (!push_pair(m, s, n, at)) return false;
    if (at == 0) return true;
    return push_pair(m, s, n, v[at - 1] >= 0 ? at - 1 : (size_t)~v[at - 1]);
}

static bool merge_long(struct lutra_merger *m, const char *s, size_t n)
{
    if (n > INT32_MAX) return false;
    if (m->sym_cap < n) {
        free(m->sym);
        m->sym_cap = 0;
        m->sym = malloc(n * sizeof *m->sym);
        if (!m->sym) return false;
        m->sym_cap = n;
    }
    lutra_queue_begin(&m->queue);
    if (!fill(m, s, n)) return false;
    uint32_t rank, at;
    int more;
    while ((more = lutra_queue_pop(&m->queue, &rank, &at)) > 0) {
        if (!merge_at(m, s, n, at, rank)) return false;
    }
    if (more < 0) return false;
    for (size_t i = 0; i < n; i += symbol_len(m->t, m->sym[i])) {
        if (!emit(m, s + i, m->sym[i])) return false;
    }
    return true;
}

bool lutra_merge_section(struct lutra_merger *m, const char *s, size_t n)
{
    struct word w;
    if (n == 1) return emit(m, s, first_symbol(m->t, s, 1));
    if (n <= 4 * SHORT_MAX && split_word(&w, m->t, s, n)) return merge_word(m, &w, s);
    return merge_long(m, s, n);
}
