/* SPDX-License-Identifier: MIT */
/* Fills in the float vector operations of struct lutra_ops, one function per instruction set.
 *
 * The algorithms are written once, in vec_body.h and its companions, over 16 virtual lanes. A lanes
 * header per instruction set gives the lanes their registers:
 *
 *   kernels/lanes_scalar.h     float v[16]        the specification of every primitive
 *   kernels/x86/lanes_ssse3.h  4 x __m128
 *   kernels/x86/lanes_avx2.h   2 x __m256
 *   kernels/arm/lanes_neon.h   4 x float32x4_t
 *
 * Same primitives in the same order, no fused multiply-add: the same bits. What NaN results look
 * like (sign, payload) is the one thing the hardware decides; that they are NaN is not. */
#ifndef LUTRA_KERNELS_VEC_H
#define LUTRA_KERNELS_VEC_H

#include "kernels/ops.h"

/* Primitives must melt into their callers: a call would spill all 16 lanes. Tails must not: they
 * are many and run once. Where lanes are an array, in memory as it is (LUTRA_LANES_SMALL), the
 * compiler may choose: a third of the code. */
#if defined(LUTRA_LANES_SMALL) && defined(__GNUC__)
#define LUTRA_LANES static inline
#define LUTRA_RARE static __attribute__((noinline))
#elif defined(__GNUC__)
#define LUTRA_LANES static inline __attribute__((always_inline))
#define LUTRA_RARE static __attribute__((noinline))
#else
#define LUTRA_LANES static inline
#define LUTRA_RARE static
#endif

/* Each sets: quantize, float_mul, dot, rmsnorm, add, mul, scale, silu_gate, gelu_gate, relu2_gate,
 * gelu, layernorm, softmax, rope_pairs, rope_halves, f32_to_f16, f16_to_f32, attend, attend_many. The
 * other fields stay as they
 * are. */
void lutra_vec_init_scalar(struct lutra_ops *ops);
void lutra_vec_init_avx2(struct lutra_ops *ops); /* x86 builds; needs LUTRA_CPU_AVX2 */
void lutra_vec_init_neon(struct lutra_ops *ops); /* ARM builds */

#endif
