/* SPDX-License-Identifier: MIT */
/* The GGUF writer: what was put is what is read; a save that fails leaves nothing behind. */
#include "models/gguf.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "kernels/qtypes.h"
#include "tests/check.h"

static const char *path_in_tmp(const char *name)
{
    static char path[512];
    snprintf(path, sizeof path, "%s/%s", check_tmp(), name);
    return path;
}

static struct lutra_gguf_writer *new_writer(void)
{
    struct lutra_gguf_writer *w = NULL;
    CHECK_EQ(lutra_gguf_writer_open(&w, NULL), LUTRA_OK);
    return w;
}

/* Files left in the temporary directory whose name holds `part`. */
static int count_files(const char *part)
{
    DIR *d = opendir(check_tmp());
    int n = 0;
    for (struct dirent *e; d && (e = readdir(d));) n += strstr(e->d_name, part) != NULL;
    if (d) closedir(d);
    return n;
}

static size_t read_file(const char *path, void *dst, size_t cap)
{
    int fd = open(path, O_RDONLY);
    ssize_t n = fd >= 0 ? read(fd, dst, cap) : -1;
    if (fd >= 0) close(fd);
    return n < 0 ? 0 : (size_t)n;
}

struct filler {
    uint64_t next;    /* calls come in order, without gaps */
    uint64_t fail_at; /* refuse from this byte on */
};

static lutra_status fill(void *arg, uint64_t at, void *dst, size_t n, lutra_error *err)
{
    struct filler *f = arg;
    CHECK_EQ(at, f->next);
    if (at >= f->fail_at) return lutra_fail(err, LUTRA_ECANCEL, "the filler gives up");
    for (size_t i = 0; i < n; i++) ((uint8_t *)dst)[i] = (uint8_t)((at + i) % 251);
    f->next = at + n;
    return LUTRA_OK;
}

static void put_everything(struct lutra_gguf_writer *w, struct filler *f)
{
    static const char *const strs[] = {"one", "", "three\n"};
    static const size_t lens[] = {3, 0, 6};
    static const uint8_t bools[] = {1, 0, 1};
    static const int32_t i32s[] = {-1, INT32_MIN, 7};
    static const float weights[] = {1, 2, 3};
    lutra_gguf_put_str(w, "general.architecture", "llama", 5);
    lutra_gguf_put_u32(w, "u32", 4000000000u);
    lutra_gguf_put_i32(w, "i32", -5);
    lutra_gguf_put_u64(w, "u64", 1ull << 62);
    lutra_gguf_put_f32(w, "f32", -0.25f);
    lutra_gguf_put_bool(w, "bool", true);
    lutra_gguf_put_strs(w, "strs", strs, lens, 3);
    lutra_gguf_put_strs(w, "none", NULL, NULL, 0);
    lutra_gguf_put_array(w, "bools", LUTRA_GGUF_BOOL, bools, 3);
    lutra_gguf_put_array(w, "i32s", LUTRA_GGUF_I32, i32s, 3);
    lutra_gguf_put_tensor(w, "small", LUTRA_TYPE_F32, 1, (const uint64_t[]){3}, weights, NULL,
                          NULL);
    lutra_gguf_put_tensor(w, "filled", LUTRA_TYPE_Q8_0, 2, (const uint64_t[]){320, 3001}, NULL,
                          fill, f);
    lutra_gguf_put_tensor(w, "four", LUTRA_TYPE_F16, 4, (const uint64_t[]){1, 2, 1, 1}, "abcd",
                          NULL, NULL);
}

static void check_values(const struct lutra_gguf *g)
{
    int64_t v = 0;
    double d = 0;
    bool b = false;
    const char *s;
    size_t len;
    uint64_t cursor = 0;
    CHECK_EQ(lutra_gguf_n_kv(g), 10);
    CHECK_EQ(lutra_gguf_int(g, "u32", 0, INT64_MAX, &v, NULL, NULL), LUTRA_OK);
    CHECK_EQ(v, 4000000000);
    CHECK_EQ(lutra_gguf_int(g, "i32", -9, 9, &v, NULL, NULL), LUTRA_OK);
    CHECK_EQ(v, -5);
    CHECK_EQ(lutra_gguf_int(g, "u64", 0, INT64_MAX, &v, NULL, NULL), LUTRA_OK);
    CHECK_EQ(v, 1ll << 62);
    CHECK_EQ(lutra_gguf_float(g, "f32", -1, 1, &d, NULL, NULL), LUTRA_OK);
    CHECK(d == -0.25);
    CHECK_EQ(lutra_gguf_bool(g, "bool", &b, NULL, NULL), LUTRA_OK);
    CHECK(b);
    const struct lutra_gguf_kv *strs = lutra_gguf_find(g, "strs"),
                               *i32s = lutra_gguf_find(g, "i32s");
    CHECK(lutra_gguf_arr_str(g, strs, &cursor, &s, &len) && len == 3 && memcmp(s, "one", 3) == 0);
    CHECK(lutra_gguf_arr_str(g, strs, &cursor, &s, &len) && len == 0);
    CHECK(lutra_gguf_arr_str(g, strs, &cursor, &s, &len) && len == 6 &&
          memcmp(s, "three\n", 6) == 0);
    CHECK(!lutra_gguf_arr_str(g, strs, &cursor, &s, &len));
    CHECK_EQ(lutra_gguf_find(g, "none")->count, 0);
    CHECK(lutra_gguf_arr_int(g, i32s, 1, &v) && v == INT32_MIN);
    CHECK_EQ(lutra_gguf_find(g, "bools")->elem_type, LUTRA_GGUF_BOOL);
}

static void test_round_trip(void)
{
    struct filler f = {0, UINT64_MAX};
    struct lutra_gguf_writer *w = new_writer();
    struct lutra_gguf *g = NULL;
    lutra_error err = {LUTRA_OK, ""};
    put_everything(w, &f);
    CHECK_EQ(lutra_gguf_writer_save(w, path_in_tmp("all.gguf"), &err), LUTRA_OK);
    CHECK_STR(err.msg, "");
    lutra_gguf_writer_close(w);
    CHECK_EQ(lutra_gguf_open(&g, path_in_tmp("all.gguf"), &err), LUTRA_OK);
    CHECK_STR(err.msg, "");
    if (!g) return;
    check_values(g);
    CHECK_EQ(lutra_gguf_file_bytes(g) % 32, 0);
    const struct lutra_gguf_tensor *small = lutra_gguf_tensor(g, "small");
    const struct lutra_gguf_tensor *filled = lutra_gguf_tensor(g, "filled");
    const struct lutra_gguf_tensor *four = lutra_gguf_tensor(g, "four");
    float weights[3];
    char text[4];
    CHECK_EQ(lutra_gguf_read(g, small, 0, weights, sizeof weights, NULL), LUTRA_OK);
    CHECK(weights[0] == 1 && weights[2] == 3);
    CHECK_EQ(four->n_dims, 4);
    CHECK_EQ(lutra_gguf_read(g, four, 0, text, 4, NULL), LUTRA_OK);
    CHECK(memcmp(text, "abcd", 4) == 0);
    CHECK_EQ(filled->bytes, 34ull * 10 * 3001);
    uint8_t *all = malloc(filled->bytes);
    CHECK(all && lutra_gguf_read(g, filled, 0, all, filled->bytes, NULL) == LUTRA_OK);
    for (uint64_t i = 0; all && i < filled->bytes; i++)
        if (all[i] != i % 251) {
            CHECK(!"filled bytes arrive");
            break;
        }
    free(all);
    lutra_gguf_close(g);
}

/* The same calls give the same bytes; a second save of one writer too. */
static void test_same_bytes(void)
{
    static uint8_t a[2 << 20], b[2 << 20];
    size_t na = 0, nb = 0;
    for (int i = 0; i < 2; i++) {
        struct filler f = {0, UINT64_MAX};
        struct lutra_gguf_writer *w = new_writer();
        put_everything(w, &f);
        CHECK_EQ(lutra_gguf_writer_save(w, path_in_tmp("same.gguf"), NULL), LUTRA_OK);
        na = read_file(path_in_tmp("same.gguf"), i ? b : a, sizeof a);
        f.next = 0;
        CHECK_EQ(lutra_gguf_writer_save(w, path_in_tmp("same.gguf"), NULL), LUTRA_OK);
        nb = read_file(path_in_tmp("same.gguf"), b, sizeof b);
        CHECK(na > 1000000 && na == nb);
        CHECK_MEM(a, b, na, 'b');
        lutra_gguf_writer_close(w);
    }
}

static void test_empty(void)
{
    struct lutra_gguf_writer *w = new_writer();
    struct lutra_gguf *g = NULL;
    CHECK_EQ(lutra_gguf_writer_save(w, path_in_tmp("empty.gguf"), NULL), LUTRA_OK);
    CHECK_EQ(lutra_gguf_open(&g, path_in_tmp("empty.gguf"), NULL), LUTRA_OK);
    CHECK(g && lutra_gguf_n_kv(g) == 0 && lutra_gguf_n_tensors(g) == 0);
    CHECK(g && !lutra_gguf_find(g, "x") && !lutra_gguf_tensor(g, "x"));
    lutra_gguf_close(g);
    lutra_gguf_writer_close(w);
    lutra_gguf_writer_close(NULL);
}

/* Many keys and tensors, whose names arrive in no order. */
static void test_many(void)
{
    struct lutra_gguf_writer *w = new_writer();
    struct lutra_gguf *g = NULL;
    char name[32];
    for (uint32_t i = 0; i < 70000; i++) {
        snprintf(name, sizeof name, "key.%u", i * 2654435761u);
        lutra_gguf_put_u32(w, name, i);
        if (i % 10) continue;
        snprintf(name, sizeof name, "blk.%u.weight", i * 2654435761u);
        lutra_gguf_put_tensor(w, name, LUTRA_TYPE_F32, 1, (const uint64_t[]){1}, &i, NULL, NULL);
    }
    CHECK_EQ(lutra_gguf_writer_save(w, path_in_tmp("many.gguf"), NULL), LUTRA_OK);
    lutra_gguf_writer_close(w);
    CHECK_EQ(lutra_gguf_open(&g, path_in_tmp("many.gguf"), NULL), LUTRA_OK);
    for (uint32_t i = 0; g && i < 70000; i += 10) {
        int64_t v = -1;
        uint32_t data = 0;
        snprintf(name, sizeof name, "key.%u", i * 2654435761u);
        CHECK(lutra_gguf_int(g, name, 0, 70000, &v, NULL, NULL) == LUTRA_OK && v == i);
        snprintf(name, sizeof name, "blk.%u.weight", i * 2654435761u);
        const struct lutra_gguf_tensor *t = lutra_gguf_tensor(g, name);
        CHECK(t && lutra_gguf_read(g, t, 0, &data, 4, NULL) == LUTRA_OK && data == i);
    }
    lutra_gguf_close(g);
}

/* ---- refusals ---- */

/* Saving must fail with this reason; the first error sticks. */
static void refused(struct lutra_gguf_writer *w, lutra_status status, const char *reason)
{
    lutra_error err = {LUTRA_OK, ""};
    CHECK_EQ(lutra_gguf_writer_save(w, path_in_tmp("refused.gguf"), &err), status);
    if (!strstr(err.msg, reason)) CHECK_STR(err.msg, reason);
    CHECK_EQ(count_files("refused.gguf"), 0);
    lutra_gguf_writer_close(w);
}

static lutra_status put_shape(struct lutra_gguf_writer *w, uint32_t type, int n_dims, uint64_t a,
                              uint64_t b)
{
    return lutra_gguf_put_tensor(w, "t", type, n_dims, (const uint64_t[]){a, b, 1, 1}, NULL, fill,
                                 NULL);
}

static void test_bad_puts(void)
{
    struct lutra_gguf_writer *w = new_writer();
    char name[1100];
    CHECK_EQ(lutra_gguf_put_u32(w, "", 1), LUTRA_EINVAL);
    CHECK_EQ(lutra_gguf_put_u32(w, "fine", 1), LUTRA_EINVAL);
    refused(w, LUTRA_EINVAL, "refused.gguf: cannot write key : not 1 to 1024 bytes");
    memset(name, 'n', sizeof name);
    name[1025] = '\0';
    w = new_writer();
    CHECK_EQ(lutra_gguf_put_bool(w, name, true), LUTRA_EINVAL);
    refused(w, LUTRA_EINVAL, "nnn...: not 1 to 1024");
    w = new_writer();
    CHECK_EQ(lutra_gguf_put_f32(w, "a\x1b", 1), LUTRA_EINVAL);
    refused(w, LUTRA_EINVAL, "key a\\x1b:");
    w = new_writer();
    CHECK_EQ(lutra_gguf_put_array(w, "k", LUTRA_GGUF_STRING, "x", 1), LUTRA_EINVAL);
    refused(w, LUTRA_EINVAL, "an array of scalars");
    w = new_writer();
    CHECK_EQ(lutra_gguf_put_array(w, "k", LUTRA_GGUF_BOOL, "\2", 1), LUTRA_EINVAL);
    refused(w, LUTRA_EINVAL, "a bool is 0 or 1");
    w = new_writer();
    CHECK_EQ(lutra_gguf_put_u32(w, "twice", 1), LUTRA_OK);
    CHECK_EQ(lutra_gguf_put_u32(w, "twic", 1), LUTRA_OK);
    CHECK_EQ(lutra_gguf_put_str(w, "twice", "x", 1), LUTRA_OK);
    refused(w, LUTRA_EINVAL, "key twice: it is there already");
}

static void test_bad_tensors(void)
{
    static const struct {
        uint32_t type;
        int n_dims;
        uint64_t a, b;
        const char *reason;
    } t[] = {
        {38, 1, 32, 1, "unknown type"},
        {99, 1, 32, 1, "unknown type"},
        {LUTRA_TYPE_F32, 0, 1, 1, "1 to 4 dimensions"},
        {LUTRA_TYPE_F32, 5, 1, 1, "1 to 4 dimensions"},
        {LUTRA_TYPE_F32, 2, 1, 0, "a dimension is 0"},
        {LUTRA_TYPE_F32, 2, 1ull << 32, 1ull << 32, "too large"},
        {LUTRA_TYPE_F32, 1, 1ull << 62, 1, "too large"},
        {LUTRA_TYPE_Q4_0, 2, 63, 32, "not a multiple of the block"},
    };
    for (size_t i = 0; i < sizeof t / sizeof t[0]; i++) {
        struct lutra_gguf_writer *w = new_writer();
        CHECK_EQ(put_shape(w, t[i].type, t[i].n_dims, t[i].a, t[i].b), LUTRA_EINVAL);
        refused(w, LUTRA_EINVAL, t[i].reason);
    }
    struct lutra_gguf_writer *w = new_writer();
    CHECK_EQ(put_shape(w, LUTRA_TYPE_F32, 1, 8, 1), LUTRA_OK);
    CHECK_EQ(put_shape(w, LUTRA_TYPE_F16, 1, 8, 1), LUTRA_OK);
    refused(w, LUTRA_EINVAL, "tensor t: the name is taken");
}

/* ---- saves that fail ---- */

/* A file was there before: it stays what it was, and no temporary file remains. */
static void check_kept(const char *name)
{
    char text[8] = "";
    CHECK_EQ(read_file(path_in_tmp(name), text, sizeof text), 3);
    CHECK(memcmp(text, "old", 3) == 0);
    CHECK_EQ(count_files(".tmp-"), 0);
}

static void put_old(const char *name)
{
    int fd = open(path_in_tmp(name), O_WRONLY | O_CREAT | O_TRUNC, 0666);
    CHECK(fd >= 0 && write(fd, "old", 3) == 3);
    if (fd >= 0) close(fd);
}

static void test_failed_fill(void)
{
    struct filler f = {0, 500000};
    struct lutra_gguf_writer *w = new_writer();
    lutra_error err = {LUTRA_OK, ""};
    put_old("kept.gguf");
    put_everything(w, &f);
    CHECK_EQ(lutra_gguf_writer_save(w, path_in_tmp("kept.gguf"), &err), LUTRA_ECANCEL);
    CHECK_STR(err.msg, "the filler gives up");
    check_kept("kept.gguf");
    f = (struct filler){0, UINT64_MAX};
    CHECK_EQ(lutra_gguf_writer_save(w, path_in_tmp("kept.gguf"), &err), LUTRA_OK);
    CHECK_EQ(count_files(".tmp-"), 0);
    lutra_gguf_writer_close(w);
}

static void test_file_limit(void)
{
    struct rlimit old, low;
    struct filler f = {0, UINT64_MAX};
    struct lutra_gguf_writer *w = new_writer();
    lutra_error err = {LUTRA_OK, ""};
    put_old("limit.gguf");
    put_everything(w, &f);
    signal(SIGXFSZ, SIG_IGN);
    CHECK_EQ(getrlimit(RLIMIT_FSIZE, &old), 0);
    low = old;
    for (rlim_t limit = 0; limit < 900000; limit += 300000) { /* header, middle, late */
        low.rlim_cur = limit;
        f.next = 0;
        CHECK_EQ(setrlimit(RLIMIT_FSIZE, &low), 0);
        lutra_status st = lutra_gguf_writer_save(w, path_in_tmp("limit.gguf"), &err);
        CHECK_EQ(setrlimit(RLIMIT_FSIZE, &old), 0);
        CHECK_EQ(st, LUTRA_EIO);
        CHECK(strstr(err.msg, "limit.gguf: cannot write: ") &&
              strstr(err.msg, "nothing was saved"));
        check_kept("limit.gguf");
    }
    lutra_gguf_writer_close(w);
}

static void test_bad_targets(void)
{
    struct lutra_gguf_writer *w = new_writer();
    lutra_error err = {LUTRA_OK, ""};
    struct stat st;
    CHECK_EQ(lutra_gguf_writer_save(w, path_in_tmp("no/such/dir.gguf"), &err), LUTRA_EIO);
    CHECK(strstr(err.msg, "No such file or directory") != NULL);
    CHECK_EQ(lutra_gguf_writer_save(w, check_tmp(), &err), LUTRA_EIO);
    CHECK(strstr(err.msg, "not a regular file") != NULL);
    CHECK_EQ(mkfifo(path_in_tmp("fifo"), 0600), 0);
    CHECK_EQ(lutra_gguf_writer_save(w, path_in_tmp("fifo"), &err), LUTRA_EIO);
    CHECK(stat(path_in_tmp("fifo"), &st) == 0 && S_ISFIFO(st.st_mode));
    CHECK_EQ(lutra_gguf_writer_save(w, "/dev/null", &err), LUTRA_EIO);
    CHECK(stat("/dev/null", &st) == 0 && S_ISCHR(st.st_mode));
    CHECK_EQ(count_files(".tmp-"), 0);
    lutra_gguf_writer_close(w);
}

int main(int argc, char **argv)
{
    check_init(argc, argv, "test_gguf_write");
    CHECK_CASE("round trip") test_round_trip();
    CHECK_CASE("same calls, same bytes") test_same_bytes();
    CHECK_CASE("empty file") test_empty();
    CHECK_CASE("70,000 keys, 7,000 tensors") test_many();
    CHECK_CASE("bad keys") test_bad_puts();
    CHECK_CASE("bad tensors") test_bad_tensors();
    CHECK_CASE("a callback that fails") test_failed_fill();
    CHECK_CASE("file size limit") test_file_limit();
    CHECK_CASE("targets that are no files") test_bad_targets();
    return check_done();
}
