/* SPDX-License-Identifier: MIT */
/* Lutra against another program, in turn: A B A B. A ratio is taken within each round, so that what
 * slows the machine for minutes slows both; its interval says whether it means anything. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "runtime/session.h"
#include "tools/bench_peer.h"
#include "tools/bench_sensors.h"
#include "tools/cmd.h"

enum {
    CLAIM_ROUNDS = 5, /* a bootstrap of fewer says too little */
    CPU_REPS = 4      /* repetitions of the run that tells the peer's CPU time from its loading */
};

struct duel {
    const struct lutra_bench_test *test;
    int n;                         /* rounds */
    double *ours, *theirs, *ratio; /* [rounds] */
    bool alone;                    /* the peer failed: our own rounds go on, theirs and the ratio are NaN */
    double our_cpu, their_cpu;     /* seconds per token; NaN unknown */
    double others;                 /* CPUs that neither of us used */
    double token_bytes, probe;     /* read per token; bytes per second of memory, NaN if cached */
    double share;                  /* of the bandwidth, ours */
};

/* The best of all probes is the roof. */
static void probe(struct duel *d, const struct lutra_bench_model *m)
{
    const struct lutra_arena *a = &m->model->net->arena;
    if (m->cached) return;
    double rate = lutra_bench_bandwidth(d->test->n_threads, a->base, a->used, m->cache_bytes);
    if (!(rate <= d->probe)) d->probe = rate;
}

/* Of the bandwidth. Nothing reads faster: a probe that something disturbed is repeated. */
static double share(struct duel *d, const struct lutra_bench_model *m)
{
    double bytes_per_s = d->token_bytes * lutra_bench_iqm(d->ours, d->n);
    for (int i = 0; i < 3 && bytes_per_s > d->probe; i++) probe(d, m);
    return bytes_per_s / d->probe;
}

static double mean(const struct duel *d, const double *v)
{
    return d->alone ? NAN : lutra_bench_iqm(v, d->n);
}

static struct lutra_interval ratio_interval(const struct duel *d)
{
    return d->alone ? (struct lutra_interval){NAN, NAN} : lutra_bench_interval(d->ratio, d->n);
}

static void say_failure(const struct duel *d, const char *why)
{
    char name[64];
    lutra_cli_say("versus, %s: %s", lutra_bench_test_name(name, sizeof name, d->test), why);
}

/* One round: we warm up and run, then they do. */
static bool run_round(struct duel *d, struct lutra_bench_run *run, const struct lutra_peer *p, double *peer_cpu,
                      lutra_error *err)
{
    struct lutra_peer_result r = {.ts = NAN};
    char why[500];
    double seconds, prompt_s, tokens = d->test->n_prompt + d->test->n_gen;
    lutra_status st = p->no_warmup ? LUTRA_OK : lutra_bench_warm(run, err);
    double cpu = lutra_sensor_cpu_seconds();
    if (st == LUTRA_OK) st = lutra_bench_once(run, &seconds, &prompt_s, err);
    if (st != LUTRA_OK) return false;
    d->our_cpu += (lutra_sensor_cpu_seconds() - cpu) / tokens;
    if (!d->alone && !lutra_peer_run(p, d->test, 1, &r, why, sizeof why)) {
        say_failure(d, why);
        d->alone = true;
    }
    *peer_cpu = r.cpu_seconds;
    d->ours[d->n] = tokens / seconds;
    d->theirs[d->n] = r.ts;
    d->ratio[d->n] = d->ours[d->n] / r.ts;
    d->n++;
    return true;
}

/* A run of more repetitions costs what a run of one does, and the repetitions. */
static void measure_peer_cpu(struct duel *d, const struct lutra_peer *p, const double *cpu)
{
    struct lutra_peer_result r;
    char why[200];
    double tokens = d->test->n_prompt + d->test->n_gen;
    if (!lutra_peer_run(p, d->test, CPU_REPS, &r, why, sizeof why)) return;
    double more = r.cpu_seconds - lutra_bench_iqm(cpu, d->n);
    if (more > 0) d->their_cpu = more / ((CPU_REPS - 1) * tokens);
}

static bool fight(struct duel *d, const struct lutra_bench_options *o,
                  const struct lutra_bench_model *m, const struct lutra_peer *p, lutra_error *err)
{
    struct lutra_bench_run run;
    double *cpu = calloc((size_t)o->reps, sizeof *cpu);
    if (cpu == NULL) lutra_fail(err, LUTRA_ENOMEM, "no memory");
    if (cpu == NULL || lutra_bench_prepare(&run, m, d->test, err)) {
        free(cpu);
        return false;
    }
    bool ok = true;
    double children = 0;
    probe(d, m);
    struct lutra_moment begin = lutra_sensor_moment();
    while (ok && d->n < o->reps) {
        if (o->progress) lutra_cli_say("round %d of %d", d->n + 1, o->reps);
        if (o->delay) sleep((unsigned)o->delay);
        ok = run_round(d, &run, p, &cpu[d->n], err);
    }
    d->token_bytes = lutra_bench_token_bytes(&run);
    lutra_bench_finish(&run);
    if (ok) d->share = share(d, m);
    for (int i = 0; i < d->n; i++) children += cpu[i];
    d->others = lutra_sensor_others(&begin, children);
    d->our_cpu = d->n > 0 ? d->our_cpu / d->n : NAN;
    if (ok && !d->alone) measure_peer_cpu(d, p, cpu);
    free(cpu);
    return ok;
}

/* ---- saying it ---- */

/* Which of the two is faster, if that can be said. */
static char *verdict(char *dst, size_t cap, const struct duel *d)
{
    double ratio = mean(d, d->ratio);
    struct lutra_interval i = ratio_interval(d);
    if (d->alone)
        lutra_format(dst, cap, "the peer failed");
    else if (d->n < CLAIM_ROUNDS)
        lutra_format(dst, cap, "too few rounds for a claim");
    else if (i.low > 1)
        lutra_format(dst, cap, "Lutra is %.2fx faster", ratio);
    else if (i.high < 1)
        lutra_format(dst, cap, "the peer is %.2fx faster", 1 / ratio);
    else
        lutra_format(dst, cap, "no difference shown");
    return dst;
}

static void put_duel(struct lutra_bench_out *w, const struct lutra_bench_model *m,
                     const struct lutra_peer *p, const struct duel *d)
{
    char name[64], text[80], shown[1024], low[24], high[24], theirs[24], by[24];
    struct lutra_interval i = ratio_interval(d);
    double ratio = mean(d, d->ratio);
    lutra_bench_test_name(name, sizeof name, d->test);
    verdict(text, sizeof text, d);
    lutra_escape(shown, sizeof shown, p->program, strlen(p->program));
    while (lutra_bench_out_next(w)) {
        lutra_bench_out_text(w, "model_filename", m->path);
        lutra_bench_out_text(w, "model_type", m->type);
        lutra_bench_out_text(w, "lutra_kernel", m->info.kernel);
        lutra_bench_out_text(w, "peer", shown);
        lutra_bench_out_text(w, "test", name);
        lutra_bench_out_int(w, "n_prompt", d->test->n_prompt);
        lutra_bench_out_int(w, "n_gen", d->test->n_gen);
        lutra_bench_out_int(w, "n_depth", d->test->n_depth);
        lutra_bench_out_int(w, "n_threads", d->test->n_threads);
        lutra_bench_out_int(w, "rounds", d->n);
        lutra_bench_out_real(w, "lutra_ts", lutra_bench_iqm(d->ours, d->n));
        lutra_bench_out_real(w, "peer_ts", mean(d, d->theirs));
        lutra_bench_out_real(w, "ratio", ratio);
        lutra_bench_out_real(w, "ratio_low", i.low);
        lutra_bench_out_real(w, "ratio_high", i.high);
        lutra_bench_out_real(w, "lutra_cpu_s_per_token", d->our_cpu);
        lutra_bench_out_real(w, "peer_cpu_s_per_token", d->their_cpu);
        lutra_bench_out_real(w, "others_cpus", d->others);
        lutra_bench_out_real(w, "lutra_bytes_per_token", d->token_bytes);
        lutra_bench_out_real(w, "lutra_bandwidth_share", d->share);
        lutra_bench_out_real(w, "probe_bytes_per_s", d->probe);
        lutra_bench_out_array(w, "lutra_samples_ts", d->ours, d->n, false);
        lutra_bench_out_array(w, "peer_samples_ts", d->theirs, d->n, false);
        lutra_bench_out_text(w, "verdict", text);
    }
    if (w->format == LUTRA_BENCH_MD)
        fprintf(w->file,
                "| %-24s | %7d | %12s | %9.2f | %9s | %5s [%5s, %5s] | %9.5f | %9s | %-27s |\n",
                m->type, d->test->n_threads, name, lutra_bench_iqm(d->ours, d->n),
                lutra_bench_show(theirs, sizeof theirs, "%.2f", mean(d, d->theirs)),
                lutra_bench_show(by, sizeof by, "%.2f", ratio),
                lutra_bench_show(low, sizeof low, "%.2f", i.low),
                lutra_bench_show(high, sizeof high, "%.2f", i.high), d->our_cpu,
                lutra_bench_show(shown, sizeof shown, "%.5f", d->their_cpu), text);
    fflush(w->file);
    if (d->others > LUTRA_SENSOR_BUSY)
        lutra_cli_say("%s: other programs used %.1f CPUs meanwhile: do not trust this ratio", name,
                      d->others);
}

static const char table_head[] =
    "| model                    | threads |         test | Lutra t/s |  peer t/s | "
    "      ratio [95 %] | CPU s/tok |    peer's | verdict                     |\n"
    "| ------------------------ | ------: | -----------: | --------: | --------: | "
    "-----------------: | --------: | --------: | --------------------------- |\n";

int lutra_bench_versus(const struct lutra_bench_options *o, const struct lutra_bench_model *m,
                       const struct lutra_bench_test *tests, int n)
{
    struct lutra_peer p = {o->peer, m->raw_path, o->peer_args, o->no_warmup != 0};
    struct lutra_bench_out w;
    double *samples = calloc((size_t)o->reps * 3, sizeof *samples);
    int code = -1, shown = 0;
    if (samples == NULL) return lutra_cli_say("no memory"), LUTRA_EXIT_MEMORY;
    lutra_bench_out_begin(&w, stdout, o->format, "lutra_versus");
    for (int i = 0; i < n; i++) {
        struct duel d = {.test = &tests[i],
                         .ours = samples,
                         .theirs = samples + o->reps,
                         .ratio = samples + 2 * o->reps,
                         .their_cpu = NAN,
                         .token_bytes = NAN,
                         .probe = NAN};
        char peer[400];
        lutra_error err;
        if (fight(&d, o, m, &p, &err)) {
            if (o->format == LUTRA_BENCH_MD && shown++ == 0)
                printf("Lutra %s, kernels %s (%s), against %s, in turn, %d rounds\n\n%s",
                       lutra_version(), m->mode, m->info.kernel,
                       lutra_escape(peer, sizeof peer, p.program, strlen(p.program)), o->reps,
                       table_head);
            put_duel(&w, m, &p, &d);
        } else {
            say_failure(&d, err.msg);
        }
        if (d.alone || d.n < o->reps) code = LUTRA_EXIT_RUN;
    }
    lutra_bench_out_end(&w);
    free(samples);
    return code;
}
