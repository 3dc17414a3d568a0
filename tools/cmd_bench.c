/* SPDX-License-Identifier: MIT */
/* lutra bench: how fast models and kernels run here, in llama-bench's words and then in ours. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "runtime/session.h"
#include "tools/bench.h"
#include "tools/bench_sensors.h"
#include "tools/cmd.h"
#include "tools/find.h"

#define AT(field) offsetof(struct lutra_bench_options, field)
static const struct lutra_opt tests[] = {
    {"-m, --model", "FILE", LUTRA_OPT_LIST, AT(models), 0, 0, "model file; may be given again",
     NULL},
    {"-p, --n-prompt", "N", LUTRA_OPT_LIST, AT(prompt), 0, 0, "prompt tokens (512; 0: none)", NULL},
    {"-n, --n-gen", "N", LUTRA_OPT_LIST, AT(gen), 0, 0, "generated tokens (128; 0: none)", NULL},
    {"-pg", "P,G", LUTRA_OPT_LIST, AT(pairs), 0, 0, "a prompt and then generation, as one test",
     NULL},
    {"-d, --n-depth", "N", LUTRA_OPT_LIST, AT(depth), 0, 0, "tokens held before a test begins (0)",
     NULL},
    {"-b, --batch-size", "N", LUTRA_OPT_LIST, AT(batch), 0, 0, "logical batch (2048)", NULL},
    {"-ub, --ubatch-size", "N", LUTRA_OPT_LIST, AT(ubatch), 0, 0,
     "tokens evaluated at once (512; the smaller of -b and -ub counts)", NULL},
    {"-t, --threads", "N", LUTRA_OPT_LIST, AT(threads), 0, 0,
     "threads (0, the default: what `lutra doctor` says)", NULL},
    {"-r, --repetitions", "N", LUTRA_OPT_INT, AT(reps), 1, 100000, "runs of each test (5)", NULL},
    {"--sustain", "SECONDS", LUTRA_OPT_INT, AT(sustain), 0, 1 << 20,
     "go on with each test for so long; the speed of the first and of the last minute is shown",
     NULL},
    {"--delay", "SECONDS", LUTRA_OPT_INT, AT(delay), 0, 1 << 20, "rest before each test", NULL},
    {"--no-warmup", NULL, LUTRA_OPT_FLAG, AT(no_warmup), 1, 0, "no run before the measured ones",
     NULL},
    {"--cpu", "LEVEL", LUTRA_OPT_STR, AT(cpu), 0, 0, "CPU level to use at most", NULL},
    {"--i2s-layout", "128|64|rows4", LUTRA_OPT_CHOICE, AT(i2s_layout), 0, 0, "layout of I2_S tensors (128)", NULL},
    {"--head", "file|q8|q6|q4|fast", LUTRA_OPT_CHOICE, AT(head), 0, 0,
     "output matrix in fewer bits, or by shortlist (file: as it is)", NULL},
};
static const struct lutra_opt outputs[] = {
    {"-o, --output", "md|csv|json|jsonl|sql|none", LUTRA_OPT_CHOICE, AT(format), 0, 0,
     "what stdout gets (md)", NULL},
    {"-oe, --output-err", "md|csv|json|jsonl|sql|none", LUTRA_OPT_CHOICE, AT(format_err), 0, 0,
     "what stderr gets besides (none)", NULL},
    {"--svg", "FILE", LUTRA_OPT_STR, AT(svg), 0, 0,
     "draw speed against threads and context, or with --bits time against bits", NULL},
    {"--progress", NULL, LUTRA_OPT_FLAG, AT(progress), 1, 0, "say on stderr what is measured",
     NULL},
};
static const struct lutra_opt peers[] = {
    {"--versus", "PROGRAM", LUTRA_OPT_STR, AT(peer), 0, 0,
     "a llama-bench: run it in turn with Lutra (A B A B, -r rounds) and print the ratio", NULL},
    {"--peer-args", "TEXT", LUTRA_OPT_STR, AT(peer_args), 0, 0,
     "further words for that program, separated by blanks", NULL},
};
static const struct lutra_opt kernels[] = {
    {"--kernels", "[cases|auto|lut|dot|deq]", LUTRA_OPT_CHOICE, AT(kernels), 0, 0,
     "alone: time the kernels at shapes of BitNet-2B, Llama-3B and 7B; with a mode: which kernels "
     "models are run with",
     NULL},
    {"--curve", NULL, LUTRA_OPT_FLAG, AT(curve), 1, 0,
     "time t(N) of N tokens at once for the N of -p (with --kernels of N vectors, --vectors; 1 to "
     "512) and the worst step of t(N)/N",
     NULL},
    {"--ops", NULL, LUTRA_OPT_FLAG, AT(ops), 1, 0,
     "count lookups, additions and multiplications per weight, and the share of table building",
     NULL},
    {"--way", "auto|lut|dot|deq", LUTRA_OPT_CHOICE, AT(way), 0, 0,
     "with --kernels, --ops: how they multiply (auto; --ops: lut)", NULL},
    {"--bits", "LIST", LUTRA_OPT_STR, AT(bits), 0, 0,
     "with --kernels: lookup time against the bits of a weight, and the line through it", NULL},
    {"--group", "N", LUTRA_OPT_INT, AT(group), 0, 256,
     "with --bits: columns under one scale, 32, 128 or 256 (0: the whole row)", NULL},
    {"--shape", "RxC", LUTRA_OPT_LIST, AT(shapes), 0, 0, "with --kernels, --ops: rows x columns",
     NULL},
    {"--type", "LIST", LUTRA_OPT_STR, AT(type), 0, 0,
     "with --kernels, --ops: types such as Q4_0,TQ2_0", NULL},
    {"--vectors", "LIST", LUTRA_OPT_STR, AT(vectors), 0, 0,
     "with --kernels: vectors at once (1,8,32,128)", NULL},
    {"--cold", NULL, LUTRA_OPT_FLAG, AT(cold), 1, 0,
     "with --kernels: read weights from memory, not from a cache", NULL},
};
static const struct lutra_opt compat[] = {
    {"-ngl, --n-gpu-layers", "N", LUTRA_OPT_IGNORE, 0, 0, 0, "CPU only", NULL},
    {"-fa, --flash-attn", "0|1", LUTRA_OPT_IGNORE, 0, 0, 0, "attention has one way here", NULL},
    {"-mmp, --mmap", "0|1", LUTRA_OPT_IGNORE, 0, 0, 0, "files are read, not mapped", NULL},
    {"-C, --cpu-mask", "HEX", LUTRA_OPT_IGNORE, 0, 0, 0, "use taskset", NULL},
    {"--cpu-strict", "0|1", LUTRA_OPT_IGNORE, 0, 0, 0, "threads are not bound", NULL},
    {"--poll", "N", LUTRA_OPT_IGNORE, 0, 0, 0, "idle threads sleep", NULL},
    {"--prio", "N", LUTRA_OPT_IGNORE, 0, 0, 0, "use nice", NULL},
    {"--numa", "MODE", LUTRA_OPT_IGNORE, 0, 0, 0, "use numactl", NULL},
    {"-ctk, --cache-type-k", "TYPE", LUTRA_OPT_REFUSE, 0, 0, 0, "the cache is f16", "f16"},
    {"-ctv, --cache-type-v", "TYPE", LUTRA_OPT_REFUSE, 0, 0, 0, "the cache is f16", "f16"},
};
#define GROUP(title, a)                                                                            \
    {                                                                                              \
        title, a, sizeof a / sizeof *a                                                             \
    }
static const struct lutra_opt_group groups[] = {
    GROUP("Tests (numbers: 512, 64,128, 128-512+128, 1-8*2; every combination is run)", tests),
    GROUP("Output", outputs), GROUP("Another program", peers), GROUP("Kernels", kernels),
    GROUP(NULL, compat)};

static const struct lutra_cli_spec spec = {"bench",
                                           "-m FILE | --kernels | --ops [options]",
                                           "Measure speed: tokens per second of models, or with "
                                           "--kernels the kernels alone. Tokenizing and\n"
                                           "sampling are not part of it. Shares are of the memory "
                                           "bandwidth and of the int8 multiply-adds\n"
                                           "that the same threads reach in the same run.",
                                           groups,
                                           sizeof groups / sizeof *groups,
                                           AT(model)};

/* All that one run of the command has measured. */
struct session {
    const struct lutra_bench_options *o;
    struct lutra_bench_columns columns;
    struct lutra_bench_out out, err;
    struct lutra_bench_row *rows;
    int n_rows, cap;
    double probe[257], peak[257]; /* by threads; NaN: not yet */
    int code;
};

/* ---- roofs ---- */

static void probe_again(struct session *s, const struct lutra_bench_model *m, int n)
{
    const struct lutra_arena *a = &m->model->net->arena;
    double rate = lutra_bench_bandwidth(n, a->base, a->used, m->cache_bytes);
    if (!(rate <= s->probe[n])) s->probe[n] = rate;
    lutra_sensor_reset_rss(); /* its memory is not the model's */
}

static void peak_again(struct session *s, const struct lutra_bench_model *m, int n)
{
    double rate = lutra_bench_int8_peak(m->model->net->ops.features, n);
    if (!(rate <= s->peak[n])) s->peak[n] = rate;
}

static void find_roofs(struct session *s, const struct lutra_bench_model *m, int n)
{
    if (!m->cached && isnan(s->probe[n])) probe_again(s, m, n);
    peak_again(s, m, n); /* takes no time; the best of all counts */
}

static void fill_shares(struct session *s, struct lutra_bench_row *row)
{
    int n = row->test.n_threads;
    row->probe = row->model->cached ? NAN : s->probe[n];
    row->int8_peak = s->peak[n];
    lutra_bench_shares(row);
}

/* Nothing is faster than its roof: then the probe was disturbed and is repeated, or the bytes or
 * operations are counted wrong. Tables are no multiply-adds: a lookup adds several weights at once, and
 * may well do more of them than int8 products can. */
static void judge_shares(struct session *s, struct lutra_bench_row *row)
{
    static const char *const roofs[] = {"of the memory bandwidth", "of the int8 peak"};
    int n = row->test.n_threads;
    char name[64];
    fill_shares(s, row);
    for (int again = 0; again < 3 && row->bandwidth_share > 1; again++) {
        probe_again(s, row->model, n);
        fill_shares(s, row);
    }
    for (int again = 0; again < 3 && row->int8_share > 1; again++) {
        peak_again(s, row->model, n);
        fill_shares(s, row);
    }
    double shares[] = {row->bandwidth_share, row->int8_share};
    for (int i = 0; i < 2; i++) {
        if (!(shares[i] > 1.02) || (i == 1 && lutra_bench_has_tables(row))) continue;
        lutra_cli_say("%s: %.1f %% %s: the measurement is wrong",
                      lutra_bench_test_name(name, sizeof name, &row->test), shares[i] * 100,
                      roofs[i]);
        s->code = LUTRA_EXIT_RUN;
    }
}

/* ---- tests ---- */

static bool keep_row(struct session *s, const struct lutra_bench_row *row)
{
    if (s->n_rows == s->cap) {
        int cap = s->cap ? 2 * s->cap : 16;
        struct lutra_bench_row *more = realloc(s->rows, (size_t)cap * sizeof *more);
        if (more == NULL) return false;
        s->rows = more;
        s->cap = cap;
    }
    s->rows[s->n_rows++] = *row;
    return true;
}

static lutra_status run_test(struct session *s, const struct lutra_bench_model *m,
                             const struct lutra_bench_test *t, lutra_error *err)
{
    struct lutra_bench_run run;
    struct lutra_bench_row row;
    char name[64];
    if (s->o->progress)
        lutra_cli_say("%s, %s, %d threads", m->type, lutra_bench_test_name(name, sizeof name, t),
                      t->n_threads);
    if (s->o->delay) sleep((unsigned)s->o->delay);
    find_roofs(s, m, t->n_threads);
    lutra_sensor_reset_rss();
    lutra_status st = lutra_bench_prepare(&run, m, t, err);
    if (st != LUTRA_OK) return st;
    st = lutra_bench_measure(&run, s->o, &row, err);
    lutra_bench_finish(&run);
    if (st != LUTRA_OK) return st;
    judge_shares(s, &row);
    if (s->n_rows == 0) { /* a table without a row helps nobody */
        lutra_bench_rows_begin(&s->out, stdout, s->o->format, &s->columns);
        lutra_bench_rows_begin(&s->err, stderr, s->o->format_err, &s->columns);
    }
    lutra_bench_rows_put(&s->out, &row, &s->columns);
    lutra_bench_rows_put(&s->err, &row, &s->columns);
    if (keep_row(s, &row)) return LUTRA_OK;
    lutra_bench_row_free(&row);
    return lutra_fail(err, LUTRA_ENOMEM, "no memory for results");
}

/* A test that fails (a context too large for memory) is said in a line; the others run. */
static void run_tests(struct session *s, const struct lutra_bench_model *m,
                      const struct lutra_bench_test *plan, int n)
{
    for (int i = 0; i < n; i++) {
        lutra_error err;
        char name[64];
        lutra_bench_test_name(name, sizeof name, &plan[i]);
        if (m->info.encoder && (plan[i].n_gen > 0 || plan[i].n_depth > 0)) {
            lutra_cli_say("%s: not run, %s models are encoders: they read and generate nothing", name, m->info.arch);
            continue;
        }
        if (run_test(s, m, &plan[i], &err) == LUTRA_OK) continue;
        lutra_cli_say("%s: %s", name, err.msg);
        s->code = lutra_cli_exit_code(err.code, false);
    }
}

static void choose_columns(struct lutra_bench_columns *c, const struct lutra_bench_options *o,
                           const struct lutra_bench_test *plan, int n)
{
    c->sustain = o->sustain > 0;
    for (int i = 0; i < n; i++) {
        c->batch = c->batch || plan[i].n_batch != 2048;
        c->ubatch = c->ubatch || plan[i].n_ubatch != 512;
    }
}

/* The plan for one model. Without -t, or with 0: the threads that a session of it takes, for prompts and for single
 * tokens. */
static void plan_for(const struct lutra_bench_model *m, struct lutra_bench_test *own, const struct lutra_bench_test *plan, int n)
{
    memcpy(own, plan, (size_t)n * sizeof *own);
    for (int i = 0; i < n; i++)
        if (own[i].n_threads == 0) own[i].n_threads = own[i].n_prompt ? m->model->n_threads_batch : m->model->n_threads;
}

/* The models stay open until the end: rows point to them. */
static int bench_models(const struct lutra_bench_options *o, const struct lutra_bench_test *plan, int n)
{
    struct lutra_bench_model *models = calloc((size_t)o->models.n, sizeof *models);
    struct session *s = calloc(1, sizeof *s);
    struct lutra_bench_test *own = calloc((size_t)n, sizeof *own);
    char path[LUTRA_FIND_PATH];
    if (models == NULL || s == NULL || own == NULL) {
        free(models);
        free(s);
        free(own);
        return lutra_cli_say("no memory"), LUTRA_EXIT_MEMORY;
    }
    s->o = o;
    for (int i = 0; i < 257; i++) s->probe[i] = s->peak[i] = NAN;
    choose_columns(&s->columns, o, plan, n);
    for (int i = 0; i < o->models.n; i++) {
        int code = lutra_bench_open(&models[i], lutra_find_path(o->models.v[i], path), o);
        if (code < 0) plan_for(&models[i], own, plan, n);
        if (code < 0 && o->curve)
            code = lutra_bench_curve_model(o, &models[i], own, n);
        else if (code < 0 && o->peer)
            code = lutra_bench_versus(o, &models[i], own, n);
        else if (code < 0)
            run_tests(s, &models[i], own, n);
        if (code > 0) s->code = code;
        /* what a row needs of a model is small; the weights are not */
        lutra_bench_close(&models[i]);
    }
    if (s->n_rows > 0) {
        lutra_bench_rows_end(&s->out, s->rows, s->n_rows);
        lutra_bench_rows_end(&s->err, s->rows, s->n_rows);
        int code = o->svg ? lutra_bench_draw(o->svg, s->rows, s->n_rows) : LUTRA_EXIT_OK;
        if (code > 0 && s->code == 0) s->code = code;
    }
    for (int i = 0; i < s->n_rows; i++) lutra_bench_row_free(&s->rows[i]);
    int code = s->code;
    free(s->rows);
    free(s);
    free(models);
    free(own);
    return lutra_cli_flush(code);
}

static int check_options(struct lutra_bench_options *o)
{
    if (o->model && o->models.n < LUTRA_STRINGS_MAX) o->models.v[o->models.n++] = o->model;
    bool alone = o->kernels == LUTRA_BENCH_CASES || o->ops; /* no model */
    if (!alone && (o->bits || o->shapes.n || o->type || o->vectors || o->cold || o->way >= 0)) {
        lutra_cli_say(
            "--bits, --shape, --type, --vectors, --way and --cold go with --kernels alone");
        return LUTRA_EXIT_USAGE;
    }
    if (alone && o->models.n > 0)
        lutra_cli_say("%s needs no model, it is ignored; --kernels auto runs models",
                      o->ops ? "--ops" : "--kernels");
    if (!alone && o->models.n == 0) {
        lutra_cli_say("bench needs a model: lutra bench -m FILE; or --kernels, or --ops");
        return LUTRA_EXIT_USAGE;
    }
    if (o->way < 0) o->way = o->ops ? LUTRA_MODE_LUT : LUTRA_MODE_AUTO;
    return -1;
}

int lutra_cmd_bench(int argc, char **argv)
{
    struct lutra_bench_options o = {
        .reps = 5, .format_err = LUTRA_BENCH_NONE, .kernels = -1, .way = -1};
    struct lutra_bench_test *plan;
    int n, code = lutra_cli_parse(&spec, &o, argc, argv);
    if (code >= 0 || (code = check_options(&o)) >= 0) return code;
    if (o.ops) return lutra_bench_ops(&o);
    if (o.kernels == LUTRA_BENCH_CASES && o.curve) return lutra_bench_curve_kernels(&o);
    if (o.kernels == LUTRA_BENCH_CASES)
        return o.bits ? lutra_bench_kernel_bits(&o) : lutra_bench_kernel_cases(&o);
    if ((code = lutra_bench_plan(&o, &plan, &n)) < 0) code = bench_models(&o, plan, n);
    free(plan);
    return code;
}
