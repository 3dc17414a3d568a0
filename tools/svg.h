/* SPDX-License-Identifier: MIT */
/* Line plots as SVG: axes with round ticks, a legend, a light background. One file, plots stacked.
 */
#ifndef LUTRA_TOOLS_SVG_H
#define LUTRA_TOOLS_SVG_H

#include <stdbool.h>

#include "tools/text.h"

struct lutra_svg_series {
    const char *label;
    const double *x, *y;
    const double *low, *high; /* NULL, or ends of an error bar for each point */
    int n;
    bool line, points;
};

struct lutra_svg_plot {
    const char *title, *x_label, *y_label;
    const struct lutra_svg_series *series;
    int n_series;
};

/* The whole file. Axes begin at 0. Points that are not finite are left out. False: no memory. */
bool lutra_svg_write(struct lutra_text *out, const struct lutra_svg_plot *plots, int n_plots);

/* The same to a file. An exit code, after saying what went wrong. */
int lutra_svg_save(const char *path, const struct lutra_svg_plot *plots, int n_plots);

/* A round step (1, 2 or 5 times a power of ten) that cuts [0, top] into at most `most` parts. */
double lutra_svg_step(double top, int most);

#endif
