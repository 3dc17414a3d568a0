/* SPDX-License-Identifier: MIT */
/* Lower case and letters without accents: some of each table, and a sum over every code point. */
#include "runtime/unicode_fold.h"
#include "tests/check.h"

static uint32_t stripped(uint32_t cp, int n)
{
    uint32_t out[3] = {0};
    CHECK_EQ(lutra_fold_strip(cp, out), n);
    return n > 0 ? out[0] : 0;
}

static void letters(void)
{
    CHECK_EQ(lutra_fold_to_lower('Q'), 'q');
    CHECK_EQ(lutra_fold_to_lower('['), '[');
    CHECK_EQ(lutra_fold_to_lower(0xC9), 0xE9);
    CHECK_EQ(lutra_fold_to_lower(0xD7), 0xD7); /* a sign between two runs */
    CHECK_EQ(lutra_fold_to_lower(0x100), 0x101);
    CHECK_EQ(lutra_fold_to_lower(0x101), 0x101); /* in a run of every second */
    CHECK_EQ(lutra_fold_to_lower(0x1E9E), 0xDF);
    CHECK_EQ(lutra_fold_to_lower(0x13A0), 0xAB70);
    CHECK_EQ(lutra_fold_to_lower(0x10FFFF), 0x10FFFF);
    CHECK_EQ(stripped(0xE9, 1), 'e');
    CHECK_EQ(stripped(0x1EA4, 1), 'A');
    CHECK_EQ(stripped(0x301, 0), 0);
    CHECK_EQ(stripped(0xE01EF, 0), 0); /* the last of the longest run of marks */
    CHECK_EQ(stripped(0xE01F0, 1), 0xE01F0);
    CHECK_EQ(stripped(0x9CB, 2), 0x9C7);
    CHECK_EQ(stripped(0x2FA1D, 1), 0x2A600);
    CHECK_EQ(stripped(0xAC01, 3), 0x1100);
    CHECK(lutra_fold_is_control(0x7F) && lutra_fold_is_control(0x10FFFD) && !lutra_fold_is_control(0x378));
}

/* FNV-1a of all answers, taken when each pair of the tables was still written out. */
static void all_of_them(void)
{
    uint64_t h = 14695981039346656037u;
    for (uint32_t c = 0; c < 0x110000; c++) {
        uint32_t out[3] = {0};
        int n = lutra_fold_strip(c, out);
        for (int i = 0; i < n; i++) h = (h ^ out[i]) * 1099511628211u;
        h = (h ^ (uint32_t)n) * 1099511628211u;
        h = (h ^ lutra_fold_to_lower(c)) * 1099511628211u;
        h = (h ^ (uint32_t)lutra_fold_is_control(c)) * 1099511628211u;
    }
    CHECK_EQ(h, 0x621a198c51f97dc6);
}

int main(int argc, char **argv)
{
    check_init(argc, argv, "test_fold");
    CHECK_CASE("letters") letters();
    CHECK_CASE("all") all_of_them();
    return check_done();
}
