/* SPDX-License-Identifier: MIT */
/* Layout and access of the KV cache. */
#include "models/kv.h"

#include <string.h>

static size_t elem_bytes(bool f32)
{
    return f32 ? sizeof(float) : sizeof(uint16_t);
}

uint64_t lutra_kv_bytes(const struct lutra_config *c, int n_ctx, bool f32)
{
    uint64_t row = (uint64_t)c->n_head_kv * (uint64_t)(c->head_dim + c->head_dim_v) * elem_bytes(f32);
    uint64_t bytes;
    if (!lutra_mul_ok(&bytes, row, (uint64_t)n_ctx)) return 0;
    if (!lutra_mul_ok(&bytes, bytes, (uint64_t)c->n_layer)) return 0;
    return bytes;
}

void lutra_kv_bind(struct lutra_kv *kv, const struct lutra_config *c, void *mem, int n_ctx, bool f32)
{
    kv->data = mem;
    kv->n_ctx = n_ctx;
    kv->n = 0;
    kv->f32 = f32;
    kv->k_row = (size_t)c->n_head_kv * (size_t)c->head_dim;
    kv->v_row = (size_t)c->n_head_kv * (size_t)c->head_dim_v;
    kv->layer_bytes = (kv->k_row + kv->v_row) * (size_t)n_ctx * elem_bytes(f32);
}

static uint8_t *k_base(const struct lutra_kv *kv, int il)
{
    return kv->data + (size_t)il * kv->layer_bytes;
}

static uint8_t *v_base(const struct lutra_kv *kv, int il)
{
    return k_base(kv, il) + kv->k_row * (size_t)kv->n_ctx * elem_bytes(kv->f32);
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
    put_row(kv, ops, k_base(kv, il), kv->k_row, pos, k);
    put_row(kv, ops, v_base(kv, il), kv->v_row, pos, v);
}

struct lutra_span lutra_kv_span(const struct lutra_kv *kv, const struct lutra_config *c, int il, int head_kv, int pos,
                                int window)
{
    struct lutra_span s;
    /* the cache has one stride for both: k and v rows are equally long (config.c refuses other heads) */
    s.k = k_base(kv, il) + (size_t)head_kv * (size_t)c->head_dim * elem_bytes(kv->f32);
    s.v = v_base(kv, il) + (size_t)head_kv * (size_t)c->head_dim_v * elem_bytes(kv->f32);
    s.stride = kv->k_row;
    s.first = window > 0 && pos + 1 > window ? pos + 1 - window : 0;
    s.n = pos + 1 - s.first;
    s.f32 = kv->f32;
    return s;
}
