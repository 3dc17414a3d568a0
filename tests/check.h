/* SPDX-License-Identifier: MIT */
/* The harness of all tests: expectations that count, seeded data, guard pages, one closing line.
 *
 *   int main(int argc, char **argv)
 *   {
 *       check_init(argc, argv, "test_arena");      // --only NAME, --seed N, --bench, --cpu LEVEL
 *       CHECK_CASE("take") { CHECK(lutra_arena_take(&a, 10) != NULL); CHECK_EQ(a.used, 64); }
 *       return check_done(); // prints "test_arena: N passed, N failed, N skipped"
 *   }
 *
 * A case is passed if none of its expectations failed. Failures print file, line, values and the
 * seed; each case draws its own random numbers, so --only NAME repeats what the whole run did. */
#ifndef LUTRA_TESTS_CHECK_H
#define LUTRA_TESTS_CHECK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

void check_init(int argc, char **argv, const char *program);
int check_done(void); /* exit code: 0, or 1 if anything failed or nothing ran */

bool check_case(const char *name); /* begins a case; false if --only (part of a name) excludes it */
void check_skip(const char *why);  /* the current case counts as skipped, and says why */
#define CHECK_CASE(name) if (check_case(name))

void check_true(bool ok, const char *file, int line, const char *what);
void check_int(long long a, long long b, const char *file, int line, const char *what);
void check_text(const char *a, const char *b, const char *file, int line, const char *what);
/* memcmp; on a difference prints the first differing index and both elements (elem: 'f' float,
 * 'i' int32, 'h' int16, 'b' byte) */
void check_mem(const void *a, const void *b, size_t n_bytes, char elem, const char *file, int line,
               const char *what);
/* |a - b| <= tol, or both the same infinity; a NaN never passes */
void check_near(double a, double b, double tol, const char *file, int line, const char *what);
#define CHECK(x) check_true((x), __FILE__, __LINE__, #x)
#define CHECK_EQ(a, b) check_int((long long)(a), (long long)(b), __FILE__, __LINE__, #a " == " #b)
#define CHECK_STR(a, b) check_text((a), (b), __FILE__, __LINE__, #a " == " #b)
#define CHECK_MEM(a, b, n, elem) check_mem((a), (b), (n), (elem), __FILE__, __LINE__, #a " == " #b)
#define CHECK_NEAR(a, b, tol) check_near((a), (b), (tol), __FILE__, __LINE__, #a " ~ " #b)

/* seeded generator: the same numbers everywhere */
uint64_t check_rand(void);
int check_rand_int(int lo, int hi);        /* inclusive */
float check_rand_float(float lo, float hi);
enum check_fill {
    CHECK_FILL_RANDOM,
    CHECK_FILL_MAX,
    CHECK_FILL_MIN,
    CHECK_FILL_ALTERNATE,
    CHECK_FILL_ZERO,
    CHECK_N_FILLS
};

/* n bytes that end exactly at an unreadable page and begin right after one (when n is a multiple of
 * the page). The address is rounded down to `align`, so at most align-1 bytes lie between the end
 * and the guard. All is filled with 0xA5. */
void *check_guard(size_t n, size_t align);
void check_guard_free(void *p);

bool check_bench(void);                    /* --bench given */
const char *check_cpu(void);               /* --cpu LEVEL or NULL */
double check_seconds(void);                /* monotonic clock */
/* Best seconds per call of fn over at least `min_seconds` */
double check_time(void (*fn)(void *), void *arg, double min_seconds);
/* directory for temporary files, made once, removed by check_done */
const char *check_tmp(void);

#endif
