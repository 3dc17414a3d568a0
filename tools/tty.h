/* SPDX-License-Identifier: MIT */
/* The terminal itself: what kind it is, raw mode, bytes in. Keys and pictures are in term*.c. */
#ifndef LUTRA_TOOLS_TTY_H
#define LUTRA_TOOLS_TTY_H

#include <stdbool.h>
#include <stddef.h>

bool lutra_tty_is(int fd);      /* a terminal */
bool lutra_tty_escapes(int fd); /* one that understands escape sequences */
/* Columns and rows of the window of stdout; false: unknown, and nothing is set. */
bool lutra_tty_size(int *cols, int *rows);

/* A change of the window's size ends a read from now on. */
void lutra_tty_watch_size(void);

/* Keys as they are typed, without echo and signals; false: cannot be had. Switched on already: true. */
bool lutra_tty_raw(void);
/* As it was before; safe in a signal handler, and more than once. True: it was raw. */
bool lutra_tty_cooked(void);
/* Ctrl-Z: the program sleeps until it is wanted again. Nothing where there are no jobs. */
void lutra_tty_suspend(void);

/* Bytes of stdin, UTF-8: count, 0 at its end, -1 with errno (EINTR: a signal, or a new size). */
long lutra_tty_read(char *dst, size_t n);
bool lutra_tty_readable(int wait_ms);

#endif
