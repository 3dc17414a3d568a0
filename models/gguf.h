/* SPDX-License-Identifier: MIT */
/* GGUF v2/v3 files: keys, tensor directory, tensor bytes. Knows no architecture, believes nothing.
 *
 * The file is opened once, must be a regular file, and is read with pread into private memory:
 * nothing is mapped, so a file truncated or rewritten under us is an ordinary error, never a
 * SIGBUS. The header (keys and tensor infos) is kept as one private copy; strings point into it by
 * (ptr, len) and are NOT NUL-terminated. Metadata memory stays below 4 x header bytes + 64 KiB. */
#ifndef LUTRA_MODELS_GGUF_H
#define LUTRA_MODELS_GGUF_H

#include "kernels/qtypes.h"
#include "models/i2s.h"

struct lutra_gguf;

/* Value types, numbered as in the file. */
enum lutra_gguf_type {
    LUTRA_GGUF_U8,
    LUTRA_GGUF_I8,
    LUTRA_GGUF_U16,
    LUTRA_GGUF_I16,
    LUTRA_GGUF_U32,
    LUTRA_GGUF_I32,
    LUTRA_GGUF_F32,
    LUTRA_GGUF_BOOL,
    LUTRA_GGUF_STRING,
    LUTRA_GGUF_ARRAY,
    LUTRA_GGUF_U64,
    LUTRA_GGUF_I64,
    LUTRA_GGUF_F64,
    LUTRA_GGUF_N_TYPES
};

struct lutra_gguf_kv {
    const char *key; /* key_len bytes of printable ASCII, no NUL behind them */
    uint16_t key_len;
    uint8_t type;      /* enum lutra_gguf_type */
    uint8_t elem_type; /* arrays */
    uint64_t count;    /* arrays: elements; else 1 */
    uint64_t offset;   /* of the value in the file (of element 0 for arrays), for messages */
};

struct lutra_gguf_tensor {
    const char *name; /* 1..63 bytes of printable ASCII, terminated */
    uint32_t type;    /* as in the file; see lutra_type_info. A 42 (Q2_0) whose room is that of
                         blocks of 128 weights is LUTRA_TYPE_Q2_0_G128 here */
    int n_dims;       /* 1..4 */
    uint64_t ne[4];   /* ne[0] is the row length; unused dims are 1 */
    uint64_t offset;  /* absolute, in the file */
    uint64_t bytes;
    uint64_t info_offset; /* where its directory entry starts, for messages */
    uint32_t part;        /* which file of a model in several; 0 */
};

/* Bytes behind a tensor's blocks that belong to it: I2_S keeps its scale there. */
static inline uint64_t lutra_gguf_tail(uint32_t type)
{
    return type == LUTRA_TYPE_I2_S ? 32 : 0;
}

/* What I2_S tensors of this file are laid out as: nothing in it tells (models/i2s.h). 128 at first. */
void lutra_gguf_set_i2s(struct lutra_gguf *g, enum lutra_i2s_layout layout);
enum lutra_i2s_layout lutra_gguf_i2s(const struct lutra_gguf *g);

/* Open and check a file. Every rule of the format is checked here: after success all offsets and
 * sizes lie inside the file, names are unique, tensors do not overlap, types have known sizes
 * (which does not mean that they run: lutra_type_runs). A file without tensors is fine. Errors:
 * LUTRA_EIO, LUTRA_EFORMAT, LUTRA_EUNSUPPORTED (version, endianness, type ids, nested arrays),
 * LUTRA_ENOMEM. A part of a model in several files (NAME-00001-of-00003.gguf) opens all of them. The message names the file (escaped), the key or tensor,
 * the byte offset and what would help. Never blocks on a FIFO. */
lutra_status lutra_gguf_open(struct lutra_gguf **out, const char *path, lutra_error *err);
void lutra_gguf_close(struct lutra_gguf *g); /* NULL is fine */

const char *lutra_gguf_path(const struct lutra_gguf *g); /* escaped, for messages */
/* Path of the file that holds a tensor: of several, its part */
const char *lutra_gguf_tensor_path(const struct lutra_gguf *g, const struct lutra_gguf_tensor *t);
uint64_t lutra_gguf_file_bytes(const struct lutra_gguf *g); /* of all parts */
uint64_t lutra_gguf_header_bytes(const struct lutra_gguf *g);
uint32_t lutra_gguf_version(const struct lutra_gguf *g);

int lutra_gguf_n_kv(const struct lutra_gguf *g);
const struct lutra_gguf_kv *lutra_gguf_kv_at(const struct lutra_gguf *g, int i);
/* NULL if absent; O(log n) whatever the keys are */
const struct lutra_gguf_kv *lutra_gguf_find(const struct lutra_gguf *g, const char *key);

/* Scalars of any integer type, value range checked. Absent key: LUTRA_OK, *out untouched, *found
 * (may be NULL) false. Wrong type or out of [min, max]: LUTRA_EFORMAT with key, offset and the
 * range. */
lutra_status lutra_gguf_int(const struct lutra_gguf *g, const char *key, int64_t min, int64_t max,
                            int64_t *out, bool *found, lutra_error *err);
/* f32, f64; NaN and infinities refused */
lutra_status lutra_gguf_float(const struct lutra_gguf *g, const char *key, double min, double max,
                              double *out, bool *found, lutra_error *err);
lutra_status lutra_gguf_bool(const struct lutra_gguf *g, const char *key, bool *out, bool *found,
                             lutra_error *err);
/* *out points to *len bytes, not terminated, any bytes at all */
lutra_status lutra_gguf_str(const struct lutra_gguf *g, const char *key, const char **out,
                            size_t *len, bool *found, lutra_error *err);

/* The error for a required `kind` ("key", "tensor") that a file lacks: says where its list ends. */
lutra_status lutra_gguf_missing(const struct lutra_gguf *g, const char *kind, const char *name,
                                const char *cure, lutra_error *err);

/* Array elements; false if kv is no such array or i >= count. Integers of any integer type (bool is
 * 0 or 1; a u64 above INT64_MAX is false too); floats of f32/f64, as they are, NaN included. */
bool lutra_gguf_arr_int(const struct lutra_gguf *g, const struct lutra_gguf_kv *kv, uint64_t i,
                        int64_t *out);
bool lutra_gguf_arr_float(const struct lutra_gguf *g, const struct lutra_gguf_kv *kv, uint64_t i,
                          double *out);
/* Strings are walked in order: start with *cursor = 0; false at the end or if not strings. */
bool lutra_gguf_arr_str(const struct lutra_gguf *g, const struct lutra_gguf_kv *kv,
                        uint64_t *cursor, const char **s, size_t *len);
/* Any scalar or the first elements of an array as text for a person, escaped; at most cap bytes. */
void lutra_gguf_show(const struct lutra_gguf *g, const struct lutra_gguf_kv *kv, char *dst,
                     size_t cap);
/* "u32", "string", ... of an enum lutra_gguf_type */
const char *lutra_gguf_type_name(uint32_t type);

int lutra_gguf_n_tensors(const struct lutra_gguf *g);
const struct lutra_gguf_tensor *lutra_gguf_tensor_at(const struct lutra_gguf *g, int i);
/* NULL if absent; O(log n) */
const struct lutra_gguf_tensor *lutra_gguf_tensor(const struct lutra_gguf *g, const char *name);

/* Read `n` bytes of a tensor from byte `at` of it.
 *   Threads  any number at once
 *   Errors   LUTRA_EINVAL range; LUTRA_EIO, also when the file has become shorter or was written to
 *            since it was opened */
lutra_status lutra_gguf_read(const struct lutra_gguf *g, const struct lutra_gguf_tensor *t,
                             uint64_t at, void *dst, size_t n, lutra_error *err);

/* ---- the one writer (gguf_write.c): tests, synthetic models, later the quantizer ---- */

struct lutra_gguf_writer;

/* Collects keys and tensors in memory, in order, then writes path.tmp-PID, fsyncs and renames: the
 * final name is either absent (or what it was) or complete. v3, little endian, alignment 32.
 * Everything given is copied, except the argument of a fill callback. The first error sticks: later
 * calls return it, and lutra_gguf_writer_save reports it, so that callers need to look only there.
 * Errors of put: LUTRA_EINVAL for what the reader would refuse, LUTRA_ENOMEM. */
lutra_status lutra_gguf_writer_open(struct lutra_gguf_writer **out, lutra_error *err);
lutra_status lutra_gguf_put_u32(struct lutra_gguf_writer *w, const char *key, uint32_t v);
lutra_status lutra_gguf_put_i32(struct lutra_gguf_writer *w, const char *key, int32_t v);
lutra_status lutra_gguf_put_u64(struct lutra_gguf_writer *w, const char *key, uint64_t v);
lutra_status lutra_gguf_put_f32(struct lutra_gguf_writer *w, const char *key, float v);
lutra_status lutra_gguf_put_bool(struct lutra_gguf_writer *w, const char *key, bool v);
lutra_status lutra_gguf_put_str(struct lutra_gguf_writer *w, const char *key, const char *v,
                                size_t len);
lutra_status lutra_gguf_put_strs(struct lutra_gguf_writer *w, const char *key, const char *const *v,
                                 const size_t *len, uint64_t n);
/* n scalars, as they lie in memory (Lutra's machines are little endian) */
lutra_status lutra_gguf_put_array(struct lutra_gguf_writer *w, const char *key, uint32_t elem_type,
                                  const void *v, uint64_t n);
/* Called while writing, in order, to produce bytes [at, at+n) of the tensor. An error ends the
 * save. */
typedef lutra_status (*lutra_gguf_fill_fn)(void *arg, uint64_t at, void *dst, size_t n,
                                           lutra_error *err);
/* The bytes come from `data`, all of them, or if it is NULL from `fill`. */
lutra_status lutra_gguf_put_tensor(struct lutra_gguf_writer *w, const char *name, uint32_t type,
                                   int n_dims, const uint64_t *ne, const void *data,
                                   lutra_gguf_fill_fn fill, void *arg);
lutra_status lutra_gguf_writer_save(struct lutra_gguf_writer *w, const char *path,
                                    lutra_error *err);
void lutra_gguf_writer_close(struct lutra_gguf_writer *w); /* NULL is fine */

#endif
