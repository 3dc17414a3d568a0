/* SPDX-License-Identifier: MIT */
/* How the panels of SSSE3, AVX2 and AVX-VNNI cut a row into runs of columns. */
#ifndef LUTRA_KERNELS_X86_PANEL_COLS_H
#define LUTRA_KERNELS_X86_PANEL_COLS_H

#include "kernels/lut.h"

enum {
    PANEL_K = 256,  /* columns at most: 4 KB of bytes stay in L1 while the vectors pass */
    PANEL_TERN = 10, /* units of 24 columns in a run: 240, two halves */
    PANEL_GROUPS = 16
};

/* Columns of a row, padding of TERN included, and how many of them a run from k on has. */
static int panel_end(const struct lutra_mat *m)
{
    return m->kind == LUTRA_MAT_TERN ? lutra_tern_k_pad(m->n_cols) : m->n_cols;
}

static int panel_run(const struct lutra_mat *m, int k)
{
    int run = m->kind == LUTRA_MAT_TERN ? PANEL_TERN * LUTRA_TERN_K : PANEL_K;
    int left = panel_end(m) - k;
    return left < run ? left : run;
}

static const uint8_t *panel_unit(const struct lutra_mat *m, const uint8_t *tile, int k)
{
    const uint8_t *unit = tile + (size_t)(k / m->unit_k) * m->unit_bytes;
    return m->kind == LUTRA_MAT_TERN ? unit + 4 * LUTRA_TERN_ROWS : unit;
}

#endif
