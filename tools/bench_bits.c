/* SPDX-License-Identifier: MIT */
/* lutra bench --kernels --bits: what one more bit of a weight costs a lookup kernel, and how
 * straight the line is. One vector, tables built beforehand. The line goes through the best of many
 * short rounds: whatever else runs here adds to a time, nothing takes from it. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "tools/bench_kernel.h"
#include "tools/cmd.h"
#include "tools/svg.h"

enum { MOST_BITS = 8, ROUNDS = 61 };

struct curve {
    double bits[MOST_BITS], ns[MOST_BITS]; /* best */
    double iqm[MOST_BITS], low[MOST_BITS], high[MOST_BITS];
    double per_ns[MOST_BITS]; /* weights */
    int n, rows, cols, group;
    struct lutra_fit fit;
    const char *kernel;
};

/* Open a matrix for every width. */
static lutra_status open_all(struct curve *c, struct lutra_kernel_bench *b,
                             const struct lutra_bench_list *bits,
                             const struct lutra_kernel_settings *s, lutra_error *err)
{
    for (int i = 0; i < bits->n; i++) {
        struct lutra_kernel_case k = {
            .rows = c->rows, .cols = c->cols, .bits = bits->v[i], .group = c->group};
        lutra_status st = lutra_kernel_open(&b[c->n], &k, s, 1, err);
        if (st != LUTRA_OK) return st;
        c->kernel = b[c->n].ops.name;
        c->bits[c->n++] = bits->v[i];
    }
    return LUTRA_OK;
}

/* Round after round over all widths: what disturbs a moment does not fall on one of them. */
static void measure_all(struct curve *c, struct lutra_kernel_bench *b)
{
    double ns[MOST_BITS][ROUNDS], table_ns;
    int repeat[MOST_BITS];
    for (int i = 0; i < c->n; i++) repeat[i] = (lutra_kernel_begin(&b[i], 1, &table_ns) + 3) / 4;
    for (int r = 0; r < ROUNDS; r++)
        for (int i = 0; i < c->n; i++) ns[i][r] = lutra_kernel_sample(&b[i], 1, repeat[i]);
    for (int i = 0; i < c->n; i++) {
        struct lutra_interval interval = lutra_bench_interval(ns[i], ROUNDS);
        c->iqm[i] = lutra_bench_iqm(ns[i], ROUNDS);
        c->low[i] = interval.low;
        c->high[i] = interval.high;
        c->ns[i] = ns[i][0];
        for (int r = 1; r < ROUNDS; r++)
            if (ns[i][r] < c->ns[i]) c->ns[i] = ns[i][r];
        c->per_ns[i] = (double)c->rows * c->cols / c->ns[i];
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
        lutra_bench_out_int(&w, "group", c->group);
        lutra_bench_out_array(&w, "bits", c->bits, c->n, true);
        lutra_bench_out_array(&w, "ns", c->ns, c->n, false);
        lutra_bench_out_array(&w, "iqm_ns", c->iqm, c->n, false);
        lutra_bench_out_array(&w, "iqm_ns_low", c->low, c->n, false);
        lutra_bench_out_array(&w, "iqm_ns_high", c->high, c->n, false);
        lutra_bench_out_array(&w, "weights_per_ns", c->per_ns, c->n, false);
        lutra_bench_out_real(&w, "r2", c->fit.r2);
        lutra_bench_out_real(&w, "slope", c->fit.slope);
        lutra_bench_out_real(&w, "intercept", c->fit.intercept);
    }
    if (format == LUTRA_BENCH_MD) {
        printf("| bits |    best us |    IQM us |                [95 %%] | weights/ns |\n"
               "| ---: | ---------: | --------: | --------------------: | ---------: |\n");
        for (int i = 0; i < c->n; i++)
            printf("| %4.0f | %10.2f | %9.2f | %9.2f - %9.2f | %10.2f |\n", c->bits[i],
                   c->ns[i] / 1e3, c->iqm[i] / 1e3, c->low[i] / 1e3, c->high[i] / 1e3,
                   c->per_ns[i]);
        char scales[40] = "row";
        if (c->group) lutra_format(scales, sizeof scales, "%d columns", c->group);
        printf(
            "\n%s, %dx%d, one vector, %d thread%s, one scale per %s: time = %s us + %s us x bits, "
            "R2 %s (through the best of %d rounds)\n",
            c->kernel, c->rows, c->cols, threads, threads == 1 ? "" : "s", scales,
            lutra_bench_show(intercept, sizeof intercept, "%.2f", c->fit.intercept / 1e3),
            lutra_bench_show(slope, sizeof slope, "%.2f", c->fit.slope / 1e3),
            lutra_bench_show(r2, sizeof r2, "%.4f", c->fit.r2), ROUNDS);
    }
    lutra_bench_out_end(&w);
}

static int draw(const char *path, const struct curve *c)
{
    double us[MOST_BITS];
    double fit_x[2] = {0, c->n ? c->bits[c->n - 1] : 1}, fit_y[2];
    char title[96], fit[96];
    for (int i = 0; i < c->n; i++) {
        us[i] = c->ns[i] / 1e3;
    }
    for (int i = 0; i < 2; i++) fit_y[i] = (c->fit.intercept + c->fit.slope * fit_x[i]) / 1e3;
    lutra_format(title, sizeof title, "Lookup time against bits, %dx%d, %s", c->rows, c->cols,
                 c->kernel ? c->kernel : "");
    lutra_format(fit, sizeof fit, "%.1f us + %.1f us x bits, R2 %.4f", c->fit.intercept / 1e3,
                 c->fit.slope / 1e3, c->fit.r2);
    const struct lutra_svg_series series[] = {
        {"best of all rounds", c->bits, us, NULL, NULL, c->n, false, true},
        {fit, fit_x, fit_y, NULL, NULL, 2, true, false}};
    const struct lutra_svg_plot plot = {title, "bits of a weight", "microseconds", series, 2};
    return lutra_svg_save(path, &plot, 1);
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
    c.group = o->group;
    if ((code = measure(&c, &bits, &s)) >= 0) return code;
    put_curve(&c, o->format, s.n_threads);
    code = o->svg ? draw(o->svg, &c) : LUTRA_EXIT_OK;
    return lutra_cli_flush(code);
}
