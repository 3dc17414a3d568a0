/* SPDX-License-Identifier: MIT */
/* How many operations a product takes: counted while it runs, one instruction after another, or in
 * an instrumented twin of the scalar lookups. */
#ifndef LUTRA_TOOLS_BENCH_OPS_H
#define LUTRA_TOOLS_BENCH_OPS_H

#include "kernels/ops.h"

/* Operations on single elements: an addition of 32 bytes counts 32. */
struct lutra_op_counts {
    double lookups;  /* bytes fetched from tables; stepped: bytes shuffled by an index */
    double adds;     /* additions and subtractions, integer and float */
    double int_muls; /* integer multiplications of elements */
    double float_muls;
    double instructions; /* executed, whatever they are; 0: not counted */
};

/* What one x86-64 instruction at `code` (at least 15 readable bytes) does to vectors; zeros for all
 * others. Multiply-add instructions count under both. */
void lutra_insn_ops(const uint8_t *code, struct lutra_op_counts *one);

/* Run work(arg) in a child process step by step and count what it executes. False: the system does
 * not allow it, or this is no x86-64. */
bool lutra_step_count(void (*work)(void *arg), void *arg, struct lutra_op_counts *c);

/* y of vector 0 of `a` (codes and sums filled; no tables needed), PLANES and TERN as ops' scalar
 * lookups compute it, every operation on a weight counted. int_muls: plane weights and joins of
 * bytes. */
void lutra_count_lookup(float *y, const struct lutra_mat *m, const struct lutra_act *a,
                        struct lutra_op_counts *c);
/* Building the tables for k columns, as scalar does it. */
void lutra_count_tables(const struct lutra_mat *m, int k, struct lutra_op_counts *c);

#endif
