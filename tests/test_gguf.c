/* SPDX-License-Identifier: MIT */
/* The GGUF reader on good files, on things that are no files, and on files that change. */
#include "models/gguf.h"

#include <errno.h>
#include <math.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>

#include "tests/check.h"
#include "tests/gguf_bytes.h"

static const char *path_in_tmp(const char *name)
{
    static char path[512];
    snprintf(path, sizeof path, "%s/%s", check_tmp(), name);
    return path;
}

static struct lutra_gguf *open_good(const struct gguf_bytes *f, const char *name)
{
    struct lutra_gguf *g = NULL;
    lutra_error err = {LUTRA_OK, ""};
    CHECK(gguf_bytes_save(path_in_tmp(name), f->b, f->n));
    CHECK_EQ(lutra_gguf_open(&g, path_in_tmp(name), &err), LUTRA_OK);
    CHECK_STR(err.msg, "");
    return g;
}

static void test_directory(void)
{
    struct gguf_bytes f;
    uint8_t data[128];
    gguf_bytes_build(&f);
    struct lutra_gguf *g = open_good(&f, "good.gguf");
    if (!g) return;
    CHECK_EQ(lutra_gguf_version(g), 3);
    CHECK_EQ(lutra_gguf_file_bytes(g), f.n);
    CHECK_EQ(lutra_gguf_header_bytes(g), f.at[AT_INFOS_END]);
    CHECK_EQ(lutra_gguf_n_kv(g), 7);
    CHECK_EQ(lutra_gguf_n_tensors(g), 3);
    CHECK(!lutra_gguf_kv_at(g, -1) && !lutra_gguf_kv_at(g, 7));
    CHECK(!lutra_gguf_tensor_at(g, -1) && !lutra_gguf_tensor_at(g, 3));
    CHECK(!lutra_gguf_tensor(g, "d.weight") && !lutra_gguf_tensor(g, ""));
    CHECK(!lutra_gguf_find(g, "general") && !lutra_gguf_find(g, ""));
    const struct lutra_gguf_tensor *b = lutra_gguf_tensor(g, "b.weight");
    CHECK(b == lutra_gguf_tensor_at(g, 1));
    CHECK_EQ(b->n_dims, 2);
    CHECK(b->ne[0] == 32 && b->ne[1] == 2 && b->ne[2] == 1 && b->ne[3] == 1);
    CHECK_EQ(b->bytes, 36);
    CHECK_EQ(b->offset, f.at[AT_DATA] + 32);
    CHECK_EQ(b->info_offset, f.at[AT_B_NAME] - 8);
    CHECK_EQ(lutra_gguf_read(g, b, 3, data, 33, NULL), LUTRA_OK);
    CHECK_MEM(data, f.b + b->offset + 3, 33, 'b');
    CHECK_EQ(lutra_gguf_read(g, b, 36, data, 0, NULL), LUTRA_OK);
    CHECK_EQ(lutra_gguf_read(g, b, 4, data, 33, NULL), LUTRA_EINVAL);
    CHECK_EQ(lutra_gguf_read(g, b, UINT64_MAX, data, 1, NULL), LUTRA_EINVAL);
    CHECK_EQ(lutra_gguf_read(g, b, 37, data, 0, NULL), LUTRA_EINVAL);
    lutra_gguf_close(g);
    lutra_gguf_close(NULL);
}

static void test_values(void)
{
    struct gguf_bytes f;
    gguf_bytes_build(&f);
    struct lutra_gguf *g = open_good(&f, "good.gguf");
    if (!g) return;
    lutra_error err;
    int64_t i = -5;
    double d = -5;
    bool b = false, found = true;
    const char *s = NULL;
    size_t len = 0;
    CHECK_EQ(lutra_gguf_int(g, "general.alignment", 0, 32, &i, &found, &err), LUTRA_OK);
    CHECK(found && i == 32);
    CHECK_EQ(lutra_gguf_int(g, "general.alignment", 0, 31, &i, &found, &err), LUTRA_EFORMAT);
    CHECK(strstr(err.msg, "32 is out of range, expected 0 to 31; the file is damaged, convert or download it again") != NULL);
    CHECK(strstr(err.msg, "good.gguf: key general.alignment at offset ") != NULL);
    i = -5;
    CHECK_EQ(lutra_gguf_int(g, "absent", 0, 1, &i, &found, &err), LUTRA_OK);
    CHECK(!found && i == -5);
    CHECK_EQ(lutra_gguf_int(g, "test.bool", 0, 1, &i, NULL, &err), LUTRA_EFORMAT);
    CHECK_EQ(lutra_gguf_int(g, "test.u32s", 0, 1, &i, NULL, &err), LUTRA_EFORMAT);
    CHECK(strstr(err.msg, "is of type array of u32, expected an integer") != NULL);
    CHECK_EQ(lutra_gguf_int(g, "general.architecture", 0, 1, &i, NULL, &err), LUTRA_EFORMAT);
    CHECK_EQ(lutra_gguf_float(g, "test.f32", 0, 0.5, &d, &found, &err), LUTRA_OK);
    CHECK(found && d == 0.5);
    CHECK_EQ(lutra_gguf_float(g, "test.f32", 0.6, 1, &d, &found, &err), LUTRA_EFORMAT);
    CHECK_EQ(lutra_gguf_float(g, "general.alignment", 0, 99, &d, NULL, &err), LUTRA_EFORMAT);
    CHECK_EQ(lutra_gguf_bool(g, "test.bool", &b, &found, &err), LUTRA_OK);
    CHECK(found && b);
    CHECK_EQ(lutra_gguf_bool(g, "test.bools", &b, &found, &err), LUTRA_EFORMAT);
    CHECK_EQ(lutra_gguf_str(g, "general.architecture", &s, &len, &found, &err), LUTRA_OK);
    CHECK(found && len == 5 && memcmp(s, "llama", 5) == 0);
    CHECK_EQ(lutra_gguf_str(g, "test.strs", &s, &len, &found, &err), LUTRA_EFORMAT);
    lutra_gguf_close(g);
}

static void test_not_finite(void)
{
    static const uint32_t bits[] = {0x7fc00000, 0x7f800000, 0xff800000};
    for (int k = 0; k < 3; k++) {
        struct gguf_bytes f;
        double d = 7;
        gguf_bytes_build(&f);
        gguf_bytes_set(&f, f.at[AT_FLOAT], bits[k], 4);
        struct lutra_gguf *g = open_good(&f, "nan.gguf");
        if (!g) return;
        CHECK_EQ(lutra_gguf_float(g, "test.f32", -INFINITY, INFINITY, &d, NULL, NULL),
                 LUTRA_EFORMAT);
        CHECK(d == 7);
        lutra_gguf_close(g);
    }
}

static void test_arrays(void)
{
    struct gguf_bytes f;
    gguf_bytes_build(&f);
    struct lutra_gguf *g = open_good(&f, "good.gguf");
    if (!g) return;
    const struct lutra_gguf_kv *u32s = lutra_gguf_find(g, "test.u32s");
    const struct lutra_gguf_kv *strs = lutra_gguf_find(g, "test.strs");
    const struct lutra_gguf_kv *bools = lutra_gguf_find(g, "test.bools");
    int64_t v = 0;
    double d;
    const char *s;
    size_t len;
    uint64_t cursor = 0;
    CHECK(u32s->type == LUTRA_GGUF_ARRAY && u32s->elem_type == LUTRA_GGUF_U32 && u32s->count == 3);
    CHECK_EQ(u32s->offset, f.at[AT_U32S_COUNT] + 8);
    CHECK(lutra_gguf_arr_int(g, u32s, 2, &v) && v == 3);
    CHECK(!lutra_gguf_arr_int(g, u32s, 3, &v) && !lutra_gguf_arr_int(g, u32s, UINT64_MAX, &v));
    CHECK(!lutra_gguf_arr_float(g, u32s, 0, &d) && !lutra_gguf_arr_int(g, strs, 0, &v));
    CHECK(lutra_gguf_arr_int(g, bools, 1, &v) && v == 1);
    CHECK(!lutra_gguf_arr_int(g, lutra_gguf_find(g, "test.bool"), 0, &v));
    CHECK(lutra_gguf_arr_str(g, strs, &cursor, &s, &len) && len == 1 && s[0] == 'a');
    CHECK(lutra_gguf_arr_str(g, strs, &cursor, &s, &len) && len == 2 && memcmp(s, "bc", 2) == 0);
    CHECK(!lutra_gguf_arr_str(g, strs, &cursor, &s, &len));
    cursor = 0;
    CHECK(!lutra_gguf_arr_str(g, u32s, &cursor, &s, &len));
    lutra_gguf_close(g);
}

static void check_shown(const struct lutra_gguf *g, const char *key, size_t cap,
                        const char *expected)
{
    char *text = check_guard(cap, 1);
    lutra_gguf_show(g, lutra_gguf_find(g, key), text, cap);
    CHECK_STR(text, expected);
    check_guard_free(text);
}

static void test_show(void)
{
    struct gguf_bytes f;
    gguf_bytes_build(&f);
    f.b[f.at[AT_ARCH]] = 0x1b;
    struct lutra_gguf *g = open_good(&f, "show.gguf");
    if (!g) return;
    check_shown(g, "general.architecture", 40, "\\x1blama");
    check_shown(g, "general.alignment", 40, "32");
    check_shown(g, "test.bool", 40, "true");
    check_shown(g, "test.f32", 40, "0.5");
    check_shown(g, "test.u32s", 40, "[1, 2, 3]");
    check_shown(g, "test.strs", 40, "[a, bc]");
    check_shown(g, "test.bools", 40, "[false, true]");
    check_shown(g, "test.u32s", 10, "[1, 2, 3]");
    check_shown(g, "test.u32s", 9, "");
    for (size_t cap = 1; cap < 30; cap++) { /* stays inside */
        char *text = check_guard(cap, 1);
        for (int i = 0; i < lutra_gguf_n_kv(g); i++) {
            lutra_gguf_show(g, lutra_gguf_kv_at(g, i), text, cap);
            CHECK(memchr(text, 0, cap) != NULL);
        }
        check_guard_free(text);
    }
    lutra_gguf_close(g);
}

/* Every integer type through one door, extremes included. */
static void test_integer_types(void)
{
    static const struct {
        uint8_t type, width;
        uint64_t bits;
        int64_t value;
        bool fits;
    } t[] = {
        {LUTRA_GGUF_U8, 1, 255, 255, true},
        {LUTRA_GGUF_I8, 1, 0x80, -128, true},
        {LUTRA_GGUF_U16, 2, 65535, 65535, true},
        {LUTRA_GGUF_I16, 2, 0x8000, -32768, true},
        {LUTRA_GGUF_U32, 4, 0xffffffff, 0xffffffff, true},
        {LUTRA_GGUF_I32, 4, 0x80000000, INT32_MIN, true},
        {LUTRA_GGUF_I64, 8, 1ull << 63, INT64_MIN, true},
        {LUTRA_GGUF_U64, 8, INT64_MAX, INT64_MAX, true},
        {LUTRA_GGUF_U64, 8, 1ull << 63, 0, false},
        {LUTRA_GGUF_U64, 8, UINT64_MAX, 0, false},
    };
    for (size_t k = 0; k < sizeof t / sizeof t[0]; k++) {
        struct gguf_bytes f = {.n = 0};
        int64_t v = 0;
        lutra_error err;
        put_bytes(&f, "GGUF\3\0\0\0\0\0\0\0\0\0\0\0\2\0\0\0\0\0\0\0", 24);
        put_text(&f, "n");
        put_le(&f, t[k].type, 4);
        put_le(&f, t[k].bits, t[k].width);
        put_text(&f, "array");
        put_le(&f, LUTRA_GGUF_ARRAY, 4);
        put_le(&f, t[k].type, 4);
        put_le(&f, 1, 8);
        put_le(&f, t[k].bits, t[k].width);
        struct lutra_gguf *g = open_good(&f, "int.gguf");
        if (!g) return;
        lutra_status st = lutra_gguf_int(g, "n", INT64_MIN, INT64_MAX, &v, NULL, &err);
        CHECK_EQ(st, t[k].fits ? LUTRA_OK : LUTRA_EFORMAT);
        if (t[k].fits) CHECK_EQ(v, t[k].value);
        CHECK_EQ(lutra_gguf_arr_int(g, lutra_gguf_find(g, "array"), 0, &v), t[k].fits);
        lutra_gguf_close(g);
    }
}

/* Shuffled infos, a gap, junk behind the data, dirty padding: all legal. */
static void test_oddities(void)
{
    struct gguf_bytes f;
    uint8_t data[32];
    gguf_bytes_build(&f);
    gguf_bytes_set(&f, f.at[AT_A_OFFSET], 4096 - 1024, 8);
    gguf_bytes_set(&f, f.at[AT_C_OFFSET], 0, 8);
    for (size_t i = f.at[AT_INFOS_END]; i < f.at[AT_DATA]; i++) f.b[i] = 0xee;
    for (size_t i = f.n; i < sizeof f.b; i++) f.b[i] = (uint8_t)i;
    f.n = sizeof f.b;
    struct lutra_gguf *g = open_good(&f, "odd.gguf");
    if (!g) return;
    const struct lutra_gguf_tensor *a = lutra_gguf_tensor(g, "a.weight");
    CHECK_EQ(lutra_gguf_read(g, a, 0, data, 32, NULL), LUTRA_OK);
    CHECK_MEM(data, f.b + f.at[AT_DATA] + 3072, 32, 'b');
    lutra_gguf_close(g);
}

static lutra_status refuse(const char *path, const char *reason)
{
    struct lutra_gguf *g = NULL;
    lutra_error err = {LUTRA_OK, ""};
    lutra_status st = lutra_gguf_open(&g, path, &err);
    CHECK(st != LUTRA_OK && !g);
    CHECK(strchr(err.msg, '\n') == NULL);
    if (!strstr(err.msg, reason)) CHECK_STR(err.msg, reason);
    lutra_gguf_close(g);
    return st;
}

static void test_not_files(void)
{
    char longer[5001];
    CHECK_EQ(refuse(check_tmp(), "a directory, not a regular file"), LUTRA_EIO);
    CHECK_EQ(refuse(path_in_tmp("none"), "cannot open: No such file"), LUTRA_EIO);
    CHECK_EQ(refuse("", "cannot open"), LUTRA_EIO);
    CHECK_EQ(mkfifo(path_in_tmp("fifo"), 0600), 0);
    CHECK_EQ(refuse(path_in_tmp("fifo"), "a pipe, not a regular file"), LUTRA_EIO);
    CHECK_EQ(refuse("/dev/zero", "a device, not a regular file"), LUTRA_EIO);
    CHECK_EQ(refuse("/dev/full", "a device, not a regular file"), LUTRA_EIO);
    CHECK_EQ(symlink("loop", path_in_tmp("loop")), 0);
    CHECK_EQ(refuse(path_in_tmp("loop"), "cannot open"), LUTRA_EIO);
    CHECK_EQ(refuse(path_in_tmp("new\nline\x1b[2J"), "new\\x0aline\\x1b[2J: cannot open"),
             LUTRA_EIO);
    memset(longer, 'p', 5000);
    longer[5000] = '\0';
    CHECK_EQ(refuse(longer, "...pppp"), LUTRA_EIO);
}

static void test_socket(void)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    snprintf(a.sun_path, sizeof a.sun_path, "%.90s/sock", check_tmp());
    if (fd < 0 || bind(fd, (struct sockaddr *)&a, sizeof a) != 0) {
        check_skip("no UNIX sockets here");
    } else {
        CHECK_EQ(refuse(a.sun_path, "cannot open"), LUTRA_EIO);
    }
    if (fd >= 0) close(fd);
}

/* Root may read everything, so a child gives that up first. */
static void test_permission(void)
{
    struct gguf_bytes f;
    int status = -1;
    gguf_bytes_build(&f);
    CHECK(gguf_bytes_save(path_in_tmp("secret"), f.b, f.n));
    CHECK_EQ(chmod(path_in_tmp("secret"), 0), 0);
    fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
        struct lutra_gguf *g;
        lutra_error err = {LUTRA_OK, ""};
        if (geteuid() == 0 && setuid(65534) != 0) _exit(2);
        lutra_status st = lutra_gguf_open(&g, path_in_tmp("secret"), &err);
        _exit(st == LUTRA_EIO && strstr(err.msg, "cannot open: Permission denied") ? 0 : 1);
    }
    CHECK(child > 0 && waitpid(child, &status, 0) == child);
    CHECK_EQ(status, 0);
}

/* A terabyte of holes behind a header whose string claims half of it. */
static void test_sparse(void)
{
    struct gguf_bytes f;
    gguf_bytes_build(&f);
    gguf_bytes_set(&f, f.at[AT_ARCH_LEN], 1ull << 39, 8);
    CHECK(gguf_bytes_save(path_in_tmp("sparse"), f.b, f.n));
    if (truncate(path_in_tmp("sparse"), (off_t)1 << 40) != 0) {
        check_skip("this file system has no files of 1 TiB");
        return;
    }
    CHECK_EQ(refuse(path_in_tmp("sparse"), "larger than 256 MiB"), LUTRA_EUNSUPPORTED);
    gguf_bytes_set(&f, f.at[AT_ARCH_LEN], 5, 8);
    gguf_bytes_set(&f, f.at[AT_N_KV], 1ull << 33, 8);
    int fd = open(path_in_tmp("sparse"), O_WRONLY);
    CHECK(fd >= 0 && pwrite(fd, f.b, f.n, 0) == (ssize_t)f.n);
    close(fd);
    CHECK_EQ(refuse(path_in_tmp("sparse"), "empty key"), LUTRA_EFORMAT);
}

static void test_truncated_live(void)
{
    struct gguf_bytes f;
    lutra_error err;
    uint8_t data[32];
    gguf_bytes_build(&f);
    struct lutra_gguf *g = open_good(&f, "live.gguf");
    if (!g) return;
    CHECK_EQ(truncate(path_in_tmp("live.gguf"), (off_t)f.at[AT_DATA] + 100), 0);
    const struct lutra_gguf_tensor *c = lutra_gguf_tensor(g, "c.weight");
    CHECK_EQ(lutra_gguf_read(g, c, 0, data, 32, &err), LUTRA_EIO);
    CHECK(strstr(err.msg, "became shorter while reading") != NULL);
    err.msg[0] = '\0'; /* bytes that are still there, of a file that is not what it was */
    CHECK_EQ(lutra_gguf_read(g, lutra_gguf_tensor(g, "a.weight"), 0, data, 32, &err), LUTRA_EIO);
    CHECK(strstr(err.msg, "became shorter while reading") != NULL);
    lutra_gguf_close(g);
}

static void test_rewritten_live(void)
{
    struct gguf_bytes f;
    lutra_error err;
    uint8_t data[32];
    gguf_bytes_build(&f);
    struct lutra_gguf *g = open_good(&f, "live.gguf");
    if (!g) return;
    const struct lutra_gguf_tensor *a = lutra_gguf_tensor(g, "a.weight");
    CHECK(gguf_bytes_save(path_in_tmp("live.gguf"), f.b, f.n));
    struct timespec later[2] = {{.tv_sec = 2000000000}, {.tv_sec = 2000000000}};
    CHECK_EQ(utimensat(AT_FDCWD, path_in_tmp("live.gguf"), later, 0), 0); /* clocks may be coarse */
    CHECK_EQ(lutra_gguf_read(g, a, 0, data, 32, &err), LUTRA_EIO);
    CHECK(strstr(err.msg, "was changed while reading") != NULL);
    lutra_gguf_close(g);
    g = open_good(&f, "live.gguf");
    CHECK_EQ(unlink(path_in_tmp("live.gguf")), 0); /* the file lives on until it is closed */
    CHECK_EQ(lutra_gguf_read(g, lutra_gguf_tensor(g, "a.weight"), 0, data, 32, &err), LUTRA_OK);
    lutra_gguf_close(g);
}

static void *read_often(void *arg)
{
    const struct lutra_gguf *g = arg;
    uint8_t data[36];
    for (int i = 0; i < 500; i++) {
        const struct lutra_gguf_tensor *t = lutra_gguf_tensor_at(g, i % 3);
        if (lutra_gguf_read(g, t, 0, data, t->bytes, NULL) != LUTRA_OK) return arg;
        uint8_t first = (uint8_t)(i % 3 == 0 ? 0 : i % 3 == 1 ? 32 : 96);
        if (data[0] != first || data[31] != first + 31) return arg;
    }
    return NULL;
}

static void test_threads(void)
{
    struct gguf_bytes f;
    pthread_t id[4];
    void *bad = NULL;
    gguf_bytes_build(&f);
    struct lutra_gguf *g = open_good(&f, "shared.gguf");
    if (!g) return;
    for (int i = 0; i < 4; i++) CHECK_EQ(pthread_create(&id[i], NULL, read_often, g), 0);
    for (int i = 0; i < 4; i++) {
        CHECK_EQ(pthread_join(id[i], &bad), 0);
        CHECK(!bad);
    }
    lutra_gguf_close(g);
}

int main(int argc, char **argv)
{
    check_init(argc, argv, "test_gguf");
    CHECK_CASE("directory") test_directory();
    CHECK_CASE("values") test_values();
    CHECK_CASE("numbers that are not finite") test_not_finite();
    CHECK_CASE("arrays") test_arrays();
    CHECK_CASE("shown to a person") test_show();
    CHECK_CASE("integer types") test_integer_types();
    CHECK_CASE("legal oddities") test_oddities();
    CHECK_CASE("not regular files") test_not_files();
    CHECK_CASE("socket") test_socket();
    CHECK_CASE("no permission") test_permission();
    CHECK_CASE("sparse terabyte") test_sparse();
    CHECK_CASE("truncated while open") test_truncated_live();
    CHECK_CASE("rewritten while open") test_rewritten_live();
    CHECK_CASE("four threads") test_threads();
    return check_done();
}
