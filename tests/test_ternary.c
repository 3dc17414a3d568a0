/* SPDX-License-Identifier: MIT */
/* A ternary model whose scales differ by row, by block, or which holds code 3: packed as its scales
 * allow, the same bits at every CPU level. The tiny BitNet model with other scales is the file. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernels/cpu.h"
#include "runtime/session.h"
#include "tests/check.h"

static const char tiny[] = "tests/data/tiny-verse-ternary.gguf";
enum scales { AS_FILE, BY_ROW, BY_BLOCK, CODE_3 };
enum { BLOCK_BYTES = 66, SCALE_AT = 64, N_IDS = 9, N_VOCAB = 1024 };
static lutra_error err;

static void change_tensor(uint8_t *p, uint64_t n_blocks, int row_blocks, enum scales how)
{
    static const float by[] = {1.0f, 0.5f, -1.0f, 2.0f};
    for (uint64_t b = 0; b < n_blocks; b++, p += BLOCK_BYTES) {
        uint64_t row = b / (uint64_t)row_blocks;
        uint16_t h;
        memcpy(&h, p + SCALE_AT, sizeof h);
        float d = lutra_f16_to_f32(h);
        if (how == BY_ROW) d *= by[row % 4];
        if (how == BY_BLOCK) d *= by[(b + row) % 4];
        h = lutra_f32_to_f16(d);
        memcpy(p + SCALE_AT, &h, sizeof h);
        if (how == CODE_3 && b == 1) p[3] |= 3;
    }
}

static void write_model(const char *path, enum scales how)
{
    struct lutra_gguf *g;
    FILE *f = fopen(tiny, "rb");
    CHECK(f != NULL);
    fseek(f, 0, SEEK_END);
    size_t n = (size_t)ftell(f);
    uint8_t *bytes = malloc(n);
    rewind(f);
    CHECK_EQ(fread(bytes, 1, n, f), n);
    fclose(f);
    CHECK_EQ(lutra_gguf_open(&g, tiny, &err), LUTRA_OK);
    for (int i = 0; i < lutra_gguf_n_tensors(g); i++) {
        const struct lutra_gguf_tensor *t = lutra_gguf_tensor_at(g, i);
        if (t->type == LUTRA_TYPE_TQ2_0)
            change_tensor(bytes + t->offset, t->bytes / BLOCK_BYTES, (int)(t->ne[0] / 256), how);
    }
    lutra_gguf_close(g);
    f = fopen(path, "wb");
    CHECK(f != NULL);
    CHECK_EQ(fwrite(bytes, 1, n, f), n);
    fclose(f);
    free(bytes);
}

/* Of all layers' matrices, how many lie in each kind, and base-3 ones with a scale per row. */
static void count_kinds(const struct lutra_net *net, int kinds[8], int *rows)
{
    memset(kinds, 0, 8 * sizeof *kinds);
    *rows = 0;
    for (int il = 0; il < net->config.n_layer; il++) {
        for (int i = 0; i < net->arch->n_specs; i++) {
            int count;
            const struct lutra_mat *m = lutra_layer_mat(net, il, i, &count);
            if (m == NULL || m->kind >= LUTRA_MAT_F32) continue;
            kinds[m->kind]++;
            *rows += m->kind == LUTRA_MAT_TERN && m->scales == LUTRA_SCALE_ROW;
        }
    }
}

static void check_kinds(const struct lutra_net *net, enum scales how)
{
    int kinds[8], rows;
    count_kinds(net, kinds, &rows);
    const int codes = kinds[LUTRA_MAT_PLANES] + kinds[LUTRA_MAT_DENSE];
    const int other = net->ops.packs_quint ? kinds[LUTRA_MAT_QUINT] : codes;
    const int all = kinds[LUTRA_MAT_TERN] + kinds[LUTRA_MAT_QUINT] + codes;
    CHECK(all > 0);
    if (how == AS_FILE) CHECK(kinds[LUTRA_MAT_TERN] == all && rows == 0);
    if (how == BY_ROW) CHECK(kinds[LUTRA_MAT_TERN] == all && rows == all);
    if (how == BY_BLOCK) CHECK(other > 0 && rows > 0); /* one block in a row: by row */
    if (how == CODE_3) CHECK_EQ(codes, all);
}

/* Logits after some ids at a level, one by one or all at once. */
static void logits_of(const char *path, const char *cpu, int n_batch, enum scales how, float *out)
{
    lutra_model *m = NULL;
    lutra_session *s = NULL;
    int32_t ids[N_IDS];
    for (int i = 0; i < N_IDS; i++) ids[i] = 7 + 31 * i;
    lutra_model_options mo = {.size = sizeof mo, .cpu = cpu};
    lutra_session_options so = {.size = sizeof so, .n_ctx = 64, .n_batch = n_batch, .n_threads = 2};
    CHECK_EQ(lutra_model_open(&m, path, &mo, &err), LUTRA_OK);
    if (m == NULL) return;
    check_kinds(m->net, how);
    CHECK(strcmp(m->net->self_test, "ok") == 0);
    CHECK_EQ(lutra_session_open(&s, m, &so, &err), LUTRA_OK);
    CHECK_EQ(lutra_session_feed(s, ids, N_IDS, &err), LUTRA_OK);
    memcpy(out, lutra_session_logits(s), N_VOCAB * sizeof *out);
    lutra_session_free(s);
    lutra_model_free(m);
}

static void same_everywhere(enum scales how)
{
    static float base[N_VOCAB], other[N_VOCAB];
    const struct lutra_cpu_level *l = lutra_cpu_levels();
    char path[600];
    snprintf(path, sizeof path, "%s/ternary.gguf", check_tmp());
    write_model(path, how);
    logits_of(path, "scalar", 1, how, base);
    for (; l->name; l++) {
        if ((l->features & lutra_cpu_detect()) != l->features) continue;
        logits_of(path, l->name, 1, how, other);
        CHECK_MEM(other, base, sizeof base, 'f');
        logits_of(path, l->name, 0, how, other);
        CHECK_MEM(other, base, sizeof base, 'f');
    }
}

int main(int argc, char **argv)
{
    check_init(argc, argv, "test_ternary");
    CHECK_CASE("one scale") same_everywhere(AS_FILE);
    CHECK_CASE("a scale per row") same_everywhere(BY_ROW);
    CHECK_CASE("a scale per block") same_everywhere(BY_BLOCK);
    CHECK_CASE("code 3") same_everywhere(CODE_3);
    return check_done();
}
