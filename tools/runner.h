/* SPDX-License-Identifier: MIT */
/* A model and one session on it, as run and chat open them: progress, summary, Ctrl-C, figures at
 * the end. */
#ifndef LUTRA_TOOLS_RUNNER_H
#define LUTRA_TOOLS_RUNNER_H

#include "runtime/lutra.h"
#include "tools/options.h"

struct lutra_runner {
    lutra_model *model;
    lutra_session *session;
    lutra_model_info info;
    bool chatty; /* summary, bars and figures are wanted */
    uint64_t seed;
    uint64_t words; /* generated */
    const char *cache;  /* --prompt-cache FILE, to be written; NULL: none, or only to be read */
    bool cache_at_end;  /* --prompt-cache-all */
};

/* Open what the options name. chatty: see struct. Returns -1, or an exit code after reporting. */
int lutra_runner_open(struct lutra_runner *e, const struct lutra_options *o, bool chatty);
void lutra_runner_close(struct lutra_runner *e);

/* Make the session hold these ids, with a bar if it takes long; reports errors. Returns -1 or an
 * exit code. */
int lutra_runner_sync(struct lutra_runner *e, const int32_t *ids, size_t n);

/* Write --prompt-cache's file if that is still to be done. Returns -1 or an exit code. */
int lutra_runner_keep(struct lutra_runner *e);

/* Generate. on_text as in lutra.h. Returns -1 or an exit code after reporting; *stop says why it
 * ended. */
int lutra_runner_generate(struct lutra_runner *e, const struct lutra_options *o,
                          int (*on_text)(void *user, const char *utf8, size_t n), void *user,
                          lutra_stop *stop);

/* "[ Prompt: 44.9 t/s | Generation: 11.7 t/s | 420 words/min ]" on stderr. */
void lutra_runner_print_speed(const struct lutra_runner *e);

/* One line about an answer that met the end of the context. */
void lutra_runner_say_full(const struct lutra_runner *e);

/* ---- Ctrl-C (posix/interrupt_posix.c, win/interrupt_win.c) ---- */

/* From now on Ctrl-C cancels `session` (NULL: only sets the flag); a second one before the next
 * lutra_interrupt_reset leaves with 130. SIGHUP and SIGTERM cancel too and set the hang-up flag. */
void lutra_interrupt_watch(lutra_session *session);
void lutra_interrupt_reset(void);
bool lutra_interrupt_pending(void); /* Ctrl-C since the last reset */
bool lutra_interrupt_hangup(void);  /* the terminal went away, or we are told to end */
/* Called from the handler before leaving: must be safe in a signal handler. NULL: none. */
void lutra_interrupt_at_exit(void (*restore)(void));

#endif
