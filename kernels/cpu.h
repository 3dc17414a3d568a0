/* SPDX-License-Identifier: MIT */
/* What this processor can do, and which of it the operating system saves on a context switch. */
#ifndef LUTRA_KERNELS_CPU_H
#define LUTRA_KERNELS_CPU_H

#include "kernels/base.h"

/* Feature bits. x86 and ARM share one word; a build sets only its own. */
enum lutra_cpu_feature {
    LUTRA_CPU_SSSE3 = 1 << 0,
    LUTRA_CPU_AVX2 = 1 << 1, /* with F16C, and XCR0 saving YMM */
    LUTRA_CPU_AVXVNNI = 1 << 2,
    LUTRA_CPU_AVX512 = 1 << 3, /* F, BW, DQ, VL, and XCR0 saving ZMM */
    LUTRA_CPU_VBMI = 1 << 4,
    LUTRA_CPU_VNNI512 = 1 << 5,
    LUTRA_CPU_AMX = 1 << 6, /* tiles and their int8 products, and leave from the system to use them */
    LUTRA_CPU_GFNI = 1 << 7, /* with AVX2: the VEX forms, and with AVX-512 the EVEX ones */
    LUTRA_CPU_NEON = 1 << 8,
    LUTRA_CPU_DOTPROD = 1 << 9,
    LUTRA_CPU_I8MM = 1 << 10
};

/* A named level: everything up to and including it. The features to use are those of a level, never
 * the bare word of lutra_cpu_detect: lutra_cpu_best(lutra_cpu_detect())->features, or for
 * `--cpu NAME` those of the named level if the machine has them all. ("avx512" does not ask for
 * AVX-VNNI, which many processors with AVX-512 lack and whose work VNNI512 does.) */
struct lutra_cpu_level {
    /* "scalar", "ssse3", "avx2", "avx2vnni", "avx512", "amx"; "neon", "dotprod", "i8mm" */
    const char *name;
    uint32_t features; /* cumulative bits */
};

/* Features this machine and its system have. A Linux system lends AMX's tiles only to processes that
 * ask: on a processor with AMX this call asks, for all threads of the process, once and for all. */
uint32_t lutra_cpu_detect(void);

/* Why the machine lacks some of `features` although its processor has them: the rest of a sentence,
 * "the system ..."; NULL if it lacks none so. */
const char *lutra_cpu_withheld(uint32_t features);

/* Should kernels fetch weights by instructions even where they read them strictly forward? AMD's cores (Zen 4)
 * fetch such lines better alone; Intel's (Granite Rapids) read 10 to 11 GB/s alone and 16 to 17 so. */
bool lutra_cpu_fetch(void); /* x86 alone */

char *lutra_cpu_model(char *dst, size_t cap); /* "AMD EPYC 9B45", or "unknown" */
int lutra_cpu_allowed(int *cpus, int cap);    /* CPUs this thread may run on, ascending: count */
void lutra_cpu_bind(int cpu);                 /* bind this thread; where that fails, nothing */

/* The levels of this architecture in rising order, ended by name == NULL. */
const struct lutra_cpu_level *lutra_cpu_levels(void);

/* Level by name; NULL if this build has no such level. "auto" is not a level: NULL. */
const struct lutra_cpu_level *lutra_cpu_level(const char *name);

/* What runs of a level that was asked for: itself, or the best one below it whose features are all in `have`. NULL if
 * this build has no such level; "auto": lutra_cpu_best(have). */
const struct lutra_cpu_level *lutra_cpu_at_most(const char *name, uint32_t have);

/* Best level whose features are all in `have`. Never NULL ("scalar" needs nothing). */
const struct lutra_cpu_level *lutra_cpu_best(uint32_t have);

/* Threads to use by default, and why, in one line: performance cores, one per SMT group, within the
 * affinity mask and floor(cgroup cpu.max), at least 1. Fills cpus[] (cap entries, at least 1) with
 * the chosen CPU numbers. Returns the count, at most cap. */
int lutra_cpu_thread_plan(int *cpus, int cap, char *why, size_t why_cap);

/* The same with /proc and /sys below `root` ("" is the machine itself; tests build their own), and
 * the affinity mask given: cpus[] holds n_allowed > 0 CPU numbers, ascending, and is narrowed in
 * place. */
int lutra_cpu_thread_plan_in(const char *root, int *cpus, int n_allowed, char *why, size_t why_cap);

#endif
