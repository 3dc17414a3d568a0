/* SPDX-License-Identifier: MIT */
/* BITS lookups with NEON: int16 sums live for one pair of planes of one unit, pairs meet in
 * int32. */
#include "kernels/arm/arm_init.h"
#include "kernels/arm/lookup_neon.h"

ARM_INLINE struct ints pair_ints(const uint8_t *code, int n, const uint8_t *tab)
{
    const int16x8_t zero = vdupq_n_s16(0);
    struct sums s = {{zero, zero, zero, zero}, {zero, zero, zero, zero}};

    for (int k = 0; k < n; k += LUTRA_STEP_K, code += 128, tab += 128) {
        prefetch_bytes(code, 64);
        s = look_pair(s, code, tab, false);
        s = look_pair(s, code + 32, tab + 64, false);
    }
    return sums_join(s);
}

#include "kernels/arm/bits_body.h"

void lutra_bits_init_neon(struct lutra_ops *ops)
{
    ops->bits_lookup = bits_lookup;
}
