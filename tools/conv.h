/* SPDX-License-Identifier: MIT */
/* A conversation: messages in order, their tokens, their JSON. */
#ifndef LUTRA_TOOLS_CONV_H
#define LUTRA_TOOLS_CONV_H

#include "runtime/lutra.h"
#include "tools/text.h"

enum lutra_role { LUTRA_SYSTEM, LUTRA_USER, LUTRA_ASSISTANT };

struct lutra_conv_message {
    enum lutra_role role;
    struct lutra_text text;
};

/* All zero is an empty conversation. The system message, if there is one, is the first. */
struct lutra_conv {
    struct lutra_conv_message *msgs;
    int n, cap;
    int skip; /* messages after the system message that no longer fit the context: kept for /save
                 only */
};

bool lutra_conv_add(struct lutra_conv *c, enum lutra_role role, const char *text, size_t n);
bool lutra_conv_system(struct lutra_conv *c, const char *text,
                       size_t n);            /* set, or remove when n is 0 */
void lutra_conv_pop(struct lutra_conv *c);   /* the last message */
void lutra_conv_clear(struct lutra_conv *c); /* all but the system message */
void lutra_conv_free(struct lutra_conv *c);
const char *lutra_conv_role_name(enum lutra_role role); /* "user" */
int lutra_conv_last_role(const struct lutra_conv *c);   /* -1 when empty */

/* Skip the oldest turn (a user message and what follows up to the next one) but never the system
 * message or the last user message. Returns messages skipped. */
int lutra_conv_skip_oldest(struct lutra_conv *c);
/* Is message i one of those left out? */
bool lutra_conv_skipped(const struct lutra_conv *c, int i);

/* Ids that ask for the next answer, without skipped messages. use_template: by the model's
 * template; else the texts as they are, one after another. *ids: lutra_free. */
lutra_status lutra_conv_ids(const struct lutra_conv *c, const lutra_model *m, bool use_template,
                            int32_t **ids, size_t *n, lutra_error *err);

/* JSON: {"lutra":1,"model":NAME,"messages":[{"role":"user","content":"..."},...]} */
bool lutra_conv_write(const struct lutra_conv *c, const char *model, struct lutra_text *out);
/* Replaces c when all of `src` is right; else leaves it and describes the problem in why. */
bool lutra_conv_read(struct lutra_conv *c, const char *src, size_t len, char *why, size_t why_cap);

#endif
