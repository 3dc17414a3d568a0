/* SPDX-License-Identifier: MIT */
/* What a program may want to show of a model it has just loaded, one line each. */
#include "runtime/session.h"

#include <string.h>

static bool ends_with(const char *s, size_t n, const char *end)
{
    size_t e = strlen(end);
    return n >= e && memcmp(s + n - e, end, e) == 0;
}

/* Keys that name a token nobody has: files of good models do that, and the key then counts as absent. */
static void note_ids(const lutra_model *m, const struct lutra_gguf *g, const lutra_model_options *opt)
{
    static const char start[] = "tokenizer.ggml.";
    int n_vocab = m->net->config.n_vocab;
    for (int i = 0; i < lutra_gguf_n_kv(g); i++) {
        const struct lutra_gguf_kv *kv = lutra_gguf_kv_at(g, i);
        char line[300], key[100];
        int64_t v = 0;
        if (kv->key_len < sizeof start || kv->key_len >= sizeof key || memcmp(kv->key, start, sizeof start - 1) != 0) continue;
        if (!ends_with(kv->key, kv->key_len, "_token_id")) continue;
        memcpy(key, kv->key, kv->key_len);
        key[kv->key_len] = 0;
        if (lutra_gguf_int(g, key, 0, INT64_MAX, &v, NULL, NULL) != LUTRA_OK || v < n_vocab) continue;
        lutra_format(line, sizeof line, "%s: key %s is %lld, but tokens are 0..%d: taken as absent", lutra_gguf_path(g), key,
                     (long long)v, n_vocab - 1);
        opt->on_log(opt->user, LUTRA_LOG_WARN, line);
    }
}

void lutra_model_notes(const lutra_model *m, const struct lutra_gguf *g, const lutra_model_options *opt)
{
    char line[512];
    if (strcmp(m->net->self_test, "ok") != 0) {
        lutra_format(line, sizeof line, "kernel self-test: %s", m->net->self_test);
        opt->on_log(opt->user, LUTRA_LOG_WARN, line);
    }
    note_ids(m, g, opt);
    if (opt->head != LUTRA_HEAD_FILE) {
        lutra_format(line, sizeof line, "head: %s", m->net->head);
        opt->on_log(opt->user, LUTRA_LOG_NOTE, line);
    }
    if (m->has_template == 2)
        opt->on_log(opt->user, LUTRA_LOG_NOTE, "chat template: the file has none, ChatML by its vocabulary");
    if (m->has_template == 0)
        opt->on_log(opt->user, LUTRA_LOG_NOTE, "chat template: none, this model can only continue text");
}
