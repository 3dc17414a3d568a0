/* SPDX-License-Identifier: MIT */
/* lutra bench --curve: the time t(N) that N tokens, or N vectors, take together. Where another
 * kernel takes over, a token must not suddenly cost more: the worst step of t(N)/N is named. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "tools/bench_kernel.h"
#include "tools/cmd.h"
#include "tools/svg.h"

static const char all_sizes[] = "1-40,48,56,64,80,96,112,128,160,192,224,256,320,384,448,512";

enum { MOST_CURVES = 12, MOST_TYPES = 48 };

struct curve {
    char label[120];
    struct lutra_bench_list sizes;
    double *samples;                    /* [rounds][sizes] seconds */
    double *n, *ns, *low, *high, *best; /* [sizes] */
    double worst;                       /* of best(N')/N' over best(N)/N, N and N' neighbours */
    int worst_at;                       /* index of N'; 0: fewer than two sizes */
};

/* What is timed: seconds of n at once. */
typedef lutra_status (*run_fn)(void *what, int n, double *seconds, lutra_error *err);

static void curve_free(struct curve *c)
{
    free(c->samples);
    free(c->n);
    c->samples = c->n = NULL;
}

static bool curve_open(struct curve *c, const struct lutra_bench_list *sizes, int rounds)
{
    size_t n = (size_t)sizes->n;
    c->sizes = *sizes;
    c->samples = calloc(n * (size_t)rounds, sizeof *c->samples);
    c->n = calloc(n * 5, sizeof *c->n);
    if (c->samples == NULL || c->n == NULL) return false;
    c->ns = c->n + n;
    c->low = c->ns + n;
    c->high = c->low + n;
    c->best = c->high + n;
    return true;
}

static void summarize(struct curve *c, int rounds)
{
    int n = c->sizes.n;
    double *one = c->samples; /* a size's samples lie together */
    for (int i = 0; i < n; i++, one += rounds) {
        struct lutra_interval interval = lutra_bench_interval(one, rounds);
        c->n[i] = c->sizes.v[i];
        c->ns[i] = lutra_bench_iqm(one, rounds);
        c->low[i] = interval.low;
        c->high[i] = interval.high;
        c->best[i] = INFINITY;
        for (int r = 0; r < rounds; r++)
            if (one[r] < c->best[i]) c->best[i] = one[r];
    }
    c->worst = NAN;
    for (int i = 1; i < n; i++) {
        double step = c->best[i] / c->n[i] / (c->best[i - 1] / c->n[i - 1]);
        if (step <= c->worst) continue;
        c->worst = step;
        c->worst_at = i;
    }
}

/* Round after round over all sizes: what disturbs a moment does not fall on one of them. */
static lutra_status measure(struct curve *c, int rounds, run_fn run, void *what, lutra_error *err)
{
    double seconds;
    for (int r = -1; r < rounds; r++)
        for (int i = 0; i < c->sizes.n; i++) {
            if (r < 0 && i > 0 && i + 1 < c->sizes.n) continue; /* warms up */
            lutra_status st = run(what, c->sizes.v[i], &seconds, err);
            if (st != LUTRA_OK) return st;
            if (r >= 0) c->samples[i * rounds + r] = seconds * 1e9;
        }
    summarize(c, rounds);
    return LUTRA_OK;
}

/* ---- saying it ---- */

static void put_table(FILE *f, const struct curve *c, const char *unit)
{
    char step[24], low[24], high[24];
    fprintf(f, "%s\n\n|    N | time us     | [95 %%]                    | us per %-6s |   step |\n",
            c->label, unit);
    fputs("| ---: | ----------: | ------------------------: | ------------: | -----: |\n", f);
    for (int i = 0; i < c->sizes.n; i++) {
        double before = i ? c->best[i - 1] / c->n[i - 1] : NAN;
        fprintf(f, "| %4.0f | %11.1f | %11s - %11s | %13.2f | %6s |\n", c->n[i], c->ns[i] / 1e3,
                lutra_bench_show(low, sizeof low, "%.1f", c->low[i] / 1e3),
                lutra_bench_show(high, sizeof high, "%.1f", c->high[i] / 1e3), c->best[i] / c->n[i] / 1e3,
                lutra_bench_show(step, sizeof step, "%.3f", c->best[i] / c->n[i] / before));
    }
    if (c->worst_at)
        fprintf(f, "\nworst step: of %d, a %s takes %.3f x its time of %d (best of all rounds)\n\n",
                c->sizes.v[c->worst_at], unit, c->worst, c->sizes.v[c->worst_at - 1]);
    fflush(f);
}

static void put_curve(struct lutra_bench_out *w, const struct curve *c, const char *unit,
                      int threads)
{
    while (lutra_bench_out_next(w)) {
        lutra_bench_out_text(w, "curve", c->label);
        lutra_bench_out_text(w, "of", unit);
        lutra_bench_out_int(w, "n_threads", threads);
        lutra_bench_out_array(w, "n", c->n, c->sizes.n, true);
        lutra_bench_out_array(w, "ns", c->ns, c->sizes.n, false);
        lutra_bench_out_array(w, "ns_low", c->low, c->sizes.n, false);
        lutra_bench_out_array(w, "ns_high", c->high, c->sizes.n, false);
        lutra_bench_out_array(w, "best_ns", c->best, c->sizes.n, false);
        lutra_bench_out_real(w, "worst_step", c->worst);
        lutra_bench_out_int(w, "worst_n", c->worst_at ? c->sizes.v[c->worst_at] : 0);
    }
    if (w->format == LUTRA_BENCH_MD) put_table(w->file, c, unit);
    fflush(w->file);
}

static int draw(const char *path, struct curve *c, int n, const char *unit)
{
    struct lutra_svg_series series[MOST_CURVES];
    char x_label[60], y_label[60];
    if (n > MOST_CURVES) n = MOST_CURVES;
    for (int k = 0; k < n; k++) {
        for (int i = 0; i < c[k].sizes.n; i++) c[k].ns[i] = c[k].best[i] / c[k].n[i] / 1e3;
        series[k] = (struct lutra_svg_series){c[k].label,   c[k].n, c[k].ns,           NULL, NULL,
                                              c[k].sizes.n, true,   c[k].sizes.n < 100};
    }
    lutra_format(x_label, sizeof x_label, "%ss at once", unit);
    lutra_format(y_label, sizeof y_label, "microseconds per %s", unit);
    const struct lutra_svg_plot plot = {"Time per token against tokens at once", x_label, y_label,
                                        series, n};
    return lutra_svg_save(path, &plot, 1);
}

/* All curves there are: printed as they come, drawn together. */
struct session {
    const struct lutra_bench_options *o;
    struct lutra_bench_list sizes;
    struct lutra_bench_out out;
    struct curve curves[MOST_TYPES];
    int n, threads;
    const char *unit;
};

static lutra_status add_curve(struct session *s, const char *label, run_fn run, void *what,
                              lutra_error *err)
{
    if (s->n == MOST_TYPES) return LUTRA_OK;
    struct curve *c = &s->curves[s->n++];
    lutra_format(c->label, sizeof c->label, "%s", label);
    if (!curve_open(c, &s->sizes, s->o->reps)) return lutra_fail(err, LUTRA_ENOMEM, "no memory");
    lutra_status st = measure(c, s->o->reps, run, what, err);
    if (st == LUTRA_OK) put_curve(&s->out, c, s->unit, s->threads);
    return st;
}

/* -1, or an exit code. *s is to be freed by finish. */
static int begin(struct session **out, const struct lutra_bench_options *o, const char *unit)
{
    struct session *s = *out = calloc(1, sizeof *s);
    if (s == NULL) return lutra_cli_say("no memory"), LUTRA_EXIT_MEMORY;
    s->o = o;
    s->unit = unit;
    bool model = strcmp(unit, "token") == 0, rising = true;
    const char *list = model || o->vectors == NULL ? all_sizes : o->vectors;
    if (!model || o->prompt.n == 0) rising = lutra_bench_range(&s->sizes, list, 1, 4096);
    for (int i = 0; model && rising && i < o->prompt.n; i++)
        rising = lutra_bench_range(&s->sizes, o->prompt.v[i], 1, 4096);
    for (int i = 1; rising && i < s->sizes.n; i++) rising = s->sizes.v[i] > s->sizes.v[i - 1];
    if (rising) return -1;
    lutra_cli_say("--curve: %s takes rising numbers from 1 to 4096 such as 1-16,32,64",
                  model ? "-p" : "--vectors");
    return LUTRA_EXIT_USAGE;
}

static int finish(struct session *s, int code)
{
    if (s && code < 0 && s->o->svg) code = draw(s->o->svg, s->curves, s->n, s->unit);
    if (s && code < 0) code = LUTRA_EXIT_OK;
    for (int i = 0; s && i < s->n; i++) curve_free(&s->curves[i]);
    free(s);
    return code;
}

/* ---- models ---- */

static lutra_status run_model(void *what, int n, double *seconds, lutra_error *err)
{
    struct lutra_bench_run *r = what;
    double prompt_s;
    r->test.n_prompt = n;
    return lutra_bench_once(r, seconds, &prompt_s, err);
}

static lutra_status add_threads(struct session *s, const struct lutra_bench_model *m,
                                const struct lutra_bench_test *t, lutra_error *err)
{
    struct lutra_bench_run run;
    char label[120];
    struct lutra_bench_test most = *t;
    most.n_prompt = s->sizes.v[s->sizes.n - 1];
    most.n_gen = 0;
    s->threads = t->n_threads;
    lutra_format(label, sizeof label, "%s, kernels %s, %s, %d thread%s", m->type, m->mode,
                 m->info.kernel, t->n_threads, t->n_threads == 1 ? "" : "s");
    lutra_status st = lutra_bench_prepare(&run, m, &most, err);
    if (st != LUTRA_OK) return st;
    st = add_curve(s, label, run_model, &run, err);
    lutra_bench_finish(&run);
    return st;
}

int lutra_bench_curve_model(const struct lutra_bench_options *o, const struct lutra_bench_model *m,
                            const struct lutra_bench_test *tests, int n)
{
    struct session *s;
    lutra_error err;
    lutra_status st = LUTRA_OK;
    int code = begin(&s, o, "token");
    if (code >= 0) return finish(s, code);
    lutra_bench_out_begin(&s->out, stdout, o->format, "lutra_curve");
    for (int i = 0; i < n && st == LUTRA_OK; i++) {
        bool seen = false; /* tests of other sizes have the same threads */
        for (int k = 0; k < i; k++) seen = seen || tests[k].n_threads == tests[i].n_threads;
        if (!seen) st = add_threads(s, m, &tests[i], &err);
    }
    lutra_bench_out_end(&s->out);
    return finish(s, st == LUTRA_OK ? -1 : lutra_cli_fail(&err, false));
}

/* ---- kernels ---- */

static lutra_status run_kernel(void *what, int n, double *seconds, lutra_error *err)
{
    (void)err;
    *seconds = lutra_kernel_whole(what, n) * 1e-9;
    return LUTRA_OK;
}

static lutra_status add_type(struct session *s, struct lutra_kernel_case *c,
                             const struct lutra_kernel_settings *ks, lutra_error *err)
{
    struct lutra_kernel_bench *b = malloc(sizeof *b);
    char label[120];
    if (b == NULL) return lutra_fail(err, LUTRA_ENOMEM, "no memory");
    lutra_status st = lutra_kernel_open(b, c, ks, s->sizes.v[s->sizes.n - 1], err);
    if (st == LUTRA_OK) {
        lutra_format(label, sizeof label, "%s as %s, %dx%d, %s",
                     lutra_type_info((uint32_t)c->type)->name, lutra_kernel_kind(&b->mats[0]), c->rows,
                     c->cols, b->ops.name);
        st = add_curve(s, label, run_kernel, b, err);
        lutra_kernel_close(b);
    }
    free(b);
    return st;
}

int lutra_bench_curve_kernels(const struct lutra_bench_options *o)
{
    struct lutra_kernel_case types[MOST_TYPES];
    struct lutra_kernel_settings ks;
    struct session *s;
    lutra_error err;
    int rows = 2560, cols = 2560, n = 0, code = lutra_kernel_settings(&ks, o);
    if (code >= 0) return code;
    if (o->shapes.n > 1 || (o->shapes.n && !lutra_kernel_shape(o->shapes.v[0], &rows, &cols))) {
        lutra_cli_say("--curve takes one --shape, rows x columns such as 4096x4096");
        return LUTRA_EXIT_USAGE;
    }
    if ((n = lutra_kernel_types(o->type, types, MOST_TYPES)) == 0) return LUTRA_EXIT_USAGE;
    if ((code = begin(&s, o, "vector")) >= 0) return finish(s, code);
    s->threads = ks.n_threads;
    lutra_bench_out_begin(&s->out, stdout, o->format, "lutra_curve");
    for (int i = 0; i < n && code < 0; i++) {
        types[i].rows = rows;
        types[i].cols = cols;
        if (!lutra_kernel_runs(&types[i], &ks)) continue;
        if (cols % lutra_type_info((uint32_t)types[i].type)->block) continue;
        if (add_type(s, &types[i], &ks, &err)) code = lutra_cli_fail(&err, false);
    }
    lutra_bench_out_end(&s->out);
    return finish(s, code);
}
