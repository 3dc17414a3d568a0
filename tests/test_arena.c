/* SPDX-License-Identifier: MIT */
/* Arenas: zeroed, aligned, exact at their end. */
#include "kernels/arena.h"

#include <string.h>

#include "tests/check.h"

static bool all_zero(const uint8_t *p, size_t n)
{
    return n == 0 || (p[0] == 0 && !memcmp(p, p + 1, n - 1));
}

static void take_until_full(size_t cap)
{
    struct lutra_arena a;
    lutra_error err;
    CHECK_EQ(lutra_arena_open(&a, cap, &err), LUTRA_OK);
    CHECK_EQ(a.cap, cap);
    CHECK_EQ(a.used, 0);
    size_t planned = 0;
    for (;;) {
        size_t want = (size_t)check_rand_int(0, (int)(cap / 10) + 1);
        uint8_t *p = lutra_arena_take(&a, want);
        if (!p) {
            CHECK(want > cap - a.used);
            break;
        }
        CHECK_EQ((uintptr_t)p % LUTRA_ALIGN, 0);
        CHECK(p == a.base + planned);
        CHECK(all_zero(p, want));
        memset(p, 0xff, want);
        planned += lutra_arena_cost(want);
        CHECK(a.used <= a.cap);
        CHECK_EQ(a.used, planned < cap ? planned : cap);
        if (a.used == a.cap) break;
    }
    lutra_arena_close(&a);
    CHECK(a.base == NULL && a.cap == 0 && a.used == 0);
    lutra_arena_close(&a); /* nothing left to do */
}

int main(int argc, char **argv)
{
    struct lutra_arena a;
    lutra_error err;
    check_init(argc, argv, "test_arena");
    CHECK_CASE("take until full")
    {
        static const size_t caps[] = {
            1, 63, 64, 65, 4096, 100000, 4 << 20, (4 << 20) - 1, (5 << 20) + 17};
        for (size_t i = 0; i < sizeof caps / sizeof *caps; i++) take_until_full(caps[i]);
    }
    CHECK_CASE("a planned arena holds exactly its plan")
    {
        size_t plan = lutra_arena_cost(1) + lutra_arena_cost(64) + lutra_arena_cost(65);
        CHECK_EQ(plan, 64 + 64 + 128);
        CHECK_EQ(lutra_arena_open(&a, plan, &err), LUTRA_OK);
        CHECK(lutra_arena_take(&a, 1) && lutra_arena_take(&a, 64) && lutra_arena_take(&a, 65));
        CHECK_EQ(a.used, plan);
        CHECK(lutra_arena_take(&a, 1) == NULL);
        CHECK_EQ(a.used, plan);
        lutra_arena_close(&a);
    }
    CHECK_CASE("a refused take changes nothing")
    {
        CHECK_EQ(lutra_arena_open(&a, 1000, &err), LUTRA_OK);
        CHECK(lutra_arena_take(&a, 1001) == NULL);
        CHECK(lutra_arena_take(&a, SIZE_MAX) == NULL);
        CHECK(lutra_arena_take(&a, SIZE_MAX - 62) == NULL);
        CHECK_EQ(a.used, 0);
        CHECK(lutra_arena_take(&a, 1000) == a.base);
        lutra_arena_close(&a);
    }
    CHECK_CASE("empty")
    {
        CHECK_EQ(lutra_arena_open(&a, 0, &err), LUTRA_OK);
        CHECK(a.base == NULL);
        CHECK(lutra_arena_take(&a, 0) == NULL);
        CHECK(lutra_arena_take(&a, 1) == NULL);
        lutra_arena_close(&a);
    }
    CHECK_CASE("more than there is")
    {
        static const size_t caps[] = {SIZE_MAX,     SIZE_MAX - 1,     SIZE_MAX / 2 + 1,
                                      SIZE_MAX / 2, SIZE_MAX / 2 - 1, SIZE_MAX / 4};
        for (size_t i = 0; i < sizeof caps / sizeof *caps; i++) {
            err.msg[0] = '\0';
            CHECK_EQ(lutra_arena_open(&a, caps[i], &err), LUTRA_ENOMEM);
            CHECK(strstr(err.msg, "MiB of memory") != NULL);
            CHECK(a.base == NULL && lutra_arena_take(&a, 1) == NULL);
            CHECK_EQ(lutra_arena_open(&a, caps[i], NULL), LUTRA_ENOMEM);
            lutra_arena_close(&a);
        }
    }
    CHECK_CASE("large and small side by side")
    {
        struct lutra_arena b[8];
        for (int i = 0; i < 8; i++) {
            CHECK_EQ(lutra_arena_open(&b[i], (size_t)((i + 3) << 20) + (size_t)i, &err), LUTRA_OK);
            uint8_t *p = lutra_arena_take(&b[i], b[i].cap);
            CHECK(p && all_zero(p, b[i].cap));
            if (p) memset(p, i + 1, b[i].cap);
        }
        for (int i = 0; i < 8; i += 2) lutra_arena_close(&b[i]);
        for (int i = 1; i < 8; i += 2) { /* closing a neighbour took nothing from these */
            CHECK(b[i].base[0] == i + 1 && !memcmp(b[i].base, b[i].base + 1, b[i].cap - 1));
            lutra_arena_close(&b[i]);
        }
    }
    return check_done();
}
