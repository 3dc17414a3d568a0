/* SPDX-License-Identifier: MIT */
/* Files made by tests/reference.py: ids, then rows of numbers at some of their positions. */
#ifndef LUTRA_TESTS_EXPECTED_ROWS_H
#define LUTRA_TESTS_EXPECTED_ROWS_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_IDS = 64, MAX_COLS = 512 };

struct expected {
    int32_t ids[MAX_IDS];
    int n_ids, n_rows;
    int row[4];
    double v[4][MAX_COLS];
    int n_cols;
};

static bool read_expected(const char *folder, const char *name, struct expected *x)
{
    char path[256], *line = NULL;
    size_t cap = 0;
    snprintf(path, sizeof path, "tests/golden/%s/%s.txt", folder, name);
    FILE *f = fopen(path, "r");
    if (f == NULL) return false;
    memset(x, 0, sizeof *x);
    for (int at = -1; getline(&line, &cap, f) > 0;) {
        if (line[0] == '#') continue;
        char *p = line, *end;
        at++;
        if (at == 0) {
            for (long v = strtol(p, &end, 10); end != p && x->n_ids < MAX_IDS; v = strtol(p, &end, 10)) {
                x->ids[x->n_ids++] = (int32_t)v;
                p = end;
            }
            continue;
        }
        x->row[x->n_rows] = (int)strtol(p, &p, 10);
        int n = 0;
        for (double v = strtod(p, &end); end != p && n < MAX_COLS; v = strtod(p, &end)) {
            x->v[x->n_rows][n++] = v;
            p = end;
        }
        x->n_cols = n;
        x->n_rows++;
    }
    free(line);
    fclose(f);
    return x->n_ids > 0 && x->n_rows == 3;
}

#endif
