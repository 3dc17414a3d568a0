/* SPDX-License-Identifier: MIT */
/* make_man FOLDER: writes lutra.1, lutra-COMMAND.1 from the option tables and lutra.h.3 from
 * runtime/lutra.h, so that pages cannot say what the program does not do. */
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "runtime/lutra.h"
#include "tools/cli.h"
#include "tools/commands.h"

static FILE *page;

/* Text as roff: dashes that can be copied, no requests by accident. */
static void text(const char *s, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        bool first = i == 0 || s[i - 1] == '\n';
        if (first && (s[i] == '.' || s[i] == '\'')) fputs("\\&", page);
        if (s[i] == '-')
            fputs("\\-", page);
        else if (s[i] == '\\')
            fputs("\\e", page);
        else
            fputc(s[i], page);
    }
}

static void line(const char *s)
{
    text(s, strlen(s));
    fputc('\n', page);
}

static bool begin(const char *folder, const char *name, int section, const char *what)
{
    char path[1000];
    snprintf(path, sizeof path, "%s/%s.%d", folder, name, section);
    page = fopen(path, "w");
    if (!page) {
        perror(path);
        return false;
    }
    fprintf(page, ".\\\" made by tools/man/make_man.c\n.TH ");
    for (const char *p = name; *p; p++) fputc(*p >= 'a' && *p <= 'z' ? *p - 32 : *p, page);
    fprintf(page, " %d \"\" \"Lutra %s\" \"Lutra\"\n.SH NAME\n", section, lutra_version());
    text(name, strlen(name));
    fputs(" \\- ", page);
    line(what);
    return true;
}

static bool end(void)
{
    bool bad = ferror(page) != 0;
    return fclose(page) == 0 && !bad;
}

/* ---- commands ---- */

static void options(const struct lutra_opt_group *g)
{
    fprintf(page, ".SS %s\n", g->title);
    for (int i = 0; i < g->n; i++) {
        fputs(".TP\n\\fB", page);
        text(g->opts[i].names, strlen(g->opts[i].names));
        fputs("\\fR", page);
        if (g->opts[i].arg) {
            fputs(" \\fI", page);
            text(g->opts[i].arg, strlen(g->opts[i].arg));
            fputs("\\fR", page);
        }
        fputc('\n', page);
        line(g->opts[i].help);
    }
}

/* What llama.cpp has and Lutra accepts without effect, or refuses. */
static void others(const struct lutra_cli_spec *spec, enum lutra_opt_kind kind, const char *title)
{
    bool any = false;
    for (int g = 0; g < spec->n_groups; g++) {
        for (int i = 0; i < spec->groups[g].n; i++) {
            const struct lutra_opt *o = &spec->groups[g].opts[i];
            if (o->kind != kind) continue;
            if (!any) fprintf(page, ".SS %s\n", title);
            any = true;
            fputs(".TP\n\\fB", page);
            text(o->names, strlen(o->names));
            fputs("\\fR\n", page);
            line(o->help);
        }
    }
}

static void describe(void *user, const struct lutra_cli_spec *spec)
{
    fputs(".SH SYNOPSIS\n\\fBlutra ", page);
    text(spec->command, strlen(spec->command));
    fputs(*spec->synopsis ? "\\fR " : "\\fR", page);
    line(spec->synopsis);
    fputs(".SH DESCRIPTION\n.nf\n", page);
    line(spec->about);
    fputs(".fi\n", page);
    if (spec->n_groups) fputs(".SH OPTIONS\n", page);
    for (int g = 0; g < spec->n_groups; g++)
        if (spec->groups[g].title) options(&spec->groups[g]);
    others(spec, LUTRA_OPT_IGNORE, "Accepted and ignored, with a line on stderr");
    others(spec, LUTRA_OPT_REFUSE, "Refused, except for values that mean off");
    *(bool *)user = true;
}

static bool command_page(const char *folder, const struct lutra_command *c)
{
    char name[40], word[24], *argv[] = {word, NULL};
    bool seen = false;
    snprintf(name, sizeof name, "lutra-%s", c->name);
    snprintf(word, sizeof word, "%s", c->name);
    if (!begin(folder, name, 1, c->help)) return false;
    lutra_cli_watch(describe, &seen);
    c->run(1, argv);
    lutra_cli_watch(NULL, NULL);
    fputs(".SH SEE ALSO\n.BR lutra (1)\n", page);
    return end() && seen;
}

static bool main_page(const char *folder)
{
    if (!begin(folder, "lutra", 1, "low-bit language models on CPUs by table lookup")) return false;
    fputs(".SH SYNOPSIS\n\\fBlutra\\fR \\fICOMMAND\\fR [options]\n.br\n"
          "\\fBlutra\\fR \\fIFILE\\fR [options of chat]\n.SH DESCRIPTION\n"
          "Runs models in GGUF files. Text goes to stdout, everything else to stderr; without a\n"
          "terminal nothing waits for a person. Options are spelled as in llama.cpp.\n"
          ".SH COMMANDS\n",
          page);
    for (int i = 0; i < lutra_n_commands; i++) {
        const struct lutra_command *c = &lutra_commands[i];
        fprintf(page, ".TP\n\\fB%s\\fR \\fI", c->name);
        text(c->args, strlen(c->args));
        fputs("\\fR\n", page);
        line(c->help);
    }
    fputs(".SH EXIT STATUS\n0 done, 1 run error, 2 usage, 3 model cannot be read, 4 unsupported,\n"
          "5 memory, 6 self\\-test failed, 130 interrupted.\n"
          ".SH ENVIRONMENT\n.TP\n\\fBLUTRA_MODELS\\fR\n"
          "Folders, separated by colons, where a model of a bare name is looked up.\n"
          ".TP\n\\fBNO_COLOR\\fR\nNo colours unless asked for.\n.SH SEE ALSO\n",
          page);
    for (int i = 0; i < lutra_n_commands; i++)
        fprintf(page, ".BR lutra\\-%s (1),\n", lutra_commands[i].name);
    fputs(".BR lutra.h (3)\n", page);
    return end();
}

/* ---- the header ---- */

/* A comment's line without its stars. */
static const char *bare(const char *s)
{
    while (*s == ' ') s++;
    if (s[0] == '/' && s[1] == '*') s += 2;
    else if (s[0] == '*' && s[1] != '/') s++;
    return *s == ' ' ? s + 1 : s;
}

static void comment_line(const char *s)
{
    const char *stop = strstr(s, "*/");
    size_t n = stop ? (size_t)(stop - s) : strlen(s);
    while (n && s[n - 1] == ' ') n--;
    if (n == 0) return;
    if (*s == ' ') fputs(".br\n", page);
    while (n && *s == ' ') s++, n--;
    text(s, n);
    fputc('\n', page);
}

static bool header_page(const char *folder, const char *path)
{
    enum { OUTSIDE, COMMENT, CODE } in = OUTSIDE;
    char s[1000];
    bool top = true; /* the essay at the top, with its example, stands as it is written */
    FILE *f = fopen(path, "r");
    if (!f || !begin(folder, "lutra.h", 3, "low-bit language models in a C program")) return false;
    fputs(".SH SYNOPSIS\n.nf\n#include <lutra.h>\n\ncc app.c $(pkg\\-config \\-\\-cflags \\-\\-libs lutra)\n"
          ".fi\n.SH DESCRIPTION\n.nf\n",
          page);
    while (fgets(s, sizeof s, f)) {
        s[strcspn(s, "\n")] = '\0';
        if (top) {
            if (strncmp(s, "/* SPDX", 7) == 0) continue;
            if (strstr(s, "*/")) top = false;
            if (top) line(bare(s));
            else fputs(".fi\n", page);
        } else if (in == OUTSIDE && strncmp(s, "/* ----", 7) == 0) {
            char title[80];
            if (sscanf(s, "/* ---- %79[^-]", title) != 1) continue;
            size_t n = strcspn(title, "\n");
            while (n > 0 && title[n - 1] == ' ') n--;
            title[n] = '\0';
            fprintf(page, ".SH ");
            for (char *p = title; *p; p++) fputc(*p >= 'a' && *p <= 'z' ? *p - 32 : *p, page);
            fputc('\n', page);
        } else if (in == OUTSIDE && (s[0] == '\0' || s[0] == '#' || strchr("}e", s[0]) != NULL)) {
            if (strncmp(s, "enum", 4) != 0) continue;
            in = CODE;
            fputs(".PP\n.nf\n", page);
            line(s);
        } else if (in == OUTSIDE && strncmp(s, "/*", 2) == 0) {
            fputs(".PP\n", page);
            comment_line(bare(s));
            in = strstr(s, "*/") ? OUTSIDE : COMMENT;
        } else if (in == COMMENT) {
            comment_line(bare(s));
            if (strstr(s, "*/")) in = OUTSIDE;
        } else {
            if (in == OUTSIDE) fputs(".PP\n.nf\n", page);
            in = s[0] == '\0' ? OUTSIDE : CODE;
            if (in == OUTSIDE)
                fputs(".fi\n", page);
            else if (s[0] != '#')
                line(strncmp(s, "LUTRA_API ", 10) == 0 ? s + 10 : s);
        }
    }
    if (in == CODE) fputs(".fi\n", page);
    fclose(f);
    fputs(".SH SEE ALSO\n.BR lutra (1)\n", page);
    return end();
}

int main(int argc, char **argv)
{
    if (argc != 3) return fprintf(stderr, "make_man FOLDER lutra.h\n"), 2;
    bool good = main_page(argv[1]) && header_page(argv[1], argv[2]);
    for (int i = 0; good && i < lutra_n_commands; i++)
        good = command_page(argv[1], &lutra_commands[i]);
    return good ? 0 : 1;
}
