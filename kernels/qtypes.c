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
    {LUTRA_TYPE_IQ2_XXS, "IQ2_XXS", 256, sizeof(struct block_iq2_xxs), NULL},
    {LUTRA_TYPE_IQ2_XS, "IQ2_XS", 256, sizeof(struct block_iq2_xs), NULL},
    {LUTRA_TYPE_IQ3_XXS, "IQ3_XXS", 256, sizeof(struct block_iq3_xxs), NULL},
    {LUTRA_TYPE_IQ1_S, "IQ1_S", 256, sizeof(struct block_iq1_s), NULL},
    {LUTRA_TYPE_IQ4_NL, "IQ4_NL", 32, sizeof(struct block_iq4_nl), NULL},
    {LUTRA_TYPE_IQ3_S, "IQ3_S", 256, sizeof(struct block_iq3_s), NULL},
    {LUTRA_TYPE_IQ2_S, "IQ2_S", 256, sizeof(struct block_iq2_s), NULL},
    {LUTRA_TYPE_IQ4_XS, "IQ4_XS", 256, sizeof(struct block_iq4_xs), NULL},
    {24, "I8", 1, 1, NOTE_INT},
    {25, "I16", 1, 2, NOTE_INT},
    {26, "I32", 1, 4, NOTE_INT},
    {27, "I64", 1, 8, NOTE_INT},
    {28, "F64", 1, 8, "double precision is not run; convert the model to F16 or F32"},
    {LUTRA_TYPE_IQ1_M, "IQ1_M", 256, sizeof(struct block_iq1_m), NULL},
    {LUTRA_TYPE_BF16, "BF16", 1, 2, NULL},
    {31, "Q4_0_4_4", 0, 0, NOTE_REMOVED},
    {32, "Q4_0_4_8", 0, 0, NOTE_REMOVED},
    {33, "Q4_0_8_8", 0, 0, NOTE_REMOVED},
    {LUTRA_TYPE_TQ1_0, "TQ1_0", 256, sizeof(struct block_tq1_0), NULL},
    {LUTRA_TYPE_TQ2_0, "TQ2_0", 256, sizeof(struct block_tq2_0), NULL},
    {LUTRA_TYPE_I2_S, "I2_S", 64, sizeof(struct block_i2_s), NULL},
    {37, "IQ4_NL_4_8", 0, 0, NOTE_REMOVED},
    {38, "TL1", 0, 0,
     "BitNet TL1, produced by a fork of llama.cpp for one CPU (or the removed IQ4_NL_8_8); use a "
     "TQ2_0 or TQ1_0 file of the same model"},
    {LUTRA_TYPE_MXFP4, "MXFP4", 32, sizeof(struct block_mxfp4), NULL},
    {LUTRA_TYPE_NVFP4, "NVFP4", 64, sizeof(struct block_nvfp4), NULL},
    {LUTRA_TYPE_Q1_0, "Q1_0", 128, sizeof(struct block_q1_0), NULL},
    {LUTRA_TYPE_Q2_0, "Q2_0", 64, sizeof(struct block_q2_0), NULL},
    {LUTRA_TYPE_Q2_0_G128, "Q2_0_G128", 128, sizeof(struct block_q2_0_g128), NULL},
};

/* Types that only ik_llama.cpp has (its ggml.h, MIT); some of its ids are ours above. */
#define IK(id, name) {id, name, 0, 0, NOTE_IK}
#define NOTE_IK \
    "a type of ik_llama.cpp alone; use a Q4_K_M, Q4_0 or IQ4_XS file of the same model"
static const struct lutra_type_info fork_types[] = {
    IK(97, "Q8_0_X4"),      IK(98, "Q8_1_X4"),    IK(99, "Q8_2_X4"),    IK(133, "Q6_0"),
    IK(134, "IQ1_BN"),      IK(135, "IQ2_BN"),    IK(136, "Q8_K64"),    IK(137, "IQ2_K"),
    IK(138, "IQ3_K"),       IK(139, "IQ4_K"),     IK(140, "IQ5_K"),     IK(141, "IQ6_K"),
    IK(143, "IQ1_TN"),      IK(144, "IQ4_KS"),    IK(145, "IQ2_KS"),    IK(146, "IQ4_KSS"),
    IK(147, "Q8_K16"),      IK(148, "Q8_K32"),    IK(149, "Q8_KR8"),    IK(150, "Q8_K128"),
    IK(151, "Q8_KV"),       IK(152, "IQ5_KS"),    IK(153, "IQ2_KT"),    IK(154, "IQ3_KT"),
    IK(155, "IQ4_KT"),      IK(156, "IQ3_KS"),    IK(157, "IQ2_KL"),    IK(158, "IQ1_KT"),
    IK(202, "Q4_0_R8"), IK(206, "Q5_0_R4"), IK(208, "Q8_0_R8"), IK(210, "Q2_K_R4"),
    IK(211, "Q3_K_R4"), IK(212, "Q4_K_R4"), IK(213, "Q5_K_R4"), IK(214, "Q6_K_R4"),
    IK(216, "IQ2_XXS_R4"), IK(217, "IQ2_XS_R4"), IK(218, "IQ3_XXS_R4"), IK(219, "IQ1_S_R4"),
    IK(220, "IQ4_NL_R4"), IK(221, "IQ3_S_R4"), IK(222, "IQ2_S_R4"), IK(223, "IQ4_XS_R8"),
    IK(229, "IQ1_M_R4"), IK(230, "BF16_R16"), IK(233, "Q6_0_R4"), IK(335, "IQ2_BN_R4"),
    IK(337, "IQ2_K_R4"), IK(338, "IQ3_K_R4"), IK(339, "IQ4_K_R4"), IK(340, "IQ5_K_R4"),
    IK(344, "IQ4_KS_R4"), IK(352, "IQ5_KS_R4"), IK(353, "MXFP4_R8"), IK(397, "Q8_K_R16"),
    IK(398, "Q8_KV_R8"), IK(399, "Q8_K_R8"),
};

const struct lutra_type_info *lutra_type_info(uint32_t id)
{
    const uint32_t n = (uint32_t)(sizeof types / sizeof types[0]);
    if (id < n - 1) return &types[id]; /* all but the last entry sit at their own id */
    if (id == (uint32_t)types[n - 1].id) return &types[n - 1];
    for (size_t i = 0; i < sizeof fork_types / sizeof fork_types[0]; i++)
        if ((uint32_t)fork_types[i].id == id) return &fork_types[i];
    return NULL;
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
static const struct lutra_code_info code_i2_s = {2, 64, 1, 1, false, false};
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
    case LUTRA_TYPE_I2_S: return &code_i2_s;
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
