/* SPDX-License-Identifier: MIT */
/* Processor levels, and the thread plan on machines built from files. */
#include "kernels/cpu.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "tests/check.h"

/* ---- levels ---- */

static void level_cases(void)
{
    const struct lutra_cpu_level *levels = lutra_cpu_levels();
    CHECK_CASE("levels rise from scalar")
    {
        CHECK_STR(levels[0].name, "scalar");
        CHECK_EQ(levels[0].features, 0);
        for (const struct lutra_cpu_level *l = levels; l->name; l++) {
            CHECK(lutra_cpu_level(l->name) == l);
            CHECK(lutra_cpu_best(l->features) == l);
            /* AVX-VNNI alone is no part of the level above it: see cpu.h */
            uint32_t below = l > levels ? l[-1].features & ~(uint32_t)LUTRA_CPU_AVXVNNI : 0;
            CHECK_EQ(l->features & below, below);
        }
        CHECK(lutra_cpu_level("auto") == NULL);
        CHECK(lutra_cpu_level("") == NULL);
        CHECK(lutra_cpu_level("AVX2") == NULL);
        CHECK_STR(lutra_cpu_best(0)->name, "scalar");
    }
    CHECK_CASE("best level of machines that exist")
    {
#if defined(__x86_64__)
        uint32_t haswell = LUTRA_CPU_SSSE3 | LUTRA_CPU_AVX2;
        uint32_t skylake_x = haswell | LUTRA_CPU_AVX512;
        uint32_t zen4 = skylake_x | LUTRA_CPU_VBMI | LUTRA_CPU_VNNI512 | LUTRA_CPU_GFNI;
        CHECK_STR(lutra_cpu_best(LUTRA_CPU_SSSE3)->name, "ssse3");
        CHECK_STR(lutra_cpu_best(haswell)->name, "avx2");
        CHECK_STR(lutra_cpu_best(haswell | LUTRA_CPU_AVXVNNI | LUTRA_CPU_GFNI)->name, "avx2vnni");
        CHECK_STR(lutra_cpu_best(haswell | LUTRA_CPU_AVXVNNI)->name, "avx2");
        CHECK_STR(lutra_cpu_best(skylake_x)->name, "avx2");
        CHECK_STR(lutra_cpu_best(skylake_x | LUTRA_CPU_VNNI512)->name, "avx2");
        CHECK_STR(lutra_cpu_best(zen4)->name, "avx512");
        CHECK_STR(lutra_cpu_best(zen4 | LUTRA_CPU_AVXVNNI)->name, "avx512");
        uint32_t sapphire = zen4 | LUTRA_CPU_AVXVNNI | LUTRA_CPU_AMX;
        CHECK_STR(lutra_cpu_best(sapphire)->name, "amx");
        CHECK_STR(lutra_cpu_best(sapphire & ~(uint32_t)LUTRA_CPU_VBMI)->name, "avx2vnni");
        CHECK_STR(lutra_cpu_best(LUTRA_CPU_AVX2)->name, "scalar"); /* no such machine, no crash */
#elif defined(__aarch64__)
        CHECK_STR(lutra_cpu_best(LUTRA_CPU_NEON)->name, "neon");
        CHECK_STR(lutra_cpu_best(LUTRA_CPU_NEON | LUTRA_CPU_DOTPROD)->name, "dotprod");
        CHECK_STR(lutra_cpu_best(LUTRA_CPU_NEON | LUTRA_CPU_I8MM)->name, "neon");
        CHECK_STR(lutra_cpu_best(LUTRA_CPU_NEON | LUTRA_CPU_DOTPROD | LUTRA_CPU_I8MM)->name,
                  "i8mm");
#else
        check_skip("no named machines for this architecture");
#endif
    }
}

/* ---- this machine ---- */

/* The value of the first line of /proc/cpuinfo that begins with `key`, with a space around it. */
static bool cpuinfo(char *value, size_t cap, const char *key)
{
    char line[8192];
    FILE *f = fopen("/proc/cpuinfo", "r");
    bool found = false;
    while (f && !found && fgets(line, sizeof line, f)) {
        char *colon = strchr(line, ':');
        if (!colon || strncmp(line, key, strlen(key)) != 0) continue;
        line[strcspn(line, "\n")] = '\0';
        snprintf(value, cap, "%s ", colon + 1);
        found = true;
    }
    if (f) fclose(f);
    return found;
}

/* The system's own list of features must agree with ours. */
static void same_as_system(const char *flags)
{
    static const struct {
        const char *words; /* all of these, each between spaces */
        uint32_t bit;
    } table[] = {
#if defined(__x86_64__)
        {" ssse3 ", LUTRA_CPU_SSSE3},
        {" avx2 f16c ", LUTRA_CPU_AVX2},
        {" avx2 f16c gfni ", LUTRA_CPU_GFNI},
        {" avx2 f16c avx_vnni ", LUTRA_CPU_AVXVNNI},
        {" avx512f avx512bw avx512dq avx512vl ", LUTRA_CPU_AVX512},
        {" avx512f avx512bw avx512dq avx512vl avx512vbmi ", LUTRA_CPU_VBMI},
        {" avx512f avx512bw avx512dq avx512vl avx512_vnni ", LUTRA_CPU_VNNI512},
#else
        {" asimd ", LUTRA_CPU_NEON},
        {" asimddp ", LUTRA_CPU_DOTPROD},
        {" i8mm ", LUTRA_CPU_I8MM},
#endif
    };
    uint32_t have = lutra_cpu_detect();
#if defined(__x86_64__)
    /* what has AMX has it, or the system says why not */
    bool amx = strstr(flags, " amx_tile ") && strstr(flags, " amx_int8 ");
    const char *why = lutra_cpu_withheld(LUTRA_CPU_AMX);
    CHECK_EQ((have & LUTRA_CPU_AMX) != 0, amx && !why);
    if (!amx) CHECK(why == NULL);
#endif
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        char words[128], *save = NULL;
        bool all = true;
        snprintf(words, sizeof words, "%s", table[i].words);
        for (char *w = strtok_r(words, " ", &save); w; w = strtok_r(NULL, " ", &save)) {
            char padded[40];
            snprintf(padded, sizeof padded, " %s ", w);
            all = all && strstr(flags, padded);
        }
        CHECK_EQ((have & table[i].bit) != 0, all);
    }
}

static void machine_cases(void)
{
    char text[8192], model[100];
    CHECK_CASE("this machine: features")
    {
        uint32_t have = lutra_cpu_detect();
#if defined(__x86_64__)
        if (have & LUTRA_CPU_AVX512) CHECK(have & LUTRA_CPU_AVX2);
        if (have & (LUTRA_CPU_VBMI | LUTRA_CPU_VNNI512)) CHECK(have & LUTRA_CPU_AVX512);
        if (have & LUTRA_CPU_AVXVNNI) CHECK(have & LUTRA_CPU_AVX2);
        if (have & LUTRA_CPU_AMX) CHECK(have & LUTRA_CPU_AVX512);
        CHECK_EQ(lutra_cpu_detect(), have); /* asking for tiles again changes nothing */
        CHECK(lutra_cpu_withheld(have) == NULL);
        /* under an emulator /proc/cpuinfo describes another processor than CPUID does */
        lutra_cpu_model(model, sizeof model);
        if (cpuinfo(text, sizeof text, "model name") && strstr(text, model) &&
            cpuinfo(text, sizeof text, "flags")) {
            same_as_system(text);
        }
#elif defined(__aarch64__)
        CHECK(have & LUTRA_CPU_NEON);
        if (cpuinfo(text, sizeof text, "Features") && strstr(text, " asimd ")) same_as_system(text);
#else
        CHECK_EQ(have, 0);
#endif
    }
    CHECK_CASE("this machine: model")
    {
        CHECK(lutra_cpu_model(model, sizeof model) == model);
        CHECK(strlen(model) > 0);
        CHECK(model[0] != ' ' && model[strlen(model) - 1] != ' ' && !strstr(model, "  "));
        char small[4];
        CHECK_EQ(strlen(lutra_cpu_model(small, sizeof small)), 3);
    }
    CHECK_CASE("this machine: thread plan")
    {
        int cpus[256], allowed[256];
        char why[200];
        int n_allowed = lutra_cpu_allowed(allowed, 256);
        int n = lutra_cpu_thread_plan(cpus, 256, why, sizeof why);
        CHECK(n >= 1 && n <= n_allowed);
        for (int i = 0; i < n; i++) {
            bool known = false;
            for (int k = 0; k < n_allowed; k++) known = known || allowed[k] == cpus[i];
            CHECK(known);
        }
        CHECK_EQ(lutra_cpu_thread_plan(cpus, 1, why, sizeof why), 1);
        CHECK_EQ(lutra_cpu_allowed(allowed, 1), 1);
        lutra_cpu_bind(-1);
        lutra_cpu_bind(1 << 20);
        CHECK_EQ(lutra_cpu_allowed(allowed, 256), n_allowed);
    }
}

/* ---- machines built from files ---- */

static char root[600];

static void new_machine(void)
{
    static int number;
    snprintf(root, sizeof root, "%s/m%d", check_tmp(), number++);
    mkdir(root, 0700);
}

static void put(const char *path, const char *text)
{
    char full[1400];
    snprintf(full, sizeof full, "%s%s", root, path);
    for (char *p = full + strlen(root) + 1; (p = strchr(p, '/')); p++) {
        *p = '\0';
        mkdir(full, 0700);
        *p = '/';
    }
    FILE *f = fopen(full, "w");
    CHECK(f != NULL);
    if (!f) return;
    CHECK(fputs(text, f) >= 0);
    CHECK(fclose(f) == 0);
}

static void put_cpu(int cpu, const char *name, const char *text)
{
    char path[200];
    snprintf(path, sizeof path, "/sys/devices/system/cpu/cpu%d/%s", cpu, name);
    put(path, text);
}

/* CPUs first .. first + n - 1 are one core */
static void put_core(int first, int n)
{
    char list[40];
    snprintf(list, sizeof list, n > 1 ? "%d-%d\n" : "%d\n", first, first + n - 1);
    for (int i = 0; i < n; i++) put_cpu(first + i, "topology/thread_siblings_list", list);
}

/* An ARM CPU and its highest clock in kHz. */
static void put_arm(int cpu, const char *khz)
{
    put_core(cpu, 1);
    put_cpu(cpu, "regs/identification/midr_el1", "0x00000000414fd0b1\n");
    put_cpu(cpu, "cpufreq/cpuinfo_max_freq", khz);
}

/* The plan for the CPUs in `allowed` ("0 1 2") as text of the same form. */
static const char *plan(const char *allowed, char *why, size_t why_cap)
{
    static char out[400];
    int cpus[100], n = 0;
    char *end;
    for (const char *p = allowed;; p = end) {
        long cpu = strtol(p, &end, 10);
        if (end == p) break;
        cpus[n++] = (int)cpu;
    }
    n = lutra_cpu_thread_plan_in(root, cpus, n, why, why_cap);
    out[0] = '\0';
    for (int i = 0; i < n; i++) {
        size_t at = strlen(out);
        snprintf(out + at, sizeof out - at, i ? " %d" : "%d", cpus[i]);
    }
    return out;
}

static char why[300];
#define CHECK_PLAN(allowed, expected) CHECK_STR(plan(allowed, why, sizeof why), expected)

static void topology_cases(void)
{
    CHECK_CASE("plan: nothing known")
    {
        new_machine();
        CHECK_PLAN("0 1 2 3", "0 1 2 3");
        CHECK_STR(why, "4 of 4 CPUs: 4 allowed, 1 thread per core (4), cpu.max none");
        CHECK_PLAN("5", "5");
    }
    CHECK_CASE("plan: two threads per core")
    {
        new_machine();
        put("/sys/devices/system/cpu/online", "0-7\n");
        for (int i = 0; i < 8; i += 2) put_core(i, 2);
        CHECK_PLAN("0 1 2 3 4 5 6 7", "0 2 4 6");
        CHECK_STR(why, "4 of 8 CPUs: 8 allowed, 1 thread per core (4), cpu.max none");
        CHECK_PLAN("1 3 4 5", "1 3 4"); /* the first sibling that is allowed */
        CHECK_PLAN("7", "7");
    }
    CHECK_CASE("plan: siblings far apart")
    {
        new_machine();
        for (int i = 0; i < 4; i++) {
            char list[20];
            snprintf(list, sizeof list, "%d,%d\n", i % 2, i % 2 + 2);
            put_cpu(i, "topology/thread_siblings_list", list);
        }
        CHECK_PLAN("0 1 2 3", "0 1");
        CHECK_PLAN("1 2 3", "1 2");
    }
    CHECK_CASE("plan: hybrid")
    {
        new_machine();
        put_core(0, 2);
        put_core(2, 2);
        for (int i = 4; i < 8; i++) put_core(i, 1);
        put("/sys/devices/cpu_core/cpus", "0-3\n");
        put("/sys/devices/cpu_atom/cpus", "4-7\n");
        CHECK_PLAN("0 1 2 3 4 5 6 7", "0 2");
        CHECK_STR(why, "2 of 8 CPUs: 8 allowed, 4 on performance cores, "
                       "1 thread per core (2), cpu.max none");
        CHECK_PLAN("4 5 6", "4 5 6"); /* bound to efficiency cores: those, then */
        CHECK_PLAN("3 4 5", "3");
    }
    CHECK_CASE("plan: big and little")
    {
        static const char *const three[] = {"260", "260", "260", "260", "870", "870", "1024"};
        new_machine();
        for (int i = 0; i < 8; i++) { /* four little, two pairs of big that differ slightly */
            put_cpu(i, "cpu_capacity", i < 4 ? "530\n" : i < 6 ? "1020\n" : "1024\n");
        }
        CHECK_PLAN("0 1 2 3 4 5 6 7", "4 5 6 7");
        CHECK_PLAN("0 1 2 3", "0 1 2 3");
        CHECK_PLAN("0 7", "7");
        new_machine();
        for (int i = 0; i < 7; i++) put_cpu(i, "cpu_capacity", three[i]);
        CHECK_PLAN("0 1 2 3 4 5 6", "4 5 6");
        new_machine();
        for (int i = 0; i < 4; i++) put_cpu(i, "cpu_capacity", "1024\n");
        CHECK_PLAN("0 1 2 3", "0 1 2 3");
    }
    CHECK_CASE("plan: RK3588, capacities told")
    {
        new_machine();
        put("/sys/devices/system/cpu/online", "0-7\n");
        for (int i = 0; i < 8; i++) put_arm(i, i < 4 ? "1800000\n" : "2256000\n");
        for (int i = 0; i < 8; i++) put_cpu(i, "cpu_capacity", i < 4 ? "530\n" : "1024\n");
        CHECK_PLAN("0 1 2 3 4 5 6 7", "4 5 6 7");
        CHECK_STR(why, "4 of 8 CPUs: 8 allowed, 4 on performance cores, "
                       "1 thread per core (4), cpu.max none");
        CHECK_PLAN("2 3", "2 3"); /* bound to little cores: those, then */
        put("/proc/self/cgroup", "0::/\n");
        put("/sys/fs/cgroup/cpu.max", "250000 100000\n");
        CHECK_PLAN("0 1 2 3 4 5 6 7", "4 5");
    }
    CHECK_CASE("plan: RK3588, clocks only")
    {
        new_machine();
        for (int i = 0; i < 8; i++)
            put_arm(i, i < 4 ? "1800000\n" : i < 6 ? "2256000\n" : "2304000\n");
        CHECK_PLAN("0 1 2 3 4 5 6 7", "4 5 6 7");
        CHECK_PLAN("0 1 2 3", "0 1 2 3");
    }
    CHECK_CASE("plan: Raspberry Pi 5")
    {
        new_machine();
        put("/sys/devices/system/cpu/online", "0-3\n");
        for (int i = 0; i < 4; i++) put_arm(i, "2400000\n");
        CHECK_PLAN("0 1 2 3", "0 1 2 3");
        CHECK_STR(why, "4 of 4 CPUs: 4 allowed, 1 thread per core (4), cpu.max none");
        for (int i = 0; i < 4; i++) put_cpu(i, "cpu_capacity", "1024\n");
        CHECK_PLAN("0 1 2 3", "0 1 2 3");
    }
    CHECK_CASE("plan: clocks of other processors say nothing")
    {
        new_machine();
        for (int i = 0; i < 4; i++)
            put_cpu(i, "cpufreq/cpuinfo_max_freq", i < 2 ? "3300000\n" : "5100000\n");
        CHECK_PLAN("0 1 2 3", "0 1 2 3");
    }
    CHECK_CASE("plan: files full of nonsense")
    {
        static const char *const texts[] = {"",      "\n",   ",",     "-",    "-1", "1-",
                                            "3-1",   "0--2", "x",     "0,,1", "0x", " ",
                                            "99999", "0-",   "-5--3", "1;2;3"};
        for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
            new_machine();
            put("/sys/devices/system/cpu/online", texts[i]);
            put("/sys/devices/cpu_core/cpus", texts[i]);
            put("/proc/self/cgroup", texts[i]);
            put("/sys/fs/cgroup/cpu.max", texts[i]);
            for (int c = 0; c < 4; c++) {
                put_cpu(c, "topology/thread_siblings_list", texts[i]);
                put_cpu(c, "cpu_capacity", texts[i]);
                put_cpu(c, "regs/identification/midr_el1", texts[i]);
                put_cpu(c, "cpufreq/cpuinfo_max_freq", texts[i]);
            }
            int n = (int)strlen(plan("0 1 2 3", why, sizeof why));
            CHECK(n >= 1);
            CHECK(strstr(why, "4 allowed") != NULL);
        }
    }
}

static void quota_v2_cases(void)
{
    static const struct {
        const char *max, *expected;
    } table[] = {
        {"max 100000\n", "0 1 2 3"},    {"150000 100000\n", "0"},  {"200000 100000\n", "0 1"},
        {"299999 100000\n", "0 1"},     {"50000 100000\n", "0"},   {"1000 1000000\n", "0"},
        {"900000 100000\n", "0 1 2 3"}, {"0 100000\n", "0 1 2 3"}, {"200000", "0 1 2 3"},
        {"20000 10000\n", "0 1"},       {"200000 0\n", "0 1 2 3"},
    };
    CHECK_CASE("plan: cpu.max")
    {
        new_machine();
        put("/proc/self/cgroup", "0::/user.slice/app\n");
        for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
            put("/sys/fs/cgroup/user.slice/app/cpu.max", table[i].max);
            CHECK_PLAN("0 1 2 3", table[i].expected);
        }
        put("/sys/fs/cgroup/user.slice/app/cpu.max", "150000 100000\n");
        CHECK_PLAN("0 1 2 3", "0");
        CHECK_STR(why, "1 of 4 CPUs: 4 allowed, 1 thread per core (4), cpu.max 1.50");
    }
    CHECK_CASE("plan: cpu.max of a parent")
    {
        new_machine();
        put("/proc/self/cgroup", "0::/a/b/c\n");
        put("/sys/fs/cgroup/a/b/c/cpu.max", "max 100000\n");
        put("/sys/fs/cgroup/a/b/cpu.max", "300000 100000\n");
        CHECK_PLAN("0 1 2 3", "0 1 2");
        put("/sys/fs/cgroup/a/cpu.max", "200000 100000\n");
        CHECK_PLAN("0 1 2 3", "0 1");
        put("/sys/fs/cgroup/a/b/c/cpu.max", "100000 100000\n");
        CHECK_PLAN("0 1 2 3", "0");
    }
    CHECK_CASE("plan: cpu.max inside a container")
    {
        new_machine();
        put("/proc/self/cgroup", "0::/\n");
        put("/sys/fs/cgroup/cpu.max", "200000 100000\n");
        CHECK_PLAN("0 1 2 3", "0 1");
        put("/proc/self/cgroup", "0::/docker/0123456789abcdef\n"); /* the host's name for it */
        CHECK_PLAN("0 1 2 3", "0 1");
        put("/proc/self/cgroup", "0::/../../elsewhere\n");
        CHECK_PLAN("0 1 2 3", "0 1");
        put("/proc/self/cgroup", "0::/no/newline");
        CHECK_PLAN("0 1 2 3", "0 1");
        put("/proc/self/cgroup", "0::\n");
        CHECK_PLAN("0 1 2 3", "0 1");
    }
}

static void quota_v1_cases(void)
{
    static const char group[] = "12:pids:/x\n4:cpu,cpuacct:/docker/abc\n3:cpuset:/\n1:name=s:/\n";
    CHECK_CASE("plan: quota of version 1")
    {
        new_machine();
        put("/proc/self/cgroup", group);
        put("/sys/fs/cgroup/cpu,cpuacct/docker/abc/cpu.cfs_quota_us", "-1\n");
        put("/sys/fs/cgroup/cpu,cpuacct/docker/abc/cpu.cfs_period_us", "100000\n");
        CHECK_PLAN("0 1 2 3", "0 1 2 3");
        put("/sys/fs/cgroup/cpu,cpuacct/docker/abc/cpu.cfs_quota_us", "250000\n");
        CHECK_PLAN("0 1 2 3", "0 1");
        put("/sys/fs/cgroup/cpu,cpuacct/docker/cpu.cfs_quota_us", "150000\n");
        put("/sys/fs/cgroup/cpu,cpuacct/docker/cpu.cfs_period_us", "100000\n");
        CHECK_PLAN("0 1 2 3", "0");
    }
    CHECK_CASE("plan: quota of version 1, mounted as cpu, in a container")
    {
        new_machine();
        put("/proc/self/cgroup", group);
        put("/sys/fs/cgroup/cpu/cpu.cfs_quota_us", "50000\n");
        put("/sys/fs/cgroup/cpu/cpu.cfs_period_us", "25000\n");
        CHECK_PLAN("0 1 2 3", "0 1");
        put("/proc/self/cgroup", "4:cpuacct,cpu:/\n");
        CHECK_PLAN("0 1 2 3", "0 1");
        put("/proc/self/cgroup", "4:cpuset:/\n5:cpuacct:/\n"); /* not the controller that counts */
        CHECK_PLAN("0 1 2 3", "0 1 2 3");
    }
    CHECK_CASE("plan: paths too long to exist")
    {
        static char line[7000];
        new_machine();
        snprintf(line, sizeof line, "0::/%06000d\n", 0);
        put("/proc/self/cgroup", line);
        put("/sys/fs/cgroup/cpu.max", "200000 100000\n");
        CHECK_PLAN("0 1 2 3", "0 1");
    }
}

int main(int argc, char **argv)
{
    check_init(argc, argv, "test_cpu");
    level_cases();
    machine_cases();
    topology_cases();
    quota_v2_cases();
    quota_v1_cases();
    return check_done();
}
