/* SPDX-License-Identifier: MIT */
/* JSON and saved conversations: what is accepted, what is refused and where, round trips. */
#include <stdlib.h>
#include <string.h>

#include "tests/check.h"

/* The tests are linked with the library, which has no part of tools/. */
#include "tools/conv.h"
#include "tools/glyph.h"
#include "tools/json.h"
#include "tools/text.h"

/* Events of a text as letters: { } [ ] k s n t f 0, then '.' at the end or '!' for an error. */
static const char *events(const char *src, size_t len)
{
    static char out[256];
    static const char letter[] = "!.{}[]ksntf0";
    struct lutra_json j;
    size_t n = 0;
    enum lutra_json_event e;
    char *exact = malloc(len ? len : 1); /* so that a sanitizer sees a read behind the end */
    memcpy(exact, src, len);
    lutra_json_init(&j, exact, len);
    do {
        e = lutra_json_next(&j);
        if (n < sizeof out - 1) out[n++] = letter[e + 1];
    } while (e > LUTRA_JSON_END);
    out[n] = '\0';
    CHECK(e == lutra_json_next(&j) || e == LUTRA_JSON_END);
    free(exact);
    return out;
}

static const char *parse(const char *src)
{
    return events(src, strlen(src));
}

static void check_accepted(void)
{
    CHECK_STR(parse("null"), "0.");
    CHECK_STR(parse(" true "), "t.");
    CHECK_STR(parse("[]"), "[].");
    CHECK_STR(parse("{}"), "{}.");
    CHECK_STR(parse("{\"a\":1,\"b\":[true,false,null,\"x\",{}]}"), "{knk[tf0s{}]}.");
    CHECK_STR(parse("-0.5e+10"), "n.");
    CHECK_STR(parse("[1,2.25,1E5,0]"), "[nnnn].");
    CHECK_STR(parse("\"\\u00e9\\n\xC3\xA9\""), "s.");
}

static void check_refused(void)
{
    static const char *const bad[] = {
        "",
        " ",
        "{",
        "[",
        "[1",
        "[1,",
        "[1,]",
        "[,1]",
        "{\"a\"}",
        "{\"a\":}",
        "{a:1}",
        "{\"a\":1,}",
        "{,}",
        "[1 2]",
        "]",
        "}",
        "[}",
        "{]",
        "\"",
        "\"\\",
        "\"\\x\"",
        "\"\\u12\"",
        "\"\\u12g4\"",
        "\"\n\"",
        "\"\xFF\"",
        "\"\xC3\"",
        "01",
        "-",
        "1.",
        ".5",
        "1e",
        "+1",
        "tru",
        "nulll",
        "1 1",
        "[1]]",
        "\"\xED\xA0\x80\"",
        "NaN",
        "'a'",
        "//",
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        const char *e = parse(bad[i]);
        bool refused = e[strlen(e) - 1] == '!';
        if (!refused) CHECK_STR(bad[i], "refused");
        CHECK(refused);
    }
    CHECK_STR(events("[1]\0", 4), "[n]!");
}

static void check_depth(void)
{
    char deep[200];
    memset(deep, '[', 64);
    memset(deep + 64, ']', 64);
    CHECK_EQ(strlen(events(deep, 128)), 129);
    CHECK_EQ(events(deep, 128)[128], '.');
    memset(deep, '[', 65);
    memset(deep + 65, ']', 65);
    CHECK_EQ(events(deep, 130)[64], '!');
}

/* Every prefix of a good text is refused, and nothing is read behind it. */
static void check_prefixes(void)
{
    static const char good[] =
        "{\"messages\":[{\"role\":\"user\",\"content\":\"a\\u00e9\\\"\xE2\x82\xAC\"},-1.5e3]}";
    for (size_t n = 0; n < sizeof good - 1; n++) {
        const char *e = events(good, n);
        CHECK_EQ(e[strlen(e) - 1], '!');
    }
    CHECK_STR(parse(good), "{k[{ksks}n]}.");
}

static void check_strings(void)
{
    static const char src[] = "\"a\\u0000b\\ud83d\\ude00\\ud83dx\\/\\t\"";
    static const char want[] = "a\0b\xF0\x9F\x98\x80\xEF\xBF\xBDx/\t";
    struct lutra_json j;
    struct lutra_text t = {0};
    lutra_json_init(&j, src, sizeof src - 1);
    CHECK_EQ(lutra_json_next(&j), LUTRA_JSON_STRING);
    CHECK(lutra_json_text(&j, &t));
    CHECK_EQ(t.n, sizeof want - 1);
    CHECK_MEM(t.p, want, sizeof want - 1, 'b');
    CHECK(!lutra_json_is(&j, "a"));
    lutra_text_free(&t);
    lutra_json_init(&j, "\"r\\u006fle\"", 11);
    lutra_json_next(&j);
    CHECK(lutra_json_is(&j, "role"));
    CHECK(!lutra_json_is(&j, "roles"));
    CHECK(!lutra_json_is(&j, "rol"));
    lutra_json_init(&j, "-12.5e1", 7);
    CHECK_EQ(lutra_json_next(&j), LUTRA_JSON_NUMBER);
    CHECK_NEAR(lutra_json_number(&j), -125.0, 0);
}

/* Any bytes can be written, and what is valid UTF-8 comes back the same. */
static void check_round_trip(void)
{
    struct lutra_text out = {0}, back = {0};
    struct lutra_json_out w = {&out, false};
    struct lutra_json j;
    char all[128 + 6];
    for (int i = 0; i < 128; i++) all[i] = (char)i;
    memcpy(all + 128, "\xC3\xA9\xF0\x9F\x98\x80", 6);
    lutra_json_put_string(&w, all, sizeof all);
    lutra_json_init(&j, out.p, out.n);
    CHECK_EQ(lutra_json_next(&j), LUTRA_JSON_STRING);
    CHECK(lutra_json_text(&j, &back));
    CHECK_EQ(back.n, sizeof all);
    CHECK_MEM(back.p, all, sizeof all, 'b');
    lutra_text_clear(&out);
    w.comma = false;
    lutra_json_put_string(&w,
                          "\xFF"
                          "a\xE2\x82",
                          4);
    CHECK_STR(out.p, "\"\xEF\xBF\xBD"
                     "a\xEF\xBF\xBD\xEF\xBF\xBD\"");
    lutra_text_free(&out);
    lutra_text_free(&back);
}

static void check_mutants(void)
{
    static const char good[] =
        "{\"lutra\":1,\"messages\":[{\"role\":\"user\",\"content\":\"hi \\u00e9\"},"
        "{\"role\":\"assistant\",\"content\":\"\"}],\"x\":[1,{\"y\":null}]}";
    for (int round = 0; round < 20000; round++) {
        char m[sizeof good];
        struct lutra_conv c = {0};
        char why[100];
        memcpy(m, good, sizeof good);
        for (int k = check_rand_int(1, 4); k > 0; k--)
            m[check_rand_int(0, (int)sizeof good - 2)] = (char)check_rand_int(0, 255);
        lutra_conv_read(&c, m, (size_t)check_rand_int(0, (int)sizeof good - 1), why, sizeof why);
        lutra_conv_free(&c);
    }
    CHECK(true);
}

static void check_conversation(void)
{
    struct lutra_conv c = {0}, d = {0};
    struct lutra_text out = {0};
    char why[100] = "";
    CHECK(lutra_conv_add(&c, LUTRA_USER, "hi\n\"x\"", 6));
    CHECK(lutra_conv_add(&c, LUTRA_ASSISTANT, "", 0));
    CHECK(lutra_conv_system(&c, "be kind", 7));
    CHECK(lutra_conv_system(&c, "be brief", 8));
    CHECK_EQ(c.n, 3);
    CHECK(lutra_conv_write(&c, "a model", &out));
    CHECK(lutra_conv_read(&d, out.p, out.n, why, sizeof why));
    CHECK_EQ(d.n, 3);
    CHECK_EQ(d.msgs[0].role, LUTRA_SYSTEM);
    CHECK_STR(d.msgs[0].text.p, "be brief");
    CHECK_STR(d.msgs[1].text.p, "hi\n\"x\"");
    CHECK_EQ(d.msgs[2].text.n, 0);
    CHECK(!lutra_conv_read(&d, "{\"messages\":[{\"role\":\"robot\",\"content\":\"\"}]}", 45, why,
                           sizeof why));
    CHECK(strstr(why, "role") != NULL);
    CHECK(!lutra_conv_read(&d, "{\"a\":1}", 7, why, sizeof why));
    CHECK(!lutra_conv_read(&d, "3", 1, why, sizeof why));
    CHECK_EQ(d.n, 3); /* a bad file changes nothing */
    CHECK(lutra_conv_read(&d, "[]", 2, why, sizeof why));
    CHECK_EQ(d.n, 0);
    lutra_text_free(&out);
    lutra_conv_free(&c);
    lutra_conv_free(&d);
}

static void check_skipping(void)
{
    struct lutra_conv c = {0};
    lutra_conv_system(&c, "s", 1);
    for (int i = 0; i < 3; i++) {
        lutra_conv_add(&c, LUTRA_USER, "u", 1);
        if (i < 2) lutra_conv_add(&c, LUTRA_ASSISTANT, "a", 1);
    }
    CHECK_EQ(lutra_conv_skip_oldest(&c), 2);
    CHECK_EQ(lutra_conv_skip_oldest(&c), 2);
    CHECK_EQ(lutra_conv_skip_oldest(&c), 0); /* the last message always stays */
    CHECK_EQ(c.n, 6);
    CHECK(!lutra_conv_skipped(&c, 0));
    CHECK(lutra_conv_skipped(&c, 1) && lutra_conv_skipped(&c, 4));
    CHECK(!lutra_conv_skipped(&c, 5));
    lutra_conv_clear(&c);
    CHECK_EQ(c.n, 1);
    CHECK_EQ(c.skip, 0);
    lutra_conv_free(&c);
}

int main(int argc, char **argv)
{
    check_init(argc, argv, "test_json");
    CHECK_CASE("accepted") check_accepted();
    CHECK_CASE("refused") check_refused();
    CHECK_CASE("depth") check_depth();
    CHECK_CASE("prefixes") check_prefixes();
    CHECK_CASE("strings") check_strings();
    CHECK_CASE("round_trip") check_round_trip();
    CHECK_CASE("mutants") check_mutants();
    CHECK_CASE("conversation") check_conversation();
    CHECK_CASE("skipping") check_skipping();
    return check_done();
}
