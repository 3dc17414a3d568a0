/* SPDX-License-Identifier: MIT */
/* The history of input lines and its file. Losing it is never an error: a chat works without. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tools/edit.h"

void lutra_history_add(struct lutra_history *h, const char *line)
{
    if (!*line || (h->n > 0 && strcmp(h->line[h->n - 1], line) == 0)) return;
    char *copy = strdup(line);
    if (!copy) return;
    if (h->n == LUTRA_HISTORY_MAX) {
        free(h->line[0]);
        memmove(h->line, h->line + 1, (LUTRA_HISTORY_MAX - 1) * sizeof *h->line);
        h->n--;
    }
    h->line[h->n++] = copy;
}

void lutra_history_free(struct lutra_history *h)
{
    for (int i = 0; i < h->n; i++) free(h->line[i]);
    h->n = 0;
}

/* Undo \n and \\ in place. */
static void unescape(char *s)
{
    char *w = s;
    for (; *s; s++) {
        if (s[0] == '\\' && (s[1] == 'n' || s[1] == '\\'))
            *w++ = *++s == 'n' ? '\n' : '\\';
        else
            *w++ = *s;
    }
    *w = '\0';
}

void lutra_history_load(struct lutra_history *h, const char *path)
{
    enum { FILE_MAX = 4 << 20 };
    struct lutra_text t = {0};
    struct stat st;
    int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0) return;
    if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode)) {
        /* the file only grows; its end is what counts */
        if (st.st_size > FILE_MAX && lseek(fd, -FILE_MAX, SEEK_END) < 0) st.st_size = 0;
        lutra_text_read_fd(&t, fd, FILE_MAX);
    }
    close(fd);
    for (char *p = t.p, *end; p && *p; p = end) {
        end = strchr(p, '\n');
        if (!end) break; /* cut off while it was written */
        *end++ = '\0';
        unescape(p);
        lutra_history_add(h, p);
    }
    lutra_text_free(&t);
}

static void make_folders(char *path)
{
    for (char *p = path + 1; (p = strchr(p, '/')); p++) {
        *p = '\0';
        mkdir(path, 0700);
        *p = '/';
    }
}

static int open_to_append(const char *path)
{
    int flags = O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NONBLOCK;
    int fd = open(path, flags, 0600);
    if (fd >= 0 || errno != ENOENT) return fd;
    char *copy = strdup(path);
    if (!copy) return -1;
    make_folders(copy);
    free(copy);
    return open(path, flags, 0600);
}

void lutra_history_append(const struct lutra_history *h, const char *path)
{
    struct lutra_text t = {0};
    if (h->n == 0) return;
    for (const char *p = h->line[h->n - 1]; *p; p++) {
        if (*p == '\n')
            lutra_text_puts(&t, "\\n");
        else if (*p == '\\')
            lutra_text_puts(&t, "\\\\");
        else
            lutra_text_add(&t, p, 1);
    }
    if (lutra_text_puts(&t, "\n")) {
        int fd = open_to_append(path);
        if (fd >= 0) {
            /* one write, so that two chats do not mix their lines; failure is fine, see above */
            ssize_t ignored = write(fd, t.p, t.n);
            (void)ignored;
            close(fd);
        }
    }
    lutra_text_free(&t);
}
