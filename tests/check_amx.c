/* SPDX-License-Identifier: MIT */
/* Products in AMX tiles, bit for bit against scalar: the library's own object. Where the processor
 * has no AMX its tile instructions trap and are emulated (amx_trap.h), which also sees to it that
 * shapes are configured as the manual asks, and released. */
#include <stdio.h>

#include "tests/lut_cases.h"

#if defined(__x86_64__)

#include "tests/amx_trap.h"

enum { AVX512 = LUTRA_CPU_AVX512 | LUTRA_CPU_VBMI | LUTRA_CPU_VNNI512 };

static struct lutra_ops scalar, ops;
static bool emulated;

/* Leave no zeros where the 64 bytes of a configuration will lie. */
static __attribute__((noinline)) void soil_stack(void)
{
    volatile uint8_t dirt[16384];
    for (size_t i = 0; i < sizeof dirt; i++) dirt[i] = 0xa5;
}

/* Nothing that a processor would refuse, and no thread keeps its tiles. */
static void check_tiles(long before)
{
    CHECK_STR(atomic_load(&amx_fault) ? atomic_load(&amx_fault) : "", "");
    CHECK_EQ(atomic_load(&amx_on), 0);
    CHECK_EQ(atomic_load(&amx_done) > before, emulated);
    atomic_store(&amx_fault, NULL);
}

/* ---- the instructions ---- */

#define CONFIGURE(p) __asm__ volatile("ldtilecfg %0" : : "m"(*(const uint8_t(*)[64])(p)))
#define RELEASE() __asm__ volatile("tilerelease" : : : "memory")

/* What a processor would refuse is seen: this file's tests could not fail otherwise. */
static void refusals(void)
{
    static const struct {
        int at, value; /* in a configuration of eight full tiles */
        const char *fault;
    } wrong[] = {{0, 0, "ldtilecfg: palette"},
                 {0, 2, "ldtilecfg: palette"},
                 {2, 1, "ldtilecfg: a reserved byte is not zero"},
                 {33, 1, "ldtilecfg: a reserved byte is not zero"},
                 {63, 1, "ldtilecfg: a reserved byte is not zero"},
                 {50, 17, "ldtilecfg: rows or their bytes"},
                 {18, 65, "ldtilecfg: rows or their bytes"},
                 {50, 0, "ldtilecfg: rows or their bytes"},
                 {48, 15, "tdpbsud: shapes"},
                 {18, 60, "tdpbsud: shapes"},
                 {50, 15, "tdpbsud: shapes"},
                 {20, 32, "tdpbsud: shapes"}};
    int n = (int)(sizeof wrong / sizeof *wrong);
    for (int i = -1; i < n; i++) {
        uint8_t c[64] = {1};
        for (int t = 0; t < 8; t++) c[16 + 2 * t] = 64, c[48 + t] = 16;
        if (i >= 0) c[wrong[i].at] = (uint8_t)wrong[i].value;
        atomic_store(&amx_fault, NULL);
        CONFIGURE(c);
        if (!atomic_load(&amx_fault))
            __asm__ volatile("tdpbsud %%tmm2, %%tmm1, %%tmm0" : : : "memory");
        RELEASE();
        CHECK_STR(atomic_load(&amx_fault) ? atomic_load(&amx_fault) : "none",
                  i < 0 ? "none" : wrong[i].fault);
    }
    __asm__ volatile("tilezero %%tmm0" : : : "memory");
    CHECK_STR(atomic_load(&amx_fault), "no tiles are configured, or no such tile");
    atomic_store(&amx_fault, NULL);
}

/* ---- tile_mul ---- */

static const float canary = -12345.5f;

static float *out_open(size_t n)
{
    float *y = check_guard(n * sizeof(float), sizeof(float));
    for (size_t i = 0; i < n; i++) y[i] = canary;
    return y;
}

/* Vectors in two calls, tiles in two calls. */
static void tile_case(const struct case_type *ct, int n, int n_rows, int n_cols,
                      enum check_fill fill, enum case_weights weights, int code_max)
{
    struct case_mat c;
    struct case_act a;
    const size_t stride = (size_t)n_rows + 3, n_y = (size_t)(n - 1) * stride + (size_t)n_rows;
    float *got = out_open(n_y), *want = out_open(n_y);
    void *scratch = check_guard(ops.tile_scratch, LUTRA_ALIGN);
    const long before = atomic_load(&amx_done);
    case_mat_open_how(&c, ct, n_rows, n_cols, weights, case_how_at(&ops, ct, n_cols));
    case_act_open(&a, &scalar, n, n_cols, false);
    case_act_fill(&a, fill, code_max);
    const int tiles = lutra_mat_tiles(&c.m), tcut = tiles / 2, vcut = n / 3;
    memset(scratch, 0xa5, ops.tile_scratch);
    soil_stack();
    ops.tile_mul(got, stride, &c.m, &a.a, 0, vcut, 0, tiles, scratch);
    ops.tile_mul(got, stride, &c.m, &a.a, vcut, n, tcut, tiles, scratch);
    ops.tile_mul(got, stride, &c.m, &a.a, vcut, n, 0, tcut, scratch);
    scalar.panel_mul(want, stride, &c.m, &a.a, 0, n, 0, tiles, NULL);
    CHECK_MEM(got, want, n_y * sizeof(float), 'f');
    check_tiles(before);
    check_guard_free(scratch);
    check_guard_free(got);
    check_guard_free(want);
    case_act_close(&a);
    case_mat_close(&c);
}

static void tile_type(const struct case_type *ct)
{
    static const int rows[] = {1, 16, 17, 33, 70, 5, 47}, vectors[] = {1, 2, 9, 16, 17, 31, 33, 50};
    static const int max[] = {LUTRA_CODE_MAX, LUTRA_CODE_MAX_INT8, LUTRA_CODE_MAX_INT8 + 1};
    for (int i = 0; case_cols(ct, i) && case_cols(ct, i) < 2560; i++)
        for (int fill = 0; fill < CHECK_N_FILLS; fill++)
            tile_case(ct, vectors[(fill + 3 * i) % 8], rows[(i + 3 * fill) % 7], case_cols(ct, i),
                      (enum check_fill)fill, CASE_RANDOM, max[(i + fill) % 3]);
    for (int fill = 0; fill < CHECK_N_FILLS; fill++) { /* the largest sums */
        tile_case(ct, 5, 3, 1280, (enum check_fill)fill, CASE_ONES, max[fill & 1]);
        tile_case(ct, 2, 3, 768, (enum check_fill)fill, CASE_TWOS, max[~fill & 1]);
    }
}

/* More vectors, rows and, where groups are wide, columns than are taken at once. (Every trap costs
 * microseconds.) */
static void tile_large(const struct case_type *ct)
{
    int n_cols = ct->type == LUTRA_TYPE_Q4_1 ? 64 : 512;
    tile_case(ct, 259, 293, n_cols, CHECK_FILL_RANDOM, CASE_RANDOM,
              ct->ternary ? LUTRA_CODE_MAX_INT8 : LUTRA_CODE_MAX);
}

/* ---- lutra_matmul ---- */

static void multiply(const struct lutra_engine *e, float *y, const struct lutra_mat *m,
                     const float *x, int n)
{
    struct lutra_act a = {0};
    const struct lutra_mat *const mats[1] = {m};
    unsigned parts = lutra_act_parts(e, mats, 1, n);
    void *mem = check_guard(lutra_act_bytes(e->ops, n, m->n_cols, parts), LUTRA_ALIGN);
    lutra_act_bind(&a, e->ops, mem, n, m->n_cols, parts);
    a.x = x;
    a.x_stride = (size_t)m->n_cols;
    lutra_act_fill(e, &a, parts);
    lutra_matmul(e, y, (size_t)m->n_rows, m, &a);
    check_guard_free(mem);
}

/* All at once on three threads, in tiles, equals one by one at the scalar level. */
static void threads(const struct case_type *ct, struct lutra_pool *pool, int code_max)
{
    enum { ROWS = 517, COLS = 512 };
    const long before = atomic_load(&amx_done);
    struct case_mat c;
    case_mat_open_how(&c, ct, ROWS, COLS, CASE_RANDOM, case_how_at(&ops, ct, COLS));
    struct lutra_engine e = {.ops = &ops, .pool = pool, .code_max = code_max,
                             .scratch_each = lutra_engine_scratch(&ops)};
    struct lutra_engine one = {.ops = &scalar, .code_max = code_max};
    e.scratch = check_guard(e.scratch_each * 3, LUTRA_ALIGN);
    for (int n = 16; n <= 50; n += 17) {
        float *x = malloc((size_t)n * COLS * sizeof *x);
        float *got = out_open((size_t)n * ROWS), *want = out_open((size_t)n * ROWS);
        for (int i = 0; i < n * COLS; i++) x[i] = check_rand_float(-3.0f, 3.0f);
        CHECK(lutra_panel_in_tiles(&ops, &c.m, n));
        CHECK_EQ(lutra_matmul_path(&e, &c.m, n), LUTRA_PATH_PANEL);
        multiply(&e, got, &c.m, x, n);
        for (int v = 0; v < n; v++) multiply(&one, want + v * ROWS, &c.m, x + v * COLS, 1);
        CHECK_MEM(got, want, (size_t)n * ROWS * sizeof *got, 'f');
        check_guard_free(got);
        check_guard_free(want);
        free(x);
    }
    check_tiles(before);
    check_guard_free(e.scratch);
    case_mat_close(&c);
}

/* ---- the choice ---- */

static void choices(void)
{
    struct lutra_ops below;
    lutra_ops_init(&below, ops.features & ~(uint32_t)LUTRA_CPU_AMX);
    CHECK_STR(ops.name, "amx");
    CHECK_STR(below.name, "avx512");
    for (int i = 0; i < CASE_TYPES; i++) {
        struct lutra_mat m = {0};
        CHECK_EQ(lutra_pack_plan_as(&m, case_types[i].type, 64, 512, case_packing(&case_types[i]), NULL),
                 LUTRA_OK);
        if (m.kind == LUTRA_MAT_PLANES && m.bits > 1) CHECK(!lutra_panel_in_tiles(&ops, &m, 16));
        CHECK_EQ(lutra_pack_plan_as(&m, case_types[i].type, 64, 512, case_how_at(&ops, &case_types[i], 512),
                                    NULL), LUTRA_OK);
        bool run = m.kind == LUTRA_MAT_DENSE && m.group == 16 && m.run > 16; /* Q2_K, Q3_K */
        bool wide = m.kind == LUTRA_MAT_TERN || m.group >= 64 || run;
        bool few = wide && m.kind != LUTRA_MAT_DENSE;
        CHECK_EQ(lutra_panel_in_tiles(&ops, &m, 3), few);
        CHECK_EQ(lutra_panel_in_tiles(&ops, &m, 4), few || m.group >= 256);
        CHECK_EQ(lutra_panel_in_tiles(&ops, &m, 7), few || m.group >= 256);
        CHECK_EQ(lutra_panel_in_tiles(&ops, &m, 8), wide);
        CHECK_EQ(lutra_panel_in_tiles(&ops, &m, 16), wide);
        CHECK_EQ(lutra_panel_in_tiles(&ops, &m, 512), wide);
        CHECK(!lutra_panel_in_tiles(&below, &m, 512));
    }
}

int main(int argc, char **argv)
{
    struct lutra_pool *pool = NULL;
    char name[64];
    const uint32_t have = lutra_cpu_detect();
    check_init(argc, argv, "check_amx");
    if ((have & AVX512) != AVX512) {
        CHECK_CASE("tiles") check_skip("what surrounds the tiles needs AVX-512 with VBMI and VNNI");
        return check_done();
    }
    emulated = !(have & LUTRA_CPU_AMX);
    if (emulated) amx_trap_open();
    lutra_ops_init(&scalar, 0);
    lutra_ops_init(&ops, lutra_cpu_level("amx")->features);
    CHECK_CASE("pool") CHECK_EQ(lutra_pool_open(&pool, 3, NULL, NULL), LUTRA_OK);
    CHECK_CASE("choices") choices();
    CHECK_CASE("refusals")
    {
        if (emulated)
            refusals();
        else
            check_skip("this processor has AMX: nothing is emulated");
    }
    for (int i = 0; i < CASE_TYPES; i++) {
        const struct case_type *ct = &case_types[i];
        if (!case_runs(&ops, ct)) continue;
        /* runs of groups of 32, Q4_K and Q5_K, never come here (lutra_panel_in_tiles) */
        if (lutra_code_info(ct->type)->sub && lutra_code_info(ct->type)->bits / 2 == 2) continue;
        snprintf(name, sizeof name, "tiles %s", ct->name);
        CHECK_CASE(name) tile_type(ct);
        if (ct->ternary || ct->type == LUTRA_TYPE_Q1_0 || ct->type == LUTRA_TYPE_Q4_1) {
            snprintf(name, sizeof name, "many tiles %s", ct->name);
            CHECK_CASE(name) tile_large(ct);
        }
        if (ct->ternary || ct->type == LUTRA_TYPE_Q1_0 || ct->type == LUTRA_TYPE_Q2_0) {
            snprintf(name, sizeof name, "threads %s", ct->name);
            CHECK_CASE(name) threads(ct, pool, ct->ternary ? LUTRA_CODE_MAX_INT8 : LUTRA_CODE_MAX);
        }
    }
    lutra_pool_close(pool);
    return check_done();
}

#else

int main(int argc, char **argv)
{
    check_init(argc, argv, "check_amx");
    CHECK_CASE("tiles") check_skip("AMX is an extension of x86-64");
    return check_done();
}

#endif
