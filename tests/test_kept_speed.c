/* SPDX-License-Identifier: MIT */
/* Memory speed kept between calls: found again under its key alone, for 30 days; files that are
 * damaged, foreign or out of reach count as none. */
#include "tools/kept_speed.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "tests/check.h"

enum { DAY = 24 * 3600 };
static const int64_t now = 1790000000;
static char path[512];

static void put_file(const char *text)
{
    FILE *f = fopen(path, "w");
    CHECK(f && fputs(text, f) >= 0 && fclose(f) == 0);
}

/* What is kept for (cpu, threads) at a time; 0: nothing. */
static double kept(const char *cpu, int threads, int64_t when)
{
    double rate = 0;
    return lutra_kept_speed_read(path, cpu, threads, when, &rate) ? rate : 0;
}

static void test_keys(void)
{
    CHECK(lutra_kept_speed_write(path, "A 1", 2, now, 2.5e10));
    CHECK(lutra_kept_speed_write(path, "A 1", 4, now, 3e10));
    CHECK(lutra_kept_speed_write(path, "B", 2, now, 1e10));
    CHECK(kept("A 1", 2, now) == 2.5e10 && kept("A 1", 4, now) == 3e10 && kept("B", 2, now) == 1e10);
    CHECK(kept("A", 2, now) == 0 && kept("A 1", 1, now) == 0 && kept("A 1 ", 2, now) == 0);
    CHECK(lutra_kept_speed_write(path, "A 1", 2, now + 9, 2e10)); /* the newer one counts */
    CHECK(kept("A 1", 2, now + 9) == 2e10 && kept("B", 2, now + 9) == 1e10);
    for (int i = 1; i <= 40; i++) CHECK(lutra_kept_speed_write(path, "C", i, now, 1e9 * i));
    CHECK(kept("C", 40, now) == 4e10); /* bounded: the oldest make room */
    CHECK(kept("C", 1, now) == 0);
}

static void test_age(void)
{
    unlink(path);
    CHECK(lutra_kept_speed_write(path, "A", 2, now, 2e10));
    CHECK(kept("A", 2, now + 30 * DAY) == 2e10);
    CHECK(kept("A", 2, now + 30 * DAY + 1) == 0);
    CHECK(kept("A", 2, now - 1) == 0); /* the clock was set back: who knows */
}

static void test_damaged(void)
{
    static const char *const texts[] = {
        "", "lutra", "lutra memory speed 1", "lutra memory speed 2\n2 2e10 1790000000 A\n",
        "2 2e10 1790000000 A\n", "lutra memory speed 1\n2 nan 1790000000 A\n",
        "lutra memory speed 1\n2 inf 1790000000 A\n", "lutra memory speed 1\n2 -1 1790000000 A\n",
        "lutra memory speed 1\n2 1e300 1790000000 A\n", "lutra memory speed 1\n2 2e10 -5 A\n",
        "lutra memory speed 1\n2 2e10\n", "lutra memory speed 1\n\n\x80\xff\n-2 2e10 1790000000 A\n"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        put_file(texts[i]);
        CHECK(kept("A", 2, now) == 0);
        CHECK(lutra_kept_speed_write(path, "A", 2, now, 3e10)); /* and it is mended */
        CHECK(kept("A", 2, now) == 3e10);
    }
    put_file("lutra memory speed 1\nnonsense\n2 2e10 1790000000 A\n");
    CHECK(kept("A", 2, now) == 2e10);
}

static void test_unreachable(void)
{
    char was[512];
    memcpy(was, path, sizeof was);
    snprintf(path, sizeof path, "%s/no/such/folder", check_tmp());
    CHECK(kept("A", 2, now) == 0);
    CHECK(!lutra_kept_speed_write(path, "A", 2, now, 3e10));
    snprintf(path, sizeof path, "%s", check_tmp()); /* a folder where the file should be */
    CHECK(kept("A", 2, now) == 0);
    CHECK(!lutra_kept_speed_write(path, "A", 2, now, 3e10));
    memcpy(path, was, sizeof path);
}

int main(int argc, char **argv)
{
    check_init(argc, argv, "test_kept_speed");
    snprintf(path, sizeof path, "%s/memory-speed", check_tmp());
    CHECK_CASE("keys") test_keys();
    CHECK_CASE("age") test_age();
    CHECK_CASE("damaged") test_damaged();
    CHECK_CASE("unreachable") test_unreachable();
    return check_done();
}
