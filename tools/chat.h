/* SPDX-License-Identifier: MIT */
/* A chat: conversation, model and terminal, and what its commands do with them. */
#ifndef LUTRA_TOOLS_CHAT_H
#define LUTRA_TOOLS_CHAT_H

#include "tools/conv.h"
#include "tools/runner.h"

struct lutra_chat {
    const struct lutra_options *opt;
    struct lutra_runner runner;
    struct lutra_conv conv;
    bool use_template;
    bool interactive;
    bool unsaved; /* messages since the last /save or /load */
};

/* The conversation side of run and chat. prompt: the first message, if `given`. */
int lutra_chat_main(const struct lutra_options *o, const struct lutra_text *prompt, bool given,
                    bool interactive, bool chatty);

/* Answer the last user message and append the answer (chat_turn.c). Returns -1, or an exit code;
 * the error has been reported and the conversation is as before the answer. */
int lutra_chat_answer(struct lutra_chat *c);

/* A line that begins with '/' (chat_cmds.c). Returns -1 to go on, else the exit code. */
int lutra_chat_command(struct lutra_chat *c, const char *line);

/* The chat ends without the user's wish: keep it in the state folder and say where. */
void lutra_chat_rescue(const struct lutra_chat *c);
/* One line if a chat of the last day was cut off. */
void lutra_chat_mention_rescued(void);

#endif
