/* SPDX-License-Identifier: MIT */
/* lutra doctor: one screen about this machine, ready to be pasted into a report. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>

#include "kernels/arena.h"
#include "kernels/cpu.h"
#include "runtime/lutra.h"
#include "tools/cli.h"
#include "tools/cmd.h"
#include "tools/doctor.h"

struct options {
    int levels;
};

static const struct lutra_opt opts[] = {
    {"--levels", NULL, LUTRA_OPT_FLAG, offsetof(struct options, levels), 1, 0,
     "only the names that --cpu takes on this machine, one per line", NULL},
};
static const struct lutra_opt_group group = {"Options", opts, 1};

static const struct lutra_cli_spec spec = {
    "doctor",
    "[--levels]",
    "Show what this machine can do: processor, instruction sets, whether the kernels compute what "
    "they\n"
    "should, how fast memory is, and how many threads Lutra will use.",
    &group,
    1,
    LUTRA_NO_POSITIONAL};

static const struct {
    uint32_t bit;
    const char *name;
} features[] = {
    {LUTRA_CPU_SSSE3, "ssse3"},      {LUTRA_CPU_AVX2, "avx2"},
    {LUTRA_CPU_AVXVNNI, "avx-vnni"}, {LUTRA_CPU_AVX512, "avx512"},
    {LUTRA_CPU_VBMI, "vbmi"},        {LUTRA_CPU_VNNI512, "avx512-vnni"},
    {LUTRA_CPU_NEON, "neon"},        {LUTRA_CPU_DOTPROD, "dotprod"},
    {LUTRA_CPU_I8MM, "i8mm"},
};

static void print_machine(uint32_t have)
{
    struct utsname u;
    char model[128], shown[400];
    lutra_cpu_model(model, sizeof model);
    printf("lutra     %s\n", lutra_version());
    printf("cpu       %s\n", lutra_escape(shown, sizeof shown, model, strlen(model)));
    if (uname(&u) == 0) printf("system    %s %s %s\n", u.sysname, u.release, u.machine);
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
        char verdict[64] = "not on this processor";
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

static uint64_t meminfo(const char *field)
{
    char line[128];
    unsigned long long kib = 0;
    size_t n = strlen(field);
    FILE *f = fopen("/proc/meminfo", "re");
    if (!f) return 0;
    while (fgets(line, sizeof line, f))
        if (strncmp(line, field, n) == 0 && line[n] == ':') kib = strtoull(line + n + 1, NULL, 10);
    fclose(f);
    return (uint64_t)kib * 1024;
}

static void print_bandwidth(int max_threads)
{
    enum { BYTES = 256 << 20 }; /* beyond every cache */
    struct lutra_arena a = {0};
    uint64_t free_bytes = meminfo("MemAvailable");
    if ((free_bytes && free_bytes < (uint64_t)BYTES * 2) || lutra_arena_open(&a, BYTES, NULL)) {
        puts("bandwidth not measured: needs 512 MiB of free memory");
        return;
    }
    void *memory = lutra_arena_take(&a, BYTES);
    memset(memory, 1, BYTES); /* real pages, not the one zero page */
    for (int n = 1; n <= max_threads;
         n = n * 2 > max_threads && n < max_threads ? max_threads : n * 2) {
        double rate = lutra_doctor_bandwidth(memory, BYTES, n);
        if (rate > 0)
            printf("%-9s %d thread%s %.1f GB/s\n", n == 1 ? "bandwidth" : "", n, n == 1 ? " " : "s",
                   rate / 1e9);
        fflush(stdout);
    }
    lutra_arena_close(&a);
}

int lutra_cmd_doctor(int argc, char **argv)
{
    struct options o = {0};
    char why[200] = "", total[24], available[24];
    int cpus[256];
    int code = lutra_cli_parse(&spec, &o, argc, argv);
    if (code >= 0) return code;
    uint32_t have = lutra_cpu_detect();
    if (o.levels) {
        print_level_names(have);
        return lutra_cli_flush(LUTRA_EXIT_OK);
    }
    print_machine(have);
    int wrong = print_levels(have);
    printf("memory    %s, %s available\n",
           lutra_cli_bytes(total, sizeof total, meminfo("MemTotal")),
           lutra_cli_bytes(available, sizeof available, meminfo("MemAvailable")));
    int n = lutra_cpu_thread_plan(cpus, 256, why, sizeof why);
    print_bandwidth(n);
    printf("threads   %d: %s\n", n, why);
    if (wrong)
        puts("Some kernels are wrong on this machine. Models still run: each is tested at load and "
             "falls back.");
    return lutra_cli_flush(wrong ? LUTRA_EXIT_SELFTEST : LUTRA_EXIT_OK);
}
