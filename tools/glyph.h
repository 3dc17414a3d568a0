/* SPDX-License-Identifier: MIT */
/* UTF-8 characters and the columns they take on a terminal. */
#ifndef LUTRA_TOOLS_GLYPH_H
#define LUTRA_TOOLS_GLYPH_H

#include <stddef.h>
#include <stdint.h>

/* First character of n > 0 bytes; returns its length. A byte that begins no valid character is
 * itself one character, U+FFFD. */
size_t lutra_glyph_decode(const char *s, size_t n, uint32_t *c);
/* 1..4 bytes of c (U+FFFD for what is no character); returns their count. */
size_t lutra_glyph_encode(uint32_t c, char *dst);

/* Terminal columns: 0 combining, 2 East Asian wide and emoji, else 1. */
int lutra_glyph_width(uint32_t c);

/* Byte offsets of the neighbouring cursor stops: a character with the combining ones after it. */
size_t lutra_glyph_next(const char *s, size_t n, size_t at);
size_t lutra_glyph_prev(const char *s, size_t n, size_t at);

#endif
