/* SPDX-License-Identifier: MIT */
/* Lutra: low-bit language models on CPUs by table lookup.
 *
 * Two objects. A lutra_model is a loaded file: immutable, any number of threads and sessions may share it.
 * A lutra_session is one timeline of tokens on it, with its own threads and KV cache: one call at a time,
 * from any thread; a second one gets LUTRA_EBUSY. Sessions of one model run in parallel. Only cancel, free, length and
 * n_ctx may be called while another call runs, and from within its callbacks stats and logits. Free both in any order.
 *
 * The library never prints, exits, aborts, installs handlers or reads the environment. Every function that
 * can fail returns a status and fills a caller-owned lutra_error (which may be NULL). Options structs start
 * with their size and zero means default: `memset(&o, 0, sizeof o); o.size = sizeof o;`. They grow at the end only, and a
 * program compiled with an older header goes on running.
 *
 * Callbacks return: no C++ exception and no longjmp may leave one. The library has no unwind tables, so an exception would
 * end the program; remember it, ask to stop with the callback's result, and throw when the call has returned.
 *
 *   lutra_error err;
 *   lutra_model *m; lutra_session *s;
 *   if (lutra_model_open(&m, "model.gguf", NULL, &err)) return puts(err.msg);
 *   if (lutra_session_open(&s, m, NULL, &err)) return puts(err.msg);
 *   static lutra_generate_options g; // zeros
 *   g.size = sizeof g; g.n_predict = 64; g.on_text = print; // int print(void *user, const char *utf8, size_t n)
 *   int32_t *ids; size_t n;
 *   lutra_tokenize(m, "Once upon a time", 16, LUTRA_ADD_SPECIAL, &ids, &n, &err);
 *   lutra_session_feed(s, ids, (int)n, &err);
 *   lutra_generate(s, &g, NULL, &err);
 *   lutra_free(ids); lutra_session_free(s); lutra_model_free(m);
 */
#ifndef LUTRA_H
#define LUTRA_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define LUTRA_VERSION "0.1.0"

#if defined(_WIN32) && defined(LUTRA_BUILD) /* making lutra.dll */
#define LUTRA_API __declspec(dllexport)
#elif defined(_WIN32) && defined(LUTRA_SHARED) /* using lutra.dll; without the word: a static library */
#define LUTRA_API __declspec(dllimport)
#elif defined(__GNUC__) && !defined(_WIN32)
#define LUTRA_API __attribute__((visibility("default")))
#else
#define LUTRA_API
#endif

#ifndef LUTRA_STATUS_DEFINED
#define LUTRA_STATUS_DEFINED
typedef enum lutra_status {
    LUTRA_OK = 0,
    LUTRA_EINVAL = 1,       /* an argument is out of its documented range */
    LUTRA_EIO = 2,          /* the operating system refused a read, a write, a thread */
    LUTRA_EFORMAT = 3,      /* a file breaks the rules of its format */
    LUTRA_EUNSUPPORTED = 4, /* a valid file that asks for something Lutra cannot do */
    LUTRA_ENOMEM = 5,       /* memory is not to be had */
    LUTRA_ESELFTEST = 6,    /* no kernel passed its self-test */
    LUTRA_EFULL = 7,        /* the context has no room for these tokens */
    LUTRA_ECANCEL = 8,      /* the caller asked to stop */
    LUTRA_ENUMERIC = 9,     /* the model produced non-finite numbers */
    LUTRA_EBUSY = 10        /* another call on the same session is under way */
} lutra_status;

typedef struct lutra_error {
    lutra_status code;
    char msg[500]; /* one line: what, where, cure; always terminated; untrusted bytes escaped */
} lutra_error;
#endif

typedef struct lutra_model lutra_model;
typedef struct lutra_session lutra_session;

/* "0.1.0" */
LUTRA_API const char *lutra_version(void);

/* Short stable name of a status: "ok", "invalid argument", ... Never NULL. */
LUTRA_API const char *lutra_status_name(lutra_status code);

/* Free memory that a function of this header handed out (ids, text). NULL is fine. */
LUTRA_API void lutra_free(void *p);

/* ---- model ---- */

typedef enum lutra_precision_mode {
    LUTRA_PRECISION_DEFAULT = 0, /* integer activations, f16 KV: fast */
    LUTRA_PRECISION_HIGH = 1     /* float activations and KV: slow, for reference */
} lutra_precision_mode;

/* Which kernels multiply low-bit weights. AUTO, LUT and DOT print the same text; DEQ its own. */
typedef enum lutra_kernels {
    LUTRA_KERNELS_AUTO = 0,  /* the fastest for the matrix and the number of tokens */
    LUTRA_KERNELS_LUT = 1,   /* table lookups, prompts too (Q8_0 and codebook types: integer dot; floats: float) */
    LUTRA_KERNELS_DOT = 2,   /* integer dot products over unpacked weights, single tokens too */
    LUTRA_KERNELS_DEQ = 3    /* weights decoded to floats, times float activations: the baseline to measure against */
} lutra_kernels;

/* The output matrix ("head"), read whole for every token: in fewer bits it is read sooner and chooses other tokens now
 * and then. A type that would not be smaller than the file's is not taken. */
typedef enum lutra_head {
    LUTRA_HEAD_FILE = 0,     /* as the file has it */
    LUTRA_HEAD_Q8 = 1,       /* Q8_0 */
    LUTRA_HEAD_Q6 = 2,       /* Q6_K; Q5_1 (6.0 bits too) where 256 does not divide n_embd */
    LUTRA_HEAD_Q4 = 3,       /* Q4_K; Q4_1 where 256 does not divide n_embd */
    LUTRA_HEAD_FAST = 4      /* as in the file, but greedy steps (temp 0, no penalties) read a shortlist first, in about
                                two bits a weight, and then only the rows near the best: one token in 5,000 may differ.
                                Everything else reads the whole head, lutra_session_logits too: all are exact there */
} lutra_head;

/* How I2_S tensors (BitNet's fork of llama.cpp) are laid out: three ways of one size, and nothing in a file tells. */
typedef enum lutra_i2s {
    LUTRA_I2S_128 = 0,       /* blocks of 128: x86 builds, Microsoft's converter */
    LUTRA_I2S_64 = 1,        /* blocks of 64: ARM builds */
    LUTRA_I2S_ROWS4 = 2      /* four rows interleaved: x86 builds with ACT_PARALLEL off */
} lutra_i2s;

/* What becomes of the vectors of a text's tokens (lutra_embed). */
typedef enum lutra_pooling {
    LUTRA_POOLING_DEFAULT = 0, /* the file's key pooling_type; without one MEAN for encoders, LAST for all others */
    LUTRA_POOLING_NONE = 1,  /* all of them, one per token */
    LUTRA_POOLING_MEAN = 2,  /* their mean */
    LUTRA_POOLING_CLS = 3,   /* the first one */
    LUTRA_POOLING_LAST = 4,  /* the last one */
    LUTRA_POOLING_RANK = 5   /* what files of rerankers name: describes them, cannot be asked for */
} lutra_pooling;

enum {
    LUTRA_LOG_NOTE = 1,      /* good to know: a template that was guessed, what a head asked for became */
    LUTRA_LOG_WARN = 2       /* something is not as it should be: a kernel that failed its self-test, a key that is wrong */
};

typedef struct lutra_model_options {
    size_t size;               /* sizeof(lutra_model_options) */
    const char *cpu;           /* CPU level to use at most: "scalar", "avx2", "neon", ...; one that does not run on this
                                  machine: the best below it, with a warning; NULL: the best */
    int n_threads;             /* threads that load; default 0: as lutra_threads_default; 1..256 */
    lutra_precision_mode precision; /* default LUTRA_PRECISION_DEFAULT */
    int (*on_progress)(void *user, double fraction); /* 0..1 while loading; non-zero stops with LUTRA_ECANCEL; default NULL */
    void *user;                /* passed to on_progress */
    lutra_kernels kernels;     /* default LUTRA_KERNELS_AUTO; with LUTRA_PRECISION_HIGH only AUTO or DEQ */
    lutra_head head;           /* default LUTRA_HEAD_FILE */
    lutra_i2s i2s_layout;      /* default LUTRA_I2S_128 */
    const char *chat_template;   /* Jinja source, or a name such as "chatml", instead of the file's template; default NULL */
    const char *template_kwargs; /* JSON object of further variables of the template: "{\"enable_thinking\": false}"; default NULL */
    void (*on_log)(void *user, int level, const char *line); /* LUTRA_LOG_*, one line without its end, valid during the
                                  call; while loading, from the loading thread; default NULL */
} lutra_model_options;

/* Read, check, repack and self-test a GGUF file. The file is closed again before this returns.
 *   Errors  LUTRA_EINVAL, LUTRA_EIO, LUTRA_EFORMAT, LUTRA_EUNSUPPORTED, LUTRA_ENOMEM, LUTRA_ESELFTEST, LUTRA_ECANCEL;
 *           *out is NULL then
 *   Owns    the caller owns *out; free with lutra_model_free */
LUTRA_API lutra_status lutra_model_open(lutra_model **out, const char *path, const lutra_model_options *opt,
                                        lutra_error *err);
/* NULL is fine. What sessions still use goes with the last of them. */
LUTRA_API void lutra_model_free(lutra_model *m);

typedef struct lutra_model_info {
    size_t size;               /* sizeof(lutra_model_info), set by the caller */
    const char *arch;          /* "llama"; strings live as long as the model */
    const char *name;          /* general.name, escaped; "" if none */
    const char *type_name;     /* weight type that holds most of the weights: "Q4_1" */
    const char *kernel;        /* CPU level in use: "avx2" */
    const char *self_test;     /* "ok", or which kernel fell back and to what */
    const char *head;          /* "Q6_K, as in the file", or what it was changed to and what that costs */
    const char *threads;       /* threads a session takes by default, and why */
    uint64_t n_params;         /* weights */
    uint64_t file_bytes;
    uint64_t weight_bytes;     /* packed, in memory */
    uint64_t vocab_bytes;      /* tokenizer, in memory */
    uint64_t token_bytes;      /* weight bytes read per generated token */
    int n_vocab, n_embd, n_layer, n_head, n_head_kv, n_ctx_train;
    int has_template;          /* 1: own chat template; 2: ChatML by vocabulary; 0: none, plain completion */
    double load_seconds;
    int encoder;               /* 1: it makes vectors of texts (lutra_embed) and no text: feed, sync, generate refuse */
    lutra_pooling pooling;     /* what LUTRA_POOLING_DEFAULT means for it */
} lutra_model_info;

/* What was loaded. Errors LUTRA_EINVAL (NULL, size). */
LUTRA_API lutra_status lutra_model_describe(const lutra_model *m, lutra_model_info *info);

/* Memory in bytes that a model and one session take, known before loading. */
typedef struct lutra_plan {
    size_t size;               /* sizeof(lutra_plan), set by the caller */
    uint64_t weights, vocab, kv, scratch; /* scratch: tables, activations, logits, threads */
    uint64_t total;
    uint64_t available;        /* memory the system says is free for us; 0 unknown */
    int n_ctx;                 /* context these figures are for */
} lutra_plan;

typedef struct lutra_session_options {
    size_t size;               /* sizeof(lutra_session_options) */
    int n_ctx;                 /* tokens of context; default 0: min(model, 8192, what memory allows). BERT's positions are
                                  as many as it learned: a larger n_ctx becomes that */
    int n_batch;               /* tokens fed at once; default 0: 2048; 1..65536. Never changes a result */
    int n_threads;             /* threads for one token; default 0: lutra_threads_default, or those that saturate memory */
    int n_threads_batch;       /* threads for many tokens; default 0: n_threads, or lutra_threads_default */
} lutra_session_options;

/* The RAM plan of a file, from its header alone. opt, sopt may be NULL.
 *   Errors  as lutra_model_open, and LUTRA_ENOMEM if n_ctx was asked for and cannot fit */
LUTRA_API lutra_status lutra_plan_file(lutra_plan *plan, const char *path, const lutra_model_options *opt,
                                       const lutra_session_options *sopt, lutra_error *err);

/* Threads used by default on this machine; why: NULL or room for one line of reason. */
LUTRA_API int lutra_threads_default(char *why, size_t why_cap);

/* ---- tokens ---- */

enum {
    LUTRA_ADD_SPECIAL = 1,   /* BOS, EOS where the model wants them; BERT's [CLS] and [SEP] */
    LUTRA_PARSE_SPECIAL = 2  /* control tokens written in the text become their ids: only for text you trust */
};

/* Ids of `len` bytes of text (any bytes).
 *   Owns    *ids is the caller's: lutra_free. *n may be 0 (then *ids may be NULL). */
LUTRA_API lutra_status lutra_tokenize(const lutra_model *m, const char *text, size_t len, unsigned flags, int32_t **ids,
                                      size_t *n, lutra_error *err);

/* Bytes of one token; returns their count, copies at most cap. Control tokens are empty unless `special`. */
LUTRA_API size_t lutra_token_bytes(const lutra_model *m, int32_t id, int special, char *dst, size_t cap);

/* Does this token end an answer? */
LUTRA_API int lutra_token_is_end(const lutra_model *m, int32_t id);

typedef struct lutra_chat_message {
    const char *role;        /* "system", "user", "assistant" */
    const char *content;     /* text; control tokens in it stay text */
    size_t content_len;
} lutra_chat_message;

/* Ids of a conversation by the model's own template (ChatML if the vocabulary has it; LUTRA_EUNSUPPORTED if the model
 * has neither). add_answer: end with the header of the next answer.
 *   Owns    *ids is the caller's: lutra_free */
LUTRA_API lutra_status lutra_chat_tokenize(const lutra_model *m, const lutra_chat_message *msgs, int n_msgs, int add_answer,
                                           int32_t **ids, size_t *n, lutra_error *err);

/* ---- session ---- */

LUTRA_API lutra_status lutra_session_open(lutra_session **out, const lutra_model *m, const lutra_session_options *opt,
                                          lutra_error *err);
/* NULL is fine. A call under way, of another thread or around the callback that calls this, is cancelled and frees the
 * session when it returns. */
LUTRA_API void lutra_session_free(lutra_session *s);

/* Tokens the session holds, and the most it can hold. */
LUTRA_API int lutra_session_length(const lutra_session *s);
LUTRA_API int lutra_session_n_ctx(const lutra_session *s);

/* Called between batches while feeding: done of total tokens; non-zero stops with LUTRA_ECANCEL. NULL: none. */
LUTRA_API void lutra_session_on_progress(lutra_session *s, int (*fn)(void *user, int done, int total), void *user);

/* Evaluate n tokens after those held; logits of the last one stay in the session.
 *   ids     0 <= id < n_vocab; read during the call only
 *   Errors  LUTRA_EFULL no room: nothing evaluated; LUTRA_EINVAL bad id: nothing evaluated; LUTRA_ECANCEL: the session
 *           holds the tokens evaluated so far */
LUTRA_API lutra_status lutra_session_feed(lutra_session *s, const int32_t *ids, int n, lutra_error *err);

/* Make the session hold exactly these tokens: keeps the longest common prefix, truncates, feeds the rest (at least
 * the last token, so that logits are fresh). *reused (may be NULL): tokens kept. */
LUTRA_API lutra_status lutra_session_sync(lutra_session *s, const int32_t *ids, int n, int *reused, lutra_error *err);

/* Drop all tokens from position n on. Models with recurrent layers may have to evaluate some of the kept tokens again.
 *   Errors  LUTRA_EINVAL; LUTRA_ECANCEL while doing so: fewer than n tokens are held then */
LUTRA_API lutra_status lutra_session_truncate(lutra_session *s, int n, lutra_error *err);

/* n_vocab logits of the last token fed; NULL before any, and while another thread's call is under way. Valid until the
 * next call on the session. */
LUTRA_API const float *lutra_session_logits(const lutra_session *s);

/* Stop whatever the session is doing within one token; safe from another thread and from a signal handler. If nothing
 * runs, the next feed, sync or generate stops at once. The call that was stopped clears it. */
LUTRA_API void lutra_session_cancel(lutra_session *s);

/* Write all a session is to a file: its tokens, what the model remembers of them, the random sequence of its sampler.
 *   path    absent or a regular file; replaced when the new one is complete on disk
 *   Errors  LUTRA_EIO (full disk ...), LUTRA_ENOMEM: no file appears, an older one stays
 *   Format  runtime/session_file.h; about as large as the KV cache in use; written on one machine, read on any other */
LUTRA_API lutra_status lutra_session_save(lutra_session *s, const char *path, lutra_error *err);

/* Make the session what a saved one was: whatever follows gives the same ids as if that had gone on, at any number of
 * threads and CPU level. n_ctx may differ.
 *   Errors  LUTRA_EIO, LUTRA_EFORMAT damaged, LUTRA_EUNSUPPORTED of another model, precision or version, LUTRA_EFULL more
 *           tokens than n_ctx, LUTRA_ENOMEM: the session is as it was
 *   Memory  what the file's tokens take, a second time until the old ones are freed */
LUTRA_API lutra_status lutra_session_restore(lutra_session *s, const char *path, lutra_error *err);

typedef struct lutra_sampling {
    size_t size;             /* sizeof(lutra_sampling); NOTE: zero means zero here; start from lutra_sampling_default */
    float temp, top_p, min_p, repeat_penalty, presence_penalty, frequency_penalty;
    int top_k, repeat_last_n;
    uint64_t seed;
} lutra_sampling;

/* temp 0.8, top_k 40, top_p 0.95, min_p 0.05, penalties off, repeat_last_n 64, seed 0. */
LUTRA_API void lutra_sampling_default(lutra_sampling *p);

/* The same, but what the model's file recommends (keys general.sampling.*) instead where it does. */
LUTRA_API void lutra_model_sampling(const lutra_model *m, lutra_sampling *p);

typedef enum lutra_stop {
    LUTRA_STOP_END = 1,      /* the model ended its answer */
    LUTRA_STOP_LENGTH = 2,   /* n_predict reached */
    LUTRA_STOP_FULL = 3,     /* the context is full */
    LUTRA_STOP_STRING = 4,   /* a stop string appeared */
    LUTRA_STOP_CALLER = 5    /* cancelled, or on_text asked to stop */
} lutra_stop;

typedef struct lutra_generate_options {
    size_t size;             /* sizeof(lutra_generate_options) */
    const lutra_sampling *sampling; /* default NULL: lutra_model_sampling */
    int n_predict;           /* tokens at most; default 0: until the model stops or the context is full */
    int ignore_end;          /* 1: end-of-generation tokens are never chosen */
    const char *const *stop; /* n_stop strings that end the answer (not part of the text); default NULL */
    int n_stop;
    int (*on_text)(void *user, const char *utf8, size_t n);  /* whole UTF-8 characters; non-zero stops; default NULL */
    int (*on_token)(void *user, int32_t id);                 /* every id as chosen, the ending one too; default NULL */
    void *user;
    const char *grammar;     /* must be NULL: room for a grammar the answer follows, LUTRA_EUNSUPPORTED until there is one */
    int restart;             /* 1: the random sequence begins at its seed; default 0: with the sampling of the last call it goes on */
} lutra_generate_options;

/* Choose and evaluate tokens after those held (at least one must be) until a stop rule applies.
 *   stop    NULL, or receives why it ended
 *   Errors  LUTRA_EINVAL nothing fed yet, LUTRA_ENUMERIC, LUTRA_ENOMEM. Cancelling is not an error here: LUTRA_STOP_CALLER;
 *           every token shown is held, so that the next call goes on behind it. */
LUTRA_API lutra_status lutra_generate(lutra_session *s, const lutra_generate_options *opt, lutra_stop *stop, lutra_error *err);

/* ---- embeddings ---- */

typedef enum lutra_normalize {
    LUTRA_NORMALIZE_L2 = 0,  /* vectors have length 1 (a vector of zeros stays one): their dot product is the cosine */
    LUTRA_NORMALIZE_OFF = 1
} lutra_normalize;

typedef struct lutra_embed_options {
    size_t size;             /* sizeof(lutra_embed_options) */
    lutra_pooling pooling;   /* default LUTRA_POOLING_DEFAULT */
    lutra_normalize normalize; /* default LUTRA_NORMALIZE_L2 */
    const int *lengths;      /* [n_texts] tokens of each text, all > 0, n in sum; default NULL: ids are one text */
    int n_texts;
} lutra_embed_options;

/* Vectors of texts: the hidden states of their tokens behind the last norm, where a decoder's head would begin, pooled.
 * Many short texts in one call cost less than a call for each; no number depends on which texts came together.
 *   ids     n ids, the texts one behind the other, each as lutra_tokenize with LUTRA_ADD_SPECIAL gives it
 *   opt     NULL: all defaults
 *   out     rows of n_embd floats (lutra_model_info): one per text, with LUTRA_POOLING_NONE one per token
 *   out_cap floats there is room for
 *   Session every text begins at position 0; the session holds no tokens afterwards, unless an error other than
 *           LUTRA_ECANCEL and LUTRA_ENUMERIC changed nothing
 *   Errors  LUTRA_EINVAL, also for too small an out_cap; LUTRA_EFULL a text is longer than n_ctx; LUTRA_EUNSUPPORTED the
 *           file is a reranker and no pooling was named; LUTRA_ECANCEL, LUTRA_ENUMERIC: out is undefined; LUTRA_ENOMEM
 *   Threads one call at a time per session; lutra_session_on_progress and lutra_session_cancel as when feeding */
LUTRA_API lutra_status lutra_embed(lutra_session *s, const int32_t *ids, int n, const lutra_embed_options *opt, float *out,
                                   size_t out_cap, lutra_error *err);

typedef struct lutra_stats {
    size_t size;             /* sizeof(lutra_stats), set by the caller */
    uint64_t prompt_tokens /* lutra_embed's too */, reused_tokens, generated_tokens; /* since the session was opened */
    double prompt_seconds, generated_seconds;
    uint64_t kv_bytes, scratch_bytes;
    int n_threads, n_threads_batch;
} lutra_stats;

/* Errors LUTRA_EINVAL (NULL, size), LUTRA_EBUSY. */
LUTRA_API lutra_status lutra_session_stats(const lutra_session *s, lutra_stats *st);

#ifdef __cplusplus
}
#endif

#endif
