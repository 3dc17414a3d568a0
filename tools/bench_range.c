/* SPDX-License-Identifier: MIT */
/* Lists and ranges of llama-bench, and the tests that their cross product names. */
#include "tools/bench.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "tools/cmd.h"

static bool read_number(const char **p, long long *out)
{
    char *end;
    if (**p < '0' || **p > '9') return false;
    errno = 0;
    *out = strtoll(*p, &end, 10);
    *p = end;
    return errno == 0;
}

static bool add_value(struct lutra_bench_list *list, long long v, int min, int max)
{
    if (v < min || v > max || list->n == LUTRA_BENCH_LIST_MAX) return false;
    list->v[list->n++] = (int)v;
    return true;
}

/* One of "8", "1-8", "128-512+128", "1-8*2". */
static bool add_range(struct lutra_bench_list *list, const char **p, int min, int max)
{
    long long first, last, step = 1;
    char op = '+';
    if (!read_number(p, &first)) return false;
    if (**p != '-') return add_value(list, first, min, max);
    ++*p;
    if (!read_number(p, &last) || last < first) return false;
    if (**p == '+' || **p == '*') {
        op = *(*p)++;
        if (!read_number(p, &step) || step > INT_MAX) return false;
    }
    if (step < (op == '*' ? 2 : 1) || (op == '*' && first == 0) || last > INT_MAX) return false;
    for (long long v = first; v <= last; v = op == '*' ? v * step : v + step)
        if (!add_value(list, v, min, max)) return false;
    return true;
}

bool lutra_bench_range(struct lutra_bench_list *list, const char *text, int min, int max)
{
    const char *p = text;
    do {
        if (!add_range(list, &p, min, max)) return false;
    } while (*p == ',' && p++);
    return *p == '\0';
}

/* ---- the cross product ---- */

static bool read_list(struct lutra_bench_list *list, const char *flag,
                      const struct lutra_strings *given, int fallback, int min, int max)
{
    char shown[80];
    list->n = 0;
    if (given->n == 0) list->v[list->n++] = fallback;
    for (int i = 0; i < given->n; i++) {
        if (lutra_bench_range(list, given->v[i], min, max)) continue;
        lutra_escape(shown, sizeof shown, given->v[i], strlen(given->v[i]));
        lutra_cli_say("%s %s: expected numbers from %d to %d such as 512, 64,128 or 1-8*2", flag,
                      shown, min, max);
        return false;
    }
    return true;
}

struct lists {
    struct lutra_bench_list prompt, gen, pairs, depth, batch, ubatch, threads;
};

static bool read_lists(struct lists *l, const struct lutra_bench_options *o)
{
    enum { MOST = 1 << 24 };
    char shown[80];
    if (!read_list(&l->prompt, "-p", &o->prompt, 512, 0, MOST) ||
        !read_list(&l->gen, "-n", &o->gen, 128, 0, MOST) ||
        !read_list(&l->depth, "-d", &o->depth, 0, 0, MOST) ||
        !read_list(&l->batch, "-b", &o->batch, 2048, 1, MOST) ||
        !read_list(&l->ubatch, "-ub", &o->ubatch, 512, 1, MOST) ||
        !read_list(&l->threads, "-t", &o->threads, 0, 0, MOST))
        return false;
    for (int i = 0; i < l->threads.n; i++) l->threads.v[i] = lutra_cli_threads("-t", l->threads.v[i]);
    l->pairs.n = 0;
    for (int i = 0; i < o->pairs.n; i++) {
        struct lutra_bench_list two = {.n = 0};
        if (!lutra_bench_range(&two, o->pairs.v[i], 0, MOST) || two.n != 2) {
            lutra_escape(shown, sizeof shown, o->pairs.v[i], strlen(o->pairs.v[i]));
            lutra_cli_say("-pg %s: expected two numbers such as 512,128", shown);
            return false;
        }
        l->pairs.v[l->pairs.n++] = two.v[0]; /* at most 64 flags: it fits */
        l->pairs.v[l->pairs.n++] = two.v[1];
    }
    return true;
}

static void add_test(struct lutra_bench_test *tests, int *n, struct lutra_bench_test t, int prompt,
                     int gen)
{
    t.n_prompt = prompt;
    t.n_gen = gen;
    if (prompt + gen > 0) tests[(*n)++] = t;
}

static void add_tests(const struct lists *l, struct lutra_bench_test t,
                      struct lutra_bench_test *tests, int *n)
{
    for (int i = 0; i < l->prompt.n; i++) add_test(tests, n, t, l->prompt.v[i], 0);
    for (int i = 0; i < l->gen.n; i++) add_test(tests, n, t, 0, l->gen.v[i]);
    for (int i = 0; i < l->pairs.n; i += 2) add_test(tests, n, t, l->pairs.v[i], l->pairs.v[i + 1]);
}

static void multiply_out(const struct lists *l, struct lutra_bench_test *tests, int *n)
{
    for (int b = 0; b < l->batch.n; b++)
        for (int u = 0; u < l->ubatch.n; u++)
            for (int t = 0; t < l->threads.n; t++)
                for (int d = 0; d < l->depth.n; d++) {
                    struct lutra_bench_test base = {.n_batch = l->batch.v[b],
                                                    .n_ubatch = l->ubatch.v[u],
                                                    .n_threads = l->threads.v[t],
                                                    .n_depth = l->depth.v[d]};
                    add_tests(l, base, tests, n);
                }
}

int lutra_bench_plan(const struct lutra_bench_options *o, struct lutra_bench_test **tests, int *n)
{
    enum { MOST_TESTS = 1 << 16 };
    struct lists *l = malloc(sizeof *l);
    *tests = NULL;
    *n = 0;
    if (l == NULL) return lutra_cli_say("no memory"), LUTRA_EXIT_MEMORY;
    if (!read_lists(l, o)) {
        free(l);
        return LUTRA_EXIT_USAGE;
    }
    uint64_t all = (uint64_t)(l->prompt.n + l->gen.n + l->pairs.n / 2);
    const int factors[] = {l->batch.n, l->ubatch.n, l->threads.n, l->depth.n};
    for (int i = 0; i < 4; i++) all *= (uint64_t)factors[i]; /* lists of 1024: no overflow */
    if (all <= MOST_TESTS) *tests = malloc((size_t)(all + 1) * sizeof **tests);
    if (*tests) multiply_out(l, *tests, n);
    free(l);
    if (all > MOST_TESTS) return lutra_cli_say("more than %d tests", MOST_TESTS), LUTRA_EXIT_USAGE;
    if (*tests == NULL) return lutra_cli_say("no memory"), LUTRA_EXIT_MEMORY;
    if (*n > 0) return -1;
    lutra_cli_say("nothing to measure: -p and -n are both 0");
    return LUTRA_EXIT_USAGE;
}

char *lutra_bench_test_name(char *dst, size_t cap, const struct lutra_bench_test *t)
{
    int n = 0;
    if (t->n_prompt) n += lutra_format(dst, cap, "pp%d", t->n_prompt);
    if (t->n_gen)
        n += lutra_format(dst + n, cap - (size_t)n, "%stg%d", t->n_prompt ? "+" : "", t->n_gen);
    if (t->n_depth) lutra_format(dst + n, cap - (size_t)n, " @ d%d", t->n_depth);
    return dst;
}
