/* SPDX-License-Identifier: MIT */
/* Merging: from the characters of a section of text to tokens, best pair first, leftmost of equals.
 *
 * Both kinds of BPE do this; they differ in what a character is (a byte; a UTF-8 character) and how
 * a pair is looked up (by ids; by the bytes of both together). A section of up to 32 characters (a
 * word) is done by scanning a small array. A longer one keeps one int32 per byte of text:
 *
 *   bytes   t  h  e     c  a  t     first byte of a symbol: its id, or RAW + length if it has none
 *   sym   464  .  ~0  262  .  .  ~3   last byte of a longer one: ~start; between: anything negative
 *
 * so the right neighbour is found by the symbol's length and the left one by what stands before,
 * and a queue of (rank, position) in time n log n. Entries are not removed when a symbol goes: the
 * pair at a position is looked up again when its turn comes, and the entry counts only if the rank
 * is still the same. */
#ifndef LUTRA_RUNTIME_TOK_MERGE_H
#define LUTRA_RUNTIME_TOK_MERGE_H

#include "runtime/tok_queue.h"
#include "runtime/tok_vocab.h"

/* Scratch of one encode call: grows, is reused from section to section. Zeroed is empty. */
struct lutra_merger {
    const struct lutra_tokenizer *t;
    struct lutra_ids *out;
    int32_t *sym;
    size_t sym_cap;
    struct lutra_queue queue;
    bool after_unk; /* UGM: the last id of this text was the unknown token */
};

void lutra_merger_free(struct lutra_merger *m);

/* Append the ids of section s[0..n) to m->out; false: no memory. */
bool lutra_merge_section(struct lutra_merger *m, const char *s, size_t n);

/* End of the section of s[0..len) that begins at pos: no piece of the vocabulary reaches across.
 * Not for byte-level BPE. */
size_t lutra_section_end(const struct lutra_tokenizer *t, const char *s, size_t pos, size_t len);

/* Append the ids of a text as BERT or a unigram model has them; false: no memory. `prefix`: a space
 * stands before the text. */
bool lutra_wpm_encode(struct lutra_merger *m, const char *s, size_t len);
bool lutra_ugm_encode(struct lutra_merger *m, const char *s, size_t len, bool prefix);

/* Append one id; false: no memory. */
bool lutra_ids_push(struct lutra_ids *out, int32_t id);

#endif
