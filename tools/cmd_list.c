/* SPDX-License-Identifier: MIT */
/* lutra list: the GGUF files of this machine, what they are, and whether they fit in memory. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernels/qtypes.h"
#include "models/gguf.h"
#include "runtime/lutra.h"
#include "tools/cli.h"
#include "tools/cmd.h"
#include "tools/find.h"

static const struct lutra_cli_spec spec = {
    "list",
    "",
    "Show the GGUF files in this folder, ./models, $LUTRA_MODELS and the caches of Lutra, llama.cpp,\n"
    "Hugging Face, Ollama and LM Studio: type, size, memory needed, and whether that much is free.",
    NULL,
    0,
    LUTRA_NO_POSITIONAL};

/* The type that holds the most weights. */
static void main_type(const struct lutra_gguf *g, char *dst, size_t cap)
{
    uint64_t weights[256] = {0};
    uint32_t best = 0;
    for (int i = 0; i < lutra_gguf_n_tensors(g); i++) {
        const struct lutra_gguf_tensor *t = lutra_gguf_tensor_at(g, i);
        if (t->type < 256) weights[t->type] += t->ne[0] * t->ne[1] * t->ne[2] * t->ne[3];
    }
    for (uint32_t i = 1; i < 256; i++)
        if (weights[i] > weights[best]) best = i;
    const struct lutra_type_info *info = lutra_type_info(best);
    snprintf(dst, cap, "%s", lutra_gguf_n_tensors(g) == 0 ? "no tensors" : info ? info->name : "?");
}

static void architecture(const struct lutra_gguf *g, char *dst, size_t cap)
{
    const char *s;
    size_t n;
    bool found;
    dst[0] = 0;
    if (lutra_gguf_str(g, "general.architecture", &s, &n, &found, NULL) == LUTRA_OK && found)
        lutra_escape(dst, cap, s, n);
}

/* Parts of a split model after the first belong to its row. */
static bool is_later_part(const char *path)
{
    const char *of = strstr(path, "-of-");
    return of && of - path >= 6 && of[-6] == '-' && strspn(of - 5, "0123456789") == 5 &&
           strncmp(of - 5, "00001", 5) != 0;
}

/* "yes", "no", or in one word why that cannot be said. */
static const char *fits(const char *path, char ram[24])
{
    lutra_plan plan = {.size = sizeof plan};
    lutra_error err;
    lutra_status st = lutra_plan_file(&plan, path, NULL, NULL, &err);
    snprintf(ram, 24, "-");
    if (st == LUTRA_EUNSUPPORTED) return "not run";
    if (st == LUTRA_ENOMEM) return "no";
    if (st != LUTRA_OK) return "damaged";
    lutra_cli_bytes(ram, 24, plan.total);
    if (plan.available == 0) return "?";
    return plan.total <= plan.available ? "yes" : "no";
}

static void print_row(const struct lutra_found *f)
{
    char size[24], ram[24], type[24] = "damaged", arch[24] = "-", path[LUTRA_FIND_PATH * 4];
    struct lutra_gguf *g;
    const char *fit = "-";
    uint64_t bytes = f->bytes;
    snprintf(ram, sizeof ram, "-");
    if (lutra_gguf_open(&g, f->path, NULL) == LUTRA_OK) {
        main_type(g, type, sizeof type);
        architecture(g, arch, sizeof arch);
        fit = fits(f->path, ram);
        bytes = lutra_gguf_file_bytes(g); /* of all parts */
        lutra_gguf_close(g);
    }
    lutra_escape(path, sizeof path, f->path, strlen(f->path));
    printf("%-12.12s %-10.10s %9s %9s  %-8s %s\n", arch, type,
           lutra_cli_bytes(size, sizeof size, bytes), ram, fit, path);
}

int lutra_cmd_list(int argc, char **argv)
{
    struct lutra_found *files;
    char none[1];
    int code = lutra_cli_parse(&spec, none, argc, argv);
    if (code >= 0) return code;
    int n = lutra_find_models(&files);
    if (n == 0) {
        lutra_cli_say("no GGUF files found; 'lutra get' fetches one");
    } else {
        printf("%-12s %-10s %9s %9s  %-8s %s\n", "family", "type", "size", "memory", "fits", "file");
        for (int i = 0; i < n; i++)
            if (!is_later_part(files[i].path)) print_row(&files[i]);
    }
    free(files);
    return lutra_cli_flush(LUTRA_EXIT_OK);
}
