/* SPDX-License-Identifier: MIT */
/* What the tests need of POSIX beyond kernels/win/posix.h; included first into each of their files. */
#ifndef LUTRA_TESTS_WIN_CHECK_WIN_H
#define LUTRA_TESTS_WIN_CHECK_WIN_H

#include <signal.h>

/* Handlers of faults, once each as SA_RESETHAND asks: signal() of this C library does that. */
struct sigaction {
    void (*sa_handler)(int);
    int sa_flags;
};
#define SA_RESETHAND 1
int lutra_win_sigaction(int number, const struct sigaction *new, struct sigaction *old);
#define sigaction(number, new, old) lutra_win_sigaction(number, new, old)

char *lutra_win_mkdtemp(char *template);
#define mkdtemp lutra_win_mkdtemp

int lutra_win_setenv(const char *name, const char *value, int replace);
int lutra_win_unsetenv(const char *name);
#define setenv lutra_win_setenv
#define unsetenv lutra_win_unsetenv

long long lutra_win_pwrite(int fd, const void *src, size_t n, long long at);
#define pwrite lutra_win_pwrite
#define aligned_alloc lutra_win_aligned_alloc /* what tests take so they never give back */

#endif
