/* SPDX-License-Identifier: MIT */
/* Keys of feed-forward blocks made of experts. */
#include "models/config.h"

static lutra_status read_counts(struct lutra_config *c, const struct lutra_gguf *g,
                                lutra_error *err)
{
    char reason[120];
    lutra_status st;
    if ((st = lutra_config_int(c, g, "expert_count", 0, LUTRA_MAX_EXPERTS, &c->n_expert, err)))
        return st;
    if ((st = lutra_config_int(c, g, "expert_used_count", 0, LUTRA_MAX_EXPERTS, &c->n_expert_used,
                               err)))
        return st;
    if (c->n_expert > 0 && c->n_expert_used == 0)
        return lutra_config_missing(c, g, "expert_used_count", err);
    if (c->n_expert_used > c->n_expert) {
        lutra_format(reason, sizeof reason, "%d experts are chosen of %d", c->n_expert_used,
                     c->n_expert);
        return lutra_config_blame(c, g, "expert_used_count", LUTRA_EFORMAT, reason, err);
    }
    return LUTRA_OK;
}

/* Groups of as many experts each, from some of which the experts of a token are chosen. */
static lutra_status read_groups(struct lutra_config *c, const struct lutra_gguf *g,
                                lutra_error *err)
{
    int n = 0, used = 0;
    lutra_status st;
    if ((st = lutra_config_int(c, g, "expert_group_count", 0, LUTRA_MAX_EXPERTS, &n, err)))
        return st;
    if ((st = lutra_config_int(c, g, "expert_group_used_count", 0, LUTRA_MAX_EXPERTS, &used, err)))
        return st;
    if (n <= 1) return LUTRA_OK;
    if (c->n_expert % n != 0 || c->n_expert / n < 2)
        return lutra_config_blame(c, g, "expert_group_count", LUTRA_EFORMAT,
                                  "the experts are no such groups of two or more", err);
    if (used == 0) return lutra_config_missing(c, g, "expert_group_used_count", err);
    if (used > n || used * (c->n_expert / n) < c->n_expert_used)
        return lutra_config_blame(c, g, "expert_group_used_count", LUTRA_EFORMAT,
                                  "more groups than there are, or too few for the experts that are chosen", err);
    c->n_expert_groups = n;
    c->n_groups_used = used;
    return LUTRA_OK;
}

lutra_status lutra_config_experts(struct lutra_config *c, const struct lutra_gguf *g,
                                  lutra_error *err)
{
    int routing = c->routing != 0 ? (int)c->routing : LUTRA_ROUTE_SOFTMAX, list[LUTRA_MAX_LAYERS];
    bool array;
    lutra_status st = read_counts(c, g, err);
    if (st != LUTRA_OK || c->n_expert == 0) return st;
    if ((st = read_groups(c, g, err))) return st;
    c->n_ff_expert = c->n_ff;
    if ((st = lutra_config_layers(c, g, "expert_feed_forward_length", 0, LUTRA_MAX_FF, list, &array, err)))
        return st;
    for (int il = 0; array && il < c->n_layer; il++) {
        if (il > 0 && list[il] != list[0])
            return lutra_config_blame(c, g, "expert_feed_forward_length", LUTRA_EUNSUPPORTED,
                                      "differs between layers", err);
        c->n_ff_expert = list[il];
    }
    if (!array && (st = lutra_config_int(c, g, "expert_feed_forward_length", 1, LUTRA_MAX_FF, &c->n_ff_expert, err)))
        return st;
    if (c->n_ff_expert == 0)
        return lutra_config_missing(c, g, "expert_feed_forward_length", err);
    if ((st = lutra_config_int(c, g, "expert_shared_feed_forward_length", 0, LUTRA_MAX_FF,
                               &c->n_ff_shared, err)))
        return st;
    if ((st = lutra_config_float(c, g, "expert_weights_scale", 0.0, 1e6, &c->route_scale, err)))
        return st;
    if (c->route_scale == 0.0f) c->route_scale = 1.0f;
    if ((st = lutra_config_int(c, g, "expert_gating_func", 0, LUTRA_ROUTE_SOFTMAX_CHOSEN,
                               &routing, err)))
        return st;
    if (routing == 0) routing = LUTRA_ROUTE_SOFTMAX;
    c->routing = (enum lutra_routing)routing;
    for (int il = 0; il < c->n_layer; il++) c->shape[il].experts = true;
    return LUTRA_OK;
}
