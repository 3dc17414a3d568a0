/* SPDX-License-Identifier: MIT */
/* Malformed GGUF files: each class refused with its reason, every prefix, seeded mutants. */
#include <stdlib.h>
#include <sys/resource.h>

#include "models/gguf.h"
#include "tests/check.h"
#include "tests/gguf_bytes.h"

static char file[512]; /* the one temporary file */

/* Everything a caller may do with an open file; a mutant that was accepted goes through it. */
static void use(const struct lutra_gguf *g)
{
    char text[300];
    uint8_t data[256];
    for (int i = 0; i < lutra_gguf_n_kv(g); i++) {
        const struct lutra_gguf_kv *kv = lutra_gguf_kv_at(g, i);
        const char *s;
        size_t len, all = 0;
        uint64_t cursor = 0, n = 0;
        int64_t v;
        double d;
        lutra_gguf_show(g, kv, text, sizeof text);
        while (lutra_gguf_arr_str(g, kv, &cursor, &s, &len)) {
            for (size_t k = 0; k < len; k++) all += (unsigned char)s[k];
            n++;
        }
        CHECK(n == 0 || n == kv->count);
        for (uint64_t k = 0; k <= kv->count && k < 100; k++) {
            (void)lutra_gguf_arr_int(g, kv, k, &v);
            (void)lutra_gguf_arr_float(g, kv, k, &d);
        }
        (void)all;
    }
    for (int i = 0; i < lutra_gguf_n_tensors(g); i++) {
        const struct lutra_gguf_tensor *t = lutra_gguf_tensor_at(g, i);
        CHECK(lutra_gguf_tensor(g, t->name) == t);
        CHECK(t->offset + t->bytes <= lutra_gguf_file_bytes(g));
        size_t n = t->bytes < sizeof data ? (size_t)t->bytes : sizeof data;
        CHECK_EQ(lutra_gguf_read(g, t, t->bytes - n, data, n, NULL), LUTRA_OK);
    }
}

static lutra_status open_bytes(const void *p, size_t n, lutra_error *err)
{
    struct lutra_gguf *g = NULL;
    *err = (lutra_error){LUTRA_OK, ""};
    CHECK(gguf_bytes_save(file, p, n));
    lutra_status st = lutra_gguf_open(&g, file, err);
    CHECK((st == LUTRA_OK) == (g != NULL));
    if (g) use(g);
    lutra_gguf_close(g);
    return st;
}

static void expect(const char *name, const struct gguf_bytes *f, lutra_status status,
                   const char *reason)
{
    lutra_error err;
    lutra_status st = open_bytes(f->b, f->n, &err);
    if (st == status &&
        (st == LUTRA_OK || (strstr(err.msg, reason) && strstr(err.msg, "bad.gguf"))))
        return;
    printf("  %s: status %d, expected %d; message \"%s\" should hold \"%s\"\n", name, st, status,
           err.msg, reason);
    CHECK(!"refused for the reason given");
}

/* ---- fields overwritten with numbers ---- */

struct edit {
    enum gguf_field at;
    int width;
    uint64_t value;
};

#define MAX64 UINT64_MAX
#define FORM LUTRA_EFORMAT
#define UNSUP LUTRA_EUNSUPPORTED

/* clang-format off */
static const struct {
    const char *name;
    struct edit edits[3];
    lutra_status status;
    const char *reason;
} numbers[] = {
    {"magic small", {{AT_MAGIC, 4, 0x66756767}}, FORM, "bad.gguf: at offset 0: not a GGUF file"},
    {"magic ggjt", {{AT_MAGIC, 4, 0x67676a74}}, FORM, "GGML file of 2023"},
    {"magic zip", {{AT_MAGIC, 4, 0x04034b50}}, FORM, "zip archive"},
    {"magic FUGG", {{AT_MAGIC, 4, 0x47475546}}, FORM, "not a GGUF file but a big-endian"},
    {"version 0", {{AT_VERSION, 4, 0}}, UNSUP, "unsupported version 0"},
    {"version 1", {{AT_VERSION, 4, 1}}, UNSUP, "unsupported version 1"},
    {"version 2", {{AT_VERSION, 4, 2}}, LUTRA_OK, ""},
    {"version 4", {{AT_VERSION, 4, 4}}, UNSUP, "unsupported version 4"},
    {"version max", {{AT_VERSION, 4, MAX64}}, UNSUP, "unsupported version 4294967295"},
    {"version swapped", {{AT_VERSION, 4, 0x03000000}}, UNSUP, "big-endian GGUF is not supported"},
    {"tensors -1", {{AT_N_TENSORS, 8, MAX64}}, FORM, "tensor count 18446744073709551615"},
    {"tensors 2^63", {{AT_N_TENSORS, 8, 1ull << 63}}, FORM, "tensor count"},
    {"tensors wrap", {{AT_N_TENSORS, 8, (1ull << 58) + 1}}, FORM, "tensor count"},
    {"tensors 10^6", {{AT_N_TENSORS, 8, 1000000}}, FORM, "tensor count"},
    {"tensors +1", {{AT_N_TENSORS, 8, 4}}, FORM, "bad tensor name"},
    {"tensors 0", {{AT_N_TENSORS, 8, 0}}, LUTRA_OK, ""},
    {"kvs -1", {{AT_N_KV, 8, MAX64}}, FORM, "kv count 18446744073709551615 impossible"},
    {"kvs wrap", {{AT_N_KV, 8, 0x555555555555556}}, FORM, "kv count"},
    {"kvs 5e8", {{AT_N_KV, 8, 500000000}}, FORM, "kv count"},
    {"kvs +1", {{AT_N_KV, 8, 8}}, FORM, "bad tensor name"},
    {"kvs -1 of them", {{AT_N_KV, 8, 6}}, FORM, "tensor test.f32"},
    {"key len max", {{AT_KEY0_LEN, 8, MAX64}}, FORM, "string of 18446744073709551615 bytes"},
    {"key len 2^48", {{AT_KEY0_LEN, 8, (1ull << 48) - 1}}, FORM, "past end of file"},
    {"key len wraps", {{AT_KEY0_LEN, 8, MAX64 - 31}}, FORM, "past end of file"},
    {"key len 0", {{AT_KEY0_LEN, 8, 0}}, FORM, "empty key"},
    {"key NUL", {{AT_KEY0, 1, 0}}, FORM, "not printable ASCII"},
    {"key ESC", {{AT_KEY0, 1, 27}}, FORM, "\\x1beneral.architecture at offset 32: the key is not"},
    {"key UTF-8", {{AT_KEY0, 2, 0xa9c3}}, FORM, "not printable ASCII"},
    {"value type 13", {{AT_BOOL_TYPE, 4, 13}}, FORM, "key test.bool"},
    {"value type 255", {{AT_BOOL_TYPE, 4, 255}}, FORM, "bad value type 255"},
    {"value type max", {{AT_BOOL_TYPE, 4, MAX64}}, FORM, "bad value type 4294967295"},
    {"string max", {{AT_ARCH_LEN, 8, MAX64}}, FORM, "key general.architecture"},
    {"string 2^63", {{AT_ARCH_LEN, 8, 1ull << 63}}, FORM, "past end of file"},
    {"string 2^30", {{AT_ARCH_LEN, 8, 1 << 30}}, FORM, "past end of file"},
    {"array max", {{AT_U32S_COUNT, 8, MAX64}}, FORM, "array of 18446744073709551615 elements runs"},
    {"array wraps u32", {{AT_U32S_COUNT, 8, (1ull << 62) + 1}}, FORM, "past end of file"},
    {"array wraps u64", {{AT_U32S_ELEM, 4, 10}, {AT_U32S_COUNT, 8, (1ull << 61) + 1}}, FORM,
     "past end of file"},
    {"array of strings wraps", {{AT_STRS_COUNT, 8, (1ull << 60) + 1}}, FORM, "past end of file"},
    {"array 10^9", {{AT_U32S_ELEM, 4, 0}, {AT_U32S_COUNT, 8, 1000000000}}, FORM, "runs past"},
    {"element type 13", {{AT_U32S_ELEM, 4, 13}}, FORM, "bad element type 13"},
    {"element type max", {{AT_U32S_ELEM, 4, MAX64}}, FORM, "bad element type"},
    {"array nested", {{AT_U32S_ELEM, 4, 9}}, UNSUP, "nested arrays are not supported"},
    {"string in array", {{AT_STR0_LEN, 8, MAX64 - 7}}, FORM, "key test.strs"},
    {"bool 2", {{AT_BOOL, 1, 2}}, FORM, "bool is neither 0 nor 1"},
    {"bool in array", {{AT_BOOLS, 1, 255}}, FORM, "key test.bools"},
    {"alignment 0", {{AT_ALIGN, 4, 0}}, FORM, "not a power of two >= 8"},
    {"alignment 1", {{AT_ALIGN, 4, 1}}, FORM, "not a power of two >= 8"},
    {"alignment 13", {{AT_ALIGN, 4, 13}}, FORM, "key general.alignment"},
    {"alignment 48", {{AT_ALIGN, 4, 48}}, FORM, "not a power of two >= 8"},
    {"alignment 2^30", {{AT_ALIGN, 4, 1 << 30}}, FORM, "too large"},
    {"alignment 2^31", {{AT_ALIGN, 4, 1ull << 31}}, FORM, "too large"},
    {"alignment i32", {{AT_ALIGN_TYPE, 4, 5}}, FORM, "not u32"},
    {"alignment f32", {{AT_ALIGN_TYPE, 4, 6}}, FORM, "not u32"},
    {"alignment 4096", {{AT_ALIGN, 4, 4096}}, FORM, "not aligned to 4096"},
    {"alignment 64", {{AT_ALIGN, 4, 64}}, FORM, "offset 32 not aligned to 64"},
    {"name len max", {{AT_A_NAME_LEN, 8, MAX64}}, FORM, "past end of file"},
    {"name len 2^30", {{AT_A_NAME_LEN, 8, 1 << 30}}, FORM, "past end of file"},
    {"name len 64", {{AT_A_NAME_LEN, 8, 64}}, FORM, "bad tensor name: 64 bytes"},
    {"name empty", {{AT_A_NAME_LEN, 8, 0}}, FORM, "bad tensor name: 0 bytes"},
    {"name NUL", {{AT_A_NAME, 1, 0}}, FORM, "bad tensor name"},
    {"name UTF-8", {{AT_A_NAME, 1, 0xff}}, FORM, "tensor \\xff.weight"},
    {"name duplicate", {{AT_B_NAME, 1, 'a'}}, FORM, "tensor a.weight"},
    {"dims 0", {{AT_A_DIMS, 4, 0}}, FORM, "0 dimensions"},
    {"dims 5", {{AT_A_DIMS, 4, 5}}, FORM, "5 dimensions"},
    {"dims max", {{AT_A_DIMS, 4, MAX64}}, FORM, "4294967295 dimensions"},
    {"ne0 0", {{AT_A_NE0, 8, 0}}, FORM, "dimension 0"},
    {"ne1 0", {{AT_B_NE1, 8, 0}}, FORM, "tensor b.weight"},
    {"ne -1", {{AT_A_NE0, 8, MAX64}}, FORM, "dimension out of range"},
    {"ne INT64_MIN", {{AT_A_NE0, 8, 1ull << 63}}, FORM, "dimension out of range"},
    {"ne product", {{AT_B_NE0, 8, 1ull << 32}, {AT_B_NE1, 8, 1ull << 32}}, FORM, "too many"},
    {"ne product wraps to 64", {{AT_B_NE0, 8, 64}, {AT_B_NE1, 8, (1ull << 58) + 1}}, FORM,
     "too many elements"},
    {"ne + 2^32", {{AT_A_NE0, 8, 8 + (1ull << 32)}}, FORM, "data past end of file"},
    {"bytes wrap", {{AT_A_NE0, 8, 1ull << 62}}, FORM, "too large"},
    {"bytes pad wraps", {{AT_A_NE0, 8, (1ull << 62) - 4}}, FORM, "data past end of file"},
    {"two halves of 2^64", {{AT_A_NE0, 8, (1ull << 61) - 16}, {AT_C_NE0, 8, (1ull << 60) - 16}},
     FORM, "data past end of file"},
    {"type 4", {{AT_A_TYPE, 4, 4}}, UNSUP, "unknown or removed type 4"},
    {"type 5", {{AT_A_TYPE, 4, 5}}, UNSUP, "tensor a.weight"},
    {"type 31", {{AT_A_TYPE, 4, 31}}, UNSUP, "unknown or removed type 31"},
    {"type 36", {{AT_A_TYPE, 4, 36}}, FORM, "not a multiple of the block of I2_S, 64"},
    {"type 43", {{AT_A_TYPE, 4, 43}}, UNSUP, "unknown or removed type 43"},
    {"type 255", {{AT_A_TYPE, 4, 255}}, UNSUP, "unknown or removed type 255"},
    {"type 2^31-1", {{AT_A_TYPE, 4, 0x7fffffff}}, UNSUP, "unknown or removed type 2147483647"},
    {"type -1", {{AT_A_TYPE, 4, MAX64}}, UNSUP, "unknown or removed type 4294967295"},
    {"type i32 is data", {{AT_A_TYPE, 4, 26}}, LUTRA_OK, ""},
    {"row of 63", {{AT_B_NE0, 8, 63}}, FORM, "row of 63 is not a multiple of the block of Q4_0"},
    {"row of Q4_K", {{AT_B_TYPE, 4, 12}}, FORM, "not a multiple of the block of Q4_K, 256"},
    {"type wider", {{AT_A_TYPE, 4, 28}}, FORM, "overlaps another tensor, b.weight"},
    {"type wider at the end", {{AT_C_TYPE, 4, 0}}, FORM, "data past end of file"},
    {"offset + 1", {{AT_A_OFFSET, 8, 1}}, FORM, "offset 1 not aligned to 32"},
    {"offset past end", {{AT_C_OFFSET, 8, 4096}}, FORM, "data past end of file"},
    {"offset at end", {{AT_C_OFFSET, 8, 128}}, FORM, "data past end of file"},
    {"offset max", {{AT_C_OFFSET, 8, MAX64}}, FORM, "not aligned"},
    {"offset 2^64-32", {{AT_C_OFFSET, 8, MAX64 - 31}}, FORM, "data past end of file"},
    {"offset 2^63", {{AT_C_OFFSET, 8, 1ull << 63}}, FORM, "data past end of file"},
    {"offsets all 0", {{AT_B_OFFSET, 8, 0}, {AT_C_OFFSET, 8, 0}}, FORM, "overlaps another tensor"},
    {"offset shared", {{AT_C_OFFSET, 8, 32}}, FORM, "overlaps another tensor"},
    {"partial overlap", {{AT_C_OFFSET, 8, 64}}, FORM, "tensor b.weight"},
};
/* clang-format on */

static void test_numbers(void)
{
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        struct gguf_bytes f;
        gguf_bytes_build(&f);
        for (int k = 0; k < 3 && numbers[i].edits[k].width; k++) {
            const struct edit *e = &numbers[i].edits[k];
            gguf_bytes_set(&f, f.at[e->at], e->value, e->width);
        }
        expect(numbers[i].name, &f, numbers[i].status, numbers[i].reason);
    }
}

/* The offset that would wrap around into the header. */
static void test_offset_wraps_to_header(void)
{
    struct gguf_bytes f;
    gguf_bytes_build(&f);
    gguf_bytes_set(&f, f.at[AT_C_OFFSET], 0 - (uint64_t)f.at[AT_DATA], 8);
    expect("offset wraps", &f, FORM, "data past end of file");
}

/* ---- pieces inserted: a key before the first one ---- */

/* Room for a kv of n bytes, counted; the header stays a multiple of 32 long. */
static uint8_t *insert_kv(struct gguf_bytes *f, size_t n)
{
    size_t at = f->at[AT_KEY0_LEN], old = f->at[AT_DATA];
    gguf_bytes_build(f);
    gguf_bytes_insert(f, at, n);
    size_t data = (f->at[AT_INFOS_END] + 31) / 32 * 32, moved = old + n;
    if (data > moved)
        gguf_bytes_insert(f, f->at[AT_INFOS_END], data - moved);
    else
        memmove(f->b + data, f->b + moved, 128);
    f->n = data + 128;
    f->at[AT_DATA] = data;
    gguf_bytes_set(f, f->at[AT_N_KV], 8, 8);
    return f->b + at;
}

/* A kv of the given bytes behind a key: type (u32), then value. */
static void expect_kv(const char *key, uint32_t type, const void *value, size_t n,
                      lutra_status status, const char *reason)
{
    struct gguf_bytes f;
    gguf_bytes_build(&f);
    uint8_t *p = insert_kv(&f, 8 + strlen(key) + 4 + n);
    size_t at = (size_t)(p - f.b);
    gguf_bytes_set(&f, at, strlen(key), 8);
    memcpy(p + 8, key, strlen(key));
    gguf_bytes_set(&f, at + 8 + strlen(key), type, 4);
    memcpy(p + 12 + strlen(key), value, n);
    expect(key, &f, status, reason);
}

static void test_keys(void)
{
    char key[1100];
    static const uint8_t five_text[] = "\5\0\0\0\0\0\0\0qwen2", two[] = {2, 0}, one[] = {1, 0};
    static const uint8_t escape[] = "\7\0\0\0\0\0\0\0\x1b]0;x\x07\xff";
    memset(key, 'k', sizeof key);
    key[1024] = '\0';
    expect_kv(key, 2, two, 2, LUTRA_OK, "");
    key[1024] = 'k';
    key[1025] = '\0';
    expect_kv(key, 2, two, 2, FORM, "the key is too long: 1025 bytes");
    expect_kv("general.architecture", 8, five_text, 13, FORM, "duplicate key");
    expect_kv("general.alignment", 4, "\x20\0\0\0", 4, FORM, "key general.alignment");
    expect_kv("general.name", 8, escape, 15, LUTRA_OK, "");
    expect_kv("split.count", 2, two, 2, UNSUP, "part 1 of a model in 2 files");
    expect_kv("split.count", 2, one, 2, LUTRA_OK, "");
    expect_kv("split.count", 8, five_text, 13, FORM, "split.count");
    expect_kv("general.alignmen", 8, five_text, 13, LUTRA_OK, "");
}

/* The alignment under its own name, but as a string or an array. */
static void test_alignment_types(void)
{
    static const uint8_t text[] = "\2\0\0\0\0\0\0\0"
                                  "32",
                         array[] = "\4\0\0\0\1\0\0\0\0\0\0\0\x20\0\0\0";
    for (int i = 0; i < 2; i++) {
        struct gguf_bytes f;
        gguf_bytes_build(&f);
        size_t n = i ? 16 : 10;
        gguf_bytes_insert(&f, f.at[AT_ALIGN] + 4, n - 4);
        gguf_bytes_set(&f, f.at[AT_ALIGN_TYPE], i ? 9 : 8, 4);
        memcpy(f.b + f.at[AT_ALIGN_TYPE] + 4, i ? array : text, n);
        expect("alignment type", &f, FORM, "not u32");
    }
}

/* An array in an array in an array ...: refused at the second, so nothing recurses. */
static void test_nested_deep(void)
{
    size_t depth = 100000, n = 37 + depth * 12 + 16;
    uint8_t *p = calloc(1, n);
    lutra_error err;
    CHECK(p != NULL);
    memcpy(p, "GGUF\3\0\0\0", 8);
    p[16] = 1;
    p[24] = 1;
    p[32] = 'k';
    p[33] = 9; /* its type; then element type and count, again and again */
    for (size_t i = 0; i < depth; i++) {
        p[37 + i * 12] = 9;
        p[41 + i * 12] = 1;
    }
    CHECK_EQ(open_bytes(p, n, &err), LUTRA_EUNSUPPORTED);
    CHECK(strstr(err.msg, "nested arrays are not supported") != NULL);
    free(p);
}

static void test_tiny(void)
{
    struct gguf_bytes f;
    lutra_error err;
    gguf_bytes_build(&f);
    static const size_t sizes[] = {0, 1, 4, 12, 23};
    for (size_t i = 0; i < 5; i++) {
        CHECK_EQ(open_bytes(f.b, sizes[i], &err), LUTRA_EFORMAT);
        CHECK(strstr(err.msg, "shorter than a GGUF header") != NULL);
    }
    memset(f.b, 0xff, sizeof f.b);
    CHECK_EQ(open_bytes(f.b, 1000, &err), LUTRA_EFORMAT);
    CHECK(strstr(err.msg, "not a GGUF file") != NULL);
    memset(f.b, 0, sizeof f.b);
    CHECK_EQ(open_bytes(f.b, 1000, &err), LUTRA_EFORMAT);
}

static void test_prefixes(void)
{
    struct gguf_bytes f;
    lutra_error err;
    gguf_bytes_build(&f);
    CHECK_EQ(open_bytes(f.b, f.n, &err), LUTRA_OK);
    for (size_t n = 0; n < f.n; n++) {
        CHECK_EQ(open_bytes(f.b, n, &err), LUTRA_EFORMAT);
        CHECK(strstr(err.msg, "bad.gguf: ") != NULL);
        if (n >= 24) CHECK(strstr(err.msg, "end of file") || strstr(err.msg, "impossible"));
    }
}

/* A lie about a length costs no memory: the high-water mark of the process hardly moves. */
static void test_memory(void)
{
    struct rusage before, after;
    getrusage(RUSAGE_SELF, &before);
    test_numbers();
    getrusage(RUSAGE_SELF, &after);
    CHECK(after.ru_maxrss - before.ru_maxrss < 32 << 10);
}

/* Numbers that have broken loaders before. */
static uint64_t nasty(void)
{
    static const uint64_t values[] = {0,          1,          2,          4,          8,
                                      31,         32,         33,         64,         255,
                                      256,        65535,      1 << 20,    1 << 30,    0x7fffffff,
                                      0x80000000, 0xffffffff, 1ull << 32, 1ull << 60, 1ull << 61,
                                      1ull << 62, 1ull << 63, MAX64,      MAX64 - 7,  MAX64 - 31};
    uint64_t v = values[check_rand_int(0, sizeof values / sizeof values[0] - 1)];
    return v + (uint64_t)check_rand_int(-2, 2) * (uint64_t)(check_rand_int(0, 3) == 0);
}

static void mutate(struct gguf_bytes *f)
{
    int kind = check_rand_int(0, 9);
    size_t at = (size_t)check_rand_int(0, (int)f->n - 9);
    if (kind < 6) /* a field, whole or in part */
        gguf_bytes_set(f, f->at[check_rand_int(0, N_FIELDS - 1)], nasty(),
                       1 << check_rand_int(0, 3));
    else if (kind == 6)
        f->b[at] ^= (uint8_t)(1 << check_rand_int(0, 7));
    else if (kind == 7)
        gguf_bytes_set(f, at, check_rand(), 8);
    else if (kind == 8)
        f->n = at;
    else
        gguf_bytes_insert(f, at, (size_t)check_rand_int(1, 40));
}

static void test_mutants(void)
{
    int accepted = 0, refused = 0;
    for (int i = 0; i < 20000; i++) {
        struct gguf_bytes f;
        lutra_error err;
        gguf_bytes_build(&f);
        for (int k = check_rand_int(1, 3); k > 0 && f.n > 16; k--) mutate(&f);
        if (open_bytes(f.b, f.n, &err) == LUTRA_OK) {
            accepted++;
            continue;
        }
        refused++;
        CHECK(err.code == LUTRA_EFORMAT || err.code == LUTRA_EUNSUPPORTED);
        CHECK(strchr(err.msg, '\n') == NULL && strstr(err.msg, "bad.gguf: ") != NULL);
    }
    CHECK(accepted > 100 && refused > 10000);
}

int main(int argc, char **argv)
{
    check_init(argc, argv, "test_gguf_bad");
    snprintf(file, sizeof file, "%s/bad.gguf", check_tmp());
    CHECK_CASE("a lie costs no memory") test_memory();
    CHECK_CASE("numbers in fields") test_numbers();
    CHECK_CASE("offset wraps into the header") test_offset_wraps_to_header();
    CHECK_CASE("keys inserted") test_keys();
    CHECK_CASE("alignment of another type") test_alignment_types();
    CHECK_CASE("arrays nested 100,000 deep") test_nested_deep();
    CHECK_CASE("tiny files") test_tiny();
    CHECK_CASE("every prefix") test_prefixes();
    CHECK_CASE("20,000 mutants") test_mutants();
    return check_done();
}
