/* SPDX-License-Identifier: MIT */
/* Runs one product kernel once, between calls of two empty functions, for tests/arm_mca.sh to cut
 * its instructions out of a trace:
 *   arm_trace LEVEL TYPE lookup|panel|dense|book|tables|vector VECTORS [normal|int8|wide|heavy [TILES]]
 * TYPE is a type's name, TERN (base 3) or BITS1 .. BITS8; `dense` is a panel, too, from more vectors
 * on than dense_most. Weights are random bytes: no path of a kernel depends on them. Of codes the
 * shares of those that exceed a byte count: one in 1024, as normally distributed vectors have after
 * quantize, one in 50 (`heavy`), all that may (`wide`) or none (`int8`). Prints the number of weights
 * that one vector meets (`tables`: columns). */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernels/cpu.h"
#include "kernels/matmul.h"

__attribute__((noinline)) void trace_begin(void);
__attribute__((noinline)) void trace_end(void);

void trace_begin(void)
{
    __asm__ volatile("" ::: "memory");
}

void trace_end(void)
{
    __asm__ volatile("" ::: "memory");
}

enum { COLS = 512, TERN_COLS = 768, STRIP = 256 /* rows of vector tables */ };

static lutra_status plan(struct lutra_mat *m, const char *type, int rows, int tiles, bool dense)
{
    lutra_error err;

    if (strncmp(type, "BITS", 4) == 0)
        return lutra_pack_plan_bits(m, atoi(type + 4), 0, LUTRA_BIT_ROWS, COLS, &err);
    if (strcmp(type, "TERN") == 0)
        return lutra_pack_plan(m, LUTRA_TYPE_TQ2_0, rows * tiles, TERN_COLS, true, &err);
    for (uint32_t i = 0; i < 1000; i++) {
        const struct lutra_type_info *ti = lutra_type_info(i);
        if (!ti || !ti->name || strcmp(ti->name, type) != 0) continue;
        const enum lutra_packing how = dense ? LUTRA_PACK_DENSE : LUTRA_PACK_CODES;
        lutra_status s = lutra_pack_plan_as(m, (int)i, 16, COLS, how, &err);
        if (s) return s;
        return lutra_pack_plan_as(m, (int)i, m->tile_rows * tiles, COLS, how, &err);
    }
    return LUTRA_EINVAL;
}

/* Short, as all of it is traced. */
static unsigned next(void)
{
    static unsigned x = 1;
    x = x * 1664525u + 1013904223u;
    return x >> 16;
}

static void fill(struct lutra_act *a, const char *codes)
{
    const unsigned rare = codes[0] == 'h' ? 50 : codes[0] == 'n' ? 1024 : 1;

    a->code_max = codes[0] == 'i' ? LUTRA_CODE_MAX_INT8 : LUTRA_CODE_MAX;
    for (int i = 0; i < a->n; i++) a->scale[i] = 1.0f;
    for (int i = 0; i < a->n * a->k_pad; i++) {
        const int max = next() % rare == 0 ? a->code_max : LUTRA_CODE_MAX_INT8;
        const int size = (int)(next() % 128), less = (int)(next() % 128);

        if (codes[0] == 'n') { /* smaller ones more often; what exceeds a byte is less than two */
            const int c = size - less;
            a->codes[i] = (int16_t)(max == LUTRA_CODE_MAX_INT8 ? c : c < 0 ? c - 127 : c + 128);
            continue;
        }
        a->codes[i] = (int16_t)((int)(next() % (2u * (unsigned)max + 1)) - max);
    }
}

static void run(const struct lutra_ops *ops, const struct lutra_mat *m, struct lutra_act *a,
                const char *kernel, float *y, void *scratch)
{
    const size_t stride = (size_t)m->n_rows;
    const int tiles = lutra_mat_tiles(m);

    trace_begin();
    if (kernel[0] == 'v')
        ops->vector_lookup(y, stride, m, a, 0, a->n, 0, tiles, scratch);
    else if (kernel[0] == 't' && m->kind == LUTRA_MAT_TERN)
        ops->trip_tables(a->trips, a->codes, a->k_pad);
    else if (kernel[0] == 't')
        ops->quad_tables(a->quads, a->codes, a->k_pad);
    else if (kernel[0] == 'b' || (m->kind == LUTRA_MAT_BOOK && !ops->book_panel))
        ops->book_mul(y, stride, m, a, 0, a->n, 0, tiles);
    else if (kernel[0] == 'd')
        ops->dense_mul(y, stride, m, a, 0, a->n, 0, tiles, scratch);
    else if (kernel[0] == 'p')
        ops->panel_mul(y, stride, m, a, 0, a->n, 0, tiles, scratch);
    else if (m->kind == LUTRA_MAT_TERN)
        ops->tern_lookup(y, m, a, 0, 0, tiles);
    else if (m->kind == LUTRA_MAT_BITS)
        ops->bits_lookup(y, m, a, 0, 0, tiles);
    else
        ops->planes_lookup(y, m, a, 0, 0, tiles);
    trace_end();
}

int main(int argc, char **argv)
{
    const struct lutra_cpu_level *level = argc > 4 ? lutra_cpu_level(argv[1]) : NULL;
    const unsigned parts = LUTRA_ACT_CODES | LUTRA_ACT_QUADS | LUTRA_ACT_TRIPS | LUTRA_ACT_BYTES;
    int n = argc > 4 ? atoi(argv[4]) : 0;
    struct lutra_act a = {0};
    struct lutra_ops ops;
    struct lutra_mat m = {0};

    if (!level || n < 1) return 2;
    int rows = argv[3][0] == 'v' ? STRIP : 32, tiles = argc > 6 ? atoi(argv[6]) : 1;
    if (plan(&m, argv[2], rows, tiles, argv[3][0] == 'd') || m.kind >= LUTRA_MAT_F32) return 2;
    lutra_ops_init(&ops, level->features);
    m.scale = 1.0f;
    m.data = aligned_alloc(LUTRA_ALIGN, lutra_round_up(m.bytes, LUTRA_ALIGN));
    for (size_t i = 0; i < m.bytes; i++) m.data[i] = (uint8_t)next();
    void *mem = calloc(1, lutra_act_bytes(&ops, n, m.n_cols, parts) + LUTRA_ALIGN);
    lutra_act_bind(&a, &ops, (void *)lutra_round_up((size_t)mem, LUTRA_ALIGN), n, m.n_cols, parts);
    fill(&a, argc > 5 ? argv[5] : "normal");
    for (int v = 0; v < n; v++) ops.split_codes(&a, v, 0, a.k_pad);
    if (n > lutra_bytes_most(&ops, &m)) a.bytes = NULL;
    run(&ops, &m, &a, argv[3], malloc((size_t)n * (size_t)m.n_rows * sizeof(float)),
        aligned_alloc(LUTRA_ALIGN, lutra_round_up(lutra_engine_scratch(&ops) + 1, LUTRA_ALIGN)));
    printf("%d\n", argv[3][0] == 't' ? a.k_pad : m.n_rows * m.n_cols);
    return 0;
}
