/* SPDX-License-Identifier: MIT */
/* e^x and tanh over 16 lanes: the recipe of lmath.h step by step, so each lane has the bits of
 * lutra_expf and lutra_tanhf. Included by vec_body.h. */
#ifndef LUTRA_KERNELS_EXP_BODY_H
#define LUTRA_KERNELS_EXP_BODY_H

#include "kernels/lmath.h"

static inline v16f v_exp(v16f in)
{
    v16f magic = v_set(LUTRA_EXPF_MAGIC);
    v16f x = v_min(v_max(in, v_set(LUTRA_EXPF_LO)), v_set(LUTRA_EXPF_HI));
    v16f z = v_add(v_mul(x, v_set(LUTRA_EXPF_LOG2E)), magic);
    v16f n = v_sub(z, magic);
    v16f r = v_sub(x, v_mul(n, v_set(LUTRA_EXPF_LN2_HI)));
    r = v_sub(r, v_mul(n, v_set(LUTRA_EXPF_LN2_LO)));
    v16f p = v_set(LUTRA_EXPF_C6);
    p = v_add(v_mul(p, r), v_set(LUTRA_EXPF_C5));
    p = v_add(v_mul(p, r), v_set(LUTRA_EXPF_C4));
    p = v_add(v_mul(p, r), v_set(LUTRA_EXPF_C3));
    p = v_add(v_mul(p, r), v_set(LUTRA_EXPF_C2));
    v16f y = v_add(v_add(v_mul(p, v_mul(r, r)), r), v_set(1.0f));
    v16f power = v_from_bits(vi_add(vi_shl23(v_bits(z)), vi_set(127 << 23)));
    return v_if_at_least(in, v_set(LUTRA_EXPF_LO), v_mul(y, power));
}

static inline v16f v_tanh(v16f x)
{
    v16i sign = vi_and(v_bits(x), vi_set(INT32_MIN));
    v16f size = v_from_bits(vi_and(v_bits(x), vi_set(INT32_MAX)));
    v16f one = v_set(1.0f), t = v_exp(v_mul(v_set(-2.0f), size));
    return v_from_bits(vi_or(v_bits(v_div(v_sub(one, t), v_add(one, t))), sign));
}

#endif
