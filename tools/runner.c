/* SPDX-License-Identifier: MIT */
/* Opening, feeding and reporting, shared by run and chat. Uses lutra.h alone of the library. */
#include "tools/runner.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tools/cmd.h"
#include "tools/find.h"
#include "tools/progress.h"

/* What the library has to say: warnings always, notes to those who ask. */
struct loading {
    struct lutra_progress bar;
    bool verbose;
};

static int on_load(void *user, double fraction)
{
    struct loading *l = user;
    lutra_progress_update(&l->bar, fraction);
    return lutra_interrupt_pending();
}

static void on_log(void *user, int level, const char *line)
{
    const struct loading *l = user;
    lutra_cli_log(NULL, l->verbose ? LUTRA_LOG_WARN : level, line);
}

static void print_plan(const lutra_plan *p)
{
    char w[24], v[24], kv[24], s[24], t[24], a[24];
    lutra_cli_bytes(w, sizeof w, p->weights);
    lutra_cli_bytes(v, sizeof v, p->vocab);
    lutra_cli_bytes(kv, sizeof kv, p->kv);
    lutra_cli_bytes(s, sizeof s, p->scratch);
    lutra_cli_bytes(t, sizeof t, p->total);
    fprintf(stderr, "plan: weights %s + KV %s (ctx %d) + scratch %s + vocabulary %s = %s", w, kv,
            p->n_ctx, s, v, t);
    if (p->available) fprintf(stderr, " of %s free", lutra_cli_bytes(a, sizeof a, p->available));
    fputc('\n', stderr);
    if (p->available && p->total > p->available)
        lutra_cli_say("that is more than is free: expect swapping, or give a smaller -c");
}

/* Last part of a path, for models without a name of their own; escaped. */
static void show_name(char *dst, size_t cap, const lutra_model_info *info, const char *path)
{
    const char *slash = strrchr(path, '/'), *base = slash ? slash + 1 : path;
    if (info->name && info->name[0])
        snprintf(dst, cap, "%s", info->name);
    else
        lutra_escape(dst, cap, base, strlen(base));
}

static void print_summary(const struct lutra_runner *e, const char *path, bool interactive)
{
    char name[120], file[24], kv[24], ram[24];
    lutra_stats st = {.size = sizeof st};
    lutra_session_stats(e->session, &st);
    show_name(name, sizeof name, &e->info, path);
    uint64_t total = e->info.weight_bytes + e->info.vocab_bytes + st.kv_bytes + st.scratch_bytes;
    char batch[40] = "";
    if (st.n_threads_batch != st.n_threads)
        snprintf(batch, sizeof batch, " (%d for prompts)", st.n_threads_batch);
    fprintf(stderr, "%s · %s · %s %s · ctx %d (KV %s) · RAM %s · %d thread%s%s · %s · %.2f s%s\n",
            name, e->info.arch, e->info.type_name,
            lutra_cli_bytes(file, sizeof file, e->info.file_bytes), lutra_session_n_ctx(e->session),
            lutra_cli_bytes(kv, sizeof kv, st.kv_bytes), lutra_cli_bytes(ram, sizeof ram, total),
            st.n_threads, st.n_threads == 1 ? "" : "s", batch, e->info.kernel, e->info.load_seconds,
            interactive ? " · Ctrl-C stops, /help" : "");
}

/* At once, not after the first message. */
static int refuse_encoder(const struct lutra_runner *e, const struct lutra_options *o)
{
    if (!e->info.encoder || o->encoders) return -1;
    lutra_cli_say("%s models are encoders: they generate nothing; 'lutra embed' makes vectors of texts with them",
                  e->info.arch);
    return LUTRA_EXIT_UNSUPPORTED;
}

static int open_session(struct lutra_runner *e, const struct lutra_options *o)
{
    lutra_error err = {0};
    lutra_session_options so = {.size = sizeof so};
    so.n_ctx = o->n_ctx;
    so.n_batch = o->n_batch;
    so.n_threads = o->n_threads;
    so.n_threads_batch = o->n_threads_batch;
    if (lutra_session_open(&e->session, e->model, &so, &err)) return lutra_cli_fail(&err, true);
    lutra_interrupt_watch(e->session);
    return -1;
}

static int open_model(struct lutra_runner *e, const struct lutra_options *o, const char *path,
                      const char *template)
{
    lutra_error err = {0};
    struct loading loading = {.verbose = o->verbose};
    lutra_model_options mo = {.size = sizeof mo};
    mo.cpu = o->cpu;
    mo.n_threads = o->n_threads;
    mo.precision = o->precision ? LUTRA_PRECISION_HIGH : LUTRA_PRECISION_DEFAULT;
    mo.kernels = (lutra_kernels)o->kernels;
    mo.head = (lutra_head)o->head;
    mo.i2s_layout = (lutra_i2s)o->i2s_layout;
    mo.chat_template = o->chat_template_file ? template : o->chat_template;
    mo.template_kwargs = o->template_kwargs;
    mo.on_progress = on_load;
    mo.on_log = on_log;
    mo.user = &loading;
    if (e->chatty) {
        lutra_plan plan = {.size = sizeof plan};
        lutra_session_options so = {.size = sizeof so};
        so.n_ctx = o->n_ctx;
        so.n_batch = o->n_batch;
        so.n_threads = o->n_threads;
        so.n_threads_batch = o->n_threads_batch;
        if (lutra_plan_file(&plan, path, &mo, &so, &err)) return lutra_cli_fail(&err, true);
        print_plan(&plan);
    }
    lutra_progress_begin(&loading.bar, "loading", e->chatty);
    lutra_status status = lutra_model_open(&e->model, path, &mo, &err);
    lutra_progress_end(&loading.bar);
    return status ? lutra_cli_fail(&err, true) : -1;
}

/* --prompt-cache: what the file holds is what the session holds, if there is one. */
static int open_cache(struct lutra_runner *e, const struct lutra_options *o)
{
    lutra_error err = {0};
    struct stat st;
    if (!o->prompt_cache) return -1;
    if (!o->prompt_cache_ro) e->cache = o->prompt_cache;
    e->cache_at_end = o->prompt_cache_all;
    if (stat(o->prompt_cache, &st) != 0) return -1; /* the first time */
    if (lutra_session_restore(e->session, o->prompt_cache, &err)) return lutra_cli_fail(&err, false);
    return -1;
}

int lutra_runner_keep(struct lutra_runner *e)
{
    lutra_error err = {0};
    const char *path = e->cache;
    e->cache = NULL;
    if (path && lutra_session_save(e->session, path, &err)) return lutra_cli_fail(&err, false);
    return -1;
}

int lutra_runner_open(struct lutra_runner *e, const struct lutra_options *o, bool chatty)
{
    char found[LUTRA_FIND_PATH];
    const char *path = lutra_find_path(o->model, found);
    memset(e, 0, sizeof *e);
    e->chatty = chatty;
    e->seed = lutra_options_seed(o);
    lutra_interrupt_watch(NULL);
    struct lutra_text template = {0};
    int code = lutra_options_template(o, &template);
    if (code < 0) code = open_model(e, o, path, template.p ? template.p : "");
    lutra_text_free(&template);
    if (code < 0) {
        e->info.size = sizeof e->info;
        lutra_model_describe(e->model, &e->info);
        code = refuse_encoder(e, o);
        if (code < 0) code = open_session(e, o);
    }
    if (code < 0) code = open_cache(e, o);
    if (code >= 0) {
        lutra_runner_close(e);
        return code;
    }
    if (chatty) print_summary(e, path, lutra_cli_tty(STDIN_FILENO) && lutra_cli_tty(STDOUT_FILENO));
    if (chatty && o->head && !o->verbose) fprintf(stderr, "head: %s\n", e->info.head);
    if (o->verbose) fprintf(stderr, "threads: %s\n", o->n_threads ? "as asked for with -t" : e->info.threads);
    if (o->verbose) fprintf(stderr, "seed %llu\n", (unsigned long long)e->seed);
    return -1;
}

void lutra_runner_close(struct lutra_runner *e)
{
    lutra_interrupt_watch(NULL);
    lutra_session_free(e->session);
    lutra_model_free(e->model);
    e->session = NULL;
    e->model = NULL;
}

static int on_feed(void *user, int done, int total)
{
    lutra_progress_update(user, total > 0 ? (double)done / total : 0);
    return 0;
}

int lutra_runner_sync(struct lutra_runner *e, const int32_t *ids, size_t n)
{
    lutra_error err = {0};
    struct lutra_progress bar;
    int n_ctx = lutra_session_n_ctx(e->session);
    if (n > (size_t)n_ctx) {
        lutra_cli_say(
            "the prompt is %zu tokens and the context holds %d: shorten it, or give -c %zu", n,
            n_ctx, n + 256);
        return LUTRA_EXIT_RUN;
    }
    lutra_progress_begin(&bar, "reading the prompt", e->chatty);
    lutra_session_on_progress(e->session, on_feed, &bar);
    lutra_status status = lutra_session_sync(e->session, ids, (int)n, NULL, &err);
    lutra_session_on_progress(e->session, NULL, NULL);
    lutra_progress_end(&bar);
    if (status) return lutra_cli_fail(&err, false);
    return e->cache_at_end ? -1 : lutra_runner_keep(e);
}

struct on_text {
    int (*fn)(void *user, const char *utf8, size_t n);
    void *user;
};

/* A Ctrl-C that came between two calls of the library has nothing to cancel: it is seen here. */
static int pass_text(void *user, const char *utf8, size_t n)
{
    const struct on_text *to = user;
    int stop = to->fn(to->user, utf8, n);
    return stop || lutra_interrupt_pending();
}

int lutra_runner_generate(struct lutra_runner *e, const struct lutra_options *o,
                          int (*on_text)(void *user, const char *utf8, size_t n), void *user,
                          lutra_stop *stop)
{
    lutra_error err = {0};
    lutra_sampling sampling;
    lutra_generate_options g = {.size = sizeof g};
    struct on_text to = {on_text, user};
    *stop = LUTRA_STOP_LENGTH;
    if (lutra_interrupt_pending()) return LUTRA_EXIT_INTERRUPTED;
    if (o->n_predict == 0) return -1;
    lutra_options_sampling(o, e->model, &sampling, e->seed);
    g.sampling = &sampling;
    g.n_predict = o->n_predict < 0 ? 0 : o->n_predict;
    g.ignore_end = o->ignore_eos;
    g.restart = 1; /* same seed, same text, whatever a prompt cache has brought along */
    g.stop = o->stop.v;
    g.n_stop = o->stop.n;
    g.on_text = pass_text;
    g.user = &to;
    if (lutra_generate(e->session, &g, stop, &err)) return lutra_cli_fail(&err, false);
    return -1;
}

void lutra_runner_print_speed(const struct lutra_runner *e)
{
    lutra_stats st = {.size = sizeof st};
    lutra_session_stats(e->session, &st);
    double p = st.prompt_seconds > 0 ? (double)st.prompt_tokens / st.prompt_seconds : 0;
    double g = st.generated_seconds > 0 ? (double)st.generated_tokens / st.generated_seconds : 0;
    double w = st.generated_seconds > 0 ? (double)e->words * 60 / st.generated_seconds : 0;
    fprintf(stderr, "[ Prompt: %.1f t/s | Generation: %.1f t/s | %.0f words/min ]\n", p, g, w);
}

void lutra_runner_say_full(const struct lutra_runner *e)
{
    lutra_cli_say("the context of %d tokens is full: the answer stops here; /clear starts over, "
                  "-c N makes room for more",
                  lutra_session_n_ctx(e->session));
}
