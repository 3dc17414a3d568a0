/* SPDX-License-Identifier: MIT */
/* The option table of run and chat. */
#include "tools/options.h"

#include <limits.h>
#include <math.h>
#include <string.h>

#include "tools/cmd.h"

#define AT(field) offsetof(struct lutra_options, field)
#define COUNT(a) ((int)(sizeof(a) / sizeof *(a)))
#define INT_TOP 2147483647.0

static const struct lutra_opt model_opts[] = {
    {"-m, --model", "FILE", LUTRA_OPT_STR, AT(model), 0, 0,
     "model file (GGUF); a bare name is also looked up in the model folders", NULL},
    {"-c, --ctx-size", "N", LUTRA_OPT_INT, AT(n_ctx), 0, INT_TOP,
     "tokens of context (0: the smallest of the model's, 8192 and what memory allows)", NULL},
    {"-t, --threads", "N", LUTRA_OPT_THREADS, AT(n_threads), 0, 0,
     "threads for one token (0: this machine's performance cores)", NULL},
    {"-tb, --threads-batch", "N", LUTRA_OPT_THREADS, AT(n_threads_batch), 0, 0,
     "threads for the prompt (0: as -t)", NULL},
    {"-b, --batch-size", "N", LUTRA_OPT_INT, AT(n_batch), 1, 65536,
     "prompt tokens evaluated at once at most (2048); never changes the text", NULL},
    {"--cpu", "LEVEL", LUTRA_OPT_STR, AT(cpu), 0, 0,
     "instruction set to use at most: auto, scalar, avx2, neon, ...; 'lutra doctor' lists them",
     NULL},
    {"--precision", "default|high", LUTRA_OPT_CHOICE, AT(precision), 0, 0,
     "high: float activations and cache; slow, for reference", NULL},
    {"--kernels", "auto|lut|dot|deq", LUTRA_OPT_CHOICE, AT(kernels), 0, 0,
     "table lookups, integer dots, or decode to float (slow); auto: the fastest", NULL},
    {"--i2s-layout", "128|64|rows4", LUTRA_OPT_CHOICE, AT(i2s_layout), 0, 0,
     "layout of I2_S tensors, which nothing in the file tells: 128 unless the text is noise", NULL},
    {"--head", "file|q8|q6|q4|fast", LUTRA_OPT_CHOICE, AT(head), 0, 0,
     "output matrix in fewer bits: faster, and now and then another token (file: as it is)", NULL},
};

static const struct lutra_opt text_opts[] = {
    {"-p, --prompt", "TEXT", LUTRA_OPT_STR, AT(prompt), 0, 0, "the prompt", NULL},
    {"-f, --file", "FILE", LUTRA_OPT_STR, AT(file), 0, 0,
     "prompt from a file, less one newline at its end; -: stdin", NULL},
    {"-bf, --binary-file", "FILE", LUTRA_OPT_STR, AT(binary_file), 0, 0,
     "prompt from a file, every byte of it", NULL},
    {"-sys, --system-prompt", "TEXT", LUTRA_OPT_STR, AT(system), 0, 0,
     "system message; applies the chat template", NULL},
    {"-sysf, --system-prompt-file", "FILE", LUTRA_OPT_STR, AT(system_file), 0, 0,
     "system message from a file", NULL},
    {"-e, --escape", NULL, LUTRA_OPT_FLAG, AT(no_escape), 0, 0,
     "read \\n, \\t, \\\\, \\xHH ... in -p, -sys and -r (the default)", NULL},
    {"--no-escape", NULL, LUTRA_OPT_FLAG, AT(no_escape), 1, 0, "take -p, -sys and -r as they are",
     NULL},
    {"-sp, --special", NULL, LUTRA_OPT_FLAG, AT(special), 1, 0,
     "control tokens written in a raw prompt become control tokens", NULL},
    {"-cnv, --conversation, -i, --interactive, -if, --interactive-first", NULL, LUTRA_OPT_FLAG,
     AT(conversation), 1, 0, "apply the model's chat template; chat if there is a terminal", NULL},
    {"-no-cnv, --no-conversation", NULL, LUTRA_OPT_FLAG, AT(conversation), 0, 0,
     "raw text, no chat template", NULL},
    {"--chat-template", "NAME|JINJA", LUTRA_OPT_STR, AT(chat_template), 0, 0,
     "chatml, llama3, gemma, phi3, mistral ... or a template's source, instead of the file's", NULL},
    {"--chat-template-file", "FILE", LUTRA_OPT_STR, AT(chat_template_file), 0, 0,
     "the same from a file", NULL},
    {"--chat-template-kwargs", "JSON", LUTRA_OPT_STR, AT(template_kwargs), 0, 0,
     "variables for the template, such as {\"enable_thinking\": false}", NULL},
    {"--prompt-cache", "FILE", LUTRA_OPT_STR, AT(prompt_cache), 0, 0,
     "read what the model knows of a prompt from FILE if it is there; write it there once it is read", NULL},
    {"--prompt-cache-all", NULL, LUTRA_OPT_FLAG, AT(prompt_cache_all), 1, 0,
     "write it at the end, with the answer", NULL},
    {"--prompt-cache-ro", NULL, LUTRA_OPT_FLAG, AT(prompt_cache_ro), 1, 0, "read FILE, never write it", NULL},
    {"-st, --single-turn", NULL, LUTRA_OPT_FLAG, AT(single_turn), 1, 0, "one answer, then exit",
     NULL},
};

static const struct lutra_opt answer_opts[] = {
    {"-n, --predict, --n-predict", "N", LUTRA_OPT_INT, AT(n_predict), -2, INT_TOP,
     "tokens to generate at most (-1: until the model stops)", NULL},
    {"-r, --reverse-prompt", "TEXT", LUTRA_OPT_LIST, AT(stop), 0, 0,
     "stop where this text would appear; may be repeated", NULL},
    {"--ignore-eos", NULL, LUTRA_OPT_FLAG, AT(ignore_eos), 1, 0,
     "never choose an end-of-answer token", NULL},
    {"--temp, --temperature", "N", LUTRA_OPT_FLOAT, AT(temp), -1e9, 1e9,
     "temperature (0.8); 0 always takes the likeliest token", NULL},
    {"--top-k", "N", LUTRA_OPT_INT, AT(top_k), -1, INT_TOP, "likeliest tokens kept (40; 0: all)",
     NULL},
    {"--top-p", "N", LUTRA_OPT_FLOAT, AT(top_p), -1e9, 1e9, "probability mass kept (0.95; 1: all)",
     NULL},
    {"--min-p", "N", LUTRA_OPT_FLOAT, AT(min_p), -1e9, 1e9,
     "least probability against the likeliest (0.05; 0: off)", NULL},
    {"--repeat-penalty", "N", LUTRA_OPT_FLOAT, AT(repeat_penalty), 1e-6, 1e6,
     "divide logits of recent tokens (1: off)", NULL},
    {"--repeat-last-n", "N", LUTRA_OPT_INT, AT(repeat_last_n), -1, INT_TOP,
     "tokens that count as recent (64; 0: none; -1: the context)", NULL},
    {"--presence-penalty", "N", LUTRA_OPT_FLOAT, AT(presence_penalty), -1e6, 1e6,
     "subtract from logits of recent tokens (0: off)", NULL},
    {"--frequency-penalty", "N", LUTRA_OPT_FLOAT, AT(frequency_penalty), -1e6, 1e6,
     "the same, times how often they occurred (0: off)", NULL},
    {"-s, --seed", "N", LUTRA_OPT_SEED, AT(seed), 0, 0,
     "random seed (-1: a new one each time); same seed, same text", NULL},
};

static const struct lutra_opt screen_opts[] = {
    {"--display-prompt", NULL, LUTRA_OPT_FLAG, AT(display_prompt), 1, 0,
     "print the prompt before the answer", NULL},
    {"--no-display-prompt", NULL, LUTRA_OPT_FLAG, AT(display_prompt), 0, 0, "do not (the default)",
     NULL},
    {"-co, --color", "[on|off|auto]", LUTRA_OPT_CHOICE, AT(colour), 0, 0,
     "colours (auto: on a terminal, unless NO_COLOR is set)", NULL},
    {"--simple-io", NULL, LUTRA_OPT_FLAG, AT(simple_io), 1, 0, "no line editing", NULL},
    {"-v, --verbose, --log-verbose", NULL, LUTRA_OPT_FLAG, AT(verbose), 1, 0,
     "memory plan, load summary, seed and speed on stderr, even without a terminal", NULL},
    {"--log-disable", NULL, LUTRA_OPT_FLAG, AT(quiet), 1, 0, "no summary, bars or speed", NULL},
};

static struct lutra_cli_spec make_spec(const char *command, struct lutra_opt_group groups[5])
{
    const struct lutra_opt_group all[5] = {
        {"Text", text_opts, COUNT(text_opts)},
        {"Answer", answer_opts, COUNT(answer_opts)},
        {"Model and machine", model_opts, COUNT(model_opts)},
        {"Screen", screen_opts, COUNT(screen_opts)},
        {NULL, lutra_options_compat, lutra_options_n_compat},
    };
    memcpy(groups, all, sizeof all);
    struct lutra_cli_spec spec = {command,
                                  "-m FILE -p TEXT [options]",
                                  "Continue a text. Text goes to stdout, everything else to "
                                  "stderr; a pipe on stdin is (the rest of)\n"
                                  "the prompt. -sys or -cnv: the prompt is a message to answer, by "
                                  "the model's chat template.",
                                  groups,
                                  5,
                                  AT(positional)};
    if (strcmp(command, "chat") == 0) {
        spec.synopsis = "FILE [options]";
        spec.about =
            "Talk with a model. /help in the chat lists its commands. Without a terminal: answers\n"
            "the message in -p, -f or stdin, then exits.";
    }
    return spec;
}

int lutra_options_parse(struct lutra_options *o, const char *command, int argc, char **argv)
{
    struct lutra_opt_group groups[5];
    struct lutra_cli_spec spec = make_spec(command, groups);
    memset(o, 0, sizeof *o);
    o->n_predict = -1;
    o->n_batch = 2048;
    o->conversation = -1;
    /* not given: as the model's file says, else lutra_sampling_default */
    o->temp = o->top_p = o->min_p = o->repeat_penalty = NAN;
    o->presence_penalty = o->frequency_penalty = NAN;
    o->top_k = o->repeat_last_n = INT_MIN;
    o->colour = 2;
    int code = lutra_cli_parse(&spec, o, argc, argv);
    if (code >= 0) return code;
    static const int colour_mode[3] = {1, 2, 0}; /* on, off, auto as cli_tty.c counts them */
    o->colour = colour_mode[o->colour];
    if (!o->model)
        o->model = o->positional;
    else if (o->positional && !o->prompt)
        o->prompt = o->positional;
    if (o->temp < 0) o->temp = 0;
    lutra_options_fix_stops(o);
    if (o->cpu && strcmp(o->cpu, "auto") == 0) o->cpu = NULL;
    if (o->model && o->model[0]) return -1;
    lutra_cli_say("no model: give -m FILE; 'lutra' alone lists the models on this machine");
    return LUTRA_EXIT_USAGE;
}

void lutra_options_sampling(const struct lutra_options *o, const lutra_model *m, lutra_sampling *out,
                            uint64_t seed)
{
    lutra_model_sampling(m, out);
    const struct {
        float given, *to;
    } floats[] = {{o->temp, &out->temp},
                  {o->top_p, &out->top_p},
                  {o->min_p, &out->min_p},
                  {o->repeat_penalty, &out->repeat_penalty},
                  {o->presence_penalty, &out->presence_penalty},
                  {o->frequency_penalty, &out->frequency_penalty}};
    for (size_t i = 0; i < sizeof floats / sizeof floats[0]; i++)
        if (!isnan(floats[i].given)) *floats[i].to = floats[i].given;
    if (o->top_k != INT_MIN) out->top_k = o->top_k;
    if (o->repeat_last_n != INT_MIN) out->repeat_last_n = o->repeat_last_n;
    out->seed = seed;
}
