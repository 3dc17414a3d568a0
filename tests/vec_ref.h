/* SPDX-License-Identifier: MIT */
/* The float vector operations once more, naively and in double, with the error each may have.
 *
 * Errors are derived from U, the unit roundoff of float: a sum over 16 lanes rounds each term once
 * as a product, once per block of 16 and four times in the tree. */
#ifndef LUTRA_TESTS_VEC_REF_H
#define LUTRA_TESTS_VEC_REF_H

#include <math.h>

#include "kernels/ops.h"

#define U 5.9604644775390625e-8 /* 2^-24 */
#define TINY 1.5e-45            /* one denormal */
#define EXP_ERROR 1.5e-7        /* relative, as lmath.h promises */
#define TANH_ERROR 1.5e-7       /* absolute, as lmath.h promises */

/* Inputs of every operation: n elements each, ended by a guard page. */
struct input {
    const float *a, *b, *c;
    const uint16_t *h;
    int n;
};

static inline double sum_error(int n) /* relative to the sum of magnitudes */
{
    return ((n + 15) / 16 + 5) * U;
}

static inline void ref_dot(double *y, double *tol, const struct input *in)
{
    double sum = 0, mag = 0;
    for (int i = 0; i < in->n; i++) {
        sum += (double)in->a[i] * in->b[i];
        mag += fabs((double)in->a[i] * in->b[i]);
    }
    y[0] = sum;
    tol[0] = mag * sum_error(in->n) + in->n * TINY;
}

static inline void rms(double *y, double *tol, const struct input *in, bool weighted)
{
    double sum = 0;
    for (int i = 0; i < in->n; i++) sum += (double)in->a[i] * in->a[i];
    double inv = 1 / sqrt(sum / in->n + (double)1e-6f);
    for (int i = 0; i < in->n; i++) {
        y[i] = in->a[i] * inv * (weighted ? in->b[i] : 1.0);
        tol[i] = fabs(y[i]) * (sum_error(in->n) / 2 + 6 * U) + TINY;
    }
}

static inline void ref_rmsnorm(double *y, double *tol, const struct input *in)
{
    rms(y, tol, in, true);
}

static inline void ref_rmsnorm_plain(double *y, double *tol, const struct input *in)
{
    rms(y, tol, in, false);
}

/* off: how far the mean, and a difference from it, may be off. That moves each element, and the variance by off^2. */
static inline void ref_layernorm(double *y, double *tol, const struct input *in)
{
    double mean = 0, mag = 0, most = 0, square = 0;
    for (int i = 0; i < in->n; i++) {
        mean += (double)in->a[i] / in->n;
        mag += fabs((double)in->a[i]) / in->n;
        most = fmax(most, fabs((double)in->a[i]));
    }
    for (int i = 0; i < in->n; i++) square += (in->a[i] - mean) * (in->a[i] - mean);
    double inv = 1 / sqrt(square / in->n + (double)1e-6f), off = mag * (sum_error(in->n) + 2 * U) + 2 * most * U;
    for (int i = 0; i < in->n; i++) {
        double d = in->a[i] - mean, w = fabs(inv * in->b[i]);
        y[i] = d * inv * in->b[i] + in->c[i];
        tol[i] = w * off + fabs(d) * w * (sum_error(in->n) / 2 + 6 * U + fmin(1, off * off * inv * inv)) +
                 (fabs(y[i]) + fabs((double)in->c[i])) * 2 * U + TINY;
    }
}

/* 1.5e-7 is the polynomial's error, the rest that of its terms, which alternate. */
static inline void ref_gelu_alone(double *y, double *tol, const struct input *in)
{
    for (int i = 0; i < in->n; i++) {
        double x = in->a[i];
        y[i] = 0.5 * x * erfc(-x / sqrt(2));
        tol[i] = fabs(0.5 * x) * (1.5e-7 + 10 * U) + fabs(y[i]) * 2 * U + TINY;
    }
}

static inline void ref_add(double *y, double *tol, const struct input *in)
{
    for (int i = 0; i < in->n; i++) {
        y[i] = (double)in->a[i] + in->b[i];
        tol[i] = fabs(y[i]) * U;
    }
}

static inline void ref_mul(double *y, double *tol, const struct input *in)
{
    for (int i = 0; i < in->n; i++) {
        y[i] = (double)in->a[i] * in->b[i];
        tol[i] = fabs(y[i]) * U + TINY;
    }
}

static inline void ref_scale(double *y, double *tol, const struct input *in)
{
    for (int i = 0; i < in->n; i++) {
        y[i] = in->a[i] * (double)0.7f;
        tol[i] = fabs(y[i]) * U + TINY;
    }
}

/* Where e^-x is clamped (x < -88) the result is not 0 but within |x| e^-88 of it. */
static inline void ref_silu(double *y, double *tol, const struct input *in)
{
    for (int i = 0; i < in->n; i++) {
        double x = in->a[i], u = in->b[i];
        y[i] = x / (1 + exp(-x)) * u;
        tol[i] = fabs(y[i]) * (EXP_ERROR + 4 * U) + fabs(x * u) * 1e-38 + (1 + fabs(u)) * TINY;
    }
}

static inline void ref_gelu(double *y, double *tol, const struct input *in)
{
    for (int i = 0; i < in->n; i++) {
        double x = in->a[i], u = in->b[i];
        double z = sqrt(2 / M_PI) * (x + 0.044715 * x * x * x);
        y[i] = 0.5 * x * (1 + tanh(z)) * u;
        /* the argument is off by 6 U at most, and |z| / cosh(z)^2 < 0.45 */
        tol[i] =
            fabs(0.5 * x * u) * (TANH_ERROR + 3 * U) + fabs(y[i]) * 3 * U + (1 + fabs(u)) * TINY;
    }
}

static inline void ref_relu2(double *y, double *tol, const struct input *in)
{
    for (int i = 0; i < in->n; i++) {
        double x = in->a[i] > 0 ? in->a[i] : 0;
        y[i] = x * x * in->b[i];
        tol[i] = fabs(y[i]) * 2 * U + (1 + fabs(in->b[i])) * TINY;
    }
}

static inline void softmax_ref(double *y, double *tol, const double *x, const double *x_tol, int n)
{
    double max = x[0], sum = 0, worst = 0;
    for (int i = 0; i < n; i++) max = x[i] > max ? x[i] : max;
    for (int i = 0; i < n; i++) {
        y[i] = exp(x[i] - max);
        sum += y[i];
        /* an argument off by t makes e^x off by t; below -87.3 it is nearly nothing */
        double t = (x_tol ? 2 * x_tol[i] : 0) + fmin(max - x[i], 90) * U;
        worst = t > worst ? t : worst;
    }
    for (int i = 0; i < n; i++) {
        y[i] /= sum;
        tol[i] = y[i] * (2 * (EXP_ERROR + worst) + sum_error(n) + 3 * U) + 2e-38;
    }
}

static inline void ref_softmax(double *y, double *tol, const struct input *in)
{
    double x[4096];
    for (int i = 0; i < in->n; i++) x[i] = in->a[i];
    softmax_ref(y, tol, x, NULL, in->n);
}

static inline void rotate_ref(double *y, double *tol, const struct input *in, int i, int j, int k)
{
    double c = in->b[k], s = in->c[k], p = in->a[i], q = in->a[j];
    y[i] = p * c - q * s;
    y[j] = p * s + q * c;
    tol[i] = (fabs(p * c) + fabs(q * s)) * 2 * U + 2 * TINY;
    tol[j] = (fabs(p * s) + fabs(q * c)) * 2 * U + 2 * TINY;
}

static inline void keep_rest(double *y, double *tol,
                             const struct input *in) /* odd n: the last is not touched */
{
    for (int i = in->n / 2 * 2; i < in->n; i++) {
        y[i] = in->a[i];
        tol[i] = 0;
    }
}

static inline void ref_rope_pairs(double *y, double *tol, const struct input *in)
{
    for (int k = 0; k < in->n / 2; k++) rotate_ref(y, tol, in, 2 * k, 2 * k + 1, k);
    keep_rest(y, tol, in);
}

static inline void ref_rope_halves(double *y, double *tol, const struct input *in)
{
    for (int k = 0; k < in->n / 2; k++) rotate_ref(y, tol, in, k, k + in->n / 2, k);
    keep_rest(y, tol, in);
}

static inline double half_value(uint16_t h) /* finite halves, from the definition */
{
    int e = h >> 10 & 31, m = h & 1023;
    double v = e ? ldexp(1024 + m, e - 25) : ldexp(m, -24);
    return h & 0x8000 ? -v : v;
}

static inline void ref_f16_to_f32(double *y, double *tol, const struct input *in)
{
    for (int i = 0; i < in->n; i++) {
        y[i] = half_value(in->h[i]);
        tol[i] = 0;
    }
}

#endif
