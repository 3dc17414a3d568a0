/* SPDX-License-Identifier: MIT */
/* How much memory may still be taken, and how long a context that allows; also the clock. */
#include "runtime/session.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

double lutra_clock(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* The number behind `label` in a small text file of the system ("" : the first number); false if unreadable. */
static bool read_number(const char *path, const char *label, uint64_t *out)
{
    char buf[4096];
    FILE *f = fopen(path, "re");
    if (f == NULL) return false;
    size_t n = fread(buf, 1, sizeof buf - 1, f);
    fclose(f);
    buf[n] = 0;
    const char *at = label[0] ? strstr(buf, label) : buf;
    if (at == NULL) return false;
    at += strlen(label);
    char *end;
    unsigned long long v = strtoull(at, &end, 10);
    if (end == at) return false;
    *out = v;
    return true;
}

uint64_t lutra_memory_available(void)
{
    uint64_t kib = 0, max = 0, now = 0, best = 0;
    if (read_number("/proc/meminfo", "MemAvailable:", &kib)) best = kib * 1024;
    /* the memory cgroup of a container is mounted at its own root */
    if (read_number("/sys/fs/cgroup/memory.max", "", &max) && read_number("/sys/fs/cgroup/memory.current", "", &now)) {
        uint64_t left = max > now ? max - now : 1;
        if (best == 0 || left < best) best = left;
    }
    return best;
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
    uint64_t available = lutra_memory_available();
    uint64_t room = available == 0 ? 0 : available > reserved ? available - reserved : 1;
    bool free_choice = opt->n_ctx <= 0;
    if (free_choice) opt->n_ctx = c->n_ctx_train < CTX_DEFAULT ? c->n_ctx_train : CTX_DEFAULT;
    while (free_choice && opt->n_ctx / 2 >= CTX_LEAST && !fits(c, ops, opt, room)) opt->n_ctx /= 2;
    if (fits(c, ops, opt, room)) return LUTRA_OK;
    uint64_t kv = UINT64_MAX, scratch;
    lutra_eval_plan(c, ops, opt, &kv, &scratch);
    return lutra_fail(err, LUTRA_ENOMEM,
                      "a context of %d tokens needs %llu MiB for keys and values, %llu MiB are free; ask for less with -c",
                      opt->n_ctx, (unsigned long long)(kv >> 20), (unsigned long long)(room >> 20));
}
