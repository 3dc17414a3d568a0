/* SPDX-License-Identifier: MIT */
/* The text half of lutra.h: text to ids, ids to bytes, conversations to ids. */
#include "runtime/session.h"
#include "runtime/template.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

static lutra_status bad(lutra_error *err, const char *what)
{
    return lutra_fail(err, LUTRA_EINVAL, "%s", what);
}

lutra_status lutra_tokenize(const lutra_model *m, const char *text, size_t len, unsigned flags, int32_t **ids, size_t *n,
                            lutra_error *err)
{
    if (m == NULL || (text == NULL && len != 0) || ids == NULL || n == NULL) return bad(err, "lutra_tokenize: NULL argument");
    *ids = NULL;
    *n = 0;
    struct lutra_ids list = {0};
    unsigned f = (flags & LUTRA_ADD_SPECIAL ? LUTRA_TOK_ADD_SPECIAL : 0u) | (flags & LUTRA_PARSE_SPECIAL ? LUTRA_TOK_SPECIAL : 0u);
    lutra_status st = lutra_tokenizer_encode(m->tok, text ? text : "", len, f, NULL, 0, &list, err);
    if (st != LUTRA_OK) {
        free(list.v);
        return st;
    }
    *ids = list.v;
    *n = list.n;
    return LUTRA_OK;
}

size_t lutra_token_bytes(const lutra_model *m, int32_t id, int special, char *dst, size_t cap)
{
    return m ? lutra_tokenizer_piece(m->tok, id, special != 0, false, dst, cap) : 0;
}

int lutra_token_is_end(const lutra_model *m, int32_t id)
{
    return m && lutra_tokenizer_is_end(m->tok, id);
}

/* A special token's text as a NUL-terminated string for the template. */
static void token_text(const lutra_model *m, int32_t id, char *dst, size_t cap)
{
    size_t n;
    const char *s = id >= 0 ? lutra_tokenizer_text(m->tok, id, &n) : NULL;
    dst[0] = 0;
    if (s == NULL || n >= cap || memchr(s, 0, n)) return;
    memcpy(dst, s, n);
    dst[n] = 0;
}

/* In English, whatever the application's locale is. */
static void today(char *dst, size_t cap)
{
    static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    time_t now = time(NULL);
    struct tm tm;
    dst[0] = 0;
    if (now == (time_t)-1 || gmtime_r(&now, &tm) == NULL) return;
    lutra_format(dst, cap, "%02d %.3s %d", tm.tm_mday, months + 3 * tm.tm_mon, tm.tm_year + 1900);
}

/* The rendered text already begins with BOS in many templates; the tokenizer must not add a second. */
static unsigned bos_flag(const lutra_model *m, const struct lutra_rendered *r, const char *bos)
{
    size_t n = strlen(bos);
    bool there = n > 0 && r->len >= n && memcmp(r->text, bos, n) == 0;
    return there || !lutra_tokenizer_adds_bos(m->tok) ? 0u : LUTRA_TOK_ADD_SPECIAL;
}

lutra_status lutra_chat_tokenize(const lutra_model *m, const lutra_chat_message *msgs, int n_msgs, int add_answer,
                                 int32_t **ids, size_t *n, lutra_error *err)
{
    if (m == NULL || ids == NULL || n == NULL || n_msgs < 0 || (msgs == NULL && n_msgs > 0))
        return bad(err, "lutra_chat_tokenize: NULL argument");
    *ids = NULL;
    *n = 0;
    if (m->has_template == 0)
        return lutra_fail(err, LUTRA_EUNSUPPORTED, "this model has no chat template; it can only continue text");
    char bos[64], eos[64], date[32];
    struct lutra_rendered r;
    struct lutra_message *list = calloc((size_t)n_msgs + 1, sizeof *list);
    if (list == NULL) return lutra_fail(err, LUTRA_ENOMEM, "no memory for %d messages", n_msgs);
    for (int i = 0; i < n_msgs; i++)
        list[i] = (struct lutra_message){msgs[i].role ? msgs[i].role : "", msgs[i].content ? msgs[i].content : "",
                                         msgs[i].content ? msgs[i].content_len : 0};
    token_text(m, lutra_tokenizer_bos(m->tok), bos, sizeof bos);
    token_text(m, lutra_tokenizer_eos(m->tok), eos, sizeof eos);
    today(date, sizeof date);
    struct lutra_template_input in = {.messages = list,
                                      .n_messages = n_msgs,
                                      .add_generation_prompt = add_answer != 0,
                                      .bos_token = bos,
                                      .eos_token = eos,
                                      .kwargs_json = m->template_kwargs,
                                      .enable_thinking = -1,
                                      .date = date};
    lutra_status st = lutra_template_render(&r, m->chat_template, m->chat_template_len, &in, err);
    free(list);
    if (st != LUTRA_OK) return st;
    struct lutra_ids out = {0};
    st = lutra_tokenizer_encode(m->tok, r.text, r.len, LUTRA_TOK_SPECIAL | bos_flag(m, &r, bos), r.literal, r.n_literal, &out,
                                err);
    lutra_rendered_free(&r);
    if (st != LUTRA_OK) {
        free(out.v);
        return st;
    }
    *ids = out.v;
    *n = out.n;
    return LUTRA_OK;
}
