/* SPDX-License-Identifier: MIT */
/* The header of a GGUF file, front to back: counts, keys with their values, tensor infos.
 *
 *   "GGUF" | version u32 | n_tensors u64 | n_kv u64 | n_kv x kv | n_tensors x info | padding | data
 *   kv:    key string | type u32 | value
 *   info:  name string | n_dims u32 | n_dims x u64 | type u32 | offset u64 (from the start of data)
 *   value: scalar | string: n u64, n bytes | array: elem type u32, n u64, n elements
 *   All little endian; nothing is aligned.
 *
 * Nothing is believed. Every length and count is compared with the bytes that remain in the file
 * before anything is allocated or read for it. The private copy of the header grows as the cursor
 * moves, by half at a time, so a false length costs no memory. Nothing recurses. */
#include <stdlib.h>
#include <string.h>

#include "kernels/qtypes.h"
#include "models/gguf_file.h"

#define HEADER_START 24 /* magic, version, two counts */
#define KV_LEAST 13   /* length of the key, type, one byte of value (an empty key is named later) */
#define INFO_LEAST 32 /* length of the name, n_dims, one dimension, type, offset */
#define FIRST_READ (64 << 10)

/* A cursor over the file, and what it is looking at, for messages. */
struct scan {
    struct lutra_gguf *g;
    lutra_error *err;
    uint64_t pos;            /* next byte to parse */
    uint64_t have;           /* bytes of g->header filled; pos <= have <= file size */
    const char *kind;        /* "key", "tensor" or NULL */
    uint32_t number;         /* of this kv or info, from 0 */
    uint64_t name, name_len; /* where its name lies, once it is known */
};

/* The error "FILE: key NAME at offset N: reason". */
static lutra_status blame(const struct scan *s, lutra_status code, uint64_t at, const char *reason)
{
    char name[100];
    unsigned long long offset = at;
    if (!s->kind)
        return lutra_fail(s->err, code, "%s: at offset %llu: %s", s->g->path, offset, reason);
    if (s->name_len > 0)
        lutra_escape(name, sizeof name, (const char *)s->g->header + s->name, s->name_len);
    else
        lutra_format(name, sizeof name, "number %lu", (unsigned long)s->number);
    return lutra_fail(s->err, code, "%s: %s %s at offset %llu: %s", s->g->path, s->kind, name,
                      offset, reason);
}

static lutra_status blame_number(const struct scan *s, lutra_status code, uint64_t at,
                                 const char *before, uint64_t number, const char *after)
{
    char reason[200];
    lutra_format(reason, sizeof reason, "%s%llu%s", before, (unsigned long long)number, after);
    return blame(s, code, at, reason);
}

static uint64_t remaining(const struct scan *s)
{
    return s->g->file_bytes - s->pos;
}

/* Make header bytes [pos, pos + n) readable. */
static lutra_status need(struct scan *s, uint64_t n)
{
    struct lutra_gguf *g = s->g;
    if (n > remaining(s))
        return blame(s, LUTRA_EFORMAT, s->pos,
                     "runs past end of file; the file is incomplete or damaged, download it again");
    uint64_t end = s->pos + n;
    if (end <= s->have) return LUTRA_OK;
    if (end > GGUF_MAX_HEADER)
        return blame(s, LUTRA_EUNSUPPORTED, s->pos, "the metadata is larger than 256 MiB");
    uint64_t want = s->have + s->have / 2;
    if (want < FIRST_READ) want = FIRST_READ;
    if (want < end) want = end;
    if (want > g->file_bytes) want = g->file_bytes;
    uint8_t *p = realloc(g->header, want);
    if (!p) return blame(s, LUTRA_ENOMEM, s->pos, "no memory for the metadata");
    g->header = p;
    lutra_status st = lutra_gguf_pread(g, p + s->have, want - s->have, s->have, s->err);
    if (st == LUTRA_OK) s->have = want;
    return st;
}

static lutra_status take_u32(struct scan *s, uint32_t *out)
{
    lutra_status st = need(s, 4);
    if (st != LUTRA_OK) return st;
    *out = gguf_u32(s->g->header + s->pos);
    s->pos += 4;
    return LUTRA_OK;
}

static lutra_status take_u64(struct scan *s, uint64_t *out)
{
    lutra_status st = need(s, 8);
    if (st != LUTRA_OK) return st;
    *out = gguf_u64(s->g->header + s->pos);
    s->pos += 8;
    return LUTRA_OK;
}

/* A string: leaves its bytes in the header copy and the cursor behind it. */
static lutra_status take_string(struct scan *s, uint64_t *at, uint64_t *len)
{
    lutra_status st = take_u64(s, len);
    if (st != LUTRA_OK) return st;
    if (*len > remaining(s))
        return blame_number(s, LUTRA_EFORMAT, s->pos - 8, "string of ", *len,
                            " bytes runs past end of file; the file is incomplete or damaged");
    st = need(s, *len);
    *at = s->pos;
    if (st == LUTRA_OK) s->pos += *len;
    return st;
}

static bool printable(const uint8_t *p, uint64_t n)
{
    for (uint64_t i = 0; i < n; i++)
        if (p[i] < 0x20 || p[i] > 0x7e) return false;
    return true;
}

/* Room for one more element in a growing array of at most `most`; NULL without memory. Grown by
 * half, like the header: a count is only a promise. */
static void *make_room(void *p, size_t elem, uint64_t have, uint64_t *cap, uint64_t most)
{
    if (have < *cap) return p;
    uint64_t more = *cap + *cap / 2 + 16;
    if (more > most) more = most;
    void *q = realloc(p, more * elem); /* most <= file size / 13: no overflow */
    if (q) *cap = more;
    return q;
}

/* ---- keys and values ---- */

static lutra_status check_bools(const struct scan *s, uint64_t at, uint64_t n)
{
    for (uint64_t i = at; i < at + n; i++)
        if (s->g->header[i] > 1)
            return blame_number(s, LUTRA_EFORMAT, i, "bool is neither 0 nor 1 but ",
                                s->g->header[i], "");
    return LUTRA_OK;
}

static lutra_status skip_strings(struct scan *s, uint64_t n)
{
    for (uint64_t i = 0; i < n; i++) {
        uint64_t at, len;
        lutra_status st = take_string(s, &at, &len);
        if (st != LUTRA_OK) return st;
    }
    return LUTRA_OK;
}

static lutra_status skip_array(struct scan *s, struct lutra_gguf_kv *kv)
{
    uint32_t elem;
    uint64_t at = s->pos, n, bytes;
    lutra_status st = take_u32(s, &elem);
    if (st == LUTRA_OK) st = take_u64(s, &n);
    if (st != LUTRA_OK) return st;
    if (elem == LUTRA_GGUF_ARRAY)
        return blame(s, LUTRA_EUNSUPPORTED, at, "nested arrays are not supported");
    if (elem >= LUTRA_GGUF_N_TYPES)
        return blame_number(s, LUTRA_EFORMAT, at, "bad element type ", elem, "");
    uint64_t least = elem == LUTRA_GGUF_STRING ? 8 : lutra_gguf_scalar_bytes(elem);
    if (!lutra_mul_ok(&bytes, n, least) || bytes > remaining(s))
        return blame_number(s, LUTRA_EFORMAT, at + 4, "array of ", n,
                            " elements runs past end of file");
    kv->elem_type = (uint8_t)elem;
    kv->count = n;
    kv->offset = s->pos;
    if (elem == LUTRA_GGUF_STRING) return skip_strings(s, n);
    st = need(s, bytes);
    if (st == LUTRA_OK && elem == LUTRA_GGUF_BOOL) st = check_bools(s, s->pos, n);
    if (st == LUTRA_OK) s->pos += bytes;
    return st;
}

static lutra_status skip_value(struct scan *s, struct lutra_gguf_kv *kv)
{
    uint64_t at, len, n = lutra_gguf_scalar_bytes(kv->type);
    kv->offset = s->pos;
    kv->count = 1;
    kv->elem_type = 0;
    if (kv->type == LUTRA_GGUF_STRING) return take_string(s, &at, &len);
    if (kv->type == LUTRA_GGUF_ARRAY) return skip_array(s, kv);
    lutra_status st = need(s, n);
    if (st == LUTRA_OK && kv->type == LUTRA_GGUF_BOOL) st = check_bools(s, s->pos, 1);
    if (st == LUTRA_OK) s->pos += n;
    return st;
}

static lutra_status scan_kv(struct scan *s, struct lutra_gguf_kv *kv)
{
    uint32_t type;
    uint64_t start = s->pos, at, len;
    s->name_len = 0;
    lutra_status st = take_string(s, &at, &len);
    if (st != LUTRA_OK) return st;
    if (len == 0) return blame(s, LUTRA_EFORMAT, start, "empty key");
    if (len > GGUF_MAX_KEY)
        return blame_number(s, LUTRA_EFORMAT, start, "the key is too long: ", len,
                            " bytes, at most 1024");
    s->name = at;
    s->name_len = len;
    if (!printable(s->g->header + at, len))
        return blame(s, LUTRA_EFORMAT, at, "the key is not printable ASCII");
    st = take_u32(s, &type);
    if (st != LUTRA_OK) return st;
    if (type >= LUTRA_GGUF_N_TYPES)
        return blame_number(s, LUTRA_EFORMAT, s->pos - 4, "bad value type ", type, "");
    kv->key_len = (uint16_t)len;
    kv->type = (uint8_t)type;
    return skip_value(s, kv);
}

static lutra_status scan_kvs(struct scan *s, uint64_t n)
{
    struct lutra_gguf *g = s->g;
    uint64_t cap = 0;
    s->kind = "key";
    for (s->number = 0; s->number < n; s->number++) {
        struct lutra_gguf_kv *p = make_room(g->kvs, sizeof *p, g->n_kv, &cap, n);
        if (!p) return blame(s, LUTRA_ENOMEM, s->pos, "no memory for the metadata");
        g->kvs = p;
        lutra_status st = scan_kv(s, &p[g->n_kv]);
        if (st != LUTRA_OK) return st;
        g->n_kv++;
    }
    return LUTRA_OK;
}

/* ---- tensor infos ---- */

static lutra_status scan_dims(struct scan *s, struct lutra_gguf_tensor *t, uint64_t *n_elements)
{
    uint32_t n_dims;
    lutra_status st = take_u32(s, &n_dims);
    if (st != LUTRA_OK) return st;
    if (n_dims < 1 || n_dims > 4)
        return blame_number(s, LUTRA_EFORMAT, s->pos - 4, "", n_dims,
                            " dimensions, expected 1 to 4");
    t->n_dims = (int)n_dims;
    *n_elements = 1;
    for (uint32_t i = 0; i < 4; i++) {
        t->ne[i] = 1;
        if (i >= n_dims) continue;
        st = take_u64(s, &t->ne[i]);
        if (st != LUTRA_OK) return st;
        if (t->ne[i] == 0) return blame(s, LUTRA_EFORMAT, s->pos - 8, "dimension 0");
        if (t->ne[i] > INT64_MAX)
            return blame_number(s, LUTRA_EFORMAT, s->pos - 8, "dimension out of range: ", t->ne[i],
                                "");
        if (!lutra_mul_ok(n_elements, *n_elements, t->ne[i]) || *n_elements > INT64_MAX)
            return blame(s, LUTRA_EFORMAT, s->pos - 8, "too many elements");
    }
    return LUTRA_OK;
}

static lutra_status blame_type(const struct scan *s, uint32_t id,
                               const struct lutra_type_info *info)
{
    char reason[300];
    if (info)
        lutra_format(reason, sizeof reason, "unknown or removed type %lu, %s: %s",
                     (unsigned long)id, info->name, info->note);
    else
        lutra_format(
            reason, sizeof reason,
            "unknown or removed type %lu; the file is damaged, newer than this program, or "
            "made by a fork: use a Q4_K_M, Q4_0 or Q8_0 file of the same model",
            (unsigned long)id);
    return blame(s, LUTRA_EUNSUPPORTED, s->pos - 4, reason);
}

/* Type, and the byte size that follows from it and the shape. */
static lutra_status scan_type(struct scan *s, struct lutra_gguf_tensor *t, uint64_t n_elements)
{
    lutra_status st = take_u32(s, &t->type);
    if (st != LUTRA_OK) return st;
    const struct lutra_type_info *info = lutra_type_info(t->type);
    if (!info || info->bytes == 0) return blame_type(s, t->type, info);
    if (t->ne[0] % (uint64_t)info->block != 0) {
        char reason[200];
        lutra_format(reason, sizeof reason,
                     "row of %llu is not a multiple of the block of %s, %d; the file is damaged or made by "
                     "a fork: use a Q4_0, Q8_0 or F16 file of the same model",
                     (unsigned long long)t->ne[0], info->name, info->block);
        return blame(s, LUTRA_EFORMAT, s->pos - 4, reason);
    }
    uint64_t n_blocks = n_elements / (uint64_t)info->block;
    if (!lutra_mul_ok(&t->bytes, n_blocks, (uint64_t)info->bytes) ||
        !lutra_add_ok(&t->bytes, t->bytes, lutra_gguf_tail(t->type)))
        return blame(s, LUTRA_EFORMAT, s->pos - 4,
                     "too large: its size in bytes needs more than 64 bits");
    return LUTRA_OK;
}

static lutra_status scan_info(struct scan *s, struct lutra_gguf_tensor *t)
{
    uint64_t at, len, n_elements = 0;
    s->name_len = 0;
    t->info_offset = s->pos;
    lutra_status st = take_string(s, &at, &len);
    if (st != LUTRA_OK) return st;
    if (len < 1 || len > GGUF_MAX_NAME)
        return blame_number(s, LUTRA_EFORMAT, t->info_offset, "bad tensor name: ", len,
                            " bytes, expected 1 to 63");
    s->name = at;
    s->name_len = len;
    if (!printable(s->g->header + at, len))
        return blame(s, LUTRA_EFORMAT, at, "bad tensor name: not printable ASCII");
    st = scan_dims(s, t, &n_elements);
    if (st == LUTRA_OK) st = scan_type(s, t, n_elements);
    if (st == LUTRA_OK) st = take_u64(s, &t->offset);
    return st;
}

static lutra_status scan_infos(struct scan *s, uint64_t n)
{
    struct lutra_gguf *g = s->g;
    uint64_t cap = 0;
    s->kind = "tensor";
    for (s->number = 0; s->number < n; s->number++) {
        struct lutra_gguf_tensor *p = make_room(g->tensors, sizeof *p, g->n_tensors, &cap, n);
        if (!p) return blame(s, LUTRA_ENOMEM, s->pos, "no memory for the tensor directory");
        g->tensors = p;
        lutra_status st = scan_info(s, &p[g->n_tensors]);
        if (st != LUTRA_OK) return st;
        g->n_tensors++;
    }
    return LUTRA_OK;
}

/* ---- the first 24 bytes ---- */

/* Files that people mistake for GGUF, by their first bytes. */
static const char *looks_like(const uint8_t *p)
{
    static const struct {
        char magic[5];
        const char *what;
    } known[] = {
        {"FUGG", "a big-endian GGUF file, which is not supported; convert it with --bigendian off"},
        {"ggjt", "a GGML file of 2023; get the GGUF file of the same model"},
        {"tjgg", "a GGML file of 2023; get the GGUF file of the same model"},
        {"lmgg", "a GGML file of 2023; get the GGUF file of the same model"},
        {"fmgg", "a GGML file of 2023; get the GGUF file of the same model"},
        {"algg", "a GGML adapter; get the GGUF file of a whole model"},
        {"PK\3\4", "a zip archive (PyTorch, llamafile); get the GGUF file of the same model"},
        {"vers", "a Git LFS pointer; fetch the file itself with git lfs pull"},
        {"<!DO", "a web page; the download went wrong, take the link of the file itself"},
        {"<htm", "a web page; the download went wrong, take the link of the file itself"},
    };
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
        if (memcmp(p, known[i].magic, 4) == 0) return known[i].what;
    return NULL;
}

static lutra_status check_magic(struct scan *s)
{
    const uint8_t *p = s->g->header;
    if (memcmp(p, "GGUF", 4) == 0) return LUTRA_OK;
    const char *what = looks_like(p);
    if (!what) return blame(s, LUTRA_EFORMAT, 0, "not a GGUF file");
    char reason[160];
    lutra_format(reason, sizeof reason, "not a GGUF file but %s", what);
    return blame(s, LUTRA_EFORMAT, 0, reason);
}

static lutra_status check_version(struct scan *s, uint32_t v)
{
    s->g->version = v;
    if (v == 2 || v == 3) return LUTRA_OK;
    if ((v & 0xffff) == 0 && v >> 24 < 16 && v != 0)
        return blame(
            s, LUTRA_EUNSUPPORTED, 4,
            "big-endian GGUF is not supported; get the little-endian file of the same model");
    return blame_number(s, LUTRA_EUNSUPPORTED, 4, "unsupported version ", v,
                        " of GGUF (2 and 3 are); get a current file of the same model");
}

/* Counts against what the rest of the file could hold at best. */
static lutra_status check_counts(const struct scan *s, uint64_t n_tensors, uint64_t n_kv)
{
    char reason[160];
    const char *what = NULL;
    uint64_t room = remaining(s), n = 0;
    if (n_kv > room / KV_LEAST) {
        what = "kv";
        n = n_kv;
    } else if (n_tensors > (room - n_kv * KV_LEAST) / INFO_LEAST) {
        what = "tensor";
        n = n_tensors;
    }
    if (!what) return LUTRA_OK;
    lutra_format(reason, sizeof reason,
                 "%s count %llu impossible for a file of %llu bytes; the file is damaged", what,
                 (unsigned long long)n, (unsigned long long)s->g->file_bytes);
    return blame(s, LUTRA_EFORMAT, what[0] == 'k' ? 16 : 8, reason);
}

/* Give back what growing took in advance; if that fails, the old block is as good. */
static void *shrink(void *p, size_t bytes)
{
    void *q = bytes > 0 ? realloc(p, bytes) : NULL;
    return q ? q : p;
}

/* The copy stands still now: let keys and names point into it. A name gets its NUL in the first
 * byte of n_dims, which has been parsed. */
static void settle(struct lutra_gguf *g)
{
    g->header = shrink(g->header, g->header_bytes);
    g->kvs = shrink(g->kvs, g->n_kv * sizeof *g->kvs);
    g->tensors = shrink(g->tensors, g->n_tensors * sizeof *g->tensors);
    for (uint32_t i = 0; i < g->n_kv; i++) {
        struct lutra_gguf_kv *kv = &g->kvs[i];
        uint64_t before = kv->type == LUTRA_GGUF_ARRAY ? 4 + 4 + 8 : 4;
        kv->key = (const char *)g->header + kv->offset - before - kv->key_len;
    }
    for (uint32_t i = 0; i < g->n_tensors; i++) {
        uint8_t *name = g->header + g->tensors[i].info_offset;
        name[8 + gguf_u64(name)] = '\0';
        g->tensors[i].name = (const char *)name + 8;
    }
}

lutra_status lutra_gguf_scan(struct lutra_gguf *g, lutra_error *err)
{
    struct scan s = {.g = g, .err = err};
    uint32_t version;
    uint64_t n_tensors, n_kv;
    lutra_status st = LUTRA_OK;
    if (g->file_bytes >= 4) {
        st = need(&s, 4);
        if (st == LUTRA_OK) st = check_magic(&s);
        if (st != LUTRA_OK) return st;
    }
    if (g->file_bytes < HEADER_START)
        return blame_number(&s, LUTRA_EFORMAT, 0, "the file has ", g->file_bytes,
                            " bytes, shorter than a GGUF header; download it again");
    s.pos = 4;
    st = take_u32(&s, &version);
    if (st == LUTRA_OK) st = check_version(&s, version);
    if (st == LUTRA_OK) st = take_u64(&s, &n_tensors);
    if (st == LUTRA_OK) st = take_u64(&s, &n_kv);
    if (st == LUTRA_OK) st = check_counts(&s, n_tensors, n_kv);
    if (st == LUTRA_OK) st = scan_kvs(&s, n_kv);
    if (st == LUTRA_OK) st = scan_infos(&s, n_tensors);
    if (st != LUTRA_OK) return st;
    g->header_bytes = s.pos;
    settle(g);
    return LUTRA_OK;
}
