/* SPDX-License-Identifier: MIT */
/* What tiny models are made of: random tensors and a made-up vocabulary. The same bytes for the same seed on every
 * machine. */
#ifndef LUTRA_TESTS_TINY_PUT_H
#define LUTRA_TESTS_TINY_PUT_H

#include "kernels/qbook.h"
#include "models/gguf.h"
#include "tools/synth_fill.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { N_MERGES = 24, N_VOCAB_MAX = 320 };

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
/* Writers of further files, if the model is cut into parts: they take tensors in turn. */
enum { PARTS_MAX = 9 };
static struct lutra_gguf_writer *others[PARTS_MAX];
static int n_others;

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

/* I2_S, two blocks of 64 weights to one of 128: code of weight i from bits [7-2g:6-2g] of byte b, g = i / 16,
 * b = i % 16, to g = i / 32, b = i % 32. */
static void blocks_of_128(uint8_t b[32])
{
    uint8_t old[32];
    memcpy(old, b, 32);
    memset(b, 0, 32);
    for (int i = 0; i < 128; i++) {
        int code = old[i / 64 * 16 + i % 16] >> (6 - i % 64 / 16 * 2) & 3;
        b[i % 32] |= (uint8_t)(code << (6 - i / 32 * 2));
    }
}

/* `count` matrices of [cols, rows], one behind the other. */
static void put_3d(struct lutra_gguf_writer *w, const char *name, int type, int cols, int each, int count, float size,
                   float mean)
{
    int rows = each * count;
    const struct lutra_type_info *info = lutra_type_info((uint32_t)type);
    size_t row_bytes = (size_t)cols / (size_t)info->block * (size_t)info->bytes;
    size_t codes = (size_t)rows * row_bytes;
    uint8_t *data = calloc(1, codes + lutra_gguf_tail((uint32_t)type));
    float *row = calloc((size_t)cols, sizeof *row);
    bool ternary = type == LUTRA_TYPE_TQ1_0 || type == LUTRA_TYPE_TQ2_0 || type == LUTRA_TYPE_I2_S;
    if (data == NULL || row == NULL || n_kept == 512) die("no memory");
    bool book = lutra_book_info(type) != NULL; /* random codes: looking for the nearest takes long */
    struct lutra_synth_fill fill = {type, size, false, state};
    if (book) lutra_synth_blocks(&fill, data, codes / (size_t)info->bytes);
    if (book) state = fill.state;
    for (int r = 0; r < rows && !book; r++) {
        for (int c = 0; c < cols; c++)
            row[c] = ternary ? size * (float)((int)(uniform() * 3) - 1) : mean + size * bell();
        if (type == LUTRA_TYPE_Q2_0 || type == LUTRA_TYPE_Q2_0_G128) fill_trits(row, cols, info->block, size);
        if (ternary) row[0] = size; /* every block has the same scale, as in trained files */
        if (ternary)
            for (int c = 0; c < cols; c += 256) row[c] = size;
        lutra_encode_row(type, data + (size_t)r * row_bytes, row, cols);
    }
    if (type == LUTRA_TYPE_I2_S) {
        memcpy(data + codes, &size, sizeof size);
        for (size_t at = 0; at < codes; at += 32) blocks_of_128(data + at);
    }
    free(row);
    kept[n_kept++] = data;
    int turn = n_kept % (n_others + 1);
    if (turn > 0) w = others[turn - 1];
    uint64_t ne[3] = {(uint64_t)cols, (uint64_t)each, (uint64_t)count};
    int n_dims = count > 1 ? 3 : each > 1 ? 2 : 1;
    if (lutra_gguf_put_tensor(w, name, (uint32_t)type, n_dims, ne, data, NULL, NULL)) die("put_tensor");
}

static void put(struct lutra_gguf_writer *w, const char *name, int type, int cols, int rows, float size, float mean)
{
    put_3d(w, name, type, cols, rows, 1, size, mean);
}

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

/* WordPiece: letters and digits that begin a word (U+2581 before them) and that go on, a few pieces, punctuation. */
static void put_wpm(struct lutra_gguf_writer *w)
{
    static const char *const special[] = {"[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"};
    static const char *const pieces[] = {"\xE2\x96\x81the", ("\xE2\x96\x81" "and"), "\xE2\x96\x81h", "ing", "er", "and",
                                         "\xE2\x96\x81,", "\xE2\x96\x81.", "\xE2\x96\x81?", "\xE2\x96\x81!"};
    const char *v[N_VOCAB_MAX];
    char text[24];
    for (int i = 0; i < 5; i++) token(special[i], 3, 0);
    for (int c = 0; c < 36; c++) {
        int letter = c < 26 ? 'a' + c : '0' + c - 26;
        snprintf(text, sizeof text, "\xE2\x96\x81%c", letter);
        if (c != 7) token(text, 1, 0); /* h is among the pieces */
        snprintf(text, sizeof text, "%c", letter);
        token(text, 1, 0);
    }
    for (size_t i = 0; i < sizeof pieces / sizeof pieces[0]; i++) token(pieces[i], 1, 0);
    for (int i = 0; i < n_vocab; i++) v[i] = texts[i];
    lutra_gguf_put_strs(w, "tokenizer.ggml.tokens", v, lens, (uint64_t)n_vocab);
    lutra_gguf_put_array(w, "tokenizer.ggml.token_type", LUTRA_GGUF_I32, attrs, (uint64_t)n_vocab);
    lutra_gguf_put_u32(w, "tokenizer.ggml.padding_token_id", 0);
    lutra_gguf_put_u32(w, "tokenizer.ggml.unknown_token_id", 1);
    lutra_gguf_put_u32(w, "tokenizer.ggml.bos_token_id", 2);
    lutra_gguf_put_u32(w, "tokenizer.ggml.eos_token_id", 3);
    lutra_gguf_put_u32(w, "tokenizer.ggml.seperator_token_id", 3); /* so spelled */
    lutra_gguf_put_u32(w, "tokenizer.ggml.mask_token_id", 4);
}

static void put_vocab(struct lutra_gguf_writer *w, const char *model, const char *pre)
{
    const char *v[N_VOCAB_MAX];
    bool spm = strcmp(model, "llama") == 0;
    lutra_gguf_put_str(w, "tokenizer.ggml.model", model, strlen(model));
    lutra_gguf_put_str(w, "tokenizer.ggml.pre", pre, strlen(pre));
    if (strcmp(model, "bert") == 0) {
        put_wpm(w);
        return;
    }
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

#endif
