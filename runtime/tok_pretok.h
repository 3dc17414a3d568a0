/* SPDX-License-Identifier: MIT */
/* Pre-tokenizers: where byte-level BPE cuts a text before it merges.
 *
 * Each is one or several published regular expressions (written out in tok_rules.c), each of which
 * runs on the pieces of the one before. Here they are hand-written scanners: one pass, no
 * recursion. Bytes that are not UTF-8 count as characters of class OTHER. */
#ifndef LUTRA_RUNTIME_TOK_PRETOK_H
#define LUTRA_RUNTIME_TOK_PRETOK_H

#include "kernels/base.h"
#include "runtime/tok_rules.h"

enum { LUTRA_PRETOK_RULES = 6 };

struct lutra_pretok {
    lutra_pretok_rule *rule[LUTRA_PRETOK_RULES]; /* NULL after the last */
    bool ignore_merges; /* a piece that is a token as a whole is that token */
    bool add_bos;       /* default of add_bos_token */
    bool lines_whole;   /* a piece of line ends that is a token as a whole is that token */
};

/* By the value of tokenizer.ggml.pre; NULL if unknown. lutra_pretok_names: the known ones, for
 * messages. */
const struct lutra_pretok *lutra_pretok_find(const char *name, size_t len);
extern const char lutra_pretok_names[];

/* Position in one text; fence[i] is the end of the piece that rule i cut off. */
struct lutra_pretok_scan {
    const struct lutra_pretok *kind;
    const char *s;
    size_t end, pos;
    size_t fence[LUTRA_PRETOK_RULES];
};

void lutra_pretok_begin(struct lutra_pretok_scan *p, const struct lutra_pretok *kind, const char *s,
                        size_t len);

/* The next piece is [*start, *end); false after the last. Pieces cover the text without gaps. */
bool lutra_pretok_next(struct lutra_pretok_scan *p, size_t *start, size_t *end);

#endif
