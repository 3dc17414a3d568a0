/* SPDX-License-Identifier: MIT */
/* exp, sin, cos, tanh of our own: the same bits on every machine, because libm's are not. */
#ifndef LUTRA_KERNELS_LMATH_H
#define LUTRA_KERNELS_LMATH_H

/* e^x in f32, relative error < 3e-7; 0 below -87.3, clamped to the largest finite value's neighbourhood above 88.3;
 * NaN gives 0. Multiplies and adds only, in one fixed order, so that vector versions agree bit for bit. */
float lutra_expf(float x);
float lutra_tanhf(float x);           /* from lutra_expf */
void lutra_sincos(double x, double *s, double *c); /* any finite x up to 1e6, error < 1e-14 */
double lutra_exp(double x);           /* for the sampler and perplexity; error < 1e-15 relative */
double lutra_log(double x);           /* x > 0 */
double lutra_pow(double a, double b); /* a > 0: exp(b log a) with error < 1e-13 */

#endif
