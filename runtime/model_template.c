/* SPDX-License-Identifier: MIT */
/* Which chat template a model has: the caller's, the file's, or ChatML by its vocabulary. */
#include <stdlib.h>
#include <string.h>

#include "runtime/session.h"
#include "runtime/template.h"

static lutra_status keep(char **dst, const char *src, size_t n, lutra_error *err)
{
    *dst = malloc(n + 1);
    if (*dst == NULL) return lutra_fail(err, LUTRA_ENOMEM, "no memory for the chat template");
    memcpy(*dst, src, n);
    (*dst)[n] = 0;
    return LUTRA_OK;
}

/* Variables are read once now, by a template that does nothing, so that a mistake is told at once. */
static lutra_status keep_kwargs(lutra_model *m, const char *json, lutra_error *err)
{
    struct lutra_template_input in = {.kwargs_json = json, .enable_thinking = -1};
    struct lutra_rendered r;
    lutra_error why;
    if (lutra_template_render(&r, "", 0, &in, &why) != LUTRA_OK)
        return lutra_fail(err, why.code == LUTRA_ENOMEM ? LUTRA_ENOMEM : LUTRA_EINVAL, "template_kwargs: %s", why.msg);
    lutra_rendered_free(&r);
    return keep(&m->template_kwargs, json, strlen(json), err);
}

static lutra_status from_caller(const char *asked, const char **src, lutra_error *err)
{
    *src = lutra_template_named(asked);
    if (*src == NULL && strchr(asked, '{') == NULL)
        return lutra_fail(err, LUTRA_EINVAL, "chat_template: neither a template nor one of: %s",
                          lutra_template_names);
    if (*src == NULL) *src = asked;
    if (strlen(*src) > LUTRA_TEMPLATE_SOURCE_MAX)
        return lutra_fail(err, LUTRA_EINVAL, "chat_template: larger than %d bytes",
                          LUTRA_TEMPLATE_SOURCE_MAX);
    return LUTRA_OK;
}

static lutra_status from_file(lutra_model *m, const struct lutra_gguf *g, const char **src, size_t *n,
                              lutra_error *err)
{
    static const char key[] = "tokenizer.chat_template";
    bool found;
    lutra_status st = lutra_gguf_str(g, key, src, n, &found, err);
    if (st != LUTRA_OK) return st;
    if (found && *n > LUTRA_TEMPLATE_SOURCE_MAX)
        return lutra_fail(err, LUTRA_EFORMAT, "%s: key %s at offset %llu: larger than %d bytes",
                          lutra_gguf_path(g), key,
                          (unsigned long long)lutra_gguf_find(g, key)->offset,
                          LUTRA_TEMPLATE_SOURCE_MAX);
    m->has_template = 1;
    if (found && *n > 0) return LUTRA_OK;
    bool chatml = lutra_tokenizer_find(m->tok, "<|im_start|>", 12) >= 0;
    m->has_template = chatml ? 2 : 0;
    *src = chatml ? lutra_template_chatml : "";
    *n = strlen(*src);
    return LUTRA_OK;
}

lutra_status lutra_model_template(lutra_model *m, const struct lutra_gguf *g,
                                  const lutra_model_options *opt, lutra_error *err)
{
    const char *src = NULL;
    size_t n = 0;
    lutra_status st = LUTRA_OK;
    if (opt != NULL && opt->template_kwargs != NULL) st = keep_kwargs(m, opt->template_kwargs, err);
    if (st != LUTRA_OK) return st;
    if (opt != NULL && opt->chat_template != NULL) {
        if ((st = from_caller(opt->chat_template, &src, err)) != LUTRA_OK) return st;
        m->has_template = 1;
        n = strlen(src);
    } else if ((st = from_file(m, g, &src, &n, err)) != LUTRA_OK) {
        return st;
    }
    if (m->has_template == 0) return LUTRA_OK;
    m->chat_template_len = n;
    return keep(&m->chat_template, src, n, err);
}
