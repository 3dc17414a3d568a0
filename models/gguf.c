/* SPDX-License-Identifier: MIT */
/* GGUF files: open, read tensor bytes, close. Parsing is in gguf_scan.c and gguf_index.c. */
#include "models/gguf.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "models/gguf_file.h"

/* One system call reads at most this much: below every limit of any kernel. */
#define READ_CHUNK ((uint64_t)1 << 30)

/* The path for messages: escaped, and if it is long only its end, which tells most. */
static void remember_path(struct lutra_gguf *g, const char *path)
{
    size_t n = strlen(path), most = 180, at = n > most ? n - most : 0;
    const char *dots = at > 0 ? "..." : "";
    while (at > 0 && at < n && ((unsigned char)path[at] & 0xc0) == 0x80)
        at++; /* not mid-character */
    size_t used = strlen(dots);
    memcpy(g->path, dots, used);
    lutra_escape(g->path + used, sizeof g->path - used, path + at, n - at);
}

static const char *what_is(mode_t mode)
{
    if (S_ISDIR(mode)) return "a directory";
    if (S_ISFIFO(mode)) return "a pipe";
    if (S_ISSOCK(mode)) return "a socket";
    return "a device";
}

static lutra_status open_file(struct lutra_gguf *g, const char *path, lutra_error *err)
{
    struct stat st;
    /* O_NONBLOCK: opening a FIFO without a writer would wait for ever; fstat then refuses it */
    do {
        g->fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
    } while (g->fd < 0 && errno == EINTR);
    if (g->fd < 0)
        return lutra_fail(err, LUTRA_EIO, "%s: cannot open: %s", g->path, strerror(errno));
    if (fstat(g->fd, &st) != 0)
        return lutra_fail(err, LUTRA_EIO, "%s: cannot stat: %s", g->path, strerror(errno));
    if (!S_ISREG(st.st_mode))
        return lutra_fail(err, LUTRA_EIO,
                          "%s: is %s, not a regular file; give the path of a GGUF file", g->path,
                          what_is(st.st_mode));
    g->file_bytes = (uint64_t)st.st_size;
    g->mtime = st.st_mtim;
    return LUTRA_OK;
}

lutra_status lutra_gguf_open_one(struct lutra_gguf **out, const char *path, lutra_error *err)
{
    *out = NULL;
    struct lutra_gguf *g = calloc(1, sizeof *g);
    if (!g) return lutra_fail(err, LUTRA_ENOMEM, "no memory to open a GGUF file");
    g->fd = -1;
    remember_path(g, path);
    lutra_status st = open_file(g, path, err);
    if (st == LUTRA_OK) st = lutra_gguf_scan(g, err);
    if (st == LUTRA_OK) st = lutra_gguf_index(g, err);
    if (st != LUTRA_OK) {
        lutra_gguf_close(g);
        return st;
    }
    *out = g;
    return LUTRA_OK;
}

lutra_status lutra_gguf_open(struct lutra_gguf **out, const char *path, lutra_error *err)
{
    lutra_status st = lutra_gguf_open_one(out, path, err);
    if (st == LUTRA_OK) st = lutra_gguf_join(out, path, err);
    if (st == LUTRA_OK) return st;
    lutra_gguf_close(*out);
    *out = NULL;
    return st;
}

void lutra_gguf_close(struct lutra_gguf *g)
{
    if (!g) return;
    for (int i = 1; i < g->n_parts; i++) lutra_gguf_close(g->parts[i]);
    free(g->parts);
    if (g->fd >= 0) close(g->fd);
    free(g->header);
    free(g->kvs);
    free(g->tensors);
    free(g->by_key);
    free(g->by_name);
    free(g);
}

/* Was the file cut or written to since it was opened? Clocks tick in milliseconds, so this is a net
 * for careless copying, not a proof. */
static lutra_status check_unchanged(const struct lutra_gguf *g, lutra_error *err)
{
    struct stat st;
    if (fstat(g->fd, &st) != 0)
        return lutra_fail(err, LUTRA_EIO, "%s: cannot stat: %s", g->path, strerror(errno));
    if ((uint64_t)st.st_size < g->file_bytes)
        return lutra_fail(err, LUTRA_EIO,
                          "%s: the file became shorter while reading; load it again when it is "
                          "complete",
                          g->path);
    if (st.st_mtim.tv_sec != g->mtime.tv_sec || st.st_mtim.tv_nsec != g->mtime.tv_nsec)
        return lutra_fail(
            err, LUTRA_EIO,
            "%s: the file was changed while reading; load it again when it is complete", g->path);
    return LUTRA_OK;
}

lutra_status lutra_gguf_pread(const struct lutra_gguf *g, void *dst, uint64_t n, uint64_t at,
                              lutra_error *err)
{
    uint8_t *to = dst;
    while (n > 0) {
        ssize_t got = pread(g->fd, to, n < READ_CHUNK ? n : READ_CHUNK, (off_t)at);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0)
            return lutra_fail(err, LUTRA_EIO, "%s: cannot read at offset %llu: %s", g->path,
                              (unsigned long long)at, strerror(errno));
        if (got == 0)
            return lutra_fail(err, LUTRA_EIO,
                              "%s: the file became shorter while reading (at offset %llu); load it "
                              "again when it is complete",
                              g->path, (unsigned long long)at);
        to += got;
        at += (uint64_t)got;
        n -= (uint64_t)got;
    }
    return check_unchanged(g, err);
}

lutra_status lutra_gguf_read(const struct lutra_gguf *g, const struct lutra_gguf_tensor *t,
                             uint64_t at, void *dst, size_t n, lutra_error *err)
{
    if (at > t->bytes || n > t->bytes - at)
        return lutra_fail(err, LUTRA_EINVAL,
                          "%s: tensor %s has %llu bytes, asked for %llu from %llu", g->path,
                          t->name, (unsigned long long)t->bytes, (unsigned long long)n,
                          (unsigned long long)at);
    return lutra_gguf_pread(g->n_parts > 0 ? g->parts[t->part] : g, dst, n, t->offset + at, err);
}

const char *lutra_gguf_tensor_path(const struct lutra_gguf *g, const struct lutra_gguf_tensor *t)
{
    return g->n_parts > 0 ? g->parts[t->part]->path : g->path;
}

void lutra_gguf_set_i2s(struct lutra_gguf *g, enum lutra_i2s_layout layout)
{
    g->i2s = layout;
}

enum lutra_i2s_layout lutra_gguf_i2s(const struct lutra_gguf *g)
{
    return g->i2s;
}

const char *lutra_gguf_path(const struct lutra_gguf *g)
{
    return g->path;
}

uint64_t lutra_gguf_file_bytes(const struct lutra_gguf *g)
{
    uint64_t sum = g->file_bytes;
    for (int i = 1; i < g->n_parts; i++) sum += g->parts[i]->file_bytes;
    return sum;
}

uint64_t lutra_gguf_header_bytes(const struct lutra_gguf *g)
{
    return g->header_bytes;
}

uint32_t lutra_gguf_version(const struct lutra_gguf *g)
{
    return g->version;
}

int lutra_gguf_n_kv(const struct lutra_gguf *g)
{
    return (int)g->n_kv;
}

const struct lutra_gguf_kv *lutra_gguf_kv_at(const struct lutra_gguf *g, int i)
{
    return i >= 0 && (uint32_t)i < g->n_kv ? &g->kvs[i] : NULL;
}

int lutra_gguf_n_tensors(const struct lutra_gguf *g)
{
    return (int)g->n_tensors;
}

const struct lutra_gguf_tensor *lutra_gguf_tensor_at(const struct lutra_gguf *g, int i)
{
    return i >= 0 && (uint32_t)i < g->n_tensors ? &g->tensors[i] : NULL;
}
