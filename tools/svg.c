/* SPDX-License-Identifier: MIT */
/* The SVG writer. */
#include "tools/svg.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "kernels/base.h"
#include "tools/cli.h"
#include "tools/cmd.h"

enum { WIDTH = 720, HEIGHT = 420, LEFT = 70, RIGHT = 20, TOP = 44, BOTTOM = 56, LINE = 17, MOST_TICKS = 8 };

static const char *const colours[] = {"#1f6fb4", "#d1495b", "#2e8b57", "#b8860b",
                                      "#6a4c93", "#3a7ca5", "#8c564b", "#555555"};
enum { N_COLOURS = sizeof colours / sizeof *colours };

/* Where a plot's axes lie on the page. */
struct axes {
    struct lutra_text *out;
    double top_y; /* of this plot on the page */
    double x_max, y_max;
};

static void put(struct lutra_text *out, const char *fmt, ...) LUTRA_PRINTF(2, 3);
static void put(struct lutra_text *out, const char *fmt, ...)
{
    char line[512];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(line, sizeof line, fmt, ap);
    va_end(ap);
    lutra_text_puts(out, line);
}

static void put_escaped(struct lutra_text *out, const char *s)
{
    for (; *s; s++) {
        if (*s == '<')
            lutra_text_puts(out, "&lt;");
        else if (*s == '&')
            lutra_text_puts(out, "&amp;");
        else
            lutra_text_add(out, s, 1);
    }
}

static void put_words(struct lutra_text *out, double x, double y, const char *more,
                      const char *text)
{
    put(out, "<text x=\"%.1f\" y=\"%.1f\" %s>", x, y, more);
    put_escaped(out, text);
    lutra_text_puts(out, "</text>\n");
}

double lutra_svg_step(double top, int most)
{
    if (!(top > 0) || !isfinite(top)) return 1;
    double step = pow(10, floor(log10(top / most)));
    static const double round[] = {1, 2, 5, 10};
    for (int i = 0; i < 3 && top / (step * round[i]) > most; i++)
        if (top / (step * round[i + 1]) <= most) return step * round[i + 1];
    return step;
}

static double px(const struct axes *a, double x)
{
    return LEFT + x / a->x_max * (WIDTH - LEFT - RIGHT);
}

static double py(const struct axes *a, double y)
{
    return a->top_y + HEIGHT - BOTTOM - y / a->y_max * (HEIGHT - TOP - BOTTOM);
}

static void put_axes(const struct axes *a, const struct lutra_svg_plot *p)
{
    struct lutra_text *out = a->out;
    char number[32], turned[96];
    double dx = lutra_svg_step(a->x_max, MOST_TICKS), dy = lutra_svg_step(a->y_max, MOST_TICKS);
    if (dx < 1) dx = 1; /* threads, tokens and bits are whole */
    for (int i = 0; i * dy <= a->y_max * 1.0001; i++) {
        double y = py(a, i * dy);
        put(out, "<line x1=\"%d\" y1=\"%.1f\" x2=\"%d\" y2=\"%.1f\" stroke=\"%s\"/>\n", LEFT, y,
            WIDTH - RIGHT, y, i ? "#dddddd" : "#444444");
        snprintf(number, sizeof number, "%g", i * dy);
        put_words(out, LEFT - 8, y + 4, "text-anchor=\"end\"", number);
    }
    for (int i = 0; i * dx <= a->x_max * 1.0001; i++) {
        double x = px(a, i * dx);
        put(out, "<line x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\" stroke=\"#444444\"/>\n", x,
            py(a, 0), x, py(a, 0) + 5);
        snprintf(number, sizeof number, "%g", i * dx);
        put_words(out, x, py(a, 0) + 19, "text-anchor=\"middle\"", number);
    }
    put(out, "<line x1=\"%d\" y1=\"%.1f\" x2=\"%d\" y2=\"%.1f\" stroke=\"#444444\"/>\n", LEFT,
        py(a, 0), LEFT, a->top_y + TOP);
    put_words(out, LEFT, a->top_y + 24, "font-size=\"15\" font-weight=\"bold\"", p->title);
    put_words(out, (LEFT + WIDTH - RIGHT) / 2.0, a->top_y + HEIGHT - 14, "text-anchor=\"middle\"",
              p->x_label);
    double middle = (py(a, 0) + a->top_y + TOP) / 2;
    snprintf(turned, sizeof turned, "text-anchor=\"middle\" transform=\"rotate(-90 18 %.1f)\"",
             middle);
    put_words(out, 18, middle, turned, p->y_label);
}

static bool is_drawn(const struct lutra_svg_series *s, int i)
{
    return isfinite(s->x[i]) && isfinite(s->y[i]);
}

static void put_series(const struct axes *a, const struct lutra_svg_series *s, const char *colour)
{
    struct lutra_text *out = a->out;
    if (s->line) {
        put(out, "<polyline fill=\"none\" stroke=\"%s\" stroke-width=\"2\" points=\"", colour);
        for (int i = 0; i < s->n; i++)
            if (is_drawn(s, i)) put(out, "%.1f,%.1f ", px(a, s->x[i]), py(a, s->y[i]));
        lutra_text_puts(out, "\"/>\n");
    }
    for (int i = 0; i < s->n && s->points; i++) {
        if (!is_drawn(s, i)) continue;
        double x = px(a, s->x[i]);
        put(out, "<circle cx=\"%.1f\" cy=\"%.1f\" r=\"3.5\" fill=\"%s\"/>\n", x, py(a, s->y[i]),
            colour);
        if (s->low == NULL || !isfinite(s->low[i]) || !isfinite(s->high[i])) continue;
        put(out, "<line x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\" stroke=\"%s\"/>\n", x,
            py(a, s->low[i]), x, py(a, s->high[i]), colour);
    }
}

static void find_ends(struct axes *a, const struct lutra_svg_plot *p)
{
    for (int k = 0; k < p->n_series; k++) {
        const struct lutra_svg_series *s = &p->series[k];
        for (int i = 0; i < s->n; i++) {
            if (!is_drawn(s, i)) continue;
            double y = s->high && isfinite(s->high[i]) ? s->high[i] : s->y[i];
            if (s->x[i] > a->x_max) a->x_max = s->x[i];
            if (y > a->y_max) a->y_max = y;
        }
    }
    if (!(a->x_max > 0)) a->x_max = 1;
    if (!(a->y_max > 0)) a->y_max = 1;
    a->x_max *= 1.04;
    double step = lutra_svg_step(a->y_max, MOST_TICKS);
    a->y_max = ceil(a->y_max / step) * step;
}

/* The legend stands under the picture, where no curve is. */
static int height_of(const struct lutra_svg_plot *p)
{
    return HEIGHT + LINE * p->n_series;
}

static void put_plot(struct lutra_text *out, double top_y, const struct lutra_svg_plot *p)
{
    struct axes a = {.out = out, .top_y = top_y};
    find_ends(&a, p);
    put_axes(&a, p);
    for (int k = 0; k < p->n_series; k++) put_series(&a, &p->series[k], colours[k % N_COLOURS]);
    for (int k = 0; k < p->n_series; k++) {
        char more[64];
        snprintf(more, sizeof more, "fill=\"%s\"", colours[k % N_COLOURS]);
        put_words(out, LEFT, top_y + HEIGHT + 6 + LINE * k, more, p->series[k].label);
    }
}

bool lutra_svg_write(struct lutra_text *out, const struct lutra_svg_plot *plots, int n_plots)
{
    int height = 0, top = 0;
    for (int i = 0; i < n_plots; i++) height += height_of(&plots[i]);
    put(out,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%d\" viewBox=\"0 0 %d "
        "%d\" "
        "font-family=\"sans-serif\" font-size=\"12\" fill=\"#222222\">\n"
        "<rect width=\"%d\" height=\"%d\" fill=\"#fcfcfa\"/>\n",
        WIDTH, height, WIDTH, height, WIDTH, height);
    for (int i = 0; i < n_plots; top += height_of(&plots[i++])) put_plot(out, top, &plots[i]);
    lutra_text_puts(out, "</svg>\n");
    return !out->failed;
}

int lutra_svg_save(const char *path, const struct lutra_svg_plot *plots, int n_plots)
{
    struct lutra_text out = {0};
    char shown[400];
    bool ok = lutra_svg_write(&out, plots, n_plots);
    int e = ok ? lutra_text_save(&out, path) : 0;
    lutra_text_free(&out);
    if (!ok) return lutra_cli_say("--svg: no memory"), LUTRA_EXIT_MEMORY;
    if (e == 0) return LUTRA_EXIT_OK;
    lutra_cli_say("%s: %s", lutra_escape(shown, sizeof shown, path, strlen(path)), lutra_text_why(e));
    return LUTRA_EXIT_RUN;
}
