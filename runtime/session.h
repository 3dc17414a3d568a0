/* SPDX-License-Identifier: MIT */
/* What stands behind the two handles of lutra.h. Private to runtime/ (tools that measure may look). */
#ifndef LUTRA_RUNTIME_SESSION_H
#define LUTRA_RUNTIME_SESSION_H

#include "models/eval.h"
#include "models/fingerprint.h"
#include "runtime/lutra.h"
#include "runtime/sampler.h"
#include "runtime/tokenizer.h"
#include <stdatomic.h>

enum {
    LUTRA_BATCH_DEFAULT = 2048, /* llama.cpp's -b */
    LUTRA_BATCH_MAX = 65536,
    LUTRA_BATCH_STEP = 512,     /* most tokens evaluated in one go: results do not depend on it, scratch memory does */
    /* one token's bytes (64 KiB at most), then what is held back of the stream: see generate.c */
    LUTRA_TEXT_BYTES = (64 << 10) + 1024 + 3 * ((64 << 10) + 8)
};

struct lutra_model {
    struct lutra_net *net;
    struct lutra_tokenizer *tok;
    enum lutra_precision precision;
    enum lutra_mode mode;
    char *chat_template;      /* NUL-terminated source, NULL if none */
    size_t chat_template_len;
    char *template_kwargs;    /* JSON, NULL if none */
    int has_template;         /* as in lutra_model_info */
    char name[128];           /* escaped */
    lutra_sampling sampling;  /* defaults, and what the file recommends */
    uint64_t file_bytes;
    double load_seconds;
    struct lutra_fingerprint print;
    atomic_int n_users;       /* the caller and every session: the last one frees it */
    int n_threads, n_threads_batch; /* default of sessions: for one token, for many */
    char threads[400];        /* why, in one line */
};

struct lutra_session {
    const struct lutra_model *model;
    atomic_uintptr_t owner;   /* whose call is under way: session_busy.c */
    atomic_int n_held;        /* kv.n, for who asks meanwhile */
    int n_ctx;                /* kv.n_ctx, the same: a restored cache changes places with kv */
    struct lutra_eval *eval;
    int32_t *ids;             /* [n_ctx] tokens held */
    bool has_logits;
    struct lutra_sampler *sampler;
    struct lutra_sampler_params sampler_params; /* what the sampler was made with */
    bool sampler_bans_ends;
    char *text;               /* scratch for pieces and stop strings */
    atomic_int cancel;
    int (*on_progress)(void *user, int done, int total);
    void *progress_user;
    lutra_stats stats;
};

/* The caller's options, or all defaults for NULL (api_session.c). LUTRA_EINVAL: size, or a value out of range. */
lutra_status lutra_session_read_options(lutra_session_options *o, const lutra_session_options *opt, lutra_error *err);

/* Tell opt->on_log what is worth knowing of a model that was just loaded from g (notes.c). */
void lutra_model_notes(const lutra_model *m, const struct lutra_gguf *g, const lutra_model_options *opt);

/* Fill has_template, chat_template and template_kwargs (model_template.c); m->tok is there. */
lutra_status lutra_model_template(lutra_model *m, const struct lutra_gguf *g,
                                  const lutra_model_options *opt, lutra_error *err);

/* Tokens evaluated in one go for a batch size asked for (0: the default). */
static inline int lutra_batch_step(int n_batch)
{
    return n_batch > 0 && n_batch < LUTRA_BATCH_STEP ? n_batch : LUTRA_BATCH_STEP;
}

/* A sampler of these parameters, which never chooses a token that ends an answer if it bans_ends (generate.c). */
lutra_status lutra_session_sampler(struct lutra_sampler **out, const lutra_session *s,
                                   const struct lutra_sampler_params *p, bool bans_ends, lutra_error *err);

/* Every public call on a session lies between these two (session_busy.c). LUTRA_EBUSY: another one is under way. leave
 * may free the session. */
lutra_status lutra_session_enter(lutra_session *s, const char *call, lutra_error *err);
void lutra_session_leave(lutra_session *s);
/* Is the call under way one of this thread? Then we are inside one of its callbacks. */
bool lutra_session_is_mine(const lutra_session *s);
/* Free what the last leave left (api_session.c). */
void lutra_session_destroy(lutra_session *s);
/* One user of the model less (api_model.c). */
void lutra_model_release(const lutra_model *m);

/* Evaluate n <= n_batch tokens and note them as held. LUTRA_ECANCEL: nothing changed. */
lutra_status lutra_session_eval(lutra_session *s, const int32_t *ids, int n, lutra_error *err);

/* LUTRA_EINVAL if one of n ids is none of the model's. */
lutra_status lutra_session_check_ids(const lutra_session *s, const int32_t *ids, int n, lutra_error *err);

/* LUTRA_EUNSUPPORTED if the model is an encoder. */
lutra_status lutra_session_check_decoder(const lutra_session *s, lutra_error *err);

/* What LUTRA_POOLING_DEFAULT means for this model. */
lutra_pooling lutra_pooling_of(const struct lutra_config *c);

/* Seconds on a clock that never steps back. */
double lutra_clock(void);

/* opt->n_ctx: what was asked for; 0 becomes min(n_ctx_train, 8192), cut down to what memory allows. The other fields
 * are set. `reserved`: bytes that will be taken besides. */
lutra_status lutra_choose_ctx(const struct lutra_config *c, const struct lutra_ops *ops, struct lutra_eval_options *opt,
                              uint64_t reserved, lutra_error *err);

#endif
