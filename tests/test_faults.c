/* SPDX-License-Identifier: MIT */
/* The k-th allocation, thread, write or read fails, for every k, once or from then on, in all that lutra.h does: an
 * error with a message, or success; never a crash, a leak or a wait without end; and everything works right after.
 *   test_faults [FOLDER of tiny models] */
#include "runtime/lutra.h"
#include "tests/check.h"
#include "tests/faults.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char verse[] = "tests/data/tiny-verse-ternary.gguf";
static const char *path = verse;
static char file[300], other_file[300];
static int32_t ids[24];

enum { FED = 12, MADE = 6 };

/* What a scenario works on; opened and closed without faults, unless that is the scenario. */
struct stage {
    lutra_model *m;
    lutra_session *s;
    lutra_error err;
    int32_t out[64];
    int n_out;
    float vector[4096];
};

static lutra_status open_model(struct stage *t)
{
    lutra_model_options o = {.size = sizeof o, .n_threads = 2, .cpu = check_cpu(), .chat_template = "chatml",
                             .template_kwargs = "{\"a\": [1, 2, {\"b\": \"c\"}]}"};
    return lutra_model_open(&t->m, path, &o, &t->err);
}

static lutra_status open_session(struct stage *t)
{
    lutra_session_options o = {.size = sizeof o, .n_ctx = 64, .n_threads = 3};
    return lutra_session_open(&t->s, t->m, &o, &t->err);
}

static int on_token(void *user, int32_t id)
{
    struct stage *t = user;
    if (t->n_out < 64) t->out[t->n_out++] = id;
    return 0;
}

static lutra_status generate(struct stage *t)
{
    lutra_sampling p;
    lutra_sampling_default(&p);
    p.seed = 3;
    lutra_generate_options g = {.size = sizeof g, .sampling = &p, .n_predict = MADE, .ignore_end = 1, .restart = 1,
                                .on_token = on_token, .user = t};
    t->n_out = 0;
    return lutra_generate(t->s, &g, NULL, &t->err);
}

/* ---- scenarios: one call each, which ends as it began ---- */

static lutra_status do_load(struct stage *t)
{
    lutra_status st = open_model(t);
    if (st != LUTRA_OK) CHECK(t->m == NULL);
    lutra_model_free(t->m);
    t->m = NULL;
    return st;
}

static lutra_status do_plan(struct stage *t)
{
    lutra_plan plan = {.size = sizeof plan};
    return lutra_plan_file(&plan, path, NULL, NULL, &t->err);
}

static lutra_status do_session(struct stage *t)
{
    lutra_status st = open_session(t);
    if (st != LUTRA_OK) CHECK(t->s == NULL);
    lutra_session_free(t->s);
    t->s = NULL;
    return st;
}

static lutra_status do_tokenize(struct stage *t)
{
    static char text[20000];
    int32_t *out;
    size_t n;
    for (size_t i = 0; i < sizeof text; i++) text[i] = "the king <|im_end|> of \xff France "[i % 32];
    lutra_status st = lutra_tokenize(t->m, text, sizeof text, LUTRA_PARSE_SPECIAL, &out, &n, &t->err);
    if (st == LUTRA_OK) lutra_free(out);
    else CHECK(out == NULL && n == 0);
    return st;
}

static lutra_status do_chat(struct stage *t)
{
    lutra_chat_message msgs[3] = {{"system", "Be brief.", 9}, {"user", "Who is there?", 13}, {"assistant", "Nay.", 4}};
    int32_t *out;
    size_t n;
    lutra_status st = lutra_chat_tokenize(t->m, msgs, 3, 1, &out, &n, &t->err);
    if (st == LUTRA_OK) lutra_free(out);
    else CHECK(out == NULL && n == 0);
    return st;
}

static lutra_status do_generate(struct stage *t)
{
    lutra_status st = lutra_session_sync(t->s, ids, FED, NULL, &t->err);
    return st == LUTRA_OK ? generate(t) : st;
}

/* The first call of a session makes its sampler. */
static lutra_status do_first_words(struct stage *t)
{
    lutra_status st = open_session(t);
    if (st == LUTRA_OK) st = do_generate(t);
    lutra_session_free(t->s);
    t->s = NULL;
    return st;
}

static lutra_status do_save(struct stage *t)
{
    return lutra_session_save(t->s, file, &t->err);
}

static lutra_status do_restore(struct stage *t)
{
    return lutra_session_restore(t->s, other_file, &t->err);
}

static lutra_status do_embed(struct stage *t)
{
    lutra_status st = lutra_embed(t->s, ids, FED, NULL, t->vector, 4096, &t->err);
    lutra_error again;
    faults_disarm();
    CHECK_EQ(lutra_session_sync(t->s, ids, FED, NULL, &again), LUTRA_OK);
    return st;
}

/* ---- all k ---- */

struct scenario {
    const char *name;
    lutra_status (*run)(struct stage *t);
    bool model, session; /* opened before */
    unsigned faults;     /* kinds to try: bits of 1 << enum fault */
};

enum {
    MEM = 1 << FAULT_MEMORY,
    THR = 1 << FAULT_THREAD,
    WRI = 1 << FAULT_WRITE | 1 << FAULT_SHORT,
    REA = 1 << FAULT_READ
};

static const struct scenario scenarios[] = {
    {"load", do_load, false, false, MEM | THR | REA},
    {"plan", do_plan, false, false, MEM | REA},
    {"session", do_session, true, false, MEM | THR | REA},
    {"first words", do_first_words, true, false, MEM | THR},
    {"tokenize", do_tokenize, true, false, MEM},
    {"chat", do_chat, true, false, MEM},
    {"generate", do_generate, true, true, MEM | THR},
    {"embed", do_embed, true, true, MEM},
    {"save", do_save, true, true, MEM | WRI},
    {"restore", do_restore, true, true, MEM | REA},
};

static struct stage stage;

static bool set_up(const struct scenario *c)
{
    struct stage *t = &stage;
    memset(t, 0, sizeof *t);
    if (c->model && open_model(t) != LUTRA_OK) return false;
    if (!c->session) return true;
    /* a file of one state, and the session in another one */
    return open_session(t) == LUTRA_OK && lutra_session_feed(t->s, ids, 5, &t->err) == LUTRA_OK && generate(t) == LUTRA_OK &&
           lutra_session_save(t->s, other_file, &t->err) == LUTRA_OK &&
           lutra_session_save(t->s, file, &t->err) == LUTRA_OK &&
           lutra_session_sync(t->s, ids, FED, NULL, &t->err) == LUTRA_OK;
}

static void tear_down(void)
{
    lutra_session_free(stage.s);
    lutra_model_free(stage.m);
}

/* Nothing a failure leaves behind: as much is held as before, the session goes on, its file is whole. */
static void still_well(const struct scenario *c, const struct faults_held *before, const int32_t *want)
{
    struct stage *t = &stage;
    struct faults_held now = faults_held();
    if (!c->session) CHECK_EQ(now.blocks, before->blocks);
    CHECK_EQ(now.mapped, before->mapped);
    CHECK_EQ(now.files, before->files);
    if (!c->session) return;
    lutra_error err;
    CHECK_EQ(lutra_session_sync(t->s, ids, FED, NULL, &err), LUTRA_OK);
    CHECK_EQ(generate(t), LUTRA_OK);
    CHECK(memcmp(t->out, want, MADE * sizeof *want) == 0);
    CHECK_EQ(lutra_session_restore(t->s, file, &err), LUTRA_OK);
    CHECK_EQ(lutra_session_sync(t->s, ids, FED, NULL, &err), LUTRA_OK);
}

/* Returns how many points there were. */
static long all_points(const struct scenario *c, enum fault kind, bool lasting)
{
    long k = 1, errors = 0, untold = 0;
    int32_t want[MADE] = {0};
    if (!set_up(c)) {
        CHECK(!"the stage is set");
        return 0;
    }
    if (c->session) {
        CHECK_EQ(generate(&stage), LUTRA_OK);
        memcpy(want, stage.out, sizeof want);
        CHECK_EQ(lutra_session_sync(stage.s, ids, FED, NULL, &stage.err), LUTRA_OK);
    }
    c->run(&stage); /* what is made once and kept is there */
    struct faults_held before = faults_held();
    for (;; k++) {
        alarm(60); /* a wait without end is a failure too */
        stage.err.msg[0] = 0;
        faults_arm(kind, k, lasting);
        lutra_status st = c->run(&stage);
        if (!faults_disarm()) break;
        errors += st != LUTRA_OK;
        untold += st != LUTRA_OK && stage.err.msg[0] == 0;
        still_well(c, &before, want);
    }
    alarm(0);
    tear_down();
    CHECK_EQ(untold, 0);
    printf("  %-12s %s %4ld points%s, %ld errors\n", c->name,
           kind == FAULT_MEMORY ? "memory" : kind == FAULT_THREAD ? "thread" : kind == FAULT_READ ? "read  " : "write ", k - 1,
           lasting ? " (and all later)" : "", errors);
    return k - 1;
}

static bool folder_has(const char *pattern)
{
    char command[700];
    snprintf(command, sizeof command, "ls '%s' | grep -q '%s'", check_tmp(), pattern);
    return system(command) == 0;
}

static void run_all(long least)
{
    long memory = 0, all = 0;
    for (size_t i = 0; i < sizeof scenarios / sizeof scenarios[0]; i++)
        for (int kind = FAULT_MEMORY; kind < FAULT_N; kind++) {
            if (!(scenarios[i].faults & 1u << kind)) continue;
            for (int lasting = 0; lasting < 2; lasting++) {
                long n = all_points(&scenarios[i], (enum fault)kind, lasting);
                CHECK(n > 0 || kind != FAULT_MEMORY || scenarios[i].run == do_generate);
                all += n;
                if (kind == FAULT_MEMORY) memory += n;
            }
        }
    CHECK(!folder_has("tmp-"));
    printf("  %s: %ld failures of an allocation, %ld in all\n", path, memory, all);
    CHECK(memory >= least);
}

int main(int argc, char **argv)
{
    const char *folder = NULL;
    check_init(argc, argv, "test_faults");
    for (int i = 1; i < argc; i++)
        if (argv[i][0] != '-') folder = argv[i];
    for (int i = 0; i < 24; i++) ids[i] = 20 + i * 7;
    snprintf(file, sizeof file, "%s/session", check_tmp());
    snprintf(other_file, sizeof other_file, "%s/other", check_tmp());
    CHECK_CASE("tiny verse") run_all(300);
    if (folder == NULL) return check_done();
    static const char *const names[] = {"mamba2-Q4_0", "qwen3moe-Q4_K", "gemma4-Q4_0", "llama-Q4_0"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        char name[500];
        snprintf(name, sizeof name, "%s/%s.gguf", folder, names[i]);
        path = name;
        CHECK_CASE(names[i]) run_all(200);
    }
    return check_done();
}
