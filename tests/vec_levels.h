/* SPDX-License-Identifier: MIT */
/* Shared by check_vec.c, check_attn.c, check_quantize.c: levels, hostile data, comparison. */
#ifndef LUTRA_TESTS_VEC_LEVELS_H
#define LUTRA_TESTS_VEC_LEVELS_H

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "kernels/cpu.h"
#include "kernels/vec.h"
#if defined(__x86_64__)
#include "kernels/x86/x86_init.h"
#endif
#include "tests/check.h"

/* ---- levels ---- */

static struct vec_level {
    const char *name;
    uint32_t needs;
    void (*init)(struct lutra_ops *);
    struct lutra_ops ops;
} levels[] = {
    {"scalar", 0, lutra_vec_init_scalar, {0}},
#if defined(__x86_64__)
    {"ssse3", LUTRA_CPU_SSSE3, lutra_vec_init_ssse3, {0}},
    {"avx2", LUTRA_CPU_AVX2, lutra_vec_init_avx2, {0}},
    {"avx512", LUTRA_CPU_AVX512 | LUTRA_CPU_VBMI | LUTRA_CPU_VNNI512 | LUTRA_CPU_GFNI, lutra_vec_init_avx512, {0}},
#elif defined(__aarch64__)
    {"neon", LUTRA_CPU_NEON, lutra_vec_init_neon, {0}},
#endif
};

static int n_levels; /* levels[0] is scalar; those the machine lacks or --cpu masks do not count */

static inline void open_levels(void)
{
    uint32_t have = lutra_cpu_detect();
    const struct lutra_cpu_level *limit = check_cpu() ? lutra_cpu_level(check_cpu()) : NULL;
    if (limit) have &= limit->features;
    int n = (int)(sizeof levels / sizeof *levels);
    while (n_levels < n && (levels[n_levels].needs & ~have) == 0) {
        levels[n_levels].init(&levels[n_levels].ops);
        n_levels++;
    }
}

/* ---- data ---- */

enum { FILL_WIDE = CHECK_N_FILLS, FILL_HOSTILE, N_FILLS };

static inline float hostile(void)
{
    static const float values[] = {NAN,      INFINITY, -INFINITY, 0.0f,   -0.0f,   FLT_MAX,
                                   -FLT_MAX, 1e-40f,   -1e-45f,   88.31f, -87.34f, FLT_MIN};
    int i = check_rand_int(0, 35);
    return i < 12 ? values[i] : check_rand_float(-100.0f, 100.0f);
}

static inline float value(int fill, int i, float range)
{
    switch (fill) {
    case CHECK_FILL_RANDOM:
        return check_rand_float(-range, range);
    case CHECK_FILL_MAX:
        return range;
    case CHECK_FILL_MIN:
        return -range;
    case CHECK_FILL_ALTERNATE:
        return i % 2 ? -range : range;
    case FILL_WIDE:
        return ldexpf(check_rand_float(-1.0f, 1.0f), check_rand_int(-30, 9));
    case FILL_HOSTILE:
        return hostile();
    default:
        return 0.0f;
    }
}

static inline void fill_floats(float *p, size_t n, int fill, float range)
{
    for (size_t i = 0; i < n; i++) p[i] = value(fill, (int)(i & 1), range);
}

static inline void fill_halves(uint16_t *p, size_t n, int fill, float range)
{
    for (size_t i = 0; i < n; i++) p[i] = lutra_f32_to_f16(value(fill, (int)(i & 1), range));
}

static inline void *guarded(size_t n, size_t size)
{
    return check_guard(n * size, size);
}

/* Signs and payloads of NaN are the hardware's own: make them one before comparing. */
static inline void one_nan(float *p, size_t n)
{
    static const uint32_t nan_bits = 0x7fc00000;
    for (size_t i = 0; i < n; i++) {
        if (isnan(p[i])) memcpy(p + i, &nan_bits, sizeof nan_bits);
    }
}

static inline void one_nan_half(uint16_t *p, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if ((p[i] & 0x7fff) > 0x7c00) p[i] = 0x7e00;
    }
}

static inline void check_close(const float *y, const double *ref, const double *tol, int n)
{
    for (int i = 0; i < n; i++) {
        if (!(fabs(y[i] - ref[i]) <= tol[i])) CHECK_NEAR(y[i], ref[i], tol[i]);
    }
}

/* ---- sizes ---- */

static const int long_sizes[] = {96, 127, 128, 130, 576, 640, 1023, 1024, 1536, 2048};

static inline int size_at(int i) /* 1..70, then the long ones, then 0 */
{
    int n_long = (int)(sizeof long_sizes / sizeof *long_sizes);
    return i < 70 ? i + 1 : i < 70 + n_long ? long_sizes[i - 70] : 0;
}

/* ---- bench ---- */

struct bench {
    const struct lutra_ops *ops;
    void *arg; /* what the timed function knows beside the level */
};

static inline void time_levels(const char *name, void (*fn)(void *), void *arg)
{
    struct bench b = {NULL, arg};
    printf("%-32s", name);
    for (int l = 0; l < n_levels; l++) {
        b.ops = &levels[l].ops;
        printf("  %s %10.0f ns", levels[l].name, check_time(fn, &b, 0.05) * 1e9);
    }
    printf("\n");
}

#endif
