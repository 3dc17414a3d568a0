/* SPDX-License-Identifier: MIT */
/* The writer of GGUF files, second half: laid out as models/gguf_scan.c draws it, saved atomically. */
#include <stdlib.h>
#include <string.h>

#include "models/gguf_writer.h"
#include "models/safe_out.h"

#define ALIGNMENT 32      /* the format's default, so no key has to say it */
#define CHUNK (256 << 10) /* what a fill callback is asked for at once; a multiple of ALIGNMENT */

/* ---- laying out ---- */

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Records of kvs begin with their key: length, then bytes. */
static int compare_records(const void *pa, const void *pb)
{
    const uint8_t *a = *(const uint8_t *const *)pa, *b = *(const uint8_t *const *)pb;
    uint64_t na = gguf_u64(a), nb = gguf_u64(b);
    int c = memcmp(a + 8, b + 8, (size_t)(na < nb ? na : nb));
    return c != 0 ? c : (na > nb) - (na < nb);
}

/* Sort n pointers; one of two that compare equal, or NULL. */
static const void *find_twice(const void **p, size_t n, int (*compare)(const void *, const void *))
{
    if (n > 1) qsort(p, n, sizeof *p, compare);
    for (size_t i = 1; i < n; i++)
        if (compare(&p[i - 1], &p[i]) == 0) return p[i];
    return NULL;
}

static void check_unique(struct lutra_gguf_writer *w)
{
    size_t n = w->n_kv > w->n_tensors ? w->n_kv : w->n_tensors;
    const void **p = malloc((n + 1) * sizeof *p), *twice;
    char key[GGUF_MAX_KEY + 1];
    if (!p) {
        lutra_gguf_writer_stick(w, LUTRA_ENOMEM, "the", "directory", "no memory");
        return;
    }
    for (size_t i = 0; i < w->n_tensors; i++) p[i] = w->tensors[i].name;
    twice = find_twice(p, w->n_tensors, compare_names);
    if (twice) lutra_gguf_writer_stick(w, LUTRA_EINVAL, "tensor", twice, "the name is taken");
    for (size_t i = 0; i < w->n_kv; i++) p[i] = w->kvs.p + w->key_at[i];
    twice = find_twice(p, w->n_kv, compare_records);
    if (twice) {
        size_t len = (size_t)gguf_u64(twice);
        memcpy(key, (const uint8_t *)twice + 8, len);
        key[len] = '\0';
        lutra_gguf_writer_stick(w, LUTRA_EINVAL, "key", key, "it is there already");
    }
    free(p);
}

static bool place_tensors(struct lutra_gguf_writer *w)
{
    uint64_t at = 0;
    for (size_t i = 0; i < w->n_tensors; i++) {
        struct gguf_pending *t = &w->tensors[i];
        t->offset = at;
        if (!lutra_add_ok(&at, at, t->bytes) || !lutra_align_ok(&at, at, ALIGNMENT) ||
            at > INT64_MAX)
            return false;
    }
    return true;
}

/* Everything before the data, padded. */
static bool build_header(struct lutra_gguf_writer *w, struct lutra_bytes *b)
{
    static const uint8_t zeros[ALIGNMENT];
    bool ok = lutra_bytes_add(b, "GGUF", 4) && lutra_bytes_add_u32(b, 3) &&
              lutra_bytes_add_u64(b, w->n_tensors) && lutra_bytes_add_u64(b, w->n_kv) &&
              lutra_bytes_add(b, w->kvs.p, w->kvs.n);
    for (size_t i = 0; ok && i < w->n_tensors; i++) {
        const struct gguf_pending *t = &w->tensors[i];
        ok = lutra_bytes_add_string(b, t->name, strlen(t->name)) &&
             lutra_bytes_add_u32(b, (uint32_t)t->n_dims);
        for (int d = 0; ok && d < t->n_dims; d++) ok = lutra_bytes_add_u64(b, t->ne[d]);
        ok = ok && lutra_bytes_add_u32(b, t->type) && lutra_bytes_add_u64(b, t->offset);
    }
    return ok && lutra_bytes_add(b, zeros, lutra_round_up(b->n, ALIGNMENT) - b->n);
}

/* ---- saving ---- */

static lutra_status write_tensor(struct lutra_safe_out *o, const struct gguf_pending *t, uint8_t *chunk, lutra_error *err)
{
    lutra_status st = LUTRA_OK;
    for (uint64_t at = 0; st == LUTRA_OK && at < t->bytes; at += CHUNK) {
        size_t n = t->bytes - at < CHUNK ? (size_t)(t->bytes - at) : CHUNK;
        size_t padded = lutra_round_up(n, ALIGNMENT);
        memset(chunk, 0, padded);
        if (t->data)
            memcpy(chunk, t->data + at, n);
        else
            st = t->fill(t->arg, at, chunk, n, err);
        if (st == LUTRA_OK) st = lutra_safe_out_write(o, chunk, padded, err);
    }
    return st;
}

static lutra_status write_file(struct lutra_safe_out *o, struct lutra_gguf_writer *w, lutra_error *err)
{
    struct lutra_bytes header = {0};
    uint8_t *chunk = malloc(CHUNK);
    lutra_status st;
    if (chunk && build_header(w, &header))
        st = lutra_safe_out_write(o, header.p, header.n, err);
    else
        st = lutra_fail(err, LUTRA_ENOMEM, "%s: no memory for the header", o->shown);
    for (size_t i = 0; st == LUTRA_OK && i < w->n_tensors; i++)
        st = write_tensor(o, &w->tensors[i], chunk, err);
    free(chunk);
    free(header.p);
    return st;
}

lutra_status lutra_gguf_writer_save(struct lutra_gguf_writer *w, const char *path, lutra_error *err)
{
    struct lutra_safe_out o;
    char shown[200];
    if (w->first.code == LUTRA_OK) check_unique(w);
    if (w->first.code == LUTRA_OK && !place_tensors(w))
        lutra_gguf_writer_stick(w, LUTRA_EINVAL, "the", "tensors", "together they are too large");
    if (w->first.code != LUTRA_OK)
        return lutra_fail(err, w->first.code, "%s: %s",
                          lutra_escape(shown, sizeof shown, path, strlen(path)), w->first.msg);
    lutra_status st = lutra_safe_out_open(&o, path, 0666, err);
    return st == LUTRA_OK ? lutra_safe_out_close(&o, write_file(&o, w, err), err) : st;
}
