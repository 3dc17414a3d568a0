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
    LUTRA_CPU_NEON = 1 << 8,
    LUTRA_CPU_DOTPROD = 1 << 9,
    LUTRA_CPU_I8MM = 1 << 10
};

/* A named level: everything up to and including it. `--cpu NAME` masks detection with it. */
struct lutra_cpu_level {
    const char *name;  /* "scalar", "ssse3", "avx2", "avx2vnni", "avx512"; "neon", "dotprod" */
    uint32_t features; /* cumulative bits */
};

uint32_t lutra_cpu_detect(void);              /* features this machine really has */
char *lutra_cpu_model(char *dst, size_t cap); /* "AMD EPYC 9B45", or "unknown" */

/* The levels of this architecture in rising order, ended by name == NULL. */
const struct lutra_cpu_level *lutra_cpu_levels(void);

/* Level by name; NULL if this build has no such level. "auto" is not a level: NULL. */
const struct lutra_cpu_level *lutra_cpu_level(const char *name);

/* Best level whose features are all in `have`. Never NULL ("scalar" needs nothing). */
const struct lutra_cpu_level *lutra_cpu_best(uint32_t have);

/* Threads to use by default, and why, in one line: performance cores, one per SMT group, within the
 * affinity mask and floor(cgroup cpu.max), at least 1. Fills cpus[] (cap entries) with the chosen CPU
 * numbers. Returns the count, at most cap. */
int lutra_cpu_thread_plan(int *cpus, int cap, char *why, size_t why_cap);

#endif
