/* SPDX-License-Identifier: MIT */
/* A thread pool that splits rows. It knows nothing of matrices.
 *
 * Results never depend on the thread count: a job is cut into chunks of items, every item is
 * computed by exactly one thread, and no reduction crosses items. Every thread has a share of
 * neighbouring chunks, and takes those that slower ones have not come to. Workers spin briefly after
 * a job (the next one usually follows within microseconds), then sleep: an idle pool uses no CPU. */
#ifndef LUTRA_KERNELS_POOL_H
#define LUTRA_KERNELS_POOL_H

#include "kernels/base.h"

struct lutra_pool;

/* items [begin, end) of the job; `thread` in [0, lutra_pool_size) names the scratch to use */
typedef void (*lutra_pool_fn)(void *arg, int begin, int end, int thread);

/* Start n_threads-1 workers; the caller of lutra_pool_run is thread 0. If the system refuses some
 * threads the pool works with those it got (lutra_pool_size tells). n_threads in [1, 256]. `cpus`:
 * NULL, or n_threads CPU numbers: worker t is bound to cpus[t] (a failed binding is ignored). The
 * caller's own affinity is left alone, so cpus[0] only stays free of workers. Workers block all
 * signals. Errors LUTRA_EINVAL, LUTRA_ENOMEM. */
lutra_status lutra_pool_open(struct lutra_pool **out, int n_threads, const int *cpus,
                             lutra_error *err);

/* For tests: the same on a system that grants only n_granted threads, the caller's included. */
lutra_status lutra_pool_open_short(struct lutra_pool **out, int n_threads, const int *cpus,
                                   int n_granted, lutra_error *err);

/* Run fn over [0, n_items) in chunks of `grain` items (the last one may be shorter); returns when
 * all are done, and all they wrote is visible to the caller. At most `lutra_pool_limit` threads
 * take part. One caller at a time; fn must not call this again. */
void lutra_pool_run(struct lutra_pool *pool, int n_items, int grain, lutra_pool_fn fn, void *arg);

/* Use at most n threads (1..size) from the next run on: decode and prefill want different counts.
 * Between runs only, by the thread that runs. */
void lutra_pool_limit(struct lutra_pool *pool, int n);

int lutra_pool_size(const struct lutra_pool *pool);
void lutra_pool_close(struct lutra_pool *pool); /* NULL is fine */

#endif
