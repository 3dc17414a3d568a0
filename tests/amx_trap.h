/* SPDX-License-Identifier: MIT */
/* AMX on a processor without it: every tile instruction traps (SIGILL), and the handler does in C
 * what it would have done, for the very bytes that a machine with AMX executes. What such a machine
 * would refuse (#GP, #UD) is counted and named in `amx_fault`, and the instruction does nothing.
 *
 * Encodings and operations after Intel's Software Developer's Manual, volume 2: LDTILECFG,
 * TILELOADD, TILESTORED, TILEZERO, TILERELEASE, TDPBSUD; other tile instructions are not expected.
 *
 *   c4  RXB.mmmmm  W.vvvv.L.pp  opcode  modrm  [sib]  [displacement]     (RXB and vvvv inverted) */
#ifndef LUTRA_TESTS_AMX_TRAP_H
#define LUTRA_TESTS_AMX_TRAP_H

#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <ucontext.h>

struct amx_tile {
    int rows, row_bytes; /* 0: not configured */
    union {
        int8_t b[16][64];
        int32_t i[16][16];
    } u;
};

/* One thread's tiles. */
static _Thread_local struct {
    bool on;
    struct amx_tile t[8];
} amx;

static atomic_long amx_done;              /* instructions */
static atomic_int amx_on;                 /* threads that have tiles */
static atomic_int amx_faults;
static const char *_Atomic amx_fault;     /* the last one */

static void amx_refuse(const char *why)
{
    atomic_store(&amx_fault, why);
    atomic_fetch_add(&amx_faults, 1);
}

/* ---- decoding ---- */

struct amx_insn {
    int pp, op, mod, reg, rm, vvvv;
    int length;
    const uint8_t *base; /* of the memory operand, with the displacement */
    int64_t index;       /* times its factor */
    bool sib, memory;
};

static int64_t amx_general(const ucontext_t *u, int n)
{
    static const int place[16] = {REG_RAX, REG_RCX, REG_RDX, REG_RBX, REG_RSP, REG_RBP,
                                  REG_RSI, REG_RDI, REG_R8,  REG_R9,  REG_R10, REG_R11,
                                  REG_R12, REG_R13, REG_R14, REG_R15};
    return u->uc_mcontext.gregs[place[n]];
}

/* False: not of the form that all tile instructions have. */
static bool amx_decode(struct amx_insn *x, const uint8_t *p, const ucontext_t *u)
{
    const uint8_t *start = p;
    if (p[0] != 0xc4 || (p[1] & 31) != 2 || (p[2] & 0x84) != 0) return false; /* 0F38, W0, 128 */
    const int r = p[1] & 0x80 ? 0 : 8, xx = p[1] & 0x40 ? 0 : 8, b = p[1] & 0x20 ? 0 : 8;
    memset(x, 0, sizeof *x);
    x->vvvv = ~p[2] >> 3 & 15;
    x->pp = p[2] & 3;
    x->op = p[3];
    x->mod = p[4] >> 6;
    x->reg = (p[4] >> 3 & 7) + r;
    x->rm = (p[4] & 7) + b;
    p += 5;
    x->memory = x->mod != 3;
    if (x->memory) {
        int64_t at = 0;
        int32_t wide;
        int base = x->rm & 7;
        if (base == 4) { /* base + index * 2^n; index 4 is none */
            const int index = (*p >> 3 & 7) + xx;
            x->sib = true;
            base = *p & 7;
            if (index != 4) x->index = (int64_t)((uint64_t)amx_general(u, index) << (*p >> 6));
            p++;
        }
        const bool none = base == 5 && x->mod == 0; /* a displacement alone, or from rip */
        if (x->mod == 1) at = (int8_t)*p++;
        if (x->mod == 2 || none) {
            memcpy(&wide, p, sizeof wide);
            at = wide;
            p += 4;
        }
        if (!none)
            at += amx_general(u, base + b);
        else if (!x->sib)
            at += (int64_t)(intptr_t)p;
        x->base = (const uint8_t *)(intptr_t)at;
    }
    x->length = (int)(p - start);
    return true;
}

/* ---- executing ---- */

/* 64 bytes: palette, start row, 14 zeros, 8 row lengths of 16 bits, 16 zeros, 8 row counts, 8
 * zeros */
static void amx_ldtilecfg(const uint8_t *p)
{
    static const struct {
        int at, n;
    } zeros[] = {{1, 15}, {32, 16}, {56, 8}};
    if (p[0] != 1) amx_refuse("ldtilecfg: palette");
    for (int i = 0; i < 3; i++)
        for (int k = zeros[i].at; k < zeros[i].at + zeros[i].n; k++)
            if (p[k]) amx_refuse("ldtilecfg: a reserved byte is not zero");
    if (!amx.on) atomic_fetch_add(&amx_on, 1);
    memset(&amx, 0, sizeof amx);
    amx.on = true;
    for (int i = 0; i < 8; i++) {
        const int rows = p[48 + i], bytes = p[16 + 2 * i] | p[17 + 2 * i] << 8;
        if (rows > 16 || bytes > 64 || !rows != !bytes)
            amx_refuse("ldtilecfg: rows or their bytes");
        else
            amx.t[i].rows = rows, amx.t[i].row_bytes = bytes;
    }
}

static void amx_memory(struct amx_tile *t, const struct amx_insn *x)
{
    if (!x->sib || t->rows == 0) {
        amx_refuse("load or store: no index, or a tile without rows");
        return;
    }
    if (x->pp == 3) memset(&t->u, 0, sizeof t->u);
    for (int r = 0; r < t->rows; r++) {
        uint8_t *p = (uint8_t *)(uintptr_t)x->base + x->index * r;
        if (x->pp == 3)
            memcpy(t->u.b[r], p, (size_t)t->row_bytes);
        else
            memcpy(p, t->u.b[r], (size_t)t->row_bytes);
    }
}

/* C += A * B, A signed and B unsigned */
static void amx_tdpbsud(int ic, int ia, int ib)
{
    struct amx_tile *c = &amx.t[ic & 7];
    const struct amx_tile *a = &amx.t[ia & 7], *b = &amx.t[ib & 7];
    if (ic > 7 || ia > 7 || ib > 7 || ic == ia || ia == ib || ic == ib || !c->rows || !b->rows ||
        c->rows != a->rows || c->row_bytes != b->row_bytes || a->row_bytes != 4 * b->rows ||
        c->row_bytes % 4) {
        amx_refuse("tdpbsud: shapes");
        return;
    }
    for (int m = 0; m < c->rows; m++)
        for (int k = 0; k < b->rows; k++)
            for (int n = 0; n < c->row_bytes / 4; n++) {
                uint32_t sum = (uint32_t)c->u.i[m][n];
                for (int i = 0; i < 4; i++)
                    sum += (uint32_t)(a->u.b[m][4 * k + i] * (uint8_t)b->u.b[k][4 * n + i]);
                c->u.i[m][n] = (int32_t)sum;
            }
}

/* False: no instruction of those above. */
static bool amx_execute(const struct amx_insn *x)
{
    const int what = x->op << 4 | x->pp << 1 | (x->memory ? 1 : 0);
    if (what == (0x49 << 4 | 1) && x->reg == 0) { /* ldtilecfg */
        amx_ldtilecfg(x->base);
        return true;
    }
    if (what == 0x49 << 4 && x->reg == 0 && x->rm == 0) { /* tilerelease */
        if (amx.on) atomic_fetch_sub(&amx_on, 1);
        memset(&amx, 0, sizeof amx);
        return true;
    }
    const bool zero = what == (0x49 << 4 | 3 << 1) && x->rm == 0;
    const bool load = what == (0x4b << 4 | 3 << 1 | 1), store = what == (0x4b << 4 | 2 << 1 | 1);
    const bool dot = what == (0x5e << 4 | 2 << 1);
    if (!zero && !load && !store && !dot) return false;
    if (!amx.on || x->reg > 7)
        amx_refuse("no tiles are configured, or no such tile");
    else if (dot)
        amx_tdpbsud(x->reg, x->rm, x->vvvv);
    else if (!zero)
        amx_memory(&amx.t[x->reg], x);
    else if (amx.t[x->reg].rows)
        memset(&amx.t[x->reg].u, 0, sizeof amx.t[x->reg].u);
    else
        amx_refuse("tilezero: a tile without rows");
    return true;
}

static void amx_on_trap(int number, siginfo_t *info, void *context)
{
    ucontext_t *u = context;
    struct amx_insn x;
    const uint8_t *p = (const uint8_t *)(intptr_t)u->uc_mcontext.gregs[REG_RIP];
    (void)info;
    if (!amx_decode(&x, p, u) || !amx_execute(&x)) {
        signal(number, SIG_DFL); /* not ours: die of it */
        return;
    }
    atomic_fetch_add(&amx_done, 1);
    u->uc_mcontext.gregs[REG_RIP] += x.length;
}

/* For the whole process. On a processor that has AMX nothing traps. */
static void amx_trap_open(void)
{
    struct sigaction sa = {.sa_sigaction = amx_on_trap, .sa_flags = SA_SIGINFO};
    sigaction(SIGILL, &sa, NULL);
}

#endif
