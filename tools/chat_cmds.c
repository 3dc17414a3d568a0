/* SPDX-License-Identifier: MIT */
/* The commands inside a chat. */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "tools/chat.h"
#include "tools/cmd.h"
#include "tools/find.h"
#include "tools/sys.h"

/* 64 MiB: more than any conversation that a context can hold */
#define CONV_FILE_MAX ((size_t)64 << 20)

struct command {
    const char *name, *arg, *help;
    int (*run)(struct lutra_chat *c, const char *arg); /* -1: go on */
};

static int cmd_help(struct lutra_chat *c, const char *arg);

static int cmd_exit(struct lutra_chat *c, const char *arg)
{
    (void)c;
    (void)arg;
    return LUTRA_EXIT_OK;
}

static int cmd_clear(struct lutra_chat *c, const char *arg)
{
    (void)arg;
    lutra_conv_clear(&c->conv);
    c->unsaved = false;
    fputs("the conversation starts over; the system prompt stays\n", stderr);
    return -1;
}

static int cmd_regen(struct lutra_chat *c, const char *arg)
{
    (void)arg;
    struct lutra_text old = {0};
    bool had = lutra_conv_last_role(&c->conv) == LUTRA_ASSISTANT;
    if (had) {
        const struct lutra_text *last = &c->conv.msgs[c->conv.n - 1].text;
        if (!lutra_text_add(&old, last->p, last->n)) return LUTRA_EXIT_MEMORY;
        lutra_conv_pop(&c->conv);
    }
    if (lutra_conv_last_role(&c->conv) != LUTRA_USER) {
        lutra_cli_say("there is no message to answer yet");
    } else if (lutra_chat_answer(c) >= 0 && had && lutra_conv_last_role(&c->conv) == LUTRA_USER) {
        lutra_conv_add(&c->conv, LUTRA_ASSISTANT, old.p,
                       old.n); /* no new answer: the old one stays */
    }
    lutra_text_free(&old);
    return -1;
}

static int cmd_system(struct lutra_chat *c, const char *arg)
{
    if (!*arg) {
        bool has = c->conv.n > 0 && c->conv.msgs[0].role == LUTRA_SYSTEM;
        fprintf(stderr, "system prompt: ");
        fflush(stderr);
        lutra_cli_put(has ? c->conv.msgs[0].text.p : "(none)", has ? c->conv.msgs[0].text.n : 6);
        lutra_cli_put("\n", 1);
        return -1;
    }
    bool none = strcmp(arg, "-") == 0;
    if (!lutra_conv_system(&c->conv, arg, none ? 0 : strlen(arg))) {
        lutra_cli_say("not enough memory");
        return -1;
    }
    c->unsaved = c->unsaved || c->conv.n > 1;
    fprintf(stderr, "system prompt %s\n", none ? "removed" : "set");
    return -1;
}

/* "~/x" to "$HOME/x". */
static const char *expand(const char *path, char *dst, size_t cap)
{
    const char *home = lutra_sys_home();
    if (path[0] != '~' || path[1] != '/' || !home) return path;
    int n = snprintf(dst, cap, "%s%s", home, path + 1);
    return n > 0 && (size_t)n < cap ? dst : path;
}

static void say_file(const char *verb, const char *path, const char *why)
{
    char shown[300];
    lutra_escape(shown, sizeof shown, path, strlen(path));
    lutra_cli_say("cannot %s %s: %s", verb, shown, why);
}

static int save_to(const struct lutra_chat *c, const char *path)
{
    struct lutra_text json = {0};
    int e = lutra_conv_write(&c->conv, c->runner.info.name ? c->runner.info.name : "", &json)
                ? lutra_text_save(&json, path)
                : ENOMEM;
    lutra_text_free(&json);
    return e;
}

/* Beside the conversation, which people read and edit, lies what the model remembers of it. */
static bool state_path(char *dst, size_t cap, const char *path)
{
    int n = snprintf(dst, cap, "%s.state", path);
    return n > 0 && (size_t)n < cap;
}

static void save_state(const struct lutra_chat *c, const char *path)
{
    char state[LUTRA_FIND_PATH + 8], shown[300];
    lutra_error err = {0};
    if (lutra_session_length(c->runner.session) == 0 || !state_path(state, sizeof state, path)) return;
    if (lutra_session_save(c->runner.session, state, &err))
        lutra_cli_say("%s; the conversation itself is saved", err.msg);
    else
        fprintf(stderr, "what the model remembers of them is in %s: /load goes on at once\n",
                lutra_escape(shown, sizeof shown, state, strlen(state)));
}

static int cmd_save(struct lutra_chat *c, const char *arg)
{
    char room[LUTRA_FIND_PATH], shown[300];
    const char *path = expand(arg, room, sizeof room);
    if (!*arg) {
        lutra_cli_say("/save needs a file name");
        return -1;
    }
    int e = save_to(c, path);
    if (e) {
        say_file("save", path, lutra_text_why(e));
        fputs("nothing is lost: the conversation is still here; try another place\n", stderr);
        return -1;
    }
    c->unsaved = false;
    fprintf(stderr, "saved %d messages to %s\n", c->conv.n,
            lutra_escape(shown, sizeof shown, path, strlen(path)));
    save_state(c, path);
    return -1;
}

/* If it does not fit, the conversation is read again: nothing is lost but time. */
static void load_state(struct lutra_chat *c, const char *path)
{
    char state[LUTRA_FIND_PATH + 8];
    struct stat st;
    lutra_error err = {0};
    if (!state_path(state, sizeof state, path) || stat(state, &st) != 0) {
        fputs("they are read with your next one\n", stderr);
    } else if (lutra_session_restore(c->runner.session, state, &err)) {
        lutra_cli_say("%s", err.msg);
        fputs("they are read with your next one\n", stderr);
    } else {
        fprintf(stderr, "the model remembers %d tokens of them\n", lutra_session_length(c->runner.session));
    }
}

static int cmd_load(struct lutra_chat *c, const char *arg)
{
    char room[LUTRA_FIND_PATH], why[200];
    struct lutra_text json = {0};
    const char *path = expand(arg, room, sizeof room);
    if (!*arg) {
        lutra_cli_say("/load needs a file name");
        return -1;
    }
    int e = lutra_text_read_file(&json, path, CONV_FILE_MAX);
    if (e) {
        say_file("load", path, strerror(e));
    } else if (!lutra_conv_read(&c->conv, json.p, json.n, why, sizeof why)) {
        say_file("load", path, why);
    } else {
        c->unsaved = false;
        fprintf(stderr, "loaded %d messages\n", c->conv.n);
        load_state(c, path);
        if (lutra_conv_last_role(&c->conv) == LUTRA_USER)
            fputs("the last message has no answer yet: /regen answers it\n", stderr);
    }
    lutra_text_free(&json);
    return -1;
}

static int cmd_stats(struct lutra_chat *c, const char *arg)
{
    char w[24], kv[24], s[24];
    lutra_stats st = {.size = sizeof st};
    (void)arg;
    lutra_session_stats(c->runner.session, &st);
    fprintf(stderr, "context: %d of %d tokens, %d messages",
            lutra_session_length(c->runner.session), lutra_session_n_ctx(c->runner.session),
            c->conv.n);
    if (c->conv.skip) fprintf(stderr, " (the oldest %d no longer seen)", c->conv.skip);
    fprintf(stderr, "\ntokens: %llu read, %llu reused, %llu generated\n",
            (unsigned long long)st.prompt_tokens, (unsigned long long)st.reused_tokens,
            (unsigned long long)st.generated_tokens);
    fprintf(stderr, "memory: weights %s, KV %s, scratch %s; threads: %d, prompt %d\n",
            lutra_cli_bytes(w, sizeof w, c->runner.info.weight_bytes),
            lutra_cli_bytes(kv, sizeof kv, st.kv_bytes),
            lutra_cli_bytes(s, sizeof s, st.scratch_bytes), st.n_threads, st.n_threads_batch);
    lutra_runner_print_speed(&c->runner);
    return -1;
}

static const struct command commands[] = {
    {"help", "", "this list", cmd_help},
    {"exit", "", "leave (also Ctrl-D)", cmd_exit},
    {"clear", "", "forget the conversation, keep the system prompt", cmd_clear},
    {"regen", "", "another answer to your last message", cmd_regen},
    {"system", " TEXT", "set the system prompt (-: none; without TEXT: show it)", cmd_system},
    {"save", " FILE", "write the conversation as JSON, and to FILE.state what the model knows of it", cmd_save},
    {"load", " FILE", "go on with a saved conversation", cmd_load},
    {"stats", "", "context, memory, speed", cmd_stats},
};
enum { N_COMMANDS = sizeof commands / sizeof *commands };

static int cmd_help(struct lutra_chat *c, const char *arg)
{
    (void)c;
    (void)arg;
    for (int i = 0; i < N_COMMANDS; i++) {
        int at = fprintf(stderr, "  /%s%s", commands[i].name, commands[i].arg);
        fprintf(stderr, "%*s%s\n", at < 16 ? 16 - at : 1, "", commands[i].help);
    }
    fputs("A line that ends in \\ continues; \"\"\" opens and closes a block of lines.\n"
          "Ctrl-C stops an answer; at the prompt it leaves. A blank in front of / makes it text.\n",
          stderr);
    return -1;
}

int lutra_chat_command(struct lutra_chat *c, const char *line)
{
    char name[32], shown[80];
    size_t n = strcspn(line + 1, " \t\n");
    const char *arg = line + 1 + n;
    arg += strspn(arg, " \t\n");
    size_t len = strlen(arg);
    while (len > 0 && strchr(" \t\n", arg[len - 1])) len--;
    snprintf(name, sizeof name, "%.*s", n < sizeof name ? (int)n : 0, line + 1);
    if (!strcmp(name, "quit") || !strcmp(name, "bye")) return LUTRA_EXIT_OK;
    if (!strcmp(name, "?")) return cmd_help(c, "");
    for (int i = 0; i < N_COMMANDS; i++) {
        if (strcmp(name, commands[i].name) != 0) continue;
        char *copy = strndup(arg, len);
        int code = copy ? commands[i].run(c, copy) : LUTRA_EXIT_MEMORY;
        free(copy);
        return code;
    }
    lutra_escape(shown, sizeof shown, line, n + 1);
    lutra_cli_say("unknown command %s; /help lists them, a blank in front makes it text", shown);
    return -1;
}

static bool rescue_folder(char *dst, size_t cap)
{
    return lutra_find_own_dir("XDG_STATE_HOME", ".local/state", dst, cap);
}

void lutra_chat_rescue(const struct lutra_chat *c)
{
    char folder[LUTRA_FIND_PATH], path[LUTRA_FIND_PATH + 64];
    if (!c->unsaved || !rescue_folder(folder, sizeof folder)) return;
    snprintf(path, sizeof path, "%s/hangup-%lld.json", folder, (long long)time(NULL));
    for (char *p = path + 1; (p = strchr(p, '/')); p++) {
        *p = '\0';
        mkdir(path, 0700);
        *p = '/';
    }
    int e = save_to(c, path);
    if (e)
        say_file("save", path, lutra_text_why(e));
    else
        lutra_cli_say("the terminal went away; the conversation is in %s: /load brings it back",
                      path);
}

void lutra_chat_mention_rescued(void)
{
    char folder[LUTRA_FIND_PATH], newest[64] = "";
    long long best = (long long)time(NULL) - 24 * 3600;
    if (!rescue_folder(folder, sizeof folder)) return;
    DIR *dir = opendir(folder);
    struct dirent *e;
    while (dir && (e = readdir(dir))) {
        long long when;
        if (sscanf(e->d_name, "hangup-%lld.json", &when) != 1 || when <= best) continue;
        best = when;
        snprintf(newest, sizeof newest, "%.60s", e->d_name);
    }
    if (dir) closedir(dir);
    if (newest[0])
        fprintf(stderr, "a chat was cut off: /load %s/%s brings it back\n", folder, newest);
}
