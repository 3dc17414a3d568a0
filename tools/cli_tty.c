/* SPDX-License-Identifier: MIT */
/* Terminals, the clock, and text on its way to stdout. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "tools/cli.h"
#include "tools/cmd.h"
#include "tools/glyph.h"
#include "tools/tty.h"

static int out_error; /* errno of the first failed write to stdout */

bool lutra_cli_tty(int fd)
{
    return lutra_tty_is(fd);
}

bool lutra_cli_fancy(int fd)
{
    return lutra_tty_escapes(fd);
}

bool lutra_cli_colour(int fd, int mode)
{
    const char *no = getenv("NO_COLOR");
    if (mode == 2) return false;
    if (mode == 1) return true;
    return lutra_cli_fancy(fd) && !(no && *no);
}

double lutra_cli_now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

/* Characters that could move the cursor, change colours or reorder what is read. */
static bool is_hostile(uint32_t c)
{
    if (c == '\n' || c == '\t') return false;
    return c < 0x20 || (c >= 0x7F && c < 0xA0) || (c >= 0x202A && c <= 0x202E) ||
           (c >= 0x2066 && c <= 0x2069);
}

static void put_shown(const char *text, size_t n)
{
    while (n > 0) {
        uint32_t c;
        size_t len = lutra_glyph_decode(text, n, &c);
        bool crlf = c == '\r' && n > 1 && text[1] == '\n';
        if (crlf)
            len = 1; /* the line feed that follows does it all */
        else if (c <= 0xFF && is_hostile(c))
            printf("\\x%02x", (unsigned)c);
        else if (is_hostile(c))
            printf("\\u%04x", (unsigned)c);
        else
            fwrite(text, 1, len, stdout);
        text += len;
        n -= len;
    }
}

bool lutra_cli_put(const char *text, size_t n)
{
    if (out_error) return false;
    errno = 0;
    if (lutra_cli_tty(STDOUT_FILENO))
        put_shown(text, n);
    else
        fwrite(text, 1, n, stdout);
    if (fflush(stdout) || ferror(stdout)) out_error = errno ? errno : EIO;
    return out_error == 0;
}

/* What a write failed with that printf did on its way, when nothing is left to write: another byte
 * meets the same. */
static int forgotten_error(void)
{
    clearerr(stdout);
    errno = 0;
    return fputc('\n', stdout) == EOF || fflush(stdout) ? errno : 0;
}

int lutra_cli_flush(int code)
{
    errno = 0;
    if (!out_error && (fflush(stdout) || ferror(stdout))) {
        out_error = errno ? errno : forgotten_error();
        if (!out_error) out_error = EIO;
    }
    if (!out_error) return code;
    lutra_cli_say("stdout: %s; the output is not complete", strerror(out_error));
    out_error = 0;
    clearerr(stdout);
    return code ? code : LUTRA_EXIT_RUN;
}
