/* SPDX-License-Identifier: MIT */
/* Encoders: every token sees all of its text, so a layer is done for all tokens before the next begins. Texts lie one
 * behind the other; the residual stream of all of them is kept, everything else batch by batch: first keys and values
 * of all batches, then what reads them. Both depend on rows alone, so neither batches nor neighbours leave a trace. */
#include "models/eval.h"

#include <string.h>

/* Where the batch under way lies among all rows. */
struct whole {
    float *x, *cs, *sn;
    int n;
};

static void step_to(struct lutra_eval *e, const struct whole *all, const int32_t *ids, int at)
{
    size_t half = (size_t)(e->net->config.n_rot / 2);
    e->pos = at;
    e->n = all->n - at < e->n_batch ? all->n - at : e->n_batch;
    e->ids = ids + at;
    e->x = all->x + (size_t)at * (size_t)e->net->config.n_embd;
    e->rope.cs = all->cs + (size_t)at * half;
    e->rope.sn = all->sn + (size_t)at * half;
}

/* Token, type 0 and position; norm's row is free to hold the latter two. */
static void embed_rows(void *arg, int begin, int end, int thread)
{
    (void)thread;
    struct lutra_eval *e = arg;
    const struct lutra_net *net = e->net;
    int n_embd = net->config.n_embd;
    for (int i = begin; i < end; i++) {
        float *x = e->x + (size_t)i * (size_t)n_embd, *more = e->norm + (size_t)i * (size_t)n_embd;
        int pos = e->places[e->pos + i].pos;
        lutra_mat_row(&net->token_embd, e->ids[i], x);
        if (net->type_embd) net->ops.add(x, net->type_embd, n_embd);
        if (net->config.learned_positions) {
            lutra_mat_row(&net->pos_embd, pos, more);
            net->ops.add(x, more, n_embd);
        } else {
            lutra_eval_rotation(e, i, pos);
        }
    }
}

static int place_texts(struct lutra_place *places, const int *lengths, int n_texts)
{
    int n = 0;
    for (int t = 0; t < n_texts; t++)
        for (int i = 0, first = n; i < lengths[t]; i++) places[n++] = (struct lutra_place){i, first, lengths[t]};
    return n;
}

static bool run_layer(struct lutra_eval *e, const struct whole *all, const int32_t *ids, int il)
{
    for (int at = 0; at < all->n; at += e->n) {
        if (lutra_eval_cancelled(e)) return false;
        step_to(e, all, ids, at);
        lutra_eval_keys(e, il);
    }
    for (int at = 0; at < all->n; at += e->n) {
        if (lutra_eval_cancelled(e)) return false;
        step_to(e, all, ids, at);
        e->net->arch->layer(e, il);
    }
    return true;
}

const float *lutra_eval_encode(struct lutra_eval *e, const int32_t *ids, const int *lengths, int n_texts)
{
    struct whole all = {e->x, e->rope.cs, e->rope.sn, place_texts(e->places, lengths, n_texts)};
    const struct lutra_net *net = e->net;
    bool ok = true;
    lutra_pool_limit(e->engine.pool, all.n > 1 ? e->n_threads_batch : e->n_threads);
    for (int at = 0; at < all.n; at += e->n) {
        step_to(e, &all, ids, at);
        lutra_pool_run(e->engine.pool, e->n, 1, embed_rows, e);
        lutra_eval_layer_norm(e, e->x, net->embd_norm, net->embd_shift);
    }
    for (int il = 0; il < net->config.n_layer && ok; il++) ok = run_layer(e, &all, ids, il);
    e->x = all.x;
    e->rope = (struct lutra_rope){all.cs, all.sn};
    return ok ? all.x : NULL;
}
