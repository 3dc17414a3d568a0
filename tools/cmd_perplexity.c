/* SPDX-License-Identifier: MIT */
/* lutra perplexity: how well a model predicts a text, and how far our arithmetic is from the exact one.
 *
 *   -f TEXT        windows of -c tokens as llama-perplexity cuts them; the second half of each is scored
 *   --oracle FILE  a *.logprobs file (tools/oracle.h): Kullback-Leibler distance row by row
 * Prints `name value`, one per line, on stdout. */
#include "kernels/lmath.h"
#include "runtime/session.h"
#include "tools/cli.h"
#include "tools/cmd.h"
#include "tools/oracle.h"
#include "tools/progress.h"
#include "tools/text.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct settings {
    const char *model, *file, *oracle, *dump, *cpu;
    int n_ctx, n_threads, n_threads_batch, n_batch, precision, kernels, head, i2s_layout;
};

#define AT(field) offsetof(struct settings, field)
static const struct lutra_opt options[] = {
    {"-m, --model", "FILE", LUTRA_OPT_STR, AT(model), 0, 0, "model file", NULL},
    {"-f, --file", "TEXT", LUTRA_OPT_STR, AT(file), 0, 0, "text to score", NULL},
    {"--oracle", "FILE", LUTRA_OPT_STR, AT(oracle), 0, 0, "exact log-probabilities to compare with", NULL},
    {"--dump", "OUT", LUTRA_OPT_STR, AT(dump), 0, 0, "with --oracle: write our ln q of the listed ids, row by row", NULL},
    {"-c, --ctx-size", "N", LUTRA_OPT_INT, AT(n_ctx), 3, 1 << 24, "tokens per window (default 512)", NULL},
    {"-t, --threads", "N", LUTRA_OPT_THREADS, AT(n_threads), 0, 0, "threads (default: what `lutra doctor` says)", NULL},
    {"-tb, --threads-batch", "N", LUTRA_OPT_THREADS, AT(n_threads_batch), 0, 0, "threads for batches (default: as -t)", NULL},
    {"-b, --batch-size", "N", LUTRA_OPT_INT, AT(n_batch), 1, LUTRA_BATCH_MAX, "tokens evaluated at once at most (2048)", NULL},
    {"--precision", "default|high", LUTRA_OPT_CHOICE, AT(precision), 0, 0, "high: float activations and KV cache", NULL},
    {"--kernels", "auto|lut|dot|deq", LUTRA_OPT_CHOICE, AT(kernels), 0, 0, "how low-bit weights are multiplied (auto)", NULL},
    {"--i2s-layout", "128|64|rows4", LUTRA_OPT_CHOICE, AT(i2s_layout), 0, 0, "layout of I2_S tensors (128)", NULL},
    {"--head", "file|q8|q6|q4", LUTRA_OPT_CHOICE, AT(head), 0, 0, "output matrix in fewer bits (file: as it is)", NULL},
    {"--cpu", "LEVEL", LUTRA_OPT_STR, AT(cpu), 0, 0, "CPU level to use at most", NULL},
};
static const struct lutra_opt_group groups[] = {{"Options", options, sizeof options / sizeof options[0]}};
static const struct lutra_cli_spec spec = {.command = "perplexity",
                                           .synopsis = "-m FILE (-f TEXT | --oracle FILE) [options]",
                                           .about = "How well a model predicts a text, or how far from exact its numbers are.",
                                           .groups = groups,
                                           .n_groups = 1,
                                           .positional = AT(model)};

/* ln of the softmax, in double: logits[id] - this = ln q(id). */
static double log_sum_exp(const float *logits, int n)
{
    double top = logits[0], sum = 0;
    for (int i = 1; i < n; i++)
        if (logits[i] > top) top = logits[i];
    for (int i = 0; i < n; i++) sum += lutra_exp((double)logits[i] - top);
    return top + lutra_log(sum);
}

/* ---- against an oracle ---- */

struct compare {
    const struct lutra_oracle *o;
    int n_vocab, done, top1;
    double nll;     /* of t[1..n) */
    double *kl;     /* [n] */
    FILE *dump;
};

static void compare_row(void *user, int row, const float *logits)
{
    struct compare *c = user;
    (void)row;
    const struct lutra_oracle_row *r = &c->o->rows[c->done];
    double lse = log_sum_exp(logits, c->n_vocab), ln_q[LUTRA_ORACLE_PAIRS];
    int best = 0;
    for (int i = 1; i < c->n_vocab; i++)
        if (logits[i] > logits[best]) best = i;
    for (int i = 0; i < r->n; i++) ln_q[i] = (double)logits[r->id[i]] - lse;
    for (int i = 0; i < r->n && c->dump; i++)
        fprintf(c->dump, "%d:%.9g%c", r->id[i], ln_q[i], i + 1 < r->n ? ' ' : '\n');
    c->kl[c->done] = lutra_oracle_kl(r, ln_q);
    c->top1 += best == r->id[0];
    if (++c->done < c->o->n) c->nll += lse - (double)logits[c->o->ids[c->done]];
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void print_comparison(struct compare *c)
{
    int n = c->o->n;
    double sum = 0;
    for (int i = 0; i < n; i++) sum += c->kl[i];
    qsort(c->kl, (size_t)n, sizeof *c->kl, by_value);
    int rank = (99 * n + 99) / 100; /* nearest rank, from 1 */
    printf("tokens %d\nppl %.6f\nppl_exact %.6f\nkl_mean %.6e\nkl_p99 %.6e\ntop1 %.6f\n", n,
           n > 1 ? lutra_exp(c->nll / (n - 1)) : 0.0, c->o->ppl, sum / n, c->kl[rank - 1], (double)c->top1 / n);
}

static lutra_status check_ids(const struct lutra_oracle *o, const char *path, int n_vocab, lutra_error *err)
{
    for (int i = 0; i < o->n; i++) {
        bool ok = o->ids[i] >= 0 && o->ids[i] < n_vocab;
        for (int k = 0; k < o->rows[i].n; k++) ok = ok && o->rows[i].id[k] >= 0 && o->rows[i].id[k] < n_vocab;
        if (!ok)
            return lutra_fail(err, LUTRA_EFORMAT, "%s: row %d names a token that this model does not have", path, i);
    }
    return LUTRA_OK;
}

/* Feed ids in batches; every row's logits go to fn. */
static void feed(lutra_session *s, const int32_t *ids, int n, lutra_logits_fn fn, void *user, struct lutra_progress *p)
{
    for (int at = 0; at < n;) {
        int step = n - at < s->eval->n_batch ? n - at : s->eval->n_batch;
        lutra_eval_tokens(s->eval, ids + at, step, fn, user);
        at += step;
        if (p) lutra_progress_update(p, (double)at / n);
    }
}

static lutra_status run_oracle(lutra_session *s, const struct settings *o, lutra_error *err)
{
    struct lutra_oracle oracle;
    lutra_status st = lutra_oracle_read(&oracle, o->oracle, err);
    if (st != LUTRA_OK) return st;
    struct compare c = {.o = &oracle, .n_vocab = s->model->net->config.n_vocab};
    struct lutra_progress bar;
    if ((st = check_ids(&oracle, o->oracle, c.n_vocab, err))) goto done;
    if (oracle.n > s->eval->kv.n_ctx) {
        st = lutra_fail(err, LUTRA_EFULL, "%s has %d tokens, the context %d; use a larger -c", o->oracle, oracle.n,
                        s->eval->kv.n_ctx);
        goto done;
    }
    c.kl = calloc((size_t)oracle.n, sizeof *c.kl);
    if (c.kl == NULL) st = lutra_fail(err, LUTRA_ENOMEM, "no memory");
    if (st == LUTRA_OK && o->dump && (c.dump = fopen(o->dump, "we")) == NULL)
        st = lutra_fail(err, LUTRA_EIO, "%s: %s", o->dump, strerror(errno));
    if (st != LUTRA_OK) goto done;
    lutra_progress_begin(&bar, "evaluating", lutra_cli_tty(2));
    feed(s, oracle.ids, oracle.n, compare_row, &c, &bar);
    lutra_progress_end(&bar);
    print_comparison(&c);
    if (c.dump && (ferror(c.dump) | fclose(c.dump)) != 0)
        st = lutra_fail(err, LUTRA_EIO, "%s: could not be written", o->dump);
done:
    free(c.kl);
    lutra_oracle_free(&oracle);
    return st;
}

/* ---- of a text ---- */

struct score {
    const int32_t *next; /* token that follows row 0 of the batch under way */
    int n_vocab, n_left; /* rows still to be scored */
    double nll;
    long count;
};

static void score_row(void *user, int row, const float *logits)
{
    struct score *sc = user;
    if (sc->n_left == 0) return;
    sc->n_left--;
    sc->nll += log_sum_exp(logits, sc->n_vocab) - (double)logits[sc->next[row]];
    sc->count++;
}

/* One window: its first half is context, every token of the second half but the first is scored. */
static void score_window(lutra_session *s, const int32_t *ids, int n_ctx, struct score *sc)
{
    int half = n_ctx / 2;
    lutra_eval_rewind(s->eval, 0);
    feed(s, ids, half, NULL, NULL, NULL);
    sc->n_left = n_ctx - 1 - half;
    for (int at = half; at < n_ctx - 1;) {
        int step = n_ctx - 1 - at < s->eval->n_batch ? n_ctx - 1 - at : s->eval->n_batch;
        sc->next = ids + at + 1;
        lutra_eval_tokens(s->eval, ids + at, step, score_row, sc);
        at += step;
    }
}

static lutra_status run_text(lutra_session *s, const struct settings *o, lutra_error *err)
{
    struct lutra_text text = {0};
    struct lutra_ids ids = {0};
    struct lutra_progress bar;
    int e = lutra_text_read_file(&text, o->file, (size_t)1 << 30);
    if (e != 0) return lutra_fail(err, LUTRA_EIO, "%s: %s", o->file, strerror(e));
    lutra_status st = lutra_tokenizer_encode(s->model->tok, text.p ? text.p : "", text.n, LUTRA_TOK_ADD_SPECIAL, NULL, 0, &ids, err);
    int n_ctx = s->eval->kv.n_ctx;
    long windows = (long)(ids.n / (size_t)n_ctx);
    if (st == LUTRA_OK && windows == 0)
        st = lutra_fail(err, LUTRA_EINVAL, "%s has %zu tokens, fewer than one window of %d; use a smaller -c", o->file, ids.n, n_ctx);
    struct score sc = {.n_vocab = s->model->net->config.n_vocab};
    int32_t bos = lutra_tokenizer_adds_bos(s->model->tok) ? lutra_tokenizer_bos(s->model->tok) : -1;
    lutra_progress_begin(&bar, "evaluating", lutra_cli_tty(2));
    for (long w = 0; w < windows && st == LUTRA_OK; w++) {
        int32_t *window = ids.v + (size_t)w * (size_t)n_ctx;
        if (bos >= 0) window[0] = bos; /* every window begins as a text does */
        score_window(s, window, n_ctx, &sc);
        lutra_progress_update(&bar, (double)(w + 1) / (double)windows);
    }
    lutra_progress_end(&bar);
    if (st == LUTRA_OK) printf("tokens %zu\nwindows %ld\nscored %ld\nppl %.6f\n", ids.n, windows, sc.count, lutra_exp(sc.nll / (double)sc.count));
    free(ids.v);
    lutra_text_free(&text);
    return st;
}

int lutra_cmd_perplexity(int argc, char **argv)
{
    struct settings o = {.n_ctx = 512, .n_batch = 0};
    int code = lutra_cli_parse(&spec, &o, argc, argv);
    if (code >= 0) return code;
    if (o.model == NULL || (o.file == NULL) == (o.oracle == NULL)) {
        lutra_cli_say("perplexity needs -m FILE and either -f TEXT or --oracle FILE");
        return LUTRA_EXIT_USAGE;
    }
    lutra_error err;
    lutra_model *m;
    lutra_session *s;
    lutra_model_options mo = {.size = sizeof mo, .cpu = o.cpu, .n_threads = o.n_threads,
                              .precision = o.precision ? LUTRA_PRECISION_HIGH : LUTRA_PRECISION_DEFAULT,
                              .kernels = (lutra_kernels)o.kernels, .head = (lutra_head)o.head,
                              .i2s_layout = (lutra_i2s)o.i2s_layout, .on_log = lutra_cli_log};
    lutra_session_options so = {.size = sizeof so, .n_ctx = o.n_ctx, .n_batch = o.n_batch, .n_threads = o.n_threads,
                                .n_threads_batch = o.n_threads_batch};
    if (lutra_model_open(&m, o.model, &mo, &err) != LUTRA_OK) return lutra_cli_fail(&err, true);
    lutra_status st = lutra_session_open(&s, m, &so, &err);
    if (st == LUTRA_OK) {
        st = lutra_session_check_decoder(s, &err);
        if (st == LUTRA_OK) st = o.oracle ? run_oracle(s, &o, &err) : run_text(s, &o, &err);
        lutra_session_free(s);
    }
    lutra_model_free(m);
    return st == LUTRA_OK ? lutra_cli_flush(0) : lutra_cli_fail(&err, false);
}
