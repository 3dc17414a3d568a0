/* SPDX-License-Identifier: MIT */
/* Which kernel multiplies a matrix by n vectors: by lookup while that is the faster way, then as a
 * panel. */
#include <string.h>

#include "kernels/matmul.h"

enum {
    MAX_BITS = 8,
    EVER = 32767, /* lookups win however many vectors there are */
    VECTORS = 32, /* that stand side by side in a vector table */
    QUINT_MOST = 6, /* QUINT: lookups make 84 MAC/ns; panels of N=6 8 16 64 vectors 88 103 137 180, those
                       of int16, or where all codes are wide, less than lookups */
    STEP = 16     /* vectors that have tables at a time: 16 tables of 4096 columns are 512 KB, half
                     an L2 */
};

/* Up to how many vectors lookups win, by bits of a plane code ([0] unused). Scales of large groups
 * (128, 256 columns) cost a lookup less: its 16-bit sums are flushed less often. */
struct crossover {
    const char *level;
    int16_t small[MAX_BITS + 1]; /* groups of 16 to 64 columns; one bit, which has none: vectors of
                                    fewer than LUTRA_NEAR_COLS columns, all of whose codes are wide */
    int16_t large[MAX_BITS + 1];
    int16_t tern;
    int16_t i8_pass, i8_most; /* see lutra_panel_pass */
};

/* Measured by `check_choice --bench`, 2048 x 2560, one thread of a Zen 5, vectors quantized and
 * tables built within the time, best of 10 interleaved rounds. us per vector; Q4_1 is as Q4_0, Q5_1
 * as Q5_0; TQ2_0 means two planes in groups of 256:
 *
 *   ssse3 (Zen 4)     Q2_K  Q3_K  Q4_0  Q4_K  Q5_0  Q5_K  Q6_K  TQ2_0  base-3
 *     lookup           175   278   298   247   398   362   393    126      94
 *     panel, N=2       230   236   251   236   326   334   347    162     169
 *            N=4       173   165   179   168   213   221   238    122     123
 *            N=10      138                                         96      94
 *            N=32      123   106   113   108   117   126   142     85      82
 *     DENSE, N=1             291   166   131   248   235   265
 *            N=2             196   176   134   212   216   233
 *            N=4             146   140   137   159   164   181
 *   Two bits of 768 columns, all of them wide, MAC/ns of N=16 24 64: Q2_K 29 31 34, lookups 31; Q2_0 33
 *   35 38, lookups 36; TQ2_0 34 36 39, lookups 44.
 *   avx512 (Zen 4)    Q1_0  base-3
 *     lookup            36      32
 *     N=4               44      37
 *       8               35      31
 *       16              30      28
 *       128             26      26
 *   avx512 (Granite Rapids, 2560 x 2560, MAC/ns): one bit looked up 174, as a panel of N=4 5 6 8 10: 169 182 218 216
 *   244; base 3 164, 203 235 265 296 of N=4 5 6 8.
 *   One bit of 640 columns, all of them wide: 35 looked up, 55 as a panel.
 *
 * At AVX-512 2 to 6 bits are DENSE however short rows are, so lookups of their planes are for `--kernels lut`, tests
 * and, one vector at a time, the shortlist of a head: us per vector of 4096 normally distributed columns, 256 rows, from the cache, looked up, then DENSE of N=1 4
 * 16: Q2_K 15.9; 12.4 8.9 6.5   Q4_0 22.1; 9.7 6.8 6.3   Q3_K 21.9; 14.1 9.5 6.3   Q4_K 22.3; 10.7 7.4 6.6
 * Q5_0 28.7; 13.1 8.1 6.7   Q6_K 37.3; 15.2 9.0 7.6   Q2_0 12.1; 9.3 7.1 6.1.
 *
 * AVX2 and AVX-VNNI on a Zen 4 that others used too, best of 14, so only rows of it compare with each
 * other; AVX-VNNI's in AVX-512's encoding of the same instructions (on Granite Rapids one bit makes 133 MAC/ns looked
 * up, 95 131 144 as a panel of N=8 16 20, and in vector tables 153 of N=24, 221 of 32 to 64, where panels stop at 172):
 *
 *                     Q1_0  Q2_K  Q2_0  TQ2_0 Q3_K  Q4_0  Q4_K  Q5_0  Q5_K  Q6_K  base-3
 *   avx2, lookup        40    84    65    59   126   129   124   189   185   202      46
 *     panel, N=2        83   113   105    92   129   145   129   178   172   198     102
 *            N=3        61    85    74    66    94   103    96   124   127   138      72
 *            N=4        52    72    63    57    78    86    80   101   103   111      61
 *            N=8        44    58    50    45    59    64    61    72    75    81      47
 *            N=32       39    48    42    38    45    49    47    52    55    60      38
 *     vector tables, N=24 32                                                     38 29
 *   avx2vnni, N=1      144   270                294         220         286           184
 *            N=2        78   139                150         124         156            95
 *            N=4        47    76    56    49    80    73    73    88    90   101      55
 *            N=6        39    60    46    41    62    61    62    72    74    79      44
 *            N=32       31    38    33    31    35    39    41    42    46    49      31
 *
 * With AVX2 one bit of short vectors, all of whose codes are wide, takes 62 as a panel, so it stays
 * with lookups. AVX-VNNI's panels of N=3 take 97 of Q2_K, 104 of Q3_K.
 *
 * Scalar: lookups of planes only pay for one vector (5.1 ms against 5.5, then 3.0 of Q4_0), base-3
 * codes up to 24 (0.9 ms). NEON and dotprod: no such machine was there to measure; the figures come
 * of cycles counted by llvm-mca (kernels/README.md), without the making of tables. dotprod
 * and i8mm keep 2 to 6 bits as DENSE in rows of any length, so their figures for these are of planes as tests
 * alone have them: where all codes are wide one vector makes 6.2 weights a cycle of Q4_0 as DENSE and 4.6 looked
 * up, of Q6_K 3.8 and 2.6, of Q2_K 4.5 and 4.6, of Q2_0 6.0 and 8.1. Bits that no type has take a neighbour's
 * figure.
 *
 * Q8_0 is never looked up. While there are few vectors its bytes need not be unpacked: AVX2 does
 * three at a time (us per vector of 1, 2, 3, 4, 6, 12: 110 86 77 85 77 76; as a panel of 8 and 32: 92
 * 77), AVX-VNNI one (105; panels of 6, 12, 32: 54 45 38), AVX-512 sees to it itself (63 42 35 31 29
 * 28 27 of 1, 2, 3, 4, 6, 12, 512, on a Zen 5). */
static const struct crossover crossovers[] = {
    {"scalar", {0, 1, 1, 1, 1, 1, 1, 1, 1}, {0, 1, 1, 1, 1, 1, 1, 1, 1}, 24, 0, 0},
#if defined(__aarch64__)
    {"neon", {0, EVER, EVER, 15, 7, 6, 3, 3, 3}, {0, EVER, EVER, 15, 7, 6, 3, 3, 3}, EVER, 0, 0},
    {"dotprod", {0, 8, 2, 2, 3, 2, 1, 1, 1}, {0, 8, 3, 1, 1, 1, 1, 1, 1}, 4, 0, 0},
    {"i8mm", {0, 6, 2, 1, 1, 1, 1, 1, 1}, {0, 6, 3, 1, 1, 1, 1, 1, 1}, 3, 0, 0},
#else
    {"ssse3", {0, EVER, 4, 1, 1, 1, 1, 1, 1}, {0, EVER, 3, 1, 1, 1, 1, 1, 1}, 10, 0, 0},
    {"avx2", {0, EVER, 3, 2, 2, 1, 1, 1, 1}, {0, EVER, 3, 2, 2, 1, 1, 1, 1}, 8, 3, 12},
    {"avx2vnni", {0, 18, 3, 2, 2, 1, 1, 1, 1}, {0, 18, 3, 2, 2, 1, 1, 1, 1}, 5, 0, 0},
    {"avx512", {0, EVER, 1, 1, 1, 1, 1, 1, 1}, {0, 5, 1, 1, 1, 1, 1, 1, 1}, 4, 0, 0},
    /* as avx512, but one bit and base 3 are multiplied where lutra_panel_in_tiles */
    {"amx", {0, 15, 1, 1, 1, 1, 1, 1, 1}, {0, 5, 1, 1, 1, 1, 1, 1, 1}, 2, 0, 0},
#endif
};
enum { N_CROSSOVERS = sizeof crossovers / sizeof *crossovers };

/* From how many vectors on vector tables win over everything (AUTO; 0: never) and over lookups one by one
 * (LUT): base 3, and one bit of rows whose codes are single bytes nearly everywhere (AVX2: 64 vectors take 0.65 of
 * the time of lookups, and 32 are the fewest that tables are made for). Other levels have nothing faster than the
 * scalar version.
 * AVX-512, us per vector of 2560 x 2560, N=8 9 16 20 24 28 32 64:
 *   one bit, looked up 45; as a panel 46 47 39 36 35 34 34 33; vector tables 48 44 24 29 25 22 19 19 (Granite Rapids,
 *   N=9 11 16 20 24 32: panels 30 27 24 24 22 22, tables 48 39 27 24 20 15)
 *   base 3, looked up 39; as a panel 39 38 35 34 33 33 32 31; vector tables of 24 28 32 64 37 32 28 27 (Granite
 *   Rapids, N=28 32 64 128: panels 19 19 19 18, tables 25 22 21 21)
 * half: 16 vectors of one bit are looked up in tables of 16, and up to so many more one by one, before tables of 32 are
 * made for all: 0 where there are no such tables. */
static const struct vector_from {
    const char *level;
    bool fetch; /* for cores that want weights fetched (lutra_cpu_fetch), Intel's, whose products are faster; before
                   the level's row for all others */
    int from, from_lut, bit, bit_lut, half;
} vector_tables[] = {
    {"avx2", false, 25, 17, 22, 22, 0},   {"avx2vnni", false, 0, 17, 24, 22, 0}, {"avx512", true, 0, 23, 22, 11, 4},
    {"avx512", false, 28, 23, 11, 11, 4}, {"amx", false, 0, 23, 0, 11, 4},       {"neon", false, 21, 21, 0, 0, 0},
    {"dotprod", false, 0, 21, 0, 0, 0},   {"i8mm", false, 0, 21, 0, 0, 0},
};

/* Two bits in vectors so short that all their codes have two bytes (LUTRA_NEAR_COLS), where that is
 * another number. */
static const struct {
    const char *level;
    int small, large;
} short_twos[] = {{"ssse3", 20, EVER}};
enum { N_SHORT_TWOS = sizeof short_twos / sizeof *short_twos };

/* A level without a row of its own has the kernels of the last one, or better. */
static const struct crossover *row_of(const struct lutra_ops *ops)
{
    for (int i = 0; i < N_CROSSOVERS; i++)
        if (strcmp(crossovers[i].level, ops->name) == 0) return &crossovers[i];
    return &crossovers[N_CROSSOVERS - 1];
}

int lutra_lookup_max(const struct lutra_ops *ops, const struct lutra_mat *m)
{
    const struct crossover *c = row_of(ops);
    if (m->kind == LUTRA_MAT_TERN) return c->tern;
    if (m->kind == LUTRA_MAT_QUINT) {
        bool bytes = ops->panel_quint && m->scales != LUTRA_SCALE_ROW;
        return bytes && m->n_cols >= LUTRA_NEAR_COLS ? QUINT_MOST : EVER;
    }
    if (m->kind != LUTRA_MAT_PLANES || m->bits > MAX_BITS) return 0;
    for (int i = 0; i < N_SHORT_TWOS && m->bits == 2 && m->n_cols < LUTRA_NEAR_COLS; i++)
        if (strcmp(short_twos[i].level, ops->name) == 0)
            return m->group > 32 ? short_twos[i].large : short_twos[i].small;
    bool small = m->bits == 1 ? m->n_cols < LUTRA_NEAR_COLS : m->group <= 32;
    return small ? c->small[m->bits] : c->large[m->bits];
}

enum lutra_packing lutra_codes_packing(const struct lutra_ops *ops, int type, int n_cols, bool planes)
{
    const struct lutra_code_info *ci = lutra_code_info(type);
    bool dense = ci && !planes && ops->dense_bits >> ci->bits & 1 && n_cols >= ops->dense_cols;
    return dense ? LUTRA_PACK_DENSE : LUTRA_PACK_CODES;
}

enum lutra_packing lutra_tern_packing(const struct lutra_ops *ops, bool rows)
{
    if (ops->packs_trio) return rows ? LUTRA_PACK_TRIO_ROWS : LUTRA_PACK_TRIO;
    return rows ? LUTRA_PACK_TERN_ROWS : LUTRA_PACK_TERN;
}

bool lutra_tern_reads(const struct lutra_ops *ops, bool trio)
{
    return trio == ops->packs_trio || strcmp(ops->name, "scalar") == 0;
}

int lutra_bytes_most(const struct lutra_ops *ops, const struct lutra_mat *m)
{
    return m->kind == LUTRA_MAT_DENSE ? ops->dense_most : 0;
}

/* The level's row, NULL if m has no vector tables there. */
static const struct vector_from *vectors_of(const struct lutra_ops *ops, const struct lutra_mat *m)
{
    const bool bit = m->kind == LUTRA_MAT_PLANES && m->bits == 1 && m->n_cols >= LUTRA_NEAR_COLS;
    for (size_t i = 0; i < sizeof vector_tables / sizeof *vector_tables; i++)
        if ((m->kind == LUTRA_MAT_TERN || bit) && strcmp(vector_tables[i].level, ops->name) == 0 &&
            (ops->fetch || !vector_tables[i].fetch))
            return &vector_tables[i];
    return NULL;
}

int lutra_vector_from(const struct lutra_ops *ops, const struct lutra_mat *m, enum lutra_mode mode)
{
    const struct vector_from *v = vectors_of(ops, m);
    if (!v) return 0;
    if (m->kind == LUTRA_MAT_TERN) return mode == LUTRA_MODE_LUT ? v->from_lut : v->from;
    return mode == LUTRA_MODE_LUT ? v->bit_lut : v->bit;
}

int lutra_lookup_most(const struct lutra_ops *ops, enum lutra_mode mode)
{
    const struct crossover *c = row_of(ops);
    int most = ops->packs_quint ? STEP : c->tern;
    if (mode == LUTRA_MODE_LUT) return STEP;
    if (mode != LUTRA_MODE_AUTO) return 0;
    for (int i = 1; i <= MAX_BITS; i++) {
        if (c->small[i] > most) most = c->small[i];
        if (c->large[i] > most) most = c->large[i];
    }
    for (int i = 0; i < N_SHORT_TWOS; i++)
        if (strcmp(short_twos[i].level, ops->name) == 0 && short_twos[i].large > most)
            most = short_twos[i].large;
    return most < STEP ? most : STEP;
}

int lutra_panel_pass(const struct lutra_ops *ops, const struct lutra_mat *m, int n)
{
    const struct crossover *c = row_of(ops);
    if (m->kind != LUTRA_MAT_I8 || n > c->i8_most) return n;
    int passes = (n + c->i8_pass - 1) / c->i8_pass;
    return (n + passes - 1) / passes;
}

/* Granite Rapids, one core, 2560 x 2560, MAC/ns of AMX's tiles, in brackets AVX-512 (base 3 and one bit of few
 * vectors: lookups), N=4 6 8 10 16 32 128. The group is what counts: after each of them tiles are emptied.
 *
 *   base 3                            506 (297)  610 (287)  856 (335)  906 (304) 1190 (312)
 *   TQ2_0, 256   201 (183) 288 (204)  365 (209)  431 (216)  602 (222)  666 (328)  657 (342)
 *   Q2_K, 256    134 (149) 151 (167)  233 (193)            372 (254)  392 (276)  432 (291)
 *   Q3_K, 256    104 (137) 153 (157)  206 (165)            374 (236)  469 (283)  602 (320)
 *   Q1_0, 128                                    343 (175)  474 (237)  519 (424)  507 (439)
 *   Q2_0, 64     110 (157) 155 (178)  198 (182)  228 (187)  313 (192)  339 (256)  335 (262)
 *   Q4_0, 32      57 (156)  81 (175)  104 (180)  120 (187)  160 (188)  172 (223)  186 (249)
 *   Q4_K, 32      62 (120)  86 (131)  108 (135)  124 (138)  162 (137)  170 (259)  179 (262) */
bool lutra_panel_in_tiles(const struct lutra_ops *ops, const struct lutra_mat *m, int n)
{
    if (!ops->tile_mul) return false;
    if (m->kind == LUTRA_MAT_TERN) return true;
    if (m->kind == LUTRA_MAT_PLANES) return m->bits == 1; /* others have no panels there */
    if (m->kind != LUTRA_MAT_DENSE) return false;
    const int group = m->group == 16 ? m->run : m->group; /* Q2_K's and Q3_K's sub-scales go into their bytes */
    return group >= 64 && n >= (m->group >= 256 ? 4 : 8);
}

static bool has_tables(const struct lutra_engine *e, const struct lutra_mat *m)
{
    if (m->kind == LUTRA_MAT_PLANES || m->kind == LUTRA_MAT_QUINT) return true;
    /* triple tables hold bytes: wider codes take the panel */
    return m->kind == LUTRA_MAT_TERN && e->code_max <= LUTRA_CODE_MAX_INT8;
}

enum lutra_path lutra_matmul_path(const struct lutra_engine *e, const struct lutra_mat *m, int n)
{
    if (m->kind >= LUTRA_MAT_F32) return LUTRA_PATH_FLOAT;
    if (m->kind == LUTRA_MAT_BITS) return LUTRA_PATH_LOOKUP; /* it has no other kernel */
    if (e->precision == LUTRA_PREC_HIGH || e->mode == LUTRA_MODE_DEQ) return LUTRA_PATH_EXACT;
    if (e->mode == LUTRA_MODE_DOT || !has_tables(e, m)) return LUTRA_PATH_PANEL;
    int vector = lutra_vector_from(e->ops, m, e->mode);
    if (vector && n >= vector) return LUTRA_PATH_VECTOR;
    if (e->mode == LUTRA_MODE_LUT) return LUTRA_PATH_LOOKUP;
    return n <= lutra_lookup_max(e->ops, m) ? LUTRA_PATH_LOOKUP : LUTRA_PATH_PANEL;
}

/* Where n vectors meet vector tables: how many of them are left over, too few for tables of their own. */
static int vector_rest(const struct lutra_ops *ops, const struct lutra_mat *m, enum lutra_mode mode, int n)
{
    const int rest = n % VECTORS, more = m->kind == LUTRA_MAT_TERN ? 0 : vectors_of(ops, m)->half;
    if (n > VECTORS && rest < lutra_vector_from(ops, m, mode)) return rest;
    return rest > VECTORS / 2 && rest <= VECTORS / 2 + more ? rest - VECTORS / 2 : 0;
}

int lutra_matmul_step(const struct lutra_engine *e, const struct lutra_mat *const *mats,
                      int n_mats, int n)
{
    int most = lutra_lookup_most(e->ops, e->mode), step = n;
    for (int i = 0; i < n_mats; i++) {
        enum lutra_path path = lutra_matmul_path(e, mats[i], n);
        if (path == LUTRA_PATH_LOOKUP && step > most) step = most;
        if (path != LUTRA_PATH_VECTOR) continue;
        int some = n - vector_rest(e->ops, mats[i], e->mode, n);
        if (step > some) step = some;
    }
    return step;
}
