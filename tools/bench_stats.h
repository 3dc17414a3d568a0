/* SPDX-License-Identifier: MIT */
/* Figures from samples: means, intervals, a line through points. Unknown is NaN throughout. */
#ifndef LUTRA_TOOLS_BENCH_STATS_H
#define LUTRA_TOOLS_BENCH_STATS_H

struct lutra_interval {
    double low, high;
};

double lutra_bench_mean(const double *v, int n);
double lutra_bench_sd(const double *v, int n); /* of a sample: n - 1 below the sum; 0 for n < 2 */

/* Mean of the middle half of the sorted values; a quarter of n that is not whole is cut from a
 * value's weight. One disturbed run in five does not move it far. */
double lutra_bench_iqm(const double *v, int n);

/* 95 % interval of the interquartile mean by bootstrap: percentiles of the means of 2000 samples
 * drawn with replacement, from a fixed seed. n < 2: both ends NaN. */
struct lutra_interval lutra_bench_interval(const double *v, int n);

/* y = slope * x + intercept by least squares; r2 is NaN for fewer than three points. */
struct lutra_fit {
    double slope, intercept, r2;
};
struct lutra_fit lutra_bench_fit(const double *x, const double *y, int n);

#endif
