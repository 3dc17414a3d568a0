/* SPDX-License-Identifier: MIT */
/* Attention and products with float matrices: every level against scalar, scalar against double. */
#include "tests/vec_levels.h"
#include "tests/vec_ref.h"

/* ---- float_mul ---- */

struct product {
    struct lutra_mat m;
    struct lutra_act a;
    float *want, *got, *x;
    size_t y_stride, n_y;
};

static size_t float_bytes(enum lutra_mat_kind kind)
{
    return kind == LUTRA_MAT_F32 ? 4 : 2;
}

static void open_product(struct product *p, enum lutra_mat_kind kind, int rows, int cols, int vecs)
{
    memset(p, 0, sizeof *p);
    size_t each = float_bytes(kind), stride = (size_t)cols + 3;
    p->m = (struct lutra_mat){.kind = kind,
                              .n_rows = rows,
                              .n_cols = cols,
                              .tile_rows = 1,
                              .tile_bytes = (size_t)cols * each};
    p->m.data = guarded((size_t)rows * (size_t)cols, each);
    p->x = guarded(stride * (size_t)(vecs - 1) + (size_t)cols, 4);
    p->a = (struct lutra_act){.n = vecs, .k = cols, .x = p->x, .x_stride = stride};
    p->y_stride = (size_t)rows + 2;
    p->n_y = p->y_stride * (size_t)(vecs - 1) + (size_t)rows;
    p->want = guarded(p->n_y, 4);
    p->got = guarded(p->n_y, 4);
}

static void close_product(struct product *p)
{
    check_guard_free(p->m.data);
    check_guard_free(p->x);
    check_guard_free(p->want);
    check_guard_free(p->got);
}

static double weight_at(const struct lutra_mat *m, int row, int col)
{
    size_t i = (size_t)row * (size_t)m->n_cols + (size_t)col;
    if (m->kind == LUTRA_MAT_F32) return ((const float *)(const void *)m->data)[i];
    uint16_t h = ((const uint16_t *)(const void *)m->data)[i];
    return m->kind == LUTRA_MAT_F16 ? lutra_f16_to_f32(h) : lutra_bf16_to_f32(h);
}

static void fill_product(struct product *p, int fill)
{
    size_t n = (size_t)p->m.n_rows * (size_t)p->m.n_cols;
    for (size_t i = 0; i < n; i++) {
        float w = value(fill, (int)(i & 1), 2.0f);
        uint16_t *half = (uint16_t *)(void *)p->m.data + i;
        if (p->m.kind == LUTRA_MAT_F32) ((float *)(void *)p->m.data)[i] = w;
        if (p->m.kind == LUTRA_MAT_F16) *half = lutra_f32_to_f16(w);
        if (p->m.kind == LUTRA_MAT_BF16) *half = lutra_f32_to_bf16(w);
    }
    fill_floats(p->x, p->a.x_stride * (size_t)(p->a.n - 1) + (size_t)p->a.k, fill, 2.0f);
    memset(p->want, 0, p->n_y * 4);
    memset(p->got, 0, p->n_y * 4);
}

static void check_product_ref(const struct product *p)
{
    int n = p->m.n_cols;
    for (int v = 0; v < p->a.n; v++) {
        for (int r = 0; r < p->m.n_rows; r++) {
            double sum = 0, mag = 0;
            for (int i = 0; i < n; i++) {
                double t = weight_at(&p->m, r, i) * p->x[(size_t)v * p->a.x_stride + (size_t)i];
                sum += t;
                mag += fabs(t);
            }
            float y = p->want[(size_t)v * p->y_stride + (size_t)r];
            CHECK_NEAR(y, sum, mag * sum_error(n) + n * TINY);
        }
    }
}

/* All at once, or rows and vectors in two uneven parts: nothing may show. */
static void check_product_levels(struct product *p)
{
    int vecs = p->a.n, rows = p->m.n_rows, v = vecs / 2, r = rows / 3;
    one_nan(p->want, p->n_y);
    for (int l = 0; l < n_levels; l++) {
        const struct lutra_ops *o = &levels[l].ops;
        o->float_mul(p->got, p->y_stride, &p->m, &p->a, 0, vecs, 0, rows);
        one_nan(p->got, p->n_y);
        CHECK_MEM(p->got, p->want, p->n_y * 4, 'f');
        memset(p->got, 0, p->n_y * 4);
        o->float_mul(p->got, p->y_stride, &p->m, &p->a, 0, v, 0, rows);
        o->float_mul(p->got, p->y_stride, &p->m, &p->a, v, vecs, 0, r);
        o->float_mul(p->got, p->y_stride, &p->m, &p->a, v, vecs, r, rows);
        one_nan(p->got, p->n_y);
        CHECK_MEM(p->got, p->want, p->n_y * 4, 'f');
    }
}

static void check_product(enum lutra_mat_kind kind, int rows, int cols, int vecs)
{
    struct product p;
    open_product(&p, kind, rows, cols, vecs);
    for (int fill = 0; fill < N_FILLS; fill++) {
        fill_product(&p, fill);
        levels[0].ops.float_mul(p.want, p.y_stride, &p.m, &p.a, 0, vecs, 0, rows);
        if (fill != FILL_HOSTILE) check_product_ref(&p);
        check_product_levels(&p);
    }
    close_product(&p);
}

static void check_products(enum lutra_mat_kind kind)
{
    static const int cols[] = {1, 5, 15, 16, 17, 31, 32, 48, 63, 576};
    static const int rows[] = {1, 3, 4, 7, 9}, vecs[] = {1, 2, 3, 5};
    for (int i = 0; i < 10; i++) {
        for (int j = 0; j < 5; j++) {
            for (int k = 0; k < 4; k++) check_product(kind, rows[j], cols[i], vecs[k]);
        }
    }
}

/* ---- attend ---- */

enum { MAX_POSITIONS = 1000 };

struct head {
    struct lutra_span kv;
    int dk, dv;
    float *q, *scores, *want, *got;
    void *k, *v;
};

static void open_head(struct head *h, int n, int dk, int dv, bool f32)
{
    size_t each = f32 ? 4 : 2, stride = (size_t)(dk > dv ? dk : dv) * 2 + 1;
    int first = n % 3;
    size_t before = (size_t)(first + n - 1) * stride;
    h->dk = dk;
    h->dv = dv;
    h->q = guarded((size_t)dk, 4);
    h->scores = guarded((size_t)n, 4);
    h->want = guarded((size_t)dv, 4);
    h->got = guarded((size_t)dv, 4);
    h->k = guarded(before + (size_t)dk, each);
    h->v = guarded(before + (size_t)dv, each);
    h->kv = (struct lutra_span){.k = h->k, .v = h->v, .stride = stride, .first = first,
                                 .n = n, .f32 = f32};
}

static void close_head(struct head *h)
{
    void *all[] = {h->q, h->scores, h->want, h->got, h->k, h->v};
    for (int i = 0; i < 6; i++) check_guard_free(all[i]);
}

static void fill_head(struct head *h, int fill)
{
    size_t before = (size_t)(h->kv.first + h->kv.n - 1) * h->kv.stride;
    size_t n_k = before + (size_t)h->dk, n_v = before + (size_t)h->dv;
    fill_floats(h->q, (size_t)h->dk, fill, 2.0f);
    if (h->kv.f32) {
        fill_floats(h->k, n_k, fill, 2.0f);
        fill_floats(h->v, n_v, fill, 2.0f);
    } else {
        fill_halves(h->k, n_k, fill, 2.0f);
        fill_halves(h->v, n_v, fill, 2.0f);
    }
}

static double kv_at(const struct head *h, const void *base, int p, int d)
{
    size_t i = (size_t)(h->kv.first + p) * h->kv.stride + (size_t)d;
    return h->kv.f32 ? ((const float *)base)[i] : lutra_f16_to_f32(((const uint16_t *)base)[i]);
}

static void check_head_ref(const struct head *h, float scale)
{
    static double x[MAX_POSITIONS + 1], x_tol[MAX_POSITIONS + 1], prob[MAX_POSITIONS + 1],
        prob_tol[MAX_POSITIONS + 1];
    int n = h->kv.n;
    double cap = h->kv.cap;
    for (int p = 0; p < n; p++) {
        double sum = 0, mag = 0;
        for (int d = 0; d < h->dk; d++) {
            sum += h->q[d] * kv_at(h, h->k, p, d);
            mag += fabs(h->q[d] * kv_at(h, h->k, p, d));
        }
        x[p] = sum * scale;
        x_tol[p] = mag * scale * (sum_error(h->dk) + U);
        if (cap > 0) x[p] = cap * tanh(x[p] / cap);
        if (cap > 0) x_tol[p] += cap * 4e-7;
    }
    x[n] = h->kv.sink; /* takes its share and gives nothing */
    x_tol[n] = 0;
    softmax_ref(prob, prob_tol, x, x_tol, h->kv.has_sink ? n + 1 : n);
    for (int d = 0; d < h->dv; d++) {
        double sum = 0, tol = TINY;
        for (int p = 0; p < n; p++) {
            double v = kv_at(h, h->v, p, d);
            sum += prob[p] * v;
            tol += prob_tol[p] * fabs(v) + (n + 1) * U * prob[p] * fabs(v);
        }
        CHECK_NEAR(h->want[d], sum, tol);
    }
}

static void check_head(int n, int dk, int dv, bool f32)
{
    struct head h;
    float scale = 1.0f / sqrtf((float)dk);
    open_head(&h, n, dk, dv, f32);
    for (int fill = 0; fill < N_FILLS * 4; fill++) {
        h.kv.cap = fill / N_FILLS & 1 ? 1.5f : 0.0f;
        h.kv.has_sink = fill / N_FILLS & 2;
        h.kv.sink = h.kv.has_sink ? 0.7f : 0.0f;
        fill_head(&h, fill % N_FILLS);
        levels[0].ops.attend(h.want, h.q, &h.kv, dk, dv, scale, h.scores);
        if (fill % N_FILLS < FILL_WIDE) check_head_ref(&h, scale); /* wide scores leave no useful bound */
        one_nan(h.want, (size_t)dv);
        for (int l = 1; l < n_levels; l++) {
            levels[l].ops.attend(h.got, h.q, &h.kv, dk, dv, scale, h.scores);
            one_nan(h.got, (size_t)dv);
            CHECK_MEM(h.got, h.want, (size_t)dv * 4, 'f');
        }
    }
    close_head(&h);
}

static void check_heads(bool f32)
{
    static const int ns[] = {1, 2, 3, 4, 5, 7, 8, 16, 17, 33, 100};
    static const int dims[] = {1, 7, 16, 24, 64, 80, 100, 128, 256};
    for (int i = 0; i < 11; i++) {
        for (int j = 0; j < 9; j++) {
            check_head(ns[i], dims[j], dims[j], f32);
            check_head(ns[i], dims[j], dims[8 - j], f32);
        }
    }
    check_head(1000, 64, 64, f32);
}

/* ---- attend_many ---- */

/* n heads over one head of keys: all alike (lag 0), each beginning later (as windows do), or each
 * ending later (as rows of a prompt do). */
static void many_spans(struct lutra_heads *m, const struct head *h, int n, int lag)
{
    m->n = n;
    for (int i = 0; i < n; i++) {
        struct lutra_span *kv = &m->kv[i];
        *kv = h->kv;
        const int off = lag < 0 ? -lag * (n - 1 - i) : lag * i; /* lag < 0: later heads see more */
        kv->n = h->kv.n > off ? h->kv.n - off : 1;
        if (lag > 0) kv->first += h->kv.n - kv->n;
        kv->has_sink = i % 2;
        kv->sink = 0.3f * (float)i;
    }
}

static void check_many(int n, int positions, int dim, bool f32, int lag)
{
    struct head h;
    struct lutra_heads m;
    const size_t size = (size_t)dim, stride = (size_t)positions + 3;
    float scale = 1.0f / sqrtf((float)dim);
    open_head(&h, positions, dim, dim, f32);
    many_spans(&m, &h, n, lag);
    float *q = guarded(size * (size_t)n, 4), *got = guarded(size * (size_t)n, 4);
    float *want = guarded(size * (size_t)n, 4);
    float *scores = guarded(stride * (LUTRA_HEADS - 1) + (size_t)positions, 4);
    for (int i = 0; i < n; i++) m.q[i] = q + (size_t)i * size, m.out[i] = got + (size_t)i * size;
    for (int fill = 0; fill < N_FILLS * 2; fill++) {
        fill_head(&h, fill % N_FILLS);
        fill_floats(q, size * (size_t)n, fill % N_FILLS, 2.0f);
        for (int i = 0; i < n; i++) {
            m.kv[i].cap = fill < N_FILLS ? 0.0f : 1.5f;
            levels[0].ops.attend(want + (size_t)i * size, m.q[i], &m.kv[i], dim, dim, scale, h.scores);
        }
        one_nan(want, size * (size_t)n);
        for (int l = 0; l < n_levels; l++) {
            memset(got, 0x55, size * (size_t)n * 4);
            levels[l].ops.attend_many(&m, dim, dim, scale, scores, stride);
            one_nan(got, size * (size_t)n);
            CHECK_MEM(got, want, size * (size_t)n * 4, 'f');
        }
    }
    void *all[] = {q, got, want, scores};
    for (int i = 0; i < 4; i++) check_guard_free(all[i]);
    close_head(&h);
}

static void check_manys(bool f32)
{
    static const int ns[] = {1, 2, 3, 4, 5, 7, 8, 17, 33, 100}, dims[] = {7, 16, 24, 64, 80, 128, 256};
    static const int lags[] = {0, 1, -1, 3, -20, 40};
    for (int i = 0; i < 10; i++)
        for (int j = 0; j < 7; j++)
            for (int k = 0; k < 3; k++)
                check_many(1 + (i + j + 3 * k) % LUTRA_HEADS, ns[i], dims[j], f32, lags[(i + j + 2 * k) % 6]);
    for (int k = 0; k < 6; k++) check_many(LUTRA_HEADS, 70, 128, f32, lags[k]);
    for (int k = 0; k < 6; k++) check_many(LUTRA_HEADS, 401, 256, f32, lags[k]); /* over V_ALONE of every level */
}

static void check_no_positions(void)
{
    for (int l = 0; l < n_levels; l++) {
        float out[20], q[20] = {0};
        struct lutra_span kv = {.k = q, .v = q, .stride = 20, .f32 = true};
        memset(out, 0x55, sizeof out);
        levels[l].ops.attend(out, q, &kv, 20, 20, 1.0f, NULL);
        for (int i = 0; i < 20; i++) CHECK(out[i] == 0.0f);
    }
}

/* ---- bench ---- */

static void bench_product(void *arg)
{
    const struct bench *b = arg;
    const struct product *p = b->arg;
    b->ops->float_mul(p->got, p->y_stride, &p->m, &p->a, 0, p->a.n, 0, p->m.n_rows);
}

static void bench_attend(void *arg)
{
    const struct bench *b = arg;
    const struct head *h = b->arg;
    b->ops->attend(h->got, h->q, &h->kv, h->dk, h->dv, 0.1f, h->scores);
}

static void bench_many(void *arg)
{
    const struct bench *b = arg;
    const struct head *h = b->arg;
    static float out[LUTRA_HEADS][256], scores[LUTRA_HEADS * MAX_POSITIONS];
    struct lutra_heads m = {.n = LUTRA_HEADS};
    for (int i = 0; i < LUTRA_HEADS; i++) m.out[i] = out[i], m.q[i] = h->q, m.kv[i] = h->kv;
    b->ops->attend_many(&m, h->dk, h->dv, 0.1f, scores, MAX_POSITIONS);
}

static void time_many(int dim, bool f32, const char *name)
{
    struct head h;
    open_head(&h, 512, dim, dim, f32);
    fill_head(&h, CHECK_FILL_RANDOM);
    time_levels(name, bench_many, &h);
    close_head(&h);
}

static void time_product(enum lutra_mat_kind kind, int vecs, const char *name)
{
    struct product p;
    open_product(&p, kind, 64, 2048, vecs);
    fill_product(&p, CHECK_FILL_RANDOM);
    time_levels(name, bench_product, &p);
    close_product(&p);
}

static void time_attend(int dim, bool f32, const char *name)
{
    struct head h;
    open_head(&h, 512, dim, dim, f32);
    fill_head(&h, CHECK_FILL_RANDOM);
    time_levels(name, bench_attend, &h);
    close_head(&h);
}

static void bench_all(void)
{
    time_product(LUTRA_MAT_F32, 1, "float_mul 64x2048 f32");
    time_product(LUTRA_MAT_F16, 1, "float_mul 64x2048 f16");
    time_product(LUTRA_MAT_BF16, 1, "float_mul 64x2048 bf16");
    time_product(LUTRA_MAT_F16, 8, "float_mul 64x2048 f16, 8 vectors");
    time_attend(64, false, "attend 512 x 64, f16");
    time_attend(128, false, "attend 512 x 128, f16");
    time_attend(64, true, "attend 512 x 64, f32");
    time_many(64, false, "4 heads, 512 x 64, f16");
    time_many(128, false, "4 heads, 512 x 128, f16");
    time_many(64, true, "4 heads, 512 x 64, f32");
}

int main(int argc, char **argv)
{
    check_init(argc, argv, "check_attn");
    open_levels();
    CHECK_CASE("float_mul f32") check_products(LUTRA_MAT_F32);
    CHECK_CASE("float_mul f16") check_products(LUTRA_MAT_F16);
    CHECK_CASE("float_mul bf16") check_products(LUTRA_MAT_BF16);
    CHECK_CASE("attend f16") check_heads(false);
    CHECK_CASE("attend f32") check_heads(true);
    CHECK_CASE("attend_many f16") check_manys(false);
    CHECK_CASE("attend_many f32") check_manys(true);
    CHECK_CASE("attend, no positions") check_no_positions();
    if (check_bench()) bench_all();
    return check_done();
}
