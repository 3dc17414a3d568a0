/* SPDX-License-Identifier: MIT */
/* lutra tokenize: bytes of stdin to token ids, with nothing but a vocabulary. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "models/gguf.h"
#include "runtime/tokenizer.h"
#include "tools/cli.h"
#include "tools/cmd.h"
#include "tools/find.h"
#include "tools/text.h"

struct options {
    const char *model, *positional, *prompt, *file;
    int ids, pieces, no_bos, special;
};

#define AT(field) offsetof(struct options, field)
#define TEXT_MAX ((size_t)1 << 30)

static const struct lutra_opt opts[] = {
    {"-m, --model", "FILE", LUTRA_OPT_STR, AT(model), 0, 0,
     "GGUF file; only its vocabulary is read, any architecture will do", NULL},
    {"-p, --prompt", "TEXT", LUTRA_OPT_STR, AT(prompt), 0, 0, "this text instead of stdin", NULL},
    {"-f, --file", "FILE", LUTRA_OPT_STR, AT(file), 0, 0, "every byte of a file instead of stdin",
     NULL},
    {"--stdin", NULL, LUTRA_OPT_FLAG, AT(ids), 1, 0, "text from stdin (the default)", NULL},
    {"--ids", NULL, LUTRA_OPT_FLAG, AT(ids), 1, 0, "ids on one line (the default)", NULL},
    {"--pieces", NULL, LUTRA_OPT_FLAG, AT(pieces), 1, 0, "one token per line: its id and its text",
     NULL},
    {"--no-bos", NULL, LUTRA_OPT_FLAG, AT(no_bos), 1, 0,
     "leave out the begin token that the model wants", NULL},
    {"-sp, --special", NULL, LUTRA_OPT_FLAG, AT(special), 1, 0,
     "control tokens written in the text become control tokens", NULL},
};
static const struct lutra_opt_group group = {"Options", opts, sizeof opts / sizeof *opts};
static const struct lutra_cli_spec spec = {"tokenize",
                                           "-m FILE [options] < TEXT",
                                           "Print the token ids of stdin, byte for byte, on one "
                                           "line. Control tokens written in the text are\n"
                                           "plain text unless --special.",
                                           &group,
                                           1,
                                           AT(positional)};

static int read_text(const struct options *o, struct lutra_text *text)
{
    char shown[300];
    const char *name = o->file ? o->file : "stdin";
    int e = 0;
    if (o->prompt)
        lutra_text_puts(text, o->prompt);
    else if (o->file && strcmp(o->file, "-") != 0)
        e = lutra_text_read_file(text, o->file, TEXT_MAX);
    else
        e = lutra_text_read_fd(text, STDIN_FILENO, TEXT_MAX);
    if (text->failed) e = ENOMEM;
    if (!e) return -1;
    lutra_escape(shown, sizeof shown, name, strlen(name));
    lutra_cli_say("%s: %s", shown, e == EFBIG ? "more than 1 GiB of text" : strerror(e));
    return e == ENOMEM ? LUTRA_EXIT_MEMORY : LUTRA_EXIT_USAGE;
}

static void print_piece(const struct lutra_tokenizer *t, int32_t id)
{
    char piece[512], shown[2100];
    size_t n = lutra_tokenizer_piece(t, id, true, false, piece, sizeof piece);
    if (n > sizeof piece) n = sizeof piece;
    printf("%6" PRId32 "  '%s'\n", id, lutra_escape(shown, sizeof shown, piece, n));
}

static int tokenize(const struct options *o, const struct lutra_tokenizer *t)
{
    struct lutra_text text = {0};
    struct lutra_ids ids = {0};
    lutra_error err = {0};
    unsigned flags =
        (o->no_bos ? 0u : LUTRA_TOK_ADD_SPECIAL) | (o->special ? LUTRA_TOK_SPECIAL : 0u);
    int code = read_text(o, &text);
    if (code < 0 &&
        lutra_tokenizer_encode(t, text.p ? text.p : "", text.n, flags, NULL, 0, &ids, &err))
        code = lutra_cli_fail(&err, false);
    if (code < 0) {
        for (size_t i = 0; i < ids.n; i++) {
            if (o->pieces)
                print_piece(t, ids.v[i]);
            else
                printf("%s%" PRId32, i ? " " : "", ids.v[i]);
        }
        if (!o->pieces) putchar('\n');
        code = LUTRA_EXIT_OK;
    }
    free(ids.v);
    lutra_text_free(&text);
    return code;
}

int lutra_cmd_tokenize(int argc, char **argv)
{
    struct options o = {0};
    char found[LUTRA_FIND_PATH];
    struct lutra_gguf *g = NULL;
    struct lutra_tokenizer *t = NULL;
    lutra_error err = {0};
    int code = lutra_cli_parse(&spec, &o, argc, argv);
    if (code >= 0) return code;
    if (!o.model) o.model = o.positional;
    if (!o.model) {
        lutra_cli_say("no model: give -m FILE");
        return LUTRA_EXIT_USAGE;
    }
    if (lutra_gguf_open(&g, lutra_find_path(o.model, found), &err) ||
        lutra_tokenizer_load(&t, g, &err)) {
        code = lutra_cli_fail(&err, true);
    } else {
        lutra_gguf_close(g); /* the tokenizer has all it needs */
        g = NULL;
        code = tokenize(&o, t);
    }
    lutra_tokenizer_free(t);
    lutra_gguf_close(g);
    return lutra_cli_flush(code);
}
