/* SPDX-License-Identifier: MIT */
/* JSON: a pull parser that never recurses and never allocates, and a writer into a lutra_text.
 *
 *   struct lutra_json j;
 *   lutra_json_init(&j, text, len);
 *   while ((e = lutra_json_next(&j)) > LUTRA_JSON_END) ...
 *
 * Strict RFC 8259: UTF-8 only, no comments, no trailing commas, one value. Depth at most 64. */
#ifndef LUTRA_TOOLS_JSON_H
#define LUTRA_TOOLS_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tools/text.h"

enum { LUTRA_JSON_DEPTH = 64 };

enum lutra_json_event {
    LUTRA_JSON_ERROR = -1, /* j.error says what, j.pos where; comes again on every later call */
    LUTRA_JSON_END = 0,    /* the one value is complete and nothing but blanks follows */
    LUTRA_JSON_OBJECT,
    LUTRA_JSON_OBJECT_END,
    LUTRA_JSON_ARRAY,
    LUTRA_JSON_ARRAY_END,
    LUTRA_JSON_KEY,
    LUTRA_JSON_STRING,
    LUTRA_JSON_NUMBER,
    LUTRA_JSON_TRUE,
    LUTRA_JSON_FALSE,
    LUTRA_JSON_NULL
};

struct lutra_json {
    const char *src;
    size_t len, pos;
    size_t start, end; /* KEY, STRING: the bytes between the quotes; NUMBER: its digits */
    const char *error;
    uint64_t is_object; /* bit d: level d is an object */
    int depth;
    int expect; /* what may come next, see json.c */
};

void lutra_json_init(struct lutra_json *j, const char *src, size_t len);
enum lutra_json_event lutra_json_next(struct lutra_json *j);

/* The last KEY or STRING with its escapes undone, appended to `out`. False: out of memory. */
bool lutra_json_text(const struct lutra_json *j, struct lutra_text *out);
/* Is the last KEY or STRING (escapes undone) this text? */
bool lutra_json_is(const struct lutra_json *j, const char *text);
double lutra_json_number(const struct lutra_json *j); /* the last NUMBER */

/* Step over the value whose first event was `e` (or, after KEY, the value that follows). False:
 * error. */
bool lutra_json_skip(struct lutra_json *j, enum lutra_json_event e);

/* ---- writer ---- */

struct lutra_json_out {
    struct lutra_text *text;
    bool comma; /* a value stands before this place */
};

void lutra_json_open(struct lutra_json_out *w, char bracket);  /* '{' or '[' */
void lutra_json_close(struct lutra_json_out *w, char bracket); /* '}' or ']' */
void lutra_json_put_key(struct lutra_json_out *w, const char *key);
void lutra_json_put_string(struct lutra_json_out *w, const char *s,
                           size_t n); /* bad UTF-8 becomes U+FFFD */
void lutra_json_put_int(struct lutra_json_out *w, long long v);

#endif
