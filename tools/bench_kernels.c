/* SPDX-License-Identifier: MIT */
/* lutra bench --kernels: every low-bit type at the shapes of BitNet-2B, Llama-3B and 7B, decode and
 * small batches. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "kernels/qbook.h"
#include "tools/bench_kernel.h"
#include "tools/cmd.h"
#include "tools/synth_fill.h"

static const struct {
    const char *of;
    int rows, cols;
} shapes[] = {
    {"BitNet-2B q, o", 2560, 2560},     {"BitNet-2B k, v", 640, 2560},
    {"BitNet-2B gate, up", 6912, 2560}, {"BitNet-2B down", 2560, 6912},
    {"Llama-3B q, o", 3072, 3072},      {"Llama-3B k, v", 1024, 3072},
    {"Llama-3B gate, up", 8192, 3072},  {"Llama-3B down", 3072, 8192},
    {"7B q, k, v, o", 4096, 4096},      {"7B gate, up", 11008, 4096},
    {"7B down", 4096, 11008},           {"BitNet-3B down", 3200, 8640}, /* 256 divides neither */
    {"BitNet-3B gate, up", 8640, 3200}, {"odd rows", 2563, 2560},
    {"odd rows, blocks", 2563, 2592},   {"odd rows, columns", 2563, 2563},
};
enum { N_SHAPES = sizeof shapes / sizeof *shapes, MOST_TYPES = 48 };

struct list {
    const struct lutra_bench_options *o;
    struct lutra_kernel_settings settings;
    struct lutra_bench_list vectors;
    struct lutra_kernel_case types[MOST_TYPES];
    int n_types;
    struct lutra_bench_out out;
    const char *of; /* whose matrix; "": one that was asked for */
    int timed;      /* cases; the others' rows cannot be held */
    int code;
};

static bool wanted(const char *names, const char *name)
{
    size_t n = strlen(name);
    for (const char *p = names; p; p = strchr(p, ','), p = p ? p + 1 : NULL)
        if (strncasecmp(p, name, n) == 0 && (p[n] == ',' || p[n] == '\0')) return true;
    return names == NULL;
}

int lutra_kernel_types(const char *names, struct lutra_kernel_case *types, int cap)
{
    char shown[80];
    int n = 0;
    for (int id = 0; id < 256; id++) {
        const struct lutra_type_info *info = lutra_type_info((uint32_t)id);
        bool low = lutra_code_info(id) != NULL || lutra_book_info(id) != NULL;
        if (!lutra_type_runs((uint32_t)id) || !low || !lutra_synth_knows(id)) continue;
        bool as_other = id == LUTRA_TYPE_TQ2_0 && wanted(names, "TQ1_0");
        if (id == LUTRA_TYPE_TQ1_0 || !(as_other || wanted(names, info->name))) continue;
        if (n + 2 > cap) break;
        if (id == LUTRA_TYPE_TQ2_0)
            types[n++] = (struct lutra_kernel_case){.type = id, .ternary = true};
        types[n++] = (struct lutra_kernel_case){.type = id};
        if (id == LUTRA_TYPE_TQ2_0 && n + 2 <= cap)
            types[n++] = (struct lutra_kernel_case){.type = id, .quint = true};
    }
    if (n == 0)
        lutra_cli_say("--type %s: no such low-bit type runs",
                      lutra_escape(shown, sizeof shown, names, strlen(names)));
    return n;
}

bool lutra_kernel_runs(const struct lutra_kernel_case *c, const struct lutra_kernel_settings *s)
{
    struct lutra_ops ops;
    lutra_ops_init(&ops, s->features);
    return !c->quint || ops.packs_quint;
}

const char *lutra_kernel_kind(const struct lutra_mat *m)
{
    switch (m->kind) {
    case LUTRA_MAT_PLANES:
        return "planes";
    case LUTRA_MAT_DENSE:
        return "dense";
    case LUTRA_MAT_TERN:
        return "base 3";
    case LUTRA_MAT_QUINT:
        return "quint";
    case LUTRA_MAT_I8:
        return "int8";
    case LUTRA_MAT_BOOK:
        return "book";
    default:
        return "float";
    }
}

static void put_time(struct list *l, const struct lutra_kernel_bench *b, int n,
                     const struct lutra_kernel_time *t, double relative)
{
    struct lutra_bench_out *w = &l->out;
    const struct lutra_mat *m = &b->mats[0];
    const char *type = lutra_type_info((uint32_t)m->type)->name;
    double weights = (double)m->n_rows * m->n_cols;
    char shape[32], text[24];
    while (lutra_bench_out_next(w)) {
        lutra_bench_out_text(w, "kernel", b->ops.name);
        lutra_bench_out_int(w, "n_threads", l->settings.n_threads);
        lutra_bench_out_text(w, "type", type);
        lutra_bench_out_text(w, "kind", lutra_kernel_kind(m));
        lutra_bench_out_int(w, "rows", m->n_rows);
        lutra_bench_out_int(w, "cols", m->n_cols);
        lutra_bench_out_int(w, "vectors", n);
        lutra_bench_out_text(w, "matrix", l->of);
        lutra_bench_out_int(w, "bytes", (long long)m->bytes);
        lutra_bench_out_real(w, "bits_per_weight", (double)m->bytes * 8 / weights);
        lutra_bench_out_int(w, "cold", l->settings.cold_bytes > 0);
        lutra_bench_out_real(w, "ns", t->ns);
        lutra_bench_out_real(w, "ns_low", t->interval.low);
        lutra_bench_out_real(w, "ns_high", t->interval.high);
        lutra_bench_out_real(w, "best_ns", t->best_ns);
        lutra_bench_out_real(w, "table_ns", t->table_ns);
        lutra_bench_out_real(w, "weights_per_ns", weights / t->ns);
        lutra_bench_out_real(w, "gb_per_s", (double)m->bytes / t->ns);
        lutra_bench_out_real(w, "mac_per_ns", weights * n / t->ns);
        lutra_bench_out_real(w, "relative_to_round", relative);
    }
    lutra_format(shape, sizeof shape, "%dx%d", m->n_rows, m->n_cols);
    if (w->format == LUTRA_BENCH_MD)
        fprintf(w->file,
                "| %-9s | %-6s | %6.3f | %11s | %4d | %10.1f | %10.2f | %6.1f | %8.1f | %9.1f | "
                "%8s | %-18s |\n",
                type, lutra_kernel_kind(m), (double)m->bytes * 8 / weights, shape, n, t->ns / 1e3,
                weights / t->ns, (double)m->bytes / t->ns, weights * n / t->ns, t->table_ns / 1e3,
                isfinite(relative) ? lutra_bench_show(text, sizeof text, "%.2f", relative) : "",
                l->of);
    fflush(w->file);
}

/* The nearest shape of whole super-blocks, for one that is none. */
static bool find_round(struct lutra_kernel_case *c)
{
    bool is_round = c->rows % 32 == 0 && c->cols % 256 == 0;
    int rows = (c->rows + 128) / 256 * 256, cols = (c->cols + 128) / 256 * 256;
    c->rows = rows ? rows : 256;
    c->cols = cols ? cols : 256;
    return !is_round;
}

/* Speed per weight of `b` over that of `other`: the best of samples in turn. */
static double compare(struct lutra_kernel_bench *b, struct lutra_kernel_bench *other, int n)
{
    enum { ROUNDS = 15 };
    double table_ns, best[2] = {INFINITY, INFINITY};
    double weights = (double)b->mats[0].n_rows * b->mats[0].n_cols;
    double others = (double)other->mats[0].n_rows * other->mats[0].n_cols;
    int repeat[2] = {lutra_kernel_begin(b, n, &table_ns), lutra_kernel_begin(other, n, &table_ns)};
    for (int r = 0; r < ROUNDS; r++)
        for (int k = 0; k < 2; k++) {
            double ns = lutra_kernel_sample(k ? other : b, n, (repeat[k] + 3) / 4);
            if (ns < best[k]) best[k] = ns;
        }
    return weights / best[0] / (others / best[1]);
}

static void run_vectors(struct list *l, struct lutra_kernel_bench *b,
                        struct lutra_kernel_bench *round)
{
    for (int i = 0; i < l->vectors.n; i++) {
        int n = l->vectors.v[i];
        struct lutra_kernel_time t = lutra_kernel_measure(b, n);
        put_time(l, b, n, &t, round ? compare(b, round, n) : NAN);
    }
}

static void run_case(struct list *l, struct lutra_kernel_case c, int rows, int cols)
{
    struct lutra_kernel_bench *b = malloc(2 * sizeof *b);
    struct lutra_kernel_case round;
    lutra_error err;
    int most = 1, block = lutra_type_info((uint32_t)c.type)->block;
    if (b == NULL || (cols % block != 0 && !c.ternary)) { /* said once, by list_gaps */
        free(b);
        return;
    }
    l->timed++;
    c.rows = rows;
    c.cols = cols;
    round = c;
    bool is_odd = find_round(&round);
    for (int i = 0; i < l->vectors.n; i++)
        if (l->vectors.v[i] > most) most = l->vectors.v[i];
    lutra_status st = lutra_kernel_open(&b[0], &c, &l->settings, most, &err);
    if (st == LUTRA_OK && is_odd) {
        st = lutra_kernel_open(&b[1], &round, &l->settings, most, &err);
        if (st == LUTRA_OK) run_vectors(l, &b[0], &b[1]);
        if (st == LUTRA_OK) lutra_kernel_close(&b[1]);
        lutra_kernel_close(&b[0]);
    } else if (st == LUTRA_OK) {
        run_vectors(l, &b[0], NULL);
        lutra_kernel_close(&b[0]);
    }
    free(b);
    if (st != LUTRA_OK) l->code = lutra_cli_fail(&err, false);
}

/* What cannot be timed: rows that a type's blocks do not divide. */
static void list_gaps(const struct list *l, int cols)
{
    char names[400] = "";
    int at = 0;
    for (int i = 0; i < l->n_types; i++) {
        const struct lutra_type_info *info = lutra_type_info((uint32_t)l->types[i].type);
        if (cols % info->block == 0 || l->types[i].ternary || l->types[i].quint) continue;
        at += lutra_format(names + at, sizeof names - (size_t)at, " %s%s", info->name,
                           l->types[i].type == LUTRA_TYPE_TQ2_0 ? " (planes)" : "");
        if (at >= (int)sizeof names) break;
    }
    if (at && l->o->format == LUTRA_BENCH_MD) fflush(stdout);
    if (at) lutra_cli_say("rows of %d columns cannot be held by%s", cols, names);
}

static void run_shape(struct list *l, int rows, int cols, const char *of)
{
    l->of = of;
    list_gaps(l, cols);
    for (int i = 0; i < l->n_types; i++)
        if (lutra_kernel_runs(&l->types[i], &l->settings)) run_case(l, l->types[i], rows, cols);
}

static int prepare(struct list *l)
{
    char shown[80];
    int rows, cols, code = lutra_kernel_settings(&l->settings, l->o);
    if (code >= 0) return code;
    const char *vectors = l->o->vectors ? l->o->vectors : "1,8,32,128";
    if (!lutra_bench_range(&l->vectors, vectors, 1, 4096)) {
        lutra_cli_say("--vectors: expected numbers from 1 to 4096 such as 1,8,32");
        return LUTRA_EXIT_USAGE;
    }
    for (int i = 0; i < l->o->shapes.n; i++) {
        if (lutra_kernel_shape(l->o->shapes.v[i], &rows, &cols)) continue;
        lutra_cli_say(
            "--shape %s: expected rows x columns such as 4096x4096",
            lutra_escape(shown, sizeof shown, l->o->shapes.v[i], strlen(l->o->shapes.v[i])));
        return LUTRA_EXIT_USAGE;
    }
    l->n_types = lutra_kernel_types(l->o->type, l->types, MOST_TYPES);
    return l->n_types ? -1 : LUTRA_EXIT_USAGE;
}

static const char table_head[] = "| type      | kind   |   bits |       shape | vecs |    time us "
                                 "| weights/ns |   GB/s |   MAC/ns | "
                                 "tables us | vs round | matrix             |\n"
                                 "| --------- | ------ | -----: | ----------: | ---: | ---------: "
                                 "| ---------: | -----: | -------: | "
                                 "--------: | -------: | ------------------ |\n";

int lutra_bench_kernel_cases(const struct lutra_bench_options *o)
{
    struct list *l = calloc(1, sizeof *l);
    int rows, cols, code;
    if (l == NULL) return lutra_cli_say("no memory"), LUTRA_EXIT_MEMORY;
    l->o = o;
    if ((code = prepare(l)) >= 0) {
        free(l);
        return code;
    }
    struct lutra_ops ops;
    lutra_ops_init(&ops, l->settings.features);
    lutra_bench_out_begin(&l->out, stdout, o->format, "lutra_kernels");
    if (o->format == LUTRA_BENCH_MD)
        printf("kernels %s, %d thread%s, weights from %s\n\n%s", ops.name, l->settings.n_threads,
               l->settings.n_threads == 1 ? "" : "s",
               l->settings.cold_bytes ? "memory" : "the cache where they fit", table_head);
    for (int i = 0; i < o->shapes.n; i++) {
        lutra_kernel_shape(o->shapes.v[i], &rows, &cols);
        run_shape(l, rows, cols, "");
    }
    for (int i = 0; i < N_SHAPES && o->shapes.n == 0; i++)
        run_shape(l, shapes[i].rows, shapes[i].cols, shapes[i].of);
    lutra_bench_out_end(&l->out);
    if (!l->timed && !l->code) l->code = LUTRA_EXIT_USAGE;
    code = lutra_cli_flush(l->code);
    free(l);
    return code;
}
