/* SPDX-License-Identifier: MIT */
/* How many threads saturate memory: the decision on given rates, and the probe on work whose speed is
 * made up. */
#include <stdio.h>
#include <string.h>

#include "kernels/probe.h"
#include "runtime/session.h"
#include "tests/check.h"

static char why[200];

static int enough(const double *gb, int n)
{
    static const int threads[] = {1, 2, 4, 6, 8};
    double rates[5];
    for (int i = 0; i < n; i++) rates[i] = gb[i] * 1e9;
    return lutra_probe_enough(threads, rates, n, why, sizeof why);
}

static void decisions(void)
{
    CHECK_EQ(enough((const double[]){12, 24, 36, 40, 44}, 5), 8);
    CHECK_STR(why, "8 threads read 44.0 GB/s, 6 only 40.0");
    CHECK_EQ(enough((const double[]){12, 24, 40, 41, 40.5}, 5), 4);
    CHECK_STR(why, "memory is saturated: 4 threads read 40.0 GB/s, 8 read 40.5");
    CHECK_EQ(enough((const double[]){12, 24, 39.7, 41, 40.5}, 5), 6); /* 3.2 % below */
    CHECK_EQ(enough((const double[]){20, 20, 20, 20, 20}, 5), 1);
    CHECK_STR(why, "memory is saturated: 1 thread read 20.0 GB/s, 8 read 20.0");
    CHECK_EQ(enough((const double[]){20, 30, 25, 20, 10}, 5), 2); /* more of them only disturb */
    CHECK_EQ(enough((const double[]){20}, 1), 1);
    CHECK_STR(why, "1 thread reads 20.0 GB/s");
}

static void counts(void)
{
    int c[LUTRA_PROBE_COUNTS];
    for (int n = 1; n <= 256; n++) {
        int k = lutra_probe_counts(n, c);
        CHECK(k >= 1 && k <= LUTRA_PROBE_COUNTS && c[0] >= 1 && c[k - 1] == n);
        for (int i = 1; i < k; i++) CHECK(c[i] > c[i - 1]);
        if (n <= LUTRA_PROBE_COUNTS) CHECK_EQ(k, n);
        if (n > 1) CHECK(c[0] <= (n + 1) / 2); /* half of them are looked at */
    }
}

/* Each call takes 0.2 ms or more and claims bytes as its turn has it. */
struct fake {
    const double *gb;
    int n, calls;
};

static size_t fake_work(void *arg, struct lutra_pool *pool)
{
    struct fake *f = arg;
    double start = check_seconds();
    (void)pool;
    while (check_seconds() - start < 2e-4) continue;
    return (size_t)(f->gb[f->calls++ % f->n] * 1e9 * (check_seconds() - start));
}

static void probe(void)
{
    static const double rising[] = {10, 20, 30, 40}, full[] = {10, 20, 18, 15};
    struct fake f = {rising, 4, 0};
    CHECK_EQ(lutra_probe_run(fake_work, &f, 4, why, sizeof why), 4);
    CHECK(strstr(why, "4 threads read") == why);
    CHECK(f.calls >= 12 && f.calls % 4 == 0);
    f = (struct fake){full, 4, 0};
    CHECK_EQ(lutra_probe_run(fake_work, &f, 4, why, sizeof why), 2);
    CHECK(strstr(why, "memory is saturated: 2 threads read") == why);
    f.calls = 0; /* too few to be worth it: nothing is run */
    CHECK_EQ(lutra_probe_run(fake_work, &f, 2, why, sizeof why), 2);
    CHECK(f.calls == 0 && why[0] == '\0');
}

/* A small model is not probed; a session takes what its model planned. */
static void model(void)
{
    lutra_model *m = NULL;
    lutra_session *s = NULL;
    lutra_error err;
    lutra_stats st = {.size = sizeof st};
    lutra_model_info info = {.size = sizeof info};
    CHECK_EQ(lutra_model_open(&m, "tests/data/tiny-verse-ternary.gguf", NULL, &err), LUTRA_OK);
    if (m == NULL) return;
    lutra_model_describe(m, &info);
    CHECK_EQ(m->n_threads, lutra_threads_default(why, sizeof why));
    CHECK_STR(info.threads, why);
    m->n_threads = 2; /* as if memory were saturated by two of three */
    m->n_threads_batch = 3;
    CHECK_EQ(lutra_session_open(&s, m, NULL, &err), LUTRA_OK);
    lutra_session_stats(s, &st);
    CHECK(st.n_threads == 2 && st.n_threads_batch == 3);
    lutra_session_free(s);
    lutra_session_options o = {.size = sizeof o, .n_threads = 1};
    CHECK_EQ(lutra_session_open(&s, m, &o, &err), LUTRA_OK);
    lutra_session_stats(s, &st);
    CHECK(st.n_threads == 1 && st.n_threads_batch == 1);
    lutra_session_free(s);
    o = (lutra_session_options){.size = sizeof o, .n_threads_batch = 4};
    CHECK_EQ(lutra_session_open(&s, m, &o, &err), LUTRA_OK);
    lutra_session_stats(s, &st);
    CHECK(st.n_threads == 2 && st.n_threads_batch == 4);
    lutra_session_free(s);
    lutra_model_free(m);
}

int main(int argc, char **argv)
{
    check_init(argc, argv, "test_probe");
    CHECK_CASE("decisions") decisions();
    CHECK_CASE("counts") counts();
    CHECK_CASE("probe") probe();
    CHECK_CASE("model") model();
    return check_done();
}
