/* SPDX-License-Identifier: MIT */
/* lutra chat: talk with a model at a terminal, or answer one message in a pipe. Uses lutra.h alone.
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "tools/chat.h"
#include "tools/cmd.h"
#include "tools/find.h"
#include "tools/term.h"

/* A message of the user; one that still waits for an answer grows instead (templates want turns).
 */
static int add_user(struct lutra_chat *c, const char *text, size_t n)
{
    bool ok;
    if (lutra_conv_last_role(&c->conv) == LUTRA_USER) {
        struct lutra_text *last = &c->conv.msgs[c->conv.n - 1].text;
        ok = lutra_text_puts(last, "\n\n") && lutra_text_add(last, text, n);
    } else {
        ok = lutra_conv_add(&c->conv, LUTRA_USER, text, n);
    }
    if (ok) return -1;
    lutra_cli_say("not enough memory for this message");
    return LUTRA_EXIT_MEMORY;
}

/* Answer in an interactive chat: errors are told and the chat goes on. */
static int answer_and_stay(struct lutra_chat *c)
{
    int code = lutra_chat_answer(c);
    if (code < 0 || lutra_interrupt_hangup()) return -1;
    if (code == LUTRA_EXIT_INTERRUPTED) fputs("(stopped)\n", stderr);
    if (lutra_conv_last_role(&c->conv) ==
        LUTRA_USER) { /* no answer at all: take the message back */
        lutra_conv_pop(&c->conv);
        fputs("(your message was taken back; arrow-up shows it again)\n", stderr);
    }
    return -1;
}

static bool is_blank(const struct lutra_text *t)
{
    size_t n = t->n;
    while (n > 0 && strchr(" \t\r\n", t->p[n - 1]) && t->p[n - 1]) n--;
    return n == 0;
}

static int one_input(struct lutra_chat *c, const struct lutra_text *line, bool *answered)
{
    int code;
    if (is_blank(line)) return -1;
    if (line->p[0] == '/') return lutra_chat_command(c, line->p);
    code = add_user(c, line->p, line->n);
    if (code >= 0) return -1; /* told; the chat goes on */
    *answered = true;
    return answer_and_stay(c);
}

static int chat_loop(struct lutra_chat *c, struct lutra_term *term, bool answered)
{
    struct lutra_text line = {0};
    int code = -1;
    while (code < 0) {
        if (lutra_interrupt_hangup()) {
            lutra_chat_rescue(c);
            code = LUTRA_EXIT_RUN;
        } else if (c->opt->single_turn && answered) {
            code = LUTRA_EXIT_OK;
        } else {
            lutra_interrupt_reset();
            switch (lutra_term_read(term, "> ", &line)) {
            case LUTRA_INPUT_LINE:
                code = one_input(c, &line, &answered);
                break;
            case LUTRA_INPUT_END:
                code = LUTRA_EXIT_OK;
                break;
            case LUTRA_INPUT_INTERRUPT:
                code = LUTRA_EXIT_INTERRUPTED;
                break;
            case LUTRA_INPUT_HANGUP:
                lutra_chat_rescue(c);
                code = LUTRA_EXIT_RUN;
                break;
            }
        }
    }
    lutra_text_free(&line);
    return code;
}

static int talk(struct lutra_chat *c, const struct lutra_text *prompt, bool given)
{
    static struct lutra_term term; /* a thousand history pointers: too much for a stack */
    char folder[LUTRA_FIND_PATH], history[LUTRA_FIND_PATH + 16];
    bool has_history = lutra_find_own_dir("XDG_STATE_HOME", ".local/state", folder, sizeof folder);
    bool simple =
        c->opt->simple_io || !lutra_cli_fancy(STDIN_FILENO) || !lutra_cli_fancy(STDOUT_FILENO);
    snprintf(history, sizeof history, "%s/history", folder);
    lutra_term_open(&term, has_history ? history : NULL, simple,
                    !simple && lutra_cli_colour(STDOUT_FILENO, c->opt->colour));
    lutra_chat_mention_rescued();
    int code = -1;
    if (given) {
        fputs("> ", stdout);
        lutra_cli_put(prompt->p, prompt->n);
        lutra_cli_put("\n", 1);
        if (add_user(c, prompt->p, prompt->n) < 0) answer_and_stay(c);
    }
    code = chat_loop(c, &term, given);
    lutra_term_close(&term);
    return code;
}

static int answer_once(struct lutra_chat *c, const struct lutra_text *prompt)
{
    if (c->opt->display_prompt) {
        lutra_cli_put(prompt->p, prompt->n);
        lutra_cli_put("\n", 1);
    }
    int code = add_user(c, prompt->p, prompt->n);
    if (code < 0) code = lutra_chat_answer(c);
    return code < 0 ? LUTRA_EXIT_OK : code;
}

static int set_system(struct lutra_chat *c)
{
    struct lutra_text text = {0};
    int code = lutra_options_system(c->opt, &text);
    if (code < 0 && text.n > 0 && !lutra_conv_system(&c->conv, text.p, text.n))
        code = LUTRA_EXIT_MEMORY;
    lutra_text_free(&text);
    return code;
}

int lutra_chat_main(const struct lutra_options *o, const struct lutra_text *prompt, bool given,
                    bool interactive, bool chatty)
{
    struct lutra_chat c;
    memset(&c, 0, sizeof c);
    c.opt = o;
    c.interactive = interactive;
    int code = set_system(&c);
    if (code < 0) code = lutra_runner_open(&c.runner, o, chatty);
    if (code < 0) {
        c.use_template = c.runner.info.has_template != 0;
        if (!c.use_template)
            lutra_cli_say("this model has no chat template: it continues your text as it is");
        code = interactive ? talk(&c, prompt, given) : answer_once(&c, prompt);
        if (code == LUTRA_EXIT_OK && (code = lutra_runner_keep(&c.runner)) < 0) code = LUTRA_EXIT_OK;
        if (chatty && !lutra_interrupt_hangup()) lutra_runner_print_speed(&c.runner);
        lutra_runner_close(&c.runner);
    }
    lutra_conv_free(&c.conv);
    return lutra_cli_flush(code);
}
