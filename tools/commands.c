/* SPDX-License-Identifier: MIT */
/* The subcommands, in the order --help lists them. */
#include "tools/commands.h"

#include "tools/cmd.h"

const struct lutra_command lutra_commands[] = {
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
    {"completion", "bash|zsh|fish", "print a completion script", lutra_cmd_completion},
    {"doctor", "[FILE]", "this machine: CPU, kernels, memory speed, threads", lutra_cmd_doctor},
};
const int lutra_n_commands = (int)(sizeof lutra_commands / sizeof *lutra_commands);
