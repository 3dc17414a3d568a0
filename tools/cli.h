/* SPDX-License-Identifier: MIT */
/* Command lines: one table per command gives the parser, the usage text and the suggestions.
 *
 * An option's value lands in a field of the command's own struct, found by its offset. */
#ifndef LUTRA_TOOLS_CLI_H
#define LUTRA_TOOLS_CLI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "kernels/base.h"

enum lutra_opt_kind {
    LUTRA_OPT_FLAG,   /* int = (int)min */
    LUTRA_OPT_INT,    /* int in [min, max] */
    LUTRA_OPT_THREADS, /* int: 0 (also for what is less) or up to LUTRA_THREADS_MAX; more is said, and is 0 */
    LUTRA_OPT_FLOAT,  /* float in [min, max], finite */
    LUTRA_OPT_SEED,   /* struct lutra_seed: 0..2^64-1, or -1 */
    LUTRA_OPT_STR,    /* const char *, the last one given */
    LUTRA_OPT_LIST,   /* struct lutra_strings, all that are given */
    LUTRA_OPT_CHOICE, /* int = index among the words of `arg`, "a|b|c" */
    LUTRA_OPT_IGNORE, /* accepted, value consumed, one line on stderr; help = the reason */
    LUTRA_OPT_REFUSE  /* exit 2; help = the reason; values listed in `neutral` are accepted in
                         silence */
};

struct lutra_opt {
    const char *names; /* "-c, --ctx-size" */
    const char *arg; /* "N"; NULL: takes none; "[on|off]": taken only if it is one of these words */
    enum lutra_opt_kind kind;
    size_t offset;
    double min, max;
    const char *help;
    const char *neutral; /* LUTRA_OPT_REFUSE: "0|0.0" */
};

struct lutra_opt_group {
    const char *title; /* NULL: not shown in the usage text */
    const struct lutra_opt *opts;
    int n;
};

struct lutra_seed {
    uint64_t value;
    bool set; /* false: choose one */
};

enum { LUTRA_STRINGS_MAX = 64, LUTRA_THREADS_MAX = 256 };
struct lutra_strings {
    const char *v[LUTRA_STRINGS_MAX];
    int n;
};

#define LUTRA_NO_POSITIONAL ((size_t)-1)

struct lutra_cli_spec {
    const char *command;  /* "run" */
    const char *synopsis; /* "-m FILE -p TEXT [options]" */
    const char *about;    /* lines under the synopsis */
    const struct lutra_opt_group *groups;
    int n_groups;
    size_t positional; /* offset of the const char * for an argument without a dash */
};

/* Fill *dst (preset with defaults) from argv[1..]. Returns -1: go on; else the exit code (help was
 * asked for and printed: 0; a mistake, which has been reported: 2). */
int lutra_cli_parse(const struct lutra_cli_spec *spec, void *dst, int argc, char **argv);
void lutra_cli_usage(const struct lutra_cli_spec *spec);
/* From now on lutra_cli_parse shows its spec to `see` and returns 0, so that every command can be asked
 * for its options by running it; NULL ends that. For completions and manual pages. */
void lutra_cli_watch(void (*see)(void *user, const struct lutra_cli_spec *spec), void *user);
/* The next name of "-a, --bb", or word of "a|b" (separator '|'): its length, 0 at the end; moves
 * *names behind it. */
size_t lutra_cli_next_name(const char **names, const char **name, char separator);

/* Whole-string numbers: nothing before, nothing after, in range. */
bool lutra_cli_int(const char *s, long long min, long long max, long long *out);
bool lutra_cli_float(const char *s, double min, double max, double *out);

/* A number of threads as it can be used: 0, which is the default, for one that is absurd, and a line about it. */
int lutra_cli_threads(const char *flag, long long n);

/* Letters to change, insert, drop or swap to get from a to b; 99 when either is over 40 long. */
int lutra_cli_distance(const char *a, const char *b);

/* "lutra: " + message + newline on stderr. Bytes from outside must have gone through lutra_escape.
 */
void lutra_cli_say(const char *fmt, ...) LUTRA_PRINTF(1, 2);
/* Report a failed call of the library; returns its exit code. loading: a bad file is the model's
 * fault. */
int lutra_cli_fail(const lutra_error *err, bool loading);
int lutra_cli_exit_code(lutra_status code, bool loading);

/* on_log of lutra_model_options: warnings, as by lutra_cli_say. */
void lutra_cli_log(void *user, int level, const char *line);

/* "94 MiB", "1.2 GiB" into a buffer of 24 bytes or more; returns dst. */
char *lutra_cli_bytes(char *dst, size_t cap, uint64_t bytes);

/* ---- terminals (cli_tty.c) ---- */

bool lutra_cli_tty(int fd);              /* a terminal */
bool lutra_cli_fancy(int fd);            /* a terminal that understands escapes: not TERM=dumb */
bool lutra_cli_colour(int fd, int mode); /* mode 0 auto (NO_COLOR), 1 on, 2 off */
double lutra_cli_now(void);              /* seconds, monotonic */

/* Write text to stdout at once. On a terminal control characters are shown, not obeyed: text of a
 * model is untrusted. False after the first failure, which is reported once by lutra_cli_flush. */
bool lutra_cli_put(const char *text, size_t n);
/* Flush stdout; reports a failed write. Returns `code`, or 1 if it was 0 and output was lost. */
int lutra_cli_flush(int code);

#endif
