/* SPDX-License-Identifier: MIT */
/* lutra doctor: one screen about this machine, ready to be pasted into a report. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernels/cpu.h"
#include "kernels/probe.h"
#include "kernels/ram.h"
#include "runtime/lutra.h"
#include "tools/bench.h"
#include "tools/bench_sensors.h"
#include "tools/cli.h"
#include "tools/cmd.h"
#include "tools/doctor.h"
#include "tools/find.h"
#include "tools/report.h"
#include "tools/sys.h"

struct options {
    int levels, head, kernels;
    const char *report, *model, *bench, *file; /* file: as an argument */
};

static const struct lutra_opt opts[] = {
    {"--levels", NULL, LUTRA_OPT_FLAG, offsetof(struct options, levels), 1, 0,
     "only the names that --cpu takes on this machine, one per line", NULL},
    {"--report", "FILE", LUTRA_OPT_STR, offsetof(struct options, report), 0, 0,
     "write all this and bench figures to a file, ready to be pasted", NULL},
    {"-m, --model", "FILE", LUTRA_OPT_STR, offsetof(struct options, model), 0, 0,
     "show which kernels multiply its tensors; with --report: bench it too (without: a few "
     "kernels)",
     NULL},
    {"--head", "file|q8|q6|q4|fast", LUTRA_OPT_CHOICE, offsetof(struct options, head), 0, 0,
     "with a model: load it with its output matrix in fewer bits, or by shortlist", NULL},
    {"--kernels", "auto|lut|dot|deq", LUTRA_OPT_CHOICE, offsetof(struct options, kernels), 0, 0,
     "with a model: show what this way of multiplying chooses (auto)", NULL},
    {"--bench", "FILE", LUTRA_OPT_STR, offsetof(struct options, bench), 0, 0,
     "with --report: take the figures from this file of `lutra bench -o json`", NULL},
};
static const struct lutra_opt_group group = {"Options", opts, sizeof opts / sizeof *opts};

static const struct lutra_cli_spec spec = {
    "doctor",
    "[FILE] [--levels | --report FILE]",
    "Show what this machine can do: processor, instruction sets, whether the kernels compute what "
    "they\nshould, how fast memory is, how many threads Lutra will use, and which kernels multiply\n"
    "which weights.",
    &group,
    1,
    offsetof(struct options, file)};

static const struct {
    uint32_t bit;
    const char *name;
} features[] = {
    {LUTRA_CPU_SSSE3, "ssse3"},      {LUTRA_CPU_AVX2, "avx2"},
    {LUTRA_CPU_AVXVNNI, "avx-vnni"}, {LUTRA_CPU_AVX512, "avx512"},
    {LUTRA_CPU_VBMI, "vbmi"},        {LUTRA_CPU_VNNI512, "avx512-vnni"},
    {LUTRA_CPU_GFNI, "gfni"},        {LUTRA_CPU_AMX, "amx-int8"},
    {LUTRA_CPU_NEON, "neon"},        {LUTRA_CPU_DOTPROD, "dotprod"},
    {LUTRA_CPU_I8MM, "i8mm"},
};

static void print_machine(uint32_t have)
{
    char model[128], shown[400];
    lutra_cpu_model(model, sizeof model);
    printf("lutra     %s\n", lutra_version());
    printf("cpu       %s\n", lutra_escape(shown, sizeof shown, model, strlen(model)));
    if (lutra_sys_name(model, sizeof model)[0])
        printf("system    %s\n", lutra_escape(shown, sizeof shown, model, strlen(model)));
    printf("features ");
    for (size_t i = 0; i < sizeof features / sizeof *features; i++)
        if (have & features[i].bit) printf(" %s", features[i].name);
    puts(have ? "" : " none that matter here");
}

/* Every level of this build: can it run here, does it compute what scalar does. */
static int print_levels(uint32_t have)
{
    const struct lutra_cpu_level *best = lutra_cpu_best(have);
    int wrong = 0;
    for (const struct lutra_cpu_level *l = lutra_cpu_levels(); l->name; l++) {
        const char *why = lutra_cpu_withheld(l->features & ~have);
        char verdict[80];
        snprintf(verdict, sizeof verdict, "%s", why ? why : "not on this processor");
        if ((l->features & have) == l->features &&
            !lutra_doctor_kernels(l->features, verdict, sizeof verdict))
            wrong++;
        printf("%-9s %-9s %s%s\n", l == lutra_cpu_levels() ? "kernels" : "", l->name, verdict,
               l == best ? "  <- chosen" : "");
        fflush(stdout);
    }
    return wrong;
}

static void print_level_names(uint32_t have)
{
    for (const struct lutra_cpu_level *l = lutra_cpu_levels(); l->name; l++)
        if ((l->features & have) == l->features) puts(l->name);
}

/* Doubling from 1 to all threads; then how many of them a token is worth. */
static void print_bandwidth(int max_threads, bool say_decode)
{
    char shown[24], why[160];
    uint64_t cache = lutra_sensor_cache("");
    int threads[16], k = 0;
    double rates[16];
    for (int n = 1; n <= max_threads && k<16; n = n * 2> max_threads && n < max_threads
                        ? max_threads
                        : n * 2) {
        double rate = lutra_bench_bandwidth(n, NULL, 0, cache);
        printf("%-9s %3d thread%s %s GB/s\n", n == 1 ? "reading" : "", n,
               n == 1 ? ": " : "s:", lutra_bench_show(shown, sizeof shown, "%.1f", rate / 1e9));
        fflush(stdout);
        if (!isfinite(rate)) continue;
        threads[k] = n;
        rates[k++] = rate;
    }
    if (k == 0 || !say_decode) return;
    if (max_threads < LUTRA_PROBE_THREADS) {
        puts("          all for single tokens: to look for fewer pays from 3 threads on");
        return;
    }
    int enough = lutra_probe_enough(threads, rates, k, why, sizeof why);
    printf("          %d for single tokens (large models look for themselves): %s\n", enough, why);
}

static void print_thermal(void)
{
    char temp[24], mhz[24], throttled[96];
    lutra_sensor_throttled("", throttled, sizeof throttled);
    printf("thermal   %s C, %s MHz%s%s\n",
           lutra_bench_show(temp, sizeof temp, "%.0f", lutra_sensor_temperature("")),
           lutra_bench_show(mhz, sizeof mhz, "%.0f", lutra_sensor_mhz("")),
           throttled[0] ? ", " : "", throttled);
}

static lutra_model *examined; /* NULL: no model was named */

static int examine(void)
{
    char why[200] = "", total[24], available[24];
    lutra_model_info info = {.size = sizeof info};
    int cpus[256];
    uint32_t have = lutra_cpu_detect();
    print_machine(have);
    int wrong = print_levels(have);
    printf("memory    %s, %s available, %s\n",
           lutra_cli_bytes(total, sizeof total, lutra_ram_total()),
           lutra_cli_bytes(available, sizeof available, lutra_ram_available()),
           lutra_sensor_huge_pages(""));
    int n = lutra_cpu_thread_plan(cpus, 256, why, sizeof why);
    if (examined) lutra_model_describe(examined, &info);
    printf("threads   %s\n", examined ? info.threads : why);
    print_bandwidth(n, examined == NULL);
    print_thermal();
    if (examined)
        lutra_doctor_tensors(examined);
    else
        lutra_doctor_types(lutra_cpu_best(have)->features);
    if (wrong)
        puts("Some kernels are wrong on this machine. Models still run: each is tested at load and "
             "falls back.");
    return wrong ? LUTRA_EXIT_SELFTEST : LUTRA_EXIT_OK;
}

static int open_model(const struct options *o)
{
    char path[LUTRA_FIND_PATH];
    lutra_model_options mo = {.size = sizeof mo,
                              .head = (lutra_head)o->head,
                              .kernels = (lutra_kernels)o->kernels,
                              .on_log = lutra_cli_log};
    lutra_error err;
    if (lutra_model_open(&examined, lutra_find_path(o->model, path), &mo, &err))
        return lutra_cli_fail(&err, true);
    return -1;
}

int lutra_cmd_doctor(int argc, char **argv)
{
    struct options o = {0};
    int code = lutra_cli_parse(&spec, &o, argc, argv);
    if (code >= 0) return code;
    if (o.levels) {
        print_level_names(lutra_cpu_detect());
        return lutra_cli_flush(LUTRA_EXIT_OK);
    }
    if (!o.model) o.model = o.file;
    if (!o.model && (o.head || o.kernels)) {
        lutra_cli_say("--head and --kernels go with a model: lutra doctor FILE");
        return LUTRA_EXIT_USAGE;
    }
    if (o.model && (code = open_model(&o)) >= 0) return code;
    code = lutra_cli_flush(o.report ? lutra_report_write(o.report, o.model, o.bench, examine)
                                    : examine());
    lutra_model_free(examined);
    return code;
}
