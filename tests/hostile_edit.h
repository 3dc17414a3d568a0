/* SPDX-License-Identifier: MIT */
/* One way to spoil a model, as a row of a table: what is changed, and what must come of it. */
#ifndef LUTRA_TESTS_HOSTILE_EDIT_H
#define LUTRA_TESTS_HOSTILE_EDIT_H

#include "kernels/qtypes.h"
#include "tests/hostile_doc.h"

enum hostile_base { BASE_BPE, BASE_SPM, N_BASES };

enum hostile_expect {
    REFUSED, /* with a message that names file, offset and reason */
    LOADS,
    NOISE, /* loads; generating is refused: LUTRA_ENUMERIC */
    SAME,  /* loads and says what the undamaged model says */
    EITHER /* loads, or is refused as above */
};

/* Where a number is overwritten or a file cut: `at` bytes behind the field. */
enum field {
    F_START,
    F_KEY_LEN, /* of key `what` */
    F_KEY,
    F_TYPE,
    F_VALUE,
    F_KV_END,
    F_NAME_LEN, /* of tensor `what` */
    F_NAME,
    F_DIMS,
    F_NE0,
    F_NE1,
    F_TENSOR_TYPE,
    F_OFFSET,
    F_TENSOR_DATA,
    F_TENSOR_END,
    F_KVS_END,
    F_INFOS_END,
    F_DATA,
    F_EOF
};

struct hostile_case {
    const char *name;
    enum hostile_base base;
    void (*doc)(struct doc *d, const struct hostile_case *c);    /* before the bytes are made */
    void (*raw)(struct image *im, const struct hostile_case *c); /* after */
    const char *what;                                            /* key or tensor */
    enum field field;
    long long at;
    int width; /* bytes of a number, a value type, or what the function says */
    uint64_t n;
    const char *text;
    enum hostile_expect expect;
    const char *reason; /* part of the message */
};

#define RAW_NUM(name, what, field, at, width, n, expect, reason)                                   \
    {                                                                                              \
        name, BASE_BPE, NULL, raw_num, what, field, at, width, n, NULL, expect, reason             \
    }
#define RAW_CUT(name, what, field, at, reason)                                                     \
    {                                                                                              \
        name, BASE_BPE, NULL, raw_cut, what, field, at, 0, 0, NULL, REFUSED, reason                \
    }
#define RAW(name, fn, n, text, expect, reason)                                                     \
    {                                                                                              \
        name, BASE_BPE, NULL, fn, NULL, F_START, 0, 0, n, text, expect, reason                     \
    }
#define DOC(name, fn, what, at, width, n, text, expect, reason)                                    \
    {                                                                                              \
        name, BASE_BPE, fn, NULL, what, F_START, at, width, n, text, expect, reason                \
    }
#define SPM(name, fn, what, at, width, n, text, expect, reason)                                    \
    {                                                                                              \
        name, BASE_SPM, fn, NULL, what, F_START, at, width, n, text, expect, reason                \
    }

/* ---- edits of bytes ---- */

static inline size_t field_at(const struct image *im, enum field field, const char *what)
{
    const struct mark *m = NULL;
    if (field >= F_KEY_LEN && field <= F_KV_END) m = image_find(im->kv, im->n_kv, what);
    if (field >= F_NAME_LEN && field <= F_TENSOR_END) m = image_find(im->t, im->n_t, what);
    switch (field) {
    case F_KEY_LEN:
    case F_NAME_LEN:
        return m->len;
    case F_KEY:
    case F_NAME:
        return m->text;
    case F_TYPE:
        return m->type;
    case F_VALUE:
        return m->value;
    case F_KV_END:
        return m->end;
    case F_DIMS:
        return m->dims;
    case F_NE0:
        return m->ne;
    case F_NE1:
        return m->ne + 8;
    case F_TENSOR_TYPE:
        return m->t_type;
    case F_OFFSET:
        return m->offset;
    case F_TENSOR_DATA:
        return m->data;
    case F_TENSOR_END:
        return m->data_end;
    case F_KVS_END:
        return im->kvs_end;
    case F_INFOS_END:
        return im->infos_end;
    case F_DATA:
        return im->data;
    case F_EOF:
        return im->n;
    default:
        return 0;
    }
}

static inline size_t place_of(const struct image *im, const struct hostile_case *c)
{
    size_t at = (size_t)((long long)field_at(im, c->field, c->what) + c->at);
    if (at > im->n) hostile_die(c->name);
    return at;
}

static inline void raw_num(struct image *im, const struct hostile_case *c)
{
    size_t at = place_of(im, c);
    if (at + (size_t)c->width > im->n) hostile_die(c->name);
    le_put(im->b + at, c->n, c->width);
}

static inline void raw_cut(struct image *im, const struct hostile_case *c)
{
    im->n = place_of(im, c);
}

/* The first n bytes of the file; `text` instead of its magic. */
static inline void raw_magic(struct image *im, const struct hostile_case *c)
{
    memcpy(im->b, c->text, 4);
    if (c->n > 0) im->n = (size_t)c->n;
}

/* n bytes of value `at` behind the first 4 (or 0, if there is text). */
static inline void raw_fill(struct image *im, const struct hostile_case *c)
{
    memset(im->b + (c->text ? 0 : 4), (int)c->n, im->n - (c->text ? 0 : 4));
}

/* A header and nothing else, with n keys promised. */
static inline void raw_header(struct image *im, const struct hostile_case *c)
{
    im->n = 24;
    le_put(im->b + 8, 0, 8);
    le_put(im->b + 16, c->n, 8);
}

static inline void raw_append(struct image *im, const struct hostile_case *c)
{
    for (uint64_t i = 0; i < c->n; i++) image_num(im, i * 37 + 11, 1);
}

/* The string value of a key claims exactly the rest of the file. */
static inline void raw_to_end(struct image *im, const struct hostile_case *c)
{
    size_t at = image_find(im->kv, im->n_kv, "general.architecture")->value;
    (void)c;
    le_put(im->b + at, im->n - at - 8, 8);
}

/* Data of a tensor at an offset that wraps around to the start of the file. */
static inline void raw_wrap(struct image *im, const struct hostile_case *c)
{
    le_put(im->b + image_find(im->t, im->n_t, c->text)->offset, (uint64_t)0 - im->data, 8);
}

/* ---- edits of keys ---- */

static inline void key_del(struct doc *d, const struct hostile_case *c)
{
    doc_del(d, c->what);
}

static inline void key_num(struct doc *d, const struct hostile_case *c)
{
    doc_set_num(d, c->what, (uint32_t)c->width, c->n);
}

static inline void key_str(struct doc *d, const struct hostile_case *c)
{
    doc_set_str(d, c->what, c->text, c->n > 0 ? (size_t)c->n : strlen(c->text));
}

/* n bytes of the same letter */
static inline void key_long_str(struct doc *d, const struct hostile_case *c)
{
    char *s = doc_alloc(d, (size_t)c->n);
    memset(s, c->text[0], (size_t)c->n);
    doc_set_str(d, c->what, s, (size_t)c->n);
}

/* An array of element type `width` that claims n elements and has `at` zero bytes of them. */
static inline void key_arr(struct doc *d, const struct hostile_case *c)
{
    doc_set_arr(d, c->what, (uint32_t)c->width, c->n, doc_alloc(d, (size_t)c->at), (size_t)c->at);
}

/* An array of one u32. */
static inline void key_arr_one(struct doc *d, const struct hostile_case *c)
{
    uint8_t v[4];
    le_put(v, c->n, 4);
    doc_set_arr(d, c->what, T_U32, 1, v, 4);
}

static inline void key_dup(struct doc *d, const struct hostile_case *c)
{
    struct doc_kv k = *doc_find(d, c->what);
    doc_add_kv(d, k.key, k.key_len, k.type, k.v, k.n);
}

/* A bool key of this name; n > 0: its length. */
static inline void key_named(struct doc *d, const struct hostile_case *c)
{
    uint8_t one = 1;
    doc_add_kv(d, c->text, c->n > 0 ? (size_t)c->n : strlen(c->text), T_BOOL, &one, 1);
}

static inline void key_long_name(struct doc *d, const struct hostile_case *c)
{
    char *s = doc_alloc(d, (size_t)c->n);
    uint8_t one = 1;
    memset(s, 'k', (size_t)c->n);
    doc_add_kv(d, s, (size_t)c->n, T_BOOL, &one, 1);
}

static inline void keys_many(struct doc *d, const struct hostile_case *c)
{
    for (uint64_t i = 0; i < c->n; i++) {
        char key[40];
        uint8_t v[4];
        int len =
            snprintf(key, sizeof key, "unknown.key.%llu", (unsigned long long)(i * 7919 % c->n));
        le_put(v, i, 4);
        doc_add_kv(d, key, (size_t)len, T_U32, v, 4);
    }
}

/* n arrays, each the only element of the one around it. */
static inline void key_nested(struct doc *d, const struct hostile_case *c)
{
    uint8_t *v = doc_alloc(d, (size_t)c->n * 12 + 12);
    for (uint64_t i = 0; i < c->n; i++) {
        le_put(v + 12 * i, T_ARR, 4);
        le_put(v + 12 * i + 4, 1, 8);
    }
    doc_set(d, "test.nested", T_ARR, v, (size_t)c->n * 12 + 12);
}

/* An f32 whose bits are n. */
#define F32_NAN 0x7fc00000u
#define F32_INF 0x7f800000u
#define F32_MINUS_ONE 0xbf800000u

/* ---- edits of tensors ---- */

static inline size_t tensor_bytes(const struct doc_tensor *t)
{
    const struct lutra_type_info *info = lutra_type_info(t->type);
    uint64_t n = 1;
    for (uint32_t i = 0; i < t->n_dims; i++) n *= t->ne[i];
    if (!info || info->bytes == 0) return t->n;
    return (size_t)(n / (uint64_t)info->block * (uint64_t)info->bytes);
}

static inline void tensor_del(struct doc *d, const struct hostile_case *c)
{
    doc_del_tensor(d, c->what);
}

static inline void tensor_name(struct doc *d, const struct hostile_case *c)
{
    struct doc_tensor *t = doc_tensor(d, c->what);
    t->name_len = c->n > 0 ? (size_t)c->n : strlen(c->text);
    t->name = doc_copy(d, c->text, t->name_len);
}

static inline void tensor_long_name(struct doc *d, const struct hostile_case *c)
{
    struct doc_tensor *t = doc_tensor(d, c->what);
    t->name_len = (size_t)c->n;
    t->name = doc_alloc(d, t->name_len);
    memset(t->name, 'n', t->name_len);
}

/* Two more tensors of nearly the same name: n bytes long, alike in the first `width`. */
static inline void tensor_twins(struct doc *d, const struct hostile_case *c)
{
    char name[64];
    for (int i = 0; i < 2; i++) {
        memset(name, 't', sizeof name);
        if (c->width < (int)c->n) name[c->width] = c->text ? '\0' : (char)('a' + i);
        if (c->text) name[c->width + 1] = (char)('a' + i);
        struct doc_tensor *t = doc_add_tensor(d, name, (size_t)c->n);
        t->n_dims = 1;
        t->ne[0] = 8;
        t->type = LUTRA_TYPE_F32;
        doc_resize(d, t, 32);
    }
}

/* Another tensor that no model knows. */
static inline void tensor_extra(struct doc *d, const struct hostile_case *c)
{
    struct doc_tensor *t = doc_add_tensor(d, c->text, strlen(c->text));
    t->n_dims = 1;
    t->ne[0] = 8;
    t->type = LUTRA_TYPE_F32;
    doc_resize(d, t, 32);
}

/* Only the numbers: the first dimension n, the second `at`, n_dims `width`. */
static inline void tensor_dims(struct doc *d, const struct hostile_case *c)
{
    struct doc_tensor *t = doc_tensor(d, c->what);
    t->n_dims = (uint32_t)c->width;
    t->ne[0] = c->n;
    t->ne[1] = (uint64_t)c->at;
    for (int i = 2; i < 12; i++) t->ne[i] = c->at > 1 ? (uint64_t)c->at : 1;
}

/* Numbers and data: the shape is as it would be in an honest file. */
static inline void tensor_shape(struct doc *d, const struct hostile_case *c)
{
    struct doc_tensor *t = doc_tensor(d, c->what);
    t->n_dims = (uint32_t)c->width;
    t->ne[0] = c->n;
    t->ne[1] = c->at > 0 ? (uint64_t)c->at : 1;
    t->ne[2] = 8;
    doc_resize(d, t, tensor_bytes(t));
}

/* Only the type, and the first dimension if `at`. */
static inline void tensor_type(struct doc *d, const struct hostile_case *c)
{
    struct doc_tensor *t = doc_tensor(d, c->what);
    t->type = (uint32_t)c->n;
    if (c->at > 0) t->ne[0] = (uint64_t)c->at;
}

/* Type and data: zeros. */
static inline void tensor_retype(struct doc *d, const struct hostile_case *c)
{
    struct doc_tensor *t = doc_tensor(d, c->what);
    t->type = (uint32_t)c->n;
    t->n = tensor_bytes(t);
    t->data = doc_alloc(d, t->n);
}

static inline void tensors_huge(struct doc *d, const struct hostile_case *c)
{
    static const char *const names[] = {"blk.0.attn_q.weight", "blk.0.attn_k.weight"};
    for (int i = 0; i < 2; i++) {
        struct doc_tensor *t = doc_tensor(d, names[i]);
        t->type = 24; /* I8: one byte each */
        t->n_dims = 1;
        t->ne[0] = c->n;
    }
}

/* The offset in the file: n, or with a width where the data lies plus `at`. */
static inline void tensor_offset(struct doc *d, const struct hostile_case *c)
{
    struct doc_tensor *t = doc_tensor(d, c->what);
    doc_place(d);
    t->lies = true;
    t->offset = c->width ? t->place + (uint64_t)c->at : c->n;
}

static inline void tensor_offset_of(struct doc *d, const struct hostile_case *c)
{
    struct doc_tensor *t = doc_tensor(d, c->what);
    doc_place(d);
    t->lies = true;
    t->offset = doc_tensor(d, c->text)->place + (uint64_t)c->at;
}

/* Past the end of the data by n bytes, rounded to the alignment. */
static inline void tensor_offset_end(struct doc *d, const struct hostile_case *c)
{
    struct doc_tensor *t = doc_tensor(d, c->what);
    doc_place(d);
    const struct doc_tensor *last = &d->t[d->n_t - 1];
    t->lies = true;
    t->offset = (last->place + last->n + c->n + 31) / 32 * 32;
}

static inline void tensors_at_zero(struct doc *d, const struct hostile_case *c)
{
    (void)c;
    for (size_t i = 0; i < d->n_t; i++) {
        d->t[i].lies = true;
        d->t[i].offset = 0;
    }
}

static inline void tensors_shuffled(struct doc *d, const struct hostile_case *c)
{
    (void)c;
    doc_place(d);
    for (size_t i = 0; i < d->n_t / 2; i++) {
        struct doc_tensor other = d->t[i];
        d->t[i] = d->t[d->n_t - 1 - i];
        d->t[d->n_t - 1 - i] = other;
    }
}

static inline void tensors_gap(struct doc *d, const struct hostile_case *c)
{
    d->gap = (size_t)c->n;
}

static inline void padding_dirty(struct doc *d, const struct hostile_case *c)
{
    d->fill = (uint8_t)c->n;
}

/* The 16 bits at byte `at` of every block of `width` bytes (0: of the first, -1: of the one in the
 * middle). */
static inline void weight_half(struct doc *d, const struct hostile_case *c)
{
    struct doc_tensor *t = doc_tensor(d, c->what);
    size_t block = (size_t)lutra_type_info(t->type)->bytes, n = t->n / block;
    size_t first = c->width < 0 ? n / 2 : 0, end = c->width > 0 ? n : first + 1;
    for (size_t i = first; i < end; i++) le_put(t->data + i * block + (size_t)c->at, c->n, 2);
}

/* Of type `width`, every 32-bit word of the data n. */
static inline void weight_retype(struct doc *d, const struct hostile_case *c)
{
    struct doc_tensor *t = doc_tensor(d, c->what);
    t->type = (uint32_t)c->width;
    t->n = tensor_bytes(t);
    t->data = doc_alloc(d, t->n);
    for (size_t i = 0; i + 4 <= t->n; i += 4) le_put(t->data + i, c->n, 4);
}

/* Every 32-bit word of the data. */
static inline void weight_words(struct doc *d, const struct hostile_case *c)
{
    struct doc_tensor *t = doc_tensor(d, c->what);
    for (size_t i = 0; i + 4 <= t->n; i += 4) le_put(t->data + i, c->n, 4);
}

#endif
