/* SPDX-License-Identifier: MIT */
/* Ternary tensors: what their scales allow, and QUINT tiles of them. */
#include <string.h>

#include "kernels/quint_unit.h"

enum { MAX_ROW_COLS = 1 << 18 };

/* ---- what a tensor allows ---- */

/* 0: all codes are 1 (zero weights), 1: ternary, 3: some code is 3. */
static unsigned block_codes(const struct lutra_split *s, int block)
{
    const uint64_t ones = 0x0101010101010101u;
    uint64_t any = 0, three = 0;
    for (int i = 0; i < block; i += 8) { /* every weight of a model passes here at load */
        uint64_t q;
        memcpy(&q, s->q + i, sizeof q);
        any |= q ^ ones;
        three |= q & q >> 1; /* codes have two bits: only bit 0 of each byte counts */
    }
    return three & ones ? 3 : any != 0;
}

static void probe_row(struct lutra_ternary *t, int type, const uint8_t *p, int n_cols)
{
    const struct lutra_type_info *ti = lutra_type_info((uint32_t)type);
    struct lutra_split s;
    float row_scale = 0.0f;
    bool row_seen = false;
    for (int k = 0; k < n_cols; k += ti->block, p += ti->bytes) {
        lutra_split_block(type, &s, p);
        unsigned codes = block_codes(&s, ti->block);
        if (codes == 3) t->ternary = false;
        if (codes == 0) continue; /* zeros weigh nothing under any scale */
        float d = lutra_f16_to_f32(s.d);
        if (!row_seen) row_scale = d;
        row_seen = true;
        if (d != row_scale) t->per_row = false;
    }
    if (!row_seen) return;
    if (!t->seen) t->scale = row_scale;
    t->seen = true;
    if (row_scale != t->scale) t->equal = false;
}

void lutra_ternary_probe(struct lutra_ternary *t, int type, const void *file_rows, int n,
                         int n_cols)
{
    const struct lutra_type_info *ti = lutra_type_info((uint32_t)type);
    bool may = type == LUTRA_TYPE_TQ1_0 || type == LUTRA_TYPE_TQ2_0 || type == LUTRA_TYPE_Q2_0 ||
               type == LUTRA_TYPE_Q2_0_G128;
    if (!may) t->ternary = false;
    for (int r = 0; r < n && t->ternary; r++)
        probe_row(t, type,
                  (const uint8_t *)file_rows +
                      (size_t)r * (size_t)(n_cols / ti->block) * (size_t)ti->bytes,
                  n_cols);
    t->per_row = t->per_row && t->ternary;
    t->equal = t->equal && t->per_row;
}

bool lutra_pack_is_ternary(int type, const void *file_rows, int n, int n_cols, float *scale,
                           bool *seen)
{
    struct lutra_ternary t = {true, true, true, *seen, *scale};
    if (type != LUTRA_TYPE_TQ1_0 && type != LUTRA_TYPE_TQ2_0) return false;
    lutra_ternary_probe(&t, type, file_rows, n, n_cols);
    *scale = t.scale;
    *seen = t.seen;
    return t.ternary && t.equal;
}

float lutra_ternary_row_scale(int type, const void *file_row, int n_cols)
{
    struct lutra_ternary t = {true, true, true, false, 0.0f};
    lutra_ternary_probe(&t, type, file_row, 1, n_cols);
    return t.scale;
}

/* ---- QUINT ---- */

bool lutra_quint_plan(struct lutra_mat *m, int block, bool rows)
{
    if (block != 64 && block != 128 && block != 256) return false;
    m->kind = LUTRA_MAT_QUINT;
    m->scales = rows ? LUTRA_SCALE_ROW : LUTRA_SCALE_F16;
    m->bits = 2;
    m->group = rows ? m->n_cols : block;
    m->offset = 1;
    m->unit_k = LUTRA_QUINT_K;
    m->tile_rows = LUTRA_QUINT_ROWS;
    m->scale_bytes = lutra_quint_scales(m, LUTRA_QUINT_K / 64);
    m->unit_bytes = lutra_quint_unit(m, LUTRA_QUINT_K / 64);
    return !rows || m->n_cols <= MAX_ROW_COLS;
}

/* 64 codes 0..2 to 13 bytes. */
static void pack_run(uint8_t *codes, int sub, int row, const uint8_t *q)
{
    for (int i = 0; i < LUTRA_QUINT_BYTES; i++) {
        int v = 0;
        for (int j = 0; j < 5; j++) v = 3 * v + (5 * i + j < 64 ? q[5 * i + j] - 1 : 0);
        codes[lutra_quint_at(LUTRA_QUINT_BYTES * sub + i, row)] =
            (uint8_t)(v < 0 ? 128 | -v : v);
    }
}

static void pack_row(const struct lutra_mat *m, uint8_t *tile, int row, const uint8_t *src)
{
    const struct lutra_type_info *ti = lutra_type_info((uint32_t)m->type);
    uint8_t *unit = (uint8_t *)lutra_quint_units(m, tile);
    struct lutra_split s;
    float d = lutra_ternary_row_scale(m->type, src, m->n_cols);
    for (int k = 0, subs; k < m->n_cols; k += 64 * subs) {
        subs = lutra_quint_subs(m->n_cols, k);
        uint8_t *codes = unit + lutra_quint_scales(m, subs);
        for (int at = 0; at < 64 * subs; at += ti->block, src += ti->bytes) {
            lutra_split_block(m->type, &s, src);
            if (m->scales == LUTRA_SCALE_F16)
                memcpy(unit + 2 * (LUTRA_QUINT_ROWS * (at / m->group) + row), &s.d, sizeof s.d);
            for (int i = 0; i < ti->block; i += 64) pack_run(codes, (at + i) / 64, row, s.q + i);
        }
        unit += lutra_quint_unit(m, subs);
    }
    if (m->scales == LUTRA_SCALE_ROW) memcpy(tile + 4 * row, &d, sizeof d);
}

void lutra_quint_pack(const struct lutra_mat *m, uint8_t *tile, const uint8_t *file_rows, int n)
{
    const struct lutra_type_info *ti = lutra_type_info((uint32_t)m->type);
    size_t stride = (size_t)(m->n_cols / ti->block) * (size_t)ti->bytes;
    memset(tile, 0, m->tile_bytes);
    for (int r = 0; r < n; r++) pack_row(m, tile, r, file_rows + (size_t)r * stride);
}

void lutra_quint_row(const struct lutra_mat *m, const uint8_t *tile, int row, float *dst)
{
    const uint8_t *unit = lutra_quint_units(m, tile);
    int8_t w[65];
    for (int k = 0, subs; k < m->n_cols; k += 64 * subs) {
        subs = lutra_quint_subs(m->n_cols, k);
        for (int s = 0; s < subs; s++) {
            float d = lutra_quint_d(m, tile, unit, 64 * s / m->group, row);
            lutra_quint_run(unit + lutra_quint_scales(m, subs), s, row, w);
            for (int i = 0; i < 64; i++) dst[k + 64 * s + i] = d * (float)w[i];
        }
        unit += lutra_quint_unit(m, subs);
    }
}
