/* SPDX-License-Identifier: MIT */
/* The float vector operations of struct lutra_ops, written once over 16 virtual lanes.
 *
 * A file per instruction set includes its lanes header, then this one, and gets static functions
 * and `vec_fill`. Contracts are in ops.h. A tail shorter than 16 passes through a padded array of
 * 16 (v_get, v_put), so that it sees the very arithmetic of a full vector. */
#ifndef LUTRA_KERNELS_VEC_BODY_H
#define LUTRA_KERNELS_VEC_BODY_H

#include <float.h>
#include <math.h>
#include <string.h>

#include "kernels/ops.h"

/* ---- tails ---- */

LUTRA_RARE v16f load_part(const float *p, int n, float pad) /* n < 16 elements, then `pad` */
{
    float part[16];
    for (int i = 0; i < 16; i++) part[i] = i < n ? p[i] : pad;
    return v_load(part);
}

LUTRA_RARE void store_part(float *p, v16f a, int n)
{
    float part[16];
    v_store(part, a);
    for (int i = 0; i < n; i++) p[i] = part[i];
}

/* The next 16 elements, or the `left` that remain and zeros. */
LUTRA_LANES v16f v_get(const float *p, int left)
{
    return LUTRA_LIKELY(left >= 16) ? v_load(p) : load_part(p, left, 0.0f);
}

LUTRA_LANES void v_put(float *p, v16f a, int left)
{
    if (LUTRA_LIKELY(left >= 16)) {
        v_store(p, a);
    } else {
        store_part(p, a, left);
    }
}

LUTRA_RARE void halves_part(uint16_t *part, const uint16_t *p, int n) /* 16 halves, zeros after n */
{
    for (int i = 0; i < 16; i++) part[i] = i < n ? p[i] : 0;
}

LUTRA_LANES v16f v_get_f16(const uint16_t *p, int left)
{
    uint16_t part[16];
    if (!LUTRA_LIKELY(left >= 16)) {
        halves_part(part, p, left);
        p = part;
    }
    return v_load_f16(p);
}

LUTRA_LANES v16f v_get_bf16(const uint16_t *p, int left)
{
    uint16_t part[16];
    if (!LUTRA_LIKELY(left >= 16)) {
        halves_part(part, p, left);
        p = part;
    }
    return v_load_bf16(p);
}

#include "kernels/exp_body.h"

#include "kernels/attn_body.h"
#include "kernels/attn_many_body.h"
#include "kernels/fmul_body.h"

/* ---- reductions ---- */

static float dot(const float *a, const float *b, int n)
{
    v16f sum = v_set(0.0f);
    for (int i = 0; i < n; i += 16) {
        sum = v_add(sum, v_mul(v_get(a + i, n - i), v_get(b + i, n - i)));
    }
    return v_sum(sum);
}

static void rmsnorm(float *y, const float *x, const float *w, int n, float eps)
{
    v16f inv = v_set(1.0f / sqrtf(dot(x, x, n) / (float)n + eps));
    for (int i = 0; i < n; i += 16) {
        v16f t = v_mul(v_get(x + i, n - i), inv);
        if (w) t = v_mul(t, v_get(w + i, n - i));
        v_put(y + i, t, n - i);
    }
}

/* The mean goes first: squares of what is left do not cancel. */
static void layernorm(float *y, const float *x, const float *w, const float *b, int n, float eps)
{
    v16f sum = v_set(0.0f);
    for (int i = 0; i < n; i += 16) sum = v_add(sum, v_get(x + i, n - i));
    v16f mean = v_set(v_sum(sum) / (float)n);
    for (int i = 0; i < n; i += 16) v_put(y + i, v_sub(v_get(x + i, n - i), mean), n - i);
    v16f inv = v_set(1.0f / sqrtf(dot(y, y, n) / (float)n + eps));
    for (int i = 0; i < n; i += 16) {
        v16f t = v_mul(v_mul(v_get(y + i, n - i), inv), v_get(w + i, n - i));
        v_put(y + i, v_add(t, v_get(b + i, n - i)), n - i);
    }
}

/* ---- element by element ---- */

static void add(float *y, const float *x, int n)
{
    for (int i = 0; i < n; i += 16) {
        v_put(y + i, v_add(v_get(y + i, n - i), v_get(x + i, n - i)), n - i);
    }
}

static void mul(float *y, const float *x, int n)
{
    for (int i = 0; i < n; i += 16) {
        v_put(y + i, v_mul(v_get(y + i, n - i), v_get(x + i, n - i)), n - i);
    }
}

static void scale(float *y, float s, int n)
{
    for (int i = 0; i < n; i += 16) v_put(y + i, v_mul(v_get(y + i, n - i), v_set(s)), n - i);
}

static void silu_gate(float *y, const float *g, const float *u, int n) /* g / (1 + e^-g) * u */
{
    v16f one = v_set(1.0f);
    for (int i = 0; i < n; i += 16) {
        v16f x = v_get(g + i, n - i);
        v16f e = v_exp(v_sub(v_set(0.0f), x));
        v_put(y + i, v_mul(v_div(x, v_add(one, e)), v_get(u + i, n - i)), n - i);
    }
}

/* 0.5 x (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3))) * u, products from the left */
static void gelu_gate(float *y, const float *g, const float *u, int n)
{
    for (int i = 0; i < n; i += 16) {
        v16f x = v_get(g + i, n - i);
        v16f cube = v_mul(v_mul(v_mul(v_set(0.044715f), x), x), x);
        v16f t = v_tanh(v_mul(v_set(0.7978845608f), v_add(x, cube)));
        v16f gelu = v_mul(v_mul(v_set(0.5f), x), v_add(v_set(1.0f), t));
        v_put(y + i, v_mul(gelu, v_get(u + i, n - i)), n - i);
    }
}

static void relu2_gate(float *y, const float *g, const float *u, int n) /* NaN counts as 0 */
{
    for (int i = 0; i < n; i += 16) {
        v16f x = v_max(v_get(g + i, n - i), v_set(0.0f));
        v_put(y + i, v_mul(v_mul(x, x), v_get(u + i, n - i)), n - i);
    }
}

/* max(x, 0) - |x|/2 erfc(|x|/sqrt(2)); erfc(z) = t (a1 + t (a2 + ...)) e^(-z^2), t = 1 / (1 + p z): Abramowitz and
 * Stegun 7.1.26, |error| < 1.5e-7. */
static void gelu(float *y, const float *x, int n)
{
    static const float a[5] = {1.061405429f, -1.453152027f, 1.421413741f, -0.284496736f, 0.254829592f};
    v16f zero = v_set(0.0f), one = v_set(1.0f);
    for (int i = 0; i < n; i += 16) {
        v16f v = v_get(x + i, n - i);
        v16f size = v_max(v, v_sub(zero, v));
        v16f z = v_mul(size, v_set(0.70710678f));
        v16f t = v_div(one, v_add(one, v_mul(v_set(0.3275911f), z)));
        v16f p = v_set(a[0]);
        for (int k = 1; k < 5; k++) p = v_add(v_mul(p, t), v_set(a[k]));
        v16f tail = v_mul(v_mul(p, t), v_exp(v_sub(zero, v_mul(z, z))));
        v_put(y + i, v_sub(v_max(v, zero), v_mul(v_mul(v_set(0.5f), size), tail)), n - i);
    }
}

/* ---- rotary positions ---- */

/* x*c - y*s and x*s + y*c */
LUTRA_LANES void rotate(v16f *x, v16f *y, v16f c, v16f s)
{
    v16f rx = v_sub(v_mul(*x, c), v_mul(*y, s));
    *y = v_add(v_mul(*x, s), v_mul(*y, c));
    *x = rx;
}

LUTRA_RARE void rope_pairs_part(float *x, const float *cs, const float *sn,
                                int n) /* n < 16 pairs */
{
    float part[32] = {0};
    memcpy(part, x, (size_t)n * 2 * sizeof *x);
    v16f a, b;
    v_load_pairs(&a, &b, part);
    rotate(&a, &b, load_part(cs, n, 0.0f), load_part(sn, n, 0.0f));
    v_store_pairs(part, a, b);
    memcpy(x, part, (size_t)n * 2 * sizeof *x);
}

static void rope_pairs(float *x, const float *cs, const float *sn, int n_rot)
{
    int n = n_rot / 2, i = 0;
    for (; i + 16 <= n; i += 16) {
        v16f a, b;
        v_load_pairs(&a, &b, x + 2 * i);
        rotate(&a, &b, v_load(cs + i), v_load(sn + i));
        v_store_pairs(x + 2 * i, a, b);
    }
    if (i < n) rope_pairs_part(x + 2 * i, cs + i, sn + i, n - i);
}

static void rope_halves(float *x, const float *cs, const float *sn, int n_rot)
{
    int n = n_rot / 2;
    float *y = x + n;
    for (int i = 0; i < n; i += 16) {
        v16f a = v_get(x + i, n - i), b = v_get(y + i, n - i);
        rotate(&a, &b, v_get(cs + i, n - i), v_get(sn + i, n - i));
        v_put(x + i, a, n - i);
        v_put(y + i, b, n - i);
    }
}

/* ---- half precision ---- */

static void f32_to_f16(uint16_t *dst, const float *src, int n)
{
    int i = 0;
    for (; i + 16 <= n; i += 16) v_store_f16(dst + i, v_load(src + i));
    if (i < n) {
        uint16_t part[16];
        v_store_f16(part, load_part(src + i, n - i, 0.0f));
        memcpy(dst + i, part, (size_t)(n - i) * sizeof *dst);
    }
}

static void f16_to_f32(float *dst, const uint16_t *src, int n)
{
    for (int i = 0; i < n; i += 16) v_put(dst + i, v_get_f16(src + i, n - i), n - i);
}

/* ---- activation codes ---- */

/* Largest |x|. Magnitudes are compared as integers, where NaN is above infinity: one NaN makes the
 * result NaN, so a broken vector cannot pass for a sound one. */
static float max_abs(const float *x, int n)
{
    v16i max = vi_set(0);
    for (int i = 0; i < n; i += 16) {
        max = vi_max(max, vi_and(v_bits(v_get(x + i, n - i)), vi_set(0x7fffffff)));
    }
    int32_t bits = vi_max_lane(max);
    float f;
    memcpy(&f, &bits, sizeof f);
    return f;
}

/* Nearest integer, ties to even, for |x| < 2^22: adding 1.5 * 2^23 leaves it in the low mantissa
 * bits. */
LUTRA_LANES v16i v_round(v16f x)
{
    v16f magic = v_set(12582912.0f);
    return vi_sub(v_bits(v_add(x, magic)), v_bits(magic));
}

static float sum_abs(const float *x, int n)
{
    v16f sum = v_set(0.0f);
    for (int i = 0; i < n; i += 16)
        sum = v_add(sum, v_from_bits(vi_and(v_bits(v_get(x + i, n - i)), vi_set(0x7fffffff))));
    return v_sum(sum);
}

/* What code 1 stands for. The largest magnitude must fit code_max; with codes of two bytes it is
 * more, so that nearly all of the others fit one. */
static float code_step(const float *x, int n, int code_max)
{
    float max = max_abs(x, n), s = max / (float)code_max;
    if (n < LUTRA_NEAR_COLS || code_max <= LUTRA_CODE_MAX_INT8 || !(s > 0.0f && s <= FLT_MAX))
        return s;
    float near = LUTRA_NEAR * (sum_abs(x, n) / (float)n);
    near = (near < max ? near : max) / LUTRA_CODE_MAX_INT8;
    return near > s ? near : s;
}

/* NaN, and an infinity (inf * 0 is NaN), become -code_max: v_max gives its second operand. The
 * scale that is returned is then not finite either, and so are the sums it multiplies. */
static float quantize(int16_t *codes, int32_t *sums, const float *x, int n, int n_pad, int code_max)
{
    float s = code_step(x, n, code_max);
    int i = 0;
    if (s < 1e-37f) {
        s = 0.0f;
    } else {
        v16f inv = v_set(s <= FLT_MAX ? 1.0f / s : 0.0f);
        v16f hi = v_set((float)code_max), lo = v_set(-(float)code_max);
        for (; i < n; i += 16) {
            v16f t = v_mul(v_get(x + i, n - i), inv);
            v16i c = v_round(v_min(v_max(t, lo), hi));
            vi_store_i16(codes + i, c);
            sums[i / 16] = vi_sum(c);
        }
    }
    if (i < n_pad) {
        memset(codes + i, 0, (size_t)(n_pad - i) * sizeof *codes);
        memset(sums + i / 16, 0, (size_t)(n_pad - i) / 16 * sizeof *sums);
    }
    return s;
}

static void vec_fill(struct lutra_ops *ops)
{
    ops->quantize = quantize;
    ops->float_mul = float_mul;
    ops->dot = dot;
    ops->rmsnorm = rmsnorm;
    ops->layernorm = layernorm;
    ops->gelu = gelu;
    ops->add = add;
    ops->mul = mul;
    ops->scale = scale;
    ops->silu_gate = silu_gate;
    ops->gelu_gate = gelu_gate;
    ops->relu2_gate = relu2_gate;
    ops->softmax = softmax;
    ops->rope_pairs = rope_pairs;
    ops->rope_halves = rope_halves;
    ops->f32_to_f16 = f32_to_f16;
    ops->f16_to_f32 = f16_to_f32;
    ops->attend = attend;
    ops->attend_many = attend_many;
}

#endif
