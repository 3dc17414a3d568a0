/* SPDX-License-Identifier: MIT */
/* How many threads it takes to read memory as fast as it goes. Decode reads all weights for each
 * token and does little with them: threads beyond that only wait, and cost heat and the clock of
 * the others.
 *
 * A probe takes about LUTRA_PROBE_MS. It is not worth that with fewer than LUTRA_PROBE_THREADS
 * threads, nor with weights below LUTRA_PROBE_BYTES, which caches hold or which are read in a few
 * ms anyway. */
#ifndef LUTRA_KERNELS_PROBE_H
#define LUTRA_KERNELS_PROBE_H

#include "kernels/pool.h"

enum { LUTRA_PROBE_COUNTS = 8, LUTRA_PROBE_THREADS = 3, LUTRA_PROBE_MS = 120 };
#define LUTRA_PROBE_BYTES ((size_t)256 << 20)

/* The fewest of threads[0..n), rising, whose rate (bytes per second) is within 3 % of the best.
 * why: one line. */
int lutra_probe_enough(const int *threads, const double *rates, int n, char *why, size_t why_cap);

/* The counts worth trying up to n_threads, rising; returns how many. */
int lutra_probe_counts(int n_threads, int counts[LUTRA_PROBE_COUNTS]);

/* Some tens of MiB of work on the pool, other ones each time; returns the bytes read. */
typedef size_t (*lutra_probe_fn)(void *arg, struct lutra_pool *pool);

/* Run fn with more and fewer threads in turn, at least three rounds, and say how many are enough.
 * n_threads, and why "", if they are too few or cannot be had. */
int lutra_probe_run(lutra_probe_fn fn, void *arg, int n_threads, char *why, size_t why_cap);

#endif
