/* SPDX-License-Identifier: MIT */
/* The writer of GGUF files, first half: keys and tensors collected in memory.
 *
 * Key-value pairs are encoded as they come, into one growing buffer; tensor infos need offsets,
 * which are known once all tensors are. */
#include <stdlib.h>
#include <string.h>

#include "kernels/qtypes.h"
#include "models/gguf_writer.h"

/* ---- growing ---- */

/* At least one more element of `elem` bytes; NULL without memory. */
static void *make_room(void *p, size_t elem, size_t have, size_t *cap)
{
    if (have < *cap) return p;
    size_t more = *cap + *cap / 2 + 16;
    void *q = more <= SIZE_MAX / elem ? realloc(p, more * elem) : NULL;
    if (q) *cap = more;
    return q;
}

bool lutra_bytes_add(struct lutra_bytes *b, const void *src, uint64_t n)
{
    if (n > SIZE_MAX - b->n) return false;
    if (b->n + n > b->cap) {
        size_t need = b->n + (size_t)n, cap = b->cap > SIZE_MAX / 2 ? need : b->cap + b->cap / 2;
        if (cap < need) cap = need;
        uint8_t *q = realloc(b->p, cap);
        if (!q) return false;
        b->p = q;
        b->cap = cap;
    }
    if (n > 0) memcpy(b->p + b->n, src, (size_t)n);
    b->n += (size_t)n;
    return true;
}

bool lutra_bytes_add_u32(struct lutra_bytes *b, uint32_t v)
{
    uint8_t le[4] = {(uint8_t)v, (uint8_t)(v >> 8), (uint8_t)(v >> 16), (uint8_t)(v >> 24)};
    return lutra_bytes_add(b, le, sizeof le);
}

bool lutra_bytes_add_u64(struct lutra_bytes *b, uint64_t v)
{
    return lutra_bytes_add_u32(b, (uint32_t)v) && lutra_bytes_add_u32(b, (uint32_t)(v >> 32));
}

bool lutra_bytes_add_string(struct lutra_bytes *b, const char *s, size_t n)
{
    return lutra_bytes_add_u64(b, n) && lutra_bytes_add(b, s, n);
}

/* ---- putting ---- */

/* The first error sticks. */
lutra_status lutra_gguf_writer_stick(struct lutra_gguf_writer *w, lutra_status code,
                                     const char *what, const char *name, const char *reason)
{
    char shown[100];
    lutra_escape(shown, sizeof shown, name, strlen(name));
    return lutra_fail(&w->first, code, "cannot write %s %s: %s", what, shown, reason);
}

static bool printable(const char *s)
{
    for (; *s; s++)
        if (*s < 0x20 || *s > 0x7e) return false;
    return true;
}

/* A record "key | type | value" is complete or not there at all. */
struct record {
    struct lutra_gguf_writer *w;
    const char *key;
    size_t start;
    bool ok;
};

static struct record begin(struct lutra_gguf_writer *w, const char *key, uint32_t type)
{
    struct record r = {w, key, w->kvs.n, false};
    size_t n = strlen(key);
    if (w->first.code != LUTRA_OK) return r;
    if (n == 0 || n > GGUF_MAX_KEY || !printable(key)) {
        lutra_gguf_writer_stick(w, LUTRA_EINVAL, "key", key,
                                "not 1 to 1024 bytes of printable ASCII");
        return r;
    }
    size_t *at = make_room(w->key_at, sizeof *at, w->n_kv, &w->key_cap);
    if (at) {
        w->key_at = at;
        at[w->n_kv] = r.start;
    }
    r.ok = at && lutra_bytes_add_string(&w->kvs, key, n) && lutra_bytes_add_u32(&w->kvs, type);
    return r;
}

static lutra_status end(struct record *r)
{
    struct lutra_gguf_writer *w = r->w;
    if (w->first.code == LUTRA_OK && !r->ok)
        lutra_gguf_writer_stick(w, LUTRA_ENOMEM, "key", r->key, "no memory");
    if (w->first.code != LUTRA_OK)
        w->kvs.n = r->start;
    else
        w->n_kv++;
    return w->first.code;
}

static lutra_status put_scalar(struct lutra_gguf_writer *w, const char *key, uint32_t type,
                               uint64_t v)
{
    struct record r = begin(w, key, type);
    uint8_t le[8];
    for (int i = 0; i < 8; i++) le[i] = (uint8_t)(v >> 8 * i);
    r.ok = r.ok && lutra_bytes_add(&w->kvs, le, lutra_gguf_scalar_bytes(type));
    return end(&r);
}

lutra_status lutra_gguf_put_u32(struct lutra_gguf_writer *w, const char *key, uint32_t v)
{
    return put_scalar(w, key, LUTRA_GGUF_U32, v);
}

lutra_status lutra_gguf_put_i32(struct lutra_gguf_writer *w, const char *key, int32_t v)
{
    return put_scalar(w, key, LUTRA_GGUF_I32, (uint32_t)v);
}

lutra_status lutra_gguf_put_u64(struct lutra_gguf_writer *w, const char *key, uint64_t v)
{
    return put_scalar(w, key, LUTRA_GGUF_U64, v);
}

lutra_status lutra_gguf_put_f32(struct lutra_gguf_writer *w, const char *key, float v)
{
    uint32_t u;
    memcpy(&u, &v, sizeof u);
    return put_scalar(w, key, LUTRA_GGUF_F32, u);
}

lutra_status lutra_gguf_put_bool(struct lutra_gguf_writer *w, const char *key, bool v)
{
    return put_scalar(w, key, LUTRA_GGUF_BOOL, v);
}

lutra_status lutra_gguf_put_str(struct lutra_gguf_writer *w, const char *key, const char *v,
                                size_t len)
{
    struct record r = begin(w, key, LUTRA_GGUF_STRING);
    r.ok = r.ok && lutra_bytes_add_string(&w->kvs, v, len);
    return end(&r);
}

lutra_status lutra_gguf_put_strs(struct lutra_gguf_writer *w, const char *key, const char *const *v,
                                 const size_t *len, uint64_t n)
{
    struct record r = begin(w, key, LUTRA_GGUF_ARRAY);
    r.ok =
        r.ok && lutra_bytes_add_u32(&w->kvs, LUTRA_GGUF_STRING) && lutra_bytes_add_u64(&w->kvs, n);
    for (uint64_t i = 0; r.ok && i < n; i++) r.ok = lutra_bytes_add_string(&w->kvs, v[i], len[i]);
    return end(&r);
}

lutra_status lutra_gguf_put_array(struct lutra_gguf_writer *w, const char *key, uint32_t elem_type,
                                  const void *v, uint64_t n)
{
    uint64_t bytes = 0, size = lutra_gguf_scalar_bytes(elem_type);
    struct record r = begin(w, key, LUTRA_GGUF_ARRAY);
    if (w->first.code == LUTRA_OK && (size == 0 || !lutra_mul_ok(&bytes, n, size)))
        lutra_gguf_writer_stick(w, LUTRA_EINVAL, "key", key, "an array of scalars is needed");
    if (w->first.code != LUTRA_OK) return end(&r);
    for (uint64_t i = 0; elem_type == LUTRA_GGUF_BOOL && i < n; i++)
        if (((const uint8_t *)v)[i] > 1)
            lutra_gguf_writer_stick(w, LUTRA_EINVAL, "key", key, "a bool is 0 or 1");
    r.ok = r.ok && lutra_bytes_add_u32(&w->kvs, elem_type) && lutra_bytes_add_u64(&w->kvs, n) &&
           lutra_bytes_add(&w->kvs, v, bytes);
    return end(&r);
}

/* Size in bytes of a tensor of this type and shape; NULL, or why it cannot be. */
static const char *check_shape(struct gguf_pending *t)
{
    const struct lutra_type_info *info = lutra_type_info(t->type);
    uint64_t n = 1;
    if (!info || info->bytes == 0) return "unknown type";
    if (t->n_dims < 1 || t->n_dims > 4) return "1 to 4 dimensions are needed";
    for (int i = 0; i < t->n_dims; i++)
        if (t->ne[i] == 0 || !lutra_mul_ok(&n, n, t->ne[i]) || n > INT64_MAX)
            return "a dimension is 0, or the product is too large";
    if (t->ne[0] % (uint64_t)info->block != 0) return "the row is not a multiple of the block";
    if (!lutra_mul_ok(&t->bytes, n / (uint64_t)info->block, (uint64_t)info->bytes) ||
        !lutra_add_ok(&t->bytes, t->bytes, lutra_gguf_tail(t->type)))
        return "the product is too large";
    return NULL;
}

lutra_status lutra_gguf_put_tensor(struct lutra_gguf_writer *w, const char *name, uint32_t type,
                                   int n_dims, const uint64_t *ne, const void *data,
                                   lutra_gguf_fill_fn fill, void *arg)
{
    struct gguf_pending t = {.type = type, .n_dims = n_dims, .fill = fill, .arg = arg};
    size_t n = strlen(name);
    if (w->first.code != LUTRA_OK) return w->first.code;
    if (n == 0 || n > GGUF_MAX_NAME || !printable(name))
        return lutra_gguf_writer_stick(w, LUTRA_EINVAL, "tensor", name,
                                       "not 1 to 63 bytes of printable ASCII");
    memcpy(t.name, name, n + 1);
    for (int i = 0; i < 4 && i < n_dims; i++) t.ne[i] = ne[i];
    const char *problem = check_shape(&t);
    if (!problem && !data && !fill) problem = "neither data nor a callback";
    if (problem) return lutra_gguf_writer_stick(w, LUTRA_EINVAL, "tensor", name, problem);
    struct gguf_pending *p = make_room(w->tensors, sizeof *p, w->n_tensors, &w->tensor_cap);
    if (p) w->tensors = p;
    if (p && data) t.data = t.bytes <= SIZE_MAX ? malloc((size_t)t.bytes) : NULL;
    if (!p || (data && !t.data))
        return lutra_gguf_writer_stick(w, LUTRA_ENOMEM, "tensor", name, "no memory");
    if (data) memcpy(t.data, data, (size_t)t.bytes);
    p[w->n_tensors++] = t;
    return LUTRA_OK;
}

lutra_status lutra_gguf_writer_open(struct lutra_gguf_writer **out, lutra_error *err)
{
    *out = calloc(1, sizeof **out);
    return *out ? LUTRA_OK : lutra_fail(err, LUTRA_ENOMEM, "no memory to write a GGUF file");
}

void lutra_gguf_writer_close(struct lutra_gguf_writer *w)
{
    if (!w) return;
    for (size_t i = 0; i < w->n_tensors; i++) free(w->tensors[i].data);
    free(w->tensors);
    free(w->kvs.p);
    free(w->key_at);
    free(w);
}
