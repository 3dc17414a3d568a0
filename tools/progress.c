/* SPDX-License-Identifier: MIT */
/* The progress bar. */
#include "tools/progress.h"

#include <stdio.h>
#include <unistd.h>

#include "tools/cli.h"

enum { BAR = 30 };

void lutra_progress_begin(struct lutra_progress *p, const char *label, bool on)
{
    p->label = label;
    p->on = on && lutra_cli_fancy(STDERR_FILENO);
    p->drawn = false;
    p->start = p->last = lutra_cli_now();
}

void lutra_progress_update(struct lutra_progress *p, double fraction)
{
    if (!p->on) return;
    double now = lutra_cli_now();
    /* quick work needs no bar; ten pictures a second look smooth */
    if (now - p->start < 1.0 || now - p->last < 0.1) return;
    p->last = now;
    p->drawn = true;
    if (!(fraction > 0)) fraction = 0;
    if (fraction > 1) fraction = 1;
    int full = (int)(fraction * BAR);
    fprintf(stderr, "\r%s [", p->label);
    for (int i = 0; i < BAR; i++) fputc(i < full ? '#' : ' ', stderr);
    fprintf(stderr, "] %3d%%", (int)(fraction * 100));
    if (fraction > 0.02)
        fprintf(stderr, "  %.0f s left", (now - p->start) * (1 - fraction) / fraction);
    fputs("\x1b[K", stderr);
    fflush(stderr);
}

void lutra_progress_end(struct lutra_progress *p)
{
    if (p->drawn) fputs("\r\x1b[K", stderr);
    fflush(stderr);
    p->drawn = false;
    p->on = false;
}
