/* SPDX-License-Identifier: MIT */
/* Option tables, numbers, the edited line, history, thinking text: what needs no model and no
 * terminal. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/check.h"

/* The tests are linked with the library, which has no part of tools/. */
#include "tools/cli.h"
#include "tools/cmd.h"
#include "tools/edit.h"
#include "tools/glyph.h"
#include "tools/stream.h"
#include "tools/text.h"

struct values {
    const char *name, *file;
    int count, on, choice;
    float heat;
    struct lutra_seed seed;
    struct lutra_strings words;
};

#define AT(field) offsetof(struct values, field)
static const struct lutra_opt opts[] = {
    {"-m, --name", "NAME", LUTRA_OPT_STR, AT(name), 0, 0, "", NULL},
    {"-n, --count", "N", LUTRA_OPT_INT, AT(count), -2, 100, "", NULL},
    {"--on", NULL, LUTRA_OPT_FLAG, AT(on), 1, 0, "", NULL},
    {"--off", NULL, LUTRA_OPT_FLAG, AT(on), 0, 0, "", NULL},
    {"--heat", "X", LUTRA_OPT_FLOAT, AT(heat), -1, 10, "", NULL},
    {"--seed", "N", LUTRA_OPT_SEED, AT(seed), 0, 0, "", NULL},
    {"-r", "TEXT", LUTRA_OPT_LIST, AT(words), 0, 0, "", NULL},
    {"--mode", "low|high", LUTRA_OPT_CHOICE, AT(choice), 0, 0, "", NULL},
    {"--colour", "[on|off]", LUTRA_OPT_CHOICE, AT(choice), 0, 0, "", NULL},
    {"-ngl", "N", LUTRA_OPT_IGNORE, 0, 0, 0, "CPU-only build", NULL},
    {"--mirostat", "N", LUTRA_OPT_REFUSE, 0, 0, 0, "not there", "0"},
    {"--type", "T", LUTRA_OPT_REFUSE, 0, 0, 0, "not there", "f16|none"},
};
static const struct lutra_opt_group group = {"Options", opts, sizeof opts / sizeof *opts};
static const struct lutra_cli_spec spec = {"test", "", "", &group, 1, AT(file)};

/* Parse words separated by blanks; stderr of the parser is not wanted here. */
static int parse(struct values *v, const char *line)
{
    static char words[512];
    char *argv[32];
    int argc = 0;
    memset(v, 0, sizeof *v);
    v->choice = -1;
    snprintf(words, sizeof words, "test %s", line);
    for (char *p = strtok(words, " "); p; p = strtok(NULL, " "))
        argv[argc++] = strcmp(p, "EMPTY") ? p : words + 511;
    words[511] = '\0';
    fflush(stderr);
    int saved = dup(2);
    if (!freopen("/dev/null", "w", stderr)) return -99;
    int code = lutra_cli_parse(&spec, v, argc, argv);
    fflush(stderr);
    dup2(saved, 2);
    close(saved);
    return code;
}

static void check_options(void)
{
    struct values v;
    CHECK_EQ(parse(&v, "-m a --count -2 --on --heat 0.5 file"), -1);
    CHECK_STR(v.name, "a");
    CHECK_STR(v.file, "file");
    CHECK_EQ(v.count, -2);
    CHECK_EQ(v.on, 1);
    CHECK_NEAR(v.heat, 0.5, 0);
    CHECK_EQ(parse(&v, "--count=7 --on --off --mode high"), -1);
    CHECK_EQ(v.count, 7);
    CHECK_EQ(v.on, 0);
    CHECK_EQ(v.choice, 1);
    CHECK_EQ(parse(&v, "-r x -r -y -m -n"), -1);
    CHECK_EQ(v.words.n, 2);
    CHECK_STR(v.words.v[1], "-y");
    CHECK_STR(v.name, "-n");
    CHECK_EQ(parse(&v, "--colour off file"), -1);
    CHECK_EQ(v.choice, 1);
    CHECK_EQ(parse(&v, "--colour file"), -1);
    CHECK_EQ(v.choice, 0);
    CHECK_STR(v.file, "file");
    CHECK_EQ(parse(&v, "-- -m"), -1);
    CHECK_STR(v.file, "-m");
    CHECK_EQ(parse(&v, "--seed 18446744073709551615"), -1);
    CHECK(v.seed.set && v.seed.value == UINT64_MAX);
    CHECK_EQ(parse(&v, "--seed -1"), -1);
    CHECK(!v.seed.set);
    CHECK_EQ(parse(&v, "-ngl 99 file"), -1);
    CHECK_STR(v.file, "file");
    CHECK_EQ(parse(&v, "--mirostat 0.0 --type none"), -1);
}

static void check_mistakes(void)
{
    static const char *const bad[] = {
        "-n",
        "-n 101",
        "-n -3",
        "-n 1x",
        "-n EMPTY",
        "--heat nan",
        "--heat inf",
        "--heat 11",
        "--heat 1,5",
        "--seed -2",
        "--seed 18446744073709551616",
        "--seed EMPTY",
        "--mode mid",
        "--on=1",
        "--nope",
        "-z",
        "a b",
        "--mirostat 2",
        "--mirostat",
        "--type f32",
        "--counts 1",
        "-n 99999999999999999999",
    };
    struct values v;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        int code = parse(&v, bad[i]);
        if (code != LUTRA_EXIT_USAGE) CHECK_STR(bad[i], "refused");
        CHECK_EQ(code, LUTRA_EXIT_USAGE);
    }
}

static void check_distance(void)
{
    CHECK_EQ(lutra_cli_distance("--temp", "--temp"), 0);
    CHECK_EQ(lutra_cli_distance("--tmp", "--temp"), 1);
    CHECK_EQ(lutra_cli_distance("--tepm", "--temp"), 1);
    CHECK_EQ(lutra_cli_distance("", "abc"), 3);
    CHECK_EQ(lutra_cli_distance("kitten", "sitting"), 3);
    CHECK_EQ(lutra_cli_distance("x", "0123456789012345678901234567890123456789x"), 99);
}

static void check_sizes(void)
{
    char s[24];
    CHECK_STR(lutra_cli_bytes(s, sizeof s, 0), "0 B");
    CHECK_STR(lutra_cli_bytes(s, sizeof s, 1023), "1023 B");
    CHECK_STR(lutra_cli_bytes(s, sizeof s, 98362432), "94 MiB");
    CHECK_STR(lutra_cli_bytes(s, sizeof s, (uint64_t)3 << 30), "3.0 GiB");
    CHECK_EQ(lutra_cli_exit_code(LUTRA_EFORMAT, true), 3);
    CHECK_EQ(lutra_cli_exit_code(LUTRA_EIO, false), 1);
    CHECK_EQ(lutra_cli_exit_code(LUTRA_EUNSUPPORTED, true), 4);
    CHECK_EQ(lutra_cli_exit_code(LUTRA_ENOMEM, false), 5);
    CHECK_EQ(lutra_cli_exit_code(LUTRA_ESELFTEST, true), 6);
    CHECK_EQ(lutra_cli_exit_code(LUTRA_EFULL, false), 1);
    CHECK_EQ(lutra_cli_exit_code(LUTRA_ECANCEL, false), 130);
}

static void check_glyphs(void)
{
    static const char s[] =
        "a\xC3\xA9\x65\xCC\x81\xE4\xB8\x96\xF0\x9F\x98\x80\xFFz"; /* a é e+acute 世 smiley FF z */
    uint32_t c;
    size_t n = sizeof s - 1, at = 0;
    static const size_t stops[] = {1, 3, 6, 9, 13, 14, 15};
    for (size_t i = 0; i < 7; i++) CHECK_EQ(at = lutra_glyph_next(s, n, at), stops[i]);
    for (size_t i = 7; i-- > 1;) CHECK_EQ(at = lutra_glyph_prev(s, n, at), stops[i - 1]);
    CHECK_EQ(lutra_glyph_prev(s, n, at), 0);
    CHECK_EQ(lutra_glyph_decode("\xC0\x80", 2, &c), 1);
    CHECK_EQ(c, 0xFFFD);
    CHECK_EQ(lutra_glyph_decode("\xED\xA0\x80", 3, &c), 1);
    CHECK_EQ(lutra_glyph_decode("\xE4\xB8", 2, &c), 1);
    CHECK_EQ(lutra_glyph_width('a'), 1);
    CHECK_EQ(lutra_glyph_width(0x4E16), 2);
    CHECK_EQ(lutra_glyph_width(0x301), 0);
    CHECK_EQ(lutra_glyph_width(0x1F600), 2);
    for (uint32_t u = 1; u < 0x110000;
         u += 61) { /* encode and decode agree on every character tried */
        char out[4];
        if (u >= 0xD800 && u < 0xE000) continue;
        size_t len = lutra_glyph_encode(u, out);
        if (lutra_glyph_decode(out, len, &c) != len || c != u) CHECK_EQ(c, u);
    }
}

static void keys(struct lutra_edit *e, const char *s)
{
    for (; *s; s++) {
        if (*s == '^')
            lutra_edit_key(e, (unsigned)(*++s - 64));
        else if (*s == '<')
            lutra_edit_key(e, LUTRA_KEY_LEFT);
        else if (*s == '>')
            lutra_edit_key(e, LUTRA_KEY_RIGHT);
        else if (*s == '{')
            lutra_edit_key(e, LUTRA_KEY_UP);
        else if (*s == '}')
            lutra_edit_key(e, LUTRA_KEY_DOWN);
        else
            lutra_edit_insert(e, s, 1);
    }
}

static const char *typed(const char *s)
{
    static struct lutra_edit e;
    static struct lutra_history h;
    lutra_edit_free(&e);
    lutra_history_free(&h);
    lutra_history_add(&h, "first");
    lutra_history_add(&h, "second");
    lutra_history_add(&h, "second");
    lutra_edit_begin(&e, &h);
    keys(&e, s);
    return e.text.p;
}

static void check_editing(void)
{
    CHECK_STR(typed("hello"), "hello");
    CHECK_STR(typed("hello<<X"), "helXlo");
    CHECK_STR(typed("hello^A^DY^EZ"), "YelloZ");
    CHECK_STR(typed("one two^W"), "one ");
    CHECK_STR(typed("one two^A^K^Y^Y"), "one twoone two");
    CHECK_STR(typed("one two<<<^Ux"), "xtwo");
    CHECK_STR(typed("ab^T"), "ba");
    CHECK_STR(typed("abc^A>^T"), "bac");
    CHECK_STR(typed("\xE4\xB8\x96^H"), "");
    CHECK_STR(typed("^H^D^W^K^U^T<>x"), "x");
    CHECK_STR(typed("new{"), "second");
    CHECK_STR(typed("new{{{"), "first");
    CHECK_STR(typed("new{{}}"), "new");
    CHECK_STR(typed("new{!}"), "new");
    CHECK_STR(typed("ab\ncd{X"), "abX\ncd");
    CHECK_STR(typed("ab\ncd^A^UX"), "abXcd");
}

static void check_multi_line(void)
{
    struct lutra_text t = {0};
    lutra_text_puts(&t, "a\\");
    CHECK(lutra_edit_continues(&t));
    CHECK_STR(t.p, "a");
    CHECK(!lutra_edit_continues(&t));
    lutra_text_clear(&t);
    lutra_text_puts(&t, "\"\"\"");
    CHECK(lutra_edit_continues(&t));
    lutra_text_puts(&t, "\nx\n");
    CHECK(lutra_edit_continues(&t));
    lutra_text_puts(&t, "\"\"\"");
    CHECK(!lutra_edit_continues(&t));
    lutra_edit_unquote(&t);
    CHECK_STR(t.p, "x");
    lutra_text_free(&t);
}

static void check_history(void)
{
    char path[300];
    struct lutra_history h = {0};
    struct stat st;
    snprintf(path, sizeof path, "%s/a/b/history", check_tmp());
    lutra_history_load(&h, path);
    CHECK_EQ(h.n, 0);
    lutra_history_add(&h, "two\nlines \\n");
    lutra_history_append(&h, path);
    lutra_history_add(&h, "plain");
    lutra_history_append(&h, path);
    lutra_history_free(&h);
    CHECK_EQ(stat(path, &st), 0);
    CHECK_EQ(st.st_mode & 077, 0); /* what people type is nobody else's business */
    lutra_history_load(&h, path);
    CHECK_EQ(h.n, 2);
    CHECK_STR(h.line[0], "two\nlines \\n");
    CHECK_STR(h.line[1], "plain");
    for (int i = 0; i < LUTRA_HISTORY_MAX + 5; i++) {
        char line[20];
        snprintf(line, sizeof line, "%d", i);
        lutra_history_add(&h, line);
    }
    CHECK_EQ(h.n, LUTRA_HISTORY_MAX);
    CHECK_STR(h.line[0], "5");
    lutra_history_free(&h);
}

static void check_saving(void)
{
    char path[300];
    struct lutra_text t = {0}, back = {0};
    lutra_text_puts(&t, "content");
    snprintf(path, sizeof path, "%s/saved", check_tmp());
    CHECK_EQ(lutra_text_save(&t, path), 0);
    CHECK_EQ(lutra_text_save(&t, path), 0); /* again, over it */
    /* beside what one of the same number left when it was killed */
    char stale[400];
    snprintf(stale, sizeof stale, "%s.tmp-%ld", path, (long)getpid());
    int fd = open(stale, O_WRONLY | O_CREAT | O_EXCL, 0600);
    CHECK(fd >= 0 && close(fd) == 0);
    CHECK_EQ(lutra_text_save(&t, path), 0);
    CHECK_EQ(unlink(stale), 0);
    CHECK_EQ(lutra_text_read_file(&back, path, 100), 0);
    CHECK_STR(back.p, "content");
    CHECK_EQ(lutra_text_read_file(&back, path, 3), EFBIG);
    CHECK_EQ(lutra_text_save(&t, "/dev/null"), EEXIST);
    CHECK_EQ(lutra_text_save(&t, check_tmp()), EISDIR);
    CHECK_EQ(lutra_text_save(&t, "/no/such/folder/x"), ENOENT);
    lutra_text_free(&t);
    lutra_text_free(&back);
}

/* The same answer in pieces of every size: nothing is lost, tags switch thinking on and off. */
static void check_thinking(void)
{
    static const char answer[] = "a <b <think>one two</think> three <<think>four";
    for (size_t piece = 1; piece < sizeof answer; piece++) {
        struct lutra_stream s;
        lutra_stream_begin(&s, true);
        s.show = false;
        for (size_t at = 0; at < sizeof answer - 1; at += piece) {
            size_t n = sizeof answer - 1 - at < piece ? sizeof answer - 1 - at : piece;
            CHECK_EQ(lutra_stream_text(&s, answer + at, n), 0);
        }
        CHECK(s.thinking);
        CHECK_EQ(s.words, 6);
        lutra_stream_end(&s);
        CHECK(!s.thinking);
        CHECK_STR(s.text.p, answer);
        lutra_stream_free(&s);
    }
}

int main(int argc, char **argv)
{
    check_init(argc, argv, "test_cli");
    CHECK_CASE("options") check_options();
    CHECK_CASE("mistakes") check_mistakes();
    CHECK_CASE("distance") check_distance();
    CHECK_CASE("sizes") check_sizes();
    CHECK_CASE("glyphs") check_glyphs();
    CHECK_CASE("editing") check_editing();
    CHECK_CASE("multi_line") check_multi_line();
    CHECK_CASE("history") check_history();
    CHECK_CASE("saving") check_saving();
    CHECK_CASE("thinking") check_thinking();
    return check_done();
}
