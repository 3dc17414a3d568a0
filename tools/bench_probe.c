/* SPDX-License-Identifier: MIT */
/* How fast these threads can read memory: the roof that decode is measured against. */
#include <math.h>
#include <string.h>

#include "kernels/arena.h"
#include "kernels/cpu.h"
#include "kernels/pool.h"
#include "kernels/ram.h"
#include "tools/bench.h"
#include "tools/bench_sensors.h"

enum {
    LEAST = 512 << 20, /* beyond the caches of anything with less than 128 MiB */
    PASSES = 3,
    PARTS = 4,
    CHUNK = 1 << 20, /* handed out like the tiles of a matrix */
    AHEAD = 2048,    /* bytes prefetched ahead, */
    FAR_AHEAD = 8192 /* or as far as the kernels do */
};
#define MOST ((size_t)2 << 30)

/* Sums n bytes, a multiple of 512, at a 64-byte aligned address. */
typedef uint64_t (*read_fn)(const uint8_t *p, size_t n);

/* Eight sums of vectors of `bytes`: no load waits for an addition. */
#define READ_LOOP(name, vector, attribute, ahead)                                                  \
    attribute static uint64_t name(const uint8_t *p, size_t n)                                     \
    {                                                                                              \
        vector s[8] = {{0}};                                                                       \
        for (size_t at = 0; at < n; at += 8 * sizeof(vector)) {                                    \
            const vector *v = (const vector *)(const void *)(p + at);                              \
            for (size_t line = 0; (ahead) > 0 && line < 8 * sizeof(vector); line += 64)            \
                __builtin_prefetch(p + at + line + ahead, 0, 3);                                   \
            for (int i = 0; i < 8; i++) s[i] += v[i];                                              \
        }                                                                                          \
        for (int i = 1; i < 8; i++) s[0] += s[i];                                                  \
        uint64_t sum = 0;                                                                          \
        for (size_t i = 0; i < sizeof(vector) / 8; i++) sum += s[0][i];                            \
        return sum;                                                                                \
    }

typedef uint64_t vector16 __attribute__((vector_size(16), may_alias));
READ_LOOP(read16, vector16, , 0)
READ_LOOP(read16_ahead, vector16, , AHEAD)
READ_LOOP(read16_far, vector16, , FAR_AHEAD)
#if defined(__x86_64__)
typedef uint64_t vector32 __attribute__((vector_size(32), may_alias));
typedef uint64_t vector64 __attribute__((vector_size(64), may_alias));
READ_LOOP(read32, vector32, __attribute__((target("avx2"))), 0)
READ_LOOP(read32_ahead, vector32, __attribute__((target("avx2"))), AHEAD)
READ_LOOP(read64, vector64, __attribute__((target("avx512f"))), 0)
READ_LOOP(read64_ahead, vector64, __attribute__((target("avx512f"))), AHEAD)
READ_LOOP(read64_far, vector64, __attribute__((target("avx512f"))), FAR_AHEAD)
#endif

static const struct {
    read_fn read;
    uint32_t needs;
} loops[] = {
    {read16, 0},
    {read16_ahead, 0},
    {read16_far, 0},
#if defined(__x86_64__)
    {read32, LUTRA_CPU_AVX2},
    {read32_ahead, LUTRA_CPU_AVX2},
    {read64, LUTRA_CPU_AVX512},
    {read64_ahead, LUTRA_CPU_AVX512},
    {read64_far, LUTRA_CPU_AVX512},
#endif
};

struct job {
    const uint8_t *p;
    read_fn read;
    uint64_t sum[256]; /* per thread; never printed, but it must be computed */
};

static void read_chunks(void *arg, int begin, int end, int thread)
{
    struct job *j = arg;
    j->sum[thread] += j->read(j->p + (size_t)begin * CHUNK, (size_t)(end - begin) * CHUNK);
}

/* Bytes per second of one pass. */
static double one_pass(struct lutra_pool *pool, struct job *j, int chunks, int grain)
{
    double start = lutra_cli_now();
    lutra_pool_run(pool, chunks, grain, read_chunks, j);
    return (double)chunks * CHUNK / (lutra_cli_now() - start);
}

/* `chunks` chunks from p on by way k: every loop with its chunks dealt out, and with one run for each thread. */
static double one_way(struct lutra_pool *pool, size_t k, const uint8_t *p, int chunks)
{
    const int threads = lutra_pool_size(pool);
    struct job j = {.p = p, .read = loops[k / 2].read};
    double rate = one_pass(pool, &j, chunks, k & 1 ? (chunks + threads - 1) / threads : 1);
    volatile uint64_t keep = j.sum[0];
    (void)keep;
    return rate;
}

/* All ways read a part, each another one than that before it, so that none finds its own in a cache; the best two
 * then read everything. */
static double best_rate(struct lutra_pool *pool, const uint8_t *p, size_t bytes)
{
    const uint32_t have = lutra_cpu_detect();
    const int chunks = (int)(bytes / CHUNK), part = chunks / PARTS;
    size_t first = 0, second = 0;
    double best = 0, rates[2] = {0, 0};
    for (size_t k = 0; k < 2 * sizeof loops / sizeof *loops; k++) {
        if ((loops[k / 2].needs & have) != loops[k / 2].needs) continue;
        const double rate = one_way(pool, k, p + k % PARTS * (size_t)part * CHUNK, part);
        if (rate > rates[0]) {
            second = first;
            rates[1] = rates[0];
            first = k;
            rates[0] = rate;
        } else if (rate > rates[1]) {
            second = k;
            rates[1] = rate;
        }
    }
    for (int pass = 0; pass < 2 * PASSES; pass++) {
        const double rate = one_way(pool, pass & 1 ? second : first, p, chunks);
        if (rate > best) best = rate;
    }
    return best;
}

static void touch_chunks(void *arg, int begin, int end, int thread)
{
    (void)thread;
    memset((uint8_t *)arg + (size_t)begin * CHUNK, 1, (size_t)(end - begin) * CHUNK);
}

double lutra_bench_bandwidth(int n_threads, const void *memory, size_t bytes, uint64_t cache_bytes)
{
    struct lutra_arena a = {0};
    struct lutra_pool *pool = NULL;
    size_t need = cache_bytes * 4 > LEAST ? (size_t)cache_bytes * 4 : (size_t)LEAST;
    double rate = NAN;
    bool own = memory == NULL || bytes < need;
    if (lutra_pool_open(&pool, n_threads, NULL, NULL)) return NAN;
    if (own) {
        uint64_t room = lutra_ram_available();
        bool fits = (room == 0 || room > (uint64_t)need + (256u << 20)) &&
                    lutra_arena_open(&a, need, NULL) == LUTRA_OK;
        memory = fits ? lutra_arena_take(&a, need) : NULL;
        bytes = need;
        if (memory) lutra_pool_run(pool, (int)(need / CHUNK), 1, touch_chunks, a.base);
    }
    if (memory && lutra_pool_size(pool) == n_threads)
        rate = best_rate(pool, memory, bytes > MOST && need < MOST ? MOST : bytes);
    lutra_pool_close(pool);
    lutra_arena_close(&a);
    return rate;
}
