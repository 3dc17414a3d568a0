/* SPDX-License-Identifier: MIT */
/* An answer on its way to the screen: kept, counted in words, thinking dimmed. */
#ifndef LUTRA_TOOLS_STREAM_H
#define LUTRA_TOOLS_STREAM_H

#include "tools/text.h"

struct lutra_stream {
    struct lutra_text text; /* all of it, as the model wrote it */
    bool dim;               /* colours are on */
    bool show;              /* false: keep only (tests) */
    bool thinking;
    bool failed; /* stdout, or memory */
    bool in_word;
    unsigned long long words;
    char held[16]; /* a tag that may be beginning */
    size_t n_held;
};

void lutra_stream_begin(struct lutra_stream *s, bool dim);
void lutra_stream_think(struct lutra_stream *s); /* the prompt has opened <think> already */
/* The on_text of lutra_generate; user is the stream. Non-zero stops. */
int lutra_stream_text(void *user, const char *utf8, size_t n);
void lutra_stream_end(struct lutra_stream *s); /* what was held back, colours off */
void lutra_stream_free(struct lutra_stream *s);

#endif
