/* SPDX-License-Identifier: MIT */
/* Layout and access of the KV cache. */
#include "models/kv.h"

#include <string.h>

static size_t elem_bytes(bool f32)
{
    return f32 ? sizeof(float) : sizeof(uint16_t);
}

/* Elements per position of layer il's keys; its values have as many. */
static size_t row_of(const struct lutra_config *c, int il)
{
    return (size_t)c->shape[il].n_head_kv * (size_t)c->shape[il].head_dim;
}

static uint64_t own_row(const struct lutra_config *c, int il)
{
    return c->shape[il].kv_from == il ? row_of(c, il) : 0;
}

bool lutra_kv_bytes(const struct lutra_config *c, int n_ctx, bool f32, uint64_t *bytes)
{
    uint64_t rows = 0; /* 1024 layers of 2^22 elements: no overflow */
    for (int il = 0; il < c->n_layer; il++) {
        uint64_t own = own_row(c, il);
        rows = !c->encoder ? rows + own : own > rows ? own : rows;
    }
    return lutra_mul_ok(bytes, 2 * rows * elem_bytes(f32), (uint64_t)n_ctx);
}

void lutra_kv_bind(struct lutra_kv *kv, const struct lutra_config *c, void *mem, uint64_t *at, int n_ctx, bool f32)
{
    kv->data = mem;
    kv->config = c;
    kv->n_ctx = n_ctx;
    kv->n = 0;
    kv->f32 = f32;
    kv->at = at;
    kv->bytes = 0;
    for (int il = 0; il < c->n_layer; il++) {
        at[il] = c->encoder ? 0 : kv->bytes;
        kv->bytes = at[il] + 2 * own_row(c, il) * (uint64_t)n_ctx * elem_bytes(f32);
    }
}

static uint8_t *k_base(const struct lutra_kv *kv, int il)
{
    return kv->data + kv->at[kv->config->shape[il].kv_from];
}

static uint8_t *v_base(const struct lutra_kv *kv, int il)
{
    return k_base(kv, il) + row_of(kv->config, il) * (size_t)kv->n_ctx * elem_bytes(kv->f32);
}

static void put_row(const struct lutra_kv *kv, const struct lutra_ops *ops, uint8_t *base, size_t row, int pos,
                    const float *src)
{
    uint8_t *dst = base + (size_t)pos * row * elem_bytes(kv->f32);
    if (kv->f32) memcpy(dst, src, row * sizeof(float));
    else ops->f32_to_f16((uint16_t *)(void *)dst, src, (int)row);
}

void lutra_kv_put(struct lutra_kv *kv, const struct lutra_ops *ops, int il, int pos, const float *k, const float *v)
{
    size_t row = row_of(kv->config, il);
    put_row(kv, ops, k_base(kv, il), row, pos, k);
    put_row(kv, ops, v_base(kv, il), row, pos, v);
}

size_t lutra_kv_rows(const struct lutra_kv *kv, int i, int n, uint8_t **p)
{
    int il = i / 2;
    if (own_row(kv->config, il) == 0) return 0;
    *p = i % 2 == 0 ? k_base(kv, il) : v_base(kv, il);
    return row_of(kv->config, il) * (size_t)n * elem_bytes(kv->f32);
}

struct lutra_span lutra_kv_span(const struct lutra_kv *kv, int il, int head_kv, int pos, int window)
{
    size_t head = (size_t)head_kv * (size_t)kv->config->shape[il].head_dim * elem_bytes(kv->f32);
    struct lutra_span s = {.k = k_base(kv, il) + head,
                           .v = v_base(kv, il) + head,
                           .stride = row_of(kv->config, il), /* k and v rows are equally long */
                           .f32 = kv->f32};
    s.first = window > 0 && pos + 1 > window ? pos + 1 - window : 0;
    s.n = pos + 1 - s.first;
    return s;
}
