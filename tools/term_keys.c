/* SPDX-License-Identifier: MIT */
/* From bytes of a terminal to keys. */
#include <errno.h>
#include <string.h>

#include "tools/glyph.h"
#include "tools/runner.h"
#include "tools/term.h"
#include "tools/tty.h"

/* The rest of an escape sequence or of a character comes at once, or it never does. */
enum { SEQUENCE_MS = 60 };

int lutra_term_byte(struct lutra_term *t, int wait_ms)
{
    t->interrupted = false;
    if (t->at_pending == t->n_pending) {
        if (wait_ms >= 0 && !lutra_tty_readable(wait_ms)) return -1;
        long got = lutra_tty_read(t->pending, sizeof t->pending);
        t->at_pending = t->n_pending = 0;
        if (got < 0 && (errno == EINTR || errno == EAGAIN)) {
            t->interrupted = true;
            if (lutra_interrupt_hangup()) t->gone = true;
            if (errno == EAGAIN) lutra_tty_readable(1000); /* someone left stdin non-blocking */
            return -1;
        }
        if (got <= 0) {
            t->gone = true;
            return -1;
        }
        t->n_pending = (size_t)got;
    }
    return (unsigned char)t->pending[t->at_pending++];
}

bool lutra_term_has_input(struct lutra_term *t)
{
    return t->at_pending < t->n_pending || lutra_tty_readable(0);
}

static long csi_key(const char *args, int final)
{
    bool control = strstr(args, ";5") || strstr(args, ";3");
    int number = args[0] >= '0' && args[0] <= '9' ? args[0] - '0' : 0;
    switch (final) {
    case 'A':
        return LUTRA_KEY_UP;
    case 'B':
        return LUTRA_KEY_DOWN;
    case 'C':
        return control ? LUTRA_KEY_WORD_RIGHT : LUTRA_KEY_RIGHT;
    case 'D':
        return control ? LUTRA_KEY_WORD_LEFT : LUTRA_KEY_LEFT;
    case 'H':
        return LUTRA_KEY_HOME;
    case 'F':
        return LUTRA_KEY_END;
    case '~':
        break;
    default:
        return LUTRA_KEY_NONE;
    }
    if (strcmp(args, "200") == 0) return LUTRA_KEY_PASTE;
    if (strcmp(args, "201") == 0) return LUTRA_KEY_PASTE_END;
    if (args[1] && args[1] != ';') return LUTRA_KEY_NONE; /* function keys */
    if (number == 1 || number == 7) return LUTRA_KEY_HOME;
    if (number == 4 || number == 8) return LUTRA_KEY_END;
    return number == 3 ? LUTRA_KEY_DELETE : LUTRA_KEY_NONE;
}

/* ESC has been read. */
static long escape_key(struct lutra_term *t)
{
    char args[16] = "";
    size_t n = 0;
    int c = lutra_term_byte(t, SEQUENCE_MS);
    if (c == 'b') return LUTRA_KEY_WORD_LEFT;
    if (c == 'f') return LUTRA_KEY_WORD_RIGHT;
    if (c == 'd') return LUTRA_KEY_KILL_WORD;
    if (c == 127 || c == 8) return 'W' - 64;
    if (c == '\r' || c == '\n') { /* Alt-Enter */
        lutra_edit_insert(&t->edit, "\n", 1);
        return LUTRA_KEY_NONE;
    }
    if (c == 'O') {
        c = lutra_term_byte(t, SEQUENCE_MS);
        return csi_key("", c);
    }
    if (c != '[') return LUTRA_KEY_NONE;
    while ((c = lutra_term_byte(t, SEQUENCE_MS)) >= 0x20 && c < 0x40)
        if (n + 1 < sizeof args) args[n++] = (char)c;
    args[n] = '\0';
    return csi_key(args, c);
}

long lutra_term_key(struct lutra_term *t)
{
    char s[4];
    uint32_t c;
    int b = lutra_term_byte(t, -1);
    if (b == 27) return escape_key(t);
    if (b < 0x80) return b;
    s[0] = (char)b;
    size_t want = b >= 0xF0 ? 4 : b >= 0xE0 ? 3 : b >= 0xC2 ? 2 : 1, n = 1;
    while (n < want && (b = lutra_term_byte(t, SEQUENCE_MS)) >= 0) {
        if ((b & 0xC0) != 0x80) { /* begins something else */
            t->at_pending--;
            break;
        }
        s[n++] = (char)b;
    }
    lutra_glyph_decode(s, n, &c);
    return (long)c;
}

void lutra_term_paste(struct lutra_term *t)
{
    static const char end[] = "\x1b[201~";
    struct lutra_text text = {0};
    int c, last = 0;
    while ((c = lutra_term_byte(t, 5000)) >=
           0) { /* a terminal that never ends a paste must not trap us */
        char byte = c == '\r' ? '\n' : (char)c;
        if (c == '\n' && last == '\r') continue;
        last = c;
        if (c == 0) continue;
        lutra_text_add(&text, &byte, 1);
        if (c == '~' && text.n >= 6 && memcmp(text.p + text.n - 6, end, 6) == 0) {
            text.n -= 6;
            break;
        }
    }
    if (!text.failed) lutra_edit_insert(&t->edit, text.p ? text.p : "", text.n);
    lutra_text_free(&text);
}
