/* SPDX-License-Identifier: MIT */
/* lutra bench: what is asked for, what was measured, and who writes it down.
 *
 * A figure that is not known is NaN here, null in JSON, empty in CSV and "n/a" in a table. */
#ifndef LUTRA_TOOLS_BENCH_H
#define LUTRA_TOOLS_BENCH_H

#include "runtime/lutra.h"
#include "tools/bench_stats.h"
#include "tools/cli.h"

#include <stdio.h>

enum { LUTRA_BENCH_LIST_MAX = 1024 };

/* ---- the command line (cmd_bench.c, bench_range.c) ---- */

struct lutra_bench_list {
    int v[LUTRA_BENCH_LIST_MAX];
    int n;
};

/* Append "512,1024", "128-512" (step 1), "128-512+128", "1-8*2" to a list. False: not such a text,
 * a value outside [min, max], a step that does not move, or no room. */
bool lutra_bench_range(struct lutra_bench_list *list, const char *text, int min, int max);

enum lutra_bench_format {
    LUTRA_BENCH_MD,
    LUTRA_BENCH_CSV,
    LUTRA_BENCH_JSON,
    LUTRA_BENCH_JSONL,
    LUTRA_BENCH_SQL,
    LUTRA_BENCH_NONE
};

/* --kernels: without a mode (CASES) kernels are timed alone; a mode is how models are run. */
enum lutra_bench_kernels {
    LUTRA_BENCH_CASES,
    LUTRA_BENCH_AUTO,
    LUTRA_BENCH_LUT,
    LUTRA_BENCH_DOT,
    LUTRA_BENCH_DEQ
};

struct lutra_bench_options {
    struct lutra_strings models, prompt, gen, pairs, depth, batch, ubatch, threads, shapes;
    const char *model, *cpu, *svg, *peer, *peer_args, *bits, *type, *vectors;
    int reps, format, format_err, no_warmup, sustain, delay, kernels, way, ops, curve, group, cold, progress, head,
        i2s_layout;
};

int lutra_bench_kernel_cases(const struct lutra_bench_options *o); /* bench_kernels.c */
int lutra_bench_kernel_bits(const struct lutra_bench_options *o);  /* bench_bits.c */
int lutra_bench_ops(const struct lutra_bench_options *o);          /* bench_ops.c */

int lutra_bench_curve_kernels(const struct lutra_bench_options *o); /* bench_curve.c */

/* ---- one model test ---- */

struct lutra_bench_test {
    int n_prompt, n_gen, n_depth, n_batch, n_ubatch, n_threads;
};

/* All tests of the options in llama-bench's order; *n of them, to be freed. -1, or an exit code. */
int lutra_bench_plan(const struct lutra_bench_options *o, struct lutra_bench_test **tests, int *n);
/* "pp512", "tg128", "pp512+tg128", with " @ d64" behind. */
char *lutra_bench_test_name(char *dst, size_t cap, const struct lutra_bench_test *t);

struct lutra_bench_model {
    lutra_model *model;
    char raw_path[1024];       /* as opened */
    char path[1024], type[64]; /* escaped; "llama 3.2B Q4_0" */
    const char *mode;          /* --kernels: "auto", "lut", ... */
    lutra_model_info info;     /* its strings but `kernel` end with the model */
    uint64_t tensor_bytes;     /* in the file */
    uint64_t cache_bytes;      /* last-level cache of this machine, or a guess */
    bool cached;               /* a token's bytes < 4 x cache: bandwidth says nothing */
    uint64_t macs_body,
        macs_head; /* multiply-adds of one token in the layers; of the output head */
};
/* -1, or an exit code after reporting. */
int lutra_bench_open(struct lutra_bench_model *m, const char *path,
                     const struct lutra_bench_options *o);
void lutra_bench_close(struct lutra_bench_model *m);

struct lutra_bench_row {
    const struct lutra_bench_model *model;
    struct lutra_bench_test test;
    char test_time[24]; /* UTC, when the test began */
    int n;              /* samples */
    double *ns, *ts;    /* [n] time of a run, tokens per second in it */
    double iqm_ts;
    struct lutra_interval ts_interval;
    double ttft_ms;         /* of the prompt; NaN without one */
    double peak_rss;        /* bytes */
    double token_bytes;     /* weights and KV cache read, per token */
    double probe;           /* read bandwidth with these threads, bytes per second */
    double bandwidth_share; /* NaN also when the model is cached */
    double int8_peak;       /* multiply-adds per second with these threads */
    double int8_share;
    double cpu_s_per_token, j_per_token;
    const char *energy;       /* where joules come from; NULL: nowhere */
    double temp_c[2], mhz[2]; /* at start and end */
    double others;            /* CPUs that other programs used meanwhile */
    double first_ts, last_ts; /* --sustain: speed of the first and the last minute (or fifth) */
};

/* One prepared test: a session with its depth filled. */
struct lutra_bench_run {
    const struct lutra_bench_model *model;
    struct lutra_bench_test test;
    lutra_session *session;
    int32_t *ids; /* [max of prompt, depth, 1] */
    float *vector; /* [n_embd] what an encoder makes of them */
};
lutra_status lutra_bench_prepare(struct lutra_bench_run *r, const struct lutra_bench_model *m,
                                 const struct lutra_bench_test *t, lutra_error *err);
void lutra_bench_finish(struct lutra_bench_run *r);
/* Not measured: the prompt and one token, as llama-bench warms up. */
lutra_status lutra_bench_warm(struct lutra_bench_run *r, lutra_error *err);
/* Seconds of one repetition; *prompt_s: of its prompt alone. */
lutra_status lutra_bench_once(struct lutra_bench_run *r, double *seconds, double *prompt_s,
                              lutra_error *err);
/* Weights and KV cache that the test reads, per token. */
double lutra_bench_token_bytes(const struct lutra_bench_run *r);
/* All of a row but probe and shares. Samples are the row's: lutra_bench_row_free. */
lutra_status lutra_bench_measure(struct lutra_bench_run *r, const struct lutra_bench_options *o,
                                 struct lutra_bench_row *row, lutra_error *err);
/* Shares, from row->probe and row->int8_peak. */
void lutra_bench_shares(struct lutra_bench_row *row);
/* Does any of the layers' matrices take lookups for this test's tokens at once? */
bool lutra_bench_has_tables(const struct lutra_bench_row *row);
void lutra_bench_row_free(struct lutra_bench_row *row);

/* t(N) of a model, a curve for each number of threads that the n tests name, with the batch of the
 * first (bench_curve.c). An exit code. */
int lutra_bench_curve_model(const struct lutra_bench_options *o, const struct lutra_bench_model *m,
                            const struct lutra_bench_test *tests, int n);

/* ---- writing (bench_out.c) ---- */

/* One record after another to a stream, in one format. */
struct lutra_bench_out {
    FILE *file;
    enum lutra_bench_format format;
    const char *table; /* SQL */
    int n_records;
    int pass;     /* CSV, SQL: 1 while names are written, 2 while values are */
    int n_fields; /* of the record under way */
};
void lutra_bench_out_begin(struct lutra_bench_out *w, FILE *file, int format, const char *table);
/* Call record() for every pass of a record: while (lutra_bench_out_next(&w)) { fields }. */
bool lutra_bench_out_next(struct lutra_bench_out *w);
void lutra_bench_out_text(struct lutra_bench_out *w, const char *name, const char *v);
void lutra_bench_out_int(struct lutra_bench_out *w, const char *name, long long v);
void lutra_bench_out_real(struct lutra_bench_out *w, const char *name, double v); /* NaN: null */
/* Arrays appear in JSON and JSONL alone; whole: printed without a fraction. */
void lutra_bench_out_array(struct lutra_bench_out *w, const char *name, const double *v, int n,
                           bool whole);
void lutra_bench_out_end(struct lutra_bench_out *w);

/* "12.3", or "n/a" for NaN. */
char *lutra_bench_show(char *dst, size_t cap, const char *fmt, double v);

/* ---- rows of model tests (bench_rows.c) ---- */

/* Which columns the table needs beyond the fixed ones. */
struct lutra_bench_columns {
    bool batch, ubatch, sustain;
};
void lutra_bench_rows_begin(struct lutra_bench_out *w, FILE *file, int format,
                            const struct lutra_bench_columns *c);
void lutra_bench_rows_put(struct lutra_bench_out *w, const struct lutra_bench_row *row,
                          const struct lutra_bench_columns *c);
void lutra_bench_rows_end(struct lutra_bench_out *w, const struct lutra_bench_row *rows, int n);

/* ---- machine (bench_probe.c, bench_peak.c) ---- */

/* Best read bandwidth of n threads in bytes per second, over at least 512 MiB and four times the
 * cache: over `memory` if it is that large (weights are), else over memory of our own. NaN if there
 * is no room. */
double lutra_bench_bandwidth(int n_threads, const void *memory, size_t bytes, uint64_t cache_bytes);
/* Most int8 multiply-adds per second that n threads reach with these features (registers only). */
double lutra_bench_int8_peak(uint32_t features, int n_threads);
int lutra_bench_peak_amx(int n); /* x86: n times so many multiply-adds as it returns, where tiles are lent */

/* ---- other programs (bench_versus.c, bench_peer.c) and pictures (bench_svg.c) ---- */

int lutra_bench_versus(const struct lutra_bench_options *o, const struct lutra_bench_model *m,
                       const struct lutra_bench_test *tests, int n);
/* Speed against threads and against context. An exit code. */
int lutra_bench_draw(const char *path, const struct lutra_bench_row *rows, int n);

#endif
