/* SPDX-License-Identifier: MIT */
/* Attention of several query heads that share keys and values. Included by vec_body.h.
 *
 * Where their spans overlap, V_TILE queries meet V_TILE positions (scores), then V_TILE times 16
 * dims of a position (values): keys and values are read and widened once for all, and the sums of a
 * tile stand in registers. Each score and each out[d] is computed as attend does it, positions
 * ascending: before the overlap, in it, after it. Floats need no widening: of fewer than V_ALONE of
 * them, which stay in a cache near by, each head alone is faster. */
#ifndef LUTRA_KERNELS_ATTN_MANY_BODY_H
#define LUTRA_KERNELS_ATTN_MANY_BODY_H

/* V_TILE queries of some heads, from `first` on; positions [lo, lo + n) are common to them. */
struct tile {
    const struct lutra_heads *h;
    int first, dk, dv, lo, n;
    float *scores[V_TILE]; /* from position lo on; those before it lie in front */
};

/* Positions [p0, p1) of one query: a span of their own. */
static struct lutra_span part_of(const struct lutra_span *kv, int p0, int p1)
{
    struct lutra_span s = *kv;
    s.first = p0;
    s.n = p1 - p0;
    return s;
}

LUTRA_LANES void tile_step(v16f s[V_TILE][V_TILE], const struct tile *t, size_t at, int i, int left,
                           bool f32)
{
    const struct lutra_span *kv = &t->h->kv[t->first];
    v16f k[V_TILE];
    for (int p = 0; p < V_TILE; p++)
        k[p] = kv_get(kv->k, at + (size_t)p * kv->stride + (size_t)i, left, f32);
    for (int j = 0; j < V_TILE; j++) {
        v16f q = v_get(t->h->q[t->first + j] + i, left);
        for (int p = 0; p < V_TILE; p++) s[j][p] = mul_add(s[j][p], q, k[p]);
    }
}

/* q.k of the positions lo + p and the next. */
LUTRA_LANES void tile_scores(const struct tile *t, int p, bool f32)
{
    const size_t at = (size_t)(t->lo + p) * t->h->kv[t->first].stride;
    v16f s[V_TILE][V_TILE];
    int i = 0;
    for (int j = 0; j < V_TILE; j++)
        for (int m = 0; m < V_TILE; m++) s[j][m] = v_set(0.0f);
    for (; i + 16 <= t->dk; i += 16) tile_step(s, t, at, i, 16, f32);
    if (i < t->dk) tile_step(s, t, at, i, t->dk - i, f32);
    if (V_TILE == 4) {
        for (int j = 0; j < V_TILE; j++)
            v_sum4(t->scores[j] + p, s[j][0], s[j][1], s[j][V_TILE - 2], s[j][V_TILE - 1]);
    } else {
        float sums[4];
        v_sum4(sums, s[0][0], s[0][1], s[1][0], s[1][1]);
        for (int j = 0; j < 4; j++) t->scores[j / 2][p + j % 2] = sums[j];
    }
}

LUTRA_LANES void typed_common_scores(const struct tile *t, bool f32)
{
    int p = 0;
    for (; p + V_TILE <= t->n; p += V_TILE) tile_scores(t, p, f32);
    for (int j = 0; j < V_TILE && p < t->n; j++) {
        const struct lutra_span rest = part_of(&t->h->kv[t->first + j], t->lo + p, t->lo + t->n);
        raw_scores(t->scores[j] + p, t->h->q[t->first + j], &rest, t->dk);
    }
}

/* out[d .. d + 16 V_TILE) of all queries += the common positions. */
LUTRA_LANES void typed_common_values(const struct tile *t, int d, bool f32)
{
    const struct lutra_span *kv = &t->h->kv[t->first];
    float *const *out = t->h->out + t->first;
    v16f s[V_TILE][V_TILE];
    size_t at = (size_t)t->lo * kv->stride + (size_t)d;
    for (int j = 0; j < V_TILE; j++)
        for (int m = 0; m < V_TILE; m++) s[j][m] = v_load(out[j] + d + 16 * m);
    for (int p = 0; p < t->n; p++, at += kv->stride) {
        v16f v[V_TILE];
        for (int m = 0; m < V_TILE; m++) v[m] = kv_load(kv->v, at + (size_t)(16 * m), f32);
        for (int j = 0; j < V_TILE; j++) {
            v16f w = v_set(t->scores[j][p]);
            for (int m = 0; m < V_TILE; m++) s[j][m] = mul_add(s[j][m], w, v[m]);
        }
    }
    for (int j = 0; j < V_TILE; j++)
        for (int m = 0; m < V_TILE; m++) v_store(out[j] + d + 16 * m, s[j][m]);
}

LUTRA_RARE void common_f16(const struct tile *t, int dims) /* scores, or values of [0, dims) */
{
    if (dims == 0) typed_common_scores(t, false);
    for (int d = 0; d < dims; d += 16 * V_TILE) typed_common_values(t, d, false);
}

LUTRA_RARE void common_f32(const struct tile *t, int dims)
{
    if (dims == 0) typed_common_scores(t, true);
    for (int d = 0; d < dims; d += 16 * V_TILE) typed_common_values(t, d, true);
}

/* Dims [d, dv) of query j += positions [p0, p1). */
static void part_values(const struct tile *t, int j, int d, int p0, int p1)
{
    const struct lutra_span part = part_of(&t->h->kv[t->first + j], p0, p1);
    add_values(t->h->out[t->first + j], t->scores[j] + (p0 - t->lo), &part, d, t->dv);
}

static void attend_tile(const struct tile *t, float scale)
{
    const struct lutra_span *kv = &t->h->kv[t->first];
    void (*common)(const struct tile *, int) = kv->f32 ? common_f32 : common_f16;
    const int hi = t->lo + t->n;
    const int whole = t->dv / (16 * V_TILE) * (16 * V_TILE); /* dims */
    common(t, 0);
    for (int j = 0; j < V_TILE; j++) {
        const struct lutra_span before = part_of(&kv[j], kv[j].first, t->lo);
        const struct lutra_span after = part_of(&kv[j], hi, kv[j].first + kv[j].n);
        float *scores = t->scores[j] - before.n;
        raw_scores(scores, t->h->q[t->first + j], &before, t->dk);
        raw_scores(t->scores[j] + t->n, t->h->q[t->first + j], &after, t->dk);
        scale_scores(scores, kv[j].n, scale, kv[j].cap);
        softmax_beside(scores, kv[j].n, kv[j].has_sink ? kv[j].sink : -INFINITY);
        for (int d = 0; d < t->dv; d++) t->h->out[t->first + j][d] = 0.0f;
        if (before.n > 0) part_values(t, j, 0, before.first, t->lo);
    }
    if (whole > 0) common(t, whole);
    for (int j = 0; j < V_TILE; j++) {
        const int end = kv[j].first + kv[j].n;
        if (whole < t->dv) part_values(t, j, whole, t->lo, hi);
        if (hi < end) part_values(t, j, 0, hi, end);
    }
}

static void attend_many(const struct lutra_heads *h, int dk, int dv, float scale, float *scores,
                        size_t score_stride)
{
    int i = 0;
    for (; i + V_TILE <= h->n; i += V_TILE) {
        const struct lutra_span *kv = h->kv + i;
        struct tile t = {.h = h, .first = i, .dk = dk, .dv = dv, .lo = kv->first};
        int hi = kv->first + kv->n;
        for (int j = 1; j < V_TILE; j++) {
            if (t.lo < kv[j].first) t.lo = kv[j].first;
            if (hi > kv[j].first + kv[j].n) hi = kv[j].first + kv[j].n;
        }
        if (t.lo >= hi) break; /* nothing in common */
        t.n = hi - t.lo;
        if (kv->f32 && (int64_t)t.n * dk < V_ALONE) break;
        for (int j = 0; j < V_TILE; j++)
            t.scores[j] = scores + (size_t)j * score_stride + (t.lo - kv[j].first);
        attend_tile(&t, scale);
    }
    for (; i < h->n; i++) attend(h->out[i], h->q[i], &h->kv[i], dk, dv, scale, scores);
}

#endif
