/* SPDX-License-Identifier: MIT */
/* Codebook types to BOOK tiles and back. */
#include <string.h>

#include "kernels/book.h"
#include "kernels/lut_unit.h"
#include "kernels/qbook.h"

/* Units are as long as keeps the codes of a tile on whole cache lines, if the columns allow it. */
static void plan_units(struct lutra_mat *m, enum lutra_book_scale kind)
{
    switch (kind) {
    case LUTRA_BOOK_SUB:
        m->scales = LUTRA_SCALE_SUB;
        m->unit_k = 256;
        m->scale_bytes = 32 + 16 * 256 / (size_t)m->group;
        break;
    case LUTRA_BOOK_E8M0:
        m->scales = LUTRA_SCALE_E8M0;
        m->unit_k = m->n_cols % 128 == 0 ? 128 : 32;
        m->scale_bytes = 16 * (size_t)(m->unit_k / m->group);
        break;
    default:
        m->scales = LUTRA_SCALE_F16_EACH;
        m->unit_k = m->n_cols % (2 * m->group) == 0 ? 2 * m->group : m->group;
        m->scale_bytes = 32 * (size_t)(m->unit_k / m->group);
        break;
    }
}

bool lutra_book_plan(struct lutra_mat *m)
{
    const struct lutra_book_info *b = lutra_book_info(m->type);
    m->kind = LUTRA_MAT_BOOK;
    m->bits = 4;
    m->group = b->group;
    m->scale = b->scale;
    m->tile_rows = LUTRA_TILE_ROWS;
    memcpy(m->book, b->value, sizeof m->book);
    plan_units(m, b->kind);
    m->unit_bytes = m->scale_bytes + (size_t)m->unit_k * LUTRA_TILE_ROWS / 2;
    return true;
}

static void put_half(uint8_t *dst, int i, uint16_t h)
{
    memcpy(dst + 2 * i, &h, sizeof h);
}

/* Scale of group g of the block, which is group `at` of the unit. */
static void put_scale(const struct lutra_mat *m, uint8_t *unit, int at, int row,
                      const struct lutra_book_split *s, int g)
{
    if (m->scales == LUTRA_SCALE_E8M0) {
        unit[16 * at + row] = (uint8_t)s->d[g];
    } else if (m->scales == LUTRA_SCALE_F16_EACH) {
        put_half(unit + 32 * at, row, s->d[g]);
    } else {
        put_half(unit, row, s->d[0]);
        unit[32 + 16 * at + row] = (uint8_t)s->sc[g];
    }
}

/* 8 codes of a row as the four bytes that lutra_book_code reads. */
static void put_codes(uint8_t *to, const uint8_t *q)
{
    to[0] = (uint8_t)(q[0] | q[2] << 4);
    to[1] = (uint8_t)(q[4] | q[6] << 4);
    to[2] = (uint8_t)(q[1] | q[3] << 4);
    to[3] = (uint8_t)(q[5] | q[7] << 4);
}

/* Block and unit need not be as long as each other: group by group. */
static void pack_block(const struct lutra_mat *m, uint8_t *tile, int row, int k, int block,
                       const struct lutra_book_split *s)
{
    for (int g = 0; g < block / m->group; g++, k += m->group) {
        uint8_t *unit = tile + (size_t)(k / m->unit_k) * m->unit_bytes;
        uint8_t *codes = unit + m->scale_bytes + (size_t)(k % m->unit_k) * LUTRA_TILE_ROWS / 2;
        put_scale(m, unit, k % m->unit_k / m->group, row, s, g);
        for (int i = 0; i < m->group; i += 8)
            put_codes(codes + 8 * i + 4 * row, s->q + g * m->group + i);
    }
}

void lutra_book_pack_tile(const struct lutra_mat *m, uint8_t *tile, const uint8_t *rows, int n)
{
    const struct lutra_type_info *ti = lutra_type_info((uint32_t)m->type);
    struct lutra_book_split s;
    if (n < m->tile_rows) memset(tile, 0, m->tile_bytes);
    for (int r = 0; r < n; r++)
        for (int k = 0; k < m->n_cols; k += ti->block, rows += ti->bytes) {
            lutra_book_split(m->type, &s, rows);
            pack_block(m, tile, r, k, ti->block, &s);
        }
}

void lutra_book_row(const struct lutra_mat *m, const uint8_t *tile, int row, float *dst)
{
    float d = 0;
    for (int k = 0; k < m->n_cols; k++) {
        const uint8_t *unit = tile + (size_t)(k / m->unit_k) * m->unit_bytes;
        int at = k % m->unit_k;
        if (k % m->group == 0) d = lutra_unit_d(m, unit, at / m->group, row);
        const uint8_t *octet = unit + m->scale_bytes + at / 8 * 64;
        dst[k] = m->scale * (d * (float)m->book[lutra_book_code(octet, row, k % 8)]);
    }
}
