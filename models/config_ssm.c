/* SPDX-License-Identifier: MIT */
/* Keys of state-space layers. */
#include "models/recurrent.h"

static lutra_status bad(const struct lutra_config *c, const struct lutra_gguf *g, const char *name, int value,
                        const char *than, int other, lutra_error *err)
{
    char reason[120];
    lutra_format(reason, sizeof reason, "%d %s %d", value, than, other);
    return lutra_config_blame(c, g, name, LUTRA_EFORMAT, reason, err);
}

lutra_status lutra_config_ssm(struct lutra_config *c, const struct lutra_gguf *g, lutra_error *err)
{
    const struct {
        const char *name;
        int *out, min, max;
    } keys[] = {{"ssm.conv_kernel", &c->conv_taps, 2, LUTRA_MAX_CONV},
                {"ssm.inner_size", &c->ssm_inner, 1, LUTRA_MAX_STATE},
                {"ssm.state_size", &c->ssm_state, 1, LUTRA_MAX_HEAD_DIM},
                {"ssm.time_step_rank", &c->ssm_heads, 1, LUTRA_MAX_HEADS},
                {"ssm.group_count", &c->ssm_groups, 1, LUTRA_MAX_HEADS}};
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        lutra_status st = lutra_config_int(c, g, keys[i].name, keys[i].min, keys[i].max, keys[i].out, err);
        if (st != LUTRA_OK) return st;
        if (*keys[i].out == 0) return lutra_config_missing(c, g, keys[i].name, err);
    }
    if (c->ssm_inner % c->ssm_heads != 0)
        return bad(c, g, "ssm.time_step_rank", c->ssm_heads, "does not divide ssm.inner_size", c->ssm_inner, err);
    if (c->ssm_heads % c->ssm_groups != 0)
        return bad(c, g, "ssm.group_count", c->ssm_groups, "does not divide ssm.time_step_rank", c->ssm_heads, err);
    c->conv_width = c->ssm_inner + 2 * c->ssm_groups * c->ssm_state; /* below 2^24 */
    if (c->conv_width > LUTRA_MAX_FF)
        return bad(c, g, "ssm.state_size", c->conv_width, "channels of the convolution are more than", LUTRA_MAX_FF, err);
    return LUTRA_OK;
}
