/* SPDX-License-Identifier: MIT */
/* Atomic saving: a temporary file in the same folder takes the final name by rename once it is complete on disk. */
#include "models/safe_out.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    CHUNK = 256 << 10, /* bytes of one system call */
    TEMP_NAMES = 16    /* tries, if other writers of this process hold the first names */
};

static lutra_status system_error(const struct lutra_safe_out *o, const char *doing, lutra_error *err)
{
    return lutra_fail(err, LUTRA_EIO, "%s: cannot %s: %s; nothing was saved", o->shown, doing, strerror(errno));
}

/* A device or a directory is not replaced by a file. */
static lutra_status check_target(const struct lutra_safe_out *o, lutra_error *err)
{
    struct stat st;
    if (stat(o->path, &st) == 0 && !S_ISREG(st.st_mode))
        return lutra_fail(err, LUTRA_EIO, "%s: exists and is not a regular file; give the name of a new file", o->shown);
    return LUTRA_OK;
}

static lutra_status open_temp(struct lutra_safe_out *o, size_t cap, unsigned mode, lutra_error *err)
{
    for (int i = 0; i < TEMP_NAMES; i++) {
        lutra_format(o->temp, cap, i ? "%s.tmp-%ld-%d" : "%s.tmp-%ld", o->path, (long)getpid(), i);
        o->fd = open(o->temp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, (mode_t)mode);
        if (o->fd >= 0) return LUTRA_OK;
        if (errno != EEXIST) break;
    }
    return system_error(o, "create a temporary file beside it", err);
}

lutra_status lutra_safe_out_open(struct lutra_safe_out *o, const char *path, unsigned mode, lutra_error *err)
{
    size_t n = strlen(path), cap = n + 64;
    o->fd = -1;
    lutra_escape(o->shown, sizeof o->shown, path, n);
    o->path = malloc(n + 1);
    o->temp = malloc(cap);
    lutra_status st = LUTRA_OK;
    if (o->path == NULL || o->temp == NULL) st = lutra_fail(err, LUTRA_ENOMEM, "%s: no memory", o->shown);
    else memcpy(o->path, path, n + 1);
    if (st == LUTRA_OK) st = check_target(o, err);
    if (st == LUTRA_OK) st = open_temp(o, cap, mode, err);
    if (st == LUTRA_OK) return LUTRA_OK;
    free(o->path);
    free(o->temp);
    return st;
}

lutra_status lutra_safe_out_write(struct lutra_safe_out *o, const void *bytes, size_t n, lutra_error *err)
{
    const uint8_t *p = bytes;
    while (n > 0) {
        ssize_t done = write(o->fd, p, n < CHUNK ? n : CHUNK);
        if (done < 0 && errno == EINTR) continue;
        if (done < 0) return system_error(o, "write", err);
        p += done;
        n -= (size_t)done;
    }
    return LUTRA_OK;
}

/* The name is safe on disk only when its directory is; a file system that cannot do this is no error. */
static void sync_directory(char *path)
{
    char *slash = strrchr(path, '/');
    if (slash) slash[slash == path ? 1 : 0] = '\0';
    int fd = open(slash ? path : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) return;
    (void)fsync(fd);
    close(fd);
}

lutra_status lutra_safe_out_close(struct lutra_safe_out *o, lutra_status st, lutra_error *err)
{
    if (st == LUTRA_OK && fsync(o->fd) != 0) st = system_error(o, "write to disk", err);
    if (close(o->fd) != 0 && st == LUTRA_OK) st = system_error(o, "close", err);
    if (st == LUTRA_OK && rename(o->temp, o->path) != 0) st = system_error(o, "rename", err);
    if (st != LUTRA_OK) unlink(o->temp);
    else sync_directory(o->path);
    free(o->path);
    free(o->temp);
    return st;
}
