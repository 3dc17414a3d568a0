/* SPDX-License-Identifier: MIT */
/* Looking at one character of a text, for the rules of pre-tokenizers. */
#ifndef LUTRA_RUNTIME_TOK_CHARS_H
#define LUTRA_RUNTIME_TOK_CHARS_H

#include "runtime/unicode.h"

struct lutra_ch {
    uint32_t cp;
    size_t n;                /* bytes; 0 at the end */
    enum lutra_uclass class; /* OTHER at the end */
};

static inline struct lutra_ch lutra_look(const char *s, size_t pos, size_t end)
{
    struct lutra_ch c = {LUTRA_UTF8_BAD, 0, LUTRA_UC_OTHER};
    if (pos >= end) return c;
    c.n = lutra_utf8_next(s + pos, end - pos, &c.cp);
    c.class = lutra_unicode_class(c.cp);
    return c;
}

static inline bool lutra_ch_letter(struct lutra_ch c)
{
    return c.class >= LUTRA_UC_UPPER;
}

static inline bool lutra_ch_space(struct lutra_ch c)
{
    return c.class == LUTRA_UC_SPACE;
}

static inline bool lutra_ch_number(struct lutra_ch c)
{
    return c.class == LUTRA_UC_NUMBER;
}

static inline bool lutra_ch_punct(struct lutra_ch c)
{
    return c.class == LUTRA_UC_PUNCT;
}

static inline bool lutra_ch_line_end(struct lutra_ch c)
{
    return c.cp == '\r' || c.cp == '\n';
}

static inline bool lutra_ch_ascii_letter(struct lutra_ch c)
{
    return (c.cp | 0x20) >= 'a' && (c.cp | 0x20) <= 'z';
}

#endif
