/* SPDX-License-Identifier: MIT */
/* Signals: Ctrl-C stops the answer, a second Ctrl-C the program; hang-ups end it in order. */
#include <signal.h>
#include <stddef.h>
#include <unistd.h>

#include "tools/cmd.h"
#include "tools/runner.h"

static volatile sig_atomic_t interrupted, hung_up, installed;
static lutra_session *volatile watched;
static void (*volatile restore_terminal)(void);

static void on_signal(int sig)
{
    if (sig == SIGINT && interrupted++ > 0) {
        if (restore_terminal) restore_terminal();
        ssize_t ignored = write(STDERR_FILENO, "\n", 1);
        (void)ignored;
        _exit(LUTRA_EXIT_INTERRUPTED);
    }
    if (sig != SIGINT) {
        hung_up = 1;
        interrupted = 1;
    }
    if (watched) lutra_session_cancel(watched);
}

void lutra_interrupt_watch(lutra_session *session)
{
    static const int signals[] = {SIGINT, SIGTERM, SIGHUP};
    watched = session;
    if (installed) return;
    installed = 1;
    for (size_t i = 0; i < sizeof signals / sizeof *signals; i++) {
        struct sigaction a, old;
        a.sa_handler = on_signal;
        a.sa_flags = 0; /* no SA_RESTART: a read at the prompt must return */
        sigemptyset(&a.sa_mask);
        /* what is ignored stays ignored: nohup, and jobs in the background of a script */
        if (sigaction(signals[i], NULL, &old) == 0 && old.sa_handler != SIG_IGN)
            sigaction(signals[i], &a, NULL);
    }
}

void lutra_interrupt_reset(void)
{
    interrupted = hung_up ? 1 : 0;
}

bool lutra_interrupt_pending(void)
{
    return interrupted != 0;
}

bool lutra_interrupt_hangup(void)
{
    return hung_up != 0;
}

void lutra_interrupt_at_exit(void (*restore)(void))
{
    restore_terminal = restore;
}
