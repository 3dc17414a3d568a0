/* SPDX-License-Identifier: MIT */
/* Terminals by termios. */
#include "tools/tty.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

static struct termios before;
static volatile sig_atomic_t is_raw;

bool lutra_tty_is(int fd)
{
    return isatty(fd) == 1;
}

bool lutra_tty_escapes(int fd)
{
    const char *term = getenv("TERM");
    return lutra_tty_is(fd) && term && *term && strcmp(term, "dumb") != 0;
}

bool lutra_tty_size(int *cols, int *rows)
{
    struct winsize w;
    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &w) != 0 || w.ws_col == 0) return false;
    *cols = w.ws_col;
    *rows = w.ws_row > 0 ? w.ws_row : 24;
    return true;
}

static void on_resize(int sig)
{
    (void)sig; /* its only work is to make read() return */
}

void lutra_tty_watch_size(void)
{
    struct sigaction a;
    a.sa_handler = on_resize;
    a.sa_flags = 0;
    sigemptyset(&a.sa_mask);
    sigaction(SIGWINCH, &a, NULL);
}

bool lutra_tty_raw(void)
{
    struct termios raw;
    if (is_raw) return true;
    if (tcgetattr(STDIN_FILENO, &before)) return false;
    raw = before;
    raw.c_iflag &= ~(tcflag_t)(BRKINT | ICRNL | INLCR | INPCK | ISTRIP | IXON);
    raw.c_cflag |= CS8;
    raw.c_lflag &= ~(tcflag_t)(ECHO | ICANON | IEXTEN | ISIG);
    raw.c_cc[VMIN] = 1;
    raw.c_cc[VTIME] = 0;
    if (tcsetattr(STDIN_FILENO, TCSADRAIN, &raw)) return false;
    is_raw = 1;
    return true;
}

bool lutra_tty_cooked(void)
{
    if (!is_raw) return false;
    int saved = errno;
    is_raw = 0;
    tcsetattr(STDIN_FILENO, TCSANOW, &before);
    errno = saved;
    return true;
}

void lutra_tty_suspend(void)
{
    raise(SIGTSTP);
}

long lutra_tty_read(char *dst, size_t n)
{
    return (long)read(STDIN_FILENO, dst, n);
}

bool lutra_tty_readable(int wait_ms)
{
    struct pollfd p = {.fd = STDIN_FILENO, .events = POLLIN};
    return poll(&p, 1, wait_ms) > 0;
}
