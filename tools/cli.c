/* SPDX-License-Identifier: MIT */
/* The option parser: walks argv against the tables of a command. */
#include "tools/cli.h"

#include <errno.h>
#include <limits.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/lutra.h"
#include "tools/cmd.h"

void lutra_cli_say(const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    fputs("lutra: ", stderr);
    vfprintf(stderr, fmt, ap);
    fputc('\n', stderr);
    va_end(ap);
}

int lutra_cli_exit_code(lutra_status code, bool loading)
{
    switch (code) {
    case LUTRA_OK:
        return LUTRA_EXIT_OK;
    case LUTRA_EIO:
    case LUTRA_EFORMAT:
        return loading ? LUTRA_EXIT_MODEL : LUTRA_EXIT_RUN;
    case LUTRA_EINVAL:
        return loading ? LUTRA_EXIT_USAGE : LUTRA_EXIT_RUN;
    case LUTRA_EUNSUPPORTED:
        return LUTRA_EXIT_UNSUPPORTED;
    case LUTRA_ENOMEM:
        return LUTRA_EXIT_MEMORY;
    case LUTRA_ESELFTEST:
        return LUTRA_EXIT_SELFTEST;
    case LUTRA_ECANCEL:
        return LUTRA_EXIT_INTERRUPTED;
    default:
        return LUTRA_EXIT_RUN;
    }
}

int lutra_cli_fail(const lutra_error *err, bool loading)
{
    if (err->code != LUTRA_ECANCEL) lutra_cli_say("%s", err->msg);
    return lutra_cli_exit_code(err->code, loading);
}

bool lutra_cli_int(const char *s, long long min, long long max, long long *out)
{
    char *end;
    if (!((*s >= '0' && *s <= '9') || *s == '-' || *s == '+')) return false;
    errno = 0;
    long long v = strtoll(s, &end, 10);
    if (errno || end == s || *end || v < min || v > max) return false;
    *out = v;
    return true;
}

void lutra_cli_log(void *user, int level, const char *line)
{
    (void)user;
    if (level >= LUTRA_LOG_WARN) lutra_cli_say("%s", line);
}

int lutra_cli_threads(const char *flag, long long n)
{
    if (n >= -1 && n <= LUTRA_THREADS_MAX) return n < 0 ? 0 : (int)n;
    lutra_cli_say("%s %lld: not a number from 1 to %d; as many threads are used as without it", flag, n, LUTRA_THREADS_MAX);
    return 0;
}

bool lutra_cli_float(const char *s, double min, double max, double *out)
{
    char *end;
    if (*s == '\0' || strchr(" \t\n\v\f\r", *s)) return false;
    double v = strtod(s, &end);
    if (end == s || *end || !isfinite(v) || v < min || v > max) return false;
    *out = v;
    return true;
}

char *lutra_cli_bytes(char *dst, size_t cap, uint64_t bytes)
{
    double kib = (double)bytes / 1024.0;
    if (bytes < 1024)
        snprintf(dst, cap, "%u B", (unsigned)bytes);
    else if (kib < 1023.5)
        snprintf(dst, cap, "%.0f KiB", kib);
    else if (kib < 1023.5 * 1024)
        snprintf(dst, cap, "%.*f MiB", kib < 10240 ? 1 : 0, kib / 1024);
    else
        snprintf(dst, cap, "%.1f GiB", kib / 1024 / 1024);
    return dst;
}

size_t lutra_cli_next_name(const char **names, const char **name, char separator)
{
    const char *p = *names;
    while (*p == ' ' || *p == ',' || *p == separator) p++;
    *name = p;
    while (*p && *p != ',' && *p != separator) p++;
    *names = p;
    return (size_t)(p - *name);
}

/* Index of `word` among "a|b|c", also inside brackets; -1. */
static int word_index(const char *words, const char *word)
{
    const char *name;
    size_t len, n = strlen(word);
    if (*words == '[') words++;
    for (int i = 0; (len = lutra_cli_next_name(&words, &name, '|')) > 0; i++) {
        if (len && name[len - 1] == ']') len--;
        if (len == n && memcmp(name, word, n) == 0) return i;
    }
    return -1;
}

static const struct lutra_opt *find_opt(const struct lutra_cli_spec *spec, const char *arg,
                                        size_t n)
{
    for (int g = 0; g < spec->n_groups; g++) {
        for (int i = 0; i < spec->groups[g].n; i++) {
            const struct lutra_opt *o = &spec->groups[g].opts[i];
            const char *names = o->names, *name;
            size_t len;
            while ((len = lutra_cli_next_name(&names, &name, ',')) > 0)
                if (len == n && memcmp(name, arg, n) == 0) return o;
        }
    }
    return NULL;
}

static int bad_value(const struct lutra_opt *o, const char *name, const char *value)
{
    char shown[80];
    lutra_escape(shown, sizeof shown, value, strlen(value));
    if (o->kind == LUTRA_OPT_INT)
        lutra_cli_say("%s %s: expected a whole number from %.0f to %.0f", name, shown, o->min,
                      o->max);
    else if (o->kind == LUTRA_OPT_THREADS)
        lutra_cli_say("%s %s: expected a whole number", name, shown);
    else if (o->kind == LUTRA_OPT_FLOAT)
        lutra_cli_say("%s %s: expected a number from %g to %g", name, shown, o->min, o->max);
    else if (o->kind == LUTRA_OPT_SEED)
        lutra_cli_say("%s %s: expected a whole number from 0 to 2^64-1, or -1 for a random seed",
                      name, shown);
    else
        lutra_cli_say("%s %s: expected one of %s", name, shown, o->arg);
    return LUTRA_EXIT_USAGE;
}

static bool parse_seed(const char *s, struct lutra_seed *out)
{
    char *end;
    if (strcmp(s, "-1") == 0) {
        out->set = false;
        return true;
    }
    if (*s < '0' || *s > '9') return false;
    errno = 0;
    unsigned long long v = strtoull(s, &end, 10);
    if (errno || *end) return false;
    out->value = v;
    out->set = true;
    return true;
}

static int add_string(struct lutra_strings *list, const char *name, const char *value)
{
    if (list->n == LUTRA_STRINGS_MAX) {
        lutra_cli_say("%s: given more than %d times", name, LUTRA_STRINGS_MAX);
        return LUTRA_EXIT_USAGE;
    }
    list->v[list->n++] = value;
    return -1;
}

/* Value equals one of the neutral words, as text or as a number. */
static bool is_neutral(const char *neutral, const char *value)
{
    double v, w;
    if (!neutral || !value) return false;
    if (word_index(neutral, value) >= 0) return true;
    return lutra_cli_float(neutral, -1e300, 1e300, &w) &&
           lutra_cli_float(value, -1e300, 1e300, &v) && v == w;
}

static int store(const struct lutra_opt *o, const char *name, const char *value, void *dst)
{
    void *field = (char *)dst + o->offset;
    long long i;
    double f;
    int index;
    switch (o->kind) {
    case LUTRA_OPT_FLAG:
        *(int *)field = (int)o->min;
        break;
    case LUTRA_OPT_INT:
        if (!lutra_cli_int(value, (long long)o->min, (long long)o->max, &i))
            return bad_value(o, name, value);
        *(int *)field = (int)i;
        break;
    case LUTRA_OPT_THREADS:
        if (!lutra_cli_int(value, LLONG_MIN, LLONG_MAX, &i)) return bad_value(o, name, value);
        *(int *)field = lutra_cli_threads(name, i);
        break;
    case LUTRA_OPT_FLOAT:
        if (!lutra_cli_float(value, o->min, o->max, &f)) return bad_value(o, name, value);
        *(float *)field = (float)f;
        break;
    case LUTRA_OPT_SEED:
        if (!parse_seed(value, field)) return bad_value(o, name, value);
        break;
    case LUTRA_OPT_STR:
        *(const char **)field = value;
        break;
    case LUTRA_OPT_LIST:
        return add_string(field, name, value);
    case LUTRA_OPT_CHOICE: /* an optional word that is not there means the first */
        index = value ? word_index(o->arg, value) : 0;
        if (index < 0) return bad_value(o, name, value);
        *(int *)field = index;
        break;
    case LUTRA_OPT_IGNORE:
        lutra_cli_say("%s: %s ignored", o->help, name);
        break;
    case LUTRA_OPT_REFUSE:
        if (is_neutral(o->neutral, value)) break;
        lutra_cli_say("%s is not supported: %s", name, o->help);
        return LUTRA_EXIT_USAGE;
    }
    return -1;
}

static int unknown_option(const struct lutra_cli_spec *spec, const char *arg)
{
    char shown[80], best[64] = "";
    int best_distance = 3;
    for (int g = 0; g < spec->n_groups; g++) {
        for (int i = 0; i < spec->groups[g].n; i++) {
            const char *names = spec->groups[g].opts[i].names, *name;
            size_t len;
            while ((len = lutra_cli_next_name(&names, &name, ',')) > 0) {
                char one[64];
                snprintf(one, sizeof one, "%.*s", (int)len, name);
                int d = lutra_cli_distance(arg, one);
                /* a short flag has nothing in common with another short flag one letter away */
                if (d >= best_distance || d * 3 > (int)len) continue;
                best_distance = d;
                snprintf(best, sizeof best, "%s", one);
            }
        }
    }
    lutra_escape(shown, sizeof shown, arg, strlen(arg));
    if (best[0])
        lutra_cli_say("unknown option %s; did you mean %s?", shown, best);
    else
        lutra_cli_say("unknown option %s; 'lutra %s --help' lists them", shown, spec->command);
    return LUTRA_EXIT_USAGE;
}

/* One option at argv[*i]; moves *i to its last word. */
static int parse_option(const struct lutra_cli_spec *spec, void *dst, int argc, char **argv, int *i)
{
    char *arg = argv[*i], name[64];
    const char *value = NULL, *equals = strncmp(arg, "--", 2) == 0 ? strchr(arg, '=') : NULL;
    size_t len = equals ? (size_t)(equals - arg) : strlen(arg);
    const struct lutra_opt *o = find_opt(spec, arg, len);
    if (!o) return unknown_option(spec, arg);
    snprintf(name, sizeof name, "%.*s", (int)len, arg);
    if (equals) {
        value = equals + 1;
        if (!o->arg) {
            lutra_cli_say("%s takes no value", name);
            return LUTRA_EXIT_USAGE;
        }
    } else if (o->arg && o->arg[0] == '[') {
        if (*i + 1 < argc && word_index(o->arg, argv[*i + 1]) >= 0) value = argv[++*i];
    } else if (o->arg) {
        if (*i + 1 >= argc) {
            lutra_cli_say("%s needs a value: %s", name, o->arg);
            return LUTRA_EXIT_USAGE;
        }
        value = argv[++*i];
    }
    return store(o, name, value, dst);
}

static int parse_positional(const struct lutra_cli_spec *spec, void *dst, const char *arg,
                            bool *seen)
{
    char shown[80];
    if (spec->positional != LUTRA_NO_POSITIONAL && !*seen) {
        *seen = true;
        *(const char **)((char *)dst + spec->positional) = arg;
        return -1;
    }
    lutra_escape(shown, sizeof shown, arg, strlen(arg));
    lutra_cli_say("unexpected argument '%s'; 'lutra %s --help' shows what fits", shown,
                  spec->command);
    return LUTRA_EXIT_USAGE;
}

static void (*watcher)(void *user, const struct lutra_cli_spec *spec);
static void *watcher_user;

void lutra_cli_watch(void (*see)(void *user, const struct lutra_cli_spec *spec), void *user)
{
    watcher = see;
    watcher_user = user;
}

int lutra_cli_parse(const struct lutra_cli_spec *spec, void *dst, int argc, char **argv)
{
    bool seen = false, only_words = false;
    if (watcher) {
        watcher(watcher_user, spec);
        return LUTRA_EXIT_OK;
    }
    for (int i = 1; i < argc; i++) {
        const char *arg = argv[i];
        int code;
        if (!only_words && strcmp(arg, "--") == 0) {
            only_words = true;
            continue;
        }
        if (only_words || arg[0] != '-' || arg[1] == '\0') {
            code = parse_positional(spec, dst, arg, &seen);
        } else if (!strcmp(arg, "-h") || !strcmp(arg, "--help") || !strcmp(arg, "--usage")) {
            lutra_cli_usage(spec);
            return lutra_cli_flush(LUTRA_EXIT_OK);
        } else {
            code = parse_option(spec, dst, argc, argv, &i);
        }
        if (code >= 0) return code;
    }
    return -1;
}
