/* SPDX-License-Identifier: MIT */
/* lutra: the table of subcommands, and what happens without one. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "runtime/lutra.h"
#include "tools/cli.h"
#include "tools/cmd.h"
#include "tools/find.h"
#include "tools/options.h"
#include "tools/sys.h"

struct command {
    const char *name, *args, *help;
    int (*run)(int argc, char **argv);
};

static const struct command commands[] = {
    {"chat", "FILE", "talk with a model", lutra_cmd_chat},
    {"run", "-m FILE -p TEXT", "continue a text, or answer with -cnv / -sys", lutra_cmd_run},
    {"list", "", "GGUF files of this machine, and whether they fit in memory", lutra_cmd_list},
    {"get", "NAME|URL", "fetch a model with curl or wget", lutra_cmd_get},
    {"info", "FILE", "show keys, tensors and sizes of a GGUF file", lutra_cmd_info},
    {"tokenize", "-m FILE", "stdin to token ids", lutra_cmd_tokenize},
    {"template", "FILE --messages JSON", "a conversation as the model's template frames it",
     lutra_cmd_template},
    {"embed", "-m FILE", "vectors of texts, one text per line of stdin", lutra_cmd_embed},
    {"perplexity", "-m FILE -f TEXT", "measure a model on a text, or against an oracle",
     lutra_cmd_perplexity},
    {"bench", "-m FILE", "measure speed, as llama-bench does", lutra_cmd_bench},
    {"synth", "--shape S --type T -o F", "write a model of random weights", lutra_cmd_synth},
    {"doctor", "", "this machine: CPU, kernels, memory speed, threads", lutra_cmd_doctor},
};
enum { N_COMMANDS = sizeof commands / sizeof *commands };

static void print_help(void)
{
    printf("Lutra %s: low-bit language models on CPUs by table lookup\n\n", lutra_version());
    for (int i = 0; i < N_COMMANDS; i++) {
        int at = printf("  lutra %s %s", commands[i].name, commands[i].args);
        printf("%*s%s\n", at < 36 ? 36 - at : 1, "", commands[i].help);
    }
    printf("  lutra FILE                        the same as lutra chat FILE\n\n"
           "'lutra COMMAND --help' shows the options; they are spelled as in llama.cpp.\n"
           "Text goes to stdout, everything else to stderr. Without a terminal nothing waits for a "
           "person.\n\n"
           "Exit codes: 0 done, 1 run error, 2 usage, 3 model cannot be read, 4 unsupported, 5 "
           "memory,\n"
           "6 self-test failed, 130 interrupted.\n");
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

/* A completion for bash: `eval "$(lutra --completion-bash)"`. */
static void print_completion(void)
{
    printf("complete -o default -W '");
    for (int i = 0; i < N_COMMANDS; i++) printf("%s ", commands[i].name);
    lutra_options_print_names();
    printf("' lutra\n");
}

static const struct command *find_command(const char *name)
{
    for (int i = 0; i < N_COMMANDS; i++)
        if (strcmp(commands[i].name, name) == 0) return &commands[i];
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
    for (int i = 0; i < N_COMMANDS; i++) {
        int d = lutra_cli_distance(arg, commands[i].name);
        if (d < least) {
            least = d;
            best = commands[i].name;
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
    const struct command *c = find_command(first);
    if (c) return c->run(argc - 1, argv + 1);
    if (!strcmp(first, "--version") || !strcmp(first, "version")) {
        printf("lutra %s\n", lutra_version());
    } else if (!strcmp(first, "--help") || !strcmp(first, "-h") || !strcmp(first, "help")) {
        print_help();
    } else if (!strcmp(first, "--completion-bash")) {
        print_completion();
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
