/* SPDX-License-Identifier: MIT */
/* The activation quantizer: every level against its contract in ops.h, written out naively. */
#include <stdlib.h>

#include "tests/vec_levels.h"

struct codes {
    int16_t *c;
    int32_t *sums;
};

/* Sum of magnitudes: column i in lane i % 16, then halves of the lanes are added. */
static float ref_sum(const float *x, int n)
{
    float lane[16] = {0};
    for (int i = 0; i < n; i++) lane[i % 16] += fabsf(x[i]);
    for (int half = 8; half > 0; half /= 2)
        for (int i = 0; i < half; i++) lane[i] += lane[i + half];
    return lane[0];
}

static void ref_quantize(struct codes out, float *scale, const float *x, int n, int n_pad,
                         int code_max)
{
    float max = 0.0f;
    for (int i = 0; i < n; i++) max = fabsf(x[i]) > max ? fabsf(x[i]) : max;
    float s = max / (float)code_max;
    if (n >= LUTRA_NEAR_COLS && code_max > LUTRA_CODE_MAX_INT8 && s > 0.0f) {
        float near = LUTRA_NEAR * (ref_sum(x, n) / (float)n);
        s = fmaxf(s, fminf(near, max) / 127.0f);
    }
    float inv = 1.0f / s;
    if (s < 1e-37f) s = inv = 0.0f;
    memset(out.sums, 0, (size_t)n_pad / 16 * sizeof *out.sums);
    for (int i = 0; i < n_pad; i++) {
        float t = i < n ? rintf(x[i] * inv) : 0.0f;
        t = t > (float)code_max ? (float)code_max : t < -(float)code_max ? -(float)code_max : t;
        out.c[i] = (int16_t)t;
        out.sums[i / 16] += out.c[i];
    }
    *scale = s;
}

/* What holds for any input: codes in range, zero after n, sums true. */
static void check_codes(struct codes q, int n, int n_pad, int code_max)
{
    bool in_range = true, zero = true, sums = true;
    for (int g = 0; g < n_pad / 16; g++) {
        int sum = 0;
        for (int i = 16 * g; i < 16 * g + 16; i++) {
            in_range = in_range && abs(q.c[i]) <= code_max;
            zero = zero && (i < n || q.c[i] == 0);
            sum += q.c[i];
        }
        sums = sums && sum == q.sums[g];
    }
    CHECK(in_range);
    CHECK(zero);
    CHECK(sums);
}

static void compare_codes(struct codes got, struct codes want, int n_pad)
{
    CHECK_MEM(got.c, want.c, (size_t)n_pad * sizeof *got.c, 'h');
    CHECK_MEM(got.sums, want.sums, (size_t)n_pad / 16 * sizeof *got.sums, 'i');
}

static void check_quantize_levels(const float *x, int n, int n_pad, int code_max, struct codes want,
                                  struct codes got, int fill)
{
    float s0, s;
    if (fill != FILL_HOSTILE) {
        ref_quantize(want, &s0, x, n, n_pad, code_max);
    } else {
        s0 = levels[0].ops.quantize(want.c, want.sums, x, n, n_pad, code_max);
        check_codes(want, n, n_pad, code_max);
    }
    one_nan(&s0, 1);
    for (int l = 0; l < n_levels; l++) {
        memset(got.c, 0x55, (size_t)n_pad * sizeof *got.c);
        memset(got.sums, 0x55, (size_t)n_pad / 16 * sizeof *got.sums);
        s = levels[l].ops.quantize(got.c, got.sums, x, n, n_pad, code_max);
        one_nan(&s, 1);
        CHECK_MEM(&s, &s0, sizeof s, 'f');
        compare_codes(got, want, n_pad);
    }
}

static void check_quantize_size(int n)
{
    static const float ranges[] = {3.0f, 1e-36f, 1e-33f, 1.6e38f, 127.0f, 8128.0f};
    int n_pad = (n + 95) / 96 * 96;
    float *x = guarded((size_t)n, 4);
    struct codes a = {guarded((size_t)n_pad, 2), guarded((size_t)n_pad / 16, 4)};
    struct codes b = {guarded((size_t)n_pad, 2), guarded((size_t)n_pad / 16, 4)};
    for (int fill = 0; fill < N_FILLS; fill++) {
        for (int r = 0; r < 6; r++) {
            fill_floats(x, (size_t)n, fill, ranges[r]);
            check_quantize_levels(x, n, n_pad, r % 2 ? LUTRA_CODE_MAX_INT8 : LUTRA_CODE_MAX, a, b,
                                  fill);
        }
    }
    void *all[] = {x, a.c, a.sums, b.c, b.sums};
    for (int i = 0; i < 5; i++) check_guard_free(all[i]);
}

/* Two columns stand out: they keep their value, the others have a byte's codes. */
static void check_quantize_outliers(void)
{
    static float x[LUTRA_NEAR_COLS];
    static int16_t c[LUTRA_NEAR_COLS];
    static int32_t sums[LUTRA_NEAR_COLS / 16];
    const int n = LUTRA_NEAR_COLS;
    for (int i = 0; i < n; i++) x[i] = i & 1 ? -1.0f : 0.5f;
    x[5] = 40.0f;
    x[300] = -20.0f;
    for (int l = 0; l < n_levels; l++) {
        float s = levels[l].ops.quantize(c, sums, x, n, n, LUTRA_CODE_MAX);
        CHECK(s > 1.0f / 127 && s < 8.0f / 127);
        CHECK(fabsf((float)c[5] * s - 40.0f) <= s / 2);
        CHECK(fabsf((float)c[300] * s + 20.0f) <= s / 2);
        for (int i = 0; i < n; i++) CHECK(i == 5 || i == 300 || abs(c[i]) <= 127);
        s = levels[l].ops.quantize(c, sums, x, n - 96, n, LUTRA_CODE_MAX);
        CHECK(s == 40.0f / LUTRA_CODE_MAX);
    }
}

/* x = k + 1/2 under scale 1: ties go to even codes */
static void check_quantize_ties(void)
{
    float x[64];
    int16_t c[64];
    int32_t sums[4];
    for (int i = 0; i < 63; i++) x[i] = (float)i - 31.5f;
    x[63] = 127.0f;
    for (int l = 0; l < n_levels; l++) {
        CHECK(levels[l].ops.quantize(c, sums, x, 64, 64, 127) == 1.0f);
        for (int i = 0; i < 63; i++) CHECK(c[i] % 2 == 0 && fabsf(x[i] - c[i]) == 0.5f);
    }
}

/* One NaN makes the scale NaN, one infinity makes it infinite; the offender becomes -code_max. */
static void check_quantize_broken(void)
{
    float x[20];
    int16_t c[32];
    int32_t sums[2];
    for (int l = 0; l < n_levels; l++) {
        for (int k = 0; k < 2; k++) {
            for (int i = 0; i < 20; i++) x[i] = 1.0f;
            x[17] = k ? INFINITY : NAN;
            float s = levels[l].ops.quantize(c, sums, x, 20, 32, 127);
            CHECK(k ? isinf(s) : isnan(s));
            for (int i = 0; i < 32; i++) CHECK_EQ(c[i], i == 17 ? -127 : 0);
        }
    }
}

static void check_quantize_empty(void)
{
    int16_t c[16];
    int32_t sums[1];
    for (int l = 0; l < n_levels; l++) {
        const struct lutra_ops *o = &levels[l].ops;
        CHECK(o->quantize(NULL, NULL, NULL, 0, 0, 127) == 0.0f);
        memset(c, 0x55, sizeof c);
        CHECK(o->quantize(c, sums, NULL, 0, 16, 127) == 0.0f);
        CHECK(c[0] == 0 && c[15] == 0 && sums[0] == 0);
    }
}

static void bench_quantize(void *arg)
{
    const struct bench *b = arg;
    static int16_t codes[2112];
    static int32_t sums[132];
    b->ops->quantize(codes, sums, b->arg, 2048, 2112, LUTRA_CODE_MAX);
}

static void bench_all(void)
{
    static float x[2048];
    fill_floats(x, 2048, CHECK_FILL_RANDOM, 8.0f);
    time_levels("quantize 2048", bench_quantize, x);
}

int main(int argc, char **argv)
{
    check_init(argc, argv, "check_quantize");
    open_levels();
    CHECK_CASE("quantize")
    {
        for (int i = 0; size_at(i); i++) check_quantize_size(size_at(i));
    }
    CHECK_CASE("ties") check_quantize_ties();
    CHECK_CASE("outliers") check_quantize_outliers();
    CHECK_CASE("not finite") check_quantize_broken();
    CHECK_CASE("nothing to do") check_quantize_empty();
    if (check_bench()) bench_all();
    return check_done();
}
