/* SPDX-License-Identifier: MIT */
/* The harness of all tests; see check.h. */
#include "tests/check.h"

#include <errno.h>
#include <ftw.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#if !defined(MAP_ANONYMOUS)
#define MAP_ANONYMOUS MAP_ANON
#endif

#define MAX_SHOWN 8 /* failures printed per case: the first ones tell, the rest is noise */

struct guard {
    struct guard *next;
    void *data;     /* what the test holds */
    uint8_t *pages; /* the mapping, its guard pages included */
    size_t bytes;
};

static struct {
    char program[64];
    const char *only, *cpu;
    uint64_t seed, random;
    bool bench;
    int passed, failed, skipped;
    bool open; /* a case is running */
    bool skip;
    int n_bad; /* failed expectations of the running case */
    char name[128];
    char tmp[512];
    pid_t tmp_owner;
    struct guard *guards;
} state;

/* ---- program and cases ---- */

static void usage(const char *word)
{
    fprintf(stderr, "%s: unknown or incomplete option %s\n", state.program, word);
    fprintf(stderr, "usage: %s [--only NAME] [--seed N] [--bench] [--cpu LEVEL]\n", state.program);
    exit(2);
}

static void say(const char *text)
{
    ssize_t n = write(STDERR_FILENO, text, strlen(text));
    (void)n;
}

/* A guard page did its work, or something worse happened: say in which case, then die of it. */
static void on_crash(int number)
{
    say(state.program);
    say(": crashed in case \"");
    say(state.open ? state.name : "(none)");
    say("\"\n");
    raise(number); /* SA_RESETHAND: this time the default applies */
}

static void catch_crashes(void)
{
    static const int numbers[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL};
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        struct sigaction old, new = {.sa_handler = on_crash, .sa_flags = (int)SA_RESETHAND};
        /* a sanitizer's own handler says more */
        if (sigaction(numbers[i], NULL, &old) || old.sa_handler != SIG_DFL) continue;
        sigaction(numbers[i], &new, NULL);
    }
}

void check_init(int argc, char **argv, const char *program)
{
    snprintf(state.program, sizeof state.program, "%s", program);
    state.seed = 1;
    for (int i = 1; i < argc; i++) {
        const char *next = i + 1 < argc ? argv[i + 1] : NULL;
        if (!strcmp(argv[i], "--bench")) {
            state.bench = true;
        } else if (!strcmp(argv[i], "--only") && next) {
            state.only = argv[++i];
        } else if (!strcmp(argv[i], "--cpu") && next) {
            state.cpu = argv[++i];
        } else if (!strcmp(argv[i], "--seed") && next) {
            char *end;
            state.seed = strtoull(argv[++i], &end, 0);
            if (*end || end == argv[i]) usage(argv[i]);
        } else if (argv[i][0] == '-') { /* other words are the program's own, files and folders */
            usage(argv[i]);
        }
    }
    state.random = state.seed;
    catch_crashes();
}

static void end_case(void)
{
    if (!state.open) return;
    state.open = false;
    if (state.n_bad > 0) {
        state.failed++;
        printf("%s: FAILED \"%s\": %d expectations (--only \"%s\" --seed %llu)\n", state.program,
               state.name, state.n_bad, state.name, (unsigned long long)state.seed);
    } else if (state.skip) {
        state.skipped++;
    } else {
        state.passed++;
    }
    fflush(stdout);
}

bool check_case(const char *name)
{
    end_case();
    if (state.only && !strstr(name, state.only)) return false;
    snprintf(state.name, sizeof state.name, "%s", name);
    state.open = true;
    state.skip = false;
    state.n_bad = 0;
    /* every case has its own stream, so that --only repeats what the whole run did */
    state.random = state.seed;
    for (const char *p = name; *p; p++) {
        state.random = (state.random ^ (unsigned char)*p) * 0x100000001b3u;
    }
    return true;
}

void check_skip(const char *why)
{
    printf("%s: skipped \"%s\": %s\n", state.program, state.open ? state.name : "", why);
    if (!state.open) state.skipped++;
    state.skip = true;
}

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *walk)
{
    (void)st;
    (void)kind;
    (void)walk;
    return remove(path);
}

int check_done(void)
{
    end_case();
    while (state.guards) check_guard_free(state.guards->data);
    if (state.tmp[0] && state.tmp_owner == getpid()) {
        if (nftw(state.tmp, remove_one, 16, FTW_DEPTH | FTW_PHYS) != 0) {
            printf("%s: cannot remove %s: %s\n", state.program, state.tmp, strerror(errno));
        }
        state.tmp[0] = '\0';
    }
    printf("%s: %d passed, %d failed, %d skipped\n", state.program, state.passed, state.failed,
           state.skipped);
    bool nothing = state.passed + state.failed + state.skipped == 0;
    if (fflush(stdout) != 0) return 1;
    return state.failed > 0 || nothing;
}

/* ---- expectations ---- */

/* Counts a failed expectation; true if it should be described. */
static bool fail_at(const char *file, int line, const char *what)
{
    if (!state.open) { /* outside any case: still a failure, never silence */
        state.failed++;
    } else if (++state.n_bad > MAX_SHOWN) {
        return false;
    }
    printf("%s:%d: \"%s\": %s", file, line, state.open ? state.name : "(no case)", what);
    return true;
}

void check_true(bool ok, const char *file, int line, const char *what)
{
    if (!ok && fail_at(file, line, what)) printf("\n");
}

void check_int(long long a, long long b, const char *file, int line, const char *what)
{
    if (a != b && fail_at(file, line, what)) printf(": %lld, not %lld\n", a, b);
}

void check_text(const char *a, const char *b, const char *file, int line, const char *what)
{
    if (a == b || (a && b && !strcmp(a, b))) return;
    if (fail_at(file, line, what)) {
        printf(":\n    \"%s\", not\n    \"%s\"\n", a ? a : "(null)", b ? b : "(null)");
    }
}

void check_near(double a, double b, double tol, const char *file, int line, const char *what)
{
    if (a == b || fabs(a - b) <= tol) return; /* a NaN falls through */
    if (fail_at(file, line, what)) {
        printf(": %.17g, not %.17g (off by %.3g, allowed %.3g)\n", a, b, a - b, tol);
    }
}

static void show_element(const uint8_t *p, char elem)
{
    float f;
    int32_t i;
    int16_t h;
    switch (elem) {
    case 'f':
        memcpy(&f, p, sizeof f);
        memcpy(&i, p, sizeof i);
        printf("%.9g (0x%08x)", (double)f, (unsigned)i);
        break;
    case 'i':
        memcpy(&i, p, sizeof i);
        printf("%d", (int)i);
        break;
    case 'h':
        memcpy(&h, p, sizeof h);
        printf("%d", (int)h);
        break;
    default:
        printf("0x%02x", *p);
    }
}

void check_mem(const void *a, const void *b, size_t n_bytes, char elem, const char *file, int line,
               const char *what)
{
    if (n_bytes == 0 || !memcmp(a, b, n_bytes)) return;
    if (!fail_at(file, line, what)) return;
    const uint8_t *x = a, *y = b;
    size_t size = elem == 'f' || elem == 'i' ? 4 : elem == 'h' ? 2 : 1;
    size_t n_diff = 0, first = 0, last = 0;
    for (size_t k = 0; k < n_bytes / size; k++) {
        if (!memcmp(x + k * size, y + k * size, size)) continue;
        if (n_diff++ == 0) first = k;
        last = k;
    }
    if (n_diff == 0) { /* n_bytes is no multiple of the element: the odd bytes differ */
        printf(": the last %zu bytes differ\n", n_bytes % size);
        return;
    }
    printf(": [%zu] ", first);
    show_element(x + first * size, elem);
    printf(", not ");
    show_element(y + first * size, elem);
    printf("; %zu of %zu differ, the last is [%zu]\n", n_diff, n_bytes / size, last);
}

/* ---- data ---- */

uint64_t check_rand(void) /* SplitMix64 */
{
    uint64_t z = state.random += 0x9e3779b97f4a7c15u;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

int check_rand_int(int lo, int hi)
{
    uint64_t n = (uint64_t)((int64_t)hi - lo) + 1;
    return (int)(lo + (int64_t)(check_rand() % n));
}

float check_rand_float(float lo, float hi)
{
    float unit = (float)(check_rand() >> 40) * 0x1p-24f;
    return lo + (hi - lo) * unit;
}

void *check_guard(size_t n, size_t align)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    size_t body = (n + align + page - 1) / page * page; /* room to round the address down */
    if (n % page == 0 && align <= page) body = n;
    size_t bytes = body + 2 * page;
    struct guard *g = malloc(sizeof *g);
    uint8_t *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (!g || p == MAP_FAILED || mprotect(p, page, PROT_NONE) ||
        mprotect(p + page + body, page, PROT_NONE)) {
        fprintf(stderr, "%s: no memory for a guarded buffer of %zu bytes\n", state.program, n);
        exit(1);
    }
    memset(p + page, 0xa5, body);
    uintptr_t at = (uintptr_t)(p + page + body - n) / align * align;
    *g = (struct guard){state.guards, p + (at - (uintptr_t)p), p, bytes};
    state.guards = g;
    return g->data;
}

void check_guard_free(void *data)
{
    for (struct guard **at = &state.guards; *at; at = &(*at)->next) {
        struct guard *g = *at;
        if (g->data != data) continue;
        *at = g->next;
        munmap(g->pages, g->bytes);
        free(g);
        return;
    }
    if (data) {
        fprintf(stderr, "%s: check_guard_free of an unknown pointer\n", state.program);
        exit(1);
    }
}

/* ---- options, time, files ---- */

bool check_bench(void)
{
    return state.bench;
}

const char *check_cpu(void)
{
    return state.cpu;
}

double check_seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

double check_time(void (*fn)(void *), void *arg, double min_seconds)
{
    int n = 1; /* calls per reading of the clock: enough that the clock itself does not count */
    double best = INFINITY, begin = check_seconds();
    for (;;) {
        double t0 = check_seconds();
        for (int i = 0; i < n; i++) fn(arg);
        double t1 = check_seconds();
        if ((t1 - t0) / n < best) best = (t1 - t0) / n;
        if (t1 - begin >= min_seconds) return best;
        if (t1 - t0 < 20e-6 && n < 1 << 20) {
            n *= 2;
            best = INFINITY; /* too short to trust */
        }
    }
}

const char *check_tmp(void)
{
    if (state.tmp[0]) return state.tmp;
    const char *base = getenv("TMPDIR");
    if (!base || !base[0]) base = "/tmp";
    int n = snprintf(state.tmp, sizeof state.tmp, "%s/%s.XXXXXX", base, state.program);
    if (n >= (int)sizeof state.tmp || !mkdtemp(state.tmp)) {
        fprintf(stderr, "%s: cannot make a directory in %s: %s\n", state.program, base,
                strerror(errno));
        exit(1);
    }
    state.tmp_owner = getpid();
    return state.tmp;
}
