/* SPDX-License-Identifier: MIT */
/* The subcommands and the exit codes they return. argv[0] is the subcommand's name. */
#ifndef LUTRA_TOOLS_CMD_H
#define LUTRA_TOOLS_CMD_H

enum { /* documented in --help; scripts depend on them */
       LUTRA_EXIT_OK = 0,
       LUTRA_EXIT_RUN = 1,          /* something failed while running */
       LUTRA_EXIT_USAGE = 2,        /* the command line is wrong */
       LUTRA_EXIT_MODEL = 3,        /* the model file cannot be read */
       LUTRA_EXIT_UNSUPPORTED = 4,  /* a valid file that Lutra cannot run */
       LUTRA_EXIT_MEMORY = 5,       /* not enough memory */
       LUTRA_EXIT_SELFTEST = 6,     /* no kernel passed its self-test */
       LUTRA_EXIT_INTERRUPTED = 130 /* Ctrl-C */
};

int lutra_cmd_run(int argc, char **argv);
int lutra_cmd_chat(int argc, char **argv);
int lutra_cmd_info(int argc, char **argv);
int lutra_cmd_doctor(int argc, char **argv);
int lutra_cmd_list(int argc, char **argv);
int lutra_cmd_get(int argc, char **argv);
int lutra_cmd_embed(int argc, char **argv);
int lutra_cmd_tokenize(int argc, char **argv);
int lutra_cmd_template(int argc, char **argv);
int lutra_cmd_perplexity(int argc, char **argv);
int lutra_cmd_bench(int argc, char **argv);
int lutra_cmd_synth(int argc, char **argv);
int lutra_cmd_completion(int argc, char **argv);

/* The completion script of a shell, on stdout; the exit code. */
int lutra_print_completion(const char *shell);

#endif
