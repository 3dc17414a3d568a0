/* SPDX-License-Identifier: MIT */
/* The KV cache: keys and values of every position held, f16 (or f32 at --precision high).
 *
 *   layer 0 K   [n_ctx][n_head_kv * head_dim]      one row per position, heads side by side
 *   layer 0 V   [n_ctx][n_head_kv * head_dim]
 *   layer 1 K   ...
 *
 * An encoder is done with a layer before the next begins: all layers share one place. Layers that do not attend have none, and some read those of an earlier layer. */
#ifndef LUTRA_MODELS_KV_H
#define LUTRA_MODELS_KV_H

#include "kernels/ops.h"
#include "models/config.h"

struct lutra_kv {
    uint8_t *data;
    const struct lutra_config *config;
    int n_ctx;        /* positions there is room for */
    int n;            /* positions held */
    bool f32;
    uint64_t *at;     /* [n_layer] bytes before the layer's keys */
    uint64_t bytes;   /* of all */
};

/* Bytes needed (0 if nothing attends); false if the product overflows. */
bool lutra_kv_bytes(const struct lutra_config *c, int n_ctx, bool f32, uint64_t *bytes);
/* at: room for n_layer numbers. */
void lutra_kv_bind(struct lutra_kv *kv, const struct lutra_config *c, void *mem, uint64_t *at, int n_ctx, bool f32);

/* Store the keys and values (float rows of the layer's heads side by side) of position `pos` of layer il. */
void lutra_kv_put(struct lutra_kv *kv, const struct lutra_ops *ops, int il, int pos, const float *k, const float *v);

/* The i-th of 2 * n_layer stretches of memory that hold what is known of positions 0 .. n-1: a layer's keys, then its
 * values. Returns its bytes, 0 for layers without keys of their own. */
size_t lutra_kv_rows(const struct lutra_kv *kv, int i, int n, uint8_t **p);

/* The span that a query at `pos` of layer il sees in one head: positions max(0, pos+1-window) .. pos (window 0: all). */
struct lutra_span lutra_kv_span(const struct lutra_kv *kv, int il, int head_kv, int pos, int window);

#endif
