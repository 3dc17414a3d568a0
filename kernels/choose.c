/* SPDX-License-Identifier: MIT */
/* Which kernel multiplies a matrix by n vectors: by lookup while that is the faster way, then as a
 * panel. */
#include <string.h>

#include "kernels/matmul.h"

enum {
    KINDS = 10,      /* columns of the table below: planes of 1..8 bits, base-3 codes */
    TERN_COLUMN = 9,
    STEP = 16        /* LUT mode: vectors that have tables at a time; 16 tables of 4096 columns fill
                        half an L2 */
};

/* Up to how many vectors lookups win. */
struct crossover {
    const char *level;
    int8_t max[KINDS]; /* by bits; [0] unused, [9] base-3 */
};

static const struct crossover crossovers[] = {
    {"scalar", {0, 4, 4, 4, 4, 4, 4, 4, 4, 4}},
    {"avx2", {0, 4, 4, 4, 4, 4, 4, 4, 4, 4}},
    {"neon", {0, 4, 4, 4, 4, 4, 4, 4, 4, 4}},
};
enum { N_CROSSOVERS = sizeof crossovers / sizeof *crossovers };

/* The row of this level; a level without one has kernels like those of the last x86 or ARM row. */
static const struct crossover *row_of(const struct lutra_ops *ops)
{
    for (int i = 0; i < N_CROSSOVERS; i++)
        if (strcmp(crossovers[i].level, ops->name) == 0) return &crossovers[i];
    return &crossovers[0];
}

int lutra_lookup_max(const struct lutra_ops *ops, const struct lutra_mat *m)
{
    if (m->kind == LUTRA_MAT_TERN) return row_of(ops)->max[TERN_COLUMN];
    if (m->kind != LUTRA_MAT_PLANES || m->bits < 1 || m->bits >= TERN_COLUMN) return 0;
    return row_of(ops)->max[m->bits];
}

int lutra_lookup_most(const struct lutra_ops *ops, enum lutra_mode mode)
{
    int most = 0;
    if (mode == LUTRA_MODE_LUT) return STEP;
    if (mode != LUTRA_MODE_AUTO) return 0;
    for (int i = 0; i < KINDS; i++)
        if (row_of(ops)->max[i] > most) most = row_of(ops)->max[i];
    return most;
}

static bool has_tables(const struct lutra_engine *e, const struct lutra_mat *m)
{
    if (m->kind == LUTRA_MAT_PLANES) return true;
    /* triple tables hold bytes: wider codes take the panel */
    return m->kind == LUTRA_MAT_TERN && e->code_max <= LUTRA_CODE_MAX_INT8;
}

enum lutra_path lutra_matmul_path(const struct lutra_engine *e, const struct lutra_mat *m, int n)
{
    if (m->kind >= LUTRA_MAT_F32) return LUTRA_PATH_FLOAT;
    if (e->precision == LUTRA_PREC_HIGH || e->mode == LUTRA_MODE_DEQ) return LUTRA_PATH_EXACT;
    if (e->mode == LUTRA_MODE_DOT || !has_tables(e, m)) return LUTRA_PATH_PANEL;
    if (e->mode == LUTRA_MODE_LUT) return LUTRA_PATH_LOOKUP;
    return n <= lutra_lookup_max(e->ops, m) ? LUTRA_PATH_LOOKUP : LUTRA_PATH_PANEL;
}

int lutra_matmul_step(const struct lutra_engine *e, const struct lutra_mat *const *mats,
                      int n_mats, int n)
{
    int most = lutra_lookup_most(e->ops, e->mode);
    if (n <= most) return n;
    for (int i = 0; i < n_mats; i++)
        if (lutra_matmul_path(e, mats[i], n) == LUTRA_PATH_LOOKUP) return most;
    return n;
}
