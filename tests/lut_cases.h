/* SPDX-License-Identifier: MIT */
/* Random matrices and activations for the product checks, and a naive reference made from
 * lutra_split_block alone. */
#ifndef LUTRA_TESTS_LUT_CASES_H
#define LUTRA_TESTS_LUT_CASES_H

#include <stdlib.h>
#include <string.h>

#include "kernels/cpu.h"
#include "kernels/matmul.h"
#include "tests/check.h"

/* Every low-bit type; ternary says: pack it as TERN, trio: in its other layout. d_at, dmin_at: where the block keeps its f16
 * scales. */
struct case_type {
    const char *name;
    int type;
    int d_at, dmin_at;
    bool ternary, trio;
};

static const struct case_type case_types[] = {
    {"Q4_0", LUTRA_TYPE_Q4_0, 0, -1, false, false},
    {"Q4_1", LUTRA_TYPE_Q4_1, 0, 2, false, false},
    {"Q5_0", LUTRA_TYPE_Q5_0, 0, -1, false, false},
    {"Q5_1", LUTRA_TYPE_Q5_1, 0, 2, false, false},
    {"Q8_0", LUTRA_TYPE_Q8_0, 0, -1, false, false},
    {"Q2_K", LUTRA_TYPE_Q2_K, 80, 82, false, false},
    {"Q3_K", LUTRA_TYPE_Q3_K, 108, -1, false, false},
    {"Q4_K", LUTRA_TYPE_Q4_K, 0, 2, false, false},
    {"Q5_K", LUTRA_TYPE_Q5_K, 0, 2, false, false},
    {"Q6_K", LUTRA_TYPE_Q6_K, 208, -1, false, false},
    {"TQ1_0", LUTRA_TYPE_TQ1_0, 52, -1, false, false},
    {"TQ2_0", LUTRA_TYPE_TQ2_0, 64, -1, false, false},
    {"Q1_0", LUTRA_TYPE_Q1_0, 0, -1, false, false},
    {"Q2_0", LUTRA_TYPE_Q2_0, 0, -1, false, false},
    {"Q2_0x2", LUTRA_TYPE_Q2_0_G128, 0, -1, false, false},
    {"TERN1", LUTRA_TYPE_TQ1_0, 52, -1, true, false},
    {"TERN2", LUTRA_TYPE_TQ2_0, 64, -1, true, false},
    {"TRIO1", LUTRA_TYPE_TQ1_0, 52, -1, true, true},
    {"TRIO2", LUTRA_TYPE_TQ2_0, 64, -1, true, true},
};
enum { CASE_TYPES = sizeof case_types / sizeof case_types[0] };

/* Does the level read it? */
static inline bool case_runs(const struct lutra_ops *ops, const struct case_type *ct)
{
    return !ct->ternary || lutra_tern_reads(ops, ct->trio);
}

static inline enum lutra_packing case_packing(const struct case_type *ct)
{
    return ct->trio ? LUTRA_PACK_TRIO : ct->ternary ? LUTRA_PACK_TERN : LUTRA_PACK_CODES;
}

struct case_mat {
    struct lutra_mat m;
    uint8_t *rows; /* as in a file */
    size_t row_bytes;
};

static inline void case_put_scale(uint8_t *at, float f)
{
    uint16_t h = lutra_f32_to_f16(f);
    memcpy(at, &h, sizeof h);
}

/* TQ2_0 code 3 (which weighs 2) becomes 1, so that the block is ternary. */
static inline void case_drop_threes(uint8_t *qs, int n)
{
    for (int i = 0; i < n; i++) {
        uint8_t threes = qs[i] & qs[i] >> 1 & 0x55;
        qs[i] = (uint8_t)(qs[i] & ~(threes << 1));
    }
}

/* Bytes of the codes: random, or all the same (all ones: the largest codes; 0xAA in TQ2_0: all +1); or
 * nothing but the smallest and the largest codes, sub-scales and sub-minima. */
enum case_weights {
    CASE_EXTREMES = -2,
    CASE_RANDOM = -1,
    CASE_ZEROS = 0x00,
    CASE_TWOS = 0xAA,
    CASE_ONES = 0xFF
};

/* least or most: how = 0 the one, 1 the other, 2 either. */
static inline int case_either(int how, int least, int most)
{
    return (how == 2 ? check_rand_int(0, 1) : how) ? most : least;
}

static inline void case_extreme_block(const struct case_type *ct, uint8_t *block)
{
    const struct lutra_code_info *ci = lutra_code_info(ct->type);
    const int least = ci->min ? 0 : ci->bits == 3 ? -32 : -128;
    const int most = ci->min ? (ci->bits == 2 ? 15 : 63) : -1 - least;
    const int q = check_rand_int(0, 2), sc = check_rand_int(0, 2), mn = check_rand_int(0, 2);
    struct lutra_split s;
    lutra_split_block(ct->type, &s, block);
    for (int i = 0; i < 256; i++) s.q[i] = (uint8_t)case_either(q, 0, (1 << ci->bits) - 1);
    for (int i = 0; i < 16; i++) {
        s.sc[i] = (int8_t)case_either(sc, least, most);
        s.mn[i] = (uint8_t)case_either(mn, 0, most);
    }
    lutra_join_block(ct->type, block, &s);
}

static inline void case_rows(const struct case_type *ct, uint8_t *rows, int n_rows, int n_cols,
                             enum case_weights weights)
{
    const struct lutra_type_info *ti = lutra_type_info((uint32_t)ct->type);
    float tern = check_rand_float(0.01f, 0.3f);
    for (size_t b = 0; b < (size_t)n_rows * (size_t)(n_cols / ti->block); b++) {
        uint8_t *p = rows + b * (size_t)ti->bytes;
        for (int i = 0; i < ti->bytes; i++)
            p[i] = (uint8_t)(weights < 0 ? (int)(check_rand() >> 20) : (int)weights);
        case_put_scale(p + ct->d_at, ct->ternary ? tern : check_rand_float(-0.05f, 0.05f));
        if (ct->dmin_at >= 0) case_put_scale(p + ct->dmin_at, check_rand_float(-0.3f, 0.3f));
        if (weights == CASE_EXTREMES) case_extreme_block(ct, p);
        if (ct->ternary && ct->type == LUTRA_TYPE_TQ2_0) case_drop_threes(p, 64);
    }
}

/* The largest codes, and those whose bytes, and bytes of the sums of four, are the largest: -128 and 32, 127
 * and -32, -128 and 0, 127 and 0, -128 and 127. */
enum { CASE_MOST = 6 };
static const int case_most[CASE_MOST] = {LUTRA_CODE_MAX, 8064, 8065, 128, LUTRA_CODE_MAX_INT8, 8096};

/* A random packed matrix whose bytes end at a guard page. */
static inline void case_mat_open_how(struct case_mat *c, const struct case_type *ct, int n_rows,
                                     int n_cols, enum case_weights weights, enum lutra_packing how)
{
    const struct lutra_type_info *ti = lutra_type_info((uint32_t)ct->type);
    lutra_error err;
    bool seen = false;
    memset(c, 0, sizeof *c);
    c->row_bytes = (size_t)(n_cols / ti->block) * (size_t)ti->bytes;
    c->rows = check_guard(c->row_bytes * (size_t)n_rows, 1);
    case_rows(ct, c->rows, n_rows, n_cols, weights);
    CHECK_EQ(lutra_pack_plan_as(&c->m, ct->type, n_rows, n_cols, how, &err), LUTRA_OK);
    if (ct->ternary)
        CHECK(lutra_pack_is_ternary(ct->type, c->rows, n_rows, n_cols, &c->m.scale, &seen));
    c->m.data = check_guard(c->m.bytes, LUTRA_ALIGN);
    memset(c->m.data, 0x5A, c->m.bytes); /* packing must write every byte itself */
    for (int t = 0; t < lutra_mat_tiles(&c->m); t++) {
        int left = n_rows - t * c->m.tile_rows;
        lutra_pack_tile(&c->m, t, c->rows + (size_t)(t * c->m.tile_rows) * c->row_bytes,
                        left < c->m.tile_rows ? left : c->m.tile_rows);
    }
}

static inline void case_mat_open_as(struct case_mat *c, const struct case_type *ct, int n_rows,
                                    int n_cols, enum case_weights weights)
{
    case_mat_open_how(c, ct, n_rows, n_cols, weights, case_packing(ct));
}

static inline void case_mat_open(struct case_mat *c, const struct case_type *ct, int n_rows,
                                 int n_cols)
{
    case_mat_open_as(c, ct, n_rows, n_cols, CASE_RANDOM);
}

/* For timing: `times` copies of a random matrix, one below the other. n_rows a multiple of 64. */
static inline void case_mat_open_tiled(struct case_mat *c, const struct case_type *ct, int n_rows,
                                       int n_cols, int times, enum lutra_packing how)
{
    struct lutra_mat one;
    case_mat_open_how(c, ct, n_rows, n_cols, CASE_RANDOM, how);
    one = c->m;
    c->m.n_rows *= times;
    c->m.bytes *= (size_t)times;
    c->m.data = check_guard(c->m.bytes, LUTRA_ALIGN);
    for (int i = 0; i < times; i++) memcpy(c->m.data + (size_t)i * one.bytes, one.data, one.bytes);
    check_guard_free(one.data);
}

/* As models are packed for a level that is not asked for lookups. */
static inline enum lutra_packing case_how_at(const struct lutra_ops *ops, const struct case_type *ct,
                                             int n_cols)
{
    return ct->ternary ? case_packing(ct) : lutra_codes_packing(ops, ct->type, n_cols, false);
}

static inline void case_mat_close(struct case_mat *c)
{
    check_guard_free(c->rows);
    check_guard_free(c->m.data);
}

/* The instruction-set level under test and the next one; equal tables are visited once. */
struct case_levels {
    const struct lutra_cpu_level *next;
    const char *last;
};

static inline bool case_level(struct case_levels *l, struct lutra_ops *ops)
{
    if (!l->next) l->next = lutra_cpu_levels();
    for (; l->next->name; l->next++) {
        uint32_t have = lutra_cpu_detect();
        if ((l->next->features & have) != l->next->features) continue;
        if (check_cpu() && strcmp(check_cpu(), l->next->name) != 0) continue;
        lutra_ops_init(ops, l->next->features);
        if (l->last && strcmp(l->last, ops->name) == 0) continue;
        l->last = ops->name;
        l->next++;
        return true;
    }
    return false;
}

/* Activations of which `act` is bound for one level: codes, sums and scales are set by hand, tables
 * by `ops`. */
struct case_act {
    struct lutra_act a;
    void *mem;
    float *x;
};

/* Whether this machine's kernels fetch or not, tests run both. */
static inline bool case_fetch(void)
{
    static bool fetch;
    return fetch = !fetch;
}

static inline void case_act_open(struct case_act *c, const struct lutra_ops *ops, int n, int k,
                                 bool tern)
{
    unsigned parts = LUTRA_ACT_CODES | LUTRA_ACT_QUADS | LUTRA_ACT_BYTES |
                     (tern ? LUTRA_ACT_TRIPS : 0u);
    size_t bytes = lutra_act_bytes(ops, n, k, parts);
    memset(c, 0, sizeof *c);
    c->mem = check_guard(bytes, LUTRA_ALIGN);
    memset(c->mem, 0x3C, bytes);
    lutra_act_bind(&c->a, ops, c->mem, n, k, parts);
    c->a.fetch = case_fetch();
    c->x = check_guard((size_t)n * (size_t)k * sizeof(float), sizeof(float));
    c->a.x = c->x;
    c->a.x_stride = (size_t)k;
}

static inline void case_act_close(struct case_act *c)
{
    check_guard_free(c->mem);
    check_guard_free(c->x);
}

/* As the quantizer leaves them: most codes fit a byte, `wide` of 64 quads have one that does not. */
static inline int case_code_near(int k, int max, int wide)
{
    int near = max < LUTRA_CODE_MAX_INT8 ? max : LUTRA_CODE_MAX_INT8;
    if (k % 4 == 1 && check_rand_int(0, 63) < wide) return check_rand_int(-max, max);
    return check_rand_int(-near, near);
}

static inline int case_code(enum check_fill fill, int k, int max)
{
    switch (fill) {
    case CHECK_FILL_MAX:
        return max;
    case CHECK_FILL_MIN:
        return -max;
    case CHECK_FILL_ALTERNATE:
        return k & 1 ? -max : max;
    case CHECK_FILL_ZERO:
        return 0;
    default:
        return check_rand_int(-max, max);
    }
}

/* All vectors of `c` get codes by `fill` (the first one; the others are random, and of four two as
 * the quantizer leaves them, one with no code beyond a byte). Tables are for the caller. */
static inline void case_act_fill(struct case_act *c, enum check_fill fill, int max)
{
    struct lutra_act *a = &c->a;
    a->code_max = max;
    for (int v = 0; v < a->n; v++) {
        int16_t *codes = a->codes + (size_t)v * (size_t)a->k_pad;
        int32_t *sums = a->sums + (size_t)v * (size_t)(a->k_pad / 16);
        a->scale[v] = check_rand_float(0.001f, 0.1f);
        memset(codes, 0, (size_t)a->k_pad * sizeof *codes);
        for (int k = 0; k < a->k; k++) {
            codes[k] = (int16_t)(v % 4 ? case_code_near(k, max, v % 4 == 1 ? 0 : 8)
                                       : case_code(v ? CHECK_FILL_RANDOM : fill, k, max));
            c->x[(size_t)v * (size_t)a->k + (size_t)k] = a->scale[v] * (float)codes[k];
        }
        for (int g = 0; g < a->k_pad / 16; g++) {
            sums[g] = 0;
            for (int i = 0; i < 16; i++) sums[g] += codes[16 * g + i];
        }
    }
}

/* For measuring: normally distributed floats, quantized. */
static inline void case_act_normal(struct case_act *c, const struct lutra_ops *ops, int max)
{
    struct lutra_act *a = &c->a;
    a->code_max = max;
    for (int i = 0; i < a->n * a->k; i++) {
        float sum = 0;
        for (int j = 0; j < 12; j++) sum += check_rand_float(-0.5f, 0.5f);
        c->x[i] = sum;
    }
    for (int v = 0; v < a->n; v++)
        a->scale[v] = ops->quantize(a->codes + (size_t)v * (size_t)a->k_pad,
                                    a->sums + (size_t)v * (size_t)(a->k_pad / 16),
                                    c->x + (size_t)v * (size_t)a->k, a->k, a->k_pad, max);
}

/* The same numbers under another level's table formats. */
static inline void case_act_tables(struct case_act *c, const struct lutra_ops *ops)
{
    struct lutra_act *a = &c->a;
    for (int v = 0; v < a->n; v++) {
        const int16_t *codes = a->codes + (size_t)v * (size_t)a->k_pad;
        ops->split_codes(a, v, 0, a->k_pad);
        ops->quad_tables(a->quads + (size_t)v * a->quad_bytes, codes, a->k_pad);
        if (a->trips) ops->trip_tables(a->trips + (size_t)v * a->trip_bytes, codes, a->k_pad);
    }
}

static inline void case_act_copy(struct case_act *dst, const struct case_act *src)
{
    size_t n = (size_t)src->a.n, pad = (size_t)src->a.k_pad;
    memcpy(dst->a.codes, src->a.codes, n * pad * sizeof(int16_t));
    memcpy(dst->a.sums, src->a.sums, n * pad / 16 * sizeof(int32_t));
    memcpy(dst->a.scale, src->a.scale, n * sizeof(float));
    dst->a.code_max = src->a.code_max;
    memcpy(dst->x, src->x, n * (size_t)src->a.k * sizeof(float));
}

/* ---- the naive reference ---- */

/* Columns whose sums are weighed by sc and mn as integers; those of a group if they are not. */
static inline int case_run(const struct lutra_code_info *ci)
{
    return !ci->sub || ci->bits == 6 ? ci->group : ci->bits == 5 ? 128 : 256;
}

static inline float case_ref_tern(const struct case_mat *c, int row, const int16_t *codes,
                                  float x_scale)
{
    const struct lutra_type_info *ti = lutra_type_info((uint32_t)c->m.type);
    struct lutra_split s;
    int64_t sum = 0;
    for (int k = 0; k < c->m.n_cols; k++) {
        if (k % 256 == 0)
            lutra_split_block(c->m.type, &s,
                              c->rows + (size_t)row * c->row_bytes + (size_t)(k / 256 * ti->bytes));
        sum += (s.q[k % 256] - 1) * codes[k];
    }
    float acc = 0.0f + c->m.scale * (float)(int32_t)sum;
    return acc * x_scale;
}

/* y of one row: the formula of kernels/lut.h, from the file's own blocks. */
static inline float case_ref(const struct case_mat *c, int row, const int16_t *codes, float x_scale)
{
    const struct lutra_type_info *ti = lutra_type_info((uint32_t)c->m.type);
    const struct lutra_code_info *ci = lutra_code_info(c->m.type);
    const uint8_t *block = c->rows + (size_t)row * c->row_bytes;
    struct lutra_split s;
    float acc = 0.0f;
    if (c->m.kind == LUTRA_MAT_TERN) return case_ref_tern(c, row, codes, x_scale);
    const int run = case_run(ci), weighs = run > ci->group;
    for (int k = 0; k < c->m.n_cols; k += ti->block, block += ti->bytes) {
        lutra_split_block(c->m.type, &s, block);
        float d = lutra_f16_to_f32(s.d), m = lutra_f16_to_f32(s.dmin);
        for (int r = 0; r < ti->block; r += run) {
            int64_t sum = 0, min = 0;
            for (int i = r; i < r + run; i++) {
                int g = i / ci->group;
                sum += (int64_t)(weighs ? s.sc[g] : 1) * (ci->mul * s.q[i] - ci->offset) * codes[k + i];
                min += (weighs ? s.mn[g] : 1) * codes[k + i];
            }
            CHECK(sum == (int32_t)sum && min == (int32_t)min);
            float by = ci->sub && !weighs ? d * (float)s.sc[r / ci->group] : d;
            acc = acc + by * (float)(int32_t)sum;
            if (ci->min) acc = acc + (ci->sub ? -m : m) * (float)(int32_t)min;
        }
    }
    return acc * x_scale;
}

/* Column counts to try: few, odd multiples of the block, and one large. 0 ends. */
static inline int case_cols(const struct case_type *ct, int i)
{
    static const int by32[] = {32, 64, 96, 160, 416, 2560, 0},
                     by64[] = {64, 128, 192, 448, 2560, 0}, by128[] = {128, 256, 384, 896, 2560, 0},
                     by256[] = {256, 512, 768, 1280, 2560, 0};
    switch (lutra_type_info((uint32_t)ct->type)->block) {
    case 32:
        return by32[i];
    case 64:
        return by64[i];
    case 128:
        return by128[i];
    default:
        return by256[i];
    }
}

#endif
