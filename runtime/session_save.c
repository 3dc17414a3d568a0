/* SPDX-License-Identifier: MIT */
/* Writing a session to a file: session_file.h draws it. Memory goes out as it lies there, nothing is copied. */
#include "models/safe_out.h"
#include "runtime/session_file.h"

#include <string.h>

static const char magic[8] = {'L', 'U', 'T', 'R', 'A', 'S', 'E', 'S'};

void lutra_ses_model_of(struct lutra_ses_model *m, const lutra_session *s)
{
    const struct lutra_net *net = s->model->net;
    memset(m, 0, sizeof *m);
    lutra_format(m->arch, sizeof m->arch, "%s", net->config.arch);
    lutra_format(m->type, sizeof m->type, "%s", net->type_name);
    lutra_format(m->name, sizeof m->name, "%s", s->model->name);
    m->vocab = s->model->print.vocab;
    m->weights = s->model->print.weights;
    m->n_vocab = (uint32_t)net->config.n_vocab;
    m->n_embd = (uint32_t)net->config.n_embd;
    m->n_layer = (uint32_t)net->config.n_layer;
    m->f32 = s->eval->kv.f32;
    m->decoded = s->eval->engine.mode == LUTRA_MODE_DEQ;
    bool two = memcmp(net->freq, net->freq_long, (size_t)net->config.n_rot / 2 * sizeof *net->freq) != 0;
    m->long_ctx = two && s->eval->freq == net->freq_long;
}

/* Of the token rows of all layers; each term is far below 2^63, their sum is checked. */
static bool kv_bytes(uint64_t *sum, const lutra_session *s, int n)
{
    *sum = 0;
    uint8_t *p;
    for (int i = 0; i < 2 * s->model->net->config.n_layer; i++)
        if (!lutra_add_ok(sum, *sum, lutra_kv_rows(&s->eval->kv, i, n, &p))) return false;
    return true;
}

bool lutra_ses_sizes(uint64_t bytes[LUTRA_SES_N], const lutra_session *s, const struct lutra_ses_session *what)
{
    const struct lutra_state *state = &s->eval->state;
    uint64_t one = (uint64_t)state->floats * sizeof(float), floats = 0;
    bool recurrent = state->floats > 0;
    bool ok = kv_bytes(&bytes[LUTRA_SES_KV], s, (int)what->n_tokens);
    ok = ok && lutra_mul_ok(&floats, one, 1 + (uint64_t)what->n_copies);
    bytes[LUTRA_SES_MODEL] = sizeof(struct lutra_ses_model);
    bytes[LUTRA_SES_SESSION] = sizeof(struct lutra_ses_session);
    bytes[LUTRA_SES_IDS] = (uint64_t)what->n_tokens * sizeof(int32_t);
    bytes[LUTRA_SES_STATE] = 0;
    if (recurrent) ok = ok && lutra_add_ok(&bytes[LUTRA_SES_STATE], floats, (2 + (uint64_t)state->n_saved) * sizeof(int32_t));
    bytes[LUTRA_SES_LAST] = what->flags & LUTRA_SES_LOGITS ? (uint64_t)s->model->net->config.n_embd * sizeof(float) : 0;
    bytes[LUTRA_SES_SAMPLER] = what->flags & LUTRA_SES_SAMPLES ? sizeof(struct lutra_ses_sampler) : 0;
    return ok;
}

/* A file under way: bytes, and the checksum of the section they belong to. */
struct writer {
    struct lutra_safe_out out;
    struct lutra_hash64 sum;
    lutra_status st; /* the first error stays */
    lutra_error *err;
};

static void begin(struct writer *w, enum lutra_ses_section section)
{
    lutra_hash64_begin(&w->sum, section);
}

static void put(struct writer *w, const void *p, size_t n)
{
    if (w->st != LUTRA_OK) return;
    lutra_hash64_add(&w->sum, p, n);
    w->st = lutra_safe_out_write(&w->out, p, n, w->err);
}

static void end(struct writer *w)
{
    uint64_t sum = lutra_hash64_end(&w->sum);
    if (w->st == LUTRA_OK) w->st = lutra_safe_out_write(&w->out, &sum, sizeof sum, w->err);
}

static void put_section(struct writer *w, enum lutra_ses_section section, const void *p, size_t n)
{
    begin(w, section);
    put(w, p, n);
    end(w);
}

static void put_kv(struct writer *w, const lutra_session *s)
{
    begin(w, LUTRA_SES_KV);
    for (int i = 0; i < 2 * s->model->net->config.n_layer; i++) {
        uint8_t *p = NULL;
        size_t n = lutra_kv_rows(&s->eval->kv, i, s->eval->kv.n, &p);
        put(w, p, n);
    }
    end(w);
}

static void put_state(struct writer *w, const struct lutra_state *state)
{
    size_t bytes = state->floats * sizeof(float);
    int32_t head[2 + LUTRA_SAVED_MOST] = {state->n_saved, state->turn};
    begin(w, LUTRA_SES_STATE);
    if (state->floats > 0) {
        for (int i = 0; i < state->n_saved; i++) head[2 + i] = state->saved_at[i];
        put(w, head, (2 + (size_t)state->n_saved) * sizeof *head);
        put(w, state->now, bytes);
        for (int i = 0; i < state->n_saved; i++)
            if (state->saved_at[i] >= 0) put(w, state->saved + (size_t)i * state->floats, bytes);
    }
    end(w);
}

static void put_sampler(struct writer *w, const lutra_session *s)
{
    begin(w, LUTRA_SES_SAMPLER);
    if (s->sampler) {
        const struct lutra_sampler_params *p = &s->sampler_params;
        struct lutra_ses_sampler f = {p->temp, p->top_p, p->min_p, p->repeat_penalty, p->presence_penalty,
                                      p->frequency_penalty, p->top_k, p->repeat_last_n, p->seed, {0}};
        lutra_sampler_rng(s->sampler, f.rng);
        put(w, &f, sizeof f);
    }
    end(w);
}

static void describe(struct lutra_ses_session *what, const lutra_session *s)
{
    const struct lutra_state *state = &s->eval->state;
    uint32_t f = 0;
    if (s->has_logits) f |= LUTRA_SES_LOGITS | (s->eval->whole ? LUTRA_SES_WHOLE : 0u);
    if (s->eval->greedy) f |= LUTRA_SES_GREEDY;
    if (s->sampler) f |= LUTRA_SES_SAMPLES | (s->sampler_bans_ends ? LUTRA_SES_BANS_ENDS : 0u);
    *what = (struct lutra_ses_session){(uint32_t)s->eval->kv.n, (uint32_t)s->eval->kv.n_ctx, f, 0};
    for (int i = 0; state->floats > 0 && i < state->n_saved; i++) what->n_copies += state->saved_at[i] >= 0;
}

static lutra_status save(lutra_session *s, const char *path, lutra_error *err)
{
    struct lutra_ses_header h = {.version = LUTRA_SES_VERSION, .n_sections = LUTRA_SES_N};
    struct lutra_ses_model model;
    struct lutra_ses_session what;
    struct writer w = {.err = err};
    describe(&what, s);
    lutra_ses_model_of(&model, s);
    memcpy(h.magic, magic, sizeof magic);
    if (!lutra_ses_sizes(h.bytes, s, &what)) return lutra_fail(err, LUTRA_ENOMEM, "sizes overflow");
    h.sum = lutra_ses_header_sum(&h);
    /* a conversation is its owner's */
    lutra_status st = lutra_safe_out_open(&w.out, path, 0600, err);
    if (st != LUTRA_OK) return st;
    w.st = lutra_safe_out_write(&w.out, &h, sizeof h, err);
    put_section(&w, LUTRA_SES_MODEL, &model, sizeof model);
    put_section(&w, LUTRA_SES_SESSION, &what, sizeof what);
    put_section(&w, LUTRA_SES_IDS, s->ids, (size_t)what.n_tokens * sizeof *s->ids);
    put_kv(&w, s);
    put_state(&w, &s->eval->state);
    put_section(&w, LUTRA_SES_LAST, s->eval->last, (size_t)h.bytes[LUTRA_SES_LAST]);
    put_sampler(&w, s);
    return lutra_safe_out_close(&w.out, w.st, err);
}

lutra_status lutra_session_save(lutra_session *s, const char *path, lutra_error *err)
{
    if (s == NULL || path == NULL) return lutra_fail(err, LUTRA_EINVAL, "lutra_session_save: NULL argument");
    lutra_status st = lutra_session_check_decoder(s, err);
    if (st == LUTRA_OK) st = lutra_session_enter(s, "lutra_session_save", err);
    if (st != LUTRA_OK) return st;
    st = save(s, path, err);
    lutra_session_leave(s);
    return st;
}
