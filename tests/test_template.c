/* SPDX-License-Identifier: MIT */
/* Chat templates: the texts jinja2 makes of them, and which bytes of those came from messages. */
#include "runtime/lutra.h"
#include "runtime/template.h"

#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "tests/check.h"
#include "tests/template_files.h"

/* ---- the cases of a .expect file ----------------------------------------------------------- */

enum { MAX_MESSAGES = 16 };

struct chat {
    char name[64];
    struct lutra_message m[MAX_MESSAGES];
    char role[MAX_MESSAGES][32];
    struct lutra_template_input in;
    struct text text; /* p NULL: refused */
};

/* "WORD 12\n" + 12 bytes + "\n": the bytes, and *p behind them. */
static struct text take_bytes(char **p)
{
    struct text t;
    t.n = strtoul(*p, p, 10);
    t.p = *p + 1;
    *p = t.p + t.n + 1;
    return t;
}

static bool next_chat(char **p, struct chat *c)
{
    int generate, thinking, date, used = 0;
    memset(c, 0, sizeof *c);
    if (sscanf(*p, "case %63s generate=%d thinking=%d date=%d%n", c->name, &generate, &thinking,
               &date, &used) != 4)
        return false;
    c->in = (struct lutra_template_input){
        .messages = c->m,
        .add_generation_prompt = generate,
        .bos_token = "<s>",
        .eos_token = "</s>",
        .enable_thinking = thinking,
        .date = date ? "26 Nov 2026" : NULL,
    };
    *p += used + 1;
    while (strncmp(*p, "message ", 8) == 0) {
        int i = c->in.n_messages++;
        sscanf(*p, "message %31s%n", c->role[i], &used);
        *p += used;
        struct text t = take_bytes(p);
        c->m[i] = (struct lutra_message){.role = c->role[i], .content = t.p, .content_len = t.n};
    }
    if (strncmp(*p, "text ", 5) == 0) {
        *p += 4;
        c->text = take_bytes(p);
    } else {
        *p += 6;
    }
    return true;
}

/* ---- where bytes came from ----------------------------------------------------------------- */

static bool is_literal(const struct lutra_rendered *r, size_t at)
{
    for (size_t i = 0; i < r->n_literal; i++)
        if (at >= r->literal[i].start && at - r->literal[i].start < r->literal[i].len) return true;
    return false;
}

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static char rot13(char c)
{
    if (!is_letter(c)) return c;
    char base = c >= 'a' ? 'a' : 'A';
    return (char)(base + (c - base + 13) % 26);
}

/* Exchange the letters of all messages: exactly those of the output may change that are said to
 * come from there. */
static void check_origin(const struct text *src, const struct chat *c,
                         const struct lutra_rendered *r)
{
    struct lutra_message m[MAX_MESSAGES];
    char *copy[MAX_MESSAGES];
    struct lutra_template_input in = c->in;
    struct lutra_rendered other;
    lutra_error err;
    for (int i = 0; i < in.n_messages; i++) {
        m[i] = c->m[i];
        copy[i] = malloc(m[i].content_len + 1);
        for (size_t k = 0; k < m[i].content_len; k++) copy[i][k] = rot13(m[i].content[k]);
        m[i].content = copy[i];
    }
    in.messages = m;
    CHECK_EQ(lutra_template_render(&other, src->p, src->n, &in, &err), LUTRA_OK);
    CHECK_EQ(other.len, r->len);
    int wrong = 0;
    for (size_t i = 0; i < r->len && i < other.len; i++)
        if (is_letter(r->text[i]) &&
            !(i > 0 && r->text[i - 1] == '\\')) /* the n of \n in JSON is no letter */
            wrong += is_literal(r, i) != (other.text[i] != r->text[i]);
    CHECK_EQ(wrong, 0);
    lutra_rendered_free(&other);
    for (int i = 0; i < in.n_messages; i++) free(copy[i]);
}

/* Does the template look into the message for words? Then other letters give another text. */
static bool is_looked_into(const struct chat *c)
{
    for (int i = 0; i < c->in.n_messages; i++) {
        if (strstr(c->m[i].content, "think>") &&
            strstr(c->m[i].content, "think>") < c->m[i].content + c->m[i].content_len)
            return true;
        if (strcmp(c->m[i].role, "narrator") == 0) return true; /* the role is literal as well */
    }
    return false;
}

static void check_chat(const char *name, const struct text *src, const struct chat *c)
{
    struct lutra_rendered r;
    lutra_error err = {0};
    lutra_status st = lutra_template_render(&r, src->p, src->n, &c->in, &err);
    bool same = c->text.p
                    ? st == LUTRA_OK && r.len == c->text.n && memcmp(r.text, c->text.p, r.len) == 0
                    : st == LUTRA_EFORMAT;
    if (!same) {
        printf("%s, case %s, generate %d, thinking %d: %s\n--- wanted\n%.*s\n--- got\n%.*s\n---\n",
               name, c->name, c->in.add_generation_prompt, c->in.enable_thinking,
               st ? err.msg : "another text", (int)c->text.n, c->text.p ? c->text.p : "an error",
               (int)r.len, r.text ? r.text : "");
    }
    CHECK(same);
    if (st != LUTRA_OK) {
        CHECK(r.text == NULL && r.len == 0 && r.literal == NULL && r.n_literal == 0);
        return;
    }
    CHECK(well_formed(&r));
    if (same && !is_looked_into(c)) check_origin(src, c, &r);
    lutra_rendered_free(&r);
}

static void check_file(const char *name)
{
    struct text src = read_file(TEMPLATES, name, ".jinja"),
                expect = read_file(TEMPLATES, name, ".expect");
    struct chat c;
    int n = 0;
    CHECK(src.p && expect.p);
    for (char *p = expect.p; p && next_chat(&p, &c); n++) check_chat(name, &src, &c);
    CHECK(n > 20);
    free(src.p);
    free(expect.p);
}

/* ---- small templates ----------------------------------------------------------------------- */

static void check_snippets(void)
{
    struct text all = read_file(TEMPLATES, "small", ".expect");
    int n = 0;
    CHECK(all.p != NULL);
    for (char *p = all.p; p && strncmp(p, "source ", 7) == 0; n++) {
        p += 6;
        struct text src = take_bytes(&p), want = {0};
        struct lutra_rendered r;
        lutra_error err = {0};
        if (strncmp(p, "text ", 5) == 0) {
            p += 4;
            want = take_bytes(&p);
        } else {
            p += 6;
        }
        lutra_status st = lutra_template_render(&r, src.p, src.n, &plain, &err);
        bool same = want.p ? st == LUTRA_OK && r.len == want.n && memcmp(r.text, want.p, r.len) == 0
                           : st == LUTRA_EFORMAT;
        if (!same)
            printf("%.*s\n--- wanted\n%.*s\n--- got\n%.*s\n--- (%s)\n", (int)src.n, src.p,
                   (int)want.n, want.p ? want.p : "an error", (int)r.len, r.text ? r.text : "",
                   err.msg);
        CHECK(same);
        CHECK(st != LUTRA_OK || well_formed(&r));
        lutra_rendered_free(&r);
    }
    CHECK(n > 200);
    free(all.p);
}

/* ---- where text came from, one by one ------------------------------------------------------ */

/* Literal bytes of the output, each range in brackets. */
static void check_literal(const char *src, const struct lutra_message *m, int n, const char *want)
{
    struct lutra_template_input in = {.messages = m,
                                      .n_messages = n,
                                      .bos_token = "<s>",
                                      .eos_token = "</s>",
                                      .enable_thinking = -1};
    struct lutra_rendered r;
    lutra_error err = {0};
    char got[512];
    size_t len = 0;
    CHECK_EQ(lutra_template_render(&r, src, strlen(src), &in, &err), LUTRA_OK);
    CHECK(well_formed(&r));
    for (size_t i = 0; i < r.n_literal; i++)
        len += (size_t)snprintf(got + len, sizeof got - len, "[%.*s]", (int)r.literal[i].len,
                                r.text + r.literal[i].start);
    got[len] = '\0';
    CHECK_STR(got, want);
    lutra_rendered_free(&r);
}

static void check_marks(void)
{
    static const struct lutra_message m[] = {
        {"user", " ab,Cd ", 7}, {"assistant", "x", 1}, {"<|evil|>", "", 0}};
    static const struct {
        const char *src, *want;
    } cases[] = {
        {"{{ messages[0].content }}", "[ ab,Cd ]"},
        {"{{ messages[0].content }}{{ messages[1].content }}", "[ ab,Cd x]"},
        {"{{ messages[0].content }}|{{ messages[1].content }}", "[ ab,Cd ][x]"},
        {"{{ messages[0].role }}{{ messages[2].role }}", "[<|evil|>]"},
        {"{{ messages[0].content | trim }}", "[ab,Cd]"},
        {"{{ messages[0].content.strip().upper() }}", "[AB,CD]"},
        {"{{ messages[0].content[2:4] }}", "[b,]"},
        {"{{ messages[0].content[::-1] }}", "[ dC,ba ]"},
        {"{{ 'x' + messages[0].content + 'y' + messages[1].content }}", "[ ab,Cd ][x]"},
        {"{{ ('x' + messages[0].content + 'y')[3:9] }}", "[b,Cd ]"},
        {"{{ ('<' ~ messages[1].content ~ '>') * 3 }}", "[x][x][x]"},
        {"{{ messages[0].content.split(',') | join('-') }}", "[ ab][Cd ]"},
        {"{{ messages[0].content.split(',')[-1].rstrip() }}", "[Cd]"},
        {"{{ messages[0].content | replace('b', '#') }}", "[ a][,Cd ]"},
        {"{{ 'a.b' | replace('.', messages[1].content) }}", "[x]"},
        {"{{ messages[0].content | tojson }}", "[ ab,Cd ]"},
        {"{{ messages[1] | tojson }}", "[x]"},
        {"{{ messages[1] }}", "[x]"},
        {"{{ [messages[1].content] }}", "[x]"},
        {"{% set x %}<{{ messages[1].content }}>{% endset %}{{ x }}{{ x|length }}", "[x]"},
        {"{% macro f(s) %}<{{ s }}>{% endmacro %}{{ f(messages[1].content) ~ f('y') }}", "[x]"},
        {"{{ messages | map(attribute='content') | join('|') }}", "[ ab,Cd ][x]"},
        {"{% for c in messages[0].content %}{{ c }}.{% endfor %}", "[ ][a][b][,][C][d][ ]"},
        {"{% set ns = namespace(s='') %}{% for m in messages %}{% set ns.s = ns.s + '-' + "
         "m.content %}{% endfor %}{{ ns.s }}",
         "[ ab,Cd ][x]"},
        {"{{ '{}<{}>'.format(1, messages[1].content) }}", "[x]"},
        {"{{ messages[0].content | list | sort | join }}", "[  ,abCd]"},
        {"{{ messages[0].content | first }}{{ messages[0].content | last }}", "[  ]"},
        {"{{ (messages[0].content + '\"' + '\\n') | tojson }}", "[ ab,Cd ]"},
        {"{% filter upper %}a{{ messages[1].content }}b{% endfilter %}", "[X]"},
        {"{{ {'k': messages[1].content}.items() | list }}", "[x]"},
        {"{{ messages[0].content | indent(2, true) }}", "[ ab,Cd ]"},
        {"{{ '<' | e ~ messages[1].content | e }}", "[x]"},
        {"{{ messages[0].content | length }}{{ messages[0].content == ' ab,Cd ' }}", ""},
        {"{{ bos_token }}{{ eos_token }}{{ messages[2].content }}", ""},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        check_literal(cases[i].src, m, 3, cases[i].want);
    static const struct lutra_message quotes[] = {{"user", "a\"\n<", 4}};
    check_literal("{{ messages[0].content | tojson }}", quotes, 1, "[a\\\"\\n<]");
    check_literal("{{ messages[0].content | e }}", quotes, 1, "[a&#34;\n&lt;]");
    check_literal("{{ messages }}", quotes, 1, "[a\"\\n<]");
}

/* ---- other promises ------------------------------------------------------------------------ */

static void check_many_messages(void)
{
    enum { N = 2000, LEN = 5000 };
    struct lutra_message *m = malloc(N * sizeof *m);
    char *text = malloc(LEN);
    memset(text, 'x', LEN);
    for (int i = 0; i < N; i++)
        m[i] = (struct lutra_message){i % 2 ? "assistant" : "user", text, LEN};
    struct lutra_template_input in = plain;
    in.messages = m;
    in.n_messages = N;
    static const char collect[] =
        "{% set ns = namespace(s='') %}{% for m in messages %}"
        "{% set ns.s = ns.s + '<' + m.role + '>' + m.content %}{% endfor %}{{ ns.s }}";
    struct lutra_rendered r;
    lutra_error err = {0};
    CHECK_EQ(
        lutra_template_render(&r, lutra_template_chatml, strlen(lutra_template_chatml), &in, &err),
        LUTRA_OK);
    CHECK_EQ(r.n_literal, N);
    lutra_rendered_free(&r);
    CHECK_EQ(lutra_template_render(&r, collect, strlen(collect), &in, &err), LUTRA_OK);
    CHECK_EQ(r.n_literal, N);
    CHECK_EQ(r.len, N / 2 * (6 + 11) + N * LEN);
    lutra_rendered_free(&r);
    free(m);
    free(text);
}

/* A NUL, a control byte, half a character in a message: bytes like any others. */
static void check_raw_content(void)
{
    struct lutra_message m = {"user", "a\0\xff\xe2\x82z", 6};
    struct lutra_template_input in = plain;
    struct lutra_rendered r;
    in.messages = &m;
    in.n_messages = 1;
    static const char src[] =
        "<{{ messages[0].content | trim }}>{{ messages[0].content | length }}";
    CHECK_EQ(lutra_template_render(&r, src, sizeof src - 1, &in, NULL), LUTRA_OK);
    CHECK(r.len == 9 && memcmp(r.text, "<a\0\xff\xe2\x82z>6", 9) == 0);
    CHECK(r.n_literal == 1 && r.literal[0].start == 1 && r.literal[0].len == 6);
    lutra_rendered_free(&r);
}

static void check_dates(void)
{
    struct lutra_rendered r;
    CHECK_EQ(
        render(
            &r,
            "{{ strftime_now('%d %b %Y') }}|{{ strftime_now('%A, %-d %B %y, %Y-%m-%d %H:%M %%') }}",
            NULL),
        LUTRA_OK);
    CHECK_STR(r.text, "05 Mar 2024|Tuesday, 5 March 24, 2024-03-05 00:00 %");
    lutra_rendered_free(&r);
    struct lutra_template_input in = plain;
    in.date = "some day";
    CHECK_EQ(lutra_template_render(&r, "{{ strftime_now('%d') }}{{ date_string }}", 41, &in, NULL),
             LUTRA_OK);
    CHECK_STR(r.text, "some daysome day");
    lutra_rendered_free(&r);
    in.date = NULL;
    CHECK_EQ(lutra_template_render(&r, "{{ strftime_now is defined or date_string is defined }}",
                                   55, &in, NULL),
             LUTRA_OK);
    CHECK_STR(r.text, "False");
    lutra_rendered_free(&r);
}

/* An application may have chosen a locale whose numbers have a comma and whose months are not English. */
static void test_locale(void)
{
#ifdef _WIN32
    check_skip("no locale but C is made here");
#else
    char command[700];
    snprintf(command, sizeof command, "localedef -i fr_FR -f UTF-8 '%s/fr_FR.UTF-8' >/dev/null 2>&1", check_tmp());
    if (system(command) == 0) setenv("LOCPATH", check_tmp(), 1);
    if (setlocale(LC_ALL, "fr_FR.UTF-8") == NULL) {
        check_skip("no French locale, and localedef makes none");
        return;
    }
    char comma[8];
    snprintf(comma, sizeof comma, "%.1f", 0.5);
    CHECK_STR(comma, "0,5");
    struct lutra_rendered r;
    lutra_error err;
    static const char src[] = "{{ 0.5 }} {{ 1e20 * 1.5 }} {{ 1.25e-7 }} {{ '2.75' | float }} {{ 7 / 2 }} {{ {'a': 0.1} | tojson }} {{ 3.0 }}";
    CHECK_EQ(render(&r, src, &err), LUTRA_OK);
    CHECK_STR(r.text, "0.5 1.5e+20 1.25e-07 2.75 3.5 {\"a\": 0.1} 3.0");
    lutra_rendered_free(&r);
    struct lutra_template_input in = plain;
    in.kwargs_json = "{\"x\": 12.5}";
    CHECK_EQ(lutra_template_render(&r, "{{ x }}", 7, &in, &err), LUTRA_OK);
    CHECK_STR(r.text, "12.5");
    lutra_rendered_free(&r);
    /* and the day of today that a model's template asks for */
    lutra_model *m;
    lutra_model_options o = {.size = sizeof o, .chat_template = "{{ strftime_now('%d %B %Y') }}"};
    CHECK_EQ(lutra_model_open(&m, "tests/data/tiny-verse-ternary.gguf", &o, &err), LUTRA_OK);
    const lutra_chat_message hi = {"user", "Hi", 2};
    int32_t *ids, *want;
    size_t n, n_want;
    char day[80];
    time_t now = time(NULL);
    struct tm tm;
    CHECK_EQ(lutra_chat_tokenize(m, &hi, 1, 1, &ids, &n, &err), LUTRA_OK);
    setlocale(LC_ALL, "C");
    strftime(day, sizeof day, "%d %B %Y", gmtime_r(&now, &tm));
    CHECK_EQ(lutra_tokenize(m, day, strlen(day), LUTRA_ADD_SPECIAL, &want, &n_want, &err), LUTRA_OK);
    CHECK_EQ(n, n_want);
    if (n == n_want) CHECK_MEM(ids, want, n * sizeof *ids, 'i');
    lutra_free(ids);
    lutra_free(want);
    lutra_model_free(m);
#endif
}

int main(int argc, char **argv)
{
    static char *names[100];
    int n = list_templates(names, 99);
    check_init(argc, argv, "test_template");
    CHECK_CASE("templates are there")
    {
        CHECK(n >= 8);
    }
    for (int i = 0; i < n; i++) {
        char title[128];
        snprintf(title, sizeof title, "template %s", names[i]);
        CHECK_CASE(title)
        {
            check_file(names[i]);
        }
        free(names[i]);
    }
    CHECK_CASE("snippets")
    {
        check_snippets();
    }
    CHECK_CASE("marks")
    {
        check_marks();
    }
    CHECK_CASE("many messages")
    {
        check_many_messages();
    }
    CHECK_CASE("raw content")
    {
        check_raw_content();
    }
    CHECK_CASE("dates")
    {
        check_dates();
    }
    CHECK_CASE("locale") test_locale();
    return check_done();
}
