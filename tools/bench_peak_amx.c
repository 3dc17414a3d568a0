/* SPDX-License-Identifier: MIT */
/* Products of full tiles, 16 x 16 x 64, as fast as AMX makes them. In assembly, as kernels/x86/amx_tile.h says why. */
#include "tools/bench.h"

#if defined(__x86_64__)

int lutra_bench_peak_amx(int n)
{
    enum { ROWS = 16, BYTES = 64, SUMS = 4 };
    struct {
        uint8_t palette, start_row, reserved[14];
        uint16_t row_bytes[16];
        uint8_t n_rows[16];
    } shapes = {.palette = 1};
    for (int i = 0; i < 8; i++) {
        shapes.row_bytes[i] = BYTES;
        shapes.n_rows[i] = ROWS;
    }
    __asm__ volatile("ldtilecfg %0" : : "m"(shapes));
    for (int i = 0; i < n / ROWS / SUMS; i++)
        __asm__ volatile("tdpbsud %%tmm6, %%tmm4, %%tmm0\n\ttdpbsud %%tmm7, %%tmm4, %%tmm1\n\t"
                         "tdpbsud %%tmm6, %%tmm5, %%tmm2\n\ttdpbsud %%tmm7, %%tmm5, %%tmm3"
                         :
                         :
                         : "memory");
    __asm__ volatile("tilerelease" : : : "memory");
    return ROWS * BYTES;
}

#endif
