/* SPDX-License-Identifier: MIT */
/* The read loop; the terminal is raw only while a message is typed, and not on any way out. */
#include "tools/term.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tools/glyph.h"
#include "tools/runner.h"
#include "tools/tty.h"

void lutra_term_restore(void)
{
    static const char paste_off[] = "\x1b[?2004l";
    if (!lutra_tty_cooked()) return;
    int saved = errno;
    ssize_t ignored = write(STDOUT_FILENO, paste_off, sizeof paste_off - 1);
    (void)ignored;
    errno = saved;
}

static bool make_raw(void)
{
    if (!lutra_tty_raw()) return false;
    lutra_term_write("\x1b[?2004h", 8);
    return true;
}

void lutra_term_open(struct lutra_term *t, const char *history_path, bool simple, bool bold)
{
    memset(t, 0, sizeof *t);
    t->simple = simple;
    t->bold = bold;
    t->history_path = history_path;
    if (history_path && !simple) lutra_history_load(&t->history, history_path);
    lutra_tty_watch_size();
    atexit(lutra_term_restore);
    lutra_interrupt_at_exit(lutra_term_restore);
}

void lutra_term_close(struct lutra_term *t)
{
    lutra_term_restore();
    lutra_edit_free(&t->edit);
    lutra_history_free(&t->history);
    lutra_text_free(&t->frame);
}

static enum lutra_input why_none(const struct lutra_term *t)
{
    if (t->gone || lutra_interrupt_hangup()) return LUTRA_INPUT_HANGUP;
    return LUTRA_INPUT_INTERRUPT;
}

static void suspend(struct lutra_term *t)
{
    lutra_term_restore();
    lutra_tty_suspend();
    make_raw();
    lutra_term_draw_begin(t);
}

static void insert_char(struct lutra_term *t, uint32_t c)
{
    char s[4];
    size_t n = lutra_glyph_encode(c, s);
    lutra_edit_insert(&t->edit, s, n);
}

/* Enter: true when the message is complete. */
static bool enter(struct lutra_term *t)
{
    if (!lutra_edit_continues(&t->edit.text)) return true;
    t->edit.cursor = t->edit.text.n;
    lutra_edit_insert(&t->edit, "\n", 1);
    return false;
}

/* Keys until the message is complete or there are no more. */
static enum lutra_input edit_loop(struct lutra_term *t, const char *prompt)
{
    for (;;) {
        if (t->gone || !lutra_term_has_input(t)) lutra_term_draw(t, prompt);
        long key = lutra_term_key(t);
        if (key < 0 && t->gone) return LUTRA_INPUT_HANGUP;
        if (key < 0) continue; /* a signal: the window's size may have changed */
        if (key == 'C' - 64) return LUTRA_INPUT_INTERRUPT;
        if (key == 'D' - 64 && t->edit.text.n == 0) return LUTRA_INPUT_END;
        if (key == 'Z' - 64)
            suspend(t);
        else if (key == LUTRA_KEY_PASTE)
            lutra_term_paste(t);
        else if (key == 'L' - 64) {
            lutra_term_write("\x1b[H\x1b[2J", 7);
            lutra_term_draw_begin(t);
        } else if (key == '\r' || key == '\n') {
            if (enter(t)) return LUTRA_INPUT_LINE;
        } else if (key == '\t' || (key >= 32 && key < LUTRA_KEY_NONE && key != 127)) {
            insert_char(t, (uint32_t)key);
        } else if (key) {
            lutra_edit_key(&t->edit, (unsigned)key);
        }
    }
}

/* One line from the terminal's own line discipline. */
static enum lutra_input plain_line(struct lutra_term *t, struct lutra_text *out)
{
    for (;;) {
        int c = lutra_term_byte(t, -1);
        if (c < 0 && t->interrupted && !t->gone && !lutra_interrupt_pending())
            continue; /* resized */
        if (c < 0 && (t->interrupted || lutra_interrupt_hangup())) return why_none(t);
        if (c < 0) return LUTRA_INPUT_END;
        if (c == '\n') { /* files of Windows end their lines with two characters */
            if (out->n > 0 && out->p[out->n - 1] == '\r') out->p[--out->n] = '\0';
            return LUTRA_INPUT_LINE;
        }
        char byte = (char)c;
        lutra_text_add(out, &byte, 1);
    }
}

static enum lutra_input read_plain(struct lutra_term *t, const char *prompt, struct lutra_text *out)
{
    lutra_text_clear(out);
    t->gone = false;
    lutra_term_write(prompt, strlen(prompt));
    for (;;) {
        enum lutra_input got = plain_line(t, out);
        if (got != LUTRA_INPUT_LINE) return got;
        if (!lutra_edit_continues(out)) return got;
        lutra_text_puts(out, "\n");
    }
}

enum lutra_input lutra_term_read(struct lutra_term *t, const char *prompt, struct lutra_text *out)
{
    enum lutra_input got;
    if (t->simple || !make_raw()) {
        got = read_plain(t, prompt, out);
    } else {
        lutra_edit_begin(&t->edit, &t->history);
        lutra_term_draw_begin(t);
        got = edit_loop(t, prompt);
        if (got != LUTRA_INPUT_HANGUP) lutra_term_draw_end(t, prompt);
        lutra_term_restore();
        lutra_text_clear(out);
        lutra_text_add(out, t->edit.text.p, t->edit.text.n);
        if (got == LUTRA_INPUT_LINE && out->n > 0 && strlen(out->p) == out->n) {
            lutra_history_add(&t->history, out->p);
            if (t->history_path) lutra_history_append(&t->history, t->history_path);
        }
    }
    lutra_edit_unquote(out);
    return got;
}
