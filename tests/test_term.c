/* SPDX-License-Identifier: MIT */
/* The line editor behind a real pseudo-terminal: keys in, messages out, the terminal as it was
 * afterwards. */
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include "tests/check.h"

/* The tests are linked with the library, which has no part of tools/. */
#include "tools/edit.h"
#include "tools/glyph.h"
#include "tools/runner.h"
#include "tools/term.h"
#include "tools/text.h"

struct outcome {
    int input;     /* enum lutra_input; -1: the child died */
    bool restored; /* terminal settings are those from before */
    char text[4096];
    int n;
};

/* Child: one message from the terminal on descriptor 0, reported through `report`. */
static void child(const char *slave, int report, const char *history)
{
    static struct lutra_term term;
    struct lutra_text out = {0};
    struct termios before, after;
    unsigned char head[2];
    setsid();
    int fd = open(slave, O_RDWR);
    ioctl(fd, TIOCSCTTY, 0);
    for (int i = 0; i < 3; i++) dup2(fd, i);
    signal(SIGINT, SIG_IGN); /* keys that come after the message find a cooked terminal */
    signal(SIGQUIT, SIG_IGN);
    lutra_interrupt_watch(NULL);
    tcgetattr(0, &before);
    lutra_term_open(&term, history, false, false);
    head[0] = (unsigned char)lutra_term_read(&term, "> ", &out);
    /* after a hang-up there are no settings to ask for */
    head[1] = tcgetattr(0, &after) != 0 ||
              (before.c_lflag == after.c_lflag && before.c_iflag == after.c_iflag);
    ssize_t put = write(report, head, 2);
    put += write(report, out.p ? out.p : "", out.n);
    lutra_text_free(&out);
    lutra_term_close(&term);
    _exit(put < 2);
}

/* Feed the keys once the editor is ready (its prompt, raw mode on), then read what comes. Closes
 * `master`. */
static void drive(int master, const char *keys, size_t n, bool hang_up, int report,
                  struct outcome *o)
{
    char seen[8192];
    size_t at = 0;
    bool ready = false;
    o->n = 0;
    for (;;) {
        short events = ready && at < n ? POLLIN | POLLOUT : POLLIN;
        struct pollfd p[2] = {{.fd = master, .events = events}, {.fd = report, .events = POLLIN}};
        poll(p, 2, -1);
        if (p[0].revents & (POLLIN | POLLHUP)) {
            ssize_t got = read(master, seen, sizeof seen);
            if (got > 0 && memchr(seen, '>', (size_t)got)) ready = true;
            if (got <= 0) break; /* the child has gone */
        }
        if (p[0].revents & POLLOUT) { /* small pieces: the terminal's queue is small too */
            ssize_t put = write(master, keys + at, n - at < 64 ? n - at : 64);
            at += put > 0 ? (size_t)put : 0;
        }
        if (p[1].revents) break; /* the report */
        if (ready && at == n && hang_up) break;
    }
    close(master);
    ssize_t got;
    while ((got = read(report, o->text + o->n, sizeof o->text - 1 - (size_t)o->n)) > 0)
        o->n += (int)got;
}

static struct outcome type_into(const char *keys, size_t n, int cols, bool hang_up,
                                const char *history)
{
    struct outcome o = {.input = -1};
    struct winsize size = {.ws_row = 10, .ws_col = (unsigned short)cols};
    int report[2], status, master = posix_openpt(O_RDWR | O_NOCTTY);
    CHECK(master >= 0 && grantpt(master) == 0 && unlockpt(master) == 0 && pipe(report) == 0);
    ioctl(master, TIOCSWINSZ, &size);
    fflush(stdout);
    pid_t pid = fork();
    if (pid == 0) {
        char slave[64];
        snprintf(slave, sizeof slave, "%s", ptsname(master));
        close(master);
        close(report[0]);
        child(slave, report[1], history);
    }
    close(report[1]);
    drive(master, keys, n, hang_up, report[0], &o);
    close(report[0]);
    waitpid(pid, &status, 0);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0 && o.n >= 2) {
        o.input = (unsigned char)o.text[0];
        o.restored = o.text[1] == 1;
        o.n -= 2;
        memmove(o.text, o.text + 2, (size_t)o.n);
        o.text[o.n] = '\0';
    }
    return o;
}

static void check_line(const char *keys, const char *want)
{
    static const int widths[] = {80, 9, 1};
    for (int i = 0; i < 3; i++) {
        struct outcome o = type_into(keys, strlen(keys), widths[i], false, NULL);
        CHECK_EQ(o.input, LUTRA_INPUT_LINE);
        CHECK(o.restored);
        CHECK_STR(o.text, want);
    }
}

static void check_lines(void)
{
    check_line("hello\r", "hello");
    check_line("helo\x1b[Dl\r", "hello");
    check_line("bc\x1b[Ha\x1b[Fd\r", "abcd");
    check_line("one two\x1b[1;5D\x1b[3~T\r", "one Two");
    check_line("\x1bOHx\x1bOFy\r", "xy");
    check_line("one two three\x1b\x7f\r", "one two ");
    check_line("\xE6\x97\xA5\xE6\x9C\xAC\x7f\r", "\xE6\x97\xA5");
    check_line("a\tb\r", "a\tb");
    check_line(
        "wide \xE6\x97\xA5\xE6\x9C\xAC\xE6\x97\xA5\xE6\x9C\xAC and long enough to wrap\x01> \r",
        "> wide \xE6\x97\xA5\xE6\x9C\xAC\xE6\x97\xA5\xE6\x9C\xAC and long enough to wrap");
}

static void check_several_lines(void)
{
    check_line("a\\\rb\r", "a\nb");
    check_line("\"\"\"x\ry\"\"\"\r", "x\ny");
    check_line("a\x1b\rb\r", "a\nb"); /* Alt-Enter */
    check_line("\x1b[200~one\rtwo\r\nthree\x1b[201~!\r", "one\ntwo\nthree!");
    check_line("\x1b[200~\x1b[A\x03\x1b[201~\r", "\x1b[A\x03"); /* nothing in a paste is a key */
}

static void check_rubbish(void)
{
    check_line("\x1b[99;99zX\r", "X");
    check_line("\x1b[1;1;1;1;1;1;1;1;1;1;1;1;1;1;1;1;1;1AX\r", "X");
    check_line("\x1b[15~X\r", "X");
    check_line("\xFFX\xE6\x97Y\r", "\xEF\xBF\xBDX\xEF\xBF\xBDY");
}

static void check_ends(void)
{
    struct outcome o = type_into("abc\x03", 4, 80, false, NULL);
    CHECK_EQ(o.input, LUTRA_INPUT_INTERRUPT);
    CHECK(o.restored);
    o = type_into("\x04", 1, 80, false, NULL);
    CHECK_EQ(o.input, LUTRA_INPUT_END);
    CHECK(o.restored);
    o = type_into("ab\x04\x01\x04\r", 6, 80, false, NULL); /* in a line Ctrl-D deletes */
    CHECK_EQ(o.input, LUTRA_INPUT_LINE);
    CHECK_STR(o.text, "b");
    o = type_into("abc", 3, 80, true, NULL);
    CHECK_EQ(o.input, LUTRA_INPUT_HANGUP);
}

static void check_remembered(void)
{
    char path[300];
    snprintf(path, sizeof path, "%s/state/history", check_tmp());
    struct outcome o = type_into("first\r", 6, 80, false, path);
    CHECK_STR(o.text, "first");
    o = type_into("second\r", 7, 80, false, path);
    o = type_into("\x1b[A\x1b[A!\r", 8, 80, false, path);
    CHECK_STR(o.text, "first!");
}

/* Any keys at all, then the terminal goes: the editor ends in order. */
static void check_random_keys(void)
{
    static const char *const common[] = {
        "\x1b[A", "\x1b[B", "\x1b[C", "\x1b[D", "\x1b[3~", "\xE6\x97\xA5", "\\\r",
        "\x15",   "\x0b",   "\x17",   "\x19",   "\x14",    "\x1b[200~",    "\x1b[201~"};
    for (int round = 0; round < 60; round++) {
        char keys[400];
        size_t n = 0;
        while (n < sizeof keys - 16) {
            const char *s = common[check_rand_int(0, 13)];
            if (check_rand_int(0, 2) == 0)
                n += (size_t)snprintf(keys + n, 16, "%s", s);
            else
                keys[n++] = (char)check_rand_int(0, 255);
        }
        struct outcome o = type_into(keys, n, check_rand_int(1, 90), true, NULL);
        CHECK(o.input >= 0);
    }
}

int main(int argc, char **argv)
{
    check_init(argc, argv, "test_term");
    CHECK_CASE("lines") check_lines();
    CHECK_CASE("several_lines") check_several_lines();
    CHECK_CASE("rubbish") check_rubbish();
    CHECK_CASE("ends") check_ends();
    CHECK_CASE("remembered") check_remembered();
    CHECK_CASE("random_keys") check_random_keys();
    return check_done();
}
