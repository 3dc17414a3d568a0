/* SPDX-License-Identifier: MIT */
/* Saved sessions: the layout of the file, shared by session_save.c and session_restore.c. Numbers are little endian.
 *
 *   0    "LUTRASES"
 *   8    u32 version, u32 number of sections
 *   16   u64 bytes of each section
 *   72   u64 checksum of bytes 0..71
 *   80   sections one behind the other, each followed by the u64 checksum of its bytes
 *
 *   model    which model it belongs to, and what of its options decides what the numbers mean
 *   session  counts and flags
 *   ids      i32 of every token
 *   kv       per layer the keys of every token, then their values: f16, or f32 at high precision
 *   state    i32 copies there may be, i32 next one to replace, i32 position of each (-1: none); f32 state of now, then of
 *            each copy there is. Empty where no layer is recurrent
 *   last     f32[n_embd] what the logits are made of; empty before anything was fed
 *   sampler  parameters, then the generator's state; empty before anything was generated
 *
 * Checksums are seeded with the section's number. Every section's size follows from the model and the first two
 * sections, so a file is measured before anything is allocated for it. Nothing depends on n_ctx, on threads or on the
 * CPU level. */
#ifndef LUTRA_RUNTIME_SESSION_FILE_H
#define LUTRA_RUNTIME_SESSION_FILE_H

#include "models/hash64.h"
#include "runtime/session.h"

enum { LUTRA_SES_VERSION = 1 };

enum lutra_ses_section {
    LUTRA_SES_MODEL,
    LUTRA_SES_SESSION,
    LUTRA_SES_IDS,
    LUTRA_SES_KV,
    LUTRA_SES_STATE,
    LUTRA_SES_LAST,
    LUTRA_SES_SAMPLER,
    LUTRA_SES_N
};

struct lutra_ses_header {
    char magic[8];
    uint32_t version, n_sections;
    uint64_t bytes[LUTRA_SES_N];
    uint64_t sum;
};

struct lutra_ses_model {
    char arch[24], type[16], name[128]; /* terminated, zeros behind */
    uint64_t vocab, weights;            /* fingerprints */
    uint32_t n_vocab, n_embd, n_layer;
    uint32_t f32;      /* keys and values are floats: precision high */
    uint32_t decoded;  /* kernels deq */
    uint32_t long_ctx; /* rotated for contexts beyond the original one */
};

enum {
    LUTRA_SES_LOGITS = 1,    /* there are logits */
    LUTRA_SES_WHOLE = 2,     /* and all of them are exact */
    LUTRA_SES_GREEDY = 4,    /* the last sampler wanted the greatest only */
    LUTRA_SES_SAMPLES = 8,   /* there is a sampler */
    LUTRA_SES_BANS_ENDS = 16 /* which never ends an answer */
};

struct lutra_ses_session {
    uint32_t n_tokens, n_ctx, flags;
    uint32_t n_copies; /* of recurrent state, in the file */
};

struct lutra_ses_sampler {
    float temp, top_p, min_p, repeat_penalty, presence_penalty, frequency_penalty;
    int32_t top_k, repeat_last_n;
    uint64_t seed, rng[4];
};

/* No padding anywhere: the structs are the bytes of the file. */
_Static_assert(sizeof(struct lutra_ses_header) == 80, "layout of the header");
_Static_assert(sizeof(struct lutra_ses_model) == 208, "layout of the model section");
_Static_assert(sizeof(struct lutra_ses_session) == 16, "layout of the session section");
_Static_assert(sizeof(struct lutra_ses_sampler) == 72, "layout of the sampler section");

/* This session's model, as a file tells it (session_save.c). */
void lutra_ses_model_of(struct lutra_ses_model *m, const lutra_session *s);

/* Sizes of all sections for what a session section says; false if a size overflows (session_save.c). */
bool lutra_ses_sizes(uint64_t bytes[LUTRA_SES_N], const lutra_session *s, const struct lutra_ses_session *what);

/* Checksum of the header's own bytes. */
static inline uint64_t lutra_ses_header_sum(const struct lutra_ses_header *h)
{
    return lutra_hash64(LUTRA_SES_N, h, offsetof(struct lutra_ses_header, sum));
}

#endif
