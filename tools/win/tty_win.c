/* SPDX-License-Identifier: MIT */
/* The Windows console. Its cells are UTF-16, its keys are records; here they become the UTF-8 and the
 * escape sequences of other terminals, so that term*.c needs to know nothing of it. */
#define WIN32_LEAN_AND_MEAN
#include <windows.h>

#include "tools/tty.h"

#include <stdint.h>
#include <string.h>

#include "tools/glyph.h"
#include "tools/runner.h"
#include "tools/win/console.h"

#if !defined(ENABLE_VIRTUAL_TERMINAL_PROCESSING)
#define ENABLE_VIRTUAL_TERMINAL_PROCESSING 0x0004
#define ENABLE_VIRTUAL_TERMINAL_INPUT 0x0200
#endif

static DWORD before; /* mode of the input */
static volatile LONG is_raw;
static bool watch_size;

static char queue[256]; /* bytes of keys that nobody has read yet */
static size_t n_queue, at_queue;
static uint32_t first_half; /* of a surrogate pair */
static bool resized;

static HANDLE handle_of(int fd)
{
    return GetStdHandle(fd == 0 ? STD_INPUT_HANDLE : fd == 1 ? STD_OUTPUT_HANDLE : STD_ERROR_HANDLE);
}

bool lutra_tty_is(int fd)
{
    DWORD mode;
    return GetConsoleMode(handle_of(fd), &mode) != 0; /* isatty says yes to NUL too */
}

bool lutra_tty_escapes(int fd)
{
    DWORD mode;
    if (!GetConsoleMode(handle_of(fd), &mode)) return false;
    return fd == 0 || (mode & ENABLE_VIRTUAL_TERMINAL_PROCESSING);
}

bool lutra_tty_size(int *cols, int *rows)
{
    CONSOLE_SCREEN_BUFFER_INFO info;
    if (!GetConsoleScreenBufferInfo(handle_of(1), &info)) return false;
    *cols = info.srWindow.Right - info.srWindow.Left + 1;
    *rows = info.srWindow.Bottom - info.srWindow.Top + 1;
    return true;
}

void lutra_tty_watch_size(void)
{
    watch_size = true;
}

bool lutra_tty_raw(void)
{
    HANDLE in = handle_of(0);
    if (is_raw) return true;
    if (!GetConsoleMode(in, &before)) return false;
    /* not all consoles send sequences of their own; those that do can also paste */
    DWORD mode = ENABLE_WINDOW_INPUT | ENABLE_EXTENDED_FLAGS |
                 (before & (ENABLE_QUICK_EDIT_MODE | ENABLE_INSERT_MODE));
    if (!SetConsoleMode(in, mode | ENABLE_VIRTUAL_TERMINAL_INPUT) && !SetConsoleMode(in, mode))
        return false;
    InterlockedExchange(&is_raw, 1);
    return true;
}

bool lutra_tty_cooked(void)
{
    if (!InterlockedExchange(&is_raw, 0)) return false;
    SetConsoleMode(handle_of(0), before);
    return true;
}

void lutra_tty_suspend(void)
{
}

/* ---- keys ---- */

static void add_bytes(const char *s, size_t n)
{
    if (n > sizeof queue - n_queue) return;
    memcpy(queue + n_queue, s, n);
    n_queue += n;
}

static void add_unit(wchar_t unit)
{
    char s[4];
    uint32_t c = unit;
    if (c >= 0xD800 && c < 0xDC00) {
        first_half = c;
        return;
    }
    if (c >= 0xDC00 && c < 0xE000) {
        if (!first_half) return;
        c = 0x10000 + ((first_half - 0xD800) << 10) + (c - 0xDC00);
    }
    first_half = 0;
    add_bytes(s, lutra_glyph_encode(c, s));
}

/* Keys without a character, for consoles that send no sequences. */
static void add_key(WORD key, bool control)
{
    static const struct {
        WORD key;
        const char *plain, *control;
    } keys[] = {
        {VK_UP, "\x1b[A", "\x1b[A"},       {VK_DOWN, "\x1b[B", "\x1b[B"},
        {VK_RIGHT, "\x1b[C", "\x1b[1;5C"}, {VK_LEFT, "\x1b[D", "\x1b[1;5D"},
        {VK_HOME, "\x1b[H", "\x1b[H"},     {VK_END, "\x1b[F", "\x1b[F"},
        {VK_DELETE, "\x1b[3~", "\x1b[3~"},
    };
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
        if (keys[i].key == key) {
            const char *s = control ? keys[i].control : keys[i].plain;
            add_bytes(s, strlen(s));
        }
}

static void take(const INPUT_RECORD *r)
{
    const KEY_EVENT_RECORD *k = &r->Event.KeyEvent;
    if (r->EventType == WINDOW_BUFFER_SIZE_EVENT) resized = watch_size;
    if (r->EventType != KEY_EVENT) return;
    /* a character typed by its number comes when Alt goes up */
    if (!k->bKeyDown && !(k->wVirtualKeyCode == VK_MENU && k->uChar.UnicodeChar)) return;
    DWORD control = k->dwControlKeyState & (LEFT_CTRL_PRESSED | RIGHT_CTRL_PRESSED);
    DWORD alt = k->dwControlKeyState & (LEFT_ALT_PRESSED | RIGHT_ALT_PRESSED);
    wchar_t unit = k->uChar.UnicodeChar;
    for (int i = 0; i < k->wRepeatCount && n_queue < sizeof queue / 2; i++) {
        if (unit == 0) {
            add_key(k->wVirtualKeyCode, control != 0);
            continue;
        }
        if (alt && !control && k->bKeyDown) add_bytes("\x1b", 1); /* with both it is AltGr */
        add_unit(unit == 8 && !control ? 127 : unit);
    }
}

/* Wait for a byte to read, a new size or the end of the program: true then. */
static bool wait_key(DWORD ms)
{
    HANDLE both[2] = {handle_of(0), lutra_console_wake()};
    ULONGLONG end = GetTickCount64() + ms;
    while (at_queue == n_queue && !resized) {
        INPUT_RECORD r;
        DWORD n, left = ms;
        if (ms != INFINITE) {
            ULONGLONG now = GetTickCount64();
            left = now < end ? (DWORD)(end - now) : 0;
        }
        if (WaitForMultipleObjects(both[1] ? 2 : 1, both, FALSE, left) != WAIT_OBJECT_0)
            return lutra_interrupt_hangup();
        if (!ReadConsoleInputW(both[0], &r, 1, &n)) return true;
        if (n == 1) take(&r);
    }
    return true;
}

bool lutra_tty_readable(int wait_ms)
{
    DWORD n = 0;
    HANDLE in = handle_of(0);
    if (is_raw) return wait_key(wait_ms < 0 ? INFINITE : (DWORD)wait_ms);
    if (at_queue < n_queue) return true;
    return lutra_tty_is(0) ? GetNumberOfConsoleInputEvents(in, &n) && n > 0
                           : !PeekNamedPipe(in, NULL, 0, NULL, &n, NULL) || n > 0;
}

/* ---- reading ---- */

static long from_queue(char *dst, size_t n)
{
    size_t have = n_queue - at_queue;
    if (n > have) n = have;
    memcpy(dst, queue + at_queue, n);
    at_queue += n;
    if (at_queue == n_queue) at_queue = n_queue = 0;
    return (long)n;
}

static long interrupted(void)
{
    /* the handler runs in a thread of its own, perhaps only now */
    for (int i = 0; i < 50 && !lutra_interrupt_pending(); i++) Sleep(2);
    errno = EINTR;
    return -1;
}

static long read_raw(char *dst, size_t n)
{
    wait_key(INFINITE);
    if (at_queue < n_queue) return from_queue(dst, n);
    if (resized || lutra_interrupt_pending()) {
        resized = false;
        errno = EINTR;
        return -1;
    }
    return 0;
}

/* A line as the console's own editor gives it; Ctrl-Z at its beginning is the end. */
static long read_line(char *dst, size_t n)
{
    while (at_queue == n_queue) {
        wchar_t line[sizeof queue / 4];
        DWORD got = 0;
        SetLastError(0);
        if (!ReadConsoleW(handle_of(0), line, sizeof line / sizeof *line, &got, NULL)) return 0;
        if (got == 0 && GetLastError() == ERROR_OPERATION_ABORTED) return interrupted();
        if (got == 0 || line[0] == 26) return 0;
        for (DWORD i = 0; i < got; i++)
            if (line[i] != L'\r') add_unit(line[i]);
    }
    return from_queue(dst, n);
}

long lutra_tty_read(char *dst, size_t n)
{
    if (is_raw) return read_raw(dst, n);
    if (at_queue < n_queue) return from_queue(dst, n);
    return lutra_tty_is(0) ? read_line(dst, n) : read(0, dst, n);
}
