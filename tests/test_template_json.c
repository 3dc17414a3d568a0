/* SPDX-License-Identifier: MIT */
/* Chat templates with JSON: tools, tool calls and variables as jinja2 renders them; JSON that is
 * wrong; templates by name. */
#define TEMPLATES "tests/data/templates_tools"
#include "tests/check.h"
#include "tests/template_files.h"

/* "WORD 12\n" + 12 bytes + "\n" at *p: the bytes, NUL-terminated; NULL if they are none. */
static char *take(char **p, const char *word)
{
    size_t k = strlen(word);
    if (strncmp(*p, word, k) != 0) return NULL;
    size_t n = strtoul(*p + k, p, 10);
    char *s = *p + 1;
    *p = s + n + 1;
    s[n] = 0;
    return n > 0 ? s : NULL;
}

static bool is_literal(const struct lutra_rendered *r, size_t at, size_t n)
{
    for (size_t i = 0; i < r->n_literal; i++)
        if (at >= r->literal[i].start && at + n <= r->literal[i].start + r->literal[i].len)
            return true;
    return false;
}

/* The control token that user and tool call spell is text; the same from the template is not. */
static void check_literal(const struct lutra_rendered *r)
{
    static const char *const ours[] = {"Hi <|im_end|>", "ln <|im_end|>"};
    for (int k = 0; k < 2; k++) {
        for (const char *s = r->text; (s = strstr(s, ours[k])); s++)
            CHECK(is_literal(r, (size_t)(s - r->text) + 3, 10));
    }
    for (const char *s = r->text; (s = strstr(s, "<|im_start|>")); s++)
        CHECK(!is_literal(r, (size_t)(s - r->text), 12));
}

static void check_render(const struct text *src, char **p, const char *file)
{
    char name[64];
    int generate, used = 0;
    CHECK_EQ(sscanf(*p, "case %63s generate=%d%n", name, &generate, &used), 2);
    *p += used + 1;
    struct lutra_template_input in = {.add_generation_prompt = generate,
                                      .bos_token = "<s>",
                                      .eos_token = "</s>",
                                      .enable_thinking = -1,
                                      .date = "26 Nov 2026"};
    in.messages_json = take(p, "messages");
    in.tools_json = take(p, "tools");
    in.kwargs_json = take(p, "kwargs");
    bool refused = strncmp(*p, "error\n", 6) == 0;
    const char *want = refused ? NULL : take(p, "text");
    if (refused) *p += 6;
    struct lutra_rendered r;
    lutra_error err = {0};
    lutra_status st = lutra_template_render(&r, src->p, src->n, &in, &err);
    CHECK_EQ(st, refused ? LUTRA_EFORMAT : LUTRA_OK);
    if (st) {
        if (!refused) printf("%s, case %s: %s\n", file, name, err.msg);
        return;
    }
    if (!refused) CHECK_STR(r.text, want ? want : "");
    CHECK(well_formed(&r));
    check_literal(&r);
    lutra_rendered_free(&r);
}

static void check_file(const char *name)
{
    struct text src = read_file(TEMPLATES, name, ".jinja");
    struct text expect = read_file(TEMPLATES, name, ".expect");
    int n = 0;
    CHECK(src.p && expect.p);
    for (char *p = expect.p; p && *p; n++) check_render(&src, &p, name);
    CHECK_EQ(n, 8);
    free(src.p);
    free(expect.p);
}

/* ---- JSON ---- */

static lutra_status render_json(const char *src, const char *kwargs, struct lutra_rendered *r,
                           lutra_error *err)
{
    struct lutra_template_input in = {.messages_json = "[]", .kwargs_json = kwargs,
                                      .enable_thinking = -1};
    return lutra_template_render(r, src, strlen(src), &in, err);
}

static void check_values(void)
{
    static const char *const cases[][2] = {
        {"[1, -0, 2.50, 1e3, 12345678901234567890]", "[1, 0, 2.5, 1000.0, 1.2345678901234567e+19]"},
        {"{\"a\" : [ ] , \"b\":{}, \"a\":true}", "{'a': True, 'b': {}}"},
        {"\"\\u00e9\\ud83d\\ude00\\n\\t\\/\\\"\\\\\"", "\xC3\xA9\xF0\x9F\x98\x80\n\t/\"\\"},
        {"\"\\ud800x\"", "\xEF\xBF\xBDx"},
        {"null", "None"},
        {" [false] ", "[False]"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char json[200];
        struct lutra_rendered r;
        lutra_error err = {0};
        snprintf(json, sizeof json, "{\"x\": %s}", cases[i][0]);
        CHECK_EQ(render_json("{{ x }}", json, &r, &err), LUTRA_OK);
        CHECK_STR(r.text, cases[i][1]);
        lutra_rendered_free(&r);
    }
    struct lutra_rendered r;
    CHECK_EQ(render_json("{{ ('[1, ' ~ x ~ ']' | from_json)[1] }}{{ ('{\"k\": 5}' | from_json).k }}",
                    "{\"x\": \"7\"}", &r, NULL),
             LUTRA_EFORMAT); /* filters bind closer than ~ */
    CHECK_EQ(render_json("{{ (('[1, ' ~ x ~ ']') | from_json)[1] }}{{ ('{\"k\": 5}' | from_json).k }}",
                    "{\"x\": \"7\"}", &r, NULL),
             LUTRA_OK);
    CHECK_STR(r.text, "75");
    lutra_rendered_free(&r);
}

static void check_wrong(void)
{
    static const char *const wrong[] = {
        "",       "x",         "[1,]",     "[1 2]",     "{\"a\"}",    "{\"a\":1,}",   "{a:1}",
        "\"open", "\"\\x\"",   "01",       "1.",        "1e",         "-",            "nul",
        "[1] 2",  "\"a\nb\"",  "\"\\u12\"", "\"\\ud83d\\u0041\"", "[", "{\"a\":"};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        char json[100];
        struct lutra_rendered r;
        lutra_error err = {0};
        snprintf(json, sizeof json, "{\"x\":%s%s", wrong[i], i + 2 < sizeof wrong / sizeof wrong[0] ? "}" : "");
        CHECK_EQ(render_json("{{ x }}", json, &r, &err), LUTRA_EFORMAT);
        CHECK(strstr(err.msg, "byte ") != NULL);
        CHECK(r.text == NULL);
    }
    char *deep = malloc(200001);
    memset(deep, '[', 200000);
    deep[200000] = 0;
    struct lutra_rendered r;
    lutra_error err = {0};
    struct lutra_template_input in = {.messages_json = deep, .enable_thinking = -1};
    CHECK_EQ(lutra_template_render(&r, "x", 1, &in, &err), LUTRA_EFORMAT);
    in.messages_json = "{}";
    CHECK_EQ(lutra_template_render(&r, "x", 1, &in, &err), LUTRA_EFORMAT);
    CHECK(strstr(err.msg, "not a list") != NULL);
    free(deep);
}

/* Every beginning of a good text is wrong, and harmless. */
static void check_cut(void)
{
    static const char good[] =
        "{\"a\": [1, 2.5e-3, {\"b\": \"\\u00e9\\ud83d\\ude00 \xC3\xA9\"}, null, true], \"c\": {}}";
    for (size_t n = 0; n < sizeof good - 1; n++) {
        char *part = malloc(n + 1);
        struct lutra_rendered r;
        memcpy(part, good, n);
        part[n] = 0;
        CHECK_EQ(render_json("{{ a }}", part, &r, NULL), LUTRA_EFORMAT);
        free(part);
    }
}

static void check_names(void)
{
    char names[300], *name, *rest = names;
    snprintf(names, sizeof names, "%s", lutra_template_names);
    int n = 0;
    while ((name = strtok_r(rest, " ", &rest)) != NULL) {
        const char *src = lutra_template_named(name);
        struct lutra_message m[] = {{"system", "Sys", 3}, {"user", "Ask", 3},
                                    {"assistant", "Say", 3}, {"user", "More", 4}};
        struct lutra_template_input in = {.messages = m, .n_messages = 4, .bos_token = "<s>",
                                          .eos_token = "</s>", .add_generation_prompt = true,
                                          .enable_thinking = -1};
        struct lutra_rendered r;
        CHECK(src != NULL);
        CHECK_EQ(lutra_template_render(&r, src, strlen(src), &in, NULL), LUTRA_OK);
        const char *at = r.text;
        for (int i = 0; i < 4 && at; i++) {
            at = strstr(at, m[i].content);
            CHECK(at != NULL);
        }
        CHECK_EQ(r.n_literal, 4);
        lutra_rendered_free(&r);
        n++;
    }
    CHECK(n >= 8);
    CHECK(lutra_template_named("nonsense") == NULL);
}

int main(int argc, char **argv)
{
    static char *names[100];
    int n = list_templates(names, 99);
    check_init(argc, argv, "test_template_json");
    CHECK_CASE("twenty templates") CHECK(n >= 20);
    for (int i = 0; i < n; i++) {
        char title[128];
        snprintf(title, sizeof title, "template %s", names[i]);
        CHECK_CASE(title) check_file(names[i]);
        free(names[i]);
    }
    CHECK_CASE("values") check_values();
    CHECK_CASE("wrong JSON") check_wrong();
    CHECK_CASE("cut JSON") check_cut();
    CHECK_CASE("names") check_names();
    return check_done();
}
