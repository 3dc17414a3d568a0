/* SPDX-License-Identifier: MIT */
/* lutra embed: texts to vectors, with llama-embedding's flags. Uses lutra.h alone of the library. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tools/cmd.h"
#include "tools/embed.h"
#include "tools/find.h"
#include "tools/runner.h"

struct options {
    struct lutra_options run; /* model and machine */
    const char *separator;
    int pooling, normalize, format;
};

#define AT(field) offsetof(struct options, field)
#define TEXT_MAX ((size_t)1 << 30)
static const struct lutra_opt text_opts[] = {
    {"-p, --prompt", "TEXT", LUTRA_OPT_STR, AT(run.prompt), 0, 0, "the texts, instead of stdin", NULL},
    {"-f, --file", "FILE", LUTRA_OPT_STR, AT(run.file), 0, 0,
     "the texts from a file, less one newline at its end; -: stdin", NULL},
    {"--embd-separator", "TEXT", LUTRA_OPT_STR, AT(separator), 0, 0,
     "what stands between two texts (\\n: a text is a line)", NULL},
    {"-e, --escape", NULL, LUTRA_OPT_FLAG, AT(run.no_escape), 0, 0,
     "read \\n, \\t, \\\\, \\xHH ... in -p and --embd-separator (the default)", NULL},
    {"--no-escape", NULL, LUTRA_OPT_FLAG, AT(run.no_escape), 1, 0, "take them as they are", NULL},
    {"-sp, --special", NULL, LUTRA_OPT_FLAG, AT(run.special), 1, 0,
     "control tokens written in the texts become control tokens", NULL},
};
static const struct lutra_opt vector_opts[] = {
    {"--pooling", "default|none|mean|cls|last", LUTRA_OPT_CHOICE, AT(pooling), 0, 0,
     "what becomes of a text's tokens: as the file says (without a word: mean for encoders, last for others), all of "
     "them, their mean, the first, the last", NULL},
    {"--embd-normalize", "N", LUTRA_OPT_INT, AT(normalize), -1, 1000,
     "2: length 1 (the default); -1: as they are; 0: largest number 32760; 1: sum of magnitudes 1; others: p-norm 1",
     NULL},
    {"--embd-output-format", "text|raw|array|json|json+", LUTRA_OPT_CHOICE, AT(format), 0, 0,
     "text: with a table of cosines where texts are several; raw: one vector a line; array: [[...],[...]]; json: as "
     "OpenAI's list, json+: with cosines", NULL},
};
static const struct lutra_opt model_opts[] = {
    {"-m, --model", "FILE", LUTRA_OPT_STR, AT(run.model), 0, 0,
     "model file (GGUF); a bare name is also looked up in the model folders", NULL},
    {"-c, --ctx-size", "N", LUTRA_OPT_INT, AT(run.n_ctx), 0, 2147483647.0,
     "tokens of the longest text (0: the smallest of the model's, 8192 and what memory allows)", NULL},
    {"-t, --threads", "N", LUTRA_OPT_THREADS, AT(run.n_threads), 0, 0, "threads (0: this machine's performance cores)",
     NULL},
    {"-tb, --threads-batch", "N", LUTRA_OPT_THREADS, AT(run.n_threads_batch), 0, 0, "threads for many tokens (0: as -t)",
     NULL},
    {"-b, --batch-size", "N", LUTRA_OPT_INT, AT(run.n_batch), 1, 65536,
     "tokens evaluated at once at most (2048); never changes a number", NULL},
    {"--cpu", "LEVEL", LUTRA_OPT_STR, AT(run.cpu), 0, 0,
     "instruction set to use at most: auto, scalar, avx2, neon, ...; 'lutra doctor' lists them", NULL},
    {"--precision", "default|high", LUTRA_OPT_CHOICE, AT(run.precision), 0, 0,
     "high: float activations and cache; slow, for reference", NULL},
    {"--kernels", "auto|lut|dot|deq", LUTRA_OPT_CHOICE, AT(run.kernels), 0, 0,
     "table lookups, integer dots, or decode to float (slow); auto: the fastest", NULL},
    {"--i2s-layout", "128|64|rows4", LUTRA_OPT_CHOICE, AT(run.i2s_layout), 0, 0, "layout of I2_S tensors (128)", NULL},
    {"-v, --verbose, --log-verbose", NULL, LUTRA_OPT_FLAG, AT(run.verbose), 1, 0,
     "memory plan, load summary and speed on stderr", NULL},
    {"--log-disable", NULL, LUTRA_OPT_FLAG, AT(run.quiet), 1, 0, "no bars", NULL},
};
static const struct lutra_opt compat_opts[] = {
    {"-ub, --ubatch-size", "N", LUTRA_OPT_IGNORE, 0, 0, 0, "-b is the one batch size", NULL},
    {"-np, --parallel", "N", LUTRA_OPT_IGNORE, 0, 0, 0, "texts are put together as they fit", NULL},
    {"-ngl, --gpu-layers, --n-gpu-layers", "N", LUTRA_OPT_IGNORE, 0, 0, 0, "CPU only", NULL},
    {"-fa, --flash-attn", "[on|off|auto|0|1]", LUTRA_OPT_IGNORE, 0, 0, 0, "attention has one way here", NULL},
    {"--no-mmap", NULL, LUTRA_OPT_IGNORE, 0, 0, 0, "files are read, not mapped", NULL},
    {"--mlock", NULL, LUTRA_OPT_IGNORE, 0, 0, 0, "memory is not locked", NULL},
    {"-n, --predict, --n-predict", "N", LUTRA_OPT_IGNORE, 0, 0, 0, "nothing is generated", NULL},
    {"-s, --seed", "N", LUTRA_OPT_IGNORE, 0, 0, 0, "nothing is drawn", NULL},
    {"--verbose-prompt", NULL, LUTRA_OPT_IGNORE, 0, 0, 0, "'lutra tokenize' shows ids", NULL},
    {"--attention", "causal|non-causal", LUTRA_OPT_REFUSE, 0, 0, 0, "a model attends as it was trained", NULL},
    {"--cls-separator", "TEXT", LUTRA_OPT_REFUSE, 0, 0, 0, "there is no reranking", NULL},
    {"--lora", "FILE", LUTRA_OPT_REFUSE, 0, 0, 0, "adapters are not read", NULL},
};
#define GROUP(title, a) {title, a, sizeof a / sizeof *a}
static const struct lutra_opt_group groups[] = {GROUP("Texts", text_opts), GROUP("Vectors", vector_opts),
                                                GROUP("Model and machine", model_opts), GROUP(NULL, compat_opts)};
static const struct lutra_cli_spec spec = {"embed",
                                           "-m FILE [options] < TEXTS",
                                           "Vectors of texts, one text per line of stdin: from BERT models and from any "
                                           "other.",
                                           groups,
                                           sizeof groups / sizeof *groups,
                                           AT(run.positional)};

/* ---- texts ---- */

static int read_texts(const struct options *o, struct lutra_text *out)
{
    const char *name = o->run.file ? o->run.file : "stdin";
    char shown[300];
    int e = 0;
    if (o->run.prompt) {
        lutra_text_puts(out, o->run.prompt);
        if (!o->run.no_escape) lutra_options_unescape(out);
    } else if (o->run.file && strcmp(o->run.file, "-") != 0) {
        e = lutra_text_read_file(out, o->run.file, TEXT_MAX);
    } else if (o->run.file == NULL && lutra_cli_tty(STDIN_FILENO)) {
        lutra_cli_say("no text: give -p TEXT, -f FILE, or lines on stdin");
        return LUTRA_EXIT_USAGE;
    } else {
        e = lutra_text_read_fd(out, STDIN_FILENO, TEXT_MAX);
    }
    if (out->failed) e = ENOMEM;
    if (!e && !o->run.prompt && out->n > 0 && out->p[out->n - 1] == '\n') out->p[--out->n] = '\0';
    if (!e) return -1;
    lutra_escape(shown, sizeof shown, name, strlen(name));
    lutra_cli_say("%s: %s", shown, e == EFBIG ? "more than 1 GiB of text" : strerror(e));
    return e == ENOMEM ? LUTRA_EXIT_MEMORY : e == EFBIG ? LUTRA_EXIT_RUN : LUTRA_EXIT_USAGE;
}

/* ---- vectors ---- */

/* Texts that are evaluated together. */
enum { GROUP_TEXTS = 256, GROUP_TOKENS = 8192 };

struct work {
    const struct options *o;
    struct lutra_runner *e;
    struct lutra_embed_out *out;
    const char *separator;
    size_t separator_len;
    int32_t *ids;  /* of the group */
    size_t cap;
    int n, n_texts, lengths[GROUP_TEXTS];
    const char *text[GROUP_TEXTS];
    size_t text_len[GROUP_TEXTS];
    size_t done;   /* texts before the group */
};

static int out_of_memory(void)
{
    lutra_cli_say("not enough memory for these texts");
    return LUTRA_EXIT_MEMORY;
}

/* Evaluate and print the group. */
static int flush_group(struct work *w)
{
    lutra_error err = {0};
    lutra_embed_options eo = {.size = sizeof eo, .pooling = (lutra_pooling)w->o->pooling, .lengths = w->lengths,
                              .n_texts = w->n_texts};
    if (w->n_texts == 0) return -1;
    bool all = w->out->per_token;
    size_t rows = (size_t)(all ? w->n : w->n_texts), n_embd = (size_t)w->out->n_embd;
    float *v = malloc(rows * n_embd * sizeof *v);
    if (v == NULL) return out_of_memory();
    eo.normalize = w->o->normalize == 2 ? LUTRA_NORMALIZE_L2 : LUTRA_NORMALIZE_OFF;
    int code = -1;
    if (lutra_embed(w->e->session, w->ids, w->n, &eo, v, rows * n_embd, &err))
        code = err.code == LUTRA_ECANCEL ? LUTRA_EXIT_INTERRUPTED : lutra_cli_fail(&err, false);
    for (int i = 0, row = 0; code < 0 && i < w->n_texts; i++)
        for (int k = all ? w->lengths[i] : 1; code < 0 && k > 0; k--, row++)
            if (!lutra_embed_put(w->out, v + (size_t)row * n_embd, w->text[i], w->text_len[i])) code = out_of_memory();
    free(v);
    w->done += (size_t)w->n_texts;
    w->n = w->n_texts = 0;
    return code;
}

static bool make_room(struct work *w, size_t n)
{
    if (n <= w->cap) return true;
    int32_t *more = realloc(w->ids, 2 * n * sizeof *more);
    if (more == NULL) return false;
    w->ids = more;
    w->cap = 2 * n;
    return true;
}

static int add_text(struct work *w, const char *text, size_t len)
{
    lutra_error err = {0};
    int32_t *ids;
    size_t n, number = w->done + (size_t)w->n_texts + 1, most = (size_t)lutra_session_n_ctx(w->e->session);
    unsigned flags = LUTRA_ADD_SPECIAL | (w->o->run.special ? LUTRA_PARSE_SPECIAL : 0u);
    if (lutra_tokenize(w->e->model, text, len, flags, &ids, &n, &err)) return lutra_cli_fail(&err, false);
    int code = -1;
    if (n == 0 || n > most) {
        if (n == 0) lutra_cli_say("text %zu is empty, and this model has no token to begin a text with", number);
        else lutra_cli_say("text %zu has %zu tokens and the context holds %zu: shorten it%s", number, n, most,
                           w->e->info.n_ctx_train > (int)most ? ", or give a larger -c" : "");
        code = LUTRA_EXIT_RUN;
    }
    bool full = w->n_texts == GROUP_TEXTS || (w->n > 0 && (size_t)w->n + n > GROUP_TOKENS);
    if (code < 0 && full) code = flush_group(w);
    if (code < 0 && !make_room(w, (size_t)w->n + n)) code = out_of_memory();
    if (code < 0) {
        memcpy(w->ids + w->n, ids, n * sizeof *ids);
        w->text[w->n_texts] = text;
        w->text_len[w->n_texts] = len;
        w->lengths[w->n_texts++] = (int)n;
        w->n += (int)n;
    }
    lutra_free(ids);
    return code;
}

/* Bytes before the next separator; all n if there is none. */
static size_t text_len(const struct work *w, const char *p, size_t n)
{
    size_t len = w->separator_len;
    for (size_t at = 0; len > 0 && at + len <= n; at++) {
        const char *hit = memchr(p + at, w->separator[0], n - len - at + 1);
        if (hit == NULL) break;
        at = (size_t)(hit - p);
        if (memcmp(hit, w->separator, len) == 0) return at;
    }
    return n;
}

static int embed_texts(struct work *w, const struct lutra_text *text)
{
    const char *p = text->p ? text->p : "", *end = p + text->n;
    int code = -1;
    for (bool more = true; more && code < 0;) {
        size_t n = text_len(w, p, (size_t)(end - p));
        code = add_text(w, p, n);
        more = p + n < end; /* a separator, and perhaps an empty text behind it */
        if (more) p += n + w->separator_len;
    }
    return code < 0 ? flush_group(w) : code;
}

static void print_speed(const struct lutra_runner *e, size_t texts)
{
    lutra_stats st = {.size = sizeof st};
    lutra_session_stats(e->session, &st);
    if (st.prompt_seconds > 0)
        fprintf(stderr, "[ %zu texts, %llu tokens: %.1f texts/s, %.1f t/s ]\n", texts,
                (unsigned long long)st.prompt_tokens, (double)texts / st.prompt_seconds,
                (double)st.prompt_tokens / st.prompt_seconds);
}

static int run(const struct options *o, const struct lutra_text *text, const struct lutra_text *separator)
{
    struct lutra_runner e;
    int code = lutra_runner_open(&e, &o->run, o->run.verbose && !o->run.quiet);
    if (code >= 0) return code;
    lutra_pooling pooling = o->pooling ? (lutra_pooling)o->pooling : e.info.pooling;
    struct lutra_embed_out out = {.format = (enum lutra_embed_format)o->format, .normalize = o->normalize,
                                  .n_embd = e.info.n_embd, .per_token = pooling == LUTRA_POOLING_NONE};
    struct work w = {.o = o, .e = &e, .out = &out, .separator = separator->p, .separator_len = separator->n};
    code = embed_texts(&w, text);
    if (code < 0) lutra_embed_end(&out);
    if (code < 0 && o->run.verbose) print_speed(&e, w.done);
    lutra_embed_free(&out);
    free(w.ids);
    lutra_runner_close(&e);
    return code;
}

int lutra_cmd_embed(int argc, char **argv)
{
    struct options o = {.separator = "\n", .normalize = 2, .run = {.n_batch = 2048, .encoders = 1}};
    struct lutra_text text = {0}, separator = {0};
    int code = lutra_cli_parse(&spec, &o, argc, argv);
    if (code >= 0) return code;
    if (!o.run.model) o.run.model = o.run.positional;
    if (!o.run.model) {
        lutra_cli_say("no model: give -m FILE");
        return LUTRA_EXIT_USAGE;
    }
    if (o.run.cpu && strcmp(o.run.cpu, "auto") == 0) o.run.cpu = NULL;
    lutra_text_puts(&separator, o.separator);
    if (!o.run.no_escape) lutra_options_unescape(&separator);
    code = read_texts(&o, &text);
    if (code < 0) code = run(&o, &text, &separator);
    lutra_text_free(&text);
    lutra_text_free(&separator);
    return lutra_cli_flush(code < 0 ? LUTRA_EXIT_OK : code);
}
