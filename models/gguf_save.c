/* SPDX-License-Identifier: MIT */
/* The writer of GGUF files, second half: laid out as models/gguf_scan.c draws it, saved atomically.
 *
 * Bytes go to a temporary file in the same directory, which takes the final name by rename once it
 * is complete on disk. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "models/gguf_writer.h"

#define ALIGNMENT 32      /* the format's default, so no key has to say it */
#define CHUNK (256 << 10) /* what a fill callback is asked for at once; a multiple of ALIGNMENT */
#define TEMP_NAMES 16     /* tries, if other writers of this process hold the first names */

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

struct save {
    int fd;
    const char *shown; /* the final path, escaped */
    lutra_error *err;
};

static lutra_status system_error(const struct save *s, const char *doing)
{
    return lutra_fail(s->err, LUTRA_EIO, "%s: cannot %s: %s; nothing was saved", s->shown, doing,
                      strerror(errno));
}

static lutra_status write_all(const struct save *s, const uint8_t *p, size_t n)
{
    while (n > 0) {
        ssize_t done = write(s->fd, p, n < CHUNK ? n : CHUNK);
        if (done < 0 && errno == EINTR) continue;
        if (done < 0) return system_error(s, "write");
        p += done;
        n -= (size_t)done;
    }
    return LUTRA_OK;
}

static lutra_status write_tensor(const struct save *s, const struct gguf_pending *t, uint8_t *chunk)
{
    lutra_status st = LUTRA_OK;
    for (uint64_t at = 0; st == LUTRA_OK && at < t->bytes; at += CHUNK) {
        size_t n = t->bytes - at < CHUNK ? (size_t)(t->bytes - at) : CHUNK;
        size_t padded = lutra_round_up(n, ALIGNMENT);
        memset(chunk, 0, padded);
        if (t->data)
            memcpy(chunk, t->data + at, n);
        else
            st = t->fill(t->arg, at, chunk, n, s->err);
        if (st == LUTRA_OK) st = write_all(s, chunk, padded);
    }
    return st;
}

static lutra_status write_file(const struct save *s, struct lutra_gguf_writer *w)
{
    struct lutra_bytes header = {0};
    uint8_t *chunk = malloc(CHUNK);
    lutra_status st;
    if (chunk && build_header(w, &header))
        st = write_all(s, header.p, header.n);
    else
        st = lutra_fail(s->err, LUTRA_ENOMEM, "%s: no memory for the header", s->shown);
    for (size_t i = 0; st == LUTRA_OK && i < w->n_tensors; i++)
        st = write_tensor(s, &w->tensors[i], chunk);
    if (st == LUTRA_OK && fsync(s->fd) != 0) st = system_error(s, "write to disk");
    free(chunk);
    free(header.p);
    return st;
}

/* A device or a directory is not replaced by a file. */
static lutra_status check_target(const struct save *s, const char *path)
{
    struct stat st;
    if (stat(path, &st) == 0 && !S_ISREG(st.st_mode))
        return lutra_fail(s->err, LUTRA_EIO,
                          "%s: exists and is not a regular file; give the name of a new file",
                          s->shown);
    return LUTRA_OK;
}

static lutra_status open_temp(struct save *s, const char *path, char *temp, size_t cap)
{
    for (int i = 0; i < TEMP_NAMES; i++) {
        lutra_format(temp, cap, i ? "%s.tmp-%ld-%d" : "%s.tmp-%ld", path, (long)getpid(), i);
        s->fd = open(temp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
        if (s->fd >= 0) return LUTRA_OK;
        if (errno != EEXIST) break;
    }
    return system_error(s, "create a temporary file beside it");
}

/* The name is safe on disk only when its directory is; a file system that cannot do this is no
 * error. */
static void sync_directory(char *path)
{
    char *slash = strrchr(path, '/');
    if (slash) slash[slash == path ? 1 : 0] = '\0';
    int fd = open(slash ? path : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) return;
    (void)fsync(fd);
    close(fd);
}

static lutra_status save_to(struct save *s, struct lutra_gguf_writer *w, const char *path,
                            char *temp, size_t cap)
{
    lutra_status st = check_target(s, path);
    if (st == LUTRA_OK) st = open_temp(s, path, temp, cap);
    if (st != LUTRA_OK) return st;
    st = write_file(s, w);
    if (close(s->fd) != 0 && st == LUTRA_OK) st = system_error(s, "close");
    if (st == LUTRA_OK && rename(temp, path) != 0) st = system_error(s, "rename");
    if (st != LUTRA_OK)
        unlink(temp);
    else
        sync_directory(temp);
    return st;
}

lutra_status lutra_gguf_writer_save(struct lutra_gguf_writer *w, const char *path, lutra_error *err)
{
    char shown[200];
    size_t n = strlen(path), cap = n + 64;
    struct save s = {-1, lutra_escape(shown, sizeof shown, path, n), err};
    if (w->first.code == LUTRA_OK) check_unique(w);
    if (w->first.code == LUTRA_OK && !place_tensors(w))
        lutra_gguf_writer_stick(w, LUTRA_EINVAL, "the", "tensors", "together they are too large");
    if (w->first.code != LUTRA_OK)
        return lutra_fail(err, w->first.code, "%s: %s", shown, w->first.msg);
    char *temp = malloc(cap);
    if (!temp) return lutra_fail(err, LUTRA_ENOMEM, "%s: no memory", shown);
    lutra_status st = save_to(&s, w, path, temp, cap);
    free(temp);
    return st;
}
