/* SPDX-License-Identifier: MIT */
/* lutra synth: a model file of a known shape with random weights, to measure speed without a
 * download. What it says is noise; how long that takes is not. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "kernels/qtypes.h"
#include "models/gguf.h"
#include "models/i2s.h"
#include "tools/cli.h"
#include "tools/cmd.h"
#include "tools/synth_fill.h"

struct shape {
    const char *name, *arch;
    int n_embd, n_ff, n_layer, n_head, n_head_kv, n_vocab;
    bool tied;
    int n_ctx;
    float rope_base;
};

static const struct shape shapes[] = {
    {"bitnet-2b", "bitnet", 2560, 6912, 30, 20, 5, 128256, true, 4096, 500000},
    {"bitnet-3b", "bitnet", 3200, 8640, 26, 32, 32, 32000, true, 2048, 10000},
    {"llama-1b", "llama", 2048, 8192, 16, 32, 8, 128256, true, 131072, 500000},
    {"llama-3b", "llama", 3072, 8192, 28, 24, 8, 128256, true, 131072, 500000},
    {"llama-7b", "llama", 4096, 11008, 32, 32, 32, 32000, false, 4096, 10000},
    {"tiny", "llama", 256, 512, 2, 8, 4, 320, true, 2048, 10000}, /* for tests */
};
enum { N_SHAPES = sizeof shapes / sizeof *shapes };

struct settings {
    const char *shape, *type, *out;
    int i2s_layout;
    struct lutra_seed seed;
};

#define AT(field) offsetof(struct settings, field)
static const struct lutra_opt opts[] = {
    {"--shape", "NAME", LUTRA_OPT_STR, AT(shape), 0, 0,
     "bitnet-2b, bitnet-3b, llama-1b, llama-3b, llama-7b or tiny", NULL},
    {"--type", "TYPE", LUTRA_OPT_STR, AT(type), 0, 0,
     "type of the layers' matrices, such as Q4_0 or TQ2_0; the head is Q6_K (Q8_0 where 256 does "
     "not divide the embedding)",
     NULL},
    {"--i2s-layout", "128|64|rows4", LUTRA_OPT_CHOICE, AT(i2s_layout), 0, 0,
     "layout of I2_S tensors (128)", NULL},
    {"-o, --output", "FILE", LUTRA_OPT_STR, AT(out), 0, 0, "file to write", NULL},
    {"-s, --seed", "N", LUTRA_OPT_SEED, AT(seed), 0, 0, "other random weights (1)", NULL},
};
static const struct lutra_opt_group group = {"Options", opts, sizeof opts / sizeof *opts};
static const struct lutra_cli_spec spec = {"synth",
                                           "--shape NAME --type TYPE -o FILE",
                                           "Write a model with random weights, for measurements.",
                                           &group,
                                           1,
                                           LUTRA_NO_POSITIONAL};

/* ---- tensors ---- */

/* A tensor on its way to the file: units come whole, the writer takes bytes in their order. A unit is
 * a block; of I2_S four rows, which one of its layouts weaves into each other. */
struct stream {
    struct lutra_synth_fill fill;
    struct synth *synth;
    bool ones;      /* F32, all 1: norms */
    int n_cols;     /* I2_S; else 0 */
    uint64_t codes; /* bytes before the tail; ~0: there is none */
    size_t left;    /* bytes of the last unit not yet written */
};

enum { MOST_TENSORS = 512, MOST_UNIT = 12288 /* four rows of the widest shape, a quarter byte each */ };

struct synth {
    const struct shape *shape;
    int type, head;
    enum lutra_i2s_layout layout;
    struct lutra_gguf_writer *w;
    struct stream streams[MOST_TENSORS];
    uint8_t unit[MOST_UNIT], rows[MOST_UNIT]; /* of the tensor that is being written */
    int n;
    uint64_t seed, n_params;
};

static size_t take_left(struct stream *s, uint8_t *dst, size_t n, size_t unit_bytes)
{
    size_t take = s->left < n ? s->left : n;
    memcpy(dst, s->synth->unit + unit_bytes - s->left, take);
    s->left -= take;
    return take;
}

static void make_units(struct stream *s, uint8_t *dst, size_t n, size_t unit_bytes)
{
    if (s->n_cols == 0) {
        lutra_synth_blocks(&s->fill, dst, n);
        return;
    }
    for (size_t i = 0; i < n; i++, dst += unit_bytes) {
        lutra_synth_blocks(&s->fill, s->synth->rows, unit_bytes / 16);
        lutra_i2s_file_rows(s->synth->layout, dst, s->synth->rows, 4, s->n_cols);
    }
}

/* I2_S ends in one float and 28 bytes of nothing; `at` is where dst begins. */
static void put_tail(struct stream *s, uint64_t at, uint8_t *dst, size_t n)
{
    uint8_t tail[32] = {0};
    float scale = lutra_synth_outer(&s->fill);
    memcpy(tail, &scale, sizeof scale);
    memcpy(dst, tail + (at - s->codes), n);
}

static lutra_status fill(void *arg, uint64_t at, void *dst, size_t n, lutra_error *err)
{
    struct stream *s = arg;
    uint8_t *p = dst;
    (void)err;
    if (s->ones) {
        const float one = 1.0f;
        for (size_t i = 0; i < n; i += sizeof one) memcpy(p + i, &one, sizeof one);
        return LUTRA_OK;
    }
    size_t codes = at >= s->codes ? 0 : s->codes - at < n ? (size_t)(s->codes - at) : n;
    size_t bytes = (size_t)lutra_type_info((uint32_t)s->fill.type)->bytes;
    if (s->n_cols) bytes = (size_t)s->n_cols;
    size_t done = take_left(s, p, codes, bytes), whole = (codes - done) / bytes;
    make_units(s, p + done, whole, bytes);
    done += whole * bytes;
    if (done < codes) {
        make_units(s, s->synth->unit, 1, bytes);
        s->left = bytes;
        take_left(s, p + done, codes - done, bytes);
    }
    if (codes < n) put_tail(s, at + codes, p + codes, n - codes);
    return LUTRA_OK;
}

static void put(struct synth *y, const char *name, int type, int cols, int rows)
{
    uint64_t ne[2] = {(uint64_t)cols, (uint64_t)rows};
    if (y->n == MOST_TENSORS) return; /* no shape has as many */
    struct stream *s = &y->streams[y->n++];
    s->synth = y;
    s->ones = type == LUTRA_TYPE_F32;
    s->codes = UINT64_MAX;
    if (type == LUTRA_TYPE_I2_S) {
        s->n_cols = cols;
        s->codes = ne[0] * ne[1] / 4;
    }
    s->fill.type = type;
    s->fill.size = 1.0f / sqrtf((float)cols);
    s->fill.equal_scales = strcmp(y->shape->arch, "bitnet") == 0 && type == y->type;
    s->fill.state = y->seed * 1000003 + (uint64_t)y->n;
    y->n_params += ne[0] * ne[1];
    lutra_gguf_put_tensor(y->w, name, (uint32_t)type, rows > 1 ? 2 : 1, ne, NULL, fill, s);
}

static void put_layer(struct synth *y, int il)
{
    const struct shape *s = y->shape;
    int kv = s->n_embd / s->n_head * s->n_head_kv;
    bool bitnet = strcmp(s->arch, "bitnet") == 0;
    const struct {
        const char *name;
        int type, cols, rows;
        bool skip;
    } parts[] = {{"attn_norm", LUTRA_TYPE_F32, s->n_embd, 1, false},
                 {"attn_q", y->type, s->n_embd, s->n_embd, false},
                 {"attn_k", y->type, s->n_embd, kv, false},
                 {"attn_v", y->type, s->n_embd, kv, false},
                 {"attn_sub_norm", LUTRA_TYPE_F32, s->n_embd, 1, !bitnet},
                 {"attn_output", y->type, s->n_embd, s->n_embd, false},
                 {"ffn_norm", LUTRA_TYPE_F32, s->n_embd, 1, false},
                 {"ffn_gate", y->type, s->n_embd, s->n_ff, false},
                 {"ffn_up", y->type, s->n_embd, s->n_ff, false},
                 {"ffn_sub_norm", LUTRA_TYPE_F32, s->n_ff, 1, !bitnet},
                 {"ffn_down", y->type, s->n_ff, s->n_embd, false}};
    char name[64];
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        snprintf(name, sizeof name, "blk.%d.%s.weight", il, parts[i].name);
        if (!parts[i].skip) put(y, name, parts[i].type, parts[i].cols, parts[i].rows);
    }
}

/* ---- keys ---- */

static void put_text(struct synth *y, const char *key, const char *v)
{
    lutra_gguf_put_str(y->w, key, v, strlen(v));
}

static void put_config(struct synth *y)
{
    const struct shape *s = y->shape;
    char text[96];
    const struct {
        const char *name;
        int v;
    } ints[] = {{"block_count", s->n_layer},
                {"context_length", s->n_ctx},
                {"embedding_length", s->n_embd},
                {"feed_forward_length", s->n_ff},
                {"attention.head_count", s->n_head},
                {"attention.head_count_kv", s->n_head_kv},
                {"rope.dimension_count", s->n_embd / s->n_head},
                {"vocab_size", s->n_vocab}};
    put_text(y, "general.architecture", s->arch);
    snprintf(text, sizeof text, "random %s %s", s->name, lutra_type_info((uint32_t)y->type)->name);
    put_text(y, "general.name", text);
    for (size_t i = 0; i < sizeof ints / sizeof *ints; i++) {
        snprintf(text, sizeof text, "%s.%s", s->arch, ints[i].name);
        lutra_gguf_put_u32(y->w, text, (uint32_t)ints[i].v);
    }
    snprintf(text, sizeof text, "%s.rope.freq_base", s->arch);
    lutra_gguf_put_f32(y->w, text, s->rope_base);
    snprintf(text, sizeof text, "%s.attention.layer_norm_rms_epsilon", s->arch);
    lutra_gguf_put_f32(y->w, text, 1e-5f);
}

/* Byte-level BPE writes byte b as a printable character: itself, or number 256 and up. */
static void name_byte(int b, char *dst)
{
    int c = 0, extra = 256;
    for (int i = 0; i <= b; i++) {
        bool plain = (i >= 33 && i <= 126) || (i >= 161 && i <= 172) || i >= 174;
        c = plain ? i : extra++;
    }
    if (c < 0x80)
        snprintf(dst, 4, "%c", c);
    else
        snprintf(dst, 4, "%c%c", 0xC0 | c >> 6, 0x80 | (c & 63));
}

/* 256 bytes, one merge, numbers, and two control tokens at the end. */
static bool put_vocab(struct synth *y)
{
    enum { TEXT = 24, NORMAL = 1, CONTROL = 3 };
    static const char *const merge[] = {"\xC4\xA0 t"};
    const size_t merge_len = 4;
    size_t n = (size_t)y->shape->n_vocab;
    char *texts = malloc(n * TEXT);
    const char **v = malloc(n * sizeof *v);
    size_t *len = malloc(n * sizeof *len);
    int32_t *kind = malloc(n * sizeof *kind);
    bool ok = texts && v && len && kind;
    for (size_t i = 0; ok && i < n; i++) {
        char *t = texts + i * TEXT;
        if (i < 256)
            name_byte((int)i, t);
        else if (i == 256)
            snprintf(t, TEXT, "\xC4\xA0t");
        else if (i >= n - 2)
            snprintf(t, TEXT, i == n - 2 ? "<|begin|>" : "<|end|>");
        else
            snprintf(t, TEXT, "[%zu]", i);
        v[i] = t;
        len[i] = strlen(t);
        kind[i] = i >= n - 2 ? CONTROL : NORMAL;
    }
    if (ok) {
        put_text(y, "tokenizer.ggml.model", "gpt2");
        put_text(y, "tokenizer.ggml.pre", "llama-bpe");
        lutra_gguf_put_strs(y->w, "tokenizer.ggml.tokens", v, len, n);
        lutra_gguf_put_array(y->w, "tokenizer.ggml.token_type", LUTRA_GGUF_I32, kind, n);
        lutra_gguf_put_strs(y->w, "tokenizer.ggml.merges", merge, &merge_len, 1);
        lutra_gguf_put_u32(y->w, "tokenizer.ggml.bos_token_id", (uint32_t)n - 2);
        lutra_gguf_put_u32(y->w, "tokenizer.ggml.eos_token_id", (uint32_t)n - 1);
        lutra_gguf_put_bool(y->w, "tokenizer.ggml.add_bos_token", true);
    }
    free(texts);
    free(v);
    free(len);
    free(kind);
    return ok;
}

/* ---- the command ---- */

static const struct shape *find_shape(const char *name)
{
    for (int i = 0; i < N_SHAPES; i++)
        if (strcmp(shapes[i].name, name) == 0) return &shapes[i];
    return NULL;
}

static int find_type(const char *name)
{
    for (int id = 0; id < 256; id++) {
        const struct lutra_type_info *info = lutra_type_info((uint32_t)id);
        if (info && strcasecmp(info->name, name) == 0 && lutra_synth_knows(id)) return id;
    }
    return -1;
}

static void say_types(const char *wrong)
{
    char names[400] = "";
    size_t at = 0;
    for (int id = 0; id < 256; id++)
        if (lutra_synth_knows(id) && at < sizeof names)
            at += (size_t)lutra_format(names + at, sizeof names - at, " %s",
                                       lutra_type_info((uint32_t)id)->name);
    lutra_cli_say("no type '%s'; these can be made up:%s", wrong, names);
}

static int check(struct synth *y, const struct settings *o)
{
    char shown[80];
    if (!o->shape || !o->type || !o->out)
        return lutra_cli_say("synth needs --shape, --type and -o"), LUTRA_EXIT_USAGE;
    if ((y->shape = find_shape(o->shape)) == NULL) {
        lutra_cli_say(
            "no shape '%s'; these are known: bitnet-2b bitnet-3b llama-1b llama-3b llama-7b tiny",
            lutra_escape(shown, sizeof shown, o->shape, strlen(o->shape)));
        return LUTRA_EXIT_USAGE;
    }
    if ((y->type = find_type(o->type)) < 0) {
        say_types(lutra_escape(shown, sizeof shown, o->type, strlen(o->type)));
        return LUTRA_EXIT_USAGE;
    }
    int block = lutra_type_info((uint32_t)y->type)->block;
    y->layout = (enum lutra_i2s_layout)o->i2s_layout;
    y->head = y->shape->n_embd % 256 == 0 ? LUTRA_TYPE_Q6_K : LUTRA_TYPE_Q8_0;
    bool fits = y->shape->n_embd % block == 0 && y->shape->n_ff % block == 0;
    const char *why = NULL;
    if (y->type == LUTRA_TYPE_I2_S && !(why = lutra_i2s_refuse(y->layout, y->shape->n_embd, 4)))
        why = lutra_i2s_refuse(y->layout, y->shape->n_ff, 4);
    if (why) return lutra_cli_say("I2_S cannot hold %s: %s", o->shape, why), LUTRA_EXIT_USAGE;
    if (fits) return -1;
    lutra_cli_say("%s cannot hold %s: its blocks are of %d weights, the rows of %d and %d", o->type,
                  o->shape, block, y->shape->n_embd, y->shape->n_ff);
    return LUTRA_EXIT_USAGE;
}

static lutra_status write_file(struct synth *y, const char *path, lutra_error *err)
{
    const struct shape *s = y->shape;
    lutra_status st = lutra_gguf_writer_open(&y->w, err);
    if (st != LUTRA_OK) return st;
    put_config(y);
    bool ok = put_vocab(y);
    put(y, "token_embd.weight", y->head, s->n_embd, s->n_vocab);
    put(y, "output_norm.weight", LUTRA_TYPE_F32, s->n_embd, 1);
    if (!s->tied) put(y, "output.weight", y->head, s->n_embd, s->n_vocab);
    for (int il = 0; il < s->n_layer; il++) put_layer(y, il);
    st = ok ? lutra_gguf_writer_save(y->w, path, err) : lutra_fail(err, LUTRA_ENOMEM, "no memory");
    lutra_gguf_writer_close(y->w);
    return st;
}

int lutra_cmd_synth(int argc, char **argv)
{
    struct settings o = {.seed = {1, true}};
    lutra_error err;
    char shown[400];
    int code = lutra_cli_parse(&spec, &o, argc, argv);
    if (code >= 0) return code;
    struct synth *y = calloc(1, sizeof *y);
    if (y == NULL) return lutra_cli_say("no memory"), LUTRA_EXIT_MEMORY;
    y->seed = o.seed.value;
    if ((code = check(y, &o)) < 0) {
        code = LUTRA_EXIT_OK;
        if (write_file(y, o.out, &err) != LUTRA_OK)
            code = lutra_cli_fail(&err, false);
        else
            printf("%s: %s with %.4g million random weights, the layers in %s, the head in %s\n",
                   lutra_escape(shown, sizeof shown, o.out, strlen(o.out)), y->shape->name,
                   (double)y->n_params * 1e-6, o.type, lutra_type_info((uint32_t)y->head)->name);
    }
    free(y);
    return lutra_cli_flush(code);
}
