/* SPDX-License-Identifier: MIT */
/* Ctrl-C stops the answer, a second Ctrl-C the program; a closed console ends it in order. Windows
 * calls the handler in a thread of its own. */
#define WIN32_LEAN_AND_MEAN
#include <windows.h>

#include <stdbool.h>

#include "tools/cmd.h"
#include "tools/runner.h"
#include "tools/win/console.h"

static volatile LONG interrupts, hung_up, installed;
static lutra_session *volatile watched;
static void (*volatile restore_terminal)(void);
static HANDLE wake;

/* Windows ends the program when the handler returns, and after some seconds in any case: time for the
 * main thread to keep what is worth keeping. */
enum { LAST_MS = 4000 };

static BOOL WINAPI on_event(DWORD event)
{
    bool key = event == CTRL_C_EVENT || event == CTRL_BREAK_EVENT;
    if (!key) InterlockedExchange(&hung_up, 1);
    if (InterlockedIncrement(&interrupts) > 1 && key) {
        DWORD n;
        if (restore_terminal) restore_terminal();
        WriteFile(GetStdHandle(STD_ERROR_HANDLE), "\n", 1, &n, NULL);
        ExitProcess(LUTRA_EXIT_INTERRUPTED);
    }
    if (watched) lutra_session_cancel(watched);
    if (wake && !key) SetEvent(wake);
    if (!key) Sleep(LAST_MS);
    return TRUE;
}

void lutra_interrupt_watch(lutra_session *session)
{
    watched = session;
    if (InterlockedExchange(&installed, 1)) return;
    wake = CreateEventW(NULL, TRUE, FALSE, NULL);
    SetConsoleCtrlHandler(on_event, TRUE);
}

void *lutra_console_wake(void)
{
    return wake;
}

void lutra_interrupt_reset(void)
{
    InterlockedExchange(&interrupts, hung_up ? 1 : 0);
}

bool lutra_interrupt_pending(void)
{
    return interrupts != 0;
}

bool lutra_interrupt_hangup(void)
{
    return hung_up != 0;
}

void lutra_interrupt_at_exit(void (*restore)(void))
{
    restore_terminal = restore;
}
