/* SPDX-License-Identifier: MIT */
/* Never garbage: before a model is used, every kernel it will use runs on its own real rows and must give the bits of
 * the scalar reference. A level that does not is dropped for the next lower one, and said so. */
#include "models/model.h"

#include "kernels/cpu.h"
#include "kernels/matmul.h"
#include <stdlib.h>
#include <string.h>

enum {
    TEST_VECTORS = 7,  /* for a panel: a block of four and a rest of three */
    TILE_VECTORS = 33, /* for tiles: two side by side and one alone */
    TEST_TILES = 2,
    MAX_SEEN = 24
};

/* Everything one comparison needs, so that levels can be tried in turn. */
struct bench {
    float *x, *y_ref, *y;
    int n_vectors; /* in x */
};

/* Every kernel that some mode or number of vectors may choose. */
static const struct {
    enum lutra_mode mode;
    int n;
} ways[] = {{LUTRA_MODE_LUT, 1},
          {LUTRA_MODE_DOT, 1},
          {LUTRA_MODE_DOT, TEST_VECTORS},
          {LUTRA_MODE_DEQ, 3},
          {LUTRA_MODE_DOT, TILE_VECTORS}}; /* the last one only where it is tiles */
enum { N_WAYS = sizeof ways / sizeof ways[0], ALL_VECTORS = 1 + 1 + TEST_VECTORS + 3 + TILE_VECTORS };

static void fill_input(float *x, size_t n)
{
    uint32_t state = 2463534242u; /* xorshift32: any fixed pattern with both signs and a wide range */
    for (size_t i = 0; i < n; i++) {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        float v = (float)(int32_t)state / 2147483648.0f;
        x[i] = i % 61 == 7 ? v * 40.0f : v;
    }
}

static void *align64(void *p)
{
    return (void *)(((uintptr_t)p + 63) & ~(uintptr_t)63);
}

/* y = first tiles of m times the test vectors, by `ops`, in the first n_ways ways. */
static bool run(const struct lutra_ops *ops, const struct lutra_mat *m, int code_max, int n_ways, struct bench *b,
                float *y)
{
    struct lutra_pool *pool;
    struct lutra_mat part = *m;
    int rows = TEST_TILES * m->tile_rows;
    part.n_rows = m->n_rows < rows ? m->n_rows : rows;
    struct lutra_engine e = {.ops = ops, .precision = LUTRA_PREC_DEFAULT, .code_max = code_max};
    if (lutra_pool_open(&pool, 1, NULL, NULL) != LUTRA_OK) return false;
    void *scratch = malloc(lutra_engine_scratch(ops) + 64);
    void *act_mem = malloc(lutra_act_bytes(ops, b->n_vectors, m->n_cols, LUTRA_ACT_ALL) + 64);
    bool ok = scratch != NULL && act_mem != NULL;
    e.pool = pool;
    for (int way = 0; way < n_ways && ok; way++) {
        int n = ways[way].n;
        e.mode = ways[way].mode;
        struct lutra_act a;
        const struct lutra_mat *mats[1] = {&part};
        e.scratch = align64(scratch);
        e.scratch_each = lutra_engine_scratch(ops);
        unsigned parts = lutra_act_parts(&e, mats, 1, n);
        lutra_act_bind(&a, ops, align64(act_mem), n, m->n_cols, parts);
        a.x = b->x;
        a.x_stride = (size_t)m->n_cols;
        lutra_act_fill(&e, &a, parts);
        lutra_matmul(&e, y, (size_t)part.n_rows, &part, &a);
        y += (size_t)n * (size_t)part.n_rows;
    }
    free(scratch);
    free(act_mem);
    lutra_pool_close(pool);
    return ok;
}

/* Do `ops` and scalar agree on m? False also when memory runs out: then scalar runs, which needs none of this. */
static bool agrees(const struct lutra_ops *ops, const struct lutra_ops *scalar, const struct lutra_mat *m, int code_max)
{
    size_t rows = (size_t)TEST_TILES * (size_t)m->tile_rows;
    size_t n_y = rows * ALL_VECTORS;
    struct bench b = {0};
    const bool tiles = lutra_panel_in_tiles(ops, m, TILE_VECTORS);
    const int n_ways = tiles ? N_WAYS : N_WAYS - 1;
    b.n_vectors = tiles ? TILE_VECTORS : TEST_VECTORS;
    size_t n_x = (size_t)b.n_vectors * (size_t)m->n_cols;
    b.x = malloc(n_x * sizeof(float));
    b.y_ref = calloc(n_y, sizeof(float));
    b.y = calloc(n_y, sizeof(float));
    bool ok = b.x && b.y_ref && b.y;
    if (ok) {
        fill_input(b.x, n_x);
        ok = run(scalar, m, code_max, n_ways, &b, b.y_ref) && run(ops, m, code_max, n_ways, &b, b.y) &&
             memcmp(b.y, b.y_ref, n_y * sizeof(float)) == 0;
    }
    free(b.x);
    free(b.y_ref);
    free(b.y);
    return ok;
}

static int add(const struct lutra_mat **out, int n, const struct lutra_mat *m)
{
    bool seen = m == NULL || m->data == NULL;
    for (int k = 0; k < n && !seen; k++)
        seen = out[k]->kind == m->kind && out[k]->type == m->type && out[k]->scales == m->scales;
    if (!seen && n < MAX_SEEN) out[n++] = m;
    return n;
}

/* One matrix of every (kind, type) in the net: what kernels are specialised by. */
static int collect(const struct lutra_net *net, const struct lutra_mat **out)
{
    int count, n = add(out, 0, &net->output);
    n = add(out, n, &net->token_embd);
    n = add(out, n, &net->pe_model);
    n = add(out, n, &net->pe_embd);
    if (net->fast.ready) n = add(out, n, &net->fast.low);
    if (net->fast.ready) n = add(out, n, &net->fast.top);
    for (int il = 0; il < net->config.n_layer; il++)
        for (int i = 0; i < net->arch->n_specs; i++) n = add(out, n, lutra_layer_mat(net, il, i, &count));
    return n;
}

static bool reads(const struct lutra_ops *ops, const struct lutra_mat *m)
{
    return m->kind != LUTRA_MAT_TERN || lutra_tern_reads(ops, lutra_tern_trio(m));
}

/* Index of the first matrix that `ops` cannot read or gets wrong; n if none. */
static int first_wrong(const struct lutra_ops *ops, const struct lutra_ops *scalar, const struct lutra_mat **mats, int n)
{
    for (int i = 0; i < n; i++) {
        int code_max = mats[i]->kind == LUTRA_MAT_TERN ? LUTRA_CODE_MAX_INT8 : LUTRA_CODE_MAX;
        if (!reads(ops, mats[i]) || !agrees(ops, scalar, mats[i], code_max)) return i;
    }
    return n;
}

lutra_status lutra_net_self_test(struct lutra_net *net, lutra_error *err)
{
    const struct lutra_mat *mats[MAX_SEEN];
    struct lutra_ops scalar;
    int n = collect(net, mats);
    lutra_ops_init(&scalar, 0);
    lutra_format(net->self_test, sizeof net->self_test, "ok");
    const struct lutra_cpu_level *levels = lutra_cpu_levels();
    int level = 0;
    while (levels[level].name) level++;
    for (uint32_t features = net->ops.features;;) {
        lutra_ops_init(&net->ops, features);
        int wrong = first_wrong(&net->ops, &scalar, mats, n);
        if (wrong == n) return LUTRA_OK;
        const bool ran = reads(&net->ops, mats[wrong]);
        const char *failed = net->ops.name;
        do level--;
        while (level > 0 && (levels[level].features & features) == features);
        if (level <= 0 && features == 0)
            return lutra_fail(err, LUTRA_ESELFTEST,
                              "the self-test failed even without vector instructions: memory is short or faulty");
        features = level <= 0 ? 0 : levels[level].features & features;
        if (!ran) continue;
        lutra_format(net->self_test, sizeof net->self_test, "%s kernels for %s gave wrong sums and were switched off",
                     failed, lutra_type_info((uint32_t)mats[wrong]->type)->name);
    }
}
