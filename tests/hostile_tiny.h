/* SPDX-License-Identifier: MIT */
/* Small valid models of any family, made by the one writer: what the tests of hostile files start
 * from. */
#ifndef LUTRA_TESTS_HOSTILE_TINY_H
#define LUTRA_TESTS_HOSTILE_TINY_H

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "kernels/qtypes.h"
#include "models/gguf.h"
#include "tests/hostile_doc.h"

/* Shape of a model; heads are n_embd / 4 wide unless head_dim says otherwise. */
struct tiny {
    const char *arch;
    bool spm;
    int type, type_embd;
    int n_embd, n_ff, n_layer, head_dim;
    bool tied, rope_freqs, qk_norm, post_norms, sub_norms;
    int window;
};

enum { TINY_HEADS = 4, TINY_HEADS_KV = 2, TINY_VOCAB = 320 };

#define TINY_TEMPLATE                                                                              \
    "{% for m in messages %}{{ '<|im_start|>' + m['role'] + '\\n' + m['content'] + "               \
    "'<|im_end|>\\n' }}"                                                                           \
    "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}"

static inline uint64_t tiny_random(uint64_t *state) /* splitmix64 */
{
    uint64_t z = (*state += 0x9e3779b97f4a7c15u);
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

struct tiny_maker {
    struct lutra_gguf_writer *w;
    const struct tiny *m;
    uint64_t random;
};

/* ---- tensors ---- */

static inline void tiny_put(struct tiny_maker *k, const char *name, int type, int cols, int rows,
                            float size, float mean)
{
    const struct lutra_type_info *info = lutra_type_info((uint32_t)type);
    size_t row_bytes = (size_t)cols / (size_t)info->block * (size_t)info->bytes;
    uint8_t *data = calloc((size_t)rows, row_bytes);
    float *row = calloc((size_t)cols, sizeof *row);
    bool ternary = type == LUTRA_TYPE_TQ1_0 || type == LUTRA_TYPE_TQ2_0;
    if (!data || !row) hostile_die("no memory");
    for (int r = 0; r < rows; r++) {
        for (int c = 0; c < cols; c++) {
            float u = (float)(tiny_random(&k->random) >> 40) * 0x1p-23f - 1.0f; /* -1 .. 1 */
            row[c] = ternary ? size * (float)((int)(u * 1.5f)) : mean + size * u;
            if (ternary && c % 256 == 0) row[c] = size; /* one scale, as in trained files */
        }
        lutra_encode_row(type, data + (size_t)r * row_bytes, row, cols);
    }
    uint64_t ne[2] = {(uint64_t)cols, (uint64_t)rows};
    if (lutra_gguf_put_tensor(k->w, name, (uint32_t)type, rows > 1 ? 2 : 1, ne, data, NULL, NULL))
        hostile_die(name);
    free(row);
    free(data);
}

static inline void tiny_norm(struct tiny_maker *k, int il, const char *name, int n)
{
    char full[64];
    if (il >= 0)
        snprintf(full, sizeof full, "blk.%d.%s", il, name);
    else
        snprintf(full, sizeof full, "%s", name);
    tiny_put(k, full, LUTRA_TYPE_F32, n, 1, 0.1f, 1.0f);
}

static inline int tiny_head_dim(const struct tiny *m)
{
    return m->head_dim ? m->head_dim : m->n_embd / TINY_HEADS;
}

static inline void tiny_layer(struct tiny_maker *k, int il)
{
    const struct tiny *m = k->m;
    int q = TINY_HEADS * tiny_head_dim(m), kv = TINY_HEADS_KV * tiny_head_dim(m);
    const struct {
        const char *name;
        int cols, rows;
    } mats[] = {{"attn_q", m->n_embd, q},         {"attn_k", m->n_embd, kv},
                {"attn_v", m->n_embd, kv},        {"attn_output", q, m->n_embd},
                {"ffn_gate", m->n_embd, m->n_ff}, {"ffn_up", m->n_embd, m->n_ff},
                {"ffn_down", m->n_ff, m->n_embd}};
    tiny_norm(k, il, "attn_norm.weight", m->n_embd);
    tiny_norm(k, il, "ffn_norm.weight", m->n_embd);
    for (size_t i = 0; i < sizeof mats / sizeof mats[0]; i++) {
        char name[64];
        int type = mats[i].cols % lutra_type_info((uint32_t)m->type)->block == 0 ? m->type
                                                                                 : LUTRA_TYPE_Q5_0;
        snprintf(name, sizeof name, "blk.%d.%s.weight", il, mats[i].name);
        tiny_put(k, name, type, mats[i].cols, mats[i].rows, 0.2f, 0.0f);
    }
    if (m->qk_norm) tiny_norm(k, il, "attn_q_norm.weight", tiny_head_dim(m));
    if (m->qk_norm) tiny_norm(k, il, "attn_k_norm.weight", tiny_head_dim(m));
    if (m->post_norms) tiny_norm(k, il, "post_attention_norm.weight", m->n_embd);
    if (m->post_norms) tiny_norm(k, il, "post_ffw_norm.weight", m->n_embd);
    if (m->sub_norms) tiny_norm(k, il, "attn_sub_norm.weight", q);
    if (m->sub_norms) tiny_norm(k, il, "ffn_sub_norm.weight", m->n_ff);
}

/* ---- vocabulary ---- */

struct tiny_vocab {
    char text[TINY_VOCAB][24];
    const char *at[TINY_VOCAB];
    size_t len[TINY_VOCAB];
    int32_t attr[TINY_VOCAB];
    float score[TINY_VOCAB];
    int n;
};

static inline void tiny_token(struct tiny_vocab *v, const char *text, int attr, float score)
{
    snprintf(v->text[v->n], sizeof v->text[0], "%s", text);
    v->at[v->n] = v->text[v->n];
    v->len[v->n] = strlen(text);
    v->attr[v->n] = attr;
    v->score[v->n++] = score;
}

/* GPT-2 writes byte b as a printable code point: itself, or 256 + running number. */
static inline void tiny_byte(int b, char *dst)
{
    int cp = b, extra = 0;
    for (int i = 0; i <= b; i++) {
        bool plain = (i >= 33 && i <= 126) || (i >= 161 && i <= 172) || i >= 174;
        if (i == b && !plain) cp = 256 + extra;
        extra += !plain;
    }
    if (cp < 0x80)
        snprintf(dst, 4, "%c", cp);
    else
        snprintf(dst, 4, "%c%c", 0xC0 | cp >> 6, 0x80 | (cp & 63));
}

static const char *const tiny_merges[] = {"\xC4\xA0 t", "h e", "\xC4\xA0t he", "i n", "r e",
                                          "o n",        "e r", "\xC4\xA0 a",   "a n", "o u",
                                          "l l",        "a t", "o r"};
enum { TINY_MERGES = sizeof tiny_merges / sizeof tiny_merges[0] };

static inline void tiny_bpe(struct lutra_gguf_writer *w, struct tiny_vocab *v)
{
    char text[24];
    size_t len[TINY_MERGES];
    for (int b = 0; b < 256; b++) {
        tiny_byte(b, text);
        tiny_token(v, text, 1, 0);
    }
    for (int i = 0; i < TINY_MERGES; i++) {
        const char *space = strchr(tiny_merges[i], ' ');
        len[i] = strlen(tiny_merges[i]);
        snprintf(text, sizeof text, "%.*s%s", (int)(space - tiny_merges[i]), tiny_merges[i],
                 space + 1);
        tiny_token(v, text, 1, 0);
    }
    lutra_gguf_put_strs(w, "tokenizer.ggml.merges", tiny_merges, len, TINY_MERGES);
}

static inline void tiny_spm(struct tiny_vocab *v)
{
    static const char *const pieces[] = {
        "\xE2\x96\x81",   "e", "t", "a", "o", "n", "h", "he", "in", "\xE2\x96\x81t",
        "\xE2\x96\x81the"};
    char text[24];
    tiny_token(v, "<unk>", 2, 0);
    for (int b = 0; b < 256; b++) {
        snprintf(text, sizeof text, "<0x%02X>", b);
        tiny_token(v, text, 6, 0);
    }
    for (size_t i = 0; i < sizeof pieces / sizeof pieces[0]; i++)
        tiny_token(v, pieces[i], 1, -(float)i);
}

static inline int tiny_put_vocab(struct tiny_maker *k)
{
    static struct tiny_vocab v;
    struct lutra_gguf_writer *w = k->w;
    const char *model = k->m->spm ? "llama" : "gpt2", *pre = k->m->spm ? "default" : "llama-bpe";
    v.n = 0;
    lutra_gguf_put_str(w, "tokenizer.ggml.model", model, strlen(model));
    lutra_gguf_put_str(w, "tokenizer.ggml.pre", pre, strlen(pre));
    if (k->m->spm)
        tiny_spm(&v);
    else
        tiny_bpe(w, &v);
    int special = v.n;
    tiny_token(&v, "<s>", 3, 0);
    tiny_token(&v, "</s>", 3, 0);
    tiny_token(&v, "<|im_start|>", 3, 0);
    tiny_token(&v, "<|im_end|>", 3, 0);
    lutra_gguf_put_strs(w, "tokenizer.ggml.tokens", v.at, v.len, (uint64_t)v.n);
    lutra_gguf_put_array(w, "tokenizer.ggml.token_type", LUTRA_GGUF_I32, v.attr, (uint64_t)v.n);
    if (k->m->spm)
        lutra_gguf_put_array(w, "tokenizer.ggml.scores", LUTRA_GGUF_F32, v.score, (uint64_t)v.n);
    lutra_gguf_put_u32(w, "tokenizer.ggml.bos_token_id", (uint32_t)special);
    lutra_gguf_put_u32(w, "tokenizer.ggml.eos_token_id", (uint32_t)special + 1);
    lutra_gguf_put_bool(w, "tokenizer.ggml.add_bos_token", k->m->spm);
    lutra_gguf_put_str(w, "tokenizer.chat_template", TINY_TEMPLATE, strlen(TINY_TEMPLATE));
    return v.n;
}

/* ---- the file ---- */

static inline void tiny_int(struct tiny_maker *k, const char *name, int v)
{
    char key[96];
    snprintf(key, sizeof key, "%s.%s", k->m->arch, name);
    lutra_gguf_put_u32(k->w, key, (uint32_t)v);
}

static inline void tiny_float(struct tiny_maker *k, const char *name, float v)
{
    char key[96];
    snprintf(key, sizeof key, "%s.%s", k->m->arch, name);
    lutra_gguf_put_f32(k->w, key, v);
}

static inline void tiny_config(struct tiny_maker *k)
{
    const struct tiny *m = k->m;
    lutra_gguf_put_str(k->w, "general.architecture", m->arch, strlen(m->arch));
    lutra_gguf_put_str(k->w, "general.name", "tiny", 4);
    tiny_int(k, "block_count", m->n_layer);
    tiny_int(k, "context_length", 128);
    tiny_int(k, "embedding_length", m->n_embd);
    tiny_int(k, "feed_forward_length", m->n_ff);
    tiny_int(k, "attention.head_count", TINY_HEADS);
    tiny_int(k, "attention.head_count_kv", TINY_HEADS_KV);
    tiny_int(k, "attention.key_length", tiny_head_dim(m));
    tiny_int(k, "attention.value_length", tiny_head_dim(m));
    tiny_int(k, "rope.dimension_count", tiny_head_dim(m));
    tiny_float(k, "rope.freq_base", 10000.0f);
    tiny_float(k, "attention.layer_norm_rms_epsilon", 1e-5f);
    if (m->window) tiny_int(k, "attention.sliding_window", m->window);
}

static inline void tiny_save(const struct tiny *m, const char *path)
{
    struct tiny_maker k = {NULL, m, 1};
    lutra_error err;
    if (lutra_gguf_writer_open(&k.w, &err)) hostile_die(err.msg);
    tiny_config(&k);
    int n_vocab = tiny_put_vocab(&k);
    tiny_put(&k, "token_embd.weight", m->type_embd, m->n_embd, n_vocab, 0.5f, 0.0f);
    tiny_norm(&k, -1, "output_norm.weight", m->n_embd);
    if (!m->tied) tiny_put(&k, "output.weight", m->type_embd, m->n_embd, n_vocab, 0.2f, 0.0f);
    if (m->rope_freqs)
        tiny_put(&k, "rope_freqs.weight", LUTRA_TYPE_F32, tiny_head_dim(m) / 2, 1, 0.05f, 2.0f);
    for (int il = 0; il < m->n_layer; il++) tiny_layer(&k, il);
    if (lutra_gguf_writer_save(k.w, path, &err)) hostile_die(err.msg);
    lutra_gguf_writer_close(k.w);
}

/* A whole file; *p is the caller's. */
static inline size_t tiny_read(const char *path, uint8_t **p)
{
    struct stat st;
    int fd = open(path, O_RDONLY);
    if (fd < 0 || fstat(fd, &st) != 0) hostile_die(path);
    size_t n = (size_t)st.st_size;
    *p = malloc(n + 1);
    if (!*p || pread(fd, *p, n, 0) != (ssize_t)n) hostile_die(path);
    close(fd);
    return n;
}

static inline bool tiny_write(const char *path, const void *p, size_t n)
{
    int fd = open(path, O_WRONLY | O_CREAT, 0666);
    bool ok = fd >= 0 && ftruncate(fd, (off_t)n) == 0;
    for (size_t at = 0; ok && at < n;) {
        ssize_t got = pwrite(fd, (const uint8_t *)p + at, n - at, (off_t)at);
        ok = got > 0;
        if (ok) at += (size_t)got;
    }
    if (fd >= 0) close(fd);
    return ok;
}

#endif
