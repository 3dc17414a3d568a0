/* SPDX-License-Identifier: MIT */
/* Block formats: known answers, two readings held against each other, encoders, half precision. */
#include "kernels/qtypes.h"

#include <float.h>
#include <math.h>
#include <string.h>

#include "tests/check.h"
#include "tests/data/qtypes_known.h"

static const int coded[] = {LUTRA_TYPE_Q8_0, LUTRA_TYPE_Q4_0, LUTRA_TYPE_Q4_1, LUTRA_TYPE_Q5_0,
                            LUTRA_TYPE_Q5_1, LUTRA_TYPE_Q2_K, LUTRA_TYPE_Q3_K, LUTRA_TYPE_Q4_K,
                            LUTRA_TYPE_Q5_K, LUTRA_TYPE_Q6_K, LUTRA_TYPE_TQ1_0, LUTRA_TYPE_TQ2_0,
                            LUTRA_TYPE_Q1_0, LUTRA_TYPE_Q2_0, LUTRA_TYPE_Q2_0_G128};
static const int plain[] = {LUTRA_TYPE_F32, LUTRA_TYPE_F16, LUTRA_TYPE_BF16};
enum { N_CODED = sizeof coded / sizeof coded[0], MAX_BYTES = 256 };

static uint32_t bits_of(float f)
{
    uint32_t u;
    memcpy(&u, &f, sizeof u);
    return u;
}

static uint16_t finite_f16(void)
{
    uint16_t h = (uint16_t)check_rand();
    return (h & 0x7c00) == 0x7c00 ? h ^ 0x4000 : h;
}

/* Random codes and scales in the range of the format, d and dmin finite. */
static void random_split(struct lutra_split *s, int type)
{
    const struct lutra_code_info *c = lutra_code_info(type);
    int block = lutra_type_info((uint32_t)type)->block, top = (1 << c->bits) - 1;
    memset(s, 0, sizeof *s);
    s->d = finite_f16();
    if (c->min) s->dmin = finite_f16();
    if (type == LUTRA_TYPE_TQ1_0) top = 2;
    for (int i = 0; i < block; i++) s->q[i] = (uint8_t)check_rand_int(0, top);
    for (int g = 0; g < block / c->group; g++) {
        int sub_top = type == LUTRA_TYPE_Q2_K ? 15 : 63;
        if (!c->sub)
            s->sc[g] = 1;
        else if (type == LUTRA_TYPE_Q6_K)
            s->sc[g] = (int8_t)check_rand_int(-128, 127);
        else
            s->sc[g] = (int8_t)(check_rand_int(0, sub_top) - (type == LUTRA_TYPE_Q3_K ? 32 : 0));
        if (c->sub && c->min) s->mn[g] = (uint8_t)check_rand_int(0, sub_top);
    }
}

/* The formula of kernels/qtypes.h. */
static float formula(int type, const struct lutra_split *s, int i)
{
    const struct lutra_code_info *c = lutra_code_info(type);
    int g = i / c->group;
    float d = lutra_f16_to_f32(s->d) * (float)s->sc[g];
    float w = d * (float)(c->mul * s->q[i] - c->offset), m = lutra_f16_to_f32(s->dmin);
    if (c->sub) m = -(m * (float)s->mn[g]);
    return c->min ? w + m : w;
}

static void test_formula(int type)
{
    int block = lutra_type_info((uint32_t)type)->block;
    struct lutra_split s, back;
    uint8_t bytes[MAX_BYTES];
    float got[256], want[256];
    for (int round = 0; round < 200; round++) {
        random_split(&s, type);
        lutra_join_block(type, bytes, &s);
        memset(&back, 0, sizeof back);
        lutra_split_block(type, &back, bytes);
        CHECK_MEM(&back, &s, sizeof s, 'b');
        for (int i = 0; i < block; i++) want[i] = formula(type, &s, i);
        lutra_decode_row(type, got, bytes, block);
        CHECK_MEM(got, want, sizeof *got * (size_t)block, 'f');
    }
}

/* Any bytes at all, at odd addresses, between guard pages: decoding and splitting agree. */
static void test_any_bytes(int type)
{
    const struct lutra_type_info *t = lutra_type_info((uint32_t)type);
    uint8_t *b = check_guard((size_t)t->bytes, 1);
    float *got = check_guard((size_t)t->block * sizeof *got, sizeof *got);
    for (int round = 0; round < 200; round++) {
        struct lutra_split s;
        for (int i = 0; i < t->bytes; i++) b[i] = (uint8_t)check_rand();
        lutra_split_block(type, &s, b);
        lutra_decode_row(type, got, b, t->block);
        for (int i = 0; i < t->block; i++) {
            float want = formula(type, &s, i);
            CHECK(bits_of(got[i]) == bits_of(want) || (isnan(got[i]) && isnan(want)));
        }
    }
    check_guard_free(b);
    check_guard_free(got);
}

/* The largest step between neighbouring values of a row with |x| <= 1, generously. */
static double step_of(int type)
{
    switch (type) {
    case LUTRA_TYPE_F32: return 0;
    case LUTRA_TYPE_F16: return 0x1p-11;
    case LUTRA_TYPE_BF16: return 0x1p-8;
    case LUTRA_TYPE_Q8_0: return 1.0 / 127;
    case LUTRA_TYPE_Q4_0: return 1.0 / 7;
    case LUTRA_TYPE_Q4_1: return 2.0 / 15;
    case LUTRA_TYPE_Q5_0: return 1.0 / 15;
    case LUTRA_TYPE_Q5_1: return 2.0 / 31;
    case LUTRA_TYPE_Q2_K: return 2.4 / 3;
    case LUTRA_TYPE_Q3_K: return 1.1 / 3;
    case LUTRA_TYPE_Q4_K: return 2.2 / 15;
    case LUTRA_TYPE_Q5_K: return 2.2 / 31;
    case LUTRA_TYPE_Q6_K: return 1.1 / 31;
    default: return 1;
    }
}

static void test_encode(int type)
{
    const struct lutra_type_info *t = lutra_type_info((uint32_t)type);
    float x[512], y[512], worst = 0;
    uint8_t bytes[2048];
    CHECK((size_t)t->bytes * 512 / (size_t)t->block <= sizeof bytes);
    for (int i = 0; i < 512; i++) x[i] = check_rand_float(-1, 1);
    lutra_encode_row(type, bytes, x, 512);
    lutra_decode_row(type, y, bytes, 512);
    for (int i = 0; i < 512; i++) worst = fmaxf(worst, fabsf(x[i] - y[i]));
    CHECK(worst <= step_of(type)); /* a whole step: one-sided formats lose half of the last one */
    memset(x, 0, sizeof x);
    lutra_encode_row(type, bytes, x, 512);
    lutra_decode_row(type, y, bytes, 512);
    for (int i = 0; i < 512; i++) CHECK(y[i] == 0);
}

/* Finite in, finite out: extremes, subnormals, one-signed and mixed rows. */
static void test_encode_extremes(int type)
{
    static const float hard[] = {FLT_MAX, -FLT_MAX, FLT_MIN, -0x1p-149f, 65504,
                                 7e4f,    -6e-8f,   1,       -0.0f};
    int n_hard = (int)(sizeof hard / sizeof hard[0]);
    float x[256], y[256];
    uint8_t bytes[1024];
    for (int round = 0; round < 100; round++) {
        int pick = round < n_hard ? round : -1;
        for (int i = 0; i < 256; i++) x[i] = hard[pick < 0 ? check_rand_int(0, n_hard - 1) : pick];
        lutra_encode_row(type, bytes, x, 256);
        lutra_decode_row(type, y, bytes, 256);
        for (int i = 0; i < 256; i++) CHECK(isfinite(y[i]));
    }
}

static void test_half(void)
{
    for (uint32_t h = 0; h < 0x10000; h++) {
        float f = lutra_f16_to_f32((uint16_t)h), b = lutra_bf16_to_f32((uint16_t)h);
        uint32_t quiet16 = isnan(f) ? h | 0x200 : h, quiet_b = isnan(b) ? h | 0x40 : h;
        CHECK_EQ(lutra_f32_to_f16(f), quiet16);
        CHECK_EQ(lutra_f32_to_bf16(b), quiet_b);
        CHECK_EQ(bits_of(b) >> 16, h);
        if (isfinite(f)) { /* sign * mantissa * 2^exponent */
            int exp = (int)(h >> 10 & 31), mant = (int)(h & 1023);
            double v = exp ? ldexp(1024 + mant, exp - 25) : ldexp(mant, -24);
            CHECK(f == (float)(h & 0x8000 ? -v : v));
        }
    }
}

/* Between two neighbours: below, at and above the middle. */
static void test_half_rounding(void)
{
    for (uint32_t h = 0; h < 0x7bff; h++) {
        float lo = lutra_f16_to_f32((uint16_t)h), hi = lutra_f16_to_f32((uint16_t)(h + 1));
        float mid = (lo + hi) / 2; /* exact: 12 bits */
        CHECK_EQ(lutra_f32_to_f16(mid), h + (h & 1));
        CHECK_EQ(lutra_f32_to_f16(-mid), 0x8000 + h + (h & 1));
        CHECK_EQ(lutra_f32_to_f16(nextafterf(mid, 0)), h);
        CHECK_EQ(lutra_f32_to_f16(nextafterf(mid, INFINITY)), h + 1);
    }
    CHECK_EQ(lutra_f32_to_f16(65519.996f), 0x7bff);
    CHECK_EQ(lutra_f32_to_f16(65520), 0x7c00);
    CHECK_EQ(lutra_f32_to_f16(-FLT_MAX), 0xfc00);
    CHECK_EQ(lutra_f32_to_bf16(1.00390625f), 0x3f80);  /* 1 + 2^-8: tie to even */
    CHECK_EQ(lutra_f32_to_bf16(1.01171875f), 0x3f82);  /* 1 + 3 * 2^-8 */
    CHECK_EQ(lutra_f32_to_bf16(1.00390637f), 0x3f81);
    CHECK_EQ(lutra_f32_to_bf16(FLT_MAX), 0x7f80);
}

static void test_table(void)
{
    int runs = 0;
    for (uint32_t id = 0; id < 300; id++) {
        const struct lutra_type_info *t = lutra_type_info(id);
        if (!t) continue;
        CHECK_EQ(t->id, id);
        CHECK(t->name && t->name[0]);
        CHECK((t->bytes == 0) == (t->block == 0));
        CHECK_EQ(lutra_type_runs(id), t->note == NULL);
        runs += lutra_type_runs(id);
        const struct lutra_code_info *c = lutra_code_info((int)id);
        if (c) CHECK(lutra_type_runs(id) && t->block % c->group == 0);
    }
    CHECK_EQ(runs, 18 + 11 + 1);
    static const uint32_t nobody[] = {43, 96, 100, 160, 255, 0x7fffffff, 0x80000000, 0xffffffff};
    for (size_t i = 0; i < sizeof nobody / sizeof nobody[0]; i++) {
        CHECK(!lutra_type_info(nobody[i]));
        CHECK(!lutra_type_runs(nobody[i]));
    }
    CHECK_STR(lutra_type_info(142)->name, "Q2_0_G128");
    CHECK_EQ(lutra_type_info(39)->bytes, 17);
    CHECK_STR(lutra_type_info(139)->name, "IQ4_K");
    CHECK_EQ(lutra_type_info(139)->bytes, 0);
}

/* A ternary format can hold a fourth code. */
static void test_code_three(void)
{
    struct lutra_split s = {.d = 0x3c00, .sc = {1}};
    uint8_t bytes[66];
    float y[256];
    for (int i = 0; i < 256; i++) s.q[i] = (uint8_t)(i % 4);
    lutra_join_block(LUTRA_TYPE_TQ2_0, bytes, &s);
    lutra_decode_row(LUTRA_TYPE_TQ2_0, y, bytes, 256);
    for (int i = 0; i < 256; i++) CHECK(y[i] == (float)(i % 4 - 1));
}


/* The answers of another implementation; zeros may differ in sign. */
static void test_known(void)
{
    float got[1024], want[1024];
    for (size_t k = 0; k < sizeof known / sizeof known[0]; k++) {
        lutra_decode_row(known[k].type, got, known[k].bytes, known[k].n);
        memcpy(want, known[k].weights, (size_t)known[k].n * sizeof *want);
        for (int i = 0; i < known[k].n; i++) CHECK(got[i] == want[i]);
    }
}

int main(int argc, char **argv)
{
    check_init(argc, argv, "test_qtypes");
    CHECK_CASE("known answers") test_known();
    CHECK_CASE("table") test_table();
    CHECK_CASE("half precision") test_half();
    CHECK_CASE("half precision rounding") test_half_rounding();
    CHECK_CASE("TQ2_0 code 3") test_code_three();
    for (int i = 0; i < N_CODED; i++) {
        char name[64];
        const char *type = lutra_type_info((uint32_t)coded[i])->name;
        lutra_format(name, sizeof name, "%s formula", type);
        CHECK_CASE(name) test_formula(coded[i]);
        lutra_format(name, sizeof name, "%s any bytes", type);
        CHECK_CASE(name) test_any_bytes(coded[i]);
    }
    for (int i = 0; i < N_CODED + 3; i++) {
        int id = i < N_CODED ? coded[i] : plain[i - N_CODED];
        char name[64];
        lutra_format(name, sizeof name, "%s encode", lutra_type_info((uint32_t)id)->name);
        CHECK_CASE(name)
        {
            test_encode(id);
            test_encode_extremes(id);
        }
    }
    return check_done();
}
