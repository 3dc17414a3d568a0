/* SPDX-License-Identifier: MIT */
/* stdio that reaches the screen in whole characters; the environment in UTF-8. */
#include <stdarg.h>
#include <stdbool.h>
#include <string.h>

#include "tools/tty.h"

#undef printf
#undef fprintf
#undef vfprintf
#undef fputs
#undef puts
#undef read

/* stderr at once; stdout by lines, where a person reads them */
static int sent(FILE *f, int result)
{
    static int screen = -1;
    if (screen < 0) screen = lutra_tty_is(1);
    if ((f == stderr || (f == stdout && screen)) && fflush(f) != 0) return -1;
    return result;
}

int lutra_win_vfprintf(FILE *f, const char *fmt, va_list args)
{
    return sent(f, vfprintf(f, fmt, args));
}

int lutra_win_fprintf(FILE *f, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    int n = vfprintf(f, fmt, args);
    va_end(args);
    return sent(f, n);
}

int lutra_win_printf(const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    int n = vfprintf(stdout, fmt, args);
    va_end(args);
    return sent(stdout, n);
}

int lutra_win_fputs(const char *s, FILE *f)
{
    return sent(f, fputs(s, f));
}

int lutra_win_puts(const char *s)
{
    return sent(stdout, puts(s));
}

long lutra_win_read(int fd, void *dst, size_t n)
{
    if (fd == 0 && lutra_tty_is(0)) return lutra_tty_read(dst, n);
    long got = read(fd, dst, n < 0x40000000 ? (unsigned)n : 0x40000000u);
    return got < 0 && errno == EPIPE ? 0 : got; /* the writer of the pipe is gone: its end */
}

/* ---- environment ---- */

static char *find(const char *name)
{
    wchar_t *wide = lutra_win_wide(name);
    const wchar_t *value = wide ? _wgetenv(wide) : NULL;
    char *utf8 = value ? lutra_win_utf8(value) : NULL;
    free(wide);
    return utf8;
}

char *lutra_win_getenv(const char *name)
{
    static struct {
        const char *name;
        char *value;
    } known[32]; /* the names are literals of ours */
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        if (known[i].name == NULL) {
            known[i].value = find(name);
            if (known[i].value == NULL && strcmp(name, "HOME") == 0)
                known[i].value = find("USERPROFILE");
            known[i].name = name;
        }
        if (strcmp(known[i].name, name) == 0) return known[i].value;
    }
    return NULL;
}
