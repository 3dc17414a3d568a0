/* SPDX-License-Identifier: MIT */
/* lutra bench --kernels --bits: what one more bit of a weight costs a lookup kernel, and how
 * straight the line is. One vector, tables built beforehand. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "tools/bench_kernel.h"
#include "tools/cmd.h"
#include "tools/svg.h"

enum { MOST_BITS = 8, ROUNDS = 31 };

/* The type that stands for a width: a type of bit planes, of the K family where there is one so
 * that neighbours carry similar scales. -1: none is looked up. */
static int type_of_bits(int bits)
{
    int best = -1;
    for (int id = 0; id < 256; id++) {
        const struct lutra_code_info *c =
            lutra_type_runs((uint32_t)id) ? lutra_code_info(id) : NULL;
        struct lutra_mat m = {.data = NULL};
        if (c == NULL || c->bits != bits) continue;
        if (lutra_pack_plan(&m, id, 16, 4096, false, NULL) || m.kind != LUTRA_MAT_PLANES) continue;
        if (best < 0 || c->sub) best = id;
    }
    return best;
}

struct curve {
    double bits[MOST_BITS], ns[MOST_BITS], low[MOST_BITS], high[MOST_BITS], best[MOST_BITS];
    double missing[MOST_BITS];
    char types[MOST_BITS * 8];
    int n, n_missing, rows, cols;
    struct lutra_fit fit;
    const char *kernel;
};

/* Open a matrix for every width that has a kernel. */
static lutra_status open_all(struct curve *c, struct lutra_kernel_bench *b,
                             const struct lutra_bench_list *bits,
                             const struct lutra_kernel_settings *s, lutra_error *err)
{
    int at = 0;
    for (int i = 0; i < bits->n; i++) {
        struct lutra_kernel_case k = {type_of_bits(bits->v[i]), c->rows, c->cols, false};
        if (k.type < 0) {
            c->missing[c->n_missing++] = bits->v[i];
            continue;
        }
        lutra_status st = lutra_kernel_open(&b[c->n], &k, s, 1, err);
        if (st != LUTRA_OK) return st;
        c->kernel = b[c->n].ops.name;
        c->bits[c->n++] = bits->v[i];
        at += lutra_format(c->types + at, sizeof c->types - (size_t)at, "%s%s", at ? "," : "",
                           lutra_type_info((uint32_t)k.type)->name);
    }
    return LUTRA_OK;
}

/* Round after round over all widths: what disturbs a moment does not fall on one of them. */
static void measure_all(struct curve *c, struct lutra_kernel_bench *b)
{
    double ns[MOST_BITS][ROUNDS], table_ns;
    int repeat[MOST_BITS];
    for (int i = 0; i < c->n; i++) repeat[i] = lutra_kernel_begin(&b[i], 1, &table_ns);
    for (int r = 0; r < ROUNDS; r++)
        for (int i = 0; i < c->n; i++) ns[i][r] = lutra_kernel_sample(&b[i], 1, repeat[i]);
    for (int i = 0; i < c->n; i++) {
        struct lutra_interval interval = lutra_bench_interval(ns[i], ROUNDS);
        c->ns[i] = lutra_bench_iqm(ns[i], ROUNDS);
        c->low[i] = interval.low;
        c->high[i] = interval.high;
        c->best[i] = ns[i][0];
        for (int r = 1; r < ROUNDS; r++)
            if (ns[i][r] < c->best[i]) c->best[i] = ns[i][r];
    }
    c->fit = lutra_bench_fit(c->bits, c->ns, c->n);
}

static int measure(struct curve *c, const struct lutra_bench_list *bits,
                   const struct lutra_kernel_settings *s)
{
    struct lutra_kernel_bench *b = calloc((size_t)bits->n, sizeof *b);
    lutra_error err;
    if (b == NULL) return lutra_cli_say("no memory"), LUTRA_EXIT_MEMORY;
    lutra_status st = open_all(c, b, bits, s, &err);
    if (st == LUTRA_OK) measure_all(c, b);
    for (int i = 0; i < c->n; i++) lutra_kernel_close(&b[i]);
    free(b);
    return st == LUTRA_OK ? -1 : lutra_cli_fail(&err, false);
}

static void say_missing(const struct curve *c)
{
    char names[80] = "";
    int at = 0;
    for (int i = 0; i < c->n_missing; i++)
        at += lutra_format(names + at, sizeof names - (size_t)at, " %.0f", c->missing[i]);
    if (at) lutra_cli_say("no lookup kernel yet for weights of this many bits:%s", names);
}

static void put_curve(const struct curve *c, int format, int threads)
{
    struct lutra_bench_out w;
    char slope[32], intercept[32], r2[32];
    /* one object, not a list of one */
    lutra_bench_out_begin(&w, stdout, format == LUTRA_BENCH_JSON ? LUTRA_BENCH_JSONL : format,
                          "lutra_bits");
    while (lutra_bench_out_next(&w)) {
        lutra_bench_out_text(&w, "kernel", c->kernel ? c->kernel : "");
        lutra_bench_out_int(&w, "n_threads", threads);
        lutra_bench_out_int(&w, "rows", c->rows);
        lutra_bench_out_int(&w, "cols", c->cols);
        lutra_bench_out_array(&w, "bits", c->bits, c->n, true);
        lutra_bench_out_array(&w, "ns", c->ns, c->n, false);
        lutra_bench_out_array(&w, "ns_low", c->low, c->n, false);
        lutra_bench_out_array(&w, "ns_high", c->high, c->n, false);
        lutra_bench_out_array(&w, "best_ns", c->best, c->n, false);
        lutra_bench_out_text(&w, "types", c->types);
        lutra_bench_out_array(&w, "missing_bits", c->missing, c->n_missing, true);
        lutra_bench_out_real(&w, "r2", c->fit.r2);
        lutra_bench_out_real(&w, "slope", c->fit.slope);
        lutra_bench_out_real(&w, "intercept", c->fit.intercept);
    }
    if (format == LUTRA_BENCH_MD) {
        printf("| bits | time us    | [95 %%]                | weights/ns |\n"
               "| ---: | ---------: | --------------------: | ---------: |\n");
        for (int i = 0; i < c->n; i++)
            printf("| %4.0f | %10.2f | %9.2f - %9.2f | %10.2f |\n", c->bits[i], c->ns[i] / 1e3,
                   c->low[i] / 1e3, c->high[i] / 1e3, (double)c->rows * c->cols / c->ns[i]);
        printf("\n%dx%d, one vector, %s: time = %s us + %s us x bits, R2 %s\n", c->rows, c->cols,
               c->types,
               lutra_bench_show(intercept, sizeof intercept, "%.2f", c->fit.intercept / 1e3),
               lutra_bench_show(slope, sizeof slope, "%.2f", c->fit.slope / 1e3),
               lutra_bench_show(r2, sizeof r2, "%.4f", c->fit.r2));
    }
    lutra_bench_out_end(&w);
}

static int draw(const char *path, const struct curve *c)
{
    double us[MOST_BITS], low[MOST_BITS], high[MOST_BITS];
    double fit_x[2] = {0, c->n ? c->bits[c->n - 1] : 1}, fit_y[2];
    struct lutra_text out = {0};
    char title[96], fit[96], shown[400];
    int e;
    for (int i = 0; i < c->n; i++) {
        us[i] = c->ns[i] / 1e3;
        low[i] = c->low[i] / 1e3;
        high[i] = c->high[i] / 1e3;
    }
    for (int i = 0; i < 2; i++) fit_y[i] = (c->fit.intercept + c->fit.slope * fit_x[i]) / 1e3;
    lutra_format(title, sizeof title, "Lookup time against bits, %dx%d, %s", c->rows, c->cols,
                 c->kernel ? c->kernel : "");
    lutra_format(fit, sizeof fit, "%.1f us + %.1f us x bits, R2 %.4f", c->fit.intercept / 1e3,
                 c->fit.slope / 1e3, c->fit.r2);
    const struct lutra_svg_series series[] = {
        {"measured", c->bits, us, low, high, c->n, false, true},
        {fit, fit_x, fit_y, NULL, NULL, 2, true, false}};
    const struct lutra_svg_plot plot = {title, "bits of a weight", "microseconds", series, 2};
    bool ok = lutra_svg_write(&out, &plot, 1);
    e = ok ? lutra_text_save(&out, path) : 0;
    lutra_text_free(&out);
    if (ok && e == 0) return LUTRA_EXIT_OK;
    lutra_cli_say("%s: %s", lutra_escape(shown, sizeof shown, path, strlen(path)),
                  ok ? strerror(e) : "no memory");
    return LUTRA_EXIT_RUN;
}

int lutra_bench_kernel_bits(const struct lutra_bench_options *o)
{
    struct lutra_kernel_settings s;
    struct lutra_bench_list bits = {.n = 0};
    struct curve c = {.rows = 4096, .cols = 4096};
    int code = lutra_kernel_settings(&s, o);
    s.mode = LUTRA_MODE_LUT;
    if (code >= 0) return code;
    if (!lutra_bench_range(&bits, o->bits, 1, 8) || bits.n > MOST_BITS) {
        lutra_cli_say("--bits: expected numbers from 1 to 8 such as 2-8");
        return LUTRA_EXIT_USAGE;
    }
    if (o->shapes.n > 1 || (o->shapes.n && !lutra_kernel_shape(o->shapes.v[0], &c.rows, &c.cols))) {
        lutra_cli_say("--bits takes one --shape, rows x columns such as 4096x4096");
        return LUTRA_EXIT_USAGE;
    }
    if ((code = measure(&c, &bits, &s)) >= 0) return code;
    say_missing(&c);
    put_curve(&c, o->format, s.n_threads);
    code = o->svg ? draw(o->svg, &c) : LUTRA_EXIT_OK;
    return lutra_cli_flush(code);
}
