/* SPDX-License-Identifier: MIT */
/* Growable bytes with a length: prompts, answers, input lines, JSON. */
#ifndef LUTRA_TOOLS_TEXT_H
#define LUTRA_TOOLS_TEXT_H

#include <stdbool.h>
#include <stddef.h>

/* All zero is an empty text. p is NULL or ends in a NUL that n does not count; the bytes before it
 * may be anything, NUL too. Once memory has run out `failed` stays set and further additions do
 * nothing, so that a sequence of additions needs one check at its end. */
struct lutra_text {
    char *p;
    size_t n, cap;
    bool failed;
};

bool lutra_text_add(struct lutra_text *t, const char *src, size_t n);
bool lutra_text_puts(struct lutra_text *t, const char *s);
/* Put n bytes in place of `cut` bytes at `at` (at + cut <= t->n). */
bool lutra_text_splice(struct lutra_text *t, size_t at, size_t cut, const char *src, size_t n);
void lutra_text_clear(struct lutra_text *t); /* keeps the memory */
void lutra_text_free(struct lutra_text *t);

/* Append all that a descriptor or file still holds. 0, or an errno value (ENOMEM, EFBIG above `max`
 * bytes). */
int lutra_text_read_fd(struct lutra_text *t, int fd, size_t max);
int lutra_text_read_file(struct lutra_text *t, const char *path, size_t max);

/* Write to path.tmp-PID, fsync, rename: `path` is either untouched or complete. 0, or an errno
 * value (EEXIST: path is there and is not a regular file). */
int lutra_text_save(const struct lutra_text *t, const char *path);
/* What to say of such a value. */
const char *lutra_text_why(int e);

#endif
