/* SPDX-License-Identifier: MIT */
/* What the halves of the GGUF writer share: collecting (gguf_write.c), saving (gguf_save.c). */
#ifndef LUTRA_MODELS_GGUF_WRITER_H
#define LUTRA_MODELS_GGUF_WRITER_H

#include "models/gguf_file.h"

/* A buffer that grows. */
struct lutra_bytes {
    uint8_t *p;
    size_t n, cap;
};

/* false without memory; then nothing was added */
bool lutra_bytes_add(struct lutra_bytes *b, const void *src, uint64_t n);
bool lutra_bytes_add_u32(struct lutra_bytes *b, uint32_t v);
bool lutra_bytes_add_u64(struct lutra_bytes *b, uint64_t v);
bool lutra_bytes_add_string(struct lutra_bytes *b, const char *s, size_t n);

struct gguf_pending {
    char name[GGUF_MAX_NAME + 1];
    uint32_t type;
    int n_dims;
    uint64_t ne[4], bytes;
    uint64_t offset; /* from the start of data, once saving has begun */
    uint8_t *data;   /* own copy, or NULL: ask fill */
    lutra_gguf_fill_fn fill;
    void *arg;
};

struct lutra_gguf_writer {
    lutra_error first;      /* the error that sticks */
    struct lutra_bytes kvs; /* records "key | type | value" as in the file */
    size_t *key_at;         /* where each record starts in kvs */
    size_t n_kv, key_cap;
    struct gguf_pending *tensors;
    size_t n_tensors, tensor_cap;
};

/* Remember the first error, name escaped; returns `code`. */
lutra_status lutra_gguf_writer_stick(struct lutra_gguf_writer *w, lutra_status code,
                                     const char *what, const char *name, const char *reason);

#endif
