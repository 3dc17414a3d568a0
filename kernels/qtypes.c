/* SPDX-License-Identifier: MIT */
/* The table of tensor types, the constants of their codes, and half-precision conversion. */
#include "kernels/qtypes.h"

#include <string.h>

#include "kernels/qblocks.h"

/* Ids and sizes: ggml.h, ggml-common.h and gguf-py/gguf/constants.py of llama.cpp (MIT); 36, 38 and
 * 39 of Microsoft's BitNet fork and 142 of the Prism fork from their own converters. */
#define NOTE_REMOVED                                                                               \
    "a repacked layout removed from the format in 2024; use the plain Q4_0 or IQ4_NL file of the " \
    "same model"
#define NOTE_ANCIENT "removed from the format in 2023; convert the model again"
#define NOTE_IQ \
    "codebook quantization is not run yet; use a Q4_K_M, Q4_0 or Q8_0 file of the same model"
#define NOTE_DOT "a format for intermediate results, not for weights; convert the model again"
#define NOTE_INT "integers are not weights; convert the model again"

static const struct lutra_type_info types[] = {
    {LUTRA_TYPE_F32, "F32", 1, 4, NULL},
    {LUTRA_TYPE_F16, "F16", 1, 2, NULL},
    {LUTRA_TYPE_Q4_0, "Q4_0", 32, sizeof(struct block_q4_0), NULL},
    {LUTRA_TYPE_Q4_1, "Q4_1", 32, sizeof(struct block_q4_1), NULL},
    {4, "Q4_2", 0, 0, NOTE_ANCIENT},
    {5, "Q4_3", 0, 0, NOTE_ANCIENT},
    {LUTRA_TYPE_Q5_0, "Q5_0", 32, sizeof(struct block_q5_0), NULL},
    {LUTRA_TYPE_Q5_1, "Q5_1", 32, sizeof(struct block_q5_1), NULL},
    {LUTRA_TYPE_Q8_0, "Q8_0", 32, sizeof(struct block_q8_0), NULL},
    {9, "Q8_1", 32, 36, NOTE_DOT},
    {LUTRA_TYPE_Q2_K, "Q2_K", 256, sizeof(struct block_q2_k), NULL},
    {LUTRA_TYPE_Q3_K, "Q3_K", 256, sizeof(struct block_q3_k), NULL},
    {LUTRA_TYPE_Q4_K, "Q4_K", 256, sizeof(struct block_q4_k), NULL},
    {LUTRA_TYPE_Q5_K, "Q5_K", 256, sizeof(struct block_q5_k), NULL},
    {LUTRA_TYPE_Q6_K, "Q6_K", 256, sizeof(struct block_q6_k), NULL},
    {15, "Q8_K", 256, 292, NOTE_DOT},
    {LUTRA_TYPE_IQ2_XXS, "IQ2_XXS", 256, sizeof(struct block_iq2_xxs), NOTE_IQ},
    {LUTRA_TYPE_IQ2_XS, "IQ2_XS", 256, sizeof(struct block_iq2_xs), NOTE_IQ},
    {LUTRA_TYPE_IQ3_XXS, "IQ3_XXS", 256, sizeof(struct block_iq3_xxs), NOTE_IQ},
    {LUTRA_TYPE_IQ1_S, "IQ1_S", 256, sizeof(struct block_iq1_s), NOTE_IQ},
    {LUTRA_TYPE_IQ4_NL, "IQ4_NL", 32, sizeof(struct block_iq4_nl), NOTE_IQ},
    {LUTRA_TYPE_IQ3_S, "IQ3_S", 256, sizeof(struct block_iq3_s), NOTE_IQ},
    {LUTRA_TYPE_IQ2_S, "IQ2_S", 256, sizeof(struct block_iq2_s), NOTE_IQ},
    {LUTRA_TYPE_IQ4_XS, "IQ4_XS", 256, sizeof(struct block_iq4_xs), NOTE_IQ},
    {24, "I8", 1, 1, NOTE_INT},
    {25, "I16", 1, 2, NOTE_INT},
    {26, "I32", 1, 4, NOTE_INT},
    {27, "I64", 1, 8, NOTE_INT},
    {28, "F64", 1, 8, "double precision is not run; convert the model to F16 or F32"},
    {LUTRA_TYPE_IQ1_M, "IQ1_M", 256, sizeof(struct block_iq1_m), NOTE_IQ},
    {LUTRA_TYPE_BF16, "BF16", 1, 2, NULL},
    {31, "Q4_0_4_4", 0, 0, NOTE_REMOVED},
    {32, "Q4_0_4_8", 0, 0, NOTE_REMOVED},
    {33, "Q4_0_8_8", 0, 0, NOTE_REMOVED},
    {LUTRA_TYPE_TQ1_0, "TQ1_0", 256, sizeof(struct block_tq1_0), NULL},
    {LUTRA_TYPE_TQ2_0, "TQ2_0", 256, sizeof(struct block_tq2_0), NULL},
    {LUTRA_TYPE_I2_S, "I2_S", 0, 0,
     "BitNet I2_S, produced by a fork of llama.cpp (or the removed IQ4_NL_4_4); use a TQ2_0 or "
     "TQ1_0 file of the same model"},
    {37, "IQ4_NL_4_8", 0, 0, NOTE_REMOVED},
    {38, "TL1", 0, 0,
     "BitNet TL1, produced by a fork of llama.cpp for one CPU (or the removed IQ4_NL_8_8); use a "
     "TQ2_0 or TQ1_0 file of the same model"},
    {LUTRA_TYPE_MXFP4, "MXFP4", 32, sizeof(struct block_mxfp4),
     "MXFP4 is not run yet (BitNet's fork uses this id for TL2); use a Q4_K_M or Q8_0 file"},
    {LUTRA_TYPE_NVFP4, "NVFP4", 64, sizeof(struct block_nvfp4),
     "NVFP4 is not run yet; use a Q4_K_M or Q8_0 file of the same model"},
    {LUTRA_TYPE_Q1_0, "Q1_0", 128, sizeof(struct block_q1_0), NULL},
    {LUTRA_TYPE_Q2_0, "Q2_0", 64, sizeof(struct block_q2_0), NULL},
    {LUTRA_TYPE_Q2_0_G128, "Q2_0_G128", 128, sizeof(struct block_q2_0_g128), NULL},
};

const struct lutra_type_info *lutra_type_info(uint32_t id)
{
    const uint32_t n = (uint32_t)(sizeof types / sizeof types[0]);
    if (id < n - 1) return &types[id]; /* all but the last entry sit at their own id */
    return id == (uint32_t)types[n - 1].id ? &types[n - 1] : NULL;
}

bool lutra_type_runs(uint32_t id)
{
    const struct lutra_type_info *t = lutra_type_info(id);
    return t && !t->note;
}

/*                                                bits group mul offset min sub */
static const struct lutra_code_info code_q8_0 = {8, 32, 1, 128, false, false};
static const struct lutra_code_info code_q4_0 = {4, 32, 1, 8, false, false};
static const struct lutra_code_info code_q4_1 = {4, 32, 1, 0, true, false};
static const struct lutra_code_info code_q5_0 = {5, 32, 1, 16, false, false};
static const struct lutra_code_info code_q5_1 = {5, 32, 1, 0, true, false};
static const struct lutra_code_info code_q2_k = {2, 16, 1, 0, true, true};
static const struct lutra_code_info code_q3_k = {3, 16, 1, 4, false, true};
static const struct lutra_code_info code_q4_k = {4, 32, 1, 0, true, true};
static const struct lutra_code_info code_q5_k = {5, 32, 1, 0, true, true};
static const struct lutra_code_info code_q6_k = {6, 16, 1, 32, false, true};
static const struct lutra_code_info code_tq = {2, 256, 1, 1, false, false};
static const struct lutra_code_info code_q1_0 = {1, 128, 2, 1, false, false};
static const struct lutra_code_info code_q2_0 = {2, 64, 1, 1, false, false};
static const struct lutra_code_info code_q2_0_g128 = {2, 128, 1, 1, false, false};

const struct lutra_code_info *lutra_code_info(int type)
{
    switch (type) {
    case LUTRA_TYPE_Q8_0: return &code_q8_0;
    case LUTRA_TYPE_Q4_0: return &code_q4_0;
    case LUTRA_TYPE_Q4_1: return &code_q4_1;
    case LUTRA_TYPE_Q5_0: return &code_q5_0;
    case LUTRA_TYPE_Q5_1: return &code_q5_1;
    case LUTRA_TYPE_Q2_K: return &code_q2_k;
    case LUTRA_TYPE_Q3_K: return &code_q3_k;
    case LUTRA_TYPE_Q4_K: return &code_q4_k;
    case LUTRA_TYPE_Q5_K: return &code_q5_k;
    case LUTRA_TYPE_Q6_K: return &code_q6_k;
    case LUTRA_TYPE_TQ1_0:
    case LUTRA_TYPE_TQ2_0: return &code_tq;
    case LUTRA_TYPE_Q1_0: return &code_q1_0;
    case LUTRA_TYPE_Q2_0: return &code_q2_0;
    case LUTRA_TYPE_Q2_0_G128: return &code_q2_0_g128;
    default: return NULL;
    }
}

static float float_of_bits(uint32_t u)
{
    float f;
    memcpy(&f, &u, sizeof f);
    return f;
}

static uint32_t bits_of_float(float f)
{
    uint32_t u;
    memcpy(&u, &f, sizeof u);
    return u;
}

/* Signalling NaNs become quiet ones with the same payload, as F16C and NEON do. */
float lutra_f16_to_f32(uint16_t h)
{
    uint32_t sign = (uint32_t)(h & 0x8000) << 16, exp = h >> 10 & 31, mant = h & 1023;
    if (exp == 31)
        return float_of_bits(sign | 0x7f800000 | mant << 13 | (mant ? 0x400000u : 0));
    if (exp != 0) return float_of_bits(sign | (exp + 112) << 23 | mant << 13);
    return float_of_bits(sign | bits_of_float((float)mant * 0x1p-24f)); /* exact */
}

uint16_t lutra_f32_to_f16(float f)
{
    uint32_t u = bits_of_float(f), sign = u >> 16 & 0x8000, x = u & 0x7fffffff, h;
    if (x > 0x7f800000) {
        h = 0x7e00 | (x >> 13 & 0x3ff);
    } else if (x >= 0x477ff000) { /* 65520 and above round to infinity */
        h = 0x7c00;
    } else if (x >= 0x38800000) { /* 2^-14: normal */
        h = (x - 0x38000000 + 0xfff + (x >> 13 & 1)) >> 13;
    } else if (x > 0x33000000) { /* above 2^-25: subnormal, in units of 2^-24 */
        uint32_t mant = (x & 0x7fffff) | 0x800000, shift = 126 - (x >> 23);
        uint32_t half = 1u << (shift - 1), rest = mant & (2 * half - 1);
        h = mant >> shift;
        if (rest > half || (rest == half && (h & 1))) h++;
    } else {
        h = 0;
    }
    return (uint16_t)(sign | h);
}

float lutra_bf16_to_f32(uint16_t h)
{
    return float_of_bits((uint32_t)h << 16);
}

uint16_t lutra_f32_to_bf16(float f)
{
    uint32_t u = bits_of_float(f);
    if ((u & 0x7fffffff) > 0x7f800000) return (uint16_t)(u >> 16 | 0x40);
    return (uint16_t)((u + 0x7fff + (u >> 16 & 1)) >> 16);
}
