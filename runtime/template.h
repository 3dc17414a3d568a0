/* SPDX-License-Identifier: MIT */
/* Chat templates: a bounded interpreter for the Jinja that model files carry.
 *
 * A template is a program written by a stranger. It sees only the values given here; it has no
 * files, no environment, no clock but the date passed in; steps, nesting depth, memory and output
 * size are bounded, and nothing recurses on its input without a depth count. Every byte of the
 * output knows whether it came from the template or from a message, so that text from a user is
 * never read as control tokens. */
#ifndef LUTRA_RUNTIME_TEMPLATE_H
#define LUTRA_RUNTIME_TEMPLATE_H

#include "kernels/base.h"
#include "runtime/tokenizer.h" /* struct lutra_range */

struct lutra_message {
    const char *role;    /* "system", "user", "assistant", "tool": NUL-terminated */
    const char *content; /* bytes, may hold anything */
    size_t content_len;
};

struct lutra_template_input {
    const struct lutra_message *messages;
    int n_messages;
    /* Instead of them, NUL-terminated JSON: a list of messages with all that they hold (parts of
     * content, tool calls ...). NULL: none. */
    const char *messages_json;
    const char *tools_json;  /* a list: the variable `tools`; NULL: undefined */
    const char *kwargs_json; /* an object: each member is a variable; NULL: none */
    bool add_generation_prompt;
    const char *bos_token, *eos_token; /* "" if none */
    int enable_thinking;               /* -1 undefined, 0 false, 1 true */
    const char *date;  /* "26 Nov 2026": date_string, and for strftime_now; NULL: both undefined, */
    const char *today; /* but for strftime_now where this is given */
};

enum { /* bounds: exceeding one is LUTRA_EFORMAT naming the bound */
    LUTRA_TEMPLATE_SOURCE_MAX = 1 << 20,
    LUTRA_TEMPLATE_STEPS_MAX = 1000000,   /* one per node, per element, per 512 bytes copied */
    LUTRA_TEMPLATE_DEPTH_MAX = 64,        /* brackets, blocks in the source; 4 x while it runs */
    LUTRA_TEMPLATE_OUTPUT_MAX = 32 << 20, /* and never more than 1 MiB + 16 x the messages */
    LUTRA_TEMPLATE_MEMORY_MAX = 128 << 20 /* and never more than 24 MiB + 2 x the source + 4 x the
                                             output allowed: no small talk costs 128 MiB */
};

/* Rendered text, NUL-terminated, and the ranges of it that came from message contents, from JSON or
 * from roles other than the four above (ascending, not touching, not empty). */
struct lutra_rendered {
    char *text;
    size_t len;
    struct lutra_range *literal;
    size_t n_literal;
};

/* Render template `src` as Jinja2 does with trim_blocks and lstrip_blocks.
 * Errors LUTRA_EFORMAT: line, column and what was not understood, or "template says: " and the
 * message of raise_exception; LUTRA_ENOMEM, LUTRA_EINVAL; out is empty then.
 * Owns: the caller frees out with lutra_rendered_free. */
lutra_status lutra_template_render(struct lutra_rendered *out, const char *src, size_t src_len,
                                   const struct lutra_template_input *in, lutra_error *err);
void lutra_rendered_free(struct lutra_rendered *r);

/* The role as a text of ours if it is one of "system", "user", "assistant", "tool"; else NULL. */
const char *lutra_template_known_role(const char *role, size_t len);

/* Sources by name (template_named.c): NULL if unknown; the names, for messages. ChatML is also what a
 * file without a template gets if its vocabulary has <|im_start|>. */
const char *lutra_template_named(const char *name);
extern const char lutra_template_names[];
extern const char lutra_template_chatml[];

#endif
