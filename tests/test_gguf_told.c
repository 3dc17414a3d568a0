/* SPDX-License-Identifier: MIT */
/* Type ids that stand for more than one format, told apart by the room a tensor has: Q2_0 in blocks
 * of 64 and of 128 weights; MXFP4 and I2_S, or what forks mean. */
#include "kernels/qtypes.h"
#include "models/gguf.h"

#include "tests/check.h"
#include "tests/gguf_bytes.h"

enum { ALIGN = 32, MOST = 4 };

/* A tensor [ne0, ne1] of an id that takes `room` bytes in the file, and what it should become. */
struct expect {
    uint32_t id;
    uint64_t ne0, ne1, room;
    uint32_t type;
    uint64_t bytes;
};

/* Tensors named a, b, ... lie in this order; the directory lists them in the opposite one. */
static void build(struct gguf_bytes *f, const struct expect *t, int n)
{
    static const int marks[6] = {AT_A_NAME, AT_A_DIMS, AT_A_NE0, AT_B_NE1, AT_A_TYPE, AT_A_OFFSET};
    uint64_t offset[MOST], all = 0;
    memset(f, 0, sizeof *f);
    put_bytes(f, "GGUF", 4);
    put_le(f, 3, 4);
    put_le(f, (uint64_t)n, 8);
    put_le(f, 0, 8);
    for (int i = 0; i < n; i++) {
        offset[i] = all;
        all += t[i].room;
    }
    for (int i = n - 1; i >= 0; i--) {
        char name[2] = {(char)('a' + i), 0};
        uint64_t ne[2] = {t[i].ne0, t[i].ne1};
        put_info(f, name, 2, ne, t[i].id, offset[i], marks);
    }
    while (f->n % ALIGN) put_le(f, 0, 1);
    f->n += all;
    CHECK(f->n <= sizeof f->b);
}

static lutra_status open_file(struct lutra_gguf **g, const struct gguf_bytes *f, lutra_error *err)
{
    char path[512];
    snprintf(path, sizeof path, "%s/told.gguf", check_tmp());
    CHECK(gguf_bytes_save(path, f->b, f->n));
    *g = NULL;
    return lutra_gguf_open(g, path, err);
}

static void good(const struct expect *t, int n)
{
    struct gguf_bytes f;
    struct lutra_gguf *g;
    lutra_error err = {LUTRA_OK, ""};
    build(&f, t, n);
    CHECK_EQ(open_file(&g, &f, &err), LUTRA_OK);
    CHECK_STR(err.msg, "");
    for (int i = 0; g && i < n; i++) {
        char name[2] = {(char)('a' + i), 0};
        const struct lutra_gguf_tensor *got = lutra_gguf_tensor(g, name);
        CHECK_EQ(got->type, t[i].type);
        CHECK_EQ(got->bytes, t[i].bytes);
    }
    lutra_gguf_close(g);
}

static void bad(const struct expect *t, int n, const char *reason)
{
    struct gguf_bytes f;
    struct lutra_gguf *g;
    lutra_error err = {LUTRA_OK, ""};
    build(&f, t, n);
    CHECK_EQ(open_file(&g, &f, &err), LUTRA_EFORMAT);
    if (!strstr(err.msg, reason)) CHECK_STR(err.msg, reason);
    lutra_gguf_close(g);
}

/* 16 rows of 128: 576 bytes in blocks of 64, 544 in blocks of 128. One such row: 36 or 34, 64 with
 * padding either way. */
static void told_by_room(void)
{
    good((struct expect[]){{42, 128, 16, 576, 42, 576}, {0, 8, 1, 32, 0, 32}}, 2);
    good((struct expect[]){{42, 128, 16, 544, 142, 544}, {0, 8, 1, 32, 0, 32}}, 2);
    /* the last one ends with the file, padded or not */
    good((struct expect[]){{0, 8, 1, 32, 0, 32}, {42, 128, 16, 576, 42, 576}}, 2);
    good((struct expect[]){{0, 8, 1, 32, 0, 32}, {42, 128, 16, 544, 142, 544}}, 2);
    good((struct expect[]){{0, 8, 1, 32, 0, 32}, {42, 128, 1, 34, 142, 34}}, 2);
    /* both in one file */
    good((struct expect[]){{42, 128, 16, 544, 142, 544}, {42, 128, 16, 576, 42, 576}}, 2);
    /* rows of 64 cannot have blocks of 128 */
    good((struct expect[]){{42, 64, 1, 32, 42, 18}, {42, 192, 1, 64, 42, 54}}, 2);
}

static void told_by_others(void)
{
    good((struct expect[]){{42, 128, 1, 64, 42, 36}, {42, 128, 1, 64, 42, 36}}, 2);
    good((struct expect[]){{42, 128, 1, 64, 142, 34}, {42, 128, 16, 544, 142, 544}}, 2);
    good((struct expect[]){{42, 128, 1, 64, 42, 36}, {42, 128, 16, 576, 42, 576}}, 2);
    good((struct expect[]){{42, 128, 1, 64, 42, 36},
                           {42, 128, 16, 544, 142, 544},
                           {42, 128, 16, 576, 42, 576}},
         3);
}

static void no_doubt(void) /* an id of its own */
{
    good((struct expect[]){{142, 128, 1, 64, 142, 34}, {42, 128, 16, 576, 42, 576}}, 2);
    good((struct expect[]){{41, 128, 16, 288, 41, 288}, {142, 128, 16, 576, 142, 544}}, 2);
}

static void fits_neither(void)
{
    bad((struct expect[]){{42, 128, 16, 608, 0, 0}, {0, 8, 1, 32, 0, 32}}, 2,
        ": Q2_0 has 576 bytes in blocks of 64 weights or 544 in blocks of 128, but its room at ");
    bad((struct expect[]){{42, 128, 16, 608, 0, 0}, {0, 8, 1, 32, 0, 32}}, 2, "tensor a at offset");
    bad((struct expect[]){{42, 128, 16, 608, 0, 0}}, 1, " is 608; the file is incomplete");
    bad((struct expect[]){{42, 192, 16, 928, 0, 0}, {0, 8, 1, 32, 0, 32}}, 2,
        "864 bytes in blocks of 64 weights or none in blocks of 128");
    bad((struct expect[]){{42, 128, 16, 512, 0, 0}, {0, 8, 1, 32, 0, 32}}, 2, "is 512");
    bad((struct expect[]){{42, 128, 16, 500, 0, 0}}, 1, "data past end of file");
    bad((struct expect[]){{42, 96, 16, 576, 0, 0}}, 1, "not a multiple of the block of Q2_0, 64");
    /* two tensors at one place */
    bad((struct expect[]){{42, 128, 16, 0, 0, 0}, {42, 128, 16, 576, 0, 0}}, 2, "is 0");
}

/* MXFP4: 17 bytes per 32 weights; TL2 takes less than half. */
static void mxfp4_or_not(void)
{
    const char *tl2 = "it may be TL2 of BitNet's fork";
    good((struct expect[]){{39, 128, 16, 1088, 39, 1088}, {0, 8, 1, 32, 0, 32}}, 2);
    good((struct expect[]){{39, 32, 1, 17, 39, 17}}, 1);
    bad((struct expect[]){{39, 128, 16, 448, 0, 0}, {0, 8, 1, 32, 0, 32}}, 2, tl2);
    bad((struct expect[]){{0, 8, 1, 32, 0, 32}, {39, 128, 16, 448, 0, 0}}, 2, tl2);
    bad((struct expect[]){{39, 128, 16, 1120, 0, 0}, {0, 8, 1, 32, 0, 32}}, 2, tl2);
    bad((struct expect[]){{39, 128, 16, 448, 0, 0}}, 1, "tensor a at offset");
    bad((struct expect[]){{39, 128, 16, 448, 0, 0}}, 1, "is 448; ");
}

/* I2_S: a quarter of a byte a weight, and 32 bytes. */
static void i2_s_or_not(void)
{
    const char *old = "it may be IQ4_NL_4_4";
    good((struct expect[]){{36, 128, 16, 544, 36, 544}, {0, 8, 1, 32, 0, 32}}, 2);
    good((struct expect[]){{0, 8, 1, 32, 0, 32}, {36, 64, 3, 80, 36, 80}}, 2);
    bad((struct expect[]){{36, 128, 16, 512, 0, 0}, {0, 8, 1, 32, 0, 32}}, 2, old); /* no tail */
    bad((struct expect[]){{36, 128, 16, 1152, 0, 0}}, 1, old);
    bad((struct expect[]){{36, 128, 16, 512, 0, 0}}, 1, old);
    bad((struct expect[]){{36, 96, 16, 416, 0, 0}}, 1, "not a multiple of the block of I2_S, 64");
}

int main(int argc, char **argv)
{
    check_init(argc, argv, "test_gguf_told");
    CHECK_CASE("told by room") told_by_room();
    CHECK_CASE("told by other tensors") told_by_others();
    CHECK_CASE("id 142") no_doubt();
    CHECK_CASE("fits neither") fits_neither();
    CHECK_CASE("MXFP4") mxfp4_or_not();
    CHECK_CASE("I2_S") i2_s_or_not();
    return check_done();
}
