/* SPDX-License-Identifier: MIT */
/* The panel of bytes, the codes it meets and the sums in registers that mm_dotprod.c and mm_i8mm.c
 * share. */
#ifndef LUTRA_KERNELS_ARM_PANEL_TYPES_H
#define LUTRA_KERNELS_ARM_PANEL_TYPES_H

#include "kernels/arm/arm.h"

enum {
    VECTORS = 64,    /* share one unpacking */
    WIDE = 4,        /* vectors of a block */
    PART_COLS = 1536, /* columns of a panel, 24 KB: a multiple of 96, as k_pad is, and of 256, as
                         units are. Codes of 64 vectors are arranged for so many at a time: 96 KB */
    PIECE_COLS = 256 /* columns of the most quads (or octets) that a word of marks has bits for */
};

enum {
    CODES = VECTORS * PART_COLS, /* in a run */
    PIECES = CODES / 16 / WIDE,  /* blocks times groups of a run, at most */
    RUN_COLS = 128, /* columns of a run of groups, at least */
    RUN_X = 256, /* bytes of a run's sums: low, middle, high of 16 groups, 64 each; then 1 if any are high */
    SUMS = 8 /* registers of sums of a block, beside as many of floats: four vectors times 8 rows or
                two times 16 */
};

struct panel { /* the scratch of a thread */
    int8_t w[PART_COLS * 16]; /* eight columns of 16 rows in 128 bytes, in the file's order */
    float d[PART_COLS / 16 * 32], m[PART_COLS / 16 * 32]; /* [group] scales in the order of sums;
                                 of runs [run] d, dmin, and [group] */
    int32_t sc[PART_COLS / 32 * 32];
    int8_t mn[PART_COLS / RUN_COLS * 16 * 16]; /* [run] mn of its groups as codes of columns */
    int8_t low[CODES];        /* [block][columns]: lay_codes says how the codes of a block lie */
    int8_t high[CODES];       /* the same where there are marks, else anything */
    uint64_t marks[PIECES];   /* [block][piece]: which codes exceed a byte */
    union {
        float x[PIECES * 2 * WIDE]; /* [block][group] sums of codes as times_x wants them, if needed */
        int8_t runs[PIECES * 2 * WIDE * sizeof(float)]; /* [block][run] bytes of sums of its groups */
    };
    int32_t magic[SUMS * 4], zero[SUMS * 4]; /* what sums start from */
    float sums[SUMS * 4];     /* of a block before and after a part; TERN: the bits of integers */
    int32_t high_sums[PART_COLS / 16 * SUMS * 4]; /* [piece], where there are marks */
};

struct sums {
    int32x4_t v[SUMS]; /* the order of vectors and rows is the instruction's */
};

ARM_INLINE struct sums sums_fill(int n, int32_t x)
{
    struct sums s;

    ARM_UNROLL
    for (int i = 0; i < n; i++) s.v[i] = vdupq_n_s32(x);
    return s;
}

/* The processor has room for loads beside the products, none for copies of a register. */
ARM_INLINE struct sums sums_load(int n, const int32_t *p)
{
    struct sums s;

    ARM_UNROLL
    for (int i = 0; i < n; i++) s.v[i] = vld1q_s32(p + 4 * i);
    return s;
}

/* What a call works on: vectors [v0, v0 + n) of `a`; of columns a run, whose codes are arranged,
 * and a part of it, which is unpacked. */
struct strip {
    const struct lutra_mat *m;
    const struct lutra_act *a;
    struct panel *p;
    float *y;
    size_t y_stride;
    int v0, n;
    int row, half;      /* 16 rows; half of a tile of 32 one-bit rows, else 0 */
    int run, run_cols;  /* begin, columns: a multiple of 16 */
    int part, cols;     /* within the run: begin, columns */
    int piece;          /* columns of a word of marks: a group; of TERN and where sub-scales are
                           folded into bytes PIECE_COLS */
    bool first, last;   /* parts of the row */
    bool wide;          /* codes may exceed a byte */
    bool integers;      /* sums of a piece stay integers: TERN, runs of groups */
    bool small;         /* or they stay below 2^22 even so */
};

/* Which piece of the run is column k of it. */
ARM_INLINE size_t piece_at(const struct strip *s, int block, int k)
{
    const int each = (s->run_cols + s->piece - 1) / s->piece;

    return (size_t)(block * each + k / s->piece);
}

/* The same of runs of groups. */
ARM_INLINE size_t run_at(const struct strip *s, int block, int k)
{
    return (size_t)((block * s->run_cols + k) / s->m->run);
}

/* Where its codes are. */
ARM_INLINE size_t code_at(const struct strip *s, int block, int k)
{
    return (size_t)(block * s->run_cols + k) * WIDE;
}

#endif
