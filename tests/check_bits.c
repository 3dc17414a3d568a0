/* SPDX-License-Identifier: MIT */
/* BITS: planes of 1 to 8 bits under scales of groups or rows. Scalar against a naive sum, every
 * level against scalar, bit for bit; packing read back. --bench: weights per ns. */
#include <stdio.h>

#include "tests/lut_cases.h"

static const float canary = -12345.5f;
static const int groups[] = {0, 32, 128, 256};

enum codes { CODES_RANDOM, CODES_ZERO, CODES_MOST };

struct bits_mat {
    struct lutra_mat m;
    uint8_t *q;
    float *scales;
    int n_scales; /* of a row */
};

static void open_mat(struct bits_mat *b, int bits, int group, int n_rows, int n_cols,
                     enum codes codes)
{
    lutra_error err;
    memset(b, 0, sizeof *b);
    CHECK_EQ(lutra_pack_plan_bits(&b->m, bits, group, n_rows, n_cols, &err), LUTRA_OK);
    size_t n = (size_t)n_rows * (size_t)n_cols;
    b->n_scales = group ? n_cols / group : 1;
    b->q = check_guard(n, 1);
    b->scales = check_guard((size_t)(n_rows * b->n_scales) * sizeof(float), sizeof(float));
    for (size_t i = 0; i < n; i++)
        b->q[i] = (uint8_t)(codes == CODES_RANDOM ? check_rand_int(0, (1 << bits) - 1)
                            : codes == CODES_MOST ? (1 << bits) - 1
                                                  : 0);
    for (int i = 0; i < n_rows * b->n_scales; i++) {
        float d = check_rand_float(-0.05f, 0.05f);
        b->scales[i] = group ? lutra_f16_to_f32(lutra_f32_to_f16(d)) : d;
    }
    b->m.data = check_guard(b->m.bytes, LUTRA_ALIGN);
    memset(b->m.data, 0x5A, b->m.bytes);
    for (int t = 0; t < lutra_mat_tiles(&b->m); t++) {
        int left = n_rows - t * b->m.tile_rows, row0 = t * b->m.tile_rows;
        lutra_pack_bits(&b->m, t, b->q + (size_t)row0 * (size_t)n_cols,
                        b->scales + row0 * b->n_scales,
                        left < b->m.tile_rows ? left : b->m.tile_rows);
    }
}

static void close_mat(struct bits_mat *b)
{
    check_guard_free(b->q);
    check_guard_free(b->scales);
    check_guard_free(b->m.data);
}

/* What lut.h says, one weight after the other. */
static float naive(const struct bits_mat *b, int row, const int16_t *c, float x_scale)
{
    const uint8_t *q = b->q + (size_t)row * (size_t)b->m.n_cols;
    int run = b->m.scale_bytes ? b->m.group : 1024;
    float acc = 0.0f;
    for (int k0 = 0; k0 < b->m.n_cols; k0 += run) {
        int64_t s = 0;
        for (int k = k0; k < k0 + run && k < b->m.n_cols; k++)
            s += (b->m.bits == 1 ? 2 * q[k] - 1 : q[k] - (1 << (b->m.bits - 1))) * c[k];
        CHECK(s >= INT32_MIN && s <= INT32_MAX);
        float d = b->scales[row * b->n_scales + (b->m.scale_bytes ? k0 / run : 0)];
        acc = acc + d * (float)(int32_t)s;
    }
    return acc * x_scale;
}

static void one_case(const struct lutra_ops *ops, const struct lutra_ops *scalar, int bits,
                     int group, int n_rows, int n_cols, enum check_fill fill, enum codes codes)
{
    struct bits_mat b;
    struct case_act a;
    size_t bytes = (size_t)n_rows * sizeof(float);
    float *y = check_guard(bytes, sizeof(float)), *z = check_guard(bytes, sizeof(float));
    open_mat(&b, bits, group, n_rows, n_cols, codes);
    case_act_open(&a, ops, 2, n_cols, false);
    case_act_fill(&a, fill, LUTRA_CODE_MAX);
    case_act_tables(&a, ops);
    for (int v = 0; v < 2; v++) {
        int tiles = lutra_mat_tiles(&b.m), cut = tiles / 2;
        for (int r = 0; r < n_rows; r++) {
            z[r] = naive(&b, r, a.a.codes + (size_t)v * (size_t)a.a.k_pad, a.a.scale[v]);
            y[r] = canary;
        }
        scalar->bits_lookup(y, &b.m, &a.a, v, 0, tiles);
        CHECK_MEM(y, z, bytes, 'f');
        for (int r = 0; r < n_rows; r++) y[r] = canary;
        ops->bits_lookup(y, &b.m, &a.a, v, 0, cut);
        for (int r = cut * b.m.tile_rows; r < n_rows; r++) CHECK(y[r] == canary);
        ops->bits_lookup(y, &b.m, &a.a, v, cut, tiles);
        CHECK_MEM(y, z, bytes, 'f');
    }
    case_act_close(&a);
    close_mat(&b);
    check_guard_free(y);
    check_guard_free(z);
}

static void all_cases(const struct lutra_ops *ops, const struct lutra_ops *scalar, int bits)
{
    static const int rows[] = {1, 32, 33, 70, 5}, odd[] = {1, 16, 90, 333, 1024, 1040, 2600};
    for (int g = 0; g < 4; g++) {
        for (int i = 0; i < 7; i++) {
            int cols = groups[g] ? groups[g] * (1 + i) : odd[i];
            one_case(ops, scalar, bits, groups[g], rows[i % 5], cols, CHECK_FILL_RANDOM,
                     CODES_RANDOM);
        }
        for (int fill = 0; fill < CHECK_N_FILLS; fill++) {
            one_case(ops, scalar, bits, groups[g], 3, 1536, (enum check_fill)fill, CODES_MOST);
            one_case(ops, scalar, bits, groups[g], 3, 1536, (enum check_fill)fill, CODES_ZERO);
        }
    }
}

static void read_back(int bits)
{
    struct bits_mat b;
    float row[2048];
    for (int g = 0; g < 4; g++) {
        int cols = groups[g] ? 768 : 1301;
        open_mat(&b, bits, groups[g], 37, cols, CODES_RANDOM);
        for (int r = 0; r < 37; r++) {
            lutra_mat_row(&b.m, r, row);
            for (int k = 0; k < cols; k++) {
                int q = b.q[(size_t)r * (size_t)cols + (size_t)k];
                int w = bits == 1 ? 2 * q - 1 : q - (1 << (bits - 1));
                CHECK(row[k] == b.scales[r * b.n_scales + (groups[g] ? k / groups[g] : 0)] *
                                    (float)w);
            }
        }
        close_mat(&b);
    }
}

static void refusals(void)
{
    struct lutra_mat m = {0};
    CHECK_EQ(lutra_pack_plan_bits(&m, 0, 0, 4, 32, NULL), LUTRA_EINVAL);
    CHECK_EQ(lutra_pack_plan_bits(&m, 9, 0, 4, 32, NULL), LUTRA_EINVAL);
    CHECK_EQ(lutra_pack_plan_bits(&m, 4, 64, 4, 64, NULL), LUTRA_EINVAL);
    CHECK_EQ(lutra_pack_plan_bits(&m, 4, 32, 4, 33, NULL), LUTRA_EINVAL);
    CHECK_EQ(lutra_pack_plan_bits(&m, 4, 0, 0, 33, NULL), LUTRA_EINVAL);
    CHECK_EQ(lutra_pack_plan_bits(&m, 8, 0, 0x7fffffff, 0x7fffffff, NULL), LUTRA_EINVAL);
}

/* ---- bench ---- */

static struct {
    struct lutra_ops ops;
    struct bits_mat b;
    struct case_act a;
    float y[4096];
} bench;

static void bench_once(void *arg)
{
    (void)arg;
    bench.ops.bits_lookup(bench.y, &bench.b.m, &bench.a.a, 0, 0, lutra_mat_tiles(&bench.b.m));
}

/* us, best of several runs. */
static double bench_size(int bits, int group, int n_rows, int n_cols)
{
    open_mat(&bench.b, bits, group, n_rows, n_cols, CODES_RANDOM);
    case_act_open(&bench.a, &bench.ops, 1, n_cols, false);
    case_act_normal(&bench.a, &bench.ops, LUTRA_CODE_MAX);
    case_act_tables(&bench.a, &bench.ops);
    double s = check_time(bench_once, NULL, 0.15);
    case_act_close(&bench.a);
    close_mat(&bench.b);
    return s * 1e6;
}

static void bench_level(const struct lutra_ops *ops)
{
    bench.ops = *ops;
    for (int g = 0; g < 4; g++) {
        printf("bits %-8s group %3d, w/ns from L2:", ops->name, groups[g]);
        for (int bits = 1; bits <= 8; bits++)
            printf(" %6.1f", 512.0 * 2560.0 / (1e3 * bench_size(bits, groups[g], 512, 2560)));
        printf("\n");
    }
    printf("bits %-8s 4096 x 4096, us:", ops->name);
    for (int bits = 2; bits <= 8; bits++) printf(" %7.1f", bench_size(bits, 0, 4096, 4096));
    printf("\n");
}

int main(int argc, char **argv)
{
    struct lutra_ops scalar, ops;
    check_init(argc, argv, "check_bits");
    lutra_ops_init(&scalar, 0);
    CHECK_CASE("refusals") refusals();
    for (int bits = 1; bits <= 8; bits++) {
        char name[64];
        snprintf(name, sizeof name, "read back %d bits", bits);
        CHECK_CASE(name) read_back(bits);
    }
    for (struct case_levels l = {0}; case_level(&l, &ops);) {
        for (int bits = 1; bits <= 8; bits++) {
            char name[64];
            snprintf(name, sizeof name, "%s lookup %d bits", ops.name, bits);
            CHECK_CASE(name) all_cases(&ops, &scalar, bits);
        }
        if (check_bench()) bench_level(&ops);
    }
    return check_done();
}
