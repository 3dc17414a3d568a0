/* SPDX-License-Identifier: MIT */
/* Chat templates that are wrong, hostile or damaged: a clear error, soon, and nothing worse. */
#include "runtime/template.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/check.h"
#include "tests/template_files.h"

static void check_error(const char *src, const char *part)
{
    struct lutra_rendered r;
    lutra_error err = {0};
    CHECK_EQ(render(&r, src, &err), LUTRA_EFORMAT);
    CHECK(r.text == NULL && r.literal == NULL);
    if (!strstr(err.msg, part)) printf("%.60s: \"%s\" lacks \"%s\"\n", src, err.msg, part);
    CHECK(strstr(err.msg, part) != NULL);
    lutra_rendered_free(&r);
}

static void check_errors(void)
{
    check_error("{{ raise_exception('no \x1b[31m ' ~ 'way') }}", "template says: no \\x1b[31m way");
    check_error("a\nb {{ nothing.at_all }}", "line 2, column 13: 'nothing' is undefined");
    check_error("{{ 1 | nofilter }}", "no filter 'nofilter'");
    check_error("{{ 1 is notest }}", "no test 'notest'");
    check_error("{{ 'a'.nomethod() }}", "no method 'nomethod'");
    check_error("{% nosuchtag %}", "line 1, column 4: the tag 'nosuchtag' is not known");
    check_error("{% if x %}", "{% endif %} is missing");
    check_error("{% for x in y %}a", "{% endfor %} is missing");
    check_error("{% endif %}", "no block to end");
    check_error("{{ 'abc", "no closing '");
    check_error("{# abc", "has no #}");
    check_error("{{ 1 + }}", "expected a value, found }}");
    check_error("{{ (1, 2 }}", "expected");
    check_error("{{ ) }}", "never opened");
    check_error("{{ 1 ", "ends inside of {{ }}");
    check_error("{{ 'a' + 1 }}", "cannot use '+' on str and int");
    check_error("{{ 1 // 0 }}", "division by zero");
    check_error("{{ 9223372036854775807 + 1 }}", "64 bits");
    check_error("{% set messages.x = 1 %}", "namespace");
    check_error("{% macro f(a) %}{% endmacro %}{{ f(1, 2) }}", "takes 1 arguments");
    check_error("{% raw %}", "endraw");
    check_error("{{ f(a=1, 2) }}", "plain argument after a named one");
}

/* ---- hostile templates --------------------------------------------------------------------- */

static char *repeat(const char *before, const char *part, int n, const char *after)
{
    size_t a = strlen(before), b = strlen(part), c = strlen(after);
    char *s = malloc(a + b * (size_t)n + c + 1);
    memcpy(s, before, a);
    for (int i = 0; i < n; i++) memcpy(s + a + b * (size_t)i, part, b);
    memcpy(s + a + b * (size_t)n, after, c + 1);
    return s;
}

static void check_repeated(const char *before, const char *part, int n, const char *after,
                           const char *error)
{
    char *s = repeat(before, part, n, after);
    check_error(s, error);
    free(s);
}

static const char *const bombs[][2] = {
    {"{% for i in range(10**9) %}{% endfor %}", "steps"},
    {"{% for i in range(10**9) %}xxxxxxxxxxxxxxxx{% endfor %}", "more than"},
    {"{% for i in range(10**18) if false %}{% endfor %}", "steps"},
    {"{% for i in range(10**5) %}{% for j in range(10**5) %}{% endfor %}{% endfor %}", "steps"},
    {"{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}", "nested deeper"},
    {"{% macro f(g) %}{{ g(g) }}{% endmacro %}{{ f(f) }}", "nested deeper"},
    {"{% macro f(a=f()) %}{% endmacro %}{{ f() }}", "nested deeper"},
    {"{% set ns = namespace(s='aaaaaaaa') %}{% for i in range(99) %}{% set ns.s = ns.s ~ ns.s %}{% "
     "endfor %}",
     "memory"},
    {"{% set ns = namespace(l=[1,2,3]) %}{% for i in range(99) %}{% set ns.l = ns.l + ns.l %}{% "
     "endfor %}",
     "memory"},
    {"{{ 'a' * 10**9 }}", "memory"},
    {"{{ 'a' * 10**18 }}", "memory"},
    {"{{ ('a' * 10**6) * 10 }}", "more than"},
    {"{{ [0] * 10**9 }}", "memory"},
    {"{{ [[0] * 10**3] * 10**12 }}", "memory"},
    {"{{ range(10**9) | list }}", "memory"},
    {"{{ range(10**9) | sum }}", "steps"},
    {"{{ range(10**9) | map('string') | list }}", "memory"},
    {"{{ range(10**9)[::-1]|sum }}", "steps"},
    {"{{ range(2**62)[::2**40][::2**40] }}", "64 bits"},
    {"{{ '{:>99999999}'.format(1) }}", "width"},
    {"{{ '%99999999d' % 1 }}{{ '{:.999}'.format(1.5) }}", "width"},
    {"{{ '{:.999}'.format(1.5) }}", "digits"},
    {"{{ '{:\\n}'.format(97) }}", "format '"}, /* 10 is a base, but no type */
    {"{{ 'x'.center(10**9) }}", "width"},
    {"{{ [1]|batch(10**9, 0)|list }}", "memory"},
    {"{{ [1]|slice(10**9)|list }}", "memory"},
    {"{{ [1]|slice(0)|list }}", "cut into 0"},
    {"{% set s = 'é' * 400000 %}{% for i in range(10**9) %}{% set x = s|upper %}{% endfor %}", "steps"},
    {"{{ range(10**9) | join }}", "more than"},
    {"{{ -1 in range(10**9)|list }}", "memory"},
    {"{% set l = [] %}{% for i in range(10**9) %}{{ l.append(l) }}{% endfor %}", "more than"},
    {"{% set l = [] %}{% set x = l.append(l) %}{{ l }}", "nested deeper"},
    {"{% set l = [] %}{% set x = l.append(l) %}{{ l | tojson }}", "nested deeper"},
    {"{% set l = [] %}{% set x = l.append(l) %}{% set k = [] %}{% set x = k.append(k) %}{{ l == k "
     "}}",
     "nested deeper"},
    {"{% set l = [1] %}{% for i in range(25) %}{% set l = [l, l] %}{% endfor %}{% set ns = "
     "namespace(l=[1]) %}"
     "{% for i in range(60) %}{% set ns.l = [ns.l, ns.l] %}{% endfor %}{{ ns.l }}",
     "more than"},
    {"{% set s = 'a' * 900000 %}{% for i in range(10**9) %}{% set x = s.replace('a', 'b') %}{% "
     "endfor %}",
     "steps"},
    {"{% set s = 'a' * 900000 %}{% for i in range(10**9) %}{% if 'b' in s %}{% endif %}{% endfor "
     "%}",
     "steps"},
    {"{% set s = 'a' * 900000 %}{% for i in range(10**9) %}{% if s == s %}{% endif %}{% endfor %}",
     "steps"},
    {"{% set s = 'a' * 900000 %}{% for i in range(10**9) %}{% set x = s|length %}{% set x = s[1:] "
     "%}{% endfor %}",
     "steps"},
    {"{% set s = ' ' * 900000 %}{% for i in range(10**9) %}{% set x = s.strip() %}{% endfor %}",
     "steps"},
    {"{% set s = 'a' * 900000 %}{% for i in range(10**9) %}{% set x = s|upper %}{% endfor %}",
     "more than"},
    {"{% set s = 'a' * 900000 %}{{ s.split('a') }}{{ s|list }}{{ s|tojson }}", "more than"},
    {"{% set s = ('a' * 900000) %}{{ s.replace('', s) }}", "more than"},
    {"{% set s = ('ab' * 90000) %}{{ s|list|sort|unique|list }}{% for i in range(9**9) %}{{ "
     "s|list|sort }}{% endfor %}",
     "more than"},
    {"{{ range(200000)|unique|list|length }}", "steps"},
    {"{{ 9**99 }}", "64 bits"},
    {"{{ 2.0**999999999 }}", "number can hold"},
    {"{% for a in range(999) %}{% for b in range(999) %}{{ a }}{{ b }}{% endfor %}{% endfor %}",
     "more than"},
    {"{{ 'x' | indent(10**9) }}{{ 'x\ny' | indent(10**9) }}", "memory"},
};

static void check_bombs(void)
{
    for (size_t i = 0; i < sizeof bombs / sizeof *bombs; i++) {
        double start = check_seconds();
        check_error(bombs[i][0], bombs[i][1]);
        if (check_bench())
            printf("%6.1f ms  %.80s\n", 1e3 * (check_seconds() - start), bombs[i][0]);
    }
    check_repeated("{{ ", "(", 100000, " }}", "nested deeper than 64 levels");
    check_repeated("{{ ", "[", 100000, " }}", "nested deeper");
    check_repeated("{{ ", "{'a':", 100000, " }}", "nested deeper");
    check_repeated("{{ ", "-", 100000, "1 }}", "nested deeper");
    check_repeated("{{ ", "not ", 100000, "1 }}", "nested deeper");
    check_repeated("{{ ", "f(", 100000, "1 }}", "nested deeper");
    check_repeated("{{ ", "a[", 100000, "1 }}", "nested deeper");
    check_repeated("{{ ", "a|default(", 100000, "1 }}", "nested deeper");
    check_repeated("{{ ", "1 if 1 else (", 50000, "1 }}", "nested deeper");
    check_repeated("", "{% if 1 %}", 100000, "", "nested deeper");
    check_repeated("", "{% for x in y %}", 60000, "", "nested deeper");
    check_repeated("{% set ", "(", 100000, "a) = 1 %}", "nested deeper");
    check_repeated("", "{% filter upper %}", 50000, "", "nested deeper");
    check_repeated("", "a", (1 << 20) + 1, "", "bytes long");
}

/* Long but not deep is fine: flat chains take no stack. */
static void check_long(void)
{
    static const char *const chains[][4] = {
        {"{{ 'a'", " + 'a'", " }}", "1"},
        {"{{ 'a'", "|trim", " }}", "0"},
        {"{{ 1", " and 1", " }}", "0"},
        {"{{ 1", " if 0 else 1", " }}", "0"},
        {"{{ [1", ", 1", "]|length }}", "0"},
        {"{{ 1", " <= 1", " }}", "0"},
        {"{% if 0 %}", "{% elif 0 %}", "{% endif %}", "0"},
        {"a", "{# x #}", "", "0"},
        {"{{ 'a'", "'b'", "}}", "1"},
    };
    struct lutra_rendered r;
    lutra_error err = {0};
    for (size_t i = 0; i < sizeof chains / sizeof *chains; i++) {
        char *s = repeat(chains[i][0], chains[i][1], 20000, chains[i][2]);
        CHECK_EQ(render(&r, s, &err), LUTRA_OK);
        if (chains[i][3][0] == '1') CHECK_EQ(r.len, 20001);
        lutra_rendered_free(&r);
        free(s);
    }
    char *s = repeat("", "x", 1 << 20, "");
    CHECK_EQ(render(&r, s, &err), LUTRA_OK);
    CHECK_EQ(r.len, 1 << 20);
    lutra_rendered_free(&r);
    free(s);
}

static void *bombs_thread(void *arg)
{
    (void)arg;
    check_bombs();
    check_long();
    return NULL;
}

/* All of that on a stack of 256 KiB. (Sanitizers need more room for themselves.) */
static void check_small_stack(void)
{
    pthread_t thread;
    pthread_attr_t attr;
    size_t size = 256 << 10;
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
    size *= 8;
#endif
    pthread_attr_init(&attr);
    CHECK_EQ(pthread_attr_setstacksize(&attr, size), 0);
    if (pthread_create(&thread, &attr, bombs_thread, NULL) == 0)
        pthread_join(thread, NULL);
    else
        check_skip("no thread to be had");
    pthread_attr_destroy(&attr);
}

/* ---- arguments ---------------------------------------------------------------------------- */

static void check_arguments(void)
{
    struct lutra_rendered r;
    lutra_error err;
    struct lutra_template_input in = plain;
    CHECK_EQ(lutra_template_render(&r, "", 0, &plain, &err), LUTRA_OK);
    CHECK(r.len == 0 && r.text != NULL && r.text[0] == '\0');
    lutra_rendered_free(&r);
    lutra_rendered_free(&r);
    lutra_rendered_free(NULL);
    CHECK_EQ(lutra_template_render(&r, NULL, 1, &plain, &err), LUTRA_EINVAL);
    CHECK_EQ(lutra_template_render(NULL, "", 0, &plain, &err), LUTRA_EINVAL);
    CHECK_EQ(lutra_template_render(&r, "", 0, NULL, NULL), LUTRA_EINVAL);
    in.n_messages = -1;
    CHECK_EQ(lutra_template_render(&r, "", 0, &in, NULL), LUTRA_EINVAL);
    in.n_messages = 0;
    in.bos_token = in.eos_token = NULL;
    CHECK_EQ(lutra_template_render(&r, "{{ bos_token }}{{ messages }}", 29, &in, NULL), LUTRA_OK);
    CHECK_STR(r.text, "[]");
    lutra_rendered_free(&r);
    CHECK_EQ(lutra_template_render(&r, "a\0b", 3, &in, NULL), LUTRA_OK);
    CHECK(r.len == 3 && memcmp(r.text, "a\0b", 3) == 0);
    lutra_rendered_free(&r);
    static const char bad[] = "\xff\xfe{{ '\xc3' ~ '\xff'|upper|length }}{{ '\xe2\x82'|tojson }}";
    CHECK_EQ(lutra_template_render(&r, bad, sizeof bad - 1, &in, NULL), LUTRA_OK);
    CHECK_STR(r.text, "\xff\xfe\xc3"
                      "1\"\xe2\x82\"");
    lutra_rendered_free(&r);
}

/* ---- damaged templates --------------------------------------------------------------------- */

static const char *const words[] = {
    "{{",
    "}}",
    "{%",
    "%}",
    "-",
    "{#",
    "#}",
    "(",
    ")",
    "[",
    "]",
    "{",
    "}",
    "|",
    ".",
    ",",
    ":",
    "'",
    "\"",
    "\\",
    "::-1",
    " if ",
    " else ",
    " for ",
    " in ",
    " is ",
    " not ",
    " and ",
    "endif",
    "endfor",
    "range(9999)",
    "messages",
    "loop",
    "ns",
    " * ",
    " ** ",
    "|tojson",
    "|list",
    "|map('upper')",
    "|sort",
    "|join",
    "**",
    "//",
    "~",
    "+",
    "999999999",
    "0",
    "-1",
    "\xff",
    "\n",
    "\\u12",
    "caller()",
    "{% macro x() %}",
    "{% set x %}",
    "{% break %}",
    "namespace(a=1)",
    ".items()",
    ".split()",
    ".pop()",
    ".append(ns)",
};

static size_t mutate(char *dst, const char *src, size_t n, size_t cap)
{
    memcpy(dst, src, n);
    for (int k = check_rand_int(1, 4); k > 0 && n > 0; k--) {
        size_t at = (size_t)check_rand_int(0, (int)n - 1), len = (size_t)check_rand_int(1, 20),
               from;
        if (len > n - at) len = n - at;
        const char *w = words[check_rand_int(0, (int)(sizeof words / sizeof *words) - 1)];
        switch (check_rand_int(0, 4)) {
        case 0:
            dst[at] = (char)check_rand_int(0, 255);
            break;
        case 1:
            memmove(dst + at, dst + at + len, n - at - len);
            n -= len;
            break;
        case 2:
            from = (size_t)check_rand_int(0, (int)(n - len));
            memmove(dst + from, dst + at, len);
            break;
        default:
            len = strlen(w);
            if (n + len > cap) break;
            memmove(dst + at + len, dst + at, n - at);
            memcpy(dst + at, w, len);
            n += len;
        }
    }
    return n;
}

static void check_mutants(char *const names[], int n_names, int rounds)
{
    static const struct lutra_message m[] = {{"system", "S", 1},
                                             {"user", "<think>\xc3\xa9\n", 10},
                                             {"assistant", "a</think>b", 10},
                                             {"user", "", 0}};
    struct lutra_template_input in = {.messages = m,
                                      .n_messages = 4,
                                      .add_generation_prompt = true,
                                      .bos_token = "<s>",
                                      .eos_token = "</s>",
                                      .enable_thinking = 1,
                                      .date = "26 Nov 2026"};
    int drawn = 0, failed = 0;
    for (int i = 0; i < n_names; i++) {
        struct text src = read_file(TEMPLATES, names[i], ".jinja");
        if (!src.p) continue;
        size_t cap = src.n + 200;
        char *copy = malloc(cap);
        for (int k = 0; k < rounds; k++) {
            struct lutra_rendered r;
            lutra_error err = {0};
            /* an exact copy of its own, so that a read past the end is seen */
            size_t n = mutate(copy, src.p, src.n, cap);
            char *exact = malloc(n ? n : 1);
            memcpy(exact, copy, n);
            lutra_status st = lutra_template_render(&r, exact, n, &in, &err);
            failed +=
                !(st == LUTRA_OK ? well_formed(&r)
                                 : st == LUTRA_EFORMAT && err.msg[0] && !r.text && !r.literal);
            drawn += st == LUTRA_OK;
            lutra_rendered_free(&r);
            free(exact);
        }
        free(copy);
        free(src.p);
    }
    CHECK_EQ(failed, 0);
    CHECK(drawn > 0);
}

/* Every beginning of every template. */
static void check_prefixes(char *const names[], int n_names)
{
    int failed = 0;
    for (int i = 0; i < n_names; i++) {
        struct text src = read_file(TEMPLATES, names[i], ".jinja");
        for (size_t n = 0; src.p && n < src.n; n++) {
            struct lutra_rendered r;
            char *exact = malloc(n ? n : 1);
            memcpy(exact, src.p, n);
            lutra_status st = lutra_template_render(&r, exact, n, &plain, NULL);
            failed += st != LUTRA_OK && st != LUTRA_EFORMAT;
            lutra_rendered_free(&r);
            free(exact);
        }
        free(src.p);
    }
    CHECK_EQ(failed, 0);
}

int main(int argc, char **argv)
{
    static char *names[100];
    int n = list_templates(names, 99);
    check_init(argc, argv, "test_template_bad");
    CHECK_CASE("errors")
    {
        check_errors();
    }
    CHECK_CASE("arguments")
    {
        check_arguments();
    }
    CHECK_CASE("bounds")
    {
        check_bombs();
    }
    CHECK_CASE("long chains")
    {
        check_long();
    }
    CHECK_CASE("small stack")
    {
        check_small_stack();
    }
    CHECK_CASE("prefixes")
    {
        check_prefixes(names, n);
    }
    CHECK_CASE("mutants")
    {
        check_mutants(names, n, 30000 / (n ? n : 1));
    }
    for (int i = 0; i < n; i++) free(names[i]);
    return check_done();
}
