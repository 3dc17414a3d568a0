/* SPDX-License-Identifier: MIT */
/* The KV cache: keys and values of every position held, f16 (or f32 at --precision high).
 *
 *   layer 0 K   [n_ctx][n_head_kv * head_dim]      one row per position, heads side by side
 *   layer 0 V   [n_ctx][n_head_kv * head_dim_v]
 *   layer 1 K   ...
 */
#ifndef LUTRA_MODELS_KV_H
#define LUTRA_MODELS_KV_H

#include "kernels/ops.h"
#include "models/config.h"

struct lutra_kv {
    uint8_t *data;
    int n_ctx;        /* positions there is room for */
    int n;            /* positions held */
    bool f32;
    size_t k_row, v_row;      /* elements per position */
    size_t layer_bytes;
};

/* Bytes needed; 0 if the product overflows. */
uint64_t lutra_kv_bytes(const struct lutra_config *c, int n_ctx, bool f32);
void lutra_kv_bind(struct lutra_kv *kv, const struct lutra_config *c, void *mem, int n_ctx, bool f32);

/* Store the keys and values (float rows of k_row / v_row) of position `pos` of layer il. */
void lutra_kv_put(struct lutra_kv *kv, const struct lutra_ops *ops, int il, int pos, const float *k, const float *v);

/* The span that a query at `pos` sees in one head: positions max(0, pos+1-window) .. pos (window 0: all). */
struct lutra_span lutra_kv_span(const struct lutra_kv *kv, const struct lutra_config *c, int il, int head_kv, int pos,
                                int window);

#endif
