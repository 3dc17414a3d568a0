/* SPDX-License-Identifier: MIT */
/* What a loaded tokenizer is made of; only runtime/tok*.c may look inside.
 *
 * Every token has two byte strings in one arena: its text (as in the file) and its piece (the bytes
 * of text it stands for: byte-level spelling undone, U+2581 turned into a space, <0xNN> into a
 * byte). Where both are the same bytes they are stored once. Texts are followed by a NUL, which no
 * length counts.
 *
 *   arena  | text 0 \0 | piece 0 | text 1 \0 = piece 1 | text 2 \0 | ...
 *
 * Merging works on pieces, so it sees the bytes of the user's text and nothing has to be escaped
 * first. */
#ifndef LUTRA_RUNTIME_TOK_VOCAB_H
#define LUTRA_RUNTIME_TOK_VOCAB_H

#include "runtime/tok_pretok.h"
#include "runtime/tokenizer.h"

enum {
    LUTRA_TOKENS_MAX = 1 << 22, /* 16 x the largest known; bounds memory for hostile files */
    LUTRA_TOKEN_BYTES_MAX = 65535,
    LUTRA_SPECIAL_BYTES_MAX = 255 /* longer ones are never searched for: keeps that linear */
};
#define LUTRA_RANK_NONE 0xFFFFFFFFu

struct lutra_tok {
    uint32_t text, piece; /* offsets in the arena */
    uint16_t text_len, piece_len;
};

enum { /* bits of a token's flag */
    LUTRA_TOK_ATTR = 7,  /* its LUTRA_ATTR_ */
    LUTRA_TOK_END = 8,   /* ends a generation */
    LUTRA_TOK_PLAIN = 16 /* merging may produce it */
};

/* Piece -> id of the tokens that merging may produce. Slots: high half the hash, low half id + 1; 0
 * is empty. */
struct lutra_piece_table {
    uint64_t *slot;
    uint32_t mask;
};

/* (left, right) -> rank and merged token; byte-level BPE only. left < 0: empty. */
struct lutra_merge_rule {
    int32_t left, right;
    uint32_t rank;
    int32_t id;
};
struct lutra_merge_table {
    struct lutra_merge_rule *slot;
    uint32_t mask, used;
};

/* Tokens sorted by their bytes; begin[b] is the first that starts with byte b or a later one. */
struct lutra_sorted {
    int32_t *id;
    int32_t n;
    int32_t begin[257];
};

/* SentencePiece's unigram model (tok_ugm.c) */
struct lutra_unigram {
    float *score;               /* per token */
    float unk_score;            /* of a character without a token */
    struct lutra_sorted tokens;
    uint8_t *charsmap;          /* trie of replacements, then their texts, each with a NUL */
    size_t trie_n, text_n;      /* 32-bit nodes of the trie; bytes of texts */
    bool merge_spaces;          /* runs of spaces count as one, and those at the ends not at all */
};

enum lutra_tok_kind {
    LUTRA_TOK_BPE,  /* byte-level BPE */
    LUTRA_TOK_SPM,  /* SentencePiece BPE: pairs ranked by the score of what they make */
    LUTRA_TOK_CHAR, /* the same spelling, but pairs ranked by a list of merges (Gemma 4) */
    LUTRA_TOK_WPM,  /* BERT's WordPiece */
    LUTRA_TOK_UGM   /* SentencePiece unigram (T5, XLM-RoBERTa) */
};

struct lutra_tokenizer {
    enum lutra_tok_kind kind;
    bool spm; /* any but BPE: U+2581 spells a space, merging begins with characters */
    bool add_bos, add_eos, add_space;
    int n;
    int32_t bos, eos, unk;          /* -1: none */
    const struct lutra_pretok *pre; /* NULL: texts are not cut before merging */
    char *arena;
    size_t arena_bytes;
    struct lutra_tok *tok;
    uint8_t *flag;
    uint32_t *rank;       /* SPM: order by score, 0 first; equal scores, equal ranks */
    int32_t byte_id[256]; /* token of a single byte, -1: none */
    uint8_t *joined;      /* not BPE: bit a*256+b: some piece has byte a before byte b */
    struct lutra_piece_table pieces;
    struct lutra_merge_table merges;
    struct lutra_sorted specials; /* searched for in text before anything else */
    bool any_user;                /* some of them are user-defined */
    bool lower, strip;            /* WPM: to lower case, without accents */
    size_t longest;               /* bytes of the longest piece that merging may produce */
    struct lutra_unigram ugm;
};

static inline const char *lutra_tok_piece(const struct lutra_tokenizer *t, int32_t id)
{
    return t->arena + t->tok[id].piece;
}

static inline int lutra_tok_attr(const struct lutra_tokenizer *t, int32_t id)
{
    return t->flag[id] & LUTRA_TOK_ATTR;
}

/* ---- tok_vocab.c: the parts every vocabulary has ---- */

/* tokens, scores, token_type; pieces; the table of pieces; byte tokens. t->spm, t->n are set. */
lutra_status lutra_vocab_load(struct lutra_tokenizer *t, const struct lutra_gguf *g,
                              lutra_error *err);
/* The token that merging makes of these bytes; -1: none. */
int32_t lutra_vocab_find_piece(const struct lutra_tokenizer *t, const char *s, size_t len);
/* "FILE: key KEY at offset N: WHAT", as models/gguf.c words it */
lutra_status lutra_vocab_fail(const struct lutra_gguf *g, const struct lutra_gguf_kv *kv,
                              const char *what, lutra_error *err);

/* U+2581 stands for a space; dst holds n bytes. Returns bytes written. */
size_t lutra_spm_decode(char *dst, const char *text, size_t n);

/* ---- tok_bpe.c ---- */

/* Undo the byte-level spelling; dst holds n bytes. Returns bytes written or SIZE_MAX if it is not
 * such a spelling. */
size_t lutra_bpe_decode(char *dst, const char *text, size_t n);
lutra_status lutra_bpe_load_merges(struct lutra_tokenizer *t, const struct lutra_gguf *g,
                                   lutra_error *err);
/* Rank of the pair, LUTRA_RANK_NONE if it does not merge. */
static inline uint32_t lutra_bpe_rank(const struct lutra_tokenizer *t, int32_t left, int32_t right,
                                      int32_t *id)
{
    uint64_t key = (uint64_t)(uint32_t)left << 32 | (uint32_t)right;
    uint32_t at = (uint32_t)((key * 0x9E3779B97F4A7C15u) >> 32) & t->merges.mask;
    for (;; at = (at + 1) & t->merges.mask) {
        const struct lutra_merge_rule *r = &t->merges.slot[at];
        if (r->left == left && r->right == right) {
            *id = r->id;
            return r->rank;
        }
        if (r->left < 0) return LUTRA_RANK_NONE;
    }
}

/* ---- tok_ugm.c ---- */

lutra_status lutra_ugm_load(struct lutra_tokenizer *t, const struct lutra_gguf *g,
                            lutra_error *err);
void lutra_ugm_free(struct lutra_unigram *u);

/* ---- tok_special.c ---- */

lutra_status lutra_specials_load(struct lutra_tokenizer *t, lutra_error *err);
void lutra_specials_mark_ends(struct lutra_tokenizer *t); /* the end-of-generation set, by text */

/* Where control tokens may be recognised while walking over a text. */
struct lutra_special_scan {
    const char *s;
    size_t len;
    bool control;
    const struct lutra_range *literal;
    size_t n_literal;
};
/* Leftmost, then longest token from *pos on: *pos is where it begins, *id which. Returns its
 * length, 0: none. */
size_t lutra_special_next(const struct lutra_tokenizer *t, struct lutra_special_scan *sc,
                          size_t *pos, int32_t *id);

#endif
