/* SPDX-License-Identifier: MIT */
/* How many threads a token of this model is worth: its own matrices, one after another, with fewer
 * and more of them. */
#include <stdlib.h>
#include <string.h>

#include "kernels/matmul.h"
#include "kernels/probe.h"
#include "models/model.h"

enum { PIECE = 32 << 20 }; /* bytes of weights of one measurement */

struct work {
    const struct lutra_net *net;
    struct lutra_engine engine;
    struct lutra_act act;
    void *act_mem;
    float *x, *y;
    int next; /* matrix to begin with */
};

static int n_places(const struct lutra_net *net)
{
    return net->config.n_layer * net->arch->n_specs + 1;
}

/* NULL: nothing is there. Of experts the first stands for all. */
static const struct lutra_mat *mat_at(const struct lutra_net *net, int i)
{
    int count, n = net->arch->n_specs;
    i %= n_places(net);
    return i == n * net->config.n_layer ? &net->output : lutra_layer_mat(net, i / n, i % n, &count);
}

static void multiply(struct work *w, const struct lutra_mat *m)
{
    w->engine.code_max = m->kind == LUTRA_MAT_TERN ? LUTRA_CODE_MAX_INT8 : LUTRA_CODE_MAX;
    unsigned parts = lutra_act_parts(&w->engine, &m, 1, 1);
    lutra_act_bind(&w->act, w->engine.ops, w->act_mem, 1, m->n_cols, parts);
    w->act.x = w->x;
    w->act.x_stride = (size_t)m->n_cols;
    lutra_act_fill(&w->engine, &w->act, parts);
    lutra_matmul(&w->engine, w->y, (size_t)m->n_rows, m, &w->act);
}

static size_t some_matrices(void *arg, struct lutra_pool *pool)
{
    struct work *w = arg;
    size_t bytes = 0;
    w->engine.pool = pool;
    while (bytes < PIECE) {
        const struct lutra_mat *m = mat_at(w->net, w->next++);
        if (m == NULL || m->data == NULL) continue;
        multiply(w, m);
        bytes += m->bytes;
    }
    return bytes;
}

static void find_sizes(const struct lutra_net *net, size_t *cols, size_t *rows)
{
    *cols = *rows = 0;
    for (int i = 0; i < n_places(net); i++) {
        const struct lutra_mat *m = mat_at(net, i);
        if (m && (size_t)m->n_cols > *cols) *cols = (size_t)m->n_cols;
        if (m && (size_t)m->n_rows > *rows) *rows = (size_t)m->n_rows;
    }
}

int lutra_net_probe_threads(const struct lutra_net *net, enum lutra_mode mode, int n_threads,
                            char *why, size_t why_cap)
{
    struct work w = {.net = net, .engine = {.ops = &net->ops, .mode = mode}};
    size_t cols, rows;
    lutra_format(why, why_cap, "%s", "");
    if (n_threads < LUTRA_PROBE_THREADS || net->token_bytes < LUTRA_PROBE_BYTES) return n_threads;
    find_sizes(net, &cols, &rows);
    w.engine.scratch_each = lutra_engine_scratch(&net->ops);
    size_t act = lutra_act_bytes(&net->ops, 1, (int)cols, LUTRA_ACT_ALL);
    size_t scratch = w.engine.scratch_each * (size_t)n_threads;
    struct lutra_arena arena;
    if (lutra_arena_open(&arena, act + scratch + (cols + rows) * sizeof(float) + 4 * LUTRA_ALIGN,
                         NULL))
        return n_threads;
    w.act_mem = lutra_arena_take(&arena, act);
    w.engine.scratch = lutra_arena_take(&arena, scratch);
    w.x = lutra_arena_take(&arena, cols * sizeof(float));
    w.y = lutra_arena_take(&arena, rows * sizeof(float));
    for (size_t i = 0; i < cols; i++) w.x[i] = (float)((int)(i * 37 % 101) - 50);
    int n = lutra_probe_run(some_matrices, &w, n_threads, why, why_cap);
    lutra_arena_close(&arena);
    return n;
}
