/* SPDX-License-Identifier: MIT */
/* A small GGUF file built byte by byte, with the places of its fields: for tests that damage it.
 *
 * Independent of models/gguf_write.c on purpose. The last tensor ends with the file, so that every
 * prefix is incomplete. */
#ifndef LUTRA_TESTS_GGUF_BYTES_H
#define LUTRA_TESTS_GGUF_BYTES_H

#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* Where something interesting begins; a, b, c are the tensors. */
/* clang-format off */
enum gguf_field {
    AT_MAGIC, AT_VERSION, AT_N_TENSORS, AT_N_KV, AT_KEY0_LEN, AT_KEY0, AT_ARCH_LEN, AT_ARCH,
    AT_ALIGN_KEY, AT_ALIGN_TYPE, AT_ALIGN, AT_BOOL_TYPE, AT_BOOL, AT_U32S_ELEM, AT_U32S_COUNT,
    AT_STRS_COUNT, AT_STR0_LEN, AT_BOOLS_COUNT, AT_BOOLS, AT_FLOAT, AT_A_NAME_LEN, AT_A_NAME,
    AT_A_DIMS, AT_A_NE0, AT_A_TYPE, AT_A_OFFSET, AT_B_NAME, AT_B_DIMS, AT_B_NE0, AT_B_NE1,
    AT_B_TYPE, AT_B_OFFSET, AT_C_NAME, AT_C_NE0, AT_C_TYPE, AT_C_OFFSET, AT_INFOS_END, AT_DATA,
    N_FIELDS
};
/* clang-format on */

struct gguf_bytes {
    uint8_t b[4096];
    size_t n;
    size_t at[N_FIELDS];
};

static inline void put_bytes(struct gguf_bytes *f, const void *p, size_t n)
{
    memcpy(f->b + f->n, p, n);
    f->n += n;
}

static inline void put_le(struct gguf_bytes *f, uint64_t v, int width)
{
    for (int i = 0; i < width; i++) f->b[f->n++] = (uint8_t)(v >> 8 * i);
}

static inline void put_text(struct gguf_bytes *f, const char *s)
{
    put_le(f, strlen(s), 8);
    put_bytes(f, s, strlen(s));
}

static inline void mark(struct gguf_bytes *f, enum gguf_field field)
{
    f->at[field] = f->n;
}

/* An info; marks are the fields of its name, n_dims, ne0, the other ne, type and offset. */
static inline void put_info(struct gguf_bytes *f, const char *name, int n_dims, const uint64_t *ne,
                            uint32_t type, uint64_t offset, const int *marks)
{
    put_le(f, strlen(name), 8);
    mark(f, (enum gguf_field)marks[0]);
    put_bytes(f, name, strlen(name));
    mark(f, (enum gguf_field)marks[1]);
    put_le(f, (uint64_t)n_dims, 4);
    for (int i = 0; i < n_dims; i++) {
        mark(f, (enum gguf_field)marks[i == 0 ? 2 : 3]);
        put_le(f, ne[i], 8);
    }
    mark(f, (enum gguf_field)marks[4]);
    put_le(f, type, 4);
    mark(f, (enum gguf_field)marks[5]);
    put_le(f, offset, 8);
}

/* Mark a field and write the number there. */
static inline void put_at(struct gguf_bytes *f, enum gguf_field field, uint64_t v, int width)
{
    mark(f, field);
    put_le(f, v, width);
}

static inline void put_kvs(struct gguf_bytes *f)
{
    put_at(f, AT_KEY0_LEN, 20, 8);
    mark(f, AT_KEY0);
    put_bytes(f, "general.architecture", 20);
    put_le(f, 8, 4);
    put_at(f, AT_ARCH_LEN, 5, 8);
    mark(f, AT_ARCH);
    put_bytes(f, "llama", 5);
    mark(f, AT_ALIGN_KEY);
    put_text(f, "general.alignment");
    put_at(f, AT_ALIGN_TYPE, 4, 4);
    put_at(f, AT_ALIGN, 32, 4);
    put_text(f, "test.bool");
    put_at(f, AT_BOOL_TYPE, 7, 4);
    put_at(f, AT_BOOL, 1, 1);
    put_text(f, "test.u32s");
    put_le(f, 9, 4);
    put_at(f, AT_U32S_ELEM, 4, 4);
    put_at(f, AT_U32S_COUNT, 3, 8);
    for (uint64_t i = 1; i <= 3; i++) put_le(f, i, 4);
    put_text(f, "test.strs");
    put_le(f, 9, 4);
    put_le(f, 8, 4);
    put_at(f, AT_STRS_COUNT, 2, 8);
    mark(f, AT_STR0_LEN);
    put_text(f, "a");
    put_text(f, "bc");
    put_text(f, "test.bools");
    put_le(f, 9, 4);
    put_le(f, 7, 4);
    put_at(f, AT_BOOLS_COUNT, 2, 8);
    put_at(f, AT_BOOLS, 0, 1);
    put_le(f, 1, 1);
    put_text(f, "test.f32");
    put_le(f, 6, 4);
    put_at(f, AT_FLOAT, 0x3f000000, 4); /* 0.5f */
}

/* F32 a[8] at 0, Q4_0 b[32,2] at 32, F16 c[4,2,2] at 96; 128 bytes of data, byte i is i. */
static inline void gguf_bytes_build(struct gguf_bytes *f)
{
    static const int a[] = {AT_A_NAME, AT_A_DIMS, AT_A_NE0, AT_A_NE0, AT_A_TYPE, AT_A_OFFSET};
    static const int b[] = {AT_B_NAME, AT_B_DIMS, AT_B_NE0, AT_B_NE1, AT_B_TYPE, AT_B_OFFSET};
    static const int c[] = {AT_C_NAME, AT_C_NAME, AT_C_NE0, AT_C_NAME, AT_C_TYPE, AT_C_OFFSET};
    memset(f, 0, sizeof *f);
    mark(f, AT_MAGIC);
    put_bytes(f, "GGUF", 4);
    put_at(f, AT_VERSION, 3, 4);
    put_at(f, AT_N_TENSORS, 3, 8);
    put_at(f, AT_N_KV, 7, 8);
    put_kvs(f);
    mark(f, AT_A_NAME_LEN);
    put_info(f, "a.weight", 1, (const uint64_t[]){8}, 0, 0, a);
    put_info(f, "b.weight", 2, (const uint64_t[]){32, 2}, 2, 32, b);
    put_info(f, "c.weight", 3, (const uint64_t[]){4, 2, 2}, 1, 96, c);
    mark(f, AT_INFOS_END);
    f->n = (f->n + 31) / 32 * 32;
    mark(f, AT_DATA);
    for (int i = 0; i < 128; i++) put_le(f, (uint64_t)i, 1);
}

/* Make room for n zero bytes at `at`; marks at or behind it move. */
static inline void gguf_bytes_insert(struct gguf_bytes *f, size_t at, size_t n)
{
    memmove(f->b + at + n, f->b + at, f->n - at);
    memset(f->b + at, 0, n);
    f->n += n;
    for (int i = 0; i < N_FIELDS; i++)
        if (f->at[i] >= at) f->at[i] += n;
}

static inline void gguf_bytes_set(struct gguf_bytes *f, size_t at, uint64_t v, int width)
{
    for (int i = 0; i < width; i++) f->b[at + (size_t)i] = (uint8_t)(v >> 8 * i);
}

/* In place: truncating to nothing first makes some file systems write to disk each time. */
static inline bool gguf_bytes_save(const char *path, const void *p, size_t n)
{
    int fd = open(path, O_WRONLY | O_CREAT, 0666);
    bool ok = fd >= 0 && ftruncate(fd, (off_t)n) == 0 && pwrite(fd, p, n, 0) == (ssize_t)n;
    if (fd >= 0) close(fd);
    return ok;
}

#endif
