/* SPDX-License-Identifier: MIT */
/* Special tokens: finding them in a text in linear time, and knowing which of them end an answer. */
#include "runtime/tok_sorted.h"

#include <string.h>

static bool is_special(const struct lutra_tokenizer *t, int32_t id)
{
    int attr = lutra_tok_attr(t, id);
    return (attr == LUTRA_ATTR_CONTROL || attr == LUTRA_ATTR_UNKNOWN || attr == LUTRA_ATTR_USER) &&
           t->tok[id].piece_len <= LUTRA_SPECIAL_BYTES_MAX;
}

lutra_status lutra_specials_load(struct lutra_tokenizer *t, lutra_error *err)
{
    if (!lutra_sorted_fill(&t->specials, t, is_special))
        return lutra_fail(err, LUTRA_ENOMEM, "no memory for the special tokens");
    for (int32_t i = 0; i < t->specials.n; i++)
        t->any_user |= lutra_tok_attr(t, t->specials.id[i]) == LUTRA_ATTR_USER;
    return LUTRA_OK;
}

/* ---- finding them ---- */

/* Longest token at pos; control tokens may reach up to byte `limit` of the text. */
static size_t match_at(const struct lutra_tokenizer *t, const struct lutra_special_scan *sc,
                       size_t pos, size_t limit, int32_t *id)
{
    const unsigned char *s = (const unsigned char *)sc->s + pos;
    struct lutra_walk w = lutra_walk_begin(&t->specials, s[0]);
    size_t best = 0;
    do {
        int32_t found = lutra_walk_token(&t->specials, t, &w);
        if (found < 0) continue;
        if (lutra_tok_attr(t, found) != LUTRA_ATTR_USER && pos + w.depth > limit) continue;
        best = w.depth;
        *id = found;
    } while (w.lo < w.hi && pos + w.depth < sc->len &&
             lutra_walk_next(&t->specials, t, &w, s[w.depth]));
    return best;
}

size_t lutra_special_next(const struct lutra_tokenizer *t, struct lutra_special_scan *sc,
                          size_t *pos, int32_t *id)
{
    const struct lutra_sorted *sp = &t->specials;
    if (!sc->control && !t->any_user) return 0;
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
