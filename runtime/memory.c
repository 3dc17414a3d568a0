/* SPDX-License-Identifier: MIT */
/* How long a context the memory that may still be taken allows; also the clock. */
#include "runtime/session.h"

#include <time.h>

#include "kernels/ram.h"

double lutra_clock(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

enum {
    CTX_DEFAULT = 8192, /* enough for a chat; more costs memory that most people would rather keep */
    CTX_LEAST = 256
};

static bool fits(const struct lutra_config *c, const struct lutra_ops *ops, const struct lutra_eval_options *opt,
                 uint64_t room)
{
    uint64_t kv, scratch;
    if (!lutra_eval_plan(c, ops, opt, &kv, &scratch)) return false;
    return room == 0 || (kv <= room && scratch <= room - kv);
}

lutra_status lutra_choose_ctx(const struct lutra_config *c, const struct lutra_ops *ops, struct lutra_eval_options *opt,
                              uint64_t reserved, lutra_error *err)
{
    uint64_t available = lutra_ram_available();
    uint64_t room = available == 0 ? 0 : available > reserved ? available - reserved : 1;
    bool free_choice = opt->n_ctx <= 0;
    if (c->learned_positions && opt->n_ctx > c->n_ctx_train) opt->n_ctx = c->n_ctx_train; /* there are no more */
    if (free_choice) opt->n_ctx = c->n_ctx_train < CTX_DEFAULT ? c->n_ctx_train : CTX_DEFAULT;
    while (free_choice && opt->n_ctx / 2 >= CTX_LEAST && !fits(c, ops, opt, room)) opt->n_ctx /= 2;
    if (fits(c, ops, opt, room)) return LUTRA_OK;
    uint64_t kv = UINT64_MAX, scratch;
    lutra_eval_plan(c, ops, opt, &kv, &scratch);
    return lutra_fail(err, LUTRA_ENOMEM,
                      "a context of %d tokens needs %llu MiB for keys and values, %llu MiB are free; ask for less with -c",
                      opt->n_ctx, (unsigned long long)(kv >> 20), (unsigned long long)(room >> 20));
}
