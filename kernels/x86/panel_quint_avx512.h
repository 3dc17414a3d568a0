/* SPDX-License-Identifier: MIT */
/* QUINT as a panel: 16 rows of a unit unpacked to one of its halves, digits 0, 1, 2 for -1, 0, 1.
 *
 * A byte holds five neighbouring columns, so digits of one place are columns five apart. They pass
 * through memory as [column][16 rows], 65 columns for every 64: four of them that follow each other
 * are 64 bytes, and shuffled a quad. */
#ifndef LUTRA_KERNELS_X86_PANEL_QUINT_AVX512_H
#define LUTRA_KERNELS_X86_PANEL_QUINT_AVX512_H

#include "kernels/x86/panel_avx512.h"
#include "kernels/x86/quint_avx512.h"

/* Byte 16*i + row = byte 4*row + i, and back. */
X512_INLINE __m512i quint_turn(bool back)
{
    uint8_t t[64];
    for (int i = 0; i < 64; i++)
        t[i] = (uint8_t)(back ? i % 4 * 16 + i / 4 : i % 16 * 4 + i / 16);
    return x512_load(t);
}

/* `steps` of 20 columns of 16 rows. */
static inline void quint_columns(uint8_t (*to)[16], const uint8_t *codes, int steps)
{
    const struct quint_split k = quint_split_tables();
    const __m512i turn = quint_turn(false), one = _mm512_set1_epi8(1);
    for (int i = 0; i < steps; i++, codes += LUTRA_QUINT_STEP, to += 20) {
        __m512i digit[5];
        step_digits(digit, &k, codes);
        X512_UNROLL
        for (int d = 0; d < 5; d++) {
            const __m512i x = _mm512_permutexvar_epi8(turn, _mm512_add_epi8(digit[d], one));
            _mm_store_si128((__m128i *)(void *)to[d], _mm512_castsi512_si128(x));
            _mm_store_si128((__m128i *)(void *)to[5 + d], _mm512_extracti32x4_epi32(x, 1));
            _mm_store_si128((__m128i *)(void *)to[10 + d], _mm512_extracti32x4_epi32(x, 2));
            _mm_store_si128((__m128i *)(void *)to[15 + d], _mm512_extracti32x4_epi32(x, 3));
        }
    }
}

/* Rows 16*quarter .. of a tile and up to 256 columns from k on. */
static void panel_quint(struct panel *p, int half, const struct lutra_mat *m, int tile, int quarter,
                        int k)
{
    const int subs = lutra_quint_subs(m->n_cols, k);
    const uint8_t *unit = lutra_mat_tile(m, tile) + (size_t)(k / LUTRA_QUINT_K) * m->unit_bytes;
    const __m512i turn = quint_turn(true);
    uint8_t columns[QUINT_COLUMNS][16] __attribute__((aligned(64)));
    quint_columns(columns, unit + lutra_quint_scales(m, subs) + 64 * quarter,
                  lutra_quint_steps(subs));
    for (int i = 0; i < 16 * subs; i++)
        _mm512_store_si512(p->q[i][half],
                           _mm512_permutexvar_epi8(turn, x512_load(columns[4 * i + i / 16])));
    for (int g = 0; g < 64 * subs / m->group; g++)
        _mm512_store_ps(p->d[half][g], x512_halves(unit + 2 * LUTRA_QUINT_ROWS * g + 32 * quarter));
}

#endif
