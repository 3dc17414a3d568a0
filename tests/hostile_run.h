/* SPDX-License-Identifier: MIT */
/* Everything a program does with a model file, in a child process that may die of it. */
#ifndef LUTRA_TESTS_HOSTILE_RUN_H
#define LUTRA_TESTS_HOSTILE_RUN_H

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>
#if defined(__GLIBC__)
#include <malloc.h>
#endif

#include "models/gguf.h"
#include "runtime/lutra.h"
#include "runtime/tokenizer.h"
#include "tests/check.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define HOSTILE_SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define HOSTILE_SANITIZED 1
#endif
#endif
#ifndef HOSTILE_SANITIZED
#define HOSTILE_SANITIZED 0
#endif

enum { HANG_SECONDS = 120 }; /* nothing here takes one; a loaded machine may need a few */

struct run_result {
    const char *stage; /* what was being done, for crashes */
    lutra_status gguf, tok, open, plan, feed, greedy, sampled, chat;
    char msg[500], plan_msg[500];
    char wrong[200];    /* a property that does not hold, "" if all do */
    double seconds;     /* lutra_model_open */
    uint64_t start_kib; /* resident before anything */
    int32_t ids[8];     /* greedy, then sampled */
    int n_ids;
};

static inline void run_wrong(struct run_result *r, const char *what)
{
    if (!r->wrong[0]) snprintf(r->wrong, sizeof r->wrong, "%s", what);
}

/* One line, nothing a terminal would act on. */
static inline bool plain_line(const char *s)
{
    if (!*s) return false;
    for (; *s; s++)
        if ((unsigned char)*s < 0x20 || *s == 0x7f) return false;
    return true;
}

static inline void run_status(struct run_result *r, lutra_status st, const lutra_error *err,
                              const char *what)
{
    if (st != LUTRA_OK && !plain_line(err->msg)) run_wrong(r, what);
}

static inline uint64_t resident_kib(void)
{
    unsigned long pages = 0, skip;
    FILE *f = fopen("/proc/self/statm", "re");
    if (f && fscanf(f, "%lu %lu", &skip, &pages) != 2) pages = 0;
    if (f) fclose(f);
    return (uint64_t)pages * (uint64_t)sysconf(_SC_PAGESIZE) / 1024;
}

/* ---- text ---- */

static inline void run_tokenize(struct run_result *r, const lutra_model *m, int n_vocab,
                                const char *text, size_t len, unsigned flags)
{
    int32_t *ids = NULL;
    size_t n = 0;
    lutra_error err = {LUTRA_OK, ""};
    char piece[256];
    lutra_status st = lutra_tokenize(m, text, len, flags, &ids, &n, &err);
    run_status(r, st, &err, "tokenize: message");
    /* twice: SentencePiece sets a space before each text that follows a special token */
    if (n > 2 * len + 3) run_wrong(r, "more tokens than bytes");
    for (size_t i = 0; i < n; i++) {
        if (ids[i] < 0 || ids[i] >= n_vocab) run_wrong(r, "an id outside the vocabulary");
        (void)lutra_token_bytes(m, ids[i], 1, piece, sizeof piece);
        (void)lutra_token_is_end(m, ids[i]);
    }
    lutra_free(ids);
}

static inline void run_text(struct run_result *r, const lutra_model *m, int n_vocab)
{
    char bytes[256], many[4096], piece[8];
    for (int i = 0; i < 256; i++) bytes[i] = (char)i;
    memset(many, 'a', sizeof many);
    r->stage = "tokenize";
    for (unsigned flags = 0; flags < 4; flags++) {
        run_tokenize(r, m, n_vocab, "the hand\nand <s> other <|im_start|> <0x41> \xE2\x96\x81", 44,
                     flags);
        run_tokenize(r, m, n_vocab, bytes, sizeof bytes, flags);
        run_tokenize(r, m, n_vocab, many, sizeof many, flags);
        run_tokenize(r, m, n_vocab, "", 0, flags);
    }
    for (int64_t id = -2; id <= n_vocab + 1; id++)
        (void)lutra_token_bytes(m, (int32_t)id, 1, piece, sizeof piece);
    r->stage = "chat";
    const lutra_chat_message msgs[] = {
        {"system", "be brief", 8}, {"user", "the <|im_end|> hand", 19}, {"assistant", "on", 2}};
    for (int n = 1; n <= 3; n++) {
        int32_t *ids = NULL;
        size_t n_ids = 0;
        lutra_error err = {LUTRA_OK, ""};
        r->chat = lutra_chat_tokenize(m, msgs, n, 1, &ids, &n_ids, &err);
        run_status(r, r->chat, &err, "chat: message");
        for (size_t i = 0; i < n_ids; i++)
            if (ids[i] < 0 || ids[i] >= n_vocab) run_wrong(r, "chat: an id outside the vocabulary");
        lutra_free(ids);
    }
}

/* ---- evaluation ---- */

static inline int run_on_token(void *user, int32_t id)
{
    struct run_result *r = user;
    if (r->n_ids < 8) r->ids[r->n_ids++] = id;
    return 0;
}

static inline lutra_status run_generate(struct run_result *r, lutra_session *s, float temp)
{
    lutra_sampling p;
    lutra_error err = {LUTRA_OK, ""};
    lutra_stop stop;
    lutra_sampling_default(&p);
    p.temp = temp;
    p.seed = 7;
    lutra_generate_options g = {.size = sizeof g};
    g.sampling = &p;
    g.n_predict = 4;
    g.ignore_end = 1;
    g.on_token = run_on_token;
    g.user = r;
    lutra_status st = lutra_generate(s, &g, &stop, &err);
    run_status(r, st, &err, "generate: message");
    return st;
}

static inline void run_session(struct run_result *r, const lutra_model *m, int n_vocab)
{
    lutra_session_options o = {.size = sizeof o};
    lutra_session *s = NULL;
    lutra_error err = {LUTRA_OK, ""};
    int32_t prompt[3] = {65 % n_vocab, 70 % n_vocab, n_vocab - 1};
    o.n_threads = 1;
    r->stage = "session";
    lutra_status st = lutra_session_open(&s, m, &o, &err);
    run_status(r, st, &err, "session: message");
    if (st != LUTRA_OK) return;
    r->stage = "feed";
    int n = lutra_session_n_ctx(s) < 3 ? 1 : 3;
    r->feed = lutra_session_feed(s, prompt, n, &err);
    run_status(r, r->feed, &err, "feed: message");
    r->stage = "generate";
    if (r->feed == LUTRA_OK) r->greedy = run_generate(r, s, 0.0f);
    if (r->feed == LUTRA_OK) r->sampled = run_generate(r, s, 0.8f);
    for (int i = 0; i < r->n_ids; i++)
        if (r->ids[i] < 0 || r->ids[i] >= n_vocab)
            run_wrong(r, "generate: an id outside the vocabulary");
    lutra_session_free(s);
}

/* ---- the whole of it ---- */

static inline void run_file(struct run_result *r, const char *path)
{
    struct lutra_gguf *g = NULL;
    struct lutra_tokenizer *t = NULL;
    lutra_model *m = NULL;
    lutra_error err = {LUTRA_OK, ""};
    lutra_model_options o = {.size = sizeof o};
    lutra_plan plan = {.size = sizeof plan};
    lutra_model_info info = {.size = sizeof info};
    o.n_threads = 1;
    r->start_kib = resident_kib();
    r->stage = "open";
    double start = check_seconds();
    r->open = lutra_model_open(&m, path, &o, &err);
    r->seconds = check_seconds() - start;
    if ((r->open == LUTRA_OK) != (m != NULL)) run_wrong(r, "open: status and model disagree");
    memcpy(r->msg, err.msg, sizeof r->msg);
    run_status(r, r->open, &err, "open: message");
    r->stage = "plan";
    r->plan = lutra_plan_file(&plan, path, &o, NULL, &err);
    memcpy(r->plan_msg, err.msg, sizeof r->plan_msg);
    run_status(r, r->plan, &err, "plan: message");
    r->stage = "container";
    r->gguf = lutra_gguf_open(&g, path, &err);
    r->tok = r->gguf;
    if (r->gguf == LUTRA_OK) r->tok = lutra_tokenizer_load(&t, g, &err);
    run_status(r, r->tok, &err, "tokenizer: message");
    lutra_tokenizer_free(t);
    lutra_gguf_close(g);
    if (m && lutra_model_describe(m, &info) == LUTRA_OK) {
        run_text(r, m, info.n_vocab);
        run_session(r, m, info.n_vocab);
    }
    r->stage = "free";
    lutra_model_free(m);
    r->stage = "end";
}

/* In a child; *r lies in shared memory. Returns what wait4 says. */
static inline int run_child(struct run_result *r, const char *path, uint64_t *peak_kib)
{
    struct rusage usage;
    int status = 0;
    memset(r, 0, sizeof *r);
    fflush(stdout);
#if defined(__GLIBC__)
    malloc_trim(0); /* free memory that a child inherits would hide what it takes */
#endif
    pid_t pid = fork();
    if (pid == 0) {
        struct rlimit core = {0, 0};
        setrlimit(RLIMIT_CORE, &core);
        alarm(HANG_SECONDS);
        run_file(r, path);
#if HOSTILE_SANITIZED
        exit(0); /* leaks are looked for */
#else
        _exit(0);
#endif
    }
    if (pid < 0 || wait4(pid, &status, 0, &usage) != pid) return -1;
    uint64_t peak = (uint64_t)usage.ru_maxrss;
    *peak_kib = peak > r->start_kib ? peak - r->start_kib : 0;
    return status;
}

/* ---- the program ---- */

struct cli_result {
    int status;
    char out[4096], err[4096]; /* the beginnings */
};

static inline void slurp(const char *path, char *dst, size_t cap)
{
    int fd = open(path, O_RDONLY);
    ssize_t n = fd >= 0 ? read(fd, dst, cap - 1) : 0;
    dst[n > 0 ? n : 0] = '\0';
    if (fd >= 0) close(fd);
}

/* argv[0] is the program; NULL ends it */
static inline void run_cli(struct cli_result *c, char *const *argv)
{
    char out[600], err[600];
    snprintf(out, sizeof out, "%s/out", check_tmp());
    snprintf(err, sizeof err, "%s/err", check_tmp());
    fflush(stdout);
    pid_t pid = fork();
    if (pid == 0) {
        int o = open(out, O_WRONLY | O_CREAT | O_TRUNC, 0666),
            e = open(err, O_WRONLY | O_CREAT | O_TRUNC, 0666);
        int in = open("/dev/null", O_RDONLY);
        if (o < 0 || e < 0 || in < 0 || dup2(in, 0) < 0 || dup2(o, 1) < 0 || dup2(e, 2) < 0)
            _exit(99);
        alarm(HANG_SECONDS);
        execv(argv[0], argv);
        _exit(98);
    }
    c->status = -1;
    if (pid > 0) waitpid(pid, &c->status, 0);
    slurp(out, c->out, sizeof c->out);
    slurp(err, c->err, sizeof c->err);
}

#endif
