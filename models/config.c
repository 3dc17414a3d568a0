/* SPDX-License-Identifier: MIT */
/* Keys to numbers. Every range stands in one table; a number outside of it is refused with key and
 * offset. */
#include "models/config.h"

#include <string.h>

const char *lutra_config_key(const struct lutra_config *c, const char *name, char *dst)
{
    lutra_format(dst, 128, "%s.%s", c->arch, name);
    return dst;
}

static lutra_status missing(const struct lutra_gguf *g, const char *key, lutra_error *err)
{
    return lutra_gguf_missing(g, "key", key, "the file is incomplete, convert or download it again",
                              err);
}

/* "FILE: key KEY at offset N: REASON; CURE" of a key that is there. */
static lutra_status blame(const struct lutra_gguf *g, const char *key, lutra_status code,
                          const char *reason, lutra_error *err)
{
    const struct lutra_gguf_kv *kv = lutra_gguf_find(g, key);
    const char *cure = code == LUTRA_EFORMAT ? "the file is damaged, convert or download it again"
                                             : "take another file of this model";
    return lutra_fail(err, code, "%s: key %s at offset %llu: %s; %s", lutra_gguf_path(g), key,
                      (unsigned long long)(kv ? kv->offset : 0), reason, cure);
}

/* A per-layer array of one value throughout. */
static lutra_status read_layers(const struct lutra_config *c, const struct lutra_gguf *g,
                                const char *key, const struct lutra_gguf_kv *kv, int64_t min,
                                int64_t max, int64_t *out, lutra_error *err)
{
    char reason[120];
    int64_t first = 0;
    if (c->n_layer == 0 || kv->count != (uint64_t)c->n_layer) {
        lutra_format(reason, sizeof reason, "an array of %llu where %d layers are",
                     (unsigned long long)kv->count, c->n_layer);
        return blame(g, key, LUTRA_EFORMAT, reason, err);
    }
    for (uint64_t i = 0; i < kv->count; i++) {
        int64_t v;
        if (!lutra_gguf_arr_int(g, kv, i, &v) || v < min || v > max) {
            lutra_format(reason, sizeof reason, "element %llu is not an integer in %lld..%lld",
                         (unsigned long long)i, (long long)min, (long long)max);
            return blame(g, key, LUTRA_EFORMAT, reason, err);
        }
        if (i == 0) first = v;
        if (v != first)
            return blame(g, key, LUTRA_EUNSUPPORTED,
                         "differs between layers, which this version cannot run", err);
    }
    *out = first;
    return LUTRA_OK;
}

/* An integer that may be written as a per-layer array, once block_count is known. */
static lutra_status read_int(const struct lutra_config *c, const struct lutra_gguf *g,
                             const char *key, int64_t min, int64_t max, int64_t *out, bool *found,
                             lutra_error *err)
{
    const struct lutra_gguf_kv *kv = lutra_gguf_find(g, key);
    *found = kv != NULL;
    if (kv && kv->type == LUTRA_GGUF_ARRAY && c->n_layer > 0)
        return read_layers(c, g, key, kv, min, max, out, err);
    return lutra_gguf_int(g, key, min, max, out, found, err);
}

lutra_status lutra_config_read_arch(struct lutra_config *c, const struct lutra_gguf *g,
                                    lutra_error *err)
{
    const char *s;
    size_t n;
    bool found;
    lutra_status st = lutra_gguf_str(g, "general.architecture", &s, &n, &found, err);
    if (st != LUTRA_OK) return st;
    if (!found) return missing(g, "general.architecture", err);
    if (n == 0 || n >= sizeof c->arch || memchr(s, 0, n) != NULL) {
        char shown[64], reason[120];
        lutra_format(reason, sizeof reason, "architecture \"%s\" is not supported",
                     lutra_escape(shown, sizeof shown, s, n));
        return blame(g, "general.architecture", LUTRA_EUNSUPPORTED, reason, err);
    }
    memcpy(c->arch, s, n);
    c->arch[n] = 0;
    return LUTRA_OK;
}

struct int_key {
    const char *name;
    size_t field;
    int64_t min, max;
    bool required;
};

#define FIELD(x) offsetof(struct lutra_config, x)
static const struct int_key int_keys[] = {
    {"block_count", FIELD(n_layer), 1, LUTRA_MAX_LAYERS, true},
    {"embedding_length", FIELD(n_embd), 1, LUTRA_MAX_EMBD, true},
    {"feed_forward_length", FIELD(n_ff), 1, LUTRA_MAX_FF, true},
    {"attention.head_count", FIELD(n_head), 1, LUTRA_MAX_HEADS, true},
    {"attention.head_count_kv", FIELD(n_head_kv), 1, LUTRA_MAX_HEADS, false},
    {"attention.key_length", FIELD(head_dim), 1, LUTRA_MAX_HEAD_DIM, false},
    {"attention.value_length", FIELD(head_dim_v), 1, LUTRA_MAX_HEAD_DIM, false},
    {"rope.dimension_count", FIELD(n_rot), 2, LUTRA_MAX_HEAD_DIM, false},
    {"context_length", FIELD(n_ctx_train), 1, INT64_MAX, true}, /* clamped: see read_ints */
};

static lutra_status read_ints(struct lutra_config *c, const struct lutra_gguf *g, lutra_error *err)
{
    char key[128];
    for (size_t i = 0; i < sizeof int_keys / sizeof int_keys[0]; i++) {
        const struct int_key *k = &int_keys[i];
        int64_t v = 0;
        bool found;
        lutra_config_key(c, k->name, key);
        lutra_status st = read_int(c, g, key, k->min, k->max, &v, &found, err);
        if (st != LUTRA_OK) return st;
        if (!found && k->required) return missing(g, key, err);
        /* no memory follows from a context that a file boasts of */
        int value = v < LUTRA_MAX_CTX ? (int)v : LUTRA_MAX_CTX;
        memcpy((char *)c + k->field, &value, sizeof value);
    }
    return LUTRA_OK;
}

static lutra_status read_vocab(struct lutra_config *c, const struct lutra_gguf *g, lutra_error *err)
{
    const struct lutra_gguf_kv *kv = lutra_gguf_find(g, "tokenizer.ggml.tokens");
    if (kv == NULL) return missing(g, "tokenizer.ggml.tokens", err);
    if (kv->type != LUTRA_GGUF_ARRAY || kv->elem_type != LUTRA_GGUF_STRING || kv->count == 0 ||
        kv->count > LUTRA_MAX_VOCAB)
        return blame(g, "tokenizer.ggml.tokens", LUTRA_EFORMAT,
                     "not an array of 1..4194304 strings", err);
    c->n_vocab = (int)kv->count;
    return LUTRA_OK;
}

/* The scaling of positions: none or linear. Llama 3's comes as a tensor, see rope_freqs in
 * weights.c. */
static lutra_status read_rope_scale(struct lutra_config *c, const struct lutra_gguf *g,
                                    lutra_error *err)
{
    char key[128];
    const char *s = "linear"; /* a factor without a type is linear */
    size_t n = 6;
    double factor = 0.0;
    lutra_status st;
    c->rope_scale = 1.0;
    lutra_config_key(c, "rope.scaling.type", key);
    if ((st = lutra_gguf_str(g, key, &s, &n, NULL, err))) return st;
    bool none = n == 4 && memcmp(s, "none", 4) == 0;
    if (!none && !(n == 6 && memcmp(s, "linear", 6) == 0)) {
        char shown[48], reason[120];
        lutra_format(reason, sizeof reason,
                     "rope scaling \"%s\" is not supported (none and linear are)",
                     lutra_escape(shown, sizeof shown, s, n));
        return blame(g, key, LUTRA_EUNSUPPORTED, reason, err);
    }
    lutra_config_key(c, "rope.scale_linear", key); /* the name of 2023; 0 was "none" */
    if ((st = lutra_gguf_float(g, key, 0.0, 1e6, &factor, NULL, err))) return st;
    lutra_config_key(c, "rope.scaling.factor", key);
    if ((st = lutra_gguf_float(g, key, 1e-3, 1e6, &factor, NULL, err))) return st;
    if (!none && factor > 0.0) c->rope_scale = factor;
    return LUTRA_OK;
}

static lutra_status read_floats(struct lutra_config *c, const struct lutra_gguf *g,
                                lutra_error *err)
{
    char key[128];
    double eps = 0;
    bool found;
    lutra_status st;
    lutra_config_key(c, "attention.layer_norm_rms_epsilon", key);
    if ((st = lutra_gguf_float(g, key, 1e-30, 1.0, &eps, &found, err))) return st;
    if (!found) return missing(g, key, err);
    c->norm_eps = (float)eps;
    c->rope_base = 10000.0;
    lutra_config_key(c, "rope.freq_base", key);
    if ((st = lutra_gguf_float(g, key, 1e-3, 1e15, &c->rope_base, NULL, err))) return st;
    return read_rope_scale(c, g, err);
}

static lutra_status conflict(const struct lutra_config *c, const struct lutra_gguf *g,
                             const char *name, lutra_status code, int value, const char *than,
                             int other, lutra_error *err)
{
    char key[128], reason[120];
    lutra_format(reason, sizeof reason, "%d %s %d", value, than, other);
    return blame(g, lutra_config_key(c, name, key), code, reason, err);
}

/* Relations between the numbers. */
static lutra_status check(struct lutra_config *c, const struct lutra_gguf *g, lutra_error *err)
{
    if (c->n_head_kv == 0) c->n_head_kv = c->n_head;
    const char *dim_key = c->head_dim ? "attention.key_length" : "embedding_length";
    if (c->head_dim == 0) {
        if (c->n_embd % c->n_head != 0)
            return conflict(c, g, "attention.head_count", LUTRA_EFORMAT, c->n_head,
                            "heads do not divide embedding_length", c->n_embd, err);
        c->head_dim = c->n_embd / c->n_head;
        if (c->head_dim > LUTRA_MAX_HEAD_DIM)
            return conflict(c, g, "attention.head_count", LUTRA_EFORMAT, c->n_head,
                            "heads are too few for embedding_length", c->n_embd, err);
    }
    if (c->head_dim_v == 0) c->head_dim_v = c->head_dim;
    bool rot_given = c->n_rot != 0;
    if (!rot_given) c->n_rot = c->head_dim;
    if (c->n_head % c->n_head_kv != 0)
        return conflict(c, g, "attention.head_count_kv", LUTRA_EFORMAT, c->n_head_kv,
                        "heads of keys do not divide head_count", c->n_head, err);
    if (c->n_rot % 2 != 0 || c->n_rot > c->head_dim)
        return conflict(c, g, rot_given ? "rope.dimension_count" : dim_key, LUTRA_EFORMAT, c->n_rot,
                        "is odd or above the length of a head,", c->head_dim, err);
    if (c->head_dim_v != c->head_dim)
        return conflict(c, g, "attention.value_length", LUTRA_EUNSUPPORTED, c->head_dim_v,
                        "differs from key_length", c->head_dim, err);
    return LUTRA_OK;
}

/* Keys that change the arithmetic in ways the present families do not have. */
static lutra_status refuse_unknown_machinery(const struct lutra_config *c,
                                             const struct lutra_gguf *g, lutra_error *err)
{
    static const char *const names[] = {"expert_count", "expert_used_count", "ssm.conv_kernel",
                                        "full_attention_interval"};
    char key[128];
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        int64_t v = 0;
        lutra_status st =
            lutra_gguf_int(g, lutra_config_key(c, names[i], key), 0, INT64_MAX, &v, NULL, err);
        if (st != LUTRA_OK) return st;
        if (v != 0)
            return blame(g, key, LUTRA_EUNSUPPORTED, "models of this kind are not supported yet",
                         err);
    }
    return LUTRA_OK;
}

lutra_status lutra_config_read(struct lutra_config *c, const struct lutra_gguf *g, lutra_error *err)
{
    memset(c, 0, sizeof *c);
    lutra_status st;
    if ((st = lutra_config_read_arch(c, g, err))) return st;
    if ((st = read_ints(c, g, err))) return st;
    if ((st = read_vocab(c, g, err))) return st;
    if ((st = read_floats(c, g, err))) return st;
    if ((st = check(c, g, err))) return st;
    if ((st = refuse_unknown_machinery(c, g, err))) return st;
    c->embd_scale = 1.0f;
    c->window_every = 1;
    c->rope_base_local = c->rope_base;
    return LUTRA_OK;
}
