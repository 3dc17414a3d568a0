/* SPDX-License-Identifier: MIT */
/* Text between <think> and </think> is shown dim. A tag may arrive in pieces, so its beginning
 * waits. */
#include "tools/stream.h"

#include <stdio.h>
#include <string.h>

#include "tools/cli.h"

static const char open_tag[] = "<think>", close_tag[] = "</think>";

static void colour(const struct lutra_stream *s, bool dim)
{
    if (s->dim && s->show) fputs(dim ? "\x1b[2m" : "\x1b[0m", stdout);
}

static void put(struct lutra_stream *s, const char *p, size_t n)
{
    if (n && s->show && !lutra_cli_put(p, n)) s->failed = true;
}

static void put_held(struct lutra_stream *s)
{
    put(s, s->held, s->n_held);
    s->n_held = 0;
}

/* One byte that may belong to the tag we wait for; false, with nothing held any more, if it does
 * not. */
static bool hold(struct lutra_stream *s, char c)
{
    const char *tag = s->thinking ? close_tag : open_tag;
    if (c != tag[s->n_held]) put_held(s);
    if (c != tag[s->n_held]) return false;
    s->held[s->n_held++] = c;
    if (tag[s->n_held]) return true;
    if (!s->thinking) colour(s, true);
    put_held(s);
    if (s->thinking) colour(s, false);
    s->thinking = !s->thinking;
    return true;
}

static void count_words(struct lutra_stream *s, const char *p, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        bool blank = p[i] == ' ' || p[i] == '\n' || p[i] == '\t' || p[i] == '\r';
        if (!blank && !s->in_word) s->words++;
        s->in_word = !blank;
    }
}

void lutra_stream_begin(struct lutra_stream *s, bool dim)
{
    memset(s, 0, sizeof *s);
    s->dim = dim;
    s->show = true;
}

void lutra_stream_think(struct lutra_stream *s)
{
    s->thinking = true;
    colour(s, true);
}

int lutra_stream_text(void *user, const char *utf8, size_t n)
{
    struct lutra_stream *s = user;
    if (!lutra_text_add(&s->text, utf8, n)) s->failed = true;
    count_words(s, utf8, n);
    while (n > 0) {
        if (s->n_held == 0) { /* runs without '<' go out at once, so that characters stay whole */
            const char *tag = memchr(utf8, '<', n);
            size_t run = tag ? (size_t)(tag - utf8) : n;
            put(s, utf8, run);
            utf8 += run;
            n -= run;
        }
        if (n > 0 && hold(s, *utf8)) {
            utf8++;
            n--;
        }
    }
    return s->failed;
}

void lutra_stream_end(struct lutra_stream *s)
{
    put_held(s);
    if (s->thinking) colour(s, false);
    s->thinking = false;
    lutra_cli_put("", 0);
}

void lutra_stream_free(struct lutra_stream *s)
{
    lutra_text_free(&s->text);
}
