/* SPDX-License-Identifier: MIT */
/* The scale behind a tensor's codes, or beside it. */
#include "models/outer_scale.h"

#include <math.h>
#include <string.h>

static lutra_status blame(const struct lutra_gguf *g, const struct lutra_gguf_tensor *t,
                          lutra_status code, uint64_t at, const char *reason, lutra_error *err)
{
    return lutra_fail(err, code, "%s: tensor %s at offset %llu: %s", lutra_gguf_path(g), t->name,
                      (unsigned long long)at, reason);
}

static lutra_status read_float(const struct lutra_gguf *g, const struct lutra_gguf_tensor *t,
                               uint64_t at, float *scale, lutra_error *err)
{
    lutra_status st = lutra_gguf_read(g, t, at, scale, sizeof *scale, err);
    if (st != LUTRA_OK || isfinite(*scale)) return st;
    return blame(g, t, LUTRA_EFORMAT, t->offset + at,
                 "its scale is not a finite number; the file is damaged, download it again", err);
}

/* "X.scale" for "X.weight"; NULL if there is none. */
static const struct lutra_gguf_tensor *beside(const struct lutra_gguf *g, const char *name)
{
    static const char weight[] = ".weight", scale[] = ".scale";
    char other[80];
    size_t n = strlen(name), stem = n - strlen(weight);
    if (n < strlen(weight) || strcmp(name + stem, weight) != 0) return NULL;
    if (stem + sizeof scale > sizeof other) return NULL;
    memcpy(other, name, stem);
    memcpy(other + stem, scale, sizeof scale);
    return lutra_gguf_tensor(g, other);
}

lutra_status lutra_outer_scale(const struct lutra_gguf *g, const struct lutra_gguf_tensor *t,
                               int count, float *scale, lutra_error *err)
{
    *scale = 1.0f;
    if (t->type == LUTRA_TYPE_I2_S)
        return read_float(g, t, t->bytes - lutra_gguf_tail(t->type), scale, err);
    const struct lutra_gguf_tensor *s = t->type == LUTRA_TYPE_NVFP4 ? beside(g, t->name) : NULL;
    if (s == NULL) return LUTRA_OK;
    if (count > 1) return LUTRA_OK; /* one for each expert: the family reads them beside the experts */
    if (s->type != LUTRA_TYPE_F32 || s->ne[0] * s->ne[1] * s->ne[2] * s->ne[3] != 1)
        return blame(g, s, LUTRA_EFORMAT, s->info_offset,
                     "expected one F32 scale; the file is damaged, download it again", err);
    return read_float(g, s, 0, scale, err);
}
