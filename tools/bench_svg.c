/* SPDX-License-Identifier: MIT */
/* Pictures of model tests: speed against threads, speed against context. */
#include <stdlib.h>
#include <string.h>

#include "tools/bench.h"
#include "tools/cmd.h"
#include "tools/svg.h"

enum { MOST_SERIES = 12 };

/* One picture: which number of a test runs along x. */
struct picture {
    bool by_depth;
    struct lutra_svg_series series[MOST_SERIES];
    struct lutra_svg_plot plot;
    int n;
    char labels[MOST_SERIES][192];
    double *values; /* four arrays of n_rows for each series */
};

static int position(const struct picture *p, const struct lutra_bench_row *r)
{
    return p->by_depth ? r->test.n_depth : r->test.n_threads;
}

/* Same test of the same model but for the place on x. */
static bool same_series(const struct picture *p, const struct lutra_bench_row *a,
                        const struct lutra_bench_row *b)
{
    struct lutra_bench_test x = a->test, y = b->test;
    if (p->by_depth)
        x.n_depth = y.n_depth = 0;
    else
        x.n_threads = y.n_threads = 0;
    return a->model == b->model && memcmp(&x, &y, sizeof x) == 0;
}

static void name_series(char *dst, size_t cap, const struct picture *p,
                        const struct lutra_bench_row *r)
{
    struct lutra_bench_test t = r->test;
    char name[64];
    if (p->by_depth) t.n_depth = 0;
    lutra_bench_test_name(name, sizeof name, &t);
    if (p->by_depth)
        lutra_format(dst, cap, "%s, %s, %d thread%s", r->model->type, name, t.n_threads,
                     t.n_threads == 1 ? "" : "s");
    else
        lutra_format(dst, cap, "%s, %s", r->model->type, name);
}

static void add_point(struct lutra_svg_series *s, double x, const struct lutra_bench_row *r,
                      int n_rows)
{
    double *v = (double *)s->x + s->n; /* the four arrays lie one after another */
    v[0] = x;
    v[n_rows] = r->iqm_ts;
    v[2 * n_rows] = r->ts_interval.low;
    v[3 * n_rows] = r->ts_interval.high;
    s->n++;
}

/* A series for each first row of its kind; series of one point say nothing and are dropped. */
static bool collect(struct picture *p, const struct lutra_bench_row *rows, int n)
{
    p->values = calloc((size_t)(n + 1) * 4 * MOST_SERIES, sizeof *p->values);
    if (p->values == NULL) return false;
    for (int i = 0; i < n && p->n < MOST_SERIES; i++) {
        bool seen = false;
        for (int k = 0; k < i; k++) seen = seen || same_series(p, &rows[k], &rows[i]);
        if (seen) continue;
        double *v = p->values + (size_t)n * 4 * (size_t)p->n;
        struct lutra_svg_series *s = &p->series[p->n];
        *s = (struct lutra_svg_series){p->labels[p->n], v, v + n, v + 2 * n,
                                       v + 3 * n,       0, true,  true};
        for (int k = i; k < n; k++)
            if (same_series(p, &rows[k], &rows[i]))
                add_point(s, position(p, &rows[k]), &rows[k], n);
        name_series(p->labels[p->n], sizeof p->labels[0], p, &rows[i]);
        if (s->n > 1) p->n++;
    }
    p->plot = (struct lutra_svg_plot){
        p->by_depth ? "Speed against context" : "Speed against threads",
        p->by_depth ? "tokens held" : "threads", "tokens per second", p->series, p->n};
    return true;
}

int lutra_bench_draw(const char *path, const struct lutra_bench_row *rows, int n)
{
    struct picture *p = calloc(2, sizeof *p);
    struct lutra_svg_plot plots[2];
    int n_plots = 0, code;
    bool ok = p != NULL;
    for (int i = 0; ok && i < 2; i++) {
        p[i].by_depth = i == 1;
        ok = collect(&p[i], rows, n);
        if (ok && p[i].n > 0) plots[n_plots++] = p[i].plot;
    }
    if (ok && n_plots == 0) {
        lutra_cli_say("--svg: nothing to draw; give several -t or several -d");
        code = LUTRA_EXIT_USAGE;
    } else if (!ok) {
        lutra_cli_say("--svg: no memory");
        code = LUTRA_EXIT_MEMORY;
    } else {
        code = lutra_svg_save(path, plots, n_plots);
    }
    for (int i = 0; p && i < 2; i++) free(p[i].values);
    free(p);
    return code;
}
