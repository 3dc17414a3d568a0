/* SPDX-License-Identifier: MIT */
/* The thread pool: one word of state, a counter of chunks for each thread, workers that spin and then sleep.
 *
 * A run opens a job, works on it like any other thread, closes it, and waits only for the workers
 * that are inside. A worker that was asleep or off its CPU meanwhile is not waited for: it finds
 * the job closed and never looks at it. So a small job costs no more than its caller's own time,
 * and more threads than CPUs cost little.
 *
 * Chunks lie in spans, one for each thread, which takes them in order: what it fetches ahead is its own
 * next chunk. A thread that is through with its span takes from the front of the others'.
 *
 *   state    63                     16 15            1    0
 *            | number of the job      | workers inside | open |
 *
 * The fields of the job are written while the state is closed and nobody is inside; a worker reads
 * them only after it has entered by compare-and-swap on an open state, and leaves by a releasing
 * subtraction. Those two operations order all memory that a job reads and writes. */
#include "kernels/pool.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdalign.h>
#include <stdatomic.h>
#include <time.h>

#include "kernels/arena.h"
#include "kernels/cpu.h"

#define MAX_THREADS 256
#define JOB_OPEN ((uint64_t)1)
#define ONE_INSIDE ((uint64_t)2)
#define INSIDE_MASK ((uint64_t)0xfffe)
#define JOB_SHIFT 16

/* How long a worker looks out for the next job before it sleeps. Jobs of one token follow each
 * other within 1 to 20 us; waking a sleeper costs 5 to 50 us. The time between tokens (sampling,
 * printing) is not worth bridging. */
#define SPIN_NS 50000

/* Polls between two looks at the clock: a relax takes 1 to 50 ns, the clock 25 or more */
#define POLLS 32

/* Some C libraries give threads 128 KiB; kernels keep small tables on the stack */
#define STACK_BYTES ((size_t)2 << 20)

/* Chunks of one thread, counted in a cache line of their own. */
struct span {
    alignas(LUTRA_ALIGN) atomic_uint next; /* first chunk nobody has taken */
    unsigned end;
};

struct worker {
    alignas(LUTRA_ALIGN) struct lutra_pool *pool;
    int index; /* 1 .. size-1: the caller of run is 0 */
    int cpu;   /* to bind to, or -1 */
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t wake;
    atomic_bool asleep; /* changed under the lock, read without it */
    struct span span;
};

struct job {
    lutra_pool_fn fn;
    void *arg;
    int n_items, grain, n_spans;
};

struct lutra_pool {
    alignas(LUTRA_ALIGN) atomic_uint_fast64_t state; /* polled by all: a cache line of its own */
    alignas(LUTRA_ALIGN) struct job job;
    alignas(LUTRA_ALIGN) atomic_int limit; /* threads that may take part */
    atomic_bool crowded;                   /* they are more than the CPUs */
    atomic_bool quit;
    int size; /* threads, the caller included */
    int n_cpus;
    struct worker *workers; /* [size], the first for its span alone */
};

static int64_t now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

/* ---- work ---- */

static void do_chunk(const struct job *job, int chunk, int thread)
{
    int begin = chunk * job->grain;
    int end = job->n_items - begin > job->grain ? begin + job->grain : job->n_items;
    job->fn(job->arg, begin, end, thread);
}

/* Chunks of a span as long as there are any. */
static void take_span(const struct job *job, struct span *span, int thread)
{
    for (;;) {
        /* unsigned: every thread takes one number too many, which may lie beyond INT_MAX */
        unsigned chunk = atomic_fetch_add_explicit(&span->next, 1, memory_order_relaxed);
        if (chunk >= span->end) return;
        do_chunk(job, (int)chunk, thread);
    }
}

static void take_chunks(struct lutra_pool *pool, int thread)
{
    const struct job *job = &pool->job;
    for (int i = 0; i < job->n_spans; i++)
        take_span(job, &pool->workers[(thread + i) % job->n_spans].span, thread);
}

static void cut_spans(struct lutra_pool *pool, int n_spans, int n_chunks)
{
    for (int i = 0; i < n_spans; i++) {
        struct span *span = &pool->workers[i].span;
        atomic_store_explicit(&span->next, (unsigned)((int64_t)n_chunks * i / n_spans), memory_order_relaxed);
        span->end = (unsigned)((int64_t)n_chunks * (i + 1) / n_spans);
    }
}

/* Is there a job that this worker has not seen and may join? */
static bool has_job(struct worker *w, uint64_t seen, uint64_t *state)
{
    *state = atomic_load(&w->pool->state);
    return (*state & JOB_OPEN) && *state >> JOB_SHIFT != seen &&
           w->index < atomic_load(&w->pool->limit);
}

static void try_job(struct worker *w, uint64_t state)
{
    struct lutra_pool *pool = w->pool;
    uint64_t job = state >> JOB_SHIFT;
    while ((state & JOB_OPEN) && state >> JOB_SHIFT == job) {
        if (!atomic_compare_exchange_weak(&pool->state, &state, state + ONE_INSIDE)) continue;
        take_chunks(pool, w->index);
        atomic_fetch_sub(&pool->state, ONE_INSIDE);
        return;
    }
}

/* ---- waiting ---- */

static void look_out(struct worker *w, uint64_t seen, uint64_t *state)
{
    int64_t end = now_ns() + SPIN_NS;
    do {
        for (int i = 0; i < POLLS; i++) {
            if (has_job(w, seen, state) || atomic_load(&w->pool->quit)) return;
            lutra_relax();
        }
        /* the CPU this worker spins on may be the one that another thread's chunk waits for */
        if (atomic_load(&w->pool->crowded)) sched_yield();
    } while (now_ns() < end);
}

/* Sleep until woken. The flag goes up before the last look at the state, the caller publishes a job
 * before it looks at the flag: one of the two sees the other (sequential consistency). */
static void fall_asleep(struct worker *w, uint64_t seen)
{
    uint64_t state;
    pthread_mutex_lock(&w->lock);
    atomic_store(&w->asleep, true);
    if (has_job(w, seen, &state) || atomic_load(&w->pool->quit)) atomic_store(&w->asleep, false);
    while (atomic_load(&w->asleep)) pthread_cond_wait(&w->wake, &w->lock);
    pthread_mutex_unlock(&w->lock);
}

static void rouse(struct worker *w)
{
    if (!atomic_load(&w->asleep)) return;
    pthread_mutex_lock(&w->lock);
    atomic_store(&w->asleep, false);
    pthread_mutex_unlock(&w->lock);
    pthread_cond_signal(&w->wake);
}

static void *worker_main(void *arg)
{
    struct worker *w = arg;
    uint64_t seen = 0, state;
    if (w->cpu >= 0) lutra_cpu_bind(w->cpu);
    for (;;) {
        look_out(w, seen, &state);
        if (atomic_load(&w->pool->quit)) return NULL;
        if (!has_job(w, seen, &state)) {
            fall_asleep(w, seen);
            continue;
        }
        seen = state >> JOB_SHIFT;
        try_job(w, state);
    }
}

/* Wait until the workers inside have left: at most the length of one chunk. */
static void wait_empty(struct lutra_pool *pool)
{
    int patience = atomic_load_explicit(&pool->crowded, memory_order_relaxed) ? POLLS : 64 * POLLS;
    while (atomic_load(&pool->state) & INSIDE_MASK) {
        if (patience > 0) {
            patience--;
            lutra_relax();
        } else {
            sched_yield(); /* the worker is off its CPU: it can have this one */
        }
    }
}

/* ---- the public face ---- */

void lutra_pool_run(struct lutra_pool *pool, int n_items, int grain, lutra_pool_fn fn, void *arg)
{
    if (n_items <= 0) return;
    if (grain < 1) grain = 1;
    int n_chunks = n_items / grain + (n_items % grain != 0);
    int limit = atomic_load_explicit(&pool->limit, memory_order_relaxed);
    int useful = limit < n_chunks ? limit : n_chunks;
    struct job job = {fn, arg, n_items, grain, useful};
    if (useful == 1) {
        for (int i = 0; i < n_chunks; i++) do_chunk(&job, i, 0);
        return;
    }
    pool->job = job;
    cut_spans(pool, useful, n_chunks);
    uint64_t last = atomic_load_explicit(&pool->state, memory_order_relaxed) >> JOB_SHIFT;
    atomic_store(&pool->state, (last + 1) << JOB_SHIFT | JOB_OPEN);
    for (int t = 1; t < useful; t++) rouse(&pool->workers[t]);
    take_chunks(pool, 0);
    atomic_fetch_and(&pool->state, ~JOB_OPEN);
    wait_empty(pool);
}

void lutra_pool_limit(struct lutra_pool *pool, int n)
{
    n = n < 1 ? 1 : n > pool->size ? pool->size : n;
    atomic_store(&pool->limit, n);
    atomic_store(&pool->crowded, n > pool->n_cpus);
}

int lutra_pool_size(const struct lutra_pool *pool)
{
    return pool->size;
}

static bool start_worker(struct lutra_pool *pool, int index, int cpu, const pthread_attr_t *attr)
{
    struct worker *w = &pool->workers[index];
    w->pool = pool;
    w->index = index;
    w->cpu = cpu;
    atomic_init(&w->asleep, false);
    if (pthread_mutex_init(&w->lock, NULL) != 0) return false;
    if (pthread_cond_init(&w->wake, NULL) != 0) goto no_cond;
    if (pthread_create(&w->thread, attr, worker_main, w) == 0) return true;
    pthread_cond_destroy(&w->wake);
no_cond:
    pthread_mutex_destroy(&w->lock);
    return false;
}

static void start_workers(struct lutra_pool *pool, int n_threads, const int *cpus, int n_granted)
{
    pthread_attr_t attr;
    if (pthread_attr_init(&attr) != 0) return;
    pthread_attr_setstacksize(&attr, STACK_BYTES);
    /* workers take no signals: an interrupt belongs to the program's own threads. What a thread's own
     * fault raises reaches the program's handler, if it has one, as it would from its own threads. */
    static const int own[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP};
    sigset_t all, old;
    sigfillset(&all);
    for (size_t i = 0; i < sizeof own / sizeof *own; i++) sigdelset(&all, own[i]);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    while (pool->size < n_threads && pool->size < n_granted) {
        int t = pool->size;
        if (!start_worker(pool, t, cpus ? cpus[t] : -1, &attr)) break;
        pool->size++;
    }
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    pthread_attr_destroy(&attr);
}

lutra_status lutra_pool_open_short(struct lutra_pool **out, int n_threads, const int *cpus,
                                   int n_granted, lutra_error *err)
{
    *out = NULL;
    if (n_threads < 1 || n_threads > MAX_THREADS) {
        return lutra_fail(err, LUTRA_EINVAL, "%d threads asked for: 1 to %d are possible",
                          n_threads, MAX_THREADS);
    }
    struct lutra_pool *pool = lutra_aligned_zeroed(sizeof *pool);
    struct worker *workers = lutra_aligned_zeroed((size_t)n_threads * sizeof *workers);
    if (!pool || !workers) {
        lutra_aligned_free(pool);
        lutra_aligned_free(workers);
        return lutra_fail(err, LUTRA_ENOMEM, "no memory for %d threads", n_threads);
    }
    pool->workers = workers;
    pool->size = 1;
    int cpu_list[MAX_THREADS];
    pool->n_cpus = lutra_cpu_allowed(cpu_list, MAX_THREADS);
    atomic_init(&pool->state, 0);
    for (int t = 0; t < n_threads; t++) atomic_init(&workers[t].span.next, 0);
    atomic_init(&pool->quit, false);
    atomic_init(&pool->limit, n_threads);
    atomic_init(&pool->crowded, n_threads > pool->n_cpus);
    start_workers(pool, n_threads, cpus, n_granted);
    lutra_pool_limit(pool, pool->size);
    *out = pool;
    return LUTRA_OK;
}

lutra_status lutra_pool_open(struct lutra_pool **out, int n_threads, const int *cpus,
                             lutra_error *err)
{
    return lutra_pool_open_short(out, n_threads, cpus, n_threads, err);
}

void lutra_pool_close(struct lutra_pool *pool)
{
    if (!pool) return;
    atomic_store(&pool->quit, true);
    for (int t = 1; t < pool->size; t++) {
        struct worker *w = &pool->workers[t];
        rouse(w);
        pthread_join(w->thread, NULL);
        pthread_cond_destroy(&w->wake);
        pthread_mutex_destroy(&w->lock);
    }
    lutra_aligned_free(pool->workers);
    lutra_aligned_free(pool);
}
