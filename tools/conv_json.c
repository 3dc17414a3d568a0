/* SPDX-License-Identifier: MIT */
/* Conversations as JSON, with the roles and field names of the chat services. */
#include <stdio.h>
#include <string.h>

#include "tools/conv.h"
#include "tools/json.h"

bool lutra_conv_write(const struct lutra_conv *c, const char *model, struct lutra_text *out)
{
    struct lutra_json_out w = {out, false};
    lutra_json_open(&w, '{');
    lutra_json_put_key(&w, "lutra");
    lutra_json_put_int(&w, 1);
    lutra_json_put_key(&w, "model");
    lutra_json_put_string(&w, model, strlen(model));
    lutra_json_put_key(&w, "messages");
    lutra_json_open(&w, '[');
    for (int i = 0; i < c->n; i++) {
        lutra_text_puts(out, i ? ",\n" : "\n"); /* a message per line: readable, and diff works */
        w.comma = false;
        lutra_json_open(&w, '{');
        lutra_json_put_key(&w, "role");
        const char *role = lutra_conv_role_name(c->msgs[i].role);
        lutra_json_put_string(&w, role, strlen(role));
        lutra_json_put_key(&w, "content");
        lutra_json_put_string(&w, c->msgs[i].text.p, c->msgs[i].text.n);
        lutra_json_close(&w, '}');
    }
    lutra_text_puts(out, "\n");
    lutra_json_close(&w, ']');
    lutra_json_close(&w, '}');
    return lutra_text_puts(out, "\n");
}

struct reader {
    struct lutra_json j;
    struct lutra_conv conv;
    const char *wrong; /* rule of ours that is broken, where JSON itself is fine */
};

static int role_index(const struct lutra_json *j)
{
    for (int i = LUTRA_SYSTEM; i <= LUTRA_ASSISTANT; i++)
        if (lutra_json_is(j, lutra_conv_role_name((enum lutra_role)i))) return i;
    return lutra_json_is(j, "developer") ? LUTRA_SYSTEM : -1;
}

/* Members of one message; its '{' has been read. */
static bool read_message(struct reader *r)
{
    struct lutra_text text = {0};
    enum lutra_json_event e;
    int role = -1;
    bool content = false, ok = true;
    while (ok && (e = lutra_json_next(&r->j)) == LUTRA_JSON_KEY) {
        bool is_role = lutra_json_is(&r->j, "role"), is_content = lutra_json_is(&r->j, "content");
        e = lutra_json_next(&r->j);
        if (is_role && e == LUTRA_JSON_STRING)
            role = role_index(&r->j);
        else if (is_content && e == LUTRA_JSON_STRING && !content)
            content = ok = lutra_json_text(&r->j, &text);
        else
            ok = lutra_json_skip(&r->j, e);
    }
    if (ok && e != LUTRA_JSON_OBJECT_END) ok = false;
    if (ok && role < 0)
        r->wrong = "a message needs a role: system, user or assistant";
    else if (ok && !content)
        r->wrong = "a message needs a content string";
    else if (ok && role == LUTRA_SYSTEM && r->conv.n > 0)
        r->wrong = "a system message must be the first";
    if (ok && !r->wrong) ok = lutra_conv_add(&r->conv, (enum lutra_role)role, text.p, text.n);
    lutra_text_free(&text);
    return ok && !r->wrong;
}

static bool read_messages(struct reader *r)
{
    enum lutra_json_event e;
    while ((e = lutra_json_next(&r->j)) == LUTRA_JSON_OBJECT)
        if (!read_message(r)) return false;
    if (e == LUTRA_JSON_ARRAY_END) return true;
    if (e != LUTRA_JSON_ERROR) r->wrong = "messages must be objects";
    return false;
}

static bool read_top(struct reader *r)
{
    enum lutra_json_event e = lutra_json_next(&r->j);
    bool found = false;
    if (e == LUTRA_JSON_ARRAY) return read_messages(r) && lutra_json_next(&r->j) == LUTRA_JSON_END;
    if (e != LUTRA_JSON_OBJECT) {
        r->wrong = "not a conversation";
        return false;
    }
    while ((e = lutra_json_next(&r->j)) == LUTRA_JSON_KEY) {
        bool messages = !found && lutra_json_is(&r->j, "messages");
        e = lutra_json_next(&r->j);
        if (messages && e == LUTRA_JSON_ARRAY) {
            found = true;
            if (!read_messages(r)) return false;
        } else if (!lutra_json_skip(&r->j, e)) {
            return false;
        }
    }
    if (e != LUTRA_JSON_OBJECT_END || lutra_json_next(&r->j) != LUTRA_JSON_END) return false;
    if (!found) r->wrong = "no \"messages\" in it";
    return found;
}

bool lutra_conv_read(struct lutra_conv *c, const char *src, size_t len, char *why, size_t why_cap)
{
    struct reader r;
    memset(&r, 0, sizeof r);
    lutra_json_init(&r.j, src, len);
    if (!read_top(&r)) {
        const char *what = r.j.error ? r.j.error : r.wrong ? r.wrong : "not enough memory";
        snprintf(why, why_cap, "byte %zu: %s", r.j.pos, what);
        lutra_conv_free(&r.conv);
        return false;
    }
    lutra_conv_free(c);
    *c = r.conv;
    return true;
}
