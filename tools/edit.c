/* SPDX-License-Identifier: MIT */
/* Editing keys, as in readline. */
#include "tools/edit.h"

#include <string.h>

#include "tools/glyph.h"

void lutra_edit_begin(struct lutra_edit *e, const struct lutra_history *history)
{
    lutra_text_clear(&e->text);
    lutra_text_add(&e->text, "", 0);
    lutra_text_clear(&e->draft);
    e->cursor = 0;
    e->history = history;
    e->at = history->n;
}

void lutra_edit_free(struct lutra_edit *e)
{
    lutra_text_free(&e->text);
    lutra_text_free(&e->killed);
    lutra_text_free(&e->draft);
}

void lutra_edit_insert(struct lutra_edit *e, const char *s, size_t n)
{
    if (lutra_text_splice(&e->text, e->cursor, 0, s, n)) e->cursor += n;
    e->text.failed = false; /* a paste too big is refused, the line stays */
}

static void cut(struct lutra_edit *e, size_t from, size_t to, bool keep)
{
    if (to <= from) return;
    if (keep) {
        lutra_text_clear(&e->killed);
        lutra_text_add(&e->killed, e->text.p + from, to - from);
    }
    lutra_text_splice(&e->text, from, to - from, "", 0);
    e->cursor = from;
}

static size_t line_start(const struct lutra_edit *e)
{
    size_t at = e->cursor;
    while (at > 0 && e->text.p[at - 1] != '\n') at--;
    return at;
}

static size_t line_end(const struct lutra_edit *e)
{
    size_t at = e->cursor;
    while (at < e->text.n && e->text.p[at] != '\n') at++;
    return at;
}

static bool blank(char c)
{
    return c == ' ' || c == '\n' || c == '\t';
}

static size_t word_left(const struct lutra_edit *e)
{
    size_t at = e->cursor;
    while (at > 0 && blank(e->text.p[at - 1])) at--;
    while (at > 0 && !blank(e->text.p[at - 1])) at--;
    return at;
}

static size_t word_right(const struct lutra_edit *e)
{
    size_t at = e->cursor;
    while (at < e->text.n && blank(e->text.p[at])) at++;
    while (at < e->text.n && !blank(e->text.p[at])) at++;
    return at;
}

static void show_entry(struct lutra_edit *e, int at)
{
    if (at < 0 || at > e->history->n || at == e->at) return;
    if (e->at == e->history->n) {
        lutra_text_clear(&e->draft);
        lutra_text_add(&e->draft, e->text.p, e->text.n);
    }
    e->at = at;
    lutra_text_clear(&e->text);
    if (at == e->history->n)
        lutra_text_add(&e->text, e->draft.p, e->draft.n);
    else
        lutra_text_puts(&e->text, e->history->line[at]);
    e->text.failed = false;
    e->cursor = e->text.n;
}

/* Up and down move inside a text of several lines first, then through history. */
static void vertical(struct lutra_edit *e, int step)
{
    size_t start = line_start(e), end = line_end(e), column = e->cursor - start;
    if (step < 0 && start > 0) {
        e->cursor = start - 1;
        start = line_start(e);
        e->cursor = start + column < e->cursor ? start + column : e->cursor;
    } else if (step > 0 && end < e->text.n) {
        e->cursor = end + 1;
        end = line_end(e);
        e->cursor = e->cursor + column < end ? e->cursor + column : end;
    } else {
        show_entry(e, e->at + step);
        return;
    }
    while (e->cursor < e->text.n && ((unsigned char)e->text.p[e->cursor] & 0xC0) == 0x80)
        e->cursor++;
}

static void swap_characters(struct lutra_edit *e)
{
    const char *p = e->text.p;
    size_t at = e->cursor == e->text.n ? lutra_glyph_prev(p, e->text.n, e->cursor) : e->cursor;
    size_t before = lutra_glyph_prev(p, e->text.n, at), after = lutra_glyph_next(p, e->text.n, at);
    char left[64];
    size_t n = at - before;
    if (n == 0 || after == at || n > sizeof left) return;
    memcpy(left, p + before, n);
    lutra_text_splice(&e->text, before, n, "", 0);
    lutra_text_splice(&e->text, before + (after - at), 0, left, n);
    e->cursor = after;
}

void lutra_edit_key(struct lutra_edit *e, unsigned key)
{
    const char *p = e->text.p;
    size_t n = e->text.n, at = e->cursor;
    if (!p) return;
    switch (key) {
    case LUTRA_KEY_LEFT:
    case 'B' - 64:
        e->cursor = lutra_glyph_prev(p, n, at);
        break;
    case LUTRA_KEY_RIGHT:
    case 'F' - 64:
        e->cursor = lutra_glyph_next(p, n, at);
        break;
    case LUTRA_KEY_UP:
    case 'P' - 64:
        vertical(e, -1);
        break;
    case LUTRA_KEY_DOWN:
    case 'N' - 64:
        vertical(e, 1);
        break;
    case LUTRA_KEY_HOME:
    case 'A' - 64:
        e->cursor = line_start(e);
        break;
    case LUTRA_KEY_END:
    case 'E' - 64:
        e->cursor = line_end(e);
        break;
    case LUTRA_KEY_WORD_LEFT:
        e->cursor = word_left(e);
        break;
    case LUTRA_KEY_WORD_RIGHT:
        e->cursor = word_right(e);
        break;
    case LUTRA_KEY_DELETE:
    case 'D' - 64:
        cut(e, at, lutra_glyph_next(p, n, at), false);
        break;
    case 'H' - 64:
    case 127:
        cut(e, lutra_glyph_prev(p, n, at), at, false);
        break;
    case 'K' - 64:
        cut(e, at, line_end(e) > at ? line_end(e) : at + (at < n), true);
        break;
    case 'U' - 64:
        cut(e, line_start(e) < at ? line_start(e) : at - (at > 0), at, true);
        break;
    case 'W' - 64:
        cut(e, word_left(e), at, true);
        break;
    case LUTRA_KEY_KILL_WORD:
        cut(e, at, word_right(e), true);
        break;
    case 'Y' - 64:
        lutra_edit_insert(e, e->killed.p ? e->killed.p : "", e->killed.n);
        break;
    case 'T' - 64:
        swap_characters(e);
        break;
    default:
        break;
    }
}

static bool is_quote(const char *p)
{
    return memcmp(p, "\"\"\"", 3) == 0;
}

bool lutra_edit_continues(struct lutra_text *t)
{
    if (t->n >= 3 && is_quote(t->p)) return t->n < 6 || !is_quote(t->p + t->n - 3);
    if (t->n == 0 || t->p[t->n - 1] != '\\') return false;
    t->p[--t->n] = '\0';
    return true;
}

void lutra_edit_unquote(struct lutra_text *t)
{
    if (t->n < 6 || !is_quote(t->p) || !is_quote(t->p + t->n - 3)) return;
    lutra_text_splice(t, t->n - 3, 3, "", 0);
    lutra_text_splice(t, 0, 3, "", 0);
    if (t->n > 0 && t->p[0] == '\n') lutra_text_splice(t, 0, 1, "", 0);
    if (t->n > 0 && t->p[t->n - 1] == '\n') lutra_text_splice(t, t->n - 1, 1, "", 0);
}
