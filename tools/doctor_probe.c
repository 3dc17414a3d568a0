/* SPDX-License-Identifier: MIT */
/* Probe of lutra doctor: kernels against scalar. */
#include <stdio.h>
#include <string.h>

#include "kernels/agree.h"
#include "kernels/arena.h"
#include "kernels/matmul.h"
#include "kernels/qtypes.h"
#include "tools/cli.h"
#include "tools/doctor.h"

enum {
    COLS = 1536, /* whole super-blocks of 256 and whole steps of 24; so long that codes are bytes nearly everywhere */
    ROWS = 83,   /* two tiles of any kind */
    ENCODED = 13 /* rows that differ, again and again: no two rows that a kernel could mistake for each other are alike,
                    and codebooks are slow to search */
};

static float next_random(uint32_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 17;
    *state ^= *state << 5;
    return (float)(int32_t)*state / 2147483648.0f;
}

/* A random matrix of one type, packed; ternary types get true ternary rows. */
static bool make_matrix(struct lutra_arena *a, struct lutra_mat *m, int type, enum lutra_packing how)
{
    const struct lutra_type_info *info = lutra_type_info((uint32_t)type);
    bool ternary = type == LUTRA_TYPE_TQ1_0 || type == LUTRA_TYPE_TQ2_0;
    size_t row_bytes = (size_t)(COLS / info->block * info->bytes);
    float row[COLS];
    uint32_t state = 88172645u + (uint32_t)type;
    if (lutra_pack_plan_as(m, type, ROWS, COLS, how, NULL)) return false;
    uint8_t *rows = lutra_arena_take(a, row_bytes * ENCODED), *tile = lutra_arena_take(a, row_bytes * (size_t)m->tile_rows);
    m->data = lutra_arena_take(a, m->bytes);
    m->scale = 1.0f;
    if (!rows || !tile || !m->data) return false;
    for (int r = 0; r < ENCODED; r++) {
        for (int i = 0; i < COLS; i++) {
            float v = next_random(&state);
            row[i] = !ternary ? v : i % 256 == 0 || v > 0.4f ? 1.0f : v < -0.4f ? -1.0f : 0.0f;
        }
        lutra_encode_row(type, rows + (size_t)r * row_bytes, row, COLS);
    }
    for (int t = 0; t < lutra_mat_tiles(m); t++) {
        int first = t * m->tile_rows, n = ROWS - first < m->tile_rows ? ROWS - first : m->tile_rows;
        for (int r = 0; r < n; r++)
            memcpy(tile + (size_t)r * row_bytes, rows + (size_t)((first + r) % ENCODED) * row_bytes, row_bytes);
        lutra_pack_tile(m, t, tile, n);
    }
    return true;
}

static bool agrees(struct lutra_arena *a, const struct lutra_ops *ops, int type, enum lutra_packing how)
{
    struct lutra_mat m;
    bool ok = make_matrix(a, &m, type, how) &&
              lutra_agree_product(ops, &m, m.kind == LUTRA_MAT_TERN ? LUTRA_CODE_MAX_INT8 : LUTRA_CODE_MAX);
    a->used = 0;
    return ok;
}

/* In every layout that this level has for the type. */
static bool type_agrees(struct lutra_arena *a, const struct lutra_ops *ops, int type)
{
    bool ternary = type == LUTRA_TYPE_TQ1_0 || type == LUTRA_TYPE_TQ2_0;
    enum lutra_packing dense = lutra_codes_packing(ops, type, COLS, false);
    return agrees(a, ops, type, LUTRA_PACK_CODES) &&
           (dense == LUTRA_PACK_CODES || agrees(a, ops, type, dense)) &&
           (!ternary || agrees(a, ops, type, lutra_tern_packing(ops, false))) &&
           (!ternary || !ops->packs_quint || agrees(a, ops, type, LUTRA_PACK_QUINT));
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
    struct lutra_arena a = {0};
    struct lutra_ops ops;
    bool ok = lutra_arena_open(&a, (size_t)4 << 20, NULL) == LUTRA_OK;
    lutra_ops_init(&ops, features);
    snprintf(verdict, cap, ok ? "ok" : "not run: no memory");
    if (features == 0) return lutra_arena_close(&a), ok; /* it is what the others are compared with */
    if (ok && !lutra_agree_vectors(&ops)) {
        snprintf(verdict, cap, "WRONG for vectors of floats");
        ok = false;
    }
    for (size_t i = 0; ok && i < sizeof types / sizeof *types; i++) {
        ok = type_agrees(&a, &ops, types[i]);
        if (!ok) snprintf(verdict, cap, "WRONG for %s", lutra_type_info((uint32_t)types[i])->name);
    }
    lutra_arena_close(&a);
    return ok;
}
