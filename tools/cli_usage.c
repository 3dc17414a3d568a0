/* SPDX-License-Identifier: MIT */
/* Usage text and spelling distance, from the option tables. */
#include <stdio.h>
#include <string.h>

#include "tools/cli.h"

enum { HELP_COLUMN = 34, HELP_WIDTH = 98 };

/* Print `help` from the current column on, wrapped at blanks with a hanging indent. */
static void print_wrapped(const char *help, int column)
{
    int at = column;
    while (*help) {
        size_t word = strcspn(help, " \n");
        if (at + 1 + (int)word > HELP_WIDTH && at > HELP_COLUMN) {
            printf("\n%*s", HELP_COLUMN, "");
            at = HELP_COLUMN;
        }
        at += printf("%s%.*s", at > HELP_COLUMN ? " " : "", (int)word, help);
        help += word + (help[word] != '\0');
    }
    putchar('\n');
}

static void print_option(const struct lutra_opt *o)
{
    int at = printf("  %s%s%s", o->names, o->arg ? " " : "", o->arg ? o->arg : "");
    if (at >= HELP_COLUMN - 1) {
        putchar('\n');
        at = 0;
    }
    printf("%*s", HELP_COLUMN - at, "");
    print_wrapped(o->help, HELP_COLUMN);
}

/* First names of all options of one kind, in one paragraph. */
static void print_kind(const struct lutra_cli_spec *spec, enum lutra_opt_kind kind,
                       const char *title)
{
    int at = 0;
    for (int g = 0; g < spec->n_groups; g++) {
        for (int i = 0; i < spec->groups[g].n; i++) {
            const struct lutra_opt *o = &spec->groups[g].opts[i];
            if (o->kind != kind) continue;
            int len = (int)strcspn(o->names, ",");
            if (at == 0) printf("\n%s\n ", title);
            if (at + len + 1 > HELP_WIDTH) {
                printf("\n ");
                at = 0;
            }
            at += printf(" %.*s", len, o->names);
        }
    }
    if (at) putchar('\n');
}

void lutra_cli_usage(const struct lutra_cli_spec *spec)
{
    printf("usage: lutra %s%s%s\n%s\n", spec->command, *spec->synopsis ? " " : "", spec->synopsis, spec->about);
    for (int g = 0; g < spec->n_groups; g++) {
        if (!spec->groups[g].title) continue;
        printf("\n%s\n", spec->groups[g].title);
        for (int i = 0; i < spec->groups[g].n; i++) print_option(&spec->groups[g].opts[i]);
    }
    print_kind(spec, LUTRA_OPT_IGNORE, "Accepted and ignored, with a line on stderr:");
    print_kind(spec, LUTRA_OPT_REFUSE,
               "Refused by name (exit 2), except for values that mean \"off\":");
}

int lutra_cli_distance(const char *a, const char *b)
{
    enum { CAP = 40 };
    size_t na = strlen(a), nb = strlen(b);
    int row[3][CAP + 1];
    if (na > CAP || nb > CAP) return 99;
    for (size_t j = 0; j <= nb; j++) row[0][j] = (int)j;
    for (size_t i = 1; i <= na; i++) {
        int *now = row[i % 3], *up = row[(i + 2) % 3], *up2 = row[(i + 1) % 3];
        now[0] = (int)i;
        for (size_t j = 1; j <= nb; j++) {
            int best = up[j - 1] + (a[i - 1] != b[j - 1]);
            if (up[j] + 1 < best) best = up[j] + 1;
            if (now[j - 1] + 1 < best) best = now[j - 1] + 1;
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] &&
                up2[j - 2] + 1 < best)
                best = up2[j - 2] + 1;
            now[j] = best;
        }
    }
    return row[na % 3][nb];
}
