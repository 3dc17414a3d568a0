/* SPDX-License-Identifier: MIT */
/* A head by shortlist: the rows it computes have the bits of the whole product, its best row is the
 * best, whatever the type, CPU level and threads; its estimates are as good as it believes; what it
 * cannot tell it says. With model files as arguments: the same on the hidden states of prose
 * (tests/data/alice.txt: Lewis Carroll, Alice's Adventures in Wonderland, 1865). */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernels/cpu.h"
#include "runtime/session.h"
#include "tests/check.h"

static lutra_error err;

/* ---- a head of random rows ---- */

enum { ROWS = 5990, COLS_MOST = 640, LOUD = 8 };

struct rig {
    struct lutra_mat head;
    struct lutra_head_fast f;
    struct lutra_head_work w;
    struct lutra_engine e;
    void *mem, *act_mem;
    float *x, *whole, *quick;
};

static float normal(void)
{
    float v = 0;
    for (int i = 0; i < 12; i++) v += check_rand_float(-0.5f, 0.5f);
    return v;
}

static void *take(size_t bytes)
{
    void *p = aligned_alloc(LUTRA_ALIGN, lutra_round_up(bytes, LUTRA_ALIGN));
    CHECK(p != NULL);
    memset(p, 0xA5, bytes);
    return p;
}

static void fill_head(struct lutra_mat *m, int type, int n_rows, int n_cols)
{
    const struct lutra_type_info *ti = lutra_type_info((uint32_t)type);
    size_t row_bytes = (size_t)(n_cols / ti->block) * (size_t)ti->bytes;
    uint8_t *rows = malloc((size_t)LUTRA_TILE_ROWS * row_bytes);
    float row[COLS_MOST];
    CHECK_EQ(lutra_pack_plan(m, type, n_rows, n_cols, false, &err), LUTRA_OK);
    m->data = take(m->bytes);
    for (int t = 0; t < lutra_mat_tiles(m); t++) {
        int n = n_rows - t * m->tile_rows < m->tile_rows ? n_rows - t * m->tile_rows : m->tile_rows;
        for (int i = 0; i < n; i++) {
            float size = check_rand_float(0.05f, 0.07f);
            for (int k = 0; k < n_cols; k++) row[k] = size * normal();
            lutra_encode_row(type, rows + (size_t)i * row_bytes, row, n_cols);
        }
        lutra_pack_tile(m, t, rows, n);
    }
    free(rows);
}

static void rig_scratch(struct rig *r, const struct lutra_ops *ops, struct lutra_pool *pool)
{
    int threads = pool ? lutra_pool_size(pool) : 1;
    r->e = (struct lutra_engine){.ops = ops, .pool = pool, .code_max = LUTRA_CODE_MAX};
    r->e.scratch_each = lutra_engine_scratch(ops);
    r->e.scratch = take((size_t)threads * r->e.scratch_each);
    r->mem = take(lutra_head_work_bytes(&r->f, ops));
    CHECK(lutra_head_work_bytes(&r->f, ops) <=
          lutra_head_work_most(r->head.n_rows, r->head.n_cols, ops));
    lutra_head_work_bind(&r->w, &r->f, ops, r->mem);
    r->act_mem = take(lutra_act_bytes(ops, 1, r->head.n_cols, LUTRA_ACT_ALL));
}

static void rig_drop_scratch(struct rig *r)
{
    free(r->e.scratch);
    free(r->mem);
    free(r->act_mem);
}

static void rig_open(struct rig *r, int type, int n_cols)
{
    struct lutra_pool *pool;
    memset(r, 0, sizeof *r);
    fill_head(&r->head, type, ROWS, n_cols);
    CHECK(lutra_head_fast_plan(&r->f, &r->head));
    r->f.low.data = take(r->f.low.bytes);
    r->f.top.data = take(r->f.top.bytes);
    r->f.rows = take(ROWS * sizeof *r->f.rows);
    for (int i = 0; i < LUTRA_HEAD_TOP; i++) r->f.cols[i] = 3 + 7 * i;
    CHECK_EQ(lutra_pool_open(&pool, 2, NULL, &err), LUTRA_OK);
    CHECK(lutra_head_fast_fill(&r->f, &r->head, pool));
    lutra_pool_close(pool);
    r->x = take((size_t)n_cols * sizeof(float));
    r->whole = take(ROWS * sizeof(float));
    r->quick = take(ROWS * sizeof(float));
}

static void rig_close(struct rig *r)
{
    free(r->head.data);
    free(r->f.low.data);
    free(r->f.top.data);
    free(r->f.rows);
    free(r->x);
    free(r->whole);
    free(r->quick);
}

/* Some loud columns, and one row that x leans to. */
static void draw_x(struct rig *r, float lean)
{
    float row[COLS_MOST];
    lutra_mat_row(&r->head, check_rand_int(0, ROWS - 1), row);
    for (int k = 0; k < r->head.n_cols; k++) r->x[k] = normal() + lean * row[k];
    for (int i = 0; i < LOUD; i++) r->x[r->f.cols[i * 4]] *= 10.0f;
}

static bool run(struct rig *r)
{
    struct lutra_act a;
    const struct lutra_mat *m = &r->head;
    unsigned parts = lutra_act_parts(&r->e, &m, 1, 1);
    lutra_act_bind(&a, r->e.ops, r->act_mem, 1, m->n_cols, parts);
    a.x = r->x;
    a.x_stride = (size_t)m->n_cols;
    lutra_act_fill(&r->e, &a, parts);
    lutra_matmul(&r->e, r->whole, ROWS, m, &a);
    return lutra_head_fast_run(&r->f, &r->w, &r->e, m, &a, r->quick);
}

static int best_of(const float *y, int n)
{
    int best = 0;
    for (int i = 1; i < n; i++)
        if (y[i] > y[best]) best = i;
    return best;
}

/* Blocks that were computed have the whole product's bits; the others lie below the best. */
static int exact_rows(const struct rig *r)
{
    int n = 0;
    float best = r->whole[best_of(r->whole, ROWS)];
    for (int row = 0; row < ROWS; row += LUTRA_HEAD_BLOCK) {
        int rows = ROWS - row < LUTRA_HEAD_BLOCK ? ROWS - row : LUTRA_HEAD_BLOCK;
        if (r->w.bound[row / LUTRA_HEAD_BLOCK] == -INFINITY) {
            CHECK_MEM(r->quick + row, r->whole + row, (size_t)rows * sizeof(float), 'f');
            n += rows;
        } else {
            CHECK(r->quick[row + best_of(r->quick + row, rows)] < best);
            CHECK(r->w.bound[row / LUTRA_HEAD_BLOCK] < best);
        }
    }
    return n;
}

static void one_type(int type, int n_cols)
{
    enum { TRIES = 40 };
    struct rig r;
    struct lutra_ops ops;
    int agree = 0, told = 0, rows = 0;
    rig_open(&r, type, n_cols);
    lutra_ops_init(&ops, lutra_cpu_best(lutra_cpu_detect())->features);
    rig_scratch(&r, &ops, NULL);
    for (int i = 0; i < TRIES; i++) {
        draw_x(&r, i % 2 ? 40.0f : 4.0f); /* a clear winner, or one with rivals */
        if (!run(&r)) continue;
        told++;
        rows += exact_rows(&r);
        agree += best_of(r.quick, ROWS) == best_of(r.whole, ROWS);
    }
    CHECK_EQ(agree, told);
    CHECK(told > TRIES * 3 / 4);
    CHECK(rows < told * ROWS / LUTRA_HEAD_PART);
    CHECK_EQ(r.w.runs, TRIES);
    CHECK_EQ(r.w.wholes, TRIES - told);
    rig_drop_scratch(&r);
    rig_close(&r);
}

/* The same logits, estimates too, at every level and thread count. */
static void levels(void)
{
    struct rig r;
    float *want = take(ROWS * sizeof(float));
    rig_open(&r, LUTRA_TYPE_Q6_K, 512);
    draw_x(&r, 40.0f);
    uint32_t have = lutra_cpu_detect();
    for (int threads = 1; threads <= 3; threads++)
        for (const struct lutra_cpu_level *l = lutra_cpu_levels(); l->name; l++) {
            struct lutra_ops ops;
            struct lutra_pool *pool;
            if ((l->features & have) != l->features) continue;
            lutra_ops_init(&ops, l->features);
            CHECK_EQ(lutra_pool_open(&pool, threads, NULL, &err), LUTRA_OK);
            rig_scratch(&r, &ops, pool);
            for (int mode = LUTRA_MODE_AUTO; mode <= LUTRA_MODE_DOT; mode++) {
                r.e.mode = (enum lutra_mode)mode;
                CHECK(run(&r));
                if (threads == 1 && l->features == 0 && mode == LUTRA_MODE_AUTO)
                    memcpy(want, r.quick, ROWS * sizeof *want);
                CHECK_MEM(r.quick, want, ROWS * sizeof *want, 'f');
            }
            rig_drop_scratch(&r);
            lutra_pool_close(pool);
        }
    rig_close(&r);
    free(want);
}

/* Errors of the estimates over what the shortlist takes for their deviation. */
static void deviations(void)
{
    enum { TRIES = 60 };
    struct rig r;
    struct lutra_ops ops;
    double sum = 0, square = 0, n = 0;
    rig_open(&r, LUTRA_TYPE_Q8_0, 640);
    lutra_ops_init(&ops, lutra_cpu_best(lutra_cpu_detect())->features);
    rig_scratch(&r, &ops, NULL);
    for (int i = 0; i < TRIES; i++) {
        double norm = 0;
        draw_x(&r, 40.0f);
        run(&r);
        for (int k = 0; k < 640; k++)
            if (r.w.x[k] != 0) norm += (double)r.x[k] * (double)r.x[k];
        for (int row = 0; row < ROWS; row++) {
            if (r.w.bound[row / LUTRA_HEAD_BLOCK] == -INFINITY) continue;
            float off = lutra_bf16_to_f32((uint16_t)(r.f.rows[row] >> 16));
            double z = ((double)r.whole[row] - (double)r.quick[row]) / ((double)off * sqrt(norm));
            sum += z;
            square += z * z;
            n++;
        }
    }
    printf("  %.0f estimates: mean %.3f, deviation %.3f of what is believed\n", n, sum / n,
           sqrt(square / n));
    CHECK_NEAR(sum / n, 0.0, 0.05);
    CHECK_NEAR(sqrt(square / n), 1.0, 0.05);
    rig_drop_scratch(&r);
    rig_close(&r);
}

/* All rows alike, no numbers, nothing to gain: the whole head. */
static void cannot_tell(void)
{
    static const int small[] = {LUTRA_TYPE_Q2_K, LUTRA_TYPE_TQ2_0, LUTRA_TYPE_Q1_0};
    struct rig r;
    struct lutra_ops ops;
    struct lutra_mat m = {0};
    struct lutra_head_fast f;
    lutra_ops_init(&ops, 0);
    rig_open(&r, LUTRA_TYPE_Q8_0, 256);
    struct lutra_pool *pool;
    for (int t = 1; t < lutra_mat_tiles(&r.head); t++)
        memcpy(r.head.data + (size_t)t * r.head.tile_bytes, r.head.data, r.head.tile_bytes);
    CHECK_EQ(lutra_pool_open(&pool, 1, NULL, &err), LUTRA_OK);
    CHECK(lutra_head_fast_fill(&r.f, &r.head, pool));
    lutra_pool_close(pool);
    rig_scratch(&r, &ops, NULL);
    draw_x(&r, 0);
    CHECK(!run(&r));
    CHECK_EQ(r.w.wholes, 1);
    draw_x(&r, 40.0f);
    r.x[5] = INFINITY;
    CHECK(!run(&r));
    CHECK_EQ(r.w.wholes, 2);
    rig_drop_scratch(&r);
    rig_close(&r);
    for (int i = 0; i < 3; i++) {
        CHECK_EQ(lutra_pack_plan(&m, small[i], 4096, 512, false, &err), LUTRA_OK);
        CHECK(!lutra_head_fast_plan(&f, &m));
        CHECK_EQ(f.low.n_rows, 0);
    }
    CHECK_EQ(lutra_pack_plan(&m, LUTRA_TYPE_F32, 4096, 64, false, &err), LUTRA_OK);
    CHECK(!lutra_head_fast_plan(&f, &m));
}

/* ---- a model ---- */

static lutra_model *open_model(const char *path, lutra_head head)
{
    lutra_model *m = NULL;
    lutra_model_options o = {.size = sizeof o, .cpu = check_cpu(), .head = head};
    CHECK_EQ(lutra_model_open(&m, path, &o, &err), LUTRA_OK);
    return m;
}

static lutra_session *open_session(const lutra_model *m, int threads)
{
    lutra_session *s = NULL;
    lutra_session_options o = {.size = sizeof o, .n_ctx = 256, .n_threads = threads};
    CHECK_EQ(lutra_session_open(&s, m, &o, &err), LUTRA_OK);
    return s;
}

struct text {
    int32_t ids[200];
    int n;
};

static int on_token(void *user, int32_t id)
{
    struct text *t = user;
    t->ids[t->n++] = id;
    return 0;
}

static void write_some(const lutra_model *m, int threads, float temp, int ignore_end,
                       struct text *t)
{
    static const int32_t start[] = {5, 77, 300, 21};
    lutra_session *s = open_session(m, threads);
    lutra_sampling how;
    lutra_sampling_default(&how);
    how.temp = temp;
    how.seed = 7;
    lutra_generate_options g = {.size = sizeof g, .n_predict = 150, .ignore_end = ignore_end,
                                .on_token = on_token, .user = t, .sampling = &how};
    t->n = 0;
    CHECK_EQ(lutra_session_feed(s, start, 4, &err), LUTRA_OK);
    CHECK_EQ(lutra_generate(s, &g, NULL, &err), LUTRA_OK);
    lutra_session_free(s);
}

/* Texts of the whole head and of the shortlist; sampled ones and logits asked for are exact. */
static void texts(const char *path)
{
    lutra_model *file = open_model(path, LUTRA_HEAD_FILE);
    lutra_model *fast = open_model(path, LUTRA_HEAD_FAST);
    static struct text a, b;
    CHECK(fast->net->fast.ready);
    for (int way = 0; way < 4; way++) {
        float temp = way & 1 ? 0.8f : 0.0f;
        write_some(file, 1, temp, way & 2, &a);
        for (int threads = 1; threads <= 3; threads++) {
            write_some(fast, threads, temp, way & 2, &b);
            CHECK_EQ(b.n, a.n);
            CHECK_MEM(b.ids, a.ids, (size_t)a.n * sizeof *a.ids, 'i');
        }
    }
    lutra_session *s = open_session(file, 1), *q = open_session(fast, 1);
    for (int i = 0; i < 3; i++) {
        CHECK_EQ(lutra_session_feed(s, a.ids, 5, &err), LUTRA_OK);
        CHECK_EQ(lutra_session_feed(q, a.ids, 5, &err), LUTRA_OK);
        CHECK_MEM(lutra_session_logits(q), lutra_session_logits(s),
                  (size_t)file->net->config.n_vocab * sizeof(float), 'f');
    }
    lutra_session_free(s);
    lutra_session_free(q);
    lutra_model_free(file);
    lutra_model_free(fast);
}

struct agreement {
    struct lutra_eval *e;
    float *quick;
    long n, same;
};

/* For on_logits: the exact logits of a row, whose normed input e->last still is. */
static void compare(void *user, int row, const float *logits)
{
    struct agreement *g = user;
    struct lutra_act a;
    const struct lutra_mat *m = &g->e->net->output;
    int n_vocab = m->n_rows, best = best_of(logits, n_vocab);
    unsigned parts = lutra_act_parts(&g->e->engine, &m, 1, 1);
    (void)row;
    lutra_act_bind(&a, g->e->engine.ops, g->e->act_mem, 1, m->n_cols, parts);
    a.x = g->e->last;
    a.x_stride = (size_t)m->n_cols;
    lutra_act_fill(&g->e->engine, &a, parts);
    g->n++;
    if (!lutra_head_fast_run(&g->e->net->fast, &g->e->head, &g->e->engine, m, &a, g->quick)) {
        g->same++;
        return;
    }
    int chosen = best_of(g->quick, n_vocab);
    if (chosen == best) CHECK(g->quick[best] == logits[best]);
    g->same += chosen == best;
}

/* At least 999 of 1000 tokens, and from a twentieth of the head. */
static void agreement(const char *path, size_t most)
{
    lutra_model *m = open_model(path, LUTRA_HEAD_FAST);
    lutra_session *s = open_session(m, 2);
    struct agreement g = {.e = s->eval};
    static char text[40 << 10];
    FILE *f = fopen("tests/data/alice.txt", "re");
    CHECK(f != NULL);
    size_t len = f ? fread(text, 1, sizeof text, f) : 0, n;
    int32_t *ids;
    if (f) fclose(f);
    g.quick = malloc((size_t)m->net->config.n_vocab * sizeof *g.quick);
    CHECK_EQ(lutra_tokenize(m, text, len, LUTRA_ADD_SPECIAL, &ids, &n, &err), LUTRA_OK);
    if (n > most) n = most;
    for (size_t at = 0; at + 256 <= n; at += 256) {
        s->eval->kv.n = 0;
        lutra_eval_tokens(s->eval, ids + at, 256, compare, &g);
    }
    struct lutra_head_work *w = &s->eval->head;
    double blocks = (m->net->output.n_rows + LUTRA_HEAD_BLOCK - 1) / LUTRA_HEAD_BLOCK;
    printf("  %ld of %ld tokens agree; %.2f %% of the rows computed, the whole head %llu times\n",
           g.same, g.n, 100 * (double)w->blocks / (double)w->runs / blocks,
           (unsigned long long)w->wholes);
    CHECK(g.n >= 2048);
    CHECK(g.same * 1000 >= g.n * 999);
    CHECK((double)w->blocks < 0.05 * blocks * (double)w->runs);
    free(g.quick);
    lutra_free(ids);
    lutra_session_free(s);
    lutra_model_free(m);
}

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        int type, cols;
    } types[] = {{"Q8_0 x 640", LUTRA_TYPE_Q8_0, 640}, {"Q6_K x 512", LUTRA_TYPE_Q6_K, 512},
                 {"Q5_1 x 576", LUTRA_TYPE_Q5_1, 576}, {"Q4_K x 512", LUTRA_TYPE_Q4_K, 512},
                 {"Q4_0 x 608", LUTRA_TYPE_Q4_0, 608}, {"F16 x 600", LUTRA_TYPE_F16, 600},
                 {"BF16 x 577", LUTRA_TYPE_BF16, 577}, {"F32 x 576", LUTRA_TYPE_F32, 576}};
    bool models = false;
    check_init(argc, argv, "test_head");
    for (int i = 1; i < argc; i++)
        if (argv[i][0] == '/') {
            models = true;
            CHECK_CASE(argv[i]) agreement(argv[i], strstr(argv[i], "gemma") ? 2048 : 8192);
        }
    if (models) return check_done();
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        CHECK_CASE(types[i].name) one_type(types[i].type, types[i].cols);
    CHECK_CASE("levels, threads, modes") levels();
    CHECK_CASE("deviations") deviations();
    CHECK_CASE("cannot tell") cannot_tell();
    CHECK_CASE("texts") texts("tests/data/tiny-verse-ternary.gguf");
    return check_done();
}
