/* SPDX-License-Identifier: MIT */
/* I2_S: every layout holds the same weights, which are those of the formula; a model in each of
 * them says the same; what does not fit is refused with a cure. NVFP4's scale beside its matrix.
 *   test_i2s [DIR_OF_TINY_MODELS] */
#include "models/i2s.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernels/lut.h"
#include "models/gguf.h"
#include "runtime/session.h"
#include "tests/check.h"
#include "tools/bench.h"

static const enum lutra_i2s_layout layouts[] = {LUTRA_I2S_LAYOUT_128, LUTRA_I2S_LAYOUT_64,
                                                LUTRA_I2S_LAYOUT_ROWS4};

/* Where weight (row, col) is, by the words of i2s.h. */
static void place(enum lutra_i2s_layout l, int n_cols, int row, int col, size_t *at, int *g)
{
    size_t first = (size_t)row * (size_t)n_cols / 4;
    if (l == LUTRA_I2S_LAYOUT_ROWS4) {
        *at = (size_t)(row / 4) * (size_t)n_cols + (size_t)col;
        *g = row % 4;
    } else {
        int block = l == LUTRA_I2S_LAYOUT_128 ? 128 : 64, i = col % block;
        *at = first + (size_t)(col / block * block / 4 + i % (block / 4));
        *g = i / (block / 4);
    }
}

static int get(enum lutra_i2s_layout l, const uint8_t *b, int n_cols, int row, int col)
{
    size_t at;
    int g;
    place(l, n_cols, row, col, &at, &g);
    return b[at] >> (6 - 2 * g) & 3;
}

static void set(enum lutra_i2s_layout l, uint8_t *b, int n_cols, int row, int col, int code)
{
    size_t at;
    int g;
    place(l, n_cols, row, col, &at, &g);
    b[at] = (uint8_t)((b[at] & ~(3 << (6 - 2 * g))) | code << (6 - 2 * g));
}

static void test_layouts(void)
{
    enum { ROWS = 8, COLS = 384, BYTES = ROWS * COLS / 4 };
    uint8_t *file = check_guard(BYTES, 1), *rows = check_guard(BYTES, 1);
    uint8_t *back = check_guard(BYTES, 1);
    float w[COLS];
    for (int l = 0; l < 3; l++) {
        for (int i = 0; i < BYTES; i++) file[i] = (uint8_t)check_rand();
        lutra_i2s_rows(layouts[l], rows, file, ROWS, COLS);
        for (int r = 0; r < ROWS; r++) {
            lutra_decode_row(LUTRA_TYPE_I2_S, w, rows + r * COLS / 4, COLS);
            for (int k = 0; k < COLS; k++)
                CHECK(w[k] == (float)(get(layouts[l], file, COLS, r, k) - 1));
        }
        lutra_i2s_file_rows(layouts[l], back, rows, ROWS, COLS);
        CHECK_MEM(back, file, BYTES, 'b');
    }
    check_guard_free(file);
    check_guard_free(rows);
    check_guard_free(back);
}

static void test_shapes(void)
{
    CHECK(!lutra_i2s_refuse(LUTRA_I2S_LAYOUT_128, 256, 3));
    CHECK(lutra_i2s_refuse(LUTRA_I2S_LAYOUT_128, 192, 4) != NULL);
    CHECK(!lutra_i2s_refuse(LUTRA_I2S_LAYOUT_64, 192, 3));
    CHECK(lutra_i2s_refuse(LUTRA_I2S_LAYOUT_64, 96, 3) != NULL);
    CHECK(!lutra_i2s_refuse(LUTRA_I2S_LAYOUT_ROWS4, 192, 4));
    CHECK(lutra_i2s_refuse(LUTRA_I2S_LAYOUT_ROWS4, 192, 6) != NULL);
    uint8_t b[64];
    for (int i = 0; i < 64; i++) b[i] = (uint8_t)(i % 3 | i / 3 % 3 << 2 | 2 << 4 | 1 << 6);
    CHECK_EQ(lutra_i2s_bad(b, 64), 64);
    for (int shift = 0; shift < 8; shift += 2) {
        uint8_t old = b[37];
        b[37] |= (uint8_t)(3 << shift);
        CHECK_EQ(lutra_i2s_bad(b, 64), 37);
        b[37] = old;
    }
}

/* A packed matrix of any width that is a multiple of 64 is what the codes say, times the scale. */
static void test_pack(void)
{
    static const int cols[] = {64, 128, 192, 320, 704, 2560};
    for (int i = 0; i < 6; i++) {
        struct lutra_mat m = {0};
        int n = cols[i], rows = 37;
        uint8_t *file = check_guard((size_t)(rows * n / 4), 1);
        float *a = malloc((size_t)n * sizeof *a), *b = malloc((size_t)n * sizeof *b);
        for (int k = 0; k < rows * n / 4; k++) {
            file[k] = (uint8_t)check_rand();
            file[k] = (uint8_t)(file[k] & ~(file[k] >> 1 & 0x55)); /* no code 3 */
        }
        CHECK_EQ(lutra_pack_plan(&m, LUTRA_TYPE_I2_S, rows, n, false, NULL), LUTRA_OK);
        CHECK_EQ(m.kind, LUTRA_MAT_TERN);
        m.scale = 0.37f;
        m.data = check_guard(m.bytes, LUTRA_ALIGN);
        memset(m.data, 0x5A, m.bytes);
        for (int t = 0; t < lutra_mat_tiles(&m); t++)
            lutra_pack_tile(&m, t, file + 32 * t * n / 4, rows - 32 * t < 32 ? rows - 32 * t : 32);
        for (int r = 0; r < rows; r++) {
            lutra_mat_row(&m, r, a);
            lutra_decode_row(LUTRA_TYPE_I2_S, b, file + r * n / 4, n);
            for (int k = 0; k < n; k++) CHECK(a[k] == 0.37f * b[k]);
        }
        check_guard_free(file);
        check_guard_free(m.data);
        free(a);
        free(b);
    }
    struct lutra_mat m = {0};
    CHECK_EQ(lutra_pack_plan(&m, LUTRA_TYPE_I2_S, 16, 96, false, NULL), LUTRA_EINVAL);
}

/* ---- models ---- */

static char dir[400] = "build/tiny";

static uint8_t *read_all(const char *path, size_t *n)
{
    FILE *f = fopen(path, "rb");
    uint8_t *b = NULL;
    *n = 0;
    if (f == NULL) return NULL;
    fseek(f, 0, SEEK_END);
    long size = ftell(f);
    rewind(f);
    if (size > 0 && (b = malloc((size_t)size)) != NULL) *n = fread(b, 1, (size_t)size, f);
    fclose(f);
    return b;
}

/* The tiny model, whose tensors are in blocks of 128, in another layout; one tensor may be spoilt. */
static bool write_as(const char *to, enum lutra_i2s_layout l,
                     void (*spoil)(uint8_t *tensor, uint64_t codes))
{
    char path[512];
    struct lutra_gguf *g;
    size_t n;
    snprintf(path, sizeof path, "%s/bitnet-I2_S.gguf", dir);
    uint8_t *b = read_all(path, &n);
    if (b == NULL || lutra_gguf_open(&g, path, NULL)) return free(b), false;
    int seen = 0;
    for (int i = 0; i < lutra_gguf_n_tensors(g); i++) {
        const struct lutra_gguf_tensor *t = lutra_gguf_tensor_at(g, i);
        if (t->type != LUTRA_TYPE_I2_S) continue;
        int cols = (int)t->ne[0], rows = (int)t->ne[1];
        uint64_t codes = t->bytes - lutra_gguf_tail(t->type);
        uint8_t *old = malloc(codes);
        memcpy(old, b + t->offset, codes);
        for (int r = 0; r < rows; r++)
            for (int k = 0; k < cols; k++)
                set(l, b + t->offset, cols, r, k, get(LUTRA_I2S_LAYOUT_128, old, cols, r, k));
        if (spoil && seen == 0) spoil(b + t->offset, codes);
        seen++;
        free(old);
    }
    lutra_gguf_close(g);
    FILE *f = fopen(to, "wb");
    bool ok = f != NULL && fwrite(b, 1, n, f) == n && seen > 0;
    if (f) ok = fclose(f) == 0 && ok;
    free(b);
    return ok;
}

enum { VOCAB = 512 };
static float logits[VOCAB];

static void on_logits(void *user, int row, const float *l)
{
    (void)row;
    memcpy(logits, l, sizeof(float) * (size_t)*(int *)user);
}

/* Of a model that is opened; freed by the caller. */
static void take_logits(lutra_model *m)
{
    static const int32_t ids[] = {1, 50, 70, 200, 30};
    lutra_session *s;
    int n = m->net->config.n_vocab;
    CHECK(n <= VOCAB);
    CHECK_STR(m->net->self_test, "ok");
    CHECK_EQ(m->net->layers[0].wq.kind, LUTRA_MAT_TERN);
    CHECK_EQ(lutra_session_open(&s, m, NULL, NULL), LUTRA_OK);
    lutra_eval_tokens(s->eval, ids, 5, on_logits, &n);
    lutra_session_free(s);
}

static lutra_status logits_of(const char *path, lutra_i2s l, lutra_error *err)
{
    lutra_model *m;
    lutra_model_options mo = {.size = sizeof mo, .i2s_layout = l};
    lutra_status st = lutra_model_open(&m, path, &mo, err);
    if (st != LUTRA_OK) return st;
    take_logits(m);
    lutra_model_free(m);
    return LUTRA_OK;
}

/* The model as `lutra bench --i2s-layout` opens it. */
static void bench_logits_of(const char *path, lutra_i2s l)
{
    struct lutra_bench_options o = {.kernels = -1, .i2s_layout = (int)l};
    struct lutra_bench_model m;
    CHECK_EQ(lutra_bench_open(&m, path, &o), -1);
    take_logits(m.model);
    lutra_bench_close(&m);
}

static void test_models(void)
{
    static const lutra_i2s said[] = {LUTRA_I2S_128, LUTRA_I2S_64, LUTRA_I2S_ROWS4};
    char path[512];
    float first[VOCAB];
    lutra_error err;
    for (int l = 0; l < 3; l++) {
        snprintf(path, sizeof path, "%s/i2s-%d.gguf", check_tmp(), l);
        CHECK(write_as(path, layouts[l], NULL));
        CHECK_EQ(logits_of(path, said[l], &err), LUTRA_OK);
        if (l == 0) memcpy(first, logits, sizeof first);
        CHECK_MEM(logits, first, sizeof first, 'f');
        memset(logits, 0, sizeof logits);
        bench_logits_of(path, said[l]);
        CHECK_MEM(logits, first, sizeof first, 'f');
        CHECK_EQ(logits_of(path, said[(l + 1) % 3], &err), LUTRA_OK); /* only noise tells */
        CHECK(memcmp(logits, first, sizeof first) != 0);
    }
    CHECK_EQ(logits_of(path, (lutra_i2s)3, &err), LUTRA_EINVAL);
}

static void spoil_code(uint8_t *t, uint64_t codes)
{
    t[codes / 2] = 0xff;
}

static void spoil_scale(uint8_t *t, uint64_t codes)
{
    memcpy(t + codes, "\0\0\xc0\x7f", 4);
}

static void test_spoilt(void)
{
    char path[512];
    lutra_error err;
    snprintf(path, sizeof path, "%s/i2s-bad.gguf", check_tmp());
    CHECK(write_as(path, LUTRA_I2S_LAYOUT_128, spoil_code));
    CHECK_EQ(logits_of(path, LUTRA_I2S_128, &err), LUTRA_EFORMAT);
    CHECK(strstr(err.msg, "tensor blk.0.attn_q.weight at offset ") != NULL);
    CHECK(strstr(err.msg, "code 3") != NULL);
    CHECK(write_as(path, LUTRA_I2S_LAYOUT_128, spoil_scale));
    CHECK_EQ(logits_of(path, LUTRA_I2S_128, &err), LUTRA_EFORMAT);
    CHECK(strstr(err.msg, "scale") && strstr(err.msg, "not a finite number"));
}

/* ---- the scale beside an NVFP4 matrix ---- */

/* The tiny model with other bytes in one tensor. */
static bool write_with(const char *to, const char *tensor, float value)
{
    char path[512];
    struct lutra_gguf *g;
    size_t n;
    snprintf(path, sizeof path, "%s/llama-NVFP4.gguf", dir);
    uint8_t *b = read_all(path, &n);
    if (b == NULL || lutra_gguf_open(&g, path, NULL)) return free(b), false;
    const struct lutra_gguf_tensor *t = lutra_gguf_tensor(g, tensor);
    if (t) memcpy(b + t->offset, &value, sizeof value);
    bool ok = t != NULL;
    lutra_gguf_close(g);
    FILE *f = fopen(to, "wb");
    ok = f != NULL && fwrite(b, 1, n, f) == n && ok;
    if (f) ok = fclose(f) == 0 && ok;
    free(b);
    return ok;
}

static lutra_status scale_of(const char *path, float *scale, lutra_error *err)
{
    lutra_model *m;
    lutra_model_options mo = {.size = sizeof mo};
    lutra_status st = lutra_model_open(&m, path, &mo, err);
    if (st != LUTRA_OK) return st;
    *scale = m->net->layers[1].gate.scale;
    lutra_model_free(m);
    return LUTRA_OK;
}

static void test_beside(void)
{
    const char *tensor = "blk.1.ffn_gate.scale";
    char path[512];
    lutra_error err;
    float scale = 0;
    snprintf(path, sizeof path, "%s/nvfp4.gguf", check_tmp());
    CHECK(write_with(path, tensor, 0.625f));
    CHECK_EQ(scale_of(path, &scale, &err), LUTRA_OK);
    CHECK(scale == 0.625f);
    CHECK(write_with(path, tensor, INFINITY));
    CHECK_EQ(scale_of(path, &scale, &err), LUTRA_EFORMAT);
    CHECK(strstr(err.msg, tensor) && strstr(err.msg, "not a finite number"));
}

int main(int argc, char **argv)
{
    check_init(argc, argv, "test_i2s");
    if (argc > 1 && argv[1][0] != '-') snprintf(dir, sizeof dir, "%s", argv[1]);
    CHECK_CASE("layouts") test_layouts();
    CHECK_CASE("shapes") test_shapes();
    CHECK_CASE("pack") test_pack();
    CHECK_CASE("models") test_models();
    CHECK_CASE("spoilt") test_spoilt();
    CHECK_CASE("scale beside") test_beside();
    return check_done();
}
