/* SPDX-License-Identifier: MIT */
/* Runs one product kernel once, between calls of two empty functions, for tests/arm_mca.sh to cut
 * its instructions out of a trace:  arm_trace LEVEL TYPE lookup|panel|tables VECTORS [int8]
 * prints the number of weights that one vector meets (`tables`: columns). */
#include <stdio.h>

#include "tests/lut_cases.h"

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

enum { COLS = 512, TERN_COLS = 768 };

static void run(const struct lutra_ops *ops, struct case_mat *c, struct case_act *a, char kernel,
                float *y, void *scratch)
{
    const struct lutra_mat *m = &c->m;
    int tiles = lutra_mat_tiles(m), n = a->a.n;

    trace_begin();
    if (kernel == 't')
        case_act_tables(a, ops);
    else if (kernel == 'p')
        ops->panel_mul(y, (size_t)m->n_rows, m, &a->a, 0, n, 0, tiles, scratch);
    else if (m->kind == LUTRA_MAT_TERN)
        for (int v = 0; v < n; v++) ops->tern_lookup(y, m, &a->a, v, 0, tiles);
    else
        for (int v = 0; v < n; v++) ops->planes_lookup(y, m, &a->a, v, 0, tiles);
    trace_end();
}

int main(int argc, char **argv)
{
    const struct lutra_cpu_level *level = argc > 4 ? lutra_cpu_level(argv[1]) : NULL;
    bool int8 = argc > 5;
    int n = argc > 4 ? atoi(argv[4]) : 0;
    struct lutra_ops ops;

    if (!level || n < 1) return 2;
    lutra_ops_init(&ops, level->features);
    for (int i = 0; i < CASE_TYPES; i++) {
        const struct case_type *ct = &case_types[i];
        int cols = ct->ternary ? TERN_COLS : COLS;
        struct case_mat c;
        struct case_act a;

        if (strcmp(ct->name, argv[2]) != 0) continue;
        case_mat_open(&c, ct, ct->ternary || ct->type == LUTRA_TYPE_Q1_0 ? 32 : 16, cols);
        case_act_open(&a, &ops, n, cols, ct->ternary);
        case_act_fill(&a, CHECK_FILL_RANDOM, int8 ? LUTRA_CODE_MAX_INT8 : LUTRA_CODE_MAX);
        run(&ops, &c, &a, argv[3][0], malloc((size_t)n * (size_t)c.m.n_rows * sizeof(float)),
            aligned_alloc(LUTRA_ALIGN, lutra_round_up(ops.panel_scratch + 1, LUTRA_ALIGN)));
        printf("%d\n", argv[3][0] == 't' ? cols : c.m.n_rows * cols);
        return 0;
    }
    return 2;
}
