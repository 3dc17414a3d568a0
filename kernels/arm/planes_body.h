/* SPDX-License-Identifier: MIT */
/* planes_lookup but for the lookups themselves. The file that includes this defines
 *   group_ints(code, tab, bits, group, start)   start + S of a group, rows in natural order
 *   planes_bits(job)                            the whole product, if weights have one bit
 * and takes planes_lookup. */
#ifndef LUTRA_KERNELS_ARM_PLANES_BODY_H
#define LUTRA_KERNELS_ARM_PLANES_BODY_H

#include "kernels/arm/arm.h"

/* acc + the groups of a unit: sums begin so that they end as floats, see MAGIC. */
ARM_INLINE struct lutra_rows planes_unit(struct lutra_rows acc, const struct lutra_mat *m,
                                         const uint8_t *unit, const uint8_t *tab,
                                         const int32_t *sums, int bits, int group,
                                         enum lutra_scale_kind kind)
{
    const uint8_t *code = unit + m->scale_bytes;
    const int groups = m->unit_k / group, centre = centre_of(m->offset, bits);
    const bool minima = scales_have_min(kind);
    const struct lutra_scales us = scales_of_unit(unit, kind);

    prefetch_bytes(unit, (int)m->scale_bytes);
    for (int g = 0; g < groups; g++) {
        const struct lutra_scales gs = scales_of_group(unit, us, kind, g);
        const int32_t x = group_codes(sums, group);
        struct ints s;

        prefetch_bytes(code, group * bits * 2);
        s = group_ints(code, tab, bits, group, MAGIC - centre * x);
        acc = rows_add(acc, rows_mul(gs.d, rows_from_magic(s, (centre - m->offset) * x)));
        if (minima) acc = rows_add(acc, rows_scale(gs.m, (float)x));
        code += group * bits * 2;
        tab += group * 8;
        sums += group / 16;
    }
    return acc;
}

/* acc + the runs of a unit. */
ARM_INLINE struct lutra_rows planes_runs(struct lutra_rows acc, const struct lutra_mat *m,
                                         const uint8_t *unit, const uint8_t *tab,
                                         const int32_t *sums, int bits, int group, int run,
                                         enum lutra_scale_kind kind)
{
    const uint8_t *code = unit + m->scale_bytes;
    const int groups = m->unit_k / group, each = run / group;
    const struct lutra_scales us = scales_of_unit(unit, kind);

    prefetch_bytes(unit, (int)m->scale_bytes);
    for (int g = 0; g < groups;) {
        struct ints total = ints_fill(0), minima = ints_fill(0);

        for (int end = g + each; g < end; g++) {
            const int32_t x = group_codes(sums, group);
            struct ints s;

            prefetch_bytes(code, group * bits * 2);
            s = group_ints(code, tab, bits, group, -m->offset * x);
            total = ints_weigh(total, s, scale_weights(unit, kind, g));
            if (scales_have_min(kind))
                minima = ints_weigh_by(minima, minimum_weights(unit, kind, g), x);
            code += group * bits * 2;
            tab += group * 8;
            sums += group / 16;
        }
        acc = rows_add_run(acc, us.d, total);
        if (scales_have_min(kind)) acc = rows_sub_run(acc, us.m, minima);
    }
    return acc;
}

ARM_INLINE void planes_tiles(const struct planes_job *j, int bits, int group, int run,
                             enum lutra_scale_kind kind)
{
    const struct lutra_mat *m = j->m;

    for (int t = j->tile0; t < j->tile1; t++) {
        const uint8_t *unit = lutra_mat_tile(m, t);
        struct lutra_rows acc = rows_fill(0.0f);

        for (int k = 0; k < m->n_cols; k += m->unit_k, unit += m->unit_bytes) {
            const uint8_t *tab = j->tab + (size_t)k * 8;
            const int32_t *sums = j->sums + k / 16;

            if (run > group)
                acc = planes_runs(acc, m, unit, tab, sums, bits, group, run, kind);
            else
                acc = planes_unit(acc, m, unit, tab, sums, bits, group, kind);
        }
        rows_store_part(j->y + (size_t)t * 16, rows_scale(acc, j->scale), m->n_rows - t * 16);
    }
}

/* One copy of the loop for each shape that a format has, so that all four are constants in it. */
#define PLANES_SHAPES(X)                                                                           \
    X(2, 16, 256, SUB_MIN4)                                                                        \
    X(2, 64, 64, F16)                                                                              \
    X(2, 128, 128, F16)                                                                            \
    X(2, 256, 256, F16)                                                                            \
    X(3, 16, 256, SUB)                                                                             \
    X(4, 32, 32, F16)                                                                              \
    X(4, 32, 32, F16_MIN)                                                                          \
    X(4, 32, 256, SUB_MIN)                                                                         \
    X(5, 32, 32, F16)                                                                              \
    X(5, 32, 32, F16_MIN)                                                                          \
    X(5, 32, 128, SUB_MIN)                                                                         \
    X(6, 16, 16, SUB)
#define PLANES_FUNCTION(bits, group, run, kind)                                                    \
    static void planes_##bits##_##group##_##kind(const struct planes_job *j)                       \
    {                                                                                              \
        planes_tiles(j, bits, group, run, LUTRA_SCALE_##kind);                                     \
    }
#define PLANES_KEY(bits, group, kind) ((bits) << 16 | (group) << 4 | (int)(kind))
#define PLANES_CASE(bits, group, run, kind)                                                        \
    case PLANES_KEY(bits, group, LUTRA_SCALE_##kind):                                              \
        planes_##bits##_##group##_##kind(&j);                                                      \
        break;

PLANES_SHAPES(PLANES_FUNCTION)

static void planes_any(const struct planes_job *j)
{
    planes_tiles(j, j->m->bits, j->m->group, j->m->run, j->m->scales);
}

static void planes_lookup(float *y, const struct lutra_mat *m, const struct lutra_act *a, int v,
                          int tile0, int tile1)
{
    const struct planes_job j = {.y = y,
                                 .m = m,
                                 .tab = a->quads + (size_t)v * a->quad_bytes,
                                 .sums = a->sums + (size_t)v * (size_t)(a->k_pad / 16),
                                 .scale = a->scale[v],
                                 .tile0 = tile0,
                                 .tile1 = tile1};

    if (m->bits == 1) {
        planes_bits(&j);
        return;
    }
    switch (PLANES_KEY(m->bits, m->group, m->scales)) {
        PLANES_SHAPES(PLANES_CASE)
    default:
        planes_any(&j);
        break;
    }
}

#endif
