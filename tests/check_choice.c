/* SPDX-License-Identifier: MIT */
/* Which kernel multiplies what: every mode and number of vectors gives the bits of one vector at the
 * scalar level (DEQ: those of float activations).
 *   --bench: cost of lookups and of the panel by number of vectors, and where the panel takes over;
 *   the table in kernels/choose.c holds these figures. */
#include <stdio.h>
#include <time.h>

#include "tests/lut_cases.h"

enum { MOST = 61 };

struct setup {
    struct lutra_engine e;
    struct case_mat c;
    void *mem;
    float *x, *y;
};

static void setup_open(struct setup *s, const struct lutra_ops *ops, const struct case_type *ct,
                       int n_rows, int n_cols, int n, enum lutra_packing how)
{
    unsigned all = LUTRA_ACT_CODES | LUTRA_ACT_QUADS | LUTRA_ACT_TRIPS |
                   LUTRA_ACT_BYTES;
    memset(s, 0, sizeof *s);
    s->e.ops = ops;
    s->e.code_max = ct->ternary ? LUTRA_CODE_MAX_INT8 : LUTRA_CODE_MAX;
    s->e.scratch_each = lutra_engine_scratch(ops);
    if (s->e.scratch_each) s->e.scratch = check_guard(s->e.scratch_each, LUTRA_ALIGN);
    case_mat_open_how(&s->c, ct, n_rows, n_cols, CASE_RANDOM, how);
    s->mem = check_guard(lutra_act_bytes(ops, n, n_cols, all), LUTRA_ALIGN);
    s->x = malloc((size_t)n * (size_t)n_cols * sizeof *s->x);
    s->y = malloc((size_t)n * (size_t)n_rows * sizeof *s->y);
    for (int i = 0; i < n * n_cols; i++) s->x[i] = check_rand_float(-3.0f, 3.0f);
}

static void setup_close(struct setup *s)
{
    case_mat_close(&s->c);
    check_guard_free(s->mem);
    if (s->e.scratch) check_guard_free(s->e.scratch);
    free(s->x);
    free(s->y);
}

/* As models/layers.c does it: in pieces, tables for one piece at a time. */
static void multiply(struct setup *s, int n)
{
    const struct lutra_mat *m = &s->c.m;
    for (int v = 0, some; v < n; v += some) {
        struct lutra_act a = {0};
        some = lutra_matmul_step(&s->e, &m, 1, n - v);
        unsigned parts = lutra_act_parts(&s->e, &m, 1, some);
        lutra_act_bind(&a, s->e.ops, s->mem, some, m->n_cols, parts);
        a.x = s->x + (size_t)v * (size_t)m->n_cols;
        a.x_stride = (size_t)m->n_cols;
        lutra_act_fill(&s->e, &a, parts);
        lutra_matmul(&s->e, s->y + (size_t)v * (size_t)m->n_rows, (size_t)m->n_rows, m, &a);
    }
}

/* ---- same bits ---- */

/* Columns that a type is chosen for: enough that one bit has vector tables where a level makes any. */
static int cols_of(const struct case_type *ct)
{
    return ct->type == LUTRA_TYPE_Q1_0 ? 640 : 512;
}

static void reference(struct setup *s, const struct lutra_ops *scalar, enum lutra_precision p,
                      float *want, int n)
{
    struct lutra_engine keep = s->e;
    float *y = s->y, *x = s->x;
    void *mem = s->mem;
    unsigned all = LUTRA_ACT_CODES | LUTRA_ACT_QUADS | LUTRA_ACT_TRIPS |
                   LUTRA_ACT_BYTES;
    s->e.ops = scalar;
    s->e.precision = p;
    s->e.mode = LUTRA_MODE_AUTO;
    s->mem = check_guard(lutra_act_bytes(scalar, 1, s->c.m.n_cols, all), LUTRA_ALIGN);
    for (int v = 0; v < n; v++, s->x += s->c.m.n_cols) {
        s->y = want + (size_t)v * (size_t)s->c.m.n_rows;
        multiply(s, 1);
    }
    check_guard_free(s->mem);
    s->mem = mem;
    s->x = x;
    s->y = y;
    s->e = keep;
}

static void same_bits(const struct lutra_ops *ops, const struct lutra_ops *scalar,
                      const struct case_type *ct, enum lutra_packing how)
{
    static const int counts[] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 12, 15, 16, 17, 31, 33, 40, MOST};
    struct setup s;
    int n_rows = 37;
    size_t row = (size_t)n_rows * sizeof(float);
    setup_open(&s, ops, ct, n_rows, cols_of(ct), MOST, how);
    float *want = malloc(MOST * row);
    for (int mode = LUTRA_MODE_AUTO; mode <= LUTRA_MODE_DEQ; mode++) {
        bool deq = mode == LUTRA_MODE_DEQ;
        reference(&s, scalar, deq ? LUTRA_PREC_HIGH : LUTRA_PREC_DEFAULT, want, MOST);
        s.e.mode = (enum lutra_mode)mode;
        for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
            memset(s.y, 0xA5, MOST * row);
            multiply(&s, counts[i]);
            CHECK_MEM(s.y, want, (size_t)counts[i] * row, 'f');
        }
    }
    free(want);
    setup_close(&s);
}

/* ---- the choice itself ---- */

/* All at once, but tables for no more vectors than memory was planned for, and vector tables of 32
 * without a few vectors left over, or, of one bit where there are tables for 16, these without a few. */
static void check_step(const struct lutra_engine *e, const struct lutra_mat *const *mats, int n,
                       enum lutra_path path)
{
    int most = lutra_lookup_most(e->ops, e->mode), step = lutra_matmul_step(e, mats, 1, n);
    int from = lutra_vector_from(e->ops, mats[0], e->mode);
    bool halves = mats[0]->kind == LUTRA_MAT_PLANES && from < 16;
    if (path == LUTRA_PATH_LOOKUP)
        CHECK_EQ(step, n > most ? most : n);
    else if (path == LUTRA_PATH_VECTOR && n > 32 && n % 32 < from)
        CHECK_EQ(step, n - n % 32);
    else if (path == LUTRA_PATH_VECTOR && halves && n % 32 > 16 && n % 32 <= 20)
        CHECK_EQ(step, n - n % 16);
    else
        CHECK_EQ(step, n);
    CHECK(path != LUTRA_PATH_LOOKUP || most > 0);
}

/* DENSE has no tables; a few vectors meet it as they lie. */
static void dense_choices(const struct lutra_ops *ops, const struct case_type *ct)
{
    struct lutra_engine e = {.ops = ops, .code_max = LUTRA_CODE_MAX};
    struct lutra_mat m = {0};
    const struct lutra_mat *mats[1] = {&m};
    CHECK_EQ(lutra_pack_plan_as(&m, ct->type, 64, 512, LUTRA_PACK_DENSE, NULL), LUTRA_OK);
    if (m.kind != LUTRA_MAT_DENSE) return;
    for (int n = 1; n <= MOST; n++) {
        unsigned parts = LUTRA_ACT_CODES | (n <= ops->dense_most ? LUTRA_ACT_BYTES : 0);
        for (int mode = LUTRA_MODE_AUTO; mode <= LUTRA_MODE_DOT; mode++) {
            e.mode = (enum lutra_mode)mode;
            CHECK_EQ(lutra_matmul_path(&e, &m, n), LUTRA_PATH_PANEL);
            CHECK_EQ(lutra_act_parts(&e, mats, 1, n), parts);
        }
        e.mode = LUTRA_MODE_DEQ;
        CHECK_EQ(lutra_matmul_path(&e, &m, n), LUTRA_PATH_EXACT);
    }
}

static void choices(const struct lutra_ops *ops)
{
    struct lutra_engine e = {.ops = ops, .code_max = LUTRA_CODE_MAX_INT8};
    for (int i = 0; i < CASE_TYPES; i++) {
        const struct case_type *ct = &case_types[i];
        struct lutra_mat m = {0};
        const struct lutra_mat *mats[1] = {&m};
        CHECK_EQ(lutra_pack_plan_as(&m, ct->type, 64, cols_of(ct), case_packing(ct), NULL), LUTRA_OK);
        bool tables = m.kind != LUTRA_MAT_I8;
        int most = lutra_lookup_max(ops, &m);
        CHECK(tables ? most > 0 : most == 0); /* nothing is unpacked for one vector if it has tables */
        for (int n = 1; n <= MOST; n++) {
            e.mode = LUTRA_MODE_AUTO;
            int from = lutra_vector_from(ops, &m, e.mode);
            enum lutra_path path = n <= most ? LUTRA_PATH_LOOKUP : LUTRA_PATH_PANEL;
            if (from && n >= from) path = LUTRA_PATH_VECTOR;
            CHECK(from == 0 || m.kind == LUTRA_MAT_TERN || m.bits == 1);
            CHECK_EQ(lutra_matmul_path(&e, &m, n), path);
            check_step(&e, mats, n, path);
            e.mode = LUTRA_MODE_LUT;
            from = lutra_vector_from(ops, &m, e.mode);
            path = tables ? LUTRA_PATH_LOOKUP : LUTRA_PATH_PANEL;
            if (from && n >= from) path = LUTRA_PATH_VECTOR;
            CHECK_EQ(lutra_matmul_path(&e, &m, n), path);
            check_step(&e, mats, n, path);
            e.mode = LUTRA_MODE_DOT;
            CHECK_EQ(lutra_matmul_path(&e, &m, n), LUTRA_PATH_PANEL);
            CHECK_EQ(lutra_act_parts(&e, mats, 1, n), LUTRA_ACT_CODES);
            e.mode = LUTRA_MODE_DEQ;
            CHECK_EQ(lutra_matmul_path(&e, &m, n), LUTRA_PATH_EXACT);
            CHECK_EQ(lutra_act_parts(&e, mats, 1, n), 0);
        }
        dense_choices(ops, ct);
    }
    CHECK_EQ(lutra_lookup_most(ops, LUTRA_MODE_DOT), 0);
    CHECK_EQ(lutra_lookup_most(ops, LUTRA_MODE_DEQ), 0);
}

static void floats_stay_floats(const struct lutra_ops *ops)
{
    struct lutra_engine e = {.ops = ops, .code_max = LUTRA_CODE_MAX};
    struct lutra_mat m = {0};
    CHECK_EQ(lutra_pack_plan(&m, LUTRA_TYPE_F16, 5, 33, false, NULL), LUTRA_OK);
    for (int mode = LUTRA_MODE_AUTO; mode <= LUTRA_MODE_DEQ; mode++) {
        e.mode = (enum lutra_mode)mode;
        CHECK_EQ(lutra_matmul_path(&e, &m, 1), LUTRA_PATH_FLOAT);
        CHECK_EQ(lutra_matmul_path(&e, &m, 99), LUTRA_PATH_FLOAT);
    }
    /* codes wider than int8 have no triple tables: panel, in every mode with integers */
    CHECK_EQ(lutra_pack_plan(&m, LUTRA_TYPE_TQ2_0, 64, 512, true, NULL), LUTRA_OK);
    e.mode = LUTRA_MODE_LUT;
    CHECK_EQ(lutra_matmul_path(&e, &m, 1), LUTRA_PATH_PANEL);
}

/* ---- bench ---- */

/* CPU time of this thread: other programs on the machine cost cache, not time. */
static double cpu_now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static double best_of(struct setup *s, enum lutra_mode mode, int n, double best)
{
    s->e.mode = mode;
    double start = cpu_now();
    multiply(s, n);
    double t = cpu_now() - start;
    return t < best ? t : best;
}

static const int bench_n[] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 12, 15, 16, 17, 24, 32, 65, 128, 512};
enum { BENCH_N = sizeof bench_n / sizeof *bench_n, ROWS = 2048, COLS = 2560, ROUNDS = 10 };

static void print_way(const char *level, const char *type, const char *way, const double *t)
{
    printf("%-7s %-6s %-6s us/vector:", level, type, way);
    for (int i = 0; i < BENCH_N; i++) printf(" %4.0f", t[i] / bench_n[i] * 1e6);
    putchar('\n');
}

/* us per vector of both ways, interleaved, best of all rounds. */
static void bench_type(const struct lutra_ops *ops, const struct case_type *ct)
{
    struct setup s[2];
    double t[2][BENCH_N];
    int wins = 0;
    setup_open(&s[0], ops, ct, ROWS, COLS, bench_n[BENCH_N - 1], case_packing(ct));
    setup_open(&s[1], ops, ct, ROWS, COLS, bench_n[BENCH_N - 1], case_how_at(ops, ct, COLS));
    for (int i = 0; i < BENCH_N; i++) t[0][i] = t[1][i] = 1e9;
    for (int round = 0; round < ROUNDS; round++)
        for (int i = 0; i < BENCH_N; i++) {
            t[0][i] = best_of(&s[0], LUTRA_MODE_LUT, bench_n[i], t[0][i]);
            t[1][i] = best_of(&s[1], LUTRA_MODE_DOT, bench_n[i], t[1][i]);
        }
    print_way(ops->name, ct->name, "lookup", t[0]);
    print_way(ops->name, ct->name, "panel", t[1]);
    while (wins < BENCH_N && t[0][wins] <= t[1][wins]) wins++;
    printf("%-7s %-6s bits %d, group %d: lookups win up to %d\n", ops->name, ct->name, s[0].c.m.bits,
           s[0].c.m.group, wins ? bench_n[wins - 1] : 0);
    setup_close(&s[0]);
    setup_close(&s[1]);
}

static void bench_level(const struct lutra_ops *ops)
{
    for (int i = 0; i < CASE_TYPES; i++)
        if (case_runs(ops, &case_types[i])) bench_type(ops, &case_types[i]);
}

int main(int argc, char **argv)
{
    struct lutra_ops scalar, ops;
    check_init(argc, argv, "check_choice");
    lutra_ops_init(&scalar, 0);
    for (struct case_levels l = {0}; case_level(&l, &ops);) {
        char name[64];
        snprintf(name, sizeof name, "%s choices", ops.name);
        CHECK_CASE(name)
            for (int core = 0; core < 2; core++, ops.fetch = !ops.fetch) choices(&ops);
        snprintf(name, sizeof name, "%s floats", ops.name);
        CHECK_CASE(name) floats_stay_floats(&ops);
        for (int i = 0; i < CASE_TYPES; i++) {
            if (!case_runs(&ops, &case_types[i])) continue;
            snprintf(name, sizeof name, "%s bits %s", ops.name, case_types[i].name);
            CHECK_CASE(name)
            {
                same_bits(&ops, &scalar, &case_types[i], case_packing(&case_types[i]));
                if (!case_types[i].ternary) same_bits(&ops, &scalar, &case_types[i], LUTRA_PACK_DENSE);
            }
        }
        if (check_bench()) bench_level(&ops);
    }
    return check_done();
}
