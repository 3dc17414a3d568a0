/* SPDX-License-Identifier: MIT */
/* Three layouts of I2_S to one. */
#include "models/i2s.h"

#include <string.h>

static const char *const names[] = {"128", "64", "rows4"};

const char *lutra_i2s_name(enum lutra_i2s_layout layout)
{
    return names[layout];
}

const char *lutra_i2s_refuse(enum lutra_i2s_layout layout, int n_cols, int n_rows)
{
    if (n_cols % 64 != 0) return "its rows are no multiple of 64";
    if (layout == LUTRA_I2S_LAYOUT_128 && n_cols % 128 != 0)
        return "its rows are no multiple of 128; try --i2s-layout 64";
    if (layout == LUTRA_I2S_LAYOUT_ROWS4 && n_rows % 4 != 0)
        return "its rows are not fours; try --i2s-layout 128";
    return NULL;
}

/* The two bits g of a byte, high ones first. */
static unsigned code(uint8_t byte, int g)
{
    return byte >> (6 - 2 * g) & 3u;
}

/* 32 bytes of four runs of 32 become twice 16 of four runs of 16. */
static void from_128(uint8_t dst[32], const uint8_t src[32])
{
    for (int i = 0; i < 16; i++) {
        uint8_t a = src[i], b = src[i + 16];
        dst[i] = (uint8_t)(code(a, 0) << 6 | code(b, 0) << 4 | code(a, 1) << 2 | code(b, 1));
        dst[i + 16] = (uint8_t)(code(a, 2) << 6 | code(b, 2) << 4 | code(a, 3) << 2 | code(b, 3));
    }
}

static void to_128(uint8_t dst[32], const uint8_t src[32])
{
    for (int i = 0; i < 16; i++) {
        uint8_t a = src[i], b = src[i + 16];
        dst[i] = (uint8_t)(code(a, 0) << 6 | code(a, 2) << 4 | code(b, 0) << 2 | code(b, 2));
        dst[i + 16] = (uint8_t)(code(a, 1) << 6 | code(a, 3) << 4 | code(b, 1) << 2 | code(b, 3));
    }
}

/* 64 columns of four rows, a byte each; `stride` bytes from row to row of dst. */
static void from_rows4(uint8_t *dst, size_t stride, const uint8_t src[64])
{
    for (int row = 0; row < 4; row++, dst += stride)
        for (int i = 0; i < 16; i++)
            dst[i] = (uint8_t)(code(src[i], row) << 6 | code(src[i + 16], row) << 4 |
                               code(src[i + 32], row) << 2 | code(src[i + 48], row));
}

static void to_rows4(uint8_t dst[64], const uint8_t *src, size_t stride)
{
    for (int i = 0; i < 64; i++) {
        unsigned byte = 0;
        for (int row = 0; row < 4; row++)
            byte |= code(src[(size_t)row * stride + (size_t)i % 16], i / 16) << (6 - 2 * row);
        dst[i] = (uint8_t)byte;
    }
}

/* n rows from the file's layout to ours, or back. */
static void convert(enum lutra_i2s_layout layout, uint8_t *dst, const uint8_t *src, int n, int n_cols, bool back)
{
    size_t row = (size_t)n_cols / 4, all = row * (size_t)n;
    switch (layout) {
    case LUTRA_I2S_LAYOUT_128:
        for (size_t at = 0; at < all; at += 32) (back ? to_128 : from_128)(dst + at, src + at);
        break;
    case LUTRA_I2S_LAYOUT_ROWS4:
        for (int r = 0; r < n; r += 4)
            for (int k = 0; k < n_cols; k += 64) {
                size_t file = (size_t)r * row + (size_t)k, ours = (size_t)r * row + (size_t)k / 4;
                if (back) to_rows4(dst + file, src + ours, row);
                else from_rows4(dst + ours, row, src + file);
            }
        break;
    default:
        memcpy(dst, src, all);
        break;
    }
}

void lutra_i2s_rows(enum lutra_i2s_layout layout, uint8_t *dst, const uint8_t *src, int n, int n_cols)
{
    convert(layout, dst, src, n, n_cols, false);
}

void lutra_i2s_file_rows(enum lutra_i2s_layout layout, uint8_t *dst, const uint8_t *src, int n, int n_cols)
{
    convert(layout, dst, src, n, n_cols, true);
}

size_t lutra_i2s_bad(const uint8_t *rows, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (rows[i] & rows[i] >> 1 & 0x55) return i;
    return n;
}
