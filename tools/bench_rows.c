/* SPDX-License-Identifier: MIT */
/* Rows of model tests: llama-bench's table and keys, then ours. */
#include <math.h>
#include <string.h>

#include "kernels/cpu.h"
#include "tools/bench.h"
#include "tools/bench_sensors.h"

/* ---- records ---- */

static void put_core(struct lutra_bench_out *w, const struct lutra_bench_row *r)
{
    const struct lutra_bench_test *t = &r->test;
    char cpu[128], shown[400];
    lutra_cpu_model(cpu, sizeof cpu);
    lutra_bench_out_text(w, "build_commit", lutra_version());
    lutra_bench_out_int(w, "build_number", 0);
    lutra_bench_out_text(w, "cpu_info", lutra_escape(shown, sizeof shown, cpu, strlen(cpu)));
    lutra_bench_out_text(w, "gpu_info", "");
    lutra_bench_out_text(w, "backends", "CPU");
    lutra_bench_out_text(w, "model_filename", r->model->path);
    lutra_bench_out_text(w, "model_type", r->model->type);
    lutra_bench_out_int(w, "model_size", (long long)r->model->tensor_bytes);
    lutra_bench_out_int(w, "model_n_params", (long long)r->model->info.n_params);
    lutra_bench_out_int(w, "n_batch", t->n_batch);
    lutra_bench_out_int(w, "n_ubatch", t->n_ubatch);
    lutra_bench_out_int(w, "n_threads", t->n_threads);
    lutra_bench_out_text(w, "type_k", "f16");
    lutra_bench_out_text(w, "type_v", "f16");
    lutra_bench_out_int(w, "n_prompt", t->n_prompt);
    lutra_bench_out_int(w, "n_gen", t->n_gen);
    lutra_bench_out_int(w, "n_depth", t->n_depth);
    lutra_bench_out_text(w, "test_time", r->test_time);
    lutra_bench_out_int(w, "avg_ns", (long long)lutra_bench_mean(r->ns, r->n));
    lutra_bench_out_int(w, "stddev_ns", (long long)lutra_bench_sd(r->ns, r->n));
    lutra_bench_out_real(w, "avg_ts", lutra_bench_mean(r->ts, r->n));
    lutra_bench_out_real(w, "stddev_ts", lutra_bench_sd(r->ts, r->n));
    lutra_bench_out_array(w, "samples_ns", r->ns, r->n, true);
    lutra_bench_out_array(w, "samples_ts", r->ts, r->n, false);
}

static void put_ours(struct lutra_bench_out *w, const struct lutra_bench_row *r)
{
    char throttled[96];
    lutra_bench_out_text(w, "kernel", r->model->info.kernel);
    lutra_bench_out_real(w, "ttft_ms", r->ttft_ms);
    lutra_bench_out_real(w, "peak_rss_bytes", r->peak_rss);
    lutra_bench_out_real(w, "bytes_per_token", r->token_bytes);
    lutra_bench_out_real(w, "bandwidth_share", r->bandwidth_share);
    lutra_bench_out_real(w, "int8_share", r->int8_share);
    lutra_bench_out_real(w, "cpu_s_per_token", r->cpu_s_per_token);
    lutra_bench_out_real(w, "j_per_token", r->j_per_token);
    lutra_bench_out_text(w, "energy_source", r->energy ? r->energy : "n/a");
    lutra_bench_out_real(w, "probe_bytes_per_s", r->probe);
    lutra_bench_out_real(w, "int8_peak_macs_per_s", r->int8_peak);
    lutra_bench_out_real(w, "iqm_ts", r->iqm_ts);
    lutra_bench_out_real(w, "iqm_ts_low", r->ts_interval.low);
    lutra_bench_out_real(w, "iqm_ts_high", r->ts_interval.high);
    lutra_bench_out_real(w, "temp_start_c", r->temp_c[0]);
    lutra_bench_out_real(w, "temp_end_c", r->temp_c[1]);
    lutra_bench_out_real(w, "mhz_start", r->mhz[0]);
    lutra_bench_out_real(w, "mhz_end", r->mhz[1]);
    lutra_bench_out_text(w, "throttled", lutra_sensor_throttled("", throttled, sizeof throttled));
    lutra_bench_out_real(w, "others_cpus", r->others);
    lutra_bench_out_text(w, "kernels", r->model->mode);
    lutra_bench_out_real(w, "sustain_first_ts", r->first_ts);
    lutra_bench_out_real(w, "sustain_last_ts", r->last_ts);
}

/* ---- the table: columns of llama-bench's widths ---- */

struct column {
    const char *title;
    int width; /* negative: to the left */
    enum {
        MODEL,
        SIZE,
        PARAMS,
        BACKEND,
        THREADS,
        BATCH,
        UBATCH,
        TEST,
        SPEED, /* llama-bench's */
        IQM,
        KERNEL,
        TTFT,
        RSS,
        BYTES,
        BANDWIDTH,
        INT8,
        CPU,
        JOULES,
        FIRST,
        LAST
    } what;
};

static const struct column columns[] = {
    {"model", -30, MODEL},       {"size", 10, SIZE},      {"params", 10, PARAMS},
    {"backend", -10, BACKEND},   {"threads", 7, THREADS}, {"n_batch", 7, BATCH},
    {"n_ubatch", 8, UBATCH},     {"test", 15, TEST},      {"t/s", 20, SPEED},
    {"IQM t/s [95 %]", 24, IQM}, {"kernel", -8, KERNEL},  {"TTFT ms", 8, TTFT},
    {"peak RSS", 10, RSS},       {"MB/token", 9, BYTES},  {"read bw", 8, BANDWIDTH},
    {"int8", 7, INT8},           {"CPU s/tok", 10, CPU},  {"J/token", 8, JOULES},
    {"first t/s", 9, FIRST},     {"last t/s", 9, LAST},
};
enum { N_COLUMNS = sizeof columns / sizeof *columns };

static bool is_shown(const struct column *c, const struct lutra_bench_columns *want)
{
    if (c->what == BATCH) return want->batch;
    if (c->what == UBATCH) return want->ubatch;
    if (c->what == FIRST || c->what == LAST) return want->sustain;
    return true;
}

static char *show_count(char *dst, size_t cap, double n)
{
    snprintf(dst, cap, n >= 1e9 ? "%.2f B" : "%.2f M", n >= 1e9 ? n / 1e9 : n / 1e6);
    return dst;
}

static char *show_interval(char *dst, size_t cap, const struct lutra_bench_row *r)
{
    char low[24], high[24];
    lutra_bench_show(low, sizeof low, "%.2f", r->ts_interval.low);
    lutra_bench_show(high, sizeof high, "%.2f", r->ts_interval.high);
    snprintf(dst, cap, "%.2f [%s, %s]", r->iqm_ts, low, high);
    return dst;
}

static char *show_cell(char *dst, size_t cap, const struct lutra_bench_row *r, int what)
{
    const struct lutra_bench_test *t = &r->test;
    switch (what) {
    case MODEL:
        snprintf(dst, cap, "%s", r->model->type);
        return dst;
    case SIZE:
        return lutra_cli_bytes(dst, cap, r->model->tensor_bytes);
    case PARAMS:
        return show_count(dst, cap, (double)r->model->info.n_params);
    case BACKEND:
        snprintf(dst, cap, "CPU");
        return dst;
    case THREADS:
        snprintf(dst, cap, "%d", t->n_threads);
        return dst;
    case BATCH:
        snprintf(dst, cap, "%d", t->n_batch);
        return dst;
    case UBATCH:
        snprintf(dst, cap, "%d", t->n_ubatch);
        return dst;
    case TEST:
        return lutra_bench_test_name(dst, cap, t);
    case SPEED:
        snprintf(dst, cap, "%.2f \xC2\xB1 %.2f", lutra_bench_mean(r->ts, r->n),
                 lutra_bench_sd(r->ts, r->n));
        return dst;
    case IQM:
        return show_interval(dst, cap, r);
    case KERNEL:
        snprintf(dst, cap, "%s", r->model->info.kernel);
        return dst;
    case TTFT:
        return lutra_bench_show(dst, cap, "%.1f", r->ttft_ms);
    case RSS:
        if (!isfinite(r->peak_rss)) return lutra_bench_show(dst, cap, "", NAN);
        return lutra_cli_bytes(dst, cap, (uint64_t)r->peak_rss);
    case BYTES:
        return lutra_bench_show(dst, cap, "%.1f", r->token_bytes / 1e6);
    case BANDWIDTH:
        if (r->model->cached) return snprintf(dst, cap, "cached"), dst;
        return lutra_bench_show(dst, cap, "%.1f %%", r->bandwidth_share * 100);
    case INT8:
        return lutra_bench_show(dst, cap, "%.1f %%", r->int8_share * 100);
    case CPU:
        return lutra_bench_show(dst, cap, "%.5f", r->cpu_s_per_token);
    case JOULES:
        return lutra_bench_show(dst, cap, "%.3f", r->j_per_token);
    case FIRST:
        return lutra_bench_show(dst, cap, "%.2f", r->first_ts);
    default:
        return lutra_bench_show(dst, cap, "%.2f", r->last_ts);
    }
}

static void put_cell(FILE *f, const char *text, int width)
{
    int n = (int)strlen(text), space;
    for (const char *p = text; *p; p++) n -= (*p & 0xC0) == 0x80; /* bytes inside a character */
    space = (width < 0 ? -width : width) - n;
    if (space < 0) space = 0;
    fprintf(f, " %*s%s%*s |", width < 0 ? 0 : space, "", text, width < 0 ? space : 0, "");
}

static void put_header(FILE *f, const struct lutra_bench_columns *want)
{
    for (int line = 0; line < 2; line++) {
        fputc('|', f);
        for (int i = 0; i < N_COLUMNS; i++) {
            int width = columns[i].width;
            if (!is_shown(&columns[i], want)) continue;
            if (line == 0) {
                put_cell(f, columns[i].title, width);
                continue;
            }
            fputc(' ', f);
            for (int k = 1; k < (width < 0 ? -width : width); k++) fputc('-', f);
            fputs(width < 0 ? "- |" : ": |", f);
        }
        fputc('\n', f);
    }
}

/* ---- all of it ---- */

void lutra_bench_rows_begin(struct lutra_bench_out *w, FILE *file, int format,
                            const struct lutra_bench_columns *c)
{
    lutra_bench_out_begin(w, file, format, "lutra_bench");
    if (format == LUTRA_BENCH_MD) put_header(file, c);
    fflush(file);
}

void lutra_bench_rows_put(struct lutra_bench_out *w, const struct lutra_bench_row *r,
                          const struct lutra_bench_columns *c)
{
    char text[96];
    while (lutra_bench_out_next(w)) {
        put_core(w, r);
        put_ours(w, r);
    }
    if (w->format == LUTRA_BENCH_MD) {
        fputc('|', w->file);
        for (int i = 0; i < N_COLUMNS; i++)
            if (is_shown(&columns[i], c))
                put_cell(w->file, show_cell(text, sizeof text, r, columns[i].what),
                         columns[i].width);
        fputc('\n', w->file);
    }
    fflush(w->file);
}

/* Under a table: what the shares are shares of, and what the machine did meanwhile. */
static void put_footer(FILE *f, const struct lutra_bench_row *rows, int n)
{
    char a[24], b[24], c[24], d[24], throttled[96];
    const struct lutra_bench_row *last = &rows[n - 1];
    fprintf(f, "\nbuild: lutra %s, kernels %s\n", lutra_version(), rows[0].model->mode);
    for (int i = 0; i < n; i++) {
        bool seen = false;
        for (int k = 0; k < i; k++) seen = seen || rows[k].test.n_threads == rows[i].test.n_threads;
        if (seen) continue;
        fprintf(f, "%d thread%s: memory is read at %s GB/s, int8 peak %s GMAC/s\n",
                rows[i].test.n_threads, rows[i].test.n_threads == 1 ? "" : "s",
                lutra_bench_show(a, sizeof a, "%.1f", rows[i].probe / 1e9),
                lutra_bench_show(b, sizeof b, "%.0f", rows[i].int8_peak / 1e9));
    }
    fprintf(f, "temperature %s -> %s C, clock %s -> %s MHz, energy from %s\n",
            lutra_bench_show(a, sizeof a, "%.0f", rows[0].temp_c[0]),
            lutra_bench_show(b, sizeof b, "%.0f", last->temp_c[1]),
            lutra_bench_show(c, sizeof c, "%.0f", rows[0].mhz[0]),
            lutra_bench_show(d, sizeof d, "%.0f", last->mhz[1]),
            last->energy ? last->energy : "n/a");
    double others = 0;
    for (int i = 0; i < n; i++)
        if (rows[i].others > others) others = rows[i].others;
    if (others > LUTRA_SENSOR_BUSY)
        fprintf(f, "other programs used up to %.1f CPUs meanwhile: these figures are too low\n",
                others);
    if (lutra_sensor_throttled("", throttled, sizeof throttled)[0])
        fprintf(f, "since the start of this machine: %s\n", throttled);
}

void lutra_bench_rows_end(struct lutra_bench_out *w, const struct lutra_bench_row *rows, int n)
{
    if (w->format == LUTRA_BENCH_MD && n > 0) put_footer(w->file, rows, n);
    lutra_bench_out_end(w);
    fflush(w->file);
}
