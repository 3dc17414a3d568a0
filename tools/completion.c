/* SPDX-License-Identifier: MIT */
/* Completion scripts for bash, zsh and fish, from the option tables. Each is one file to source or to
 * install; none starts lutra while a person types. */
#include <stdio.h>
#include <string.h>

#include "runtime/lutra.h"
#include "tools/cli.h"
#include "tools/cmd.h"
#include "tools/commands.h"

typedef void print_fn(const struct lutra_opt *o, const char *command);

struct walk {
    print_fn *print;
    const char *command;
};

static void each_option(void *user, const struct lutra_cli_spec *spec)
{
    const struct walk *w = user;
    for (int g = 0; g < spec->n_groups; g++) {
        if (!spec->groups[g].title) continue; /* not shown in --help either */
        for (int i = 0; i < spec->groups[g].n; i++) w->print(&spec->groups[g].opts[i], w->command);
    }
}

/* Every shown option of a command. */
static void walk(const struct lutra_command *c, print_fn *print)
{
    struct walk w = {print, c->name};
    char name[24], *argv[] = {name, NULL};
    snprintf(name, sizeof name, "%s", c->name);
    lutra_cli_watch(each_option, &w);
    c->run(1, argv);
    lutra_cli_watch(NULL, NULL);
}

/* Inside single quotes of bash and zsh. */
static void quoted(const char *s)
{
    for (; *s; s++) fputs(*s == '\'' ? "'\\''" : (char[]){*s, 0}, stdout);
}

static void print_names(const struct lutra_opt *o, const char *command)
{
    const char *names = o->names, *name;
    size_t n;
    (void)command;
    while ((n = lutra_cli_next_name(&names, &name, ',')) > 0) printf("%.*s ", (int)n, name);
}

/* The words of "a|b|c" or "[a|b|c]", separated by blanks. */
static void print_words(const struct lutra_opt *o)
{
    const char *words = o->arg + (o->arg[0] == '['), *word;
    size_t n;
    for (bool first = true; (n = lutra_cli_next_name(&words, &word, '|')) > 0; first = false)
        printf("%s%.*s", first ? "" : " ", (int)(n - (word[n - 1] == ']')), word);
}

/* A case of the shell: this option was just typed, and takes one of a few words. */
static void choice_case(const struct lutra_opt *o, const char *command, const char *then)
{
    const char *names = o->names, *name;
    size_t n;
    if (o->kind != LUTRA_OPT_CHOICE || !o->arg) return;
    printf("    ");
    for (bool first = true; (n = lutra_cli_next_name(&names, &name, ',')) > 0; first = false)
        printf("%s%s:%.*s", first ? "" : "|", command, (int)n, name);
    printf(") %s", then);
}

/* ---- bash ---- */

static void bash_choice(const struct lutra_opt *o, const char *command)
{
    if (o->kind != LUTRA_OPT_CHOICE || !o->arg) return;
    choice_case(o, command, "words='");
    print_words(o);
    puts("' ;;");
}

static void print_bash(void)
{
    puts("# bash completion of lutra: eval \"$(lutra completion bash)\"\n"
         "_lutra()\n{\n"
         "  local cur=\"${COMP_WORDS[COMP_CWORD]}\" prev=\"${COMP_WORDS[COMP_CWORD-1]}\" words=\n"
         "  COMPREPLY=()");
    printf("  if [ \"$COMP_CWORD\" = 1 ] && [ \"${cur#-}\" = \"$cur\" ]; then\n    words='");
    for (int i = 0; i < lutra_n_commands; i++) printf("%s ", lutra_commands[i].name);
    puts("help version'\n    COMPREPLY=($(compgen -W \"$words\" -- \"$cur\")); return\n  fi\n"
         "  case \"${COMP_WORDS[1]}:$prev\" in");
    for (int i = 0; i < lutra_n_commands; i++) walk(&lutra_commands[i], bash_choice);
    puts("  esac\n  if [ -z \"$words\" ] && [ \"${cur#-}\" != \"$cur\" ]; then\n"
         "    case \"${COMP_WORDS[1]}\" in");
    for (int i = 0; i < lutra_n_commands; i++) {
        printf("    %s) words='", lutra_commands[i].name);
        walk(&lutra_commands[i], print_names);
        puts("--help' ;;");
    }
    printf("    *) words='--help --version ");
    walk(&lutra_commands[0], print_names); /* options alone are a chat's */
    puts("' ;;\n    esac\n  fi\n"
         "  [ -z \"$words\" ] || COMPREPLY=($(compgen -W \"$words\" -- \"$cur\"))\n}\n"
         "complete -o default -F _lutra lutra");
}

/* ---- zsh ---- */

static void zsh_choice(const struct lutra_opt *o, const char *command)
{
    if (o->kind != LUTRA_OPT_CHOICE || !o->arg) return;
    choice_case(o, command, "compadd -- ");
    print_words(o);
    puts("; return ;;");
}

static void zsh_option(const struct lutra_opt *o, const char *command)
{
    const char *names = o->names, *name;
    size_t n;
    (void)command;
    while ((n = lutra_cli_next_name(&names, &name, ',')) > 0) {
        printf("      '%.*s:", (int)n, name);
        quoted(o->help);
        puts("'");
    }
}

static void print_zsh(void)
{
    puts("#compdef lutra\n# zsh completion of lutra: a file _lutra in $fpath, or source it\n"
         "_lutra()\n{\n  local -a commands options\n"
         "  if (( CURRENT == 2 )) && [[ $words[2] != -* ]]; then\n    commands=(");
    for (int i = 0; i < lutra_n_commands; i++) {
        printf("      '%s:", lutra_commands[i].name);
        quoted(lutra_commands[i].help);
        puts("'");
    }
    puts("    )\n    _describe -t commands command commands\n    _files -g '*.gguf'\n    return\n  fi\n"
         "  case $words[2]:$words[CURRENT-1] in");
    for (int i = 0; i < lutra_n_commands; i++) walk(&lutra_commands[i], zsh_choice);
    puts("  esac\n  if [[ $words[CURRENT] != -* ]]; then _files; return; fi\n  case $words[2] in");
    for (int i = 0; i < lutra_n_commands; i++) {
        printf("    %s%s) options=(\n", lutra_commands[i].name, i == 0 ? "|-*" : "");
        walk(&lutra_commands[i], zsh_option);
        puts("      '--help:show the options'\n    ) ;;");
    }
    puts("  esac\n  _describe -o option options\n}\n"
         "if [ \"$funcstack[1]\" = _lutra ]; then _lutra \"$@\"; else compdef _lutra lutra; fi");
}

/* ---- fish ---- */

static void fish_option(const struct lutra_opt *o, const char *command)
{
    const char *names = o->names, *name;
    size_t n;
    printf("complete -c lutra -n '__fish_seen_subcommand_from %s'", command);
    while ((n = lutra_cli_next_name(&names, &name, ',')) > 0) {
        bool two = n > 1 && name[1] == '-';
        printf(" -%c %.*s", two ? 'l' : n == 2 ? 's' : 'o', (int)n - (two ? 2 : 1),
               name + (two ? 2 : 1));
    }
    if (o->kind == LUTRA_OPT_CHOICE && o->arg) {
        printf(" -xa '");
        print_words(o);
        printf("'");
    } else if (o->arg) {
        printf(" -r");
    }
    printf(" -d '");
    for (const char *p = o->help; *p; p++) printf(*p == '\'' || *p == '\\' ? "\\%c" : "%c", *p);
    puts("'");
}

static void print_fish(void)
{
    puts("# fish completion of lutra: lutra completion fish | source");
    for (int i = 0; i < lutra_n_commands; i++) {
        const struct lutra_command *c = &lutra_commands[i];
        printf("complete -c lutra -n __fish_use_subcommand -a %s -d '", c->name);
        for (const char *p = c->help; *p; p++) printf(*p == '\'' || *p == '\\' ? "\\%c" : "%c", *p);
        puts("'");
        walk(c, fish_option);
    }
}

/* ---- the command ---- */

int lutra_print_completion(const char *shell)
{
    if (strcmp(shell, "bash") == 0) {
        print_bash();
    } else if (strcmp(shell, "zsh") == 0) {
        print_zsh();
    } else if (strcmp(shell, "fish") == 0) {
        print_fish();
    } else {
        lutra_cli_say("completion: bash, zsh or fish");
        return LUTRA_EXIT_USAGE;
    }
    return LUTRA_EXIT_OK;
}

static const struct lutra_cli_spec spec = {
    .command = "completion",
    .synopsis = "bash|zsh|fish",
    .about = "Print a script that completes commands and options:\n"
             "  eval \"$(lutra completion bash)\"\n"
             "  lutra completion zsh > ~/.zfunc/_lutra\n"
             "  lutra completion fish > ~/.config/fish/completions/lutra.fish",
    .positional = 0,
};

int lutra_cmd_completion(int argc, char **argv)
{
    const char *shell = NULL;
    int code = lutra_cli_parse(&spec, &shell, argc, argv);
    return code >= 0 ? code : lutra_print_completion(shell ? shell : "");
}
