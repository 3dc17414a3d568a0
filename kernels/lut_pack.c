/* SPDX-License-Identifier: MIT */
/* File blocks to packed tiles and back: the only file that knows both. Layouts are drawn in lut.h.
 */
#include "kernels/lut.h"

#include <limits.h>
#include <string.h>

#include "kernels/bits_unit.h"
#include "kernels/book.h"
#include "kernels/lut_unit.h"
#include "kernels/qbook.h"
#include "kernels/quint_unit.h"

/* One group of TERN is the whole row: 2^18 columns * LUTRA_CODE_MAX still fit int32. */
enum { MAX_TERN_COLS = 1 << 18 };

static int float_bytes(int type)
{
    return type == LUTRA_TYPE_F32 ? 4 : 2;
}

static bool plan_float(struct lutra_mat *m)
{
    m->kind = m->type == LUTRA_TYPE_F32   ? LUTRA_MAT_F32
              : m->type == LUTRA_TYPE_F16 ? LUTRA_MAT_F16
                                          : LUTRA_MAT_BF16;
    m->scales = LUTRA_SCALE_NONE;
    m->bits = 8 * float_bytes(m->type);
    m->group = m->unit_k = m->tile_rows = 1;
    m->unit_bytes = (size_t)float_bytes(m->type);
    return true;
}

static bool plan_tern(struct lutra_mat *m, enum lutra_packing how)
{
    bool rows = how == LUTRA_PACK_TERN_ROWS || how == LUTRA_PACK_TRIO_ROWS;
    bool trio = how == LUTRA_PACK_TRIO || how == LUTRA_PACK_TRIO_ROWS;
    m->kind = LUTRA_MAT_TERN;
    m->scales = rows ? LUTRA_SCALE_ROW : LUTRA_SCALE_NONE;
    if (rows) m->scale = 1.0f;
    m->group = m->n_cols;
    m->unit_k = trio ? LUTRA_TRIO_K : LUTRA_TERN_K;
    m->tile_rows = trio ? LUTRA_TRIO_ROWS : LUTRA_TERN_ROWS;
    m->unit_bytes = trio ? 2 * LUTRA_TRIO_HALF : 160;
    return m->n_cols <= MAX_TERN_COLS;
}

static enum lutra_scale_kind scale_kind(const struct lutra_code_info *ci)
{
    if (!ci->sub) return ci->min ? LUTRA_SCALE_F16_MIN : LUTRA_SCALE_F16;
    if (!ci->min) return LUTRA_SCALE_SUB;
    return ci->group == 16 ? LUTRA_SCALE_SUB_MIN4 : LUTRA_SCALE_SUB_MIN;
}

static size_t scale_bytes(enum lutra_scale_kind kind, int groups, int rows)
{
    switch (kind) {
    case LUTRA_SCALE_F16:
        return 2 * (size_t)rows;
    case LUTRA_SCALE_F16_MIN:
        return 64;
    case LUTRA_SCALE_SUB:
        return 32 + 16 * (size_t)groups;
    case LUTRA_SCALE_SUB_MIN:
        return 64 + 2 * 16 * (size_t)groups;
    case LUTRA_SCALE_SUB_MIN4:
        return 64 + 16 * (size_t)groups;
    default:
        return 0;
    }
}

static void plan_codes(struct lutra_mat *m, const struct lutra_code_info *ci, int block)
{
    m->kind = ci->bits == 8 ? LUTRA_MAT_I8 : LUTRA_MAT_PLANES;
    m->scales = scale_kind(ci);
    m->bits = ci->bits;
    m->group = ci->group;
    m->run = !ci->sub || ci->bits == 6 ? ci->group : ci->bits == 5 ? block / 2 : block;
    m->mul = ci->mul;
    m->offset = m->kind == LUTRA_MAT_I8 ? 0 : ci->offset; /* I8 is stored signed */
    m->unit_k = block;
    m->tile_rows = ci->bits == 1 ? LUTRA_BIT_ROWS : LUTRA_TILE_ROWS;
    m->scale_bytes = scale_bytes(m->scales, block / ci->group, m->tile_rows);
    m->unit_bytes = m->scale_bytes + (size_t)block * (size_t)(ci->bits * m->tile_rows) / 8;
}

/* Bytes of a tile; false if they or those of all tiles are too many. */
static bool plan_bytes(struct lutra_mat *m)
{
    uint64_t units = ((uint64_t)m->n_cols + (uint64_t)m->unit_k - 1) / (uint64_t)m->unit_k, tile;
    uint64_t all, ahead = 0, rest = 0, rows = 0;
    if (m->kind == LUTRA_MAT_TERN) {
        if (!lutra_tern_trio(m)) ahead = 4 * LUTRA_TERN_ROWS;
        if (m->scales == LUTRA_SCALE_ROW) rows = 4 * (uint64_t)m->n_rows;
    }
    if (m->kind == LUTRA_MAT_QUINT) {
        int subs = m->n_cols % LUTRA_QUINT_K / 64;
        units = (uint64_t)(m->n_cols / LUTRA_QUINT_K);
        if (m->scales == LUTRA_SCALE_ROW) ahead = 4 * LUTRA_QUINT_ROWS;
        if (subs) rest = lutra_quint_unit(m, subs);
    }
    if (m->n_rows > INT_MAX - LUTRA_QUINT_ROWS || !lutra_mul_ok(&tile, units, m->unit_bytes) ||
        !lutra_add_ok(&tile, tile, ahead + rest) ||
        !lutra_mul_ok(&all, tile, (uint64_t)lutra_mat_tiles(m)) ||
        !lutra_add_ok(&all, all, rows) || all > SIZE_MAX / 2)
        return false;
    m->tile_bytes = (size_t)tile;
    m->bytes = (size_t)all;
    return true;
}

static bool plan_kind(struct lutra_mat *m, const struct lutra_code_info *ci, int block,
                      enum lutra_packing how)
{
    if (lutra_book_info(m->type)) return lutra_book_plan(m);
    if (!ci) return plan_float(m);
    if (m->type == LUTRA_TYPE_I2_S) return plan_tern(m, how);
    switch (how) {
    case LUTRA_PACK_TERN:
    case LUTRA_PACK_TERN_ROWS:
    case LUTRA_PACK_TRIO:
    case LUTRA_PACK_TRIO_ROWS:
        return plan_tern(m, how);
    case LUTRA_PACK_QUINT:
    case LUTRA_PACK_QUINT_ROWS:
        return lutra_quint_plan(m, block, how == LUTRA_PACK_QUINT_ROWS);
    default:
        plan_codes(m, ci, block);
        if (how == LUTRA_PACK_DENSE && m->kind == LUTRA_MAT_PLANES && m->bits > 1)
            m->kind = LUTRA_MAT_DENSE;
        return true;
    }
}

lutra_status lutra_pack_plan(struct lutra_mat *m, int type, int n_rows, int n_cols, bool ternary,
                             lutra_error *err)
{
    return lutra_pack_plan_as(m, type, n_rows, n_cols,
                              ternary ? LUTRA_PACK_TERN : LUTRA_PACK_CODES, err);
}

lutra_status lutra_pack_plan_as(struct lutra_mat *m, int type, int n_rows, int n_cols,
                                enum lutra_packing how, lutra_error *err)
{
    uint8_t *data = m->data;
    float scale = m->scale;
    *m = (struct lutra_mat){
        .type = type, .n_rows = n_rows, .n_cols = n_cols, .mul = 1, .data = data, .scale = scale};
    const struct lutra_type_info *ti = type < 0 ? NULL : lutra_type_info((uint32_t)type);
    if (!ti || !lutra_type_runs((uint32_t)type))
        return lutra_fail(err, LUTRA_EUNSUPPORTED, "weights of type %d (%s) cannot be run", type,
                          ti ? ti->name : "unknown");
    if (n_rows < 1 || n_cols < 1 || n_cols % ti->block != 0)
        return lutra_fail(err, LUTRA_EINVAL, "%s matrix [%d, %d]: columns must be a multiple of %d",
                          ti->name, n_cols, n_rows, ti->block);
    const struct lutra_code_info *ci = lutra_code_info(type);
    bool ok = plan_kind(m, ci, ti->block, how) && plan_bytes(m);
    if (!ok)
        return lutra_fail(err, LUTRA_EINVAL, "%s matrix [%d, %d] is too large", ti->name, n_cols,
                          n_rows);
    return LUTRA_OK;
}

/* ---- packing ---- */

static void put_half(uint8_t *dst, int i, uint16_t h)
{
    memcpy(dst + 2 * i, &h, sizeof h);
}

static void pack_scales(const struct lutra_mat *m, uint8_t *unit, int row,
                        const struct lutra_split *s)
{
    int groups = m->unit_k / m->group;
    put_half(unit, row, s->d);
    if (lutra_mat_has_min(m)) put_half(unit + 32, row, s->dmin);
    switch (m->scales) {
    case LUTRA_SCALE_SUB:
        for (int g = 0; g < groups; g++) unit[32 + 16 * g + row] = (uint8_t)s->sc[g];
        break;
    case LUTRA_SCALE_SUB_MIN:
        for (int g = 0; g < groups; g++) {
            unit[64 + 16 * g + row] = (uint8_t)s->sc[g];
            unit[192 + 16 * g + row] = s->mn[g];
        }
        break;
    case LUTRA_SCALE_SUB_MIN4:
        for (int g = 0; g < groups; g++)
            unit[64 + 16 * g + row] = (uint8_t)((s->sc[g] & 15) | s->mn[g] << 4);
        break;
    default:
        break;
    }
}

/* Plane p of 8 codes as one byte, bit i = code i. The product moves bit 8i to bit 56+i; no two
 * terms meet. */
static inline uint8_t plane_byte(uint64_t eight, int p)
{
    return (uint8_t)((eight >> p & 0x0101010101010101u) * 0x0102040810204080u >> 56);
}

static inline void pack_planes(uint8_t *codes, int bits, int unit_k, int slot, const uint8_t *q)
{
    int pairs = bits / 2;
    for (int k = 0; k < unit_k; k += LUTRA_STEP_K, codes += 32 * bits) {
        for (int o = 0; o < 2; o++) {
            uint64_t eight;
            memcpy(&eight, q + k + 8 * o, sizeof eight);
            uint8_t *p = codes + 2 * slot;
            for (int i = 0; i < pairs; i++) {
                p[32 * (o * pairs + i)] = plane_byte(eight, 2 * i);
                p[32 * (o * pairs + i) + 1] = plane_byte(eight, 2 * i + 1);
            }
            if (bits & 1) p[64 * pairs + o] = plane_byte(eight, bits - 1);
        }
    }
}

static void pack_bits(uint8_t *codes, int unit_k, int slot, const uint8_t *q)
{
    for (int k = 0; k < unit_k; k += 8, codes += LUTRA_BIT_ROWS) {
        uint64_t eight;
        memcpy(&eight, q + k, sizeof eight);
        codes[slot] = plane_byte(eight, 0);
    }
}

static void pack_i8(uint8_t *codes, int unit_k, int row, const uint8_t *q)
{
    for (int k = 0; k < unit_k; k += 2) {
        codes[16 * k + 2 * row] = q[k] ^ 0x80; /* q is the code + 128 */
        codes[16 * k + 2 * row + 1] = q[k + 1] ^ 0x80;
    }
}

static void pack_dense(uint8_t *codes, int bits, int unit_k, int row, const uint8_t *q)
{
    for (int k = 0; k < unit_k; k += LUTRA_DENSE_K, codes += 64 * bits) {
        uint8_t *part = codes + 4 * row;
        for (int w = 4, at = 0; w > 0; w /= 2) {
            if (!(bits & w)) continue;
            for (int j = 0; j < w; j++, part += 64)
                for (int i = 0; i < 4; i++) {
                    unsigned byte = 0;
                    for (int s = 0; s < 8 / w; s++)
                        byte |= (q[k + 4 * (8 / w * j + s) + i] >> at & ((1u << w) - 1)) << w * s;
                    part[i] = (uint8_t)byte;
                }
            at += w;
        }
    }
}

static void pack_row_unit(const struct lutra_mat *m, uint8_t *unit, int row,
                          const struct lutra_split *s)
{
    uint8_t *codes = unit + m->scale_bytes;
    int slot = lutra_lut_slot(row);
    pack_scales(m, unit, row, s);
    if (m->kind == LUTRA_MAT_DENSE) {
        pack_dense(codes, m->bits, m->unit_k, row, s->q);
        return;
    }
    switch (m->bits) { /* constant widths let the compiler unroll */
    case 1:
        pack_bits(codes, m->unit_k, lutra_bit_slot(row), s->q);
        break;
    case 2:
        pack_planes(codes, 2, m->unit_k, slot, s->q);
        break;
    case 3:
        pack_planes(codes, 3, m->unit_k, slot, s->q);
        break;
    case 4:
        pack_planes(codes, 4, m->unit_k, slot, s->q);
        break;
    case 5:
        pack_planes(codes, 5, m->unit_k, slot, s->q);
        break;
    case 6:
        pack_planes(codes, 6, m->unit_k, slot, s->q);
        break;
    default:
        pack_i8(codes, m->unit_k, row, s->q);
        break;
    }
}

static void pack_codes_tile(const struct lutra_mat *m, uint8_t *tile, const uint8_t *rows, int n)
{
    const struct lutra_type_info *ti = lutra_type_info((uint32_t)m->type);
    int units = m->n_cols / m->unit_k;
    size_t stride = (size_t)units * (size_t)ti->bytes;
    struct lutra_split s;
    if (n < m->tile_rows) memset(tile, 0, m->tile_bytes);
    for (int u = 0; u < units; u++, tile += m->unit_bytes, rows += ti->bytes) {
        for (int r = 0; r < n; r++) {
            lutra_split_block(m->type, &s, rows + (size_t)r * stride);
            pack_row_unit(m, tile, r, &s);
        }
    }
}

/* 24 codes 0..2 (1 is zero) of one row: eight triples, their signs first. Returns how many are
 * negative. */
static int pack_triples(uint8_t *p, int row, const uint8_t *q)
{
    unsigned sign = 0, pair = 0;
    int n_neg = 0;
    for (int t = 0; t < LUTRA_TERN_K / 3; t++, q += 3) {
        int v = 9 * q[0] + 3 * q[1] + q[2] - 13;
        unsigned neg = v < 0;
        unsigned index = (unsigned)(v < 0 ? -v : v);
        sign = sign << 1 | neg;
        n_neg += (int)neg;
        if (t & 1)
            p[32 * (1 + t / 2) + row] = (uint8_t)(pair | index << 4);
        else
            pair = index;
    }
    p[row] = (uint8_t)sign;
    return n_neg;
}

/* 48 codes of one row of half a TRIO tile. */
static void pack_trio(uint8_t *p, int row, const uint8_t *q)
{
    unsigned t[16];
    for (int i = 0; i < 16; i++, q += 3) t[i] = 9u * q[0] + 3u * q[1] + q[2];
    for (int i = 0; i < 5; i++) {
        const unsigned *two = i < 4 ? t + 2 * i : t + 12;
        unsigned third = t[i < 4 ? 8 + i : 14], bit = t[15] >> (4 - i) & 1;
        uint16_t word = (uint16_t)(two[0] | two[1] << 5 | third << 10 | bit << 15);
        memcpy(p + 64 * i + 2 * lutra_trio_slot(row), &word, sizeof word);
    }
}

/* Blocks of 256 (and 64) do not divide into 24 or 48 columns: three of them do, so codes are handed on
 * 768 at a time. src NULL: a row of zeros. */
static void pack_tern_row(const struct lutra_mat *m, uint8_t *tile, int row, const uint8_t *src)
{
    const struct lutra_type_info *ti = lutra_type_info((uint32_t)m->type);
    const bool trio = lutra_tern_trio(m);
    uint8_t *p = tile + (trio ? row / 32 * LUTRA_TRIO_HALF : 4 * LUTRA_TERN_ROWS);
    struct lutra_split s;
    uint8_t q[3 * 256];
    int32_t n_neg = 0;
    for (int k0 = 0; k0 < m->n_cols; k0 += 768) {
        int n = m->n_cols - k0 < 768 ? m->n_cols - k0 : 768;
        if (n < 768 || !src)
            memset(q, 1, sizeof q); /* the tail of the last unit weighs nothing */
        for (int k = 0; src && k < n; k += ti->block, src += ti->bytes) {
            lutra_split_block(m->type, &s, src);
            memcpy(q + k, s.q, (size_t)ti->block);
        }
        for (int k = 0; k < n; k += m->unit_k, p += m->unit_bytes) {
            if (trio)
                pack_trio(p, row % 32, q + k);
            else
                n_neg += pack_triples(p, row, q + k);
        }
    }
    if (!trio) memcpy(tile + 4 * row, &n_neg, sizeof n_neg);
}

static void pack_tern_tile(const struct lutra_mat *m, uint8_t *tile, const uint8_t *rows, int n)
{
    const struct lutra_type_info *ti = lutra_type_info((uint32_t)m->type);
    size_t stride = (size_t)(m->n_cols / ti->block) * (size_t)ti->bytes;
    for (int r = 0; r < m->tile_rows; r++)
        pack_tern_row(m, tile, r, r < n ? rows + (size_t)r * stride : NULL);
    if (m->scales != LUTRA_SCALE_ROW) return;
    size_t first = (size_t)(tile - m->data) / m->tile_bytes * (size_t)m->tile_rows;
    float *scale = lutra_mat_row_scales(m) + first;
    for (int r = 0; r < n; r++)
        scale[r] = lutra_ternary_row_scale(m->type, rows + (size_t)r * stride, m->n_cols);
}

void lutra_pack_tile(const struct lutra_mat *m, int tile, const void *file_rows, int n)
{
    uint8_t *dst = m->data + (size_t)tile * m->tile_bytes;
    switch (m->kind) {
    case LUTRA_MAT_PLANES:
    case LUTRA_MAT_DENSE:
    case LUTRA_MAT_I8:
        pack_codes_tile(m, dst, file_rows, n);
        break;
    case LUTRA_MAT_TERN:
        pack_tern_tile(m, dst, file_rows, n);
        break;
    case LUTRA_MAT_BOOK:
        lutra_book_pack_tile(m, dst, file_rows, n);
        break;
    case LUTRA_MAT_QUINT:
        lutra_quint_pack(m, dst, file_rows, n);
        break;
    default:
        memcpy(dst, file_rows, (size_t)n * m->tile_bytes);
        break;
    }
}

/* ---- back to floats ---- */

static void unit_row(const struct lutra_mat *m, const uint8_t *unit, int row, float *dst)
{
    const uint8_t *codes = unit + m->scale_bytes;
    bool has_min = lutra_mat_has_min(m);
    float d = 0.0f, min = 0.0f;
    uint8_t q[8];
    for (int k = 0; k < m->unit_k; k += 8) {
        if (k % m->group == 0) {
            d = lutra_unit_d(m, unit, k / m->group, row);
            min = has_min ? lutra_unit_m(m, unit, k / m->group, row) : 0.0f;
        }
        uint64_t eight = lutra_mat_octet(m, codes, row, k / 8);
        memcpy(q, &eight, sizeof q);
        for (int i = 0; i < 8; i++) {
            float w = d * (float)(m->mul * q[i] - m->offset);
            dst[k + i] = has_min ? w + min : w;
        }
    }
}

static void i8_row(const struct lutra_mat *m, const uint8_t *unit, int row, float *dst)
{
    const int8_t *codes = (const int8_t *)(unit + m->scale_bytes);
    float d = lutra_unit_d(m, unit, 0, row);
    for (int k = 0; k < m->unit_k; k++)
        dst[k] = d * (float)codes[16 * (k & ~1) + 2 * row + (k & 1)];
}

static void tern_row(const struct lutra_mat *m, const uint8_t *tile, int row, float scale,
                     float *dst)
{
    int8_t abc[3] = {0};
    for (int k = 0; k < m->n_cols; k++) {
        if (k % 3 == 0) lutra_tern_digits(lutra_tern_value(m, tile, row, k / 3), abc);
        dst[k] = scale * (float)abc[k % 3];
    }
}

static void float_row(const struct lutra_mat *m, const uint8_t *src, float *dst)
{
    if (m->kind == LUTRA_MAT_F32) {
        memcpy(dst, src, (size_t)m->n_cols * sizeof *dst);
        return;
    }
    for (int k = 0; k < m->n_cols; k++) {
        uint16_t h;
        memcpy(&h, src + 2 * (size_t)k, sizeof h);
        dst[k] = m->kind == LUTRA_MAT_F16 ? lutra_f16_to_f32(h) : lutra_bf16_to_f32(h);
    }
}

void lutra_mat_row(const struct lutra_mat *m, int r, float *dst)
{
    const uint8_t *tile = lutra_mat_tile(m, r / m->tile_rows);
    int row = r % m->tile_rows;
    if (m->kind == LUTRA_MAT_TERN) {
        bool rows = m->scales == LUTRA_SCALE_ROW;
        tern_row(m, tile, row, rows ? lutra_mat_row_scales(m)[r] : m->scale, dst);
    } else if (m->kind == LUTRA_MAT_QUINT) {
        lutra_quint_row(m, tile, row, dst);
    } else if (m->kind == LUTRA_MAT_BITS) {
        lutra_bits_row(m, tile, row, dst);
    } else if (m->kind == LUTRA_MAT_BOOK) {
        lutra_book_row(m, tile, row, dst);
    } else if (m->kind == LUTRA_MAT_PLANES || m->kind == LUTRA_MAT_DENSE || m->kind == LUTRA_MAT_I8) {
        for (int k = 0; k < m->n_cols; k += m->unit_k, tile += m->unit_bytes) {
            if (m->kind == LUTRA_MAT_I8)
                i8_row(m, tile, row, dst + k);
            else
                unit_row(m, tile, row, dst + k);
        }
    } else {
        float_row(m, tile, dst);
    }
}
