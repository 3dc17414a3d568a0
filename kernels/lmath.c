/* SPDX-License-Identifier: MIT */
/* exp, log, pow, sin, cos, tanh from multiplies, adds and divisions alone.
 *
 * IEEE fixes every bit of those three, so these functions return the same bits with any compiler on
 * any machine, as long as nothing is fused (-ffp-contract=off) or reordered (no -ffast-math). */
#include "kernels/lmath.h"

#include <float.h>
#include <stdint.h>
#include <string.h>

#if FLT_EVAL_METHOD != 0
#error "intermediate results must not carry extra precision (x87): use SSE2"
#endif
#if defined(__FAST_MATH__)
#error "-ffast-math reorders sums: results would differ between machines"
#endif

static double from_bits(uint64_t u)
{
    double d;
    memcpy(&d, &u, sizeof d);
    return d;
}

static uint64_t to_bits(double d)
{
    uint64_t u;
    memcpy(&u, &d, sizeof u);
    return u;
}

float lutra_expf(float x)
{
    if (!(x >= LUTRA_EXPF_LO)) return 0.0f;
    if (x > LUTRA_EXPF_HI) x = LUTRA_EXPF_HI;
    float z = x * LUTRA_EXPF_LOG2E + LUTRA_EXPF_MAGIC;
    float n = z - LUTRA_EXPF_MAGIC;
    float r = x - n * LUTRA_EXPF_LN2_HI;
    r = r - n * LUTRA_EXPF_LN2_LO;
    float p = LUTRA_EXPF_C6;
    p = p * r + LUTRA_EXPF_C5;
    p = p * r + LUTRA_EXPF_C4;
    p = p * r + LUTRA_EXPF_C3;
    p = p * r + LUTRA_EXPF_C2;
    float y = (p * (r * r) + r) + 1.0f;
    uint32_t bits;
    memcpy(&bits, &z, sizeof bits);
    bits = (bits << 23) + (127u << 23);
    float scale;
    memcpy(&scale, &bits, sizeof scale);
    return y * scale;
}

float lutra_tanhf(float x)
{
    uint32_t sign, bits;
    memcpy(&sign, &x, sizeof sign);
    bits = sign & 0x7fffffffu;
    sign &= 0x80000000u;
    float a;
    memcpy(&a, &bits, sizeof a);
    float t = lutra_expf(-2.0f * a);
    float y = (1.0f - t) / (1.0f + t);
    memcpy(&bits, &y, sizeof bits);
    bits |= sign;
    memcpy(&y, &bits, sizeof y);
    return y;
}

/* ---- double ---- */

#define MAGIC 0x1.8p52 /* adding it rounds to the nearest integer, found in the low bits */

/* ln 2 in two parts; the first has 32 significant bits, so that its product with any exponent is
 * exact */
#define LN2_HI 0x1.62e42fee00000p-1
#define LN2_LO 0x1.a39ef35793c76p-33
#define LOG2E 0x1.71547652b82fep+0

static double horner(double x, const double *c, int n)
{
    double p = c[n - 1];
    for (int i = n - 2; i >= 0; i--) p = p * x + c[i];
    return p;
}

double lutra_exp(double x)
{
    /* 1/k! from k = 2: with |r| <= 0.347 the first term left out, r^14/14!, is below 5e-18 */
    static const double c[] = {1.0 / 2,       1.0 / 6,        1.0 / 24,        1.0 / 120,
                               1.0 / 720,     1.0 / 5040,     1.0 / 40320,     1.0 / 362880,
                               1.0 / 3628800, 1.0 / 39916800, 1.0 / 479001600, 1.0 / 6227020800};
    if (x != x) return x;
    if (x > 709.79) return from_bits(0x7ffull << 52);
    if (x < -745.14) return 0.0;
    double z = x * LOG2E + MAGIC;
    double n = z - MAGIC;
    double r = x - n * LN2_HI;
    r = r - n * LN2_LO;
    double p = horner(r, c, (int)(sizeof c / sizeof *c));
    double y = (p * (r * r) + r) + 1.0;
    /* 2^n in two factors: n reaches -1075 and 1024, one exponent field cannot hold them */
    int whole = (int)n, half = whole / 2;
    y = y * from_bits((uint64_t)(1023 + half) << 52);
    return y * from_bits((uint64_t)(1023 + whole - half) << 52);
}

/* log of a normal x > 0, plus exponent * log 2 */
static double log_scaled(double x, int exponent)
{
    /* log((1+s)/(1-s)) = 2s + s R(s^2), R(z) = 2/3 z + 2/5 z^2 + ...; |s| <= 0.172 */
    static const double c[] = {2.0 / 3,  2.0 / 5,  2.0 / 7,  2.0 / 9,  2.0 / 11,
                               2.0 / 13, 2.0 / 15, 2.0 / 17, 2.0 / 19, 2.0 / 21};
    uint64_t u = to_bits(x);
    /* x = m 2^e with m in [sqrt(1/2), sqrt(2)): the bits of sqrt(1/2) become the origin */
    int64_t up = (int64_t)(u - 0x3fe6a09e667f3bcdull);
    int64_t e = up < 0 ? -((-up + 0xfffffffffffffll) >> 52) : up >> 52; /* floor */
    double m = from_bits(u - ((uint64_t)e << 52));
    double k = (double)(e + exponent);
    double f = m - 1.0;
    double s = f / (2.0 + f);
    double z = s * s;
    double rest = z * horner(z, c, (int)(sizeof c / sizeof *c));
    double half = 0.5 * f * f;
    /* 2s = f - s f, and s f = f^2/2 - s f^2/2: the large terms stay exact, the small come first */
    return k * LN2_HI + (f - (half - (s * (half + rest) + k * LN2_LO)));
}

double lutra_log(double x)
{
    if (x != x || x < 0) return from_bits(0x7ff8ull << 48);
    if (x == 0) return from_bits(0xfff0ull << 48);
    if (to_bits(x) == 0x7ffull << 52) return x;
    return x < DBL_MIN ? log_scaled(x * 0x1p54, -54) : log_scaled(x, 0);
}

double lutra_pow(double a, double b)
{
    if (!(a > 0)) return from_bits(0x7ff8ull << 48);
    if (b == 0 || a == 1) return 1.0; /* even when the other one is infinite */
    return lutra_exp(b * lutra_log(a));
}

/* sin r and cos r for |r| <= pi/4 (and a little more) */
static void sincos_core(double r, double *s, double *c)
{
    static const double sc[] = {
        -1.0 / 6,        1.0 / 120,        -1.0 / 5040,          1.0 / 362880,
        -1.0 / 39916800, 1.0 / 6227020800, -1.0 / 1307674368000, 1.0 / 355687428096000};
    static const double cc[] = {
        1.0 / 24,        -1.0 / 720,         1.0 / 40320,         -1.0 / 3628800,
        1.0 / 479001600, -1.0 / 87178291200, 1.0 / 20922789888000};
    double z = r * r;
    *s = r + r * (z * horner(z, sc, (int)(sizeof sc / sizeof *sc)));
    *c = (1.0 - 0.5 * z) + z * z * horner(z, cc, (int)(sizeof cc / sizeof *cc));
}

void lutra_sincos(double x, double *s, double *c)
{
    /* pi/2 in three parts: 33 bits, 33 bits, the rest. n * part is exact for the first two while
     * n < 2^20, that is for |x| < 1.6e6 */
    const double two_over_pi = 0x1.45f306dc9c883p-1;
    const double part1 = 0x1.921fb54400000p+0;
    const double part2 = 0x1.0b4611a600000p-34;
    const double part3 = 0x1.3198a2e037073p-69;
    *s = 0.0;
    *c = 1.0;
    if (!(x >= -1e9 && x <= 1e9)) return;
    double z = x * two_over_pi + MAGIC;
    double n = z - MAGIC;
    unsigned quadrant = (unsigned)to_bits(z) & 3;
    double r = ((x - n * part1) - n * part2) - n * part3;
    double sr, cr;
    sincos_core(r, &sr, &cr);
    double a = quadrant & 1 ? cr : sr;
    double b = quadrant & 1 ? sr : cr;
    *s = quadrant & 2 ? -a : a;
    *c = (quadrant + 1) & 2 ? -b : b;
}
