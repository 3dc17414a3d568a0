/* SPDX-License-Identifier: MIT */
/* The table of subcommands: what --help, completions and manual pages are made of. */
#ifndef LUTRA_TOOLS_COMMANDS_H
#define LUTRA_TOOLS_COMMANDS_H

struct lutra_command {
    const char *name, *args, *help;
    int (*run)(int argc, char **argv);
};

extern const struct lutra_command lutra_commands[];
extern const int lutra_n_commands;

#endif
