/* SPDX-License-Identifier: MIT */
/* The types of 3 to 6 bits, and Q2_K, by name: X(TYPE, name, bits, group, scales). Kernels are compiled for each, as a
 * loop over a group is only straight where its length is a constant. */
#ifndef LUTRA_KERNELS_X86_CODE_TYPES_H
#define LUTRA_KERNELS_X86_CODE_TYPES_H

#define X86_CODE_TYPES(X)                                                                                \
    X(Q4_0, q4_0, 4, 32, LUTRA_SCALE_F16)                                                                \
    X(Q4_1, q4_1, 4, 32, LUTRA_SCALE_F16_MIN)                                                            \
    X(Q5_0, q5_0, 5, 32, LUTRA_SCALE_F16)                                                                \
    X(Q5_1, q5_1, 5, 32, LUTRA_SCALE_F16_MIN)                                                            \
    X(Q2_K, q2_k, 2, 16, LUTRA_SCALE_SUB_MIN4)                                                           \
    X(Q3_K, q3_k, 3, 16, LUTRA_SCALE_SUB)                                                                \
    X(Q4_K, q4_k, 4, 32, LUTRA_SCALE_SUB_MIN)                                                            \
    X(Q5_K, q5_k, 5, 32, LUTRA_SCALE_SUB_MIN)                                                            \
    X(Q6_K, q6_k, 6, 16, LUTRA_SCALE_SUB)

#endif
