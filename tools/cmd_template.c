/* SPDX-License-Identifier: MIT */
/* lutra template: what a model's chat template makes of a conversation, as text. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "models/gguf.h"
#include "runtime/template.h"
#include "tools/cli.h"
#include "tools/cmd.h"
#include "tools/find.h"
#include "tools/text.h"

struct options {
    const char *file, *positional, *messages, *tools, *kwargs, *date, *bos, *eos, *name, *source_file;
    int no_answer, thinking, show;
};

#define AT(field) offsetof(struct options, field)
#define JSON_MAX ((size_t)1 << 26)

static const struct lutra_opt opts[] = {
    {"-m, --model", "FILE", LUTRA_OPT_STR, AT(file), 0, 0,
     "GGUF file, or a template as a text file", NULL},
    {"--messages", "JSON", LUTRA_OPT_STR, AT(messages), 0, 0,
     "list of messages with role and content; a file's name or - (stdin) will do too", NULL},
    {"--tools", "JSON", LUTRA_OPT_STR, AT(tools), 0, 0, "list of tools; likewise", NULL},
    {"--chat-template-kwargs, --kwargs", "JSON", LUTRA_OPT_STR, AT(kwargs), 0, 0,
     "object of further variables; likewise", NULL},
    {"--enable-thinking, --enable_thinking", "[on|off|true|false]", LUTRA_OPT_CHOICE, AT(thinking),
     0, 0, "the variable enable_thinking (not defined)", NULL},
    {"--chat-template", "NAME|JINJA", LUTRA_OPT_STR, AT(name), 0, 0,
     "this template instead of the file's: a source, or a name known to --help of run", NULL},
    {"--chat-template-file", "FILE", LUTRA_OPT_STR, AT(source_file), 0, 0,
     "the same from a file", NULL},
    {"--no-generation-prompt", NULL, LUTRA_OPT_FLAG, AT(no_answer), 1, 0,
     "do not begin the next answer", NULL},
    {"--date", "TEXT", LUTRA_OPT_STR, AT(date), 0, 0,
     "this day, such as 26 Nov 2026, for strftime_now and as date_string (today, and not defined)", NULL},
    {"--bos", "TEXT", LUTRA_OPT_STR, AT(bos), 0, 0, "begin token (the file's)", NULL},
    {"--eos", "TEXT", LUTRA_OPT_STR, AT(eos), 0, 0, "end token (the file's)", NULL},
    {"--source", NULL, LUTRA_OPT_FLAG, AT(show), 1, 0, "print the template itself", NULL},
};
static const struct lutra_opt_group group = {"Options", opts, sizeof opts / sizeof *opts};
static const struct lutra_cli_spec spec = {
    "template",
    "FILE --messages JSON [options]",
    "Render a conversation with a model's chat template and print the text, byte for byte.\n"
    "Loads no weights.",
    &group,
    1,
    AT(positional)};

/* Everything a rendering needs that is owned here. */
struct job {
    struct lutra_text source, messages, tools, kwargs, bos, eos;
};

static void free_job(struct job *j)
{
    struct lutra_text *const all[] = {&j->source, &j->messages, &j->tools,
                                      &j->kwargs, &j->bos,      &j->eos};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) lutra_text_free(all[i]);
}

static int read_failed(const char *name, int e)
{
    char shown[300];
    lutra_escape(shown, sizeof shown, name, strlen(name));
    lutra_cli_say("%s: %s", shown, e == EFBIG ? "too large" : strerror(e));
    return e == ENOMEM ? LUTRA_EXIT_MEMORY : LUTRA_EXIT_USAGE;
}

/* JSON as it is, or the name of a file that holds it. -1: go on. */
static int read_json(struct lutra_text *text, const char *arg)
{
    int e = 0;
    if (!arg) return -1;
    if (strcmp(arg, "-") == 0)
        e = lutra_text_read_fd(text, STDIN_FILENO, JSON_MAX);
    else if (arg[strspn(arg, " \t\r\n")] == '[' || arg[strspn(arg, " \t\r\n")] == '{')
        lutra_text_puts(text, arg);
    else
        e = lutra_text_read_file(text, arg, JSON_MAX);
    if (!e && text->n > 0 && memchr(text->p, 0, text->n)) e = EILSEQ;
    if (!text->p) lutra_text_puts(text, "");
    if (text->failed) e = ENOMEM;
    return e ? read_failed(arg, e) : -1;
}

/* ---- the file ---- */

/* Text of the token that a key names; empty if there is none. */
static void token_text(const struct lutra_gguf *g, const char *key, struct lutra_text *out)
{
    const struct lutra_gguf_kv *kv = lutra_gguf_find(g, "tokenizer.ggml.tokens");
    uint64_t cursor = 0;
    int64_t id = -1;
    const char *s;
    size_t n;
    lutra_gguf_int(g, key, 0, INT32_MAX, &id, NULL, NULL);
    if (!kv || kv->type != LUTRA_GGUF_ARRAY || kv->elem_type != LUTRA_GGUF_STRING || id < 0) return;
    for (int64_t i = 0; lutra_gguf_arr_str(g, kv, &cursor, &s, &n); i++) {
        if (i < id) continue;
        lutra_text_add(out, s, n);
        return;
    }
}

static int read_gguf(struct job *j, const char *path)
{
    static const char key[] = "tokenizer.chat_template";
    struct lutra_gguf *g;
    lutra_error err = {0};
    const char *s = NULL;
    size_t n = 0;
    bool found = false;
    if (lutra_gguf_open(&g, path, &err)) return lutra_cli_fail(&err, true);
    lutra_status st = lutra_gguf_str(g, key, &s, &n, &found, &err);
    if (st == LUTRA_OK && found) lutra_text_add(&j->source, s, n);
    token_text(g, "tokenizer.ggml.bos_token_id", &j->bos);
    token_text(g, "tokenizer.ggml.eos_token_id", &j->eos);
    lutra_gguf_close(g);
    if (st) return lutra_cli_fail(&err, true);
    return found ? -1 : LUTRA_EXIT_UNSUPPORTED; /* no template: another may be given */
}

static int read_source(struct job *j, const struct options *o)
{
    char found[LUTRA_FIND_PATH];
    const char *path = o->file ? o->file : o->positional;
    int code = -1;
    if (path) {
        path = lutra_find_path(path, found);
        if (lutra_find_is_gguf(path)) {
            code = read_gguf(j, path);
        } else {
            int e = lutra_text_read_file(&j->source, path, LUTRA_TEMPLATE_SOURCE_MAX);
            if (e) code = read_failed(path, e) == LUTRA_EXIT_MEMORY ? LUTRA_EXIT_MEMORY : LUTRA_EXIT_MODEL;
        }
    } else if (!o->name && !o->source_file) {
        lutra_cli_say("no template: lutra template FILE --messages JSON");
        code = LUTRA_EXIT_USAGE;
    }
    bool given = o->name || o->source_file;
    if (!given && code == LUTRA_EXIT_UNSUPPORTED)
        lutra_cli_say("this file has no key tokenizer.chat_template; give --chat-template");
    if (!given || (code >= 0 && code != LUTRA_EXIT_UNSUPPORTED)) return code;
    if (o->source_file) {
        lutra_text_free(&j->source);
        j->source = (struct lutra_text){0};
        int e = lutra_text_read_file(&j->source, o->source_file, LUTRA_TEMPLATE_SOURCE_MAX);
        return e ? read_failed(o->source_file, e) : -1;
    }
    const char *known = lutra_template_named(o->name);
    lutra_text_free(&j->source);
    j->source = (struct lutra_text){0};
    if (!known && !strchr(o->name, '{')) {
        lutra_cli_say("--chat-template: neither a template nor one of: %s", lutra_template_names);
        return LUTRA_EXIT_USAGE;
    }
    lutra_text_puts(&j->source, known ? known : o->name);
    return -1;
}

static int render(const struct job *j, const struct options *o)
{
    struct lutra_rendered r;
    lutra_error err = {0};
    char today[32] = "";
    time_t now = time(NULL);
    struct tm tm;
    if (gmtime_r(&now, &tm)) strftime(today, sizeof today, "%d %b %Y", &tm); /* in C's locale: nobody set another */
    struct lutra_template_input in = {
        .messages_json = j->messages.p ? j->messages.p : "[]",
        .tools_json = j->tools.p,
        .kwargs_json = j->kwargs.p,
        .add_generation_prompt = !o->no_answer,
        .bos_token = o->bos ? o->bos : j->bos.p,
        .eos_token = o->eos ? o->eos : j->eos.p,
        .enable_thinking = o->thinking < 0 ? -1 : o->thinking % 2 == 0,
        .date = o->date,
        .today = today,
    };
    if (lutra_template_render(&r, j->source.p ? j->source.p : "", j->source.n, &in, &err))
        return lutra_cli_fail(&err, false);
    fwrite(r.text, 1, r.len, stdout);
    lutra_rendered_free(&r);
    return LUTRA_EXIT_OK;
}

int lutra_cmd_template(int argc, char **argv)
{
    struct options o = {.thinking = -1};
    struct job j = {0};
    int code = lutra_cli_parse(&spec, &o, argc, argv);
    if (code >= 0) return code;
    code = read_source(&j, &o);
    if (code < 0) code = read_json(&j.messages, o.messages);
    if (code < 0) code = read_json(&j.tools, o.tools);
    if (code < 0) code = read_json(&j.kwargs, o.kwargs);
    if (code < 0 && o.show) {
        fwrite(j.source.p ? j.source.p : "", 1, j.source.n, stdout);
        code = LUTRA_EXIT_OK;
    }
    if (code < 0 && !o.messages) {
        lutra_cli_say("no conversation: give --messages JSON");
        code = LUTRA_EXIT_USAGE;
    }
    if (code < 0) code = render(&j, &o);
    free_job(&j);
    return lutra_cli_flush(code);
}
