/* SPDX-License-Identifier: MIT */
/* lutra: finds the subcommand, and what happens without one. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "runtime/lutra.h"
#include "tools/cli.h"
#include "tools/cmd.h"
#include "tools/commands.h"
#include "tools/find.h"
#include "tools/options.h"
#include "tools/sys.h"

static void print_help(void)
{
    enum { COLUMN = 39 }; /* of what a command does */
    printf("Lutra %s: low-bit language models on CPUs by table lookup\n\n", lutra_version());
    for (int i = 0; i < lutra_n_commands; i++) {
        int at = printf("  lutra %s %s", lutra_commands[i].name, lutra_commands[i].args);
        printf("%*s%s\n", at < COLUMN ? COLUMN - at : 1, "", lutra_commands[i].help);
    }
    printf("  %-*sthe same as lutra chat FILE\n\n"
           "'lutra COMMAND --help' shows the options; they are spelled as in llama.cpp.\n"
           "Text goes to stdout, everything else to stderr. Without a terminal nothing waits for a "
           "person.\n\n"
           "Exit codes: 0 done, 1 run error, 2 usage, 3 model cannot be read, 4 unsupported, 5 "
           "memory,\n"
           "6 self-test failed, 130 interrupted.\n",
           COLUMN - 2, "lutra FILE");
}

static void print_models(void)
{
    struct lutra_found *files;
    int n = lutra_find_models(&files);
    printf(n ? "\nModels on this machine:\n"
             : "\nNo GGUF files found in . ./models $LUTRA_MODELS, or the caches of Lutra, "
               "llama.cpp,\n"
               "Hugging Face, Ollama and LM Studio. 'make chat' fetches a small model.\n");
    for (int i = 0; i < n; i++) {
        char size[24], shown[LUTRA_FIND_PATH * 4];
        lutra_escape(shown, sizeof shown, files[i].path, strlen(files[i].path));
        printf("%10s  %s\n", lutra_cli_bytes(size, sizeof size, files[i].bytes), shown);
    }
    if (n == LUTRA_FOUND_MAX) printf("%10s  only the first %d are shown\n", "...", n);
    free(files);
}

static const struct lutra_command *find_command(const char *name)
{
    for (int i = 0; i < lutra_n_commands; i++)
        if (strcmp(lutra_commands[i].name, name) == 0) return &lutra_commands[i];
    return NULL;
}

static bool looks_like_file(const char *arg)
{
    size_t n = strlen(arg);
    return strchr(arg, '/') || strchr(arg, '.') || (n > 5 && !strcmp(arg + n - 5, ".gguf")) ||
           access(arg, F_OK) == 0;
}

static int unknown_command(const char *arg)
{
    char shown[120];
    const char *best = NULL;
    int least = 3;
    lutra_escape(shown, sizeof shown, arg, strlen(arg));
    for (int i = 0; i < lutra_n_commands; i++) {
        int d = lutra_cli_distance(arg, lutra_commands[i].name);
        if (d < least) {
            least = d;
            best = lutra_commands[i].name;
        }
    }
    if (best)
        lutra_cli_say("no command or file '%s'; did you mean %s?", shown, best);
    else
        lutra_cli_say("no command or file '%s'; 'lutra --help' lists the commands", shown);
    return LUTRA_EXIT_USAGE;
}

/* Options or a file where a command should be: a chat. argv[0] stands in for the command's name. */
static int chat_with(int argc, char **argv)
{
    static char name[] = "chat";
    argv[0] = name;
    return lutra_cmd_chat(argc, argv);
}

static int dispatch(int argc, char **argv)
{
    const char *first = argc > 1 ? argv[1] : "--list";
    const struct lutra_command *c = find_command(first);
    if (c) return c->run(argc - 1, argv + 1);
    if (!strcmp(first, "--version") || !strcmp(first, "version")) {
        printf("lutra %s\n", lutra_version());
    } else if (!strcmp(first, "--help") || !strcmp(first, "-h") || !strcmp(first, "help")) {
        print_help();
    } else if (!strcmp(first, "--completion-bash")) {
        return lutra_print_completion("bash");
    } else if (argc < 2) {
        print_help();
        print_models();
    } else if (first[0] == '-' || looks_like_file(first)) {
        return chat_with(argc, argv);
    } else {
        return unknown_command(first);
    }
    return LUTRA_EXIT_OK;
}

int main(int argc, char **argv)
{
    lutra_sys_begin(&argc, &argv);
    return lutra_cli_flush(dispatch(argc, argv));
}
