/* SPDX-License-Identifier: MIT */
/* Ministral 3: Llama's layer with YaRN, and queries that grow with the logarithm of their position:
 * q * (1 + temperature_scale * log(1 + floor(pos / original context))). */
#include "models/families.h"

static const struct lutra_tensor_spec specs[] = {LUTRA_DENSE_SPECS, LUTRA_BIAS_SPECS};

static lutra_status configure(struct lutra_config *c, const struct lutra_gguf *g, lutra_error *err)
{
    c->gate = LUTRA_GATE_SILU;
    lutra_status st = lutra_config_float(c, g, "attention.temperature_scale", 0.0, 1e3, &c->temp_scale, err);
    return st != LUTRA_OK ? st : lutra_config_attn_scale(c, g, err);
}

static const char *const names[] = {"mistral3", NULL};
const struct lutra_arch lutra_arch_mistral3 = {
    names, specs, sizeof specs / sizeof specs[0], configure, lutra_layer_prenorm, false, NULL};
