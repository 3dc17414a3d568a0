/* SPDX-License-Identifier: MIT */
/* lutra run: a prompt in, text out. Uses lutra.h alone. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "tools/chat.h"
#include "tools/cmd.h"
#include "tools/find.h"
#include "tools/stream.h"

static int get_ids(const struct lutra_runner *e, const struct lutra_options *o,
                   const struct lutra_text *prompt, int32_t **ids, size_t *n)
{
    lutra_error err = {0};
    unsigned flags = LUTRA_ADD_SPECIAL | (o->special ? LUTRA_PARSE_SPECIAL : 0u);
    if (lutra_tokenize(e->model, prompt->p ? prompt->p : "", prompt->n, flags, ids, n, &err))
        return lutra_cli_fail(&err, false);
    if (*n > 0) return -1;
    lutra_cli_say(
        "the prompt is empty, and this model has no token to begin a text with: give -p TEXT");
    return LUTRA_EXIT_USAGE;
}

static int stream_text(struct lutra_runner *e, const struct lutra_options *o)
{
    struct lutra_stream stream;
    lutra_stop stop;
    bool screen = lutra_cli_tty(STDOUT_FILENO);
    lutra_stream_begin(&stream, screen && lutra_cli_colour(STDOUT_FILENO, o->colour));
    int code = lutra_runner_generate(e, o, lutra_stream_text, &stream, &stop);
    lutra_stream_end(&stream);
    e->words = stream.words;
    if (screen) lutra_cli_put("\n", 1);
    if (code < 0 && stop == LUTRA_STOP_FULL) lutra_runner_say_full(e);
    if (code < 0 && stream.text.failed) code = LUTRA_EXIT_MEMORY;
    if (code < 0 && lutra_interrupt_pending()) code = LUTRA_EXIT_INTERRUPTED;
    lutra_stream_free(&stream);
    return code;
}

/* Raw text: what the user wrote, continued. */
static int complete(const struct lutra_options *o, const struct lutra_text *prompt, bool chatty)
{
    struct lutra_runner e;
    int32_t *ids = NULL;
    size_t n = 0;
    int code = lutra_runner_open(&e, o, chatty);
    if (code >= 0) return code;
    code = get_ids(&e, o, prompt, &ids, &n);
    if (code < 0) code = lutra_runner_sync(&e, ids, n);
    lutra_free(ids);
    if (code < 0) {
        if (o->display_prompt) lutra_cli_put(prompt->p ? prompt->p : "", prompt->n);
        code = stream_text(&e, o);
        if (code < 0) code = lutra_runner_keep(&e);
        if (chatty) lutra_runner_print_speed(&e);
    }
    lutra_runner_close(&e);
    return lutra_cli_flush(code < 0 ? LUTRA_EXIT_OK : code);
}

/* A model that cannot be read is the more useful thing to hear of. */
static int no_prompt(const struct lutra_options *o, bool is_chat)
{
    char found[LUTRA_FIND_PATH];
    lutra_error err = {0};
    lutra_plan plan = {.size = sizeof plan};
    if (lutra_plan_file(&plan, lutra_find_path(o->model, found), NULL, NULL, &err))
        return lutra_cli_fail(&err, true);
    lutra_cli_say("no prompt: give -p TEXT, -f FILE, or text on stdin%s",
                  is_chat ? "; a chat needs a terminal on both sides"
                          : "; 'lutra chat FILE' talks");
    return LUTRA_EXIT_USAGE;
}

/* Without a terminal on both sides nothing ever waits for a person. */
static int start(const struct lutra_options *o, const struct lutra_text *prompt, bool given,
                 bool is_chat)
{
    bool terminal = lutra_cli_tty(STDIN_FILENO) && lutra_cli_tty(STDOUT_FILENO);
    bool chatty = !o->quiet && (o->verbose || (terminal && lutra_cli_tty(STDERR_FILENO)));
    bool talk = o->conversation >= 0 ? o->conversation : is_chat || o->system || o->system_file;
    bool interactive = talk && terminal && (is_chat || o->conversation == 1 || !given);
    if (!given && !interactive) return no_prompt(o, is_chat);
    if (talk) return lutra_chat_main(o, prompt, given, interactive, chatty);
    return complete(o, prompt, chatty);
}

static int run_or_chat(const char *command, int argc, char **argv)
{
    struct lutra_options o;
    struct lutra_text prompt = {0};
    bool given = false;
    int code = lutra_options_parse(&o, command, argc, argv);
    if (code >= 0) return code;
    code = lutra_options_prompt(&o, &prompt, &given);
    if (code < 0) code = start(&o, &prompt, given, strcmp(command, "chat") == 0);
    lutra_text_free(&prompt);
    return code;
}

int lutra_cmd_run(int argc, char **argv)
{
    return run_or_chat("run", argc, argv);
}

int lutra_cmd_chat(int argc, char **argv)
{
    return run_or_chat("chat", argc, argv);
}
