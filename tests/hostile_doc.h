/* SPDX-License-Identifier: MIT */
/* A GGUF file as a list of keys and tensors that tests may damage at will, and its bytes with the
 * places of all fields. Knows the format by itself: shares no code with models/gguf*.c. */
#ifndef LUTRA_TESTS_HOSTILE_DOC_H
#define LUTRA_TESTS_HOSTILE_DOC_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { T_U8, T_I8, T_U16, T_I16, T_U32, T_I32, T_F32, T_BOOL, T_STR, T_ARR, T_U64, T_I64, T_F64 };

struct doc_kv {
    char *key;
    size_t key_len;
    uint32_t type;
    uint8_t *v; /* encoded value, after the type */
    size_t n;
};

struct doc_tensor {
    char *name;
    size_t name_len;
    uint32_t n_dims, type;
    uint64_t ne[12];
    uint8_t *data;
    size_t n;
    size_t place;    /* in the data; SIZE_MAX: behind the one before */
    uint64_t offset; /* what the file says, if `lies` */
    bool lies;
};

struct doc {
    struct doc_kv *kv;
    struct doc_tensor *t;
    size_t n_kv, n_t, cap_kv, cap_t;
    size_t gap;   /* bytes between the first two tensors */
    uint8_t fill; /* of all padding */
    void **owned; /* everything allocated, freed together */
    size_t n_owned, cap_owned;
};

/* Places of one key or tensor in the bytes. */
struct mark {
    const char *name;
    size_t len, text;                                /* of the name: its length, its bytes */
    size_t type, value, end;                         /* keys */
    size_t dims, ne, t_type, offset, data, data_end; /* tensors */
};

struct image {
    uint8_t *b;
    size_t n, cap;
    struct mark *kv, *t;
    size_t n_kv, n_t, kvs_end, infos_end, data;
};

/* ---- memory ---- */

static inline void hostile_die(const char *what)
{
    fprintf(stderr, "hostile: %s\n", what);
    exit(1);
}

static inline void *doc_alloc(struct doc *d, size_t n)
{
    if (d->n_owned == d->cap_owned) {
        d->cap_owned = d->cap_owned * 2 + 64;
        d->owned = realloc(d->owned, d->cap_owned * sizeof *d->owned);
        if (!d->owned) hostile_die("no memory");
    }
    void *p = calloc(1, n + 1);
    if (!p) hostile_die("no memory");
    return d->owned[d->n_owned++] = p;
}

static inline void *doc_copy(struct doc *d, const void *src, size_t n)
{
    void *p = doc_alloc(d, n);
    if (n > 0) memcpy(p, src, n);
    return p;
}

static inline void doc_free(struct doc *d)
{
    for (size_t i = 0; i < d->n_owned; i++) free(d->owned[i]);
    free(d->owned);
    free(d->kv);
    free(d->t);
    memset(d, 0, sizeof *d);
}

/* ---- little endian ---- */

static inline void le_put(uint8_t *p, uint64_t v, int width)
{
    for (int i = 0; i < width; i++) p[i] = (uint8_t)(v >> 8 * i);
}

static inline uint64_t le_get(const uint8_t *p, int width)
{
    uint64_t v = 0;
    for (int i = width; i-- > 0;) v = v << 8 | p[i];
    return v;
}

static inline int type_width(uint32_t type)
{
    static const int widths[] = {1, 1, 2, 2, 4, 4, 4, 1, 0, 0, 8, 8, 8};
    return type < 13 ? widths[type] : 0;
}

/* ---- keys ---- */

static inline struct doc_kv *doc_add_kv(struct doc *d, const char *key, size_t key_len,
                                        uint32_t type, const void *v, size_t n)
{
    if (d->n_kv == d->cap_kv) {
        d->cap_kv = d->cap_kv * 2 + 64;
        d->kv = realloc(d->kv, d->cap_kv * sizeof *d->kv);
        if (!d->kv) hostile_die("no memory");
    }
    struct doc_kv *k = &d->kv[d->n_kv++];
    *k = (struct doc_kv){doc_copy(d, key, key_len), key_len, type, doc_copy(d, v, n), n};
    return k;
}

static inline struct doc_kv *doc_find(struct doc *d, const char *key)
{
    for (size_t i = 0; i < d->n_kv; i++)
        if (d->kv[i].key_len == strlen(key) && memcmp(d->kv[i].key, key, strlen(key)) == 0)
            return &d->kv[i];
    return NULL;
}

static inline void doc_del(struct doc *d, const char *key)
{
    struct doc_kv *k = doc_find(d, key);
    if (!k) hostile_die(key);
    size_t at = (size_t)(k - d->kv);
    memmove(k, k + 1, (d->n_kv - at - 1) * sizeof *k);
    d->n_kv--;
}

/* Replace the value of a key in its place, or add the key. */
static inline void doc_set(struct doc *d, const char *key, uint32_t type, const void *v, size_t n)
{
    struct doc_kv *k = doc_find(d, key);
    if (!k) k = doc_add_kv(d, key, strlen(key), type, v, n);
    k->type = type;
    k->v = doc_copy(d, v, n);
    k->n = n;
}

static inline void doc_set_num(struct doc *d, const char *key, uint32_t type, uint64_t v)
{
    uint8_t b[8];
    le_put(b, v, 8);
    doc_set(d, key, type, b, (size_t)type_width(type));
}

static inline uint64_t doc_get_num(struct doc *d, const char *key)
{
    struct doc_kv *k = doc_find(d, key);
    if (!k || type_width(k->type) == 0) hostile_die(key);
    return le_get(k->v, type_width(k->type));
}

static inline uint8_t *encode_str(struct doc *d, const void *s, size_t len)
{
    uint8_t *v = doc_alloc(d, len + 8);
    le_put(v, len, 8);
    if (len > 0) memcpy(v + 8, s, len);
    return v;
}

static inline void doc_set_str(struct doc *d, const char *key, const void *s, size_t len)
{
    doc_set(d, key, T_STR, encode_str(d, s, len), len + 8);
}

/* An array value: element type, count, `bytes` bytes of elements. */
static inline void doc_set_arr(struct doc *d, const char *key, uint32_t elem, uint64_t count,
                               const void *v, size_t bytes)
{
    uint8_t *b = doc_alloc(d, bytes + 12);
    le_put(b, elem, 4);
    le_put(b + 4, count, 8);
    if (bytes > 0) memcpy(b + 12, v, bytes);
    doc_set(d, key, T_ARR, b, bytes + 12);
}

static inline uint64_t arr_count(const struct doc_kv *k)
{
    return le_get(k->v + 4, 8);
}

/* Offset in k->v of element i of an array of strings. */
static inline size_t str_at(const struct doc_kv *k, uint64_t i)
{
    size_t at = 12;
    while (i-- > 0) at += 8 + (size_t)le_get(k->v + at, 8);
    return at;
}

/* Replace bytes [at, end) of a value. */
static inline void doc_splice(struct doc *d, struct doc_kv *k, size_t at, size_t end,
                              const void *src, size_t n)
{
    uint8_t *v = doc_alloc(d, k->n + n);
    memcpy(v, k->v, at);
    if (n > 0) memcpy(v + at, src, n);
    memcpy(v + at + n, k->v + end, k->n - end);
    k->n = k->n - (end - at) + n;
    k->v = v;
}

static inline void doc_set_elem(struct doc *d, const char *key, uint64_t i, const void *s,
                                size_t len)
{
    struct doc_kv *k = doc_find(d, key);
    if (!k) hostile_die(key);
    doc_splice(d, k, str_at(k, i), str_at(k, i + 1), encode_str(d, s, len), len + 8);
}

/* ---- tensors ---- */

static inline struct doc_tensor *doc_add_tensor(struct doc *d, const char *name, size_t len)
{
    if (d->n_t == d->cap_t) {
        d->cap_t = d->cap_t * 2 + 64;
        d->t = realloc(d->t, d->cap_t * sizeof *d->t);
        if (!d->t) hostile_die("no memory");
    }
    struct doc_tensor *t = &d->t[d->n_t++];
    *t = (struct doc_tensor){.name = doc_copy(d, name, len), .name_len = len, .place = SIZE_MAX};
    return t;
}

static inline struct doc_tensor *doc_tensor(struct doc *d, const char *name)
{
    for (size_t i = 0; i < d->n_t; i++)
        if (strcmp(d->t[i].name, name) == 0) return &d->t[i];
    hostile_die(name);
    return NULL;
}

static inline void doc_del_tensor(struct doc *d, const char *name)
{
    struct doc_tensor *t = doc_tensor(d, name);
    size_t at = (size_t)(t - d->t);
    memmove(t, t + 1, (d->n_t - at - 1) * sizeof *t);
    d->n_t--;
}

/* New data of n bytes: the old bytes over and over, so that scales stay scales. */
static inline void doc_resize(struct doc *d, struct doc_tensor *t, size_t n)
{
    uint8_t *p = doc_alloc(d, n);
    for (size_t i = 0; i < n; i++) p[i] = t->n > 0 ? t->data[i % t->n] : 0;
    t->data = p;
    t->n = n;
}

/* ---- bytes to list ---- */

static inline size_t value_size(const uint8_t *p, uint32_t type)
{
    if (type == T_STR) return 8 + (size_t)le_get(p, 8);
    if (type != T_ARR) return (size_t)type_width(type);
    uint32_t elem = (uint32_t)le_get(p, 4);
    uint64_t n = le_get(p + 4, 8);
    if (elem != T_STR) return 12 + (size_t)n * (size_t)type_width(elem);
    size_t at = 12;
    for (uint64_t i = 0; i < n; i++) at += 8 + (size_t)le_get(p + at, 8);
    return at;
}

/* A valid file, tensors in the order of their data. */
static inline void doc_parse(struct doc *d, const uint8_t *b, size_t n)
{
    memset(d, 0, sizeof *d);
    uint64_t n_t = le_get(b + 8, 8), n_kv = le_get(b + 16, 8);
    size_t at = 24;
    for (uint64_t i = 0; i < n_kv; i++) {
        size_t len = (size_t)le_get(b + at, 8), value = at + 8 + len + 4;
        uint32_t type = (uint32_t)le_get(b + value - 4, 4);
        size_t size = value_size(b + value, type);
        doc_add_kv(d, (const char *)b + at + 8, len, type, b + value, size);
        at = value + size;
    }
    for (uint64_t i = 0; i < n_t; i++) {
        size_t len = (size_t)le_get(b + at, 8);
        struct doc_tensor *t = doc_add_tensor(d, (const char *)b + at + 8, len);
        at += 8 + len;
        t->n_dims = (uint32_t)le_get(b + at, 4);
        for (uint32_t k = 0; k < t->n_dims; k++) t->ne[k] = le_get(b + at + 4 + 8 * k, 8);
        at += 4 + 8 * t->n_dims;
        t->type = (uint32_t)le_get(b + at, 4);
        t->place = (size_t)le_get(b + at + 4, 8);
        at += 12;
    }
    size_t data = (at + 31) / 32 * 32;
    for (size_t i = 0; i < d->n_t; i++) {
        size_t end = i + 1 < d->n_t ? d->t[i + 1].place : n - data;
        d->t[i].n = end - d->t[i].place;
        d->t[i].data = doc_copy(d, b + data + d->t[i].place, d->t[i].n);
        d->t[i].place = SIZE_MAX;
    }
}

/* ---- list to bytes ---- */

static inline void image_add(struct image *im, const void *src, size_t n)
{
    if (im->n + n > im->cap) {
        im->cap = (im->n + n) * 2 + 4096;
        im->b = realloc(im->b, im->cap);
        if (!im->b) hostile_die("no memory");
    }
    if (n > 0) memcpy(im->b + im->n, src, n);
    im->n += n;
}

static inline void image_num(struct image *im, uint64_t v, int width)
{
    uint8_t b[8];
    le_put(b, v, width);
    image_add(im, b, (size_t)width);
}

static inline void image_pad(struct image *im, size_t to, uint8_t with)
{
    while (im->n < to) image_add(im, &with, 1);
}

static inline void image_free(struct image *im)
{
    free(im->b);
    free(im->kv);
    free(im->t);
    memset(im, 0, sizeof *im);
}

/* Data offsets as a writer would give them. */
static inline void doc_place(struct doc *d)
{
    size_t at = 0;
    for (size_t i = 0; i < d->n_t; i++) {
        struct doc_tensor *t = &d->t[i];
        if (t->place == SIZE_MAX) t->place = at;
        at = (t->place + t->n + 31) / 32 * 32 + (i == 0 ? d->gap : 0);
    }
}

static inline void image_kv(struct image *im, const struct doc_kv *k, struct mark *m)
{
    m->name = k->key;
    m->len = im->n;
    image_num(im, k->key_len, 8);
    m->text = im->n;
    image_add(im, k->key, k->key_len);
    m->type = im->n;
    image_num(im, k->type, 4);
    m->value = im->n;
    image_add(im, k->v, k->n);
    m->end = im->n;
}

static inline void image_info(struct image *im, const struct doc_tensor *t, struct mark *m)
{
    m->name = t->name;
    m->len = im->n;
    image_num(im, t->name_len, 8);
    m->text = im->n;
    image_add(im, t->name, t->name_len);
    m->dims = im->n;
    image_num(im, t->n_dims, 4);
    m->ne = im->n;
    for (uint32_t k = 0; k < t->n_dims && k < 12; k++) image_num(im, t->ne[k], 8);
    m->t_type = im->n;
    image_num(im, t->type, 4);
    m->offset = im->n;
    image_num(im, t->lies ? t->offset : t->place, 8);
}

/* The names in the marks belong to the doc. */
static inline void image_build(struct image *im, struct doc *d)
{
    memset(im, 0, sizeof *im);
    im->n_kv = d->n_kv;
    im->n_t = d->n_t;
    im->kv = calloc(d->n_kv + 1, sizeof *im->kv);
    im->t = calloc(d->n_t + 1, sizeof *im->t);
    if (!im->kv || !im->t) hostile_die("no memory");
    doc_place(d);
    image_add(im, "GGUF", 4);
    image_num(im, 3, 4);
    image_num(im, d->n_t, 8);
    image_num(im, d->n_kv, 8);
    for (size_t i = 0; i < d->n_kv; i++) image_kv(im, &d->kv[i], &im->kv[i]);
    im->kvs_end = im->n;
    for (size_t i = 0; i < d->n_t; i++) image_info(im, &d->t[i], &im->t[i]);
    im->infos_end = im->n;
    image_pad(im, (im->n + 31) / 32 * 32, d->fill);
    im->data = im->n;
    for (size_t i = 0; i < d->n_t; i++) {
        const struct doc_tensor *t = &d->t[i];
        im->t[i].data = im->data + t->place;
        im->t[i].data_end = im->t[i].data + t->n;
        image_pad(im, im->t[i].data_end, d->fill);
        if (t->n > 0) memcpy(im->b + im->t[i].data, t->data, t->n);
    }
}

static inline const struct mark *image_find(const struct mark *m, size_t n, const char *name)
{
    for (size_t i = 0; i < n; i++)
        if (strcmp(m[i].name, name) == 0) return &m[i];
    hostile_die(name);
    return NULL;
}

#endif
