/* SPDX-License-Identifier: MIT */
/* Activations filled by one thread and by several are the same bytes: codes, sums, every table. */
#include <stdlib.h>
#include <string.h>

#include "tests/lut_cases.h"

static void fill(const struct lutra_ops *ops, struct lutra_pool *pool, float *x, int n, int k,
                 uint8_t *mem, size_t bytes)
{
    unsigned parts = LUTRA_ACT_CODES | LUTRA_ACT_QUADS | LUTRA_ACT_TRIPS | LUTRA_ACT_QUINTS |
                     LUTRA_ACT_BYTES;
    struct lutra_engine e = {.ops = ops, .pool = pool, .code_max = LUTRA_CODE_MAX_INT8};
    struct lutra_act a = {.x = x, .x_stride = (size_t)k};
    memset(mem, 0x3C, bytes);
    lutra_act_bind(&a, ops, mem, n, k, parts);
    lutra_act_fill(&e, &a, parts);
}

static void same(const struct lutra_ops *ops, int n, int k)
{
    struct lutra_pool *pool;
    lutra_error err;
    unsigned parts = LUTRA_ACT_CODES | LUTRA_ACT_QUADS | LUTRA_ACT_TRIPS | LUTRA_ACT_QUINTS |
                     LUTRA_ACT_BYTES;
    size_t bytes = lutra_act_bytes(ops, n, k, parts);
    uint8_t *one = check_guard(bytes, LUTRA_ALIGN), *many = check_guard(bytes, LUTRA_ALIGN);
    float *x = check_guard((size_t)(n * k) * sizeof *x, sizeof *x);
    for (int i = 0; i < n * k; i++) x[i] = check_rand_float(-3.0f, 3.0f);
    CHECK_EQ(lutra_pool_open(&pool, 5, NULL, &err), LUTRA_OK);
    fill(ops, NULL, x, n, k, one, bytes);
    fill(ops, pool, x, n, k, many, bytes);
    CHECK_MEM(many, one, bytes, 'x');
    lutra_pool_close(pool);
    check_guard_free(one);
    check_guard_free(many);
    check_guard_free(x);
}

int main(int argc, char **argv)
{
    struct lutra_ops ops;
    check_init(argc, argv, "test_act");
    for (struct case_levels l = {0}; case_level(&l, &ops);) {
        CHECK_CASE(ops.name)
        {
            same(&ops, 1, 64);
            same(&ops, 1, 8192);  /* sliced: more slices than threads, a short last one */
            same(&ops, 1, 11008);
            same(&ops, 1, 14336);
            same(&ops, 9, 2560);
        }
    }
    return check_done();
}
