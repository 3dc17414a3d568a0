/* SPDX-License-Identifier: MIT */
/* Who fills struct lutra_ops below and above AVX2: the continuation of lut_init.h and vec.h for
 * levels that only x86 has. */
#ifndef LUTRA_KERNELS_X86_X86_INIT_H
#define LUTRA_KERNELS_X86_X86_INIT_H

#include "kernels/lut.h"

struct lutra_ops;
struct lutra_mat;
struct lutra_act;

/* These need LUTRA_CPU_SSSE3. */
void lutra_lut_init_ssse3(struct lutra_ops *ops); /* calls lutra_mm_init_ssse3 */
void lutra_mm_init_ssse3(struct lutra_ops *ops);
void lutra_vec_init_ssse3(struct lutra_ops *ops);

/* planes_lookup of one-bit weights (bit_ssse3.c). */
void lutra_bit_lookup_ssse3(float *y, const struct lutra_mat *m, const struct lutra_act *a, int v,
                            int tile0, int tile1);

/* bits_lookup (bits_ssse3.c, bits_avx512.c). */
void lutra_bits_lookup_ssse3(float *y, const struct lutra_mat *m, const struct lutra_act *a, int v,
                             int tile0, int tile1);
void lutra_bits_lookup_avx512(float *y, const struct lutra_mat *m, const struct lutra_act *a, int v,
                              int tile0, int tile1);

/* dense_mul of one vector (BYTES bound), where there is a loop for its type, and split_codes. */
bool lutra_dense_dot_ssse3(float *y, const struct lutra_mat *m, const struct lutra_act *a, int v,
                           int tile0, int tile1);
void lutra_split_codes_ssse3(const struct lutra_act *a, int v, int k0, int k1);

/* book_mul, for panel_mul: few vectors of codebooks whose panels need int16. */
void lutra_book_mul_avx2(float *y, size_t y_stride, const struct lutra_mat *m,
                         const struct lutra_act *a, int v0, int v1, int tile0, int tile1);

/* panel_mul and exact_mul, which AVX-512 leaves planes of 2 to 6 bits to; panel_scratch is enough. */
void lutra_panel_mul_avx2(float *y, size_t y_stride, const struct lutra_mat *m,
                          const struct lutra_act *a, int v0, int v1, int tile0, int tile1,
                          void *scratch);
void lutra_exact_mul_avx2(float *y, size_t y_stride, const struct lutra_mat *m,
                          const struct lutra_act *a, int v0, int v1, int tile0, int tile1,
                          void *scratch);

/* dense_mul of a few vectors (BYTES bound) one by one, which pays for up to so many, and split_codes. */
enum { LUTRA_DENSE_FEW = 3 };
static inline int lutra_dense_few(const struct lutra_mat *m)
{
    return m->bits == 6 || (m->bits == 2 && m->group > 16) ? LUTRA_DENSE_FEW - 1 : LUTRA_DENSE_FEW;
}
void lutra_dense_few_avx2(float *y, size_t y_stride, const struct lutra_mat *m,
                          const struct lutra_act *a, int v0, int v1, int tile0, int tile1);
void lutra_split_codes_avx2(const struct lutra_act *a, int v, int k0, int k1);

/* panel_mul and dense_mul alone, over what AVX2 has filled in; needs LUTRA_CPU_AVXVNNI. */
void lutra_mm_init_avxvnni(struct lutra_ops *ops);

/* These need LUTRA_CPU_AVX512, LUTRA_CPU_VBMI and LUTRA_CPU_VNNI512, all three: the files are
 * compiled for them. */
void lutra_lut_init_avx512(struct lutra_ops *ops); /* calls those of mm, vlut and quint */
void lutra_mm_init_avx512(struct lutra_ops *ops);
void lutra_vlut_init_avx512(struct lutra_ops *ops);
void lutra_quint_init_avx512(struct lutra_ops *ops); /* calls lutra_quint_mm_init_avx512 */
void lutra_quint_mm_init_avx512(struct lutra_ops *ops);
void lutra_vec_init_avx512(struct lutra_ops *ops);

/* tile_mul alone, over what AVX-512 has filled in; needs LUTRA_CPU_AMX too. */
void lutra_mm_init_amx(struct lutra_ops *ops);

/* dense_mul of a few vectors (BYTES bound), and split_codes. */
enum { LUTRA_DENSE_MOST_AVX512 = 11 };
void lutra_dense_few_avx512(float *y, size_t y_stride, const struct lutra_mat *m,
                            const struct lutra_act *a, int v0, int v1, int tile0, int tile1);
void lutra_split_codes_avx512(const struct lutra_act *a, int v, int k0, int k1);

/* Parts of AVX-512's panel_mul and its exact_mul; each needs so many bytes of scratch. */
void lutra_tern_mul_avx512(float *y, size_t y_stride, const struct lutra_mat *m,
                           const struct lutra_act *a, int v0, int v1, int tile0, int tile1,
                           void *scratch);
size_t lutra_tern_scratch_avx512(void);
void lutra_exact_mul_avx512(float *y, size_t y_stride, const struct lutra_mat *m,
                            const struct lutra_act *a, int v0, int v1, int tile0, int tile1,
                            void *scratch);
size_t lutra_exact_scratch_avx512(void);

/* book_mul (book_avx512.c), for panel_mul of vectors whose codes are all wide. */
void lutra_book_mul_avx512(float *y, size_t y_stride, const struct lutra_mat *m,
                           const struct lutra_act *a, int v0, int v1, int tile0, int tile1);

#endif
