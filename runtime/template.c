/* SPDX-License-Identifier: MIT */
/* Chat templates: the variables a template sees, and one rendering from start to end. */
#include "runtime/template.h"

#include <stdlib.h>
#include <string.h>

#include "runtime/tmpl.h"

/* Names that must have a number before the template is read: its globals are an array by number. */
static const char *const known_names[] = {
    "messages",        "add_generation_prompt",
    "bos_token",       "eos_token",
    "enable_thinking", "date_string",
    "tools",
    "namespace",       "dict",
    "range",           "raise_exception",
    "strftime_now",    "loop",
    "caller",          "role",
    "content",
};

static bool set_global(struct tmpl *t, const char *name, struct tval v)
{
    int sym = lutra_tmpl_intern(t, name, strlen(name));
    if (sym >= 0) t->global[sym] = v;
    return sym >= 0;
}

static bool set_text(struct tmpl *t, const char *name, const char *text)
{
    struct tstr *s = lutra_tmpl_text(t, text ? text : "");
    return s && set_global(t, name, tval_str(s));
}

/* Any other role is a stranger's text. */
const char *lutra_template_known_role(const char *role, size_t len)
{
    static const char *const roles[] = {"system", "user", "assistant", "tool"};
    for (size_t i = 0; i < sizeof roles / sizeof *roles; i++)
        if (strlen(roles[i]) == len && memcmp(role, roles[i], len) == 0) return roles[i];
    return NULL;
}

static bool read_json(struct tmpl *t, const char *what, const char *json, enum tkind kind,
                      struct tval *out)
{
    if (!lutra_tmpl_read_json(t, what, json, strlen(json), true, out)) return false;
    if (out->kind == kind) return true;
    return lutra_tmpl_fail(t, "%s: not %s", what, kind == TV_LIST ? "a list" : "an object");
}

static bool add_message(struct tmpl *t, struct tlist *all, const struct lutra_message *m)
{
    const char *role = m->role ? m->role : "";
    struct tstr *r = lutra_tmpl_str(t, role, strlen(role), !lutra_template_known_role(role, strlen(role)));
    struct tstr *c = lutra_tmpl_str(t, m->content_len ? m->content : "", m->content_len, true);
    struct tdict *d = lutra_tmpl_new_dict(t, 2);
    if (!r || !c || !d) return false;
    d->v[0] = (struct tpair){tval_str(t->sym[lutra_tmpl_intern(t, "role", 4)].str), tval_str(r)};
    d->v[1] = (struct tpair){tval_str(t->sym[lutra_tmpl_intern(t, "content", 7)].str), tval_str(c)};
    d->n = 2;
    return lutra_tmpl_append(t, all, tval_dict(d));
}

static bool define_messages(struct tmpl *t)
{
    const struct lutra_template_input *in = t->in;
    struct tlist *all;
    struct tval v;
    if (in->messages_json) {
        if (!read_json(t, "messages", in->messages_json, TV_LIST, &v)) return false;
        return set_global(t, "messages", v);
    }
    if (!(all = lutra_tmpl_new_list(t, (size_t)in->n_messages))) return false;
    for (int i = 0; i < in->n_messages; i++)
        if (!add_message(t, all, &in->messages[i])) return false;
    return set_global(t, "messages", tval_list(all));
}

/* Names that the template does not use have no number and no place. */
static bool define_kwargs(struct tmpl *t, const char *json)
{
    struct tval v;
    if (!read_json(t, "template variables", json, TV_DICT, &v)) return false;
    for (size_t i = 0; i < v.u.dict->n; i++) {
        const struct tstr *key = v.u.dict->v[i].key.u.s;
        int sym = lutra_tmpl_intern(t, key->p, key->n);
        if (sym < 0) return false;
        if (sym < t->n_global) t->global[sym] = v.u.dict->v[i].val;
    }
    return true;
}

static bool define_variables(struct tmpl *t)
{
    const struct lutra_template_input *in = t->in;
    struct tval tools;
    if (!define_messages(t)) return false;
    if (in->tools_json && (!read_json(t, "tools", in->tools_json, TV_LIST, &tools) ||
                           !set_global(t, "tools", tools)))
        return false;
    if (!set_global(t, "add_generation_prompt", tval_bool(in->add_generation_prompt))) return false;
    if (!set_text(t, "bos_token", in->bos_token) || !set_text(t, "eos_token", in->eos_token))
        return false;
    if (in->date && !set_text(t, "date_string", in->date)) return false;
    if (in->enable_thinking >= 0 &&
        !set_global(t, "enable_thinking", tval_bool(in->enable_thinking)))
        return false;
    if (!lutra_tmpl_define_functions(t)) return false;
    return !in->kwargs_json || define_kwargs(t, in->kwargs_json);
}

static size_t output_bound(const struct lutra_template_input *in)
{
    size_t max = 1 << 20;
    const char *const json[] = {in->messages_json, in->tools_json, in->kwargs_json};
    for (int i = 0; i < 3; i++) {
        size_t n = json[i] ? strlen(json[i]) : 0;
        if (n > LUTRA_TEMPLATE_OUTPUT_MAX / 64) return LUTRA_TEMPLATE_OUTPUT_MAX;
        max += 16 * n;
    }
    for (int i = 0; i < in->n_messages; i++) {
        if (in->messages[i].content_len > LUTRA_TEMPLATE_OUTPUT_MAX / 16)
            return LUTRA_TEMPLATE_OUTPUT_MAX;
        max += 16 * in->messages[i].content_len;
        if (max >= LUTRA_TEMPLATE_OUTPUT_MAX) return LUTRA_TEMPLATE_OUTPUT_MAX;
    }
    return max;
}

static size_t memory_bound(size_t src_len, size_t out_max)
{
    size_t max = ((size_t)24 << 20) + 2 * src_len + 4 * out_max;
    return max < LUTRA_TEMPLATE_MEMORY_MAX ? max : LUTRA_TEMPLATE_MEMORY_MAX;
}

/* Copy the source with every line end as \n and without the last one, as Jinja reads it. */
static bool take_source(struct tmpl *t, const char *src, size_t n)
{
    t->src = malloc(n + 1);
    if (!t->src) return lutra_tmpl_nomem(t);
    t->memory += n + 1;
    for (size_t i = 0; i < n; i++) {
        char c = src[i];
        if (c == '\r' && i + 1 < n && src[i + 1] == '\n') continue;
        t->src[t->src_len++] = c == '\r' ? '\n' : c;
    }
    if (t->src_len > 0 && t->src[t->src_len - 1] == '\n') t->src_len--;
    t->src[t->src_len] = '\0';
    return true;
}

static bool take_tables(struct tmpl *t)
{
    t->stack = calloc(TMPL_STACK, sizeof *t->stack);
    t->stack_name = calloc(TMPL_STACK, sizeof *t->stack_name);
    if (!t->stack || !t->stack_name) return lutra_tmpl_nomem(t);
    for (size_t i = 0; i < sizeof known_names / sizeof *known_names; i++)
        if (lutra_tmpl_intern(t, known_names[i], strlen(known_names[i])) < 0) return false;
    return true;
}

static bool take_globals(struct tmpl *t)
{
    size_t n = (size_t)t->n_sym;
    if (!lutra_tmpl_reserve(t, n, sizeof *t->global)) return false;
    t->global = calloc(n, sizeof *t->global);
    if (!t->global) return lutra_tmpl_nomem(t);
    t->n_global = t->n_sym;
    t->memory += n * sizeof *t->global;
    return define_variables(t);
}

static bool render(struct tmpl *t, const char *src, size_t src_len)
{
    int32_t first;
    if (!take_source(t, src, src_len) || !take_tables(t)) return false;
    t->depth_max = TMPL_PARSE_DEPTH;
    if (!lutra_tmpl_parse(t, &first)) return false;
    t->at = 0;
    t->depth_max = TMPL_RUN_DEPTH;
    t->steps = 0;
    return take_globals(t) && lutra_tmpl_run_template(t, first);
}

/* Hand the output buffer over, cut to size and terminated. */
static bool give_output(struct tmpl *t, struct lutra_rendered *out)
{
    char *text = realloc(t->out, t->out_len + 1);
    if (!text) return lutra_tmpl_nomem(t);
    t->out = NULL;
    text[t->out_len] = '\0';
    *out = (struct lutra_rendered){
        .text = text, .len = t->out_len, .literal = t->mark, .n_literal = t->n_mark};
    t->mark = NULL;
    return true;
}

lutra_status lutra_template_render(struct lutra_rendered *out, const char *src, size_t src_len,
                                   const struct lutra_template_input *in, lutra_error *err)
{
    if (!out)
        return lutra_fail(err, LUTRA_EINVAL, "lutra_template_render: no place for the result");
    *out = (struct lutra_rendered){0};
    if ((!src && src_len > 0) || !in || in->n_messages < 0 || (!in->messages && in->n_messages > 0))
        return lutra_fail(err, LUTRA_EINVAL, "lutra_template_render: no template or no messages");
    for (int i = 0; i < in->n_messages; i++)
        if (!in->messages[i].content && in->messages[i].content_len > 0)
            return lutra_fail(err, LUTRA_EINVAL, "lutra_template_render: message %d has no content",
                              i);
    if (src_len > LUTRA_TEMPLATE_SOURCE_MAX)
        return lutra_fail(err, LUTRA_EFORMAT, "chat template: %zu bytes long, more than %d",
                          src_len, LUTRA_TEMPLATE_SOURCE_MAX);
    struct tmpl t = {.err = err, .in = in, .out_max = output_bound(in)};
    t.memory_max = memory_bound(src_len, t.out_max);
    bool ok = render(&t, src, src_len) && give_output(&t, out);
    lutra_tmpl_free(&t);
    return ok ? LUTRA_OK : t.status;
}

void lutra_rendered_free(struct lutra_rendered *r)
{
    if (!r) return;
    free(r->text);
    free(r->literal);
    *r = (struct lutra_rendered){0};
}
