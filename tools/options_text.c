/* SPDX-License-Identifier: MIT */
/* Where the prompt comes from: arguments, files, pipes; escapes; the seed. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "tools/cmd.h"
#include "tools/options.h"
#include "tools/sys.h"

/* 1 GiB: far above any context, low enough that a wrong file (a disk image, /dev/zero) is noticed.
 */
#define PROMPT_MAX ((size_t)1 << 30)

static int hex(int c)
{
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

/* Value of the escape at p (behind the backslash) into dst; returns bytes written, *used bytes
 * read; 0 used: not an escape. */
static size_t one_escape(const char *p, size_t n, char *dst, size_t *used)
{
    static const char from[] = "ntr\\\"'abfv0", to[] = "\n\t\r\\\"'\a\b\f\v\0";
    const char *hit = n ? memchr(from, p[0], sizeof from - 1) : NULL;
    *used = 0;
    if (hit) {
        dst[0] = to[hit - from];
        *used = 1;
        return 1;
    }
    if (n >= 3 && p[0] == 'x' && hex(p[1]) >= 0 && hex(p[2]) >= 0) {
        dst[0] = (char)(hex(p[1]) << 4 | hex(p[2]));
        *used = 3;
        return 1;
    }
    return 0;
}

/* In place: an escape is longer than what it stands for. Returns the new length. */
static size_t unescape(char *p, size_t n)
{
    size_t w = 0;
    for (size_t r = 0; r < n;) {
        size_t used = 0, put = 0;
        if (p[r] == '\\') put = one_escape(p + r + 1, n - r - 1, p + w, &used);
        if (used) {
            r += used + 1;
            w += put;
        } else {
            p[w++] = p[r++];
        }
    }
    p[w] = '\0';
    return w;
}

void lutra_options_unescape(struct lutra_text *t)
{
    if (t->p) t->n = unescape(t->p, t->n);
}

void lutra_options_fix_stops(struct lutra_options *o)
{
    int n = 0;
    for (int i = 0; i < o->stop.n; i++) {
        char *s = (char *)o->stop.v[i]; /* words of argv, which are ours to change */
        if (!o->no_escape) unescape(s, strlen(s));
        if (*s) o->stop.v[n++] = s; /* an empty string would stop everything at once */
    }
    o->stop.n = n;
}

static int report(const char *what, int e)
{
    char shown[300];
    lutra_escape(shown, sizeof shown, what, strlen(what));
    if (e == EINTR) return LUTRA_EXIT_INTERRUPTED;
    if (e == ENOMEM) {
        lutra_cli_say("%s: not enough memory for this text", shown);
        return LUTRA_EXIT_MEMORY;
    }
    if (e == EFBIG)
        lutra_cli_say("%s: more than 1 GiB of text; is this the right file?", shown);
    else
        lutra_cli_say("%s: %s", shown, strerror(e));
    return e == EFBIG ? LUTRA_EXIT_RUN : LUTRA_EXIT_USAGE;
}

/* The end of the last line, if it has one: \n, or \r\n. */
static void drop_newline(struct lutra_text *t, size_t start)
{
    if (t->n == start || t->p[t->n - 1] != '\n') return;
    t->n--;
    if (t->n > start && t->p[t->n - 1] == '\r') t->n--;
    t->p[t->n] = '\0';
}

static int add_file(struct lutra_text *out, const char *path, bool whole)
{
    size_t start = out->n;
    bool is_stdin = strcmp(path, "-") == 0;
    int e = is_stdin ? lutra_text_read_fd(out, STDIN_FILENO, PROMPT_MAX)
                     : lutra_text_read_file(out, path, PROMPT_MAX);
    if (e) return report(is_stdin ? "stdin" : path, e);
    if (!whole) drop_newline(out, start);
    return -1;
}

int lutra_options_template(const struct lutra_options *o, struct lutra_text *out)
{
    return o->chat_template_file ? add_file(out, o->chat_template_file, false) : -1;
}

static int add_argument(struct lutra_text *out, const char *arg, bool unescape)
{
    struct lutra_text t = {0};
    lutra_text_puts(&t, arg);
    if (unescape && !t.failed) lutra_options_unescape(&t);
    if (!t.failed) lutra_text_add(out, t.p, t.n);
    bool bad = t.failed || out->failed;
    lutra_text_free(&t);
    return bad ? report("prompt", ENOMEM) : -1;
}

int lutra_options_prompt(const struct lutra_options *o, struct lutra_text *out, bool *given)
{
    int code = -1;
    bool read_stdin = !lutra_cli_tty(STDIN_FILENO);
    *given = o->prompt || o->file || o->binary_file;
    if (o->prompt) code = add_argument(out, o->prompt, !o->no_escape);
    if (code < 0 && o->file) {
        if (strcmp(o->file, "-") == 0) read_stdin = false;
        code = add_file(out, o->file, false);
    }
    if (code < 0 && o->binary_file) {
        if (strcmp(o->binary_file, "-") == 0) read_stdin = false;
        code = add_file(out, o->binary_file, true);
    }
    if (code >= 0 || !read_stdin) return code;
    size_t before = out->n;
    int e = lutra_text_read_fd(out, STDIN_FILENO, PROMPT_MAX);
    /* a service or a closed descriptor has no stdin to read: that is an empty one */
    if (e == EBADF || e == EISDIR || e == EIO) e = 0;
    if (e) return report("stdin", e);
    if (out->n > before) {
        *given = true;
        drop_newline(out, before);
    }
    return -1;
}

int lutra_options_system(const struct lutra_options *o, struct lutra_text *out)
{
    int code = -1;
    if (o->system) code = add_argument(out, o->system, !o->no_escape);
    if (code < 0 && o->system_file) code = add_file(out, o->system_file, false);
    return code;
}

uint64_t lutra_options_seed(const struct lutra_options *o)
{
    uint64_t seed;
    if (o->seed.set) return o->seed.value;
    if (!lutra_sys_random(&seed, sizeof seed)) {
        struct timespec t;
        clock_gettime(CLOCK_REALTIME, &t);
        seed = (uint64_t)t.tv_nsec * 0x9E3779B97F4A7C15u ^ (uint64_t)t.tv_sec ^
               (uint64_t)getpid() << 32;
    }
    return seed & 0xFFFFFFFFu; /* short enough to type again */
}
