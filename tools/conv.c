/* SPDX-License-Identifier: MIT */
/* Messages: add, drop, and turn into tokens. */
#include "tools/conv.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

const char *lutra_conv_role_name(enum lutra_role role)
{
    static const char *const name[] = {"system", "user", "assistant"};
    return name[role];
}

bool lutra_conv_add(struct lutra_conv *c, enum lutra_role role, const char *text, size_t n)
{
    if (c->n == c->cap) {
        if (c->cap > INT_MAX / 4) return false;
        int cap = c->cap * 2 + 16;
        struct lutra_conv_message *msgs = realloc(c->msgs, (size_t)cap * sizeof *msgs);
        if (!msgs) return false;
        c->msgs = msgs;
        c->cap = cap;
    }
    struct lutra_conv_message *m = &c->msgs[c->n];
    memset(m, 0, sizeof *m);
    m->role = role;
    if (!lutra_text_add(&m->text, text, n)) {
        lutra_text_free(&m->text);
        return false;
    }
    c->n++;
    return true;
}

static void remove_at(struct lutra_conv *c, int at, int count)
{
    for (int i = 0; i < count; i++) lutra_text_free(&c->msgs[at + i].text);
    memmove(&c->msgs[at], &c->msgs[at + count], (size_t)(c->n - at - count) * sizeof *c->msgs);
    c->n -= count;
}

static int first_turn(const struct lutra_conv *c)
{
    return c->n > 0 && c->msgs[0].role == LUTRA_SYSTEM ? 1 : 0;
}

bool lutra_conv_system(struct lutra_conv *c, const char *text, size_t n)
{
    if (n > 0) {
        if (!lutra_conv_add(c, LUTRA_SYSTEM, text, n)) return false;
        struct lutra_conv_message m = c->msgs[c->n - 1];
        memmove(&c->msgs[1], &c->msgs[0], (size_t)(c->n - 1) * sizeof *c->msgs);
        c->msgs[0] = m;
        if (c->n > 1 && c->msgs[1].role == LUTRA_SYSTEM) remove_at(c, 1, 1);
    } else if (first_turn(c)) {
        remove_at(c, 0, 1);
    }
    return true;
}

void lutra_conv_pop(struct lutra_conv *c)
{
    if (c->n > 0) remove_at(c, c->n - 1, 1);
}

void lutra_conv_clear(struct lutra_conv *c)
{
    int keep = first_turn(c);
    if (c->n > keep) remove_at(c, keep, c->n - keep);
    c->skip = 0;
}

void lutra_conv_free(struct lutra_conv *c)
{
    if (c->n > 0) remove_at(c, 0, c->n);
    free(c->msgs);
    memset(c, 0, sizeof *c);
}

int lutra_conv_last_role(const struct lutra_conv *c)
{
    return c->n > 0 ? (int)c->msgs[c->n - 1].role : -1;
}

int lutra_conv_skip_oldest(struct lutra_conv *c)
{
    int from = first_turn(c) + c->skip, to = from + 1;
    while (to < c->n && c->msgs[to].role != LUTRA_USER) to++;
    if (to >= c->n) return 0;
    c->skip += to - from;
    return to - from;
}

bool lutra_conv_skipped(const struct lutra_conv *c, int i)
{
    int first = first_turn(c);
    return i >= first && i < first + c->skip;
}

/* As one text, for models without a template. */
static bool plain_text(const struct lutra_conv *c, struct lutra_text *out)
{
    for (int i = 0; i < c->n; i++) {
        if (lutra_conv_skipped(c, i)) continue;
        const struct lutra_text *t = &c->msgs[i].text;
        /* an answer continues its prompt without a gap; a new message begins a new line */
        if (c->msgs[i].role == LUTRA_USER && out->n > 0 && out->p[out->n - 1] != '\n')
            lutra_text_puts(out, "\n");
        lutra_text_add(out, t->p, t->n);
    }
    return !out->failed;
}

static lutra_status no_memory(lutra_error *err)
{
    err->code = LUTRA_ENOMEM;
    strcpy(err->msg, "not enough memory for the conversation");
    return LUTRA_ENOMEM;
}

static lutra_status plain_ids(const struct lutra_conv *c, const lutra_model *m, int32_t **ids,
                              size_t *n, lutra_error *err)
{
    struct lutra_text all = {0};
    lutra_status status = plain_text(c, &all) ? lutra_tokenize(m, all.p ? all.p : "", all.n,
                                                               LUTRA_ADD_SPECIAL, ids, n, err)
                                              : no_memory(err);
    lutra_text_free(&all);
    return status;
}

lutra_status lutra_conv_ids(const struct lutra_conv *c, const lutra_model *m, bool use_template,
                            int32_t **ids, size_t *n, lutra_error *err)
{
    if (!use_template) return plain_ids(c, m, ids, n, err);
    lutra_chat_message *msgs = malloc(((size_t)c->n + 1) * sizeof *msgs);
    if (!msgs) return no_memory(err);
    int count = 0;
    for (int i = 0; i < c->n; i++) {
        if (lutra_conv_skipped(c, i)) continue;
        msgs[count].role = lutra_conv_role_name(c->msgs[i].role);
        msgs[count].content = c->msgs[i].text.p;
        msgs[count].content_len = c->msgs[i].text.n;
        count++;
    }
    lutra_status status = lutra_chat_tokenize(m, msgs, count, 1, ids, n, err);
    free(msgs);
    return status;
}
