/* SPDX-License-Identifier: MIT */
/* Fewer and more threads on the same work, the best of each. */
#include "kernels/probe.h"

#include <time.h>

enum { ROUNDS = 3, MOST_ROUNDS = 50 };
static const double enough_part = 0.97;

int lutra_probe_enough(const int *threads, const double *rates, int n, char *why, size_t why_cap)
{
    int best = 0, enough = 0;
    for (int i = 1; i < n; i++)
        if (rates[i] > rates[best]) best = i;
    while (rates[enough] < enough_part * rates[best]) enough++;
    if (enough < n - 1)
        lutra_format(why, why_cap, "memory is saturated: %d thread%s read %.1f GB/s, %d read %.1f",
                     threads[enough], threads[enough] == 1 ? "" : "s", rates[enough] / 1e9,
                     threads[n - 1], rates[n - 1] / 1e9);
    else if (n > 1)
        lutra_format(why, why_cap, "%d threads read %.1f GB/s, %d only %.1f", threads[n - 1],
                     rates[n - 1] / 1e9, threads[n - 2], rates[n - 2] / 1e9);
    else
        lutra_format(why, why_cap, "1 thread reads %.1f GB/s", rates[0] / 1e9);
    return threads[enough];
}

int lutra_probe_counts(int n_threads, int counts[LUTRA_PROBE_COUNTS])
{
    int n = 0, step = (n_threads + LUTRA_PROBE_COUNTS - 1) / LUTRA_PROBE_COUNTS;
    for (int t = n_threads - (LUTRA_PROBE_COUNTS - 1) * step; t <= n_threads; t += step)
        if (t >= 1) counts[n++] = t;
    return n;
}

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

int lutra_probe_run(lutra_probe_fn fn, void *arg, int n_threads, char *why, size_t why_cap)
{
    int counts[LUTRA_PROBE_COUNTS], n = 0;
    double rates[LUTRA_PROBE_COUNTS] = {0}, end = now() + 1e-3 * LUTRA_PROBE_MS;
    struct lutra_pool *pool = NULL;
    lutra_format(why, why_cap, "%s", "");
    if (n_threads < LUTRA_PROBE_THREADS || lutra_pool_open(&pool, n_threads, NULL, NULL))
        return n_threads;
    if (lutra_pool_size(pool) == n_threads) n = lutra_probe_counts(n_threads, counts);
    for (int r = 0; n && r < MOST_ROUNDS && (r < ROUNDS || now() < end); r++)
        for (int i = 0; i < n; i++) {
            lutra_pool_limit(pool, counts[i]);
            double start = now();
            size_t bytes = fn(arg, pool);
            double rate = (double)bytes / (now() - start);
            if (rate > rates[i]) rates[i] = rate;
        }
    lutra_pool_close(pool);
    return n ? lutra_probe_enough(counts, rates, n, why, why_cap) : n_threads;
}
