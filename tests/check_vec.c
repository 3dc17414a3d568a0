/* SPDX-License-Identifier: MIT */
/* Vectors of floats: every level against scalar bit for bit, scalar against double precision. */
#include "kernels/lmath.h"
#include "tests/vec_levels.h"
#include "tests/vec_ref.h"

/* ---- the simple operations: one table, one loop ---- */

static void load_a(void *y, const struct input *in)
{
    memcpy(y, in->a, (size_t)in->n * sizeof *in->a);
}

static void load_b(void *y, const struct input *in)
{
    memcpy(y, in->b, (size_t)in->n * sizeof *in->b);
}

static void run_dot(const struct lutra_ops *o, void *y, const struct input *in)
{
    *(float *)y = o->dot(in->a, in->b, in->n);
}

static void run_rmsnorm(const struct lutra_ops *o, void *y, const struct input *in)
{
    o->rmsnorm(y, in->a, in->b, in->n, 1e-6f);
}

static void run_rmsnorm_plain(const struct lutra_ops *o, void *y, const struct input *in)
{
    load_a(y, in);
    o->rmsnorm(y, y, NULL, in->n, 1e-6f);
}

static void run_layernorm(const struct lutra_ops *o, void *y, const struct input *in)
{
    o->layernorm(y, in->a, in->b, in->c, in->n, 1e-6f);
}

static void run_layernorm_in_place(const struct lutra_ops *o, void *y, const struct input *in)
{
    load_a(y, in);
    o->layernorm(y, y, in->b, in->c, in->n, 1e-6f);
}

static void run_add(const struct lutra_ops *o, void *y, const struct input *in)
{
    load_a(y, in);
    o->add(y, in->b, in->n);
}

static void run_mul(const struct lutra_ops *o, void *y, const struct input *in)
{
    load_a(y, in);
    o->mul(y, in->b, in->n);
}

static void run_scale(const struct lutra_ops *o, void *y, const struct input *in)
{
    load_a(y, in);
    o->scale(y, 0.7f, in->n);
}

static void run_silu(const struct lutra_ops *o, void *y, const struct input *in)
{
    o->silu_gate(y, in->a, in->b, in->n);
}

static void run_silu_over_g(const struct lutra_ops *o, void *y, const struct input *in)
{
    load_a(y, in);
    o->silu_gate(y, y, in->b, in->n);
}

static void run_gelu(const struct lutra_ops *o, void *y, const struct input *in)
{
    o->gelu_gate(y, in->a, in->b, in->n);
}

static void run_gelu_over_u(const struct lutra_ops *o, void *y, const struct input *in)
{
    load_b(y, in);
    o->gelu_gate(y, in->a, y, in->n);
}

static void run_relu2(const struct lutra_ops *o, void *y, const struct input *in)
{
    o->relu2_gate(y, in->a, in->b, in->n);
}

static void run_relu2_over_g(const struct lutra_ops *o, void *y, const struct input *in)
{
    load_a(y, in);
    o->relu2_gate(y, y, in->b, in->n);
}

static void run_softmax(const struct lutra_ops *o, void *y, const struct input *in)
{
    load_a(y, in);
    o->softmax(y, in->n);
}

/* The tables are n/2 long; their ends are moved to the guard page. */
static void run_rope_pairs(const struct lutra_ops *o, void *y, const struct input *in)
{
    load_a(y, in);
    o->rope_pairs(y, in->b, in->c, in->n / 2 * 2);
}

static void run_rope_halves(const struct lutra_ops *o, void *y, const struct input *in)
{
    load_a(y, in);
    o->rope_halves(y, in->b, in->c, in->n / 2 * 2);
}

static void run_f16_to_f32(const struct lutra_ops *o, void *y, const struct input *in)
{
    o->f16_to_f32(y, in->h, in->n);
}

static void run_gelu_alone(const struct lutra_ops *o, void *y, const struct input *in)
{
    o->gelu(y, in->a, in->n);
}

static void run_gelu_in_place(const struct lutra_ops *o, void *y, const struct input *in)
{
    load_a(y, in);
    o->gelu(y, y, in->n);
}

static void run_f32_to_f16(const struct lutra_ops *o, void *y, const struct input *in)
{
    o->f32_to_f16(y, in->a, in->n);
}

struct vec_op {
    const char *name;
    void (*run)(const struct lutra_ops *o, void *y, const struct input *in);
    void (*ref)(double *y, double *tol, const struct input *in); /* NULL: checked elsewhere */
    int out;                                                     /* 1, or 0 for n */
    bool halves;                                                 /* of the output */
    bool tables;                                                 /* b and c hold n/2 */
};

static const struct vec_op vec_ops[] = {
    {"dot", run_dot, ref_dot, 1, false, false},
    {"rmsnorm", run_rmsnorm, ref_rmsnorm, 0, false, false},
    {"rmsnorm plain, in place", run_rmsnorm_plain, ref_rmsnorm_plain, 0, false, false},
    {"layernorm", run_layernorm, ref_layernorm, 0, false, false},
    {"layernorm in place", run_layernorm_in_place, ref_layernorm, 0, false, false},
    {"gelu", run_gelu_alone, ref_gelu_alone, 0, false, false},
    {"gelu in place", run_gelu_in_place, ref_gelu_alone, 0, false, false},
    {"add", run_add, ref_add, 0, false, false},
    {"mul", run_mul, ref_mul, 0, false, false},
    {"scale", run_scale, ref_scale, 0, false, false},
    {"silu_gate", run_silu, ref_silu, 0, false, false},
    {"silu_gate over g", run_silu_over_g, ref_silu, 0, false, false},
    {"gelu_gate", run_gelu, ref_gelu, 0, false, false},
    {"gelu_gate over u", run_gelu_over_u, ref_gelu, 0, false, false},
    {"relu2_gate", run_relu2, ref_relu2, 0, false, false},
    {"relu2_gate over g", run_relu2_over_g, ref_relu2, 0, false, false},
    {"softmax", run_softmax, ref_softmax, 0, false, false},
    {"rope_pairs", run_rope_pairs, ref_rope_pairs, 0, false, true},
    {"rope_halves", run_rope_halves, ref_rope_halves, 0, false, true},
    {"f16_to_f32", run_f16_to_f32, ref_f16_to_f32, 0, false, false},
    {"f32_to_f16", run_f32_to_f16, NULL, 0, true, false},
};
enum { N_VEC_OPS = sizeof vec_ops / sizeof *vec_ops, MAX_N = 4096 };

/* Float results of `op` at each level: the same bits as scalar, which is close to the reference. */
static void check_floats(const struct vec_op *op, const struct input *in, int fill, void *want,
                         void *got)
{
    static double ref[MAX_N], tol[MAX_N];
    int n = op->out ? op->out : in->n;
    op->run(&levels[0].ops, want, in);
    if (op->ref && fill != FILL_HOSTILE) {
        op->ref(ref, tol, in);
        check_close(want, ref, tol, n);
    }
    one_nan(want, (size_t)n);
    for (int l = 1; l < n_levels; l++) {
        op->run(&levels[l].ops, got, in);
        one_nan(got, (size_t)n);
        CHECK_MEM(got, want, (size_t)n * sizeof(float), 'f');
    }
}

static void check_halves(const struct vec_op *op, const struct input *in, void *want, void *got)
{
    op->run(&levels[0].ops, want, in);
    one_nan_half(want, (size_t)in->n);
    for (int l = 1; l < n_levels; l++) {
        op->run(&levels[l].ops, got, in);
        one_nan_half(got, (size_t)in->n);
        CHECK_MEM(got, want, (size_t)in->n * sizeof(uint16_t), 'h');
    }
}

static void check_op_size(const struct vec_op *op, int n)
{
    size_t count = (size_t)n, n_table = op->tables ? count / 2 : count;
    size_t out = op->out ? (size_t)op->out : count, each = op->halves ? 2 : 4;
    float *a = guarded(count, 4);
    float *b = guarded(n_table + !n_table, 4), *c = guarded(n_table + !n_table, 4);
    uint16_t *h = guarded(count, 2);
    void *want = guarded(out, each), *got = guarded(out, each);
    for (int fill = 0; fill < N_FILLS; fill++) {
        fill_floats(a, count, fill, 8.0f);
        fill_floats(b, n_table, fill == CHECK_FILL_MIN ? CHECK_FILL_MAX : fill, 8.0f);
        fill_floats(c, n_table, fill, 1.0f);
        fill_halves(h, count, fill, 65504.0f);
        struct input in = {a, b, c, h, n};
        if (op->halves) {
            check_halves(op, &in, want, got);
        } else {
            check_floats(op, &in, fill, want, got);
        }
    }
    void *all[] = {a, b, c, h, want, got};
    for (int i = 0; i < 6; i++) check_guard_free(all[i]);
}

static void check_simple(void)
{
    for (int k = 0; k < N_VEC_OPS; k++) {
        CHECK_CASE(vec_ops[k].name)
        {
            for (int i = 0; size_at(i); i++) check_op_size(&vec_ops[k], size_at(i));
        }
    }
}

/* ---- half precision, all of it ---- */

static void check_all_halves(void)
{
    static uint16_t h[65536];
    static float want[65536], got[65536];
    for (int i = 0; i < 65536; i++) h[i] = (uint16_t)i;
    levels[0].ops.f16_to_f32(want, h, 65536);
    for (int i = 0; i < 65536; i++) {
        bool special = (i & 0x7c00) == 0x7c00;
        double v = special ? (i & 0x8000 ? -INFINITY : INFINITY) : half_value((uint16_t)i);
        if (special && (i & 1023)) {
            CHECK(isnan(want[i]));
        } else if (want[i] != v || !signbit(want[i]) != !(i & 0x8000)) {
            CHECK_NEAR(want[i], v, 0);
        }
    }
    one_nan(want, 65536);
    for (int l = 1; l < n_levels; l++) {
        levels[l].ops.f16_to_f32(got, h, 65536);
        one_nan(got, 65536);
        CHECK_MEM(got, want, sizeof got, 'f');
    }
}

/* Between each finite half and the next: a little below the middle, the middle, a little above. */
static void check_rounding(const struct lutra_ops *o)
{
    for (int i = 0; i < 0x7c00; i++) {
        double lo = half_value((uint16_t)i);
        double hi = i == 0x7bff ? 65536.0 : half_value((uint16_t)(i + 1));
        float mid = (float)((lo + hi) / 2);
        float src[6] = {nextafterf(mid, -1.0f), mid, nextafterf(mid, 1e9f)};
        for (int k = 0; k < 3; k++) src[3 + k] = -src[k];
        uint16_t got[6], want[3] = {(uint16_t)i, (uint16_t)(i + (i & 1)), (uint16_t)(i + 1)};
        o->f32_to_f16(got, src, 6);
        for (int k = 0; k < 6; k++) {
            int w = want[k % 3] | (k < 3 ? 0 : 0x8000);
            if (got[k] != w) CHECK_EQ(got[k], w);
        }
    }
}

/* ---- e^x and tanh are those of lmath.h ---- */

static void check_exp(const struct lutra_ops *o)
{
    enum { N = 1003 };
    static float x[N], u[N], silu[N], gelu[N], want_silu[N], want_gelu[N];
    for (int i = 0; i < N; i++) {
        x[i] = i < 200 ? hostile() : check_rand_float(-95.0f, 95.0f);
        u[i] = 1.0f;
        want_silu[i] = x[i] / (1.0f + lutra_expf(0.0f - x[i]));
        float cube = 0.044715f * x[i] * x[i] * x[i];
        want_gelu[i] = 0.5f * x[i] * (1.0f + lutra_tanhf(0.7978845608f * (x[i] + cube)));
    }
    o->silu_gate(silu, x, u, N);
    o->gelu_gate(gelu, x, u, N);
    float *all[] = {silu, gelu, want_silu, want_gelu};
    for (int i = 0; i < 4; i++) one_nan(all[i], N);
    CHECK_MEM(silu, want_silu, sizeof silu, 'f');
    CHECK_MEM(gelu, want_gelu, sizeof gelu, 'f');
}

/* Where e^x becomes 0, ulp by ulp: below -20 the sum of (0, x) is 1 in float, so softmax is e^x. */
static void check_exp_edge(const struct lutra_ops *o)
{
    float x = LUTRA_EXPF_LO - 1e-4f;
    for (int i = 0; i < 40; i++, x = nextafterf(x, 0.0f)) {
        float y[2] = {0.0f, x}, want[2] = {1.0f, lutra_expf(x)};
        o->softmax(y, 2);
        CHECK_MEM(y, want, sizeof y, 'f');
    }
}

/* ---- corner cases ---- */

static void check_softmax_corners(void)
{
    for (int l = 0; l < n_levels; l++) {
        const struct lutra_ops *o = &levels[l].ops;
        float none[3] = {-INFINITY, -INFINITY, -INFINITY}, nan[2] = {NAN, 1.0f};
        float far[3] = {-3e38f, 0.0f, 3e38f}, one[1] = {-500.0f};
        o->softmax(none, 3);
        CHECK(none[0] == 0.0f && none[1] == 0.0f && none[2] == 0.0f);
        o->softmax(nan, 2);
        CHECK(nan[0] == 0.0f && nan[1] == 1.0f);
        o->softmax(far, 3);
        CHECK(far[0] == 0.0f && far[1] == 0.0f && far[2] == 1.0f);
        o->softmax(one, 1);
        CHECK(one[0] == 1.0f);
        o->softmax(NULL, 0);
    }
}

static void check_empty(void)
{
    for (int l = 0; l < n_levels; l++) {
        const struct lutra_ops *o = &levels[l].ops;
        float x[2] = {3.0f, 4.0f};
        CHECK(o->dot(x, x, 0) == 0.0f);
        o->add(x, x, 0);
        o->rope_pairs(x, NULL, NULL, 0);
        o->rope_halves(x, NULL, NULL, 0);
        CHECK(x[0] == 3.0f && x[1] == 4.0f);
    }
}

static void check_rope_table(void)
{
    double freq[32];
    float cs[32], sn[32];
    for (int i = 0; i < 32; i++) freq[i] = pow(10000.0, -i / 32.0);
    for (int pos = 0; pos < 100000; pos += 997) {
        lutra_rope_table(cs, sn, freq, 32, pos);
        for (int i = 0; i < 32; i++) {
            CHECK_NEAR(cs[i], cos(pos * freq[i]), 6e-8 + 1e-13);
            CHECK_NEAR(sn[i], sin(pos * freq[i]), 6e-8 + 1e-13);
        }
    }
}

/* ---- golden: one number for all of it, the same on every machine ---- */

#define GOLDEN UINT64_C(0x01dbfeffd3b87811)

static uint64_t golden_state;

static float golden_float(void) /* in (-4, 4); its own generator, so that --seed does not matter */
{
    golden_state = golden_state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (float)(int32_t)(golden_state >> 32) / 536870912.0f;
}

static uint64_t hash_bytes(uint64_t h, const void *data, size_t n) /* FNV-1a; little endian */
{
    const uint8_t *p = data;
    for (size_t i = 0; i < n; i++) h = (h ^ p[i]) * UINT64_C(1099511628211);
    return h;
}

static uint64_t golden_attend(uint64_t h, const struct lutra_ops *o, const float *a)
{
    static uint16_t kv[64 * 80];
    float out[80], scores[50];
    for (int i = 0; i < 64 * 80; i++) kv[i] = lutra_f32_to_f16(golden_float());
    struct lutra_span span = {.k = kv, .v = kv, .stride = 80, .first = 9, .n = 50};
    o->attend(out, a, &span, 80, 80, 0.11f, scores);
    return hash_bytes(h, out, sizeof out);
}

static uint64_t golden_mul(uint64_t h, const struct lutra_ops *o, const float *a)
{
    static const enum lutra_mat_kind kinds[] = {LUTRA_MAT_F32, LUTRA_MAT_F16, LUTRA_MAT_BF16};
    static float whole[5 * 77];
    static uint16_t half[5 * 77];
    float out[3 * 5];
    for (int k = 0; k < 3; k++) {
        for (int i = 0; i < 5 * 77; i++) {
            float w = golden_float();
            whole[i] = w;
            half[i] = k == 1 ? lutra_f32_to_f16(w) : lutra_f32_to_bf16(w);
        }
        struct lutra_mat m = {.kind = kinds[k],
                              .n_rows = 5,
                              .n_cols = 77,
                              .tile_rows = 1,
                              .tile_bytes = k ? 2 * 77 : 4 * 77};
        m.data = k ? (uint8_t *)half : (uint8_t *)whole;
        struct lutra_act x = {.n = 3, .k = 77, .x = a, .x_stride = 100};
        o->float_mul(out, 5, &m, &x, 0, 3, 0, 5);
        h = hash_bytes(h, out, sizeof out);
    }
    return h;
}

static uint64_t golden(const struct lutra_ops *o)
{
    enum { N = 777 };
    static float a[N], b[N], c[N], out[N];
    static uint16_t half[N];
    int16_t codes[N / 16 * 16 + 16];
    int32_t sums[N / 16 + 1];
    golden_state = 2;
    for (int i = 0; i < N; i++) {
        a[i] = golden_float();
        b[i] = golden_float();
        c[i] = golden_float();
        half[i] = lutra_f32_to_f16(golden_float());
    }
    struct input in = {a, b, c, half, N};
    uint64_t h = UINT64_C(14695981039346656037);
    for (int k = 0; k < N_VEC_OPS; k++) {
        memset(out, 0, sizeof out);
        vec_ops[k].run(o, out, &in);
        h = hash_bytes(h, out, sizeof out);
    }
    out[0] = o->quantize(codes, sums, a, N, N / 16 * 16 + 16, 8128);
    h = hash_bytes(hash_bytes(h, codes, sizeof codes), sums, sizeof sums);
    h = golden_attend(hash_bytes(h, out, sizeof *out), o, a);
    h = golden_mul(h, o, a);
    double freq[3] = {1.0, 0.1, 0.001};
    for (int pos = 1; pos < 5000; pos += 61) {
        lutra_rope_table(out, out + 3, freq, 3, pos);
        h = hash_bytes(h, out, 6 * sizeof *out);
    }
    return h;
}

static void check_golden(void)
{
    for (int l = 0; l < n_levels; l++) {
        uint64_t h = golden(&levels[l].ops);
        if (h != GOLDEN) printf("golden of %s: 0x%016llx\n", levels[l].name, (unsigned long long)h);
        CHECK(h == GOLDEN);
    }
}

/* ---- bench ---- */

struct bench_op {
    const struct vec_op *op;
    struct input in;
    float *out;
};

static void bench_op(void *arg)
{
    const struct bench *b = arg;
    const struct bench_op *x = b->arg;
    x->op->run(b->ops, x->out, &x->in);
}

static void bench_all(void)
{
    static float a[2048], b[2048], c[2048], out[2048];
    static uint16_t half[2048];
    fill_floats(a, 2048, CHECK_FILL_RANDOM, 8.0f);
    fill_floats(b, 2048, CHECK_FILL_RANDOM, 1.0f);
    fill_floats(c, 2048, CHECK_FILL_RANDOM, 1.0f);
    fill_halves(half, 2048, CHECK_FILL_RANDOM, 8.0f);
    struct bench_op x = {NULL, {a, b, c, half, 2048}, out};
    for (int k = 0; k < N_VEC_OPS; k++) {
        x.op = &vec_ops[k];
        time_levels(vec_ops[k].name, bench_op, &x);
    }
}

int main(int argc, char **argv)
{
    check_init(argc, argv, "check_vec");
    open_levels();
    check_simple();
    CHECK_CASE("f16_to_f32, all halves") check_all_halves();
    CHECK_CASE("f32_to_f16, rounding")
    {
        for (int l = 0; l < n_levels; l++) check_rounding(&levels[l].ops);
    }
    CHECK_CASE("exp and tanh of lmath.h")
    {
        for (int i = 0; i < 40 * n_levels; i++) check_exp(&levels[i % n_levels].ops);
        for (int l = 0; l < n_levels; l++) check_exp_edge(&levels[l].ops);
    }
    CHECK_CASE("softmax, corners") check_softmax_corners();
    CHECK_CASE("nothing to do") check_empty();
    CHECK_CASE("rope table") check_rope_table();
    CHECK_CASE("golden") check_golden();
    if (check_bench()) bench_all();
    return check_done();
}
