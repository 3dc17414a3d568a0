/* SPDX-License-Identifier: MIT */
/* SmolLM3: Llama's layer, but every fourth layer does not rotate (NoPE). */
#include "models/families.h"

static const struct lutra_tensor_spec specs[] = {LUTRA_DENSE_SPECS, LUTRA_BIAS_SPECS};

enum { NO_ROPE_EVERY = 4 };

static lutra_status configure(struct lutra_config *c, const struct lutra_gguf *g, lutra_error *err)
{
    c->gate = LUTRA_GATE_SILU;
    for (int il = 0; il < c->n_layer; il++) c->shape[il].rotates = (il + 1) % NO_ROPE_EVERY != 0;
    return lutra_config_attn_scale(c, g, err);
}

static const char *const names[] = {"smollm3", NULL};
const struct lutra_arch lutra_arch_smollm3 = {
    names, specs, sizeof specs / sizeof specs[0], configure, lutra_layer_prenorm, false, NULL};
