/* SPDX-License-Identifier: MIT */
/* The report: two commands run with stdout caught. */
#include "tools/report.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "kernels/base.h"
#include "runtime/lutra.h"
#include "tools/cli.h"
#include "tools/cmd.h"
#include "tools/json.h"

enum { MOST_BYTES = 64 << 20 };

struct job {
    int (*doctor)(void);
    const char *model; /* NULL: kernels */
};

static int run_doctor(const struct job *j)
{
    return j->doctor();
}

static int run_bench(const struct job *j)
{
    char *model[] = {"bench", "-m", (char *)j->model, "-p", "64", "-n", "16", "-r",
                     "5",     "-o", "json",           NULL};
    char *kernels[] = {"bench", "--kernels", "--shape", "2560x2560", "--vectors",
                       "1,32",  "-o",        "json",    NULL};
    return j->model ? lutra_cmd_bench(sizeof model / sizeof *model - 1, model)
                    : lutra_cmd_bench(sizeof kernels / sizeof *kernels - 1, kernels);
}

/* What run() writes to descriptor 1, appended to `out`. Returns its exit code, or -1 with errno. */
static int capture(int (*run)(const struct job *), const struct job *j, struct lutra_text *out)
{
    FILE *tmp = tmpfile();
    fflush(stdout);
    int keep = tmp ? dup(1) : -1, code = -1, e = errno;
    if (keep >= 0 && dup2(fileno(tmp), 1) >= 0) {
        code = run(j);
        fflush(stdout);
        e = 0;
    } else {
        e = errno;
    }
    if (keep >= 0) {
        dup2(keep, 1);
        close(keep);
    }
    if (code >= 0) {
        rewind(tmp);
        e = lutra_text_read_fd(out, fileno(tmp), MOST_BYTES);
    }
    if (tmp) fclose(tmp);
    errno = e;
    return e ? -1 : code;
}

static bool is_json(const struct lutra_text *t)
{
    struct lutra_json j;
    enum lutra_json_event e;
    lutra_json_init(&j, t->p ? t->p : "", t->n);
    do e = lutra_json_next(&j);
    while (e > LUTRA_JSON_END);
    return e == LUTRA_JSON_END;
}

static int fail_file(const char *path, int e)
{
    char shown[400];
    lutra_cli_say("%s: %s", lutra_escape(shown, sizeof shown, path, strlen(path)), lutra_text_why(e));
    return LUTRA_EXIT_RUN;
}

/* The figures, checked to be JSON. Returns an exit code. */
static int get_bench(const struct job *j, const char *json, struct lutra_text *out)
{
    char shown[400];
    int code = 0, e = json ? lutra_text_read_file(out, json, MOST_BYTES) : 0;
    if (e) return fail_file(json, e);
    if (json == NULL && (code = capture(run_bench, j, out)) < 0)
        return fail_file("a temporary file", errno);
    if (code || is_json(out)) return code;
    lutra_cli_say(
        "%s: not JSON; write it with lutra bench -o json",
        lutra_escape(shown, sizeof shown, json ? json : "bench", json ? strlen(json) : 5));
    return LUTRA_EXIT_RUN;
}

int lutra_report_write(const char *path, const char *model, const char *json, int (*doctor)(void))
{
    struct lutra_text out = {0}, bench = {0};
    const struct job j = {doctor, model};
    int e, wrong = 0, code = get_bench(&j, json, &bench);
    if (code == 0) {
        lutra_text_puts(&out, "# Lutra report\n\n```\n");
        if ((wrong = capture(run_doctor, &j, &out)) < 0)
            code = fail_file("a temporary file", errno);
        lutra_text_puts(&out, "```\n\n## Bench\n\n```json\n");
        lutra_text_add(&out, bench.p ? bench.p : "", bench.n);
        lutra_text_puts(&out, bench.n && bench.p[bench.n - 1] == '\n' ? "```\n" : "\n```\n");
    }
    if (code == 0 && out.failed) {
        lutra_cli_say("no memory");
        code = LUTRA_EXIT_MEMORY;
    }
    if (code == 0 && (e = lutra_text_save(&out, path)) != 0) code = fail_file(path, e);
    lutra_text_free(&out);
    lutra_text_free(&bench);
    return code ? code : wrong;
}
