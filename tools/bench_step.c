/* SPDX-License-Identifier: MIT */
/* Counts the instructions of a piece of work: a child does it, stepped by the parent. */
#include <stdlib.h>

#include "tools/bench_ops.h"

#if defined(__linux__) && defined(__x86_64__)

#include <errno.h>
#include <signal.h>
#include <sys/ptrace.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

enum { SLOTS = 1 << 16 }; /* of the places that are executed; kernels have some thousands */

/* How often each address was executed. Open addressing; the child's code is ours, at the same
 * place. */
struct places {
    uint64_t at[SLOTS], n[SLOTS];
    int used;
};

static bool note(struct places *p, uint64_t at)
{
    uint64_t i = (at * 0x9E3779B97F4A7C15u) >> 48 & (SLOTS - 1);
    while (p->at[i] && p->at[i] != at) i = (i + 1) & (SLOTS - 1);
    if (p->at[i] == 0 && ++p->used > SLOTS / 2) return false;
    p->at[i] = at;
    p->n[i]++;
    return true;
}

static void nothing(void *arg)
{
    (void)arg;
}

/* The child: stops, works, stops. */
static void be_stepped(void (*work)(void *), void *arg)
{
    if (ptrace(PTRACE_TRACEME, 0, 0, 0) != 0) _exit(1);
    raise(SIGSTOP);
    work(arg);
    raise(SIGSTOP);
    _exit(0);
}

/* Wait for the child; true if it stopped with `sig`. */
static bool stopped_by(pid_t pid, int sig)
{
    int status;
    pid_t got;
    do got = waitpid(pid, &status, 0);
    while (got < 0 && errno == EINTR);
    return got == pid && WIFSTOPPED(status) && WSTOPSIG(status) == sig;
}

static bool step_through(pid_t pid, struct places *p)
{
    struct user_regs_struct regs;
    if (!stopped_by(pid, SIGSTOP)) return false;
    for (;;) {
        int status;
        if (ptrace(PTRACE_SINGLESTEP, pid, 0, 0) != 0 || waitpid(pid, &status, 0) != pid ||
            !WIFSTOPPED(status))
            return false;
        if (WSTOPSIG(status) == SIGSTOP) return true;
        if (WSTOPSIG(status) != SIGTRAP || ptrace(PTRACE_GETREGS, pid, 0, &regs) != 0 ||
            !note(p, regs.rip))
            return false;
    }
}

static bool step(struct places *p, void (*work)(void *), void *arg)
{
    pid_t pid = fork();
    if (pid == 0) be_stepped(work, arg);
    if (pid < 0) return false;
    bool ok = step_through(pid, p);
    kill(pid, SIGKILL);
    while (waitpid(pid, NULL, 0) < 0 && errno == EINTR) continue;
    return ok;
}

/* Adds what was executed, `sign` times. */
static void add_up(struct lutra_op_counts *c, const struct places *p, double sign)
{
    struct lutra_op_counts one;
    for (int i = 0; i < SLOTS; i++) {
        double n = sign * (double)p->n[i];
        if (p->at[i] == 0) continue;
        c->instructions += n;
        lutra_insn_ops((const uint8_t *)(uintptr_t)p->at[i], &one);
        c->lookups += n * one.lookups;
        c->adds += n * one.adds;
        c->int_muls += n * one.int_muls;
        c->float_muls += n * one.float_muls;
    }
}

bool lutra_step_count(void (*work)(void *arg), void *arg, struct lutra_op_counts *c)
{
    struct places *p = calloc(2, sizeof *p);
    *c = (struct lutra_op_counts){0};
    /* the way into and out of the stops is no part of the work */
    bool ok = p && step(&p[0], work, arg) && step(&p[1], nothing, NULL);
    if (ok) add_up(c, &p[0], 1);
    if (ok) add_up(c, &p[1], -1);
    free(p);
    return ok;
}

#else

bool lutra_step_count(void (*work)(void *arg), void *arg, struct lutra_op_counts *c)
{
    (void)work;
    (void)arg;
    *c = (struct lutra_op_counts){0};
    return false;
}

#endif
