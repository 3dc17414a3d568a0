/* SPDX-License-Identifier: MIT */
/* Text to token ids and back: the part all tokenizers share.
 *
 * A tokenizer copies what it needs out of the GGUF file and is immutable afterwards: any number of
 * threads may use one. Text is bytes with a length; NUL and invalid UTF-8 are allowed. Work is
 * linear (n log n) in the text and uses no recursion.
 *
 * The pieces of an encoded text are the text again, byte for byte, also what is not UTF-8, with
 * two exceptions that lie in the vocabulary: a byte-level one that lacks a byte (SmolLM2 lacks 21:
 * some control characters and what begins unassigned characters) leaves it out as its original
 * does, and a SentencePiece one without byte tokens writes its unknown token. U+2581 in a text is
 * told from a space by byte tokens. Nothing is normalised. */
#ifndef LUTRA_RUNTIME_TOKENIZER_H
#define LUTRA_RUNTIME_TOKENIZER_H

#include "kernels/base.h"
#include "models/gguf.h"

struct lutra_tokenizer;

/* Growable list of ids; free(ids.v) when done. */
struct lutra_ids {
    int32_t *v;
    size_t n, cap;
};

/* Bytes [start, start+len) of a text. */
struct lutra_range {
    size_t start, len;
};

/* Special tokens are found leftmost first, then longest; those of more than 255 bytes never. */
enum {
    LUTRA_TOK_ADD_SPECIAL = 1, /* BOS (and EOS) where the model's keys say so */
    /* Control tokens (type 3; type 2 too) written in the text become their ids; without it they are
     * plain text. User-defined tokens (type 4) always match, as in llama.cpp. */
    LUTRA_TOK_SPECIAL = 2
};

/* Token attributes */
enum {
    LUTRA_ATTR_NORMAL = 1,
    LUTRA_ATTR_UNKNOWN = 2,
    LUTRA_ATTR_CONTROL = 3,
    LUTRA_ATTR_USER = 4,
    LUTRA_ATTR_UNUSED = 5,
    LUTRA_ATTR_BYTE = 6
};

/* From the tokenizer.ggml.* keys. Of tokens with equal texts the first has it. Special ids outside
 * the vocabulary count as absent. Errors: LUTRA_EFORMAT (names key, offset), LUTRA_EUNSUPPORTED
 * (model or pre-tokenizer, names those known), LUTRA_ENOMEM. */
lutra_status lutra_tokenizer_load(struct lutra_tokenizer **out, const struct lutra_gguf *g,
                                  lutra_error *err);
void lutra_tokenizer_free(struct lutra_tokenizer *t);

int lutra_tokenizer_n_vocab(const struct lutra_tokenizer *t);
size_t lutra_tokenizer_bytes(const struct lutra_tokenizer *t); /* memory held, for the RAM plan */

/* Append the ids of `text` to `out`. `literal`: n_literal ascending ranges inside which no control
 * token is recognised even with LUTRA_TOK_SPECIAL (text that came from a user); a control token
 * must lie wholly outside of them. Otherwise the ranges do not cut the text: merges run across
 * their borders. Errors LUTRA_ENOMEM (out unchanged). */
lutra_status lutra_tokenizer_encode(const struct lutra_tokenizer *t, const char *text, size_t len,
                                    unsigned flags, const struct lutra_range *literal,
                                    size_t n_literal, struct lutra_ids *out, lutra_error *err);

/* Bytes of one token as text; returns their count and copies at most cap. Control tokens give
 * nothing unless `special`. `first`: this is the first piece of a text, or it follows a control,
 * unknown or user-defined token, so a SentencePiece dummy space is dropped. Bad ids give 0. */
size_t lutra_tokenizer_piece(const struct lutra_tokenizer *t, int32_t id, bool special, bool first,
                             char *dst, size_t cap);

/* The token's own text as in the vocabulary; NULL for a bad id. */
const char *lutra_tokenizer_text(const struct lutra_tokenizer *t, int32_t id, size_t *len);
int lutra_tokenizer_attr(const struct lutra_tokenizer *t, int32_t id);
/* The first token with this text, -1 if absent. Looks at all of them (0.3 ms for 262,144). */
int32_t lutra_tokenizer_find(const struct lutra_tokenizer *t, const char *text, size_t len);
int32_t lutra_tokenizer_bos(const struct lutra_tokenizer *t); /* -1 if none */
int32_t lutra_tokenizer_eos(const struct lutra_tokenizer *t);
bool lutra_tokenizer_adds_bos(const struct lutra_tokenizer *t);
/* Does it end a generation: by the eos, eot, eom keys or by its text (<|im_end|> and the like) */
bool lutra_tokenizer_is_end(const struct lutra_tokenizer *t, int32_t id);

/* Streaming detokenizer: hands out whole UTF-8 characters only; holds at most 3 bytes back; broken
 * sequences become U+FFFD. */
struct lutra_utf8 {
    unsigned char hold[4];
    int n_hold;
};
/* Feed n bytes; dst must hold 3*(n + 4) bytes. Returns bytes written. */
size_t lutra_utf8_feed(struct lutra_utf8 *u, const char *src, size_t n, char *dst);
/* The end: what is held back becomes U+FFFD. */
size_t lutra_utf8_flush(struct lutra_utf8 *u, char *dst);

#endif
