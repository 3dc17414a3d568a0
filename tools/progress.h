/* SPDX-License-Identifier: MIT */
/* A bar on stderr for work that takes longer than a second; nothing at all without a terminal. */
#ifndef LUTRA_TOOLS_PROGRESS_H
#define LUTRA_TOOLS_PROGRESS_H

#include <stdbool.h>

struct lutra_progress {
    const char *label; /* "loading" */
    bool on;           /* there is a terminal, and the user wants to see */
    bool drawn;
    double start, last;
};

void lutra_progress_begin(struct lutra_progress *p, const char *label, bool on);
void lutra_progress_update(struct lutra_progress *p, double fraction);
void lutra_progress_end(struct lutra_progress *p); /* wipes the bar */

#endif
