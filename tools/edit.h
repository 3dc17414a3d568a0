/* SPDX-License-Identifier: MIT */
/* A line being edited: bytes, cursor, kill buffer, history. Knows no terminal, so tests can drive
 * it. */
#ifndef LUTRA_TOOLS_EDIT_H
#define LUTRA_TOOLS_EDIT_H

#include "tools/text.h"

enum { LUTRA_HISTORY_MAX = 1000 };

struct lutra_history {
    char *line[LUTRA_HISTORY_MAX]; /* oldest first; may hold newlines */
    int n;
};

/* File format: one entry per line, newline as \n and backslash as \\. Missing files are empty
 * histories. */
void lutra_history_load(struct lutra_history *h, const char *path);
void lutra_history_add(struct lutra_history *h,
                       const char *line); /* repeats of the last are dropped */
void lutra_history_append(const struct lutra_history *h,
                          const char *path); /* write the newest entry */
void lutra_history_free(struct lutra_history *h);

struct lutra_edit {
    struct lutra_text text;
    size_t cursor;
    struct lutra_text killed;
    const struct lutra_history *history;
    int at;                  /* history entry shown; history->n: the new line */
    struct lutra_text draft; /* the new line while history is shown */
};

enum lutra_edit_key { /* above Unicode */
                      LUTRA_KEY_NONE = 0x200000,
                      LUTRA_KEY_LEFT,
                      LUTRA_KEY_RIGHT,
                      LUTRA_KEY_UP,
                      LUTRA_KEY_DOWN,
                      LUTRA_KEY_HOME,
                      LUTRA_KEY_END,
                      LUTRA_KEY_DELETE,
                      LUTRA_KEY_WORD_LEFT,
                      LUTRA_KEY_WORD_RIGHT,
                      LUTRA_KEY_KILL_WORD,
                      LUTRA_KEY_PASTE,
                      LUTRA_KEY_PASTE_END
};

void lutra_edit_begin(struct lutra_edit *e, const struct lutra_history *history);
/* Apply a key: a control code, or one of the enum. Characters go through lutra_edit_insert. */
void lutra_edit_key(struct lutra_edit *e, unsigned key);
void lutra_edit_insert(struct lutra_edit *e, const char *s, size_t n);
void lutra_edit_free(struct lutra_edit *e);

/* Does Enter continue the message? After a backslash at the end (which becomes the newline), and
 * inside a block that began with """. */
bool lutra_edit_continues(struct lutra_text *t);
/* Take the """ off a finished block. */
void lutra_edit_unquote(struct lutra_text *t);

#endif
