/* SPDX-License-Identifier: MIT */
/* Packed weight matrices and the activations they meet.
 *
 * The method is T-MAC's (Wei et al., EuroSys 2025, arXiv 2407.00088): cut b-bit weights into b
 * planes of one bit, take four weights of one plane as a 4-bit index, and look up the sum of the
 * four activations that the index selects. What is ours: activations are integers of up to 14 bits
 * under ONE scale per vector, entries are split exactly into two signed bytes, and all sums are
 * exact in int32.
 *
 *   y[r] = x_scale * sum over groups g, ascending, of
 *              ( D[r][g] * (float)(mul * S[r][g] - offset * X[g])   multiply, then add, not fused
 *              + M[r][g] * (float)X[g] )                            second add, if there are minima
 *   S[r][g] = sum of q[r][k] * c[k] over group g (exact int32), X[g] = sum of c[k] over group g,
 *   c[k] integer codes of the activations, q[r][k] unsigned codes of the weights. mul is 1, and 2
 *   for one bit, where q = 0, 1 weighs -1, +1: 2*S - X is the sum of +-c, exact like S.
 *
 * Where D = d * sc with sc an integer (Q2_K to Q5_K) groups are first added up with sc, and X with mn,
 * in int32 over a run of as many columns as that can hold, and then, runs ascending:
 *
 *              ( d[r] * (float)(sum over the run's groups of sc[r][g] * (S[r][g] - offset * X[g]))
 *              - dmin[r] * (float)(sum over the run's groups of mn[r][g] * X[g]) )
 *
 *   |sum| <= code * sc * LUTRA_CODE_MAX * columns: Q2_K 3 * 15 * 8128 * 256 = 94e6, Q3_K 4 * 32 * 8128 *
 *   256 = 266e6, Q4_K 15 * 63 * 8128 * 256 = 1966e6, Q5_K 31 * 63 * 8128 * 128 = 2032e6 < 2^31. Q6_K,
 *   32 * 128 * 8128 * 64 = 2131e6, would gain nothing from runs of four groups.
 *
 * Any instruction set, any number of threads and any number of vectors give the same bits, because
 * the integers are exact and the float part has one order. Summation starts from 0.0f.
 *
 * ---- kinds ----
 * PLANES  bit planes of 2..6 bits, looked up.      tile: 16 rows
 *         one bit, looked up.                      tile: 32 rows
 * DENSE   the same codes of 2..6 bits as nibbles, pairs and single bits: integer dot.   tile: 16 rows
 * BITS    planes of 1..8 bits of codes that no file type has, looked up; any number of columns; for
 *         measuring what a bit costs.              tile: 32 rows
 * TERN    base-3 codes, 1.667 bits, in one of two layouts: sign apart, tile: 32 rows; or TRIO,
 *         tile: 64 rows.  (true ternary, one scale per tensor or row, at most 2^18 columns so that
 *         the row's one sum fits int32)
 * QUINT   five trits a byte, 1.625 bits and the scales: ternary of any scales, for levels that
 *         look it up faster than planes.           tile: 64 rows
 * I8      Q8_0: signed bytes, integer dot.         tile: 16 rows
 * BOOK    codebook types: 4-bit codes of 16 values, integer dot.   tile: 16 rows
 * F32, F16, BF16   rows as in the file, dot product with the float activations.  tile: 1 row
 *
 * ---- unit ----
 * A tile is a run of units, a unit is `unit_k` columns (a block: 32, 64, 128 or 256) of 16 rows, 32
 * for one bit: first its scales, then its codes. Tiles are read once, strictly forward. Rows past
 * n_rows are zero.
 *
 *   scale kind  bytes before the codes of a unit (rows in natural order)
 *   F16         d f16[16], f16[32] for one bit                 per unit, whatever its columns
 *   F16_MIN     d f16[16], m f16[16]                           M = +m
 *   SUB         d f16[16], sc int8[unit_k/group][16]           D = d * sc
 *   SUB_MIN     d f16[16], dmin f16[16], sc uint8[8][16], mn uint8[8][16]
 *                                                              group 32; M = -(dmin * mn)
 *   SUB_MIN4    d f16[16], dmin f16[16], scmn uint8[16][16]    group 16; low nibble sc, high mn
 *   F16_EACH    d f16[unit_k/group][16]                        BOOK; a unit is one group or two
 *   E8M0        e uint8[unit_k/group][16]                      BOOK; D = 2^(e - 128)
 *
 * ---- PLANES codes ----
 * Columns in steps of 16 (four quads of four columns; octet 0 = quads 0 1, octet 1 = quads 2 3):
 *
 *   for octet o in 0, 1:  for plane pair p in 0 .. bits/2-1:   32 bytes
 *       byte 2*slot + j   low nibble  = plane 2p+j of quad 2o
 *                         high nibble = plane 2p+j of quad 2o+1
 *   if bits is odd:                                            32 bytes
 *       byte 2*slot + j   low nibble  = plane bits-1 of quad 2j
 *                         high nibble = plane bits-1 of quad 2j+1
 *
 * Bit i of a nibble is column 4*quad + i, so a byte holds an octet, bit i = column i. slot(row) =
 * lutra_lut_slot: rows 0-3, 8-11, 4-7, 12-15 in this order, so that unpacklo/unpackhi of int16 sums
 * leave rows 0-7 and 8-15 in order. bits*32 bytes a step.
 *
 * One bit, tile of 32 rows: columns in octets, 32 bytes each: byte lutra_bit_slot(row), bit i =
 * column i, so that the low nibble is the even quad and the high nibble the odd one. No plane pairs
 * here, so neighbouring bytes are different rows: entries of the two quads are interleaved, and
 * maddubs with ones adds them in int16. Slots: rows 0-3 8-11 16-19 24-27, then 4-7 12-15 20-23
 * 28-31, so that unpacking bytes to 16 and 32 bits inside lanes of 16 bytes leaves eight rows in
 * order.
 *
 * Activation table for PLANES ("quad table"): per quad 32 bytes, lo[16] then hi[16], both int8:
 *   entry e = sum of c[4*quad+i] for the bits i of e;   entry = lo + 256*hi, lo in [-128, 127].
 * |c| <= LUTRA_CODE_MAX keeps hi in int8. With planes weighted through maddubs (1,2 | 4,8 | 16,32)
 * int16 sums of one step of 6 bits are <= 4 * 128 * 63 = 32256; a 32-group of 4 or 5 bits:
 * <= 8 * 128 * 31 = 31744; 256 columns of 2 bits: <= 64 * 128 * 3 = 24576. So int16 partial sums
 * live for a group of 16 (6 bits), 32 (<= 5 bits) or 256 columns (2 bits) and then go to int32.
 * One bit: a group of 128 columns is 32 quads, low and high sums are <= 32 * 128 = 4096; int16
 * would do for 1020 columns. mul * S - offset * X stays below 2^24 for groups of up to 256 columns
 * of one and two bits, so its float is exact too.
 *
 * ---- DENSE codes ----  (16 rows, 2..6 bits; everything but the codes is as in PLANES)
 * Columns in blocks of 32. The bits of a code are cut into parts, from the lowest up, of 4, then 2, then
 * 1 of them: 6 = 4 + 2, 5 = 4 + 1, 3 = 2 + 1. A part of w bits is w vectors of 64 bytes, four of each
 * row in order; a vector has 8/w quads of columns side by side in every byte:
 *
 *   vector j, byte 4*row + i, bits w*s .. w*s + w-1:  column 4 * (8/w * j + s) + i of the block
 *
 * Shifted and masked, four columns of a row stand in a lane of 32 bits: the operand of an integer dot.
 *
 * ---- BITS codes ----  (32 rows, columns padded to a multiple of 16: codes of activations are 0)
 * The tile begins with D f32[32] if there is one scale per row, else each unit of `group` columns
 * begins with D f16[32]. A unit is 256 columns, fewer at the end, if the scale is the row's. Its
 * codes, from the top plane down, one pair of planes after the other, so that a sum over b planes
 * is b times the same loop, and S = (top * 4 + next pair) * 4 + ... :
 *
 *   if bits is odd: top plane, per octet 32 bytes as one bit above
 *   per pair p = bits/2-1 .. 0, per 16 columns: 128 bytes, half h of the rows, octet o:
 *       byte 64*h + 32*o + 2*slot + j   bits = plane 2p+j of the octet's columns, rows 16*h ..
 *
 * A pair of planes of 256 columns stays in int16: 64 * 128 * 3 = 24576. D meets S - offset * X of
 * at most LUTRA_BITS_RUN columns, 1024 * 255 * 8128 < 2^31; a row of one scale is a sum of such
 * runs in float, ascending.
 *
 * ---- QUINT tile ----  (64 rows)
 * D f32[64] first if there is one scale per row (SCALE_ROW; at most 2^18 columns, so that its sum
 * fits int32). Then per 256 columns, fewer at the end: D f16[64] of each group of 64, 128 or 256
 * columns, if scales are the groups' (SCALE_F16), and the codes. 64 columns are 13 bytes of a row,
 * five columns each, the last byte four. Four bytes of 64 rows are a step of 256 bytes, byte
 * 4 * row + byte % 4; what is left of the last step is zero:
 *
 *   byte = sign << 7 | |v|, v = 81a + 27b + 9c + 3d + e in -121..121
 *
 * Its table ("quint table") is private to each level: sums of a, b, c (27) and of d, e (9).
 *
 * ---- I8 codes ----  "pair panel": [unit_k/2 pairs][16 rows][2] int8;
 *   byte 2*r+j of a pair = column 2*pair+j of row r.
 *
 * ---- BOOK codes ----
 * A weight is scale * (D * book[code]), book[16] of int8. Columns in octets, 64 bytes each, 4 a row:
 * words 0 and 1 of a row hold the columns 2i and 2i+1 of the octet in nibble i:
 *
 *   byte 4*row + j:   0      1      2      3
 *     low nibble      col 0  col 4  col 1  col 5
 *     high nibble     col 2  col 6  col 3  col 7
 *
 * so that one shuffle of bytes (or of 16-bit words) through the book and a widening of even or odd
 * bytes leave columns 2i, 2i+1 side by side, as the activation codes are. There are no planes to look
 * up: S[r][g] = sum of book * c is an integer dot at every level, |S| <= 32 * 127 * LUTRA_CODE_MAX
 * < 2^25. int32 holds it; its float is not always exact, but rounded once, to nearest even,
 * everywhere.  y[r] = (x_scale * scale) * sum over groups of D[r][g] * (float)S[r][g].
 *
 * ---- TERN tile ----  (32 rows, columns padded with zero weights to k_pad, a multiple of 24)
 *   int32 n_neg[32]: how many triples of the row carry the sign bit (for one's-complement tricks)
 *   then per 24 columns (8 triples): 160 bytes
 *     32 bytes: sign byte of row r, bit 7-j = sign of triple j
 *     4 x 32 bytes: nibble vector i: byte r low = index of triple 2i, high = index of triple 2i+1
 *   A triple of trits (a,b,c) has value v = 9a+3b+c in -13..13; index = |v|, sign = v < 0.
 *   D is mat->scale (one per tensor), offset 0, one group: all columns. Needs |c| <= 127. With a
 *   scale per row D is 1 in all kernels, and lutra_matmul multiplies y by the row's in the end.
 *
 * ---- TRIO, the other layout of TERN ----  (64 rows, columns padded with zero weights to a multiple
 * of 48, rows past n_rows are zero weights; unit_k tells: lutra_tern_trio)
 *   per 48 columns (16 triples) and half of the rows: 5 x 64 bytes
 *     word lutra_trio_slot(row) of vector i: three indices of five bits and one bit more
 *
 *     vector   bits 0-4      5-9    10-14   15
 *     0        triple 0      1      8       bit 4 of the index of triple 15
 *     1               2      3      9       bit 3
 *     2               4      5      10      bit 2
 *     3               6      7      11      bit 1
 *     4               12     13     14      bit 0
 *
 *   index = 13 + v, 0..26; vpermw finds it in a table of 32 int16 whatever stands in the bits above.
 *   slot(row): rows 0-3 16-19 4-7 20-23 ... of a half, so that unpacking words inside lanes of 16
 *   bytes leaves rows 0-15 and 16-31 in order. In a panel four triples make three quads of columns:
 *   0-3, 4-7, 8-11, 12-15, what two words of a row hold side by side. D is as above.
 *
 * Activation table for TERN ("triple table") is private to each ISA; lutra_ops gives its size.
 * Wider codes than int8 are multiplied as panels, which know no such bound. */
#ifndef LUTRA_KERNELS_LUT_H
#define LUTRA_KERNELS_LUT_H

#include "kernels/base.h"
#include "kernels/qtypes.h"

enum {
    LUTRA_CODE_MAX = 8128,      /* 127 * 64: four codes sum to 127 * 256, high byte stays int8 */
    LUTRA_CODE_MAX_INT8 = 127,  /* BitNet: int8 activations are part of the model */
    LUTRA_NEAR = 4,             /* where codes go to LUTRA_CODE_MAX: magnitudes of up to so many times
                                   the mean become codes of one byte, only what stands out needs two; */
    LUTRA_NEAR_COLS = 576,      /* from so many columns on: SmolLM2-135M has 576. Narrower models are
                                   fast enough without, and it is they whose answers roundings change */
    LUTRA_TILE_ROWS = 16,       /* PLANES and I8: one 32-byte vector of (row, plane pair) */
    LUTRA_BIT_ROWS = 32,        /* PLANES of one bit */
    LUTRA_TERN_ROWS = 32,
    LUTRA_STEP_K = 16,
    LUTRA_DENSE_K = 32,
    LUTRA_BITS_UNIT = 256,  /* BITS of one scale per row: columns of a unit ... */
    LUTRA_BITS_RUN = 1024,  /* ... and of an int32 sum */
    LUTRA_TERN_K = 24,
    LUTRA_TRIO_ROWS = 64,
    LUTRA_TRIO_K = 48,
    LUTRA_TRIO_HALF = 320, /* bytes of 48 columns of 32 rows */
    LUTRA_QUINT_ROWS = 64,
    LUTRA_QUINT_K = 256,    /* columns that share a run of steps */
    LUTRA_QUINT_STEP = 256  /* bytes: 64 rows of four bytes */
};

enum lutra_mat_kind {
    LUTRA_MAT_PLANES,
    LUTRA_MAT_TERN,
    LUTRA_MAT_I8,
    LUTRA_MAT_BITS,
    LUTRA_MAT_BOOK,
    LUTRA_MAT_QUINT,
    LUTRA_MAT_DENSE,
    LUTRA_MAT_F32,
    LUTRA_MAT_F16,
    LUTRA_MAT_BF16
};

enum lutra_scale_kind {
    LUTRA_SCALE_NONE, /* float kinds, TERN */
    LUTRA_SCALE_F16,
    LUTRA_SCALE_F16_MIN,
    LUTRA_SCALE_SUB,
    LUTRA_SCALE_SUB_MIN,
    LUTRA_SCALE_SUB_MIN4,
    LUTRA_SCALE_ROW, /* one per row: ahead of the tile's units; TERN: f32[n_rows] after all tiles,
                       by which lutra_matmul multiplies y in the end */
    LUTRA_SCALE_F16_EACH,
    LUTRA_SCALE_E8M0
};

/* A packed matrix: W[n_rows][n_cols], y = W x. Plain data; its bytes belong to a model's arena. */
struct lutra_mat {
    enum lutra_mat_kind kind;
    enum lutra_scale_kind scales;
    int type;        /* enum lutra_type it was read from */
    int n_rows;
    int n_cols;      /* a multiple of the type's block */
    int bits;        /* PLANES, DENSE, BITS; 4 in BOOK */
    int group;       /* columns per scale: 16, 32, 64, 128, 256; all of them */
    int run;         /* PLANES, DENSE: columns whose sums are weighed by sc in int32; group if none are */
    int mul;         /* of every code, 1 or 2 (one bit), ... */
    int offset;      /* ... from which this is subtracted */
    int unit_k;      /* 32, 64, 128 or 256 */
    int tile_rows;   /* 16, 32, 64 or 1 */
    float scale;     /* TERN, BOOK */
    int8_t book[16]; /* BOOK */
    size_t unit_bytes;
    size_t scale_bytes; /* of unit_bytes */
    size_t tile_bytes;
    size_t bytes;    /* tile_bytes * tiles */
    uint8_t *data;   /* 64-byte aligned */
};

static inline int lutra_mat_tiles(const struct lutra_mat *m)
{
    return (m->n_rows + m->tile_rows - 1) / m->tile_rows;
}

static inline const uint8_t *lutra_mat_tile(const struct lutra_mat *m, int tile)
{
    return m->data + (size_t)tile * m->tile_bytes;
}

/* TERN of SCALE_ROW: f32[n_rows]. */
static inline float *lutra_mat_row_scales(const struct lutra_mat *m)
{
    return (float *)(void *)(m->data + (size_t)lutra_mat_tiles(m) * m->tile_bytes);
}

static inline int lutra_lut_slot(int row) /* row 0..15 of a tile -> slot */
{
    return (row & 3) | (row & 4) << 1 | (row & 8) >> 1;
}

static inline int lutra_bit_slot(int row) /* one bit: row 0..31 of a tile -> slot */
{
    return (row & 3) | (row & 4) << 2 | (row & 24) >> 1;
}

static inline int lutra_trio_slot(int row) /* TRIO: row 0..31 of half a tile -> word */
{
    return (row & 3) | (row & 12) << 1 | (row & 16) >> 2;
}

static inline bool lutra_tern_trio(const struct lutra_mat *m) /* TERN: the other layout? */
{
    return m->unit_k == LUTRA_TRIO_K;
}

static inline int lutra_tern_k_pad(int n_cols)
{
    return (n_cols + LUTRA_TERN_K - 1) / LUTRA_TERN_K * LUTRA_TERN_K;
}

static inline int lutra_trio_k_pad(int n_cols)
{
    return (n_cols + LUTRA_TRIO_K - 1) / LUTRA_TRIO_K * LUTRA_TRIO_K;
}

/* Fill every field of `m` but data and scale for a matrix of `type`; TERN if `ternary` (TQ1_0,
 * TQ2_0 whose tensor passed lutra_pack_is_ternary) or I2_S, else the type's own kind. Errors
 * LUTRA_EUNSUPPORTED (type), LUTRA_EINVAL (n_cols not a multiple of the block, size overflow). */
lutra_status lutra_pack_plan(struct lutra_mat *m, int type, int n_rows, int n_cols, bool ternary,
                             lutra_error *err);

/* How a ternary type's codes may lie; the plan above is CODES or TERN. */
enum lutra_packing {
    LUTRA_PACK_CODES,     /* the type's own kind */
    LUTRA_PACK_TERN,      /* base 3, one scale: mat->scale */
    LUTRA_PACK_TERN_ROWS, /* base 3, a scale per row: mat->scale is 1, y[r] is multiplied last */
    LUTRA_PACK_TRIO,      /* the same two in the layout of 64 rows */
    LUTRA_PACK_TRIO_ROWS,
    LUTRA_PACK_QUINT,     /* five trits a byte, the type's scales */
    LUTRA_PACK_QUINT_ROWS, /* the same, a scale per row: other float sums than planes have */
    LUTRA_PACK_DENSE       /* DENSE where the type would be PLANES of 2 to 6 bits, else as CODES */
};

lutra_status lutra_pack_plan_as(struct lutra_mat *m, int type, int n_rows, int n_cols,
                                enum lutra_packing how, lutra_error *err);

/* Pack rows [tile*tile_rows, ...) of the matrix, given `n` <= tile_rows rows as in the file, row
 * after row. Writes every byte of the tile. */
void lutra_pack_tile(const struct lutra_mat *m, int tile, const void *file_rows, int n);

/* BITS: codes of `bits` (1..8) bits, D * (q - 2^(bits-1)), one bit D * (2*q - 1); one scale per
 * `group` columns (32, 128, 256; they divide n_cols) or, group 0, per row. Errors as above. */
lutra_status lutra_pack_plan_bits(struct lutra_mat *m, int bits, int group, int n_rows, int n_cols,
                                  lutra_error *err);

/* Pack n <= tile_rows rows of codes, n_cols each, and of their scales, as many as a row has (group
 * scales are rounded to f16). Writes every byte of the tile. */
void lutra_pack_bits(const struct lutra_mat *m, int tile, const uint8_t *q, const float *scales,
                     int n);

/* Can these n rows be base-3 codes under one scale? True if no code is 3 (TQ2_0) and every block
 * with a non-zero code has scale *scale; *seen says whether *scale is set yet. Feed a tensor in
 * pieces. */
bool lutra_pack_is_ternary(int type, const void *file_rows, int n, int n_cols, float *scale,
                           bool *seen);

/* What a tensor's scales and codes allow. Start from {.ternary = true, .per_row = true, .equal =
 * true}, feed all rows in pieces. Only TQ1_0, TQ2_0, Q2_0 are ever ternary; blocks of zeros have any
 * scale. */
struct lutra_ternary {
    bool ternary;  /* no code is 3 */
    bool per_row;  /* every row has one scale */
    bool equal;    /* and it is the same for all rows: `scale` */
    bool seen;     /* `scale` is set */
    float scale;
};

/* The scale of a row that has one. */
float lutra_ternary_row_scale(int type, const void *file_row, int n_cols);

void lutra_ternary_probe(struct lutra_ternary *t, int type, const void *file_rows, int n,
                         int n_cols);

/* Row r of a packed matrix as floats: w = D * (mul * q - offset), D = d * sc, then + M if the type has
 * minima, in f32, in this order. dst holds n_cols. */
void lutra_mat_row(const struct lutra_mat *m, int r, float *dst);

/* Activations: n vectors of k columns, quantized once and shared by every matrix that takes them.
 * Which parts are filled is asked for with LUTRA_ACT_*; storage is laid out by lutra_act_bytes and
 * lutra_act_bind. */
enum {
    LUTRA_ACT_CODES = 1, /* codes, scale, sums */
    LUTRA_ACT_QUADS = 2, /* + quad tables  (vectors looked up in PLANES) */
    LUTRA_ACT_TRIPS = 4, /* + triple tables (vectors looked up in TERN) */
    LUTRA_ACT_QUINTS = 8, /* + quint tables (vectors looked up in QUINT) */
    LUTRA_ACT_BYTES = 16, /* + split codes (a few vectors multiplied with DENSE) */
    LUTRA_ACT_ALL = 31
};

struct lutra_act {
    int n, k;
    int k_pad;           /* row stride of codes: k up to a multiple of 96 (of 32 and 24); rest 0 */
    const float *x;      /* [n][x_stride] the float vectors themselves */
    size_t x_stride;     /* in floats */
    int code_max;        /* no |code| is larger; LUTRA_CODE_MAX where nobody knows better */
    bool fetch;          /* from ops: fetch by instructions what is read strictly forward (lutra_cpu_fetch) */
    int16_t *codes;      /* [n][k_pad] */
    float *scale;        /* [n] */
    int32_t *sums;       /* [n][k_pad/16] sums of 16 codes */
    uint8_t *quads;      /* [n][quad_bytes] */
    uint8_t *trips;      /* [n][trip_bytes] */
    size_t quad_bytes;   /* k_pad/4*32 */
    uint8_t *quints;     /* [n][quint_bytes] */
    int8_t *bytes;       /* [n][bytes_stride] see struct lutra_bytes */
    size_t trip_bytes;   /* from ops */
    size_t quint_bytes;  /* from ops */
    size_t bytes_stride; /* and a line more that several vectors may stay in the cache */
};

/* The codes of one vector apart: code = low + 256 * high, low in [-128, 127]. What every octet needs
 * lies together, high bytes, which few have, behind it. */
struct lutra_bytes {
    int8_t *low;        /* [k_pad] */
    float *x32, *x16;   /* [k_pad/32], [k_pad/16] sums of 32 and of 16 codes, exact */
    uint8_t *wide;      /* [k_pad/8] 1 if the octet has a high byte that is not zero, else 0 */
    int8_t *high;       /* [k_pad] */
};

static inline size_t lutra_bytes_size(size_t k_pad)
{
    return 2 * k_pad + k_pad / 8 + k_pad / 4 + k_pad / 8;
}

static inline struct lutra_bytes lutra_bytes_of(const struct lutra_act *a, int v)
{
    size_t k = (size_t)a->k_pad;
    int8_t *p = a->bytes + (size_t)v * a->bytes_stride;
    struct lutra_bytes b = {p, (float *)(void *)(p + k), (float *)(void *)(p + k + k / 8),
                            (uint8_t *)p + k + k / 8 + k / 4, p + k + k / 2};
    return b;
}

/* The sums of columns [k0, k1), multiples of 32: the part of split_codes that all levels share. */
static inline void lutra_bytes_sums(const struct lutra_act *a, int v, int k0, int k1)
{
    const int32_t *sums = a->sums + (size_t)v * (size_t)(a->k_pad / 16);
    const struct lutra_bytes b = lutra_bytes_of(a, v);
    for (int i = k0 / 16; i < k1 / 16; i++) b.x16[i] = (float)sums[i];
    for (int i = k0 / 32; i < k1 / 32; i++) b.x32[i] = (float)(sums[2 * i] + sums[2 * i + 1]);
}

struct lutra_ops;
/* Bytes that lutra_act_bind carves up for n vectors of at most k columns with all of `parts`. */
size_t lutra_act_bytes(const struct lutra_ops *ops, int n, int k, unsigned parts);
/* Point the arrays of `a` into `mem` (64-byte aligned, lutra_act_bytes long) for n vectors of k
 * columns; arrays of parts not asked for become NULL. x and x_stride are left alone. */
void lutra_act_bind(struct lutra_act *a, const struct lutra_ops *ops, void *mem, int n, int k,
                    unsigned parts);

#endif
