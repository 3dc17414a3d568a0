/* SPDX-License-Identifier: MIT */
/* Packing keeps every weight: pack, read back with lutra_mat_row, equal to lutra_decode_row bit for
 * bit. */
#include <stdio.h>

#include "tests/lut_cases.h"

static void round_trip(const struct case_type *ct, int n_rows, int n_cols)
{
    struct case_mat c;
    float *a = malloc((size_t)n_cols * sizeof *a), *b = malloc((size_t)n_cols * sizeof *b);
    case_mat_open(&c, ct, n_rows, n_cols);
    for (int r = 0; r < n_rows; r++) {
        lutra_mat_row(&c.m, r, a);
        lutra_decode_row(ct->type, b, c.rows + (size_t)r * c.row_bytes, n_cols);
        CHECK_MEM(a, b, (size_t)n_cols * sizeof *a, 'f');
    }
    case_mat_close(&c);
    free(a);
    free(b);
}

static void float_round_trip(int type, int n_rows, int n_cols)
{
    struct lutra_mat m = {0};
    lutra_error err;
    CHECK_EQ(lutra_pack_plan(&m, type, n_rows, n_cols, false, &err), LUTRA_OK);
    size_t row = (size_t)n_cols * (type == LUTRA_TYPE_F32 ? 4 : 2);
    CHECK_EQ(m.bytes, row * (size_t)n_rows);
    uint8_t *file = check_guard(m.bytes, 1);
    m.data = check_guard(m.bytes, LUTRA_ALIGN);
    float *a = malloc((size_t)n_cols * sizeof *a), *b = malloc((size_t)n_cols * sizeof *b);
    for (int r = 0; r < n_rows; r++) {
        for (int k = 0; k < n_cols; k++) a[k] = check_rand_float(-2.0f, 2.0f);
        lutra_encode_row(type, file + (size_t)r * row, a, n_cols);
        lutra_pack_tile(&m, r, file + (size_t)r * row, 1);
        lutra_mat_row(&m, r, a);
        lutra_decode_row(type, b, file + (size_t)r * row, n_cols);
        CHECK_MEM(a, b, (size_t)n_cols * sizeof *a, 'f');
    }
    check_guard_free(file);
    check_guard_free(m.data);
    free(a);
    free(b);
}

/* Rows that a tile has but the matrix has not must weigh nothing, whatever was in memory before. */
static void padding_is_zero(const struct case_type *ct)
{
    struct case_mat c;
    float row[512];
    case_mat_open(&c, ct, 3, 512);
    for (int r = 3; r < c.m.tile_rows; r++) {
        lutra_mat_row(&c.m, r, row);
        for (int k = 0; k < 512; k++) CHECK(row[k] == 0.0f);
    }
    case_mat_close(&c);
}

/* n_neg of every row counts the sign bits that stand in the tile. */
static void tern_counts(const struct case_type *ct, int n_cols)
{
    struct case_mat c;
    case_mat_open(&c, ct, 40, n_cols);
    for (int r = 0; r < 64; r++) {
        const uint8_t *tile = lutra_mat_tile(&c.m, r / 32);
        int32_t n_neg;
        memcpy(&n_neg, tile + 4 * (r % 32), sizeof n_neg);
        int seen = 0;
        for (int k = 0; k < n_cols; k += LUTRA_TERN_K)
            seen += __builtin_popcount(tile[128 + k / LUTRA_TERN_K * 160 + r % 32]);
        CHECK_EQ(n_neg, seen);
    }
    case_mat_close(&c);
}

static void ternary_or_not(void)
{
    const struct case_type *tern = &case_types[CASE_TYPES - 1];
    struct case_mat c;
    float scale = 0.0f;
    bool seen = false;
    case_mat_open(&c, tern, 4, 512);
    CHECK(lutra_pack_is_ternary(LUTRA_TYPE_TQ2_0, c.rows, 2, 512, &scale, &seen));
    CHECK(seen);
    CHECK(lutra_pack_is_ternary(LUTRA_TYPE_TQ2_0, c.rows + 2 * c.row_bytes, 2, 512, &scale, &seen));
    uint8_t old = c.rows[5];
    c.rows[5] = 0xff; /* codes 3 */
    CHECK(!lutra_pack_is_ternary(LUTRA_TYPE_TQ2_0, c.rows, 4, 512, &scale, &seen));
    c.rows[5] = old;
    case_put_scale(c.rows + 66 + 64, 2.0f * scale); /* a second scale */
    CHECK(!lutra_pack_is_ternary(LUTRA_TYPE_TQ2_0, c.rows, 4, 512, &scale, &seen));
    memset(c.rows + 66, 0x55, 64); /* but it scales zeros only */
    CHECK(lutra_pack_is_ternary(LUTRA_TYPE_TQ2_0, c.rows, 4, 512, &scale, &seen));
    CHECK(!lutra_pack_is_ternary(LUTRA_TYPE_Q4_0, c.rows, 1, 32, &scale, &seen));
    case_mat_close(&c);
}

static void refusals(void)
{
    struct lutra_mat m = {0};
    lutra_error err;
    CHECK_EQ(lutra_pack_plan(&m, LUTRA_TYPE_Q4_K, 16, 250, false, &err), LUTRA_EINVAL);
    CHECK_EQ(lutra_pack_plan(&m, LUTRA_TYPE_Q4_0, 0, 32, false, &err), LUTRA_EINVAL);
    CHECK_EQ(lutra_pack_plan(&m, LUTRA_TYPE_Q4_0, 16, 0, false, &err), LUTRA_EINVAL);
    CHECK_EQ(lutra_pack_plan(&m, LUTRA_TYPE_Q4_0, -5, 32, false, &err), LUTRA_EINVAL);
    CHECK_EQ(lutra_pack_plan(&m, 38, 16, 256, false, &err), LUTRA_EUNSUPPORTED);
    CHECK_EQ(lutra_pack_plan(&m, -1, 16, 256, false, &err), LUTRA_EUNSUPPORTED);
    CHECK_EQ(lutra_pack_plan(&m, 9999, 16, 256, false, &err), LUTRA_EUNSUPPORTED);
    CHECK_EQ(lutra_pack_plan(&m, LUTRA_TYPE_TQ2_0, 16, 1 << 20, true, &err), LUTRA_EINVAL);
    CHECK_EQ(lutra_pack_plan(&m, LUTRA_TYPE_F32, 0x7fffffff, 0x7fffffff, false, &err),
             LUTRA_EINVAL);
}

static struct {
    struct case_mat c;
} bench;

static void pack_once(void *arg)
{
    (void)arg;
    for (int t = 0; t < lutra_mat_tiles(&bench.c.m); t++)
        lutra_pack_tile(&bench.c.m, t,
                        bench.c.rows + (size_t)(t * bench.c.m.tile_rows) * bench.c.row_bytes,
                        bench.c.m.tile_rows);
}

static void bench_pack(void)
{
    for (int i = 0; i < CASE_TYPES; i++) {
        case_mat_open(&bench.c, &case_types[i], 512, 2560);
        double s = check_time(pack_once, NULL, 0.1);
        printf("pack %-6s %6.3f ns/weight, %5.2f bits/weight\n", case_types[i].name,
               s * 1e9 / (512.0 * 2560.0), (double)bench.c.m.bytes * 8.0 / (512.0 * 2560.0));
        case_mat_close(&bench.c);
    }
}

int main(int argc, char **argv)
{
    check_init(argc, argv, "test_pack");
    CHECK_CASE("round trip")
    {
        for (int i = 0; i < CASE_TYPES; i++)
            for (int j = 0; case_cols(&case_types[i], j); j++)
                round_trip(&case_types[i], j & 1 ? 37 : 16, case_cols(&case_types[i], j));
    }
    CHECK_CASE("float round trip")
    {
        float_round_trip(LUTRA_TYPE_F32, 5, 33);
        float_round_trip(LUTRA_TYPE_F16, 5, 33);
        float_round_trip(LUTRA_TYPE_BF16, 5, 33);
    }
    CHECK_CASE("padding")
    {
        for (int i = 0; i < CASE_TYPES; i++) padding_is_zero(&case_types[i]);
    }
    CHECK_CASE("sign counts")
    {
        tern_counts(&case_types[CASE_TYPES - 3], 512);
        tern_counts(&case_types[CASE_TYPES - 4], 768);
    }
    CHECK_CASE("is ternary") ternary_or_not();
    CHECK_CASE("refusals") refusals();
    if (check_bench()) bench_pack();
    return check_done();
}
