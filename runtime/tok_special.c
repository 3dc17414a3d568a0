/* SPDX-License-Identifier: MIT */
/* Special tokens: finding them in a text in linear time, and knowing which of them end an answer.
 *
 * The tokens are sorted by their bytes; a search at a position narrows the range of tokens that
 * share the text's next bytes, one byte at a time. It takes at most 255 steps and usually one, and
 * needs 4 bytes per token where a trie of 6,000 <unusedN> tokens would need hundreds. */
#include "runtime/tok_vocab.h"

#include <stdlib.h>
#include <string.h>

/* ---- the sorted list ---- */

static int compare(const struct lutra_tokenizer *t, int32_t a, int32_t b)
{
    size_t na = t->tok[a].piece_len, nb = t->tok[b].piece_len;
    int c = memcmp(lutra_tok_piece(t, a), lutra_tok_piece(t, b), na < nb ? na : nb);
    return c != 0 ? c : (na > nb) - (na < nb);
}

/* Bottom-up merge sort: stable, so that of equal texts the lowest id stays first. */
static void sort_ids(const struct lutra_tokenizer *t, int32_t *v, int32_t *room, int32_t n)
{
    for (int32_t width = 1; width < n; width *= 2) {
        for (int32_t lo = 0; lo < n; lo += 2 * width) {
            int32_t mid = n - lo < width ? n : lo + width;
            int32_t hi = n - lo < 2 * width ? n : lo + 2 * width;
            int32_t a = lo, b = mid;
            for (int32_t k = lo; k < hi; k++) {
                bool left = a < mid && (b >= hi || compare(t, v[a], v[b]) <= 0);
                room[k] = left ? v[a++] : v[b++];
            }
            if (hi == n) break;
        }
        memcpy(v, room, (size_t)n * sizeof *v);
    }
}

static bool is_special(const struct lutra_tokenizer *t, int32_t id)
{
    int attr = lutra_tok_attr(t, id);
    size_t n = t->tok[id].piece_len;
    return (attr == LUTRA_ATTR_CONTROL || attr == LUTRA_ATTR_UNKNOWN || attr == LUTRA_ATTR_USER) &&
           n > 0 && n <= LUTRA_SPECIAL_BYTES_MAX;
}

lutra_status lutra_specials_load(struct lutra_tokenizer *t, lutra_error *err)
{
    struct lutra_specials *sp = &t->specials;
    int32_t n = 0, kept = 0;
    for (int32_t id = 0; id < t->n; id++) n += is_special(t, id);
    int32_t *room = malloc((size_t)n * sizeof *room + 1);
    sp->id = malloc((size_t)n * sizeof *sp->id + 1);
    if (!room || !sp->id) {
        free(room);
        return lutra_fail(err, LUTRA_ENOMEM, "no memory for the special tokens");
    }
    for (int32_t id = 0, k = 0; id < t->n; id++) {
        if (is_special(t, id)) sp->id[k++] = id;
    }
    sort_ids(t, sp->id, room, n);
    free(room);
    for (int32_t i = 0; i < n; i++) {
        if (kept > 0 && compare(t, sp->id[kept - 1], sp->id[i]) == 0) continue;
        sp->id[kept++] = sp->id[i];
        sp->any_user |= lutra_tok_attr(t, sp->id[kept - 1]) == LUTRA_ATTR_USER;
    }
    sp->n = kept;
    for (int32_t i = kept - 1, b = 256; b >= 0; b--) {
        while (i >= 0 && (unsigned char)*lutra_tok_piece(t, sp->id[i]) >= b) i--;
        sp->begin[b] = i + 1;
    }
    return LUTRA_OK;
}

/* ---- finding them ---- */

static unsigned char byte_at(const struct lutra_tokenizer *t, int32_t i, size_t depth)
{
    return (unsigned char)lutra_tok_piece(t, t->specials.id[i])[depth];
}

/* First of tokens [lo, hi), all longer than depth and sorted by byte `depth`, where that byte is >=
 * want. */
static int32_t lower_bound(const struct lutra_tokenizer *t, int32_t lo, int32_t hi, size_t depth,
                           int want)
{
    while (lo < hi) {
        int32_t mid = lo + (hi - lo) / 2;
        if (byte_at(t, mid, depth) < want)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

/* Longest token at pos; control tokens may reach up to byte `limit` of the text. */
static size_t match_at(const struct lutra_tokenizer *t, const struct lutra_special_scan *sc,
                       size_t pos, size_t limit, int32_t *id)
{
    const unsigned char *s = (const unsigned char *)sc->s + pos;
    const struct lutra_specials *sp = &t->specials;
    int32_t lo = sp->begin[s[0]], hi = sp->begin[s[0] + 1];
    size_t best = 0;
    for (size_t depth = 1; lo < hi; depth++) {
        int32_t first = sp->id[lo]; /* the shortest of those that begin like the text */
        if (t->tok[first].piece_len == depth) {
            if (lutra_tok_attr(t, first) == LUTRA_ATTR_USER || pos + depth <= limit) {
                best = depth;
                *id = first;
            }
            lo++;
        }
        if (lo == hi || pos + depth == sc->len) break;
        lo = lower_bound(t, lo, hi, depth, s[depth]);
        hi = lower_bound(t, lo, hi, depth, s[depth] + 1);
    }
    return best;
}

size_t lutra_special_next(const struct lutra_tokenizer *t, struct lutra_special_scan *sc,
                          size_t *pos, int32_t *id)
{
    const struct lutra_specials *sp = &t->specials;
    if (!sc->control && !sp->any_user) return 0;
    for (size_t i = *pos; i < sc->len; i++) {
        unsigned char b = (unsigned char)sc->s[i];
        if (sp->begin[b] == sp->begin[b + 1]) continue;
        while (sc->n_literal > 0 && sc->literal->start + sc->literal->len <= i) {
            sc->literal++;
            sc->n_literal--;
        }
        size_t limit = sc->n_literal > 0 ? sc->literal->start : sc->len;
        size_t n = match_at(t, sc, i, sc->control ? limit : 0, id);
        if (n > 0) {
            *pos = i;
            return n;
        }
    }
    return 0;
}

/* ---- end of generation ---- */

/* Texts of tokens that end an answer, as llama.cpp knows them (a list of facts): no key of a file
 * names them all. Of those in the last two rows: a chat that comes to them has left the answer. */
/* clang-format off */
static const char *const end_texts[] = {
    "<|eot_id|>", "<|im_end|>", "<|end|>", "<|return|>", "<|call|>", "<|calls|>", "<|flush|>",
    "<end_of_turn>", "<|endoftext|>", "<|eom_id|>", "<EOT>", "_<EOT>", "[EOT]", "[EOS]",
    "<|end_of_text|>", "<end_of_utterance>", "<eos>", "<turn|>", "<|tool_response>", "[e~[",
    u8"<\uFF5Cend\u2581of\u2581sentence\uFF5C>",
    "<|fim_pad|>", "<fim-pad>", "<fim_pad>", "<|fim_repo|>", "<|repo_name|>", "<fim-repo>",
    "<reponame>", "<|file_sep|>",
};
/* clang-format on */

static bool text_is(const struct lutra_tokenizer *t, int32_t id, const char *s)
{
    size_t n = strlen(s);
    return t->tok[id].text_len == n && memcmp(t->arena + t->tok[id].text, s, n) == 0;
}

static bool ends_by_text(const struct lutra_tokenizer *t, int32_t id)
{
    /* </s> must be a control token: in Gemma's vocabulary a user-defined one is the HTML tag */
    if (text_is(t, id, "</s>")) return lutra_tok_attr(t, id) == LUTRA_ATTR_CONTROL;
    for (size_t i = 0; i < sizeof end_texts / sizeof end_texts[0]; i++) {
        if (text_is(t, id, end_texts[i])) return true;
    }
    return false;
}

void lutra_specials_mark_ends(struct lutra_tokenizer *t)
{
    int32_t end = -1;
    bool has_return = false, has_call = false, has_flush = false;
    for (int32_t id = 0; id < t->n; id++) {
        char c = t->arena[t->tok[id].text];
        if ((c != '<' && c != '[' && c != '_') || !ends_by_text(t, id)) continue;
        t->flag[id] |= LUTRA_TOK_END;
        if (text_is(t, id, "<|end|>")) end = id;
        has_return |= text_is(t, id, "<|return|>");
        has_flush |= text_is(t, id, "<|flush|>");
        has_call |= text_is(t, id, "<|call|>") || text_is(t, id, "<|calls|>");
    }
    /* there <|end|> closes a part of an answer only (gpt-oss, solar-open) */
    if (end >= 0 && has_call && (has_return || has_flush)) t->flag[end] &= (uint8_t)~LUTRA_TOK_END;
}
