/* SPDX-License-Identifier: MIT */
/* The session half of lutra.h: one timeline of tokens. */
#include "runtime/session.h"
#include "runtime/sized.h"

#include <stdlib.h>
#include <string.h>

static lutra_status bad(lutra_error *err, const char *what)
{
    return lutra_fail(err, LUTRA_EINVAL, "%s", what);
}

lutra_status lutra_session_read_options(lutra_session_options *o, const lutra_session_options *opt, lutra_error *err)
{
    static const size_t older[] = {0};
    *o = (lutra_session_options){.size = sizeof *o};
    if (opt == NULL) return LUTRA_OK;
    lutra_status st = lutra_sized_in(o, sizeof *o, opt, older, "lutra_session_options", err);
    if (st != LUTRA_OK) return st;
    if (o->n_ctx < 0) return bad(err, "n_ctx must not be negative");
    if (o->n_batch < 0 || o->n_batch > LUTRA_BATCH_MAX) return bad(err, "n_batch must be 1..65536");
    if (o->n_threads < 0 || o->n_threads > 256 || o->n_threads_batch < 0 || o->n_threads_batch > 256)
        return bad(err, "n_threads must be 1..256");
    return LUTRA_OK;
}

/* Threads are not bound to CPUs: chunks are stolen, and a bound thread suffers whenever a stranger sits on its CPU. */
static lutra_status open_eval(lutra_session *s, const lutra_session_options *o, lutra_error *err)
{
    const lutra_model *m = s->model;
    struct lutra_eval_options eo = {.precision = m->precision, .mode = m->mode, .shortlist = true};
    bool given = o->n_threads != 0;
    eo.n_threads = given ? o->n_threads : m->n_threads;
    eo.n_threads_batch = o->n_threads_batch ? o->n_threads_batch : given ? eo.n_threads : m->n_threads_batch;
    eo.n_batch = lutra_batch_step(o->n_batch);
    eo.n_ctx = o->n_ctx;
    lutra_status st = lutra_choose_ctx(&m->net->config, &m->net->ops, &eo, 0, err);
    if (st != LUTRA_OK) return st;
    st = lutra_eval_open(&s->eval, m->net, &eo, err);
    if (st == LUTRA_OK) s->eval->cancel = &s->cancel;
    return st;
}

lutra_status lutra_session_open(lutra_session **out, const lutra_model *m, const lutra_session_options *opt,
                                lutra_error *err)
{
    if (out == NULL || m == NULL) return bad(err, "lutra_session_open: NULL argument");
    *out = NULL;
    lutra_session_options o;
    lutra_status st = lutra_session_read_options(&o, opt, err);
    if (st != LUTRA_OK) return st;
    lutra_session *s = calloc(1, sizeof *s);
    if (s == NULL) return lutra_fail(err, LUTRA_ENOMEM, "no memory for a session");
    s->model = m;
    atomic_fetch_add(&((lutra_model *)m)->n_users, 1); /* the one thing of a model that changes */
    if ((st = open_eval(s, &o, err)) == LUTRA_OK) {
        s->n_ctx = s->eval->kv.n_ctx;
        s->ids = malloc((size_t)s->n_ctx * sizeof *s->ids);
        s->text = malloc(LUTRA_TEXT_BYTES);
        if (s->ids == NULL || s->text == NULL) st = lutra_fail(err, LUTRA_ENOMEM, "no memory for a session");
    }
    if (st != LUTRA_OK) {
        lutra_session_destroy(s);
        return st;
    }
    *out = s;
    return LUTRA_OK;
}

void lutra_session_destroy(lutra_session *s)
{
    lutra_eval_close(s->eval);
    lutra_sampler_free(s->sampler);
    lutra_model_release(s->model);
    free(s->ids);
    free(s->text);
    free(s);
}

int lutra_session_length(const lutra_session *s)
{
    return s ? atomic_load(&((lutra_session *)s)->n_held) : 0;
}

int lutra_session_n_ctx(const lutra_session *s)
{
    return s ? s->n_ctx : 0;
}

void lutra_session_on_progress(lutra_session *s, int (*fn)(void *user, int done, int total), void *user)
{
    if (s == NULL) return;
    bool outside = lutra_session_enter(s, "", NULL) == LUTRA_OK;
    if (!outside && !lutra_session_is_mine(s)) return;
    s->on_progress = fn;
    s->progress_user = user;
    if (outside) lutra_session_leave(s);
}

void lutra_session_cancel(lutra_session *s)
{
    if (s != NULL) atomic_store(&s->cancel, 1);
}

const float *lutra_session_logits(const lutra_session *s)
{
    lutra_session *mine = (lutra_session *)s; /* reading may have to compute them first */
    if (s == NULL) return NULL;
    bool outside = lutra_session_enter(mine, "", NULL) == LUTRA_OK;
    if (!outside && !lutra_session_is_mine(s)) return NULL;
    const float *logits = s->has_logits ? s->eval->logits : NULL;
    if (logits) {
        s->eval->greedy = false; /* who asks once will ask again */
        lutra_eval_complete(s->eval);
    }
    if (outside) lutra_session_leave(mine);
    return logits;
}

lutra_status lutra_session_eval(lutra_session *s, const int32_t *ids, int n, lutra_error *err)
{
    if (!lutra_eval_tokens(s->eval, ids, n, NULL, NULL))
        return lutra_fail(err, LUTRA_ECANCEL, "stopped");
    memcpy(s->ids + s->eval->kv.n - n, ids, (size_t)n * sizeof *ids);
    s->has_logits = true;
    atomic_store(&s->n_held, s->eval->kv.n);
    return LUTRA_OK;
}

lutra_status lutra_session_check_decoder(const lutra_session *s, lutra_error *err)
{
    const struct lutra_config *c = &s->model->net->config;
    if (!c->encoder) return LUTRA_OK;
    return lutra_fail(err, LUTRA_EUNSUPPORTED, "%s models are encoders: they make vectors of texts (lutra embed) and "
                      "generate nothing", c->arch);
}

lutra_status lutra_session_check_ids(const lutra_session *s, const int32_t *ids, int n, lutra_error *err)
{
    int n_vocab = s->model->net->config.n_vocab;
    for (int i = 0; i < n; i++)
        if (ids[i] < 0 || ids[i] >= n_vocab)
            return lutra_fail(err, LUTRA_EINVAL, "token %d is %d; ids are 0..%d", i, ids[i], n_vocab - 1);
    return LUTRA_OK;
}

static lutra_status check_feed(const lutra_session *s, const int32_t *ids, int n, int held, lutra_error *err)
{
    if (s == NULL || (ids == NULL && n != 0) || n < 0) return bad(err, "NULL or negative argument");
    lutra_status st = lutra_session_check_decoder(s, err);
    if (st == LUTRA_OK) st = lutra_session_check_ids(s, ids, n, err);
    if (st != LUTRA_OK) return st;
    if (n > s->eval->kv.n_ctx - held)
        return lutra_fail(err, LUTRA_EFULL, "%d tokens do not fit: the context holds %d of %d; start with a larger -c", n,
                          held, s->eval->kv.n_ctx);
    return LUTRA_OK;
}

/* Recurrent layers cannot forget single tokens: states are kept at the end of what was fed and a little before it,
 * where the next prompt most likely differs. */
enum { TAIL = 32 };

/* Tokens of the next batch when `left` are to come. */
static int step_of(const lutra_session *s, int left)
{
    int step = left < s->eval->n_batch ? left : s->eval->n_batch;
    bool to_tail = s->eval->state.floats > 0 && left > TAIL && step > left - TAIL;
    return to_tail ? left - TAIL : step;
}

static lutra_status feed_batches(lutra_session *s, const int32_t *ids, int n, lutra_error *err)
{
    double start = lutra_clock();
    lutra_status st = LUTRA_OK;
    int done = 0;
    while (done < n && st == LUTRA_OK) {
        int step = step_of(s, n - done);
        st = lutra_session_eval(s, ids + done, step, err);
        if (st != LUTRA_OK) break;
        done += step;
        if (n - done == TAIL || done == n) lutra_eval_save(s->eval);
        if (s->on_progress && s->on_progress(s->progress_user, done, n) != 0 && done < n)
            st = lutra_fail(err, LUTRA_ECANCEL, "stopped");
    }
    s->stats.prompt_tokens += (uint64_t)done;
    s->stats.prompt_seconds += lutra_clock() - start;
    return st;
}

lutra_status lutra_session_feed(lutra_session *s, const int32_t *ids, int n, lutra_error *err)
{
    if (s == NULL) return bad(err, "lutra_session_feed: NULL argument");
    lutra_status st = lutra_session_enter(s, "lutra_session_feed", err);
    if (st != LUTRA_OK) return st;
    st = check_feed(s, ids, n, s->eval->kv.n, err);
    if (st == LUTRA_OK) {
        st = feed_batches(s, ids, n, err);
        atomic_store(&s->cancel, 0);
    }
    lutra_session_leave(s);
    return st;
}

/* The first n of the tokens held once more, from the latest state that is kept before them. */
static lutra_status replay(lutra_session *s, int n, lutra_error *err)
{
    lutra_status st = LUTRA_OK;
    while (s->eval->kv.n < n && st == LUTRA_OK) {
        int at = s->eval->kv.n, step = n - at < s->eval->n_batch ? n - at : s->eval->n_batch;
        if (!lutra_eval_tokens(s->eval, s->ids + at, step, NULL, NULL)) st = lutra_fail(err, LUTRA_ECANCEL, "stopped");
    }
    return st;
}

static lutra_status drop_from(lutra_session *s, int n, lutra_error *err)
{
    if (n < 0 || n > s->eval->kv.n) return bad(err, "lutra_session_truncate: position out of range");
    if (n == s->eval->kv.n) return LUTRA_OK;
    s->has_logits = false;
    lutra_eval_rewind(s->eval, n);
    lutra_status st = replay(s, n, err);
    if (st != LUTRA_OK) atomic_store(&s->cancel, 0);
    return st;
}

lutra_status lutra_session_truncate(lutra_session *s, int n, lutra_error *err)
{
    if (s == NULL) return bad(err, "lutra_session_truncate: NULL argument");
    lutra_status st = lutra_session_enter(s, "lutra_session_truncate", err);
    if (st != LUTRA_OK) return st;
    st = drop_from(s, n, err);
    lutra_session_leave(s);
    return st;
}

static lutra_status sync(lutra_session *s, const int32_t *ids, int n, int *reused, lutra_error *err)
{
    if (reused) *reused = 0;
    lutra_status st = check_feed(s, ids, n, 0, err);
    if (st != LUTRA_OK) return st;
    if (n == 0) return drop_from(s, 0, err);
    int same = 0;
    while (same < n - 1 && same < s->eval->kv.n && s->ids[same] == ids[same]) same++;
    if (same != s->eval->kv.n) s->has_logits = false;
    same = lutra_eval_rewind(s->eval, same);
    if (reused) *reused = same;
    s->stats.reused_tokens += (uint64_t)same;
    st = feed_batches(s, ids + same, n - same, err);
    atomic_store(&s->cancel, 0);
    return st;
}

lutra_status lutra_session_sync(lutra_session *s, const int32_t *ids, int n, int *reused, lutra_error *err)
{
    if (s == NULL) return bad(err, "lutra_session_sync: NULL argument");
    lutra_status st = lutra_session_enter(s, "lutra_session_sync", err);
    if (st != LUTRA_OK) return st;
    st = sync(s, ids, n, reused, err);
    lutra_session_leave(s);
    return st;
}

lutra_status lutra_session_stats(const lutra_session *s, lutra_stats *st)
{
    lutra_session *mine = (lutra_session *)s;
    if (s == NULL || st == NULL || st->size != sizeof *st) return LUTRA_EINVAL;
    bool outside = lutra_session_enter(mine, "", NULL) == LUTRA_OK;
    if (!outside && !lutra_session_is_mine(s)) return LUTRA_EBUSY;
    *st = s->stats;
    st->size = sizeof *st;
    st->kv_bytes = s->eval->kv_arena.cap;
    st->scratch_bytes = s->eval->arena.cap;
    st->n_threads = s->eval->n_threads;
    st->n_threads_batch = s->eval->n_threads_batch;
    if (outside) lutra_session_leave(mine);
    return LUTRA_OK;
}
