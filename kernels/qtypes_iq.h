/* SPDX-License-Identifier: MIT */
/* What the files about codebook formats share: their values, their odd scales, their decoders.
 * Private to kernels/qtypes_*.c and qbook.c. */
#ifndef LUTRA_KERNELS_QTYPES_IQ_H
#define LUTRA_KERNELS_QTYPES_IQ_H

#include "kernels/qtypes.h"

extern const int8_t lutra_iq4_values[16], lutra_e2m1_values[16];
extern const uint8_t lutra_iq2_values[4], lutra_iq3_xxs_values[8];

float lutra_e8m0_half(uint8_t e);             /* 2^(e - 128) */
float lutra_ue4m3_half(uint8_t x);            /* the number x stands for, halved; 0 for 0x7f */
uint16_t lutra_iq1_m_d(const uint8_t scales[8]); /* f16 bits */

/* One block to floats. */
void lutra_decode_iq4_nl(float *dst, const void *src);
void lutra_decode_mxfp4(float *dst, const void *src);
void lutra_decode_nvfp4(float *dst, const void *src);
void lutra_decode_iq4_xs(float *dst, const void *src);
void lutra_decode_iq2_xxs(float *dst, const void *src);
void lutra_decode_iq2_xs(float *dst, const void *src);
void lutra_decode_iq2_s(float *dst, const void *src);
void lutra_decode_iq3_xxs(float *dst, const void *src);
void lutra_decode_iq3_s(float *dst, const void *src);
void lutra_decode_iq1_s(float *dst, const void *src);
void lutra_decode_iq1_m(float *dst, const void *src);
void lutra_decode_i2_s(float *dst, const void *src);

/* Floats to one block of a codebook type, or of I2_S (signs of what is not zero); false for other
 * types. */
bool lutra_encode_iq(int type, void *dst, const float *src);

#endif
