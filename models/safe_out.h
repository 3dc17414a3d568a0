/* SPDX-License-Identifier: MIT */
/* Files that appear whole or not at all: written beside their name, synced, renamed. */
#ifndef LUTRA_MODELS_SAFE_OUT_H
#define LUTRA_MODELS_SAFE_OUT_H

#include "kernels/base.h"

struct lutra_safe_out {
    int fd;
    char *path, *temp;  /* the final name; the one written to */
    char shown[200];    /* the final name, escaped */
};

/* Begin to write `path`, which must be absent or a regular file. mode: permissions, less the umask.
 * Errors LUTRA_EIO, LUTRA_ENOMEM: nothing to close then. */
lutra_status lutra_safe_out_open(struct lutra_safe_out *o, const char *path, unsigned mode, lutra_error *err);

/* The next n bytes. Errors LUTRA_EIO. */
lutra_status lutra_safe_out_write(struct lutra_safe_out *o, const void *bytes, size_t n, lutra_error *err);

/* st LUTRA_OK: the file gets its name, or LUTRA_EIO. Else, and after an error here: the temporary file is gone, what had
 * the name is untouched, and the first error is returned. */
lutra_status lutra_safe_out_close(struct lutra_safe_out *o, lutra_status st, lutra_error *err);

#endif
