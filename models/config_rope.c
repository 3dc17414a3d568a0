/* SPDX-License-Identifier: MIT */
/* Keys of the scaling of positions. Divisors of single frequencies come as tensors: frequency.c. */
#include "models/config.h"

#include <string.h>

static bool is(const char *s, size_t n, const char *word)
{
    return n == strlen(word) && memcmp(s, word, n) == 0;
}

static lutra_status read_kind(struct lutra_config *c, const struct lutra_gguf *g, bool *none,
                              lutra_error *err)
{
    char key[128], shown[48], reason[120];
    const char *s = "linear"; /* a factor without a type is linear */
    size_t n = 6;
    lutra_status st =
        lutra_gguf_str(g, lutra_config_key(c, "rope.scaling.type", key), &s, &n, NULL, err);
    if (st != LUTRA_OK) return st;
    *none = is(s, n, "none");
    c->rope.kind = LUTRA_ROPE_LINEAR;
    if (is(s, n, "yarn")) c->rope.kind = LUTRA_ROPE_YARN;
    else if (is(s, n, "longrope")) c->rope.kind = LUTRA_ROPE_LONG;
    else if (!*none && !is(s, n, "linear")) {
        lutra_format(reason, sizeof reason,
                     "rope scaling \"%s\" is not supported (none, linear, yarn, longrope are)",
                     lutra_escape(shown, sizeof shown, s, n));
        return lutra_config_blame(c, g, "rope.scaling.type", LUTRA_EUNSUPPORTED, reason, err);
    }
    return LUTRA_OK;
}

struct float_key {
    const char *name;
    double *out;
    double min, max;
};

lutra_status lutra_config_rope(struct lutra_config *c, const struct lutra_gguf *g, lutra_error *err)
{
    struct lutra_rope_scaling *r = &c->rope;
    double factor = 0.0, old = 0.0;
    bool none;
    lutra_status st = read_kind(c, g, &none, err);
    if (st != LUTRA_OK) return st;
    *r = (struct lutra_rope_scaling){.kind = r->kind,
                                     .factor = 1.0,
                                     .attn_factor = 1.0,
                                     .ext_factor = r->kind == LUTRA_ROPE_YARN ? 1.0 : 0.0,
                                     .beta_fast = 32.0,
                                     .beta_slow = 1.0,
                                     .n_ctx_orig = c->n_ctx_train};
    const struct float_key keys[] = {
        {"rope.scale_linear", &old, 0.0, 1e6}, /* the name of 2023; 0 was "none" */
        {"rope.scaling.factor", &factor, 1e-3, 1e6},
        {"rope.scaling.attn_factor", &r->attn_factor, 1e-3, 1e3},
        {"rope.scaling.yarn_ext_factor", &r->ext_factor, -1.0, 1e3},
        {"rope.scaling.yarn_beta_fast", &r->beta_fast, 1e-3, 1e6},
        {"rope.scaling.yarn_beta_slow", &r->beta_slow, 1e-3, 1e6},
        {"rope.scaling.yarn_log_multiplier", &r->log_mul, 0.0, 1e3},
    };
    char key[128];
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        const struct float_key *k = &keys[i];
        st = lutra_gguf_float(g, lutra_config_key(c, k->name, key), k->min, k->max, k->out, NULL,
                              err);
        if (st != LUTRA_OK) return st;
    }
    if (factor == 0.0) factor = old;
    if (!none && factor > 0.0) r->factor = factor;
    if (r->ext_factor < 0.0 || r->kind != LUTRA_ROPE_YARN)
        r->ext_factor = r->kind == LUTRA_ROPE_YARN ? 1.0 : 0.0;
    return lutra_config_int(c, g, "rope.scaling.original_context_length", 1, LUTRA_MAX_CTX,
                            &r->n_ctx_orig, err);
}
