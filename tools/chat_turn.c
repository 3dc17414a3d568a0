/* SPDX-License-Identifier: MIT */
/* One turn: make the conversation fit the context, feed it, stream the answer. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "tools/chat.h"
#include "tools/cmd.h"
#include "tools/stream.h"

/* Room to leave for the answer: a quarter of the context, at most 512 tokens unless -n asks for
 * more. */
static int reserve_for_answer(const struct lutra_chat *c, int n_ctx)
{
    int want = n_ctx / 4 < 512 ? n_ctx / 4 : 512;
    int n = c->opt->n_predict;
    if (n > 0) want = n < n_ctx / 2 ? n : n_ctx / 2;
    return want;
}

static int get_ids(struct lutra_chat *c, int32_t **ids, size_t *n)
{
    lutra_error err = {0};
    lutra_free(*ids);
    *ids = NULL;
    if (lutra_conv_ids(&c->conv, c->runner.model, c->use_template, ids, n, &err))
        return lutra_cli_fail(&err, false);
    return -1;
}

/* `turns` of them skipped after the first `from` messages, or all there are: how many. */
static int skip_turns(struct lutra_conv *conv, int from, int turns)
{
    int done = 0;
    conv->skip = from;
    while (done < turns && lutra_conv_skip_oldest(conv) > 0) done++;
    return done;
}

/* As few of the oldest turns dropped as leave `limit` tokens. To count them the whole conversation is read each time:
 * with turns by ones that takes minutes for one of thousands, so steps double until it fits and are halved again. */
static int drop_oldest(struct lutra_chat *c, size_t limit, int32_t **ids, size_t *n)
{
    struct lutra_conv *conv = &c->conv;
    int from = conv->skip, low = 0, high = 0, tried = 0, code = -1; /* low: too few turns */
    for (int step = 1; code < 0 && high == 0; step *= 2) {
        tried = skip_turns(conv, from, step);
        if (tried == low) return code; /* nothing more can go */
        code = get_ids(c, ids, n);
        if (*n <= limit) high = tried;
        else low = tried;
    }
    while (code < 0 && high - low > 1) {
        tried = skip_turns(conv, from, low + (high - low) / 2);
        code = get_ids(c, ids, n);
        if (*n <= limit) high = tried;
        else low = tried;
    }
    if (code >= 0 || tried == high) return code;
    skip_turns(conv, from, high);
    return get_ids(c, ids, n);
}

/* The ids of the conversation, after dropping what is too old. */
static int fitting_ids(struct lutra_chat *c, int32_t **ids, size_t *n)
{
    int n_ctx = lutra_session_n_ctx(c->runner.session), held = c->conv.skip;
    int code = get_ids(c, ids, n);
    /* once it overflows, make room for several turns: dropping means feeding everything again */
    if (code < 0 && *n > (size_t)(n_ctx - reserve_for_answer(c, n_ctx)))
        code = drop_oldest(c, (size_t)n_ctx / 2, ids, n);
    if (c->conv.skip > held)
        lutra_cli_say(
            "the context of %d tokens is full: the %d oldest messages are no longer seen; the "
            "system prompt stays",
            n_ctx, c->conv.skip - held);
    return code;
}

static const char *find_last(const char *text, const char *what)
{
    const char *last = NULL;
    for (const char *p = text; (p = strstr(p, what)); p++) last = p;
    return last;
}

/* Templates of thinking models may end with an opened <think>. */
static bool begins_thinking(const struct lutra_chat *c, const int32_t *ids, size_t n)
{
    char tail[128];
    size_t len = 0;
    for (size_t i = n > 6 ? n - 6 : 0; i < n; i++) {
        char piece[32];
        size_t got = lutra_token_bytes(c->runner.model, ids[i], 1, piece, sizeof piece);
        if (got > sizeof piece || len + got >= sizeof tail) continue;
        memcpy(tail + len, piece, got);
        len += got;
    }
    tail[len] = '\0';
    const char *open = find_last(tail, "<think>"), *close = find_last(tail, "</think>");
    return open && (!close || close < open);
}

static int stream_answer(struct lutra_chat *c, const int32_t *ids, size_t n)
{
    struct lutra_stream stream;
    lutra_stop stop;
    bool screen = lutra_cli_tty(STDOUT_FILENO);
    lutra_stream_begin(&stream, screen && lutra_cli_colour(STDOUT_FILENO, c->opt->colour));
    if (begins_thinking(c, ids, n)) lutra_stream_think(&stream);
    int code = lutra_runner_generate(&c->runner, c->opt, lutra_stream_text, &stream, &stop);
    lutra_stream_end(&stream);
    c->runner.words += stream.words;
    c->runner.seed++; /* /regen must be able to give another answer */
    if (screen && stream.text.n > 0 && stream.text.p[stream.text.n - 1] != '\n')
        lutra_cli_put("\n", 1);
    if (code < 0 && stop == LUTRA_STOP_FULL) lutra_runner_say_full(&c->runner);
    if (code < 0 && stream.text.failed) {
        lutra_cli_say("not enough memory for the answer");
        code = LUTRA_EXIT_MEMORY;
    }
    if (code < 0 || stream.text.n > 0) {
        const char *text = stream.text.p ? stream.text.p : "";
        if (!lutra_conv_add(&c->conv, LUTRA_ASSISTANT, text, stream.text.n))
            code = LUTRA_EXIT_MEMORY;
        c->unsaved = true;
    }
    if (code < 0 && stream.failed) code = LUTRA_EXIT_RUN;
    if (code < 0 && lutra_interrupt_pending()) code = LUTRA_EXIT_INTERRUPTED;
    lutra_stream_free(&stream);
    int lost = lutra_cli_flush(LUTRA_EXIT_OK);
    return code < 0 && lost ? lost : code;
}

int lutra_chat_answer(struct lutra_chat *c)
{
    int32_t *ids = NULL;
    size_t n = 0;
    lutra_interrupt_reset();
    int code = fitting_ids(c, &ids, &n);
    if (code < 0) code = lutra_runner_sync(&c->runner, ids, n);
    if (code < 0) code = stream_answer(c, ids, n);
    lutra_free(ids);
    return code;
}
