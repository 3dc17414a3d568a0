/* SPDX-License-Identifier: MIT */
/* Reading messages from a terminal: editing, history, pasting, several lines; plain termios. */
#ifndef LUTRA_TOOLS_TERM_H
#define LUTRA_TOOLS_TERM_H

#include "tools/edit.h"

enum lutra_input {
    LUTRA_INPUT_LINE,      /* a message */
    LUTRA_INPUT_END,       /* Ctrl-D, or the end of the file */
    LUTRA_INPUT_INTERRUPT, /* Ctrl-C */
    LUTRA_INPUT_HANGUP     /* the terminal is gone, or we are told to end */
};

enum { LUTRA_TERM_ROWS = 200 };

struct lutra_term {
    struct lutra_edit edit;
    struct lutra_history history;
    const char *history_path; /* NULL: none */
    bool simple;              /* no escapes, no raw mode: the terminal's own line discipline */
    bool bold;                /* the prompt */
    char pending[512];        /* bytes read and not yet used */
    size_t n_pending, at_pending;
    bool gone, interrupted; /* why a read gave nothing */
    /* what stands on the screen (term_draw.c) */
    int cols, n_rows, cursor_row, cursor_col;
    int row_width[LUTRA_TERM_ROWS];
    struct lutra_text frame;
};

/* history_path is copied by pointer and must outlive the term. */
void lutra_term_open(struct lutra_term *t, const char *history_path, bool simple, bool bold);
/* Read one message; *out is replaced. The terminal is raw only while this runs. */
enum lutra_input lutra_term_read(struct lutra_term *t, const char *prompt, struct lutra_text *out);
void lutra_term_close(struct lutra_term *t);

/* Put the terminal back as it was; safe in a signal handler and more than once. */
void lutra_term_restore(void);

/* ---- term_keys.c ---- */

/* Next byte, -1: none (gone, interrupted; or `wait_ms` >= 0 has passed). */
int lutra_term_byte(struct lutra_term *t, int wait_ms);
/* Next key: a Unicode character, a control code or one of enum lutra_edit_key; -1 as above. */
long lutra_term_key(struct lutra_term *t);
/* Bytes of a bracketed paste, up to its end. */
void lutra_term_paste(struct lutra_term *t);
bool lutra_term_has_input(struct lutra_term *t);

/* ---- term_draw.c ---- */

void lutra_term_draw(struct lutra_term *t, const char *prompt);
/* Leave the text on the screen and go to the line after it. */
void lutra_term_draw_end(struct lutra_term *t, const char *prompt);
void lutra_term_draw_begin(struct lutra_term *t);
void lutra_term_write(const char *p, size_t n); /* all of it, or until the terminal is gone */

#endif
