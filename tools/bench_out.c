/* SPDX-License-Identifier: MIT */
/* Records as CSV, JSON, JSONL and SQL: one walk over a record's fields serves them all. */
#include <math.h>
#include <string.h>

#include "tools/bench.h"
#include "tools/json.h"

void lutra_bench_out_begin(struct lutra_bench_out *w, FILE *file, int format, const char *table)
{
    *w = (struct lutra_bench_out){.file = file, .format = format, .table = table};
    if (format == LUTRA_BENCH_JSON) fputs("[\n", file);
}

/* Passes of a record: CSV and SQL name their columns before the first one. */
bool lutra_bench_out_next(struct lutra_bench_out *w)
{
    bool names_first = w->format == LUTRA_BENCH_CSV || w->format == LUTRA_BENCH_SQL;
    bool sql = w->format == LUTRA_BENCH_SQL, csv = w->format == LUTRA_BENCH_CSV;
    if (w->format == LUTRA_BENCH_NONE || w->format == LUTRA_BENCH_MD) return false;
    if (w->pass == 2) { /* the record is complete */
        fputs(sql                              ? ");\n"
              : csv                            ? "\n"
              : w->format == LUTRA_BENCH_JSONL ? "}\n"
                                               : "\n  }",
              w->file);
        w->pass = 0;
        w->n_records++;
        return false;
    }
    if (w->pass == 1) fputs(sql ? "\n);\n\n" : "\n", w->file);
    w->pass = w->pass == 0 && names_first && w->n_records == 0 ? 1 : 2;
    w->n_fields = 0;
    if (sql && w->pass == 1) fprintf(w->file, "CREATE TABLE IF NOT EXISTS %s (\n  ", w->table);
    if (sql && w->pass == 2) fprintf(w->file, "INSERT INTO %s VALUES (", w->table);
    if (w->format == LUTRA_BENCH_JSON) fprintf(w->file, "%s  {", w->n_records ? ",\n" : "");
    if (w->format == LUTRA_BENCH_JSONL) fputc('{', w->file);
    return true;
}

/* A field up to its value; false if this pass writes the name alone. */
static bool put_name(struct lutra_bench_out *w, const char *name, const char *sql_type)
{
    bool first = w->n_fields++ == 0;
    switch (w->format) {
    case LUTRA_BENCH_CSV:
        fputs(first ? "" : ",", w->file);
        if (w->pass == 1) fputs(name, w->file);
        return w->pass == 2;
    case LUTRA_BENCH_SQL:
        fputs(first ? "" : w->pass == 1 ? ",\n  " : ", ", w->file);
        if (w->pass == 1) fprintf(w->file, "%s %s", name, sql_type);
        return w->pass == 2;
    case LUTRA_BENCH_JSON:
        fprintf(w->file, "%s\n    \"%s\": ", first ? "" : ",", name);
        return true;
    default:
        fprintf(w->file, "%s\"%s\": ", first ? "" : ", ", name);
        return true;
    }
}

/* Text between quotes, the quote doubled as CSV and SQL want it. */
static void put_quoted(FILE *f, const char *v, char quote)
{
    fputc(quote, f);
    for (; *v; v++) {
        if (*v == quote) fputc(quote, f);
        fputc(*v, f);
    }
    fputc(quote, f);
}

void lutra_bench_out_text(struct lutra_bench_out *w, const char *name, const char *v)
{
    struct lutra_text t = {0};
    struct lutra_json_out j = {&t, false};
    if (!put_name(w, name, "TEXT")) return;
    if (w->format == LUTRA_BENCH_CSV || w->format == LUTRA_BENCH_SQL) {
        put_quoted(w->file, v, w->format == LUTRA_BENCH_CSV ? '"' : '\'');
        return;
    }
    lutra_json_put_string(&j, v, strlen(v));
    fputs(t.failed || !t.p ? "\"\"" : t.p, w->file);
    lutra_text_free(&t);
}

void lutra_bench_out_int(struct lutra_bench_out *w, const char *name, long long v)
{
    if (put_name(w, name, "INTEGER")) fprintf(w->file, "%lld", v);
}

static const char *null_of(const struct lutra_bench_out *w)
{
    return w->format == LUTRA_BENCH_CSV ? "" : w->format == LUTRA_BENCH_SQL ? "NULL" : "null";
}

void lutra_bench_out_real(struct lutra_bench_out *w, const char *name, double v)
{
    if (!put_name(w, name, "REAL")) return;
    if (isfinite(v))
        fprintf(w->file, "%.12g", v);
    else
        fputs(null_of(w), w->file);
}

void lutra_bench_out_array(struct lutra_bench_out *w, const char *name, const double *v, int n,
                           bool whole)
{
    if (w->format != LUTRA_BENCH_JSON && w->format != LUTRA_BENCH_JSONL) return;
    put_name(w, name, "");
    fputc('[', w->file);
    for (int i = 0; i < n; i++) {
        fputs(i ? ", " : "", w->file);
        if (isfinite(v[i]))
            fprintf(w->file, whole ? "%.0f" : "%.9g", v[i]);
        else
            fputs("null", w->file);
    }
    fputc(']', w->file);
}

void lutra_bench_out_end(struct lutra_bench_out *w)
{
    if (w->format == LUTRA_BENCH_JSON) fputs(w->n_records ? "\n]\n" : "]\n", w->file);
}

char *lutra_bench_show(char *dst, size_t cap, const char *fmt, double v)
{
    if (isfinite(v))
        snprintf(dst, cap, fmt, v);
    else
        snprintf(dst, cap, "n/a");
    return dst;
}
