/* SPDX-License-Identifier: MIT */
/* The sampler: every filter by hand-made logits, against a plain sort, and by frequency;
 * determinism. */
#include "runtime/sampler.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/check.h"

enum { SMALL = 6, LARGE = 262144 };

static struct lutra_sampler_params params(float temp, int top_k, float top_p, float min_p)
{
    return (struct lutra_sampler_params){.temp = temp,
                                         .top_k = top_k,
                                         .top_p = top_p,
                                         .min_p = min_p,
                                         .repeat_penalty = 1,
                                         .repeat_last_n = 64,
                                         .seed = 42};
}

static struct lutra_sampler *open_sampler(int n, const struct lutra_sampler_params *p)
{
    struct lutra_sampler *s = NULL;
    CHECK_EQ(lutra_sampler_open(&s, n, 128, p, NULL), LUTRA_OK);
    return s;
}

static int32_t pick(struct lutra_sampler *s, const float *logits, int n)
{
    int32_t id = -1;
    CHECK_EQ(lutra_sampler_pick(s, logits, n, &id, NULL), LUTRA_OK);
    return id;
}

/* How often each id comes in `rounds` picks. */
static void count_picks(const struct lutra_sampler_params *p, const float *logits, int n,
                        int rounds, int *count)
{
    struct lutra_sampler *s = open_sampler(n, p);
    memset(count, 0, (size_t)n * sizeof *count);
    for (int i = 0; i < rounds; i++) {
        int32_t id = pick(s, logits, n);
        if (id >= 0 && id < n) count[id]++;
    }
    lutra_sampler_free(s);
}

/* Which ids can come at all: one bit each. */
static unsigned support(const struct lutra_sampler_params *p, const float *logits, int n)
{
    int count[32];
    unsigned bits = 0;
    count_picks(p, logits, n, 3000, count);
    for (int i = 0; i < n; i++) bits |= (unsigned)(count[i] > 0) << i;
    return bits;
}

/* ---- greedy, ties, bad numbers ------------------------------------------------------------- */

static int32_t greedy(const float *logits, int n)
{
    struct lutra_sampler_params p = params(0, 40, 0.95f, 0.05f);
    struct lutra_sampler *s = open_sampler(n, &p);
    int32_t id = pick(s, logits, n);
    lutra_sampler_free(s);
    return id;
}

static void check_greedy(void)
{
    CHECK_EQ(greedy((const float[]){1, 3, 2}, 3), 1);
    CHECK_EQ(greedy((const float[]){1, 3, 3}, 3), 1); /* ties: the lower id */
    CHECK_EQ(greedy((const float[]){0.0f, -0.0f}, 2), 0);
    CHECK_EQ(greedy((const float[]){-0.0f, 0.0f}, 2), 0);
    CHECK_EQ(greedy((const float[]){-3, -1, -2}, 3), 1);
    CHECK_EQ(greedy((const float[]){NAN, -5, NAN}, 3), 1);
    CHECK_EQ(greedy((const float[]){INFINITY, 2, -INFINITY}, 3), 1);
    CHECK_EQ(greedy((const float[]){-3e38f, -INFINITY}, 2), 0);
    CHECK_EQ(greedy((const float[]){7}, 1), 0);
}

static void check_numeric(void)
{
    static const float bad[][3] = {
        {NAN, NAN, NAN}, {-INFINITY, NAN, -INFINITY}, {INFINITY, INFINITY, INFINITY}};
    static const float temps[] = {0, 0.8f}, top_p[] = {1, 0.5f};
    static const int top_k[] = {0, 1, 2, 3, 40};
    for (int i = 0; i < 3; i++)
        for (int k = 0; k < 20; k++) {
            struct lutra_sampler_params p =
                params(temps[k % 2], top_k[k / 4], top_p[k / 2 % 2], 0.05f);
            struct lutra_sampler *s = open_sampler(3, &p);
            lutra_error err;
            int32_t id = 99;
            CHECK_EQ(lutra_sampler_pick(s, bad[i], 3, &id, &err), LUTRA_ENUMERIC);
            CHECK_EQ(id, 0);
            CHECK_EQ(pick(s, (const float[]){NAN, -INFINITY, -9}, 3), 2);
            CHECK_EQ(pick(s, (const float[]){INFINITY, -3e38f, NAN}, 3), 1);
            lutra_sampler_free(s);
        }
}

/* ---- filters ------------------------------------------------------------------------------- */

/* probabilities about .643 .236 .087 .032 .0016 .0006 at ids 3 1 5 0 2 4 */
static const float ladder[SMALL] = {0, 2, -3, 3, -4, 1};

static void check_top_k(void)
{
    static const unsigned want[] = {077, 010, 012, 052, 053, 057, 077, 077};
    for (int k = 0; k < 8; k++) {
        struct lutra_sampler_params p = params(1.5f, k, 1, 0);
        CHECK_EQ(support(&p, ladder, SMALL), want[k]);
    }
    struct lutra_sampler_params p = params(1, 3, 1, 0);
    CHECK_EQ(support(&p, (const float[]){1, 2, 1, 1, 2, 0}, SMALL),
             023); /* of equals the lower ids */
    p.top_k = 2;
    CHECK_EQ(support(&p, (const float[]){1, 1, 1, 1, 1, 1}, SMALL), 003);
    p.top_k = -1;
    CHECK_EQ(support(&p, (const float[]){1, 1, 1, 1, 1, 1}, SMALL), 077);
}

static void check_top_p(void)
{
    static const struct {
        float top_p;
        unsigned want;
    } cases[] = {{-1, 010},    {0, 010},     {0.6f, 010},  {0.65f, 012}, {0.87f, 012},
                 {0.89f, 052}, {0.96f, 052}, {0.98f, 053}, {1, 077},     {2, 077}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        /* a high temperature shows that the cut is made before it */
        struct lutra_sampler_params p = params(3, 0, cases[i].top_p, 0);
        CHECK_EQ(support(&p, ladder, SMALL), cases[i].want);
        p.top_k = 5; /* the same but for .0006 */
        CHECK_EQ(support(&p, ladder, SMALL), cases[i].want & 057);
    }
    /* relative to the top_k: .643 / (.643 + .236) = .731 */
    struct lutra_sampler_params p = params(3, 2, 0.7f, 0);
    CHECK_EQ(support(&p, ladder, SMALL), 010);
    p.top_k = 3; /* .643 / .966 = .666 */
    CHECK_EQ(support(&p, ladder, SMALL), 012);
}

static void check_min_p(void)
{
    static const struct {
        float min_p;
        unsigned want;
    } cases[] = {{-1, 077},    {0, 077},     {0.0009f, 077}, {0.001f, 057}, {0.04f, 053},
                 {0.06f, 052}, {0.14f, 012}, {0.4f, 010},    {1, 010},      {2, 010}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct lutra_sampler_params p = params(3, 0, 1, cases[i].min_p);
        CHECK_EQ(support(&p, ladder, SMALL), cases[i].want);
        p.top_p = 0.9999f;
        CHECK_EQ(support(&p, ladder, SMALL), cases[i].want);
        p.top_k = 5;
        CHECK_EQ(support(&p, ladder, SMALL), cases[i].want & 057);
    }
}

/* The whole chain on random logits against a plain sort and libm. */
struct item {
    double l;
    int id;
};

static int best_first(const void *a, const void *b)
{
    const struct item *x = a, *y = b;
    if (x->l != y->l) return x->l < y->l ? 1 : -1;
    return x->id - y->id;
}

static int plain_filter(struct item *v, int n, const struct lutra_sampler_params *p)
{
    qsort(v, (size_t)n, sizeof *v, best_first);
    if (p->top_k > 0 && p->top_k < n) n = p->top_k;
    double total = 0, sum = 0;
    int kept = n;
    for (int i = 0; i < n; i++) total += exp(v[i].l - v[0].l);
    for (int i = 0; i < n && p->top_p < 1; i++) {
        sum += exp(v[i].l - v[0].l);
        if (sum >= p->top_p * total) {
            kept = i + 1;
            break;
        }
    }
    while (kept > 1 && p->min_p > 0 && v[kept - 1].l < v[0].l + log(p->min_p)) kept--;
    return kept;
}

static void check_chain(void)
{
    enum { N = 500, ROUNDS = 4000 };
    static float logit[N];
    static struct item v[N];
    static int count[N];
    for (int round = 0; round < 60; round++) {
        static const float widths[] = {0.1f, 3, 12};
        float width = widths[check_rand_int(0, 2)];
        for (int i = 0; i < N; i++) {
            logit[i] = check_rand_float(-width, width);
            v[i] = (struct item){logit[i], i};
        }
        struct lutra_sampler_params p =
            params(check_rand_float(0.5f, 2), check_rand_int(0, 3) ? check_rand_int(1, 600) : 0,
                   check_rand_int(0, 2) ? check_rand_float(0.1f, 1) : 1,
                   check_rand_int(0, 2) ? check_rand_float(0, 0.3f) : 0);
        p.seed = (uint64_t)round;
        int kept = plain_filter(v, N, &p);
        count_picks(&p, logit, N, ROUNDS, count);
        double total = 0, chi2 = 0;
        int outside = ROUNDS, degrees = -1;
        for (int i = 0; i < kept; i++) total += exp((v[i].l - v[0].l) / p.temp);
        for (int i = 0; i < kept; i++) {
            double want = ROUNDS * exp((v[i].l - v[0].l) / p.temp) / total,
                   d = count[v[i].id] - want;
            outside -= count[v[i].id];
            if (want < 5) continue;
            chi2 += d * d / want;
            degrees++;
        }
        CHECK_EQ(outside, 0);
        if (degrees > 0) CHECK(chi2 < degrees + 5 * sqrt(2.0 * degrees) + 10);
    }
}

static void check_frequencies(void)
{
    int count[SMALL];
    struct lutra_sampler_params p = params(1, 0, 1, 0);
    double total = 0;
    for (int i = 0; i < SMALL; i++) total += exp(ladder[i]);
    count_picks(&p, ladder, SMALL, 100000, count);
    for (int i = 0; i < SMALL; i++) CHECK_NEAR(count[i] / 1e5, exp(ladder[i]) / total, 0.006);
    p.temp = 0.5f;
    total = 0;
    for (int i = 0; i < SMALL; i++) total += exp(2 * ladder[i]);
    count_picks(&p, ladder, SMALL, 100000, count);
    for (int i = 0; i < SMALL; i++) CHECK_NEAR(count[i] / 1e5, exp(2 * ladder[i]) / total, 0.006);
    p.temp = 1e-30f; /* as good as greedy, and no 0/0 */
    CHECK_EQ(support(&p, ladder, SMALL), 010);
    p.temp = 1e30f; /* as good as even */
    CHECK_EQ(support(&p, ladder, SMALL), 077);
}

/* ---- penalties, bans ----------------------------------------------------------------------- */

static void check_penalties(void)
{
    struct lutra_sampler_params p = params(0, 0, 1, 0);
    static const float two[] = {2, 1.5f}, minus[] = {-1, -1.2f};
    p.repeat_penalty = 1.5f; /* 2 / 1.5 < 1.5; -1 * 1.5 < -1.2 */
    struct lutra_sampler *s = open_sampler(2, &p);
    CHECK_EQ(pick(s, two, 2), 0);
    lutra_sampler_accept(s, 0);
    CHECK_EQ(pick(s, two, 2), 1);
    CHECK_EQ(pick(s, minus, 2), 1);
    lutra_sampler_accept(s, 0); /* twice is no worse than once */
    CHECK_EQ(pick(s, (const float[]){2, 1.3f}, 2), 0);
    lutra_sampler_forget(s);
    CHECK_EQ(pick(s, two, 2), 0);
    lutra_sampler_free(s);

    p.repeat_penalty = 1;
    p.presence_penalty = 0.4f;
    s = open_sampler(2, &p);
    for (int i = 0; i < 5; i++) lutra_sampler_accept(s, 0);
    CHECK_EQ(pick(s, (const float[]){2, 1.59f}, 2), 0);
    CHECK_EQ(pick(s, (const float[]){2, 1.61f}, 2), 1);
    lutra_sampler_free(s);

    p.presence_penalty = 0;
    p.frequency_penalty = 0.25f;
    s = open_sampler(2, &p);
    for (int i = 0; i < 4; i++) lutra_sampler_accept(s, 0);
    CHECK_EQ(pick(s, (const float[]){2, 0.99f}, 2), 0);
    CHECK_EQ(pick(s, (const float[]){2, 1.01f}, 2), 1);
    lutra_sampler_free(s);

    p.repeat_penalty = 2; /* first the division, then the subtraction: 4 / 2 - (0.25 + 0.5) */
    p.presence_penalty = 0.5f;
    s = open_sampler(2, &p);
    lutra_sampler_accept(s, 0);
    CHECK_EQ(pick(s, (const float[]){4, 1.24f}, 2), 0);
    CHECK_EQ(pick(s, (const float[]){4, 1.26f}, 2), 1);
    lutra_sampler_free(s);
}

static void check_window(void)
{
    struct lutra_sampler_params p = params(0, 0, 1, 0);
    static const float flat[] = {3, 2, 1};
    p.repeat_penalty = 10;
    p.repeat_last_n = 2;
    struct lutra_sampler *s = open_sampler(3, &p);
    lutra_sampler_accept(s, 0);
    lutra_sampler_accept(s, 1);
    CHECK_EQ(pick(s, flat, 3), 2);
    lutra_sampler_accept(s, 2); /* 0 leaves the window */
    CHECK_EQ(pick(s, flat, 3), 0);
    lutra_sampler_accept(s, 2);
    CHECK_EQ(pick(s, flat, 3), 0);
    lutra_sampler_accept(s, 0);
    lutra_sampler_accept(s, 0);
    CHECK_EQ(pick(s, flat, 3), 1);
    lutra_sampler_accept(s, -1); /* no ids at all */
    lutra_sampler_accept(s, 3);
    CHECK_EQ(pick(s, flat, 3), 1);
    CHECK_EQ(lutra_sampler_reset(s, &p, NULL), LUTRA_OK);
    CHECK_EQ(pick(s, flat, 3), 0);
    p.repeat_last_n = 0;
    CHECK_EQ(lutra_sampler_reset(s, &p, NULL), LUTRA_OK);
    lutra_sampler_accept(s, 0);
    CHECK_EQ(pick(s, flat, 3), 0);
    p.repeat_last_n = -1; /* all 128 positions */
    CHECK_EQ(lutra_sampler_reset(s, &p, NULL), LUTRA_OK);
    lutra_sampler_accept(s, 0);
    for (int i = 0; i < 127; i++) lutra_sampler_accept(s, 1);
    CHECK_EQ(pick(s, flat, 3), 2);
    lutra_sampler_accept(s, 1);
    CHECK_EQ(pick(s, flat, 3), 0);
    lutra_sampler_free(s);
}

static void check_ban(void)
{
    static const float v[] = {1, 5, 4, 3};
    for (int k = 0; k < 3; k++) {
        struct lutra_sampler_params p = params(k ? 1 : 0, k == 2 ? 2 : 0, 1, 0);
        struct lutra_sampler *s = open_sampler(4, &p);
        int32_t ids[] = {1, 2, -7, 99};
        lutra_sampler_ban(s, ids, 4);
        ids[0] = 3; /* it was copied */
        for (int i = 0; i < 200; i++) {
            int32_t id = pick(s, v, 4);
            CHECK(id == 0 || id == 3);
        }
        lutra_sampler_ban(s, ids, 1);
        CHECK_EQ(pick(s, v, 4), 0);
        CHECK_EQ(lutra_sampler_reset(s, &p, NULL), LUTRA_OK); /* bans stay */
        CHECK_EQ(pick(s, v, 4), 0);
        int32_t id = 0, last = 7;
        lutra_sampler_ban(s, &id, 1);
        CHECK_EQ(lutra_sampler_pick(s, v, 4, &last, NULL), LUTRA_ENUMERIC);
        CHECK_EQ(last, 0);
        lutra_sampler_free(s);
    }
}

/* ---- determinism, arguments ---------------------------------------------------------------- */

static void check_same(void)
{
    static float logit[2][1000];
    int32_t first[300];
    for (int i = 0; i < 1000; i++) {
        logit[0][i] = check_rand_float(-5, 5);
        logit[1][i] = check_rand_float(-5, 5);
    }
    struct lutra_sampler_params p = params(0.8f, 40, 0.95f, 0.05f);
    p.repeat_penalty = 1.1f;
    struct lutra_sampler *s = open_sampler(1000, &p);
    int other = 0;
    for (int round = 0; round < 3; round++) {
        p.seed = round == 2 ? 43 : 42;
        CHECK_EQ(lutra_sampler_reset(s, &p, NULL), LUTRA_OK);
        for (int i = 0; i < 300; i++) {
            int32_t id = pick(s, logit[i % 2], 1000);
            lutra_sampler_accept(s, id);
            if (round == 0) first[i] = id;
            if (round == 1) CHECK_EQ(id, first[i]);
            other += round == 2 && id != first[i];
        }
    }
    CHECK(other > 100); /* another seed, another text */
    lutra_sampler_free(s);
}

/* Known answers, from an evaluation in Python with a sort and math.exp: neither the generator nor
 * the arithmetic may change between versions or machines. */
static void check_known(void)
{
    static const int32_t want[2][12] = {{5, 24, 43, 58, 62, 50, 46, 55, 49, 38, 43, 19},
                                        {19, 12, 43, 29, 3, 17, 62, 55, 17, 5, 43, 57}};
    static float logit[64];
    for (int i = 0; i < 64; i++) logit[i] = (float)(i * 37 % 64) / 16;
    for (int k = 0; k < 2; k++) {
        struct lutra_sampler_params p = k ? params(0.7f, 20, 0.9f, 0.02f) : params(1, 0, 1, 0);
        struct lutra_sampler *s = open_sampler(64, &p);
        int32_t got[12];
        for (int i = 0; i < 12; i++) got[i] = pick(s, logit, 64);
        CHECK_MEM(got, want[k], sizeof got, 'i');
        lutra_sampler_free(s);
    }
}

static void check_arguments(void)
{
    struct lutra_sampler_params p = params(0.8f, 40, 0.95f, 0.05f), bad;
    struct lutra_sampler *s = NULL;
    lutra_error err;
    int32_t id;
    CHECK_EQ(lutra_sampler_open(&s, 0, 8, &p, &err), LUTRA_EINVAL);
    CHECK_EQ(lutra_sampler_open(&s, 8, 0, &p, &err), LUTRA_EINVAL);
    CHECK_EQ(lutra_sampler_open(&s, 8, 8, NULL, &err), LUTRA_EINVAL);
    CHECK_EQ(lutra_sampler_open(NULL, 8, 8, &p, &err), LUTRA_EINVAL);
    for (int i = 0; i < 9; i++) {
        bad = p;
        if (i == 0) bad.temp = NAN;
        if (i == 1) bad.top_p = NAN;
        if (i == 2) bad.min_p = NAN;
        if (i == 3) bad.repeat_penalty = NAN;
        if (i == 4) bad.presence_penalty = NAN;
        if (i == 5) bad.frequency_penalty = INFINITY;
        if (i == 6) bad.repeat_penalty = 0;
        if (i == 7) bad.repeat_last_n = -2;
        if (i == 8) bad.temp = INFINITY;
        CHECK_EQ(lutra_sampler_open(&s, 8, 8, &bad, &err), LUTRA_EINVAL);
        CHECK(s == NULL);
    }
    CHECK_EQ(lutra_sampler_open(&s, 8, 8, &p, &err), LUTRA_OK);
    static const float v[9] = {1};
    CHECK_EQ(lutra_sampler_pick(s, v, 9, &id, &err), LUTRA_EINVAL);
    CHECK_EQ(lutra_sampler_pick(s, v, 0, &id, &err), LUTRA_EINVAL);
    CHECK_EQ(lutra_sampler_pick(s, NULL, 8, &id, &err), LUTRA_EINVAL);
    CHECK_EQ(lutra_sampler_pick(s, v, 3, &id, &err), LUTRA_OK); /* fewer than opened for */
    bad.temp = NAN;
    CHECK_EQ(lutra_sampler_reset(s, &bad, &err), LUTRA_EINVAL);
    bad = p;
    bad.top_k = INT32_MAX;
    bad.repeat_last_n = INT32_MAX;
    CHECK_EQ(lutra_sampler_reset(s, &bad, &err), LUTRA_OK);
    CHECK_EQ(lutra_sampler_pick(s, v, 8, &id, &err), LUTRA_OK);
    CHECK(lutra_sampler_bytes(8, 8) > 8 * 16);
    CHECK(lutra_sampler_bytes(LARGE, 8192) < (size_t)LARGE * 20);
    lutra_sampler_free(s);
    lutra_sampler_free(NULL);
}

/* ---- large vocabularies -------------------------------------------------------------------- */

static float *large_logits(float width)
{
    float *v = malloc(LARGE * sizeof *v);
    for (int i = 0; i < LARGE; i++) { /* about a bell, as a model makes them */
        float x = 0;
        for (int k = 0; k < 6; k++) x += check_rand_float(-width, width);
        v[i] = x;
    }
    return v;
}

static const struct {
    const char *name;
    float temp;
    int top_k;
    float top_p, min_p, repeat;
} modes[] = {
    {"greedy", 0, 0, 1, 0, 1},
    {"defaults", 0.8f, 40, 0.95f, 0.05f, 1},
    {"defaults, repeat", 0.8f, 40, 0.95f, 0.05f, 1.1f},
    {"top_k 1000", 0.8f, 1000, 0.95f, 0, 1},
    {"min_p", 0.8f, 0, 1, 0.05f, 1},
    {"top_p, min_p", 0.8f, 0, 0.95f, 0.05f, 1},
    {"top_p", 0.8f, 0, 0.95f, 0, 1},
    {"temperature only", 0.8f, 0, 1, 0, 1},
};

struct job {
    struct lutra_sampler *s;
    const float *v;
};

static void run_job(void *arg)
{
    struct job *j = arg;
    int32_t id;
    lutra_sampler_pick(j->s, j->v, LARGE, &id, NULL);
}

static void check_large(void)
{
    float *v = large_logits(2), *flat = calloc(LARGE, sizeof *flat);
    for (size_t m = 0; m < sizeof modes / sizeof *modes; m++) {
        struct lutra_sampler_params p =
            params(modes[m].temp, modes[m].top_k, modes[m].top_p, modes[m].min_p);
        p.repeat_penalty = modes[m].repeat;
        struct lutra_sampler *s = open_sampler(LARGE, &p);
        for (int i = 0; i < 64; i++) lutra_sampler_accept(s, i * 7);
        int32_t a = pick(s, v, LARGE), b = pick(s, flat, LARGE);
        CHECK(a >= 0 && a < LARGE && b >= 0 && b < LARGE);
        struct job job = {s, v};
        if (check_bench())
            printf("%-20s %7.3f ms\n", modes[m].name, 1e3 * check_time(run_job, &job, 0.2));
        job.v = flat;
        if (check_bench())
            printf("%-20s %7.3f ms, all equal\n", modes[m].name,
                   1e3 * check_time(run_job, &job, 0.2));
        lutra_sampler_free(s);
    }
    free(v);
    free(flat);
}

int main(int argc, char **argv)
{
    check_init(argc, argv, "test_sampler");
    CHECK_CASE("greedy")
    {
        check_greedy();
    }
    CHECK_CASE("bad numbers")
    {
        check_numeric();
    }
    CHECK_CASE("top_k")
    {
        check_top_k();
    }
    CHECK_CASE("top_p")
    {
        check_top_p();
    }
    CHECK_CASE("min_p")
    {
        check_min_p();
    }
    CHECK_CASE("chain")
    {
        check_chain();
    }
    CHECK_CASE("frequencies")
    {
        check_frequencies();
    }
    CHECK_CASE("penalties")
    {
        check_penalties();
    }
    CHECK_CASE("window")
    {
        check_window();
    }
    CHECK_CASE("bans")
    {
        check_ban();
    }
    CHECK_CASE("same again")
    {
        check_same();
    }
    CHECK_CASE("known answers")
    {
        check_known();
    }
    CHECK_CASE("arguments")
    {
        check_arguments();
    }
    CHECK_CASE("large")
    {
        check_large();
    }
    return check_done();
}
