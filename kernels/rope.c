/* SPDX-License-Identifier: MIT */
/* Angles of rotary positions: one table per position, shared by all heads. */
#include "kernels/lmath.h"
#include "kernels/ops.h"

void lutra_rope_table(float *cs, float *sn, const double *freq, int n, int pos)
{
    for (int i = 0; i < n; i++) {
        double s, c;
        lutra_sincos((double)pos * freq[i], &s, &c);
        cs[i] = (float)c;
        sn[i] = (float)s;
    }
}
