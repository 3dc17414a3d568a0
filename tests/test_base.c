/* SPDX-License-Identifier: MIT */
/* Errors, the formatter, escaping, checked sizes. */
#include "kernels/base.h"

#include <stdlib.h>
#include <string.h>

#include "tests/check.h"

static const char *escaped(const char *src, size_t n)
{
    static char out[256];
    return lutra_escape(out, sizeof out, src, n);
}

#define CHECK_ESCAPE(literal, expected) CHECK_STR(escaped(literal, sizeof(literal) - 1), expected)

static void escape_cases(void)
{
    CHECK_CASE("escape: what shows a glyph stays")
    {
        CHECK_ESCAPE("", "");
        CHECK_ESCAPE("blk.0.attn_q.weight \\ ~!", "blk.0.attn_q.weight \\ ~!");
        CHECK_ESCAPE("\xc2\xa0\xc3\xa9\xdf\xbf", "\xc2\xa0\xc3\xa9\xdf\xbf");
        CHECK_ESCAPE("\xe0\xa0\x80\xed\x9f\xbf", "\xe0\xa0\x80\xed\x9f\xbf");
        CHECK_ESCAPE("\xee\x80\x80", "\xee\x80\x80");
        CHECK_ESCAPE("\xf0\x9f\xa6\xa6\xf4\x8f\xbf\xbf", "\xf0\x9f\xa6\xa6\xf4\x8f\xbf\xbf");
    }
    CHECK_CASE("escape: controls")
    {
        CHECK_ESCAPE("a\0b", "a\\x00b");
        CHECK_ESCAPE("\x1b[31m\n\r\t\x7f", "\\x1b[31m\\x0a\\x0d\\x09\\x7f");
        CHECK_ESCAPE("\xc2\x80\xc2\x9b\xc2\x9f", "\\xc2\\x80\\xc2\\x9b\\xc2\\x9f");
        CHECK_ESCAPE("\xe2\x80\xa7\xe2\x80\xaa", "\xe2\x80\xa7\\xe2\\x80\\xaa"); /* U+202A */
        CHECK_ESCAPE("\xe2\x80\xae\xe2\x80\xaf", "\\xe2\\x80\\xae\xe2\x80\xaf"); /* U+202E */
        CHECK_ESCAPE("\xe2\x80\xa8", "\\xe2\\x80\\xa8");                         /* U+2028 */
        CHECK_ESCAPE("\xe2\x81\xa6\xe2\x81\xa9\xe2\x81\xaa",
                     "\\xe2\\x81\\xa6\\xe2\\x81\\xa9\xe2\x81\xaa"); /* U+2066, U+2069 */
    }
    CHECK_CASE("escape: malformed UTF-8")
    {
        CHECK_ESCAPE("\x80z\xbf", "\\x80z\\xbf");                 /* lone continuation */
        CHECK_ESCAPE("\xc0\xaf\xc1\xbf", "\\xc0\\xaf\\xc1\\xbf"); /* overlong, 2 bytes */
        CHECK_ESCAPE("\xe0\x9f\xbf", "\\xe0\\x9f\\xbf");          /* overlong, 3 */
        CHECK_ESCAPE("\xf0\x8f\xbf\xbf", "\\xf0\\x8f\\xbf\\xbf"); /* overlong, 4 */
        CHECK_ESCAPE("\xed\xa0\x80", "\\xed\\xa0\\x80");          /* surrogate */
        CHECK_ESCAPE("\xed\xbf\xbf", "\\xed\\xbf\\xbf");          /* surrogate */
        CHECK_ESCAPE("\xf4\x90\x80\x80", "\\xf4\\x90\\x80\\x80"); /* above U+10FFFF */
        CHECK_ESCAPE("\xf5\xf8\xfe\xff", "\\xf5\\xf8\\xfe\\xff"); /* never lead bytes */
        CHECK_ESCAPE("\xe2\x82", "\\xe2\\x82");                   /* cut */
        CHECK_ESCAPE("\xe2\x82z", "\\xe2\\x82z");                 /* broken off */
        CHECK_ESCAPE("\xc3\xc3\xa9", "\\xc3\xc3\xa9");            /* found again */
    }
}

/* Exact fit, "..." one byte below, never a byte beyond cap, never half a character. */
static void escape_room(void)
{
    static const char src[] = "ab\xc3\xa9\n\xf0\x9f\xa6\xa6";
    static const char full[] = "ab\xc3\xa9\\x0a\xf0\x9f\xa6\xa6";
    char dst[32];
    for (size_t cap = 0; cap <= sizeof dst; cap++) {
        memset(dst, 'Z', sizeof dst);
        CHECK(lutra_escape(dst, cap, src, sizeof src - 1) == dst);
        for (size_t i = cap; i < sizeof dst; i++) CHECK_EQ(dst[i], 'Z');
        if (cap == 0) continue;
        size_t n = strlen(dst);
        CHECK(n < cap);
        if (cap >= sizeof full) {
            CHECK_STR(dst, full);
            continue;
        }
        size_t dots = cap - 1 < 3 ? cap - 1 : 3;
        CHECK(n >= dots && !memcmp(dst + n - dots, "...", dots));
        CHECK(!memcmp(dst, full, n - dots));
        CHECK(((unsigned char)full[n - dots] & 0xc0) != 0x80);
    }
}

/* Any bytes at all: the result is printable and keeps within its room. */
static void escape_random(void)
{
    for (int round = 0; round < 20000; round++) {
        size_t n = (size_t)check_rand_int(0, 40), cap = (size_t)check_rand_int(1, 170);
        char *src = check_guard(n, 1), *dst = check_guard(cap, 1);
        /* mostly bytes that belong to multi-byte sequences */
        for (size_t i = 0; i < n; i++) {
            src[i] = (char)check_rand_int(check_rand_int(0, 3) ? 0x80 : 0, 0xff);
        }
        lutra_escape(dst, cap, src, n);
        CHECK(strlen(dst) < cap);
        for (char *p = dst; *p; p++) CHECK((unsigned char)*p >= 0x20 && *p != 0x7f);
        char again[200];
        CHECK_STR(lutra_escape(again, sizeof again, dst, strlen(dst)), dst);
        check_guard_free(src);
        check_guard_free(dst);
    }
}

static void error_cases(void)
{
    CHECK_CASE("fail")
    {
        lutra_error err = {0};
        CHECK_EQ(lutra_fail(&err, LUTRA_EFORMAT, "%s: offset %d", "a.gguf", 17), LUTRA_EFORMAT);
        CHECK_EQ(err.code, LUTRA_EFORMAT);
        CHECK_STR(err.msg, "a.gguf: offset 17");
        CHECK_EQ(lutra_fail(&err, LUTRA_EIO, "b: %s", err.msg), LUTRA_EIO);
        CHECK_STR(err.msg, "b: a.gguf: offset 17");
        CHECK_EQ(lutra_fail(NULL, LUTRA_EIO, "nobody asks"), LUTRA_EIO);
        lutra_fail(&err, LUTRA_EIO, "%s", "two\nlines\x1b[2J");
        CHECK_STR(err.msg, "two?lines?[2J");
    }
    CHECK_CASE("fail: too long")
    {
        char text[1200];
        lutra_error err;
        for (size_t pad = 0; pad < 4; pad++) {
            memset(text, 'x', pad);
            for (size_t i = pad; i + 2 < sizeof text; i += 2) memcpy(text + i, "\xc3\xa9", 3);
            lutra_fail(&err, LUTRA_EINVAL, "%s", text);
            size_t n = strlen(err.msg);
            CHECK(n >= sizeof err.msg - 3 && n < sizeof err.msg);
            CHECK_STR(err.msg + n - 3, "...");
            char again[600];
            CHECK_STR(lutra_escape(again, sizeof again, err.msg, n), err.msg);
        }
        memset(text, 'y', sizeof err.msg - 1);
        text[sizeof err.msg - 1] = '\0';
        lutra_fail(&err, LUTRA_EINVAL, "%s", text); /* fits to the last byte */
        CHECK_STR(err.msg, text);
    }
    CHECK_CASE("status names are there and differ")
    {
        for (int a = LUTRA_OK; a <= LUTRA_EBUSY; a++) {
            CHECK(strcmp(lutra_status_text((lutra_status)a), "unknown status") != 0);
            for (int b = LUTRA_OK; b < a; b++) {
                CHECK(strcmp(lutra_status_text((lutra_status)a),
                             lutra_status_text((lutra_status)b)) != 0);
            }
        }
        CHECK_STR(lutra_status_text(LUTRA_OK), "ok");
        CHECK_STR(lutra_status_text((lutra_status)(LUTRA_EBUSY + 1)), "unknown status");
    }
    CHECK_CASE("format")
    {
        char dst[8] = "-------";
        CHECK_EQ(lutra_format(dst, sizeof dst, "%d", 12), 2);
        CHECK_STR(dst, "12");
        CHECK_EQ(lutra_format(dst, sizeof dst, "%s", "123456789"), 9);
        CHECK_STR(dst, "1234567");
        CHECK_EQ(lutra_format(NULL, 0, "%s", "123"), 3);
    }
}

static void size_cases(void)
{
    uint64_t r;
    CHECK_CASE("checked sizes")
    {
        CHECK(lutra_add_ok(&r, UINT64_MAX - 1, 1) && r == UINT64_MAX);
        CHECK(!lutra_add_ok(&r, UINT64_MAX, 1));
        CHECK(!lutra_add_ok(&r, 1, UINT64_MAX));
        CHECK(lutra_mul_ok(&r, 0, UINT64_MAX) && r == 0);
        CHECK(lutra_mul_ok(&r, UINT64_MAX, 1) && r == UINT64_MAX);
        CHECK(lutra_mul_ok(&r, 0xffffffffu, 0x100000001u) && r == UINT64_MAX);
        CHECK(!lutra_mul_ok(&r, (uint64_t)1 << 32, (uint64_t)1 << 32));
        CHECK(!lutra_mul_ok(&r, UINT64_MAX, 2));
        CHECK(lutra_align_ok(&r, 0, 32) && r == 0);
        CHECK(lutra_align_ok(&r, 1, 32) && r == 32);
        CHECK(lutra_align_ok(&r, 32, 32) && r == 32);
        CHECK(lutra_align_ok(&r, UINT64_MAX - 31, 32) && r == UINT64_MAX - 31);
        CHECK(!lutra_align_ok(&r, UINT64_MAX - 30, 32));
        CHECK_EQ(lutra_round_up(0, 64), 0);
        CHECK_EQ(lutra_round_up(65, 64), 128);
        CHECK_EQ(lutra_round_up(10, 3), 12);
    }
}

int main(int argc, char **argv)
{
    check_init(argc, argv, "test_base");
    escape_cases();
    CHECK_CASE("escape: room") escape_room();
    CHECK_CASE("escape: random bytes") escape_random();
    error_cases();
    size_cases();
    return check_done();
}
