/* SPDX-License-Identifier: MIT */
/* Pre-tokenizers: where byte-level BPE cuts a text before it merges.
 *
 * Each is a published regular expression (written out in tok_pretok.c) as a hand-written scanner:
 * one pass, a bounded look back, no recursion. Bytes that are not UTF-8 count as characters of
 * class OTHER. */
#ifndef LUTRA_RUNTIME_TOK_PRETOK_H
#define LUTRA_RUNTIME_TOK_PRETOK_H

#include "kernels/base.h"

enum lutra_pretok_style {
    LUTRA_PRETOK_GPT2,   /* GPT-2's expression */
    LUTRA_PRETOK_DIGITS, /* every \p{N} alone, GPT-2's expression on what lies between */
    LUTRA_PRETOK_LLAMA3, /* cl100k-like; max_digits, marks */
    LUTRA_PRETOK_DEFAULT /* llama.cpp's fallback: four expressions, each on the pieces of the one
                            before */
};

struct lutra_pretok {
    const char *name; /* value of tokenizer.ggml.pre */
    enum lutra_pretok_style style;
    unsigned char max_digits;
    bool marks;         /* \p{M} counts as a letter */
    bool ignore_merges; /* a piece that is a token as a whole is that token */
    bool add_bos;       /* default of add_bos_token */
};

/* By the value of tokenizer.ggml.pre; NULL if unknown. lutra_pretok_names: the known ones, for
 * messages. */
const struct lutra_pretok *lutra_pretok_find(const char *name, size_t len);
extern const char lutra_pretok_names[];

/* Position in one text; the fences are ends of enclosing pieces found by earlier expressions. */
struct lutra_pretok_scan {
    const struct lutra_pretok *kind;
    const char *s;
    size_t end, pos;
    size_t fence[3];
};

void lutra_pretok_begin(struct lutra_pretok_scan *p, const struct lutra_pretok *kind, const char *s,
                        size_t len);

/* The next piece is [*start, *end); false after the last. Pieces cover the text without gaps. */
bool lutra_pretok_next(struct lutra_pretok_scan *p, size_t *start, size_t *end);

#endif
