/* SPDX-License-Identifier: MIT */
/* Tensors by name and expected shape, counted for the plan and then packed into the model's arena. */
#ifndef LUTRA_MODELS_WEIGHTS_H
#define LUTRA_MODELS_WEIGHTS_H

#include "models/model.h"

enum { LUTRA_N_TYPE_IDS = LUTRA_TYPE_Q2_0_G128 + 1 };

/* One walk over all tensors of a model serves the plan (arena == NULL: only count) and the load. */
struct lutra_weights {
    const struct lutra_gguf *g;
    const struct lutra_config *config;
    const struct lutra_arch *arch;
    struct lutra_dims dims;
    const struct lutra_ops *ops;    /* load only: who will multiply, ... */
    bool planes;                    /* ... and whether by lookup whatever it costs */
    bool has_ternary;               /* some matrix may turn out ternary */
    struct lutra_arena *arena;      /* NULL: plan only */
    struct lutra_pool *pool;        /* load only */
    enum lutra_head_bits head;
    uint64_t bytes;                 /* arena bytes planned */
    uint64_t n_params;
    uint64_t read_bytes, total_read;/* file bytes of tensors, for progress */
    bool (*on_progress)(void *user, double fraction);
    void *user;
    uint64_t type_params[LUTRA_N_TYPE_IDS]; /* weights by type id, to name the model's type */
};

void lutra_weights_init(struct lutra_weights *w, const struct lutra_gguf *g, const struct lutra_config *c,
                        const struct lutra_arch *arch);

/* Fill net->layers, token_embd, output, output_norm, freq (or count them if w->arena is NULL; net may be NULL then). */
lutra_status lutra_weights_walk(struct lutra_weights *w, struct lutra_net *net, lutra_error *err);

#endif
