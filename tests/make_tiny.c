/* SPDX-License-Identifier: MIT */
/* Writes a tiny valid model of any family and weight type: make_tiny FAMILY TYPE OUT.gguf [SEED].
 * Random weights, a made-up vocabulary of single bytes and a few merges; the same bytes for the same arguments on
 * every machine. `make_tiny list` prints the families and types. */
#include "kernels/qtypes.h"
#include "models/gguf.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct family {
    const char *name, *tokenizer, *pre;
    bool qkv_bias, qk_norm, post_norms, sub_norms, tied, rope_freqs;
    int n_layer, window;
};

static const struct family families[] = {
    {"llama", "gpt2", "llama-bpe", false, false, false, false, false, true, 2, 0},
    {"qwen2", "gpt2", "qwen2", true, false, false, false, true, false, 2, 0},
    {"qwen3", "gpt2", "qwen2", false, true, false, false, true, false, 2, 0},
    {"gemma3", "llama", "default", false, true, true, false, true, false, 7, 6},
    {"bitnet", "llama", "default", false, false, false, true, true, false, 2, 0},
    {"bitnet-b1.58", "gpt2", "gpt-2", false, false, false, true, true, false, 2, 0},
};

static const int types[] = {LUTRA_TYPE_F32,  LUTRA_TYPE_F16,  LUTRA_TYPE_BF16, LUTRA_TYPE_Q8_0, LUTRA_TYPE_Q4_0,
                            LUTRA_TYPE_Q4_1, LUTRA_TYPE_Q5_0, LUTRA_TYPE_Q5_1, LUTRA_TYPE_Q2_K, LUTRA_TYPE_Q3_K,
                            LUTRA_TYPE_Q4_K, LUTRA_TYPE_Q5_K, LUTRA_TYPE_Q6_K, LUTRA_TYPE_TQ1_0, LUTRA_TYPE_TQ2_0,
                            LUTRA_TYPE_Q1_0, LUTRA_TYPE_Q2_0, LUTRA_TYPE_Q2_0_G128};

enum { N_MERGES = 24, N_VOCAB_MAX = 320, HEAD_DIM = 32, HEADS = 4, HEADS_KV = 2 };

static uint64_t state;

static double uniform(void) /* splitmix64, in [0, 1) */
{
    uint64_t z = (state += 0x9E3779B97F4A7C15u);
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return (double)((z ^ (z >> 31)) >> 11) * 0x1p-53;
}

static float bell(void) /* roughly normal, from sums only: the same bits everywhere */
{
    double s = 0;
    for (int i = 0; i < 6; i++) s += uniform();
    return (float)((s - 3.0) * 1.4142135623730951);
}

static void die(const char *what)
{
    fprintf(stderr, "make_tiny: %s\n", what);
    exit(1);
}

/* ---- tensors: kept until the file is saved ---- */

static void *kept[512];
static int n_kept;

/* Trits under a scale that changes from block to block. */
static void fill_trits(float *row, int cols, int block, float size)
{
    float scale = size;
    for (int c = 0; c < cols; c++) {
        if (c % block == 0) scale = size * (0.75f + (float)(int)(uniform() * 8) / 16);
        row[c] = scale * (float)((int)(uniform() * 3) - 1);
        if (c % block == 0) row[c] = scale; /* or the scale would be lost */
    }
}

static void put(struct lutra_gguf_writer *w, const char *name, int type, int cols, int rows, float size, float mean)
{
    const struct lutra_type_info *info = lutra_type_info((uint32_t)type);
    size_t row_bytes = (size_t)cols / (size_t)info->block * (size_t)info->bytes;
    uint8_t *data = calloc((size_t)rows, row_bytes);
    float *row = calloc((size_t)cols, sizeof *row);
    bool ternary = type == LUTRA_TYPE_TQ1_0 || type == LUTRA_TYPE_TQ2_0;
    if (data == NULL || row == NULL || n_kept == 512) die("no memory");
    for (int r = 0; r < rows; r++) {
        for (int c = 0; c < cols; c++)
            row[c] = ternary ? size * (float)((int)(uniform() * 3) - 1) : mean + size * bell();
        if (type == LUTRA_TYPE_Q2_0 || type == LUTRA_TYPE_Q2_0_G128) fill_trits(row, cols, info->block, size);
        if (ternary) row[0] = size; /* every block has the same scale, as in trained files */
        if (ternary)
            for (int c = 0; c < cols; c += 256) row[c] = size;
        lutra_encode_row(type, data + (size_t)r * row_bytes, row, cols);
    }
    free(row);
    kept[n_kept++] = data;
    uint64_t ne[2] = {(uint64_t)cols, (uint64_t)rows};
    if (lutra_gguf_put_tensor(w, name, (uint32_t)type, rows > 1 ? 2 : 1, ne, data, NULL, NULL)) die("put_tensor");
}

struct shape {
    int n_embd, n_ff, type;
};

static void put_matrix(struct lutra_gguf_writer *w, const char *name, int type, int cols, int rows)
{
    put(w, name, type, cols, rows, (float)(1.5 / sqrt((double)cols)), 0.0f);
}

static void put_norm(struct lutra_gguf_writer *w, int il, const char *name, int n)
{
    char full[64];
    if (il >= 0) snprintf(full, sizeof full, "blk.%d.%s", il, name);
    else snprintf(full, sizeof full, "%s", name);
    put(w, full, LUTRA_TYPE_F32, n, 1, 0.1f, 1.0f);
}

static void put_layer(struct lutra_gguf_writer *w, const struct family *f, const struct shape *s, int il)
{
    const struct {
        const char *name;
        int cols, rows;
    } mats[] = {{"attn_q", s->n_embd, HEADS * HEAD_DIM},      {"attn_k", s->n_embd, HEADS_KV * HEAD_DIM},
                {"attn_v", s->n_embd, HEADS_KV * HEAD_DIM},   {"attn_output", HEADS * HEAD_DIM, s->n_embd},
                {"ffn_gate", s->n_embd, s->n_ff},             {"ffn_up", s->n_embd, s->n_ff},
                {"ffn_down", s->n_ff, s->n_embd}};
    char name[64];
    put_norm(w, il, "attn_norm.weight", s->n_embd);
    put_norm(w, il, "ffn_norm.weight", s->n_embd);
    for (size_t i = 0; i < sizeof mats / sizeof mats[0]; i++) {
        int block = lutra_type_info((uint32_t)s->type)->block;
        /* as in real files: rows that the block does not divide fall back to a type of 32 */
        int type = mats[i].cols % block == 0 ? s->type : LUTRA_TYPE_Q5_0;
        snprintf(name, sizeof name, "blk.%d.%s.weight", il, mats[i].name);
        put_matrix(w, name, type, mats[i].cols, mats[i].rows);
        if (f->qkv_bias && i < 3) {
            snprintf(name, sizeof name, "blk.%d.%s.bias", il, mats[i].name);
            put(w, name, LUTRA_TYPE_F32, mats[i].rows, 1, 0.1f, 0.0f);
        }
    }
    if (f->qk_norm) put_norm(w, il, "attn_q_norm.weight", HEAD_DIM);
    if (f->qk_norm) put_norm(w, il, "attn_k_norm.weight", HEAD_DIM);
    if (f->post_norms) put_norm(w, il, "post_attention_norm.weight", s->n_embd);
    if (f->post_norms) put_norm(w, il, "post_ffw_norm.weight", s->n_embd);
    if (f->sub_norms) put_norm(w, il, "attn_sub_norm.weight", HEADS * HEAD_DIM);
    if (f->sub_norms) put_norm(w, il, "ffn_sub_norm.weight", s->n_ff);
}

/* ---- vocabulary ---- */

static char texts[N_VOCAB_MAX][24];
static size_t lens[N_VOCAB_MAX];
static int32_t attrs[N_VOCAB_MAX];
static float scores[N_VOCAB_MAX];
static int n_vocab;

static void token(const char *text, int attr, float score)
{
    lens[n_vocab] = strlen(text);
    memcpy(texts[n_vocab], text, lens[n_vocab] + 1);
    attrs[n_vocab] = attr;
    scores[n_vocab++] = score;
}

/* Byte-level BPE writes byte b as a printable code point: itself, or 256 + running number. */
static void byte_text(int b, char *dst)
{
    int cp = b, extra = 0;
    for (int i = 0; i <= b; i++) {
        bool plain = (i >= 33 && i <= 126) || (i >= 161 && i <= 172) || (i >= 174);
        if (i == b && !plain) cp = 256 + extra;
        if (!plain) extra++;
    }
    if (cp < 0x80) snprintf(dst, 4, "%c", cp);
    else snprintf(dst, 4, "%c%c", 0xC0 | cp >> 6, 0x80 | (cp & 63));
}

static const char *const bpe_merges[N_MERGES] = {
    "\xC4\xA0 t", "h e", "\xC4\xA0t he", "i n", "r e", "o n", "e r", "\xC4\xA0 a", "a n", "o u", "\xC4\xA0 w", "l l",
    "e n",        "n d", "\xC4\xA0 s",   "a t", "o r", "i t", "i s", "\xC4\xA0 b", "e s", "v e", "e d",        "in g"};

static void make_bpe(struct lutra_gguf_writer *w)
{
    char text[24];
    const char *merges[N_MERGES];
    size_t merge_lens[N_MERGES];
    for (int b = 0; b < 256; b++) {
        byte_text(b, text);
        token(text, 1, 0);
    }
    for (int i = 0; i < N_MERGES; i++) {
        const char *space = strchr(bpe_merges[i], ' ');
        snprintf(text, sizeof text, "%.*s%s", (int)(space - bpe_merges[i]), bpe_merges[i], space + 1);
        token(text, 1, 0);
        merges[i] = bpe_merges[i];
        merge_lens[i] = strlen(merges[i]);
    }
    lutra_gguf_put_strs(w, "tokenizer.ggml.merges", merges, merge_lens, N_MERGES);
}

static void make_spm(struct lutra_gguf_writer *w)
{
    char text[24];
    token("<unk>", 2, 0);
    for (int b = 0; b < 256; b++) {
        snprintf(text, sizeof text, "<0x%02X>", b);
        token(text, 6, 0);
    }
    static const char *const pieces[] = {"\xE2\x96\x81", "e", "t", "a", "o", "n", "h", "i", "s", "r", "d", "l", "u", "he", "in", "on",
                                         "\xE2\x96\x81t", "\xE2\x96\x81the"};
    for (size_t i = 0; i < sizeof pieces / sizeof pieces[0]; i++) token(pieces[i], 1, -(float)i);
    lutra_gguf_put_array(w, "tokenizer.ggml.scores", LUTRA_GGUF_F32, scores, (uint64_t)n_vocab + 4);
}

static void put_vocab(struct lutra_gguf_writer *w, const struct family *f)
{
    const char *v[N_VOCAB_MAX];
    bool spm = strcmp(f->tokenizer, "llama") == 0;
    lutra_gguf_put_str(w, "tokenizer.ggml.model", f->tokenizer, strlen(f->tokenizer));
    lutra_gguf_put_str(w, "tokenizer.ggml.pre", f->pre, strlen(f->pre));
    if (spm) make_spm(w);
    else make_bpe(w);
    int special = n_vocab;
    token("<s>", 3, 0);
    token("</s>", 3, 0);
    token("<|im_start|>", 3, 0);
    token("<|im_end|>", 3, 0);
    for (int i = 0; i < n_vocab; i++) v[i] = texts[i];
    lutra_gguf_put_strs(w, "tokenizer.ggml.tokens", v, lens, (uint64_t)n_vocab);
    lutra_gguf_put_array(w, "tokenizer.ggml.token_type", LUTRA_GGUF_I32, attrs, (uint64_t)n_vocab);
    lutra_gguf_put_u32(w, "tokenizer.ggml.bos_token_id", (uint32_t)special);
    lutra_gguf_put_u32(w, "tokenizer.ggml.eos_token_id", (uint32_t)special + 1);
    lutra_gguf_put_bool(w, "tokenizer.ggml.add_bos_token", spm);
    lutra_gguf_put_bool(w, "tokenizer.ggml.add_space_prefix", false);
}

/* ---- the file ---- */

static void put_key_int(struct lutra_gguf_writer *w, const struct family *f, const char *name, int v)
{
    char key[96];
    snprintf(key, sizeof key, "%s.%s", f->name, name);
    lutra_gguf_put_u32(w, key, (uint32_t)v);
}

static void put_key_float(struct lutra_gguf_writer *w, const struct family *f, const char *name, float v)
{
    char key[96];
    snprintf(key, sizeof key, "%s.%s", f->name, name);
    lutra_gguf_put_f32(w, key, v);
}

static void put_config(struct lutra_gguf_writer *w, const struct family *f, const struct shape *s)
{
    lutra_gguf_put_str(w, "general.architecture", f->name, strlen(f->name));
    lutra_gguf_put_str(w, "general.name", "tiny random model", 17);
    put_key_int(w, f, "block_count", f->n_layer);
    put_key_int(w, f, "context_length", 256);
    put_key_int(w, f, "embedding_length", s->n_embd);
    put_key_int(w, f, "feed_forward_length", s->n_ff);
    put_key_int(w, f, "attention.head_count", HEADS);
    put_key_int(w, f, "attention.head_count_kv", HEADS_KV);
    put_key_int(w, f, "attention.key_length", HEAD_DIM);
    put_key_int(w, f, "attention.value_length", HEAD_DIM);
    put_key_int(w, f, "rope.dimension_count", HEAD_DIM);
    put_key_float(w, f, "rope.freq_base", 50000.0f);
    put_key_float(w, f, "attention.layer_norm_rms_epsilon", 1e-5f);
    if (f->window) put_key_int(w, f, "attention.sliding_window", f->window);
}

static const struct family *find_family(const char *name)
{
    for (size_t i = 0; i < sizeof families / sizeof families[0]; i++)
        if (strcmp(families[i].name, name) == 0) return &families[i];
    die("unknown family");
    return NULL;
}

static int find_type(const char *name)
{
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++)
        if (strcmp(lutra_type_info((uint32_t)types[i])->name, name) == 0) return types[i];
    die("unknown type");
    return -1;
}

static void list(void)
{
    for (size_t i = 0; i < sizeof families / sizeof families[0]; i++) printf("%s ", families[i].name);
    printf("\n");
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++)
        printf("%s ", lutra_type_info((uint32_t)types[i])->name);
    printf("\n");
}

int main(int argc, char **argv)
{
    if (argc == 2 && strcmp(argv[1], "list") == 0) return list(), 0;
    if (argc < 4) die("usage: make_tiny FAMILY TYPE OUT.gguf [SEED] | make_tiny list");
    const struct family *f = find_family(argv[1]);
    struct shape s = {.type = find_type(argv[2])};
    bool wide = lutra_type_info((uint32_t)s.type)->block > 32;
    s.n_embd = wide ? 256 : 96;
    s.n_ff = wide ? 512 : 160;
    state = argc > 4 ? strtoull(argv[4], NULL, 10) : 1;

    struct lutra_gguf_writer *w;
    lutra_error err;
    if (lutra_gguf_writer_open(&w, &err)) die(err.msg);
    put_config(w, f, &s);
    put_vocab(w, f);
    bool ternary = s.type == LUTRA_TYPE_TQ1_0 || s.type == LUTRA_TYPE_TQ2_0;
    put(w, "token_embd.weight", ternary ? LUTRA_TYPE_Q8_0 : s.type, s.n_embd, n_vocab, 0.5f, 0.0f);
    put_norm(w, -1, "output_norm.weight", s.n_embd);
    if (!f->tied) put_matrix(w, "output.weight", ternary ? LUTRA_TYPE_Q8_0 : s.type, s.n_embd, n_vocab);
    if (f->rope_freqs) put(w, "rope_freqs.weight", LUTRA_TYPE_F32, HEAD_DIM / 2, 1, 0.05f, 2.0f);
    for (int il = 0; il < f->n_layer; il++) put_layer(w, f, &s, il);
    if (lutra_gguf_writer_save(w, argv[3], &err)) die(err.msg);
    lutra_gguf_writer_close(w);
    for (int i = 0; i < n_kept; i++) free(kept[i]);
    return 0;
}
