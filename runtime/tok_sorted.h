/* SPDX-License-Identifier: MIT */
/* Tokens sorted by their bytes, and walking down them along a text.
 *
 * A walk narrows the range of tokens that begin like the text, one byte at a time: at every depth
 * the token that ends there, if there is one, is the first of the range. It needs 4 bytes per token
 * where a trie would need hundreds. */
#ifndef LUTRA_RUNTIME_TOK_SORTED_H
#define LUTRA_RUNTIME_TOK_SORTED_H

#include "runtime/tok_vocab.h"

/* All tokens that `wanted` says yes to; of equal pieces the lowest id. Empty pieces never. False:
 * no memory. */
bool lutra_sorted_fill(struct lutra_sorted *sp, const struct lutra_tokenizer *t,
                       bool (*wanted)(const struct lutra_tokenizer *t, int32_t id));

struct lutra_walk {
    int32_t lo, hi; /* tokens that begin with the bytes so far */
    size_t depth;   /* how many those are */
};

static inline struct lutra_walk lutra_walk_begin(const struct lutra_sorted *sp, unsigned char first)
{
    return (struct lutra_walk){sp->begin[first], sp->begin[first + 1], 1};
}

/* The token that is all of the bytes so far, -1 if there is none. Ask once at each depth. */
static inline int32_t lutra_walk_token(const struct lutra_sorted *sp,
                                       const struct lutra_tokenizer *t, struct lutra_walk *w)
{
    if (w->lo >= w->hi || t->tok[sp->id[w->lo]].piece_len != w->depth) return -1;
    return sp->id[w->lo++];
}

/* One byte further; lutra_walk_token was asked. False: no token goes on like this. */
bool lutra_walk_next(const struct lutra_sorted *sp, const struct lutra_tokenizer *t,
                     struct lutra_walk *w, unsigned char byte);

#endif
