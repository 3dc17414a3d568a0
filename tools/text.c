/* SPDX-License-Identifier: MIT */
/* Growable bytes, whole-file reading, and files that are replaced in one step. */
#include "tools/text.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { TEMP_NAMES = 16 }; /* tries, where others hold the first names */

static bool reserve(struct lutra_text *t, size_t more)
{
    if (t->failed) return false;
    if (t->p && more < t->cap - t->n) return true;
    if (more > SIZE_MAX / 4 || t->n > SIZE_MAX / 4) {
        t->failed = true;
        return false;
    }
    size_t cap = (t->n + more + 1) * 3 / 2 + 64;
    char *p = realloc(t->p, cap);
    if (!p) {
        t->failed = true;
        return false;
    }
    if (!t->p) p[0] = '\0';
    t->p = p;
    t->cap = cap;
    return true;
}

bool lutra_text_splice(struct lutra_text *t, size_t at, size_t cut, const char *src, size_t n)
{
    if (!reserve(t, n)) return false;
    memmove(t->p + at + n, t->p + at + cut, t->n - at - cut + 1);
    if (n) memcpy(t->p + at, src, n);
    t->n = t->n - cut + n;
    return true;
}

bool lutra_text_add(struct lutra_text *t, const char *src, size_t n)
{
    return lutra_text_splice(t, t->n, 0, src, n);
}

bool lutra_text_puts(struct lutra_text *t, const char *s)
{
    return lutra_text_add(t, s, strlen(s));
}

void lutra_text_clear(struct lutra_text *t)
{
    t->n = 0;
    t->failed = false;
    if (t->p) t->p[0] = '\0';
}

void lutra_text_free(struct lutra_text *t)
{
    free(t->p);
    memset(t, 0, sizeof *t);
}

int lutra_text_read_fd(struct lutra_text *t, int fd, size_t max)
{
    size_t start = t->n;
    for (;;) {
        char chunk[16384];
        ssize_t got = read(fd, chunk, sizeof chunk);
        if (got < 0 && errno == EINTR) return EINTR;
        if (got < 0) return errno;
        if (got == 0) return lutra_text_add(t, "", 0) ? 0 : ENOMEM;
        if ((size_t)got > max - (t->n - start)) return EFBIG;
        if (!lutra_text_add(t, chunk, (size_t)got)) return ENOMEM;
    }
}

int lutra_text_read_file(struct lutra_text *t, const char *path, size_t max)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return errno;
    int e = lutra_text_read_fd(t, fd, max);
    close(fd);
    return e;
}

static int write_all(int fd, const char *p, size_t n)
{
    while (n > 0) {
        ssize_t put = write(fd, p, n);
        if (put < 0 && errno == EINTR) continue;
        if (put < 0) return errno;
        p += put;
        n -= (size_t)put;
    }
    return 0;
}

int lutra_text_save(const struct lutra_text *t, const char *path)
{
    struct stat st;
    /* renaming over a device or a directory's name would destroy it */
    if (stat(path, &st) == 0 && !S_ISREG(st.st_mode)) return S_ISDIR(st.st_mode) ? EISDIR : EEXIST;
    char tmp[4096];
    int fd = -1, len;
    /* one that was killed may have left its file, and in a container every process has the same number */
    for (int i = 0; i < TEMP_NAMES && fd < 0; i++) {
        len = snprintf(tmp, sizeof tmp, i ? "%s.tmp-%ld-%d" : "%s.tmp-%ld", path, (long)getpid(), i);
        if (len < 0 || (size_t)len >= sizeof tmp) return ENAMETOOLONG;
        fd = open(tmp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
        if (fd < 0 && errno != EEXIST) return errno;
    }
    if (fd < 0) return EBUSY;
    int e = t->n ? write_all(fd, t->p, t->n) : 0;
    if (!e && fsync(fd)) e = errno;
    if (close(fd) && !e) e = errno;
    if (!e && rename(tmp, path)) e = errno;
    if (e) unlink(tmp);
    return e;
}

const char *lutra_text_why(int e)
{
    return e == EEXIST ? "it exists and is not a regular file" : strerror(e);
}
