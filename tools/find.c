/* SPDX-License-Identifier: MIT */
/* Walks the model folders with an explicit stack, bounded in depth, entries and results. */
#include "tools/find.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tools/sys.h"

enum {
    DEPTH_MAX = 8,      /* the Hugging Face cache nests five deep */
    PENDING_MAX = 512,  /* folders waiting to be read */
    ENTRIES_MAX = 50000 /* a wrong LUTRA_MODELS=/ must not take minutes */
};

struct pending {
    char path[LUTRA_FIND_PATH];
    int depth;
};

struct search {
    struct pending *stack;
    int n_stack, n_entries, n_found;
    struct lutra_found *found;
};

static bool join(char *dst, size_t cap, const char *a, const char *b)
{
    int n = snprintf(dst, cap, "%s/%s", a, b);
    return n > 0 && (size_t)n < cap;
}

static bool home_path(char *dst, size_t cap, const char *below)
{
    const char *home = lutra_sys_home();
    return home && join(dst, cap, home, below);
}

bool lutra_find_own_dir(const char *variable, const char *fallback, char *dst, size_t cap)
{
    char base[LUTRA_FIND_PATH];
    return lutra_sys_folder(variable, fallback, base, sizeof base) && join(dst, cap, base, "lutra");
}

bool lutra_find_make_folders(char *path)
{
    for (char *p = path + 1; *p; p++) {
        if (*p != '/') continue;
        *p = 0;
        bool ok = mkdir(path, 0777) == 0 || errno == EEXIST;
        *p = '/';
        if (!ok) return false;
    }
    return true;
}

static void push(struct search *s, const char *path, int depth)
{
    if (s->n_stack == PENDING_MAX || depth > DEPTH_MAX) return;
    struct pending *p = &s->stack[s->n_stack];
    int n = snprintf(p->path, sizeof p->path, "%s", path);
    if (n <= 0 || (size_t)n >= sizeof p->path) return;
    p->depth = depth;
    s->n_stack++;
}

bool lutra_find_is_gguf(const char *path)
{
    char magic[4] = "";
    int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0) return false;
    ssize_t n = read(fd, magic, sizeof magic);
    close(fd);
    return n == 4 && memcmp(magic, "GGUF", 4) == 0;
}

/* Ollama names its files sha256-<hash>; everyone else ends in .gguf. */
static bool name_fits(const char *name)
{
    size_t n = strlen(name);
    return (n > 5 && strcmp(name + n - 5, ".gguf") == 0) || strncmp(name, "sha256-", 7) == 0;
}

static void add_file(struct search *s, const char *path, const struct stat *st)
{
    if (s->n_found == LUTRA_FOUND_MAX) return;
    for (int i = 0; i < s->n_found; i++)
        if (s->found[i].device == st->st_dev && s->found[i].inode == st->st_ino) return;
    if (!lutra_find_is_gguf(path)) return;
    struct lutra_found *f = &s->found[s->n_found++];
    snprintf(f->path, sizeof f->path, "%s", path);
    f->bytes = (uint64_t)st->st_size;
    f->device = st->st_dev;
    f->inode = st->st_ino;
}

static void read_folder(struct search *s, const struct pending *from)
{
    DIR *dir = opendir(from->path);
    struct dirent *e;
    if (!dir) return;
    while ((e = readdir(dir)) && s->n_entries++ < ENTRIES_MAX) {
        char path[LUTRA_FIND_PATH];
        struct stat st;
        if (e->d_name[0] == '.' || !join(path, sizeof path, from->path, e->d_name)) continue;
        if (lstat(path, &st)) continue;
        if (S_ISDIR(st.st_mode)) { /* links to folders are not followed: no loops */
            push(s, path, from->depth + 1);
        } else if (name_fits(e->d_name) && stat(path, &st) == 0 && S_ISREG(st.st_mode)) {
            add_file(s, path, &st);
        }
    }
    closedir(dir);
}

static void push_home(struct search *s, const char *below)
{
    char path[LUTRA_FIND_PATH];
    if (home_path(path, sizeof path, below)) push(s, path, 0);
}

/* Last pushed is searched first. */
static void push_roots(struct search *s)
{
    char path[LUTRA_FIND_PATH], base[LUTRA_FIND_PATH];
    const char mark[] = {lutra_sys_list_mark(), 0};
    const char *hub = getenv("HF_HOME"), *models = getenv("LUTRA_MODELS");
    push_home(s, ".lmstudio/models");
    push_home(s, ".cache/lm-studio/models");
    push_home(s, ".ollama/models/blobs");
    if (hub && *hub && join(path, sizeof path, hub, "hub"))
        push(s, path, 0);
    else
        push_home(s, ".cache/huggingface/hub");
    if (lutra_sys_folder("XDG_CACHE_HOME", ".cache", base, sizeof base) &&
        join(path, sizeof path, base, "llama.cpp"))
        push(s, path, 0);
    if (lutra_find_own_dir("XDG_CACHE_HOME", ".cache", path, sizeof path)) push(s, path, 0);
    push(s, "./models", 0);
    push(s, ".", DEPTH_MAX);    /* this folder itself, not those below */
    while (models && *models) {
        size_t n = strcspn(models, mark);
        if (n > 0 && n < sizeof path) {
            memcpy(path, models, n);
            path[n] = '\0';
            push(s, path, 0);
        }
        models += n + (models[n] != '\0');
    }
}

static int by_path(const void *a, const void *b)
{
    return strcmp(((const struct lutra_found *)a)->path, ((const struct lutra_found *)b)->path);
}

int lutra_find_models(struct lutra_found **files)
{
    struct search s = {0};
    s.stack = malloc(PENDING_MAX * sizeof *s.stack);
    s.found = malloc(LUTRA_FOUND_MAX * sizeof *s.found);
    if (s.stack && s.found) {
        push_roots(&s);
        while (s.n_stack > 0 && s.n_entries < ENTRIES_MAX) {
            struct pending from = s.stack[--s.n_stack];
            read_folder(&s, &from);
        }
        qsort(s.found, (size_t)s.n_found, sizeof *s.found, by_path);
    }
    free(s.stack);
    *files = s.found;
    return s.n_found;
}

static bool same_name(const char *path, const char *model)
{
    const char *slash = strrchr(path, '/'), *base = slash ? slash + 1 : path;
    size_t n = strlen(model);
    return strncmp(base, model, n) == 0 && (base[n] == '\0' || strcmp(base + n, ".gguf") == 0);
}

const char *lutra_find_path(const char *model, char dst[LUTRA_FIND_PATH])
{
    struct lutra_found *files;
    const char *path = model;
    if (strchr(model, '/') || access(model, F_OK) == 0) return model;
    int n = lutra_find_models(&files);
    for (int i = 0; i < n && path == model; i++) {
        if (!same_name(files[i].path, model)) continue;
        memcpy(dst, files[i].path, LUTRA_FIND_PATH);
        path = dst;
    }
    free(files);
    return path;
}
