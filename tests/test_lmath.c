/* SPDX-License-Identifier: MIT */
/* Our own exp, log, pow, sin, cos, tanh: close to the truth, and the same bits on every machine. */
#include "kernels/lmath.h"

#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "tests/check.h"

/* Made on x86-64 with gcc 12; clang and aarch64 (under qemu) give the same. A change of any
 * constant or of the order of any step changes them: vector versions must then follow. */
#define GOLDEN_EXPF 0x9e0a3b2c63e41764ull
#define GOLDEN_TANHF 0x85a4a5d6005e66aaull
#define GOLDEN_DOUBLE 0xd43527de2e85adabull

static float float_of(uint32_t bits)
{
    float x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

static double double_of(uint64_t bits)
{
    double x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

static uint64_t mix(uint64_t sum, const void *value, size_t n)
{
    uint64_t bits = 0;
    memcpy(&bits, value, n);
    return (sum ^ bits) * 0x100000001b3u + (sum >> 29);
}

static uint64_t mix_double(uint64_t sum, double x)
{
    return mix(sum, &x, sizeof x);
}

/* Every 977th float there is: 4.4 million, infinities and NaN among them. */
#define FLOAT_STEP 977u

static void check_golden(uint64_t sum, uint64_t golden, const char *name)
{
    if (sum != golden) printf("%s: checksum 0x%016llxull\n", name, (unsigned long long)sum);
    CHECK(sum == golden);
}

static void golden_floats(void)
{
    uint64_t e = 1, t = 1;
    for (uint64_t bits = 0; bits <= UINT32_MAX; bits += FLOAT_STEP) {
        float x = float_of((uint32_t)bits);
        float y = lutra_expf(x), z = lutra_tanhf(x);
        e = mix(e, &y, sizeof y);
        t = mix(t, &z, sizeof z);
    }
    for (int i = -88000; i <= 89000; i++) { /* where it matters, evenly */
        float x = (float)i * 0.0009765625f;
        float y = lutra_expf(x), z = lutra_tanhf(x);
        e = mix(e, &y, sizeof y);
        t = mix(t, &z, sizeof z);
    }
    check_golden(e, GOLDEN_EXPF, "expf");
    check_golden(t, GOLDEN_TANHF, "tanhf");
}

static void golden_doubles(void)
{
    uint64_t sum = 1, random = 12345; /* not --seed: the inputs are part of the constant */
    for (int i = 0; i < 300000; i++) {
        random = random * 6364136223846793005u + 1442695040888963407u;
        double unit = (double)(random >> 11) * 0x1p-53, s, c;
        double log_x = lutra_log(lutra_exp(1400 * unit - 700));
        sum = mix_double(sum, lutra_exp(1500 * unit - 750));
        sum = mix_double(sum, log_x);
        sum = mix_double(sum, lutra_log(2 * unit + 0x1p-60));
        sum = mix_double(sum, lutra_pow(10000, -unit));
        lutra_sincos((i & 1 ? 1e6 : 10) * (2 * unit - 1), &s, &c);
        sum = mix_double(mix_double(sum, s), c);
        lutra_sincos((double)(i % 4096) * lutra_pow(500000, -unit), &s, &c); /* RoPE's own */
        sum = mix_double(mix_double(sum, s), c);
    }
    check_golden(sum, GOLDEN_DOUBLE, "double");
}

/* ---- accuracy: the C library in double as the truth ---- */

static void near_floats(void)
{
    double worst_exp = 0, worst_tanh = 0;
    for (uint64_t bits = 0; bits <= UINT32_MAX; bits += 2 * FLOAT_STEP + 1) {
        float x = float_of((uint32_t)bits);
        if (isnan(x)) continue;
        double t = fabs(lutra_tanhf(x) - tanh((double)x));
        if (!(t <= worst_tanh)) worst_tanh = t;
        if (x < LUTRA_EXPF_LO || x > LUTRA_EXPF_HI) continue;
        double truth = exp((double)x), e = fabs(lutra_expf(x) - truth) / truth;
        if (!(e <= worst_exp)) worst_exp = e;
    }
    CHECK_NEAR(worst_exp, 0, 1.5e-7);
    CHECK_NEAR(worst_tanh, 0, 1.5e-7);
}

static void edges_of_floats(void)
{
    CHECK_EQ(lutra_expf(0) == 1, 1);
    CHECK(lutra_expf(-0.0f) == 1);
    CHECK(lutra_expf(NAN) == 0 && !signbit(lutra_expf(NAN)));
    CHECK(lutra_expf(-INFINITY) == 0);
    CHECK(lutra_expf(nextafterf(LUTRA_EXPF_LO, -100)) == 0);
    CHECK(isnormal(lutra_expf(LUTRA_EXPF_LO)));
    CHECK(lutra_expf(INFINITY) == lutra_expf(LUTRA_EXPF_HI));
    CHECK(isfinite(lutra_expf(INFINITY)) && lutra_expf(INFINITY) > 2e38f);
    CHECK(lutra_tanhf(0) == 0 && !signbit(lutra_tanhf(0)));
    CHECK(lutra_tanhf(-0.0f) == 0 && signbit(lutra_tanhf(-0.0f)));
    CHECK(lutra_tanhf(INFINITY) == 1);
    CHECK(lutra_tanhf(-INFINITY) == -1);
    CHECK(fabsf(lutra_tanhf(NAN)) == 1);
    for (int i = 0; i < 1000; i++) { /* odd, and never beyond 1 */
        float x = check_rand_float(0, 12);
        CHECK(lutra_tanhf(-x) == -lutra_tanhf(x));
        CHECK(lutra_tanhf(x) <= 1);
    }
}

static double unit(void)
{
    return (double)(check_rand() >> 11) * 0x1p-53;
}

static double off(double a, double truth)
{
    return fabs(a - truth) / fabs(truth);
}

static void near_doubles(void)
{
    double e = 0, l = 0, p = 0;
    for (int i = 0; i < 200000; i++) {
        double x = 1400 * unit() - 700;
        e = fmax(e, off(lutra_exp(x), exp(x)));
        double a = i & 1 ? exp(x) : 0.5 + 1.5 * unit();
        l = fmax(l, off(lutra_log(a), log(a)));
        double base = 1 + 1e6 * unit(), power = 2 * unit() - 1;
        p = fmax(p, off(lutra_pow(base, power), pow(base, power)));
    }
    CHECK_NEAR(e, 0, 1e-15);
    CHECK_NEAR(l, 0, 1e-15);
    CHECK_NEAR(p, 0, 6e-15);
}

static void near_circle(void)
{
    double sc = 0, s, c;
#if defined(_WIN32)
    check_skip("the sine of this C library is less exact than ours"); /* x87: pi has 66 bits there */
    return;
#endif
    for (int i = 0; i < 200000; i++) {
        double x = (i & 1 ? 1e6 : 8) * (2 * unit() - 1);
        if (i % 3 == 0) x = floor(x);                       /* positions are whole numbers */
        if (i % 5 == 0) x = nearbyint(x / M_PI_2) * M_PI_2; /* where sine or cosine vanish */
        lutra_sincos(x, &s, &c);
        sc = fmax(sc, fmax(fabs(s - sin(x)), fabs(c - cos(x))));
    }
    CHECK_NEAR(sc, 0, 1e-15);
}

static void edges_of_doubles(void)
{
    static const double none[] = {1e10, -1e10, INFINITY, -INFINITY, NAN, 1e300};
    double s, c;
    CHECK(lutra_exp(0) == 1);
    CHECK(lutra_exp(INFINITY) == INFINITY && lutra_exp(1e300) == INFINITY);
    CHECK(lutra_exp(-INFINITY) == 0 && lutra_exp(-746) == 0);
    CHECK(isnan(lutra_exp(NAN)));
    CHECK(isfinite(lutra_exp(709.78)) && lutra_exp(709.79) == INFINITY);
    CHECK(lutra_exp(-745) == 0x1p-1074);
    CHECK_NEAR(off(lutra_exp(-708.5), exp(-708.5)), 0, 1e-14); /* subnormal */
    CHECK(lutra_log(1) == 0);
    CHECK(lutra_log(0) == -INFINITY);
    CHECK(lutra_log(INFINITY) == INFINITY);
    CHECK(isnan(lutra_log(-1)) && isnan(lutra_log(-INFINITY)) && isnan(lutra_log(NAN)));
    CHECK_NEAR(off(lutra_log(0x1p-1074), log(0x1p-1074)), 0, 1e-15);
    CHECK_NEAR(off(lutra_log(double_of(0x7fefffffffffffffu)), log(double_of(0x7fefffffffffffffu))),
               0, 1e-15);
    CHECK_NEAR(off(lutra_log(nextafter(1, 2)), 0x1p-52), 0, 1e-15);
    CHECK_NEAR(off(lutra_log(nextafter(1, 0)), -0x1p-53), 0, 1e-15);
    CHECK(lutra_pow(2, 0) == 1 && lutra_pow(1, 1e300) == 1 && lutra_pow(INFINITY, 0) == 1);
    CHECK(lutra_pow(10, 400) == INFINITY && lutra_pow(10, -400) == 0);
    CHECK(isnan(lutra_pow(0, 1)) && isnan(lutra_pow(-2, 2)) && isnan(lutra_pow(NAN, 0)));
    CHECK(isnan(lutra_pow(2, NAN)));
    lutra_sincos(0, &s, &c);
    CHECK(s == 0 && c == 1);
    for (size_t i = 0; i < sizeof none / sizeof *none; i++) {
        lutra_sincos(none[i], &s, &c);
        CHECK(s == 0 && c == 1);
    }
}

static void exp_all(void *arg)
{
    float *x = arg;
    for (int i = 0; i < 4096; i++) x[i] = lutra_expf(x[i]) - 3.0f;
}

int main(int argc, char **argv)
{
    check_init(argc, argv, "test_lmath");
    CHECK_CASE("expf and tanhf: golden bits") golden_floats();
    CHECK_CASE("double: golden bits") golden_doubles();
    CHECK_CASE("expf and tanhf: accuracy") near_floats();
    CHECK_CASE("expf and tanhf: edges") edges_of_floats();
    CHECK_CASE("double: accuracy") near_doubles();
    CHECK_CASE("sine and cosine: accuracy") near_circle();
    CHECK_CASE("double: edges") edges_of_doubles();
    if (check_bench()) {
        static float x[4096];
        printf("lmath: expf takes %.2f ns\n", check_time(exp_all, x, 0.3) / 4096 * 1e9);
    }
    return check_done();
}
