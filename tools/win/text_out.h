/* SPDX-License-Identifier: MIT */
/* What commands write and read, on Windows; the Makefile includes this into every file of tools/ and
 * tests/ after kernels/win/posix.h.
 *
 * Microsoft's stdio has no line buffering, and mingw's printf hands an unbuffered stream one byte at
 * a time: a console would show two halves of each letter outside ASCII. So both streams are buffered
 * in full, and these calls send what they wrote on its way. */
#ifndef LUTRA_TOOLS_WIN_TEXT_OUT_H
#define LUTRA_TOOLS_WIN_TEXT_OUT_H

#include <stdio.h>
#include <stdlib.h>

int lutra_win_printf(const char *fmt, ...) __attribute__((format(__MINGW_PRINTF_FORMAT, 1, 2)));
int lutra_win_fprintf(FILE *f, const char *fmt, ...)
    __attribute__((format(__MINGW_PRINTF_FORMAT, 2, 3)));
int lutra_win_vfprintf(FILE *f, const char *fmt, va_list args);
int lutra_win_fputs(const char *s, FILE *f);
int lutra_win_puts(const char *s);

/* Values as UTF-8; HOME is USERPROFILE where it is not set. Strings live as long as the program. */
char *lutra_win_getenv(const char *name);

/* read(), and from a console UTF-8 as it was typed */
long lutra_win_read(int fd, void *dst, size_t n);

#define printf lutra_win_printf
#define fprintf lutra_win_fprintf
#define vfprintf lutra_win_vfprintf
#define fputs lutra_win_fputs
#define puts lutra_win_puts
#define getenv lutra_win_getenv
#define read lutra_win_read

#endif
