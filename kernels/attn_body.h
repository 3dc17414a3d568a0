/* SPDX-License-Identifier: MIT */
/* Softmax and the attention of one query head over 16 virtual lanes. Included by vec_body.h.
 *
 * Scores come four positions at a time: four chains of additions hide each other's latency, and
 * the four lane trees fold together. Then v rows are added up in slices of 64 dims, positions
 * ascending; each out[d] has one chain, acc = acc + p * v, so the slicing does not show. */
#ifndef LUTRA_KERNELS_ATTN_BODY_H
#define LUTRA_KERNELS_ATTN_BODY_H

/* Never writes a NaN: scores of NaN get probability 0, and if no score is above -infinity (or one
 * is +infinity) all are 0. A sink of -infinity takes nothing: e^-inf is 0, and x + 0 is x. */
LUTRA_RARE void softmax_beside(float *x, int n, float sink)
{
    v16f max = v_max(v_set(sink), v_set(-FLT_MAX));
    for (int i = 0; i < n; i += 16) {
        int left = n - i;
        max = v_max(left >= 16 ? v_load(x + i) : load_part(x + i, left, -FLT_MAX), max);
    }
    max = v_set(v_max_lane(max));
    v16f sum = v_set(0.0f);
    for (int i = 0; i < n; i += 16) {
        int left = n - i;
        v16f t = left >= 16 ? v_load(x + i) : load_part(x + i, left, -INFINITY);
        t = v_exp(v_sub(t, max)); /* 0 in the padding */
        v_put(x + i, t, left);
        sum = v_add(sum, t);
    }
    float share[16];
    v_store(share, v_exp(v_sub(v_set(sink), max)));
    float total = v_sum(sum) + share[0];
    v16f inv = v_set(total > 0.0f ? 1.0f / total : 0.0f);
    for (int i = 0; i < n; i += 16) v_put(x + i, v_mul(v_get(x + i, n - i), inv), n - i);
}

static void softmax(float *x, int n)
{
    softmax_beside(x, n, -INFINITY);
}

/* Element `at` of keys or values, 16 of them or `left`. `f32` is a constant where time is spent:
 * what reads keys is a function for halves and one for floats, not a part of its callers. */
LUTRA_LANES v16f kv_get(const void *base, size_t at, int left, bool f32)
{
    return f32 ? v_get((const float *)base + at, left)
               : v_get_f16((const uint16_t *)base + at, left);
}

LUTRA_LANES v16f kv_load(const void *base, size_t at, bool f32)
{
    return f32 ? v_load((const float *)base + at) : v_load_f16((const uint16_t *)base + at);
}

LUTRA_LANES v16f mul_add(v16f sum, v16f a, v16f b) /* two roundings */
{
    return v_add(sum, v_mul(a, b));
}

LUTRA_RARE v16f kv_part(const struct lutra_span *kv, size_t at, int left) /* of the keys */
{
    return kv_get(kv->k, at, left, kv->f32);
}

/* The last dims of score4, fewer than 16, and its end: of either type, and no part of the loop. */
LUTRA_RARE void score4_rest(float *out, const v16f sum[4], const float *q,
                            const struct lutra_span *kv, size_t at, int left)
{
    v16f s[4], qi = load_part(q, left, 0.0f);
    for (int j = 0; j < 4; j++, at += kv->stride)
        s[j] = mul_add(sum[j], qi, kv_part(kv, at, left));
    v_sum4(out, s[0], s[1], s[2], s[3]);
}

/* q.k of the positions at k0, k0 + stride, ... of four */
LUTRA_LANES void score4(float *out, const float *q, const struct lutra_span *kv, size_t k0, int dk,
                        bool f32)
{
    size_t k1 = k0 + kv->stride, k2 = k1 + kv->stride, k3 = k2 + kv->stride;
    v16f s0 = v_set(0.0f), s1 = s0, s2 = s0, s3 = s0;
    int i = 0;
    for (; i + 16 <= dk; i += 16) {
        v16f qi = v_load(q + i);
        s0 = mul_add(s0, qi, kv_load(kv->k, k0 + (size_t)i, f32));
        s1 = mul_add(s1, qi, kv_load(kv->k, k1 + (size_t)i, f32));
        s2 = mul_add(s2, qi, kv_load(kv->k, k2 + (size_t)i, f32));
        s3 = mul_add(s3, qi, kv_load(kv->k, k3 + (size_t)i, f32));
    }
    if (i == dk) {
        v_sum4(out, s0, s1, s2, s3);
    } else {
        const v16f sum[4] = {s0, s1, s2, s3};
        score4_rest(out, sum, q + i, kv, k0 + (size_t)i, dk - i);
    }
}

/* One of the last positions, three at most: of either type. */
LUTRA_RARE float score1(const float *q, const struct lutra_span *kv, size_t k0, int dk)
{
    v16f s = v_set(0.0f);
    for (int i = 0; i < dk; i += 16)
        s = mul_add(s, v_get(q + i, dk - i), kv_get(kv->k, k0 + (size_t)i, dk - i, kv->f32));
    return v_sum(s);
}

/* Neither scaled nor capped. */
LUTRA_LANES void typed_scores(float *scores, const float *q, const struct lutra_span *kv, int dk,
                              bool f32)
{
    size_t at = (size_t)kv->first * kv->stride;
    int p = 0;
    for (; p + 4 <= kv->n; p += 4, at += 4 * kv->stride) score4(scores + p, q, kv, at, dk, f32);
    for (; p < kv->n; p++, at += kv->stride) scores[p] = score1(q, kv, at, dk);
}

LUTRA_RARE void scores_f16(float *scores, const float *q, const struct lutra_span *kv, int dk)
{
    typed_scores(scores, q, kv, dk, false);
}

LUTRA_RARE void scores_f32(float *scores, const float *q, const struct lutra_span *kv, int dk)
{
    typed_scores(scores, q, kv, dk, true);
}

static void raw_scores(float *scores, const float *q, const struct lutra_span *kv, int dk)
{
    (kv->f32 ? scores_f32 : scores_f16)(scores, q, kv, dk);
}

LUTRA_RARE void scale_scores(float *scores, int n, float scale, float cap)
{
    for (int p = 0; p < n; p += 16) {
        v16f s = v_mul(v_get(scores + p, n - p), v_set(scale));
        if (cap > 0.0f) /* a NaN, whose sign differs between machines, becomes 0 */
            s = v_if_at_least(s, v_set(-INFINITY),
                              v_mul(v_tanh(v_div(s, v_set(cap))), v_set(cap)));
        v_put(scores + p, s, n - p);
    }
}

/* out[0..63] += sum over positions of prob * v[d..d+63] */
LUTRA_LANES void values64(float *out, const float *prob, const struct lutra_span *kv, int d,
                          bool f32)
{
    v16f s0 = v_load(out), s1 = v_load(out + 16), s2 = v_load(out + 32), s3 = v_load(out + 48);
    size_t at = (size_t)kv->first * kv->stride + (size_t)d;
    for (int p = 0; p < kv->n; p++, at += kv->stride) {
        v16f w = v_set(prob[p]);
        s0 = mul_add(s0, w, kv_load(kv->v, at, f32));
        s1 = mul_add(s1, w, kv_load(kv->v, at + 16, f32));
        s2 = mul_add(s2, w, kv_load(kv->v, at + 32, f32));
        s3 = mul_add(s3, w, kv_load(kv->v, at + 48, f32));
    }
    v_store(out, s0);
    v_store(out + 16, s1);
    v_store(out + 32, s2);
    v_store(out + 48, s3);
}

LUTRA_LANES void values16(float *out, const float *prob, const struct lutra_span *kv, int d,
                          int left, bool f32)
{
    v16f s = v_get(out, left);
    size_t at = (size_t)kv->first * kv->stride + (size_t)d;
    for (int p = 0; p < kv->n; p++, at += kv->stride) {
        s = mul_add(s, v_set(prob[p]), kv_get(kv->v, at, left, f32));
    }
    v_put(out, s, left);
}

LUTRA_LANES void typed_values(float *out, const float *prob, const struct lutra_span *kv, int d,
                              int dv, bool f32)
{
    for (; d + 64 <= dv; d += 64) values64(out + d, prob, kv, d, f32);
    for (; d < dv; d += 16) values16(out + d, prob, kv, d, dv - d, f32);
}

LUTRA_RARE void values_f16(float *out, const float *prob, const struct lutra_span *kv, int d, int dv)
{
    typed_values(out, prob, kv, d, dv, false);
}

LUTRA_RARE void values_f32(float *out, const float *prob, const struct lutra_span *kv, int d, int dv)
{
    typed_values(out, prob, kv, d, dv, true);
}

/* Dims [d, dv) of out += the positions of a span. */
static void add_values(float *out, const float *prob, const struct lutra_span *kv, int d, int dv)
{
    (kv->f32 ? values_f32 : values_f16)(out, prob, kv, d, dv);
}

static void attend(float *out, const float *q, const struct lutra_span *kv, int dk, int dv,
                   float scale, float *scores)
{
    raw_scores(scores, q, kv, dk);
    scale_scores(scores, kv->n, scale, kv->cap);
    softmax_beside(scores, kv->n, kv->has_sink ? kv->sink : -INFINITY);
    for (int d = 0; d < dv; d++) out[d] = 0.0f;
    add_values(out, scores, kv, 0, dv);
}

#endif
