/* SPDX-License-Identifier: MIT */
/* BITS lookups with SDOT, see lut_dotprod.c. */
#include "kernels/arm/arm_init.h"
#include "kernels/arm/lookup_dotprod.h"

ARM_INLINE struct ints pair_ints(const uint8_t *code, int n, const uint8_t *tab)
{
    struct dots s = dots_fill(0);

    for (int k = 0; k < n; k += LUTRA_STEP_K, code += 128, tab += 128) {
        prefetch_bytes(code, 64);
        s = look_two(s, code, code + 32, tab, 0);
    }
    return dots_join(s);
}

#include "kernels/arm/bits_body.h"

void lutra_bits_init_dotprod(struct lutra_ops *ops)
{
    ops->bits_lookup = bits_lookup;
}
