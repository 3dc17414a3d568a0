/* SPDX-License-Identifier: MIT */
/* Means, bootstrap intervals, least squares. */
#include "tools/bench_stats.h"

#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { DRAWS = 2000 };

double lutra_bench_mean(const double *v, int n)
{
    double sum = 0;
    for (int i = 0; i < n; i++) sum += v[i];
    return n > 0 ? sum / n : NAN;
}

double lutra_bench_sd(const double *v, int n)
{
    double mean = lutra_bench_mean(v, n), sum = 0;
    for (int i = 0; i < n; i++) sum += (v[i] - mean) * (v[i] - mean);
    return n > 1 ? sqrt(sum / (n - 1)) : 0.0;
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* n sorted values, value i standing count[i] times (NULL: once), are laid side by side on a line of
 * length n; what lies in its middle half counts. */
static double middle_mean(const double *sorted, const uint32_t *count, int n)
{
    double low = n / 4.0, high = n - low, sum = 0, at = 0;
    for (int i = 0; i < n; i++) {
        double end = at + (count ? count[i] : 1);
        double from = at > low ? at : low, to = end < high ? end : high;
        if (to > from) sum += sorted[i] * (to - from);
        at = end;
    }
    return n > 0 ? sum / (high - low) : NAN;
}

double lutra_bench_iqm(const double *v, int n)
{
    double *sorted = malloc(sizeof *sorted * (size_t)(n > 0 ? n : 1)), mean = NAN;
    if (sorted == NULL) return NAN;
    if (n > 0) memcpy(sorted, v, sizeof *sorted * (size_t)n);
    qsort(sorted, (size_t)(n > 0 ? n : 0), sizeof *sorted, by_value);
    mean = middle_mean(sorted, NULL, n);
    free(sorted);
    return mean;
}

static uint64_t next_random(uint64_t *state) /* splitmix64 */
{
    uint64_t z = (*state += 0x9E3779B97F4A7C15u);
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return z ^ (z >> 31);
}

struct lutra_interval lutra_bench_interval(const double *v, int n)
{
    struct lutra_interval r = {NAN, NAN};
    if (n < 2) return r;
    double *sorted = malloc(sizeof *sorted * ((size_t)n + DRAWS));
    uint32_t *count = malloc(sizeof *count * (size_t)n);
    uint64_t state = 1;
    if (sorted == NULL || count == NULL) {
        free(sorted);
        free(count);
        return r;
    }
    double *means = sorted + n;
    memcpy(sorted, v, sizeof *sorted * (size_t)n);
    qsort(sorted, (size_t)n, sizeof *sorted, by_value);
    for (int d = 0; d < DRAWS; d++) {
        memset(count, 0, sizeof *count * (size_t)n);
        for (int i = 0; i < n; i++) count[(next_random(&state) >> 32) * (uint64_t)n >> 32]++;
        means[d] = middle_mean(sorted, count, n);
    }
    qsort(means, DRAWS, sizeof *means, by_value);
    r.low = means[DRAWS / 40 - 1]; /* 2.5 % lie at or below it */
    r.high = means[DRAWS - DRAWS / 40];
    free(sorted);
    free(count);
    return r;
}

struct lutra_fit lutra_bench_fit(const double *x, const double *y, int n)
{
    double mx = lutra_bench_mean(x, n), my = lutra_bench_mean(y, n), xx = 0, xy = 0, yy = 0;
    struct lutra_fit f = {NAN, NAN, NAN};
    for (int i = 0; i < n; i++) {
        xx += (x[i] - mx) * (x[i] - mx);
        xy += (x[i] - mx) * (y[i] - my);
        yy += (y[i] - my) * (y[i] - my);
    }
    if (!(xx > 0)) return f;
    f.slope = xy / xx;
    f.intercept = my - f.slope * mx;
    if (n > 2 && yy > 0) f.r2 = xy * xy / (xx * yy);
    return f;
}
