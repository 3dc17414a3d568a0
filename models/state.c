/* SPDX-License-Identifier: MIT */
/* Copies of recurrent state, and the way back. */
#include "models/state.h"

#include <string.h>

/* As many copies as fit these bytes, but at least LEAST: a chat that is continued goes back to the
 * end of the last prompt, or a little before it. */
enum { SAVED_BYTES = 64 << 20, SAVED_LEAST = 2 };

static size_t layer_floats(const struct lutra_config *c, int il)
{
    return lutra_config_conv_floats(c, il) + lutra_config_ssm_floats(c, il);
}

static size_t all_floats(const struct lutra_config *c)
{
    size_t sum = 0; /* 1024 layers of 2^29 at most: no overflow */
    for (int il = 0; il < c->n_layer; il++) sum += layer_floats(c, il);
    return (size_t)lutra_round_up(sum, LUTRA_ALIGN / sizeof(float));
}

static int copies(size_t floats)
{
    size_t n = floats > 0 ? SAVED_BYTES / (floats * sizeof(float)) : 0;
    return n > LUTRA_SAVED_MOST ? LUTRA_SAVED_MOST : n < SAVED_LEAST ? SAVED_LEAST : (int)n;
}

bool lutra_state_bytes(const struct lutra_config *c, uint64_t *bytes)
{
    size_t floats = all_floats(c);
    *bytes = 0;
    if (floats == 0) return true;
    return lutra_mul_ok(bytes, (uint64_t)floats * sizeof(float), 2 + (uint64_t)copies(floats));
}

void lutra_state_bind(struct lutra_state *s, const struct lutra_config *c, void *mem, uint64_t *at)
{
    uint64_t sum = 0;
    s->floats = all_floats(c);
    s->at = at;
    for (int il = 0; il < c->n_layer; il++) {
        at[il] = sum;
        sum += layer_floats(c, il);
    }
    s->now = mem;
    s->next = s->floats ? s->now + s->floats : NULL;
    s->saved = s->floats ? s->next + s->floats : NULL;
    s->n_saved = copies(s->floats);
    s->turn = 0;
    for (int i = 0; i < LUTRA_SAVED_MOST; i++) s->saved_at[i] = -1;
}

void lutra_state_step(struct lutra_state *s)
{
    float *old = s->now;
    s->now = s->next;
    s->next = old;
}

void lutra_state_save(struct lutra_state *s, int pos)
{
    if (s->floats == 0 || pos == 0) return;
    for (int i = 0; i < s->n_saved; i++)
        if (s->saved_at[i] == pos) return;
    int i = s->turn;
    s->turn = (s->turn + 1) % s->n_saved;
    memcpy(s->saved + (size_t)i * s->floats, s->now, s->floats * sizeof(float));
    s->saved_at[i] = pos;
}

int lutra_state_rewind(struct lutra_state *s, int n)
{
    int best = -1;
    for (int i = 0; i < s->n_saved; i++) {
        if (s->saved_at[i] > n) s->saved_at[i] = -1;
        if (s->saved_at[i] >= 0 && (best < 0 || s->saved_at[i] > s->saved_at[best])) best = i;
    }
    if (best >= 0) memcpy(s->now, s->saved + (size_t)best * s->floats, s->floats * sizeof(float));
    else if (s->floats > 0) memset(s->now, 0, s->floats * sizeof(float));
    return best >= 0 ? s->saved_at[best] : 0;
}
