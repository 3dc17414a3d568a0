/* SPDX-License-Identifier: MIT */
/* From logits to one id: penalties, top-k, top-p, min-p, temperature, seeded draw; greedy at 0. */
#ifndef LUTRA_RUNTIME_SAMPLER_H
#define LUTRA_RUNTIME_SAMPLER_H

#include "kernels/base.h"

/* llama.cpp's names and order: penalties, top_k, top_p, min_p, temperature. */
struct lutra_sampler_params {
    float temp;              /* <= 0: greedy */
    int top_k;               /* <= 0: all */
    float top_p;             /* >= 1: off */
    float min_p;             /* <= 0: off */
    float repeat_penalty;    /* 1: off */
    int repeat_last_n;       /* 0: off, -1: whole context */
    float presence_penalty;
    float frequency_penalty;
    uint64_t seed;
};

struct lutra_sampler;

/* n_vocab logits at most; all memory is taken here, none per token.
 * Errors LUTRA_ENOMEM; LUTRA_EINVAL: a parameter is NaN or infinite, repeat_penalty is not above 0,
 * repeat_last_n below -1. */
lutra_status lutra_sampler_open(struct lutra_sampler **out, int n_vocab, int n_ctx,
                                const struct lutra_sampler_params *p, lutra_error *err);

/* As after opening with these parameters: empty window, generator at its seed. Bans stay. */
lutra_status lutra_sampler_reset(struct lutra_sampler *s, const struct lutra_sampler_params *p,
                                 lutra_error *err);

/* id, of prompt or answer, joins the window of the penalties; what is no id is ignored. */
void lutra_sampler_accept(struct lutra_sampler *s, int32_t id);
void lutra_sampler_forget(struct lutra_sampler *s); /* empty window; generator state stays */

/* Never chosen from now on (--ignore-eos), besides those banned before; copied. */
void lutra_sampler_ban(struct lutra_sampler *s, const int32_t *ids, int n);

/* Choose from logits (read only). Deterministic: same logits, params and history give the same id
 * on every machine (own exp, own generator; ties go to the lower id). Logits that are not finite
 * are never chosen. Errors LUTRA_ENUMERIC if none is finite; *id is then 0. */
lutra_status lutra_sampler_pick(struct lutra_sampler *s, const float *logits, int n, int32_t *id,
                                lutra_error *err);
/* The generator's state: where the random sequence stands. */
void lutra_sampler_rng(const struct lutra_sampler *s, uint64_t rng[4]);
void lutra_sampler_set_rng(struct lutra_sampler *s, const uint64_t rng[4]);

size_t lutra_sampler_bytes(int n_vocab, int n_ctx);
void lutra_sampler_free(struct lutra_sampler *s);

#endif
