/* SPDX-License-Identifier: MIT */
/* Memory promises: no allocation per token, and a peak that stays within the printed plan + 16 MiB.
 *   test_memory [MODEL.gguf ...]     default: the tiny ternary model */
#include "runtime/lutra.h"
#include "tests/check.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static atomic_long n_allocs;

/* not where a sanitizer has its own allocator, nor in the static ARM build, whose C library brings malloc along */
#if defined(__GLIBC__) && defined(__x86_64__) && !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
#define COUNTING 1
/* The C library's own allocator under names that we then wrap. */
void *__libc_malloc(size_t n);
void *__libc_calloc(size_t n, size_t size);
void *__libc_realloc(void *p, size_t n);

void *malloc(size_t n)
{
    atomic_fetch_add(&n_allocs, 1);
    return __libc_malloc(n);
}

void *calloc(size_t n, size_t size)
{
    atomic_fetch_add(&n_allocs, 1);
    return __libc_calloc(n, size);
}

void *realloc(void *p, size_t n)
{
    atomic_fetch_add(&n_allocs, 1);
    return __libc_realloc(p, n);
}
#endif

static long status_kib(const char *key)
{
    char line[256];
    long kib = -1;
    size_t n = strlen(key);
    FILE *f = fopen("/proc/self/status", "r");
    while (f && fgets(line, sizeof line, f))
        if (strncmp(line, key, n) == 0 && sscanf(line + n, ": %ld", &kib) == 1) break;
    if (f) fclose(f);
    return kib;
}

static long peak_kib(void)
{
    return status_kib("VmHWM");
}

struct watch {
    int tokens;
    long at_8;   /* allocations when the 8th token was chosen */
    long at_end;
};

static int on_token(void *user, int32_t id)
{
    (void)id;
    struct watch *w = user;
    w->tokens++;
    long now = atomic_load(&n_allocs);
    if (w->tokens == 8) w->at_8 = now;
    w->at_end = now;
    return 0;
}

/* The peak so far counts no more: a new one begins at what is held now. False where the system has
 * no such thing. */
static bool reset_peak(void)
{
    FILE *f = fopen("/proc/self/clear_refs", "w");
    if (f == NULL) return false;
    bool ok = fputs("5", f) >= 0;
    return fclose(f) == 0 && ok;
}

/* Longer than any number of vectors that are looked up at a time. */
static const char prompt[] =
    "Once upon a time there was a king who had three daughters, and the youngest of them was so fair that the sun, "
    "which has seen so much, wondered whenever it shone in her face. Close by the castle lay a great dark forest.";

static void run(const char *path, const lutra_model_options *mo)
{
    lutra_error err;
    lutra_model *m;
    lutra_session *s;
    lutra_plan plan = {.size = sizeof plan};
    lutra_session_options so = {.size = sizeof so, .n_ctx = 256};
    struct watch w = {0};
    int32_t *ids;
    size_t n;
    lutra_model_info info = {.size = sizeof info};
    bool fresh = reset_peak();
    long before = peak_kib();
    CHECK_EQ(lutra_plan_file(&plan, path, mo, &so, &err), LUTRA_OK);
    CHECK_EQ(lutra_model_open(&m, path, mo, &err), LUTRA_OK);
    CHECK_EQ(lutra_model_describe(m, &info), LUTRA_OK);
    CHECK(info.weight_bytes <= plan.weights);
    CHECK_EQ(lutra_session_open(&s, m, &so, &err), LUTRA_OK);
    CHECK_EQ(lutra_tokenize(m, prompt, sizeof prompt - 1, LUTRA_ADD_SPECIAL, &ids, &n, &err), LUTRA_OK);
    CHECK_EQ(lutra_session_feed(s, ids, (int)n, &err), LUTRA_OK);
    lutra_generate_options g = {.size = sizeof g, .n_predict = 40, .ignore_end = 1, .on_token = on_token, .user = &w};
    CHECK_EQ(lutra_generate(s, &g, NULL, &err), LUTRA_OK);
    CHECK_EQ(w.tokens, 40);
    CHECK_EQ(w.at_end - w.at_8, 0);
    long peak = peak_kib() - before;
    printf("  plan %.1f MiB, peak above start %.1f MiB, allocations from token 8 to 40: %ld\n",
           (double)plan.total / 1048576.0, (double)peak / 1024.0, w.at_end - w.at_8);
    CHECK(peak * 1024L <= (long)plan.total + (16L << 20));
    CHECK(fresh || peak > 0); /* without a reset only the first run says anything */
    lutra_free(ids);
    lutra_session_free(s);
    lutra_model_free(m);
}

/* ---- the plan against the peak when everything planned is used ---- */

enum { FULL_CTX = 1024 };

/* In a process of its own: the peak of a session whose context is full, less what was there before; -1: an error. */
static long full_peak_kib(const char *path, const lutra_session_options *so, int n_vocab)
{
    lutra_error err;
    lutra_model *m;
    lutra_session *s;
    int32_t *ids = malloc(FULL_CTX * sizeof *ids);
    lutra_generate_options g = {.size = sizeof g, .ignore_end = 1};
    for (int i = 0; i < FULL_CTX; i++) ids[i] = (int32_t)((unsigned)(i * 31 + 5) % (unsigned)n_vocab);
    long before = status_kib("VmRSS");
    reset_peak();
    if (lutra_model_open(&m, path, NULL, &err) || lutra_session_open(&s, m, so, &err) ||
        lutra_session_feed(s, ids, FULL_CTX - 4, &err) || lutra_generate(s, &g, NULL, &err))
        return -1;
    return peak_kib() - before;
}

static void plan_is_close(const char *path)
{
    lutra_error err;
    lutra_plan plan = {.size = sizeof plan};
    lutra_session_options so = {.size = sizeof so, .n_ctx = FULL_CTX};
    int ends[2];
    long kib = -1;
    if (lutra_plan_file(&plan, path, NULL, &so, &err) != LUTRA_OK || pipe(ends) != 0) {
        CHECK(!"planned");
        return;
    }
    if (plan.total < (64u << 20)) {
        check_skip("too small a model: pages and the C library's own would count");
        return;
    }
    pid_t child = fork();
    if (child == 0) {
        kib = full_peak_kib(path, &so, 1000);
        ssize_t n = write(ends[1], &kib, sizeof kib);
        _exit(n != sizeof kib);
    }
    close(ends[1]);
    CHECK_EQ(read(ends[0], &kib, sizeof kib), (long long)sizeof kib);
    close(ends[0]);
    waitpid(child, NULL, 0);
    double ratio = (double)kib * 1024.0 / (double)plan.total;
    printf("  plan for a full context of %d: %.1f MiB, peak %.1f MiB: %.3f\n", FULL_CTX, (double)plan.total / 1048576.0,
           (double)kib / 1024.0, ratio);
    CHECK_NEAR(ratio, 1.0, 0.05);
}

static void run_all(const char *path)
{
    for (int k = LUTRA_KERNELS_AUTO; k <= LUTRA_KERNELS_DEQ; k++) {
        lutra_model_options mo = {.size = sizeof mo, .kernels = (lutra_kernels)k};
        run(path, &mo);
    }
    for (int h = LUTRA_HEAD_Q8; h <= LUTRA_HEAD_FAST; h++) {
        lutra_model_options mo = {.size = sizeof mo, .head = (lutra_head)h};
        run(path, &mo);
    }
}

int main(int argc, char **argv)
{
    check_init(argc, argv, "test_memory");
    bool any = false;
    for (int i = 1; i < argc; i++)
        if (argv[i][0] != '-') {
            any = true;
            CHECK_CASE("plan and peak") plan_is_close(argv[i]);
            CHECK_CASE(argv[i]) run_all(argv[i]);
        }
    if (!any) CHECK_CASE("tiny")
    {
#if defined(COUNTING)
        run_all("tests/data/tiny-verse-ternary.gguf");
#else
        check_skip("allocations are not counted in this build");
#endif
    }
    return check_done();
}
