/* SPDX-License-Identifier: MIT */
/* Texts to vectors: lutra_embed of lutra.h. The rows of all tokens come by in order and are pooled as they do, sums in
 * double and in that order, so batches leave no trace. */
#include "runtime/session.h"
#include "runtime/sized.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static lutra_status bad(lutra_error *err, const char *what)
{
    return lutra_fail(err, LUTRA_EINVAL, "%s", what);
}

lutra_pooling lutra_pooling_of(const struct lutra_config *c)
{
    static const lutra_pooling named[] = {
        [LUTRA_POOL_NONE] = LUTRA_POOLING_NONE, [LUTRA_POOL_MEAN] = LUTRA_POOLING_MEAN,
        [LUTRA_POOL_CLS] = LUTRA_POOLING_CLS,   [LUTRA_POOL_LAST] = LUTRA_POOLING_LAST,
        [LUTRA_POOL_RANK] = LUTRA_POOLING_RANK,
    };
    if (c->pooling >= 0) return named[c->pooling];
    return c->encoder ? LUTRA_POOLING_MEAN : LUTRA_POOLING_LAST;
}

/* A call under way. */
struct embed {
    const int32_t *ids;
    int n;
    const int *lengths;
    int n_texts;
    lutra_pooling pooling;
    bool unit;       /* vectors get length 1 */
    int n_embd;
    float *out;      /* where the next vector goes */
    double *sum;     /* [n_embd] of the text under way */
    int text, row;   /* the next token: whose, and which of its text */
    bool finite;
};

/* ---- pooling ---- */

static void finish_vector(struct embed *m)
{
    double square = 0;
    for (int i = 0; i < m->n_embd; i++) square += (double)m->out[i] * (double)m->out[i];
    double length = sqrt(square);
    m->finite = m->finite && isfinite(length);
    for (int i = 0; i < m->n_embd && m->unit && length > 0; i++) m->out[i] = (float)((double)m->out[i] / length);
    m->out += m->n_embd;
}

static void add_up(struct embed *m, const float *x, int n_rows)
{
    for (int i = 0; i < m->n_embd; i++) {
        m->sum[i] = (m->row == 0 ? 0.0 : m->sum[i]) + (double)x[i];
        if (m->row == n_rows - 1) m->out[i] = (float)(m->sum[i] / n_rows);
    }
}

/* The next token's row. */
static void take_row(struct embed *m, const float *x)
{
    int n_rows = m->lengths[m->text];
    bool last = m->row == n_rows - 1;
    bool copies = m->pooling == LUTRA_POOLING_NONE || (m->pooling == LUTRA_POOLING_CLS && m->row == 0) ||
                  (m->pooling == LUTRA_POOLING_LAST && last);
    if (copies) memcpy(m->out, x, (size_t)m->n_embd * sizeof *x);
    if (m->pooling == LUTRA_POOLING_MEAN) add_up(m, x, n_rows);
    if (last || m->pooling == LUTRA_POOLING_NONE) finish_vector(m);
    m->row = last ? 0 : m->row + 1;
    m->text += last;
}

/* ---- evaluation ---- */

/* As many texts as fit the context, or of a decoder the next batch of the text under way: how many tokens it took, 0 if
 * cancelled. */
static int next_batch(lutra_session *s, struct embed *m, const int32_t *ids)
{
    bool encoder = s->model->net->config.encoder;
    int n = 0, texts = 0, left = m->lengths[m->text] - m->row;
    while (encoder && m->text + texts < m->n_texts && m->lengths[m->text + texts] <= s->eval->kv.n_ctx - n)
        n += m->lengths[m->text + texts++];
    if (!encoder) n = left < s->eval->n_batch ? left : s->eval->n_batch;
    const float *rows = encoder ? lutra_eval_encode(s->eval, ids, m->lengths + m->text, texts)
                                : lutra_eval_hidden(s->eval, ids, n);
    for (int i = 0; rows && i < n; i++) take_row(m, rows + (size_t)i * (size_t)m->n_embd);
    return rows ? n : 0;
}

static lutra_status run(lutra_session *s, struct embed *m, lutra_error *err)
{
    int done = 0;
    while (done < m->n) {
        if (m->row == 0) lutra_eval_rewind(s->eval, 0);
        int n = next_batch(s, m, m->ids + done);
        done += n;
        s->stats.prompt_tokens += (uint64_t)n;
        bool stop = n > 0 && s->on_progress && s->on_progress(s->progress_user, done, m->n) != 0 && done < m->n;
        if (n == 0 || stop) return lutra_fail(err, LUTRA_ECANCEL, "stopped");
    }
    return m->finite ? LUTRA_OK : lutra_fail(err, LUTRA_ENUMERIC, "the model produced numbers that are not finite");
}

/* ---- arguments ---- */

static lutra_status check_options(const lutra_embed_options *o, lutra_error *err)
{
    if ((unsigned)o->pooling >= LUTRA_POOLING_RANK) return bad(err, "pooling must be a LUTRA_POOLING_* value, not RANK");
    if ((unsigned)o->normalize > LUTRA_NORMALIZE_OFF) return bad(err, "normalize must be a LUTRA_NORMALIZE_* value");
    if (o->n_texts < 0 || (o->lengths == NULL) != (o->n_texts == 0))
        return bad(err, "lutra_embed_options: lengths and n_texts go together");
    return LUTRA_OK;
}

static lutra_status check_texts(const lutra_session *s, const struct embed *m, lutra_error *err)
{
    int left = m->n, n_ctx = s->eval->kv.n_ctx;
    for (int i = 0; i < m->n_texts; i++) {
        int n = m->lengths[i];
        if (n <= 0 || n > left) return lutra_fail(err, LUTRA_EINVAL, "length %d of text %d is not 1..%d", n, i, left);
        if (n > n_ctx)
            return lutra_fail(err, LUTRA_EFULL, "text %d has %d tokens and the context holds %d: shorten it, or a larger -c",
                              i, n, n_ctx);
        left -= n;
    }
    return left == 0 ? LUTRA_OK : lutra_fail(err, LUTRA_EINVAL, "the lengths leave out %d tokens", left);
}

static lutra_status check(const lutra_session *s, const struct embed *m, size_t out_cap, lutra_error *err)
{
    lutra_status st = check_texts(s, m, err);
    if (st == LUTRA_OK) st = lutra_session_check_ids(s, m->ids, m->n, err);
    if (st != LUTRA_OK) return st;
    if (m->pooling == LUTRA_POOLING_RANK)
        return lutra_fail(err, LUTRA_EUNSUPPORTED, "this file is a reranker, whose scores Lutra does not compute; "
                          "for vectors name a pooling: mean, cls, last or none");
    size_t rows = (size_t)(m->pooling == LUTRA_POOLING_NONE ? m->n : m->n_texts);
    if (out_cap / (size_t)m->n_embd < rows)
        return lutra_fail(err, LUTRA_EINVAL, "%zu vectors of %d numbers do not fit %zu", rows, m->n_embd, out_cap);
    return LUTRA_OK;
}

static lutra_status embed(lutra_session *s, const int32_t *ids, int n, const lutra_embed_options *opt, float *out,
                          size_t out_cap, lutra_error *err)
{
    lutra_status st = check_options(opt, err);
    if (st != LUTRA_OK) return st;
    const struct lutra_config *c = &s->model->net->config;
    bool one = opt->lengths == NULL;
    struct embed m = {.ids = ids, .n = n, .lengths = one ? &n : opt->lengths, .n_texts = one ? 1 : opt->n_texts,
                      .pooling = opt->pooling ? opt->pooling : lutra_pooling_of(c),
                      .unit = opt->normalize == LUTRA_NORMALIZE_L2, .n_embd = c->n_embd, .out = out, .finite = true};
    if ((st = check(s, &m, out_cap, err))) return st;
    m.sum = malloc((size_t)m.n_embd * sizeof *m.sum);
    if (m.sum == NULL) return lutra_fail(err, LUTRA_ENOMEM, "no memory for a vector");
    double start = lutra_clock();
    s->has_logits = false;
    st = run(s, &m, err);
    lutra_eval_rewind(s->eval, 0);
    free(m.sum);
    s->stats.prompt_seconds += lutra_clock() - start;
    atomic_store(&s->cancel, 0);
    return st;
}

lutra_status lutra_embed(lutra_session *s, const int32_t *ids, int n, const lutra_embed_options *opt, float *out,
                         size_t out_cap, lutra_error *err)
{
    static const size_t older[] = {0};
    lutra_embed_options o = {.size = sizeof o};
    if (s == NULL || ids == NULL || out == NULL || n <= 0) return bad(err, "lutra_embed: NULL argument, or no tokens");
    lutra_status st = opt ? lutra_sized_in(&o, sizeof o, opt, older, "lutra_embed_options", err) : LUTRA_OK;
    if (st == LUTRA_OK) st = lutra_session_enter(s, "lutra_embed", err);
    if (st != LUTRA_OK) return st;
    st = embed(s, ids, n, &o, out, out_cap, err);
    lutra_session_leave(s);
    return st;
}
