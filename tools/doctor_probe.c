/* SPDX-License-Identifier: MIT */
/* Probe of lutra doctor: kernels against scalar. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernels/arena.h"
#include "kernels/matmul.h"
#include "kernels/qtypes.h"
#include "tools/cli.h"
#include "tools/doctor.h"

enum {
    COLS = 768, /* whole super-blocks of 256 and whole steps of 24 */
    ROWS = 83,  /* the last tile is not full */
    VECTORS = 7 /* a block of four and a rest of three */
};

struct bench {
    struct lutra_arena arena;
    struct lutra_mat mat;
    struct lutra_pool *pool;
    float *x, *y[2];
    uint8_t *act, *scratch;
};

static float next_random(uint32_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 17;
    *state ^= *state << 5;
    return (float)(int32_t)*state / 2147483648.0f;
}

/* A random matrix of one type, packed; ternary types get true ternary rows. */
static bool make_matrix(struct bench *b, const struct lutra_ops *ops, int type, bool dense,
                        uint32_t *state)
{
    const struct lutra_type_info *info = lutra_type_info((uint32_t)type);
    bool ternary = type == LUTRA_TYPE_TQ1_0 || type == LUTRA_TYPE_TQ2_0;
    size_t row_bytes = (size_t)(COLS / info->block * info->bytes);
    float row[COLS];
    enum lutra_packing how = dense     ? LUTRA_PACK_DENSE
                             : ternary ? lutra_tern_packing(ops, false)
                                       : LUTRA_PACK_CODES;
    if (lutra_pack_plan_as(&b->mat, type, ROWS, COLS, how, NULL)) return false;
    uint8_t *tile = lutra_arena_take(&b->arena, row_bytes * (size_t)b->mat.tile_rows);
    b->mat.data = lutra_arena_take(&b->arena, b->mat.bytes);
    b->mat.scale = 1.0f;
    if (!tile || !b->mat.data) return false;
    for (int t = 0; t < lutra_mat_tiles(&b->mat); t++) {
        int n = ROWS - t * b->mat.tile_rows < b->mat.tile_rows ? ROWS - t * b->mat.tile_rows
                                                               : b->mat.tile_rows;
        for (int r = 0; r < n; r++) {
            for (int i = 0; i < COLS; i++) {
                float v = next_random(state);
                row[i] = !ternary ? v : i % 256 == 0 || v > 0.4f ? 1.0f : v < -0.4f ? -1.0f : 0.0f;
            }
            lutra_encode_row(type, tile + (size_t)r * row_bytes, row, COLS);
        }
        lutra_pack_tile(&b->mat, t, tile, n);
    }
    return true;
}

static bool multiply(struct bench *b, const struct lutra_ops *ops, enum lutra_mode mode, int n,
                     float *y)
{
    const struct lutra_mat *m = &b->mat;
    struct lutra_engine e = {.ops = ops, .pool = b->pool, .mode = mode};
    e.scratch_each = lutra_engine_scratch(ops);
    e.code_max = m->kind == LUTRA_MAT_TERN ? LUTRA_CODE_MAX_INT8 : LUTRA_CODE_MAX;
    unsigned parts = lutra_act_parts(&e, &m, 1, n);
    struct lutra_act act = {0};
    b->act = lutra_arena_take(&b->arena, lutra_act_bytes(ops, n, COLS, parts));
    e.scratch = lutra_arena_take(&b->arena, e.scratch_each);
    if (!b->act || !e.scratch) return false;
    lutra_act_bind(&act, ops, b->act, n, COLS, parts);
    act.x = b->x;
    act.x_stride = COLS;
    lutra_act_fill(&e, &act, parts);
    lutra_matmul(&e, y, ROWS, m, &act);
    return true;
}

static bool type_agrees(struct bench *b, const struct lutra_ops *scalar,
                        const struct lutra_ops *ops, int type, bool dense)
{
    static const struct {
        enum lutra_mode mode;
        int n;
    } ways[] = {{LUTRA_MODE_LUT, 1}, {LUTRA_MODE_DOT, 1}, {LUTRA_MODE_DOT, VECTORS},
                {LUTRA_MODE_DEQ, VECTORS}};
    uint32_t state = 88172645u + (uint32_t)type;
    size_t used = b->arena.used;
    bool ok = make_matrix(b, ops, type, dense, &state);
    for (size_t i = 0; ok && i < sizeof ways / sizeof *ways; i++) {
        int n = ways[i].n;
        memset(b->y[0], 0, VECTORS * ROWS * sizeof(float));
        memset(b->y[1], 1, VECTORS * ROWS * sizeof(float));
        ok = multiply(b, scalar, ways[i].mode, n, b->y[0]) &&
             multiply(b, ops, ways[i].mode, n, b->y[1]) &&
             memcmp(b->y[0], b->y[1], (size_t)n * ROWS * sizeof(float)) == 0;
    }
    b->arena.used = used;
    return ok;
}

static bool prepare(struct bench *b)
{
    uint32_t state = 2463534242u;
    if (lutra_arena_open(&b->arena, (size_t)16 << 20, NULL) ||
        lutra_pool_open(&b->pool, 1, NULL, NULL))
        return false;
    b->x = lutra_arena_take(&b->arena, VECTORS * COLS * sizeof(float));
    b->y[0] = lutra_arena_take(&b->arena, VECTORS * ROWS * sizeof(float));
    b->y[1] = lutra_arena_take(&b->arena, VECTORS * ROWS * sizeof(float));
    if (!b->x || !b->y[0] || !b->y[1]) return false;
    for (int i = 0; i < VECTORS * COLS; i++)
        b->x[i] = next_random(&state) * (i % 61 == 7 ? 40.0f : 1.0f);
    return true;
}

bool lutra_doctor_kernels(uint32_t features, char *verdict, size_t cap)
{
    static const int types[] = {LUTRA_TYPE_F32,  LUTRA_TYPE_F16,   LUTRA_TYPE_BF16, LUTRA_TYPE_Q8_0,
                                LUTRA_TYPE_Q4_0, LUTRA_TYPE_Q4_1,  LUTRA_TYPE_Q5_0, LUTRA_TYPE_Q5_1,
                                LUTRA_TYPE_Q2_K, LUTRA_TYPE_Q3_K,  LUTRA_TYPE_Q4_K, LUTRA_TYPE_Q5_K,
                                LUTRA_TYPE_Q6_K, LUTRA_TYPE_TQ1_0, LUTRA_TYPE_TQ2_0,
                                LUTRA_TYPE_Q1_0, LUTRA_TYPE_Q2_0,  LUTRA_TYPE_Q2_0_G128,
                                LUTRA_TYPE_IQ4_NL, LUTRA_TYPE_IQ4_XS, LUTRA_TYPE_MXFP4,
                                LUTRA_TYPE_NVFP4, LUTRA_TYPE_IQ1_S, LUTRA_TYPE_IQ1_M,
                                LUTRA_TYPE_IQ2_XXS, LUTRA_TYPE_IQ2_XS, LUTRA_TYPE_IQ2_S,
                                LUTRA_TYPE_IQ3_XXS, LUTRA_TYPE_IQ3_S};
    struct bench b;
    struct lutra_ops scalar, ops;
    bool ok = true;
    memset(&b, 0, sizeof b);
    lutra_ops_init(&scalar, 0);
    lutra_ops_init(&ops, features);
    snprintf(verdict, cap, "ok");
    if (!prepare(&b)) {
        snprintf(verdict, cap, "not run: no memory");
        ok = false;
    }
    for (size_t i = 0; ok && i < sizeof types / sizeof *types; i++) {
        ok = type_agrees(&b, &scalar, &ops, types[i], false) &&
             (lutra_codes_packing(&ops, types[i], COLS, false) != LUTRA_PACK_DENSE ||
              type_agrees(&b, &scalar, &ops, types[i], true));
        if (!ok) snprintf(verdict, cap, "WRONG for %s", lutra_type_info((uint32_t)types[i])->name);
    }
    lutra_pool_close(b.pool);
    lutra_arena_close(&b.arena);
    return ok;
}
