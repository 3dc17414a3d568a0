/* SPDX-License-Identifier: MIT */
/* What is common to all processors: levels by name, the CPUs of this thread, and the fallback for
 * an architecture without a file of its own. */
#include "kernels/cpu.h"

#include <string.h>
#include <unistd.h>
#if defined(__linux__)
#include <sched.h>
#elif defined(__APPLE__)
#include <sys/sysctl.h>
#endif

const struct lutra_cpu_level *lutra_cpu_level(const char *name)
{
    for (const struct lutra_cpu_level *l = lutra_cpu_levels(); l->name; l++) {
        if (strcmp(l->name, name) == 0) return l;
    }
    return NULL;
}

const struct lutra_cpu_level *lutra_cpu_best(uint32_t have)
{
    const struct lutra_cpu_level *best = lutra_cpu_levels(); /* the first asks for nothing */
    for (const struct lutra_cpu_level *l = best; l->name; l++) {
        if ((l->features & ~have) == 0) best = l;
    }
    return best;
}

const struct lutra_cpu_level *lutra_cpu_at_most(const char *name, uint32_t have)
{
    const struct lutra_cpu_level *last = lutra_cpu_level(name), *best = lutra_cpu_levels();
    if (strcmp(name, "auto") == 0) return lutra_cpu_best(have);
    if (last == NULL) return NULL;
    for (const struct lutra_cpu_level *l = best; l <= last; l++) {
        if ((l->features & ~have) == 0) best = l;
    }
    return best;
}

#if defined(__linux__)

/* larger than a cpu_set_t, because the kernel refuses a mask smaller than its own */
#define MASK_CPUS 8192

int lutra_cpu_allowed(int *cpus, int cap)
{
    unsigned long mask[MASK_CPUS / (8 * sizeof(unsigned long))] = {0};
    cpu_set_t *set = (cpu_set_t *)mask;
    int n = 0;
    if (sched_getaffinity(0, sizeof mask, set) == 0) {
        for (int i = 0; i < MASK_CPUS && n < cap; i++) {
            if (CPU_ISSET_S((size_t)i, sizeof mask, set)) cpus[n++] = i;
        }
    }
    if (n == 0 && cap > 0) cpus[n++] = 0;
    return n;
}

void lutra_cpu_bind(int cpu)
{
    unsigned long mask[MASK_CPUS / (8 * sizeof(unsigned long))] = {0};
    if (cpu < 0 || cpu >= MASK_CPUS) return;
    CPU_SET_S((size_t)cpu, sizeof mask, (cpu_set_t *)mask);
    sched_setaffinity(0, sizeof mask, (cpu_set_t *)mask);
}

#elif !defined(_WIN32) /* kernels/win/ has those */

static long count_cpus(void)
{
#if defined(__APPLE__)
    int fast = 0; /* performance cores, where there are two kinds */
    size_t n = sizeof fast;
    if (sysctlbyname("hw.perflevel0.logicalcpu", &fast, &n, NULL, 0) == 0 && fast > 0) return fast;
#endif
    return sysconf(_SC_NPROCESSORS_ONLN); /* not POSIX, but every system of today has it */
}

int lutra_cpu_allowed(int *cpus, int cap)
{
    long online = count_cpus();
    int n = online < 1 ? 1 : online > cap ? cap : (int)online;
    for (int i = 0; i < n; i++) cpus[i] = i;
    return n;
}

void lutra_cpu_bind(int cpu)
{
    (void)cpu;
}

#endif

#if !defined(__x86_64__) && !defined(__aarch64__)

uint32_t lutra_cpu_detect(void)
{
    return 0;
}

const char *lutra_cpu_withheld(uint32_t features)
{
    (void)features;
    return NULL;
}

char *lutra_cpu_model(char *dst, size_t cap)
{
    lutra_format(dst, cap, "unknown");
    return dst;
}

const struct lutra_cpu_level *lutra_cpu_levels(void)
{
    static const struct lutra_cpu_level levels[] = {{"scalar", 0}, {NULL, 0}};
    return levels;
}

#endif
