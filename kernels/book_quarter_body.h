/* SPDX-License-Identifier: MIT */
/* BOOK matrices with 128-bit vectors, a quarter of a tile at a time: 4 rows of an octet are one
 * register. The file that includes this says how its instruction set does it:
 *
 *   BOOK_INLINE, BOOK_UNROLL     how functions are inlined, loops unrolled
 *   floats, ints, bytes          vectors of 4 float, 4 int32, 16 int8
 *   no_floats()                  zeros
 *   load_book(values)            the 16 values
 *   four_halves(p)               4 f16 numbers
 *   group_d(kind, unit, g, part, half)   D of group g of a unit, rows 4*part ..; half = its f16
 *                                scales, which SUB alone has
 *   dot_group(s, nv, book, codes, c, group)   s[v] = a group times vector v; c[v] moves on
 *   add_product(acc, d, s)       acc + d * s, multiplied, then added
 *   store_scaled(to, acc, scale, n)   acc * scale, n rows of 4 at most
 *   fetch(unit, bytes)           what comes later is asked for; may do nothing */

enum { BOOK_WIDE = 4 }; /* vectors whose sums stand in registers */

/* Rows 4*part .. of one tile times vectors v0 .. v0+nv-1; kind and nv are constants of the caller.
 */
BOOK_INLINE void book_part(float *y, size_t y_stride, int nv, const struct lutra_mat *m,
                           enum lutra_scale_kind kind, const struct lutra_act *a, int v0, int tile,
                           int part)
{
    const uint8_t *unit = lutra_mat_tile(m, tile);
    const bytes book = load_book(m->book);
    const bool ahead = nv == 1 && part == 0;
    const int16_t *c[BOOK_WIDE];
    floats acc[BOOK_WIDE], half = no_floats();
    BOOK_UNROLL
    for (int v = 0; v < nv; v++) {
        c[v] = a->codes + (size_t)(v0 + v) * (size_t)a->k_pad;
        acc[v] = no_floats();
    }
    for (int k = 0; k < m->n_cols; k += m->unit_k, unit += m->unit_bytes) {
        const uint8_t *codes = unit + m->scale_bytes + 16 * part;
        if (ahead) fetch(unit, m->scale_bytes);
        if (kind == LUTRA_SCALE_SUB) half = four_halves(unit + 8 * part);
        for (int g = 0; g * m->group < m->unit_k; g++, codes += 8 * m->group) {
            floats d = group_d(kind, unit, g, part, half);
            ints s[BOOK_WIDE];
            if (ahead) fetch(codes, 8 * (size_t)m->group);
            dot_group(s, nv, book, codes, c, m->group);
            BOOK_UNROLL
            for (int v = 0; v < nv; v++) acc[v] = add_product(acc[v], d, s[v]);
        }
    }
    int row = 16 * tile + 4 * part;
    BOOK_UNROLL
    for (int v = 0; v < nv; v++)
        store_scaled(y + (size_t)(v0 + v) * y_stride + row, acc[v], a->scale[v0 + v] * m->scale,
                     m->n_rows - row);
}

BOOK_INLINE void some_tiles(float *y, size_t y_stride, int nv, const struct lutra_mat *m,
                            const struct lutra_act *a, int v0, int tile0, int tile1)
{
    for (int p = 4 * tile0; p < 4 * tile1 && 4 * p < m->n_rows; p++) {
        if (m->scales == LUTRA_SCALE_F16_EACH)
            book_part(y, y_stride, nv, m, LUTRA_SCALE_F16_EACH, a, v0, p / 4, p % 4);
        else if (m->scales == LUTRA_SCALE_E8M0)
            book_part(y, y_stride, nv, m, LUTRA_SCALE_E8M0, a, v0, p / 4, p % 4);
        else
            book_part(y, y_stride, nv, m, LUTRA_SCALE_SUB, a, v0, p / 4, p % 4);
    }
}

static void book_mul(float *y, size_t y_stride, const struct lutra_mat *m,
                     const struct lutra_act *a, int v0, int v1, int tile0, int tile1)
{
    int v = v0;
    for (; v1 - v >= BOOK_WIDE; v += BOOK_WIDE)
        some_tiles(y, y_stride, BOOK_WIDE, m, a, v, tile0, tile1);
    for (; v < v1; v++) some_tiles(y, y_stride, 1, m, a, v, tile0, tile1);
}
