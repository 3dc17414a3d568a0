/* SPDX-License-Identifier: MIT */
/* Enough of an x86-64 decoder to tell vector lookups, additions and multiplications apart. */
#include <string.h>

#include "tools/bench_ops.h"

enum what { NONE, LOOKUP, ADD, MUL, MUL_ADD, FLOAT_ADD, FLOAT_MUL, FLOAT_MUL_ADD };

/* One vector instruction. `bytes` of an element; multiply-adds: of a factor. */
struct row {
    uint8_t map, pp, op; /* map 1: 0F, 2: 0F38; pp 0: none, 1: 66, 2: F3, 3: F2 */
    uint8_t what, bytes;
};

static const struct row rows[] = {
    {2, 1, 0x00, LOOKUP, 1}, /* pshufb */
    {2, 1, 0x8D, LOOKUP, 1}, /* vpermb, vpermw */
    {2, 1, 0x75, LOOKUP, 1}, /* vpermi2b, vpermi2w */
    {2, 1, 0x7D, LOOKUP, 1}, /* vpermt2b, vpermt2w */
    {1, 1, 0xFC, ADD, 1},    /* paddb and so on */
    {1, 1, 0xFD, ADD, 2},
    {1, 1, 0xFE, ADD, 4},
    {1, 1, 0xD4, ADD, 8},
    {1, 1, 0xEC, ADD, 1}, /* with saturation */
    {1, 1, 0xED, ADD, 2},
    {1, 1, 0xDC, ADD, 1},
    {1, 1, 0xDD, ADD, 2},
    {1, 1, 0xF8, ADD, 1}, /* psubb and so on */
    {1, 1, 0xF9, ADD, 2},
    {1, 1, 0xFA, ADD, 4},
    {1, 1, 0xFB, ADD, 8},
    {1, 1, 0xE8, ADD, 1},
    {1, 1, 0xE9, ADD, 2},
    {1, 1, 0xD8, ADD, 1},
    {1, 1, 0xD9, ADD, 2},
    {1, 1, 0xF6, ADD, 1}, /* psadbw */
    {2, 1, 0x01, ADD, 2}, /* phaddw, phaddd */
    {2, 1, 0x02, ADD, 4},
    {2, 1, 0x08, MUL, 1}, /* psignb, psignw, psignd: times -1, 0, 1 */
    {2, 1, 0x09, MUL, 2},
    {2, 1, 0x0A, MUL, 4},
    {2, 1, 0x40, MUL, 4}, /* pmulld, pmulhrsw, pmuldq; vpmullq has no use here */
    {2, 1, 0x0B, MUL, 2},
    {2, 1, 0x28, MUL, 8},
    {1, 1, 0xD5, MUL, 2}, /* pmullw, pmulhw, pmulhuw, pmuludq */
    {1, 1, 0xE5, MUL, 2},
    {1, 1, 0xE4, MUL, 2},
    {1, 1, 0xF4, MUL, 8},
    {2, 1, 0x04, MUL_ADD, 1}, /* pmaddubsw */
    {1, 1, 0xF5, MUL_ADD, 2}, /* pmaddwd */
    {2, 1, 0x50, MUL_ADD, 1}, /* vpdpbusd, vpdpbusds and their signed kin */
    {2, 1, 0x51, MUL_ADD, 1},
    {2, 3, 0x50, MUL_ADD, 1},
    {2, 3, 0x51, MUL_ADD, 1},
    {2, 2, 0x50, MUL_ADD, 1},
    {2, 2, 0x51, MUL_ADD, 1},
    {2, 1, 0x52, MUL_ADD, 2}, /* vpdpwssd, vpdpwssds */
    {2, 1, 0x53, MUL_ADD, 2},
    {1, 0, 0x58, FLOAT_ADD, 4}, /* addps, addpd, addss, addsd; subps and so on */
    {1, 1, 0x58, FLOAT_ADD, 8},
    {1, 2, 0x58, FLOAT_ADD, 0},
    {1, 3, 0x58, FLOAT_ADD, 0},
    {1, 0, 0x5C, FLOAT_ADD, 4},
    {1, 1, 0x5C, FLOAT_ADD, 8},
    {1, 2, 0x5C, FLOAT_ADD, 0},
    {1, 3, 0x5C, FLOAT_ADD, 0},
    {1, 0, 0x59, FLOAT_MUL, 4},
    {1, 1, 0x59, FLOAT_MUL, 8},
    {1, 2, 0x59, FLOAT_MUL, 0}, /* bytes 0: one element */
    {1, 3, 0x59, FLOAT_MUL, 0},
};

/* An instruction's table, opcode and width. */
struct parts {
    int map, pp, op, width; /* width: bytes of the vector */
    bool w;
};

static int pp_of(uint8_t prefix)
{
    return prefix == 0x66 ? 1 : prefix == 0xF3 ? 2 : prefix == 0xF2 ? 3 : 0;
}

/* 66, F2, F3, REX, then 0F or 0F 38: instructions of 16 bytes. */
static bool read_legacy(const uint8_t *p, struct parts *x)
{
    x->width = 16;
    x->pp = 0;
    for (; pp_of(*p) || *p == 0x2E || *p == 0x3E; p++)
        if (pp_of(*p)) x->pp = pp_of(*p);
    if ((*p & 0xF0) == 0x40) x->w = (*p++ & 8) != 0;
    if (*p++ != 0x0F) return false;
    x->map = *p == 0x38 ? 2 : *p == 0x3A ? 3 : 1;
    if (x->map > 1) p++;
    x->op = *p;
    return true;
}

static bool read_parts(const uint8_t *p, struct parts *x)
{
    memset(x, 0, sizeof *x);
    switch (*p) {
    case 0xC5: /* VEX of two bytes */
        *x = (struct parts){1, p[1] & 3, p[2], p[1] & 4 ? 32 : 16, false};
        return true;
    case 0xC4:
        *x = (struct parts){p[1] & 31, p[2] & 3, p[3], p[2] & 4 ? 32 : 16, (p[2] & 0x80) != 0};
        return true;
    case 0x62: /* EVEX */
        *x = (struct parts){p[1] & 7, p[2] & 3, p[4], 16 << (p[3] >> 5 & 3), (p[2] & 0x80) != 0};
        return x->width <= 64;
    default:
        return read_legacy(p, x);
    }
}

/* 96-9F, A6-AF, B6-BF of 0F38: fused float multiply-adds, of pairs of lanes or of one lane too. */
static bool is_fused(const struct parts *x, struct row *r)
{
    int low = x->op & 15;
    bool one = low == 9 || low == 11 || low == 13 || low == 15;
    if (x->map != 2 || x->pp != 1 || x->op < 0x96 || x->op > 0xBF || low < 6) return false;
    *r = (struct row){2, 1, (uint8_t)x->op, FLOAT_MUL_ADD, one ? 0 : x->w ? 8 : 4};
    return true;
}

static const struct row *find(const struct parts *x, struct row *fused)
{
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (rows[i].op == x->op && rows[i].map == x->map && rows[i].pp == x->pp) return &rows[i];
    return is_fused(x, fused) ? fused : NULL;
}

void lutra_insn_ops(const uint8_t *code, struct lutra_op_counts *one)
{
    struct parts x;
    struct row fused;
    memset(one, 0, sizeof *one);
    const struct row *r = read_parts(code, &x) ? find(&x, &fused) : NULL;
    if (r == NULL) return;
    double n = r->bytes ? (double)x.width / r->bytes : 1;
    if (r->what == LOOKUP) one->lookups = n; /* of words too: both their bytes */
    if (r->what == ADD || r->what == FLOAT_ADD || r->what == FLOAT_MUL_ADD) one->adds = n;
    if (r->what == MUL || r->what == MUL_ADD) one->int_muls = n;
    if (r->what == FLOAT_MUL || r->what == FLOAT_MUL_ADD) one->float_muls = n;
    /* products of bytes are added in pairs, or in fours to a sum: as many additions as products */
    bool to_sum = r->what == MUL_ADD && r->op >= 0x50 && r->op <= 0x53 && r->map == 2;
    if (r->what == MUL_ADD) one->adds = to_sum ? n : n / 2;
}
