/* SPDX-License-Identifier: MIT */
/* 10,000 times a model and a session are opened, used and closed: memory, files and threads do not grow.
 *   test_cycles [FOLDER of tiny models]       default: the tiny ternary model */
#include "runtime/lutra.h"
#include "tests/check.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CYCLES = 10000, SETTLED = 1000 };

static long resident_kib(void)
{
    char line[256];
    long kib = -1;
    FILE *f = fopen("/proc/self/status", "r");
    while (f && fgets(line, sizeof line, f))
        if (sscanf(line, "VmRSS: %ld", &kib) == 1) break;
    if (f) fclose(f);
    return kib;
}

static int entries(const char *folder)
{
    int n = 0;
    DIR *d = opendir(folder);
    while (d && readdir(d)) n++;
    if (d) closedir(d);
    return n;
}

static void cycle(const char *path, int i)
{
    lutra_error err;
    lutra_model *m;
    lutra_session *s;
    int32_t ids[3] = {3, 4, 5};
    lutra_model_options o = {.size = sizeof o, .n_threads = 1 + i % 2, .cpu = check_cpu()};
    lutra_session_options so = {.size = sizeof so, .n_ctx = 32, .n_threads = 1 + i % 3};
    lutra_generate_options g = {.size = sizeof g, .n_predict = 2, .ignore_end = 1};
    CHECK_EQ(lutra_model_open(&m, path, &o, &err), LUTRA_OK);
    CHECK_EQ(lutra_session_open(&s, m, &so, &err), LUTRA_OK);
    CHECK_EQ(lutra_session_feed(s, ids, 3, &err), LUTRA_OK);
    CHECK_EQ(lutra_generate(s, &g, NULL, &err), LUTRA_OK);
    lutra_session_free(s);
    lutra_model_free(m);
}

static void cycles(const char *path)
{
    long before = 0, after;
    int files = 0, threads = 0;
    double start = check_seconds();
    for (int i = 0; i < CYCLES; i++) {
        cycle(path, i);
        if (i + 1 != SETTLED) continue;
        before = resident_kib();
        files = entries("/proc/self/fd");
        threads = entries("/proc/self/task");
    }
    after = resident_kib();
    printf("  %d cycles in %.1f s: %ld KiB resident after %d, %ld KiB at the end\n", CYCLES, check_seconds() - start, before,
           SETTLED, after);
    if (before < 0) {
        check_skip("this system does not tell resident memory");
        return;
    }
    CHECK_EQ(entries("/proc/self/fd"), files);
    CHECK_EQ(entries("/proc/self/task"), threads);
#ifdef __SANITIZE_ADDRESS__
    check_skip("AddressSanitizer keeps what is freed; it looks for leaks itself");
#else
    CHECK(after <= before + 128);
#endif
}

int main(int argc, char **argv)
{
    char path[500] = "tests/data/tiny-verse-ternary.gguf";
    check_init(argc, argv, "test_cycles");
    for (int i = 1; i < argc; i++)
        if (argv[i][0] != '-') snprintf(path, sizeof path, "%s/llama-Q4_0.gguf", argv[i]);
    CHECK_CASE("10,000 cycles") cycles(path);
    return check_done();
}
