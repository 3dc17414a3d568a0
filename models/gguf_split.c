/* SPDX-License-Identifier: MIT */
/* Models in several files, NAME-00001-of-00003.gguf and so on. Any part names the others; the first has
 * the keys, every one has tensors. Each is checked like a file of its own before they are joined. */
#include <stdlib.h>
#include <string.h>

#include "models/gguf_file.h"

/* "-00001-of-00003.gguf" */
enum { TAIL = 20, PATH_MOST = 4096 };

static bool digits(const char *s, int *out)
{
    *out = 0;
    for (int i = 0; i < 5; i++) {
        if (s[i] < '0' || s[i] > '9') return false;
        *out = *out * 10 + (s[i] - '0');
    }
    return true;
}

/* Is this the name of part *no (from 0) of *count? */
static bool part_name(const char *path, int *no, int *count)
{
    size_t n = strlen(path);
    if (n < TAIL || n >= PATH_MOST) return false;
    const char *tail = path + n - TAIL;
    if (tail[0] != '-' || memcmp(tail + 6, "-of-", 4) != 0 || memcmp(tail + 15, ".gguf", 5) != 0)
        return false;
    bool ok = digits(tail + 1, no) && digits(tail + 10, count);
    *no -= 1;
    return ok;
}

static lutra_status read_split(const struct lutra_gguf *g, int64_t *no, int64_t *count,
                               int64_t *tensors, lutra_error *err)
{
    *no = 0;
    *count = 0;
    *tensors = -1;
    lutra_status st = lutra_gguf_int(g, "split.count", 0, UINT16_MAX, count, NULL, err);
    if (st == LUTRA_OK) st = lutra_gguf_int(g, "split.no", 0, UINT16_MAX, no, NULL, err);
    if (st == LUTRA_OK)
        st = lutra_gguf_int(g, "split.tensors.count", 0, INT32_MAX, tensors, NULL, err);
    if (st != LUTRA_OK) return st;
    if (*no > 0 && *no >= *count)
        return lutra_fail(err, LUTRA_EFORMAT,
                          "%s: key split.no at offset %llu: part %lld of %lld; the file is damaged",
                          g->path, (unsigned long long)lutra_gguf_find(g, "split.no")->offset,
                          (long long)*no + 1, (long long)*count);
    return LUTRA_OK;
}

static lutra_status blame_count(const struct lutra_gguf *g, int64_t no, int64_t count,
                                const char *reason, lutra_error *err)
{
    return lutra_fail(err, LUTRA_EUNSUPPORTED,
                      "%s: key split.count at offset %llu: part %lld of a model in %lld files: %s",
                      g->path, (unsigned long long)lutra_gguf_find(g, "split.count")->offset,
                      (long long)no + 1, (long long)count, reason);
}

/* Part i of the model that `of` is a part of, by its name. */
static lutra_status open_part(struct lutra_gguf **out, const char *path, int i, int count,
                              int64_t tensors, lutra_error *err)
{
    char name[PATH_MOST];
    size_t stem = strlen(path) - TAIL;
    int64_t no, n, total;
    memcpy(name, path, stem);
    lutra_format(name + stem, sizeof name - stem, "-%05d-of-%05d.gguf", i + 1, count);
    lutra_error inner = {0};
    lutra_status st = lutra_gguf_open_one(out, name, &inner);
    if (st != LUTRA_OK)
        return lutra_fail(err, st, "%.380s; it is part %d of a model in %d files, all are needed",
                          inner.msg, i + 1, count);
    if ((st = read_split(*out, &no, &n, &total, err))) return st;
    if (total != tensors)
        return lutra_fail(err, LUTRA_EFORMAT,
                          "%s: the file is named as part %d of %d, but its keys say part %lld of %lld "
                          "of a model of %lld tensors, not %lld: parts of different models are mixed",
                          (*out)->path, i + 1, count, (long long)no + 1, (long long)n,
                          (long long)total, (long long)tensors);
    if (no == i && n == count) return LUTRA_OK;
    return lutra_fail(err, LUTRA_EFORMAT,
                      "%s: the file is named as part %d of %d, but its keys say part %lld of %lld: a "
                      "file was renamed, or parts of different models are mixed",
                      (*out)->path, i + 1, count, (long long)no + 1, (long long)n);
}

/* Parts after the first need no keys about the model; where they have some, these say the same as the first's. */
static lutra_status same_model(const struct lutra_gguf *first, const struct lutra_gguf *part, lutra_error *err)
{
    static const char about[] = "general.";
    for (uint32_t i = 0; i < part->n_kv; i++) {
        const struct lutra_gguf_kv *kv = &part->kvs[i], *same;
        char key[64], here[100], there[100];
        size_t n = strlen(about);
        if (kv->key_len < n || kv->key_len >= sizeof key || memcmp(kv->key, about, n) != 0) continue;
        memcpy(key, kv->key, kv->key_len);
        key[kv->key_len] = '\0';
        if (strcmp(key, "general.alignment") == 0 || !(same = lutra_gguf_find(first, key))) continue;
        lutra_gguf_show(part, kv, here, sizeof here);
        lutra_gguf_show(first, same, there, sizeof there);
        if (strcmp(here, there) == 0) continue;
        return lutra_fail(err, LUTRA_EFORMAT,
                          "%s: key %s at offset %llu: %s, but %s in the first part: parts of different models are "
                          "mixed; take all files of one",
                          part->path, key, (unsigned long long)kv->offset, here, there);
    }
    return LUTRA_OK;
}

/* All tensors of all parts in g's directory. */
static lutra_status join(struct lutra_gguf *g, int64_t tensors, lutra_error *err)
{
    uint64_t n = 0;
    for (int i = 0; i < g->n_parts; i++) n += g->parts[i]->n_tensors;
    if (tensors >= 0 && (uint64_t)tensors != n)
        return lutra_fail(err, LUTRA_EFORMAT,
                          "%s: key split.tensors.count at offset %llu: %lld tensors in all, but the "
                          "parts hold %llu: parts of different models are mixed",
                          g->path,
                          (unsigned long long)lutra_gguf_find(g, "split.tensors.count")->offset,
                          (long long)tensors, (unsigned long long)n);
    struct lutra_gguf_tensor *all = n ? malloc(n * sizeof *all) : NULL;
    const struct lutra_gguf_tensor **by_name = n ? malloc(n * sizeof *by_name) : NULL;
    if (n > 0 && (all == NULL || by_name == NULL)) {
        free(all);
        free(by_name);
        return lutra_fail(err, LUTRA_ENOMEM, "%s: no memory for the tensor directory", g->path);
    }
    uint32_t at = 0;
    for (int i = 0; i < g->n_parts; i++)
        for (uint32_t k = 0; k < g->parts[i]->n_tensors; k++) {
            all[at] = g->parts[i]->tensors[k];
            all[at++].part = (uint32_t)i;
        }
    for (uint32_t i = 0; i < at; i++) by_name[i] = &all[i];
    free(g->tensors);
    free(g->by_name);
    g->tensors = all;
    g->by_name = by_name;
    g->n_tensors = at;
    return lutra_gguf_sort_names(g, err);
}

lutra_status lutra_gguf_join(struct lutra_gguf **io, const char *path, lutra_error *err)
{
    struct lutra_gguf *g = *io;
    int64_t no, count, tensors;
    int named_no, named_count;
    lutra_status st = read_split(g, &no, &count, &tensors, err);
    if (st != LUTRA_OK || count <= 1) return st;
    char reason[160];
    lutra_format(reason, sizeof reason,
                 "the others are found by names that end in -%05d-of-%05d.gguf and so on; give the "
                 "files back their names, or merge them", no == 0 ? 2 : 1, (int)count);
    if (!part_name(path, &named_no, &named_count) || named_no != no || named_count != count)
        return blame_count(g, no, count, reason, err);
    if (count > GGUF_MAX_PARTS) return blame_count(g, no, count, "too many; merge them", err);
    struct lutra_gguf *parts[GGUF_MAX_PARTS] = {0};
    parts[no] = g;
    for (int i = 0; i < count && st == LUTRA_OK; i++)
        if (i != no) st = open_part(&parts[i], path, i, (int)count, tensors, err);
    for (int i = 1; i < count && st == LUTRA_OK; i++) st = same_model(parts[0], parts[i], err);
    struct lutra_gguf **list = st == LUTRA_OK ? malloc((size_t)count * sizeof(struct lutra_gguf *)) : NULL;
    if (st == LUTRA_OK && list == NULL)
        st = lutra_fail(err, LUTRA_ENOMEM, "%s: no memory for the parts of the model", g->path);
    if (st != LUTRA_OK) {
        for (int i = 0; i < count; i++)
            if (i != no) lutra_gguf_close(parts[i]);
        return st;
    }
    memcpy(list, parts, (size_t)count * sizeof(struct lutra_gguf *));
    list[0]->parts = list;
    list[0]->n_parts = (int)count;
    *io = list[0];
    return join(list[0], tensors, err);
}
