/* SPDX-License-Identifier: MIT */
/* From logits to one id. All memory is one block, taken when the sampler is opened.
 *
 * The filters keep the best candidates, so each of them is a cut in one sorted list; their order
 * (penalties, top_k, top_p, min_p, temperature) decides only what the probabilities of top_p are
 * relative to: to the top_k, or to the whole vocabulary if that is off. So with top_k off min_p
 * goes first, as a bound on the logits, and only what passes it is ever put in order. */
#include "runtime/sampler.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "kernels/lmath.h"

struct candidate {
    float logit; /* later on the weight of the draw */
    int32_t id;
};

enum {
    /* top_p without top_k: logits are sorted into slices by how far they lie below the best; e^-32
     * of the last slice is nothing, and 16 to the unit leave few candidates in one */
    SLICES_PER_UNIT = 16,
    N_SLICES = 32 * SLICES_PER_UNIT,
    MANY = 4096 /* candidates from which on float weights are good enough */
};

struct lutra_sampler {
    struct lutra_sampler_params p;
    int n_vocab, n_ctx;
    uint64_t rng[4];
    int32_t *window; /* the last accepted ids, a ring of window_cap */
    int window_cap, n_window, window_at;
    int32_t *count; /* of each id in the window */
    float *logit;   /* after penalties and bans */
    struct candidate *cand;
    uint64_t *banned; /* one bit per id */
    bool any_banned;
};

/* ---- the generator: xoshiro256**, seeded by splitmix64 (Blackman and Vigna, public domain) -- */

static uint64_t splitmix(uint64_t *x)
{
    uint64_t z = *x += 0x9e3779b97f4a7c15u;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

static uint64_t rotate(uint64_t x, int k)
{
    return x << k | x >> (64 - k);
}

/* Uniform in [0, 1), 53 bits. */
static double draw(uint64_t s[4])
{
    uint64_t r = rotate(s[1] * 5, 7) * 9, t = s[1] << 17;
    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= t;
    s[3] = rotate(s[3], 45);
    return (double)(r >> 11) * 0x1p-53;
}

/* ---- life ---------------------------------------------------------------------------------- */

static lutra_status check_params(const struct lutra_sampler_params *p, lutra_error *err)
{
    const struct {
        const char *name;
        float v;
    } floats[] = {{"temp", p->temp},
                  {"top_p", p->top_p},
                  {"min_p", p->min_p},
                  {"repeat_penalty", p->repeat_penalty},
                  {"presence_penalty", p->presence_penalty},
                  {"frequency_penalty", p->frequency_penalty}};
    for (size_t i = 0; i < sizeof floats / sizeof *floats; i++)
        if (!isfinite(floats[i].v))
            return lutra_fail(err, LUTRA_EINVAL, "sampler: %s is not a finite number",
                              floats[i].name);
    if (p->repeat_penalty <= 0)
        return lutra_fail(err, LUTRA_EINVAL, "sampler: repeat_penalty must be above 0 (1 is off)");
    if (p->repeat_last_n < -1)
        return lutra_fail(err, LUTRA_EINVAL, "sampler: repeat_last_n must be -1, 0 or more");
    return LUTRA_OK;
}

enum { N_PARTS = 5 };

/* Bytes of the parts of the block: cand, banned, window, count, logit. */
static size_t plan_parts(int n_vocab, int n_ctx, size_t part[N_PARTS])
{
    size_t v = (size_t)n_vocab, total = lutra_round_up(sizeof(struct lutra_sampler), LUTRA_ALIGN);
    part[0] = v * sizeof(struct candidate);
    part[1] = (v + 63) / 64 * sizeof(uint64_t);
    part[2] = (size_t)n_ctx * sizeof(int32_t);
    part[3] = v * sizeof(int32_t);
    part[4] = v * sizeof(float);
    for (int i = 0; i < N_PARTS; i++) {
        part[i] = lutra_round_up(part[i], LUTRA_ALIGN);
        total += part[i];
    }
    return total;
}

size_t lutra_sampler_bytes(int n_vocab, int n_ctx)
{
    size_t part[N_PARTS];
    return n_vocab > 0 && n_ctx > 0 ? plan_parts(n_vocab, n_ctx, part) : 0;
}

lutra_status lutra_sampler_open(struct lutra_sampler **out, int n_vocab, int n_ctx,
                                const struct lutra_sampler_params *p, lutra_error *err)
{
    size_t part[N_PARTS];
    if (!out || !p) return lutra_fail(err, LUTRA_EINVAL, "lutra_sampler_open: no parameters");
    *out = NULL;
    if (n_vocab <= 0 || n_ctx <= 0)
        return lutra_fail(err, LUTRA_EINVAL, "lutra_sampler_open: %d ids, %d positions", n_vocab,
                          n_ctx);
    lutra_status st = check_params(p, err);
    if (st != LUTRA_OK) return st;
    char *block = calloc(1, plan_parts(n_vocab, n_ctx, part));
    if (!block) return lutra_fail(err, LUTRA_ENOMEM, "no memory for a sampler of %d ids", n_vocab);
    struct lutra_sampler *s = (struct lutra_sampler *)block;
    char *at = block + lutra_round_up(sizeof *s, LUTRA_ALIGN);
    s->n_vocab = n_vocab;
    s->n_ctx = n_ctx;
    s->cand = (struct candidate *)at;
    s->banned = (uint64_t *)(at += part[0]);
    s->window = (int32_t *)(at += part[1]);
    s->count = (int32_t *)(at += part[2]);
    s->logit = (float *)(at + part[3]);
    *out = s;
    return lutra_sampler_reset(s, p, err);
}

void lutra_sampler_rng(const struct lutra_sampler *s, uint64_t rng[4])
{
    memcpy(rng, s->rng, sizeof s->rng);
}

void lutra_sampler_set_rng(struct lutra_sampler *s, const uint64_t rng[4])
{
    memcpy(s->rng, rng, sizeof s->rng);
}

void lutra_sampler_free(struct lutra_sampler *s)
{
    free(s);
}

lutra_status lutra_sampler_reset(struct lutra_sampler *s, const struct lutra_sampler_params *p,
                                 lutra_error *err)
{
    if (!s || !p) return lutra_fail(err, LUTRA_EINVAL, "lutra_sampler_reset: no parameters");
    lutra_status st = check_params(p, err);
    if (st != LUTRA_OK) return st;
    lutra_sampler_forget(s);
    s->p = *p;
    s->window_cap =
        p->repeat_last_n < 0 || p->repeat_last_n > s->n_ctx ? s->n_ctx : p->repeat_last_n;
    uint64_t x = p->seed;
    for (int i = 0; i < 4; i++) s->rng[i] = splitmix(&x);
    return LUTRA_OK;
}

void lutra_sampler_accept(struct lutra_sampler *s, int32_t id)
{
    if (id < 0 || id >= s->n_vocab || s->window_cap == 0) return;
    if (s->n_window == s->window_cap)
        s->count[s->window[s->window_at]]--;
    else
        s->n_window++;
    s->window[s->window_at] = id;
    s->window_at = (s->window_at + 1) % s->window_cap;
    s->count[id]++;
}

void lutra_sampler_forget(struct lutra_sampler *s)
{
    /* a ring that is not full begins at 0, and a full one is all of it */
    for (int i = 0; i < s->n_window; i++) s->count[s->window[i]] = 0;
    s->n_window = s->window_at = 0;
}

void lutra_sampler_ban(struct lutra_sampler *s, const int32_t *ids, int n)
{
    for (int i = 0; i < n; i++) {
        if (ids[i] < 0 || ids[i] >= s->n_vocab) continue;
        s->banned[ids[i] / 64] |= UINT64_C(1) << ids[i] % 64;
        s->any_banned = true;
    }
}

/* ---- penalties ----------------------------------------------------------------------------- */

static float penalize(const struct lutra_sampler_params *p, float logit, int32_t count)
{
    logit = logit > 0 ? logit / p->repeat_penalty : logit * p->repeat_penalty;
    return logit - ((float)count * p->frequency_penalty + p->presence_penalty);
}

static void apply_penalties(struct lutra_sampler *s, int n)
{
    /* once per id: those done have their count negated until all are */
    for (int i = 0; i < s->n_window; i++) {
        int32_t id = s->window[i];
        if (s->count[id] <= 0 || id >= n) continue;
        s->logit[id] = penalize(&s->p, s->logit[id], s->count[id]);
        s->count[id] = -s->count[id];
    }
    for (int i = 0; i < s->n_window; i++) {
        int32_t id = s->window[i];
        if (s->count[id] < 0) s->count[id] = -s->count[id];
    }
}

static void apply_bans(struct lutra_sampler *s, int n)
{
    for (int w = 0; w < (s->n_vocab + 63) / 64; w++)
        for (int b = 0; s->banned[w] && b < 64 && w * 64 + b < n; b++)
            if (s->banned[w] >> b & 1) s->logit[w * 64 + b] = -INFINITY;
}

/* The logits to choose from: the caller's own where nothing changes them. */
static const float *adjust(struct lutra_sampler *s, const float *logits, int n)
{
    const struct lutra_sampler_params *p = &s->p;
    bool penalties = s->n_window > 0 && (p->repeat_penalty != 1 || p->presence_penalty != 0 ||
                                         p->frequency_penalty != 0);
    if (!penalties && !s->any_banned) return logits;
    memcpy(s->logit, logits, (size_t)n * sizeof *logits);
    if (penalties) apply_penalties(s, n);
    if (s->any_banned) apply_bans(s, n);
    return s->logit;
}

/* ---- order --------------------------------------------------------------------------------- */

static bool is_worse(struct candidate a, struct candidate b)
{
    return a.logit < b.logit || (a.logit == b.logit && a.id > b.id);
}

/* Heaps with the worst (or, for `best`, the best) candidate at 0. */
static void sift_down(struct candidate *h, int n, int at, bool best)
{
    struct candidate c = h[at];
    for (int kid; (kid = 2 * at + 1) < n; at = kid) {
        if (kid + 1 < n && is_worse(h[kid + 1], h[kid]) != best) kid++;
        if (is_worse(h[kid], c) == best) break;
        h[at] = h[kid];
    }
    h[at] = c;
}

static void make_heap(struct candidate *h, int n, bool best)
{
    for (int i = n / 2 - 1; i >= 0; i--) sift_down(h, n, i, best);
}

/* From a heap with the worst on top to a list with the best in front. */
static void sort_heap(struct candidate *h, int n)
{
    for (; n > 1; n--) {
        struct candidate worst = h[0];
        h[0] = h[n - 1];
        sift_down(h, n - 1, 0, false);
        h[n - 1] = worst;
    }
}

static bool is_number(float x)
{
    return x >= -FLT_MAX && x <= FLT_MAX;
}

/* The first of the greatest, -1 if no logit is finite. */
static int32_t argmax(const float *logit, int n)
{
    int32_t best = -1;
    float max = -INFINITY;
    for (int i = 0; i < n; i++)
        if (logit[i] > max && logit[i] <= FLT_MAX) max = logit[best = i];
    return best;
}

/* The k best, best first. The heap's worst is the bar that all others must pass; few do. */
static int take_top_k(struct candidate *c, const float *logit, int n, int k)
{
    int kept = 0, i = 0;
    for (; i < n && kept < k; i++)
        if (is_number(logit[i])) c[kept++] = (struct candidate){logit[i], i};
    make_heap(c, kept, false);
    for (; i < n; i++) {
        if (!(logit[i] > c[0].logit) || logit[i] > FLT_MAX)
            continue; /* of equals the first stays */
        c[0] = (struct candidate){logit[i], i};
        sift_down(c, kept, 0, false);
    }
    sort_heap(c, kept);
    return kept;
}

static int take_above(struct candidate *c, const float *logit, int n, float bound)
{
    int kept = 0;
    for (int i = 0; i < n; i++)
        if (logit[i] >= bound && is_number(logit[i])) c[kept++] = (struct candidate){logit[i], i};
    return kept;
}

/* ---- cuts ---------------------------------------------------------------------------------- */

static float min_p_bound(const struct lutra_sampler *s, float max)
{
    if (s->p.min_p <= 0) return -INFINITY;
    float bound = max + (float)lutra_log(s->p.min_p);
    return bound < max ? bound : max; /* the best one always stays */
}

/* How many of the sorted candidates reach top_p of their own total. */
static int cut_top_p(const struct lutra_sampler *s, const struct candidate *c, int n)
{
    double total = 0, sum = 0;
    int kept = 0;
    if (s->p.top_p >= 1) return n;
    for (int i = 0; i < n; i++) total += lutra_exp((double)c[i].logit - c[0].logit);
    do sum += lutra_exp((double)c[kept++].logit - c[0].logit);
    while (kept < n && sum < s->p.top_p * total);
    return kept;
}

static int cut_min_p(const struct lutra_sampler *s, const struct candidate *c, int n)
{
    float bound = min_p_bound(s, c[0].logit);
    while (n > 1 && c[n - 1].logit < bound) n--;
    return n;
}

/* Which slice of the distance to the best logit a candidate lies in. */
static int slice_of(float below)
{
    float i = below * SLICES_PER_UNIT;
    return i < N_SLICES - 1 ? (int)i : N_SLICES - 1;
}

/* The slice in which the running sum, best first, reaches the goal; *sum is that of those before.
 */
static int find_slice(const struct lutra_sampler *s, const float *logit, int n, float max,
                      double *sum, double *goal)
{
    double mass[N_SLICES] = {0}, total = 0;
    for (int i = 0; i < n; i++)
        if (is_number(logit[i])) mass[slice_of(max - logit[i])] += lutra_expf(logit[i] - max);
    for (int i = 0; i < N_SLICES; i++) total += mass[i];
    *goal = s->p.top_p * total;
    *sum = 0;
    int at = 0;
    while (at < N_SLICES - 1 && *sum + mass[at] < *goal) *sum += mass[at++];
    return at;
}

/* Take the best off the heap h of n until `sum` reaches the goal; they gather at its end. */
static int take_until(struct candidate *h, int n, float max, double sum, double goal)
{
    int left = n;
    make_heap(h, n, true);
    while (left > 0) {
        struct candidate best = h[0];
        h[0] = h[--left];
        sift_down(h, left, 0, true);
        h[left] = best;
        if ((sum += lutra_expf(best.logit - max)) >= goal) break;
    }
    return n - left;
}

/* top_p over the whole vocabulary. What lies in better slices than the one where top_p is reached
 * is in, what lies in worse ones is out; only that slice, kept at the end, has to be put in order.
 */
static int take_top_p(struct lutra_sampler *s, const float *logit, int n, float max)
{
    double sum, goal;
    float bound = min_p_bound(s, max);
    int slice = find_slice(s, logit, n, max, &sum, &goal), kept = 0, end = n;
    for (int i = 0; i < n; i++) {
        if (!(logit[i] >= bound) || !is_number(logit[i])) continue;
        int at = slice_of(max - logit[i]);
        if (at <= slice) s->cand[at < slice ? kept++ : --end] = (struct candidate){logit[i], i};
    }
    int more = take_until(s->cand + end, n - end, max, sum, goal);
    memmove(s->cand + kept, s->cand + n - more, (size_t)more * sizeof *s->cand);
    return kept + more;
}

/* The weights of thousands need no double precision: each is drawn rarely. */
static float weight(double x, bool many)
{
    return many ? lutra_expf((float)x) : (float)lutra_exp(x);
}

static int32_t draw_one(struct lutra_sampler *s, int n, float max)
{
    struct candidate *c = s->cand;
    double total = 0, sum = 0;
    for (int i = 0; i < n; i++) {
        c[i].logit = weight(((double)c[i].logit - max) / s->p.temp, n > MANY);
        total += c[i].logit;
    }
    double goal = draw(s->rng) * total;
    int32_t last = c[0].id;
    for (int i = 0; i < n; i++) {
        if (c[i].logit <= 0) continue;
        last = c[i].id;
        if ((sum += c[i].logit) > goal) break;
    }
    return last;
}

lutra_status lutra_sampler_pick(struct lutra_sampler *s, const float *logits, int n, int32_t *id,
                                lutra_error *err)
{
    if (!s || !logits || !id || n <= 0 || n > s->n_vocab)
        return lutra_fail(err, LUTRA_EINVAL, "lutra_sampler_pick: %d logits", n);
    const float *logit = adjust(s, logits, n);
    bool greedy = s->p.temp <= 0, top_k = s->p.top_k > 0 && s->p.top_k < n;
    int32_t best = greedy || !top_k ? argmax(logit, n) : 0;
    int kept = !greedy && top_k ? take_top_k(s->cand, logit, n, s->p.top_k) : best >= 0;
    *id = 0;
    if (kept == 0) return lutra_fail(err, LUTRA_ENUMERIC, "no logit is a finite number");
    if (greedy) {
        *id = best;
        return LUTRA_OK;
    }
    float max = top_k ? s->cand[0].logit : logit[best];
    if (top_k)
        kept = cut_min_p(s, s->cand, cut_top_p(s, s->cand, kept));
    else if (s->p.top_p < 1)
        kept = take_top_p(s, logit, n, max);
    else
        kept = take_above(s->cand, logit, n, min_p_bound(s, max));
    *id = draw_one(s, kept, max);
    return LUTRA_OK;
}
