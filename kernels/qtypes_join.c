/* SPDX-License-Identifier: MIT */
/* Codes, scales and minima put together into blocks: the inverse of lutra_split_block.
 *
 * Written over bit positions, weight by weight, where splitting and decoding are loops over bytes:
 * an independent reading of the pictures in kernels/qblocks.h, slow and plain. For tests, synthetic
 * models and quantizers. */
#include "kernels/qtypes.h"

#include <string.h>

#include "kernels/qblocks.h"

/* Where some bits of a code live: byte `at` of the block, from bit `shift` up, `bits` of them. */
struct place {
    int at, shift, bits;
};

/* The low p.bits of v; blocks start out as zeros. */
static void put(uint8_t *block, struct place p, unsigned v)
{
    block[p.at] |= (uint8_t)((v & ((1u << p.bits) - 1)) << p.shift);
}

/* The three ways codes are spread over bytes; `at` is where the array begins. */
static struct place halves(int at, int i) /* 32 weights, 16 bytes of nibbles */
{
    return (struct place){at + i % 16, i / 16 * 4, 4};
}

static struct place nibbles(int at, int run, int i) /* `run` low nibbles, then `run` high ones */
{
    return (struct place){at + i / (2 * run) * run + i % run, i / run % 2 * 4, 4};
}

static struct place quarters(int at, int i)
{
    return (struct place){at + i / 128 * 32 + i % 32, i / 32 % 4 * 2, 2};
}

static struct place flags(int at, int i) /* one bit of each of 32 bytes per 32 weights */
{
    return (struct place){at + i % 32, i / 32, 1};
}

/* Low and high bits of code i; hi->bits is 0 if the format has none. */
static void code_places(int type, int i, struct place *lo, struct place *hi)
{
    *hi = (struct place){0, 0, 0};
    switch (type) {
    case LUTRA_TYPE_Q8_0: *lo = (struct place){2 + i, 0, 8}; break;
    case LUTRA_TYPE_Q4_0: *lo = halves(2, i); break;
    case LUTRA_TYPE_Q4_1: *lo = halves(4, i); break;
    case LUTRA_TYPE_Q5_0:
        *lo = halves(6, i);
        *hi = (struct place){2 + i / 8, i % 8, 1};
        break;
    case LUTRA_TYPE_Q5_1:
        *lo = halves(8, i);
        *hi = (struct place){4 + i / 8, i % 8, 1};
        break;
    case LUTRA_TYPE_Q2_K: *lo = quarters(16, i); break;
    case LUTRA_TYPE_Q3_K:
        *lo = quarters(32, i);
        *hi = flags(0, i);
        break;
    case LUTRA_TYPE_Q4_K: *lo = nibbles(16, 32, i); break;
    case LUTRA_TYPE_Q5_K:
        *lo = nibbles(48, 32, i);
        *hi = flags(16, i);
        break;
    case LUTRA_TYPE_Q6_K:
        *lo = nibbles(0, 64, i);
        *hi = quarters(128, i);
        break;
    case LUTRA_TYPE_Q1_0: *lo = (struct place){2 + i / 8, i % 8, 1}; break;
    case LUTRA_TYPE_Q2_0:
    case LUTRA_TYPE_Q2_0_G128: *lo = (struct place){2 + i / 4, i % 4 * 2, 2}; break;
    default: *lo = quarters(0, i); break; /* TQ2_0 */
    }
}

/* Low and high bits of sub-scale and sub-minimum g. Q6_K's scales are whole bytes. */
static void scale_places(int type, int g, struct place sc[2], struct place mn[2])
{
    memset(sc, 0, 2 * sizeof *sc);
    memset(mn, 0, 2 * sizeof *mn);
    if (type == LUTRA_TYPE_Q2_K) {
        sc[0] = (struct place){g, 0, 4};
        mn[0] = (struct place){g, 4, 4};
    } else if (type == LUTRA_TYPE_Q3_K) {
        sc[0] = (struct place){96 + g % 8, g / 8 * 4, 4};
        sc[1] = (struct place){104 + g % 4, g / 4 * 2, 2};
    } else if (type == LUTRA_TYPE_Q6_K) {
        sc[0] = (struct place){192 + g, 0, 8};
    } else if (g < 4) { /* Q4_K, Q5_K */
        sc[0] = (struct place){4 + g, 0, 6};
        mn[0] = (struct place){8 + g, 0, 6};
    } else {
        sc[0] = (struct place){8 + g, 0, 4};
        sc[1] = (struct place){g, 6, 2};
        mn[0] = (struct place){8 + g, 4, 4};
        mn[1] = (struct place){4 + g, 6, 2};
    }
}

/* Where f16 `d` and `dmin` are; -1: the format has none. */
static void float_places(int type, int *d, int *dmin)
{
    const struct lutra_type_info *t = lutra_type_info((uint32_t)type);
    *dmin = -1;
    *d = 0;
    switch (type) {
    case LUTRA_TYPE_Q4_1:
    case LUTRA_TYPE_Q5_1:
    case LUTRA_TYPE_Q4_K:
    case LUTRA_TYPE_Q5_K: *dmin = 2; break;
    case LUTRA_TYPE_Q2_K:
        *d = t->bytes - 4;
        *dmin = t->bytes - 2;
        break;
    case LUTRA_TYPE_Q3_K:
    case LUTRA_TYPE_Q6_K:
    case LUTRA_TYPE_TQ1_0:
    case LUTRA_TYPE_TQ2_0: *d = t->bytes - 2; break;
    default: break;
    }
}

/* TQ1_0: byte and digit of weight i. */
static void trit_place(int i, int *at, int *digit)
{
    if (i < 160) {
        *at = i % 32;
        *digit = i / 32;
    } else if (i < 240) {
        *at = 32 + (i - 160) % 16;
        *digit = (i - 160) / 16;
    } else {
        *at = 48 + (i - 240) % 4;
        *digit = (i - 240) / 4;
    }
}

static void join_trits(uint8_t *b, const struct lutra_split *in)
{
    static const uint8_t weight[5] = {81, 27, 9, 3, 1};
    int sum[52] = {0};
    for (int i = 0; i < 256; i++) {
        int at, digit;
        trit_place(i, &at, &digit);
        sum[at] += weight[digit] * (in->q[i] > 2 ? 2 : in->q[i]);
    }
    for (int i = 0; i < 52; i++) b[i] = (uint8_t)((sum[i] * 256 + 242) / 243); /* ceil(256 * 0.t) */
}

void lutra_join_block(int type, void *block, const struct lutra_split *in)
{
    const struct lutra_code_info *c = lutra_code_info(type);
    const struct lutra_type_info *t = lutra_type_info((uint32_t)type);
    uint8_t *b = block;
    int d, dmin;
    assert(c);
    if (!c) return;
    memset(b, 0, (size_t)t->bytes);
    float_places(type, &d, &dmin);
    qblocks_put_u16(b + d, in->d);
    if (dmin >= 0) qblocks_put_u16(b + dmin, in->dmin);
    if (type == LUTRA_TYPE_TQ1_0) {
        join_trits(b, in);
    } else {
        unsigned flip = type == LUTRA_TYPE_Q8_0 ? 128 : 0; /* q + 128 to int8 */
        for (int i = 0; i < t->block; i++) {
            struct place lo, hi;
            code_places(type, i, &lo, &hi);
            put(b, lo, in->q[i] ^ flip);
            put(b, hi, (unsigned)in->q[i] >> lo.bits);
        }
    }
    for (int g = 0; c->sub && g < t->block / c->group; g++) {
        struct place sc[2], mn[2];
        uint8_t scale = (uint8_t)(in->sc[g] + (type == LUTRA_TYPE_Q3_K ? 32 : 0));
        scale_places(type, g, sc, mn);
        put(b, sc[0], scale);
        put(b, sc[1], scale >> sc[0].bits);
        put(b, mn[0], in->mn[g]);
        put(b, mn[1], in->mn[g] >> mn[0].bits);
    }
}
