/* SPDX-License-Identifier: MIT */
/* The token loop: choose, emit, evaluate, until a stop rule applies. Nothing here allocates per token. */
#include "runtime/session.h"
#include "runtime/sized.h"

#include <stdlib.h>
#include <string.h>

enum {
    STOP_STRINGS_MAX = 64,
    STOP_LENGTH_MAX = 1024, /* bytes of one stop string: what is held back from the stream at most */
    PIECE_MAX = 64 << 10    /* longest token text the tokenizers accept */
};

/* Text on its way out. `pending` holds what could still become a stop string. */
struct stream {
    const lutra_generate_options *opt;
    struct lutra_utf8 utf8;
    char *raw;      /* [PIECE_MAX] bytes of one token */
    char *pending;  /* [STOP_LENGTH_MAX + 3 * (PIECE_MAX + 4)] */
    size_t n_pending;
    bool caller_stops;
};

void lutra_sampling_default(lutra_sampling *p)
{
    if (p == NULL) return;
    *p = (lutra_sampling){.size = sizeof *p,
                          .temp = 0.8f,
                          .top_p = 0.95f,
                          .min_p = 0.05f,
                          .repeat_penalty = 1.0f,
                          .top_k = 40,
                          .repeat_last_n = 64};
}

static lutra_status read_options(lutra_generate_options *o, lutra_sampling *sampling, const lutra_generate_options *opt,
                                 lutra_error *err)
{
    static const size_t older[] = {offsetof(lutra_generate_options, grammar), 0}, older_sampling[] = {0};
    lutra_status st = lutra_sized_in(o, sizeof *o, opt, older, "lutra_generate_options", err);
    if (st != LUTRA_OK || o->sampling == NULL) return st;
    st = lutra_sized_in(sampling, sizeof *sampling, o->sampling, older_sampling, "lutra_sampling", err);
    o->sampling = sampling;
    return st;
}

static lutra_status check(const lutra_session *s, const lutra_generate_options *o, lutra_error *err)
{
    lutra_status st = lutra_session_check_decoder(s, err);
    if (st != LUTRA_OK) return st;
    if (o->grammar != NULL)
        return lutra_fail(err, LUTRA_EUNSUPPORTED, "lutra_generate: no grammars yet; grammar must be NULL");
    if (!s->has_logits) return lutra_fail(err, LUTRA_EINVAL, "lutra_generate: feed at least one token first");
    if (o->n_stop < 0 || o->n_stop > STOP_STRINGS_MAX || (o->n_stop > 0 && o->stop == NULL))
        return lutra_fail(err, LUTRA_EINVAL, "at most %d stop strings", STOP_STRINGS_MAX);
    for (int i = 0; i < o->n_stop; i++)
        if (o->stop[i] == NULL || strlen(o->stop[i]) > STOP_LENGTH_MAX)
            return lutra_fail(err, LUTRA_EINVAL, "stop string %d is longer than %d bytes", i, STOP_LENGTH_MAX);
    return LUTRA_OK;
}

/* ---- sampler ---- */

static lutra_status ban_ends(const lutra_session *s, struct lutra_sampler *sampler, lutra_error *err)
{
    int n_vocab = s->model->net->config.n_vocab, n = 0;
    int32_t *ends = malloc((size_t)n_vocab * sizeof *ends);
    if (ends == NULL) return lutra_fail(err, LUTRA_ENOMEM, "no memory for the sampler");
    for (int32_t id = 0; id < n_vocab; id++)
        if (lutra_tokenizer_is_end(s->model->tok, id)) ends[n++] = id;
    lutra_sampler_ban(sampler, ends, n);
    free(ends);
    return LUTRA_OK;
}

lutra_status lutra_session_sampler(struct lutra_sampler **out, const lutra_session *s,
                                   const struct lutra_sampler_params *p, bool bans_ends, lutra_error *err)
{
    lutra_status st = lutra_sampler_open(out, s->model->net->config.n_vocab, s->eval->kv.n_ctx, p, err);
    if (st != LUTRA_OK || !bans_ends || (st = ban_ends(s, *out, err)) == LUTRA_OK) return st;
    lutra_sampler_free(*out);
    *out = NULL;
    return st;
}

/* The greatest logit is chosen, whatever the others are. */
static bool is_greedy(const struct lutra_sampler_params *p)
{
    bool window = p->repeat_last_n != 0;
    return p->temp <= 0 && !(window && (p->repeat_penalty != 1 || p->presence_penalty != 0 || p->frequency_penalty != 0));
}

static int32_t greatest(const lutra_session *s)
{
    const float *l = s->eval->logits;
    int32_t best = 0;
    for (int32_t i = 1; i < s->model->net->config.n_vocab; i++)
        if (l[i] > l[best]) best = i;
    return best;
}

/* All logits exact where a shortlist is not enough: the next best is wanted too if the best is banned. */
static void complete(lutra_session *s)
{
    if (s->eval->whole) return;
    if (!s->eval->greedy || (s->sampler_bans_ends && lutra_tokenizer_is_end(s->model->tok, greatest(s))))
        lutra_eval_complete(s->eval);
}

/* The same parameters as in the last call continue its random sequence; others start a new one. The window of the
 * penalties always is what the session holds. */
static lutra_status prepare_sampler(lutra_session *s, const lutra_generate_options *o, lutra_error *err)
{
    const lutra_sampling *g = o->sampling ? o->sampling : &s->model->sampling;
    struct lutra_sampler_params p;
    memset(&p, 0, sizeof p); /* padding too: compared below */
    p.temp = g->temp;
    p.top_k = g->top_k;
    p.top_p = g->top_p;
    p.min_p = g->min_p;
    p.repeat_penalty = g->repeat_penalty;
    p.repeat_last_n = g->repeat_last_n;
    p.presence_penalty = g->presence_penalty;
    p.frequency_penalty = g->frequency_penalty;
    p.seed = g->seed;
    bool same = s->sampler && memcmp(&p, &s->sampler_params, sizeof p) == 0 && s->sampler_bans_ends == (o->ignore_end != 0);
    if (!same) {
        struct lutra_sampler *fresh;
        lutra_status st = lutra_session_sampler(&fresh, s, &p, o->ignore_end != 0, err);
        if (st != LUTRA_OK) return st;
        lutra_sampler_free(s->sampler);
        s->sampler = fresh;
        s->sampler_params = p;
        s->sampler_bans_ends = o->ignore_end != 0;
    }
    if (o->restart) {
        lutra_status st = lutra_sampler_reset(s->sampler, &p, err);
        if (st != LUTRA_OK) return st;
    }
    s->eval->greedy = is_greedy(&p);
    lutra_sampler_forget(s->sampler);
    for (int i = 0; i < s->eval->kv.n; i++) lutra_sampler_accept(s->sampler, s->ids[i]);
    return LUTRA_OK;
}

/* ---- text ---- */

static void emit(struct stream *t, size_t n)
{
    if (n == 0) return;
    if (t->opt->on_text && t->opt->on_text(t->opt->user, t->pending, n) != 0) t->caller_stops = true;
    memmove(t->pending, t->pending + n, t->n_pending - n);
    t->n_pending -= n;
}

/* Position of the earliest stop string in pending; n_pending if there is none. */
static size_t find_stop(const struct stream *t)
{
    size_t best = t->n_pending;
    for (int i = 0; i < t->opt->n_stop; i++) {
        size_t len = strlen(t->opt->stop[i]);
        for (size_t at = 0; len > 0 && at + len <= t->n_pending && at < best; at++)
            if (memcmp(t->pending + at, t->opt->stop[i], len) == 0) best = at;
    }
    return best;
}

/* Bytes at the end of pending that begin some stop string: they must wait. */
static size_t held_back(const struct stream *t)
{
    size_t most = 0;
    for (int i = 0; i < t->opt->n_stop; i++) {
        size_t len = strlen(t->opt->stop[i]);
        for (size_t n = len < t->n_pending ? len : t->n_pending; n > most; n--)
            if (memcmp(t->pending + t->n_pending - n, t->opt->stop[i], n) == 0) most = n;
    }
    return most;
}

/* Text of one more token; true if a stop string appeared. */
static bool push(struct stream *t, size_t n_raw)
{
    t->n_pending += lutra_utf8_feed(&t->utf8, t->raw, n_raw, t->pending + t->n_pending);
    size_t at = find_stop(t);
    if (at < t->n_pending) {
        t->n_pending = at;
        emit(t, at);
        return true;
    }
    emit(t, t->n_pending - held_back(t));
    return false;
}

static void flush(struct stream *t)
{
    t->n_pending += lutra_utf8_flush(&t->utf8, t->pending + t->n_pending);
    emit(t, t->n_pending);
}

/* ---- loop ---- */

/* Choosing among NaNs would give noise that looks like an answer. By exponent bits, so that it vectorizes. */
static lutra_status check_logits(const lutra_session *s, lutra_error *err)
{
    int n = s->model->net->config.n_vocab;
    uint32_t bad = 0;
    for (int i = 0; i < n; i++) {
        uint32_t bits;
        memcpy(&bits, &s->eval->logits[i], sizeof bits);
        bad |= (uint32_t)((bits & 0x7f800000u) == 0x7f800000u);
    }
    if (!bad) return LUTRA_OK;
    return lutra_fail(err, LUTRA_ENUMERIC,
                      "the model produced non-finite numbers after %d tokens: its weights are damaged or overflow; "
                      "take another file of this model", s->eval->kv.n);
}

/* One token: chosen, shown, evaluated. Sets *why when the answer is over. */
static lutra_status step(lutra_session *s, struct stream *t, int made, lutra_stop *why, lutra_error *err)
{
    int32_t id;
    complete(s);
    lutra_status st = check_logits(s, err);
    if (st == LUTRA_OK) st = lutra_sampler_pick(s->sampler, s->eval->logits, s->model->net->config.n_vocab, &id, err);
    if (st != LUTRA_OK) return st;
    bool asked = t->opt->on_token && t->opt->on_token(t->opt->user, id) != 0;
    if (lutra_tokenizer_is_end(s->model->tok, id) && !t->opt->ignore_end) {
        *why = LUTRA_STOP_END;
        return LUTRA_OK;
    }
    if (push(t, lutra_tokenizer_piece(s->model->tok, id, false, false, t->raw, PIECE_MAX))) *why = LUTRA_STOP_STRING;
    if (t->caller_stops || asked) *why = LUTRA_STOP_CALLER;
    s->stats.generated_tokens++;
    if (s->eval->kv.n == s->eval->kv.n_ctx) {
        if (*why == 0) *why = LUTRA_STOP_FULL;
        return LUTRA_OK;
    }
    lutra_sampler_accept(s->sampler, id);
    if (*why == 0 && t->opt->n_predict > 0 && made + 1 >= t->opt->n_predict) *why = LUTRA_STOP_LENGTH;
    s->eval->cancel = NULL; /* what was said is also held, whoever cancels meanwhile: the loop sees it after this token */
    st = lutra_session_eval(s, &id, 1, err);
    s->eval->cancel = &s->cancel;
    return st;
}

static lutra_status generate(lutra_session *s, const lutra_generate_options *opt, lutra_stop *stop, lutra_error *err)
{
    lutra_status st = check(s, opt, err);
    if (st != LUTRA_OK) return st;
    if ((st = prepare_sampler(s, opt, err))) return st;
    struct stream t = {.opt = opt, .raw = s->text, .pending = s->text + PIECE_MAX};
    lutra_stop why = 0;
    double start = lutra_clock();
    for (int made = 0; why == 0 && st == LUTRA_OK; made++) {
        if (atomic_load(&s->cancel)) why = LUTRA_STOP_CALLER;
        else st = step(s, &t, made, &why, err);
    }
    if (why != LUTRA_STOP_STRING && !t.caller_stops) flush(&t);
    atomic_store(&s->cancel, 0);
    s->stats.generated_seconds += lutra_clock() - start;
    if (stop) *stop = why;
    return st;
}

lutra_status lutra_generate(lutra_session *s, const lutra_generate_options *opt, lutra_stop *stop, lutra_error *err)
{
    lutra_generate_options o;
    lutra_sampling sampling;
    if (s == NULL || opt == NULL) return lutra_fail(err, LUTRA_EINVAL, "lutra_generate: NULL argument");
    lutra_status st = read_options(&o, &sampling, opt, err);
    if (st == LUTRA_OK) st = lutra_session_enter(s, "lutra_generate", err);
    if (st != LUTRA_OK) return st;
    st = generate(s, &o, stop, err);
    lutra_session_leave(s);
    return st;
}
