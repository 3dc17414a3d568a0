/* SPDX-License-Identifier: MIT */
/* Parser and distance of *.logprobs files. */
#include "tools/oracle.h"

#include "kernels/lmath.h"
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static lutra_status broken(const char *path, int line, const char *what, lutra_error *err)
{
    return lutra_fail(err, LUTRA_EFORMAT, "%s: line %d: %s", path, line, what);
}

static bool read_ids(struct lutra_oracle *o, const char *text)
{
    size_t cap = 0;
    char *end;
    for (long v = strtol(text, &end, 10); end != text; v = strtol(text, &end, 10)) {
        if ((size_t)o->n == cap) {
            cap = cap ? 2 * cap : 256;
            int32_t *grown = realloc(o->ids, cap * sizeof *grown);
            if (grown == NULL) return false;
            o->ids = grown;
        }
        o->ids[o->n++] = v >= 0 && v <= INT32_MAX ? (int32_t)v : -1; /* -1: no model has it */
        text = end;
    }
    o->rows = calloc((size_t)o->n + 1, sizeof *o->rows);
    return o->n > 0 && o->rows != NULL;
}

static bool read_row(struct lutra_oracle_row *row, const char *text)
{
    char *end;
    for (long id = strtol(text, &end, 10); end != text && *end == ':'; id = strtol(text, &end, 10)) {
        if (row->n == LUTRA_ORACLE_PAIRS) return false;
        row->id[row->n] = id >= 0 && id <= INT32_MAX ? (int32_t)id : -1;
        text = end + 1;
        row->ln_p[row->n] = strtod(text, &end);
        if (end == text) return false;
        row->n++;
        text = end;
    }
    return row->n > 0;
}

static lutra_status parse(struct lutra_oracle *o, FILE *f, const char *path, lutra_error *err)
{
    char *line = NULL;
    size_t cap = 0;
    int number = 0, part = 0; /* part: 0 ids, 1 perplexity, then rows */
    lutra_status st = LUTRA_OK;
    while (st == LUTRA_OK && getline(&line, &cap, f) > 0) {
        number++;
        if (line[0] == '#' || line[0] == '\n') continue;
        if (part == 0 && !read_ids(o, line)) st = broken(path, number, "token ids expected", err);
        if (part == 1) o->ppl = strtod(line, NULL);
        if (part >= 2 + o->n) st = broken(path, number, "more rows than ids", err);
        else if (part >= 2 && !read_row(&o->rows[part - 2], line)) st = broken(path, number, "pairs id:ln(p) expected", err);
        part++;
    }
    if (st == LUTRA_OK && part != 2 + o->n) st = broken(path, number, "fewer rows than ids", err);
    free(line);
    return st;
}

lutra_status lutra_oracle_read(struct lutra_oracle *o, const char *path, lutra_error *err)
{
    memset(o, 0, sizeof *o);
    FILE *f = fopen(path, "re");
    if (f == NULL) return lutra_fail(err, LUTRA_EIO, "%s: %s", path, strerror(errno));
    struct stat kind;
    bool device = fstat(fileno(f), &kind) == 0 && S_ISCHR(kind.st_mode); /* /dev/zero is one line without an end */
    lutra_status st = device ? lutra_fail(err, LUTRA_EIO, "%s: is a device", path) : parse(o, f, path, err);
    fclose(f);
    if (st != LUTRA_OK) lutra_oracle_free(o);
    return st;
}

void lutra_oracle_free(struct lutra_oracle *o)
{
    free(o->ids);
    free(o->rows);
    memset(o, 0, sizeof *o);
}

double lutra_oracle_kl(const struct lutra_oracle_row *row, const double *ln_q)
{
    double kl = 0, sum_p = 0, sum_q = 0;
    for (int i = 0; i < row->n; i++) {
        double p = lutra_exp(row->ln_p[i]);
        kl += p * (row->ln_p[i] - ln_q[i]);
        sum_p += p;
        sum_q += lutra_exp(ln_q[i]);
    }
    double rest_p = 1.0 - sum_p, rest_q = 1.0 - sum_q;
    if (rest_p > 1e-12 && rest_q > 1e-12) kl += rest_p * (lutra_log(rest_p) - lutra_log(rest_q));
    return kl;
}
