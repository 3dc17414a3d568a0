/* SPDX-License-Identifier: MIT */
/* Looking at one character of a text, for the rules of pre-tokenizers. */
#ifndef LUTRA_RUNTIME_TOK_CHARS_H
#define LUTRA_RUNTIME_TOK_CHARS_H

#include "runtime/unicode.h"

struct lutra_ch {
    uint32_t cp;
    uint32_t n;              /* bytes; 0 at the end */
    enum lutra_uclass class; /* OTHER at the end */
};

/* Past ASCII, and at the end: cp, n << 32, class << 40. One copy for all rules, and one register. */
uint64_t lutra_look_far(const char *s, size_t pos, size_t end);

static inline struct lutra_ch lutra_look(const char *s, size_t pos, size_t end)
{
    if (pos < end && (unsigned char)s[pos] < 0x80) {
        uint32_t cp = (unsigned char)s[pos];
        return (struct lutra_ch){cp, 1, lutra_unicode_class(cp)};
    }
    uint64_t c = lutra_look_far(s, pos, end);
    return (struct lutra_ch){(uint32_t)c, c >> 32 & 15, (enum lutra_uclass)(c >> 40)};
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
