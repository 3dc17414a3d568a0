/* SPDX-License-Identifier: MIT */
/* What the Windows files of tools/ share. */
#ifndef LUTRA_TOOLS_WIN_CONSOLE_H
#define LUTRA_TOOLS_WIN_CONSOLE_H

/* A handle that is signalled when the console closes or the system ends us, so that nobody waits for
 * a key then; NULL before lutra_interrupt_watch. */
void *lutra_console_wake(void);

#endif
