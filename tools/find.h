/* SPDX-License-Identifier: MIT */
/* GGUF files that are already on this machine, in the folders where programs keep them. */
#ifndef LUTRA_TOOLS_FIND_H
#define LUTRA_TOOLS_FIND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { LUTRA_FOUND_MAX = 200, LUTRA_FIND_PATH = 1024 };

struct lutra_found {
    char path[LUTRA_FIND_PATH];
    uint64_t bytes, device, inode;
};

/* Does the file begin as a GGUF file does? */
bool lutra_find_is_gguf(const char *path);

/* Search; *files is an array to free(). Returns the count, at most LUTRA_FOUND_MAX, sorted by path.
 */
int lutra_find_models(struct lutra_found **files);

/* A path for `model`: itself if it exists or holds a slash; else a file of that name (with or
 * without .gguf) in the model folders. Returns `model` or dst. */
const char *lutra_find_path(const char *model, char dst[LUTRA_FIND_PATH]);

/* ${variable:-~/fallback}/lutra for XDG variables; false if neither is set or it does not fit. */
bool lutra_find_own_dir(const char *variable, const char *fallback, char *dst, size_t cap);

/* Make the folders of a path, as far as they are missing; false (errno) if that fails. */
bool lutra_find_make_folders(char *path);

#endif
