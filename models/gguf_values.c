/* SPDX-License-Identifier: MIT */
/* Values of GGUF keys as C numbers and strings, each with its range, and as text for a person. */
#include <float.h>
#include <math.h>
#include <string.h>

#include "models/gguf_file.h"

static const struct {
    const char *name;
    unsigned bytes;
} types[LUTRA_GGUF_N_TYPES] = {
    [LUTRA_GGUF_U8] = {"u8", 1},         [LUTRA_GGUF_I8] = {"i8", 1},
    [LUTRA_GGUF_U16] = {"u16", 2},       [LUTRA_GGUF_I16] = {"i16", 2},
    [LUTRA_GGUF_U32] = {"u32", 4},       [LUTRA_GGUF_I32] = {"i32", 4},
    [LUTRA_GGUF_F32] = {"f32", 4},       [LUTRA_GGUF_BOOL] = {"bool", 1},
    [LUTRA_GGUF_STRING] = {"string", 0}, [LUTRA_GGUF_ARRAY] = {"array", 0},
    [LUTRA_GGUF_U64] = {"u64", 8},       [LUTRA_GGUF_I64] = {"i64", 8},
    [LUTRA_GGUF_F64] = {"f64", 8},
};

unsigned lutra_gguf_scalar_bytes(uint32_t type)
{
    return type < LUTRA_GGUF_N_TYPES ? types[type].bytes : 0;
}

const char *lutra_gguf_type_name(uint32_t type)
{
    return type < LUTRA_GGUF_N_TYPES ? types[type].name : "unknown";
}

/* ---- one scalar at p ---- */

/* An integer of any type: its value, or for those above INT64_MAX its true value in *big. */
static bool load_int(const uint8_t *p, uint32_t type, int64_t *out, uint64_t *big)
{
    *big = 0;
    switch (type) {
    case LUTRA_GGUF_U8:
    case LUTRA_GGUF_BOOL: *out = p[0]; return true;
    case LUTRA_GGUF_I8: *out = (int8_t)p[0]; return true;
    case LUTRA_GGUF_U16: *out = (uint16_t)(p[0] | p[1] << 8); return true;
    case LUTRA_GGUF_I16: *out = (int16_t)(p[0] | p[1] << 8); return true;
    case LUTRA_GGUF_U32: *out = gguf_u32(p); return true;
    case LUTRA_GGUF_I32: *out = (int32_t)gguf_u32(p); return true;
    case LUTRA_GGUF_I64: *out = (int64_t)gguf_u64(p); return true;
    case LUTRA_GGUF_U64:
        *big = gguf_u64(p);
        *out = *big <= INT64_MAX ? (int64_t)*big : INT64_MAX;
        if (*big <= INT64_MAX) *big = 0;
        return true;
    default: return false;
    }
}

static bool load_float(const uint8_t *p, uint32_t type, double *out)
{
    if (type == LUTRA_GGUF_F32) {
        uint32_t u = gguf_u32(p);
        float f;
        memcpy(&f, &u, sizeof f);
        *out = (double)f;
        return true;
    }
    if (type == LUTRA_GGUF_F64) {
        uint64_t u = gguf_u64(p);
        memcpy(out, &u, sizeof *out);
        return true;
    }
    return false;
}

/* ---- by key ---- */

static lutra_status blame(const struct lutra_gguf *g, const char *key,
                          const struct lutra_gguf_kv *kv, const char *reason, lutra_error *err)
{
    return lutra_fail(err, LUTRA_EFORMAT,
                      "%s: key %s at offset %llu: %s; the file is damaged, convert or download it again", g->path, key,
                      (unsigned long long)kv->offset, reason);
}

static lutra_status wrong_type(const struct lutra_gguf *g, const char *key,
                               const struct lutra_gguf_kv *kv, const char *expected,
                               lutra_error *err)
{
    char reason[120];
    bool array = kv->type == LUTRA_GGUF_ARRAY;
    lutra_format(reason, sizeof reason, "is of type %s%s, expected %s", array ? "array of " : "",
                 lutra_gguf_type_name(array ? kv->elem_type : kv->type), expected);
    return blame(g, key, kv, reason, err);
}

static const struct lutra_gguf_kv *look_up(const struct lutra_gguf *g, const char *key, bool *found)
{
    const struct lutra_gguf_kv *kv = lutra_gguf_find(g, key);
    if (found) *found = kv != NULL;
    return kv;
}

lutra_status lutra_gguf_int(const struct lutra_gguf *g, const char *key, int64_t min, int64_t max,
                            int64_t *out, bool *found, lutra_error *err)
{
    const struct lutra_gguf_kv *kv = look_up(g, key, found);
    int64_t v;
    uint64_t big;
    if (!kv) return LUTRA_OK;
    if (kv->type == LUTRA_GGUF_BOOL || !load_int(g->header + kv->offset, kv->type, &v, &big))
        return wrong_type(g, key, kv, "an integer", err);
    if (v >= min && v <= max && big == 0) {
        *out = v;
        return LUTRA_OK;
    }
    char reason[160], shown[24];
    lutra_format(shown, sizeof shown, big ? "%llu" : "%lld", big ? big : (unsigned long long)v);
    lutra_format(reason, sizeof reason, "%s is out of range, expected %lld to %lld", shown,
                 (long long)min, (long long)max);
    return blame(g, key, kv, reason, err);
}

lutra_status lutra_gguf_float(const struct lutra_gguf *g, const char *key, double min, double max,
                              double *out, bool *found, lutra_error *err)
{
    const struct lutra_gguf_kv *kv = look_up(g, key, found);
    double v;
    if (!kv) return LUTRA_OK;
    if (!load_float(g->header + kv->offset, kv->type, &v))
        return wrong_type(g, key, kv, "a floating-point number", err);
    if (isfinite(v) && v >= min && v <= max) {
        *out = v;
        return LUTRA_OK;
    }
    char reason[160];
    lutra_format(reason, sizeof reason, "%g is out of range, expected %g to %g", v, min, max);
    return blame(g, key, kv, reason, err);
}

lutra_status lutra_gguf_bool(const struct lutra_gguf *g, const char *key, bool *out, bool *found,
                             lutra_error *err)
{
    const struct lutra_gguf_kv *kv = look_up(g, key, found);
    if (!kv) return LUTRA_OK;
    if (kv->type != LUTRA_GGUF_BOOL) return wrong_type(g, key, kv, "a bool", err);
    *out = g->header[kv->offset] != 0;
    return LUTRA_OK;
}

lutra_status lutra_gguf_str(const struct lutra_gguf *g, const char *key, const char **out,
                            size_t *len, bool *found, lutra_error *err)
{
    const struct lutra_gguf_kv *kv = look_up(g, key, found);
    if (!kv) return LUTRA_OK;
    if (kv->type != LUTRA_GGUF_STRING) return wrong_type(g, key, kv, "a string", err);
    *out = (const char *)g->header + kv->offset + 8;
    *len = (size_t)gguf_u64(g->header + kv->offset);
    return LUTRA_OK;
}

lutra_status lutra_gguf_missing(const struct lutra_gguf *g, const char *kind, const char *name,
                                const char *cure, lutra_error *err)
{
    bool key = strcmp(kind, "key") == 0 && g->n_tensors > 0;
    unsigned long long end = key ? g->tensors[0].info_offset : g->header_bytes;
    return lutra_fail(err, LUTRA_EFORMAT, "%s: %s %s is missing (the last %s ends at offset %llu); %s",
                      g->path, kind, name, kind, end, cure);
}

/* ---- array elements ---- */

static const uint8_t *element_at(const struct lutra_gguf *g, const struct lutra_gguf_kv *kv,
                                 uint64_t i)
{
    return g->header + kv->offset + i * lutra_gguf_scalar_bytes(kv->elem_type);
}

/* NULL if kv is no array or has no element i. */
static const uint8_t *element(const struct lutra_gguf *g, const struct lutra_gguf_kv *kv,
                              uint64_t i)
{
    return kv->type == LUTRA_GGUF_ARRAY && i < kv->count ? element_at(g, kv, i) : NULL;
}

bool lutra_gguf_arr_int(const struct lutra_gguf *g, const struct lutra_gguf_kv *kv, uint64_t i,
                        int64_t *out)
{
    const uint8_t *p = element(g, kv, i);
    uint64_t big;
    int64_t v;
    if (!p || !load_int(p, kv->elem_type, &v, &big) || big) return false;
    *out = v;
    return true;
}

bool lutra_gguf_arr_float(const struct lutra_gguf *g, const struct lutra_gguf_kv *kv, uint64_t i,
                          double *out)
{
    const uint8_t *p = element(g, kv, i);
    return p && load_float(p, kv->elem_type, out);
}

/* The cursor is (index << 32 | offset from element 0): headers are far below 4 GiB, see
 * GGUF_MAX_HEADER. */
bool lutra_gguf_arr_str(const struct lutra_gguf *g, const struct lutra_gguf_kv *kv,
                        uint64_t *cursor, const char **s, size_t *len)
{
    uint64_t i = *cursor >> 32, at = *cursor & UINT32_MAX;
    if (kv->type != LUTRA_GGUF_ARRAY || kv->elem_type != LUTRA_GGUF_STRING || i >= kv->count)
        return false;
    const uint8_t *p = g->header + kv->offset + at;
    *len = (size_t)gguf_u64(p);
    *s = (const char *)p + 8;
    *cursor = (i + 1) << 32 | (at + 8 + *len);
    return true;
}

/* ---- for a person ---- */

static void show_scalar(char *dst, size_t cap, const uint8_t *p, uint32_t type)
{
    int64_t v;
    uint64_t big;
    double f;
    if (type == LUTRA_GGUF_BOOL)
        lutra_format(dst, cap, "%s", p[0] ? "true" : "false");
    else if (load_int(p, type, &v, &big))
        lutra_format(dst, cap, big ? "%llu" : "%lld", big ? big : (unsigned long long)v);
    else if (load_float(p, type, &f))
        lutra_format(dst, cap, "%.*g", type == LUTRA_GGUF_F32 ? FLT_DIG : DBL_DIG, f);
    else
        lutra_format(dst, cap, "?");
}

/* Append as much of `text` as fits; false if not all of it did. */
static bool append(char *dst, size_t cap, const char *text)
{
    size_t have = strlen(dst), n = strlen(text);
    if (n >= cap - have) return false;
    memcpy(dst + have, text, n + 1);
    return true;
}

/* One element as text; string arrays are walked by the cursor. */
static void show_element(const struct lutra_gguf *g, const struct lutra_gguf_kv *kv, uint64_t i,
                         uint64_t *cursor, char *dst, size_t cap)
{
    const char *s;
    size_t len;
    if (lutra_gguf_arr_str(g, kv, cursor, &s, &len))
        lutra_escape(dst, cap, s, len);
    else
        show_scalar(dst, cap, element_at(g, kv, i), kv->elem_type);
}

/* "[1, 2, 3]" if all of it fits, else "[1, ... 3 in all]". */
static void show_array(const struct lutra_gguf *g, const struct lutra_gguf_kv *kv, char *dst,
                       size_t cap)
{
    char item[80], rest[40];
    uint64_t cursor = 0, i;
    size_t cut = 0; /* the longest text of whole elements with room for `rest` behind it */
    lutra_format(rest, sizeof rest, ", ... %llu in all]", (unsigned long long)kv->count);
    dst[0] = '\0';
    bool ok = append(dst, cap, "[");
    for (i = 0; ok && i < kv->count; i++) {
        show_element(g, kv, i, &cursor, item, sizeof item);
        ok = (i == 0 || append(dst, cap, ", ")) && append(dst, cap, item);
        if (ok && strlen(dst) + strlen(rest) < cap) cut = strlen(dst);
    }
    if (ok && append(dst, cap, "]")) return;
    dst[cut] = '\0';
    if (cut > 0) append(dst, cap, rest);
}

void lutra_gguf_show(const struct lutra_gguf *g, const struct lutra_gguf_kv *kv, char *dst,
                     size_t cap)
{
    const uint8_t *p = g->header + kv->offset;
    if (cap == 0) return;
    if (kv->type == LUTRA_GGUF_STRING)
        lutra_escape(dst, cap, (const char *)p + 8, (size_t)gguf_u64(p));
    else if (kv->type == LUTRA_GGUF_ARRAY)
        show_array(g, kv, dst, cap);
    else
        show_scalar(dst, cap, p, kv->type);
}
