/* SPDX-License-Identifier: MIT */
/* For the tests of chat templates: the files they read, and what every result must be. */
#ifndef LUTRA_TESTS_TEMPLATE_FILES_H
#define LUTRA_TESTS_TEMPLATE_FILES_H

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/template.h"

#ifndef TEMPLATES
#define TEMPLATES "tests/data/templates"
#endif

struct text {
    char *p;
    size_t n;
};

static inline struct text read_file(const char *folder, const char *name, const char *suffix)
{
    char path[512];
    struct text t = {0};
    snprintf(path, sizeof path, "%s/%s%s", folder, name, suffix);
    FILE *f = fopen(path, "rb");
    if (!f) return t;
    fseek(f, 0, SEEK_END);
    long n = ftell(f);
    rewind(f);
    t.p = malloc((size_t)n + 1);
    t.n = fread(t.p, 1, (size_t)n, f);
    t.p[t.n] = '\0';
    fclose(f);
    return t;
}

static inline int by_name(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Names of the .jinja files, sorted, without the ending. */
static inline int list_templates(char *names[], int max)
{
    DIR *d = opendir(TEMPLATES);
    int n = 0;
    for (struct dirent *e; d && (e = readdir(d)) != NULL;) {
        size_t len = strlen(e->d_name);
        if (len < 7 || strcmp(e->d_name + len - 6, ".jinja") != 0 || n == max) continue;
        names[n] = strdup(e->d_name);
        names[n++][len - 6] = '\0';
    }
    if (d) closedir(d);
    qsort(names, (size_t)n, sizeof *names, by_name);
    return n;
}

/* Literal ranges ascend, do not touch, are not empty and lie inside of the text. */
static inline bool well_formed(const struct lutra_rendered *r)
{
    size_t end = 0;
    for (size_t i = 0; i < r->n_literal; i++) {
        size_t start = r->literal[i].start, len = r->literal[i].len;
        if (len == 0 || start > r->len || len > r->len - start) return false;
        if (i > 0 && start <= end) return false; /* ascending, and not even touching */
        end = start + len;
    }
    return true;
}

/* What small templates are given. */
static const struct lutra_message two[] = {{"user", "Hi", 2}, {"assistant", "a <b>\n", 6}};
static const struct lutra_template_input plain = {.messages = two,
                                                  .n_messages = 2,
                                                  .add_generation_prompt = true,
                                                  .bos_token = "<s>",
                                                  .eos_token = "</s>",
                                                  .enable_thinking = -1,
                                                  .date = "5 Mar 2024"};

static inline lutra_status render(struct lutra_rendered *r, const char *src, lutra_error *err)
{
    return lutra_template_render(r, src, strlen(src), &plain, err);
}

#endif
