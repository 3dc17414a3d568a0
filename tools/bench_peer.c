/* SPDX-License-Identifier: MIT */
/* Runs the peer and reads its JSON. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "tools/bench_peer.h"
#include "tools/json.h"
#include "tools/sys.h"

enum { MOST_SAMPLES = 4096, MOST_OUTPUT = 16 << 20 };

/* ---- reading ---- */

struct record {
    double n_prompt, n_gen, n_depth, avg_ts;
    double samples[MOST_SAMPLES];
    int n;
};

static bool read_samples(struct lutra_json *j, struct record *r)
{
    enum lutra_json_event e = lutra_json_next(j);
    if (e != LUTRA_JSON_ARRAY) return lutra_json_skip(j, e);
    while ((e = lutra_json_next(j)) != LUTRA_JSON_ARRAY_END) {
        if (e != LUTRA_JSON_NUMBER) return false;
        if (r->n < MOST_SAMPLES) r->samples[r->n++] = lutra_json_number(j);
    }
    return true;
}

/* The rest of an object whose brace has been read. */
static bool read_record(struct lutra_json *j, struct record *r)
{
    const struct {
        const char *key;
        double *value;
    } wanted[] = {{"n_prompt", &r->n_prompt},
                  {"n_gen", &r->n_gen},
                  {"n_depth", &r->n_depth},
                  {"avg_ts", &r->avg_ts}};
    enum lutra_json_event e;
    while ((e = lutra_json_next(j)) == LUTRA_JSON_KEY) {
        double *value = NULL;
        for (int i = 0; i < 4; i++)
            if (lutra_json_is(j, wanted[i].key)) value = wanted[i].value;
        if (lutra_json_is(j, "samples_ts")) {
            if (!read_samples(j, r)) return false;
            continue;
        }
        e = lutra_json_next(j);
        if (value && e == LUTRA_JSON_NUMBER)
            *value = lutra_json_number(j);
        else if (!lutra_json_skip(j, e))
            return false;
    }
    return e == LUTRA_JSON_OBJECT_END;
}

static bool is_test(const struct record *r, const struct lutra_bench_test *t, double *ts)
{
    if (r->n_prompt != t->n_prompt || r->n_gen != t->n_gen || r->n_depth != t->n_depth)
        return false;
    *ts = r->n > 0 ? lutra_bench_iqm(r->samples, r->n) : r->avg_ts;
    return *ts > 0;
}

/* One JSON value: an object, or an array of them. */
static bool parse_value(const char *text, size_t n, const struct lutra_bench_test *t,
                        struct record *r, double *ts)
{
    struct lutra_json j;
    enum lutra_json_event e;
    lutra_json_init(&j, text, n);
    while ((e = lutra_json_next(&j)) > LUTRA_JSON_END) {
        if (e != LUTRA_JSON_OBJECT) continue;
        r->n_prompt = r->n_gen = r->n_depth = 0; /* old programs have no n_depth */
        r->avg_ts = NAN;
        r->n = 0;
        if (!read_record(&j, r)) return false;
        if (is_test(r, t, ts)) return true;
    }
    return false;
}

bool lutra_peer_parse(const char *text, size_t n, const struct lutra_bench_test *t, double *ts)
{
    struct record *r = malloc(sizeof *r);
    bool found = false;
    size_t at = 0;
    if (r == NULL) return false;
    while (at < n && strchr(" \t\r\n", text[at])) at++;
    if (at < n && text[at] == '[') {
        found = parse_value(text + at, n - at, t, r, ts);
        at = n;
    }
    while (at < n && !found) { /* one object a line; other lines are chatter */
        const char *end = memchr(text + at, '\n', n - at);
        size_t len = end ? (size_t)(end - text) - at : n - at;
        if (len && text[at] == '{') found = parse_value(text + at, len, t, r, ts);
        at += len + 1;
    }
    free(r);
    return found;
}

/* ---- running ---- */

enum { MOST_WORDS = 64, WORD_BYTES = 2048 };

struct words {
    char *v[MOST_WORDS + 1];
    int n;
    char numbers[10][16], args[WORD_BYTES], test[40];
    int n_numbers;
};

static void add_word(struct words *w, const char *word)
{
    if (w->n < MOST_WORDS) w->v[w->n++] = (char *)word; /* execv's prototype lacks a const */
}

static void add_flag(struct words *w, const char *flag, int value)
{
    char *text = w->numbers[w->n_numbers++];
    lutra_format(text, sizeof w->numbers[0], "%d", value);
    add_word(w, flag);
    add_word(w, text);
}

static void build_words(struct words *w, const struct lutra_peer *p,
                        const struct lutra_bench_test *t, int reps)
{
    char *save = NULL;
    add_word(w, p->program);
    add_word(w, "-m");
    add_word(w, p->model);
    if (t->n_prompt && t->n_gen) { /* both as one test: -pg, and neither alone */
        lutra_format(w->test, sizeof w->test, "%d,%d", t->n_prompt, t->n_gen);
        add_word(w, "-pg");
        add_word(w, w->test);
    }
    bool both = t->n_prompt && t->n_gen;
    add_flag(w, "-p", both ? 0 : t->n_prompt);
    add_flag(w, "-n", both ? 0 : t->n_gen);
    if (t->n_depth) add_flag(w, "-d", t->n_depth); /* old programs do not know it */
    add_flag(w, "-t", t->n_threads);
    add_flag(w, "-b", t->n_batch);
    add_flag(w, "-ub", t->n_ubatch);
    add_flag(w, "-r", reps);
    if (p->no_warmup) add_word(w, "--no-warmup");
    add_word(w, "-o");
    add_word(w, "json");
    lutra_format(w->args, sizeof w->args, "%s", p->args ? p->args : "");
    for (char *word = strtok_r(w->args, " ", &save); word; word = strtok_r(NULL, " ", &save))
        add_word(w, word);
    w->v[w->n] = NULL;
}

bool lutra_peer_run(const struct lutra_peer *p, const struct lutra_bench_test *t, int reps,
                    struct lutra_peer_result *r, char *why, size_t why_cap)
{
    struct words w = {.n = 0};
    struct lutra_text out = {0};
    struct lutra_sys_end end;
    build_words(&w, p, t, reps);
    int e = lutra_sys_output(w.v, &out, MOST_OUTPUT, &end);
    if (e && end.code < 0) {
        lutra_format(why, why_cap, "it could not be started: %s", strerror(e));
        return false;
    }
    bool found = e == 0 && lutra_peer_parse(out.p ? out.p : "", out.n, t, &r->ts);
    lutra_text_free(&out);
    r->cpu_seconds = end.cpu_seconds;
    if (end.signal)
        lutra_format(why, why_cap, "it was killed by signal %d", end.signal);
    else if (end.code != 0)
        lutra_format(why, why_cap, "it ended with code %d", end.code);
    else if (!found)
        lutra_format(why, why_cap, "its output holds no result for this test");
    return end.code == 0 && found;
}
