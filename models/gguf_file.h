/* SPDX-License-Identifier: MIT */
/* What the files of the GGUF reader share; everybody else uses models/gguf.h. */
#ifndef LUTRA_MODELS_GGUF_FILE_H
#define LUTRA_MODELS_GGUF_FILE_H

#include <sys/types.h>
#include <time.h>

#include "models/gguf.h"

#if defined(__APPLE__)
#define st_mtim st_mtimespec /* POSIX's name for it came later */
#endif

/* Limits of ours, none of the format. */
#define GGUF_MAX_HEADER ((uint64_t)256 << 20) /* ten times the largest vocabulary seen */
#define GGUF_MAX_KEY 1024 /* the format allows 65535; real keys stay below 100 */
#define GGUF_MAX_NAME 63  /* the format's own limit for tensor names */
#define GGUF_MAX_ALIGN ((uint64_t)1 << 20)
#define GGUF_MAX_PARTS 256 /* files open at once */

struct lutra_gguf {
    int fd;
    uint32_t version;
    uint64_t file_bytes, header_bytes, data_start;
    struct timespec mtime; /* as opened: a file that changes under us is noticed */
    enum lutra_i2s_layout i2s; /* as the caller says */
    uint8_t *header;       /* private copy of bytes [0, header_bytes) */
    struct lutra_gguf_kv *kvs;
    struct lutra_gguf_tensor *tensors;
    const struct lutra_gguf_kv **by_key;      /* sorted by key */
    const struct lutra_gguf_tensor **by_name; /* sorted by name */
    uint32_t n_kv, n_tensors;
    struct lutra_gguf **parts; /* of the first file of several: all of them, itself too */
    int n_parts;
    char path[256];
};

/* Bytes of one value of a scalar type; 0 for strings and arrays. */
unsigned lutra_gguf_scalar_bytes(uint32_t type);
const char *lutra_gguf_type_name(uint32_t type);

/* Parse and check the header of an open file (gguf_scan.c). */
lutra_status lutra_gguf_scan(struct lutra_gguf *g, lutra_error *err);
/* Sort the directories, refuse duplicates, place the tensors (gguf_index.c). */
lutra_status lutra_gguf_index(struct lutra_gguf *g, lutra_error *err);
/* One file, whatever it says of others (gguf.c). */
lutra_status lutra_gguf_open_one(struct lutra_gguf **out, const char *path, lutra_error *err);
/* If *io, opened from path, is a part of a model, open the others and join their tensors to those of
 * the first, which becomes *io (gguf_split.c). On failure *io is still to be closed. */
lutra_status lutra_gguf_join(struct lutra_gguf **io, const char *path, lutra_error *err);
/* by_name in order of names, each once (gguf_index.c). */
lutra_status lutra_gguf_sort_names(struct lutra_gguf *g, lutra_error *err);
/* n bytes from file offset `at`: all of them, or LUTRA_EIO with a message. */
lutra_status lutra_gguf_pread(const struct lutra_gguf *g, void *dst, uint64_t n, uint64_t at,
                              lutra_error *err);

static inline uint32_t gguf_u32(const uint8_t *p)
{
    return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static inline uint64_t gguf_u64(const uint8_t *p)
{
    return gguf_u32(p) | (uint64_t)gguf_u32(p + 4) << 32;
}

#endif
