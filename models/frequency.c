/* SPDX-License-Identifier: MIT */
/* base^(-2i/n_rot), stretched for long contexts: linear (all alike), YaRN (slow pairs are, fast
 * ones are not; Peng et al. 2023, arXiv 2309.00071), or divided pair by pair. */
#include "models/frequency.h"

#include "kernels/lmath.h"
#include <math.h>

#define TWO_PI 6.283185307179586

/* The pair that turns `turns` times within the context the model was trained with. */
static double pair_of(const struct lutra_config *c, double base, int n_rot, double turns)
{
    double ctx = (double)c->rope.n_ctx_orig;
    return (double)n_rot * lutra_log(ctx / (turns * TWO_PI)) / (2.0 * lutra_log(base));
}

/* 1 for pairs that keep their speed, 0 for those that are stretched, a slope between. */
static double kept(double low, double high, int pair)
{
    double width = high - low > 0.001 ? high - low : 0.001;
    double y = ((double)pair - low) / width;
    return 1.0 - (y < 0.0 ? 0.0 : y > 1.0 ? 1.0 : y);
}

/* 0.1 mul log(factor) + 1: what stretching costs the scores is given back. */
static double gain(double factor, double mul)
{
    return factor <= 1.0 ? 1.0 : 0.1 * mul * lutra_log(factor) + 1.0;
}

float lutra_frequencies(double *freq, const struct lutra_config *c, const float *divisor, bool local)
{
    const struct lutra_rope_scaling *r = &c->rope;
    double base = local ? c->rope_base_local : c->rope_base;
    int n_rot = local ? c->n_rot_local : c->n_rot;
    bool scaled = !local || c->scaled_local, yarn = scaled && r->ext_factor != 0.0;
    double factor = scaled ? r->factor : 1.0, low = 0.0, high = 0.0;
    if (yarn) {
        low = floor(pair_of(c, base, n_rot, r->beta_fast));
        high = ceil(pair_of(c, base, n_rot, r->beta_slow));
        if (!(low > 0.0)) low = 0.0;
        if (!(high < n_rot - 1)) high = n_rot - 1;
    }
    for (int i = 0; i < n_rot / 2; i++) {
        double plain = lutra_pow(base, -2.0 * i / n_rot) / (divisor ? (double)divisor[i] : 1.0);
        double mix = yarn ? kept(low, high, i) * r->ext_factor : 0.0;
        freq[i] = plain / factor * (1.0 - mix) + plain * mix;
    }
    if (!scaled) return 1.0f;
    double size = yarn ? gain(factor, 1.0) : 1.0;
    if (yarn && r->log_mul != 0.0) size /= gain(factor, r->log_mul);
    return (float)(size * r->attn_factor);
}
