/* SPDX-License-Identifier: MIT */
/* exp, sin, cos, tanh of our own: the same bits on every machine, because libm's are not. */
#ifndef LUTRA_KERNELS_LMATH_H
#define LUTRA_KERNELS_LMATH_H

/* ---- e^x in f32: the recipe ----
 *
 * The steps of lutra_expf are the contract: a vector version that does them lane by lane, in this
 * order, each multiply and each add rounded on its own (never fused), returns the same bits.
 *
 *   in   = x >= LO                  ordered: false for NaN; the lane is set to +0 at the end
 *   x    = min(max(x, LO), HI)      what a NaN becomes here does not matter
 *   z    = x * LOG2E + MAGIC        n = round to nearest even of x / ln 2 in the low bits of z
 *   n    = z - MAGIC
 *   r    = x - n * LN2_HI           exact: LN2_HI has 9 significant bits, |n| <= 127
 *   r    = r - n * LN2_LO
 *   p    = C6
 *   p    = p * r + C5               then C4, C3, C2
 *   y    = (p * (r * r) + r) + 1
 *   2^n  = float with bits (bits(z) << 23) + (127 << 23)    the exponent of MAGIC is shifted out
 *   e^x  = in ? y * 2^n : +0
 */
#define LUTRA_EXPF_LO (-87.3f) /* below: +0. n stays above -127, so nothing is ever subnormal */
#define LUTRA_EXPF_HI 88.3f    /* above: e^88.3 = 2.2e38. n stays at or below 127 */
#define LUTRA_EXPF_LOG2E 1.44269504f
#define LUTRA_EXPF_MAGIC 12582912.0f /* 1.5 * 2^23: one unit in the last place is 1 */
#define LUTRA_EXPF_LN2_HI 0.693359375f
#define LUTRA_EXPF_LN2_LO (-2.12194440e-4f)
/* least largest relative error over |r| <= ln 2 / 2: 3.1e-9 before rounding */
#define LUTRA_EXPF_C2 0x1.fffffcp-2f
#define LUTRA_EXPF_C3 0x1.555492p-3f
#define LUTRA_EXPF_C4 0x1.5558f2p-5f
#define LUTRA_EXPF_C5 0x1.1239f4p-7f
#define LUTRA_EXPF_C6 0x1.6a2416p-10f

/* e^x by the recipe: relative error < 1.5e-7 from LO to HI; NaN gives 0. */
float lutra_expf(float x);

/* t = lutra_expf(-2 * |x|); (1 - t) / (1 + t), with the sign bit of x. Absolute error < 1.5e-7.
 * (-2|x| is exact; the division is IEEE's.) NaN gives 1 with its sign. */
float lutra_tanhf(float x);

/* ---- double: plain multiplies, adds and divisions; for tables, the sampler and perplexity ---- */

/* |x| <= 1e6: absolute error < 1e-15. Beyond 1e9, infinite or NaN: s = 0, c = 1. */
void lutra_sincos(double x, double *s, double *c);

/* Relative error < 1e-15; +infinity above 709.78, 0 below -745.13, NaN for NaN. */
double lutra_exp(double x);

/* Error < 1e-15 relative; 0 gives -infinity, negative and NaN give NaN. */
double lutra_log(double x);

/* exp(b log a): relative error < 1e-15 + 3e-16 |b log a| while the result is normal (RoPE's
 * frequencies: 6e-15). a <= 0 gives NaN. */
double lutra_pow(double a, double b);

#endif
