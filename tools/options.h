/* SPDX-License-Identifier: MIT */
/* The options that run and chat share, with llama.cpp's spelling. */
#ifndef LUTRA_TOOLS_OPTIONS_H
#define LUTRA_TOOLS_OPTIONS_H

#include "runtime/lutra.h"
#include "tools/cli.h"
#include "tools/text.h"

struct lutra_options {
    const char *model, *positional; /* the positional argument is the model where -m is missing */
    const char *prompt, *file, *binary_file, *system, *system_file;
    int n_predict, n_ctx, n_batch, n_threads, n_threads_batch;
    float temp, top_p, min_p, repeat_penalty, presence_penalty, frequency_penalty;
    int top_k, repeat_last_n, ignore_eos;
    struct lutra_seed seed;
    struct lutra_strings stop;
    const char *cpu;
    const char *chat_template, *chat_template_file, *template_kwargs;
    int precision;    /* 0 default, 1 high */
    int kernels;      /* lutra_kernels */
    int head;         /* lutra_head */
    int i2s_layout;   /* lutra_i2s */
    int encoders;     /* 1: models that generate nothing are welcome */
    int conversation; /* -1 as the command does, 0 -no-cnv, 1 -cnv */
    int single_turn, no_escape, special, display_prompt, verbose, quiet, simple_io;
    const char *prompt_cache; /* file of a saved session, NULL: none */
    int prompt_cache_all, prompt_cache_ro;
    int colour; /* 0 auto, 1 on, 2 off */
};

/* Parse for "run" or "chat". -1: go on. */
int lutra_options_parse(struct lutra_options *o, const char *command, int argc, char **argv);

/* The prompt: -p's text, then -f's, then what a pipe on stdin holds. *given: there was any source
 * of one. Returns -1, or an exit code after reporting. */
int lutra_options_prompt(const struct lutra_options *o, struct lutra_text *out, bool *given);
/* The template of --chat-template-file into `out`; -1: none was named, or it is there. */
int lutra_options_template(const struct lutra_options *o, struct lutra_text *out);
/* The system message, from -sys or -sysf. */
int lutra_options_system(const struct lutra_options *o, struct lutra_text *out);
/* What the model's file recommends, overridden by the flags that were given. */
void lutra_options_sampling(const struct lutra_options *o, const lutra_model *m, lutra_sampling *out,
                            uint64_t seed);
/* The seed asked for, else one from the system. */
uint64_t lutra_options_seed(const struct lutra_options *o);

/* \n \t \r \\ \" \' \a \b \f \v \0 \xHH in place, as llama.cpp's -e; others stay. */
void lutra_options_unescape(struct lutra_text *t);

/* Escapes in the stop strings; empty ones go. */
void lutra_options_fix_stops(struct lutra_options *o);

/* Flags of llama.cpp that are ignored or refused here (options_compat.c). */
extern const struct lutra_opt lutra_options_compat[];
extern const int lutra_options_n_compat;

#endif
