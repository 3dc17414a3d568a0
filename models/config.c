/* SPDX-License-Identifier: MIT */
/* Keys to numbers. Every range stands in one table; a number outside of it is refused with key and
 * offset. */
#include "models/config.h"

#include <math.h>
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

lutra_status lutra_config_blame(const struct lutra_config *c, const struct lutra_gguf *g,
                                const char *name, lutra_status code, const char *reason,
                                lutra_error *err)
{
    char key[128];
    return blame(g, lutra_config_key(c, name, key), code, reason, err);
}

lutra_status lutra_config_missing(const struct lutra_config *c, const struct lutra_gguf *g,
                                  const char *name, lutra_error *err)
{
    char key[128];
    return missing(g, lutra_config_key(c, name, key), err);
}

lutra_status lutra_config_int(const struct lutra_config *c, const struct lutra_gguf *g,
                              const char *name, int min, int max, int *out, lutra_error *err)
{
    char key[128];
    int64_t v = *out;
    lutra_status st = lutra_gguf_int(g, lutra_config_key(c, name, key), min, max, &v, NULL, err);
    *out = (int)v;
    return st;
}

lutra_status lutra_config_float(const struct lutra_config *c, const struct lutra_gguf *g,
                                const char *name, double min, double max, float *out,
                                lutra_error *err)
{
    char key[128];
    double v = (double)*out;
    lutra_status st = lutra_gguf_float(g, lutra_config_key(c, name, key), min, max, &v, NULL, err);
    *out = (float)v;
    return st;
}

/* One value per layer. Files may list layers beyond block_count (they are not run). */
static lutra_status read_layers(const struct lutra_config *c, const struct lutra_gguf *g,
                                const char *key, const struct lutra_gguf_kv *kv, int64_t min,
                                int64_t max, int *out, lutra_error *err)
{
    char reason[120];
    if (kv->count < (uint64_t)c->n_layer || kv->count > LUTRA_MAX_LAYERS) {
        lutra_format(reason, sizeof reason, "an array of %llu where %d layers are",
                     (unsigned long long)kv->count, c->n_layer);
        return blame(g, key, LUTRA_EFORMAT, reason, err);
    }
    for (int i = 0; i < c->n_layer; i++) {
        int64_t v;
        if (!lutra_gguf_arr_int(g, kv, (uint64_t)i, &v) || v < min || v > max) {
            lutra_format(reason, sizeof reason, "element %d is not an integer in %lld..%lld", i,
                         (long long)min, (long long)max);
            return blame(g, key, LUTRA_EFORMAT, reason, err);
        }
        out[i] = (int)v;
    }
    return LUTRA_OK;
}

lutra_status lutra_config_layers(const struct lutra_config *c, const struct lutra_gguf *g,
                                 const char *name, int min, int max, int *out, bool *found,
                                 lutra_error *err)
{
    char key[128];
    const struct lutra_gguf_kv *kv = lutra_gguf_find(g, lutra_config_key(c, name, key));
    *found = kv != NULL && kv->type == LUTRA_GGUF_ARRAY;
    return *found ? read_layers(c, g, key, kv, min, max, out, err) : LUTRA_OK;
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
    size_t field;  /* of struct lutra_config; */
    size_t each;   /* of struct lutra_shape if the key may be an array, one per layer */
    int64_t min, max;
    bool required;
};

#define FIELD(x) offsetof(struct lutra_config, x)
#define EACH(x) offsetof(struct lutra_shape, x)
enum { NO_ARRAY = 1 << 20 };
static const struct int_key int_keys[] = {
    {"block_count", FIELD(n_layer), NO_ARRAY, 1, LUTRA_MAX_LAYERS, true},
    {"embedding_length", FIELD(n_embd), NO_ARRAY, 1, LUTRA_MAX_EMBD, true},
    {"feed_forward_length", FIELD(n_ff), EACH(n_ff), 1, LUTRA_MAX_FF, false},
    {"attention.head_count", FIELD(n_head), EACH(n_head), 1, LUTRA_MAX_HEADS, true},
    {"attention.head_count_kv", FIELD(n_head_kv), EACH(n_head_kv), 1, LUTRA_MAX_HEADS, false},
    {"attention.key_length", FIELD(head_dim), EACH(head_dim), 1, LUTRA_MAX_HEAD_DIM, false},
    {"rope.dimension_count", FIELD(n_rot), NO_ARRAY, 2, LUTRA_MAX_HEAD_DIM, false},
    {"context_length", FIELD(n_ctx_train), NO_ARRAY, 1, INT64_MAX, true}, /* clamped below */
};

static void set_each(struct lutra_config *c, size_t each, const int *v, int step)
{
    for (int il = 0; il < c->n_layer; il++)
        memcpy((char *)&c->shape[il] + each, &v[il * step], sizeof *v);
}

static lutra_status read_one(struct lutra_config *c, const struct lutra_gguf *g,
                             const struct int_key *k, bool headless, lutra_error *err)
{
    char key[128];
    int list[LUTRA_MAX_LAYERS], value = 0;
    int64_t v = 0, min = headless && k->each != NO_ARRAY ? 0 : k->min;
    const struct lutra_gguf_kv *kv = lutra_gguf_find(g, lutra_config_key(c, k->name, key));
    if (kv == NULL && k->required) return missing(g, key, err);
    if (kv && kv->type == LUTRA_GGUF_ARRAY && k->each != NO_ARRAY) {
        lutra_status st = read_layers(c, g, key, kv, min, k->max, list, err);
        if (st != LUTRA_OK) return st;
        set_each(c, k->each, list, 1);
        value = list[0];
    } else {
        lutra_status st = lutra_gguf_int(g, key, min, k->max, &v, NULL, err);
        if (st != LUTRA_OK) return st;
        /* no memory follows from a context that a file boasts of */
        value = v < LUTRA_MAX_CTX ? (int)v : LUTRA_MAX_CTX;
        if (k->each != NO_ARRAY) set_each(c, k->each, &value, 0);
    }
    memcpy((char *)c + k->field, &value, sizeof value);
    return LUTRA_OK;
}

static lutra_status read_ints(struct lutra_config *c, const struct lutra_gguf *g, bool headless,
                              lutra_error *err)
{
    for (size_t i = 0; i < sizeof int_keys / sizeof int_keys[0]; i++) {
        lutra_status st = read_one(c, g, &int_keys[i], headless, err);
        if (st != LUTRA_OK) return st;
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

static lutra_status read_floats(struct lutra_config *c, const struct lutra_gguf *g,
                                lutra_error *err)
{
    char key[128];
    double eps = 0;
    bool found;
    lutra_status st;
    lutra_config_key(c, "attention.layer_norm_rms_epsilon", key);
    if ((st = lutra_gguf_float(g, key, 1e-30, 1.0, &eps, &found, err))) return st;
    c->norm_eps = found ? (float)eps : 0.0f; /* encoders name it otherwise: see lutra_config_finish */
    c->rope_base = 10000.0;
    lutra_config_key(c, "rope.freq_base", key);
    if ((st = lutra_gguf_float(g, key, 1e-3, 1e15, &c->rope_base, NULL, err))) return st;
    return lutra_config_rope(c, g, err);
}

static lutra_status conflict(const struct lutra_config *c, const struct lutra_gguf *g,
                             const char *name, lutra_status code, int value, const char *than,
                             int other, lutra_error *err)
{
    char key[128], reason[120];
    lutra_format(reason, sizeof reason, "%d %s %d", value, than, other);
    return blame(g, lutra_config_key(c, name, key), code, reason, err);
}

/* Lengths of heads that no key gives, and relations that hold in every family. */
static lutra_status check(struct lutra_config *c, const struct lutra_gguf *g, lutra_error *err)
{
    const char *dim_key = c->head_dim ? "attention.key_length" : "embedding_length";
    int value_length = 0;
    if (c->n_head == 0) return LUTRA_OK;
    if (c->head_dim == 0) {
        if (c->n_embd % c->n_head != 0)
            return conflict(c, g, "attention.head_count", LUTRA_EFORMAT, c->n_head,
                            "heads do not divide embedding_length", c->n_embd, err);
        c->head_dim = c->n_embd / c->n_head;
        if (c->head_dim > LUTRA_MAX_HEAD_DIM)
            return conflict(c, g, "attention.head_count", LUTRA_EFORMAT, c->n_head,
                            "heads are too few for embedding_length", c->n_embd, err);
        set_each(c, EACH(head_dim), &c->head_dim, 0);
    }
    bool rot_given = c->n_rot != 0;
    if (!rot_given) c->n_rot = c->head_dim;
    if (c->n_rot % 2 != 0 || c->n_rot > c->head_dim)
        return conflict(c, g, rot_given ? "rope.dimension_count" : dim_key, LUTRA_EFORMAT, c->n_rot,
                        "is odd or above the length of a head,", c->head_dim, err);
    lutra_status st = lutra_config_int(c, g, "attention.value_length", 1, LUTRA_MAX_HEAD_DIM,
                                       &value_length, err);
    if (st != LUTRA_OK) return st;
    if (value_length != 0 && value_length != c->head_dim)
        return conflict(c, g, "attention.value_length", LUTRA_EUNSUPPORTED, value_length,
                        "differs from key_length", c->head_dim, err);
    return LUTRA_OK;
}

lutra_status lutra_config_attn_scale(struct lutra_config *c, const struct lutra_gguf *g,
                                     lutra_error *err)
{
    c->attn_scale = c->head_dim > 0 ? 1.0f / sqrtf((float)c->head_dim) : 1.0f;
    float given = 0.0f;
    lutra_status st = lutra_config_float(c, g, "attention.scale", 0.0, 1e6, &given, err);
    if (given != 0.0f) c->attn_scale = given;
    return st;
}

lutra_status lutra_config_window(struct lutra_config *c, const struct lutra_gguf *g, int window,
                                 int every, lutra_error *err)
{
    int pattern[LUTRA_MAX_LAYERS];
    bool array;
    lutra_status st;
    c->window = window;
    if ((st = lutra_config_int(c, g, "attention.sliding_window", 0, INT32_MAX, &c->window, err)))
        return st;
    if ((st = lutra_config_layers(c, g, "attention.sliding_window_pattern", 0, 1, pattern, &array,
                                  err)))
        return st;
    if (!array && (st = lutra_config_int(c, g, "attention.sliding_window_pattern", 1,
                                         LUTRA_MAX_LAYERS, &every, err)))
        return st;
    for (int il = 0; il < c->n_layer; il++)
        c->shape[il].local = c->window > 0 && (array ? pattern[il] != 0 : (il + 1) % every != 0);
    return LUTRA_OK;
}

static void set_defaults(struct lutra_config *c)
{
    c->pooling = -1;
    c->embd_scale = 1.0f;
    c->residual_scale = 1.0f;
    c->logit_scale = 1.0f;
    c->route_scale = 1.0f;
    c->rope_base_local = c->rope_base;
    c->n_rot_local = c->n_rot;
    for (int il = 0; il < c->n_layer; il++) {
        c->shape[il].kv_from = il;
        c->shape[il].rotates = true;
    }
}

lutra_status lutra_config_read(struct lutra_config *c, const struct lutra_gguf *g, bool headless,
                               lutra_error *err)
{
    memset(c, 0, sizeof *c);
    lutra_status st;
    if ((st = lutra_config_read_arch(c, g, err))) return st;
    if ((st = read_ints(c, g, headless, err))) return st;
    char key[128];
    if (lutra_gguf_find(g, lutra_config_key(c, "attention.head_count_kv", key)) == NULL)
        for (int il = 0; il < c->n_layer; il++) c->shape[il].n_head_kv = c->shape[il].n_head;
    if ((st = read_vocab(c, g, err))) return st;
    if ((st = read_floats(c, g, err))) return st;
    if ((st = check(c, g, err))) return st;
    set_defaults(c);
    return lutra_config_int(c, g, "pooling_type", LUTRA_POOL_NONE, LUTRA_POOL_RANK, &c->pooling, err);
}

/* Keys that change the arithmetic in ways this family does not have. */
static lutra_status refuse_unknown_machinery(const struct lutra_config *c,
                                             const struct lutra_gguf *g, lutra_error *err)
{
    static const struct {
        const char *name;
        int least;     /* from here on it changes something */
        size_t known;  /* field that is not 0 if the family has read it */
    } keys[] = {
        {"expert_count", 1, FIELD(n_expert)},
        {"expert_used_count", 1, FIELD(n_expert)},
        {"expert_group_count", 2, FIELD(n_expert_groups)},
        {"ssm.conv_kernel", 1, FIELD(conv_taps)},
        {"shortconv.l_cache", 1, FIELD(conv_taps)},
        {"full_attention_interval", 1, FIELD(conv_taps)},
        {"attention.kv_lora_rank", 1, 0},
    };
    char key[128];
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        int64_t v = 0;
        int known = 0;
        lutra_status st =
            lutra_gguf_int(g, lutra_config_key(c, keys[i].name, key), 0, INT64_MAX, &v, NULL, err);
        if (st != LUTRA_OK) return st;
        if (keys[i].known != 0) memcpy(&known, (const char *)c + keys[i].known, sizeof known);
        if (v >= keys[i].least && known == 0)
            return blame(g, key, LUTRA_EUNSUPPORTED, "models of this kind are not supported yet",
                         err);
    }
    return LUTRA_OK;
}

/* Who sees whom is part of the arithmetic, too. */
static lutra_status check_direction(const struct lutra_config *c, const struct lutra_gguf *g, lutra_error *err)
{
    bool causal = !c->encoder;
    char key[128];
    lutra_status st = lutra_gguf_bool(g, lutra_config_key(c, "attention.causal", key), &causal, NULL, err);
    if (st != LUTRA_OK || causal != c->encoder) return st;
    return blame(g, key, LUTRA_EUNSUPPORTED, c->encoder ? "encoders that see backwards only are not supported"
                                                        : "only bert and nomic-bert are run in both directions", err);
}

static int most(int a, int b)
{
    return a > b ? a : b;
}

lutra_status lutra_config_finish(struct lutra_config *c, const struct lutra_gguf *g,
                                 lutra_error *err)
{
    if (c->norm_eps == 0.0f) return lutra_config_missing(c, g, "attention.layer_norm_rms_epsilon", err);
    lutra_status st = check_direction(c, g, err);
    if (st != LUTRA_OK) return st;
    c->n_ff = 0;
    for (int il = 0; il < c->n_layer; il++) {
        struct lutra_shape *s = &c->shape[il];
        bool attends = s->mixer == LUTRA_MIX_ATTENTION;
        if (!attends) {
            s->n_head = 0;
            s->n_head_kv = 0;
        } else if (s->n_head == 0 || s->n_head_kv == 0 || s->n_head % s->n_head_kv != 0) {
            return conflict(c, g, "attention.head_count_kv", LUTRA_EFORMAT, s->n_head_kv,
                            "heads of keys do not divide head_count", s->n_head, err);
        }
        if (s->n_ff == 0 && !s->experts && s->mixer != LUTRA_MIX_MAMBA2)
            return lutra_config_missing(c, g, "feed_forward_length", err);
        if (!s->experts) c->n_ff = most(c->n_ff, s->n_ff);
        if (!attends) continue;
        c->n_head = most(c->n_head, s->n_head);
        c->n_head_kv = most(c->n_head_kv, s->n_head_kv);
        c->head_dim = most(c->head_dim, s->head_dim);
        c->max_q = most(c->max_q, s->n_head * s->head_dim);
        c->max_k = most(c->max_k, s->n_head_kv * s->head_dim);
    }
    return refuse_unknown_machinery(c, g, err);
}
