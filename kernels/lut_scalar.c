/* SPDX-License-Identifier: MIT */
/* Table building and table lookup in plain C: the specification that every vector version must
 * equal, bit for bit. */
#include "kernels/lut_init.h"
#include "kernels/lut_unit.h"
#include "kernels/ops.h"

/* Triple table of this level: 27 int16 entries, index 9a+3b+c + 13, padded to 32. */
enum { TRIP_VALUES = 27, TRIP_ENTRIES = 32, TRIP_BYTES = 2 * TRIP_ENTRIES };

static void quad_tables(uint8_t *tab, const int16_t *codes, int n)
{
    for (int k = 0; k < n; k += 4, tab += 32) {
        for (int e = 0; e < 16; e++) {
            int sum = 0;
            for (int i = 0; i < 4; i++) sum += e >> i & 1 ? codes[k + i] : 0;
            int lo = (int8_t)sum;
            tab[e] = (uint8_t)lo;
            tab[16 + e] = (uint8_t)((sum - lo) / 256);
        }
    }
}

static void trip_tables(uint8_t *tab, const int16_t *codes, int n)
{
    for (int k = 0; k < n; k += 3, tab += TRIP_BYTES) {
        int16_t entry[TRIP_ENTRIES] = {0};
        for (int i = 0; i < TRIP_VALUES; i++) {
            int8_t abc[3];
            lutra_tern_digits(i - 13, abc);
            entry[i] = (int16_t)(abc[0] * codes[k] + abc[1] * codes[k + 1] + abc[2] * codes[k + 2]);
        }
        memcpy(tab, entry, sizeof entry);
    }
}

static void split_codes(const struct lutra_act *a, int v, int k0, int k1)
{
    const int16_t *codes = a->codes + (size_t)v * (size_t)a->k_pad;
    const struct lutra_bytes b = lutra_bytes_of(a, v);
    lutra_bytes_sums(a, v, k0, k1);
    for (int k = k0; k < k1; k++) {
        b.low[k] = (int8_t)codes[k];
        b.high[k] = (int8_t)((codes[k] - b.low[k]) / 256);
        if (k % 8 == 0) b.wide[k / 8] = 0;
        if (b.high[k]) b.wide[k / 8] = 1;
    }
}

static inline int quad_entry(const uint8_t *tab, int quad, int index)
{
    const int8_t *t = (const int8_t *)tab + 32 * quad;
    return t[index] + 256 * t[16 + index];
}

/* Two nibbles, two neighbouring quads. */
static inline int octet_entry(const uint8_t *tab, int octet, uint8_t byte)
{
    return quad_entry(tab, 2 * octet, byte & 15) + quad_entry(tab, 2 * octet + 1, byte >> 4);
}

/* Add one step of 16 columns to sums[row]; tab points at the step's four quads. */
static void add_step(int32_t *sums, const uint8_t *codes, int bits, const uint8_t *tab)
{
    int pairs = bits / 2;
    for (int row = 0; row < LUTRA_TILE_ROWS; row++) {
        const uint8_t *p = codes + 2 * lutra_lut_slot(row);
        int sum = 0;
        for (int o = 0; o < 2; o++) {
            for (int i = 0; i < pairs; i++) {
                const uint8_t *two = p + 32 * (o * pairs + i);
                sum += octet_entry(tab, o, two[0]) * (1 << 2 * i);
                sum += octet_entry(tab, o, two[1]) * (2 << 2 * i);
            }
            if (bits & 1) sum += octet_entry(tab, o, p[64 * pairs + o]) * (1 << (bits - 1));
        }
        sums[row] += sum;
    }
}

/* The same for one bit: 32 rows, an octet after the other. */
static void add_bits(int32_t *sums, const uint8_t *codes, const uint8_t *tab)
{
    for (int row = 0; row < LUTRA_BIT_ROWS; row++)
        for (int o = 0; o < 2; o++)
            sums[row] +=
                octet_entry(tab, o, codes[LUTRA_BIT_ROWS * o + lutra_bit_slot(row)]);
}

static int32_t group_sum(const int32_t *sums, int group)
{
    int32_t x = 0;
    for (int i = 0; i < group / 16; i++) x += sums[i];
    return x;
}

/* The sums of a run are complete: acc[row] += D * total, then + M * minima. They begin anew. */
static void add_run(float *acc, const struct lutra_mat *m, const uint8_t *unit, int g,
                    int32_t *total, int32_t *minima)
{
    for (int row = 0; row < m->tile_rows; row++) {
        acc[row] = acc[row] + lutra_unit_run_d(m, unit, g, row) * (float)total[row];
        total[row] = 0;
        if (!minima) continue;
        acc[row] = acc[row] + lutra_unit_run_m(m, unit, g, row) * (float)minima[row];
        minima[row] = 0;
    }
}

/* acc[row] over all groups of one tile. */
static void planes_tile(float *acc, const struct lutra_mat *m, const uint8_t *unit,
                        const uint8_t *tab, const int32_t *sums)
{
    int steps = m->group / LUTRA_STEP_K, groups = m->unit_k / m->group;
    size_t step_bytes = (size_t)(2 * m->bits * m->tile_rows);
    bool has_min = lutra_mat_has_min(m);
    for (int row = 0; row < m->tile_rows; row++) acc[row] = 0.0f;
    for (int k = 0; k < m->n_cols; k += m->unit_k, unit += m->unit_bytes) {
        const uint8_t *codes = unit + m->scale_bytes;
        int32_t total[LUTRA_BIT_ROWS] = {0}, minima[LUTRA_BIT_ROWS] = {0};
        for (int g = 0; g < groups; g++, sums += steps) {
            int32_t s[LUTRA_BIT_ROWS] = {0};
            int32_t x = group_sum(sums, m->group);
            for (int i = 0; i < steps; i++, codes += step_bytes, tab += 4 * 32) {
                if (m->bits == 1)
                    add_bits(s, codes, tab);
                else
                    add_step(s, codes, m->bits, tab);
            }
            for (int row = 0; row < m->tile_rows; row++) {
                total[row] += lutra_unit_weight(m, unit, g, row) * (m->mul * s[row] - m->offset * x);
                if (has_min) minima[row] += lutra_unit_min_weight(m, unit, g, row) * x;
            }
            if ((g + 1) * m->group % m->run == 0)
                add_run(acc, m, unit, g, total, has_min ? minima : NULL);
        }
    }
}

static void planes_lookup(float *y, const struct lutra_mat *m, const struct lutra_act *a, int v,
                          int tile0, int tile1)
{
    const uint8_t *tab = a->quads + (size_t)v * a->quad_bytes;
    const int32_t *sums = a->sums + (size_t)v * (size_t)(a->k_pad / 16);
    for (int t = tile0; t < tile1; t++) {
        float acc[LUTRA_BIT_ROWS];
        planes_tile(acc, m, lutra_mat_tile(m, t), tab, sums);
        for (int row = 0; row < m->tile_rows && t * m->tile_rows + row < m->n_rows; row++)
            y[t * m->tile_rows + row] = acc[row] * a->scale[v];
    }
}

static int32_t tern_row_sum(const struct lutra_mat *m, const uint8_t *tile, int row,
                            const uint8_t *tab)
{
    int32_t sum = 0;
    for (int t = 0; 3 * t < m->n_cols; t++, tab += TRIP_BYTES) {
        int16_t entry;
        memcpy(&entry, tab + 2 * (lutra_tern_value(m, tile, row, t) + 13), sizeof entry);
        sum += entry;
    }
    return sum;
}

static void tern_lookup(float *y, const struct lutra_mat *m, const struct lutra_act *a, int v,
                        int tile0, int tile1)
{
    const uint8_t *tab = a->trips + (size_t)v * a->trip_bytes;
    for (int t = tile0; t < tile1; t++) {
        for (int row = 0; row < m->tile_rows && t * m->tile_rows + row < m->n_rows; row++) {
            int32_t s = tern_row_sum(m, lutra_mat_tile(m, t), row, tab);
            float acc = 0.0f + m->scale * (float)s;
            y[t * m->tile_rows + row] = acc * a->scale[v];
        }
    }
}

void lutra_lut_init_scalar(struct lutra_ops *ops)
{
    ops->quad_tables = quad_tables;
    ops->trip_tables = trip_tables;
    ops->split_codes = split_codes;
    ops->trip_bytes = TRIP_BYTES;
    ops->planes_lookup = planes_lookup;
    ops->tern_lookup = tern_lookup;
    ops->bits_lookup = lutra_bits_lookup_scalar;
    lutra_quint_init_scalar(ops);
    lutra_mm_init_scalar(ops);
}
