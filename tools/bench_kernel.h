/* SPDX-License-Identifier: MIT */
/* One packed random matrix and its product with random vectors, timed without a model around it. */
#ifndef LUTRA_TOOLS_BENCH_KERNEL_H
#define LUTRA_TOOLS_BENCH_KERNEL_H

#include "kernels/arena.h"
#include "kernels/matmul.h"
#include "tools/bench.h"

struct lutra_kernel_case {
    int type, rows, cols;
    bool ternary; /* base-3 codes (TQ2_0) */
    bool quint;   /* five trits a byte (TQ2_0) */
    int bits;     /* above 0: planes of so many bits instead of a type, ... */
    int group;    /* ... one scale for so many columns; 0: one per row */
};

enum { LUTRA_KERNEL_COPIES = 64 };

struct lutra_kernel_bench {
    struct lutra_arena arena;
    struct lutra_ops ops;
    struct lutra_pool *pool;
    struct lutra_engine engine;
    struct lutra_mat
        mats[LUTRA_KERNEL_COPIES]; /* the same weights: with --cold no copy stays cached */
    int n_mats, turn, most_vectors;
    float *x, *y;
    void *act_mem;
    struct lutra_act act;
};

struct lutra_kernel_time {
    double ns; /* of one product: interquartile mean of the samples */
    struct lutra_interval interval;
    double best_ns;
    double table_ns; /* quantizing the vectors and building their tables, best */
};

/* Settings that all kernel benchmarks share, from the options. -1, or an exit code. */
struct lutra_kernel_settings {
    uint32_t features;
    int n_threads;
    uint64_t cold_bytes; /* 0, or how far the weights must spread to come from memory */
    enum lutra_mode mode; /* --way */
};
int lutra_kernel_settings(struct lutra_kernel_settings *s, const struct lutra_bench_options *o);

/* The low-bit types among `names` ("Q4_0,TQ2_0"; NULL: all), shapes left open; returns their count, 0
 * after reporting that there is none. Types that are packed alike (TQ1_0 as TQ2_0) stand once; TQ2_0
 * stands as base-3 codes, which is how BitNet runs, as two planes and as five trits a byte. */
int lutra_kernel_types(const char *names, struct lutra_kernel_case *types, int cap);
/* Is this a way that the level of the settings takes? Five trits a byte are AVX-512's. */
bool lutra_kernel_runs(const struct lutra_kernel_case *c, const struct lutra_kernel_settings *s);
/* "planes", "dense", "base 3", "quint", "int8", "book", "float" */
const char *lutra_kernel_kind(const struct lutra_mat *m);

/* "4096x4096": rows x columns. */
bool lutra_kernel_shape(const char *text, int *rows, int *cols);

lutra_status lutra_kernel_open(struct lutra_kernel_bench *b, const struct lutra_kernel_case *c,
                               const struct lutra_kernel_settings *s, int most_vectors,
                               lutra_error *err);
void lutra_kernel_close(struct lutra_kernel_bench *b);

/* n vectors at once, 1 <= n <= most_vectors. */
struct lutra_kernel_time lutra_kernel_measure(struct lutra_kernel_bench *b, int n);

/* The parts of it, for those who measure several matrices in turn: fill tables, warm up and find
 * how often a sample repeats the product; then take samples, each nanoseconds of one product. */
int lutra_kernel_begin(struct lutra_kernel_bench *b, int n, double *table_ns);
double lutra_kernel_sample(struct lutra_kernel_bench *b, int n, int repeat);

/* Nanoseconds of all that n vectors take once: quantizing them, building tables, multiplying. */
double lutra_kernel_whole(struct lutra_kernel_bench *b, int n);

#endif
