/* SPDX-License-Identifier: MIT */
/* Reading a saved session (session_file.h). Everything is read into memory of its own and checked; only then does it
 * change places with what the session held. */
#include "runtime/session_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* One system call reads at most this much: below every limit of any kernel. */
#define READ_CHUNK ((size_t)1 << 30)

struct reader {
    int fd;
    uint64_t file_bytes, at;
    struct lutra_hash64 sum;
    char shown[200]; /* the path, escaped */
    lutra_error *err;
};

/* What a file holds, checked, before it becomes the session's. */
struct found {
    struct lutra_ses_session what;
    struct lutra_past past;
    int32_t *ids;
    float *last;
    struct lutra_sampler *sampler;
    struct lutra_sampler_params params;
};

static lutra_status damaged(struct reader *r, const char *what)
{
    return lutra_fail(r->err, LUTRA_EFORMAT, "%s: damaged at byte %llu: %s; save it again", r->shown,
                      (unsigned long long)r->at, what);
}

static lutra_status open_file(struct reader *r, const char *path)
{
    struct stat st;
    lutra_escape(r->shown, sizeof r->shown, path, strlen(path));
    do {
        r->fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY); /* a pipe must not make us wait */
    } while (r->fd < 0 && errno == EINTR);
    if (r->fd < 0 || fstat(r->fd, &st) != 0)
        return lutra_fail(r->err, LUTRA_EIO, "%s: cannot open: %s", r->shown, strerror(errno));
    if (!S_ISREG(st.st_mode)) return lutra_fail(r->err, LUTRA_EIO, "%s: is not a regular file", r->shown);
    r->file_bytes = (uint64_t)st.st_size;
    return LUTRA_OK;
}

static lutra_status get(struct reader *r, void *dst, size_t n)
{
    uint8_t *p = dst;
    size_t left = n;
    while (left > 0) {
        ssize_t got = read(r->fd, p, left < READ_CHUNK ? left : READ_CHUNK);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return lutra_fail(r->err, LUTRA_EIO, "%s: cannot read: %s", r->shown, strerror(errno));
        if (got == 0) return damaged(r, "the file ends here");
        p += got;
        left -= (size_t)got;
        r->at += (uint64_t)got;
    }
    lutra_hash64_add(&r->sum, dst, n);
    return LUTRA_OK;
}

static void begin(struct reader *r, enum lutra_ses_section section)
{
    lutra_hash64_begin(&r->sum, section);
}

static lutra_status end(struct reader *r)
{
    uint64_t want, sum = lutra_hash64_end(&r->sum);
    lutra_status st = get(r, &want, sizeof want);
    return st == LUTRA_OK && want != sum ? damaged(r, "the checksum is wrong") : st;
}

static lutra_status get_section(struct reader *r, enum lutra_ses_section section, void *dst, size_t n)
{
    begin(r, section);
    lutra_status st = get(r, dst, n);
    return st == LUTRA_OK ? end(r) : st;
}

/* ---- is it one of ours, of this model, and does it fit? ---- */

static lutra_status get_header(struct reader *r, struct lutra_ses_header *h)
{
    static const char magic[8] = {'L', 'U', 'T', 'R', 'A', 'S', 'E', 'S'};
    if (r->file_bytes < sizeof *h) return damaged(r, "too short for a saved session");
    lutra_status st = get(r, h, sizeof *h);
    if (st != LUTRA_OK) return st;
    if (memcmp(h->magic, magic, sizeof magic) != 0)
        return lutra_fail(r->err, LUTRA_EFORMAT, "%s: not a saved session of Lutra", r->shown);
    if (h->version != LUTRA_SES_VERSION)
        return lutra_fail(r->err, LUTRA_EUNSUPPORTED, "%s: format %u, and this Lutra reads format %d: save it again with this one",
                          r->shown, (unsigned)h->version, LUTRA_SES_VERSION);
    if (h->n_sections != LUTRA_SES_N || h->sum != lutra_ses_header_sum(h)) return damaged(r, "the checksum is wrong");
    return LUTRA_OK;
}

/* A name from the file, for a message. */
static const char *show(char *dst, size_t cap, const char *field, size_t size)
{
    return lutra_escape(dst, cap, field, strnlen(field, size));
}

static lutra_status check_model(struct reader *r, const lutra_session *s)
{
    struct lutra_ses_model file, own;
    char name[100], type[40], arch[40];
    lutra_status st = get_section(r, LUTRA_SES_MODEL, &file, sizeof file);
    if (st != LUTRA_OK) return st;
    lutra_ses_model_of(&own, s);
    bool same = memcmp(file.arch, own.arch, sizeof own.arch) == 0 && file.vocab == own.vocab && file.weights == own.weights &&
                file.n_vocab == own.n_vocab && file.n_embd == own.n_embd && file.n_layer == own.n_layer;
    if (!same)
        return lutra_fail(r->err, LUTRA_EUNSUPPORTED, "%s: belongs to another model: \"%s\" (%s, %s), and this is \"%s\" (%s, %s)",
                          r->shown, show(name, sizeof name, file.name, sizeof file.name),
                          show(arch, sizeof arch, file.arch, sizeof file.arch),
                          show(type, sizeof type, file.type, sizeof file.type), own.name, own.arch, own.type);
    if (file.f32 != own.f32)
        return lutra_fail(r->err, LUTRA_EUNSUPPORTED, "%s: saved at precision %s; open the model with the same", r->shown,
                          file.f32 ? "high" : "default");
    if (file.decoded != own.decoded)
        return lutra_fail(r->err, LUTRA_EUNSUPPORTED, "%s: saved with%s kernels deq, which compute in another way", r->shown,
                          file.decoded ? "" : "out");
    if (file.long_ctx != own.long_ctx)
        return lutra_fail(r->err, LUTRA_EUNSUPPORTED, "%s: saved in a %s context, for which this model rotates otherwise", r->shown,
                          file.long_ctx ? "longer" : "shorter");
    return LUTRA_OK;
}

static lutra_status get_what(struct reader *r, const lutra_session *s, struct lutra_ses_session *what)
{
    enum { KNOWN = LUTRA_SES_LOGITS | LUTRA_SES_WHOLE | LUTRA_SES_GREEDY | LUTRA_SES_SAMPLES | LUTRA_SES_BANS_ENDS };
    const struct lutra_state *state = &s->eval->state;
    lutra_status st = get_section(r, LUTRA_SES_SESSION, what, sizeof *what);
    if (st != LUTRA_OK) return st;
    if (what->n_tokens > (uint32_t)s->eval->kv.n_ctx)
        return lutra_fail(r->err, LUTRA_EFULL, "%s: holds %u tokens, and this context has room for %d; open it with -c %u",
                          r->shown, (unsigned)what->n_tokens, s->eval->kv.n_ctx, (unsigned)what->n_ctx);
    if ((what->flags & ~(uint32_t)KNOWN) || ((what->flags & LUTRA_SES_LOGITS) && what->n_tokens == 0))
        return damaged(r, "flags that cannot be");
    if (what->n_copies > (state->floats > 0 ? (uint32_t)state->n_saved : 0)) return damaged(r, "too many copies of state");
    return LUTRA_OK;
}

static lutra_status check_sizes(struct reader *r, const lutra_session *s, const struct lutra_ses_header *h,
                                const struct lutra_ses_session *what)
{
    uint64_t want[LUTRA_SES_N], sum = sizeof *h;
    if (!lutra_ses_sizes(want, s, what)) return damaged(r, "sizes overflow");
    for (int i = 0; i < LUTRA_SES_N; i++) {
        if (want[i] != h->bytes[i]) return damaged(r, "a section's size does not fit the others");
        if (!lutra_add_ok(&sum, sum, want[i]) || !lutra_add_ok(&sum, sum, sizeof(uint64_t)))
            return damaged(r, "sizes overflow");
    }
    if (sum == r->file_bytes) return LUTRA_OK;
    return lutra_fail(r->err, LUTRA_EFORMAT, "%s: damaged: %llu bytes, and its header tells of %llu; save it again", r->shown,
                      (unsigned long long)r->file_bytes, (unsigned long long)sum);
}

/* ---- the sections that cost memory ---- */

static lutra_status get_ids(struct reader *r, struct found *f, const lutra_session *s)
{
    size_t n = f->what.n_tokens;
    int n_vocab = s->model->net->config.n_vocab;
    f->ids = malloc((n + 1) * sizeof *f->ids);
    if (f->ids == NULL) return lutra_fail(r->err, LUTRA_ENOMEM, "%s: no memory for its tokens", r->shown);
    lutra_status st = get_section(r, LUTRA_SES_IDS, f->ids, n * sizeof *f->ids);
    for (size_t i = 0; i < n && st == LUTRA_OK; i++)
        if (f->ids[i] < 0 || f->ids[i] >= n_vocab) st = damaged(r, "a token that the model does not have");
    return st;
}

static lutra_status get_kv(struct reader *r, struct found *f)
{
    lutra_status st = LUTRA_OK;
    begin(r, LUTRA_SES_KV);
    for (int i = 0; i < 2 * f->past.kv.config->n_layer && st == LUTRA_OK; i++) {
        uint8_t *p = NULL;
        size_t n = lutra_kv_rows(&f->past.kv, i, (int)f->what.n_tokens, &p);
        st = get(r, p, n);
    }
    return st == LUTRA_OK ? end(r) : st;
}

static lutra_status get_places(struct reader *r, struct found *f)
{
    struct lutra_state *state = &f->past.state;
    int32_t head[2 + LUTRA_SAVED_MOST];
    uint32_t copies = 0;
    lutra_status st = get(r, head, (2 + (size_t)state->n_saved) * sizeof *head);
    if (st != LUTRA_OK) return st;
    if (head[0] != state->n_saved || head[1] < 0 || head[1] >= state->n_saved) return damaged(r, "copies of state that cannot be");
    state->turn = head[1];
    for (int i = 0; i < state->n_saved; i++) {
        int32_t at = head[2 + i];
        if (at == 0 || at < -1 || at > (int32_t)f->what.n_tokens) return damaged(r, "a copy of state at no position");
        state->saved_at[i] = at;
        copies += at > 0;
    }
    return copies == f->what.n_copies ? LUTRA_OK : damaged(r, "copies of state that are not there");
}

static lutra_status get_state(struct reader *r, struct found *f)
{
    struct lutra_state *state = &f->past.state;
    size_t bytes = state->floats * sizeof(float);
    lutra_status st = LUTRA_OK;
    begin(r, LUTRA_SES_STATE);
    if (state->floats > 0) {
        st = get_places(r, f);
        if (st == LUTRA_OK) st = get(r, state->now, bytes);
        for (int i = 0; i < state->n_saved && st == LUTRA_OK; i++)
            if (state->saved_at[i] > 0) st = get(r, state->saved + (size_t)i * state->floats, bytes);
    }
    return st == LUTRA_OK ? end(r) : st;
}

static lutra_status get_last(struct reader *r, struct found *f, size_t bytes)
{
    f->last = malloc(bytes + 1);
    if (f->last == NULL) return lutra_fail(r->err, LUTRA_ENOMEM, "%s: no memory for its last token", r->shown);
    return get_section(r, LUTRA_SES_LAST, f->last, bytes);
}

static lutra_status get_sampler(struct reader *r, struct found *f, const lutra_session *s)
{
    struct lutra_ses_sampler p;
    struct lutra_sampler_params *to = &f->params;
    bool there = f->what.flags & LUTRA_SES_SAMPLES;
    lutra_status st = get_section(r, LUTRA_SES_SAMPLER, &p, there ? sizeof p : 0);
    memset(to, 0, sizeof *to); /* padding too: generate.c compares */
    if (st != LUTRA_OK || !there) return st;
    to->temp = p.temp;
    to->top_k = p.top_k;
    to->top_p = p.top_p;
    to->min_p = p.min_p;
    to->repeat_penalty = p.repeat_penalty;
    to->repeat_last_n = p.repeat_last_n;
    to->presence_penalty = p.presence_penalty;
    to->frequency_penalty = p.frequency_penalty;
    to->seed = p.seed;
    st = lutra_session_sampler(&f->sampler, s, to, f->what.flags & LUTRA_SES_BANS_ENDS, r->err);
    if (st == LUTRA_OK) lutra_sampler_set_rng(f->sampler, p.rng);
    return st;
}

static lutra_status get_all(struct reader *r, struct found *f, const lutra_session *s)
{
    struct lutra_ses_header h;
    lutra_status st;
    if ((st = get_header(r, &h))) return st;
    if ((st = check_model(r, s))) return st;
    if ((st = get_what(r, s, &f->what))) return st;
    if ((st = check_sizes(r, s, &h, &f->what))) return st;
    if ((st = get_ids(r, f, s))) return st;
    if ((st = lutra_past_open(&f->past, s->eval, r->err))) return st;
    if ((st = get_kv(r, f))) return st;
    if ((st = get_state(r, f))) return st;
    if ((st = get_last(r, f, (size_t)h.bytes[LUTRA_SES_LAST]))) return st;
    return get_sampler(r, f, s);
}

/* ---- the point of no return: nothing below can fail ---- */

static void take_over(lutra_session *s, struct found *f)
{
    struct lutra_eval *e = s->eval;
    lutra_past_swap(&f->past, e);
    e->kv.n = (int)f->what.n_tokens;
    memcpy(s->ids, f->ids, (size_t)f->what.n_tokens * sizeof *s->ids);
    lutra_sampler_free(s->sampler);
    s->sampler = f->sampler;
    f->sampler = NULL;
    s->sampler_params = f->params;
    s->sampler_bans_ends = f->what.flags & LUTRA_SES_BANS_ENDS;
    s->has_logits = f->what.flags & LUTRA_SES_LOGITS;
    e->greedy = f->what.flags & LUTRA_SES_GREEDY;
    if (!s->has_logits) return;
    memcpy(e->last, f->last, (size_t)e->net->config.n_embd * sizeof *e->last);
    lutra_eval_relogit(e, f->what.flags & LUTRA_SES_WHOLE);
}

lutra_status lutra_session_restore(lutra_session *s, const char *path, lutra_error *err)
{
    if (s == NULL || path == NULL) return lutra_fail(err, LUTRA_EINVAL, "lutra_session_restore: NULL argument");
    lutra_status st = lutra_session_check_decoder(s, err);
    if (st == LUTRA_OK) st = lutra_session_enter(s, "lutra_session_restore", err);
    if (st != LUTRA_OK) return st;
    struct reader r = {.fd = -1, .err = err};
    struct found f;
    memset(&f, 0, sizeof f);
    st = open_file(&r, path);
    if (st == LUTRA_OK) st = get_all(&r, &f, s);
    if (st == LUTRA_OK) take_over(s, &f);
    if (r.fd >= 0) close(r.fd);
    lutra_past_close(&f.past);
    lutra_sampler_free(f.sampler);
    free(f.ids);
    free(f.last);
    lutra_session_leave(s);
    return st;
}
