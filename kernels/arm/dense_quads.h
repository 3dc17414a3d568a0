/* SPDX-License-Identifier: MIT */
/* DENSE codes as operands of an integer dot: masks and shifts, see lut.h. */
#ifndef LUTRA_KERNELS_ARM_DENSE_QUADS_H
#define LUTRA_KERNELS_ARM_DENSE_QUADS_H

#include "kernels/arm/arm.h"

/* Instructions have the number in them: it must be one that the compiler knows. */
ARM_INLINE uint8x16_t shift_by(uint8x16_t x, int left)
{
    switch (left) {
    case 1: return vshlq_n_u8(x, 1);
    case 2: return vshlq_n_u8(x, 2);
    case 3: return vshlq_n_u8(x, 3);
    case 4: return vshlq_n_u8(x, 4);
    case -1: return vshrq_n_u8(x, 1);
    case -2: return vshrq_n_u8(x, 2);
    case -3: return vshrq_n_u8(x, 3);
    case -4: return vshrq_n_u8(x, 4);
    case -5: return vshrq_n_u8(x, 5);
    case -6: return vshrq_n_u8(x, 6);
    default: return x;
    }
}

/* Eight quads of a block of 32 columns, rows 4i .. 4i+3: four columns of a row stand beside each
 * other. */
ARM_INLINE void dense_quads(uint8x16_t q[8], const uint8_t *block, int bits, int i)
{
    const uint8_t *p = block + 16 * i;
    int at = 0;

    if (bits & 4) {
        ARM_UNROLL
        for (int t = 0; t < 8; t += 2, p += 64) {
            const uint8x16_t x = vld1q_u8(p);
            q[t] = vandq_u8(x, vdupq_n_u8(15));
            q[t + 1] = vshrq_n_u8(x, 4);
        }
        at = 4;
    }
    if (bits & 2) {
        const uint8x16_t mask = vdupq_n_u8((uint8_t)(3 << at));
        ARM_UNROLL
        for (int t = 0; t < 8; t += 4, p += 64) {
            const uint8x16_t x = vld1q_u8(p);
            ARM_UNROLL
            for (int s = 0; s < 4; s++) {
                const uint8x16_t two = shift_by(x, at - 2 * s);
                if (at)
                    q[t + s] = vbslq_u8(mask, two, q[t + s]);
                else
                    q[t + s] = s < 3 ? vandq_u8(two, mask) : two;
            }
        }
        at += 2;
    }
    if (bits & 1) {
        const uint8x16_t mask = vdupq_n_u8((uint8_t)(1 << at)), x = vld1q_u8(p);
        ARM_UNROLL
        for (int t = 0; t < 8; t++) q[t] = vbslq_u8(mask, shift_by(x, at - t), q[t]);
    }
}

#endif
