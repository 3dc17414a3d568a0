/* SPDX-License-Identifier: MIT */
/* lutra bench --ops: what a weight costs in lookups, additions and multiplications, and what part
 * of the work the tables are. Counted, not reckoned: the kernel of this level is stepped through on
 * a thin slice of the matrix; scalar lookups, which are plain loads, are counted in an instrumented
 * twin. */
#include "tools/bench_ops.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "tools/bench_kernel.h"
#include "tools/cmd.h"

enum { SLICE_ROWS = 64, SLICE_COLS = 768, SCALAR_COLS = 256, MOST_TYPES = 48 };

struct count {
    struct lutra_op_counts product, tables; /* totals of the slice */
    double weights;                         /* in it */
    double lookups;                         /* that the layout asks for; `product` has shuffles */
    int rows, cols;                         /* of it */
    const char *by, *way, *kind;
    bool table_way; /* lookups: integer products are plane weights and signs */
    double tables_share, time_share;
};

struct work {
    struct lutra_kernel_bench *b;
    struct lutra_engine engine; /* no pool: a child has no threads */
    const struct lutra_mat *m;
    unsigned parts;
};

static void do_fill(void *arg)
{
    struct work *w = arg;
    lutra_act_fill(&w->engine, &w->b->act, w->parts);
}

static void do_product(void *arg)
{
    struct work *w = arg;
    lutra_matmul(&w->engine, w->b->y, (size_t)w->m->n_rows, w->m, &w->b->act);
}

/* Operands bound and filled, as for one product. */
static void prepare(struct work *w, struct lutra_kernel_bench *b)
{
    *w = (struct work){b, b->engine, &b->mats[0], 0};
    w->engine.pool = NULL;
    w->parts = lutra_act_parts(&w->engine, &w->m, 1, 1);
    lutra_act_bind(&b->act, &b->ops, b->act_mem, 1, w->m->n_cols, w->parts);
    b->act.x = b->x;
    b->act.x_stride = (size_t)w->m->n_cols;
    do_fill(w);
    do_product(w);
}

/* The kernel itself, where the system allows it; else what is there stays. */
static void count_steps(struct count *c, struct work *w)
{
    struct lutra_op_counts product, codes = {0}, all = {0};
    unsigned parts = w->parts;
    bool tables = (parts & ~(unsigned)LUTRA_ACT_CODES) != 0;
    bool ok = lutra_step_count(do_product, w, &product);
    if (tables) ok = ok && lutra_step_count(do_fill, w, &all);
    w->parts = LUTRA_ACT_CODES;
    if (tables) ok = ok && lutra_step_count(do_fill, w, &codes);
    w->parts = parts;
    if (!ok) return;
    c->by = "stepped";
    c->product = product;
    c->tables.lookups = all.lookups - codes.lookups;
    c->tables.adds = all.adds - codes.adds;
    c->tables.int_muls = all.int_muls - codes.int_muls;
    c->tables.instructions = all.instructions - codes.instructions;
}

/* False: the twin computes something else, so its counts mean nothing. */
static bool count_twin(struct count *c, struct work *w)
{
    size_t n = (size_t)w->m->n_rows;
    float *y = malloc(n * sizeof *y);
    if (y == NULL) return false;
    lutra_count_lookup(y, w->m, &w->b->act, &c->product);
    lutra_count_tables(w->m, w->m->n_cols, &c->tables);
    c->lookups = c->product.lookups;
    c->product.lookups = NAN; /* no shuffles */
    c->by = "scalar twin";
    bool same = memcmp(y, w->b->y, n * sizeof *y) == 0;
    free(y);
    return same;
}

static const char *way_name(enum lutra_path path)
{
    return path == LUTRA_PATH_LOOKUP ? "lut" : path == LUTRA_PATH_PANEL ? "dot" : "deq";
}

static lutra_status count_slice(struct count *c, const struct lutra_kernel_case *k,
                                const struct lutra_kernel_settings *s, lutra_error *err)
{
    struct lutra_kernel_bench b;
    struct lutra_kernel_case slice = *k;
    struct work w;
    int block = lutra_type_info((uint32_t)k->type)->block;
    int most = s->features ? SLICE_COLS : SCALAR_COLS;
    slice.rows = k->rows < SLICE_ROWS ? k->rows : SLICE_ROWS;
    slice.cols = k->cols < most ? k->cols : most / block * block;
    lutra_status st = lutra_kernel_open(&b, &slice, s, 1, err);
    if (st != LUTRA_OK) return st;
    prepare(&w, &b);
    enum lutra_path path = lutra_matmul_path(&w.engine, w.m, 1);
    c->rows = slice.rows;
    c->cols = slice.cols;
    c->weights = (double)slice.rows * slice.cols;
    c->way = way_name(path);
    c->kind = lutra_kernel_kind(w.m);
    c->table_way = path == LUTRA_PATH_LOOKUP;
    bool has_twin = w.m->kind == LUTRA_MAT_PLANES || w.m->kind == LUTRA_MAT_TERN;
    if (c->table_way && !has_twin) c->lookups = NAN; /* stepped alone */
    if (c->table_way && has_twin && !count_twin(c, &w))
        st = lutra_fail(err, LUTRA_ESELFTEST, "the counted twin of %s differs from the kernel",
                        lutra_type_info((uint32_t)k->type)->name);
    bool loads = strcmp(b.ops.name, "scalar") == 0; /* its lookups look like any other load */
    if (st == LUTRA_OK && !(loads && c->table_way)) count_steps(c, &w);
    lutra_kernel_close(&b);
    return st;
}

static double ops_of(const struct lutra_op_counts *c)
{
    return (isfinite(c->lookups) ? c->lookups : 0) + c->adds + c->int_muls + c->float_muls;
}

/* Tables are made once for all rows of the whole matrix. */
static void find_share(struct count *c, const struct lutra_kernel_case *k)
{
    double tables = ops_of(&c->tables) / c->cols * k->cols;
    double lookups = isfinite(c->product.lookups) ? 0 : c->lookups; /* as shuffles they are in */
    double product = (ops_of(&c->product) + lookups) / c->weights * k->rows * k->cols;
    c->tables_share = tables / (tables + product);
}

static lutra_status time_whole(struct count *c, const struct lutra_kernel_case *k,
                               const struct lutra_kernel_settings *s, lutra_error *err)
{
    struct lutra_kernel_bench b;
    lutra_status st = lutra_kernel_open(&b, k, s, 1, err);
    if (st != LUTRA_OK) return st;
    struct lutra_kernel_time t = lutra_kernel_measure(&b, 1);
    lutra_kernel_close(&b);
    c->time_share = t.table_ns / (t.table_ns + t.best_ns);
    return LUTRA_OK;
}

/* ---- saying it ---- */

static void put_count(struct lutra_bench_out *w, const char *kernel, const struct count *c,
                      const struct lutra_kernel_case *k)
{
    const char *type = lutra_type_info((uint32_t)k->type)->name;
    double n = c->by ? c->weights : NAN, ints = c->product.int_muls / n;
    double planes = c->table_way ? ints : 0, products = c->table_way ? 0 : ints;
    double scales = c->product.float_muls / n, steps = c->product.instructions / n;
    if (strcmp(c->way, "deq") == 0) products = scales, planes = ints, scales = 0;
    if (!(c->product.instructions > 0)) steps = NAN;
    while (lutra_bench_out_next(w)) {
        lutra_bench_out_text(w, "kernel", kernel);
        lutra_bench_out_text(w, "type", type);
        lutra_bench_out_text(w, "kind", c->kind);
        lutra_bench_out_text(w, "way", c->way);
        lutra_bench_out_int(w, "rows", k->rows);
        lutra_bench_out_int(w, "cols", k->cols);
        lutra_bench_out_text(w, "counted", c->by ? c->by : "n/a");
        lutra_bench_out_real(w, "lookups", c->lookups / n);
        lutra_bench_out_real(w, "shuffles", c->product.lookups / n);
        lutra_bench_out_real(w, "adds", c->product.adds / n);
        lutra_bench_out_real(w, "multiplies", products);
        lutra_bench_out_real(w, "plane_multiplies", planes);
        lutra_bench_out_real(w, "scale_multiplies", scales);
        lutra_bench_out_real(w, "instructions", steps);
        lutra_bench_out_real(w, "table_ops", ops_of(&c->tables) / c->cols);
        lutra_bench_out_real(w, "table_ops_share", c->tables_share);
        lutra_bench_out_real(w, "table_time_share", c->time_share);
    }
    if (w->format == LUTRA_BENCH_MD) {
        char a[9][24];
        fprintf(
            w->file,
            "| %-9s | %-6s | %-3s | %7s | %8s | %6s | %6s | %6s | %6s | %6s | %6s | %6s |\n", type,
            c->kind, c->way, lutra_bench_show(a[0], 24, "%.3f", c->lookups / n),
            lutra_bench_show(a[8], 24, "%.3f", c->product.lookups / n),
            lutra_bench_show(a[1], 24, "%.3f", c->product.adds / n),
            lutra_bench_show(a[2], 24, "%.3f", products),
            lutra_bench_show(a[3], 24, "%.3f", planes), lutra_bench_show(a[4], 24, "%.3f", scales),
            lutra_bench_show(a[5], 24, "%.3f", steps),
            lutra_bench_show(a[6], 24, "%.1f %%", 100 * c->tables_share),
            lutra_bench_show(a[7], 24, "%.1f %%", 100 * c->time_share));
    }
    fflush(w->file);
}

static const char table_head[] = "| type      | kind   | way | lookups | shuffles |   adds |  "
                                 "mults | planes | scales | instr. | "
                                 "tables |   time |\n"
                                 "| --------- | ------ | --- | ------: | -------: | -----: | "
                                 "-----: | -----: | -----: | -----: | "
                                 "-----: | -----: |\n";

static const char legend[] =
    "\nPer weight, one vector:\n"
    "lookups   bytes fetched from tables; shuffles: bytes moved by shuffle instructions, these "
    "too\n"
    "mults     a weight's code times an activation\n"
    "planes    constant weights of bit planes, signs, joins of low and high bytes\n"
    "scales    float: of groups and rows\n"
    "instr.    instructions executed, of all kinds\n"
    "tables    building them, part of all operations; time: part of the time, with quantizing\n";

static lutra_status count_case(struct lutra_bench_out *w, const struct lutra_kernel_case *k,
                               const struct lutra_kernel_settings *s, bool *by_twin,
                               lutra_error *err)
{
    struct count c;
    struct lutra_ops ops;
    memset(&c, 0, sizeof c);
    lutra_ops_init(&ops, s->features);
    lutra_status st = count_slice(&c, k, s, err);
    if (st == LUTRA_OK) st = time_whole(&c, k, s, err);
    if (st != LUTRA_OK) return st;
    find_share(&c, k);
    *by_twin = *by_twin || c.by == NULL || (s->features && strcmp(c.by, "stepped") != 0);
    put_count(w, ops.name, &c, k);
    return LUTRA_OK;
}

static int read_shape(struct lutra_kernel_case *k, const struct lutra_bench_options *o)
{
    if (o->shapes.n == 0) return -1;
    if (o->shapes.n == 1 && lutra_kernel_shape(o->shapes.v[0], &k->rows, &k->cols)) return -1;
    lutra_cli_say("--ops takes one --shape, rows x columns such as 4096x4096");
    return LUTRA_EXIT_USAGE;
}

int lutra_bench_ops(const struct lutra_bench_options *o)
{
    struct lutra_kernel_case types[MOST_TYPES], whole = {.rows = 2560, .cols = 2560};
    struct lutra_kernel_settings s;
    struct lutra_bench_out w;
    struct lutra_ops ops;
    lutra_error err;
    bool by_twin = false;
    int n, code = lutra_kernel_settings(&s, o);
    if (code >= 0 || (code = read_shape(&whole, o)) >= 0) return code;
    if ((n = lutra_kernel_types(o->type, types, MOST_TYPES)) == 0) return LUTRA_EXIT_USAGE;
    lutra_ops_init(&ops, s.features);
    lutra_bench_out_begin(&w, stdout, o->format, "lutra_ops");
    if (o->format == LUTRA_BENCH_MD)
        printf("operations of the %s kernels, matrices of %dx%d\n\n%s", ops.name, whole.rows,
               whole.cols, table_head);
    code = LUTRA_EXIT_OK;
    for (int i = 0; i < n; i++) {
        types[i].rows = whole.rows;
        types[i].cols = whole.cols;
        if (!lutra_kernel_runs(&types[i], &s)) continue;
        if (whole.cols % lutra_type_info((uint32_t)types[i].type)->block) continue;
        if (count_case(&w, &types[i], &s, &by_twin, &err)) code = lutra_cli_fail(&err, false);
    }
    if (o->format == LUTRA_BENCH_MD) fputs(legend, stdout);
    lutra_bench_out_end(&w);
    if (by_twin)
        lutra_cli_say(
            "this system does not let a program be stepped: counted is what scalar lookups do");
    return lutra_cli_flush(code);
}
