/* SPDX-License-Identifier: MIT */
/* Fingerprints of models: a fine-tune changes nearly every row of nearly every matrix, so samples tell as much as all
 * bytes would. */
#include "models/fingerprint.h"

#include "models/hash64.h"

#include <string.h>

enum { SAMPLE = 512 };

static uint64_t hash_vocab(const struct lutra_gguf *g)
{
    const struct lutra_gguf_kv *kv = lutra_gguf_find(g, "tokenizer.ggml.tokens");
    struct lutra_hash64 h;
    uint64_t cursor = 0;
    const char *s;
    size_t n;
    lutra_hash64_begin(&h, 1);
    while (kv && lutra_gguf_arr_str(g, kv, &cursor, &s, &n)) {
        uint64_t len = n; /* "ab" "c" is not "a" "bc" */
        lutra_hash64_add(&h, &len, sizeof len);
        lutra_hash64_add(&h, s, n);
    }
    return lutra_hash64_end(&h);
}

/* Keys of the architecture, in any order: the shape of the computation, which tensors alone do not tell. */
static uint64_t hash_keys(const struct lutra_gguf *g, const struct lutra_config *c)
{
    size_t n_arch = strlen(c->arch);
    uint64_t sum = 0;
    for (int i = 0; i < lutra_gguf_n_kv(g); i++) {
        const struct lutra_gguf_kv *kv = lutra_gguf_kv_at(g, i);
        char shown[400];
        if (kv->key_len <= n_arch || memcmp(kv->key, c->arch, n_arch) != 0 || kv->key[n_arch] != '.') continue;
        struct lutra_hash64 h;
        lutra_hash64_begin(&h, 2);
        lutra_hash64_add(&h, kv->key, kv->key_len);
        lutra_gguf_show(g, kv, shown, sizeof shown);
        lutra_hash64_add(&h, shown, strlen(shown));
        sum += lutra_hash64_end(&h);
    }
    return sum;
}

static lutra_status hash_tensor(uint64_t *out, const struct lutra_gguf *g, const struct lutra_gguf_tensor *t,
                                lutra_error *err)
{
    uint8_t bytes[SAMPLE];
    uint64_t n = t->bytes < SAMPLE ? t->bytes : SAMPLE;
    const uint64_t at[3] = {0, (t->bytes - n) / 2, t->bytes - n};
    struct lutra_hash64 h;
    lutra_status st = LUTRA_OK;
    lutra_hash64_begin(&h, 3);
    lutra_hash64_add(&h, t->name, strlen(t->name));
    lutra_hash64_add(&h, &t->type, sizeof t->type);
    lutra_hash64_add(&h, t->ne, sizeof t->ne);
    for (int i = 0; i < 3 && st == LUTRA_OK; i++) {
        st = lutra_gguf_read(g, t, at[i], bytes, (size_t)n, err);
        if (st == LUTRA_OK) lutra_hash64_add(&h, bytes, (size_t)n);
    }
    *out = lutra_hash64_end(&h);
    return st;
}

lutra_status lutra_fingerprint_take(struct lutra_fingerprint *f, const struct lutra_gguf *g, const struct lutra_config *c,
                                    lutra_error *err)
{
    f->vocab = hash_vocab(g);
    f->weights = hash_keys(g, c) + (uint64_t)lutra_gguf_i2s(g);
    for (int i = 0; i < lutra_gguf_n_tensors(g); i++) {
        uint64_t one;
        lutra_status st = hash_tensor(&one, g, lutra_gguf_tensor_at(g, i), err);
        if (st != LUTRA_OK) return st;
        f->weights += one;
    }
    return LUTRA_OK;
}
