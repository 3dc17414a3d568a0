/* SPDX-License-Identifier: MIT */
/* Codebook formats: taken apart into 4-bit codes they are what the decoder says, their encoders
 * come near. Known answers are in test_qtypes.c. */
#include "kernels/qbook.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernels/qcheck.h"
#include "tests/check.h"

static const int types[] = {LUTRA_TYPE_IQ4_NL,  LUTRA_TYPE_IQ4_XS, LUTRA_TYPE_MXFP4,
                            LUTRA_TYPE_NVFP4,   LUTRA_TYPE_IQ1_S,  LUTRA_TYPE_IQ1_M,
                            LUTRA_TYPE_IQ2_XXS, LUTRA_TYPE_IQ2_XS, LUTRA_TYPE_IQ2_S,
                            LUTRA_TYPE_IQ3_XXS, LUTRA_TYPE_IQ3_S};
enum { N_TYPES = sizeof types / sizeof types[0], MAX_BYTES = 136 };

static uint32_t bits_of(float f)
{
    uint32_t u;
    memcpy(&u, &f, sizeof u);
    return u;
}

/* The formula of kernels/qbook.h. */
static float formula(const struct lutra_book_info *b, const struct lutra_book_split *s, int i)
{
    int g = i / b->group, v = b->value[s->q[i]];
    float d = b->kind == LUTRA_BOOK_E8M0  ? ldexpf(1, s->d[g] - 128)
              : b->kind == LUTRA_BOOK_SUB ? lutra_f16_to_f32(s->d[0]) * (float)s->sc[g]
                                          : lutra_f16_to_f32(s->d[g]);
    return b->scale * (d * (float)v);
}

/* Any bytes at odd addresses between guard pages: both readings agree. */
static void test_any_bytes(int type)
{
    const struct lutra_type_info *t = lutra_type_info((uint32_t)type);
    const struct lutra_book_info *info = lutra_book_info(type);
    uint8_t *b = check_guard((size_t)t->bytes, 1);
    float *got = check_guard((size_t)t->block * sizeof *got, sizeof *got);
    for (int round = 0; round < 500; round++) {
        struct lutra_book_split s;
        memset(&s, 0xee, sizeof s);
        for (int i = 0; i < t->bytes; i++) b[i] = (uint8_t)check_rand();
        lutra_book_split(type, &s, b);
        lutra_decode_row(type, got, b, t->block);
        for (int i = 0; i < t->block; i++) {
            CHECK(s.q[i] < 16);
            float want = formula(info, &s, i);
            CHECK(bits_of(got[i]) == bits_of(want) || (got[i] == 0 && want == 0) ||
                  (isnan(got[i]) && isnan(want)));
        }
    }
    check_guard_free(b);
    check_guard_free(got);
}

/* Values fit where kernels keep them, and codes nobody writes weigh nothing. */
static void test_book(int type)
{
    const struct lutra_type_info *t = lutra_type_info((uint32_t)type);
    const struct lutra_book_info *b = lutra_book_info(type);
    bool seen[16] = {false};
    uint8_t bytes[MAX_BYTES];
    struct lutra_book_split s;
    CHECK(t->bytes <= MAX_BYTES);
    CHECK(b->group == 16 || b->group == 32);
    for (int round = 0; round < 2000; round++) {
        for (int i = 0; i < t->bytes; i++) bytes[i] = (uint8_t)check_rand();
        lutra_book_split(type, &s, bytes);
        for (int i = 0; i < t->block; i++) seen[s.q[i]] = true;
    }
    for (int i = 0; i < 16; i++) {
        CHECK(b->value[i] >= -127);
        if (!seen[i]) CHECK_EQ(b->value[i], 0);
    }
}

/* Root of the mean square error over that of the weights, for weights uniform in -1..1. */
static double error_of(int type)
{
    float x[1024], y[1024];
    uint8_t bytes[1024];
    double e = 0, n = 0;
    for (int i = 0; i < 1024; i++) x[i] = check_rand_float(-1, 1);
    lutra_encode_row(type, bytes, x, 1024);
    lutra_decode_row(type, y, bytes, 1024);
    for (int i = 0; i < 1024; i++) {
        e += (double)(x[i] - y[i]) * (double)(x[i] - y[i]);
        n += (double)x[i] * (double)x[i];
    }
    return sqrt(e / n);
}

/* What the values leave over, with room for scales that are not the best: a wrong bit anywhere
 * would be noise of about 1. */
static double error_allowed(int type)
{
    switch (type) {
    case LUTRA_TYPE_IQ4_NL:
    case LUTRA_TYPE_IQ4_XS: return 0.10;
    case LUTRA_TYPE_MXFP4:
    case LUTRA_TYPE_NVFP4: return 0.15;
    case LUTRA_TYPE_IQ3_XXS:
    case LUTRA_TYPE_IQ3_S: return 0.25;
    case LUTRA_TYPE_IQ1_S:
    case LUTRA_TYPE_IQ1_M: return 0.55;
    default: return 0.40;
    }
}

static void test_encode(int type)
{
    static const float hard[] = {FLT_MAX, -FLT_MAX, FLT_MIN, -0x1p-149f, 65504,
                                 7e4f,    -6e-8f,   1,       -0.0f};
    int n_hard = (int)(sizeof hard / sizeof hard[0]);
    float x[256] = {0}, y[256];
    uint8_t bytes[256];
    double e = error_of(type);
    CHECK(e < error_allowed(type));
    lutra_encode_row(type, bytes, x, 256);
    lutra_decode_row(type, y, bytes, 256);
    for (int i = 0; i < 256; i++) CHECK(y[i] == 0);
    for (int round = 0; round < 100; round++) {
        int pick = round < n_hard ? round : -1;
        for (int i = 0; i < 256; i++) x[i] = hard[pick < 0 ? check_rand_int(0, n_hard - 1) : pick];
        lutra_encode_row(type, bytes, x, 256);
        lutra_decode_row(type, y, bytes, 256);
        for (int i = 0; i < 256; i++) CHECK(isfinite(y[i]));
    }
}

/* lutra_blocks_finite says no exactly where a scale of the block is no number. */
static void test_finite(int type)
{
    const struct lutra_type_info *t = lutra_type_info((uint32_t)type);
    const struct lutra_book_info *info = lutra_book_info(type);
    uint8_t bytes[3 * MAX_BYTES];
    int bad = 0, good = 0;
    for (int round = 0; round < 20000 && (bad < 20 || good < 20); round++) {
        struct lutra_book_split s;
        bool finite = true;
        for (int i = 0; i < 3 * t->bytes; i++) bytes[i] = 0;
        for (int i = 0; i < t->bytes; i++) bytes[t->bytes + i] = (uint8_t)check_rand();
        if (round % 2) /* more ones */
            for (int i = 0; i < t->bytes; i++) bytes[t->bytes + i] |= (uint8_t)check_rand() | 0xf0;
        lutra_book_split(type, &s, bytes + t->bytes);
        if (info->kind == LUTRA_BOOK_E8M0)
            finite = s.d[0] != 255;
        else if (type == LUTRA_TYPE_NVFP4)
            for (int i = 0; i < 4; i++) finite = finite && (bytes[t->bytes + i] & 127) != 127;
        else
            finite = (s.d[0] & 0x7c00) != 0x7c00;
        CHECK_EQ(lutra_blocks_finite(type, bytes, 3), finite ? 3 : 1);
        bad += !finite;
        good += finite;
    }
    CHECK(bad >= 20 && good >= 20);
}

int main(int argc, char **argv)
{
    check_init(argc, argv, "test_qbook");
    for (int i = 0; i < N_TYPES; i++) {
        char name[64];
        const char *type = lutra_type_info((uint32_t)types[i])->name;
        lutra_format(name, sizeof name, "%s any bytes", type);
        CHECK_CASE(name) test_any_bytes(types[i]);
        lutra_format(name, sizeof name, "%s book", type);
        CHECK_CASE(name) test_book(types[i]);
        lutra_format(name, sizeof name, "%s encode", type);
        CHECK_CASE(name) test_encode(types[i]);
        lutra_format(name, sizeof name, "%s finite", type);
        CHECK_CASE(name) test_finite(types[i]);
    }
    CHECK_CASE("no book") CHECK(!lutra_book_info(LUTRA_TYPE_Q4_0) && !lutra_book_info(-1));
    return check_done();
}
