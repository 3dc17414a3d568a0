/* SPDX-License-Identifier: MIT */
/* Drawing the edited text: own line breaks, so that the cursor's place is always known. One write a
 * frame.
 *
 *   > first row of the text that is wrapped at the window's width
 *   by us, not by the terminal
 *     a row after a newline starts below the text, not below the prompt
 *
 * Texts taller than the window show the rows around the cursor. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tools/glyph.h"
#include "tools/term.h"
#include "tools/tty.h"

void lutra_term_write(const char *p, size_t n)
{
    while (n > 0) {
        ssize_t put = write(STDOUT_FILENO, p, n);
        if (put < 0 && (errno == EINTR || errno == EAGAIN)) continue;
        if (put <= 0) return;
        p += put;
        n -= (size_t)put;
    }
}

static void window_size(int *cols, int *rows)
{
    const char *env = getenv("COLUMNS");
    *cols = env ? atoi(env) : 0;
    *rows = 24;
    lutra_tty_size(cols, rows);
    if (*cols < 1) *cols = 80;
    if (*cols < 8) *cols = 8; /* narrower than a prompt and a wide character makes no sense */
    if (*rows > LUTRA_TERM_ROWS) *rows = LUTRA_TERM_ROWS;
    if (*rows < 2) *rows = 2;
}

static void put(struct lutra_text *t, const char *s)
{
    lutra_text_puts(t, s);
}

static void put_move(struct lutra_text *t, int n, char direction)
{
    char s[24];
    if (n <= 0) return;
    snprintf(s, sizeof s, "\x1b[%d%c", n, direction);
    put(t, s);
}

/* How a character is shown, and its columns. */
static int show(const char *p, size_t len, uint32_t c, char *dst, size_t cap)
{
    if (c == '\t') return snprintf(dst, cap, "    ");
    if (c < 0x20) return snprintf(dst, cap, "^%c", (int)c + 64);
    if (c == 0x7F) return snprintf(dst, cap, "^?");
    if (c == 0xFFFD || (c >= 0x80 && c < 0xA0) || (c >= 0x202A && c <= 0x202E)) {
        snprintf(dst, cap, "\xEF\xBF\xBD");
        return 1;
    }
    snprintf(dst, cap, "%.*s", (int)len, p);
    return lutra_glyph_width(c);
}

struct layout {
    int cols, indent;
    int first, last; /* rows to emit; none if last < first */
    int row, col;
    int cursor_row, cursor_col;
    struct lutra_text *frame;
    int *row_width;
};

static bool visible(const struct layout *l)
{
    return l->row >= l->first && l->row <= l->last;
}

static void new_row(struct layout *l, int col)
{
    if (visible(l)) l->row_width[l->row - l->first] = l->col;
    l->row++;
    l->col = col;
    if (!visible(l)) return;
    if (l->row > l->first) put(l->frame, "\r\n");
    for (int i = 0; i < col; i++) put(l->frame, " ");
}

/* Walk the text once; emits the rows [first, last] of it, finds the cursor. */
static void lay_out(struct layout *l, const struct lutra_edit *e)
{
    const char *p = e->text.p;
    size_t n = e->text.n, at = 0;
    l->row = 0;
    l->col = l->indent;
    while (at <= n) {
        uint32_t c = 0;
        char shown[16] = "";
        size_t len = at < n ? lutra_glyph_decode(p + at, n - at, &c) : 1;
        int width = at < n && c != '\n' ? show(p + at, len, c, shown, sizeof shown) : 0;
        /* the cursor needs a cell of its own even at the end of a full row */
        if (l->col + width > l->cols || (at == e->cursor && l->col >= l->cols)) new_row(l, 0);
        if (at == e->cursor) {
            l->cursor_row = l->row;
            l->cursor_col = l->col;
        }
        if (at == n) break;
        if (c == '\n') {
            new_row(l, l->indent);
        } else {
            if (visible(l)) put(l->frame, shown);
            l->col += width;
        }
        at += len;
    }
    if (visible(l)) l->row_width[l->row - l->first] = l->col;
}

/* Go from the cursor to the first cell of the old picture, which the terminal may have rewrapped.
 */
static void put_home(struct lutra_term *t, int cols)
{
    int up = t->cursor_row;
    if (cols != t->cols) {
        up = t->cursor_col / cols;
        for (int i = 0; i < t->cursor_row; i++) {
            int w = t->row_width[i];
            up += w > cols ? (w + cols - 1) / cols : 1;
        }
    }
    put(&t->frame, "\r");
    put_move(&t->frame, up, 'A');
    put(&t->frame, "\x1b[J");
}

void lutra_term_draw(struct lutra_term *t, const char *prompt)
{
    struct layout l = {0};
    int cols, rows;
    window_size(&cols, &rows);
    lutra_text_clear(&t->frame);
    l.cols = cols;
    l.indent = (int)strlen(prompt); /* prompts are ASCII */
    l.frame = &t->frame;
    l.row_width = t->row_width;
    l.last = -1;
    lay_out(&l, &t->edit);
    int total = l.row + 1;
    l.first = l.cursor_row < rows ? 0 : l.cursor_row - rows + 1;
    l.last = l.first + rows - 1 < total - 1 ? l.first + rows - 1 : total - 1;
    put_home(t, cols);
    if (l.first == 0) {
        put(&t->frame, t->bold ? "\x1b[1m" : "");
        put(&t->frame, prompt);
        put(&t->frame, t->bold ? "\x1b[0m" : "");
    }
    lay_out(&l, &t->edit);
    t->cols = cols;
    t->n_rows = l.last - l.first + 1;
    t->cursor_row = l.cursor_row - l.first;
    t->cursor_col = l.cursor_col;
    put(&t->frame, "\r");
    put_move(&t->frame, t->n_rows - 1 - t->cursor_row, 'A');
    put_move(&t->frame, t->cursor_col, 'C');
    if (!t->frame.failed) lutra_term_write(t->frame.p, t->frame.n);
}

void lutra_term_draw_begin(struct lutra_term *t)
{
    t->cols = t->n_rows = t->cursor_row = t->cursor_col = 0;
}

void lutra_term_draw_end(struct lutra_term *t, const char *prompt)
{
    t->edit.cursor = t->edit.text.n;
    lutra_term_draw(t, prompt);
    lutra_term_write("\n", 1);
}
