/* SPDX-License-Identifier: MIT */
/* What can be checked once the whole header is known: unique names, alignment, places of tensors.
 *
 * Sorted arrays instead of hash tables: no file can make them slow, and an entry takes 8 bytes. */
#include <stdlib.h>
#include <string.h>

#include "kernels/qtypes.h"
#include "models/gguf_file.h"

/* Bytes first, then length: any total order serves. */
static int compare_bytes(const char *a, size_t na, const char *b, size_t nb)
{
    int c = memcmp(a, b, na < nb ? na : nb);
    return c != 0 ? c : (na > nb) - (na < nb);
}

static int compare_keys(const void *pa, const void *pb)
{
    const struct lutra_gguf_kv *a = *(const struct lutra_gguf_kv *const *)pa;
    const struct lutra_gguf_kv *b = *(const struct lutra_gguf_kv *const *)pb;
    return compare_bytes(a->key, a->key_len, b->key, b->key_len);
}

static int compare_names(const void *pa, const void *pb)
{
    const struct lutra_gguf_tensor *a = *(const struct lutra_gguf_tensor *const *)pa;
    const struct lutra_gguf_tensor *b = *(const struct lutra_gguf_tensor *const *)pb;
    return strcmp(a->name, b->name);
}

static int compare_offsets(const void *pa, const void *pb)
{
    const struct lutra_gguf_tensor *a = *(const struct lutra_gguf_tensor *const *)pa;
    const struct lutra_gguf_tensor *b = *(const struct lutra_gguf_tensor *const *)pb;
    return (a->offset > b->offset) - (a->offset < b->offset);
}

static lutra_status index_keys(struct lutra_gguf *g, lutra_error *err)
{
    if (g->n_kv == 0) return LUTRA_OK;
    g->by_key = malloc(g->n_kv * sizeof *g->by_key);
    if (!g->by_key) return lutra_fail(err, LUTRA_ENOMEM, "%s: no memory for the metadata", g->path);
    for (uint32_t i = 0; i < g->n_kv; i++) g->by_key[i] = &g->kvs[i];
    qsort(g->by_key, g->n_kv, sizeof *g->by_key, compare_keys);
    for (uint32_t i = 1; i < g->n_kv; i++) {
        const struct lutra_gguf_kv *a = g->by_key[i - 1], *b = g->by_key[i];
        if (compare_keys(&a, &b) != 0) continue;
        char key[100];
        return lutra_fail(err, LUTRA_EFORMAT,
                          "%s: key %s at offset %llu: duplicate key (also at %llu); convert or download the file again",
                          g->path,
                          lutra_escape(key, sizeof key, a->key, a->key_len),
                          (unsigned long long)(a->offset > b->offset ? a->offset : b->offset),
                          (unsigned long long)(a->offset > b->offset ? b->offset : a->offset));
    }
    return LUTRA_OK;
}

const struct lutra_gguf_kv *lutra_gguf_find(const struct lutra_gguf *g, const char *key)
{
    size_t n = strlen(key);
    uint32_t lo = 0, hi = g->n_kv;
    while (lo < hi) {
        uint32_t mid = lo + (hi - lo) / 2;
        const struct lutra_gguf_kv *kv = g->by_key[mid];
        int c = compare_bytes(kv->key, kv->key_len, key, n);
        if (c == 0) return kv;
        if (c < 0)
            lo = mid + 1;
        else
            hi = mid;
    }
    return NULL;
}

const struct lutra_gguf_tensor *lutra_gguf_tensor(const struct lutra_gguf *g, const char *name)
{
    uint32_t lo = 0, hi = g->n_tensors;
    while (lo < hi) {
        uint32_t mid = lo + (hi - lo) / 2;
        int c = strcmp(g->by_name[mid]->name, name);
        if (c == 0) return g->by_name[mid];
        if (c < 0)
            lo = mid + 1;
        else
            hi = mid;
    }
    return NULL;
}

static lutra_status read_alignment(const struct lutra_gguf *g, uint64_t *align, lutra_error *err)
{
    const struct lutra_gguf_kv *kv = lutra_gguf_find(g, "general.alignment");
    *align = 32; /* the format's default */
    if (!kv) return LUTRA_OK;
    const char *problem = NULL;
    if (kv->type != LUTRA_GGUF_U32) {
        problem = "not u32";
    } else {
        *align = gguf_u32(g->header + kv->offset);
        if (*align < 8 || (*align & (*align - 1)) != 0)
            problem = "not a power of two >= 8";
        else if (*align > GGUF_MAX_ALIGN)
            problem = "too large";
    }
    if (!problem) return LUTRA_OK;
    return lutra_fail(err, LUTRA_EFORMAT,
                      "%s: key general.alignment at offset %llu: %s; convert or download the file again", g->path,
                      (unsigned long long)kv->offset, problem);
}

static lutra_status blame_tensor(const struct lutra_gguf *g, const struct lutra_gguf_tensor *t,
                                 const char *reason, lutra_error *err)
{
    const struct lutra_type_info *info = lutra_type_info(t->type);
    const char *note = info && info->note ? info->note : "the file is incomplete or damaged, download it again";
    return lutra_fail(err, LUTRA_EFORMAT, "%s: tensor %s at offset %llu: %s; %s",
                      lutra_gguf_tensor_path(g, t), t->name,
                      (unsigned long long)t->info_offset, reason, note);
}

static lutra_status check_aligned(const struct lutra_gguf *g, uint64_t align, lutra_error *err)
{
    char reason[160];
    for (uint32_t i = 0; i < g->n_tensors; i++) {
        const struct lutra_gguf_tensor *t = &g->tensors[i];
        if (t->offset % align == 0) continue;
        lutra_format(reason, sizeof reason, "offset %llu not aligned to %llu",
                     (unsigned long long)t->offset, (unsigned long long)align);
        return blame_tensor(g, t, reason, err);
    }
    return LUTRA_OK;
}

/* From offsets in the data to offsets in the file, every byte inside it. */
static lutra_status place_tensors(struct lutra_gguf *g, uint64_t align, lutra_error *err)
{
    char reason[160];
    if (!lutra_align_ok(&g->data_start, g->header_bytes, align))
        return lutra_fail(err, LUTRA_EFORMAT, "%s: the header is too large", g->path);
    for (uint32_t i = 0; i < g->n_tensors; i++) {
        struct lutra_gguf_tensor *t = &g->tensors[i];
        uint64_t relative = t->offset, end;
        if (lutra_add_ok(&t->offset, g->data_start, relative) &&
            lutra_add_ok(&end, t->offset, t->bytes) && end <= g->file_bytes)
            continue;
        lutra_format(
            reason, sizeof reason,
            "data past end of file: %llu bytes at %llu, %llu after the header, file of %llu",
            (unsigned long long)t->bytes, (unsigned long long)t->offset,
            (unsigned long long)relative, (unsigned long long)g->file_bytes);
        return blame_tensor(g, t, reason, err);
    }
    return LUTRA_OK;
}

/* ---- Q2_0: two block sizes under one id ----
 *
 * Files made before llama.cpp settled on blocks of 64 weights (2.25 bits each) hold blocks of 128
 * (2.125) under the same id. Tensors lie one behind the other, so the room up to the next one
 * tells. */

static uint64_t bytes_as(const struct lutra_gguf_tensor *t, uint32_t type)
{
    const struct lutra_type_info *info = lutra_type_info(type);
    if (t->ne[0] % (uint64_t)info->block != 0) return 0; /* its rows cannot have such blocks */
    uint64_t blocks = t->ne[0] * t->ne[1] * t->ne[2] * t->ne[3] / (uint64_t)info->block;
    return blocks * (uint64_t)info->bytes + lutra_gguf_tail(type);
}

/* Ids that forks use for other formats. */
static bool disputed(uint32_t type)
{
    return type == LUTRA_TYPE_MXFP4 || type == LUTRA_TYPE_I2_S;
}

/* Until it is known, a tensor claims the fewer bytes. */
static void assume_least(struct lutra_gguf *g)
{
    for (uint32_t i = 0; i < g->n_tensors; i++) {
        struct lutra_gguf_tensor *t = &g->tensors[i];
        uint64_t less = t->type == LUTRA_TYPE_Q2_0 ? bytes_as(t, LUTRA_TYPE_Q2_0_G128) : 0;
        if (less > 0) t->bytes = less;
        if (disputed(t->type)) t->bytes = 0;
    }
}

/* Room of the i-th tensor in order of offsets. */
static uint64_t room_of(const struct lutra_gguf *g, uint32_t i)
{
    uint64_t end = i + 1 < g->n_tensors ? g->by_name[i + 1]->offset : g->file_bytes;
    return end - g->by_name[i]->offset;
}

static bool fits(uint64_t bytes, uint64_t room, uint64_t align)
{
    return bytes > 0 && bytes <= room && room - bytes < align;
}

static lutra_status blame_room(const struct lutra_gguf *g, const struct lutra_gguf_tensor *t,
                               uint64_t room, lutra_error *err)
{
    char reason[200], other[40] = "none";
    uint64_t larger = bytes_as(t, LUTRA_TYPE_Q2_0_G128);
    if (larger > 0) lutra_format(other, sizeof other, "%llu", (unsigned long long)larger);
    lutra_format(reason, sizeof reason,
                 "Q2_0 has %llu bytes in blocks of 64 weights or %s in blocks of 128, but its room "
                 "at %llu is %llu",
                 (unsigned long long)bytes_as(t, LUTRA_TYPE_Q2_0), other,
                 (unsigned long long)t->offset, (unsigned long long)room);
    return blame_tensor(g, t, reason, err);
}

/* by_name is in order of offsets. Padding can make a small tensor fit both ways: it goes with the
 * others of the file, and with 64 if they do not tell either. */
static lutra_status settle_q2_0(struct lutra_gguf *g, uint64_t align, lutra_error *err)
{
    uint32_t sure[2] = {0, 0}; /* tensors that can only be of 64, of 128 */
    for (uint32_t pass = 0; pass < 2; pass++) {
        for (uint32_t i = 0; i < g->n_tensors; i++) {
            struct lutra_gguf_tensor *t = &g->tensors[g->by_name[i] - g->tensors];
            if (t->type != LUTRA_TYPE_Q2_0) continue;
            uint64_t room = room_of(g, i);
            bool small = fits(bytes_as(t, LUTRA_TYPE_Q2_0), room, align);
            bool large = fits(bytes_as(t, LUTRA_TYPE_Q2_0_G128), room, align);
            if (!small && !large) return blame_room(g, t, room, err);
            if (pass == 0) {
                if (small != large) sure[large]++;
                continue;
            }
            if (large && (!small || (sure[1] > 0 && sure[0] == 0))) t->type = LUTRA_TYPE_Q2_0_G128;
            t->bytes = bytes_as(t, t->type);
        }
    }
    return LUTRA_OK;
}

/* The room tells whether a tensor of a disputed id can be ours. */
static lutra_status check_room(struct lutra_gguf *g, uint64_t align, lutra_error *err)
{
    for (uint32_t i = 0; i < g->n_tensors; i++) {
        struct lutra_gguf_tensor *t = &g->tensors[g->by_name[i] - g->tensors];
        if (!disputed(t->type)) continue;
        t->bytes = bytes_as(t, t->type);
        if (fits(t->bytes, room_of(g, i), align)) continue;
        return lutra_fail(err, LUTRA_EFORMAT,
                          "%s: tensor %s at offset %llu: type %u is %s, %llu bytes, but its room at "
                          "%llu is %llu; %s: use a TQ2_0 or Q4_K_M file of the same model; else the "
                          "file is incomplete or damaged",
                          g->path, t->name, (unsigned long long)t->info_offset, t->type,
                          lutra_type_info(t->type)->name, (unsigned long long)t->bytes,
                          (unsigned long long)t->offset, (unsigned long long)room_of(g, i),
                          t->type == LUTRA_TYPE_I2_S
                              ? "it may be IQ4_NL_4_4, removed from the format in 2024"
                              : "it may be TL2 of BitNet's fork, made for one CPU");
    }
    return LUTRA_OK;
}

static lutra_status check_overlaps(struct lutra_gguf *g, lutra_error *err)
{
    for (uint32_t i = 1; i < g->n_tensors; i++) {
        const struct lutra_gguf_tensor *a = g->by_name[i - 1], *b = g->by_name[i];
        if (a->offset + a->bytes <= b->offset) continue; /* both end inside the file */
        char reason[160];
        lutra_format(reason, sizeof reason, "data overlaps another tensor, %s", b->name);
        return blame_tensor(g, a, reason, err);
    }
    return LUTRA_OK;
}

static lutra_status index_tensors(struct lutra_gguf *g, uint64_t align, lutra_error *err)
{
    if (g->n_tensors == 0) return LUTRA_OK;
    g->by_name = malloc(g->n_tensors * sizeof *g->by_name);
    if (!g->by_name)
        return lutra_fail(err, LUTRA_ENOMEM, "%s: no memory for the tensor directory", g->path);
    for (uint32_t i = 0; i < g->n_tensors; i++) g->by_name[i] = &g->tensors[i];
    assume_least(g);
    lutra_status st = check_aligned(g, align, err);
    if (st == LUTRA_OK) st = place_tensors(g, align, err);
    /* borrow by_name before it is sorted by name */
    qsort(g->by_name, g->n_tensors, sizeof *g->by_name, compare_offsets);
    if (st == LUTRA_OK) st = settle_q2_0(g, align, err);
    if (st == LUTRA_OK) st = check_room(g, align, err);
    if (st == LUTRA_OK) st = check_overlaps(g, err);
    if (st != LUTRA_OK) return st;
    return lutra_gguf_sort_names(g, err);
}

lutra_status lutra_gguf_sort_names(struct lutra_gguf *g, lutra_error *err)
{
    if (g->n_tensors > 0) qsort(g->by_name, g->n_tensors, sizeof *g->by_name, compare_names);
    for (uint32_t i = 1; i < g->n_tensors; i++)
        if (compare_names(&g->by_name[i - 1], &g->by_name[i]) == 0)
            return blame_tensor(g, g->by_name[i], "duplicate tensor name", err);
    return LUTRA_OK;
}

lutra_status lutra_gguf_index(struct lutra_gguf *g, lutra_error *err)
{
    uint64_t align;
    lutra_status st = index_keys(g, err);
    if (st == LUTRA_OK) st = read_alignment(g, &align, err);
    if (st == LUTRA_OK) st = index_tensors(g, align, err);
    return st;
}
