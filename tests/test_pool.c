/* SPDX-License-Identifier: MIT */
/* The pool: every item once, by one thread, seen by the caller; run this one under TSan too. */
#include "kernels/pool.h"

#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "kernels/cpu.h"
#include "tests/check.h"

#define MAX_ITEMS 5000

struct probe {
    int done[MAX_ITEMS]; /* plain memory on purpose: a second writer is a race for TSan */
    int grain, n_items, limit;
    atomic_int inside[256]; /* threads by number: never two at once */
    atomic_int n_bad;
    atomic_int seen[256];
};

static void touch(void *arg, int begin, int end, int thread)
{
    struct probe *p = arg;
    bool ok = thread >= 0 && thread < p->limit && begin >= 0 && begin < end && end <= p->n_items;
    ok = ok && begin % p->grain == 0 && (end - begin == p->grain || end == p->n_items);
    if (!ok || atomic_fetch_add(&p->inside[thread], 1) != 0) {
        atomic_fetch_add(&p->n_bad, 1);
        return;
    }
    for (int i = begin; i < end; i++) p->done[i]++;
    atomic_fetch_add(&p->seen[thread], 1);
    atomic_fetch_sub(&p->inside[thread], 1);
}

/* One run, and what must be true after it. */
static void run_once(struct lutra_pool *pool, struct probe *p, int n_items, int grain, int limit)
{
    p->n_items = n_items;
    p->grain = grain < 1 ? 1 : grain;
    p->limit = limit;
    lutra_pool_run(pool, n_items, grain, touch, p);
    int wrong = 0;
    for (int i = 0; i < MAX_ITEMS; i++) wrong += p->done[i] != (i < n_items);
    CHECK_EQ(wrong, 0);
    CHECK_EQ(atomic_load(&p->n_bad), 0);
    if (n_items > 0) memset(p->done, 0, (size_t)n_items * sizeof *p->done);
}

static struct lutra_pool *open_pool(int n_threads)
{
    struct lutra_pool *pool;
    lutra_error err;
    CHECK_EQ(lutra_pool_open(&pool, n_threads, NULL, &err), LUTRA_OK);
    return pool;
}

static void shapes(struct probe *p, int n_threads)
{
    static const int items[] = {0, -1, 1, 2, 3, 7, 64, 1000, MAX_ITEMS};
    static const int grains[] = {1, 2, 3, 64, 999, 100000, 0, -5};
    struct lutra_pool *pool = open_pool(n_threads);
    int size = lutra_pool_size(pool);
    CHECK(size >= 1 && size <= n_threads);
    for (size_t i = 0; i < sizeof items / sizeof *items; i++) {
        for (size_t g = 0; g < sizeof grains / sizeof *grains; g++) {
            run_once(pool, p, items[i], grains[g], size);
        }
    }
    for (int round = 0; round < 300; round++) {
        run_once(pool, p, check_rand_int(1, 300), check_rand_int(1, 20), size);
    }
    lutra_pool_close(pool);
}

static void refused(struct probe *p, int n_threads, int n_granted)
{
    struct lutra_pool *pool;
    lutra_error err;
    CHECK_EQ(lutra_pool_open_short(&pool, n_threads, NULL, n_granted, &err), LUTRA_OK);
    CHECK_EQ(lutra_pool_size(pool), n_granted);
    for (int i = 0; i < 50; i++) run_once(pool, p, 100 + i, 3, n_granted);
    lutra_pool_limit(pool, n_threads); /* no more than there are */
    run_once(pool, p, 100, 1, n_granted);
    lutra_pool_close(pool);
}

static void limits(struct probe *p)
{
    struct lutra_pool *pool = open_pool(4);
    int size = lutra_pool_size(pool);
    for (int round = 0; round < 400; round++) {
        int n = check_rand_int(-1, 6);
        int expected = n < 1 ? 1 : n > size ? size : n;
        lutra_pool_limit(pool, n);
        for (int i = 0; i < 5; i++) run_once(pool, p, check_rand_int(1, 100), 1, expected);
    }
    lutra_pool_close(pool);
}

/* Each item waits until as many threads are inside as there may be: only all of them together can
 * finish. Says that workers do take part, and that sleepers are woken. */
struct meeting {
    atomic_int here;
    int n;
};

static void meet(void *arg, int begin, int end, int thread)
{
    struct meeting *m = arg;
    (void)begin;
    (void)end;
    (void)thread;
    atomic_fetch_add(&m->here, 1);
    while (atomic_load(&m->here) < m->n) sched_yield();
}

static void all_take_part(int n_threads, unsigned pause_us)
{
    struct lutra_pool *pool = open_pool(n_threads);
    for (int round = 0; round < 20; round++) {
        struct meeting m = {0};
        m.n = 1 + round % lutra_pool_size(pool);
        lutra_pool_limit(pool, m.n);
        lutra_pool_run(pool, m.n, 1, meet, &m);
        CHECK_EQ(atomic_load(&m.here), m.n);
        if (pause_us) usleep(pause_us);
    }
    lutra_pool_close(pool);
}

static void touch_slowly(void *arg, int begin, int end, int thread)
{
    usleep(300); /* long enough for any thread to come and take the next chunk */
    touch(arg, begin, end, thread);
}

/* Workers above the limit are awake, since they took part a moment ago, and must stay out. */
static void stay_out(struct probe *p)
{
    struct lutra_pool *pool = open_pool(4);
    for (int limit = 2; limit < lutra_pool_size(pool); limit++) {
        struct meeting m = {.n = lutra_pool_size(pool)};
        lutra_pool_limit(pool, m.n);
        lutra_pool_run(pool, m.n, 1, meet, &m);
        lutra_pool_limit(pool, limit);
        p->n_items = 40;
        p->grain = 1;
        p->limit = limit;
        lutra_pool_run(pool, 40, 1, touch_slowly, p);
        CHECK_EQ(atomic_load(&p->n_bad), 0);
        memset(p->done, 0, sizeof p->done);
    }
    lutra_pool_close(pool);
}

static double cpu_seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static void bad_arguments(void)
{
    static const int counts[] = {0, -1, 257, INT32_MAX, INT32_MIN};
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
        lutra_error err;
        struct lutra_pool *pool = (struct lutra_pool *)&err;
        CHECK_EQ(lutra_pool_open(&pool, counts[i], NULL, &err), LUTRA_EINVAL);
        CHECK(pool == NULL);
        CHECK_EQ(lutra_pool_open(&pool, counts[i], NULL, NULL), LUTRA_EINVAL);
    }
    lutra_pool_close(NULL);
}

static void bound(struct probe *p)
{
    int before[64], after[64], cpus[4];
    int n = lutra_cpu_allowed(before, 64);
    for (int t = 0; t < 4; t++) cpus[t] = t == 2 ? 8000 : t == 3 ? -7 : before[t % n];
    struct lutra_pool *pool;
    lutra_error err;
    CHECK_EQ(lutra_pool_open(&pool, 4, cpus, &err), LUTRA_OK);
    for (int i = 0; i < 50; i++) run_once(pool, p, 200, 1, lutra_pool_size(pool));
    lutra_pool_close(pool);
    CHECK_EQ(lutra_cpu_allowed(after, 64), n); /* the caller's own CPUs are untouched */
    CHECK_MEM(before, after, (size_t)n * sizeof *before, 'i');
}

static void nothing(void *arg, int begin, int end, int thread)
{
    (void)arg;
    (void)begin;
    (void)end;
    (void)thread;
}

static void run_nothing(void *pool)
{
    lutra_pool_run(pool, 16, 1, nothing, NULL);
}

static void bench(void)
{
    for (int n = 1; n <= 4; n *= 2) {
        struct lutra_pool *pool = open_pool(n);
        printf("pool: %d threads: a run of 16 empty chunks takes %.2f us at best\n", n,
               check_time(run_nothing, pool, 0.3) * 1e6);
        lutra_pool_close(pool);
    }
}

int main(int argc, char **argv)
{
    static struct probe p;
    check_init(argc, argv, "test_pool");
    CHECK_CASE("shapes, 1 thread") shapes(&p, 1);
    CHECK_CASE("shapes, 2 threads") shapes(&p, 2);
    CHECK_CASE("shapes, 4 threads") shapes(&p, 4);
    CHECK_CASE("shapes, 16 threads") shapes(&p, 16);
    CHECK_CASE("the system refuses the first thread") refused(&p, 4, 1);
    CHECK_CASE("the system refuses the second thread") refused(&p, 4, 2);
    CHECK_CASE("the system refuses the last thread") refused(&p, 4, 3);
    CHECK_CASE("limits") limits(&p);
    CHECK_CASE("threads above the limit stay out") stay_out(&p);
    CHECK_CASE("all take part while they look out") all_take_part(4, 0);
    CHECK_CASE("all take part after a sleep") all_take_part(4, 2000);
    CHECK_CASE("many small runs")
    {
        struct lutra_pool *pool = open_pool(3);
        for (int i = 0; i < 5000; i++) run_once(pool, &p, 1 + i % 9, 1, lutra_pool_size(pool));
        lutra_pool_close(pool);
    }
    CHECK_CASE("an idle pool sleeps")
    {
        struct lutra_pool *pool = open_pool(4);
        run_once(pool, &p, 100, 1, lutra_pool_size(pool));
        double t0 = check_seconds(), c0 = cpu_seconds();
        usleep(300000);
        double idle = check_seconds() - t0, used = cpu_seconds() - c0;
        CHECK(used < idle / 4); /* one spinning worker alone would use most of it */
        run_once(pool, &p, 100, 1, lutra_pool_size(pool));
        lutra_pool_close(pool);
    }
    CHECK_CASE("open and close")
    {
        for (int i = 0; i < 100; i++) {
            struct lutra_pool *pool = open_pool(1 + i % 5);
            if (i % 3 == 0) run_once(pool, &p, 10, 1, lutra_pool_size(pool));
            if (i % 10 == 0) usleep(300); /* close sleepers, too */
            lutra_pool_close(pool);
        }
    }
    CHECK_CASE("two pools in turn")
    {
        struct lutra_pool *a = open_pool(2), *b = open_pool(3);
        for (int i = 0; i < 100; i++) {
            run_once(a, &p, 50, 1, lutra_pool_size(a));
            run_once(b, &p, 50, 1, lutra_pool_size(b));
        }
        lutra_pool_close(a);
        lutra_pool_close(b);
    }
    CHECK_CASE("bound to CPUs, two of them impossible") bound(&p);
    CHECK_CASE("bad arguments") bad_arguments();
    if (check_bench()) bench();
    return check_done();
}
